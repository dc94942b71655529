/* What sinks write: every type in every layout, and the ClickHouse statements for it. */
#include <stdlib.h>

#include "connectors/formats.h"
#include "tests/check.h"
#include "types/row.h"

static const struct io_settings utc = {NULL};
#define NCOLS 10
static const char *const names[NCOLS] = {"id", "b", "f", "n", "t", "d", "ts", "tz", "j", "x\"y"};
static const struct type types[NCOLS] = {
    {.id = TYPE_INT8},  {.id = TYPE_BOOL},   {.id = TYPE_FLOAT8},    {.id = TYPE_NUMERIC, .precision = 10, .scale = 2},
    {.id = TYPE_TEXT},  {.id = TYPE_DATE},   {.id = TYPE_TIMESTAMP}, {.id = TYPE_TIMESTAMPTZ},
    {.id = TYPE_JSONB}, {.id = TYPE_NUMERIC}};
static const uint16_t key[] = {0};
static struct wr_arena arena;
static struct object_option options[4] = {
    {"connector", "kafka"}, {"topic", "out"}, {"properties.bootstrap.server", "k:9092"}};
static struct object object = {.name = "s", .options = options, .noptions = 3, .encode = "JSON"};
static struct sink_config config = {.object = &object,
                                    .ncols = NCOLS,
                                    .names = names,
                                    .types = types,
                                    .nkey = 1,
                                    .key = key,
                                    .io = &utc,
                                    .instance = "i"};

/* Texts as PostgreSQL reads them; NULL = NULL. */
static const char *row_of(const char *const *texts, uint32_t *len)
{
    struct batch *batch = wr_batch_new(&arena, types, NCOLS, 1);
    for (uint16_t c = 0; c < NCOLS; c++) {
        struct wr_error err = WR_ERROR_INIT;
        struct datum datum = {.type = types[c], .null = true};
        if (texts[c] && !wr_value_in(&arena, types[c], texts[c], strlen(texts[c]), &utc, &datum, &err))
            fprintf(stderr, "%s\n", err.message);
        wr_column_set(&arena, &batch->cols[c], 0, 1, &datum);
    }
    char *row;
    wr_row_encode_all(&arena, config.layout, batch, NULL, &row, len);
    return row;
}

/* key | value of all messages, one a line; "-" for absent. */
static char *encode(const char *format, char op, const char *const *texts, const char *const *old_texts)
{
    static struct wr_buf out, buf;
    struct encoder encoder;
    struct wr_error err = WR_ERROR_INIT;
    struct out_message messages[OUT_MESSAGES_MAX];
    struct sink_change change = {.op = op};
    out.len = buf.len = 0;
    object.format = format;
    change.row = row_of(texts, &change.row_len);
    if (old_texts)
        change.old_row = row_of(old_texts, &change.old_row_len);
    if (!wr_encoder_init(&encoder, &config, &err))
        return wr_arena_strdup(&arena, err.message);
    int n = wr_encode_change(&encoder, &change, 7, &buf, messages);
    for (int i = 0; i < n; i++) {
        const struct out_message *m = &messages[i];
        wr_buf_put(&out, m->has_key ? buf.data + m->key_at : "-", m->has_key ? m->key_len : 1);
        wr_buf_puts(&out, " | ");
        wr_buf_put(&out, m->has_value ? buf.data + m->value_at : "-", m->has_value ? m->value_len : 1);
        wr_buf_puts(&out, "\n");
    }
    wr_encoder_fini(&encoder);
    return wr_buf_cstr(&out);
}

static const char *const full[NCOLS] = {"1",
                                        "t",
                                        "1.5",
                                        "10.50",
                                        "a\"\\\n\001\303\251",
                                        "2024-02-29",
                                        "2026-01-02 03:04:05.6789",
                                        "2026-01-02 03:04:05+00",
                                        "{\"a\": [1]}",
                                        "123456789012345678901234567890.5"};
static const char *const nulls[NCOLS] = {"2"};
static const char *const odd[NCOLS] = {"-9223372036854775808",   "f",     "NaN", "NaN", "", "infinity", "-infinity",
                                       "0001-01-01 00:00:00+00", "\"x\"", "NaN"};

#define FULL(jsonb)                                                                                                    \
    "\"id\":1,\"b\":true,\"f\":1.5,\"n\":\"10.50\",\"t\":\"a\\\"\\\\\\n\\u0001\303\251\",\"d\":\"2024-02-29\",\"ts\":" \
    "\"2026-01-02 03:04:05.678900\",\"tz\":\"2026-01-02T03:04:05.000000Z\",\"j\":" jsonb                               \
    ",\"x\\\"y\":\"123456789012345678901234567890.5\""
