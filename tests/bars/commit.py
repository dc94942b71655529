#!/usr/bin/python3
"""Coarse state: a commit of ten rows writes little however large the state is, and merges do not make it wait.

Over 2 M rows and 2 GB on disk (quick: 200 k rows), in a table and three views, a commit of ten changed rows writes
less than 200 KB (commit_bytes_written of weir_catalog.store); while merges run its p99 stays below 20 ms. Killed and
started again on all that, the server answers within a second; also after many commits of one row.
"""
import random
import subprocess
import sys
import time

from bar import FULL, Server, check, copy, percentile, report, store, timed

ROWS = 2_000_000 if FULL else 200_000
COMMITS = 300 if FULL else 100
STATE_BYTES = 2 << 30
NOISE = "%x" % random.Random(1).getrandbits(4 << 22) if FULL else ""  # 4 M digits that nothing makes shorter
PAD = 1060 if FULL else 0
RESTART_SECONDS = 1
SMALL_COMMITS = 20_000 if FULL else 2_000


def padding(i):
    start = i * 15485863 % max(len(NOISE) - PAD, 1)
    return NOISE[start:start + PAD]


def ten(i):
    """Ten rows that are there already are written again (default_on_conflict is overwrite)."""
    keys = [(i * 10 + j) * 7919 % ROWS for j in range(10)]
    return "INSERT INTO t VALUES " + ", ".join(
        f"({k}, {k // 4}, {i + 1}, 'changed text of row {k} {padding(k + i)}')" for k in keys)


# In a process of its own: a thread here would hold up the probe, which is Python too.
LOAD = """
import itertools, sys, psycopg
connection = psycopg.connect(sys.argv[1], autocommit=True)
for at in itertools.count(0, 500):
    with connection.cursor().copy("COPY hot FROM STDIN") as out:
        out.write("".join(f"{at + i}\\t{i % 100}\\tsome text of row {i}\\n" for i in range(500)).encode())
"""


def restart(server):
    """Seconds from the start of the process to the first answer, and that answer."""
    server.process.kill()
    server.process.wait()
    start = time.time()
    again = Server("commit", memory="1GB", data=server.data)
    answer = again.connect().execute("SELECT g FROM t WHERE k = 4001").fetchone()
    return again, time.time() - start, answer


def main():
    server = Server("commit", memory="1GB")
    connection = server.connect()
    connection.execute("SET default_on_conflict TO overwrite")
    connection.execute("CREATE TABLE t (k int PRIMARY KEY, g int, x int, s text)")
    connection.execute("CREATE TABLE hot (k int PRIMARY KEY, g int, s text)")
    connection.execute("CREATE MATERIALIZED VIEW a AS SELECT g, sum(x) AS s, max(x) AS m FROM t GROUP BY g")
    connection.execute("CREATE MATERIALIZED VIEW j AS SELECT l.k, r.x FROM t l JOIN t r ON l.k = r.k")
    connection.execute("CREATE MATERIALIZED VIEW h AS SELECT g, count(*) AS n FROM hot GROUP BY g")
    for start in range(0, ROWS, 100_000):
        copy(connection, "t", min(100_000, ROWS - start),
             lambda i: f"{start + i}\t{(start + i) // 4}\t{i}\tsome text of row {i} {padding(start + i)}\n")
    size = store(connection, "disk_bytes")
    if FULL:
        check(size > STATE_BYTES, f"{size / (1 << 30):.2f} GB of state")
    time.sleep(1)
    written, times = [], []
    for i in range(COMMITS):
        before = store(connection, "commit_bytes_written")
        start = time.perf_counter()
        connection.execute(ten(i))
        times.append(time.perf_counter() - start)
        written.append(store(connection, "commit_bytes_written") - before)
    check(max(written) < 200 << 10, f"ten rows of {ROWS}: at most {max(written)} bytes a commit, p50"
          f" {percentile(written, 0.5)}")
    idle = percentile(times, 0.99)
    print(f"        latency p50 {percentile(times, 0.5) * 1e3:.1f} ms, p99 {percentile(times, 0.99) * 1e3:.1f} ms")

    # rows of another table make merges; what is waited for is a commit of ten rows of this one
    merges = store(connection, "merges")
    info = connection.info
    conninfo = f"host={info.host} port={info.port} user={info.user} dbname={info.dbname}"
    load = subprocess.Popen([sys.executable, "-c", LOAD, conninfo])
    times, start = [], time.time()
    while time.time() - start < (30 if FULL else 6):
        one = time.perf_counter()
        connection.execute(ten(len(times)))
        times.append(time.perf_counter() - one)
        time.sleep(0.005)
    load.kill()
    load.wait()
    merges = store(connection, "merges") - merges
    p99 = percentile(times, 0.99)
    check(merges > 0, f"{merges} merges ran during {len(times)} commits of ten rows")
    timed(p99 < 0.02, f"while they ran: p50 {percentile(times, 0.5) * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms,"
          f" slowest {max(times) * 1e3:.1f} ms")
    server, took, answer = restart(server)
    check(answer == (1000,), f"what was there is there after kill -9 {answer}")
    timed(took < RESTART_SECONDS, f"the first answer comes {took * 1e3:.0f} ms after the start")
    connection, before = server.connect(), store(server.connect(), "commits")
    for i in range(SMALL_COMMITS):
        connection.execute(f"INSERT INTO hot VALUES ({-1 - i}, {i % 100}, 'one')")
    made = store(connection, "commits") - before
    server, took, answer = restart(server)
    one = server.connect().execute("SELECT count(*), min(k) FROM hot WHERE s = 'one'").fetchone()
    check(one == (SMALL_COMMITS, -SMALL_COMMITS), f"the rows of {SMALL_COMMITS} statements are there {one}")
    timed(took < RESTART_SECONDS, f"after {made} commits of one row the first answer comes {took * 1e3:.0f} ms after the start")
    server.stop()
    report("bar commit")


main()
