/* Running steps. NULL handling of strict functions is here and nowhere else:
 *   no argument has NULLs          the kernel gets the selection as it is
 *   total function, flat values    the kernel computes NULL rows too (their slots are defined), NULL bytes are or-ed
 *   else                           the kernel gets the selection without NULL rows; their slots are zeroed */
#include "functions/evaluator.h"

/* What a step touches of a column with NULLs: copy of the nulls of the selected rows. */
static uint8_t *new_nulls(struct evaluator *ev, const uint8_t *from)
{
    uint8_t *nulls = wr_arena_alloc(ev->run_arena, WR_MAX(ev->batch->nrows, 1u));
    memcpy(nulls, from, ev->batch->nrows);
    return nulls;
}

static void or_nulls(uint8_t *to, const uint8_t *from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        to[i] |= from[i];
}

static bool is_flat(const struct step *step)
{
    if (wr_type_info(step->expr->type.id)->phys == PHYS_STR)
        return false;
    for (uint16_t i = 0; i < step->nargs; i++)
        if (wr_type_info(step->arg_cols[i].type.id)->phys == PHYS_STR)
            return false;
    return true;
}

static void merge_nulls(struct evaluator *ev, const struct step *step, struct column *out)
{
    for (uint16_t i = 0; i < step->nargs; i++) {
        const uint8_t *nulls = step->arg_cols[i].nulls;
        if (nulls && out->nulls)
            or_nulls(out->nulls, nulls, ev->batch->nrows);
        else if (nulls)
            out->nulls = new_nulls(ev, nulls);
    }
}

/* Selection of the rows without NULL arguments; NULL rows get their NULL and a zero slot. */
static uint32_t *drop_nulls(struct evaluator *ev, const struct step *step, struct column *out, const uint32_t *sel,
                            uint32_t *nsel)
{
    uint32_t *kept = wr_arena_alloc(ev->run_arena, WR_MAX(*nsel, 1u) * sizeof(uint32_t)), n = 0;
    size_t width = wr_type_info(out->type.id)->width;
    merge_nulls(ev, step, out);
    for (uint32_t k = 0; k < *nsel; k++) {
        uint32_t row = sel ? sel[k] : k;
        kept[n] = row;
        n += !out->nulls[row];
        if (out->nulls[row]) {
            out->nulls[row] = 1;
            memset((char *)out->data + row * width, 0, width);
        }
    }
    *nsel = n;
    return kept;
}

static void run_call(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    const struct fn *fn = step->expr->fn;
    struct column *out = &ev->regs[step->out];
    bool nulls = false;
    *out = wr_column_new(ev->run_arena, step->expr->type, ev->batch->nrows);
    for (uint16_t i = 0; i < step->nargs; i++) {
        step->arg_cols[i] = ev->regs[step->args[i].reg];
        nulls |= step->arg_cols[i].nulls != NULL;
    }
    if ((fn->flags & FN_STRICT) && nulls) {
        if (!(fn->flags & FN_CAN_FAIL) && is_flat(step))
            merge_nulls(ev, step, out);
        else
            sel = drop_nulls(ev, step, out, sel, &nsel);
    }
    if (nsel == 0)
        return;
    struct fn_call call = {.arena = ev->run_arena,
                           .nrows = ev->batch->nrows,
                           .nsel = nsel,
                           .sel = sel,
                           .args = step->arg_cols,
                           .nargs = step->nargs,
                           .out = out,
                           .errors = ev->errors,
                           .io = &ev->io,
                           .now_us = ev->now_us,
                           .expr = step->expr,
                           .cache = step->cache};
    fn->kernel(&call);
}

/* A boolean column without NULLs. */
static uint8_t *new_bool(struct evaluator *ev, const struct step *step)
{
    struct column *out = &ev->regs[step->out];
    *out = wr_column_new(ev->run_arena, TYPE(TYPE_BOOL), ev->batch->nrows);
    return out->b;
}

static void run_not(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    const struct column *arg = &ev->regs[step->args[0].reg];
    uint8_t *out = new_bool(ev, step);
    ev->regs[step->out].nulls = arg->nulls;
    if (!sel)
        for (uint32_t i = 0; i < nsel; i++)
            out[i] = !arg->b[i];
    else
        for (uint32_t k = 0; k < nsel; k++)
            out[sel[k]] = !arg->b[sel[k]];
}

static void run_is_null(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    const uint8_t *nulls = ev->regs[step->args[0].reg].nulls;
    uint8_t *out = new_bool(ev, step), negated = step->expr->negated;
    if (!nulls)
        memset(out, negated, ev->batch->nrows);
    else if (!sel)
        for (uint32_t i = 0; i < nsel; i++)
            out[i] = nulls[i] ^ negated;
    else
        for (uint32_t k = 0; k < nsel; k++)
            out[sel[k]] = nulls[sel[k]] ^ negated;
}

static void run_is_bool(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    const struct column *arg = &ev->regs[step->args[0].reg];
    uint8_t *out = new_bool(ev, step);
    char test = step->expr->bool_test;
    for (uint32_t k = 0; k < nsel; k++) {
        uint32_t i = sel ? sel[k] : k;
        bool null = wr_is_null(arg, i);
        bool is = test == 'u' ? null : !null && (arg->b[i] != 0) == (test == 't');
        out[i] = is != step->expr->negated;
    }
}

