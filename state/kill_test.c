/* kill -9 at any moment: a child commits numbered rows and is killed, at random or at a failpoint; the directory is
 * opened again and must hold exactly the commits 1 .. N, for an N not below what the child saw acknowledged. The same
 * directory goes on through all rounds. kill_test [rounds per point] */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "state/store.h"
#include "tests/check.h"

#define HOT_KEYS   100u
#define CHILD_RUNS 400

static char dir[256];
static struct wr_budget budget;
static int ack_fd;

static struct store *open_store(void)
{
    wr_budget_init(&budget, 32 << 20);
    struct store_options options = {.dir = dir, .budget = &budget, .checkpoint_bytes = 100 << 10, .sync = true};
    struct wr_error err = WR_ERROR_INIT;
    struct store *store = wr_store_open(&options, &err);
    if (!store) {
        fprintf(stderr, "open: %s %s\n", err.sqlstate, err.message);
        exit(1);
    }
    return store;
}

static void send_ack(void *context, uint64_t number, bool ok, const struct wr_error *err)
{
    (void)context, (void)err;
    if (ok && write(ack_fd, &number, sizeof number) != sizeof number)
        _exit(3);
}

/* Rows of commit i in the bag: most commits few, some a megabyte (a file of its own), few more (spilled early). */
static uint32_t bag_rows(uint64_t i)
{
    return i % 41 == 0 ? 6000 : i % 13 == 0 ? 1500 : 8;
}

static void add_bag(struct commit *commit, struct trace *trace, uint64_t i)
{
    char key[32], payload[900];
    memset(payload, (int)('a' + i % 26), sizeof payload);
    struct wr_error err = WR_ERROR_INIT;
    struct run_builder *builder = NULL;
    for (uint32_t r = 0; r < bag_rows(i); r++) {
        if (!builder)
            builder = wr_run_builder_new(trace, 0, 0);
        int len = snprintf(key, sizeof key, "%08llu/%06u", (unsigned long long)i, r);
        struct entry entry = {key, payload, (uint32_t)len, 8, sizeof payload, 1};
        wr_run_builder_add(builder, &entry);
        if (r % 500 == 499 || r + 1 == bag_rows(i)) {
            if (!wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err))
                _exit(4);
            builder = NULL;
        }
    }
}

static void add_hot(struct commit *commit, struct trace *trace, uint64_t i)
{
    char key[32], payload[32];
    int key_len = snprintf(key, sizeof key, "%03u", (unsigned)(i % HOT_KEYS));
    int len = snprintf(payload, sizeof payload, "%llu", (unsigned long long)i);
    struct entry entry = {key, payload, (uint32_t)key_len, (uint32_t)key_len, (uint32_t)len, 1};
    struct run_builder *builder = wr_run_builder_new(trace, 1, 64);
    wr_run_builder_add(builder, &entry);
    struct wr_error err = WR_ERROR_INIT;
    if (!wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err))
        _exit(4);
}

static void child(const char *failpoint)
{
    if (failpoint)
        setenv("WEIR_FAILPOINT", failpoint, 1);
    if (!wr_failpoint_init())
        _exit(2);
    struct store *store = open_store();
    struct trace *hot = wr_trace_open(store, 1, TRACE_UPSERT), *bag = wr_trace_open(store, 2, TRACE_APPEND);
    for (int n = 0; n < CHILD_RUNS; n++) {
        struct commit *commit = wr_commit_begin(store);
        uint64_t i = wr_store_next_commit(store);
        add_hot(commit, hot, i);
        add_bag(commit, bag, i);
        wr_commit_put(commit, "last", 4, &i, sizeof i);
        wr_commit_log(commit, 9, &i, sizeof i);
        static char big[300 << 10];
        if (i % 11 == 0) {
            memset(big, (int)(i % 100), sizeof big);
            wr_commit_log(commit, 10, big, sizeof big);
        }
        if (i > 50)
            wr_commit_log_truncate(commit, 10, i - 50);
        if (i > 50)
            wr_commit_log_truncate(commit, 9, i - 50);
        wr_commit_submit(commit, send_ack, NULL);
    }
    wr_store_settle(store);
    wr_store_close(store);
    _exit(0);
}

