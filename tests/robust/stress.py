"""Many sessions at once, over everything: the load that sanitizers watch.

Readers, writers, COPY, DDL with backfills, transactions, cancels and clients that vanish in the middle of a query run
for a while against one server. Errors that SQL allows for are expected; a lost server, an XX000 or a result that is
wrong by the end is not. usage: stress.py [SECONDS [WORKERS]]; WEIR_BIN names the server."""
import os
import random
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from servers import Weir
from wire import Disconnected, SqlError

SETUP = """
CREATE TABLE item (id int PRIMARY KEY, grp int, name text, price numeric(12,2), at timestamptz);
CREATE TABLE sale (item int, qty int, note text);
CREATE MATERIALIZED VIEW by_group AS SELECT grp, count(*) AS n, sum(price) AS total, min(name) AS low, max(id) AS high
    FROM item GROUP BY grp;
CREATE MATERIALIZED VIEW sold AS SELECT i.grp, s.item, sum(s.qty) AS qty FROM sale s JOIN item i ON i.id = s.item
    GROUP BY i.grp, s.item;
CREATE TABLE num (n int PRIMARY KEY);
CREATE VIEW cheap AS SELECT * FROM item WHERE price < 50;
"""
QUERIES = [
    "SELECT * FROM by_group",
    "SELECT * FROM sold ORDER BY qty DESC, item LIMIT 20",
    "SELECT grp, count(DISTINCT name), sum(price) FROM item GROUP BY grp HAVING count(*) > 1",
    "SELECT a.id, b.id FROM item a JOIN item b ON a.grp = b.grp AND a.id < b.id LIMIT 1000",
    "SELECT i.id, s.qty FROM item i LEFT JOIN sale s ON s.item = i.id WHERE s.qty IS NULL",
    "SELECT * FROM (SELECT id, row_number() OVER (PARTITION BY grp ORDER BY price, id) r FROM item) t WHERE r <= 3",
    "SELECT count(*) FROM cheap",
    "SELECT DISTINCT grp FROM item EXCEPT SELECT grp FROM sold",
    "SELECT id FROM item UNION ALL SELECT item FROM sale",
    "SELECT * FROM item WHERE id IN (SELECT item FROM sale)",
    "SELECT * FROM item WHERE id NOT IN (SELECT item FROM sale)",
    "SELECT * FROM item i WHERE EXISTS (SELECT 1 FROM sale s WHERE s.item = i.id AND s.qty > 3)",
    "WITH t AS (SELECT grp, avg(price) p FROM item GROUP BY grp) SELECT * FROM item i JOIN t ON t.grp = i.grp AND i.price > t.p",
    "SELECT to_char(at, 'YYYY-MM-DD'), upper(name), price * 2, id % 7, length(name), name || 'x' FROM item",
    "SHOW TABLES", "SHOW MATERIALIZED VIEWS", "SHOW ALL", "DESCRIBE item",
    "SELECT * FROM weir_catalog.memory", "SELECT * FROM weir_catalog.progress", "SELECT * FROM weir_catalog.errors",
    "EXPLAIN SELECT * FROM item JOIN sale ON id = item", "EXPLAIN CREATE MATERIALIZED VIEW v AS SELECT grp FROM item",
    "SELECT 1/0", "SELECT 'x'::int", "SELECT nothing FROM item", "SELEC 1", "SELECT 1/(id-5) FROM item",
]
VIEWS = [
    "SELECT grp, count(*) n FROM item GROUP BY grp",
    "SELECT i.*, s.qty FROM item i JOIN sale s ON s.item = i.id",
    "SELECT i.id, s.qty FROM item i LEFT JOIN sale s ON s.item = i.id",
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY grp ORDER BY id DESC) r FROM item) t WHERE r <= 2",
    "SELECT DISTINCT grp, name FROM item",
    "SELECT grp, count(DISTINCT name) d, min(price) lo, max(price) hi FROM item GROUP BY grp",
    "SELECT g.grp, g.n, s.qty FROM by_group g FULL JOIN sold s ON s.grp = g.grp",
    "SELECT id FROM item WHERE id NOT IN (SELECT item FROM sale)",
    "SELECT id, 100 / (id % 10) AS q FROM item",
    "SELECT grp, sum(n) FROM by_group GROUP BY grp UNION ALL SELECT item, qty FROM sale",
]
# What concurrent sessions may meet: conflicts, what they asked for, objects that come and go.
ALLOWED = {"22012", "22P02", "42703", "42601", "23505", "40001", "57014", "42P01", "42P07", "2BP01", "55000", "55P03",
           "55006", "25P02", "53200", "54001", "0A000", "42809", "72000", "42704"}


