/* The store's contract, call by call, in memory and on disk. */
#include "state/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "state/store_impl.h"
#include "tests/check.h"

static char test_dir[256];
static bool durable;
static struct wr_budget budget;

static void remove_dir(const char *dir)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command))
        fprintf(stderr, "could not remove %s\n", dir);
}

static struct store *open_store(void)
{
    wr_budget_init(&budget, 256 << 20);
    struct store_options options = {.dir = durable ? test_dir : NULL, .budget = &budget, .sync = false};
    struct wr_error err = WR_ERROR_INIT;
    struct store *store = wr_store_open(&options, &err);
    if (!store) {
        fprintf(stderr, "open: %s %s\n", err.sqlstate, err.message);
        exit(1);
    }
    return store;
}

static struct entry make_entry(const char *key, const char *payload, int64_t weight)
{
    return (struct entry){.key = key,
                          .payload = payload,
                          .key_len = (uint32_t)strlen(key),
                          .prefix_len = (uint32_t)WR_MIN(strlen(key), 2),
                          .payload_len = (uint32_t)strlen(payload),
                          .weight = weight};
}

struct row {
    const char *key, *payload;
    int64_t weight;
};

static void add_rows(struct commit *commit, struct trace *trace, const struct row *rows, int n)
{
    struct run_builder *builder = wr_run_builder_new(trace, (size_t)n, 0);
    for (int i = 0; i < n; i++) {
        struct entry entry = make_entry(rows[i].key, rows[i].payload, rows[i].weight);
        wr_run_builder_add(builder, &entry);
    }
    struct wr_error err = WR_ERROR_INIT;
    CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
}
#define ADD(commit, trace, ...)                                           \
    do {                                                                  \
        const struct row add_these[] = {__VA_ARGS__};                     \
        add_rows((commit), (trace), add_these, (int)WR_COUNT(add_these)); \
    } while (0)

static uint64_t submit_wait(struct store *store, struct commit *commit)
{
    struct wr_error err = WR_ERROR_INIT;
    uint64_t number = wr_commit_submit(commit, NULL, NULL);
    CHECK(wr_store_wait(store, number, &err));
    return number;
}

/* "key=payload*weight " for each entry. */
static char *dump_cursor(struct cursor *cursor)
{
    static struct wr_buf buf;
    struct wr_error err = WR_ERROR_INIT;
    const struct entry *entry;
    buf.len = 0;
    while ((entry = wr_cursor_next(cursor, &err)))
        wr_buf_printf(&buf, "%.*s=%.*s*%lld ", (int)entry->key_len, entry->key, (int)entry->payload_len, entry->payload,
                      (long long)entry->weight);
    CHECK_STR(err.sqlstate, "");
    wr_cursor_close(cursor);
    return wr_buf_cstr(&buf);
}

static char *dump_version(struct version *version)
{
    char *text = dump_cursor(wr_cursor_open(version, NULL, 0, NULL, 0));
    wr_version_release(version);
    return text;
}

static void test_zset(void)
{
    struct store *store = open_store();
    struct trace *trace = wr_trace_open(store, 1 << 16, TRACE_ZSET);
    CHECK(trace == wr_trace_open(store, 1 << 16, TRACE_ZSET));
    struct commit *commit = wr_commit_begin(store);
    CHECK(wr_commit_is_empty(commit));
    ADD(commit, trace, {"aa1", "x", 1}, {"aa1", "x", 1}, {"aa1", "y", 1}, {"bb", "z", 3});
    CHECK(!wr_commit_is_empty(commit));
    CHECK_STR(dump_version(wr_trace_current(trace)), "aa1=x*2 aa1=y*1 bb=z*3 ");
    struct snapshot *before = wr_store_snapshot(store);
    CHECK_INT(wr_snapshot_commit(before), 0);
    submit_wait(store, commit);
    struct snapshot *after = wr_store_snapshot(store);
    CHECK_INT(wr_snapshot_commit(after), 1);
    CHECK_STR(dump_version(wr_snapshot_version(before, trace)), "");
    CHECK_STR(dump_version(wr_snapshot_version(after, trace)), "aa1=x*2 aa1=y*1 bb=z*3 ");
    commit = wr_commit_begin(store);
    ADD(commit, trace, {"aa1", "x", -2}, {"aa2", "x", 1}, {"bb", "z", -1}, {"cc", "", 1});
    submit_wait(store, commit);
    struct version *version = wr_trace_current(trace);
    CHECK_STR(dump_cursor(wr_cursor_open_prefix(version, "aa", 2, true)), "aa1=y*1 aa2=x*1 ");
    CHECK_STR(dump_cursor(wr_cursor_open_prefix(version, "zz", 2, true)), "");
    CHECK_STR(dump_cursor(wr_cursor_open_prefix(version, "a", 1, false)), "aa1=y*1 aa2=x*1 ");
    CHECK_STR(dump_cursor(wr_cursor_open(version, "aa2", 3, "cc", 2)), "aa2=x*1 bb=z*2 ");
    CHECK(wr_version_excludes(version, "zz", 2));
    CHECK(!wr_version_excludes(version, "bb", 2));
    CHECK(!wr_version_is_empty(version));
    wr_version_release(version);
    CHECK_STR(dump_version(wr_snapshot_version(after, trace)), "aa1=x*2 aa1=y*1 bb=z*3 ");
    wr_snapshot_release(before);
    wr_snapshot_release(after);
    wr_store_close(store);
    if (!durable)
        return;
    store = open_store();
    CHECK_INT(wr_store_committed(store), 2);
    trace = wr_trace_open(store, 1 << 16, TRACE_ZSET);
    CHECK_STR(dump_version(wr_trace_current(trace)), "aa1=y*1 aa2=x*1 bb=z*2 cc=*1 ");
    wr_store_close(store);
}

