/* Opening, closing and watching the store. */
#include "state/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/thread.h"
#include "state/store_dir.h"
#include "state/store_impl.h"

#define MIB ((int64_t)1 << 20)

static int64_t clamp(int64_t value, int64_t lo, int64_t hi)
{
    return value < lo ? lo : value > hi ? hi : value;
}

static void init_locks(struct store *store)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&store->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    pthread_mutex_init(&store->manifest_lock, NULL);
    pthread_mutex_init(&store->trash_lock, NULL);
    wr_cond_init(&store->queue_changed);
    wr_cond_init(&store->published);
    wr_cond_init(&store->work);
    wr_cond_init(&store->merge_work);
    wr_cond_init(&store->idle);
}

static struct store *new_store(const struct store_options *options)
{
    struct store *store = wr_calloc(1, sizeof *store);
    init_locks(store);
    store->noted.fd = -1;
    /* A budget lives and dies with its database: its list names these pools for good. */
    wr_pool_init(&store->runs_pool, options->budget, "state runs");
    wr_pool_init(&store->cache_pool, options->budget, "block cache");
    wr_pool_init(&store->memtable_pool, options->budget, "memtables");
    int64_t limit = options->budget && options->budget->limit_bytes > 0 ? options->budget->limit_bytes : 512 * MIB;
    store->checkpoint_bytes =
        options->checkpoint_bytes ? options->checkpoint_bytes : clamp(limit / 8, 8 * MIB, 64 * MIB);
    store->spill_bytes = clamp(limit / 8, MIB, 32 * MIB);
    store->cache = wr_block_cache_new(&store->cache_pool, clamp(limit / 8, 2 * MIB, 1024 * MIB));
    store->queue_end = &store->queue;
    store->next_number = 1;
    store->tidy_due = store->merge_due = true; /* what recovery found may be due */
    atomic_store(&store->next_run_id, 1);
    return store;
}

static void free_store(struct store *store)
{
    for (uint32_t i = 0; i < store->traces_cap; i++)
        for (struct trace *trace = store->traces[i], *next; trace; trace = next) {
            next = trace->next;
            wr_trace_free(trace);
        }
    for (struct trace *trace = store->graveyard, *next; trace; trace = next) {
        next = trace->next;
        wr_trace_free(trace);
    }
    for (uint32_t i = 0; i < store->log_files_n; i++)
        wr_run_release(store->log_files[i].run);
    free(store->log_files);
    free(store->log_marks);
    while (store->trash) { /* their files go as orphans at the next open */
        struct run *run = store->trash;
        store->trash = run->next_trash;
        wr_run_free(run);
    }
    wr_block_cache_free(store->cache);
    wr_pool_charge(&store->memtable_pool, -atomic_load(&store->memtable_pool.used_bytes));
    if (store->dir) {
        wr_rocks_close(&store->rocks);
        wr_deleted_files_stop(store->deleted_files);
        wr_committed_close(&store->noted);
        wr_store_dir_unlock(store->dir);
    }
    wr_mem_map_free(&store->mem_meta);
    wr_mem_map_free(&store->mem_log);
    free(store->traces);
    free(store->dir);
    free(store->ingest_dir);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->manifest_lock);
    pthread_mutex_destroy(&store->trash_lock);
    free(store);
}

/* `dir` becomes the store's. */
static bool open_at(struct store *store, const struct store_options *options, char *dir, struct wr_error *err)
{
    int64_t limit = options->budget && options->budget->limit_bytes > 0 ? options->budget->limit_bytes : 512 * MIB;
    bool create = !store->last_noted.write;
    if (!wr_rocks_open(&store->rocks, dir, create, clamp(limit / 64, MIB, 32 * MIB), options->sync, err)) {
        wr_rocks_close(&store->rocks);
        free(dir);
        return wr_store_dir_explain(options->dir, err);
    }
    store->dir = dir;
    store->ingest_dir = wr_store_dir_ingest(dir);
    wr_store_dir_lock(dir);
    store->deleted_files = wr_deleted_files_start(dir, err);
    TRY(store->deleted_files != NULL);
    return wr_store_recover(store, err);
}

/* Under one name, however it was called: RocksDB knows by the name what this process has open, and the host may go to
 * another directory. */
