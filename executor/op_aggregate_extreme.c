/* min and max whose input can shrink: the values of each group live in an ordered multiset; at flush the accumulators
 * of the groups that changed are made anew from the first value. One multiset serves all min(x) (or all max(x)) with
 * the same FILTER. */
#include "executor/op_aggregate.h"

#include <stdlib.h>

#define WINDOW_SLACK 15

static void extreme_init(struct aggregate *a, struct agg_extreme *x, const struct plan_agg *spec, unsigned state)
{
    struct wr_arena *arena = &a->op->dataflow->arena;
    x->arg = spec->arg;
    x->filter = spec->filter;
    x->descending = !strcmp(spec->agg->name, "max");
    x->aggs = WR_NEW_ARRAY(arena, uint16_t, a->naggs);
    x->key = WR_NEW_ARRAY(arena, struct key_column, a->ngroup + 1u);
    memcpy(x->key, a->key, a->ngroup * sizeof(*x->key));
    x->key[a->ngroup] = (struct key_column){.column = (uint16_t)spec->arg, .descending = x->descending};
    x->layout = wr_row_layout_new(arena, &a->op->plan->inputs[0]->cols[spec->arg].type, 1);
    x->values = wr_ordered_new(&(struct ordered_options){.pool = a->op->worker->state_pool,
                                                         .trace = wr_op_trace(a->op, state, TRACE_ZSET),
                                                         .need = 1,
                                                         .slack = WINDOW_SLACK});
}

void wr_agg_extreme_open(struct aggregate *a, const uint16_t *states)
{
    uint16_t before = a->ndistinct;
    a->extreme = WR_NEW_ARRAY(&a->op->dataflow->arena, struct agg_extreme, WR_MAX(a->naggs, 1));
    for (uint16_t i = 0; i < a->naggs; i++) {
        if (states[i] <= before)
            continue;
        struct agg_extreme *x = &a->extreme[states[i] - 1 - before];
        if (!x->values) {
            extreme_init(a, x, agg_spec(a, i), states[i]);
            a->nextreme++;
        }
        x->aggs[x->naggs++] = i;
    }
}

void wr_agg_extreme_close(struct aggregate *a)
{
    for (uint16_t i = 0; i < a->nextreme; i++) {
        wr_ordered_free(a->extreme[i].values);
        free(a->extreme[i].changed);
        free(a->extreme[i].entries);
    }
}

/* ---- rows in */

static void remember_changed(struct agg_extreme *x, struct ordered_group *group, struct vmap_entry *entry)
{
    if (group->changed)
        return;
    if (x->nchanged == x->changed_cap) {
        x->changed_cap = WR_MAX(64u, x->changed_cap * 2);
        x->changed = wr_realloc(x->changed, x->changed_cap * sizeof(*x->changed));
        x->entries = wr_realloc(x->entries, x->changed_cap * sizeof(*x->entries));
    }
    x->changed[x->nchanged] = group;
    x->entries[x->nchanged] = entry;
    group->changed = ++x->nchanged;
}

static bool step_extreme(struct aggregate *a, struct agg_extreme *x, const struct agg_chunk *chunk)
{
    struct worker *worker = a->op->worker;
    struct wr_arena *arena = &worker->arena;
    const struct batch *batch = chunk->batch;
    uint32_t *rows, *sizes = wr_arena_alloc(arena, batch->nrows * sizeof(*sizes));
    char **payloads = wr_arena_alloc(arena, batch->nrows * sizeof(*payloads));
    uint16_t column = (uint16_t)x->arg;
    uint32_t n = wr_agg_select(arena, batch, x->arg, x->filter, &rows);
    if (!n)
        return true;
    struct keys keys;
    wr_keys_encode(arena, batch, x->key, a->ngroup + 1, a->ngroup, &keys);
    wr_row_encode_all(arena, x->layout, batch, &column, payloads, sizes);
    struct ordered_found found = {0};
    if (!worker->one_shot)
        TRY(wr_ordered_find(x->values, arena, &chunk->keys, &found, &worker->error));
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = rows[k];
        struct ordered_group *group = NULL;
        if (!worker->one_shot) {
            group = found.groups[found.of[i]];
            remember_changed(x, group, chunk->found.entries[chunk->found.of[i]]);
        }
        wr_ordered_change(x->values, group,
                          &(struct ordered_change){.key = wr_key_at(&keys, i),
                                                   .key_len = wr_key_len(&keys, i),
                                                   .prefix_len = wr_key_len(&chunk->keys, i),
                                                   .payload = payloads[i],
                                                   .payload_len = sizes[i],
                                                   .weight = chunk->weights[i]});
    }
    wr_ordered_reclaim(x->values); /* nothing of this step points to values that left their windows */
    return true;
}

