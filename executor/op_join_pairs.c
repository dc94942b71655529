/* Matches of a join on their way out: gathered late. Up to then a match is two addresses and a weight; columns are
 * built once per chunk, first those that the extra condition reads, the others for the matches that passed. */
#include "executor/join.h"

#include <stdlib.h>

#define PAIRS_MIN 256u

bool wr_join_pairs_room(struct join *join)
{
    struct pairs *pairs = &join->pairs;
    if (pairs->cap == BATCH_ROWS_MAX)
        return wr_join_pairs_flush(join);
    uint32_t cap = WR_MAX(pairs->cap * 2, PAIRS_MIN);
    size_t row = sizeof *pairs->batch_rows + sizeof *pairs->state_rows + sizeof *pairs->weights + sizeof *pairs->owners;
    wr_pool_charge(join->op->worker->state_pool, (int64_t)((cap - pairs->cap) * row));
    pairs->batch_rows = wr_realloc(pairs->batch_rows, cap * sizeof *pairs->batch_rows);
    pairs->state_rows = wr_realloc(pairs->state_rows, cap * sizeof *pairs->state_rows);
    pairs->weights = wr_realloc(pairs->weights, cap * sizeof *pairs->weights);
    pairs->owners = wr_realloc(pairs->owners, cap * sizeof *pairs->owners);
    pairs->cap = cap;
    return true;
}

/* Output column `c` (left columns, then right ones) of all pairs. */
static void build_column(struct join *join, uint16_t c, struct column *out)
{
    struct wr_arena *arena = &join->op->worker->arena;
    const struct pairs *pairs = &join->pairs;
    unsigned side = c >= join->side[LEFT].ncols;
    uint16_t col = side ? (uint16_t)(c - join->side[LEFT].ncols) : c;
    if (side != join->port && join->side[side].twins[col] != NOT_STORED) {
        col = join->side[side].twins[col];
        side = join->port;
    }
    if (side == join->port) {
        *out = wr_column_gather(arena, &join->batch->cols[col], pairs->batch_rows, pairs->n);
    } else {
        const struct join_side *other = &join->side[side];
        wr_row_decode_column(arena, other->layout, other->slots[col], pairs->state_rows, pairs->n, out);
    }
}

static struct batch pairs_batch(struct join *join)
{
    struct batch batch = {.nrows = join->pairs.n, .weights = join->pairs.weights};
    batch.ncols = (uint16_t)(join->side[LEFT].ncols + join->side[RIGHT].ncols);
    batch.cols = WR_NEW_ARRAY(&join->op->worker->arena, struct column, WR_MAX(batch.ncols, 1));
    return batch;
}

static bool is_known(const struct join *join, uint16_t c)
{
    unsigned side = c >= join->side[LEFT].ncols;
    uint16_t col = side ? (uint16_t)(c - join->side[LEFT].ncols) : c;
    return side == join->port || join->side[side].slots[col] != NOT_STORED || join->side[side].twins[col] != NOT_STORED;
}

/* Columns still missing; those that are not kept (semi, anti) read as NULL. */
static void complete(struct join *join, struct batch *batch)
{
    struct wr_arena *arena = &join->op->worker->arena;
    for (uint16_t c = 0; c < batch->ncols; c++) {
        if (batch->cols[c].data)
            continue;
        if (is_known(join, c)) {
            build_column(join, c, &batch->cols[c]);
            continue;
        }
        const struct plan *input = join->op->plan->inputs[RIGHT];
        struct type type = input->cols[c - join->side[LEFT].ncols].type;
        batch->cols[c] = (struct column){.type = type};
        batch->cols[c].data = wr_arena_zalloc(arena, WR_MAX(batch->nrows, 1u) * wr_type_info(type.id)->width);
        memset(wr_column_nulls(arena, &batch->cols[c], batch->nrows), 1, batch->nrows);
    }
}

/* Keep the pairs of sel; columns built so far too. */
static void compact(struct join *join, struct batch *batch, const uint32_t *sel, uint32_t n)
{
    struct pairs *pairs = &join->pairs;
    if (n == pairs->n)
        return;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = sel[k];
        pairs->batch_rows[k] = pairs->batch_rows[i];
        pairs->state_rows[k] = pairs->state_rows[i];
        pairs->weights[k] = pairs->weights[i];
        pairs->owners[k] = pairs->owners[i];
    }
    pairs->n = batch->nrows = n;
    for (uint16_t c = 0; c < batch->ncols && join->emit_pairs && n; c++)
        if (batch->cols[c].data)
            batch->cols[c] = wr_column_gather(&join->op->worker->arena, &batch->cols[c], sel, n);
}

static bool apply_condition(struct join *join, struct batch *batch)
{
    struct worker *worker = join->op->worker;
    struct eval_errors errors = {.arena = &worker->arena};
    for (uint16_t c = 0; c < batch->ncols; c++)
        if (join->condition_columns[c])
            build_column(join, c, &batch->cols[c]);
    for (uint16_t c = 0; c < batch->ncols; c++)
        if (!batch->cols[c].data) { /* never read, but it must have its type */
            const struct plan *plan = join->op->plan;
            uint16_t nleft = join->side[LEFT].ncols;
            batch->cols[c].type =
                c < nleft ? plan->inputs[LEFT]->cols[c].type : plan->inputs[RIGHT]->cols[c - nleft].type;
        }
    uint32_t *sel = wr_arena_alloc(&worker->arena, batch->nrows * sizeof *sel);
    uint32_t n = wr_evaluate_filter(join->condition, &worker->arena, batch, NULL, batch->nrows, sel, &errors);
    if (WR_UNLIKELY(errors.n)) {
        complete(join, batch);
        TRY(wr_op_eval_errors(join->op, batch, &errors));
    }
    compact(join, batch, sel, n);
    return true;
}

