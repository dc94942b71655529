/* A subquery that is compared with the outer query by more than equalities is computed for each combination of the
 * outer values it uses, once.
 *
 *   SELECT o.id, (SELECT count(*) FROM i WHERE i.x < o.x) FROM o WHERE o.y > 0
 *   SELECT o.id, CASE WHEN s.found IS NULL THEN 0 ELSE s.count END
 *   FROM o LEFT JOIN (SELECT count(*), d.x, true AS found
 *                     FROM i JOIN (SELECT DISTINCT x FROM o WHERE y > 0) d ON i.x < d.x GROUP BY d.x) s ON s.x = o.x
 *
 * The conditions are checked where they were, between the subquery's rows and a copy of the outer query (whose own
 * failures are reported where it was copied from). What is left is an equality, with which all goes on as if it had
 * been written: bind_query.c, bind_subquery.c, bind_in.c. Where a condition may hold although the outer value is NULL,
 * the equality is IS NOT DISTINCT FROM. */
#include <string.h>

#include "planner/passes.h"

static int find_inner_side(const struct expr *expr)
{
    bool equal = expr->kind == EXPR_CALL && expr->nargs == 2 && !strcmp(expr->fn->name, "=");
    if (!equal && !(expr->kind == EXPR_IS_DISTINCT && expr->negated))
        return -1;
    for (int side = 0; side < 2; side++)
        if (!has_outer(expr->args[side]) && reads_any(expr->args[side]) &&
            reads_only(expr->args[1 - side], COLUMN_OUTER, COLUMN_AGG))
            return side;
    return -1;
}

int bind_inner_side(const struct expr *expr)
{
    return wr_expr_can_fail(expr) ? -1 : find_inner_side(expr);
}

static bool is_comparison(const struct expr *expr)
{
    static const char *const names[] = {"=", "<>", "<", "<=", ">", ">="};
    for (size_t i = 0; expr->kind == EXPR_CALL && i < WR_COUNT(names); i++)
        if (!strcmp(expr->fn->name, names[i]))
            return true;
    return expr->kind == EXPR_IS_DISTINCT || expr->kind == EXPR_IN_LIST || expr->kind == EXPR_IS_NULL;
}

/* Of equal numbers it makes equal numbers. (Division does not: the scales count.) */
static bool keeps_equality(const struct expr *expr)
{
    static const char *const names[] = {"+", "-", "*", "abs"};
    for (size_t i = 0; expr->kind == EXPR_CALL && i < WR_COUNT(names); i++)
        if (!strcmp(expr->fn->name, names[i]))
            return true;
    return expr->kind == EXPR_CALL && !strcmp(expr->fn->name, "cast") && wr_type_info(expr->type.id)->category == 'N';
}

/* One of equal values stands for all: nothing may tell them apart (1.0 and 1.00 by their texts). */
static bool tells_equals_apart(const struct expr *expr, bool compared)
{
    if (expr->kind == EXPR_COLUMN)
        return expr->column >= COLUMN_OUTER && !compared && !wr_type_info(expr->type.id)->equality_is_identity;
    compared = is_comparison(expr) || (compared && keeps_equality(expr));
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (tells_equals_apart(expr->args[i], compared))
            return true;
    return false;
}

/* The columns of the outer query that the conditions use. */
struct domain {
    struct wr_arena *arena;
    uint16_t n, first; /* first: column of the first in the join */
    uint16_t *at;      /* outer column: its number + 1 among them */
    struct expr **columns;
};

static void find_columns(struct domain *domain, const struct expr *expr)
{
    uint16_t outer = (uint16_t)(expr->column - COLUMN_OUTER);
    if (expr->kind == EXPR_COLUMN && expr->column >= COLUMN_OUTER && expr->column < COLUMN_AGG && !domain->at[outer]) {
        domain->columns[domain->n++] = wr_expr_column(domain->arena, expr->column, expr->type, expr->nullable);
        domain->at[outer] = domain->n;
    }
    for (uint16_t i = 0; i < expr->nargs; i++)
        find_columns(domain, expr->args[i]);
}

