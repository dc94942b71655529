/* row_number() OVER (PARTITION BY ... ORDER BY ...), the one window function so far.
 *
 * It becomes a TopN without limit that emits the rank; pass_topn.c turns a bound on the rank into its limit. */
#include "planner/bind.h"

bool bind_order_flags(struct binder *binder, const PgQuery__SortBy *sort, bool *descending, bool *nulls_first)
{
    if (sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_USING)
        return bind_unsupported(binder, sort->location, "ORDER BY ... USING");
    *descending = sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
    *nulls_first = *descending;
    if (sort->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST)
        *nulls_first = true;
    if (sort->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST)
        *nulls_first = false;
    return true;
}

static bool bind_over(struct block *block, const PgQuery__WindowDef *over, struct bound_window *window)
{
    struct binder *binder = block->binder;
    if ((over->name && *over->name) || (over->refname && *over->refname))
        return bind_unsupported(binder, over->location, "a named window");
    window->npartition = (uint16_t)WR_MIN(over->n_partition_clause, 1600u);
    window->norder = (uint16_t)WR_MIN(over->n_order_clause, 1600u);
    window->partition = WR_NEW_ARRAY(binder->arena, struct expr *, window->npartition);
    window->order = WR_NEW_ARRAY(binder->arena, struct bound_order, window->norder);
    for (uint16_t i = 0; i < window->npartition; i++) {
        TRY(bind_expr(block, over->partition_clause[i], &window->partition[i]));
        TRY(bind_coerce_unknown(binder, &window->partition[i]));
    }
    for (uint16_t i = 0; i < window->norder; i++) {
        const PgQuery__SortBy *sort = over->order_clause[i]->sort_by;
        struct bound_order *order = &window->order[i];
        TRY(bind_expr(block, sort->node, &order->expr));
        TRY(bind_coerce_unknown(binder, &order->expr));
        TRY(bind_order_flags(binder, sort, &order->descending, &order->nulls_first));
    }
    return true;
}

bool bind_window_call(struct block *block, const char *name, const PgQuery__FuncCall *call, struct expr **expr)
{
    struct binder *binder = block->binder;
    if (block->in_agg)
        return bind_fail(binder, call->location, ERR_GROUPING,
                         "aggregate function calls cannot contain window function calls");
    if (block->in_window)
        return bind_fail(binder, call->location, ERR_WINDOWING, "window function calls cannot be nested");
    if (!block->windows_allowed)
        return bind_fail(binder, call->location, ERR_WINDOWING, "window functions are not allowed in %s",
                         block->clause);
    if (strcmp(name, "row_number"))
        return bind_unsupported(binder, call->location, "window function %s()", name);
    if (call->n_args || call->agg_star || call->agg_filter || call->agg_distinct)
        return bind_fail(binder, call->location, ERR_UNDEFINED_FUNCTION, "function row_number(...) does not exist");
    struct bound_window window = {0};
    block->in_window = true;
    bool scalars = block->scalars_allowed;
    block->scalars_allowed = false;
    bool ok = bind_over(block, call->over, &window);
    block->in_window = false;
    block->scalars_allowed = scalars;
    TRY(ok);
    block->windows = bind_grow(binder->arena, block->windows, block->nwindows, &block->windows_cap, sizeof(window));
    block->windows[block->nwindows] = window;
    *expr = wr_expr_column(binder->arena, (uint16_t)(COLUMN_WINDOW + block->nwindows++), TYPE(TYPE_INT8), false);
    (*expr)->location = call->location;
    return true;
}

static struct plan *build_window(struct wr_arena *arena, struct plan *input, const struct bound_window *window)
{
    uint16_t n = (uint16_t)(window->npartition + window->norder);
    struct expr **exprs = WR_NEW_ARRAY(arena, struct expr *, n);
    uint16_t *columns = WR_NEW_ARRAY(arena, uint16_t, n);
    for (uint16_t i = 0; i < window->npartition; i++)
        exprs[i] = window->partition[i];
    for (uint16_t i = 0; i < window->norder; i++)
        exprs[window->npartition + i] = window->order[i].expr;
    struct plan *plan = make_topn(arena, make_extend(arena, input, exprs, n, columns), -1, 0, "row_number");
    plan->topn.npartition = window->npartition;
    plan->topn.partition = columns;
    plan->topn.norder = window->norder;
    plan->topn.order = WR_NEW_ARRAY(arena, struct plan_order, window->norder);
    for (uint16_t i = 0; i < window->norder; i++)
        plan->topn.order[i] = (struct plan_order){columns[window->npartition + i], window->order[i].descending,
                                                  window->order[i].nulls_first};
    return plan;
}

struct replace_window {
    struct wr_arena *arena;
    uint16_t index, column;
};

static struct expr *replace_window(void *context, struct expr *column)
{
    const struct replace_window *to = context;
    if (column->column != COLUMN_WINDOW + to->index)
        return column;
    return wr_expr_column(to->arena, to->column, column->type, column->nullable);
}

bool bind_build_windows(struct block *block, struct expr ***exprs, size_t nexprs)
{
    struct wr_arena *arena = block->binder->arena;
    for (uint16_t w = 0; w < block->nwindows; w++) {
        block->from.plan = build_window(arena, block->from.plan, &block->windows[w]);
        struct replace_window to = {arena, w, (uint16_t)(block->from.plan->ncols - 1)};
        for (size_t i = 0; i < nexprs; i++)
            *exprs[i] = rewrite_columns(arena, *exprs[i], replace_window, &to);
    }
    return true;
}
