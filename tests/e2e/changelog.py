#!/usr/bin/env python3
"""Sinks of every shape, read by a real ClickHouse: after each round of changes its tables hold what the views hold.

Keys that are equal but written differently, rows without a key, one row, composite keys, every type, claimed keys,
a sink dropped and made anew; and what the messages of UPSERT, DEBEZIUM and PLAIN leave on their topics.

    WEIR_KAFKA, WEIR_CHDB, WEIR_BIN
"""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
sys.path.insert(0, os.path.dirname(__file__))

import topics  # noqa: E402
from clickhouse import ClickHouse  # noqa: E402
from pipeline import source  # noqa: E402
from servers import Weir  # noqa: E402
from tally import check, report, rows, wait  # noqa: E402

RUN = f"{int(time.time())}"
SETTINGS = ", kafka_flush_interval_ms = 200, kafka_poll_timeout_ms = 50, kafka_consumer_reschedule_ms = 50"

SCHEMA = (
    "CREATE TABLE g (id int PRIMARY KEY, n numeric, j jsonb, f float8, v int)",
    "CREATE TABLE t (a int, b text, c date, v numeric(10,2), PRIMARY KEY (a, b, c))",
    "CREATE TABLE bag (x int, y text)",
    "CREATE TABLE events (a int, b text) APPEND ONLY",
    """CREATE TABLE wide (id int PRIMARY KEY, b boolean, l bigint, n numeric, d numeric(12,3), big numeric(76,10), f float8, t text,
       da date, ts timestamp, tz timestamptz, j jsonb, by bytea, "Ünï ""q" int)""",
    "CREATE MATERIALIZED VIEW by_n AS SELECT n, count(*) AS c, sum(v) AS s FROM g GROUP BY n",
    "CREATE MATERIALIZED VIEW by_j AS SELECT j, count(*) AS c, sum(v) AS s FROM g GROUP BY j",
    "CREATE MATERIALIZED VIEW by_f AS SELECT f, count(*) AS c, sum(v) AS s FROM g GROUP BY f",
    "CREATE MATERIALIZED VIEW one AS SELECT count(*) AS n, sum(v) AS s FROM t",
    "CREATE MATERIALIZED VIEW one_of_key AS SELECT a, v FROM t WHERE a = 2 AND b = 'c' AND c = '2024-01-01'",
    "CREATE MATERIALIZED VIEW moved AS SELECT b, c, v, a FROM t",
    "CREATE MATERIALIZED VIEW words AS SELECT y FROM bag",
)
# sink: what it reads
SINKS = {"by_n": "by_n", "by_j": "by_j", "by_f": "by_f", "one": "one", "one_of_key": "one_of_key", "moved": "moved", "words": "words",
         "t": "t", "bag": "bag", "wide": "wide", "direct": "(SELECT count(*) AS n, sum(v) AS s FROM t)"}
ROUNDS = (
    "INSERT INTO g VALUES (1, 1.0, '1.0', 0, 1), (2, 1.00, '1.00', -0.0, 10)",
    "DELETE FROM g WHERE id = 1",
    "INSERT INTO g VALUES (1, 1.0, '1.0', 0, 1); DELETE FROM g WHERE id = 2; INSERT INTO g VALUES (3, NULL, NULL, NULL, 5)",
    "INSERT INTO t VALUES (1, 'b', '2024-01-01', 1.5), (2, 'b', '2024-01-01', 1.5), (2, 'c', '2024-01-01', 2);"
    "INSERT INTO bag VALUES (1, 'q'), (1, 'q'), (2, 'r'), (NULL, NULL)",
    "UPDATE t SET v = v + 1 WHERE a = 2; UPDATE t SET b = 'zz' WHERE a = 2 AND b = 'b'; DELETE FROM bag WHERE x = 2",
    """INSERT INTO wide VALUES (1, true, 9223372036854775807, 1e30, 123456789.123, 1.5, 1e308, E'a''b"c\\\\d\\n\\001😀', '2024-02-29',
       '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789012+00', '{"a": [1, "x"]}', '', 1),
       (2, false, -9223372036854775808, -0.1, -0.001, -1.5, -1e-308, '', '1900-01-01', '1900-01-01', '2299-12-31 23:59:59.999999+00', 'null', '', NULL),
       (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""",
    "UPDATE wide SET l = 5; DELETE FROM wide WHERE id = 2",
    "DELETE FROM g; DELETE FROM t; DELETE FROM bag; DELETE FROM wide",
)


def columns(weir, relation):
    link = weir.link()
    try:
        return link.query(f"SELECT * FROM {relation} AS x LIMIT 0").names
    finally:
        link.close()


def delivered(weir):
    return wait(lambda: all(r[0] == "0" for r in rows(weir, "SELECT backlog FROM weir_catalog.sinks")))


def create_sink(weir, name, relation, form="CHANGELOG", options=""):
    read = f"AS SELECT * FROM {relation} AS x" if relation.startswith("(") else f"FROM {relation}"
    with_options = source(f"{name}-{RUN}")[:-1] + options + ")"
    rows(weir, f"CREATE SINK {name}_sink {read} {with_options} FORMAT {form} ENCODE JSON")


def consume(weir, clickhouse, name):
    text = "\n".join(r[0] for r in rows(weir, f"SHOW CREATE SINK {name}_sink FOR CLICKHOUSE"))
    for statement in text.split(";\n"):
        clickhouse.query(statement + (SETTINGS if "ENGINE = Kafka" in statement else "")) if statement.strip() else None


