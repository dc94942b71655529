/* DISTINCT aggregates: one table (group, value) -> counts for all of them over the same argument. A value is fed to the
 * accumulators with weight +1 when the count of its FILTER variant leaves zero, -1 when it reaches zero. Where SQL
 * equality is not identity, what is fed is the smallest live encoding of the value, fed anew when that changes. */
#include "executor/op_aggregate.h"

#include <stdlib.h>

#include "executor/encodings.h"

/* The map's value: per variant a slot. */
struct distinct_slot {
    int64_t count;
    char *encodings; /* NULL if equality is identity */
};

/* ---- codec */

static void slots_fini(void *context, void *value)
{
    struct agg_distinct *d = context;
    struct distinct_slot *slots = value;
    for (uint16_t v = 0; v < d->nvariants; v++)
        wr_encodings_free(&slots[v].encodings, d->pool);
}

static void slots_encode(void *context, const void *value, struct wr_buf *buf)
{
    struct agg_distinct *d = context;
    const struct distinct_slot *slots = value;
    for (uint16_t v = 0; v < d->nvariants; v++) {
        wr_buf_varint(buf, (uint64_t)slots[v].count << 1 ^ (uint64_t)(slots[v].count >> 63));
        if (!d->identity)
            wr_encodings_encode(slots[v].encodings, buf);
    }
}

static bool slots_decode(void *context, void *value, const char *bytes, uint32_t len)
{
    struct agg_distinct *d = context;
    struct distinct_slot *slots = value;
    struct wr_reader reader = wr_reader_of(bytes, len);
    for (uint16_t v = 0; v < d->nvariants; v++) {
        uint64_t count = wr_get_varint(&reader);
        slots[v].count = (int64_t)(count >> 1) ^ -(int64_t)(count & 1);
        if (!d->identity)
            TRY(wr_encodings_decode(&slots[v].encodings, d->pool, &reader));
    }
    return reader.ok && reader.at == reader.end;
}

/* ---- open */

static void add_variant(struct aggregate *a, struct agg_distinct *d, uint16_t agg)
{
    struct wr_arena *arena = &a->op->dataflow->arena;
    int32_t filter = agg_spec(a, agg)->filter;
    uint16_t v = 0;
    while (v < d->nvariants && d->variants[v].filter != filter)
        v++;
    if (v == d->nvariants) {
        d->variants[v] = (struct agg_variant){.filter = filter, .aggs = WR_NEW_ARRAY(arena, uint16_t, a->naggs)};
        d->nvariants++;
    }
    d->variants[v].aggs[d->variants[v].naggs++] = agg;
}

static void distinct_init(struct aggregate *a, struct agg_distinct *d, int32_t arg)
{
    struct wr_arena *arena = &a->op->dataflow->arena;
    struct type type = a->op->plan->inputs[0]->cols[arg].type;
    d->arg = arg;
    d->pool = a->op->worker->state_pool;
    d->identity = wr_type_info(type.id)->equality_is_identity;
    d->variants = WR_NEW_ARRAY(arena, struct agg_variant, a->naggs);
    d->layout = wr_row_layout_new(arena, &type, 1);
    d->key = WR_NEW_ARRAY(arena, struct key_column, a->ngroup + 1u);
    memcpy(d->key, a->key, a->ngroup * sizeof(*d->key));
    d->key[a->ngroup].column = (uint16_t)arg;
}

