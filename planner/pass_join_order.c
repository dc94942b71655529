/* No cross product where an equality connects.
 *
 *   before  SELECT * FROM a, b, c WHERE a.x = c.x AND c.y = b.y      ((a x b) x c)
 *   after   ((a join c on a.x = c.x) join b on c.y = b.y), and a projection that restores the order of columns
 *
 * Conditions: a tree of inner joins below a filter, whose ON conditions cannot fail; it is reordered only if the
 * written order has a join that no equality connects although a later relation would. The conditions stay where they
 * are (the filter, now over the renumbered columns); pass_push_filters.c and pass_extract_keys.c put them into the
 * joins. */
#include <string.h>

#include "planner/passes.h"

#define LEAVES_MAX 64

struct ordering {
    struct wr_arena *arena;
    uint16_t nleaves;
    struct plan *leaves[LEAVES_MAX];
    uint16_t first[LEAVES_MAX]; /* first column of the leaf in the written order */
    uint16_t nconds;
    struct expr **conds; /* over the written order's columns */
};

static bool is_plain_inner(const struct plan *plan)
{
    return plan->kind == PLAN_JOIN && plan->join.type == JOIN_INNER && !plan->join.nkeys;
}

static uint32_t count_leaves(const struct plan *plan)
{
    return is_plain_inner(plan) ? count_leaves(plan->inputs[0]) + count_leaves(plan->inputs[1]) : 1;
}

/* Leaves in written order, and the joins' own conditions. */
static void collect(struct ordering *o, struct plan *plan, uint16_t base)
{
    if (!is_plain_inner(plan)) {
        o->first[o->nleaves] = base;
        o->leaves[o->nleaves++] = plan;
        return;
    }
    collect(o, plan->inputs[0], base);
    collect(o, plan->inputs[1], (uint16_t)(base + plan->inputs[0]->ncols));
    struct expr **conds;
    uint16_t n = split_and(o->arena, plan->join.condition, &conds);
    struct expr **all = WR_NEW_ARRAY(o->arena, struct expr *, o->nconds + n);
    if (o->nconds)
        memcpy(all, o->conds, o->nconds * sizeof(all[0]));
    for (uint16_t i = 0; i < n; i++)
        all[o->nconds + i] = shift_columns(o->arena, conds[i], -base);
    o->conds = all;
    o->nconds = (uint16_t)(o->nconds + n);
}

static uint64_t leaves_of(const struct ordering *o, const struct expr *expr)
{
    uint64_t set = 0;
    if (expr->kind == EXPR_COLUMN) {
        uint16_t leaf = (uint16_t)(o->nleaves - 1);
        while (o->first[leaf] > expr->column)
            leaf--;
        return 1ull << leaf;
    }
    for (uint16_t i = 0; i < expr->nargs; i++)
        set |= leaves_of(o, expr->args[i]);
    return set;
}

/* Is there an equality between the leaf and those already joined? */
static bool connects(const struct ordering *o, uint64_t joined, uint16_t leaf)
{
    for (uint16_t i = 0; i < o->nconds; i++) {
        const struct expr *expr = o->conds[i];
        bool equal = expr->kind == EXPR_CALL && expr->nargs == 2 && !strcmp(expr->fn->name, "=");
        if (!equal || wr_expr_can_fail(expr))
            continue;
        uint64_t a = leaves_of(o, expr->args[0]), b = leaves_of(o, expr->args[1]), bit = 1ull << leaf;
        if (a && b && ((a == bit && !(b & ~joined)) || (b == bit && !(a & ~joined))))
            return true;
    }
    return false;
}

/* Greedy: the first in written order that connects, else the first left over. Returns whether that differs from the
 * written one. */
static bool choose_order(const struct ordering *o, uint16_t *order)
{
    uint64_t joined = 1;
    bool differs = false;
    order[0] = 0;
    for (uint16_t n = 1; n < o->nleaves; n++) {
        uint16_t next = 0, rest = 0;
        for (uint16_t i = o->nleaves; i-- > 1;) {
            if (joined & (1ull << i))
                continue;
            rest = i;
            if (connects(o, joined, i))
                next = i;
        }
        order[n] = next ? next : rest;
        differs |= order[n] != n;
        joined |= 1ull << order[n];
    }
    return differs;
}

static void reorder(struct ordering *o, struct plan *filter, const uint16_t *order)
{
    struct wr_arena *arena = o->arena;
    uint16_t *map = WR_NEW_ARRAY(arena, uint16_t, filter->ncols), at = 0;
    struct plan *plan = NULL;
    for (uint16_t i = 0; i < o->nleaves; i++) {
        struct plan *leaf = o->leaves[order[i]];
        for (uint16_t c = 0; c < leaf->ncols; c++)
            map[o->first[order[i]] + c] = at++;
        plan = plan ? make_join(arena, JOIN_INNER, plan, leaf, NULL) : leaf;
    }
    /* conditions below the projection, so that they reach the joins at once */
    struct expr *predicate = wr_expr_remap(arena, make_and(arena, o->conds, o->nconds), map);
    plan = make_filter(arena, plan, predicate);
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, filter->ncols);
    const char **names = WR_NEW_ARRAY(arena, const char *, filter->ncols);
    for (uint16_t i = 0; i < filter->ncols; i++) {
        exprs[i] = make_column(arena, plan, map[i]);
        names[i] = filter->cols[i].name;
    }
    struct plan *project = make_project(arena, plan, exprs, names, filter->ncols);
    memcpy(project->cols, filter->cols, filter->ncols * sizeof(filter->cols[0]));
    *filter = *project;
}

static bool order_filter(struct wr_arena *arena, struct plan *filter)
{
    struct plan *join = filter->inputs[0];
    uint32_t n = count_leaves(join);
    if (n < 3 || n > LEAVES_MAX)
        return false;
    struct ordering o = {.arena = arena};
    uint16_t order[LEAVES_MAX];
    collect(&o, join, 0);
    for (uint16_t i = 0; i < o.nconds; i++)
        if (wr_expr_can_fail(o.conds[i]))
            return false;
    /* the filter's conditions come last, as written */
    struct expr **conds;
    uint16_t nconds = split_and(arena, filter->filter.predicate, &conds);
    struct expr **all = WR_NEW_ARRAY(arena, struct expr *, o.nconds + nconds);
    if (o.nconds)
        memcpy(all, o.conds, o.nconds * sizeof(all[0]));
    memcpy(all + o.nconds, conds, nconds * sizeof(all[0]));
    o.conds = all;
    o.nconds = (uint16_t)(o.nconds + nconds);
    if (!choose_order(&o, order))
        return false;
    reorder(&o, filter, order);
    return true;
}

static void order_plan(struct wr_arena *arena, struct plan *plan, bool *changed)
{
    if (plan->kind == PLAN_FILTER && is_plain_inner(plan->inputs[0]))
        *changed |= order_filter(arena, plan);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        order_plan(arena, plan->inputs[i], changed);
}

bool pass_join_order(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    order_plan(planner->arena, *plan, changed);
    return true;
}
