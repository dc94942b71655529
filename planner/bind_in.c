/* IN and EXISTS as values: under OR, in CASE, in the select list.
 *
 *   before  SELECT * FROM o WHERE o.paid OR o.c_id IN (SELECT id FROM vip WHERE vip.shop = o.shop)
 *   after   ... FROM o LEFT JOIN (SELECT DISTINCT shop, id, true AS found FROM vip) m ON m.shop = o.shop AND m.id =
 * o.c_id WHERE o.paid OR m.found IS NOT NULL Such a mark is a scalar subquery (bind_subquery.c) whose value over no
 * rows is false. What it is compared by must be equalities, or there would be several rows for one outside. x IN (...)
 * without a match is NULL if x is and there are rows, or if one of them is: two more marks, where NULLs are possible.
 */
#include "planner/passes.h"

enum mark {
    MARK_ROW,   /* is there a row? */
    MARK_MATCH, /* one that equals the left side */
    MARK_NULL,  /* one that is NULL */
};

/* A mark in the making: what is compared, inside and outside. */
struct mark_keys {
    uint16_t n;
    struct expr **conditions; /* calls of =, over the columns outside (COLUMN_OUTER) and those of `plan` */
    struct expr **inner;      /* their sides within the subquery */
};

static struct expr *to_outer(void *context, struct expr *column)
{
    struct wr_arena *arena = context;
    return wr_expr_column(arena, (uint16_t)(COLUMN_OUTER + column->column), column->type, column->nullable);
}

/* Key n of the mark is column n of its plan. */
static void add_key(struct wr_arena *arena, struct mark_keys *keys, const struct expr *equality, int inner,
                    struct expr *outer)
{
    struct expr *condition = WR_NEW(arena, struct expr);
    struct expr *side = equality->args[inner];
    *condition = *equality;
    condition->args = WR_NEW_ARRAY(arena, struct expr *, 2);
    condition->args[1 - inner] = outer;
    condition->args[inner] = wr_expr_column(arena, keys->n, side->type, side->nullable);
    keys->inner[keys->n] = side;
    keys->conditions[keys->n++] = condition;
}

/* A condition on the outer query; false: not an equality of one side with the other. One that can fail may come first:
 * its side is computed for every row of the subquery. */
static bool add_correlation(struct wr_arena *arena, struct mark_keys *keys, const struct expr *expr)
{
    bool equal = expr->kind == EXPR_CALL && expr->nargs == 2 && !strcmp(expr->fn->name, "=");
    bool same = expr->kind == EXPR_IS_DISTINCT && expr->negated;
    if ((!equal && !same) || (keys->n && wr_expr_can_fail(expr)))
        return false;
    for (int inner = 0; inner < 2; inner++) {
        struct expr *outer = expr->args[1 - inner];
        if (has_outer(expr->args[inner]) || !reads_any(expr->args[inner]) ||
            !reads_only(outer, COLUMN_OUTER, COLUMN_AGG))
            continue;
        add_key(arena, keys, expr, inner, outer);
        return true;
    }
    return false;
}

/* lhs = column of the subquery */
static bool add_comparison(struct block *block, struct mark_keys *keys, const struct subquery_test *test, uint16_t i,
                           const struct plan *right)
{
    struct binder *binder = block->binder;
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2), *equality;
    args[0] = test->lhs[i];
    args[1] = make_column(binder->arena, right, i);
    TRY(bind_call(block, "=", true, args, 2, test->link->location, &equality));
    add_key(binder->arena, keys, equality, 1,
            rewrite_columns(binder->arena, equality->args[0], to_outer, binder->arena));
    return true;
}

static struct expr *is_null(struct wr_arena *arena, struct expr *arg)
{
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, 1);
    args[0] = arg;
    return wr_expr_nary(arena, EXPR_IS_NULL, args, 1);
}

/* SELECT keys, true AS found FROM (SELECT DISTINCT keys FROM plan) */
static struct plan *make_mark(struct binder *binder, struct plan *plan, const struct mark_keys *keys)
{
    struct wr_arena *arena = binder->arena;
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, keys->n + 1u);
    const char **names = WR_NEW_ARRAY(arena, const char *, keys->n + 1u);
    for (uint16_t i = 0; i < keys->n; i++) {
        exprs[i] = keys->inner[i];
        names[i] = wr_arena_printf(arena, "key%u", i + 1u);
    }
    exprs[keys->n] = bind_bool(binder, true);
    names[keys->n] = "found";
    plan = make_distinct(arena, make_project(arena, plan, exprs, names, keys->n ? keys->n : 1));
    for (uint16_t i = 0; i < keys->n; i++)
        exprs[i] = make_column(arena, plan, i);
    return make_project(arena, plan, exprs, names, (uint16_t)(keys->n + 1));
}

static struct expr *add_scalar(struct block *block, struct plan *plan, const struct mark_keys *keys)
{
    struct wr_arena *arena = block->binder->arena;
    struct bound_scalar scalar = {.plan = plan, .mark = true};
    scalar.corr = (struct correlation){.n = keys->n,
                                       .cap = keys->n,
                                       .conditions = keys->conditions,
                                       .nhidden = (uint16_t)(keys->n + 1),
                                       .scalar = true};
    block->scalars = bind_grow(arena, block->scalars, block->nscalars, &block->scalars_cap, sizeof(scalar));
    block->scalars[block->nscalars] = scalar;
    return wr_expr_column(arena, (uint16_t)(COLUMN_SCALAR + block->nscalars++), TYPE(TYPE_BOOL), false);
}

