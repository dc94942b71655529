/* Top-N per partition: rows number offset+1 .. offset+limit of each partition in order; ties are decided by the row's
 * encoding. Forms: op_topn.h. A row of weight w takes w places.
 *
 * SQL: ORDER BY ... LIMIT ... OFFSET, DISTINCT ON, row_number() OVER (...) with a bound or without. Rule: per changed
 * partition the difference of its slices. State: the rows in order, or only those that can still matter. Cost: a
 * changed row costs a search in its partition's window, however many rows the partition has; with ranks, every row
 * whose rank changed. */
#include "executor/op_topn.h"

#include <stdlib.h>

#include "state/key_sort.h"

#define CHANGED_MAX (1u << 16) /* partitions changed in an epoch before an early flush */
#define SLACK_MIN   16
#define SLACK_MAX   256
/* Of a query asked once: in longer windows an insertion moves too much, sorting is cheaper; rows collected before the
 * first cut. */
#define WINDOW_MAX 512
#define CUT_MIN    4096

/* ---- open, close */

static void lay_out(struct topn *t, struct wr_arena *arena)
{
    const struct plan *plan = t->op->plan, *in = plan->inputs[0];
    struct type *types = WR_NEW_ARRAY(arena, struct type, WR_MAX(in->ncols, 1));
    for (uint16_t c = 0; c < in->ncols; c++)
        types[c] = in->cols[c].type;
    t->layout = wr_row_layout_new(arena, types, in->ncols);
    t->nkey = plan->topn.npartition + plan->topn.norder;
    t->key = WR_NEW_ARRAY(arena, struct key_column, WR_MAX(t->nkey, 1));
    for (uint16_t i = 0; i < plan->topn.npartition; i++)
        t->key[i].column = plan->topn.partition[i];
    for (uint16_t i = 0; i < plan->topn.norder; i++) {
        const struct plan_order *order = &plan->topn.order[i];
        t->key[plan->topn.npartition + i] = (struct key_column){order->column, order->descending, order->nulls_first};
    }
}

static uint64_t rows_needed(const struct plan *plan)
{
    if (plan->topn.limit < 0)
        return UINT64_MAX;
    return (uint64_t)plan->topn.limit + (uint64_t)plan->topn.offset;
}

static bool topn_open(struct op *op, struct wr_error *err)
{
    struct wr_arena *arena = &op->dataflow->arena;
    struct topn *t = WR_NEW(arena, struct topn);
    const struct plan *plan = op->plan;
    op->impl = t;
    t->op = op;
    wr_arena_init(&t->epoch, op->worker->state_pool);
    lay_out(t, arena);
    uint64_t need = rows_needed(plan);
    t->is_first = plan->inputs[0]->props.append_only && plan->topn.limit == 1 && plan->topn.offset == 0;
    if (t->is_first) {
        wr_topn_first_open(t);
        return true;
    }
    bool discard = wr_plan_topn_keeps(plan) != UINT64_MAX;
    t->is_sorted = op->worker->one_shot && (!discard || need > WINDOW_MAX);
    t->cut_at = t->is_sorted && discard ? (uint32_t)WR_MIN(need * 2 + CUT_MIN, UINT32_MAX) : 0;
    discard &= !t->is_sorted;
    t->ordered = wr_ordered_new(&(struct ordered_options){
        .pool = op->worker->state_pool,
        .trace = wr_op_trace(op, 0, TRACE_ZSET),
        .need = need,
        .slack = discard ? 0 : (uint32_t)WR_MIN(WR_MAX(need, (uint64_t)SLACK_MIN), (uint64_t)SLACK_MAX),
        .discard = discard});
    return true;
}

static void topn_close(struct op *op)
{
    struct topn *t = op->impl;
    wr_vmap_free(t->best);
    wr_ordered_free(t->ordered);
    free(t->changed);
    wr_arena_reset(&t->epoch);
}

/* ---- rows out */

