#!/usr/bin/python3
"""Databases as people have them, against PostgreSQL 15: each module here is one, with its tables, views and changes.

After the load and after every step each view must hold what PostgreSQL answers to its query, and so must the query asked
directly. Half of the views are made before the rows come, the others after. Needs WEIR_BIN and WEIR_PG."""
import argparse
import importlib
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from servers import Weir, fresh_schema, postgres  # noqa: E402
from wire import Disconnected, SqlError, decode  # noqa: E402

ALL = ["tpch", "business", "logistics"]


def copy_text(rows):
    for i in range(0, len(rows), 1000):
        yield "".join("\t".join("\\N" if v is None else str(v) for v in row) + "\n" for row in rows[i:i + 1000]).encode()


class Run:
    def __init__(self, name, workers, memory, scale, seed, verbose):
        self.module = importlib.import_module(name)
        self.name, self.verbose, self.seed = name, verbose, seed
        self.r = random.Random(seed)
        self.data = self.module.setup(self.r, scale)
        self.pg = postgres()
        self.schema = f"workload_{os.getpid()}"
        fresh_schema(self.pg, self.schema)
        self.weir = Weir(memory=memory, workers=workers)
        self.link = self.weir.link(timeout=300)
        self.passed, self.failures = 0, []

    def close(self):
        self.pg.query("ROLLBACK")
        self.pg.query(f"DROP SCHEMA IF EXISTS {self.schema} CASCADE")
        self.pg.close()
        self.weir.remove()

    def expect(self, ok, text):
        self.passed += ok
        if not ok:
            self.failures.append(f"{self.name} (seed {self.seed}): {text}")
            if self.verbose:
                print(self.failures[-1], flush=True)

    def both(self, sql):
        got = []
        for link in (self.pg, self.link):
            try:
                got.append(link.query(sql).tag)
            except SqlError as e:
                got.append(f"{e.sqlstate} {e.message}")
        self.expect(got[0] == got[1], f"{sql[:300]}\n  PostgreSQL: {got[0]}\n  weir:       {got[1]}")

    def load(self, tables):
        for table, rows in tables:
            for link in (self.pg, self.link):
                link.copy_in(f"COPY {table} FROM STDIN", copy_text(rows))
        self.pg.query("ANALYZE")

    def create(self, names):
        for name in names:
            started = time.monotonic()
            self.both_views(name)
            if self.verbose:
                print(f"  view {name} {time.monotonic() - started:.3f}", flush=True)

    def both_views(self, name):
        query = self.module.VIEWS[name]
        self.pg.query(f"CREATE VIEW {name} AS {query}")
        try:
            self.link.query(f"CREATE MATERIALIZED VIEW {name} AS {query}")
            self.made.append(name)
        except SqlError as e:
            self.expect(False, f"CREATE MATERIALIZED VIEW {name}: {e}")

    def ask(self, name):
        """PostgreSQL's answer, and weir's: the view, now and then its query."""
        started = time.monotonic()
        want = self.pg.query(f"SELECT * FROM {name}")
        middle = time.monotonic()
        asked = [("view", self.link.query(f"SELECT * FROM {name}"))]
        after = time.monotonic()
        if self.r.random() < 0.3:
            asked.append(("query", self.link.query(self.module.VIEWS[name])))
            if time.monotonic() - after > 1 and self.verbose:
                print(f"  slow query {name} {time.monotonic() - after:.2f} PostgreSQL {middle - started:.2f}")
        return want, asked

    def compare(self, step):
        for name in self.made:
            try:
                want, asked = self.ask(name)
            except SqlError as e:
                self.expect(False, f"{step}: {name}: {e}")
                continue
            if self.verbose > 1:
                print(f"    {name} {len(want.raw)}")
            for what, answer in asked:
                missing, extra = want.bag() - answer.bag(), answer.bag() - want.bag()
                self.expect(not missing and not extra, f"{step}: {what} {name} of {len(want.raw)} rows\n"
                            f"  missing {self.some(missing)}\n  extra   {self.some(extra)}")

    @staticmethod
    def some(bag):
        return [(decode(row), n) for row, n in list(bag.items())[:3]]

    def run(self):
        self.made = []
        names = list(self.module.VIEWS)
        for sql in self.module.TABLES:
            self.both(sql)
        half = len(names) // 2
        first = names[:half] if self.r.random() < 0.5 else []
        self.create(first)
        self.load(self.data.load())
        self.create([n for n in names if n not in first])
        self.compare("load")
        for step, statements in self.module.steps(self.data, self.r):
            started = time.monotonic()
            if step == "kill":
                self.weir.kill()
                self.weir.start()
                self.link = self.weir.link(timeout=300)
            elif callable(statements):
                self.load(statements())
            else:
                for sql in statements:
                    self.both(sql)
            middle = time.monotonic()
            self.compare(step)
            if self.verbose:
                print(f"  {step} {middle - started:.3f} compare {time.monotonic() - middle:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", nargs="*", default=ALL)
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--memory", default="")
    parser.add_argument("--verbose", "-v", action="count", default=0)
    a = parser.parse_args()
    passed, failures = 0, []
    for name in a.workloads:
        for i, (workers, memory) in enumerate([(a.workers, a.memory)] if a.workers else [(1, "256MB"), (4, "64MB")]):
            run = Run(name, workers, memory or "256MB", a.scale, a.seed + i, a.verbose)
            try:
                run.run()
            except Disconnected as e:
                run.expect(False, f"weir has gone (status {run.weir.process.poll()}): {e}\n{run.weir.tail()}")
            finally:
                run.close()
            passed, failures = passed + run.passed, failures + run.failures
    for text in failures:
        print(f"FAIL {text}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
