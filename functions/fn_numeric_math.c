/* Roots, powers and logarithms of numeric, with the digits PostgreSQL gives (types/numeric.h). */
#include "functions/kernel.h"
#include "types/numeric.h"

KERNEL_NUMERIC_BINARY(numeric_power, wr_numeric_power)
KERNEL_NUMERIC_BINARY(numeric_log, wr_numeric_log)

KERNEL_NUMERIC_UNARY(numeric_sqrt, wr_numeric_sqrt)
KERNEL_NUMERIC_UNARY(numeric_exp, wr_numeric_exp)
KERNEL_NUMERIC_UNARY(numeric_ln, wr_numeric_ln)

static void numeric_log10(struct fn_call *call)
{
    struct str ten = wr_numeric_from_int64(call->arena, 10);
    struct wr_error err;
    FN_EACH(call, i)
    {
        if (!wr_numeric_log(call->arena, ten, call->args[0].str[i], &call->out->str[i], &err))
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

#define N TYPE_NUMERIC
#define TWO(name, kernel, doc, example, result)                                               \
    {                                                                                         \
        name, N, 2, {N, N}, FN_STRICT | FN_CAN_FAIL, kernel, doc, example, result, NULL, NULL \
    }
#define ONE(name, flags, kernel, doc, example, result)                                 \
    {                                                                                  \
        name, N, 1, {N}, FN_STRICT | (flags), kernel, doc, example, result, NULL, NULL \
    }

static const struct fn rows[] = {
    TWO("^", numeric_power, "Power.", "2.0 ^ 3", "8.0000000000000000"),
    TWO("power", numeric_power, "Power.", "power(2.0, 0.5)", "1.4142135623730950"),
    TWO("pow", numeric_power, "Power.", "pow(2.0, 10)", "1024.0000000000000000"),
    TWO("log", numeric_log, "Logarithm of the second argument to the first as base.", "log(2.0, 64.0)",
        "6.0000000000000000"),
    ONE("sqrt", FN_CAN_FAIL, numeric_sqrt, "Square root.", "sqrt(2.0)", "1.414213562373095"),
    ONE("exp", FN_CAN_FAIL, numeric_exp, "Exponential.", "exp(1.0)", "2.7182818284590452"),
    ONE("ln", FN_CAN_FAIL, numeric_ln, "Natural logarithm.", "ln(2.0)", "0.6931471805599453"),
    ONE("log", FN_CAN_FAIL, numeric_log10, "Logarithm to base 10.", "log(100.0)", "2.0000000000000000"),
    ONE("log10", FN_CAN_FAIL, numeric_log10, "Logarithm to base 10.", "log10(1000.0)", "3.0000000000000000"),
};

FAMILY(wr_fn_numeric_math_family, rows);
