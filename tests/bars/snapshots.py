#!/usr/bin/python3
"""Snapshots: a backfill and a full scan do not stop the others.

While views over 10 M rows (quick: 500 k) are being created, and while a SELECT reads all of them, another view's
freshness (from INSERT sent to the view showing it) has a p99 within three times that of an idle server, and no INSERT
takes longer than 200 ms.
"""
import subprocess
import sys
import threading
import time

from bar import FULL, Server, check, copy, percentile, report, timed

ROWS = 10_000_000 if FULL else 500_000
SAMPLES = 400 if FULL else 200
PAUSE = 0.004
FRESHNESS_FACTOR = 3
INSERT_MAX = 0.2


class Probe:
    """Inserts one row at a time and waits until the view shows it."""

    def __init__(self, server):
        self.connection, self.next = server.connect(), 0

    def run(self, until):
        fresh, inserts = [], []
        while not until(len(fresh)):
            self.next += 1
            start = time.perf_counter()
            self.connection.execute(f"INSERT INTO tick VALUES ({self.next}, {self.next % 10})")
            inserts.append(time.perf_counter() - start)
            while self.connection.execute("SELECT n FROM seen").fetchone()[0] < self.next:
                pass
            fresh.append(time.perf_counter() - start)
            time.sleep(PAUSE)
        return fresh, inserts


def while_running(server, probe, work):
    """Probes as long as work(connection) runs in another session."""
    done, failure = threading.Event(), []

    def run():
        try:
            work(server.connect())
        except Exception as error:  # the check below shows it
            failure.append(error)
        done.set()

    thread = threading.Thread(target=run)
    start = time.time()
    thread.start()
    fresh, inserts = probe.run(lambda n: done.is_set())
    thread.join()
    check(not failure, f"it succeeds {failure or ''}({time.time() - start:.1f} s, {len(fresh)} probes)")
    return fresh, inserts


def judge(name, idle, fresh, inserts):
    figure = percentile(fresh, 0.99)
    text = (f"{name}: freshness p99 of {len(fresh)} probes {figure * 1e3:.1f} ms (idle {idle * 1e3:.1f} ms, allowed"
            f" {idle * FRESHNESS_FACTOR * 1e3:.1f} ms, p50 {percentile(fresh, 0.5) * 1e3:.1f} ms)")
    if len(fresh) >= 100:
        timed(figure <= idle * FRESHNESS_FACTOR, text)
    else:
        print("        " + text + ": too few to judge")
    timed(max(inserts) <= INSERT_MAX, f"{name}: slowest INSERT {max(inserts) * 1e3:.1f} ms")


SCAN = """
import sys, psycopg
with psycopg.connect(sys.argv[1]).cursor() as cursor:
    n = sum(1 for _ in cursor.stream("SELECT k, g, x FROM big"))
sys.exit(n != int(sys.argv[2]))
"""


def scan(connection):
    """In a process of its own: a thread here would hold up the probe, which is Python too."""
    info = connection.info
    conninfo = f"host={info.host} port={info.port} user={info.user} dbname={info.dbname}"
    subprocess.run([sys.executable, "-c", SCAN, conninfo, str(ROWS)], check=True)


def create(name, query):
    """Creates a view; three times, as a quick one would be over before there are probes enough to judge by."""
    def work(connection):
        for _ in range(3 if name == "few" else 1):
            connection.execute(f"DROP MATERIALIZED VIEW IF EXISTS v_{name}")
            connection.execute(f"CREATE MATERIALIZED VIEW v_{name} AS {query}")
    return work


def main():
    server = Server("snapshots", memory="1GB")
    connection = server.connect()
    connection.execute("CREATE TABLE big (k int PRIMARY KEY, g int, x int)")
    connection.execute("CREATE TABLE tick (k int PRIMARY KEY, g int)")
    connection.execute("CREATE MATERIALIZED VIEW seen AS SELECT count(*) AS n FROM tick")
    for start in range(0, ROWS, 250_000):
        copy(connection, "big", min(250_000, ROWS - start), lambda i: f"{start + i}\t{(start + i) % 1000}\t{i}\n")
    probe = Probe(server)
    time.sleep(1)
    probe.run(lambda n: n == 50)
    fresh, inserts = probe.run(lambda n: n == SAMPLES)
    idle = percentile(fresh, 0.99)
    print(f"        idle: freshness p50 {percentile(fresh, 0.5) * 1e3:.1f} ms, p99 {idle * 1e3:.1f} ms, slowest INSERT"
          f" {max(inserts) * 1e3:.1f} ms")
    for what, name, query in (
            ("an aggregate of 1000 groups", "few", "SELECT g, count(*) AS n, sum(x) AS s FROM big GROUP BY g"),
            ("an aggregate of groups of two", "many", "SELECT k / 2 AS p, count(*) AS n, sum(x) FROM big GROUP BY 1"),
            ("a filter", "filter", "SELECT k, x FROM big WHERE x % 3 = 0"),
            ("a self join", "join", "SELECT a.k, b.x FROM big a JOIN big b ON a.k = b.k")):
        judge(f"backfill of {what}", idle, *while_running(server, probe, create(name, query)))
    judge("full scan", idle, *while_running(server, probe, scan))
    server.stop()
    report("bar snapshots")


main()
