#!/usr/bin/env python3
"""Exactly once, from a real broker to a real broker (law L3), and nothing lost (L4).

The pipeline of pipeline.py runs under traffic while weir is killed at every failpoint and at random moments, or its machine
loses its power (../crash/power_loss_disk.py). Then each
sink topic, read as read_committed, must hold each change once and end in what the views hold, which must be what
PostgreSQL (where WEIR_PG names one) and a model in Python compute from the rows sent.

    WEIR_KAFKA=host:port WEIR_BIN=... exactly_once.py [--full] [--seed N] [scenario ...]
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
sys.path.append(os.path.join(os.path.dirname(__file__), "..", "crash"))
sys.path.insert(0, os.path.dirname(__file__))

import tally  # noqa: E402
import topics  # noqa: E402
from pipeline import ENRICHED, EXTRA, TOTALS, Pipeline, Traffic, source  # noqa: E402
from power_loss_disk import KINDS, Disk, build_shim, records  # noqa: E402
from servers import Weir, fresh_schema, postgres  # noqa: E402
from tally import check, report, rows  # noqa: E402
from wire import Disconnected, SqlError  # noqa: E402

MEMORY = "128MB"
figures = {}


def wait(what, condition, seconds=60):
    done = tally.wait(condition, seconds)
    if not done:
        print(f"  timeout: {what}", flush=True)
    return done


def delivered(weir):
    return all(row[0] == "0" for row in rows(weir, "SELECT backlog FROM weir_catalog.sinks"))


def run_script(weir, statements):
    link = weir.link()
    for statement in statements:
        link.query(statement)
    link.close()


# ---- what a topic says


def changelog(topic, continuous=True):
    """The final rows of a CHANGELOG topic by key; every law about its messages is checked on the way."""
    final, seen, versions, where = {}, set(), {}, {}
    doubled = backwards = strays = moved = 0
    for message in topics.contents(topic):
        row = json.loads(message.value)
        key, version = message.key, row["__version"]
        doubled += (key, version) in seen
        seen.add((key, version))
        backwards += version <= versions.get(key, -1)
        versions[key] = version
        moved += where.setdefault(key, message.partition) != message.partition
        strays += row["__op"] not in (("u", "d") if key in final else ("c",))
        if row["__deleted"]:
            final.pop(key, None)
        else:
            final[key] = row
    figures["duplicates"] = figures.get("duplicates", 0) + doubled
    figures["messages"] = figures.get("messages", 0) + len(seen)
    check(doubled == 0, f"{topic}: {doubled} changes twice")
    check(backwards == 0, f"{topic}: {backwards} versions that do not rise")
    check(moved == 0, f"{topic}: {moved} messages in another partition than their key's")
    if continuous:
        check(strays == 0, f"{topic}: {strays} operations that do not follow from the last state of their key")
    return final


def upsert(topic):
    final, commits, backwards, idle = {}, {}, 0, 0
    for message in topics.contents(topic):
        backwards += message.commit <= commits.get(message.key, -1)
        commits[message.key] = message.commit
        idle += message.value == final.get(message.key)
        if message.value is None:
            final.pop(message.key, None)
        else:
            final[message.key] = message.value
    check(backwards == 0, f"{topic}: {backwards} changes out of order or twice")
    check(idle == 0, f"{topic}: {idle} messages that change nothing")
    return {key: json.loads(value) for key, value in final.items()}


def columns(row, *names):
    return tuple(str(row[name]) for name in names)


# ---- scenario: killed at every point


def flowing(weir, seconds):
    """Whether weir died by itself within that time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if weir.process.poll() is not None:
            return True
        time.sleep(0.02)
    return False


