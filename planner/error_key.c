/* What names a row on which an expression fails (law L4): a key of the node's input, best proven one first; of a join a
 * key of each side. A node that can fail keeps it through pass_prune.c; a node that cannot carries nothing. Where no
 * key is proven the row is named by all that the node sees of it. */
#include "planner/passes.h"

bool plan_can_fail(const struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_FILTER:
        return wr_expr_can_fail(plan->filter.predicate);
    case PLAN_PROJECT:
        for (uint16_t i = 0; i < plan->ncols; i++)
            if (wr_expr_can_fail(plan->project.exprs[i]))
                return true;
        return false;
    case PLAN_JOIN:
        return plan->join.condition && wr_expr_can_fail(plan->join.condition);
    default:
        return false;
    }
}

void plan_error_columns(const struct plan *plan, bool *columns)
{
    for (uint16_t i = 0; i < plan->ninputs; i++) {
        const struct plan *input = plan->inputs[i];
        for (uint16_t k = 0; input->props.nkeys && k < input->props.keys[0].n; k++)
            columns[input->props.keys[0].columns[k]] = true;
        columns += input->ncols;
    }
}

static void add_input(struct plan *plan, const struct plan *input, uint16_t base)
{
    const struct plan_key *key = input->props.nkeys ? &input->props.keys[0] : NULL;
    uint16_t n = key ? key->n : input->ncols;
    for (uint16_t k = 0; k < n; k++)
        plan->error_key[plan->nerror_key++] = (uint16_t)(base + (key ? key->columns[k] : k));
}

static void set_keys(struct wr_arena *arena, struct plan *plan, bool silent)
{
    uint32_t width = plan->ncols;
    bool restricts = plan->kind == PLAN_JOIN && plan->join.restricts;
    silent |= plan->kind == PLAN_JOIN && plan->join.copies;
    plan->silent = silent || (restricts && plan->join.type == JOIN_SEMI);
    for (uint16_t i = 0; i < plan->ninputs; i++) {
        set_keys(arena, plan->inputs[i], silent || (restricts && i == 1));
        width += plan->inputs[i]->ncols;
    }
    plan->nerror_key = 0;
    plan->error_key = WR_NEW_ARRAY(arena, uint16_t, width);
    if (plan->kind == PLAN_AGGREGATE)
        for (uint16_t i = 0; i < plan->aggregate.ngroup; i++)
            plan->error_key[plan->nerror_key++] = i;
    else if (plan_can_fail(plan))
        for (uint16_t i = 0, base = 0; i < plan->ninputs; base = (uint16_t)(base + plan->inputs[i]->ncols), i++)
            add_input(plan, plan->inputs[i], base);
}

void plan_error_keys(struct wr_arena *arena, struct plan *plan)
{
    set_keys(arena, plan, false);
}
