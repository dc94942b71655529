/* The library from many threads at once: writers, an appender, subscribers that must end up with what the view holds,
 * DDL under them, and cancels at any moment. What sanitizers have to say about it is half of the test.
 *
 * usage: api_test [SECONDS [WORKERS]] */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/check.h"
#include "weir.h"

#define GROUPS 8

static weir_db *db;
static atomic_bool stop;
static atomic_int unexpected;

/* What concurrent sessions may meet. */
static bool allowed(const weir_error *error)
{
    static const char *const states[] = {"40001", "23505", "57014", "42P01", "42P07",
                                         "2BP01", "55000", "55P03", "25P02"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (!strcmp(error->sqlstate, states[i]))
            return true;
    fprintf(stderr, "unexpected: %s: %s\n", error->sqlstate, error->message);
    atomic_fetch_add(&unexpected, 1);
    return false;
}

static weir_session *open_session(void)
{
    weir_session *session;
    weir_error error;
    if (weir_session_open(db, &session, &error) == WEIR_OK)
        return session;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

static void run(weir_session *session, const char *sql)
{
    weir_error error;
    if (weir_exec(session, sql, &error) == WEIR_ERROR && !allowed(&error))
        fprintf(stderr, "  in %s\n", sql);
}

/* The sessions that may be cancelled. */
static weir_session *victims[3];
static pthread_mutex_t victims_lock = PTHREAD_MUTEX_INITIALIZER;

static void *writer(void *argument)
{
    int which = *(int *)argument;
    unsigned seed = (unsigned)which + 1;
    weir_session *session = open_session();
    pthread_mutex_lock(&victims_lock);
    victims[which] = session;
    pthread_mutex_unlock(&victims_lock);
    char sql[256];
    while (!atomic_load(&stop)) {
        int id = rand_r(&seed) % 300, kind = rand_r(&seed) % 5;
        if (kind < 2)
            snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, %d, 'v%d')", id, id % GROUPS, id);
        else if (kind == 2)
            snprintf(sql, sizeof sql, "UPDATE t SET grp = (grp + 1) %% %d WHERE id < %d", GROUPS, id / 10);
        else if (kind == 3)
            snprintf(sql, sizeof sql, "DELETE FROM t WHERE id = %d", id);
        else
            snprintf(sql, sizeof sql, "BEGIN; DELETE FROM t WHERE id = %d; SELECT count(*) FROM g; %s", id,
                     id % 2 ? "COMMIT" : "ROLLBACK");
        run(session, sql);
        if (weir_session_state(session) != 'I')
            run(session, "ROLLBACK");
    }
    pthread_mutex_lock(&victims_lock);
    victims[which] = NULL;
    pthread_mutex_unlock(&victims_lock);
    weir_session_close(session);
    return NULL;
}

static void *appender(void *argument)
{
    (void)argument;
    weir_session *session = open_session();
    weir_error error;
    weir_appender *rows;
    if (weir_appender_open(session, "t", &rows, &error) != WEIR_OK) {
        allowed(&error);
        return NULL;
    }
    for (int64_t id = 1000; !atomic_load(&stop); id += 50) {
        for (int64_t i = 0; i < 50; i++) {
            weir_append_int64(rows, id + i);
            weir_append_int64(rows, i % GROUPS);
            weir_append_text(rows, "appended", 8);
            if (weir_append_row(rows, &error) == WEIR_ERROR)
                allowed(&error);
        }
        if (weir_appender_flush(rows, &error) == WEIR_ERROR)
            allowed(&error);
    }
    weir_appender_close(rows);
    weir_session_close(session);
    return NULL;
}

/* Folds the changes of the view into groups; at the end they are the view. */
struct folded {
    int64_t n[GROUPS];
    weir_subscription *subscription;
    weir_session *session;
};

static bool fold(struct folded *folded, int timeout_ms)
{
    weir_error error;
    int64_t weight;
    uint64_t commit;
    weir_code code = weir_subscription_next(folded->subscription, timeout_ms, &weight, &commit, &error);
    if (code == WEIR_ERROR)
        allowed(&error);
    if (code != WEIR_ROW)
        return false;
    size_t len;
    const char *group = weir_subscription_text(folded->subscription, 0, &len);
    const char *n = weir_subscription_text(folded->subscription, 1, &len);
    folded->n[atoi(group)] += weight * atoll(n);
    return true;
}

static void *subscriber(void *argument)
{
    struct folded *folded = argument;
    weir_error error;
    folded->session = open_session();
    if (weir_subscribe(folded->session, "g", true, &folded->subscription, &error) != WEIR_OK) {
        allowed(&error);
        return NULL;
    }
    while (!atomic_load(&stop))
        fold(folded, 20);
    return NULL;
}

/* Views and tables that come and go, under subscriptions that begin and end. */
static void *definer(void *argument)
{
    (void)argument;
    weir_session *session = open_session();
    weir_error error;
    for (int round = 0; !atomic_load(&stop); round++) {
        run(session, "CREATE MATERIALIZED VIEW w AS SELECT a.grp, count(*) AS n FROM t a JOIN t b ON a.grp = b.grp AND "
                     "b.id < 50 GROUP BY a.grp");
        weir_subscription *subscription = NULL;
        if (weir_subscribe(session, "w", round % 2, &subscription, &error) != WEIR_OK)
            allowed(&error);
        int64_t weight;
        uint64_t commit;
        for (int i = 0; subscription && i < 5; i++)
            if (weir_subscription_next(subscription, 5, &weight, &commit, &error) == WEIR_ERROR)
                allowed(&error);
        if (round % 3 == 0)
            run(session, "DROP MATERIALIZED VIEW w"); /* while it is read */
        if (subscription && weir_subscription_next(subscription, 5, &weight, &commit, &error) == WEIR_ERROR)
            allowed(&error);
        weir_subscription_close(subscription);
        run(session, "DROP MATERIALIZED VIEW IF EXISTS w");
        weir_result *result;
        if (weir_query(session, "SELECT a.id, b.id FROM t a, t b", &result, &error) == WEIR_OK) {
            for (int i = 0; i < 10 && weir_result_next(result, &error) == WEIR_ROW; i++)
                ;
            weir_result_free(result); /* early */
        } else {
            allowed(&error);
        }
    }
    weir_session_close(session);
    return NULL;
}

static void *canceller(void *argument)
{
    (void)argument;
    unsigned seed = 9;
    while (!atomic_load(&stop)) {
        nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
        pthread_mutex_lock(&victims_lock);
        weir_session *victim = victims[rand_r(&seed) % 3];
        if (victim)
            weir_session_cancel(victim);
        pthread_mutex_unlock(&victims_lock);
        weir_progress progress;
        weir_get_progress(db, &progress);
    }
    return NULL;
}

static void compare(struct folded *folded)
{
    int64_t want[GROUPS] = {0};
    weir_error error;
    weir_result *result;
    while (fold(folded, 500)) /* until nothing more comes */
        ;
    CHECK(weir_query(folded->session, "SELECT grp, n FROM g", &result, &error) == WEIR_OK);
    while (weir_result_next(result, &error) == WEIR_ROW)
        want[weir_result_int64(result, 0)] = weir_result_int64(result, 1);
    weir_result_free(result);
    for (int i = 0; i < GROUPS; i++)
        CHECK_INT(folded->n[i], want[i]);
    weir_subscription_close(folded->subscription);
    weir_session_close(folded->session);
}

static void storm(double seconds, int workers)
{
    weir_error error;
    weir_options options = {.struct_size = sizeof options, .memory_bytes = 128 << 20, .workers = workers};
    CHECK(weir_open(NULL, &options, &db, &error) == WEIR_OK);
    weir_session *session = open_session();
    run(session, "CREATE TABLE t (id bigint PRIMARY KEY, grp bigint, v text);"
                 "CREATE MATERIALIZED VIEW g AS SELECT grp, count(*) AS n FROM t GROUP BY grp");
    static int numbers[3] = {0, 1, 2};
    static struct folded folded[2];
    memset(folded, 0, sizeof folded);
    atomic_store(&stop, false);
    pthread_t threads[8];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, writer, &numbers[i]);
    pthread_create(&threads[3], NULL, appender, NULL);
    pthread_create(&threads[4], NULL, subscriber, &folded[0]);
    pthread_create(&threads[5], NULL, subscriber, &folded[1]);
    pthread_create(&threads[6], NULL, definer, NULL);
    pthread_create(&threads[7], NULL, canceller, NULL);
    nanosleep(&(struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (time_t)seconds) * 1e9)},
              NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    compare(&folded[0]);
    compare(&folded[1]);
    weir_session_close(session);
    weir_close(db);
    CHECK_INT(atomic_load(&unexpected), 0);
}

