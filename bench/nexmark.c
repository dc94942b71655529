/* Nexmark through SQL, with durable state: one query per process, so that memory and CPU are its own.
 *
 *   nexmark DIR QUERY.sql SOURCES.sql EVENTS EVENTS_PER_SECOND WORKERS TSV
 *
 * Prints: query, events, wall s, engine CPU us/event (user + system of all threads, background merges included, less
 * the generators' thread clocks), generator us/event, peak RSS MiB, state MiB on disk. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "weir.h"

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(1);
    }
    static char text[2][65536];
    static int which;
    char *to = text[which++ & 1];
    size_t n = fread(to, 1, sizeof text[0] - 1, file);
    to[n] = '\0';
    fclose(file);
    return to;
}

static void replace(char *text, size_t size, const char *name, const char *value)
{
    char *at;
    while ((at = strstr(text, name))) {
        size_t rest = strlen(at + strlen(name)), len = strlen(value);
        if (strlen(text) + len >= size)
            exit(1);
        memmove(at + len, at + strlen(name), rest + 1);
        memcpy(at, value, len);
    }
}

static void must(weir_code code, const weir_error *error)
{
    if (code != WEIR_ERROR)
        return;
    fprintf(stderr, "nexmark: %s: %s\n%s\n", error->sqlstate, error->message, error->hint);
    exit(1);
}

static double seconds(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static double cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static long long disk_bytes;

static int add_file(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)path;
    (void)ftw;
    if (kind == FTW_F)
        disk_bytes += st->st_size;
    return 0;
}

static double generator_seconds(weir_session *session)
{
    weir_result *result;
    weir_error error = {0};
    must(weir_query(session, "SELECT sum(cpu_us) FROM weir_catalog.sources", &result, &error), &error);
    double us = weir_result_next(result, &error) == WEIR_ROW ? weir_result_double(result, 0) : 0;
    weir_result_free(result);
    return us * 1e-6;
}

int main(int argc, char **argv)
{
    if (argc != 8)
        return 2;
    const char *dir = argv[1];
    double events = atof(argv[4]);
    static char sources[65536], sink[65536];
    snprintf(sources, sizeof sources, "%s", read_file(argv[3]));
    replace(sources, sizeof sources, "${EVENTS}", argv[4]);
    replace(sources, sizeof sources, "${RATE}", argv[5]);
    snprintf(sink, sizeof sink, "CREATE SINK bench AS %s WITH (connector = 'blackhole')", read_file(argv[2]));
    weir_options options = {.struct_size = sizeof options, .workers = atoi(argv[6]), .memory_bytes = 6ll << 30};
    weir_error error = {0};
    weir_db *db;
    weir_session *session;
    must(weir_open(dir, &options, &db, &error), &error);
    must(weir_session_open(db, &session, &error), &error);
    must(weir_exec(session, sources, &error), &error);
    double cpu_before = cpu(), wall = seconds(CLOCK_MONOTONIC);
    must(weir_exec(session, sink, &error), &error);
    while (!weir_caught_up(db, &error)) {
        if (error.sqlstate[0])
            must(WEIR_ERROR, &error);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    must(weir_exec(session, "FLUSH", &error), &error);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    double generator = generator_seconds(session);
    weir_session_close(session);
    weir_close(db);
    double engine = cpu() - cpu_before - generator;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    nftw(dir, add_file, 16, FTW_PHYS);
    const char *slash = strrchr(argv[2], '/');
    char name[32];
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : argv[2]);
    name[strcspn(name, ".")] = '\0';
    const char *format =
        atoi(argv[7]) ? "%s\t%.0f\t%.2f\t%.3f\t%.3f\t%.0f\t%.0f\n" : "%-5s %12.0f %8.2f %12.3f %12.3f %8.0f %8.0f\n";
    printf(format, name, events, wall, engine * 1e6 / events, generator * 1e6 / events, (double)usage.ru_maxrss / 1024,
           (double)disk_bytes / 1048576);
    return 0;
}
