/* The commands of the weir binary. Inner to cli/. */
#ifndef WEIR_CLI_CLI_H
#define WEIR_CLI_CLI_H

#include <stdatomic.h>

#include "base/error.h"
#include "weir.h"

#define CLI_FAILED      1
#define CLI_USAGE       2
#define CLI_INTERRUPTED 130

struct cli_options {
    const char *data;   /* directory */
    const char *listen; /* "host:port", or NULL */
    int64_t memory_bytes;
    int workers;
    bool exit_when_caught_up;
    bool embedded_broker;
    bool clickhouse_ddl;
    bool quiet;
    char **scripts;
    int n_scripts;
};

/* arguments.c: fills options; false: a message has been printed. */
bool wr_cli_arguments(int argc, char **argv, bool scripts, struct cli_options *options) WR_MUST;
/* "65536", "256MB", "1.5 GB": bytes, units are powers of 1024. */
bool wr_cli_size(const char *text, int64_t *bytes) WR_MUST;

/* serve.c, run.c: exit codes */
int wr_cli_serve(int argc, char **argv);
int wr_cli_run(int argc, char **argv);
struct server;
/* Listens on "host:port"; NULL: a message has been printed. */
/* Before anything is opened: an address that would be refused is reported; false. */
bool wr_cli_may_listen(const char *address);
struct server *wr_cli_serve_start(weir_db *db, const char *address);

/* database.c */
weir_db *wr_cli_open(const struct cli_options *options); /* NULL: a message has been printed */
/* Closes; returns the code, or ends the process with it where a broker's client does not let go. */
int wr_cli_close(weir_db *db, int code);

/* script.c: one file. *stop_asked ends it between statements. False: a message has been printed. */
bool wr_cli_script(weir_session *session, const char *path, const atomic_bool *stop_asked) WR_MUST;
/* Rows of a statement, as the script's author wants to see them, to stdout. */
bool wr_cli_print_rows(weir_result *result, weir_error *error) WR_MUST;

/* report.c */
void wr_cli_report(const weir_error *error);
/* path:line:column, the message, the line with a caret under the place, detail and hint. */
void wr_cli_report_at(const char *path, const char *text, size_t len, const weir_error *error);

/* signals.c: SIGINT, SIGTERM and SIGHUP end the command in order, the second one at once. */
void wr_cli_signals_block(void); /* before any thread is made */
/* A thread waits for them; cancels `session` (may be NULL). */
void wr_cli_signals_watch(weir_session *session);
void wr_cli_signals_forget_session(void);
extern atomic_bool wr_cli_stop_asked;

/* progress.c: one line on the terminal */
struct progress_display;
struct progress_display *wr_cli_progress_new(weir_db *db);
void wr_cli_progress_show(struct progress_display *display, bool caught_up);
void wr_cli_progress_free(struct progress_display *display); /* leaves the line standing */
/* "1.2 GB" */
const char *wr_cli_format_bytes(int64_t bytes, char *buf, size_t size);

#endif
