/* One client: its socket, its session, its prepared statements and portals. Inner to server/.
 *
 * A connection belongs to its thread. Other threads may only ask it to cancel (wr_connection_cancel) or shut its socket
 * down; `lock` guards what they read. */
#ifndef WEIR_SERVER_CONNECTION_H
#define WEIR_SERVER_CONNECTION_H

#include <pthread.h>

#include "server/server.h"
#include "server/wire.h"

#define CONNECTION_STATEMENTS_MAX 10000
#define CONNECTION_PORTALS_MAX    1000
#define CONNECTION_OUT_BYTES      (64 << 10) /* sent when so much has gathered */

struct prepared; /* portal.h */
struct portal;

#define REPORTED_MAX 16 /* settings that clients follow */

struct connection {
    struct server *server; /* NULL in the fuzzer */
    weir_db *db;
    int fd;
    int32_t pid;
    uint32_t secret;
    weir_session *session;
    struct wr_arena arena; /* of one message */

    struct wr_buf in; /* received; read up to in_at */
    size_t in_at;
    struct wr_buf out;
    bool closed;   /* nothing more can be sent or received */
    bool linger;   /* we said goodbye: see that it arrives */
    bool admitted; /* counts as a session of the server */

    struct prepared **prepared;
    int n_prepared;
    struct portal **portals;
    int n_portals;
    char next_type;               /* of the message behind the one being handled, see wr_socket_peek */
    bool skipping;                /* after an error, to the next Sync */
    bool implicit;                /* the transaction that is open was opened by us */
    bool discard;                 /* DISCARD ALL has run: statements and portals go at the end of the query */
    char *reported[REPORTED_MAX]; /* values the client knows, see status.c */

    pthread_mutex_t lock;
    bool executing; /* a statement is running: cancel means something */
};

/* connection.c */
void wr_connection_init(struct connection *connection, struct server *server, weir_db *db, int fd, int32_t pid,
                        uint32_t secret);
/* Serves until the client goes, or is told to. */
void wr_connection_run(struct connection *connection);
void wr_connection_fini(struct connection *connection);
/* From any thread; nothing happens unless a statement runs. */
void wr_connection_cancel(struct connection *connection);
/* Around everything that may take long. */
void wr_connection_begin_work(struct connection *connection);
void wr_connection_end_work(struct connection *connection);
/* Is it UTF-8? False: the error has been sent. */
bool wr_connection_check_text(struct connection *connection, const char *text, size_t len) WR_MUST;

/* socket.c: blocking; a failure closes the connection for good */
bool wr_socket_fill(struct connection *connection) WR_MUST; /* at least one byte more */
void wr_socket_flush(struct connection *connection);
/* What has arrived and not been consumed. */
const char *wr_socket_unread(const struct connection *connection, size_t *len);
/* Of the next message: waits for no more than its first bytes. False: as below. */
bool wr_socket_header(struct connection *connection, char *type, size_t *body_len) WR_MUST;
/* Next whole message. False: closed, or malformed (the client has been told). */
bool wr_socket_message(struct connection *connection, struct wire_message *message) WR_MUST;
/* Type of the message that follows, not counting Close (which does nothing that could fail), if its first byte is here
 * already; else 0. */
char wr_socket_peek(struct connection *connection, const struct wire_message *message);
/* Closes; after an error of ours only when the client has had time to read it. */
void wr_socket_close(struct connection *connection);
void wr_socket_consume(struct connection *connection, size_t bytes);

/* reply.c: messages to the client, gathered in `out` */
size_t wr_reply_begin(struct connection *connection, char type); /* returns a mark for wr_reply_end */
void wr_reply_end(struct connection *connection, size_t mark);
void wr_reply_empty(struct connection *connection, char type);
void wr_reply_string(struct connection *connection, const char *text);
void wr_reply_tag(struct connection *connection, const char *tag);
void wr_reply_ready(struct connection *connection);
void wr_reply_parameter(struct connection *connection, const char *name, const char *value);
void wr_reply_notice(struct connection *connection, const char *severity, const char *sqlstate, const char *message);
void wr_reply_error(struct connection *connection, const char *severity, const weir_error *error);
/* formats: those of the portal, or none */
void wr_reply_columns(struct connection *connection, const weir_statement *statement, const uint16_t *formats,
                      int n_formats);
