/* vmap against a plain model: random finds, puts, deletes, seals, relieves and reopens, in RAM only, over a memory
 * store and over a directory. */
#include "state/vmap.h"

#include <stdlib.h>
#include <unistd.h>

#include "state/key_sort.h"
#include "state/test_trace.h"

#define KEYS  3000
#define BATCH 200

struct value {
    int64_t sum;
    char *heap; /* the value's last change as text: owned, so that fini and moves are checked by the sanitizer */
};

static void value_fini(void *context, void *value)
{
    free(((struct value *)value)->heap);
}

static void value_encode(void *context, const void *value, struct wr_buf *buf)
{
    const struct value *v = value;
    wr_buf_u64le(buf, (uint64_t)v->sum);
    wr_buf_puts(buf, v->heap ? v->heap : "");
}

static bool value_decode(void *context, void *value, const char *bytes, uint32_t len)
{
    struct value *v = value;
    struct wr_reader reader = wr_reader_of(bytes, len);
    v->sum = (int64_t)wr_get_u64le(&reader);
    if (reader.ok && len > 8)
        v->heap = wr_strndup(bytes + 8, len - 8);
    return reader.ok;
}

/* Key k has a length that depends on k; the first byte spreads like a shard. */
static uint32_t key_bytes(unsigned k, char *to)
{
    uint32_t len = 3 + k % 37;
    memset(to, 'k', len);
    to[0] = (char)(k * 37);
    to[1] = (char)(k >> 8);
    to[2] = (char)k;
    return len;
}

struct world {
    struct test_trace disk;
    struct wr_pool pool;
    struct wr_arena arena;
    struct vmap *map;
    bool fixed;
    const char *dir;
    bool live[KEYS];
    int64_t value[KEYS]; /* fixed: the sum; variable: seed of the bytes */
};

static uint32_t value_len(int64_t seed)
{
    return (uint32_t)(seed % 211);
}

static void value_bytes(int64_t seed, char *to)
{
    memset(to, (char)('a' + seed % 26), value_len(seed));
}

static void open_map(struct world *w)
{
    test_trace_open(&w->disk, w->dir, TRACE_UPSERT);
    struct vmap_options options = {.pool = &w->pool, .trace = w->disk.trace};
    if (w->fixed) {
        options.fixed_size = sizeof(struct value);
        options.fini = value_fini;
        options.encode = value_encode;
        options.decode = value_decode;
    }
    w->map = wr_vmap_new(&options);
}

static void submit(struct world *w, bool wait)
{
    struct wr_error err = WR_ERROR_INIT;
    CHECK(wr_vmap_seal(w->map, w->disk.commit, &err));
    test_trace_submit(&w->disk, wait);
}

static void close_map(struct world *w)
{
    wr_vmap_free(w->map);
    test_trace_close(&w->disk);
}

static void check_entry(struct world *w, unsigned k, const struct vmap_entry *entry)
{
    char key[64], bytes[256];
    uint32_t len = key_bytes(k, key);
    CHECK(entry->key_len == len && !memcmp(wr_vmap_key(w->map, entry), key, len));
    CHECK_INT(wr_vmap_is_live(entry), w->live[k]);
    if (!w->live[k] || !wr_vmap_is_live(entry))
        return;
    if (w->fixed) {
        const struct value *v = wr_vmap_fixed((struct vmap_entry *)entry);
        CHECK_INT(v->sum, w->value[k]);
        CHECK(v->heap && atoll(v->heap) == v->sum);
        return;
    }
    value_bytes(w->value[k], bytes);
    CHECK(entry->value_len == value_len(w->value[k]) && !memcmp(wr_vmap_value(entry), bytes, entry->value_len));
}

static struct vmap_entry *change_variable(struct world *w, unsigned k, struct vmap_entry *entry)
{
    w->value[k] = rand() % 100000;
    uint32_t len = value_len(w->value[k]);
    if (rand() % 2) {
        const struct vmap_entry *old = entry;
        entry = wr_vmap_swap(w->map, entry, len);
        value_bytes(w->value[k], wr_vmap_room(entry));
        CHECK(!memcmp(wr_vmap_key(w->map, old), wr_vmap_key(w->map, entry), entry->key_len));
    } else {
        entry = wr_vmap_put(w->map, entry, len);
        value_bytes(w->value[k], wr_vmap_room(entry));
    }
    w->live[k] = true;
    return entry;
}