static bool note_log(void *context, uint64_t commit, const void *bytes, size_t len)
{
    wr_buf_printf(context, "%llu:%.*s ", (unsigned long long)commit, (int)len, (const char *)bytes);
    return true;
}

/* A log that is dropped in the commit that adds a part with a file of its own: neither the part nor the file stays. */
static void test_dropped_log(void)
{
    struct store *store = open_store();
    static char big[400 << 10];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(rand() >> 8);
    for (int i = 0; i < 3; i++) {
        struct commit *commit = wr_commit_begin(store);
        wr_commit_log(commit, 5, big, sizeof big);
        if (i == 2)
            wr_commit_log_truncate(commit, 5, UINT64_MAX);
        submit_wait(store, commit);
    }
    struct wr_buf buf = WR_BUF_INIT;
    for (int again = 0; again < (durable ? 2 : 1); again++) {
        wr_store_log_scan(store, 5, 0, note_log, &buf);
        CHECK_STR(wr_buf_cstr(&buf), "");
        wr_store_settle(store);
        struct store_stats stats;
        wr_store_stats(store, &stats);
        CHECK(stats.disk_bytes < (int64_t)sizeof big);
        wr_store_close(store);
        store = open_store();
    }
    wr_buf_free(&buf);
    wr_store_close(store);
}

static void note_found(void *context, uint32_t index, const struct entry *entry)
{
    wr_buf_printf(context, "%u=%.*s ", index, (int)entry->payload_len, entry->payload);
}

static char *get_keys(struct version *version, const char *const *names, uint32_t n)
{
    static struct wr_buf buf;
    struct str_key keys[16];
    struct wr_error err = WR_ERROR_INIT;
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (struct str_key){names[i], (uint32_t)strlen(names[i])};
    buf.len = 0;
    CHECK(wr_version_get(version, keys, n, note_found, &buf, &err));
    wr_version_release(version);
    return wr_buf_cstr(&buf);
}

static void test_upsert(void)
{
    struct store *store = open_store();
    struct trace *trace = wr_trace_open(store, 2 << 16, TRACE_UPSERT);
    struct commit *commit = wr_commit_begin(store);
    ADD(commit, trace, {"k1", "a", 1}, {"k2", "b", 1}, {"k3long", "c", 1});
    submit_wait(store, commit);
    commit = wr_commit_begin(store);
    ADD(commit, trace, {"k2", "", 0}, {"k3long", "d", 1});
    ADD(commit, trace, {"k4", "e", 1});
    const char *const names[] = {"k0", "k1", "k2", "k3", "k3long", "k4"};
    CHECK_STR(get_keys(wr_trace_current(trace), names, 6), "5=e 4=d 1=a ");
    submit_wait(store, commit);
    CHECK_STR(get_keys(wr_trace_current(trace), names, 6), "5=e 4=d 1=a ");
    CHECK_STR(dump_version(wr_trace_current(trace)), "k1=a*1 k3long=d*1 k4=e*1 ");
    for (int i = 0; i < 100; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%d", i);
        commit = wr_commit_begin(store);
        ADD(commit, trace, {"k1", payload, 1});
        submit_wait(store, commit);
    }
    wr_store_settle(store);
    CHECK_STR(dump_version(wr_trace_current(trace)), "k1=99*1 k3long=d*1 k4=e*1 ");
    struct store_stats stats;
    wr_store_stats(store, &stats);
    CHECK(stats.merges >= 1); /* how many depends on how fast the disk is */
    wr_store_close(store);
    if (!durable)
        return;
    store = open_store();
    trace = wr_trace_open(store, 2 << 16, TRACE_UPSERT);
    CHECK_STR(dump_version(wr_trace_current(trace)), "k1=99*1 k3long=d*1 k4=e*1 ");
    wr_store_close(store);
}

