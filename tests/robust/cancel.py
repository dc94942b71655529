"""Cancel, statement_timeout, clients that vanish: what runs stops soon and leaves nothing behind."""
import socket
import struct
import time

from checks import FULL, SANITIZED, SqlError, Weir, answer, check, ended, equal, eventually, idle, numbers, sqlstate, start
from wire import Link

SLOW = {
    "SELECT": "SELECT count(*) FROM num a, num b, num c",
    "SELECT rows": "SELECT a.n FROM num a, num b, num c WHERE a.n + b.n + c.n < 0",
    "SELECT join": "SELECT count(*) FROM num a JOIN num b ON a.n % 2 = b.n % 2 JOIN num c ON b.n % 2 = c.n % 2",
    "DISTINCT": "SELECT DISTINCT (a.n + b.n * 2000) % 1000 FROM num a, num b, num c",
    "GROUP BY": "SELECT (a.n + b.n * 2000) % 1000, count(*) FROM num a, num b, num c GROUP BY 1",
    "window": "SELECT * FROM (SELECT a.n, row_number() OVER (PARTITION BY a.n ORDER BY b.n, c.n) r FROM num a, num b, num c) t WHERE r < 3",
    "INSERT": "INSERT INTO big SELECT a.n, b.n FROM num a, num b, num c WHERE a.n + b.n + c.n < 0",
    "INSERT much": "INSERT INTO big SELECT a.n, b.n FROM num a, num b, num c",
    "UPDATE": "UPDATE num SET n = n WHERE n IN (SELECT a.n FROM num a, num b, num c)",
    "DELETE": "DELETE FROM num WHERE n IN (SELECT a.n + 5000 FROM num a, num b, num c)",
    "CREATE MATERIALIZED VIEW": "CREATE MATERIALIZED VIEW slow AS SELECT a.n, count(*) AS m FROM num a, num b, num c GROUP BY a.n",
    "query string": "CREATE TABLE with_slow (a int); INSERT INTO with_slow VALUES (1); "
                    "CREATE MATERIALIZED VIEW slow AS SELECT a.n, count(*) AS m FROM num a, num b, num c GROUP BY a.n; SELECT 1",
    "CREATE SINK": "CREATE SINK slow_sink AS SELECT a.n x, b.n y, c.n z FROM num a, num b, num c WHERE a.n + b.n + c.n < 0 WITH (connector = 'blackhole')",
}
# 100 ms, with room for a machine that is busy with other things.
PROMPT = 0.1 if not SANITIZED else 5


class Keyed(Link):
    """Remembers what a cancel request needs."""

    def _finish(self, answer, copy=None):
        import wire
        plain = wire.struct.unpack_from  # BackendKeyData is read off the stream once, before anything else
        if not hasattr(self, "key"):
            self.key = None
            while True:
                while len(self.buffer) < 5 or len(self.buffer) < 1 + plain("!I", self.buffer, 1)[0]:
                    self.buffer += self._more()
                kind, (length,) = self.buffer[0], plain("!I", self.buffer, 1)
                body = self.buffer[5:1 + length]
                if kind == 75:
                    self.key = body
                if kind == 90:
                    break
                self.buffer = self.buffer[1 + length:]
        return super()._finish(answer, copy)

    def cancel(self, port):
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.sendall(struct.pack("!ii", 16, 80877102) + self.key)
            s.recv(1)


def connect(weir):
    return Keyed(port=weir.port, timeout=60)


def store(link, name):
    return int(link.value(f"SELECT value FROM weir_catalog.store WHERE name = '{name}'"))


def pools(link):
    return {name: int(used) for name, used in link.rows("SELECT pool, used_bytes FROM weir_catalog.memory")}