static bool open_dir(struct store *store, const struct store_options *options, struct wr_error *err)
{
    TRY(wr_store_dir_prepare(options->dir, err));
    TRY(wr_committed_read(options->dir, &store->last_noted, err));
    TRY(wr_committed_check_log(options->dir, &store->last_noted, err));
    char *dir = realpath(options->dir, NULL);
    if (!dir)
        return wr_fail(err, ERR_IO, "could not resolve directory \"%s\": %s", options->dir, strerror(errno));
    return open_at(store, options, dir, err);
}

static bool start_threads(struct store *store, struct wr_error *err)
{
    void *(*const mains[])(void *) = {wr_commit_thread, wr_tidy_thread, wr_merge_thread};
    _Static_assert(WR_COUNT(mains) == WR_COUNT(store->threads), "a thread each");
    for (; store->nthreads < WR_COUNT(mains); store->nthreads++)
        if (!wr_thread_start(&store->threads[store->nthreads], mains[store->nthreads], store, false))
            return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start the threads of the store");
    return true;
}

struct store *wr_store_open(const struct store_options *options, struct wr_error *err)
{
    struct store *store = new_store(options);
    if (options->dir && !open_dir(store, options, err)) {
        free_store(store);
        return NULL;
    }
    if (!start_threads(store, err)) {
        wr_store_close(store);
        return NULL;
    }
    return store;
}

void wr_store_close(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    wr_snapshot_stale(store);
    while (store->in_flight)
        pthread_cond_wait(&store->published, &store->lock);
    store->closing = true;
    pthread_cond_broadcast(&store->queue_changed);
    pthread_cond_broadcast(&store->work);
    pthread_cond_broadcast(&store->merge_work);
    pthread_mutex_unlock(&store->lock);
    for (uint32_t i = 0; i < store->nthreads; i++)
        pthread_join(store->threads[i], NULL);
    free_store(store);
}

bool wr_store_is_durable(const struct store *store)
{
    return store->dir != NULL;
}

uint64_t wr_store_committed(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t number = store->committed;
    pthread_mutex_unlock(&store->lock);
    return number;
}

uint64_t wr_store_next_commit(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t number = store->next_number;
    pthread_mutex_unlock(&store->lock);
    return number;
}

void wr_store_fail(struct store *store, const struct wr_error *err)
{
    pthread_mutex_lock(&store->lock);
    if (!store->error.sqlstate[0])
        store->error = *err;
    atomic_store(&store->failed, true);
    pthread_cond_broadcast(&store->published);
    pthread_cond_broadcast(&store->queue_changed);
    pthread_cond_broadcast(&store->idle);
    pthread_mutex_unlock(&store->lock);
}

bool wr_store_write(struct store *store, rocksdb_writebatch_t *batch, uint64_t commit, struct wr_error *err)
{
    wr_write_record_put(batch, store);
    TRY(wr_rocks_write(&store->rocks, batch, err));
    wr_committed_note(&store->noted, &(struct committed_mark){commit, store->writes});
    return true;
}

bool wr_store_failed(struct store *store, struct wr_error *err)
{
    if (!atomic_load(&store->failed))
        return false;
    pthread_mutex_lock(&store->lock);
    *err = store->error;
    pthread_mutex_unlock(&store->lock);
    return true;
}

bool wr_store_wait(struct store *store, uint64_t number, struct wr_error *err)
{
    pthread_mutex_lock(&store->lock);
    while (store->committed < number && !atomic_load(&store->failed))
        pthread_cond_wait(&store->published, &store->lock);
    bool ok = store->committed >= number;
    if (!ok)
        *err = store->error;
    pthread_mutex_unlock(&store->lock);
    return ok;
}

void wr_store_stats(struct store *store, struct store_stats *stats)
{
    *stats = (struct store_stats){
        .ram_run_bytes = atomic_load(&store->ram_run_bytes),
        .block_cache_bytes = atomic_load(&store->cache_pool.used_bytes),
        .commits = atomic_load(&store->commits),
        .commit_bytes_written = atomic_load(&store->commit_bytes),
        .merges = atomic_load(&store->merges),
        .merge_bytes_read = atomic_load(&store->merge_read),
        .merge_bytes_written = atomic_load(&store->merge_written),
        .bloom_skips = atomic_load(&store->bloom_skips),
        .block_reads = atomic_load(&store->block_reads),
        .snapshots = atomic_load(&store->snapshots_n),
        .committed = wr_store_committed(store),
    };
    if (store->dir) {
        stats->disk_bytes = wr_rocks_disk_bytes(&store->rocks);
        stats->memtable_bytes = wr_rocks_memtable_bytes(&store->rocks);
    }
}
