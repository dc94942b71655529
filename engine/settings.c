/* Session settings: a table of rows; SHOW, SET, RESET, pg_settings and the reference page read it.
 *
 * A value set in a transaction is undone by ROLLBACK, one of SET LOCAL at its end in any case: a touched setting
 * remembers what either would leave. */
#include "engine/session.h"

#include "base/ascii.h"
#include "types/float_io.h"

#include <math.h>
#include <stdio.h>

enum setting_kind { SETTING_TEXT, SETTING_BOOL, SETTING_ENUM, SETTING_INT, SETTING_MS, SETTING_FIXED };

struct setting_row {
    const char *name;
    const char *initial;
    enum setting_kind kind;
    const char *allowed; /* enums: comma separated, lower case; "=" joins a spelling to what is shown for it */
    int min, max;        /* ints */
    const char *doc;
};

#define ISOLATION_LEVELS "read uncommitted,read committed,repeatable read,serializable"

static const struct setting_row rows[] = {
    {"application_name", "", SETTING_TEXT, NULL, 0, 0, "Name of the client, for the log."},
    {"background_ddl", "off", SETTING_BOOL, NULL, 0, 0,
     "CREATE MATERIALIZED VIEW and SINK return at once, outside of transactions; see weir_catalog.progress."},
    {"bytea_output", "hex", SETTING_ENUM, "hex", 0, 0, "Output format of bytea."},
    {"check_function_bodies", "on", SETTING_BOOL, NULL, 0, 0, "Accepted."},
    {"client_encoding", "UTF8", SETTING_ENUM, "UTF8,unicode=UTF8,utf-8=UTF8", 0, 0,
     "Encoding of the client: always UTF-8."},
    {"client_min_messages", "notice", SETTING_ENUM, "debug5,debug4,debug3,debug2,debug1,log,notice,warning,error", 0, 0,
     "Accepted."},
    {"DateStyle", "ISO, MDY", SETTING_ENUM, "ISO\\, MDY,iso=ISO\\, MDY,iso\\,mdy=ISO\\, MDY", 0, 0,
     "Output format of dates: always ISO."},
    {"default_on_conflict", "error", SETTING_ENUM, "error,overwrite", 0, 0, "What INSERT does with an existing key."},
    {"default_table_access_method", "heap", SETTING_TEXT, NULL, 0, 0, "Accepted."},
    {"default_tablespace", "", SETTING_TEXT, NULL, 0, 0, "Accepted."},
    {"default_transaction_deferrable", "off", SETTING_BOOL, NULL, 0, 0, "Accepted."},
    {"default_transaction_isolation", "repeatable read", SETTING_ENUM, ISOLATION_LEVELS, 0, 0,
     "Isolation of transactions: a snapshot, whatever weaker level is named; serializable is refused."},
    {"default_transaction_read_only", "off", SETTING_BOOL, NULL, 0, 0, "Transactions refuse to write."},
    {"disabled_passes", "", SETTING_TEXT, NULL, 0, 0, "Names of planner passes to leave out, comma separated (tests)."},
    {"escape_string_warning", "on", SETTING_BOOL, NULL, 0, 0, "Accepted."},
    {"extra_float_digits", "1", SETTING_INT, NULL, -15, 3, "Accepted; doubles print with the shortest exact text."},
    {"idle_in_transaction_session_timeout", "0", SETTING_MS, NULL, 0, 0, "Accepted."},
    {"idle_session_timeout", "0", SETTING_MS, NULL, 0, 0, "Accepted."},
    {"implicit_flush", "off", SETTING_BOOL, NULL, 0, 0, "Accepted, as rw_implicit_flush."},
    {"integer_datetimes", "on", SETTING_FIXED, NULL, 0, 0, "Timestamps are integers."},
    {"IntervalStyle", "postgres", SETTING_ENUM, "postgres,postgres_verbose,sql_standard,iso_8601", 0, 0,
     "Accepted: there are no intervals yet."},
    {"is_superuser", "on", SETTING_FIXED, NULL, 0, 0, "The only user."},
    {"jit", "off", SETTING_BOOL, NULL, 0, 0, "Accepted."},
    {"lock_timeout", "0", SETTING_MS, NULL, 0, 0, "Accepted: nothing waits for locks."},
    {"max_index_keys", "32", SETTING_FIXED, NULL, 0, 0, "What clients take for the most columns of a key."},
    {"max_identifier_length", "63", SETTING_FIXED, NULL, 0, 0, "Longest name."},
    {"row_security", "off", SETTING_BOOL, NULL, 0, 0, "Accepted."},
    {"rw_implicit_flush", "off", SETTING_BOOL, NULL, 0, 0,
     "Accepted: every statement's effect is visible when it returns."},
    {"search_path", "public", SETTING_TEXT, NULL, 0, 0,
     "Schemas to look in: public, pg_catalog and weir_catalog always are."},
    {"server_encoding", "UTF8", SETTING_FIXED, NULL, 0, 0, "Encoding of the data."},
    {"server_version", "15.0 (weir " WEIR_VERSION ")", SETTING_FIXED, NULL, 0, 0, "Version shown to clients."},
    {"server_version_num", "150000", SETTING_FIXED, NULL, 0, 0, "Version shown to clients, as a number."},
    {"session_authorization", "root", SETTING_ENUM, "root", 0, 0, "The only user."},
    {"standard_conforming_strings", "on", SETTING_ENUM, "on,true=on,1=on,yes=on", 0, 0,
     "Backslashes in '...' are ordinary."},
    {"statement_timeout", "0", SETTING_MS, NULL, 0, 0,
     "Time after which a statement is cancelled, in milliseconds without a unit; 0 = never."},
    {"streaming_parallelism", "default", SETTING_TEXT, NULL, 0, 0, "Accepted: the number of workers is set at start."},
    {"synchronous_commit", "on", SETTING_ENUM, "on,off,local,remote_write,remote_apply", 0, 0,
     "Accepted: every commit is synced."},
    {"TimeZone", "UTC", SETTING_TEXT, NULL, 0, 0,
     "Time zone of timestamptz text. Views keep the one they were created with."},
    {"transaction_deferrable", "off", SETTING_BOOL, NULL, 0, 0, "Accepted."},
    {"transaction_isolation", NULL, SETTING_ENUM, ISOLATION_LEVELS, 0, 0, "Isolation of the current transaction."},
    {"transaction_read_only", NULL, SETTING_BOOL, NULL, 0, 0, "The current transaction refuses to write."},
    {"visibility_mode", "default", SETTING_TEXT, NULL, 0, 0, "Accepted: readers always see the last commit."},
    {"xmloption", "content", SETTING_ENUM, "content,document", 0, 0, "Accepted."},
};