def churn_ddl(weir, pipeline, seconds):
    """Creates and drops a view and its sink until weir dies."""
    until = time.monotonic() + seconds
    while weir.process.poll() is None and time.monotonic() < until:
        try:
            weir.wait_ready()
            link = weir.link()
            for statement in ("DROP SINK IF EXISTS extra_out", "DROP MATERIALIZED VIEW IF EXISTS extra",
                              *pipeline.extra()):
                link.query(statement)
            link.close()
            time.sleep(0.3)
        except (Disconnected, OSError):
            time.sleep(0.05)
    return weir.process.poll() is not None


POINTS = {  # failpoint: how often it is passed before the kill
    "before-send": (1, 30), "after-send": (1, 30), "transaction-end": (1, 30), "delta-written": (1, 40),
    "commit-record-written": (1, 40), "ingested": (1, 2), "merge-written": (1, 3), "merge-installed": (1, 3),
    "file-deleted": (1, 3), "ddl": (1, 5), "backfill": (1, 3)}


def kill_at_points(weir, pipeline, traffic, rng, times):
    for point, (low, high) in POINTS.items():
        kills = 0
        for _ in range(times):
            weir.start({"WEIR_FAILPOINT": f"{point}:{rng.randint(low, high)}"}, wait=False)
            begun = time.monotonic()
            kills += churn_ddl(weir, pipeline, 20) if point in ("ddl", "backfill") else flowing(weir, 20)
            if os.environ.get("WEIR_VERBOSE"):
                print(f"  {point}: {time.monotonic() - begun:.1f} s, {weir.process.poll()}", flush=True)
            weir.kill()
            weir.log.close()
            if traffic.error:
                raise traffic.error
        figures["kills"] = figures.get("kills", 0) + kills
        check(kills == times, f"failpoint {point} was passed in {kills} of {times} runs")


def kill_at_random(weir, rng, times):
    for _ in range(times):
        weir.start(wait=False)
        time.sleep(rng.choice((0.1, 0.5, 1, 2)) * rng.random() + 0.05)
        if not check(weir.process.poll() is None, f"weir ended by itself: {weir.tail()}"):
            return
        weir.kill()
        weir.log.close()
        figures["kills"] = figures.get("kills", 0) + 1


def oracle(traffic):
    """PostgreSQL's own answers over the rows sent."""
    pg = postgres()
    fresh_schema(pg, "weir_e2e")
    pg.query("CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, amount numeric(12,2), note text)")
    pg.query("CREATE TABLE customers (id bigint PRIMARY KEY, name text, region text)")
    pg.copy_in("COPY orders FROM STDIN", (f"{k}\t{o['customer']}\t{o['amount']}\t{o['note']}\n".encode()
                                          for k, o in traffic.orders.items()))
    pg.copy_in("COPY customers FROM STDIN", (f"{k}\t{c['name']}\t{c['region']}\n".encode()
                                             for k, c in traffic.customers.items()))
    answers = [set(pg.query(sql).rows()) for sql in (TOTALS, ENRICHED, EXTRA)]
    pg.query("DROP SCHEMA weir_e2e CASCADE")
    pg.close()
    return answers


def finish(weir, pipeline, traffic):
    """A last life: everything sent is read and delivered, once."""
    weir.start()
    run_script(weir, ("DROP SINK IF EXISTS extra_out", "DROP MATERIALIZED VIEW IF EXISTS extra", *pipeline.extra()))
    time.sleep(1)
    traffic.finish()
    totals, enriched, extra = traffic.totals(), traffic.enriched(), traffic.extra()
    if os.environ.get("WEIR_PG"):
        check([totals, enriched, extra] == oracle(traffic), "the model and PostgreSQL disagree")
    events = len(traffic.events), sum(e["v"] for e in traffic.events)
    count = "SELECT count(*), sum(v) FROM events"
    wait("events", lambda: rows(weir, count)[0][0] >= str(events[0]) and
         set(rows(weir, "SELECT * FROM enriched")) == enriched, 90)
    check(rows(weir, count) == [tuple(map(str, events))], f"events: {rows(weir, count)} for {events}")
    check(set(rows(weir, "SELECT * FROM totals")) == totals, "the view totals is not what was sent")
    check(set(rows(weir, "SELECT * FROM enriched")) == enriched, "the view enriched is not what was sent")
    check(set(rows(weir, "SELECT * FROM extra")) == extra, "the view extra is not what was sent")
    check(rows(weir, "SELECT count(*) FROM weir_catalog.dead_letters") == [("0",)], "there are dead letters")
    check(wait("sinks", lambda: delivered(weir)), "the sinks do not catch up")
    verify_topics(pipeline, traffic, totals, enriched, extra)
    figures["input messages"] = traffic.messages
    check(weir.stop() == 0, "weir did not end in order")


