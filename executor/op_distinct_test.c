/* DISTINCT against a recomputation: random changes, seals, relieves, reopens; rows equal in SQL but not in bytes. */
#include <unistd.h>

#include "executor/op_harness.h"
#include "types/numeric.h"

static const struct type plain_types[] = {{.id = TYPE_INT4}, {.id = TYPE_TEXT}};
static const struct type mixed_types[] = {
    {.id = TYPE_INT4}, {.id = TYPE_TEXT}, {.id = TYPE_NUMERIC}, {.id = TYPE_FLOAT8}};

static void fill(struct harness *h, struct batch *batch, uint32_t row)
{
    static const char *const decimals[] = {"1.0", "1.00", "1", "2"};
    static const char *const texts[] = {"", "a", "b", "weir"};
    struct wr_error err = WR_ERROR_INIT;
    batch->cols[0].i32[row] = rand() % 12;
    batch->cols[1].str[row] = wr_str_of(texts[rand() % 4]);
    if (batch->ncols == 4) {
        const char *text = decimals[rand() % 4];
        CHECK(
            wr_numeric_parse(&h->worker.arena, text, strlen(text), TYPE(TYPE_NUMERIC), &batch->cols[2].str[row], &err));
        batch->cols[3].f64[row] = rand() % 2 ? 0.0 : -0.0;
    }
    uint16_t null = (uint16_t)(rand() % (batch->ncols * 6));
    if (null < batch->ncols)
        wr_column_set(&h->worker.arena, &batch->cols[null], row, batch->nrows, &(struct datum){.null = true});
}

static void row_key(struct harness *h, const struct zrow *row, struct wr_buf *key)
{
    key->len = 0;
    for (uint16_t c = 0; c < h->in_layout->ncols; c++) {
        struct datum value = wr_row_get(h->in_layout, row->bytes, c);
        wr_key_put(key, &value, false, false);
    }
}

/* h->in is sorted by bytes: of each key the first row is the one shown. */
static void expected(struct harness *h, struct zset *want)
{
    struct zset seen = {0};
    struct wr_buf key = WR_BUF_INIT;
    for (uint32_t i = 0; i < h->in.n; i++) {
        uint32_t at;
        row_key(h, &h->in.rows[i], &key);
        if (zset_find(&seen, key.data, (uint32_t)key.len, &at))
            continue;
        zset_add(&seen, key.data, (uint32_t)key.len, 1);
        zset_add(want, h->in.rows[i].bytes, h->in.rows[i].len, 1);
    }
    zset_free(&seen);
    wr_buf_free(&key);
}

static struct harness *start(const char *dir, bool mixed, bool append)
{
    const struct type *types = mixed ? mixed_types : plain_types;
    uint16_t ncols = mixed ? WR_COUNT(mixed_types) : WR_COUNT(plain_types);
    struct harness *h = harness_new(dir, types, ncols, append);
    struct plan *plan = wr_plan_new(&h->arena, PLAN_DISTINCT, ncols, 1);
    memcpy(plan->cols, h->scan->cols, ncols * sizeof(*plan->cols));
    harness_start(h, plan);
    return h;
}

static void run(const char *dir, unsigned seed, int epochs)
{
    for (int form = 0; form < 4; form++) {
        char sub[128];
        snprintf(sub, sizeof(sub), *dir ? "%s/%d" : "%s", dir, form);
        srand(seed);
        struct harness *h = start(sub, form & 1, form & 2);
        harness_live(h, epochs, form & 2 ? 0 : 50, fill, expected);
        struct op_stats stats = {0};
        op_distinct.stats(harness_op(h), &stats);
        if (!(form & 2))
            CHECK_INT(stats.state_rows, 0);
        harness_free(h);
    }
}

static void run_one_shot(unsigned seed)
{
    for (int form = 0; form < 4; form++) {
        srand(seed);
        struct harness *h = start(NULL, form & 1, form & 2);
        for (int i = 0; i < 5; i++)
            harness_random(h, 100, form & 2 ? 0 : 30, fill);
        harness_flush(h);
        harness_compare(h, expected);
        CHECK_INT(h->rows_out, h->out.n); /* nothing was taken back */
        harness_free(h);
    }
}

int main(void)
{
    char dir[] = "/tmp/weir-distinct-test-XXXXXX", command[96];
    for (unsigned seed = 1; seed <= 3; seed++) {
        run("", seed, 100);
        run_one_shot(seed);
    }
    if (mkdtemp(dir)) {
        run(dir, 5, 60);
        snprintf(command, sizeof(command), "rm -rf %s", dir);
        CHECK(system(command) == 0);
    }
    return check_report("op_distinct_test");
}