struct setting_value {
    char *now;                 /* NULL: the initial one */
    char *if_commit, *if_undo; /* of a setting that this transaction has touched */
    bool touched;
};

static int find(const char *name)
{
    if (!wr_casecmp(name, "time zone"))
        name = "TimeZone";
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        if (!wr_casecmp(rows[i].name, name))
            return (int)i;
    return -1;
}

static const char *value_at(struct weir_session *session, size_t at)
{
    if (session && session->settings[at].now)
        return session->settings[at].now;
    /* a transaction has the session's defaults until it says otherwise */
    if (!strcmp(rows[at].name, "transaction_isolation"))
        return value_at(session, (size_t)find("default_transaction_isolation"));
    if (!strcmp(rows[at].name, "transaction_read_only"))
        return value_at(session, (size_t)find("default_transaction_read_only"));
    return rows[at].initial;
}

size_t wr_settings_count(void)
{
    return WR_COUNT(rows);
}

void wr_setting_at(struct weir_session *session, size_t index, const char **name, const char **value, const char **doc)
{
    *name = rows[index].name;
    *value = value_at(session, index);
    *doc = rows[index].doc;
}

void wr_settings_init(struct weir_session *session)
{
    session->settings = wr_calloc(WR_COUNT(rows), sizeof *session->settings);
    session->io.timezone = wr_timezone_find("UTC");
}

