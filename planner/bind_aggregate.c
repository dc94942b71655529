/* Aggregate calls and GROUP BY.
 *
 *   SELECT g + 1, sum(x * 2) FROM t GROUP BY g
 *   Project g + 1, sum
 *     Aggregate sum(expr) by g
 *       Project ..., x * 2 AS expr
 *         Scan t
 * Expressions above the aggregate are first bound over the FROM columns with COLUMN_AGG for the calls; then every part
 * that equals a GROUP BY expression becomes its column, and a FROM column that is left over is PostgreSQL's 42803.
 * Subqueries that are grouped by or aggregated are joined below, others above, where what they are compared with is a
 * column of the group. */
#include "planner/passes.h"

#define TEXTS_SINCE 6 /* version of the planner */

static bool same_expr(const struct expr *a, const struct expr *b)
{
    return a == b || (a && b && wr_expr_equal(a, b));
}

static uint16_t add_agg(struct block *block, const struct bound_agg *agg)
{
    for (uint16_t i = 0; i < block->naggs; i++) {
        const struct bound_agg *at = &block->aggs[i];
        if (at->agg == agg->agg && at->distinct == agg->distinct && same_expr(at->arg, agg->arg) &&
            same_expr(at->filter, agg->filter))
            return i;
    }
    block->aggs =
        bind_grow(block->binder->arena, block->aggs, block->naggs, &block->aggs_cap, sizeof(struct bound_agg));
    block->aggs[block->naggs] = *agg;
    return block->naggs++;
}

static bool check_call(struct block *block, const char *name, const PgQuery__FuncCall *call)
{
    struct binder *binder = block->binder;
    if (block->in_agg)
        return bind_fail(binder, call->location, ERR_GROUPING, "aggregate function calls cannot be nested");
    if (!block->aggs_allowed)
        return bind_fail(binder, call->location, ERR_GROUPING, "aggregate functions are not allowed in %s",
                         block->clause);
    if (call->agg_within_group)
        return bind_unsupported(binder, call->location, "WITHIN GROUP");
    if (call->n_agg_order)
        return bind_unsupported(binder, call->location, "ORDER BY in an aggregate");
    if (call->func_variadic)
        return bind_unsupported(binder, call->location, "VARIADIC");
    if (call->n_args > 1)
        return bind_unsupported(binder, call->location, "%s of several arguments", name);
    return true;
}

/* The argument and filter, bound inside the aggregate. A filter guards its argument: where that can fail it is
 * evaluated only for rows that pass. */
static bool bind_inside(struct block *block, const char *name, const PgQuery__FuncCall *call, struct bound_agg *agg)
{
    struct binder *binder = block->binder;
    struct type cast = TYPE(TYPE_UNKNOWN);
    uint16_t nscalars = block->nscalars;
    if (call->n_args == 1)
        TRY(bind_expr(block, call->args[0], &agg->arg));
    if (block->nscalars > nscalars && call->agg_filter) /* it may ask for less rows than there are */
        return bind_unsupported(binder, call->location, "a subquery in an aggregate with FILTER");
    if (agg->arg && agg->arg->type.id == TYPE_UNKNOWN && !strcmp(name, "count"))
        TRY(bind_coerce_unknown(binder, &agg->arg));
    agg->agg = wr_agg_resolve(name, agg->arg ? &agg->arg->type : NULL, agg->arg != NULL, &cast, binder->err);
    if (!agg->agg)
        return bind_at(binder, call->location);
    if (agg->arg)
        TRY(bind_coerce(binder, &agg->arg, cast, CAST_IMPLICIT));
    if (call->agg_filter) {
        const char *clause = block->clause;
        block->clause = "FILTER";
        TRY(bind_expr(block, call->agg_filter, &agg->filter));
        block->clause = clause;
        TRY(bind_coerce_bool(binder, &agg->filter, "FILTER"));
    }
    if (agg->arg && agg->filter && wr_expr_can_fail(agg->arg)) {
        struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
        args[0] = agg->filter;
        args[1] = agg->arg;
        struct type type = agg->arg->type;
        agg->arg = wr_expr_nary(binder->arena, EXPR_CASE, args, 2);
        agg->arg->type = type;
        agg->arg->nullable = true;
    }
    return true;
}

