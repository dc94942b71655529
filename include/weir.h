/* weir: a streaming SQL database in a library.
 *
 * Open a database (a directory, or memory only), open sessions on it, execute SQL, read rows, push rows into
 * tables, subscribe to the changes of a view. The server and the command line tool use nothing but this header.
 *
 * Threads: a weir_db may be shared by all threads. A weir_session and everything made from it (statements,
 * results) belong to one thread at a time; weir_session_cancel may be called from any thread.
 *
 * Errors: functions that can fail return a weir_code; details are in the weir_error the caller passes (may be
 * NULL). All strings are UTF-8. Pointers returned by a result are valid until its next call or its end.
 *
 * Ownership: weir_x_close / weir_x_free end what weir_x_open / ... began; NULL is accepted and ignored. */
#ifndef WEIR_H
#define WEIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WEIR_API __attribute__((visibility("default")))
#else
#define WEIR_API
#endif

#define WEIR_VERSION "0.1.0"

typedef struct weir_db weir_db;
typedef struct weir_session weir_session;
typedef struct weir_statement weir_statement;
typedef struct weir_result weir_result;
typedef struct weir_appender weir_appender;
typedef struct weir_subscription weir_subscription;

typedef enum weir_code {
    WEIR_OK = 0,
    WEIR_ROW = 1,   /* weir_result_next: a row is there */
    WEIR_DONE = 2,  /* no more rows; end of changes that are ready */
    WEIR_ERROR = -1 /* see weir_error */
} weir_code;

typedef struct weir_error {
    char sqlstate[6];
    int position; /* 1-based, characters, in the text given; 0 = none */
    char message[1024];
    char detail[512];
    char hint[512];
} weir_error;

/* ---- database */

typedef struct weir_options {
    size_t struct_size;     /* sizeof(weir_options): lets the struct grow */
    int64_t memory_bytes;   /* 0 = a quarter of the machine's or the cgroup's memory */
    int workers;            /* dataflow threads; 0 = 1 */
    bool embedded_broker;   /* start a Kafka mock broker in the process; see weir_embedded_broker() */
    int commit_interval_ms; /* longest time between commits; 0 = 100 */
} weir_options;

/* dir NULL or ":memory:": nothing is kept. The directory is created if absent. */
WEIR_API weir_code weir_open(const char *dir, const weir_options *options, weir_db **db, weir_error *error);
/* Commits what is pending, stops, frees. Sessions must be closed before. */
WEIR_API void weir_close(weir_db *db);
/* "127.0.0.1:port" of the embedded broker, or NULL. */
WEIR_API const char *weir_embedded_broker(weir_db *db);
/* Has every source reached the end its topics had when this was first called (or the database opened), and every sink
 * delivered all of it? False + error if a pipeline has failed for good. */
WEIR_API bool weir_caught_up(weir_db *db, weir_error *error);
/* Called with each notice of background work (sink stopped, source error ...); any thread. */
WEIR_API void weir_on_log(weir_db *db, void (*log)(void *context, const char *line), void *context);

typedef struct weir_progress {
    int64_t rows_in, rows_out; /* since open: source rows ingested, sink messages delivered */
    int64_t lag_rows;          /* messages not yet ingested */
    int64_t sink_backlog;      /* changes not yet delivered */
    int64_t state_bytes;       /* RAM and disk */
    int64_t memory_bytes;      /* charged to the budget */
    int64_t memory_limit;
    int64_t epochs, commits;
} weir_progress;
WEIR_API void weir_get_progress(weir_db *db, weir_progress *progress);

/* ---- sessions */