static bool emit_pairs(struct join *join, struct batch *batch)
{
    if (!batch->nrows)
        return true;
    complete(join, batch);
    int64_t odd = 0;
    for (uint32_t i = 0; i < batch->nrows; i++)
        odd |= batch->weights[i] ^ 1;
    if (!odd)
        batch->weights = NULL;
    return wr_op_emit(join->op, batch);
}

bool wr_join_pairs_flush(struct join *join)
{
    struct pairs *pairs = &join->pairs;
    if (!pairs->n)
        return true;
    struct wr_arena *arena = &join->op->worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    struct batch batch = pairs_batch(join);
    join->op->stats.touched += pairs->n;
    bool ok = !join->condition || apply_condition(join, &batch);
    if (ok && join->matches)
        for (uint32_t i = 0; i < pairs->n; i++)
            join->matches[pairs->owners[i]] += pairs->weights[i];
    if (ok && join->emit_pairs)
        ok = emit_pairs(join, &batch);
    pairs->n = 0;
    wr_arena_release(arena, mark);
    return ok;
}

/* ---- rows of one side alone */

/* NULLs for the other side's columns. */
static void pad(struct join *join, unsigned side, struct batch *batch)
{
    struct wr_arena *arena = &join->op->worker->arena;
    const struct plan *plan = join->op->plan;
    uint16_t nleft = join->side[LEFT].ncols;
    uint16_t from = side == LEFT ? nleft : 0, to = side == LEFT ? batch->ncols : nleft;
    for (uint16_t c = from; c < to; c++) {
        struct type type = plan->cols[c].type;
        batch->cols[c] = (struct column){.type = type};
        batch->cols[c].data = wr_arena_zalloc(arena, WR_MAX(batch->nrows, 1u) * wr_type_info(type.id)->width);
        memset(wr_column_nulls(arena, &batch->cols[c], batch->nrows), 1, batch->nrows);
    }
}

/* Where a side's columns begin in the output. */
static struct column *columns_of(const struct join *join, unsigned side, const struct batch *out)
{
    return out->cols + (side == LEFT ? 0 : join->side[LEFT].ncols);
}

bool wr_join_emit_lone(struct join *join, unsigned side, const struct batch *batch, const uint32_t *rows, uint32_t n)
{
    if (!n)
        return true;
    struct wr_arena *arena = &join->op->worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    const struct batch *chosen = n == batch->nrows ? batch : wr_batch_gather(arena, batch, rows, n);
    struct batch out = {.nrows = n, .ncols = join->op->plan->ncols, .weights = chosen->weights};
    out.cols = WR_NEW_ARRAY(arena, struct column, WR_MAX(out.ncols, 1));
    memcpy(columns_of(join, side, &out), chosen->cols, join->side[side].ncols * sizeof *out.cols);
    pad(join, side, &out);
    bool ok = wr_op_emit(join->op, &out);
    wr_arena_release(arena, mark);
    return ok;
}

void wr_lone_rows_init(struct lone_rows *lone, struct join *join, unsigned side)
{
    struct wr_arena *arena = &join->op->worker->arena;
    lone->join = join;
    lone->side = side;
    lone->n = 0;
    lone->rows = wr_arena_alloc(arena, LONE_ROWS_MAX * sizeof *lone->rows);
    lone->weights = wr_arena_alloc(arena, LONE_ROWS_MAX * sizeof *lone->weights);
}

bool wr_lone_rows_add(struct lone_rows *lone, const char *row, int64_t weight)
{
    if (lone->n == LONE_ROWS_MAX)
        TRY(wr_lone_rows_flush(lone));
    lone->rows[lone->n] = row;
    lone->weights[lone->n++] = weight;
    return true;
}

bool wr_lone_rows_add_group(struct lone_rows *lone, const struct multimap_group *group, int sign)
{
    struct multimap_rows rows = wr_multimap_rows(group);
    const char *row;
    uint32_t len;
    int64_t weight;
    while (wr_multimap_next(&rows, &row, &len, &weight))
        TRY(wr_lone_rows_add(lone, row, weight * sign));
    return true;
}

bool wr_lone_rows_flush(struct lone_rows *lone)
{
    struct join *join = lone->join;
    if (!lone->n)
        return true;
    const struct join_side *side = &join->side[lone->side];
    struct wr_arena *arena = &join->op->worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    struct batch out = {.nrows = lone->n, .ncols = join->op->plan->ncols, .weights = lone->weights};
    out.cols = WR_NEW_ARRAY(arena, struct column, WR_MAX(out.ncols, 1));
    struct column *cols = columns_of(join, lone->side, &out);
    for (uint16_t c = 0; c < side->ncols; c++)
        wr_row_decode_column(arena, side->layout, side->slots[c], lone->rows, lone->n, &cols[c]);
    pad(join, lone->side, &out);
    join->op->stats.touched += lone->n;
    lone->n = 0;
    bool ok = wr_op_emit(join->op, &out);
    wr_arena_release(arena, mark);
    return ok;
}
