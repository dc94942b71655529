#!/usr/bin/env python3
"""Writes the recorded topics of the demo: what Debezium's PostgreSQL connector sends for a small order system.

The messages have the form that Kafka Connect's JsonConverter gives them with schemas.enable=true: a schema half, decimals as
base64 of the unscaled number (org.apache.kafka.connect.data.Decimal), dates as days, timestamps with time zone as text.
One file per scene under demo/topics/, one message per line: topic, headers, key and value, parted by tabs. An empty value is
a tombstone. Run it after changing a scene; the files are committed so that the demo needs no Python."""
import base64
import datetime
import json
import os

PREFIX = "shop"
DECIMAL = "org.apache.kafka.connect.data.Decimal"
out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "topics")
lsn = 30830000
clock = datetime.datetime(2026, 3, 2, 8, 0, tzinfo=datetime.timezone.utc)


def field(name, kind, optional=False):
    if kind == "decimal":
        return {"type": "bytes", "optional": optional, "name": DECIMAL, "version": 1,
                "parameters": {"scale": "2", "connect.decimal.precision": "10"}, "field": name}
    if kind == "date":
        return {"type": "int32", "optional": optional, "name": "io.debezium.time.Date", "version": 1, "field": name}
    if kind == "timestamptz":
        return {"type": "string", "optional": optional, "name": "io.debezium.time.ZonedTimestamp", "version": 1, "field": name}
    return {"type": kind, "optional": optional, "field": name}


TABLES = {
    "customers": [field("id", "int32"), field("name", "string"), field("country", "string"), field("email", "string", True),
                  field("since", "date")],
    "products": [field("id", "int32"), field("name", "string"), field("category", "string"), field("price", "decimal"),
                 field("currency", "string")],
    "orders": [field("id", "int64"), field("customer_id", "int32"), field("product_id", "int32"), field("quantity", "int32"),
               field("status", "string"), field("ordered_at", "timestamptz")],
}
SOURCE = [field("version", "string"), field("connector", "string"), field("name", "string"), field("ts_ms", "int64"),
          field("snapshot", "string", True), field("db", "string"), field("sequence", "string", True), field("schema", "string"),
          field("table", "string"), field("txId", "int64", True), field("lsn", "int64", True), field("xmin", "int64", True)]


def cents(text):
    """A decimal as Connect sends it: big-endian two's complement of the unscaled value, base64."""
    whole, _, part = text.partition(".")
    number = int(whole + (part + "00")[:2])
    return base64.b64encode(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)).decode()


def day(text):
    return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


def encode(table, row):
    value = {}
    for column, given in zip(TABLES[table], row):
        kind = column.get("name", "")
        value[column["field"]] = cents(given) if kind == DECIMAL else day(given) if kind.endswith("Date") else given
    return value


def invented(table, key):
    """`before` of a delete under the default replica identity: the key is real, the rest is made up."""
    blank = {"string": "", "int32": 0, "int64": 0, "bytes": "AA=="}
    row = {}
    for column in TABLES[table]:
        stamp = column.get("name", "").endswith("ZonedTimestamp")
        row[column["field"]] = None if column["optional"] else "1970-01-01T00:00:00Z" if stamp else blank[column["type"]]
    row["id"] = key
    return row


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def with_schema(table, payload):
    name = f"{PREFIX}.public.{table}"
    row = {"type": "struct", "fields": TABLES[table], "optional": True, "name": name + ".Value"}
    fields = [dict(row, field="before"), dict(row, field="after"),
              {"type": "struct", "fields": SOURCE, "optional": False, "name": "io.debezium.connector.postgresql.Source",
               "version": 1, "field": "source"}, field("op", "string"), field("ts_ms", "int64", True)]
    schema = {"type": "struct", "fields": fields, "optional": False, "name": name + ".Envelope", "version": 2}
    return compact({"schema": schema, "payload": payload})


