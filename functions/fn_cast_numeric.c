/* Casts of numeric, numeric(p,s) among them: the target's typmod is in the call's expression. */
#include "functions/kernel.h"
#include "types/numeric.h"

static void fail(struct fn_call *call, uint32_t row, const struct wr_error *err)
{
    fn_fail(call, row, err->sqlstate, "%s", err->message);
}

/* Round to the target's scale, if it has one. */
static void put_numeric(struct fn_call *call, uint32_t row, struct str value)
{
    struct wr_error err;
    struct type type = call->expr->type;
    if (type.precision <= 0)
        call->out->str[row] = value;
    else if (!wr_numeric_apply_typmod(call->arena, value, type, &call->out->str[row], &err))
        fail(call, row, &err);
}

static void numeric_to_numeric(struct fn_call *call)
{
    FN_EACH(call, i)
    put_numeric(call, i, call->args[0].str[i]);
}

static void i32_to_numeric(struct fn_call *call)
{
    FN_EACH(call, i)
    put_numeric(call, i, wr_numeric_from_int64(call->arena, call->args[0].i32[i]));
}

static void i64_to_numeric(struct fn_call *call)
{
    FN_EACH(call, i)
    put_numeric(call, i, wr_numeric_from_int64(call->arena, call->args[0].i64[i]));
}

static void f64_to_numeric(struct fn_call *call)
{
    FN_EACH(call, i)
    put_numeric(call, i, wr_numeric_from_double(call->arena, call->args[0].f64[i]));
}

#define FROM_NUMERIC(name, convert, field)                                  \
    static void name(struct fn_call *call)                                  \
    {                                                                       \
        struct wr_error err;                                                \
        FN_EACH(call, i)                                                    \
        {                                                                   \
            if (!convert(call->args[0].str[i], &call->out->field[i], &err)) \
                fail(call, i, &err);                                        \
        }                                                                   \
    }
FROM_NUMERIC(numeric_to_i32, wr_numeric_to_int32, i32)
FROM_NUMERIC(numeric_to_i64, wr_numeric_to_int64, i64)
FROM_NUMERIC(numeric_to_f64, wr_numeric_to_double, f64)

#define N TYPE_NUMERIC
#define CAST(from, to, flags, kernel, example, result)                                                               \
    {                                                                                                                \
        "cast", to, 1, {from}, FN_STRICT | FN_CAN_FAIL | (flags), kernel, "Conversion.", example, result, NULL, NULL \
    }

static const struct fn rows[] = {
    CAST(N, N, FN_IMPLICIT_CAST | FN_MONOTONE, numeric_to_numeric, "1.255::numeric(5,2)", "1.26"),
    CAST(TYPE_INT4, N, FN_IMPLICIT_CAST | FN_MONOTONE, i32_to_numeric, "7::numeric", "7"),
    CAST(TYPE_INT8, N, FN_IMPLICIT_CAST | FN_MONOTONE, i64_to_numeric, "7::bigint::numeric(5,1)", "7.0"),
    CAST(TYPE_FLOAT8, N, FN_ASSIGNMENT_CAST | FN_MONOTONE, f64_to_numeric, "0.1::float8::numeric", "0.1"),
    CAST(N, TYPE_INT4, FN_ASSIGNMENT_CAST | FN_MONOTONE, numeric_to_i32, "2.5::int", "3"),
    CAST(N, TYPE_INT8, FN_ASSIGNMENT_CAST | FN_MONOTONE, numeric_to_i64, "-2.5::bigint", "-3"),
    CAST(N, TYPE_FLOAT8, FN_IMPLICIT_CAST | FN_MONOTONE, numeric_to_f64, "2.5::float8", "2.5"),
};

FAMILY(wr_fn_cast_numeric_family, rows);
