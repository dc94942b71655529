/* GROUP BY and global aggregates: taking rows in. Structure: op_aggregate.h; emitting: op_aggregate_flush.c.
 *
 * SQL: SELECT g, agg(x) FILTER (WHERE c), agg(DISTINCT x) ... GROUP BY g. Rule: per changed group -old row, +new row,
 * if their bytes differ. State: one vmap for the groups; beside it what op_aggregate.h names. Cost: one lookup per
 * distinct group of a chunk, one output per changed group of an epoch. Retraction: a row of weight w counts w times;
 * min and max keep their values in order. A group goes when its rows sum to zero. NULLs group together; the values
 * shown for a group are its smallest live encoding. An error of a result (overflow) belongs to the output row: reported
 * with +1, taken back with -1. */
#include "executor/op_aggregate.h"

#include <stdlib.h>

#include "executor/encodings.h"

/* More changed groups than this are emitted before the epoch ends: an epoch may be larger than memory. */
#define CHANGED_MAX (1u << 17)

/* ---- what values own */

int64_t wr_agg_heap(const struct aggregate *a, const void *value)
{
    int64_t bytes = 0;
    for (uint16_t i = 0; i < a->nowners; i++)
        bytes += agg_spec(a, a->owners[i])->agg->heap((const char *)value + a->offsets[a->owners[i]]);
    return bytes;
}

void wr_agg_charge_heap(struct aggregate *a, int64_t bytes)
{
    if (!bytes)
        return;
    a->heap_bytes += bytes;
    wr_pool_charge(a->op->worker->state_pool, bytes);
}

/* Of the groups that the chunk touches. */
static int64_t chunk_heap(const struct aggregate *a, const struct agg_chunk *chunk)
{
    int64_t bytes = 0;
    for (uint32_t d = 0; a->nowners && d < chunk->found.n; d++)
        bytes += wr_agg_heap(a, agg_group(chunk->found.entries[d]));
    return bytes;
}

void wr_agg_value_fini(struct aggregate *a, void *value)
{
    wr_encodings_free(&((struct agg_group *)value)->encodings, a->op->worker->state_pool);
    wr_agg_charge_heap(a, -wr_agg_heap(a, value));
    for (uint16_t i = 0; i < a->nowners; i++)
        agg_spec(a, a->owners[i])->agg->fini(agg_state(a, value, a->owners[i]));
}

/* ---- codec of the group's value */

static void value_init(void *context, void *value)
{
    struct aggregate *a = context;
    for (uint16_t i = 0; i < a->naggs; i++)
        if (agg_spec(a, i)->agg->init)
            agg_spec(a, i)->agg->init(agg_state(a, value, i));
}

static void value_fini(void *context, void *value)
{
    wr_agg_value_fini(context, value);
}

static void value_encode(void *context, const void *value, struct wr_buf *buf)
{
    struct aggregate *a = context;
    const struct agg_group *group = value;
    wr_buf_varint(buf, (uint64_t)group->rows << 1 ^ (uint64_t)(group->rows >> 63));
    wr_buf_byte(buf, group->emitted);
    if (!a->identity)
        wr_encodings_encode(group->encodings, buf);
    for (uint16_t i = 0; i < a->naggs; i++)
        agg_spec(a, i)->agg->encode((const char *)value + a->offsets[i], buf);
}

static bool value_decode(void *context, void *value, const char *bytes, uint32_t len)
{
    struct aggregate *a = context;
    struct agg_group *group = value;
    struct wr_reader reader = wr_reader_of(bytes, len);
    uint64_t rows = wr_get_varint(&reader);
    group->rows = (int64_t)(rows >> 1) ^ -(int64_t)(rows & 1);
    group->emitted = wr_get_byte(&reader) != 0;
    if (!a->identity)
        TRY(wr_encodings_decode(&group->encodings, a->op->worker->state_pool, &reader));
    bool ok = true;
    for (uint16_t i = 0; i < a->naggs && ok; i++)
        ok = agg_spec(a, i)->agg->decode(agg_state(a, value, i), &reader);
    wr_agg_charge_heap(a, wr_agg_heap(a, value));
    return ok && reader.ok && reader.at == reader.end;
}

