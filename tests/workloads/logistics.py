"""A forwarder: parcels with a history of states, tariffs that are valid for a time, bills of material, stock, drivers' shifts,
tracking events with JSON. What people ask of such data: gaps and islands, medians, cohorts, range joins, row comparisons."""
import datetime
import json

from sql import insert

TABLES = [
    "CREATE TABLE depot (code varchar(4) PRIMARY KEY, city varchar(20), parent varchar(4), lat double precision, opened date)",
    "CREATE TABLE driver (id int PRIMARY KEY, name text, depot varchar(4), boss int, pay int, hired date)",
    "CREATE TABLE shift (driver int, day date, hours numeric(4,2))",
    "CREATE TABLE parcel (id bigint PRIMARY KEY, sender int, depot varchar(4), target varchar(4), kg numeric(8,3), sent timestamp, kind text)",
    "CREATE TABLE state (parcel bigint, since timestamp, until timestamp, name text, PRIMARY KEY (parcel, since))",
    "CREATE TABLE tariff (kind text, start date NOT NULL, stop date, per_kg numeric(10,4))",
    "CREATE TABLE scan (parcel bigint, at timestamptz, device int, data jsonb)",
    "CREATE TABLE part (whole int, piece int, n numeric(6,2), PRIMARY KEY (whole, piece))",
    "CREATE TABLE stock (item int, depot varchar(4), day date, change int)",
]

