#!/usr/bin/python3
"""Views made while writers go on (law L6): a view that was filled beside live changes equals its query.

Three writers change two tables all the time; meanwhile views are created, some of them dropped or cancelled half way, and
the server may be killed. When the writers rest, the tables are copied to PostgreSQL and every view is compared with its
query there, and with the same query in weir.
"""
import argparse
import os
import random
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "python"), HERE]
from large import TABLES, VIEWS  # noqa: E402
from servers import Weir, fresh_schema, postgres  # noqa: E402
from wire import Disconnected, SqlError  # noqa: E402

ROWS = 4000


class Online:
    def __init__(self, seed, workers):
        self.r = random.Random(seed)
        self.seed = seed
        self.weir = Weir(memory="128MB", workers=workers)
        self.stop = False
        self.writes = 0
        self.failures = []

    def item(self, r, k):
        return (f"({k}, {r.randrange(300)}, {r.randrange(ROWS)}, {r.randint(-9999, 9999) / 100}, {r.randint(-50, 50) / 4}, "
                f"'{r.getrandbits(6):x}')")

    def part(self, r):
        return f"({r.randrange(300)}, 'name {r.randrange(20)}', {r.randint(0, 9)}, '{r.getrandbits(5):x}')"

    def writer(self, number):
        r = random.Random(self.seed * 10 + number)
        key = 1000000 * (number + 1)
        link = None
        while not self.stop:
            try:
                link = link or self.weir.link()
                kind = r.randint(0, 5)
                k = r.randrange(ROWS)
                if kind <= 1:
                    n = r.choice([1, 5, 60])
                    key += n
                    link.query("INSERT INTO item VALUES " + ", ".join(self.item(r, i) for i in range(key - n, key)))
                elif kind == 2:
                    link.query(f"UPDATE item SET g = mod(g + 1, 300), amount = amount + 1, h = k WHERE k >= {k} AND k < {k + r.choice([1, 40])}")
                elif kind == 3:
                    link.query(f"DELETE FROM item WHERE k >= {key - r.choice([2, 30])} AND k < {key}")
                elif kind == 4:
                    link.query("BEGIN")
                    link.query("INSERT INTO part VALUES " + ", ".join(self.part(r) for _ in range(3)))
                    link.query(f"DELETE FROM part WHERE g = {r.randrange(300)}")
                    link.query(r.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
                else:
                    link.query(f"UPDATE part SET n = mod(n + 1, 10) WHERE g = {r.randrange(300)}")
                self.writes += 1
            except SqlError as e:
                if e.sqlstate not in ("40001", "57P01", "57P03", "25P02"):
                    self.failures.append(f"writer: {e}")
                try:
                    link.query("ROLLBACK")
                except (SqlError, Disconnected):
                    link = None
            except Disconnected:
                link = None
                time.sleep(0.02)

    def cancelled(self, link, name, query):
        """A CREATE whose client goes away leaves nothing, or a whole view."""
        try:
            link.query("SET statement_timeout = 3")
            link.query(f"CREATE MATERIALIZED VIEW {name} AS {query}")
        except SqlError as e:
            if e.sqlstate != "57014":
                self.failures.append(f"cancel: {e}")
        finally:
            link.query("SET statement_timeout = 0")
        try:
            link.query(f"DROP MATERIALIZED VIEW IF EXISTS {name}")
        except SqlError as e:
            self.failures.append(f"drop after cancel: {e}")

    def run(self, kill):
        r = self.r
        link = self.weir.link()
        for sql in TABLES:
            link.query(sql)
        for first in range(0, ROWS, 1000):
            link.query("INSERT INTO item VALUES " + ", ".join(self.item(r, k) for k in range(first, first + 1000)))
        link.query("INSERT INTO part VALUES " + ", ".join(self.part(r) for _ in range(600)))
        threads = [threading.Thread(target=self.writer, args=(n,), daemon=True) for n in range(3)]
        for t in threads:
            t.start()
        views = {}
        try:
            for i, query in enumerate(VIEWS):
                if r.random() < 0.3:
                    self.cancelled(link, f"gone{i}", query)
                link.query(f"CREATE MATERIALIZED VIEW v{i} AS {query}")
                views[f"v{i}"] = query
                if kill and i == len(VIEWS) // 2:
                    self.weir.kill()
                    self.weir.start()
                    link = self.weir.link()
            time.sleep(0.3)
        finally:
            self.stop = True
            for t in threads:
                t.join()
        return self.compare(link, views)

    def compare(self, link, views):
        pg = postgres()
        fresh_schema(pg, f"online_{os.getpid()}")
        passed = 0
        for sql in TABLES:
            pg.query(sql)
        for table in ("item", "part"):
            rows = link.rows(f"SELECT * FROM {table}")
            text = "\n".join("\t".join("\\N" if v is None else v for v in row) for row in rows) + "\n"
            pg.copy_in(f"COPY {table} FROM STDIN", [text.encode()])
        for name, query in views.items():
            pg.query(f"CREATE VIEW {name} AS {query}")
            want = pg.query(query).bag()
            for what, sql in (("view", f"SELECT * FROM {name}"), ("query", query)):
                have = link.query(sql).bag()
                if have != want:
                    self.failures.append(f"{what} {name}: {sum((want - have).values())} rows missing, {sum((have - want).values())} too "
                                         f"many of {sum(want.values())}: {query}")
                passed += have == want
        pg.query(f"DROP SCHEMA online_{os.getpid()} CASCADE")
        pg.close()
        return passed


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    options = p.parse_args()
    passed = failed = 0
    for i in range(options.rounds):
        online = Online(options.seed + i, i % 3 + 1)
        try:
            passed += online.run(i % 2 == 1)
        except (SqlError, Disconnected) as e:
            online.failures.append(f"{type(e).__name__} {e}\n{online.weir.tail()}")
        online.weir.remove()
        print(f"  seed {options.seed + i}, workers {i % 3 + 1}: {online.writes} writes")
        for f in online.failures[:6]:
            print("FAILED", f)
        failed += len(online.failures)
    print(f"oracle online: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
