/* INSERT, UPDATE, DELETE, TRUNCATE: a query gives the rows, compare-and-set writes carry them out (writes.h).
 *
 * Autocommit statements retry when a row changed between their snapshot and their turn; after a few tries they run on
 * the loop thread, where nothing can come between. */
#include "engine/session.h"

#include <stdio.h>

#define TRIES_MAX 5

enum dml_kind { DML_INSERT, DML_UPDATE, DML_DELETE, DML_TRUNCATE };

struct dml {
    struct weir_session *session;
    const struct object *table;
    struct write_list *list;
    struct wr_arena arena;
    bool blind;
    enum dml_kind kind;
    const PgQuery__RangeVar *truncated; /* the table of TRUNCATE at work */
    uint16_t nwritten;                  /* the plan's columns that are written by; RETURNING's are behind them */
    struct held_queue returned;
};

#define TRUNCATED_MAX 64

/* Row numbers of old and new rows of one batch as writes. */
static bool add_changes(struct dml *dml, const struct batch *batch, struct wr_error *err)
{
    const struct relation *relation = wr_writes_relation(dml->list);
    struct wr_mark mark = wr_arena_mark(&dml->arena);
    uint32_t n = batch->nrows;
    struct batch old = {n, relation->ncols, batch->cols, NULL};
    struct batch next = old;
    char **old_rows = wr_arena_alloc(&dml->arena, sizeof *old_rows * (n + 1u)), **next_rows = NULL;
    uint32_t *old_sizes = wr_arena_alloc(&dml->arena, sizeof *old_sizes * (n + 1u)), *next_sizes = NULL;
    struct keys old_keys, next_keys;
    wr_row_encode_all(&dml->arena, relation->layout, &old, NULL, old_rows, old_sizes);
    wr_relation_keys(&dml->arena, relation, &old, old_rows, old_sizes, &old_keys);
    if (dml->kind == DML_UPDATE) {
        next.cols = wr_arena_alloc(&dml->arena, sizeof *next.cols * relation->ncols);
        uint16_t visible = relation->ncols - relation->has_row_id;
        memcpy(next.cols, batch->cols + relation->ncols, sizeof *next.cols * visible);
        if (relation->has_row_id)
            next.cols[visible] = batch->cols[visible];
        next_rows = wr_arena_alloc(&dml->arena, sizeof *next_rows * (n + 1u));
        next_sizes = wr_arena_alloc(&dml->arena, sizeof *next_sizes * (n + 1u));
        wr_row_encode_all(&dml->arena, relation->layout, &next, NULL, next_rows, next_sizes);
        wr_relation_keys(&dml->arena, relation, &next, next_rows, next_sizes, &next_keys);
        struct batch shown = {n, visible, next.cols, NULL};
        TRY(wr_writes_check_nulls(relation, &shown, err));
    }
    /* keys that move: all deletes before all inserts, so that a shift of keys does not collide with itself */
    bool ok = true;
    for (int pass = 0; ok && pass < 2; pass++)
        for (uint32_t i = 0; ok && i < n; i++) {
            uint32_t old_len = wr_key_len(&old_keys, i);
            bool moves = next_rows && (wr_key_len(&next_keys, i) != old_len ||
                                       memcmp(wr_key_at(&old_keys, i), wr_key_at(&next_keys, i), old_len) != 0);
            struct table_write write = {.key = wr_key_at(&old_keys, i),
                                        .key_len = old_len,
                                        .hash = old_keys.hashes[i],
                                        .expected = old_rows[i],
                                        .expected_len = old_sizes[i]};
            if (next_rows && !moves) {
                write.next = next_rows[i];
                write.next_len = next_sizes[i];
            } else if (pass == 1) {
                if (!moves)
                    continue;
                write = (struct table_write){.key = wr_key_at(&next_keys, i),
                                             .key_len = wr_key_len(&next_keys, i),
                                             .hash = next_keys.hashes[i],
                                             .next = next_rows[i],
                                             .next_len = next_sizes[i]};
                ok = wr_writes_add(dml->list, &write, err);
                continue;
            }
            if (pass == 0)
                ok = wr_writes_add(dml->list, &write, err);
        }
    wr_arena_release(&dml->arena, mark);
    return ok;
}