def wanted(weir, relation, names):
    stamps = {"ts": "to_char({0}, 'YYYY-MM-DD HH24:MI:SS.US') AS {0}",
              "tz": "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS {0}"}
    quoted = ('"' + n.replace('"', '""') + '"' for n in names)
    listed = ", ".join(stamps.get(n.strip('"'), "{0}").format(n) for n in quoted)
    truth = {"t": "true", "f": "false"} if "b" in names and relation == "wide" else {}
    return sorted(str(tuple(truth.get(v, v) if n == "b" else v for n, v in zip(names, row)))
                  for row in rows(weir, f"SELECT {listed} FROM {relation} AS x"))


def held(clickhouse, name, names):
    def unescaped(v):  # of TabSeparated
        return v if v is None else v.encode("latin-1", "backslashreplace").decode("unicode_escape") if "\\" in v else v
    listed = ", ".join("`" + n.replace("`", "\\`") + "`" for n in names)
    return sorted(str(tuple(unescaped(v) for v in row)) for row in clickhouse.query(f"SELECT {listed} FROM {name}_sink"))


def compare(weir, clickhouse, when):
    delivered(weir)
    for name, relation in SINKS.items():
        names = [n for n in columns(weir, relation) if n not in ("t", "f", "by")]  # written differently on both sides
        want = wanted(weir, relation, names)
        wait(lambda: held(clickhouse, name, names) == want)
        have = held(clickhouse, name, names)
        check(have == want, f"{when}: {name}: ClickHouse has {have[:4]}, the view {want[:4]}")


def last_by_key(topic):
    """What a reader of a compacted topic ends with."""
    state = {}
    for message in topics.contents(topic):
        state[message.key] = message.value
    return {k: json.loads(v) for k, v in state.items() if v is not None}


def other_layouts(weir):
    create_sink(weir, "ups", "by_n", "UPSERT")
    create_sink(weir, "dbz", "by_n", "DEBEZIUM")
    create_sink(weir, "single", "one", "UPSERT")
    create_sink(weir, "claim", "bag", "UPSERT", ", primary_key = ' X '")
    create_sink(weir, "plain", "events", "PLAIN")
    rows(weir, "INSERT INTO g VALUES (1, 1.0, NULL, 0, 1), (2, 1.00, NULL, 0, 10); INSERT INTO events VALUES (1, 'x'), (1, 'x')")
    rows(weir, "DELETE FROM g WHERE id = 1; INSERT INTO bag VALUES (1, 'a'), (1, 'b'), (2, 'c'); INSERT INTO t VALUES (1, 'b', '2024-01-01', 1)")
    rows(weir, "DELETE FROM bag WHERE y IN ('a', 'c'); INSERT INTO events VALUES (1, 'x')")
    delivered(weir)
    check(last_by_key(f"ups-{RUN}") == {b'{"n":"1.00"}': {"n": "1.00", "c": 1, "s": 10}}, f"UPSERT: {last_by_key(f'ups-{RUN}')}")
    after = {k: v["after"] for k, v in last_by_key(f"dbz-{RUN}").items()}
    check(after == {b'{"n":"1.00"}': {"n": "1.00", "c": 1, "s": 10}}, f"DEBEZIUM: {after}")
    check(last_by_key(f"single-{RUN}") == {b"{}": {"n": 1, "s": "1.00"}}, f"one row: {last_by_key(f'single-{RUN}')}")
    check(last_by_key(f"claim-{RUN}") == {b'{"x":1}': {"x": 1, "y": "b"}}, f"claimed key: {last_by_key(f'claim-{RUN}')}")
    plain = [(m.key, json.loads(m.value)) for m in topics.contents(f"plain-{RUN}")]
    check(plain == [(None, {"a": 1, "b": "x"})] * 3, f"PLAIN: {plain}")


def made_anew(weir, clickhouse):
    rows(weir, "INSERT INTO t VALUES (7, 'b', '2024-01-01', 1), (8, 'b', '2024-01-01', 1)")
    compare(weir, clickhouse, "before a sink is dropped")
    for i in range(3):
        rows(weir, "DROP SINK t_sink")
        rows(weir, f"UPDATE t SET v = v + {i + 1}")
        create_sink(weir, "t", "t")
        compare(weir, clickhouse, f"sink made anew {i}")


def main():
    weir, clickhouse = Weir(memory="128MB", workers=2), ClickHouse(os.environ["WEIR_CHDB"])
    try:
        clickhouse.query("SET output_format_decimal_trailing_zeros = 1")
        topics.create(3, *(f"{name}-{RUN}" for name in SINKS))
        topics.create(1, *(f"{name}-{RUN}" for name in ("ups", "dbz", "single", "claim", "plain")))
        for statement in SCHEMA:
            rows(weir, statement)
        for name, relation in SINKS.items():
            create_sink(weir, name, relation)
            consume(weir, clickhouse, name)
        for i, statements in enumerate(ROUNDS):
            rows(weir, statements)
            compare(weir, clickhouse, f"round {i}")
            if i == 3:
                weir.kill()
                weir.start()
        other_layouts(weir)
        made_anew(weir, clickhouse)
    except Exception as e:
        check(False, f"{type(e).__name__}: {e}")
        if os.environ.get("WEIR_VERBOSE"):
            raise
    finally:
        clickhouse.close()
        weir.remove()
    return report("changelog")


if __name__ == "__main__":
    sys.exit(main())
