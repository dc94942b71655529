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
#include "planner/passes.h"

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

static struct expr *make_guard(struct wr_arena *arena, const struct guard *guard)
{
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, 1);
    args[0] = guard->arg;
    struct expr *expr = wr_expr_nary(arena, guard->kind, args, 1);
    expr->bool_test = guard->bool_test;
    expr->negated = guard->negated;
    return expr;
}

/* Of the guard what the block's plan can tell: aggregates and subqueries are not there yet. */
static struct expr *known_guard(struct block *block)
{
    struct wr_arena *arena = block->binder->arena;
    uint32_t n = 0, at;
    for (const struct guard *guard = block->guard; guard; guard = guard->outer)
        n += !block->grouped && reads_only(guard->arg, 0, COLUMN_OUTER);
    at = n = WR_MIN(n, (uint32_t)UINT16_MAX);
    struct expr **tests = WR_NEW_ARRAY(arena, struct expr *, n);
    for (const struct guard *guard = block->guard; guard && at; guard = guard->outer)
        if (reads_only(guard->arg, 0, COLUMN_OUTER))
            tests[--at] = make_guard(arena, guard);
    return make_and(arena, tests, (uint16_t)n);
}

static uint32_t count_scans(const struct plan *plan)
{
    uint32_t n = plan->ninputs == 0;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        n += count_scans(plan->inputs[i]);
    return n;
}

bool bind_copy_outer(struct block *outer, struct plan **copy)
{
    struct wr_arena *arena = outer->binder->arena;
    TRY(bind_restrict(outer));
    TRY(bind_count_relations(outer->binder, count_scans(outer->from.plan)));
    *copy = wr_plan_copy(arena, outer->from.plan);
    if (outer->npending)
        *copy = make_filter(arena, *copy, make_and(arena, outer->pending, outer->npending));
    struct expr *guard = known_guard(outer);
    if (guard)
        *copy = make_filter(arena, *copy, guard);
    return true;
}

struct expr *bind_guarded(struct block *block, struct expr *expr)
{
    struct wr_arena *arena = block->binder->arena;
    struct expr *guard = known_guard(block);
    if (!guard || !wr_expr_can_fail(expr) || wr_expr_can_fail(guard))
        return expr;
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, 2);
    args[0] = guard;
    args[1] = expr;
    struct expr *guarded = wr_expr_nary(arena, EXPR_CASE, args, 2);
    guarded->type = expr->type;
    guarded->location = expr->location;
    return guarded;
}

static bool restrict_plan(struct block *block, struct plan **at)
{
    struct correlation *corr = block->corr;
    struct plan *plan = *at, *outer;
    struct shift shift = {block->binder->arena, plan->ncols};
    struct expr **conds = WR_NEW_ARRAY(shift.arena, struct expr *, corr->n);
    TRY(bind_copy_outer(block->outer, &outer));
    for (uint16_t i = 0; i < corr->n; i++)
        conds[i] = rewrite_columns(shift.arena, corr->conditions[i], to_semi, &shift);
    *at = make_join(shift.arena, JOIN_SEMI, plan, outer, make_and(shift.arena, conds, corr->n));
    (*at)->join.restricts = true;
    corr->nrestricting = corr->n;
    return true;
}

static bool is_open(const struct block *block)
{
    const struct correlation *corr = block->corr;
    return corr && corr->n > corr->nrestricting && block->binder->planner->version >= 2;
}

bool bind_restrict(struct block *block)
{
    return !is_open(block) || restrict_plan(block, &block->from.plan);
}

/* Nodes were put on top of a plan: does one of them fail? */
static bool can_fail_above(const struct plan *plan, const struct plan *below)
{
    for (; plan != below; plan = plan->inputs[0])
        if (plan_can_fail(plan))
            return true;
    return false;
}

bool bind_restrict_below(struct block *block, struct plan *below)
{
    struct plan **at = &block->from.plan;
    if (!is_open(block) || !can_fail_above(*at, below))
        return true;
    while (*at != below)
        at = &(*at)->inputs[0];
    return restrict_plan(block, at);
}
