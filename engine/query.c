/* SELECT: the same dataflow as a view's, run once over a snapshot with state in memory (L7).
 *
 * A query that streams its rows runs on a thread of its own and hands chunks over through a short queue, so a slow
 * client holds back the query, not the server. DML collects on the calling thread. */
#include "engine/session.h"

#include "base/thread.h"

#include <stdio.h>

#define QUEUE_CHUNKS 4
/* A query that has read so many chunks is a long one. */
#define LONG_QUERY_CHUNKS 64

/* ---- what a statement reads */

void wr_read_view_begin(struct weir_session *session, struct read_view *view)
{
    weir_db *db = session->db;
    if (session->state == 'T' && session->snapshot) {
        *view = (struct read_view){wr_catalog_retain(session->catalog), session->snapshot, session->overlay};
        wr_snapshot_retain(view->snapshot);
        return;
    }
    pthread_mutex_lock(&db->lock); /* the two belong together */
    struct snapshot *snapshot = wr_store_snapshot(db->store);
    bool next = db->next_catalog && wr_snapshot_commit(snapshot) >= db->next_catalog_commit;
    *view = (struct read_view){wr_catalog_retain(next ? db->next_catalog : db->catalog), snapshot, NULL};
    pthread_mutex_unlock(&db->lock);
    if (session->state != 'T')
        return;
    session->catalog = wr_catalog_retain(view->catalog);
    session->snapshot = view->snapshot;
    wr_snapshot_retain(session->snapshot);
    view->overlay = session->overlay;
}

void wr_read_view_end(struct weir_session *session, struct read_view *view)
{
    if (view->catalog)
        wr_catalog_release(view->catalog);
    if (view->snapshot)
        wr_snapshot_release(view->snapshot);
    *view = (struct read_view){0};
}

static const char *setting_of(void *session, const char *name)
{
    return wr_setting(session, name);
}

void wr_planner_of(struct weir_session *session, struct wr_arena *arena, struct catalog *catalog, const char *text,
                   struct planner *planner)
{
    *planner = (struct planner){.arena = arena,
                                .catalog = catalog,
                                .io = &session->io,
                                .disabled_passes = wr_setting(session, "disabled_passes"),
                                .version = PLANNER_VERSION,
                                .setting = setting_of,
                                .session = session,
                                .text = text,
                                .transaction_now_us = (uint64_t)session->now_us};
}

/* ---- one run */

struct run {
    struct weir_session *session;
    const struct read_view *view;
    struct wr_pool *pool;
    struct worker worker;
    struct io_settings io;
    batch_taker take;
    void *context;
};

static bool strict_errors(struct worker *worker, struct op *op, const struct batch *batch,
                          const struct eval_errors *errors)
{
    return wr_fail(&worker->error, errors->items[0].sqlstate, "%s", errors->items[0].message);
}

/* The last operator: rows as often as they weigh. */
static bool result_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct run *run = op->impl;
    if (!batch->weights)
        return run->take(run->context, batch, &op->worker->error);
    struct wr_arena *arena = &op->worker->arena;
    uint32_t *index = wr_arena_alloc(arena, sizeof *index * BATCH_ROWS_MAX);
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch->nrows; i++)
        for (int64_t k = 0; k < batch->weights[i]; k++) {
            index[n++] = i;
            if (n < BATCH_ROWS_MAX)
                continue;
            struct batch *rows = wr_batch_gather(arena, batch, index, n);
            rows->weights = NULL;
            TRY(run->take(run->context, rows, &op->worker->error));
            n = 0;
        }
    if (!n)
        return true;
    struct batch *rows = wr_batch_gather(arena, batch, index, n);
    rows->weights = NULL;
    return run->take(run->context, rows, &op->worker->error);
}

static const struct op_class op_result = {.name = "result", .step = result_step};

/* ---- feeding scans */

struct feed {
    struct weir_session *session;
    const struct read_view *view;
    struct op *scan;
    const struct object *object;     /* what is scanned */
    const struct relation *relation; /* where its rows are: itself, or an index */
    const uint16_t *columns;         /* of an index: of each of its columns the scanned object's; NULL: itself */
    struct wr_arena bytes;
    const char **rows;
    int64_t *weights;
    uint32_t n;
    size_t len; /* of the rows */
};

