/* Left, semi and anti joins. What is emitted for a left row beside its matches depends only on whether it has any
 * (join.h); a step finds the rows for which that changes.
 *
 *   left batch               match it; rows with or without matches go out; keep them
 *   right, no condition      emit the matches (left join); keys whose total appears or disappears: their left rows flip
 *   right, with a condition  match every left row of the batch's keys with the batch; those whose count passes zero
 * flip */
#include "executor/join.h"

#include <xxhash.h>

/* Left rows looked at together. */
#define BLOCK_ROWS 512

/* Emitted for a left row without (with) a match. */
static int unmatched_sign(const struct join *join)
{
    return join->type == JOIN_SEMI ? 0 : 1;
}
static int matched_sign(const struct join *join)
{
    return join->type == JOIN_SEMI ? 1 : 0;
}

/* ---- match counts of left rows, with a condition */

/* The counts' key: the join key and 128 bits of hash of the row; in the key's shard. */
static void count_key(const char *key, uint32_t key_len, uint64_t key_hash, const char *row, uint32_t len,
                      struct wr_buf *bytes, uint64_t *hash)
{
    XXH128_hash_t of = XXH3_128bits_withSeed(row, len, KEY_HASH_SEED);
    wr_buf_put(bytes, key, key_len);
    wr_buf_u64be(bytes, of.high64);
    wr_buf_u64be(bytes, of.low64);
    uint64_t mixed = (of.low64 ^ key_hash * 0x9e3779b97f4a7c15ull) >> 8;
    *hash = (key_hash & 0xff00000000000000ull) | mixed;
}

struct count_keys {
    struct wr_buf bytes;
    struct keys keys;
};

static void count_keys_init(struct count_keys *counts, struct wr_arena *arena, uint32_t cap)
{
    memset(counts, 0, sizeof *counts);
    counts->keys.offsets = wr_arena_alloc(arena, (cap + 1) * sizeof(uint32_t));
    counts->keys.hashes = wr_arena_alloc(arena, WR_MAX(cap, 1u) * sizeof(uint64_t));
    counts->keys.offsets[0] = 0;
}

static void count_keys_add(struct count_keys *counts, const struct keys *keys, uint32_t i, const char *row,
                           uint32_t len)
{
    uint32_t n = counts->keys.n++;
    count_key(wr_key_at(keys, i), wr_key_len(keys, i), keys->hashes[i], row, len, &counts->bytes,
              &counts->keys.hashes[n]);
    counts->keys.offsets[n + 1] = (uint32_t)counts->bytes.len;
    counts->keys.bytes = counts->bytes.data;
}

static void count_keys_clear(struct count_keys *counts)
{
    counts->bytes.len = 0;
    counts->keys.n = 0;
}

/* Add deltas[k] to the count of key k, where it is not zero. */
static void add_counts(struct join *join, const struct keys *keys, const int64_t *deltas)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    uint8_t *skip = wr_arena_alloc(arena, WR_MAX(keys->n, 1u));
    struct multimap_group **groups = wr_arena_alloc(arena, WR_MAX(keys->n, 1u) * sizeof(struct multimap_group *));
    for (uint32_t k = 0; k < keys->n; k++)
        skip[k] = deltas[k] == 0;
    wr_multimap_find_or_add(join->counts, keys, skip, NULL, groups);
    for (uint32_t k = 0; k < keys->n; k++)
        if (groups[k])
            wr_multimap_count(join->counts, groups[k], deltas[k]);
    join->op->stats.touched += keys->n;
    wr_arena_release(arena, mark);
}

/* ---- a left batch */

static bool right_totals(struct join *join, const struct keys *keys, const struct key_runs *runs, int64_t *totals)
{
    struct join_side *right = &join->side[RIGHT];
    return right->map ? wr_join_totals(join, right->map, keys, runs, totals)
                      : wr_join_totals_table(join, right->table, keys, runs, totals);
}

