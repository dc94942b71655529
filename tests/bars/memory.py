#!/usr/bin/python3
"""Memory: anonymous memory (RssAnon, sampled every 50 ms) never passes the limit by more than a tenth.

Under --memory 256MB (quick: 64MB): state of ten times that (twice), one update whose join has 10 M rows (500 k), a COPY
of 1 GB (100 MB) in one statement, SELECT * of a view larger than the limit, streamed, groups of long texts and huge numbers,
documents: texts of up to 100 KB, then some of 9 MB (3 MB), in views of every shape (what those may cost beyond the limit:
VALUE_COPIES), tables that were loaded once and are idle, the clients of a broker.
Arguments name single phases: fan-out, copy, state, accumulators, documents, idle, clients.
"""
import base64
import os
import sys
import time

from bar import FULL, Server, check, copy, report

LIMIT_MB = 256 if FULL else 64
STATE = LIMIT_MB * (10 if FULL else 2) << 20
FAN_OUT = 10_000_000 if FULL else 500_000
COPY_BYTES = 1000 << 20 if FULL else 100 << 20
PAD_LEN = 312
NOISE = base64.b64encode(os.urandom(1 << 20)).decode()  # text that compression does little for
PEAK_MAX = LIMIT_MB * 1.1
VALUE_COPIES = 12  # of the largest value in each view, beyond the limit, while it is worked on: docs/capabilities.md says so


def pad(i):
    at = i * 7919 % (len(NOISE) - PAD_LEN)
    return NOISE[at:at + PAD_LEN]


class Phase:
    """One phase on a server of its own; its peak of anonymous memory is checked at the end."""

    def __init__(self, name, beyond_mb=0, options=()):
        self.name, self.max, self.options = name, PEAK_MAX + beyond_mb, options

    def __enter__(self):
        self.start = time.time()
        self.server = Server("memory", memory=f"{LIMIT_MB}MB", options=self.options)
        self.idle = self.server.rss_anon() >> 20
        self.server.sample_memory()
        return self.server, self.server.connect()

    def __exit__(self, kind, error, trace):
        peak = self.server.peak / (1 << 20)
        if error:
            check(False, f"{self.name}: {error}")
        check(self.server.alive(), f"{self.name}: the server lives")
        check(peak <= self.max, f"{self.name}: peak {peak:.0f} MB of {self.max:.0f} (limit {LIMIT_MB} MB, idle"
              f" {self.idle} MB), {time.time() - self.start:.1f} s")
        self.server.stop()
        return True


