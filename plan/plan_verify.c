/* Invariants of a plan, checked after the binder and after every pass: a violation is a bug of the planner and is
 * reported (XX000) instead of becoming a wrong answer or a crash in the executor. */
#include "plan/plan.h"

static bool bug(const struct plan *plan, struct wr_error *err, const char *what)
{
    return wr_fail(err, ERR_INTERNAL, "invalid plan: %s: %s", wr_plan_kind_name((enum plan_kind)plan->kind), what);
}

static bool check_expr(const struct plan *plan, const struct expr *expr, const struct plan_column *const *cols,
                       uint32_t ncols, struct wr_error *err)
{
    if (!expr)
        return bug(plan, err, "missing expression");
    if (expr->type.id >= TYPE_COUNT)
        return bug(plan, err, "expression of no type");
    if (expr->kind == EXPR_COLUMN) {
        if (expr->column >= ncols)
            return bug(plan, err, "column out of range");
        if (cols[expr->column]->type.id != expr->type.id)
            return bug(plan, err, "column of another type");
    }
    if (expr->kind == EXPR_CALL && !expr->fn)
        return bug(plan, err, "call of no function");
    for (uint16_t i = 0; i < expr->nargs; i++)
        TRY(check_expr(plan, expr->args[i], cols, ncols, err));
    return true;
}

/* Over the columns of all inputs. */
static bool check_input_expr(const struct plan *plan, const struct expr *expr, struct wr_error *err)
{
    uint32_t n = 0, at = 0;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        n += plan->inputs[i]->ncols;
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    const struct plan_column **cols = WR_NEW_ARRAY(&arena, const struct plan_column *, n + 1);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        for (uint16_t c = 0; c < plan->inputs[i]->ncols; c++)
            cols[at++] = &plan->inputs[i]->cols[c];
    bool ok = check_expr(plan, expr, cols, n, err);
    wr_arena_reset(&arena);
    return ok;
}

static bool check_columns(const struct plan *plan, const uint16_t *columns, uint32_t n, uint32_t limit,
                          struct wr_error *err)
{
    for (uint32_t i = 0; i < n; i++)
        if (columns[i] >= limit)
            return bug(plan, err, "column number out of range");
    return true;
}

static bool check_order(const struct plan *plan, const struct plan_order *order, uint16_t n, struct wr_error *err)
{
    for (uint16_t i = 0; i < n; i++)
        if (order[i].column >= plan->inputs[0]->ncols)
            return bug(plan, err, "order column out of range");
    return true;
}

/* The first n output columns are the input's, in order. */
static bool check_same(const struct plan *plan, const struct plan *input, uint16_t n, struct wr_error *err)
{
    if (input->ncols != n || plan->ncols < n)
        return bug(plan, err, "column count differs from the input's");
    for (uint16_t i = 0; i < n; i++)
        if (plan->cols[i].type.id != input->cols[i].type.id)
            return bug(plan, err, "column type differs from the input's");
    return true;
}

static bool check_join(const struct plan *plan, struct wr_error *err)
{
    const struct plan *left = plan->inputs[0], *right = plan->inputs[1];
    TRY(check_columns(plan, plan->join.left_keys, plan->join.nkeys, left->ncols, err));
    TRY(check_columns(plan, plan->join.right_keys, plan->join.nkeys, right->ncols, err));
    for (uint16_t k = 0; k < plan->join.nkeys; k++)
        if (left->cols[plan->join.left_keys[k]].type.id != right->cols[plan->join.right_keys[k]].type.id)
            return bug(plan, err, "key types differ");
    if (plan->join.condition) {
        TRY(check_input_expr(plan, plan->join.condition, err));
        if (plan->join.condition->type.id != TYPE_BOOL)
            return bug(plan, err, "condition is not boolean");
    }
    for (int s = 0; s < 2; s++)
        if ((plan->join.shared & (1 << s)) && (plan->inputs[s]->kind != PLAN_SCAN || plan->join.null_aware))
            return bug(plan, err, "side cannot be shared");
    if ((plan->join.shared & SHARED_LEFT) && plan->join.type != JOIN_INNER &&
        (plan->join.condition || plan->join.shared == SHARED_BOTH))
        return bug(plan, err, "side cannot be shared");
    if (plan->join.type == JOIN_FULL && (plan->join.condition || plan->join.shared))
        return bug(plan, err, "full join on more than keys");
    if (plan->ncols != left->ncols + (wr_plan_join_is_wide(plan) ? right->ncols : 0))
        return bug(plan, err, "wrong number of columns");
    for (uint16_t i = 0; i < plan->ncols; i++) {
        struct type in = i < left->ncols ? left->cols[i].type : right->cols[i - left->ncols].type;
        if (in.id != plan->cols[i].type.id)
            return bug(plan, err, "column type differs from the input's");
    }
    return true;
}

