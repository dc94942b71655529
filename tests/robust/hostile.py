"""What nobody should send: broken packets, mutated SQL, monstrous statements. The server answers with errors, stays up,
keeps its tables, and its memory returns."""
import os
import random
import re
import socket
import struct
import time

from checks import (FULL, SANITIZED, Disconnected, Link, SqlError, Weir, check, ended, equal, report, rss, sqlstate)

SETUP = """
CREATE TABLE a (id int PRIMARY KEY, k int, name text NOT NULL, price numeric(10,2), at timestamptz, day date, ok boolean,
    x double precision, j jsonb, raw bytea, big bigint DEFAULT 7);
CREATE TABLE b (k int, v text);
INSERT INTO a VALUES (1, 1, 'one', 1.5, '2024-01-01 10:00+00', '2024-02-29', true, 0.5, '{"p": [1, {"q": null}]}', '\\x00ff', 1),
    (2, 1, 'two', NULL, NULL, NULL, false, 'NaN', 'null', NULL, NULL), (3, NULL, '', -0.01, 'infinity', '-infinity', NULL, '-Infinity', '[]', '',
    -9223372036854775808);
INSERT INTO b VALUES (1, 'x'), (NULL, NULL), (2, 'é');
CREATE MATERIALIZED VIEW m AS SELECT k, count(*) AS n, sum(price) AS s FROM a GROUP BY k;
CREATE VIEW v AS SELECT * FROM m WHERE n > 0;
"""
CORPUS = [
    "SELECT a.id, b.v FROM a JOIN b ON a.k = b.k WHERE a.price > 1.0 AND b.v LIKE 'x%' ORDER BY 1 DESC LIMIT 10 OFFSET 1",
    "SELECT k, count(*), sum(price), avg(x), min(name), max(at) FILTER (WHERE ok), count(DISTINCT name) FROM a GROUP BY k HAVING count(*) > 1",
    "SELECT * FROM a LEFT JOIN b USING (k) WHERE a.id IN (SELECT k FROM b) OR NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.id)",
    "WITH t AS (SELECT k, row_number() OVER (PARTITION BY k ORDER BY id DESC) AS r FROM a), u AS (SELECT * FROM t WHERE r <= 2) "
    "SELECT * FROM u UNION ALL SELECT 1, 2",
    "SELECT CASE WHEN ok THEN name ELSE upper(name) || 'x' END, coalesce(price, 0)::int, id BETWEEN 1 AND 2, name IS NOT NULL FROM a",
    "SELECT extract(year FROM at), date_trunc('month', at), at + interval '1 day 2 hours', day - 3, to_char(at, 'YYYY-MM-DD HH24:MI:SS') FROM a",
    "SELECT j -> 'p' ->> 0, j #>> '{p,1,q}', j @> '{}', jsonb_typeof(j) FROM a",
    "SELECT substring(name FROM 1 FOR 2), position('n' IN name), trim(both ' ' from name), replace(name, 'o', '0'), length(name) FROM a",
    "SELECT abs(price), round(price, 1), floor(x), power(2, id), mod(id, 2), -big, id # 3, id << 2, 7 / id FROM a",
    "SELECT DISTINCT k FROM a EXCEPT SELECT k FROM b",
    "SELECT (SELECT max(v) FROM b WHERE b.k = a.k), 1 = ANY (SELECT k FROM b) FROM a",
    "SELECT window_start, count(*) FROM TUMBLE(a, at, INTERVAL '1 HOUR') GROUP BY window_start",
    "INSERT INTO b (k, v) VALUES (1, 'y'), (2, DEFAULT), (NULL, 'z' || 'z')",
    "INSERT INTO a (id, name) SELECT id + 100, name FROM a WHERE id < 2",
    "UPDATE a SET price = price * 2, name = lower(name) WHERE k = 1 AND id = 1",
    "DELETE FROM a WHERE id > 100 AND name <> 'one'",
    "BEGIN; INSERT INTO b VALUES (5, 'five'); SELECT * FROM b; ROLLBACK",
    "CREATE TABLE c (id int, s varchar(10) DEFAULT 'q', n numeric(20,4) NOT NULL, PRIMARY KEY (id, s))",
    "DROP TABLE IF EXISTS c CASCADE",
    "CREATE MATERIALIZED VIEW w AS SELECT a.k, max(b.v) AS mv FROM a, b WHERE a.k = b.k GROUP BY a.k",
    "DROP MATERIALIZED VIEW IF EXISTS w",
    "CREATE SOURCE s (id int, PRIMARY KEY (id)) WITH (connector = 'datagen', rows_per_second = '10') FORMAT PLAIN ENCODE JSON",
    "DROP SOURCE IF EXISTS s CASCADE",
    "CREATE SINK z FROM m WITH (connector = 'blackhole', type = 'upsert', primary_key = 'k')",
    "DROP SINK IF EXISTS z",
    "EXPLAIN SELECT * FROM a JOIN m ON a.k = m.k", "SHOW TABLES", "SHOW CREATE MATERIALIZED VIEW m", "DESCRIBE a", "SHOW ALL",
    "SET TimeZone = 'Europe/Berlin'", "SET statement_timeout = '5s'", "RESET ALL", "FLUSH", "SHOW search_path",
    "SELECT * FROM pg_catalog.pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','v')",
    "SELECT current_setting('TimeZone'), version(), current_user, now() IS NOT NULL, pg_backend_pid() > 0",
    "SELECT * FROM weir_catalog.operators", "SELECT * FROM weir_catalog.settings", "SELECT $1::int + 1, $2::text || 'x', $3",
    "VALUES (1, 'a'), (2, 'b')", "TABLE a", "SELECT '\\x41'::bytea, E'\\u00e9', U&'d\\0061t', B'101', X'1F', $tag$ x $tag$",
    "COPY b (k, v) FROM STDIN WITH (FORMAT csv, HEADER true, DELIMITER ';', NULL 'nil')",
    "PREPARE p AS SELECT 1", "DEALLOCATE ALL", "DISCARD ALL", "VACUUM a", "GRANT ALL ON a TO b", "LOCK TABLE a", "LISTEN x",
]
LITERALS = ["NULL", "0", "-1", "1e400", "1e-400", "9223372036854775808", "-9223372036854775808", "2147483648", "0.0", "'NaN'::float8",
            "'infinity'::timestamptz", "'294277-01-01'::timestamptz", "'5874897-12-31'::date", "'4713-01-01 BC'::date",
            "'-178000000 years'::interval", "''", "'" + "x" * 3000 + "'", "'{'::jsonb", "'[[[[]]]]'::jsonb", "'\\xzz'::bytea",
            "1e131071::numeric", "0.1e-16000::numeric", "(1/0)", "true", "*", "ARRAY[1,2]", "ROW(1,2)", "$1", "$99999", "$0",
            "CURRENT_TIMESTAMP", "é", '"q""uo"', "'%'", "'\\'", "1::numeric(1000,1000)", "1::varchar(0)", "repeat('x', 1000)",
            "lpad('x', 2000000000)", "'x'::regclass", "99999999999999999999999999999999999999999999.5"]


