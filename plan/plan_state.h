/* What the nodes of a streaming plan keep from epoch to epoch. Decided here, from the plan alone: the operators
 * (executor/) keep it so, and EXPLAIN says so (plan_print_states.c).
 *
 * Sides of a join: 0 is left, 1 is right. */
#ifndef WEIR_PLAN_PLAN_STATE_H
#define WEIR_PLAN_PLAN_STATE_H

#include "plan/plan.h"

/* ---- joins: rows of each side by the join key */

#define PLAN_NO_TWIN UINT16_MAX

/* Semi and anti joins without a condition ask how many right rows a key has, not which. */
bool wr_plan_join_counts_right(const struct plan *plan);
/* With a condition, left, semi and anti joins keep with how many right rows each left row matches. (NOT IN keeps how
 * many right rows there are, under the same number.) */
bool wr_plan_join_counts_matches(const struct plan *plan);
/* Which columns of a side's rows are kept (`kept`, one per column of that input). A column that equals one of the other
 * side in every match, byte by byte, is not: twins[c] is that column, else PLAN_NO_TWIN. */
void wr_plan_join_columns(const struct plan *plan, unsigned side, bool *kept, uint16_t *twins);
/* At most one row of the side comes per join key, and it stays for ever. */
bool wr_plan_join_is_final(const struct plan *plan, unsigned side);
/* A row of the side is forgotten once it has met its match:
 *   inner       the other side is final: there will be no second match
 *   semi, anti  without a condition over a right side that only grows: what is decided stays decided */
bool wr_plan_join_forgets(const struct plan *plan, unsigned side);
/* The side's rows are only ever added: none is retracted, forgotten or summed with an equal one. */
bool wr_plan_join_only_adds(const struct plan *plan, unsigned side);

/* ---- aggregates: a row per group; beside the groups what DISTINCT, min and max need */

enum agg_keeps {
    AGG_KEEPS_NOTHING,  /* but its accumulator in the group's row */
    AGG_KEEPS_COUNTS,   /* DISTINCT: how often each value is there; shared by all over the same argument */
    AGG_KEEPS_IN_ORDER, /* min, max of input that can shrink: the values in order; shared by those of the same name,
                           argument and FILTER */
};
enum agg_keeps wr_plan_agg_keeps(const struct plan *plan, uint16_t agg);
/* states[i]: the state table that aggregate i uses beside the groups (which are state 0): first those with counts, then
 * those in order, each numbered as its first user stands in `aggs`; 0: none. Returns how many of them have counts. */
uint16_t wr_plan_agg_states(const struct plan *plan, uint16_t *states);

/* ---- top-N: rows per partition, in order */

/* How many rows of a partition are kept, UINT64_MAX: all of them, as a row that leaves lets another one in. */
uint64_t wr_plan_topn_keeps(const struct plan *plan);

#endif
