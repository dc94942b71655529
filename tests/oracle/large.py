#!/usr/bin/python3
"""Differential test with more state than memory: every keyed operator over tables whose views do not fit in 64 MB.

Bulk changes (thousands of rows each), small ones that touch cold keys, restarts and kills; after each step every view is
compared with PostgreSQL as a multiset of texts.
"""
import argparse
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "python"), HERE]
from oracle import Failure, Pair  # noqa: E402

TABLES = [
    "CREATE TABLE item (k integer PRIMARY KEY, g integer, h integer, amount numeric(12,2), d double precision, pad text)",
    "CREATE TABLE part (g integer, name text, n bigint, pad text)",
]
VIEWS = [
    "SELECT i.k AS k, p.name AS name, i.amount AS amount, i.pad AS pad, p.pad AS pad2 FROM item AS i JOIN part AS p ON i.g = p.g",
    "SELECT i.k AS k, i.pad AS pad, p.name AS name FROM item AS i LEFT JOIN part AS p ON i.h = p.g AND p.n > 3",
    "SELECT g, count(*) AS n, sum(amount) AS s, avg(d) AS a, min(pad) AS least, max(h) AS most FROM item GROUP BY g",
    "SELECT pad, count(*) AS n, count(DISTINCT h) AS m, max(amount) AS a FROM item GROUP BY pad",
    "SELECT h, count(DISTINCT g) AS n, count(DISTINCT g) FILTER (WHERE d > 0) AS m, min(amount) AS a FROM item GROUP BY h HAVING count(*) > 1",
    "SELECT DISTINCT g, h, pad FROM item",
    "SELECT k, pad FROM item WHERE g IN (SELECT g FROM part WHERE n > 2)",
    "SELECT k, pad FROM item WHERE h NOT IN (SELECT g FROM part)",
    "SELECT g, name, pad FROM part AS p WHERE NOT EXISTS (SELECT 1 FROM item AS i WHERE i.h = p.g)",
    "SELECT k, g, pad, rn FROM (SELECT k, g, pad, row_number() OVER (PARTITION BY g ORDER BY amount DESC, k) AS rn FROM item) q WHERE rn <= 2",
    "SELECT g, name, n FROM (SELECT *, row_number() OVER (PARTITION BY g ORDER BY n, name, pad DESC) AS rn FROM part) q WHERE rn = 1",
    "SELECT k, pad, amount FROM item ORDER BY amount DESC, k LIMIT 500",
    "SELECT a.k AS k, b.k AS l, a.pad AS pad, b.pad AS pad2 FROM item AS a JOIN item AS b ON a.h = b.k",
    "SELECT name, count(*) AS n, sum(amount) AS s FROM v0 GROUP BY name",
    "SELECT q.least AS least, i.k AS k FROM v2 AS q JOIN item AS i ON q.g = i.g AND i.pad = q.least",
]


