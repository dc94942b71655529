/* SELECT: from FROM to LIMIT in the order in which it is evaluated.
 *
 *   FROM -> WHERE -> [aggregate -> HAVING] -> [windows] -> targets -> DISTINCT -> ORDER BY / LIMIT
 * All expressions are bound over the FROM columns first (bind.h), then rewritten as the nodes above FROM are built. */
#include "planner/passes.h"

struct order_item {
    uint16_t target; /* its column among targets and extras */
    bool descending, nulls_first;
};

struct select {
    struct block block;
    const PgQuery__SelectStmt *node;
    const struct select_mode *mode;
    uint16_t ntargets, nextras, cap; /* targets, then extras: expressions only ORDER BY or DISTINCT ON need */
    struct target *targets;
    uint16_t ngroup, group_cap;
    struct expr **group;
    bool grouped;
    uint16_t nhaving, having_cap, nhaving_tests, tests_cap;
    struct expr **having;
    struct subquery_test *having_tests;
    uint16_t norder;
    struct order_item *order;
    uint16_t ndistinct_on;
    uint16_t *distinct_on;
    bool distinct;
    bool first_per_key; /* LIMIT 1 of a correlated scalar subquery, carried out by distinct_on */
};

/* ---- WHERE */

static bool add_correlated(struct block *block, struct correlation *corr, struct expr *condition)
{
    corr->conditions = bind_grow(block->binder->arena, corr->conditions, corr->n, &corr->cap, sizeof(struct expr *));
    corr->conditions[corr->n++] = condition;
    return true;
}

static void flush_filter(struct block *block, struct expr **conds, uint16_t *n)
{
    if (*n)
        block->from.plan =
            make_filter(block->binder->arena, block->from.plan, make_and(block->binder->arena, conds, *n));
    *n = 0;
}

/* A correlated condition is checked by the join, after all conditions of the subquery itself: where those that
 * follow it can fail, that would evaluate them for more rows than written. The join then checks these too. */
static bool is_for_join(const struct correlation *corr, const struct expr *expr)
{
    return corr && corr->n && !corr->scalar && wr_expr_can_fail(expr);
}

/* In a scalar subquery it cannot: the rows for which those conditions do not hold go first. */
static bool keep_order(struct block *block, const struct expr *expr)
{
    return !wr_expr_can_fail(expr) || bind_restrict(block);
}

/* Subqueries in expressions of the conditions so far become columns of the plan. */
static bool attach_where_scalars(struct block *block, struct expr ***exprs, size_t n)
{
    struct plan *below = block->from.plan;
    bind_attach_scalars(block, exprs, n);
    return bind_restrict_below(block, below);
}

static bool bind_where_test(struct block *block, const PgQuery__Node *node)
{
    struct wr_arena *arena = block->binder->arena;
    struct subquery_test test;
    block->outer_allowed = false;
    TRY(bind_subquery_lhs(block, node, &test));
    struct expr ***lhs = WR_NEW_ARRAY(arena, struct expr **, test.nlhs);
    for (uint16_t i = 0; i < test.nlhs; i++)
        lhs[i] = &test.lhs[i];
    TRY(attach_where_scalars(block, lhs, test.nlhs));
    struct plan *below = block->from.plan;
    TRY(bind_subquery_apply(block, &test));
    return bind_restrict_below(block, below);
}

bool bind_where(struct block *block, const PgQuery__Node *where, struct correlation *corr)
{
    struct binder *binder = block->binder;
    bool list = where->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
                where->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR;
    size_t n = list ? where->bool_expr->n_args : 1;
    struct expr **conds = WR_NEW_ARRAY(binder->arena, struct expr *, n);
    uint16_t nconds = 0;
    for (size_t i = 0; i < n; i++) {
        const PgQuery__Node *node = list ? where->bool_expr->args[i] : where;
        struct expr *expr;
        if (bind_is_subquery_test(node)) {
            flush_filter(block, conds, &nconds);
            TRY(bind_where_test(block, node));
            continue;
        }
        block->outer_allowed = corr != NULL;
        block->pending = conds;
        block->npending = nconds;
        block->null_is_false = true;
        TRY(bind_expr(block, node, &expr));
        block->null_is_false = false;
        block->npending = 0;
        block->outer_allowed = false;
        TRY(bind_coerce_bool(binder, &expr, n > 1 ? "AND" : block->clause));
        if (block->nscalars) {
            flush_filter(block, conds, &nconds);
            TRY(attach_where_scalars(block, (struct expr * *[]){&expr}, 1));
        }
        if (has_outer(expr) || is_for_join(corr, expr)) {
            TRY(add_correlated(block, corr, expr));
            continue;
        }
        if (corr && corr->n && wr_expr_can_fail(expr))
            flush_filter(block, conds, &nconds);
        TRY(keep_order(block, expr));
        conds[nconds++] = expr;
    }
    flush_filter(block, conds, &nconds);
    return true;
}

