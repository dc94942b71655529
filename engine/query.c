/* SELECT: the same dataflow as a view's, run once over a snapshot with state in memory (law L7).
 *
 * A query that streams its rows runs on a thread of its own and hands chunks over through a short queue, so a slow
 * client holds back the query, not the server. DML collects on the calling thread. */
#include <stdio.h>

#include "base/clock.h"
#include "base/thread.h"
#include "engine/session.h"

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
    struct io_settings io; /* the session's, as it was when the statement began */
    int64_t now_us;        /* likewise */
    batch_taker take;
    void *context;
    /* LIMIT and OFFSET without an order: any rows will do, so the scans end when there are enough */
    bool limited, enough;
    int64_t skip, left;
};

static bool can_fail(const struct plan *project)
{
    for (uint16_t i = 0; i < project->ncols; i++)
        if (wr_expr_can_fail(project->project.exprs[i]))
            return true;
    return false;
}

/* LIMIT without ORDER BY at the root, over rows that are not taken back: the run's, no operator's. */
static void lift_limit(struct plan **plan, struct run *run)
{
    struct plan **at = plan;
    while ((*at)->kind == PLAN_PROJECT && !can_fail(*at)) /* else rows beyond the limit are not for it */
        at = &(*at)->inputs[0];
    struct plan *topn = *at;
    if (topn->kind != PLAN_TOPN || topn->topn.npartition || topn->topn.norder || topn->topn.emit_rank ||
        topn->topn.limit < 0 || !topn->inputs[0]->props.append_only)
        return;
    *at = topn->inputs[0];
    run->limited = true;
    run->skip = topn->topn.offset;
    run->left = topn->topn.limit;
}

/* False without an error (`enough`): no more rows are wanted. */
static bool give(struct run *run, const struct batch *batch, struct worker *worker)
{
    if (!run->limited)
        return run->take(run->context, batch, &worker->error);
    uint32_t from = (uint32_t)WR_MIN(run->skip, batch->nrows);
    uint32_t n = (uint32_t)WR_MIN(run->left, batch->nrows - from);
    run->skip -= from;
    run->left -= n;
    struct column *cols = wr_arena_alloc(&worker->arena, sizeof *cols * (batch->ncols + 1u));
    struct batch rows = wr_batch_slice(batch, from, n, cols);
    TRY(!n || run->take(run->context, &rows, &worker->error));
    run->enough = !run->left;
    return !run->enough;
}

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
        return give(run, batch, op->worker);
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
            TRY(give(run, rows, op->worker));
            n = 0;
        }
    if (!n)
        return true;
    struct batch *rows = wr_batch_gather(arena, batch, index, n);
    rows->weights = NULL;
    return give(run, rows, op->worker);
}

static const struct op_class op_result = {.name = "result", .step = result_step};

/* ---- feeding scans: rows of relations come from feed.c */

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
                                  .now_us = run->now_us,
                                  .on_eval_errors = strict_errors,
                                  .context = db};
    wr_arena_init(&run->worker.arena, &pool);
    struct dataflow *flow = wr_dataflow_new(&run->worker, 0, plan, &run->io, err);
    bool ok = flow && wr_dataflow_append(flow, &op_result, NULL, run, err);
    run->enough = run->limited && !run->left; /* LIMIT 0 */
    if (ok && !run->enough && !wr_dataflow_run(flow, feed_scan, run) && !run->enough) {
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
    struct run run = {.session = session,
                      .view = view,
                      .io = session->io,
                      .now_us = session->now_us,
                      .take = take,
                      .context = context};
    return run_plan(&run, plan, err);
}

/* ---- streaming */

struct query {
    struct weir_session *session;
    struct read_view view;
    struct wr_arena arena; /* of the plan */
    const struct plan *plan;
    struct run run;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct held_queue chunks;
    int queued;
    bool finished, abandoned, failed;
    struct wr_error error;
};

