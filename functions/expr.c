/* Expression nodes: making, comparing, copying with other columns, and the questions passes ask.
 * Text for EXPLAIN is made in expr_print.c. */
#include "functions/expr.h"

#include "functions/fn.h"

static struct expr *new_expr(struct wr_arena *arena, enum expr_kind kind, struct type type)
{
    struct expr *expr = WR_NEW(arena, struct expr);
    expr->kind = (uint8_t)kind;
    expr->type = type;
    expr->nullable = true;
    expr->location = -1;
    return expr;
}

struct expr *wr_expr_column(struct wr_arena *arena, uint16_t column, struct type type, bool nullable)
{
    struct expr *expr = new_expr(arena, EXPR_COLUMN, type);
    expr->column = column;
    expr->nullable = nullable;
    return expr;
}

struct expr *wr_expr_const(struct wr_arena *arena, const struct datum *value)
{
    struct expr *expr = new_expr(arena, EXPR_CONST, value->type);
    expr->value = *value;
    expr->nullable = value->null;
    if (wr_type_info(value->type.id)->phys == PHYS_STR && !value->null)
        expr->value.str.data = wr_arena_strndup(arena, value->str.len ? value->str.data : "", value->str.len);
    return expr;
}

static bool any_nullable(struct expr *const *args, uint16_t nargs)
{
    for (uint16_t i = 0; i < nargs; i++)
        if (args[i]->nullable)
            return true;
    return false;
}

struct expr *wr_expr_call(struct wr_arena *arena, const struct fn *fn, struct type type, struct expr **args,
                          uint16_t nargs)
{
    struct expr *expr = new_expr(arena, EXPR_CALL, type);
    bool total = (fn->flags & FN_STRICT) && !(fn->flags & (FN_CAN_FAIL | FN_MAY_NULL));
    expr->fn = fn;
    expr->args = args;
    expr->nargs = nargs;
    expr->nullable = !total || any_nullable(args, nargs);
    return expr;
}

/* CASE is NULL-free when every result and an ELSE are. */
static bool case_nullable(struct expr *const *args, uint16_t nargs)
{
    if (nargs % 2 == 0 || args[nargs - 1]->nullable)
        return true;
    for (uint16_t i = 1; i < nargs; i += 2)
        if (args[i]->nullable)
            return true;
    for (uint16_t i = 0; i + 1 < nargs; i += 2)
        if (wr_expr_can_fail(args[i]))
            return true;
    return false;
}

/* COALESCE is NULL-free when one argument is, and none before it can fail. */
static bool coalesce_nullable(struct expr *const *args, uint16_t nargs)
{
    for (uint16_t i = 0; i < nargs && !wr_expr_can_fail(args[i]); i++)
        if (!args[i]->nullable)
            return false;
    return true;
}

static bool any_null(const struct datum *items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (items[i].null)
            return true;
    return false;
}

static bool nary_nullable(const struct expr *expr)
{
    switch (expr->kind) {
    case EXPR_IN_LIST:
        return expr->args[0]->nullable || wr_expr_can_fail(expr) || any_null(expr->items, expr->nitems);
    case EXPR_CASE:
        return case_nullable(expr->args, expr->nargs);
    case EXPR_COALESCE:
        return coalesce_nullable(expr->args, expr->nargs);
    case EXPR_IS_NULL:
    case EXPR_IS_BOOL:
    case EXPR_IS_DISTINCT:
        return wr_expr_can_fail(expr);
    default:
        return any_nullable(expr->args, expr->nargs) || wr_expr_can_fail(expr);
    }
}

struct expr *wr_expr_nary(struct wr_arena *arena, enum expr_kind kind, struct expr **args, uint16_t nargs)
{
    struct type type = TYPE(TYPE_BOOL);
    if (kind == EXPR_COALESCE)
        type = args[0]->type;
    else if (kind == EXPR_CASE)
        type = args[1]->type;
    struct expr *expr = new_expr(arena, kind, type);
    expr->args = args;
    expr->nargs = nargs;
    expr->nullable = nary_nullable(expr);
    return expr;
}

struct expr *wr_expr_in_list(struct wr_arena *arena, const struct fn *equality, struct expr *arg,
                             const struct datum *items, uint32_t n, bool negated)
{
    struct expr *expr = new_expr(arena, EXPR_IN_LIST, TYPE(TYPE_BOOL));
    expr->args = WR_NEW(arena, struct expr *);
    expr->args[0] = arg;
    expr->nargs = 1;
    expr->fn = equality;
    expr->negated = negated;
    expr->items = items;
    expr->nitems = n;
    expr->nullable = nary_nullable(expr);
    return expr;
}

