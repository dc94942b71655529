/* The epoch loop: take what sources and sessions have, run every operator once, commit on the beat. */
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/thread.h"
#include "engine/engine.h"

/* Bounds of one epoch: chunks of BATCH_ROWS_MAX rows per source. */
#define EPOCH_CHUNKS_PER_SOURCE 16
/* Commit early when the open commit holds this much, and by pressure. */
#define COMMIT_BYTES_MAX ((int64_t)32 << 20)
/* Above this share of the budget sources are slowed. */
#define SOURCE_PRESSURE_PERCENT 80
/* On an idle server a commit may follow the last one this soon. */
#define COMMIT_INTERVAL_MIN_MS 5
/* Without anything to do the loop looks around this often. */
#define IDLE_MS 200

void wr_db_log_line(void *context, const char *line)
{
    weir_db *db = context;
    if (db->log)
        db->log(db->log_context, line);
}

void wr_db_log(weir_db *db, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    wr_db_log_line(db, line);
}

void wr_db_wake(void *context)
{
    weir_db *db = context;
    pthread_mutex_lock(&db->lock);
    db->source_ready = true;
    pthread_cond_signal(&db->wake);
    pthread_mutex_unlock(&db->lock);
}

void wr_db_fail(weir_db *db, const struct wr_error *err)
{
    pthread_mutex_lock(&db->lock);
    bool first = !db->failed;
    if (first) {
        db->failed = true;
        db->failure = *err;
        if (!err->hint[0])
            snprintf(db->failure.hint, sizeof db->failure.hint,
                     "What was acknowledged is durable: start weir on the directory again when the cause is gone.");
    }
    pthread_cond_broadcast(&db->progress);
    pthread_cond_signal(&db->wake);
    pthread_mutex_unlock(&db->lock);
    if (first)
        wr_db_log(db, "stopped: %s: %s", err->sqlstate, err->message);
}

/* ---- calls from sessions */

static bool is_set(const atomic_bool *flag)
{
    return flag && atomic_load(flag);
}

bool wr_loop_call(weir_db *db, loop_fn fn, void *argument, bool durable, struct wr_error *err)
{
    return wr_loop_call_unless(db, fn, argument, durable, NULL, err);
}

bool wr_loop_call_unless(weir_db *db, loop_fn fn, void *argument, bool durable, const atomic_bool *stop,
                         struct wr_error *err)
{
    struct loop_call call = {.fn = fn, .argument = argument, .durable = durable};
    pthread_mutex_lock(&db->lock);
    if (db->calls_last)
        db->calls_last->next = &call;
    else
        db->calls_first = &call;
    db->calls_last = &call;
    pthread_cond_signal(&db->wake);
    while (!call.done && (call.taken || (!db->failed && !is_set(stop) && !(db->stopping && !db->loop_started))))
        pthread_cond_wait(&db->progress, &db->lock);
    while (call.done && call.ok && durable && db->durable_commit < call.commit && !db->failed && !is_set(stop))
        pthread_cond_wait(&db->progress, &db->lock);
    bool failed = db->failed, gone = !call.done;
    if (gone) {
        /* the loop is gone, or the caller must stop: take the call back */
        struct loop_call **link = &db->calls_first;
        db->calls_last = NULL;
        while (*link) {
            if (*link == &call)
                *link = call.next;
            else {
                db->calls_last = *link;
                link = &(*link)->next;
            }
        }
    }
    if (failed)
        *err = db->failure;
    else if (gone)
        wr_fail(err, ERR_SHUTDOWN, "the database is shutting down");
    else if (!call.ok)
        *err = call.err;
    pthread_mutex_unlock(&db->lock);
    return !failed && !gone && call.ok;
}

static bool do_nothing(weir_db *db, void *argument, struct wr_error *err)
{
    return true;
}

bool wr_loop_flush(weir_db *db, struct wr_error *err)
{
    return wr_loop_call(db, do_nothing, NULL, true, err);
}

