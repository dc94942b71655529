/* Sink runners: deliver what commits owe a sink, in order, exactly once (law L3).
 *
 * A thread per sink reads the output log behind the last delivered record and hands what waits to the connector, as one
 * transaction: a sink slower than the commits makes bigger ones. A record's number is commit << 16 | part: the last one
 * is the marker in the Kafka transaction, and each, on top of a base found once, is the version of its messages. */
#include <stdio.h>

#include "base/clock.h"
#include "base/thread.h"
#include "connectors/options.h"
#include "engine/engine.h"

struct sink_runner {
    weir_db *db;
    struct live *live;
    struct wr_arena arena;
    struct sink_config config;
    const struct sink_class *cls;
    struct sink *sink;
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    uint64_t committed; /* when the runner was made: what a marker is compared with */
    uint64_t delivered; /* record number */
    uint64_t through;   /* every commit up to this one is delivered */
    uint64_t version_base;
    int64_t messages;
    bool stopped;
    struct wr_error error;
};

bool wr_sink_config_of(struct wr_arena *arena, weir_db *db, const struct live *live, struct sink_config *config)
{
    const struct relation *relation = live->relation;
    uint16_t *key = WR_NEW_ARRAY(arena, uint16_t, relation->nkey + 1);
    for (uint16_t k = 0; k < relation->nkey; k++)
        key[k] = relation->key[k].column;
    *config = (struct sink_config){.object = live->object,
                                   .ncols = relation->ncols,
                                   .names = relation->names,
                                   .types = relation->types,
                                   .key_kind = live->sink_key,
                                   .nkey = relation->nkey,
                                   .key = key,
                                   .layout = relation->layout,
                                   .io = &live->io,
                                   .embedded_broker = db->broker ? wr_embedded_broker_bootstrap(db->broker) : NULL,
                                   .instance = db->instance,
                                   .log = wr_db_log_line,
                                   .log_context = db};
    return true;
}

/* ---- records: as many as are waiting go into one transaction, up to this */

#define BATCH_BYTES_MAX ((size_t)4 << 20)

struct batch_of_records {
    uint64_t after;  /* record number */
    uint64_t number; /* of the last one */
    uint64_t commit; /* to count parts */
    uint32_t part;
    struct wr_buf bytes; /* per record: number, length, contents */
};

static bool pick_record(void *context, uint64_t commit, const void *bytes, size_t len)
{
    struct batch_of_records *batch = context;
    batch->part = commit == batch->commit ? batch->part + 1 : 0;
    batch->commit = commit;
    uint64_t number = commit << 16 | batch->part;
    if (number <= batch->after)
        return true;
    batch->number = number;
    wr_buf_u64le(&batch->bytes, number);
    wr_buf_blob(&batch->bytes, bytes, len);
    return batch->bytes.len < BATCH_BYTES_MAX;
}

struct decoded {
    struct wr_arena arena;
    struct sink_change *changes;
    uint32_t n, cap;
};

static void add_change(struct decoded *out, const struct sink_change *change)
{
    if (out->n == out->cap) {
        out->cap = out->cap ? out->cap * 2 : 256;
        struct sink_change *more = wr_arena_alloc(&out->arena, sizeof *more * out->cap);
        if (out->n)
            memcpy(more, out->changes, sizeof *more * out->n);
        out->changes = more;
    }
    out->changes[out->n++] = *change;
}

static void decode_record(struct decoded *out, uint64_t number, const char *bytes, size_t size)
{
    struct wr_reader r = wr_reader_of(bytes, size);
    while (r.ok && r.at < r.end) {
        struct sink_change change = {.op = (char)wr_get_byte(&r), .number = number};
        size_t len;
        change.row = wr_get_blob(&r, &len);
        change.row_len = (uint32_t)len;
        if (change.op == 'u') {
            change.old_row = wr_get_blob(&r, &len);
            change.old_row_len = (uint32_t)len;
        }
        if (r.ok)
            add_change(out, &change);
    }
}

