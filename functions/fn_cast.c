/* Casts between types of flat values: integers, double, boolean. (Dates: fn_cast_datetime.c; numeric:
 * fn_cast_numeric.c; text: fn_cast_text.c.) */
#include <math.h>

#include "functions/kernel.h"

KERNEL_UNARY(i32_to_i64, int32_t, i32, int64_t, i64, x)
KERNEL_UNARY(i32_to_f64, int32_t, i32, double, f64, x)
KERNEL_UNARY(i64_to_f64, int64_t, i64, double, f64, (double)x)
KERNEL_UNARY(i32_to_bool, int32_t, i32, uint8_t, b, x != 0)
KERNEL_UNARY(bool_to_i32, uint8_t, b, int32_t, i32, x)

static void i64_to_i32(struct fn_call *call)
{
    const int64_t *a = call->args[0].i64;
    FN_EACH(call, i)
    {
        call->out->i32[i] = (int32_t)a[i];
        if (WR_UNLIKELY(a[i] != (int32_t)a[i]))
            fn_fail(call, i, ERR_NUMERIC_OUT_OF_RANGE, "integer out of range");
    }
}

/* Round half to even, then check: the upper bound itself is not a double, so the test is "below 2^n". */
static void f64_to_i32(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        double x = rint(call->args[0].f64[i]);
        if (WR_LIKELY(x >= -0x1p31 && x < 0x1p31))
            call->out->i32[i] = (int32_t)x;
        else
            fn_fail(call, i, ERR_NUMERIC_OUT_OF_RANGE, "integer out of range");
    }
}

static void f64_to_i64(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        double x = rint(call->args[0].f64[i]);
        if (WR_LIKELY(x >= -0x1p63 && x < 0x1p63))
            call->out->i64[i] = (int64_t)x;
        else
            fn_fail(call, i, ERR_NUMERIC_OUT_OF_RANGE, "bigint out of range");
    }
}

#define CAST(from, to, flags, kernel, example, result)                                                 \
    {                                                                                                  \
        "cast", to, 1, {from}, FN_STRICT | (flags), kernel, "Conversion.", example, result, NULL, NULL \
    }

static const struct fn rows[] = {
    CAST(TYPE_INT4, TYPE_INT8, FN_IMPLICIT_CAST | FN_MONOTONE, i32_to_i64, "7::bigint", "7"),
    CAST(TYPE_INT4, TYPE_FLOAT8, FN_IMPLICIT_CAST | FN_MONOTONE, i32_to_f64, "7::float8", "7"),
    CAST(TYPE_INT4, TYPE_BOOL, 0, i32_to_bool, "7::boolean", "t"),
    CAST(TYPE_INT8, TYPE_INT4, FN_ASSIGNMENT_CAST | FN_CAN_FAIL | FN_MONOTONE, i64_to_i32, "7::bigint::int", "7"),
    CAST(TYPE_INT8, TYPE_FLOAT8, FN_IMPLICIT_CAST | FN_MONOTONE, i64_to_f64, "7::bigint::float8", "7"),
    CAST(TYPE_FLOAT8, TYPE_INT4, FN_ASSIGNMENT_CAST | FN_CAN_FAIL | FN_MONOTONE, f64_to_i32, "2.5::float8::int", "2"),
    CAST(TYPE_FLOAT8, TYPE_INT8, FN_ASSIGNMENT_CAST | FN_CAN_FAIL | FN_MONOTONE, f64_to_i64, "3.5::float8::bigint",
         "4"),
    CAST(TYPE_BOOL, TYPE_INT4, 0, bool_to_i32, "true::int", "1"),
};

FAMILY(wr_fn_cast_family, rows);
