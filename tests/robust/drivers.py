"""What drivers do: psycopg 3 with parameters of all types in both formats, prepared statements, portals with row
limits, executemany, pipelines, COPY, transactions and their errors, notices, and what drivers ask at connect."""
import datetime
import decimal
import random
import struct
import threading

import psycopg
from psycopg.types.json import Jsonb

from checks import FULL, Weir, check, ended, equal, report

D = decimal.Decimal
UTC = datetime.timezone.utc


def connect(weir, **options):
    return psycopg.connect(**{**dict(host="127.0.0.1", port=weir.port, user="root", dbname="dev", autocommit=True, connect_timeout=10), **options})


def sqlstate(c, sql, params=None, **options):
    try:
        c.execute(sql, params, **options)
        return None
    except psycopg.Error as e:
        return e.sqlstate


VALUES = [
    ("int", [0, 1, -1, 2**31 - 1, -2**31]),
    ("smallint", [0, 32767, -32768]),
    ("bigint", [0, 2**63 - 1, -2**63]),
    ("boolean", [True, False]),
    ("double precision", [0.0, -1.5, 1e308, 5e-324, float("inf"), float("-inf"), 0.1]),
    ("real", [0.5, -2.25]),
    ("numeric", [D("0"), D("1.50"), D("-12345678901234567890.123456789"), D("1E+20"), D("1E-20"), D("NaN"), D("0.000")]),
    ("text", ["", "x", "é日本🦦", "a'b\"c\\d", "\n\t", "x" * 100000]),
    ("varchar", ["", "varying"]),
    ("bytea", [b"", b"\x00\xff\\x", bytes(range(256)) * 50]),
    ("date", [datetime.date(2024, 2, 29), datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
    ("time", [datetime.time(0, 0), datetime.time(23, 59, 59, 999999)]),
    ("timestamp", [datetime.datetime(2024, 2, 29, 12, 34, 56, 789012), datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999)]),
    ("timestamptz", [datetime.datetime(2024, 2, 29, 12, 34, 56, 789012, UTC), datetime.datetime(1970, 1, 1, tzinfo=UTC)]),
    ("interval", [datetime.timedelta(0), datetime.timedelta(days=3, seconds=5, microseconds=7), -datetime.timedelta(days=1)]),
    ("jsonb", [{"a": [1, None, "é", {"b": 1.5}]}, [], "text", 0, None, True]),
]


def same(a, b):
    if isinstance(a, (float, D)) and isinstance(b, (float, D)) and a != a:
        return b != b
    return a == b and (not isinstance(a, D) or str(a.as_tuple().exponent) == str(b.as_tuple().exponent) or a.as_tuple().exponent > 0)


def types(weir):
    """Every value there and back, as parameter and result, in text and binary, and by a table."""
    with connect(weir) as c:
        for name, values in VALUES:
            if sqlstate(c, f"SELECT NULL::{name}") == "0A000":
                print(f"type {name}: not supported yet")
                continue
            stored = not sqlstate(c, f"CREATE TABLE kept (id int PRIMARY KEY, v {name})")
            for i, value in enumerate(values):
                given = Jsonb(value) if name == "jsonb" else value
                for binary in (False, True):
                    for p in ("%s", "%t", "%b"):
                        try:
                            got = c.execute(f"SELECT {p}::{name}, {p}::{name} IS NULL", (given, given), binary=binary).fetchone()
                            check(same(value, got[0]) and got[1] is False, f"{name} {value!r:.60} by {p} binary={binary}: {got!r:.100}")
                        except psycopg.Error as e:
                            check(False, f"{name} {value!r:.60} by {p} binary={binary}: {e}")
                if stored:
                    try:
                        c.execute("INSERT INTO kept VALUES (%s, %s)", (i, given))
                        got = c.execute("SELECT v FROM kept WHERE id = %s", (i,), binary=i % 2 == 0).fetchone()
                        check(got and same(value, got[0]), f"{name} {value!r:.60} by a table: {got!r:.100}")
                    except psycopg.Error as e:
                        check(False, f"{name} {value!r:.60} by a table: {e}")
            for binary in (False, True):
                equal(c.execute(f"SELECT %s::{name}", (None,), binary=binary).fetchone(), (None,), f"{name} NULL")
            if stored:
                with c.cursor(binary=True) as cur:
                    equal(len(cur.execute("SELECT * FROM kept").fetchall()), len(values), f"{name}: rows in binary")
                c.execute("DROP TABLE kept")
        for name, bad in (("int", "x"), ("int", "99999999999"), ("date", "2024-02-30"), ("timestamptz", "soon"), ("boolean", "perhaps"), ("jsonb", "{"),
                          ("numeric", "1.2.3"), ("bytea", "\\xf")):
            state = sqlstate(c, f"SELECT %s::{name}", (bad,))
            check(state in ("22P02", "22003", "22008", "22007", "22023"), f"{name} from {bad!r}: {state}")
        equal(sqlstate(c, "SELECT %s::text", (b"\xff".decode("latin1"),)), None, "latin1 as UTF-8")


def bad_binary(weir):
    """Binary parameters of the wrong length, or that are not what their type says."""
    from hostile import message, startup
    import socket
    rng = random.Random(2)
    oids = [16, 20, 21, 23, 25, 17, 700, 701, 1700, 1082, 1083, 1114, 1184, 1186, 3802, 114, 1043, 0, 2950, 1007, 4294967295]
    answers = {}
    with socket.create_connection(("127.0.0.1", weir.port), timeout=20) as s:
        s.sendall(startup())
        buffer = b""

        def ready(until):
            nonlocal buffer
            errors = []
            while until:
                while len(buffer) < 5 or len(buffer) < 1 + struct.unpack_from("!I", buffer, 1)[0]:
                    data = s.recv(65536)
                    if not data:
                        return ["closed"]
                    buffer += data
                size = 1 + struct.unpack_from("!I", buffer, 1)[0]
                kind, body, buffer = buffer[:1], buffer[5:size], buffer[size:]
                if kind == b"E":
                    errors.append(dict((f[:1], f[1:]) for f in body.split(b"\0") if f)[b"C"].decode())
                until -= kind == b"Z"
            return errors
        ready(1)
        for n in range(1500 if FULL else 400):
            oid = rng.choice(oids)
            value = rng.choice([rng.randbytes(rng.choice([0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 16, 17, 40])), b"\0" * rng.randrange(20),
                                b"\xff" * rng.randrange(20),
                                struct.pack("!hhhh", 32767, 0, 0, 0), struct.pack("!hhhHh", 1, 32767, 0, 16383, 9999), struct.pack("!hhhHh", 1, 0, 0, 0, -1),
                                b"\x01{", b"\x01[1,2", b"\x02{}"])
            s.sendall(message(b"P", b"\0SELECT $1\0" + struct.pack("!HI", 1, oid)))
            bound = struct.pack("!HHHi", 1, 1, 1, len(value)) + value + struct.pack("!HH", 1, rng.randrange(2))
            s.sendall(message(b"B", b"\0\0" + bound)
                      + message(b"E", b"\0" + struct.pack("!i", 0)) + message(b"S", b""))
            got = ready(1)
            for state in got or ["ok"]:
                answers[state] = answers.get(state, 0) + 1
            # PostgreSQL, too, has XX000 for a jsonb of another version
            if "closed" in got or any(state.startswith("XX") for state in got) and oid != 3802:
                check(False, f"binary parameter oid {oid} {value!r}: {got}")
                break
    check(True, "binary parameters")
    print("binary parameters:", answers)


def diagnostics(weir):
    """What an error says beyond its message: whose constraint, where in the data."""
    with connect(weir) as c:
        c.execute("CREATE TABLE diagnosed (id int PRIMARY KEY, v text NOT NULL)")
        c.execute("INSERT INTO diagnosed VALUES (1, 'a')")
        for sql, want in (("INSERT INTO diagnosed VALUES (1, 'b')", ("public", "diagnosed", None, "diagnosed_pkey")),
                          ("INSERT INTO diagnosed (id) VALUES (2)", ("public", "diagnosed", "v", None)),
                          ("SELECT nope", (None, None, None, None))):
            try:
                c.execute(sql)
                check(False, f"{sql}: no error")
            except psycopg.Error as e:
                equal((e.diag.schema_name, e.diag.table_name, e.diag.column_name, e.diag.constraint_name), want, sql)
        try:
            with c.cursor().copy("COPY diagnosed FROM STDIN") as copy:
                copy.write(b"2\tb\nx\tc\n")
            check(False, "COPY of a bad line: no error")
        except psycopg.Error as e:
            equal((e.diag.context, e.diag.message_detail), ('COPY diagnosed, line 2, column id: "x"', None), "COPY of a bad line")
        c.execute("DROP TABLE diagnosed")


def described(weir):
    """A parameter is described by the type that the client gave it: pgjdbc stops a batch when it is another."""
    with connect(weir) as c:
        c.execute("CREATE TABLE described (id int PRIMARY KEY, v varchar(20), s text)")
        for oids, want in (((21, 1043, 25), (21, 1043, 25)), ((20, 25, 1043), (20, 25, 1043)), ((0, 0, 0), (23, 1043, 25)),
                           ((0, 705, 0), (23, 1043, 25))):
            prepared = c.pgconn.prepare(b"", b"INSERT INTO described VALUES ($1, $2, $3)", oids)
            equal(prepared.status, psycopg.pq.ExecStatus.COMMAND_OK, f"{oids}: Parse")
            told = c.pgconn.describe_prepared(b"")
            equal(tuple(told.param_type(i) for i in range(told.nparams)), want, f"parameters given as {oids}")
        c.execute("DROP TABLE described")


def origins(weir):
    """RowDescription says of which relation's column a column is one, as PostgreSQL's does: JDBC's getTableName, and
    the tools that let a result be edited, live on it."""
    cases = {"SELECT s, v AS x, id + 1, upper(s) FROM o_t": [("o_t", 3), ("o_t", 2), None, None],
             "SELECT n, s FROM o_v": [("o_v", 3), ("o_v", 1)],
             "SELECT * FROM o_m": [("o_m", 1), ("o_m", 2)],
             "SELECT t.id, u.id, w FROM o_t t LEFT JOIN o_u u ON t.id = u.id": [("o_t", 1), ("o_u", 1), ("o_u", 2)],
             "SELECT * FROM o_t JOIN o_u USING (id)": [("o_t", 1), ("o_t", 2), ("o_t", 3), ("o_u", 2)],
             "SELECT id, count(*) FROM o_t GROUP BY id ORDER BY id LIMIT 1": [("o_t", 1), None],
             "WITH c AS (SELECT id, w FROM o_u) SELECT q.w, id::text FROM (SELECT * FROM c) q": [("o_u", 2), None],
             "SELECT id FROM o_t UNION ALL SELECT id FROM o_u": [None], "SELECT id FROM o_t EXCEPT SELECT id FROM o_u": [None],
             "SELECT relname FROM pg_class": [("pg_class", 2)]}
    with connect(weir) as c:
        for sql in ("CREATE TABLE o_t (id int PRIMARY KEY, v varchar(20), s text)", "CREATE TABLE o_u (id int, w text)",
                    "CREATE VIEW o_v AS SELECT s, id, id + 1 AS n FROM o_t",
                    "CREATE MATERIALIZED VIEW o_m AS SELECT id, count(*) AS n FROM o_u GROUP BY id"):
            c.execute(sql)
        for sql, want in cases.items():
            wanted = [(c.execute("SELECT oid FROM pg_class WHERE relname = %s", (w[0],)).fetchone()[0], w[1]) if w else (0, 0) for w in want]
            answers = [c.pgconn.exec_(sql.encode()), c.pgconn.prepare(b"", sql.encode()) and c.pgconn.describe_prepared(b"")]
            for how, told in zip(("query", "Describe"), answers):
                equal([(told.ftable(i), told.ftablecol(i)) for i in range(told.nfields)], wanted, f"{how} of {sql}")
        for sql in ("DROP MATERIALIZED VIEW o_m", "DROP VIEW o_v", "DROP TABLE o_t", "DROP TABLE o_u"):
            c.execute(sql)


def formats(weir):
    """Format codes that there are not, and a number of them that does not fit, are errors after which things go on."""
    with connect(weir) as c:
        c.pgconn.prepare(b"", b"SELECT $1::int, $2::int")
        told = c.pgconn.exec_prepared(b"", [b"1", b"2"], [7, 0])
        equal(told.error_field(psycopg.pq.DiagnosticField.SQLSTATE), b"22023", "a parameter in format 7")
        equal(told.error_field(psycopg.pq.DiagnosticField.MESSAGE_PRIMARY), b"unsupported format code: 7", "its message")
        told = c.pgconn.exec_prepared(b"", [b"1", b"2"], [0, 0], 3)
        equal(told.error_field(psycopg.pq.DiagnosticField.SQLSTATE), b"22023", "a result in format 3")
        equal(c.pgconn.exec_prepared(b"", [b"1", b"2"]).get_value(0, 1), b"2", "the statement goes on")


def bounds(weir):
    """LIMIT and OFFSET as drivers write them."""
    with connect(weir) as c:
        c.execute("CREATE TABLE bounded (a int PRIMARY KEY)")
        c.execute("INSERT INTO bounded VALUES (1), (2), (3), (4), (5)")
        for clause, params, want in (("LIMIT %s OFFSET %s", (2, 1), [2, 3]), ("LIMIT %s::integer OFFSET %s::integer", (2, 1), [2, 3]),
                                     ("LIMIT %s::int + 1 OFFSET 10 - %s::int", (1, 7), [4, 5]), ("LIMIT coalesce(%s::int, 1)", (None,), [1]),
                                     ("LIMIT %s::int", (None,), [1, 2, 3, 4, 5]), ("LIMIT NULL OFFSET %s::bigint", (3,), [4, 5]),
                                     ("LIMIT %s", (0,), [])):
            got = [row[0] for row in c.execute("SELECT a FROM bounded ORDER BY a " + clause, params)]
            equal(got, want, f"{clause} {params}")
        equal(c.execute("SELECT count(*), min(a) FROM (SELECT a FROM bounded ORDER BY a DESC LIMIT %s::int) x", (2,)).fetchone(), (2, 4), "LIMIT below")
        for clause, value, want in (("LIMIT %s::int", -3, "2201W"), ("OFFSET %s::int", -3, "2201X"), ("LIMIT 1 / %s::int", 0, "22012"),
                                    ("LIMIT %s::int + a", 1, "42P10")):
            equal(sqlstate(c, "SELECT a FROM bounded ORDER BY a " + clause, (value,)), want, clause)
        c.execute("DROP TABLE bounded")


def prepared(weir):
    with connect(weir, prepare_threshold=1) as c:
        c.execute("CREATE TABLE p (id int PRIMARY KEY, v text)")
        for i in range(50):
            c.execute("INSERT INTO p VALUES (%s, %s)", (i, f"v{i}"))
        for i in range(50):
            equal(c.execute("SELECT v FROM p WHERE id = %s", (i,)).fetchone(), (f"v{i}",), "prepared SELECT")
        # what a prepared statement reads changes under it
        with connect(weir) as other:
            other.execute("DROP TABLE p")
            state = sqlstate(c, "SELECT v FROM p WHERE id = %s", (1,))
            equal(state, "42P01", "a prepared statement whose table is gone")
        one = "SELECT v FROM p WHERE id = %s"
        for columns in "id int PRIMARY KEY, v int", "id int PRIMARY KEY, v varchar(9)":
            with connect(weir) as other:
                other.execute(f"CREATE TABLE p ({columns})")
                other.execute("INSERT INTO p VALUES (1, 7)")
            for binary in False, True:
                equal(sqlstate(c, one, (1,), binary=binary), "0A000", f"a prepared statement whose column is another: {columns}")
            with connect(weir) as other:
                other.execute("DROP TABLE p")
                other.execute("CREATE TABLE p (w numeric, v text, id int PRIMARY KEY)")
                other.execute("INSERT INTO p VALUES (1.5, 'again', 1)")
            equal(c.execute(one, (1,)).fetchone(), ("again",), "a prepared statement whose column is there again")
            with connect(weir) as other:
                other.execute("DROP TABLE p")
        c.execute("CREATE TABLE p (id int PRIMARY KEY, v text)")
        plan = c.execute("EXPLAIN SELECT v FROM p WHERE id = %s AND v LIKE %s LIMIT %s", ("5", "x%", 3)).fetchall()
        check(any("id = 5" in line for line, in plan), f"EXPLAIN infers parameters and shows them: {plan}")
        for i in range(300):
            c.execute(f"SELECT {i}, %s::int", (i,), prepare=True)
        equal(c.execute("SELECT 1").fetchone(), (1,), "many prepared statements")
        c.execute("DROP TABLE p")


def many_parameters(weir):
    """As many as the protocol can count: bulk inserts of object mappers have thousands."""
    with connect(weir) as c:
        c.execute("CREATE TABLE m (id int PRIMARY KEY, v text, n numeric(12, 2))")
        for first, rows in (0, 342), (1000, 10000), (20000, 21845):
            values = [v for i in range(first, first + rows) for v in (i, f"v{i}", D(i))]
            c.execute("INSERT INTO m VALUES " + ", ".join(["(%s, %s, %s)"] * rows), values)
            ids = list(range(first, first + 3 * rows))
            got = c.execute("SELECT count(*), sum(n), max(v) FROM m WHERE id IN (" + ", ".join(["%s"] * len(ids)) + ")", ids).fetchone()
            equal(got, (rows, sum(values[2::3]), max(values[1::3])), f"{3 * rows} parameters")
        c.execute("DROP TABLE m")


def cursors(weir):
    with connect(weir) as c:
        c.execute("CREATE TABLE r (id int PRIMARY KEY, t text)")
        with c.cursor() as cur:
            cur.executemany("INSERT INTO r VALUES (%s, %s)", [(i, "x" * (i % 50)) for i in range(500)])
            equal(cur.rowcount, 500, "executemany counts")
            try:
                cur.executemany("INSERT INTO r VALUES (%s, %s)", [(600, "new"), (3, "twice"), (601, "never")])
                check(False, "executemany with a duplicate")
            except psycopg.errors.UniqueViolation:
                check(True, "executemany with a duplicate")
        before = c.execute("SELECT count(*) FROM r").fetchone()[0]
        check(before in (500, 501), f"after a failed executemany: {before}")
        with c.pipeline():
            for i in range(1000, 1100):
                c.execute("INSERT INTO r VALUES (%s, 'piped')", (i,))
        equal(c.execute("SELECT count(*) FROM r WHERE t = 'piped'").fetchone(), (100,), "a pipeline")
        try:
            with c.pipeline():
                c.execute("INSERT INTO r VALUES (2000, 'x')")
                c.execute("SELECT 1/0")
                c.execute("INSERT INTO r VALUES (2001, 'x')")
            check(False, "an error in a pipeline")
        except psycopg.Error as e:
            equal(e.sqlstate, "22012", "an error in a pipeline")
        equal(c.execute("SELECT count(*) FROM r WHERE id >= 2000").fetchone(), (0,), "an error in a pipeline undoes its block")
        with c.cursor() as cur:
            n = sum(1 for _ in cur.stream("SELECT a.id FROM r a, r b"))
            check(n >= 600 * 600, f"stream: {n}")
            for k, row in enumerate(cur.stream("SELECT a.id FROM r a, r b, r c")):
                if k == 1000:
                    break
        equal(c.execute("SELECT 1").fetchone(), (1,), "a stream left early")
        with c.cursor() as cur:
            cur.execute("SELECT id, t FROM r ORDER BY id")
            equal([d.name for d in cur.description], ["id", "t"], "description")
            equal([d.type_code for d in cur.description], [23, 25], "types")
            equal(len(cur.fetchmany(10)), 10, "fetchmany")
            check(len(cur.fetchall()) > 500, "fetchall")
        with c.cursor() as cur:
            cur.execute("SELECT 1; SELECT 2; SELECT 3")
            got = [cur.fetchone()]
            while cur.nextset():
                got.append(cur.fetchone())
            equal(got, [(1,), (2,), (3,)], "several results")
        c.execute("DROP TABLE r")


def named_cursors(weir):
    """Cursors of SQL: drivers describe them as portals. Rows that are left when another statement comes are kept in memory."""
    with connect(weir, autocommit=False) as c:
        c.execute("CREATE TABLE nc (k int PRIMARY KEY, s text)")
        with c.cursor().copy("COPY nc FROM STDIN") as copy:
            for k in range(20000):
                copy.write_row((k, f"text {k}" * 10))
        c.commit()
        with c.cursor(name="plain") as cur:
            cur.itersize = 700
            cur.execute("SELECT k, s FROM nc WHERE k >= %s ORDER BY k", (5,))
            equal([d.name for d in cur.description], ["k", "s"], "a cursor's columns")
            equal(cur.fetchone()[0], 5, "its first row")
            equal([r[0] for r in cur.fetchmany(3)], [6, 7, 8], "the next")
            equal(sum(1 for _ in cur), 20000 - 9, "the rest")
        with c.cursor(name="between") as cur:
            cur.execute("SELECT k FROM nc ORDER BY k")
            seen = 0
            for k, in cur:
                seen += 1
                if k % 5000 == 0:
                    c.execute("UPDATE nc SET s = 'changed' WHERE k = %s", (k,))
                    c.execute("DELETE FROM nc WHERE k = %s", (k + 1,))
            equal(seen, 20000, "rows of a cursor between whose rows others are deleted")
        with c.cursor(name="held", withhold=True) as cur:
            cur.execute("SELECT count(*) FROM nc")
            c.commit()
            equal(cur.fetchall(), [(19996,)], "a held cursor after COMMIT")
        c.rollback()
        c.execute("DROP TABLE nc")
        c.commit()


def portals(weir):
    """Row limits by Execute messages, several portals, and other statements in between."""
    from hostile import message, startup
    from wire import Link
    link = Link(port=weir.port, timeout=30)
    link.query("CREATE TABLE q (id int PRIMARY KEY)")
    link.query("INSERT INTO q VALUES " + ", ".join(f"({i})" for i in range(1000)))

    def send(*parts):
        link._send(b"".join(parts))

    def kinds(until):
        out = []
        while True:
            while len(link.buffer) < 5 or len(link.buffer) < 1 + struct.unpack_from("!I", link.buffer, 1)[0]:
                link.buffer += link._more()
            size = 1 + struct.unpack_from("!I", link.buffer, 1)[0]
            out.append(link.buffer[:1].decode())
            link.buffer = link.buffer[size:]
            if out[-1] == until:
                return "".join(out)

    def bind(portal, name):
        return message(b"B", portal + b"\0" + name + b"\0" + struct.pack("!HHH", 0, 0, 0))

    def execute(portal, rows):
        return message(b"E", portal + b"\0" + struct.pack("!i", rows))
    sync, flush = message(b"S", b""), message(b"H", b"")
    link.query("BEGIN")
    send(message(b"P", b"s\0SELECT a.id FROM q a, q b\0" + struct.pack("!H", 0)), bind(b"one", b"s"), bind(b"two", b"s"), execute(b"one", 3), sync)
    equal(kinds("Z"), "122DDDsZ", "three rows of a portal")
    send(execute(b"two", 2), execute(b"one", 1), sync)
    equal(kinds("Z"), "DDsDsZ", "two portals in turns")
    link.query("INSERT INTO q VALUES (5000)")
    send(execute(b"one", 10), sync)
    equal(kinds("Z"), "D" * 10 + "sZ", "a portal goes on after a write")
    equal(link.value("SELECT count(*) FROM q"), "1001", "a query between")
    send(message(b"C", b"Pone\0"), execute(b"one", 1), sync)
    equal(kinds("Z"), "3EZ", "a closed portal")
    link.query("ROLLBACK")
    send(execute(b"two", 1), sync)
    equal(kinds("Z"), "EZ", "portals end with their transaction")
    equal(link.value("SELECT count(*) FROM q"), "1000", "and its writes")
    link.query("DROP TABLE q")
    link.close()


def copying(weir):
    with connect(weir) as c:
        c.execute("CREATE TABLE cp (id int PRIMARY KEY, t text, n numeric, b bytea)")
        with c.cursor() as cur:
            with cur.copy("COPY cp FROM STDIN") as copy:
                for i in range(5000):
                    copy.write_row((i, None if i % 7 == 0 else "é\t\n\\" + str(i), D(i) / 4, bytes([i % 256])))
            equal(cur.rowcount, 5000, "COPY counts")
        equal(c.execute("SELECT t, n, b FROM cp WHERE id = 10").fetchone(), ("é\t\n\\10", D("2.5"), b"\n"), "what COPY wrote")
        try:
            with c.cursor().copy("COPY cp (id) FROM STDIN") as copy:
                copy.write_row((10000,))
                raise KeyError("the client's own failure")
        except (KeyError, psycopg.Error):
            pass
        equal(c.execute("SELECT count(*) FROM cp").fetchone(), (5000,), "COPY given up by the client")
        try:
            with c.cursor().copy("COPY cp (id) FROM STDIN") as copy:
                copy.write_row((20000,))
                copy.write_row((1,))
            check(False, "COPY of a duplicate")
        except psycopg.errors.UniqueViolation:
            check(True, "COPY of a duplicate")
        equal(c.execute("SELECT count(*) FROM cp").fetchone(), (5000,), "COPY of a duplicate leaves nothing")
        wide = "".join(f"{i}\t{'w' * 3000}\n" for i in range(40000, 41000))
        for broken in (None, 3, 500000, len(wide) - 10):  # one message of 3 MB, with a line that is none at this place
            try:
                with c.cursor().copy("COPY cp (id, t) FROM STDIN") as copy:
                    copy.write((wide if broken is None else wide[:broken] + "\nbad\n" + wide[broken:]).encode())
                check(broken is None, f"a long message of COPY with a bad line at {broken}")
                equal(c.execute("SELECT count(*), sum(length(t)) FROM cp WHERE id >= 40000").fetchone(), (1000, 3000000), "a long message of COPY")
                c.execute("DELETE FROM cp WHERE id >= 40000")
            except psycopg.errors.Error as e:
                check(broken is not None and e.sqlstate in ("22P02", "22P04"), f"a long message of COPY, broken at {broken}: {e}")
        equal(c.execute("SELECT count(*) FROM cp").fetchone(), (5000,), "long messages of COPY leave what they should")
        with c.transaction():
            with c.cursor().copy("COPY cp (id) FROM STDIN") as copy:
                copy.write_row((30000,))
            equal(c.execute("SELECT count(*) FROM cp").fetchone(), (5001,), "COPY in a transaction")
        c.execute("DROP TABLE cp")


def copying_out(weir):
    """What COPY TO gives COPY FROM takes, in every format; errors and Cancel in the middle leave the connection usable."""
    rng = random.Random(7)
    letters = ["a", "B", " ", "\t", "\n", "\r", "\\", '"', "'", ",", ";", "|", "\\.", "\\N", "\b", "\x01", "é", "🦦"]
    with connect(weir) as c:
        for name in ("co", "ci"):
            c.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, t text, n numeric(9,3), f double precision, b bytea, at timestamptz, j jsonb)")
        for i in range(300):
            text = None if rng.random() < 0.1 else "".join(rng.choice(letters) for _ in range(rng.randrange(7)))
            c.execute("INSERT INTO co VALUES (%s, %s, %s, %s, %s, %s, %s)",
                      (i, text, None if i % 7 == 0 else D(rng.randrange(10**8)) / 1000, rng.random() * 10 ** rng.randrange(-300, 300),
                       rng.randbytes(rng.randrange(5)), datetime.datetime(2024, 1, 1, tzinfo=UTC) + datetime.timedelta(seconds=i), Jsonb({"v": text})))
        for options in ("", "(FORMAT csv)", "(FORMAT csv, HEADER, FORCE_QUOTE *)", "(FORMAT csv, DELIMITER ';', QUOTE '''', ESCAPE '|', NULL 'null!')",
                        "(FORMAT text, HEADER, DELIMITER '|', NULL '')", r"(FORMAT text, DELIMITER E'\b', NULL 'ö')", "(FORMAT binary)"):
            with c.cursor() as cur:
                with cur.copy(f"COPY co TO STDOUT {options}") as copy:
                    pieces = [bytes(piece) for piece in copy]
                equal(cur.rowcount, 300, f"rows of COPY TO {options}")
                back = options.replace(", FORCE_QUOTE *", "").replace("FORMAT text, HEADER", "FORMAT text")
                with cur.copy(f"COPY ci FROM STDIN {back}") as copy:
                    for piece in pieces[1 if back != options and "text" in back else 0:]:
                        copy.write(piece)
            differ = c.execute("SELECT count(*) FROM co JOIN ci USING (id) WHERE co.n IS NOT DISTINCT FROM ci.n AND co.f = ci.f AND co.b = ci.b"
                               " AND co.at = ci.at AND co.j::text = ci.j::text AND co.t IS NOT DISTINCT FROM "
                               + ("nullif(ci.t, '')" if "NULL ''" in options else "ci.t")).fetchone()[0]
            want = 300 if "NULL ''" not in options else c.execute("SELECT count(*) FROM co WHERE t IS NULL OR t <> ''").fetchone()[0]
            equal(differ, want, f"there and back by COPY {options}")
            c.execute("DELETE FROM ci")
        for sql in ("COPY (SELECT 1 / (id - 299) FROM co ORDER BY id) TO STDOUT", "COPY nowhere TO STDOUT", "COPY co TO STDOUT (FORMAT xml)"):
            try:
                with c.cursor().copy(sql) as copy:
                    list(copy)
                check(False, f"{sql} succeeds")
            except psycopg.Error:
                equal(c.execute("SELECT 1").fetchone(), (1,), f"after {sql}")
        with c.cursor() as cur:
            try:
                with cur.copy("COPY (SELECT a.id FROM co a, co b, co d) TO STDOUT") as copy:
                    copy.read()
                    c.cancel()
                    list(copy)
                check(False, "a COPY that is cancelled ends")
            except psycopg.errors.QueryCanceled:
                equal(c.execute("SELECT count(*) FROM co").fetchone(), (300,), "after a cancelled COPY")
        c.execute("DROP TABLE co")
        c.execute("DROP TABLE ci")


