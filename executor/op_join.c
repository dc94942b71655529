/* Join: opening, sealing, closing; the inner join. (Outer forms: op_join_outer.c, op_join_full.c, NOT IN:
 * op_join_notin.c.) */
#include "executor/join.h"

#include "executor/relations.h"

#include <stdlib.h>

/* Shares of the budget: of one key's rows when they are brought back into RAM, of all that a step brings back at once,
 * of rows copied from a stream. */
#define HUGE_SHARE    64
#define LOAD_SHARE    16
#define COPY_SHARE    256
#define LOAD_MAX      ((int64_t)16 << 20)
#define COPY_MAX      ((int64_t)1 << 20)
#define FIRST_LOOK    64                   /* pairs of a row before it is asked whether one of them passed */
#define LIMIT_DEFAULT ((int64_t)256 << 20) /* without a budget */

/* ---- open, close */

/* Where the columns of a side's rows are in what is kept of them (plan/plan_state.h says which are). */
static void choose_columns(struct join *join, unsigned s, uint16_t ncols)
{
    struct wr_arena *arena = &join->op->dataflow->arena;
    struct join_side *side = &join->side[s];
    const struct plan *input = join->op->plan->inputs[s];
    uint16_t kept = 0;
    bool *keeps = WR_NEW_ARRAY(arena, bool, WR_MAX(ncols, 1));
    struct type *types = WR_NEW_ARRAY(arena, struct type, WR_MAX(ncols, 1));
    side->ncols = ncols;
    side->columns = WR_NEW_ARRAY(arena, uint16_t, WR_MAX(ncols, 1));
    side->slots = WR_NEW_ARRAY(arena, uint16_t, WR_MAX(ncols, 1));
    side->twins = WR_NEW_ARRAY(arena, uint16_t, WR_MAX(ncols, 1));
    wr_plan_join_columns(join->op->plan, s, keeps, side->twins);
    for (uint16_t c = 0; c < ncols; c++) {
        side->slots[c] = NOT_STORED;
        if (!keeps[c])
            continue;
        side->slots[c] = kept;
        side->columns[kept] = c;
        types[kept++] = input->cols[c].type;
    }
    side->layout = wr_row_layout_new(arena, types, kept);
}

static void open_side(struct join *join, unsigned s)
{
    const struct plan *plan = join->op->plan;
    struct join_side *side = &join->side[s];
    const uint16_t *columns = s == LEFT ? plan->join.left_keys : plan->join.right_keys;
    choose_columns(join, s, plan->inputs[s]->ncols);
    side->keys = WR_NEW_ARRAY(&join->op->dataflow->arena, struct key_column, WR_MAX(join->nkeys, 1));
    for (uint16_t k = 0; k < join->nkeys; k++)
        side->keys[k].column = columns[k];
    side->drop_matched = !join->one_shot && wr_plan_join_forgets(plan, s);
}

static int64_t memory_limit(const struct worker *worker)
{
    return worker->budget && worker->budget->limit_bytes > 0 ? worker->budget->limit_bytes : LIMIT_DEFAULT;
}

int64_t wr_join_huge(const struct worker *worker)
{
    return memory_limit(worker) / HUGE_SHARE;
}

static void open_maps(struct join *join)
{
    struct op *op = join->op;
    struct worker *worker = op->worker;
    int64_t limit = memory_limit(worker), huge = wr_join_huge(worker);
    join->load_max = WR_MIN(limit / LOAD_SHARE, LOAD_MAX);
    join->copy_max = WR_MIN(limit / COPY_SHARE, COPY_MAX);
    for (unsigned s = 0; s < 2; s++) {
        enum trace_kind kind = wr_plan_join_only_adds(op->plan, s) ? TRACE_APPEND : TRACE_ZSET;
        struct trace *trace = wr_op_trace(op, s, kind);
        bool marks = s == LEFT && join->type == JOIN_FULL && join->one_shot; /* keys that have met a match */
        join->side[s].map = wr_multimap_new(worker->state_pool, trace, marks || (s == RIGHT && join->counting), huge);
    }
    if (join->null_aware || (wr_plan_join_counts_matches(op->plan) && !join->one_shot))
        join->counts = wr_multimap_new(worker->state_pool, wr_op_trace(op, 2, TRACE_ZSET), true, huge);
}

static void join_close(struct op *op)
{
    struct join *join = op->impl;
    if (!join)
        return;
    wr_join_drop_held(join);
    for (unsigned s = 0; s < 2; s++)
        if (!wr_join_is_shared(&join->side[s]))
            wr_multimap_free(join->side[s].map);
    wr_multimap_free(join->counts);
    if (join->condition)
        wr_evaluator_free(join->condition);
    struct pairs *pairs = &join->pairs;
    size_t row = sizeof *pairs->batch_rows + sizeof *pairs->state_rows + sizeof *pairs->weights + sizeof *pairs->owners;
    wr_pool_charge(op->worker->state_pool, -(int64_t)(pairs->cap * row));
    free(pairs->batch_rows);
    free(pairs->state_rows);
    free(pairs->weights);
    free(pairs->owners);
    op->impl = NULL;
}

