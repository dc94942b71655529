/* RocksDB's log or manifest removed, cut or damaged: never opened as if it had ended there; but a commit that was
 * being written when the machine lost its power may be there in any part. The directory is that of a process that was
 * killed: a copy made while a store has it open. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/store.h"
#include "tests/check.h"

#define COMMITS  57
#define LOGS_MAX 16
#define BIG      (200 << 10)

typedef char path_name[600];

static char base_dir[200], live_dir[256], crashed_dir[256], dir[256];
static struct wr_budget budget;

static void shell(const char *fmt, const char *a, const char *b)
{
    char command[2000];
    snprintf(command, sizeof command, fmt, a, b);
    if (system(command))
        fprintf(stderr, "failed: %s\n", command);
}

static struct store *open_store(const char *where, struct wr_error *err)
{
    *err = (struct wr_error)WR_ERROR_INIT;
    wr_budget_init(&budget, 64 << 20);
    return wr_store_open(&(struct store_options){.dir = where, .budget = &budget, .sync = true}, err);
}

static void add_row(struct commit *commit, struct trace *trace, uint64_t i)
{
    char key[32];
    int len = snprintf(key, sizeof key, "%08llu", (unsigned long long)i);
    struct run_builder *builder = wr_run_builder_new(trace, 1, 64);
    wr_run_builder_add(builder, &(struct entry){key, "x", (uint32_t)len, (uint32_t)len, 1, 1});
    struct wr_error err;
    CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
}

/* Each commit has a row, and enough in the meta family that it is flushed, which begins a new log, before the rows are:
 * several logs are needed. */
static void commit_one(struct store *store, uint64_t i)
{
    struct trace *trace = wr_trace_open(store, 1, TRACE_APPEND);
    char *big = wr_malloc(BIG);
    for (size_t b = 0; b < BIG; b++)
        big[b] = (char)(rand() >> 8);
    struct commit *commit = wr_commit_begin(store);
    add_row(commit, trace, i);
    wr_commit_put(commit, "big", 3, big, BIG);
    struct wr_error err;
    CHECK(wr_store_wait(store, wr_commit_submit(commit, NULL, NULL), &err));
    free(big);
}

static uint64_t count_rows(struct store *store)
{
    struct version *version = wr_trace_current(wr_trace_open(store, 1, TRACE_APPEND));
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    struct wr_error err;
    uint64_t n = 0;
    while (wr_cursor_next(cursor, &err))
        n++;
    CHECK_STR(err.sqlstate, "");
    wr_cursor_close(cursor);
    wr_version_release(version);
    return n;
}

static void fresh_copy(void)
{
    shell("rm -rf '%s'%s", dir, "");
    shell("cp -r '%s' '%s'", crashed_dir, dir);
}

/* Opens with everything (true), or not at all and says why. */
static bool whole_or_refused(const char *what)
{
    struct wr_error err;
    struct store *store = open_store(dir, &err);
    if (!store) {
        CHECK_STR(err.sqlstate, ERR_DATA_CORRUPTED);
        if (strcmp(err.sqlstate, ERR_DATA_CORRUPTED) || !err.hint[0])
            fprintf(stderr, "%s: %s %s (%s)\n", what, err.sqlstate, err.message, err.hint);
        CHECK(err.hint[0]);
        return false;
    }
    CHECK_INT(wr_store_committed(store), COMMITS);
    CHECK_INT(count_rows(store), COMMITS);
    if (wr_store_committed(store) != COMMITS)
        fprintf(stderr, "%s: was opened\n", what);
    wr_store_close(store);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Paths of the logs, oldest first. */
static int list_logs(path_name *paths)
{
    int n = 0;
    DIR *list = opendir(dir);
    for (struct dirent *item; n < LOGS_MAX && (item = readdir(list));) {
        const char *dot = strrchr(item->d_name, '.');
        if (dot && !strcmp(dot, ".log"))
            snprintf(paths[n++], sizeof *paths, "%s/%s", dir, item->d_name);
    }
    closedir(list);
    qsort(paths, (size_t)n, sizeof *paths, by_name);
    return n;
}

static long size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) ? -1 : (long)st.st_size;
}

static void test_removed(void)
{
    path_name logs[LOGS_MAX];
    fresh_copy();
    int n = list_logs(logs);
    printf("%d logs\n", n);
    CHECK(n >= 3);
    int refused = 0;
    for (int i = 0; i < n; i++) {
        fresh_copy();
        unlink(logs[i]);
        refused += !whole_or_refused("one log removed");
    }
    CHECK(refused >= n - 1); /* the oldest may be one that is no longer needed */
    fresh_copy();
    for (int i = 0; i < n; i++)
        unlink(logs[i]);
    CHECK(!whole_or_refused("all logs removed"));
    CHECK(!whole_or_refused("all logs removed, again"));
    for (int i = 0; i < n; i++) { /* nothing was spoilt: they may be put back */
        char from[700];
        snprintf(from, sizeof from, "%s%s", crashed_dir, strrchr(logs[i], '/'));
        shell("cp '%s' '%s'", from, dir);
    }
    CHECK(whole_or_refused("logs put back"));
}