void wr_agg_distinct_open(struct aggregate *a, const uint16_t *states, uint16_t n)
{
    a->ndistinct = n;
    a->distinct = WR_NEW_ARRAY(&a->op->dataflow->arena, struct agg_distinct, WR_MAX(n, 1));
    for (uint16_t i = 0; i < a->naggs; i++) {
        if (!states[i] || states[i] > n)
            continue;
        struct agg_distinct *d = &a->distinct[states[i] - 1];
        if (!d->variants)
            distinct_init(a, d, agg_spec(a, i)->arg);
        add_variant(a, d, i);
    }
    for (uint16_t i = 0; i < n; i++) {
        struct agg_distinct *d = &a->distinct[i];
        d->values =
            wr_vmap_new(&(struct vmap_options){.pool = a->op->worker->state_pool,
                                               .trace = wr_op_trace(a->op, i + 1u, TRACE_UPSERT),
                                               .fixed_size = d->nvariants * (uint32_t)sizeof(struct distinct_slot),
                                               .context = d,
                                               .fini = d->identity ? NULL : slots_fini,
                                               .encode = slots_encode,
                                               .decode = slots_decode});
    }
}

void wr_agg_distinct_close(struct aggregate *a)
{
    for (uint16_t i = 0; i < a->ndistinct; i++)
        wr_vmap_free(a->distinct[i].values);
}

/* ---- rows in */

/* What is to be fed to one variant's aggregates: values as rows of the argument, or rows of the batch. */
struct feed {
    char **groups;     /* group values */
    uint32_t *rows;    /* identity: batch rows */
    const char **vals; /* else: encodings */
    int64_t *weights;
    uint32_t n;
};

static void feed_variant(struct aggregate *a, struct agg_distinct *d, const struct agg_variant *variant,
                         const struct agg_chunk *chunk, const struct feed *feed)
{
    struct wr_arena *arena = &a->op->worker->arena;
    struct column decoded;
    const struct column *column = &chunk->batch->cols[d->arg];
    if (!feed->n)
        return;
    if (!d->identity) {
        wr_row_decode_column(arena, d->layout, 0, feed->vals, feed->n, &decoded);
        column = &decoded;
    }
    void **states = wr_arena_alloc(arena, feed->n * sizeof(*states));
    for (uint16_t i = 0; i < variant->naggs; i++) {
        for (uint32_t k = 0; k < feed->n; k++)
            states[k] = feed->groups[k] + a->offsets[variant->aggs[i]];
        agg_spec(a, variant->aggs[i])
            ->agg->add(states, column, d->identity ? feed->rows : NULL, feed->weights, feed->n);
    }
}

static struct feed feed_new(struct wr_arena *arena, uint32_t n)
{
    return (struct feed){.groups = wr_arena_alloc(arena, n * sizeof(char *)),
                         .rows = wr_arena_alloc(arena, n * sizeof(uint32_t)),
                         .vals = wr_arena_alloc(arena, n * sizeof(char *)),
                         .weights = wr_arena_alloc(arena, n * sizeof(int64_t))};
}

static void feed_add(struct feed *feed, char *group, uint32_t row, const char *value, int64_t weight)
{
    feed->groups[feed->n] = group;
    feed->rows[feed->n] = row;
    feed->vals[feed->n] = value;
    feed->weights[feed->n++] = weight;
}

static inline struct distinct_slot *slot_of(const struct vmap_found *found, uint32_t distinct, uint16_t variant)
{
    return (struct distinct_slot *)wr_vmap_fixed(found->entries[distinct]) + variant;
}

/* Identity: only the crossing of zero matters. */
static void step_counts(struct aggregate *a, struct agg_distinct *d, uint16_t v, const struct agg_chunk *chunk,
                        const struct vmap_found *found, const uint32_t *rows, uint32_t n)
{
    struct wr_arena *arena = &a->op->worker->arena;
    bool *before = wr_arena_alloc(arena, found->n);
    for (uint32_t k = 0; k < found->n; k++)
        before[k] = slot_of(found, k, v)->count > 0;
    for (uint32_t k = 0; k < n; k++)
        slot_of(found, found->of[rows[k]], v)->count += chunk->weights[rows[k]];
    struct feed feed = feed_new(arena, found->n);
    for (uint32_t k = 0; k < found->n; k++) {
        bool after = slot_of(found, k, v)->count > 0;
        if (after != before[k])
            feed_add(&feed, chunk->values[found->rows[k]], found->rows[k], NULL, after ? 1 : -1);
    }
    feed_variant(a, d, &d->variants[v], chunk, &feed);
}

