/* A join's access to the rows of keys: from RAM where they are, else loaded from the trace, or streamed through where
 * they are too many to load. */
#include "executor/join.h"

#include "executor/relations.h"
#include "state/key_sort.h"

/* ---- distinct keys */

static bool same_key(const struct keys *keys, uint32_t a, uint32_t b)
{
    uint32_t len = wr_key_len(keys, a);
    return keys->hashes[a] == keys->hashes[b] && len == wr_key_len(keys, b) &&
           !memcmp(wr_key_at(keys, a), wr_key_at(keys, b), len);
}

void wr_join_runs(struct wr_arena *arena, const struct keys *keys, const uint8_t *skip, struct key_runs *runs)
{
    uint32_t size = 16;
    while (size < keys->n * 2)
        size *= 2;
    uint32_t n = WR_MAX(keys->n, 1u);
    runs->n = 0;
    runs->first = wr_arena_alloc(arena, n * sizeof *runs->first);
    runs->next = wr_arena_alloc(arena, n * sizeof *runs->next);
    uint32_t *last = wr_arena_alloc(arena, n * sizeof *last); /* per run */
    uint32_t *table = WR_NEW_ARRAY(arena, uint32_t, size);    /* run + 1 */
    for (uint32_t i = 0; i < keys->n; i++) {
        runs->next[i] = NO_ROW;
        if (skip && skip[i])
            continue;
        uint32_t at = (uint32_t)keys->hashes[i] & (size - 1);
        while (table[at] && !same_key(keys, runs->first[table[at] - 1], i))
            at = (at + 1) & (size - 1);
        if (table[at]) {
            runs->next[last[table[at] - 1]] = i;
        } else {
            runs->first[runs->n++] = i;
            table[at] = runs->n;
        }
        last[table[at] - 1] = i;
    }
}

/* The group of each run's key, looked up together. */
static struct multimap_group **find_runs(struct join *join, struct multimap *map, const struct keys *keys,
                                         const struct key_runs *runs)
{
    struct wr_arena *arena = &join->op->worker->arena;
    uint32_t n = WR_MAX(keys->n, 1u);
    struct multimap_group **groups = wr_arena_alloc(arena, n * sizeof(struct multimap_group *));
    if (runs->n < keys->n) { /* only those asked for */
        uint8_t *skip = memset(wr_arena_alloc(arena, n), 1, n);
        for (uint32_t r = 0; r < runs->n; r++)
            skip[runs->first[r]] = 0;
        wr_multimap_find(map, keys, skip, groups);
    } else {
        wr_multimap_find(map, keys, NULL, groups);
    }
    struct multimap_group **of = wr_arena_alloc(arena, n * sizeof(struct multimap_group *));
    for (uint32_t r = 0; r < runs->n; r++)
        of[r] = groups[runs->first[r]];
    return of;
}

/* ---- reading the trace */

struct reader {
    struct join *join;
    struct multimap *map;
    const struct op *index;  /* whose map it is; NULL: the join's own */
    struct version *version; /* NULL: not asked yet */
    int64_t loaded;          /* bytes in RAM since the last drain */
};

static struct version *reader_version(struct reader *reader)
{
    if (!reader->version)
        reader->version = wr_trace_current(wr_multimap_trace(reader->map));
    return reader->version;
}

static void reader_close(struct reader *reader)
{
    if (reader->version)
        wr_version_release(reader->version);
    reader->version = NULL;
}

static bool load(struct reader *reader, const char *key, uint32_t key_len, uint64_t hash, struct multimap_group **group,
                 enum multimap_load *outcome)
{
    struct worker *worker = reader->join->op->worker;
    struct multimap_stats before, after;
    reader->join->op->stats.misses++;
    wr_multimap_stats(reader->map, &before);
    *group = wr_multimap_find_one(reader->map, key, key_len, hash);
    TRY(wr_multimap_load(reader->map, &worker->arena, reader_version(reader), key, key_len, hash, group, outcome,
                         &worker->error));
    wr_multimap_stats(reader->map, &after);
    reader->loaded += after.bytes - before.bytes;
    return true;
}