static void change_fixed(struct world *w, unsigned k, struct vmap_entry *entry)
{
    struct value *v = wr_vmap_fixed(entry);
    if (!w->live[k])
        w->value[k] = 0;
    w->value[k] += rand() % 1000;
    v->sum = w->value[k];
    free(v->heap);
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)v->sum);
    v->heap = wr_strdup(text);
    wr_vmap_touch(w->map, entry);
    w->live[k] = true;
}

/* Keys of a batch cluster, so that some are hot and most get cold. */
static void batch_step(struct world *w, unsigned range)
{
    struct wr_mark mark = wr_arena_mark(&w->arena);
    unsigned base = (unsigned)rand() % KEYS, n = 1 + (unsigned)rand() % BATCH;
    unsigned ks[BATCH];
    uint32_t offsets[BATCH + 1] = {0}, rooms[BATCH];
    char bytes[BATCH * 64];
    for (unsigned i = 0; i < n; i++) {
        ks[i] = (base + (unsigned)rand() % range) % KEYS;
        offsets[i + 1] = offsets[i] + key_bytes(ks[i], bytes + offsets[i]);
        rooms[i] = (uint32_t)rand() % 200;
    }
    struct keys keys = {.n = n, .bytes = bytes, .offsets = offsets};
    struct vmap_found found;
    struct wr_error err = WR_ERROR_INIT;
    CHECK(wr_vmap_find(w->map, &w->arena, &keys, w->fixed ? NULL : rooms, &found, &err));
    for (unsigned i = 0; i < n; i++)
        CHECK(ks[found.rows[found.of[i]]] == ks[i]);
    for (unsigned d = 0; d < found.n; d++)
        check_entry(w, ks[found.rows[d]], found.entries[d]);
    for (unsigned i = 0; i < n; i++) {
        struct vmap_entry **entry = &found.entries[found.of[i]];
        int what = rand() % 10;
        if (what < 5 && w->fixed) {
            change_fixed(w, ks[i], *entry);
        } else if (what < 5) {
            *entry = change_variable(w, ks[i], *entry);
        } else if (what < 7) {
            wr_vmap_delete(w->map, *entry);
            w->live[ks[i]] = false;
        }
    }
    for (unsigned d = 0; d < found.n; d++)
        check_entry(w, ks[found.rows[d]], found.entries[d]);
    if (rand() % 2)
        wr_vmap_reclaim(w->map);
    wr_arena_release(&w->arena, mark);
}

static void check_all(struct world *w)
{
    struct wr_error err = WR_ERROR_INIT;
    for (unsigned k = 0; k < KEYS; k++) {
        char key[64];
        uint32_t len = key_bytes(k, key);
        struct vmap_entry *entry;
        CHECK(wr_vmap_find_one(w->map, key, len, &entry, &err));
        CHECK_INT(entry != NULL, w->live[k]);
        if (entry)
            check_entry(w, k, entry);
    }
    wr_vmap_reclaim(w->map);
}

static bool count_entry(void *context, struct vmap_entry *entry)
{
    ++*(int64_t *)context;
    return true;
}

static void run(const char *dir, bool fixed, unsigned seed, int steps)
{
    srand(seed);
    struct world *w = wr_calloc(1, sizeof(*w));
    w->fixed = fixed;
    w->dir = dir;
    wr_budget_init(&w->disk.budget, 64 << 20);
    wr_pool_init(&w->pool, &w->disk.budget, "state");
    wr_arena_init(&w->arena, NULL);
    open_map(w);
    for (int i = 0; i < steps; i++) {
        batch_step(w, rand() % 4 ? 300 : KEYS);
        if (!dir)
            continue;
        if (rand() % 10 == 0)
            submit(w, false);
        if (rand() % 15 == 0)
            wr_vmap_relieve(w->map, rand() % 3 ? 1 << 14 : 1 << 30);
        if (*dir && rand() % 100 == 0) {
            submit(w, true);
            close_map(w);
            open_map(w);
        }
    }
    check_all(w);
    if (!dir) {
        int64_t n = 0, want = 0;
        wr_vmap_each(w->map, count_entry, &n);
        for (unsigned k = 0; k < KEYS; k++)
            want += w->live[k];
        CHECK_INT(n, want);
    }
    close_map(w);
    CHECK_INT(atomic_load(&w->pool.used_bytes), 0);
    wr_arena_reset(&w->arena);
    free(w);
}