def copying_binary(weir):
    def field(value):
        return struct.pack(">i", len(value)) + value

    def row(number, text):
        return struct.pack(">h", 2) + field(struct.pack(">i", number)) + field(text)

    head, end = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0), struct.pack(">h", -1)
    with connect(weir) as c:
        c.execute("CREATE TABLE cb (id int PRIMARY KEY, t varchar(5), n numeric(6, 2), d date, x int DEFAULT 7)")
        with c.cursor() as cur:
            with cur.copy("COPY cb (id, t, n, d) FROM STDIN (FORMAT binary)") as copy:
                copy.set_types(["int4", "varchar", "numeric", "date"])
                for i in range(3000):
                    copy.write_row((i, None if i % 7 == 0 else f"é{i}", D(i) / 8, datetime.date(2024, 2, 29)))
            equal(cur.rowcount, 3000, "binary COPY counts")
        want = [(1, "é1", D("0.13"), datetime.date(2024, 2, 29), 7)]
        equal(c.execute("SELECT * FROM cb WHERE id = 1").fetchall(), want, "what binary COPY wrote")
        # (bytes, SQLSTATE): as PostgreSQL 15 answers; each byte in a message of its own
        for data, want in [(head + row(9000, b"x") + end, None), (head + row(9001, b"x"), None), (head, None), (b"nonsense", "22P04"),
                           (head + end + b"x", "22P04"), (head + row(9002, b"x")[:-1], "22P04"), (head + struct.pack(">h", 3), "22P04"),
                           (head + struct.pack(">hi", 2, -2), "22P04"), (head[:11] + struct.pack(">ii", 1 << 20, 0), "22P04"),
                           (head[:11] + struct.pack(">ii", 0, 3) + b"abc" + end, None), (head + row(1, b"x") + end, "23505"),
                           (head + row(9003, b"\xff") + end, "22021"), (head + row(9003, b"too long") + end, "22001")]:
            got = None
            try:
                with c.cursor().copy("COPY cb (id, t) FROM STDIN BINARY") as copy:
                    for i in range(len(data)):
                        copy.write(data[i:i + 1])
            except psycopg.Error as e:
                got = e.sqlstate
            equal(got, want, f"binary COPY of {data!r}")
        equal(c.execute("SELECT count(*) FROM cb").fetchone(), (3002,), "what was refused left nothing")
        c.execute("DROP TABLE cb")


