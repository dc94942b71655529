/* A join's shared side (plan: join.shared): the rows are not kept here, they are those of a table, looked up by its
 * primary key, or of an index (op_index.c), looked up by the index's (D4). Shapes and conditions: planner/pass_share.c.
 *
 * What the join must see of the table (or index) is T, the sum of the changes that have come in at the shared port. The
 * table's state is ahead of T exactly while a change is being handed out (wr_table_is_ahead). A batch that comes in at
 * the other port meanwhile (a self-join; an exchange that is worked off in between) is held until the end of the epoch,
 * when the table stands still: every pair of a row and a change is then met once, by whichever came second.
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
    return (other->table && wr_table_is_ahead(other->table)) || (other->index && wr_index_is_ahead(other->index));
}

void wr_join_hold(struct join *join, const struct batch *batch)
{
    struct held_batch *held = wr_held_copy(join->op->worker->state_pool, batch);
    held->next = NULL;
    if (join->held_first)
        join->held_last->next = held;
    else
        join->held_first = held;
    join->held_last = held;
}

struct held_batch *wr_join_next_held(struct join *join)
{
    struct held_batch *held = join->held_first;
    if (held)
        join->held_first = held->next;
    return held;
}

/* ---- from a copy of its own (a backfill) to the table */

/* The rows as the table has them: columns are the scanned ones, rows are whole. */
static void take_layout(const struct join *join, struct join_side *side, const struct relation *relation)
{
    const struct plan *scan = join->op->plan->inputs[side == &join->side[RIGHT]];
    side->layout = relation->layout;
    for (uint16_t c = 0; c < side->ncols; c++) {
        side->slots[c] = scan->scan.columns[c];
        side->twins[c] = NOT_STORED;
    }
}

struct trace *wr_join_read_shared(struct op *op, struct op *from)
{
    struct join *join = op->impl;
    struct join_side *side = &join->side[op->plan->join.shared == SHARED_RIGHT ? RIGHT : LEFT];
    struct trace *trace = wr_multimap_trace(side->map);
    wr_multimap_free(side->map);
    side->drop_matched = false;
    if (from->cls == &op_index) {
        side->index = from;
        side->map = wr_index_map(from);
        take_layout(join, side, wr_index_relation(from));
    } else {
        side->table = from;
        side->map = NULL;
        take_layout(join, side, wr_table_relation(from));
    }
    return trace;
}
