/* What a correlated subquery computes that can fail is computed for the rows its conditions leave, as written (law L4).
 *
 *   SELECT a.id, (SELECT sum(10 / b.x) FROM b WHERE b.a = a.id) FROM a WHERE a.y > 0
 * The subquery is joined to the outer query by its conditions at the end (bind_subquery.c): 10 / b.x, below that join,
 * would be computed for rows of b that belong to no row of a. So those are left out before:
 *
 *   ... FROM b, semi-joined on b.a = a.id with a copy of (a WHERE a.y > 0)
 *
 * The copy computes nothing new: what fails in it is reported where it was copied from (join.restricts). It costs the
 * state of a semi join, and is made only where something can fail. */
#include "planner/bind.h"

struct shift {
    struct wr_arena *arena;
    uint16_t nleft;
};

/* The subquery's own columns are the semi join's left ones, the outer query's its right ones. */
static struct expr *to_semi(void *context, struct expr *column)
{
    const struct shift *shift = context;
    uint16_t to =
        column->column >= COLUMN_OUTER ? (uint16_t)(column->column - COLUMN_OUTER + shift->nleft) : column->column;
    struct expr *copy = wr_expr_column(shift->arena, to, column->type, column->nullable);
    copy->location = column->location;
    return copy;
}

static struct plan *copy_outer(struct block *outer)
{
    struct wr_arena *arena = outer->binder->arena;
    bind_restrict(outer);
    struct plan *copy = wr_plan_copy(arena, outer->from.plan);
    return outer->npending ? make_filter(arena, copy, make_and(arena, outer->pending, outer->npending)) : copy;
}

static struct plan *restricted(struct block *block, struct plan *plan)
{
    struct correlation *corr = block->corr;
    struct shift shift = {block->binder->arena, plan->ncols};
    struct expr **conds = WR_NEW_ARRAY(shift.arena, struct expr *, corr->n);
    for (uint16_t i = 0; i < corr->n; i++)
        conds[i] = rewrite_columns(shift.arena, corr->conditions[i], to_semi, &shift);
    struct plan *join =
        make_join(shift.arena, JOIN_SEMI, plan, copy_outer(block->outer), make_and(shift.arena, conds, corr->n));
    join->join.restricts = true;
    corr->nrestricting = corr->n;
    return join;
}

static bool is_open(const struct block *block)
{
    const struct correlation *corr = block->corr;
    return corr && corr->n > corr->nrestricting && block->binder->planner->version >= 2;
}

void bind_restrict(struct block *block)
{
    if (is_open(block))
        block->from.plan = restricted(block, block->from.plan);
}

/* Nodes were put on top of a plan: does one of them fail? */
static bool can_fail_above(const struct plan *plan, const struct plan *below)
{
    for (; plan != below; plan = plan->inputs[0])
        if (plan_can_fail(plan))
            return true;
    return false;
}

void bind_restrict_below(struct block *block, struct plan *below)
{
    struct plan **at = &block->from.plan;
    if (!is_open(block) || !can_fail_above(*at, below))
        return;
    while (*at != below)
        at = &(*at)->inputs[0];
    *at = restricted(block, below);
}
