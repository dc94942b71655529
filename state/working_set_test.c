/* The working sets over one store, as the engine uses them: several "views", each with a vmap, a multimap and an
 * ordered per worker, keys dealt by shard. Random changes, emptyings, seals (the workers' at once), commits, relief,
 * snapshots held meanwhile, views built in a detached commit, views dropped, and reopenings with another number of
 * workers; everything is compared with plain arrays.
 *
 * working_set_test [--full] [--steps N] [--seed N] [--jobs N] */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "state/multimap.h"
#include "state/ordered.h"
#include "state/vmap.h"
#include "tests/check.h"
#include "tests/jobs.h"

#define KEYS        300
#define ROWS        5
#define GROUPS      40
#define VALUES      60
#define NEED        3 /* rows of a group that are asked for */
#define VIEWS       3
#define WORKERS_MAX 4
#define PINS        4
#define BATCH       64

struct content {
    int32_t value[KEYS]; /* of the vmap; 0: absent */
    int32_t rows[KEYS][ROWS];
    int32_t sorted[GROUPS][VALUES];
};

struct worker {
    struct vmap *map;
    struct multimap *bag;
    struct ordered *ordered;
};

struct view {
    uint64_t id;
    struct trace *traces[3];
    struct worker workers[WORKERS_MAX];
    struct commit *commit; /* where its changes go */
    struct content now;
};

struct pin {
    struct snapshot *snapshot;
    uint64_t ids[VIEWS];
    struct content contents[VIEWS];
};

static const enum trace_kind kinds[3] = {TRACE_UPSERT, TRACE_ZSET, TRACE_ZSET};
static char dir[256];
static struct wr_budget budget;
static struct wr_pool pool;
static struct wr_arena arena;
static struct store *store;
static struct commit *open_commit;
static struct view views[VIEWS], building;
static struct pin pins[PINS];
static struct content durable[VIEWS];
static uint32_t nworkers;
static uint64_t random_state, next_id, last_submitted;
static int64_t evictions, reopenings, dropped, built;

static uint64_t rnd(uint64_t below)
{
    return (check_random(&random_state) >> 11) % below;
}

static void must(bool ok, const struct wr_error *err)
{
    if (ok)
        return;
    fprintf(stderr, "%s %s\n", err->sqlstate, err->message);
    exit(1);
}

/* ---- what keys, rows and values look like */

static struct {
    char bytes[24];
    uint32_t len;
    uint64_t hash;
} names[KEYS];

static void make_names(void)
{
    for (int k = 0; k < KEYS; k++) {
        int len = snprintf(names[k].bytes + 1, sizeof names[k].bytes - 1, "key %d", k) + 1; /* its NUL ends it */
        names[k].hash = wr_key_hash(names[k].bytes + 1, (size_t)len);
        names[k].bytes[0] = (char)wr_key_shard(names[k].hash);
        names[k].len = (uint32_t)len + 1;
    }
}

static uint32_t owner(uint32_t key)
{
    return (uint32_t)(uint8_t)names[key].bytes[0] * nworkers / KEY_SHARDS;
}

static uint32_t key_of(const char *bytes, uint32_t len)
{
    uint32_t k = (uint32_t)atoi(bytes + 5);
    CHECK(k < KEYS && names[k].len == len && !memcmp(names[k].bytes, bytes, len));
    return k % KEYS;
}

static struct keys keys_of(const uint32_t *ids, uint32_t n)
{
    struct keys keys = {.n = n, .bytes = wr_arena_bytes(&arena, n * sizeof names[0].bytes)};
    keys.offsets = wr_arena_alloc(&arena, (n + 1) * sizeof *keys.offsets);
    keys.hashes = wr_arena_alloc(&arena, (n + 1) * sizeof *keys.hashes);
    keys.offsets[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(keys.bytes + keys.offsets[i], names[ids[i]].bytes, names[ids[i]].len);
        keys.hashes[i] = names[ids[i]].hash;
        keys.offsets[i + 1] = keys.offsets[i] + names[ids[i]].len;
    }
    return keys;
}

static uint32_t value_bytes(int32_t value, char *to)
{
    uint32_t len = 4 + (uint32_t)value % 190;
    memset(to, 'a' + value % 26, len);
    memcpy(to, &value, 4);
    return len;
}

