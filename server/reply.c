/* Messages to the client: gathered in connection->out, sent when enough has gathered or an answer is complete. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "server/connection.h"

size_t wr_reply_begin(struct connection *connection, char type)
{
    wr_buf_byte(&connection->out, (uint8_t)type);
    size_t mark = connection->out.len;
    wr_buf_u32be(&connection->out, 0);
    return mark;
}

void wr_reply_end(struct connection *connection, size_t mark)
{
    wr_store_u32be(connection->out.data + mark, (uint32_t)(connection->out.len - mark));
    wr_reply_flush_if_full(connection);
}

void wr_reply_flush_if_full(struct connection *connection)
{
    if (connection->out.len >= CONNECTION_OUT_BYTES)
        wr_socket_flush(connection);
}

void wr_reply_empty(struct connection *connection, char type)
{
    wr_reply_end(connection, wr_reply_begin(connection, type));
}

void wr_reply_string(struct connection *connection, const char *text)
{
    wr_buf_put(&connection->out, text, strlen(text) + 1);
}

void wr_reply_tag(struct connection *connection, const char *tag)
{
    size_t mark = wr_reply_begin(connection, 'C');
    wr_reply_string(connection, tag ? tag : "");
    wr_reply_end(connection, mark);
}

void wr_reply_ready(struct connection *connection)
{
    size_t mark = wr_reply_begin(connection, 'Z');
    wr_buf_byte(&connection->out, (uint8_t)weir_session_state(connection->session));
    wr_reply_end(connection, mark);
    wr_socket_flush(connection);
}

void wr_reply_parameter(struct connection *connection, const char *name, const char *value)
{
    size_t mark = wr_reply_begin(connection, 'S');
    wr_reply_string(connection, name);
    wr_reply_string(connection, value);
    wr_reply_end(connection, mark);
}

static void field(struct connection *connection, char code, const char *text)
{
    if (!*text)
        return;
    wr_buf_byte(&connection->out, (uint8_t)code);
    wr_reply_string(connection, text);
}

static void report(struct connection *connection, char type, const char *severity, const weir_error *error)
{
    char position[16] = "";
    if (error->position > 0)
        snprintf(position, sizeof position, "%d", error->position);
    size_t mark = wr_reply_begin(connection, type);
    field(connection, 'S', severity);
    field(connection, 'V', severity);
    field(connection, 'C', error->sqlstate[0] ? error->sqlstate : ERR_INTERNAL);
    field(connection, 'M', error->message[0] ? error->message : "unknown error");
    field(connection, 'D', error->detail);
    field(connection, 'H', error->hint);
    field(connection, 'P', position);
    field(connection, 'W', error->context);
    if (error->table[0])
        field(connection, 's', "public"); /* no other schema has tables */
    field(connection, 't', error->table);
    field(connection, 'c', error->column);
    field(connection, 'n', error->constraint);
    wr_buf_byte(&connection->out, 0);
    wr_reply_end(connection, mark);
}

void wr_reply_error(struct connection *connection, const char *severity, const weir_error *error)
{
    report(connection, 'E', severity, error);
}

void wr_reply_notice(struct connection *connection, const char *severity, const char *sqlstate, const char *message)
{
    weir_error notice = {.sqlstate = ""};
    snprintf(notice.sqlstate, sizeof notice.sqlstate, "%s", sqlstate ? sqlstate : "00000");
    snprintf(notice.message, sizeof notice.message, "%s", message);
    wr_utf8_mend(notice.message);
    report(connection, 'N', severity, &notice);
}

static void fail(struct connection *connection, const char *severity, const char *sqlstate, const char *fmt,
                 va_list args)
{
    weir_error error = {.sqlstate = ""};
    memcpy(error.sqlstate, sqlstate, 5);
    vsnprintf(error.message, sizeof error.message, fmt, args);
    wr_utf8_mend(error.message);
    report(connection, 'E', severity, &error);
}

void wr_reply_fail(struct connection *connection, const char *sqlstate, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(connection, "ERROR", sqlstate, fmt, args);
    va_end(args);
}

bool wr_reply_malformed(struct connection *connection)
{
    wr_reply_fail(connection, ERR_PROTOCOL, "invalid message format");
    return false;
}

void wr_reply_fatal(struct connection *connection, const char *sqlstate, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fail(connection, "FATAL", sqlstate, fmt, args);
    va_end(args);
    wr_socket_flush(connection);
    connection->linger = !connection->closed;
    connection->closed = true;
}

/* ---- rows */

