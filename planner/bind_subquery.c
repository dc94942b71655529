/* Subqueries in expressions.
 *
 *   x IN (SELECT y ...)          semi join on x = y
 *   x NOT IN (SELECT y ...)      anti join on x = y, null-aware unless neither can be NULL
 *   [NOT] EXISTS (SELECT ...)    semi / anti join
 *   x op ANY / ALL (SELECT y)    semi join on x op y / anti join on (x op y) IS NOT TRUE
 * Conditions of the subquery's WHERE that use the outer query become conditions of the join (pass_extract_keys.c makes
 * keys of the equalities). A correlated NOT IN, and one of rows with NULLs, is an anti join on (x = y) IS NOT FALSE of
 * each entry, which is its meaning with NULLs too.
 *
 * A scalar subquery that is proven to give at most one row is left-joined (on no key if it does not use the outer
 * query). One that is an aggregate and compares with the outer query by equalities is grouped by what it compares:
 *   SELECT o.id, (SELECT count(*) FROM i WHERE i.o_id = o.id) FROM o
 *   SELECT o.id, CASE WHEN s.found IS NULL THEN 0 ELSE s.count END
 *   FROM o LEFT JOIN (SELECT count(*), o_id, true AS found FROM i GROUP BY o_id) s ON s.o_id = o.id */
#include "planner/passes.h"

bool has_outer(const struct expr *expr)
{
    if (expr->kind == EXPR_COLUMN)
        return expr->column >= COLUMN_OUTER && expr->column < COLUMN_AGG;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (has_outer(expr->args[i]))
            return true;
    return false;
}

struct shift {
    struct wr_arena *arena;
    uint16_t nleft;
};

/* Conditions of a correlation: outer columns are the join's left ones, the subquery's own its right ones. */
static struct expr *to_join(void *context, struct expr *column)
{
    const struct shift *shift = context;
    uint16_t to = column->column >= COLUMN_OUTER ? (uint16_t)(column->column - COLUMN_OUTER)
                                                 : (uint16_t)(column->column + shift->nleft);
    struct expr *copy = wr_expr_column(shift->arena, to, column->type, column->nullable);
    copy->location = column->location;
    return copy;
}

static struct expr *join_condition(struct block *block, struct correlation *corr)
{
    struct shift shift = {block->binder->arena, block->from.plan->ncols};
    for (uint16_t i = 0; i < corr->n; i++)
        corr->conditions[i] = rewrite_columns(shift.arena, corr->conditions[i], to_join, &shift);
    return make_and(shift.arena, corr->conditions, corr->n);
}

/* ---- scalar */

/* Has the plan always exactly one row, as far as its shape tells? */
static bool is_always_one(const struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_PROJECT:
    case PLAN_SORT:
    case PLAN_DISTINCT:
        return is_always_one(plan->inputs[0]);
    case PLAN_AGGREGATE:
        return plan->aggregate.ngroup == 0 && !plan->aggregate.grouped;
    case PLAN_VALUES:
        return plan->values.nrows == 1;
    case PLAN_JOIN:
        return plan->join.type == JOIN_INNER && !plan->join.condition && !plan->join.nkeys &&
               is_always_one(plan->inputs[0]) && is_always_one(plan->inputs[1]);
    default:
        return false;
    }
}

/* At most one row for each row outside: a key among the columns that equalities with the outer query fix. */
static bool is_at_most_one(struct block *block, const struct plan *plan, const struct correlation *corr)
{
    uint16_t *fixed = WR_NEW_ARRAY(block->binder->arena, uint16_t, corr->n), n = 0;
    for (uint16_t i = 0; i < corr->n; i++) {
        const struct expr *expr = corr->conditions[i];
        bool same = expr->kind == EXPR_IS_DISTINCT && expr->negated;
        if (!same && (expr->kind != EXPR_CALL || expr->nargs != 2 || strcmp(expr->fn->name, "=") != 0))
            continue;
        for (int flip = 0; flip < 2; flip++)
            if (expr->args[flip]->kind == EXPR_COLUMN && expr->args[flip]->column < COLUMN_OUTER &&
                has_outer(expr->args[1 - flip]) && !reads_only(expr->args[1 - flip], 0, COLUMN_OUTER) &&
                reads_only(expr->args[1 - flip], COLUMN_OUTER, COLUMN_AGG))
                fixed[n++] = expr->args[flip]->column;
    }
    return plan_has_key(plan, fixed, n);
}

