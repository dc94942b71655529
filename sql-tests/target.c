/* Starts and stops the server under test, and opens sessions to it. */
#include "target.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap(int ms)
{
    struct timespec span = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&span, NULL);
}

static void run_server(const struct target *target)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open(target->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(log, 1);
    dup2(log, 2);
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%d", target->port);
    execl(target->weir, target->weir, "serve", "--data", target->data, "--listen", listen, "--memory", target->memory,
          "--workers", target->workers, (char *)NULL);
    perror(target->weir);
    _exit(127);
}

/* The last "listening on host:port" of the log behind `from`; 0 if it is not there yet. */
static int find_port(const struct target *target, long from)
{
    FILE *file = fopen(target->log, "r");
    if (!file)
        return 0;
    fseek(file, from, SEEK_SET);
    char line[512];
    int port = 0;
    while (fgets(line, sizeof line, file))
        sscanf(line, "listening on 127.0.0.1:%d", &port);
    fclose(file);
    return port;
}

static long log_size(const struct target *target)
{
    FILE *file = fopen(target->log, "a");
    long size = file ? (fseek(file, 0, SEEK_END), ftell(file)) : 0;
    if (file)
        fclose(file);
    return size;
}

bool target_died(struct target *target)
{
    if (target->postgres)
        return false;
    if (target->pid && waitpid(target->pid, NULL, WNOHANG) == target->pid)
        target->pid = 0;
    return !target->pid;
}

bool target_start(struct target *target)
{
    if (target->postgres)
        return true;
    long from = log_size(target);
    target->pid = fork();
    if (!target->pid)
        run_server(target);
    for (int waited = 0; waited < 30000 && !target_died(target); waited += 5) {
        int port = find_port(target, from);
        if (port) {
            target->port = port;
            return true;
        }
        nap(5);
    }
    fprintf(stderr, "the server did not start, see %s\n", target->log);
    return false;
}

static void close_sessions(struct target *target)
{
    for (size_t i = 0; i < target->nsessions; i++) {
        PQfinish(target->sessions[i].conn);
        target->sessions[i].conn = NULL;
    }
}

void target_stop(struct target *target, bool kill9)
{
    close_sessions(target);
    if (target->postgres || !target->pid)
        return;
    kill(target->pid, kill9 ? SIGKILL : SIGTERM);
    for (int waited = 0; waited < 20000; waited += 5) {
        if (target_died(target))
            return;
        nap(5);
    }
    fprintf(stderr, "the server did not stop within 20 s of SIGTERM\n");
    kill(target->pid, SIGKILL);
    waitpid(target->pid, NULL, 0);
    target->pid = 0;
}

bool target_reset(struct target *target)
{
    target_stop(target, true);
    target->nsessions = 0;
    if (target->postgres) {
        struct session *session = target_session(target, "default");
        PQclear(session ? session_run(session, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", 30) : NULL);
        return session != NULL;
    }
    char command[2 * sizeof target->data];
    snprintf(command, sizeof command, "rm -rf '%s'", target->data);
    return !system(command) && target_start(target);
}

bool target_idle(const struct target *target)
{
    for (size_t i = 0; i < target->nsessions; i++)
        if (target->sessions[i].conn && PQtransactionStatus(target->sessions[i].conn) != PQTRANS_IDLE)
            return false;
    return true;
}

static void be_quiet(void *context, const PGresult *notice)
{
}

static bool connect_session(struct target *target, struct session *session)
{
    char conninfo[512];
    if (target->postgres)
        snprintf(conninfo, sizeof conninfo, "%s", target->postgres);
    else
        snprintf(conninfo, sizeof conninfo, "host=127.0.0.1 port=%d user=root dbname=dev", target->port);
    session->conn = PQconnectdb(conninfo);
    if (PQstatus(session->conn) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(session->conn));
        return false;
    }
    PQsetNoticeReceiver(session->conn, be_quiet, NULL);
    if (target->disabled_passes) {
        char set[256];
        snprintf(set, sizeof set, "SET disabled_passes TO '%s'", target->disabled_passes);
        PQclear(session_run(session, set, 30));
    }
    if (target->postgres)
        PQclear(session_run(session, "SET TimeZone TO 'UTC'; SET client_min_messages TO error", 30));
    for (size_t i = 0; i < session->nsettings; i++)
        PQclear(session_run(session, session->settings[i], 30));
    return true;
}

struct session *target_session(struct target *target, const char *name)
{
    struct session *session = NULL;
    for (size_t i = 0; i < target->nsessions; i++)
        if (!strcmp(target->sessions[i].name, name))
            session = &target->sessions[i];
    if (!session) {
        if (target->nsessions == SESSIONS_MAX)
            return NULL;
        session = &target->sessions[target->nsessions++];
        *session = (struct session){.name = strdup(name)};
    }
    if (session->conn && PQstatus(session->conn) == CONNECTION_OK)
        return session;
    PQfinish(session->conn);
    return connect_session(target, session) ? session : NULL;
}

void session_remember(struct session *session, const char *sql)
{
    if (strncasecmp(sql, "set ", 4) && strncasecmp(sql, "reset ", 6))
        return;
    session->settings = realloc(session->settings, (session->nsettings + 1) * sizeof *session->settings);
    session->settings[session->nsettings++] = strdup(sql);
}

PGresult *session_run(struct session *session, const char *sql, int seconds)
{
    PGresult *last = NULL;
    if (!PQsendQuery(session->conn, sql))
        return PQmakeEmptyPGresult(session->conn, PGRES_FATAL_ERROR);
    time_t deadline = time(NULL) + seconds;
    for (;;) {
        while (PQisBusy(session->conn)) {
            struct pollfd wait = {PQsocket(session->conn), POLLIN, 0};
            poll(&wait, 1, 1000);
            if (time(NULL) > deadline) {
                PQclear(last);
                return NULL;
            }
            if (!PQconsumeInput(session->conn))
                break;
        }
        PGresult *result = PQgetResult(session->conn);
        if (!result)
            return last;
        /* an error ends a simple query, so what is kept is the error or the last answer */
        PQclear(last);
        last = result;
        ExecStatusType status = PQresultStatus(last);
        if (status == PGRES_COPY_IN)
            PQputCopyEnd(session->conn, NULL);
        for (char *row; status == PGRES_COPY_OUT && PQgetCopyData(session->conn, &row, 0) > 0;)
            PQfreemem(row);
    }
}
