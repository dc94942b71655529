/* DISTINCT: key (all columns, normalised) -> the weight of its rows. A row goes out when the weight becomes positive
 * and back when it ceases to be. Where SQL equality is not identity, the row shown is the smallest live encoding, so
 * the value keeps the multiset of encodings (executor/encodings.h) and a smaller one replaces the row shown.
 *
 * Rows go out within the step: no flush is needed. But in a one-shot query over input that may shrink nothing may
 * have to be taken back (C9), so the rows are kept and emitted at flush. */
#include <stdlib.h>

#include "executor/encodings.h"
#include "executor/op.h"
#include "state/vmap.h"

struct distinct_value {
    int64_t weight;
    char *rows; /* encodings; NULL unless they are kept */
};

struct distinct {
    struct op *op;
    struct vmap *values;
    struct key_column *key;
    struct row_layout *layout;
    bool append_only;
    bool keeps_rows;
    bool at_flush;
};

/* ---- codec */

static void value_fini(void *context, void *value)
{
    struct distinct *d = context;
    wr_encodings_free(&((struct distinct_value *)value)->rows, d->op->worker->state_pool);
}

static void value_encode(void *context, const void *value, struct wr_buf *buf)
{
    const struct distinct *d = context;
    const struct distinct_value *v = value;
    wr_buf_varint(buf, (uint64_t)v->weight << 1 ^ (uint64_t)(v->weight >> 63));
    if (d->keeps_rows)
        wr_encodings_encode(v->rows, buf);
}

static bool value_decode(void *context, void *value, const char *bytes, uint32_t len)
{
    const struct distinct *d = context;
    struct distinct_value *v = value;
    struct wr_reader reader = wr_reader_of(bytes, len);
    uint64_t weight = wr_get_varint(&reader);
    v->weight = (int64_t)(weight >> 1) ^ -(int64_t)(weight & 1);
    if (d->keeps_rows)
        TRY(wr_encodings_decode(&v->rows, d->op->worker->state_pool, &reader));
    return reader.ok && reader.at == reader.end;
}

/* ---- open, close */

static bool distinct_open(struct op *op, struct wr_error *err)
{
    struct wr_arena *arena = &op->dataflow->arena;
    struct distinct *d = WR_NEW(arena, struct distinct);
    const struct plan *plan = op->plan;
    struct type *types = WR_NEW_ARRAY(arena, struct type, WR_MAX(plan->ncols, 1));
    bool identity = true;
    op->impl = d;
    d->op = op;
    d->key = WR_NEW_ARRAY(arena, struct key_column, WR_MAX(plan->ncols, 1));
    d->append_only = plan->inputs[0]->props.append_only;
    for (uint16_t c = 0; c < plan->ncols; c++) {
        types[c] = plan->cols[c].type;
        d->key[c].column = c;
        identity &= wr_type_info(types[c].id)->equality_is_identity;
    }
    d->at_flush = op->worker->one_shot && !(identity && d->append_only);
    d->keeps_rows = !identity || d->at_flush;
    d->layout = wr_row_layout_new(arena, types, plan->ncols);
    d->values = wr_vmap_new(&(struct vmap_options){.pool = op->worker->state_pool,
                                                   .trace = wr_op_trace(op, 0, TRACE_UPSERT),
                                                   .fixed_size = d->keeps_rows ? sizeof(struct distinct_value) : 8,
                                                   .context = d,
                                                   .fini = d->keeps_rows ? value_fini : NULL,
                                                   .encode = value_encode,
                                                   .decode = value_decode});
    return true;
}

static void distinct_close(struct op *op)
{
    wr_vmap_free(((struct distinct *)op->impl)->values);
}

static inline struct distinct_value *value_of(struct vmap_entry *entry)
{
    return wr_vmap_fixed(entry);
}

static void settle(struct distinct *d, const struct vmap_found *found)
{
    bool once = d->append_only && !d->keeps_rows; /* that it is there is all that matters: written once */
    for (uint32_t k = 0; k < found->n; k++) {
        const struct distinct_value *value = value_of(found->entries[k]);
        if (once && wr_vmap_is_live(found->entries[k]))
            continue;
        if (value->weight || (d->keeps_rows && value->rows))
            wr_vmap_touch(d->values, found->entries[k]);
        else
            wr_vmap_delete(d->values, found->entries[k]);
    }
    wr_vmap_reclaim(d->values);
}

/* ---- equality is identity: the rows of the chunk stand for themselves */

static bool step_weights(struct distinct *d, const struct batch *batch, const struct vmap_found *found)
{
    struct wr_arena *arena = &d->op->worker->arena;
    bool *before = wr_arena_alloc(arena, found->n);
    for (uint32_t k = 0; k < found->n; k++)
        before[k] = value_of(found->entries[k])->weight > 0;
    for (uint32_t i = 0; i < batch->nrows; i++)
        value_of(found->entries[found->of[i]])->weight += wr_weight(batch, i);
    uint32_t n = 0, *index = wr_arena_alloc(arena, found->n * sizeof(*index));
    int64_t *weights = wr_arena_alloc(arena, found->n * sizeof(*weights));
    for (uint32_t k = 0; k < found->n; k++) {
        bool after = value_of(found->entries[k])->weight > 0;
        index[n] = found->rows[k];
        weights[n] = after ? 1 : -1;
        n += after != before[k];
    }
    settle(d, found);
    if (!n)
        return true;
    struct batch *out = wr_batch_gather(arena, batch, index, n);
    out->weights = weights;
    return wr_op_emit(d->op, out);
}

/* ---- rows kept */

