"""Transactions that create and drop while others write: seen as a whole or not at all, by every statement of everybody."""
import random
import sys
import threading

from checks import SANITIZED, Weir, check, ended, equal, report
from wire import SqlError

SECONDS = 30 if SANITIZED else 6
ACCOUNTS = 40
stop = threading.Event()
problems = []


def guarded(fn):
    def run(*arguments):
        try:
            fn(*arguments)
        except Exception as e:  # noqa: BLE001
            problems.append(f"{fn.__name__}: {type(e).__name__}: {e}")
            stop.set()
    return run


@guarded
def transfer(weir, seed):
    """Moves amounts between accounts: the sum stays 0."""
    r, link = random.Random(seed), weir.link(60)
    while not stop.is_set():
        a, b = r.sample(range(ACCOUNTS), 2)
        amount = r.randint(1, 100)
        link.query(f"UPDATE acc SET a = a + CASE WHEN k = {a} THEN {amount} ELSE -{amount} END WHERE k IN ({a}, {b})")


@guarded
def watch(weir):
    """One statement reads the catalog and the marks that were written with it."""
    link = weir.link(60)
    while not stop.is_set():
        marks, tables, views = link.query(
            "SELECT (SELECT count(*) FROM marks), (SELECT count(*) FROM weir_catalog.relations WHERE name LIKE 'x%'), "
            "(SELECT count(*) FROM weir_catalog.relations WHERE name LIKE 'va%' OR name LIKE 'vb%' OR name LIKE 'vc%')").rows()[0]
        if not marks == tables or int(views) != 3 * int(marks):
            problems.append(f"half a transaction is seen: {marks} marks, {tables} tables, {views} views")
            stop.set()


def attempt(link, statements, outcome):
    """The transaction, again while it conflicts with others."""
    while True:
        try:
            for sql in statements:
                link.query(sql)
            return
        except SqlError as e:
            link.query("ROLLBACK")
            outcome[e.sqlstate] = outcome.get(e.sqlstate, 0) + 1
            if e.sqlstate != "40001":
                raise


def create(i, end):
    return ["BEGIN", f"CREATE TABLE x{i} (k int PRIMARY KEY, a int)", f"INSERT INTO x{i} SELECT k, {i} FROM acc",
            f"CREATE MATERIALIZED VIEW va{i} AS SELECT sum(a) AS s FROM acc",
            f"CREATE MATERIALIZED VIEW vb{i} AS SELECT s + 0 AS s FROM va{i}",
            f"CREATE MATERIALIZED VIEW vc{i} AS SELECT sum(acc.a) AS s, count(*) AS n, sum(x{i}.a) AS m FROM acc JOIN x{i} ON acc.k = x{i}.k",
            f"INSERT INTO marks VALUES ({i})", f"UPDATE acc SET a = a + CASE WHEN k = 0 THEN 1 ELSE -1 END WHERE k < 2", end]


@guarded
def build(weir, seed, first):
    """Creates a table with rows, views over it and others, a mark; checks them; drops them again."""
    r, link, mine, i, outcome = random.Random(seed), weir.link(60), [], first, {}
    while not stop.is_set():
        i += 2
        if r.random() < 0.2:
            for sql in create(i, "ROLLBACK"):
                link.query(sql)
            continue
        attempt(link, create(i, "COMMIT"), outcome)
        mine.append(i)
        for n in mine:
            got = link.query(f"SELECT va{n}.s, vb{n}.s, vc{n}.s, n, m FROM va{n}, vb{n}, vc{n}").rows()[0]
            want = ["0", "0", "0", str(ACCOUNTS), str(ACCOUNTS * n)]
            if list(got) != want:
                raise AssertionError(f"views {n} say {got}")
        if len(mine) > 3:
            n = mine.pop(r.randrange(len(mine)))
            attempt(link, ["BEGIN", f"DROP TABLE x{n} CASCADE", f"DROP MATERIALIZED VIEW va{n} CASCADE",
                           f"DELETE FROM marks WHERE k = {n}", "COMMIT"], outcome)
    built.append((i - first) // 2)


built = []


def run(workers):
    stop.clear()
    problems.clear()
    built.clear()
    weir = Weir(workers=workers)
    link = weir.link(60)
    link.query("CREATE TABLE acc (k int PRIMARY KEY, a int NOT NULL); CREATE TABLE marks (k int PRIMARY KEY)")
    link.query("INSERT INTO acc VALUES " + ", ".join(f"({k}, 0)" for k in range(ACCOUNTS)))
    threads = [threading.Thread(target=t, args=a) for t, a in
               [(transfer, (weir, 1)), (transfer, (weir, 2)), (watch, (weir,)), (build, (weir, 3, 0)), (build, (weir, 4, 1))]]
    for t in threads:
        t.start()
    stop.wait(SECONDS)
    stop.set()
    for t in threads:
        t.join()
    equal(problems, [], f"{workers} workers")
    check(sum(built) >= 4, f"only {sum(built)} transactions")
    traces = "SELECT name FROM weir_catalog.relations WHERE name LIKE 'x%' OR name LIKE 'va%' OR name LIKE 'vb%' OR name LIKE 'vc%' ORDER BY name"
    before = link.query(traces).rows()
    weir.kill()
    weir.start()
    link = weir.link(60)
    equal(link.query(traces).rows(), before, "the same objects after a kill")
    equal(str(link.value("SELECT sum(a) FROM acc")), "0", "nothing lost")
    for (name,) in before:
        if name.startswith("va"):
            equal(str(link.value(f"SELECT s FROM {name}")), "0", f"{name} after a kill")
    ended(weir, f"{workers} workers")


for workers in [int(a) for a in sys.argv[1:]] or [1, 3]:
    run(workers)
print(f"ddl: {built} transactions per thread", flush=True)
report("ddl")
