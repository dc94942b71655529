/* Sessions and statements: prepare, execute. */
#include "engine/session.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "engine/relations_read.h"
#include "engine/timeout.h"
#include "parser/deep_stack.h"
#include "types/array_io.h"

#include <stdarg.h>
#include <stdio.h>

void wr_session_give(struct weir_session *session, const struct wr_error *err, weir_error *error)
{
    if (!error)
        return;
    memcpy(error, err, sizeof *error);
    if (atomic_load(&session->timed_out) && !strcmp(error->sqlstate, ERR_QUERY_CANCELED))
        snprintf(error->message, sizeof error->message, "canceling statement due to statement timeout");
}

static atomic_int next_pid = 1000;

weir_code weir_session_open(weir_db *db, weir_session **out, weir_error *error)
{
    *out = NULL;
    if (db->failed) {
        if (error)
            memcpy(error, &db->failure, sizeof *error);
        return WEIR_ERROR;
    }
    weir_session *session = wr_calloc(1, sizeof *session);
    session->db = db;
    session->state = 'I';
    session->pid = atomic_fetch_add(&next_pid, 1);
    wr_settings_init(session);
    *out = session;
    return WEIR_OK;
}

/* A streaming result still open when the next statement begins: end it (portals of a transaction are read before). */
static void end_open_result(struct weir_session *session)
{
    struct weir_result *open = session->open_result;
    session->open_result = NULL;
    if (!open || (!open->query && !open->from))
        return;
    if (open->query)
        wr_query_end(open->query);
    open->query = NULL;
    open->from = NULL;
    open->cut_short = true;
}

void weir_session_close(weir_session *session)
{
    if (!session)
        return;
    end_open_result(session);
    wr_transaction_end(session, false);
    wr_cursors_close(session);
    wr_settings_fini(session);
    free(session);
}

void weir_session_cancel(weir_session *session)
{
    atomic_store(&session->cancel, true);
}

char weir_session_state(weir_session *session)
{
    return session->state;
}

const char *weir_session_setting(weir_session *session, const char *name)
{
    return wr_setting(session, name);
}

void weir_session_on_notice(weir_session *session, weir_notice notice, void *context)
{
    session->notice = notice;
    session->notice_context = context;
}

void weir_session_skip_existing(weir_session *session, bool on)
{
    session->skip_existing = on;
}

void wr_session_notice(struct weir_session *session, const char *severity, const char *sqlstate, const char *fmt, ...)
{
    if (!session->notice)
        return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wr_utf8_mend(text);
    session->notice(session->notice_context, severity, sqlstate, text);
}

static void fail_transaction(struct weir_session *session)
{
    if (session->state == 'T')
        session->state = 'E';
}

/* ---- the classes of statements */

static const struct statement_class select_class = {
    .name = "SELECT", .describe = wr_select_describe, .run = wr_select_run, .ends_transaction = false};
static const struct statement_class insert_class = {
    .name = "INSERT", .describe = wr_dml_describe, .run = wr_insert_run, .writes = true};
static const struct statement_class update_class = {
    .name = "UPDATE", .describe = wr_dml_describe, .run = wr_update_run, .writes = true};
static const struct statement_class delete_class = {
    .name = "DELETE", .describe = wr_dml_describe, .run = wr_delete_run, .writes = true};
static const struct statement_class truncate_class = {
    .name = "TRUNCATE TABLE", .describe = NULL, .run = wr_truncate_run, .writes = true};
static const struct statement_class begin_class = {.name = "BEGIN", .describe = NULL, .run = wr_begin_run};
static const struct statement_class commit_class = {
    .name = "COMMIT", .describe = NULL, .run = wr_commit_run, .ends_transaction = true};
static const struct statement_class rollback_class = {
    .name = "ROLLBACK", .describe = NULL, .run = wr_rollback_run, .ends_transaction = true};
static const struct statement_class savepoint_class = {.name = "SAVEPOINT", .describe = NULL, .run = wr_savepoint_run};
static const struct statement_class release_class = {
    .name = "RELEASE SAVEPOINT", .describe = NULL, .run = wr_release_run};
static const struct statement_class rollback_to_class = {
    .name = "ROLLBACK TO SAVEPOINT", .describe = NULL, .run = wr_rollback_to_run, .ends_transaction = true};
static const struct statement_class create_table_class = {
    .name = "CREATE TABLE", .describe = NULL, .run = wr_create_table_run, .writes = true};
