/* Subscriptions: a relation's changes as commits become durable.
 *
 * An operator on the relation's root records deltas; the recorded ones are handed out, consolidated per commit, once
 * their commit is durable. Begins like a backfill: at a commit, with a snapshot of exactly that commit. */
#include "engine/session.h"

#include "base/clock.h"
#include "state/change_log.h"

/* Who waits for changes looks this often whether the relation is still there. */
#define LOOK_AGAIN_MS 100

struct recorded {
    struct held_batch *batch;
    uint64_t commit; /* the one it will be part of */
    struct recorded *next;
};

struct weir_subscription {
    weir_db *db;
    struct weir_session *session;
    struct wr_arena arena;
    uint32_t object;
    struct relation *relation;
    struct tap tap;
    struct op ops[WORKERS_MAX];
    bool hung;
    pthread_mutex_t lock;
    struct recorded *first, *last;
    struct pin pin; /* where it begins */
    uint64_t start_commit;
    struct version *version;
    struct cursor *cursor; /* over the snapshot */
    /* the commit being handed out */
    struct change_log changes;
    uint32_t at;
    bool inserting; /* retractions of a commit come first */
    uint64_t commit;
    const char *row;
    struct wr_buf *texts;
    struct wr_arena scratch;
};

static void record(void *context, uint32_t worker, const struct batch *batch)
{
    struct weir_subscription *s = context;
    struct recorded *item = wr_malloc(sizeof *item);
    *item = (struct recorded){.batch = wr_held_copy(&s->db->pool_queues, batch),
                              .commit = wr_store_next_commit(s->db->store)};
    pthread_mutex_lock(&s->lock);
    if (s->last)
        s->last->next = item;
    else
        s->first = item;
    s->last = item;
    pthread_mutex_unlock(&s->lock);
}

static bool hang(weir_db *db, void *argument, struct wr_error *err)
{
    struct weir_subscription *s = argument;
    struct live *live = wr_live_find(db, s->object);
    if (!live)
        return wr_fail(err, ERR_UNDEFINED_TABLE, "the relation was dropped");
    s->tap = (struct tap){.record = record, .context = s};
    for (uint32_t w = 0; w < db->nworkers; w++) {
        s->ops[w] = (struct op){.cls = &op_tap, .dataflow = live->flows[w], .worker = &db->workers[w], .impl = &s->tap};
        wr_op_connect(live->flows[w]->root, &s->ops[w], 0);
    }
    s->hung = true;
    TRY(wr_loop_pin(db, &s->pin, err));
    s->start_commit = s->pin.commit;
    return true;
}

static bool unhang(weir_db *db, void *argument, struct wr_error *err)
{
    struct weir_subscription *s = argument;
    struct live *live = wr_live_find(db, s->object);
    for (uint32_t w = 0; live && w < db->nworkers; w++)
        wr_op_disconnect(live->flows[w]->root, &s->ops[w]);
    s->hung = false;
    return true;
}

static void give(weir_error *error, const struct wr_error *err)
{
    if (error)
        memcpy(error, err, sizeof *error);
}

weir_code weir_subscribe(weir_session *session, const char *name, bool snapshot, weir_subscription **out,
                         weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    weir_db *db = session->db;
    *out = NULL;
    struct catalog *catalog = wr_catalog_current(db);
    const struct object *object = wr_catalog_find(catalog, NULL, name);
    bool readable = object && (object->kind == OBJECT_TABLE || object->kind == OBJECT_MATERIALIZED_VIEW);
    struct weir_subscription *s = NULL;
    if (!readable) {
        wr_fail(&err, object ? ERR_WRONG_OBJECT_TYPE : ERR_UNDEFINED_TABLE,
                object ? "\"%s\" is not a table or materialized view" : "relation \"%s\" does not exist", name);
    } else {
        s = wr_calloc(1, sizeof *s);
        s->db = db;
        s->session = session;
        wr_arena_init(&s->arena, NULL);
        wr_arena_init(&s->scratch, NULL);
        s->object = object->id;
        s->relation = wr_relation_of(&s->arena, wr_object_copy(&s->arena, object));
        s->texts = WR_NEW_ARRAY(&s->arena, struct wr_buf, s->relation->ncols + 1);
        pthread_mutex_init(&s->lock, NULL);
        wr_change_log_init(&s->changes, &db->pool_queues);
        readable = wr_loop_call(db, hang, s, false, &err) && wr_loop_pinned(db, &s->pin, &err);
    }
    wr_catalog_release(catalog);
    if (!readable) {
        weir_subscription_close(s);
        give(error, &err);
        return WEIR_ERROR;
    }
    if (snapshot) {
        enum trace_kind kind = s->relation->is_table ? TRACE_UPSERT : TRACE_ZSET;
        s->version = wr_snapshot_version_of(s->pin.snapshot, s->relation->trace_id, kind);
        s->cursor = wr_cursor_open(s->version, NULL, 0, NULL, 0);
    }
    *out = s;
    return WEIR_OK;
}

