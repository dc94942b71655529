/* Full joins, on keys alone (others are planned as two joins: planner/bind_full.c). The sides are alike: what is
 * emitted for a row beside its matches depends only on whether the other side has rows of its key (join.h).
 *
 *   a batch of either side   match it; its rows whose key the other side lacks go out padded; keys whose total on this
 *                            side appears or disappears: the other side's rows flip; keep it
 *   asked once               the right rows wait, the left ones mark the keys they have met; at the end the right rows
 *                            of the others go out */
#include "executor/join.h"

static bool totals_of(struct join *join, unsigned side, const struct keys *keys, const struct key_runs *runs,
                      int64_t **totals)
{
    *totals = wr_arena_alloc(&join->op->worker->arena, WR_MAX(runs->n, 1u) * sizeof **totals);
    return wr_join_totals(join, join->side[side].map, keys, runs, *totals);
}

/* matched[i]: does the other side have rows of row i's key? */
static uint8_t *mark_matched(struct join *join, const struct batch *batch, const struct key_runs *runs,
                             const int64_t *others)
{
    uint8_t *matched = wr_arena_zalloc(&join->op->worker->arena, WR_MAX(batch->nrows, 1u));
    for (uint32_t r = 0; r < runs->n; r++)
        for (uint32_t i = runs->first[r]; i != NO_ROW; i = runs->next[i])
            matched[i] = others[r] > 0;
    return matched;
}

/* The rows not marked, padded. */
static bool emit_unmatched(struct join *join, unsigned port, const struct batch *batch, const uint8_t *matched)
{
    uint32_t *rows = wr_arena_alloc(&join->op->worker->arena, WR_MAX(batch->nrows, 1u) * sizeof *rows);
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch->nrows; i++)
        if (!matched[i])
            rows[n++] = i;
    return wr_join_emit_lone(join, port, batch, rows, n);
}

static bool live_step(struct join *join, unsigned port, const struct batch *batch)
{
    struct keys keys;
    uint8_t *skip;
    struct key_runs runs;
    int64_t *before, *others;
    wr_join_keys(join, port, batch, &keys, &skip);
    wr_join_runs(&join->op->worker->arena, &keys, skip, &runs);
    TRY(totals_of(join, port, &keys, &runs, &before));
    TRY(totals_of(join, !port, &keys, &runs, &others));
    TRY(wr_join_probe(join, batch, &keys, skip, NULL));
    TRY(emit_unmatched(join, port, batch, mark_matched(join, batch, &runs, others)));
    TRY(wr_join_emit_flips(join, !port, batch, &keys, &runs, before, -1));
    wr_join_keep(join, port, batch, &keys, skip);
    return true;
}

/* ---- asked once */

/* In the left side's map: a key that is there has been met. */
static void mark_keys(struct join *join, const struct keys *keys, const uint8_t *matched)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct multimap *map = join->side[LEFT].map;
    struct multimap_group **groups = wr_arena_alloc(arena, WR_MAX(keys->n, 1u) * sizeof(struct multimap_group *));
    uint8_t *skip = wr_arena_alloc(arena, WR_MAX(keys->n, 1u));
    for (uint32_t i = 0; i < keys->n; i++)
        skip[i] = !matched[i];
    wr_multimap_find_or_add(map, keys, skip, NULL, groups);
    for (uint32_t i = 0; i < keys->n; i++)
        if (groups[i])
            wr_multimap_count(map, groups[i], 1);
}

static bool once_step(struct join *join, unsigned port, const struct batch *batch)
{
    struct keys keys;
    uint8_t *skip;
    struct key_runs runs;
    int64_t *others;
    wr_join_keys(join, port, batch, &keys, &skip);
    if (port == RIGHT) {
        wr_join_keep(join, RIGHT, batch, &keys, skip);
        uint8_t *kept = wr_arena_alloc(&join->op->worker->arena, WR_MAX(batch->nrows, 1u));
        for (uint32_t i = 0; i < batch->nrows; i++)
            kept[i] = !skip || !skip[i];
        return emit_unmatched(join, RIGHT, batch, kept);
    }
    wr_join_runs(&join->op->worker->arena, &keys, skip, &runs);
    TRY(totals_of(join, RIGHT, &keys, &runs, &others));
    uint8_t *matched = mark_matched(join, batch, &runs, others);
    TRY(wr_join_probe(join, batch, &keys, skip, NULL));
    TRY(emit_unmatched(join, LEFT, batch, matched));
    mark_keys(join, &keys, matched);
    return true;
}

static bool visit_right(void *context, struct multimap_group *group)
{
    struct lone_rows *lone = context;
    if (wr_multimap_find_one(lone->join->side[LEFT].map, group->key, group->key_len, group->hash))
        return true;
    return wr_lone_rows_add_group(lone, group, 1);
}

bool wr_join_full_finish(struct join *join)
{
    struct lone_rows lone;
    wr_lone_rows_init(&lone, join, RIGHT);
    return wr_multimap_each(join->side[RIGHT].map, visit_right, &lone) && wr_lone_rows_flush(&lone);
}

bool wr_join_full_step(struct join *join, unsigned port, const struct batch *batch)
{
    return join->one_shot ? once_step(join, port, batch) : live_step(join, port, batch);
}
