#!/usr/bin/python3
"""Nexmark: the queries of bench/nexmark as materialized views over the running sources, equal to PostgreSQL's answers.

Views that copy the sources give the rows; they are loaded into PostgreSQL, which answers the same queries. Where a query
leaves a choice among ties (q9, q18, q19) the row must be one of those that SQL allows. Half of the views are made before
the sources run, the others while they do. Then again with kill -9 in the middle of the stream: the events continue where
the last commit ended, and nothing may be lost or doubled.
"""
import argparse
import os
import random
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
from servers import Weir, fresh_schema, postgres  # noqa: E402
from wire import Disconnected, SqlError  # noqa: E402

QUERIES = os.path.join(HERE, "..", "..", "bench", "nexmark")
TABLES = ("person", "auction", "bid")
PG_TABLES = [
    "CREATE TABLE person (id bigint, name text, email_address text, credit_card text, city text, state text, date_time timestamp, "
    "extra text)",
    "CREATE TABLE auction (id bigint, item_name text, description text, initial_bid bigint, reserve bigint, date_time timestamp, "
    "expires timestamp, seller bigint, category bigint, extra text)",
    "CREATE TABLE bid (auction bigint, bidder bigint, price bigint, channel text, url text, date_time timestamp, extra text)",
]
# Queries with a choice among ties: (what every answer must have in common, what each row must be one of).
CHOICES = {
    "q18": ("SELECT bidder, auction, max(date_time) AS date_time FROM bid GROUP BY bidder, auction",
            "SELECT bidder, auction, date_time FROM {out}",
            "SELECT auction, bidder, price, channel, url, date_time, extra FROM {out} "
            "EXCEPT SELECT auction, bidder, price, channel, url, date_time, extra FROM bid"),
    "q19": ("SELECT auction, price, r FROM (SELECT auction, price, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS r "
            "FROM bid) q WHERE r <= 10",
            "SELECT auction, price, rank_number FROM {out}",
            "SELECT auction, bidder, price, channel, url, date_time, extra FROM {out} "
            "EXCEPT SELECT auction, bidder, price, channel, url, date_time, extra FROM bid"),
    "q9": ("SELECT id, price, date_time FROM (SELECT a.id, b.price, b.date_time, row_number() OVER (PARTITION BY a.id ORDER BY b.price "
           "DESC, b.date_time) AS r FROM auction a JOIN bid b ON a.id = b.auction WHERE b.date_time BETWEEN a.date_time AND a.expires) q "
           "WHERE r = 1",
           "SELECT id, price, bid_date_time FROM {out}",
           "SELECT auction, bidder, price, bid_date_time, bid_extra FROM {out} EXCEPT SELECT auction, bidder, price, date_time, extra "
           "FROM bid"),
}


def queries():
    out = {}
    for name in sorted(os.listdir(QUERIES)):
        if re.fullmatch(r"q\d+\.sql", name):
            with open(os.path.join(QUERIES, name)) as f:
                out[name[:-4]] = f.read().strip()
    return out