bool wr_loop_ddl(weir_db *db, loop_fn fn, void *argument, struct wr_error *err)
{
    pthread_mutex_lock(&db->ddl_lock);
    bool ok = wr_loop_call(db, fn, argument, true, err);
    pthread_mutex_unlock(&db->ddl_lock);
    return ok;
}

static bool run_calls(weir_db *db)
{
    bool any = false;
    for (;;) {
        pthread_mutex_lock(&db->lock);
        struct loop_call *call = db->calls_first;
        if (call) {
            call->taken = true;
            db->calls_first = call->next;
            if (!db->calls_first)
                db->calls_last = NULL;
        }
        pthread_mutex_unlock(&db->lock);
        if (!call)
            return any;
        any = true;
        bool ok = call->fn(db, call->argument, &call->err);
        pthread_mutex_lock(&db->lock);
        call->ok = ok;
        call->commit = wr_store_next_commit(db->store);
        if (call->durable && ok) {
            if (!db->dirty)
                call->commit = db->last_submitted; /* nothing of its own: what was before it */
            else
                db->commit_wanted = true;
        }
        call->done = true; /* the call may be gone after this */
        pthread_cond_broadcast(&db->progress);
        pthread_mutex_unlock(&db->lock);
    }
}

/* ---- epochs */

struct epoch_job {
    weir_db *db;
    epoch_feed feed;
    void *context;
};

/* Whoever works gives memory back as it goes; who has nothing to do holds it for nothing (law L5). Not before it is
 * needed: to free hundreds of megabytes takes a commit's time a hundred times. */
static bool relieve_idle(weir_db *db, const struct worker *worker)
{
    for (int also_used = 0; also_used < 2; also_used++)
        for (uint32_t i = 0; i < db->nlive && wr_worker_over(worker); i++)
            TRY(wr_dataflow_relieve(db->live[i]->flows[worker->index], also_used));
    return true;
}

static bool epoch_on_worker(void *context, struct worker *worker)
{
    struct epoch_job *job = context;
    weir_db *db = job->db;
    wr_error_clear(&worker->error);
    if (job->feed)
        TRY(job->feed(job->context, worker));
    for (uint32_t i = 0; i < db->nlive; i++)
        TRY(wr_dataflow_flush(db->live[i]->flows[worker->index]));
    return relieve_idle(db, worker);
}

bool wr_loop_epoch(weir_db *db, epoch_feed feed, void *context, struct wr_error *err)
{
    db->epoch++;
    int64_t now = wr_wall_us();
    if (now > db->now_us)
        db->now_us = now;
    for (uint32_t w = 0; w < db->nworkers; w++) {
        db->workers[w].epoch = db->epoch;
        db->workers[w].now_us = db->now_us;
    }
    db->dirty = true;
    atomic_fetch_add(&db->epochs, 1);
    struct epoch_job job = {db, feed, context};
    if (db->nworkers > 1)
        return wr_worker_pool_run(db->worker_pool, epoch_on_worker, &job, err);
    if (epoch_on_worker(&job, &db->workers[0]))
        return true;
    *err = db->workers[0].error;
    return false;
}

/* One chunk a source has ready, cut by worker. */
struct fed_chunk {
    struct live *live;
    struct source_chunk *chunk;
    struct changes *parts; /* by worker; NULL: the whole chunk goes to `worker` */
    uint32_t worker;
};

#define FED_MAX 256

struct fed {
    weir_db *db;
    uint32_t n;
    struct fed_chunk items[FED_MAX];
    struct wr_arena arena;
};

static bool emit_delta(void *context, struct op *table, const struct batch *delta)
{
    return wr_op_emit(table, delta);
}

