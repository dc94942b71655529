/* The merge thread: size-tiered merges of disk runs, streamed block by block. */
#include <stdlib.h>

#include "base/failpoint.h"
#include "base/thread.h"
#include "state/merge_runs.h"
#include "state/store_impl.h"

struct disk_pick {
    struct trace *trace;
    struct run **runs; /* newest first; retained */
    uint32_t n;
    bool oldest;
};

static uint32_t fan_in(enum trace_kind kind)
{
    return kind == TRACE_APPEND ? STORE_DISK_FAN_IN_APPEND : STORE_DISK_FAN_IN;
}

/* The first stretch, from the newest, of adjacent disk runs of like size that is long enough. A run joins a stretch if
 * it is no more than twice as big as all before it together. */
static uint32_t find_stretch(const struct version *version, uint32_t *from)
{
    uint32_t want = fan_in(version->kind);
    for (uint32_t start = 0; start < version->n; start++) {
        uint64_t sum = 0;
        uint32_t n = 0;
        for (uint32_t i = start; i < version->n; i++) {
            const struct run *run = version->runs[i];
            if (!run->on_disk || run->merging || (n >= 1 && run->bytes > 2 * sum))
                break;
            sum += run->bytes;
            n++;
        }
        if (n >= want) {
            *from = start;
            return n;
        }
    }
    return 0;
}

static bool pick(struct store *store, struct disk_pick *out)
{
    for (uint32_t i = 0; i < store->traces_cap; i++)
        for (struct trace *trace = store->traces[i]; trace; trace = trace->next) {
            uint32_t from, n = find_stretch(trace->durable, &from);
            if (!n)
                continue;
            if (!out)
                return true;
            *out = (struct disk_pick){trace, wr_malloc(n * sizeof(struct run *)), n, from + n == trace->durable->n};
            for (uint32_t r = 0; r < n; r++) {
                out->runs[r] = trace->durable->runs[from + r];
                out->runs[r]->merging = true;
                wr_run_retain(out->runs[r]);
            }
            return true;
        }
    return false;
}

bool wr_disk_merge_due(struct store *store)
{
    return pick(store, NULL);
}

/* Under store->lock: the version with the inputs replaced, or NULL if they are gone. */
static struct version *planned(const struct disk_pick *job, struct run *out)
{
    return job->trace->dropped ? NULL : wr_version_replace(job->trace->durable, job->runs, job->n, out);
}

static bool write_manifest(struct store *store, const struct disk_pick *job, const struct version *version,
                           struct wr_error *err)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    wr_manifest_put(batch, store, job->trace, version);
    bool ok = wr_store_write(store, batch, 0, err);
    rocksdb_writebatch_destroy(batch);
    return ok;
}

static bool install(struct store *store, const struct disk_pick *job, struct run *out, struct wr_error *err)
{
    pthread_mutex_lock(&store->manifest_lock);
    pthread_mutex_lock(&store->lock);
    struct version *version = planned(job, out);
    pthread_mutex_unlock(&store->lock);
    bool ok = !version || write_manifest(store, job, version, err);
    if (version && ok) {
        wr_failpoint(FP_MERGE_INSTALLED);
        for (uint32_t i = 0; i < job->n; i++)
            atomic_store(&job->runs[i]->doomed, true);
        pthread_mutex_lock(&store->lock);
        wr_version_release(version);
        /* anew: RAM runs may have been merged while the record was written, and must not come back */
        version = wr_version_replace(job->trace->durable, job->runs, job->n, out);
        if (version)
            wr_trace_set_durable(job->trace, version);
        wr_snapshot_stale(store);
        pthread_mutex_unlock(&store->lock);
    } else {
        wr_version_release(version);
        if (out)
            atomic_store(&out->doomed, true);
    }
    pthread_mutex_unlock(&store->manifest_lock);
    return ok;
}

static bool run_merge(struct store *store, struct disk_pick *job, struct wr_error *err)
{
    struct run *out;
    bool ok = wr_merge_to_disk(job->runs, job->n, job->oldest, true, &out, err) && install(store, job, out, err);
    pthread_mutex_lock(&store->lock);
    for (uint32_t i = 0; i < job->n; i++)
        job->runs[i]->merging = false;
    store->tidy_due = true;
    pthread_cond_broadcast(&store->work);
    pthread_mutex_unlock(&store->lock);
    wr_run_release(out);
    for (uint32_t i = 0; i < job->n; i++)
        wr_run_release(job->runs[i]);
    free(job->runs);
    return ok;
}

void *wr_merge_thread(void *arg)
{
    struct store *store = arg;
    wr_thread_background();
    pthread_mutex_lock(&store->lock);
    while (!store->closing) {
        struct disk_pick job;
        store->merge_due = false;
        if (!store->dir || atomic_load(&store->failed) || !pick(store, &job)) {
            store->merge_busy = false;
            pthread_cond_broadcast(&store->idle);
            pthread_cond_wait(&store->merge_work, &store->lock);
            continue;
        }
        store->merge_busy = true;
        pthread_mutex_unlock(&store->lock);
        struct wr_error err = WR_ERROR_INIT;
        if (!run_merge(store, &job, &err) && strcmp(err.sqlstate, ERR_SHUTDOWN))
            wr_store_fail(store, &err);
        pthread_mutex_lock(&store->lock);
    }
    store->merge_busy = false;
    pthread_mutex_unlock(&store->lock);
    return NULL;
}
