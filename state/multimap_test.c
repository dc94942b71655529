/* multimap against a model: random inserts and retractions, reads, merges, clears, seals, evictions and restarts, over
 * no trace, a store in memory and one on disk. Key 0 has thousands of rows: it is too big to load and must be streamed.
 */
#include "state/multimap.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/check.h"

#define KEYS     300
#define ROWS     6    /* of an ordinary key */
#define BIG_ROWS 3000 /* of key 0 */
#define BATCH    128

enum mode { NO_STORE, IN_MEMORY, ON_DISK };

struct rig {
    enum mode mode;
    bool append_only, counting;
    struct wr_budget budget;
    struct wr_pool pool;
    struct wr_arena arena;
    struct store *store;
    struct commit *commit;
    struct trace *trace;
    struct multimap *map;
    char dir[64];
    int64_t big[BIG_ROWS];
    int64_t rows[KEYS][ROWS];
    int64_t streamed, loaded;
};

static uint64_t seed = 1;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((seed >> 33) % n);
}

static int64_t *weight_of(struct rig *rig, int key, int row)
{
    return key ? &rig->rows[key][row] : &rig->big[row];
}
static int row_count(int key)
{
    return key ? ROWS : BIG_ROWS;
}

/* Rows of several lengths, one of them empty, one bigger than any block class. */
static uint32_t row_bytes(int key, int row, char *to)
{
    static const uint32_t lens[] = {4, 5, 17, 64, 300, 0};
    uint32_t len = key ? lens[row] : 8;
    if (key == 7 && row == 4)
        len = 20000;
    for (uint32_t i = 0; i < len; i++)
        to[i] = (char)(key * 31 + row + (int)i);
    if (len >= 4)
        memcpy(to, &row, 4);
    return len;
}
static int row_of(int key, const char *row, uint32_t len)
{
    int id;
    if (!len)
        return 5;
    CHECK(len >= 4);
    memcpy(&id, row, 4);
    char want[20000];
    CHECK(id >= 0 && id < row_count(key) && row_bytes(key, id, want) == len && !memcmp(want, row, len));
    return id;
}

static struct keys keys_of(struct rig *rig, const int *ids, uint32_t n)
{
    struct keys keys = {.n = n};
    keys.bytes = wr_arena_bytes(&rig->arena, n * 24);
    keys.offsets = wr_arena_alloc(&rig->arena, (n + 1) * sizeof *keys.offsets);
    keys.hashes = wr_arena_alloc(&rig->arena, n * sizeof *keys.hashes);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        keys.offsets[i] = at;
        int len = snprintf(keys.bytes + at + 1, 23, "key %d", ids[i]) + 1; /* its NUL ends it: no key starts another */
        keys.hashes[i] = wr_key_hash(keys.bytes + at + 1, (size_t)len);
        keys.bytes[at] = (char)wr_key_shard(keys.hashes[i]);
        at += 1 + (uint32_t)len;
    }
    keys.offsets[n] = at;
    return keys;
}

static void map_open(struct rig *rig)
{
    struct wr_error err = WR_ERROR_INIT;
    if (rig->mode != NO_STORE && !rig->store) {
        struct store_options options = {.budget = &rig->budget, .checkpoint_bytes = 256 << 10};
        options.dir = rig->mode == ON_DISK ? rig->dir : NULL;
        rig->store = wr_store_open(&options, &err);
        if (!rig->store) {
            fprintf(stderr, "%s %s\n", err.sqlstate, err.message);
            exit(1);
        }
        rig->commit = wr_commit_begin(rig->store);
        rig->trace = wr_trace_open(rig->store, 1 << 16, rig->append_only ? TRACE_APPEND : TRACE_ZSET);
    }
    rig->map = wr_multimap_new(&rig->pool, rig->trace, rig->counting, 8 << 10);
}

static void map_close(struct rig *rig)
{
    wr_multimap_free(rig->map);
    CHECK_INT(atomic_load(&rig->pool.used_bytes), 0);
}

static void store_close(struct rig *rig)
{
    if (!rig->store)
        return;
    wr_commit_abandon(rig->commit);
    wr_store_close(rig->store);
    rig->store = NULL;
}

