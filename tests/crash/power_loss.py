#!/usr/bin/python3
"""Power loss: what was not synced is lost, in part, in any order, torn; weir must open with all it acknowledged (laws L1-L3).

One run is recorded (power_loss_shim.c) with several sessions that write, load, create and drop, killed and started again now and
then. Then the machine loses its power at many moments of it, each time with another of the disks that it may leave
(power_loss_disk.py).
Each is opened: what was acknowledged before is there, what was under way is there whole or not at all, every view equals its
query, a change is taken, and it all holds once more. The start after a loss may lose its power again.
"""
import argparse
import collections
import os
import random
import shutil
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
from power_loss_disk import KINDS, Disk, build_shim, records, shorten_to_whole  # noqa: E402
from servers import Weir  # noqa: E402
from wire import Disconnected, SqlError  # noqa: E402

WRITERS = 3
MOST_ROWS = 4000
MEMORY = "64MB"
START = 400  # records of the first start, about
LATER = 1000000  # a key that no session uses
AGAIN, AGAIN_LOSSES = 8, 4  # every so many losses the start after it loses its power, so many times
VIEWS = {
    "v_sums": "SELECT g, count(*) AS n, sum(k) AS s, min(pad) AS least FROM a0 GROUP BY g",
    "v_join": "SELECT x.k, y.pad FROM a0 AS x JOIN a1 AS y ON x.ref = y.k",
    "v_left": "SELECT x.k, y.k AS other FROM a2 AS x LEFT JOIN a0 AS y ON x.ref = y.k AND y.g < 3",
    "v_all": "SELECT count(*) AS n, sum(k) AS s FROM (SELECT k FROM a0 UNION ALL SELECT k FROM a1 UNION ALL SELECT k FROM a2) AS x",
    "v_over": "SELECT n, count(*) AS c FROM v_sums GROUP BY n",
    "v_top": "SELECT k, ref FROM a1 ORDER BY ref DESC, k LIMIT 20",
    "v_read0": "SELECT count(*) AS n FROM c0",
    "v_read1": "SELECT count(*) AS n FROM c1",
    "v_read2": "SELECT count(*) AS n FROM c2",
    "v_audit": "SELECT x.n, y.n AS m FROM c0 AS x FULL JOIN c1 AS y ON x.n = y.n",
}
PLANTS = {  # syncs that are passed over: the check must notice
    "log": lambda directory, name: name.endswith(".log"),
    "manifest": lambda directory, name: "/MANIFEST-" in name,
    "files": lambda directory, name: name.endswith(".sst"),
    "directories": lambda directory, name: directory,
}


class Wrong(Exception):
    pass


# ---- what sessions do, and what is known of it


class Step:
    """One statement or transaction: position in the records before it was sent, and when its answer was there (None: never)."""

    def __init__(self, begun, effects):
        self.begun, self.ended, self.effects = begun, None, effects


def change(state, effects):
    """state: relation -> rows by key, a count of rows, or the query of a view."""
    for kind, name, *rest in effects:
        if kind == "is":
            state[name] = dict(rest[0]) if isinstance(rest[0], dict) else rest[0]
        elif kind == "gone":
            state.pop(name, None)
        elif kind == "put":
            state[name].update(rest[0])
        elif kind == "update":
            for k, (g, ref, pad) in list(state[name].items()):
                if k % rest[0] == rest[1]:
                    state[name][k] = ((g + 1) % 7, ref, pad + "x")
        elif kind == "delete":
            for k in [k for k in state[name] if k % rest[0] == rest[1] and k < rest[2]]:
                del state[name][k]


def copied(state):
    return {name: dict(what) if isinstance(what, dict) else what for name, what in state.items()}


def changed(state, effects):
    after = copied(state)
    change(after, effects)
    return after


def bag(link, sql):
    until = time.monotonic() + 30
    while True:
        try:
            return link.query(sql).bag()
        except SqlError as e:
            if e.sqlstate not in ("55000", "57P03") or time.monotonic() > until:  # a view that is still being filled says so
                raise
            time.sleep(0.02)