static void end_snapshot(struct weir_subscription *s)
{
    if (s->cursor)
        wr_cursor_close(s->cursor);
    if (s->version)
        wr_version_release(s->version);
    wr_loop_unpin(s->db, &s->pin);
    s->cursor = NULL;
    s->version = NULL;
}

/* Collect all recorded deltas of the oldest durable commit. */
static bool next_commit(struct weir_subscription *s)
{
    wr_change_log_clear(&s->changes);
    s->at = 0;
    s->inserting = false;
    uint64_t durable = wr_store_committed(s->db->store);
    pthread_mutex_lock(&s->lock);
    uint64_t commit = s->first && s->first->commit <= durable ? s->first->commit : 0;
    while (commit && s->first && s->first->commit == commit) {
        struct recorded *item = s->first;
        s->first = item->next;
        if (!s->first)
            s->last = NULL;
        const struct batch *batch = &item->batch->batch;
        char **rows = wr_arena_alloc(&s->scratch, sizeof *rows * batch->nrows);
        uint32_t *sizes = wr_arena_alloc(&s->scratch, sizeof *sizes * batch->nrows);
        wr_row_encode_all(&s->scratch, s->relation->layout, batch, NULL, rows, sizes);
        struct keys keys;
        wr_relation_keys(&s->scratch, s->relation, batch, rows, sizes, &keys);
        wr_change_log_add_batch(&s->changes, &keys, rows, sizes, batch);
        wr_arena_release(&s->scratch, (struct wr_mark){0});
        wr_held_release(item->batch);
        free(item);
    }
    pthread_mutex_unlock(&s->lock);
    wr_change_log_sort(&s->changes);
    s->commit = commit;
    return commit != 0;
}

static uint64_t durable_commit(weir_db *db, bool *failed)
{
    pthread_mutex_lock(&db->lock);
    uint64_t durable = db->durable_commit;
    *failed = db->failed;
    pthread_mutex_unlock(&db->lock);
    return durable;
}

/* Until a commit behind `seen` is durable, but no longer than until the deadline, nor than it may take to hear of a
 * DROP. */
static void await_commit(weir_db *db, uint64_t seen, int64_t deadline_ns)
{
    deadline_ns = WR_MIN(deadline_ns, wr_clock_ns() + LOOK_AGAIN_MS * WR_NS_PER_MS);
    pthread_mutex_lock(&db->lock);
    while (db->durable_commit <= seen && !db->failed && wr_cond_wait_until(&db->progress, &db->lock, deadline_ns))
        ;
    pthread_mutex_unlock(&db->lock);
}

/* Nothing comes any more behind what has been recorded. */
static bool was_dropped(struct weir_subscription *s, struct wr_error *err)
{
    struct catalog *catalog = wr_catalog_current(s->db);
    bool gone = !wr_catalog_get(catalog, s->object);
    wr_catalog_release(catalog);
    if (gone)
        wr_fail(err, ERR_UNDEFINED_TABLE, "relation \"%s\" was dropped", s->relation->name);
    return gone;
}

