/* weir: a streaming SQL database in a library.
 *
 * Open a database (a directory, or memory only), open sessions on it, execute SQL, read rows, push rows into
 * tables, subscribe to the changes of a view. The server and the command line tool use nothing but this header.
 *
 *     weir_open -> weir_session_open -> weir_exec                                   statements without rows
 *                                    -> weir_query -> weir_result_next ...          one statement with rows
 *                                    -> weir_prepare -> weir_execute -> weir_result_next ...   with parameters
 *                                    -> weir_appender_open, weir_subscribe
 *
 * Return values. Functions that can fail return a weir_code; WEIR_ERROR (-1) is the only failure. Then the weir_error
 * that the caller passed is filled in (it may be NULL), and what would have been returned through a pointer is NULL.
 * After a success the weir_error is unchanged. SQLSTATEs and messages are PostgreSQL 15's.
 *
 * Ownership. weir_x_close / weir_x_free end what weir_x_open, weir_prepare, weir_execute ... began; NULL is accepted
 * and ignored. End things in the reverse order: results, appenders and subscriptions, then statements, then sessions,
 * then the database. Strings passed in are copied: they may go when the call has returned. Pointers that a function
 * returns are valid until the next call with the same object, unless it says otherwise.
 *
 * Threads. A weir_db may be used by all threads at once. A weir_session and all that was made from it belong to one
 * thread at a time; only weir_session_cancel may be called from any thread, as long as the session is open. A process
 * may open several databases, but each directory once. After fork() a database is the parent's alone: the child may
 * call nothing but weir_close(), which then does nothing.
 *
 * Results. A session has one unread result at a time: a SELECT streams, and the session's next weir_execute ends it.
 * What was not read by then is gone, and weir_result_next says so (24000). To read two at once open two sessions.
 *
 * Locale. The host's setlocale() changes nothing: keywords, numbers and dates are read and written as PostgreSQL does.
 *
 * All strings are UTF-8, NUL-terminated unless a length goes with them. Columns and parameters count from 0; an index
 * out of range is the caller's mistake and not checked. */
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
    WEIR_ROW = 1,   /* a row (a chunk of rows, a change) is there */
    WEIR_DONE = 2,  /* no more rows, no more statements; no change in the time given */
    WEIR_ERROR = -1 /* see weir_error */
} weir_code;

typedef struct weir_error {
    char sqlstate[6]; /* five characters */
    int position;     /* of the mistake in the text given to weir_prepare, weir_exec or weir_query: characters, from 1;
                         0 = none */
    char message[1024]; /* one line, without "ERROR:" */
    char detail[512];   /* "" = none; so are the others */
    char hint[512];
    char context[512];          /* where in the data of a COPY */
    char table[64], column[64]; /* of the constraint that a row violates, or of the column that may not be NULL */
    char constraint[80];
} weir_error;

/* WEIR_VERSION of the library that was loaded. */
WEIR_API const char *weir_version(void);

/* ---- database */

/* Set what is wanted, leave the rest 0: weir_options options = {.struct_size = sizeof options, .workers = 2}; */
typedef struct weir_options {
    size_t struct_size;     /* sizeof(weir_options): lets the struct grow */
    int64_t memory_bytes;   /* limit of what the database holds, at least 64 MB; 0 = a quarter of the machine's or the
                               cgroup's memory */
    int workers;            /* dataflow threads; 0 = 1. May differ each time a directory is opened */
    bool embedded_broker;   /* start a Kafka mock broker in the process; see weir_embedded_broker() */
    int commit_interval_ms; /* longest time between commits of source data; 0 = 100. Statements do not wait for it */
} weir_options;

/* Opens the directory, or makes it; NULL or ":memory:": nothing is kept. options may be NULL. Views and sinks of the
 * directory run when it returns. Fails if another process has it open (55006), if a newer version wrote it (55000) or
 * it is damaged (XX001). */
WEIR_API weir_code weir_open(const char *dir, const weir_options *options, weir_db **db, weir_error *error);
/* Commits what is pending, stops, frees. Sessions must be closed before. What a sink has not delivered it delivers when
 * the directory is opened again. WEIR_ERROR: all is durable, but a call into a broker's client has not come back within
 * seconds (its broker is gone); the memory and the directory stay taken until the process ends, which it should by
 * _exit(). */