def killed(arguments, prefix):
    rng = random.Random(arguments.seed)
    pipeline = Pipeline(prefix)
    traffic = Traffic(pipeline, arguments.seed)
    weir = Weir(memory=MEMORY, workers=rng.choice((1, 2)))
    try:
        run_script(weir, pipeline.statements())
        traffic.start()
        time.sleep(2)
        weir.kill()
        figures["kills"] = 1
        kill_at_points(weir, pipeline, traffic, rng, 3)
        kill_at_random(weir, rng, 50 if arguments.full else 10)
        finish(weir, pipeline, traffic)
    finally:
        traffic.ending.set()
        weir.remove()


def verify_topics(pipeline, traffic, totals, enriched, extra):
    t, e, u, p, x = pipeline.sinks
    final = changelog(t).values()
    check({columns(r, "customer", "n", "total") for r in final} == totals, f"{t} does not end in the view")
    names = "id", "name", "region", "amount", "note"
    check({columns(r, *names) for r in changelog(e).values()} == enriched, f"{e} does not end in the view")
    check({columns(r, *names) for r in upsert(u).values()} == enriched, f"{u} does not end in the view")
    final = {columns(r, "region", "customer", "n", "total") for r in changelog(x, continuous=False).values()}
    check(final >= extra, f"{x} lacks {len(extra - final)} rows of the view")
    sent = sorted(tuple(e.values()) for e in traffic.events)
    got = sorted((r["n"], r["customer"], r["v"]) for r in (json.loads(m.value) for m in topics.contents(p)))
    check(got == sent, f"{p}: {len(got)} messages for {len(sent)} events, {len(got) - len(set(got))} of them twice")


# ---- scenario: weir's machine loses its power, the broker's does not


def lose_power(directory, disk, log, rng):
    """The directory becomes one of those that the life in `log` may leave. disk: as the life found it."""
    for record in records(log):
        disk.apply(record)
    image = f"{directory}.image"
    disk.image(rng, image, *rng.choice(KINDS))
    shutil.rmtree(directory)
    os.rename(image, directory)
    os.unlink(log)


def without_power(arguments, prefix):
    rng = random.Random(arguments.seed)
    pipeline = Pipeline(prefix)
    traffic = Traffic(pipeline, arguments.seed)
    base = os.path.realpath(tempfile.mkdtemp(prefix="weir-power-", dir=os.environ.get("WEIR_WORK")))
    directory, log, weir = os.path.join(base, "weir"), os.path.join(base, "records"), None
    os.mkdir(directory)
    env = {"LD_PRELOAD": build_shim(base), "WEIR_POWER_DIR": directory, "WEIR_POWER_LOG": log, "WEIR_POWER_SYNC_MICROS": "2000"}
    try:
        for life in range(40 if arguments.full else 10):
            disk = Disk(os.stat(directory).st_ino).load(directory)
            if weir:
                weir.start(env, wait=False)
            else:
                weir = Weir(memory=MEMORY, workers=rng.choice((1, 2)), directory=directory, env=env)
                run_script(weir, pipeline.statements())
                traffic.start()
            time.sleep(rng.choice((0.5, 1, 3)) * rng.random() + 0.1)
            if not check(weir.process.poll() is None, f"weir ended by itself after {life} losses of power: {weir.tail()}"):
                return
            weir.kill()
            weir.log.close()
            lose_power(directory, disk, log, rng)
            figures["losses of power"] = life + 1
        finish(weir, pipeline, traffic)
    finally:
        traffic.ending.set()
        if weir:
            weir.remove()
        shutil.rmtree(base, ignore_errors=True)