static bool feed_worker(void *context, struct worker *worker)
{
    struct fed *fed = context;
    for (uint32_t i = 0; i < fed->n; i++) {
        struct fed_chunk *item = &fed->items[i];
        struct op *root = item->live->flows[worker->index]->root;
        if (item->chunk->ndead && worker->index == 0)
            TRY(wr_dead_letters_add(fed->db, worker, item->live, item->chunk));
        const struct changes *changes = item->parts ? &item->parts[worker->index] : &item->chunk->changes;
        if (!item->parts && item->worker != worker->index)
            continue;
        if (!changes->rows.nrows)
            continue;
        if (item->live->object->kind == OBJECT_TABLE)
            TRY(wr_table_apply(root, changes, emit_delta, NULL));
        else
            TRY(wr_op_step(root, 0, &changes->rows));
    }
    return true;
}

static struct changes changes_gather(struct wr_arena *arena, const struct changes *all, const uint32_t *index,
                                     uint32_t n)
{
    struct changes part = {.rows = *wr_batch_gather(arena, &all->rows, index, n)};
    if (all->ops) {
        part.ops = wr_arena_alloc(arena, n + 1u);
        for (uint32_t i = 0; i < n; i++)
            part.ops[i] = all->ops[index[i]];
    }
    if (all->row_ids) {
        part.row_ids = wr_arena_alloc(arena, sizeof *part.row_ids * (n + 1u));
        for (uint32_t i = 0; i < n; i++)
            part.row_ids[i] = all->row_ids[index[i]];
    }
    if (all->keep) {
        part.keep = wr_arena_zalloc(arena, sizeof *part.keep * (all->rows.ncols + 1u));
        for (uint16_t c = 0; c < all->rows.ncols; c++) {
            if (!all->keep[c])
                continue;
            part.keep[c] = wr_arena_alloc(arena, n + 1u);
            for (uint32_t i = 0; i < n; i++)
                part.keep[c][i] = all->keep[c][index[i]];
        }
    }
    return part;
}

/* Rows of a table go to the worker of their key; a truncate goes to all. */
static void cut_chunk(weir_db *db, struct fed *fed, struct fed_chunk *item)
{
    const struct changes *all = &item->chunk->changes;
    uint32_t n = all->rows.nrows;
    uint64_t *hashes = wr_arena_alloc(&fed->arena, sizeof *hashes * (n + 1u));
    uint32_t *index = wr_arena_alloc(&fed->arena, sizeof *index * (n + 1u));
    wr_table_hashes(&fed->arena, item->live->relation, all, hashes);
    item->parts = wr_arena_zalloc(&fed->arena, sizeof *item->parts * db->nworkers);
    for (uint32_t w = 0; w < db->nworkers; w++) {
        uint32_t m = 0;
        for (uint32_t i = 0; i < n; i++)
            if ((all->ops && all->ops[i] == CHANGE_TRUNCATE) ||
                wr_shard_owner(wr_key_shard(hashes[i]), db->nworkers) == w)
                index[m++] = i;
        item->parts[w] = changes_gather(&fed->arena, all, index, m);
    }
}

static void note_offsets(struct live_source *input, const struct source_chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->npartitions; i++) {
        const struct partition_offset *from = &chunk->partitions[i];
        uint32_t p = 0;
        while (p < input->noffsets && input->offsets[p].partition != from->partition)
            p++;
        if (p == input->noffsets) {
            input->offsets = wr_realloc(input->offsets, (p + 1) * sizeof *input->offsets);
            input->noffsets++;
        }
        input->offsets[p] = *from;
    }
    input->offsets_dirty = true;
}

/* Memory is short (law L5): sources wait while there is something to commit, and trickle when there is not. */
static int chunks_to_take(weir_db *db)
{
    if (wr_budget_pressure(&db->budget) < SOURCE_PRESSURE_PERCENT)
        return EPOCH_CHUNKS_PER_SOURCE;
    return db->dirty ? 0 : 1;
}

