/* Arithmetic of integer and bigint. Overflow is 22003, division by zero 22012; the smallest value divided by -1
 * overflows, its remainder is 0. */
#include "functions/kernel.h"

#define INT_RANGE "integer out of range"
#define BIG_RANGE "bigint out of range"
#define DIV_ZERO  "division by zero"

/* Signs tell of overflow: x + y wraps only if both have the sign that r has not. */
KERNEL_CHECKED(i32_add, int32_t, i32, int32_t, (int32_t)((uint32_t)x + (uint32_t)y), ((x ^ r) & (y ^ r)) < 0,
               ERR_NUMERIC_OUT_OF_RANGE, INT_RANGE)
KERNEL_CHECKED(i32_sub, int32_t, i32, int32_t, (int32_t)((uint32_t)x - (uint32_t)y), ((x ^ y) & (x ^ r)) < 0,
               ERR_NUMERIC_OUT_OF_RANGE, INT_RANGE)
KERNEL_CHECKED(i32_mul, int32_t, i32, int64_t, (int64_t)x *y, r != (int32_t)r, ERR_NUMERIC_OUT_OF_RANGE, INT_RANGE)

KERNEL_CHECKED(i64_add, int64_t, i64, int64_t, (int64_t)((uint64_t)x + (uint64_t)y), ((x ^ r) & (y ^ r)) < 0,
               ERR_NUMERIC_OUT_OF_RANGE, BIG_RANGE)
KERNEL_CHECKED(i64_sub, int64_t, i64, int64_t, (int64_t)((uint64_t)x - (uint64_t)y), ((x ^ y) & (x ^ r)) < 0,
               ERR_NUMERIC_OUT_OF_RANGE, BIG_RANGE)
KERNEL_CHECKED(i64_mul, int64_t, i64, wr_i128, (wr_i128)x *y, r != (int64_t)r, ERR_NUMERIC_OUT_OF_RANGE, BIG_RANGE)

KERNEL_CHECKED(i32_neg, int32_t, i32, int32_t, (int32_t)(0u - (uint32_t)x), (y == INT32_MIN) & (r == INT32_MIN),
               ERR_NUMERIC_OUT_OF_RANGE, INT_RANGE)
KERNEL_CHECKED(i64_neg, int64_t, i64, int64_t, (int64_t)(0ull - (uint64_t)x), (y == INT64_MIN) & (r == INT64_MIN),
               ERR_NUMERIC_OUT_OF_RANGE, BIG_RANGE)
KERNEL_CHECKED(i32_abs, int32_t, i32, int32_t, x < 0 ? (int32_t)(0u - (uint32_t)x) : x,
               (y == INT32_MIN) & (r == INT32_MIN), ERR_NUMERIC_OUT_OF_RANGE, INT_RANGE)
KERNEL_CHECKED(i64_abs, int64_t, i64, int64_t, x < 0 ? (int64_t)(0ull - (uint64_t)x) : x,
               (y == INT64_MIN) & (r == INT64_MIN), ERR_NUMERIC_OUT_OF_RANGE, BIG_RANGE)
KERNEL_UNARY(i32_same, int32_t, i32, int32_t, i32, x)
KERNEL_UNARY(i64_same, int64_t, i64, int64_t, i64, x)

#define DIV_KERNELS(prefix, ctype, field, min, range)                   \
    static void prefix##_div(struct fn_call *call)                      \
    {                                                                   \
        const ctype *a = call->args[0].field, *b = call->args[1].field; \
        FN_EACH(call, i)                                                \
        {                                                               \
            if (b[i] == 0)                                              \
                fn_fail(call, i, ERR_DIVISION_BY_ZERO, DIV_ZERO);       \
            else if (b[i] == -1 && a[i] == (min))                       \
                fn_fail(call, i, ERR_NUMERIC_OUT_OF_RANGE, range);      \
            else                                                        \
                call->out->field[i] = a[i] / b[i];                      \
        }                                                               \
    }                                                                   \
    static void prefix##_mod(struct fn_call *call)                      \
    {                                                                   \
        const ctype *a = call->args[0].field, *b = call->args[1].field; \
        FN_EACH(call, i)                                                \
        {                                                               \
            if (b[i] == 0)                                              \
                fn_fail(call, i, ERR_DIVISION_BY_ZERO, DIV_ZERO);       \
            else                                                        \
                call->out->field[i] = b[i] == -1 ? 0 : a[i] % b[i];     \
        }                                                               \
    }
