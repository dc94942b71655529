/* Arithmetic and functions of double precision, with PostgreSQL's errors: a finite computation that overflows or
 * underflows is 22003, division by zero 22012, and the functions' own domains. */
#include <math.h>

#include "functions/kernel.h"

#define OVERFLOWS  "value out of range: overflow"
#define UNDERFLOWS "value out of range: underflow"

static inline bool overflowed(double r, double x, double y)
{
    return isinf(r) && !isinf(x) && !isinf(y);
}

#define CHECKED_KERNEL(name, value, zero)                               \
    static void name(struct fn_call *call)                              \
    {                                                                   \
        const double *a = call->args[0].f64, *b = call->args[1].f64;    \
        FN_EACH(call, i)                                                \
        {                                                               \
            double x = a[i], y = b[i], r = (value);                     \
            call->out->f64[i] = r;                                      \
            if (WR_UNLIKELY(overflowed(r, x, y)))                       \
                fn_fail(call, i, ERR_NUMERIC_OUT_OF_RANGE, OVERFLOWS);  \
            else if (WR_UNLIKELY(r == 0 && (zero)))                     \
                fn_fail(call, i, ERR_NUMERIC_OUT_OF_RANGE, UNDERFLOWS); \
        }                                                               \
    }
CHECKED_KERNEL(f64_add, x + y, false)
CHECKED_KERNEL(f64_sub, x - y, false)
CHECKED_KERNEL(f64_mul, x *y, x != 0 && y != 0)

static void f64_div(struct fn_call *call)
{
    const double *a = call->args[0].f64, *b = call->args[1].f64;
    FN_EACH(call, i)
    {
        double x = a[i], y = b[i], r = y == 0 ? 0 : x / y;
        call->out->f64[i] = isnan(x) ? NAN : r;
        if (y == 0 && !isnan(x))
            fn_fail(call, i, ERR_DIVISION_BY_ZERO, "division by zero");
        else if (isinf(r) && !isinf(x))
            fn_fail(call, i, ERR_NUMERIC_OUT_OF_RANGE, OVERFLOWS);
        else if (r == 0 && x != 0 && !isnan(x) && !isinf(y))
            fn_fail(call, i, ERR_NUMERIC_OUT_OF_RANGE, UNDERFLOWS);
    }
}

KERNEL_UNARY(f64_neg, double, f64, double, f64, -x)
KERNEL_UNARY(f64_same, double, f64, double, f64, x)
KERNEL_UNARY(f64_abs, double, f64, double, f64, fabs(x))
KERNEL_UNARY(f64_round, double, f64, double, f64, rint(x))
KERNEL_UNARY(f64_trunc, double, f64, double, f64, trunc(x))
KERNEL_UNARY(f64_ceil, double, f64, double, f64, ceil(x))
KERNEL_UNARY(f64_floor, double, f64, double, f64, floor(x))
KERNEL_UNARY(f64_sign, double, f64, double, f64, x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0)

static void f64_sqrt(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        double x = call->args[0].f64[i];
        call->out->f64[i] = sqrt(x);
        if (x < 0)
            fn_fail(call, i, "2201F", "cannot take square root of a negative number");
    }
}

/* A result that a finite argument pushed out of range. */
static void check_range(struct fn_call *call, uint32_t row, double r, bool finite)
{
    if (finite && isinf(r))
        fn_fail(call, row, ERR_NUMERIC_OUT_OF_RANGE, OVERFLOWS);
    else if (finite && r == 0)
        fn_fail(call, row, ERR_NUMERIC_OUT_OF_RANGE, UNDERFLOWS);
}

static void f64_exp(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        double x = call->args[0].f64[i], r = exp(x);
        call->out->f64[i] = r;
        check_range(call, i, r, isfinite(x));
    }
}

static void log_rows(struct fn_call *call, double (*log_of)(double))
{
    FN_EACH(call, i)
    {
        double x = call->args[0].f64[i];
        call->out->f64[i] = log_of(x);
        if (x == 0)
            fn_fail(call, i, "2201E", "cannot take logarithm of zero");
        else if (x < 0)
            fn_fail(call, i, "2201E", "cannot take logarithm of a negative number");
    }
}

