"""Random typed values and expressions that PostgreSQL 15 and weir must agree on.

A column of a scope is (sql, type, stable). `stable` tells that SQL-equal values have equal text: sums of numerics keep
the largest scale, so 1.0 and 1.00 may be one group with two texts, and -0 equals 0; where SQL leaves open which text is
shown (group keys, DISTINCT, min, ORDER BY ... LIMIT) the generator only uses stable expressions.
"""
import collections

Column = collections.namedtuple("Column", "sql type stable")

TYPES = ["boolean", "integer", "bigint", "double precision", "numeric", "text", "date", "timestamp", "timestamptz", "jsonb"]
WEIGHTS = [4, 22, 10, 8, 12, 20, 6, 6, 5, 3]
ORDERED = [t for t in TYPES if t not in ("jsonb",)]
NUMBERS = ["integer", "bigint", "double precision", "numeric"]

WORDS = ["", "a", "b", "ab", "abc", "B", "Zebra", "zebra", "häß", "日本", "x y", "100%", "a_b", "a%b", "10", "-3", "naïve", "  pad "]
PATTERNS = ["%a%", "a%", "%b", "_", "a_b", "a\\_b", "%\\%%", "", "%", "__", "z%a", "%ä%"]
JSONS = ['{}', '[]', '1', '"s"', 'null', 'true', '{"a": 1}', '{"a": 2, "b": "x"}', '{"a": null}', '{"b": {"c": "deep"}}',
         '[1, 2, 3]', '{"a": [1, {"k": "v"}]}', '{"a": "7"}']


def pick_type(r):
    return r.choices(TYPES, WEIGHTS)[0]


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def value(r, type, width=6, declared=None):
    """A literal of the type, from a domain narrow enough that keys meet."""
    if type == "boolean":
        return r.choice(["true", "false"])
    if type == "integer":
        return str(r.randint(-width, width)) if r.random() < 0.95 else str(r.choice([1000000, -99999, 32767]))
    if type == "bigint":
        return str(r.randint(-width, width)) if r.random() < 0.9 else str(r.choice([4294967296, -4294967297, 10**12]))
    if type == "double precision":
        return str(r.randint(-width * 2, width * 2) / r.choice([1, 2, 4]) + 0.0)
    if type == "numeric":
        text = str(r.randint(-width, width))
        digits = r.choice([0, 1, 2, 3] if declared is None else [0, 2])
        if digits:
            text += "." + "".join(r.choice("0512") for _ in range(digits))
        if r.random() < 0.03 and declared is None:
            text = r.choice(["123456789012345678901234.5", "0.000000000000000001", "-99999999999999999999"])
        return text
    if type == "text":
        return quote(r.choice(WORDS[:width * 3]))
    if type == "date":
        return quote("%04d-%02d-%02d" % (r.choice([2024, 2024, 2023, 1999]), r.choice([1, 2, 2, 12]), r.choice([1, 28, 15])))
    if type in ("timestamp", "timestamptz"):
        text = "2024-0%d-%02d %02d:%02d:%02d%s" % (r.randint(1, 3), r.choice([1, 2, 28]), r.choice([0, 1, 23]), r.choice([0, 30, 59]),
                                                   r.choice([0, 1, 59]), r.choice(["", "", ".5", ".123456"]))
        return quote(text + ("+00" if type == "timestamptz" else ""))
    return quote(r.choice(JSONS))


def literal(r, type, width=6):
    text = value(r, type, width)
    if type in ("integer", "boolean"):
        return text if not text.startswith("-") else f"({text})"
    return f"({text})::{type}" if text.startswith("-") else f"{text}::{type}"


def of_type(scope, types, stable=False):
    return [c for c in scope if c.type in types and (c.stable or not stable)]


def column(r, scope, type, stable=False):
    found = of_type(scope, [type], stable)
    return r.choice(found) if found else None


def stabilised(c):
    """An expression with the column's value whose text follows from the value."""
    if c.stable:
        return c
    if c.type == "numeric":
        return Column(f"round({c.sql}, 3)", "numeric", True)
    if c.type == "double precision":
        return Column(f"({c.sql} + 0.0::double precision)", c.type, True)
    if c.type == "jsonb":
        return Column(f"jsonb_typeof({c.sql})", "text", True)
    return c