DIV_KERNELS(i32, int32_t, i32, INT32_MIN, INT_RANGE)
DIV_KERNELS(i64, int64_t, i64, INT64_MIN, BIG_RANGE)

KERNEL_BINARY(i32_and, int32_t, i32, int32_t, i32, x &y)
KERNEL_BINARY(i32_or, int32_t, i32, int32_t, i32, x | y)
KERNEL_BINARY(i64_and, int64_t, i64, int64_t, i64, x &y)
KERNEL_BINARY(i64_or, int64_t, i64, int64_t, i64, x | y)

/* Division by a constant other than 0 and -1 (the least integer has no negative). */
bool wr_fn_int_is_total(const struct expr *call)
{
    const struct expr *divisor = call->nargs == 2 ? call->args[1] : NULL;
    bool divides = !strcmp(call->fn->name, "/") || !strcmp(call->fn->name, "%") || !strcmp(call->fn->name, "mod");
    if (!divides || !divisor || divisor->kind != EXPR_CONST || divisor->value.null)
        return false;
    int64_t value = divisor->type.id == TYPE_INT4 ? divisor->value.i32 : divisor->value.i64;
    return value != 0 && value != -1;
}

#define TWO(symbol, id, flags, kernel, doc, example, result)                                   \
    {                                                                                          \
        symbol, id, 2, {id, id}, FN_STRICT | (flags), kernel, doc, example, result, NULL, NULL \
    }
#define ONE(name, id, flags, kernel, doc, example, result)                               \
    {                                                                                    \
        name, id, 1, {id}, FN_STRICT | (flags), kernel, doc, example, result, NULL, NULL \
    }

#define INT_ROWS(id, prefix, big)                                                                                     \
    TWO("+", id, FN_CAN_FAIL, prefix##_add, "Sum.", "7" big " + 2", "9"),                                             \
        TWO("-", id, FN_CAN_FAIL, prefix##_sub, "Difference.", "7" big " - 2", "5"),                                  \
        TWO("*", id, FN_CAN_FAIL, prefix##_mul, "Product.", "7" big " * 2", "14"),                                    \
        TWO("/", id, FN_CAN_FAIL, prefix##_div, "Quotient, cut towards zero.", "-7" big " / 2", "-3"),                \
        TWO("%", id, FN_CAN_FAIL, prefix##_mod, "Remainder, with the dividend's sign.", "-7" big " % 4", "-3"),       \
        TWO("mod", id, FN_CAN_FAIL, prefix##_mod, "Remainder, with the dividend's sign.", "mod(-7" big ", 4)", "-3"), \
        TWO("&", id, 0, prefix##_and, "Bitwise and.", "6" big " & 3", "2"),                                           \
        TWO("|", id, 0, prefix##_or, "Bitwise or.", "6" big " | 3", "7"),                                             \
        ONE("-", id, FN_CAN_FAIL, prefix##_neg, "Negation.", "- 7" big, "-7"),                                        \
        ONE("+", id, 0, prefix##_same, "The number itself.", "+ 7" big, "7"),                                         \
        ONE("abs", id, FN_CAN_FAIL, prefix##_abs, "Absolute value.", "abs(-7" big ")", "7"),                          \
        ONE("@", id, FN_CAN_FAIL, prefix##_abs, "Absolute value.", "@ (-7" big ")", "7")

static const struct fn rows[] = {
    INT_ROWS(TYPE_INT4, i32, ""),
    INT_ROWS(TYPE_INT8, i64, "::bigint"),
};

FAMILY(wr_fn_int_family, rows);
