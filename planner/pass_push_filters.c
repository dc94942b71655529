/* Conditions are checked as early as possible.
 *
 *   before  SELECT * FROM a JOIN b ON a.id = b.id AND b.y = 1 WHERE a.x = 1
 *   after   SELECT * FROM (SELECT * FROM a WHERE x = 1) a JOIN (SELECT * FROM b WHERE y = 1) b ON a.id = b.id
 * through projections, unions, sides of joins, and past aggregates, DISTINCT and TopN on their group columns.
 *
 * Conditions: one that can fail passes only where it meets the same rows (Project, Union, an equality between the sides
 * of an inner join) and nothing written before it stays behind. A LEFT join's right side takes conditions from ON only.
 */
#include <string.h>

#include "planner/passes.h"

struct pushing {
    struct wr_arena *arena;
    uint8_t version;
    bool changed;
};

static void push_plan(struct pushing *p, struct plan **at);

static void add_filter(struct pushing *p, struct plan **at, struct expr *condition)
{
    struct wr_arena *arena = p->arena;
    if ((*at)->kind == PLAN_FILTER) { /* behind what is there */
        struct expr *both[] = {(*at)->filter.predicate, condition}, **args;
        uint16_t n = split_and(arena, make_and(arena, both, 2), &args);
        (*at)->filter.predicate = make_and(arena, args, n);
    } else {
        *at = make_filter(arena, *at, condition);
    }
    p->changed = true;
}

/* Only columns the flags allow? */
static bool reads_within(const struct expr *expr, const bool *allowed)
{
    if (expr->kind == EXPR_COLUMN)
        return allowed[expr->column];
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (!reads_within(expr->args[i], allowed))
            return false;
    return true;
}

/* Groups are made by SQL equality, in which 1.0 = 1.00: a condition that tells such values apart (by their text, say)
 * must see the group's value, not the rows'. Comparisons do not. */
static bool keeps_groups(const struct expr *expr)
{
    static const char *const comparisons[] = {"=", "<>", "<", "<=", ">", ">="};
    if (expr->kind == EXPR_COLUMN)
        return wr_type_info(expr->type.id)->equality_is_identity;
    for (size_t i = 0; expr->kind == EXPR_CALL && i < WR_COUNT(comparisons); i++)
        if (!strcmp(expr->fn->name, comparisons[i]) && expr->args[0]->kind == EXPR_COLUMN && !reads_any(expr->args[1]))
            return true;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (!keeps_groups(expr->args[i]))
            return false;
    return true;
}

/* Each of these takes a condition of a filter above `below` if it can: true = it went down. `first`: all conditions
 * written before it went down too. */

static bool push_project(struct pushing *p, struct plan *below, struct expr *condition, bool first)
{
    bool *used = WR_NEW_ARRAY(p->arena, bool, below->ncols);
    wr_expr_columns(condition, used);
    for (uint16_t i = 0; i < below->ncols; i++)
        if (used[i] && wr_expr_can_fail(below->project.exprs[i]))
            return false;
    if (!first && wr_expr_can_fail(condition))
        return false;
    add_filter(p, &below->inputs[0], wr_expr_substitute(p->arena, condition, below->project.exprs));
    return true;
}

static bool push_union(struct pushing *p, struct plan *below, struct expr *condition, bool first)
{
    if (!first && wr_expr_can_fail(condition))
        return false;
    uint16_t *same = WR_NEW_ARRAY(p->arena, uint16_t, below->ncols);
    for (uint16_t i = 0; i < below->ncols; i++)
        same[i] = i;
    for (uint16_t i = 0; i < below->ninputs; i++)
        add_filter(p, &below->inputs[i], wr_expr_remap(p->arena, condition, same));
    return true;
}

static bool is_equality_between(const struct expr *expr, uint16_t nleft)
{
    if (expr->kind != EXPR_CALL || expr->nargs != 2 || strcmp(expr->fn->name, "="))
        return false;
    const struct expr *a = expr->args[0], *b = expr->args[1];
    return reads_any(a) && reads_any(b) &&
           ((reads_only(a, 0, nleft) && reads_only(b, nleft, UINT16_MAX)) ||
            (reads_only(b, 0, nleft) && reads_only(a, nleft, UINT16_MAX)));
}

static bool has_key(struct wr_arena *arena, const struct plan *join)
{
    struct expr **conds;
    uint16_t n = split_and(arena, join->join.condition, &conds);
    for (uint16_t i = 0; i < n; i++)
        if (!wr_expr_can_fail(conds[i]) && is_equality_between(conds[i], join->inputs[0]->ncols))
            return true;
    return join->join.nkeys > 0;
}

/* The condition of an inner join meets the rows that a filter above it does. It is put there if the join needs it. */
static bool push_failing(struct pushing *p, struct plan *below, struct expr *condition)
{
    if (p->version < FAILING_SINCE || below->join.type != JOIN_INNER || has_key(p->arena, below) ||
        !is_equality_between(condition, below->inputs[0]->ncols))
        return false;
    struct expr *both[] = {below->join.condition, condition};
    below->join.condition = below->join.condition ? make_and(p->arena, both, 2) : condition;
    p->changed = true;
    return true;
}

