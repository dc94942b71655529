/* libFuzzer target: any bytes are a client. A whole connection runs over them, against the fake engine; the answers go
 * to a socket that nobody reads, with a short patience.
 *
 * The first byte chooses: even = the bytes begin with a startup packet, odd = a good one is put before them. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char hello[] = "\0\0\0\x13\0\3\0\0user\0root\0";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static weir_db *db;
    setenv("WEIR_FAKE_HURRY", "1", 1);
    int ends[2];
    if (size < 1 || size > 32768 || (!db && weir_open(NULL, NULL, &db, NULL) != WEIR_OK) ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 0;
    struct timeval patience = {.tv_usec = 1000};
    setsockopt(ends[1], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if ((data[0] & 1) && write(ends[0], hello, sizeof hello) < 0)
        size = 1;
    if (write(ends[0], data + 1, size - 1) < 0)
        size = 1;
    shutdown(ends[0], SHUT_WR);
    struct connection connection;
    wr_connection_init(&connection, NULL, db, ends[1], 1, 2);
    wr_connection_run(&connection);
    connection.linger = false;
    wr_connection_fini(&connection);
    close(ends[0]);
    return 0;
}
