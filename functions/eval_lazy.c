/* Steps that run parts of themselves for some rows only: AND, OR, CASE, COALESCE.
 * Each keeps the list of rows not yet decided; the next argument is computed for those alone. A row on which an
 * argument fails is decided: it has failed. */
#include "functions/evaluator.h"

static uint32_t *new_rows(struct evaluator *ev, const uint32_t *sel, uint32_t nsel)
{
    uint32_t *rows = wr_arena_alloc(ev->run_arena, WR_MAX(nsel, 1u) * sizeof(uint32_t));
    for (uint32_t k = 0; k < nsel; k++)
        rows[k] = sel ? sel[k] : k;
    return rows;
}

static bool all_flat(const struct evaluator *ev, const struct step *step)
{
    for (uint16_t i = 0; i < step->nargs; i++)
        if (step->args[i].block || ev->regs[step->args[i].reg].nulls)
            return false;
    return true;
}

static void logic_flat(struct evaluator *ev, struct step *step)
{
    struct column *out = &ev->regs[step->out];
    uint32_t n = ev->batch->nrows;
    memcpy(out->b, ev->regs[step->args[0].reg].b, n);
    for (uint16_t a = 1; a < step->nargs; a++) {
        const uint8_t *restrict arg = ev->regs[step->args[a].reg].b;
        uint8_t *restrict to = out->b;
        if (step->kind == EXPR_AND)
            for (uint32_t i = 0; i < n; i++)
                to[i] &= arg[i];
        else
            for (uint32_t i = 0; i < n; i++)
                to[i] |= arg[i];
    }
}

/* Take argument values into the result; returns how many rows are still open (rows is compacted to them). */
static uint32_t logic_argument(struct column *out, const struct column *arg, bool decisive, uint32_t *rows, uint32_t n)
{
    uint32_t open = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = rows[k];
        bool null = wr_is_null(arg, i);
        bool decided = !null && (arg->b[i] != 0) == decisive;
        if (null)
            out->nulls[i] = 1;
        if (decided) {
            out->b[i] = decisive;
            out->nulls[i] = 0;
        }
        rows[open] = i;
        open += !decided;
    }
    return open;
}

/* AND is decided by FALSE, OR by TRUE; an undecided row with a NULL is NULL. */
void wr_eval_logic(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    struct column *out = &ev->regs[step->out];
    bool decisive = step->kind == EXPR_OR;
    *out = wr_column_new(ev->run_arena, TYPE(TYPE_BOOL), ev->batch->nrows);
    if (!sel && !ev->failing && all_flat(ev, step)) {
        logic_flat(ev, step);
        return;
    }
    uint32_t *rows = new_rows(ev, sel, nsel), n = nsel;
    wr_column_nulls(ev->run_arena, out, ev->batch->nrows);
    for (uint32_t k = 0; k < nsel; k++)
        out->b[rows[k]] = !decisive;
    for (uint16_t a = 0; a < step->nargs && n; a++) {
        n = wr_eval_branch(ev, step, &step->args[a], rows, n);
        n = logic_argument(out, &ev->regs[step->args[a].reg], decisive, rows, n);
    }
}

#define COPY(ctype, field)                          \
    for (uint32_t k = 0; k < n; k++)                \
        out->field[rows[k]] = from->field[rows[k]]; \
    break;

/* out[row] = from[row]: views of strings, not their bytes. */
static void copy_rows(struct evaluator *ev, const struct step *step, const struct branch *branch, const uint32_t *rows,
                      uint32_t n)
{
    struct column *out = &ev->regs[step->out];
    const struct column *from = &ev->regs[branch->reg];
    if (from->nulls) {
        uint8_t *nulls = wr_column_nulls(ev->run_arena, out, ev->batch->nrows);
        for (uint32_t k = 0; k < n; k++)
            nulls[rows[k]] = from->nulls[rows[k]];
    }
    switch (wr_type_info(out->type.id)->phys) {
    case PHYS_BOOL:
        COPY(uint8_t, b)
    case PHYS_I32:
        COPY(int32_t, i32)
    case PHYS_STR:
        COPY(struct str, str)
    default:
        COPY(int64_t, i64)
    }
}

static void null_rows(struct evaluator *ev, struct column *out, const uint32_t *rows, uint32_t n)
{
    size_t width = wr_type_info(out->type.id)->width;
    if (n == 0)
        return;
    uint8_t *nulls = wr_column_nulls(ev->run_arena, out, ev->batch->nrows);
    for (uint32_t k = 0; k < n; k++) {
        nulls[rows[k]] = 1;
        memset((char *)out->data + rows[k] * width, 0, width);
    }
}

/* Split rows into those where the condition is TRUE (-> hits) and the rest (stays in rows); returns the rest's count.
 */
static uint32_t split(const struct column *cond, uint32_t *rows, uint32_t n, uint32_t *hits, uint32_t *nhits)
{
    uint32_t rest = 0, hit = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = rows[k];
        bool is_true = !wr_is_null(cond, i) && cond->b[i];
        hits[hit] = i;
        rows[rest] = i;
        hit += is_true;
        rest += !is_true;
    }
    *nhits = hit;
    return rest;
}

/* The rows' result is the branch's. */
static void take_branch(struct evaluator *ev, const struct step *step, const struct branch *branch, uint32_t *rows,
                        uint32_t n)
{
    if (n)
        n = wr_eval_branch(ev, step, branch, rows, n);
    if (n)
        copy_rows(ev, step, branch, rows, n);
}

void wr_eval_case(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    struct column *out = &ev->regs[step->out];
    *out = wr_column_new(ev->run_arena, step->expr->type, ev->batch->nrows);
    uint32_t *rows = new_rows(ev, sel, nsel), n = nsel, nhits;
    uint32_t *hits = wr_arena_alloc(ev->run_arena, WR_MAX(nsel, 1u) * sizeof(uint32_t));
    for (uint16_t a = 0; a + 1 < step->nargs && n; a += 2) {
        n = wr_eval_branch(ev, step, &step->args[a], rows, n);
        n = split(&ev->regs[step->args[a].reg], rows, n, hits, &nhits);
        take_branch(ev, step, &step->args[a + 1], hits, nhits);
    }
    if (step->nargs % 2)
        take_branch(ev, step, &step->args[step->nargs - 1], rows, n);
    else
        null_rows(ev, out, rows, n);
}

void wr_eval_coalesce(struct evaluator *ev, struct step *step, const uint32_t *sel, uint32_t nsel)
{
    struct column *out = &ev->regs[step->out];
    *out = wr_column_new(ev->run_arena, step->expr->type, ev->batch->nrows);
    uint32_t *rows = new_rows(ev, sel, nsel), n = nsel;
    uint32_t *hits = wr_arena_alloc(ev->run_arena, WR_MAX(nsel, 1u) * sizeof(uint32_t));
    for (uint16_t a = 0; a < step->nargs && n; a++) {
        n = wr_eval_branch(ev, step, &step->args[a], rows, n);
        const struct column *arg = &ev->regs[step->args[a].reg];
        uint32_t rest = 0, nhits = 0;
        for (uint32_t k = 0; k < n; k++) {
            uint32_t i = rows[k];
            bool null = wr_is_null(arg, i);
            hits[nhits] = i;
            rows[rest] = i;
            nhits += !null;
            rest += null;
        }
        copy_rows(ev, step, &step->args[a], hits, nhits);
        n = rest;
    }
    null_rows(ev, out, rows, n);
}
