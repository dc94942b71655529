/* Backfill: new views and sinks catch up with what is there while everything else goes on (law L6).
 *
 *   1 build    dataflows of their own, run by this thread, state in a detached commit
 *   2 tap      (loop) commit; from this very commit a snapshot, and taps on the relations read record every later delta
 *   3 scan     the snapshot through the dataflows; sources: a private reader up to the positions of step 2
 *   4 catch up push what the taps recorded, epoch by epoch, until little is left
 *   5 complete (loop) the rest; the dataflows can be attached (ddl.c)
 *   6 hand over(loop) absorb the detached commit
 *
 * Several views and sinks of one transaction go through this together: what reads another of them hangs on it from the
 * start and gets its delta by push, as in the live graph. Tables and sources of the same transaction are still empty:
 * what is written to them comes after all is attached.
 *
 * With several workers all instances are run by the one thread of the backfill (exchanges push directly). Cancel and
 * errors undo all.
 */
#include "engine/backfill.h"

#include "base/failpoint.h"
#include "base/thread.h"
#include "connectors/options.h"

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
    bool hung, is_source;
    bool held; /* a source that runs: we keep it running until our views read it */
    struct partition_offset *stop;
    uint32_t nstop;
};

/* ---- error rows of the backfill's own evaluation */

static const struct object *object_of(const struct backfill *bf, uint32_t id)
{
    for (uint32_t i = 0; i < bf->n; i++)
        if (bf->objects[i]->id == id)
            return bf->objects[i];
    return NULL;
}

static bool backfill_errors(struct worker *worker, struct op *op, const struct batch *batch,
                            const struct eval_errors *errors)
{
    struct backfill *bf = worker->context;
    const struct object *object = object_of(bf, op->dataflow->object);
    for (uint32_t from = 0; from < errors->n; from += BATCH_ROWS_MAX) {
        struct held_batch *held = wr_held_new(&bf->db->pool_state);
        held->batch = *wr_error_rows(&held->arena, object, op, batch, errors, from);
        held->next = bf->errors;
        bf->errors = held;
    }
    return true;
}

/* ---- 1 build */

static bool catches_up(const struct object *object)
{
    return wr_object_has_query(object);
}

static struct live *live_of(const struct backfill *bf, uint32_t id)
{
    for (uint32_t i = 0; i < bf->n; i++)
        if (bf->objects[i]->id == id)
            return bf->lives[i];
    return NULL;
}

typedef void (*link_fn)(struct op *from, struct op *to);

static void link_one(struct op *from, struct op *to)
{
    wr_op_connect(from, to, 0);
}

/* Views that read others of this backfill hang on them; the live graph will connect them again. */
static void each_link(struct backfill *bf, link_fn fn)
{
    for (uint32_t i = 0; i < bf->n; i++)
        for (uint32_t w = 0; bf->lives[i] && w < bf->db->nworkers; w++) {
            struct dataflow *flow = bf->lives[i]->flows[w];
            for (uint32_t s = 0; s < flow->nscans; s++) {
                struct op *scan = flow->scans[s];
                struct live *from = scan->plan->kind == PLAN_SCAN ? live_of(bf, scan->plan->scan.object) : NULL;
                if (from)
                    fn(from->flows[w]->root, scan);
            }
        }
}

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
    for (uint32_t i = 0; i < bf->n; i++)
        if (catches_up(bf->objects[i]))
            TRY(wr_live_new(db, bf->catalog, bf->objects[i], bf->workers, &bf->lives[i], err));
    each_link(bf, link_one);
    return true;
}

/* ---- 2 tap */

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