#define SLOW "SELECT count(*) FROM n AS a, n AS b, n AS c"

/* statement_timeout is the library's: each statement has its own time, and only that spent in calls counts. */
static void timeouts(void)
{
    weir_error error = {.sqlstate = ""};
    CHECK(weir_open(NULL, NULL, &db, &error) == WEIR_OK);
    weir_session *session = open_session();
    run(session, "CREATE TABLE n (k int PRIMARY KEY)");
    weir_appender *appender;
    CHECK(weir_appender_open(session, "n", &appender, &error) == WEIR_OK);
    for (int i = 0; i < 3000; i++) {
        weir_append_int64(appender, i);
        CHECK(weir_append_row(appender, &error) == WEIR_OK);
    }
    CHECK(weir_appender_flush(appender, &error) == WEIR_OK);
    weir_appender_close(appender);
    run(session, "SET statement_timeout = '30ms'");
    static const char *const slow[] = {SLOW, "DELETE FROM n WHERE k IN (SELECT a.k FROM n AS a, n AS b, n AS c)",
                                       "CREATE MATERIALIZED VIEW v AS " SLOW,
                                       "BEGIN; CREATE MATERIALIZED VIEW v AS " SLOW "; COMMIT"};
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        CHECK(weir_exec(session, slow[i], &error) == WEIR_ERROR);
        CHECK_STR(error.sqlstate, "57014");
        CHECK_STR(error.message, "canceling statement due to statement timeout");
        CHECK_INT(weir_session_state(session), 'I');
    }
    weir_result *result;
    CHECK(weir_query(session, "SELECT a.k FROM n AS a JOIN n AS b ON a.k = b.k", &result, &error) == WEIR_OK);
    nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
    int rows = 0;
    while (weir_result_next(result, &error) == WEIR_ROW)
        rows++;
    CHECK_INT(rows, 3000);
    weir_result_free(result);
    run(session, "RESET statement_timeout");
    CHECK(weir_exec(session, "SELECT 1 / 0", &error) == WEIR_ERROR);
    CHECK_STR(error.sqlstate, "22012");
    weir_session_close(session);
    weir_close(db);
}

