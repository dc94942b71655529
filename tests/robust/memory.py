"""Memory over many statements: what is charged and what the process holds stay flat, and agree."""
import random
import time

from checks import FULL, SANITIZED, Weir, check, ended, equal, numbers, report, rss, sqlstate


def charged(link):
    return {pool: int(used) for pool, used in link.rows("SELECT pool, used_bytes FROM weir_catalog.memory")}


def statements(link, rng, n):
    for i in range(n):
        k = rng.randrange(12)
        at = rng.randrange(500)
        if k < 4:
            link.query(f"SELECT count(*), max(n) FROM num WHERE n > {at}")
        elif k == 4:
            link.query(f"INSERT INTO t VALUES ({at}, {at % 7}, 'text {at}')") if not sqlstate(link, f"DELETE FROM t WHERE id = {at}") else None
        elif k == 5:
            sqlstate(link, f"SELECT wrong FROM t WHERE id = {at}")
        elif k == 6:
            sqlstate(link, f"SELECT 1 / (id - id) FROM t")
        elif k == 7:
            link.query(f"BEGIN; UPDATE t SET v = 'x' WHERE id = {at}; SELECT * FROM g; ROLLBACK")
        elif k == 8 and i % 10 == 0:
            link.query(f"CREATE MATERIALIZED VIEW x AS SELECT grp, count(*) FROM t GROUP BY grp")
            link.query("DROP MATERIALIZED VIEW x")
        elif k == 9:
            link.query("SELECT a.grp, count(DISTINCT a.v) FROM t a JOIN t b ON a.grp = b.grp WHERE b.id < 50 GROUP BY a.grp ORDER BY 2 DESC LIMIT 3")
        elif k == 10:
            sqlstate(link, f"SELEC {at}")
        else:
            link.query(f"SET application_name = 'a{at}'")


def flat():
    weir = Weir()
    link = weir.link(timeout=120)
    numbers(link, 1000)
    link.query("CREATE TABLE t (id int PRIMARY KEY, grp int, v text)")
    link.query("CREATE MATERIALIZED VIEW g AS SELECT grp, count(*) AS n FROM t GROUP BY grp")
    rng = random.Random(1)
    statements(link, rng, 2500)
    before, before_pools = rss(weir), charged(link)
    for _ in range(5):
        statements(link, rng, 20000 // 10 if FULL else 1500)
        for _ in range(30):
            weir.link(timeout=120).close()
    after, pools = rss(weir), charged(link)
    print(f"RSS {before >> 10} kB, then {after >> 10} kB; charged {before_pools['total'] >> 10} kB, then {pools['total'] >> 10} kB")
    if not SANITIZED:
        check(after - before < 4 << 20, f"RSS grew from {before} to {after}")
    check(pools["total"] - before_pools["total"] < 4 << 20, f"charged memory grew: {before_pools} {pools}")
    for pool in ("queries", "sessions"):
        check(pools.get(pool, 0) <= before_pools.get(pool, 0) + (1 << 20), f"pool {pool}: {before_pools.get(pool)} {pools.get(pool)}")
    link.close()
    ended(weir, "memory")


def loaded():
    """After a load the process holds what is charged and a little."""
    weir = Weir(memory="128MB")
    link = weir.link(timeout=120)
    idle = rss(weir)
    link.query("CREATE TABLE t (id int PRIMARY KEY, grp int, v text)")
    link.query("CREATE MATERIALIZED VIEW g AS SELECT grp, count(*) AS n, max(v) AS m FROM t GROUP BY grp")
    link.query("CREATE MATERIALIZED VIEW j AS SELECT a.id, g.n FROM t a JOIN g ON a.grp = g.grp")
    rows = 1000000 if FULL else 300000
    link.copy_in("COPY t FROM STDIN", ("".join(f"{i}\t{i % 50000}\tvalue {i * 7919 % 100003}\n" for i in range(at, at + 10000)).encode()
                                       for at in range(0, rows, 10000)))
    peak, pools = rss(weir), charged(link)
    print(f"{rows} rows: RSS {idle >> 20} MB at first, {peak >> 20} MB now; charged {pools['total'] >> 20} MB of {pools['limit'] >> 20} MB: "
          + ", ".join(f"{name} {used >> 10} kB" for name, used in pools.items() if used >> 10 and name not in ("total", "limit")))
    if not SANITIZED:
        check(peak < 128 << 20, f"RSS {peak >> 20} MB is beyond the limit of 128 MB")
        settled = peak  # merges end, and freed pages go back to the system, a little later
        for _ in range(30):
            time.sleep(0.1)
            settled, pools = min(settled, rss(weir)), charged(link)
        check(settled - pools["total"] < 64 << 20,
              f"RSS {settled >> 20} MB, charged {pools['total'] >> 20} MB: too much is not accounted for")
    equal(link.value("SELECT count(*) FROM j"), str(rows), "the views are right")
    link.query("DROP TABLE t CASCADE")
    for _ in range(30):  # what was dropped is freed by a thread of its own
        pools = charged(link)
        if pools.get("operator state", 0) < 1 << 20:
            break
        time.sleep(0.1)
    check(pools.get("operator state", 0) < 1 << 20, f"operator state after DROP: {pools}")
    link.close()
    ended(weir, "loaded")


if __name__ == "__main__":
    flat()
    loaded()
    report("memory")