void wr_settings_fini(struct weir_session *session)
{
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        free(session->settings[i].now);
        free(session->settings[i].if_commit);
        free(session->settings[i].if_undo);
    }
    free(session->settings);
}

const char *wr_setting(struct weir_session *session, const char *name)
{
    int at = find(name);
    return at < 0 ? NULL : value_at(session, (size_t)at);
}

const char *wr_setting_name(const char *name)
{
    int at = find(name);
    return at < 0 ? NULL : rows[at].name;
}

bool wr_setting_is_on(struct weir_session *session, const char *name)
{
    return !strcmp(wr_setting(session, name), "on");
}

/* ---- values: checked, and in the form in which they are shown */

static bool invalid(const struct setting_row *row, const char *value, struct wr_error *err)
{
    return wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for parameter \"%s\": \"%s\"", row->name, value);
}

/* true, false, yes, no and what they can be cut to; on, off; 1, 0. */
static bool read_bool(const struct setting_row *row, const char *value, struct wr_buf *shown, struct wr_error *err)
{
    static const struct {
        const char *word;
        size_t min;
        const char *shown;
    } words[] = {{"true", 1, "on"},   {"yes", 1, "on"}, {"on", 2, "on"},   {"1", 1, "on"},
                 {"false", 1, "off"}, {"no", 1, "off"}, {"off", 2, "off"}, {"0", 1, "off"}};
    size_t len = strlen(value);
    for (size_t i = 0; i < WR_COUNT(words); i++)
        if (len >= words[i].min && len <= strlen(words[i].word) && !wr_ncasecmp(value, words[i].word, len)) {
            wr_buf_puts(shown, words[i].shown);
            return true;
        }
    return wr_fail(err, ERR_INVALID_PARAMETER, "parameter \"%s\" requires a Boolean value", row->name);
}

/* The next of a comma separated list; a backslash takes a comma along. Empty at the end. */
static const char *next_word(const char *at, struct wr_buf *word)
{
    word->len = 0;
    for (; *at && *at != ','; at++) {
        at += *at == '\\';
        wr_buf_byte(word, (uint8_t)*at);
    }
    wr_buf_cstr(word);
    return *at ? at + 1 : at;
}

static bool enum_fails(const struct setting_row *row, const char *value, struct wr_error *err)
{
    struct wr_buf word = WR_BUF_INIT, list = WR_BUF_INIT;
    for (const char *at = row->allowed; *at;) {
        at = next_word(at, &word);
        if (!strchr(word.data, '='))
            wr_buf_printf(&list, "%s%s", list.len ? ", " : "", word.data);
    }
    invalid(row, value, err);
    wr_fail_hint(err, "Available values: %.300s.", wr_buf_cstr(&list));
    wr_buf_free(&word);
    wr_buf_free(&list);
    return false;
}

static bool read_enum(const struct setting_row *row, const char *value, struct wr_buf *shown, struct wr_error *err)
{
    struct wr_buf word = WR_BUF_INIT;
    bool found = false;
    for (const char *at = row->allowed; *at && !found;) {
        at = next_word(at, &word);
        char *spelt = strchr(word.data, '=');
        if (spelt)
            *spelt++ = '\0';
        found = !wr_casecmp(word.data, value);
        if (found)
            wr_buf_puts(shown, spelt ? spelt : word.data);
    }
    wr_buf_free(&word);
    return found || enum_fails(row, value, err);
}