/* An index's columns at the places they have in what is scanned; others are not asked for. */
static void as_scanned(const struct feed *feed, struct batch *batch)
{
    struct column *cols = WR_NEW_ARRAY(&feed->scan->worker->arena, struct column, feed->object->ncols + 1);
    for (uint16_t c = 0; c < batch->ncols; c++)
        cols[feed->columns[c]] = batch->cols[c];
    batch->cols = cols;
    batch->ncols = feed->object->ncols;
}

static bool feed_flush(struct feed *feed)
{
    if (!feed->n)
        return true;
    struct worker *worker = feed->scan->worker;
    struct wr_mark mark = wr_arena_mark(&worker->arena);
    struct batch *batch = wr_row_decode(&worker->arena, feed->relation->layout, feed->rows, feed->n);
    if (feed->columns)
        as_scanned(feed, batch);
    if (!feed->relation->is_table)
        batch->weights = feed->weights;
    bool ok = wr_op_step(feed->scan, 0, batch);
    wr_arena_release(&worker->arena, mark);
    wr_arena_release(&feed->bytes, (struct wr_mark){0});
    wr_thread_step();
    feed->n = 0;
    feed->len = 0;
    return ok;
}

static bool feed_row(void *context, const char *row, uint32_t len)
{
    struct feed *feed = context;
    feed->rows[feed->n++] = wr_arena_strndup(&feed->bytes, row, len);
    feed->len += len;
    return (feed->n < BATCH_ROWS_MAX && feed->len < BATCH_BYTES_ENOUGH) || feed_flush(feed);
}

/* ---- keys given by the condition right above the scan: lookups instead of a scan */

#define LOOKUP_KEYS_MAX 1024

/* The constants a column is compared with: `column = constant` or `column IN (constants)`. */
struct given {
    struct expr *const *values;
    uint16_t n;
};

static bool all_constants(const struct expr *expr, uint16_t from)
{
    for (uint16_t i = from; i < expr->nargs; i++)
        if (expr->args[i]->kind != EXPR_CONST || expr->args[i]->type.id != expr->args[0]->type.id)
            return false;
    return true;
}

/* Note such conditions joined by AND; given[] is by column of the scan. */
static void note_given(const struct expr *expr, struct given *given)
{
    if (expr->kind == EXPR_AND) {
        for (uint16_t i = 0; i < expr->nargs; i++)
            note_given(expr->args[i], given);
        return;
    }
    if (expr->kind == EXPR_IN_LIST && !expr->negated && expr->args[0]->kind == EXPR_COLUMN && all_constants(expr, 1)) {
        given[expr->args[0]->column] = (struct given){expr->args + 1, (uint16_t)(expr->nargs - 1)};
        return;
    }
    if (expr->kind != EXPR_CALL || expr->nargs != 2 || strcmp(expr->fn->name, "=") != 0)
        return;
    bool swapped = expr->args[0]->kind == EXPR_CONST;
    const struct expr *column = expr->args[swapped], *value = expr->args[!swapped];
    if (column->kind == EXPR_COLUMN && value->kind == EXPR_CONST && column->type.id == value->type.id)
        given[column->column] = (struct given){&expr->args[!swapped], 1};
}

struct lookup {
    struct wr_buf *keys;
    uint32_t n;
};

/* All keys with field k and those behind it chosen among what is given; `key` holds the fields before. */
static void add_keys(struct lookup *lookup, const struct relation *relation, const struct given *given, uint16_t k,
                     struct wr_buf *key)
{
    if (k == relation->nkey) {
        struct wr_buf *full = &lookup->keys[lookup->n++];
        wr_buf_put(full, key->data, key->len);
        full->data[0] = (char)wr_key_shard(wr_key_hash(full->data + 1, full->len - 1));
        return;
    }
    size_t len = key->len;
    for (uint16_t v = 0; v < given[k].n; v++) {
        const struct datum *value = &given[k].values[v]->value;
        if (value->null)
            continue; /* equal to nothing */
        wr_key_put(key, value, false, false);
        add_keys(lookup, relation, given, (uint16_t)(k + 1), key);
        key->len = len;
    }
}