VIEWS = {
    "paid_best": """SELECT d.depot, d.id, d.pay FROM driver d WHERE 2 > (SELECT count(DISTINCT x.pay) FROM driver x
        WHERE x.depot = d.depot AND x.pay > d.pay)""",
    "second": "SELECT (SELECT DISTINCT pay FROM driver WHERE pay IS NOT NULL ORDER BY pay DESC LIMIT 1 OFFSET 1) AS pay",
    "best_rows": "SELECT depot, id, pay FROM driver WHERE (depot, pay) IN (SELECT depot, max(pay) FROM driver GROUP BY depot)",
    "not_best": "SELECT depot, id, pay FROM driver WHERE (depot, pay) NOT IN (SELECT depot, max(pay) FROM driver WHERE id > 5 GROUP BY depot)",
    "not_sent": "SELECT id, kind FROM parcel WHERE (id, kind) NOT IN (SELECT parcel, name FROM state WHERE until IS NULL)",
    "median": """SELECT a.depot, avg(a.pay) AS median FROM driver a WHERE (SELECT count(*) FROM driver b WHERE b.depot = a.depot
        AND (b.pay < a.pay OR b.pay = a.pay AND b.id <= a.id)) IN ((SELECT count(pay) FROM driver c WHERE c.depot = a.depot) / 2,
        (SELECT count(pay) FROM driver c WHERE c.depot = a.depot) / 2 + 1) GROUP BY a.depot""",
    "streaks": """WITH days AS (SELECT DISTINCT driver, day FROM shift), runs AS (SELECT driver, day,
        day - row_number() OVER (PARTITION BY driver ORDER BY day)::int AS run FROM days)
        SELECT driver, min(day) AS first, max(day) AS last, count(*) AS n FROM runs GROUP BY driver, run HAVING count(*) > 2""",
    "three_days": """SELECT DISTINCT a.driver FROM shift a JOIN shift b ON b.driver = a.driver AND b.day = a.day + 1
        JOIN shift c ON c.driver = a.driver AND c.day = a.day + 2""",
    "cohorts": """WITH f AS (SELECT driver, min(day) AS d0 FROM shift GROUP BY driver) SELECT f.d0, count(DISTINCT f.driver) AS new,
        count(DISTINCT s.driver) AS back, round(100.0 * count(DISTINCT s.driver) / count(DISTINCT f.driver), 2) AS percent
        FROM f LEFT JOIN shift s ON s.driver = f.driver AND s.day = f.d0 + 1 GROUP BY f.d0""",
    "running": """SELECT a.driver, a.day, sum(b.hours) AS so_far FROM (SELECT driver, day, sum(hours) AS hours FROM shift GROUP BY 1, 2) a
        JOIN (SELECT driver, day, sum(hours) AS hours FROM shift GROUP BY 1, 2) b ON b.driver = a.driver AND b.day <= a.day GROUP BY 1, 2""",
    "priced": """SELECT p.id, p.kind, coalesce(p.kind, 'none') AS shown, round(p.kg * t.per_kg, 2) AS price FROM parcel p LEFT JOIN tariff t
        ON t.kind = p.kind AND p.sent >= t.start AND (p.sent < t.stop OR t.stop IS NULL)""",
    "turnover": """SELECT date_trunc('month', p.sent)::date AS month, sum(v.price) AS price, sum(v.price) / nullif(count(DISTINCT p.sender), 0)
        AS per_sender FROM priced v JOIN parcel p ON p.id = v.id GROUP BY 1""",
    "overlapping": """SELECT a.kind, a.start, b.start AS other FROM tariff a JOIN tariff b ON b.kind = a.kind AND a.start < b.start
        AND coalesce(a.stop, 'infinity') > b.start""",
    "now_at": """SELECT p.id, s.name, s.since FROM parcel p LEFT JOIN state s ON s.parcel = p.id AND s.until IS NULL""",
    "changes": """SELECT b.parcel, a.name AS old, b.name AS new FROM state b JOIN state a ON a.parcel = b.parcel AND a.until = b.since
        WHERE a.name <> b.name""",
    "as_of": """SELECT s.* FROM state s WHERE s.since = (SELECT max(x.since) FROM state x WHERE x.parcel = s.parcel
        AND x.since <= '2024-03-01')""",
    "pieces": """WITH l1 AS (SELECT whole, piece, n FROM part), l2 AS (SELECT l1.whole, b.piece, l1.n * b.n AS n FROM l1 JOIN part b
        ON b.whole = l1.piece), l3 AS (SELECT l2.whole, b.piece, l2.n * b.n AS n FROM l2 JOIN part b ON b.whole = l2.piece)
        SELECT whole, piece, sum(n) AS n, count(*) AS ways FROM (SELECT * FROM l1 UNION ALL SELECT * FROM l2 UNION ALL SELECT * FROM l3) u
        GROUP BY whole, piece""",
    "leaves": "SELECT DISTINCT piece FROM part WHERE piece NOT IN (SELECT whole FROM part)",
    "levels": """SELECT s.item, s.day, (SELECT sum(x.change) FROM stock x WHERE x.item = s.item AND x.day <= s.day) AS level
        FROM (SELECT DISTINCT item, day FROM stock) s""",
    "short": "SELECT item, depot, sum(change) AS level FROM stock GROUP BY 1, 2 HAVING sum(change) < 0",
    "by_boss": """SELECT (SELECT b.name FROM driver b WHERE b.id = d.boss) AS boss, count(*) AS n, sum(pay) AS pay FROM driver d GROUP BY boss""",
    "by_depot": """SELECT d.depot, count(*) AS n, (SELECT city FROM depot x WHERE x.code = d.depot) AS city,
        (SELECT count(*) FROM parcel p WHERE p.depot = d.depot) AS parcels, max((SELECT count(*) FROM shift s WHERE s.driver = d.id)) AS shifts
        FROM driver d GROUP BY d.depot""",
    "busy": """SELECT depot, count(*) AS n FROM parcel p GROUP BY depot
        HAVING count(*) > (SELECT count(*) FROM driver d WHERE d.depot = p.depot)""",
    "share": """SELECT kind, count(*) AS n, sum(CASE WHEN id IN (SELECT parcel FROM scan) THEN 1 ELSE 0 END) AS scanned,
        count(*) FILTER (WHERE EXISTS (SELECT 1 FROM state s WHERE s.parcel = p.id AND s.name = 'lost')) AS lost FROM parcel p GROUP BY kind""",
    "devices": """SELECT data->>'v' AS version, count(*) AS n, avg((data->>'ms')::numeric) AS ms, max(data->'at'->>'x') AS x,
        count(*) FILTER (WHERE data ? 'error') AS errors FROM scan GROUP BY 1""",
    "visits": """SELECT e.parcel, e.at FROM scan e WHERE NOT EXISTS (SELECT 1 FROM scan p WHERE p.parcel = e.parcel AND p.at < e.at
        AND extract(epoch FROM e.at) - extract(epoch FROM p.at) < 86400)""",
    "next_scan": """SELECT a.parcel, a.at, min(b.at) AS next FROM scan a LEFT JOIN scan b ON b.parcel = a.parcel AND b.at > a.at GROUP BY 1, 2""",
    "pivot": """SELECT depot, max(kg) FILTER (WHERE kind = 'box') AS box, max(CASE kind WHEN 'bag' THEN kg END) AS bag,
        sum(kg) FILTER (WHERE kind IS NULL) AS other FROM parcel GROUP BY depot""",
    "either": """SELECT p.id, d.id AS driver FROM parcel p JOIN driver d ON d.depot = p.depot OR (d.depot = p.target AND d.boss IS NULL)
        WHERE p.kg > 20""",
    "routes": """SELECT least(depot, target) AS a, greatest(depot, target) AS b, count(*) AS n, sum(kg) AS kg FROM parcel
        WHERE depot <> target GROUP BY 1, 2""",
    "every_kind": """SELECT d.code FROM depot d WHERE NOT EXISTS (SELECT 1 FROM (SELECT DISTINCT kind FROM tariff) k
        WHERE NOT EXISTS (SELECT 1 FROM parcel p WHERE p.kind = k.kind AND p.kg > 1))""",
    "chain": """SELECT a.code, b.code AS up, c.code AS top, c.city FROM depot a LEFT JOIN depot b ON b.code = a.parent
        LEFT JOIN depot c ON c.code = b.parent""",
}
FIRST = datetime.date(2024, 1, 1)
CODES = [f"D{i}" for i in range(9)]


