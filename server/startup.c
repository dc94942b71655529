/* From the first byte to the first ReadyForQuery.
 *
 *   client: [SSLRequest -> 'N'] [GSSENCRequest -> 'N'] StartupMessage
 *   server: AuthenticationOk, ParameterStatus ..., BackendKeyData, ReadyForQuery
 *
 * Whoever reaches a loopback socket is trusted (a wider address is refused in server.c). Any user name is taken; the
 * only database is dev. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "server/connection.h"

#include "base/ascii.h"

#define STARTUP_SECONDS 60
#define DATABASE        "dev"

static void set_receive_timeout(struct connection *connection, int seconds)
{
    struct timeval timeout = {.tv_sec = seconds};
    setsockopt(connection->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
}

/* Next startup packet, detached from the buffer; false: closed, or malformed (told). */
static bool read_packet(struct connection *connection, struct wire_startup *startup)
{
    for (;;) {
        size_t len;
        const char *bytes = wr_socket_unread(connection, &len);
        enum wire_state state = len ? wr_wire_startup(bytes, len, startup) : WIRE_NEEDS_MORE;
        if (state == WIRE_COMPLETE)
            break;
        if (state == WIRE_MALFORMED) {
            wr_reply_fatal(connection, ERR_PROTOCOL, "invalid length or layout of startup packet");
            return false;
        }
        if (!wr_socket_fill(connection))
            return false;
    }
    /* Its strings live on in the arena: read it once more from there. */
    size_t used = startup->used;
    char *copy = wr_arena_bytes(&connection->arena, used);
    memcpy(copy, connection->in.data + connection->in_at, used);
    wr_socket_consume(connection, used);
    return wr_wire_startup(copy, used, startup) == WIRE_COMPLETE;
}

static void refuse_encryption(struct connection *connection)
{
    wr_buf_byte(&connection->out, 'N');
    wr_socket_flush(connection);
}

/* Reads until the session's own packet; cancel requests end here. */
static bool read_startup(struct connection *connection, struct wire_startup *startup)
{
    bool ssl_asked = false, gss_asked = false;
    for (;;) {
        if (!read_packet(connection, startup))
            return false;
        switch (startup->kind) {
        case STARTUP_SSL:
        case STARTUP_GSS: {
            bool *asked = startup->kind == STARTUP_SSL ? &ssl_asked : &gss_asked;
            if (*asked) {
                wr_reply_fatal(connection, ERR_PROTOCOL, "encryption was requested twice");
                return false;
            }
            *asked = true;
            refuse_encryption(connection);
            break;
        }
        case STARTUP_CANCEL:
            wr_server_cancel(connection->server, startup->pid, startup->secret);
            return false;
        case STARTUP_UNSUPPORTED:
            wr_reply_fatal(connection, ERR_FEATURE_NOT_SUPPORTED,
                           "unsupported frontend protocol %d.%d: server supports 3.0 to 3.%d", startup->major,
                           startup->minor, WIRE_MINOR_KNOWN);
            return false;
        case STARTUP_SESSION:
            return true;
        }
    }
}

static const char *param(const struct wire_startup *startup, const char *name)
{
    for (int i = 0; i < startup->n_params; i++)
        if (!strcmp(startup->names[i], name))
            return startup->values[i];
    return NULL;
}

/* NegotiateProtocolVersion: we speak 3.0, and none of the _pq_ extensions. */
static void negotiate(struct connection *connection, const struct wire_startup *startup)
{
    uint32_t n = 0;
    for (int i = 0; i < startup->n_params; i++)
        n += !strncmp(startup->names[i], "_pq_.", 5);
    if (startup->minor <= WIRE_MINOR_KNOWN && n == 0)
        return;
    size_t mark = wr_reply_begin(connection, 'v');
    wr_buf_u32be(&connection->out, 3u << 16 | WIRE_MINOR_KNOWN);
    wr_buf_u32be(&connection->out, n);
    for (int i = 0; i < startup->n_params; i++)
        if (!strncmp(startup->names[i], "_pq_.", 5))
            wr_reply_string(connection, startup->names[i]);
    wr_reply_end(connection, mark);
}

static bool check_who(struct connection *connection, const struct wire_startup *startup)
{
    const char *user = param(startup, "user"), *database = param(startup, "database");
    if (!user || !*user) {
        wr_reply_fatal(connection, "28000", "no PostgreSQL user name specified in startup packet");
        return false;
    }
    const char *replication = param(startup, "replication"); /* false, off, no, 0: an ordinary session */
    if (replication && *replication && !strchr("fFnN0", *replication) && wr_ncasecmp(replication, "of", 2) != 0) {
        wr_reply_fatal(connection, ERR_FEATURE_NOT_SUPPORTED, "replication connections are not supported yet");
        return false;
    }
    if (database && *database && strcmp(database, DATABASE) != 0) {
        wr_reply_fatal(connection, "3D000", "database \"%s\" does not exist", database);
        return false;
    }
    return true;
}

/* ---- settings in the packet */

static void append_literal(struct wr_buf *buf, const char *value, char quote)
{
    wr_buf_byte(buf, (uint8_t)quote);
    for (; *value; value++) {
        if (*value == quote)
            wr_buf_byte(buf, (uint8_t)quote);
        wr_buf_byte(buf, (uint8_t)*value);
    }
    wr_buf_byte(buf, (uint8_t)quote);
}

/* Drivers send these whether the server knows them or not. */
static bool may_be_unknown(const char *name)
{
    return !wr_casecmp(name, "application_name") || !wr_casecmp(name, "extra_float_digits") ||
           !wr_casecmp(name, "client_min_messages");
}

