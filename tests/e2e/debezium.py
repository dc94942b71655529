#!/usr/bin/env python3
"""From end to end on real parts: PostgreSQL and MariaDB -> Debezium -> Kafka -> weir -> Kafka -> ClickHouse.

Orders and products live in PostgreSQL, customers and exchange rates in MariaDB. weir joins them, converts currencies and
sums per customer; ClickHouse reads the changelogs through the statements that SHOW CREATE SINK ... FOR CLICKHOUSE prints.
After inserts, updates, deletes, key changes and kill -9 of weir, ClickHouse must say what the databases say.

    WEIR_KAFKA, WEIR_CONNECT, WEIR_CHDB, WEIR_BIN, WEIR_SHOP (directory of the databases), WEIR_SHOP_PORTS ("pg maria")
"""
import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
sys.path.insert(0, os.path.dirname(__file__))

import topics  # noqa: E402
from clickhouse import ClickHouse  # noqa: E402
from pipeline import source  # noqa: E402
from servers import Weir  # noqa: E402
from tally import check, report, rows, wait  # noqa: E402
from wire import Link  # noqa: E402

RUN = f"{int(time.time())}"
PG_PORT, MARIA_PORT = os.environ["WEIR_SHOP_PORTS"].split()
SETTINGS = ", kafka_flush_interval_ms = 200, kafka_poll_timeout_ms = 50, kafka_consumer_reschedule_ms = 50"


# ---- the databases


