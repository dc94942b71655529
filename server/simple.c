/* The simple protocol: a string of statements, all results as text, one ReadyForQuery. */
#include <stdlib.h>
#include <string.h>

#include "server/connection.h"
#include "server/portal.h"

struct script {
    const char *sql;
    size_t len, at;
    bool any; /* a statement was found */
};

static bool send_rows(struct connection *connection, weir_result *result, weir_error *error)
{
    weir_code code;
    bool described = weir_result_columns(result) > 0;
    if (described)
        wr_reply_result_columns(connection, result);
    while ((code = weir_result_next(result, error)) == WEIR_ROW && !connection->closed) {
        if (!described) /* SELECT without columns has rows all the same */
            wr_reply_result_columns(connection, result);
        described = true;
        wr_reply_row(connection, result, NULL, 0);
    }
    if (code == WEIR_ERROR)
        wr_reply_error(connection, "ERROR", error);
    return code == WEIR_DONE;
}

static bool run(struct connection *connection, weir_statement *statement)
{
    weir_error error = {.sqlstate = ""};
    weir_result *result = NULL;
    TRY(wr_spool_portals(connection));
    if (weir_execute(statement, NULL, 0, &result, &error) == WEIR_ERROR) {
        wr_reply_error(connection, "ERROR", &error);
        return false;
    }
    bool ok = weir_statement_is_copy_in(statement)    ? wr_copyin_run(connection, result)
              : weir_statement_is_copy_out(statement) ? wr_copyout_run(connection, result)
                                                      : send_rows(connection, result, &error);
    if (ok) {
        wr_reply_tag(connection, weir_result_tag(result));
        wr_status_report_changes(connection, weir_result_tag(result));
    }
    weir_result_free(result);
    return ok;
}

static bool run_in_transaction(struct connection *connection, weir_statement *statement, const char *word, bool last)
{
    bool ends = weir_statement_ends_transaction(statement);
    if (!wr_implicit_may_run(connection, statement))
        return false;
    bool begins = wr_sqltext_begins_transaction(word);
    bool idle = weir_session_state(connection->session) == 'I';
    if (idle && !last && !ends && !begins && !wr_implicit_begin(connection))
        return false;
    bool ok = run(connection, statement);
    if (begins && ok) /* from here on the transaction is the client's */
        connection->implicit = false;
    if (ends && ok) {
        connection->implicit = false;
        wr_extended_drop_portals(connection);
    }
    return ok;
}

/* DEALLOCATE is ours; *took: it was one. */
static bool deallocate(struct connection *connection, struct script *script, bool *took)
{
    struct deallocate deallocate;
    *took = wr_deallocate_read(script->sql, script->len, &script->at, &deallocate);
    if (!*took)
        return true;
    script->any = true;
    bool ok = wr_deallocate_run(connection, &deallocate);
    free(deallocate.name);
    return ok;
}

/* The next statement of the script; false: stop, the error has been sent. *done: there was none. */
static bool step(struct connection *connection, struct script *script, bool *done)
{
    weir_error error = {.sqlstate = ""};
    weir_statement *statement = NULL;
    char word[16];
    bool took;
    TRY(deallocate(connection, script, &took));
    if (took)
        return true;
    wr_sqltext_first_word(script->sql, script->len, script->at, word);
    weir_code code =
        weir_prepare(connection->session, script->sql, script->len, &script->at, NULL, 0, &statement, &error);
    *done = code == WEIR_DONE;
    if (*done)
        return true;
    script->any = true;
    if (code == WEIR_ERROR) {
        wr_reply_error(connection, "ERROR", &error);
        return false;
    }
    bool last = !wr_sqltext_has_more(script->sql, script->len, script->at);
    bool ok = run_in_transaction(connection, statement, word, last);
    weir_statement_free(statement);
    return ok;
}

/* The text of a Query message; false: there is none, the error has been sent. */
static bool read_script(struct connection *connection, const struct wire_message *message, struct script *script)
{
    TRY(wr_wire_string(message, &script->sql, &script->len) || wr_reply_malformed(connection));
    return wr_connection_check_text(connection, script->sql, script->len);
}

void wr_simple_query(struct connection *connection, const struct wire_message *message)
{
    struct script script = {.any = false};
    wr_extended_drop_unnamed(connection);
    bool ok = read_script(connection, message, &script), done = !ok;
    script.any = !ok;
    while (ok && !done && !connection->closed) {
        wr_connection_begin_work(connection);
        ok = step(connection, &script, &done);
        wr_connection_end_work(connection);
    }
    if (!ok)
        wr_implicit_fail(connection);
    else if (connection->implicit)
        wr_implicit_commit(connection);
    if (!script.any)
        wr_reply_empty(connection, 'I');
    if (weir_session_state(connection->session) == 'I')
        wr_extended_drop_portals(connection);
    wr_extended_discard(connection);
    wr_reply_ready(connection);
}
