/* Listening, one thread per connection, cancel requests, and the orderly end.
 *
 * The accept thread sleeps in poll() on the listening sockets and a pipe; a byte in the pipe means that it should stop.
 * It wakes every GONE_MS to look for clients that have hung up. */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "server/connection.h"

#define CONNECTIONS_MAX 200
#define SPARE           32 /* connections beyond the limit: they may cancel, or are told that there are too many */
#define LISTEN_MAX      4
#define TICK_MS         20
#define GONE_MS         1000 /* how often to look whether clients of running statements are still there */
#define GOODBYE_SECONDS 5

struct server {
    weir_db *db;
    int listen_fds[LISTEN_MAX], n_listen;
    int port;
    int wake[2]; /* pipe */
    pthread_t accept_thread;
    int sessions_max;
    atomic_int sessions;
    atomic_bool stopping;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t gone;  /* a connection has ended */
    struct connection **connections;
    int n_connections;
    int live_threads;
    int32_t last_pid;
};

bool wr_server_stopping(const struct server *server)
{
    return server && atomic_load(&server->stopping);
}

int wr_server_port(const struct server *server)
{
    return server->port;
}

static void wake(struct server *server)
{
    ssize_t written = write(server->wake[1], "", 1);
    (void)written; /* full: it is awake already */
}

void wr_server_cancel(struct server *server, int32_t pid, uint32_t secret)
{
    if (!server)
        return;
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < server->n_connections; i++)
        if (server->connections[i]->pid == pid && server->connections[i]->secret == secret)
            wr_connection_cancel(server->connections[i]);
    pthread_mutex_unlock(&server->lock);
}

/* ---- connections */

bool wr_server_admit(struct server *server)
{
    if (!server || atomic_fetch_add(&server->sessions, 1) < server->sessions_max)
        return true;
    wr_server_dismiss(server);
    return false;
}

void wr_server_dismiss(struct server *server)
{
    if (server)
        atomic_fetch_sub(&server->sessions, 1);
}

static bool pid_is_used(const struct server *server, int32_t pid)
{
    for (int i = 0; i < server->n_connections; i++)
        if (server->connections[i]->pid == pid)
            return true;
    return false;
}

/* NULL: there are too many. */
static struct connection *connection_add(struct server *server, int fd)
{
    uint32_t secret = 0;
    if (getrandom(&secret, sizeof secret, 0) != sizeof secret)
        return NULL;
    struct connection *connection = wr_malloc(sizeof *connection);
    pthread_mutex_lock(&server->lock);
    bool room = server->n_connections < server->sessions_max + SPARE;
    if (room) {
        do
            server->last_pid = server->last_pid == INT32_MAX ? 1 : server->last_pid + 1;
        while (pid_is_used(server, server->last_pid));
        wr_connection_init(connection, server, server->db, fd, server->last_pid, secret);
        server->connections[server->n_connections++] = connection;
    }
    pthread_mutex_unlock(&server->lock);
    if (!room) {
        free(connection);
        return NULL;
    }
    return connection;
}

/* Off the list first: nobody may cancel or shut down what is being freed. */
static void connection_remove(struct server *server, struct connection *connection)
{
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < server->n_connections; i++)
        if (server->connections[i] == connection) {
            server->connections[i] = server->connections[--server->n_connections];
            break;
        }
    pthread_mutex_unlock(&server->lock);
    wr_connection_fini(connection);
    free(connection);
}