/* Of a subquery that need not be bound: the types its casts give to parameters. */
static bool param_fails(void *context, const ProtobufCMessage *message)
{
    struct block *block = context;
    const PgQuery__Node *node = (const PgQuery__Node *)message;
    struct expr *param;
    return message->descriptor == &pg_query__node__descriptor && node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST &&
           node->type_cast->arg->node_case == PG_QUERY__NODE__NODE_PARAM_REF && !bind_expr(block, node, &param);
}

bool bind_scalar_subquery(struct block *block, const PgQuery__SubLink *link, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct bound_scalar scalar = {.corr.scalar = true};
    if (!block->scalars_allowed)
        return bind_unsupported(binder, link->location, "a subquery in %s",
                                block->in_agg ? "an aggregate" : block->clause);
    if (!binder->planner->streaming && wr_plan_reads_nothing(binder->planner->catalog, link->subselect->select_stmt)) {
        *expr = bind_null(binder, TYPE(TYPE_TEXT));
        return !wr_plan_find_message(&link->subselect->base, param_fails, block);
    }
    struct select_mode mode = {.outer = block, .corr = &scalar.corr};
    TRY(bind_select(binder, link->subselect->select_stmt, &mode, &scalar.plan));
    if (scalar.plan->ncols - scalar.corr.nhidden != 1)
        return bind_fail(binder, link->location, ERR_SYNTAX, "subquery must return only one column");
    plan_properties(binder->planner, scalar.plan);
    scalar.guarded = block->guard != NULL;
    scalar.always = !scalar.corr.n && is_always_one(scalar.plan);
    bool single = scalar.always || is_at_most_one(block, scalar.plan, &scalar.corr);
    plan_forget(scalar.plan);
    if (!single)
        TRY(bind_single(block, link, &scalar));
    block->scalars = bind_grow(binder->arena, block->scalars, block->nscalars, &block->scalars_cap, sizeof(scalar));
    block->scalars[block->nscalars] = scalar;
    const struct plan_column *col = &scalar.plan->cols[0];
    *expr = wr_expr_column(binder->arena, (uint16_t)(COLUMN_SCALAR + block->nscalars++), col->type,
                           col->nullable || !scalar.always || scalar.counted);
    (*expr)->location = link->location;
    return true;
}

static struct expr *is_found(struct wr_arena *arena, uint16_t mark)
{
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, 1);
    args[0] = wr_expr_column(arena, mark, TYPE(TYPE_BOOL), true);
    struct expr *expr = wr_expr_nary(arena, EXPR_IS_NULL, args, 1);
    expr->negated = true;
    return expr;
}

/* CASE WHEN one_row(count) THEN value END */
static struct expr *only_of_one(struct wr_arena *arena, struct expr *value, uint16_t count)
{
    struct expr **counts = WR_NEW_ARRAY(arena, struct expr *, 1), **args = WR_NEW_ARRAY(arena, struct expr *, 2);
    counts[0] = wr_expr_column(arena, count, TYPE(TYPE_INT8), true);
    args[0] = wr_expr_call(arena, &wr_fn_one_row, TYPE(TYPE_BOOL), counts, 1);
    args[1] = value;
    struct expr *expr = wr_expr_nary(arena, EXPR_CASE, args, 2);
    expr->type = value->type;
    expr->nullable = true;
    return expr;
}