class Data:
    def __init__(self, r, scale):
        self.r, self.n, self.last = r, max(40, int(300 * scale)), 0

    def maybe(self, value):
        return None if self.r.random() < 0.1 else value

    def day(self, days=100):
        return FIRST + datetime.timedelta(self.r.randrange(days))

    def time(self):
        return datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=self.r.randrange(100 * 86400))

    def parcel(self):
        r = self.r
        self.last += 1
        return (self.last, r.randrange(20), self.maybe(r.choice(CODES)), r.choice(CODES), f"{r.randrange(1, 30000) / 1000:.3f}", self.time(),
                self.maybe(r.choice(["box", "bag", "roll"])))

    def states(self, parcel):
        times = sorted({self.time() for _ in range(self.r.randrange(1, 4))})
        return [(parcel, a, b, self.r.choice(["in", "out", "lost", "box"])) for a, b in zip(times, times[1:] + [None])]

    def tariffs(self, kind):
        days = sorted({self.day() for _ in range(4)})
        return [(kind, a, b, f"{self.r.randrange(1, 99999) / 10000:.4f}") for a, b in zip(days, days[1:] + [None])]

    def scan(self):
        r = self.r
        data = [{"v": "1.0", "ms": r.randrange(900)}, {"v": 2, "at": {"x": r.random()}}, {"error": None}, []]
        return (r.randrange(1, self.last + 9), f"{self.time()}+02", r.randrange(6), self.maybe(json.dumps(r.choice(data))))

    def shift(self):
        return (self.r.randrange(1, 31), self.day(25), f"{self.r.randrange(1, 48) / 4:.2f}")

    def stock(self):
        return (self.r.randrange(12), self.r.choice(CODES), self.day(30), self.r.choice([-3, -1, 1, 4]))

    def driver(self, i):
        r = self.r
        return (i, f"N{i % 17}", self.maybe(r.choice(CODES)), self.maybe(r.randrange(1, 8)), self.maybe(r.randrange(20, 40) * 100), self.day())

    def load(self):
        r, n = self.r, self.n
        yield "depot", [(c, f"City {i % 4}", self.maybe(r.choice(CODES)), r.random() * 90, self.day()) for i, c in enumerate(CODES)]
        yield "driver", [self.driver(i) for i in range(1, 31)]
        yield "shift", [self.shift() for _ in range(n)]
        parcels = [self.parcel() for _ in range(n)]
        yield "parcel", parcels
        yield "state", [s for p in parcels for s in self.states(p[0])]
        yield "tariff", [t for k in ("box", "bag", "roll") for t in self.tariffs(k)]
        yield "scan", [self.scan() for _ in range(n)]
        yield "part", [(a, b, f"{r.randrange(1, 400) / 100:.2f}") for a, b in sorted({(r.randrange(9), r.randrange(3, 16)) for _ in range(40)}) if a < b]
        yield "stock", [self.stock() for _ in range(n)]


def setup(r, scale):
    return Data(r, scale)


def steps(data, r):
    few = max(5, data.n // 20)

    def traffic():
        parcels = [data.parcel() for _ in range(few)]
        return [insert("parcel", parcels), insert("state", [s for p in parcels for s in data.states(p[0])]),
                insert("scan", [data.scan() for _ in range(few)]), insert("shift", [data.shift() for _ in range(few)]),
                insert("stock", [data.stock() for _ in range(few)])]
    yield "traffic", traffic()
    yield "tariffs change", ["UPDATE tariff SET stop = start + 20 WHERE kind = 'box'", "UPDATE tariff SET per_kg = per_kg * 1.1 WHERE stop IS NULL",
                             "UPDATE tariff SET kind = 'bag' WHERE kind = 'roll' AND start < '2024-02-01'"]
    yield "drivers move", ["UPDATE driver SET depot = 'D1' WHERE depot IS NULL OR depot = 'D7'", "UPDATE driver SET pay = NULL WHERE id % 7 = 0",
                           "UPDATE driver SET id = id + 100, boss = 3 WHERE id > 25", "UPDATE depot SET code = 'X' || code, parent = NULL WHERE code < 'D3'"]
    yield "kill", None
    yield "in one transaction", ["BEGIN", *traffic(), "DELETE FROM state USING parcel p WHERE p.id = state.parcel AND p.kg > 20",
                                 "UPDATE state SET until = NULL, name = 'lost' WHERE parcel % 5 = 0", "UPDATE parcel SET kind = NULL WHERE kind = 'bag'",
                                 "COMMIT"]
    yield "rolled back", ["BEGIN", "DELETE FROM parcel", "UPDATE part SET piece = piece + 100", "ROLLBACK"]
    yield "parts change", ["UPDATE part SET whole = whole + 1 WHERE whole = 8", "DELETE FROM part WHERE piece IN (SELECT piece FROM leaves)",
                           "DELETE FROM stock WHERE item IN (SELECT item FROM short)"]
    yield "empty", ["TRUNCATE scan, stock, shift", "DELETE FROM parcel", "DELETE FROM state", "TRUNCATE tariff, part", "DELETE FROM driver",
                    "DELETE FROM depot"]
    yield "full again", data.load