bool bind_aggregate_call(struct block *block, const char *name, const PgQuery__FuncCall *call, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct bound_agg agg = {.distinct = call->agg_distinct, .location = call->location};
    TRY(check_call(block, name, call));
    if (!call->agg_star && call->n_args == 0 && !strcmp(name, "count")) {
        return bind_fail(binder, call->location, ERR_WRONG_OBJECT_TYPE,
                         "count(*) must be used to call a parameterless aggregate function");
    }
    if (call->agg_distinct && call->agg_star)
        return bind_fail(binder, call->location, ERR_SYNTAX, "DISTINCT specified for *");
    bool windows = block->windows_allowed, scalars = block->scalars_allowed, outer = block->outer_allowed;
    block->in_agg = true;
    block->windows_allowed = block->outer_allowed = false;
    block->scalars_allowed = scalars && !block->in_window;
    bool ok = bind_inside(block, name, call, &agg);
    block->in_agg = false;
    block->windows_allowed = windows;
    block->scalars_allowed = scalars;
    block->outer_allowed = outer;
    TRY(ok);
    agg.type = agg.agg->same_type && agg.arg ? agg.arg->type : TYPE(agg.agg->result);
    if (agg.type.id == TYPE_TEXT && binder->planner->version >= TEXTS_SINCE)
        agg.type = TYPE(TYPE_TEXT); /* of varchar too */
    uint16_t index = add_agg(block, &agg);
    *expr = wr_expr_column(binder->arena, (uint16_t)(COLUMN_AGG + index), agg.type, strcmp(name, "count") != 0);
    (*expr)->location = call->location;
    return true;
}

/* ---- building the node */

struct grouping {
    struct block *block;
    struct expr **group;
    uint16_t ngroup, cap;
};

static int find_group(const struct grouping *g, const struct expr *expr)
{
    for (uint16_t i = 0; i < g->ngroup; i++)
        if (wr_expr_equal(g->group[i], expr))
            return i;
    return -1;
}

/* Is every primary key column of the table the column comes from in GROUP BY? Then it has one value per group. */
static bool is_dependent(const struct grouping *g, const struct scope_column *col)
{
    const struct scope *scope = &g->block->from.scope;
    if (!col->relation || !col->relation->npk || !col->table)
        return false;
    for (uint16_t k = 0; k < col->relation->npk; k++) {
        bool found = false;
        for (uint16_t i = 0; i < scope->n; i++) {
            const struct scope_column *at = &scope->cols[i];
            if (!at->table || strcmp(at->table, col->table) || at->relation_column != col->relation->pk[k])
                continue;
            for (uint16_t j = 0; j < g->ngroup; j++)
                found |= g->group[j]->kind == EXPR_COLUMN && g->group[j]->column == at->column;
        }
        if (!found)
            return false;
    }
    return true;
}

static bool check_ungrouped(struct grouping *g, struct expr *column, bool of_subquery)
{
    const struct scope *scope = &g->block->from.scope;
    const struct scope_column *col = NULL;
    for (uint16_t i = 0; i < scope->n; i++)
        if (scope->cols[i].column == column->column && (!col || !col->table))
            col = &scope->cols[i];
    if (!col)
        return bind_fail(g->block->binder, column->location, ERR_INTERNAL, "column of no name");
    if (is_dependent(g, col)) {
        g->group = bind_grow(g->block->binder->arena, g->group, g->ngroup, &g->cap, sizeof(struct expr *));
        g->group[g->ngroup++] = column;
        return true;
    }
    if (of_subquery)
        return bind_fail(g->block->binder, column->location, ERR_GROUPING,
                         "subquery uses ungrouped column \"%s%s%s\" from outer query", col->table ? col->table : "",
                         col->table ? "." : "", col->name);
    return bind_fail(g->block->binder, column->location, ERR_GROUPING,
                     "column \"%s%s%s\" must appear in the GROUP BY clause or be used in an aggregate function",
                     col->table ? col->table : "", col->table ? "." : "", col->name);
}

static bool check_grouped(struct grouping *g, struct expr *expr)
{
    if (find_group(g, expr) >= 0)
        return true;
    if (expr->kind == EXPR_COLUMN)
        return expr->column >= COLUMN_OUTER || check_ungrouped(g, expr, false);
    for (uint16_t i = 0; i < expr->nargs; i++)
        TRY(check_grouped(g, expr->args[i]));
    return true;
}

