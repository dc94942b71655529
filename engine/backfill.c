/* Backfill: a new view or sink catches up with what is there while everything else goes on (L6).
 *
 *   1 reserve  (loop) the name and id; the catalog says "creating", so that a restart starts over
 *   2 build    dataflows of their own, run by this thread, state in a detached commit
 *   3 tap      (loop) commit; from this very commit a snapshot, and taps on the relations read record every later delta
 *   4 scan     the snapshot through the dataflow; sources: a private reader up to the positions of step 3
 *   5 catch up push what the taps recorded, epoch by epoch, until little is left
 *   6 attach   (loop) the rest; absorb the detached commit, hang the dataflow into the live graph, commit, publish
 *
 * With several workers all instances are run by this one thread (exchanges push directly). Cancel and errors undo all.
 */
#include "engine/engine.h"

#include "base/failpoint.h"

#include <stdio.h>
#include <time.h>

#define CATCH_UP_BYTES    ((int64_t)1 << 20)
#define CATCH_UP_ROUNDS   50
#define SEAL_EVERY_CHUNKS 256

struct tapped {
    struct held_batch *batch;
    uint32_t relation, worker;
    uint64_t epoch;
    struct tapped *next;
};

struct tap_point {
    struct backfill *backfill;
    uint32_t relation;
    struct tap tap;
    struct op ops[WORKERS_MAX]; /* one per worker, hung on the relation's roots */
    bool hung, is_source, running;
    struct partition_offset *stop;
    uint32_t nstop;
};

struct backfill {
    weir_db *db;
    struct wr_arena arena;
    const struct object *object;
    struct worker workers[WORKERS_MAX];
    struct exchange_registry *exchanges;
    struct live *live;
    struct commit *commit;
    struct snapshot *snapshot;
    struct tap_point *points;
    uint32_t npoints;
    pthread_mutex_t lock; /* guards the queue */
    struct tapped *first, *last;
    int64_t queued_bytes;
    struct held_batch *errors; /* error rows met on the way, pushed at attach */
    atomic_bool *cancel;       /* what operators look at: the session's, or own_cancel */
    atomic_bool own_cancel;
    atomic_llong rows_done, rows_total;
    bool finished, spawned;
    pthread_t thread;
    struct backfill *next;
};

/* ---- list of what is under way */

static void list_add(struct backfill *bf)
{
    pthread_mutex_lock(&bf->db->lock);
    bf->next = bf->db->backfills;
    bf->db->backfills = bf;
    pthread_mutex_unlock(&bf->db->lock);
}

static void list_remove(struct backfill *bf)
{
    pthread_mutex_lock(&bf->db->lock);
    for (struct backfill **link = &bf->db->backfills; *link; link = &(*link)->next)
        if (*link == bf) {
            *link = bf->next;
            break;
        }
    pthread_cond_broadcast(&bf->db->progress);
    pthread_mutex_unlock(&bf->db->lock);
}

void wr_backfill_each(weir_db *db, void (*visit)(void *, const struct object *, const struct backfill_progress *),
                      void *context)
{
    pthread_mutex_lock(&db->lock);
    for (struct backfill *bf = db->backfills; bf; bf = bf->next) {
        struct backfill_progress p = {atomic_load(&bf->rows_done), atomic_load(&bf->rows_total), bf->finished};
        visit(context, bf->object, &p);
    }
    pthread_mutex_unlock(&db->lock);
}

static bool under_way(weir_db *db, uint32_t object)
{
    for (struct backfill *bf = db->backfills; bf; bf = bf->next)
        if (bf->object->id == object)
            return true;
    return false;
}

/* Both flags, under db->lock: while a backfill is listed its session is still inside the statement, whose flag the
 * operators look at between any two batches. */
static void ask_to_stop(struct backfill *bf)
{
    atomic_store(&bf->own_cancel, true);
    atomic_store(bf->cancel, true);
}

