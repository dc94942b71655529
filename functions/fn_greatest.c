/* greatest, least: variadic, NULL arguments are skipped, NULL only if all are. */
#include "functions/kernel.h"

/* Start from the first argument; replace where the row is NULL or the next value is better. */
#define EXTREME_KERNEL(name, ctype, field, better)            \
    static void name(struct fn_call *call)                    \
    {                                                         \
        ctype *out = call->out->field;                        \
        FN_EACH(call, i)                                      \
        {                                                     \
            bool found = false;                               \
            for (uint16_t a = 0; a < call->nargs; a++) {      \
                if (wr_is_null(&call->args[a], i))            \
                    continue;                                 \
                ctype x = call->args[a].field[i], y = out[i]; \
                if (!found || (better))                       \
                    out[i] = x;                               \
                found = true;                                 \
            }                                                 \
            if (!found)                                       \
                fn_null(call, i);                             \
        }                                                     \
    }

EXTREME_KERNEL(bool_greatest, uint8_t, b, x > y)
EXTREME_KERNEL(bool_least, uint8_t, b, x < y)
EXTREME_KERNEL(i32_greatest, int32_t, i32, x > y)
EXTREME_KERNEL(i32_least, int32_t, i32, x < y)
EXTREME_KERNEL(i64_greatest, int64_t, i64, x > y)
EXTREME_KERNEL(i64_least, int64_t, i64, x < y)
EXTREME_KERNEL(f64_greatest, double, f64, wr_f64_lt(y, x))
EXTREME_KERNEL(f64_least, double, f64, wr_f64_lt(x, y))
EXTREME_KERNEL(str_greatest, struct str, str, wr_str_cmp(x, y) > 0)
EXTREME_KERNEL(str_least, struct str, str, wr_str_cmp(x, y) < 0)

#define EXTREME_ROWS(id, prefix, a, b, low, high)                                                        \
    {"greatest",                                                                                         \
     id,                                                                                                 \
     1,                                                                                                  \
     {id},                                                                                               \
     FN_VARIADIC,                                                                                        \
     prefix##_greatest,                                                                                  \
     "Largest of the arguments, NULLs left out.",                                                        \
     "greatest(" a ", NULL, " b ")",                                                                     \
     high,                                                                                               \
     NULL,                                                                                               \
     NULL},                                                                                              \
    {                                                                                                    \
        "least", id, 1, {id}, FN_VARIADIC, prefix##_least, "Smallest of the arguments, NULLs left out.", \
            "least(" a ", NULL, " b ")", low, NULL, NULL                                                 \
    }

static const struct fn rows[] = {
    EXTREME_ROWS(TYPE_BOOL, bool, "false", "true", "f", "t"),
    EXTREME_ROWS(TYPE_INT4, i32, "1", "2", "1", "2"),
    EXTREME_ROWS(TYPE_INT8, i64, "1::bigint", "2::bigint", "1", "2"),
    EXTREME_ROWS(TYPE_FLOAT8, f64, "1.5::float8", "'NaN'::float8", "1.5", "NaN"),
    EXTREME_ROWS(TYPE_TEXT, str, "'a'::text", "'b'::text", "a", "b"),
    EXTREME_ROWS(TYPE_DATE, i32, "date '2024-01-01'", "date '2024-01-02'", "2024-01-01", "2024-01-02"),
    EXTREME_ROWS(TYPE_TIMESTAMP, i64, "timestamp '2024-01-01'", "timestamp '2024-01-02'", "2024-01-01 00:00:00",
                 "2024-01-02 00:00:00"),
    EXTREME_ROWS(TYPE_TIMESTAMPTZ, i64, "timestamptz '2024-01-01+00'", "timestamptz '2024-01-02+00'",
                 "2024-01-01 00:00:00+00", "2024-01-02 00:00:00+00"),
    EXTREME_ROWS(TYPE_BYTEA, str, "'\\x01'::bytea", "'\\x02'::bytea", "\\x01", "\\x02"),
};

FAMILY(wr_fn_greatest_family, rows);
