#!/usr/bin/python3
"""Bank: concurrent transfers never change the total that views over views show, and no update is lost (laws L1, L2).

Eight writers move money: in transactions of two UPDATEs, in transactions that read first and write what they computed
(a conflict must give 40001), and in single UPDATE statements that touch two accounts. Readers poll the total over a view
over a view, over a join and over the table itself, all the time. Every writer also adds one to a shared counter in
autocommit and counts the acknowledgements. In the middle the server is killed and started again.
"""
import argparse
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from servers import Weir  # noqa: E402
from wire import Disconnected, SqlError  # noqa: E402

ACCOUNTS, OWNERS, START = 48, 7, 1000
TOTAL = ACCOUNTS * START

SCHEMA = [
    "CREATE TABLE owner (id integer PRIMARY KEY, name text NOT NULL)",
    "CREATE TABLE account (id integer PRIMARY KEY, owner integer NOT NULL, balance bigint NOT NULL)",
    "CREATE TABLE counter (id integer PRIMARY KEY, n bigint NOT NULL)",
    "INSERT INTO owner VALUES " + ", ".join(f"({i}, 'owner {i}')" for i in range(OWNERS)),
    "INSERT INTO account VALUES " + ", ".join(f"({i}, {i % OWNERS}, {START})" for i in range(ACCOUNTS)),
    "INSERT INTO counter VALUES (1, 0), (2, 0)",
    "CREATE MATERIALIZED VIEW per_owner AS SELECT owner, sum(balance) AS total, count(*) AS n FROM account GROUP BY owner",
    "CREATE MATERIALIZED VIEW total AS SELECT sum(total) AS total, sum(n) AS n FROM per_owner",
    "CREATE MATERIALIZED VIEW named AS SELECT o.name, a.id, a.balance FROM account a JOIN owner o ON a.owner = o.id",
    "CREATE MATERIALIZED VIEW named_total AS SELECT sum(s) AS total FROM (SELECT name, sum(balance) AS s FROM named GROUP BY name) q",
    "CREATE MATERIALIZED VIEW both_ways AS SELECT p.owner, p.total - n.s AS difference FROM per_owner p "
    "JOIN (SELECT o.id, sum(b.balance) AS s FROM named b JOIN owner o ON b.name = o.name GROUP BY o.id) n ON p.owner = n.id",
]
READS = [
    ("SELECT total, n FROM total", (str(TOTAL), str(ACCOUNTS))),
    ("SELECT sum(total), sum(n) FROM per_owner", (str(TOTAL), str(ACCOUNTS))),
    ("SELECT total FROM named_total", (str(TOTAL),)),
    ("SELECT sum(balance), count(*) FROM account", (str(TOTAL), str(ACCOUNTS))),
    ("SELECT sum(balance), count(*) FROM named", (str(TOTAL), str(ACCOUNTS))),
    ("SELECT count(*), sum(abs(difference)) FROM both_ways", (str(OWNERS), "0")),
    ("SELECT t.total - n.total FROM total t, named_total n", ("0",)),
]


