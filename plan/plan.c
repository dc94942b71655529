/* Making plan nodes, and the small facts about kinds. */
#include "plan/plan.h"

static const char *const kind_names[PLAN_KIND_COUNT] = {
    [PLAN_SCAN] = "Scan", [PLAN_VALUES] = "Values",       [PLAN_FILTER] = "Filter",     [PLAN_PROJECT] = "Project",
    [PLAN_JOIN] = "Join", [PLAN_AGGREGATE] = "Aggregate", [PLAN_DISTINCT] = "Distinct", [PLAN_UNION] = "Union",
    [PLAN_TOPN] = "TopN", [PLAN_SORT] = "Sort",           [PLAN_EXCHANGE] = "Exchange",
};

struct plan *wr_plan_new(struct wr_arena *arena, enum plan_kind kind, uint16_t ncols, uint16_t ninputs)
{
    struct plan *plan = WR_NEW(arena, struct plan);
    plan->kind = (uint8_t)kind;
    plan->ncols = ncols;
    plan->cols = WR_NEW_ARRAY(arena, struct plan_column, ncols);
    plan->ninputs = ninputs;
    plan->inputs = WR_NEW_ARRAY(arena, struct plan *, ninputs);
    return plan;
}

const char *wr_plan_kind_name(enum plan_kind kind)
{
    return kind < PLAN_KIND_COUNT ? kind_names[kind] : "?";
}

bool wr_plan_join_is_wide(const struct plan *plan)
{
    return plan->join.type != JOIN_SEMI && plan->join.type != JOIN_ANTI;
}

uint16_t wr_plan_join_width(const struct plan *plan)
{
    return (uint16_t)(plan->inputs[0]->ncols + plan->inputs[1]->ncols);
}

static uint16_t aggregate_states(const struct plan *plan)
{
    uint16_t n = 1;
    for (uint16_t i = 0; i < plan->aggregate.naggs; i++) {
        const struct plan_agg *agg = &plan->aggregate.aggs[i];
        n += agg->distinct || agg->agg->agg_class != AGG_INVERTIBLE;
    }
    return n;
}

uint16_t wr_plan_state_count(const struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_JOIN:
        return 3;
    case PLAN_AGGREGATE:
        return aggregate_states(plan);
    case PLAN_TOPN:
    case PLAN_DISTINCT:
        return 1;
    default:
        return 0;
    }
}