static bool is_value(int32_t value, const char *bytes, uint32_t len)
{
    char want[256];
    return value && value_bytes(value, want) == len && !memcmp(want, bytes, len);
}

static uint32_t row_bytes(uint32_t key, uint32_t row, char *to)
{
    static const uint32_t lens[ROWS] = {4, 9, 40, 120, 300};
    memset(to, (int)('a' + key % 26), lens[row]);
    memcpy(to, &row, 4);
    return lens[row];
}

static uint32_t row_of(uint32_t key, const char *bytes, uint32_t len)
{
    char want[300];
    uint32_t row = ROWS;
    if (len >= 4)
        memcpy(&row, bytes, 4);
    CHECK(row < ROWS && row_bytes(key, row, want) == len && !memcmp(want, bytes, len));
    return row % ROWS;
}

/* Several values share an order key; the payload tells them apart. */
static void sorted_bytes(uint32_t value, char order[2], char payload[2])
{
    order[0] = (char)(value / 30);
    order[1] = (char)(value / 3);
    payload[0] = (char)('a' + value % 3);
    payload[1] = (char)value;
}

/* ---- opening and closing */

static void open_workers(struct view *view)
{
    for (uint32_t w = 0; w < nworkers; w++)
        view->workers[w] =
            (struct worker){.map = wr_vmap_new(&(struct vmap_options){.pool = &pool, .trace = view->traces[0]}),
                            .bag = wr_multimap_new(&pool, view->traces[1], false, 2000),
                            .ordered = wr_ordered_new(&(struct ordered_options){
                                .pool = &pool, .trace = view->traces[2], .need = NEED, .slack = 2})};
}

static void open_view(struct view *view, struct commit *commit, bool detached)
{
    for (int t = 0; t < 3; t++) {
        uint64_t id = view->id << 16 | (uint64_t)t;
        view->traces[t] =
            detached ? wr_trace_open_detached(store, commit, id, kinds[t]) : wr_trace_open(store, id, kinds[t]);
    }
    view->commit = commit;
    open_workers(view);
}

static void close_workers(struct view *view)
{
    for (uint32_t w = 0; w < nworkers; w++) {
        wr_vmap_free(view->workers[w].map);
        wr_multimap_free(view->workers[w].bag);
        wr_ordered_free(view->workers[w].ordered);
    }
}

static void open_store(void)
{
    struct wr_error err = WR_ERROR_INIT;
    wr_budget_init(&budget, 8 << 20);
    wr_pool_init(&pool, &budget, "state");
    wr_arena_init(&arena, NULL);
    store = wr_store_open(&(struct store_options){.dir = dir, .budget = &budget, .checkpoint_bytes = 150 << 10}, &err);
    must(store != NULL, &err);
    open_commit = wr_commit_begin(store);
    nworkers = 1 + (uint32_t)rnd(WORKERS_MAX);
    for (int v = 0; v < VIEWS; v++)
        open_view(&views[v], open_commit, false);
}

static void close_store(void)
{
    for (int v = 0; v < VIEWS; v++)
        close_workers(&views[v]);
    CHECK_INT(atomic_load(&pool.used_bytes), 0);
    wr_commit_abandon(open_commit);
    wr_store_close(store);
    wr_arena_reset(&arena);
    CHECK_INT(atomic_load(&budget.used_bytes), 0);
}

/* ---- changes, by the worker that owns the keys */

static void change_map(struct view *view, struct vmap *map, const uint32_t *ids, uint32_t n, bool clear)
{
    struct keys keys = keys_of(ids, n);
    struct vmap_found found;
    struct wr_error err;
    must(wr_vmap_find(map, &arena, &keys, NULL, &found, &err), &err);
    for (uint32_t d = 0; d < found.n; d++) {
        const struct vmap_entry *entry = found.entries[d];
        int32_t value = view->now.value[ids[found.rows[d]]];
        CHECK(wr_vmap_is_live(entry) == (value != 0) &&
              (!value || is_value(value, wr_vmap_value(entry), entry->value_len)));
    }
    for (uint32_t i = 0; i < n; i++) {
        struct vmap_entry **entry = &found.entries[found.of[i]];
        int32_t *value = &view->now.value[ids[i]];
        if (clear || !rnd(4)) {
            wr_vmap_delete(map, *entry);
            *value = 0;
        } else if (rnd(3)) {
            char bytes[256];
            *value = 1 + (int32_t)rnd(100000);
            uint32_t len = value_bytes(*value, bytes);
            *entry = rnd(2) ? wr_vmap_put(map, *entry, len) : wr_vmap_swap(map, *entry, len);
            memcpy(wr_vmap_room(*entry), bytes, len);
        }
    }
    wr_vmap_reclaim(map);
}