/* The weight of an UPSERT entry is 1 + the schema version its row was written in: it comes back as written, whatever
 * merges on the way. */
static void test_schema_versions(void)
{
    struct store *store = open_store();
    struct trace *trace = wr_trace_open(store, 2 << 16, TRACE_UPSERT);
    for (int i = 0; i < 60; i++) {
        char payload[16];
        snprintf(payload, sizeof payload, "%d", i);
        struct commit *commit = wr_commit_begin(store);
        ADD(commit, trace, {"k0", payload, 1 + i % 3}, {i < 20 ? "k1" : "k2", payload, 1 + i / 20});
        submit_wait(store, commit);
    }
    wr_store_settle(store);
    const char *want = "k0=59*3 k1=19*1 k2=59*3 ";
    CHECK_STR(dump_version(wr_trace_current(trace)), want);
    wr_store_close(store);
    if (!durable)
        return;
    store = open_store();
    CHECK_STR(dump_version(wr_trace_current(wr_trace_open(store, 2 << 16, TRACE_UPSERT))), want);
    wr_store_close(store);
}

static bool note_meta(void *context, const void *key, size_t key_len, const void *value, size_t value_len)
{
    wr_buf_printf(context, "%.*s=%.*s ", (int)key_len, (const char *)key, (int)value_len, (const char *)value);
    return true;
}

static void check_meta(struct store *store)
{
    struct wr_buf buf = WR_BUF_INIT;
    wr_store_scan(store, "s/", 2, note_meta, &buf);
    CHECK_STR(wr_buf_cstr(&buf), "s/1=one s/2= ");
    buf.len = 0;
    CHECK(wr_store_get(store, "s/1", 3, &buf));
    CHECK_STR(wr_buf_cstr(&buf), "one");
    buf.len = 0;
    CHECK(!wr_store_get(store, "s/", 2, &buf));
    CHECK(!wr_store_get(store, "s/3", 3, &buf));
    wr_store_log_scan(store, 7, 1, note_log, &buf);
    CHECK_STR(wr_buf_cstr(&buf), "2:b1 2:b2 3:c ");
    buf.len = 0;
    wr_store_log_scan(store, 7, 0, note_log, &buf);
    CHECK_STR(wr_buf_cstr(&buf), "2:b1 2:b2 3:c ");
    buf.len = 0;
    wr_store_log_scan(store, 8, 0, note_log, &buf);
    CHECK_STR(wr_buf_cstr(&buf), "1:other ");
    wr_buf_free(&buf);
}

static void test_meta(void)
{
    struct store *store = open_store();
    struct commit *commit = wr_commit_begin(store);
    wr_commit_put(commit, "s/1", 3, "zero", 4);
    wr_commit_put(commit, "s/2", 3, "", 0);
    wr_commit_put(commit, "s/3", 3, "gone", 4);
    wr_commit_put(commit, "t", 1, "other", 5);
    wr_commit_log(commit, 7, "a", 1);
    wr_commit_log(commit, 8, "other", 5);
    wr_commit_submit(commit, NULL, NULL);
    commit = wr_commit_begin(store);
    wr_commit_put(commit, "s/1", 3, "one", 3);
    wr_commit_delete(commit, "s/3", 3);
    wr_commit_log(commit, 7, "b1", 2);
    wr_commit_log(commit, 7, "b2", 2);
    wr_commit_submit(commit, NULL, NULL);
    commit = wr_commit_begin(store);
    wr_commit_log(commit, 7, "c", 1);
    wr_commit_log_truncate(commit, 7, 1);
    CHECK_INT(wr_store_next_commit(store), 3);
    CHECK_INT(submit_wait(store, commit), 3);
    check_meta(store);
    wr_store_close(store);
    if (!durable)
        return;
    store = open_store();
    check_meta(store);
    wr_store_close(store);
}

static bool count_record(void *context, uint64_t commit, const void *bytes, size_t len)
{
    (*(int *)context)++;
    return true;
}

static int log_records(struct store *store, uint64_t log_id)
{
    int n = 0;
    wr_store_log_scan(store, log_id, 0, count_record, &n);
    return n;
}