WEIR_API weir_code weir_session_open(weir_db *db, weir_session **session, weir_error *error);
WEIR_API void weir_session_close(weir_session *session); /* rolls back an open transaction */
/* Cancel what the session executes now (57014). Any thread. */
WEIR_API void weir_session_cancel(weir_session *session);
/* 'I' idle, 'T' in a transaction, 'E' in a failed transaction. */
WEIR_API char weir_session_state(weir_session *session);
/* Current value of a setting (SHOW name), or NULL. Valid until the session's next call. */
WEIR_API const char *weir_session_setting(weir_session *session, const char *name);
/* Notices raised by a statement; called during execution. severity: "NOTICE", "WARNING", "INFO". */
typedef void (*weir_notice)(void *context, const char *severity, const char *sqlstate, const char *message);
WEIR_API void weir_session_on_notice(weir_session *session, weir_notice notice, void *context);
/* Skip statements whose object exists with the same definition (with a notice), refuse different ones:
 * what `weir run` does. */
WEIR_API void weir_session_skip_existing(weir_session *session, bool on);

/* ---- statements */

/* Split a script: parses the next statement of `sql` from byte *offset on and moves *offset behind it.
 * Returns WEIR_DONE when nothing but white space and comments is left. error.position counts from the start of sql.
 * The statement may hold $n parameters. `param_oids` (may be NULL, n_params 0) fixes parameter types by PostgreSQL oid,
 * 0 = infer. */
WEIR_API weir_code weir_prepare(weir_session *session, const char *sql, size_t sql_len, size_t *offset,
                                const uint32_t *param_oids, int n_params, weir_statement **statement,
                                weir_error *error);
WEIR_API void weir_statement_free(weir_statement *statement);
WEIR_API int weir_statement_params(const weir_statement *statement);
WEIR_API uint32_t weir_statement_param_oid(const weir_statement *statement, int index);
/* Result columns, known before execution; 0 for statements without a result. */
WEIR_API int weir_statement_columns(const weir_statement *statement);
WEIR_API const char *weir_statement_column_name(const weir_statement *statement, int column);
WEIR_API uint32_t weir_statement_column_oid(const weir_statement *statement, int column);
WEIR_API int32_t weir_statement_column_typmod(const weir_statement *statement, int column); /* PostgreSQL's atttypmod */
/* COPY ... FROM STDIN: push bytes with weir_copy_*. */
WEIR_API bool weir_statement_is_copy_in(const weir_statement *statement);
/* May run while the transaction has failed (COMMIT, ROLLBACK). */
WEIR_API bool weir_statement_ends_transaction(const weir_statement *statement);

typedef struct weir_param {
    const void *data; /* NULL = SQL NULL */
    size_t len;
    bool binary; /* PostgreSQL's binary format; else text */
} weir_param;

/* Executes; returns once the statement's effect is durable (writes) or the first row can be read (SELECT). */
WEIR_API weir_code weir_execute(weir_statement *statement, const weir_param *params, int n_params, weir_result **result,
                                weir_error *error);
/* Convenience: prepare and execute every statement of sql; rows are dropped. Stops at the first error. */
WEIR_API weir_code weir_exec(weir_session *session, const char *sql, weir_error *error);
/* Convenience: one statement, with its result. */
WEIR_API weir_code weir_query(weir_session *session, const char *sql, weir_result **result, weir_error *error);

/* ---- results */

/* Moves to the next row: WEIR_ROW, WEIR_DONE or WEIR_ERROR. Rows are streamed: a large result is never held in memory.
 */
WEIR_API weir_code weir_result_next(weir_result *result, weir_error *error);
WEIR_API int weir_result_columns(const weir_result *result);
WEIR_API const char *weir_result_column_name(const weir_result *result, int column);
WEIR_API uint32_t weir_result_column_oid(const weir_result *result, int column);
WEIR_API int32_t weir_result_column_typmod(const weir_result *result, int column);
/* Of the current row. Text as psql shows it; NULL for SQL NULL. Bytes are NUL-terminated; *len may be NULL. */
WEIR_API bool weir_result_is_null(weir_result *result, int column);
WEIR_API const char *weir_result_text(weir_result *result, int column, size_t *len);
WEIR_API const void *weir_result_binary(weir_result *result, int column, size_t *len);
WEIR_API int64_t weir_result_int64(weir_result *result, int column); /* integers; 0 otherwise */
WEIR_API double weir_result_double(weir_result *result, int column); /* any number; 0 otherwise */
/* "SELECT 3", "INSERT 0 1", "CREATE TABLE" ...; complete once WEIR_DONE was returned. */
WEIR_API const char *weir_result_tag(weir_result *result);
WEIR_API void weir_result_free(weir_result *result); /* may be called early: ends the query */

