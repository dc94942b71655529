/* Top-N, all forms, and sort, against a recomputation: random changes, seals, relieves, reopens; ties, weights above
 * one, offsets, ranks, no limit, no partition; one-shot. */
#include <unistd.h>

#include "executor/op_harness.h"
#include "types/numeric.h"

enum { C_PART, C_A, C_B, C_TEXT, C_DEC, C_COUNT };
static const struct type in_types[C_COUNT] = {
    {.id = TYPE_INT4}, {.id = TYPE_INT8}, {.id = TYPE_INT4}, {.id = TYPE_TEXT}, {.id = TYPE_NUMERIC}};

static void fill(struct harness *h, struct batch *batch, uint32_t row)
{
    static const char *const decimals[] = {"1.0", "1.00", "-7", "2"};
    static const char *const texts[] = {"", "a", "b", "weir", "ab"};
    struct wr_error err = WR_ERROR_INIT;
    const char *text = decimals[rand() % 4];
    batch->cols[C_PART].i32[row] = rand() % 8;
    batch->cols[C_A].i64[row] = rand() % 10 - 5;
    batch->cols[C_B].i32[row] = rand() % 5;
    batch->cols[C_TEXT].str[row] = wr_str_of(texts[rand() % 5]);
    CHECK(
        wr_numeric_parse(&h->worker.arena, text, strlen(text), TYPE(TYPE_NUMERIC), &batch->cols[C_DEC].str[row], &err));
    uint16_t null = (uint16_t)(rand() % (C_COUNT * 5));
    if (null < C_COUNT)
        wr_column_set(&h->worker.arena, &batch->cols[null], row, batch->nrows, &(struct datum){.null = true});
}

struct topn_case {
    uint16_t npartition, norder;
    struct plan_order order[3];
    int64_t limit, offset;
    bool emit_rank;
};

static const struct topn_case cases[] = {
    {1, 1, {{C_A, true, true}}, 1, 0, false},
    {1, 2, {{C_TEXT, false, false}, {C_A, true, false}}, 1, 0, true},
    {1, 2, {{C_DEC, true, true}, {C_B, false, true}}, 1, 0, false},
    {1, 2, {{C_B, false, false}, {C_A, false, false}}, 3, 0, false},
    {1, 1, {{C_A, true, false}}, 2, 3, false},
    {0, 1, {{C_A, false, true}}, 10, 0, false},
    {1, 1, {{C_A, false, false}}, 4, 1, true},
    {1, 1, {{C_DEC, false, false}}, -1, 0, true},
    {0, 2, {{C_TEXT, true, true}, {C_B, false, false}}, -1, 5, false},
    {0, 0, {{0}}, 7, 2, false},
};

static struct plan *make_plan(struct harness *h, const struct topn_case *c)
{
    struct plan *plan = wr_plan_new(&h->arena, PLAN_TOPN, C_COUNT + c->emit_rank, 1);
    memcpy(plan->cols, h->scan->cols, C_COUNT * sizeof(*plan->cols));
    if (c->emit_rank)
        plan->cols[C_COUNT] = (struct plan_column){.name = "rank", .type = TYPE(TYPE_INT8)};
    plan->topn.npartition = c->npartition;
    plan->topn.partition = WR_NEW_ARRAY(&h->arena, uint16_t, 1);
    plan->topn.norder = c->norder;
    plan->topn.order = WR_NEW_ARRAY(&h->arena, struct plan_order, 3);
    memcpy(plan->topn.order, c->order, sizeof(c->order));
    plan->topn.limit = c->limit;
    plan->topn.offset = c->offset;
    plan->topn.emit_rank = c->emit_rank;
    return plan;
}

/* ---- the answer, from scratch */

struct ref_row {
    const struct zrow *row;
    struct wr_buf partition, order;
};

static int cmp_buf(const struct wr_buf *a, const struct wr_buf *b)
{
    size_t n = WR_MIN(a->len, b->len);
    int c = n ? memcmp(a->data, b->data, n) : 0;
    return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int cmp_ref(const void *a, const void *b)
{
    const struct ref_row *x = a, *y = b;
    int c = cmp_buf(&x->partition, &y->partition);
    c = c ? c : cmp_buf(&x->order, &y->order);
    return c ? c : (x->row > y->row) - (x->row < y->row); /* h->in is sorted by bytes */
}

static struct ref_row *sorted_rows(struct harness *h, const uint16_t *partition, uint16_t npartition,
                                   const struct plan_order *order, uint16_t norder)
{
    struct ref_row *rows = wr_calloc(h->in.n + 1u, sizeof(*rows));
    for (uint32_t i = 0; i < h->in.n; i++) {
        rows[i].row = &h->in.rows[i];
        for (uint16_t c = 0; c < npartition; c++) {
            struct datum value = wr_row_get(h->in_layout, h->in.rows[i].bytes, partition[c]);
            wr_key_put(&rows[i].partition, &value, false, false);
        }
        for (uint16_t c = 0; c < norder; c++) {
            struct datum value = wr_row_get(h->in_layout, h->in.rows[i].bytes, order[c].column);
            wr_key_put(&rows[i].order, &value, order[c].descending, order[c].nulls_first);
        }
    }
    qsort(rows, h->in.n, sizeof(*rows), cmp_ref);
    return rows;
}

static void free_rows(struct ref_row *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        wr_buf_free(&rows[i].partition);
        wr_buf_free(&rows[i].order);
    }
    free(rows);
}

