/* What holds for one side of a join holds for what the join equates with it.
 *
 *   before  SELECT * FROM a LEFT JOIN b ON a.id = b.a_id WHERE a.id = 5
 *   after   SELECT * FROM a LEFT JOIN (SELECT * FROM b WHERE a_id = 5) b ON a.id = b.a_id WHERE a.id = 5
 *   before  a JOIN b ON a.id = b.a_id WHERE (a.x = 1 AND b.y = 2) OR (a.x = 3 AND b.y = 4)
 *   after   the same, of those rows of a with x = 1 OR x = 3 and of b with y = 2 OR y = 4
 *
 * Conditions: =, <, <=, >, >= and IN with constants, which do not tell equal values apart; alternatives that cannot
 * fail. Of a LEFT or ANTI join only the right side may lose rows, of NOT IN and FULL none. Of a view, a side that is
 * read from its table by primary key (pass_share.c) costs nothing and stays whole, and only = and IN are carried over:
 * what they leave of a side is less than an index of it costs. A choice of state: stored views planned before it do
 * without. */
#include <string.h>

#include "planner/passes.h"

#define DERIVES_SINCE 6

/* column <op> constant, either way round; column IN (constants). few: only what leaves few rows. */
static bool is_simple(const struct expr *expr, uint16_t column, bool few)
{
    static const char *const names[] = {"=", "<", "<=", ">", ">="};
    const struct expr *reads = expr->nargs ? expr->args[0] : NULL;
    if (expr->kind == EXPR_IN_LIST)
        return !expr->negated && reads->kind == EXPR_COLUMN && reads->column == column;
    if (expr->kind != EXPR_CALL || expr->nargs != 2 || wr_expr_can_fail(expr))
        return false;
    for (size_t i = 0; i < (few ? 1 : WR_COUNT(names)); i++)
        for (int side = 0; side < 2 && !strcmp(expr->fn->name, names[i]); side++)
            if (expr->args[side]->kind == EXPR_COLUMN && expr->args[side]->column == column &&
                !reads_any(expr->args[1 - side]))
                return true;
    return false;
}

/* The input that a column of the node comes from, as it is; NULL: none. */
static const struct plan *source_of(const struct plan *plan, uint16_t *column)
{
    const struct expr *expr;
    uint16_t nleft;
    switch (plan->kind) {
    case PLAN_FILTER:
    case PLAN_DISTINCT:
        return plan->inputs[0];
    case PLAN_TOPN:
        return *column < plan->inputs[0]->ncols ? plan->inputs[0] : NULL;
    case PLAN_PROJECT:
        expr = plan->project.exprs[*column];
        *column = expr->column;
        return expr->kind == EXPR_COLUMN ? plan->inputs[0] : NULL;
    case PLAN_AGGREGATE:
        if (*column >= plan->aggregate.ngroup)
            return NULL;
        *column = plan->aggregate.group[*column];
        return plan->inputs[0];
    case PLAN_JOIN:
        nleft = plan->inputs[0]->ncols;
        if (plan->join.type == JOIN_FULL || (*column >= nleft && plan->join.type != JOIN_INNER))
            return NULL;
        if (*column < nleft)
            return plan->inputs[0];
        *column = (uint16_t)(*column - nleft);
        return plan->inputs[1];
    default:
        return NULL;
    }
}

struct deriving {
    struct planner *planner;
    struct wr_arena *arena;
    bool changed;
};

static struct expr *set_column(void *context, struct expr *column)
{
    const struct expr *to = context;
    (void)column;
    return (struct expr *)(uintptr_t)to;
}

/* Does the condition, of one column, hold in the plan already? */
static bool holds(struct wr_arena *arena, const struct plan *plan, const struct expr *condition, uint16_t column)
{
    for (; plan; plan = source_of(plan, &column)) {
        struct expr **conds;
        if (plan->kind != PLAN_FILTER)
            continue;
        struct expr *here = make_column(arena, plan, column);
        struct expr *same = rewrite_columns(arena, (struct expr *)(uintptr_t)condition, set_column, here);
        uint16_t n = split_and(arena, plan->filter.predicate, &conds);
        for (uint16_t i = 0; i < n; i++)
            if (wr_expr_equal(conds[i], same))
                return true;
    }
    return false;
}

static void add_condition(struct deriving *d, struct plan **at, struct expr *condition)
{
    struct expr *both[] = {(*at)->kind == PLAN_FILTER ? (*at)->filter.predicate : condition, condition};
    if ((*at)->kind == PLAN_FILTER)
        (*at)->filter.predicate = make_and(d->arena, both, 2);
    else
        *at = make_filter(d->arena, *at, condition);
    d->changed = true;
}

/* What holds for a column of one plan is added to a column of another. */
static void carry(struct deriving *d, const struct plan *from, uint16_t column, struct plan **to, uint16_t target)
{
    for (uint16_t at = column; from; from = source_of(from, &at)) {
        struct expr **conds;
        uint16_t n = from->kind == PLAN_FILTER ? split_and(d->arena, from->filter.predicate, &conds) : 0;
        for (uint16_t i = 0; i < n; i++) {
            if (!is_simple(conds[i], at, d->planner->streaming) || holds(d->arena, *to, conds[i], target))
                continue;
            struct expr *column_to = make_column(d->arena, *to, target);
            add_condition(d, to, rewrite_columns(d->arena, conds[i], set_column, column_to));
        }
    }
}

