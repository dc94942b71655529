/* SQL's cursors: DECLARE, FETCH, MOVE, CLOSE.
 *
 * A cursor is a query that goes on between its session's statements, read forward only. Any other statement may change
 * what the query reads, so before it what is left is read into memory (wr_result_drain). */
#include "engine/session.h"

#include <stdio.h>

/* DeclareCursorStmt.options, as PostgreSQL counts them. */
#define OPTION_BINARY 0x01
#define OPTION_SCROLL 0x02
#define OPTION_HOLD   0x20

struct sql_cursor {
    char *name;
    struct weir_result *result;
    bool hold;
    bool kept;  /* hold, and its transaction has been committed */
    int within; /* savepoints, when it was declared */
    struct sql_cursor *next;
};

static struct sql_cursor *find(const struct weir_session *session, const char *name)
{
    struct sql_cursor *at = session->cursors;
    while (at && strcmp(at->name, name) != 0)
        at = at->next;
    return at;
}

static struct sql_cursor *get(const struct weir_session *session, const char *name, struct wr_error *err)
{
    struct sql_cursor *cursor = find(session, name);
    if (!cursor)
        wr_fail(err, ERR_INVALID_CURSOR_NAME, "cursor \"%s\" does not exist", name);
    return cursor;
}

static void close_at(struct sql_cursor **at)
{
    struct sql_cursor *cursor = *at;
    *at = cursor->next;
    weir_result_free(cursor->result);
    free(cursor->name);
    free(cursor);
}

void wr_cursors_close(struct weir_session *session)
{
    while (session->cursors)
        close_at(&session->cursors);
}

void wr_cursors_end_transaction(struct weir_session *session, bool committed)
{
    for (struct sql_cursor **at = &session->cursors; *at;) {
        (*at)->kept |= committed && (*at)->hold;
        if ((*at)->kept)
            at = &(*at)->next;
        else
            close_at(at);
    }
}

void wr_cursors_release_savepoint(struct weir_session *session, int savepoints)
{
    for (struct sql_cursor *at = session->cursors; at; at = at->next)
        at->within = WR_MIN(at->within, savepoints);
}

void wr_cursors_rollback_to_savepoint(struct weir_session *session, int savepoints)
{
    for (struct sql_cursor **at = &session->cursors; *at;)
        if (!(*at)->kept && (*at)->within >= savepoints)
            close_at(at);
        else
            at = &(*at)->next;
}

void wr_cursors_drain(struct weir_session *session, bool only_held)
{
    for (struct sql_cursor *at = session->cursors; at; at = at->next)
        if (at->hold || !only_held)
            wr_result_drain(at->result);
}

const weir_result *weir_cursor(weir_session *session, const char *name)
{
    const struct sql_cursor *cursor = find(session, name);
    return cursor ? cursor->result : NULL;
}

/* ---- DECLARE */

static bool check_options(const struct weir_statement *statement, struct wr_error *err)
{
    const PgQuery__DeclareCursorStmt *stmt = statement->parsed->node->declare_cursor_stmt;
    const char *what = stmt->options & OPTION_BINARY ? "BINARY" : stmt->options & OPTION_SCROLL ? "SCROLL" : NULL;
    return !what || wr_fail_at(err, wr_char_position(statement->text, statement->parsed->location),
                               ERR_FEATURE_NOT_SUPPORTED, "DECLARE ... %s CURSOR is not supported yet", what);
}

bool wr_declare_describe(struct weir_statement *statement, struct wr_error *err)
{
    const PgQuery__DeclareCursorStmt *stmt = statement->parsed->node->declare_cursor_stmt;
    const struct query_text query = {.text = statement->text, .node = stmt->query};
    return check_options(statement, err) && wr_query_check(statement, &query, false, err);
}

