/* Functions of numeric: comparison, arithmetic, rounding. The mathematics is in types/numeric.h. */
#include "functions/kernel.h"
#include "types/numeric.h"

static bool numeric_same(struct str x, struct str y)
{
    return wr_str_eq(x, y) || wr_numeric_cmp(x, y) == 0; /* equal bytes are equal; different ones may be */
}

KERNEL_BINARY(numeric_eq, struct str, str, uint8_t, b, numeric_same(x, y))
KERNEL_BINARY(numeric_ne, struct str, str, uint8_t, b, !numeric_same(x, y))
KERNEL_BINARY(numeric_lt, struct str, str, uint8_t, b, wr_numeric_cmp(x, y) < 0)
KERNEL_BINARY(numeric_le, struct str, str, uint8_t, b, wr_numeric_cmp(x, y) <= 0)
KERNEL_BINARY(numeric_gt, struct str, str, uint8_t, b, wr_numeric_cmp(x, y) > 0)
KERNEL_BINARY(numeric_ge, struct str, str, uint8_t, b, wr_numeric_cmp(x, y) >= 0)

static void extreme(struct fn_call *call, int wanted)
{
    FN_EACH(call, i)
    {
        bool found = false;
        for (uint16_t a = 0; a < call->nargs; a++) {
            if (wr_is_null(&call->args[a], i))
                continue;
            struct str x = call->args[a].str[i];
            if (!found || wr_numeric_cmp(x, call->out->str[i]) * wanted > 0)
                call->out->str[i] = x;
            found = true;
        }
        if (!found)
            fn_null(call, i);
    }
}

static void numeric_greatest(struct fn_call *call)
{
    extreme(call, 1);
}

static void numeric_least(struct fn_call *call)
{
    extreme(call, -1);
}

KERNEL_NUMERIC_BINARY(numeric_add, wr_numeric_add)
KERNEL_NUMERIC_BINARY(numeric_sub, wr_numeric_sub)
KERNEL_NUMERIC_BINARY(numeric_mul, wr_numeric_mul)
KERNEL_NUMERIC_BINARY(numeric_div, wr_numeric_div)
KERNEL_NUMERIC_BINARY(numeric_mod, wr_numeric_mod)
KERNEL_NUMERIC_BINARY(numeric_div_trunc, wr_numeric_div_trunc)

KERNEL_NUMERIC_UNARY(numeric_ceil, wr_numeric_ceil)
KERNEL_NUMERIC_UNARY(numeric_floor, wr_numeric_floor)

KERNEL_UNARY(numeric_neg, struct str, str, struct str, str, wr_numeric_neg(call->arena, x))
KERNEL_UNARY(numeric_same_value, struct str, str, struct str, str, x)
KERNEL_UNARY(numeric_abs, struct str, str, struct str, str, wr_numeric_abs(call->arena, x))
KERNEL_UNARY(numeric_sign, struct str, str, struct str, str, wr_numeric_signum(call->arena, x))

typedef bool digits_operation(struct wr_arena *arena, struct str value, int32_t digits, struct str *out,
                              struct wr_error *err);

