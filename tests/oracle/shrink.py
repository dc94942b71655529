"""Makes a failing list of actions small: fewer actions, statements, rows, and a shorter query."""
import re
import time

from wire import Disconnected, SqlError

TOKEN = re.compile(r"'(?:[^']|'')*'|\w+|::|<=|>=|<>|\|\||->>|\S")


class Shrinker:
    def __init__(self, pair, failure_class, target, workers, schema, seconds):
        self.pair, self.failure_class, self.target = pair, failure_class, target
        self.workers, self.schema = workers, schema
        self.until = time.monotonic() + seconds

    def late(self):
        return time.monotonic() > self.until

    def replay(self, actions):
        """The failure that these actions end in, if it is of the wanted kind."""
        pair = self.pair(self.schema, self.workers, "128MB")
        try:
            gone = set()
            for a in actions:
                if a[0] == "view" and any(f" {g} AS" in a[2] for g in gone) or a[0] in ("drop", "index") and a[1] in gone:
                    gone.add(a[1])
                    continue
                if not pair.apply(a):
                    gone.add(a[1])
                if a[0] == "step" and self.target.view in pair.views:
                    pair.compare(self.target.view, self.target.kind.startswith("ad-hoc"))
            if self.target.view in pair.views:
                pair.compare(self.target.view, True)
            if self.target.kind == "table":
                want, _ = pair.on_pg(f"SELECT * FROM {self.target.view}")
                got, error = pair.on_weir(f"SELECT * FROM {self.target.view}")
                if error or want and want.bag() != got.bag():
                    return self.target
        except self.failure_class as f:
            if f.kind == self.target.kind and (f.kind not in ("refused", "tag") or str(f)[-25:] == str(self.target)[-25:]):
                return f
        except (SqlError, Disconnected):
            pass
        except Exception as e:  # a join that explodes
            if type(e).__name__ != "Exploded":
                raise
        finally:
            pair.close()
        return None

    def less(self, items, rebuild):
        """ddmin: drops ranges of items while rebuild(items) still fails."""
        size = max(1, len(items) // 2)
        while size and not self.late():
            at = len(items) - size
            while at > -size and not self.late():
                tried = items[:max(at, 0)] + items[at + size:]
                if len(tried) < len(items) and self.replay(rebuild(tried)):
                    items = tried
                at -= size
            size //= 2
        return items

    def run(self, actions):
        found = self.replay(actions)
        if not found:
            return actions, None
        actions = self.less(actions, lambda x: x)
        for i, a in enumerate(actions):
            if a[0] == "step" and len(a[1]) > 1:
                kept = self.less(a[1], lambda x: actions[:i] + [("step", x)] + actions[i + 1:])
                actions = actions[:i] + [("step", kept)] + actions[i + 1:]
        for i, a in enumerate(actions):
            if a[0] != "step":
                continue
            for j, sql in enumerate(a[1]):
                head, values, rows = sql.partition(" VALUES ")
                rows = rows[1:-1].split("), (")
                if not values or len(rows) < 2:
                    continue

                def rebuilt(x):
                    made = f"{head}{values}({'), ('.join(x)})"
                    return actions[:i] + [("step", actions[i][1][:j] + [made] + actions[i][1][j + 1:])] + actions[i + 1:]

                actions = rebuilt(self.less(rows, rebuilt))
        actions = [a[:3] if a[0] == "view" else a for a in actions]
        for i in reversed(range(len(actions))):
            a = actions[i]
            if a[0] == "view":
                tokens = self.less(TOKEN.findall(a[2]), lambda x: actions[:i] + [("view", a[1], " ".join(x))] + actions[i + 1:])
                actions = actions[:i] + [("view", a[1], " ".join(tokens).replace(" . ", "."))] + actions[i + 1:]
        return actions, self.replay(actions) or found


def shrink(pair, failure_class, actions, failure, workers, schema, seconds):
    return Shrinker(pair, failure_class, failure, workers, schema, seconds).run(actions)