static void fails(weir_session *session, const char *sql, const char *sqlstate, int position)
{
    weir_error error = {.sqlstate = ""};
    CHECK(weir_exec(session, sql, &error) == WEIR_ERROR);
    CHECK_STR(error.sqlstate, sqlstate);
    CHECK_INT(error.position, position);
}

/* What the header promises about results, transactions and mistakes. */
static void promises(void)
{
    weir_error error = {.sqlstate = ""};
    CHECK_STR(weir_version(), WEIR_VERSION);
    CHECK(weir_open(":memory:", NULL, &db, &error) == WEIR_OK);
    weir_session *session = open_session(), *other = open_session();
    run(session, "CREATE TABLE t (k int PRIMARY KEY, v text DEFAULT 'd'); INSERT INTO t VALUES (1), (2), (3)");

    weir_result *first = NULL, *second = NULL;
    CHECK(weir_query(session, "SELECT k FROM t ORDER BY k", &first, &error) == WEIR_OK);
    CHECK(weir_result_next(first, &error) == WEIR_ROW && weir_result_int64(first, 0) == 1);
    CHECK(weir_query(session, "SELECT 7", &second, &error) == WEIR_OK);
    while (weir_result_next(first, &error) == WEIR_ROW)
        ; /* what was here already may be read */
    CHECK_STR(error.sqlstate, "24000");
    CHECK(weir_result_next(second, &error) == WEIR_ROW && weir_result_int64(second, 0) == 7);
    weir_result_free(first);
    weir_result_free(second);

    CHECK(weir_query(session, "SELECT 1; SELECT 2", &first, &error) == WEIR_ERROR && !first);
    CHECK_STR(error.sqlstate, "42601");
    CHECK(weir_query(session, " -- nothing", &first, &error) == WEIR_DONE && !first);
    fails(session, "SELECT 1; -- \303\274\nSELECT nope", "42703", 23);
    fails(session, "COPY t FROM STDIN", "08P01", 0);

    weir_appender *appender;
    run(session, "BEGIN; CREATE TABLE own (a int)");
    CHECK(weir_appender_open(session, "own", &appender, &error) == WEIR_OK);
    weir_append_int64(appender, 5);
    CHECK(weir_append_row(appender, &error) == WEIR_OK && weir_appender_flush(appender, &error) == WEIR_OK);
    fails(other, "SELECT * FROM own", "42P01", 15);
    run(session, "COMMIT");
    CHECK(weir_query(other, "SELECT a FROM own", &first, &error) == WEIR_OK);
    CHECK(weir_result_next(first, &error) == WEIR_ROW && weir_result_int64(first, 0) == 5);
    weir_result_free(first);
    weir_appender_close(appender);
    CHECK(weir_appender_open(session, "t", &appender, &error) == WEIR_OK);
    run(session, "BEGIN");
    weir_append_int64(appender, 1);
    weir_append_null(appender);
    CHECK(weir_append_row(appender, &error) == WEIR_OK && weir_appender_flush(appender, &error) == WEIR_ERROR);
    CHECK_STR(error.sqlstate, "23505");
    CHECK_INT(weir_session_state(session), 'E');
    run(session, "ROLLBACK");
    weir_appender_close(appender);

    weir_subscription *subscription;
    int64_t weight;
    uint64_t commit;
    CHECK(weir_subscribe(session, "own", true, &subscription, &error) == WEIR_OK);
    run(other, "INSERT INTO own VALUES (6); DROP TABLE own");
    int64_t sum = 0;
    while (weir_subscription_next(subscription, -1, &weight, &commit, &error) == WEIR_ROW)
        sum += weight * strtoll(weir_subscription_text(subscription, 0, NULL), NULL, 10);
    CHECK_INT(sum, 11);
    CHECK_STR(error.sqlstate, "42P01");
    weir_subscription_close(subscription);
    weir_session_close(session);
    weir_session_close(other);
    weir_close(db);
}