static void to_digits(struct fn_call *call, digits_operation *operation)
{
    struct wr_error err;
    FN_EACH(call, i)
    {
        int32_t digits = call->nargs > 1 ? call->args[1].i32[i] : 0;
        if (!operation(call->arena, call->args[0].str[i], digits, &call->out->str[i], &err))
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

static void numeric_round(struct fn_call *call)
{
    to_digits(call, wr_numeric_round);
}

static void numeric_trunc(struct fn_call *call)
{
    to_digits(call, wr_numeric_trunc);
}

#define N TYPE_NUMERIC
#define COMPARE(symbol, kernel, doc, result)                                                            \
    {                                                                                                   \
        symbol, TYPE_BOOL, 2, {N, N}, FN_STRICT, kernel, doc, "1.5 " symbol " 1.50", result, NULL, NULL \
    }
#define TWO(name, kernel, doc, example, result)                                               \
    {                                                                                         \
        name, N, 2, {N, N}, FN_STRICT | FN_CAN_FAIL, kernel, doc, example, result, NULL, NULL \
    }
#define ONE(name, flags, kernel, doc, example, result)                                 \
    {                                                                                  \
        name, N, 1, {N}, FN_STRICT | (flags), kernel, doc, example, result, NULL, NULL \
    }
#define DIGITS(name, kernel, doc, example, result)                                                    \
    {                                                                                                 \
        name, N, 2, {N, TYPE_INT4}, FN_STRICT | FN_CAN_FAIL, kernel, doc, example, result, NULL, NULL \
    }
#define EXTREME(name, kernel, doc, example, result)                            \
    {                                                                          \
        name, N, 1, {N}, FN_VARIADIC, kernel, doc, example, result, NULL, NULL \
    }

static const struct fn rows[] = {
    COMPARE("=", numeric_eq, "Equal.", "t"),
    COMPARE("<>", numeric_ne, "Not equal.", "f"),
    COMPARE("<", numeric_lt, "Less than.", "f"),
    COMPARE("<=", numeric_le, "Less than or equal.", "t"),
    COMPARE(">", numeric_gt, "Greater than.", "f"),
    COMPARE(">=", numeric_ge, "Greater than or equal.", "t"),
    EXTREME("greatest", numeric_greatest, "Largest of the arguments, NULLs left out.", "greatest(1.5, NULL, 2.25)",
            "2.25"),
    EXTREME("least", numeric_least, "Smallest of the arguments, NULLs left out.", "least(1.5, NULL, 2.25)", "1.5"),
    TWO("+", numeric_add, "Sum.", "1.50 + 2.5", "4.00"),
    TWO("-", numeric_sub, "Difference.", "1.5 - 2.25", "-0.75"),
    TWO("*", numeric_mul, "Product.", "1.5 * 2.25", "3.375"),
    TWO("/", numeric_div, "Quotient.", "10.0 / 3", "3.3333333333333333"),
    TWO("%", numeric_mod, "Remainder, with the dividend's sign.", "-7.5 % 2", "-1.5"),
    TWO("mod", numeric_mod, "Remainder, with the dividend's sign.", "mod(7.5, 2)", "1.5"),
    TWO("div", numeric_div_trunc, "Whole quotient, cut towards zero.", "div(7.5, 2)", "3"),
    ONE("-", 0, numeric_neg, "Negation.", "- 1.50", "-1.50"),
    ONE("+", 0, numeric_same_value, "The number itself.", "+ 1.50", "1.50"),
    ONE("abs", 0, numeric_abs, "Absolute value.", "abs(-1.50)", "1.50"),
    ONE("@", 0, numeric_abs, "Absolute value.", "@ (-1.50)", "1.50"),
    ONE("sign", 0, numeric_sign, "-1, 0 or 1.", "sign(-1.50)", "-1"),
    ONE("ceil", FN_CAN_FAIL, numeric_ceil, "Smallest whole number not below.", "ceil(1.01)", "2"),
    ONE("ceiling", FN_CAN_FAIL, numeric_ceil, "Smallest whole number not below.", "ceiling(-1.5)", "-1"),
    ONE("floor", FN_CAN_FAIL, numeric_floor, "Largest whole number not above.", "floor(-1.5)", "-2"),
    ONE("round", FN_CAN_FAIL, numeric_round, "Nearest whole number, ties away from zero.", "round(2.5)", "3"),
    ONE("trunc", FN_CAN_FAIL, numeric_trunc, "Whole part, towards zero.", "trunc(-2.7)", "-2"),
    DIGITS("round", numeric_round, "Rounded to so many digits after the point.", "round(2.345, 2)", "2.35"),
    DIGITS("trunc", numeric_trunc, "Cut after so many digits.", "trunc(-2.345, 2)", "-2.34"),
};

FAMILY(wr_fn_numeric_family, rows);
