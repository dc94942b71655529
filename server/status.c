/* ParameterStatus: the settings that clients follow, told at the start and whenever a statement has changed one. */
#include <stdlib.h>
#include <string.h>

#include "server/connection.h"

static const struct {
    const char *name;
    const char *fallback; /* where the session knows no such setting */
    bool fixed;
} reported[] = {
    {"server_version", "15.0 (weir " WEIR_VERSION ")", true}, /* psql chooses its catalog queries by it */
    {"server_encoding", "UTF8", true},
    {"client_encoding", "UTF8", true},
    {"application_name", "", false},
    {"default_transaction_read_only", "off", false},
    {"in_hot_standby", "off", true},
    {"is_superuser", "on", true},
    {"session_authorization", "root", true},
    {"DateStyle", "ISO, MDY", false},
    {"IntervalStyle", "postgres", false},
    {"TimeZone", "UTC", false},
    {"integer_datetimes", "on", true},
    {"standard_conforming_strings", "on", true},
};

static const char *value_of(struct connection *connection, size_t i)
{
    const char *value = reported[i].fixed ? NULL : weir_session_setting(connection->session, reported[i].name);
    return value ? value : reported[i].fallback;
}

static void report(struct connection *connection, size_t i)
{
    const char *value = value_of(connection, i);
    char *known = connection->reported[i];
    if (known && !strcmp(known, value))
        return;
    free(known);
    connection->reported[i] = wr_strdup(value);
    wr_reply_parameter(connection, reported[i].name, value);
}

void wr_status_report_all(struct connection *connection)
{
    _Static_assert(WR_COUNT(reported) <= REPORTED_MAX, "room for what was reported");
    for (size_t i = 0; i < WR_COUNT(reported); i++)
        report(connection, i);
}

void wr_status_report_changes(struct connection *connection, const char *tag)
{
    static const char *const changing[] = {"SET", "RESET", "DISCARD", "COMMIT", "ROLLBACK"};
    connection->discard |= tag && !strcmp(tag, "DISCARD ALL");
    for (size_t i = 0; tag && i < WR_COUNT(changing); i++)
        if (!strncmp(tag, changing[i], strlen(changing[i]))) {
            wr_status_report_all(connection);
            return;
        }
}

void wr_status_fini(struct connection *connection)
{
    for (size_t i = 0; i < REPORTED_MAX; i++)
        free(connection->reported[i]);
}