static void check_bag(struct store *store, uint64_t committed)
{
    struct version *version = wr_trace_current(wr_trace_open(store, 2, TRACE_APPEND));
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    struct wr_error err = WR_ERROR_INIT;
    bool ok = true;
    char key[32];
    for (uint64_t i = 1; i <= committed && ok; i++)
        for (uint32_t r = 0; r < bag_rows(i) && ok; r++) {
            const struct entry *entry = wr_cursor_next(cursor, &err);
            int len = snprintf(key, sizeof key, "%08llu/%06u", (unsigned long long)i, r);
            ok = entry && entry->key_len == (uint32_t)len && !memcmp(entry->key, key, entry->key_len) &&
                 entry->weight == 1 && entry->payload_len == 900 && entry->payload[899] == (char)('a' + i % 26);
        }
    CHECK(ok && !wr_cursor_next(cursor, &err) && !err.sqlstate[0]);
    wr_cursor_close(cursor);
    wr_version_release(version);
}

static void check_hot(struct store *store, uint64_t committed)
{
    struct version *version = wr_trace_current(wr_trace_open(store, 1, TRACE_UPSERT));
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    struct wr_error err = WR_ERROR_INIT;
    uint64_t n = 0;
    bool ok = true;
    for (const struct entry *entry; (entry = wr_cursor_next(cursor, &err)); n++) {
        char text[32] = "";
        memcpy(text, entry->payload, WR_MIN(entry->payload_len, 31u));
        uint64_t i = strtoull(text, NULL, 10);
        snprintf(text, sizeof text, "%03u", (unsigned)(i % HOT_KEYS));
        ok = ok && i <= committed && i + HOT_KEYS > committed && !memcmp(text, entry->key, 3);
    }
    CHECK(ok && !err.sqlstate[0]);
    CHECK_INT(n, WR_MIN(committed, HOT_KEYS));
    wr_cursor_close(cursor);
    wr_version_release(version);
}

static bool note_log(void *context, uint64_t commit, const void *bytes, size_t len)
{
    uint64_t *last = context, i = 0;
    memcpy(&i, bytes, WR_MIN(len, sizeof i));
    CHECK(i == commit && (!*last || i == *last + 1));
    *last = i;
    return true;
}

static bool note_big(void *context, uint64_t commit, const void *bytes, size_t len)
{
    uint64_t *n = context;
    CHECK(commit % 11 == 0 && len == 300 << 10 && ((const char *)bytes)[len - 1] == (char)(commit % 100));
    ++*n;
    return true;
}

static void check_committed(uint64_t acked)
{
    struct store *store = open_store();
    uint64_t committed = wr_store_committed(store), last = 0;
    CHECK(committed >= acked);
    struct wr_buf value = WR_BUF_INIT;
    if (wr_store_get(store, "last", 4, &value) && value.len == sizeof last)
        memcpy(&last, value.data, sizeof last);
    wr_buf_free(&value);
    CHECK_INT(last, committed);
    last = 0;
    wr_store_log_scan(store, 9, 0, note_log, &last);
    CHECK_INT(last, committed);
    uint64_t big = 0;
    wr_store_log_scan(store, 10, 0, note_big, &big);
    CHECK_INT(big, committed / 11 - (committed > 50 ? (committed - 50) / 11 : 0));
    check_hot(store, committed);
    check_bag(store, committed);
    wr_store_close(store);
    if (check_failed)
        fprintf(stderr, "acknowledged %llu, committed %llu\n", (unsigned long long)acked,
                (unsigned long long)committed);
}

/* In a process of its own: one that has opened a directory has threads of RocksDB's, which the next child would wait
 * for and not have. */
static void check_apart(void (*check)(uint64_t), uint64_t acked)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        check(acked);
        _exit(check_failed != 0);
    }
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static uint64_t read_acks(int fd)
{
    uint64_t acked = 0, number;
    while (read(fd, &number, sizeof number) == sizeof number)
        acked = number;
    return acked;
}