/* As a sink does: a record per commit, each commit truncates what is delivered; another log stands still. */
static void test_truncated_logs(void)
{
    struct store *store = open_store();
    for (uint64_t i = 1; i <= 300; i++) {
        struct commit *commit = wr_commit_begin(store);
        wr_commit_log(commit, 7, "a", 1);
        if (i % 100 == 0)
            wr_commit_log(commit, 8, "b", 1);
        wr_commit_log_truncate(commit, 7, i > 3 ? i - 3 : 0);
        wr_commit_log_truncate(commit, 8, WR_MIN(i - 1, 100));
        submit_wait(store, commit);
    }
    CHECK_INT(log_records(store, 7), 3);
    CHECK_INT(log_records(store, 8), 2);
    if (durable) {
        wr_store_close(store);
        store = open_store();
        CHECK_INT(log_records(store, 7), 3);
    }
    struct commit *commit = wr_commit_begin(store);
    wr_commit_log(commit, 7, "late", 4);
    wr_commit_log_truncate(commit, 7, UINT64_MAX); /* the sink is dropped */
    wr_commit_log_truncate(commit, 8, 200);
    submit_wait(store, commit);
    commit = wr_commit_begin(store);
    submit_wait(store, commit);
    CHECK_INT(log_records(store, 7), 0);
    CHECK_INT(log_records(store, 8), 1);
    wr_store_close(store);
}

static void test_detached(void)
{
    struct store *store = open_store();
    struct trace *plain = wr_trace_open(store, 10, TRACE_ZSET);
    struct commit *back = wr_commit_detached(store), *lost = wr_commit_detached(store);
    struct trace *fresh = wr_trace_open_detached(store, back, 11, TRACE_APPEND);
    struct trace *vain = wr_trace_open_detached(store, lost, 12, TRACE_ZSET);
    ADD(back, fresh, {"a", "1", 1});
    ADD(lost, vain, {"a", "1", 1});
    struct commit *commit = wr_commit_begin(store);
    ADD(commit, plain, {"p", "1", 1});
    submit_wait(store, commit);
    ADD(back, fresh, {"a", "2", 1}, {"b", "1", 1});
    struct snapshot *snapshot = wr_store_snapshot(store);
    CHECK_STR(dump_version(wr_snapshot_version(snapshot, fresh)), "");
    CHECK_STR(dump_version(wr_trace_current(fresh)), "a=2*1 a=1*1 b=1*1 ");
    wr_snapshot_release(snapshot);
    wr_commit_abandon(lost);
    commit = wr_commit_begin(store);
    wr_commit_absorb(commit, back);
    ADD(commit, fresh, {"c", "1", 1});
    submit_wait(store, commit);
    CHECK_STR(dump_version(wr_trace_current(fresh)), "a=2*1 a=1*1 b=1*1 c=1*1 ");
    wr_store_close(store);
    if (!durable)
        return;
    store = open_store();
    CHECK_STR(dump_version(wr_trace_current(wr_trace_open(store, 11, TRACE_APPEND))), "a=2*1 a=1*1 b=1*1 c=1*1 ");
    CHECK_STR(dump_version(wr_trace_current(wr_trace_open(store, 12, TRACE_ZSET))), "");
    wr_store_close(store);
}

static void test_drop(void)
{
    struct store *store = open_store();
    struct trace *trace = wr_trace_open(store, 20, TRACE_ZSET);
    struct commit *commit = wr_commit_begin(store);
    ADD(commit, trace, {"a", "1", 1});
    submit_wait(store, commit);
    struct snapshot *snapshot = wr_store_snapshot(store);
    commit = wr_commit_begin(store);
    wr_commit_drop_trace(commit, trace);
    submit_wait(store, commit);
    struct trace *again = wr_trace_open(store, 20, TRACE_ZSET);
    CHECK(again != trace);
    CHECK_STR(dump_version(wr_trace_current(again)), "");
    CHECK_STR(dump_version(wr_snapshot_version(snapshot, again)), "a=1*1 ");
    wr_snapshot_release(snapshot);
    commit = wr_commit_begin(store);
    ADD(commit, again, {"b", "1", 1});
    submit_wait(store, commit);
    wr_store_close(store);
    if (!durable)
        return;
    store = open_store();
    CHECK_STR(dump_version(wr_trace_current(wr_trace_open(store, 20, TRACE_ZSET))), "b=1*1 ");
    wr_store_close(store);
}

static void wait_for_lock(void *context, uint64_t number, bool ok, const struct wr_error *err)
{
    (void)number, (void)ok, (void)err;
    pthread_mutex_lock(context);
    pthread_mutex_unlock(context);
}