def lists_and_pools(weir):
    with connect(weir) as c:
        c.execute("CREATE TABLE li (id bigint PRIMARY KEY, t text, n numeric)")
        c.execute("INSERT INTO li VALUES (1, 'a', 1.0), (2, 'b c', 2.5), (3, NULL, NULL)")
        for binary in (False, True):
            for sql, items, want in [("id = ANY(%s)", [1, 3, 99], [1, 3]), ("id = ANY(%s)", [], []), ("t = ANY(%s)", ["b c", "x"], [2]),
                                     ("n = ANY(%s)", [D("1.00"), D("2.5")], [1, 2]), ("id <> ALL(%s)", [1, 2], [3]), ("id > ANY(%s)", [2], [3])]:
                got = c.execute(f"SELECT id FROM li WHERE {sql} ORDER BY id", (items,), binary=binary).fetchall()
                equal([r[0] for r in got], want, f"{sql} of {items}, binary {binary}")
        equal(c.execute("SELECT count(*) FROM li WHERE id = ANY(%s)", (list(range(100000)),)).fetchone(), (3,), "a long list")
        equal(sqlstate(c, "SELECT count(*) FROM li WHERE id = ANY(%s)", ("{1,x}",)), "22P02", "a bad list")
        equal(sqlstate(c, "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL"), None, "what pools send")
        equal(sqlstate(c, "CLOSE nope"), "34000", "CLOSE")
        with c.transaction():
            c.execute("INSERT INTO li VALUES (4)")
            try:
                with c.transaction():
                    c.execute("INSERT INTO li VALUES (5)")
                    c.execute("INSERT INTO li VALUES (4)")
            except psycopg.errors.UniqueViolation:
                pass
            c.execute("INSERT INTO li VALUES (6)")
        equal(c.execute("SELECT id FROM li WHERE id > 3 ORDER BY id").fetchall(), [(4,), (6,)], "nested transactions")
        c.execute("DROP TABLE li")