/* matches[i]: summed weights of the pairs of row i (without a condition: of the key's rows). */
static bool match_left(struct join *join, const struct batch *batch, const struct keys *keys, const uint8_t *skip,
                       int64_t *matches)
{
    struct wr_arena *arena = &join->op->worker->arena;
    if (!join->counting) {
        join->matches = matches;
        bool ok = wr_join_probe(join, batch, keys, skip, NULL);
        join->matches = NULL;
        return ok;
    }
    struct key_runs runs;
    wr_join_runs(arena, keys, skip, &runs);
    int64_t *totals = wr_arena_alloc(arena, WR_MAX(runs.n, 1u) * sizeof *totals);
    TRY(right_totals(join, keys, &runs, totals));
    for (uint32_t r = 0; r < runs.n; r++)
        for (uint32_t i = runs.first[r]; i != NO_ROW; i = runs.next[i])
            matches[i] = totals[r] * wr_weight(batch, i);
    return true;
}

static bool emit_decided(struct join *join, const struct batch *batch, const uint8_t *matched, bool which)
{
    uint32_t *rows = wr_arena_alloc(&join->op->worker->arena, WR_MAX(batch->nrows, 1u) * sizeof *rows);
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch->nrows; i++)
        if (matched[i] == which)
            rows[n++] = i;
    return wr_join_emit_lone(join, LEFT, batch, rows, n);
}

static void count_left(struct join *join, const struct batch *batch, const struct keys *keys, const uint8_t *skip,
                       const int64_t *matches)
{
    struct wr_arena *arena = &join->op->worker->arena;
    const struct join_side *side = &join->side[LEFT];
    struct count_keys counts;
    uint32_t n = batch->nrows;
    char **rows = wr_arena_alloc(arena, WR_MAX(n, 1u) * sizeof *rows);
    uint32_t *sizes = wr_arena_alloc(arena, WR_MAX(n, 1u) * sizeof *sizes);
    int64_t *deltas = wr_arena_alloc(arena, WR_MAX(n, 1u) * sizeof *deltas);
    wr_row_encode_all(arena, side->layout, batch, side->columns, rows, sizes);
    count_keys_init(&counts, arena, n);
    for (uint32_t i = 0; i < n; i++) {
        if ((skip && skip[i]) || !matches[i])
            continue;
        deltas[counts.keys.n] = matches[i];
        count_keys_add(&counts, keys, i, rows[i], sizes[i]);
    }
    if (counts.keys.n)
        add_counts(join, &counts.keys, deltas);
    wr_buf_free(&counts.bytes);
}

static bool left_step(struct join *join, const struct batch *batch)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct keys keys;
    uint8_t *skip;
    wr_join_keys(join, LEFT, batch, &keys, &skip);
    int64_t *matches = WR_NEW_ARRAY(arena, int64_t, WR_MAX(batch->nrows, 1u));
    uint8_t *matched = wr_arena_alloc(arena, WR_MAX(batch->nrows, 1u));
    TRY(match_left(join, batch, &keys, skip, matches));
    for (uint32_t i = 0; i < batch->nrows; i++)
        matched[i] = wr_weight(batch, i) < 0 ? matches[i] < 0 : matches[i] > 0;
    TRY(emit_decided(join, batch, matched, join->type == JOIN_SEMI));
    if (join->one_shot)
        return true;
    if (join->counts)
        count_left(join, batch, &keys, skip, matches);
    if (join->side[LEFT].drop_matched) {
        for (uint32_t i = 0; skip && i < batch->nrows; i++)
            matched[i] |= skip[i];
        skip = matched;
    }
    wr_join_keep(join, LEFT, batch, &keys, skip);
    return true;
}

/* ---- a right batch without a condition: keys appear and disappear */

struct signed_keys {
    struct lone_rows lone;
    const int8_t *sign; /* by first row of the key's run */
};

static bool visit_signed(struct row_visitor *visitor, uint32_t first, const char *row, uint32_t len, int64_t weight)
{
    struct signed_keys *signed_keys = visitor->context;
    return wr_lone_rows_add(&signed_keys->lone, row, weight * signed_keys->sign[first]);
}

static bool drain_signed(struct row_visitor *visitor)
{
    return wr_lone_rows_flush(&((struct signed_keys *)visitor->context)->lone);
}

bool wr_join_emit_keys(struct join *join, unsigned side, const struct keys *keys, const struct key_runs *runs,
                       const int8_t *sign)
{
    if (!runs->n)
        return true;
    struct signed_keys signed_keys = {.sign = sign};
    wr_lone_rows_init(&signed_keys.lone, join, side);
    struct row_visitor visitor = {.visit = visit_signed,
                                  .drain = drain_signed,
                                  .context = &signed_keys,
                                  .join = join,
                                  .keys = keys,
                                  .runs = runs};
    return wr_join_visit(&visitor, side, false);
}

