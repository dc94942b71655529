/* Keys: golden vectors (the form on disk), prefix lengths, the column path against the value path. */
#include "types/key.h"

#include <stdlib.h>

#include "tests/check.h"
#include "types/text_io.h"

static struct wr_arena arena;
static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
    return check_random(&state);
}

static struct datum value_of(uint8_t type_id, const char *text)
{
    struct datum value;
    struct wr_error err;
    if (!text)
        return (struct datum){.type = TYPE(type_id), .null = true};
    CHECK(wr_value_in(&arena, TYPE(type_id), text, strlen(text), NULL, &value, &err));
    return value;
}

static const char *hex(const char *bytes, size_t len)
{
    static char text[1000];
    text[0] = '\0';
    for (size_t i = 0; i < len && 2 * i + 2 < sizeof text; i++)
        snprintf(text + 2 * i, 3, "%02x", (uint8_t)bytes[i]);
    return text;
}

static void golden(uint8_t type_id, const char *text, bool descending, bool nulls_first, const char *want)
{
    struct wr_buf buf = WR_BUF_INIT;
    struct datum value = value_of(type_id, text);
    wr_key_put(&buf, &value, descending, nulls_first);
    CHECK_STR(hex(buf.data, buf.len), want);
    wr_buf_free(&buf);
}

static void check_golden(void)
{
    golden(TYPE_BOOL, "t", false, false, "0101");
    golden(TYPE_INT4, "1", false, false, "0180000001");
    golden(TYPE_INT4, "-1", true, false, "0180000000");
    golden(TYPE_INT4, NULL, false, false, "02");
    golden(TYPE_INT4, NULL, false, true, "00");
    golden(TYPE_INT8, "-2", false, false, "017ffffffffffffffe");
    golden(TYPE_DATE, "1970-01-02", false, false, "0180000001");
    golden(TYPE_TIMESTAMP, "1970-01-01 00:00:00.000005", false, false, "018000000000000005");
    golden(TYPE_FLOAT8, "1", false, false, "01bff0000000000000");
    golden(TYPE_FLOAT8, "-0", false, false, "018000000000000000");
    golden(TYPE_FLOAT8, "NaN", false, false, "01ffffffffffffffff");
    golden(TYPE_NUMERIC, "0.00", false, false, "0140");
    golden(TYPE_NUMERIC, "1", false, false, "0180810200");
    golden(TYPE_NUMERIC, "1.00", false, false, "0180810200");
    golden(TYPE_NUMERIC, "-1", false, false, "01107efdff");
    golden(TYPE_NUMERIC, "123.45", false, false, "01808202182e00");
    golden(TYPE_NUMERIC, "NaN", false, false, "01f8");
    golden(TYPE_NUMERIC, "inf", true, false, "010f");
    golden(TYPE_TEXT, "ab", false, false, "0161620000");
    golden(TYPE_TEXT, "", true, false, "01ffff");
    golden(TYPE_BYTEA, "\\x610062", false, false, "016100ff620000");
    golden(TYPE_JSONB, "[1.50]", false, false, "015b312e355d0000");
    CHECK(wr_key_hash("\x01\x80\x00\x00\x01", 5) == 0x5f224113532235c5ull);
}

#define NCOLS 5
static const uint8_t type_ids[NCOLS] = {TYPE_INT4, TYPE_NUMERIC, TYPE_TEXT, TYPE_FLOAT8, TYPE_JSONB};

static struct datum random_value(uint8_t type_id)
{
    static const char *const texts[] = {"0", "1", "-1", "12.5", "1e10", "-0.001", "100", "99999999999999999999999"};
    char text[64];
    switch (type_id) {
    case TYPE_INT4:
        snprintf(text, sizeof text, "%d", (int)(rnd() % 100) - 50);
        return value_of(type_id, text);
    case TYPE_TEXT:
        snprintf(text, sizeof text, "%.*s", (int)(rnd() % 6), "abcabc");
        return value_of(type_id, text);
    default:
        return value_of(type_id, rnd() % 7 ? texts[rnd() % 8] : NULL);
    }
}

/* Every key of a batch equals the fields put one by one; prefixes end at field borders; hashes agree. */
static void check_batch(uint16_t ncols, uint16_t hash_columns)
{
    enum { N = 50 };
    struct type types[NCOLS];
    struct key_column cols[NCOLS];
    bool descending[NCOLS];
    struct keys keys;
    for (uint16_t c = 0; c < NCOLS; c++) {
        types[c] = TYPE(type_ids[c]);
        descending[c] = rnd() & 1;
        cols[c] = (struct key_column){c, descending[c], rnd() & 1};
    }
    struct batch *batch = wr_batch_new(&arena, types, NCOLS, N);
    for (uint16_t c = 0; c < NCOLS; c++)
        for (uint32_t i = 0; i < N; i++) {
            struct datum value = random_value(type_ids[c]);
            wr_column_set(&arena, &batch->cols[c], i, N, &value);
        }
    wr_keys_encode(&arena, batch, cols, ncols, hash_columns, &keys);
    CHECK_INT(keys.n, N);
    for (uint32_t i = 0; i < N; i++) {
        struct wr_buf buf = WR_BUF_INIT;
        size_t hashed = 0;
        const char *key = wr_key_at(&keys, i);
        for (uint16_t c = 0; c < ncols; c++) {
            CHECK_INT(wr_key_prefix_len(key, wr_key_len(&keys, i), types, c, descending), buf.len + 1);
            struct datum value = wr_column_get(&batch->cols[c], i);
            wr_key_put(&buf, &value, cols[c].descending, cols[c].nulls_first);
            if (c + 1 == hash_columns)
                hashed = buf.len;
        }
        CHECK(buf.len + 1 == wr_key_len(&keys, i) && !memcmp(buf.data, key + 1, buf.len));
        CHECK(keys.hashes[i] == (hash_columns ? wr_key_hash(buf.data, hashed) : 0));
        CHECK_INT((uint8_t)key[0], wr_key_shard(keys.hashes[i]));
        wr_buf_free(&buf);
    }
}

int main(void)
{
    wr_arena_init(&arena, NULL);
    check_golden();
    for (int round = 0; round < 40; round++) {
        check_batch(1, 1);
        check_batch(1, 0);
        check_batch(NCOLS, (uint16_t)(round % (NCOLS + 1)));
    }
    wr_arena_reset(&arena);
    return check_report("key_test");
}