#define NULLS                                                                                                        \
    "\"id\":2,\"b\":null,\"f\":null,\"n\":null,\"t\":null,\"d\":null,\"ts\":null,\"tz\":null,\"j\":null,\"x\\\"y\":" \
    "null"

static void test_layouts(void)
{
    CHECK_STR(encode("CHANGELOG", 'c', full, NULL),
              "{\"id\":1} | {" FULL("\"{\\\"a\\\": [1]}\"") ",\"__op\":\"c\",\"__deleted\":0,\"__version\":7}\n");
    CHECK_STR(encode("CHANGELOG", 'd', full, NULL),
              "{\"id\":1} | {\"id\":1,\"__op\":\"d\",\"__deleted\":1,\"__version\":7}\n");
    CHECK_STR(encode("UPSERT", 'u', nulls, nulls), "{\"id\":2} | {" NULLS "}\n");
    CHECK_STR(encode("UPSERT", 'd', nulls, NULL), "{\"id\":2} | -\n");
    CHECK_STR(encode("DEBEZIUM", 'd', nulls, NULL),
              "{\"id\":2} | {\"before\":{" NULLS
              "},\"after\":null,\"op\":\"d\",\"source\":{\"connector\":\"weir\",\"version\":7}}\n{\"id\":2} | -\n");
    CHECK_STR(encode("PLAIN", 'c', nulls, NULL), "FORMAT PLAIN needs an append-only query");
    object.append_only = true;
    CHECK_STR(encode("PLAIN", 'c', nulls, NULL), "{\"id\":2} | {" NULLS "}\n");
    CHECK_STR(encode("PLAIN", 'd', nulls, NULL), "");
    object.append_only = false;
}

/* ClickHouse gets nothing that its types refuse: infinities end at what DateTime64 holds, NaN is no Decimal. */
static void test_odd_values(void)
{
    CHECK_STR(
        encode("CHANGELOG", 'c', odd, NULL),
        "{\"id\":-9223372036854775808} | {\"id\":-9223372036854775808,\"b\":false,\"f\":\"NaN\",\"n\":null,\"t\":\"\","
        "\"d\":\"2299-12-31\",\"ts\":\"1900-01-01 00:00:00.000000\",\"tz\":\"1900-01-01T00:00:00.000000Z\","
        "\"j\":\"\\\"x\\\"\",\"x\\\"y\":\"NaN\",\"__op\":\"c\",\"__deleted\":0,\"__version\":7}\n");
    CHECK_STR(encode("UPSERT", 'c', odd, NULL),
              "{\"id\":-9223372036854775808} | "
              "{\"id\":-9223372036854775808,\"b\":false,\"f\":\"NaN\",\"n\":\"NaN\",\"t\":\"\","
              "\"d\":\"infinity\",\"ts\":\"-infinity\",\"tz\":\"0001-01-01T00:00:00.000000Z\",\"j\":\"\\\"x\\\"\","
              "\"x\\\"y\":\"NaN\"}\n");
}

static void test_keys(void)
{
    static const uint16_t two[] = {4, 0}, last[] = {8, 9};
    config.key = two;
    config.nkey = 2;
    CHECK_STR(encode("UPSERT", 'd', full, NULL), "{\"t\":\"a\\\"\\\\\\n\\u0001\303\251\",\"id\":1} | -\n");
    config.key = last;
    config.key_kind = SINK_KEY_ROW;
    CHECK_STR(
        encode("CHANGELOG", 'd', nulls, NULL),
        "{\"j\":null,\"x\\\"y\":null} | {\"j\":null,\"x\\\"y\":null,\"__op\":\"d\",\"__deleted\":1,\"__version\":7}\n");
    config.key_kind = SINK_KEY_NONE;
    config.nkey = 0;
    object.append_only = true;
    CHECK_STR(encode("PLAIN", 'c', nulls, NULL), "- | {" NULLS "}\n");
    object.append_only = false;
    config.key_kind = SINK_KEY_COLUMNS; /* there is one row */
    CHECK_STR(encode("UPSERT", 'd', full, NULL), "{} | -\n");
    CHECK_STR(encode("CHANGELOG", 'd', nulls, NULL), "{} | {\"__op\":\"d\",\"__deleted\":1,\"__version\":7}\n");
    CHECK_STR(encode("UPSERT", 'u', nulls, full), "{} | {" NULLS "}\n");
    config.nkey = 1;
    config.key = key;
}

