/* UNION, INTERSECT, EXCEPT, VALUES, LIMIT; and giving the columns of a bound query their final types. */
#include "planner/bind.h"

/* ---- types of output columns */

static bool is_untyped(const struct expr *expr)
{
    return expr->type.id == TYPE_UNKNOWN && (expr->kind == EXPR_CONST || expr->kind == EXPR_PARAM);
}

/* Untyped literals of one column, wherever they stand below. *typed: the column has the type now. */
static bool push_type(struct binder *binder, struct plan *plan, uint16_t column, struct type type)
{
    switch (plan->kind) {
    case PLAN_PROJECT: {
        struct expr **expr = &plan->project.exprs[column];
        if (is_untyped(*expr)) {
            TRY(bind_coerce(binder, expr, type, CAST_ASSIGNMENT));
        } else if ((*expr)->kind == EXPR_COLUMN && (*expr)->type.id == TYPE_UNKNOWN) {
            TRY(push_type(binder, plan->inputs[0], (*expr)->column, type));
            *expr = make_column(binder->arena, plan->inputs[0], (*expr)->column);
        }
        break;
    }
    case PLAN_VALUES:
        for (uint32_t r = 0; r < plan->values.nrows; r++)
            TRY(bind_coerce(binder, &plan->values.exprs[(size_t)r * plan->ncols + column], type, CAST_ASSIGNMENT));
        break;
    default:
        for (uint16_t i = 0; i < plan->ninputs; i++)
            TRY(push_type(binder, plan->inputs[i], column, type));
    }
    plan->cols[column].type = type;
    return true;
}

bool bind_coerce_output(struct binder *binder, struct plan **plan, const struct type *types, enum cast_context context)
{
    uint16_t n = (*plan)->ncols;
    struct expr **exprs = WR_NEW_ARRAY(binder->arena, struct expr *, n);
    const char **names = WR_NEW_ARRAY(binder->arena, const char *, n);
    bool changed = false;
    for (uint16_t i = 0; i < n; i++) {
        if ((*plan)->cols[i].type.id == TYPE_UNKNOWN)
            TRY(push_type(binder, *plan, i, types[i]));
        exprs[i] = make_column(binder->arena, *plan, i);
        names[i] = (*plan)->cols[i].name;
        struct expr *before = exprs[i];
        TRY(bind_coerce(binder, &exprs[i], types[i], context));
        changed |= exprs[i] != before;
    }
    if (changed)
        *plan = make_project(binder->arena, *plan, exprs, names, n);
    return true;
}

/* ---- set operations */

static const char *set_name(const PgQuery__SelectStmt *node)
{
    return node->op == PG_QUERY__SET_OPERATION__SETOP_UNION    ? "UNION"
           : node->op == PG_QUERY__SET_OPERATION__SETOP_EXCEPT ? "EXCEPT"
                                                               : "INTERSECT";
}

/* Where to point for an error about a side: its first target. */
static int side_location(const PgQuery__SelectStmt *node)
{
    while (node->larg)
        node = node->larg;
    return node->n_target_list ? node->target_list[0]->res_target->location : -1;
}

/* Both sides to the types they have in common, `types`. */
static bool match_types(struct binder *binder, const PgQuery__SelectStmt *node, struct plan **left, struct plan **right,
                        struct type *types)
{
    uint16_t n = (*left)->ncols;
    if (n != (*right)->ncols)
        return bind_fail(binder, side_location(node->rarg), ERR_SYNTAX,
                         "each %s query must have the same number of columns", set_name(node));
    for (uint16_t i = 0; i < n; i++) {
        struct type pair[] = {(*left)->cols[i].type, (*right)->cols[i].type};
        if (!bind_common_type(binder, pair, 2, set_name(node), &types[i]))
            return bind_at(binder, side_location(node->rarg));
    }
    TRY(bind_coerce_output(binder, left, types, CAST_IMPLICIT));
    return bind_coerce_output(binder, right, types, CAST_IMPLICIT);
}

/* A set operation's columns have the types of both sides, not of the left one, and are no relation's. */
static void describe(struct binder *binder, struct plan *plan, const struct type *types)
{
    for (uint16_t i = 0; i < plan->ncols; i++) {
        plan->cols[i].origin = (struct plan_origin){0};
        if (binder->planner->version >= TYPES_SINCE)
            plan->cols[i].type = types[i];
    }
}