/* The value; of an aggregate over no rows what it gives then: CASE WHEN <no partner> THEN empty ELSE value END. */
static struct expr *replace_scalar(void *context, struct expr *column)
{
    struct block *block = context;
    struct wr_arena *arena = block->binder->arena;
    if (column->column < COLUMN_SCALAR)
        return column;
    const struct bound_scalar *scalar = &block->scalars[column->column - COLUMN_SCALAR];
    if (!scalar->attached)
        return column;
    uint16_t mark = (uint16_t)(scalar->column + scalar->plan->ncols - 1);
    if (scalar->mark)
        return is_found(arena, mark);
    struct expr *value = wr_expr_column(arena, scalar->column, column->type, column->nullable);
    if (scalar->counted)
        return only_of_one(arena, value, mark);
    if (!scalar->corr.empty)
        return value;
    struct expr **test = WR_NEW_ARRAY(arena, struct expr *, 1), **args = WR_NEW_ARRAY(arena, struct expr *, 3);
    test[0] = wr_expr_column(arena, mark, TYPE(TYPE_BOOL), true);
    args[0] = wr_expr_nary(arena, EXPR_IS_NULL, test, 1);
    args[1] = scalar->corr.empty;
    args[2] = value;
    struct expr *expr = wr_expr_nary(arena, EXPR_CASE, args, 3);
    expr->type = column->type;
    expr->nullable = true;
    return expr;
}

static void attach_scalar(struct block *block, struct bound_scalar *scalar)
{
    struct wr_arena *arena = block->binder->arena;
    if (scalar->attached)
        return;
    struct expr *condition = join_condition(block, &scalar->corr);
    scalar->attached = true;
    scalar->column = block->from.plan->ncols;
    block->from.plan =
        make_join(arena, scalar->always ? JOIN_INNER : JOIN_LEFT, block->from.plan, scalar->plan, condition);
}

static void attach_read(struct block *block, const struct expr *expr)
{
    if (expr->kind == EXPR_COLUMN && expr->column >= COLUMN_SCALAR)
        attach_scalar(block, &block->scalars[expr->column - COLUMN_SCALAR]);
    for (uint16_t i = 0; i < expr->nargs; i++)
        attach_read(block, expr->args[i]);
}

void bind_attach_read(struct block *block, struct expr ***exprs, size_t nexprs)
{
    for (size_t i = 0; block->nscalars && i < nexprs; i++)
        attach_read(block, *exprs[i]);
    bind_replace_scalars(block, exprs, nexprs);
}

void bind_attach_scalars(struct block *block, struct expr ***exprs, size_t nexprs)
{
    for (uint16_t i = 0; i < block->nscalars; i++)
        attach_scalar(block, &block->scalars[i]);
    bind_replace_scalars(block, exprs, nexprs);
}

void bind_replace_scalars(struct block *block, struct expr ***exprs, size_t nexprs)
{
    for (size_t i = 0; block->nscalars && i < nexprs; i++)
        *exprs[i] = rewrite_columns(block->binder->arena, *exprs[i], replace_scalar, block);
}

/* ---- tests */

static const PgQuery__SubLink *find_test(const PgQuery__Node *node, bool *negated)
{
    *negated = false;
    while (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
           node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
        node = node->bool_expr->args[0];
        *negated = !*negated;
    }
    if (node->node_case != PG_QUERY__NODE__NODE_SUB_LINK)
        return NULL;
    switch (node->sub_link->sub_link_type) {
    case PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK:
    case PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK:
    case PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK:
        return node->sub_link;
    default:
        return NULL;
    }
}

bool bind_is_subquery_test(const PgQuery__Node *node)
{
    bool negated;
    return find_test(node, &negated) != NULL;
}

