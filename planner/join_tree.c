/* Which relation is joined to which: the two whose join is guessed to have the fewest rows, again and again.
 *
 *   FROM a JOIN b ON a.x = b.x JOIN c ON b.c_id = c.id WHERE c.name = 'c'      a has many rows per x
 *   b join c on the key of c keeps at most the rows of b, and those of one c: it comes first
 *
 * What a join keeps are the rows of its sides, so the sum of the guesses is what the order costs. The written order
 * stays unless another costs half of it at most: who wrote it may know better.
 *
 * Columns held equal are a class: a.x = b.x AND b.x = c.x lets a be joined to c. A join compares one column of each
 * side per class; other equalities within it follow from those. */
#include "planner/join_tree.h"

#include <string.h>

#define SHARE_OF_FIRST 0.01 /* of the pairs that an equality leaves, where neither side is unique */
#define SHARE_OF_NEXT  0.1
#define MUCH_CHEAPER   0.5
#define CLOSE_TO_SAME  1e-9

/* What is joined so far. */
struct unit {
    uint64_t leaves;
    uint64_t keyed; /* those of them with at most one row of the unit for each of theirs */
    double rows;
    bool joined; /* part of another */
};

/* Sides of an equality: the leaves that each reads, its column if it is one. Of a class, all its columns. */
struct link {
    uint64_t leaves[2];
    const struct expr *sides[2];
};

struct choosing {
    struct join_tree *tree;
    uint16_t *class_of;           /* column: the smallest column that is held equal to it */
    uint64_t *class_leaves;       /* by that column */
    uint16_t nclasses, *classes;  /* those with several columns */
    uint16_t *members, *nmembers; /* of classes[i]: its nmembers[i] columns, one class behind the other */
    bool *in_class;               /* condition: it equates two columns of a class */
    bool *constant;               /* column: a condition holds it to one value */
    bool *fixed;                  /* column: what is being joined compares it */
    uint16_t nlinks;
    struct link *links;
    double of[LEAVES_MAX]; /* rows of a leaf before its conditions */
    struct unit units[2 * LEAVES_MAX];
};

static bool is_equality(const struct expr *expr)
{
    return expr->kind == EXPR_CALL && expr->nargs == 2 && !strcmp(expr->fn->name, "=") && !wr_expr_can_fail(expr);
}

static bool equates_columns(const struct expr *expr)
{
    return is_equality(expr) && expr->args[0]->kind == EXPR_COLUMN && expr->args[1]->kind == EXPR_COLUMN &&
           expr->args[0]->type.id == expr->args[1]->type.id;
}

uint64_t join_tree_leaves(const struct join_tree *tree, const struct expr *expr)
{
    uint64_t set = 0;
    if (expr->kind == EXPR_COLUMN) {
        uint16_t leaf = (uint16_t)(tree->nleaves - 1);
        while (tree->first[leaf] > expr->column)
            leaf--;
        return 1ull << leaf;
    }
    for (uint16_t i = 0; i < expr->nargs; i++)
        set |= join_tree_leaves(tree, expr->args[i]);
    return set;
}

static uint16_t leaf_end(const struct join_tree *tree, uint16_t leaf)
{
    return (uint16_t)(tree->first[leaf] + tree->leaves[leaf]->ncols);
}

static uint64_t leaf_of(const struct join_tree *tree, uint16_t column)
{
    return join_tree_leaves(tree, &(struct expr){.kind = EXPR_COLUMN, .column = column});
}

static void merge_classes(struct choosing *c, uint16_t a, uint16_t b)
{
    for (uint16_t i = 0; a != b && i < c->tree->ncols; i++)
        if (c->class_of[i] == WR_MAX(a, b))
            c->class_of[i] = WR_MIN(a, b);
}

static void list_classes(struct choosing *c)
{
    uint16_t ncols = c->tree->ncols, n = 0;
    for (uint16_t class = 0; class < ncols; class ++) {
        uint16_t before = n;
        for (uint16_t i = class; c->class_of[class] == class && i < ncols; i++)
            if (c->class_of[i] == class)
                c->members[n++] = i;
        if (n - before < 2) {
            n = before;
            continue;
        }
        for (uint16_t i = before; i < n; i++)
            c->class_leaves[class] |= leaf_of(c->tree, c->members[i]);
        c->nmembers[c->nclasses] = (uint16_t)(n - before);
        c->classes[c->nclasses++] = class;
    }
}