static const struct statement_class create_source_class = {
    .name = "CREATE SOURCE", .describe = NULL, .run = wr_create_table_run, .writes = true};
static const struct statement_class create_view_class = {
    .name = "CREATE VIEW", .describe = NULL, .run = wr_create_view_run, .writes = true};
static const struct statement_class create_mv_class = {
    .name = "CREATE MATERIALIZED VIEW", .describe = NULL, .run = wr_create_mv_run, .writes = true};
static const struct statement_class create_sink_class = {
    .name = "CREATE SINK", .describe = NULL, .run = wr_create_sink_run, .writes = true};
static const struct statement_class drop_classes[] = {
    [OBJECT_TABLE] = {.name = "DROP TABLE", .run = wr_drop_run, .writes = true},
    [OBJECT_SOURCE] = {.name = "DROP SOURCE", .run = wr_drop_run, .writes = true},
    [OBJECT_VIEW] = {.name = "DROP VIEW", .run = wr_drop_run, .writes = true},
    [OBJECT_MATERIALIZED_VIEW] = {.name = "DROP MATERIALIZED VIEW", .run = wr_drop_run, .writes = true},
    [OBJECT_SINK] = {.name = "DROP SINK", .run = wr_drop_run, .writes = true},
    [OBJECT_INDEX] = {.name = "DROP INDEX", .run = wr_drop_run, .writes = true}};
static const struct statement_class set_config_class = {
    .name = "SELECT", .describe = wr_set_config_describe, .run = wr_set_config_run};
static const struct statement_class set_class = {.name = "SET", .describe = NULL, .run = wr_set_run};
static const struct statement_class show_setting_class = {
    .name = "SHOW", .describe = wr_show_setting_describe, .run = wr_show_setting_run};
static const struct statement_class show_class = {.name = "SHOW", .describe = wr_show_describe, .run = wr_show_run};
static const struct statement_class describe_class = {
    .name = "DESCRIBE", .describe = wr_describe_describe, .run = wr_describe_run};
static const struct statement_class explain_class = {
    .name = "EXPLAIN", .describe = wr_explain_describe, .run = wr_explain_run};
static const struct statement_class flush_class = {.name = "FLUSH", .describe = NULL, .run = wr_flush_run};
static const struct statement_class declare_class = {
    .name = "DECLARE", .describe = wr_declare_describe, .run = wr_declare_run};
static const struct statement_class fetch_class = {
    .name = "FETCH", .describe = wr_fetch_describe, .run = wr_fetch_run, .keeps_cursors = true};
static const struct statement_class close_class = {
    .name = "CLOSE", .describe = NULL, .run = wr_close_run, .keeps_cursors = true};
static const struct statement_class unlisten_class = {.name = "UNLISTEN", .describe = NULL, .run = wr_unlisten_run};
static const struct statement_class create_index_class = {
    .name = "CREATE INDEX", .describe = NULL, .run = wr_create_index_run, .writes = true};
static const struct statement_class copy_in_class = {
    .name = "COPY FROM", .describe = NULL, .run = wr_copy_run, .writes = true};
static const struct statement_class copy_out_class = {.name = "COPY TO", .describe = NULL, .run = wr_copy_out_run};

static const struct statement_class *transaction_class(const PgQuery__TransactionStmt *stmt)
{
    switch (stmt->kind) {
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_BEGIN:
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START:
        return &begin_class;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_COMMIT:
        return &commit_class;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK:
        return &rollback_class;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_SAVEPOINT:
        return &savepoint_class;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_RELEASE:
        return &release_class;
    case PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_ROLLBACK_TO:
        return &rollback_to_class;
    default:
        return NULL;
    }
}

static const struct statement_class *drop_class(const PgQuery__DropStmt *stmt)
{
    switch (stmt->remove_type) {
    case PG_QUERY__OBJECT_TYPE__OBJECT_TABLE:
        return &drop_classes[OBJECT_TABLE];
    case PG_QUERY__OBJECT_TYPE__OBJECT_VIEW:
        return &drop_classes[OBJECT_VIEW];
    case PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW:
        return &drop_classes[OBJECT_MATERIALIZED_VIEW];
    case PG_QUERY__OBJECT_TYPE__OBJECT_INDEX:
        return &drop_classes[OBJECT_INDEX];
    default:
        return NULL;
    }
}

