/* Opening and closing a database. */
#include "base/clock.h"
#include "engine/engine.h"

#include "base/failpoint.h"
#include "engine/timeout.h"
#include "parser/deep_stack.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

/* Sealed changes kept in RAM before a background merge takes them to disk. */
#define CHECKPOINT_BYTES_MAX ((int64_t)32 << 20)

static int64_t default_memory(void)
{
    int64_t machine = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "r");
    if (file) {
        long long limit;
        if (fscanf(file, "%lld", &limit) == 1 && limit > 0 && limit < machine)
            machine = limit;
        fclose(file);
    }
    return machine / 4;
}

static void set_error(weir_error *to, const struct wr_error *from)
{
    if (to)
        memcpy(to, from, sizeof *to);
}

_Static_assert(sizeof(weir_error) == sizeof(struct wr_error), "the public error is the internal one");

static void make_instance(weir_db *db)
{
    uint8_t bytes[12];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        memset(bytes, 7, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(db->instance + 2 * i, 3, "%02x", bytes[i]);
}

static void load_instance(weir_db *db)
{
    struct wr_buf value = WR_BUF_INIT;
    if (wr_store_get(db->store, "instance", 8, &value) && value.len < sizeof db->instance) {
        memcpy(db->instance, value.data, value.len);
    } else {
        make_instance(db);
        wr_commit_put(db->commit, "instance", 8, db->instance, strlen(db->instance));
        db->dirty = true;
    }
    wr_buf_free(&value);
}

static void load_clocks(weir_db *db)
{
    struct wr_buf value = WR_BUF_INIT;
    atomic_store(&db->next_object, OBJECT_FIRST_USER);
    /* rows of older directories took their ids from (partition, offset): ours are above all of those */
    atomic_store(&db->next_row_id, (long long)1 << 62);
    if (wr_store_get(db->store, "clock", 5, &value)) {
        struct wr_reader r = wr_reader_of(value.data, value.len);
        db->epoch = wr_get_u64be(&r);
        db->now_us = (int64_t)wr_get_u64be(&r);
        atomic_store(&db->next_row_id, (long long)wr_get_u64be(&r));
        atomic_store(&db->next_object, wr_get_u32be(&r));
    }
    wr_buf_free(&value);
    db->durable_commit = db->last_submitted = wr_store_committed(db->store);
}

static void init_sync(weir_db *db)
{
    pthread_mutex_init(&db->lock, NULL);
    pthread_mutex_init(&db->ddl_lock, NULL);
    wr_cond_init(&db->wake);
    wr_cond_init(&db->progress);
}

static void init_memory(weir_db *db)
{
    /* what no pool counts: code and stacks, buffers of RocksDB, librdkafka and merges, pages the allocator keeps */
    int64_t reserve = WR_MIN(WR_MAX(db->options.memory_bytes / 5, (int64_t)32 << 20), (int64_t)512 << 20);
    wr_budget_init(&db->budget, db->options.memory_bytes - reserve);
    wr_pool_init(&db->pool_state, &db->budget, "operator state");
    wr_pool_init(&db->pool_scratch, &db->budget, "batches");
    wr_pool_init(&db->pool_queues, &db->budget, "queues");
    wr_pool_init(&db->pool_queries, &db->budget, "queries");
    wr_pool_init(&db->pool_sessions, &db->budget, "sessions");
    wr_pool_init(&db->pool_clients, &db->budget, "kafka clients");
}

/* Bring the objects of the catalog to life, in id order. Unfinished ones start over afterwards. */
static bool revive(weir_db *db, struct wr_error *err)
{
    for (size_t i = 0; i < wr_catalog_count(db->catalog); i++) {
        const struct object *object = wr_catalog_at(db->catalog, i);
        if (object->kind == OBJECT_VIEW || object->kind == OBJECT_SYSTEM || object->creating)
            continue;
        struct live *live = NULL;
        TRY(wr_live_new(db, db->catalog, object, db->workers, &live, err));
        if (live->plan && object->plan_hash && object->plan_hash != wr_plan_hash(live->query_plan)) {
            wr_fail(err, ERR_NOT_READY, "the stored state of \"%s\" was made by another plan", object->name);
            wr_fail_hint(err, "Open the directory with the version that made it, drop the view, and create it anew.");
            wr_live_free(live);
            return false;
        }
        if (!wr_live_attach(db, live, err)) {
            wr_live_free(live);
            return false;
        }
    }
    return true;
}

static bool resume_backfills(weir_db *db, struct wr_error *err)
{
    struct catalog *catalog = wr_catalog_current(db);
    bool ok = true;
    for (size_t i = 0; ok && i < wr_catalog_count(catalog); i++) {
        const struct object *object = wr_catalog_at(catalog, i);
        if (object->creating)
            ok = wr_backfill_spawn(db, object, err);
    }
    wr_catalog_release(catalog);
    return ok;
}

static bool open_store(weir_db *db, struct wr_error *err)
{
    struct store_options options = {.dir = db->dir,
                                    .budget = &db->budget,
                                    .checkpoint_bytes = WR_MIN(db->budget.limit_bytes / 16, CHECKPOINT_BYTES_MAX),
                                    .sync = true};
    db->store = wr_store_open(&options, err);
    return db->store != NULL;
}

static bool open_steps(weir_db *db, struct wr_error *err)
{
    if (!wr_failpoint_init())
        return wr_fail(err, ERR_INVALID_PARAMETER, "WEIR_FAILPOINT names no failpoint");
    TRY(open_store(db, err));
    if (db->options.embedded_broker)
        TRY(wr_embedded_broker_start(&db->broker, err));
    db->commit = wr_commit_begin(db->store);
    db->exchanges = db->nworkers > 1 ? wr_exchange_registry_new(db->nworkers, true) : NULL;
    for (uint32_t w = 0; w < db->nworkers; w++) {
        wr_worker_setup(db, &db->workers[w], w);
        db->workers[w].commit = db->commit;
    }
    db->worker_pool = wr_worker_pool_new(db, err);
    TRY(db->worker_pool != NULL);
    load_instance(db);
    load_clocks(db);
    db->catalog = wr_catalog_new();
    wr_catalog_add_system(&db->catalog);
    TRY(wr_errors_open(db, err));
    TRY(wr_catalog_load(db, &db->catalog, err));
    TRY(revive(db, err));
    TRY(wr_loop_start(db, err));
    return resume_backfills(db, err);
}

/* Views are planned again, and their queries may be deep. */
struct open_job {
    weir_db *db;
    struct wr_error *err;
    bool ok;
};

static void run_open(void *context)
{
    struct open_job *job = context;
    job->ok = open_steps(job->db, job->err);
}

static bool open_deep(weir_db *db, struct wr_error *err)
{
    struct open_job job = {db, err, false};
    return wr_deep_stack_run(run_open, &job, err) && job.ok;
}

static bool close_steps(weir_db *db)
{
    pthread_mutex_lock(&db->lock);
    db->stopping = true;
    pthread_mutex_unlock(&db->lock);
    if (db->loop_started)
        wr_backfill_stop_all(db);
    wr_loop_stop(db);
    if (!wr_retire_all(db))
        return false;
    free(db->live);
    if (db->commit)
        wr_commit_abandon(db->commit);
    wr_worker_pool_free(db->worker_pool);
    wr_exchange_registry_free(db->exchanges);
    for (uint32_t w = 0; w < db->nworkers; w++)
        wr_arena_reset(&db->workers[w].arena);
    if (db->next_catalog)
        wr_catalog_release(db->next_catalog);
    if (db->catalog)
        wr_catalog_release(db->catalog);
    if (db->store)
        wr_store_close(db->store);
    if (db->broker)
        wr_embedded_broker_stop(db->broker);
    pthread_mutex_destroy(&db->ddl_lock);
    wr_timeouts_free(db->timeouts);
    pthread_mutex_destroy(&db->lock);
    pthread_cond_destroy(&db->wake);
    pthread_cond_destroy(&db->progress);
    free(db->dir);
    free(db);
    return true;
}

weir_code weir_open(const char *dir, const weir_options *options, weir_db **out, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    weir_db *db = wr_calloc(1, sizeof *db);
    if (options)
        memcpy(&db->options, options, WR_MIN(options->struct_size, sizeof db->options));
    if (!db->options.memory_bytes)
        db->options.memory_bytes = default_memory();
    if (db->options.commit_interval_ms <= 0)
        db->options.commit_interval_ms = 100;
    db->opener = getpid();
    db->nworkers = (uint32_t)WR_MAX(1, WR_MIN(db->options.workers, WORKERS_MAX));
    db->dir = dir && strcmp(dir, ":memory:") ? wr_strdup(dir) : NULL;
    init_sync(db);
    db->timeouts = wr_timeouts_new();
    init_memory(db);
    *out = NULL;
    if (db->options.memory_bytes < (int64_t)64 << 20) {
        wr_fail(&err, ERR_INVALID_PARAMETER, "the memory limit must be at least 64 MB");
        set_error(error, &err);
        close_steps(db);
        return WEIR_ERROR;
    }
    if (!open_deep(db, &err)) {
        set_error(error, &err);
        close_steps(db);
        return WEIR_ERROR;
    }
    *out = db;
    return WEIR_OK;
}

const char *weir_version(void)
{
    return WEIR_VERSION;
}

weir_code weir_close(weir_db *db)
{
    bool mine = db && db->opener == getpid();
    return !mine || close_steps(db) ? WEIR_OK : WEIR_ERROR;
}

weir_code weir_check(weir_db *db, weir_error *error)
{
    pthread_mutex_lock(&db->lock);
    bool failed = db->failed;
    if (failed && error)
        memcpy(error, &db->failure, sizeof *error);
    pthread_mutex_unlock(&db->lock);
    return failed ? WEIR_ERROR : WEIR_OK;
}

const char *weir_embedded_broker(weir_db *db)
{
    return db->broker ? wr_embedded_broker_bootstrap(db->broker) : NULL;
}

void weir_on_log(weir_db *db, void (*log)(void *, const char *), void *context)
{
    db->log_context = context;
    db->log = log;
}
