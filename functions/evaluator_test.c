/* The evaluator: NULLs, selections, laziness, shared subexpressions, errors as data. */
#include "functions/test_build.h"

#define N 5

/* a = 1 2 NULL 4 5   b = 10 0 30 NULL 0   c (bool) = t f NULL t f */
static struct batch *input(struct wr_arena *arena)
{
    struct type types[] = {TYPE(TYPE_INT4), TYPE(TYPE_INT4), TYPE(TYPE_BOOL)};
    struct batch *batch = wr_batch_new(arena, types, 3, N);
    static const int32_t a[N] = {1, 2, 0, 4, 5}, b[N] = {10, 0, 30, 0, 0};
    static const uint8_t c[N] = {1, 0, 0, 1, 0};
    memcpy(batch->cols[0].i32, a, sizeof(a));
    memcpy(batch->cols[1].i32, b, sizeof(b));
    memcpy(batch->cols[2].b, c, sizeof(c));
    wr_column_nulls(arena, &batch->cols[0], N)[2] = 1;
    wr_column_nulls(arena, &batch->cols[1], N)[3] = 1;
    wr_column_nulls(arena, &batch->cols[2], N)[2] = 1;
    return batch;
}

/* "1 2 - 4 5": the column as text, '-' for NULL */
static const char *show(const struct column *col, const uint32_t *sel, uint32_t n)
{
    static char text[256];
    size_t at = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = sel ? sel[k] : k;
        struct datum value = wr_column_get(col, i);
        const char *gap = k ? " " : "";
        if (value.null)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s-", gap);
        else if (value.type.id == TYPE_BOOL)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%c", gap, value.b ? 't' : 'f');
        else if (value.type.id == TYPE_INT4)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%d", gap, value.i32);
        else if (value.type.id == TYPE_INT8)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%ld", gap, (long)value.i64);
        else
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", gap, (int)value.str.len, value.str.data);
    }
    text[at] = '\0';
    return text;
}

/* Evaluate one expression over the input; errors as "row:sqlstate" after a bar. */
static const char *eval_sel(struct build *b, struct expr *expr, const uint32_t *sel, uint32_t nsel)
{
    static char text[512];
    struct evaluator *ev = wr_evaluator_new(&expr, 1, NULL);
    struct batch *batch = input(&b->arena);
    struct eval_errors errors = {.arena = &b->arena};
    struct column out;
    wr_evaluate(ev, &b->arena, batch, sel, nsel, &out, &errors);
    size_t at = (size_t)snprintf(text, sizeof(text), "%s", show(&out, sel, nsel));
    for (uint32_t e = 0; e < errors.n; e++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, " | %u:%s", errors.items[e].row, errors.items[e].sqlstate);
    wr_evaluator_free(ev);
    return text;
}

static const char *eval(struct build *b, struct expr *expr)
{
    return eval_sel(b, expr, NULL, N);
}

static void test_strict(struct build *b)
{
    struct expr *x = build_col(b, 0, TYPE_INT4), *y = build_col(b, 1, TYPE_INT4);
    static const uint32_t some[] = {1, 2, 4};
    CHECK_STR(eval(b, x), "1 2 - 4 5");
    CHECK_STR(eval(b, build_call(b, "+", x, y)), "11 2 - - 5");
    CHECK_STR(eval(b, build_call(b, "<", x, y)), "t f - - f");
    CHECK_STR(eval_sel(b, build_call(b, "+", x, y), some, 3), "2 - 5");
    CHECK_STR(eval_sel(b, build_call(b, "<", x, y), some, 3), "f - f");
    CHECK_STR(eval(b, build_call(b, "/", x, y)), "0 - - - - | 1:22012 | 4:22012");
    CHECK_STR(eval(b, build_call(b, "+", x, build_int4(b, INT32_MAX))),
              "- - - - - | 0:22003 | 1:22003 | 3:22003 | 4:22003");
    CHECK_STR(eval(b, build_call(b, "*", x, build_int8(b, 1ll << 61))),
              "2305843009213693952 4611686018427387904 - - - | "
              "3:22003 | 4:22003");
    CHECK_STR(eval(b, build_call(b, "-", x, NULL)), "-1 -2 - -4 -5");
}

