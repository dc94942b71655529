/* Plan nodes with their output columns filled in. Used by the binder and the passes. */
#include "planner/bind.h"

static void copy_columns(struct plan_column *to, const struct plan *input)
{
    for (uint16_t i = 0; i < input->ncols; i++)
        to[i] = input->cols[i];
}

struct plan *make_filter(struct wr_arena *arena, struct plan *input, struct expr *predicate)
{
    struct plan *plan = wr_plan_new(arena, PLAN_FILTER, input->ncols, 1);
    plan->inputs[0] = input;
    copy_columns(plan->cols, input);
    plan->filter.predicate = predicate;
    return plan;
}

struct plan *make_project(struct wr_arena *arena, struct plan *input, struct expr *const *exprs,
                          const char *const *names, uint16_t n)
{
    struct plan *plan = wr_plan_new(arena, PLAN_PROJECT, n, 1);
    plan->inputs[0] = input;
    plan->project.exprs = WR_NEW_ARRAY(arena, struct expr *, n);
    for (uint16_t i = 0; i < n; i++) {
        plan->project.exprs[i] = exprs[i];
        plan->cols[i] = (struct plan_column){.name = names[i], .type = exprs[i]->type, .nullable = exprs[i]->nullable};
        if (exprs[i]->kind == EXPR_COLUMN && exprs[i]->column < input->ncols)
            plan->cols[i].origin = input->cols[exprs[i]->column].origin;
    }
    return plan;
}

struct plan *make_join(struct wr_arena *arena, enum join_type type, struct plan *left, struct plan *right,
                       struct expr *condition)
{
    bool both = type != JOIN_SEMI && type != JOIN_ANTI;
    struct plan *plan = wr_plan_new(arena, PLAN_JOIN, (uint16_t)(left->ncols + (both ? right->ncols : 0)), 2);
    plan->inputs[0] = left;
    plan->inputs[1] = right;
    copy_columns(plan->cols, left);
    for (uint16_t i = 0; both && i < right->ncols; i++) {
        plan->cols[left->ncols + i] = right->cols[i];
        plan->cols[left->ncols + i].nullable |= type != JOIN_INNER;
    }
    for (uint16_t i = 0; type == JOIN_FULL && i < left->ncols; i++)
        plan->cols[i].nullable = true;
    plan->join.type = (uint8_t)type;
    plan->join.condition = condition;
    return plan;
}

struct plan *make_distinct(struct wr_arena *arena, struct plan *input)
{
    struct plan *plan = wr_plan_new(arena, PLAN_DISTINCT, input->ncols, 1);
    plan->inputs[0] = input;
    copy_columns(plan->cols, input);
    return plan;
}

struct plan *make_topn(struct wr_arena *arena, struct plan *input, int64_t limit, int64_t offset, const char *rank)
{
    struct plan *plan = wr_plan_new(arena, PLAN_TOPN, (uint16_t)(input->ncols + (rank != NULL)), 1);
    plan->inputs[0] = input;
    copy_columns(plan->cols, input);
    if (rank)
        plan->cols[input->ncols] = (struct plan_column){.name = rank, .type = TYPE(TYPE_INT8)};
    plan->topn.emit_rank = rank != NULL;
    plan->topn.limit = limit;
    plan->topn.offset = offset;
    return plan;
}

/* One row with one column nobody reads: what SELECT without FROM selects from. */
struct plan *make_one_row(struct wr_arena *arena)
{
    struct plan *plan = wr_plan_new(arena, PLAN_VALUES, 1, 0);
    struct datum value = {.type = TYPE(TYPE_BOOL), .b = 1};
    plan->cols[0] = (struct plan_column){.name = "dummy", .type = value.type};
    plan->values.nrows = 1;
    plan->values.exprs = WR_NEW_ARRAY(arena, struct expr *, 1);
    plan->values.exprs[0] = wr_expr_const(arena, &value);
    return plan;
}

struct expr *make_column(struct wr_arena *arena, const struct plan *plan, uint16_t column)
{
    return wr_expr_column(arena, column, plan->cols[column].type, plan->cols[column].nullable);
}

struct plan *make_extend(struct wr_arena *arena, struct plan *input, struct expr *const *exprs, uint16_t n,
                         uint16_t *columns)
{
    uint16_t total = input->ncols;
    struct expr **all = WR_NEW_ARRAY(arena, struct expr *, total + n);
    const char **names = WR_NEW_ARRAY(arena, const char *, total + n);
    for (uint16_t i = 0; i < total; i++) {
        all[i] = make_column(arena, input, i);
        names[i] = input->cols[i].name;
    }
    for (uint16_t i = 0; i < n; i++) {
        uint16_t at = 0;
        while (at < total && !wr_expr_equal(all[at], exprs[i]))
            at++;
        columns[i] = at;
        if (at < total)
            continue;
        all[total] = exprs[i];
        names[total] = wr_arena_printf(arena, "expr%u", total);
        total++;
    }
    return total == input->ncols ? input : make_project(arena, input, all, names, total);
}

struct expr *make_and(struct wr_arena *arena, struct expr **args, uint16_t n)
{
    if (n <= 1)
        return n ? args[0] : NULL;
    struct expr **copy = WR_NEW_ARRAY(arena, struct expr *, n);
    memcpy(copy, args, n * sizeof(args[0]));
    return wr_expr_nary(arena, EXPR_AND, copy, n);
}

struct expr *rewrite_columns(struct wr_arena *arena, struct expr *expr,
                             struct expr *(*replace)(void *context, struct expr *column), void *context)
{
    if (expr->kind == EXPR_COLUMN)
        return replace(context, expr);
    struct expr *copy = NULL;
    for (uint16_t i = 0; i < expr->nargs; i++) {
        struct expr *arg = rewrite_columns(arena, expr->args[i], replace, context);
        if (arg == expr->args[i])
            continue;
        if (!copy) {
            copy = WR_NEW(arena, struct expr);
            *copy = *expr;
            copy->args = WR_NEW_ARRAY(arena, struct expr *, expr->nargs);
            memcpy(copy->args, expr->args, expr->nargs * sizeof(expr->args[0]));
        }
        copy->args[i] = arg;
    }
    return copy ? copy : expr;
}

static uint32_t count_and(const struct expr *expr)
{
    if (!expr || expr->kind != EXPR_AND)
        return expr != NULL;
    uint32_t n = 0;
    for (uint16_t i = 0; i < expr->nargs; i++)
        n += count_and(expr->args[i]);
    return n;
}

static void flatten_and(struct expr *expr, struct expr **args, uint16_t *n)
{
    if (!expr)
        return;
    if (expr->kind != EXPR_AND) {
        args[(*n)++] = expr;
        return;
    }
    for (uint16_t i = 0; i < expr->nargs; i++)
        flatten_and(expr->args[i], args, n);
}

uint16_t split_and(struct wr_arena *arena, struct expr *expr, struct expr ***args)
{
    uint32_t count = count_and(expr);
    if (count > UINT16_MAX) { /* absurdly many: leave it in one piece */
        *args = WR_NEW_ARRAY(arena, struct expr *, 1);
        (*args)[0] = expr;
        return 1;
    }
    uint16_t n = 0;
    *args = WR_NEW_ARRAY(arena, struct expr *, count + 1);
    flatten_and(expr, *args, &n);
    return n;
}
