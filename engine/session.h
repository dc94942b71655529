/* Sessions, statements and results: the calling threads' side of the engine. */
#ifndef WEIR_ENGINE_SESSION_H
#define WEIR_ENGINE_SESSION_H

#include "engine/engine.h"
#include "engine/writes.h"

struct setting_value; /* settings.c */
struct savepoint;     /* savepoint.c */

/* Where the session is in a script that it prepares statement by statement. */
struct script_place {
    const char *sql;
    size_t len, offset;
    int characters; /* before offset */
};

struct weir_session {
    weir_db *db;
    atomic_bool cancel, timed_out;
    bool time_limited; /* by statement_timeout (timeout.c) */
    int timed_calls;   /* within each other: a cursor is read while its FETCH is */
    int64_t time_left_us, entered_us, deadline_us;
    struct weir_session *next_timed;
    weir_notice notice;
    void *notice_context;
    bool skip_existing;
    struct setting_value *settings; /* by index of the settings table */
    struct io_settings io;
    int32_t pid; /* shown as pg_backend_pid() */

    struct script_place script;

    bool implicit;           /* a transaction that the statements do not know of */
    char state;              /* 'I', 'T', 'E' */
    struct catalog *catalog; /* of the transaction: set at its first statement */
    struct snapshot *snapshot;
    struct overlay *overlay;         /* its writes; NULL: none */
    struct pending *pending;         /* its DDL; NULL: none */
    struct savepoint *savepoints;    /* the newest; NULL: none */
    int64_t now_us;                  /* of the transaction or statement */
    struct weir_result *open_result; /* streaming: ended before the next statement */
    struct sql_cursor *cursors;      /* cursor.c */
};

struct output_column {
    const char *name;
    struct type type;
    struct plan_origin origin;
};

struct weir_statement {
    struct weir_session *session;
    struct wr_arena arena;
    const char *text;  /* from where the script went on to the statement's end: locations count from here */
    int position_base; /* characters of the script before it */
    struct statement *parsed;
    const struct statement_class *cls;
    int ncols;
    struct output_column *cols;
    int nparams;
    struct type *param_types;
    int first_param, first_param_location; /* as written; 0: none */
};

/* One kind of statement: how to know its columns, how to run it. */
struct statement_class {
    const char *name;
    bool (*describe)(struct weir_statement *statement, struct wr_error *err); /* NULL: no columns */
    bool (*run)(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                struct wr_error *err);
    bool ends_transaction; /* allowed in a failed one */
    bool writes;           /* refused in a read-only one */
    bool keeps_cursors;    /* changes nothing that an open cursor may read */
};
const struct statement_class *wr_statement_class(const struct statement *parsed); /* NULL: not supported */

/* An error of the session's for its caller (error may be NULL): what the clock cancelled says so. */
void wr_session_give(struct weir_session *session, const struct wr_error *err, weir_error *error);

/* ---- results (result.c) */

struct query;
struct copy_in;
struct copy_out;

struct weir_result {
    struct weir_session *session;
    struct wr_arena arena;
    int ncols;
    struct output_column *cols;
    char tag[96];
    bool rows_in_tag; /* "SELECT n" is completed at the end */
    int64_t nrows;
    struct query *query;      /* streaming */
    struct weir_result *from; /* FETCH: the cursor's, which gives `left` more rows */
    int64_t left;
    struct wr_error *late;  /* found while it was drained: comes behind the rows */
    struct held_queue rows; /* static, or drained */
    struct copy_in *copy;
    struct copy_out *copy_out;
    struct held_batch *chunk; /* current */
    uint32_t row, repeat;     /* current row; how often it is still to be shown (weights) */
    bool started, done;
    bool cut_short;       /* by the session's next statement */
    struct wr_buf *texts; /* per column */
    struct wr_buf bytes;  /* of weir_result_chunk */
};

/* Names and types (NULL: all are text) of the result, copied into its arena. */
void wr_result_columns(struct weir_result *result, int ncols, const char *const *names, const struct type *types);
/* The result of SHOW and the like: all columns are text. Describing it, and beginning it. */
void wr_text_columns(struct weir_statement *statement, int n, const char *const *names);
void wr_begin_texts(struct weir_statement *statement, struct weir_result *result, const char *tag);
struct weir_result *wr_result_new(struct weir_session *session);
/* For cursors, which are read by this alone: up to *left of the next rows, without weights, counted off. NULL: none are
 * left, or err says why. */
struct held_batch *wr_result_take(struct weir_result *result, int64_t *left, struct wr_error *err);
/* Reads what a running query still gives into memory and ends it. What goes wrong is told behind the rows. */
void wr_result_drain(struct weir_result *result);
/* Whether the rows held for clients are within their share of the memory; else 53200, which says what is too much. */
bool wr_held_rows_fit(weir_db *db, const char *what, const char *hint, struct wr_error *err) WR_MUST;
/* A row of texts (NULL = SQL NULL) for results of SHOW and the like; all columns are text. */
void wr_result_row(struct weir_result *result, const char *const *values);

