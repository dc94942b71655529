#!/usr/bin/python3
"""Expressions that fail (law L4): NULL in the view, and an error row for as long as the input row lives.

Each view comes with the query that PostgreSQL is asked instead, which gives NULL where the expression fails, and one that
counts the rows on which it does. An ad-hoc SELECT of the view's query must raise what PostgreSQL raises.
"""
import argparse
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "python"), HERE]
from oracle import Failure, Pair  # noqa: E402

# name, query, the same with NULL, rows that fail
NUMBER = "CASE WHEN s ~ '^ *-?[0-9]+ *$' THEN s::integer END"
VIEWS = [
    ("e0", "SELECT k, a / b AS q FROM t", "SELECT k, a / NULLIF(b, 0) AS q FROM t", "SELECT count(*) FROM t WHERE b = 0 AND a IS NOT NULL"),
    ("e1", "SELECT k FROM t WHERE a / b > 0", "SELECT k FROM t WHERE a / NULLIF(b, 0) > 0",
     "SELECT count(*) FROM t WHERE b = 0 AND a IS NOT NULL"),
    ("e2", "SELECT k, s::integer AS n FROM t", f"SELECT k, {NUMBER} AS n FROM t",
     f"SELECT count(*) FROM t WHERE s IS NOT NULL AND {NUMBER} IS NULL"),
    ("e3", "SELECT g, sum(a / b) AS s, count(a / b) AS n FROM t GROUP BY g",
     "SELECT g, sum(a / NULLIF(b, 0)) AS s, count(a / NULLIF(b, 0)) AS n FROM t GROUP BY g",
     "SELECT count(*) FROM t WHERE b = 0 AND a IS NOT NULL"),
    ("e4", "SELECT k, CASE WHEN b <> 0 THEN a / b ELSE -1 END AS q, b <> 0 AND a / b > 1 AS r FROM t",
     "SELECT k, CASE WHEN b <> 0 THEN a / b ELSE -1 END AS q, b <> 0 AND a / NULLIF(b, 0) > 1 AS r FROM t", "SELECT 0"),
    ("e5", "SELECT u.k AS k, u.s::integer AS n FROM t AS u JOIN t AS w ON u.a = w.b",
     f"SELECT u.k AS k, {NUMBER.replace('s ', 'u.s ', 1).replace('s::', 'u.s::')} AS n FROM t AS u JOIN t AS w ON u.a = w.b",
     f"SELECT count(*) FROM t AS u JOIN t AS w ON u.a = w.b WHERE u.s IS NOT NULL AND "
     f"({NUMBER.replace('s ', 'u.s ', 1).replace('s::', 'u.s::')}) IS NULL"),
    ("e6", "SELECT k, big * 4000000000 AS x FROM t",
     "SELECT k, CASE WHEN abs(big::numeric * 4000000000) < 9223372036854775807 THEN big * 4000000000 END AS x FROM t",
     "SELECT count(*) FROM t WHERE abs(big::numeric * 4000000000) >= 9223372036854775807"),
    ("e7", "SELECT e2.n AS n, count(*) AS c FROM e2 GROUP BY e2.n", "SELECT e2.n AS n, count(*) AS c FROM e2 GROUP BY e2.n", "SELECT 0"),
    ("e8", "SELECT k, a / b AS q, CASE WHEN b <> 0 THEN a / b ELSE -1 END AS safe, s::integer + a / b AS n FROM t",
     f"SELECT k, a / NULLIF(b, 0) AS q, CASE WHEN b <> 0 THEN a / b ELSE -1 END AS safe, {NUMBER} + a / NULLIF(b, 0) AS n FROM t",
     f"SELECT count(*) FILTER (WHERE b = 0 AND a IS NOT NULL) + count(*) FILTER (WHERE s IS NOT NULL AND {NUMBER} IS NULL) FROM t"),
    ("e9", "SELECT k, (SELECT sum(10 / w.b) FROM t AS w WHERE w.g = t.k) AS q FROM t",
     "SELECT k, (SELECT sum(10 / NULLIF(w.b, 0)) FROM t AS w WHERE w.g = t.k) AS q FROM t",
     "SELECT count(*) FROM t AS w WHERE w.b = 0 AND EXISTS (SELECT 1 FROM t WHERE t.k = w.g)"),
    ("e10", "SELECT k FROM t WHERE g IN (SELECT w.a / w.b FROM t AS w WHERE w.g = t.k)",
     "SELECT k FROM t WHERE g IN (SELECT w.a / NULLIF(w.b, 0) FROM t AS w WHERE w.g = t.k)",
     "SELECT count(*) FROM t AS w WHERE w.b = 0 AND w.a IS NOT NULL AND EXISTS (SELECT 1 FROM t WHERE t.k = w.g)"),
    ("e11", "SELECT k, COALESCE(q, -1) AS c, q IS NULL AS n FROM (SELECT k, a / b AS q FROM t) AS x",
     "SELECT k, COALESCE(q, -1) AS c, q IS NULL AS n FROM (SELECT k, a / NULLIF(b, 0) AS q FROM t) AS x",
     "SELECT count(*) FROM t WHERE b = 0 AND a IS NOT NULL"),
    ("e12", "SELECT g, sum(a) / (g - 1) AS q FROM t GROUP BY g HAVING count(*) / (g - 2) < 100",
     "SELECT g, sum(a) / NULLIF(g - 1, 0) AS q FROM t GROUP BY g HAVING count(*) / NULLIF(g - 2, 0) < 100",
     "SELECT count(*) FROM (SELECT g FROM t WHERE g IN (1, 2) GROUP BY g HAVING g = 2 OR sum(a) IS NOT NULL) AS x"),
    ("e13", "SELECT u.k AS k, w.k AS wk FROM t AS u LEFT JOIN t AS w ON u.g = w.k AND u.a / w.b > 0",
     "SELECT u.k AS k, w.k AS wk FROM t AS u LEFT JOIN t AS w ON u.g = w.k AND u.a / NULLIF(w.b, 0) > 0",
     "SELECT count(*) FROM t AS u JOIN t AS w ON u.g = w.k WHERE w.b = 0 AND u.a IS NOT NULL"),
    ("e14", "SELECT k FROM t WHERE EXISTS (SELECT a / 0 FROM t AS w WHERE w.g = t.k AND w.a / w.b > 0)",
     "SELECT k FROM t WHERE EXISTS (SELECT a / 0 FROM t AS w WHERE w.g = t.k AND w.a / NULLIF(w.b, 0) > 0)",
     "SELECT count(*) FROM t JOIN t AS w ON w.g = t.k WHERE w.b = 0 AND w.a IS NOT NULL"),
]
NO_QUERY = {"e7", "e8", "e10", "e14"}  # no query of t; two that may fail first; PostgreSQL stops at the first match
TEXTS = ["1", "22", "-3", " 4 ", "x", "", "1.5", "99999999999"]


