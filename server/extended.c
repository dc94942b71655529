/* The extended protocol: Parse, Bind, Describe, Execute, Close, Flush, Sync.
 *
 * After an error everything up to the next Sync is skipped. Statements between two Syncs succeed or fail together: when
 * an Execute is seen with more than a Sync behind it, a transaction is begun that the Sync commits; an Execute
 * followed by its Sync, the common case, commits by itself. Portals end with their transaction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/connection.h"
#include "server/portal.h"

#define OID_UNKNOWN 705

/* An error has been sent. */
static void fail(struct connection *connection)
{
    connection->skipping = true;
    wr_implicit_fail(connection);
}

/* ---- Parse */

static bool prepare(struct connection *connection, const struct wire_parse *message, weir_statement **statement)
{
    weir_error error = {.sqlstate = ""};
    size_t at = 0;
    wr_connection_begin_work(connection);
    weir_code code = weir_prepare(connection->session, message->sql, message->sql_len, &at, message->oids,
                                  message->n_oids, statement, &error);
    wr_connection_end_work(connection);
    if (code == WEIR_ERROR) {
        wr_reply_error(connection, "ERROR", &error);
        return false;
    }
    if (wr_sqltext_has_more(message->sql, message->sql_len, at)) {
        wr_reply_fail(connection, ERR_SYNTAX, "cannot insert multiple commands into a prepared statement");
        weir_statement_free(*statement);
        return false;
    }
    if (*statement && !wr_implicit_may_run(connection, *statement)) {
        weir_statement_free(*statement);
        return false;
    }
    return true;
}

static bool parse(struct connection *connection, const struct wire_message *message)
{
    struct wire_parse parsed;
    weir_statement *statement = NULL;
    if (!wr_wire_parse(message, &connection->arena, &parsed))
        return wr_reply_malformed(connection);
    TRY(wr_connection_check_text(connection, parsed.name, strlen(parsed.name)));
    TRY(wr_connection_check_text(connection, parsed.sql, parsed.sql_len));
    if (*parsed.name && wr_prepared_find(connection, parsed.name)) {
        wr_reply_fail(connection, "42P05", "prepared statement \"%s\" already exists", parsed.name);
        return false;
    }
    if (connection->n_prepared >= CONNECTION_STATEMENTS_MAX) {
        wr_reply_fail(connection, ERR_CONFIG_LIMIT, "too many prepared statements");
        return false;
    }
    struct deallocate deallocate = {.name = NULL};
    size_t at = 0;
    if (!wr_deallocate_read(parsed.sql, parsed.sql_len, &at, &deallocate))
        TRY(prepare(connection, &parsed, &statement));
    if (!*parsed.name)
        wr_prepared_drop(connection, "");
    wr_prepared_add(connection, &parsed, statement)->deallocate = deallocate;
    wr_reply_empty(connection, '1');
    return true;
}

/* ---- Bind */

static bool check_bind(struct connection *connection, const struct wire_bind *bind, const struct prepared *prepared)
{
    int wanted = prepared->statement ? weir_statement_params(prepared->statement) : 0;
    int columns = prepared->statement ? weir_statement_columns(prepared->statement) : 0;
    if (bind->n_param_formats > 1 && bind->n_param_formats != bind->n_params) {
        wr_reply_fail(connection, ERR_PROTOCOL, "bind message has %d parameter formats but %d parameters",
                      bind->n_param_formats, bind->n_params);
        return false;
    }
    if (bind->n_params != wanted) {
        wr_reply_fail(connection, ERR_PROTOCOL,
                      "bind message supplies %d parameters, but prepared statement \"%s\" requires %d", bind->n_params,
                      prepared->name, wanted);
        return false;
    }
    if (bind->n_formats > 1 && bind->n_formats != columns) {
        wr_reply_fail(connection, ERR_PROTOCOL, "bind message has %d result formats but query has %d columns",
                      bind->n_formats, columns);
        return false;
    }
    if (bind->bad_format) {
        wr_reply_fail(connection, ERR_INVALID_PARAMETER, "unsupported format code: %d", bind->bad_format);
        return false;
    }
    for (int i = 0; i < bind->n_params; i++)
        if (bind->params[i].data && !bind->params[i].binary)
            TRY(wr_connection_check_text(connection, bind->params[i].data, bind->params[i].len));
    return true;
}