/* ---- targets */

static uint16_t add_target(struct select *s, struct expr *expr, const char *name)
{
    s->targets = bind_grow(s->block.binder->arena, s->targets, (uint16_t)(s->ntargets + s->nextras), &s->cap,
                           sizeof(struct target));
    uint16_t at = (uint16_t)(s->ntargets + s->nextras);
    s->targets[at] = (struct target){expr, name};
    return at;
}

static bool add_star(struct select *s, const char *table, int location)
{
    const struct scope *scope = &s->block.from.scope;
    bool found = false;
    for (uint16_t i = 0; i < scope->n; i++) {
        const struct scope_column *col = &scope->cols[i];
        if (table ? (!col->table || strcmp(col->table, table)) : col->merged)
            continue;
        found = true;
        add_target(s, scope_expr(s->block.binder, col, location), col->name);
        s->ntargets++;
    }
    if (found)
        return true;
    if (table) {
        bool known = false;
        for (uint16_t i = 0; i < scope->ntables; i++)
            known |= !strcmp(scope->tables[i], table);
        return known || bind_fail_no_table(&s->block, table, location);
    }
    return s->node->n_from_clause ||
           bind_fail(s->block.binder, location, ERR_SYNTAX, "SELECT * with no tables specified is not valid");
}

static bool bind_target(struct select *s, const PgQuery__ResTarget *target)
{
    struct binder *binder = s->block.binder;
    const PgQuery__Node *node = target->val;
    struct expr *expr;
    if (node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF && node->column_ref->n_fields) {
        const PgQuery__ColumnRef *ref = node->column_ref;
        if (ref->fields[ref->n_fields - 1]->node_case == PG_QUERY__NODE__NODE_A_STAR)
            return add_star(s, ref->n_fields > 1 ? bind_string(ref->fields[ref->n_fields - 2]) : NULL, ref->location);
    }
    TRY(bind_expr(&s->block, node, &expr));
    const char *name =
        target->name && *target->name ? wr_arena_strdup(binder->arena, target->name) : bind_output_name(binder, node);
    add_target(s, expr, name);
    s->ntargets++;
    if (s->ntargets > 1664)
        return bind_fail(binder, -1, "54011", "target lists can have at most 1664 entries");
    return true;
}

static bool bind_targets(struct select *s)
{
    s->block.clause = "SELECT";
    s->block.aggs_allowed = s->block.windows_allowed = s->block.scalars_allowed = true;
    for (size_t i = 0; i < s->node->n_target_list; i++)
        TRY(bind_target(s, s->node->target_list[i]->res_target));
    return true;
}

bool bind_target_list(struct block *block, size_t n, PgQuery__Node *const *list, struct target **targets,
                      uint16_t *ntargets)
{
    PgQuery__SelectStmt node = PG_QUERY__SELECT_STMT__INIT;
    node.n_from_clause = 1; /* * stands for something, if only for no columns */
    struct select s = {.block = *block, .node = &node};
    for (size_t i = 0; i < n; i++)
        TRY(bind_target(&s, list[i]->res_target));
    *block = s.block;
    *targets = s.targets;
    *ntargets = s.ntargets;
    return true;
}

/* ---- clauses that may name a target: by number, by name */

static bool find_number(struct select *s, const PgQuery__Node *node, const char *clause, int *target)
{
    const PgQuery__AConst *constant = node->a_const;
    *target = -1;
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST)
        return true;
    if (constant->val_case != PG_QUERY__A__CONST__VAL_IVAL || constant->isnull)
        return bind_fail(s->block.binder, constant->location, ERR_SYNTAX, "non-integer constant in %s", clause);
    int number = constant->ival->ival;
    if (number < 1 || number > s->ntargets)
        return bind_fail(s->block.binder, constant->location, ERR_INVALID_COLUMN_REFERENCE,
                         "%s position %d is not in select list", clause, number);
    *target = number - 1;
    return true;
}