static bool join_open(struct op *op, struct wr_error *err)
{
    const struct plan *plan = op->plan;
    struct wr_arena *arena = &op->dataflow->arena;
    struct join *join = WR_NEW(arena, struct join);
    op->impl = join;
    join->op = op;
    join->type = plan->join.type;
    join->nkeys = plan->join.nkeys;
    join->null_aware = plan->join.null_aware;
    join->nulls_match = plan->join.nulls_equal || join->null_aware;
    join->one_shot = op->worker->one_shot;
    join->emit_pairs = wr_plan_join_is_wide(plan);
    join->first_decides =
        join->one_shot && !join->emit_pairs && plan->join.condition && !wr_expr_can_fail(plan->join.condition);
    if (join->null_aware && (join->type != JOIN_ANTI || join->nkeys != 1 || plan->join.condition)) {
        op->impl = NULL;
        return wr_fail(err, ERR_INTERNAL, "null-aware join must be an anti join on one key without condition");
    }
    join->counting = wr_plan_join_counts_right(plan);
    size_t ncols = (size_t)plan->inputs[LEFT]->ncols + plan->inputs[RIGHT]->ncols;
    join->condition_columns = WR_NEW_ARRAY(arena, bool, WR_MAX(ncols, 1));
    if (plan->join.condition) {
        struct expr *condition = plan->join.condition;
        wr_expr_columns(condition, join->condition_columns);
        join->condition = wr_evaluator_new(&condition, 1, op->dataflow->io);
    }
    open_side(join, LEFT);
    open_side(join, RIGHT);
    wr_frontier_meet_init(&join->frontiers, arena, 2, join->nkeys);
    open_maps(join);
    return true;
}

/* ---- a batch's way through */

void wr_join_keys(struct join *join, unsigned port, const struct batch *batch, struct keys *keys, uint8_t **skip)
{
    wr_keys_encode(&join->op->worker->arena, batch, join->side[port].keys, join->nkeys, join->nkeys, keys);
    bool any = false;
    for (uint32_t i = 0; i < keys->n && !join->nulls_match; i++)
        any |= keys->has_null[i];
    *skip = any ? keys->has_null : NULL;
}

/* The matches of rows that the fast path does not find in RAM. */
static bool visit_pair(struct row_visitor *visitor, uint32_t first, const char *row, uint32_t len, int64_t weight)
{
    struct join *join = visitor->join;
    uint8_t *found = visitor->context;
    for (uint32_t i = first; i != NO_ROW; i = visitor->runs->next[i]) {
        if (found)
            found[i] = 1;
        TRY(wr_join_pairs_add(join, i, row, weight * wr_weight(join->batch, i), i));
    }
    return true;
}

static bool drain_pairs(struct row_visitor *visitor)
{
    return wr_join_pairs_flush(visitor->join);
}

static bool probe_rows(struct join *join, const struct keys *keys, const uint8_t *skip, uint8_t *found)
{
    struct key_runs runs;
    wr_join_runs(&join->op->worker->arena, keys, skip, &runs);
    struct row_visitor visitor = {
        .visit = visit_pair, .drain = drain_pairs, .context = found, .join = join, .keys = keys, .runs = &runs};
    return wr_join_visit(&visitor, !join->port, false);
}

/* All pairs of row i with the group. Of a query asked once, where nothing is ever taken back, a semi or anti join needs
 * one match: it looks whether it has that, now and then. */
static bool probe_group(struct join *join, const struct batch *batch, uint32_t i, struct multimap_group *group,
                        bool *any)
{
    bool first_decides = join->first_decides && join->matches;
    int64_t batch_weight = wr_weight(batch, i), weight;
    struct multimap_rows rows = wr_multimap_rows(group);
    uint32_t len, n = 0, look = FIRST_LOOK;
    const char *row;
    while (wr_multimap_next(&rows, &row, &len, &weight)) {
        TRY(wr_join_pairs_add(join, i, row, weight * batch_weight, i));
        *any = true;
        if (!first_decides || ++n < look)
            continue;
        TRY(wr_join_pairs_flush(join));
        if (join->matches[i] > 0)
            break;
        look = n + WR_MIN(n, BATCH_ROWS_MAX);
    }
    return true;
}

