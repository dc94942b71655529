/* Operators, and the syntax made of them: IN lists, BETWEEN, LIKE, IS DISTINCT FROM, NULLIF. */
#include <string.h>

#include "planner/bind.h"

/* Since this version the binder knows calls that cannot fail for their constant arguments: their conditions travel. */
#define TOTAL_CALLS_SINCE 3
#define NULLIF_SINCE      6

bool bind_call(struct block *block, const char *name, bool is_operator, struct expr **args, uint16_t nargs,
               int location, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct type *types = WR_NEW_ARRAY(binder->arena, struct type, nargs + 1);
    struct type *casts = WR_NEW_ARRAY(binder->arena, struct type, nargs + 1);
    for (uint16_t i = 0; i < nargs; i++)
        types[i] = args[i]->type;
    const struct fn *fn = wr_fn_resolve(name, is_operator, types, nargs, casts, binder->err);
    if (!fn && is_operator && wr_fn_is_missing_operator(name, types, nargs))
        return bind_unsupported(binder, location, "the operator %s of jsonb", name);
    if (!fn)
        return bind_at(binder, location);
    if (binder->planner->streaming && (fn->flags & FN_VOLATILE)) {
        bind_fail(binder, location, ERR_FEATURE_NOT_SUPPORTED,
                  "function %s() cannot be used in a materialized view or sink", name);
        return wr_fail_hint(binder->err, "Its value changes without any input changing.");
    }
    for (uint16_t i = 0; i < nargs; i++) {
        TRY(bind_coerce(binder, &args[i], casts[i], CAST_IMPLICIT));
        types[i] = args[i]->type;
    }
    *expr = wr_expr_call(binder->arena, fn, wr_fn_result_type(fn, types, nargs), args, nargs);
    (*expr)->location = location;
    (*expr)->total = binder->planner->version >= TOTAL_CALLS_SINCE && wr_fn_is_total(*expr);
    return true;
}

static bool bind_pair(struct block *block, const char *name, struct expr *left, struct expr *right, int location,
                      struct expr **expr)
{
    struct expr **args = WR_NEW_ARRAY(block->binder->arena, struct expr *, 2);
    args[0] = left;
    args[1] = right;
    return bind_call(block, name, true, args, 2, location, expr);
}

static bool bind_operator(struct block *block, const PgQuery__AExpr *node, const char *name, struct expr **expr)
{
    uint16_t nargs = node->lexpr ? 2 : 1;
    struct expr **args = WR_NEW_ARRAY(block->binder->arena, struct expr *, 2);
    if (node->lexpr)
        TRY(bind_expr(block, node->lexpr, &args[0]));
    TRY(bind_expr(block, node->rexpr, &args[nargs - 1]));
    return bind_call(block, !strcmp(name, "!=") ? "<>" : name, true, args, nargs, node->location, expr);
}

struct expr *bind_combine(struct block *block, enum expr_kind kind, struct expr *a, struct expr *b, int location)
{
    struct expr **args = WR_NEW_ARRAY(block->binder->arena, struct expr *, 2);
    args[0] = a;
    args[1] = b;
    struct expr *expr = wr_expr_nary(block->binder->arena, kind, args, 2);
    expr->location = location;
    return expr;
}

/* x BETWEEN a AND b is x >= a AND x <= b. */
static bool bind_range(struct block *block, const PgQuery__AExpr *node, int low, struct expr **expr)
{
    bool negated = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN ||
                   node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
    struct expr *x[2], *bounds[2], *tests[2];
    for (int i = 0; i < 2; i++) { /* bound twice: literals and parameters are typed by what they meet */
        TRY(bind_expr(block, node->lexpr, &x[i]));
        TRY(bind_expr(block, node->rexpr->list->items[i ? 1 - low : low], &bounds[i]));
    }
    TRY(bind_pair(block, negated ? "<" : ">=", x[0], bounds[0], node->location, &tests[0]));
    TRY(bind_pair(block, negated ? ">" : "<=", x[1], bounds[1], node->location, &tests[1]));
    *expr = bind_combine(block, negated ? EXPR_OR : EXPR_AND, tests[0], tests[1], node->location);
    return true;
}

static bool bind_between(struct block *block, const PgQuery__AExpr *node, struct expr **expr)
{
    struct expr *other;
    if (node->rexpr->node_case != PG_QUERY__NODE__NODE_LIST || node->rexpr->list->n_items != 2)
        return bind_unsupported(block->binder, node->location, "this form of BETWEEN");
    TRY(bind_range(block, node, 0, expr));
    if (node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN ||
        node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN)
        return true;
    TRY(bind_range(block, node, 1, &other));
    bool negated = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
    *expr = bind_combine(block, negated ? EXPR_AND : EXPR_OR, *expr, other, node->location);
    return true;
}

/* All constants: one EXPR_IN_LIST. args[0] is the left side. */
static bool bind_in_constants(struct block *block, const PgQuery__AExpr *node, struct expr **args, uint32_t n,
                              bool negated, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct type type, casts[2];
    TRY(bind_coerce_common(binder, args, n, "IN", &type));
    const struct fn *fn = wr_fn_resolve("=", true, (struct type[]){type, type}, 2, casts, binder->err);
    if (!fn)
        return bind_at(binder, node->location);
    struct datum *items = WR_NEW_ARRAY(binder->arena, struct datum, n);
    for (uint32_t i = 0; i < n; i++)
        TRY(bind_coerce(binder, &args[i], casts[0], CAST_IMPLICIT));
    for (uint32_t i = 1; i < n; i++) {
        struct datum *item = &items[i - 1];
        if (args[i]->kind == EXPR_CONST)
            *item = args[i]->value;
        else if (!wr_evaluate_const(binder->arena, args[i], binder->planner->io, 0, item, binder->err))
            return bind_at(binder, args[i]->location);
        item->type = args[i]->type;
    }
    *expr = wr_expr_in_list(binder->arena, fn, args[0], items, n - 1, negated);
    return true;
}