/* A copy that outlives the change of the original, until the flush. */
static char *value_copy(struct aggregate *a, const char *value)
{
    char *copy = wr_arena_alloc(&a->epoch, a->value_size);
    memcpy(copy, value, a->value_size);
    ((struct agg_group *)copy)->encodings = NULL;
    struct wr_buf buf = WR_BUF_INIT;
    for (uint16_t i = 0; i < a->nowners; i++) {
        uint16_t owner = a->owners[i];
        const struct agg *agg = agg_spec(a, owner)->agg;
        buf.len = 0;
        agg->encode(value + a->offsets[owner], &buf);
        struct wr_reader reader = wr_reader_of(buf.data, buf.len);
        agg->init(agg_state(a, copy, owner));
        bool ok = agg->decode(agg_state(a, copy, owner), &reader);
        (void)ok; /* it has just been encoded */
    }
    wr_buf_free(&buf);
    wr_agg_charge_heap(a, wr_agg_heap(a, copy));
    return copy;
}

/* ---- open, close */

static void lay_out(struct aggregate *a, struct wr_arena *arena)
{
    const struct plan *plan = a->op->plan;
    const struct plan_column *in = plan->inputs[0]->cols;
    struct type *types = WR_NEW_ARRAY(arena, struct type, WR_MAX(a->ngroup, 1));
    a->key = WR_NEW_ARRAY(arena, struct key_column, WR_MAX(a->ngroup, 1));
    a->identity = true;
    for (uint16_t i = 0; i < a->ngroup; i++) {
        types[i] = in[plan->aggregate.group[i]].type;
        a->key[i].column = plan->aggregate.group[i];
        a->identity &= wr_type_info(types[i].id)->equality_is_identity;
    }
    a->group_layout = wr_row_layout_new(arena, types, a->ngroup);
    a->offsets = WR_NEW_ARRAY(arena, uint32_t, WR_MAX(a->naggs, 1));
    a->plain = WR_NEW_ARRAY(arena, bool, WR_MAX(a->naggs, 1));
    a->owners = WR_NEW_ARRAY(arena, uint16_t, WR_MAX(a->naggs, 1));
    uint32_t at = sizeof(struct agg_group);
    for (uint16_t i = 0; i < a->naggs; i++) {
        const struct plan_agg *spec = agg_spec(a, i);
        a->offsets[i] = at;
        at += (spec->agg->state_size + 7) & ~7u;
        if (spec->agg->fini)
            a->owners[a->nowners++] = i;
        a->plain[i] = wr_plan_agg_keeps(plan, i) == AGG_KEEPS_NOTHING;
    }
    a->value_size = at;
}

static bool aggregate_open(struct op *op, struct wr_error *err)
{
    struct wr_arena *arena = &op->dataflow->arena;
    struct aggregate *a = WR_NEW(arena, struct aggregate);
    const struct plan *plan = op->plan;
    op->impl = a;
    a->op = op;
    a->ngroup = plan->aggregate.ngroup;
    a->naggs = plan->aggregate.naggs;
    a->global = !a->ngroup && !plan->aggregate.grouped && op->worker->index == 0;
    a->append_only = plan->inputs[0]->props.append_only;
    wr_arena_init(&a->epoch, op->worker->state_pool);
    lay_out(a, arena);
    a->groups = wr_vmap_new(&(struct vmap_options){.pool = op->worker->state_pool,
                                                   .trace = wr_op_trace(op, 0, TRACE_UPSERT),
                                                   .fixed_size = a->value_size,
                                                   .context = a,
                                                   .init = value_init,
                                                   .fini = value_fini,
                                                   .encode = value_encode,
                                                   .decode = value_decode});
    uint16_t *states = WR_NEW_ARRAY(arena, uint16_t, WR_MAX(a->naggs, 1));
    uint16_t ndistinct = wr_plan_agg_states(plan, states);
    wr_agg_distinct_open(a, states, ndistinct);
    wr_agg_extreme_open(a, states);
    return true;
}

