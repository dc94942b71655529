"""The schema and the 22 questions of TPC-H over rows of our own making, with inserts, deletes and updates of keys.

Dates are computed beforehand and ties under LIMIT are broken by a key; nothing else is changed."""
import datetime

TABLES = [
    "CREATE TABLE region (r_regionkey int PRIMARY KEY, r_name varchar(25) NOT NULL, r_comment text)",
    "CREATE TABLE nation (n_nationkey int PRIMARY KEY, n_name varchar(25) NOT NULL, n_regionkey int NOT NULL, n_comment text)",
    "CREATE TABLE part (p_partkey int PRIMARY KEY, p_name text NOT NULL, p_mfgr varchar(25), p_brand varchar(10), p_type text, "
    "p_size int, p_container varchar(10), p_retailprice numeric(15,2), p_comment text)",
    "CREATE TABLE supplier (s_suppkey int PRIMARY KEY, s_name text NOT NULL, s_address text, s_nationkey int NOT NULL, "
    "s_phone text, s_acctbal numeric(15,2), s_comment text)",
    "CREATE TABLE partsupp (ps_partkey int, ps_suppkey int, ps_availqty int, ps_supplycost numeric(15,2), ps_comment text, "
    "PRIMARY KEY (ps_partkey, ps_suppkey))",
    "CREATE TABLE customer (c_custkey int PRIMARY KEY, c_name text NOT NULL, c_address text, c_nationkey int NOT NULL, "
    "c_phone text, c_acctbal numeric(15,2), c_mktsegment varchar(10), c_comment text)",
    "CREATE TABLE orders (o_orderkey bigint PRIMARY KEY, o_custkey int NOT NULL, o_orderstatus varchar(1), "
    "o_totalprice numeric(15,2), o_orderdate date NOT NULL, o_orderpriority text, o_clerk text, o_shippriority int, o_comment text)",
    "CREATE TABLE lineitem (l_orderkey bigint, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int, "
    "l_quantity numeric(15,2), l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2), "
    "l_returnflag varchar(1), l_linestatus varchar(1), l_shipdate date, l_commitdate date, l_receiptdate date, "
    "l_shipinstruct text, l_shipmode varchar(10), l_comment text, PRIMARY KEY (l_orderkey, l_linenumber))",
]

