/* How many rows, guessed without looking at any: every relation has as many as the other, and each kind of condition
 * leaves the same share of them. A stored view is planned again at each start and must come out as it was, so counts
 * of rows, which change, may not decide. The guesses only compare plans of one query. */
#include <string.h>

#include "planner/passes.h"

#define ROWS_OF_RELATION 1000.0
#define SHARE_EQUAL      0.05
#define SHARE_RANGE      0.3
#define SHARE_LIKE       0.1
#define SHARE_OTHER      0.5

static double share_of_call(const struct expr *expr)
{
    static const struct {
        const char *name;
        double share;
    } calls[] = {{"=", SHARE_EQUAL},  {"<", SHARE_RANGE},      {"<=", SHARE_RANGE},     {">", SHARE_RANGE},
                 {">=", SHARE_RANGE}, {"~~", SHARE_LIKE},      {"~~*", SHARE_LIKE},     {"~", SHARE_LIKE},
                 {"~*", SHARE_LIKE},  {"<>", 1 - SHARE_EQUAL}, {"!~~", 1 - SHARE_LIKE}, {"!~", 1 - SHARE_LIKE}};
    for (size_t i = 0; i < WR_COUNT(calls); i++)
        if (!strcmp(expr->fn->name, calls[i].name))
            return calls[i].share;
    return SHARE_OTHER;
}

double guess_share(const struct expr *expr)
{
    double share = 1;
    switch (expr->kind) {
    case EXPR_CALL:
        return share_of_call(expr);
    case EXPR_AND:
        for (uint16_t i = 0; i < expr->nargs; i++)
            share *= guess_share(expr->args[i]);
        return share;
    case EXPR_OR:
        for (uint16_t i = 0; i < expr->nargs; i++)
            share *= 1 - guess_share(expr->args[i]);
        return 1 - share;
    case EXPR_NOT:
        return 1 - guess_share(expr->args[0]);
    case EXPR_IS_NULL:
        return expr->negated ? 1 - SHARE_EQUAL : SHARE_EQUAL;
    case EXPR_IN_LIST:
        share = WR_MIN(SHARE_EQUAL * expr->nitems, SHARE_OTHER);
        return expr->negated ? 1 - share : share;
    default:
        return SHARE_OTHER;
    }
}

double guess_rows(const struct plan *plan, double *of)
{
    double rows = 0;
    *of = ROWS_OF_RELATION;
    switch (plan->kind) {
    case PLAN_VALUES:
        return *of = plan->values.nrows;
    case PLAN_FILTER:
        return guess_rows(plan->inputs[0], of) * guess_share(plan->filter.predicate);
    case PLAN_PROJECT:
    case PLAN_JOIN: /* its left side: outer, semi and anti joins */
        return guess_rows(plan->inputs[0], of);
    case PLAN_AGGREGATE:
        return *of = plan->aggregate.ngroup ? guess_rows(plan->inputs[0], of) : 1;
    case PLAN_UNION:
        for (uint16_t i = 0; i < plan->ninputs; i++)
            rows += guess_rows(plan->inputs[i], of);
        return *of = rows;
    default:
        return plan->ninputs ? guess_rows(plan->inputs[0], of) : *of;
    }
}
