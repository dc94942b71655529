/* Materialize: the contents of a view (or a system relation) in a trace that readers scan.
 *
 * SQL: CREATE MATERIALIZED VIEW. Input = output: the view's delta, passed on to views and sinks over it.
 * State: one TRACE_ZSET, key = shard and the view's key columns (a bag: a hash of the row), payload = the row. It is
 * only written: readers see it through snapshots, other views get the delta by push. Cost: the delta, once per commit.
 * State table number: the one behind the plan's own (see wr_materialize_state). */
#include "executor/relations.h"

#include "state/change_log.h"

/* Changes are sealed early when a commit collects more than this. */
#define CHANGES_BYTES_MAX ((int64_t)16 << 20)

struct materialize {
    const struct relation *relation;
    struct trace *trace;
    struct change_log changes;
};

void wr_relation_keys(struct wr_arena *arena, const struct relation *relation, const struct batch *batch,
                      char *const *rows, const uint32_t *sizes, struct keys *keys)
{
    if (relation->nkey || relation->single_row) {
        wr_keys_encode(arena, batch, relation->key, relation->nkey, relation->nkey, keys);
        return;
    }
    uint32_t n = batch->nrows;
    *keys = (struct keys){.n = n,
                          .bytes = wr_arena_bytes(arena, (size_t)n * 9),
                          .offsets = wr_arena_alloc(arena, sizeof(uint32_t) * (n + 1u)),
                          .hashes = wr_arena_alloc(arena, sizeof(uint64_t) * n)};
    for (uint32_t i = 0; i < n; i++) {
        uint64_t hash = wr_key_hash(rows[i], sizes[i]);
        keys->offsets[i] = i * 9;
        keys->hashes[i] = hash;
        keys->bytes[(size_t)i * 9] = (char)wr_key_shard(hash);
        wr_store_u64be(keys->bytes + (size_t)i * 9 + 1, hash);
    }
    keys->offsets[n] = n * 9;
}

static bool materialize_open(struct op *op, struct wr_error *err)
{
    const struct relation *relation = op->impl;
    struct materialize *m = wr_calloc(1, sizeof *m);
    m->relation = relation;
    m->trace = wr_relation_trace(op->worker, relation);
    wr_change_log_init(&m->changes, op->worker->state_pool);
    op->impl = m;
    return true;
}

static bool materialize_seal(struct op *op, struct commit *commit)
{
    struct materialize *m = op->impl;
    return wr_change_log_seal(&m->changes, m->trace, commit, &op->worker->error);
}

static bool materialize_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    return wr_op_emit_frontier(op, frontier);
}

static bool materialize_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct materialize *m = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    char **rows = wr_arena_alloc(arena, sizeof *rows * batch->nrows);
    uint32_t *sizes = wr_arena_alloc(arena, sizeof *sizes * batch->nrows);
    wr_row_encode_all(arena, m->relation->layout, batch, NULL, rows, sizes);
    struct keys keys;
    wr_relation_keys(arena, m->relation, batch, rows, sizes, &keys);
    wr_change_log_add_batch(&m->changes, &keys, rows, sizes, batch);
    op->stats.touched += batch->nrows;
    if (m->changes.bytes > CHANGES_BYTES_MAX)
        TRY(materialize_seal(op, op->worker->commit));
    return wr_op_emit(op, batch);
}

static void materialize_relieve(struct op *op, int64_t bytes)
{
    /* all it holds is dirty, and was sealed before this call */
}

static void materialize_stats(struct op *op, struct op_stats *stats)
{
    struct materialize *m = op->impl;
    stats->state_rows = m->changes.n;
    stats->state_bytes = m->changes.bytes;
}

static void materialize_close(struct op *op)
{
    struct materialize *m = op->impl;
    wr_change_log_clear(&m->changes);
    free(m);
}

const struct op_class op_materialize = {.name = "materialize",
                                        .open = materialize_open,
                                        .step = materialize_step,
                                        .advance = materialize_advance,
                                        .seal = materialize_seal,
                                        .relieve = materialize_relieve,
                                        .stats = materialize_stats,
                                        .close = materialize_close};