static bool find_name(struct select *s, const PgQuery__Node *node, const char *clause, int *target)
{
    *target = -1;
    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || node->column_ref->n_fields != 1)
        return true;
    const char *name = bind_string(node->column_ref->fields[0]);
    for (uint16_t i = 0; i < s->ntargets; i++) {
        if (strcmp(s->targets[i].name, name))
            continue;
        if (*target >= 0 && !wr_expr_equal(s->targets[*target].expr, s->targets[i].expr))
            return bind_fail(s->block.binder, node->column_ref->location, ERR_AMBIGUOUS_COLUMN,
                             "%s \"%s\" is ambiguous", clause, name);
        if (*target < 0)
            *target = i;
    }
    return true;
}

/* GROUP BY prefers a FROM column to an output name. */
static bool is_from_column(const struct select *s, const PgQuery__Node *node)
{
    if (node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || node->column_ref->n_fields != 1)
        return false;
    const char *name = bind_string(node->column_ref->fields[0]);
    for (uint16_t i = 0; i < s->block.from.scope.n; i++)
        if (!s->block.from.scope.cols[i].merged && !strcmp(s->block.from.scope.cols[i].name, name))
            return true;
    return false;
}

static bool has_agg(const struct expr *expr)
{
    if (expr->kind == EXPR_COLUMN)
        return expr->column >= COLUMN_AGG && expr->column < COLUMN_SCALAR;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (has_agg(expr->args[i]))
            return true;
    return false;
}

static bool bind_group_item(struct select *s, const PgQuery__Node *node)
{
    struct binder *binder = s->block.binder;
    int target;
    struct expr *expr;
    if (node->node_case == PG_QUERY__NODE__NODE_GROUPING_SET)
        return bind_unsupported(binder, node->grouping_set->location, "GROUPING SETS, CUBE or ROLLUP");
    TRY(find_number(s, node, "GROUP BY", &target));
    if (target < 0 && !is_from_column(s, node))
        TRY(find_name(s, node, "GROUP BY", &target));
    if (target >= 0) {
        expr = s->targets[target].expr;
        if (has_agg(expr))
            return bind_fail(binder, expr->location, ERR_GROUPING, "aggregate functions are not allowed in GROUP BY");
        TRY(bind_coerce_unknown(binder, &s->targets[target].expr));
        expr = s->targets[target].expr;
    } else {
        TRY(bind_expr(&s->block, node, &expr));
        TRY(bind_coerce_unknown(binder, &expr));
    }
    s->group = bind_grow(binder->arena, s->group, s->ngroup, &s->group_cap, sizeof(struct expr *));
    s->group[s->ngroup++] = expr;
    return true;
}

static bool bind_group(struct select *s)
{
    s->block.clause = "GROUP BY";
    s->block.aggs_allowed = s->block.windows_allowed = s->block.scalars_allowed = false;
    s->grouped = s->node->n_group_clause > 0;
    for (size_t i = 0; i < s->node->n_group_clause; i++)
        TRY(bind_group_item(s, s->node->group_clause[i]));
    return true;
}

static bool bind_having(struct select *s)
{
    const PgQuery__Node *having = s->node->having_clause;
    struct wr_arena *arena = s->block.binder->arena;
    if (!having)
        return true;
    s->block.clause = "HAVING";
    s->block.aggs_allowed = s->block.scalars_allowed = true;
    s->block.windows_allowed = false;
    bool list = having->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
                having->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR;
    size_t n = list ? having->bool_expr->n_args : 1;
    for (size_t i = 0; i < n; i++) {
        const PgQuery__Node *node = list ? having->bool_expr->args[i] : having;
        if (bind_is_subquery_test(node)) {
            s->having_tests =
                bind_grow(arena, s->having_tests, s->nhaving_tests, &s->tests_cap, sizeof(struct subquery_test));
            TRY(bind_subquery_lhs(&s->block, node, &s->having_tests[s->nhaving_tests++]));
            continue;
        }
        s->having = bind_grow(arena, s->having, s->nhaving, &s->having_cap, sizeof(struct expr *));
        TRY(bind_expr(&s->block, node, &s->having[s->nhaving]));
        TRY(bind_coerce_bool(s->block.binder, &s->having[s->nhaving++], n > 1 ? "AND" : "HAVING"));
    }
    return true;
}

