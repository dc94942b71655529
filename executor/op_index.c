/* Index: the rows of a table or view by some of their columns, kept once for all who look them up by those.
 *
 * SQL: CREATE INDEX i ON t (a) INCLUDE (b). Input = output: the relation's delta. State: key -> rows, in a multimap
 * over the relation's own TRACE_ZSET. Cost: the delta. Joins whose key is the index's read it instead of keeping a copy
 * (op_join_table.c says how they see changes at the right moment); SELECT finds rows by it in the trace. */
#include "executor/join.h"
#include "executor/relations.h"

struct index {
    const struct relation *relation;
    struct multimap *map;
    bool ahead;       /* a delta is being handed out */
    uint32_t readers; /* joins that look at rows: they must stay where they are */
};

static bool index_open(struct op *op, struct wr_error *err)
{
    const struct relation *relation = op->impl;
    struct index *index = wr_calloc(1, sizeof *index);
    index->relation = relation;
    index->map = wr_multimap_new(op->worker->state_pool, wr_relation_trace(op->worker, relation), false,
                                 wr_join_huge(op->worker));
    op->impl = index;
    return true;
}

static void index_close(struct op *op)
{
    struct index *index = op->impl;
    wr_multimap_free(index->map);
    free(index);
}

static bool index_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct index *index = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    uint32_t n = batch->nrows;
    struct keys keys;
    wr_keys_encode(arena, batch, index->relation->key, index->relation->nkey, index->relation->nkey, &keys);
    struct multimap_group **groups = wr_arena_alloc(arena, n * sizeof(struct multimap_group *));
    uint32_t *sizes = wr_arena_alloc(arena, n * sizeof *sizes);
    char **to = wr_arena_alloc(arena, n * sizeof *to);
    wr_row_sizes(index->relation->layout, batch, NULL, sizes);
    wr_multimap_find_or_add(index->map, &keys, NULL, sizes, groups);
    wr_multimap_insert(index->map, arena, groups, n, sizes, batch->weights, to);
    wr_row_encode(index->relation->layout, batch, NULL, to);
    op->stats.touched += n;
    index->ahead = true;
    bool ok = wr_op_emit(op, batch);
    index->ahead = false;
    return ok;
}

static bool index_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    return wr_op_emit_frontier(op, frontier);
}

static bool index_seal(struct op *op, struct commit *commit)
{
    struct index *index = op->impl;
    return wr_multimap_seal(index->map, &op->worker->arena, commit, &op->worker->error);
}

static void index_relieve(struct op *op, int64_t bytes)
{
    struct index *index = op->impl; /* sealed before this call */
    wr_multimap_evict(index->map, bytes);
}

static void index_stats(struct op *op, struct op_stats *stats)
{
    struct index *index = op->impl;
    struct multimap_stats map;
    wr_multimap_stats(index->map, &map);
    stats->state_rows = map.entries;
    stats->state_bytes = map.bytes;
    stats->misses = map.loads;
}

struct multimap *wr_index_map(const struct op *op)
{
    return ((const struct index *)op->impl)->map;
}

const struct relation *wr_index_relation(const struct op *op)
{
    return ((const struct index *)op->impl)->relation;
}

bool wr_index_is_ahead(const struct op *op)
{
    return ((const struct index *)op->impl)->ahead;
}

bool wr_index_enter(struct op *op)
{
    struct index *index = op->impl;
    if (!index->readers)
        TRY(wr_op_relieve(op));
    index->readers++;
    return true;
}

void wr_index_leave(struct op *op)
{
    ((struct index *)op->impl)->readers--;
}

bool wr_index_may_move(const struct op *op)
{
    return ((const struct index *)op->impl)->readers == 1;
}

const struct op_class op_index = {.name = "index",
                                  .open = index_open,
                                  .step = index_step,
                                  .advance = index_advance,
                                  .seal = index_seal,
                                  .relieve = index_relieve,
                                  .stats = index_stats,
                                  .close = index_close};