bool bind_subquery_lhs(struct block *block, const PgQuery__Node *node, struct subquery_test *test)
{
    struct wr_arena *arena = block->binder->arena;
    memset(test, 0, sizeof(*test));
    test->link = find_test(node, &test->negated);
    const PgQuery__Node *lhs = test->link->testexpr;
    if (test->link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK || !lhs)
        return true;
    bool row = lhs->node_case == PG_QUERY__NODE__NODE_ROW_EXPR;
    test->nlhs = row ? (uint16_t)WR_MIN(lhs->row_expr->n_args, 1600u) : 1;
    test->lhs = WR_NEW_ARRAY(arena, struct expr *, test->nlhs);
    for (uint16_t i = 0; i < test->nlhs; i++)
        TRY(bind_expr(block, row ? lhs->row_expr->args[i] : lhs, &test->lhs[i]));
    for (uint16_t i = 0; i < test->nlhs; i++)
        test->lhs[i] = bind_guarded(block, test->lhs[i]);
    return true;
}

static struct expr *make_test(struct wr_arena *arena, struct expr *arg, char test, bool negated)
{
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, 1);
    args[0] = arg;
    struct expr *expr = wr_expr_nary(arena, EXPR_IS_BOOL, args, 1);
    expr->bool_test = test;
    expr->negated = negated;
    return expr;
}

/* The comparisons x op y over left, then right columns. */
static bool bind_comparisons(struct block *block, const struct subquery_test *test, const char *op,
                             const struct plan *right, struct expr **comparisons)
{
    struct binder *binder = block->binder;
    for (uint16_t i = 0; i < test->nlhs; i++) {
        struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
        args[0] = test->lhs[i];
        args[1] = make_column(binder->arena, right, i);
        args[1]->column = (uint16_t)(args[1]->column + block->from.plan->ncols);
        TRY(bind_call(block, op, true, args, 2, test->link->location, &comparisons[i]));
    }
    return true;
}

static struct expr *to_right(void *context, struct expr *column)
{
    const struct shift *shift = context;
    return wr_expr_column(shift->arena, (uint16_t)(column->column - shift->nleft), column->type, column->nullable);
}

/* x [NOT] IN: the comparison's two sides are computed below the join, once per row as written, and become its keys. */
static void make_keyed(struct block *block, struct plan *right, enum join_type type, struct expr *const *comparisons,
                       uint16_t n, struct expr *condition)
{
    struct wr_arena *arena = block->binder->arena;
    struct shift shift = {arena, block->from.plan->ncols};
    struct expr **left_exprs = WR_NEW_ARRAY(arena, struct expr *, n);
    struct expr **right_exprs = WR_NEW_ARRAY(arena, struct expr *, n);
    uint16_t *left_keys = WR_NEW_ARRAY(arena, uint16_t, n), *right_keys = WR_NEW_ARRAY(arena, uint16_t, n);
    bool nullable = false;
    for (uint16_t i = 0; i < n; i++) {
        left_exprs[i] = comparisons[i]->args[0];
        right_exprs[i] = rewrite_columns(arena, comparisons[i]->args[1], to_right, &shift);
        nullable |= left_exprs[i]->nullable || right_exprs[i]->nullable;
    }
    struct plan *left = make_extend(arena, block->from.plan, left_exprs, n, left_keys);
    right = make_extend(arena, right, right_exprs, n, right_keys);
    uint16_t *map = WR_NEW_ARRAY(arena, uint16_t, shift.nleft + right->ncols);
    for (uint16_t i = 0; condition && i < shift.nleft + right->ncols; i++)
        map[i] = i < shift.nleft ? i : (uint16_t)(i - shift.nleft + left->ncols);
    if (condition)
        condition = wr_expr_remap(arena, condition, map);
    struct plan *plan = make_join(arena, type, left, right, condition);
    plan->join.nkeys = n;
    plan->join.left_keys = left_keys;
    plan->join.right_keys = right_keys;
    plan->join.null_aware = type == JOIN_ANTI && nullable;
    block->from.plan = plan;
}