static bool apply_encoding(struct connection *connection, const char *value)
{
    if (!wr_casecmp(value, "UTF8") || !wr_casecmp(value, "UTF-8") || !wr_casecmp(value, "unicode") ||
        !wr_casecmp(value, "'utf-8'"))
        return true;
    wr_reply_fatal(connection, "22023", "invalid value for parameter \"client_encoding\": \"%s\"", value);
    return false;
}

static bool apply(struct connection *connection, const char *name, const char *value)
{
    if (!wr_casecmp(name, "client_encoding"))
        return apply_encoding(connection, value);
    weir_error error = {.sqlstate = ""};
    struct wr_buf sql = WR_BUF_INIT;
    wr_buf_puts(&sql, "SET ");
    for (const char *part = name; part; part = strchr(part, '.') ? strchr(part, '.') + 1 : NULL) {
        char *one = wr_strndup(part, strcspn(part, "."));
        wr_buf_puts(&sql, part == name ? "" : ".");
        append_literal(&sql, one, '"');
        free(one);
    }
    wr_buf_puts(&sql, " TO ");
    append_literal(&sql, value, '\'');
    weir_code code = weir_exec(connection->session, wr_buf_cstr(&sql), &error);
    wr_buf_free(&sql);
    if (code == WEIR_ERROR && !may_be_unknown(name)) {
        wr_reply_error(connection, "FATAL", &error);
        return false;
    }
    return true;
}

/* One word of `options`: blanks end it, a backslash takes the next character as it is. */
static char *next_word(struct connection *connection, const char **at)
{
    const char *from = *at + strspn(*at, " \t\n\r\f\v");
    if (!*from)
        return NULL;
    char *word = wr_arena_bytes(&connection->arena, strlen(from) + 1), *to = word;
    while (*from && !strchr(" \t\n\r\f\v", *from)) {
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from++;
    }
    *to = '\0';
    *at = from;
    return word;
}

/* -c name=value, -cname=value, --name=value */
static bool apply_options(struct connection *connection, const char *options)
{
    char *word;
    while ((word = next_word(connection, &options))) {
        char *setting = !strcmp(word, "-c")                       ? next_word(connection, &options)
                        : word[0] == '-' && strchr("c-", word[1]) ? word + 2
                                                                  : NULL;
        char *equals = setting ? strchr(setting, '=') : NULL;
        if (!equals) {
            wr_reply_fatal(connection, ERR_SYNTAX, "invalid command-line argument for server process: %s", word);
            return false;
        }
        *equals = '\0';
        for (char *c = setting; *c; c++) /* -c takes statement-timeout too */
            *c = *c == '-' ? '_' : *c;
        if (!apply(connection, setting, equals + 1))
            return false;
    }
    return true;
}

static bool apply_all(struct connection *connection, const struct wire_startup *startup)
{
    for (int i = 0; i < startup->n_params; i++) {
        const char *name = startup->names[i];
        if (!wr_connection_check_text(connection, startup->values[i], strlen(startup->values[i])) ||
            !wr_connection_check_text(connection, name, strlen(name)))
            return false;
        bool other = !strcmp(name, "user") || !strcmp(name, "database") || !strcmp(name, "replication") ||
                     !strncmp(name, "_pq_.", 5);
        if (!strcmp(name, "options") ? !apply_options(connection, startup->values[i])
                                     : !other && !apply(connection, name, startup->values[i]))
            return false;
    }
    return true;
}

/* ---- */

static void notice(void *context, const char *severity, const char *sqlstate, const char *message)
{
    wr_reply_notice(context, severity, sqlstate, message);
}

static bool admit(struct connection *connection)
{
    connection->admitted = wr_server_admit(connection->server);
    if (!connection->admitted)
        wr_reply_fatal(connection, ERR_TOO_MANY_CONNECTIONS, "sorry, too many clients already");
    return connection->admitted;
}

static bool open_session(struct connection *connection)
{
    weir_error error = {.sqlstate = ""};
    weir_session *session = NULL;
    if (weir_session_open(connection->db, &session, &error) == WEIR_ERROR) {
        wr_reply_error(connection, "FATAL", &error);
        return false;
    }
    pthread_mutex_lock(&connection->lock);
    connection->session = session;
    pthread_mutex_unlock(&connection->lock);
    weir_session_on_notice(session, notice, connection);
    return true;
}

static void greet(struct connection *connection)
{
    wr_status_report_all(connection);
    size_t mark = wr_reply_begin(connection, 'K');
    wr_buf_u32be(&connection->out, (uint32_t)connection->pid);
    wr_buf_u32be(&connection->out, connection->secret);
    wr_reply_end(connection, mark);
    wr_reply_ready(connection);
}

bool wr_startup_run(struct connection *connection)
{
    struct wire_startup startup;
    set_receive_timeout(connection, STARTUP_SECONDS);
    bool ok = read_startup(connection, &startup);
    if (ok) {
        negotiate(connection, &startup);
        ok = check_who(connection, &startup) && admit(connection) && open_session(connection);
    }
    if (ok) {
        size_t mark = wr_reply_begin(connection, 'R'); /* AuthenticationOk */
        wr_buf_u32be(&connection->out, 0);
        wr_reply_end(connection, mark);
        ok = apply_all(connection, &startup);
    }
    if (ok) {
        set_receive_timeout(connection, 0);
        greet(connection);
    } else {
        wr_socket_flush(connection);
    }
    wr_arena_release(&connection->arena, (struct wr_mark){NULL, NULL});
    return ok;
}