def row(r, k):
    def maybe(v):
        return "NULL" if r.random() < 0.1 else str(v)
    text = r.choice(TEXTS[:7])
    return (f"({k}, {r.randint(0, 3)}, {maybe(r.randint(-5, 9))}, {maybe(r.choice([0, 0, 1, 2, -3]))}, {maybe(repr(text))}, "
            f"{maybe(r.choice([1, 5, 3000000000, -9000000000]))})")


def check(pair, passed):
    for name, query, instead, failing in VIEWS:
        want, error = pair.on_pg(instead)
        if error:
            raise Failure("generator", name, str(error))
        got, error = pair.on_weir(f"SELECT * FROM {name}")
        if error:
            raise Failure("read", name, str(error))
        pair.same("mismatch", name, query, want, got)
        rows = int(pair.pg.value(failing))
        have = pair.link.value(f"SELECT count(*) FROM weir_catalog.errors WHERE view = '{name}'" if pair.column == "view" else
                               f"SELECT count(*) FROM weir_catalog.errors WHERE {pair.column} = '{name}'")
        if int(have) != rows:
            raise Failure("errors", name, f"{name}: {have} error rows, {rows} rows fail")
        if name not in NO_QUERY:
            wanted, refused = pair.on_pg(query)
            got, error = pair.on_weir(query)
            if (refused and refused.sqlstate) != (error and error.sqlstate):
                raise Failure("ad-hoc", name, f"{query}\n  PostgreSQL: {refused or 'answers'}\n  weir:       {error or 'answers'}")
        passed[0] += 1


def run(seed, steps, passed):
    r = random.Random(seed)
    pair = Pair(f"errors_{os.getpid()}", seed % 3 + 1, "64MB")
    try:
        pair.both("CREATE TABLE t (k integer PRIMARY KEY, g integer, a integer, b integer, s text, big bigint)")
        pair.column = pair.link.query("SELECT * FROM weir_catalog.errors").names[0]
        key = 0
        for name, query, instead, _ in VIEWS:
            pair.both("INSERT INTO t VALUES " + ", ".join(row(r, k) for k in range(key, key + 4)))
            key += 4
            pair.pg.query(f"CREATE VIEW {name} AS {instead}")
            pair.link.query(f"CREATE MATERIALIZED VIEW {name} AS {query}")
        for _ in range(steps):
            kind = r.randint(0, 6)
            some = f"k IN ({', '.join(str(r.randrange(key)) for _ in range(r.choice([1, 3, 10])))})"
            if kind <= 1:
                n = r.choice([1, 3, 10])
                pair.both("INSERT INTO t VALUES " + ", ".join(row(r, k) for k in range(key, key + n)))
                key += n
            elif kind == 2:
                pair.both(f"UPDATE t SET b = {r.choice(['0', '1', 'NULL', '2 - b'])} WHERE {some}")
            elif kind == 3:
                pair.both(f"UPDATE t SET s = {r.choice([repr(t) for t in TEXTS[:7]])} WHERE {some}")
            elif kind == 4:
                pair.both(f"DELETE FROM t WHERE {some}")
            elif kind == 5:
                pair.both("BEGIN")
                pair.both(f"DELETE FROM t WHERE {some}")
                pair.both(f"UPDATE t SET big = {r.choice(['1', '3000000000'])}, g = g + 1 WHERE mod(k, 3) = 1")
                pair.both(r.choice(["COMMIT", "ROLLBACK"]))
            else:
                pair.restart(r.choice(["kill", "term"]))
            check(pair, passed)
        return None
    except Failure as f:
        return f
    finally:
        pair.close()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--steps", type=int, default=25)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    options = p.parse_args()
    passed, failed = [0], 0
    for i in range(options.rounds):
        failure = run(options.seed + i, options.steps, passed)
        if failure:
            failed += 1
            print(f"FAILED seed {options.seed + i}: {failure.kind}\n{failure}")
    print(f"oracle errors: {passed[0]} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