static void release_sources(struct backfill *bf)
{
    for (uint32_t p = 0; p < bf->npoints; p++) {
        struct tap_point *point = &bf->points[p];
        struct live *from = point->held ? wr_live_find(bf->db, point->relation) : NULL;
        point->held = false;
        if (from)
            wr_live_release_source(bf->db, from);
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

/* Why a relation that the catalog had is not running. */
static bool not_running(const struct backfill *bf, uint32_t relation, struct wr_error *err)
{
    struct catalog *catalog = wr_catalog_current(bf->db);
    const struct object *object = wr_catalog_get(catalog, relation);
    bool creating = object && object->creating;
    if (creating)
        wr_fail(err, ERR_NOT_READY, "materialized view \"%s\" is still being created", object->name);
    wr_catalog_release(catalog);
    return !creating &&
           wr_fail(err, ERR_UNDEFINED_TABLE, "a relation read by \"%s\" was dropped", bf->objects[bf->n - 1]->name);
}

static bool tap(weir_db *db, void *argument, struct wr_error *err)
{
    struct backfill *bf = argument;
    for (uint32_t p = 0; p < bf->npoints; p++) {
        struct tap_point *point = &bf->points[p];
        struct live *from = wr_live_find(db, point->relation);
        if (!from)
            return not_running(bf, point->relation, err);
        point->is_source = from->object->kind == OBJECT_SOURCE;
        if (point->is_source) {
            if (!from->input)
                continue; /* starts with us: nothing is behind */
            point->nstop = from->input->noffsets;
            point->stop = WR_NEW_ARRAY(&bf->arena, struct partition_offset, point->nstop + 1);
            memcpy(point->stop, from->input->offsets, sizeof *point->stop * point->nstop);
            from->readers++;
            point->held = true;
        }
        hang_tap(bf, point, from);
    }
    atomic_store(&bf->rows_total, rows_to_scan(bf));
    return wr_loop_pin(db, &bf->pin, err);
}

#define POINTS_MAX 1024

static const struct tap_point *point_of(const struct backfill *bf, uint32_t relation)
{
    for (uint32_t p = 0; p < bf->npoints; p++)
        if (bf->points[p].relation == relation)
            return &bf->points[p];
    return NULL;
}

static bool listed(const uint32_t *ids, uint32_t n, uint32_t id)
{
    for (uint32_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* What was there before us and is read by any of the views. */
static bool find_points(struct backfill *bf, struct wr_error *err)
{
    uint32_t all[POINTS_MAX], ids[POINTS_MAX], npoints = 0;
    for (uint32_t i = 0; i < bf->n; i++) {
        size_t n = bf->lives[i] && bf->lives[i]->plan ? wr_plan_relations(bf->lives[i]->plan, ids, POINTS_MAX) : 0;
        for (size_t p = 0; p < n; p++) {
            if (n > POINTS_MAX || npoints == POINTS_MAX)
                return wr_fail(err, ERR_PROGRAM_LIMIT, "\"%s\" reads too many relations", bf->objects[i]->name);
            if (!object_of(bf, ids[p]) && !listed(all, npoints, ids[p]))
                all[npoints++] = ids[p];
        }
    }
    bf->points = WR_NEW_ARRAY(&bf->arena, struct tap_point, npoints + 1);
    for (; bf->npoints < npoints; bf->npoints++)
        bf->points[bf->npoints] = (struct tap_point){.backfill = bf, .relation = all[bf->npoints]};
    return true;
}

/* ---- 3 scan */

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
    for (uint32_t i = 0; i < bf->n; i++)
        for (uint32_t w = 0; bf->lives[i] && w < bf->db->nworkers; w++)
            if (!wr_dataflow_seal(bf->lives[i]->flows[w], bf->commit))
                return worker_failed(bf, err);
    wr_failpoint(FP_BACKFILL);
    return true;
}

struct scan_state {
    struct backfill *bf;
    const struct live *live;
    uint32_t op_index;
    const struct relation *relation;
    uint32_t chunks;
    size_t len; /* of the rows gathered */
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
        bool ok = wr_op_step(state->live->flows[w]->ops[state->op_index], 0, batch);
        wr_arena_release(&worker->arena, mark);
        atomic_fetch_add(&bf->rows_done, state->n[w]);
        state->n[w] = 0;
        if (!ok)
            return worker_failed(bf, err);
    }
    state->len = 0;
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
        state->len += entry->payload_len;
        if (at + 1 == BATCH_ROWS_MAX || state->len > BATCH_BYTES_ENOUGH)
            ok = push_rows(state, err);
    }
    ok = ok && !err->sqlstate[0];
    wr_cursor_close(cursor);
    return ok && push_rows(state, err);
}

static bool scan_relation(struct backfill *bf, const struct live *live, uint32_t op_index, const struct object *object,
                          struct wr_error *err)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct scan_state *state = WR_NEW(&arena, struct scan_state);
    *state =
        (struct scan_state){.bf = bf, .live = live, .op_index = op_index, .relation = wr_relation_of(&arena, object)};
    wr_arena_init(&state->bytes, &bf->db->pool_scratch);
    for (uint32_t w = 0; w < bf->db->nworkers; w++) {
        state->rows[w] = WR_NEW_ARRAY(&arena, const char *, BATCH_ROWS_MAX);
        state->weights[w] = WR_NEW_ARRAY(&arena, int64_t, BATCH_ROWS_MAX);
    }
    enum trace_kind kind = state->relation->is_table ? TRACE_UPSERT : TRACE_ZSET;
    struct version *version = wr_snapshot_version_of(bf->pin.snapshot, state->relation->trace_id, kind);
    bool ok = scan_version(state, version, err);
    wr_version_release(version);
    wr_arena_reset(&state->bytes);
    wr_arena_reset(&arena);
    return ok;
}