VIEWS = {
    "q1": """select l_returnflag, l_linestatus, sum(l_quantity) as sum_qty, sum(l_extendedprice) as sum_base_price,
        sum(l_extendedprice * (1 - l_discount)) as sum_disc_price,
        sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) as sum_charge, avg(l_quantity) as avg_qty,
        avg(l_extendedprice) as avg_price, avg(l_discount) as avg_disc, count(*) as count_order
        from lineitem where l_shipdate <= date '1998-09-02' group by l_returnflag, l_linestatus
        order by l_returnflag, l_linestatus""",
    "q2": """select s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
        from part, supplier, partsupp, nation, region
        where p_partkey = ps_partkey and s_suppkey = ps_suppkey and p_size < 15 and p_type like '%BRASS'
        and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE'
        and ps_supplycost = (select min(ps_supplycost) from partsupp, supplier, nation, region
            where p_partkey = ps_partkey and s_suppkey = ps_suppkey and s_nationkey = n_nationkey
            and n_regionkey = r_regionkey and r_name = 'EUROPE')
        order by s_acctbal desc, n_name, s_name, p_partkey limit 100""",
    "q3": """select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate, o_shippriority
        from customer, orders, lineitem
        where c_mktsegment = 'BUILDING' and c_custkey = o_custkey and l_orderkey = o_orderkey
        and o_orderdate < date '1995-03-15' and l_shipdate > date '1995-03-15'
        group by l_orderkey, o_orderdate, o_shippriority order by revenue desc, o_orderdate, l_orderkey limit 10""",
    "q4": """select o_orderpriority, count(*) as order_count from orders
        where o_orderdate >= date '1993-07-01' and o_orderdate < date '1994-10-01'
        and exists (select * from lineitem where l_orderkey = o_orderkey and l_commitdate < l_receiptdate)
        group by o_orderpriority order by o_orderpriority""",
    "q5": """select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue
        from customer, orders, lineitem, supplier, nation, region
        where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey and c_nationkey = s_nationkey
        and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'ASIA'
        and o_orderdate >= date '1994-01-01' and o_orderdate < date '1996-01-01'
        group by n_name order by revenue desc""",
    "q6": """select sum(l_extendedprice * l_discount) as revenue from lineitem
        where l_shipdate >= date '1994-01-01' and l_shipdate < date '1995-01-01'
        and l_discount between 0.06 - 0.01 and 0.06 + 0.01 and l_quantity < 24""",
    "q7": """select supp_nation, cust_nation, l_year, sum(volume) as revenue from (
        select n1.n_name as supp_nation, n2.n_name as cust_nation, extract(year from l_shipdate) as l_year,
        l_extendedprice * (1 - l_discount) as volume
        from supplier, lineitem, orders, customer, nation n1, nation n2
        where s_suppkey = l_suppkey and o_orderkey = l_orderkey and c_custkey = o_custkey and s_nationkey = n1.n_nationkey
        and c_nationkey = n2.n_nationkey and ((n1.n_name = 'FRANCE' and n2.n_name = 'GERMANY')
        or (n1.n_name = 'GERMANY' and n2.n_name = 'FRANCE'))
        and l_shipdate between date '1995-01-01' and date '1996-12-31') as shipping
        group by supp_nation, cust_nation, l_year order by supp_nation, cust_nation, l_year""",
    "q8": """select o_year, sum(case when nation = 'BRAZIL' then volume else 0 end) / sum(volume) as mkt_share from (
        select extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) as volume, n2.n_name as nation
        from part, supplier, lineitem, orders, customer, nation n1, nation n2, region
        where p_partkey = l_partkey and s_suppkey = l_suppkey and l_orderkey = o_orderkey and o_custkey = c_custkey
        and c_nationkey = n1.n_nationkey and n1.n_regionkey = r_regionkey and r_name = 'AMERICA'
        and s_nationkey = n2.n_nationkey and o_orderdate between date '1995-01-01' and date '1996-12-31'
        and p_type like 'ECONOMY%') as all_nations group by o_year order by o_year""",
    "q9": """select nation, o_year, sum(amount) as sum_profit from (
        select n_name as nation, extract(year from o_orderdate) as o_year,
        l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity as amount
        from part, supplier, lineitem, partsupp, orders, nation
        where s_suppkey = l_suppkey and ps_suppkey = l_suppkey and ps_partkey = l_partkey and p_partkey = l_partkey
        and o_orderkey = l_orderkey and s_nationkey = n_nationkey and p_name like '%green%') as profit
        group by nation, o_year order by nation, o_year desc""",
    "q10": """select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as revenue, c_acctbal, n_name, c_address,
        c_phone, c_comment from customer, orders, lineitem, nation
        where c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate >= date '1993-10-01'
        and o_orderdate < date '1994-01-01' and l_returnflag = 'R' and c_nationkey = n_nationkey
        group by c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
        order by revenue desc, c_custkey limit 20""",
    "q11": """select ps_partkey, sum(ps_supplycost * ps_availqty) as value from partsupp, supplier, nation
        where ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'GERMANY' group by ps_partkey
        having sum(ps_supplycost * ps_availqty) > (select sum(ps_supplycost * ps_availqty) * 0.0100
            from partsupp, supplier, nation
            where ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'GERMANY')
        order by value desc""",
    "q12": """select l_shipmode, sum(case when o_orderpriority = '1-URGENT' or o_orderpriority = '2-HIGH' then 1 else 0 end)
        as high_line_count, sum(case when o_orderpriority <> '1-URGENT' and o_orderpriority <> '2-HIGH' then 1 else 0 end)
        as low_line_count from orders, lineitem where o_orderkey = l_orderkey and l_shipmode in ('MAIL', 'SHIP')
        and l_commitdate < l_receiptdate and l_shipdate < l_commitdate and l_receiptdate >= date '1994-01-01'
        and l_receiptdate < date '1995-01-01' group by l_shipmode order by l_shipmode""",
    "q13": """select c_count, count(*) as custdist from (select c_custkey, count(o_orderkey)
        from customer left outer join orders on c_custkey = o_custkey and o_comment not like '%special%requests%'
        group by c_custkey) as c_orders (c_custkey, c_count) group by c_count order by custdist desc, c_count desc""",
    "q14": """select 100.00 * sum(case when p_type like 'PROMO%' then l_extendedprice * (1 - l_discount) else 0 end)
        / sum(l_extendedprice * (1 - l_discount)) as promo_revenue from lineitem, part
        where l_partkey = p_partkey and l_shipdate >= date '1995-09-01' and l_shipdate < date '1995-12-01'""",
    "revenue": """select l_suppkey as supplier_no, sum(l_extendedprice * (1 - l_discount)) as total_revenue from lineitem
        where l_shipdate >= date '1996-01-01' and l_shipdate < date '1996-04-01' group by l_suppkey""",
    "q15": """select s_suppkey, s_name, s_address, s_phone, total_revenue from supplier, revenue
        where s_suppkey = supplier_no and total_revenue = (select max(total_revenue) from revenue) order by s_suppkey""",
    "q16": """select p_brand, p_type, p_size, count(distinct ps_suppkey) as supplier_cnt from partsupp, part
        where p_partkey = ps_partkey and p_brand <> 'Brand#45' and p_type not like 'MEDIUM POLISHED%'
        and p_size in (49, 14, 23, 45, 19, 3, 36, 9) and ps_suppkey not in (
            select s_suppkey from supplier where s_comment like '%Customer%Complaints%')
        group by p_brand, p_type, p_size order by supplier_cnt desc, p_brand, p_type, p_size""",
    "q17": """select sum(l_extendedprice) / 7.0 as avg_yearly from lineitem, part
        where p_partkey = l_partkey and p_container like '% BOX' and l_quantity < (
            select 0.5 * avg(l_quantity) from lineitem where l_partkey = p_partkey)""",
    "q18": """select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) from customer, orders, lineitem
        where o_orderkey in (select l_orderkey from lineitem group by l_orderkey having sum(l_quantity) > 200)
        and c_custkey = o_custkey and o_orderkey = l_orderkey group by c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
        order by o_totalprice desc, o_orderdate, o_orderkey limit 100""",
    "q19": """select sum(l_extendedprice * (1 - l_discount)) as revenue from lineitem, part
        where (p_partkey = l_partkey and p_brand = 'Brand#12' and p_container in ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG')
        and l_quantity >= 1 and l_quantity <= 1 + 10 and p_size between 1 and 35 and l_shipmode in ('AIR', 'REG AIR')
        and l_shipinstruct = 'DELIVER IN PERSON')
        or (p_partkey = l_partkey and p_brand = 'Brand#23' and p_container in ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK')
        and l_quantity >= 10 and l_quantity <= 10 + 10 and p_size between 1 and 40 and l_shipmode in ('AIR', 'REG AIR')
        and l_shipinstruct = 'DELIVER IN PERSON')
        or (p_partkey = l_partkey and p_brand = 'Brand#34' and p_container in ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG')
        and l_quantity >= 20 and l_quantity <= 20 + 10 and p_size between 1 and 45 and l_shipmode in ('AIR', 'REG AIR')
        and l_shipinstruct = 'DELIVER IN PERSON')""",
    "q20": """select s_name, s_address from supplier, nation where s_suppkey in (
            select ps_suppkey from partsupp where ps_partkey in (select p_partkey from part where p_name like 'forest%')
            and ps_availqty > (select 0.5 * sum(l_quantity) from lineitem where l_partkey = ps_partkey
                and l_suppkey = ps_suppkey and l_shipdate >= date '1994-01-01' and l_shipdate < date '1996-01-01'))
        and s_nationkey = n_nationkey and n_name in ('CANADA', 'FRANCE', 'GERMANY') order by s_name""",
    "q21": """select s_name, count(*) as numwait from supplier, lineitem l1, orders, nation
        where s_suppkey = l1.l_suppkey and o_orderkey = l1.l_orderkey and o_orderstatus = 'F'
        and l1.l_receiptdate > l1.l_commitdate and exists (select * from lineitem l2 where l2.l_orderkey = l1.l_orderkey
            and l2.l_suppkey <> l1.l_suppkey) and not exists (select * from lineitem l3 where l3.l_orderkey = l1.l_orderkey
            and l3.l_suppkey <> l1.l_suppkey and l3.l_receiptdate > l3.l_commitdate)
        and s_nationkey = n_nationkey and n_name in ('SAUDI ARABIA', 'CANADA')
        group by s_name order by numwait desc, s_name limit 100""",
    "q22": """select cntrycode, count(*) as numcust, sum(c_acctbal) as totacctbal from (
        select substring(c_phone from 1 for 2) as cntrycode, c_acctbal from customer
        where substring(c_phone from 1 for 2) in ('13', '31', '23', '29', '30', '18', '17')
        and c_acctbal > (select avg(c_acctbal) from customer where c_acctbal > 0.00
            and substring(c_phone from 1 for 2) in ('13', '31', '23', '29', '30', '18', '17'))
        and not exists (select * from orders where o_custkey = c_custkey)) as custsale
        group by cntrycode order by cntrycode""",
}

