"""The server over the fake engine, by psycopg (both protocols), psql, and raw sockets with broken packets.

usage: server_test.py FAKE_SERVER. Exit 77 (skipped) without psycopg."""
import os, random, shutil, socket, struct, subprocess, sys, threading, time

try:
    import psycopg
except ImportError:
    print("skipped: psycopg is not installed (apt-get install python3-psycopg)")
    sys.exit(77)

passed = failed = 0


def check(condition, what):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"failed: {what}", file=sys.stderr)


def check_equal(got, want, what):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


class Server:
    def __init__(self, *args):
        self.process = subprocess.Popen([sys.argv[1], *args], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)

    def connect(self, **options):
        settings = dict(host="127.0.0.1", port=self.port, user="root", dbname="dev", autocommit=True)
        settings.update(options)
        return psycopg.connect(**settings)

    def raw(self, startup=True):
        return Raw(self.port, startup)


class Raw:
    """A client that says what it likes."""

    def __init__(self, port, startup):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(10)
        self.buffer = b""
        if startup:
            self.startup(b"user\0root\0database\0dev\0\0")
            self.until(b"Z")

    def startup(self, body, code=196608):
        self.send(struct.pack("!II", len(body) + 8, code) + body)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass

    def message(self, kind, body=b""):
        self.send(kind + struct.pack("!I", len(body) + 4) + body)

    def read(self):
        """(type, body), or (None, b"") once the server has closed."""
        while len(self.buffer) < 5 or len(self.buffer) < 1 + struct.unpack("!I", self.buffer[1:5])[0]:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return None, b""
            self.buffer += data
        length = struct.unpack("!I", self.buffer[1:5])[0]
        kind, body = self.buffer[:1], self.buffer[5 : length + 1]
        self.buffer = self.buffer[length + 1 :]
        return kind, body

    def until(self, kind):
        """All messages up to this kind, or to the end."""
        messages = []
        while True:
            got, body = self.read()
            messages.append((got, body))
            if got is None or got == kind:
                return messages

    def query(self, sql):
        self.message(b"Q", sql.encode() + b"\0")
        return self.until(b"Z")

    def close(self):
        self.socket.close()


def fields(body):
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def kinds(messages):
    return b"".join(kind or b"-" for kind, _ in messages).decode()


def error_of(messages):
    return next((fields(body) for kind, body in messages if kind == b"E"), {})


def parse(name, sql, oids=()):
    body = name.encode() + b"\0" + sql.encode() + b"\0" + struct.pack("!H", len(oids))
    return b"P", body + b"".join(struct.pack("!I", oid) for oid in oids)


def bind(portal, name, params=(), formats=(), results=()):
    body = portal.encode() + b"\0" + name.encode() + b"\0"
    body += struct.pack(f"!H{len(formats)}H", len(formats), *formats) + struct.pack("!H", len(params))
    for param in params:
        body += struct.pack("!i", -1) if param is None else struct.pack("!i", len(param)) + param
    return b"B", body + struct.pack(f"!H{len(results)}H", len(results), *results)


def execute(portal="", rows=0):
    return b"E", portal.encode() + b"\0" + struct.pack("!i", rows)


SYNC, FLUSH = (b"S", b""), (b"H", b"")


def pipeline(raw, *messages):
    raw.send(b"".join(kind + struct.pack("!I", len(body) + 4) + body for kind, body in messages))


# ---- startup