struct plan *make_union(struct wr_arena *arena, struct plan *left, struct plan *right)
{
    struct plan *sides[] = {left, right};
    uint32_t n = 0;
    for (int i = 0; i < 2; i++)
        n += sides[i]->kind == PLAN_UNION ? sides[i]->ninputs : 1;
    struct plan *plan = wr_plan_new(arena, PLAN_UNION, left->ncols, (uint16_t)n);
    uint16_t at = 0;
    for (int i = 0; i < 2; i++) {
        if (sides[i]->kind != PLAN_UNION)
            plan->inputs[at++] = sides[i];
        for (uint16_t k = 0; sides[i]->kind == PLAN_UNION && k < sides[i]->ninputs; k++)
            plan->inputs[at++] = sides[i]->inputs[k];
    }
    for (uint16_t i = 0; i < plan->ncols; i++) {
        plan->cols[i] = left->cols[i];
        plan->cols[i].nullable |= right->cols[i].nullable;
    }
    return plan;
}

/* INTERSECT and EXCEPT: the distinct rows of the left that are, or are not, among the right's; NULLs equal. */
static struct plan *make_membership(struct wr_arena *arena, struct plan *left, struct plan *right, bool except)
{
    struct plan *plan = make_join(arena, except ? JOIN_ANTI : JOIN_SEMI, make_distinct(arena, left), right, NULL);
    plan->join.nkeys = left->ncols;
    plan->join.nulls_equal = true;
    plan->join.left_keys = WR_NEW_ARRAY(arena, uint16_t, left->ncols);
    plan->join.right_keys = WR_NEW_ARRAY(arena, uint16_t, left->ncols);
    for (uint16_t i = 0; i < left->ncols; i++)
        plan->join.left_keys[i] = plan->join.right_keys[i] = i;
    return plan;
}

bool bind_set_operation(struct binder *binder, const PgQuery__SelectStmt *node, const struct select_mode *mode,
                        struct plan **plan)
{
    struct select_mode side = {.outer = mode->outer, .keep_unknown = true};
    struct plan *left, *right;
    bool is_union = node->op == PG_QUERY__SET_OPERATION__SETOP_UNION;
    if (!is_union && node->all)
        return bind_unsupported(binder, side_location(node->rarg), "%s ALL", set_name(node));
    TRY(bind_select(binder, node->larg, &side, &left));
    TRY(bind_select(binder, node->rarg, &side, &right));
    struct type *types = WR_NEW_ARRAY(binder->arena, struct type, left->ncols);
    TRY(match_types(binder, node, &left, &right, types));
    if (is_union)
        *plan = make_union(binder->arena, left, right);
    else
        *plan = make_membership(binder->arena, left, right, node->op == PG_QUERY__SET_OPERATION__SETOP_EXCEPT);
    describe(binder, *plan, types);
    if (is_union && !node->all)
        *plan = make_distinct(binder->arena, *plan);
    return true;
}

/* ---- VALUES */

static bool bind_row(struct block *block, const PgQuery__List *list, uint16_t ncols, struct expr **exprs)
{
    if (list->n_items != ncols)
        return bind_fail(block->binder, list->n_items ? bind_location(list->items[0]) : -1, ERR_SYNTAX,
                         "VALUES lists must all be the same length");
    for (uint16_t c = 0; c < ncols; c++)
        TRY(bind_expr(block, list->items[c], &exprs[c]));
    return true;
}

