/* NOT IN: an anti join that knows NULLs. Whether a left row passes depends on its key and on the right side as a whole:
 *   right side empty      every row
 *   a NULL on the right   none
 *   otherwise             rows whose key is not NULL and not on the right
 * Right rows are counted per key, NULL being a key like others, and all together (`counts`, one group). When the right
 * side passes from one of these to another, every left row is looked at; else only the rows of keys that come or go. */
#include "executor/join.h"

enum right_mode { RIGHT_EMPTY, RIGHT_NULL, RIGHT_PLAIN };

/* ---- the right side as a whole */

#define ALL_KEY ((struct str){.data = "\0", .len = 1}) /* shard 0, no columns */

static bool read_mode(struct join *join, const struct str *null_key, uint64_t null_hash, enum right_mode *mode)
{
    int64_t all, nulls;
    TRY(wr_join_total(join, join->counts, ALL_KEY.data, ALL_KEY.len, 0, &all));
    TRY(wr_join_total(join, join->side[RIGHT].map, null_key->data, null_key->len, null_hash, &nulls));
    *mode = nulls > 0 ? RIGHT_NULL : all > 0 ? RIGHT_PLAIN : RIGHT_EMPTY;
    return true;
}

/* The key of a NULL, of the join key's type. */
static void null_key_of(struct join *join, const struct batch *batch, struct str *key, uint64_t *hash)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct type type = batch->cols[join->side[join->port].keys[0].column].type;
    struct batch *one = wr_batch_new(arena, &type, 1, 1);
    struct datum null = {.type = type, .null = true};
    struct key_column column = {.column = 0};
    struct keys keys;
    wr_column_set(arena, &one->cols[0], 0, 1, &null);
    wr_keys_encode(arena, one, &column, 1, 1, &keys);
    *key = wr_str(wr_key_at(&keys, 0), wr_key_len(&keys, 0));
    *hash = keys.hashes[0];
}

static void count_all(struct join *join, const struct batch *batch)
{
    struct wr_arena *arena = &join->op->worker->arena;
    uint32_t offsets[2] = {0, ALL_KEY.len};
    uint64_t hash = 0;
    struct keys keys = {.n = 1, .offsets = offsets, .hashes = &hash, .bytes = wr_arena_bytes(arena, 1)};
    struct multimap_group *group;
    int64_t sum = 0;
    keys.bytes[0] = 0;
    for (uint32_t i = 0; i < batch->nrows; i++)
        sum += wr_weight(batch, i);
    wr_multimap_find_or_add(join->counts, &keys, NULL, NULL, &group);
    wr_multimap_count(join->counts, group, sum);
}

/* ---- all left rows */

struct scan {
    struct join *join;
    struct lone_rows left;
    enum right_mode mode;
    int sign;
    struct str null_key;
};

static bool passes(struct scan *scan, const char *key, uint32_t key_len, uint64_t hash, bool *yes)
{
    int64_t total = 0;
    bool is_null = key_len == scan->null_key.len && !memcmp(key, scan->null_key.data, key_len);
    *yes = scan->mode == RIGHT_EMPTY;
    if (scan->mode != RIGHT_PLAIN || is_null)
        return true;
    TRY(wr_join_total(scan->join, scan->join->side[RIGHT].map, key, key_len, hash, &total));
    *yes = total <= 0;
    return true;
}

static bool scan_group(void *context, struct multimap_group *group)
{
    struct scan *scan = context;
    bool yes;
    TRY(passes(scan, group->key, group->key_len, group->hash, &yes));
    return !yes || wr_lone_rows_add_group(&scan->left, group, scan->sign);
}

/* RAM does not have them all: what it has goes into the trace, and the trace is read from end to end. */
static bool scan_trace(struct scan *scan)
{
    struct join *join = scan->join;
    struct worker *worker = join->op->worker;
    struct wr_arena *arena = &worker->arena;
    struct multimap *map = join->side[LEFT].map;
    TRY(wr_multimap_seal(map, arena, worker->commit, &worker->error));
    struct version *version = wr_trace_current(wr_multimap_trace(map));
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    struct wr_mark mark = wr_arena_mark(arena);
    struct wr_error err = WR_ERROR_INIT;
    const struct entry *entry;
    int64_t copied = 0;
    bool ok = true;
    while (ok && (entry = wr_cursor_next(cursor, &err))) {
        bool yes;
        ok = passes(scan, entry->key, entry->key_len, wr_key_hash(entry->key + 1, entry->key_len - 1), &yes);
        if (!ok || !yes)
            continue;
        char *row = wr_arena_bytes(arena, WR_MAX(entry->payload_len, 1u));
        memcpy(row, entry->payload, entry->payload_len);
        ok = wr_lone_rows_add(&scan->left, row, entry->weight * scan->sign);
        copied += entry->payload_len + 16;
        if (ok && copied > join->copy_max) {
            ok = wr_lone_rows_flush(&scan->left);
            wr_arena_release(arena, mark);
            copied = 0;
        }
    }
    if (err.sqlstate[0]) {
        worker->error = err;
        ok = false;
    }
    ok = ok && wr_lone_rows_flush(&scan->left);
    wr_cursor_close(cursor);
    wr_version_release(version);
    wr_arena_release(arena, mark);
    return ok;
}

