"""What every script with checks does: count them, say which failed, wait for something, ask a server one question."""
import time

passed = failed = 0


def check(ok, what):
    """Counts; prints `what` if it is not ok. Returns whether it is."""
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"FAILED: {what}", flush=True)
    return bool(ok)


def report(name):
    """The last line of the script; returns its exit status."""
    print(f"{name}: {passed} passed, {failed} failed")
    return int(failed != 0)


def wait(condition, seconds=20, pause=0.05):
    """Until condition() is true; whether it became so in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(pause)
    return False


def rows(weir, sql):
    """The answer of one query on a connection of its own."""
    link = weir.link()
    try:
        return link.query(sql).rows()
    finally:
        link.close()
