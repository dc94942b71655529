#!/usr/bin/env python3
"""Topics as they are found in the wild, on a real broker: what a source makes of each.

    WEIR_KAFKA, WEIR_BIN;  sources.py [scenario ...]
"""
import json
import os
import sys
import time

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
sys.path.insert(0, os.path.dirname(__file__))

import topics  # noqa: E402
from pipeline import source  # noqa: E402
from servers import Weir  # noqa: E402
from tally import check, report, rows  # noqa: E402

RUN = f"{int(time.time())}-{os.getpid()}"
QUIET = {"bootstrap.servers": topics.BOOTSTRAP, "error_cb": topics.quiet, "log_level": 0}
admin = AdminClient(QUIET)


def becomes(weir, sql, want, what, seconds=30):
    until = time.monotonic() + seconds
    while rows(weir, sql) != want and time.monotonic() < until:
        time.sleep(0.05)
    have = rows(weir, sql)
    return check(have == want, f"{what}: {have[:5]} for {want[:5]}")


def create(name, partitions=1, **config):
    topic = f"{name}-{RUN}"
    config = {key.replace("_", "."): value for key, value in config.items()}
    for future in admin.create_topics([NewTopic(topic, partitions, 1, config=config)]).values():
        future.result(30)
    return topic


def delete(topic):
    for future in admin.delete_topics([topic]).values():
        future.result(30)
    time.sleep(1)


def put(topic, messages, **settings):
    """(key, value[, partition]), as bytes or to be JSON."""
    producer = Producer({**QUIET, "message.max.bytes": 20000000, **settings})
    for key, value, *partition in messages:
        key, value = (v if v is None or isinstance(v, bytes) else json.dumps(v, ensure_ascii=False).encode() for v in (key, value))
        while True:
            try:
                producer.produce(topic, key=key, value=value, partition=partition[0] if partition else -1)
                break
            except BufferError:
                producer.poll(0.1)
    check(producer.flush(60) == 0, f"writing to {topic}")


def table(weir, name, columns, topic, form, options="", more=""):
    rows(weir, f"CREATE TABLE {name} ({columns}) {source(topic)[:-1]}{more}) FORMAT {form} ENCODE JSON{options}")


def numbers(low, high, partitions=1):
    return [(None, {"id": i}, i % partitions) for i in range(low, high)]


def compressed(weir):
    for codec in "gzip", "snappy", "lz4", "zstd":
        topic = create(codec)
        put(topic, [(None, {"id": i, "o": {"a": [i, None]}}) for i in range(3000)], **{"compression.type": codec, "linger.ms": 50})
        table(weir, codec, "id bigint, o jsonb", topic, "PLAIN")
        becomes(weir, f"SELECT count(DISTINCT id), sum((o->'a'->>0)::bigint) FROM {codec}", [("3000", "4498500")], codec)


def aborted(weir):
    topic, writer = create("aborted"), topics.Writer(f"aborted-{RUN}")
    for i in range(6):
        writer.begin()
        for j in range(10):
            writer.put(topic, {"id": i * 10 + j}, {"ok": i % 2})
        (writer.commit if i % 2 else writer.abort)()
    table(weir, "aborted", "id bigint PRIMARY KEY, ok int", topic, "UPSERT")
    becomes(weir, "SELECT count(*), min(ok) FROM aborted", [("30", "1")], "aborted transactions")


def retained(weir):
    topic = create("retained", 2)
    put(topic, numbers(0, 100, 2))
    table(weir, "retained", "id bigint", topic, "PLAIN")
    becomes(weir, "SELECT count(*) FROM retained", [("100",)], "before retention")
    weir.stop()
    put(topic, numbers(100, 200, 2))
    for future in admin.delete_records([TopicPartition(topic, 0, 70), TopicPartition(topic, 1, 55)]).values():
        future.result(30)
    weir.start()
    becomes(weir, "SELECT count(*) FROM retained", [("175",)], "25 of 200 gone by retention")
    check("offsets 50 to 69 are gone" in weir.tail(20000), "the log tells what is gone")
    table(weir, "retained_late", "id bigint", topic, "PLAIN")
    becomes(weir, "SELECT count(*) FROM retained_late", [("75",)], "a start behind what is gone")


