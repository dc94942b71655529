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
    for (uint16_t i = 0; i < ev->ncolumns; i++)
        ev->regs[ev->column_regs[2 * i + 1]] = batch->cols[ev->column_regs[2 * i]];
    for (uint16_t i = 0; i < ev->nconsts; i++) {
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

void wr_evaluate(struct evaluator *ev, struct wr_arena *arena, const struct batch *batch, const uint32_t *sel,
                 uint32_t nsel, struct column *outs, struct eval_errors *errors)
{
    struct program *program = &ev->values;
    if (!program->compiled)
        wr_eval_compile(ev, program, false);
    uint32_t errors_before = errors->n;
    begin(ev, arena, batch, errors);
    if (!sel)
        nsel = batch->nrows;
    for (uint16_t k = 0; k < program->nroots; k++) {
        wr_eval_block(ev, &program->blocks[k], sel, nsel);
        outs[k] = ev->regs[program->regs[k]];
    }
    if (errors->n != errors_before)
        settle_errors(ev, errors_before);
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

/* WHERE: conjuncts in order, each for the rows on which all before it are TRUE (as PostgreSQL's executor does). */
uint32_t wr_evaluate_filter(struct evaluator *ev, struct wr_arena *arena, const struct batch *batch,
                            const uint32_t *sel, uint32_t nsel, uint32_t *out_sel, struct eval_errors *errors)
{
    struct program *program = &ev->filter;
    if (!program->compiled)
        wr_eval_compile(ev, program, true);
    struct wr_mark mark = wr_arena_mark(arena);
    uint32_t errors_before = errors->n;
    begin(ev, arena, batch, errors);
    uint32_t n = sel ? nsel : batch->nrows;
    for (uint16_t k = 0; k < program->nroots && n; k++) {
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

static bool const_error(const struct eval_errors *errors, struct wr_error *err)
{
    return wr_fail(err, errors->items[0].sqlstate, "%s", errors->items[0].message);
}

static void copy_datum(struct wr_arena *arena, struct datum *value)
{
    if (!value->null && wr_type_info(value->type.id)->phys == PHYS_STR)
        value->str.data = wr_arena_strndup(arena, value->str.len ? value->str.data : "", value->str.len);
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
