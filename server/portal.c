/* Lists, not hashes: clients keep a handful, and look up one per round trip. */
#include "server/portal.h"

#include <stdlib.h>
#include <string.h>

#define OID_INT8   20
#define OID_INT2   21
#define OID_INT4   23
#define OID_FLOAT4 700
#define OID_FLOAT8 701

/* ---- prepared statements */

static void prepared_release(struct prepared *prepared)
{
    if (--prepared->users)
        return;
    weir_statement_free(prepared->statement);
    free(prepared->declared);
    free(prepared->deallocate.name);
    free(prepared->name);
    free(prepared);
}

struct prepared *wr_prepared_find(const struct connection *connection, const char *name)
{
    for (int i = 0; i < connection->n_prepared; i++)
        if (!strcmp(connection->prepared[i]->name, name))
            return connection->prepared[i];
    return NULL;
}

struct prepared *wr_prepared_get(struct connection *connection, const char *name)
{
    struct prepared *prepared = wr_prepared_find(connection, name);
    if (!prepared && *name)
        wr_reply_fail(connection, ERR_INVALID_STATEMENT_NAME, "prepared statement \"%s\" does not exist", name);
    else if (!prepared)
        wr_reply_fail(connection, ERR_INVALID_STATEMENT_NAME, "unnamed prepared statement does not exist");
    return prepared;
}

struct prepared *wr_prepared_add(struct connection *connection, const struct wire_parse *message,
                                 weir_statement *statement)
{
    struct prepared *prepared = wr_calloc(1, sizeof *prepared);
    prepared->name = wr_strdup(message->name);
    prepared->statement = statement;
    prepared->users = 1;
    prepared->n_declared = message->n_oids;
    prepared->declared = wr_calloc((size_t)message->n_oids, sizeof(uint32_t));
    if (message->n_oids)
        memcpy(prepared->declared, message->oids, (size_t)message->n_oids * sizeof(uint32_t));
    wr_sqltext_first_word(message->sql, message->sql_len, 0, prepared->word);
    size_t n = (size_t)connection->n_prepared++;
    connection->prepared = wr_realloc(connection->prepared, (n + 1) * sizeof(struct prepared *));
    connection->prepared[n] = prepared;
    return prepared;
}

void wr_prepared_drop(struct connection *connection, const char *name)
{
    for (int i = 0; i < connection->n_prepared; i++)
        if (!strcmp(connection->prepared[i]->name, name)) {
            prepared_release(connection->prepared[i]);
            connection->prepared[i] = connection->prepared[--connection->n_prepared];
            return;
        }
}

void wr_prepared_drop_all(struct connection *connection)
{
    while (connection->n_prepared)
        prepared_release(connection->prepared[--connection->n_prepared]);
}

/* ---- portals */

static void portal_free(struct portal *portal)
{
    weir_result_free(portal->result);
    prepared_release(portal->prepared);
    free(portal->name);
    free(portal->params);
    free(portal->bytes);
    free(portal->formats);
    wr_buf_free(&portal->spool);
    free(portal);
}

struct portal *wr_portal_find(const struct connection *connection, const char *name)
{
    for (int i = 0; i < connection->n_portals; i++)
        if (!strcmp(connection->portals[i]->name, name))
            return connection->portals[i];
    return NULL;
}

struct portal *wr_portal_get(struct connection *connection, const char *name)
{
    struct portal *portal = wr_portal_find(connection, name);
    if (!portal)
        wr_reply_fail(connection, ERR_INVALID_CURSOR_NAME, "portal \"%s\" does not exist", name);
    return portal;
}

/* The engine knows no int2 and no float4: what was declared so and comes in binary is widened to what it has. */
static size_t widen(char *to, const weir_param *param, uint32_t declared, uint32_t wanted)
{
    if (param->binary && declared == OID_INT2 && param->len == 2 && (wanted == OID_INT4 || wanted == OID_INT8)) {
        const unsigned char *bytes = param->data;
        size_t len = wanted == OID_INT4 ? 4 : 8;
        memset(to, bytes[0] & 0x80 ? 0xff : 0, len - 2);
        memcpy(to + len - 2, bytes, 2);
        return len;
    }
    if (param->binary && declared == OID_FLOAT4 && param->len == 4 && wanted == OID_FLOAT8) {
        uint32_t bits = wr_load_u32be(param->data);
        float narrow;
        memcpy(&narrow, &bits, 4);
        double wide = narrow;
        uint64_t wide_bits;
        memcpy(&wide_bits, &wide, 8);
        wr_store_u64be(to, wide_bits);
        return 8;
    }
    memcpy(to, param->data, param->len);
    return param->len;
}

/* The parameters outlive their message. Each gets a NUL behind it, for whoever reads text as a string. */
static void copy_params(struct portal *portal, const struct wire_bind *message)
{
    const struct prepared *prepared = portal->prepared;
    size_t bytes = 0, n = (size_t)message->n_params;
    for (size_t i = 0; i < n; i++)
        bytes += message->params[i].len + 8; /* NUL, and room to widen */
    portal->n_params = message->n_params;
    portal->params = wr_calloc(n, sizeof(weir_param));
    char *to = portal->bytes = wr_malloc(bytes);
    for (size_t i = 0; i < n; i++) {
        weir_param *param = &portal->params[i];
        *param = message->params[i];
        if (!param->data)
            continue;
        uint32_t declared = i < (size_t)prepared->n_declared ? prepared->declared[i] : 0;
        param->len = widen(to, &message->params[i], declared, weir_statement_param_oid(prepared->statement, (int)i));
        param->data = to;
        to += param->len;
        *to++ = '\0';
    }
}

void wr_portal_add(struct connection *connection, const struct wire_bind *message, struct prepared *prepared)
{
    struct portal *portal = wr_calloc(1, sizeof *portal);
    portal->name = wr_strdup(message->portal);
    portal->prepared = prepared;
    prepared->users++;
    copy_params(portal, message);
    portal->n_formats = message->n_formats;
    portal->formats = wr_calloc((size_t)message->n_formats, sizeof(uint16_t));
    if (message->n_formats)
        memcpy(portal->formats, message->formats, (size_t)message->n_formats * sizeof(uint16_t));
    size_t n = (size_t)connection->n_portals++;
    connection->portals = wr_realloc(connection->portals, (n + 1) * sizeof(struct portal *));
    connection->portals[n] = portal;
}

void wr_portal_drop(struct connection *connection, const char *name)
{
    for (int i = 0; i < connection->n_portals; i++)
        if (!strcmp(connection->portals[i]->name, name)) {
            portal_free(connection->portals[i]);
            connection->portals[i] = connection->portals[--connection->n_portals];
            return;
        }
}

void wr_extended_drop_portals(struct connection *connection)
{
    while (connection->n_portals)
        portal_free(connection->portals[--connection->n_portals]);
}

void wr_extended_drop_unnamed(struct connection *connection)
{
    wr_portal_drop(connection, "");
    wr_prepared_drop(connection, "");
}

void wr_extended_discard(struct connection *connection)
{
    if (!connection->discard)
        return;
    connection->discard = false;
    wr_extended_drop_portals(connection);
    wr_prepared_drop_all(connection);
}

void wr_extended_fini(struct connection *connection)
{
    wr_extended_drop_portals(connection);
    wr_prepared_drop_all(connection);
    free(connection->portals);
    free(connection->prepared);
}