bool wr_join_probe(struct join *join, const struct batch *batch, const struct keys *keys, const uint8_t *skip,
                   uint8_t *found)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct multimap *map = join->side[!join->port].map;
    if (!map)
        return probe_rows(join, keys, skip, found);
    struct multimap_group **groups = wr_arena_alloc(arena, WR_MAX(keys->n, 1u) * sizeof(struct multimap_group *));
    uint8_t *present = NULL; /* rows that need no second look */
    uint32_t nmissing = 0;
    wr_multimap_find(map, keys, skip, groups);
    join->op->stats.touched += keys->n;
    for (uint32_t i = 0; i < keys->n; i++) {
        struct multimap_group *group = groups[i];
        if (skip && skip[i])
            continue;
        if (WR_UNLIKELY(!wr_multimap_is_complete(map, group))) {
            if (!nmissing++)
                present = memset(wr_arena_alloc(arena, keys->n), 1, keys->n);
            present[i] = 0;
            continue;
        }
        if (!group)
            continue;
        wr_multimap_settle(map, arena, group);
        bool any = false;
        TRY(probe_group(join, batch, i, group, &any));
        if (found)
            found[i] |= any;
    }
    if (nmissing)
        TRY(probe_rows(join, keys, present, found));
    return wr_join_pairs_flush(join);
}

static void keep_counts(struct join *join, const struct batch *batch, struct multimap_group **groups)
{
    for (uint32_t i = 0; i < batch->nrows; i++)
        if (groups[i])
            wr_multimap_count(join->side[RIGHT].map, groups[i], wr_weight(batch, i));
}

void wr_join_keep(struct join *join, unsigned port, const struct batch *batch, const struct keys *keys,
                  const uint8_t *skip)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct join_side *side = &join->side[port];
    uint32_t n = WR_MAX(batch->nrows, 1u);
    if (wr_join_is_shared(side))
        return;
    struct multimap_group **groups = wr_arena_alloc(arena, n * sizeof(struct multimap_group *));
    join->op->stats.touched += batch->nrows;
    if (port == RIGHT && join->counting) {
        wr_multimap_find_or_add(side->map, keys, skip, NULL, groups);
        keep_counts(join, batch, groups);
        return;
    }
    uint32_t *sizes = wr_arena_alloc(arena, n * sizeof *sizes);
    char **to = wr_arena_alloc(arena, n * sizeof *to);
    wr_row_sizes(side->layout, batch, side->columns, sizes);
    wr_multimap_find_or_add(side->map, keys, skip, sizes, groups);
    wr_multimap_insert(side->map, arena, groups, batch->nrows, sizes, batch->weights, to);
    wr_row_encode(side->layout, batch, side->columns, to);
}

/* ---- inner */

/* A row that arrived on the final side is the only one for its key: who waited for it has met it. */
static void clear_matched(struct join *join, unsigned side, const struct keys *keys, const uint8_t *found)
{
    struct multimap *map = join->side[side].map;
    for (uint32_t i = 0; i < keys->n; i++) {
        if (!found[i])
            continue;
        struct multimap_group *group =
            wr_multimap_find_one(map, wr_key_at(keys, i), wr_key_len(keys, i), keys->hashes[i]);
        if (group && group->entries && group->flags & GROUP_COMPLETE)
            wr_multimap_clear(map, &join->op->worker->arena, group);
    }
}

static bool inner_step(struct join *join, unsigned port, const struct batch *batch)
{
    struct wr_arena *arena = &join->op->worker->arena;
    struct keys keys;
    uint8_t *skip, *found = NULL;
    wr_join_keys(join, port, batch, &keys, &skip);
    if (join->one_shot && port == RIGHT) {
        wr_join_keep(join, port, batch, &keys, skip);
        return true;
    }
    if (join->side[port].drop_matched || join->side[!port].drop_matched)
        found = wr_arena_zalloc(arena, WR_MAX(keys.n, 1u));
    TRY(wr_join_probe(join, batch, &keys, skip, found));
    if (join->side[!port].drop_matched)
        clear_matched(join, !port, &keys, found);
    if (join->one_shot)
        return true;
    if (join->side[port].drop_matched) {
        for (uint32_t i = 0; skip && i < keys.n; i++)
            found[i] |= skip[i];
        skip = found;
    }
    wr_join_keep(join, port, batch, &keys, skip);
    return true;
}

static bool take_batch_alone(struct join *join, unsigned port, const struct batch *batch)
{
    join->batch = batch;
    join->port = port;
    join->pairs.n = 0;
    if (join->condition)
        wr_evaluator_now(join->condition, join->op->worker->now_us);
    if (join->type == JOIN_INNER)
        return inner_step(join, port, batch);
    if (join->type == JOIN_FULL)
        return wr_join_full_step(join, port, batch);
    return join->null_aware ? wr_join_notin_step(join, port, batch) : wr_join_outer_step(join, port, batch);
}