class Load:
    def __init__(self, r, pair, rows):
        self.r, self.pair, self.rows = r, pair, rows
        self.key = 0

    def pad(self):
        return f"{self.r.getrandbits(4):x}" * 40 + f"{self.r.getrandbits(self.r.choice([12, 200, 800])):x}"

    def item(self, count):
        first, self.key = self.key, self.key + count
        return "INSERT INTO item VALUES " + ", ".join(
            f"({k}, {self.r.randrange(self.rows)}, {self.r.randrange(self.rows * 2)}, {self.r.randint(-9999, 9999) / 100}, "
            f"{self.r.randint(-50, 50) / 4}, '{self.pad()}')" for k in range(first, self.key))

    def part(self, count):
        return "INSERT INTO part VALUES " + ", ".join(
            f"({self.r.randrange(self.rows)}, 'name {self.r.randrange(50)}', {self.r.randint(0, 9)}, '{self.pad()}')" for _ in range(count))

    def change(self):
        r = self.r
        some = f"k >= {r.randrange(max(1, self.key))} AND k < {r.randrange(max(1, self.key))}"
        few = f"k IN ({', '.join(str(r.randrange(max(1, self.key))) for _ in range(5))})"
        kind = r.randrange(12)
        if kind <= 2:
            return self.item(r.choice([1, 50, self.rows // 4]))
        if kind <= 4:
            return self.part(r.choice([1, 20, self.rows // 10]))
        if kind == 5:
            return f"UPDATE item SET amount = amount + 1.5, pad = pad || 'z' WHERE {some} AND mod(k, {r.choice([2, 3, 7])}) = 0"
        if kind == 6:
            return f"UPDATE item SET g = mod(g * 7 + 1, {self.rows}) WHERE {few}"
        if kind == 7:
            return f"UPDATE item SET h = k, d = - d + 0.5 WHERE {some} AND mod(k, {r.choice([3, 5])}) = 1"
        if kind == 8:
            return f"DELETE FROM item WHERE {few} OR ({some} AND mod(k, 4) = {r.randrange(4)})"
        if kind == 9:
            return f"DELETE FROM part WHERE g >= {r.randrange(self.rows)} AND mod(g, 3) = {r.randrange(3)}"
        if kind == 10:
            return f"UPDATE part SET n = mod(n + 3, 10) WHERE mod(g, {r.choice([2, 5, 50])}) = 0"
        return f"INSERT INTO part VALUES (NULL, 'nobody', 1, 'x')" if r.random() < 0.5 else "DELETE FROM part WHERE g IS NULL"


def run(seed, rows, steps, memory):
    r = random.Random(seed)
    workers = seed % 3 + 1
    pair = Pair(f"large_{os.getpid()}", workers, memory)
    pair.pg.query("SET statement_timeout = 0; SET work_mem = '128MB'")
    done = []
    compared = 0
    try:
        for sql in TABLES:
            pair.both(sql)
        load = Load(r, pair, rows)
        early = set(r.sample(range(len(VIEWS)), len(VIEWS) // 2)) | {0, 2}

        def create(which):
            for i in which:
                pair.on_pg(f"CREATE VIEW v{i} AS {VIEWS[i]}")
                _, error = pair.on_weir(f"CREATE MATERIALIZED VIEW v{i} AS {VIEWS[i]}")
                if error:
                    raise Failure("refused", f"v{i}", f"{VIEWS[i]}: {error}")
                pair.views[f"v{i}"] = VIEWS[i]
                done.append(f"v{i}")

        create(i for i in range(len(VIEWS)) if i in early)
        for _ in range(4):
            pair.both(load.item(rows // 4))
        pair.both(load.part(rows // 2))
        create(i for i in range(len(VIEWS)) if i not in early)
        for n in range(steps):
            for _ in range(r.choice([1, 1, 4])):
                sql = load.change()
                pair.both(sql)
                done.append(sql[:120])
            if r.random() < 0.25:
                how = r.choice(["kill", "term"])
                pair.restart(how)
                done.append(how)
            if n % 2 == 0 or n == steps - 1:
                for name in pair.views:
                    pair.compare(name, False)
                    compared += 1
        return compared, None
    except Failure as f:
        return compared, f"{str(f)[:3000]}\n  after: " + "\n  ".join(done[-12:])
    finally:
        print(f"  seed {seed}, workers {workers}, {memory}: {compared} compared; peak {peak(pair)} kB")
        pair.close()


def peak(pair):
    try:
        with open(f"/proc/{pair.weir.process.pid}/status") as f:
            return next(line.split()[1] for line in f if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return "?"


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--rows", type=int, default=6000)
    p.add_argument("--steps", type=int, default=16)
    p.add_argument("--memory", default="64MB")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    options = p.parse_args()
    passed = failed = 0
    for i in range(options.rounds):
        began = time.monotonic()
        compared, failure = run(options.seed + i, options.rows, options.steps, options.memory)
        passed += compared
        failed += failure is not None
        print(f"  {time.monotonic() - began:.0f} s")
        if failure:
            print(f"FAILED seed {options.seed + i}: {failure}", flush=True)
    print(f"oracle large: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