void wr_topn_out_init(struct topn_out *out, struct topn *t)
{
    struct wr_arena *arena = &t->op->worker->arena;
    *out = (struct topn_out){.t = t,
                             .rows = wr_arena_alloc(arena, BATCH_ROWS_MAX * sizeof(*out->rows)),
                             .weights = wr_arena_alloc(arena, BATCH_ROWS_MAX * sizeof(*out->weights)),
                             .ranks = wr_arena_alloc(arena, BATCH_ROWS_MAX * sizeof(*out->ranks))};
}

bool wr_topn_out_finish(struct topn_out *out)
{
    struct op *op = out->t->op;
    struct wr_arena *arena = &op->worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    if (!out->n)
        return true;
    struct batch *batch = wr_row_decode(arena, out->t->layout, out->rows, out->n);
    if (op->plan->topn.emit_rank) {
        struct column *cols = WR_NEW_ARRAY(arena, struct column, batch->ncols + 1u);
        memcpy(cols, batch->cols, batch->ncols * sizeof(*cols));
        cols[batch->ncols] = (struct column){.type = TYPE(TYPE_INT8), .i64 = out->ranks};
        batch->cols = cols;
        batch->ncols++;
    }
    batch->weights = out->weights;
    out->n = 0;
    bool ok = wr_op_emit(op, batch);
    wr_arena_release(arena, mark);
    return ok;
}

bool wr_topn_out_add(struct topn_out *out, const char *row, int64_t weight, int64_t rank)
{
    out->rows[out->n] = row;
    out->weights[out->n] = weight;
    out->ranks[out->n++] = rank;
    return out->n < BATCH_ROWS_MAX || wr_topn_out_finish(out);
}

/* ---- slices: what of a partition is within offset and limit */

static struct topn_slice *slice_of(struct topn *t, struct wr_arena *arena, const struct ordered_group *group,
                                   uint32_t *n)
{
    const struct plan *plan = t->op->plan;
    uint64_t from = (uint64_t)plan->topn.offset, to = rows_needed(plan), at = 0;
    struct topn_slice *slice = wr_arena_alloc(arena, WR_MIN((uint64_t)group->n, to - from) * sizeof(*slice) + 1);
    *n = 0;
    for (uint32_t i = 0; i < group->n && at < to; i++) {
        const struct ordered_item *item = wr_ordered_item(t->ordered, group, i);
        if (item->weight <= 0)
            continue;
        uint64_t end = at + (uint64_t)item->weight, lo = WR_MAX(at, from), hi = WR_MIN(end, to);
        if (lo < hi)
            slice[(*n)++] = (struct topn_slice){item, (int64_t)(hi - lo)};
        at = end;
    }
    return slice;
}

static int compare_items(const struct ordered_item *a, const struct ordered_item *b)
{
    if (a == b)
        return 0;
    int c = wr_key_cmp(a->bytes, a->key_len, b->bytes, b->key_len);
    return c ? c : wr_key_cmp(wr_ordered_payload(a), a->payload_len, wr_ordered_payload(b), b->payload_len);
}

/* Both are sorted: a merge tells which rows came, went or changed in number. */
static bool emit_difference(struct topn_out *out, const struct topn_slice *old, uint32_t nold,
                            const struct topn_slice *now, uint32_t nnow)
{
    uint32_t i = 0, j = 0;
    while (i < nold || j < nnow) {
        int c = i == nold ? 1 : j == nnow ? -1 : compare_items(old[i].item, now[j].item);
        const struct ordered_item *item = c <= 0 ? old[i].item : now[j].item;
        int64_t weight = (c >= 0 ? now[j].weight : 0) - (c <= 0 ? old[i].weight : 0);
        i += c <= 0;
        j += c >= 0;
        if (weight)
            TRY(wr_topn_out_add(out, wr_ordered_payload(item), weight, 0));
    }
    return true;
}