static void aggregate_close(struct op *op)
{
    struct aggregate *a = op->impl;
    for (uint32_t k = 0; k < a->nchanged; k++)
        if (a->changed[k].old)
            wr_agg_value_fini(a, a->changed[k].old);
    wr_vmap_free(a->groups);
    wr_agg_distinct_close(a);
    wr_agg_extreme_close(a);
    wr_pool_charge(op->worker->state_pool, -(int64_t)a->changed_cap * (int64_t)sizeof(*a->changed));
    free(a->changed);
    wr_arena_reset(&a->epoch);
}

/* ---- rows in */

uint32_t wr_agg_select(struct wr_arena *arena, const struct batch *batch, int32_t arg, int32_t filter, uint32_t **rows)
{
    const struct column *value = arg >= 0 ? &batch->cols[arg] : NULL;
    const struct column *keep = filter >= 0 ? &batch->cols[filter] : NULL;
    uint32_t n = 0;
    *rows = wr_arena_alloc(arena, batch->nrows * sizeof(**rows));
    for (uint32_t i = 0; i < batch->nrows; i++) {
        (*rows)[n] = i;
        n += !(value && wr_is_null(value, i)) && !(keep && (wr_is_null(keep, i) || !keep->b[i]));
    }
    return n;
}

static void remember_changed(struct aggregate *a, struct vmap_entry *entry)
{
    struct agg_group *group = agg_group(entry);
    if (a->nchanged == a->changed_cap) {
        uint32_t cap = WR_MAX(64u, a->changed_cap * 2);
        wr_pool_charge(a->op->worker->state_pool, (int64_t)(cap - a->changed_cap) * (int64_t)sizeof(*a->changed));
        a->changed = wr_realloc(a->changed, (size_t)cap * sizeof(*a->changed));
        a->changed_cap = cap;
    }
    struct agg_changed *changed = &a->changed[a->nchanged++];
    *changed = (struct agg_changed){.entry = entry};
    group->changed = a->nchanged;
    if (group->emitted)
        changed->old = value_copy(a, (const char *)group);
    if (!a->identity) {
        uint32_t len;
        const char *first = group->emitted ? wr_encodings_first(group->encodings, &len) : NULL;
        if (first)
            changed->old_group = memcpy(wr_arena_bytes(&a->epoch, len), first, len);
    }
}

/* Put the chunk's groups on the list of changed ones; first[d] = row whose group columns are to be remembered. */
static void mark_groups(struct aggregate *a, const struct agg_chunk *chunk)
{
    struct wr_arena *arena = &a->op->worker->arena;
    const struct vmap_found *found = &chunk->found;
    uint32_t from = a->nchanged;
    for (uint32_t d = 0; d < found->n; d++) {
        wr_vmap_touch(a->groups, found->entries[d]);
        if (!agg_group(found->entries[d])->changed)
            remember_changed(a, found->entries[d]);
    }
    if (!a->identity || a->nchanged == from)
        return;
    uint32_t *sizes = wr_arena_alloc(arena, chunk->batch->nrows * sizeof(*sizes));
    char **to = WR_NEW_ARRAY(arena, char *, chunk->batch->nrows);
    wr_row_sizes(a->group_layout, chunk->batch, a->op->plan->aggregate.group, sizes);
    for (uint32_t d = 0; d < found->n; d++) {
        uint32_t k = agg_group(found->entries[d])->changed - 1, row = found->rows[d];
        if (k < from)
            continue;
        to[row] = wr_arena_bytes(&a->epoch, sizes[row]);
        a->changed[k].old_group = a->changed[k].new_group = to[row];
    }
    wr_row_encode(a->group_layout, chunk->batch, a->op->plan->aggregate.group, to);
}

static void add_encodings(struct aggregate *a, const struct agg_chunk *chunk)
{
    struct wr_arena *arena = &a->op->worker->arena;
    struct wr_pool *pool = a->op->worker->state_pool;
    uint32_t n = chunk->batch->nrows;
    uint32_t *sizes = wr_arena_alloc(arena, n * sizeof(*sizes));
    char **rows = wr_arena_alloc(arena, n * sizeof(*rows));
    wr_row_encode_all(arena, a->group_layout, chunk->batch, a->op->plan->aggregate.group, rows, sizes);
    for (uint32_t i = 0; i < n; i++) {
        struct agg_group *group = (struct agg_group *)chunk->values[i];
        if (a->append_only)
            wr_encodings_keep_smallest(&group->encodings, pool, rows[i], sizes[i]);
        else
            wr_encodings_add(&group->encodings, pool, rows[i], sizes[i], chunk->weights[i]);
    }
}