static void test_logic(struct build *b)
{
    struct expr *c = build_col(b, 2, TYPE_BOOL), *x = build_col(b, 0, TYPE_INT4), *y = build_col(b, 1, TYPE_INT4);
    struct expr *positive = build_call(b, ">", y, build_int4(b, 0));                       /* t f t - f */
    struct expr *divides = build_call(b, "=", build_call(b, "/", x, y), build_int4(b, 0)); /* t E - - E */
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_AND, c, positive)), "t f - - f");
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_OR, c, positive)), "t f t t f");
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_NOT, c)), "f t - f t");
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_AND, positive, divides)), "t f - - f");
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_AND, divides, positive)), "t - - - - | 1:22012 | 4:22012");
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_OR, BUILD_NARY(b, EXPR_NOT, positive), divides)), "t t - - t");
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_IS_NULL, divides)), "f - t t - | 1:22012 | 4:22012");
    struct expr *is_true = BUILD_NARY(b, EXPR_IS_BOOL, c);
    is_true->bool_test = 't';
    CHECK_STR(eval(b, is_true), "t f f t f");
    struct expr *not_unknown = BUILD_NARY(b, EXPR_IS_BOOL, c);
    not_unknown->bool_test = 'u';
    not_unknown->negated = true;
    CHECK_STR(eval(b, not_unknown), "t t f t t");
}

static void test_lazy(struct build *b)
{
    struct expr *x = build_col(b, 0, TYPE_INT4), *y = build_col(b, 1, TYPE_INT4);
    struct expr *zero = build_int4(b, 0), *quotient = build_call(b, "/", build_int4(b, 100), y);
    struct expr *safe = BUILD_NARY(b, EXPR_CASE, build_call(b, "=", y, zero), build_int4(b, -1), quotient);
    CHECK_STR(eval(b, safe), "10 -1 3 - -1");
    struct expr *no_else = BUILD_NARY(b, EXPR_CASE, build_call(b, ">", y, zero), quotient);
    CHECK_STR(eval(b, no_else), "10 - 3 - -");
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_COALESCE, x, quotient)), "1 2 3 4 5");
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_COALESCE, y, x)), "10 0 30 4 0");
    /* An error that COALESCE would hide still makes the row NULL. */
    CHECK_STR(eval(b, BUILD_NARY(b, EXPR_COALESCE, quotient, x)), "10 - 3 4 - | 1:22012 | 4:22012");
    struct expr *nested = BUILD_NARY(b, EXPR_CASE, build_call(b, ">", y, zero), safe, build_call(b, "=", y, zero), x);
    CHECK_STR(eval(b, nested), "10 2 3 - 5");
}

static void test_distinct_and_in(struct build *b)
{
    struct expr *x = build_col(b, 0, TYPE_INT4), *y = build_col(b, 1, TYPE_INT4);
    struct expr *distinct = BUILD_NARY(b, EXPR_IS_DISTINCT, x, BUILD_NARY(b, EXPR_COALESCE, y, y));
    distinct->fn = build_call(b, "=", x, y)->fn;
    CHECK_STR(eval(b, distinct), "t t t t t");
    struct expr *same = BUILD_NARY(b, EXPR_IS_DISTINCT, x, build_null(b, TYPE_INT4));
    same->fn = distinct->fn;
    same->negated = true;
    CHECK_STR(eval(b, same), "f f t f f");
    struct datum items[40] = {build_int4(b, 4)->value, build_int4(b, 1)->value};
    CHECK_STR(eval(b, wr_expr_in_list(&b->arena, distinct->fn, x, items, 2, false)), "t f - t f");
    items[1] = build_null(b, TYPE_INT4)->value;
    CHECK_STR(eval(b, wr_expr_in_list(&b->arena, distinct->fn, x, items, 2, true)), "- - - f -");
    for (int32_t i = 0; i < 40; i++)
        items[i] = build_int4(b, i * 2)->value;
    struct expr *in_many = wr_expr_in_list(&b->arena, distinct->fn, x, items, 40, false);
    CHECK_STR(eval(b, in_many), "f t - t f");
}