/* Rank by rank; stretches of the same row in both are passed over. */
static bool emit_ranked(struct topn_out *out, const struct topn_slice *old, uint32_t nold, const struct topn_slice *now,
                        uint32_t nnow)
{
    int64_t rank = out->t->op->plan->topn.offset + 1, old_used = 0, now_used = 0;
    uint32_t i = 0, j = 0;
    while (i < nold || j < nnow) {
        int64_t old_left = i < nold ? old[i].weight - old_used : INT64_MAX;
        int64_t now_left = j < nnow ? now[j].weight - now_used : INT64_MAX;
        int64_t run = WR_MIN(old_left, now_left);
        bool same = i < nold && j < nnow && !compare_items(old[i].item, now[j].item);
        for (int64_t r = rank; !same && r < rank + run; r++) {
            if (i < nold)
                TRY(wr_topn_out_add(out, wr_ordered_payload(old[i].item), -1, r));
            if (j < nnow)
                TRY(wr_topn_out_add(out, wr_ordered_payload(now[j].item), 1, r));
        }
        rank += run;
        if (i < nold && (old_used += run) == old[i].weight) {
            i++;
            old_used = 0;
        }
        if (j < nnow && (now_used += run) == now[j].weight) {
            j++;
            now_used = 0;
        }
    }
    return true;
}

static bool emit_change(struct topn_out *out, const struct topn_slice *old, uint32_t nold, const struct topn_slice *now,
                        uint32_t nnow)
{
    return out->t->op->plan->topn.emit_rank ? emit_ranked(out, old, nold, now, nnow)
                                            : emit_difference(out, old, nold, now, nnow);
}

/* ---- window form */

static void remember_changed(struct topn *t, struct ordered_group *group, const char *prefix, uint32_t len)
{
    if (t->nchanged == t->changed_cap) {
        t->changed_cap = WR_MAX(64u, t->changed_cap * 2);
        t->changed = wr_realloc(t->changed, t->changed_cap * sizeof(*t->changed));
    }
    struct topn_changed *changed = &t->changed[t->nchanged];
    group->changed = ++t->nchanged;
    changed->group = group;
    changed->prefix = (struct str_key){memcpy(wr_arena_bytes(&t->epoch, len), prefix, len), len};
    changed->old = slice_of(t, &t->epoch, group, &changed->nold);
}

static bool flush_changed(struct topn *t)
{
    struct worker *worker = t->op->worker;
    struct wr_arena *arena = &worker->arena;
    if (!t->nchanged)
        return true;
    struct wr_mark mark = wr_arena_mark(arena);
    struct ordered_group **groups = wr_arena_alloc(arena, t->nchanged * sizeof(struct ordered_group *));
    struct str_key *prefixes = wr_arena_alloc(arena, t->nchanged * sizeof(*prefixes));
    for (uint32_t k = 0; k < t->nchanged; k++) {
        groups[k] = t->changed[k].group;
        prefixes[k] = t->changed[k].prefix;
    }
    bool ok = wr_ordered_refill(t->ordered, groups, prefixes, t->nchanged, worker->commit, &worker->error);
    struct topn_out out;
    wr_topn_out_init(&out, t);
    for (uint32_t k = 0; k < t->nchanged && ok; k++) {
        struct topn_changed *changed = &t->changed[k];
        struct topn_slice *now;
        uint32_t nnow;
        struct wr_mark inner = wr_arena_mark(arena);
        now = slice_of(t, arena, changed->group, &nnow);
        ok = emit_change(&out, changed->old, changed->nold, now, nnow);
        wr_arena_release(arena, inner);
    }
    ok = ok && wr_topn_out_finish(&out);
    for (uint32_t k = 0; k < t->nchanged; k++) {
        groups[k]->changed = 0;
        if (!groups[k]->n)
            wr_ordered_forget_empty(t->ordered, &prefixes[k]);
    }
    t->nchanged = 0;
    wr_ordered_reclaim(t->ordered);
    wr_arena_reset(&t->epoch);
    wr_arena_release(arena, mark);
    return ok;
}

/* Which rows can matter: all, unless what is behind the limit is lost for good. Their partitions are remembered as they
 * are. */
static void pick_rows(struct topn *t, const struct keys *keys, const struct keys *prefixes, struct ordered_found *found,
                      bool *picked)
{
    bool discard = wr_plan_topn_keeps(t->op->plan) != UINT64_MAX;
    for (uint32_t i = 0; i < keys->n; i++) {
        struct ordered_group *group = found->groups[found->of[i]];
        uint32_t len = wr_key_len(prefixes, i);
        picked[i] =
            !discard || wr_ordered_wants(t->ordered, group, wr_key_at(keys, i) + len, wr_key_len(keys, i) - len);
        if (picked[i] && !group->changed)
            remember_changed(t, group, wr_key_at(prefixes, i), len);
    }
}

