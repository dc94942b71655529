/* A bound on row_number() is the limit of its TopN.
 *
 *   before  SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY a ORDER BY b) AS rn FROM t) s WHERE rn <= 3
 *   after   TopN limit 3 per a order by b, rank as rn
 * rn < 4, 4 > rn, rn = 1, BETWEEN 1 AND 3 likewise; rn > k or rn = k (k > 1) stay as a filter above, rn = k bounding
 * too. (pass_prune.c drops the rank if nobody reads it.)
 *
 * Condition: the bound is a constant, and the TopN has no offset. Filters come to stand right above the TopN by
 * pass_push_filters.c and pass_merge.c; one that looks through a projection is found here. */
#include <string.h>

#include "planner/passes.h"

static const char *flip(const char *op)
{
    static const char *const pairs[][2] = {{"<", ">"}, {"<=", ">="}, {">", "<"}, {">=", "<="}, {"=", "="}};
    for (size_t i = 0; i < WR_COUNT(pairs); i++)
        if (!strcmp(op, pairs[i][0]))
            return pairs[i][1];
    return "";
}

/* rank <op> constant, either way round? */
static bool match_bound(const struct expr *expr, uint16_t rank, const char **op, int64_t *value)
{
    if (expr->kind != EXPR_CALL || expr->nargs != 2)
        return false;
    bool flipped = expr->args[0]->kind == EXPR_CONST;
    const struct expr *column = expr->args[flipped], *constant = expr->args[!flipped];
    if (column->kind != EXPR_COLUMN || column->column != rank || constant->kind != EXPR_CONST || constant->value.null ||
        constant->type.id != TYPE_INT8)
        return false;
    *op = flipped ? flip(expr->fn->name) : expr->fn->name;
    *value = constant->value.i64;
    return true;
}

/* The highest rank that passes, and whether the limit says all that the condition does. */
static bool upper_bound(const char *op, int64_t value, int64_t *limit, bool *exact)
{
    *limit = value;
    *exact = true;
    if (!strcmp(op, "<")) {
        *limit = value > INT64_MIN ? value - 1 : value;
    } else if (!strcmp(op, "=")) {
        *exact = value <= 1;
    } else if (strcmp(op, "<=")) {
        return false;
    }
    if (*limit < 0)
        *limit = 0;
    return true;
}

/* rn >= 1 is always so. */
static bool is_trivial(const char *op, int64_t value)
{
    return (!strcmp(op, ">=") && value <= 1) || (!strcmp(op, ">") && value <= 0);
}

static bool bound_topn(struct wr_arena *arena, struct plan **at)
{
    struct plan *filter = *at, *topn = filter->inputs[0];
    if (topn->kind != PLAN_TOPN || !topn->topn.emit_rank || topn->topn.offset || topn->topn.limit_expr ||
        topn->topn.offset_expr)
        return false;
    struct expr **conds;
    uint16_t n = split_and(arena, filter->filter.predicate, &conds), kept = 0;
    int64_t best = topn->topn.limit;
    bool did = false;
    for (uint16_t i = 0; i < n; i++) {
        const char *op;
        int64_t value, limit;
        bool exact;
        if (!match_bound(conds[i], (uint16_t)(topn->ncols - 1), &op, &value)) {
            conds[kept++] = conds[i];
        } else if (is_trivial(op, value)) {
            did = true;
        } else if (!upper_bound(op, value, &limit, &exact)) {
            conds[kept++] = conds[i];
        } else {
            did |= exact || best < 0 || limit < best;
            best = best < 0 ? limit : WR_MIN(best, limit);
            if (!exact)
                conds[kept++] = conds[i];
        }
    }
    if (!did)
        return false;
    topn->topn.limit = best;
    if (kept) {
        filter->filter.predicate = make_and(arena, conds, kept);
    } else {
        for (uint16_t i = 0; i < filter->ncols; i++)
            topn->cols[i].name = filter->cols[i].name;
        *at = topn;
    }
    return true;
}

static void bound_plan(struct wr_arena *arena, struct plan **at, bool *changed)
{
    if ((*at)->kind == PLAN_FILTER)
        *changed |= bound_topn(arena, at);
    for (uint16_t i = 0; i < (*at)->ninputs; i++)
        bound_plan(arena, &(*at)->inputs[i], changed);
}

bool pass_topn(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    bound_plan(planner->arena, plan, changed);
    return true;
}
