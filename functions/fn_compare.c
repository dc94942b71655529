/* = <> < <= > >= for every type. Types of one physical form share kernels. */
#include "functions/kernel.h"

#define COMPARE_KERNELS(prefix, ctype, field, eq, lt)               \
    KERNEL_BINARY(prefix##_eq, ctype, field, uint8_t, b, eq(x, y))  \
    KERNEL_BINARY(prefix##_ne, ctype, field, uint8_t, b, !eq(x, y)) \
    KERNEL_BINARY(prefix##_lt, ctype, field, uint8_t, b, lt(x, y))  \
    KERNEL_BINARY(prefix##_le, ctype, field, uint8_t, b, !lt(y, x)) \
    KERNEL_BINARY(prefix##_gt, ctype, field, uint8_t, b, lt(y, x))  \
    KERNEL_BINARY(prefix##_ge, ctype, field, uint8_t, b, !lt(x, y))

#define PLAIN_EQ(x, y) ((x) == (y))
#define PLAIN_LT(x, y) ((x) < (y))
#define STR_LT(x, y)   (wr_str_cmp(x, y) < 0)

COMPARE_KERNELS(bool, uint8_t, b, PLAIN_EQ, PLAIN_LT)
COMPARE_KERNELS(i32, int32_t, i32, PLAIN_EQ, PLAIN_LT)
COMPARE_KERNELS(i64, int64_t, i64, PLAIN_EQ, PLAIN_LT)
COMPARE_KERNELS(f64, double, f64, wr_f64_eq, wr_f64_lt)
COMPARE_KERNELS(str, struct str, str, wr_str_eq, STR_LT)

#define COMPARE(symbol, id, kernel, doc, a, b, result)                                                 \
    {                                                                                                  \
        symbol, TYPE_BOOL, 2, {id, id}, FN_STRICT, kernel, doc, a " " symbol " " b, result, NULL, NULL \
    }

/* a < b in the examples */
#define COMPARE_ROWS(id, prefix, a, b)                                                                           \
    COMPARE("=", id, prefix##_eq, "Equal.", a, b, "f"), COMPARE("<>", id, prefix##_ne, "Not equal.", a, b, "t"), \
        COMPARE("<", id, prefix##_lt, "Less than.", a, b, "t"),                                                  \
        COMPARE("<=", id, prefix##_le, "Less than or equal.", a, b, "t"),                                        \
        COMPARE(">", id, prefix##_gt, "Greater than.", a, b, "f"),                                               \
        COMPARE(">=", id, prefix##_ge, "Greater than or equal.", a, b, "f")

static const struct fn rows[] = {
    COMPARE_ROWS(TYPE_BOOL, bool, "false", "true"),
    COMPARE_ROWS(TYPE_INT4, i32, "-1", "2"),
    COMPARE_ROWS(TYPE_INT8, i64, "-1::bigint", "2::bigint"),
    COMPARE_ROWS(TYPE_FLOAT8, f64, "1.5::float8", "'NaN'::float8"),
    COMPARE_ROWS(TYPE_TEXT, str, "'abc'", "'abd'::text"),
    COMPARE_ROWS(TYPE_DATE, i32, "date '2024-02-28'", "date '2024-02-29'"),
    COMPARE_ROWS(TYPE_TIMESTAMP, i64, "timestamp '2024-02-29 10:00'", "timestamp '2024-02-29 10:00:01'"),
    COMPARE_ROWS(TYPE_TIMESTAMPTZ, i64, "timestamptz '2024-02-29 10:00+02'", "timestamptz '2024-02-29 10:00+00'"),
    COMPARE_ROWS(TYPE_BYTEA, str, "'\\x00'::bytea", "'\\x01'::bytea"),
};

FAMILY(wr_fn_compare_family, rows);