def tokens(sql):
    return re.findall(r"'(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|\w+|::|->>|->|#>>|[^\s\w]", sql)


RESERVED = set("""SELECT FROM WHERE GROUP BY ORDER HAVING LIMIT OFFSET JOIN LEFT ON USING AS AND OR NOT IN EXISTS BETWEEN IS NULL CASE
WHEN THEN ELSE END WITH OVER PARTITION DISTINCT UNION ALL EXCEPT INSERT INTO VALUES UPDATE SET DELETE CREATE TABLE MATERIALIZED VIEW DROP
SOURCE SINK PRIMARY KEY DEFAULT FILTER LIKE DESC BEGIN ROLLBACK COPY STDIN EXPLAIN SHOW DESCRIBE""".split())


def kind_of(word):
    if word[0] == "'":
        return "string"
    if word.isdigit():
        return "number"
    if word in RESERVED:
        return "reserved"
    return "word" if re.match(r"\w", word) else "sign"


POOL = [t for sql in CORPUS for t in tokens(sql)]
KINDS = {kind: [t for t in POOL if kind_of(t) == kind] for kind in ("string", "number", "reserved", "word", "sign")}


def mutate(rng):
    """A statement of the corpus, damaged a little."""
    words = tokens(rng.choice(CORPUS))
    for _ in range(rng.choice([1, 1, 1, 1, 2, 2, 3, 8])):
        at = rng.randrange(len(words)) if words else 0
        kind = rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9, 10, 10, 10, 10])
        if kind == 0 and words:
            del words[at]
        elif kind == 1:
            words.insert(at, rng.choice(POOL))
        elif kind == 2 and words:
            words[at] = rng.choice(POOL)
        elif kind == 3 and words:
            words[at] = rng.choice(LITERALS)
        elif kind == 4 and words:
            other = rng.randrange(len(words))
            words[at], words[other] = words[other], words[at]
        elif kind == 5:
            other = tokens(rng.choice(CORPUS))
            words[at:at] = ["("] + other + [")"]
        elif kind == 6:
            words[at:] = tokens(rng.choice(CORPUS))[-rng.randrange(1, 10):]
        elif kind == 7 and words:
            words[at] = "(" + words[at] + ")"
        elif kind == 9 and words:  # one of its own kind: stays parseable
            words[at] = rng.choice(KINDS[kind_of(words[at])])
        elif kind == 10 and words:
            places = [i for i, w in enumerate(words) if kind_of(w) in ("string", "number")]
            if places:
                words[rng.choice(places)] = rng.choice(LITERALS)
        elif words:
            words = words[:at] + words[at:rng.randrange(at, len(words)) + 1] * 2 + words[at:]
    return " ".join(words)