static void test_filter(struct build *b)
{
    struct expr *x = build_col(b, 0, TYPE_INT4), *y = build_col(b, 1, TYPE_INT4), *zero = build_int4(b, 0);
    struct expr *divides = build_call(b, "=", build_call(b, "/", x, y), zero);
    struct expr *both = BUILD_NARY(b, EXPR_AND, build_call(b, ">", y, zero), divides);
    struct eval_errors errors = {.arena = &b->arena};
    uint32_t rows[N];
    struct evaluator *ev = wr_evaluator_new(&both, 1, NULL);
    CHECK_INT(wr_evaluate_filter(ev, &b->arena, input(&b->arena), NULL, N, rows, &errors), 1);
    CHECK_INT(rows[0], 0);
    CHECK_INT(errors.n, 0);
    wr_evaluator_free(ev);
    ev = wr_evaluator_new(&divides, 1, NULL);
    CHECK_INT(wr_evaluate_filter(ev, &b->arena, input(&b->arena), NULL, N, rows, &errors), 1);
    CHECK_INT(errors.n, 2);
    wr_evaluator_free(ev);
}

/* One error fails the output it belongs to and no other. */
static void test_outputs(struct build *b)
{
    struct expr *x = build_col(b, 0, TYPE_INT4), *y = build_col(b, 1, TYPE_INT4);
    struct expr *quotient = build_call(b, "/", x, y);
    struct expr *exprs[] = {quotient, build_call(b, "+", x, build_int4(b, 1)), build_call(b, "+", quotient, x), x};
    struct column outs[4];
    struct eval_errors errors = {.arena = &b->arena};
    struct evaluator *ev = wr_evaluator_new(exprs, 4, NULL);
    wr_evaluate(ev, &b->arena, input(&b->arena), NULL, N, outs, &errors);
    CHECK_INT(errors.n, 2);
    CHECK_STR(show(&outs[0], NULL, N), "0 - - - -");
    CHECK_STR(show(&outs[1], NULL, N), "2 3 - 5 6");
    CHECK_STR(show(&outs[2], NULL, N), "1 - - - -");
    CHECK_STR(show(&outs[3], NULL, N), "1 2 - 4 5");
    wr_evaluator_free(ev);
}

/* A call that another output evaluates for all rows fails a branch only where that branch is taken. */
static void test_shared(struct build *b)
{
    struct expr *x = build_col(b, 0, TYPE_INT4), *y = build_col(b, 1, TYPE_INT4), *zero = build_int4(b, 0);
    struct expr *quotient = build_call(b, "/", build_int4(b, 100), y), *is_zero = build_call(b, "=", y, zero);
    struct expr *remainder = build_call(b, "%", x, y), *not_zero = BUILD_NARY(b, EXPR_NOT, is_zero);
    struct expr *safe = BUILD_NARY(b, EXPR_CASE, is_zero, build_int4(b, -1), quotient);
    struct expr *positive = BUILD_NARY(b, EXPR_AND, not_zero, build_call(b, ">", quotient, zero));
    struct expr *first = BUILD_NARY(b, EXPR_COALESCE, x, quotient);
    struct expr *never = BUILD_NARY(b, EXPR_COALESCE, quotient, remainder);
    struct expr *exprs[] = {quotient, safe, positive, first, never, build_call(b, "+", remainder, quotient)};
    struct column outs[6];
    struct eval_errors errors = {.arena = &b->arena};
    struct evaluator *ev = wr_evaluator_new(exprs, 6, NULL);
    wr_evaluate(ev, &b->arena, input(&b->arena), NULL, N, outs, &errors);
    CHECK_STR(show(&outs[0], NULL, N), "10 - 3 - -");
    CHECK_STR(show(&outs[1], NULL, N), "10 -1 3 - -1");
    CHECK_STR(show(&outs[2], NULL, N), "t f t - f");
    CHECK_STR(show(&outs[3], NULL, N), "1 2 3 4 5");
    CHECK_STR(show(&outs[4], NULL, N), "10 - 3 - -");
    /* both calls of a row fail; a row's errors stand together */
    CHECK_INT(errors.n, 4);
    for (uint32_t e = 0; e < errors.n; e++) {
        CHECK_INT(errors.items[e].row, e < 2 ? 1 : 4);
        CHECK(errors.items[e].expr == (e % 2 ? remainder : quotient));
    }
    wr_evaluator_free(ev);
}