void wr_backfill_cancel(weir_db *db, uint32_t object)
{
    pthread_mutex_lock(&db->lock);
    for (struct backfill *bf = db->backfills; bf; bf = bf->next)
        if (bf->object->id == object)
            ask_to_stop(bf);
    while (under_way(db, object))
        pthread_cond_wait(&db->progress, &db->lock);
    pthread_mutex_unlock(&db->lock);
}

void wr_backfill_stop_all(weir_db *db)
{
    pthread_mutex_lock(&db->lock);
    for (struct backfill *bf = db->backfills; bf; bf = bf->next)
        ask_to_stop(bf);
    while (db->backfills)
        pthread_cond_wait(&db->progress, &db->lock);
    pthread_mutex_unlock(&db->lock);
}

/* ---- error rows of the backfill's own evaluation */

static bool backfill_errors(struct worker *worker, struct op *op, const struct batch *batch,
                            const struct eval_errors *errors)
{
    struct backfill *bf = worker->context;
    for (uint32_t from = 0; from < errors->n; from += BATCH_ROWS_MAX) {
        struct held_batch *held = wr_held_new(&bf->db->pool_state);
        held->batch = *wr_error_rows(&held->arena, bf->object, op, batch, errors, from);
        held->next = bf->errors;
        bf->errors = held;
    }
    return true;
}

/* ---- 1 reserve */

static const struct object *with_state(struct wr_arena *arena, const struct object *object, uint32_t id, bool creating)
{
    struct object *copy = WR_NEW(arena, struct object);
    *copy = *object;
    copy->id = id;
    copy->creating = creating;
    return copy;
}