bool bind_values(struct binder *binder, const PgQuery__SelectStmt *node, struct block *outer, struct plan **plan)
{
    struct block block = {.binder = binder, .outer = outer, .clause = "VALUES"};
    uint32_t nrows = (uint32_t)node->n_values_lists;
    size_t width = node->values_lists[0]->list->n_items;
    if (width > 1664)
        return bind_fail(binder, -1, "54011", "target lists can have at most 1664 entries");
    uint16_t ncols = (uint16_t)width;
    struct plan *values = wr_plan_new(binder->arena, PLAN_VALUES, ncols, 0);
    values->values.nrows = nrows;
    values->values.exprs = WR_NEW_ARRAY(binder->arena, struct expr *, (size_t)nrows * ncols);
    for (uint32_t r = 0; r < nrows; r++)
        TRY(bind_row(&block, node->values_lists[r]->list, ncols, &values->values.exprs[(size_t)r * ncols]));
    struct type *types = WR_NEW_ARRAY(binder->arena, struct type, nrows);
    for (uint16_t c = 0; c < ncols; c++) {
        struct type *type = &values->cols[c].type;
        values->cols[c].name = wr_arena_printf(binder->arena, "column%u", c + 1);
        bool mixed = false;
        uint16_t kinds = 0; /* distinct types are few: the common type is found over those */
        for (uint32_t r = 0; r < nrows; r++) {
            struct expr *expr = values->values.exprs[(size_t)r * ncols + c];
            values->cols[c].nullable |= expr->nullable;
            uint16_t k = 0;
            while (k < kinds && !wr_type_same(types[k], expr->type))
                k++;
            if (k == kinds && kinds < 1000)
                types[kinds++] = expr->type;
            mixed |= kinds > 1;
        }
        *type = types[0];
        bool all_unknown = !mixed && type->id == TYPE_UNKNOWN;
        if (all_unknown)
            continue;
        if (mixed && !bind_common_type(binder, types, kinds, "VALUES", type))
            return bind_at(binder, values->values.exprs[c]->location);
        for (uint32_t r = 0; r < nrows; r++)
            TRY(bind_coerce(binder, &values->values.exprs[(size_t)r * ncols + c], *type, CAST_IMPLICIT));
    }
    *plan = values;
    return true;
}

/* ---- LIMIT */

static const struct expr *first_column(const struct expr *expr)
{
    const struct expr *column = expr->kind == EXPR_COLUMN ? expr : NULL;
    for (uint16_t i = 0; !column && i < expr->nargs; i++)
        column = first_column(expr->args[i]);
    return column;
}

/* A constant, or what has parameters: *later. NULL: no bound. */
static bool bind_bound(struct binder *binder, const PgQuery__Node *node, const char *clause, const char *sqlstate,
                       const struct scope *scope, int64_t *value, struct expr **later)
{
    struct block block = {.binder = binder, .clause = clause, .from.scope = *scope};
    struct expr *expr;
    bool null;
    TRY(bind_expr(&block, node, &expr));
    const struct expr *column = first_column(expr);
    if (column)
        return bind_fail(binder, column->location, ERR_INVALID_COLUMN_REFERENCE,
                         "argument of %s must not contain variables", clause);
    TRY(bind_coerce(binder, &expr, TYPE(TYPE_INT8), CAST_ASSIGNMENT));
    if (!wr_expr_is_const(expr)) {
        *later = expr;
        return true;
    }
    TRY(bind_const_int8(binder, expr, &null, value));
    if (null)
        *value = !strcmp(clause, "LIMIT") ? -1 : 0;
    else if (*value < 0)
        return bind_fail(binder, -1, sqlstate, "%s must not be negative", clause);
    return true;
}

bool bind_limit(struct binder *binder, const PgQuery__SelectStmt *node, struct plan **plan,
                const struct plan_order *order, uint16_t norder, const struct scope *scope)
{
    int64_t limit = -1, offset = 0;
    struct expr *limit_expr = NULL, *offset_expr = NULL;
    if (node->limit_option == PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES)
        return bind_unsupported(binder, -1, "FETCH ... WITH TIES");
    if (node->limit_count)
        TRY(bind_bound(binder, node->limit_count, "LIMIT", ERR_ROW_COUNT_LIMIT, scope, &limit, &limit_expr));
    if (node->limit_offset)
        TRY(bind_bound(binder, node->limit_offset, "OFFSET", ERR_ROW_COUNT_OFFSET, scope, &offset, &offset_expr));
    if (limit < 0 && !offset && !limit_expr && !offset_expr)
        return true;
    *plan = make_topn(binder->arena, *plan, limit, offset, NULL);
    (*plan)->topn.limit_expr = limit_expr;
    (*plan)->topn.offset_expr = offset_expr;
    (*plan)->topn.norder = norder;
    (*plan)->topn.order = (struct plan_order *)order;
    return true;
}