/* Until the commit that drops it is there, a snapshot shows the trace; its id is free at once. */
static void test_drop_under_way(void)
{
    struct store *store = open_store();
    struct trace *trace = wr_trace_open(store, 20, TRACE_ZSET);
    struct commit *commit = wr_commit_begin(store), *drop = wr_commit_begin(store);
    pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
    struct wr_error err = WR_ERROR_INIT;
    ADD(commit, trace, {"a", "1", 1});
    pthread_mutex_lock(&held);
    uint64_t added = wr_commit_submit(commit, wait_for_lock, &held);
    wr_commit_drop_trace(drop, trace);
    uint64_t dropped = wr_commit_submit(drop, NULL, NULL);
    struct trace *again = wr_trace_open(store, 20, TRACE_ZSET);
    CHECK(again != trace);
    commit = wr_commit_begin(store);
    ADD(commit, again, {"b", "1", 1});
    while (wr_store_committed(store) < added)
        usleep(1000);
    struct snapshot *snapshot = wr_store_snapshot(store);
    CHECK_INT(wr_snapshot_commit(snapshot), added);
    CHECK_STR(dump_version(wr_snapshot_version(snapshot, trace)), "a=1*1 ");
    pthread_mutex_unlock(&held);
    CHECK(wr_store_wait(store, dropped, &err));
    wr_snapshot_release(snapshot);
    snapshot = wr_store_snapshot(store);
    CHECK_STR(dump_version(wr_snapshot_version(snapshot, trace)), "");
    wr_snapshot_release(snapshot);
    submit_wait(store, commit);
    snapshot = wr_store_snapshot(store);
    CHECK_STR(dump_version(wr_snapshot_version(snapshot, again)), "b=1*1 ");
    wr_snapshot_release(snapshot);
    wr_store_close(store);
}

/* A snapshot that alone holds a quarter of the budget is asked to go. */
static void test_expiry(void)
{
    struct store *store = open_store();
    struct trace *trace = wr_trace_open(store, 40, TRACE_UPSERT);
    struct snapshot *held[4];
    char key[32], payload[1000];
    memset(payload, 'p', sizeof payload);
    for (int c = 0; c < 4; c++) {
        for (int part = 0; part < 8; part++) {
            struct commit *commit = wr_commit_begin(store);
            struct run_builder *builder = wr_run_builder_new(trace, 0, 0);
            for (int i = 0; i < 5000; i++) {
                snprintf(key, sizeof key, "%d%08d", part, i);
                struct entry entry = {key, payload, 9, 9, sizeof payload, 1};
                wr_run_builder_add(builder, &entry);
            }
            struct wr_error err = WR_ERROR_INIT;
            CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
            submit_wait(store, commit);
        }
        held[c] = wr_store_snapshot(store);
    }
    wr_store_settle(store);
    if (!durable) {
        CHECK(wr_snapshot_expired(held[0]));
        CHECK(!wr_snapshot_expired(held[3]));
    }
    for (int c = 0; c < 4; c++)
        wr_snapshot_release(held[c]);
    wr_store_close(store);
}

static void count_done(void *context, uint64_t number, bool ok, const struct wr_error *err)
{
    (void)err;
    uint64_t *last = context;
    *last = ok && number == *last + 1 ? number : 1000000; /* on the commit thread: no CHECK */
}

/* Big commits: files of their own, early spills, checkpoints and disk merges; everything is still there. */
static void test_big(void)
{
    struct store *store = open_store();
    struct trace *trace = wr_trace_open(store, 30, TRACE_UPSERT);
    uint64_t done = 0;
    struct wr_error err = WR_ERROR_INIT;
    char key[32], payload[128];
    memset(payload, 'p', sizeof payload);
    for (int c = 0; c < 12; c++) {
        struct commit *commit = wr_commit_begin(store);
        for (int part = 0; part < 20; part++) {
            struct run_builder *builder = wr_run_builder_new(trace, 0, 0);
            for (int i = 0; i < 5000; i++) {
                snprintf(key, sizeof key, "%02d%08d", part, i * 12 + (i % 2 ? c : 0));
                memcpy(payload, &c, sizeof c);
                struct entry entry = {key, payload, 10, 10, sizeof payload, 1};
                wr_run_builder_add(builder, &entry);
            }
            CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
        }
        wr_commit_submit(commit, count_done, &done);
    }
    CHECK(wr_store_wait(store, 12, &err));
    wr_store_settle(store); /* after all calls of count_done */
    CHECK_INT(done, 12);
    for (int again = 0; again < (durable ? 2 : 1); again++) {
        if (again) {
            wr_store_close(store);
            store = open_store();
            trace = wr_trace_open(store, 30, TRACE_UPSERT);
        }
        struct version *version = wr_trace_current(trace);
        struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
        int64_t n = 0, newest = 0;
        for (const struct entry *entry; (entry = wr_cursor_next(cursor, &err)); n++)
            newest += entry->payload[0] == 11;
        wr_cursor_close(cursor);
        CHECK_INT(n, 20 * (2500 + 12 * 2500));
        CHECK_INT(newest, 20 * 5000);
        wr_version_release(version);
    }
    struct store_stats stats;
    wr_store_stats(store, &stats);
    printf("big: disk %lld, merges %lld\n", (long long)stats.disk_bytes, (long long)stats.merges);
    wr_store_close(store);
    CHECK_INT(atomic_load(&budget.used_bytes), 0);
}