def random_sql(weir, n, seed):
    """Mutated statements: any answer but an internal error or silence."""
    rng = random.Random(seed)
    link = weir.link(timeout=60)
    link.query("SET statement_timeout = '3s'")
    states, sql = {}, None
    try:
        for _ in range(n):
            sql = mutate(rng)
            data = sql.encode() + b"\0"
            extended = rng.random() < 0.3 and "COPY" not in sql  # (a Sync inside COPY is swallowed)
            try:
                if extended:
                    # one parameter, however many it takes
                    link._send(b"P" + struct.pack("!i", len(data) + 7) + b"\0" + data + b"\0\0"
                               + b"D" + struct.pack("!i", 6) + b"S\0"
                               + b"B" + struct.pack("!i", 17) + b"\0\0\0\0\0\1\0\0\0\1" + b"5" + b"\0\0"
                               + b"E" + struct.pack("!i", 9) + b"\0\0\0\0\2" + b"S" + struct.pack("!i", 4))
                    from wire import Answer
                    link._finish(Answer())
                else:
                    link.query(sql)
                states["ok"] = states.get("ok", 0) + 1
            except SqlError as e:
                states[e.sqlstate] = states.get(e.sqlstate, 0) + 1
                if e.sqlstate.startswith("XX") or not e.message:
                    check(False, f"{sql!r}: {e}")
            if link.status != "I" and rng.random() < 0.5:
                link.query("ROLLBACK")
        check(True, "mutated SQL")
    except Disconnected as e:
        check(False, f"lost the server by {sql!r}: {e} {weir.process.poll()}")
    print(f"mutated SQL: {dict(sorted(states.items(), key=lambda x: -x[1]))}")
    link.close()


# ---- statements of a size nobody wants