static bool deliver(struct sink_runner *runner, struct batch_of_records *batch, struct wr_error *err)
{
    struct decoded decoded = {0};
    wr_arena_init(&decoded.arena, &runner->db->pool_scratch);
    struct wr_reader r = wr_reader_of(batch->bytes.data, batch->bytes.len);
    while (r.ok && r.at < r.end) {
        uint64_t number = wr_get_u64le(&r);
        size_t len;
        const char *bytes = wr_get_blob(&r, &len);
        if (r.ok)
            decode_record(&decoded, number, bytes, len);
    }
    bool ok = runner->cls->deliver(runner->sink, batch->number, runner->version_base + batch->number, decoded.changes,
                                   decoded.n, &runner->stop, err);
    wr_arena_reset(&decoded.arena);
    if (!ok)
        return false;
    pthread_mutex_lock(&runner->lock);
    runner->delivered = batch->number;
    runner->messages += decoded.n;
    pthread_mutex_unlock(&runner->lock);
    atomic_fetch_add(&runner->db->rows_out, decoded.n);
    return true;
}

/* Deliver all that is durable; *seen is the last commit looked at. */
static bool drain(struct sink_runner *runner, uint64_t *seen, struct wr_error *err)
{
    for (;;) {
        uint64_t durable = wr_store_committed(runner->db->store);
        *seen = durable;
        struct batch_of_records batch = {.after = runner->delivered, .commit = UINT64_MAX};
        /* The last commit delivered may have more parts, until it was found to have none: then it is truncated, and
         * its files go, while this thread looks on. */
        uint64_t from = runner->delivered >> 16;
        uint64_t after = WR_MAX(from ? from - 1 : 0, runner->through);
        wr_store_log_scan(runner->db->store, runner->live->id, after, pick_record, &batch);
        if (wr_store_failed(runner->db->store, err)) {
            wr_buf_free(&batch.bytes);
            return false;
        }
        if (!batch.bytes.len) {
            pthread_mutex_lock(&runner->lock);
            runner->through = WR_MAX(runner->through, durable);
            pthread_mutex_unlock(&runner->lock);
            pthread_mutex_lock(&runner->db->lock);
            pthread_cond_broadcast(&runner->db->progress);
            pthread_mutex_unlock(&runner->db->lock);
            return true;
        }
        bool ok = deliver(runner, &batch, err);
        wr_buf_free(&batch.bytes);
        TRY(ok);
    }
}

/* ---- the marker and the version base */

struct base_argument {
    uint32_t id;
    uint64_t base;
};

static bool put_base(weir_db *db, void *argument, struct wr_error *err)
{
    const struct base_argument *base = argument;
    char key[32];
    int len = snprintf(key, sizeof key, "sink/%u", base->id);
    struct wr_buf value = WR_BUF_INIT;
    wr_buf_u64be(&value, base->base);
    wr_commit_put(db->commit, key, (size_t)len, value.data, value.len);
    wr_buf_free(&value);
    db->dirty = true;
    return true;
}

/* A marker is compared with what was committed when the directory was opened: sources go on meanwhile, and a copy of
 * the directory would soon have overtaken the marker. */
static bool recover(struct sink_runner *runner, struct wr_error *err)
{
    weir_db *db = runner->db;
    uint64_t last = 0, floor = 0;
    TRY(runner->cls->recover(runner->sink, runner->committed << 16 | 0xffff, &last, &floor, err));
    runner->delivered = last;
    char key[32];
    int len = snprintf(key, sizeof key, "sink/%u", runner->live->id);
    struct wr_buf value = WR_BUF_INIT;
    if (wr_store_get(db->store, key, (size_t)len, &value) && value.len == 8) {
        runner->version_base = wr_load_u64be(value.data);
        wr_buf_free(&value);
        return true;
    }
    wr_buf_free(&value);
    struct base_argument base = {runner->live->id, floor};
    runner->version_base = floor;
    return wr_loop_call_unless(db, put_base, &base, true, &runner->stop, err);
}

static void nap(struct sink_runner *runner, int ms)
{
    pthread_mutex_lock(&runner->lock);
    if (!atomic_load(&runner->stop))
        wr_cond_wait_until(&runner->wake, &runner->lock, wr_clock_ns() + ms * WR_NS_PER_MS);
    pthread_mutex_unlock(&runner->lock);
}

/* Until a commit behind `seen` is durable. */
static void await_commit(struct sink_runner *runner, uint64_t seen)
{
    weir_db *db = runner->db;
    pthread_mutex_lock(&db->lock);
    while (db->durable_commit <= seen && !db->failed && !atomic_load(&runner->stop))
        pthread_cond_wait(&db->progress, &db->lock);
    bool failed = db->failed;
    pthread_mutex_unlock(&db->lock);
    if (failed)
        nap(runner, 1000);
}