/* Memory for what was loaded, if it is short: nothing may point into the map. */
static void make_room(struct reader *reader)
{
    bool may_move = !reader->index || wr_index_may_move(reader->index);
    if (reader->loaded > 0 && may_move && wr_worker_pressed(reader->join->op->worker))
        wr_multimap_evict(reader->map, reader->loaded);
    reader->loaded = 0;
}

/* ---- visiting */

static bool visit_group(struct row_visitor *visitor, struct reader *reader, uint32_t first,
                        struct multimap_group *group, bool merged)
{
    if (!group)
        return true;
    struct wr_arena *arena = &visitor->join->op->worker->arena;
    if (merged)
        wr_multimap_merge(reader->map, arena, group);
    else
        wr_multimap_settle(reader->map, arena, group);
    struct multimap_rows rows = wr_multimap_rows(group);
    const char *row;
    uint32_t len;
    int64_t weight;
    while (wr_multimap_next(&rows, &row, &len, &weight))
        TRY(visitor->visit(visitor, first, row, len, weight));
    return true;
}

/* Rows of a key too big to load. The cursor's rows do not stay, so they are copied, and drained before the copies
 * are many. */
static bool stream(struct row_visitor *visitor, struct reader *reader, uint32_t first)
{
    struct worker *worker = visitor->join->op->worker;
    struct wr_arena *arena = &worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    uint32_t key_len = wr_key_len(visitor->keys, first);
    struct cursor *cursor =
        wr_cursor_open_prefix(reader_version(reader), wr_key_at(visitor->keys, first), key_len, true);
    const struct entry *entry;
    struct wr_error err = WR_ERROR_INIT;
    int64_t copied = 0;
    bool ok = true;
    while (ok && (entry = wr_cursor_next(cursor, &err))) {
        char *row = wr_arena_bytes(arena, WR_MAX(entry->payload_len, 1u));
        if (entry->payload_len)
            memcpy(row, entry->payload, entry->payload_len);
        copied += entry->payload_len + 16;
        ok = visitor->visit(visitor, first, row, entry->payload_len, entry->weight);
        if (ok && copied > visitor->join->copy_max) {
            ok = visitor->drain(visitor);
            wr_arena_release(arena, mark);
            copied = 0;
        }
    }
    wr_cursor_close(cursor);
    if (err.sqlstate[0]) {
        worker->error = err;
        ok = false;
    }
    ok = ok && visitor->drain(visitor);
    wr_arena_release(arena, mark);
    return ok;
}

/* Merged rows of a key too big to load: what RAM has of it goes into the trace first, which merges. Sealing may move
 * rows that were given to the visitor. */
static bool seal_first(struct row_visitor *visitor, struct reader *reader)
{
    struct worker *worker = reader->join->op->worker;
    TRY(visitor->drain(visitor));
    reader_close(reader);
    return wr_multimap_seal(reader->map, &worker->arena, worker->commit, &worker->error);
}

static bool visit_missing(struct row_visitor *visitor, struct reader *reader, uint32_t first, bool merged)
{
    const struct keys *keys = visitor->keys;
    const char *key = wr_key_at(keys, first);
    uint32_t key_len = wr_key_len(keys, first);
    struct multimap_group *group;
    enum multimap_load outcome;
    TRY(load(reader, key, key_len, keys->hashes[first], &group, &outcome));
    if (outcome == LOAD_HUGE) {
        if (merged) {
            TRY(seal_first(visitor, reader));
            group = NULL;
        }
        TRY(stream(visitor, reader, first));
    }
    TRY(visit_group(visitor, reader, first, group, merged));
    if (reader->loaded > reader->join->load_max) {
        TRY(visitor->drain(visitor));
        make_room(reader);
    }
    return true;
}

