#!/usr/bin/python3
"""Workers: --workers 4 answers as 1 does, the work is spread evenly, and a directory changes hands between counts.

The same inputs and changes run under 1 and 4 workers; every view must answer the same. With uniform keys the busiest
worker's share of rows_in is at most 1.5 times the idlest's, for every operator that is spread over keys. A directory
written by 4 is opened by 1 and by 3 (and again by 4), answers the same, and goes on.
"""
import shutil

from bar import FULL, Server, check, copy, report

ROWS = 1_000_000 if FULL else 100_000
VIEWS = {
    "v_filter": "SELECT k, x FROM fact WHERE x % 7 = 3",
    "v_join": "SELECT f.k, d.name FROM fact f JOIN dim d ON f.d = d.id",
    "v_left": "SELECT f.k, d.name FROM fact f LEFT JOIN dim d ON f.d = d.id AND d.y > 50",
    "v_right": "SELECT d.id, f.k FROM fact f RIGHT JOIN dim d ON f.d = d.id AND f.x < 100",
    "v_semi": "SELECT k FROM fact f WHERE EXISTS (SELECT 1 FROM dim d WHERE d.id = f.d AND d.y > 10)",
    "v_anti": "SELECT k FROM fact f WHERE NOT EXISTS (SELECT 1 FROM dim d WHERE d.id = f.d)",
    "v_notin": "SELECT k FROM fact WHERE d NOT IN (SELECT id FROM dim WHERE y < 50)",
    "v_sum": "SELECT g, count(*) AS n, sum(x) AS s, min(x) AS lo, max(x) AS hi FROM fact GROUP BY g",
    "v_total": "SELECT count(*) AS n, sum(x) AS s, max(x) AS hi, count(DISTINCT g) AS d FROM fact",
    "v_count_distinct": "SELECT g, count(DISTINCT x % 10) AS n FROM fact GROUP BY g",
    "v_distinct": "SELECT DISTINCT g, x % 10 AS m FROM fact",
    "v_top": "SELECT k, x FROM fact ORDER BY x DESC, k LIMIT 10",
    "v_top_group": "SELECT g, k, x FROM (SELECT g, k, x, row_number() OVER (PARTITION BY g ORDER BY x DESC, k) AS rn"
                   " FROM fact) q WHERE rn <= 3",
    "v_union": "SELECT g FROM fact UNION SELECT id FROM dim",
    "v_on_view": "SELECT n, count(*) AS c FROM v_sum GROUP BY n",
}
LATE = "SELECT d.y, count(*) AS n, sum(f.x) AS s FROM fact f JOIN dim d ON f.d = d.id GROUP BY d.y"
CHANGES = [
    f"UPDATE fact SET x = x + 1, g = g + 1 WHERE k % 10 = 3",
    f"DELETE FROM fact WHERE k % 10 = 4",
    f"UPDATE dim SET y = 99 - y WHERE id % 3 = 0",
    f"DELETE FROM dim WHERE id % 7 = 0",
    f"INSERT INTO fact SELECT -k, g, d, x, s FROM fact WHERE k % 10 = 5 AND k > 0",
]
MORE = ["DELETE FROM fact WHERE k < 0", "UPDATE fact SET d = d + 1 WHERE k % 10 = 6", "UPDATE dim SET name = 'n' WHERE id < 100"]


def digest(connection):
    """Per view: rows and a sum that any difference would change."""
    answers = {}
    for view in list(VIEWS) + ["v_late"]:
        rows = connection.execute(f"SELECT * FROM {view}").fetchall()
        answers[view] = (len(rows), sum(hash(row) for row in rows))
    return answers


def same(name, got, want):
    wrong = [view for view in want if got.get(view) != want[view]]
    check(not wrong, f"{name}: {len(want)} views answer the same" + (f", but for {wrong}" if wrong else ""))


def fill(server):
    connection = server.connect()
    connection.execute("CREATE TABLE fact (k int PRIMARY KEY, g int, d int, x int, s text)")
    connection.execute("CREATE TABLE dim (id int PRIMARY KEY, name text, y int)")
    for name, query in VIEWS.items():
        connection.execute(f"CREATE MATERIALIZED VIEW {name} AS {query}")
    copy(connection, "dim", ROWS // 10, lambda i: f"{i}\tname {i}\t{i % 100}\n")
    copy(connection, "fact", ROWS, lambda i: f"{i}\t{i % (ROWS // 20)}\t{i * 7919 % (ROWS // 10 + 50)}"
                                             f"\t{i * 104729 % 1000}\ttext {i % 1000}\n")
    connection.execute(f"CREATE MATERIALIZED VIEW v_late AS {LATE}")
    for change in CHANGES:
        connection.execute(change)
    return connection


def shares(connection):
    rows = connection.execute("SELECT object, node, operator, worker, sum(rows_in) FROM weir_catalog.operators"
                              " WHERE operator IN ('join', 'aggregate', 'distinct', 'topn', 'table', 'materialize')"
                              " GROUP BY object, node, operator, worker").fetchall()
    operators = {}
    for object_, node, operator, worker, n in rows:
        operators.setdefault((object_, node, operator), {})[worker] = int(n)
    few = {"v_total", "v_top", "v_notin", "v_on_view", "v_late"}  # few groups, or everything must be in one place
    worst, name = 0, ""
    for key, by_worker in operators.items():
        if key[0] in few or sum(by_worker.values()) < ROWS // 10:
            continue
        ratio = max(by_worker.values()) / max(1, min(by_worker.values()))
        if ratio > worst:
            worst, name = ratio, " ".join(map(str, key))
    check(len(operators) > 20 and worst <= 1.5, f"shares of rows_in per worker: within {worst:.2f} ({name})")


def main():
    server = Server("workers-1", memory="1GB", workers=1)
    want = digest(fill(server))
    connection = server.connect()
    for change in MORE:
        connection.execute(change)
    after = digest(connection)
    server.stop()

    server = Server("workers-4", memory="1GB", workers=4)
    connection = fill(server)
    same("4 workers", digest(connection), want)
    shares(connection)
    server.stop(keep=True)
    for count in (1, 3, 4):
        data = f"{server.data}-{count}"
        shutil.copytree(server.data, data)
        other = Server("workers", memory="1GB", workers=count, data=data)
        connection = other.connect()
        same(f"written by 4, opened by {count}", digest(connection), want)
        for change in MORE:
            connection.execute(change)
        same(f"and changed by {count}", digest(connection), after)
        other.stop()
    server.stop()
    report("bar workers")


main()