def transactions(weir):
    with connect(weir, autocommit=False) as c:
        c.execute("CREATE TABLE tx (id int PRIMARY KEY)")
        c.commit()
        c.execute("INSERT INTO tx VALUES (1)")
        c.rollback()
        equal(c.execute("SELECT count(*) FROM tx").fetchone(), (0,), "rollback")
        c.execute("INSERT INTO tx VALUES (1)")
        equal(sqlstate(c, "SELECT 1/0"), "22012", "an error in a transaction")
        equal(sqlstate(c, "SELECT 1"), "25P02", "then nothing but its end")
        equal(c.info.transaction_status, psycopg.pq.TransactionStatus.INERROR, "status")
        c.rollback()
        equal(c.execute("SELECT count(*) FROM tx").fetchone(), (0,), "and nothing is left")
        c.commit()
        with connect(weir) as other:
            c.execute("INSERT INTO tx VALUES (5)")
            equal(other.execute("SELECT count(*) FROM tx").fetchone(), (0,), "not seen before COMMIT")
            other.execute("INSERT INTO tx VALUES (5)")
            try:
                c.commit()
                check(False, "two transactions write one key")
            except psycopg.Error as e:
                check(e.sqlstate in ("23505", "40001"), f"two transactions write one key: {e.sqlstate}")
            equal(other.execute("SELECT count(*) FROM tx").fetchone(), (1,), "one of them did")
        c.rollback()
        notices = []
        c.add_notice_handler(lambda d: notices.append((d.severity, d.sqlstate, d.message_primary)))
        c.execute("CREATE TABLE IF NOT EXISTS tx (id int PRIMARY KEY)")
        c.execute("DROP TABLE IF EXISTS nowhere")
        said = [n[1:] for n in notices if n[0] == "NOTICE"]
        equal(said, [("42P07", 'relation "tx" already exists, skipping'), ("00000", 'table "nowhere" does not exist, skipping')], "notices")
        c.commit()
        c.execute("DROP TABLE tx")
        c.commit()
    done = []

    def add(k):
        with connect(weir) as c:
            for _ in range(20):
                c.execute("UPDATE counter SET n = n + 1 WHERE id = 1")
            done.append(k)
    with connect(weir) as c:
        c.execute("CREATE TABLE counter (id int PRIMARY KEY, n int)")
        c.execute("INSERT INTO counter VALUES (1, 0)")
        jobs = [threading.Thread(target=add, args=(k,)) for k in range(4)]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        equal(len(done), 4, "concurrent updates succeed")
        equal(c.execute("SELECT n FROM counter").fetchone(), (80,), "and none is lost")
        c.execute("DROP TABLE counter")