def nothing_left(weir, what):
    """Snapshots are let go, query memory is back, no trace, view or backfill remains."""
    link = weir.link(timeout=120)
    check(eventually(lambda: idle(weir), 5), f"{what}: something still runs")
    check(store(link, "snapshots") <= 1, f"{what}: snapshots are still held")
    check(eventually(lambda: pools(link).get("queries", 0) + pools(link).get("query", 0) < 1 << 20),
          f"{what}: query memory is not back: {pools(link)}")
    check(eventually(lambda: not link.rows("SELECT object FROM weir_catalog.progress"), 3), f"{what}: a backfill goes on")
    equal(link.rows("SELECT name FROM weir_catalog.relations WHERE name LIKE 'slow%'"), [], f"{what}: relations")
    link.close()


def cancelled(weir, link, what, sql, delay):
    start(link, sql)
    time.sleep(delay)
    link.cancel(weir.port)
    error, seconds = answer(link)
    check(error and error.sqlstate == "57014" and error.message == "canceling statement due to user request",
          f"cancel {what}: {error}")
    check(seconds < PROMPT, f"cancel {what}: took {seconds * 1000:.0f} ms")
    equal(link.value("SELECT 1"), "1", f"cancel {what}: the session goes on")
    nothing_left(weir, f"cancel {what}")


def timed_out(weir, link, what, sql):
    link.query("SET statement_timeout = 150")
    before = time.monotonic()
    start(link, sql)
    error, _ = answer(link)
    seconds = time.monotonic() - before
    link.query("SET statement_timeout = 0")
    check(error and error.sqlstate == "57014" and error.message == "canceling statement due to statement timeout",
          f"timeout {what}: {error}")
    check(0.14 < seconds < 0.15 + PROMPT, f"timeout {what}: took {seconds * 1000:.0f} ms")
    nothing_left(weir, f"timeout {what}")


def settings(link):
    for value, shown in (("'5s'", "5s"), ("250", "250"), ("'1min'", "1min"), ("0", "0"), ("'2500ms'", "2500ms")):
        equal(sqlstate(link, f"SET statement_timeout = {value}"), None, f"SET statement_timeout = {value}")
    for value in ("'soon'", "-5", "'5 parsecs'", "'1e300s'"):
        equal(sqlstate(link, f"SET statement_timeout = {value}"), "22023", f"SET statement_timeout = {value}")
    link.query("SET statement_timeout = 0")


def copy(weir, link):
    """Cancelled between two pieces of data, nothing is there."""
    start(link, "COPY big FROM STDIN")
    time.sleep(0.1)
    for _ in range(50):
        chunk = b"".join(b"%d\t1\n" % i for i in range(5000))
        link._send(b"d" + struct.pack("!i", len(chunk) + 4) + chunk)
    time.sleep(0.3)
    link.cancel(weir.port)
    before = time.monotonic()
    link._send(b"d" + struct.pack("!i", 8) + b"1\t1\n")
    link._send(b"c" + struct.pack("!i", 4))
    replies = b""
    while b"C57014\0" not in replies:  # CopyInResponse comes first, perhaps with the error behind it
        replies += link._more()
    check(time.monotonic() - before < PROMPT * 3, "cancel COPY: late")
    link.close()
    again = weir.link(timeout=120)
    equal(again.value("SELECT count(*) FROM big"), "0", "cancel COPY: rows")
    again.close()
    nothing_left(weir, "cancel COPY")


def vanished(weir, what, sql):
    """A client that is gone stops what it had asked for."""
    link = weir.link(timeout=120)
    start(link, sql)
    time.sleep(0.3)
    link.socket.close()
    watcher = weir.link(timeout=120)
    check(eventually(lambda: idle(weir), 10), f"client gone during {what}: it still runs")
    watcher.close()
    nothing_left(weir, f"client gone during {what}")