def test_startup(server):
    with server.connect() as c:
        check_equal(c.info.parameter_status("server_version"), "15.0 (weir 0.1.0)", "server_version")
        check_equal(c.info.server_version, 150000, "server_version as a number")
        check_equal(c.info.parameter_status("client_encoding"), "UTF8", "client_encoding")
        check_equal(c.info.parameter_status("integer_datetimes"), "on", "integer_datetimes")
    raw = server.raw(False)
    raw.startup(b"", 80877104)
    check_equal(raw.socket.recv(1), b"N", "GSSENCRequest")
    raw.startup(b"", 80877103)
    check_equal(raw.socket.recv(1), b"N", "SSLRequest")
    raw.startup(b"user\0x\0\0")
    check(kinds(raw.until(b"Z")).endswith("KZ"), "session after SSL and GSS were refused")
    for body, code, want in [
        (b"user\0root\0database\0other\0\0", 196608, ("3D000", 'database "other" does not exist')),
        (b"user\0root\0replication\0database\0\0", 196608, ("0A000", "replication connections are not supported yet")),
        (b"\0", 196608, ("28000", "no PostgreSQL user name specified in startup packet")),
        (b"user\0root\0\0", 131072, ("0A000", "unsupported frontend protocol 2.0: server supports 3.0 to 3.0")),
        (b"user\0root\0client_encoding\0latin1\0\0", 196608,
         ("22023", 'invalid value for parameter "client_encoding": "latin1"')),
        (b"user\0root", 196608, ("08P01", "invalid length or layout of startup packet")),
    ]:
        raw = server.raw(False)
        raw.startup(body, code)
        messages = raw.until(b"Z")
        error = error_of(messages)
        check_equal((error.get("C"), error.get("M")), want, f"startup {body!r}")
        check_equal(error.get("S"), "FATAL", "severity")
        check_equal(kinds(messages)[-1], "-", "closed")
    raw = server.raw(False)
    raw.startup(b"user\0root\0_pq_.x\0y\0\0", 196610)
    check_equal(kinds(raw.until(b"Z"))[0], "v", "NegotiateProtocolVersion")
    with server.connect(options="-c search_path=a --work-mem=5", application_name="x y") as c:
        check_equal(c.info.parameter_status("application_name"), "x y", "application_name")
        check_equal(c.execute("show search_path").fetchone(), ("a",), "options -c")
        check_equal(c.execute("show work_mem").fetchone(), ("5",), "options --")


# ---- simple protocol


def test_simple(server):
    raw = server.raw()
    check_equal(kinds(raw.query("select 1")), "TDCZ", "select")
    check_equal(kinds(raw.query("")), "IZ", "empty query")
    check_equal(kinds(raw.query(" ; ;")), "IZ", "only semicolons")
    check_equal(kinds(raw.query("select 1; insert; select types")), "TDCCTDCZ", "three statements")
    messages = raw.query("select 1; frobnicate it")
    check_equal(kinds(messages), "TDCEZ", "error in the second statement")
    check_equal(error_of(messages)["P"], "11", "position counts from the start of the string")
    check_equal(error_of(messages)["C"], "42601", "sqlstate")
    messages = raw.query("select fail 3")
    check_equal(kinds(messages), "TDDDEZ", "error after three rows")
    check_equal(kinds(raw.query("notice hello")), "NCZ", "notice")
    messages = raw.query("set timezone to 'UTC+1'")
    check((b"S", b"TimeZone\0UTC+1\0") in messages, "ParameterStatus after SET")
    check_equal(kinds(raw.query("set timezone to 'UTC+1'")), "CZ", "and only when it changed")
    raw.message(b"Q", b"select '\xff'\0")
    check_equal(error_of(raw.until(b"Z")).get("C"), "22021", "a query that is not UTF-8")
    raw.message(b"F", b"x")
    check_equal(error_of(raw.until(b"Z")).get("C"), "0A000", "fastpath")
    raw.message(b"X")
    check_equal(raw.read()[0], None, "Terminate")


def counter(raw):
    return int(raw.query("select count")[1][1][6:])


def test_implicit_transactions(server):
    raw = server.raw()
    before = counter(raw)
    raw.query("insert; insert; select fail 0")
    check_equal(counter(raw), before, "an error takes the statements before it back")
    raw.query("insert; insert")
    check_equal(counter(raw), before + 2, "both, or none")
    raw.query("insert; /* insert")
    check_equal(counter(raw), before + 2, "a comment without its end is more than a blank")
    messages = raw.query("insert; begin; insert")
    check_equal(kinds(messages), "CCCZ", "BEGIN in the middle")
    check_equal(messages[-1][1], b"T", "the transaction is the client's")
    raw.query("rollback")
    check_equal(counter(raw), before + 2, "rolled back with what came before BEGIN")
    raw.query("begin; insert; commit; insert")
    check_equal(counter(raw), before + 4, "COMMIT in the middle")
    raw.query("begin")
    messages = raw.query("select fail 0")
    check_equal(messages[-1][1], b"E", "failed transaction")
    check_equal(error_of(raw.query("select 1")).get("C"), "25P02", "commands are ignored")
    check_equal(raw.query("commit")[-1][1], b"I", "COMMIT of a failed transaction")


# ---- extended protocol