static void read_bag(struct view *view, struct multimap *bag, uint32_t id)
{
    struct keys keys = keys_of(&id, 1);
    struct multimap_group *group;
    enum multimap_load outcome = LOAD_DONE;
    struct wr_error err = WR_ERROR_INIT;
    int64_t got[ROWS] = {0};
    wr_multimap_find(bag, &keys, NULL, &group);
    if (!wr_multimap_is_complete(bag, group)) {
        struct version *version = wr_trace_current(view->traces[1]);
        must(
            wr_multimap_load(bag, &arena, version, keys.bytes, keys.offsets[1], keys.hashes[0], &group, &outcome, &err),
            &err);
        struct cursor *cursor = wr_cursor_open_prefix(version, keys.bytes, keys.offsets[1], true);
        const struct entry *entry;
        while (outcome == LOAD_HUGE && (entry = wr_cursor_next(cursor, &err)))
            got[row_of(id, entry->payload, entry->payload_len)] += entry->weight;
        wr_cursor_close(cursor);
        wr_version_release(version);
    }
    if (group) {
        const char *row;
        uint32_t len;
        int64_t weight;
        wr_multimap_settle(bag, &arena, group);
        for (struct multimap_rows rows = wr_multimap_rows(group); wr_multimap_next(&rows, &row, &len, &weight);)
            got[row_of(id, row, len)] += weight;
    }
    for (int r = 0; r < ROWS; r++)
        CHECK_INT(got[r], view->now.rows[id][r]);
}

/* Rows to put in: one of each key, or what is there with its sign turned. */
struct rows {
    uint32_t ids[BATCH * ROWS], numbers[BATCH * ROWS], sizes[BATCH * ROWS], n;
    int64_t weights[BATCH * ROWS];
};

static void add_row(struct view *view, struct rows *rows, uint32_t id, uint32_t number, int64_t weight)
{
    char bytes[300];
    if (!weight)
        return;
    rows->ids[rows->n] = id;
    rows->numbers[rows->n] = number;
    rows->sizes[rows->n] = row_bytes(id, number, bytes);
    rows->weights[rows->n++] = weight;
    view->now.rows[id][number] += (int32_t)weight;
}

static void change_bag(struct view *view, struct multimap *bag, const uint32_t *ids, uint32_t n, bool clear)
{
    struct rows rows = {.n = 0};
    struct multimap_group *groups[BATCH * ROWS];
    char *to[BATCH * ROWS];
    for (int i = 0; i < 3; i++)
        read_bag(view, bag, ids[rnd(n)]);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = (uint32_t)rnd(ROWS);
        int64_t weight = view->now.rows[ids[i]][number];
        for (uint32_t r = 0; r < ROWS && clear; r++)
            add_row(view, &rows, ids[i], r, -view->now.rows[ids[i]][r]);
        if (!clear)
            add_row(view, &rows, ids[i], number, rnd(3) && weight ? -weight : 1 + (int64_t)rnd(3));
    }
    if (!rows.n)
        return;
    struct keys keys = keys_of(rows.ids, rows.n);
    wr_multimap_find_or_add(bag, &keys, NULL, rows.sizes, groups);
    wr_multimap_insert(bag, &arena, groups, rows.n, rows.sizes, rows.weights, to);
    for (uint32_t i = 0; i < rows.n; i++)
        row_bytes(rows.ids[i], rows.numbers[i], to[i]);
}

/* The first NEED rows of the group, by weight. */
static void check_group(const struct view *view, const struct ordered *ordered, uint32_t id,
                        const struct ordered_group *group)
{
    int64_t left = NEED;
    uint32_t at = 0;
    for (uint32_t v = 0; v < VALUES && left > 0; v++) {
        char order[2], payload[2];
        if (!view->now.sorted[id][v])
            continue;
        CHECK(wr_ordered_has(group, at));
        if (!wr_ordered_has(group, at))
            return;
        const struct ordered_item *item = wr_ordered_item(ordered, group, at++);
        sorted_bytes(v, order, payload);
        CHECK(item->key_len == 2 && !memcmp(item->bytes, order, 2) && !memcmp(wr_ordered_payload(item), payload, 2));
        CHECK_INT(item->weight, view->now.sorted[id][v]);
        left -= item->weight;
    }
}