/* ---- steps */

static void insert(struct rig *rig)
{
    int ids[BATCH], rows[BATCH];
    int64_t weights[BATCH];
    uint32_t sizes[BATCH], n = 1 + rnd(BATCH);
    struct multimap_group *groups[BATCH];
    char *to[BATCH], bytes[20000];
    bool leave = rnd(3) == 0;
    for (uint32_t i = 0; i < n; i++) {
        ids[i] = rnd(5) ? (int)rnd(KEYS) : 0;
        rows[i] = (int)rnd((uint32_t)row_count(ids[i]));
        int64_t *weight = weight_of(rig, ids[i], rows[i]);
        weights[i] = rnd(50) ? 1 : (int64_t)5000000000;
        if (!rig->append_only && leave)
            weights[i] = *weight ? -*weight : rnd(20) ? 1 : -1;
        *weight += weights[i];
        sizes[i] = row_bytes(ids[i], rows[i], bytes);
    }
    struct keys keys = keys_of(rig, ids, n);
    wr_multimap_find_or_add(rig->map, &keys, NULL, rig->counting ? NULL : sizes, groups);
    if (rig->counting) {
        for (uint32_t i = 0; i < n; i++)
            wr_multimap_count(rig->map, groups[i], weights[i]);
        return;
    }
    wr_multimap_insert(rig->map, &rig->arena, groups, n, sizes, weights, to);
    for (uint32_t i = 0; i < n; i++)
        row_bytes(ids[i], rows[i], to[i]);
}

static void add_group(struct rig *rig, int id, struct multimap_group *group, int64_t *got, bool merged)
{
    struct multimap_rows rows;
    const char *row;
    uint32_t len;
    int64_t weight;
    if (!group)
        return;
    if (merged)
        wr_multimap_merge(rig->map, &rig->arena, group);
    else
        wr_multimap_settle(rig->map, &rig->arena, group);
    for (rows = wr_multimap_rows(group); wr_multimap_next(&rows, &row, &len, &weight);) {
        int at = row_of(id, row, len);
        CHECK(!merged || !got[at]);
        got[at] += weight;
    }
}

static void read_key(struct rig *rig, int id, bool merged)
{
    static int64_t got[BIG_ROWS];
    struct wr_error err = WR_ERROR_INIT;
    struct keys keys = keys_of(rig, &id, 1);
    struct multimap_group *group;
    enum multimap_load outcome = LOAD_DONE;
    memset(got, 0, sizeof got);
    int64_t total = 0;
    wr_multimap_find(rig->map, &keys, NULL, &group);
    if (!wr_multimap_is_complete(rig->map, group)) {
        struct version *version = wr_trace_current(rig->trace);
        CHECK(wr_multimap_load(rig->map, &rig->arena, version, keys.bytes, keys.offsets[1], keys.hashes[0], &group,
                               &outcome, &err));
        rig->loaded++;
        if (outcome == LOAD_HUGE) {
            struct cursor *cursor = wr_cursor_open_prefix(version, keys.bytes, keys.offsets[1], true);
            const struct entry *entry;
            while ((entry = wr_cursor_next(cursor, &err)))
                got[row_of(id, entry->payload, entry->payload_len)] += entry->weight;
            wr_cursor_close(cursor);
            rig->streamed++;
        }
        wr_version_release(version);
    }
    if (!rig->counting)
        add_group(rig, id, group, got, merged && outcome == LOAD_DONE);
    bool same = true;
    for (int row = 0; row < row_count(id); row++) {
        same &= got[row] == *weight_of(rig, id, row);
        total += *weight_of(rig, id, row);
    }
    CHECK(same || rig->counting);
    if (outcome == LOAD_DONE)
        CHECK_INT(group ? group->total : 0, total);
}

static void clear(struct rig *rig)
{
    int id = (int)rnd(KEYS);
    struct keys keys = keys_of(rig, &id, 1);
    struct multimap_group *group;
    wr_multimap_find(rig->map, &keys, NULL, &group);
    if (rig->counting || rig->append_only || !group || !(group->flags & GROUP_COMPLETE))
        return;
    wr_multimap_clear(rig->map, &rig->arena, group);
    for (int row = 0; row < row_count(id); row++)
        *weight_of(rig, id, row) = 0;
}