class Stress:
    def __init__(self, weir, seconds, seed):
        self.weir, self.until, self.seed = weir, time.monotonic() + seconds, seed
        self.unexpected, self.done, self.lock = [], {}, threading.Lock()

    def going(self):
        return time.monotonic() < self.until and not self.unexpected

    def note(self, kind):
        with self.lock:
            self.done[kind] = self.done.get(kind, 0) + 1

    def run(self, link, sql, kind):
        try:
            link.query(sql)
            self.note(kind)
        except SqlError as e:
            self.note("error " + e.sqlstate)
            if e.sqlstate not in ALLOWED:
                self.unexpected.append(f"{sql[:200]}: {e}")

    def reader(self, rng):
        link = self.weir.link(timeout=120)
        while self.going():
            self.run(link, rng.choice(QUERIES), "read")
        link.close()

    def writer(self, rng):
        link = self.weir.link(timeout=120)
        while self.going():
            at = rng.randrange(2000)
            self.run(link, rng.choice([
                f"INSERT INTO item VALUES ({at}, {at % 13}, 'n{at % 31}', {at}.5, '2024-01-01'::timestamptz + interval '{at} hours')",
                f"INSERT INTO item SELECT n, n % 13, 'n' || n, n, now() FROM num WHERE n BETWEEN {at} AND {at + 50}",
                f"INSERT INTO sale VALUES ({at}, {at % 5}, 'é{at}'), ({at}, 1, NULL)",
                f"UPDATE item SET price = price + 1 WHERE grp = {at % 13}",
                f"UPDATE item SET id = id + 5000 WHERE id = {at}",
                f"DELETE FROM item WHERE id BETWEEN {at} AND {at + 20}",
                f"DELETE FROM sale WHERE item = {at}",
                f"BEGIN; INSERT INTO sale VALUES ({at}, 9, 't'); SELECT count(*) FROM sale; DELETE FROM item WHERE id = {at}; COMMIT",
                f"BEGIN; INSERT INTO sale VALUES ({at}, 9, 't'); ROLLBACK",
            ]), "write")
            if link.status != "I":
                self.run(link, "ROLLBACK", "rollback")
        link.close()

    def copier(self, rng):
        link = self.weir.link(timeout=120)
        while self.going():
            lines = [b"%d\t%d\ttext %d\n" % (rng.randrange(2000), i, i) for i in range(rng.randrange(2000))]
            if rng.random() < 0.2:
                lines.append(b"wrong\tx\n")
            try:
                link.copy_in("COPY sale FROM STDIN", lines)
                self.note("copy")
            except SqlError as e:
                if e.sqlstate not in ALLOWED | {"22P04"}:
                    self.unexpected.append(f"COPY: {e}")
            self.run(link, "DELETE FROM sale WHERE qty > 500", "write")
        link.close()

    def definer(self, rng, k):
        link = self.weir.link(timeout=120)
        while self.going():
            name = f"v{k}_{rng.randrange(3)}"
            self.run(link, rng.choice(["SET background_ddl = on", "SET background_ddl = off"]), "set")
            self.run(link, f"CREATE MATERIALIZED VIEW {name} AS {rng.choice(VIEWS)}", "create")
            if rng.random() < 0.3:
                self.run(link, f"CREATE TABLE t{k} (a int PRIMARY KEY, b text DEFAULT 'x', c jsonb)", "create")
                self.run(link, f"INSERT INTO t{k} (a) VALUES (1), (2)", "write")
                self.run(link, f"CREATE MATERIALIZED VIEW tv{k} AS SELECT count(*) FROM t{k}", "create")
            if rng.random() < 0.3:
                self.run(link, f"CREATE SINK s{k} FROM by_group WITH (connector = 'blackhole')", "create")
                self.run(link, f"DROP SINK IF EXISTS s{k}", "drop")
            self.run(link, f"SELECT count(*) FROM {name}", "read")
            self.run(link, rng.choice([f"DROP MATERIALIZED VIEW IF EXISTS {name}", f"DROP TABLE IF EXISTS t{k} CASCADE",
                                       f"DROP MATERIALIZED VIEW IF EXISTS v{k}_0, v{k}_1"]), "drop")
        link.close()

    def canceller(self, rng):
        """Starts something slow, then cancels it or walks away."""
        while self.going():
            try:
                link = self.weir.link(timeout=120)
            except SqlError:
                continue
            sql = rng.choice([
                "SELECT count(*) FROM num a, num b, num c",
                "SELECT a.n, b.n FROM num a, num b, num c",
                "SELECT DISTINCT a.n + b.n * 2000 FROM num a, num b, num c",
                "SELECT a.n + b.n * 2000, count(*) FROM num a, num b, num c GROUP BY 1",
                "SELECT * FROM num a, num b, num c ORDER BY 1 DESC, 2, 3",
                "INSERT INTO sale SELECT a.n, b.n, 'x' FROM num a, num b, num c",
                "UPDATE item SET name = 'x' WHERE id IN (SELECT a.n FROM num a, num b, num c)",
                f"CREATE MATERIALIZED VIEW c{rng.randrange(4)} AS SELECT a.n x, count(*) FROM num a, num b, num c GROUP BY a.n",
                "SET statement_timeout = 20; SELECT count(*) FROM num a, num b, num c",
                "BEGIN; SELECT * FROM num a, num b"])
            data = sql.encode() + b"\0"
            link._send(b"Q" + struct.pack("!i", len(data) + 4) + data)
            time.sleep(rng.random() * 0.2)
            if rng.random() < 0.5:
                link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.note("left")
            link.close()
            time.sleep(0.05)

    def main(self, threads):
        def guarded(f, *args):
            try:
                f(*args)
            except Exception as e:  # the thread's failure is the test's
                self.unexpected.append(f"{f.__name__}: {type(e).__name__}: {e}")
        link = self.weir.link(timeout=120)
        link.query(SETUP)
        link.query("INSERT INTO num VALUES " + ", ".join(f"({n})" for n in range(2000)))
        jobs = []
        for k, f in enumerate(threads):
            rng = random.Random(self.seed * 100 + k)
            args = (rng, k) if f == "definer" else (rng,)
            jobs.append(threading.Thread(target=guarded, args=(getattr(self, f), *args)))
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        return link

    def check(self, link):
        """After the storm: views say what their queries say."""
        wrong = []
        for name, sql in (("by_group", "SELECT grp, count(*) AS n, sum(price) AS total, min(name) AS low, max(id) AS high FROM item GROUP BY grp"),
                          ("sold", "SELECT i.grp, s.item, sum(s.qty) AS qty FROM sale s JOIN item i ON i.id = s.item GROUP BY i.grp, s.item")):
            if link.query(f"SELECT * FROM {name}").bag() != link.query(sql).bag():
                wrong.append(name)
        return wrong


THREADS = ["reader", "reader", "writer", "writer", "copier", "definer", "definer", "canceller", "canceller"]


def storm(seconds, workers, seed=1, threads=THREADS):
    """Runs the storm; returns (failures, counts). The server must end cleanly (sanitizers speak by its status)."""
    weir = Weir(workers=workers)
    failures = []
    stress = Stress(weir, seconds, seed)
    try:
        link = stress.main(threads)
        failures += stress.unexpected
        if not failures:
            failures += [f"view {name} is wrong" for name in stress.check(link)]
        link.close()
    except (Disconnected, SqlError) as e:
        failures.append(f"{e}")
    status = weir.stop(120)
    if status != 0:
        failures.append(f"server ended with {status}")
    if failures:
        failures.append("log: " + weir.directory)
    else:
        weir.remove()
    return failures, stress.done


if __name__ == "__main__":
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    found, counts = storm(seconds, workers, seed, sys.argv[4].split(",") if len(sys.argv) > 4 else THREADS)
    print(counts)
    for line in found:
        print("FAILED:", line)
    print(f"stress: {0 if found else 1} passed, {len(found)} failed")
    sys.exit(bool(found))
