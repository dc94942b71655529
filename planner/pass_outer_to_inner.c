/* A LEFT join whose NULL-extended rows cannot pass is an inner join.
 *
 *   before  SELECT * FROM a LEFT JOIN b ON a.id = b.id WHERE b.x > 1
 *   after   SELECT * FROM a JOIN b ON a.id = b.id WHERE b.x > 1
 *
 * Condition: some AND-argument is never true when the right side's columns are NULL: a strict call (comparisons are)
 * over such a column, or IS NOT NULL of one. */
#include "planner/passes.h"

/* NULL whenever all right columns are NULL? */
static bool is_null_on_null(const struct expr *expr, uint16_t nleft)
{
    if (expr->kind == EXPR_COLUMN)
        return expr->column >= nleft;
    if (expr->kind != EXPR_CALL || !(expr->fn->flags & FN_STRICT))
        return false;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (is_null_on_null(expr->args[i], nleft))
            return true;
    return false;
}

static bool rejects_null(const struct expr *expr, uint16_t nleft)
{
    switch (expr->kind) {
    case EXPR_CALL:
    case EXPR_COLUMN:
        return is_null_on_null(expr, nleft);
    case EXPR_IS_NULL:
        return expr->negated && is_null_on_null(expr->args[0], nleft);
    case EXPR_IN_LIST:
        return is_null_on_null(expr->args[0], nleft);
    case EXPR_OR:
        for (uint16_t i = 0; i < expr->nargs; i++)
            if (!rejects_null(expr->args[i], nleft))
                return false;
        return true;
    default:
        return false;
    }
}

static bool convert(struct wr_arena *arena, struct plan *filter)
{
    struct plan *join = filter->inputs[0];
    if (join->kind != PLAN_JOIN || join->join.type != JOIN_LEFT)
        return false;
    struct expr **conds;
    uint16_t n = split_and(arena, filter->filter.predicate, &conds), nleft = join->inputs[0]->ncols;
    bool rejects = false;
    for (uint16_t i = 0; i < n; i++)
        rejects |= rejects_null(conds[i], nleft);
    if (!rejects)
        return false;
    join->join.type = JOIN_INNER;
    for (uint16_t i = nleft; i < join->ncols; i++)
        join->cols[i].nullable = filter->cols[i].nullable = join->inputs[1]->cols[i - nleft].nullable;
    return true;
}

static void convert_plan(struct wr_arena *arena, struct plan *plan, bool *changed)
{
    if (plan->kind == PLAN_FILTER)
        *changed |= convert(arena, plan);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        convert_plan(arena, plan->inputs[i], changed);
}

bool pass_outer_to_inner(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    convert_plan(planner->arena, *plan, changed);
    return true;
}
