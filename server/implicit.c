/* Implicit transactions: several statements in one query string, or several Executes before one Sync, succeed or
 * fail together, as PostgreSQL has it. */
#include <string.h>

#include "server/connection.h"

/* Moves over white space, comments and (if `semicolons`) semicolons. */
static size_t skip_blank(const char *sql, size_t len, size_t at, bool semicolons)
{
    while (at < len) {
        char c = sql[at];
        if (c == ' ' || (c >= '\t' && c <= '\r') || (semicolons && c == ';')) {
            at++;
        } else if (c == '-' && at + 1 < len && sql[at + 1] == '-') {
            while (at < len && sql[at] != '\n')
                at++;
        } else if (c == '/' && at + 1 < len && sql[at + 1] == '*') {
            size_t from = at;
            int depth = 0;
            do {
                bool opens = at + 1 < len && sql[at] == '/' && sql[at + 1] == '*';
                bool closes = at + 1 < len && sql[at] == '*' && sql[at + 1] == '/';
                depth += opens - closes;
                at += 1 + (opens || closes);
            } while (depth && at < len);
            if (depth) /* it does not end: an error, not a blank */
                return from;
        } else {
            break;
        }
    }
    return at < len ? at : len;
}

size_t wr_sqltext_skip_blank(const char *sql, size_t len, size_t at)
{
    return skip_blank(sql, len, at, false);
}

bool wr_sqltext_has_more(const char *sql, size_t len, size_t at)
{
    return skip_blank(sql, len, at, true) < len;
}

void wr_sqltext_first_word(const char *sql, size_t len, size_t at, char *word)
{
    int n = 0;
    at = skip_blank(sql, len, at, true);
    for (; at < len && n < 15; at++) {
        char lower = sql[at] | 0x20;
        if (lower < 'a' || lower > 'z')
            break;
        word[n++] = lower;
    }
    word[n] = '\0';
}

bool wr_sqltext_begins_transaction(const char *word)
{
    return !strcmp(word, "begin") || !strcmp(word, "start");
}

bool wr_implicit_begin(struct connection *connection)
{
    weir_error error = {.sqlstate = ""};
    if (weir_implicit_begin(connection->session, &error) == WEIR_ERROR) {
        wr_reply_error(connection, "ERROR", &error);
        return false;
    }
    connection->implicit = true;
    return true;
}

void wr_implicit_commit(struct connection *connection)
{
    weir_error error = {.sqlstate = ""};
    connection->implicit = false;
    wr_connection_begin_work(connection);
    weir_code code = weir_implicit_end(connection->session, true, &error);
    wr_connection_end_work(connection);
    if (code != WEIR_ERROR)
        return;
    wr_reply_error(connection, "ERROR", &error);
    wr_status_report_all(connection);
}

/* Errors that only we see (no such portal, bytes that are not UTF-8) fail a transaction like any other; the engine
 * learns of them through a statement that cannot be parsed. */
void wr_implicit_fail(struct connection *connection)
{
    if (connection->implicit) {
        weir_implicit_end(connection->session, false, NULL);
        wr_status_report_all(connection);
    } else if (weir_session_state(connection->session) == 'T') {
        weir_exec(connection->session, "?", NULL);
    }
    connection->implicit = false;
}

bool wr_implicit_may_run(struct connection *connection, const weir_statement *statement)
{
    if (weir_session_state(connection->session) != 'E' || (statement && weir_statement_ends_transaction(statement)))
        return true;
    wr_reply_fail(connection, ERR_IN_FAILED_TRANSACTION,
                  "current transaction is aborted, commands ignored until end of transaction block");
    return false;
}
