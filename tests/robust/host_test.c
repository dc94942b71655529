/* What hosts do around a database: open its directory again under other names, go to another directory, fork. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"
#include "weir.h"

static weir_db *db;
static weir_session *session;

static void run(const char *sql)
{
    weir_error error = {.message = ""};
    weir_exec(session, sql, &error);
    CHECK_STR(error.message, "");
}

static void check_value(const char *sql, const char *want)
{
    weir_error error = {.message = ""};
    weir_result *result = NULL;
    bool row = weir_query(session, sql, &result, &error) == WEIR_OK && weir_result_next(result, &error) == WEIR_ROW;
    CHECK_STR(row ? weir_result_text(result, 0, NULL) : error.message, want);
    weir_result_free(result);
}

static void start(const char *dir)
{
    weir_error error = {.message = ""};
    weir_options options = {.struct_size = sizeof options, .memory_bytes = 64 << 20};
    CHECK(weir_open(dir, &options, &db, &error) == WEIR_OK);
    CHECK_STR(error.message, "");
    CHECK(weir_session_open(db, &session, &error) == WEIR_OK);
}

static void stop(void)
{
    weir_session_close(session);
    CHECK(weir_close(db) == WEIR_OK);
}

/* Two databases on one directory would write over each other. */
static void check_in_use(const char *name)
{
    weir_error error = {.message = ""};
    weir_db *other;
    CHECK(weir_open(name, NULL, &other, &error) == WEIR_ERROR && !other);
    CHECK_STR(error.sqlstate, "55006");
}

static void check_names(const char *dir)
{
    char absolute[128];
    snprintf(absolute, sizeof absolute, "%s/data", dir);
    CHECK(symlink("data", "link") == 0);
    const char *const names[] = {"data", "./data", "data/", "link", "../../proc/self/cwd/data", absolute};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_in_use(names[i]);
}

static void check_fork(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(weir_close(db) == WEIR_OK ? 0 : 1);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    run("INSERT INTO t VALUES (-1, 'after the fork')");
}

/* More than stays in memory, so that files are written and read back. */
static void check_files(void)
{
    run("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS c, count(DISTINCT s) AS d FROM t");
    for (int i = 0; i < 16; i++) {
        char sql[256];
        snprintf(sql, sizeof sql,
                 "INSERT INTO t SELECT d.id + 10 * e.id + 100 * f.id + 1000 * g.id + 10000 * %d,"
                 " md5((%d + d.id + 10 * e.id + 100 * f.id + 1000 * g.id)::text) || repeat('x', 300)"
                 " FROM digits d, digits e, digits f, digits g",
                 i, i * 10000);
        run(sql);
    }
    run("FLUSH");
    check_value("SELECT c FROM v", "160001");
}

int main(void)
{
    char dir[] = "/tmp/weir-host.XXXXXX", command[64];
    CHECK(mkdtemp(dir) && chdir(dir) == 0);
    start("data");
    run("CREATE TABLE t (id int PRIMARY KEY, s text); CREATE TABLE digits (id int PRIMARY KEY);"
        "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)");
    check_names(dir);
    check_fork();
    CHECK(chdir("/") == 0);
    check_files();
    stop();
    CHECK(chdir(dir) == 0);
    start("link");
    check_value("SELECT d FROM v", "160001");
    check_value("SELECT s FROM t WHERE id = -1", "after the fork");
    stop();
    snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK(chdir("/") == 0 && system(command) == 0);
    return check_report("host_test");
}
