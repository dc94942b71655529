"""Random tables and random DML over them."""
from expressions import Column, condition, expression, literal, pick_type, value


class Table:
    def __init__(self, r, name):
        self.name = name
        self.columns = []  # (name, type, declared type, not null, default)
        self.next_key = 1
        self.width = r.choice([3, 5, 8])
        self.key = r.choices(["none", "integer", "bigint", "text", "pair"], [3, 6, 2, 1, 2])[0]
        parts = []
        if self.key in ("integer", "bigint", "text"):
            parts.append(f"k {self.key}{' PRIMARY KEY' if r.random() < 0.8 else ' NOT NULL, PRIMARY KEY (k)'}")
        elif self.key == "pair":
            parts.append("k integer, k2 text")
        for i in range(r.randint(2, 5)):
            type = "integer" if i == 0 else pick_type(r)
            declared = type
            if type == "numeric" and r.random() < 0.7:
                declared = r.choice(["numeric(10,2)", "numeric(8,3)", "numeric(12,0)"])
            if type == "text" and r.random() < 0.2:
                declared = "varchar"
            not_null = r.random() < 0.2
            default = literal(r, type) if r.random() < 0.25 else None
            c = f"{'abcdef'[i]}"
            self.columns.append((c, type, declared, not_null, default))
            parts.append(f"{c} {declared}{' NOT NULL' if not_null else ''}{' DEFAULT ' + default if default else ''}")
        if self.key == "pair":
            parts.append("PRIMARY KEY (k, k2)")
        self.ddl = f"CREATE TABLE {name} ({', '.join(parts)})"

    def keys(self):
        if self.key == "none":
            return []
        return ["k"] if self.key != "pair" else ["k", "k2"]

    def scope(self, prefix=""):
        out = []
        if self.key != "none":
            out.append(Column(prefix + "k", "integer" if self.key == "pair" else self.key, True))
        if self.key == "pair":
            out.append(Column(prefix + "k2", "text", True))
        for c, type, declared, _, _ in self.columns:
            out.append(Column(prefix + c, type, type not in ("jsonb",) and declared != "numeric"))
        return out

    def key_values(self, r):
        fresh = r.random() < 0.985
        n = self.next_key if fresh else r.randint(1, max(1, self.next_key - 1))
        self.next_key += fresh
        if self.key == "text":
            return [f"'k{n}'"]
        if self.key == "pair":
            return [str(n // 2), f"'{'xy'[n % 2]}'"]
        return [str(n)]

    def old_key(self, r):
        n = r.randint(max(1, self.next_key - 60), max(1, self.next_key))
        if self.key == "text":
            return f"k = 'k{n}'"
        if self.key == "pair":
            return f"k = {n // 2}" + (f" AND k2 = '{'xy'[n % 2]}'" if r.random() < 0.7 else "")
        return f"k = {n}"

    def insert(self, r, count):
        columns = [c for c in self.columns if r.random() < 0.9 or c[3] and c[4] is None]
        names = self.keys() + [c[0] for c in columns]
        if not names:
            columns = self.columns[:1]
            names = [columns[0][0]]
        rows = []
        for _ in range(count):
            row = self.key_values(r) if self.key != "none" else []
            for _, type, declared, not_null, default in columns:
                if r.random() < 0.1 and (not not_null or r.random() < 0.02):
                    row.append("NULL")
                elif r.random() < 0.04:
                    row.append("DEFAULT" if default or not not_null else value(r, type, self.width, declared))
                else:
                    row.append(value(r, type, self.width, None if declared == type else declared))
            rows.append("(" + ", ".join(row) + ")")
        return f"INSERT INTO {self.name} ({', '.join(names)}) VALUES " + ", ".join(rows)

    def update(self, r):
        scope = self.scope()
        chosen = r.sample(self.columns, r.randint(1, min(2, len(self.columns))))
        sets = []
        for c, type, declared, not_null, _ in chosen:
            e = literal(r, type, self.width) if r.random() < 0.5 else expression(r, scope, type, 1).sql
            if not_null and r.random() < 0.97:
                e = f"COALESCE({e}, {literal(r, type)})"
            if type == "integer":  # values stay small over many steps
                e = f"mod({e}, 100)"
            elif type == "bigint":
                e = f"mod({e}, 10000000)"
            elif type == "double precision":
                e = f"(least(greatest({e}, -1000), 1000) + 0.0::double precision)"  # no -0
            elif type == "numeric":
                e = f"mod({e}, 100000)"
            elif type == "text":
                e = f"left({e}, 12)"
            sets.append(f"{c} = {e}")
        return f"UPDATE {self.name} SET {', '.join(sets)}{self.some_rows(r)}"

    def some_rows(self, r):
        if self.key != "none" and r.random() < 0.6:
            return " WHERE " + self.old_key(r)
        return " WHERE " + condition(r, self.scope(), 1) if r.random() < 0.95 else ""

    def with_subquery(self, r, tables):
        """UPDATE and DELETE that read other tables."""
        other = r.choice(tables)
        mine, theirs = self.columns[0][0], other.columns[0][0]
        where = f"{mine} {r.choice(['IN', 'NOT IN'])} (SELECT {theirs} FROM {other.name} WHERE {condition(r, other.scope(), 1)})"
        if r.random() < 0.4:
            where = f"EXISTS (SELECT 1 FROM {other.name} AS o WHERE o.{theirs} = {self.name}.{mine} AND {condition(r, other.scope('o.'), 0)})"
        if r.random() < 0.4:
            own = self.scope(self.name + ".")
            return f"DELETE FROM {self.name} WHERE {where} AND {condition(r, own, 1)} AND {condition(r, own, 1)}"
        return f"UPDATE {self.name} SET {mine} = mod(COALESCE((SELECT max({theirs}) FROM {other.name}), 0) + {r.randint(-3, 3)}, 100) WHERE {where}"

    def delete(self, r):
        if self.key != "none" and r.random() < 0.5:
            return f"DELETE FROM {self.name} WHERE {self.old_key(r)}"
        return f"DELETE FROM {self.name} WHERE {' AND '.join(condition(r, self.scope(), 1) for _ in range(3))}"

    def move_key(self, r):
        if self.key not in ("integer", "bigint"):
            return self.update(r)
        self.next_key += 1
        return f"UPDATE {self.name} SET k = {self.next_key - 1} WHERE {self.old_key(r)}"

    def copy_rows(self, r, tables):
        """INSERT ... SELECT; only into tables without a key."""
        if self.key != "none":
            return self.insert(r, r.randint(1, 4))
        other = r.choice(tables)
        scope = other.scope()
        items, names = [], []
        for c, type, _, not_null, _ in self.columns:
            e = expression(r, scope, type, 1).sql
            if type in ("integer", "bigint", "numeric"):
                e = f"mod({e}, 1000)"
            elif type == "double precision":
                e = f"({e} + 0.0::double precision)"
            names.append(c)
            items.append(f"COALESCE({e}, {literal(r, type)})" if not_null else e)
        rows = f"SELECT {', '.join(items)} FROM {other.name} WHERE {condition(r, scope, 1)} AND {condition(r, scope, 1)}"
        return f"INSERT INTO {self.name} ({', '.join(names)}) {rows}"

    def statement(self, r, tables):
        kind = r.randint(0, 20)
        if kind == 20:
            return self.with_subquery(r, tables)
        if kind <= 8:
            return self.insert(r, r.choice([1, 1, 2, 5, 12]))
        if kind <= 14:
            return self.update(r)
        if kind <= 17:
            return self.delete(r)
        if kind == 18:
            return self.move_key(r)
        return self.copy_rows(r, tables)


def step(r, tables):
    """The statements of one step."""
    kind = r.random()
    if kind < 0.08:  # one large epoch
        return [r.choice(tables).insert(r, r.randint(30, 80))]
    count = r.choice([1, 1, 2, 3, 4, 8])
    out = [r.choice(tables).statement(r, tables) for _ in range(count)]
    if kind < 0.5:
        out = ["BEGIN"] + out + ["COMMIT" if r.random() < 0.75 else "ROLLBACK"]
    return out
