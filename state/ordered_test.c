/* ordered against a plain model: random changes, seals, relieves and reopens; the first `need` rows of every group that
 * is touched are compared before and after. And: one-row changes of a large group touch few entries. */
#include "state/ordered.h"

#include <stdlib.h>
#include <unistd.h>

#include "state/test_trace.h"

#define GROUPS 40
#define VALUES 120
#define BATCH  60

struct world {
    struct test_trace disk;
    struct wr_pool pool;
    struct wr_arena arena;
    struct ordered *ordered;
    const char *dir; /* NULL: no store; "": memory store */
    uint64_t need;
    bool discard;
    int64_t weights[GROUPS][VALUES];
};

static void open_ordered(struct world *w)
{
    test_trace_open(&w->disk, w->dir, TRACE_ZSET);
    w->ordered = wr_ordered_new(&(struct ordered_options){
        .pool = &w->pool, .trace = w->disk.trace, .need = w->need, .slack = w->discard ? 0 : 4, .discard = w->discard});
}

static void submit(struct world *w, bool wait)
{
    struct wr_error err = WR_ERROR_INIT;
    CHECK(wr_ordered_seal(w->ordered, w->disk.commit, &err));
    test_trace_submit(&w->disk, wait);
}

static void close_ordered(struct world *w)
{
    wr_ordered_free(w->ordered);
    test_trace_close(&w->disk);
}

/* Group g's prefix: 1..3 bytes that are nobody's beginning. */
static uint32_t prefix_bytes(unsigned g, char *to)
{
    to[0] = (char)(g * 41);
    to[1] = (char)g;
    memset(to + 2, 'p', g % 3);
    to[2 + g % 3] = 0;
    return 3 + g % 3;
}

/* Value v: order key of two bytes, of which several values share one, and a payload that tells them apart. */
static void value_bytes(unsigned v, char *key, char *payload)
{
    key[0] = (char)(v / 60);
    key[1] = (char)(v / 3);
    payload[0] = (char)(v % 3 + 'a');
    payload[1] = (char)v;
}

static void check_group(struct world *w, unsigned g, const struct ordered_group *group)
{
    uint64_t left = w->need;
    uint32_t i = 0;
    for (unsigned v = 0; v < VALUES && left; v++) {
        int64_t weight = w->weights[g][v];
        if (!weight)
            continue;
        char key[2], payload[2];
        value_bytes(v, key, payload);
        CHECK(wr_ordered_has(group, i));
        if (!wr_ordered_has(group, i))
            return;
        const struct ordered_item *item = wr_ordered_item(w->ordered, group, i++);
        CHECK_INT(item->weight, weight);
        CHECK(item->key_len == 2 && !memcmp(item->bytes, key, 2) && !memcmp(wr_ordered_payload(item), payload, 2));
        left -= WR_MIN((uint64_t)weight, left);
    }
    if (left)
        CHECK_INT(group->n, i);
}

static int64_t change_of(struct world *w, unsigned g, unsigned v)
{
    if (w->discard || !w->weights[g][v] || rand() % 3 == 0)
        return 1 + rand() % 2;
    return -1 - (int64_t)(rand() % w->weights[g][v]);
}

static void step(struct world *w)
{
    struct wr_mark mark = wr_arena_mark(&w->arena);
    unsigned n = 1 + (unsigned)rand() % BATCH, gs[BATCH], first = (unsigned)rand() % GROUPS;
    char bytes[BATCH * 8];
    uint32_t offsets[BATCH + 1] = {0};
    for (unsigned i = 0; i < n; i++) {
        gs[i] = (first + (unsigned)rand() % 8) % GROUPS;
        offsets[i + 1] = offsets[i] + prefix_bytes(gs[i], bytes + offsets[i]);
    }
    struct keys keys = {.n = n, .bytes = bytes, .offsets = offsets};
    struct ordered_found found;
    struct wr_error err = WR_ERROR_INIT;
    CHECK(wr_ordered_find(w->ordered, &w->arena, &keys, &found, &err));
    for (unsigned d = 0; d < found.n; d++)
        check_group(w, gs[found.rows[d]], found.groups[d]);
    bool low = rand() % 2; /* changes at the windows' beginning are the interesting ones */
    for (unsigned i = 0; i < n; i++) {
        unsigned v = (unsigned)rand() % (low ? 20 : VALUES);
        char key[16], payload[2];
        uint32_t prefix = prefix_bytes(gs[i], key);
        value_bytes(v, key + prefix, payload);
        int64_t weight = change_of(w, gs[i], v);
        w->weights[gs[i]][v] += weight;
        wr_ordered_change(w->ordered, found.groups[found.of[i]],
                          &(struct ordered_change){key, payload, prefix + 2, prefix, 2, weight});
    }
    struct str_key prefixes[BATCH];
    for (unsigned d = 0; d < found.n; d++)
        prefixes[d] = (struct str_key){wr_key_at(&keys, found.rows[d]), wr_key_len(&keys, found.rows[d])};
    CHECK(wr_ordered_refill(w->ordered, found.groups, prefixes, found.n, w->disk.commit, &err));
    for (unsigned d = 0; d < found.n; d++) {
        check_group(w, gs[found.rows[d]], found.groups[d]);
        if (!found.groups[d]->n)
            wr_ordered_forget_empty(w->ordered, &prefixes[d]);
    }
    wr_ordered_reclaim(w->ordered);
    wr_arena_release(&w->arena, mark);
}