WEIR_API weir_code weir_close(weir_db *db);
/* WEIR_ERROR once the database has stopped by itself (the disk is full, state is damaged): every statement fails with
 * the same error. What was acknowledged is durable: close it, and open the directory again when the cause is gone. */
WEIR_API weir_code weir_check(weir_db *db, weir_error *error);
/* "127.0.0.1:port" of the embedded broker, or NULL. Valid until weir_close. */
WEIR_API const char *weir_embedded_broker(weir_db *db);
/* Has every source reached the end its topics had when this was first called (or the database opened), every sink
 * delivered all of it, and every view been filled? Waits for a commit at most. False with error->sqlstate set if a
 * pipeline has failed for good: set it to "" before the call. */
WEIR_API bool weir_caught_up(weir_db *db, weir_error *error);
/* Lines about background work (a sink has stopped, a broker is away ...). The function is called from threads of the
 * library, and must not call the library. NULL: no more. Set it before there is something to tell. */
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
/* Where the database is; may be asked at any time. */
WEIR_API void weir_get_progress(weir_db *db, weir_progress *progress);

/* ---- sessions */

/* A session has settings and at most one open transaction, like a connection to a server. Fails if the database has
 * stopped after an error of its disk. */
WEIR_API weir_code weir_session_open(weir_db *db, weir_session **session, weir_error *error);
/* Rolls back an open transaction. */
WEIR_API void weir_session_close(weir_session *session);
/* Cancel what the session executes now: it fails with 57014. Nothing happens if it executes nothing. Any thread. (After
 * SET statement_timeout the library does it by itself; it counts the time spent in its calls, not the caller's own.) */
WEIR_API void weir_session_cancel(weir_session *session);
/* 'I' idle, 'T' in a transaction, 'E' in a failed one, where all but ROLLBACK and COMMIT fail with 25P02. */
WEIR_API char weir_session_state(weir_session *session);
/* Current value of a setting, as SHOW gives it; NULL: there is none of this name. */
WEIR_API const char *weir_session_setting(weir_session *session, const char *name);
/* Notices that a statement raises. severity: "NOTICE", "WARNING", "INFO". Called on the thread that executes the
 * statement, during the call; the strings are valid until it returns. NULL: no more. */
typedef void (*weir_notice)(void *context, const char *severity, const char *sqlstate, const char *message);
WEIR_API void weir_session_on_notice(weir_session *session, weir_notice notice, void *context);
/* CREATE of what exists with the same definition is skipped with a notice, with another definition refused: what
 * `weir run` does, so that a script can be run again. */
WEIR_API void weir_session_skip_existing(weir_session *session, bool on);

/* ---- statements */

/* Prepares the next statement of a script: parses sql from byte *offset on (0 to begin with) and moves *offset behind
 * it, also when it fails. WEIR_DONE: nothing but white space and comments was left, *statement is NULL.
 *
 * The statement may hold parameters $1, $2 ...; `param_oids` (n_params of them; NULL, 0: none) fixes their types by
 * PostgreSQL's oids, 0 = infer. It can be executed any number of times, in any transaction of its session; names are
 * looked up anew each time, and where they now stand for other columns than the statement was prepared with it fails
 * (0A000). error->position counts from the start of sql. */
WEIR_API weir_code weir_prepare(weir_session *session, const char *sql, size_t sql_len, size_t *offset,
                                const uint32_t *param_oids, int n_params, weir_statement **statement,
                                weir_error *error);
/* Results made from it stay. */
WEIR_API void weir_statement_free(weir_statement *statement);
/* Number of parameters, and their types: given or inferred. */
WEIR_API int weir_statement_params(const weir_statement *statement);
WEIR_API uint32_t weir_statement_param_oid(const weir_statement *statement, int index);
/* Result columns, known before execution; 0 for statements without rows. Types are PostgreSQL's oids and atttypmods (-1
 * = none). Names are valid as long as the statement. */
WEIR_API int weir_statement_columns(const weir_statement *statement);
WEIR_API const char *weir_statement_column_name(const weir_statement *statement, int column);
WEIR_API uint32_t weir_statement_column_oid(const weir_statement *statement, int column);
WEIR_API int32_t weir_statement_column_typmod(const weir_statement *statement, int column);
/* Of which table or view the column is one, unchanged: its oid in pg_class, and *number in pg_attribute. 0: of none. */
WEIR_API uint32_t weir_statement_column_relation(const weir_statement *statement, int column, int *number);
/* COPY ... FROM STDIN: its result takes bytes by weir_copy_data. */
WEIR_API bool weir_statement_is_copy_in(const weir_statement *statement);
/* COPY ... TO STDOUT: its result gives bytes by weir_copy_read, or rows like a SELECT's. */
WEIR_API bool weir_statement_is_copy_out(const weir_statement *statement);
/* May be executed while the transaction has failed (COMMIT, ROLLBACK). */
WEIR_API bool weir_statement_ends_transaction(const weir_statement *statement);