class Maria:
    """The client in batch mode, NULL as \\N."""

    def query(self, sql):
        done = subprocess.run(["mariadb", "--no-defaults", "-u", "root", "-N", "-B", "--default-character-set=utf8mb4",
                               "--socket", os.path.join(os.environ["WEIR_SHOP"], "maria", "socket"), "shop"],
                              input=sql, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


SEED_PG = """
DROP PUBLICATION IF EXISTS dbz;
DROP TABLE IF EXISTS orders, products;
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, product bigint NOT NULL, quantity integer NOT NULL,
    currency text NOT NULL, price numeric(12,2) NOT NULL, placed timestamptz NOT NULL, note text);
CREATE TABLE products (id bigint PRIMARY KEY, name text NOT NULL, category text, added date);
INSERT INTO products SELECT i, 'product "' || i || '" ü', CASE WHEN i % 4 > 0 THEN 'category ' || i % 4 END,
    date '2024-02-28' + i FROM generate_series(1, 30) AS i;
INSERT INTO orders SELECT i, i % 20, 1 + i % 31, 1 + i % 5, (ARRAY['EUR', 'USD', 'JPY'])[1 + i % 3], i * 1.37,
    timestamptz '2024-01-01 00:00:00.123456+00' + i * interval '1 hour', repeat('n', i % 50)
    FROM generate_series(1, 500) AS i;
CREATE PUBLICATION dbz FOR ALL TABLES;
"""

SEED_MARIA = """
DROP TABLE IF EXISTS customers, rates;
CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(100) NOT NULL, country char(2), since datetime(3));
CREATE TABLE rates (currency varchar(3) PRIMARY KEY, rate decimal(12,6) NOT NULL);
INSERT INTO customers SELECT seq, concat('customer ', seq), if(seq % 3, 'DE', NULL), '2020-01-01 10:00:00.123' FROM seq_0_to_17;
INSERT INTO rates VALUES ('EUR', 1), ('USD', 0.917431), ('JPY', 0.006135);
"""

# The same text for weir and for PostgreSQL.
LINES = """SELECT o.id, c.name AS customer, p.name AS product, p.category, p.added, o.quantity,
    (o.price * o.quantity * r.rate)::numeric(18,2) AS eur, o.placed
    FROM orders o JOIN products p ON p.id = o.product JOIN rates r ON r.currency = o.currency
    LEFT JOIN customers c ON c.id = o.customer"""
TOTALS = """SELECT c.id, c.name, c.country, count(o.id) AS orders, sum(o.price * o.quantity * r.rate) AS eur, max(o.placed) AS last
    FROM customers c JOIN orders o ON o.customer = c.id JOIN rates r ON r.currency = o.currency
    GROUP BY c.id, c.name, c.country"""


def expected(pg, maria):
    """The databases' own answer: MariaDB's rows are taken over to PostgreSQL, which then computes."""
    pg.query("CREATE TEMPORARY TABLE IF NOT EXISTS customers (id bigint, name text, country text, since timestamp);"
             "CREATE TEMPORARY TABLE IF NOT EXISTS rates (currency text, rate numeric(12,6)); TRUNCATE customers, rates")
    for table in "customers", "rates":
        rows = ("\t".join(r).replace("NULL", "\\N") + "\n" for r in maria.query(f"SELECT * FROM {table}"))
        pg.copy_in(f"COPY {table} FROM STDIN", (r.encode() for r in rows))
    stamp = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    return (set(pg.query(f"SELECT id, customer, product, category, added, quantity, eur, {stamp.format('placed')} "
                         f"FROM ({LINES}) AS t").rows()),
            set(pg.query(f"SELECT id, name, country, orders, eur, {stamp.format('last')} FROM ({TOTALS}) AS t").rows()))


def change(pg, maria, rng, rounds):
    """Inserts, updates, deletes, key changes, in transactions of several rows."""
    for _ in range(rounds):
        key = rng.randrange(10**6) + 1000
        pg.query("BEGIN")
        pg.query(f"INSERT INTO orders SELECT {key} * 10 + i, {rng.randrange(20)}, 1 + i, {rng.randrange(1, 9)}, 'USD', "
                 f"{rng.randrange(10**6)} / 100.0, now(), NULL FROM generate_series(0, {rng.randrange(10)}) AS i "
                 "ON CONFLICT DO NOTHING")
        pg.query(f"UPDATE orders SET price = price + 0.01, quantity = 1 + quantity % 9 WHERE id % 17 = {rng.randrange(17)}")
        pg.query(f"DELETE FROM orders WHERE id % 41 = {rng.randrange(41)}")
        pg.query(f"UPDATE orders SET id = id + 100000000 WHERE id % 37 = {rng.randrange(37)} AND id < 100000000")
        pg.query("ROLLBACK" if rng.random() < 0.1 else "COMMIT")
        pg.query(f"UPDATE products SET category = 'moved {rng.randrange(5)}' WHERE id = {rng.randrange(1, 31)}")
        pg.query(f"DELETE FROM products WHERE id = {rng.randrange(1, 31)}")
        pg.query(f"INSERT INTO products VALUES ({rng.randrange(1, 31)}, 'again', NULL, NULL) ON CONFLICT DO NOTHING")
        maria.query(f"UPDATE rates SET rate = rate * 1.01 WHERE currency = '{rng.choice(('USD', 'JPY'))}';"
                    f"UPDATE customers SET name = 'renamed {rng.randrange(1000)}' WHERE id = {rng.randrange(18)};"
                    f"DELETE FROM customers WHERE id = {rng.randrange(18)};"
                    f"REPLACE INTO customers VALUES ({rng.randrange(18)}, 'Zoë', NULL, NULL);")


# ---- Connect


def rest(method, path, body=None):
    request = urllib.request.Request(os.environ["WEIR_CONNECT"] + path, method=method, headers={"Content-Type": "application/json"},
                                     data=json.dumps(body).encode() if body is not None else None)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def connectors():
    converter = "org.apache.kafka.connect.json.JsonConverter"  # the worker's own takes no settings
    common = {"key.converter": converter, "value.converter": converter,
              "database.hostname": "127.0.0.1", "skipped.operations": "none", "poll.interval.ms": "50",
              "retriable.restart.connector.wait.ms": "1000", "key.converter.schemas.enable": "false"}
    pg = {**common, "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
          "database.port": PG_PORT, "database.user": "postgres", "database.password": "x", "database.dbname": "postgres",
          "publication.name": "dbz", "publication.autocreate.mode": "disabled", "slot.drop.on.stop": "true"}
    yield f"orders-{RUN}", {**pg, "slot.name": f"orders_{RUN}", "topic.prefix": f"pg{RUN}", "table.include.list": "public.orders",
                            "key.converter.schemas.enable": "true", "value.converter.schemas.enable": "true"}
    yield f"products-{RUN}", {
        **pg, "slot.name": f"products_{RUN}", "topic.prefix": f"flat{RUN}", "table.include.list": "public.products",
        "value.converter.schemas.enable": "true", "transforms": "flat",
        "transforms.flat.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.flat.delete.tombstone.handling.mode": "rewrite", "transforms.flat.add.fields": "op,table,lsn,source.ts_ms"}
    yield f"maria-{RUN}", {
        **common, "connector.class": "io.debezium.connector.mariadb.MariaDbConnector", "database.port": MARIA_PORT,
        "database.user": "dbz", "database.password": "dbz", "database.server.id": str(int(RUN) % 10**6 + 5000),
        "topic.prefix": f"ma{RUN}", "database.include.list": "shop", "connect.keep.alive.interval.ms": "1000",
        "schema.history.internal.kafka.bootstrap.servers": topics.BOOTSTRAP,
        "schema.history.internal.kafka.topic": f"history-{RUN}", "value.converter.schemas.enable": "false"}


def put_connector(name, config):
    for _ in range(60):
        try:
            return rest("PUT", f"/connectors/{name}/config", config)
        except urllib.error.HTTPError as e:
            if e.code != 409:  # the worker is rebalancing
                raise RuntimeError(e.read().decode()) from e
            time.sleep(0.5)
    raise RuntimeError(f"connector {name}: always rebalancing")


def running(name):
    try:
        tasks = rest("GET", f"/connectors/{name}/status")["tasks"]
    except urllib.error.HTTPError:
        return False
    for task in tasks:
        if task["state"] == "FAILED":
            raise RuntimeError(f"connector {name}: {task['trace'][:600]}")
    return bool(tasks) and all(task["state"] == "RUNNING" for task in tasks)


# ---- weir


def sink(name, view):
    return f"CREATE SINK {name}_{RUN} FROM {view} {source(f'{name}-{RUN}')} FORMAT CHANGELOG ENCODE JSON"


def statements():
    yield ("CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, product bigint, quantity integer, currency text, "
           f"price numeric(12,2), placed timestamptz, note text) {source(f'pg{RUN}.public.orders')} FORMAT DEBEZIUM ENCODE JSON")
    yield ("CREATE TABLE products (id bigint PRIMARY KEY, name text, category text, added date) "
           f"{source(f'flat{RUN}.public.products')} FORMAT DEBEZIUM ENCODE JSON (unwrapped = 'true')")
    yield ("CREATE TABLE customers (id bigint PRIMARY KEY, name text, country text, since timestamp(3)) "
           f"{source(f'ma{RUN}.shop.customers')} FORMAT DEBEZIUM ENCODE JSON")
    yield (f"CREATE TABLE rates (currency text PRIMARY KEY, rate numeric(12,6)) {source(f'ma{RUN}.shop.rates')} "
           "FORMAT DEBEZIUM ENCODE JSON")
    yield f"CREATE MATERIALIZED VIEW lines AS {LINES}"
    yield f"CREATE MATERIALIZED VIEW totals AS {TOTALS}"
    yield sink("lines", "lines")
    yield sink("totals", "totals")


def consume(weir, clickhouse):
    """The statements as weir prints them; only what makes ClickHouse look more often is added."""
    clickhouse.query("SET output_format_decimal_trailing_zeros = 1")
    for name in "lines", "totals":
        text = "\n".join(r[0] for r in rows(weir, f"SHOW CREATE SINK {name}_{RUN} FOR CLICKHOUSE"))
        for statement in text.split(";\n"):
            if "ENGINE = Kafka" in statement:
                statement += SETTINGS
            if statement.strip():
                clickhouse.query(statement)


def downstream(clickhouse):
    return tuple(set(clickhouse.query(f"SELECT * FROM {name}_{RUN}")) for name in ("lines", "totals"))


def views(weir):
    stamp = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    return (set(rows(weir, f"SELECT id, customer, product, category, added, quantity, eur, {stamp.format('placed')} FROM lines")),
            set(rows(weir, f"SELECT id, name, country, orders, eur, {stamp.format('last')} FROM totals")))


def compare(pg, maria, weir, clickhouse, when):
    want = expected(pg, maria)
    begun = time.monotonic()
    wait(lambda: views(weir) == want, 60)
    have = views(weir)
    for name, w, h in zip(("lines", "totals"), want, have):
        check(w == h, f"{when}: view {name}: {len(w)} rows, lacks {list(w - h)[:2]}, has {list(h - w)[:2]}")
    wait(lambda: downstream(clickhouse) == want, 60)
    have = downstream(clickhouse)
    for name, w, h in zip(("lines", "totals"), want, have):
        check(w == h, f"{when}: ClickHouse's {name}: {len(w)} rows, lacks {list(w - h)[:2]}, has {list(h - w)[:2]}")
    check(rows(weir, "SELECT count(*) FROM weir_catalog.dead_letters") == [("0",)],
          f"{when}: dead letters: {rows(weir, 'SELECT * FROM weir_catalog.dead_letters LIMIT 2')}")
    print(f"  {when}: {len(want[0])} lines, {len(want[1])} totals, equal after {time.monotonic() - begun:.1f} s", flush=True)


def pass_through(pg, maria, weir, clickhouse):
    rng = random.Random(int(RUN))
    for statement in statements():
        rows(weir, statement)
    consume(weir, clickhouse)
    compare(pg, maria, weir, clickhouse, "after the snapshot")
    change(pg, maria, rng, 10)
    compare(pg, maria, weir, clickhouse, "after changes")
    for _ in range(3):
        change(pg, maria, rng, 4)
        weir.kill()
        change(pg, maria, rng, 2)
        weir.start()
        change(pg, maria, rng, 2)
    compare(pg, maria, weir, clickhouse, "after three times kill -9")
    pg.query("TRUNCATE orders")
    pg.query("INSERT INTO orders SELECT i, 1, i, 1, 'EUR', 1, now(), NULL FROM generate_series(1, 30) AS i")
    maria.query("REPLACE INTO customers VALUES (1, 'one', NULL, NULL)")
    compare(pg, maria, weir, clickhouse, "after a truncate")


# How deletes, keys and topics are sent, each by a connector of its own: all must end in the table's rows.
FLAT = {"transforms": "flat", "transforms.flat.type": "io.debezium.transforms.ExtractNewRecordState"}
ROUTED = {"transforms": "route,flat", "transforms.route.type": "io.debezium.transforms.ByLogicalTableRouter",
          "transforms.route.topic.regex": "(.*)\\.(variants|others)", "transforms.route.topic.replacement": "$1.all",
          "transforms.flat.type": FLAT["transforms.flat.type"], "transforms.flat.delete.tombstone.handling.mode": "rewrite",
          "transforms.flat.add.fields": "table"}
KEY_ALONE = {"transforms": "key", "transforms.key.type": "org.apache.kafka.connect.transforms.ExtractField$Key", "transforms.key.field": "id"}
MODES = ("tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone")


def variants():
    """Name, settings, columns, options."""
    schemas = {"key.converter.schemas.enable": "true", "value.converter.schemas.enable": "true"}
    columns, flat = "id int PRIMARY KEY, v text", " (unwrapped = 'true')"
    for number, mode in enumerate(MODES):
        settings = {**FLAT, "transforms.flat.delete.tombstone.handling.mode": mode}
        yield f"plain{number}", settings, columns, flat
        yield f"schema{number}", {**settings, **schemas}, columns, flat
    yield "silent", {"tombstones.on.delete": "false"}, columns, ""
    yield "alone", {**KEY_ALONE, **schemas}, columns, ""
    routed = '"__dbz__physicalTableIdentifier" text, id int, v text, "__table" text, PRIMARY KEY ({}, id)'
    yield "routed", ROUTED, routed.format('"__dbz__physicalTableIdentifier"'), flat
    yield "tables", ROUTED, routed.format('"__table"'), " (unwrapped = 'true', ignore_key = 'true')"


def send_variants(pg, weir, started):
    pg.query("DROP TABLE IF EXISTS variants, others; CREATE TABLE variants (id int PRIMARY KEY, v text);"
             "CREATE TABLE others (id int PRIMARY KEY, v text); INSERT INTO others VALUES (1, 'not here'), (2, 'nor here');"
             "INSERT INTO variants SELECT g, 'v' || g FROM generate_series(1, 10) AS g")
    base = next(config for name, config in connectors() if name.startswith("orders"))
    tables = {}
    for name, settings, columns, options in variants():
        shared = settings is ROUTED
        config = {k: v for k, v in base.items() if "schemas" not in k}
        config.update({"key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false", "topic.prefix": f"{name}{RUN}",
                       "slot.name": f"{name}_{RUN}", "table.include.list": "public.variants" + (",public.others" if shared else ""), **settings})
        started[f"{name}-{RUN}"] = config
        put_connector(f"{name}-{RUN}", config)
        topic = f"{name}{RUN}.public.all" if shared else f"{name}{RUN}.public.variants"
        rows(weir, f"CREATE TABLE v_{name} ({columns}) {source(topic)} FORMAT DEBEZIUM ENCODE JSON{options}")
        tables[name] = f"SELECT id, v FROM v_{name}" + (" WHERE \"__table\" = 'variants'" if shared else "")
    check(wait(lambda: all(len(rows(weir, sql)) == 10 for sql in tables.values()), 120), "variants: snapshots")
    pg.query("UPDATE variants SET v = 'u' WHERE id = 1; DELETE FROM variants WHERE id IN (2, 3); UPDATE variants SET id = 100 WHERE id = 4;"
             "INSERT INTO variants VALUES (2, 'again'); DELETE FROM others WHERE id = 1")
    want = sorted(pg.query("SELECT id, v FROM variants").rows())
    for name, sql in tables.items():
        wait(lambda: sorted(rows(weir, sql)) == want, 30)
        check(sorted(rows(weir, sql)) == want, f"variant {name}: {sorted(rows(weir, sql))} for {want}")
    check(rows(weir, "SELECT count(*) FROM weir_catalog.dead_letters") == [("0",)],
          f"variants: dead letters: {rows(weir, 'SELECT object, reason FROM weir_catalog.dead_letters LIMIT 3')}")


def main():
    pg, maria = Link(port=PG_PORT, user="postgres", dbname="postgres"), Maria()
    pg.query("SET client_min_messages = error; SET TimeZone = 'UTC'")
    pg.query(SEED_PG)
    maria.query(SEED_MARIA)
    topics.create(1, f"flat{RUN}.public.products", f"ma{RUN}.shop.customers", f"ma{RUN}.shop.rates", f"pg{RUN}.public.orders")
    topics.create(3, f"lines-{RUN}", f"totals-{RUN}")
    configs, weir, clickhouse = dict(connectors()), None, None
    try:
        for name, config in configs.items():
            put_connector(name, config)
        for name in configs:
            check(wait(lambda: running(name), 60), f"connector {name} does not run")
        weir, clickhouse = Weir(memory="128MB"), ClickHouse(os.environ["WEIR_CHDB"])
        pass_through(pg, maria, weir, clickhouse)
        send_variants(pg, weir, configs)
    except Exception as e:
        check(False, f"{type(e).__name__}: {e}")
        if os.environ.get("WEIR_VERBOSE"):
            raise
    finally:
        for name in configs:
            try:
                rest("DELETE", f"/connectors/{name}")
            except OSError:
                pass
        if clickhouse:
            clickhouse.close()
        if weir:
            weir.remove()
    return report("debezium")


if __name__ == "__main__":
    sys.exit(main())