/* ORDER BY and DISTINCT ON prefer an output name to a FROM column; an expression that is no target becomes an extra. */
static bool bind_reference(struct select *s, const PgQuery__Node *node, const char *clause, uint16_t *column)
{
    struct expr *expr;
    int target;
    TRY(find_name(s, node, clause, &target));
    if (target < 0)
        TRY(find_number(s, node, clause, &target));
    if (target >= 0) {
        *column = (uint16_t)target;
        return bind_coerce_unknown(s->block.binder, &s->targets[target].expr);
    }
    TRY(bind_expr(&s->block, node, &expr));
    TRY(bind_coerce_unknown(s->block.binder, &expr));
    for (uint16_t i = 0; i < s->ntargets + s->nextras; i++)
        if (wr_expr_equal(s->targets[i].expr, expr)) {
            *column = i;
            return true;
        }
    *column = add_target(s, expr, bind_output_name(s->block.binder, node));
    s->nextras++;
    return true;
}

static bool bind_order(struct select *s)
{
    struct binder *binder = s->block.binder;
    s->block.clause = "ORDER BY";
    s->block.aggs_allowed = s->block.windows_allowed = s->block.scalars_allowed = true;
    s->order = WR_NEW_ARRAY(binder->arena, struct order_item, s->node->n_sort_clause);
    if (s->node->n_sort_clause > 1664)
        return bind_fail(binder, -1, "54011", "target lists can have at most 1664 entries");
    for (size_t i = 0; i < s->node->n_sort_clause; i++) {
        const PgQuery__SortBy *sort = s->node->sort_clause[i]->sort_by;
        struct order_item *item = &s->order[s->norder++];
        TRY(bind_reference(s, sort->node, "ORDER BY", &item->target));
        TRY(bind_order_flags(binder, sort, &item->descending, &item->nulls_first));
        if (s->distinct && item->target >= s->ntargets)
            return bind_fail(binder, s->targets[item->target].expr->location, ERR_INVALID_COLUMN_REFERENCE,
                             "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
    }
    return true;
}

static bool bind_distinct_on(struct select *s)
{
    size_t n = s->node->n_distinct_clause;
    bool plain = n == 1 && s->node->distinct_clause[0]->node_case == PG_QUERY__NODE__NODE__NOT_SET;
    s->distinct = n && plain;
    if (!n || plain)
        return true;
    s->block.clause = "DISTINCT ON";
    s->distinct_on = WR_NEW_ARRAY(s->block.binder->arena, uint16_t, n);
    for (size_t i = 0; i < n && i < 1664; i++)
        TRY(bind_reference(s, s->node->distinct_clause[i], "DISTINCT ON", &s->distinct_on[s->ndistinct_on++]));
    return true;
}

static bool in_order_prefix(const struct select *s, uint16_t target)
{
    for (uint16_t i = 0; i < s->norder && i < s->ndistinct_on; i++)
        if (s->order[i].target == target)
            return true;
    return false;
}

/* DISTINCT ON (a, b) ORDER BY must begin with a and b, in any order. */
static bool check_distinct_on(struct select *s)
{
    uint16_t missing = 0, first = 0;
    for (uint16_t k = s->ndistinct_on; k-- > 0;) {
        if (in_order_prefix(s, s->distinct_on[k]))
            continue;
        missing++;
        first = s->distinct_on[k];
    }
    bool ended = s->norder < s->ndistinct_on && missing == s->ndistinct_on - s->norder;
    return !missing || ended ||
           bind_fail(s->block.binder, s->targets[first].expr->location, ERR_INVALID_COLUMN_REFERENCE,
                     "SELECT DISTINCT ON expressions must match initial ORDER BY expressions");
}

/* ---- building */

/* Every expression above FROM, to be rewritten as nodes are built. */
static size_t collect(struct select *s, struct expr ****out)
{
    struct wr_arena *arena = s->block.binder->arena;
    size_t n = 0, total = (size_t)s->ntargets + s->nextras + s->nhaving;
    for (uint16_t i = 0; i < s->nhaving_tests; i++)
        total += s->having_tests[i].nlhs;
    struct expr ***exprs = WR_NEW_ARRAY(arena, struct expr **, total);
    for (uint16_t i = 0; i < s->ntargets + s->nextras; i++)
        exprs[n++] = &s->targets[i].expr;
    for (uint16_t i = 0; i < s->nhaving; i++)
        exprs[n++] = &s->having[i];
    for (uint16_t i = 0; i < s->nhaving_tests; i++)
        for (uint16_t k = 0; k < s->having_tests[i].nlhs; k++)
            exprs[n++] = &s->having_tests[i].lhs[k];
    *out = exprs;
    return n;
}

/* Subqueries whose values are grouped by or aggregated are joined below the aggregate. */
static void attach_below(struct select *s, struct expr ***above, size_t nabove)
{
    struct block *block = &s->block;
    struct expr ***exprs = WR_NEW_ARRAY(block->binder->arena, struct expr **, s->ngroup + 2u * block->naggs);
    size_t n = 0;
    for (uint16_t i = 0; i < s->ngroup; i++)
        exprs[n++] = &s->group[i];
    for (uint16_t i = 0; i < block->naggs; i++) {
        struct bound_agg *agg = &block->aggs[i];
        if (agg->arg)
            exprs[n++] = &agg->arg;
        if (agg->filter)
            exprs[n++] = &agg->filter;
    }
    bind_attach_read(block, exprs, n);
    bind_replace_scalars(block, above, nabove);
}

static bool build_above_from(struct select *s)
{
    struct block *block = &s->block;
    struct expr ***exprs;
    size_t n = collect(s, &exprs);
    bool having = s->node->having_clause != NULL;
    if (block->naggs || s->grouped || having) {
        attach_below(s, exprs, n);
        TRY(bind_build_aggregate(block, s->group, s->ngroup, s->grouped, having, exprs, n));
    }
    bind_attach_scalars(block, exprs, n);
    flush_filter(block, s->having, &s->nhaving);
    for (uint16_t i = 0; i < s->nhaving_tests; i++)
        TRY(bind_subquery_apply(block, &s->having_tests[i]));
    return bind_build_windows(block, exprs, n);
}

static struct plan *project_targets(struct select *s, struct plan *input, uint16_t n)
{
    struct wr_arena *arena = s->block.binder->arena;
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, n);
    const char **names = WR_NEW_ARRAY(arena, const char *, n);
    for (uint16_t i = 0; i < n; i++) {
        exprs[i] = s->targets[i].expr;
        names[i] = s->targets[i].name;
    }
    return make_project(arena, input, exprs, names, n);
}