static void step_encodings(struct aggregate *a, struct agg_distinct *d, uint16_t v, const struct agg_chunk *chunk,
                           const struct vmap_found *found, const uint32_t *rows, uint32_t n)
{
    struct wr_arena *arena = &a->op->worker->arena;
    uint32_t nrows = chunk->batch->nrows, len;
    uint32_t *lens = wr_arena_alloc(arena, found->n * sizeof(*lens)),
             *sizes = wr_arena_alloc(arena, nrows * sizeof(*sizes));
    char **before = WR_NEW_ARRAY(arena, char *, found->n), **values = wr_arena_alloc(arena, nrows * sizeof(*values));
    uint16_t column = (uint16_t)d->arg;
    wr_row_encode_all(arena, d->layout, chunk->batch, &column, values, sizes);
    for (uint32_t k = 0; k < found->n; k++) {
        const char *first = wr_encodings_first(slot_of(found, k, v)->encodings, &lens[k]);
        if (first)
            before[k] = memcpy(wr_arena_bytes(arena, lens[k]), first, lens[k]);
    }
    for (uint32_t k = 0; k < n; k++) {
        struct distinct_slot *slot = slot_of(found, found->of[rows[k]], v);
        wr_encodings_add(&slot->encodings, d->pool, values[rows[k]], sizes[rows[k]], chunk->weights[rows[k]]);
        slot->count = slot->encodings != NULL;
    }
    struct feed feed = feed_new(arena, 2 * found->n);
    for (uint32_t k = 0; k < found->n; k++) {
        const char *first = wr_encodings_first(slot_of(found, k, v)->encodings, &len);
        if (first && before[k] && len == lens[k] && !memcmp(first, before[k], len))
            continue;
        char *group = chunk->values[found->rows[k]];
        if (before[k])
            feed_add(&feed, group, 0, before[k], -1);
        if (first)
            feed_add(&feed, group, 0, first, 1);
    }
    feed_variant(a, d, &d->variants[v], chunk, &feed);
}

static bool is_empty(const struct agg_distinct *d, struct vmap_entry *entry)
{
    const struct distinct_slot *slots = wr_vmap_fixed(entry);
    for (uint16_t v = 0; v < d->nvariants; v++)
        if (slots[v].count)
            return false;
    return true;
}

static bool step_distinct(struct aggregate *a, struct agg_distinct *d, const struct agg_chunk *chunk)
{
    struct worker *worker = a->op->worker;
    struct wr_arena *arena = &worker->arena;
    struct keys keys;
    struct vmap_found found;
    wr_keys_encode(arena, chunk->batch, d->key, a->ngroup + 1, a->ngroup, &keys);
    TRY(wr_vmap_find(d->values, arena, &keys, NULL, &found, &worker->error));
    a->op->stats.touched += found.n;
    for (uint16_t v = 0; v < d->nvariants; v++) {
        uint32_t *rows;
        uint32_t n = wr_agg_select(arena, chunk->batch, d->arg, d->variants[v].filter, &rows);
        if (n && d->identity)
            step_counts(a, d, v, chunk, &found, rows, n);
        else if (n)
            step_encodings(a, d, v, chunk, &found, rows, n);
    }
    for (uint32_t k = 0; k < found.n; k++) {
        if (!is_empty(d, found.entries[k]))
            wr_vmap_touch(d->values, found.entries[k]);
        else
            wr_vmap_delete(d->values, found.entries[k]);
    }
    wr_vmap_reclaim(d->values);
    return true;
}

bool wr_agg_distinct_step(struct aggregate *a, const struct agg_chunk *chunk)
{
    for (uint16_t i = 0; i < a->ndistinct; i++)
        TRY(step_distinct(a, &a->distinct[i], chunk));
    return true;
}
