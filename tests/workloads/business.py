"""A company: sales by employee and territory, orders in several currencies, sessions of events, a ledger of views on views."""
import datetime

from sql import insert

TABLES = [
    "CREATE TABLE territory (id int PRIMARY KEY, name varchar(30) NOT NULL, region text)",
    "CREATE TABLE employee (id int PRIMARY KEY, name text NOT NULL, boss int, territory_id int, hired date, active boolean DEFAULT true)",
    "CREATE TABLE customer (id int PRIMARY KEY, name text, territory_id int, created timestamptz)",
    "CREATE TABLE product (id int PRIMARY KEY, name text, category text, price numeric(10,2), attributes jsonb)",
    "CREATE TABLE rate (currency varchar(3), day date, rate numeric(12,6), PRIMARY KEY (currency, day))",
    "CREATE TABLE sale (id bigint PRIMARY KEY, customer_id int, employee_id int, product_id int, quantity int, currency varchar(3), "
    "day date, status text)",
    "CREATE TABLE event (session bigint, at timestamp, kind text, page text, ms int)",
    'CREATE TABLE "Entry" (id bigint PRIMARY KEY, account text NOT NULL, "Amount" numeric(14,2) NOT NULL, day date, "order" int)',
]

VIEWS = {
    "by_employee": """SELECT e.id, e.name, t.name AS territory, count(s.id) AS sales, sum(s.quantity * p.price) AS amount,
        count(DISTINCT s.customer_id) AS customers FROM employee e LEFT JOIN territory t ON t.id = e.territory_id
        LEFT JOIN sale s ON s.employee_id = e.id AND s.status <> 'cancelled' LEFT JOIN product p ON p.id = s.product_id
        GROUP BY e.id, e.name, t.name""",
    "by_territory": """SELECT territory, count(*) AS employees, sum(sales) AS sales, sum(amount) AS amount, max(amount) AS best
        FROM by_employee GROUP BY territory""",
    "top_sellers": """SELECT territory, name, amount, rank FROM (SELECT b.*, row_number() OVER (PARTITION BY territory
        ORDER BY amount DESC NULLS LAST, id) AS rank FROM by_employee b) q WHERE rank <= 3""",
    "bosses": """SELECT b.id, b.name, count(*) AS reports, count(*) FILTER (WHERE e.active) AS active, min(e.hired) AS first_hired
        FROM employee e JOIN employee b ON e.boss = b.id GROUP BY b.id, b.name HAVING count(*) > 1""",
    "idle": """SELECT id, name FROM customer c WHERE NOT EXISTS (SELECT 1 FROM sale s WHERE s.customer_id = c.id)
        OR territory_id NOT IN (SELECT id FROM territory)""",
    "in_euro": """SELECT s.id, s.day, p.category, round(s.quantity * p.price * r.rate, 2) AS euro FROM sale s
        JOIN product p ON p.id = s.product_id JOIN rate r ON r.currency = s.currency AND r.day = s.day""",
    "monthly": """WITH m AS (SELECT date_trunc('month', day::timestamp)::date AS month, category, euro FROM in_euro)
        SELECT month, category, sum(euro) AS euro, count(*) AS n,
        CASE WHEN sum(euro) > 20000 THEN 'big' WHEN sum(euro) > 5000 THEN CASE WHEN count(*) > 3 THEN 'many' ELSE 'few' END ELSE 'small' END
        AS size FROM m GROUP BY month, category""",
    "without_rate": """SELECT id, currency, day FROM sale s WHERE status = 'open' OR NOT EXISTS
        (SELECT 1 FROM rate r WHERE r.currency = s.currency AND r.day = s.day)""",
    "latest": """SELECT session, at, kind, page FROM (SELECT *, row_number() OVER (PARTITION BY session
        ORDER BY at DESC, kind, page, ms) AS n FROM event) q WHERE n = 1""",
    "first_seen": "SELECT DISTINCT ON (session) session, at, page FROM event ORDER BY session, at, page, kind, ms",
    "sessions": """SELECT session, count(*) AS events, count(DISTINCT page) AS pages, max(at) AS last, min(ms) AS fastest
        FROM event GROUP BY session""",
    "funnel": """SELECT count(*) AS sessions, count(b.session) AS bought, sum(CASE WHEN b.n > 1 THEN 1 ELSE 0 END) AS again
        FROM (SELECT DISTINCT session FROM event) s
        LEFT JOIN (SELECT session, count(*) AS n FROM event WHERE kind = 'buy' GROUP BY session) b USING (session)""",
    "slowest": "SELECT page, ms, session FROM event ORDER BY ms DESC NULLS LAST, page, session, at, kind LIMIT 7",
    "balance": """SELECT account, sum("Amount") AS balance, count(*) AS entries, max(day) AS last FROM "Entry" GROUP BY account""",
    "trial": "SELECT sum(balance) AS total, sum(entries) AS entries FROM balance",
    "overdrawn": """SELECT b.account, b.balance, (SELECT max("Amount") FROM "Entry" e WHERE e.account = b.account) AS largest
        FROM balance b WHERE b.balance < 0 AND b.balance < (SELECT avg(balance) FROM balance)""",
    "kinds": """SELECT split_part(account, ':', 1) AS kind, count(*) AS accounts, sum(balance) AS balance FROM balance GROUP BY 1
        UNION ALL SELECT 'all', count(*), sum(balance) FROM balance""",
    "colours": """SELECT attributes->>'colour' AS colour, count(*) AS n, min(price) AS cheapest FROM product
        WHERE attributes->'sizes' IS NOT NULL GROUP BY 1""",
    "pairs": """SELECT a.category, count(*) AS n FROM product a JOIN product b ON a.category = b.category AND a.id < b.id
        AND a.price BETWEEN b.price * 0.5 AND b.price * 1.5 GROUP BY a.category""",
    "coverage": """SELECT coalesce(t.id, c.territory_id) AS id, t.name, c.n FROM territory t
        FULL JOIN (SELECT territory_id, count(*) AS n FROM customer GROUP BY territory_id) c ON c.territory_id = t.id""",
    "next_day": """SELECT a.id, b.id AS next FROM sale a JOIN sale b ON b.customer_id = a.customer_id AND b.day = a.day + 1""",
}
FIRST = datetime.date(2024, 1, 1)