void wr_reply_result_columns(struct connection *connection, const weir_result *result);
/* 'G' or 'H': a COPY begins, with the form and the number of its values. */
void wr_reply_copy(struct connection *connection, char type, const weir_result *result);
/* Only into `out`, however full. */
void wr_reply_put_row(struct connection *connection, weir_result *result, const uint16_t *formats, int n_formats);
void wr_reply_flush_if_full(struct connection *connection);
void wr_reply_row(struct connection *connection, weir_result *result, const uint16_t *formats, int n_formats);
/* An error of our own; FATAL closes the connection after it. */
void wr_reply_fail(struct connection *connection, const char *sqlstate, const char *fmt, ...) WR_PRINTF(3, 4);
void wr_reply_fatal(struct connection *connection, const char *sqlstate, const char *fmt, ...) WR_PRINTF(3, 4);
/* For a message whose parts cannot be told apart: the next one can be, so the connection goes on. Returns false. */
bool wr_reply_malformed(struct connection *connection);

/* startup.c: everything up to the first ReadyForQuery. False: close. */
bool wr_startup_run(struct connection *connection) WR_MUST;

/* status.c: ParameterStatus */
void wr_status_fini(struct connection *connection);
void wr_status_report_all(struct connection *connection);
void wr_status_report_changes(struct connection *connection, const char *tag);

/* simple.c: the simple protocol */
void wr_simple_query(struct connection *connection, const struct wire_message *message);

/* implicit.c: implicit transactions, and words of SQL text */
/* Is there anything but white space, comments and semicolons from `at` on? */
bool wr_sqltext_has_more(const char *sql, size_t len, size_t at);
/* Moves over white space and comments. */
size_t wr_sqltext_skip_blank(const char *sql, size_t len, size_t at);
/* First word of the text, lower case, into word[16]. */
void wr_sqltext_first_word(const char *sql, size_t len, size_t at, char *word);
/* BEGIN, START TRANSACTION */
bool wr_sqltext_begins_transaction(const char *word);
/* False (25P02 sent) for all but COMMIT and ROLLBACK in a failed transaction. statement may be NULL. */
bool wr_implicit_may_run(struct connection *connection, const weir_statement *statement) WR_MUST;
bool wr_implicit_begin(struct connection *connection) WR_MUST; /* false: the error has been sent */
void wr_implicit_commit(struct connection *connection);        /* an error is sent */
/* An error has been sent: our transaction is rolled back, the client's is failed. */
void wr_implicit_fail(struct connection *connection);

/* copy_in.c: COPY FROM STDIN after its statement has been executed. False: failed (the error has been sent) */
bool wr_copyin_run(struct connection *connection, weir_result *result) WR_MUST;
/* copy_out.c: COPY TO STDOUT, likewise */
bool wr_copyout_run(struct connection *connection, weir_result *result) WR_MUST;

/* extended.c: one message of the extended protocol */
void wr_extended_message(struct connection *connection, const struct wire_message *message);

/* portal.c */
void wr_extended_fini(struct connection *connection);
/* Portals end with their transaction. */
void wr_extended_drop_portals(struct connection *connection);
/* What DISCARD ALL has left to do, between statements. */
void wr_extended_discard(struct connection *connection);
/* A simple query ends the unnamed statement and portal. */
void wr_extended_drop_unnamed(struct connection *connection);

/* deallocate.c */
struct deallocate {
    char *name; /* heap */
    bool all;
};
/* Is the statement at *at a DEALLOCATE? Then *at moves behind it. */
bool wr_deallocate_read(const char *sql, size_t len, size_t *at, struct deallocate *out) WR_MUST;
bool wr_deallocate_run(struct connection *connection, const struct deallocate *deallocate) WR_MUST;

/* server.c; server may be NULL */
/* One session more? False: there are too many. */
bool wr_server_admit(struct server *server) WR_MUST;
void wr_server_dismiss(struct server *server);
bool wr_server_stopping(const struct server *server);
/* Cancel what the connection with this key executes. */
void wr_server_cancel(struct server *server, int32_t pid, uint32_t secret);

#endif