CONNECT = [
    # psycopg, SQLAlchemy
    "select pg_catalog.version()", "select current_schema()", "show standard_conforming_strings", "show transaction isolation level",
    "SELECT t.typname AS name, t.oid AS oid, t.typarray AS array_oid, t.oid::regtype::text AS regtype, t.typdelim AS delimiter "
    "FROM pg_type t WHERE t.oid = to_regtype('hstore')",
    # JDBC
    "SET extra_float_digits = 3", "SET application_name = 'PostgreSQL JDBC Driver'", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SHOW TRANSACTION ISOLATION LEVEL", "select current_database()", "SELECT 1",
    # asyncpg, pgx, node-postgres, npgsql
    "SET client_encoding = 'UTF8'", "SET client_min_messages TO warning", "SET TIME ZONE 'UTC'", "SET datestyle = 'ISO'", "set names 'utf8'", "-- ping",
    "select 1;", ";", "SET intervalstyle = 'iso_8601'",
    "BEGIN READ ONLY", "COMMIT", "BEGIN ISOLATION LEVEL SERIALIZABLE", "ROLLBACK", "START TRANSACTION", "END", "ABORT",
    "DISCARD ALL", "RESET ALL", "DEALLOCATE ALL", "CLOSE ALL", "UNLISTEN *", "SELECT pg_advisory_unlock_all()", "SET SESSION AUTHORIZATION DEFAULT",
    "RESET SESSION AUTHORIZATION",
    "SELECT nspname FROM pg_namespace", "SELECT pg_is_in_recovery()", "SELECT set_config('search_path', 'public', false)",
    "SELECT current_setting('server_version_num')",
    "SELECT oid, typname FROM pg_type WHERE typname = 'jsonb'", "SELECT * FROM information_schema.tables", "SELECT * FROM pg_tables", "SHOW server_version",
    "SAVEPOINT a", "PREPARE TRANSACTION 'x'",
]


