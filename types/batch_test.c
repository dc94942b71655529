/* Batches and rows: gather, copy, cancel, encode and decode of random data of every physical type. */
#include "types/batch.h"

#include <stdlib.h>

#include "tests/check.h"
#include "types/row.h"
#include "types/text_io.h"

#define NCOLS 7
static const uint8_t type_ids[NCOLS] = {TYPE_BOOL, TYPE_TEXT, TYPE_INT4, TYPE_INT8, TYPE_FLOAT8, TYPE_BYTEA, TYPE_DATE};
static struct wr_arena arena;
static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
    return check_random(&state);
}

static struct batch *random_batch(uint32_t nrows, bool nulls, uint64_t range)
{
    struct type types[NCOLS];
    for (int c = 0; c < NCOLS; c++)
        types[c] = TYPE(type_ids[c]);
    struct batch *batch = wr_batch_new(&arena, types, NCOLS, nrows);
    for (uint16_t c = 0; c < NCOLS; c++)
        for (uint32_t i = 0; i < nrows; i++) {
            uint64_t n = rnd() % range;
            struct datum value = {.type = types[c], .null = nulls && rnd() % 5 == 0};
            if (wr_type_info(types[c].id)->phys == PHYS_STR)
                value.str = wr_str("some bytes of text", n % 19);
            else if (types[c].id == TYPE_BOOL)
                value.b = n & 1;
            else if (types[c].id == TYPE_FLOAT8)
                value.f64 = (double)n / 4;
            else if (types[c].id == TYPE_INT8)
                value.i64 = -(int64_t)n;
            else
                value.i32 = (int32_t)n;
            wr_column_set(&arena, &batch->cols[c], i, nrows, &value);
        }
    return batch;
}

static bool rows_same(const struct batch *a, uint32_t i, const struct batch *b, uint32_t j)
{
    for (uint16_t c = 0; c < a->ncols; c++) {
        struct datum x = wr_column_get(&a->cols[c], i), y = wr_column_get(&b->cols[c], j);
        if (wr_value_cmp(&x, &y))
            return false;
    }
    return true;
}

static void check_copies(const struct batch *batch)
{
    uint32_t n = batch->nrows, *index = wr_arena_alloc(&arena, (n + 1) * sizeof(*index));
    for (uint32_t i = 0; i < n; i++)
        index[i] = n - 1 - i;
    struct batch *copy = wr_batch_copy(&arena, batch), *turned = wr_batch_gather(&arena, batch, index, n);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(rows_same(batch, i, copy, i));
        CHECK(rows_same(batch, i, turned, n - 1 - i));
    }
    index[n] = UINT32_MAX;
    struct column holes = wr_column_gather(&arena, &batch->cols[1], index, n + 1);
    CHECK(wr_is_null(&holes, n) && holes.str[n].len == 0);
    struct held_batch *held = wr_held_copy(NULL, batch);
    wr_held_retain(held);
    wr_held_release(held);
    CHECK(n == 0 || rows_same(batch, 0, &held->batch, 0));
    wr_held_release(held);
}

static void check_rows(const struct batch *batch)
{
    uint32_t n = batch->nrows, *sizes = wr_arena_alloc(&arena, (n + 1) * sizeof(*sizes));
    char **rows = wr_arena_alloc(&arena, (n + 1) * sizeof(*rows));
    struct type types[NCOLS];
    for (int c = 0; c < NCOLS; c++)
        types[c] = batch->cols[c].type;
    struct row_layout *layout = wr_row_layout_new(&arena, types, NCOLS);
    wr_row_encode_all(&arena, layout, batch, NULL, rows, sizes);
    struct batch *back = wr_row_decode(&arena, layout, (const char *const *)rows, n);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(rows_same(batch, i, back, i));
        CHECK(wr_row_valid(layout, rows[i], sizes[i]));
        CHECK(!wr_row_valid(layout, rows[i], sizes[i] + 1) && !wr_row_valid(layout, rows[i], sizes[i] - 1));
        for (uint16_t c = 0; c < NCOLS; c++) {
            struct datum x = wr_column_get(&batch->cols[c], i), y = wr_row_get(layout, rows[i], c);
            CHECK_INT(wr_value_cmp(&x, &y), 0);
        }
        bool same_bytes = i && sizes[i] == sizes[i - 1] && !memcmp(rows[i], rows[i - 1], sizes[i]);
        CHECK(i == 0 || same_bytes == rows_same(batch, i, batch, i - 1));
    }
    uint16_t columns[] = {3, 1};
    struct type some[] = {types[3], types[1]};
    struct row_layout *narrow = wr_row_layout_new(&arena, some, 2);
    wr_row_encode_all(&arena, narrow, batch, columns, rows, sizes);
    if (n > 1)
        rows[1] = NULL;
    back = wr_row_decode(&arena, narrow, (const char *const *)rows, n);
    for (uint32_t i = 0; i < n; i++) {
        struct datum x = wr_column_get(&batch->cols[1], i), y = wr_column_get(&back->cols[1], i);
        CHECK(i == 1 ? y.null : wr_value_cmp(&x, &y) == 0);
    }
}