static void want_row(struct harness *h, struct zset *want, const char *bytes, int64_t rank)
{
    struct wr_arena *arena = &h->worker.arena;
    struct wr_mark mark = wr_arena_mark(arena);
    struct batch *batch = wr_row_decode(arena, h->in_layout, &bytes, 1);
    struct column cols[C_COUNT + 1];
    memcpy(cols, batch->cols, C_COUNT * sizeof(*cols));
    cols[C_COUNT] = (struct column){.type = TYPE(TYPE_INT8), .i64 = &rank};
    struct batch out = {1, h->out_layout->ncols, cols, NULL};
    char *row;
    uint32_t size;
    wr_row_encode_all(arena, h->out_layout, &out, NULL, &row, &size);
    zset_add(want, row, size, 1);
    wr_arena_release(arena, mark);
}

static void expected(struct harness *h, struct zset *want)
{
    const struct plan *plan = h->plan;
    struct ref_row *rows =
        sorted_rows(h, plan->topn.partition, plan->topn.npartition, plan->topn.order, plan->topn.norder);
    int64_t rank = 0;
    for (uint32_t i = 0; i < h->in.n; i++) {
        if (i && cmp_buf(&rows[i - 1].partition, &rows[i].partition))
            rank = 0;
        for (int64_t w = 0; w < rows[i].row->weight; w++) {
            rank++;
            bool within =
                rank > plan->topn.offset && (plan->topn.limit < 0 || rank <= plan->topn.offset + plan->topn.limit);
            if (within)
                want_row(h, want, rows[i].row->bytes, rank);
        }
    }
    free_rows(rows, h->in.n);
}

/* ---- runs */

static void run(const char *dir, unsigned seed, int epochs)
{
    for (unsigned c = 0; c < WR_COUNT(cases); c++) {
        for (int append = 0; append < 2; append++) {
            char sub[128];
            snprintf(sub, sizeof(sub), *dir ? "%s/%u%d" : "%s", dir, c, append);
            srand(seed);
            struct harness *h = harness_new(sub, in_types, C_COUNT, append);
            harness_start(h, make_plan(h, &cases[c]));
            harness_live(h, append ? epochs / 3 : epochs, append ? 0 : (int)(35 + seed * 5), fill, expected);
            if (!append)
                CHECK_INT(h->out.n, 0);
            harness_free(h);
        }
    }
}

static void run_one_shot(unsigned seed)
{
    for (unsigned c = 0; c < WR_COUNT(cases); c++) {
        for (int append = 0; append < 2; append++) {
            srand(seed);
            struct harness *h = harness_new(NULL, in_types, C_COUNT, append);
            harness_start(h, make_plan(h, &cases[c]));
            for (int i = 0; i < 5; i++)
                harness_random(h, 100, append ? 0 : 30, fill);
            CHECK_INT(h->rows_out, 0);
            harness_flush(h);
            harness_compare(h, expected);
            harness_free(h);
        }
    }
}

/* ---- sort: what comes out, in which order */

struct sort_check {
    struct ref_row *rows;
    uint32_t at;
};
static struct sort_check sorting;

static bool check_sorted(struct op *op, unsigned port, const struct batch *batch)
{
    struct harness *h = op->worker->context;
    struct wr_arena *arena = &op->worker->arena;
    char **rows = wr_arena_alloc(arena, batch->nrows * sizeof(*rows));
    uint32_t *sizes = wr_arena_alloc(arena, batch->nrows * sizeof(*sizes));
    wr_row_encode_all(arena, h->out_layout, batch, NULL, rows, sizes);
    for (uint32_t i = 0; i < batch->nrows && sorting.at < h->in.n; i++) {
        const struct zrow *want = sorting.rows[sorting.at++].row;
        CHECK(want->len == sizes[i] && !memcmp(want->bytes, rows[i], sizes[i]));
        CHECK_INT(wr_weight(batch, i), want->weight);
    }
    return true;
}

static void run_sort(unsigned seed)
{
    static const struct op_class check_class = {.name = "check", .step = check_sorted};
    srand(seed);
    struct harness *h = harness_new(NULL, in_types, C_COUNT, false);
    struct plan *plan = wr_plan_new(&h->arena, PLAN_SORT, C_COUNT, 1);
    struct plan_order order[] = {{C_B, true, true}, {C_TEXT, false, false}};
    struct wr_error err = WR_ERROR_INIT;
    memcpy(plan->cols, h->scan->cols, C_COUNT * sizeof(*plan->cols));
    plan->sort.norder = 2;
    plan->sort.order = order;
    harness_start(h, plan);
    CHECK(wr_dataflow_append(h->dataflow, &check_class, NULL, NULL, &err) != NULL);
    wr_op_connect(harness_op(h), h->dataflow->root, 0);
    for (int i = 0; i < 20; i++)
        harness_random(h, 300, 20, fill);
    sorting = (struct sort_check){sorted_rows(h, NULL, 0, order, 2), 0};
    harness_flush(h);
    CHECK_INT(sorting.at, h->in.n);
    CHECK_INT(h->rows_out, h->in.n);
    free_rows(sorting.rows, h->in.n);
    harness_free(h);
}

int main(void)
{
    char dir[] = "/tmp/weir-topn-test-XXXXXX", command[96];
    for (unsigned seed = 1; seed <= 2; seed++) {
        run("", seed, 100);
        run_one_shot(seed);
        run_sort(seed);
    }
    if (mkdtemp(dir)) {
        run(dir, 5, 50);
        snprintf(command, sizeof(command), "rm -rf %s", dir);
        CHECK(system(command) == 0);
    }
    return check_report("op_topn_test");
}