def absent(weir):
    topic = f"absent-{RUN}"
    table(weir, "absent", "id bigint", topic, "PLAIN")
    waits = "SELECT partition, error LIKE '%Unknown topic%' FROM weir_catalog.sources WHERE object = 'absent'"
    becomes(weir, waits, [(None, "t")], "it is said what a source waits for")
    create("absent", 2)
    put(topic, numbers(0, 10, 2))
    becomes(weir, "SELECT count(*) FROM absent", [("10",)], "a topic that comes later")
    becomes(weir, "SELECT count(error) FROM weir_catalog.sources WHERE object = 'absent'", [("0",)], "what was waited for is there")


def made_anew(weir):
    topic = create("anew", 2)
    put(topic, numbers(0, 100, 2))
    table(weir, "anew", "id bigint", topic, "PLAIN")
    becomes(weir, "SELECT count(*), count(DISTINCT id) FROM anew", [("100", "100")], "before")
    delete(topic)
    create("anew", 2)
    put(topic, numbers(200, 230, 2))
    becomes(weir, "SELECT count(*), count(DISTINCT id) FROM anew", [("130", "130")], "made anew while weir runs")
    weir.stop()
    delete(topic)
    create("anew", 2)
    put(topic, numbers(300, 310, 2))
    weir.start()
    becomes(weir, "SELECT count(*), count(DISTINCT id) FROM anew", [("140", "140")], "made anew while weir does not")


def more_partitions(weir):
    topic = create("more")
    put(topic, numbers(0, 10))
    table(weir, "more", "id bigint", topic, "PLAIN", more=", scan.startup.mode = 'latest'")
    time.sleep(1)
    for future in admin.create_partitions([NewPartitions(topic, 4)]).values():
        future.result(30)
    put(topic, numbers(0, 100, 4))
    becomes(weir, "SELECT count(*) FROM more", [("100",)], "partitions added")
    weir.kill()
    weir.start()
    put(topic, numbers(100, 200, 4))
    becomes(weir, "SELECT count(*), count(DISTINCT id) FROM more", [("200", "200")], "partitions added, after kill -9")


def large(weir):
    topic = create("large", max_message_bytes="30000000")
    put(topic, [(None, {"id": 1, "v": "x" * 10_000_000}), (None, {"id": 2, "v": "y"}), (None, {"id": 3, "v": "ü" * 4_000_000})])
    table(weir, "large", "id int, v text", topic, "PLAIN")
    becomes(weir, "SELECT id, length(v) FROM large ORDER BY 1", [("1", "10000000"), ("2", "1"), ("3", "4000000")], "10 MB")


def keys(weir):
    topic = create("keys")
    put(topic, [(b"abc", {"v": 1}), (b"123", {"v": 2}), (b'"q"', {"v": 3}), ({"k": "o"}, {"v": 4}), (b"gone", {"v": 5}), (b"gone", None)])
    table(weir, "text_keys", "k text PRIMARY KEY, v int", topic, "UPSERT", " KEY ENCODE TEXT")
    becomes(weir, "SELECT k, v FROM text_keys ORDER BY v", [("abc", "1"), ("123", "2"), ('"q"', "3"), ('{"k": "o"}', "4")], "keys as text")
    table(weir, "json_keys", "k text PRIMARY KEY, v int", topic, "UPSERT")
    becomes(weir, "SELECT k, v FROM json_keys ORDER BY v", [("123", "2"), ("q", "3"), ("o", "4")], "keys as JSON")
    becomes(weir, "SELECT count(*) FROM weir_catalog.dead_letters WHERE object = 'json_keys'", [("3",)], "keys that are no JSON")


def change(op, before=None, after=None):
    return {"op": op, "before": before, "after": after}