static void change_value(struct view *view, struct ordered *ordered, struct ordered_group *group, uint32_t id,
                         uint32_t value, int32_t weight)
{
    char key[32], payload[2];
    if (!weight)
        return;
    memcpy(key, names[id].bytes, names[id].len);
    sorted_bytes(value, key + names[id].len, payload);
    view->now.sorted[id][value] += weight;
    wr_ordered_change(ordered, group,
                      &(struct ordered_change){key, payload, names[id].len + 2, names[id].len, 2, weight});
}

static void change_ordered(struct view *view, struct ordered *ordered, const uint32_t *ids, uint32_t n, bool clear)
{
    struct keys keys = keys_of(ids, n);
    struct ordered_found found;
    struct wr_error err;
    struct str_key prefixes[BATCH];
    must(wr_ordered_find(ordered, &arena, &keys, &found, &err), &err);
    for (uint32_t d = 0; d < found.n; d++)
        check_group(view, ordered, ids[found.rows[d]], found.groups[d]);
    for (uint32_t i = 0; i < n; i++) {
        struct ordered_group *group = found.groups[found.of[i]];
        const int32_t *weights = view->now.sorted[ids[i]];
        for (uint32_t v = 0; v < VALUES && clear; v++)
            change_value(view, ordered, group, ids[i], v, -weights[v]);
        uint32_t v = (uint32_t)rnd(rnd(2) ? 10 : VALUES);
        if (!clear)
            change_value(view, ordered, group, ids[i], v, rnd(2) && weights[v] ? -weights[v] : 1 + (int32_t)rnd(2));
    }
    for (uint32_t d = 0; d < found.n; d++)
        prefixes[d] = (struct str_key){wr_key_at(&keys, found.rows[d]), wr_key_len(&keys, found.rows[d])};
    must(wr_ordered_refill(ordered, found.groups, prefixes, found.n, view->commit, &err), &err);
    for (uint32_t d = 0; d < found.n; d++) {
        check_group(view, ordered, ids[found.rows[d]], found.groups[d]);
        if (!found.groups[d]->n)
            wr_ordered_forget_empty(ordered, &prefixes[d]);
    }
    wr_ordered_reclaim(ordered);
}

/* Each worker takes the keys that are its own. */
static void change_keys(struct view *view, int what, const uint32_t *ids, uint32_t n, bool clear)
{
    for (uint32_t w = 0; w < nworkers; w++) {
        uint32_t own[BATCH], nown = 0;
        for (uint32_t i = 0; i < n; i++)
            if (owner(ids[i]) == w)
                own[nown++] = ids[i];
        struct wr_mark mark = wr_arena_mark(&arena);
        struct worker *worker = &view->workers[w];
        if (nown && what == 0)
            change_map(view, worker->map, own, nown, clear);
        else if (nown && what == 1)
            change_bag(view, worker->bag, own, nown, clear);
        else if (nown)
            change_ordered(view, worker->ordered, own, nown, clear);
        wr_arena_release(&arena, mark);
    }
}

/* Some keys near each other. */
static void change(struct view *view, int what)
{
    uint32_t below = what == 2 ? GROUPS : KEYS, n = 1 + (uint32_t)rnd(BATCH);
    uint32_t first = (uint32_t)rnd(below), ids[BATCH];
    for (uint32_t i = 0; i < n; i++)
        ids[i] = (first + (uint32_t)rnd(rnd(5) ? 30 : below)) % below;
    change_keys(view, what, ids, n, false);
}

/* Every key goes; then nothing is there. */
static void clear(struct view *view)
{
    uint32_t ids[BATCH], n = 0;
    for (int what = 0; what < 3; what++)
        for (uint32_t id = 0, below = what == 2 ? GROUPS : KEYS; id < below; id++) {
            ids[n++] = id;
            if (n < BATCH && id + 1 < below)
                continue;
            change_keys(view, what, ids, n, true);
            n = 0;
        }
    static const struct content nothing;
    CHECK(!memcmp(&view->now, &nothing, sizeof nothing));
}

/* ---- sealing, commits */

