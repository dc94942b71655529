/* Large files go bit by bit, and what a life left of them goes in the next. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/store.h"
#include "tests/check.h"

#define ROW_BYTES (100 << 10)
#define ROWS      160

static char test_dir[256];
static struct wr_budget budget;

static struct store *open_store(void)
{
    struct wr_error err = WR_ERROR_INIT;
    wr_budget_init(&budget, 64 << 20);
    struct store *store = wr_store_open(&(struct store_options){.dir = test_dir, .budget = &budget}, &err);
    if (!store)
        fprintf(stderr, "%s\n", err.message);
    return store;
}

static int64_t bytes_in(const char *folder, const char *suffix)
{
    char path[800];
    snprintf(path, sizeof path, "%s%s", test_dir, folder);
    int64_t bytes = 0;
    DIR *list = opendir(path);
    for (struct dirent *item; list && (item = readdir(list));) {
        struct stat stat_of;
        snprintf(path, sizeof path, "%s%s/%s", test_dir, folder, item->d_name);
        if (item->d_name[0] != '.' && strstr(item->d_name, suffix) && !stat(path, &stat_of))
            bytes += stat_of.st_size;
    }
    if (list)
        closedir(list);
    return bytes;
}

/* More than a commit keeps in RAM: it becomes a file. */
static struct trace *add_rows(struct store *store)
{
    struct trace *trace = wr_trace_open(store, 1, TRACE_APPEND);
    struct commit *commit = wr_commit_begin(store);
    struct wr_error err = WR_ERROR_INIT;
    char *row = wr_malloc(ROW_BYTES), key[16];
    for (int i = 0; i < ROWS; i++) {
        for (size_t b = 0; b < ROW_BYTES; b++)
            row[b] = (char)(rand() >> 8);
        int len = snprintf(key, sizeof key, "%08d", i);
        struct run_builder *builder = wr_run_builder_new(trace, 1, ROW_BYTES);
        wr_run_builder_add(builder, &(struct entry){key, row, (uint32_t)len, (uint32_t)len, ROW_BYTES, 1});
        CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
    }
    free(row);
    CHECK(wr_commit_lighten(commit, &err));
    CHECK(wr_store_wait(store, wr_commit_submit(commit, NULL, NULL), &err));
    return trace;
}

static bool soon(int64_t (*left)(void))
{
    for (int i = 0; i < 1000 && left(); i++)
        usleep(10000);
    return !left();
}

static int64_t left_in_deleted(void)
{
    return bytes_in("/deleted", "");
}

static void test_drop(void)
{
    struct store *store = open_store();
    struct trace *trace = add_rows(store);
    struct wr_error err = WR_ERROR_INIT;
    CHECK(bytes_in("", ".sst") > ROWS * ROW_BYTES * 9ll / 10);
    CHECK_INT(bytes_in("/deleted", ""), 0);
    struct commit *commit = wr_commit_begin(store);
    wr_commit_drop_trace(commit, trace);
    CHECK(wr_store_wait(store, wr_commit_submit(commit, NULL, NULL), &err));
    wr_store_settle(store);
    CHECK(bytes_in("", ".sst") < ROW_BYTES); /* the store has none of it any more */
    CHECK(soon(left_in_deleted));
    wr_store_close(store);
}

static void make_file(const char *folder, const char *name)
{
    char path[800];
    snprintf(path, sizeof path, "%s%s/%s", test_dir, folder, name);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 10 << 10; i++)
        fprintf(file, "%1023d\n", i);
    fclose(file);
}

/* A file that has another name belongs to somebody. */
static void test_left_over(void)
{
    make_file("/deleted", "000001.sst");
    make_file("", "kept");
    char from[800], to[800];
    snprintf(from, sizeof from, "%s/kept", test_dir);
    snprintf(to, sizeof to, "%s/deleted/000002.sst", test_dir);
    CHECK(!link(from, to));
    struct store *store = open_store();
    CHECK(soon(left_in_deleted));
    CHECK_INT(bytes_in("", "kept"), 10 << 20);
    wr_store_close(store);
    make_file("/deleted", "000003.sst");
    wr_store_close(open_store());
    CHECK_INT(bytes_in("/deleted", ""), 0);
    CHECK_INT(bytes_in("", "kept"), 10 << 20);
}

int main(void)
{
    snprintf(test_dir, sizeof test_dir, "/tmp/weir_deleted_%d", (int)getpid());
    test_drop();
    test_left_over();
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", test_dir);
    if (system(command))
        fprintf(stderr, "could not remove %s\n", test_dir);
    return check_report("deleted files");
}