static struct world *world_new(const char *dir, uint64_t need, bool discard)
{
    struct world *w = wr_calloc(1, sizeof(*w));
    w->dir = dir;
    w->need = need;
    w->discard = discard;
    wr_budget_init(&w->disk.budget, 64 << 20);
    wr_pool_init(&w->pool, &w->disk.budget, "state");
    wr_arena_init(&w->arena, NULL);
    open_ordered(w);
    return w;
}

static void world_free(struct world *w)
{
    close_ordered(w);
    CHECK_INT(atomic_load(&w->pool.used_bytes), 0);
    wr_arena_reset(&w->arena);
    free(w);
}

static void run(const char *dir, uint64_t need, bool discard, unsigned seed, int steps)
{
    srand(seed);
    struct world *w = world_new(dir, need, discard);
    for (int i = 0; i < steps; i++) {
        step(w);
        if (!dir)
            continue;
        if (rand() % 10 == 0)
            submit(w, false);
        if (rand() % 15 == 0) {
            submit(w, false);
            wr_ordered_relieve(w->ordered, 1 << 30);
        }
        if (*dir && rand() % 100 == 0) {
            submit(w, true);
            close_ordered(w);
            open_ordered(w);
        }
    }
    world_free(w);
}

/* ---- the log-only form */

struct listing {
    unsigned n;
    int64_t weights[VALUES];
};

static bool list_entry(void *context, const struct ordered_change *entry)
{
    struct listing *l = context;
    unsigned v = (unsigned)(uint8_t)entry->payload[1];
    CHECK(l->n <= v);
    l->n = v + 1;
    l->weights[v] = entry->weight;
    return true;
}

static void test_log_only(void)
{
    struct world *w = world_new(NULL, 5, false);
    for (int i = 0; i < 5000; i++) {
        unsigned v = (unsigned)rand() % VALUES;
        char key[16], payload[2];
        uint32_t prefix = prefix_bytes(3, key);
        value_bytes(v, key + prefix, payload);
        int64_t weight = rand() % 2 ? 1 : -1;
        w->weights[3][v] += weight;
        wr_ordered_change(w->ordered, NULL, &(struct ordered_change){key, payload, prefix + 2, prefix, 2, weight});
    }
    struct listing l = {0};
    CHECK(wr_ordered_each(w->ordered, list_entry, &l));
    for (unsigned v = 0; v < VALUES; v++)
        CHECK_INT(l.weights[v], w->weights[3][v]);
    world_free(w);
}

/* ---- a large group: what one row costs */

static void change_one(struct world *w, uint64_t value, int64_t weight)
{
    struct wr_mark mark = wr_arena_mark(&w->arena);
    char key[11] = {5, 5, 0}, payload = 'x';
    wr_store_u64be(key + 3, value);
    struct keys keys = {.n = 1, .bytes = key, .offsets = (uint32_t[]){0, 3}};
    struct ordered_found found;
    struct wr_error err = WR_ERROR_INIT;
    CHECK(wr_ordered_find(w->ordered, &w->arena, &keys, &found, &err));
    wr_ordered_change(w->ordered, found.groups[0], &(struct ordered_change){key, &payload, 11, 3, 1, weight});
    CHECK(wr_ordered_refill(w->ordered, found.groups, &(struct str_key){key, 3}, 1, w->disk.commit, &err));
    CHECK(wr_load_u64be(wr_ordered_item(w->ordered, found.groups[0], 0)->bytes) == (weight < 0 ? value + 1 : 0));
    wr_ordered_reclaim(w->ordered);
    wr_arena_release(&w->arena, mark);
}

static void test_large_group(void)
{
    struct world *w = world_new("", 1, false);
    enum { N = 200000 };
    for (uint64_t i = 0; i < N; i++)
        change_one(w, i * 7919 % N, 1);
    submit(w, true);
    struct ordered_stats before, after;
    int64_t most = 0;
    for (uint64_t i = 0; i < 500; i++) {
        wr_ordered_stats(w->ordered, &before);
        change_one(w, i, -1); /* always the smallest */
        wr_ordered_stats(w->ordered, &after);
        most = WR_MAX(most, after.touched - before.touched);
        if (i % 100 == 0)
            submit(w, false);
    }
    CHECK(most < 100);
    world_free(w);
}

int main(void)
{
    char dir[] = "/tmp/weir-ordered-test-XXXXXX";
    for (unsigned seed = 1; seed <= 3; seed++) {
        run("", 5, false, seed, 2000);
        run("", 1, false, seed, 1000);
        run("", UINT64_MAX, false, seed, 500);
        run("", 5, true, seed, 1000);
        run(NULL, 5, true, seed, 1000);
    }
    test_log_only();
    test_large_group();
    if (mkdtemp(dir)) {
        char sub[64], command[96];
        for (int discard = 0; discard < 2; discard++) {
            snprintf(sub, sizeof(sub), "%s/%d", dir, discard);
            run(sub, 3, discard, 9, 800);
        }
        snprintf(command, sizeof(command), "rm -rf %s", dir);
        CHECK(system(command) == 0);
    }
    return check_report("ordered_test");
}
