/* The linear operators without state: scan, values, filter, project, union all.
 *
 * SQL: FROM rel; VALUES / SELECT without FROM; WHERE; the select list; UNION ALL.
 * Rule: op(delta) is the output's delta; weights pass through. State: none. Cost: the delta.
 * Retraction, NULLs, duplicates: rows are treated alike whatever their weight. A row whose expression fails
 * has NULL there (project) or is left out (filter), plus an error row of the same weight. */
#include "executor/op.h"

/* ---- scan: picks the columns it needs from the relation's rows */

static bool scan_step(struct op *op, unsigned port, const struct batch *batch)
{
    const struct plan *plan = op->plan;
    struct column *cols = wr_arena_alloc(&op->worker->arena, sizeof *cols * (plan->ncols + 1u));
    for (uint16_t c = 0; c < plan->ncols; c++)
        cols[c] = batch->cols[plan->scan.columns[c]];
    struct batch out = {batch->nrows, plan->ncols, cols, batch->weights};
    return wr_op_emit(op, &out);
}

static bool scan_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    return wr_op_emit_frontier_of(op, frontier, op->plan->scan.columns, op->plan->ncols);
}

const struct op_class op_scan = {.name = "scan", .step = scan_step, .advance = scan_advance};

/* ---- values */

struct values_impl {
    struct evaluator *evaluator;
};

static bool values_open(struct op *op, struct wr_error *err)
{
    const struct plan *plan = op->plan;
    struct values_impl *impl = WR_NEW(&op->dataflow->arena, struct values_impl);
    op->impl = impl;
    if (plan->values.nrows && plan->ncols)
        impl->evaluator = wr_evaluator_new(plan->values.exprs, (uint16_t)plan->ncols, op->dataflow->io);
    return true;
}

static void values_close(struct op *op)
{
    struct values_impl *impl = op->impl;
    wr_evaluator_free(impl->evaluator);
}

/* One row: its expressions are evaluated over an input of one row and no columns. */
static bool values_row(struct op *op, struct batch *out, uint32_t row, uint32_t nrows)
{
    const struct plan *plan = op->plan;
    struct wr_arena *arena = &op->worker->arena;
    struct batch one = {.nrows = 1};
    struct column *cols = wr_arena_alloc(arena, sizeof *cols * (plan->ncols + 1u));
    for (uint16_t c = 0; c < plan->ncols; c++) {
        struct expr *e = plan->values.exprs[(size_t)row * plan->ncols + c];
        struct datum value;
        if (e->kind == EXPR_CONST) {
            value = e->value;
            value.type = plan->cols[c].type;
        } else {
            struct eval_errors errors = {.arena = arena};
            struct evaluator *evaluator = wr_evaluator_new(&e, 1, op->dataflow->io);
            wr_evaluator_now(evaluator, op->worker->now_us);
            wr_evaluate(evaluator, arena, &one, NULL, 1, cols, &errors);
            value = wr_column_get(&cols[0], 0);
            value.type = plan->cols[c].type;
            if (!value.null && wr_type_info(value.type.id)->phys == PHYS_STR)
                value.str = wr_str(wr_arena_strndup(arena, value.str.data, value.str.len), value.str.len);
            wr_evaluator_free(evaluator);
            TRY(wr_op_eval_errors(op, &one, &errors));
        }
        wr_column_set(arena, &out->cols[c], row % BATCH_ROWS_MAX, nrows, &value);
    }
    return true;
}

bool wr_op_values_emit(struct op *op)
{
    const struct plan *plan = op->plan;
    if (op->worker->index != 0)
        return true;
    struct wr_arena *arena = &op->worker->arena;
    for (uint32_t done = 0; done < plan->values.nrows;) {
        uint32_t n = WR_MIN(plan->values.nrows - done, (uint32_t)BATCH_ROWS_MAX);
        struct wr_mark mark = wr_arena_mark(arena);
        struct type *types = wr_arena_alloc(arena, sizeof *types * (plan->ncols + 1u));
        for (uint16_t c = 0; c < plan->ncols; c++)
            types[c] = plan->cols[c].type;
        struct batch *out = wr_batch_new(arena, types, plan->ncols, n);
        for (uint32_t i = 0; i < n; i++)
            TRY(values_row(op, out, done + i, n));
        bool ok = wr_op_emit(op, out);
        wr_arena_release(arena, mark);
        TRY(ok);
        done += n;
    }
    return true;
}

