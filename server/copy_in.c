/* COPY FROM STDIN: CopyInResponse, then CopyData ... until CopyDone or CopyFail. */
#include <string.h>

#include "server/connection.h"

static bool failed_by_client(struct connection *connection, const struct wire_message *message)
{
    const char *why;
    size_t len;
    if (!wr_wire_string(message, &why, &len))
        return wr_reply_malformed(connection);
    if (wr_connection_check_text(connection, why, len))
        wr_reply_fail(connection, ERR_QUERY_CANCELED, "COPY from stdin failed: %s", why);
    return false;
}

/* CopyData is handed on as it arrives: drivers make messages of many megabytes, which would stand in no budget. */
static bool take_data(struct connection *connection, weir_result *result, size_t left)
{
    weir_error error = {.sqlstate = ""};
    weir_code code = WEIR_OK;
    wr_socket_consume(connection, WIRE_HEADER_BYTES);
    while (left) {
        size_t len;
        const char *bytes = wr_socket_unread(connection, &len);
        if (!bytes && !wr_socket_fill(connection))
            return false;
        if (!bytes)
            continue;
        len = WR_MIN(len, left);
        if (code != WEIR_ERROR) /* else the rest of the message is only read */
            code = weir_copy_data(result, bytes, len, &error);
        wr_socket_consume(connection, len);
        left -= len;
    }
    if (code == WEIR_ERROR)
        wr_reply_error(connection, "ERROR", &error);
    return code != WEIR_ERROR;
}

/* One message; *done: the data is complete. */
static bool take(struct connection *connection, weir_result *result, const struct wire_message *message, bool *done)
{
    weir_error error = {.sqlstate = ""};
    weir_code code = WEIR_OK;
    switch (message->type) {
    case 'c':
        code = weir_copy_end(result, &error);
        *done = true;
        break;
    case 'f':
        return failed_by_client(connection, message);
    case 'H':
    case 'S': /* drivers of the extended protocol may have sent them ahead */
        break;
    default:
        wr_reply_fatal(connection, ERR_PROTOCOL, "unexpected message type 0x%02X during COPY from stdin",
                       (unsigned char)message->type);
        return false;
    }
    if (code == WEIR_ERROR)
        wr_reply_error(connection, "ERROR", &error);
    return code != WEIR_ERROR;
}

/* Anything but data. */
static bool take_message(struct connection *connection, weir_result *result, bool *done)
{
    struct wire_message message;
    if (!wr_socket_message(connection, &message))
        return false;
    bool ok = take(connection, result, &message, done);
    wr_socket_consume(connection, message.used);
    return ok;
}

bool wr_copyin_run(struct connection *connection, weir_result *result)
{
    bool done = false, ok = true;
    wr_reply_copy(connection, 'G', result);
    wr_socket_flush(connection);
    while (ok && !done) {
        char type;
        size_t len;
        ok = wr_socket_header(connection, &type, &len) &&
             (type == 'd' ? take_data(connection, result, len) : take_message(connection, result, &done));
    }
    return ok;
}