bool wr_join_take(struct join *join, unsigned port, const struct batch *batch)
{
    struct op *index = join->side[!port].index;
    if (!index)
        return take_batch_alone(join, port, batch);
    TRY(wr_index_enter(index));
    bool ok = take_batch_alone(join, port, batch);
    wr_index_leave(index);
    return ok;
}

static bool join_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct join *join = op->impl;
    if (join->failed)
        return wr_op_fail(op);
    if (WR_UNLIKELY(wr_join_must_wait(join, port))) {
        wr_join_hold(join, port, batch);
        return true;
    }
    if (WR_UNLIKELY(join->held[port].first))
        TRY(wr_join_take_held(join));
    return wr_join_take(join, port, batch);
}

/* All tables stand still. */
static bool join_flush(struct op *op)
{
    struct join *join = op->impl;
    if (join->type == JOIN_FULL && join->one_shot)
        return wr_join_full_finish(join);
    return !wr_join_holds(join) || wr_join_take_held(join);
}

/* Only of key columns: a row that comes meets old rows, but those of its key. */
static bool join_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    struct join *join = op->impl;
    const uint16_t *own = port == LEFT ? op->plan->join.left_keys : op->plan->join.right_keys;
    if (join->null_aware)
        return true;
    for (uint16_t k = 0; k < join->nkeys; k++) {
        struct frontier of_key = {k, frontier->at}, common;
        if (own[k] != frontier->column || !wr_frontier_meet(&join->frontiers, (uint16_t)port, &of_key, &common))
            continue;
        TRY(wr_op_emit_frontier(op, &(struct frontier){op->plan->join.left_keys[k], common.at}));
        uint16_t right = (uint16_t)(join->side[LEFT].ncols + op->plan->join.right_keys[k]);
        if (join->emit_pairs)
            TRY(wr_op_emit_frontier(op, &(struct frontier){right, common.at}));
    }
    return true;
}

/* ---- state */

/* What a backfill keeps of a table is not needed for long: it is written only if memory asks for it. */
static bool is_passing(const struct join *join, unsigned s)
{
    return (join->op->plan->join.shared & (1u << s)) && join->op->worker->store;
}

static bool seal_maps(struct join *join, struct commit *commit, bool passing_too)
{
    struct worker *worker = join->op->worker;
    for (unsigned s = 0; s < 2; s++)
        if (!wr_join_is_shared(&join->side[s]) && (passing_too || !is_passing(join, s)))
            TRY(wr_multimap_seal(join->side[s].map, &worker->arena, commit, &worker->error));
    return !join->counts || wr_multimap_seal(join->counts, &worker->arena, commit, &worker->error);
}

static bool join_seal(struct op *op, struct commit *commit)
{
    return seal_maps(op->impl, commit, false);
}

static int64_t map_bytes(const struct multimap *map)
{
    struct multimap_stats stats;
    if (!map)
        return 0;
    wr_multimap_stats(map, &stats);
    return stats.bytes;
}

/* The states that are its own; NULL for others. */
static void own_maps(const struct join *join, struct multimap **maps)
{
    for (unsigned s = 0; s < 2; s++)
        maps[s] = wr_join_is_shared(&join->side[s]) ? NULL : join->side[s].map;
    maps[2] = join->counts;
}

/* Each state gives its share. */
static void join_relieve(struct op *op, int64_t bytes)
{
    struct join *join = op->impl;
    struct multimap *maps[3];
    own_maps(join, maps);
    double all = 1;
    for (int m = 0; m < 3; m++)
        all += (double)map_bytes(maps[m]);
    if (!seal_maps(join, op->worker->commit, true)) {
        join->failed = true;
        return;
    }
    for (int m = 0; m < 3; m++)
        if (maps[m])
            wr_multimap_evict(maps[m], (int64_t)((double)bytes * ((double)map_bytes(maps[m]) / all)) + 1);
}

static void join_stats(struct op *op, struct op_stats *stats)
{
    struct join *join = op->impl;
    struct multimap *maps[3];
    own_maps(join, maps);
    stats->state_rows = stats->state_bytes = 0;
    for (int m = 0; m < 3; m++) {
        if (!maps[m])
            continue;
        struct multimap_stats of;
        wr_multimap_stats(maps[m], &of);
        stats->state_rows += m == 2 || (m == 1 && join->counting) ? of.groups : of.entries;
        stats->state_bytes += of.bytes;
    }
}

const struct op_class op_join = {
    .name = "join",
    .open = join_open,
    .step = join_step,
    .flush = join_flush,
    .advance = join_advance,
    .seal = join_seal,
    .relieve = join_relieve,
    .stats = join_stats,
    .close = join_close,
};
