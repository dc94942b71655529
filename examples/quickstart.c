/* A view kept up to date in a C program: cc quickstart.c -lweir && ./a.out */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir.h>

static void must(weir_code code, const weir_error *error)
{
    if (code == WEIR_ERROR) {
        fprintf(stderr, "%s: %s\n", error->sqlstate, error->message);
        exit(1);
    }
}

static void show(weir_session *session, const char *sql)
{
    weir_result *result;
    weir_error error = {0};
    must(weir_query(session, sql, &result, &error), &error);
    while (weir_result_next(result, &error) == WEIR_ROW)
        for (int c = 0; c < weir_result_columns(result); c++) {
            const char *text = weir_result_text(result, c, NULL);
            printf("%s%c", text ? text : "NULL", c + 1 < weir_result_columns(result) ? '\t' : '\n');
        }
    weir_result_free(result);
}

int main(int argc, char **argv)
{
    weir_db *db;
    weir_session *session;
    weir_error error = {0};
    must(weir_open(argc > 1 ? argv[1] : ":memory:", NULL, &db, &error), &error);
    must(weir_session_open(db, &session, &error), &error);
    must(weir_exec(session,
                   "CREATE TABLE sales (id int PRIMARY KEY, region text, amount numeric);"
                   "CREATE MATERIALIZED VIEW totals AS SELECT region, count(*) AS n, sum(amount) AS total FROM sales "
                   "GROUP BY region;",
                   &error),
         &error);

    weir_appender *appender;
    must(weir_appender_open(session, "sales", &appender, &error), &error);
    const char *regions[] = {"north", "south"};
    for (int i = 0; i < 10; i++) {
        weir_append_int64(appender, i);
        weir_append_text(appender, regions[i % 2], strlen(regions[i % 2]));
        weir_append_double(appender, i * 1.5);
        must(weir_append_row(appender, &error), &error);
    }
    must(weir_appender_flush(appender, &error), &error);
    weir_appender_close(appender);

    show(session, "SELECT * FROM totals ORDER BY region");
    must(weir_exec(session, "DELETE FROM sales WHERE id < 8", &error), &error);
    show(session, "SELECT * FROM totals ORDER BY region");

    weir_session_close(session);
    weir_close(db);
    return 0;
}