static bool take_chunk(void *context, const struct batch *batch, struct wr_error *err)
{
    struct query *query = context;
    struct held_batch *held = wr_held_copy(&query->session->db->pool_queries, batch);
    pthread_mutex_lock(&query->lock);
    while (query->queued >= QUEUE_CHUNKS && !query->abandoned && !atomic_load(&query->session->cancel)) {
        wr_cond_wait_until(&query->changed, &query->lock, wr_clock_ns() + 50 * WR_NS_PER_MS);
    }
    bool go_on = !query->abandoned && !atomic_load(&query->session->cancel);
    if (go_on) {
        wr_held_push(&query->chunks, held);
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
    bool ok = run_plan(&query->run, query->plan, &err);
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
    query->run = (struct run){.session = session,
                              .view = &query->view,
                              .io = session->io,
                              .now_us = session->now_us,
                              .take = take_chunk,
                              .context = query};
    lift_limit(&plan, &query->run);
    query->plan = plan;
    pthread_mutex_init(&query->lock, NULL);
    wr_cond_init(&query->changed);
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
    while (!query->chunks.first && !query->finished)
        pthread_cond_wait(&query->changed, &query->lock);
    struct held_batch *held = wr_held_pop(&query->chunks);
    if (held) {
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
    wr_held_clear(&query->chunks);
    wr_read_view_end(query->session, &query->view);
    wr_arena_reset(&query->arena);
    pthread_mutex_destroy(&query->lock);
    pthread_cond_destroy(&query->changed);
    free(query);
}

/* ---- the statement */

static bool bind_query(struct weir_statement *statement, const struct query_text *query, struct read_view *view,
                       struct wr_arena *arena, struct planner *planner, struct plan **plan, struct wr_error *err)
{
    wr_planner_of(statement->session, arena, view->catalog, query->text, planner);
    planner->n_params = statement->nparams;
    planner->param_types = statement->param_types;
    return wr_plan_check_statement(planner, statement->parsed, err) &&
           wr_plan_bind_query(planner, query->node, plan, err);
}

static struct output_column column_of(const struct plan *plan, int c)
{
    const struct type type = plan->cols[c].type;
    return (struct output_column){.name = plan->cols[c].name ? plan->cols[c].name : "?column?",
                                  .type = type.id ? type : TYPE(TYPE_TEXT),
                                  .origin = plan->cols[c].origin};
}

struct output_column *wr_columns_copy(struct wr_arena *arena, const struct output_column *cols, int n)
{
    struct output_column *copy = WR_NEW_ARRAY(arena, struct output_column, n + 1);
    for (int c = 0; c < n; c++) {
        copy[c] = cols[c];
        copy[c].name = wr_arena_strdup(arena, cols[c].name);
    }
    return copy;
}

/* The plan's columns from `first` on, copied into the arena; returns how many. */
static int copy_columns(struct wr_arena *arena, const struct plan *plan, uint16_t first, struct output_column **cols)
{
    int n = plan->ncols - first;
    *cols = WR_NEW_ARRAY(arena, struct output_column, n + 1);
    for (int c = 0; c < n; c++) {
        (*cols)[c] = column_of(plan, first + c);
        (*cols)[c].name = wr_arena_strdup(arena, (*cols)[c].name);
    }
    return n;
}

void wr_statement_describe(struct weir_statement *statement, const struct plan *plan, uint16_t first)
{
    statement->ncols = copy_columns(&statement->arena, plan, first, &statement->cols);
}

void wr_result_describe(struct weir_result *result, const struct plan *plan, uint16_t first)
{
    result->ncols = copy_columns(&result->arena, plan, first, &result->cols);
}

bool wr_query_check(struct weir_statement *statement, const struct query_text *query, bool describe,
                    struct wr_error *err)
{
    struct read_view view;
    struct wr_arena arena;
    struct planner planner;
    struct plan *plan;
    wr_read_view_begin(statement->session, &view);
    wr_arena_init(&arena, NULL);
    bool ok = bind_query(statement, query, &view, &arena, &planner, &plan, err);
    if (ok && describe)
        wr_statement_describe(statement, plan, 0);
    wr_arena_reset(&arena);
    wr_read_view_end(statement->session, &view);
    return ok;
}

bool wr_select_describe(struct weir_statement *statement, struct wr_error *err)
{
    if (wr_psql_describe(statement) || wr_system_reads_nothing(statement))
        return true;
    const struct query_text query = {.text = statement->text, .node = statement->parsed->node};
    return wr_query_check(statement, &query, true, err);
}

bool wr_statement_check_columns(const struct weir_statement *statement, const struct plan *plan, uint16_t first,
                                struct wr_error *err)
{
    bool same = plan->ncols - first == statement->ncols;
    for (int c = 0; same && c < statement->ncols; c++) {
        const struct output_column *col = &statement->cols[c];
        struct output_column now = column_of(plan, first + c);
        same = wr_type_same(col->type, now.type) && !strcmp(col->name, now.name);
    }
    return same || wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "cached plan must not change result type");
}

static bool plan_and_start(struct weir_statement *statement, const struct query_text *query, struct read_view *view,
                           struct wr_arena *arena, struct weir_result *result, struct wr_error *err)
{
    struct planner planner;
    struct plan *plan = NULL;
    TRY(bind_query(statement, query, view, arena, &planner, &plan, err));
    TRY(!query->described || wr_statement_check_columns(statement, plan, 0, err));
    wr_result_describe(result, plan, 0); /* before passes rename what nobody sees */
    /* parameters first: constants may be folded and refused by the passes */
    wr_plan_set_params(arena, plan, query->params, statement->nparams);
    TRY(wr_plan_optimize(&planner, &plan, err));
    result->rows_in_tag = true;
    return wr_query_start(statement->session, view, plan, arena, result, err);
}

bool wr_query_run(struct weir_statement *statement, const struct query_text *query, struct weir_result *result,
                  struct wr_error *err)
{
    struct read_view view;
    struct wr_arena arena;
    wr_read_view_begin(statement->session, &view);
    wr_arena_init(&arena, NULL);
    bool ok = plan_and_start(statement, query, &view, &arena, result, err);
    wr_arena_reset(&arena);
    wr_read_view_end(statement->session, &view);
    return ok;
}

bool wr_select_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                   struct wr_error *err)
{
    bool handled = false;
    TRY(wr_psql_run(statement, result, &handled, err));
    if (handled || wr_system_answer_nothing(statement, result))
        return true;
    const struct query_text query = {
        .text = statement->text, .node = statement->parsed->node, .params = params, .described = true};
    snprintf(result->tag, sizeof result->tag, "SELECT");
    return wr_query_run(statement, &query, result, err);
}