static void add_plain(struct aggregate *a, const struct agg_chunk *chunk)
{
    struct wr_arena *arena = &a->op->worker->arena;
    uint32_t n = chunk->batch->nrows;
    void **states = wr_arena_alloc(arena, n * sizeof(*states));
    for (uint16_t i = 0; i < a->naggs; i++) {
        if (!a->plain[i])
            continue;
        const struct plan_agg *spec = agg_spec(a, i);
        const struct column *arg = spec->arg >= 0 ? &chunk->batch->cols[spec->arg] : NULL;
        uint32_t offset = a->offsets[i];
        if (spec->filter < 0) {
            for (uint32_t r = 0; r < n; r++)
                states[r] = chunk->values[r] + offset;
            spec->agg->add(states, arg, NULL, chunk->weights, n);
            continue;
        }
        uint32_t *rows;
        uint32_t kept = wr_agg_select(arena, chunk->batch, -1, spec->filter, &rows);
        int64_t *weights = wr_arena_alloc(arena, n * sizeof(*weights));
        for (uint32_t k = 0; k < kept; k++) {
            states[k] = chunk->values[rows[k]] + offset;
            weights[k] = chunk->weights[rows[k]];
        }
        spec->agg->add(states, arg, rows, weights, kept);
    }
}

static void resolve_rows(struct aggregate *a, struct agg_chunk *chunk)
{
    struct wr_arena *arena = &a->op->worker->arena;
    uint32_t n = chunk->batch->nrows;
    chunk->values = wr_arena_alloc(arena, n * sizeof(*chunk->values));
    chunk->weights = chunk->batch->weights;
    if (!chunk->weights) {
        chunk->weights = wr_arena_alloc(arena, n * sizeof(*chunk->weights));
        for (uint32_t i = 0; i < n; i++)
            chunk->weights[i] = 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct agg_group *group = agg_group(chunk->found.entries[chunk->found.of[i]]);
        group->rows += chunk->weights[i];
        chunk->values[i] = (char *)group;
    }
}

/* A group that goes takes what it owns with it: of the map's own bytes the fewer are asked for. */
static int64_t relieve_groups(struct aggregate *a, int64_t bytes)
{
    struct vmap_stats stats;
    wr_vmap_stats(a->groups, &stats);
    int64_t heap = a->heap_bytes;
    double share = (double)stats.bytes / (double)(stats.bytes + heap + 1);
    int64_t freed = wr_vmap_relieve(a->groups, (int64_t)((double)bytes * share) + 1);
    return freed + heap - a->heap_bytes;
}

static void relieve_now(struct aggregate *a, int64_t bytes)
{
    bytes -= relieve_groups(a, bytes);
    for (uint16_t i = 0; i < a->ndistinct && bytes > 0; i++)
        bytes -= wr_vmap_relieve(a->distinct[i].values, bytes);
    for (uint16_t i = 0; i < a->nextreme && bytes > 0; i++)
        bytes -= wr_ordered_relieve(a->extreme[i].values, bytes);
}

static bool aggregate_seal(struct op *op, struct commit *commit)
{
    struct aggregate *a = op->impl;
    struct wr_error *err = &op->worker->error;
    TRY(wr_vmap_seal(a->groups, commit, err));
    for (uint16_t i = 0; i < a->ndistinct; i++)
        TRY(wr_vmap_seal(a->distinct[i].values, commit, err));
    for (uint16_t i = 0; i < a->nextreme; i++)
        TRY(wr_ordered_seal(a->extreme[i].values, commit, err));
    return true;
}

static bool must_seal(const struct aggregate *a)
{
    bool must = wr_vmap_must_seal(a->groups);
    for (uint16_t i = 0; i < a->ndistinct; i++)
        must |= wr_vmap_must_seal(a->distinct[i].values);
    return must;
}