static struct plan *drop_extras(struct wr_arena *arena, struct plan *input, uint16_t n)
{
    if (input->ncols == n)
        return input;
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, n);
    const char **names = WR_NEW_ARRAY(arena, const char *, n);
    for (uint16_t i = 0; i < n; i++) {
        exprs[i] = make_column(arena, input, i);
        names[i] = input->cols[i].name;
    }
    return make_project(arena, input, exprs, names, n);
}

static struct plan_order *plan_orders(struct select *s)
{
    struct plan_order *order = WR_NEW_ARRAY(s->block.binder->arena, struct plan_order, s->norder);
    for (uint16_t i = 0; i < s->norder; i++)
        order[i] = (struct plan_order){s->order[i].target, s->order[i].descending, s->order[i].nulls_first};
    return order;
}

static struct plan *build_distinct_on(struct select *s, struct plan *input)
{
    struct plan *plan = make_topn(s->block.binder->arena, input, 1, 0, NULL);
    plan->topn.npartition = s->ndistinct_on;
    plan->topn.partition = s->distinct_on;
    plan->topn.norder = s->norder;
    plan->topn.order = plan_orders(s);
    return plan;
}

static struct plan *build_sort(struct binder *binder, struct plan *input, const struct plan_order *order, uint16_t n)
{
    struct plan *plan = wr_plan_new(binder->arena, PLAN_SORT, input->ncols, 1);
    plan->inputs[0] = input;
    memcpy(plan->cols, input->cols, input->ncols * sizeof(input->cols[0]));
    plan->sort.norder = n;
    plan->sort.order = (struct plan_order *)order;
    return plan;
}

/* LIMIT, and the order of the result: what a view or a subquery does with ORDER BY alone is nothing. */
static bool build_order(struct binder *binder, const PgQuery__SelectStmt *node, const struct select_mode *mode,
                        const struct plan_order *order, uint16_t norder, const struct scope *scope, struct plan **plan)
{
    TRY(bind_limit(binder, node, plan, order, norder, scope));
    if (norder && mode->limit) {
        TRY(bind_limit(binder, mode->limit, plan, order, norder, scope));
        *mode->limited = true;
    }
    if (norder && mode->top && !binder->planner->streaming)
        *plan = build_sort(binder, *plan, order, norder);
    return true;
}