/* A source that already runs for others: read it up to where they are. */
static bool scan_source(struct backfill *bf, const struct live *live, uint32_t op_index, const struct object *object,
                        const struct tap_point *point, struct wr_error *err)
{
    weir_db *db = bf->db;
    const char *connector = wr_option_get(object, "connector");
    const struct source_class *cls = wr_source_class(connector);
    struct source_config config = wr_source_config_of(db, object);
    config.nstop = point->nstop;
    config.stop = point->stop;
    struct source *source = NULL;
    TRY(cls->open(&config, &source, err));
    bool ok = true;
    uint32_t k = 0;
    while (ok) {
        struct source_chunk *chunk = cls->poll(source);
        if (chunk) {
            uint32_t w = k++ % db->nworkers;
            ok = wr_op_step(live->flows[w]->ops[op_index], 0, &chunk->changes.rows) || worker_failed(bf, err);
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

static bool flush_op(struct backfill *bf, const struct live *live, uint32_t i, struct wr_error *err)
{
    for (uint32_t w = 0; w < bf->db->nworkers; w++)
        if (!wr_op_flush(live->flows[w]->ops[i]))
            return worker_failed(bf, err);
    return true;
}

static bool flush_all(struct backfill *bf, struct wr_error *err)
{
    for (uint32_t i = 0; i < bf->n; i++)
        for (uint32_t o = 0; bf->lives[i] && o < bf->lives[i]->flows[0]->nops; o++)
            TRY(flush_op(bf, bf->lives[i], o, err));
    return true;
}

/* Relations of this very transaction push by themselves, or are empty yet. */
static bool scan_op(struct backfill *bf, const struct live *live, uint32_t i, struct wr_error *err)
{
    uint32_t relation = live->flows[0]->ops[i]->plan->scan.object;
    if (object_of(bf, relation))
        return true;
    const struct object *object = wr_catalog_get(bf->catalog, relation);
    const struct tap_point *point = point_of(bf, relation);
    if (!object || !point)
        return not_running(bf, relation, err);
    if (!point->is_source)
        return scan_relation(bf, live, i, object, err);
    return !point->held || scan_source(bf, live, i, object, point, err);
}

static bool scan_all(struct backfill *bf, const struct live *live, struct wr_error *err)
{
    struct dataflow *flow = live->flows[0];
    for (uint32_t i = 0; i < flow->nops; i++) {
        struct op *op = flow->ops[i];
        if (op->cls == &op_scan)
            TRY(scan_op(bf, live, i, err));
        else if (op->cls == &op_values && !wr_op_values_emit(op))
            return worker_failed(bf, err);
        TRY(flush_op(bf, live, i, err));
    }
    return true;
}

/* ---- 4 catch up */

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

static bool push_tapped(struct backfill *bf, const struct live *live, const struct tapped *item, struct wr_error *err)
{
    struct dataflow *flow = live->flows[item->worker];
    for (uint32_t s = 0; s < flow->nscans; s++) {
        struct op *scan = flow->scans[s];
        if (scan->plan->kind == PLAN_SCAN && scan->plan->scan.object == item->relation)
            if (!wr_op_step(scan, 0, &item->batch->batch))
                return worker_failed(bf, err);
    }
    return true;
}

/* The queue holds whole epochs when the loop stands still, else perhaps a part of the last one: views lag, and are
 * right when they are complete. */
static bool push_queue(struct backfill *bf, struct tapped *items, struct wr_error *err)
{
    bool ok = true;
    for (struct tapped *item = items; ok && item; item = item->next) {
        for (uint32_t i = 0; ok && i < bf->n; i++)
            ok = !bf->lives[i] || push_tapped(bf, bf->lives[i], item, err);
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
        /* written here, not by the commit that everybody waits for */
        TRY(wr_commit_lighten(bf->commit, err));
        if (bytes < CATCH_UP_BYTES)
            return true;
        if (canceled(bf, err))
            return false;
    }
    return true;
}

static bool prepare(struct backfill *bf, struct wr_error *err)
{
    TRY(build(bf, err));
    TRY(find_points(bf, err));
    TRY(wr_loop_call(bf->db, tap, bf, false, err));
    TRY(wr_loop_pinned(bf->db, &bf->pin, err));
    for (uint32_t i = 0; i < bf->n; i++)
        TRY(!bf->lives[i] || scan_all(bf, bf->lives[i], err));
    wr_loop_unpin(bf->db, &bf->pin);
    return catch_up(bf, err);
}

struct preparation {
    struct backfill *bf;
    struct wr_error *err;
    bool ok;
};

static void *prepare_main(void *argument)
{
    struct preparation *p = argument;
    wr_thread_background();
    p->ok = prepare(p->bf, p->err);
    return NULL;
}

/* On a thread of its own, which gives way to others; the caller's must not. */
bool wr_backfill_prepare(struct backfill *bf, struct catalog *catalog, struct wr_error *err)
{
    bf->catalog = wr_catalog_retain(catalog);
    struct preparation p = {bf, err, false};
    pthread_t thread;
    if (!wr_thread_start(&thread, prepare_main, &p, false))
        return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start a thread for the backfill");
    pthread_join(thread, NULL);
    return p.ok;
}

/* ---- 5 complete, 6 hand over */

static void adopt_workers(weir_db *db, struct live *live)
{
    for (uint32_t w = 0; w < db->nworkers; w++) {
        struct dataflow *flow = live->flows[w];
        flow->worker = &db->workers[w];
        for (uint32_t i = 0; i < flow->nops; i++)
            flow->ops[i]->worker = &db->workers[w];
        if (db->exchanges)
            wr_exchange_adopt(db->exchanges, flow);
    }
}

bool wr_backfill_complete(struct backfill *bf, struct wr_error *err)
{
    int64_t bytes;
    if (canceled(bf, err))
        return false;
    TRY(push_queue(bf, take_queue(bf, &bytes), err));
    TRY(flush_all(bf, err));
    TRY(seal_all(bf, err));
    unhang_taps(bf);
    each_link(bf, wr_op_disconnect);
    for (uint32_t i = 0; i < bf->n; i++)
        if (bf->lives[i])
            adopt_workers(bf->db, bf->lives[i]);
    return true;
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

bool wr_backfill_hand_over(struct backfill *bf, struct wr_error *err)
{
    wr_commit_absorb(bf->db->commit, bf->commit);
    bf->commit = NULL;
    bf->db->dirty = true;
    memset(bf->lives, 0, sizeof(struct live *) * bf->n);
    release_sources(bf);
    return push_errors(bf, err);
}

/* ---- life */

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

struct backfill *wr_backfill_new(weir_db *db, const struct object *const *objects, uint32_t n, atomic_bool *cancel)
{
    struct backfill *bf = wr_calloc(1, sizeof *bf);
    bf->db = db;
    wr_arena_init(&bf->arena, NULL);
    pthread_mutex_init(&bf->lock, NULL);
    bf->n = n;
    bf->objects = WR_NEW_ARRAY(&bf->arena, const struct object *, n + 1);
    bf->lives = WR_NEW_ARRAY(&bf->arena, struct live *, n + 1);
    for (uint32_t i = 0; i < n; i++)
        bf->objects[i] = wr_object_copy(&bf->arena, objects[i]);
    bf->cancel = cancel ? cancel : &bf->own_cancel;
    list_add(bf);
    return bf;
}

static bool let_go(weir_db *db, void *argument, struct wr_error *err)
{
    unhang_taps(argument);
    release_sources(argument);
    return true;
}

static bool holds_any(const struct backfill *bf)
{
    for (uint32_t p = 0; p < bf->npoints; p++)
        if (bf->points[p].hung || bf->points[p].held)
            return true;
    return false;
}

void wr_backfill_end(struct backfill *bf)
{
    struct wr_error ignored = WR_ERROR_INIT;
    if (holds_any(bf))
        (void)!wr_loop_call(bf->db, let_go, bf, false, &ignored);
    for (uint32_t i = 0; i < bf->n; i++)
        wr_live_free(bf->lives[i]);
    wr_loop_unpin(bf->db, &bf->pin);
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
    wr_catalog_release(bf->catalog);
    list_remove(bf); /* the last use of db: whoever waits for the list may close it */
    wr_arena_reset(&bf->arena);
    free(bf);
}
