"""Starts, stops and kills the servers that the tests talk to."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from wire import Disconnected, Link, SqlError, conninfo


running = set()  # servers of this process


def leave(number, frame):
    """A timeout of the caller ends a test with SIGTERM, maybe twice: its servers and directories go too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for server in list(running):
        server.remove()
    os._exit(143)


signal.signal(signal.SIGTERM, leave)


def told_port(log, start=0):
    """The port that the server says in its log, from `start` on, that it listens on."""
    with open(log, "rb") as f:
        f.seek(start)
        told = re.search(rb"listening on 127\.0\.0\.1:(\d+)", f.read())
    if not told:
        raise Disconnected("weir does not listen yet")
    return int(told[1])


class Weir:
    """One weir serve process over one data directory."""

    def __init__(self, memory="256MB", workers=1, directory=None, env=None):
        self.binary = os.environ["WEIR_BIN"]
        self.own = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="weir-test-", dir=os.environ.get("WEIR_WORK"))
        self.memory, self.workers = memory, workers
        self.process = None
        self.port = 0
        running.add(self)
        self.start(env)

    def start(self, env=None, wait=True):
        self.log = open(os.path.join(self.directory, "log"), "ab")
        self.log_start = os.path.getsize(self.log.name)
        self.port = 0  # the server's choice: a free port that is looked for here may be another's by then
        self.process = subprocess.Popen(
            [self.binary, "serve", "--data", os.path.join(self.directory, "data"), "--listen", "127.0.0.1:0",
             "--memory", self.memory, "--workers", str(self.workers)],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=60):
        """Waits until the server answers; raises Disconnected if it died."""
        until = time.monotonic() + seconds
        while True:
            try:
                link = self.link()
                link.query("SELECT 1")
                link.close()
                return
            except (Disconnected, SqlError):
                if self.process.poll() is not None:
                    raise Disconnected(f"weir exited with {self.process.returncode}: {self.tail()}")
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def link(self, timeout=20):
        if not self.port:
            self.port = told_port(self.log.name, self.log_start)
        return Link(port=self.port, timeout=timeout)

    def tail(self, size=2000):
        with open(os.path.join(self.directory, "log"), "rb") as f:
            return f.read()[-size:].decode(errors="replace")

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=60):
        """SIGTERM; returns the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return "timeout"

    def remove(self):
        running.discard(self)
        self.kill()
        self.log.close()
        if self.own:
            shutil.rmtree(self.directory, ignore_errors=True)


def postgres():
    """A connection to the oracle that WEIR_PG names."""
    return Link(**conninfo(os.environ["WEIR_PG"]))


def fresh_schema(link, name):
    """An empty schema of this name, first in the search path, with the settings that weir's text output assumes."""
    link.query(f"DROP SCHEMA IF EXISTS {name} CASCADE")
    link.query(f"CREATE SCHEMA {name}")
    link.query(f"SET search_path = {name}")
    link.query("SET client_min_messages = error; SET DateStyle = ISO; SET TimeZone = 'UTC'; SET jit = off")