static struct expr *regroup(const struct grouping *g, struct expr *expr)
{
    struct wr_arena *arena = g->block->binder->arena;
    int at = find_group(g, expr);
    bool agg = expr->kind == EXPR_COLUMN && expr->column >= COLUMN_AGG && expr->column < COLUMN_WINDOW;
    if (agg)
        at = g->ngroup + expr->column - COLUMN_AGG;
    if (at >= 0) {
        struct expr *column = wr_expr_column(arena, (uint16_t)at, expr->type, expr->nullable);
        column->location = expr->location;
        return column;
    }
    if (!expr->nargs)
        return expr;
    struct expr *copy = WR_NEW(arena, struct expr);
    *copy = *expr;
    copy->args = WR_NEW_ARRAY(arena, struct expr *, expr->nargs);
    for (uint16_t i = 0; i < expr->nargs; i++)
        copy->args[i] = regroup(g, expr->args[i]);
    return copy;
}

/* All expressions above the aggregate: the given ones and those of windows. f returns false to stop. */
static bool each_above(struct grouping *g, struct expr ***exprs, size_t nexprs,
                       bool (*f)(struct grouping *g, struct expr **expr))
{
    for (size_t i = 0; i < nexprs; i++)
        TRY(f(g, exprs[i]));
    for (uint16_t w = 0; w < g->block->nwindows; w++) {
        struct bound_window *window = &g->block->windows[w];
        for (uint16_t i = 0; i < window->npartition; i++)
            TRY(f(g, &window->partition[i]));
        for (uint16_t i = 0; i < window->norder; i++)
            TRY(f(g, &window->order[i].expr));
    }
    return true;
}

static bool check_one(struct grouping *g, struct expr **expr)
{
    return check_grouped(g, *expr);
}

static bool regroup_one(struct grouping *g, struct expr **expr)
{
    *expr = regroup(g, *expr);
    return true;
}

/* ---- subqueries above the aggregate: what they are compared with is a group's */

static struct expr *from_outer(void *context, struct expr *column)
{
    struct wr_arena *arena = context;
    struct expr *copy =
        wr_expr_column(arena, (uint16_t)(column->column - COLUMN_OUTER), column->type, column->nullable);
    copy->location = column->location;
    return copy;
}

/* The expression over the columns of FROM; NULL: it reads others. */
static struct expr *outer_expr(const struct grouping *g, struct expr *expr)
{
    struct wr_arena *arena = g->block->binder->arena;
    bool outer = reads_any(expr) && reads_only(expr, COLUMN_OUTER, COLUMN_AGG);
    return outer ? rewrite_columns(arena, expr, from_outer, arena) : NULL;
}

static bool check_outer(struct grouping *g, struct expr *expr, bool mark)
{
    struct expr *outer = outer_expr(g, expr);
    if (outer && (mark || expr->kind == EXPR_COLUMN) && find_group(g, outer) >= 0)
        return true;
    if (outer && expr->kind == EXPR_COLUMN)
        return check_ungrouped(g, outer, true);
    for (uint16_t i = 0; i < expr->nargs; i++)
        TRY(check_outer(g, expr->args[i], mark));
    return true;
}

static struct expr *regroup_outer(const struct grouping *g, struct expr *expr)
{
    struct wr_arena *arena = g->block->binder->arena;
    struct expr *outer = outer_expr(g, expr);
    int at = outer ? find_group(g, outer) : -1;
    if (at >= 0)
        return wr_expr_column(arena, (uint16_t)(COLUMN_OUTER + at), expr->type, expr->nullable);
    struct expr *copy = WR_NEW(arena, struct expr);
    *copy = *expr;
    copy->args = WR_NEW_ARRAY(arena, struct expr *, expr->nargs);
    for (uint16_t i = 0; i < expr->nargs; i++)
        copy->args[i] = regroup_outer(g, expr->args[i]);
    return copy;
}

static bool fails_anywhere(const struct plan *plan)
{
    bool fails = plan_can_fail(plan);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        fails |= fails_anywhere(plan->inputs[i]);
    return fails;
}

/* Such a subquery was bound for the rows of FROM: those of groups that go, or that no value is asked of, are among
 * them. That must not show. */
