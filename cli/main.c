/* weir: the binary. A thin shell over include/weir.h, as any host would be. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "cli/cli.h"

/* Read by jemalloc at start. Freed pages go back soon, and few arenas keep little each: the memory limit is about what
 * the process holds, not only about what we count (law L5). */
extern const char *malloc_conf;
__attribute__((visibility("default"))) const char *malloc_conf =
    "background_thread:true,dirty_decay_ms:100,muzzy_decay_ms:0,narenas:4";

static const char usage[] =
    "weir " WEIR_VERSION ", a streaming SQL database\n"
    "\n"
    "usage:\n"
    "  weir run [options] SCRIPT.sql ...   execute scripts, then keep their pipelines running\n"
    "  weir serve [options]                serve the PostgreSQL protocol (psql -h localhost -p 4566 -U root dev)\n"
    "  weir --version | --help\n"
    "\n"
    "options:\n"
    "  --data DIR              where everything is kept (default: weir-data; :memory: keeps nothing)\n"
    "  --listen HOST:PORT      address to serve (default for serve: 127.0.0.1:4566; for run: none)\n"
    "  --memory SIZE           limit, like 512MB or 4GB (default: a quarter of the machine's)\n"
    "  --workers N             threads of the dataflow (default: 1)\n"
    "  --embedded-broker       start a small Kafka broker within the process, for trying things out\n"
    "\n"
    "options of run:\n"
    "  --exit-when-caught-up   stop when all sources have been read and all sinks have delivered\n"
    "  --clickhouse-ddl        print the ClickHouse tables for each sink\n"
    "  --quiet                 no progress, no notices\n";

/* weir --help, weir run --help ... */
static bool asks_for_help(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "help"))
        return true;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    return false;
}

/* Where one of the three is closed, the next file opened would get its number, and what is printed would go into the
 * database. */
static bool have_standard_files(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd >= 0 && !close(fd);
}

int main(int argc, char **argv)
{
    if (!have_standard_files())
        return CLI_FAILED;
    if (!wr_failpoint_init())
        return CLI_USAGE;
    const char *command = argc > 1 ? argv[1] : "";
    if (asks_for_help(argc, argv)) {
        fputs(usage, stdout);
        return 0;
    }
    if (!strcmp(command, "serve"))
        return wr_cli_serve(argc - 2, argv + 2);
    if (!strcmp(command, "run"))
        return wr_cli_run(argc - 2, argv + 2);
    if (!strcmp(command, "--version") || !strcmp(command, "version")) {
        printf("weir %s\n", WEIR_VERSION);
        return 0;
    }
    if (*command)
        fprintf(stderr, "weir: unknown command: %s\n\n", command);
    fputs(usage, stderr);
    return CLI_USAGE;
}