/* ---- reading (query.c) */

struct read_view {
    struct catalog *catalog;
    struct snapshot *snapshot;
    struct overlay *overlay;
};
/* What a statement of this session reads now: the transaction's, or the newest. Ends with wr_read_view_end. */
void wr_read_view_begin(struct weir_session *session, struct read_view *view);
void wr_read_view_end(struct weir_session *session, struct read_view *view);
void wr_planner_of(struct weir_session *session, struct wr_arena *arena, struct catalog *catalog, const char *text,
                   struct planner *planner);
/* Run an optimised plan on this thread; each batch of the result goes to `take`. */
typedef bool (*batch_taker)(void *context, const struct batch *batch, struct wr_error *err);
bool wr_plan_collect(struct weir_session *session, const struct read_view *view, const struct plan *plan,
                     batch_taker take, void *context, struct wr_error *err) WR_MUST;
/* Run it on a thread of its own; the result streams. Takes the view. */
bool wr_query_start(struct weir_session *session, struct read_view *view, struct plan *plan,
                    struct wr_arena *plan_arena, struct weir_result *result, struct wr_error *err) WR_MUST;
struct held_batch *wr_query_next(struct query *query, struct wr_error *err); /* NULL: end, or error: err->sqlstate */
void wr_query_end(struct query *query);
bool wr_select_describe(struct weir_statement *statement, struct wr_error *err);
/* The columns that clients see are the plan's from `first` on: what the statement, and the result, is described by. */
void wr_statement_describe(struct weir_statement *statement, const struct plan *plan, uint16_t first);
void wr_result_describe(struct weir_result *result, const struct plan *plan, uint16_t first);
struct output_column *wr_columns_copy(struct wr_arena *arena, const struct output_column *cols, int n);
/* A client reads rows as they were described to it: what has changed its columns since then is refused. */
bool wr_statement_check_columns(const struct weir_statement *statement, const struct plan *plan, uint16_t first,
                                struct wr_error *err) WR_MUST;
/* A query within a statement, which may be the whole of it: runs it, with the result's columns from it. */
struct query_text {
    const char *text; /* locations count from its start */
    const PgQuery__Node *node;
    const struct datum *params; /* of the statement */
    bool described;             /* its columns must be those that the statement was described with */
};
/* Binds it, so that the types of parameters are known; describe: its columns are the statement's. */
bool wr_query_check(struct weir_statement *statement, const struct query_text *query, bool describe,
                    struct wr_error *err) WR_MUST;
bool wr_query_run(struct weir_statement *statement, const struct query_text *query, struct weir_result *result,
                  struct wr_error *err) WR_MUST;
bool wr_select_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                   struct wr_error *err);
/* Push all rows of a relation, as of the view, into a scan. */
bool wr_feed_relation(struct weir_session *session, const struct read_view *view, struct op *scan,
                      const struct object *object) WR_MUST;

/* ---- the other statements: *_describe() fills in the columns of the result before it runs, *_run() runs it. What they
 * fail with is the statement's error. */

bool wr_insert_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_update_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_delete_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_truncate_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_dml_describe(struct weir_statement *, struct wr_error *);
bool wr_begin_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_commit_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_rollback_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_create_table_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_create_view_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_create_index_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_create_mv_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_create_sink_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_drop_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_set_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
/* Is the query a sole call of set_config()? (It is then run as SET is.) */
bool wr_is_set_config(const PgQuery__SelectStmt *select);
bool wr_set_config_describe(struct weir_statement *, struct wr_error *);
bool wr_set_config_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_show_setting_describe(struct weir_statement *, struct wr_error *);
bool wr_show_setting_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_show_describe(struct weir_statement *, struct wr_error *);
bool wr_show_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_describe_describe(struct weir_statement *, struct wr_error *);
bool wr_describe_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_explain_describe(struct weir_statement *, struct wr_error *);
bool wr_explain_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_flush_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_copy_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_copy_out_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);

/* Modes of a transaction into settings (set.c); prefix "default_": of the session's. */
bool wr_set_modes(struct weir_session *session, size_t n, PgQuery__Node *const *modes, const char *prefix,
                  struct wr_error *err) WR_MUST;

/* ---- transactions (transaction.c) */
void wr_transaction_end(struct weir_session *session, bool committed); /* drops snapshot and writes */
bool wr_transaction_commit(struct weir_session *session, struct wr_error *err) WR_MUST;
/* 25P02; returns false. */
bool wr_transaction_failed(struct wr_error *err);
/* Writes of a statement in the transaction: kept to itself. */
bool wr_transaction_write(struct weir_session *session, const struct write_list *list, struct wr_error *err) WR_MUST;
/* The catalog that the session's next statement sees: its transaction's, or the published one. Release it. */
struct catalog *wr_session_catalog(struct weir_session *session);