def test_extended(server):
    raw = server.raw()
    pipeline(raw, parse("", "select types"), (b"D", b"S\0"), bind("", "", results=[1]), (b"D", b"P\0"), execute(), SYNC)
    messages = raw.until(b"Z")
    check_equal(kinds(messages), "1tT2TDCZ", "unnamed")
    row = next(body for kind, body in messages if kind == b"D")
    check_equal(row, struct.pack("!HiiiqidiB", 7, 4, -42, 8, 1234567890123, 8, 1.5, 6, 0x68)[:-1]
                + "hällo".encode() + struct.pack("!iBii", 1, 1, -1, 0), "binary row")
    pipeline(raw, parse("s", "select $1", [23]), bind("", "s", [struct.pack("!i", 7)], [1], [0]), execute(), SYNC)
    messages = raw.until(b"Z")
    check((b"D", b"\0\1\0\0\0\x017") in messages, "binary parameter, text result")
    pipeline(raw, parse("", "select $1", [21]), bind("", "", [struct.pack("!h", -7)], [1], [0]), execute(), SYNC)
    check((b"D", b"\0\1\0\0\0\2-7") in raw.until(b"Z"), "binary int2")
    pipeline(raw, parse("s", "select 1"), SYNC)
    check_equal(error_of(raw.until(b"Z")).get("C"), "42P05", "a name twice")
    pipeline(raw, bind("", "nosuch"), execute(), execute(), SYNC)
    messages = raw.until(b"Z")
    check_equal((kinds(messages), error_of(messages)["C"]), ("EZ", "26000"), "skip to Sync after an error")
    pipeline(raw, bind("", "s"), SYNC)
    check_equal(error_of(raw.until(b"Z")).get("M"),
                'bind message supplies 0 parameters, but prepared statement "s" requires 1', "too few parameters")
    pipeline(raw, execute("p"), SYNC)
    check_equal(error_of(raw.until(b"Z")).get("C"), "34000", "no such portal")
    pipeline(raw, bind("", "s", [b"\xff"]), SYNC)
    check_equal(error_of(raw.until(b"Z")).get("C"), "22021", "a parameter that is not UTF-8")
    pipeline(raw, bind("", "s", [None]), execute(), (b"C", b"Ss\0"), (b"C", b"Snone\0"), SYNC)
    check_equal(kinds(raw.until(b"Z")), "2DC33Z", "NULL, Close")
    pipeline(raw, parse("", ""), bind("", ""), (b"D", b"P\0"), execute(), SYNC)
    check_equal(kinds(raw.until(b"Z")), "12nIZ", "empty statement")
    pipeline(raw, parse("", "select 1; select 2"), SYNC)
    check_equal(error_of(raw.until(b"Z")).get("M"), "cannot insert multiple commands into a prepared statement", "two")
    pipeline(raw, parse("", "select 1"), FLUSH)
    check_equal(raw.read()[0], b"1", "Flush")
    pipeline(raw, SYNC)
    raw.until(b"Z")


def test_portals(server):
    raw = server.raw()
    raw.query("begin")
    pipeline(raw, parse("g", "select generate 5"), bind("a", "g"), bind("b", "g"), execute("a", 2), execute("b", 1),
             execute("a", 2), SYNC)
    check_equal(kinds(raw.until(b"Z")), "122DDsDsDDsZ", "two portals in turns")
    pipeline(raw, execute("a", 2), execute("a", 2), (b"C", b"Pb\0"), execute("b"), SYNC)
    messages = raw.until(b"Z")
    check_equal(kinds(messages), "DCC3EZ", "to the end, beyond it, and after Close")
    check_equal([body for kind, body in messages if kind == b"C"], [b"SELECT 1\0", b"SELECT 0\0"], "tags count their Execute's rows")
    check_equal(error_of(raw.query("select 1")).get("C"), "25P02", "an error of the protocol fails the transaction")
    raw.query("rollback")
    raw.query("begin")
    pipeline(raw, bind("c", "g"), execute("c", 1), SYNC)
    raw.until(b"Z")
    check_equal(kinds(raw.query("select 1; select 2")), "TDCTDCZ", "queries between two parts of a portal")
    pipeline(raw, execute("c", 1), execute("c"), SYNC)
    check_equal(kinds(raw.until(b"Z")), "DsDDDCZ", "kept rows")
    pipeline(raw, parse("f", "select fail 3"), bind("c", "f"), SYNC)
    check_equal(error_of(raw.until(b"Z")).get("C"), "42P03", "a portal's name twice")
    raw.query("rollback")
    raw.query("begin")
    pipeline(raw, parse("f2", "select fail 3"), bind("c", "f2"), execute("c", 1), SYNC)
    raw.until(b"Z")
    check_equal(error_of(raw.query("select 1")).get("C"), "22012", "an error among the rows to keep")
    raw.query("rollback")
    pipeline(raw, bind("a", "g"), execute("a", 2), SYNC)
    check_equal(kinds(raw.until(b"Z")), "2DDsZ", "suspended")
    pipeline(raw, execute("a", 2), SYNC)
    check_equal(error_of(raw.until(b"Z")).get("C"), "34000", "portals end with the transaction")


