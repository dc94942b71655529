"""What the robustness tests share: counting, and watching a server from outside."""
import os
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
from servers import Weir  # noqa: E402
from wire import Disconnected, Link, SqlError  # noqa: E402

FULL = os.environ.get("WEIR_FULL") == "1"
SANITIZED = bool(os.environ.get("WEIR_SANITIZED"))  # times are not judged
passed = failed = 0


def check(condition, what):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"failed: {what}", file=sys.stderr, flush=True)
    return bool(condition)


def equal(got, want, what):
    return check(got == want, f"{what}: got {got!r}, want {want!r}")


def sqlstate(link, sql):
    """The SQLSTATE a statement fails with, or None."""
    try:
        link.query(sql)
        return None
    except SqlError as e:
        return e.sqlstate


def start(link, sql):
    """Sends a query without waiting for its answer."""
    data = sql.encode() + b"\0"
    link._send(b"Q" + struct.pack("!i", len(data) + 4) + data)


def answer(link):
    """Waits for what start() began: (error or None, seconds)."""
    from wire import Answer
    before = time.monotonic()
    try:
        link._finish(Answer())
        return None, time.monotonic() - before
    except SqlError as e:
        return e, time.monotonic() - before


def rss(weir):
    with open(f"/proc/{weir.process.pid}/status") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024


def cpu(weir):
    """Seconds of processor the server has used."""
    with open(f"/proc/{weir.process.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(weir, seconds=0.2):
    """Nothing runs: hardly any processor is used for a while."""
    before = cpu(weir)
    time.sleep(seconds)
    return cpu(weir) - before <= 0.02


def eventually(probe, seconds=10):
    until = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def ended(weir, what):
    """The server ends cleanly; under sanitizers this is where leaks are told."""
    status = weir.stop(120)
    if check(status == 0, f"{what}: server ended with {status}: {weir.tail()}"):
        weir.remove()


def numbers(link, n):
    """A table of n numbers: cross joins of it are as slow as one likes."""
    link.query("CREATE TABLE num (n int PRIMARY KEY)")
    link.query("INSERT INTO num VALUES " + ", ".join(f"({i})" for i in range(n)))


def report(name):
    print(f"{name}: {passed} passed, {failed} failed", flush=True)
    sys.exit(failed > 0)