/* Rows without a key are numbered as they come in. Where they came from would not do: a topic that is made anew has the
 * same offsets again. */
static void number_rows(weir_db *db, const struct live *live, struct source_chunk *chunk)
{
    struct changes *changes = &chunk->changes;
    uint32_t n = changes->rows.nrows;
    if (!live->relation->has_row_id || live->relation->hash_ids || !n)
        return;
    int64_t first = atomic_fetch_add(&db->next_row_id, n);
    changes->row_ids = wr_arena_alloc(&chunk->arena, n * sizeof *changes->row_ids);
    for (uint32_t i = 0; i < n; i++)
        changes->row_ids[i] = first + i;
}

static void take_chunks(weir_db *db, struct fed *fed)
{
    int most = chunks_to_take(db);
    for (uint32_t i = 0; i < db->nlive; i++) {
        struct live *live = db->live[i];
        if (!live->input)
            continue;
        for (int k = 0; k < most && fed->n < FED_MAX; k++) {
            struct source_chunk *chunk = live->input->cls->poll(live->input->source);
            if (!chunk)
                break;
            number_rows(db, live, chunk);
            struct fed_chunk *item = &fed->items[fed->n++];
            *item = (struct fed_chunk){.live = live, .chunk = chunk, .worker = (uint32_t)k % db->nworkers};
            if (live->relation->hash_ids)
                item->worker = 0;
            else if (db->nworkers > 1 && live->object->kind == OBJECT_TABLE)
                cut_chunk(db, fed, item);
            note_offsets(live->input, chunk);
            atomic_fetch_add(&db->rows_in, chunk->changes.rows.nrows);
            /* generated sources are views of one sequence of events: keep them in step */
            if (chunk->block_end && live->input->cls->in_step)
                break;
        }
    }
}

/* Returns whether there was anything. */
static bool source_epoch(weir_db *db, struct fed *fed, bool *ok, struct wr_error *err)
{
    fed->n = 0;
    take_chunks(db, fed);
    *ok = true;
    if (!fed->n)
        return false;
    *ok = wr_loop_epoch(db, feed_worker, fed, err);
    for (uint32_t i = 0; i < fed->n; i++)
        wr_source_chunk_free(fed->items[i].chunk);
    wr_arena_release(&fed->arena, (struct wr_mark){0});
    return true;
}

/* ---- commits */

/* Under db->lock: the last durable commit is `number`. */
static void fill_pins(weir_db *db, uint64_t number)
{
    for (struct pin **link = &db->pins; *link;) {
        struct pin *pin = *link;
        if (pin->commit != number) {
            link = &pin->next;
            continue;
        }
        *link = pin->next;
        pin->snapshot = wr_store_snapshot(db->store);
    }
}

/* Commits are announced in order, each before the next one is published. */
static void commit_done_on_store(void *context, uint64_t number, bool ok, const struct wr_error *err)
{
    weir_db *db = context;
    if (!ok) {
        wr_db_fail(db, err);
        return;
    }
    struct catalog *gone = NULL;
    pthread_mutex_lock(&db->lock);
    db->durable_commit = number;
    fill_pins(db, number);
    if (db->next_catalog && number >= db->next_catalog_commit) {
        gone = db->catalog;
        db->catalog = db->next_catalog;
        db->next_catalog = NULL;
    }
    pthread_cond_broadcast(&db->progress);
    pthread_mutex_unlock(&db->lock);
    if (gone)
        wr_catalog_release(gone);
}

void wr_loop_set_catalog(weir_db *db, struct catalog *catalog)
{
    pthread_mutex_lock(&db->lock);
    db->next_catalog = catalog;
    db->next_catalog_commit = wr_store_next_commit(db->store);
    pthread_mutex_unlock(&db->lock);
    db->dirty = true;
}

