/* Inside of functions/: templates for kernels. Each expands to two loops, one over all rows (which gcc vectorises where
 * the expression allows) and one over a selection. x and y are the arguments' values, `value` is an expression. */
#ifndef WEIR_FUNCTIONS_KERNEL_H
#define WEIR_FUNCTIONS_KERNEL_H

#include "functions/registry.h"

#define KERNEL_UNARY(name, from_type, from, to_type, to, value) \
    static void name(struct fn_call *call)                      \
    {                                                           \
        const from_type *restrict a = call->args[0].from;       \
        to_type *restrict out = call->out->to;                  \
        const uint32_t *restrict sel = call->sel;               \
        if (!sel)                                               \
            for (uint32_t i = 0; i < call->nsel; i++) {         \
                from_type x = a[i];                             \
                out[i] = (value);                               \
            }                                                   \
        else                                                    \
            for (uint32_t k = 0; k < call->nsel; k++) {         \
                from_type x = a[sel[k]];                        \
                out[sel[k]] = (value);                          \
            }                                                   \
    }

#define KERNEL_BINARY(name, from_type, from, to_type, to, value) \
    static void name(struct fn_call *call)                       \
    {                                                            \
        const from_type *a = call->args[0].from;                 \
        const from_type *b = call->args[1].from;                 \
        to_type *restrict out = call->out->to;                   \
        const uint32_t *restrict sel = call->sel;                \
        if (!sel)                                                \
            for (uint32_t i = 0; i < call->nsel; i++) {          \
                from_type x = a[i], y = b[i];                    \
                out[i] = (value);                                \
            }                                                    \
        else                                                     \
            for (uint32_t k = 0; k < call->nsel; k++) {          \
                from_type x = a[sel[k]], y = b[sel[k]];          \
                out[sel[k]] = (value);                           \
            }                                                    \
    }

/* Arithmetic that may leave the type: a first pass computes everything and only notes whether any row went wrong; the
 * rare second pass finds the rows. `wide` is a type that holds every result, `bad` tells of (x, y, r). */
#define KERNEL_CHECKED(name, ctype, field, wide, value, bad, sqlstate, message)       \
    static void name(struct fn_call *call)                                            \
    {                                                                                 \
        const ctype *a = call->args[0].field, *b = call->args[call->nargs - 1].field; \
        ctype *restrict out = call->out->field;                                       \
        const uint32_t *restrict sel = call->sel;                                     \
        ctype wrong = 0;                                                              \
        if (!sel)                                                                     \
            for (uint32_t i = 0; i < call->nsel; i++) {                               \
                ctype x = a[i], y = b[i];                                             \
                wide r = (value);                                                     \
                out[i] = (ctype)r;                                                    \
                wrong |= (bad);                                                       \
            }                                                                         \
        else                                                                          \
            for (uint32_t k = 0; k < call->nsel; k++) {                               \
                ctype x = a[sel[k]], y = b[sel[k]];                                   \
                wide r = (value);                                                     \
                out[sel[k]] = (ctype)r;                                               \
                wrong |= (bad);                                                       \
            }                                                                         \
        for (uint32_t k = 0; wrong && k < call->nsel; k++) {                          \
            uint32_t i = sel ? sel[k] : k;                                            \
            ctype x = a[i], y = b[i];                                                 \
            wide r = (value);                                                         \
            (void)x, (void)y, (void)r;                                                \
            if (bad)                                                                  \
                fn_fail(call, i, sqlstate, message);                                  \
        }                                                                             \
    }

/* Over numeric: bool operation(arena, x[, y], &result, &err), whose error is the row's. */
#define KERNEL_NUMERIC_UNARY(name, operation)                                                         \
    static void name(struct fn_call *call)                                                            \
    {                                                                                                 \
        struct wr_error err;                                                                          \
        FN_EACH(call, i)                                                                              \
        {                                                                                             \
            if (WR_UNLIKELY(!operation(call->arena, call->args[0].str[i], &call->out->str[i], &err))) \
                fn_fail(call, i, err.sqlstate, "%s", err.message);                                    \
        }                                                                                             \
    }

#define KERNEL_NUMERIC_BINARY(name, operation)                                              \
    static void name(struct fn_call *call)                                                  \
    {                                                                                       \
        const struct str *a = call->args[0].str, *b = call->args[1].str;                    \
        struct wr_error err;                                                                \
        FN_EACH(call, i)                                                                    \
        {                                                                                   \
            if (WR_UNLIKELY(!operation(call->arena, a[i], b[i], &call->out->str[i], &err))) \
                fn_fail(call, i, err.sqlstate, "%s", err.message);                          \
        }                                                                                   \
    }

/* PostgreSQL's order of doubles: NaN equals NaN and is above everything. */
static inline bool wr_f64_eq(double x, double y)
{
    return (x == y) | ((x != x) & (y != y));
}
static inline bool wr_f64_lt(double x, double y)
{
    return (x < y) | ((x == x) & (y != y));
}

#define FAMILY(name, table) const struct fn_family name = {table, WR_COUNT(table)}

#endif