static void find_links(struct choosing *c)
{
    struct join_tree *tree = c->tree;
    for (uint16_t i = 0; i < tree->ncols; i++)
        c->class_of[i] = i;
    for (uint16_t i = 0; i < tree->nconds; i++) {
        const struct expr *expr = tree->conds[i];
        if (!is_equality(expr))
            continue;
        c->in_class[i] = equates_columns(expr);
        if (c->in_class[i])
            merge_classes(c, c->class_of[expr->args[0]->column], c->class_of[expr->args[1]->column]);
        struct link link = {{join_tree_leaves(tree, expr->args[0]), join_tree_leaves(tree, expr->args[1])},
                            {expr->args[0], expr->args[1]}};
        for (int side = 0; side < 2; side++)
            if (!link.leaves[1 - side] && expr->args[side]->kind == EXPR_COLUMN)
                c->constant[expr->args[side]->column] = true;
        if (!c->in_class[i] && link.leaves[0] && link.leaves[1])
            c->links[c->nlinks++] = link;
    }
    list_classes(c);
}

/* Do those of its columns that are fixed contain a key of the leaf? */
static bool is_unique(const struct choosing *c, uint16_t leaf)
{
    const struct plan *plan = c->tree->leaves[leaf];
    uint16_t columns[COLUMNS_MAX], n = 0, first = c->tree->first[leaf];
    for (uint16_t i = 0; plan->props.nkeys && i < plan->ncols; i++)
        if (c->fixed[first + i] || c->constant[first + i])
            columns[n++] = i;
    return plan_has_key(plan, columns, n);
}

static void measure_leaf(struct choosing *c, uint16_t leaf)
{
    struct join_tree *tree = c->tree;
    uint64_t bit = 1ull << leaf;
    double rows = guess_rows(tree->leaves[leaf], &c->of[leaf]);
    for (uint16_t i = 0; i < tree->nconds; i++)
        if (join_tree_leaves(tree, tree->conds[i]) == bit)
            rows *= guess_share(tree->conds[i]);
    if (is_unique(c, leaf))
        rows = WR_MIN(rows, 1);
    c->units[leaf] = (struct unit){.leaves = bit, .keyed = bit, .rows = rows};
}

static bool is_within(uint64_t some, uint64_t all)
{
    return !(some & ~all);
}

static bool connects(const struct link *link, const struct unit *a, const struct unit *b)
{
    return (is_within(link->leaves[0], a->leaves) && is_within(link->leaves[1], b->leaves)) ||
           (is_within(link->leaves[1], a->leaves) && is_within(link->leaves[0], b->leaves));
}

/* The columns of `a` and `b` that are compared are fixed, or free again; how many comparisons there are. */
static unsigned set_compared(const struct choosing *c, const struct unit *a, const struct unit *b, bool fixed)
{
    unsigned n = 0;
    const uint16_t *members = c->members;
    for (uint16_t i = 0; i < c->nclasses; members += c->nmembers[i++]) {
        uint64_t leaves = c->class_leaves[c->classes[i]];
        if (!(leaves & a->leaves) || !(leaves & b->leaves))
            continue;
        n++;
        for (uint16_t k = 0; k < c->nmembers[i]; k++)
            c->fixed[members[k]] = fixed;
    }
    for (uint16_t i = 0; i < c->nlinks; i++) {
        if (!connects(&c->links[i], a, b))
            continue;
        n++;
        for (int side = 0; side < 2; side++)
            if (c->links[i].sides[side]->kind == EXPR_COLUMN)
                c->fixed[c->links[i].sides[side]->column] = fixed;
    }
    return n;
}

/* A leaf of the unit that has at most one row for each row of the other; -1: none. */
static int unique_leaf(const struct choosing *c, const struct unit *unit)
{
    for (uint16_t i = 0; i < c->tree->nleaves; i++)
        if ((unit->keyed & (1ull << i)) && is_unique(c, i))
            return i;
    return -1;
}

static struct unit guess_join(const struct choosing *c, const struct unit *a, const struct unit *b, bool *connected)
{
    struct unit join = {.leaves = a->leaves | b->leaves, .rows = a->rows * b->rows};
    unsigned n = set_compared(c, a, b, true);
    *connected = n > 0;
    int left = n ? unique_leaf(c, a) : -1, right = n ? unique_leaf(c, b) : -1;
    set_compared(c, a, b, false);
    if (left >= 0)
        join.keyed |= b->keyed;
    if (right >= 0)
        join.keyed |= a->keyed;
    double share = n ? SHARE_OF_FIRST : 1;
    for (unsigned i = 1; i < n; i++)
        share *= SHARE_OF_NEXT;
    if (left >= 0 || right >= 0) /* the others that match no row of it do not count */
        share = 1 / WR_MAX(1, WR_MAX(left >= 0 ? c->of[left] : 0, right >= 0 ? c->of[right] : 0));
    join.rows *= share;
    return join;
}

