/* For tests and benchmarks of one operator: a plan node over a scan, run over a store (none, memory, directory), its
 * output collected as a Z-set of row bytes. The model is a Z-set too; a test says what the output of the node over it
 * is. */
#ifndef WEIR_EXECUTOR_OP_HARNESS_H
#define WEIR_EXECUTOR_OP_HARNESS_H

#include <stdlib.h>

#include "executor/op.h"
#include "tests/check.h"

/* ---- a small Z-set of byte strings; kept sorted */

struct zrow {
    char *bytes;
    uint32_t len;
    int64_t weight;
};
struct zset {
    struct zrow *rows;
    uint32_t n, cap;
};

static WR_UNUSED int zset_find(const struct zset *z, const char *bytes, uint32_t len, uint32_t *at)
{
    uint32_t lo = 0, hi = z->n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        const struct zrow *row = &z->rows[mid];
        int c = memcmp(row->bytes, bytes, WR_MIN(row->len, len));
        c = c ? c : (row->len > len) - (row->len < len);
        if (!c) {
            *at = mid;
            return 1;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *at = lo;
    return 0;
}

static WR_UNUSED void zset_add(struct zset *z, const char *bytes, uint32_t len, int64_t weight)
{
    uint32_t at;
    if (zset_find(z, bytes, len, &at)) {
        z->rows[at].weight += weight;
        if (!z->rows[at].weight) {
            free(z->rows[at].bytes);
            memmove(z->rows + at, z->rows + at + 1, (z->n - at - 1) * sizeof(*z->rows));
            z->n--;
        }
        return;
    }
    if (z->n == z->cap) {
        z->cap = WR_MAX(16u, z->cap * 2);
        z->rows = wr_realloc(z->rows, z->cap * sizeof(*z->rows));
    }
    memmove(z->rows + at + 1, z->rows + at, (z->n - at) * sizeof(*z->rows));
    char *copy = wr_malloc(len + 1u);
    memcpy(copy, bytes, len);
    z->rows[at] = (struct zrow){copy, len, weight};
    z->n++;
}

static WR_UNUSED void zset_free(struct zset *z)
{
    for (uint32_t i = 0; i < z->n; i++)
        free(z->rows[i].bytes);
    free(z->rows);
    *z = (struct zset){NULL, 0, 0};
}

static WR_UNUSED bool zset_same(const struct zset *a, const struct zset *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->rows[i].len != b->rows[i].len || a->rows[i].weight != b->rows[i].weight ||
            memcmp(a->rows[i].bytes, b->rows[i].bytes, a->rows[i].len))
            return false;
    return true;
}

/* ---- the harness */

struct harness {
    struct wr_budget budget;
    struct wr_pool pool;
    struct worker worker;
    const char *dir;       /* NULL: one-shot; "": memory store */
    struct wr_arena arena; /* of the plan */
    struct plan *scan, *plan;
    struct row_layout *in_layout, *out_layout;
    struct dataflow *dataflow;
    struct zset in, out;
    int64_t errors; /* net weight of evaluation errors */
    bool counting;  /* benchmarks: count output rows only */
    int64_t rows_out;
};

static bool harness_collect(struct op *op, unsigned port, const struct batch *batch)
{
    struct harness *h = op->worker->context;
    h->rows_out += batch->nrows;
    if (h->counting)
        return true;
    struct wr_arena *arena = &op->worker->arena;
    char **rows = wr_arena_alloc(arena, batch->nrows * sizeof(*rows));
    uint32_t *sizes = wr_arena_alloc(arena, batch->nrows * sizeof(*sizes));
    wr_row_encode_all(arena, h->out_layout, batch, NULL, rows, sizes);
    for (uint32_t i = 0; i < batch->nrows; i++)
        if (wr_weight(batch, i))
            zset_add(&h->out, rows[i], sizes[i], wr_weight(batch, i));
    return true;
}

static const struct op_class harness_class = {.name = "collect", .step = harness_collect};

static bool harness_errors(struct worker *worker, struct op *op, const struct batch *batch,
                           const struct eval_errors *errors)
{
    for (uint32_t i = 0; i < errors->n; i++)
        ((struct harness *)worker->context)->errors += wr_weight(batch, errors->items[i].row);
    return true;
}

static WR_UNUSED struct row_layout *harness_layout(struct harness *h, const struct plan *plan)
{
    struct type types[32];
    for (uint16_t c = 0; c < plan->ncols; c++)
        types[c] = plan->cols[c].type;
    return wr_row_layout_new(&h->arena, types, plan->ncols);
}