static const struct statement_class *postgres_class(const PgQuery__Node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        return wr_is_set_config(node->select_stmt) ? &set_config_class : &select_class;
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        return &insert_class;
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
        return &update_class;
    case PG_QUERY__NODE__NODE_DELETE_STMT:
        return &delete_class;
    case PG_QUERY__NODE__NODE_TRUNCATE_STMT:
        return &truncate_class;
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
        return transaction_class(node->transaction_stmt);
    case PG_QUERY__NODE__NODE_VIEW_STMT:
        return &create_view_class;
    case PG_QUERY__NODE__NODE_INDEX_STMT:
        return &create_index_class;
    case PG_QUERY__NODE__NODE_DROP_STMT:
        return drop_class(node->drop_stmt);
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
    case PG_QUERY__NODE__NODE_DISCARD_STMT:
        return &set_class;
    case PG_QUERY__NODE__NODE_VARIABLE_SHOW_STMT:
        return &show_setting_class;
    case PG_QUERY__NODE__NODE_COPY_STMT:
        return node->copy_stmt->is_from ? &copy_in_class : &copy_out_class;
    case PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT:
        return &declare_class;
    case PG_QUERY__NODE__NODE_FETCH_STMT:
        return &fetch_class;
    case PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT:
        return &close_class;
    case PG_QUERY__NODE__NODE_UNLISTEN_STMT:
        return &unlisten_class;
    default:
        return NULL;
    }
}

const struct statement_class *wr_statement_class(const struct statement *parsed)
{
    switch (parsed->kind) {
    case STMT_POSTGRES:
        return postgres_class(parsed->node);
    case STMT_CREATE_TABLE:
        return &create_table_class;
    case STMT_CREATE_SOURCE:
        return &create_source_class;
    case STMT_CREATE_MATERIALIZED_VIEW:
        return &create_mv_class;
    case STMT_CREATE_SINK:
        return &create_sink_class;
    case STMT_DROP:
        return &drop_classes[parsed->drop_kind == DROP_SINK ? OBJECT_SINK : OBJECT_SOURCE];
    case STMT_FLUSH:
    case STMT_WAIT:
        return &flush_class;
    case STMT_SHOW:
        return &show_class;
    case STMT_DESCRIBE:
        return &describe_class;
    case STMT_EXPLAIN:
        return &explain_class;
    }
    return NULL;
}

/* ---- prepare */

#define PARAMS_MAX 65535 /* what the protocol can count */

static bool set_param_types(struct weir_statement *statement, const uint32_t *oids, int n, struct wr_error *err)
{
    statement->param_types = WR_NEW_ARRAY(&statement->arena, struct type, statement->nparams);
    for (int i = 0; i < n; i++) {
        if (!oids[i])
            continue;
        struct type element = wr_array_element(oids[i]);
        if (element.id) {
            statement->param_types[i] = element;
            statement->param_types[i].array = true;
            continue;
        }
        uint8_t id = wr_type_by_oid(oids[i]);
        if (!id && (oids[i] == 21 || oids[i] == 23))
            id = TYPE_INT4;
        if (!id && oids[i] == 700)
            id = TYPE_FLOAT8;
        if (!id && oids[i] != 705)
            return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "parameters of the type with oid %u are not supported yet",
                           oids[i]);
        statement->param_types[i] = TYPE(id);
        statement->param_types[i].varchar = oids[i] == 1043;
    }
    return true;
}

static bool may_hold_params(const char *text)
{
    for (const char *at = text; at && (at = strchr(at, '$')); at++)
        if (at[1] >= '0' && at[1] <= '9')
            return true;
    return false;
}

/* The highest $n. The tree is walked only where the text can hold one: a bulk INSERT is spared. */
static int count_params(struct weir_statement *statement)
{
    const struct statement *parsed = statement->parsed;
    if (!may_hold_params(parsed->text))
        return 0;
    struct params_read params = wr_params_read(parsed->inner ? parsed->inner->tree : parsed->tree);
    statement->first_param = params.first;
    statement->first_param_location = params.location;
    return params.highest;
}

static bool in_failed_transaction(struct weir_session *session, const struct statement_class *cls, struct wr_error *err)
{
    return session->state == 'E' && !(cls && cls->ends_transaction) && !wr_transaction_failed(err);
}

/* What is to be prepared, from where the script has got to. */
struct source_text {
    const char *sql;
    size_t len, end; /* end: of the statement, once it has been parsed */
};

