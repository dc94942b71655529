/* A scalar subquery that may give several rows: an error where it does.
 *
 *   SELECT o.id, (SELECT x FROM i WHERE i.o_id = o.id) FROM o
 *   SELECT o.id, CASE WHEN one_row(s.n) THEN s.x END
 *   FROM o LEFT JOIN (SELECT min(x) AS x, o_id, count(*) AS n FROM i GROUP BY o_id) s ON s.o_id = o.id
 *
 * one_row() (functions/fn_catalog.c) is evaluated above the join, for the rows that need the value, as written. */
#include "planner/passes.h"

static bool refuse(struct block *block, const PgQuery__SubLink *link)
{
    return bind_unsupported(block->binder, link->location,
                            "a scalar subquery that is not proven to return one row at most");
}

/* What gives a single value back: of no matter what rows, as several are an error. */
static const struct agg *value_agg(const struct type *type)
{
    struct wr_error err = WR_ERROR_INIT;
    struct type cast;
    return wr_agg_resolve(type->id == TYPE_BOOL ? "bool_and" : "min", type, 1, &cast, &err);
}

static void set_agg(struct plan *plan, uint16_t i, const struct agg *agg, int32_t arg, const struct plan_column *col)
{
    plan->aggregate.aggs[i] = (struct plan_agg){.agg = agg, .arg = arg, .filter = -1, .type = col->type};
    plan->cols[plan->aggregate.ngroup + i] = *col;
}

/* The group's columns, the value of the input's first column, the count. */
static struct plan *make_groups(struct wr_arena *arena, struct plan *input, uint16_t *group, uint16_t n,
                                const struct agg *value)
{
    struct wr_error err = WR_ERROR_INIT;
    struct type cast;
    struct plan_column count = {.name = "count", .type = TYPE(TYPE_INT8)};
    struct plan_column col = {.name = input->cols[0].name, .type = input->cols[0].type, .nullable = true};
    struct plan *plan = wr_plan_new(arena, PLAN_AGGREGATE, (uint16_t)(n + 2), 1);
    plan->inputs[0] = input;
    plan->aggregate.ngroup = n;
    plan->aggregate.grouped = n > 0;
    plan->aggregate.group = group;
    for (uint16_t i = 0; i < n; i++)
        plan->cols[i] = input->cols[group[i]];
    plan->aggregate.naggs = 2;
    plan->aggregate.aggs = WR_NEW_ARRAY(arena, struct plan_agg, 2);
    set_agg(plan, 0, value, 0, &col);
    set_agg(plan, 1, wr_agg_resolve("count", NULL, 0, &cast, &err), -1, &count);
    return plan;
}

/* The value first, then the group, the count last. */
static struct plan *arrange(struct wr_arena *arena, struct plan *plan, uint16_t ngroup)
{
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, plan->ncols);
    const char **names = WR_NEW_ARRAY(arena, const char *, plan->ncols);
    for (uint16_t i = 0; i < plan->ncols; i++) {
        uint16_t from = i == 0 ? ngroup : i <= ngroup ? (uint16_t)(i - 1) : i;
        exprs[i] = make_column(arena, plan, from);
        names[i] = plan->cols[from].name;
    }
    return make_project(arena, plan, exprs, names, plan->ncols);
}

/* Its inner side is a column of the group now. */
static struct expr *move_side(struct wr_arena *arena, const struct expr *condition, uint16_t column)
{
    int side = bind_inner_side(condition);
    struct expr *copy = WR_NEW(arena, struct expr);
    *copy = *condition;
    copy->args = WR_NEW_ARRAY(arena, struct expr *, 2);
    copy->args[1 - side] = condition->args[1 - side];
    copy->args[side] = wr_expr_column(arena, column, condition->args[side]->type, condition->args[side]->nullable);
    return copy;
}

bool bind_single(struct block *block, const PgQuery__SubLink *link, struct bound_scalar *scalar)
{
    struct wr_arena *arena = block->binder->arena;
    struct correlation *corr = &scalar->corr;
    const struct agg *value = value_agg(&scalar->plan->cols[0].type);
    struct expr **inner = WR_NEW_ARRAY(arena, struct expr *, corr->n);
    uint16_t *columns = WR_NEW_ARRAY(arena, uint16_t, corr->n);
    if (!value || corr->empty)
        return refuse(block, link);
    for (uint16_t i = 0; i < corr->n; i++) {
        int side = bind_inner_side(corr->conditions[i]);
        if (side < 0)
            return refuse(block, link);
        inner[i] = corr->conditions[i]->args[side];
        corr->conditions[i] = move_side(arena, corr->conditions[i], (uint16_t)(i + 1));
    }
    struct plan *input = make_extend(arena, scalar->plan, inner, corr->n, columns);
    scalar->plan = arrange(arena, make_groups(arena, input, columns, corr->n, value), corr->n);
    corr->nhidden = (uint16_t)(corr->n + 1);
    scalar->counted = true;
    scalar->always = !corr->n;
    return true;
}