bool wr_join_visit(struct row_visitor *visitor, unsigned side, bool merged)
{
    struct join *join = visitor->join;
    const struct keys *keys = visitor->keys;
    const struct key_runs *runs = visitor->runs;
    struct wr_arena *arena = &join->op->worker->arena;
    struct reader reader = {.join = join, .map = join->side[side].map, .index = join->side[side].index};
    if (!runs->n)
        return visitor->drain(visitor);
    if (!reader.map)
        return wr_join_visit_table(visitor, join->side[side].table);
    struct multimap_group **groups = find_runs(join, reader.map, keys, runs);
    struct key_ref *missing = NULL;
    uint32_t nmissing = 0;
    for (uint32_t r = 0; r < runs->n; r++) {
        uint32_t i = runs->first[r];
        if (wr_multimap_is_complete(reader.map, groups[r])) {
            TRY(visit_group(visitor, &reader, i, groups[r], merged));
            continue;
        }
        if (!missing)
            missing = wr_arena_alloc(arena, runs->n * sizeof *missing);
        missing[nmissing++] = wr_key_ref(wr_key_at(keys, i), wr_key_len(keys, i), i);
    }
    TRY(visitor->drain(visitor));
    if (nmissing)
        wr_key_sort(missing, nmissing); /* neighbours in the trace are read together */
    bool ok = true;
    for (uint32_t m = 0; m < nmissing && ok; m++)
        ok = visit_missing(visitor, &reader, missing[m].index, merged);
    ok = ok && visitor->drain(visitor);
    reader_close(&reader);
    return ok;
}

/* ---- totals */

static const struct op *index_of(const struct join *join, const struct multimap *map)
{
    for (unsigned s = 0; s < 2; s++)
        if (join->side[s].index && join->side[s].map == map)
            return join->side[s].index;
    return NULL;
}

static bool stream_total(struct reader *reader, const char *key, uint32_t key_len, int64_t *total)
{
    struct worker *worker = reader->join->op->worker;
    struct cursor *cursor = wr_cursor_open_prefix(reader_version(reader), key, key_len, true);
    const struct entry *entry;
    struct wr_error err = WR_ERROR_INIT;
    while ((entry = wr_cursor_next(cursor, &err))) {
        *total += entry->weight;
        reader->join->op->stats.touched++;
    }
    wr_cursor_close(cursor);
    if (err.sqlstate[0])
        worker->error = err;
    return !err.sqlstate[0];
}

/* The key is not all in RAM. */
static bool read_total(struct reader *reader, const char *key, uint32_t key_len, uint64_t hash, int64_t *total)
{
    enum multimap_load outcome = LOAD_DONE;
    struct multimap_group *group;
    TRY(load(reader, key, key_len, hash, &group, &outcome));
    *total = group ? group->total : 0;
    if (outcome == LOAD_HUGE)
        TRY(stream_total(reader, key, key_len, total));
    if (reader->loaded > reader->join->load_max)
        make_room(reader);
    return true;
}

bool wr_join_totals(struct join *join, struct multimap *map, const struct keys *keys, const struct key_runs *runs,
                    int64_t *totals)
{
    struct reader reader = {.join = join, .map = map, .index = index_of(join, map)};
    struct multimap_group **groups = find_runs(join, map, keys, runs);
    uint32_t *missing = wr_arena_alloc(&join->op->worker->arena, WR_MAX(runs->n, 1u) * sizeof *missing);
    uint32_t nmissing = 0;
    bool ok = true;
    for (uint32_t r = 0; r < runs->n; r++) {
        if (!wr_multimap_is_complete(map, groups[r]))
            missing[nmissing++] = r;
        else
            totals[r] = groups[r] ? groups[r]->total : 0;
    }
    for (uint32_t m = 0; m < nmissing && ok; m++) { /* groups may move */
        uint32_t i = runs->first[missing[m]];
        ok = read_total(&reader, wr_key_at(keys, i), wr_key_len(keys, i), keys->hashes[i], &totals[missing[m]]);
    }
    join->op->stats.touched += runs->n;
    reader_close(&reader);
    return ok;
}

bool wr_join_total(struct join *join, struct multimap *map, const char *key, uint32_t key_len, uint64_t hash,
                   int64_t *total)
{
    struct multimap_group *group = wr_multimap_find_one(map, key, key_len, hash);
    *total = group ? group->total : 0;
    if (wr_multimap_is_complete(map, group))
        return true;
    struct reader reader = {.join = join, .map = map, .index = index_of(join, map)};
    bool ok = read_total(&reader, key, key_len, hash, total);
    reader_close(&reader);
    return ok;
}