static int key_cmp(const void *a, const void *b)
{
    const struct wr_buf *x = a, *y = b;
    int c = memcmp(x->data, y->data, WR_MIN(x->len, y->len));
    return c ? c : (x->len > y->len) - (x->len < y->len);
}

/* The distinct keys that rows passing the filter can have, sorted; false: any. */
static bool find_keys(const struct feed *feed, struct wr_arena *arena, struct lookup *lookup)
{
    const struct op *scan = feed->scan;
    const struct plan *above = scan->nouts == 1 ? scan->outs[0].op->plan : NULL;
    const struct relation *relation = feed->relation;
    if (!above || above->kind != PLAN_FILTER || !relation->nkey)
        return false;
    struct given *by_column = WR_NEW_ARRAY(arena, struct given, scan->plan->ncols + 1);
    struct given *by_field = WR_NEW_ARRAY(arena, struct given, relation->nkey);
    note_given(above->filter.predicate, by_column);
    uint64_t total = 1;
    for (uint16_t k = 0; k < relation->nkey; k++) {
        uint16_t c = 0, column = relation->key[k].column;
        column = feed->columns ? feed->columns[column] : column;
        while (c < scan->plan->ncols && (scan->plan->scan.columns[c] != column || !by_column[c].values))
            c++;
        if (c == scan->plan->ncols || (total *= by_column[c].n) > LOOKUP_KEYS_MAX)
            return false;
        by_field[k] = by_column[c];
    }
    lookup->keys = WR_NEW_ARRAY(arena, struct wr_buf, total + 1);
    struct wr_buf key = WR_BUF_INIT;
    wr_buf_byte(&key, 0);
    add_keys(lookup, relation, by_field, 0, &key);
    wr_buf_free(&key);
    qsort(lookup->keys, lookup->n, sizeof *lookup->keys, key_cmp);
    return true;
}

static bool feed_cursor(struct feed *feed, struct cursor *cursor)
{
    struct wr_error *err = &feed->scan->worker->error;
    bool overlaid = wr_overlay_any(feed->view->overlay, feed->relation->object);
    bool ok = true;
    const struct entry *entry;
    wr_error_clear(err);
    while (ok && (entry = wr_cursor_next(cursor, err))) {
        if (overlaid && wr_overlay_covers(feed->view->overlay, feed->relation->object, entry->key, entry->key_len))
            continue;
        feed->weights[feed->n] = wr_relation_weight(feed->relation, entry);
        ok = feed_row(feed, entry->payload, entry->payload_len);
        if (ok && feed->n == 0 && wr_snapshot_expired(feed->view->snapshot))
            ok = wr_fail(err, "72000", "snapshot too old");
    }
    ok = ok && !err->sqlstate[0];
    wr_cursor_close(cursor);
    return ok;
}

/* ---- an index that the condition gives the key of */

static bool covers(const struct object *index, const struct object *of, const struct plan *scan)
{
    for (uint16_t c = 0; c < scan->ncols; c++)
        if (wr_object_column(index, of->cols[scan->scan.columns[c]].id) == index->ncols)
            return false;
    return true;
}

static void use_index(struct feed *feed, struct wr_arena *arena, const struct object *index)
{
    uint16_t *columns = WR_NEW_ARRAY(arena, uint16_t, index->ncols + 1);
    for (uint16_t c = 0; c < index->ncols; c++)
        columns[c] = wr_object_column(feed->object, index->cols[c].id);
    feed->columns = columns;
    feed->relation = wr_relation_of(arena, index);
}

/* Look the rows up in the relation itself or in an index; false: all of it has to be read. What the session's
 * transaction has written is in no index. */