struct sealing {
    struct view *view;
    uint32_t worker;
};

static void *seal_worker(void *context)
{
    const struct sealing *sealing = context;
    struct view *view = sealing->view;
    struct worker *worker = &view->workers[sealing->worker];
    struct wr_arena scratch;
    struct wr_error err;
    wr_arena_init(&scratch, NULL);
    must(wr_vmap_seal(worker->map, view->commit, &err), &err);
    must(wr_multimap_seal(worker->bag, &scratch, view->commit, &err), &err);
    must(wr_ordered_seal(worker->ordered, view->commit, &err), &err);
    wr_arena_reset(&scratch);
    return NULL;
}

static void seal(struct view *view)
{
    pthread_t threads[WORKERS_MAX];
    struct sealing sealing[WORKERS_MAX];
    bool at_once = nworkers > 1 && !rnd(4);
    for (uint32_t w = 0; w < nworkers; w++) {
        sealing[w] = (struct sealing){view, w};
        if (at_once)
            pthread_create(&threads[w], NULL, seal_worker, &sealing[w]);
        else
            seal_worker(&sealing[w]);
    }
    for (uint32_t w = 0; at_once && w < nworkers; w++)
        pthread_join(threads[w], NULL);
}

static void commit(bool wait)
{
    struct wr_error err = WR_ERROR_INIT;
    for (int v = 0; v < VIEWS; v++) {
        seal(&views[v]);
        durable[v] = views[v].now;
    }
    last_submitted = wr_commit_submit(open_commit, NULL, NULL);
    open_commit = wr_commit_begin(store);
    for (int v = 0; v < VIEWS; v++)
        views[v].commit = open_commit;
    if (wait)
        must(wr_store_wait(store, last_submitted, &err), &err);
}

static void relieve(struct view *view)
{
    struct worker *worker = &view->workers[rnd(nworkers)];
    int64_t bytes = rnd(3) ? 1 << 14 : INT64_C(1) << 40;
    seal(view);
    evictions += wr_vmap_relieve(worker->map, bytes) > 0;
    evictions += wr_multimap_evict(worker->bag, bytes) > 0;
    evictions += wr_ordered_relieve(worker->ordered, bytes) > 0;
}

/* ---- comparing what a version says */

static void compare(struct version *version, int what, const struct content *want)
{
    static struct content got;
    struct wr_error err = WR_ERROR_INIT;
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    memset(&got, 0, sizeof got);
    for (const struct entry *entry; (entry = wr_cursor_next(cursor, &err));) {
        uint32_t id = key_of(entry->key, what == 2 ? entry->key_len - 2 : entry->key_len), value;
        if (what == 0) {
            memcpy(&value, entry->payload, 4);
            CHECK(is_value((int32_t)value, entry->payload, entry->payload_len));
            got.value[id] = (int32_t)value;
        } else if (what == 1) {
            got.rows[id][row_of(id, entry->payload, entry->payload_len)] += (int32_t)entry->weight;
        } else {
            got.sorted[id % GROUPS][(uint8_t)entry->payload[1] % VALUES] += (int32_t)entry->weight;
        }
    }
    CHECK_STR(err.sqlstate, "");
    wr_cursor_close(cursor);
    wr_version_release(version);
    const void *part[] = {got.value, got.rows, got.sorted}, *wanted[] = {want->value, want->rows, want->sorted};
    static const size_t sizes[] = {sizeof got.value, sizeof got.rows, sizeof got.sorted};
    CHECK(!memcmp(part[what], wanted[what], sizes[what]));
}

static void take_pin(struct pin *pin)
{
    struct wr_error err = WR_ERROR_INIT;
    must(wr_store_wait(store, last_submitted, &err), &err);
    pin->snapshot = wr_store_snapshot(store);
    for (int v = 0; v < VIEWS; v++) {
        pin->ids[v] = views[v].id;
        pin->contents[v] = durable[v];
    }
}

static void drop_pin(struct pin *pin)
{
    if (!pin->snapshot)
        return;
    for (int v = 0; v < VIEWS; v++)
        for (int t = 0; t < 3; t++) {
            struct trace *trace = wr_trace_open(store, pin->ids[v] << 16 | (uint64_t)t, kinds[t]);
            compare(wr_snapshot_version(pin->snapshot, trace), t, &pin->contents[v]);
        }
    wr_snapshot_release(pin->snapshot);
    pin->snapshot = NULL;
}