static void stop_with(struct sink_runner *runner, const struct wr_error *err)
{
    pthread_mutex_lock(&runner->lock);
    runner->stopped = true;
    runner->error = *err;
    pthread_mutex_unlock(&runner->lock);
    wr_db_log(runner->db, "sink %s stopped: %s: %s", runner->live->object->name, err->sqlstate, err->message);
}

static void *runner_main(void *argument)
{
    struct sink_runner *runner = argument;
    struct wr_error err = WR_ERROR_INIT;
    bool ready = false;
    while (!atomic_load(&runner->stop) && !ready) {
        ready = runner->cls->open(&runner->config, &runner->sink, &err) && recover(runner, &err);
        if (ready || atomic_load(&runner->stop))
            break;
        if (strncmp(err.sqlstate, "08", 2) != 0) { /* only a broker that is away is waited for */
            stop_with(runner, &err);
            return NULL;
        }
        wr_db_log(runner->db, "sink %s: %s; trying again", runner->live->object->name, err.message);
        if (runner->sink)
            runner->cls->close(runner->sink);
        runner->sink = NULL;
        nap(runner, 1000);
    }
    uint64_t seen = 0;
    while (!atomic_load(&runner->stop)) {
        if (!drain(runner, &seen, &err)) {
            if (!atomic_load(&runner->stop))
                stop_with(runner, &err);
            return NULL;
        }
        await_commit(runner, seen);
    }
    return NULL;
}

static void runner_free(struct sink_runner *runner)
{
    wr_arena_reset(&runner->arena);
    pthread_mutex_destroy(&runner->lock);
    pthread_cond_destroy(&runner->wake);
    free(runner);
}

bool wr_sink_runner_start(weir_db *db, struct live *live, struct sink_runner **out, struct wr_error *err)
{
    const char *connector = wr_option_get(live->object, "connector");
    const struct sink_class *cls = connector ? wr_sink_class(connector) : NULL;
    if (!cls)
        return wr_fail(err, ERR_INVALID_PARAMETER, "connector \"%s\" does not exist for sinks",
                       connector ? connector : "");
    if (!cls->needs_log)
        return true;
    struct sink_runner *runner = wr_calloc(1, sizeof *runner);
    runner->db = db;
    runner->live = live;
    runner->cls = cls;
    runner->committed = wr_store_committed(db->store);
    wr_arena_init(&runner->arena, NULL);
    wr_sink_config_of(&runner->arena, db, live, &runner->config);
    wr_client_share(db);
    runner->config.client_bytes_max = atomic_load(&db->client_bytes_max);
    runner->config.client_pool = &db->pool_clients;
    runner->config.stop = &runner->stop;
    pthread_mutex_init(&runner->lock, NULL);
    wr_cond_init(&runner->wake);
    if (!wr_thread_start(&runner->thread, runner_main, runner, false)) {
        runner_free(runner);
        return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start the thread of sink %s", live->object->name);
    }
    *out = runner;
    return true;
}

void wr_sink_runner_ask(struct sink_runner *runner)
{
    pthread_mutex_lock(&runner->db->lock);
    atomic_store(&runner->stop, true);
    pthread_cond_broadcast(&runner->db->progress);
    pthread_mutex_unlock(&runner->db->lock);
    pthread_mutex_lock(&runner->lock);
    pthread_cond_signal(&runner->wake);
    pthread_mutex_unlock(&runner->lock);
}

void wr_sink_runner_end(struct sink_runner *runner)
{
    pthread_join(runner->thread, NULL);
    if (runner->sink)
        runner->cls->close(runner->sink);
    runner_free(runner);
}

uint64_t wr_sink_runner_delivered(struct sink_runner *runner)
{
    pthread_mutex_lock(&runner->lock);
    uint64_t through = runner->through, delivered = runner->delivered >> 16;
    pthread_mutex_unlock(&runner->lock);
    return WR_MAX(through, delivered ? delivered - 1 : 0);
}

void wr_sink_runner_status(struct sink_runner *runner, struct sink_status *status)
{
    uint64_t durable = wr_store_committed(runner->db->store);
    pthread_mutex_lock(&runner->lock);
    *status = (struct sink_status){.delivered_commit = runner->through,
                                   .messages = runner->messages,
                                   .backlog = (int64_t)(durable - WR_MIN(durable, runner->through)),
                                   .stopped = runner->stopped};
    snprintf(status->error, sizeof status->error, "%.200s", runner->stopped ? runner->error.message : "");
    pthread_mutex_unlock(&runner->lock);
}