static uint16_t unit_number(uint16_t number, uint16_t nleaves)
{
    return number < LEAVES_MAX ? number : (uint16_t)(number - LEAVES_MAX + nleaves);
}

/* What the steps keep: the rows of all joins but the last. */
static double cost_of(struct choosing *c, const struct join_step *steps)
{
    uint16_t nleaves = c->tree->nleaves;
    double cost = 0;
    bool connected;
    for (uint16_t i = 0; i + 1 < nleaves; i++) {
        const struct unit *a = &c->units[unit_number(steps[i].left, nleaves)];
        const struct unit *b = &c->units[unit_number(steps[i].right, nleaves)];
        c->units[nleaves + i] = guess_join(c, a, b, &connected);
        cost += i + 2 < nleaves ? c->units[nleaves + i].rows : 0;
    }
    return cost;
}

/* The side that is one relation, looked up by its key, stands right. */
static struct join_step make_step(const struct choosing *c, uint16_t a, uint16_t b)
{
    uint16_t nleaves = c->tree->nleaves;
    bool swap = a < nleaves && b >= nleaves;
    uint16_t left = swap ? b : a, right = swap ? a : b;
    return (struct join_step){left < nleaves ? left : (uint16_t)(left - nleaves + LEAVES_MAX),
                              right < nleaves ? right : (uint16_t)(right - nleaves + LEAVES_MAX)};
}

/* The pair with the fewest rows; of equals, the first as written. Pairs that nothing connects come last. */
static void join_best(struct choosing *c, uint16_t nunits, struct join_step *step)
{
    struct unit best = {0};
    bool found = false, best_connected = false, connected;
    uint16_t at[2] = {0, 0};
    for (uint16_t i = 0; i < nunits; i++)
        for (uint16_t j = 0; j < nunits; j++) {
            if (c->units[i].joined || c->units[j].joined || i == j ||
                __builtin_ctzll(c->units[i].leaves) > __builtin_ctzll(c->units[j].leaves))
                continue;
            struct unit join = guess_join(c, &c->units[i], &c->units[j], &connected);
            if (found && (connected < best_connected ||
                          (connected == best_connected && join.rows >= best.rows * (1 - CLOSE_TO_SAME))))
                continue;
            found = true;
            best = join;
            best_connected = connected;
            at[0] = i;
            at[1] = j;
        }
    c->units[at[0]].joined = c->units[at[1]].joined = true;
    c->units[nunits] = best;
    *step = make_step(c, at[0], at[1]);
}

static uint64_t leaves_of_step(const struct join_tree *tree, const struct join_step *steps, uint16_t number)
{
    if (number < LEAVES_MAX)
        return 1ull << number;
    const struct join_step *step = &steps[number - LEAVES_MAX];
    return leaves_of_step(tree, steps, step->left) | leaves_of_step(tree, steps, step->right);
}

static struct expr *make_member(const struct choosing *c, uint16_t column)
{
    const struct join_tree *tree = c->tree;
    uint16_t leaf = 0;
    while (leaf_end(tree, leaf) <= column)
        leaf++;
    const struct plan_column *col = &tree->leaves[leaf]->cols[column - tree->first[leaf]];
    return wr_expr_column(tree->arena, column, col->type, col->nullable);
}

/* Two columns of a class are equal: as written, if it is. */
static struct expr *equate(const struct choosing *c, uint16_t a, uint16_t b)
{
    const struct join_tree *tree = c->tree;
    const struct expr *like = NULL;
    for (uint16_t i = 0; i < tree->nconds; i++) {
        struct expr *expr = tree->conds[i];
        if (!c->in_class[i] || c->class_of[expr->args[0]->column] != c->class_of[a])
            continue;
        uint16_t l = expr->args[0]->column, r = expr->args[1]->column;
        if ((l == a && r == b) || (l == b && r == a))
            return expr;
        like = expr;
    }
    struct expr **args = WR_NEW_ARRAY(tree->arena, struct expr *, 2);
    args[0] = make_member(c, a);
    args[1] = make_member(c, b);
    return wr_expr_call(tree->arena, like->fn, like->type, args, 2);
}

