/* The tidy thread: merges small RAM runs, takes deltas to disk at checkpoints, deletes files nobody needs. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/thread.h"
#include "state/merge_runs.h"
#include "state/store_impl.h"

/* ---- RAM merges: size-tiered over the newest RAM runs of a trace */

struct merge_pick {
    struct trace *trace;
    struct run **runs;
    uint32_t n;
    bool oldest;
};

/* As long as the next is not much bigger than all before it together. */
uint32_t wr_ram_runs_to_merge(struct run *const *newest_first, uint32_t ram)
{
    if (ram < STORE_RAM_RUNS)
        return 0;
    uint64_t sum = newest_first[0]->bytes;
    uint32_t n = 1;
    while (n < ram && newest_first[n]->bytes <= 2 * sum)
        sum += newest_first[n++]->bytes;
    if (n < STORE_RAM_RUNS / 2)
        n = ram < 2 * STORE_RAM_RUNS ? 0 : ram / 2;
    return n;
}

static uint32_t pick_length(const struct version *version)
{
    uint32_t ram = 0;
    while (ram < version->n && !version->runs[ram]->on_disk && !version->runs[ram]->merging)
        ram++;
    return wr_ram_runs_to_merge(version->runs, ram);
}

/* Under store->lock. */
static bool pick_merge(struct store *store, struct merge_pick *pick)
{
    for (uint32_t i = 0; i < store->traces_cap; i++)
        for (struct trace *trace = store->traces[i]; trace; trace = trace->next) {
            uint32_t n = pick_length(trace->durable);
            if (n < 2)
                continue;
            *pick = (struct merge_pick){trace, wr_malloc(n * sizeof(struct run *)), n, n == trace->durable->n};
            for (uint32_t r = 0; r < n; r++) {
                pick->runs[r] = trace->durable->runs[r];
                pick->runs[r]->merging = true;
                wr_run_retain(pick->runs[r]);
            }
            return true;
        }
    return false;
}

static bool merge_picked(struct store *store, struct merge_pick *pick)
{
    struct wr_error err = WR_ERROR_INIT;
    struct run *out;
    bool ok = wr_merge_to_ram(pick->runs, pick->n, pick->oldest, &out, &err);
    pthread_mutex_lock(&store->lock);
    struct version *version = ok ? wr_version_replace(pick->trace->durable, pick->runs, pick->n, out) : NULL;
    if (version) { /* else they were dropped with their trace meanwhile */
        wr_trace_set_durable(pick->trace, version);
        wr_snapshot_stale(store);
    }
    for (uint32_t i = 0; i < pick->n; i++)
        pick->runs[i]->merging = false;
    pthread_mutex_unlock(&store->lock);
    wr_run_release(out);
    for (uint32_t i = 0; i < pick->n; i++)
        wr_run_release(pick->runs[i]);
    free(pick->runs);
    if (!ok)
        wr_store_fail(store, &err);
    return ok;
}

bool wr_ram_merges_run(struct store *store)
{
    for (;;) {
        struct merge_pick pick;
        pthread_mutex_lock(&store->lock);
        bool any = !store->closing && pick_merge(store, &pick);
        pthread_mutex_unlock(&store->lock);
        if (!any)
            return true;
        if (!merge_picked(store, &pick))
            return false;
    }
}

/* ---- deletion */

static bool delete_run_files(struct store *store, const struct run *run, struct wr_error *err)
{
    char lo[RUN_KEY_SIZE], hi[RUN_KEY_SIZE];
    wr_run_key(lo, run->id, 0);
    wr_run_key(hi, run->id, UINT32_MAX);
    return wr_deleted_files_add(store->deleted_files, &store->rocks, CF_RUNS, lo, sizeof lo, hi, sizeof hi, err);
}

/* The manifest change that dooms a run is a synced write, so the log on disk is ahead of every deletion. */
bool wr_trash_empty(struct store *store)
{
    for (;;) {
        pthread_mutex_lock(&store->trash_lock);
        struct run *run = store->trash;
        if (run)
            store->trash = run->next_trash;
        pthread_mutex_unlock(&store->trash_lock);
        if (!run)
            return true;
        struct wr_error err = WR_ERROR_INIT;
        bool ok = delete_run_files(store, run, &err);
        wr_run_free(run);
        if (!ok) {
            wr_store_fail(store, &err);
            return false;
        }
        wr_failpoint(FP_FILE_DELETED);
    }
}

/* ---- the thread */

static bool checkpoint_due(const struct store *store)
{
    return store->dir && store->delta_bytes > store->checkpoint_bytes;
}

static bool has_trash(struct store *store)
{
    pthread_mutex_lock(&store->trash_lock);
    bool any = store->trash != NULL;
    pthread_mutex_unlock(&store->trash_lock);
    return any;
}

/* Under store->lock. */
static void wait_for_work(struct store *store)
{
    wr_cond_wait_until(&store->work, &store->lock, wr_clock_ns() + 200 * WR_NS_PER_MS);
}

/* What RocksDB holds, as far as it tells: charged so that the others leave room for it. */
static void charge_rocks(struct store *store)
{
    if (!store->dir)
        return;
    int64_t bytes = wr_rocks_memtable_bytes(&store->rocks) + (int64_t)rocksdb_cache_get_usage(store->rocks.cache);
    wr_pool_charge(&store->memtable_pool, bytes - atomic_load(&store->memtable_pool.used_bytes));
}

void *wr_tidy_thread(void *arg)
{
    struct store *store = arg;
    wr_thread_background();
    struct wr_error err = WR_ERROR_INIT;
    pthread_mutex_lock(&store->lock);
    while (!store->closing) {
        if (atomic_load(&store->failed) || !(store->tidy_due || has_trash(store))) {
            store->tidy_busy = false;
            pthread_cond_broadcast(&store->idle);
            wait_for_work(store);
            continue;
        }
        store->tidy_due = false;
        store->tidy_busy = true;
        bool checkpoint = checkpoint_due(store);
        pthread_mutex_unlock(&store->lock);
        bool ok = wr_ram_merges_run(store);
        if (ok && checkpoint && !wr_checkpoint_run(store, &err))
            wr_store_fail(store, &err);
        if (ok && store->dir)
            wr_trash_empty(store);
        charge_rocks(store);
        wr_snapshots_expire(store);
        pthread_mutex_lock(&store->lock);
    }
    store->tidy_busy = false;
    pthread_cond_broadcast(&store->idle);
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

void wr_store_settle(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    while (!atomic_load(&store->failed) && !store->closing &&
           (store->in_flight || store->tidy_due || store->tidy_busy || store->merge_due || store->merge_busy ||
            has_trash(store)))
        pthread_cond_wait(&store->idle, &store->lock);
    pthread_mutex_unlock(&store->lock);
}