static bool check_scalars(struct grouping *g, bool having)
{
    for (uint16_t k = 0; k < g->block->nscalars; k++) {
        struct bound_scalar *scalar = &g->block->scalars[k];
        for (uint16_t i = 0; !scalar->attached && i < scalar->corr.n; i++) {
            struct expr *condition = scalar->corr.conditions[i];
            TRY(check_outer(g, condition, scalar->mark));
            if ((having || scalar->guarded) && (wr_expr_can_fail(condition) || fails_anywhere(scalar->plan)))
                return bind_unsupported(g->block->binder, condition->location,
                                        "a correlated subquery that can fail, for some groups only,");
        }
    }
    return true;
}

static void regroup_scalars(const struct grouping *g)
{
    for (uint16_t k = 0; k < g->block->nscalars; k++) {
        struct bound_scalar *scalar = &g->block->scalars[k];
        for (uint16_t i = 0; !scalar->attached && i < scalar->corr.n; i++)
            scalar->corr.conditions[i] = regroup_outer(g, scalar->corr.conditions[i]);
    }
}

static const char *group_name(const struct grouping *g, const struct expr *expr, uint16_t i)
{
    const struct plan *input = g->block->from.plan;
    if (expr->kind == EXPR_COLUMN && expr->column < input->ncols)
        return input->cols[expr->column].name;
    return wr_arena_printf(g->block->binder->arena, "group%u", i + 1);
}

static struct plan *make_aggregate(struct grouping *g, bool grouped)
{
    struct block *block = g->block;
    struct wr_arena *arena = block->binder->arena;
    uint16_t ninner = 0;
    struct expr **inner = WR_NEW_ARRAY(arena, struct expr *, g->ngroup + 2 * block->naggs);
    uint16_t *columns = WR_NEW_ARRAY(arena, uint16_t, g->ngroup + 2 * block->naggs);
    for (uint16_t i = 0; i < g->ngroup; i++)
        inner[ninner++] = g->group[i];
    for (uint16_t i = 0; i < block->naggs; i++) {
        if (block->aggs[i].arg)
            inner[ninner++] = block->aggs[i].arg;
        if (block->aggs[i].filter)
            inner[ninner++] = block->aggs[i].filter;
    }
    struct plan *input = make_extend(arena, block->from.plan, inner, ninner, columns);
    struct plan *plan = wr_plan_new(arena, PLAN_AGGREGATE, (uint16_t)(g->ngroup + block->naggs), 1);
    plan->inputs[0] = input;
    plan->aggregate.ngroup = g->ngroup;
    plan->aggregate.grouped = grouped;
    plan->aggregate.group = columns;
    for (uint16_t i = 0; i < g->ngroup; i++)
        plan->cols[i] = (struct plan_column){.name = group_name(g, g->group[i], i),
                                             .type = g->group[i]->type,
                                             .nullable = input->cols[columns[i]].nullable,
                                             .origin = input->cols[columns[i]].origin};
    plan->aggregate.naggs = block->naggs;
    plan->aggregate.aggs = WR_NEW_ARRAY(arena, struct plan_agg, block->naggs);
    uint16_t at = g->ngroup;
    for (uint16_t i = 0; i < block->naggs; i++) {
        const struct bound_agg *agg = &block->aggs[i];
        struct plan_agg *to = &plan->aggregate.aggs[i];
        to->agg = agg->agg;
        to->distinct = agg->distinct;
        to->type = agg->type;
        to->arg = agg->arg ? columns[at++] : -1;
        to->filter = agg->filter ? columns[at++] : -1;
        plan->cols[g->ngroup + i] = (struct plan_column){
            .name = agg->agg->name, .type = agg->type, .nullable = strcmp(agg->agg->name, "count") != 0};
    }
    return plan;
}

bool bind_build_aggregate(struct block *block, struct expr **group, uint16_t ngroup, bool grouped, bool having,
                          struct expr ***exprs, size_t nexprs)
{
    struct grouping g = {.block = block};
    for (uint16_t i = 0; i < ngroup; i++) {
        if (find_group(&g, group[i]) >= 0)
            continue;
        g.group = bind_grow(block->binder->arena, g.group, g.ngroup, &g.cap, sizeof(struct expr *));
        g.group[g.ngroup++] = group[i];
    }
    TRY(each_above(&g, exprs, nexprs, check_one));
    TRY(check_scalars(&g, having));
    struct plan *plan = make_aggregate(&g, grouped);
    TRY(each_above(&g, exprs, nexprs, regroup_one));
    regroup_scalars(&g);
    block->from.plan = plan;
    block->grouped = true;
    return true;
}