static void test_cut(void)
{
    path_name logs[LOGS_MAX];
    for (int round = 0; round < 40; round++) {
        fresh_copy();
        int n = list_logs(logs);
        const char *path = logs[round < 25 ? n - 1 : rand() % n];
        long size = size_of(path);
        if (truncate(path, round == 0 ? size - 1 : round == 1 ? 0 : rand() % size))
            CHECK(false);
        CHECK(!whole_or_refused("a log cut"));
    }
}

static void test_damaged(void)
{
    path_name logs[LOGS_MAX];
    for (int round = 0; round < 40; round++) {
        fresh_copy();
        int n = list_logs(logs);
        const char *path = logs[round < 25 ? n - 1 : rand() % n];
        long size = size_of(path);
        FILE *file = fopen(path, "r+");
        char bytes[64] = {0};
        fseek(file, WR_MAX(size - 64 - (round % 2 ? 0 : rand() % size), 0), SEEK_SET);
        fwrite(bytes, 1, sizeof bytes, file);
        fclose(file);
        whole_or_refused("zeros in a log");
    }
}

static void zero(const char *path, long at, long len)
{
    char *bytes = wr_calloc((size_t)len, 1);
    FILE *file = fopen(path, "r+");
    fseek(file, at, SEEK_SET);
    CHECK_INT(fwrite(bytes, 1, (size_t)len, file), len);
    fclose(file);
    free(bytes);
}

/* After a loss of power COMMITTED may be old. That the log is damaged in the middle is seen without it: what follows
 * the damage was written when the damaged part was on the disk. */
static void test_damaged_with_old_mark(void)
{
    path_name logs[LOGS_MAX];
    for (int round = 0; round < 30; round++) {
        fresh_copy();
        shell("cp '%s/old' '%s'/COMMITTED", base_dir, dir);
        int n = list_logs(logs);
        long size = size_of(logs[n - 1]);
        CHECK(size > 3 * BIG);
        zero(logs[n - 1], rand() % (size - 2 * BIG), 64);
        CHECK(!whole_or_refused("zeros in the middle of a log, COMMITTED old"));
    }
}

/* The machine lost its power while a commit was written: of what was not synced any part may be there. */
static void test_torn_write(const char *from, long before, long after)
{
    path_name logs[LOGS_MAX];
    for (int round = 0; round < 40; round++) {
        fresh_copy();
        int n = list_logs(logs);
        shell("cp '%s' '%s'", from, dir);
        for (int holes = 1 + rand() % 5; holes > 0; holes--) {
            long unit = rand() % 2 ? 512 : 4096, first = before / unit + 1, last = (after - 200) / unit;
            zero(logs[n - 1], (first + rand() % (last - first)) * unit, unit);
        }
        if (round % 3 == 0)
            shell("cp '%s/old' '%s'/COMMITTED", base_dir, dir);
        CHECK(whole_or_refused("a torn write"));
    }
}

/* A commit that the kill cut short was never acknowledged: what is there of it does not count. */
static void test_torn_tail(struct store *live)
{
    path_name logs[LOGS_MAX];
    fresh_copy();
    int n = list_logs(logs);
    char from[700];
    snprintf(from, sizeof from, "%s%s", live_dir, strrchr(logs[n - 1], '/'));
    long before = size_of(logs[n - 1]);
    commit_one(live, COMMITS);
    long after = size_of(from);
    CHECK(after > before + 100);
    for (int round = 0; round < 20; round++) {
        fresh_copy();
        shell("cp '%s' '%s'", from, dir);
        CHECK(!truncate(logs[n - 1], round < 5 ? before + 1 + round * 3 : before + 1 + rand() % (after - before - 1)));
        CHECK(whole_or_refused("a torn tail"));
    }
    test_torn_write(from, before, after);
}

static void find_manifest(char path[300])
{
    char command[700];
    snprintf(command, sizeof command, "ls '%s'/MANIFEST-*", dir);
    FILE *ls = popen(command, "r");
    path[0] = '\0';
    if (fgets(path, 300, ls))
        path[strcspn(path, "\n")] = '\0';
    pclose(ls);
}