static void add_rows(struct distinct *d, const struct batch *batch, const struct vmap_found *found)
{
    struct wr_arena *arena = &d->op->worker->arena;
    struct wr_pool *pool = d->op->worker->state_pool;
    char **rows = wr_arena_alloc(arena, batch->nrows * sizeof(*rows));
    uint32_t *sizes = wr_arena_alloc(arena, batch->nrows * sizeof(*sizes));
    wr_row_encode_all(arena, d->layout, batch, NULL, rows, sizes);
    for (uint32_t i = 0; i < batch->nrows; i++) {
        struct distinct_value *value = value_of(found->entries[found->of[i]]);
        value->weight += wr_weight(batch, i);
        if (d->append_only)
            wr_encodings_keep_smallest(&value->rows, pool, rows[i], sizes[i]);
        else
            wr_encodings_add(&value->rows, pool, rows[i], sizes[i], wr_weight(batch, i));
    }
}

static bool emit_rows(struct distinct *d, const char *const *rows, int64_t *weights, uint32_t n)
{
    for (uint32_t from = 0; from < n; from += BATCH_ROWS_MAX) {
        struct wr_arena *arena = &d->op->worker->arena;
        struct wr_mark mark = wr_arena_mark(arena);
        struct batch *out = wr_row_decode(arena, d->layout, rows + from, WR_MIN(n - from, BATCH_ROWS_MAX));
        out->weights = weights + from;
        bool ok = wr_op_emit(d->op, out);
        wr_arena_release(arena, mark);
        TRY(ok);
    }
    return true;
}

static bool step_rows(struct distinct *d, const struct batch *batch, const struct vmap_found *found)
{
    struct wr_arena *arena = &d->op->worker->arena;
    char **before = WR_NEW_ARRAY(arena, char *, found->n);
    uint32_t *lens = WR_NEW_ARRAY(arena, uint32_t, found->n), len, n = 0;
    for (uint32_t k = 0; k < found->n && !d->at_flush; k++) {
        const char *row = wr_encodings_first(value_of(found->entries[k])->rows, &lens[k]);
        if (row)
            before[k] = memcpy(wr_arena_bytes(arena, lens[k]), row, lens[k]);
    }
    add_rows(d, batch, found);
    const char **out = wr_arena_alloc(arena, 2 * found->n * sizeof(*out));
    int64_t *weights = wr_arena_alloc(arena, 2 * found->n * sizeof(*weights));
    for (uint32_t k = 0; k < found->n && !d->at_flush; k++) {
        const char *row = wr_encodings_first(value_of(found->entries[k])->rows, &len);
        if (row && before[k] && len == lens[k] && !memcmp(row, before[k], len))
            continue;
        if (before[k]) {
            out[n] = before[k];
            weights[n++] = -1;
        }
        if (row) {
            out[n] = row;
            weights[n++] = 1;
        }
    }
    bool ok = emit_rows(d, out, weights, n);
    settle(d, found);
    return ok;
}

static bool distinct_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct distinct *d = op->impl;
    struct worker *worker = op->worker;
    struct keys keys;
    struct vmap_found found;
    if (wr_vmap_must_seal(d->values))
        TRY(wr_vmap_seal(d->values, worker->commit, &worker->error));
    wr_keys_encode(&worker->arena, batch, d->key, op->plan->ncols, op->plan->ncols, &keys);
    TRY(wr_vmap_find(d->values, &worker->arena, &keys, NULL, &found, &worker->error));
    op->stats.touched += found.n;
    return d->keeps_rows ? step_rows(d, batch, &found) : step_weights(d, batch, &found);
}

/* ---- one-shot flush */

struct flushing {
    struct distinct *d;
    const char **rows;
    int64_t *weights;
    uint32_t n;
    bool ok;
};

static bool flush_value(void *context, struct vmap_entry *entry)
{
    struct flushing *f = context;
    uint32_t len;
    const char *row = wr_encodings_first(value_of(entry)->rows, &len);
    if (!row)
        return true;
    f->rows[f->n] = row;
    f->weights[f->n++] = 1;
    if (f->n < BATCH_ROWS_MAX)
        return true;
    f->ok = emit_rows(f->d, f->rows, f->weights, f->n);
    f->n = 0;
    return f->ok;
}

static bool distinct_flush(struct op *op)
{
    struct distinct *d = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    if (!d->at_flush)
        return true;
    struct flushing f = {d, wr_arena_alloc(arena, BATCH_ROWS_MAX * sizeof(char *)),
                         wr_arena_alloc(arena, BATCH_ROWS_MAX * sizeof(int64_t)), 0, true};
    wr_vmap_each(d->values, flush_value, &f);
    return f.ok && emit_rows(d, f.rows, f.weights, f.n);
}

/* ---- the rest of the class */

static bool distinct_seal(struct op *op, struct commit *commit)
{
    return wr_vmap_seal(((struct distinct *)op->impl)->values, commit, &op->worker->error);
}

static void distinct_relieve(struct op *op, int64_t bytes)
{
    wr_vmap_relieve(((struct distinct *)op->impl)->values, bytes);
}

static void distinct_stats(struct op *op, struct op_stats *stats)
{
    struct vmap_stats values;
    wr_vmap_stats(((struct distinct *)op->impl)->values, &values);
    stats->state_rows = values.entries;
    stats->state_bytes = values.bytes;
    stats->misses = values.misses;
}

static bool distinct_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    return wr_op_emit_frontier(op, frontier);
}

const struct op_class op_distinct = {
    .name = "distinct",
    .open = distinct_open,
    .step = distinct_step,
    .flush = distinct_flush,
    .advance = distinct_advance,
    .seal = distinct_seal,
    .relieve = distinct_relieve,
    .stats = distinct_stats,
    .close = distinct_close,
};