/* An aggregate's value over no rows: count is 0, others are NULL. */
static struct expr *empty_agg(void *context, struct expr *column)
{
    const struct select *s = context;
    if (column->column < COLUMN_AGG || column->column >= COLUMN_WINDOW)
        return column;
    struct datum value = {.type = column->type, .null = true};
    if (!strcmp(s->block.aggs[column->column - COLUMN_AGG].agg->name, "count"))
        value.null = false;
    return wr_expr_const(s->block.binder->arena, &value);
}

/* A scalar aggregate: grouped by the inner sides, which become columns behind the value, and a mark that there was a
 * row. */
static bool group_correlated(struct select *s)
{
    struct correlation *corr = s->mode->corr;
    struct binder *binder = s->block.binder;
    bool simple = corr->scalar && s->ntargets == 1 && !s->nextras && !s->grouped && !s->block.nwindows &&
                  !s->block.nscalars && !s->node->having_clause && !s->node->n_distinct_clause;
    struct expr *empty = simple ? rewrite_columns(binder->arena, s->targets[0].expr, empty_agg, s) : NULL;
    for (uint16_t i = 0; simple && i < corr->n; i++)
        simple = bind_inner_side(corr->conditions[i]) >= 0;
    if (!simple || reads_any(empty))
        return bind_unsupported(binder, -1, "this form of correlated subquery with an aggregate");
    bool is_null = empty->kind == EXPR_CONST && empty->value.null;
    for (uint16_t i = 0; i < s->block.naggs; i++) {
        const struct bound_agg *agg = &s->block.aggs[i];
        if ((agg->arg && wr_expr_can_fail(agg->arg)) || (agg->filter && wr_expr_can_fail(agg->filter)))
            TRY(bind_restrict(&s->block));
    }
    s->group = WR_NEW_ARRAY(binder->arena, struct expr *, corr->n);
    for (uint16_t i = 0; i < corr->n; i++) {
        struct expr *expr = corr->conditions[i];
        int side = bind_inner_side(expr);
        struct expr *inner = expr->args[side];
        s->group[s->ngroup++] = inner;
        uint16_t column = add_target(s, inner, wr_arena_printf(binder->arena, "key%u", i + 1u));
        s->ntargets++;
        struct expr *copy = WR_NEW(binder->arena, struct expr);
        *copy = *expr;
        copy->args = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
        copy->args[1 - side] = expr->args[1 - side];
        copy->args[side] = wr_expr_column(binder->arena, column, inner->type, inner->nullable);
        corr->conditions[i] = copy;
    }
    add_target(s, bind_bool(binder, true), "found");
    s->ntargets++;
    corr->nhidden = (uint16_t)(corr->n + 1);
    corr->empty = is_null ? NULL : empty;
    s->grouped = true;
    return true;
}

/* A LIMIT that is a number, without OFFSET; -1: it is not. */
static int constant_limit(const struct select *s)
{
    const PgQuery__Node *limit = s->node->limit_count;
    bool number = limit && !s->node->limit_offset && limit->node_case == PG_QUERY__NODE__NODE_A_CONST &&
                  limit->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL;
    return number ? limit->a_const->ival->ival : -1;
}

/* A scalar subquery with LIMIT 1: the first row for each combination of what is compared with the outer query. */
static bool is_first_per_key(const struct select *s)
{
    return s->mode->corr->scalar && constant_limit(s) == 1 &&
           s->node->limit_option != PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES;
}

/* EXISTS (SELECT ... LIMIT 1): where there are rows, there is one still. */
static bool lets_one_through(const struct select *s)
{
    return s->mode->exists && constant_limit(s) > 0;
}

static void partition_by(struct select *s, const uint16_t *map, uint16_t ncols)
{
    s->distinct_on = WR_NEW_ARRAY(s->block.binder->arena, uint16_t, ncols);
    for (uint16_t c = 0; c < ncols; c++)
        if (map[c] != UINT16_MAX)
            s->distinct_on[s->ndistinct_on++] = map[c];
}