def holds(link, name, what):
    """None, or what is otherwise."""
    try:
        if what is None:
            link.query(f"SELECT count(*) FROM {name}")
            return f"{name} exists"
        if isinstance(what, str):
            if bag(link, f"SELECT * FROM {name}") != bag(link, what):
                return f"view {name} is not its query"
        elif isinstance(what, int):
            if int(link.value(f"SELECT count(*) FROM {name}")) != what:
                return f"{name} has not {what} rows"
        else:
            rows = {int(k): (int(g), int(ref), pad) for k, g, ref, pad in link.rows(f"SELECT k, g, ref, pad FROM {name}")}
            if rows != what:
                return f"{name}: {len(what.keys() - rows.keys())} rows missing, {len(rows.keys() - what.keys())} too many, " \
                       f"{sum(rows[k] != what[k] for k in rows.keys() & what.keys())} others"
    except SqlError as e:
        if what is not None or e.sqlstate != "42P01":
            return f"{name}: {e}"
    return None


def differs(link, state, names):
    for name in sorted(names):
        wrong = holds(link, name, state.get(name))
        if wrong:
            return wrong
    return None


class Session:
    """The steps of one connection; `state` follows them up to a moment."""

    def __init__(self):
        self.steps = []
        self.restart()

    def restart(self):
        self.state, self.names, self.at = {}, set(), 0

    def advance(self, position):
        """To what was acknowledged by then; the step that was under way, if there is one."""
        while self.at < len(self.steps) and self.steps[self.at].ended is not None and self.steps[self.at].ended <= position:
            change(self.state, self.steps[self.at].effects)
            self.names.update(e[1] for e in self.steps[self.at].effects)
            self.at += 1
        step = self.steps[self.at] if self.at < len(self.steps) else None
        return step if step and step.begun <= position else None

    def check(self, link, position):
        """Returns whether the step that was under way has happened."""
        step = self.advance(position)
        wrong = differs(link, self.state, self.names | {e[1] for e in step.effects} if step else self.names)
        if not wrong:
            return False
        other = differs(link, changed(self.state, step.effects), self.names | {e[1] for e in step.effects}) if step else wrong
        if other:
            raise Wrong(f"{wrong}{' nor ' + other if step else ''}")
        return True


