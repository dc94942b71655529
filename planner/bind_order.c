/* The order of a subquery that is all that a query reads.
 *
 *   SELECT id FROM (SELECT id, at FROM events ORDER BY at) e LIMIT 3
 * In SQL a subquery's rows have no order. PostgreSQL's do, and programs rely on it: the LIMIT of such a query takes the
 * first rows in the subquery's order, and its result comes in that order. So both are done within the subquery. */
#include "planner/passes.h"

/* Since which version: a stored query from before keeps the plan its state was made for. */
#define ORDERS_SINCE 4

/* Aggregates and windows see all rows, whatever their order; subqueries may hold some. */
static bool sees_all_rows(void *context, const ProtobufCMessage *message)
{
    (void)context;
    if (message->descriptor != &pg_query__node__descriptor)
        return false;
    const PgQuery__Node *node = (const PgQuery__Node *)message;
    if (node->node_case == PG_QUERY__NODE__NODE_SUB_LINK)
        return true;
    if (node->node_case != PG_QUERY__NODE__NODE_FUNC_CALL || !node->func_call->n_funcname)
        return false;
    const PgQuery__FuncCall *call = node->func_call;
    const char *name = bind_string(call->funcname[call->n_funcname - 1]);
    return call->over || call->agg_star || wr_agg_exists(name);
}

static bool is_constant_bound(const PgQuery__Node *node)
{
    return !node || node->node_case == PG_QUERY__NODE__NODE_A_CONST ||
           node->node_case == PG_QUERY__NODE__NODE_PARAM_REF;
}

static bool is_sole(const PgQuery__SelectStmt *node)
{
    return node->n_from_clause == 1 && (node->from_clause[0]->node_case == PG_QUERY__NODE__NODE_RANGE_SUBSELECT ||
                                        node->from_clause[0]->node_case == PG_QUERY__NODE__NODE_RANGE_VAR);
}

/* Does each row of FROM give at most one row, where it stands? A join does not. */
static bool keeps_order(struct block *block, const PgQuery__SelectStmt *node)
{
    if (!is_sole(node) || node->n_sort_clause || node->n_group_clause || node->having_clause ||
        node->n_distinct_clause || block->corr || block->binder->planner->version < ORDERS_SINCE)
        return false;
    for (size_t i = 0; i < node->n_target_list; i++)
        if (wr_plan_find_message(&node->target_list[i]->base, sees_all_rows, NULL))
            return false;
    return true;
}

void bind_pass_order(struct block *block, const PgQuery__SelectStmt *node, const struct select_mode *mode)
{
    bool limits = node->limit_count || node->limit_offset;
    bool movable = !node->where_clause && is_constant_bound(node->limit_count) && is_constant_bound(node->limit_offset);
    if (!keeps_order(block, node) || (limits && !movable))
        return;
    block->sole.top = mode->top;
    if (limits) {
        block->sole.limit = node;
        block->sole.limited = &block->limited;
    } else if (!node->where_clause) {
        block->sole.limit = mode->limit;
        block->sole.limited = mode->limited;
    }
}