/* Conditions on the outer query: the columns they need travel behind the targets. */
static bool build_correlated(struct select *s)
{
    TRY(bind_domain(&s->block));
    if (s->block.naggs && s->mode->corr->scalar)
        return group_correlated(s);
    if (s->mode->corr->scalar && s->node->n_distinct_clause)
        return bind_unsupported(s->block.binder, -1, "DISTINCT in a correlated scalar subquery");
    struct correlation *corr = s->mode->corr;
    struct binder *binder = s->block.binder;
    for (uint16_t i = 0; i < s->ntargets + s->nextras; i++)
        TRY(keep_order(&s->block, s->targets[i].expr));
    s->first_per_key = is_first_per_key(s);
    struct plan *input = s->block.from.plan;
    bool lets_through = s->first_per_key || lets_one_through(s);
    bool simple = !s->block.naggs && !s->grouped && !s->block.nwindows && !s->ndistinct_on &&
                  (lets_through || !s->node->limit_count) && !s->node->limit_offset && !s->node->having_clause;
    if (!simple)
        return bind_unsupported(binder, -1, "a correlated subquery with aggregates, GROUP BY, LIMIT or windows");
    s->distinct = false; /* a semi or anti join does not count */
    if (!s->first_per_key)
        s->nextras = s->norder = 0;
    s->block.limited |= lets_through && !s->first_per_key;
    corr->nhidden = s->nextras;
    uint16_t *map = WR_NEW_ARRAY(binder->arena, uint16_t, COLUMN_AGG);
    for (uint32_t i = 0; i < COLUMN_AGG; i++)
        map[i] = i >= COLUMN_OUTER ? (uint16_t)i : UINT16_MAX;
    bool *used = WR_NEW_ARRAY(binder->arena, bool, COLUMN_AGG);
    for (uint16_t i = 0; i < corr->n; i++)
        wr_expr_columns(corr->conditions[i], used);
    for (uint16_t c = 0; c < input->ncols; c++) {
        if (!used[c])
            continue;
        for (uint16_t i = 0; i < s->ntargets && map[c] == UINT16_MAX; i++)
            if (s->targets[i].expr->kind == EXPR_COLUMN && s->targets[i].expr->column == c)
                map[c] = i;
        if (map[c] != UINT16_MAX)
            continue;
        map[c] = add_target(s, make_column(binder->arena, input, c), input->cols[c].name);
        s->nextras++;
        corr->nhidden++;
    }
    for (uint16_t i = 0; i < corr->n; i++)
        corr->conditions[i] = wr_expr_remap(binder->arena, corr->conditions[i], map);
    if (s->first_per_key)
        partition_by(s, map, input->ncols);
    s->ntargets = (uint16_t)(s->ntargets + s->nextras);
    s->nextras = 0;
    return true;
}

static bool check_supported(struct binder *binder, const PgQuery__SelectStmt *node)
{
    if (node->into_clause)
        return bind_unsupported(binder, node->into_clause->rel->location, "SELECT INTO");
    if (node->n_locking_clause)
        return bind_unsupported(binder, -1, "FOR UPDATE");
    if (node->n_window_clause)
        return bind_unsupported(binder, node->window_clause[0]->window_def->location, "WINDOW");
    if (node->group_distinct)
        return bind_unsupported(binder, -1, "GROUP BY DISTINCT");
    return true;
}

/* EXISTS asks for rows, not for what they show: that is not evaluated, as in PostgreSQL. */
static void drop_targets(struct select *s)
{
    bool fails = false, limited = s->node->limit_count || s->node->limit_offset;
    if (s->block.naggs || s->grouped || s->node->having_clause || s->block.nwindows || limited)
        return;
    for (uint16_t i = 0; i < s->ntargets + s->nextras; i++)
        fails |= wr_expr_can_fail(s->targets[i].expr);
    if (!fails)
        return;
    for (uint16_t i = 0; i < s->block.nscalars; i++)
        s->block.scalars[i].attached = true;
    s->targets[0] = (struct target){bind_bool(s->block.binder, true), "found"};
    s->ntargets = 1;
    s->nextras = s->norder = s->ndistinct_on = 0;
    s->distinct = false;
}

static bool bind_clauses(struct select *s)
{
    struct block *block = &s->block;
    bind_pass_order(block, s->node, s->mode);
    TRY(bind_from(block, s->node->n_from_clause, s->node->from_clause));
    block->clause = "WHERE";
    block->scalars_allowed = true;
    if (s->node->where_clause)
        TRY(bind_where(block, s->node->where_clause, s->mode->corr));
    TRY(bind_targets(s));
    TRY(bind_group(s));
    TRY(bind_having(s));
    block->aggs_allowed = block->windows_allowed = block->scalars_allowed = true;
    TRY(bind_distinct_on(s));
    TRY(bind_order(s));
    return check_distinct_on(s);
}