class Run:
    """The recorded run."""

    def __init__(self, seed, shim, scale, micros):
        self.r = random.Random(seed)
        self.scale = scale
        self.base = tempfile.mkdtemp(prefix="weir-power-", dir=os.environ.get("WEIR_WORK"))
        self.directory = os.path.realpath(os.path.join(self.base, "run"))
        os.mkdir(self.directory)
        self.root = os.stat(self.directory).st_ino
        self.log = os.path.join(self.base, "records")
        self.env = {"LD_PRELOAD": shim, "WEIR_POWER_DIR": self.directory, "WEIR_POWER_LOG": self.log, "WEIR_POWER_SYNC_MICROS": str(micros)}
        self.sessions = [Session() for _ in range(WRITERS + 1)]
        self.read = []  # (position behind the answer, writer, rows of c<writer>)
        self.errors = []
        self.key = [0] * WRITERS
        self.audit = [0] * WRITERS
        self.number = 0
        self.big = []
        self.stop = False

    def position(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def step(self, link, session, statements, effects):
        """statements: SQL, or (SQL, rows to copy)."""
        step = Step(self.position(), effects)
        self.sessions[session].steps.append(step)
        try:
            for sql in statements:
                if isinstance(sql, tuple):
                    link.copy_in(*sql)
                else:
                    link.query(sql)
        except SqlError as e:
            raise Wrong(f"{str(statements)[:200]}: {e}") from e
        step.ended = self.position()

    def prepare(self, link):
        for w in range(WRITERS):
            for table in (f"a{w}", f"c{w}"):
                column = "k bigint PRIMARY KEY, g integer NOT NULL, ref bigint, pad text" if table[0] == "a" else "n bigint PRIMARY KEY, d integer"
                self.step(link, w + 1, [f"CREATE TABLE {table} ({column})"], [("is", table, {} if table[0] == "a" else 0)])
        for name, query in VIEWS.items():
            self.step(link, 0, [f"CREATE MATERIALIZED VIEW {name} AS {query}"], [("is", name, query)])
        self.step(link, 0, ["CREATE SINK s_join FROM v_join WITH (connector = 'blackhole')"], [])  # for its output log

    # ---- writers

    def rows(self, r, w, n, most):
        first, self.key[w] = self.key[w], self.key[w] + n
        return {k: (k % 7, max(0, k - r.randint(0, 90)), f"{r.getrandbits(r.randint(8, most)):x}") for k in range(first, first + n)}

    def write(self, link, r, w):
        """One transaction on a<w>, counted in c<w>."""
        table, kind = f"a{w}", r.random()
        if kind < 0.12 and self.key[w] > 600:
            m, rest = r.randint(2, 5), 0
            changes = [(f"UPDATE {table} SET g = mod(g + 1, 7), pad = pad || 'x' WHERE mod(k, {m}) = {rest}", ("update", table, m, rest))]
        elif kind < 0.3 and self.key[w] > 200:
            m, below = r.randint(2, 9), max(0, self.key[w] - r.randint(0, MOST_ROWS))
            changes = [(f"DELETE FROM {table} WHERE mod(k, {m}) = 1 AND k < {below}", ("delete", table, m, 1, below))]
        else:
            copy = r.random() < 0.12
            rows = self.rows(r, w, r.randint(1500, 3000) if copy else r.choice([1, 2, 5, 40, 300]), 2400)
            sql = "INSERT INTO {} VALUES {}".format(table, ", ".join(f"({k}, {g}, {ref}, '{pad}')" for k, (g, ref, pad) in rows.items()))
            if copy:
                sql = (f"COPY {table} FROM STDIN", ["".join(f"{k}\t{g}\t{ref}\t{pad}\n" for k, (g, ref, pad) in rows.items()).encode()])
            changes = [(sql, ("put", table, rows))]
        old = self.key[w] - MOST_ROWS
        if old > 0 and r.random() < 0.4:
            changes.append((f"DELETE FROM {table} WHERE mod(k, 1) = 0 AND k < {old}", ("delete", table, 1, 0, old)))
        self.audit[w] += 1
        changes.append((f"INSERT INTO c{w} VALUES ({self.audit[w]}, {len(changes)})", ("is", f"c{w}", self.audit[w])))
        self.step(link, w + 1, ["BEGIN"] + [c[0] for c in changes] + ["COMMIT"], [c[1] for c in changes])

    def reader(self, link, r):
        time.sleep(0.01)
        w = r.randrange(WRITERS)
        n = int(link.value(f"SELECT n FROM v_read{w}"))
        self.read.append((self.position(), w, n))

    def define(self, link, r):
        """Tables and views come and go; large ones too."""
        time.sleep(r.uniform(0, 0.2))
        self.number += 1
        if len(self.big) > 1:
            table, view = self.big.pop(0)
            if r.random() < 0.5:
                self.step(link, 0, [f"DROP MATERIALIZED VIEW {view}"], [("gone", view)])
                self.step(link, 0, [f"DROP TABLE {table}"], [("gone", table)])
            else:
                drops = ["BEGIN", f"DROP MATERIALIZED VIEW {view}", f"DROP TABLE {table}", "COMMIT"]
                self.step(link, 0, drops, [("gone", view), ("gone", table)])
            return
        table, view = f"d{self.number}", f"dv{self.number}"
        ddl = f"CREATE TABLE {table} (k bigint PRIMARY KEY, pad text)"
        query = f"SELECT mod(k, 50) AS g, count(*) AS n, max(pad) AS m FROM {table} GROUP BY mod(k, 50)"
        n = r.choice([10, 15000, 40000] if self.scale > 1 else [10, 15000])
        rows = [f"{k}\t{r.getrandbits(2000):x}\n" for k in range(n)]
        load = (f"COPY {table} FROM STDIN", ["".join(rows[at:at + 1000]).encode() for at in range(0, n, 1000)])
        create = f"CREATE MATERIALIZED VIEW {view} AS {query}"
        if n > 100:
            self.step(link, 0, [ddl], [("is", table, 0)])
            self.step(link, 0, [load], [("is", table, n)])
            self.step(link, 0, [create], [("is", view, query)])
            if r.random() < 0.3:  # more than a commit keeps in RAM
                self.step(link, 0, [f"UPDATE {table} SET pad = pad || 'y' WHERE mod(k, 3) > 0"], [])
        else:
            self.step(link, 0, ["BEGIN", ddl, load, create, "COMMIT"], [("is", table, n), ("is", view, query)])
        self.big.append((table, view))

    def work(self, weir, session, seed, until):
        """A thread, until weir is killed."""
        r = random.Random(seed)
        try:
            link = weir.link()
            while time.monotonic() < until:
                if session > WRITERS:
                    self.reader(link, r)
                elif session:
                    self.write(link, r, session - 1)
                else:
                    self.define(link, r)
        except Disconnected:
            if weir.process.poll() not in (None, -9):
                self.errors.append(f"weir ended: {weir.tail()}")
        except Exception as e:  # pylint: disable=broad-except
            self.errors.append(f"{type(e).__name__} {e}")

    def resolve(self, link):
        """After kill -9: the steps without an answer have happened or not, and are seen to."""
        for session in self.sessions:
            happened = session.check(link, 1 << 60)
            if session.at < len(session.steps):
                if happened:
                    session.steps[session.at].ended = self.position()
                    session.advance(1 << 60)
                else:
                    del session.steps[session.at:]
        for w in range(WRITERS):
            self.audit[w] = self.sessions[w + 1].state[f"c{w}"]
        state = self.sessions[0].state
        self.big = [(d, "dv" + d[1:]) for d in sorted(state) if d[0] == "d" and d[1] != "v" and "dv" + d[1:] in state]

    def record(self):
        weir = Weir(memory=MEMORY, workers=1, directory=self.directory, env=self.env)
        self.prepare(weir.link())
        for life in range(3):
            until = time.monotonic() + self.scale
            threads = [threading.Thread(target=self.work, args=(weir, s, self.r.random(), until + 60)) for s in range(WRITERS + 2)]
            for thread in threads:
                thread.start()
            time.sleep(self.scale * self.r.uniform(0.7, 1.3))
            weir.kill()
            for thread in threads:
                thread.join()
            shorten_to_whole(self.log)
            if self.errors:
                raise Wrong("; ".join(self.errors) + weir.tail())
            if life < 2:
                weir.workers = 4 - weir.workers
                weir.start(self.env)
                self.resolve(weir.link())
                if life:  # once it ends in good order
                    weir.stop()
                    weir.start(self.env)
        weir.remove()

    def remove(self):
        shutil.rmtree(self.base, ignore_errors=True)


# ---- losses


def moments(r, log, n):
    """A third anywhere, a third beside what changes names or is a sync, a third while the first start made the directory."""
    every = [record.end for record in log]
    special = [i for i, record in enumerate(log) if record.kind != "w"]
    chosen = set()
    for i in range(n):
        beside = min(len(every) - 1, max(0, r.choice(special) + r.randint(-1, 1)))
        chosen.add([r.choice(every), every[beside], r.choice(every[:START])][i % 3])
    return sorted(chosen)


def hold_what_was_read(link, run, position):
    """Nobody has read what a crash takes back."""
    for w in range(WRITERS):
        read = max((n for at, reader, n in run.read if reader == w and at <= position), default=0)
        if read and int(link.value(f"SELECT count(*) FROM c{w}")) < read:
            raise Wrong(f"{read} rows of c{w} had been read")


class Losses:
    """Power is lost at moments of a recorded life; each disk that this may leave is opened and looked at."""

    def __init__(self, run, shim, seed, keep=None):
        self.run, self.shim, self.keep = run, shim, keep
        self.r = random.Random(seed)
        self.failures, self.images = [], 0

    def of_the_run(self, n, forgets=None, again=True, only_first=False):
        log = list(records(self.run.log))
        for session in self.run.sessions:
            session.restart()
        self.lose(log, Disk(self.run.root, forgets), self.run.sessions, moments(self.r, log, n), again, only_first)
        return self.failures

    def lose(self, log, disk, sessions, positions, again, only_first=False, told=""):
        at = 0
        for number, position in enumerate(positions):
            while at < len(log) and log[at].end <= position:
                disk.apply(log[at])
                at += 1
            for session in sessions:
                session.advance(position)
            how = KINDS[self.r.randrange(len(KINDS))]
            directory = os.path.join(self.run.base, f"image{self.images}")
            self.images += 1
            disk.image(self.r, directory, *how)
            if self.keep:
                shutil.copytree(directory, os.path.join(self.keep, os.path.basename(directory)))
            where = f"{told}position {position} (journal {how[0]}, unit {how[1]}, names {how[2]})"
            try:
                if again and number % AGAIN == 0:
                    self.lose_again(directory, sessions, position, where)
                else:
                    self.look(directory, sessions, position, not told, number % 3 == 0)
            except Wrong as e:
                self.failures.append(f"{where}: {e}")
                if only_first:
                    break
            finally:
                shutil.rmtree(directory, ignore_errors=True)

    def start(self, directory, **more):
        env = {"LD_PRELOAD": self.shim, "WEIR_POWER_DIR": directory, **more}
        return Weir(memory=MEMORY, workers=self.r.choice([1, 3]), directory=directory, env=env)

    def look(self, directory, sessions, position, first, change_it):
        """Opens, checks, changes, kills, opens again."""
        weir = None
        try:
            weir = self.start(directory)
            link = weir.link()
            for session in sessions:
                session.check(link, position)
            if first:
                hold_what_was_read(link, self.run, position)
            if change_it and "c0" in sessions[1].state:
                before = int(link.value("SELECT coalesce(max(n), 0) FROM c0"))
                link.query(f"INSERT INTO c0 VALUES ({before + LATER}, 1)")
                weir.kill()
                weir.start({"LD_PRELOAD": self.shim})
                link = weir.link()
                if int(link.value("SELECT max(n) FROM c0")) != before + LATER:
                    raise Wrong("a change after the loss is lost")
                for name, query in VIEWS.items():
                    if name in sessions[0].state and holds(link, name, query):
                        raise Wrong(f"after a change: {holds(link, name, query)}")
        except Disconnected as e:
            raise Wrong(f"does not open: {e}") from e
        finally:
            if weir:
                weir.remove()

    def lose_again(self, directory, sessions, position, where):
        """The start after a loss is recorded too, with a few changes, and loses its power at moments of its own."""
        directory = os.path.realpath(directory)
        disk = Disk(os.stat(directory).st_ino).load(directory)
        path = f"{directory}.records"
        weir = None
        try:
            weir = self.start(directory, WEIR_POWER_LOG=path)
            link = weir.link()
            after = []
            for session in sessions:
                seen = Session()
                happened = session.check(link, position)
                seen.steps.append(Step(0, [("is", *item) for item in copied(session.state).items()]))
                seen.steps[0].ended = 0
                if happened:
                    seen.steps.append(Step(0, session.steps[session.at].effects))
                    seen.steps[1].ended = os.path.getsize(path)
                seen.advance(0)
                seen.names |= session.names
                after.append(seen)
            if "c0" in sessions[1].state:
                self.go_on(link, after[1], path)
        except Disconnected as e:
            raise Wrong(f"does not open: {e}") from e
        finally:
            if weir:
                weir.remove()
        log = list(records(path))
        os.unlink(path)
        for session in after:
            session.at = min(session.at, 1)
        self.lose(log, disk, after, sorted(self.r.choice(log).end for _ in range(AGAIN_LOSSES)), False, told=f"{where}, then ")

    def go_on(self, link, session, path):
        count = int(link.value("SELECT count(*) FROM c0"))
        for i in range(1, 5):
            step = Step(os.path.getsize(path), [("is", "c0", count + i)])
            link.query(f"INSERT INTO c0 VALUES ({i + LATER}, 1)")
            step.ended = os.path.getsize(path)
            session.steps.append(step)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--runs", type=int, default=1)
    p.add_argument("--losses", type=int, default=40, help="per run")
    p.add_argument("--seconds", type=float, default=2, help="of each of the three lives of a run")
    p.add_argument("--micros", type=int, default=1500, help="that a sync takes at most")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    p.add_argument("--plant", choices=PLANTS, action="append", default=[], help="syncs that are passed over: must be noticed")
    p.add_argument("--keep", help="a directory for the images")
    options = p.parse_args()
    print(f"power loss: seed {options.seed}", flush=True)
    passed = failed = 0
    for number in range(options.runs):
        with tempfile.TemporaryDirectory() as base:
            shim = build_shim(base)
            run = Run(options.seed + number, shim, options.seconds, options.micros)
            try:
                run.record()
                kinds = collections.Counter(record.kind for record in records(run.log))
                print(f"  recorded: {os.path.getsize(run.log) >> 20} MB, {kinds['e']} syncs, {kinds['c']} files made, {kinds['u']} removed, "
                      f"{kinds['t']} cut, {sum(len(s.steps) for s in run.sessions)} steps", flush=True)
                losses = Losses(run, shim, options.seed + number, options.keep)
                for failure in losses.of_the_run(options.losses):
                    print(f"FAILED run {number}, {failure}", flush=True)
                failed += len(losses.failures)
                passed += losses.images - len(losses.failures)
                for plant in options.plant:
                    found = Losses(run, shim, options.seed + number).of_the_run(options.losses, PLANTS[plant], False, True)
                    print(f"  planted {plant}: {found[0] if found else 'FAILED: not noticed'}", flush=True)
                    failed += not found
                    passed += bool(found)
            except Wrong as e:
                failed += 1
                print(f"FAILED {e}", flush=True)
            finally:
                run.remove()
    print(f"power loss: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