static bool scan_left(struct join *join, enum right_mode mode, const struct str *null_key, int sign)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct multimap *map = join->side[LEFT].map;
    struct scan scan = {.join = join, .mode = mode, .sign = sign, .null_key = *null_key};
    if (mode == RIGHT_NULL)
        return true; /* none passes */
    struct wr_mark mark = wr_arena_mark(arena);
    wr_lone_rows_init(&scan.left, join, LEFT);
    bool ok = wr_multimap_in_ram(map) ? wr_multimap_each(map, scan_group, &scan) && wr_lone_rows_flush(&scan.left)
                                      : scan_trace(&scan);
    wr_arena_release(arena, mark);
    return ok;
}

/* ---- keys that come or go */

static bool emit_flips(struct join *join, const struct keys *keys, const struct key_runs *runs, const int64_t *before,
                       const int64_t *after)
{
    struct wr_arena *arena = &join->op->worker->arena;
    int8_t *sign = wr_arena_alloc(arena, WR_MAX(keys->n, 1u));
    struct key_runs flipped = {.first = wr_arena_alloc(arena, WR_MAX(runs->n, 1u) * sizeof(uint32_t)),
                               .next = runs->next};
    for (uint32_t r = 0; r < runs->n; r++) {
        if ((after[r] > 0) == (before[r] > 0) || keys->has_null[runs->first[r]])
            continue;
        sign[runs->first[r]] = after[r] > 0 ? -1 : 1;
        flipped.first[flipped.n++] = runs->first[r];
    }
    return wr_join_emit_keys(join, LEFT, keys, &flipped, sign);
}

/* ---- steps */

static bool right_step(struct join *join, const struct batch *batch, const struct keys *keys)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct key_runs runs;
    struct str null_key;
    uint64_t null_hash;
    enum right_mode from, to;
    null_key_of(join, batch, &null_key, &null_hash);
    wr_join_runs(arena, keys, NULL, &runs);
    int64_t *before = wr_arena_alloc(arena, WR_MAX(runs.n, 1u) * sizeof *before);
    int64_t *after = wr_arena_alloc(arena, WR_MAX(runs.n, 1u) * sizeof *after);
    TRY(wr_join_totals(join, join->side[RIGHT].map, keys, &runs, before));
    TRY(read_mode(join, &null_key, null_hash, &from));
    int64_t all, nulls;
    TRY(wr_join_total(join, join->counts, ALL_KEY.data, ALL_KEY.len, 0, &all));
    TRY(wr_join_total(join, join->side[RIGHT].map, null_key.data, null_key.len, null_hash, &nulls));
    for (uint32_t r = 0; r < runs.n; r++) {
        after[r] = before[r];
        for (uint32_t i = runs.first[r]; i != NO_ROW; i = runs.next[i])
            after[r] += wr_weight(batch, i);
    }
    for (uint32_t i = 0; i < batch->nrows; i++) {
        all += wr_weight(batch, i);
        nulls += keys->has_null[i] ? wr_weight(batch, i) : 0;
    }
    to = nulls > 0 ? RIGHT_NULL : all > 0 ? RIGHT_PLAIN : RIGHT_EMPTY;
    if (from != to)
        TRY(scan_left(join, from, &null_key, -1));
    else if (from == RIGHT_PLAIN)
        TRY(emit_flips(join, keys, &runs, before, after));
    wr_join_keep(join, RIGHT, batch, keys, NULL);
    count_all(join, batch);
    if (from != to)
        TRY(scan_left(join, to, &null_key, 1));
    return true;
}

static bool left_step(struct join *join, const struct batch *batch, const struct keys *keys)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct str null_key;
    uint64_t null_hash;
    enum right_mode mode;
    uint32_t *rows = wr_arena_alloc(arena, WR_MAX(batch->nrows, 1u) * sizeof *rows), n = 0;
    struct key_runs runs;
    null_key_of(join, batch, &null_key, &null_hash);
    TRY(read_mode(join, &null_key, null_hash, &mode));
    wr_join_runs(arena, keys, NULL, &runs);
    int64_t *totals = wr_arena_alloc(arena, WR_MAX(runs.n, 1u) * sizeof *totals);
    uint8_t *pass = wr_arena_zalloc(arena, WR_MAX(batch->nrows, 1u));
    if (mode == RIGHT_PLAIN)
        TRY(wr_join_totals(join, join->side[RIGHT].map, keys, &runs, totals));
    for (uint32_t r = 0; r < runs.n; r++)
        for (uint32_t i = runs.first[r]; i != NO_ROW; i = runs.next[i])
            pass[i] = mode == RIGHT_EMPTY || (mode == RIGHT_PLAIN && !keys->has_null[i] && totals[r] <= 0);
    for (uint32_t i = 0; i < batch->nrows; i++)
        if (pass[i])
            rows[n++] = i;
    TRY(wr_join_emit_lone(join, LEFT, batch, rows, n));
    if (!join->one_shot)
        wr_join_keep(join, LEFT, batch, keys, NULL);
    return true;
}

bool wr_join_notin_step(struct join *join, unsigned port, const struct batch *batch)
{
    struct keys keys;
    uint8_t *skip; /* none: NULL is a key here */
    wr_join_keys(join, port, batch, &keys, &skip);
    if (port == LEFT)
        return left_step(join, batch, &keys);
    if (!join->one_shot)
        return right_step(join, batch, &keys);
    wr_join_keep(join, RIGHT, batch, &keys, NULL);
    count_all(join, batch);
    return true;
}
