/* Sort, ad hoc only: collects (order key, row), sorts at flush, emits in order; rows that compare equal are ordered by
 * their encoding, identical ones become one row with the sum of the weights. */
#include "executor/op.h"
#include "state/change_log.h"

struct sort {
    struct key_column *key;
    struct row_layout *layout;
    struct change_log rows;
};

static bool sort_open(struct op *op, struct wr_error *err)
{
    struct wr_arena *arena = &op->dataflow->arena;
    const struct plan *plan = op->plan;
    struct sort *sort = WR_NEW(arena, struct sort);
    struct type *types = WR_NEW_ARRAY(arena, struct type, WR_MAX(plan->ncols, 1));
    op->impl = sort;
    sort->key = WR_NEW_ARRAY(arena, struct key_column, WR_MAX(plan->sort.norder, 1));
    for (uint16_t i = 0; i < plan->sort.norder; i++)
        sort->key[i] = (struct key_column){plan->sort.order[i].column, plan->sort.order[i].descending,
                                           plan->sort.order[i].nulls_first};
    for (uint16_t c = 0; c < plan->ncols; c++)
        types[c] = plan->cols[c].type;
    sort->layout = wr_row_layout_new(arena, types, plan->ncols);
    wr_change_log_init(&sort->rows, op->worker->state_pool);
    return true;
}

static void sort_close(struct op *op)
{
    wr_change_log_clear(&((struct sort *)op->impl)->rows);
}

static bool sort_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct sort *sort = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    struct keys keys;
    uint32_t *sizes = wr_arena_alloc(arena, batch->nrows * sizeof(*sizes));
    char **rows = wr_arena_alloc(arena, batch->nrows * sizeof(*rows));
    wr_keys_encode(arena, batch, sort->key, op->plan->sort.norder, 0, &keys);
    wr_row_encode_all(arena, sort->layout, batch, NULL, rows, sizes);
    for (uint32_t i = 0; i < batch->nrows; i++)
        wr_change_log_add(&sort->rows, &(struct entry){.key = wr_key_at(&keys, i),
                                                       .key_len = wr_key_len(&keys, i),
                                                       .payload = rows[i],
                                                       .payload_len = sizes[i],
                                                       .weight = wr_weight(batch, i)});
    return true;
}

static bool sort_flush(struct op *op)
{
    struct sort *sort = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    struct change_log *log = &sort->rows;
    wr_change_log_sort(log);
    for (uint32_t from = 0; from < log->n; from += BATCH_ROWS_MAX) {
        struct wr_mark mark = wr_arena_mark(arena);
        uint32_t n = WR_MIN(log->n - from, BATCH_ROWS_MAX);
        const char **rows = wr_arena_alloc(arena, n * sizeof(*rows));
        int64_t *weights = wr_arena_alloc(arena, n * sizeof(*weights));
        for (uint32_t i = 0; i < n; i++) {
            const struct change_record *record = log->records[from + i];
            rows[i] = record->bytes + record->key_len;
            weights[i] = record->weight;
        }
        struct batch *batch = wr_row_decode(arena, sort->layout, rows, n);
        batch->weights = weights;
        bool ok = wr_op_emit(op, batch);
        wr_arena_release(arena, mark);
        TRY(ok);
    }
    wr_change_log_clear(log);
    return true;
}

static void sort_stats(struct op *op, struct op_stats *stats)
{
    const struct sort *sort = op->impl;
    stats->state_rows = sort->rows.n;
    stats->state_bytes = sort->rows.bytes;
}

const struct op_class op_sort = {
    .name = "sort",
    .open = sort_open,
    .step = sort_step,
    .flush = sort_flush,
    .stats = sort_stats,
    .close = sort_close,
};
