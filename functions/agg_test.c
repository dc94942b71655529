/* Aggregates: results, exact retraction, canonical bytes, errors that belong to the output. */
#include <math.h>

#include "functions/test_build.h"
#include "types/numeric.h"

struct fixture {
    struct wr_arena arena;
    const struct agg *agg;
    void *state;
    struct eval_errors errors;
};

static void open_agg(struct fixture *f, const char *name, uint8_t arg)
{
    struct type type = TYPE(arg), cast;
    struct wr_error err = WR_ERROR_INIT;
    f->agg = wr_agg_resolve(name, &type, 1, &cast, &err);
    f->errors = (struct eval_errors){.arena = &f->arena};
    f->state = wr_arena_zalloc(&f->arena, f->agg->state_size);
    f->agg->init(f->state);
}

static void close_agg(struct fixture *f)
{
    if (f->agg->fini)
        f->agg->fini(f->state);
}

static void add(struct fixture *f, struct datum value, int64_t weight)
{
    struct column col = wr_column_new(&f->arena, value.type, 1);
    wr_column_set(&f->arena, &col, 0, 1, &value);
    f->agg->add(&f->state, &col, NULL, &weight, 1);
}

static struct datum result(struct fixture *f)
{
    struct column out = wr_column_new(&f->arena, TYPE(f->agg->result), 1);
    f->agg->finish(&f->state, 1, &f->arena, &out, &f->errors);
    return wr_column_get(&out, 0);
}

static const char *text_of(struct datum value)
{
    static struct wr_buf buf;
    buf.len = 0;
    if (value.null)
        return "NULL";
    wr_value_out(&buf, &value, &(struct io_settings){NULL});
    return wr_buf_cstr(&buf);
}

static struct datum int4(int32_t value)
{
    return (struct datum){.type = TYPE(TYPE_INT4), .i32 = value};
}
static struct datum int8(int64_t value)
{
    return (struct datum){.type = TYPE(TYPE_INT8), .i64 = value};
}
static struct datum float8(double value)
{
    return (struct datum){.type = TYPE(TYPE_FLOAT8), .f64 = value};
}
static struct datum decimal(struct fixture *f, const char *text)
{
    struct datum value = {.type = TYPE(TYPE_NUMERIC)};
    struct wr_error err;
    if (!wr_numeric_parse(&f->arena, text, strlen(text), value.type, &value.str, &err))
        abort();
    return value;
}
static struct datum text(const char *bytes)
{
    return (struct datum){.type = TYPE(TYPE_TEXT), .str = wr_str_of(bytes)};
}