/* RocksDB's own list of files and families, cut: what it no longer names must not be made anew, empty. */
static void test_manifest_cut(void)
{
    for (int round = 0; round < 60; round++) {
        char path[300];
        fresh_copy();
        find_manifest(path);
        long size = size_of(path);
        CHECK(!truncate(path, round < 40 ? WR_MIN(size - 1, round * 7) : rand() % size));
        whole_or_refused("MANIFEST cut");
    }
    fresh_copy();
    shell("rm '%s'/%s", dir, "CURRENT");
    CHECK(!whole_or_refused("no CURRENT"));
}

/* The machine lost its power while RocksDB added to its list: what is there of that never was. But it is damage if more
 * follows. */
static void test_manifest_torn(void)
{
    for (int round = 0; round < 20; round++) {
        char path[300], record[1024] = {0}, first[1024];
        fresh_copy();
        find_manifest(path);
        FILE *file = fopen(path, "r+");
        CHECK_INT(fread(first, 1, sizeof first, file) > 0, 1);
        size_t first_len = 7 + (size_t)(unsigned char)first[4] + 256 * (size_t)(unsigned char)first[5];
        size_t len = 20 + (size_t)(rand() % 900);
        for (size_t i = 0; i < len; i++)
            record[i] = i < len / 2 || round % 2 ? (char)(rand() >> 8) : 0;
        record[4] = (char)((len - 7) & 0xff);
        record[5] = (char)((len - 7) >> 8);
        record[6] = 1;
        fseek(file, 0, SEEK_END);
        fwrite(record, 1, len, file);
        if (round >= 15)
            fwrite(first, 1, first_len, file);
        fclose(file);
        CHECK_INT(whole_or_refused("MANIFEST torn"), round < 15);
    }
}

static void write_committed(const char *bytes, size_t len)
{
    char path[300];
    snprintf(path, sizeof path, "%s/COMMITTED", dir);
    FILE *file = fopen(path, "w");
    fwrite(bytes, 1, len, file);
    fclose(file);
}

static void test_committed(void)
{
    char path[300], bytes[1024], wounded[1024];
    fresh_copy();
    snprintf(path, sizeof path, "%s/COMMITTED", dir);
    FILE *file = fopen(path, "r");
    CHECK_INT(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    fclose(file);
    for (int slot = 0; slot < 2; slot++) { /* one slot torn */
        memcpy(wounded, bytes, sizeof bytes);
        memset(wounded + 512 * slot + 9, '7', 3);
        write_committed(wounded, sizeof wounded);
        CHECK(whole_or_refused("one slot of COMMITTED damaged"));
        fresh_copy();
    }
    memset(wounded, 'x', sizeof wounded);
    write_committed(wounded, sizeof wounded);
    CHECK(!whole_or_refused("COMMITTED damaged"));
    write_committed("", 0);
    CHECK(!whole_or_refused("COMMITTED empty"));
    unlink(path);
    CHECK(whole_or_refused("no COMMITTED: of an older build"));
    CHECK(!access(path, F_OK));
    /* the way out for whoever accepts the loss */
    fresh_copy();
    path_name logs[LOGS_MAX];
    int n = list_logs(logs);
    CHECK(!truncate(logs[n - 1], size_of(logs[n - 1]) / 2));
    CHECK(!whole_or_refused("a log cut"));
    unlink(path);
    struct wr_error err;
    struct store *store = open_store(dir, &err);
    CHECK(store != NULL);
    if (!store)
        return;
    uint64_t committed = wr_store_committed(store);
    CHECK(committed > 0 && committed < COMMITS);
    CHECK_INT(count_rows(store), committed);
    wr_store_close(store);
}

int main(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(base_dir, sizeof base_dir, "%s/weir-lost-log-%d", tmp ? tmp : "/tmp", (int)getpid());
    snprintf(live_dir, sizeof live_dir, "%s/live", base_dir);
    snprintf(crashed_dir, sizeof crashed_dir, "%s/crashed", base_dir);
    snprintf(dir, sizeof dir, "%s/dir", base_dir);
    shell("rm -rf '%s' && mkdir '%s'", base_dir, base_dir);
    srand((unsigned)getpid());
    struct wr_error err;
    struct store *store = open_store(live_dir, &err);
    if (!store) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (uint64_t i = 0; i < COMMITS; i++) {
        commit_one(store, i);
        if (i == COMMITS / 2)
            shell("cp '%s/COMMITTED' '%s/old'", live_dir, base_dir);
    }
    wr_store_settle(store);
    shell("cp -r '%s' '%s'", live_dir, crashed_dir);
    test_removed();
    test_cut();
    test_damaged();
    test_damaged_with_old_mark();
    test_manifest_cut();
    test_manifest_torn();
    test_committed();
    test_torn_tail(store);
    wr_store_close(store);
    shell("rm -rf '%s'%s", base_dir, "");
    return check_report("lost log");
}