static bool reserve(weir_db *db, void *argument, struct wr_error *err)
{
    struct backfill *bf = argument;
    if (wr_catalog_find(db->catalog, bf->object->schema, bf->object->name))
        return wr_fail(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", bf->object->name);
    for (uint16_t d = 0; d < bf->object->ndeps; d++)
        if (!wr_catalog_get(db->catalog, bf->object->deps[d]))
            return wr_fail(err, ERR_UNDEFINED_TABLE, "a relation read by \"%s\" was dropped", bf->object->name);
    bf->object = with_state(&bf->arena, bf->object, db->next_object++, true);
    wr_catalog_put(db, bf->object);
    wr_failpoint(FP_DDL);
    TRY(wr_loop_commit_sync(db, err));
    wr_catalog_publish(db, wr_catalog_with(db->catalog, bf->object));
    return true;
}

/* ---- 2 build */

static bool build(struct backfill *bf, struct wr_error *err)
{
    weir_db *db = bf->db;
    bf->commit = wr_commit_detached(db->store);
    bf->exchanges = db->nworkers > 1 ? wr_exchange_registry_new(db->nworkers, false) : NULL;
    for (uint32_t w = 0; w < db->nworkers; w++) {
        struct worker *worker = &bf->workers[w];
        wr_worker_setup(db, worker, w);
        worker->exchanges = bf->exchanges;
        worker->commit = bf->commit;
        worker->detached = true;
        worker->cancel = bf->cancel;
        worker->on_eval_errors = backfill_errors;
        worker->context = bf;
    }
    struct catalog *catalog = wr_catalog_current(db);
    bool ok = wr_live_new(db, catalog, bf->object, bf->workers, &bf->live, err);
    wr_catalog_release(catalog);
    return ok;
}

/* ---- 3 tap */

static void record_delta(void *context, uint32_t worker, const struct batch *batch)
{
    struct tap_point *point = context;
    struct backfill *bf = point->backfill;
    struct tapped *item = wr_malloc(sizeof *item);
    *item = (struct tapped){.batch = wr_held_copy(&bf->db->pool_queues, batch),
                            .relation = point->relation,
                            .worker = worker,
                            .epoch = bf->db->workers[worker].epoch};
    pthread_mutex_lock(&bf->lock);
    if (bf->last)
        bf->last->next = item;
    else
        bf->first = item;
    bf->last = item;
    bf->queued_bytes += (int64_t)item->batch->arena.total_bytes;
    pthread_mutex_unlock(&bf->lock);
}

static void hang_tap(struct backfill *bf, struct tap_point *point, struct live *from)
{
    point->tap = (struct tap){.record = record_delta, .context = point};
    for (uint32_t w = 0; w < bf->db->nworkers; w++) {
        point->ops[w] =
            (struct op){.cls = &op_tap, .dataflow = from->flows[w], .worker = &bf->db->workers[w], .impl = &point->tap};
        wr_op_connect(from->flows[w]->root, &point->ops[w], 0);
    }
    point->hung = true;
}

static void unhang_taps(struct backfill *bf)
{
    for (uint32_t p = 0; p < bf->npoints; p++) {
        struct tap_point *point = &bf->points[p];
        struct live *from = point->hung ? wr_live_find(bf->db, point->relation) : NULL;
        for (uint32_t w = 0; from && w < bf->db->nworkers; w++)
            wr_op_disconnect(from->flows[w]->root, &point->ops[w]);
        point->hung = false;
    }
}

static int64_t rows_to_scan(struct backfill *bf)
{
    int64_t total = 0;
    for (uint32_t p = 0; p < bf->npoints; p++) {
        struct live *from = wr_live_find(bf->db, bf->points[p].relation);
        if (!from || bf->points[p].is_source)
            continue;
        int64_t entries = 0, ram, disk;
        wr_trace_size(wr_relation_trace(&bf->db->workers[0], from->relation), &entries, &ram, &disk);
        total += entries;
    }
    return total;
}

static bool tap(weir_db *db, void *argument, struct wr_error *err)
{
    struct backfill *bf = argument;
    TRY(wr_loop_commit_sync(db, err));
    for (uint32_t p = 0; p < bf->npoints; p++) {
        struct tap_point *point = &bf->points[p];
        struct live *from = wr_live_find(db, point->relation);
        if (!from)
            return wr_fail(err, ERR_UNDEFINED_TABLE, "a relation read by \"%s\" was dropped", bf->object->name);
        point->is_source = from->object->kind == OBJECT_SOURCE;
        point->running = from->input != NULL;
        if (point->is_source) {
            if (!point->running)
                continue; /* starts with us: nothing is behind */
            point->nstop = from->input->noffsets;
            point->stop = WR_NEW_ARRAY(&bf->arena, struct partition_offset, point->nstop + 1);
            memcpy(point->stop, from->input->offsets, sizeof *point->stop * point->nstop);
            from->readers++; /* keeps it running until we are attached */
        }
        hang_tap(bf, point, from);
    }
    bf->snapshot = wr_store_snapshot(db->store);
    atomic_store(&bf->rows_total, rows_to_scan(bf));
    return true;
}

static bool find_points(struct backfill *bf)
{
    uint32_t ids[256];
    size_t n = bf->live->plan ? wr_plan_relations(bf->live->plan, ids, WR_COUNT(ids)) : 0;
    bf->points = WR_NEW_ARRAY(&bf->arena, struct tap_point, n + 1);
    bf->npoints = (uint32_t)n;
    for (size_t p = 0; p < n; p++) {
        bf->points[p].backfill = bf;
        bf->points[p].relation = ids[p];
    }
    return true;
}

/* ---- 4 scan */

static bool worker_failed(struct backfill *bf, struct wr_error *err)
{
    for (uint32_t w = 0; w < bf->db->nworkers; w++)
        if (bf->workers[w].error.sqlstate[0]) {
            *err = bf->workers[w].error;
            return false;
        }
    return wr_fail(err, ERR_INTERNAL, "backfill failed");
}

static bool canceled(struct backfill *bf, struct wr_error *err)
{
    if ((bf->cancel && atomic_load(bf->cancel)) || atomic_load(&bf->own_cancel)) {
        wr_fail(err, ERR_QUERY_CANCELED, "canceling statement due to user request");
        return true;
    }
    return false;
}

static bool seal_all(struct backfill *bf, struct wr_error *err)
{
    for (uint32_t w = 0; w < bf->db->nworkers; w++)
        if (!wr_dataflow_seal(bf->live->flows[w], bf->commit))
            return worker_failed(bf, err);
    wr_failpoint(FP_BACKFILL);
    return true;
}

struct scan_state {
    struct backfill *bf;
    uint32_t op_index;
    const struct relation *relation;
    uint32_t chunks;
    uint32_t n[WORKERS_MAX];
    const char **rows[WORKERS_MAX];
    int64_t *weights[WORKERS_MAX];
    struct wr_arena bytes;
};

static bool push_rows(struct scan_state *state, struct wr_error *err)
{
    struct backfill *bf = state->bf;
    for (uint32_t w = 0; w < bf->db->nworkers; w++) {
        if (!state->n[w])
            continue;
        struct worker *worker = &bf->workers[w];
        struct wr_mark mark = wr_arena_mark(&worker->arena);
        struct batch *batch = wr_row_decode(&worker->arena, state->relation->layout, state->rows[w], state->n[w]);
        batch->weights = state->weights[w];
        bool ok = wr_op_step(bf->live->flows[w]->ops[state->op_index], 0, batch);
        wr_arena_release(&worker->arena, mark);
        atomic_fetch_add(&bf->rows_done, state->n[w]);
        state->n[w] = 0;
        if (!ok)
            return worker_failed(bf, err);
    }
    wr_arena_release(&state->bytes, (struct wr_mark){0});
    if (canceled(bf, err))
        return false;
    if (++state->chunks % SEAL_EVERY_CHUNKS == 0)
        return seal_all(bf, err);
    return true;
}

static bool scan_version(struct scan_state *state, struct version *version, struct wr_error *err)
{
    struct backfill *bf = state->bf;
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    bool ok = true;
    const struct entry *entry;
    wr_error_clear(err);
    while (ok && (entry = wr_cursor_next(cursor, err))) {
        uint32_t w = wr_shard_owner((uint8_t)entry->key[0], bf->db->nworkers);
        uint32_t at = state->n[w]++;
        state->rows[w][at] = wr_arena_strndup(&state->bytes, entry->payload, entry->payload_len);
        state->weights[w][at] = wr_relation_weight(state->relation, entry);
        if (at + 1 == BATCH_ROWS_MAX)
            ok = push_rows(state, err);
    }
    ok = ok && !err->sqlstate[0];
    wr_cursor_close(cursor);
    return ok && push_rows(state, err);
}

static bool scan_relation(struct backfill *bf, uint32_t op_index, const struct object *object, struct wr_error *err)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct scan_state *state = WR_NEW(&arena, struct scan_state);
    *state = (struct scan_state){.bf = bf, .op_index = op_index, .relation = wr_relation_of(&arena, object)};
    wr_arena_init(&state->bytes, &bf->db->pool_scratch);
    for (uint32_t w = 0; w < bf->db->nworkers; w++) {
        state->rows[w] = WR_NEW_ARRAY(&arena, const char *, BATCH_ROWS_MAX);
        state->weights[w] = WR_NEW_ARRAY(&arena, int64_t, BATCH_ROWS_MAX);
    }
    enum trace_kind kind = state->relation->is_table ? TRACE_UPSERT : TRACE_ZSET;
    struct trace *trace = wr_trace_open(bf->db->store, state->relation->trace_id, kind);
    struct version *version = wr_snapshot_version(bf->snapshot, trace);
    bool ok = scan_version(state, version, err);
    wr_version_release(version);
    wr_arena_reset(&state->bytes);
    wr_arena_reset(&arena);
    return ok;
}

