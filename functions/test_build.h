/* For the tests of functions/: build expressions the way the binder does: resolve, insert casts, wrap. */
#ifndef WEIR_FUNCTIONS_TEST_BUILD_H
#define WEIR_FUNCTIONS_TEST_BUILD_H

#include <stdlib.h>

#include "functions/agg.h"
#include "functions/fn.h"
#include "tests/check.h"

struct build {
    struct wr_arena arena;
    struct wr_error err;
};

static inline struct expr *build_int4(struct build *b, int32_t value)
{
    struct datum datum = {.type = TYPE(TYPE_INT4), .i32 = value};
    return wr_expr_const(&b->arena, &datum);
}
static inline struct expr *build_int8(struct build *b, int64_t value)
{
    struct datum datum = {.type = TYPE(TYPE_INT8), .i64 = value};
    return wr_expr_const(&b->arena, &datum);
}
static inline struct expr *build_text(struct build *b, const char *text)
{
    struct datum datum = {.type = TYPE(TYPE_TEXT), .str = wr_str_of(text)};
    return wr_expr_const(&b->arena, &datum);
}
static inline struct expr *build_null(struct build *b, uint8_t type)
{
    struct datum datum = {.type = TYPE(type), .null = true};
    return wr_expr_const(&b->arena, &datum);
}
static inline struct expr *build_col(struct build *b, uint16_t column, uint8_t type)
{
    return wr_expr_column(&b->arena, column, TYPE(type), true);
}

/* NULL: no such cast. */
static inline struct expr *build_cast(struct build *b, struct expr *expr, struct type to, enum cast_context context)
{
    bool same;
    const struct fn *fn = wr_fn_cast(expr->type, to, context, &same);
    if (same)
        return expr;
    if (!fn)
        return NULL;
    struct expr **args = WR_NEW(&b->arena, struct expr *);
    args[0] = expr;
    return wr_expr_call(&b->arena, fn, to, args, 1);
}

/* NULL: not resolved, b->err says why. */
static inline struct expr *build_calln(struct build *b, const char *name, struct expr **given, uint16_t n)
{
    struct type types[32] = {{0}}, casts[32];
    bool is_operator = !(name[0] >= 'a' && name[0] <= 'z');
    for (uint16_t i = 0; i < n; i++)
        types[i] = given[i]->type;
    const struct fn *fn = wr_fn_resolve(name, is_operator, types, n, casts, &b->err);
    if (!fn)
        return NULL;
    struct expr **args = WR_NEW_ARRAY(&b->arena, struct expr *, WR_MAX(n, 1));
    for (uint16_t i = 0; i < n; i++)
        args[i] = build_cast(b, given[i], casts[i], CAST_IMPLICIT);
    return wr_expr_call(&b->arena, fn, wr_fn_result_type(fn, casts, n), args, n);
}
static inline struct expr *build_call(struct build *b, const char *name, struct expr *x, struct expr *y)
{
    return build_calln(b, name, (struct expr *[]){x, y}, y ? 2 : x ? 1 : 0);
}
static inline struct expr *build_nary(struct build *b, enum expr_kind kind, uint16_t n, struct expr *const *given)
{
    struct expr **args = WR_NEW_ARRAY(&b->arena, struct expr *, n);
    memcpy(args, given, n * sizeof(*args));
    return wr_expr_nary(&b->arena, kind, args, n);
}
#define BUILD_NARY(b, kind, ...) \
    build_nary(b, kind, sizeof((struct expr *[]){__VA_ARGS__}) / sizeof(struct expr *), (struct expr *[]){__VA_ARGS__})

#endif
