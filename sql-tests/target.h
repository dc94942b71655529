/*
 * What the records run against: a weir server of our own, or a PostgreSQL that is there already. Sessions are opened
 * by name as records ask for them, and their SETs are repeated when a restart has cut them.
 */
#ifndef WEIR_SQL_TESTS_TARGET_H
#define WEIR_SQL_TESTS_TARGET_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SESSIONS_MAX 16

struct session {
    char *name;
    PGconn *conn;
    char **settings; /* SET statements that succeeded, in order */
    size_t nsettings;
};

struct target {
    const char *weir;     /* the binary, or NULL */
    const char *postgres; /* conninfo, or NULL */
    const char *memory;
    const char *workers;
    const char *disabled_passes; /* set in every new session; NULL: none */
    char data[512];
    char log[512];
    int port; /* 0 until the first start; a restart takes the same one */
    pid_t pid;
    struct session sessions[SESSIONS_MAX];
    size_t nsessions;
};

bool target_start(struct target *target);
void target_stop(struct target *target, bool kill9);
bool target_reset(struct target *target);      /* an empty database */
bool target_idle(const struct target *target); /* no session is inside a transaction */
bool target_died(struct target *target);
struct session *target_session(struct target *target, const char *name); /* NULL: cannot connect */

/* The last result of `sql`, or NULL after `seconds` without an answer. */
PGresult *session_run(struct session *session, const char *sql, int seconds);
void session_remember(struct session *session, const char *sql);

#endif
