/* The server over the fake engine: prints its port, serves until a signal or the end of stdin. For server_test.py. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/server.h"

int main(int argc, char **argv)
{
    struct server *server;
    struct wr_error err = WR_ERROR_INIT;
    weir_db *db;
    sigset_t signals;
    int which;
    struct server_options options = {.host = "127.0.0.1", .connections_max = argc > 1 ? atoi(argv[1]) : 0};
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    weir_open(NULL, NULL, &db, NULL);
    if (!wr_server_start(db, &options, &server, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    printf("%d\n", wr_server_port(server));
    fflush(stdout);
    sigwait(&signals, &which);
    wr_server_stop(server);
    weir_close(db);
    return 0;
}
