"""The data directory: in use, of another version, damaged byte by byte, on a full disk. Errors, never a crash."""
import os
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import time

from checks import FULL, SANITIZED, Disconnected, SqlError, Weir, check, ended, equal, eventually, report, sqlstate
from servers import told_port

# Died of something that is not an error message.
CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}


def serve(directory, seconds=20, limit=None):
    """Runs weir serve that is expected to end by itself: (status, text)."""
    def limits():
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    p = subprocess.Popen([os.environ["WEIR_BIN"], "serve", "--data", directory, "--listen", "127.0.0.1:0",
                          "--memory", "64MB"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=limits)
    try:
        out, _ = p.communicate(timeout=seconds)
        return p.returncode, out.decode(errors="replace")
    except subprocess.TimeoutExpired:
        p.kill()
        return "timeout", p.communicate()[0].decode(errors="replace")


def in_use():
    weir = Weir()
    status, text = serve(os.path.join(weir.directory, "data"))
    check(status == 1, f"a directory in use: status {status}")
    check(str(weir.process.pid) in text and "in use" in text and "55006" in text, f"a directory in use: {text}")
    equal(weir.link(timeout=120).value("SELECT 1"), "1", "the holder is not disturbed")
    weir.kill()
    weir.start()  # the lock went with the process
    ended(weir, "in use")


def fill(weir):
    """Tables, views of several kinds and enough commits that all kinds of records and files are there."""
    link = weir.link(timeout=120)
    link.query("CREATE TABLE t (id int PRIMARY KEY, grp int, name text, price numeric, j jsonb)")
    link.query("CREATE TABLE log (a int, b text)")
    link.query("CREATE MATERIALIZED VIEW g AS SELECT grp, count(*) AS n, sum(price) AS s, max(name) AS m FROM t GROUP BY grp")
    link.query("CREATE MATERIALIZED VIEW j AS SELECT t.id, l.b FROM t JOIN log l ON l.a = t.id")
    link.query("CREATE VIEW v AS SELECT * FROM g WHERE n > 1")
    link.query("CREATE SINK k FROM g WITH (connector = 'blackhole')")
    for at in range(0, 3000, 300):
        link.query("INSERT INTO t VALUES " + ", ".join(
            f"({i}, {i % 17}, 'name {i * 7919 % 1000}', {i}.25, '{{\"a\": {i}}}')" for i in range(at, at + 300)))
        link.query("INSERT INTO log VALUES " + ", ".join(f"({i}, 'line {i}')" for i in range(at, at + 300, 3)))
        link.query(f"DELETE FROM t WHERE id % 50 = 7 AND id >= {at}")
    link.close()


def contents(weir):
    link = weir.link(timeout=120)
    out = [sorted(link.query(f"SELECT * FROM {name}").raw) for name in ("t", "log", "g", "j", "v")]
    link.close()
    return out


def other_version(directory):
    path = os.path.join(directory, "FORMAT")
    with open(path, "rb") as f:
        original = f.read()
    for text, state in ((original.replace(b"1", b"99", 1), "55000"), (b"", "XX001"), (b"garbage\n", "XX001"),
                        (b"\xff" * 5000, "XX001")):
        with open(path, "wb") as f:
            f.write(text)
        status, said = serve(directory)
        check(status == 1 and state in said, f"FORMAT {text[:20]!r}: {status} {said}")
    os.remove(path)
    status, said = serve(directory)
    check(status == 1 and "XX001" in said, f"FORMAT missing: {status} {said}")
    with open(path, "wb") as f:
        f.write(original)


def damage(rng, path):
    """One wound; says which."""
    size = os.path.getsize(path)
    kind = rng.choice(["flip", "flip", "cut", "zero", "noise", "remove", "grow"]) if size else rng.choice(["remove", "grow"])
    if kind == "remove":
        os.remove(path)
        return kind
    with open(path, "r+b") as f:
        at = rng.randrange(size) if size else 0
        if kind == "flip":
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ 1 << rng.randrange(8)]))
        elif kind == "cut":
            f.truncate(at)
        elif kind == "grow":
            f.seek(0, 2)
            f.write(rng.randbytes(rng.randrange(1, 5000)))
        else:
            f.seek(at)
            f.write((b"\0" * 4096 if kind == "zero" else rng.randbytes(4096))[:max(1, size - at)])
    return f"{kind} at {at}"


