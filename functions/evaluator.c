/* The evaluator's interface: compile on first use, bind input columns and constants to registers, run, settle errors.
 */
#include "functions/evaluator.h"

#include <stdlib.h>

static struct evaluator *new_evaluator(struct expr *const *exprs, uint16_t n, const struct io_settings *io, bool fold)
{
    struct evaluator *ev = wr_calloc(1, sizeof(*ev));
    wr_arena_init(&ev->arena, NULL);
    ev->exprs = WR_NEW_ARRAY(&ev->arena, struct expr *, WR_MAX(n, 1));
    memcpy(ev->exprs, exprs, n * sizeof(*exprs));
    ev->n = n;
    ev->fold = fold;
    if (io)
        ev->io = *io;
    return ev;
}

struct evaluator *wr_evaluator_new(struct expr *const *exprs, uint16_t n, const struct io_settings *io)
{
    return new_evaluator(exprs, n, io, true);
}

void wr_evaluator_free(struct evaluator *ev)
{
    if (!ev)
        return;
    for (uint32_t k = 0; k < ev->nsteps; k++) {
        const struct step *step = ev->steps[k];
        if (step->cache && step->expr->fn->unprepare)
            step->expr->fn->unprepare(step->cache);
    }
    wr_arena_reset(&ev->arena);
    free(ev);
}

void wr_evaluator_now(struct evaluator *ev, int64_t now_us)
{
    ev->now_us = now_us;
}

/* A constant is a flat column like any other, made once and kept; it grows with the largest batch seen. Outgrown
 * copies stay in the arena: batches made from them may still be on their way. */
static void fill_const(struct evaluator *ev, struct const_reg *c, uint32_t nrows)
{
    uint32_t rows = WR_MAX(c->rows, 16u);
    while (rows < nrows)
        rows *= 2;
    size_t width = wr_type_info(c->value.type.id)->width;
    c->rows = rows;
    c->col = wr_column_new(&ev->arena, c->value.type, rows);
    if (c->value.null) {
        memset(c->col.data, 0, rows * width);
        memset(wr_column_nulls(&ev->arena, &c->col, rows), 1, rows);
        return;
    }
    wr_column_set(&ev->arena, &c->col, 0, rows, &c->value);
    for (uint32_t i = 1; i < rows; i++)
        memcpy((char *)c->col.data + i * width, c->col.data, width);
}

static void begin(struct evaluator *ev, struct wr_arena *arena, const struct batch *batch, struct eval_errors *errors)
{
    ev->run_arena = arena;
    ev->batch = batch;
    ev->errors = errors;
    for (uint32_t i = 0; i < ev->ncolumns; i++)
        ev->regs[ev->column_regs[2 * i + 1]] = batch->cols[ev->column_regs[2 * i]];
    for (uint32_t i = 0; i < ev->nconsts; i++) {
        struct const_reg *c = &ev->consts[i];
        if (c->rows < batch->nrows || !c->rows)
            fill_const(ev, c, batch->nrows);
        ev->regs[c->reg] = c->col;
    }
    if (ev->failing)
        memset(ev->failed, 0, ev->nregs * sizeof(*ev->failed));
    ev->failing = false;
}

/* By row; a row's errors stay in the order of evaluation (a counting sort). Returns the errors [from, n) in order. */
static struct eval_error *by_row(struct evaluator *ev, uint32_t from)
{
    const struct eval_errors *errors = ev->errors;
    uint32_t n = errors->n - from, nrows = ev->batch->nrows;
    struct eval_error *sorted = wr_arena_alloc(ev->run_arena, n * sizeof(*sorted));
    uint32_t *at = wr_arena_zalloc(ev->run_arena, (nrows + 1u) * sizeof(*at));
    for (uint32_t e = from; e < errors->n; e++)
        at[errors->items[e].row + 1]++;
    for (uint32_t i = 1; i <= nrows; i++)
        at[i] += at[i - 1];
    for (uint32_t e = from; e < errors->n; e++)
        sorted[at[errors->items[e].row]++] = errors->items[e];
    return sorted;
}

/* Errors are ordered by row. A call that stands in several branches is one expression: it is named once for a row.
 * Errors before `from` belong to others. */
static void settle_errors(struct evaluator *ev, uint32_t from)
{
    struct eval_errors *errors = ev->errors;
    uint32_t n = errors->n - from, first = from, kept = from;
    const struct eval_error *sorted = by_row(ev, from);
    for (uint32_t e = 0; e < n; e++) {
        if (kept == from || errors->items[kept - 1].row != sorted[e].row)
            first = kept;
        bool known = false;
        for (uint32_t k = first; k < kept && !known; k++)
            known = wr_expr_equal(errors->items[k].expr, sorted[e].expr);
        if (!known)
            errors->items[kept++] = sorted[e];
    }
    errors->n = kept;
}

