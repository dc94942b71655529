#!/usr/bin/env python3
"""A broker that dies takes nobody with it: while it is gone, and while it was being delivered to, statements on other
relations go on as before, DROP of a sink and of a table that reads a topic end in seconds, and so does the server.

    WEIR_KAFKA=host:port WEIR_BIN=... dead_broker.py
"""
import os
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
sys.path.insert(0, os.path.dirname(__file__))

import topics  # noqa: E402
from pipeline import source  # noqa: E402
from servers import Weir  # noqa: E402

DROP_SECONDS = 8     # a sink's thread gets 5 to end its transaction
STATEMENT_SECONDS = 1
END_SECONDS = 10
passed = failed = 0


def check(ok, what):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(("ok      " if ok else "FAILED  ") + what, flush=True)


class Others(threading.Thread):
    """INSERTs one row after the other; the longest any took."""

    def __init__(self, weir):
        super().__init__(daemon=True)
        self.link, self.ending, self.longest, self.n = weir.link(), False, 0, 0
        self.start()

    def run(self):
        while not self.ending:
            start = time.monotonic()
            self.link.query(f"INSERT INTO others VALUES ({self.n})")
            self.longest = max(self.longest, time.monotonic() - start)
            self.n += 1
            time.sleep(0.005)

    def end(self):
        self.ending = True
        self.join()
        self.link.close()


def seconds(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def start(work, name):
    """Four sinks that deliver without a pause, two tables that read topics."""
    os.mkdir(os.path.join(work, name))
    weir = Weir(directory=os.path.join(work, name))
    link = weir.link()
    link.query("CREATE TABLE others (n int PRIMARY KEY)")
    link.query("CREATE TABLE rows (k int, v text)")
    for i in range(2):
        topics.create(1, f"{name}-in{i}")
        link.query(f"CREATE TABLE in{i} (n bigint, v bigint) APPEND ONLY {source(f'{name}-in{i}')} "
                   "FORMAT PLAIN ENCODE JSON")
    for i in range(4):
        topics.create(1, f"{name}-out{i}")
        link.query(f"CREATE SINK out{i} AS SELECT k, v FROM rows {source(f'{name}-out{i}')} "
                   "FORMAT CHANGELOG ENCODE JSON")
    link.query("INSERT INTO rows SELECT 0, 'ready'")
    return weir, link


def fill(link):
    for i in range(200):
        link.query("INSERT INTO rows VALUES " + ", ".join(f"({i}, '{'x' * 500} {j}')" for j in range(500)))


def drops(work, name, when):
    """The broker is killed in mid-delivery (when: seconds into the load) or before it."""
    topics.broker("up")
    weir, link = start(work, name)
    others = Others(weir)
    load = threading.Thread(target=fill, args=(weir.link(),), daemon=True)
    load.start()
    time.sleep(when)
    topics.broker("kill")
    load.join()
    time.sleep(1)
    others.longest = 0
    for statement in ("DROP SINK out0", "DROP TABLE in0", "DROP SINK out1", "DROP TABLE in1", "DROP SINK out2"):
        took = seconds(lambda: link.query(statement))
        check(took < DROP_SECONDS, f"{name}: {statement} takes {took:.2f} s")
    check(link.query("SELECT count(*) FROM others").rows()[0][0] != "0", f"{name}: others are read")
    others.end()
    check(others.longest < STATEMENT_SECONDS,
          f"{name}: INSERTs meanwhile ({others.n}) take {others.longest * 1e3:.0f} ms at most")
    link.close()
    took = seconds(lambda: weir.stop())
    check(took < END_SECONDS, f"{name}: the server ends {took:.2f} s after SIGTERM, a sink and the broker being dead")


def main():
    if not topics.BOOTSTRAP:
        print("SKIP: dead_broker: WEIR_KAFKA is not set")
        return 0
    work = tempfile.mkdtemp(prefix="weir-dead-", dir=os.environ.get("WEIR_WORK"))
    try:
        for name, when in (("early", 0.05), ("middle", 0.5), ("late", 1.5)):
            drops(work, f"{name}{os.getpid()}", when)
    finally:
        topics.broker("up")
        shutil.rmtree(work, ignore_errors=True)
    print(f"dead_broker: {passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