def test_pipelined_transactions(server):
    raw = server.raw()
    before = counter(raw)
    insert = [parse("", "insert"), bind("", ""), execute()]
    pipeline(raw, *insert, *insert, parse("", "select fail 0"), bind("", ""), execute(), *insert, SYNC)
    messages = raw.until(b"Z")
    check_equal((kinds(messages), messages[-1][1]), ("12C12C12EZ", b"I"), "the third fails")
    check_equal(counter(raw), before, "nothing stays")
    pipeline(raw, *insert, *insert, *insert, SYNC)
    raw.until(b"Z")
    check_equal(counter(raw), before + 3, "all stay")
    fails = [parse("", "select fail 0"), bind("", ""), execute()]
    for between in [(b"C", b"S\0")], [(b"C", b"Snone\0"), (b"C", b"P\0")], [(b"D", b"S\0")]:
        pipeline(raw, *insert, *between, *fails, SYNC)
        raw.until(b"Z")
        check_equal(counter(raw), before + 3, f"what is between is no end: {between}")
    begin = [parse("", "begin"), bind("", ""), execute()]
    pipeline(raw, *insert, *begin, *insert, SYNC)
    messages = raw.until(b"Z")
    check_equal(messages[-1][1], b"T", "BEGIN in a pipeline")
    raw.query("rollback")
    check_equal(counter(raw), before + 3, "and rolled back")


def test_deallocate(server):
    raw = server.raw()
    for name in ["a", "B", "c d"]:
        pipeline(raw, parse(name, "select 1"), SYNC)
        raw.until(b"Z")
    check_equal(kinds(raw.query("-- x\ndeallocate a; select 1")), "CTDCZ", "DEALLOCATE")
    check_equal(error_of(raw.query("deallocate a")).get("C"), "26000", "DEALLOCATE twice")
    check_equal(kinds(raw.query('DEALLOCATE PREPARE "c d"')), "CZ", "DEALLOCATE of a quoted name")
    check_equal(error_of(raw.query("deallocate b")).get("C"), "26000", "names are folded")
    check_equal(error_of(raw.query("deallocate")).get("C"), "42601", "DEALLOCATE of nothing")
    pipeline(raw, parse("", "DEALLOCATE ALL"), bind("", ""), (b"D", b"P\0"), execute(), SYNC)
    messages = raw.until(b"Z")
    check_equal(kinds(messages), "12nCZ", "DEALLOCATE ALL in the extended protocol")
    check((b"C", b"DEALLOCATE ALL\0") in messages, "its tag")
    pipeline(raw, bind("", "B"), SYNC)
    check_equal(error_of(raw.until(b"Z")).get("C"), "26000", "all are gone")
    pipeline(raw, parse("d", "select 1"), SYNC)
    raw.until(b"Z")
    pipeline(raw, parse("", "discard all"), bind("", ""), execute(), SYNC)
    check_equal(kinds(raw.until(b"Z")), "12CZ", "DISCARD ALL")
    pipeline(raw, bind("", "d"), SYNC)
    check_equal(error_of(raw.until(b"Z")).get("C"), "26000", "DISCARD ALL forgets statements")


# ---- psycopg


def test_psycopg(server):
    with server.connect() as c:
        check_equal(c.execute("select 42").fetchone(), (42,), "text")
        cursor = c.cursor(binary=True)
        check_equal(cursor.execute("select types").fetchone(),
                    (-42, 1234567890123, 1.5, "hällo", True, None, ""), "binary")
        check_equal(c.execute("select $1".replace("$1", "%s"), ["ünï"]).fetchone(), ("ünï",), "parameter")
        for _ in range(8):
            c.execute("select %s", ["again"], prepare=True)
        check_equal(sum(1 for _ in c.cursor().execute("select generate 100000")), 100000, "100,000 rows")
        with c.pipeline():
            cursors = [c.execute("select %s", [str(i)]) for i in range(100)]
        check_equal([x.fetchone()[0] for x in cursors], [str(i) for i in range(100)], "pipeline mode")
        notices = []
        c.add_notice_handler(lambda d: notices.append(d.message_primary))
        c.execute("notice hello there")
        check_equal(notices, ["hello there"], "notice handler")
    with server.connect(autocommit=False) as c:
        before = c.execute("select count").fetchone()[0]
        c.execute("insert")
        c.rollback()
        check_equal(c.execute("select count").fetchone()[0], before, "rollback")
        try:
            c.execute("nonsense")
            check(False, "an error was expected")
        except psycopg.errors.SyntaxError as error:
            check_equal(error.diag.statement_position, "1", "position")
        c.rollback()