/* Equal to SQL, other bytes to who reads the topic: the old key has to go. */
static void test_rewritten_keys(void)
{
    static const uint16_t number[] = {9};
    static const char *const one[NCOLS] = {[9] = "1.0"}, *const same[NCOLS] = {[9] = "1.00"};
    static const char old_key[] = "{\"x\\\"y\":\"1.0\"} | ", new_key[] = "{\"x\\\"y\":\"1.00\"} | ";
    config.key = number;
    char *text = encode("UPSERT", 'u', same, one);
    CHECK(!strncmp(text, old_key, strlen(old_key)) && !strncmp(text + strlen(old_key), "-\n", 2));
    CHECK(!strncmp(text + strlen(old_key) + 2, new_key, strlen(new_key)));
    text = encode("CHANGELOG", 'u', same, one);
    CHECK(!strncmp(text, old_key, strlen(old_key)) &&
          strstr(text, "{\"x\\\"y\":\"1.0\",\"__op\":\"d\",\"__deleted\":1"));
    CHECK(strstr(text, "\"x\\\"y\":\"1.00\",\"__op\":\"c\",\"__deleted\":0"));
    text = encode("DEBEZIUM", 'u', same, one);
    CHECK(strstr(text, "\"after\":null,\"op\":\"d\"") && strstr(text, "{\"before\":null,"));
    text = encode("CHANGELOG", 'u', one, one);
    CHECK(strstr(text, "\"__op\":\"u\"") && !strstr(text, "\"__op\":\"d\""));
    config.key = key;
}

static void test_clickhouse(void)
{
    struct wr_buf out = WR_BUF_INIT;
    struct wr_error err = WR_ERROR_INIT;
    static const bool not_null[NCOLS] = {true};
    object.format = "CHANGELOG";
    config.not_null = not_null;
    CHECK(wr_sink_clickhouse_ddl(&config, &out, &err));
    CHECK_STR(
        wr_buf_cstr(&out),
        "-- Kafka remembers what the group has read: tables made again, or on another server, need another "
        "kafka_group_name\nCREATE TABLE `s_queue`\n(\n    `id` Int64,\n    `b` Nullable(Bool),\n    `f` "
        "Nullable(Float64),\n"
        "    `n` Nullable(Decimal(10, 2)),\n    `t` Nullable(String),\n    `d` Nullable(Date32),\n"
        "    `ts` Nullable(DateTime64(6, 'UTC')),\n    `tz` Nullable(DateTime64(6, 'UTC')),\n    `j` "
        "Nullable(String),\n"
        "    `x\"y` Nullable(String),\n    __deleted UInt8,\n    __version UInt64\n)\nENGINE = Kafka\n"
        "SETTINGS kafka_broker_list = 'k:9092',\n    kafka_topic_list = 'out',\n"
        "    kafka_group_name = 'clickhouse-s',\n    kafka_format = 'JSONEachRow',\n"
        "    date_time_input_format = 'best_effort';\n\n"
        "-- on a cluster: ReplicatedReplacingMergeTree(__version, __deleted)\nCREATE TABLE `s_changelog`\n(\n"
        "    `id` Int64,\n    `b` Nullable(Bool),\n    `f` Nullable(Float64),\n    `n` Nullable(Decimal(10, 2)),\n"
        "    `t` Nullable(String),\n    `d` Nullable(Date32),\n    `ts` Nullable(DateTime64(6, 'UTC')),\n"
        "    `tz` Nullable(DateTime64(6, 'UTC')),\n    `j` Nullable(String),\n    `x\"y` Nullable(String),\n"
        "    __deleted UInt8,\n    __version UInt64\n)\nENGINE = ReplacingMergeTree(__version, __deleted)\n"
        "ORDER BY (`id`);\n\nCREATE MATERIALIZED VIEW `s_consumer` TO `s_changelog` AS\nSELECT * FROM `s_queue`;\n\n"
        "CREATE VIEW `s` AS\nSELECT * EXCEPT (__version, __deleted) FROM `s_changelog` FINAL;\n");
    config.nkey = 0;
    out.len = 0;
    CHECK(wr_sink_clickhouse_ddl(&config, &out, &err));
    CHECK(strstr(wr_buf_cstr(&out), "ENGINE = ReplacingMergeTree(__version, __deleted)\nORDER BY tuple();\n"));
    config.nkey = 1;
    object.format = "UPSERT";
    CHECK(!wr_sink_clickhouse_ddl(&config, &out, &err));
    CHECK_STR(err.sqlstate, "0A000");
    wr_buf_free(&out);
    config.not_null = NULL;
}

int main(void)
{
    wr_arena_init(&arena, NULL);
    config.layout = wr_row_layout_new(&arena, types, NCOLS);
    test_layouts();
    test_odd_values();
    test_keys();
    test_rewritten_keys();
    test_clickhouse();
    wr_arena_reset(&arena);
    return check_report("sink_format");
}
