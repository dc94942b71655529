/* The life of a connection: start up, then one message after the other. */
#include "server/connection.h"

#include "base/utf8.h"

void wr_connection_init(struct connection *connection, struct server *server, weir_db *db, int fd, int32_t pid,
                        uint32_t secret)
{
    memset(connection, 0, sizeof *connection);
    connection->server = server;
    connection->db = db;
    connection->fd = fd;
    connection->pid = pid;
    connection->secret = secret;
    wr_arena_init(&connection->arena, NULL);
    pthread_mutex_init(&connection->lock, NULL);
}

void wr_connection_fini(struct connection *connection)
{
    wr_extended_fini(connection);
    pthread_mutex_lock(&connection->lock);
    weir_session *session = connection->session;
    connection->session = NULL;
    connection->executing = false;
    pthread_mutex_unlock(&connection->lock);
    weir_session_close(session);
    wr_buf_free(&connection->in);
    wr_buf_free(&connection->out);
    wr_arena_reset(&connection->arena);
    wr_status_fini(connection);
    pthread_mutex_destroy(&connection->lock);
    if (connection->admitted)
        wr_server_dismiss(connection->server);
    wr_socket_close(connection);
}

/* ---- cancel */

void wr_connection_begin_work(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    connection->executing = true;
    pthread_mutex_unlock(&connection->lock);
}

void wr_connection_end_work(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    connection->executing = false;
    pthread_mutex_unlock(&connection->lock);
}

void wr_connection_cancel(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    if (connection->executing)
        weir_session_cancel(connection->session);
    pthread_mutex_unlock(&connection->lock);
}

bool wr_connection_check_text(struct connection *connection, const char *text, size_t len)
{
    struct wr_error err = WR_ERROR_INIT;
    if (wr_utf8_check(text, len, &err))
        return true;
    wr_reply_fail(connection, err.sqlstate, "%s", err.message);
    return false;
}

/* ---- messages */

/* A statement may read further messages (COPY), and then the buffer moves: its message leaves the buffer first. */
static void detach(struct connection *connection, struct wire_message *message)
{
    char *body = wr_arena_bytes(&connection->arena, message->len + 1);
    memcpy(body, message->body, message->len);
    message->body = body;
    connection->next_type = wr_socket_peek(connection, message);
    wr_socket_consume(connection, message->used);
    message->used = 0;
}

static void query(struct connection *connection, struct wire_message *message)
{
    detach(connection, message);
    wr_simple_query(connection, message);
}

static void dispatch(struct connection *connection, struct wire_message *message)
{
    switch (message->type) {
    case 'Q':
        connection->skipping = false;
        query(connection, message);
        break;
    case 'E':
        detach(connection, message);
        wr_extended_message(connection, message);
        break;
    case 'P':
    case 'B':
    case 'D':
    case 'C':
    case 'H':
    case 'S':
        wr_extended_message(connection, message);
        break;
    case 'd': /* what is left of a COPY that failed */
    case 'c':
    case 'f':
        break;
    case 'X':
        connection->closed = true;
        break;
    case 'F':
        wr_reply_fail(connection, ERR_FEATURE_NOT_SUPPORTED, "fastpath function calls are not supported");
        wr_reply_ready(connection);
        break;
    default:
        wr_reply_fatal(connection, ERR_PROTOCOL, "invalid frontend message type %d", (unsigned char)message->type);
        break;
    }
}

void wr_connection_run(struct connection *connection)
{
    bool up = wr_startup_run(connection);
    while (up && !connection->closed && !wr_server_stopping(connection->server)) {
        struct wire_message message;
        if (!wr_socket_message(connection, &message))
            break;
        dispatch(connection, &message);
        if (message.used)
            wr_socket_consume(connection, message.used);
        wr_arena_release(&connection->arena, (struct wr_mark){NULL, NULL});
    }
    if (wr_server_stopping(connection->server)) {
        connection->closed = false;
        wr_reply_fatal(connection, ERR_SHUTDOWN, "terminating connection due to administrator command");
    }
}
