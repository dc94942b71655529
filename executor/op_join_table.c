/* A join's shared side (plan: join.shared): the rows are not kept here, they are those of a table, looked up by its
 * primary key, or of an index (op_index.c), looked up by the index's. Shapes and conditions: planner/pass_share.c.
 *
 * What the join must see of the table (or index) is T, the sum of the changes that have come in at the shared port. The
 * table's state is ahead of T exactly while a change is being handed out (wr_table_is_ahead). A batch that comes in at
 * the other port meanwhile (a self-join; an exchange that is worked off in between) is held until the table stands
 * still: every pair of a row and a change is then met once, by whichever came second.
 *
 * With both sides shared the join keeps nothing. What waits at one port is in the state that the other port's batches
 * look at, though the join has not seen it: so they wait too, and at the end
 *     held(L) x R + L x held(R) - held(L) x held(R)
 * is what they add (L and R with all of the epoch in them). Inner joins only.
 *
 * A table has one row per key at most, and changes come as -old +new: whether a key had a row before a batch of changes
 * follows from the batch's weights alone. An index has many; its state is ahead by exactly the batch at hand. */
#include "executor/join.h"

#include "executor/relations.h"

/* Keys looked up together: their rows stay in RAM until their matches are out. */
#define LOOKUP_KEYS 1024

/* ---- lookups */

/* The keys of n runs, from the r-th on. */
static void keys_of_runs(struct wr_arena *arena, const struct keys *keys, const uint32_t *first, uint32_t n,
                         struct keys *out)
{
    size_t bytes = 0;
    for (uint32_t r = 0; r < n; r++)
        bytes += wr_key_len(keys, first[r]);
    *out = (struct keys){.n = n,
                         .bytes = wr_arena_bytes(arena, bytes + 1),
                         .offsets = wr_arena_alloc(arena, (n + 1) * sizeof(uint32_t)),
                         .hashes = wr_arena_alloc(arena, n * sizeof(uint64_t))};
    out->offsets[0] = 0;
    for (uint32_t r = 0; r < n; r++) {
        uint32_t len = wr_key_len(keys, first[r]);
        memcpy(out->bytes + out->offsets[r], wr_key_at(keys, first[r]), len);
        out->offsets[r + 1] = out->offsets[r] + len;
        out->hashes[r] = keys->hashes[first[r]];
    }
}

static bool visit_slice(struct row_visitor *visitor, const struct table_row *rows, const uint32_t *first, uint32_t n)
{
    for (uint32_t r = 0; r < n; r++)
        if (rows[r].bytes)
            TRY(visitor->visit(visitor, first[r], rows[r].bytes, rows[r].len, 1));
    return visitor->drain(visitor);
}

bool wr_join_visit_table(struct row_visitor *visitor, struct op *table)
{
    struct worker *worker = visitor->join->op->worker;
    const struct key_runs *runs = visitor->runs;
    bool ok = true;
    for (uint32_t from = 0; from < runs->n && ok; from += LOOKUP_KEYS) {
        uint32_t n = WR_MIN(runs->n - from, (uint32_t)LOOKUP_KEYS);
        struct wr_mark mark = wr_arena_mark(&worker->arena);
        struct keys keys;
        keys_of_runs(&worker->arena, visitor->keys, runs->first + from, n, &keys);
        struct table_row *rows = wr_arena_alloc(&worker->arena, n * sizeof *rows);
        ok = wr_table_find(table, &keys, rows);
        visitor->join->op->stats.touched += n;
        if (ok) {
            ok = visit_slice(visitor, rows, runs->first + from, n);
            wr_table_found_done(table);
        }
        wr_arena_release(&worker->arena, mark);
    }
    return ok;
}

static bool count_row(struct row_visitor *visitor, uint32_t first, const char *row, uint32_t len, int64_t weight)
{
    int64_t *totals = visitor->context;
    totals[first] = weight;
    return true;
}

static bool drain_nothing(struct row_visitor *visitor)
{
    return true;
}

bool wr_join_totals_table(struct join *join, struct op *table, const struct keys *keys, const struct key_runs *runs,
                          int64_t *totals)
{
    int64_t *by_row = WR_NEW_ARRAY(&join->op->worker->arena, int64_t, WR_MAX(keys->n, 1u));
    struct row_visitor visitor = {
        .visit = count_row, .drain = drain_nothing, .context = by_row, .join = join, .keys = keys, .runs = runs};
    TRY(wr_join_visit_table(&visitor, table));
    for (uint32_t r = 0; r < runs->n; r++)
        totals[r] = by_row[runs->first[r]];
    return true;
}

