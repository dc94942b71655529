/* Inner joins in an order that keeps few rows.
 *
 *   before  SELECT * FROM a, b, c WHERE a.x = c.x AND c.y = b.y      ((a x b) x c)
 *   after   ((a join c on a.x = c.x) join b on c.y = b.y), and a projection that restores the order of columns
 *   before  a JOIN b ON a.x = b.x JOIN c ON b.c_id = c.id WHERE c.name = 'c'
 *   after   a JOIN (b JOIN c ON b.c_id = c.id) ON a.x = b.x
 *
 * Conditions: a tree of inner joins, below a filter or not, whose ON conditions cannot fail. join_tree.c chooses; views
 * planned before are only reordered if the written order has a join that no equality connects although a later relation
 * would. The conditions become a filter over the renumbered columns; pass_push_filters.c and pass_extract_keys.c put
 * them into the joins. */
#include "planner/join_tree.h"

#include <string.h>

#define GUESSES_SINCE 6
#define TIMES_MAX     3

static bool is_plain_inner(const struct plan *plan)
{
    return plan->kind == PLAN_JOIN && plan->join.type == JOIN_INNER && !plan->join.nkeys && !plan->join.restricts;
}

static uint32_t count_leaves(const struct plan *plan)
{
    return is_plain_inner(plan) ? count_leaves(plan->inputs[0]) + count_leaves(plan->inputs[1]) : 1;
}

/* Leaves and joins in written order, and the joins' own conditions. What the plan is, as a join_step says it. */
static uint16_t collect(struct join_tree *tree, uint16_t *nsteps, struct plan *plan, uint16_t base)
{
    if (!is_plain_inner(plan)) {
        tree->first[tree->nleaves] = base;
        tree->leaves[tree->nleaves] = plan;
        tree->ncols = (uint16_t)(base + plan->ncols);
        return tree->nleaves++;
    }
    struct join_step step;
    step.left = collect(tree, nsteps, plan->inputs[0], base);
    step.right = collect(tree, nsteps, plan->inputs[1], (uint16_t)(base + plan->inputs[0]->ncols));
    tree->steps[*nsteps] = step;
    struct expr **conds;
    uint16_t n = split_and(tree->arena, plan->join.condition, &conds);
    struct expr **all = WR_NEW_ARRAY(tree->arena, struct expr *, tree->nconds + n);
    if (tree->nconds)
        memcpy(all, tree->conds, tree->nconds * sizeof(all[0]));
    for (uint16_t i = 0; i < n; i++)
        all[tree->nconds + i] = shift_columns(tree->arena, conds[i], -base);
    tree->conds = all;
    tree->nconds = (uint16_t)(tree->nconds + n);
    return (uint16_t)(LEAVES_MAX + (*nsteps)++);
}

/* Is there an equality between the leaf and those already joined? */
static bool connects(const struct join_tree *tree, uint64_t joined, uint16_t leaf)
{
    for (uint16_t i = 0; i < tree->nconds; i++) {
        const struct expr *expr = tree->conds[i];
        bool equal = expr->kind == EXPR_CALL && expr->nargs == 2 && !strcmp(expr->fn->name, "=");
        if (!equal || wr_expr_can_fail(expr))
            continue;
        uint64_t a = join_tree_leaves(tree, expr->args[0]), b = join_tree_leaves(tree, expr->args[1]),
                 bit = 1ull << leaf;
        if (a && b && ((a == bit && !(b & ~joined)) || (b == bit && !(a & ~joined))))
            return true;
    }
    return false;
}

/* Greedy: the first in written order that connects, else the first left over. Returns whether that differs from the
 * written one. */
static bool choose_order(const struct join_tree *tree, uint16_t *order)
{
    uint64_t joined = 1;
    bool differs = false;
    order[0] = 0;
    for (uint16_t n = 1; n < tree->nleaves; n++) {
        uint16_t next = 0, rest = 0;
        for (uint16_t i = tree->nleaves; i-- > 1;) {
            if (joined & (1ull << i))
                continue;
            rest = i;
            if (connects(tree, joined, i))
                next = i;
        }
        order[n] = next ? next : rest;
        differs |= order[n] != n;
        joined |= 1ull << order[n];
    }
    return differs;
}

static void chain(struct join_tree *tree, const uint16_t *order)
{
    for (uint16_t i = 0; i + 1 < tree->nleaves; i++)
        tree->steps[i] = (struct join_step){i ? (uint16_t)(LEAVES_MAX + i - 1) : order[0], order[i + 1]};
}