# ---- scenario: the broker goes and comes back


def resident_kb(weir):
    with open(f"/proc/{weir.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def outage(arguments, prefix):
    topics.create(3, f"{prefix}-in", f"{prefix}-out")
    weir = Weir(memory=MEMORY)
    writer = topics.Writer(f"{prefix}-writer")
    try:
        run_script(weir, (
            f"CREATE TABLE t (id bigint PRIMARY KEY, v text) {source(prefix + '-in')} FORMAT UPSERT ENCODE JSON",
            "CREATE TABLE local (id bigint PRIMARY KEY, v text)",
            "CREATE MATERIALIZED VIEW both_of_them AS SELECT id, v FROM local UNION ALL SELECT -1 - id, v FROM t",
            f"CREATE SINK s FROM both_of_them {source(prefix + '-out')} FORMAT CHANGELOG ENCODE JSON"))

        def send(low, high):
            writer.begin()
            for i in range(low, high):
                writer.put(f"{prefix}-in", {"id": i}, {"v": f"v{i}"})
            writer.commit()

        send(0, 500)
        wait("first rows", lambda: rows(weir, "SELECT count(*) FROM t") == [("500",)])
        topics.broker("kill")
        link, peak, local = weir.link(), 0, 60000
        for i in range(0, local, 1000):  # 30 MB that nobody takes
            link.query("INSERT INTO local VALUES " + ",".join(f"({k}, '{k:0500}')" for k in range(i, i + 1000)))
            peak = max(peak, resident_kb(weir))
        check(link.query("SELECT count(*) FROM both_of_them").rows() == [(str(local + 500),)],
              "queries while the broker is away")
        link.close()
        check(weir.process.poll() is None, "weir ended while the broker was away")
        limit = int(MEMORY[:-2]) << 10
        figures["peak MB while the broker is away"] = peak >> 10
        check(peak < limit * 2, f"{peak} kB resident while the broker is away, {limit} kB allowed to the engine")
        topics.broker("up")
        send(500, 1000)
        check(wait("rows after", lambda: rows(weir, "SELECT count(*) FROM t") == [("1000",)]), "the source goes on")
        check(wait("delivery", lambda: delivered(weir), 120), "the sink goes on")
        weir.kill()
        weir.start()
        check(wait("delivery", lambda: delivered(weir), 120), "the sink goes on after a restart")
        final = changelog(f"{prefix}-out")
        check(len(final) == local + 1000, f"{len(final)} rows on the topic for {local + 1000}")
    finally:
        topics.broker("up")
        weir.remove()


# ---- scenario: sinks that are dropped before they are ready


def dropped(arguments, prefix):
    topics.create(1, f"{prefix}-out")
    weir = Weir(memory=MEMORY)
    away = source("nowhere").replace(topics.BOOTSTRAP, "127.0.0.1:1")
    try:
        link = weir.link(timeout=30)
        link.query("CREATE TABLE t (id bigint PRIMARY KEY, v bigint)")
        link.query("INSERT INTO t VALUES (1, 1), (2, 2)")
        for i in range(20):  # each moment of the sink's start
            link.query(f"CREATE SINK s FROM t {source(prefix + '-out')} FORMAT CHANGELOG ENCODE JSON")
            time.sleep(i * 0.01)
            link.query("DROP SINK s")
        check(True, "sinks dropped while they start")
        link.query(f"CREATE SINK s FROM t {away} FORMAT CHANGELOG ENCODE JSON")
        time.sleep(0.2)
        begun = time.monotonic()
        link.query("DROP SINK s")
        check(time.monotonic() - begun < 5, f"DROP SINK without a broker took {time.monotonic() - begun:.1f} s")
        link.query(f"CREATE SINK s FROM t {away} FORMAT CHANGELOG ENCODE JSON")
        time.sleep(0.2)
        begun = time.monotonic()
        check(weir.stop(30) == 0 and time.monotonic() - begun < 5, f"the end took {time.monotonic() - begun:.1f} s")
        changelog(f"{prefix}-out", continuous=False)
    finally:
        weir.remove()


# ---- scenario: a copy of the directory


def copied(arguments, prefix):
    topics.create(2, f"{prefix}-in", f"{prefix}-out")
    weir = Weir(memory=MEMORY)
    writer, copy = topics.Writer(f"{prefix}-writer"), None

    def send(low, high):
        writer.begin()
        for i in range(low, high):
            writer.put(f"{prefix}-in", {"id": i}, {"v": f"v{i}"})
        writer.commit()

    try:
        run_script(weir, (
            f"CREATE TABLE t (id bigint PRIMARY KEY, v text) {source(prefix + '-in')} FORMAT UPSERT ENCODE JSON",
            f"CREATE SINK s FROM t {source(prefix + '-out')} FORMAT CHANGELOG ENCODE JSON"))
        send(0, 100)
        wait("rows", lambda: rows(weir, "SELECT count(*) FROM t") == [("100",)] and delivered(weir))
        weir.stop()
        other = tempfile.mkdtemp(prefix="weir-copy-", dir=os.environ.get("WEIR_WORK"))
        shutil.copytree(os.path.join(weir.directory, "data"), os.path.join(other, "data"))
        weir.start()
        send(100, 110)
        wait("rows", lambda: rows(weir, "SELECT count(*) FROM t") == [("110",)] and delivered(weir))
        weir.stop()
        for i in range(20):  # many commits for the copy to make before its sink is open
            send(1000 + i * 10, 1010 + i * 10)
        before = topics.contents(f"{prefix}-out")
        copy = Weir(memory=MEMORY, directory=other)
        state = "SELECT state, error FROM weir_catalog.sinks"
        check(wait("the copy's sink", lambda: rows(copy, state)[0][0] == "stopped"), "the sink of a copy is not stopped")
        check("55000" in copy.tail() and rows(copy, state)[0][1] is not None, f"{rows(copy, state)}: {copy.tail()}")
        check(wait("views of the copy", lambda: rows(copy, "SELECT count(*) FROM t") == [("310",)]), "the copy's views")
        check(topics.contents(f"{prefix}-out") == before, "the copy wrote to the topic")
        copy.kill()
        weir.start()
        wait("rows", lambda: rows(weir, "SELECT count(*) FROM t") == [("310",)] and delivered(weir))
        check(len(changelog(f"{prefix}-out")) == 310, "the original does not go on")
    finally:
        weir.remove()
        if copy:
            copy.remove()
            shutil.rmtree(copy.directory, ignore_errors=True)


# ---- scenario: messages that cannot be decoded


def dead_letters(arguments, prefix):
    topics.create(2, f"{prefix}-in")
    weir = Weir(memory=MEMORY)
    writer = topics.Writer(f"{prefix}-writer")
    bad = [b"no json", b'{"after":{"id":"x","v":1},"op":"c"}', b'{"op":"c"}', b"\xff\xfe", b'{"after":{"id":null},"op":"c"}']
    try:
        run_script(weir, (f"CREATE TABLE t (id bigint PRIMARY KEY, v bigint NOT NULL) {source(prefix + '-in')} "
                          "FORMAT DEBEZIUM ENCODE JSON",))

        def send():
            writer.begin()
            for i, value in enumerate(bad):
                writer.put(f"{prefix}-in", {"id": i}, {"after": {"id": i, "v": i}, "op": "c"})
                writer.put(f"{prefix}-in", b'{"id":"q"}' if i == 1 else b'{"id":%d}' % (100 + i), value)
            writer.commit()

        letters = "SELECT * FROM weir_catalog.dead_letters ORDER BY 2, 3"
        send()
        wait("dead letters", lambda: len(rows(weir, letters)) >= len(bad), 20)
        first = rows(weir, letters)
        check(len(first) == len(bad), f"{len(first)} dead letters for {len(bad)}: {first}")
        check(rows(weir, "SELECT count(*) FROM t") == [(str(len(bad)),)], "good messages beside bad ones")
        check(all(row[-1] for row in first), "dead letters have reasons")
        weir.link().query("FLUSH")
        weir.kill()
        weir.start()
        time.sleep(1)
        check(rows(weir, letters) == first, "dead letters after a restart")
        send()
        check(wait("dead letters", lambda: len(rows(weir, letters)) == 2 * len(bad), 20), "dead letters afterwards")
    finally:
        weir.remove()


# ---- scenario: weir run ends by itself


def run_to_end(arguments, prefix):
    pipeline = Pipeline(prefix)
    traffic = Traffic(pipeline, arguments.seed)
    traffic.pause = 0
    traffic.start()
    directory = tempfile.mkdtemp(prefix="weir-run-", dir=os.environ.get("WEIR_WORK"))
    script = os.path.join(directory, "pipeline.sql")
    with open(script, "w") as file:
        file.write(";\n".join(pipeline.statements()) + ";\n")
    command = [os.environ["WEIR_BIN"], "run", "--data", os.path.join(directory, "data"), "--memory", MEMORY, "--quiet",
               "--exit-when-caught-up", script]
    try:
        time.sleep(3)
        traffic.finish()
        begun = time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        figures["weir run, messages/s"] = round(traffic.messages / (time.monotonic() - begun))
        check(done.returncode == 0, f"weir run ended with {done.returncode}: {done.stdout[-500:]}")
        names = "id", "name", "region", "amount", "note"
        enriched, sent = changelog(pipeline.sinks[1]), len(topics.contents(pipeline.sinks[1]))
        check({columns(r, *names) for r in enriched.values()} == traffic.enriched(), "weir run delivered everything")
        plain = len(topics.contents(pipeline.sinks[3]))
        check(plain == len(traffic.events), f"{plain} plain messages for {len(traffic.events)} events")
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        check(done.returncode == 0, f"the second weir run ended with {done.returncode}: {done.stdout[-500:]}")
        check(len(topics.contents(pipeline.sinks[1])) == sent, "a second run with nothing new sends nothing")
        weir = Weir(memory=MEMORY, directory=directory)
        check(rows(weir, "SELECT count(*) FROM events") == [(str(len(traffic.events)),)], "a restart replays events")
        offsets = rows(weir, "SELECT count(*), max(lag) FROM weir_catalog.sources")
        check(wait("no lag", lambda: rows(weir, "SELECT max(lag) FROM weir_catalog.sources") == [("0",)], 10),
              f"lag after a restart: {offsets}")
        weir.stop()
        weir.remove()
    finally:
        traffic.ending.set()
        shutil.rmtree(directory, ignore_errors=True)


# ---- scenario: how long it takes


def percentile(values, share):
    return sorted(values)[int(len(values) * share)]


def latency(arguments, prefix):
    topics.create(1, f"{prefix}-in", f"{prefix}-out", f"{prefix}-local")
    weir = Weir(memory=MEMORY)
    writer = topics.Writer(f"{prefix}-writer")
    try:
        run_script(weir, (
            f"CREATE TABLE t (id bigint PRIMARY KEY, v bigint) {source(prefix + '-in')} FORMAT UPSERT ENCODE JSON",
            f"CREATE SINK s FROM t {source(prefix + '-out')} FORMAT CHANGELOG ENCODE JSON",
            "CREATE TABLE local (id bigint PRIMARY KEY, v bigint)",
            f"CREATE SINK l FROM local {source(prefix + '-local')} FORMAT CHANGELOG ENCODE JSON"))
        wait("sinks", lambda: delivered(weir))
        readers = []
        for name in "out", "local":
            readers.append(topics.consumer(**{"fetch.wait.max.ms": 5}))
            topics.assign(readers[-1], f"{prefix}-{name}")

        def seen(reader):
            until = time.monotonic() + 10
            while time.monotonic() < until:
                message = reader.poll(1)
                if message is not None and message.error() is None:
                    return time.monotonic()
            return until

        through, out = [], []
        link = weir.link()
        for i in range(60):
            writer.begin()
            writer.put(f"{prefix}-in", {"id": i}, {"v": i})
            writer.commit()
            begun = time.monotonic()
            through.append(seen(readers[0]) - begun)
            link.query(f"INSERT INTO local VALUES ({i}, {i})")
            begun = time.monotonic()
            out.append(seen(readers[1]) - begun)
            time.sleep(0.03)
        for name, values in ("commit to topic", out), ("topic to topic", through):
            figures[f"{name}, ms p50/p99"] = "/".join(f"{percentile(values, p) * 1000:.0f}" for p in (0.5, 0.99))
        check(percentile(out, 0.5) < 0.5, f"half of the commits took longer than {percentile(out, 0.5):.3f} s")
        for reader in readers:
            reader.close()
    finally:
        weir.remove()


# ---- scenario: commits that change more than waits in RAM

RANKS = "SELECT id, g, v, row_number() OVER (PARTITION BY g ORDER BY v DESC, id) AS rank FROM t"


def large(arguments, prefix):
    """Rows move between groups, so the row that comes is seen long before the one that goes: still one change per key."""
    topics.create(3, prefix)
    weir = Weir(memory="64MB", workers=2)
    try:
        link = weir.link(300)
        for statement in ("CREATE TABLE t (id int PRIMARY KEY, g int, v int)", f"CREATE MATERIALIZED VIEW ranks AS {RANKS}",
                          f"CREATE SINK ranks_out FROM ranks {source(prefix)} FORMAT CHANGELOG ENCODE JSON"):
            link.query(statement)
        link.copy_in("COPY t FROM STDIN", (f"{i}\t{i % 1000}\t{i}\n".encode() for i in range(100000)))
        for statement in ("UPDATE t SET g = (g * 7 + 3) % 1000, v = 1", "DELETE FROM t WHERE id % 3 = 0", "UPDATE t SET g = g % 10"):
            link.query(statement)
        wait("all is delivered", lambda: delivered(weir), 120)
        final = {columns(row, "id", "g", "v", "rank") for row in changelog(prefix).values()}
        want = set(link.query("SELECT id, g, v, rank FROM ranks").rows())
        check(final == want, f"{prefix}: {len(want)} rows, lacks {len(want - final)}, has {len(final - want)} others")
        link.close()
    finally:
        weir.remove()


SCENARIOS = {f.__name__: f for f in (killed, without_power, large, outage, dropped, copied, dead_letters, run_to_end, latency)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", default=os.environ.get("WEIR_FULL") == "1")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("scenario", nargs="*", help=" ".join(SCENARIOS))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    for name in arguments.scenario or SCENARIOS:
        begun = time.monotonic()
        try:
            SCENARIOS[name](arguments, f"{name}-{arguments.seed}-{os.getpid()}")
        except Exception as e:
            check(False, f"{name}: {type(e).__name__}: {e}")
            if os.environ.get("WEIR_VERBOSE"):
                raise
        print(f"  {name}: {time.monotonic() - begun:.0f} s", flush=True)
    print("; ".join(f"{name} {value}" for name, value in figures.items()))
    return report("exactly_once")


if __name__ == "__main__":
    sys.exit(main())