static void copy_datum(struct wr_arena *arena, struct datum *value)
{
    if (!value->null && wr_type_info(value->type.id)->phys == PHYS_STR)
        value->str.data = wr_arena_strndup(arena, value->str.len ? value->str.data : "", value->str.len);
}

/* ---- slices: a large program has more registers than there is room for, a batch long; it sees few rows at a time */

#define REGISTERS_BYTES ((size_t)32 << 20)
#define SLICE_MIN       16u

static uint32_t rows_at_once(const struct evaluator *ev)
{
    return WR_MAX((uint32_t)(REGISTERS_BYTES / sizeof(struct str) / WR_MAX(ev->nregs, 1u)), SLICE_MIN);
}

struct slice {
    struct wr_arena arena;
    struct batch batch;
    const uint32_t *rows; /* of the batch it is a slice of */
    uint32_t errors_before;
};

static void slice_take(struct slice *slice, const struct evaluator *ev, const struct batch *batch, const uint32_t *rows,
                       uint32_t n)
{
    wr_arena_reset(&slice->arena);
    slice->rows = rows;
    slice->batch = (struct batch){.nrows = n, .ncols = batch->ncols};
    slice->batch.cols = WR_NEW_ARRAY(&slice->arena, struct column, WR_MAX(batch->ncols, 1));
    for (uint32_t i = 0; i < ev->ncolumns; i++) {
        uint32_t c = ev->column_regs[2 * i];
        slice->batch.cols[c] = wr_column_gather(&slice->arena, &batch->cols[c], rows, n);
    }
}

static void slice_errors(const struct slice *slice, struct eval_errors *errors)
{
    for (uint32_t e = slice->errors_before; e < errors->n; e++)
        errors->items[e].row = slice->rows[errors->items[e].row];
}

/* A slice's results become rows of a column of n rows. */
static void slice_put(const struct slice *slice, struct wr_arena *arena, const struct column *from, struct column *to,
                      uint32_t n)
{
    for (uint32_t i = 0; i < slice->batch.nrows; i++) {
        struct datum value = wr_column_get(from, i);
        copy_datum(arena, &value);
        wr_column_set(arena, to, slice->rows[i], n, &value);
    }
}

static const uint32_t *selected(struct wr_arena *arena, const uint32_t *sel, uint32_t n)
{
    if (sel)
        return sel;
    uint32_t *all = wr_arena_alloc(arena, WR_MAX(n, 1u) * sizeof *all);
    for (uint32_t i = 0; i < n; i++)
        all[i] = i;
    return all;
}

/* ---- */

static void run_values(struct evaluator *ev, struct wr_arena *arena, const struct batch *batch, const uint32_t *sel,
                       uint32_t nsel, struct column *outs, struct eval_errors *errors)
{
    const struct program *program = &ev->values;
    uint32_t errors_before = errors->n;
    begin(ev, arena, batch, errors);
    for (uint32_t k = 0; k < program->nroots; k++) {
        wr_eval_block(ev, &program->blocks[k], sel, nsel);
        outs[k] = ev->regs[program->regs[k]];
    }
    if (errors->n != errors_before)
        settle_errors(ev, errors_before);
}

static void slice_values(struct evaluator *ev, struct wr_arena *arena, const struct batch *batch, const uint32_t *sel,
                         uint32_t nsel, struct column *outs, struct eval_errors *errors)
{
    struct slice slice = {.errors_before = errors->n};
    uint32_t most = rows_at_once(ev);
    sel = selected(arena, sel, nsel);
    for (uint16_t k = 0; k < ev->n; k++) {
        outs[k] = (struct column){.type = ev->exprs[k]->type};
        outs[k].data = wr_arena_zalloc(arena, (size_t)batch->nrows * wr_type_info(outs[k].type.id)->width);
    }
    wr_arena_init(&slice.arena, arena->pool);
    for (uint32_t from = 0; from < nsel; from += most) {
        slice_take(&slice, ev, batch, sel + from, WR_MIN(most, nsel - from));
        struct column *part = WR_NEW_ARRAY(&slice.arena, struct column, WR_MAX(ev->n, 1));
        slice.errors_before = errors->n;
        run_values(ev, &slice.arena, &slice.batch, NULL, slice.batch.nrows, part, errors);
        slice_errors(&slice, errors);
        for (uint16_t k = 0; k < ev->n; k++)
            slice_put(&slice, arena, &part[k], &outs[k], batch->nrows);
    }
    wr_arena_reset(&slice.arena);
}

void wr_evaluate(struct evaluator *ev, struct wr_arena *arena, const struct batch *batch, const uint32_t *sel,
                 uint32_t nsel, struct column *outs, struct eval_errors *errors)
{
    if (!ev->values.compiled)
        wr_eval_compile(ev, &ev->values, false);
    if (!sel)
        nsel = batch->nrows;
    if (WR_LIKELY(batch->nrows <= rows_at_once(ev)))
        run_values(ev, arena, batch, sel, nsel, outs, errors);
    else
        slice_values(ev, arena, batch, sel, nsel, outs, errors);
}