static struct expr *to_domain(void *context, struct expr *column)
{
    const struct domain *domain = context;
    if (column->column < COLUMN_OUTER)
        return column;
    uint16_t to = (uint16_t)(domain->first + domain->at[column->column - COLUMN_OUTER] - 1);
    return wr_expr_column(domain->arena, to, column->type, column->nullable);
}

/* SELECT DISTINCT the columns FROM the outer query */
static bool make_distinct_outer(struct block *outer, const struct domain *domain, struct plan **plan)
{
    TRY(bind_copy_outer(outer, plan));
    struct expr **exprs = WR_NEW_ARRAY(domain->arena, struct expr *, domain->n);
    const char **names = WR_NEW_ARRAY(domain->arena, const char *, domain->n);
    for (uint16_t i = 0; i < domain->n; i++) {
        uint16_t column = (uint16_t)(domain->columns[i]->column - COLUMN_OUTER);
        exprs[i] = make_column(domain->arena, *plan, column);
        names[i] = (*plan)->cols[column].name;
    }
    *plan = make_distinct(domain->arena, make_project(domain->arena, *plan, exprs, names, domain->n));
    return true;
}

static bool make_equality(struct block *block, const struct correlation *corr, const struct domain *domain, uint16_t i,
                          struct expr **equality)
{
    struct expr **args = WR_NEW_ARRAY(domain->arena, struct expr *, 2);
    bool strict = false;
    args[0] = make_column(domain->arena, block->from.plan, (uint16_t)(domain->first + i));
    args[1] = domain->columns[i];
    TRY(bind_call(block, "=", true, args, 2, corr->conditions[0]->location, equality));
    uint16_t column = domain->columns[i]->column;
    for (uint16_t k = 0; k < corr->n; k++)
        strict |= is_null_on_null(corr->conditions[k], column, (uint16_t)(column + 1));
    if (strict)
        return true;
    struct expr *same = wr_expr_nary(domain->arena, EXPR_IS_DISTINCT, args, 2);
    same->fn = (*equality)->fn;
    same->negated = true;
    same->location = (*equality)->location;
    *equality = same;
    return true;
}

static bool is_right(const struct correlation *corr)
{
    for (uint16_t i = 0; i < corr->n; i++)
        if (tells_equals_apart(corr->conditions[i], false))
            return false;
    return true;
}

/* (The first equality of a mark may fail: bind_in.c) */
static bool is_needed(const struct correlation *corr)
{
    for (uint16_t i = 0; i < corr->n; i++)
        if (find_inner_side(corr->conditions[i]) < 0 || ((corr->scalar || i) && wr_expr_can_fail(corr->conditions[i])))
            return corr->scalar || corr->equalities;
    return false;
}

bool bind_domain(struct block *block)
{
    struct correlation *corr = block->corr;
    struct domain domain = {.arena = block->binder->arena};
    struct plan *outer;
    if (!is_needed(corr) || !is_right(corr) || block->outer->grouped)
        return true;
    domain.at = WR_NEW_ARRAY(domain.arena, uint16_t, COLUMN_AGG - COLUMN_OUTER);
    domain.columns = WR_NEW_ARRAY(domain.arena, struct expr *, block->outer->from.plan->ncols);
    for (uint16_t i = 0; i < corr->n; i++)
        find_columns(&domain, corr->conditions[i]);
    domain.first = block->from.plan->ncols;
    TRY(make_distinct_outer(block->outer, &domain, &outer));
    struct expr **conds = WR_NEW_ARRAY(domain.arena, struct expr *, corr->n);
    for (uint16_t i = 0; i < corr->n; i++)
        conds[i] = rewrite_columns(domain.arena, corr->conditions[i], to_domain, &domain);
    struct expr *condition = make_and(domain.arena, conds, corr->n);
    block->from.plan = make_join(domain.arena, JOIN_INNER, block->from.plan, outer, condition);
    block->from.plan->join.restricts = true;
    struct expr **equalities = WR_NEW_ARRAY(domain.arena, struct expr *, domain.n);
    for (uint16_t i = 0; i < domain.n; i++)
        TRY(make_equality(block, corr, &domain, i, &equalities[i]));
    corr->conditions = equalities;
    corr->n = corr->cap = corr->nrestricting = domain.n;
    return true;
}