/* One mark; *right: the subquery's plan, for what is known of its columns. */
static bool bind_mark(struct block *block, const struct subquery_test *test, enum mark mark, struct expr **expr,
                      const struct plan **right)
{
    struct binder *binder = block->binder;
    struct wr_arena *arena = binder->arena;
    struct correlation corr = {.equalities = true};
    struct select_mode mode = {.outer = block, .corr = &corr, .exists = mark == MARK_ROW};
    struct plan *plan;
    TRY(bind_select(binder, test->link->subselect->select_stmt, &mode, &plan));
    uint32_t most = (uint32_t)corr.n + test->nlhs;
    struct mark_keys keys = {.conditions = WR_NEW_ARRAY(arena, struct expr *, most),
                             .inner = WR_NEW_ARRAY(arena, struct expr *, most)};
    if (mark != MARK_ROW && plan->ncols - corr.nhidden != test->nlhs)
        return bind_fail(binder, test->link->location, ERR_SYNTAX, "subquery has too %s columns",
                         plan->ncols - corr.nhidden < test->nlhs ? "few" : "many");
    for (uint16_t i = 0; i < corr.n; i++)
        if (!add_correlation(arena, &keys, corr.conditions[i]))
            return bind_unsupported(binder, test->link->location,
                                    "a subquery that is compared with the outer query by more than equalities, other "
                                    "than as a condition joined by AND in WHERE,");
    for (uint16_t i = 0; mark == MARK_MATCH && i < test->nlhs; i++)
        TRY(add_comparison(block, &keys, test, i, plan));
    *right = plan;
    if (mark == MARK_NULL)
        plan = make_filter(arena, plan, is_null(arena, make_column(arena, plan, 0)));
    *expr = add_scalar(block, make_mark(binder, plan, &keys), &keys);
    (*expr)->location = test->link->location;
    return true;
}

static struct expr *make_not(struct wr_arena *arena, struct expr *arg)
{
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, 1);
    args[0] = arg;
    return wr_expr_nary(arena, EXPR_NOT, args, 1);
}

/* CASE WHEN match THEN true WHEN unknown THEN NULL ELSE false END */
static struct expr *make_unknown(struct binder *binder, struct expr *match, struct expr *unknown)
{
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 5);
    args[0] = match;
    args[1] = bind_bool(binder, true);
    args[2] = unknown;
    args[3] = bind_null(binder, TYPE(TYPE_BOOL));
    args[4] = bind_bool(binder, false);
    return wr_expr_nary(binder->arena, EXPR_CASE, args, 5);
}

static bool bind_nulls(struct block *block, const struct subquery_test *test, bool of_column, struct expr **expr)
{
    struct wr_arena *arena = block->binder->arena;
    struct expr **either = WR_NEW_ARRAY(arena, struct expr *, 2), **both = WR_NEW_ARRAY(arena, struct expr *, 2);
    const struct plan *right;
    uint16_t n = 0;
    if (test->lhs[0]->nullable) {
        both[0] = is_null(arena, test->lhs[0]);
        TRY(bind_mark(block, test, MARK_ROW, &both[1], &right));
        either[n++] = wr_expr_nary(arena, EXPR_AND, both, 2);
    }
    if (of_column)
        TRY(bind_mark(block, test, MARK_NULL, &either[n++], &right));
    *expr = make_unknown(block->binder, *expr, n == 2 ? wr_expr_nary(arena, EXPR_OR, either, 2) : either[0]);
    return true;
}

static bool bind_match(struct block *block, const struct subquery_test *test, bool null_is_false, struct expr **expr)
{
    struct binder *binder = block->binder;
    const struct plan *right;
    bool left_nulls = false, right_nulls = false;
    for (uint16_t i = 0; i < test->nlhs; i++) {
        left_nulls |= test->lhs[i]->nullable;
        if (!reads_only(test->lhs[i], 0, COLUMN_OUTER))
            return bind_unsupported(binder, test->link->location,
                                    "IN of a subquery, other than as a condition joined by AND in WHERE, for more than "
                                    "columns of FROM");
    }
    TRY(bind_mark(block, test, MARK_MATCH, expr, &right));
    for (uint16_t i = 0; i < test->nlhs; i++)
        right_nulls |= right->cols[i].nullable;
    if (null_is_false || (!left_nulls && !right_nulls))
        return true;
    if (test->nlhs > 1)
        return bind_unsupported(binder, test->link->location, "this comparison of rows with a subquery");
    return bind_nulls(block, test, right_nulls, expr);
}

bool bind_subquery_value(struct block *block, const PgQuery__Node *node, struct expr **expr)
{
    struct binder *binder = block->binder;
    const PgQuery__SubLink *link = node->sub_link;
    bool all = link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK;
    const char *op = link->n_oper_name ? bind_string(link->oper_name[link->n_oper_name - 1]) : "=";
    const struct plan *right;
    struct subquery_test test;
    if (!block->scalars_allowed)
        return bind_unsupported(binder, link->location, "a subquery in %s",
                                block->in_agg ? "an aggregate" : block->clause);
    if (strcmp(op, all ? "<>" : "=") != 0)
        return bind_unsupported(binder, link->location,
                                "%s %s of a subquery other than as a condition joined by AND in WHERE", op,
                                all ? "ALL" : "ANY");
    bool null_is_false = block->null_is_false && !all;
    block->null_is_false = false;
    TRY(bind_subquery_lhs(block, node, &test));
    if (link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK)
        return bind_mark(block, &test, MARK_ROW, expr, &right);
    TRY(bind_match(block, &test, null_is_false, expr));
    if (all)
        *expr = make_not(binder->arena, *expr);
    return true;
}