/* The next row of the snapshot; false: it is at its end, or err says why not. */
static bool snapshot_row(struct weir_subscription *s, int64_t *weight, struct wr_error *err)
{
    const struct entry *entry = wr_cursor_next(s->cursor, err);
    if (!entry)
        return false;
    s->row = entry->payload;
    *weight = wr_relation_weight(s->relation, entry);
    return true;
}

/* The next change of the commit being handed out, retractions first; false: that was all. */
static bool change_row(struct weir_subscription *s, int64_t *weight)
{
    for (;; s->inserting = true, s->at = 0) {
        while (s->at < s->changes.n) {
            const struct change_record *change = s->changes.records[s->at++];
            if ((change->weight > 0) != s->inserting)
                continue;
            s->row = wr_change_payload(change);
            *weight = change->weight;
            return true;
        }
        if (s->inserting)
            return false;
    }
}

/* The next commit with changes. WEIR_ROW: it is being handed out; WEIR_DONE: the deadline is reached. */
static weir_code next_changes(struct weir_subscription *s, int64_t deadline_ns, struct wr_error *err)
{
    for (;;) {
        bool failed;
        uint64_t seen = durable_commit(s->db, &failed);
        bool gone = was_dropped(s, err);
        if (next_commit(s))
            return WEIR_ROW;
        if (gone)
            return WEIR_ERROR;
        if (failed) {
            *err = s->db->failure;
            return WEIR_ERROR;
        }
        if (wr_clock_ns() >= deadline_ns)
            return WEIR_DONE;
        await_commit(s->db, seen, deadline_ns);
    }
}

weir_code weir_subscription_next(weir_subscription *s, int timeout_ms, int64_t *weight, uint64_t *commit,
                                 weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    weir_code code = WEIR_ROW;
    if (s->cursor) {
        if (snapshot_row(s, weight, &err)) {
            *commit = s->start_commit;
            return WEIR_ROW;
        }
        if (err.sqlstate[0])
            code = WEIR_ERROR;
        else
            end_snapshot(s);
    }
    int64_t deadline_ns = timeout_ms < 0 ? INT64_MAX : wr_clock_ns() + timeout_ms * WR_NS_PER_MS;
    while (code == WEIR_ROW && !change_row(s, weight))
        code = next_changes(s, deadline_ns, &err);
    if (code == WEIR_ERROR)
        give(error, &err);
    if (code == WEIR_ROW)
        *commit = s->commit;
    return code;
}

int weir_subscription_columns(const weir_subscription *s)
{
    return s->relation->ncols - s->relation->has_row_id;
}

const char *weir_subscription_column_name(const weir_subscription *s, int column)
{
    return s->relation->names[column];
}

uint32_t weir_subscription_column_oid(const weir_subscription *s, int column)
{
    return wr_type_info(s->relation->types[column].id)->oid;
}

const char *weir_subscription_text(weir_subscription *s, int column, size_t *len)
{
    struct datum value = wr_row_get(s->relation->layout, s->row, (uint16_t)column);
    if (len)
        *len = 0;
    if (value.null)
        return NULL;
    value.type = s->relation->types[column];
    struct wr_buf *buf = &s->texts[column];
    buf->len = 0;
    wr_value_out(buf, &value, &s->session->io);
    const char *text = wr_buf_cstr(buf);
    if (len)
        *len = buf->len;
    return text;
}

void weir_subscription_close(weir_subscription *s)
{
    if (!s)
        return;
    struct wr_error err = WR_ERROR_INIT;
    if (s->hung)
        (void)!wr_loop_call(s->db, unhang, s, false, &err);
    end_snapshot(s);
    while (s->first) {
        struct recorded *item = s->first;
        s->first = item->next;
        wr_held_release(item->batch);
        free(item);
    }
    wr_change_log_clear(&s->changes);
    if (s->texts)
        for (uint16_t c = 0; c < s->relation->ncols; c++)
            wr_buf_free(&s->texts[c]);
    pthread_mutex_destroy(&s->lock);
    wr_arena_reset(&s->scratch);
    wr_arena_reset(&s->arena);
    free(s);
}