def equal_rows(weir):
    topic, row, other = create("equal"), {"x": 1, "y": "q"}, {"x": 5000, "y": "q"}
    put(topic, [(None, change("c", after=row))] * 70000 + [(None, change("c", after={"x": i, "y": "q"})) for i in range(1000)]
        + [(None, change("d", before=row))] * 5 + [(None, change("u", before={"x": 7, "y": "q"}, after=row)), (None, change("d", before=other))],
        **{"linger.ms": 50})
    table(weir, "equal", "x int, y text", topic, "DEBEZIUM")
    becomes(weir, "SELECT count(*), count(DISTINCT x), sum((x = 1)::int) FROM equal", [("70995", "999", "69997")], "equal rows")
    becomes(weir, "SELECT sqlstate, message FROM weir_catalog.errors WHERE object = 'equal'", [("02000", "no row equals the one to delete")], "an unknown row")


def left_out(weir):
    topic, hole = create("hole"), "__debezium_unavailable_value"
    events = [change("c", after={"id": 1, "v": "a", "big": "long"}), change("u", after={"id": 1, "v": "b", "big": hole}),
              change("c", after={"id": 2, "v": "b", "big": hole})]
    put(topic, [({"id": e["after"]["id"]}, e) for e in events])
    table(weir, "hole", "id int PRIMARY KEY, v text, big text", topic, "DEBEZIUM")
    table(weir, "no_hole", "id int PRIMARY KEY, v text, big text NOT NULL", topic, "DEBEZIUM")
    becomes(weir, "SELECT * FROM hole ORDER BY id", [("1", "b", "long"), ("2", "b", None)], "a value left out")
    becomes(weir, "SELECT * FROM no_hole ORDER BY id", [("1", "b", "long")], "a value left out where there can be no NULL")
    becomes(weir, "SELECT object, sqlstate FROM weir_catalog.errors WHERE object LIKE '%hole' ORDER BY 1",
            [("hole", "22004"), ("no_hole", "22004")], "it is said")


def hostile(weir):
    topic = create("hostile")
    bad = [b'{"id":1,"j":' + b"[" * 100000 + b"]" * 100000 + b"}", b'{"id":1,"t":"\xff\xfe"}', b'{"id":1,"t":"\\u0000"}', b'{"id":1,"t":"\\ud800"}',
           b'{"id":1,"f":1e999}', b'{"id":1,"n":1e-200000}', b'{"id":99999999999}', b"", b"null", b"[]", b'{"id":1} x', b"\xef\xbb\xbf{}", None]
    good = [b'{"id":2,"n":1e400}', b'{"id":2,"j":' + b"[" * 500 + b"]" * 500 + b"}", b'{"id":2,' + b'"a":1,' * 50000 + b'"t":"z"}',
            b'{"id":2,"t":{"a":[1]}}', b'{"ID":2}', b'{"id":2.0e0}', b'{"id":"2"}']
    put(topic, [(None, value) for value in bad + good])
    table(weir, "hostile", "id int NOT NULL, n numeric, j jsonb, t text, f float8", topic, "PLAIN")
    becomes(weir, "SELECT count(*), min(id) FROM hostile", [(str(len(good)), "2")], "good messages beside bad ones")
    letters = "SELECT count(*), count(reason) FROM weir_catalog.dead_letters WHERE object = 'hostile'"
    becomes(weir, letters, [(str(len(bad)), str(len(bad)))], "bad messages")


SCENARIOS = {f.__name__: f for f in (compressed, aborted, retained, absent, made_anew, more_partitions, large, keys, equal_rows, left_out, hostile)}


def main():
    weir = Weir(memory="256MB", workers=2)
    try:
        for name in sys.argv[1:] or SCENARIOS:
            begun = time.monotonic()
            try:
                SCENARIOS[name](weir)
            except Exception as e:
                check(False, f"{name}: {type(e).__name__}: {e}")
            print(f"  {name}: {time.monotonic() - begun:.0f} s", flush=True)
    finally:
        weir.remove()
    return report("sources")


if __name__ == "__main__":
    sys.exit(main())