/* A source that already runs for others: read it up to where they are. */
static bool scan_source(struct backfill *bf, uint32_t op_index, const struct object *object,
                        const struct tap_point *point, struct wr_error *err)
{
    weir_db *db = bf->db;
    const char *connector = NULL;
    for (uint16_t i = 0; i < object->noptions; i++)
        if (!strcmp(object->options[i].key, "connector"))
            connector = object->options[i].value;
    const struct source_class *cls = wr_source_class(connector);
    struct source_config config = {.object = object,
                                   .pool = &db->pool_queues,
                                   .queue_bytes_max = WR_MIN(db->budget.limit_bytes / 16, QUEUE_BYTES_MAX),
                                   .nstop = point->nstop,
                                   .stop = point->stop,
                                   .embedded_broker = db->broker ? wr_embedded_broker_bootstrap(db->broker) : NULL,
                                   .wake = wr_db_wake,
                                   .wake_context = db,
                                   .log = wr_db_log_line,
                                   .log_context = db};
    struct source *source = NULL;
    TRY(cls->open(&config, &source, err));
    bool ok = true;
    uint32_t k = 0;
    while (ok) {
        struct source_chunk *chunk = cls->poll(source);
        if (chunk) {
            uint32_t w = k++ % db->nworkers;
            ok = wr_op_step(bf->live->flows[w]->ops[op_index], 0, &chunk->changes.rows) || worker_failed(bf, err);
            atomic_fetch_add(&bf->rows_done, chunk->changes.rows.nrows);
            wr_source_chunk_free(chunk);
            if (ok && k % SEAL_EVERY_CHUNKS == 0)
                ok = seal_all(bf, err);
            continue;
        }
        if (canceled(bf, err)) {
            ok = false;
        } else if (cls->caught_up(source, err)) {
            break;
        } else if (err->sqlstate[0]) {
            ok = false;
        } else {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
    cls->close(source);
    return ok;
}

static const struct tap_point *point_of(const struct backfill *bf, uint32_t relation)
{
    for (uint32_t p = 0; p < bf->npoints; p++)
        if (bf->points[p].relation == relation)
            return &bf->points[p];
    return NULL;
}

static bool flush_op(struct backfill *bf, uint32_t i, struct wr_error *err)
{
    for (uint32_t w = 0; w < bf->db->nworkers; w++)
        if (!wr_op_flush(bf->live->flows[w]->ops[i]))
            return worker_failed(bf, err);
    return true;
}

static bool flush_all(struct backfill *bf, struct wr_error *err)
{
    for (uint32_t i = 0; i < bf->live->flows[0]->nops; i++)
        TRY(flush_op(bf, i, err));
    return true;
}

static bool scan_all(struct backfill *bf, struct catalog *catalog, struct wr_error *err)
{
    struct dataflow *flow = bf->live->flows[0];
    for (uint32_t i = 0; i < flow->nops; i++) {
        struct op *op = flow->ops[i];
        if (op->cls == &op_scan) {
            const struct object *object = wr_catalog_get(catalog, op->plan->scan.object);
            const struct tap_point *point = point_of(bf, op->plan->scan.object);
            if (!object || !point)
                return wr_fail(err, ERR_UNDEFINED_TABLE, "a relation read by \"%s\" was dropped", bf->object->name);
            if (!point->is_source)
                TRY(scan_relation(bf, i, object, err));
            else if (point->running)
                TRY(scan_source(bf, i, object, point, err));
        } else if (op->cls == &op_values && !wr_op_values_emit(op)) {
            return worker_failed(bf, err);
        }
        TRY(flush_op(bf, i, err));
    }
    return true;
}

/* ---- 5 catch up */

static struct tapped *take_queue(struct backfill *bf, int64_t *bytes)
{
    pthread_mutex_lock(&bf->lock);
    struct tapped *items = bf->first;
    *bytes = bf->queued_bytes;
    bf->first = bf->last = NULL;
    bf->queued_bytes = 0;
    pthread_mutex_unlock(&bf->lock);
    return items;
}

static void free_queue(struct tapped *items)
{
    while (items) {
        struct tapped *next = items->next;
        wr_held_release(items->batch);
        free(items);
        items = next;
    }
}

static bool push_tapped(struct backfill *bf, const struct tapped *item, struct wr_error *err)
{
    struct dataflow *flow = bf->live->flows[item->worker];
    for (uint32_t s = 0; s < flow->nscans; s++) {
        struct op *scan = flow->scans[s];
        if (scan->plan->kind == PLAN_SCAN && scan->plan->scan.object == item->relation)
            if (!wr_op_step(scan, 0, &item->batch->batch))
                return worker_failed(bf, err);
    }
    return true;
}

/* The queue holds whole epochs when the loop stands still, else perhaps a part of the last one: views lag, and are
 * right at attach. */
static bool push_queue(struct backfill *bf, struct tapped *items, struct wr_error *err)
{
    bool ok = true;
    for (struct tapped *item = items; ok && item; item = item->next) {
        ok = push_tapped(bf, item, err);
        if (ok && (!item->next || item->next->epoch != item->epoch))
            ok = flush_all(bf, err);
    }
    free_queue(items);
    return ok;
}

static bool catch_up(struct backfill *bf, struct wr_error *err)
{
    for (int round = 0; round < CATCH_UP_ROUNDS; round++) {
        int64_t bytes;
        struct tapped *items = take_queue(bf, &bytes);
        TRY(push_queue(bf, items, err));
        TRY(seal_all(bf, err));
        /* written here, not by the commit in attach(), for which everybody waits */
        TRY(wr_commit_lighten(bf->commit, err));
        if (bytes < CATCH_UP_BYTES)
            return true;
        if (canceled(bf, err))
            return false;
    }
    return true;
}

/* ---- 6 attach, or undo */

static void adopt_workers(struct backfill *bf)
{
    weir_db *db = bf->db;
    for (uint32_t w = 0; w < db->nworkers; w++) {
        struct dataflow *flow = bf->live->flows[w];
        flow->worker = &db->workers[w];
        for (uint32_t i = 0; i < flow->nops; i++)
            flow->ops[i]->worker = &db->workers[w];
        if (db->exchanges)
            wr_exchange_adopt(db->exchanges, flow);
    }
}

static bool push_errors(struct backfill *bf, struct wr_error *err)
{
    weir_db *db = bf->db;
    while (bf->errors) {
        struct held_batch *held = bf->errors;
        bf->errors = held->next;
        bool ok = wr_op_step(db->errors->flows[0]->root, 0, &held->batch);
        wr_held_release(held);
        if (!ok) {
            *err = db->workers[0].error;
            return false;
        }
    }
    return true;
}

static bool attach(weir_db *db, void *argument, struct wr_error *err)
{
    struct backfill *bf = argument;
    int64_t bytes;
    if (canceled(bf, err))
        return false;
    TRY(push_queue(bf, take_queue(bf, &bytes), err));
    TRY(flush_all(bf, err));
    TRY(seal_all(bf, err));
    unhang_taps(bf);
    wr_commit_absorb(db->commit, bf->commit);
    bf->commit = NULL;
    db->dirty = true;
    adopt_workers(bf);
    struct live *live = bf->live;
    bf->live = NULL;
    TRY(wr_live_attach(db, live, err));
    for (uint32_t p = 0; p < bf->npoints; p++)
        if (bf->points[p].is_source && bf->points[p].running) {
            struct live *from = wr_live_find(db, bf->points[p].relation);
            from->readers--;
            bf->points[p].running = false;
        }
    TRY(push_errors(bf, err));
    struct object *done = WR_NEW(&bf->arena, struct object);
    *done = *bf->object;
    done->creating = false;
    done->plan_hash = wr_plan_hash(live->query_plan);
    wr_catalog_put(db, done);
    wr_failpoint(FP_DDL);
    TRY(wr_loop_commit_sync(db, err));
    wr_catalog_publish(db, wr_catalog_with(db->catalog, done));
    return true;
}

static bool undo(weir_db *db, void *argument, struct wr_error *err)
{
    struct backfill *bf = argument;
    unhang_taps(bf);
    for (uint32_t p = 0; p < bf->npoints; p++)
        if (bf->points[p].is_source && bf->points[p].running && bf->points[p].stop) {
            struct live *from = wr_live_find(db, bf->points[p].relation);
            if (from)
                from->readers--;
        }
    /* a server that stops leaves "creating" in the catalog: the next start resumes */
    if (db->stopping)
        return true;
    wr_catalog_publish(db, wr_catalog_without(db->catalog, bf->object->id));
    wr_catalog_remove(db, bf->object->id);
    return wr_loop_commit_sync(db, err);
}

static void backfill_free(struct backfill *bf)
{
    wr_live_free(bf->live);
    if (bf->snapshot)
        wr_snapshot_release(bf->snapshot);
    if (bf->commit)
        wr_commit_abandon(bf->commit);
    int64_t bytes;
    free_queue(take_queue(bf, &bytes));
    while (bf->errors) {
        struct held_batch *held = bf->errors;
        bf->errors = held->next;
        wr_held_release(held);
    }
    for (uint32_t w = 0; w < bf->db->nworkers; w++)
        wr_arena_reset(&bf->workers[w].arena);
    wr_exchange_registry_free(bf->exchanges);
    pthread_mutex_destroy(&bf->lock);
    list_remove(bf); /* the last use of db: whoever waits for the list may close it */
    wr_arena_reset(&bf->arena);
    free(bf);
}

static bool run_steps(struct backfill *bf, struct wr_error *err)
{
    TRY(build(bf, err));
    find_points(bf);
    TRY(wr_loop_call(bf->db, tap, bf, false, err));
    struct catalog *catalog = wr_catalog_current(bf->db);
    bool ok = scan_all(bf, catalog, err);
    wr_catalog_release(catalog);
    if (ok) {
        wr_snapshot_release(bf->snapshot);
        bf->snapshot = NULL;
        ok = catch_up(bf, err);
    }
    return ok && wr_loop_call(bf->db, attach, bf, false, err);
}

static bool run(struct backfill *bf, struct wr_error *err)
{
    bool ok = run_steps(bf, err);
    if (!ok) {
        struct wr_error ignored = WR_ERROR_INIT;
        (void)!wr_loop_call(bf->db, undo, bf, false, &ignored);
    }
    bf->finished = true;
    return ok;
}

static struct backfill *backfill_new(weir_db *db, const struct object *object, atomic_bool *cancel,
                                     struct wr_error *err)
{
    struct backfill *bf = wr_calloc(1, sizeof *bf);
    bf->db = db;
    wr_arena_init(&bf->arena, NULL);
    pthread_mutex_init(&bf->lock, NULL);
    bf->object = wr_object_copy(&bf->arena, object);
    bf->cancel = cancel ? cancel : &bf->own_cancel;
    if (!object->id && !wr_loop_call(db, reserve, bf, false, err)) {
        backfill_free(bf);
        return NULL;
    }
    list_add(bf);
    return bf;
}

bool wr_backfill_run(weir_db *db, const struct object *object, atomic_bool *cancel, struct wr_error *err)
{
    struct backfill *bf = backfill_new(db, object, cancel, err);
    if (!bf)
        return false;
    bool ok = run(bf, err);
    backfill_free(bf);
    return ok;
}

static void *spawned_main(void *argument)
{
    struct backfill *bf = argument;
    struct wr_error err = WR_ERROR_INIT;
    weir_db *db = bf->db;
    char name[128];
    snprintf(name, sizeof name, "%s", bf->object->name);
    if (!run(bf, &err) && !db->stopping)
        wr_db_log(db, "creating %s failed: %s: %s", name, err.sqlstate, err.message);
    backfill_free(bf);
    return NULL;
}

bool wr_backfill_spawn(weir_db *db, const struct object *object, struct wr_error *err)
{
    struct backfill *bf = backfill_new(db, object, NULL, err);
    if (!bf)
        return false;
    if (wr_thread_start(&bf->thread, spawned_main, bf, true))
        return true;
    struct wr_error ignored = WR_ERROR_INIT;
    (void)!wr_loop_call(db, undo, bf, false, &ignored);
    backfill_free(bf);
    return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start a thread for the backfill");
}
