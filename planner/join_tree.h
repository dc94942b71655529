/* The order of inner joins: pass_join_order.c collects the relations and builds the new joins, join_tree.c chooses
 * which is joined to which. */
#ifndef WEIR_PLANNER_JOIN_TREE_H
#define WEIR_PLANNER_JOIN_TREE_H

#include "planner/passes.h"

#define LEAVES_MAX 64

/* What is joined is a relation (its number) or an earlier join (LEAVES_MAX + its number). */
struct join_step {
    uint16_t left, right;
};

struct join_tree {
    struct wr_arena *arena;
    uint16_t nleaves, ncols;
    struct plan *leaves[LEAVES_MAX];
    uint16_t first[LEAVES_MAX]; /* first column of the leaf in the written order */
    uint16_t nconds;
    struct expr **conds;                /* over the written order's columns */
    struct join_step steps[LEAVES_MAX]; /* nleaves - 1, as written */
};

/* The leaves whose columns it reads, as bits. */
uint64_t join_tree_leaves(const struct join_tree *tree, const struct expr *expr);
/* steps: a cheaper order than the written one, and conds without those equalities that follow from the others then.
 * False: there is none. Needs the leaves' properties. */
bool join_tree_choose(struct join_tree *tree);

#endif