static bool bind(struct connection *connection, const struct wire_message *message)
{
    struct wire_bind bound;
    if (!wr_wire_bind(message, &connection->arena, &bound))
        return wr_reply_malformed(connection);
    TRY(wr_connection_check_text(connection, bound.portal, strlen(bound.portal)));
    struct prepared *prepared = wr_prepared_get(connection, bound.statement);
    if (!prepared || !check_bind(connection, &bound, prepared))
        return false;
    if (prepared->statement)
        TRY(wr_implicit_may_run(connection, prepared->statement));
    if (*bound.portal && wr_portal_find(connection, bound.portal)) {
        wr_reply_fail(connection, "42P03", "cursor \"%s\" already exists", bound.portal);
        return false;
    }
    if (!*bound.portal)
        wr_portal_drop(connection, "");
    if (connection->n_portals >= CONNECTION_PORTALS_MAX) {
        wr_reply_fail(connection, ERR_CONFIG_LIMIT, "too many portals");
        return false;
    }
    wr_portal_add(connection, &bound, prepared);
    wr_reply_empty(connection, '2');
    return true;
}

/* ---- Describe, Close */

/* A type that the client declared is told as it was declared, which pgjdbc insists on: the library knows one type for
 * several of PostgreSQL's (portal.c widens). */
static uint32_t param_oid(const struct prepared *prepared, int i)
{
    uint32_t declared = i < prepared->n_declared ? prepared->declared[i] : 0;
    return declared && declared != OID_UNKNOWN ? declared : weir_statement_param_oid(prepared->statement, i);
}

static void describe_params(struct connection *connection, const struct prepared *prepared)
{
    const weir_statement *statement = prepared->statement;
    int n = statement ? weir_statement_params(statement) : 0;
    size_t mark = wr_reply_begin(connection, 't');
    wr_buf_u16be(&connection->out, (uint16_t)n);
    for (int i = 0; i < n; i++)
        wr_buf_u32be(&connection->out, param_oid(prepared, i));
    wr_reply_end(connection, mark);
}

static bool describe(struct connection *connection, const struct wire_message *message)
{
    struct wire_target target;
    if (!wr_wire_target(message, &target))
        return wr_reply_malformed(connection);
    if (target.kind == 'S') {
        struct prepared *prepared = wr_prepared_get(connection, target.name);
        if (!prepared)
            return false;
        describe_params(connection, prepared);
        wr_reply_columns(connection, prepared->statement, NULL, 0);
        return true;
    }
    const weir_result *cursor =
        wr_portal_find(connection, target.name) ? NULL : weir_cursor(connection->session, target.name);
    if (cursor) { /* SQL's cursors are portals to clients */
        wr_reply_result_columns(connection, cursor);
        return true;
    }
    struct portal *portal = wr_portal_get(connection, target.name);
    if (portal)
        wr_reply_columns(connection, portal->prepared->statement, portal->formats, portal->n_formats);
    return portal != NULL;
}

static bool close_target(struct connection *connection, const struct wire_message *message)
{
    struct wire_target target;
    if (!wr_wire_target(message, &target))
        return wr_reply_malformed(connection);
    if (target.kind == 'S')
        wr_prepared_drop(connection, target.name);
    else
        wr_portal_drop(connection, target.name);
    wr_reply_empty(connection, '3');
    return true;
}

/* ---- Execute */

/* Does more than a Sync follow, or nothing yet? Then this statement shares a transaction with what may come. */
static bool is_pipelined(const struct connection *connection)
{
    return connection->next_type != 'S';
}

static bool start(struct connection *connection, struct portal *portal)
{
    weir_statement *statement = portal->prepared->statement;
    weir_error error = {.sqlstate = ""};
    bool alone = weir_statement_ends_transaction(statement) || wr_sqltext_begins_transaction(portal->prepared->word);
    TRY(wr_implicit_may_run(connection, statement));
    TRY(wr_spool_portals(connection));
    if (!alone && is_pipelined(connection) && weir_session_state(connection->session) == 'I')
        TRY(wr_implicit_begin(connection));
    if (weir_execute(statement, portal->params, portal->n_params, &portal->result, &error) == WEIR_ERROR) {
        wr_reply_error(connection, "ERROR", &error);
        return false;
    }
    return true;
}

