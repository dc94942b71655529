/* The first row of each partition, over input that only grows: one row per partition is all the state. Rows are
 * compared column by column where they lie, in the batch and in the state; only winners are encoded. */
#include <stdlib.h>

#include "executor/op_topn.h"
#include "types/text_io.h"

#define NONE UINT32_MAX

void wr_topn_first_open(struct topn *t)
{
    struct op *op = t->op;
    const struct plan *plan = op->plan;
    t->order = WR_NEW_ARRAY(&op->dataflow->arena, struct topn_order, WR_MAX(plan->topn.norder, 1));
    for (uint16_t i = 0; i < plan->topn.norder; i++) {
        const struct plan_order *order = &plan->topn.order[i];
        t->order[i] = (struct topn_order){.column = order->column,
                                          .descending = order->descending,
                                          .nulls_first = order->nulls_first,
                                          .phys = wr_type_info(t->layout->types[order->column].id)->phys,
                                          .offset = t->layout->offsets[order->column]};
    }
    t->best =
        wr_vmap_new(&(struct vmap_options){.pool = op->worker->state_pool, .trace = wr_op_trace(op, 0, TRACE_UPSERT)});
}

/* ---- comparing: a row of the batch against another one, or against a row in state */

static inline bool stored_null(const char *row, uint16_t column)
{
    return (uint8_t)row[column / 8] >> (column % 8) & 1;
}

static int compare_nulls(bool a, bool b, const struct topn_order *order)
{
    if (a == b)
        return 0;
    return a == order->nulls_first ? -1 : 1;
}

/* Fixed-size integers, the usual order column: no datum is made. */
static inline bool load_int(const struct batch *batch, uint32_t i, const struct topn_order *order, int64_t *value)
{
    const struct column *col = &batch->cols[order->column];
    if (order->phys == PHYS_I64)
        *value = col->i64[i];
    else if (order->phys == PHYS_I32)
        *value = col->i32[i];
    else
        return false;
    return true;
}

static inline int64_t load_stored(const char *row, const struct topn_order *order)
{
    int64_t wide;
    int32_t narrow;
    if (order->phys == PHYS_I64) {
        memcpy(&wide, row + order->offset, 8);
        return wide;
    }
    memcpy(&narrow, row + order->offset, 4);
    return narrow;
}

/* Row i against row j, or, if j is NONE, against the row in state. */
static int compare_column(const struct topn *t, const struct topn_order *order, const struct batch *batch, uint32_t i,
                          uint32_t j, const char *stored)
{
    const struct column *col = &batch->cols[order->column];
    bool null_i = wr_is_null(col, i);
    bool null_j = j != NONE ? wr_is_null(col, j) : stored_null(stored, order->column);
    if (null_i || null_j)
        return compare_nulls(null_i, null_j, order);
    int64_t x, y;
    int c;
    if (load_int(batch, i, order, &x)) {
        if (j != NONE)
            load_int(batch, j, order, &y);
        else
            y = load_stored(stored, order);
        c = (x > y) - (x < y);
    } else {
        struct datum a = wr_column_get(col, i);
        struct datum b = j != NONE ? wr_column_get(col, j) : wr_row_get(t->layout, stored, order->column);
        c = wr_value_cmp(&a, &b);
    }
    return order->descending ? -c : c;
}

static char *encoded(struct topn *t, const struct batch *batch, uint32_t i, const uint32_t *sizes)
{
    struct wr_arena *arena = &t->op->worker->arena;
    char **to = WR_NEW_ARRAY(arena, char *, batch->nrows);
    to[i] = wr_arena_bytes(arena, sizes[i]);
    wr_row_encode(t->layout, batch, NULL, to);
    return to[i];
}

static int compare_encodings(struct topn *t, const struct batch *batch, uint32_t i, uint32_t j, const char *stored,
                             uint32_t stored_len, const uint32_t *sizes)
{
    struct wr_mark mark = wr_arena_mark(&t->op->worker->arena);
    const char *x = encoded(t, batch, i, sizes);
    const char *y = j != NONE ? encoded(t, batch, j, sizes) : stored;
    uint32_t y_len = j != NONE ? sizes[j] : stored_len;
    int c = memcmp(x, y, WR_MIN(sizes[i], y_len));
    wr_arena_release(&t->op->worker->arena, mark);
    return c ? c : (sizes[i] > y_len) - (sizes[i] < y_len);
}

static bool is_better(struct topn *t, const struct batch *batch, uint32_t i, uint32_t j, const char *stored,
                      uint32_t stored_len, const uint32_t *sizes)
{
    for (uint16_t o = 0; o < t->op->plan->topn.norder; o++) {
        int c = compare_column(t, &t->order[o], batch, i, j, stored);
        if (c)
            return c < 0;
    }
    return compare_encodings(t, batch, i, j, stored, stored_len, sizes) < 0;
}

/* ---- step */

