"""Loads libweir.so with ctypes and follows the changes of a view: python3 subscribe.py path/to/libweir.so"""
import ctypes as c
import sys

weir = c.CDLL(sys.argv[1])


class Error(c.Structure):
    _fields_ = [("sqlstate", c.c_char * 6), ("position", c.c_int), ("message", c.c_char * 1024),
                ("detail", c.c_char * 512), ("hint", c.c_char * 512), ("context", c.c_char * 512),
                ("table", c.c_char * 64), ("column", c.c_char * 64), ("constraint", c.c_char * 80)]


error = Error()
db, session, subscription = c.c_void_p(), c.c_void_p(), c.c_void_p()
weir.weir_subscription_text.restype = c.c_char_p


def must(code):
    if code < 0:
        raise RuntimeError(f"{error.sqlstate.decode()}: {error.message.decode()}")
    return code


must(weir.weir_open(None, None, c.byref(db), c.byref(error)))
must(weir.weir_session_open(db, c.byref(session), c.byref(error)))


def execute(sql):
    must(weir.weir_exec(session, sql.encode(), c.byref(error)))


execute("CREATE TABLE t (k int PRIMARY KEY, v int)")
execute("CREATE MATERIALIZED VIEW total AS SELECT sum(v) AS total FROM t")
must(weir.weir_subscribe(session, b"total", True, c.byref(subscription), c.byref(error)))
execute("INSERT INTO t VALUES (1, 10), (2, 20)")
execute("UPDATE t SET v = v + 1")
weight, commit = c.c_int64(), c.c_uint64()
while must(weir.weir_subscription_next(subscription, 200, c.byref(weight), c.byref(commit), c.byref(error))) == 1:
    text = weir.weir_subscription_text(subscription, 0, None)
    print(f"{weight.value:+d} {text.decode() if text is not None else 'NULL'}")
weir.weir_subscription_close(subscription)
weir.weir_session_close(session)
weir.weir_close(db)