def test_copy(server):
    with server.connect() as c:
        before = c.execute("select count").fetchone()[0]
        with c.cursor().copy("copy t from stdin") as copy:
            for i in range(10000):
                copy.write(f"{i}\tx\n")
        check_equal(c.execute("select count").fetchone()[0], before + 10000, "copy")
        try:
            with c.cursor().copy("copy t from stdin") as copy:
                for i in range(1000):
                    copy.write("bad\n")
            check(False, "an error was expected")
        except psycopg.Error as error:
            check_equal(error.sqlstate, "22P02", "bad line")
        try:
            with c.cursor().copy("copy t from stdin") as copy:
                copy.write("1\n")
                raise ValueError("stop")
        except (ValueError, psycopg.errors.QueryCanceled):
            pass
        check_equal(c.execute("select count").fetchone()[0], before + 10000, "abandoned copies add nothing")
    raw = server.raw()
    raw.message(b"Q", b"copy t from stdin\0")
    check_equal(raw.read(), (b"G", b"\0\0\1\0\0"), "CopyInResponse")
    raw.message(b"d", b"1\n2\n")
    raw.message(b"f", b"enough\0")
    check_equal(error_of(raw.until(b"Z")).get("M"), "COPY from stdin failed: enough", "CopyFail")
    raw.message(b"Q", b"copy t from stdin\0")
    raw.message(b"Q", b"select 1\0")
    check_equal(error_of(raw.until(b"Z")).get("C"), "08P01", "a query within COPY")


def test_cancel(server):
    with server.connect() as c:
        start = time.time()
        timer = threading.Timer(0.2, c.cancel)
        timer.start()
        try:
            c.execute("select sleep 10000")
            check(False, "it should have been cancelled")
        except psycopg.errors.QueryCanceled as error:
            check("user request" in str(error), "message of cancel")
        check(time.time() - start < 3, "cancelled soon")
        c.cancel()
        time.sleep(0.05)
        check_equal(c.execute("select 1").fetchone(), (1,), "a cancel while idle does nothing")
    raw = server.raw(False)
    raw.startup(struct.pack("!II", 1, 12345), 80877102)
    check_equal(raw.read()[0], None, "a cancel with a wrong key is ignored")


def test_psql(server):
    if not shutil.which("psql"):
        print("psql is not installed: its part is skipped")
        return

    def psql(*args, **options):
        done = subprocess.run(["psql", "-X", "-h", "127.0.0.1", "-p", str(server.port), "-U", "root", "-d", "dev", *args],
                              capture_output=True, text=True, timeout=30, **options)
        return done.stdout + done.stderr

    check_equal(psql("-Atc", "select types"), "-42|1234567890123|1.5|hällo|t||\n", "psql -c")
    check("LINE 1: frobnicate" in psql("-c", "frobnicate"), "psql shows where the error is")
    check_equal(psql("-c", "copy t from stdin", input="1\n2\n"), "COPY 2\n", "psql copy")
    check("server 15.0 (weir 0.1.0)" in psql("-c", "\\conninfo", "-c", "\\echo :SERVER_VERSION_NAME")
          or "15.0 (weir 0.1.0)" in psql("-c", "\\echo :SERVER_VERSION_NAME"), "psql knows the version")


# ---- malformed packets


def alive(server, what):
    try:
        with server.connect() as c:
            check_equal(c.execute("select 1").fetchone(), (1,), what)
    except psycopg.Error as error:
        check(False, f"{what}: {error}")


