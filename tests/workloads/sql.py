"""What workloads write with."""


def insert(table, rows):
    text = ", ".join("(" + ", ".join("NULL" if v is None else f"'{v}'" for v in row) + ")" for row in rows)
    return f"INSERT INTO {table} VALUES {text}"
