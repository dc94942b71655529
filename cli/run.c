/* weir run: scripts first, then their pipelines until a signal (or until everything has been read and delivered). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "server/server.h"

#define CHECK_MS   20
#define DISPLAY_MS 500

static void notice(void *context, const char *severity, const char *sqlstate, const char *message)
{
    const struct cli_options *options = context;
    (void)sqlstate;
    if (!options->quiet)
        fprintf(stderr, "%s: %s\n", severity, message);
}

static bool run_scripts(weir_session *session, const struct cli_options *options)
{
    for (int i = 0; i < options->n_scripts && !atomic_load(&wr_cli_stop_asked); i++)
        if (!wr_cli_script(session, options->scripts[i], &wr_cli_stop_asked))
            return false;
    return true;
}

/* ---- --clickhouse-ddl */

static bool print_query(weir_session *session, const char *sql)
{
    weir_error error = {.sqlstate = ""};
    weir_result *result = NULL;
    bool ok = weir_query(session, sql, &result, &error) != WEIR_ERROR && wr_cli_print_rows(result, &error);
    if (!ok)
        wr_cli_report(&error);
    weir_result_free(result);
    return ok;
}

static void put_identifier(struct wr_buf *sql, const char *name)
{
    wr_buf_byte(sql, '"');
    for (; *name; name++) {
        if (*name == '"')
            wr_buf_byte(sql, '"');
        wr_buf_byte(sql, (uint8_t)*name);
    }
    wr_buf_byte(sql, '"');
}

/* The names first: a session has one open result at a time. */
static bool sink_names(weir_session *session, struct wr_buf *names)
{
    weir_error error = {.sqlstate = ""};
    weir_result *sinks = NULL;
    weir_code code = weir_query(session, "SHOW SINKS", &sinks, &error);
    while (code != WEIR_ERROR && (code = weir_result_next(sinks, &error)) == WEIR_ROW) {
        size_t len;
        const char *name = weir_result_text(sinks, 0, &len);
        wr_buf_put(names, name, len + 1);
    }
    if (code == WEIR_ERROR)
        wr_cli_report(&error);
    weir_result_free(sinks);
    return code != WEIR_ERROR;
}

static bool print_clickhouse(weir_session *session)
{
    struct wr_buf names = WR_BUF_INIT;
    bool ok = sink_names(session, &names);
    for (size_t at = 0; ok && at < names.len; at += strlen(names.data + at) + 1) {
        struct wr_buf sql = WR_BUF_INIT;
        wr_buf_puts(&sql, "SHOW CREATE SINK ");
        put_identifier(&sql, names.data + at);
        wr_buf_puts(&sql, " FOR CLICKHOUSE");
        ok = print_query(session, wr_buf_cstr(&sql));
        wr_buf_free(&sql);
    }
    wr_buf_free(&names);
    return ok;
}

/* ---- */

/* false: the pipelines cannot go on */
static bool look(weir_db *db, const struct cli_options *options, bool *caught_up, weir_error *error)
{
    *caught_up = options->exit_when_caught_up && weir_caught_up(db, error);
    return !error->sqlstate[0] && weir_check(db, error) == WEIR_OK;
}

/* Until asked to stop, or caught up where that was wished: to be stopped before is not what was asked for. */
static int keep_running(weir_db *db, const struct cli_options *options)
{
    struct progress_display *display = wr_cli_progress_new(db);
    weir_error error = {.sqlstate = ""};
    bool caught_up = false, ok = true;
    for (int ms = 0; ok && !caught_up && !atomic_load(&wr_cli_stop_asked); ms += CHECK_MS) {
        ok = look(db, options, &caught_up, &error);
        if (ok && !options->quiet && (caught_up || ms % DISPLAY_MS == 0))
            wr_cli_progress_show(display, caught_up);
        if (ok && !caught_up)
            usleep(CHECK_MS * 1000);
    }
    wr_cli_progress_free(display);
    if (!ok) {
        wr_cli_report(&error);
        return CLI_FAILED;
    }
    return options->exit_when_caught_up && !caught_up ? CLI_INTERRUPTED : 0;
}

static int run(weir_db *db, const struct cli_options *options)
{
    weir_error error = {.sqlstate = ""};
    weir_session *session = NULL;
    if (weir_session_open(db, &session, &error) == WEIR_ERROR) {
        wr_cli_report(&error);
        return CLI_FAILED;
    }
    weir_session_skip_existing(session, true);
    weir_session_on_notice(session, notice, (void *)options);
    wr_cli_signals_watch(session);
    bool ok = run_scripts(session, options);
    if (ok && options->clickhouse_ddl && !atomic_load(&wr_cli_stop_asked))
        ok = print_clickhouse(session);
    wr_cli_signals_forget_session();
    weir_session_close(session);
    if (atomic_load(&wr_cli_stop_asked))
        return CLI_INTERRUPTED;
    return ok ? keep_running(db, options) : CLI_FAILED;
}

int wr_cli_run(int argc, char **argv)
{
    struct cli_options options = {.data = "weir-data"};
    if (!wr_cli_arguments(argc, argv, true, &options))
        return CLI_USAGE;
    if (!options.n_scripts && !options.listen) {
        fprintf(stderr, "weir: a script is needed (try weir --help)\n");
        return CLI_USAGE;
    }
    if (options.listen && !wr_cli_may_listen(options.listen))
        return CLI_FAILED;
    wr_cli_signals_block();
    weir_db *db = wr_cli_open(&options);
    if (!db)
        return CLI_FAILED;
    struct server *server = options.listen ? wr_cli_serve_start(db, options.listen) : NULL;
    int code = options.listen && !server ? CLI_FAILED : run(db, &options);
    wr_server_stop(server);
    return wr_cli_close(db, code);
}
