/* What nodes keep: see plan_state.h. Pure functions of the node and of what is proven about its inputs. */
#include "plan/plan_state.h"

#include <string.h>

enum { LEFT, RIGHT };

/* ---- joins */

bool wr_plan_join_counts_right(const struct plan *plan)
{
    bool filters = plan->join.type == JOIN_SEMI || plan->join.type == JOIN_ANTI;
    return filters && !plan->join.condition;
}

bool wr_plan_join_counts_matches(const struct plan *plan)
{
    return plan->join.condition && plan->join.type != JOIN_INNER;
}

static const uint16_t *join_keys(const struct plan *plan, unsigned side)
{
    return side == LEFT ? plan->join.left_keys : plan->join.right_keys;
}

/* Rows of a side that only come out with their match need not keep what the match tells. */
static uint16_t twin_of(const struct plan *plan, unsigned side, uint16_t column)
{
    if (plan->join.type == JOIN_FULL || (side == LEFT && plan->join.type != JOIN_INNER))
        return PLAN_NO_TWIN;
    if (!wr_type_info(plan->inputs[side]->cols[column].type.id)->equality_is_identity)
        return PLAN_NO_TWIN;
    for (uint16_t k = 0; k < plan->join.nkeys; k++)
        if (join_keys(plan, side)[k] == column)
            return join_keys(plan, !side)[k];
    return PLAN_NO_TWIN;
}

/* Of left and right columns, those that the condition reads and those that name the pairs on which it fails. */
static void mark_read(const struct plan *plan, bool *read)
{
    if (!plan->join.condition)
        return;
    wr_expr_columns(plan->join.condition, read);
    for (uint16_t i = 0; i < plan->nerror_key; i++)
        read[plan->error_key[i]] = true;
}

void wr_plan_join_columns(const struct plan *plan, unsigned side, bool *kept, uint16_t *twins)
{
    bool all = side == LEFT || wr_plan_join_is_wide(plan);
    uint16_t first = side == LEFT ? 0 : plan->inputs[LEFT]->ncols;
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    bool *read = WR_NEW_ARRAY(&arena, bool, WR_MAX(wr_plan_join_width(plan), 1));
    mark_read(plan, read);
    for (uint16_t c = 0; c < plan->inputs[side]->ncols; c++) {
        twins[c] = twin_of(plan, side, c);
        kept[c] = twins[c] == PLAN_NO_TWIN && (all || read[first + c]);
    }
    wr_arena_reset(&arena);
}

static bool contains(const uint16_t *columns, uint16_t n, uint16_t column)
{
    for (uint16_t i = 0; i < n; i++)
        if (columns[i] == column)
            return true;
    return false;
}

static bool is_key_within(const struct plan_key *key, const uint16_t *columns, uint16_t n)
{
    for (uint16_t c = 0; c < key->n; c++)
        if (!contains(columns, n, key->columns[c]))
            return false;
    return true;
}

/* Keys are compared by SQL equality, uniqueness is over SQL equality too: a key of the input within the join key means
 * at most one row per join key. */
bool wr_plan_join_is_final(const struct plan *plan, unsigned side)
{
    const struct plan_props *props = &plan->inputs[side]->props;
    for (uint16_t k = 0; k < props->nkeys && props->append_only; k++)
        if (is_key_within(&props->keys[k], join_keys(plan, side), plan->join.nkeys))
            return true;
    return false;
}

bool wr_plan_join_forgets(const struct plan *plan, unsigned side)
{
    if (plan->join.type == JOIN_INNER)
        return wr_plan_join_is_final(plan, !side);
    return side == LEFT && wr_plan_join_counts_right(plan) && !plan->join.null_aware &&
           plan->inputs[RIGHT]->props.append_only;
}

bool wr_plan_join_only_adds(const struct plan *plan, unsigned side)
{
    /* match counts want equal left rows summed, which is not done where rows are only added */
    bool sums = side == LEFT && wr_plan_join_counts_matches(plan);
    return plan->inputs[side]->props.append_only && !wr_plan_join_forgets(plan, side) && !sums;
}

/* ---- aggregates */

enum agg_keeps wr_plan_agg_keeps(const struct plan *plan, uint16_t agg)
{
    const struct plan_agg *spec = &plan->aggregate.aggs[agg];
    if (spec->agg->agg_class == AGG_ORDERED)
        return plan->inputs[0]->props.append_only ? AGG_KEEPS_NOTHING : AGG_KEEPS_IN_ORDER;
    return spec->distinct ? AGG_KEEPS_COUNTS : AGG_KEEPS_NOTHING;
}

static bool shares_state(const struct plan *plan, uint16_t a, uint16_t b)
{
    const struct plan_agg *x = &plan->aggregate.aggs[a], *y = &plan->aggregate.aggs[b];
    if (wr_plan_agg_keeps(plan, a) != wr_plan_agg_keeps(plan, b) || x->arg != y->arg)
        return false;
    return wr_plan_agg_keeps(plan, a) == AGG_KEEPS_COUNTS ||
           (x->filter == y->filter && !strcmp(x->agg->name, y->agg->name));
}

/* Number the states of one sort, from `next` on; the number behind the last. */
static uint16_t number_states(const struct plan *plan, enum agg_keeps keeps, uint16_t next, uint16_t *states)
{
    for (uint16_t i = 0; i < plan->aggregate.naggs; i++) {
        if (wr_plan_agg_keeps(plan, i) != keeps)
            continue;
        uint16_t first = 0;
        while (!shares_state(plan, first, i))
            first++;
        states[i] = first < i ? states[first] : next++;
    }
    return next;
}

uint16_t wr_plan_agg_states(const struct plan *plan, uint16_t *states)
{
    memset(states, 0, plan->aggregate.naggs * sizeof *states);
    uint16_t next = number_states(plan, AGG_KEEPS_COUNTS, 1, states);
    number_states(plan, AGG_KEEPS_IN_ORDER, next, states);
    return next - 1;
}

/* ---- top-N */

uint64_t wr_plan_topn_keeps(const struct plan *plan)
{
    if (plan->topn.limit < 0 || !plan->inputs[0]->props.append_only)
        return UINT64_MAX;
    return (uint64_t)plan->topn.limit + (uint64_t)plan->topn.offset;
}
