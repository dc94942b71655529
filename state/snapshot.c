/* Snapshots: a counted table of the durable versions of all traces, made once per commit that anybody looks at. */
#include <stdlib.h>

#include "state/store_impl.h"

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct snapshot_entry *)a)->id, y = ((const struct snapshot_entry *)b)->id;
    return (x > y) - (x < y);
}

static struct snapshot *take(struct store *store)
{
    struct snapshot *snapshot = wr_calloc(1, sizeof *snapshot + store->traces_n * sizeof(struct snapshot_entry));
    atomic_init(&snapshot->refs, 1);
    snapshot->store = store;
    snapshot->commit = store->committed;
    for (uint32_t i = 0; i < store->traces_cap; i++)
        for (struct trace *trace = store->traces[i]; trace; trace = trace->next) {
            if (!trace->durable->n)
                continue;
            wr_version_retain(trace->durable);
            snapshot->entries[snapshot->n++] = (struct snapshot_entry){trace->id, trace->durable};
        }
    qsort(snapshot->entries, snapshot->n, sizeof *snapshot->entries, by_id);
    atomic_fetch_add(&store->snapshots_n, 1);
    return snapshot;
}

struct snapshot *wr_store_snapshot(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    if (!store->latest) {
        store->latest = take(store);
        store->latest->next = store->snapshots;
        store->snapshots = store->latest;
    }
    struct snapshot *snapshot = store->latest;
    wr_snapshot_retain(snapshot);
    pthread_mutex_unlock(&store->lock);
    return snapshot;
}

void wr_snapshot_retain(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
}

/* store->lock may or may not be held (it is recursive), so the list of live snapshots can be kept under it. */
void wr_snapshot_release(struct snapshot *snapshot)
{
    struct store *store = snapshot->store;
    pthread_mutex_lock(&store->lock);
    bool last = atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) == 1;
    if (last) {
        struct snapshot **at = &store->snapshots;
        while (*at != snapshot)
            at = &(*at)->next;
        *at = snapshot->next;
    }
    pthread_mutex_unlock(&store->lock);
    if (!last)
        return;
    for (uint32_t i = 0; i < snapshot->n; i++)
        wr_version_release(snapshot->entries[i].version);
    atomic_fetch_sub(&store->snapshots_n, 1);
    free(snapshot);
}

uint64_t wr_snapshot_commit(const struct snapshot *snapshot)
{
    return snapshot->commit;
}

struct version *wr_snapshot_version(struct snapshot *snapshot, struct trace *trace)
{
    return wr_snapshot_version_of(snapshot, trace->id, trace->kind);
}

struct version *wr_snapshot_version_of(struct snapshot *snapshot, uint64_t trace_id, enum trace_kind kind)
{
    struct snapshot_entry wanted = {trace_id, NULL};
    struct snapshot_entry *entry = bsearch(&wanted, snapshot->entries, snapshot->n, sizeof *snapshot->entries, by_id);
    if (!entry)
        return wr_version_new(snapshot->store, kind, 0);
    wr_version_retain(entry->version);
    return entry->version;
}

bool wr_snapshot_expired(const struct snapshot *snapshot)
{
    return atomic_load_explicit(&snapshot->expired, memory_order_relaxed);
}