static bool parse(struct weir_statement *statement, struct source_text *text, struct wr_error *err)
{
    bool ok = wr_parse_next(&statement->arena, text->sql, text->len, &text->end, &statement->parsed, err);
    statement->text = wr_arena_strndup(&statement->arena, text->sql, statement->parsed ? text->end : 0);
    const char *rewritten = ok && statement->parsed ? wr_driver_sql(&statement->arena, statement->parsed->text) : NULL;
    if (!rewritten)
        return ok;
    size_t end = 0;
    wr_statement_free(statement->parsed);
    statement->parsed = NULL;
    return wr_parse_next(&statement->arena, rewritten, strlen(rewritten), &end, &statement->parsed, err);
}

static bool prepare_here(struct weir_statement *statement, struct source_text *text, bool *none, const uint32_t *oids,
                         int n, struct wr_error *err)
{
    *none = false;
    if (n > PARAMS_MAX)
        return wr_fail(err, ERR_PROGRAM_LIMIT, "too many parameters");
    TRY(parse(statement, text, err));
    if (!statement->parsed) {
        *none = true;
        return true;
    }
    statement->cls = wr_statement_class(statement->parsed);
    if (in_failed_transaction(statement->session, statement->cls, err))
        return false;
    if (!statement->cls)
        return wr_statement_not_supported(statement, err);
    statement->nparams = WR_MAX(WR_MIN(count_params(statement), PARAMS_MAX), n);
    TRY(set_param_types(statement, oids, n, err));
    if (statement->cls->describe)
        TRY(statement->cls->describe(statement, err));
    for (int i = 0; i < statement->nparams; i++)
        if (!statement->param_types[i].id)
            statement->param_types[i] = TYPE(TYPE_TEXT);
    return true;
}

/* Trees are as deep as the user's text, and so are parsing, binding and planning: they run on the deep stack. */
struct prepare_job {
    struct weir_statement *statement;
    struct source_text *text;
    bool *none;
    const uint32_t *oids;
    int n;
    struct wr_error *err;
    bool ok;
};

static void run_prepare(void *context)
{
    struct prepare_job *job = context;
    job->ok = prepare_here(job->statement, job->text, job->none, job->oids, job->n, job->err);
}

static bool prepare(struct weir_statement *statement, struct source_text *text, bool *none, const uint32_t *oids, int n,
                    struct wr_error *err)
{
    struct prepare_job job = {statement, text, none, oids, n, err, false};
    *none = false;
    return wr_deep_stack_run(run_prepare, &job, err) && job.ok;
}

/* Characters before the offset. A script that goes on where the last statement ended is not counted again. */
static int characters_before(struct script_place *place, const char *sql, size_t len, size_t offset)
{
    if (place->sql != sql || place->len != len || place->offset > offset)
        *place = (struct script_place){.sql = sql, .len = len};
    for (; place->offset < offset; place->offset++)
        place->characters += ((unsigned char)sql[place->offset] & 0xc0) != 0x80;
    return place->characters;
}

static void give_at(struct weir_session *session, struct wr_error *err, int position_base, weir_error *error)
{
    if (err->position > 0)
        err->position += position_base;
    wr_session_give(session, err, error);
}

weir_code weir_prepare(weir_session *session, const char *sql, size_t sql_len, size_t *offset,
                       const uint32_t *param_oids, int n_params, weir_statement **out, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    *out = NULL;
    struct weir_statement *statement = wr_calloc(1, sizeof *statement);
    statement->session = session;
    wr_arena_init(&statement->arena, &session->db->pool_sessions);
    statement->position_base = characters_before(&session->script, sql, sql_len, *offset);
    struct source_text text = {.sql = sql + *offset, .len = sql_len - *offset};
    if (session->state == 'I' || !session->now_us)
        session->now_us = wr_wall_us();
    bool none;
    bool ok = prepare(statement, &text, &none, param_oids, n_params, &err);
    *offset += text.end;
    if (ok && !none) {
        *out = statement;
        return WEIR_OK;
    }
    int position_base = statement->position_base;
    weir_statement_free(statement);
    if (none && ok)
        return WEIR_DONE;
    fail_transaction(session);
    give_at(session, &err, position_base, error);
    return WEIR_ERROR;
}

void weir_statement_free(weir_statement *statement)
{
    if (!statement)
        return;
    if (statement->parsed)
        wr_statement_free(statement->parsed);
    wr_arena_reset(&statement->arena);
    free(statement);
}

int weir_statement_params(const weir_statement *statement)
{
    return statement->nparams;
}

static uint32_t oid_of(struct type type)
{
    return type.id == TYPE_TEXT && type.varchar ? 1043 : wr_type_info(type.id)->oid;
}