def test_malformed(server):
    for body in [b"\0", b"", b"x" * 100, b"\0\0\xff\xff", b"a\0b\0\0\x05", b"\0\0\0\1\0\5\0\1\0\0\0\0\0\0",
                 b"\0\0\0\0\0\1\x7f\xff\xff\xff\0\0", b"\0\0\0\2\0\1\0\1\0\1\0\0", b"X\0", b"S"]:
        for kind in b"PBDECQ":
            raw = server.raw()
            raw.message(bytes([kind]), body)
            raw.message(b"S")
            messages = raw.until(b"Z")
            if messages[-1][0] is None:
                check(False, f"{kind:c} {body!r} ends the connection")
            else:
                passed_on = error_of(messages)
                check("C" not in passed_on or passed_on["C"] != "XX000", f"{kind:c} {body!r}")
            raw.close()
    for header in [b"Q\0\0\0\0", b"Q\0\0\0\3", b"Q\xff\xff\xff\xff", b"Q\x7f\xff\xff\xff", b"P\x20\0\0\0"]:
        raw = server.raw()
        raw.send(header)
        check_equal(error_of(raw.until(b"Z")).get("C"), "08P01", f"length {header!r}")
    for kind in [b"\0", b"z", b"\xff", b"p", b"R"]:
        raw = server.raw()
        raw.message(kind, b"abc")
        check_equal(error_of(raw.until(b"Z")).get("C"), "08P01", f"type {kind!r}")
    for packet in [b"\0\0\0\0", b"\0\0\0\7", b"\x7f\xff\xff\xff\0\3\0\0", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0"]:
        raw = server.raw(False)
        raw.send(packet)
        check_equal(error_of(raw.until(b"Z")).get("C"), "08P01", f"startup {packet!r}")
    alive(server, "after malformed packets")


def test_random(server):
    rng = random.Random(7)
    whole = b"".join(kind + struct.pack("!I", len(body) + 4) + body for kind, body in [
        parse("s", "select $1", [23]), bind("p", "s", [b"12"], [0], [1]), (b"D", b"Pp\0"), execute("p", 1), SYNC,
        (b"Q", b"copy t from stdin\0"), (b"d", b"1\n"), (b"c", b""), (b"Q", b"select types; select 1\0")])
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            action = rng.randrange(3)
            if action == 0:
                data[at] = rng.randrange(256)
            elif action == 1:
                del data[at : at + rng.randrange(1, 9)]
            else:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
        raw = server.raw()
        raw.send(bytes(data))
        raw.socket.shutdown(socket.SHUT_WR)
        raw.until(None)
        raw.close()
    alive(server, "after random packets")
    for _ in range(100):
        raw = server.raw(False)
        raw.send(rng.randbytes(rng.randrange(1, 60)))
        raw.close()
    alive(server, "after random startups")


# ---- many clients, slow clients, the end


def test_limits():
    server = Server("5")
    clients = [server.raw() for _ in range(5)]
    raw = server.raw(False)
    raw.startup(b"user\0root\0\0")
    check_equal(error_of(raw.until(b"Z")).get("C"), "53300", "too many clients")
    clients.pop().close()
    time.sleep(0.3)
    alive(server, "a place is free again")
    for client in clients:
        client.close()
    check_equal(server.stop(), 0, "exit code")


def test_slow_client(server):
    raw = server.raw()
    raw.message(b"Q", b"select generate 20000000\0")
    time.sleep(1)
    status = open(f"/proc/{server.process.pid}/status").read()
    rss = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    check(rss < 200000, f"rows for a client that does not read are not kept: {rss} kB")
    alive(server, "beside a slow client")
    return raw


def test_stop():
    server = Server()
    idle, busy, slow = server.raw(), server.raw(), test_slow_client(server)
    busy.message(b"Q", b"select sleep 100000\0")
    time.sleep(0.2)
    start = time.time()
    code = server.stop()
    check_equal(code, 0, "exit code")
    check(time.time() - start < 10, "it stopped soon")
    check_equal(error_of(idle.until(b"Z")).get("C"), "57P01", "an idle client is told")
    codes = [fields(body).get("C") for kind, body in busy.until(None) if kind == b"E"]
    check("57014" in codes and "57P01" in codes, f"a busy one too: {codes}")
    slow.close()


def main():
    server = Server()
    for test in [test_startup, test_simple, test_implicit_transactions, test_extended, test_portals,
                 test_pipelined_transactions, test_deallocate, test_psycopg, test_copy, test_cancel, test_psql, test_malformed, test_random]:
        test(server)
    check_equal(server.stop(), 0, "exit code")
    test_limits()
    test_stop()
    print(f"server: {passed} passed, {failed} failed")
    sys.exit(failed != 0)


main()