static void put_offsets(weir_db *db)
{
    for (uint32_t i = 0; i < db->nlive; i++) {
        struct live_source *input = db->live[i]->input;
        if (!input || !input->offsets_dirty)
            continue;
        input->offsets_dirty = false;
        for (uint32_t p = 0; p < input->noffsets; p++) {
            char key[64];
            int len = snprintf(key, sizeof key, "offset/%u/%d", db->live[i]->id, input->offsets[p].partition);
            struct wr_buf value = WR_BUF_INIT;
            wr_buf_u32be(&value, (uint32_t)input->offsets[p].partition);
            wr_buf_u64be(&value, (uint64_t)input->offsets[p].next);
            wr_commit_put(db->commit, key, (size_t)len, value.data, value.len);
            wr_buf_free(&value);
        }
    }
}

static void put_clocks(weir_db *db)
{
    struct wr_buf value = WR_BUF_INIT;
    wr_buf_u64be(&value, db->epoch);
    wr_buf_u64be(&value, (uint64_t)db->now_us);
    wr_buf_u64be(&value, (uint64_t)atomic_load(&db->next_row_id));
    wr_buf_u32be(&value, atomic_load(&db->next_object));
    wr_commit_put(db->commit, "clock", 5, value.data, value.len);
    wr_buf_free(&value);
}

/* Delivered log records are dropped with the commit. */
static void truncate_logs(weir_db *db)
{
    for (uint32_t i = 0; i < db->nlive; i++)
        if (db->live[i]->sink) {
            uint64_t delivered = wr_sink_runner_delivered(db->live[i]->sink);
            if (delivered)
                wr_commit_log_truncate(db->commit, db->live[i]->id, delivered);
        }
}

static bool commit(weir_db *db, struct wr_error *err)
{
    for (uint32_t i = 0; i < db->nlive; i++)
        for (uint32_t w = 0; w < db->nworkers; w++)
            if (!wr_dataflow_seal(db->live[i]->flows[w], db->commit)) {
                *err = db->workers[w].error;
                return false;
            }
    put_offsets(db);
    put_clocks(db);
    truncate_logs(db);
    struct commit *full = db->commit;
    db->commit = wr_commit_begin(db->store);
    for (uint32_t w = 0; w < db->nworkers; w++)
        db->workers[w].commit = db->commit;
    db->last_submitted = wr_commit_submit(full, commit_done_on_store, db);
    db->dirty = db->commit_wanted = false;
    db->last_commit_ns = wr_clock_ns();
    atomic_fetch_add(&db->commits, 1);
    return true;
}

bool wr_loop_commit_sync(weir_db *db, struct wr_error *err)
{
    TRY(commit(db, err));
    TRY(wr_store_wait(db->store, db->last_submitted, err));
    /* the callback may still be under way: readers must see it now */
    pthread_mutex_lock(&db->lock);
    while (db->durable_commit < db->last_submitted && !db->failed)
        pthread_cond_wait(&db->progress, &db->lock);
    bool failed = db->failed;
    if (failed)
        *err = db->failure;
    pthread_mutex_unlock(&db->lock);
    return !failed;
}

bool wr_loop_pin(weir_db *db, struct pin *pin, struct wr_error *err)
{
    *pin = (struct pin){.commit = db->dirty ? wr_store_next_commit(db->store) : db->last_submitted};
    pthread_mutex_lock(&db->lock);
    pin->next = db->pins;
    db->pins = pin;
    fill_pins(db, db->durable_commit);
    pthread_mutex_unlock(&db->lock);
    return !db->dirty || commit(db, err);
}

bool wr_loop_pinned(weir_db *db, struct pin *pin, struct wr_error *err)
{
    pthread_mutex_lock(&db->lock);
    while (!pin->snapshot && !db->failed)
        pthread_cond_wait(&db->progress, &db->lock);
    bool ok = pin->snapshot != NULL;
    if (!ok)
        *err = db->failure;
    pthread_mutex_unlock(&db->lock);
    return ok;
}