/* map: where a column of the written order is. */
static struct plan *build(const struct join_tree *tree, uint16_t number, uint16_t *map, uint16_t *at)
{
    if (number >= LEAVES_MAX) {
        const struct join_step *step = &tree->steps[number - LEAVES_MAX];
        struct plan *left = build(tree, step->left, map, at);
        return make_join(tree->arena, JOIN_INNER, left, build(tree, step->right, map, at), NULL);
    }
    for (uint16_t i = 0; i < tree->leaves[number]->ncols; i++)
        map[tree->first[number] + i] = (*at)++;
    return tree->leaves[number];
}

static void reorder(const struct join_tree *tree, struct plan *top)
{
    struct wr_arena *arena = tree->arena;
    uint16_t *map = WR_NEW_ARRAY(arena, uint16_t, top->ncols), at = 0;
    struct plan *plan = build(tree, (uint16_t)(LEAVES_MAX + tree->nleaves - 2), map, &at);
    /* conditions below the projection, so that they reach the joins at once */
    if (tree->nconds)
        plan = make_filter(arena, plan, wr_expr_remap(arena, make_and(arena, tree->conds, tree->nconds), map));
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, top->ncols);
    const char **names = WR_NEW_ARRAY(arena, const char *, top->ncols);
    for (uint16_t i = 0; i < top->ncols; i++) {
        exprs[i] = make_column(arena, plan, map[i]);
        names[i] = top->cols[i].name;
    }
    struct plan *project = make_project(arena, plan, exprs, names, top->ncols);
    memcpy(project->cols, top->cols, top->ncols * sizeof(top->cols[0]));
    *top = *project;
}

static void add_filter(struct join_tree *tree, const struct plan *filter)
{
    struct expr **conds;
    uint16_t n = split_and(tree->arena, filter->filter.predicate, &conds);
    struct expr **all = WR_NEW_ARRAY(tree->arena, struct expr *, tree->nconds + n);
    if (tree->nconds)
        memcpy(all, tree->conds, tree->nconds * sizeof(all[0]));
    memcpy(all + tree->nconds, conds, n * sizeof(all[0]));
    tree->conds = all;
    tree->nconds = (uint16_t)(tree->nconds + n);
}

/* A join, or the filter above it. */
static bool order_joins(const struct planner *planner, struct plan *top)
{
    struct plan *join = top->kind == PLAN_FILTER ? top->inputs[0] : top;
    bool guesses = planner->version >= GUESSES_SINCE;
    uint32_t n = count_leaves(join);
    if (n < 3 || n > LEAVES_MAX || (join == top && !guesses))
        return false;
    struct join_tree *tree = WR_NEW(planner->arena, struct join_tree);
    uint16_t order[LEAVES_MAX], nsteps = 0;
    tree->arena = planner->arena;
    collect(tree, &nsteps, join, 0);
    for (uint16_t i = 0; i < tree->nconds; i++)
        if (wr_expr_can_fail(tree->conds[i]))
            return false;
    if (join != top) /* its conditions come last, as written */
        add_filter(tree, top);
    bool differs = guesses ? join_tree_choose(tree) : choose_order(tree, order);
    if (differs && !guesses)
        chain(tree, order);
    if (differs)
        reorder(tree, top);
    return differs;
}

/* `inner`: the node above is of the same tree of joins. `times`: it has been ordered so often just now, and stands
 * below a projection; the conditions chosen may show an order that is better still. */
static void order_plan(const struct planner *planner, struct plan *plan, bool inner, int times, bool *changed)
{
    bool joins = is_plain_inner(plan), above = plan->kind == PLAN_FILTER && is_plain_inner(plan->inputs[0]);
    bool ordered = !inner && times < TIMES_MAX && (joins || above) && order_joins(planner, plan);
    *changed |= ordered;
    for (uint16_t i = 0; i < plan->ninputs; i++) {
        bool same = is_plain_inner(plan->inputs[i]) && (joins || above) && !ordered;
        order_plan(planner, plan->inputs[i], same, ordered ? times + 1 : 0, changed);
    }
}

bool pass_join_order(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    if (planner->version >= GUESSES_SINCE)
        plan_properties(planner, *plan);
    order_plan(planner, *plan, false, 0, changed);
    return true;
}