def remove_logs(directory, before):
    """RocksDB's log gone or cut: refused, with a way out; never served as if the last commits had not been."""
    def refused(what):
        status, said = serve(work)
        check(status == 1 and "XX001" in said and "hint: " in said, f"{what}: {status} {said}")

    home = tempfile.mkdtemp(prefix="weir-logs-", dir=os.environ.get("WEIR_WORK"))
    work = os.path.join(home, "data")
    for kind in ("all", "last", "cut", "last byte"):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(directory, work)
        logs = sorted(os.path.join(work, f) for f in os.listdir(work) if f.endswith(".log"))
        for path in logs if kind == "all" else logs[-1:]:
            if kind in ("all", "last"):
                os.remove(path)
            else:
                os.truncate(path, os.path.getsize(path) // 2 if kind == "cut" else os.path.getsize(path) - 1)
        refused(f"logs: {kind}")
        refused(f"logs: {kind}, started again")
    os.remove(os.path.join(work, "COMMITTED"))  # the loss is accepted: an earlier commit, whole
    weir = Weir(directory=home, memory="64MB")
    check(agrees(weir, before) in ("earlier", "whole"), "the loss of the last writes is accepted")
    equal(weir.stop(), 0, "clean end")
    shutil.rmtree(home, ignore_errors=True)


VIEWS = {"g": "SELECT grp, count(*) AS n, sum(price) AS s, max(name) AS m FROM t GROUP BY grp",
         "j": "SELECT t.id, l.b FROM t JOIN log l ON l.a = t.id"}


def agrees(weir, whole):
    """What a wounded directory shows: "whole", "earlier" (an earlier commit, whole), what is wrong, or an error's state."""
    link = weir.link(timeout=30)
    try:
        got = {name: link.query(f"SELECT * FROM {name}").bag() for name in ("t", "log", "g", "j")}
        wrong = [name for name, sql in VIEWS.items() if got[name] != link.query(sql).bag()]
    except SqlError as e:
        return e.sqlstate
    finally:
        link.close()
    if wrong:
        return f"views {wrong} differ from their queries"
    return "whole" if [sorted(got[n].elements()) for n in ("t", "log", "g", "j")] == whole[:4] else "earlier"


def ask(weir, name, rng):
    """Reads everything and writes a little over a wounded directory; SQL errors are fine."""
    states = set()
    for sql in ("SELECT * FROM t", "SELECT * FROM log", "SELECT * FROM g", "SELECT * FROM j", "SELECT * FROM v",
                "SHOW TABLES", f"INSERT INTO t VALUES ({rng.randrange(10**6)}, 3, 'new', 1, NULL)",
                "UPDATE t SET price = price + 1 WHERE grp = 3", "INSERT INTO log VALUES (3, 'x')", "FLUSH",
                "SELECT * FROM g"):
        try:
            link = weir.link(timeout=30)
            link.query(sql)
            link.close()
        except SqlError as e:
            states.add(e.sqlstate)
    return states


def wounds(directory, count, whole):
    """Each round: a copy of the directory with one file damaged is opened, read and written."""
    rng = random.Random(7)
    refused = opened = 0
    states, shows = {}, {}
    base = tempfile.mkdtemp(prefix="weir-wound-", dir=os.environ.get("WEIR_WORK"))
    for n in range(count):
        home = os.path.join(base, "home")
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(directory, os.path.join(home, "data"), ignore=shutil.ignore_patterns("LOG*"))
        files = sorted(os.path.join(top, f) for top, _, names in os.walk(os.path.join(home, "data")) for f in names
                       if f not in ("LOCK",))
        victim = files[n % len(files)]
        name = os.path.relpath(victim, home)
        how = damage(rng, victim)
        weir = None
        died = None
        try:
            weir = Weir(directory=home, memory="64MB")
            opened += 1
            shown = agrees(weir, whole)
            shows[shown] = shows.get(shown, 0) + 1
            check(shown in ("whole", "XX001", "58030"), f"{name} {how}: shows {shown}")
            for state in ask(weir, name, rng):
                states[state] = states.get(state, 0) + 1
        except Disconnected as e:
            died = str(e)
        if weir is None:  # refused to open: it must have said why
            with open(os.path.join(home, "log"), errors="replace") as f:
                text = f.read()
            refused += 1
            check("error: " in text and not any(w in text for w in ("Sanitizer", "runtime error", "terminate called")),
                  f"{name} {how}: {text[-1500:]}")
            check(died and "exited with 1:" in died, f"{name} {how}: {died}")
            continue
        check(died is None, f"{name} {how}: lost the server: {died} {weir.process.poll()} {weir.tail()}")
        status = weir.stop(60)
        text = weir.tail(100000)
        check(status in (0, 1) and "Sanitizer" not in text and "runtime error" not in text, f"{name} {how}: ended with {status}: {text[-3000:]}")
        weir.log.close()
    shutil.rmtree(base, ignore_errors=True)
    print(f"damage: {count} wounds, {refused} refused at start, {opened} opened and showed {shows}; errors by state: {states}")


def full_disk():
    """Files that cannot grow: writes end in an error, reads go on or end, what was acknowledged is there later."""
    home = tempfile.mkdtemp(prefix="weir-full-", dir=os.environ.get("WEIR_WORK"))
    p = subprocess.Popen([os.environ["WEIR_BIN"], "serve", "--data", home + "/data", "--listen", "127.0.0.1:0",
                          "--memory", "64MB"], stderr=open(home + "/log", "wb"), preexec_fn=lambda: (
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))))
    from wire import Link
    link = None
    for _ in range(500):
        try:
            link = Link(port=told_port(home + "/log"), timeout=30)
            break
        except Disconnected:
            time.sleep(0.02)
    link.query("CREATE TABLE t (id int PRIMARY KEY, text text)")
    link.query("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM t")
    acknowledged, error = 0, None
    rng = random.Random(1)
    before = time.monotonic()
    while error is None and time.monotonic() < before + 60:
        try:
            link.query("INSERT INTO t VALUES " + ", ".join(
                f"({i}, '{rng.randbytes(150).hex()}')" for i in range(acknowledged, acknowledged + 100)))
            acknowledged += 100
        except SqlError as e:
            error = e
        except Disconnected as e:
            error = e
    check(isinstance(error, SqlError) and error.sqlstate in ("53100", "58030"), f"disk full: {error!r}")
    again = None
    try:
        again = sqlstate(link, "INSERT INTO t VALUES (-1, 'x')")
    except Disconnected:
        again = "gone"
    check(again in ("53100", "58030", "gone"), f"after disk full, a write: {again}")
    try:
        code = p.wait(30)
    except subprocess.TimeoutExpired:
        p.kill()
        code = "nothing"
    log = open(home + "/log", errors="replace").read()
    check(code == 1 and "start weir on the directory again" in log, f"after disk full the server ends with {code}: {log[-500:]}")
    weir = Weir(directory=home, memory="64MB")
    link = weir.link(timeout=120)
    count = int(link.value("SELECT count(*) FROM t"))
    # the statement that failed is all there or not at all
    check(count in (acknowledged, acknowledged + 100), f"after disk full: {count} rows, acknowledged {acknowledged}")
    equal(link.value("SELECT n FROM v"), str(count), "after disk full: the view")
    equal(link.value("SELECT count(*) FROM t WHERE length(text) = 300"), str(count), "after disk full: the rows")
    equal(sqlstate(link, "INSERT INTO t VALUES (-1, 'x')"), None, "writes go on once there is room")
    weir.own = True
    ended(weir, "after disk full")