/* A column of the class on each side; those of a written equality, if there is one. */
static bool find_pair(const struct choosing *c, uint16_t class, const uint64_t sides[2], uint16_t pair[2])
{
    const struct join_tree *tree = c->tree;
    bool found[2] = {false, false};
    for (uint16_t i = 0; i < tree->nconds; i++) {
        const struct expr *expr = tree->conds[i];
        for (int flip = 0; flip < 2 && c->in_class[i]; flip++) {
            uint16_t a = expr->args[flip]->column, b = expr->args[1 - flip]->column;
            if (c->class_of[a] != class)
                continue;
            for (int side = 0; side < 2; side++)
                if (!found[side] && (leaf_of(tree, a) & sides[side])) {
                    found[side] = true;
                    pair[side] = a;
                }
            if ((leaf_of(tree, a) & sides[0]) && (leaf_of(tree, b) & sides[1])) {
                pair[0] = a;
                pair[1] = b;
                return true;
            }
        }
    }
    return found[0] && found[1];
}

/* Columns of a class that are of one leaf are equal in it. */
static size_t equate_within(const struct choosing *c, const uint16_t *members, uint16_t n, struct expr **conds)
{
    size_t added = 0;
    for (uint16_t i = 1; i < n; i++)
        if (leaf_of(c->tree, members[i]) == leaf_of(c->tree, members[i - 1]))
            conds[added++] = equate(c, members[i - 1], members[i]);
    return added;
}

/* One equality for each step and class, and those within leaves; x = x stays as it is. */
static void choose_equalities(struct choosing *c)
{
    struct join_tree *tree = c->tree;
    size_t most = tree->nconds + tree->ncols + (size_t)tree->nleaves * c->nclasses, n = 0;
    struct expr **conds = WR_NEW_ARRAY(tree->arena, struct expr *, most);
    const uint16_t *members = c->members;
    for (uint16_t k = 0; k < c->nclasses; members += c->nmembers[k++])
        n += equate_within(c, members, c->nmembers[k], conds + n);
    for (uint16_t i = 0; i + 1 < tree->nleaves; i++) {
        uint16_t pair[2];
        uint64_t sides[] = {leaves_of_step(tree, tree->steps, tree->steps[i].left),
                            leaves_of_step(tree, tree->steps, tree->steps[i].right)};
        for (uint16_t k = 0; k < c->nclasses; k++)
            if (find_pair(c, c->classes[k], sides, pair))
                conds[n++] = equate(c, pair[0], pair[1]);
    }
    for (uint16_t i = 0; i < tree->nconds; i++)
        if (!c->in_class[i] || tree->conds[i]->args[0]->column == tree->conds[i]->args[1]->column)
            conds[n++] = tree->conds[i];
    tree->conds = conds;
    tree->nconds = (uint16_t)n;
}

bool join_tree_choose(struct join_tree *tree)
{
    struct wr_arena *arena = tree->arena;
    struct choosing *c = WR_NEW(arena, struct choosing);
    struct join_step steps[LEAVES_MAX];
    c->tree = tree;
    c->class_of = WR_NEW_ARRAY(arena, uint16_t, tree->ncols);
    c->class_leaves = WR_NEW_ARRAY(arena, uint64_t, tree->ncols);
    c->classes = WR_NEW_ARRAY(arena, uint16_t, tree->ncols);
    c->members = WR_NEW_ARRAY(arena, uint16_t, tree->ncols);
    c->nmembers = WR_NEW_ARRAY(arena, uint16_t, tree->ncols);
    c->in_class = WR_NEW_ARRAY(arena, bool, tree->nconds);
    c->constant = WR_NEW_ARRAY(arena, bool, tree->ncols);
    c->fixed = WR_NEW_ARRAY(arena, bool, tree->ncols);
    c->links = WR_NEW_ARRAY(arena, struct link, tree->nconds);
    find_links(c);
    for (uint16_t i = 0; i < tree->nleaves; i++)
        measure_leaf(c, i);
    double written = cost_of(c, tree->steps);
    for (uint16_t i = 0; i + 1 < tree->nleaves; i++)
        join_best(c, (uint16_t)(tree->nleaves + i), &steps[i]);
    if (!(cost_of(c, steps) < written * MUCH_CHEAPER)) /* nothing is cheaper than no rows */
        return false;
    memcpy(tree->steps, steps, sizeof(steps));
    choose_equalities(c);
    return true;
}
