/* What all alternatives of an OR demand is demanded once.
 *
 *   before  SELECT * FROM a, b WHERE (a.id = b.a_id AND a.x = 1) OR (a.id = b.a_id AND b.y = 2)
 *   after   SELECT * FROM a, b WHERE a.id = b.a_id AND (a.x = 1 OR b.y = 2)
 *   before  a.x = 1 OR (a.x = 1 AND a.v = 'v')
 *   after   a.x = 1
 *
 * Before, every pair of a and b was looked at; after, there is a join with a key.
 *
 * This holds for NULLs too: AND and OR distribute over one another in three-valued logic. Condition: what is common
 * cannot fail; what is left is then evaluated for no more rows than before. A choice of state: stored views planned
 * before it do without. */
#include "planner/passes.h"

#define FACTORS_SINCE 3

static bool is_among(struct expr *const *args, uint16_t n, const struct expr *expr)
{
    for (uint16_t i = 0; i < n; i++)
        if (wr_expr_equal(args[i], expr))
            return true;
    return false;
}

/* Is it an argument of each alternative but the first? */
static bool is_common(struct wr_arena *arena, const struct expr *either, const struct expr *expr)
{
    for (uint16_t i = 1; i < either->nargs; i++) {
        struct expr **args;
        uint16_t n = split_and(arena, either->args[i], &args);
        if (!is_among(args, n, expr))
            return false;
    }
    return true;
}

/* The alternative without what is common; NULL: nothing is left of it. */
static struct expr *rest_of(struct wr_arena *arena, struct expr *alternative, struct expr *const *common, uint16_t n)
{
    struct expr **args;
    uint16_t nargs = split_and(arena, alternative, &args), kept = 0;
    for (uint16_t i = 0; i < nargs; i++)
        if (!is_among(common, n, args[i]))
            args[kept++] = args[i];
    return make_and(arena, args, kept);
}

/* The common conditions, and the OR of the rests behind them. NULL: nothing is common. */
static struct expr *factor(struct wr_arena *arena, struct expr *either)
{
    struct expr **common;
    uint16_t n = split_and(arena, either->args[0], &common), ncommon = 0;
    for (uint16_t i = 0; i < n; i++)
        if (!wr_expr_can_fail(common[i]) && is_common(arena, either, common[i]) &&
            !is_among(common, ncommon, common[i]))
            common[ncommon++] = common[i];
    if (!ncommon)
        return NULL;
    struct expr **rests = WR_NEW_ARRAY(arena, struct expr *, either->nargs);
    for (uint16_t i = 0; i < either->nargs; i++) {
        rests[i] = rest_of(arena, either->args[i], common, ncommon);
        if (!rests[i])
            return make_and(arena, common, ncommon);
    }
    struct expr **all = WR_NEW_ARRAY(arena, struct expr *, ncommon + 1u);
    memcpy(all, common, ncommon * sizeof(all[0]));
    all[ncommon] = wr_expr_nary(arena, EXPR_OR, rests, either->nargs);
    all[ncommon]->location = either->location;
    return make_and(arena, all, (uint16_t)(ncommon + 1));
}

static void factor_condition(struct wr_arena *arena, struct expr **condition, bool *changed)
{
    struct expr **args;
    uint16_t n = split_and(arena, *condition, &args);
    bool did = false;
    for (uint16_t i = 0; i < n; i++) {
        struct expr *made = args[i]->kind == EXPR_OR ? factor(arena, args[i]) : NULL;
        if (made)
            args[i] = made;
        did |= made != NULL;
    }
    if (!did)
        return;
    *condition = make_and(arena, args, n);
    *changed = true;
}

static void factor_plan(struct wr_arena *arena, struct plan *plan, bool *changed)
{
    for (uint16_t i = 0; i < plan->ninputs; i++)
        factor_plan(arena, plan->inputs[i], changed);
    if (plan->kind == PLAN_FILTER)
        factor_condition(arena, &plan->filter.predicate, changed);
    else if (plan->kind == PLAN_JOIN && plan->join.condition)
        factor_condition(arena, &plan->join.condition, changed);
}

bool pass_factor(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    if (planner->version >= FACTORS_SINCE)
        factor_plan(planner->arena, *plan, changed);
    return true;
}
