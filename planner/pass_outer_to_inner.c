/* An outer join whose NULL-extended rows cannot pass is none.
 *
 *   before  SELECT * FROM a LEFT JOIN b ON a.id = b.id WHERE b.x > 1
 *   after   SELECT * FROM a JOIN b ON a.id = b.id WHERE b.x > 1
 *   before  SELECT * FROM a FULL JOIN b ON a.id = b.id WHERE a.x > 1
 *   after   SELECT * FROM a LEFT JOIN b ON a.id = b.id WHERE a.x > 1
 *
 * Condition: some AND-argument is never true when a side's columns are NULL: a strict call (comparisons are) over such
 * a column, or IS NOT NULL of one. (A FULL join that needs its right rows alone stays as it is.) */
#include "planner/passes.h"

/* A side's columns. */
struct range {
    uint16_t from, to;
};

static bool rejects_null(const struct expr *expr, struct range side)
{
    switch (expr->kind) {
    case EXPR_CALL:
    case EXPR_COLUMN:
        return is_null_on_null(expr, side.from, side.to);
    case EXPR_IS_NULL:
        return expr->negated && is_null_on_null(expr->args[0], side.from, side.to);
    case EXPR_IN_LIST:
        return is_null_on_null(expr->args[0], side.from, side.to);
    case EXPR_OR:
        for (uint16_t i = 0; i < expr->nargs; i++)
            if (!rejects_null(expr->args[i], side))
                return false;
        return true;
    default:
        return false;
    }
}

static bool any_rejects(struct expr *const *conds, uint16_t n, struct range side)
{
    for (uint16_t i = 0; i < n; i++)
        if (rejects_null(conds[i], side))
            return true;
    return false;
}

/* The side always has its row now. */
static void set_present(struct plan *filter, const struct plan *input, uint16_t from)
{
    for (uint16_t i = 0; i < input->ncols; i++)
        filter->inputs[0]->cols[from + i].nullable = filter->cols[from + i].nullable = input->cols[i].nullable;
}

static bool convert(struct wr_arena *arena, struct plan *filter)
{
    struct plan *join = filter->inputs[0];
    if (join->kind != PLAN_JOIN || (join->join.type != JOIN_LEFT && join->join.type != JOIN_FULL))
        return false;
    struct expr **conds;
    uint16_t n = split_and(arena, filter->filter.predicate, &conds), nleft = join->inputs[0]->ncols;
    bool full = join->join.type == JOIN_FULL;
    bool left = !full || any_rejects(conds, n, (struct range){0, nleft});
    bool right = left && any_rejects(conds, n, (struct range){nleft, join->ncols});
    if (full && left)
        set_present(filter, join->inputs[0], 0);
    if (right)
        set_present(filter, join->inputs[1], nleft);
    if (right || (full && left))
        join->join.type = right ? JOIN_INNER : JOIN_LEFT;
    return right || (full && left);
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