static void test_const(struct build *b)
{
    struct datum value;
    struct expr *sum = build_call(b, "+", build_int4(b, 2), build_int4(b, 3));
    CHECK(wr_evaluate_const(&b->arena, sum, NULL, 0, &value, &b->err));
    CHECK_INT(value.i32, 5);
    struct expr *bad = build_call(b, "/", build_int4(b, 2), build_int4(b, 0));
    CHECK(!wr_evaluate_const(&b->arena, bad, NULL, 0, &value, &b->err));
    CHECK_STR(b->err.sqlstate, "22012");
    CHECK_STR(b->err.message, "division by zero");
    CHECK_STR(eval(b, sum), "5 5 5 5 5");
    CHECK_STR(eval(b, bad), "- - - - - | 0:22012 | 1:22012 | 2:22012 | 3:22012 | 4:22012");
    CHECK_STR(eval(b, build_text(b, "hi")), "hi hi hi hi hi");
}

/* A constant outgrown by a larger batch keeps serving the smaller one. */
static void test_large(struct build *b)
{
    struct expr *sum = build_call(b, "+", build_col(b, 0, TYPE_INT4), build_int4(b, 7));
    struct evaluator *ev = wr_evaluator_new(&sum, 1, NULL);
    struct eval_errors errors = {.arena = &b->arena};
    struct type type = TYPE(TYPE_INT4);
    struct column out;
    bool right = true;
    for (uint32_t n = 1; n <= BATCH_ROWS_MAX; n *= 4) {
        struct batch *batch = wr_batch_new(&b->arena, &type, 1, n);
        for (uint32_t i = 0; i < n; i++)
            batch->cols[0].i32[i] = (int32_t)i;
        wr_evaluate(ev, &b->arena, batch, NULL, n, &out, &errors);
        for (uint32_t i = 0; i < n; i++)
            right &= out.i32[i] == (int32_t)i + 7;
    }
    CHECK(right);
    wr_evaluator_free(ev);
}

/* More registers than 16 bits can number, or a batch's memory can hold: 100 / (a - 7) = 0 OR ... = 1 OR ... */
static void test_wide(struct build *b)
{
    enum { TESTS = 34000, ROWS = 40 };
    struct expr *x = build_col(b, 0, TYPE_INT4);
    struct expr *quotient = build_call(b, "/", build_int4(b, 100), build_call(b, "-", x, build_int4(b, 7)));
    struct expr **tests = WR_NEW_ARRAY(&b->arena, struct expr *, TESTS);
    for (int32_t i = 0; i < TESTS; i++)
        tests[i] = build_call(b, "=", quotient, build_int4(b, i));
    struct expr *any = wr_expr_nary(&b->arena, EXPR_OR, tests, TESTS);
    struct evaluator *ev = wr_evaluator_new(&any, 1, NULL);
    struct type type = TYPE(TYPE_INT4);
    struct batch *batch = wr_batch_new(&b->arena, &type, 1, ROWS);
    for (int32_t i = 0; i < ROWS; i++)
        batch->cols[0].i32[i] = i;
    uint32_t rows[ROWS];
    struct eval_errors errors = {.arena = &b->arena};
    CHECK_INT(wr_evaluate_filter(ev, &b->arena, batch, NULL, ROWS, rows, &errors), ROWS - 8);
    CHECK_INT(rows[0], 8);
    CHECK_INT(errors.n, 1);
    CHECK_INT(errors.items[0].row, 7);
    struct column out;
    bool right = true;
    errors.n = 0;
    wr_evaluate(ev, &b->arena, batch, rows, ROWS - 8, &out, &errors);
    for (int32_t i = 8; i < ROWS; i++)
        right &= out.b[i] && !wr_is_null(&out, (uint32_t)i);
    CHECK(right);
    CHECK_INT(errors.n, 0);
    wr_evaluate(ev, &b->arena, batch, NULL, ROWS, &out, &errors);
    CHECK_INT(out.b[6], 0);
    CHECK(wr_is_null(&out, 7));
    CHECK_INT(errors.n, 1);
    wr_evaluator_free(ev);
}

int main(void)
{
    struct build b = {.err = WR_ERROR_INIT};
    wr_arena_init(&b.arena, NULL);
    test_strict(&b);
    test_logic(&b);
    test_lazy(&b);
    test_distinct_and_in(&b);
    test_filter(&b);
    test_outputs(&b);
    test_shared(&b);
    test_const(&b);
    test_large(&b);
    test_wide(&b);
    wr_arena_reset(&b.arena);
    return check_report("evaluator_test");
}