/* They are given when all has been written, so they are held until then. */
static bool hold_returned(struct dml *dml, const struct batch *batch, struct wr_error *err)
{
    weir_db *db = dml->session->db;
    struct batch returned = *batch;
    returned.ncols = (uint16_t)(batch->ncols - dml->nwritten);
    returned.cols = batch->cols + dml->nwritten;
    wr_held_push(&dml->returned, wr_held_copy(&db->pool_queries, &returned));
    return wr_held_rows_fit(db, "The rows of RETURNING", "Change fewer rows at once", err);
}

static bool take_rows(void *context, const struct batch *batch, struct wr_error *err)
{
    struct dml *dml = context;
    struct batch written = *batch;
    written.ncols = dml->nwritten;
    TRY(batch->ncols == dml->nwritten || hold_returned(dml, batch, err));
    if (dml->kind == DML_INSERT)
        return wr_writes_insert_in_order(dml->list, &dml->arena, &written, dml->blind, err);
    return add_changes(dml, &written, err);
}

static void give_returned(struct dml *dml, struct weir_result *result)
{
    result->rows = dml->returned;
    dml->returned = (struct held_queue){0};
}

static uint16_t written_columns(const struct object *table, enum dml_kind kind)
{
    uint16_t visible = wr_object_shown(table);
    return (uint16_t)(kind == DML_INSERT ? visible : table->ncols + (kind == DML_UPDATE ? visible : 0));
}

static bool bind(struct weir_statement *statement, struct planner *planner, const PgQuery__RangeVar *truncated,
                 const struct object **table, struct plan **plan, struct wr_error *err)
{
    const PgQuery__Node *node = statement->parsed->node;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        return wr_plan_bind_insert(planner, node->insert_stmt, table, plan, err);
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        return wr_plan_bind_update(planner, node->update_stmt, table, plan, err);
    case PG_QUERY__NODE__NODE_TRUNCATE_STMT:
        return wr_plan_bind_truncate(planner, truncated, table, plan, err);
    default:
        return wr_plan_bind_delete(planner, node->delete_stmt, table, plan, err);
    }
}

static enum dml_kind kind_of(const struct weir_statement *statement)
{
    switch (statement->parsed->node->node_case) {
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        return DML_INSERT;
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        return DML_UPDATE;
    case PG_QUERY__NODE__NODE_TRUNCATE_STMT:
        return DML_TRUNCATE;
    default:
        return DML_DELETE;
    }
}

bool wr_dml_describe(struct weir_statement *statement, struct wr_error *err)
{
    struct weir_session *session = statement->session;
    struct read_view view;
    wr_read_view_begin(session, &view);
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct planner planner;
    wr_planner_of(session, &arena, view.catalog, statement->text, &planner);
    planner.n_params = statement->nparams;
    planner.param_types = statement->param_types;
    const struct object *table;
    struct plan *plan;
    bool ok = bind(statement, &planner, NULL, &table, &plan, err);
    if (ok)
        wr_statement_describe(statement, plan, written_columns(table, kind_of(statement)));
    wr_arena_reset(&arena);
    wr_read_view_end(session, &view);
    return ok;
}