static bool check_width(struct block *block, const struct subquery_test *test, const struct plan *right)
{
    if (right->ncols == test->nlhs)
        return true;
    return bind_fail(block->binder, test->link->location, ERR_SYNTAX, "subquery has too %s columns",
                     right->ncols < test->nlhs ? "few" : "many");
}

/* Binds the subquery: its targets are the first *ntargets columns; correlated conditions go to *condition over left,
 * right. */
static bool bind_inner(struct block *block, const struct subquery_test *test, struct plan **right, uint16_t *ntargets,
                       struct expr **condition)
{
    struct binder *binder = block->binder;
    struct correlation corr = {0};
    struct select_mode mode = {.outer = block, .corr = &corr};
    mode.exists = test->link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK;
    TRY(bind_select(binder, test->link->subselect->select_stmt, &mode, right));
    *ntargets = (uint16_t)((*right)->ncols - corr.nhidden);
    if (corr.n && block->grouped)
        return bind_unsupported(binder, test->link->location, "a correlated subquery in HAVING");
    *condition = join_condition(block, &corr);
    return true;
}

static struct expr *add_condition(struct wr_arena *arena, struct expr *condition, struct expr *more)
{
    struct expr *both[] = {condition, more};
    return condition ? make_and(arena, both, 2) : more;
}

/* IN and NOT IN are = ANY and <> ALL; PostgreSQL's parser writes NOT IN as NOT (= ANY). */
static bool apply_in(struct block *block, const struct subquery_test *test, struct plan *right, struct expr *condition)
{
    struct wr_arena *arena = block->binder->arena;
    const PgQuery__SubLink *link = test->link;
    const char *op = link->n_oper_name ? bind_string(link->oper_name[link->n_oper_name - 1]) : "=";
    bool all = link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK;
    bool anti = all != test->negated;
    bool equality = !strcmp(op, all ? "<>" : "=");
    uint16_t n = test->nlhs;
    struct expr **comparisons = WR_NEW_ARRAY(arena, struct expr *, n);
    TRY(bind_comparisons(block, test, equality ? "=" : op, right, comparisons));
    bool nullable = false;
    for (uint16_t i = 0; i < n; i++)
        nullable |= comparisons[i]->nullable;
    if (n > 1 && !equality)
        return bind_unsupported(block->binder, link->location, "this comparison of rows with a subquery");
    if (equality && (!anti || !nullable || (!condition && n == 1))) {
        make_keyed(block, right, anti ? JOIN_ANTI : JOIN_SEMI, comparisons, n, condition);
        return true;
    }
    /* op ALL: no row for which it is not true. NOT (op ANY): none for which it is true or unknown, which
     * of rows it is unless an entry is known to differ. */
    for (uint16_t i = 0; i < n; i++) {
        struct expr *comparison = comparisons[i];
        if (anti && (!equality || comparison->nullable || n == 1))
            comparison = make_test(arena, comparison, all && !equality ? 't' : 'f', true);
        else if (!anti && all)
            comparison = make_test(arena, comparison, 'f', false);
        condition = add_condition(arena, condition, comparison);
    }
    block->from.plan = make_join(arena, anti ? JOIN_ANTI : JOIN_SEMI, block->from.plan, right, condition);
    return true;
}

bool bind_subquery_apply(struct block *block, const struct subquery_test *test)
{
    struct plan *right = NULL;
    struct expr *condition = NULL;
    uint16_t ntargets = 0;
    TRY(bind_inner(block, test, &right, &ntargets, &condition));
    if (test->link->sub_link_type != PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK) {
        struct plan targets = *right;
        targets.ncols = ntargets;
        return check_width(block, test, &targets) && apply_in(block, test, right, condition);
    }
    block->from.plan =
        make_join(block->binder->arena, test->negated ? JOIN_ANTI : JOIN_SEMI, block->from.plan, right, condition);
    return true;
}