/* IS DISTINCT FROM: the types' equality on rows where neither is NULL, the NULLs decide elsewhere. */
static void run_is_distinct(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    const struct column *a = &ev->regs[step->args[0].reg], *b = &ev->regs[step->args[1].reg];
    uint8_t *out = new_bool(ev, step);
    bool negated = step->expr->negated;
    uint32_t *both = wr_arena_alloc(ev->run_arena, WR_MAX(nsel, 1u) * sizeof(uint32_t)), n = 0;
    for (uint32_t k = 0; k < nsel; k++) {
        uint32_t i = sel ? sel[k] : k;
        bool null_a = wr_is_null(a, i), null_b = wr_is_null(b, i);
        out[i] = (null_a != null_b) != negated;
        both[n] = i;
        n += !null_a && !null_b;
    }
    struct column args[2] = {*a, *b}, equal = {.type = TYPE(TYPE_BOOL), .data = out};
    struct fn_call call = {.arena = ev->run_arena,
                           .nrows = ev->batch->nrows,
                           .nsel = n,
                           .sel = both,
                           .args = args,
                           .nargs = 2,
                           .out = &equal,
                           .errors = ev->errors,
                           .io = &ev->io,
                           .now_us = ev->now_us,
                           .expr = step->expr};
    if (n)
        step->expr->fn->kernel(&call);
    for (uint32_t k = 0; k < n && !negated; k++)
        out[both[k]] = !out[both[k]];
}

/* The step's flags of failed rows, made when they are needed. */
static uint8_t *failed_of(struct evaluator *ev, const struct step *step)
{
    uint8_t **failed = &ev->failed[step->out];
    if (!*failed)
        *failed = wr_arena_zalloc(ev->run_arena, WR_MAX(ev->batch->nrows, 1u));
    ev->failing = true;
    return *failed;
}

/* Arguments that are used for every row; those of the lazy kinds are looked at branch by branch. */
static void inherit_failed(struct evaluator *ev, const struct step *step, const uint32_t *sel, uint32_t nsel)
{
    bool lazy =
        step->kind == EXPR_AND || step->kind == EXPR_OR || step->kind == EXPR_CASE || step->kind == EXPR_COALESCE;
    for (uint16_t i = 0; !lazy && i < step->nargs; i++) {
        const uint8_t *from = ev->failed[step->args[i].reg];
        uint8_t *to = from ? failed_of(ev, step) : NULL;
        for (uint32_t k = 0; from && k < nsel; k++)
            to[sel ? sel[k] : k] |= from[sel ? sel[k] : k];
    }
}

/* After a step, where there are errors: which rows failed in it, itself or by its arguments; they are NULL. */
static void settle_failed(struct evaluator *ev, const struct step *step, const uint32_t *sel, uint32_t nsel,
                          uint32_t errors_before)
{
    for (uint32_t e = errors_before; e < ev->errors->n; e++)
        if (!ev->errors->items[e].expr) {
            ev->errors->items[e].expr = step->expr;
            failed_of(ev, step)[ev->errors->items[e].row] = 1;
        }
    inherit_failed(ev, step, sel, nsel);
    const uint8_t *failed = ev->failed[step->out];
    if (!failed)
        return;
    struct column *out = &ev->regs[step->out];
    size_t width = wr_type_info(out->type.id)->width;
    uint32_t n = ev->batch->nrows;
    out->nulls = out->nulls ? new_nulls(ev, out->nulls) : wr_arena_zalloc(ev->run_arena, WR_MAX(n, 1u));
    or_nulls(out->nulls, failed, n);
    for (uint32_t i = 0; i < n; i++)
        if (failed[i])
            memset((char *)out->data + i * width, 0, width);
}

void wr_eval_step(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    uint32_t errors_before = ev->errors->n;
    switch (step->kind) {
    case EXPR_CALL:
        run_call(ev, step, sel, nsel);
        break;
    case EXPR_AND:
    case EXPR_OR:
        wr_eval_logic(ev, step, sel, nsel);
        break;
    case EXPR_NOT:
        run_not(ev, step, sel, nsel);
        break;
    case EXPR_CASE:
        wr_eval_case(ev, step, sel, nsel);
        break;
    case EXPR_COALESCE:
        wr_eval_coalesce(ev, step, sel, nsel);
        break;
    case EXPR_IS_NULL:
        run_is_null(ev, step, sel, nsel);
        break;
    case EXPR_IS_BOOL:
        run_is_bool(ev, step, sel, nsel);
        break;
    case EXPR_IS_DISTINCT:
        run_is_distinct(ev, step, sel, nsel);
        break;
    case EXPR_IN_LIST:
        wr_eval_in(ev, step, sel, nsel);
        break;
    default:
        break;
    }
    if (WR_UNLIKELY(ev->failing || ev->errors->n != errors_before))
        settle_failed(ev, step, sel, nsel, errors_before);
}

void wr_eval_block(struct evaluator *ev, const struct block *block, const uint32_t *sel, uint32_t nsel)
{
    for (uint32_t k = 0; k < block->n; k++)
        wr_eval_step(ev, block->steps[k], sel, nsel);
}

uint32_t wr_eval_branch(struct evaluator *ev, const struct step *step, const struct branch *branch, uint32_t *rows,
                        uint32_t n)
{
    if (branch->block)
        wr_eval_block(ev, branch->block, rows, n);
    const uint8_t *failed = ev->failed[branch->reg];
    if (!failed)
        return n;
    uint8_t *out = failed_of(ev, step);
    uint32_t kept = 0;
    for (uint32_t k = 0; k < n; k++) {
        out[rows[k]] |= failed[rows[k]];
        rows[kept] = rows[k];
        kept += !failed[rows[k]];
    }
    return kept;
}