/* Evaluate the statement over a view into dml->list. */
static bool evaluate(struct weir_statement *statement, const struct datum *params, const struct read_view *view,
                     struct dml *dml, struct weir_result *result, struct wr_error *err)
{
    struct weir_session *session = statement->session;
    struct wr_arena arena;
    wr_arena_init(&arena, &session->db->pool_queries);
    struct planner planner;
    wr_planner_of(session, &arena, view->catalog, statement->text, &planner);
    planner.n_params = statement->nparams;
    planner.param_types = statement->param_types;
    struct plan *plan = NULL;
    bool ok = bind(statement, &planner, dml->truncated, &dml->table, &plan, err);
    dml->nwritten = ok ? written_columns(dml->table, dml->kind) : 0;
    ok = ok && wr_statement_check_columns(statement, plan, dml->nwritten, err);
    if (ok) {
        wr_result_describe(result, plan, dml->nwritten);
        wr_plan_set_params(&arena, plan, params, statement->nparams);
        ok = wr_plan_optimize(&planner, &plan, err);
    }
    if (ok) {
        const char *mode = wr_setting(session, "default_on_conflict");
        dml->blind = !dml->table->append_only && (dml->table->overwrite || (mode && !strcmp(mode, "overwrite")));
        dml->list = wr_writes_new(session->db, dml->table);
        ok = wr_plan_collect(session, view, plan, take_rows, dml, err);
    }
    wr_arena_reset(&arena);
    return ok;
}

static void dml_init(struct dml *dml, struct weir_statement *statement)
{
    memset(dml, 0, sizeof *dml);
    dml->session = statement->session;
    dml->kind = kind_of(statement);
    wr_arena_init(&dml->arena, &statement->session->db->pool_queries);
}

static void dml_fini(struct dml *dml)
{
    wr_writes_free(dml->list);
    dml->list = NULL;
    wr_held_clear(&dml->returned);
    wr_arena_reset(&dml->arena);
}

static void tag_of(struct dml *dml, struct weir_result *result, int64_t rows)
{
    static const char *const verbs[] = {"INSERT 0", "UPDATE", "DELETE"};
    if (dml->kind == DML_TRUNCATE)
        snprintf(result->tag, sizeof result->tag, "TRUNCATE TABLE");
    else
        snprintf(result->tag, sizeof result->tag, "%s %lld", verbs[dml->kind], (long long)rows);
}

/* Rows, not writes: an update that moves a key is two writes. */
static bool count_row(void *context, const struct table_write *write, struct wr_error *err)
{
    int64_t *n = context;
    *n += write->expected != NULL || write->blind;
    return true;
}

static int64_t rows_of(struct dml *dml)
{
    if (dml->kind == DML_INSERT)
        return wr_writes_count(dml->list);
    int64_t n = 0;
    struct wr_error err;
    (void)!wr_writes_each(dml->list, count_row, &n, &err);
    return n;
}

/* ---- running: TRUNCATE of several tables is several parts, other statements are one */

struct parts {
    size_t n;
    struct dml items[TRUNCATED_MAX];
    struct write_list *lists[TRUNCATED_MAX]; /* of those with writes */
    size_t nlists;
};

static bool is_repeated(const struct parts *parts, const struct dml *dml)
{
    for (const struct dml *other = parts->items; other < dml; other++)
        if (other->table == dml->table)
            return true;
    return false;
}

static bool evaluate_part(struct weir_statement *statement, const struct datum *params, const struct read_view *view,
                          const PgQuery__RangeVar *truncated, struct parts *parts, struct weir_result *result,
                          struct wr_error *err)
{
    struct dml *dml = &parts->items[parts->n++];
    dml_init(dml, statement);
    dml->truncated = truncated;
    bool ok = evaluate(statement, params, view, dml, result, err);
    if ((ok || wr_writes_fail(dml->list)) && wr_writes_count(dml->list) && !is_repeated(parts, dml))
        parts->lists[parts->nlists++] = dml->list;
    return ok;
}

