/* Prepared statements and portals of a connection. Inner to server/. */
#ifndef WEIR_SERVER_PORTAL_H
#define WEIR_SERVER_PORTAL_H

#include "server/connection.h"

struct prepared {
    char *name;                   /* "" = the unnamed one */
    weir_statement *statement;    /* NULL: the empty query, or DEALLOCATE */
    struct deallocate deallocate; /* name NULL: it is not */
    uint32_t *declared;           /* parameter types as the client declared them */
    int n_declared;
    char word[16]; /* its first word, lower case */
    int users;     /* portals, and the list while it is in it */
};

struct portal {
    char *name;
    struct prepared *prepared;
    weir_param *params; /* their bytes are in `bytes` */
    char *bytes;
    int n_params;
    uint16_t *formats;
    int n_formats;
    weir_result *result; /* after the first Execute */
    bool done;           /* the result has been read to its end */

    bool spooled; /* spool.c: the rows that were left, as DataRow messages, and what came behind them */
    struct wr_buf spool;
    size_t spool_at;
    weir_code spool_end;
    weir_error spool_error;
};

/* find: NULL if absent. get: the error has been sent if absent. */
struct prepared *wr_prepared_find(const struct connection *connection, const char *name);
struct prepared *wr_prepared_get(struct connection *connection, const char *name);
struct prepared *wr_prepared_add(struct connection *connection, const struct wire_parse *message,
                                 weir_statement *statement);
void wr_prepared_drop_all(struct connection *connection);
void wr_prepared_drop(struct connection *connection, const char *name); /* absent: nothing happens */
struct portal *wr_portal_find(const struct connection *connection, const char *name);
struct portal *wr_portal_get(struct connection *connection, const char *name);
void wr_portal_add(struct connection *connection, const struct wire_bind *message, struct prepared *prepared);
void wr_portal_drop(struct connection *connection, const char *name);

/* spool.c: before another statement runs. False: an error has been sent. */
bool wr_spool_portals(struct connection *connection) WR_MUST;
/* Sends the next kept row: WEIR_ROW; else what weir_result_next would say. */
weir_code wr_spool_next(struct connection *connection, struct portal *portal, weir_error *error);

#endif