REGIONS = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"]
NATIONS = [("ALGERIA", 0), ("BRAZIL", 1), ("CANADA", 1), ("CHINA", 2), ("EGYPT", 4), ("FRANCE", 3), ("GERMANY", 3), ("INDIA", 2),
           ("JAPAN", 2), ("PERU", 1), ("ROMANIA", 3), ("SAUDI ARABIA", 4), ("KENYA", 0), ("UNITED STATES", 1), ("VIETNAM", 2)]
WORDS = "forest green special requests almond blush Customer slow Complaints ivory packages deposits quick final".split()
TYPES = [f"{a} {b} {c}" for a in ("ECONOMY", "PROMO", "MEDIUM", "SMALL") for b in ("POLISHED", "PLATED") for c in ("BRASS", "TIN")]
CONTAINERS = [f"{a} {b}" for a in ("SM", "MED", "LG", "JUMBO") for b in ("CASE", "BOX", "PACK", "PKG", "BAG")]
PRIORITIES = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"]
MODES = ["AIR", "REG AIR", "MAIL", "SHIP", "RAIL", "TRUCK"]
INSTRUCTIONS = ["DELIVER IN PERSON", "COLLECT COD", "NONE"]
FIRST = datetime.date(1992, 1, 1)


class Data:
    """Rows at a scale: 1 means as many orders as 1/1000 of TPC-H's unit (1,500)."""

    def __init__(self, r, scale):
        self.r = r
        self.parts, self.suppliers = max(20, int(200 * scale)), max(5, int(10 * scale))
        self.customers, self.orders = max(10, int(150 * scale)), max(50, int(1500 * scale))
        self.next_order = 1

    def text(self, n):
        return " ".join(self.r.choice(WORDS) for _ in range(n))

    def money(self, low, high):
        return f"{self.r.randint(low * 100, high * 100) / 100:.2f}"

    def part(self, k):
        r = self.r
        return (k, self.text(3), f"Manufacturer#{r.randint(1, 5)}", f"Brand#{r.randint(1, 5)}{r.randint(1, 5)}", r.choice(TYPES),
                r.randint(1, 50), r.choice(CONTAINERS), self.money(900, 2000), self.text(2))

    def supplier(self, k):
        n = self.r.randrange(len(NATIONS))
        return (k, f"Supplier#{k:09}", self.text(2), n, f"{n + 10}-{k:07}", self.money(-999, 9999), self.text(4))

    def customer(self, k):
        n = self.r.randrange(len(NATIONS))
        return (k, f"Customer#{k:09}", self.text(2), n, f"{n + 10}-{k:07}", self.money(-999, 9999),
                self.r.choice(["BUILDING", "AUTOMOBILE", "MACHINERY"]), self.text(3))

    def order(self, key=None):
        """An order and its lines."""
        r = self.r
        if key is None:
            key, self.next_order = self.next_order, self.next_order + r.choice([1, 1, 1, 5])
        day = FIRST + datetime.timedelta(r.randrange(2400))
        lines = []
        for number in range(1, r.randint(1, 7) + 1):
            ship = day + datetime.timedelta(r.randint(1, 121))
            part = r.randint(1, self.parts)
            lines.append((key, part, self.supplier_of(part, r.randrange(4)), number, r.randint(1, 50), self.money(900, 90000),
                          f"0.{r.randint(0, 10):02}", f"0.0{r.randint(0, 8)}", r.choice("RAN"), r.choice("OF"), ship,
                          day + datetime.timedelta(r.randint(30, 90)), ship + datetime.timedelta(r.randint(1, 30)),
                          r.choice(INSTRUCTIONS), r.choice(MODES), self.text(2)))
        # a third of the customers never order
        return (key, r.randint(1, self.customers) // 3 * 3 + 1, r.choice("OFP"), self.money(1000, 400000), day,
                r.choice(PRIORITIES), f"Clerk#{r.randint(1, 1000):09}", 0, self.text(4)), lines

    def supplier_of(self, part, i):
        return (part + i * (self.suppliers // 4 + 1)) % self.suppliers + 1

    def load(self):
        """(table, rows) in order."""
        yield "region", [(i, n, None) for i, n in enumerate(REGIONS)]
        yield "nation", [(i, n, g, self.text(2)) for i, (n, g) in enumerate(NATIONS)]
        yield "part", [self.part(k) for k in range(1, self.parts + 1)]
        yield "supplier", [self.supplier(k) for k in range(1, self.suppliers + 1)]
        pairs = {(k, self.supplier_of(k, i)) for k in range(1, self.parts + 1) for i in range(4)}
        yield "partsupp", [(p, s, self.r.randint(1, 999), self.money(1, 1000), self.text(3)) for p, s in sorted(pairs)]
        yield "customer", [self.customer(k) for k in range(1, self.customers + 1)]
        made = [self.order() for _ in range(self.orders)]
        yield "orders", [o for o, _ in made]
        yield "lineitem", [line for _, lines in made for line in lines]


def sql_value(v):
    return "NULL" if v is None else str(v) if isinstance(v, (int, float)) else f"'{v}'"


def insert(table, rows):
    return f"INSERT INTO {table} VALUES " + ", ".join("(" + ", ".join(map(sql_value, row)) + ")" for row in rows)


def setup(r, scale):
    return Data(r, scale)


def steps(data, r):
    """(name, statements) one after the other."""
    def refresh(n):
        made = [data.order() for _ in range(n)]
        low = r.randint(1, data.next_order)
        return [insert("orders", [o for o, _ in made]), insert("lineitem", [x for _, lines in made for x in lines]),
                f"DELETE FROM lineitem WHERE l_orderkey BETWEEN {low} AND {low + 2 * n}",
                f"DELETE FROM orders WHERE o_orderkey BETWEEN {low} AND {low + 2 * n}"]
    few = max(3, data.orders // 100)
    yield "refresh", refresh(few)
    yield "prices", [f"UPDATE lineitem SET l_discount = l_discount + 0.01, l_quantity = l_quantity - 1 WHERE l_orderkey % 7 = {r.randrange(7)}",
                     f"UPDATE partsupp SET ps_supplycost = ps_supplycost * 1.10 WHERE ps_suppkey % 3 = {r.randrange(3)}"]
    yield "keys", ["UPDATE customer SET c_custkey = c_custkey + 1000000 WHERE c_custkey % 5 = 1",
                   "UPDATE orders SET o_custkey = o_custkey + 1000000 WHERE o_custkey % 10 = 1",
                   "UPDATE lineitem SET l_linenumber = l_linenumber + 10 WHERE l_partkey % 4 = 0"]
    yield "nations", ["UPDATE nation SET n_regionkey = (n_regionkey + 1) % 5", "DELETE FROM nation WHERE n_name = 'INDIA'",
                      "UPDATE supplier SET s_nationkey = 6 WHERE s_suppkey % 4 = 0"]
    yield "in one transaction", ["BEGIN", *refresh(few), "UPDATE supplier SET s_comment = 'Customer slow Complaints' WHERE s_suppkey % 3 = 0",
                                 "DELETE FROM part WHERE p_partkey % 5 = 0", "COMMIT"]
    yield "kill", None
    yield "more", [*refresh(few), "UPDATE orders SET o_orderdate = date '1993-11-11' WHERE o_orderkey % 9 = 0"]
    yield "half gone", ["DELETE FROM lineitem WHERE l_orderkey % 2 = 0", "DELETE FROM customer WHERE c_custkey % 2 = 0"]
    yield "empty", [f"DELETE FROM {t}" for t in ("lineitem", "supplier", "orders", "part", "nation", "customer", "partsupp", "region")]
    yield "full again", data.load