/* Many seals in one commit, as under little memory: the trace stays a few runs, and the newest wins. */
static void test_many_seals(void)
{
    struct store *store = open_store();
    struct wr_error err = WR_ERROR_INIT;
    struct trace *trace = wr_trace_open(store, 31, TRACE_UPSERT);
    store->spill_bytes = 1 << 20;
    struct commit *commit = wr_commit_begin(store);
    char key[16], payload[2000];
    uint32_t most = 0;
    memset(payload, 'p', sizeof payload);
    for (int seal = 0; seal < 400; seal++) {
        struct run_builder *builder = wr_run_builder_new(trace, 0, 0);
        for (int i = 0; i < (seal % 2 ? 1 : 60); i++) {
            snprintf(key, sizeof key, "%08d", i * 100 + seal % 50);
            memcpy(payload, &seal, sizeof seal);
            wr_run_builder_add(builder, &(struct entry){key, payload, 8, 8, sizeof payload, 1});
        }
        CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
        struct version *version = wr_trace_current(trace);
        most = WR_MAX(most, version->n);
        wr_version_release(version);
    }
    CHECK(most < 30);
    submit_wait(store, commit);
    struct version *version = wr_trace_current(trace);
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    int n = 0, seal;
    for (const struct entry *entry; (entry = wr_cursor_next(cursor, &err)); n++) {
        memcpy(&seal, entry->payload, sizeof seal);
        CHECK_INT(seal, 350 + atoi(entry->key + 6) % 50);
    }
    CHECK_INT(n, 25 * 60 + 25);
    wr_cursor_close(cursor);
    wr_version_release(version);
    wr_store_close(store);
    CHECK_INT(atomic_load(&budget.used_bytes), 0);
}

#define LONG_KEYS 40

static int names_found;

static void count_found(void *context, uint32_t index, const struct entry *entry)
{
    (void)context;
    (void)index;
    names_found += entry->weight == 1;
}

/* Key i of a shape: 300 like bytes, a number, 100 more. Ascending in i. */
static uint32_t long_key(char *to, int shape, int i)
{
    static const char fill[] = {'a', (char)0xff, (char)0xfe};
    memset(to, fill[shape], 300);
    if (shape == 2) /* the bound has room for two of these bytes to be cut off */
        memset(to + 254, 0xff, 46);
    wr_store_u32be(to + 300, (uint32_t)i);
    memset(to + 304, (char)0xff, 100);
    return 404;
}

static void check_long_keys(struct trace *trace, int shape)
{
    struct wr_error err = WR_ERROR_INIT;
    struct version *version = wr_trace_current(trace);
    for (int i = -1; i <= LONG_KEYS; i++) {
        char key[404];
        struct str_key name = {key, long_key(key, shape, i)};
        bool live = i >= 0 && i < LONG_KEYS;
        names_found = 0;
        CHECK(wr_version_get(version, &name, 1, count_found, NULL, &err));
        CHECK_INT(names_found, live);
        struct cursor *cursor = wr_cursor_open_prefix(version, key, 304, true);
        CHECK((wr_cursor_next(cursor, &err) != NULL) == live);
        wr_cursor_close(cursor);
        cursor = wr_cursor_open(version, key, 404, NULL, 0);
        int n = 0;
        while (wr_cursor_next(cursor, &err))
            n++;
        CHECK_INT(n, i < 0 ? 0 : LONG_KEYS - i);
        wr_cursor_close(cursor);
        CHECK(!live || !wr_version_excludes(version, key, 304));
    }
    wr_version_release(version);
}

static void add_long_keys(struct commit *commit, struct trace *trace, int shape, int from, int n)
{
    struct wr_error err = WR_ERROR_INIT;
    struct run_builder *builder = wr_run_builder_new(trace, 0, 0);
    for (int i = from; i < from + n; i++) {
        char key[404];
        struct entry entry = {key, "x", long_key(key, shape, i), 304, 1, 1};
        wr_run_builder_add(builder, &entry);
    }
    CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
}

/* Runs keep short bounds of long keys, and nothing in them is missed. */
static void test_long_keys(void)
{
    struct store *store = open_store();
    struct wr_error err = WR_ERROR_INIT;
    struct trace *traces[3];
    for (int shape = 0; shape < 3; shape++)
        traces[shape] = wr_trace_open(store, (uint64_t)(40 + shape), TRACE_UPSERT);
    for (int from = 0; from < LONG_KEYS; from += 10) {
        struct commit *commit = wr_commit_begin(store);
        for (int shape = 0; shape < 3; shape++)
            add_long_keys(commit, traces[shape], shape, from, 10);
        if (from % 20)
            CHECK(wr_commit_lighten(commit, &err));
        submit_wait(store, commit);
    }
    for (int shape = 0; shape < 3; shape++)
        check_long_keys(traces[shape], shape);
    if (durable) {
        wr_store_close(store);
        store = open_store();
        for (int shape = 0; shape < 3; shape++)
            check_long_keys(wr_trace_open(store, (uint64_t)(40 + shape), TRACE_UPSERT), shape);
    }
    wr_store_close(store);
    CHECK_INT(atomic_load(&budget.used_bytes), 0);
}

