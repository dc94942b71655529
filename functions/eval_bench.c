/* How fast expressions run: million rows per second over batches of 4096, one thread. */
#include <time.h>

#include "functions/test_build.h"

#define ROUNDS 2000

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct batch *input(struct wr_arena *arena, bool nulls)
{
    struct type types[] = {TYPE(TYPE_INT4), TYPE(TYPE_INT8), TYPE(TYPE_FLOAT8), TYPE(TYPE_TEXT)};
    struct batch *batch = wr_batch_new(arena, types, 4, BATCH_ROWS_MAX);
    for (uint32_t i = 0; i < BATCH_ROWS_MAX; i++) {
        batch->cols[0].i32[i] = (int32_t)(i * 7919 % 1000);
        batch->cols[1].i64[i] = i * 104729 % 100000;
        batch->cols[2].f64[i] = i * 0.5;
        batch->cols[3].str[i] = wr_str_of(i % 3 ? "a common text" : "another one, somewhat longer");
    }
    for (uint16_t c = 0; nulls && c < 4; c++)
        for (uint32_t i = 0; i < BATCH_ROWS_MAX; i += 10)
            wr_column_nulls(arena, &batch->cols[c], BATCH_ROWS_MAX)[i] = 1;
    return batch;
}

static void measure(const char *what, struct expr *expr, const struct batch *batch)
{
    struct wr_arena arena;
    struct evaluator *ev = wr_evaluator_new(&expr, 1, NULL);
    struct column out;
    wr_arena_init(&arena, NULL);
    struct wr_mark mark = wr_arena_mark(&arena);
    double start = seconds();
    for (int round = 0; round < ROUNDS; round++) {
        struct eval_errors errors = {.arena = &arena};
        wr_evaluate(ev, &arena, batch, NULL, batch->nrows, &out, &errors);
        wr_arena_release(&arena, mark);
    }
    double spent = seconds() - start;
    printf("%-40s %8.0f M rows/s\n", what, (double)batch->nrows * ROUNDS / spent * 1e-6);
    wr_evaluator_free(ev);
    wr_arena_reset(&arena);
}

static void measure_all(struct build *b, const struct batch *batch)
{
    struct expr *i4 = build_col(b, 0, TYPE_INT4), *i8 = build_col(b, 1, TYPE_INT8), *f8 = build_col(b, 2, TYPE_FLOAT8),
                *text = build_col(b, 3, TYPE_TEXT);
    struct expr *big = build_call(b, ">", i4, build_int4(b, 500));
    measure("int4 > constant", big, batch);
    measure("int4 + int4", build_call(b, "+", i4, build_int4(b, 3)), batch);
    measure("int8 * int8", build_call(b, "*", i8, build_int8(b, 3)), batch);
    measure("int4 / constant", build_call(b, "/", i4, build_int4(b, 3)), batch);
    measure("float8 + float8", build_call(b, "+", f8, f8), batch);
    measure("int4 > c AND int8 < c", BUILD_NARY(b, EXPR_AND, big, build_call(b, "<", i8, build_int8(b, 50000))), batch);
    measure("CASE WHEN a > c THEN b ELSE 0", BUILD_NARY(b, EXPR_CASE, big, i8, build_int8(b, 0)), batch);
    measure("text = constant", build_call(b, "=", text, build_text(b, "a common text")), batch);
    measure("text LIKE '%longer%'", build_call(b, "~~", text, build_text(b, "%longer%")), batch);
    measure("upper(text)", build_call(b, "upper", text, NULL), batch);
}

int main(void)
{
    struct build b = {.err = WR_ERROR_INIT};
    wr_arena_init(&b.arena, NULL);
    printf("without NULLs\n");
    measure_all(&b, input(&b.arena, false));
    printf("one row in ten NULL\n");
    measure_all(&b, input(&b.arena, true));
    wr_arena_reset(&b.arena);
    return 0;
}