static void seal(struct rig *rig)
{
    struct wr_error err = WR_ERROR_INIT;
    if (!rig->store)
        return;
    CHECK(wr_multimap_seal(rig->map, &rig->arena, rig->commit, &err));
    if (rnd(3) == 0)
        return; /* two runs of one commit */
    uint64_t number = wr_commit_submit(rig->commit, NULL, NULL);
    if (rnd(2))
        CHECK(wr_store_wait(rig->store, number, &err));
    rig->commit = wr_commit_begin(rig->store);
}

static void restart(struct rig *rig)
{
    struct wr_error err = WR_ERROR_INIT;
    if (!rig->store)
        return;
    CHECK(wr_multimap_seal(rig->map, &rig->arena, rig->commit, &err));
    CHECK(wr_store_wait(rig->store, wr_commit_submit(rig->commit, NULL, NULL), &err));
    rig->commit = wr_commit_begin(rig->store);
    map_close(rig);
    if (rig->mode == ON_DISK)
        store_close(rig);
    map_open(rig);
}

static void run(enum mode mode, bool append_only, bool counting, int steps)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig->mode = mode;
    rig->append_only = append_only;
    rig->counting = counting;
    wr_budget_init(&rig->budget, (int64_t)1 << 30);
    wr_pool_init(&rig->pool, &rig->budget, "state");
    wr_arena_init(&rig->arena, NULL);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/weir-multimap-test-%d", (int)getpid());
    map_open(rig);
    for (int step = 0; step < steps; step++) {
        struct wr_mark mark = wr_arena_mark(&rig->arena);
        insert(rig);
        for (int i = 0; i < 3; i++)
            read_key(rig, rnd(20) ? (int)rnd(KEYS) : 0, rnd(2));
        if (!rnd(30))
            clear(rig);
        if (!rnd(10))
            seal(rig);
        if (rig->store && !rnd(25))
            wr_multimap_evict(rig->map, rnd(4) ? (int64_t)rnd(100000) : INT64_MAX);
        if (!rnd(400))
            restart(rig);
        wr_arena_release(&rig->arena, mark);
    }
    for (int id = 0; id < KEYS; id++)
        read_key(rig, id, true);
    if (rig->store && !counting)
        CHECK(rig->loaded > 0 && rig->streamed > 0);
    map_close(rig);
    store_close(rig);
    if (mode == ON_DISK) {
        char command[128];
        snprintf(command, sizeof command, "rm -rf %s", rig->dir);
        CHECK(!system(command));
    }
    wr_arena_reset(&rig->arena);
    free(rig);
}

/* A group of more rows than are sorted together when it is sealed, most of them taken back before: what the trace says
 * is the sum. */