bool wr_agg_extreme_step(struct aggregate *a, const struct agg_chunk *chunk)
{
    for (uint16_t i = 0; i < a->nextreme; i++) {
        struct ordered_stats before, after;
        wr_ordered_stats(a->extreme[i].values, &before);
        TRY(step_extreme(a, &a->extreme[i], chunk));
        wr_ordered_stats(a->extreme[i].values, &after);
        a->op->stats.touched += after.touched - before.touched;
    }
    return true;
}

/* ---- flush */

/* states[k] of every aggregate of x := only the value tops[k] (a row; NULL: none). */
static void set_states(struct aggregate *a, struct agg_extreme *x, struct vmap_entry **entries, const char **tops,
                       uint32_t n)
{
    struct wr_arena *arena = &a->op->worker->arena;
    struct column column;
    wr_row_decode_column(arena, x->layout, 0, tops, n, &column);
    void **states = wr_arena_alloc(arena, n * sizeof(*states));
    int64_t *ones = wr_arena_alloc(arena, n * sizeof(*ones)), heap = 0;
    for (uint32_t k = 0; k < n; k++)
        ones[k] = 1;
    for (uint16_t i = 0; i < x->naggs; i++) {
        const struct agg *agg = agg_spec(a, x->aggs[i])->agg;
        for (uint32_t k = 0; k < n; k++) {
            states[k] = agg_state(a, agg_group(entries[k]), x->aggs[i]);
            heap -= agg->heap ? agg->heap(states[k]) : 0;
            if (agg->fini)
                agg->fini(states[k]);
            agg->init(states[k]);
        }
        agg->add(states, &column, NULL, ones, n);
        for (uint32_t k = 0; agg->heap && k < n; k++)
            heap += agg->heap(states[k]);
    }
    wr_agg_charge_heap(a, heap);
}

static const char *top_of(struct agg_extreme *x, const struct ordered_group *group)
{
    for (uint32_t i = 0; i < group->n; i++) {
        const struct ordered_item *item = wr_ordered_item(x->values, group, i);
        if (item->weight > 0)
            return wr_ordered_payload(item);
    }
    return NULL;
}

static bool flush_extreme(struct aggregate *a, struct agg_extreme *x)
{
    struct worker *worker = a->op->worker;
    struct wr_arena *arena = &worker->arena;
    uint32_t n = x->nchanged;
    struct str_key *prefixes = wr_arena_alloc(arena, n * sizeof(*prefixes));
    const char **tops = wr_arena_alloc(arena, n * sizeof(*tops));
    for (uint32_t k = 0; k < n; k++)
        prefixes[k] = (struct str_key){wr_vmap_key(a->groups, x->entries[k]), x->entries[k]->key_len};
    TRY(wr_ordered_refill(x->values, x->changed, prefixes, n, worker->commit, &worker->error));
    for (uint32_t k = 0; k < n; k++)
        tops[k] = top_of(x, x->changed[k]);
    set_states(a, x, x->entries, tops, n);
    for (uint32_t k = 0; k < n; k++) {
        x->changed[k]->changed = 0;
        if (!x->changed[k]->n)
            wr_ordered_forget_empty(x->values, &prefixes[k]);
    }
    x->nchanged = 0;
    wr_ordered_reclaim(x->values);
    return true;
}

/* One-shot: all values, sorted; the first of each group counts. */
struct first_values {
    struct aggregate *a;
    struct agg_extreme *x;
    struct vmap_entry *done; /* group whose first value has been seen */
};

static bool take_first(void *context, const struct ordered_change *value)
{
    struct first_values *f = context;
    struct aggregate *a = f->a;
    struct vmap_entry *entry = f->done;
    if (value->weight <= 0 || (entry && entry->key_len == value->prefix_len &&
                               !memcmp(wr_vmap_key(a->groups, entry), value->key, value->prefix_len)))
        return true;
    TRY(wr_vmap_find_one(a->groups, value->key, value->prefix_len, &entry, &a->op->worker->error));
    f->done = entry;
    struct wr_mark mark = wr_arena_mark(&a->op->worker->arena);
    set_states(a, f->x, &entry, &(const char *){value->payload}, 1);
    wr_arena_release(&a->op->worker->arena, mark);
    return true;
}

bool wr_agg_extreme_flush(struct aggregate *a)
{
    for (uint16_t i = 0; i < a->nextreme; i++) {
        struct first_values first = {a, &a->extreme[i], NULL};
        struct ordered_stats before, after;
        wr_ordered_stats(a->extreme[i].values, &before);
        if (a->op->worker->one_shot)
            TRY(wr_ordered_each(a->extreme[i].values, take_first, &first));
        else if (a->extreme[i].nchanged)
            TRY(flush_extreme(a, &a->extreme[i]));
        wr_ordered_stats(a->extreme[i].values, &after);
        a->op->stats.touched += after.touched - before.touched;
    }
    return true;
}
