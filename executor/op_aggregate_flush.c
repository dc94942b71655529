/* The aggregate operator's output: for each changed group the old row is retracted and the new one emitted, unless they
 * are the same bytes. Both are computed by the same finish() from the copy of the old accumulators and from the new
 * ones. */
#include "executor/op_aggregate.h"

#include <stdlib.h>

#include "executor/encodings.h"

#define GROUPS_PER_CHUNK (BATCH_ROWS_MAX / 2)
#define BYTES_PER_CHUNK  ((int64_t)2 << 20) /* of what their values own: long texts, huge numbers */

/* Rows that may have to go out: old rows of the chunk's groups, then new ones. */
struct sides {
    uint32_t n;
    void **values;       /* the group value each row is computed from */
    const char **rows;   /* its group columns */
    int64_t *weights;    /* -1 or +1 */
    uint32_t *old, *now; /* per group: its row, UINT32_MAX: none */
};

static void settle_encodings(struct aggregate *a, struct agg_changed *changed)
{
    uint32_t len;
    struct agg_group *group = agg_group(changed->entry);
    changed->new_group = wr_encodings_first(group->encodings, &len);
}

static uint32_t add_side(struct sides *s, void *value, const char *row, int64_t weight)
{
    s->values[s->n] = value;
    s->rows[s->n] = row;
    s->weights[s->n] = weight;
    return s->n++;
}

static void collect(struct aggregate *a, struct agg_changed *changed, uint32_t n, struct sides *s)
{
    struct wr_arena *arena = &a->op->worker->arena;
    s->n = 0;
    s->values = wr_arena_alloc(arena, 2 * n * sizeof(*s->values));
    s->rows = wr_arena_alloc(arena, 2 * n * sizeof(*s->rows));
    s->weights = wr_arena_alloc(arena, 2 * n * sizeof(*s->weights));
    s->old = wr_arena_alloc(arena, n * sizeof(*s->old));
    s->now = wr_arena_alloc(arena, n * sizeof(*s->now));
    for (uint32_t k = 0; k < n; k++) {
        s->old[k] = s->now[k] = UINT32_MAX;
        if (changed[k].old)
            s->old[k] = add_side(s, changed[k].old, changed[k].old_group, -1);
    }
    for (uint32_t k = 0; k < n; k++) {
        if (k + 8 < n)
            __builtin_prefetch(changed[k + 8].entry);
        struct agg_group *group = agg_group(changed[k].entry);
        if (group->rows <= 0 && !a->global)
            continue;
        if (!a->identity)
            settle_encodings(a, &changed[k]);
        s->now[k] = add_side(s, group, changed[k].new_group, 1);
    }
}

static struct batch *compute(struct aggregate *a, const struct sides *s, struct eval_errors *errors)
{
    struct wr_arena *arena = &a->op->worker->arena;
    const struct plan *plan = a->op->plan;
    struct batch *batch = WR_NEW(arena, struct batch);
    batch->nrows = s->n;
    batch->ncols = plan->ncols;
    batch->cols = WR_NEW_ARRAY(arena, struct column, WR_MAX(plan->ncols, 1));
    batch->weights = s->weights;
    for (uint16_t c = 0; c < a->ngroup; c++)
        wr_row_decode_column(arena, a->group_layout, c, s->rows, s->n, &batch->cols[c]);
    void **states = wr_arena_alloc(arena, s->n * sizeof(*states));
    for (uint16_t i = 0; i < a->naggs; i++) {
        for (uint32_t r = 0; r < s->n; r++)
            states[r] = (char *)s->values[r] + a->offsets[i];
        struct column *out = &batch->cols[a->ngroup + i];
        uint32_t before = errors->n;
        *out = wr_column_new(arena, plan->cols[a->ngroup + i].type, s->n);
        agg_spec(a, i)->agg->finish(states, s->n, arena, out, errors);
        for (uint32_t e = before; e < errors->n; e++)
            errors->items[e].column = (uint16_t)(a->ngroup + i);
    }
    return batch;
}

static inline bool value_same(const struct column *col, enum phys phys, uint32_t x, uint32_t y)
{
    bool null = wr_is_null(col, x);
    if (null || wr_is_null(col, y))
        return null && wr_is_null(col, y);
    switch (phys) {
    case PHYS_BOOL:
        return col->b[x] == col->b[y];
    case PHYS_I32:
        return col->i32[x] == col->i32[y];
    case PHYS_STR:
        return wr_str_eq(col->str[x], col->str[y]);
    default:
        return col->i64[x] == col->i64[y]; /* doubles by bits */
    }
}

