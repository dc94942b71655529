/* Bytes to and from the client's socket.
 *
 * Blocking both ways: what the client does not read is never held here beyond CONNECTION_OUT_BYTES and one row, the
 * thread waits instead. What it claims to send costs memory only as it arrives. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/connection.h"

#define RECEIVE_BYTES ((size_t)16 << 10)
#define KEEP_BYTES    ((size_t)1 << 20)

void wr_socket_consume(struct connection *connection, size_t bytes)
{
    connection->in_at += bytes;
    if (connection->in_at < connection->in.len)
        return;
    connection->in_at = connection->in.len = 0;
}

static void compact(struct connection *connection)
{
    struct wr_buf *in = &connection->in;
    if (connection->in_at) {
        memmove(in->data, in->data + connection->in_at, in->len - connection->in_at);
        in->len -= connection->in_at;
        connection->in_at = 0;
    }
    if (in->len == 0 && in->cap > KEEP_BYTES)
        wr_buf_free(in);
}

bool wr_socket_fill(struct connection *connection)
{
    if (connection->closed)
        return false;
    compact(connection);
    char *to = wr_buf_reserve(&connection->in, RECEIVE_BYTES);
    ssize_t got;
    do
        got = recv(connection->fd, to, connection->in.cap - connection->in.len, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        connection->closed = true;
        return false;
    }
    connection->in.len += (size_t)got;
    return true;
}

/* What has arrived meanwhile, without waiting. An end or an error shows at the next real read. */
static void fill_ready(struct connection *connection)
{
    compact(connection);
    char *to = wr_buf_reserve(&connection->in, RECEIVE_BYTES);
    ssize_t got = recv(connection->fd, to, connection->in.cap - connection->in.len, MSG_DONTWAIT);
    if (got > 0)
        connection->in.len += (size_t)got;
}

void wr_socket_flush(struct connection *connection)
{
    struct wr_buf *out = &connection->out;
    size_t at = 0;
    while (at < out->len && !connection->closed) {
        ssize_t sent = send(connection->fd, out->data + at, out->len - at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            connection->closed = true;
        else
            at += (size_t)sent;
    }
    out->len = 0;
    if (out->cap > KEEP_BYTES)
        wr_buf_free(out);
}

const char *wr_socket_unread(const struct connection *connection, size_t *len)
{
    *len = connection->in.len - connection->in_at;
    return *len ? connection->in.data + connection->in_at : NULL;
}

/* Waits for more of what is incomplete. *again: look once more; else the return value is the answer. */
static bool wait_for(struct connection *connection, enum wire_state state, bool *again)
{
    *again = false;
    if (state == WIRE_COMPLETE)
        return true;
    if (state == WIRE_MALFORMED) {
        wr_reply_fatal(connection, ERR_PROTOCOL, "invalid message length");
        return false;
    }
    wr_socket_flush(connection);
    return *again = wr_socket_fill(connection);
}

bool wr_socket_header(struct connection *connection, char *type, size_t *body_len)
{
    bool again, ok;
    do {
        size_t len;
        const char *bytes = wr_socket_unread(connection, &len);
        ok = wait_for(connection, len ? wr_wire_header(bytes, len, type, body_len) : WIRE_NEEDS_MORE, &again);
    } while (again);
    return ok;
}

bool wr_socket_message(struct connection *connection, struct wire_message *message)
{
    bool again, ok;
    do {
        size_t len;
        const char *bytes = wr_socket_unread(connection, &len);
        ok = wait_for(connection, len ? wr_wire_next(bytes, len, message) : WIRE_NEEDS_MORE, &again);
    } while (again);
    return ok;
}

char wr_socket_peek(struct connection *connection, const struct wire_message *message)
{
    if (connection->in_at + message->used >= connection->in.len && !connection->closed)
        fill_ready(connection);
    size_t at = connection->in_at + message->used;
    struct wire_message next;
    while (at < connection->in.len && connection->in.data[at] == 'C' &&
           wr_wire_next(connection->in.data + at, connection->in.len - at, &next) == WIRE_COMPLETE)
        at += next.used;
    return at < connection->in.len ? connection->in.data[at] : '\0';
}

/* Closing with unread bytes in the queue resets the connection, and the reset can overtake our last message. */
void wr_socket_close(struct connection *connection)
{
    char rest[4096];
    struct timeval timeout = {.tv_usec = 200000};
    if (connection->linger && shutdown(connection->fd, SHUT_WR) == 0) {
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        for (int i = 0; i < 256 && recv(connection->fd, rest, sizeof rest, 0) > 0; i++)
            ;
    }
    close(connection->fd);
}
