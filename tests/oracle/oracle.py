#!/usr/bin/python3
"""Differential test: random tables, changes and materialized views, compared with PostgreSQL 15 after every step.

Needs WEIR_BIN (the weir binary) and WEIR_PG (conninfo of a PostgreSQL 15 with C.UTF-8). A round is a fresh weir with a
few tables and views, a random number of workers and a random memory limit; its steps change the tables, create and drop
views, restart or kill the server. After each step every view must hold, as a multiset of texts, what its query answers
in PostgreSQL, and for some the same query is asked of weir directly. A failure is shrunk and printed as a script.
"""
import argparse
import collections
import multiprocessing
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from changes import Table, step  # noqa: E402
from queries import QueryMaker  # noqa: E402
from servers import Weir, fresh_schema, postgres  # noqa: E402
from shrink import shrink  # noqa: E402
from wire import Disconnected, SqlError, decode  # noqa: E402

MOST_ROWS = 4000  # a view that grows beyond this is dropped


class Failure(Exception):
    def __init__(self, kind, view, text):
        super().__init__(text)
        self.kind, self.view = kind, view


class Exploded(Exception):
    """A join grew beyond reason, in PostgreSQL too."""


class Pair:
    """weir and PostgreSQL, given the same actions."""

    def __init__(self, schema, workers, memory, stats=None):
        self.pg = postgres()
        fresh_schema(self.pg, schema)
        self.pg.query("SET statement_timeout = '5s'")
        self.schema = schema
        self.weir = Weir(memory=memory, workers=workers)
        self.link = self.weir.link()
        self.views = {}  # name -> query
        self.stats = stats if stats is not None else collections.Counter()

    def close(self):
        try:
            self.pg.query("ROLLBACK")
            self.pg.query(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
        except (SqlError, Disconnected):
            pass
        finally:
            self.pg.close()
            self.link.close()
            self.weir.remove()

    def on_weir(self, sql):
        try:
            return self.link.query(sql), None
        except SqlError as e:
            return None, e
        except Disconnected as e:
            status = self.weir.process.poll()
            if status is None and self.is_huge():
                raise Exploded() from e
            raise Failure("crash", None, f"weir has gone (status {status}) at: {sql}\n{e}\n{self.weir.tail()}") from e

    def is_huge(self):
        """Does PostgreSQL, too, find no end with one of the views?"""
        for name in self.views:
            answer, error = self.on_pg(f"SELECT count(*) FROM {name}")
            if error and error.sqlstate == "57014" or answer and int(answer.rows()[0][0]) > 100000:
                return True
        return False

    def on_pg(self, sql):
        try:
            return self.pg.query(sql), None
        except SqlError as e:
            return None, e

    def both(self, sql):
        """A statement that both must answer alike: tag or SQLSTATE."""
        expected, refused = self.on_pg(sql)
        got, error = self.on_weir(sql)
        want, have = (refused.sqlstate if refused else expected.tag), (error.sqlstate if error else got.tag)
        if want != have and not {want, have} <= {"23502", "23505"}:  # which row is found first is open
            raise Failure("tag", None, f"{sql}\n  PostgreSQL: {refused or expected.tag}\n  weir:       {error or got.tag}")
        return not refused

    def create(self, name, query, filled=False):
        """False: PostgreSQL cannot have this view (or, with `filled`, it would be empty)."""
        if self.on_pg(f"CREATE VIEW {name} AS {query}")[1]:
            self.stats["rejected by PostgreSQL"] += 1
            return False
        answer, error = self.on_pg(f"SELECT count(*) FROM {name}")
        if error or not filled <= int(answer.rows()[0][0]) <= MOST_ROWS:
            self.pg.query(f"DROP VIEW {name}")
            self.stats["rejected by PostgreSQL"] += 1
            return False
        _, error = self.on_weir(f"CREATE MATERIALIZED VIEW {name} AS {query}")
        if error:
            self.pg.query(f"DROP VIEW {name}")
            self.stats["refused"] += 1
            raise Failure("refused", name, f"CREATE MATERIALIZED VIEW {name} AS {query}\n  weir: {error}")
        self.views[name] = query
        return True

    def drop(self, name):
        self.pg.query(f"DROP VIEW {name}")
        del self.views[name]
        _, error = self.on_weir(f"DROP MATERIALIZED VIEW {name}")
        if error:
            raise Failure("tag", name, f"DROP MATERIALIZED VIEW {name}: {error}")

    def restart(self, how):
        self.link.close()
        if how == "kill":
            self.weir.kill()
        else:
            status = self.weir.stop()
            if status != 0:
                raise Failure("crash", None, f"SIGTERM: weir ended with {status}\n{self.weir.tail()}")
        try:
            self.weir.start()
        except Disconnected as e:
            raise Failure("crash", None, f"restart failed: {e}") from e
        self.link = self.weir.link()

    def compare(self, name, ad_hoc):
        """One view-step. Returns the number of rows, or None where the query fails in PostgreSQL."""
        query = self.views[name]
        expected, error = self.on_pg(f"SELECT * FROM {name}")
        if error:
            self.stats["fails in PostgreSQL"] += 1
            return None
        got, error = self.on_weir(f"SELECT * FROM {name}")
        if error:
            raise Failure("read", name, f"SELECT * FROM {name} -- {query}\n  weir: {error}")
        self.same("mismatch", name, query, expected, got)
        if ad_hoc:
            got, error = self.on_weir(query)
            if error:
                raise Failure("ad-hoc error", name, f"{query}\n  weir: {error}")
            self.same("ad-hoc mismatch", name, query, expected, got)
        return len(expected.raw)

    def same(self, kind, name, query, expected, got):
        if expected.oids != got.oids and [o if o != 1043 else 25 for o in expected.oids] != [o if o != 1043 else 25 for o in got.oids]:
            raise Failure("types", name, f"{name}: {query}\n  PostgreSQL: {expected.oids}\n  weir:       {got.oids}")
        want, have = expected.bag(), got.bag()
        if want == have:
            return
        missing, extra = want - have, have - want
        lines = [f"{kind} in {name}: {query}"]
        lines += [f"  missing {n} x {decode(b)}" for b, n in list(missing.items())[:8]]
        lines += [f"  extra   {n} x {decode(b)}" for b, n in list(extra.items())[:8]]
        raise Failure(kind, name, "\n".join(lines))

    def apply(self, action):
        """Performs one action of a recorded list; False: PostgreSQL does not take it."""
        kind = action[0]
        if kind == "table":
            return self.both(action[1])
        if kind == "view":
            return self.create(*action[1:])
        if kind == "drop":
            self.drop(action[1])
        elif kind == "index":
            _, error = self.on_weir(action[2])
            if error and error.sqlstate != "42P01":  # its relation may be gone from a shrunk list
                raise Failure("tag", action[1], f"{action[2]}: {error}")
        elif kind == "step":
            for sql in action[1]:
                self.both(sql)
        elif kind == "restart":
            self.restart(action[1])
        return True


def depends(query, name):
    return any(f"{w}{name} AS" in query for w in ("FROM ", "JOIN "))


class Round:
    def __init__(self, seed, options, stats, schema):
        self.r = random.Random(seed)
        self.seed, self.options, self.stats, self.schema = seed, options, stats, schema
        self.actions = []
        self.workers = options.workers or self.r.choice([1, 1, 2, 2, 3, 4])
        self.memory = self.r.choice(["64MB", "128MB", "256MB"])
        self.tables = [Table(self.r, f"t{i}") for i in range(self.r.randint(2, 4))]
        self.relations = {}
        self.kinds = {}
        self.view_number = 0

    def act(self, *action):
        self.actions.append(action)
        return self.pair.apply(action)

    def new_view(self):
        for _ in range(20):
            maker = QueryMaker(self.r, self.relations)
            query = maker.query(self.r.choice([0, 1, 1]))
            name = f"v{self.view_number}"
            self.view_number += 1
            try:
                made = self.act("view", name, query.sql, self.r.random() < 0.75)
            except Failure as f:
                if f.kind != "refused" or not self.options.skip_refused:
                    raise
                self.stats["refused: " + str(f).rsplit("weir: ", 1)[1]] += 1
                if self.options.verbose:
                    print(f, flush=True)
                made = False
            if made:
                columns = [c._replace(stable=c.stable and c.type != "jsonb") for c in query.columns]
                self.relations[name] = (columns, True, query.kinds)
                self.kinds[name] = query.kinds
                self.stats["views"] += 1
                for k in query.kinds:
                    self.stats["views with " + k] += 1
                return
            self.actions.pop()

    def new_index(self, name):
        """An index of weir alone: later joins and lookups may use it, and answers must not change."""
        columns = [c.sql for c in self.relations[name][0] if c.type != "jsonb"]
        if not columns:
            return
        keys = self.r.sample(columns, min(len(columns), self.r.choice([1, 1, 1, 2])))
        others = [c for c in columns if c not in keys]
        include = ""
        if others and self.r.random() < 0.3:
            include = f" INCLUDE ({', '.join(self.r.sample(others, self.r.randint(1, len(others))))})"
        self.act("index", name, f"CREATE INDEX ON {name} ({', '.join(keys)}){include}")
        self.stats["indexes"] += 1

    def forget(self, name):
        """Drops a view that no other view reads."""
        if any(depends(q, name) for n, q in self.pair.views.items() if n != name):
            return
        self.act("drop", name)
        del self.relations[name]

    def check(self):
        for name in list(self.pair.views):
            rows = self.pair.compare(name, self.r.random() < 0.25)
            if rows is None:
                continue
            self.stats["view-steps"] += 1
            self.stats["non-empty"] += rows > 0
            self.steps_left -= 1
            if rows > MOST_ROWS:
                self.forget(name)
        for t in self.tables:
            want, _ = self.pair.on_pg(f"SELECT * FROM {t.name}")
            got, error = self.pair.on_weir(f"SELECT * FROM {t.name}")
            if error or want.bag() != got.bag():
                raise Failure("table", t.name, f"table {t.name} differs: {error or ''}")

    def run(self, steps):
        """Up to `steps` view-steps; returns how many were left over."""
        self.steps_left = steps
        self.pair = Pair(self.schema, self.workers, self.memory, self.stats)
        r = self.r
        try:
            for t in self.tables:
                if not self.act("table", t.ddl):
                    raise Failure("generator", None, t.ddl)
                self.relations[t.name] = (t.scope(), False, set())
                if r.random() < 0.8:
                    self.act("step", [t.insert(r, r.randint(3, 25))])
                while r.random() < 0.5:
                    self.new_index(t.name)
            for _ in range(r.randint(3, 6)):
                self.new_view()
            for _ in range(r.randint(12, 24)):
                if r.random() < 0.35 and len(self.pair.views) < 14:
                    self.new_view()
                if r.random() < 0.15:
                    self.new_index(r.choice([*self.pair.views, *(t.name for t in self.tables)]))
                if r.random() < 0.06 and self.pair.views:
                    self.forget(r.choice(list(self.pair.views)))
                self.act("step", step(r, self.tables))
                if r.random() < self.options.restarts:
                    self.act("restart", r.choice(["kill", "term"]))
                    self.stats["restarts"] += 1
                self.check()
                if self.steps_left <= 0:
                    break
            return None
        except Failure as f:
            return f
        except Exploded:
            self.stats["rounds given up: a join explodes"] += 1
            return None
        finally:
            self.pair.close()


def report(round, failure, budget):
    out = [f"FAILED round {round.seed} (workers {round.workers}, memory {round.memory}): {failure.kind}", str(failure)]
    if budget > 0:
        actions, again = shrink(Pair, Failure, round.actions, failure, round.workers, round.schema + "_shrink", budget)
        out.append(f"-- shrunk script{'' if again else ' (did not repeat: shown as recorded)'}:")
        if again:
            for a in actions:
                if a[0] == "table":
                    out.append(a[1] + ";")
                elif a[0] == "view":
                    out.append(f"CREATE MATERIALIZED VIEW {a[1]} AS {a[2]};")
                elif a[0] == "drop":
                    out.append(f"DROP MATERIALIZED VIEW {a[1]};")
                elif a[0] == "index":
                    out.append(a[2] + ";")
                elif a[0] == "step":
                    out.extend(s + ";" for s in a[1])
                else:
                    out.append(f"-- {a[1]} and restart")
            out.append("-- " + str(again).replace("\n", "\n-- "))
    return "\n".join(out)


def job(number, options, results):
    stats = collections.Counter()
    failures = 0
    try:
        i = number
        share = options.steps // options.jobs
        while stats["view-steps"] < share and failures < options.failures:
            seed = options.round if options.round is not None else options.seed * 100003 + i
            i += options.jobs
            round = Round(seed, options, stats, f"oracle_{os.getpid()}")
            failure = round.run(share - stats["view-steps"])
            stats["rounds"] += 1
            if failure:
                failures += 1
                print(report(round, failure, options.shrink), flush=True)
            if options.round is not None:
                break
    except KeyboardInterrupt:
        pass
    results.put((stats, failures))


def run_case(path):
    """A script of statements; `-- check` compares every view, `-- kill` and `-- term` restart, `-- workers N` at the top."""
    with open(path) as f:
        text = f.read()
    workers = int(text.split("-- workers ")[1].split()[0]) if "-- workers " in text else 1
    pair = Pair(f"oracle_case_{os.getpid()}", workers, "128MB")
    try:
        for line in text.split("\n"):
            if line in ("-- kill", "-- term"):
                pair.restart(line[3:])
            elif line.startswith("CREATE MATERIALIZED VIEW "):
                name, query = line[len("CREATE MATERIALIZED VIEW "):].rstrip(";").split(" AS ", 1)
                if not pair.create(name, query):
                    raise Failure("generator", name, query)
            elif line and not line.startswith("--"):
                pair.both(line.rstrip(";"))
            if line == "-- check":
                for name in pair.views:
                    pair.compare(name, True)
        for name in pair.views:
            pair.compare(name, True)
        return None
    except Failure as f:
        return f
    finally:
        pair.close()


def run_cases(directory):
    passed = failed = 0
    for name in sorted(os.listdir(directory)):
        failure = run_case(os.path.join(directory, name))
        if failure:
            print(f"FAILED {name}: {failure.kind}\n{failure}")
        passed += not failure
        failed += failure is not None
    print(f"oracle cases: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--steps", type=int, default=10000, help="view-steps: comparisons of a view with PostgreSQL")
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--round", type=int, default=None, help="repeat this one round")
    p.add_argument("--workers", type=int, default=0, help="0: a random number per round")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--restarts", type=float, default=0.08, help="probability of a restart per step")
    p.add_argument("--failures", type=int, default=3, help="a job stops after so many")
    p.add_argument("--shrink", type=float, default=40, help="seconds for shrinking a failure; 0: no shrinking")
    p.add_argument("--skip-refused", action="store_true", help="count refused views instead of failing")
    p.add_argument("--verbose", action="store_true")
    p.add_argument("--cases", default=None, help="replay the scripts of this directory: what was found before")
    options = p.parse_args()
    if options.cases:
        run_cases(options.cases)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1000000)
    if options.round is not None:
        options.jobs = 1
    print(f"oracle: seed {options.seed}", flush=True)
    began = time.monotonic()
    results = multiprocessing.Queue()
    jobs = [multiprocessing.Process(target=job, args=(n, options, results), daemon=True) for n in range(options.jobs)]
    for j in jobs:
        j.start()
    stats, failures = collections.Counter(), 0
    for j in jobs:
        s, f = results.get()
        stats.update(s)
        failures += f
    for j in jobs:
        j.join()
    for name in sorted(stats):
        share = ""
        if name.startswith("views with"):
            share = f" ({100 * stats[name] // max(1, stats['views'])} %)"
        elif name == "non-empty":
            share = f" ({100 * stats[name] // max(1, stats['view-steps'])} %)"
        print(f"  {name}: {stats[name]}{share}")
    short = [k for k in ("join", "aggregate", "top-n", "subquery", "view-on-view") if stats["views"] > 300 and stats["views with " + k] * 10 < stats["views"]]
    if short:
        print(f"  too few views with: {', '.join(short)}")
        failures += 1
    if stats["view-steps"] > 2000 and stats["non-empty"] * 10 < stats["view-steps"] * 6:
        print("  too many empty answers")
        failures += 1
    print(f"  {time.monotonic() - began:.0f} s")
    print(f"oracle: {stats['view-steps']} passed, {failures} failed")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
