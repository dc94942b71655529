/* The order of the passes, and running them. */
#include "planner/passes.h"

#include <string.h>

/* Rewrites enable one another, so those marked are repeated, a bounded number of times. */
static const struct pass passes[] = {
    {"fold", pass_fold, true},
    {"factor", pass_factor, true},
    {"outer_to_inner", pass_outer_to_inner, true},
    {"join_order", pass_join_order, true},
    {"push_filters", pass_push_filters, true},
    {"merge", pass_merge, true},
    {"extract_keys", pass_extract_keys, true},
    {"derive", pass_derive, true},
    {"topn", pass_topn, true},
    {"prune", pass_prune, false},
    {"unique", pass_unique, false},
    {"prune", pass_prune, false},
    {"merge", pass_merge, false},
    {"share", pass_share, false},
    {"lookup", pass_lookup, false},
};

#define ROUNDS_MAX 8

static bool is_disabled(const struct planner *planner, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = planner->disabled_passes; at && *at;) {
        size_t n = strcspn(at, ",");
        if (n == len && !memcmp(at, name, len))
            return true;
        at += n + (at[n] == ',');
    }
    return false;
}

static void trace(struct planner *planner, const char *stage, const struct plan *plan)
{
    if (!planner->trace)
        return;
    wr_buf_printf(planner->trace, "-- %s\n", stage);
    wr_plan_print(planner->trace, plan);
}

static bool run(struct planner *planner, const struct pass *pass, struct plan **plan, bool *changed,
                struct wr_error *err)
{
    bool did = false;
    if (is_disabled(planner, pass->name))
        return true;
    TRY(pass->run(planner, plan, &did, err));
    plan_forget(*plan);
    *changed |= did;
    if (!did)
        return true;
    trace(planner, pass->name, *plan);
    return wr_plan_verify(*plan, err);
}

bool wr_plan_optimize(struct planner *planner, struct plan **plan, struct wr_error *err)
{
    TRY(wr_plan_set_bounds(planner, *plan, err));
    trace(planner, "bind", *plan);
    bool changed = true;
    for (int round = 0; changed && round < ROUNDS_MAX; round++) {
        changed = false;
        for (size_t i = 0; i < WR_COUNT(passes); i++)
            if (passes[i].repeat)
                TRY(run(planner, &passes[i], plan, &changed, err));
    }
    for (size_t i = 0; i < WR_COUNT(passes); i++)
        if (!passes[i].repeat)
            TRY(run(planner, &passes[i], plan, &changed, err));
    plan_properties(planner, *plan);
    plan_physical(planner, plan);
    plan_error_keys(planner->arena, *plan);
    trace(planner, "physical", *plan);
    return wr_plan_verify(*plan, err);
}

bool reads_only(const struct expr *expr, uint16_t from, uint16_t to)
{
    if (expr->kind == EXPR_COLUMN)
        return expr->column >= from && expr->column < to;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (!reads_only(expr->args[i], from, to))
            return false;
    return true;
}

bool reads_any(const struct expr *expr)
{
    return !reads_only(expr, 0, 0);
}

bool is_null_on_null(const struct expr *expr, uint16_t from, uint16_t to)
{
    if (expr->kind == EXPR_COLUMN)
        return expr->column >= from && expr->column < to;
    if (expr->kind != EXPR_CALL || !(expr->fn->flags & FN_STRICT))
        return false;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (is_null_on_null(expr->args[i], from, to))
            return true;
    return false;
}

struct shift {
    struct wr_arena *arena;
    int by;
};

static struct expr *shift_column(void *context, struct expr *column)
{
    const struct shift *shift = context;
    return wr_expr_column(shift->arena, (uint16_t)(column->column - shift->by), column->type, column->nullable);
}

struct expr *shift_columns(struct wr_arena *arena, struct expr *expr, int by)
{
    struct shift shift = {arena, by};
    return by ? rewrite_columns(arena, expr, shift_column, &shift) : expr;
}