/* same[k]: the group's old and new row are the same bytes. */
static void compare(struct aggregate *a, const struct batch *batch, const struct sides *s, uint32_t n, bool *same)
{
    for (uint32_t k = 0; k < n; k++)
        same[k] = s->old[k] != UINT32_MAX && s->now[k] != UINT32_MAX;
    for (uint16_t c = a->identity ? a->ngroup : 0; c < batch->ncols; c++) {
        const struct column *col = &batch->cols[c];
        enum phys phys = wr_type_info(col->type.id)->phys;
        for (uint32_t k = 0; k < n; k++)
            if (same[k])
                same[k] = value_same(col, phys, s->old[k], s->now[k]);
    }
}

static bool emit_changed(struct aggregate *a, struct agg_changed *changed, uint32_t n)
{
    struct wr_arena *arena = &a->op->worker->arena;
    struct eval_errors errors = {.arena = arena};
    struct sides s;
    collect(a, changed, n, &s);
    if (!s.n)
        return true;
    struct batch *batch = compute(a, &s, &errors);
    bool *same = wr_arena_alloc(arena, n);
    compare(a, batch, &s, n, same);
    uint32_t *index = wr_arena_alloc(arena, s.n * sizeof(*index));
    uint32_t nout = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (same[k])
            continue;
        if (s.old[k] != UINT32_MAX)
            index[nout++] = s.old[k];
        if (s.now[k] != UINT32_MAX)
            index[nout++] = s.now[k];
    }
    if (errors.n)
        TRY(wr_op_eval_errors(a->op, batch, &errors));
    if (!nout)
        return true;
    return wr_op_emit(a->op, nout == s.n ? batch : wr_batch_gather(arena, batch, index, nout));
}

/* Have all accumulators gone back to their beginning? Canonical bytes tell. */
static bool is_initial(struct aggregate *a, const struct agg_group *group)
{
    bool initial = !group->encodings;
    struct wr_buf buf = WR_BUF_INIT, zero = WR_BUF_INIT;
    for (uint16_t i = 0; i < a->naggs && initial; i++) {
        const struct agg *agg = agg_spec(a, i)->agg;
        void *fresh = wr_calloc(1, WR_MAX(agg->state_size, 1u));
        buf.len = zero.len = 0;
        agg->init(fresh);
        agg->encode(fresh, &zero);
        agg->encode((const char *)group + a->offsets[i], &buf);
        initial = buf.len == zero.len && (!buf.len || !memcmp(buf.data, zero.data, buf.len));
        if (agg->fini)
            agg->fini(fresh);
        free(fresh);
    }
    wr_buf_free(&buf);
    wr_buf_free(&zero);
    return initial;
}

/* The group is as emitted now. In mid-epoch rows that cancel in number need not cancel in value yet. */
static void settle(struct aggregate *a, struct agg_changed *changed, bool end_of_epoch)
{
    struct agg_group *group = agg_group(changed->entry);
    wr_vmap_touch(a->groups, changed->entry); /* it may have been sealed since the step */
    if (changed->old)
        wr_agg_value_fini(a, changed->old);
    group->changed = 0;
    group->emitted = a->global || group->rows > 0;
    if (!group->rows && !a->global && (end_of_epoch || is_initial(a, group)))
        wr_vmap_delete(a->groups, changed->entry);
}

/* How many changed groups go out together. */
static uint32_t chunk_groups(struct aggregate *a, const struct agg_changed *changed, uint32_t n)
{
    n = WR_MIN(GROUPS_PER_CHUNK, n);
    int64_t bytes = 0;
    for (uint32_t k = 0; a->nowners && k < n; k++) {
        bytes += wr_agg_heap(a, agg_group(changed[k].entry));
        bytes += changed[k].old ? wr_agg_heap(a, changed[k].old) : 0;
        if (bytes > BYTES_PER_CHUNK)
            return k + 1;
    }
    return n;
}

bool wr_agg_flush(struct aggregate *a, bool end_of_epoch)
{
    struct wr_arena *arena = &a->op->worker->arena;
    if (!a->nchanged)
        return true;
    TRY(wr_agg_extreme_flush(a));
    bool ok = true;
    for (uint32_t from = 0, n; from < a->nchanged && ok; from += n) {
        struct wr_mark mark = wr_arena_mark(arena);
        n = chunk_groups(a, a->changed + from, a->nchanged - from);
        ok = emit_changed(a, a->changed + from, n);
        wr_arena_release(arena, mark);
    }
    for (uint32_t k = 0; k < a->nchanged; k++)
        settle(a, &a->changed[k], end_of_epoch);
    a->nchanged = 0;
    wr_arena_reset(&a->epoch);
    wr_vmap_reclaim(a->groups);
    return ok;
}