static bool check_aggregate(const struct plan *plan, struct wr_error *err)
{
    const struct plan *input = plan->inputs[0];
    TRY(check_columns(plan, plan->aggregate.group, plan->aggregate.ngroup, input->ncols, err));
    if (plan->ncols != plan->aggregate.ngroup + plan->aggregate.naggs)
        return bug(plan, err, "wrong number of columns");
    for (uint16_t i = 0; i < plan->aggregate.naggs; i++) {
        const struct plan_agg *agg = &plan->aggregate.aggs[i];
        if (agg->arg >= input->ncols || agg->filter >= input->ncols)
            return bug(plan, err, "aggregate column out of range");
        if (agg->arg >= 0 && agg->agg->arg != TYPE_UNKNOWN && agg->agg->arg != input->cols[agg->arg].type.id)
            return bug(plan, err, "aggregate over another type");
        if (agg->filter >= 0 && input->cols[agg->filter].type.id != TYPE_BOOL)
            return bug(plan, err, "aggregate filter is not boolean");
    }
    return true;
}

static bool check_exprs(const struct plan *plan, struct expr *const *exprs, size_t n, struct wr_error *err)
{
    for (size_t i = 0; i < n; i++) {
        TRY(check_input_expr(plan, exprs[i], err));
        if (exprs[i]->type.id != plan->cols[i % plan->ncols].type.id)
            return bug(plan, err, "expression type differs from its column");
    }
    return true;
}

static bool check_topn(const struct plan *plan, struct wr_error *err)
{
    const struct plan *input = plan->inputs[0];
    TRY(check_columns(plan, plan->topn.partition, plan->topn.npartition, input->ncols, err));
    TRY(check_order(plan, plan->topn.order, plan->topn.norder, err));
    TRY(check_same(plan, input, input->ncols, err));
    if (plan->ncols != input->ncols + plan->topn.emit_rank)
        return bug(plan, err, "wrong number of columns");
    return true;
}

static bool check_node(const struct plan *plan, struct wr_error *err)
{
    switch ((enum plan_kind)plan->kind) {
    case PLAN_SCAN:
        return true;
    case PLAN_VALUES:
        return plan->ncols == 0 || check_exprs(plan, plan->values.exprs, (size_t)plan->values.nrows * plan->ncols, err);
    case PLAN_FILTER:
        TRY(check_input_expr(plan, plan->filter.predicate, err));
        if (plan->filter.predicate->type.id != TYPE_BOOL)
            return bug(plan, err, "predicate is not boolean");
        return check_same(plan, plan->inputs[0], plan->ncols, err);
    case PLAN_PROJECT:
        return check_exprs(plan, plan->project.exprs, plan->ncols, err);
    case PLAN_JOIN:
        return check_join(plan, err);
    case PLAN_AGGREGATE:
        return check_aggregate(plan, err);
    case PLAN_DISTINCT:
        return check_same(plan, plan->inputs[0], plan->ncols, err);
    case PLAN_UNION:
        for (uint16_t i = 0; i < plan->ninputs; i++)
            TRY(check_same(plan, plan->inputs[i], plan->ncols, err));
        return true;
    case PLAN_TOPN:
        return check_topn(plan, err);
    case PLAN_SORT:
        TRY(check_order(plan, plan->sort.order, plan->sort.norder, err));
        return check_same(plan, plan->inputs[0], plan->ncols, err);
    case PLAN_EXCHANGE:
        TRY(check_columns(plan, plan->exchange.keys, plan->exchange.nkeys, plan->inputs[0]->ncols, err));
        return check_same(plan, plan->inputs[0], plan->ncols, err);
    case PLAN_KIND_COUNT:
        break;
    }
    return bug(plan, err, "unknown kind");
}

static uint16_t inputs_of(enum plan_kind kind)
{
    if (kind == PLAN_SCAN || kind == PLAN_VALUES)
        return 0;
    return kind == PLAN_JOIN ? 2 : 1;
}

bool wr_plan_verify(const struct plan *plan, struct wr_error *err)
{
    if (plan->kind != PLAN_UNION && plan->ninputs != inputs_of((enum plan_kind)plan->kind))
        return bug(plan, err, "wrong number of inputs");
    for (uint16_t i = 0; i < plan->ninputs; i++)
        TRY(wr_plan_verify(plan->inputs[i], err));
    for (uint16_t i = 0; i < plan->ncols; i++)
        if (!plan->cols[i].name || plan->cols[i].type.id >= TYPE_COUNT)
            return bug(plan, err, "column without name or type");
    for (uint16_t k = 0; k < plan->props.nkeys; k++)
        TRY(check_columns(plan, plan->props.keys[k].columns, plan->props.keys[k].n, plan->ncols, err));
    return check_node(plan, err);
}