static bool step_window(struct topn *t, const struct batch *batch, const struct keys *keys, const struct keys *prefixes)
{
    struct worker *worker = t->op->worker;
    struct wr_arena *arena = &worker->arena;
    struct ordered_found found;
    struct ordered_stats before, after;
    wr_ordered_stats(t->ordered, &before);
    TRY(wr_ordered_find(t->ordered, arena, prefixes, &found, &worker->error));
    bool *picked = wr_arena_alloc(arena, batch->nrows);
    uint32_t *sizes = wr_arena_alloc(arena, batch->nrows * sizeof(*sizes));
    char **rows = WR_NEW_ARRAY(arena, char *, batch->nrows);
    pick_rows(t, keys, prefixes, &found, picked);
    wr_row_sizes(t->layout, batch, NULL, sizes);
    for (uint32_t i = 0; i < batch->nrows; i++)
        if (picked[i])
            rows[i] = wr_arena_bytes(arena, sizes[i]);
    wr_row_encode(t->layout, batch, NULL, rows);
    for (uint32_t i = 0; i < batch->nrows; i++)
        if (picked[i])
            wr_ordered_change(t->ordered, found.groups[found.of[i]],
                              &(struct ordered_change){.key = wr_key_at(keys, i),
                                                       .key_len = wr_key_len(keys, i),
                                                       .prefix_len = wr_key_len(prefixes, i),
                                                       .payload = rows[i],
                                                       .payload_len = sizes[i],
                                                       .weight = wr_weight(batch, i)});
    wr_ordered_stats(t->ordered, &after);
    t->op->stats.touched += after.touched - before.touched;
    return true;
}

/* ---- sorted form */

/* Drops what is behind the limit; the next time when as much has come again. */
static void cut(struct topn *t)
{
    uint64_t need = rows_needed(t->op->plan);
    struct str_key last;
    t->collected = wr_ordered_cut(t->ordered, need, &last);
    t->cut_at = (uint32_t)WR_MIN(t->collected * 2ull + CUT_MIN, UINT32_MAX);
    wr_arena_reset(&t->epoch);
    t->last = (struct str_key){0};
    if (!t->op->plan->topn.npartition && t->collected >= need)
        t->last = (struct str_key){memcpy(wr_arena_bytes(&t->epoch, last.len), last.bytes, last.len), last.len};
}

static void step_sorted(struct topn *t, const struct batch *batch, const struct keys *keys, const struct keys *prefixes)
{
    struct wr_arena *arena = &t->op->worker->arena;
    if (t->cut_at && t->collected > t->cut_at)
        cut(t);
    uint32_t *sizes = wr_arena_alloc(arena, batch->nrows * sizeof(*sizes));
    char **rows = wr_arena_alloc(arena, batch->nrows * sizeof(*rows));
    wr_row_encode_all(arena, t->layout, batch, NULL, rows, sizes);
    for (uint32_t i = 0; i < batch->nrows; i++) {
        if (t->last.bytes && wr_key_cmp(wr_key_at(keys, i), wr_key_len(keys, i), t->last.bytes, t->last.len) > 0)
            continue;
        t->collected++;
        wr_ordered_change(t->ordered, NULL,
                          &(struct ordered_change){.key = wr_key_at(keys, i),
                                                   .key_len = wr_key_len(keys, i),
                                                   .prefix_len = wr_key_len(prefixes, i),
                                                   .payload = rows[i],
                                                   .payload_len = sizes[i],
                                                   .weight = wr_weight(batch, i)});
    }
}

struct sorted_walk {
    struct topn_out out;
    struct str_key prefix; /* of the partition being walked */
    uint64_t at;
};