static uint16_t format_of(const uint16_t *formats, int n_formats, int column)
{
    return n_formats == 0 ? 0 : n_formats == 1 ? formats[0] : column < n_formats ? formats[column] : 0;
}

/* pg_type.typlen of the types there are: clients size their buffers by it. */
static int16_t type_len(uint32_t oid)
{
    switch (oid) {
    case 16: /* bool */
    case 18: /* char */
        return 1;
    case 21: /* int2 */
        return 2;
    case 23:   /* int4 */
    case 26:   /* oid */
    case 700:  /* float4 */
    case 1082: /* date */
        return 4;
    case 20:   /* int8 */
    case 701:  /* float8 */
    case 1083: /* time */
    case 1114: /* timestamp */
    case 1184: /* timestamptz */
        return 8;
    case 1186: /* interval */
    case 2950: /* uuid */
        return 16;
    case 19: /* name */
        return 64;
    default:
        return -1;
    }
}

struct field {
    const char *name;
    uint32_t relation;
    int number; /* in it */
    uint32_t oid;
    int32_t typmod;
};

static void put_field(struct connection *connection, const struct field *field, uint16_t format)
{
    struct wr_buf *out = &connection->out;
    wr_reply_string(connection, field->name);
    wr_buf_u32be(out, field->relation);
    wr_buf_u16be(out, (uint16_t)field->number);
    wr_buf_u32be(out, field->oid);
    wr_buf_u16be(out, (uint16_t)type_len(field->oid));
    wr_buf_u32be(out, (uint32_t)field->typmod);
    wr_buf_u16be(out, format);
}

void wr_reply_columns(struct connection *connection, const weir_statement *statement, const uint16_t *formats,
                      int n_formats)
{
    int n = statement ? weir_statement_columns(statement) : 0;
    if (n == 0 || weir_statement_is_copy_in(statement)) {
        wr_reply_empty(connection, 'n');
        return;
    }
    size_t mark = wr_reply_begin(connection, 'T');
    wr_buf_u16be(&connection->out, (uint16_t)n);
    for (int i = 0; i < n; i++) {
        struct field field = {.name = weir_statement_column_name(statement, i),
                              .oid = weir_statement_column_oid(statement, i),
                              .typmod = weir_statement_column_typmod(statement, i)};
        field.relation = weir_statement_column_relation(statement, i, &field.number);
        put_field(connection, &field, format_of(formats, n_formats, i));
    }
    wr_reply_end(connection, mark);
}

void wr_reply_result_columns(struct connection *connection, const weir_result *result)
{
    int n = weir_result_columns(result);
    size_t mark = wr_reply_begin(connection, 'T');
    wr_buf_u16be(&connection->out, (uint16_t)n);
    for (int i = 0; i < n; i++) {
        struct field field = {.name = weir_result_column_name(result, i),
                              .oid = weir_result_column_oid(result, i),
                              .typmod = weir_result_column_typmod(result, i)};
        field.relation = weir_result_column_relation(result, i, &field.number);
        put_field(connection, &field, 0);
    }
    wr_reply_end(connection, mark);
}

void wr_reply_copy(struct connection *connection, char type, const weir_result *result)
{
    int n;
    bool binary = weir_result_copy_binary(result, &n);
    size_t mark = wr_reply_begin(connection, type);
    wr_buf_byte(&connection->out, binary);
    wr_buf_u16be(&connection->out, (uint16_t)n);
    for (int i = 0; i < n; i++)
        wr_buf_u16be(&connection->out, binary);
    wr_reply_end(connection, mark);
}

void wr_reply_put_row(struct connection *connection, weir_result *result, const uint16_t *formats, int n_formats)
{
    struct wr_buf *out = &connection->out;
    int n = weir_result_columns(result);
    size_t mark = wr_reply_begin(connection, 'D');
    wr_buf_u16be(out, (uint16_t)n);
    for (int i = 0; i < n; i++) {
        size_t len = 0;
        if (weir_result_is_null(result, i)) {
            wr_buf_u32be(out, UINT32_MAX);
            continue;
        }
        const void *bytes = format_of(formats, n_formats, i) ? weir_result_binary(result, i, &len)
                                                             : (const void *)weir_result_text(result, i, &len);
        wr_buf_u32be(out, (uint32_t)len);
        wr_buf_put(out, bytes, len);
    }
    wr_store_u32be(out->data + mark, (uint32_t)(out->len - mark));
}

void wr_reply_row(struct connection *connection, weir_result *result, const uint16_t *formats, int n_formats)
{
    wr_reply_put_row(connection, result, formats, n_formats);
    wr_reply_flush_if_full(connection);
}