/* Would the side be read from its table, by these columns? */
static bool is_shared(const struct deriving *d, const struct plan *side, const uint16_t *columns, uint16_t n)
{
    const struct plan *plan = side;
    while (plan->kind == PLAN_PROJECT)
        plan = plan->inputs[0];
    return d->planner->streaming && plan->kind == PLAN_SCAN && plan_has_key(side, columns, n);
}

static void carry_keys(struct deriving *d, struct plan *plan)
{
    uint16_t n = plan->join.nkeys;
    bool right = plan->join.type != JOIN_FULL && !plan->join.null_aware && !plan->join.copies &&
                 !is_shared(d, plan->inputs[1], plan->join.right_keys, n);
    bool left = (plan->join.type == JOIN_INNER || plan->join.type == JOIN_SEMI) && !plan->join.nulls_equal &&
                !is_shared(d, plan->inputs[0], plan->join.left_keys, n);
    for (uint16_t i = 0; i < n; i++) {
        if (right)
            carry(d, plan->inputs[0], plan->join.left_keys[i], &plan->inputs[1], plan->join.right_keys[i]);
        if (left)
            carry(d, plan->inputs[1], plan->join.right_keys[i], &plan->inputs[0], plan->join.left_keys[i]);
    }
}

/* Of every alternative what reads only the columns [from, to); NULL: one has nothing of it. */
static struct expr *alternatives(struct wr_arena *arena, const struct expr *either, uint16_t from, uint16_t to)
{
    struct expr **kept = WR_NEW_ARRAY(arena, struct expr *, either->nargs);
    for (uint16_t i = 0; i < either->nargs; i++) {
        struct expr **args;
        uint16_t n = split_and(arena, either->args[i], &args), nkept = 0;
        for (uint16_t k = 0; k < n; k++)
            if (reads_any(args[k]) && reads_only(args[k], from, to))
                args[nkept++] = args[k];
        if (!nkept)
            return NULL;
        kept[i] = make_and(arena, args, nkept);
    }
    return bind_gather_list(arena, wr_expr_nary(arena, EXPR_OR, kept, either->nargs));
}

/* Is it a condition of the plan itself, or of what it shows unchanged? All its columns go the same way. */
static bool holds_whole(struct wr_arena *arena, const struct plan *plan, const struct expr *condition)
{
    struct expr **conds;
    uint16_t n = plan->kind == PLAN_FILTER ? split_and(arena, plan->filter.predicate, &conds) : 0;
    for (uint16_t i = 0; i < n; i++)
        if (wr_expr_equal(conds[i], condition))
            return true;
    if (plan->kind == PLAN_FILTER)
        return holds_whole(arena, plan->inputs[0], condition);
    if (plan->kind == PLAN_PROJECT)
        return holds_whole(arena, plan->inputs[0], wr_expr_substitute(arena, condition, plan->project.exprs));
    if (plan->kind != PLAN_JOIN || plan->join.type != JOIN_INNER)
        return false;
    uint16_t nleft = plan->inputs[0]->ncols;
    if (reads_only(condition, 0, nleft))
        return holds_whole(arena, plan->inputs[0], condition);
    struct expr *copy = (struct expr *)(uintptr_t)condition;
    if (reads_only(condition, nleft, plan->ncols))
        return holds_whole(arena, plan->inputs[1], shift_columns(arena, copy, nleft));
    n = split_and(arena, plan->join.condition, &conds);
    for (uint16_t i = 0; i < n; i++)
        if (wr_expr_equal(conds[i], condition))
            return true;
    return false;
}

static void split_alternatives(struct deriving *d, struct plan *plan)
{
    uint16_t nleft = plan->inputs[0]->ncols, width = wr_plan_join_width(plan);
    struct expr **conds;
    uint16_t n = split_and(d->arena, plan->join.condition, &conds);
    for (uint16_t i = 0; i < n; i++) {
        if (conds[i]->kind != EXPR_OR || wr_expr_can_fail(conds[i]))
            continue;
        for (int side = 0; side < 2; side++) {
            uint16_t from = side ? nleft : 0;
            struct expr *part = alternatives(d->arena, conds[i], from, side ? width : nleft);
            part = part ? shift_columns(d->arena, part, from) : NULL;
            if (part && !holds_whole(d->arena, plan->inputs[side], part))
                add_condition(d, &plan->inputs[side], part);
        }
    }
}

static void derive(struct deriving *d, struct plan *plan)
{
    for (uint16_t i = 0; i < plan->ninputs; i++)
        derive(d, plan->inputs[i]);
    if (plan->kind != PLAN_JOIN)
        return;
    carry_keys(d, plan);
    if (plan->join.type == JOIN_INNER && plan->join.condition)
        split_alternatives(d, plan);
}

bool pass_derive(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    struct deriving d = {planner, planner->arena, false};
    (void)err;
    if (planner->version < DERIVES_SINCE)
        return true;
    plan_properties(planner, *plan);
    derive(&d, *plan);
    *changed = d.changed;
    return true;
}
