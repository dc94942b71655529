/* Equalities between the sides of a join become its keys.
 *
 *   before  Join inner on l.id = r.a_id AND l.x > r.y          (all of it a condition)
 *   after   Join inner on l.id = r.a_id AND l.x > r.y          (l.id, r.a_id keys; l.x > r.y condition)
 *   before  a JOIN b ON a.id + 1 = b.id
 *   after   (SELECT *, id + 1 AS k FROM a) a JOIN b ON a.k = b.id, and a projection that drops k
 *
 * A side that is computed is computed below the join: once for each row of that side, whether it meets a partner or
 * not. One that can fail goes down only where no other equality makes a key (without any, every pair is looked at), and
 * only if nothing written before it spares a row of its side. IS NOT DISTINCT FROM becomes a key where all keys are of
 * that kind. */
#include <string.h>

#include "planner/passes.h"

struct key {
    struct expr *left, *right; /* over the left's, the right's columns */
};

static bool is_equality(const struct expr *expr, bool nulls_equal)
{
    if (nulls_equal)
        return expr->kind == EXPR_IS_DISTINCT && expr->negated;
    return expr->kind == EXPR_CALL && expr->nargs == 2 && !strcmp(expr->fn->name, "=");
}

static bool find_key(struct wr_arena *arena, const struct expr *expr, uint16_t nleft, uint16_t n, struct key *key)
{
    for (int flip = 0; flip < 2; flip++) {
        struct expr *a = expr->args[flip], *b = expr->args[1 - flip];
        if (!reads_any(a) || !reads_any(b) || !reads_only(a, 0, nleft) || !reads_only(b, nleft, n))
            continue;
        if (a->type.id != b->type.id)
            return false;
        key->left = a;
        key->right = shift_columns(arena, b, nleft);
        return true;
    }
    return false;
}

/* The computed sides go below; the columns this adds are hidden again above. */
static void add_keys(struct wr_arena *arena, struct plan **at, const struct key *keys, uint16_t n, bool nulls_equal)
{
    struct plan *join = *at, *left = join->inputs[0], *right = join->inputs[1];
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, n);
    uint16_t *lcols = WR_NEW_ARRAY(arena, uint16_t, n + join->join.nkeys);
    uint16_t *rcols = WR_NEW_ARRAY(arena, uint16_t, n + join->join.nkeys);
    uint16_t old = join->join.nkeys;
    for (uint16_t i = 0; i < old; i++) {
        lcols[i] = join->join.left_keys[i];
        rcols[i] = join->join.right_keys[i];
    }
    for (uint16_t i = 0; i < n; i++)
        exprs[i] = keys[i].left;
    struct plan *new_left = make_extend(arena, left, exprs, n, lcols + old);
    for (uint16_t i = 0; i < n; i++)
        exprs[i] = keys[i].right;
    struct plan *new_right = make_extend(arena, right, exprs, n, rcols + old);
    uint16_t width = wr_plan_join_width(join);
    uint16_t *map = WR_NEW_ARRAY(arena, uint16_t, width);
    for (uint16_t i = 0; i < width; i++)
        map[i] = (uint16_t)(i < left->ncols ? i : i - left->ncols + new_left->ncols);
    struct expr *condition = join->join.condition ? wr_expr_remap(arena, join->join.condition, map) : NULL;
    struct plan *made = make_join(arena, (enum join_type)join->join.type, new_left, new_right, condition);
    made->join.nkeys = (uint16_t)(old + n);
    made->join.left_keys = lcols;
    made->join.right_keys = rcols;
    made->join.null_aware = join->join.null_aware;
    made->join.nulls_equal = nulls_equal;
    made->join.restricts = join->join.restricts;
    made->join.copies = join->join.copies;
    *at = made;
    if (made->ncols == join->ncols) {
        memcpy(made->cols, join->cols, join->ncols * sizeof(join->cols[0]));
        return;
    }
    struct expr **all = WR_NEW_ARRAY(arena, struct expr *, join->ncols);
    const char **names = WR_NEW_ARRAY(arena, const char *, join->ncols);
    for (uint16_t i = 0; i < join->ncols; i++) {
        all[i] = make_column(arena, made, map[i]);
        names[i] = join->cols[i].name;
    }
    *at = make_project(arena, made, all, names, join->ncols);
}

static bool extract(struct wr_arena *arena, struct plan **at, bool nulls_equal)
{
    struct plan *join = *at;
    struct expr **conds;
    uint16_t n = split_and(arena, join->join.condition, &conds), nkeys = 0, kept = 0;
    struct key *keys = WR_NEW_ARRAY(arena, struct key, n);
    uint16_t nleft = join->inputs[0]->ncols, width = wr_plan_join_width(join);
    for (uint16_t i = 0; i < n; i++) {
        if (is_equality(conds[i], nulls_equal) && !wr_expr_can_fail(conds[i]) &&
            find_key(arena, conds[i], nleft, width, &keys[nkeys]))
            nkeys++;
        else
            conds[kept++] = conds[i];
    }
    if (!nkeys)
        return false;
    join->join.condition = make_and(arena, conds, kept);
    add_keys(arena, at, keys, nkeys, nulls_equal);
    return true;
}

/* Is it evaluated for every row of the sides that can fail, as far as the conditions before it say? */
static bool spares_no_row(struct expr *const *before, uint16_t n, const struct key *key, uint16_t nleft)
{
    bool fails[] = {wr_expr_can_fail(key->left), wr_expr_can_fail(key->right)};
    for (uint16_t i = 0; i < n; i++)
        if ((fails[0] && !reads_only(before[i], nleft, UINT16_MAX)) || (fails[1] && !reads_only(before[i], 0, nleft)))
            return false;
    return true;
}

/* The first equality that may fail and yet be computed below the join. */
static bool extract_failing(struct wr_arena *arena, struct plan **at)
{
    struct plan *join = *at;
    struct expr **conds;
    uint16_t n = split_and(arena, join->join.condition, &conds);
    uint16_t nleft = join->inputs[0]->ncols, width = wr_plan_join_width(join);
    struct key key;
    for (uint16_t i = 0; i < n; i++) {
        if (!is_equality(conds[i], false) || !find_key(arena, conds[i], nleft, width, &key) ||
            !spares_no_row(conds, i, &key, nleft))
            continue;
        memmove(conds + i, conds + i + 1, (size_t)(n - i - 1) * sizeof(conds[0]));
        join->join.condition = make_and(arena, conds, (uint16_t)(n - 1));
        add_keys(arena, at, &key, 1, false);
        return true;
    }
    return false;
}

bool plan_extract_keys(struct wr_arena *arena, struct plan **at)
{
    return extract(arena, at, false);
}

static void extract_plan(struct planner *planner, struct plan **at, bool *changed)
{
    struct wr_arena *arena = planner->arena;
    struct plan *plan = *at;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        extract_plan(planner, &plan->inputs[i], changed);
    if (plan->kind != PLAN_JOIN || !plan->join.condition || plan->join.null_aware)
        return;
    if (!plan->join.nulls_equal && extract(arena, at, false))
        *changed = true;
    else if ((plan->join.nulls_equal || !plan->join.nkeys) && extract(arena, at, true))
        *changed = true;
    else if (!plan->join.nkeys && planner->version >= FAILING_SINCE && extract_failing(arena, at))
        *changed = true;
}

bool pass_extract_keys(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    extract_plan(planner, plan, changed);
    return true;
}
