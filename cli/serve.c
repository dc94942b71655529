/* weir serve: a database behind the PostgreSQL protocol, until a signal. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "server/server.h"

#define DEFAULT_PORT 4566
#define CHECK_MS     100

static void report(const struct wr_error *err)
{
    fprintf(stderr, "weir: error: %s (%s)\n", err->message, err->sqlstate);
    if (err->hint[0])
        fprintf(stderr, "hint: %s\n", err->hint);
}

bool wr_cli_may_listen(const char *address)
{
    struct wr_error err = WR_ERROR_INIT;
    char host[WR_SERVER_HOST_MAX] = "127.0.0.1";
    int port = DEFAULT_PORT;
    if (wr_server_address(address, host, &port, &err) && wr_server_may_listen(host, port, &err))
        return true;
    report(&err);
    return false;
}

struct server *wr_cli_serve_start(weir_db *db, const char *address)
{
    struct wr_error err = WR_ERROR_INIT;
    struct server *server = NULL;
    char host[WR_SERVER_HOST_MAX] = "127.0.0.1";
    int port = DEFAULT_PORT;
    struct server_options options = {.host = host};
    bool ok = wr_server_address(address, host, &port, &err);
    options.port = port;
    if (ok && wr_server_start(db, &options, &server, &err)) {
        const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";
        fprintf(stderr, "listening on %s%s%s:%d (psql -h %s -p %d -U root dev)\n", open, host, close,
                wr_server_port(server), host, wr_server_port(server));
        return server;
    }
    report(&err);
    return NULL;
}

static int serve_until_asked(weir_db *db)
{
    weir_error error = {.sqlstate = ""};
    wr_cli_signals_watch(NULL);
    while (!atomic_load(&wr_cli_stop_asked)) {
        if (weir_check(db, &error) == WEIR_ERROR) {
            wr_cli_report(&error);
            return CLI_FAILED;
        }
        usleep(CHECK_MS * 1000);
    }
    return 0;
}

int wr_cli_serve(int argc, char **argv)
{
    struct cli_options options = {.data = "weir-data", .listen = "127.0.0.1:4566"};
    if (!wr_cli_arguments(argc, argv, false, &options))
        return CLI_USAGE;
    if (!wr_cli_may_listen(options.listen))
        return CLI_FAILED;
    wr_cli_signals_block();
    weir_db *db = wr_cli_open(&options);
    if (!db)
        return CLI_FAILED;
    struct server *server = wr_cli_serve_start(db, options.listen);
    int code = CLI_FAILED;
    if (server) {
        code = serve_until_asked(db);
        wr_server_stop(server);
    }
    return wr_cli_close(db, code);
}