static bool walk_row(void *context, const struct ordered_change *row)
{
    struct sorted_walk *w = context;
    const struct plan *plan = w->out.t->op->plan;
    if (row->weight <= 0)
        return true;
    if (!w->prefix.bytes || wr_key_cmp(w->prefix.bytes, w->prefix.len, row->key, row->prefix_len)) {
        w->prefix = (struct str_key){row->key, row->prefix_len};
        w->at = 0;
    }
    uint64_t lo = WR_MAX(w->at, (uint64_t)plan->topn.offset);
    uint64_t hi = WR_MIN(w->at + (uint64_t)row->weight, rows_needed(plan));
    w->at += (uint64_t)row->weight;
    if (lo >= hi)
        return true;
    if (!plan->topn.emit_rank)
        return wr_topn_out_add(&w->out, row->payload, (int64_t)(hi - lo), 0);
    for (uint64_t rank = lo; rank < hi; rank++)
        TRY(wr_topn_out_add(&w->out, row->payload, 1, (int64_t)rank + 1));
    return true;
}

static bool flush_sorted(struct topn *t)
{
    struct sorted_walk walk = {.at = 0};
    wr_topn_out_init(&walk.out, t);
    return wr_ordered_each(t->ordered, walk_row, &walk) && wr_topn_out_finish(&walk.out);
}

/* ---- the class */

static void relieve_now(struct topn *t, int64_t bytes)
{
    if (t->best)
        wr_vmap_relieve(t->best, bytes);
    else
        wr_ordered_relieve(t->ordered, bytes);
}

static bool make_room(struct topn *t)
{
    struct worker *worker = t->op->worker;
    if (worker->one_shot || (t->nchanged < CHANGED_MAX && !t->relieve_bytes))
        return true;
    TRY(flush_changed(t));
    if (t->relieve_bytes) {
        TRY(wr_ordered_seal(t->ordered, worker->commit, &worker->error));
        relieve_now(t, t->relieve_bytes);
        t->relieve_bytes = 0;
    }
    return true;
}

static bool topn_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct topn *t = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    struct keys keys, prefixes;
    if (t->is_first)
        return wr_topn_first_step(t, batch);
    TRY(make_room(t));
    uint16_t npartition = op->plan->topn.npartition;
    wr_keys_encode(arena, batch, t->key, npartition, npartition, &prefixes);
    wr_keys_encode(arena, batch, t->key, t->nkey, npartition, &keys);
    if (!t->is_sorted)
        return step_window(t, batch, &keys, &prefixes);
    step_sorted(t, batch, &keys, &prefixes);
    return true;
}

static bool topn_flush(struct op *op)
{
    struct topn *t = op->impl;
    if (t->is_first)
        return !op->worker->one_shot || wr_topn_first_flush(t);
    if (!t->is_sorted)
        return flush_changed(t);
    return flush_sorted(t);
}

static bool topn_seal(struct op *op, struct commit *commit)
{
    struct topn *t = op->impl;
    struct wr_error *err = &op->worker->error;
    return t->best ? wr_vmap_seal(t->best, commit, err) : wr_ordered_seal(t->ordered, commit, err);
}

static void topn_relieve(struct op *op, int64_t bytes)
{
    struct topn *t = op->impl;
    if (t->nchanged)
        t->relieve_bytes = bytes;
    else
        relieve_now(t, bytes);
}

static void topn_stats(struct op *op, struct op_stats *stats)
{
    const struct topn *t = op->impl;
    struct vmap_stats best;
    struct ordered_stats ordered;
    if (t->best) {
        wr_vmap_stats(t->best, &best);
        stats->state_rows = best.entries;
        stats->state_bytes = best.bytes;
        stats->misses = best.misses;
    } else {
        wr_ordered_stats(t->ordered, &ordered);
        stats->state_rows = ordered.groups;
        stats->state_bytes = ordered.bytes;
        stats->misses = ordered.misses;
    }
}

/* Only of a partition column: a row that comes may move old rows of its partition. */
static bool topn_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    for (uint16_t k = 0; k < op->plan->topn.npartition; k++)
        if (op->plan->topn.partition[k] == frontier->column)
            return wr_op_emit_frontier(op, frontier);
    return true;
}

const struct op_class op_topn = {
    .name = "topn",
    .open = topn_open,
    .step = topn_step,
    .flush = topn_flush,
    .advance = topn_advance,
    .seal = topn_seal,
    .relieve = topn_relieve,
    .stats = topn_stats,
    .close = topn_close,
};