class Bank:
    def __init__(self, workers, seed):
        self.weir = Weir(workers=workers)
        self.seed = seed
        self.lock = threading.Lock()
        self.stop = False
        self.passed = 0
        self.failures = []
        self.acknowledged = [0, 0]  # increments of the two counters
        self.unknown = [0, 0]
        self.transfers = 0
        self.conflicts = 0

    def fail(self, text):
        with self.lock:
            self.failures.append(text)

    def connect(self):
        while not self.stop:
            try:
                return self.weir.link(timeout=60)
            except (Disconnected, SqlError):
                time.sleep(0.05)
        return None

    def transfer(self, link, r):
        a, b = r.sample(range(ACCOUNTS), 2)
        n = r.randint(1, 50)
        kind = r.random()
        if kind < 0.25:
            link.query(f"UPDATE account SET balance = balance + CASE WHEN id = {a} THEN {n} ELSE {-n} END WHERE id IN ({a}, {b})")
            return
        link.query("BEGIN")
        if kind < 0.65:
            link.query(f"UPDATE account SET balance = balance - {n} WHERE id = {a}")
            link.query(f"UPDATE account SET balance = balance + {n} WHERE id = {b}")
        else:
            have = [int(link.value(f"SELECT balance FROM account WHERE id = {i}")) for i in (a, b)]
            link.query(f"UPDATE account SET balance = {have[0] - n} WHERE id = {a}")
            link.query(f"UPDATE account SET balance = {have[1] + n} WHERE id = {b}")
        link.query("COMMIT" if r.random() < 0.9 else "ROLLBACK")

    def count_up(self, link, r, which):
        """One increment in autocommit: inside the server it is tried again, the client sees no conflict."""
        try:
            tag = link.query(f"UPDATE counter SET n = n + 1 WHERE id = {which + 1}").tag
        except Disconnected:
            with self.lock:
                self.unknown[which] += 1
            raise
        if tag != "UPDATE 1":
            self.fail(f"increment answered {tag}")
        with self.lock:
            self.acknowledged[which] += 1

    def writer(self, number):
        r = random.Random(self.seed * 1000 + number)
        link = None
        while not self.stop:
            try:
                link = link or self.connect()
                if not link:
                    return
                if r.random() < 0.3:
                    self.count_up(link, r, r.randint(0, 1))
                else:
                    self.transfer(link, r)
                    self.transfers += 1
            except SqlError as e:
                if e.sqlstate == "40001":
                    self.conflicts += 1
                elif e.sqlstate not in ("57P01", "57P03"):
                    self.fail(f"writer: {e}")
                try:
                    link.query("ROLLBACK")
                except (SqlError, Disconnected):
                    link = None
            except Disconnected:
                link = None
        if link:
            link.close()

    def reader(self, number):
        r = random.Random(self.seed * 1000 + 500 + number)
        link = None
        while not self.stop:
            sql, want = r.choice(READS)
            try:
                link = link or self.connect()
                if not link:
                    return
                rows = link.rows(sql)
                if rows == [want]:
                    self.passed += 1
                else:
                    self.fail(f"{sql}: {rows}, want {want}")
                if r.random() < 0.2:  # the same in one transaction, twice
                    link.query("BEGIN")
                    first = link.rows(sql)
                    link.query("COMMIT")
                    if first != [want]:
                        self.fail(f"in a transaction, {sql}: {first}")
            except SqlError as e:
                if e.sqlstate not in ("57P01", "57P03"):
                    self.fail(f"reader: {sql}: {e}")
                link = None
            except Disconnected:
                link = None
        if link:
            link.close()

    def check_counters(self):
        link = self.weir.link()
        for i in range(2):
            n = int(link.value(f"SELECT n FROM counter WHERE id = {i + 1}"))
            if not self.acknowledged[i] <= n <= self.acknowledged[i] + self.unknown[i]:
                self.fail(f"counter {i + 1} is {n}; acknowledged {self.acknowledged[i]}, unknown {self.unknown[i]}")
            else:
                self.passed += 1
        for sql, want in READS:
            rows = link.rows(sql)
            if rows != [want]:
                self.fail(f"at the end, {sql}: {rows}, want {want}")
            else:
                self.passed += 1
        link.close()

    def run(self, seconds, kills):
        link = self.weir.link()
        for sql in SCHEMA:
            link.query(sql)
        link.close()
        threads = [threading.Thread(target=self.writer, args=(n,), daemon=True) for n in range(8)]
        threads += [threading.Thread(target=self.reader, args=(n,), daemon=True) for n in range(3)]
        for t in threads:
            t.start()
        for _ in range(kills):
            time.sleep(seconds / (kills + 1))
            self.weir.kill()
            self.weir.start()
        time.sleep(seconds / (kills + 1))
        self.stop = True
        for t in threads:
            t.join()
        self.check_counters()
        self.weir.kill()
        self.weir.start()
        self.check_counters()
        self.weir.remove()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--seconds", type=float, default=8)
    p.add_argument("--kills", type=int, default=1)
    p.add_argument("--workers", default="1,3")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1000000))
    options = p.parse_args()
    passed = failed = 0
    for workers in (int(w) for w in options.workers.split(",")):
        bank = Bank(workers, options.seed)
        try:
            bank.run(options.seconds, options.kills)
        except (SqlError, Disconnected) as e:
            bank.stop = True
            bank.fail(f"{e}\n{bank.weir.tail()}")
        print(f"  workers {workers}, seed {options.seed}: {bank.transfers} transfers, {bank.conflicts} conflicts, "
              f"{sum(bank.acknowledged)} increments, {bank.passed} right reads")
        for f in bank.failures[:10]:
            print("FAILED", f)
        if bank.transfers < 20 or bank.passed < 20:
            print("FAILED too little was done")
            failed += 1
        passed += bank.passed
        failed += len(bank.failures)
    print(f"bank: {passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