def copy_text(row):
    return "\t".join("\\N" if v is None else v.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n") for v in row)


def load(pg, table, rows):
    pg.copy_in(f"COPY {table} FROM STDIN",
               (("\n".join(copy_text(r) for r in rows[i:i + 2000]) + "\n").encode() for i in range(0, len(rows), 2000)))


def create_sources(link, events):
    with open(os.path.join(QUERIES, "sources.sql")) as f:
        text = f.read().replace("${EVENTS}", str(events)).replace("${RATE}", "100000")
    for sql in re.sub(r"--.*", "", text).split(";"):
        if sql.strip():
            link.query(sql)


class Run:
    def __init__(self, events, workers, seed):
        self.events = events
        self.r = random.Random(seed)
        self.weir = Weir(memory="1GB" if events > 300000 else "256MB", workers=workers)
        self.link = self.weir.link(timeout=300)
        self.pg = postgres()
        self.passed = 0
        self.failures = []

    def close(self):
        self.pg.query(f"DROP SCHEMA IF EXISTS nexmark_{os.getpid()} CASCADE")
        self.pg.close()
        self.weir.remove()

    def expect(self, ok, text):
        self.passed += ok
        if not ok:
            self.failures.append(text)

    def wait_complete(self, seconds=300):
        until = time.monotonic() + seconds
        while True:
            have = sum(int(self.link.value(f"SELECT count(*) FROM copy_{t}")) for t in TABLES)
            if have >= self.events:
                break
            if time.monotonic() > until:
                break
            time.sleep(0.05)
        self.expect(have == self.events, f"{have} events, want {self.events}")

    def views(self, kills):
        """Some views before anything runs, the rest while the sources run; kills in between and after."""
        create_sources(self.link, self.events)
        todo = [(f"copy_{t}", f"SELECT * FROM {t}") for t in TABLES] + sorted(queries().items())
        self.r.shuffle(todo)
        kill_after = set(self.r.sample(range(3, len(todo)), kills)) if kills else set()
        for i, (name, sql) in enumerate(todo):
            self.link.query(f"CREATE MATERIALIZED VIEW {name} AS {sql}")
            if i in kill_after:
                self.restart()
        if kills:
            time.sleep(self.r.uniform(0, 0.3))
            self.restart()

    def restart(self):
        self.link.close()
        self.weir.kill()
        self.weir.start()
        self.link = self.weir.link(timeout=300)

    def compare(self):
        pg = self.pg
        fresh_schema(pg, f"nexmark_{os.getpid()}")
        for sql in PG_TABLES:
            pg.query(sql)
        for t in TABLES:
            load(pg, t, self.link.rows(f"SELECT * FROM copy_{t}"))
        pg.query("ANALYZE")
        pg.query("SET work_mem = '256MB'")
        for name, sql in queries().items():
            began = time.monotonic()
            got = self.link.query(f"SELECT * FROM {name}")
            if name not in CHOICES:
                want, have = pg.query(sql).bag(), got.bag()
                lost, extra = sum((want - have).values()), sum((have - want).values())
                self.expect(not lost and not extra, f"{name}: {lost} rows missing, {extra} too many of {sum(want.values())}")
            else:
                pg.query(f"CREATE TABLE out_{name} AS {sql} LIMIT 0")
                load(pg, f"out_{name}", got.rows())
                common, mine, strays = (q.format(out=f"out_{name}") for q in CHOICES[name])
                lost = pg.value(f"SELECT count(*) FROM (({common}) EXCEPT ALL ({mine})) q")
                extra = pg.value(f"SELECT count(*) FROM (({mine}) EXCEPT ALL ({common})) q")
                stray = pg.value(f"SELECT count(*) FROM ({strays}) q")
                self.expect((lost, extra, stray) == ("0", "0", "0"), f"{name}: {lost} rows missing, {extra} too many, {stray} invented")
            print(f"    {name}: {len(got.raw)} rows, {time.monotonic() - began:.1f} s")
        # every event once: the number of the event is not in the rows, but whole rows of people and auctions are unique
        for t in ("person", "auction"):
            self.expect(pg.value(f"SELECT count(*) - count(DISTINCT id) FROM {t}") == "0", f"{t}: doubled ids")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--events", type=int, default=100000)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    options = p.parse_args()
    print(f"nexmark: seed {options.seed}", flush=True)
    passed = failed = 0
    for number, (workers, kills) in enumerate([(1, 0), (2, 2)]):
        run = Run(options.events, workers, options.seed + number)
        began = time.monotonic()
        try:
            run.views(kills)
            run.wait_complete()
            run.compare()
        except (SqlError, Disconnected) as e:
            run.failures.append(f"{type(e).__name__} {e}\n{run.weir.tail()}")
        finally:
            run.close()
        print(f"  {options.events} events, workers {workers}, kills {kills and kills + 1}: {time.monotonic() - began:.0f} s", flush=True)
        for f in run.failures:
            print("FAILED", f)
        passed += run.passed
        failed += len(run.failures)
    print(f"nexmark: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