static bool bind_simple(struct binder *binder, const PgQuery__SelectStmt *node, const struct select_mode *mode,
                        struct plan **plan)
{
    struct select *s = WR_NEW(binder->arena, struct select);
    s->block.binder = binder;
    s->block.outer = mode->outer;
    s->block.corr = mode->corr;
    s->node = node;
    s->mode = mode;
    TRY(check_supported(binder, node));
    TRY(bind_clauses(s));
    if (mode->exists && binder->planner->version >= 2)
        drop_targets(s);
    if (mode->corr && mode->corr->n)
        TRY(build_correlated(s));
    TRY(build_above_from(s));
    for (uint16_t i = 0; !mode->keep_unknown && i < s->ntargets; i++)
        TRY(bind_coerce_unknown(binder, &s->targets[i].expr));
    *plan = project_targets(s, s->block.from.plan, (uint16_t)(s->ntargets + s->nextras));
    if (s->distinct)
        *plan = make_distinct(binder->arena, *plan);
    if (s->ndistinct_on)
        *plan = build_distinct_on(s, *plan);
    if (!s->first_per_key && !s->block.limited)
        TRY(build_order(binder, node, mode, plan_orders(s), s->norder, &s->block.from.scope, plan));
    *plan = drop_extras(binder->arena, *plan, s->ntargets);
    return true;
}

/* VALUES and set operations are ordered by their output columns only. */
static bool bind_output_order(struct binder *binder, const PgQuery__SelectStmt *node, const struct select_mode *mode,
                              struct plan **plan)
{
    struct select *s = WR_NEW(binder->arena, struct select);
    s->block.binder = binder;
    s->node = node;
    for (uint16_t i = 0; i < (*plan)->ncols; i++) {
        add_target(s, make_column(binder->arena, *plan, i), (*plan)->cols[i].name);
        s->ntargets++;
    }
    struct plan_order *order = WR_NEW_ARRAY(binder->arena, struct plan_order, node->n_sort_clause);
    for (size_t i = 0; i < node->n_sort_clause && i < 1664; i++) {
        const PgQuery__SortBy *sort = node->sort_clause[i]->sort_by;
        int target;
        TRY(find_name(s, sort->node, "ORDER BY", &target));
        if (target < 0)
            TRY(find_number(s, sort->node, "ORDER BY", &target));
        if (target < 0) {
            bind_fail(binder, sort->location, ERR_FEATURE_NOT_SUPPORTED,
                      "invalid UNION/INTERSECT/EXCEPT ORDER BY clause");
            wr_fail_detail(binder->err, "Only result column names can be used, not expressions or functions.");
            return wr_fail_hint(binder->err,
                                "Add the expression/function to every SELECT, or move the UNION into a FROM "
                                "clause.");
        }
        order[i].column = (uint16_t)target;
        TRY(bind_order_flags(binder, sort, &order[i].descending, &order[i].nulls_first));
    }
    return build_order(binder, node, mode, order, (uint16_t)node->n_sort_clause, &(struct scope){0}, plan);
}

static bool bind_body(struct binder *binder, const PgQuery__SelectStmt *node, const struct select_mode *mode,
                      struct plan **plan)
{
    bool set = node->op == PG_QUERY__SET_OPERATION__SETOP_UNION || node->op == PG_QUERY__SET_OPERATION__SETOP_EXCEPT ||
               node->op == PG_QUERY__SET_OPERATION__SETOP_INTERSECT;
    if (!set && !node->n_values_lists)
        return bind_simple(binder, node, mode, plan);
    if (set)
        TRY(bind_set_operation(binder, node, mode, plan));
    else
        TRY(bind_values(binder, node, mode->outer, plan));
    if (!mode->keep_unknown || node->n_sort_clause) {
        struct type *types = WR_NEW_ARRAY(binder->arena, struct type, (*plan)->ncols);
        for (uint16_t i = 0; i < (*plan)->ncols; i++)
            types[i] = (*plan)->cols[i].type.id == TYPE_UNKNOWN ? TYPE(TYPE_TEXT) : (*plan)->cols[i].type;
        TRY(bind_coerce_output(binder, plan, types, CAST_IMPLICIT));
    }
    return bind_output_order(binder, node, mode, plan);
}

bool bind_select(struct binder *binder, const PgQuery__SelectStmt *node, const struct select_mode *mode,
                 struct plan **plan)
{
    struct cte *saved = binder->ctes;
    TRY(bind_enter(binder));
    if (node->with_clause)
        TRY(bind_with(binder, node->with_clause, mode->outer));
    TRY(bind_body(binder, node, mode, plan));
    TRY(bind_unused_ctes(binder, saved));
    binder->ctes = saved;
    binder->depth--;
    return true;
}
