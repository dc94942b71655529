/* Traces: the table of them, their current and durable versions. All changes under store->lock. */
#include <stdlib.h>

#include "state/store_impl.h"

static struct trace **slot_of(struct store *store, uint64_t id)
{
    return &store->traces[(id * 0x9E3779B97F4A7C15ull >> 32) & (store->traces_cap - 1)];
}

struct trace *wr_trace_find(struct store *store, uint64_t id)
{
    struct trace *trace = store->traces_cap ? *slot_of(store, id) : NULL;
    while (trace && (trace->id != id || trace->leaving))
        trace = trace->next;
    return trace;
}

static void grow_table(struct store *store)
{
    uint32_t old_cap = store->traces_cap;
    struct trace **old = store->traces;
    store->traces_cap = old_cap ? old_cap * 2 : 64;
    store->traces = wr_calloc(store->traces_cap, sizeof *store->traces);
    for (uint32_t i = 0; i < old_cap; i++)
        for (struct trace *trace = old[i], *next; trace; trace = next) {
            next = trace->next;
            struct trace **slot = slot_of(store, trace->id);
            trace->next = *slot;
            *slot = trace;
        }
    free(old);
}

struct trace *wr_trace_insert(struct store *store, uint64_t id, enum trace_kind kind)
{
    if (store->traces_n >= store->traces_cap)
        grow_table(store);
    struct trace *trace = wr_calloc(1, sizeof *trace);
    trace->store = store;
    trace->id = id;
    trace->kind = kind;
    trace->durable = wr_version_new(store, kind, 0);
    struct trace **slot = slot_of(store, id);
    trace->next = *slot;
    *slot = trace;
    store->traces_n++;
    return trace;
}

/* Its memory stays until the store closes: late readers may still ask for its (empty) version. */
void wr_trace_remove(struct trace *trace)
{
    struct store *store = trace->store;
    struct trace **at = slot_of(store, trace->id);
    while (*at && *at != trace)
        at = &(*at)->next;
    if (!*at)
        return;
    *at = trace->next;
    store->traces_n--;
    trace->dropped = true;
    trace->next = store->graveyard;
    store->graveyard = trace;
}

void wr_trace_free(struct trace *trace)
{
    wr_version_release(trace->durable);
    wr_version_release(trace->current);
    for (uint32_t i = 0; i < trace->pending_n; i++)
        wr_run_release(trace->pending[i].run);
    free(trace->pending);
    free(trace);
}

void wr_trace_stale(struct trace *trace)
{
    wr_version_release(trace->current);
    trace->current = NULL;
}

void wr_snapshot_stale(struct store *store)
{
    struct snapshot *latest = store->latest;
    store->latest = NULL;
    if (latest)
        wr_snapshot_release(latest);
}

void wr_trace_set_durable(struct trace *trace, struct version *version)
{
    wr_version_release(trace->durable);
    trace->durable = version;
    wr_trace_stale(trace);
}

void wr_trace_push_pending(struct trace *trace, struct run *run, struct commit *commit)
{
    WR_GROW(trace->pending, trace->pending_n, trace->pending_cap);
    wr_run_retain(run);
    trace->pending[trace->pending_n++] = (struct pending){run, commit};
    wr_trace_stale(trace);
}

struct trace *wr_trace_open(struct store *store, uint64_t id, enum trace_kind kind)
{
    pthread_mutex_lock(&store->lock);
    struct trace *trace = wr_trace_find(store, id);
    if (!trace)
        trace = wr_trace_insert(store, id, kind);
    pthread_mutex_unlock(&store->lock);
    return trace;
}

struct trace *wr_trace_open_detached(struct store *store, struct commit *commit, uint64_t id, enum trace_kind kind)
{
    pthread_mutex_lock(&store->lock);
    struct trace *trace = wr_trace_find(store, id);
    bool created = !trace;
    if (created) {
        trace = wr_trace_insert(store, id, kind);
        trace->detached = commit;
    }
    pthread_mutex_unlock(&store->lock);
    if (created) {
        pthread_mutex_lock(&commit->lock);
        WR_GROW(commit->created, commit->created_n, commit->created_cap);
        commit->created[commit->created_n++] = trace;
        pthread_mutex_unlock(&commit->lock);
    }
    return trace;
}

uint64_t wr_trace_id(const struct trace *trace)
{
    return trace->id;
}

enum trace_kind wr_trace_kind(const struct trace *trace)
{
    return trace->kind;
}

static struct version *build_current(struct trace *trace)
{
    struct version *durable = trace->durable;
    struct version *version = wr_version_new(trace->store, trace->kind, durable->n + trace->pending_n);
    uint32_t at = 0;
    for (uint32_t i = trace->pending_n; i-- > 0;)
        version->runs[at++] = trace->pending[i].run;
    for (uint32_t i = 0; i < durable->n; i++)
        version->runs[at++] = durable->runs[i];
    for (uint32_t i = 0; i < at; i++)
        wr_run_retain(version->runs[i]);
    return version;
}

struct version *wr_trace_current(struct trace *trace)
{
    struct store *store = trace->store;
    pthread_mutex_lock(&store->lock);
    if (!trace->current)
        trace->current = build_current(trace);
    struct version *version = trace->current;
    wr_version_retain(version);
    pthread_mutex_unlock(&store->lock);
    return version;
}

void wr_trace_size(struct trace *trace, int64_t *entries, int64_t *ram_bytes, int64_t *disk_bytes)
{
    struct version *version = wr_trace_current(trace);
    *entries = *ram_bytes = *disk_bytes = 0;
    for (uint32_t i = 0; i < version->n; i++) {
        const struct run *run = version->runs[i];
        *entries += (int64_t)run->entries;
        *(run->on_disk ? disk_bytes : ram_bytes) += run->on_disk ? (int64_t)run->file_bytes : run->charged;
    }
    wr_version_release(version);
}