/* winners[d]: the batch row that becomes the best of partition d, or NONE. */
static void choose(struct topn *t, const struct batch *batch, const struct vmap_found *found, const uint32_t *sizes,
                   uint32_t *winners)
{
    memset(winners, 0xff, found->n * sizeof(*winners));
    for (uint32_t i = 0; i < batch->nrows; i++) {
        uint32_t d = found->of[i];
        const struct vmap_entry *entry = found->entries[d];
        if (wr_weight(batch, i) <= 0)
            continue;
        if (winners[d] != NONE) {
            if (is_better(t, batch, i, winners[d], NULL, 0, sizes))
                winners[d] = i;
        } else if (!entry->live || is_better(t, batch, i, NONE, wr_vmap_value(entry), entry->value_len, sizes)) {
            winners[d] = i;
        }
    }
}

/* Put the winners in their entries. Returns how many rows they replace, listed in `old`. */
static uint32_t store(struct topn *t, const struct batch *batch, struct vmap_found *found, const uint32_t *sizes,
                      const uint32_t *winners, const char **old)
{
    char **to = WR_NEW_ARRAY(&t->op->worker->arena, char *, batch->nrows);
    uint32_t nold = 0;
    for (uint32_t d = 0; d < found->n; d++) {
        if (winners[d] == NONE)
            continue;
        struct vmap_entry *entry = found->entries[d];
        if (entry->live)
            old[nold++] = wr_vmap_value(entry);
        entry = wr_vmap_swap(t->best, entry, sizes[winners[d]]);
        to[winners[d]] = wr_vmap_room(entry);
    }
    wr_row_encode(t->layout, batch, NULL, to);
    return nold;
}

static struct batch *with_rank(struct topn *t, struct batch *batch)
{
    struct wr_arena *arena = &t->op->worker->arena;
    if (!t->op->plan->topn.emit_rank)
        return batch;
    struct column *cols = WR_NEW_ARRAY(arena, struct column, batch->ncols + 1u);
    memcpy(cols, batch->cols, batch->ncols * sizeof(*cols));
    cols[batch->ncols] = wr_column_new(arena, TYPE(TYPE_INT8), batch->nrows);
    for (uint32_t i = 0; i < batch->nrows; i++)
        cols[batch->ncols].i64[i] = 1;
    batch->cols = cols;
    batch->ncols++;
    return batch;
}

static bool emit_old(struct topn *t, const char *const *old, uint32_t n)
{
    struct wr_arena *arena = &t->op->worker->arena;
    if (!n)
        return true;
    struct batch *batch = wr_row_decode(arena, t->layout, old, n);
    batch->weights = wr_arena_alloc(arena, n * sizeof(*batch->weights));
    for (uint32_t i = 0; i < n; i++)
        batch->weights[i] = -1;
    return wr_op_emit(t->op, with_rank(t, batch));
}

static bool emit_new(struct topn *t, const struct batch *batch, const uint32_t *winners, uint32_t n)
{
    struct wr_arena *arena = &t->op->worker->arena;
    uint32_t *index = wr_arena_alloc(arena, n * sizeof(*index)), kept = 0;
    for (uint32_t d = 0; d < n; d++) {
        index[kept] = winners[d];
        kept += winners[d] != NONE;
    }
    if (!kept)
        return true;
    struct batch *out = wr_batch_gather(arena, batch, index, kept);
    out->weights = NULL;
    return wr_op_emit(t->op, with_rank(t, out));
}

bool wr_topn_first_step(struct topn *t, const struct batch *batch)
{
    struct op *op = t->op;
    struct wr_arena *arena = &op->worker->arena;
    struct keys keys;
    struct vmap_found found;
    if (wr_vmap_must_seal(t->best))
        TRY(wr_vmap_seal(t->best, op->worker->commit, &op->worker->error));
    uint32_t *sizes = wr_arena_alloc(arena, batch->nrows * sizeof(*sizes));
    wr_row_sizes(t->layout, batch, NULL, sizes);
    wr_keys_encode(arena, batch, t->key, op->plan->topn.npartition, op->plan->topn.npartition, &keys);
    TRY(wr_vmap_find(t->best, arena, &keys, sizes, &found, &op->worker->error));
    op->stats.touched += found.n;
    uint32_t *winners = wr_arena_alloc(arena, found.n * sizeof(*winners));
    const char **old = wr_arena_alloc(arena, found.n * sizeof(*old));
    choose(t, batch, &found, sizes, winners);
    uint32_t nold = store(t, batch, &found, sizes, winners, old);
    bool ok = op->worker->one_shot || (emit_old(t, old, nold) && emit_new(t, batch, winners, found.n));
    wr_vmap_reclaim(t->best);
    return ok;
}

/* ---- one-shot: all at the end */

static bool flush_row(void *context, struct vmap_entry *entry)
{
    struct topn_out *out = context;
    if (wr_topn_out_add(out, wr_vmap_value(entry), 1, 1))
        return true;
    out->t = NULL;
    return false;
}

bool wr_topn_first_flush(struct topn *t)
{
    struct topn_out out;
    wr_topn_out_init(&out, t);
    wr_vmap_each(t->best, flush_row, &out);
    return out.t && wr_topn_out_finish(&out);
}