def number(r, scope, type, depth):
    """Arithmetic that does not fail for values of moderate size."""
    kind = r.randint(0, 9)
    if kind <= 3:
        op = r.choice(["+", "-", "*"] if depth > 1 else ["+", "-"])
        right = literal(r, type, 5) if r.random() < 0.5 else expression(r, scope, type, depth - 1).sql
        return f"({expression(r, scope, type, depth - 1).sql} {op} {right})"
    if kind == 4:
        if type == "double precision":
            return f"({expression(r, scope, type, depth - 1).sql} / {r.choice(['2', '4', '-8'])}::double precision)"
        divisor = f"NULLIF({expression(r, scope, type, depth - 1).sql}, 0)" if r.random() < 0.5 else r.choice(["2", "3", "-7"])
        return f"({expression(r, scope, type, depth - 1).sql} / {divisor})"
    if kind == 5:
        if type == "double precision":
            return f"floor({expression(r, scope, type, depth - 1).sql})"
        return f"mod({expression(r, scope, type, depth - 1).sql}, {r.choice(['2', '3', '5'])})"
    if kind == 6:
        return f"abs({expression(r, scope, type, depth - 1).sql})"
    if kind == 7:
        others = [t for t in ("integer", "bigint") if t != type] if type in ("integer", "bigint") else [t for t in NUMBERS if t != type]
        if type == "integer":
            return f"length({expression(r, scope, 'text', depth - 1).sql})"
        if type == "bigint":
            return f"({expression(r, scope, 'integer', depth - 1).sql})::bigint"
        other = r.choice([t for t in others if t not in ("double precision", "numeric")])  # sums of doubles stay exact
        return f"({expression(r, scope, other, depth - 1).sql})::{type}"
    if kind == 8 and type == "double precision":
        return f"round({expression(r, scope, type, depth - 1).sql})"
    if kind == 8 and type == "numeric":
        return f"round({expression(r, scope, type, depth - 1).sql}, {r.randint(0, 3)})"
    if kind == 8 and type == "integer":
        return f"({expression(r, scope, 'boolean', depth - 1).sql})::integer"
    if kind == 9 and type == "numeric":
        source = column(r, scope, "date") or column(r, scope, "timestamp")
        if source:
            return f"extract({r.choice(['year', 'month', 'day', 'dow', 'epoch'])} FROM {source.sql})"
    return f"(- {expression(r, scope, type, depth - 1).sql})"


def words(r, scope, depth):
    kind = r.randint(0, 8)
    inner = expression(r, scope, "text", depth - 1).sql
    if kind == 0:
        return f"upper({inner})"
    if kind == 1:
        return f"lower({inner})"
    if kind == 2:
        return f"({inner} || {expression(r, scope, 'text', depth - 1).sql})"
    if kind == 3:
        return f"substr({inner}, {r.randint(-1, 3)}, {r.randint(0, 3)})"
    if kind == 4:
        return f"replace({inner}, {quote(r.choice(['a', 'b', '%']))}, {quote(r.choice(['', 'zz']))})"
    if kind == 5:
        other = r.choice(["integer", "bigint", "boolean", "date", "timestamp"])
        return f"({expression(r, scope, other, depth - 1).sql})::text"
    if kind == 6:
        source = column(r, scope, "jsonb")
        if source:
            return f"({source.sql} ->> {quote(r.choice(['a', 'b', 'zz']))})"
        return f"btrim({inner})"
    if kind == 7:
        return f"left({inner}, {r.randint(-2, 3)})"
    return f"concat({inner}, {quote('-')}, {expression(r, scope, 'integer', depth - 1).sql})"


def moment(r, scope, type, depth):
    inner = expression(r, scope, type, depth - 1).sql
    if type == "date":
        return r.choice([f"({inner} + {r.randint(-40, 40)})", f"({expression(r, scope, 'timestamp', depth - 1).sql})::date"])
    if type == "timestamp":
        return r.choice([f"date_trunc({quote(r.choice(['hour', 'day', 'month', 'year']))}, {inner})",
                         f"({expression(r, scope, 'date', depth - 1).sql})::timestamp"])
    return f"date_trunc({quote(r.choice(['hour', 'day']))}, {inner})"