/* Too many changed groups, or memory is wanted back: say what has changed so far. */
static bool make_room(struct aggregate *a)
{
    struct worker *worker = a->op->worker;
    if (worker->one_shot)
        return true;
    if (must_seal(a))
        TRY(aggregate_seal(a->op, worker->commit));
    if (a->nchanged < CHANGED_MAX && !a->relieve_bytes)
        return true;
    TRY(wr_agg_flush(a, false));
    if (a->relieve_bytes) {
        TRY(aggregate_seal(a->op, worker->commit));
        relieve_now(a, a->relieve_bytes);
        a->relieve_bytes = 0;
    }
    return true;
}

static bool aggregate_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct aggregate *a = op->impl;
    struct worker *worker = op->worker;
    struct agg_chunk chunk = {.batch = batch};
    TRY(make_room(a));
    wr_keys_encode(&worker->arena, batch, a->key, a->ngroup, a->ngroup, &chunk.keys);
    TRY(wr_vmap_find(a->groups, &worker->arena, &chunk.keys, NULL, &chunk.found, &worker->error));
    op->stats.touched += chunk.found.n;
    int64_t heap = chunk_heap(a, &chunk);
    mark_groups(a, &chunk);
    resolve_rows(a, &chunk);
    if (!a->identity)
        add_encodings(a, &chunk);
    add_plain(a, &chunk);
    bool ok = wr_agg_distinct_step(a, &chunk);
    wr_agg_charge_heap(a, chunk_heap(a, &chunk) - heap);
    return ok && wr_agg_extreme_step(a, &chunk);
}

/* ---- the rest of the class */

/* A global aggregate has a row before any input has come. */
static bool greet(struct aggregate *a)
{
    static const char key[1] = {0};
    struct worker *worker = a->op->worker;
    struct keys keys = {.n = 1, .bytes = (char *)key, .offsets = (uint32_t[]){0, 1}};
    struct vmap_found found;
    TRY(wr_vmap_find(a->groups, &worker->arena, &keys, NULL, &found, &worker->error));
    struct agg_group *group = agg_group(found.entries[0]);
    if (!group->emitted && !group->changed) {
        wr_vmap_touch(a->groups, found.entries[0]);
        remember_changed(a, found.entries[0]);
    }
    a->greeted = true;
    return true;
}

static bool aggregate_flush(struct op *op)
{
    struct aggregate *a = op->impl;
    if (a->global && !a->greeted)
        TRY(greet(a));
    return wr_agg_flush(a, true);
}

static void aggregate_relieve(struct op *op, int64_t bytes)
{
    struct aggregate *a = op->impl;
    if (a->nchanged)
        a->relieve_bytes = bytes;
    else
        relieve_now(a, bytes);
}

static void aggregate_stats(struct op *op, struct op_stats *stats)
{
    const struct aggregate *a = op->impl;
    struct vmap_stats groups;
    wr_vmap_stats(a->groups, &groups);
    stats->state_rows = groups.entries;
    stats->state_bytes = groups.bytes + a->heap_bytes;
    stats->misses = groups.misses;
    for (uint16_t i = 0; i < a->ndistinct; i++) {
        wr_vmap_stats(a->distinct[i].values, &groups);
        stats->state_rows += groups.entries;
        stats->state_bytes += groups.bytes;
        stats->misses += groups.misses;
    }
    for (uint16_t i = 0; i < a->nextreme; i++) {
        struct ordered_stats values;
        wr_ordered_stats(a->extreme[i].values, &values);
        stats->state_rows += values.groups;
        stats->state_bytes += values.bytes;
        stats->misses += values.misses;
    }
}

/* Groups below it change no more. */
static bool aggregate_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    return wr_op_emit_frontier_of(op, frontier, op->plan->aggregate.group, op->plan->aggregate.ngroup);
}

const struct op_class op_aggregate = {
    .name = "aggregate",
    .open = aggregate_open,
    .step = aggregate_step,
    .flush = aggregate_flush,
    .advance = aggregate_advance,
    .seal = aggregate_seal,
    .relieve = aggregate_relieve,
    .stats = aggregate_stats,
    .close = aggregate_close,
};
