/* Row key: gives a bag a key, for sinks that need one.
 *
 * SQL: CREATE SINK over a view without a provable key, FORMAT CHANGELOG.
 * Output: the input's columns, then `__key` (text: 128-bit hash of the row, hex) and `__ordinal` (bigint: which of the
 * equal rows, from 0). When a row's multiplicity goes from a to b, the ordinals between appear or disappear. State:
 * hash -> multiplicity (vmap, fixed 8 bytes). Cost: the delta. Order within a batch is irrelevant. */
#include "executor/relations.h"
#include "state/vmap.h"

#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct rowkey {
    struct row_layout *layout;
    struct vmap *map;
};

static bool rowkey_open(struct op *op, struct wr_error *err)
{
    struct rowkey *rk = wr_calloc(1, sizeof *rk);
    uint16_t n = op->plan->ncols - 2;
    struct type *types = WR_NEW_ARRAY(&op->dataflow->arena, struct type, n + 1);
    for (uint16_t c = 0; c < n; c++)
        types[c] = op->plan->cols[c].type;
    rk->layout = wr_row_layout_new(&op->dataflow->arena, types, n);
    struct vmap_options options = {
        .pool = op->worker->state_pool, .trace = wr_op_trace(op, 0, TRACE_UPSERT), .fixed_size = sizeof(int64_t)};
    rk->map = wr_vmap_new(&options);
    op->impl = rk;
    return true;
}

static void row_hashes(struct wr_arena *arena, char *const *rows, const uint32_t *sizes, uint32_t n, struct keys *keys)
{
    *keys = (struct keys){.n = n,
                          .bytes = wr_arena_bytes(arena, (size_t)n * 17),
                          .offsets = wr_arena_alloc(arena, sizeof(uint32_t) * (n + 1u)),
                          .hashes = wr_arena_alloc(arena, sizeof(uint64_t) * n)};
    for (uint32_t i = 0; i < n; i++) {
        XXH128_hash_t hash = XXH3_128bits_withSeed(rows[i], sizes[i], KEY_HASH_SEED);
        char *at = keys->bytes + (size_t)i * 17;
        at[0] = (char)wr_key_shard(hash.high64);
        wr_store_u64be(at + 1, hash.high64);
        wr_store_u64be(at + 9, hash.low64);
        keys->offsets[i] = i * 17;
        keys->hashes[i] = hash.high64;
    }
    keys->offsets[n] = n * 17;
}

/* Emit rows index[0..n) with their ordinals and weights. */
static bool emit_ordinals(struct op *op, const struct batch *batch, const struct keys *keys, const uint32_t *index,
                          int64_t *ordinals, int64_t *weights, uint32_t n)
{
    struct wr_arena *arena = &op->worker->arena;
    struct batch *rows = wr_batch_gather(arena, batch, index, n);
    struct column *cols = wr_arena_alloc(arena, sizeof *cols * op->plan->ncols);
    memcpy(cols, rows->cols, sizeof *cols * batch->ncols);
    struct column key = wr_column_new(arena, TYPE(TYPE_TEXT), n);
    for (uint32_t i = 0; i < n; i++) {
        char *hex = wr_arena_bytes(arena, 32);
        const uint8_t *bytes = (const uint8_t *)wr_key_at(keys, index[i]) + 1;
        for (int b = 0; b < 16; b++) {
            hex[2 * b] = "0123456789abcdef"[bytes[b] >> 4];
            hex[2 * b + 1] = "0123456789abcdef"[bytes[b] & 15];
        }
        key.str[i] = wr_str(hex, 32);
    }
    cols[batch->ncols] = key;
    cols[batch->ncols + 1] = (struct column){.type = TYPE(TYPE_INT8), .i64 = ordinals};
    struct batch out = {n, op->plan->ncols, cols, weights};
    return wr_op_emit(op, &out);
}

static bool rowkey_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct rowkey *rk = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    char **rows = wr_arena_alloc(arena, sizeof *rows * batch->nrows);
    uint32_t *sizes = wr_arena_alloc(arena, sizeof *sizes * batch->nrows);
    wr_row_encode_all(arena, rk->layout, batch, NULL, rows, sizes);
    struct keys keys;
    row_hashes(arena, rows, sizes, batch->nrows, &keys);
    struct vmap_found found;
    TRY(wr_vmap_find(rk->map, arena, &keys, NULL, &found, &op->worker->error));
    op->stats.touched += found.n;
    uint32_t *index = wr_arena_alloc(arena, sizeof *index * BATCH_ROWS_MAX);
    int64_t *ordinals = wr_arena_alloc(arena, sizeof *ordinals * BATCH_ROWS_MAX);
    int64_t *weights = wr_arena_alloc(arena, sizeof *weights * BATCH_ROWS_MAX);
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch->nrows; i++) {
        struct vmap_entry *entry = found.entries[found.of[i]];
        int64_t *count = wr_vmap_fixed(entry);
        int64_t from = *count, to = from + wr_weight(batch, i);
        wr_vmap_touch(rk->map, entry);
        *count = to;
        int64_t step = to > from ? 1 : -1;
        for (int64_t at = from; at != to; at += step) {
            int64_t ordinal = step > 0 ? at : at - 1;
            if (ordinal < 0)
                continue; /* a retraction before its row: passes when the row comes */
            index[n] = i;
            ordinals[n] = ordinal;
            weights[n++] = step;
            if (n == BATCH_ROWS_MAX) {
                TRY(emit_ordinals(op, batch, &keys, index, ordinals, weights, n));
                n = 0;
            }
        }
    }
    if (n)
        TRY(emit_ordinals(op, batch, &keys, index, ordinals, weights, n));
    for (uint32_t d = 0; d < found.n; d++)
        if (*(int64_t *)wr_vmap_fixed(found.entries[d]) == 0)
            wr_vmap_delete(rk->map, found.entries[d]);
    wr_vmap_reclaim(rk->map);
    return true;
}

static bool rowkey_seal(struct op *op, struct commit *commit)
{
    struct rowkey *rk = op->impl;
    return wr_vmap_seal(rk->map, commit, &op->worker->error);
}

static void rowkey_relieve(struct op *op, int64_t bytes)
{
    struct rowkey *rk = op->impl;
    wr_vmap_relieve(rk->map, bytes);
}

static void rowkey_stats(struct op *op, struct op_stats *stats)
{
    struct rowkey *rk = op->impl;
    struct vmap_stats map;
    wr_vmap_stats(rk->map, &map);
    stats->state_rows = map.entries;
    stats->state_bytes = map.bytes;
    stats->misses = map.misses;
}

static void rowkey_close(struct op *op)
{
    struct rowkey *rk = op->impl;
    wr_vmap_free(rk->map);
    free(rk);
}

const struct op_class op_rowkey = {.name = "rowkey",
                                   .open = rowkey_open,
                                   .step = rowkey_step,
                                   .seal = rowkey_seal,
                                   .relieve = rowkey_relieve,
                                   .stats = rowkey_stats,
                                   .close = rowkey_close};