def condition(r, scope, depth):
    kind = r.randint(0, 10)
    if kind <= 3:
        type = r.choice(ORDERED if depth > 0 else ["integer", "text"])
        left = expression(r, scope, type, depth - 1).sql
        right = literal(r, type) if r.random() < 0.6 else expression(r, scope, type, depth - 1).sql
        return f"({left} {r.choice(['=', '<>', '<', '<=', '>', '>='])} {right})"
    if kind == 4:
        return f"({condition(r, scope, depth - 1)} {r.choice(['AND', 'OR'])} {condition(r, scope, depth - 1)})" if depth > 0 else "true"
    if kind == 5:
        return f"(NOT {condition(r, scope, depth - 1)})" if depth > 0 else "(1 = 1)"
    if kind == 6 and scope:
        return f"({r.choice(scope).sql} IS {r.choice(['', 'NOT '])}NULL)"
    if kind == 7:
        return f"({expression(r, scope, 'text', depth - 1).sql} {r.choice(['', 'NOT '])}{r.choice(['LIKE', 'LIKE', 'ILIKE'])} {quote(r.choice(PATTERNS))})"
    if kind == 8:
        type = r.choice(["integer", "text", "date", "numeric"])
        values = ", ".join([literal(r, type) for _ in range(r.randint(1, 4))] + (["NULL"] if r.random() < 0.15 else []))
        return f"({expression(r, scope, type, depth - 1).sql} {r.choice(['', '', 'NOT '])}IN ({values}))"
    if kind == 9:
        type = r.choice(["integer", "numeric", "date", "text"])
        return (f"({expression(r, scope, type, depth - 1).sql} {r.choice(['', 'NOT '])}BETWEEN {literal(r, type)} AND "
                f"{literal(r, type)})")
    type = r.choice(["integer", "text", "numeric"])
    return (f"({expression(r, scope, type, depth - 1).sql} IS {r.choice(['', 'NOT '])}DISTINCT FROM "
            f"{expression(r, scope, type, depth - 1).sql})")


def expression(r, scope, type, depth=2):
    """A random expression; computed values are stable only where the type has one text per value."""
    plain = type not in ("numeric", "double precision", "jsonb")
    if depth <= 0 or r.random() < 0.25 or type == "jsonb":
        found = column(r, scope, type)
        if found and r.random() < 0.9:
            return found
        if type == "integer" or not found:
            return Column(literal(r, type), type, plain)
    kind = r.random()
    if kind < 0.03:
        t = r.choice(["integer", "text"])
        cases = " ".join(f"WHEN {literal(r, t)} THEN {expression(r, scope, type, depth - 1).sql}" for _ in range(r.randint(1, 3)))
        return Column(f"(CASE {expression(r, scope, t, depth - 1).sql} {cases} ELSE {literal(r, type)} END)", type, plain)
    if kind < 0.12:
        cases = " ".join(f"WHEN {condition(r, scope, depth - 1)} THEN {expression(r, scope, type, depth - 1).sql}"
                         for _ in range(r.randint(1, 2)))
        other = f" ELSE {expression(r, scope, type, depth - 1).sql}" if r.random() < 0.7 else ""
        return Column(f"(CASE {cases}{other} END)", type, plain)
    if kind < 0.22:
        return Column(f"COALESCE({expression(r, scope, type, depth - 1).sql}, {literal(r, type)})", type, plain)
    if kind < 0.26 and type != "jsonb":
        return Column(f"NULLIF({expression(r, scope, type, depth - 1).sql}, {literal(r, type)})", type, plain)
    if kind < 0.30 and type in ORDERED:
        return Column(f"{r.choice(['greatest', 'least'])}({expression(r, scope, type, depth - 1).sql}, "
                      f"{expression(r, scope, type, depth - 1).sql})", type, plain)
    if type in NUMBERS:
        sql = number(r, scope, type, depth)
    elif type == "text":
        sql = words(r, scope, depth)
    elif type == "boolean":
        sql = condition(r, scope, depth)
    elif type in ("date", "timestamp", "timestamptz"):
        sql = moment(r, scope, type, depth)
    else:
        sql = literal(r, type)
    return Column(sql, type, plain)