static void *serve(void *arg)
{
    struct connection *connection = arg;
    struct server *server = connection->server;
    wr_thread_prompt();
    wr_connection_run(connection);
    connection_remove(server, connection);
    pthread_mutex_lock(&server->lock);
    server->live_threads--;
    pthread_cond_signal(&server->gone);
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

static void welcome(struct server *server, int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    struct connection *connection = connection_add(server, fd);
    if (!connection) {
        close(fd);
        return;
    }
    pthread_mutex_lock(&server->lock);
    server->live_threads++;
    pthread_mutex_unlock(&server->lock);
    if (wr_thread_start(NULL, serve, connection, true))
        return;
    pthread_mutex_lock(&server->lock);
    server->live_threads--;
    pthread_mutex_unlock(&server->lock);
    wr_reply_fatal(connection, ERR_TOO_MANY_CONNECTIONS, "could not start a thread for the connection");
    connection_remove(server, connection);
}

/* ---- the accept thread */

/* Nobody waits any more for what a client that has hung up asked for. */
static void cancel_for_gone(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < server->n_connections; i++) {
        struct pollfd fd = {server->connections[i]->fd, POLLRDHUP, 0};
        if (poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)))
            wr_connection_cancel(server->connections[i]);
    }
    pthread_mutex_unlock(&server->lock);
}

static void drain(int fd)
{
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) == sizeof bytes)
        ;
}

static void accept_one(struct server *server, int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        welcome(server, fd);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        usleep(TICK_MS * 1000); /* it stays in the queue until a descriptor is free */
}

static void *accept_loop(void *arg)
{
    struct server *server = arg;
    struct pollfd polled[LISTEN_MAX + 1];
    for (int i = 0; i < server->n_listen; i++)
        polled[i] = (struct pollfd){server->listen_fds[i], POLLIN, 0};
    polled[server->n_listen] = (struct pollfd){server->wake[0], POLLIN, 0};
    int64_t next_gone_ns = 0;
    while (!atomic_load(&server->stopping)) {
        if (poll(polled, (nfds_t)server->n_listen + 1, GONE_MS) > 0) {
            if (polled[server->n_listen].revents)
                drain(server->wake[0]);
            for (int i = 0; i < server->n_listen && !atomic_load(&server->stopping); i++)
                if (polled[i].revents & POLLIN)
                    accept_one(server, server->listen_fds[i]);
        }
        if (wr_clock_ns() >= next_gone_ns) {
            cancel_for_gone(server);
            next_gone_ns = wr_clock_ns() + GONE_MS * WR_NS_PER_MS;
        }
    }
    return NULL;
}

/* ---- start */

bool wr_server_address(const char *text, char *host, int *port, struct wr_error *err)
{
    const char *colon = strrchr(text, ':');
    const char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
    bool bare = !bracket && colon && strchr(text, ':') != colon; /* ::1 */
    if (bare || (bracket && colon < bracket))
        colon = NULL;
    size_t len = bracket ? (size_t)(bracket - text) - 1 : colon ? (size_t)(colon - text) : strlen(text);
    if (len >= WR_SERVER_HOST_MAX)
        return wr_fail(err, ERR_INVALID_PARAMETER, "invalid address: \"%s\"", text);
    if (len) {
        memcpy(host, text + (bracket ? 1 : 0), len);
        host[len] = '\0';
    }
    if (colon) {
        char *end;
        long number = strtol(colon + 1, &end, 10);
        if (end == colon + 1 || *end || number < 0 || number > 65535)
            return wr_fail(err, ERR_INVALID_PARAMETER, "invalid port: \"%s\"", colon + 1);
        *port = (int)number;
    }
    return true;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return false;
}