/* Rows where the column is TRUE and nothing failed. */
static uint32_t keep_true(const struct column *col, const uint32_t *sel, uint32_t nsel, uint32_t *out)
{
    uint32_t n = 0;
    if (!sel && !col->nulls) {
        for (uint32_t i = 0; i < nsel; i++) {
            out[n] = i;
            n += col->b[i];
        }
        return n;
    }
    for (uint32_t k = 0; k < nsel; k++) {
        uint32_t i = sel ? sel[k] : k;
        out[n] = i;
        n += col->b[i] && !wr_is_null(col, i);
    }
    return n;
}

static uint32_t run_filter(struct evaluator *ev, struct wr_arena *arena, const struct batch *batch, const uint32_t *sel,
                           uint32_t nsel, uint32_t *out_sel, struct eval_errors *errors)
{
    const struct program *program = &ev->filter;
    struct wr_mark mark = wr_arena_mark(arena);
    uint32_t errors_before = errors->n, n = nsel;
    begin(ev, arena, batch, errors);
    for (uint32_t k = 0; k < program->nroots && n; k++) {
        wr_eval_block(ev, &program->blocks[k], sel, n);
        n = keep_true(&ev->regs[program->regs[k]], sel, n, out_sel);
        sel = out_sel;
    }
    if (program->nroots == 0)
        for (uint32_t i = 0; i < n; i++)
            out_sel[i] = sel ? sel[i] : i;
    if (errors->n == errors_before)
        wr_arena_release(arena, mark); /* errors may have been put into this arena: then it stays */
    else
        settle_errors(ev, errors_before);
    return n;
}

/* out_sel may be sel: what is written stands before what is still to be read. */
static uint32_t slice_filter(struct evaluator *ev, struct wr_arena *arena, const struct batch *batch,
                             const uint32_t *sel, uint32_t nsel, uint32_t *out_sel, struct eval_errors *errors)
{
    struct slice slice = {.errors_before = errors->n};
    uint32_t most = rows_at_once(ev), n = 0;
    sel = selected(arena, sel, nsel);
    wr_arena_init(&slice.arena, arena->pool);
    for (uint32_t from = 0; from < nsel; from += most) {
        slice_take(&slice, ev, batch, sel + from, WR_MIN(most, nsel - from));
        uint32_t *kept = wr_arena_alloc(&slice.arena, slice.batch.nrows * sizeof *kept);
        slice.errors_before = errors->n;
        uint32_t nkept = run_filter(ev, &slice.arena, &slice.batch, NULL, slice.batch.nrows, kept, errors);
        slice_errors(&slice, errors);
        for (uint32_t k = 0; k < nkept; k++)
            out_sel[n++] = slice.rows[kept[k]];
    }
    wr_arena_reset(&slice.arena);
    return n;
}

/* WHERE: conjuncts in order, each for the rows on which all before it are TRUE (as PostgreSQL's executor does). */
uint32_t wr_evaluate_filter(struct evaluator *ev, struct wr_arena *arena, const struct batch *batch,
                            const uint32_t *sel, uint32_t nsel, uint32_t *out_sel, struct eval_errors *errors)
{
    if (!ev->filter.compiled)
        wr_eval_compile(ev, &ev->filter, true);
    uint32_t n = sel ? nsel : batch->nrows;
    if (WR_LIKELY(batch->nrows <= rows_at_once(ev)))
        return run_filter(ev, arena, batch, sel, n, out_sel, errors);
    return slice_filter(ev, arena, batch, sel, n, out_sel, errors);
}

static bool const_error(const struct eval_errors *errors, struct wr_error *err)
{
    return wr_fail(err, errors->items[0].sqlstate, "%s", errors->items[0].message);
}

bool wr_evaluate_const(struct wr_arena *arena, struct expr *expr, const struct io_settings *io, int64_t now_us,
                       struct datum *out, struct wr_error *err)
{
    struct evaluator *ev = new_evaluator(&expr, 1, io, false);
    struct wr_arena scratch;
    wr_arena_init(&scratch, NULL);
    struct eval_errors errors = {.arena = &scratch};
    struct batch one = {.nrows = 1};
    struct column col;
    wr_evaluator_now(ev, now_us);
    wr_evaluate(ev, &scratch, &one, NULL, 1, &col, &errors);
    bool ok = errors.n == 0;
    if (ok) {
        *out = wr_column_get(&col, 0);
        out->type = expr->type;
        copy_datum(arena, out);
    } else {
        const_error(&errors, err);
    }
    wr_arena_reset(&scratch);
    wr_evaluator_free(ev);
    return ok;
}
