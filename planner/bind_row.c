/* Comparisons of rows, (a, b) = (1, 2) and their like, as comparisons of their entries.
 *
 *   (a, b) = (c, d)       a = c AND b = d
 *   (a, b) <> (c, d)      a <> c OR b <> d
 *   (a, b) < (c, d)       a < c OR (a = c AND b < d)
 *   x IN (r, s)           x = r OR x = s
 * NULLs come out as in PostgreSQL: three-valued logic does what it defines for rows. Entries are bound anew for each
 * comparison (a literal gets its type from what it meets); the evaluator computes equal ones once. */
#include <string.h>

#include "planner/bind.h"

static const PgQuery__RowExpr *row_of(const PgQuery__Node *node)
{
    return node && node->node_case == PG_QUERY__NODE__NODE_ROW_EXPR ? node->row_expr : NULL;
}

static bool compare_entry(struct block *block, const char *op, const PgQuery__RowExpr *left,
                          const PgQuery__RowExpr *right, size_t i, int location, struct expr **expr)
{
    struct expr **args = WR_NEW_ARRAY(block->binder->arena, struct expr *, 2);
    TRY(bind_expr(block, left->args[i], &args[0]));
    TRY(bind_expr(block, right->args[i], &args[1]));
    return bind_call(block, op, true, args, 2, location, expr);
}

/* From the last entry to the first. */
static bool compare_order(struct block *block, const char *op, const PgQuery__RowExpr *left,
                          const PgQuery__RowExpr *right, int location, struct expr **expr)
{
    const char *strict = op[0] == '<' ? "<" : ">";
    size_t n = left->n_args;
    TRY(compare_entry(block, op, left, right, n - 1, location, expr));
    for (size_t i = n - 1; i-- > 0;) {
        struct expr *before, *equal;
        TRY(compare_entry(block, strict, left, right, i, location, &before));
        TRY(compare_entry(block, "=", left, right, i, location, &equal));
        *expr = bind_combine(block, EXPR_AND, equal, *expr, location);
        *expr = bind_combine(block, EXPR_OR, before, *expr, location);
    }
    return true;
}

static bool compare_rows(struct block *block, const char *op, const PgQuery__RowExpr *left,
                         const PgQuery__RowExpr *right, int location, struct expr **expr)
{
    struct wr_arena *arena = block->binder->arena;
    size_t n = left->n_args;
    if (!right)
        return bind_unsupported(block->binder, location, "a comparison of a row with something else");
    if (n != right->n_args)
        return bind_fail(block->binder, location, ERR_SYNTAX, "unequal number of entries in row expressions");
    if (!n)
        return bind_fail(block->binder, location, ERR_FEATURE_NOT_SUPPORTED, "cannot compare rows of zero length");
    bool equal = !strcmp(op, "=");
    if (!equal && strcmp(op, "<>") != 0)
        return compare_order(block, op, left, right, location, expr);
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, n);
    for (size_t i = 0; i < n; i++)
        TRY(compare_entry(block, op, left, right, i, location, &args[i]));
    *expr = n == 1 ? args[0] : wr_expr_nary(arena, equal ? EXPR_AND : EXPR_OR, args, (uint16_t)n);
    (*expr)->location = location;
    return true;
}

static bool compare_list(struct block *block, const PgQuery__AExpr *node, const char *op, struct expr **expr)
{
    const PgQuery__List *list = node->rexpr->list;
    struct wr_arena *arena = block->binder->arena;
    if (list->n_items > UINT16_MAX)
        return bind_fail(block->binder, node->location, ERR_TOO_COMPLEX, "too many values in IN");
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, list->n_items);
    for (size_t i = 0; i < list->n_items; i++)
        TRY(compare_rows(block, op, row_of(node->lexpr), row_of(list->items[i]), node->location, &args[i]));
    *expr = list->n_items == 1
                ? args[0]
                : wr_expr_nary(arena, !strcmp(op, "=") ? EXPR_OR : EXPR_AND, args, (uint16_t)list->n_items);
    (*expr)->location = node->location;
    return true;
}

bool bind_row_comparison(struct block *block, const PgQuery__AExpr *node, const char *op, bool *done,
                         struct expr **expr)
{
    static const char *const ops[] = {"=", "<>", "<", "<=", ">", ">="};
    bool known = false;
    if (!strcmp(op, "!="))
        op = "<>";
    for (size_t i = 0; i < WR_COUNT(ops); i++)
        known |= !strcmp(op, ops[i]);
    bool list = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_IN;
    *done = known && row_of(node->lexpr) && (list || node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP) &&
            (list ? node->rexpr->node_case == PG_QUERY__NODE__NODE_LIST : row_of(node->rexpr) != NULL);
    if (!*done)
        return true;
    if (list)
        return compare_list(block, node, op, expr);
    return compare_rows(block, op, row_of(node->lexpr), row_of(node->rexpr), node->location, expr);
}