/* The weight of every row, looked for by hand, is the same before and after. */
static int64_t weight_of(const struct batch *in, const struct batch *batch, uint32_t row)
{
    int64_t weight = 0;
    for (uint32_t i = 0; i < in->nrows; i++)
        if (rows_same(in, i, batch, row))
            weight += wr_weight(in, i);
    return weight;
}

static void check_consolidate(struct batch *batch)
{
    CHECK(wr_batch_consolidate(&arena, batch) == batch);
    int64_t *weights = wr_batch_weights(&arena, batch);
    CHECK(wr_batch_consolidate(&arena, batch) == batch);
    for (uint32_t i = 0; i < batch->nrows; i++)
        weights[i] = (int64_t)(rnd() % 5) - 2;
    const struct batch *out = wr_batch_consolidate(&arena, batch);
    for (uint32_t i = 0; i < out->nrows; i++) {
        CHECK(wr_weight(out, i) != 0);
        CHECK_INT(weight_of(batch, out, i), wr_weight(out, i));
        CHECK_INT(weight_of(out, out, i), wr_weight(out, i));
    }
    for (uint32_t i = 0; i < batch->nrows; i++)
        CHECK_INT(weight_of(out, batch, i), weight_of(batch, batch, i));
}

static void check_types(void)
{
    char name[64];
    struct type type;
    CHECK(wr_type_by_name("int", &type) && type.id == TYPE_INT4);
    CHECK(wr_type_by_name("character varying", &type) && type.id == TYPE_TEXT && type.varchar);
    CHECK(!wr_type_by_name("smallint", &type) && !wr_type_by_name("real", &type));
    CHECK_STR(wr_type_name((struct type){.id = TYPE_NUMERIC, .precision = 10, .scale = 2}, name, sizeof name),
              "numeric(10,2)");
    CHECK_STR(wr_type_name((struct type){.id = TYPE_TIMESTAMPTZ, .precision = 4}, name, sizeof name),
              "timestamp(3) with time zone");
    CHECK_INT(wr_type_by_oid(1184), TYPE_TIMESTAMPTZ);
}

static size_t text_of(const struct batch *batch, uint32_t from, uint32_t n)
{
    size_t bytes = 0;
    for (uint16_t c = 0; c < batch->ncols; c++)
        for (uint32_t i = from; i < from + n; i++)
            if (wr_type_info(batch->cols[c].type.id)->phys == PHYS_STR)
                bytes += batch->cols[c].str[i].len;
    return bytes;
}

/* Slices by bytes of text are all of a batch, each as long as it can be. */
static void check_slices(const struct batch *batch)
{
    size_t max = rnd() % 60;
    struct column *cols = WR_NEW_ARRAY(&arena, struct column, batch->ncols);
    for (uint32_t from = 0, n; from < batch->nrows; from += n) {
        n = wr_batch_rows_within(batch, from, max);
        CHECK(n && from + n <= batch->nrows);
        CHECK(n == 1 || text_of(batch, from, n) <= max);
        CHECK(from + n == batch->nrows || text_of(batch, from, n + 1) > max);
        struct batch slice = wr_batch_slice(batch, from, n, cols);
        for (uint32_t i = 0; i < n; i++)
            CHECK(rows_same(&slice, i, batch, from + i) && wr_weight(&slice, i) == wr_weight(batch, from + i));
    }
}

int main(void)
{
    wr_arena_init(&arena, NULL);
    check_types();
    for (int round = 0; round < 30; round++) {
        struct batch *batch = random_batch((uint32_t)(rnd() % 60), round & 1, round % 3 ? 1000 : 2);
        check_copies(batch);
        check_slices(batch);
        check_rows(batch);
        check_consolidate(batch);
        wr_arena_reset(&arena);
    }
    return check_report("batch_test");
}