uint32_t weir_statement_param_oid(const weir_statement *statement, int index)
{
    struct type type = statement->param_types[index];
    return type.array ? wr_type_info(type.id)->array_oid : oid_of(type);
}

int weir_statement_columns(const weir_statement *statement)
{
    return statement->ncols;
}

const char *weir_statement_column_name(const weir_statement *statement, int column)
{
    return statement->cols[column].name;
}

uint32_t weir_statement_column_oid(const weir_statement *statement, int column)
{
    return oid_of(statement->cols[column].type);
}

bool weir_statement_is_copy_in(const weir_statement *statement)
{
    return statement->cls == &copy_in_class;
}

bool weir_statement_is_copy_out(const weir_statement *statement)
{
    return statement->cls == &copy_out_class;
}

bool weir_statement_ends_transaction(const weir_statement *statement)
{
    return statement->cls->ends_transaction;
}

/* ---- execute */

static bool read_list(struct weir_session *session, struct type element, const weir_param *param,
                      struct wr_arena *arena, struct datum *out, struct wr_error *err)
{
    struct array_items *items = WR_NEW(arena, struct array_items);
    element.array = false;
    if (param->binary)
        TRY(wr_array_recv(arena, element, param->data, param->len, items, err));
    else
        TRY(wr_array_in(arena, element, param->data, param->len, &session->io, items, err));
    *out = (struct datum){.str = {.data = (const char *)items, .len = sizeof *items}};
    return true;
}

static bool read_params(struct weir_statement *statement, const weir_param *params, int n, struct wr_arena *arena,
                        struct datum *out, struct wr_error *err)
{
    if (!params && statement->nparams && statement->first_param) /* not meant to have any */
        return wr_fail_at(err, wr_char_position(statement->text, statement->first_param_location),
                          ERR_UNDEFINED_PARAMETER, "there is no parameter $%d", statement->first_param);
    if (n < statement->nparams)
        return wr_fail(err, ERR_PROTOCOL, "bind message supplies %d parameters, but prepared statement requires %d", n,
                       statement->nparams);
    for (int i = 0; i < statement->nparams; i++) {
        struct type type = statement->param_types[i];
        out[i] = (struct datum){.type = type, .null = true};
        if (!params[i].data)
            continue;
        if (type.array)
            TRY(read_list(statement->session, type, &params[i], arena, &out[i], err));
        else if (params[i].binary)
            TRY(wr_value_recv(arena, type, params[i].data, params[i].len, &out[i], err));
        else
            TRY(wr_value_in(arena, type, params[i].data, params[i].len, &statement->session->io, &out[i], err));
        out[i].type = type;
    }
    return true;
}

static bool may_not_write(struct weir_session *session, const struct statement_class *cls, struct wr_error *err)
{
    return cls->writes && wr_setting_is_on(session, "transaction_read_only") &&
           !wr_fail(err, ERR_READ_ONLY, "cannot execute %s in a read-only transaction", cls->name);
}

/* The session's flags are its next statement's. */
static void begin_work(struct weir_session *session)
{
    atomic_store(&session->cancel, false);
    wr_timeout_start(session);
    wr_timeout_enter(session);
}

struct execute_job {
    struct weir_statement *statement;
    const struct datum *params;
    struct weir_result *result;
    struct wr_error *err;
    bool ok;
};

static void run_execute(void *context)
{
    struct execute_job *job = context;
    job->ok = job->statement->cls->run(job->statement, job->params, job->result, job->err);
}

weir_code weir_execute(weir_statement *statement, const weir_param *params, int n_params, weir_result **out,
                       weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    struct weir_session *session = statement->session;
    *out = NULL;
    end_open_result(session);
    atomic_store(&session->cancel, false);
    wr_timeout_start(session);
    if (session->state == 'I' || !session->now_us)
        session->now_us = wr_wall_us();
    if (in_failed_transaction(session, statement->cls, &err)) {
        wr_session_give(session, &err, error);
        return WEIR_ERROR;
    }
    if (may_not_write(session, statement->cls, &err)) {
        fail_transaction(session);
        wr_session_give(session, &err, error);
        return WEIR_ERROR;
    }
    if (!statement->cls->keeps_cursors)
        wr_cursors_drain(session, statement->cls->ends_transaction);
    struct weir_result *result = wr_result_new(session);
    struct datum *values = WR_NEW_ARRAY(&result->arena, struct datum, statement->nparams + 1);
    bool ok = read_params(statement, params, n_params, &result->arena, values, &err);
    if (ok) {
        struct execute_job job = {statement, values, result, &err, false};
        wr_timeout_enter(session);
        ok = wr_deep_stack_run(run_execute, &job, &err) && job.ok;
        wr_timeout_leave(session);
    }
    if (ok) {
        *out = result;
        return WEIR_OK;
    }
    weir_result_free(result);
    fail_transaction(session);
    give_at(session, &err, statement->position_base, error);
    return WEIR_ERROR;
}