typedef struct weir_param {
    const void *data; /* NULL = SQL NULL */
    size_t len;
    bool binary; /* PostgreSQL's binary format; else text */
} weir_param;

/* Executes. Returns once the statement's effect is durable and visible to all sessions (in a transaction: to itself),
 * or the first row can be read. There must be as many params as the statement has parameters (NULL, 0: none). An error
 * undoes the statement, and fails the transaction if there is one. Ends the session's unread result. */
WEIR_API weir_code weir_execute(weir_statement *statement, const weir_param *params, int n_params, weir_result **result,
                                weir_error *error);
/* Prepares and executes every statement of sql, one after the other; rows are read and dropped. Stops at the first
 * error: what came before it has happened, unless it was in a transaction (BEGIN), which is then open and failed. */
WEIR_API weir_code weir_exec(weir_session *session, const char *sql, weir_error *error);
/* Prepares and executes the one statement of sql. WEIR_DONE, and no result: sql is empty. More than one: 42601. */
WEIR_API weir_code weir_query(weir_session *session, const char *sql, weir_result **result, weir_error *error);

/* Several statements that are to succeed or fail together, as PostgreSQL has it for those of one query string: begins a
 * transaction that the statements do not know of. BEGIN among them makes it an ordinary one, COMMIT and ROLLBACK end it
 * with a warning, SAVEPOINT fails. */
WEIR_API weir_code weir_implicit_begin(weir_session *session, weir_error *error);
/* Ends it: commits, unless a statement has failed or `commit` is false. Nothing happens where it has ended already, or
 * has become an ordinary one. */
WEIR_API weir_code weir_implicit_end(weir_session *session, bool commit, weir_error *error);

/* ---- results */

/* Moves to the next row, the first to begin with: WEIR_ROW, WEIR_DONE or WEIR_ERROR. Rows are streamed: a large result
 * is never held in memory, and an error may come after rows. */
WEIR_API weir_code weir_result_next(weir_result *result, weir_error *error);
/* As of the statement; names are valid as long as the result. */
WEIR_API int weir_result_columns(const weir_result *result);
WEIR_API const char *weir_result_column_name(const weir_result *result, int column);
WEIR_API uint32_t weir_result_column_oid(const weir_result *result, int column);
WEIR_API int32_t weir_result_column_typmod(const weir_result *result, int column);
WEIR_API uint32_t weir_result_column_relation(const weir_result *result, int column, int *number);
/* Values of the current row: after WEIR_ROW only. They stay until weir_result_next, those of other columns too. */
WEIR_API bool weir_result_is_null(weir_result *result, int column);
/* As psql shows it; NULL for SQL NULL. *len (may be NULL) is without the NUL at the end. */
WEIR_API const char *weir_result_text(weir_result *result, int column, size_t *len);
/* In PostgreSQL's binary format; NULL for SQL NULL. Shares its memory with the text of the same column. */
WEIR_API const void *weir_result_binary(weir_result *result, int column, size_t *len);
WEIR_API int64_t weir_result_int64(weir_result *result, int column); /* of integers, dates and times; 0 for SQL NULL */
WEIR_API double weir_result_double(weir_result *result, int column); /* of any number; 0 for SQL NULL */
/* "SELECT 3", "INSERT 0 1", "CREATE TABLE" ...; complete once WEIR_DONE was returned. */
WEIR_API const char *weir_result_tag(weir_result *result);
/* May be called early: ends the query. */
WEIR_API void weir_result_free(weir_result *result);

/* Whole columns instead of rows: moves to the next chunk of the result (WEIR_ROW), a few thousand rows, and fills in
 * `columns`, as many as the result has. The pointers are valid until the next call. Read a result by rows or by chunks,
 * not both. */
