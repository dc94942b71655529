#!/usr/bin/python3
"""Crash: weir is killed at each failpoint and at random moments, under random changes of tables with views (laws L2, L3, L6).

The same changes go to PostgreSQL, but only once weir has acknowledged them. Where weir dies before it answered, the
statement (or the transaction, at its COMMIT) may have taken effect or not, as a whole: after the restart every table must
equal PostgreSQL's with it or without it. Then every view must equal its query, asked of the view, of weir directly and of
PostgreSQL. A view whose CREATE was cut short either does not exist, or is completed by the restart. A transaction that
creates and drops and writes has happened as a whole, or not at all.
"""
import argparse
import collections
import os
import random
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "python"), os.path.join(HERE, "..", "oracle")]
from changes import Table, step  # noqa: E402
from queries import QueryMaker  # noqa: E402
from servers import Weir, fresh_schema, postgres  # noqa: E402
from wire import Disconnected, SqlError, decode  # noqa: E402

FAILPOINTS = ["delta-written", "ingested", "commit-record-written", "merge-written", "merge-installed", "file-deleted", "ddl",
              "backfill"]
HEAVY = ["ingested", "merge-written", "merge-installed", "file-deleted"]  # reached by large commits only
MOST_ROWS = 3000
HEAVY_VIEWS = {
    "heavy_sums": "SELECT g, count(*) AS n, sum(k) AS s, min(pad) AS least FROM heavy GROUP BY g",
    "heavy_join": "SELECT a.k, b.pad FROM heavy AS a JOIN heavy AS b ON a.twin = b.k WHERE a.g > 2",
}


class Wrong(Exception):
    pass


class Died(Exception):
    pass