def big_state():
    """A table, a keyed view, an aggregate with one group per two rows: rows of about 350 bytes, state several times."""
    rows = STATE // 3 // 380
    with Phase("big state") as (server, connection):
        connection.execute("CREATE TABLE t (k int PRIMARY KEY, g int, s text)")
        connection.execute("CREATE TABLE u (g int PRIMARY KEY, name text)")
        connection.execute("CREATE MATERIALIZED VIEW j AS SELECT t.k, t.s, u.name FROM t JOIN u ON t.g = u.g")
        connection.execute("CREATE MATERIALIZED VIEW a AS SELECT g, max(s) AS s, count(*) AS n FROM t GROUP BY g")
        began = time.time()
        copy(connection, "u", rows // 2 + 1, lambda i: f"{i}\tname {i}\n")
        for start in range(0, rows, 50_000):
            copy(connection, "t", min(50_000, rows - start), lambda i: f"{start + i}\t{(start + i) // 2}\t{start + i}{pad(start + i)}\n")
        print(f"        loaded after {time.time() - began:.1f} s")
        state = connection.execute("SELECT sum(state_bytes) FROM weir_catalog.operators").fetchone()[0]
        print(f"        {rows} rows, state {int(state) >> 20} MB, disk {store_mb(connection)} MB")
        for i in range(200):
            connection.execute(f"UPDATE t SET g = g + 1 WHERE k = {i * 7919 % rows}")
        n = connection.execute("SELECT count(*), sum(n) FROM a").fetchone()
        check(int(n[1]) == rows, f"big state: the view counts {n[1]} rows of {rows}")
        # a view larger than the limit, streamed to the client
        got = 0
        with connection.cursor(name=None) as cursor:
            for _ in cursor.stream("SELECT * FROM j"):
                got += 1
        check(got == rows, f"SELECT * of {got} rows of {rows}")


def store_mb(connection):
    return connection.execute("SELECT value FROM weir_catalog.store WHERE name = 'disk_bytes'").fetchone()[0] >> 20


def fan_out():
    with Phase("fan-out") as (server, connection):
        connection.execute("CREATE TABLE f (k int PRIMARY KEY, g int)")
        connection.execute("CREATE TABLE d (g int PRIMARY KEY, v int)")
        connection.execute("CREATE MATERIALIZED VIEW j AS SELECT f.k, d.v FROM f JOIN d ON f.g = d.g")
        connection.execute("CREATE MATERIALIZED VIEW s AS SELECT v % 10 AS m, count(*) AS n FROM j GROUP BY v % 10")
        for start in range(0, FAN_OUT, 250_000):
            copy(connection, "f", min(250_000, FAN_OUT - start), lambda i: f"{start + i}\t1\n")
        connection.execute("INSERT INTO d VALUES (1, 5)")
        got = connection.execute("SELECT n FROM s").fetchone()[0]
        check(got == FAN_OUT, f"fan-out: one insert gives {got} rows")
        start = time.time()
        connection.execute("UPDATE d SET v = 6")
        seconds = time.time() - start
        got = connection.execute("SELECT m, n FROM s").fetchall()
        check(got == [(6, FAN_OUT)], f"fan-out: one update gives {got}, {seconds:.1f} s")


def big_copy():
    line = PAD_LEN + 20
    rows = COPY_BYTES // line
    with Phase("big COPY") as (server, connection):
        connection.execute("CREATE TABLE t (k int PRIMARY KEY, g int, s text)")
        connection.execute("CREATE MATERIALIZED VIEW a AS SELECT g, count(*) AS n FROM t GROUP BY g")
        start = time.time()
        copy(connection, "t", rows, lambda i: f"{i:09}\t{i % 100}\t{i:06}{pad(i)}\n")
        seconds = time.time() - start
        got = connection.execute("SELECT sum(n) FROM a").fetchone()[0]
        check(int(got) == rows, f"big COPY: {got} rows of {rows}, {COPY_BYTES / seconds / (1 << 20):.0f} MB/s")


def accumulators():
    """What aggregates keep outside of their rows: long texts of min and max, sums of thousands of digits."""
    text, digits = 4000, 3000
    groups = LIMIT_MB * (2 if FULL else 1) * (1 << 20) // (text + digits // 2) // 2
    with Phase("accumulators") as (server, connection):
        connection.execute("CREATE TABLE t (k int PRIMARY KEY, g int, s text, n numeric)")
        connection.execute("CREATE TABLE grown (g int, s text) APPEND ONLY")
        connection.execute("CREATE MATERIALIZED VIEW a AS SELECT g, min(s) AS least, max(s) AS most, sum(n) AS n, max(n) AS top"
                           " FROM t GROUP BY g")
        connection.execute("CREATE MATERIALIZED VIEW b AS SELECT g, max(s) AS most FROM grown GROUP BY g")

        def long_text(i):
            at = i * 7919 % (len(NOISE) - text)
            return f"{i:09}{NOISE[at:at + text]}"

        def number(i):
            return f"{i % 9 + 1}{'1234567890' * (digits // 10)}"
        for start in range(0, 2 * groups, 2000):
            n = min(2000, 2 * groups - start)
            copy(connection, "t", n, lambda i: f"{start + i}\t{(start + i) // 2}\t{long_text(start + i)}\t{number(start + i)}\n", 500)
            copy(connection, "grown", n, lambda i: f"{(start + i) // 2}\t{long_text(start + i)}\n", 500)
        sizes = connection.execute("SELECT sum(state_bytes) FROM weir_catalog.operators").fetchone()[0]
        print(f"        {groups} groups, state {int(sizes) >> 20} MB, disk {store_mb(connection)} MB")
        connection.execute("DELETE FROM t WHERE k % 20 = 1")
        connection.execute("UPDATE t SET n = n + 1 WHERE k % 10 = 0")
        wrong = seen = 0
        with connection.cursor(name=None) as cursor:
            for g, least, most, top in cursor.stream("SELECT g, substr(least, 1, 9), substr(most, 1, 9), left(top::text, 1) FROM a"):
                rows = [k for k in (2 * g, 2 * g + 1) if k % 20 != 1]
                wrong += (int(least), int(most), int(top)) != (rows[0], rows[-1], max(k % 9 for k in rows) + 1)
                seen += 1
        check((seen, wrong) == (groups, 0), f"accumulators: {seen} groups of {groups}, {wrong} wrong")
        got = connection.execute("SELECT count(*), sum(CAST(substr(most, 1, 9) AS int)) FROM b").fetchone()
        check(got == (groups, groups * groups), f"accumulators: {got[0]} groups that only grow")


DOCUMENT_VIEWS = {
    "grouped": "SELECT body, count(*) AS n, min(id) AS first FROM doc GROUP BY body",
    "pairs": "SELECT a.id, b.id AS other, length(b.body) AS l FROM doc a JOIN doc b ON a.body = b.body AND a.id < b.id",
    "joined": "SELECT doc.id, doc.body, doc.meta, kind.name FROM doc JOIN kind ON doc.g = kind.g",
    "extremes": "SELECT g, max(body) AS most, min(body) AS least, count(DISTINCT body) AS n FROM doc GROUP BY g",
    "longer": "SELECT DISTINCT body || 'x' AS body FROM doc",
    "last": "SELECT id, body FROM doc ORDER BY body DESC, id LIMIT 3",
    "ranked": "SELECT id, body FROM (SELECT id, body, row_number() OVER (PARTITION BY g ORDER BY body, id) AS n FROM doc) x WHERE n < 3",
}


def document(i, size):
    """Text i of the size; every fourth is that of another row, and all of a kind begin alike."""
    i -= i % 4 == 3
    at = i * 7919 % len(NOISE)
    return (f"document of kind {i % 7}: " * 90 + f"{i:09}" + NOISE[at:] + NOISE * (size // len(NOISE) + 1))[:size]


def documents(name, rows, size, beyond_mb):
    """Every operator over texts as long as rows of others are many: COPY, a join's fan-out, UPDATE, SELECT, DELETE."""
    with Phase(name, beyond_mb) as (server, connection):
        connection.execute("CREATE TABLE doc (id int PRIMARY KEY, g int, body text, meta jsonb)")
        connection.execute("CREATE TABLE kind (g int PRIMARY KEY, name text)")
        for view, query in DOCUMENT_VIEWS.items():
            connection.execute(f"CREATE MATERIALIZED VIEW {view} AS {query}")
        connection.execute("CREATE SINK bodies AS SELECT id, body FROM doc WITH (connector = 'blackhole')")
        connection.execute("INSERT INTO kind VALUES " + ", ".join(f"({g}, 'kind {g}')" for g in range(7)))
        copy(connection, "doc", rows, lambda i: f"{i}\t{i % 7}\t{document(i, size)}\t{{\"head\": \"{document(i, size // 8)}\"}}\n", 1)
        connection.execute("UPDATE kind SET name = name || '!'")
        connection.execute("UPDATE doc SET body = body || 'z' WHERE id % 5 = 0")
        want = [document(i, size) + ("z" if i % 5 == 0 else "") for i in range(rows)]
        got = connection.execute("SELECT count(*), sum(n) FROM grouped").fetchone()
        check((got[0], int(got[1])) == (len(set(want)), rows), f"{name}: {got[0]} different texts of {len(set(want))}")
        got = connection.execute("SELECT id FROM last").fetchall()
        order = sorted(range(rows), key=lambda i: (want[i], -i), reverse=True)[:3]
        check(sorted(i for i, in got) == sorted(order), f"{name}: the last are {got}, want {order}")
        seen = wrong = 0
        with connection.cursor(name=None) as cursor:
            for i, body, kind in cursor.stream("SELECT id, body, name FROM joined"):
                seen += 1
                wrong += body != want[i] or kind != f"kind {i % 7}!"
        check((seen, wrong) == (rows, 0), f"{name}: {seen} rows of {rows}, {wrong} wrong")
        for g, most, least in connection.execute("SELECT g, most, least FROM extremes").fetchall():
            texts = [want[i] for i in range(rows) if i % 7 == g]
            check((most, least) == (max(texts), min(texts)), f"{name}: extremes of kind {g}")
        connection.execute("DELETE FROM doc WHERE id % 2 = 0")
        connection.execute("DELETE FROM doc")
        got = [connection.execute(f"SELECT count(*) FROM {view}").fetchone()[0] for view in DOCUMENT_VIEWS]
        check(not any(got), f"{name}: {got} rows are left")


def large_values():
    documents("documents of 100 KB", 2000 if FULL else 240, 100_000, 0)
    size = 9 if FULL else 3
    documents(f"documents of {size} MB", 24 if FULL else 9, size << 20, VALUE_COPIES * size * len(DOCUMENT_VIEWS))


def pool_mb(connection, name):
    return connection.execute("SELECT used_bytes FROM weir_catalog.memory WHERE pool = %s", (name,)).fetchone()[0] / (1 << 20)


def idle_tables():
    """Tables that are loaded one after the other and not used any more do not keep what the limit cannot hold."""
    tables, rows = 40, LIMIT_MB * (1 << 20) // 16 // (PAD_LEN + 20)
    with Phase("idle tables", LIMIT_MB / 2) as (server, connection):  # pages freed and not yet given back, while much goes
        for table in range(tables):
            connection.execute(f"CREATE TABLE t{table} (k int PRIMARY KEY, s text)")
            connection.execute(f"CREATE MATERIALIZED VIEW v{table} AS SELECT k % 500 AS g, max(s) AS s FROM t{table} GROUP BY k % 500")
            copy(connection, f"t{table}", rows, lambda i: f"{i}\t{i:06}{pad(i)}\n")
        time.sleep(1)
        held = pool_mb(connection, "operator state")
        check(held < LIMIT_MB * 4 / 5, f"idle tables: {tables} tables of {LIMIT_MB // 16} MB, {held:.0f} MB of operator state")
        rest = server.rss_anon() >> 20
        check(rest <= LIMIT_MB, f"idle tables: {rest} MB at rest")
        got = sum(connection.execute(f"SELECT count(*) FROM t{table} WHERE s > ''").fetchone()[0] for table in range(tables))
        check(got == tables * rows, f"idle tables: {got} rows of {tables * rows}")


def clients():
    """Sources and sinks of a broker are counted, and counted off again. (The broker's messages are in this process.)"""
    n, broker = 8, "topic = 'c{}', properties.bootstrap.server = 'embedded'"
    with Phase("clients", 64, ("--embedded-broker",)) as (server, connection):
        connection.execute("CREATE TABLE t (k int PRIMARY KEY, s text)")
        copy(connection, "t", 1000, lambda i: f"{i}\t{pad(i)}\n")
        for i in range(n):
            connection.execute(f"CREATE SINK s{i} FROM t WITH (connector = 'kafka', {broker.format(i)}, primary_key = 'k')"
                               " FORMAT UPSERT ENCODE JSON")
            connection.execute(f"CREATE TABLE r{i} (k int PRIMARY KEY, s text) WITH (connector = 'kafka', {broker.format(i)})"
                               " FORMAT UPSERT ENCODE JSON")
        until = time.time() + 60
        while time.time() < until and min(connection.execute(f"SELECT count(*) FROM r{i}").fetchone()[0] for i in range(n)) < 1000:
            time.sleep(0.1)
        held = pool_mb(connection, "kafka clients")
        check(n <= held < LIMIT_MB / 2, f"clients: {2 * n} of them hold {held:.1f} MB")
        for i in range(n):
            connection.execute(f"DROP SINK s{i}")
            connection.execute(f"DROP TABLE r{i}")
        while time.time() < until and pool_mb(connection, "kafka clients"):
            time.sleep(0.1)
        check(not pool_mb(connection, "kafka clients"), "clients: those that are gone hold nothing")


PHASES = {"fan-out": fan_out, "copy": big_copy, "state": big_state, "accumulators": accumulators,
          "documents": large_values, "idle": idle_tables, "clients": clients}
for name in sys.argv[1:] or PHASES:
    PHASES[name]()
report("bar memory")