/* Left rows of keys that appeared need no keeping if they cannot disappear again. */
static void forget_left(struct join *join, const struct keys *keys, const struct key_runs *runs)
{
    struct multimap *map = join->side[LEFT].map;
    for (uint32_t r = 0; r < runs->n; r++) {
        uint32_t i = runs->first[r];
        struct multimap_group *group =
            wr_multimap_find_one(map, wr_key_at(keys, i), wr_key_len(keys, i), keys->hashes[i]);
        if (group && group->entries && group->flags & GROUP_COMPLETE)
            wr_multimap_clear(map, &join->op->worker->arena, group);
    }
}

bool wr_join_emit_flips(struct join *join, unsigned side, const struct batch *batch, const struct keys *keys,
                        const struct key_runs *runs, const int64_t *before, int appear)
{
    struct wr_arena *arena = &join->op->worker->arena;
    int8_t *sign = wr_arena_alloc(arena, WR_MAX(keys->n, 1u));
    struct key_runs flipped = {.first = wr_arena_alloc(arena, WR_MAX(runs->n, 1u) * sizeof(uint32_t)),
                               .next = runs->next};
    for (uint32_t r = 0; r < runs->n; r++) {
        int64_t after = before[r];
        for (uint32_t i = runs->first[r]; i != NO_ROW; i = runs->next[i])
            after += wr_weight(batch, i);
        if ((after > 0) == (before[r] > 0))
            continue;
        sign[runs->first[r]] = (int8_t)(after > 0 ? appear : -appear);
        flipped.first[flipped.n++] = runs->first[r];
    }
    TRY(wr_join_emit_keys(join, side, keys, &flipped, sign));
    if (join->side[side].drop_matched)
        forget_left(join, keys, &flipped);
    return true;
}

/* Of the right side's rows, without this batch. */
static bool totals_before(struct join *join, const struct batch *batch, const struct keys *keys,
                          const struct key_runs *runs, int64_t *before)
{
    struct join_side *right = &join->side[RIGHT];
    if (!right->map) {
        wr_join_totals_before(batch, runs, before);
        return true;
    }
    TRY(wr_join_totals(join, right->map, keys, runs, before));
    for (uint32_t r = 0; r < runs->n && right->index; r++) /* it holds the batch already */
        for (uint32_t i = runs->first[r]; i != NO_ROW; i = runs->next[i])
            before[r] -= wr_weight(batch, i);
    return true;
}

static bool right_step(struct join *join, const struct batch *batch, const struct keys *keys, const uint8_t *skip)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct key_runs runs;
    wr_join_runs(arena, keys, skip, &runs);
    int64_t *before = wr_arena_alloc(arena, WR_MAX(runs.n, 1u) * sizeof *before);
    TRY(totals_before(join, batch, keys, &runs, before));
    if (join->emit_pairs)
        TRY(wr_join_probe(join, batch, keys, skip, NULL));
    TRY(wr_join_emit_flips(join, LEFT, batch, keys, &runs, before, matched_sign(join) - unmatched_sign(join)));
    wr_join_keep(join, RIGHT, batch, keys, skip);
    return true;
}

/* ---- a right batch with a condition: left rows gain and lose matches one by one */

struct block {
    struct join *join;
    const struct batch *batch;
    struct lone_rows left;
    struct count_keys counts; /* rows whose count changes */
    uint32_t n;
    uint32_t *firsts; /* a row of the right batch with the left row's key */
    const char **rows;
    uint32_t *lens;
    int64_t *weights, *changes; /* of the left row; of its pairs in this step */
};

static void block_init(struct block *block, struct join *join, const struct batch *batch)
{
    struct wr_arena *arena = &join->op->worker->arena;
    memset(block, 0, sizeof *block);
    block->join = join;
    block->batch = batch;
    wr_lone_rows_init(&block->left, join, LEFT);
    count_keys_init(&block->counts, arena, BLOCK_ROWS);
    block->firsts = wr_arena_alloc(arena, BLOCK_ROWS * sizeof *block->firsts);
    block->rows = wr_arena_alloc(arena, BLOCK_ROWS * sizeof *block->rows);
    block->lens = wr_arena_alloc(arena, BLOCK_ROWS * sizeof *block->lens);
    block->weights = wr_arena_alloc(arena, BLOCK_ROWS * sizeof *block->weights);
    block->changes = WR_NEW_ARRAY(arena, int64_t, BLOCK_ROWS);
}