#define GONE_KEYS 20000

static void add_gone_keys(struct store *store, struct trace *trace, int64_t weight)
{
    struct wr_error err = WR_ERROR_INIT;
    struct commit *commit = wr_commit_begin(store);
    struct run_builder *builder = wr_run_builder_new(trace, 0, 0);
    for (uint32_t i = 0; i < GONE_KEYS; i++) {
        char key[32];
        memset(key, 'k', sizeof key);
        wr_store_u32be(key, i);
        struct entry entry = {key, "row", sizeof key, 4, 3, weight};
        wr_run_builder_add(builder, &entry);
    }
    CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
    CHECK(wr_commit_lighten(commit, &err));
    submit_wait(store, commit);
}

/* Who looks for one key does not read on through the others, because all of them were taken back. */
static void test_gone_keys(void)
{
    struct store *store = open_store();
    struct wr_error err = WR_ERROR_INIT;
    struct trace *trace = wr_trace_open(store, 44, TRACE_ZSET);
    add_gone_keys(store, trace, 1);
    struct version *old = wr_trace_current(trace); /* keeps the runs */
    add_gone_keys(store, trace, -1);
    struct version *version = wr_trace_current(trace);
    struct store_stats before, after;
    char bytes[32];
    memset(bytes, 'k', sizeof bytes);
    wr_store_u32be(bytes, 7);
    struct str_key key = {bytes, sizeof bytes};
    names_found = 0;
    wr_store_stats(store, &before);
    struct cursor *cursor = wr_cursor_open_prefix(version, bytes, 4, true);
    CHECK(wr_cursor_next(cursor, &err) == NULL && !err.sqlstate[0]);
    wr_cursor_close(cursor);
    CHECK(wr_version_get(version, &key, 1, count_found, NULL, &err));
    CHECK_INT(names_found, 0);
    wr_store_stats(store, &after);
    CHECK(after.block_reads - before.block_reads <= 10); /* else hundreds */
    wr_version_release(version);
    wr_version_release(old);
    wr_store_close(store);
    CHECK_INT(atomic_load(&budget.used_bytes), 0);
}

#define ALIKE_PREFIX 2000
#define ALIKE_LEN    7000
#define ALIKE_KEYS   400

/* Key i of texts that begin alike for longer than the index tells; those of odd i are not there. */
static void alike_key(char *to, int i)
{
    memset(to, 'h', ALIKE_PREFIX);
    snprintf(to + ALIKE_PREFIX, 8, "%06d.", i);
    memset(to + ALIKE_PREFIX + 7, 't', ALIKE_LEN - ALIKE_PREFIX - 7);
}

static void check_alike(struct version *version)
{
    struct wr_error err = WR_ERROR_INIT;
    char *bytes = wr_malloc((size_t)ALIKE_KEYS * ALIKE_LEN);
    struct str_key keys[ALIKE_KEYS];
    for (int i = 0; i < ALIKE_KEYS; i++) {
        keys[i] = (struct str_key){bytes + (size_t)i * ALIKE_LEN, ALIKE_LEN};
        alike_key(bytes + (size_t)i * ALIKE_LEN, i);
    }
    names_found = 0;
    CHECK(wr_version_get(version, keys, ALIKE_KEYS, count_found, NULL, &err));
    CHECK_INT(names_found, ALIKE_KEYS / 2);
    for (int at = 0; at < ALIKE_KEYS; at++) {
        int i = at * 37 % ALIKE_KEYS, n = 0;
        struct cursor *cursor = wr_cursor_open_prefix(version, keys[i].bytes, ALIKE_PREFIX + 7, true);
        CHECK((wr_cursor_next(cursor, &err) != NULL) == (i % 2 == 0));
        wr_cursor_close(cursor);
        cursor = wr_cursor_open(version, keys[i].bytes, ALIKE_LEN, NULL, 0);
        while (wr_cursor_next(cursor, &err))
            n++;
        CHECK_INT(n, (ALIKE_KEYS - i) / 2);
        wr_cursor_close(cursor);
    }
    for (uint32_t len = 500; len <= ALIKE_PREFIX; len += 500) {
        struct cursor *cursor = wr_cursor_open_prefix(version, keys[0].bytes, len, false);
        int n = 0;
        while (wr_cursor_next(cursor, &err))
            n++;
        CHECK_INT(n, ALIKE_KEYS / 2);
        wr_cursor_close(cursor);
    }
    free(bytes);
}

