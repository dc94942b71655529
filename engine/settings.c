/* Session settings: a table of rows; SHOW, SET, RESET and the reference page read it. */
#include "engine/session.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

struct setting_row {
    const char *name;
    const char *initial;
    bool fixed;          /* can be shown, not changed */
    const char *allowed; /* comma separated, lower case; NULL: anything */
    const char *doc;
};

static const struct setting_row rows[] = {
    {"application_name", "", false, NULL, "Name of the client, for the log."},
    {"background_ddl", "off", false, "on,off,true,false,1,0",
     "CREATE MATERIALIZED VIEW and SINK return at once; see weir_catalog.progress."},
    {"bytea_output", "hex", false, "hex", "Output format of bytea."},
    {"client_encoding", "UTF8", false, "utf8,unicode", "Encoding of the client: always UTF-8."},
    {"client_min_messages", "notice", false, NULL, "Accepted."},
    {"DateStyle", "ISO, MDY", false, "iso,iso, mdy,iso,mdy", "Output format of dates: always ISO."},
    {"default_on_conflict", "error", false, "error,overwrite", "What INSERT does with an existing key."},
    {"default_transaction_isolation", "repeatable read", false, NULL, "Accepted; transactions read a snapshot."},
    {"default_transaction_read_only", "off", false, NULL, "Accepted."},
    {"disabled_passes", "", false, NULL, "Names of planner passes to leave out, comma separated (tests)."},
    {"extra_float_digits", "1", false, "0,1,2,3", "Accepted; doubles print with the shortest exact text."},
    {"integer_datetimes", "on", true, NULL, "Timestamps are integers."},
    {"IntervalStyle", "postgres", false, "postgres", "Output format of intervals."},
    {"is_superuser", "on", true, NULL, "The only user."},
    {"lock_timeout", "0", false, NULL, "Accepted."},
    {"idle_in_transaction_session_timeout", "0", false, NULL, "Accepted."},
    {"max_identifier_length", "63", true, NULL, "Longest name."},
    {"row_security", "off", false, NULL, "Accepted."},
    {"rw_implicit_flush", "off", false, NULL, "Accepted: every statement's effect is visible when it returns."},
    {"implicit_flush", "off", false, NULL, "Accepted, as rw_implicit_flush."},
    {"search_path", "public", false, NULL, "Schemas to look in: public, pg_catalog and weir_catalog always are."},
    {"server_encoding", "UTF8", true, NULL, "Encoding of the data."},
    {"server_version", "15.0 (weir " WEIR_VERSION ")", true, NULL, "Version shown to clients."},
    {"server_version_num", "150000", true, NULL, "Version shown to clients, as a number."},
    {"session_authorization", "root", false, NULL, "The only user."},
    {"standard_conforming_strings", "on", false, "on,true,1", "Backslashes in '...' are ordinary."},
    {"statement_timeout", "0", false, NULL, "Milliseconds after which a statement is cancelled; 0 = never."},
    {"streaming_parallelism", "default", false, NULL, "Accepted: the number of workers is set at start."},
    {"TimeZone", "UTC", false, NULL, "Time zone of timestamptz text. Views keep the one they were created with."},
    {"transaction_isolation", "repeatable read", false, NULL, "Transactions read a snapshot."},
    {"transaction_read_only", "off", false, NULL, "Accepted."},
    {"visibility_mode", "default", false, NULL, "Accepted: readers always see the last commit."},
};

static int find(const char *name)
{
    if (!strcasecmp(name, "time zone"))
        name = "TimeZone";
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        if (!strcasecmp(rows[i].name, name))
            return (int)i;
    return -1;
}

size_t wr_settings_count(void)
{
    return WR_COUNT(rows);
}

void wr_setting_at(struct weir_session *session, size_t index, const char **name, const char **value, const char **doc)
{
    *name = rows[index].name;
    *value = session && session->settings[index] ? session->settings[index] : rows[index].initial;
    *doc = rows[index].doc;
}

void wr_settings_init(struct weir_session *session)
{
    session->settings = wr_calloc(WR_COUNT(rows), sizeof *session->settings);
}

void wr_settings_fini(struct weir_session *session)
{
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        free(session->settings[i]);
    free(session->settings);
}

const char *wr_setting(struct weir_session *session, const char *name)
{
    int at = find(name);
    if (at < 0)
        return NULL;
    return session->settings[at] ? session->settings[at] : rows[at].initial;
}

static bool allowed(const char *list, const char *value)
{
    if (!list)
        return true;
    size_t len = strlen(value);
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        /* "iso, mdy" holds a comma itself */
        if (!strncmp(at, "iso, mdy", 8) && !strcasecmp(value, "ISO, MDY"))
            return true;
        if (n == len && !strncasecmp(at, value, n))
            return true;
        at += n + (at[n] == ',');
    }
    return false;
}

/* "0", "1500", "5s", "2 min": milliseconds without a unit. */
static bool check_timeout(const char *name, const char *value, struct wr_error *err)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"", 1}, {"ms", 1}, {"us", 1e-3}, {"s", 1e3}, {"min", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};
    char *unit;
    double number = strtod(value, &unit);
    bool digits = unit != value;
    while (isspace((unsigned char)*unit))
        unit++;
    for (size_t i = 0; digits && i < WR_COUNT(units); i++) {
        if (strcmp(unit, units[i].unit) != 0)
            continue;
        double ms = number * units[i].ms;
        if (ms >= 0 && ms <= INT32_MAX)
            return true;
        return wr_fail(err, ERR_INVALID_PARAMETER, "%.0f%s is outside the valid range for parameter \"%s\" (0 .. %d)",
                       ms, *unit ? " ms" : "", name, INT32_MAX);
    }
    wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for parameter \"%s\": \"%s\"", name, value);
    return digits &&
           wr_fail_hint(err, "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".");
}

bool wr_setting_set(struct weir_session *session, const char *name, const char *value, struct wr_error *err)
{
    int at = find(name);
    if (at < 0) {
        if (strchr(name, '.'))
            return true; /* PostgreSQL takes any name with a dot */
        return wr_fail(err, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"", name);
    }
    const struct setting_row *row = &rows[at];
    if (row->fixed)
        return wr_fail(err, ERR_CANT_CHANGE_PARAMETER, "parameter \"%s\" cannot be changed", row->name);
    if (value && !allowed(row->allowed, value))
        return wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for parameter \"%s\": \"%s\"", row->name, value);
    if (value && strstr(row->name, "_timeout"))
        TRY(check_timeout(row->name, value, err));
    if (!strcmp(row->name, "TimeZone")) {
        const struct timezone *zone = wr_timezone_find(value ? value : row->initial);
        if (!zone)
            return wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for parameter \"TimeZone\": \"%s\"", value);
        session->io.timezone = zone;
    }
    free(session->settings[at]);
    session->settings[at] = value ? wr_strdup(value) : NULL;
    return true;
}