static bool has_match(int64_t pairs_weight, int64_t row_weight)
{
    return row_weight < 0 ? pairs_weight < 0 : pairs_weight > 0;
}

static bool block_flip(struct block *block, uint32_t slot, int64_t before, int64_t change)
{
    struct join *join = block->join;
    int64_t weight = block->weights[slot];
    bool had = has_match(before, weight), has = has_match(before + change, weight);
    if (had == has)
        return true;
    int appear = matched_sign(join) - unmatched_sign(join);
    return wr_lone_rows_add(&block->left, block->rows[slot], weight * (has ? appear : -appear));
}

/* All pairs of the block's left rows are counted: see which rows flip, and write the counts. */
static bool block_finish(struct block *block, const struct keys *keys)
{
    struct join *join = block->join;
    TRY(wr_join_pairs_flush(join));
    struct wr_arena *arena = &join->op->worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    int64_t *deltas = wr_arena_alloc(arena, BLOCK_ROWS * sizeof *deltas);
    struct count_keys *counts = &block->counts;
    count_keys_clear(counts);
    bool ok = true;
    for (uint32_t slot = 0; slot < block->n && ok; slot++) {
        int64_t change = block->changes[slot], before;
        block->changes[slot] = 0;
        if (!change)
            continue;
        uint32_t k = counts->keys.n;
        deltas[k] = change;
        count_keys_add(counts, keys, block->firsts[slot], block->rows[slot], block->lens[slot]);
        ok = wr_join_total(join, join->counts, wr_key_at(&counts->keys, k), wr_key_len(&counts->keys, k),
                           counts->keys.hashes[k], &before) &&
             block_flip(block, slot, before, change);
    }
    if (ok && counts->keys.n)
        add_counts(join, &counts->keys, deltas);
    block->n = 0;
    ok = ok && wr_lone_rows_flush(&block->left);
    wr_arena_release(arena, mark);
    return ok;
}

static bool visit_block(struct row_visitor *visitor, uint32_t first, const char *row, uint32_t len, int64_t weight)
{
    struct block *block = visitor->context;
    if (block->n == BLOCK_ROWS)
        TRY(block_finish(block, visitor->keys));
    uint32_t slot = block->n++;
    block->firsts[slot] = first;
    block->rows[slot] = row;
    block->lens[slot] = len;
    block->weights[slot] = weight;
    for (uint32_t i = first; i != NO_ROW; i = visitor->runs->next[i])
        TRY(wr_join_pairs_add(visitor->join, i, row, weight * wr_weight(block->batch, i), slot));
    return true;
}

static bool drain_block(struct row_visitor *visitor)
{
    return block_finish(visitor->context, visitor->keys);
}

static bool right_step_condition(struct join *join, const struct batch *batch, const struct keys *keys,
                                 const uint8_t *skip)
{
    struct key_runs runs;
    struct block block;
    wr_join_runs(&join->op->worker->arena, keys, skip, &runs);
    block_init(&block, join, batch);
    struct row_visitor visitor = {
        .visit = visit_block, .drain = drain_block, .context = &block, .join = join, .keys = keys, .runs = &runs};
    join->matches = block.changes;
    bool ok = wr_join_visit(&visitor, LEFT, true);
    join->matches = NULL;
    wr_buf_free(&block.counts.bytes);
    if (ok)
        wr_join_keep(join, RIGHT, batch, keys, skip);
    return ok;
}

bool wr_join_outer_step(struct join *join, unsigned port, const struct batch *batch)
{
    if (port == LEFT)
        return left_step(join, batch);
    struct keys keys;
    uint8_t *skip;
    wr_join_keys(join, RIGHT, batch, &keys, &skip);
    if (join->one_shot) {
        wr_join_keep(join, RIGHT, batch, &keys, skip);
        return true;
    }
    return join->condition ? right_step_condition(join, batch, &keys, skip) : right_step(join, batch, &keys, skip);
}
