#!/usr/bin/python3
"""Concurrent: kill -9 while several sessions write, create, fill, index, replace and drop at once; reopened by another
number of workers.

Each writer owns the keys of its remainder and knows what weir acknowledged; only its last statement may be there or not.
What DDL was acknowledged holds after the restart, what was not is there as a whole or not at all. Then every view must
equal its query, asked of weir directly. Readers must never see a view empty whose tables are never empty.
"""
import argparse
import collections
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from servers import Weir  # noqa: E402
from wire import Disconnected, SqlError, decode  # noqa: E402

WRITERS = 3
TABLES = {"a": "CREATE TABLE a (k bigint PRIMARY KEY, g integer NOT NULL, ref bigint, pad text)",
          "b": "CREATE TABLE b (k bigint PRIMARY KEY, g integer NOT NULL, ref bigint, pad text)"}
QUERIES = [
    "SELECT g, count(*) AS n, sum(k) AS s, max(ref) AS most FROM a GROUP BY g",
    "SELECT a.k, b.pad FROM a JOIN b ON a.ref = b.k",
    "SELECT a.k, b.k AS other FROM a LEFT JOIN b ON a.ref = b.k WHERE a.g < 3",
    "SELECT b.k, count(*) AS n, min(a.pad) AS least FROM b JOIN a ON a.g = b.g AND a.ref = b.ref GROUP BY b.k",
    "SELECT DISTINCT g, ref FROM a",
    "SELECT k, pad FROM b WHERE EXISTS (SELECT 1 FROM a WHERE a.g = b.g AND a.ref > b.k)",
    "SELECT k FROM a WHERE k NOT IN (SELECT ref FROM b WHERE ref IS NOT NULL)",
    "SELECT g, count(DISTINCT ref) AS n, count(*) FILTER (WHERE ref > 20) AS f FROM a GROUP BY g",
    "SELECT k, g, ref FROM (SELECT k, g, ref, row_number() OVER (PARTITION BY g ORDER BY ref DESC, k) AS r FROM a) x WHERE r <= 5",
    "SELECT k, ref FROM b ORDER BY ref DESC NULLS LAST, k LIMIT 20",
    "SELECT k, g FROM a UNION ALL SELECT k, g FROM b",
    "SELECT x.g, x.n, y.n AS m FROM (SELECT g, count(*) AS n FROM a GROUP BY g) x "
    "FULL JOIN (SELECT g, count(*) AS n FROM b GROUP BY g) y ON x.g = y.g",
    "SELECT count(*) AS n, sum(length(pad)) AS s FROM a",
    "SELECT a1.k, a2.k AS twin FROM a a1 JOIN a a2 ON a1.ref = a2.k WHERE a1.g = 1",
]
NEVER_EMPTY = {QUERIES[0], QUERIES[7], QUERIES[12]}
OVER = [
    "SELECT count(*) AS n FROM {v}",
    "SELECT x.* FROM {v} AS x",
    "SELECT n, count(*) AS c FROM (SELECT count(*) AS n FROM {v}) x GROUP BY n",
]
INDEXES = [("a", "g"), ("a", "ref"), ("b", "ref"), ("b", "g"), ("b", "g, ref"), ("a", "g, ref")]
IGNORED = {"42P01", "42P07", "2BP01", "55000", "40001", "53200", "42704", "0A000", "55006"}


class Wrong(Exception):
    pass


def session(work):
    """What a thread does until weir is killed; anything else that ends it is a failure."""

    def run(world, weir, *arguments):
        try:
            work(world, weir, *arguments)
        except Disconnected:
            if weir.process.poll() not in (None, -9):
                world.errors.append(f"weir ended: {weir.tail()}")
        except Exception as e:  # pylint: disable=broad-except
            world.errors.append(f"{work.__name__}: {type(e).__name__} {e}")

    return run


