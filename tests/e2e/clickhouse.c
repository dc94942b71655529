/* ClickHouse in this process, driven over a pipe: the other end of the end-to-end tests.
 *
 *   clickhouse LIBCHDB [argument of "clickhouse local" ...]
 *
 * Statements come in ended by a NUL byte; each answer is a line "ok LENGTH" or "error LENGTH" and that many bytes (rows
 * as tab separated values, or the message). The library is opened at run time: it is large, and not everywhere. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct library {
    void **(*connect)(int argc, char **argv);
    void (*close)(void **connection);
    void *(*query)(void *connection, const char *sql, const char *format);
    char *(*rows)(void *result);
    size_t (*length)(void *result);
    const char *(*error)(void *result);
    void (*destroy)(void *result);
};

static bool find(void *handle, const char *name, void *to)
{
    void *symbol = dlsym(handle, name);
    if (!symbol)
        fprintf(stderr, "%s\n", dlerror());
    memcpy(to, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool open_library(const char *path, struct library *library)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        return false;
    }
    return find(handle, "chdb_connect", &library->connect) && find(handle, "chdb_close_conn", &library->close) &&
           find(handle, "chdb_query", &library->query) && find(handle, "chdb_result_buffer", &library->rows) &&
           find(handle, "chdb_result_length", &library->length) && find(handle, "chdb_result_error", &library->error) &&
           find(handle, "chdb_destroy_query_result", &library->destroy);
}

static void answer(const struct library *library, void *connection, const char *sql)
{
    void *result = library->query(connection, sql, "TSV");
    const char *error = library->error(result);
    bool failed = error && *error;
    const char *bytes = failed ? error : library->rows(result);
    size_t len = failed ? strlen(error) : library->length(result);
    printf("%s %zu\n", failed ? "error" : "ok", len);
    if (len)
        fwrite(bytes, 1, len, stdout);
    fflush(stdout);
    library->destroy(result);
}

int main(int argc, char **argv)
{
    struct library library;
    if (argc < 2) {
        fprintf(stderr, "usage: clickhouse LIBCHDB [argument ...]\n");
        return 2;
    }
    if (!open_library(argv[1], &library))
        return 1;
    argv[1] = argv[0];
    void **connection = library.connect(argc - 1, argv + 1);
    if (!connection)
        return 1;
    char *sql = NULL;
    size_t size = 0;
    while (getdelim(&sql, &size, 0, stdin) > 0)
        answer(&library, *connection, sql);
    free(sql);
    library.close(connection);
    return 0;
}