typedef struct weir_column {
    uint32_t oid;
    const uint8_t *nulls;    /* one byte per row, 1 = NULL; NULL pointer = none */
    const void *data;        /* bool uint8_t, int4/date int32_t, int8/timestamp[tz] int64_t (microseconds since 1970),
                                float8 double; others: NULL, use offsets and bytes: text form of the value */
    const uint32_t *offsets; /* rows + 1 */
    const char *bytes;
} weir_column;
WEIR_API weir_code weir_result_chunk(weir_result *result, uint32_t *rows, weir_column *columns, weir_error *error);

/* The rows of a cursor that DECLARE has made: for its columns only, and until the session's next call. NULL: there
 * is none of the name. */
WEIR_API const weir_result *weir_cursor(weir_session *session, const char *name);

/* ---- COPY FROM STDIN, COPY TO STDOUT */

/* Does it take, or give, PostgreSQL's binary form? *columns: how many values a row has. */
WEIR_API bool weir_result_copy_binary(const weir_result *result, int *columns);
/* To the result of such a statement: feed bytes, cut anywhere, then end it. Nothing is visible before weir_copy_end,
 * and all of it then; weir_result_free before that abandons it. After an error only weir_result_free is left. */
WEIR_API weir_code weir_copy_data(weir_result *result, const void *bytes, size_t len, weir_error *error);
WEIR_API weir_code weir_copy_end(weir_result *result, weir_error *error);
/* The next piece of what COPY TO STDOUT writes, mostly a row: WEIR_ROW with bytes that stay until the next call,
 * WEIR_DONE or WEIR_ERROR. */
WEIR_API weir_code weir_copy_read(weir_result *result, const char **bytes, size_t *len, weir_error *error);

/* ---- pushing rows into a table */

/* Rows for a table, without SQL: the columns in the table's order, all of them (DEFAULTs are not applied), one
 * weir_append_* each, then weir_append_row. Rows are written by weir_appender_flush, all or none of those since the
 * last one; an open transaction of the session takes them as it would an INSERT. */
WEIR_API weir_code weir_appender_open(weir_session *session, const char *table, weir_appender **appender,
                                      weir_error *error);
/* Values are converted to the column's type as from text. A value that does not fit, or one too many, is told by
 * weir_append_row. */
WEIR_API void weir_append_null(weir_appender *appender);
WEIR_API void weir_append_int64(weir_appender *appender, int64_t value);
WEIR_API void weir_append_double(weir_appender *appender, double value);
WEIR_API void weir_append_bool(weir_appender *appender, bool value);
WEIR_API void weir_append_text(weir_appender *appender, const char *text, size_t len);
/* Ends the row. After an error this row alone is dropped. */
WEIR_API weir_code weir_append_row(weir_appender *appender, weir_error *error);
/* Durable and visible when it returns. After an error (23505, 40001 ...) none of the rows is written, and they are gone
 * from the appender. */
WEIR_API weir_code weir_appender_flush(weir_appender *appender, weir_error *error);
/* Drops what was not flushed. */
WEIR_API void weir_appender_close(weir_appender *appender);

/* ---- subscribing to a view */

/* The changes of a table or materialized view: first, if `snapshot`, its rows as inserts, then every change that is
 * committed from there on, none twice, none left out. Changes wait in memory, within the limit, until they are read. A
 * transaction of the session makes no difference: subscriptions see what is committed. */
WEIR_API weir_code weir_subscribe(weir_session *session, const char *relation, bool snapshot,
                                  weir_subscription **subscription, weir_error *error);
/* The next changed row (WEIR_ROW): *weight says how many equal ones came (+n) or went (-n), *commit which commit they
 * belong to. Those of one commit come together, consolidated, what went first. Waits up to timeout_ms (0 = not at all,
 * -1 = for ever); WEIR_DONE = nothing in that time. Once the relation has been dropped it fails (42P01). */
WEIR_API weir_code weir_subscription_next(weir_subscription *subscription, int timeout_ms, int64_t *weight,
                                          uint64_t *commit, weir_error *error);
/* Columns are the relation's as of weir_subscribe; names are valid as long as the subscription. */
WEIR_API int weir_subscription_columns(const weir_subscription *subscription);
WEIR_API const char *weir_subscription_column_name(const weir_subscription *subscription, int column);
WEIR_API uint32_t weir_subscription_column_oid(const weir_subscription *subscription, int column);
/* Of the row that weir_subscription_next gave: as weir_result_text. */
WEIR_API const char *weir_subscription_text(weir_subscription *subscription, int column, size_t *len);
WEIR_API void weir_subscription_close(weir_subscription *subscription);

#ifdef __cplusplus
}
#endif
#endif