bool wr_declare_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                    struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const PgQuery__DeclareCursorStmt *stmt = statement->parsed->node->declare_cursor_stmt;
    bool hold = stmt->options & OPTION_HOLD;
    if (session->state == 'I' && !hold)
        return wr_fail(err, ERR_NO_ACTIVE_TRANSACTION, "DECLARE CURSOR can only be used in transaction blocks");
    if (find(session, stmt->portalname))
        return wr_fail(err, ERR_DUPLICATE_CURSOR, "cursor \"%s\" already exists", stmt->portalname);
    struct weir_result *rows = wr_result_new(session);
    const struct query_text query = {.text = statement->text, .node = stmt->query, .params = params};
    if (!wr_query_run(statement, &query, rows, err)) {
        weir_result_free(rows);
        return false;
    }
    session->open_result = NULL; /* the next statement does not end it */
    struct sql_cursor *cursor = wr_calloc(1, sizeof *cursor);
    *cursor = (struct sql_cursor){.name = wr_strdup(stmt->portalname),
                                  .result = rows,
                                  .hold = hold,
                                  .kept = hold && session->state == 'I',
                                  .within = wr_savepoints_count(session),
                                  .next = session->cursors};
    session->cursors = cursor;
    snprintf(result->tag, sizeof result->tag, "DECLARE CURSOR");
    return true;
}

/* ---- FETCH, MOVE */

/* A cursor that does not exist is told when the statement runs. */
bool wr_fetch_describe(struct weir_statement *statement, struct wr_error *err)
{
    const PgQuery__FetchStmt *stmt = statement->parsed->node->fetch_stmt;
    const struct sql_cursor *cursor = find(statement->session, stmt->portalname);
    if (!cursor || stmt->ismove)
        return true;
    statement->ncols = cursor->result->ncols;
    statement->cols = wr_columns_copy(&statement->arena, cursor->result->cols, cursor->result->ncols);
    return true;
}

/* How many rows; INT64_MAX is all. */
static bool count_of(const struct weir_statement *statement, int64_t *n, struct wr_error *err)
{
    const PgQuery__FetchStmt *stmt = statement->parsed->node->fetch_stmt;
    bool forward = stmt->direction == PG_QUERY__FETCH_DIRECTION__FETCH_FORWARD ||
                   stmt->direction == PG_QUERY__FETCH_DIRECTION__FETCH_RELATIVE;
    *n = stmt->how_many;
    if (stmt->direction == PG_QUERY__FETCH_DIRECTION__FETCH_RELATIVE && *n > 1)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "%s RELATIVE is not supported yet",
                       stmt->ismove ? "MOVE" : "FETCH");
    if (stmt->direction == PG_QUERY__FETCH_DIRECTION__FETCH_ABSOLUTE)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "%s ABSOLUTE is not supported yet",
                       stmt->ismove ? "MOVE" : "FETCH");
    if (forward && *n > 0)
        return true;
    wr_fail(err, ERR_NOT_READY, "cursor can only scan forward");
    return wr_fail_hint(err, "Declare it with SCROLL option to enable backward scan.");
}

static bool skip(struct weir_result *rows, int64_t n, int64_t *skipped, struct wr_error *err)
{
    int64_t left = n;
    struct held_batch *held;
    while (left && (held = wr_result_take(rows, &left, err)) != NULL)
        wr_held_release(held);
    *skipped = n - left;
    return !err->sqlstate[0];
}

bool wr_fetch_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                  struct wr_error *err)
{
    const PgQuery__FetchStmt *stmt = statement->parsed->node->fetch_stmt;
    struct weir_session *session = statement->session;
    const struct sql_cursor *cursor = get(session, stmt->portalname, err);
    int64_t n, moved;
    if (!cursor || !count_of(statement, &n, err))
        return false;
    if (stmt->ismove) {
        TRY(skip(cursor->result, n, &moved, err));
        snprintf(result->tag, sizeof result->tag, "MOVE %lld", (long long)moved);
        return true;
    }
    result->ncols = cursor->result->ncols;
    result->cols = wr_columns_copy(&result->arena, cursor->result->cols, result->ncols);
    result->from = cursor->result;
    result->left = n;
    result->rows_in_tag = true;
    session->open_result = result;
    snprintf(result->tag, sizeof result->tag, "FETCH");
    return true;
}

/* ---- CLOSE */

bool wr_close_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                  struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const char *name = statement->parsed->node->close_portal_stmt->portalname;
    bool all = !name || !*name;
    snprintf(result->tag, sizeof result->tag, all ? "CLOSE CURSOR ALL" : "CLOSE CURSOR");
    if (all) {
        wr_cursors_close(session);
        return true;
    }
    const struct sql_cursor *cursor = get(session, name, err);
    for (struct sql_cursor **at = &session->cursors; cursor && *at; at = &(*at)->next)
        if (*at == cursor) {
            close_at(at);
            return true;
        }
    return false;
}