static bool same_value(const struct datum *a, const struct datum *b)
{
    if (!wr_type_same(a->type, b->type) || a->null != b->null)
        return false;
    if (a->null)
        return true;
    switch (wr_type_info(a->type.id)->phys) {
    case PHYS_BOOL:
        return a->b == b->b;
    case PHYS_I32:
        return a->i32 == b->i32;
    case PHYS_STR:
        return wr_str_eq(a->str, b->str);
    default:
        return a->i64 == b->i64; /* doubles by bits */
    }
}

static bool same_items(const struct expr *a, const struct expr *b)
{
    if (a->nitems != b->nitems)
        return false;
    for (uint32_t i = 0; i < a->nitems && a->items != b->items; i++)
        if (!same_value(&a->items[i], &b->items[i]))
            return false;
    return true;
}

bool wr_expr_equal(const struct expr *a, const struct expr *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->negated != b->negated || a->bool_test != b->bool_test || a->nargs != b->nargs ||
        a->fn != b->fn || a->column != b->column || a->param != b->param || !wr_type_same(a->type, b->type))
        return false;
    if ((a->kind == EXPR_CONST && !same_value(&a->value, &b->value)) || !same_items(a, b))
        return false;
    for (uint16_t i = 0; i < a->nargs; i++)
        if (!wr_expr_equal(a->args[i], b->args[i]))
            return false;
    return true;
}

/* How a copy treats columns: exactly one of the two is set. */
struct column_map {
    struct expr *const *exprs;
    const uint16_t *numbers;
};

static const struct datum *copy_items(struct wr_arena *arena, const struct expr *expr)
{
    struct datum *items = WR_NEW_ARRAY(arena, struct datum, expr->nitems);
    bool text = wr_type_info(expr->args[0]->type.id)->phys == PHYS_STR;
    memcpy(items, expr->items, expr->nitems * sizeof *items);
    for (uint32_t i = 0; i < expr->nitems; i++)
        if (text && !items[i].null)
            items[i].str.data = wr_arena_strndup(arena, items[i].str.data, items[i].str.len);
    return items;
}

static struct expr *copy_expr(struct wr_arena *arena, const struct expr *expr, const struct column_map *map)
{
    if (expr->kind == EXPR_COLUMN && map && map->exprs)
        return copy_expr(arena, map->exprs[expr->column], NULL);
    struct expr *copy = WR_NEW(arena, struct expr);
    *copy = *expr;
    if (expr->kind == EXPR_COLUMN && map)
        copy->column = map->numbers[expr->column];
    if (expr->kind == EXPR_CONST && !expr->value.null && wr_type_info(expr->type.id)->phys == PHYS_STR)
        copy->value.str.data = wr_arena_strndup(arena, expr->value.str.data, expr->value.str.len);
    if (expr->nitems)
        copy->items = copy_items(arena, expr);
    if (expr->nargs) {
        copy->args = WR_NEW_ARRAY(arena, struct expr *, expr->nargs);
        for (uint16_t i = 0; i < expr->nargs; i++)
            copy->args[i] = copy_expr(arena, expr->args[i], map);
    }
    return copy;
}

/* After columns were replaced by expressions, what was proven about NULLs may have changed either way. */
static void refresh_nullable(struct expr *expr)
{
    for (uint16_t i = 0; i < expr->nargs; i++)
        refresh_nullable(expr->args[i]);
    if (expr->kind == EXPR_CALL) {
        bool total = (expr->fn->flags & FN_STRICT) && !(expr->fn->flags & (FN_CAN_FAIL | FN_MAY_NULL));
        expr->nullable = !total || any_nullable(expr->args, expr->nargs);
    } else if (expr->nargs) {
        expr->nullable = nary_nullable(expr);
    }
}

struct expr *wr_expr_substitute(struct wr_arena *arena, const struct expr *expr, struct expr *const *map)
{
    struct expr *copy = copy_expr(arena, expr, &(struct column_map){.exprs = map});
    refresh_nullable(copy);
    return copy;
}

struct expr *wr_expr_remap(struct wr_arena *arena, const struct expr *expr, const uint16_t *map)
{
    return copy_expr(arena, expr, &(struct column_map){.numbers = map});
}

void wr_expr_columns(const struct expr *expr, bool *used)
{
    if (expr->kind == EXPR_COLUMN)
        used[expr->column] = true;
    for (uint16_t i = 0; i < expr->nargs; i++)
        wr_expr_columns(expr->args[i], used);
}

bool wr_expr_can_fail(const struct expr *expr)
{
    if (expr->fn && (expr->fn->flags & FN_CAN_FAIL) && !expr->total)
        return true;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (wr_expr_can_fail(expr->args[i]))
            return true;
    return false;
}

bool wr_expr_is_const(const struct expr *expr)
{
    if (expr->kind == EXPR_COLUMN || expr->kind == EXPR_PARAM)
        return false;
    if (expr->fn && (expr->fn->flags & FN_VOLATILE))
        return false;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (!wr_expr_is_const(expr->args[i]))
            return false;
    return true;
}