weir_code weir_implicit_begin(weir_session *session, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    if (session->state != 'I') {
        wr_fail(&err, ERR_ACTIVE_TRANSACTION, "there is already a transaction in progress");
        wr_session_give(session, &err, error);
        return WEIR_ERROR;
    }
    session->now_us = wr_wall_us();
    session->state = 'T';
    session->implicit = true;
    return WEIR_OK;
}

struct commit_job {
    struct weir_session *session;
    struct wr_error err;
    bool ok;
};

static void run_commit(void *context)
{
    struct commit_job *job = context;
    job->ok = wr_transaction_commit(job->session, &job->err);
}

weir_code weir_implicit_end(weir_session *session, bool commit, weir_error *error)
{
    if (!session->implicit)
        return WEIR_OK;
    end_open_result(session);
    wr_cursors_drain(session, true);
    if (!commit || session->state == 'E') {
        wr_transaction_end(session, false);
        return WEIR_OK;
    }
    struct commit_job job = {.session = session, .err = WR_ERROR_INIT};
    begin_work(session);
    bool ok = wr_deep_stack_run(run_commit, &job, &job.err) && job.ok;
    wr_timeout_leave(session);
    if (ok)
        return WEIR_OK;
    wr_transaction_end(session, false);
    wr_session_give(session, &job.err, error);
    return WEIR_ERROR;
}

static weir_code refuse(weir_session *session, const char *sqlstate, const char *message, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    wr_fail(&err, sqlstate, "%s", message);
    fail_transaction(session);
    wr_session_give(session, &err, error);
    return WEIR_ERROR;
}

weir_code weir_query(weir_session *session, const char *sql, weir_result **result, weir_error *error)
{
    size_t offset = 0, len = strlen(sql);
    weir_statement *statement;
    *result = NULL;
    weir_code code = weir_prepare(session, sql, len, &offset, NULL, 0, &statement, error);
    if (code != WEIR_OK)
        return code;
    if (wr_parse_more(sql, len, offset))
        code = refuse(session, ERR_SYNTAX, "cannot insert multiple commands into a prepared statement", error);
    else
        code = weir_execute(statement, NULL, 0, result, error);
    weir_statement_free(statement);
    return code;
}

static weir_code drain_result(weir_result *result, weir_error *error)
{
    weir_code code;
    do
        code = weir_result_next(result, error);
    while (code == WEIR_ROW);
    return code;
}

weir_code weir_exec(weir_session *session, const char *sql, weir_error *error)
{
    size_t offset = 0, len = strlen(sql);
    for (;;) {
        weir_statement *statement;
        weir_code code = weir_prepare(session, sql, len, &offset, NULL, 0, &statement, error);
        if (code == WEIR_DONE)
            return WEIR_OK;
        if (code != WEIR_OK)
            return code;
        weir_result *result = NULL;
        if (weir_statement_is_copy_in(statement))
            code = refuse(session, ERR_PROTOCOL, "weir_exec() has no data for COPY FROM STDIN", error);
        else
            code = weir_execute(statement, NULL, 0, &result, error);
        weir_statement_free(statement);
        if (code != WEIR_OK)
            return code;
        code = drain_result(result, error);
        weir_result_free(result);
        if (code == WEIR_ERROR)
            return code;
    }
}

/* ---- progress */

void weir_get_progress(weir_db *db, weir_progress *progress)
{
    struct store_stats stats;
    wr_store_stats(db->store, &stats);
    *progress =
        (weir_progress){.rows_in = atomic_load(&db->rows_in),
                        .rows_out = atomic_load(&db->rows_out),
                        .state_bytes = stats.disk_bytes + stats.ram_run_bytes + atomic_load(&db->pool_state.used_bytes),
                        .memory_bytes = atomic_load(&db->budget.used_bytes),
                        .memory_limit = db->budget.limit_bytes,
                        .epochs = atomic_load(&db->epochs),
                        .commits = atomic_load(&db->commits)};
    wr_progress_of_pipelines(db, progress);
}