class World:
    """What weir is known to hold."""

    def __init__(self):
        self.lock = threading.Lock()
        self.rows = {name: [{} for _ in range(WRITERS)] for name in TABLES}
        self.doubt = {}  # writer -> (table, its rows as they may be)
        self.must, self.maybe = {}, {}  # relations: name -> query or None; dropped or created without an answer
        self.gone = set()
        self.soft = set()  # created in the background: may fail later
        self.errors = []
        self.number = 0
        self.stats = collections.Counter()

    def next(self):
        with self.lock:
            self.number += 1
            return self.number


def statement(r, table, writer, rows):
    """SQL, and the writer's rows after it."""
    kind = r.random()
    after = dict(rows)
    if kind < 0.45 or len(rows) < 300:
        n = r.choice([1, 3, 40, 400, 1200])
        n = n if len(rows) < 4000 else 1
        new = {}
        while len(new) < n:
            k = r.randrange(40000) * WRITERS + writer
            if k not in rows:
                new[k] = (r.randrange(6), r.choice([None, r.randrange(120000), r.randrange(60)]),
                          f"{r.getrandbits(r.choice([8, 400, 900])):x}")
        after.update(new)
        value = ", ".join(f"({k}, {g}, {'NULL' if f is None else f}, '{p}')" for k, (g, f, p) in new.items())
        return f"INSERT INTO {table} VALUES {value}", after
    if kind < 0.8:
        mod, rest = r.choice([7, 41, 401]), r.randrange(7)
        for k, (g, f, p) in rows.items():
            if k // WRITERS % mod == rest:
                after[k] = ((g + 1) % 6, f, p[:900] + "u")
        return (f"UPDATE {table} SET g = mod(g + 1, 6), pad = left(pad, 900) || 'u' WHERE mod(k, {WRITERS}) = {writer} AND "
                f"mod(k / {WRITERS}, {mod}) = {rest}"), after
    mod, rest = r.choice([3, 41]), r.randrange(3)
    after = {k: v for k, v in rows.items() if k // WRITERS % mod != rest}
    return f"DELETE FROM {table} WHERE mod(k, {WRITERS}) = {writer} AND mod(k / {WRITERS}, {mod}) = {rest}", after


@session
def write(world, weir, writer, seed, stop):
    r = random.Random(seed)
    link = weir.link(timeout=120)
    while not stop.is_set():
        table = r.choice(list(TABLES))
        rows = world.rows[table][writer]
        sql, after = statement(r, table, writer, rows)
        world.doubt[writer] = (table, after)
        try:
            link.query(sql)
        except SqlError as e:
            world.doubt.pop(writer)
            if e.sqlstate not in ("40001", "53200"):
                world.errors.append(f"{sql[:200]}: {e}")
            world.stats[f"write {e.sqlstate}"] += 1
            continue
        world.rows[table][writer] = after
        world.doubt.pop(writer)
        world.stats["writes"] += 1


def ddl_statement(world, r):
    """SQL, {created: query}, [dropped]"""
    kind = r.random()
    with world.lock:
        views = [n for n in world.must if n[0] == "m"]
        indexes = [n for n in world.must if n[0] == "i"]
        sinks = [n for n in world.must if n[0] == "s"]
    number = world.next()
    if kind < 0.35 and len(views) < 12:
        query = r.choice(QUERIES)
        if views and r.random() < 0.3:
            query = r.choice(OVER).format(v=r.choice(views))
        return [f"CREATE MATERIALIZED VIEW m{number} AS {query}"], {f"m{number}": query}, []
    if kind < 0.45:
        table, columns = r.choice(INDEXES)
        return [f"CREATE INDEX i{number} ON {table} ({columns})"], {f"i{number}": None}, []
    if kind < 0.5 and views:
        return [f"CREATE SINK s{number} FROM {r.choice(views)} WITH (connector = 'blackhole')"], {f"s{number}": None}, []
    if kind < 0.55 and sinks:
        name = r.choice(sinks)
        return [f"DROP SINK {name}"], {}, [name]
    if kind < 0.63 and indexes:
        name = r.choice(indexes)
        return [f"DROP INDEX {name}"], {}, [name]
    if kind < 0.7:
        query = f"SELECT k, g FROM {r.choice(list(TABLES))} WHERE g > {r.randrange(5)}"
        return [f"CREATE OR REPLACE VIEW p AS {query}"], {}, []
    if kind < 0.8 and views:
        query = r.choice(QUERIES)
        name = r.choice(views)
        statements = ["BEGIN", f"CREATE MATERIALIZED VIEW m{number} AS {query}", f"DROP MATERIALIZED VIEW {name}", "COMMIT"]
        return statements, {f"m{number}": query}, [name]
    if views:
        name = r.choice(views)
        return [f"DROP MATERIALIZED VIEW {name}"], {}, [name]
    return ["SELECT 1"], {}, []


@session
def change(world, weir, seed, stop):
    r = random.Random(seed)
    link = weir.link(timeout=120)
    background = r.random() < 0.3
    link.query(f"SET background_ddl = {'true' if background else 'false'}")
    while not stop.is_set():
        statements, created, dropped = ddl_statement(world, r)
        with world.lock:
            if any(n not in world.must for n in dropped):
                continue
            for n in dropped:
                world.maybe[n] = world.must.pop(n)
            world.maybe.update(created)
            if background:
                world.soft.update(created)
        try:
            for sql in statements:
                link.query(sql)
            ok = True
        except SqlError as e:
            ok = False
            if e.sqlstate not in IGNORED:
                world.errors.append(f"{statements}: {e}")
            world.stats[f"ddl {e.sqlstate}"] += 1
            try:
                link.query("ROLLBACK")
            except SqlError:
                pass
        with world.lock:
            for n, q in created.items():
                world.maybe.pop(n)
                if ok:
                    world.must[n] = q
                else:
                    world.gone.add(n)
            for n in dropped:
                q = world.maybe.pop(n)
                if ok:
                    world.gone.add(n)
                else:
                    world.must[n] = q
        world.stats["ddl"] += ok
        if r.random() < 0.3:
            time.sleep(r.random() * 0.1)


@session
def read(world, weir, seed, stop):
    r = random.Random(seed)
    link = weir.link(timeout=120)
    while not stop.is_set():
        with world.lock:
            known = {**world.must, **world.maybe}
        views = [n for n, query in known.items() if query in NEVER_EMPTY]
        if not views:
            time.sleep(0.02)
            continue
        name = r.choice(views)
        try:
            if link.value(f"SELECT count(*) FROM {name}") == "0":
                world.errors.append(f"{name} was empty")
            world.stats["reads"] += 1
            time.sleep(0.01)
        except SqlError as e:
            if e.sqlstate not in IGNORED:
                world.errors.append(f"read {name}: {e}")


def check_tables(world, link):
    for table in TABLES:
        have = [{} for _ in range(WRITERS)]
        for k, g, f, p in link.rows(f"SELECT k, g, ref, pad FROM {table}"):
            have[int(k) % WRITERS][int(k)] = (int(g), None if f is None else int(f), p)
        for w in range(WRITERS):
            if have[w] == world.rows[table][w]:
                continue
            doubt = world.doubt.get(w)
            if not doubt or doubt[0] != table or have[w] != doubt[1]:
                want = world.rows[table][w]
                lost = [k for k in want if k not in have[w]][:5]
                extra = [k for k in have[w] if k not in want][:5]
                raise Wrong(f"table {table}, writer {w}: lost {lost}, extra {extra}, doubt {bool(doubt)}")
            world.rows[table][w] = have[w]
            world.stats["unanswered writes that happened"] += 1
    world.doubt.clear()


def existing(link):
    names = set()
    for (name,) in link.rows("SELECT relname FROM pg_class WHERE relkind IN ('m', 'i', 'v', 'r')"):
        names.add(name)
    for (name,) in link.rows("SELECT name FROM weir_catalog.relations"):
        names.add(name)
    return names


def ready(link, name):
    until = time.monotonic() + 120
    while True:
        try:
            link.query(f"SELECT count(*) FROM {name}")
            return True
        except SqlError as e:
            if e.sqlstate == "42P01":
                return False
            if e.sqlstate != "55000" or time.monotonic() > until:
                raise Wrong(f"{name} is not completed: {e}") from e
            time.sleep(0.05)


def check(world, link):
    check_tables(world, link)
    names = existing(link)
    for n in world.gone:
        if n in names:
            raise Wrong(f"{n} is there, and was dropped or failed")
    for n in list(world.must):
        if n not in names and n in world.soft:
            del world.must[n]
        elif n not in names:
            raise Wrong(f"{n} is not there")
    for n, q in list(world.maybe.items()):
        if n in names:
            world.must[n] = q
        else:
            world.gone.add(n)
    world.maybe.clear()
    for n, q in world.must.items():
        if n[0] != "m":
            continue
        if not ready(link, n):
            if n not in world.soft:
                raise Wrong(f"{n} is gone")
            continue
        have, want = link.query(f"SELECT * FROM {n}").bag(), None
        for _ in range(3):
            try:
                want = link.query(q).bag()
                break
            except SqlError as e:
                if e.sqlstate != "53200":
                    raise Wrong(f"{q}: {e}") from e
                time.sleep(0.5)
        if want is None:
            world.stats["queries beyond the memory limit"] += 1
        elif have != want:
            lost, extra = want - have, have - want
            raise Wrong(f"{n} differs: {q}\n  missing {len(lost)} {[(decode(b), c) for b, c in list(lost.items())[:4]]}\n"
                        f"  extra {len(extra)} {[(decode(b), c) for b, c in list(extra.items())[:4]]}")
        else:
            world.stats["answers"] += 1


def load(world, weir, r, seconds):
    stop = threading.Event()
    threads = [threading.Thread(target=write, args=(world, weir, w, r.random(), stop)) for w in range(WRITERS)]
    threads += [threading.Thread(target=change, args=(world, weir, r.random(), stop)) for _ in range(3)]
    threads += [threading.Thread(target=read, args=(world, weir, r.random(), stop)) for _ in range(2)]
    for t in threads:
        t.start()
    time.sleep(seconds)
    weir.kill()
    stop.set()
    for t in threads:
        t.join()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--kills", type=int, default=6, help="of a round's directory")
    p.add_argument("--longest", type=float, default=3)
    p.add_argument("--memory", default="64MB")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    options = p.parse_args()
    print(f"concurrent: seed {options.seed}", flush=True)
    passed = failed = 0
    stats = collections.Counter()
    for number in range(options.rounds):
        r = random.Random(options.seed * 1000 + number)
        world = World()
        world.stats = stats
        weir = Weir(memory=options.memory, workers=4)
        try:
            link = weir.link()
            for sql in TABLES.values():
                link.query(sql)
            for w in range(WRITERS):
                for t in TABLES:
                    sql, rows = statement(random.Random(w), t, w, {})
                    link.query(sql)
                    world.rows[t][w] = rows
            link.close()
            for kill in range(options.kills):
                load(world, weir, r, r.uniform(0.1, options.longest))
                if world.errors:
                    raise Wrong("\n  ".join(world.errors[:5]))
                weir.workers = r.choice([1, 3, 4, 4])
                weir.start({"WEIR_FAILPOINT": ""})
                if r.random() < 0.2:
                    time.sleep(r.random() * 0.2)
                    weir.kill()
                    weir.start()
                link = weir.link(timeout=300)
                check(world, link)
                link.close()
                passed += 1
        except (Wrong, SqlError, Disconnected) as e:
            failed += 1
            print(f"FAILED round {number} of seed {options.seed}: {type(e).__name__} {e}\n{weir.tail()}", flush=True)
        finally:
            weir.remove()
    for name in sorted(stats):
        print(f"  {name}: {stats[name]}")
    print(f"concurrent: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