static bool bind_in_list(struct block *block, const PgQuery__AExpr *node, const char *name, struct expr **expr)
{
    const PgQuery__List *list = node->rexpr->list;
    bool negated = !strcmp(name, "<>"), constant = true;
    struct wr_arena *arena = block->binder->arena;
    size_t n = list->n_items;
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, n + 1);
    TRY(bind_expr(block, node->lexpr, &args[0]));
    for (size_t i = 0; i < n; i++) {
        TRY(bind_expr(block, list->items[i], &args[i + 1]));
        constant &= args[i + 1]->kind == EXPR_CONST;
    }
    if (constant) {
        TRY(bind_in_constants(block, node, args, (uint32_t)(n + 1), negated, expr));
        (*expr)->location = node->location;
        return true;
    }
    if (n > UINT16_MAX)
        return bind_fail(block->binder, node->location, ERR_TOO_COMPLEX, "too many values in IN");
    struct type type;
    TRY(bind_coerce_common(block->binder, args, (uint32_t)(n + 1), "IN", &type));
    struct expr **tests = WR_NEW_ARRAY(arena, struct expr *, n);
    for (size_t i = 0; i < n; i++)
        TRY(bind_pair(block, name, args[0], args[i + 1], node->location, &tests[i]));
    *expr = n == 1 ? tests[0] : wr_expr_nary(arena, negated ? EXPR_AND : EXPR_OR, tests, (uint16_t)n);
    (*expr)->location = node->location;
    return true;
}

static bool bind_distinct(struct block *block, const PgQuery__AExpr *node, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
    struct type casts[2];
    TRY(bind_expr(block, node->lexpr, &args[0]));
    TRY(bind_expr(block, node->rexpr, &args[1]));
    const struct fn *fn =
        wr_fn_resolve("=", true, (struct type[]){args[0]->type, args[1]->type}, 2, casts, binder->err);
    if (!fn)
        return bind_at(binder, node->location);
    for (int i = 0; i < 2; i++)
        TRY(bind_coerce(binder, &args[i], casts[i], CAST_IMPLICIT));
    *expr = wr_expr_nary(binder->arena, EXPR_IS_DISTINCT, args, 2);
    (*expr)->fn = fn;
    (*expr)->negated = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT;
    (*expr)->location = node->location;
    return true;
}

/* PostgreSQL has an equality of these two types as they are: neither is cast for it. */
static bool has_own_equality(struct type a, struct type b)
{
    static const uint8_t families[][3] = {{TYPE_INT4, TYPE_INT8, TYPE_INT8},
                                          {TYPE_DATE, TYPE_TIMESTAMP, TYPE_TIMESTAMPTZ}};
    for (size_t i = 0; i < WR_COUNT(families); i++)
        if (memchr(families[i], a.id, 3) && memchr(families[i], b.id, 3))
            return true;
    return false;
}

/* NULLIF(a, b) is CASE WHEN a = b THEN NULL ELSE a END, where a is as cast for the comparison. */
static bool bind_nullif(struct block *block, const PgQuery__AExpr *node, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct expr *a, *b, *equal;
    TRY(bind_expr(block, node->lexpr, &a));
    TRY(bind_expr(block, node->rexpr, &b));
    TRY(bind_pair(block, "=", a, b, node->location, &equal));
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 3);
    args[0] = equal;
    bool exact = binder->planner->version >= NULLIF_SINCE;
    args[2] = exact && has_own_equality(a->type, b->type) ? a : equal->args[0];
    args[1] = bind_null(binder, args[2]->type);
    *expr = wr_expr_nary(binder->arena, EXPR_CASE, args, 3);
    (*expr)->type = exact && args[2]->type.id == TYPE_TEXT ? TYPE(TYPE_TEXT) : args[2]->type;
    (*expr)->nullable = true;
    (*expr)->location = node->location;
    return true;
}

bool bind_a_expr(struct block *block, const PgQuery__AExpr *node, struct expr **expr)
{
    struct binder *binder = block->binder;
    const char *name = node->n_name ? bind_string(node->name[node->n_name - 1]) : "";
    bool rows = node->lexpr && node->lexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR, done;
    TRY(bind_row_comparison(block, node, name, &done, expr));
    if (done)
        return true;
    if (rows)
        return bind_unsupported(binder, node->location, "a comparison of rows");
    switch (node->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
    case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
    case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
        return bind_operator(block, node, name, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT:
        return bind_distinct(block, node, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF:
        return bind_nullif(block, node, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
        return bind_in_list(block, node, name, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM:
        return bind_between(block, node, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY:
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL:
        return bind_any_all(block, node, name, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_SIMILAR:
        return bind_unsupported(binder, node->location, "SIMILAR TO");
    default:
        return bind_unsupported(binder, node->location, "this operator");
    }
}
