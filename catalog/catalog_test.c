/* Versions share and keep objects; bytes round-trip; damaged bytes are refused. */
#include "catalog/catalog.h"
#include "tests/check.h"

/* plan_version, disabled_passes, one input with two columns, single_row */
#define SINCE_VERSION_2 (1 + 11 + 1 + 9 + 1 + 1 + 2 * 3 + 1)

static struct object table(uint32_t id, const char *name)
{
    static struct object_column cols[] = {
        {.id = 1, .name = "k", .type = {.id = TYPE_INT8}, .not_null = true},
        {.id = 2, .name = "price", .type = {.id = TYPE_NUMERIC, .precision = 10, .scale = 2}, .default_text = "1 + 1"},
    };
    static uint16_t pk[] = {0};
    static struct object_option options[] = {{"connector", "kafka"}, {"topic", "t"}};
    static uint32_t deps[] = {7}, column_ids[] = {1, 9};
    static const char *column_names[] = {"k", "v"};
    static struct object_input input = {
        .name = "public.t", .id = 7, .ncols = 2, .column_ids = column_ids, .column_names = column_names};
    return (struct object){.id = id,
                           .kind = OBJECT_TABLE,
                           .schema = "public",
                           .name = name,
                           .ncols = 2,
                           .cols = cols,
                           .npk = 1,
                           .pk = pk,
                           .append_only = true,
                           .noptions = 2,
                           .options = options,
                           .format = "DEBEZIUM",
                           .encode = "JSON",
                           .definition = "CREATE TABLE ...",
                           .ndeps = 1,
                           .deps = deps,
                           .created_commit = 1ull << 40,
                           .plan_hash = 0xfeedfacecafebeefull,
                           .plan_version = 7,
                           .disabled_passes = "share,fold",
                           .ninputs = 1,
                           .inputs = &input,
                           .single_row = true};
}

static void test_versions(void)
{
    struct catalog *empty = wr_catalog_new();
    struct object a = table(5, "a"), b = table(3, "b"), s = table(1u << 30, "pg_class");
    s.schema = "pg_catalog";
    struct catalog *one = wr_catalog_with(empty, &a), *two = wr_catalog_with(one, &b),
                   *three = wr_catalog_with(two, &s);
    wr_catalog_release(empty);
    CHECK_INT(wr_catalog_count(one), 1);
    CHECK_INT(wr_catalog_count(two), 2);
    CHECK_INT(wr_catalog_at(two, 0)->id, 3);
    CHECK(wr_catalog_get(two, 5) == wr_catalog_get(one, 5));
    CHECK(!wr_catalog_get(one, 3));
    CHECK(wr_catalog_find(two, NULL, "b") != NULL && !wr_catalog_find(two, "other", "b"));
    CHECK(wr_catalog_find(three, NULL, "pg_class") != NULL);
    struct object renamed = a;
    renamed.name = "c";
    struct catalog *four = wr_catalog_with(three, &renamed);
    CHECK_INT(wr_catalog_count(four), 3);
    CHECK(!wr_catalog_find(four, NULL, "a") && wr_catalog_find(four, NULL, "c"));
    CHECK(wr_catalog_find(three, NULL, "a") != NULL);
    struct catalog *five = wr_catalog_without(four, 3);
    CHECK(!wr_catalog_get(five, 3));
    uint32_t ids[4];
    CHECK_INT(wr_catalog_dependents(five, 7, ids, 4), 2);
    CHECK_INT(ids[0], 5);
    struct catalog *held = wr_catalog_retain(five);
    wr_catalog_release(five);
    CHECK_STR(wr_catalog_get(held, 5)->name, "c");
    struct catalog *all[] = {one, two, three, four, held};
    for (size_t i = 0; i < WR_COUNT(all); i++)
        wr_catalog_release(all[i]);
}

static void test_codec(void)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct object a = table(9, "orders"), *back;
    struct wr_buf bytes = WR_BUF_INIT, again = WR_BUF_INIT;
    struct wr_error err = WR_ERROR_INIT;
    wr_object_encode(&bytes, &a);
    CHECK(wr_object_decode(&arena, bytes.data, bytes.len, &back, &err));
    CHECK_STR(back->cols[1].default_text, "1 + 1");
    CHECK(!back->cols[0].default_text && !back->query);
    CHECK_INT(back->cols[1].type.precision, 10);
    CHECK(back->plan_hash == a.plan_hash && back->created_commit == a.created_commit);
    wr_object_encode(&again, back);
    CHECK(again.len == bytes.len && !memcmp(again.data, bytes.data, bytes.len));
    for (size_t len = 0; len < bytes.len; len++)
        CHECK(!wr_object_decode(&arena, bytes.data, len, &back, &err));
    CHECK_STR(err.sqlstate, ERR_DATA_CORRUPTED);
    CHECK_INT(back->plan_version, 7);
    CHECK_STR(back->disabled_passes, "share,fold");
    CHECK(back->ninputs == 1 && back->inputs[0].id == 7 && back->inputs[0].column_ids[1] == 9);
    CHECK(back->single_row);
    CHECK_STR(back->inputs[0].name, "public.t");
    CHECK_STR(back->inputs[0].column_names[1], "v");
    bytes.data[0] = 1; /* the first version ended before plan_version */
    CHECK(wr_object_decode(&arena, bytes.data, bytes.len - SINCE_VERSION_2, &back, &err));
    CHECK(!back->plan_version && !back->disabled_passes && !back->ninputs && !back->single_row);
    bytes.data[0] = 2;
    for (size_t i = 0; i < bytes.len; i++) { /* flipped bits may be read as something else, never out of bounds */
        bytes.data[i] ^= 0x41;
        struct wr_error ignored;
        if (!wr_object_decode(&arena, bytes.data, bytes.len, &back, &ignored))
            back = NULL;
        bytes.data[i] ^= 0x41;
    }
    wr_buf_free(&bytes);
    wr_buf_free(&again);
    wr_arena_reset(&arena);
}

int main(void)
{
    test_versions();
    test_codec();
    return check_report("catalog");
}