/* The tag of a query counts the rows of its last Execute. */
static void reply_tag(struct connection *connection, const struct portal *portal, int64_t rows)
{
    const char *tag = weir_result_tag(portal->result);
    char counted[32];
    snprintf(counted, sizeof counted, "SELECT %lld", (long long)rows);
    wr_reply_tag(connection, strncmp(tag, "SELECT ", 7) ? tag : counted);
}

/* The statement is through. COMMIT takes all portals with it, this one too. */
static void finish(struct connection *connection, struct portal *portal, int64_t rows)
{
    const char *tag = weir_result_tag(portal->result);
    portal->done = true;
    reply_tag(connection, portal, rows);
    wr_status_report_changes(connection, tag);
    if (wr_sqltext_begins_transaction(portal->prepared->word)) /* from here on the transaction is the client's */
        connection->implicit = false;
    if (weir_statement_ends_transaction(portal->prepared->statement)) {
        connection->implicit = false;
        wr_extended_drop_portals(connection);
    }
}

static bool fetch(struct connection *connection, struct portal *portal, int32_t rows_max)
{
    weir_error error = {.sqlstate = ""};
    weir_code code = WEIR_ROW;
    int64_t n = 0;
    for (; rows_max <= 0 || n < rows_max; n++) {
        code = portal->spooled ? wr_spool_next(connection, portal, &error) : weir_result_next(portal->result, &error);
        if (code != WEIR_ROW || connection->closed)
            break;
        if (!portal->spooled)
            wr_reply_row(connection, portal->result, portal->formats, portal->n_formats);
    }
    if (code == WEIR_ERROR)
        wr_reply_error(connection, "ERROR", &error);
    else if (code == WEIR_ROW)
        wr_reply_empty(connection, 's');
    else
        finish(connection, portal, n);
    return code != WEIR_ERROR;
}

/* Once more where nothing is left: no rows, or PostgreSQL's refusal to do it twice. */
static bool again(struct connection *connection, const struct portal *portal)
{
    bool has_rows = weir_statement_columns(portal->prepared->statement) > 0;
    if (has_rows)
        wr_reply_tag(connection, "SELECT 0");
    else
        wr_reply_fail(connection, ERR_NOT_READY, "portal \"%s\" cannot be run", portal->name);
    return has_rows;
}

static bool run_portal(struct connection *connection, struct portal *portal, int32_t rows_max)
{
    weir_statement *statement = portal->prepared->statement;
    if (portal->done)
        return again(connection, portal);
    if (!portal->result)
        TRY(start(connection, portal));
    if (weir_statement_is_copy_in(statement))
        TRY(wr_copyin_run(connection, portal->result));
    else if (weir_statement_is_copy_out(statement))
        TRY(wr_copyout_run(connection, portal->result));
    else
        return fetch(connection, portal, rows_max);
    finish(connection, portal, 0);
    return true;
}

static bool execute(struct connection *connection, const struct wire_message *message)
{
    struct wire_execute executed;
    if (!wr_wire_execute(message, &executed))
        return wr_reply_malformed(connection);
    struct portal *portal = wr_portal_get(connection, executed.portal);
    if (!portal)
        return false;
    if (portal->prepared->deallocate.name)
        return wr_deallocate_run(connection, &portal->prepared->deallocate);
    if (!portal->prepared->statement) {
        wr_reply_empty(connection, 'I');
        return true;
    }
    wr_connection_begin_work(connection);
    bool ok = run_portal(connection, portal, executed.rows_max);
    wr_connection_end_work(connection);
    return ok;
}

/* ---- Sync */

static void sync(struct connection *connection)
{
    connection->skipping = false;
    if (connection->implicit)
        wr_implicit_commit(connection);
    if (weir_session_state(connection->session) == 'I')
        wr_extended_drop_portals(connection);
    wr_extended_discard(connection);
    wr_reply_ready(connection);
}

void wr_extended_message(struct connection *connection, const struct wire_message *message)
{
    bool ok = true;
    if (message->type == 'S') {
        sync(connection);
        return;
    }
    if (connection->skipping)
        return;
    switch (message->type) {
    case 'P':
        ok = parse(connection, message);
        break;
    case 'B':
        ok = bind(connection, message);
        break;
    case 'D':
        ok = describe(connection, message);
        break;
    case 'C':
        ok = close_target(connection, message);
        break;
    case 'E':
        ok = execute(connection, message);
        break;
    default:
        wr_socket_flush(connection);
        break;
    }
    if (!ok)
        fail(connection);
}