/* Returns true if the child was killed (else it ran to its end). */
static bool round_of(const char *failpoint, int kill_after_ms)
{
    int fds[2], status = 0;
    if (pipe(fds))
        exit(1);
    pid_t pid = fork();
    if (!pid) {
        close(fds[0]);
        ack_fd = fds[1];
        child(failpoint);
    }
    close(fds[1]);
    uint64_t acked = 0;
    if (kill_after_ms) {
        poll(NULL, 0, kill_after_ms);
        kill(pid, SIGKILL);
    }
    acked = read_acks(fds[0]);
    waitpid(pid, &status, 0);
    close(fds[0]);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    CHECK(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    check_apart(check_committed, acked);
    if (check_failed) {
        fprintf(stderr, "after %s (kill after %d ms)\n", failpoint ? failpoint : "random", kill_after_ms);
        exit(1);
    }
    return killed;
}

static void remove_dir(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command))
        fprintf(stderr, "could not remove %s\n", dir);
}

/* ---- a commit that drops a trace never happened, but a checkpoint did while it was under way */

#define DROP_ROWS 200u

static void stop_commits(void *context, uint64_t number, bool ok, const struct wr_error *err)
{
    (void)context, (void)number, (void)ok, (void)err;
    for (;;)
        pause();
}

static void submit_wait(struct store *store, struct commit *commit)
{
    struct wr_error err = WR_ERROR_INIT;
    if (!wr_store_wait(store, wr_commit_submit(commit, NULL, NULL), &err))
        _exit(4);
}

/* Killed at the end of the checkpoint; the commit that drops waits behind one whose caller is told for ever. */
static void drop_child(void)
{
    setenv("WEIR_FAILPOINT", "file-deleted", 1);
    if (!wr_failpoint_init())
        _exit(2);
    struct store *store = open_store();
    struct trace *going = wr_trace_open(store, 1, TRACE_UPSERT), *bag = wr_trace_open(store, 2, TRACE_APPEND);
    for (uint64_t i = 0; i < DROP_ROWS / HOT_KEYS; i++) {
        struct commit *commit = wr_commit_begin(store);
        for (uint64_t key = 0; key < HOT_KEYS; key++)
            add_hot(commit, going, i * HOT_KEYS + key);
        submit_wait(store, commit);
    }
    struct commit *full = wr_commit_begin(store), *drop = wr_commit_begin(store);
    add_bag(full, bag, 13); /* more than a checkpoint leaves in RAM */
    wr_commit_drop_trace(drop, going);
    wr_commit_submit(full, stop_commits, NULL);
    wr_commit_submit(drop, NULL, NULL);
    pause();
}

static void check_undropped(uint64_t committed)
{
    struct store *store = open_store();
    CHECK_INT(wr_store_committed(store), committed);
    check_hot(store, DROP_ROWS - 1);
    wr_store_close(store);
}

static void check_undone_drop(void)
{
    remove_dir();
    int status = 0;
    pid_t pid = fork();
    if (!pid)
        drop_child();
    waitpid(pid, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    check_apart(check_undropped, DROP_ROWS / HOT_KEYS + 1);
}

int main(int argc, char **argv)
{
    static const char *const points[] = {"delta-written", "ingested",        "commit-record-written",
                                         "merge-written", "merge-installed", "file-deleted"};
    int rounds = argc > 1 ? atoi(argv[1]) : 3;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/weir-kill-test-%d", tmp ? tmp : "/tmp", (int)getpid());
    srand((unsigned)getpid());
    for (size_t p = 0; p < WR_COUNT(points); p++) {
        remove_dir();
        int killed = 0;
        for (int r = 0; r < rounds; r++) {
            char spec[64];
            snprintf(spec, sizeof spec, "%s:%d", points[p], r == 0 ? 1 : 1 + rand() % 12);
            killed += round_of(spec, 0);
            round_of(NULL, 20 + rand() % 150);
        }
        printf("%s: killed %d times\n", points[p], killed);
        fflush(stdout);
        CHECK_INT(killed, rounds);
    }
    check_undone_drop();
    remove_dir();
    return check_report("kill");
}
