"""The pipeline under test, and a model of what it must hold: orders and customers as Debezium sends them, plain events,
an aggregate, a join, and every sink layout."""
import random
import threading
import time

from topics import BOOTSTRAP, Writer, create

PARTITIONS = 3
ORDERS, CUSTOMERS = 2000, 60


def source(topic):
    return f"WITH (connector = 'kafka', topic = '{topic}', properties.bootstrap.server = '{BOOTSTRAP}')"


class Pipeline:
    def __init__(self, prefix):
        self.prefix = prefix
        self.topics = [f"{prefix}-{name}" for name in ("orders", "customers", "events")]
        self.sinks = [f"{prefix}-{name}" for name in ("totals", "enriched", "upsert", "plain", "extra")]
        create(PARTITIONS, *self.topics, *self.sinks)

    def sink(self, name, view, topic, form):
        return f"CREATE SINK {name} FROM {view} {source(topic)} FORMAT {form} ENCODE JSON"

    def statements(self):
        orders, customers, events = self.topics
        totals, enriched, upsert, plain, _ = self.sinks
        yield (f"CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, amount numeric(12,2), note text) "
               f"{source(orders)} FORMAT DEBEZIUM ENCODE JSON (decimal.handling.mode = 'string')")
        yield (f"CREATE TABLE customers (id bigint PRIMARY KEY, name text, region text) "
               f"{source(customers)} FORMAT DEBEZIUM ENCODE JSON")
        yield f"CREATE TABLE events (n bigint, customer bigint, v bigint) APPEND ONLY {source(events)} FORMAT PLAIN ENCODE JSON"
        yield f"CREATE MATERIALIZED VIEW totals AS {TOTALS}"
        yield f"CREATE MATERIALIZED VIEW enriched AS {ENRICHED}"
        yield self.sink("totals_out", "totals", totals, "CHANGELOG")
        yield self.sink("enriched_out", "enriched", enriched, "CHANGELOG")
        yield self.sink("upsert_out", "enriched", upsert, "UPSERT")
        yield self.sink("plain_out", "events", plain, "PLAIN")

    def extra(self):
        return (f"CREATE MATERIALIZED VIEW extra AS {EXTRA}", self.sink("extra_out", "extra", self.sinks[4], "CHANGELOG"))


TOTALS = "SELECT customer, count(*) AS n, sum(amount) AS total FROM orders GROUP BY customer"
ENRICHED = ("SELECT o.id, c.name, c.region, o.amount, o.note FROM orders o JOIN customers c ON o.customer = c.id")
EXTRA = ("SELECT c.region, o.customer, count(*) AS n, sum(o.amount) AS total FROM orders o "
         "JOIN customers c ON o.customer = c.id GROUP BY c.region, o.customer")


class Traffic(threading.Thread):
    """Changes the model and tells Kafka, in transactions of 1 to 2,000 rows; some are aborted."""

    def __init__(self, pipeline, seed):
        super().__init__(daemon=True)
        self.pipeline, self.random = pipeline, random.Random(seed)
        self.writer = Writer(f"{pipeline.prefix}-traffic")
        self.orders, self.customers, self.events = {}, {}, []
        self.next_event = 0
        self.ending, self.pause = threading.Event(), 0.02
        self.committed = self.aborted = self.messages = 0
        self.error = None

    def put_row(self, topic, old, new, key):
        put = self.writer.put
        self.messages += 1
        if new is None:
            put(topic, {"id": key}, {"before": {"id": key}, "after": None, "op": "d", "source": {}})
            put(topic, {"id": key}, None)
        else:
            put(topic, {"id": key}, {"before": None, "after": {"id": key, **new}, "op": "u" if old else "c", "source": {}})

    def change_order(self, rng, orders):
        key = rng.randrange(ORDERS)
        old = orders.get(key)
        new = None
        if not old or rng.random() < 0.8:
            new = {"customer": rng.randrange(CUSTOMERS), "amount": f"{rng.randrange(-10000, 100000) / 100:.2f}",
                   "note": "%x" % rng.getrandbits(64) * rng.randrange(1, 60)}
        self.put_row(self.pipeline.topics[0], old, new, key)
        orders[key] = new

    def change_customer(self, rng, customers):
        key = rng.randrange(CUSTOMERS)
        new = {"name": "c%d" % rng.randrange(10**6), "region": "r%d" % rng.randrange(5)} if rng.random() < 0.9 else None
        self.put_row(self.pipeline.topics[1], customers.get(key), new, key)
        customers[key] = new

    def add_event(self, rng, events):
        row = {"n": self.next_event, "customer": rng.randrange(CUSTOMERS), "v": rng.randrange(1000)}
        self.next_event += 1
        self.messages += 1
        self.writer.put(self.pipeline.topics[2], None, row, rng.randrange(PARTITIONS))
        events.append(row)

    def transaction(self):
        rng = self.random
        orders, customers, events = dict(self.orders), dict(self.customers), []
        self.writer.begin()
        for _ in range(rng.choice((1, 1, 5, 20, 100, 300) + (2000,) * (rng.random() < 0.4))):
            kind = rng.random()
            if kind < 0.7:
                self.change_order(rng, orders)
            elif kind < 0.72:
                self.change_customer(rng, customers)
            else:
                self.add_event(rng, events)
        if rng.random() < 0.1:
            self.writer.abort()
            self.aborted += 1
            return
        self.writer.commit()
        self.committed += 1
        self.orders = {k: v for k, v in orders.items() if v}
        self.customers = {k: v for k, v in customers.items() if v}
        self.events += events

    def run(self):
        try:
            while not self.ending.is_set():
                self.transaction()
                time.sleep(self.random.random() * self.pause)
            self.writer.begin()  # the partitions end in the markers of an aborted transaction
            for partition in range(PARTITIONS):
                self.writer.put(self.pipeline.topics[2], None, {"n": -1, "customer": 0, "v": 0}, partition)
            self.writer.abort()
        except Exception as e:
            self.error = e

    def finish(self):
        self.ending.set()
        self.join(60)
        if self.error:
            raise self.error

    # what the views must hold, as text

    def totals(self):
        sums = {}
        for order in self.orders.values():
            n, total = sums.get(order["customer"], (0, 0))
            sums[order["customer"]] = n + 1, total + round(float(order["amount"]) * 100)
        return {(str(c), str(n), money(total)) for c, (n, total) in sums.items()}

    def enriched(self):
        return {(str(k), c["name"], c["region"], money(round(float(o["amount"]) * 100)), o["note"])
                for k, o in self.orders.items() if (c := self.customers.get(o["customer"]))}

    def extra(self):
        return {(c["region"], customer, n, total) for customer, n, total in self.totals()
                if (c := self.customers.get(int(customer)))}


def money(cents):
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