class Scene:
    def __init__(self, name):
        self.file = open(os.path.join(out, name + ".tsv"), "w", encoding="utf-8", newline="\n")

    def message(self, table, key, value, headers=""):
        name = f"{PREFIX}.public.{table}"
        schema = {"type": "struct", "fields": TABLES[table][:1], "optional": False, "name": name + ".Key"}
        self.file.write("\t".join([name, headers, compact({"schema": schema, "payload": {"id": key}}), value]) + "\n")

    def event(self, op, table, key, before, after, snapshot="false", headers=""):
        global lsn, clock
        lsn += 0 if snapshot != "false" else 184
        clock += datetime.timedelta(seconds=7)
        ms = int(clock.timestamp() * 1000)
        source = {"version": "3.5.0.Final", "connector": "postgresql", "name": PREFIX, "ts_ms": ms, "snapshot": snapshot,
                  "db": "shop", "sequence": f'[null,"{lsn}"]', "schema": "public", "table": table, "txId": 700 + lsn % 97,
                  "lsn": lsn, "xmin": None}
        payload = {"before": before, "after": after, "source": source, "op": op, "ts_ms": ms + 350}
        self.message(table, key, with_schema(table, payload), headers)

    def snapshot(self, table, rows):
        for i, row in enumerate(rows):
            place = "first_in_data_collection" if i == 0 else "last_in_data_collection" if i == len(rows) - 1 else "true"
            self.event("r", table, row[0], None, encode(table, row), place)

    def insert(self, table, *row, headers=""):
        self.event("c", table, row[0], None, encode(table, row), headers=headers)

    def update(self, table, *row):
        self.event("u", table, row[0], None, encode(table, row))

    def delete(self, table, key, headers=""):
        self.event("d", table, key, invented(table, key), None, headers=headers)
        self.message(table, key, "", headers)

    def rekey(self, table, old, *row):
        """UPDATE ... SET id = new: a delete of the old key, its tombstone, an insert of the new one."""
        self.delete(table, old, '__debezium.newkey={"id":%d}' % row[0])
        self.insert(table, *row, headers='__debezium.oldkey={"id":%d}' % old)


os.makedirs(out, exist_ok=True)

scene = Scene("1-snapshot")
scene.snapshot("customers", [
    (1, "Ada Lindqvist", "SE", "ada@example.se", "2023-01-16"),
    (2, "Bruno Costa", "PT", "bruno@example.pt", "2023-05-02"),
    (3, "Chloé Martin", "FR", None, "2024-02-29"),
    (4, "Dieter Vogel", "DE", "dieter@example.de", "2024-11-11"),
    (5, "Emma Nilsson", "SE", "emma@example.se", "2025-07-01")])
scene.snapshot("products", [
    (10, "Kettle", "kitchen", "39.90", "EUR"),
    (11, "Chef's knife", "kitchen", "890.00", "SEK"),
    (12, "Desk lamp", "office", "54.50", "USD"),
    (13, "Notebook", "office", "4.25", "EUR")])
scene.snapshot("orders", [
    (1001, 1, 11, 1, "paid", "2026-02-27T09:12:44.120000Z"),
    (1002, 2, 10, 2, "paid", "2026-02-27T10:40:03.000000Z"),
    (1003, 3, 13, 12, "paid", "2026-02-28T08:05:59.500000Z"),
    (1004, 4, 12, 1, "new", "2026-02-28T16:31:20.000000Z"),
    (1005, 5, 10, 1, "paid", "2026-03-01T07:59:01.250000Z"),
    (1006, 4, 13, 40, "paid", "2026-03-01T18:22:10.000000Z")])

scene = Scene("2-inserts")
scene.insert("customers", 6, "Farah Haddad", "FR", "farah@example.fr", "2026-03-02")
scene.insert("products", 14, "Standing desk", "office", "649.00", "EUR")
scene.insert("orders", 1007, 6, 14, 1, "paid", "2026-03-02T08:01:15.000000Z")
scene.insert("orders", 1008, 2, 12, 3, "paid", "2026-03-02T08:02:02.700000Z")
scene.insert("orders", 1009, 1, 13, 20, "paid", "2026-03-02T08:02:40.000000Z")
scene.insert("orders", 1010, 5, 11, 2, "new", "2026-03-02T08:03:11.000000Z")

scene = Scene("3-updates")
scene.update("orders", 1004, 4, 12, 1, "paid", "2026-02-28T16:31:20.000000Z")
scene.update("orders", 1002, 2, 10, 2, "cancelled", "2026-02-27T10:40:03.000000Z")
scene.update("products", 13, "Notebook", "office", "4.75", "EUR")
scene.update("customers", 5, "Emma Nilsson", "DE", "emma@example.de", "2025-07-01")

scene = Scene("4-deletes")
scene.delete("orders", 1008)
scene.delete("orders", 1001)
scene.rekey("customers", 3, 30, "Chloé Martin", "FR", "chloe@example.fr", "2024-02-29")
scene.update("orders", 1003, 30, 13, 12, "paid", "2026-02-28T08:05:59.500000Z")
