/* The PostgreSQL wire server: any number of databases may have one, on include/weir.h alone. */
#ifndef WEIR_SERVER_SERVER_H
#define WEIR_SERVER_SERVER_H

#include "base/error.h"
#include "weir.h"

struct server;

struct server_options {
    const char *host;    /* address to listen on; must be loopback, there is no authentication yet */
    int port;            /* 0 = any free one, see wr_server_port */
    int connections_max; /* 0 = 200 */
};

/* Listens and serves until wr_server_stop. The caller keeps db, and closes it after the stop. Signals: the caller's
 * threads get them, the server's block them all. */
bool wr_server_start(weir_db *db, const struct server_options *options, struct server **out,
                     struct wr_error *err) WR_MUST;
int wr_server_port(const struct server *server);
/* Stops accepting, cancels what runs, tells the clients (57P01), waits for their threads, frees. */
void wr_server_stop(struct server *server);

/* Would the address be refused, or not found? To ask before anything is opened. */
bool wr_server_may_listen(const char *host, int port, struct wr_error *err) WR_MUST;

/* "host:port", "host" or ":port" -> parts; host needs WR_SERVER_HOST_MAX bytes. "[::1]:4566", "::1" for IPv6. */
#define WR_SERVER_HOST_MAX 256
bool wr_server_address(const char *text, char *host, int *port, struct wr_error *err) WR_MUST;

#endif