static void f64_ln(struct fn_call *call)
{
    log_rows(call, log);
}

static void f64_log10(struct fn_call *call)
{
    log_rows(call, log10);
}

static void power_row(struct fn_call *call, uint32_t i, double x, double y)
{
    double r = pow(x, y);
    call->out->f64[i] = r;
    if (x == 0 && y < 0)
        fn_fail(call, i, "2201F", "zero raised to a negative power is undefined");
    else if (x < 0 && !isnan(y) && floor(y) != y)
        fn_fail(call, i, "2201F", "a negative number raised to a non-integer power yields a complex result");
    else if (isfinite(x) && isfinite(y) && x != 0)
        check_range(call, i, r, true);
}

static void f64_power(struct fn_call *call)
{
    FN_EACH(call, i)
    power_row(call, i, call->args[0].f64[i], call->args[1].f64[i]);
}

#define F  TYPE_FLOAT8
#define D8 "::float8"
#define TWO(name, flags, kernel, doc, example, result)                                    \
    {                                                                                     \
        name, F, 2, {F, F}, FN_STRICT | (flags), kernel, doc, example, result, NULL, NULL \
    }
#define ONE(name, flags, kernel, doc, example, result)                                 \
    {                                                                                  \
        name, F, 1, {F}, FN_STRICT | (flags), kernel, doc, example, result, NULL, NULL \
    }

static const struct fn rows[] = {
    TWO("+", FN_CAN_FAIL, f64_add, "Sum.", "1.5::float8 + 0.25::float8", "1.75"),
    TWO("-", FN_CAN_FAIL, f64_sub, "Difference.", "1.5::float8 - 0.25::float8", "1.25"),
    TWO("*", FN_CAN_FAIL, f64_mul, "Product.", "1.5::float8 * 2::float8", "3"),
    TWO("/", FN_CAN_FAIL, f64_div, "Quotient.", "1::float8 / 3::float8", "0.3333333333333333"),
    TWO("^", FN_CAN_FAIL, f64_power, "Power.", "2::float8 ^ 0.5::float8", "1.4142135623730951"),
    TWO("power", FN_CAN_FAIL, f64_power, "Power.", "power(2::float8, 10::float8)", "1024"),
    TWO("pow", FN_CAN_FAIL, f64_power, "Power.", "pow(2::float8, -1::float8)", "0.5"),
    ONE("-", 0, f64_neg, "Negation.", "- (1.5::float8)", "-1.5"),
    ONE("+", 0, f64_same, "The number itself.", "+ (1.5::float8)", "1.5"),
    ONE("abs", 0, f64_abs, "Absolute value.", "abs(-1.5::float8)", "1.5"),
    ONE("@", 0, f64_abs, "Absolute value.", "@ (-1.5::float8)", "1.5"),
    ONE("round", 0, f64_round, "Nearest whole number, ties to even.", "round(2.5::float8)", "2"),
    ONE("trunc", 0, f64_trunc, "Whole part, towards zero.", "trunc(-2.7::float8)", "-2"),
    ONE("ceil", 0, f64_ceil, "Smallest whole number not below.", "ceil(2.1::float8)", "3"),
    ONE("ceiling", 0, f64_ceil, "Smallest whole number not below.", "ceiling(-2.1::float8)", "-2"),
    ONE("floor", 0, f64_floor, "Largest whole number not above.", "floor(-2.1::float8)", "-3"),
    ONE("sign", 0, f64_sign, "-1, 0 or 1.", "sign(-2.1::float8)", "-1"),
    ONE("sqrt", FN_CAN_FAIL, f64_sqrt, "Square root.", "sqrt(2::float8)", "1.4142135623730951"),
    ONE("exp", FN_CAN_FAIL, f64_exp, "Exponential.", "exp(1::float8)", "2.718281828459045"),
    ONE("ln", FN_CAN_FAIL, f64_ln, "Natural logarithm.", "ln(2::float8)", "0.6931471805599453"),
    ONE("log", FN_CAN_FAIL, f64_log10, "Logarithm to base 10.", "log(100::float8)", "2"),
    ONE("log10", FN_CAN_FAIL, f64_log10, "Logarithm to base 10.", "log10(1000::float8)", "3"),
};

FAMILY(wr_fn_float_family, rows);