/* The first-key index is small, and what it does not tell is found. */
static void test_alike_keys(void)
{
    struct store *store = open_store();
    struct wr_error err = WR_ERROR_INIT;
    struct trace *trace = wr_trace_open(store, 45, TRACE_UPSERT);
    struct commit *commit = wr_commit_begin(store);
    struct run_builder *builder = wr_run_builder_new(trace, 0, 0);
    for (int i = 0; i < ALIKE_KEYS; i += 2) {
        char key[ALIKE_LEN];
        alike_key(key, i);
        wr_run_builder_add(builder, &(struct entry){key, "x", ALIKE_LEN, ALIKE_PREFIX + 7, 1, 1});
    }
    CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
    CHECK(wr_commit_lighten(commit, &err));
    struct version *version = wr_trace_current(trace);
    check_alike(version);
    if (durable) {
        CHECK(version->n == 1 && version->runs[0]->on_disk && version->runs[0]->blocks > RUN_FILTER_SPAN);
        struct cached *index = wr_block_cache_get(store, version->runs[0]->id, RUN_INDEX, RECORD_INDEX, true, &err);
        CHECK(index && index->len < version->runs[0]->blocks * (RUN_FIRST_MAX + 8));
        wr_cached_release(index);
    }
    wr_version_release(version);
    submit_wait(store, commit);
    wr_store_close(store);
    CHECK_INT(atomic_load(&budget.used_bytes), 0);
}

/* A commit of huge keys to disk writes them once; its records stay small. */
static void test_huge_keys(void)
{
    struct store *store = open_store();
    struct wr_error err = WR_ERROR_INIT;
    struct trace *trace = wr_trace_open(store, 50, TRACE_ZSET);
    size_t len = 4 << 20;
    char *key = wr_malloc(len);
    memset(key, 'k', len);
    for (int i = 0; i < 8; i++) {
        key[0] = (char)('a' + i);
        struct commit *commit = wr_commit_begin(store);
        struct run_builder *builder = wr_run_builder_new(trace, 1, len);
        wr_run_builder_add(builder, &(struct entry){key, "x", (uint32_t)len, (uint32_t)len, 1, 1});
        CHECK(wr_commit_add(commit, trace, wr_run_builder_finish(builder), &err));
        CHECK(wr_commit_lighten(commit, &err));
        submit_wait(store, commit);
    }
    wr_store_settle(store);
    struct store_stats stats;
    wr_store_stats(store, &stats);
    CHECK(stats.memtable_bytes < 1 << 20);
    struct version *version = wr_trace_current(trace);
    CHECK(!wr_version_excludes(version, key, (uint32_t)len));
    key[len - 1] = 'l';
    CHECK(wr_version_excludes(version, key, (uint32_t)len));
    wr_version_release(version);
    free(key);
    wr_store_close(store);
    CHECK_INT(atomic_load(&budget.used_bytes), 0);
}

static void test_refusals(void)
{
    struct store *store = open_store();
    struct store_options options = {.dir = test_dir, .budget = &budget, .sync = true};
    struct wr_error err = WR_ERROR_INIT;
    CHECK(!wr_store_open(&options, &err));
    CHECK_STR(err.sqlstate, ERR_LOCKED);
    CHECK(strstr(err.detail, "process id") != NULL);
    wr_store_close(store);
    char path[300];
    snprintf(path, sizeof path, "%s/FORMAT", test_dir);
    FILE *file = fopen(path, "w");
    fprintf(file, "weir 99\nfeatures 0\nkey_hash_seed 1\nshards 256\n");
    fclose(file);
    CHECK(!wr_store_open(&options, &err));
    CHECK_STR(err.sqlstate, ERR_NOT_READY);
    remove_dir(test_dir);
}

static void run_tests(void)
{
    static void (*const tests[])(void) = {test_zset,
                                          test_upsert,
                                          test_schema_versions,
                                          test_meta,
                                          test_truncated_logs,
                                          test_dropped_log,
                                          test_detached,
                                          test_drop,
                                          test_drop_under_way,
                                          test_expiry,
                                          test_big,
                                          test_many_seals,
                                          test_long_keys,
                                          test_gone_keys,
                                          test_alike_keys,
                                          test_huge_keys};
    for (size_t i = 0; i < WR_COUNT(tests); i++) {
        remove_dir(test_dir);
        tests[i]();
    }
    remove_dir(test_dir);
}

int main(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(test_dir, sizeof test_dir, "%s/weir-store-test-%d", tmp ? tmp : "/tmp", (int)getpid());
    run_tests();
    durable = true;
    run_tests();
    test_refusals();
    return check_report("store");
}