/* Whole columns: the current chunk of the result. Each call to weir_result_chunk moves to the next chunk. */
typedef struct weir_column {
    uint32_t oid;
    const uint8_t *nulls;    /* one byte per row, 1 = NULL; NULL pointer = none */
    const void *data;        /* bool uint8_t, int4/date int32_t, int8/timestamp[tz] int64_t (microseconds since 1970),
                                float8 double; others: NULL, use offsets and bytes: text form of the value */
    const uint32_t *offsets; /* rows + 1 */
    const char *bytes;
} weir_column;
WEIR_API weir_code weir_result_chunk(weir_result *result, uint32_t *rows, weir_column *columns, weir_error *error);

/* ---- COPY FROM STDIN */

/* After weir_execute of such a statement: feed bytes in any cut, then finish (or abandon with weir_result_free). */
WEIR_API weir_code weir_copy_data(weir_result *result, const void *bytes, size_t len, weir_error *error);
WEIR_API weir_code weir_copy_end(weir_result *result, weir_error *error);

/* ---- pushing rows into a table */

/* Columns in table order. Values are given as text (weir_append_text) or natively; a row ends with weir_append_row.
 * Rows become visible and durable at weir_appender_flush, all or none of those since the last flush. */
WEIR_API weir_code weir_appender_open(weir_session *session, const char *table, weir_appender **appender,
                                      weir_error *error);
WEIR_API void weir_append_null(weir_appender *appender);
WEIR_API void weir_append_int64(weir_appender *appender, int64_t value);
WEIR_API void weir_append_double(weir_appender *appender, double value);
WEIR_API void weir_append_bool(weir_appender *appender, bool value);
WEIR_API void weir_append_text(weir_appender *appender, const char *text, size_t len);
WEIR_API weir_code weir_append_row(weir_appender *appender, weir_error *error);
WEIR_API weir_code weir_appender_flush(weir_appender *appender, weir_error *error);
WEIR_API void weir_appender_close(weir_appender *appender); /* drops unflushed rows */

/* ---- subscribing to a view */

/* Changes of a table or materialized view: first its current rows as inserts (if snapshot), then every change.
 * The result's columns are the view's; weir_subscription_next works like weir_result_next and also gives the row's
 * weight (+n / -n) and the commit it belongs to. Changes of one commit are consolidated. Waits up to timeout_ms
 * (0 = do not wait, -1 = for ever); WEIR_DONE = nothing in that time. */
WEIR_API weir_code weir_subscribe(weir_session *session, const char *relation, bool snapshot,
                                  weir_subscription **subscription, weir_error *error);
WEIR_API weir_code weir_subscription_next(weir_subscription *subscription, int timeout_ms, int64_t *weight,
                                          uint64_t *commit, weir_error *error);
WEIR_API int weir_subscription_columns(const weir_subscription *subscription);
WEIR_API const char *weir_subscription_column_name(const weir_subscription *subscription, int column);
WEIR_API uint32_t weir_subscription_column_oid(const weir_subscription *subscription, int column);
WEIR_API const char *weir_subscription_text(weir_subscription *subscription, int column,
                                            size_t *len); /* NULL = SQL NULL */
WEIR_API void weir_subscription_close(weir_subscription *subscription);

#ifdef __cplusplus
}
#endif
#endif