static bool find_lookup(struct feed *feed, struct wr_arena *arena, struct lookup *lookup)
{
    if (find_keys(feed, arena, lookup))
        return true;
    const struct relation *itself = feed->relation;
    const struct catalog *catalog = feed->view->catalog;
    bool overlaid = wr_overlay_any(feed->view->overlay, itself->object);
    for (size_t i = 0; i < wr_catalog_count(catalog) && !overlaid; i++) {
        const struct object *index = wr_catalog_at(catalog, i);
        if (index->kind != OBJECT_INDEX || index->deps[0] != feed->object->id || index->creating ||
            index->uncommitted || !covers(index, feed->object, feed->scan->plan))
            continue;
        use_index(feed, arena, index);
        if (find_keys(feed, arena, lookup))
            return true;
    }
    feed->relation = itself;
    feed->columns = NULL;
    return false;
}

static struct version *version_of(const struct feed *feed)
{
    enum trace_kind kind = feed->relation->is_table ? TRACE_UPSERT : TRACE_ZSET;
    return wr_snapshot_version_of(feed->view->snapshot, feed->relation->trace_id, kind);
}

static bool feed_rows(struct feed *feed)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct lookup lookup = {0};
    bool ok = true, looked_up = find_lookup(feed, &arena, &lookup);
    struct version *version = version_of(feed);
    if (!looked_up)
        ok = feed_cursor(feed, wr_cursor_open(version, NULL, 0, NULL, 0));
    for (uint32_t i = 0; ok && i < lookup.n; i++)
        if (!i || key_cmp(&lookup.keys[i - 1], &lookup.keys[i]) != 0)
            ok = feed_cursor(feed,
                             wr_cursor_open_prefix(version, lookup.keys[i].data, (uint32_t)lookup.keys[i].len, true));
    if (ok && wr_overlay_any(feed->view->overlay, feed->relation->object))
        ok = wr_overlay_rows(feed->view->overlay, feed->relation->object, feed_row, feed);
    ok = ok && feed_flush(feed);
    for (uint32_t i = 0; i < lookup.n; i++)
        wr_buf_free(&lookup.keys[i]);
    wr_version_release(version);
    wr_arena_reset(&arena);
    return ok;
}

static bool still_creating(struct op *scan, const struct object *object)
{
    struct wr_error *err = &scan->worker->error;
    wr_fail(err, ERR_NOT_READY, "materialized view \"%s\" is still being created", object->name);
    return wr_fail_hint(err, "See weir_catalog.progress.");
}

bool wr_feed_relation(struct weir_session *session, const struct read_view *view, struct op *scan,
                      const struct object *object)
{
    if (object->creating)
        return still_creating(scan, object);
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct feed feed = {
        .session = session, .view = view, .scan = scan, .object = object, .relation = wr_relation_of(&arena, object)};
    wr_arena_init(&feed.bytes, scan->worker->state_pool);
    feed.rows = WR_NEW_ARRAY(&arena, const char *, BATCH_ROWS_MAX);
    feed.weights = WR_NEW_ARRAY(&arena, int64_t, BATCH_ROWS_MAX);
    bool ok = feed_rows(&feed);
    wr_arena_reset(&feed.bytes);
    wr_arena_reset(&arena);
    return ok;
}

static bool feed_scan(void *context, struct op *scan)
{
    struct run *run = context;
    const struct object *object = wr_catalog_get(run->view->catalog, scan->plan->scan.object);
    struct wr_error *err = &scan->worker->error;
    if (!object)
        return wr_fail(err, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", scan->plan->scan.name);
    if (object->kind == OBJECT_SOURCE)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED,
                       "reading source \"%s\" outside of a materialized view is not supported yet", object->name);
    if (object->kind == OBJECT_SYSTEM && object->id >= OBJECT_SYSTEM_FIRST)
        return wr_system_feed(run->session->db, run->session, run->view->catalog, scan, object);
    return wr_feed_relation(run->session, run->view, scan, object);
}