void wr_join_totals_before(const struct batch *batch, const struct key_runs *runs, int64_t *before)
{
    for (uint32_t r = 0; r < runs->n; r++) {
        before[r] = 0;
        for (uint32_t i = runs->first[r]; i != NO_ROW; i = runs->next[i])
            if (wr_weight(batch, i) < 0)
                before[r] = 1;
    }
}

/* ---- batches that have to wait */

bool wr_join_must_wait(const struct join *join, unsigned port)
{
    const struct join_side *other = &join->side[!port];
    if (!wr_join_is_shared(other))
        return false;
    return join->held[!port].first ||
           (other->table ? wr_table_is_ahead(other->table) : wr_index_is_ahead(other->index));
}

void wr_join_hold(struct join *join, unsigned port, const struct batch *batch)
{
    wr_held_push(&join->held[port], wr_held_copy(join->op->worker->state_pool, batch));
}

void wr_join_drop_held(struct join *join)
{
    for (unsigned port = 0; port < 2; port++)
        wr_held_clear(&join->held[port]);
}

typedef bool (*held_visit)(struct join *join, unsigned port, const struct batch *batch);

static bool each_held(struct join *join, unsigned port, const struct held_batch *held, held_visit visit)
{
    struct op *op = join->op;
    bool ok = true;
    for (; ok && held; held = held->next) {
        struct wr_mark mark = wr_arena_mark(&op->worker->arena);
        ok = wr_op_relieve(op) && visit(join, port, &held->batch);
        wr_arena_release(&op->worker->arena, mark);
    }
    return ok;
}

static bool keep_rows(struct join *join, unsigned port, const struct batch *batch)
{
    struct keys keys;
    uint8_t *skip;
    wr_join_keys(join, port, batch, &keys, &skip);
    wr_join_keep(join, port, batch, &keys, skip);
    return true;
}

static bool subtract_matches(struct join *join, unsigned port, const struct batch *batch)
{
    struct batch negative = *batch;
    negative.weights = wr_arena_alloc(&join->op->worker->arena, sizeof(int64_t) * batch->nrows);
    for (uint32_t i = 0; i < batch->nrows; i++)
        negative.weights[i] = -wr_weight(batch, i);
    return wr_join_take(join, port, &negative);
}

/* - held(L) x held(R): the left ones kept for a moment, the right ones probed with weights turned round. */
static bool subtract_held_pairs(struct join *join, const struct held_batch *left, const struct held_batch *right)
{
    struct join_side sides[2] = {join->side[LEFT], join->side[RIGHT]};
    for (unsigned s = 0; s < 2; s++) {
        join->side[s] = join->own[s];
        join->side[s].map = wr_multimap_new(join->op->worker->state_pool, NULL, false, 0);
    }
    bool ok = each_held(join, LEFT, left, keep_rows) && each_held(join, RIGHT, right, subtract_matches);
    for (unsigned s = 0; s < 2; s++) {
        wr_multimap_free(join->side[s].map);
        join->side[s] = sides[s];
    }
    return ok;
}

bool wr_join_take_held(struct join *join)
{
    struct held_queue left = join->held[LEFT], right = join->held[RIGHT];
    join->held[LEFT] = join->held[RIGHT] = (struct held_queue){0};
    bool ok = each_held(join, LEFT, left.first, wr_join_take) && each_held(join, RIGHT, right.first, wr_join_take);
    if (ok && left.first && right.first)
        ok = subtract_held_pairs(join, left.first, right.first);
    wr_held_clear(&left);
    wr_held_clear(&right);
    return ok;
}

/* ---- from a copy of its own (a backfill) to the table */

/* The rows as the table has them: columns are the scanned ones, rows are whole. */
static void take_layout(const struct join *join, struct join_side *side, const struct relation *relation)
{
    struct wr_arena *arena = &join->op->dataflow->arena;
    const struct plan *scan = join->op->plan->inputs[side == &join->side[RIGHT]];
    side->layout = relation->layout;
    side->slots = scan->scan.columns;
    side->twins = WR_NEW_ARRAY(arena, uint16_t, side->ncols + 1);
    for (uint16_t c = 0; c < side->ncols; c++)
        side->twins[c] = NOT_STORED;
}

struct trace *wr_join_read_shared(struct op *op, unsigned s, struct op *from)
{
    struct join *join = op->impl;
    struct join_side *side = &join->side[s];
    struct trace *trace = wr_multimap_trace(side->map);
    wr_multimap_free(side->map);
    side->map = NULL;
    side->drop_matched = false;
    join->own[s] = *side;
    if (from->cls == &op_index) {
        side->index = from;
        side->map = wr_index_map(from);
        take_layout(join, side, wr_index_relation(from));
    } else {
        side->table = from;
        take_layout(join, side, wr_table_relation(from));
    }
    return trace;
}