/* Values too big for a shared chunk: grown, replaced, deleted, sealed, dropped and read again. */
static void test_big(void)
{
    struct world *w = wr_calloc(1, sizeof(*w));
    w->dir = "";
    wr_budget_init(&w->disk.budget, 64 << 20);
    wr_pool_init(&w->pool, &w->disk.budget, "state");
    wr_arena_init(&w->arena, NULL);
    open_map(w);
    static const uint32_t lens[] = {3 << 20, 300 << 10, 10, 1 << 20, 0};
    struct wr_error err = WR_ERROR_INIT;
    for (unsigned i = 0; i < 40; i++) {
        struct wr_mark mark = wr_arena_mark(&w->arena);
        struct keys keys = {.n = 1, .bytes = "big", .offsets = (uint32_t[]){0, 3}};
        struct vmap_found found;
        CHECK(wr_vmap_find(w->map, &w->arena, &keys, &lens[i % 3], &found, &err));
        struct vmap_entry *entry = found.entries[0];
        CHECK_INT(wr_vmap_is_live(entry), i && (i - 1) % 7 != 6);
        if (wr_vmap_is_live(entry))
            CHECK(entry->value_len == lens[(i - 1) % 5] && (!entry->value_len || wr_vmap_value(entry)[0] == 'v'));
        entry = i % 2 ? wr_vmap_put(w->map, entry, lens[i % 5]) : wr_vmap_swap(w->map, entry, lens[i % 5]);
        memset(wr_vmap_room(entry), 'v', lens[i % 5]);
        if (i % 7 == 6)
            wr_vmap_delete(w->map, entry);
        if (i % 3 == 0)
            wr_vmap_reclaim(w->map);
        if (i % 4 == 0)
            submit(w, false);
        if (i % 8 == 0)
            wr_vmap_relieve(w->map, 1 << 30);
        wr_arena_release(&w->arena, mark);
    }
    close_map(w);
    CHECK_INT(atomic_load(&w->pool.used_bytes), 0);
    wr_arena_reset(&w->arena);
    free(w);
}

static int cmp_refs(const void *a, const void *b)
{
    const struct key_ref *x = a, *y = b;
    int c = wr_key_cmp(x->bytes, x->len, y->bytes, y->len);
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

static void test_sort(void)
{
    enum { N = 5000 };
    char(*keys)[40] = wr_malloc(N * sizeof(*keys));
    struct key_ref *refs = wr_malloc(N * sizeof(*refs)), *want = wr_malloc(N * sizeof(*want));
    for (int round = 0; round < 20; round++) {
        size_t n = round < 10 ? (size_t)rand() % 100 : N;
        for (size_t i = 0; i < n; i++) {
            uint32_t len = (uint32_t)rand() % 40;
            for (uint32_t b = 0; b < len; b++)
                keys[i][b] = (char)(b < 18 ? rand() % 2 : rand() % 4 - 1);
            refs[i] = want[i] = wr_key_ref(keys[i], len, (uint32_t)i);
        }
        wr_key_sort(refs, n);
        qsort(want, n, sizeof(*want), cmp_refs);
        size_t same = 0;
        for (size_t i = 0; i < n; i++)
            same += refs[i].index == want[i].index;
        CHECK_INT(same, n);
    }
    free(want);
    free(refs);
    free(keys);
}

int main(void)
{
    char dir[] = "/tmp/weir-vmap-test-XXXXXX";
    test_sort();
    test_big();
    for (unsigned seed = 1; seed <= 3; seed++) {
        run(NULL, true, seed, 1000);
        run(NULL, false, seed, 1000);
        run("", true, seed, 1000);
        run("", false, seed, 1000);
    }
    if (mkdtemp(dir)) {
        char sub[64], command[96];
        for (int fixed = 0; fixed < 2; fixed++) {
            snprintf(sub, sizeof(sub), "%s/%d", dir, fixed);
            run(sub, fixed, 9, 600);
        }
        snprintf(command, sizeof(command), "rm -rf %s", dir);
        CHECK(system(command) == 0);
    }
    return check_report("vmap_test");
}