static bool read_int(const struct setting_row *row, const char *value, struct wr_buf *shown, struct wr_error *err)
{
    const char *end;
    double number = rint(wr_double_prefix(value, &end));
    while (wr_is_space(*end))
        end++;
    if (end == value || *end)
        return invalid(row, value, err);
    if (!(number >= row->min && number <= row->max))
        return wr_fail(err, ERR_INVALID_PARAMETER, "%.0f is outside the valid range for parameter \"%s\" (%d .. %d)",
                       number, row->name, row->min, row->max);
    wr_buf_printf(shown, "%.0f", number);
    return true;
}

static const struct {
    const char *unit;
    double ms;
} units[] = {{"us", 1e-3}, {"ms", 1}, {"s", 1e3}, {"min", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};

/* As PostgreSQL: in the largest unit that is exact. */
static void show_ms(int64_t ms, struct wr_buf *shown)
{
    size_t u = WR_COUNT(units) - 1;
    while (ms && u > 1 && ms % (int64_t)units[u].ms)
        u--;
    if (ms)
        wr_buf_printf(shown, "%lld%s", (long long)(ms / (int64_t)units[u].ms), units[u].unit);
    else
        wr_buf_puts(shown, "0");
}

static bool read_ms(const struct setting_row *row, const char *value, int64_t *ms, struct wr_error *err)
{
    const char *unit;
    double number = wr_double_prefix(value, &unit), factor = 0;
    bool digits = unit != value;
    while (wr_is_space(*unit))
        unit++;
    size_t len = strcspn(unit, " \t\r\n");
    for (size_t u = 0; u < WR_COUNT(units); u++)
        if (strlen(units[u].unit) == len && !strncmp(unit, units[u].unit, len))
            factor = units[u].ms;
    if (!len)
        factor = 1;
    if (!digits || !factor || unit[len + strspn(unit + len, " \t\r\n")]) {
        invalid(row, value, err);
        return digits &&
               wr_fail_hint(err,
                            "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".");
    }
    double rounded = rint(number * factor);
    if (!(rounded >= 0 && rounded <= INT32_MAX))
        return wr_fail(err, ERR_INVALID_PARAMETER, "%.0f ms is outside the valid range for parameter \"%s\" (0 .. %d)",
                       rounded, row->name, INT32_MAX);
    *ms = (int64_t)rounded;
    return true;
}

int64_t wr_setting_ms(struct weir_session *session, const char *name)
{
    int at = find(name);
    int64_t ms = 0;
    struct wr_error ignored;
    return read_ms(&rows[at], value_at(session, (size_t)at), &ms, &ignored) ? ms : 0;
}

static bool read_value(const struct setting_row *row, const char *value, struct wr_buf *shown, struct wr_error *err)
{
    int64_t ms;
    switch (row->kind) {
    case SETTING_BOOL:
        return read_bool(row, value, shown, err);
    case SETTING_ENUM:
        return read_enum(row, value, shown, err);
    case SETTING_INT:
        return read_int(row, value, shown, err);
    case SETTING_MS:
        TRY(read_ms(row, value, &ms, err));
        show_ms(ms, shown);
        return true;
    default:
        wr_buf_puts(shown, value);
        return true;
    }
}

/* What is not a matter of form. */
static bool check_meaning(struct weir_session *session, const struct setting_row *row, const char *value,
                          struct wr_error *err)
{
    if (!strcmp(row->name, "TimeZone") && !wr_timezone_find(value))
        return invalid(row, value, err);
    if (strstr(row->name, "transaction_isolation") && !strcmp(value, "serializable")) {
        wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "isolation level serializable is not supported yet");
        return wr_fail_hint(err, "Transactions have snapshot isolation: REPEATABLE READ.");
    }
    if (!session->snapshot)
        return true;
    if (!strcmp(row->name, "transaction_isolation") && strcmp(value, wr_setting(session, row->name)) != 0)
        return wr_fail(err, ERR_ACTIVE_TRANSACTION, "SET TRANSACTION ISOLATION LEVEL must be called before any query");
    if (!strcmp(row->name, "transaction_read_only") && !strcmp(value, "off") && wr_setting_is_on(session, row->name))
        return wr_fail(err, ERR_ACTIVE_TRANSACTION, "transaction read-write mode must be set before any query");
    return true;
}

/* ---- setting */

static char *copy_of(const char *value)
{
    return value ? wr_strdup(value) : NULL;
}

static void put(struct weir_session *session, size_t at, char *value)
{
    free(session->settings[at].now);
    session->settings[at].now = value;
    if (!strcmp(rows[at].name, "TimeZone"))
        session->io.timezone = wr_timezone_find(value_at(session, at));
}

static void change(struct weir_session *session, size_t at, const char *value, bool local)
{
    struct setting_value *setting = &session->settings[at];
    if (session->state != 'I' && !setting->touched) {
        setting->touched = true;
        setting->if_commit = copy_of(setting->now);
        setting->if_undo = copy_of(setting->now);
    }
    if (session->state != 'I' && !local) {
        free(setting->if_commit);
        setting->if_commit = copy_of(value);
    }
    put(session, at, copy_of(value));
}

bool wr_setting_set(struct weir_session *session, const char *name, const char *value, bool local, struct wr_error *err)
{
    int at = find(name);
    if (at < 0) {
        if (strchr(name, '.'))
            return true; /* PostgreSQL takes any name with a dot */
        return wr_fail(err, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"", name);
    }
    const struct setting_row *row = &rows[at];
    if (row->kind == SETTING_FIXED)
        return wr_fail(err, ERR_CANT_CHANGE_PARAMETER, "parameter \"%s\" cannot be changed", row->name);
    local |= !row->initial; /* those of a transaction end with it */
    if (!value) {
        change(session, (size_t)at, NULL, local);
        return true;
    }
    struct wr_buf shown = WR_BUF_INIT;
    bool ok = read_value(row, value, &shown, err) && check_meaning(session, row, wr_buf_cstr(&shown), err);
    if (ok && (row->initial || session->state != 'I'))
        change(session, (size_t)at, wr_buf_cstr(&shown), local);
    wr_buf_free(&shown);
    return ok;
}

void wr_settings_reset(struct weir_session *session)
{
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        if (rows[i].initial && rows[i].kind != SETTING_FIXED)
            change(session, i, NULL, false);
}

void wr_settings_end_transaction(struct weir_session *session, bool committed)
{
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct setting_value *setting = &session->settings[i];
        if (!setting->touched)
            continue;
        put(session, i, committed ? setting->if_commit : setting->if_undo);
        free(committed ? setting->if_undo : setting->if_commit);
        setting->if_commit = setting->if_undo = NULL;
        setting->touched = false;
    }
}

struct settings_copy {
    struct setting_value values[WR_COUNT(rows)];
};

static struct setting_value copy_value(const struct setting_value *value)
{
    return (struct setting_value){copy_of(value->now), copy_of(value->if_commit), copy_of(value->if_undo),
                                  value->touched};
}

struct settings_copy *wr_settings_copy(struct weir_session *session)
{
    struct settings_copy *copy = wr_calloc(1, sizeof *copy);
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        copy->values[i] = copy_value(&session->settings[i]);
    return copy;
}

void wr_settings_restore(struct weir_session *session, const struct settings_copy *copy)
{
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        struct setting_value *setting = &session->settings[i], was = copy_value(&copy->values[i]);
        free(setting->if_commit);
        free(setting->if_undo);
        setting->if_commit = was.if_commit;
        setting->if_undo = was.if_undo;
        setting->touched = was.touched;
        put(session, i, was.now);
    }
}

void wr_settings_copy_free(struct settings_copy *copy)
{
    for (size_t i = 0; i < WR_COUNT(rows); i++) {
        free(copy->values[i].now);
        free(copy->values[i].if_commit);
        free(copy->values[i].if_undo);
    }
    free(copy);
}