def dropped_while_created(weir):
    creator, dropper = weir.link(timeout=120), weir.link(timeout=120)
    start(creator, SLOW["CREATE MATERIALIZED VIEW"])
    check(eventually(lambda: dropper.rows("SELECT object FROM weir_catalog.progress")), "the view shows up as being created")
    equal(sqlstate(dropper, "SELECT * FROM slow"), "55000", "a view being created is not read")
    equal(sqlstate(dropper, "INSERT INTO num VALUES (-1)"), None, "writes go on during a backfill")
    before = time.monotonic()
    equal(sqlstate(dropper, "DROP MATERIALIZED VIEW slow"), None, "DROP of a view being created")
    check(time.monotonic() - before < 2, "DROP of a view being created is prompt")
    error, _ = answer(creator)
    check(error and error.sqlstate == "57014", f"the creator learns of it: {error}")
    nothing_left(weir, "DROP of a view being created")
    creator.query("SET background_ddl = on")
    creator.query(SLOW["CREATE MATERIALIZED VIEW"])
    equal(sqlstate(dropper, "DROP MATERIALIZED VIEW slow"), None, "DROP of a view created in the background")
    nothing_left(weir, "DROP in the background")
    equal(sqlstate(dropper, "DELETE FROM num WHERE n < 0"), None, "writes after")
    creator.close()
    dropper.close()


def resumed(workers):
    """kill -9 in the middle of a backfill: the next start goes on and ends it."""
    weir = Weir(workers=workers)
    link = weir.link(timeout=120)
    numbers(link, 600)
    link.query("SET background_ddl = on")
    link.query("CREATE MATERIALIZED VIEW pairs AS SELECT a.n % 10 AS k, count(*) AS m FROM num a, num b, num c WHERE c.n < 100 GROUP BY 1")
    time.sleep(0.2)
    link.query("INSERT INTO num VALUES (5000)")
    in_the_middle = bool(link.rows("SELECT object FROM weir_catalog.progress"))
    check(in_the_middle, "the kill comes during the backfill")
    weir.kill()
    weir.start()
    link = weir.link(timeout=120)
    link.query("INSERT INTO num VALUES (5001)")
    check(eventually(lambda: sqlstate(link, "SELECT * FROM pairs") is None, 120), "the backfill ends after a restart")
    equal(link.value("SELECT sum(m) FROM pairs"), str(602 * 602 * 100), "and the view is right")
    link.query("DELETE FROM num WHERE n >= 5000")
    equal(link.value("SELECT sum(m) FROM pairs"), str(600 * 600 * 100), "and it follows")
    ended(weir, "resumed")


def stopped_while_busy():
    """SIGTERM while everything runs: prompt and clean."""
    weir = Weir()
    link = weir.link(timeout=120)
    numbers(link, 2000)
    link.query("CREATE TABLE big (a int, b int)")
    for what in ("SELECT", "GROUP BY", "INSERT much", "CREATE MATERIALIZED VIEW"):
        start(weir.link(timeout=120), SLOW[what])
    time.sleep(0.5)
    before = time.monotonic()
    ended(weir, "stop while busy")
    check(time.monotonic() - before < (5 if not SANITIZED else 30), f"stop while busy took {time.monotonic() - before:.1f} s")


def main():
    for workers in (1, 4) if FULL else (2,):
        weir = Weir(workers=workers)
        link = connect(weir)
        numbers(link, 2000)
        link.query("CREATE TABLE big (a int, b int)")
        settings(link)
        for what, sql in SLOW.items():
            cancelled(weir, link, what, sql, 0.3)
            timed_out(weir, link, what, sql)
        link.query("BEGIN")
        link.query("INSERT INTO big VALUES (1, 1)")
        start(link, SLOW["SELECT"])
        time.sleep(0.1)
        link.cancel(weir.port)
        error, _ = answer(link)
        equal(link.status, "E", "a cancelled statement fails its transaction")
        link.query("ROLLBACK")
        equal(link.value("SELECT count(*) FROM big"), "0", "nothing of it remains")
        copy(weir, connect(weir))
        for what in ("SELECT", "SELECT rows", "INSERT", "INSERT much", "CREATE MATERIALIZED VIEW"):
            vanished(weir, what, SLOW[what])
        dropped_while_created(weir)
        link.close()
        ended(weir, "cancel")
        resumed(workers)
    stopped_while_busy()


if __name__ == "__main__":
    from checks import report
    main()
    report("cancel")