static int bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static bool listen_on(struct server *server, const struct addrinfo *info, const char *host, int port,
                      struct wr_error *err)
{
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return wr_fail(err, ERR_IO, "could not create socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, 128) != 0) {
        int why = errno;
        close(fd);
        wr_fail(err, ERR_IO, "could not listen on %s:%d: %s", host, port, strerror(why));
        return why == EADDRINUSE ? wr_fail_hint(err, "Is another weir running? Choose another port with --listen.")
                                 : false;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    server->listen_fds[server->n_listen++] = fd;
    server->port = bound_port(fd);
    return true;
}

static bool resolve(const char *host, int port, struct addrinfo **found, struct wr_error *err)
{
    char service[16];
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    snprintf(service, sizeof service, "%d", port);
    int why = getaddrinfo(host, service, &hints, found);
    if (why)
        return wr_fail(err, ERR_IO, "could not resolve \"%s\": %s", host, gai_strerror(why));
    bool ok = true;
    for (const struct addrinfo *info = *found; info && ok; info = info->ai_next)
        if (!is_loopback(info->ai_addr)) {
            wr_fail(err, ERR_INVALID_PARAMETER, "refusing to listen on \"%s\"", host);
            ok = wr_fail_hint(err, "There is no authentication yet: weir listens on loopback addresses only.");
        }
    if (!ok)
        freeaddrinfo(*found);
    return ok;
}

bool wr_server_may_listen(const char *host, int port, struct wr_error *err)
{
    struct addrinfo *found;
    TRY(resolve(host, port, &found, err));
    freeaddrinfo(found);
    return true;
}

static bool listen_all(struct server *server, const char *host, int port, struct wr_error *err)
{
    struct addrinfo *found;
    TRY(resolve(host, port, &found, err));
    bool ok = true;
    /* With port 0 a second address would get another port. */
    int most = port ? LISTEN_MAX : 1;
    for (const struct addrinfo *info = found; info && ok && server->n_listen < most; info = info->ai_next)
        ok = listen_on(server, info, host, port, err);
    freeaddrinfo(found);
    return ok;
}

static void server_free(struct server *server)
{
    for (int i = 0; i < server->n_listen; i++)
        close(server->listen_fds[i]);
    if (server->wake[0] >= 0) {
        close(server->wake[0]);
        close(server->wake[1]);
    }
    pthread_cond_destroy(&server->gone);
    pthread_mutex_destroy(&server->lock);
    free(server->connections);
    free(server);
}

static bool start_thread(struct server *server, struct wr_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* connections' threads inherit it */
    bool ok = wr_thread_start(&server->accept_thread, accept_loop, server, false);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok || wr_fail(err, ERR_OUT_OF_MEMORY, "could not start a thread");
}

bool wr_server_start(weir_db *db, const struct server_options *options, struct server **out, struct wr_error *err)
{
    struct server *server = wr_calloc(1, sizeof *server);
    server->db = db;
    server->wake[0] = server->wake[1] = -1;
    server->sessions_max = options->connections_max ? options->connections_max : CONNECTIONS_MAX;
    server->connections = wr_calloc((size_t)server->sessions_max + SPARE, sizeof(struct connection *));
    pthread_mutex_init(&server->lock, NULL);
    wr_cond_init(&server->gone);
    bool ok = pipe2(server->wake, O_CLOEXEC | O_NONBLOCK) == 0 ||
              wr_fail(err, ERR_IO, "could not create a pipe: %s", strerror(errno));
    ok = ok && listen_all(server, options->host, options->port, err) && start_thread(server, err);
    if (!ok) {
        server_free(server);
        return false;
    }
    *out = server;
    return true;
}

/* ---- stop */

static void interrupt_all(struct server *server, int how)
{
    for (int i = 0; i < server->n_connections; i++) {
        wr_connection_cancel(server->connections[i]);
        shutdown(server->connections[i]->fd, how);
    }
}

void wr_server_stop(struct server *server)
{
    if (!server)
        return;
    atomic_store(&server->stopping, true);
    wake(server);
    pthread_join(server->accept_thread, NULL);
    int64_t deadline_ns = wr_clock_ns() + GOODBYE_SECONDS * WR_NS_PER_S;
    pthread_mutex_lock(&server->lock);
    interrupt_all(server, SHUT_RD); /* goodbyes can still be sent */
    while (server->live_threads && wr_cond_wait_until(&server->gone, &server->lock, deadline_ns))
        ;
    while (server->live_threads) { /* a client that does not read: cut it off; a statement that began late: again */
        interrupt_all(server, SHUT_RDWR);
        wr_cond_wait_until(&server->gone, &server->lock, wr_clock_ns() + WR_NS_PER_S);
    }
    pthread_mutex_unlock(&server->lock);
    server_free(server);
}