/* ---- views that come and go */

static void drop_view(struct view *view)
{
    close_workers(view);
    for (int t = 0; t < 3; t++)
        wr_commit_drop_trace(open_commit, view->traces[t]);
}

static void step_drop(void)
{
    struct view *view = &views[rnd(VIEWS)];
    int v = (int)(view - views);
    seal(view); /* what was sealed goes, too */
    drop_view(view);
    /* the others go on meanwhile; their changes and the drop are one commit */
    struct commit *last = open_commit;
    for (int i = 0; i < VIEWS; i++)
        if (i != v) {
            seal(&views[i]);
            durable[i] = views[i].now;
        }
    last_submitted = wr_commit_submit(last, NULL, NULL);
    open_commit = wr_commit_begin(store);
    for (int i = 0; i < VIEWS; i++)
        views[i].commit = open_commit;
    view->id = rnd(2) ? view->id : next_id++;
    memset(&view->now, 0, sizeof view->now);
    durable[v] = view->now;
    open_view(view, open_commit, false);
    dropped++;
}

static void end_building(bool absorb)
{
    if (!building.id)
        return;
    seal(&building);
    if (!absorb) {
        close_workers(&building);
        wr_commit_abandon(building.commit);
    } else { /* takes the place of a view that goes in the same commit */
        struct wr_error err;
        struct view *view = &views[rnd(VIEWS)];
        if (rnd(2))
            must(wr_commit_lighten(building.commit, &err), &err);
        drop_view(view);
        wr_commit_absorb(open_commit, building.commit);
        *view = building;
        view->commit = open_commit;
        built++;
        commit(true);
    }
    building.id = 0;
}

static void step_building(void)
{
    if (!building.id) {
        memset(&building, 0, sizeof building);
        building.id = next_id++;
        open_view(&building, wr_commit_detached(store), true);
    }
    for (int i = 0; i < 5; i++)
        change(&building, (int)rnd(3));
    if (!rnd(3))
        relieve(&building);
    if (!rnd(8))
        end_building(rnd(4));
}

static void reopen(void)
{
    end_building(false);
    commit(true);
    for (int i = 0; i < PINS; i++)
        drop_pin(&pins[i]);
    if (rnd(2))
        wr_store_settle(store);
    close_store();
    open_store();
    for (int v = 0; v < VIEWS; v++)
        for (int t = 0; t < 3; t++)
            compare(wr_trace_current(views[v].traces[t]), t, &durable[v]);
    reopenings++;
}

static void step(void)
{
    struct view *view = &views[rnd(VIEWS)];
    uint64_t what = rnd(1000);
    struct pin *pin = &pins[rnd(PINS)];
    if (what < 750)
        change(view, (int)rnd(3));
    else if (what < 830)
        commit(!rnd(4));
    else if (what < 900)
        relieve(view);
    else if (what < 950)
        step_building();
    else if (what < 980 && pin->snapshot)
        drop_pin(pin);
    else if (what < 980)
        take_pin(pin);
    else if (what < 990)
        compare((seal(view), wr_trace_current(view->traces[what % 3])), (int)(what % 3), &view->now);
    else if (what < 994)
        clear(view);
    else if (what < 997)
        step_drop();
    else if (what < 999)
        reopen();
}

static int run(const struct jobs *jobs, uint64_t seed, uint64_t steps)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/weir-working-set-test-%d", tmp ? tmp : "/tmp", (int)getpid());
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    random_state = seed * 0x9E3779B97F4A7C15ull + 1;
    next_id = 1;
    for (int v = 0; v < VIEWS; v++)
        views[v].id = next_id++;
    open_store();
    uint64_t at = 0;
    for (; at < steps && !check_failed; at++)
        step();
    if (check_failed)
        fprintf(stderr, "failed at step %llu\n", (unsigned long long)at);
    reopen();
    close_store();
    printf("commits %llu, evictions %lld, views built %lld, dropped %lld, reopened %lld times\n",
           (unsigned long long)last_submitted, (long long)evictions, (long long)built, (long long)dropped,
           (long long)reopenings);
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command))
        fprintf(stderr, "could not remove %s\n", dir);
    return check_report("working set");
}

int main(int argc, char **argv)
{
    make_names();
    return jobs_main(argc, argv, 5000, 1000000, NULL, run);
}