def not_a_directory():
    work = tempfile.mkdtemp(dir=os.environ.get("WEIR_WORK"))
    path = os.path.join(work, "file")
    with open(path, "w") as f:
        f.write("x")
    for directory in (path, "/proc/nothing/here", os.path.join(path, "below")):
        status, said = serve(directory)
        check(status == 1 and "error" in said, f"--data {directory}: {status} {said}")
    # somebody else's files
    status, said = serve(work, 3)
    check(os.path.exists(path), f"foreign files stay: {status} {said}")
    shutil.rmtree(work)


def main():
    in_use()
    not_a_directory()
    weir = Weir(memory="64MB")
    fill(weir)
    before = contents(weir)
    weir.kill()
    crashed = weir.directory + "-crashed"
    shutil.copytree(os.path.join(weir.directory, "data"), crashed)  # with a log to recover from
    weir.start()
    equal(contents(weir), before, "after kill -9 everything is there")
    equal(weir.stop(), 0, "clean end")
    data = os.path.join(weir.directory, "data")
    other_version(data)
    weir.start()
    equal(contents(weir), before, "after other versions were refused everything is there")
    equal(weir.stop(), 0, "clean end")
    remove_logs(crashed, before)
    wounds(crashed, 200 if FULL else 25, before)
    wounds(data, 200 if FULL else 15, before)
    shutil.rmtree(crashed)
    weir.remove()
    full_disk()


if __name__ == "__main__":
    main()
    report("directory")
