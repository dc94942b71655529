"""What the bar scripts share: a weir server of their own, sessions, COPY of generated rows, sampled memory, checks.

Each script asserts figures the project promises and prints every one it measured. Sizes are small unless WEIR_FULL=1.
WEIR_BIN is the binary, WEIR_WORK a directory for data (default /tmp).
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

try:
    import psycopg
except ImportError:
    print("SKIP: bars: no psycopg 3 (apt-get install python3-psycopg)")
    sys.exit(0)

FULL = os.environ.get("WEIR_FULL", "0") == "1"
BIN = os.environ.get("WEIR_BIN") or sys.exit("WEIR_BIN is not set")
passed = failed = 0


def check(ok, text):
    """Counts; prints the figure either way."""
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(("ok      " if ok else "FAILED  ") + text, flush=True)


def timed(ok, text):
    """A latency: judged in the full run, on a machine that does nothing else; only shown in the quick one."""
    if FULL:
        check(ok, text)
    else:
        print(("seen    " if ok else "beyond  ") + text, flush=True)


def report(name):
    print(f"{name}: {passed} passed, {failed} failed", flush=True)
    sys.exit(failed != 0)


class Server:
    def __init__(self, name, memory="256MB", workers=1, data=None, options=()):
        work = os.environ.get("WEIR_WORK") or tempfile.gettempdir()
        self.data = data or tempfile.mkdtemp(prefix=f"bar-{name}-", dir=work)
        self.log = self.data + ".log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [BIN, "serve", "--data", self.data, "--listen", "127.0.0.1:0", "--memory", memory, "--workers",
                 str(workers), *options], stdout=log, stderr=subprocess.STDOUT)
        self.port, self.peak, self.sampling = self.wait_port(), 0, False

    def wait_port(self):
        deadline = time.time() + 60
        while time.time() < deadline and self.process.poll() is None:
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", open(self.log).read())
            if found:
                return int(found.group(1))
            time.sleep(0.01)
        sys.exit("weir did not start: " + open(self.log).read())

    def connect(self):
        return psycopg.connect(f"host=127.0.0.1 port={self.port} user=root dbname=dev", autocommit=True)

    def rss_anon(self):
        """Bytes of anonymous memory."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"RssAnon:\s+(\d+)", status.read()).group(1)) * 1024

    def sample_memory(self):
        """self.peak becomes the highest RssAnon, sampled every 50 ms, until stop()."""
        self.sampling = True

        def sample():
            while self.sampling and self.process.poll() is None:
                try:
                    self.peak = max(self.peak, self.rss_anon())
                except (OSError, AttributeError):
                    return
                time.sleep(0.05)

        threading.Thread(target=sample, daemon=True).start()

    def stop(self, keep=False):
        self.sampling = False
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                check(False, "the server stops within 60 s of SIGTERM")
                self.process.kill()
                self.process.wait()
        if not keep:
            shutil.rmtree(self.data, ignore_errors=True)
            os.path.exists(self.log) and os.unlink(self.log)

    def alive(self):
        return self.process.poll() is None


def copy(connection, table, n, row, chunk=20000):
    """COPY rows row(0) .. row(n - 1), each a line of text."""
    with connection.cursor().copy(f"COPY {table} FROM STDIN") as out:
        for start in range(0, n, chunk):
            out.write("".join(row(i) for i in range(start, min(n, start + chunk))).encode())


def store(connection, name):
    return connection.execute("SELECT value FROM weir_catalog.store WHERE name = %s", (name,)).fetchone()[0]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]