/* False with lists: they tell which error comes first (wr_writes_fail). */
static bool evaluate_parts(struct weir_statement *statement, const struct datum *params, const struct read_view *view,
                           struct parts *parts, struct weir_result *result, struct wr_error *err)
{
    const PgQuery__Node *node = statement->parsed->node;
    if (node->node_case != PG_QUERY__NODE__NODE_TRUNCATE_STMT)
        return evaluate_part(statement, params, view, NULL, parts, result, err);
    const PgQuery__TruncateStmt *truncate = node->truncate_stmt;
    if (truncate->n_relations > TRUNCATED_MAX)
        return wr_fail(err, ERR_TOO_COMPLEX, "TRUNCATE of more than %d tables", TRUNCATED_MAX);
    for (size_t i = 0; i < truncate->n_relations; i++)
        if (!evaluate_part(statement, params, view, truncate->relations[i]->range_var, parts, result, err)) {
            parts->nlists = 0;
            return false;
        }
    return true;
}

static void parts_free(struct parts *parts)
{
    for (size_t i = 0; i < parts->n; i++)
        dml_fini(&parts->items[i]);
    free(parts);
}

static bool write_parts(struct weir_session *session, const struct parts *parts, struct wr_error *err)
{
    for (size_t i = 0; i < parts->nlists; i++)
        TRY(wr_transaction_write(session, parts->lists[i], err));
    return true;
}

static bool in_transaction(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                           struct wr_error *err)
{
    struct weir_session *session = statement->session;
    struct read_view view;
    wr_read_view_begin(session, &view);
    struct parts *parts = wr_calloc(1, sizeof *parts);
    bool ok = evaluate_parts(statement, params, &view, parts, result, err);
    struct wr_error first = WR_ERROR_INIT;
    if (!write_parts(session, parts, ok ? err : &first)) {
        if (!ok)
            *err = first;
        ok = false;
    }
    if (ok) {
        tag_of(&parts->items[0], result, rows_of(&parts->items[0]));
        give_returned(&parts->items[0], result);
    }
    parts_free(parts);
    wr_read_view_end(session, &view);
    return ok;
}

static bool evaluate_and_apply(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                               bool here, struct wr_error *err)
{
    struct weir_session *session = statement->session;
    struct read_view view;
    wr_read_view_begin(session, &view);
    struct parts *parts = wr_calloc(1, sizeof *parts);
    bool ok = evaluate_parts(statement, params, &view, parts, result, err);
    wr_read_view_end(session, &view);
    if (parts->nlists)
        ok = here ? wr_writes_apply_here(session->db, parts->lists, parts->nlists, err)
                  : wr_writes_apply(session->db, parts->lists, parts->nlists, err);
    if (ok) {
        tag_of(&parts->items[0], result, rows_of(&parts->items[0]));
        give_returned(&parts->items[0], result);
    }
    parts_free(parts);
    return ok;
}

struct exclusive {
    struct weir_statement *statement;
    const struct datum *params;
    struct weir_result *result;
};

static bool run_exclusive(weir_db *db, void *argument, struct wr_error *err)
{
    struct exclusive *x = argument;
    TRY(wr_loop_commit_sync(db, err)); /* the snapshot is what the tables hold */
    return evaluate_and_apply(x->statement, x->params, x->result, true, err);
}

static bool run_dml(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                    struct wr_error *err)
{
    struct weir_session *session = statement->session;
    if (session->state == 'T')
        return in_transaction(statement, params, result, err);
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        if (evaluate_and_apply(statement, params, result, false, err))
            return true;
        if (strcmp(err->sqlstate, ERR_SERIALIZATION) != 0)
            return false;
        /* what came between may not be visible yet */
        TRY(wr_loop_flush(session->db, err));
    }
    struct exclusive x = {statement, params, result};
    return wr_loop_call(session->db, run_exclusive, &x, true, err);
}

bool wr_insert_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                   struct wr_error *err)
{
    return run_dml(statement, params, result, err);
}

bool wr_update_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                   struct wr_error *err)
{
    return run_dml(statement, params, result, err);
}

bool wr_truncate_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                     struct wr_error *err)
{
    return run_dml(statement, params, result, err);
}

bool wr_delete_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                   struct wr_error *err)
{
    return run_dml(statement, params, result, err);
}
