/* The rest of a portal's rows, kept while another statement runs.
 *
 * A session of the engine has one open result at a time: executing a statement ends the one before. A client may read
 * two portals in turns, or update while it reads (fetch size). So before a statement starts, what a suspended
 * portal has left is read into memory, encoded as it will be sent, up to SPOOL_BYTES_MAX; beyond that the portal fails
 * when it is asked for more. An error among the rows fails the transaction, and so the statement that is about to
 * start. */
#include <stdlib.h>
#include <string.h>

#include "server/connection.h"
#include "server/portal.h"

#define SPOOL_BYTES_MAX ((size_t)64 << 20)

/* Encodes one row behind the spool's others. */
static void keep_row(struct connection *connection, struct portal *portal)
{
    struct wr_buf out = connection->out;
    connection->out = portal->spool;
    wr_reply_put_row(connection, portal->result, portal->formats, portal->n_formats);
    portal->spool = connection->out;
    connection->out = out;
}

static void spool(struct connection *connection, struct portal *portal)
{
    weir_code code = WEIR_DONE;
    while (portal->spool.len < SPOOL_BYTES_MAX) {
        code = weir_result_next(portal->result, &portal->spool_error);
        if (code != WEIR_ROW)
            break;
        keep_row(connection, portal);
    }
    if (code == WEIR_ROW) {
        portal->spool_error = (weir_error){
            .sqlstate = ERR_CONFIG_LIMIT,
            .message = "too many rows are left in a cursor that another statement interrupted",
            .hint = "Read it to its end first.",
        };
        code = WEIR_ERROR;
    }
    portal->spooled = true;
    portal->spool_end = code;
}

bool wr_spool_portals(struct connection *connection)
{
    for (int i = 0; i < connection->n_portals; i++) {
        struct portal *portal = connection->portals[i];
        if (!portal->result || portal->done || portal->spooled)
            continue;
        spool(connection, portal);
        bool failed = portal->spool_end == WEIR_ERROR && strcmp(portal->spool_error.sqlstate, ERR_CONFIG_LIMIT) != 0;
        if (failed) {
            wr_reply_error(connection, "ERROR", &portal->spool_error);
            return false;
        }
    }
    return true;
}

weir_code wr_spool_next(struct connection *connection, struct portal *portal, weir_error *error)
{
    if (portal->spool_at < portal->spool.len) {
        const char *row = portal->spool.data + portal->spool_at;
        size_t len = (size_t)wr_load_u32be(row + 1) + 1;
        wr_buf_put(&connection->out, row, len);
        wr_reply_flush_if_full(connection);
        portal->spool_at += len;
        return WEIR_ROW;
    }
    *error = portal->spool_error;
    return portal->spool_end;
}