class Data:
    def __init__(self, r, scale):
        self.r, self.n = r, max(30, int(400 * scale))
        self.next = {"sale": 1, "entry": 1}

    def day(self):
        return FIRST + datetime.timedelta(self.r.randrange(120))

    def number(self, what):
        self.next[what] += 1
        return self.next[what]

    def sale(self):
        r = self.r
        return (self.number("sale"), r.choice([None, *range(1, 40)]), r.randint(1, 30), r.randint(1, 25), r.randint(1, 20),
                r.choice(["EUR", "USD", "JPY", None]), self.day(), r.choice(["paid", "open", "cancelled"]))

    def transfer(self):
        r = self.r
        amount, day = r.randint(1, 100000), self.day()
        accounts = r.sample([f"{k}:{i}" for k in ("asset", "debt", "café") for i in range(6)], 2)
        return [(self.number("entry"), a, f"{sign * amount / 100:.2f}", day, r.randint(1, 9)) for a, sign in zip(accounts, (1, -1))]

    def event(self):
        r = self.r
        at = datetime.datetime(2024, 5, 1) + datetime.timedelta(seconds=r.randrange(5000))
        return (r.randrange(self.n // 8), at, r.choice(["view", "click", "buy"]), f"/p{r.randrange(9)}", r.choice([None, *range(50)]))

    def load(self):
        r = self.r
        yield "territory", [(i, f"T{i}", r.choice(["north", "south", None])) for i in range(1, 7)]
        yield "employee", [(i, f"E{i}", r.choice([None, *range(1, 8)]), r.choice([None, *range(1, 9)]), self.day(), r.choice("tf"))
                           for i in range(1, 31)]
        yield "customer", [(i, f"C{i}", r.choice([None, *range(1, 9)]), f"{self.day()} 10:00:00+02") for i in range(1, 41)]
        yield "product", [(i, f"P{i}", r.choice("ABC"), f"{r.randint(100, 90000) / 100:.2f}",
                           r.choice(['{"colour": "red", "sizes": [1]}', '{"colour": "blue"}', '{"sizes": {}}', None])) for i in range(1, 26)]
        yield "rate", [(c, FIRST + datetime.timedelta(d), f"{r.randint(1, 2000000) / 1000000:.6f}") for c in ("EUR", "USD")
                       for d in range(120)]
        yield "sale", [self.sale() for _ in range(self.n)]
        yield "event", [self.event() for _ in range(self.n)]
        yield '"Entry"', [e for _ in range(self.n) for e in self.transfer()]


def setup(r, scale):
    return Data(r, scale)


def steps(data, r):
    few = max(5, data.n // 20)

    def traffic():
        return [insert("sale", [data.sale() for _ in range(few)]), insert("event", [data.event() for _ in range(few)]),
                insert('"Entry"', [e for _ in range(few) for e in data.transfer()])]
    yield "traffic", traffic()
    yield "prices", ["UPDATE product SET price = round(price * 1.05, 2) WHERE category = 'A'", "UPDATE rate SET rate = rate / 2 WHERE day > '2024-03-01'",
                     "UPDATE sale SET status = 'paid' WHERE status = 'open' AND id % 3 = 0"]
    yield "people move", ["UPDATE employee SET territory_id = t.id FROM territory t WHERE t.id = employee.id % 7 AND employee.id % 3 = 1",
                          "UPDATE employee SET boss = 3, active = false WHERE boss IN (1, 2)", "DELETE FROM territory WHERE id = 2",
                          "UPDATE customer SET id = id + 1000 WHERE id % 10 = 0"]
    yield "in one transaction", ["BEGIN", *traffic(), "DELETE FROM sale USING product p WHERE p.id = sale.product_id AND p.category = 'C'",
                                 "UPDATE \"Entry\" SET \"Amount\" = -\"Amount\" WHERE day < '2024-02-01'", "COMMIT"]
    yield "kill", None
    yield "rolled back", ["BEGIN", "DELETE FROM event", "DELETE FROM employee", "ROLLBACK"]
    yield "the best go", ["DELETE FROM employee WHERE id IN (SELECT id FROM by_employee WHERE amount > 10000)",
                          "DELETE FROM event WHERE ms IN (SELECT ms FROM slowest)", "DELETE FROM event WHERE kind = 'buy' AND session % 2 = 0"]
    yield "rates come late", ["DELETE FROM rate WHERE currency = 'USD'",
                              insert("rate", [("JPY", FIRST + datetime.timedelta(d), "0.006") for d in range(120)])]
    yield "empty", ["TRUNCATE sale, event, \"Entry\"", "DELETE FROM employee", "TRUNCATE customer, territory", "DELETE FROM product", "DELETE FROM rate"]
    yield "full again", data.load
