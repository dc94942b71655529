/* The table of operators: plan node kind -> class. */
#include "executor/op.h"

static const struct op_class *const classes[PLAN_KIND_COUNT] = {
    [PLAN_SCAN] = &op_scan,         [PLAN_VALUES] = &op_values,     [PLAN_FILTER] = &op_filter,
    [PLAN_PROJECT] = &op_project,   [PLAN_JOIN] = &op_join,         [PLAN_AGGREGATE] = &op_aggregate,
    [PLAN_DISTINCT] = &op_distinct, [PLAN_UNION] = &op_union,       [PLAN_TOPN] = &op_topn,
    [PLAN_SORT] = &op_sort,         [PLAN_EXCHANGE] = &op_exchange,
};

const struct op_class *wr_op_class(enum plan_kind kind)
{
    return (unsigned)kind < PLAN_KIND_COUNT ? classes[kind] : NULL;
}