def monsters(weir):
    link = weir.link(timeout=120)

    def ok(sql, what, want=None):
        before = time.monotonic()
        try:
            got = link.query(sql)
            if want is not None:
                equal(got.rows()[0][0], want, what)
            else:
                check(True, what)
        except SqlError as e:
            check(False, f"{what}: {e.sqlstate} {e.message[:200]}")
        took = time.monotonic() - before
        if not SANITIZED:
            check(took < 10, f"{what}: took {took:.1f} s")

    def refused(sql, what, *states):
        got = sqlstate(link, sql)
        check(got in states, f"{what}: {got}, expected one of {states}")

    ok("SELECT " + " + ".join(["1"] * 5000), "a sum of 5,000 terms", "5000")
    ok("SELECT count(*) FROM a WHERE " + " OR ".join(f"id = {i}" for i in range(5000)), "5,000 ORs", "3")
    ok("SELECT count(*) FROM a WHERE " + " AND ".join(f"id <> {i + 10}" for i in range(5000)), "5,000 ANDs", "3")
    ok(f"SELECT count(*) FROM a WHERE id IN ({', '.join(str(i) for i in range(20000))})", "IN of 20,000", "3")
    ok("SELECT " + " || ".join(["'x'"] * 3000), "3,000 concatenations", "x" * 3000)
    deep = "id" + " + 1" * 5000
    ok(f"SELECT {deep} FROM a WHERE id = 1", "a sum of 5,000 terms over rows", "5001")
    ok(f"CREATE MATERIALIZED VIEW deep AS SELECT id, {deep} AS s FROM a WHERE {deep} > 0", "a view with sums of 5,000 terms")
    ok("SELECT s FROM deep WHERE id = 1", "and it answers", "5001")
    ok("UPDATE a SET k = 2 WHERE id = 1", "and follows")
    ok("INSERT INTO b SELECT id, '' || " + " || ".join(["name"] * 3000) + " FROM a WHERE id = 1", "INSERT of a deep expression")
    ok("SELECT CASE " + " ".join(f"WHEN id = {i} THEN {i}" for i in range(3000)) + " END FROM a WHERE id = 1", "a CASE of 3,000", "1")
    for n in (1000, 100000, 3000000):
        for what, sql in (("parentheses", "SELECT " + "(" * n + "1" + ")" * n), ("NOT", "SELECT " + "NOT " * n + "true"),
                          ("minus", "SELECT " + "- " * n + "1"), ("open", "SELECT " + "(" * n),
                          ("subqueries", "SELECT * FROM " + "(SELECT * FROM " * (n // 10) + "a" + ") t" * (n // 10)),
                          ("CASE", "SELECT " + "CASE WHEN true THEN " * n + "1" + " END" * n),
                          ("casts", "SELECT 1" + "::int" * n), ("unions", "SELECT 1" + " UNION ALL SELECT 1" * (n // 10)),
                          ("brackets", "SELECT '" + "[" * n + "'::jsonb"), ("objects", "SELECT '" + '{"a":' * n + "'::jsonb"),
                          ("comments", "SELECT 1 " + "/*" * n), ("calls", "SELECT " + "abs(" * n + "1" + ")" * n)):
            if len(sql) > 40 << 20:
                continue
            got = sqlstate(link, sql)
            check(got in (None, "54001", "42601", "54000", "22P02", "54011", "53200", "0A000"), f"{n} nested {what}: {got}")
    ok("SELECT length('" + "x" * (20 << 20) + "')", "a literal of 20 MB", str(20 << 20))
    refused("SELECT " + "9" * 200000, "a number of 200,000 digits", "22003", None)
    refused("SELECT 1e" + "9" * 2000, "an absurd exponent", "22003", "22P02", "42601")
    columns = ", ".join(f"c{i} int" for i in range(2000))
    refused(f"CREATE TABLE wide ({columns})", "2,000 columns", "54011", None)
    if sqlstate(link, "SELECT * FROM wide") is None:
        ok("INSERT INTO wide VALUES (" + ", ".join(str(i) for i in range(2000)) + ")", "a row of 2,000 columns")
        refused("SELECT * FROM wide", "2,000 columns read", None, "54011")
        link.query("DROP TABLE wide")
    ok("CREATE TABLE wide (" + ", ".join(f"c{i} int" for i in range(1000)) + ")", "1,000 columns")
    ok("INSERT INTO wide VALUES (" + ", ".join(str(i) for i in range(1000)) + ")", "a row of 1,000 columns")
    ok("SELECT c999 FROM wide", "the last of 1,000", "999")
    ok("CREATE MATERIALIZED VIEW wv AS SELECT * FROM wide", "a view of 1,000 columns")
    ok("DROP TABLE wide CASCADE", "DROP of the wide table")
    refused("SELECT " + ", ".join(["1"] * 1665), "1,665 target columns", "54011")
    refused("SELECT " + ", ".join(["1"] * 70000), "70,000 target columns", "54011")
    ok("CREATE TABLE many (id int PRIMARY KEY, t text)", "many")
    ok("INSERT INTO many VALUES " + ", ".join(f"({i}, 'row {i}')" for i in range(100000)), "INSERT of 100,000 rows")
    ok("SELECT count(*) FROM many", "they are there", "100000")
    refused("INSERT INTO many VALUES " + ", ".join(f"({i}, 'again')" for i in range(150000, 50000, -1)), "a duplicate among 100,000", "23505")
    ok("SELECT count(*) FROM many", "all or nothing", "100000")
    ok("DELETE FROM many", "DELETE of 100,000")
    ok("DROP TABLE many", "DROP many")
    refused("SELECT " + ", ".join(f"a{i}.id" for i in range(300)) + " FROM " + ", ".join(f"a a{i}" for i in range(300)) + " WHERE false",
            "300 relations", None, "54000", "54001", "54011", "0A000")
    refused("SELECT 1 FROM nothing." + ".".join("abcdefghij"), "a long path", "42601", "0A000", "42P01", "3F000")
    refused("SELECT $1", "a parameter nobody gave", "42P02", "08P01")
    refused("SELECT $2147483648", "an absurd parameter", "42P02", "42601", "08P01", "54000")
    link.close()


def names(weir):
    link = weir.link(timeout=120)
    for i, name in enumerate(['"', "'", "a b", "é", "日本", "select", "A", ";", "--", "/*", "\\", "%s", "$1", "x" * 63, "..", "\n", "\t", "🦦" * 15, "/etc",
                              "{}", "\x01"]):
        quoted = '"' + name.replace('"', '""') + '"'
        for sql in (f"CREATE TABLE {quoted} ({quoted} int PRIMARY KEY, v text)", f"INSERT INTO {quoted} VALUES (1, 'x'), (2, NULL)",
                    f"CREATE MATERIALIZED VIEW mv{i} AS SELECT {quoted}, count(*) AS n FROM {quoted} GROUP BY {quoted}",
                    f"CREATE SINK sk{i} FROM {quoted} WITH (connector = 'blackhole')", f"SELECT {quoted} FROM {quoted}",
                    f"DESCRIBE {quoted}", f"SHOW CREATE TABLE {quoted}"):
            got = sqlstate(link, sql)
            check(got is None, f"name {name!r}: {got} {sql}")
    got = sqlstate(link, 'CREATE TABLE "" (a int)')
    equal(got, "42601", "an empty name")
    long = "y" * 300
    link.query(f"CREATE TABLE {long} (a int)")
    equal(link.value(f"SELECT count(*) FROM {'y' * 63}"), "0", "long names are cut as in PostgreSQL")
    link.close()
    # all of them survive a restart
    equal(weir.stop(), 0, "names: stop")
    weir.start()
    link = weir.link(timeout=120)
    equal(link.value('SELECT count(*) FROM "日本"'), "2", "names: after a restart")
    equal(link.value('SELECT count(*) FROM mv0'), "2", "names: a view after a restart")
    equal(link.value("SELECT s FROM deep WHERE id = 1"), "5001", "a deep view after a restart")
    link.query("DROP MATERIALIZED VIEW deep")
    link.close()


GARBAGE = ["", "-1", "99999999999999999999", "nan", "é", "'", "x" * 5000, "\x01", "true", "0", "1e9", "127.0.0.1:1", "{", "a,b,c", "../../etc/passwd"]


def options(weir):
    """WITH options of every connector with values that make no sense."""
    link = weir.link(timeout=60)
    rng = random.Random(3)
    keys = {"source": ["connector", "topic", "properties.bootstrap.server", "scan.startup.mode", "rows_per_second", "event_num", "nexmark.event.num",
                       "nexmark.table.type", "path", "match_pattern", "properties.group.id", "scan.startup.timestamp.millis", "nonsense", "fields.id.start",
                       "fields.id.kind"],
            "sink": ["connector", "type", "primary_key", "topic", "properties.bootstrap.server", "force_append_only", "nonsense", "properties.linger.ms",
                     "path"]}
    connectors = {"source": ["kafka", "datagen", "nexmark", "file", "embedded", "nope", ""], "sink": ["kafka", "blackhole", "file", "clickhouse", ""]}
    n = 0
    for kind, names_ in connectors.items():
        for connector in names_:
            for _ in range(12):
                pairs = {"connector": connector}
                for key in rng.sample(keys[kind][1:], rng.randrange(4)):
                    pairs[key] = rng.choice(GARBAGE)
                text = ", ".join(f"{k} = '{v.replace(chr(39), chr(39) * 2)}'" for k, v in pairs.items())
                tail = rng.choice(["", " FORMAT PLAIN ENCODE JSON", " FORMAT DEBEZIUM ENCODE JSON", " FORMAT UPSERT ENCODE JSON", " FORMAT NOPE ENCODE NOPE",
                                   " FORMAT PLAIN ENCODE JSON (nonsense = 'x')"])
                if kind == "source":
                    sql = rng.choice([f"CREATE SOURCE o{n} (id int, v text) WITH ({text}){tail}",
                                      f"CREATE TABLE o{n} (id int PRIMARY KEY, v text) WITH ({text}){tail}"])
                else:
                    sql = f"CREATE SINK o{n} FROM m WITH ({text}){tail}"
                n += 1
                got = sqlstate(link, sql)
                check(got is None or not got.startswith("XX"), f"{sql[:300]}: {got}")
    for sql in ("CREATE SOURCE oo (id int)", "CREATE SOURCE oo WITH (connector = 'kafka')", "CREATE SINK oo FROM m",
                "CREATE SINK oo FROM nothing WITH (connector = 'blackhole')",
                "CREATE SOURCE oo (id int) WITH (connector)", "CREATE SOURCE oo (id int) WITH (connector = 5)",
                "CREATE SOURCE oo (id int) WITH (connector = 'kafka', connector = 'datagen')"):
        got = sqlstate(link, sql)
        check(got and not got.startswith("XX"), f"{sql}: {got}")
    link.close()


def texts(weir):
    """NUL bytes and bytes that are not UTF-8: in queries, parameters and COPY."""
    link = weir.link(timeout=120)
    for raw in (b"SELECT '\xff'", b"SELECT '\xc3'", b"SELECT '\xed\xa0\x80'", b"SELECT '\xf4\x90\x80\x80'", b"SELECT '\xc0\x80'"):
        link._send(b"Q" + struct.pack("!i", len(raw) + 5) + raw + b"\0")
        from wire import Answer
        try:
            link._finish(Answer())
            check(False, f"{raw!r} was accepted")
        except SqlError as e:
            equal(e.sqlstate, "22021", f"{raw!r}")
    for chunk, state in ((b"1\t\xff\n", "22021"), (b"1\tx\0y\n", "22021"), (b"1\n", "22P04"), (b"x\ty\n", "22P02"), (b"1\t2\t3\n", "22P04"),
                         (b"1\t\\xff\n", "22021"), (b"1\t\\000\n", "22021"), (b"99999999999\tx\n", "22003")):
        before = link.value("SELECT count(*) FROM b")
        try:
            link.copy_in("COPY b FROM STDIN", [b"7\tfine\n", chunk])
            check(False, f"COPY {chunk!r} was accepted")
        except SqlError as e:
            equal(e.sqlstate, state, f"COPY {chunk!r}")
        equal(link.value("SELECT count(*) FROM b"), before, f"COPY {chunk!r} is all or nothing")
    rng = random.Random(5)
    for _ in range(300 if FULL else 60):
        try:
            link.copy_in(rng.choice(["COPY b FROM STDIN", "COPY b FROM STDIN WITH (FORMAT csv)", "COPY a FROM STDIN",
                                     "COPY b FROM STDIN (FORMAT binary)", "COPY a (id, name, j) FROM STDIN CSV QUOTE '\"'"]),
                         [rng.randbytes(rng.randrange(200)) if rng.random() < 0.5 else
                          bytes(rng.choice(b"0123456789\t\n\\N\"',.{}[]x") for _ in range(200)) for _ in range(rng.randrange(5))])
        except SqlError as e:
            check(not e.sqlstate.startswith("XX"), f"random COPY: {e}")
    link.close()


# ---- packets

def startup(body=b"user\0root\0database\0dev\0\0", code=196608):
    return struct.pack("!II", len(body) + 8, code) + body


def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def packets(rng):
    """Bytes for one connection."""
    if rng.random() < 0.15:
        return rng.randbytes(rng.randrange(1, 400))
    if rng.random() < 0.2:
        data = bytearray(startup())
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data)
    out = bytearray()
    sql = rng.choice([b"SELECT 1", b"SELECT * FROM a", b"SELECT $1::int", b"INSERT INTO b VALUES ($1, $2)", b"COPY b FROM STDIN", b"BEGIN", b"",
                      b"SELECT 1; SELECT 2"])
    for _ in range(rng.randrange(1, 12)):
        kind = rng.choice([b"Q", b"P", b"B", b"D", b"E", b"C", b"S", b"H", b"d", b"c", b"f", b"F", b"p", b"X", bytes([rng.randrange(256)])])
        types = struct.pack("!HI", rng.choice([0, 1, 2, 65535]), rng.choice([23, 25, 0, 9999]))
        values = struct.pack("!HHHi", 1, rng.choice([0, 1, 7]), rng.choice([0, 1, 2, 65535]), rng.choice([-1, 1, 4, -5, 2**31 - 1]))
        body = {b"Q": sql + b"\0", b"P": rng.choice([b"\0", b"s\0"]) + sql + b"\0" + types,
                b"B": b"\0" + rng.choice([b"\0", b"s\0"]) + values + rng.randbytes(rng.randrange(12)) + b"\0\0",
                b"D": rng.choice([b"S\0", b"P\0", b"Ss\0", b"X\0"]), b"E": b"\0" + struct.pack("!i", rng.choice([0, 1, -1, 2**31 - 1])),
                b"C": rng.choice([b"S\0", b"P\0", b"Ss\0"]), b"d": rng.randbytes(rng.randrange(50)), b"f": b"why\0"}.get(kind, b"")
        if rng.random() < 0.3 and body:
            body = bytearray(body)
            for _ in range(rng.randrange(1, 4)):
                body[rng.randrange(len(body))] = rng.randrange(256)
            body = bytes(body[:rng.randrange(len(body) + 1)] if rng.random() < 0.3 else body)
        whole = bytearray(message(kind, body))
        if rng.random() < 0.08:
            struct.pack_into("!I", whole, 1, rng.choice([0, 1, 3, 4, 5, 2**31, 2**32 - 1, 1 << 30, len(whole)]))
        out += whole
    return startup() + bytes(out)


def wire(weir, n, seed):
    rng = random.Random(seed)
    before = time.monotonic()
    for k in range(n):
        try:
            with socket.create_connection(("127.0.0.1", weir.port), timeout=10) as s:
                s.sendall(packets(rng))
                if rng.random() < 0.5:
                    s.shutdown(socket.SHUT_WR)
                    s.settimeout(10)
                    while s.recv(65536):
                        pass
        except TimeoutError:
            check(False, f"packet run {k}: no answer and no end")
        except OSError:
            pass
        if weir.process.poll() is not None:
            return check(False, f"packet run {k}: the server died: {weir.tail()}")
    check(True, "packets")
    print(f"packets: {n} connections in {time.monotonic() - before:.1f} s")


def main():
    weir = Weir(memory="256MB")
    link = weir.link(timeout=120)
    link.query(SETUP)
    link.close()
    start = rss(weir)
    texts(weir)
    wire(weir, 6000 if FULL else 600, 11)
    for seed in range(8 if FULL else 1):
        random_sql(weir, 2500 if FULL else 1500, seed)
    try:
        link = weir.link(timeout=120)  # what the mutations have left is of no use
        link.query("DROP TABLE IF EXISTS a, b CASCADE; " + SETUP)
        link.close()
        monsters(weir)
        names(weir)
        options(weir)
    except Disconnected as e:
        check(False, f"lost the server: {e} {weir.process.poll()} {weir.tail()}")
    if weir.process.poll() is None:
        link = weir.link(timeout=120)
        equal(link.value("SELECT 1"), "1", "still there")
        charged = int(link.value("SELECT used_bytes FROM weir_catalog.memory WHERE pool = 'total'"))
        print(f"RSS {start >> 20} MB at first, {rss(weir) >> 20} MB at the end; charged {charged >> 20} MB")
        link.close()
    ended(weir, "hostile")


if __name__ == "__main__":
    main()
    report("hostile")
