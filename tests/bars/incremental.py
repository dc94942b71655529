#!/usr/bin/python3
"""Incremental: whatever the state's size, a change of one row touches fewer than 100 state rows in every operator.

Views of every kind stand over 1 M rows (quick: 100 k); after each one-row change, weir_catalog.operators tells how many
state rows each operator has touched since before.
"""
from bar import FULL, Server, check, copy, report

ROWS = 1_000_000 if FULL else 100_000
LIMIT = 100

VIEWS = {
    "v_filter": "SELECT k, x FROM fact WHERE x % 7 = 3",
    "v_project": "SELECT k, x + 1 AS y, upper(s) AS u FROM fact",
    "v_join": "SELECT f.k, d.name FROM fact f JOIN dim d ON f.d = d.id",
    "v_join_filter": "SELECT f.k, d.name FROM fact f JOIN dim d ON f.d = d.id AND f.x > d.y",
    "v_left": "SELECT f.k, d.name FROM fact f LEFT JOIN dim d ON f.d = d.id",
    "v_left_count": "SELECT d.id, count(f.k) AS n FROM dim d LEFT JOIN fact f ON f.d = d.id GROUP BY d.id",
    "v_semi": "SELECT k FROM fact f WHERE EXISTS (SELECT 1 FROM dim d WHERE d.id = f.d)",
    "v_anti": "SELECT k FROM fact f WHERE NOT EXISTS (SELECT 1 FROM dim d WHERE d.id = f.d)",
    "v_notin": "SELECT k FROM fact WHERE d NOT IN (SELECT id FROM dim)",
    "v_sum": "SELECT g, count(*) AS n, sum(x) AS s, avg(x) AS a FROM fact GROUP BY g",
    "v_total": "SELECT count(*) AS n, sum(x) AS s FROM fact",
    "v_extreme": "SELECT g, min(x) AS lo, max(x) AS hi FROM fact GROUP BY g",
    "v_extreme_all": "SELECT min(x) AS lo, max(x) AS hi FROM fact",
    "v_count_distinct": "SELECT g, count(DISTINCT x) AS n FROM fact GROUP BY g",
    "v_count_distinct_all": "SELECT count(DISTINCT x) AS n, sum(DISTINCT g) AS s FROM fact",
    "v_distinct": "SELECT DISTINCT g, x % 1000 AS m FROM fact",
    "v_top": "SELECT k, x FROM fact ORDER BY x DESC, k LIMIT 10",
    "v_top_group": "SELECT g, k, x FROM (SELECT g, k, x, row_number() OVER (PARTITION BY g ORDER BY x DESC, k) AS rn"
                   " FROM fact) q WHERE rn <= 3",
    "v_top_one": "SELECT g, k, x FROM (SELECT g, k, x, row_number() OVER (PARTITION BY g ORDER BY x, k) AS rn"
                 " FROM fact) q WHERE rn = 1",
    "v_union_all": "SELECT k FROM fact UNION ALL SELECT id FROM dim",
    "v_union": "SELECT g FROM fact UNION SELECT id FROM dim",
    "v_on_view": "SELECT g % 10 AS h, sum(n) AS n FROM v_sum GROUP BY g % 10",
}
# rows whose group, key and order decide what an operator must look at
CHANGES = [
    ("insert", "INSERT INTO fact VALUES (-1, 5, 5, 52, 'new')"),
    ("insert the highest", "INSERT INTO fact VALUES (-2, 5, 5, 2000000000, 'top')"),
    ("delete the highest", "DELETE FROM fact WHERE k = -2"),
    ("insert the lowest", "INSERT INTO fact VALUES (-3, 5, 5, -2000000000, 'low')"),
    ("delete the lowest", "DELETE FROM fact WHERE k = -3"),
    ("update a value", "UPDATE fact SET x = x + 1 WHERE k = 77"),
    ("update a group", "UPDATE fact SET g = g + 1 WHERE k = 77"),
    ("update a join key", "UPDATE fact SET d = d + 1 WHERE k = 77"),
    ("update to no partner", "UPDATE fact SET d = NULL WHERE k = 77"),
    ("delete", "DELETE FROM fact WHERE k = 77"),
    ("a right row comes", "INSERT INTO dim VALUES (-5, 'none has it', 0)"),
    ("a right row changes", "UPDATE dim SET name = 'x' WHERE id = 123"),
    ("a right row goes", "DELETE FROM dim WHERE id = 123"),
]


def touched(connection):
    rows = connection.execute("SELECT object, node, operator, description, sum(touched) FROM weir_catalog.operators"
                              " GROUP BY object, node, operator, description").fetchall()
    return {row[:4]: int(row[4]) for row in rows}


def main():
    server = Server("incremental", memory="1GB")
    connection = server.connect()
    connection.execute("CREATE TABLE fact (k int PRIMARY KEY, g int, d int, x int, s text)")
    connection.execute("CREATE TABLE dim (id int PRIMARY KEY, name text, y int)")
    # about ten rows of fact per dim, a hundred per group; x is spread, with ties
    copy(connection, "dim", ROWS // 10, lambda i: f"{i}\tname {i}\t{i % 100}\n")
    copy(connection, "fact", ROWS, lambda i: f"{i}\t{i % (ROWS // 100)}\t{i * 7919 % (ROWS // 10 + 50)}"
                                             f"\t{i * 104729 % ROWS}\ttext {i % 1000}\n")
    for name, query in VIEWS.items():
        connection.execute(f"CREATE MATERIALIZED VIEW {name} AS {query}")
    kinds, worst = set(), {}
    before = touched(connection)
    for label, statement in CHANGES:
        connection.execute(statement)
        after = touched(connection)
        for key, total in after.items():
            kinds.add(key[2])
            difference = total - before.get(key, 0)
            if difference > worst.get(key, (0, ""))[0]:
                worst[key] = (difference, label)
        before = after
    for key in sorted(worst):
        object_, node, operator, description = key
        difference, label = worst[key]
        check(difference < LIMIT, f"{object_} {operator} {node}: at most {difference} state rows touched ({label})"
              + ("" if difference < LIMIT else f" [{description}]"))
    for kind in ("table", "filter", "project", "join", "aggregate", "distinct", "topn", "union", "materialize"):
        check(kind in kinds, f"an operator of kind {kind} was measured")
    server.stop()
    report("bar incremental")


main()