void wr_loop_unpin(weir_db *db, struct pin *pin)
{
    pthread_mutex_lock(&db->lock);
    for (struct pin **link = &db->pins; *link; link = &(*link)->next)
        if (*link == pin) {
            *link = pin->next;
            break;
        }
    pthread_mutex_unlock(&db->lock);
    if (pin->snapshot)
        wr_snapshot_release(pin->snapshot);
    pin->snapshot = NULL;
}

static bool commit_due(weir_db *db, bool idle)
{
    if (!db->dirty)
        return false;
    if (db->commit_wanted || wr_budget_pressure(&db->budget) >= SOURCE_PRESSURE_PERCENT)
        return true;
    int64_t since = (wr_clock_ns() - db->last_commit_ns) / WR_NS_PER_MS;
    if (since >= db->options.commit_interval_ms ||
        wr_commit_bytes(db->commit) > WR_MIN(COMMIT_BYTES_MAX, db->budget.limit_bytes / 32))
        return true;
    return idle && since >= COMMIT_INTERVAL_MIN_MS && db->durable_commit >= db->last_submitted;
}

/* ---- the thread */

static void wait_for_work(weir_db *db)
{
    pthread_mutex_lock(&db->lock);
    if (!db->calls_first && !db->source_ready && !db->stopping && !db->failed) {
        int64_t ms = db->dirty ? COMMIT_INTERVAL_MIN_MS : IDLE_MS;
        wr_cond_wait_until(&db->wake, &db->lock, wr_clock_ns() + ms * WR_NS_PER_MS);
    }
    db->source_ready = false;
    pthread_mutex_unlock(&db->lock);
}

static bool loop_once(weir_db *db, struct fed *fed, struct wr_error *err)
{
    bool called = run_calls(db);
    wr_retire(db);
    bool ok = true;
    bool fed_any = source_epoch(db, fed, &ok, err);
    TRY(ok);
    if (commit_due(db, !called && !fed_any))
        TRY(commit(db, err));
    if (called || fed_any)
        return true;
    for (uint32_t w = 0; w < db->nworkers && !db->dirty; w++)
        if (wr_worker_over(&db->workers[w]) && !relieve_idle(db, &db->workers[w])) {
            *err = db->workers[w].error;
            return false;
        }
    wait_for_work(db);
    return true;
}

static void *loop_main(void *argument)
{
    weir_db *db = argument;
    struct wr_error err = WR_ERROR_INIT;
    struct fed *fed = wr_calloc(1, sizeof *fed);
    wr_thread_prompt();
    fed->db = db;
    wr_arena_init(&fed->arena, &db->pool_scratch);
    bool stop = false;
    while (!stop) {
        if (!loop_once(db, fed, &err)) {
            wr_db_fail(db, &err);
            break;
        }
        pthread_mutex_lock(&db->lock);
        stop = (db->stopping && !db->calls_first) || db->failed;
        pthread_mutex_unlock(&db->lock);
    }
    if (!db->failed && db->dirty && !wr_loop_commit_sync(db, &err))
        wr_db_fail(db, &err);
    wr_arena_reset(&fed->arena);
    free(fed);
    return NULL;
}

bool wr_loop_start(weir_db *db, struct wr_error *err)
{
    if (!wr_thread_start(&db->loop_thread, loop_main, db, false))
        return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start the epoch thread");
    db->loop_started = true;
    return true;
}

void wr_loop_stop(weir_db *db)
{
    if (!db->loop_started)
        return;
    pthread_mutex_lock(&db->lock);
    db->stopping = true;
    pthread_cond_signal(&db->wake);
    pthread_mutex_unlock(&db->lock);
    pthread_join(db->loop_thread, NULL);
    pthread_mutex_lock(&db->lock);
    db->loop_started = false;
    pthread_cond_broadcast(&db->progress);
    pthread_mutex_unlock(&db->lock);
}