static bool run_plan(struct run *run, const struct plan *plan, struct wr_error *err)
{
    struct weir_session *session = run->session;
    weir_db *db = session->db;
    struct wr_pool pool;
    memset(&pool, 0, sizeof pool);
    pool.budget = &db->budget;
    pool.name = "query";
    run->worker = (struct worker){.count = 1,
                                  .one_shot = true,
                                  .state_pool = &pool,
                                  .budget = &db->budget,
                                  .query_limit_bytes = db->budget.limit_bytes / 2,
                                  .cancel = &session->cancel,
                                  .now_us = session->now_us,
                                  .on_eval_errors = strict_errors,
                                  .context = db};
    run->io = session->io;
    wr_arena_init(&run->worker.arena, &pool);
    struct dataflow *flow = wr_dataflow_new(&run->worker, 0, plan, &run->io, err);
    bool ok = flow && wr_dataflow_append(flow, &op_result, NULL, run, err);
    if (ok && !wr_dataflow_run(flow, feed_scan, run)) {
        *err = run->worker.error;
        ok = false;
    }
    wr_dataflow_free(flow);
    wr_arena_reset(&run->worker.arena);
    wr_pool_charge(&pool, -(int64_t)atomic_load(&pool.used_bytes));
    return ok;
}

bool wr_plan_collect(struct weir_session *session, const struct read_view *view, const struct plan *plan,
                     batch_taker take, void *context, struct wr_error *err)
{
    struct run run = {.session = session, .view = view, .take = take, .context = context};
    return run_plan(&run, plan, err);
}

/* ---- streaming */

struct query {
    struct weir_session *session;
    struct read_view view;
    struct wr_arena arena; /* of the plan */
    const struct plan *plan;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct held_batch *first, *last;
    int queued;
    bool finished, abandoned, failed;
    struct wr_error error;
};

static bool take_chunk(void *context, const struct batch *batch, struct wr_error *err)
{
    struct query *query = context;
    struct held_batch *held = wr_held_copy(&query->session->db->pool_queries, batch);
    held->next = NULL;
    pthread_mutex_lock(&query->lock);
    while (query->queued >= QUEUE_CHUNKS && !query->abandoned && !atomic_load(&query->session->cancel)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 50000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&query->changed, &query->lock, &until);
    }
    bool go_on = !query->abandoned && !atomic_load(&query->session->cancel);
    if (go_on) {
        if (query->last)
            query->last->next = held;
        else
            query->first = held;
        query->last = held;
        query->queued++;
        pthread_cond_broadcast(&query->changed);
    }
    pthread_mutex_unlock(&query->lock);
    if (go_on)
        return true;
    wr_held_release(held);
    return wr_fail(err, ERR_QUERY_CANCELED, "canceling statement due to user request");
}

static void *query_main(void *argument)
{
    struct query *query = argument;
    struct wr_error err = WR_ERROR_INIT;
    wr_thread_background_after(LONG_QUERY_CHUNKS);
    bool ok = wr_plan_collect(query->session, &query->view, query->plan, take_chunk, query, &err);
    pthread_mutex_lock(&query->lock);
    query->failed = !ok;
    query->error = err;
    query->finished = true;
    pthread_cond_broadcast(&query->changed);
    pthread_mutex_unlock(&query->lock);
    return NULL;
}

bool wr_query_start(struct weir_session *session, struct read_view *view, struct plan *plan,
                    struct wr_arena *plan_arena, struct weir_result *result, struct wr_error *err)
{
    struct query *query = wr_calloc(1, sizeof *query);
    query->session = session;
    query->view = *view;
    *view = (struct read_view){0};
    query->arena = *plan_arena;
    wr_arena_init(plan_arena, NULL);
    query->plan = plan;
    pthread_mutex_init(&query->lock, NULL);
    pthread_cond_init(&query->changed, NULL);
    if (!wr_thread_start(&query->thread, query_main, query, false)) {
        wr_read_view_end(session, &query->view);
        wr_arena_reset(&query->arena);
        free(query);
        return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start a query thread");
    }
    result->query = query;
    session->open_result = result;
    return true;
}

struct held_batch *wr_query_next(struct query *query, struct wr_error *err)
{
    pthread_mutex_lock(&query->lock);
    while (!query->first && !query->finished)
        pthread_cond_wait(&query->changed, &query->lock);
    struct held_batch *held = query->first;
    if (held) {
        query->first = held->next;
        if (!query->first)
            query->last = NULL;
        query->queued--;
        pthread_cond_broadcast(&query->changed);
    } else if (query->failed) {
        *err = query->error;
    }
    pthread_mutex_unlock(&query->lock);
    return held;
}