static WR_UNUSED void harness_open(struct harness *h)
{
    struct wr_error err = WR_ERROR_INIT;
    if (h->dir) {
        struct store_options options = {.dir = *h->dir ? h->dir : NULL, .budget = &h->budget};
        h->worker.store = wr_store_open(&options, &err);
        if (!h->worker.store) {
            fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
        h->worker.commit = wr_commit_begin(h->worker.store);
    }
    h->dataflow = wr_dataflow_new(&h->worker, 1, h->plan, NULL, &err);
    if (!h->dataflow || !wr_dataflow_append(h->dataflow, &harness_class, NULL, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
}

/* A harness with a scan of these column types; the test puts its node on top of h->scan and calls harness_start(). */
static WR_UNUSED struct harness *harness_new(const char *dir, const struct type *types, uint16_t ncols,
                                             bool append_only)
{
    struct harness *h = wr_calloc(1, sizeof(*h));
    h->dir = dir;
    wr_budget_init(&h->budget, 512 << 20);
    wr_pool_init(&h->pool, &h->budget, "state");
    wr_arena_init(&h->arena, NULL);
    h->worker = (struct worker){.count = 1, .state_pool = &h->pool, .budget = &h->budget, .one_shot = !dir};
    h->worker.query_limit_bytes = INT64_MAX;
    h->worker.on_eval_errors = harness_errors;
    h->worker.context = h;
    wr_arena_init(&h->worker.arena, NULL);
    h->scan = wr_plan_new(&h->arena, PLAN_SCAN, ncols, 0);
    h->scan->props.append_only = append_only;
    h->scan->scan.columns = WR_NEW_ARRAY(&h->arena, uint16_t, ncols);
    for (uint16_t c = 0; c < ncols; c++) {
        h->scan->cols[c] = (struct plan_column){.name = "c", .type = types[c], .nullable = true};
        h->scan->scan.columns[c] = c;
    }
    h->in_layout = harness_layout(h, h->scan);
    return h;
}

static WR_UNUSED void harness_start(struct harness *h, struct plan *plan)
{
    plan->inputs[0] = h->scan;
    plan->nstates = wr_plan_state_count(plan);
    h->plan = plan;
    h->out_layout = harness_layout(h, plan);
    harness_open(h);
}

static WR_UNUSED struct op *harness_op(struct harness *h)
{
    return h->dataflow->ops[1];
}

static WR_UNUSED void harness_push(struct harness *h, const struct batch *batch)
{
    if (!wr_op_step(h->dataflow->scans[0], 0, batch)) {
        fprintf(stderr, "step: %s\n", h->worker.error.message);
        exit(1);
    }
}

static WR_UNUSED void harness_flush(struct harness *h)
{
    if (!wr_dataflow_flush(h->dataflow)) {
        fprintf(stderr, "flush: %s\n", h->worker.error.message);
        exit(1);
    }
}

/* At an epoch's border only. */
static WR_UNUSED void harness_commit(struct harness *h, bool wait)
{
    struct wr_error err = WR_ERROR_INIT;
    CHECK(wr_dataflow_seal(h->dataflow, h->worker.commit));
    uint64_t number = wr_commit_submit(h->worker.commit, NULL, NULL);
    if (wait)
        CHECK(wr_store_wait(h->worker.store, number, &err));
    h->worker.commit = wr_commit_begin(h->worker.store);
}

/* As the framework does under pressure. */
static WR_UNUSED void harness_relieve(struct harness *h, int64_t bytes)
{
    struct op *op = harness_op(h);
    CHECK(op->cls->seal(op, h->worker.commit));
    op->cls->relieve(op, bytes);
}

static WR_UNUSED void harness_close(struct harness *h)
{
    wr_dataflow_free(h->dataflow);
    CHECK_INT(atomic_load(&h->pool.used_bytes), 0);
    if (h->worker.store) {
        wr_commit_abandon(h->worker.commit);
        wr_store_close(h->worker.store);
    }
}

static WR_UNUSED void harness_reopen(struct harness *h)
{
    harness_commit(h, true);
    harness_close(h);
    harness_open(h);
}

static WR_UNUSED void harness_free(struct harness *h)
{
    harness_close(h);
    zset_free(&h->in);
    zset_free(&h->out);
    wr_arena_reset(&h->worker.arena);
    wr_arena_reset(&h->arena);
    free(h);
}

/* ---- random input: the test fills a batch's values, the harness chooses inserts and deletes */

/* Push n rows: fill(h, batch, row) makes fresh rows; about `deletes` percent of them are replaced by the retraction of
 * a row that is there. Keeps h->in. */
typedef void (*harness_fill)(struct harness *h, struct batch *batch, uint32_t row);
static WR_UNUSED void harness_random(struct harness *h, uint32_t n, int deletes, harness_fill fill)
{
    struct wr_arena *arena = &h->worker.arena;
    struct wr_mark mark = wr_arena_mark(arena);
    struct batch *fresh = wr_batch_new(arena, h->in_layout->types, h->in_layout->ncols, n);
    for (uint16_t c = 0; c < fresh->ncols; c++)
        wr_column_nulls(arena, &fresh->cols[c], n);
    for (uint32_t i = 0; i < n; i++)
        fill(h, fresh, i);
    char **rows = wr_arena_alloc(arena, n * sizeof(*rows));
    uint32_t *sizes = wr_arena_alloc(arena, n * sizeof(*sizes));
    int64_t *weights = wr_arena_alloc(arena, n * sizeof(*weights));
    wr_row_encode_all(arena, h->in_layout, fresh, NULL, rows, sizes);
    for (uint32_t i = 0; i < n; i++) {
        weights[i] = rand() % 8 ? 1 : 2;
        if (h->in.n && rand() % 100 < deletes) {
            const struct zrow *victim = &h->in.rows[(uint32_t)rand() % h->in.n];
            rows[i] = memcpy(wr_arena_bytes(arena, victim->len), victim->bytes, victim->len);
            sizes[i] = victim->len;
            weights[i] = rand() % 2 ? -1 : -victim->weight;
        }
        zset_add(&h->in, rows[i], sizes[i], weights[i]);
    }
    struct batch *batch = wr_row_decode(arena, h->in_layout, (const char *const *)rows, n);
    batch->weights = weights;
    harness_push(h, batch);
    wr_arena_release(arena, mark);
}

/* The life of a view in random order: `expected` makes the output of the node over h->in. */
typedef void (*harness_expected)(struct harness *h, struct zset *want);

static WR_UNUSED void harness_compare(struct harness *h, harness_expected expected)
{
    struct zset want = {0};
    expected(h, &want);
    CHECK(zset_same(&h->out, &want));
    zset_free(&want);
}

static WR_UNUSED void harness_empty(struct harness *h)
{
    struct wr_arena *arena = &h->worker.arena;
    while (h->in.n) {
        struct wr_mark mark = wr_arena_mark(arena);
        uint32_t n = WR_MIN(h->in.n, 100u);
        const char **rows = wr_arena_alloc(arena, n * sizeof(*rows));
        int64_t *weights = wr_arena_alloc(arena, n * sizeof(*weights));
        for (uint32_t i = 0; i < n; i++) {
            const struct zrow *row = &h->in.rows[h->in.n - 1 - i];
            rows[i] = row->bytes;
            weights[i] = -row->weight;
        }
        struct batch *batch = wr_row_decode(arena, h->in_layout, rows, n);
        batch->weights = weights;
        harness_push(h, batch);
        for (uint32_t i = 0; i < n; i++)
            free(h->in.rows[--h->in.n].bytes);
        wr_arena_release(arena, mark);
    }
}

static WR_UNUSED void harness_live(struct harness *h, int epochs, int deletes, harness_fill fill,
                                   harness_expected expected)
{
    for (int e = 0; e < epochs; e++) {
        int chunks = rand() % 4;
        for (int c = 0; c < chunks; c++) {
            harness_random(h, 1 + (uint32_t)rand() % 60, deletes, fill);
            if (rand() % 12 == 0)
                harness_relieve(h, rand() % 2 ? 1 << 12 : 1 << 30);
        }
        harness_flush(h);
        harness_compare(h, expected);
        if (rand() % 6 == 0)
            harness_commit(h, false);
        if (rand() % 8 == 0)
            harness_relieve(h, rand() % 2 ? 1 << 12 : 1 << 30);
        if (*h->dir && rand() % 40 == 0)
            harness_reopen(h);
    }
    if (!deletes)
        return;
    harness_empty(h);
    harness_flush(h);
    harness_compare(h, expected);
    harness_relieve(h, 1 << 30);
    CHECK_INT(h->errors, 0);
}

#endif
