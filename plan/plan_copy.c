/* A second tree of the same nodes: passes rewrite a tree in place, so what is needed twice is copied first. Expressions
 * are shared: passes make new ones. */
#include "plan/plan.h"

static uint16_t *copy_columns(struct wr_arena *arena, const uint16_t *columns, uint16_t n)
{
    uint16_t *copy = WR_NEW_ARRAY(arena, uint16_t, n);
    if (n)
        memcpy(copy, columns, n * sizeof(copy[0]));
    return copy;
}

static struct expr **copy_exprs(struct wr_arena *arena, struct expr *const *exprs, size_t n)
{
    struct expr **copy = WR_NEW_ARRAY(arena, struct expr *, n);
    if (n)
        memcpy(copy, exprs, n * sizeof(struct expr *));
    return copy;
}

static struct plan_order *copy_order(struct wr_arena *arena, const struct plan_order *order, uint16_t n)
{
    struct plan_order *copy = WR_NEW_ARRAY(arena, struct plan_order, n);
    if (n)
        memcpy(copy, order, n * sizeof(copy[0]));
    return copy;
}

static void copy_join(struct wr_arena *arena, const struct plan *plan, struct plan *copy)
{
    copy->join.left_keys = copy_columns(arena, plan->join.left_keys, plan->join.nkeys);
    copy->join.right_keys = copy_columns(arena, plan->join.right_keys, plan->join.nkeys);
}

static void copy_aggregate(struct wr_arena *arena, const struct plan *plan, struct plan *copy)
{
    uint16_t n = plan->aggregate.naggs;
    copy->aggregate.group = copy_columns(arena, plan->aggregate.group, plan->aggregate.ngroup);
    copy->aggregate.aggs = WR_NEW_ARRAY(arena, struct plan_agg, n);
    if (n)
        memcpy(copy->aggregate.aggs, plan->aggregate.aggs, n * sizeof(copy->aggregate.aggs[0]));
}

static void copy_details(struct wr_arena *arena, const struct plan *plan, struct plan *copy)
{
    switch ((enum plan_kind)plan->kind) {
    case PLAN_SCAN:
        copy->scan.columns = copy_columns(arena, plan->scan.columns, plan->ncols);
        break;
    case PLAN_VALUES:
        copy->values.exprs = copy_exprs(arena, plan->values.exprs, (size_t)plan->values.nrows * plan->ncols);
        break;
    case PLAN_PROJECT:
        copy->project.exprs = copy_exprs(arena, plan->project.exprs, plan->ncols);
        break;
    case PLAN_JOIN:
        copy_join(arena, plan, copy);
        break;
    case PLAN_AGGREGATE:
        copy_aggregate(arena, plan, copy);
        break;
    case PLAN_TOPN:
        copy->topn.partition = copy_columns(arena, plan->topn.partition, plan->topn.npartition);
        copy->topn.order = copy_order(arena, plan->topn.order, plan->topn.norder);
        break;
    case PLAN_SORT:
        copy->sort.order = copy_order(arena, plan->sort.order, plan->sort.norder);
        break;
    case PLAN_EXCHANGE:
        copy->exchange.keys = copy_columns(arena, plan->exchange.keys, plan->exchange.nkeys);
        break;
    case PLAN_FILTER:
    case PLAN_DISTINCT:
    case PLAN_UNION:
    case PLAN_KIND_COUNT:
        break;
    }
}

struct plan *wr_plan_copy(struct wr_arena *arena, const struct plan *plan)
{
    struct plan *copy = wr_plan_new(arena, (enum plan_kind)plan->kind, plan->ncols, plan->ninputs);
    struct plan_column *cols = copy->cols;
    struct plan **inputs = copy->inputs;
    *copy = *plan;
    copy->cols = cols;
    copy->inputs = inputs;
    memset(&copy->props, 0, sizeof(copy->props));
    if (plan->ncols)
        memcpy(cols, plan->cols, plan->ncols * sizeof(cols[0]));
    for (uint16_t i = 0; i < plan->ninputs; i++)
        inputs[i] = wr_plan_copy(arena, plan->inputs[i]);
    copy_details(arena, plan, copy);
    return copy;
}
