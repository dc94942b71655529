/* The aggregate operator against a recomputation from all rows: random changes, seals, relieves, reopens; every class
 * of aggregate, FILTER, DISTINCT, groups of several encodings; one-shot. */
#include <math.h>
#include <unistd.h>

#include "executor/op_harness.h"
#include "types/numeric.h"

/* Input columns. */
enum { C_INT, C_NUM, C_VAL, C_TEXT, C_FLAG, C_FLOAT, C_DEC, C_COUNT };

static const struct type in_types[C_COUNT] = {{.id = TYPE_INT4},   {.id = TYPE_NUMERIC}, {.id = TYPE_INT8},
                                              {.id = TYPE_TEXT},   {.id = TYPE_BOOL},    {.id = TYPE_FLOAT8},
                                              {.id = TYPE_NUMERIC}};

static struct str decimal(struct harness *h, const char *text)
{
    struct str value;
    struct wr_error err = WR_ERROR_INIT;
    if (!wr_numeric_parse(&h->worker.arena, text, strlen(text), TYPE(TYPE_NUMERIC), &value, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    return value;
}

static void fill(struct harness *h, struct batch *batch, uint32_t row)
{
    static const char *const decimals[] = {"1.0", "1.00", "2", "2.000", "-3.5", "10", "NaN", "1"};
    static const double floats[] = {0, -0.0, 1.5, 1e300, (double)NAN, -7.25, (double)INFINITY, 3};
    static const char *const texts[] = {"",  "a", "b", "weir", "zz", "a longer text that does not fit a header",
                                        "é", "b "};
    batch->cols[C_INT].i32[row] = rand() % 7;
    batch->cols[C_VAL].i64[row] = rand() % 40 - 20;
    batch->cols[C_NUM].str[row] = decimal(h, decimals[rand() % 4]);
    batch->cols[C_DEC].str[row] = decimal(h, decimals[rand() % 8]);
    batch->cols[C_TEXT].str[row] = wr_str_of(texts[rand() % 8]);
    batch->cols[C_FLAG].b[row] = rand() % 2;
    batch->cols[C_FLOAT].f64[row] = floats[rand() % 8];
    for (uint16_t c = 0; c < C_COUNT; c++)
        if (rand() % 8 == 0)
            wr_column_set(&h->worker.arena, &batch->cols[c], row, batch->nrows, &(struct datum){.null = true});
}

/* ---- plans */

struct want_agg {
    const char *name;
    int arg, filter;
    bool distinct;
};

static struct plan *make_plan(struct harness *h, const uint16_t *group, uint16_t ngroup, bool grouped,
                              const struct want_agg *aggs, uint16_t naggs)
{
    struct plan *plan = wr_plan_new(&h->arena, PLAN_AGGREGATE, ngroup + naggs, 1);
    plan->aggregate.ngroup = ngroup;
    plan->aggregate.grouped = grouped;
    plan->aggregate.naggs = naggs;
    plan->aggregate.group = WR_NEW_ARRAY(&h->arena, uint16_t, ngroup + 1u);
    plan->aggregate.aggs = WR_NEW_ARRAY(&h->arena, struct plan_agg, naggs);
    for (uint16_t i = 0; i < ngroup; i++) {
        plan->aggregate.group[i] = group[i];
        plan->cols[i] = h->scan->cols[group[i]];
    }
    for (uint16_t i = 0; i < naggs; i++) {
        struct wr_error err = WR_ERROR_INIT;
        struct type arg = aggs[i].arg >= 0 ? in_types[aggs[i].arg] : TYPE(TYPE_UNKNOWN), cast;
        const struct agg *agg = wr_agg_resolve(aggs[i].name, &arg, aggs[i].arg >= 0, &cast, &err);
        if (!agg || (aggs[i].arg >= 0 && cast.id != arg.id)) {
            fprintf(stderr, "%s: %s\n", aggs[i].name, err.message);
            exit(1);
        }
        struct type result = agg->same_type ? arg : TYPE(agg->result);
        plan->aggregate.aggs[i] = (struct plan_agg){agg, aggs[i].arg, aggs[i].filter, aggs[i].distinct, result};
        plan->cols[ngroup + i] = (struct plan_column){.name = "a", .type = result, .nullable = true};
    }
    return plan;
}

/* ---- the answer, from scratch */

static struct column one_value(struct wr_arena *arena, struct type type, const struct datum *value)
{
    struct column col = wr_column_new(arena, type, 1);
    wr_column_set(arena, &col, 0, 1, value);
    return col;
}

struct ref_row {
    const struct zrow *row;
    struct wr_buf key;
};

static int cmp_ref(const void *a, const void *b)
{
    const struct ref_row *x = a, *y = b;
    int c = memcmp(x->key.data, y->key.data, WR_MIN(x->key.len, y->key.len));
    if (!c)
        c = (x->key.len > y->key.len) - (x->key.len < y->key.len);
    return c ? c : (x->row > y->row) - (x->row < y->row);
}

static bool passes(struct harness *h, const struct plan_agg *spec, const struct zrow *row)
{
    if (spec->filter < 0)
        return true;
    struct datum flag = wr_row_get(h->in_layout, row->bytes, (uint16_t)spec->filter);
    return !flag.null && flag.b;
}

static void add_value(struct wr_arena *arena, const struct plan_agg *spec, void *state, const struct datum *value,
                      int64_t weight)
{
    struct column col;
    if (spec->arg >= 0)
        col = one_value(arena, in_types[spec->arg], value);
    spec->agg->add(&state, spec->arg >= 0 ? &col : NULL, NULL, &weight, 1);
}

/* Rows of equal value once, as the smallest encoding of the value. */
static void add_distinct(struct harness *h, struct wr_arena *arena, const struct plan_agg *spec, void *state,
                         const struct ref_row *rows, uint32_t n)
{
    uint16_t arg = (uint16_t)spec->arg;
    struct row_layout *layout = wr_row_layout_new(arena, &in_types[arg], 1);
    struct wr_buf *keys = WR_NEW_ARRAY(arena, struct wr_buf, n);
    char **encodings = WR_NEW_ARRAY(arena, char *, n);
    uint32_t *sizes = WR_NEW_ARRAY(arena, uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        struct datum value = wr_row_get(h->in_layout, rows[i].row->bytes, arg);
        struct column col = one_value(arena, in_types[arg], &value);
        struct batch batch = {1, 1, &col, NULL};
        wr_row_encode_all(arena, layout, &batch, NULL, &encodings[i], &sizes[i]);
        wr_key_put(&keys[i], &value, false, false);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct datum value = wr_row_get(h->in_layout, rows[i].row->bytes, arg);
        bool smallest = passes(h, spec, rows[i].row) && !value.null;
        for (uint32_t j = 0; j < n && smallest; j++) {
            bool equal = keys[i].len == keys[j].len && !memcmp(keys[i].data, keys[j].data, keys[i].len);
            if (i == j || !equal || !passes(h, spec, rows[j].row))
                continue;
            int c = memcmp(encodings[j], encodings[i], WR_MIN(sizes[i], sizes[j]));
            c = c ? c : (int)sizes[j] - (int)sizes[i];
            smallest = c > 0 || (c == 0 && j > i);
        }
        if (smallest)
            add_value(arena, spec, state, &value, 1);
    }
    for (uint32_t i = 0; i < n; i++)
        wr_buf_free(&keys[i]);
}

static void expect_group(struct harness *h, const struct ref_row *rows, uint32_t n, struct zset *want)
{
    struct wr_arena *arena = &h->worker.arena;
    struct wr_mark mark = wr_arena_mark(arena);
    const struct plan *plan = h->plan;
    struct batch *out = WR_NEW(arena, struct batch);
    *out = (struct batch){1, plan->ncols, WR_NEW_ARRAY(arena, struct column, plan->ncols), NULL};
    uint16_t ngroup = plan->aggregate.ngroup;
    struct wr_buf best = WR_BUF_INIT;
    for (uint32_t i = 0; i < n && ngroup; i++) {
        struct column cols[4];
        struct row_layout *layout;
        struct type types[4];
        char *bytes;
        uint32_t size;
        for (uint16_t g = 0; g < ngroup; g++) {
            struct datum value = wr_row_get(h->in_layout, rows[i].row->bytes, plan->aggregate.group[g]);
            types[g] = in_types[plan->aggregate.group[g]];
            cols[g] = one_value(arena, types[g], &value);
        }
        layout = wr_row_layout_new(arena, types, ngroup);
        wr_row_encode_all(arena, layout, &(struct batch){1, ngroup, cols, NULL}, NULL, &bytes, &size);
        int c = best.len ? memcmp(bytes, best.data, WR_MIN(size, best.len)) : -1;
        if (c < 0 || (c == 0 && size < best.len)) {
            best.len = 0;
            wr_buf_put(&best, bytes, size);
            memcpy(out->cols, cols, ngroup * sizeof(*cols));
        }
    }
    wr_buf_free(&best);
    struct eval_errors errors = {.arena = arena};
    void *states[16];
    for (uint16_t a = 0; a < plan->aggregate.naggs; a++) {
        const struct plan_agg *spec = &plan->aggregate.aggs[a];
        states[a] = wr_calloc(1, spec->agg->state_size + 8u);
        spec->agg->init(states[a]);
        for (uint32_t i = 0; i < n && !spec->distinct; i++) {
            struct datum value = {.null = true};
            if (spec->arg >= 0)
                value = wr_row_get(h->in_layout, rows[i].row->bytes, (uint16_t)spec->arg);
            if (passes(h, spec, rows[i].row))
                add_value(arena, spec, states[a], &value, rows[i].row->weight);
        }
        if (spec->distinct)
            add_distinct(h, arena, spec, states[a], rows, n);
        out->cols[ngroup + a] = wr_column_new(arena, spec->type, 1);
        spec->agg->finish(&states[a], 1, arena, &out->cols[ngroup + a], &errors);
    }
    char *bytes;
    uint32_t size;
    wr_row_encode_all(arena, h->out_layout, out, NULL, &bytes, &size);
    zset_add(want, bytes, size, 1);
    for (uint16_t a = 0; a < plan->aggregate.naggs; a++) {
        if (plan->aggregate.aggs[a].agg->fini)
            plan->aggregate.aggs[a].agg->fini(states[a]);
        free(states[a]);
    }
    wr_arena_release(arena, mark);
}

static void expected(struct harness *h, struct zset *want)
{
    const struct plan *plan = h->plan;
    struct ref_row *rows = wr_calloc(h->in.n + 1u, sizeof(*rows));
    for (uint32_t i = 0; i < h->in.n; i++) {
        rows[i].row = &h->in.rows[i];
        wr_buf_byte(&rows[i].key, 0);
        for (uint16_t g = 0; g < plan->aggregate.ngroup; g++) {
            struct datum value = wr_row_get(h->in_layout, rows[i].row->bytes, plan->aggregate.group[g]);
            wr_key_put(&rows[i].key, &value, false, false);
        }
    }
    qsort(rows, h->in.n, sizeof(*rows), cmp_ref);
    for (uint32_t i = 0; i < h->in.n;) {
        uint32_t to = i + 1;
        while (to < h->in.n && rows[to].key.len == rows[i].key.len &&
               !memcmp(rows[to].key.data, rows[i].key.data, rows[i].key.len))
            to++;
        expect_group(h, rows + i, to - i, want);
        i = to;
    }
    if (!h->in.n && !plan->aggregate.ngroup && !plan->aggregate.grouped)
        expect_group(h, rows, 0, want);
    for (uint32_t i = 0; i < h->in.n; i++)
        wr_buf_free(&rows[i].key);
    free(rows);
}

/* ---- cases */

static const struct want_agg all_aggs[] = {
    {"count", -1, -1, false},         {"count", C_VAL, -1, false},     {"sum", C_VAL, C_FLAG, false},
    {"min", C_VAL, -1, false},        {"max", C_VAL, -1, false},       {"max", C_TEXT, -1, false},
    {"min", C_DEC, C_FLAG, false},    {"max", C_FLOAT, -1, false},     {"sum", C_DEC, -1, false},
    {"count", C_TEXT, -1, true},      {"count", C_TEXT, C_FLAG, true}, {"sum", C_DEC, -1, true},
    {"count", C_FLOAT, C_FLAG, true}, {"avg", C_VAL, -1, true},
};
static const struct want_agg plain_aggs[] = {
    {"count", -1, -1, false}, {"count", C_VAL, C_FLAG, false}, {"min", C_INT, -1, false}, {"max", C_VAL, -1, false}};

struct group_case {
    uint16_t columns[2];
    uint16_t n;
    bool grouped;
};
static const struct group_case groups[] = {
    {{C_INT}, 1, true}, {{C_NUM}, 1, true}, {{C_TEXT, C_FLOAT}, 2, true}, {{0}, 0, false}, {{0}, 0, true}};

static void run(const char *dir, unsigned seed, int epochs)
{
    for (unsigned g = 0; g < WR_COUNT(groups); g++) {
        for (int all = 0; all < 2; all++) {
            for (int append = 0; append < 2; append++) {
                char sub[128];
                snprintf(sub, sizeof(sub), *dir ? "%s/%u%d%d" : "%s", dir, g, all, append);
                srand(seed);
                struct harness *h = harness_new(sub, in_types, C_COUNT, append);
                harness_start(h,
                              make_plan(h, groups[g].columns, groups[g].n, groups[g].grouped,
                                        all ? all_aggs : plain_aggs, all ? WR_COUNT(all_aggs) : WR_COUNT(plain_aggs)));
                harness_flush(h);
                harness_compare(h, expected);
                harness_live(h, append ? epochs / 3 : epochs, append ? 0 : 50, fill, expected);
                struct op_stats stats = {0};
                op_aggregate.stats(harness_op(h), &stats);
                if (!append && !dir[0])
                    CHECK(stats.state_rows <= 2);
                harness_free(h);
            }
        }
    }
}

/* Smallest values leave first, so that windows drain again and again; each change may touch only a few entries. */
static void run_drain(void)
{
    static const struct want_agg aggs[] = {{"min", C_VAL, -1, false}, {"max", C_VAL, -1, false}};
    enum { ROWS = 3000 };
    struct harness *h = harness_new("", in_types, C_COUNT, false);
    harness_start(h, make_plan(h, NULL, 0, false, aggs, WR_COUNT(aggs)));
    struct wr_arena *arena = &h->worker.arena;
    for (int64_t i = 0; i < 2 * ROWS; i++) {
        struct wr_mark mark = wr_arena_mark(arena);
        struct batch *batch = wr_batch_new(arena, in_types, C_COUNT, 1);
        for (uint16_t c = 0; c < C_COUNT; c++)
            wr_column_set(arena, &batch->cols[c], 0, 1, &(struct datum){.null = true});
        batch->cols[C_VAL].nulls[0] = 0;
        batch->cols[C_VAL].i64[0] = i < ROWS ? i * 7919 % ROWS : i - ROWS;
        wr_batch_weights(arena, batch)[0] = i < ROWS ? 1 : -1;
        int64_t before = harness_op(h)->stats.touched;
        harness_push(h, batch);
        harness_flush(h);
        wr_arena_release(arena, mark);
        CHECK(harness_op(h)->stats.touched - before < 100);
        if (i == ROWS || rand() % 50 == 0)
            harness_commit(h, false);
        if (i < ROWS || i + 1 == 2 * ROWS)
            continue;
        const char *row = h->out.rows[0].bytes;
        CHECK_INT(h->out.n, 1);
        CHECK_INT(wr_row_get(h->out_layout, row, 0).i64, i - ROWS + 1);
        CHECK_INT(wr_row_get(h->out_layout, row, 1).i64, ROWS - 1);
    }
    harness_free(h);
}

/* More groups in an epoch than the operator remembers: it emits early, and a mass delete leaves nothing. */
static void run_many(void)
{
    static const uint16_t group[] = {C_VAL};
    enum { ROWS = 300000, CHUNK = 3000 };
    struct harness *h = harness_new("", in_types, C_COUNT, false);
    h->counting = true;
    harness_start(h, make_plan(h, group, 1, true, plain_aggs, WR_COUNT(plain_aggs)));
    struct wr_arena *arena = &h->worker.arena;
    for (int64_t sign = 1; sign >= -1; sign -= 2) {
        for (int64_t from = 0; from < ROWS; from += CHUNK) {
            struct wr_mark mark = wr_arena_mark(arena);
            struct batch *batch = wr_batch_new(arena, in_types, C_COUNT, CHUNK);
            wr_batch_weights(arena, batch);
            for (uint32_t i = 0; i < CHUNK; i++) {
                for (uint16_t c = 0; c < C_COUNT; c++)
                    wr_column_set(arena, &batch->cols[c], i, CHUNK, &(struct datum){.null = true});
                batch->cols[C_VAL].nulls[i] = 0;
                batch->cols[C_VAL].i64[i] = from + i;
                batch->weights[i] = sign;
            }
            harness_push(h, batch);
            wr_arena_release(arena, mark);
        }
        CHECK(h->rows_out > 0);
        harness_flush(h);
        CHECK_INT(h->rows_out, sign > 0 ? ROWS : 2 * ROWS);
        harness_commit(h, false);
    }
    struct op_stats stats = {0};
    op_aggregate.stats(harness_op(h), &stats);
    CHECK_INT(stats.state_rows, 0);
    harness_free(h);
}

static void run_one_shot(unsigned seed)
{
    for (unsigned g = 0; g < WR_COUNT(groups); g++) {
        for (int append = 0; append < 2; append++) {
            srand(seed);
            struct harness *h = harness_new(NULL, in_types, C_COUNT, append);
            harness_start(
                h, make_plan(h, groups[g].columns, groups[g].n, groups[g].grouped, all_aggs, WR_COUNT(all_aggs)));
            for (int i = 0; i < 5; i++)
                harness_random(h, 100, append ? 0 : 30, fill);
            CHECK_INT(h->rows_out, 0);
            harness_flush(h);
            harness_compare(h, expected);
            harness_free(h);
        }
    }
}

int main(void)
{
    char dir[] = "/tmp/weir-aggregate-test-XXXXXX", command[96];
    run_drain();
    run_many();
    for (unsigned seed = 1; seed <= 2; seed++) {
        run("", seed, 60);
        run_one_shot(seed);
    }
    if (mkdtemp(dir)) {
        run(dir, 5, 30);
        snprintf(command, sizeof(command), "rm -rf %s", dir);
        CHECK(system(command) == 0);
    }
    return check_report("op_aggregate_test");
}