static bool push_join(struct pushing *p, struct plan *below, struct expr *condition, bool first)
{
    uint16_t nleft = below->inputs[0]->ncols, n = wr_plan_join_width(below);
    if (wr_expr_can_fail(condition))
        return first && push_failing(p, below, condition);
    if (below->join.type == JOIN_FULL)
        return false;
    if (reads_only(condition, 0, nleft)) {
        add_filter(p, &below->inputs[0], condition);
        return true;
    }
    if (below->join.type != JOIN_INNER)
        return false;
    if (reads_only(condition, nleft, n)) {
        add_filter(p, &below->inputs[1], shift_columns(p->arena, condition, nleft));
        return true;
    }
    struct expr *both[] = {below->join.condition, condition};
    below->join.condition = below->join.condition ? make_and(p->arena, both, 2) : condition;
    p->changed = true;
    return true;
}

static bool push_aggregate(struct pushing *p, struct plan *below, struct expr *condition)
{
    if (!below->aggregate.ngroup || wr_expr_can_fail(condition) || !keeps_groups(condition) ||
        !reads_only(condition, 0, below->aggregate.ngroup))
        return false;
    add_filter(p, &below->inputs[0], wr_expr_remap(p->arena, condition, below->aggregate.group));
    return true;
}

static bool push_topn(struct pushing *p, struct plan *below, struct expr *condition)
{
    bool *allowed = WR_NEW_ARRAY(p->arena, bool, below->ncols);
    for (uint16_t i = 0; i < below->topn.npartition; i++)
        allowed[below->topn.partition[i]] = true;
    if (wr_expr_can_fail(condition) || !keeps_groups(condition) || !reads_any(condition) ||
        !reads_within(condition, allowed))
        return false;
    add_filter(p, &below->inputs[0], condition);
    return true;
}

static bool push_one(struct pushing *p, struct plan *below, struct expr *condition, bool first)
{
    switch (below->kind) {
    case PLAN_PROJECT:
        return push_project(p, below, condition, first);
    case PLAN_UNION:
        return push_union(p, below, condition, first);
    case PLAN_JOIN:
        return push_join(p, below, condition, first);
    case PLAN_AGGREGATE:
        return push_aggregate(p, below, condition);
    case PLAN_TOPN:
        return push_topn(p, below, condition);
    case PLAN_DISTINCT:
        if (wr_expr_can_fail(condition) || !keeps_groups(condition))
            return false;
        add_filter(p, &below->inputs[0], condition);
        return true;
    default:
        return false;
    }
}

static void push_filter(struct pushing *p, struct plan **at)
{
    struct plan *plan = *at, *below = plan->inputs[0];
    struct expr **conds;
    uint16_t n = split_and(p->arena, plan->filter.predicate, &conds), kept = 0;
    for (uint16_t i = 0; i < n; i++)
        if (!push_one(p, below, conds[i], kept == 0))
            conds[kept++] = conds[i];
    if (kept == n)
        return;
    if (kept) {
        plan->filter.predicate = make_and(p->arena, conds, kept);
        return;
    }
    for (uint16_t i = 0; i < plan->ncols; i++)
        below->cols[i].name = plan->cols[i].name;
    *at = below;
}

/* ON: a condition on one side, where a row of that side that fails it matches nothing and shows nothing. */
static void push_on(struct pushing *p, struct plan *plan)
{
    uint16_t nleft = plan->inputs[0]->ncols, n = wr_plan_join_width(plan), kept = 0;
    struct expr **conds;
    uint16_t nconds = split_and(p->arena, plan->join.condition, &conds);
    bool left_ok = plan->join.type == JOIN_INNER || plan->join.type == JOIN_SEMI;
    for (uint16_t i = 0; i < nconds; i++) {
        struct expr *condition = conds[i];
        bool safe = !wr_expr_can_fail(condition) && reads_any(condition);
        if (safe && left_ok && reads_only(condition, 0, nleft))
            add_filter(p, &plan->inputs[0], condition);
        else if (safe && !plan->join.null_aware && reads_only(condition, nleft, n))
            add_filter(p, &plan->inputs[1], shift_columns(p->arena, condition, nleft));
        else
            conds[kept++] = condition;
    }
    plan->join.condition = make_and(p->arena, conds, kept);
}

static void push_plan(struct pushing *p, struct plan **at)
{
    if ((*at)->kind == PLAN_FILTER)
        push_filter(p, at);
    if ((*at)->kind == PLAN_JOIN && (*at)->join.condition)
        push_on(p, *at);
    for (uint16_t i = 0; i < (*at)->ninputs; i++)
        push_plan(p, &(*at)->inputs[i]);
}

bool pass_push_filters(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    struct pushing p = {.arena = planner->arena, .version = planner->version};
    (void)err;
    push_plan(&p, plan);
    *changed = p.changed;
    return true;
}