static weir_result *query(weir_session *session, const char *sql)
{
    weir_result *result = NULL;
    weir_error error = {.sqlstate = ""};
    CHECK(weir_query(session, sql, &result, &error) == WEIR_OK);
    CHECK_STR(error.sqlstate, "");
    return result;
}

static void check_copy(weir_session *session)
{
    weir_result *result = query(session, "COPY (SELECT k, s FROM c ORDER BY k) TO STDOUT (FORMAT csv, HEADER)");
    const char *bytes;
    size_t len;
    int columns;
    CHECK(!weir_result_copy_binary(result, &columns) && columns == 2);
    static const char *const want[] = {"k,s\n", "1,one\n", "2,\"t,wo\"\n", "3,\n"};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        CHECK(weir_copy_read(result, &bytes, &len, NULL) == WEIR_ROW);
        CHECK(len == strlen(want[i]) && !memcmp(bytes, want[i], len));
    }
    CHECK(weir_copy_read(result, &bytes, &len, NULL) == WEIR_DONE);
    CHECK(weir_copy_read(result, &bytes, &len, NULL) == WEIR_DONE);
    CHECK_STR(weir_result_tag(result), "COPY 3");
    weir_result_free(result);
    result = query(session, "SELECT 1");
    CHECK(weir_copy_read(result, &bytes, &len, NULL) == WEIR_ERROR);
    weir_result_free(result);
}

static void check_returning(weir_session *session)
{
    weir_result *result = query(session, "UPDATE c SET s = s || '!' WHERE k = 1 RETURNING s, k + 1 AS next");
    int number;
    CHECK(weir_result_column_relation(result, 0, &number) && number == 2);
    CHECK(!weir_result_column_relation(result, 1, &number) && number == 0);
    CHECK(weir_result_next(result, NULL) == WEIR_ROW);
    CHECK_STR(weir_result_text(result, 0, NULL), "one!");
    CHECK_INT(weir_result_int64(result, 1), 2);
    CHECK(weir_result_next(result, NULL) == WEIR_DONE);
    CHECK_STR(weir_result_tag(result), "UPDATE 1");
    weir_result_free(result);
}

static void check_cursor(weir_session *session)
{
    run(session, "BEGIN; DECLARE x CURSOR FOR SELECT k FROM c ORDER BY k");
    CHECK(weir_cursor(session, "x") && weir_result_columns(weir_cursor(session, "x")) == 1);
    CHECK(!weir_cursor(session, "y"));
    weir_result *first = query(session, "FETCH ALL FROM x");
    CHECK(weir_result_next(first, NULL) == WEIR_ROW);
    weir_result *second = query(session, "FETCH 1 FROM x");
    weir_error error = {.sqlstate = ""};
    while (weir_result_next(first, &error) == WEIR_ROW)
        ; /* what was here already may be read */
    CHECK_STR(error.sqlstate, "24000");
    weir_result_free(second);
    run(session, "ROLLBACK");
    weir_result_free(first);
    CHECK(!weir_cursor(session, "x"));
    run(session, "DECLARE held CURSOR WITH HOLD FOR SELECT * FROM c");
}

/* COPY TO, RETURNING and cursors as a program sees them. */
static void rows(void)
{
    weir_error error;
    CHECK(weir_open(":memory:", NULL, &db, &error) == WEIR_OK);
    weir_session *session = open_session();
    run(session, "CREATE TABLE c (k int PRIMARY KEY, s text); INSERT INTO c VALUES (1, 'one'), (2, 't,wo'), (3, NULL)");
    check_copy(session);
    check_returning(session);
    check_cursor(session);
    weir_session_close(session);
    weir_close(db);
}

int main(int argc, char **argv)
{
    promises();
    rows();
    timeouts();
    double seconds = argc > 1 ? atof(argv[1]) : 1.5;
    storm(seconds, argc > 2 ? atoi(argv[2]) : 1);
    if (argc <= 2)
        storm(seconds, 4);
    return check_report("api");
}