def at_connect(weir):
    refused = []
    with connect(weir) as c:
        for sql in CONNECT:
            state = sqlstate(c, sql)
            if state:
                refused.append((state, sql))
                check(not state.startswith("XX"), f"{sql}: {state}")
            if c.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
                c.execute("ROLLBACK")
        equal(c.execute("SELECT 1").fetchone(), (1,), "after what drivers say at connect")
    for state, sql in refused:
        print(f"at connect: {state} {sql[:100]}")
    for options in (dict(options="-c statement_timeout=5s -c search_path=public"), dict(application_name="é 'x'"), dict(client_encoding="utf8"),
                    dict(sslmode="prefer"), dict(gssencmode="disable")):
        with connect(weir, **options) as c:
            equal(c.execute("SELECT 1").fetchone(), (1,), f"connect with {options}")
    for options in (dict(dbname="nope"), dict(client_encoding="latin1"), dict(options="-c nonsense"), dict(sslmode="require")):
        try:
            connect(weir, **options).close()
            check(options.get("options"), f"connect with {options} went through")
        except psycopg.Error:
            check(True, "refused")


def main():
    weir = Weir()
    parts = (types, bad_binary, diagnostics, described, origins, formats, bounds, prepared, many_parameters, cursors, named_cursors, portals, copying,
             copying_out, copying_binary, lists_and_pools, transactions, at_connect)
    for part in parts:
        try:
            part(weir)
        except (psycopg.Error, OSError, Exception) as e:
            import traceback
            traceback.print_exc()
            check(False, f"{part.__name__}: {type(e).__name__} {e}")
    ended(weir, "drivers")


if __name__ == "__main__":
    main()
    report("drivers")
