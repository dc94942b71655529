/* The library in a host that has called setlocale(): German writes 1,5 for 1.5, and Turkish has another lower case of
 * I. Neither may change what statements and numbers mean. Skipped where these locales cannot be made (localedef). */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/check.h"
#include "weir.h"

#define SKIPPED 77

static const char *const statements[] = {
    "CREATE TABLE T (ID int PRIMARY KEY, F double precision, N numeric, J jsonb, TS timestamptz)",
    "INSERT INTO t VALUES (1, 1.5, 1.5, '{\"I\": 1.5}', '2024-JUL-15 10:00 Asia/Istanbul')",
    "INSERT INTO t VALUES (2, 'INFINITY', 'NAN', '{}', 'INFINITY')",
    "CREATE MATERIALIZED VIEW V AS SELECT SUM(N) AS S, MIN(F) AS LEAST_F, count(*) AS C FROM t WHERE ID <> 2",
    "CREATE SINK IS_HERE FROM V WITH (CONNECTOR = 'blackhole')",
    "EXPLAIN SELECT * FROM t LIMIT 1",
    "SET statement_timeout TO '1.5s'",
    "SET TIMEZONE TO 'ASIA/ISTANBUL'",
    "FLUSH",
};

static void check_row(weir_session *session, const char *sql, const char *text, double value)
{
    weir_error error = {.message = ""};
    weir_result *result = NULL;
    bool row = weir_query(session, sql, &result, &error) == WEIR_OK && weir_result_next(result, &error) == WEIR_ROW;
    CHECK_STR(error.message, "");
    CHECK_STR(row ? weir_result_text(result, 0, NULL) : "no row", text);
    CHECK(row && weir_result_double(result, 0) == value);
    weir_result_free(result);
}

static void append(weir_session *session)
{
    weir_error error = {.message = ""};
    weir_appender *appender;
    CHECK(weir_appender_open(session, "t", &appender, &error) == WEIR_OK);
    weir_append_int64(appender, 3);
    weir_append_double(appender, 0.1);
    weir_append_double(appender, 9.99);
    weir_append_null(appender);
    weir_append_null(appender);
    CHECK(weir_append_row(appender, &error) == WEIR_OK && weir_appender_flush(appender, &error) == WEIR_OK);
    CHECK_STR(error.message, "");
    weir_appender_close(appender);
}

static void use(void)
{
    weir_error error = {.message = ""};
    weir_db *db;
    weir_session *session;
    CHECK(weir_open(NULL, NULL, &db, &error) == WEIR_OK && weir_session_open(db, &session, &error) == WEIR_OK);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        weir_exec(session, statements[i], &error);
        CHECK_STR(error.message, "");
    }
    append(session);
    check_row(session, "SELECT s FROM v", "11.49", 11.49);
    check_row(session, "SELECT least_f FROM v", "0.1", 0.1);
    check_row(session, "SELECT (j->>'I')::float8 * 2 FROM t WHERE id = 1", "3", 3);
    check_row(session, "SELECT '-2.5xyz'", "-2.5xyz", -2.5);
    CHECK_STR(weir_session_setting(session, "statement_timeout"), "1500ms");
    weir_session_close(session);
    weir_close(db);
}

/* Debian has no locales but C's unless they are asked for. */
static bool enter(const char *dir, const char *name)
{
    char command[256];
    snprintf(command, sizeof command, "localedef -i %s -f UTF-8 %s/%s.UTF-8 >/dev/null 2>&1", name, dir, name);
    char locale[64];
    snprintf(locale, sizeof locale, "%s.UTF-8", name);
    return system(command) == 0 && setlocale(LC_ALL, locale) != NULL;
}

int main(void)
{
    static const char *const names[] = {"de_DE", "tr_TR"};
    char dir[] = "/tmp/weir-locale.XXXXXX", command[64];
    if (!mkdtemp(dir))
        return SKIPPED;
    setenv("LOCPATH", dir, 1);
    int entered = 0;
    use();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (enter(dir, names[i])) {
            entered++;
            use();
        }
    snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK(system(command) == 0);
    int failed = check_report("locale_test");
    return failed ? failed : entered ? 0 : SKIPPED;
}