static void test_big_seal(enum mode mode)
{
    enum { ROWS_ALL = 50000 };
    struct rig *rig = calloc(1, sizeof *rig);
    struct wr_error err = WR_ERROR_INIT;
    rig->mode = mode;
    wr_budget_init(&rig->budget, (int64_t)64 << 20);
    wr_pool_init(&rig->pool, &rig->budget, "state");
    wr_arena_init(&rig->arena, NULL);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/weir-multimap-test-%d", (int)getpid());
    map_open(rig);
    for (int i = 0; i < 2 * ROWS_ALL; i += BATCH) {
        struct wr_mark mark = wr_arena_mark(&rig->arena);
        int ids[BATCH];
        int64_t weights[BATCH];
        uint32_t sizes[BATCH];
        char *to[BATCH];
        struct multimap_group *groups[BATCH];
        for (int k = 0; k < BATCH; k++) {
            ids[k] = 3;
            sizes[k] = 4;
            weights[k] = i + k < ROWS_ALL ? 1 : (i + k) % 4 ? -1 : 1;
        }
        struct keys keys = keys_of(rig, ids, BATCH);
        wr_multimap_find_or_add(rig->map, &keys, NULL, sizes, groups);
        wr_multimap_insert(rig->map, &rig->arena, groups, BATCH, sizes, weights, to);
        for (int k = 0; k < BATCH; k++) {
            uint32_t row = (uint32_t)((i + k) % ROWS_ALL) * 2654435761u;
            memcpy(to[k], &row, 4);
        }
        wr_arena_release(&rig->arena, mark);
    }
    CHECK(wr_multimap_seal(rig->map, &rig->arena, rig->commit, &err));
    CHECK(rig->arena.total_bytes < 4 << 20);
    struct version *version = wr_trace_current(rig->trace);
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    int64_t rows = 0, total = 0;
    for (const struct entry *entry; (entry = wr_cursor_next(cursor, &err)); rows++)
        total += entry->weight;
    CHECK_STR(err.sqlstate, "");
    int64_t twice = (2 * ROWS_ALL + BATCH - 1) / BATCH * BATCH - 2 * ROWS_ALL; /* the last batch begins a third round */
    CHECK(rows >= ROWS_ALL / 4 && rows <= ROWS_ALL / 4 + twice);
    CHECK(total >= 2 * (ROWS_ALL / 4) - twice && total <= 2 * (ROWS_ALL / 4) + twice);
    wr_cursor_close(cursor);
    wr_version_release(version);
    map_close(rig);
    store_close(rig);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", rig->dir);
    CHECK(!system(command));
    wr_arena_reset(&rig->arena);
    free(rig);
}

static struct multimap_group *load_one(struct rig *rig, int id, bool *read)
{
    struct wr_error err = WR_ERROR_INIT;
    struct keys keys = keys_of(rig, &id, 1);
    struct multimap_group *group;
    enum multimap_load outcome;
    wr_multimap_find(rig->map, &keys, NULL, &group);
    *read = !wr_multimap_is_complete(rig->map, group);
    if (*read) {
        struct version *version = wr_trace_current(rig->trace);
        CHECK(wr_multimap_load(rig->map, &rig->arena, version, keys.bytes, keys.offsets[1], keys.hashes[0], &group,
                               &outcome, &err));
        wr_version_release(version);
    }
    return group;
}

/* Rows of a key that came and went are walked through once: then the key is known to have none. */
static void test_gone(bool counting)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct wr_error err = WR_ERROR_INIT;
    rig->mode = IN_MEMORY;
    rig->counting = counting;
    wr_budget_init(&rig->budget, (int64_t)64 << 20);
    wr_pool_init(&rig->pool, &rig->budget, "state");
    wr_arena_init(&rig->arena, NULL);
    map_open(rig);
    int id = 7;
    for (int64_t weight = 1; weight >= -1; weight -= 2) {
        uint32_t size = 4;
        char *to;
        struct multimap_group *group;
        struct keys keys = keys_of(rig, &id, 1);
        wr_multimap_find_or_add(rig->map, &keys, NULL, counting ? NULL : &size, &group);
        if (counting)
            wr_multimap_count(rig->map, group, weight);
        else {
            wr_multimap_insert(rig->map, &rig->arena, &group, 1, &size, &weight, &to);
            memcpy(to, "gone", 4);
        }
        CHECK(wr_multimap_seal(rig->map, &rig->arena, rig->commit, &err));
        wr_multimap_evict(rig->map, INT64_MAX);
        wr_multimap_evict(rig->map, INT64_MAX);
    }
    bool read;
    load_one(rig, id, &read);
    CHECK(read);
    struct multimap_group *group = load_one(rig, id, &read);
    CHECK(!read && group && !group->total);
    map_close(rig);
    store_close(rig);
    wr_arena_reset(&rig->arena);
    free(rig);
}

int main(int argc, char **argv)
{
    int steps = argc > 1 ? atoi(argv[1]) : 2000;
    for (int mode = NO_STORE; mode <= ON_DISK; mode++)
        for (int append_only = 0; append_only < 2; append_only++)
            for (int counting = 0; counting < 2; counting++)
                run((enum mode)mode, append_only, counting, steps);
    test_big_seal(IN_MEMORY);
    test_big_seal(ON_DISK);
    test_gone(false);
    test_gone(true);
    return check_report("multimap");
}
