#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

static void log_line(void *context, const char *line)
{
    const bool *on_terminal = context;
    fprintf(stderr, "%s%s\n", *on_terminal ? "\r\033[K" : "", line); /* over the progress line */
}

static bool stderr_is_terminal;

weir_db *wr_cli_open(const struct cli_options *options)
{
    weir_error error = {.sqlstate = ""};
    weir_db *db;
    weir_options open = {.struct_size = sizeof open,
                         .memory_bytes = options->memory_bytes,
                         .workers = options->workers,
                         .embedded_broker = options->embedded_broker};
    if (weir_open(options->data, &open, &db, &error) == WEIR_ERROR) {
        wr_cli_report(&error);
        return NULL;
    }
    stderr_is_terminal = isatty(STDERR_FILENO) == 1;
    weir_on_log(db, log_line, &stderr_is_terminal);
    if (options->embedded_broker)
        fprintf(stderr, "embedded Kafka broker: %s\n", weir_embedded_broker(db));
    return db;
}

int wr_cli_close(weir_db *db, int code)
{
    if (weir_close(db) == WEIR_OK)
        return code;
    fflush(NULL);
    _exit(code);
}