/* CREATE OR REPLACE VIEW (replace.c). *done false: there is none of this name. */
bool wr_replace_view(struct weir_session *session, const struct object *view, bool *done, struct wr_error *err) WR_MUST;

/* ---- DDL in a transaction (pending.c); the session has its catalog */
struct pending;
/* Into the transaction's own catalog, or out of it; nothing else is done before COMMIT. */
void wr_pending_create(struct weir_session *session, const struct object *object);
bool wr_pending_drop(struct weir_session *session, const uint32_t *ids, size_t n, bool cascade,
                     struct wr_error *err) WR_MUST;
/* On the calling thread: everything, with these writes. */
bool wr_pending_commit(struct weir_session *session, struct write_list *const *writes, size_t nwrites,
                       struct wr_error *err) WR_MUST;
void wr_pending_free(struct pending *pending);
struct pending *wr_pending_copy(const struct pending *pending);

bool wr_declare_describe(struct weir_statement *, struct wr_error *);
bool wr_fetch_describe(struct weir_statement *, struct wr_error *);
bool wr_declare_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_fetch_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_close_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_unlisten_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);

/* ---- savepoints (savepoint.c) */
bool wr_savepoint_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_release_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
bool wr_rollback_to_run(struct weir_statement *, const struct datum *, struct weir_result *, struct wr_error *);
/* The transaction is over. */
void wr_savepoints_free(struct weir_session *session);

/* ---- settings (settings.c) */
/* All at their initial values; and their memory back. */
void wr_settings_init(struct weir_session *session);
void wr_settings_fini(struct weir_session *session);
const char *wr_setting(struct weir_session *session, const char *name); /* NULL: unknown */
const char *wr_setting_name(const char *name);                          /* as it is shown; NULL: unknown */
bool wr_setting_is_on(struct weir_session *session, const char *name);
int64_t wr_setting_ms(struct weir_session *session, const char *name);
/* value NULL: the initial one. local: until the transaction ends. */
bool wr_setting_set(struct weir_session *session, const char *name, const char *value, bool local,
                    struct wr_error *err) WR_MUST;
void wr_settings_reset(struct weir_session *session); /* all of the session's */
void wr_settings_end_transaction(struct weir_session *session, bool committed);
/* As they are now, to go back to within a transaction. */
struct settings_copy;
struct settings_copy *wr_settings_copy(struct weir_session *session);
void wr_settings_restore(struct weir_session *session, const struct settings_copy *copy);
void wr_settings_copy_free(struct settings_copy *copy);
size_t wr_settings_count(void);
void wr_setting_at(struct weir_session *session, size_t index, const char **name, const char **value, const char **doc);

/* To the host's notice callback; severity "NOTICE", "WARNING" ... */
void wr_session_notice(struct weir_session *session, const char *severity, const char *sqlstate, const char *fmt, ...)
    WR_PRINTF(4, 5);

/* ---- COPY (copy.c) */
/* A COPY that is under way, with its spool; NULL: nothing. */
void wr_copy_free(struct copy_in *copy);
void wr_copy_out_free(struct copy_out *copy);
/* A query over catalogs that are empty here (system_empty.c): true if it is one; then its columns are filled in. */
bool wr_system_reads_nothing(struct weir_statement *statement);
bool wr_system_answer_nothing(struct weir_statement *statement, struct weir_result *result);
/* The columns of the select list by name, all text; false: `*` is among them. */
bool wr_system_describe(struct weir_statement *statement, const PgQuery__SelectStmt *select);
/* The text of a driver's catalog query, in SQL that there is here; NULL: it is none (driver_sql.c). */
const char *wr_driver_sql(struct wr_arena *arena, const char *text);
/* psql's catalog queries (psql.c): true if the text is one of them; then columns or rows are filled in. */
bool wr_psql_describe(struct weir_statement *statement);
bool wr_psql_run(struct weir_statement *statement, struct weir_result *result, bool *handled,
                 struct wr_error *err) WR_MUST;
/* not_supported.c: refuses it by its name; false. */
bool wr_statement_not_supported(struct weir_statement *statement, struct wr_error *err);

/* ---- SQL's cursors (cursor.c) */

void wr_cursors_close(struct weir_session *session);
/* Before a statement that is not theirs; only_held: one that closes the others. */
void wr_cursors_drain(struct weir_session *session, bool only_held);
void wr_cursors_end_transaction(struct weir_session *session, bool committed);
/* `savepoints`: how many are left; those declared within more of them go with them, or are theirs now. */
void wr_cursors_rollback_to_savepoint(struct weir_session *session, int savepoints);
void wr_cursors_release_savepoint(struct weir_session *session, int savepoints);
int wr_savepoints_count(const struct weir_session *session);

#endif