void wr_query_end(struct query *query)
{
    pthread_mutex_lock(&query->lock);
    query->abandoned = true;
    bool finished = query->finished;
    pthread_cond_broadcast(&query->changed);
    pthread_mutex_unlock(&query->lock);
    /* a query between two chunks looks at the session's flag only */
    bool before = atomic_load(&query->session->cancel);
    if (!finished)
        atomic_store(&query->session->cancel, true);
    pthread_join(query->thread, NULL);
    if (!finished)
        atomic_store(&query->session->cancel, before);
    while (query->first) {
        struct held_batch *held = query->first;
        query->first = held->next;
        wr_held_release(held);
    }
    wr_read_view_end(query->session, &query->view);
    wr_arena_reset(&query->arena);
    pthread_mutex_destroy(&query->lock);
    pthread_cond_destroy(&query->changed);
    free(query);
}

/* ---- the statement */

static bool plan_select(struct weir_statement *statement, struct read_view *view, struct wr_arena *arena,
                        struct plan **plan, bool optimize, struct wr_error *err)
{
    struct planner planner;
    wr_planner_of(statement->session, arena, view->catalog, statement->text, &planner);
    planner.n_params = statement->nparams;
    planner.param_types = statement->param_types;
    TRY(wr_plan_check_statement(&planner, statement->parsed, err));
    TRY(wr_plan_bind_query(&planner, statement->parsed->node, plan, err));
    return !optimize || wr_plan_optimize(&planner, plan, err);
}

bool wr_select_describe(struct weir_statement *statement, struct wr_error *err)
{
    struct weir_session *session = statement->session;
    if (wr_psql_describe(statement) || wr_system_reads_nothing(statement))
        return true;
    struct read_view view;
    wr_read_view_begin(session, &view);
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct plan *plan;
    bool ok = plan_select(statement, &view, &arena, &plan, false, err);
    if (ok) {
        statement->ncols = plan->ncols;
        statement->cols = WR_NEW_ARRAY(&statement->arena, struct output_column, plan->ncols + 1);
        for (uint16_t c = 0; c < plan->ncols; c++) {
            statement->cols[c].name =
                wr_arena_strdup(&statement->arena, plan->cols[c].name ? plan->cols[c].name : "?column?");
            statement->cols[c].type = plan->cols[c].type.id ? plan->cols[c].type : TYPE(TYPE_TEXT);
        }
    }
    wr_arena_reset(&arena);
    wr_read_view_end(session, &view);
    return ok;
}

bool wr_select_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                   struct wr_error *err)
{
    struct weir_session *session = statement->session;
    bool handled = false;
    TRY(wr_psql_run(statement, result, &handled, err));
    if (handled || wr_system_answer_nothing(statement, result))
        return true;
    struct read_view view;
    wr_read_view_begin(session, &view);
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct planner planner;
    wr_planner_of(session, &arena, view.catalog, statement->text, &planner);
    planner.n_params = statement->nparams;
    planner.param_types = statement->param_types;
    struct plan *plan = NULL;
    bool ok = wr_plan_check_statement(&planner, statement->parsed, err) &&
              wr_plan_bind_query(&planner, statement->parsed->node, &plan, err);
    if (ok) {
        /* parameters first: constants may be folded and refused by the passes */
        wr_plan_set_params(&arena, plan, params, statement->nparams);
        ok = wr_plan_optimize(&planner, &plan, err);
    }
    if (ok) {
        const char *names[1664];
        struct type types[1664];
        int n = WR_MIN(statement->ncols, 1664);
        for (int c = 0; c < n; c++) {
            names[c] = statement->cols[c].name;
            types[c] = statement->cols[c].type;
        }
        wr_result_columns(result, n, names, types);
        snprintf(result->tag, sizeof result->tag, "SELECT");
        result->rows_in_tag = true;
        ok = wr_query_start(session, &view, plan, &arena, result, err);
    }
    wr_arena_reset(&arena);
    wr_read_view_end(session, &view);
    return ok;
}