class Cycle:
    """One data directory that lives through several kills."""

    def __init__(self, seed, stats, heavy=False):
        self.heavy = heavy
        self.r = random.Random(seed)
        self.stats = stats
        self.pg = postgres()
        fresh_schema(self.pg, f"crash_{os.getpid()}")
        self.pg.query("SET statement_timeout = '5s'")
        self.weir = Weir(memory=self.r.choice(["64MB", "128MB"]), workers=self.r.choice([1, 1, 2, 3]))
        self.link = self.weir.link()
        self.views = {}
        self.relations = {}
        self.sets = []  # created together in one transaction: (table, view)
        self.whole = None
        self.number = 0
        self.tables = [Table(self.r, f"t{i}") for i in range(3)]
        for t in self.tables:
            self.pg.query(t.ddl)
            self.link.query(t.ddl)
            self.relations[t.name] = (t.scope(), False, set())
        self.names = [t.name for t in self.tables]
        if heavy:
            self.heavy_key = 0
            self.names.append("heavy")
            ddl = "CREATE TABLE heavy (k integer PRIMARY KEY, g integer NOT NULL, twin integer, pad text)"
            self.pg.query(ddl)
            self.link.query(ddl)
            for name, query in HEAVY_VIEWS.items():
                self.pg.query(f"CREATE VIEW {name} AS {query}")
                self.link.query(f"CREATE MATERIALIZED VIEW {name} AS {query}")
                self.views[name] = query

    def heavy_statement(self):
        """Changes a megabyte or two."""
        kind = self.r.random()
        if kind < 0.5 or self.heavy_key < 3000:
            first, self.heavy_key = self.heavy_key, self.heavy_key + 2500
            return "INSERT INTO heavy VALUES " + ", ".join(
                f"({k}, {k % 5}, {max(0, k - 7)}, '{self.r.getrandbits(900):x}')" for k in range(first, self.heavy_key))
        if kind < 0.8:
            return f"UPDATE heavy SET g = mod(g + 1, 5), pad = pad || 'x' WHERE mod(k, 3) = {self.r.randint(0, 2)}"
        return f"DELETE FROM heavy WHERE mod(k, 4) = {self.r.randint(0, 3)} AND k < {self.heavy_key - 1000}"

    def close(self):
        try:
            self.pg.query("ROLLBACK")
            self.pg.query(f"DROP SCHEMA crash_{os.getpid()} CASCADE")
        except SqlError:
            pass
        self.pg.close()
        self.weir.remove()

    # ---- doing things, until weir dies

    def unit(self, statements):
        """A statement, or BEGIN ... COMMIT: weir first; PostgreSQL when weir has answered. Died: unknown outcome."""
        answers = []
        for i, sql in enumerate(statements):
            try:
                answers.append(self.link.query(sql).tag)
            except SqlError as e:
                answers.append(e.sqlstate)
            except Disconnected:
                self.pending = statements if i == len(statements) - 1 and statements[-1] != "ROLLBACK" else None
                raise Died() from None
        self.on_pg(statements, answers)

    def on_pg(self, statements, answers=None):
        for i, sql in enumerate(statements):
            try:
                got = self.pg.query(sql).tag
            except SqlError as e:
                got = e.sqlstate
            if answers and answers[i] != got and not {answers[i], got} <= {"23502", "23505"}:
                raise Wrong(f"{sql}\n  weir: {answers[i]}\n  PostgreSQL: {got}")

    def create_view(self):
        for _ in range(20):
            query = QueryMaker(self.r, self.relations).query(self.r.choice([0, 1]))
            name = f"v{self.number}"
            self.number += 1
            try:
                self.pg.query(f"CREATE VIEW {name} AS {query.sql}")
                if 1 <= int(self.pg.value(f"SELECT count(*) FROM {name}")) <= MOST_ROWS:
                    break
                self.pg.query(f"DROP VIEW {name}")
            except SqlError:
                self.pg.query(f"DROP VIEW IF EXISTS {name}")
        else:
            return
        self.views[name] = query.sql
        self.creating = name
        try:
            self.link.query(f"CREATE MATERIALIZED VIEW {name} AS {query.sql}")
        except Disconnected:
            raise Died() from None
        self.creating = None
        self.relations[name] = (query.columns, True, query.kinds)

    def drop_view(self):
        free = [n for n in self.views if n not in HEAVY_VIEWS and not n.startswith("nv") and not any(f" {n} AS" in q for m, q in self.views.items() if m != n)]
        if not free:
            return self.create_view()
        name = self.r.choice(free)
        self.dropping = name
        try:
            self.link.query(f"DROP MATERIALIZED VIEW {name}")
        except Disconnected:
            raise Died() from None
        self.dropping = None
        self.forget(name)

    def forget(self, name):
        del self.views[name]
        self.relations.pop(name, None)
        self.pg.query(f"DROP VIEW {name}")

    def transaction(self):
        """A table, rows, a view over it and another table, changes of that, the drop of an older such set: all or nothing."""
        table, view, other = f"n{self.number}", f"nv{self.number}", self.r.choice(self.tables)
        self.number += 1
        query = f"SELECT g, count(*) AS n, sum(k) AS s, (SELECT count(*) FROM {other.name}) AS others FROM {table} GROUP BY g"
        gone = self.sets[0] if len(self.sets) > 2 else None
        statements = ["BEGIN", f"CREATE TABLE {table} (k integer PRIMARY KEY, g integer)",
                      f"INSERT INTO {table} VALUES " + ", ".join(f"({k}, {k % 3})" for k in range(self.r.randint(1, 900))),
                      f"CREATE MATERIALIZED VIEW {view} AS {query}", f"UPDATE {table} SET g = g + 1 WHERE mod(k, 4) = 1",
                      f"DELETE FROM {other.name} WHERE false"]
        if gone:
            statements += [f"DROP MATERIALIZED VIEW {gone[1]}", f"DROP TABLE {gone[0]}"]
        if self.r.random() < 0.2:
            for sql in statements + ["ROLLBACK"]:
                self.whole = (table, view, query, gone, [])
                self.say(sql)
            self.whole = None
            return
        for sql in statements + ["COMMIT"]:
            self.whole = (table, view, query, gone, statements + ["COMMIT"] if sql == "COMMIT" else [])
            self.say(sql)
        self.has_happened()

    def say(self, sql):
        try:
            self.link.query(sql)
        except Disconnected:
            raise Died() from None

    def has_happened(self):
        table, view, query, gone, statements = self.whole
        for sql in statements:
            self.pg.query(sql.replace("MATERIALIZED VIEW", "VIEW"))
        self.names.append(table)
        self.views[view] = query
        self.sets.append((table, view))
        if gone:
            self.sets.remove(gone)
            self.names.remove(gone[0])
            del self.views[gone[1]]
        self.whole = None
        self.stats["transactions with DDL"] += 1

    def check_whole(self):
        table, view, _, gone, statements = self.whole
        parts = {name: self.exists(name) for name in (table, view)}
        parts.update({f"not {name}": not self.exists(name) for name in gone or ()})
        if len(set(parts.values())) > 1:
            raise Wrong(f"half a transaction: {parts}")
        if parts[table] and not statements:
            raise Wrong(f"{table} exists, and was not committed")
        if parts[table]:
            self.has_happened()
        self.whole = None

    def load(self, steps, ddl):
        """Random changes; True if weir died."""
        self.pending = self.creating = self.dropping = self.whole = None
        try:
            for _ in range(steps):
                if self.r.random() < ddl / 2:
                    self.transaction()
                elif self.r.random() < ddl or not self.views:
                    self.drop_view() if len(self.views) > 7 or self.views and self.r.random() < 0.2 else self.create_view()
                statements = step(self.r, self.tables)
                if self.heavy and self.r.random() < 0.4:
                    statements = [self.heavy_statement()]
                if statements[0] == "BEGIN":
                    self.unit(statements)
                else:
                    for sql in statements:
                        self.unit([sql])
        except Died:
            return True
        return False

    # ---- after the restart

    def bag(self, link, sql):
        return link.query(sql).bag()

    def tables_differ(self):
        for name in self.names:
            sql = f"SELECT * FROM {name}"
            if self.bag(self.link, sql) != self.bag(self.pg, sql):
                return name
        return None

    def exists(self, name):
        try:
            self.link.query(f"SELECT count(*) FROM {name}")
            return True
        except SqlError as e:
            if e.sqlstate == "42P01":
                return False
            raise

    def check(self):
        self.link = self.weir.link()
        if self.whole:
            self.check_whole()
        differs = self.tables_differ()
        if differs and self.pending:
            self.on_pg(self.pending)
            if self.tables_differ():
                raise Wrong(f"table {self.tables_differ()} holds neither what was before nor what is after {self.pending}")
        elif differs:
            raise Wrong(f"table {differs} lost or gained acknowledged changes")
        if self.dropping and not self.exists(self.dropping):
            self.forget(self.dropping)
        if self.creating:
            until = time.monotonic() + 20
            there = None
            while there is None:  # a view that is still being filled answers with an error that says so
                try:
                    there = self.exists(self.creating)
                except SqlError as e:
                    if time.monotonic() > until:
                        raise Wrong(f"view {self.creating} is not completed: {e}") from e
                    time.sleep(0.02)
            self.stats["views that the restart completed"] += there
            if not there:
                self.forget(self.creating)
        for name, query in self.views.items():
            try:
                want = self.bag(self.pg, f"SELECT * FROM {name}")
            except SqlError:
                continue
            for what, sql in (("view", f"SELECT * FROM {name}"), ("query", query)):
                try:
                    have = self.bag(self.link, sql)
                except SqlError as e:
                    if e.sqlstate == "53200" and what == "query":
                        self.stats["queries beyond the memory limit"] += 1
                        continue
                    raise Wrong(f"{sql}: {e}") from e
                if have != want:
                    lost, extra = want - have, have - want
                    raise Wrong(f"{what} {name} differs: {query}\n  missing {[(decode(b), n) for b, n in list(lost.items())[:5]]}"
                                f"\n  extra {[(decode(b), n) for b, n in list(extra.items())[:5]]}")
                self.stats["answers"] += 1
        for name in [n for n in self.views if n not in HEAVY_VIEWS and not n.startswith("nv") and
                     int(self.link.value(f"SELECT count(*) FROM {n}")) > 3 * MOST_ROWS]:
            if not any(f" {name} AS" in q for q in self.views.values()):
                self.link.query(f"DROP MATERIALIZED VIEW {name}")
                self.forget(name)

    def restart(self, failpoint=None):
        """Starts weir; it may die while it starts, at the failpoint: then it starts without."""
        self.weir.kill()
        try:
            self.weir.start({"WEIR_FAILPOINT": failpoint} if failpoint else {"WEIR_FAILPOINT": ""})
            self.link = self.weir.link()
            return True
        except Disconnected as e:
            if not failpoint or self.weir.process.poll() != -9:
                raise Wrong(f"does not start: {e}") from e
            return False

    def kill_at(self, failpoint, number):
        """Arms the failpoint, loads until weir dies there; then checks."""
        died = not self.restart(f"{failpoint}:{number}")
        if not died:
            ddl = 0.7 if failpoint in ("ddl", "backfill") else 0.15
            died = self.load(120, ddl)
        else:
            self.pending = self.creating = self.dropping = self.whole = None
        if not died:
            self.weir.kill()
            self.stats[f"not reached: {failpoint}"] += 1
        self.restart()
        self.check()
        return died

    def kill_at_random(self):
        """kill -9 from outside, somewhere within the load."""
        self.restart()
        timer = threading.Timer(self.r.uniform(0.005, 0.35), self.weir.process.kill)
        timer.start()
        died = self.load(1000, 0.15)
        timer.join()
        self.restart()
        self.check()
        return died


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--kills", type=int, default=3, help="per failpoint")
    p.add_argument("--random", type=int, default=20, help="kills at random moments")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    p.add_argument("--failpoint", default=None)
    options = p.parse_args()
    print(f"crash: seed {options.seed}", flush=True)
    stats = collections.Counter()
    passed = failed = 0
    plan = [(f, options.kills) for f in ([options.failpoint] if options.failpoint else FAILPOINTS)]
    if not options.failpoint:
        plan += [("random", options.random)]
    for number, (what, kills) in enumerate(plan):
        cycle, done, tries = None, 0, 0
        r = random.Random(options.seed * 77 + number)
        try:
            cycle = Cycle(options.seed * 100 + number, stats, what in HEAVY)
            while done < kills and tries < kills * 4:
                tries += 1
                if tries % 6 == 5:  # a fresh directory now and then
                    cycle.close()
                    cycle = Cycle(options.seed * 100 + number * 10000 + tries, stats, what in HEAVY)
                if what == "random":
                    died = cycle.kill_at_random()
                else:
                    died = cycle.kill_at(what, r.choice([1, 2, 3] if tries <= 2 * kills else [1]) if "merge" in what or "file" in what
                                         else r.randint(1, 12))
                done += died
                passed += died
        except (Wrong, SqlError, Disconnected) as e:
            failed += 1
            print(f"FAILED {what}, kill {done + 1}, seed {options.seed}: {type(e).__name__} {e}\n{cycle.weir.tail() if cycle else ''}",
                  flush=True)
        finally:
            if cycle:
                cycle.close()
        print(f"  {what}: {done} kills", flush=True)
        if done < kills and not failed:
            failed += 1
            print(f"FAILED {what} was reached {done} times, want {kills}")
    for name in sorted(stats):
        print(f"  {name}: {stats[name]}")
    print(f"crash: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