const struct op_class op_values = {.name = "values", .open = values_open, .close = values_close};

/* ---- filter */

static bool filter_open(struct op *op, struct wr_error *err)
{
    struct expr *predicate = op->plan->filter.predicate;
    struct expr **list = WR_NEW(&op->dataflow->arena, struct expr *);
    *list = predicate;
    op->impl = wr_evaluator_new(list, 1, op->dataflow->io);
    return true;
}

static void evaluator_close(struct op *op)
{
    wr_evaluator_free(op->impl);
}

static bool filter_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct wr_arena *arena = &op->worker->arena;
    struct eval_errors errors = {.arena = arena};
    uint32_t *sel = wr_arena_alloc(arena, sizeof *sel * batch->nrows);
    wr_evaluator_now(op->impl, op->worker->now_us);
    uint32_t n = wr_evaluate_filter(op->impl, arena, batch, NULL, batch->nrows, sel, &errors);
    if (WR_UNLIKELY(errors.n))
        TRY(wr_op_eval_errors(op, batch, &errors));
    if (n == batch->nrows)
        return wr_op_emit(op, batch);
    return n ? wr_op_emit(op, wr_batch_gather(arena, batch, sel, n)) : true;
}

static bool filter_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    return wr_op_emit_frontier(op, frontier);
}

const struct op_class op_filter = {
    .name = "filter", .open = filter_open, .step = filter_step, .advance = filter_advance, .close = evaluator_close};

/* ---- project */

static bool project_open(struct op *op, struct wr_error *err)
{
    op->impl = wr_evaluator_new(op->plan->project.exprs, op->plan->ncols, op->dataflow->io);
    return true;
}

static bool project_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct wr_arena *arena = &op->worker->arena;
    struct eval_errors errors = {.arena = arena};
    struct column *cols = wr_arena_alloc(arena, sizeof *cols * (op->plan->ncols + 1u));
    wr_evaluator_now(op->impl, op->worker->now_us);
    wr_evaluate(op->impl, arena, batch, NULL, batch->nrows, cols, &errors);
    if (WR_UNLIKELY(errors.n))
        TRY(wr_op_eval_errors(op, batch, &errors));
    for (uint16_t c = 0; c < op->plan->ncols; c++)
        cols[c].type = op->plan->cols[c].type;
    struct batch out = {batch->nrows, op->plan->ncols, cols, batch->weights};
    return wr_op_emit(op, &out);
}

static bool project_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    for (uint16_t c = 0; c < op->plan->ncols; c++) {
        const struct expr *expr = op->plan->project.exprs[c];
        if (expr->kind == EXPR_COLUMN && expr->column == frontier->column)
            TRY(wr_op_emit_frontier(op, &(struct frontier){c, frontier->at}));
    }
    return true;
}

const struct op_class op_project = {.name = "project",
                                    .open = project_open,
                                    .step = project_step,
                                    .advance = project_advance,
                                    .close = evaluator_close};

/* ---- union all */

static bool union_open(struct op *op, struct wr_error *err)
{
    struct frontier_meet *meet = WR_NEW(&op->dataflow->arena, struct frontier_meet);
    wr_frontier_meet_init(meet, &op->dataflow->arena, op->plan->ninputs, op->plan->ncols);
    op->impl = meet;
    return true;
}

static bool union_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    struct frontier common;
    return !wr_frontier_meet(op->impl, (uint16_t)port, frontier, &common) || wr_op_emit_frontier(op, &common);
}

static bool union_step(struct op *op, unsigned port, const struct batch *batch)
{
    return wr_op_emit(op, batch);
}

const struct op_class op_union = {.name = "union", .open = union_open, .step = union_step, .advance = union_advance};
