"""Random queries inside the thin thread: joins, subqueries, aggregates, top-N, set operations, over tables and views."""
from expressions import (Column, NUMBERS, ORDERED, column, condition, expression, literal, of_type, pick_type, stabilised)

JOINABLE = ["integer", "bigint", "text", "numeric", "date", "boolean", "timestamp", "double precision"]


class Query:
    def __init__(self, sql, columns, kinds):
        self.sql = sql
        self.columns = columns  # Column with the output names as sql
        self.kinds = kinds


class QueryMaker:
    def __init__(self, random, relations, use_views=True):
        self.r = random
        self.relations = relations  # name -> (columns as Column of bare names, is_view, kinds)
        self.kinds = set()
        self.aliases = 0

    def alias(self):
        self.aliases += 1
        return f"q{self.aliases}"

    def relation(self, depth=1):
        """A FROM item and its scope."""
        r = self.r
        alias = self.alias()
        if depth > 0 and r.random() < 0.15:
            inner = self.query(depth - 1)
            return f"({inner.sql}) AS {alias}", [Column(f"{alias}.{c.sql}", c.type, c.stable) for c in inner.columns]
        names = list(self.relations)
        views = [n for n in names if self.relations[n][1]]
        name = r.choice(views) if views and r.random() < 0.35 else r.choice([n for n in names if not self.relations[n][1]])
        if self.relations[name][1]:
            self.kinds.add("view-on-view")
        return f"{name} AS {alias}", [Column(f"{alias}.{c.sql}", c.type, c.stable) for c in self.relations[name][0]]

    def key_lookup(self, from_scope, to_scope):
        """One scope's columns equal to the primary key of a relation in the other; None if there is none."""
        keys = [c for c in to_scope if c.sql.endswith(".k") and of_type(from_scope, [c.type])]
        if not keys:
            return None
        key = self.r.choice(keys)
        parts = [f"{column(self.r, from_scope, key.type).sql} = {key.sql}"]
        for second in [c for c in to_scope if c.sql == key.sql + "2" and of_type(from_scope, [c.type])]:
            parts.append(f"{column(self.r, from_scope, second.type).sql} = {second.sql}")
        self.r.shuffle(parts)
        return parts

    def equality(self, left, right, extra=True):
        """A join condition; most have an equality of columns of one type, many look a row up by its key."""
        r = self.r
        lookup = r.random()
        parts = self.key_lookup(*((left, right) if lookup < 0.3 else (right, left))) if lookup < 0.45 else None
        if parts:
            return " AND ".join(parts + ([condition(r, left + right, 1)] if extra and r.random() < 0.25 else []))
        types = [t for t in JOINABLE if of_type(left, [t]) and of_type(right, [t])]
        parts = []
        if types:
            for _ in range(r.choice([1, 1, 1, 2])):
                t = r.choice(types)
                parts.append(f"{column(r, left, t).sql} = {column(r, right, t).sql}")
        else:
            numbers = of_type(left, NUMBERS), of_type(right, NUMBERS)
            if numbers[0] and numbers[1]:
                parts.append(f"{r.choice(numbers[0]).sql} = {r.choice(numbers[1]).sql}")
        if not parts or (extra and r.random() < 0.25):
            parts.append(condition(r, left + right, 1))
            if len(parts) == 1:
                parts.append("true")
        return " AND ".join(parts)

    def source(self, depth):
        """FROM clause with zero to two joins, and its scope."""
        r = self.r
        sql, scope = self.relation(depth)
        for _ in range(r.choice([0, 0, 1, 1, 1, 2])):
            right, right_scope = self.relation(depth)
            kind = r.choices(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"], [11, 7, 1, 2])[0]
            sql = f"{sql} {kind} {right} ON {self.equality(scope, right_scope)}"
            scope = scope + right_scope
            self.kinds.add("join")
        return sql, scope

    def correlation(self, scope, inner_scope):
        """How a subquery compares its rows with the outer query's."""
        r = self.r
        if r.random() < 0.6:
            return self.equality(scope, inner_scope, False)
        t = r.choice([t for t in JOINABLE if of_type(scope, [t]) and of_type(inner_scope, [t])])
        outer, inner = column(r, scope, t).sql, column(r, inner_scope, t).sql
        compared = f"{outer} {r.choice(['<', '<=', '<>', '>', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'])} {inner}"
        other = r.random()
        if other < 0.2:
            return f"({compared} OR {outer} IS NULL)"
        return f"{self.equality(scope, inner_scope, False)} AND {compared}" if other < 0.5 else compared

    def subquery_value(self, scope):
        """IN or EXISTS as a part of a condition, NULL where it is unknown."""
        r = self.r
        inner, inner_scope = self.relation(0)
        types = [t for t in JOINABLE if of_type(scope, [t]) and of_type(inner_scope, [t])]
        if not types:
            return f"EXISTS (SELECT 1 FROM {inner})"
        where = [condition(r, inner_scope, 1)] if r.random() < 0.4 else []
        exists = r.random() < 0.3
        if exists or r.random() < 0.3:
            where.append(self.correlation(scope, inner_scope))
        where = f" WHERE {' AND '.join(where)}" if where else ""
        if exists:
            return f"EXISTS (SELECT 1 FROM {inner}{where})"
        t = r.choice(types)
        return f"{column(r, scope, t).sql} {r.choice(['', 'NOT '])}IN (SELECT {column(r, inner_scope, t).sql} FROM {inner}{where})"

    def subquery_condition(self, scope):
        r = self.r
        if r.random() < 0.35:
            self.kinds.add("subquery")
            value, other = self.subquery_value(scope), condition(r, scope, 1)
            return r.choice([f"({value} OR {other})", f"({other} OR {value})", f"NOT ({value} AND {other})", f"({value}) IS NOT TRUE",
                             f"({value}) IS NULL", f"CASE WHEN {other} THEN {value} ELSE {self.subquery_value(scope)} END"])
        self.kinds.add("subquery")
        inner, inner_scope = self.relation(0)
        types = [t for t in JOINABLE if of_type(scope, [t]) and of_type(inner_scope, [t])]
        kind = r.randint(0, 3)
        if kind == 0 or not types:
            more = f" AND {condition(r, inner_scope, 1)}" if r.random() < 0.4 else ""
            return f"{r.choice(['', 'NOT '])}EXISTS (SELECT 1 FROM {inner} WHERE {self.equality(scope, inner_scope, False)}{more})"
        t = r.choice(types)
        where = ""
        if r.random() < 0.5:
            where = f" WHERE {condition(r, inner_scope, 1)}"
        if r.random() < 0.25:
            where += (" AND " if where else " WHERE ") + self.equality(scope, inner_scope, False)
        if kind == 2 and r.random() < 0.3:
            return (f"{column(r, scope, t).sql} {r.choice(['= ANY', '<> ALL', '> ALL', '<= ANY'])} (SELECT {column(r, inner_scope, t).sql} "
                    f"FROM {inner}{where})")
        if kind == 2 and r.random() < 0.4:
            u = r.choice(types)
            return (f"({column(r, scope, t).sql}, {column(r, scope, u).sql}) IN (SELECT "
                    f"{column(r, inner_scope, t).sql}, {column(r, inner_scope, u).sql} FROM {inner}{where})")
        if kind <= 2:
            return (f"{column(r, scope, t).sql} {r.choice(['', 'NOT '])}IN (SELECT {column(r, inner_scope, t).sql} FROM {inner}"
                    f"{where})")
        return f"{column(r, scope, t).sql} {r.choice(['=', '<', '>='])} {self.scalar(scope, inner, inner_scope, t)}"

    def scalar(self, scope, inner, inner_scope, t):
        """A scalar subquery, correlated or not, of type t."""
        r = self.r
        self.kinds.add("subquery")
        meets = any(of_type(scope, [x]) and of_type(inner_scope, [x]) for x in JOINABLE)
        where = f" WHERE {self.correlation(scope, inner_scope)}" if meets and r.random() < 0.7 else ""
        source = stabilised(column(r, inner_scope, t)).sql
        if t == "boolean":
            return f"(SELECT count(*) > 1 FROM {inner}{where})"
        if t == "bigint" and r.random() < 0.5:
            return f"(SELECT count(*) FROM {inner}{where})"
        if t == "numeric" and r.random() < 0.5:
            return f"(SELECT round(avg({source}), 3) FROM {inner}{where})"
        return f"(SELECT {r.choice(['min', 'max'])}({source}) FROM {inner}{where})"

    def where(self, scope):
        r = self.r
        parts = []
        if r.random() < 0.45:
            parts.append(condition(r, scope, 2))
        if r.random() < 0.3:
            parts.append(self.subquery_condition(scope))
        return " WHERE " + " AND ".join(parts) if parts else ""

    def outputs(self, scope, most=5, stable=False):
        """The select list: (Column per output with bare name, sql of the list)."""
        r = self.r
        out, sql = [], []
        for i in range(r.randint(1, most)):
            if r.random() < 0.6 and scope:
                c = r.choice(scope)
            else:
                c = expression(r, scope, pick_type(r), 2)
                if not c.stable and r.random() < 0.5:
                    c = stabilised(c)
            if stable:
                c = stabilised(c)
            out.append(Column(f"c{i}", c.type, c.stable))
            sql.append(f"{c.sql} AS c{i}")
        return out, ", ".join(sql)

    def select(self, depth):
        sql, scope = self.source(depth)
        distinct = self.r.random() < 0.12
        out, text = self.outputs(scope, stable=distinct)
        if distinct:
            self.kinds.add("distinct")
        elif self.r.random() < 0.06:
            inner, inner_scope = self.relation(0)
            types = [t for t in ORDERED if of_type(inner_scope, [t])]
            if types:
                t = self.r.choice(types)
                text += f", {self.scalar(scope, inner, inner_scope, t)} AS c{len(out)}"
                out.append(Column(f"c{len(out)}", t, True))
        return f"SELECT {'DISTINCT ' if distinct else ''}{text} FROM {sql}{self.where(scope)}", out

    def aggregate_call(self, scope):
        r = self.r
        kind = r.randint(0, 8)
        filter = f" FILTER (WHERE {condition(r, scope, 1)})" if r.random() < 0.2 else ""
        if kind == 0:
            return Column(f"count(*){filter}", "bigint", True)
        if kind == 1 and scope:
            return Column(f"count({r.choice(scope).sql}){filter}", "bigint", True)
        if kind == 2 and scope:
            c = stabilised(r.choice(scope))
            return Column(f"count(DISTINCT {c.sql}){filter}", "bigint", True)
        if kind in (3, 4, 5):
            types = [t for t in NUMBERS if of_type(scope, [t])] or ["integer"]
            t = r.choice(types)
            arg = column(r, scope, t) if r.random() < 0.6 else None
            arg = arg or expression(r, scope, t, 1)
            if t == "double precision":  # PostgreSQL's sum of one -0 is -0
                arg = stabilised(arg)
            name = r.choice(["sum", "sum", "avg"])
            if name == "sum" and r.random() < 0.1:
                arg = Column(f"DISTINCT {stabilised(arg).sql}", arg.type, True)
            result = {"integer": "bigint", "bigint": "numeric", "numeric": "numeric", "double precision": "double precision"}[t]
            if name == "avg" and t != "double precision":
                result = "numeric"
            return Column(f"{name}({arg.sql}){filter}", result, False if result != "bigint" else True)
        if kind == 8 and r.random() < 0.4:
            t = r.choice(["integer", "bigint"])
            return Column(f"{r.choice(['bit_and', 'bit_or', 'bit_xor'])}({expression(r, scope, t, 1).sql}){filter}", t, True)
        if kind == 8:
            return Column(f"{r.choice(['bool_and', 'bool_or'])}({expression(r, scope, 'boolean', 1).sql}){filter}", "boolean", True)
        types = [t for t in ORDERED if t != "boolean" and of_type(scope, [t])] or ["integer"]
        t = r.choice(types)
        arg = stabilised(column(r, scope, t) or expression(r, scope, t, 1))
        return Column(f"{r.choice(['min', 'max'])}({arg.sql}){filter}", t, True)

    def aggregate(self, depth):
        r = self.r
        self.kinds.add("aggregate")
        sql, scope = self.source(depth)
        where = self.where(scope)
        keys = []
        for _ in range(r.choice([0, 1, 1, 1, 2])):
            c = stabilised(r.choice(scope) if r.random() < 0.8 or not scope else expression(r, scope, pick_type(r), 1))
            if "." in c.sql and "q" in c.sql and "::" not in c.sql.split(".")[0]:
                keys.append(c)
        calls = [self.aggregate_call(scope) for _ in range(r.randint(1 if keys else 1, 4))]
        items = keys + calls
        out = [Column(f"c{i}", c.type, c.stable) for i, c in enumerate(items)]
        text = ", ".join(f"{c.sql} AS c{i}" for i, c in enumerate(items))
        text = f"SELECT {text} FROM {sql}{where}"
        if keys:
            by_position = r.random() < 0.3
            text += " GROUP BY " + ", ".join(str(i + 1) if by_position else c.sql for i, c in enumerate(keys))
        if r.random() < 0.2:
            self.kinds.add("having")
            call = self.aggregate_call(scope)
            text += f" HAVING {call.sql} {r.choice(['IS NOT NULL', 'IS NULL'])}" if call.type in ("text", "date", "timestamp", "timestamptz", "boolean") \
                else f" HAVING {call.sql} {r.choice(['>', '<=', '<>'])} {literal(r, call.type, 3)}"
        return text, out

    def orders(self, columns):
        r = self.r
        order = list(columns)
        r.shuffle(order)
        return ", ".join(c.sql + r.choice(["", "", " DESC", " ASC NULLS FIRST", " DESC NULLS LAST"]) for c in order)

    def top(self, depth):
        """ORDER BY ... LIMIT and row_number() <= n; ordered by all columns, so the answer is determined."""
        r = self.r
        self.kinds.add("top-n")
        inner, scope = self.source(depth)
        out, text = self.outputs(scope, stable=True)
        inner = f"SELECT {text} FROM {inner}{self.where(scope)}"
        alias = self.alias()
        if r.random() < 0.4:
            offset = f" OFFSET {r.randint(1, 3)}" if r.random() < 0.25 else ""
            return f"SELECT * FROM ({inner}) AS {alias} ORDER BY {self.orders(out)} LIMIT {r.randint(1, 6)}{offset}", out
        keys = [c for c in out if r.random() < 0.3]
        part = ("PARTITION BY " + ", ".join(c.sql for c in keys) + " ") if keys else ""
        star = r.random() < 0.4
        names = ", ".join(c.sql for c in out) + (", rn" if star else "")
        outer = self.alias()
        bound = r.choice(["rn <= 1", "rn = 1", f"rn <= {r.randint(2, 4)}", f"rn < {r.randint(2, 4)}"])
        text = (f"SELECT {names} FROM (SELECT *, row_number() OVER ({part}ORDER BY {self.orders(out)}) AS rn FROM ({inner}) AS {alias}) "
                f"AS {outer} WHERE {bound}")
        return text, out + ([Column("rn", "bigint", True)] if star else [])

    def union(self, depth):
        r = self.r
        self.kinds.add("union")
        left, columns = self.select(depth)
        parts = [left]
        all = r.random() < 0.75
        if not all and not all_stable(columns):
            all = True
        for _ in range(r.choice([1, 1, 2])):
            sql, scope = self.source(0)
            items = []
            for i, c in enumerate(columns):
                e = column(r, scope, c.type, stable=not all) or expression(r, scope, c.type, 1)
                e = e if all else stabilised(e)
                items.append(f"{e.sql} AS c{i}")
                if not e.stable or c.type == "numeric":  # scales may differ
                    columns[i] = Column(c.sql, c.type, False)
            parts.append(f"SELECT {', '.join(items)} FROM {sql}{self.where(scope)}")
        if all_stable(columns) and not all:
            return f" {r.choice(['UNION', 'UNION', 'INTERSECT', 'EXCEPT'])} ".join(parts[:2]), columns
        return (" UNION ALL " if all else " UNION ").join(parts), columns

    def distinct_on(self, depth):
        """DISTINCT ON: the first row in an order over all columns."""
        self.kinds.add("top-n")
        inner, scope = self.source(depth)
        out, text = self.outputs(scope, stable=True)
        keys = self.r.sample(out, self.r.randint(1, min(2, len(out))))
        names = ", ".join(k.sql for k in keys)
        alias = self.alias()
        rest = [c for c in out if c not in keys]
        order = self.orders(keys) + (", " + self.orders(rest) if rest else "")
        return f"SELECT DISTINCT ON ({names}) * FROM (SELECT {text} FROM {inner}{self.where(scope)}) AS {alias} ORDER BY {order}", out

    def top_groups(self, depth):
        """The largest groups."""
        self.kinds.add("top-n")
        inner, columns = self.aggregate(depth)
        alias = self.alias()
        items = [stabilised(c) for c in columns]
        out = [Column(f"c{i}", c.type, True) for i, c in enumerate(items)]
        text = ", ".join(f"{c.sql} AS c{i}" for i, c in enumerate(items))
        return f"SELECT {text} FROM ({inner}) AS {alias} ORDER BY {', '.join(str(i + 1) + self.r.choice(['', ' DESC']) for i in range(len(items)))} " \
               f"LIMIT {self.r.randint(1, 5)}", out

    def with_query(self, depth):
        """WITH: a query with a name, read once or twice."""
        inner = self.query(0)
        name = f"w{self.aliases}"
        self.relations = {**self.relations, name: (inner.columns, False, set())}
        sql, columns = self.r.choice([self.select, self.aggregate])(0)
        if name not in sql:
            alias = self.alias()
            return f"WITH {name} AS ({inner.sql}) SELECT * FROM {name} AS {alias}", inner.columns
        return f"WITH {name} AS ({inner.sql}) {sql}", columns

    def query(self, depth=1):
        kinds = [self.select, self.aggregate, self.top, self.union, self.distinct_on, self.top_groups]
        kind = self.r.choices(kinds, [34, 32, 14, 8, 4, 5])[0]
        if depth > 0 and self.r.random() < 0.06:
            kind = self.with_query
        sql, columns = kind(depth)
        return Query(sql, columns, self.kinds)


def all_stable(columns):
    return all(c.stable and c.type not in ("jsonb", "numeric") for c in columns)