/* The state's bytes, read back into a fresh state, give the same bytes and the same result. */
static void check_bytes(struct fixture *f)
{
    struct wr_buf once = WR_BUF_INIT, twice = WR_BUF_INIT;
    char before[256];
    void *copy = wr_arena_zalloc(&f->arena, f->agg->state_size), *old = f->state;
    snprintf(before, sizeof(before), "%s", text_of(result(f)));
    f->agg->encode(f->state, &once);
    f->agg->init(copy);
    struct wr_reader reader = wr_reader_of(once.data, once.len);
    CHECK(f->agg->decode(copy, &reader));
    CHECK(reader.at == reader.end);
    f->agg->encode(copy, &twice);
    CHECK(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
    f->state = copy;
    CHECK_STR(text_of(result(f)), before);
    for (size_t cut = 0; cut < once.len; cut++) { /* short input is refused, never read past */
        void *broken = wr_arena_zalloc(&f->arena, f->agg->state_size);
        f->agg->init(broken);
        reader = wr_reader_of(once.data, cut);
        CHECK(!f->agg->decode(broken, &reader));
        if (f->agg->fini)
            f->agg->fini(broken);
    }
    if (f->agg->fini)
        f->agg->fini(copy);
    f->state = old;
    wr_buf_free(&once);
    wr_buf_free(&twice);
}

/* After everything is taken back, the bytes are those of a fresh state. */
static void check_empty(struct fixture *f)
{
    struct wr_buf now = WR_BUF_INIT, fresh = WR_BUF_INIT;
    void *empty = wr_arena_zalloc(&f->arena, f->agg->state_size);
    f->agg->init(empty);
    f->agg->encode(f->state, &now);
    f->agg->encode(empty, &fresh);
    CHECK(now.len == fresh.len && !memcmp(now.data, fresh.data, now.len));
    CHECK_STR(text_of(result(f)), f->agg->name[0] == 'c' ? "0" : "NULL");
    wr_buf_free(&now);
    wr_buf_free(&fresh);
}

static void test_int(struct fixture *f)
{
    open_agg(f, "sum", TYPE_INT4);
    add(f, int4(INT32_MAX), 2);
    add(f, int4(5), 1);
    add(f, (struct datum){.type = TYPE(TYPE_INT4), .null = true}, 1);
    CHECK_STR(text_of(result(f)), "4294967299");
    check_bytes(f);
    add(f, int4(INT32_MAX), 1ll << 40);
    CHECK_STR(text_of(result(f)), "NULL");
    CHECK_INT(f->errors.n, 1);
    CHECK_STR(f->errors.items[0].message, "bigint out of range");
    add(f, int4(INT32_MAX), -(1ll << 40) - 2);
    add(f, int4(5), -1);
    check_empty(f);
    close_agg(f);
    open_agg(f, "sum", TYPE_INT8);
    add(f, int8(INT64_MAX), 1000);
    CHECK_STR(text_of(result(f)), "9223372036854775807000");
    check_bytes(f);
    close_agg(f);
    open_agg(f, "avg", TYPE_INT4);
    add(f, int4(1), 1);
    add(f, int4(2), 2);
    CHECK_STR(text_of(result(f)), "1.6666666666666667");
    close_agg(f);
}

static void test_float(struct fixture *f)
{
    static const double values[] = {1e308, -1e308, 0.1, 1e-308, 5e-324, 3.5, -2.25, 1e16, 1.0, 1e-10, 123456.789};
    open_agg(f, "sum", TYPE_FLOAT8);
    for (size_t i = 0; i < WR_COUNT(values); i++)
        add(f, float8(values[i]), (int64_t)i + 1);
    check_bytes(f);
    for (size_t i = WR_COUNT(values); i-- > 0;)
        add(f, float8(values[i]), -(int64_t)i - 1);
    check_empty(f);
    add(f, float8(0.1), 3);
    CHECK_STR(text_of(result(f)), "0.30000000000000004");
    add(f, float8(1e308), 2);
    CHECK_STR(text_of(result(f)), "NULL");
    CHECK_STR(f->errors.items[0].message, "value out of range: overflow");
    add(f, float8(1e308), -2);
    CHECK_STR(text_of(result(f)), "0.30000000000000004");
    add(f, float8(INFINITY), 1);
    CHECK_STR(text_of(result(f)), "Infinity");
    add(f, float8(-INFINITY), 1);
    CHECK_STR(text_of(result(f)), "NaN");
    check_bytes(f);
    add(f, float8(INFINITY), -1);
    CHECK_STR(text_of(result(f)), "-Infinity");
    close_agg(f);
}

/* Rounding, against exact sums known from their construction: n + 2^-k halves and sticky bits. */
static void test_float_rounding(struct fixture *f)
{
    open_agg(f, "sum", TYPE_FLOAT8);
    add(f, float8(0x1p53), 1);
    add(f, float8(1), 1);
    CHECK(result(f).f64 == 0x1p53); /* tie to even */
    add(f, float8(0x1p-1000), 1);
    CHECK(result(f).f64 == 0x1p53 + 2); /* above the tie */
    add(f, float8(0x1p-1000), -2);
    CHECK(result(f).f64 == 0x1p53); /* below it */
    add(f, float8(2), 1);
    CHECK(result(f).f64 == 0x1p53 + 2);
    add(f, float8(0), 5);
    add(f, float8(0x1p53), -2);
    CHECK(result(f).f64 == -0x1p53 + 3);
    close_agg(f);
    uint64_t seed = 42;
    for (int round = 0; round < 2000; round++) {
        double a, b;
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        a = ldexp((double)(int64_t)seed, (int)(seed >> 20 & 127) - 64);
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        b = ldexp((double)(int64_t)seed, (int)(seed >> 20 & 127) - 64);
        open_agg(f, "sum", TYPE_FLOAT8);
        add(f, float8(a), 1);
        add(f, float8(b), 1);
        CHECK(result(f).f64 == a + b); /* one addition is rounded correctly by the machine, too */
        close_agg(f);
    }
}

static void test_numeric(struct fixture *f)
{
    open_agg(f, "sum", TYPE_NUMERIC);
    add(f, decimal(f, "1.5"), 2);
    CHECK_STR(text_of(result(f)), "3.0");
    add(f, decimal(f, "0.125"), 1);
    CHECK_STR(text_of(result(f)), "3.125");
    add(f, decimal(f, "7"), 3);
    check_bytes(f);
    add(f, decimal(f, "0.125"), -1);
    CHECK_STR(text_of(result(f)), "24.0"); /* the digits shown go with the value that had them */
    add(f, decimal(f, "99999999999999999999999999999999999999"), 1000);
    CHECK_STR(text_of(result(f)), "99999999999999999999999999999999999999024.0");
    check_bytes(f);
    add(f, decimal(f, "12345678901234567890123456789012345678901234567890.5"), 1);
    check_bytes(f);
    add(f, decimal(f, "12345678901234567890123456789012345678901234567890.5"), -1);
    add(f, decimal(f, "99999999999999999999999999999999999999"), -1000);
    add(f, decimal(f, "NaN"), 1);
    CHECK_STR(text_of(result(f)), "NaN");
    check_bytes(f);
    add(f, decimal(f, "NaN"), -1);
    CHECK_STR(text_of(result(f)), "24.0");
    add(f, decimal(f, "7.0"), -3);
    add(f, decimal(f, "1.5"), -2);
    CHECK_STR(text_of(result(f)), "NULL");
    close_agg(f);
    open_agg(f, "avg", TYPE_NUMERIC);
    add(f, decimal(f, "1.5"), 1);
    add(f, decimal(f, "2"), 2);
    CHECK_STR(text_of(result(f)), "1.8333333333333333");
    add(f, decimal(f, "2"), -2);
    add(f, decimal(f, "1.5"), -1);
    check_empty(f);
    close_agg(f);
}

static void test_extreme(struct fixture *f)
{
    open_agg(f, "max", TYPE_TEXT);
    CHECK_STR(text_of(result(f)), "NULL");
    add(f, text("abc"), 1);
    add(f, text("zebra with a long tail"), 1);
    add(f, text("b"), 1);
    CHECK_STR(text_of(result(f)), "zebra with a long tail");
    check_bytes(f);
    close_agg(f);
    open_agg(f, "min", TYPE_NUMERIC);
    add(f, decimal(f, "1.00"), 1);
    add(f, decimal(f, "1.0"), 1);
    add(f, decimal(f, "3"), 1);
    CHECK_STR(text_of(result(f)), "1.0");
    check_bytes(f);
    close_agg(f);
    open_agg(f, "max", TYPE_FLOAT8);
    add(f, float8(-0.0), 1);
    add(f, float8(0.0), 1);
    CHECK_STR(text_of(result(f)), "0");
    add(f, float8(NAN), 1);
    CHECK_STR(text_of(result(f)), "NaN");
    check_bytes(f);
    close_agg(f);
}

static void test_counts(struct fixture *f)
{
    open_agg(f, "count", TYPE_JSONB);
    add(f, (struct datum){.type = TYPE(TYPE_JSONB), .null = true}, 1);
    add(f, (struct datum){.type = TYPE(TYPE_JSONB), .str = wr_str("n", 1)}, 3);
    CHECK_STR(text_of(result(f)), "3");
    check_bytes(f);
    add(f, (struct datum){.type = TYPE(TYPE_JSONB), .str = wr_str("n", 1)}, -3);
    check_empty(f);
    open_agg(f, "bool_and", TYPE_BOOL);
    add(f, (struct datum){.type = TYPE(TYPE_BOOL), .b = 1}, 2);
    CHECK_STR(text_of(result(f)), "t");
    add(f, (struct datum){.type = TYPE(TYPE_BOOL), .b = 0}, 1);
    CHECK_STR(text_of(result(f)), "f");
    add(f, (struct datum){.type = TYPE(TYPE_BOOL), .b = 0}, -1);
    CHECK_STR(text_of(result(f)), "t");
    check_bytes(f);
}

static void test_bits(struct fixture *f)
{
    static const char *const names[] = {"bit_and", "bit_or", "bit_xor"};
    static const char *const both[] = {"8", "-3", "-11"}, *const thrice[] = {"-4", "-4", "-4"};
    for (size_t k = 0; k < WR_COUNT(names); k++) {
        open_agg(f, names[k], TYPE_INT4);
        CHECK_STR(text_of(result(f)), "NULL");
        add(f, int4(12), 1);
        add(f, int4(-7), 1);
        add(f, (struct datum){.type = TYPE(TYPE_INT4), .null = true}, 1);
        CHECK_STR(text_of(result(f)), both[k]);
        check_bytes(f);
        add(f, int4(12), -1);
        add(f, int4(-7), -1);
        check_empty(f);
        close_agg(f);
        open_agg(f, names[k], TYPE_INT8);
        add(f, int8(INT64_MIN), 2);
        add(f, int8(-4), 3);
        add(f, int8(INT64_MIN), -2);
        CHECK_STR(text_of(result(f)), thrice[k]);
        check_bytes(f);
        close_agg(f);
    }
}

/* What a state owns outside of its bytes is told, and no more than that: it is charged. */
static void test_heap(struct fixture *f)
{
    char digits[5001];
    memset(digits, 'x', sizeof digits - 1);
    digits[sizeof digits - 1] = '\0';
    open_agg(f, "max", TYPE_TEXT);
    CHECK_INT(f->agg->heap(f->state), 0);
    add(f, (struct datum){.type = TYPE(TYPE_TEXT), .str = wr_str(digits, 5000)}, 1);
    CHECK(f->agg->heap(f->state) >= 5000 && f->agg->heap(f->state) < 10000);
    close_agg(f);
    memset(digits, '7', sizeof digits - 1);
    open_agg(f, "sum", TYPE_NUMERIC);
    add(f, decimal(f, "1"), 1);
    CHECK_INT(f->agg->heap(f->state), 0);
    add(f, decimal(f, digits), 1);
    CHECK(f->agg->heap(f->state) >= 2000 && f->agg->heap(f->state) < 6000);
    close_agg(f);
    open_agg(f, "sum", TYPE_FLOAT8);
    add(f, float8(1e300), 1);
    add(f, float8(1e-300), 1);
    CHECK(f->agg->heap(f->state) >= 8 * 30);
    close_agg(f);
    open_agg(f, "count", TYPE_TEXT);
    CHECK(!f->agg->heap && !f->agg->fini);
}

static void test_resolve(void)
{
    struct type type = TYPE(TYPE_BOOL), cast;
    struct wr_error err = WR_ERROR_INIT;
    CHECK(!wr_agg_resolve("max", &type, 1, &cast, &err));
    CHECK_STR(err.message, "function max(boolean) does not exist");
    type = TYPE(TYPE_TEXT);
    CHECK(!wr_agg_resolve("sum", &type, 1, &cast, &err));
    CHECK(wr_agg_resolve("count", NULL, 0, &cast, &err) != NULL);
    CHECK(wr_agg_exists("avg") && !wr_agg_exists("length"));
}

int main(void)
{
    struct fixture f = {0};
    wr_arena_init(&f.arena, NULL);
    test_int(&f);
    test_float(&f);
    test_float_rounding(&f);
    test_numeric(&f);
    test_extreme(&f);
    test_counts(&f);
    test_bits(&f);
    test_heap(&f);
    test_resolve();
    wr_arena_reset(&f.arena);
    return check_report("agg_test");
}
