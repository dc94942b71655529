/* Decoders over recorded Debezium topics: applied to a small table in memory, they must reach the end state of the
 * source databases. testdata holds one message a line, {"topic", "partition", "offset", "key", "value"}, in the order
 * in which a consumer met them. Also: what each type accepts, and hostile JSON by the thousand. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "connectors/formats.h"
#include "connectors/json_shim.h"
#include "tests/check.h"

#define ROWS_MAX 256
#define COLS_MAX 64

static const struct io_settings utc = {NULL};

/* ---- a table in memory: rows as texts; NULL pointer = NULL */

struct memory {
    struct object object;
    struct object_column cols[COLS_MAX];
    struct object_option options[8];
    char types[COLS_MAX][32], names[COLS_MAX][32];
    uint16_t pk[4];
    struct decoder *decoder;
    const struct decoder_class *class;
    struct table_columns table;
    int nrows;
    char *rows[ROWS_MAX][COLS_MAX];
    int ndead, nkept;
    char reason[256];
};

/* "id bigint key, name text, price numeric(10,2)" */
static struct memory *memory_new(const char *format, const char *spec, const char *options)
{
    struct memory *m = wr_calloc(1, sizeof *m);
    struct object *object = &m->object;
    object->name = "t";
    object->cols = m->cols;
    object->pk = m->pk;
    object->format = format;
    object->encode = "JSON";
    object->format_options = m->options;
    while (*spec) {
        struct object_column *col = &m->cols[object->ncols];
        char *name = m->names[object->ncols], *type = m->types[object->ncols], extra[16] = "";
        int precision = 0, scale = 0, n = 0;
        sscanf(spec, " %31[^ ] %31[a-z0-9]%n", name, type, &n);
        spec += n;
        bool has_typmod = *spec == '(';
        if (has_typmod) {
            sscanf(spec, "(%d,%d)", &precision, &scale);
            spec = strchr(spec, ')') + 1;
        }
        sscanf(spec, " %15[a-z]", extra);
        spec += strcspn(spec, ",");
        spec += *spec == ',';
        col->name = name;
        if (!wr_type_by_name(type, &col->type))
            fprintf(stderr, "no type %s\n", type);
        col->type.precision = (int16_t)(col->type.id == TYPE_TIMESTAMP && has_typmod ? precision + 1 : precision);
        col->type.scale = (int16_t)scale;
        if (!strcmp(extra, "key"))
            m->pk[object->npk++] = object->ncols;
        object->ncols++;
    }
    if (!object->npk) {
        m->cols[object->ncols] = (struct object_column){.name = "_row_id", .type = {.id = TYPE_INT8}, .hidden = true};
        m->pk[object->npk++] = object->ncols++;
    }
    while (options && *options) {
        static char pool[4096];
        static size_t used;
        size_t len = strcspn(options, ",");
        char *key = pool + used;
        used += len + 1;
        memcpy(key, options, len);
        key[len] = '\0';
        char *value = strchr(key, '=');
        *value++ = '\0';
        m->options[object->nformat_options++] = (struct object_option){key, value};
        options += len + (options[len] == ',');
        if (used > 4000)
            used = 0;
    }
    struct wr_error err = WR_ERROR_INIT;
    m->class = wr_decoder_class(format, "json");
    if (!m->class || !m->class->check(object, &err) || !m->class->open(object, &m->decoder, &err)) {
        fprintf(stderr, "open %s: %s\n", format, err.message);
        exit(1);
    }
    wr_table_columns_init(&m->table, object);
    return m;
}

static void row_free(struct memory *m, int row)
{
    for (int c = 0; c < COLS_MAX; c++)
        free(m->rows[row][c]);
    memmove(m->rows[row], m->rows[row + 1], sizeof m->rows[0] * (size_t)(m->nrows - row - 1));
    memset(m->rows[--m->nrows], 0, sizeof m->rows[0]);
}

static void memory_free(struct memory *m)
{
    while (m->nrows)
        row_free(m, 0);
    m->class->close(m->decoder);
    wr_table_columns_fini(&m->table);
    free(m);
}

static char *value_text(const struct column *col, uint32_t row)
{
    struct datum datum = wr_column_get(col, row);
    if (datum.null)
        return NULL;
    struct wr_buf buf = WR_BUF_INIT;
    datum.type = col->type;
    wr_value_out(&buf, &datum, &utc);
    return wr_buf_cstr(&buf);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* The row with the same key, or (a bag) the same row; -1. */
static int find_row(const struct memory *m, char *const *row)
{
    for (int r = 0; r < m->nrows; r++) {
        bool same = true;
        for (uint16_t c = 0; c < m->table.ncols && same; c++)
            same = (m->table.npk && !m->table.in_key[c]) || same_text(m->rows[r][c], row[c]);
        if (same)
            return r;
    }
    return -1;
}

static void apply_row(struct memory *m, const struct changes *changes, uint32_t i)
{
    enum change_op op = changes->ops ? (enum change_op)changes->ops[i] : CHANGE_INSERT;
    char *row[COLS_MAX] = {0};
    for (uint16_t c = 0; c < m->table.ncols; c++)
        row[c] = value_text(&changes->rows.cols[c], i);
    int at = op == CHANGE_TRUNCATE || (op == CHANGE_INSERT && !m->table.npk) ? -1 : find_row(m, row);
    for (uint16_t c = 0; c < m->table.ncols; c++)
        if (changes->keep && changes->keep[c] && changes->keep[c][i]) {
            m->nkept++;
            row[c] = at >= 0 && m->rows[at][c] ? wr_strdup(m->rows[at][c]) : NULL;
        }
    if (op == CHANGE_TRUNCATE)
        while (m->nrows)
            row_free(m, 0);
    if (at >= 0)
        row_free(m, at);
    if (op == CHANGE_UPSERT || op == CHANGE_INSERT)
        memcpy(m->rows[m->nrows++], row, sizeof row);
    else
        for (uint16_t c = 0; c < m->table.ncols; c++)
            free(row[c]);
}

static void feed(struct memory *m, int32_t partition, int64_t offset, const char *key, size_t key_len,
                 const char *value, size_t value_len)
{
    struct chunk_builder builder;
    struct message message = {partition, offset, key, value, key_len, value_len};
    wr_builder_begin(&builder, &m->table, NULL, 4);
    m->class->decode(m->decoder, &message, &builder);
    struct source_chunk *chunk = wr_builder_end(&builder);
    for (uint32_t i = 0; i < chunk->changes.rows.nrows; i++)
        apply_row(m, &chunk->changes, i);
    m->ndead += (int)chunk->ndead;
    if (chunk->ndead)
        snprintf(m->reason, sizeof m->reason, "%s", chunk->dead[chunk->ndead - 1].reason);
    wr_source_chunk_free(chunk);
}

static void feed_text(struct memory *m, const char *key, const char *value)
{
    feed(m, 0, 1, key, key ? strlen(key) : 0, value, value ? strlen(value) : 0);
}

/* One column of the row whose first column is `id`: "" = NULL is "\N". */
static const char *at(const struct memory *m, const char *id, const char *column)
{
    for (int r = 0; r < m->nrows; r++)
        if (same_text(m->rows[r][0], id))
            for (uint16_t c = 0; c < m->table.ncols; c++)
                if (!strcmp(m->table.names[c], column))
                    return m->rows[r][c] ? m->rows[r][c] : "\\N";
    return "(no row)";
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The first columns of all rows, sorted. */
static const char *ids(const struct memory *m, int columns)
{
    static char out[1024];
    char lines[ROWS_MAX][64], *sorted[ROWS_MAX];
    for (int r = 0; r < m->nrows; r++) {
        size_t len = 0;
        for (int c = 0; c < columns; c++)
            len += (size_t)snprintf(lines[r] + len, sizeof lines[r] - len, "%s%s", c ? "/" : "",
                                    m->rows[r][c] ? m->rows[r][c] : "\\N");
        sorted[r] = lines[r];
    }
    qsort(sorted, (size_t)m->nrows, sizeof *sorted, compare_texts);
    size_t len = 0;
    *out = '\0';
    for (int r = 0; r < m->nrows; r++)
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%s", r ? " " : "", sorted[r]);
    return out;
}

/* ---- recorded topics */

static const char *testdata;

static const char *text_of(const struct json_node *line, const char *name, size_t *len)
{
    const struct json_node *node = wr_json_member(line, name);
    *len = node ? node->value.len : 0;
    return node && node->value.kind == JSON_STRING ? node->value.text : NULL;
}

static int replay(struct memory *m, const char *file, const char *topic)
{
    char path[512], reason[128], *line = NULL;
    size_t cap = 0;
    int fed = 0;
    snprintf(path, sizeof path, "%s/%s.jsonl", testdata, file);
    FILE *in = fopen(path, "r");
    if (!in) {
        fprintf(stderr, "cannot open %s\n", path);
        exit(1);
    }
    struct json_parser *parser = wr_json_parser_new();
    for (ssize_t n; (n = getline(&line, &cap, in)) > 0;) {
        struct wr_arena arena;
        struct json_node *root;
        size_t key_len, value_len, topic_len;
        wr_arena_init(&arena, NULL);
        if (!wr_json_tree(parser, line, (size_t)n, &arena, &root, reason, sizeof reason)) {
            fprintf(stderr, "%s: %s\n", path, reason);
            exit(1);
        }
        const char *key = text_of(root, "key", &key_len), *value = text_of(root, "value", &value_len);
        if (!strcmp(text_of(root, "topic", &topic_len), topic)) {
            feed(m, (int32_t)wr_json_member(root, "partition")->value.integer,
                 wr_json_member(root, "offset")->value.integer, key, key_len, value, value_len);
            fed++;
        }
        wr_arena_reset(&arena);
    }
    free(line);
    fclose(in);
    wr_json_parser_free(parser);
    CHECK(fed > 0);
    return fed;
}

#define CUSTOMERS \
    "id int key, name text, email text, active boolean, balance numeric(12,2), bio text, created timestamptz"
#define ORDERS                                                                                                        \
    "id bigint key, customer_id int, status text, qty int, price numeric(10,2), rate numeric, ordered_on date, note " \
    "text, "                                                                                                          \
    "channel text"
#define LINES  "order_id bigint key, line int key, sku text, amount numeric(10,2)"
#define CLICKS "at timestamp, url text"

static void check_customers(struct memory *m)
{
    CHECK_INT(m->ndead, 0);
    CHECK_STR(ids(m, 1), "1 2 4");
    CHECK_STR(at(m, "1", "balance"), "1.00");
    CHECK_STR(at(m, "1", "bio"), "short");
    CHECK_STR(at(m, "2", "balance"), "0.00");
    CHECK_STR(at(m, "2", "email"), "\\N");
    CHECK_STR(at(m, "2", "active"), "f");
    CHECK_STR(at(m, "4", "balance"), "2.50");
    CHECK_STR(at(m, "1", "created"), "2024-01-02 03:04:05.678901+00");
    CHECK_INT(m->nkept, 1);
}

static void check_orders(struct memory *m, const char *channel_108)
{
    CHECK_INT(m->ndead, 0);
    CHECK_STR(ids(m, 1), "100 101 103 104 105 106 107 108");
    CHECK_STR(at(m, "100", "status"), "paid");
    CHECK_STR(at(m, "100", "price"), "19.99");
    CHECK_STR(at(m, "100", "rate"), "1.25");
    CHECK_STR(at(m, "101", "status"), "new");
    CHECK_STR(at(m, "101", "rate"), "0.333333333333333333333333");
    CHECK_STR(at(m, "101", "ordered_on"), "2024-03-02");
    CHECK_STR(at(m, "104", "note"), "kept");
    CHECK_STR(at(m, "105", "customer_id"), "2");
    CHECK_STR(at(m, "105", "status"), "again");
    CHECK_STR(at(m, "106", "channel"), "shop");
    CHECK_STR(at(m, "107", "channel"), "app");
    CHECK_STR(at(m, "108", "channel"), channel_108);
}

static void test_orders(const char *file, const char *topic, const char *options, const char *channel_108)
{
    struct memory *m = memory_new("DEBEZIUM", ORDERS, options);
    replay(m, file, topic);
    check_orders(m, channel_108);
    replay(m, file, topic); /* events that arrive twice change nothing in the end */
    check_orders(m, channel_108);
    memory_free(m);
}

static void test_customers(const char *file, const char *topic, const char *options)
{
    struct memory *m = memory_new("DEBEZIUM", CUSTOMERS, options);
    replay(m, file, topic);
    check_customers(m);
    memory_free(m);
}

static void test_lines(const char *file, const char *topic, const char *options, const char *want)
{
    struct memory *m = memory_new("DEBEZIUM", LINES, options);
    replay(m, file, topic);
    CHECK_INT(m->ndead, 0);
    CHECK_STR(ids(m, 2), want);
    memory_free(m);
}

static void test_clicks(const char *file, const char *topic)
{
    struct memory *m = memory_new("DEBEZIUM", CLICKS, NULL);
    replay(m, file, topic);
    CHECK_INT(m->ndead, 0);
    CHECK_INT(m->nrows, 0);
    memory_free(m);
}

/* A flattened update without a key does not say which row it replaces. */
static void test_clicks_flat(void)
{
    struct memory *m = memory_new("DEBEZIUM", CLICKS, "unwrapped=true");
    replay(m, "pg_flat", "pg_flat.public.clicks");
    CHECK_INT(m->ndead, 1);
    memory_free(m);
}

#define ALLTYPES                                                                                                     \
    "id int key, c_smallint int, c_bigint bigint, c_real float8, c_double float8, c_numeric numeric, "               \
    "c_numeric_10_2 numeric(10,2), c_numeric_38_0 numeric(39,0), c_money numeric(20,2), c_boolean boolean, c_char "  \
    "text, "                                                                                                         \
    "c_bytea bytea, c_date date, c_time text, c_time_3 text, c_timestamp timestamp, c_timestamp_3 timestamp(3), "    \
    "c_timestamp_0 timestamp(0), c_timestamptz timestamptz, c_uuid text, c_json jsonb, c_jsonb jsonb, c_enum text, " \
    "c_bit1 boolean, c_bit5 text, c_bit64 text, c_varbit text, c_inet text, c_point jsonb, a_int jsonb, a_numeric "  \
    "text"

static void check_alltypes(struct memory *m, bool coarse)
{
    CHECK_INT(m->ndead, 0);
    if (m->ndead)
        fprintf(stderr, "%s\n", m->reason);
    CHECK_STR(at(m, "1", "c_smallint"), "-32768");
    CHECK_STR(at(m, "1", "c_bigint"), "9223372036854775807");
    CHECK_STR(at(m, "1", "c_real"), "3.4028235e+38");
    CHECK_STR(at(m, "1", "c_double"), "-1.7976931348623157e+308");
    CHECK_STR(at(m, "1", "c_numeric_10_2"), "12345678.90");
    CHECK_STR(at(m, "1", "c_boolean"), "t");
    CHECK_STR(at(m, "1", "c_char"), "ab   ");
    CHECK_STR(at(m, "1", "c_bytea"), "\\xdeadbeef00ff");
    CHECK_STR(at(m, "1", "c_date"), "2024-02-29");
    CHECK_STR(at(m, "1", "c_timestamp"), coarse ? "2024-02-29 13:14:15.678" : "2024-02-29 13:14:15.678901");
    CHECK_STR(at(m, "1", "c_timestamp_3"), "2024-02-29 13:14:15.678");
    CHECK_STR(at(m, "1", "c_timestamp_0"), "2024-02-29 13:14:15");
    CHECK_STR(at(m, "1", "c_timestamptz"), "2024-02-29 11:14:15.678901+00");
    CHECK_STR(at(m, "1", "c_uuid"), "123e4567-e89b-12d3-a456-426614174000");
    CHECK_STR(at(m, "1", "c_json"), "{\"a\": [true, null], \"b\": 1}");
    CHECK_STR(at(m, "1", "c_enum"), "happy");
    CHECK_STR(at(m, "1", "c_bit1"), "t");
    CHECK_STR(at(m, "1", "a_int"), "[1, null, 3]");
    CHECK_STR(at(m, "2", "c_bytea"), "\\N");
}

static void test_alltypes(void)
{
    struct memory *m = memory_new("DEBEZIUM", ALLTYPES, NULL);
    replay(m, "pg_envelope", "pg_env.public.alltypes");
    check_alltypes(m, false);
    CHECK_STR(ids(m, 1), "1 2");
    CHECK_STR(at(m, "1", "c_numeric"), "123456789.123456789");
    CHECK_STR(at(m, "1", "c_numeric_38_0"), "99999999999999999999999999999999999999");
    CHECK_STR(at(m, "1", "c_money"), "0.99");
    CHECK_STR(at(m, "1", "c_time"), "13:14:15.678901");
    CHECK_STR(at(m, "1", "c_time_3"), "13:14:15.678");
    CHECK_STR(at(m, "1", "c_bit5"), "10110");
    CHECK_STR(at(m, "1", "c_bit64"), "1000000000000000000000000000000000000000000000000000000000000001");
    CHECK_STR(at(m, "2", "c_boolean"), "f");
    memory_free(m);

    m = memory_new("DEBEZIUM", ALLTYPES, "binary.handling.mode=hex");
    replay(m, "pg_types_string", "pg_alt.public.alltypes");
    check_alltypes(m, false);
    CHECK_STR(at(m, "1", "c_numeric"), "123456789.123456789");
    CHECK_STR(at(m, "3", "c_numeric_10_2"), "-0.01");
    CHECK_STR(at(m, "3", "c_real"), "NaN");
    CHECK_STR(at(m, "3", "c_timestamp"), "1969-12-31 23:59:59.999999");
    memory_free(m);

    m = memory_new("DEBEZIUM", ALLTYPES, NULL);
    replay(m, "pg_types_connect", "pg_con.public.alltypes");
    check_alltypes(m, true);
    CHECK_STR(at(m, "1", "c_money"), "-1234.56");
    CHECK_STR(at(m, "3", "c_date"), "0044-03-15"); /* the era was lost on the way */
    CHECK_STR(at(m, "3", "c_double"), "-Infinity");
    memory_free(m);

    /* The same without a schema: the declared types and Debezium's defaults decide. Bits and times have no type of
     * ours. */
    m = memory_new("DEBEZIUM", ALLTYPES, NULL);
    replay(m, "pg_plain", "pg_plain.public.alltypes");
    check_alltypes(m, false);
    CHECK_STR(at(m, "1", "c_numeric"), "123456789.123456789");
    CHECK_STR(at(m, "1", "c_time"), "47655678901");
    memory_free(m);

    m = memory_new("DEBEZIUM", ALLTYPES, "unwrapped=true");
    replay(m, "pg_flat_envelope", "pg_flatenv.public.alltypes");
    check_alltypes(m, false);
    CHECK_STR(at(m, "1", "c_varbit"), "000000000000");
    memory_free(m);
}

#define MARIA_TYPES                                                                                              \
    "id int key, c_bool boolean, c_uint bigint, c_ubigint numeric(20,0), c_decimal numeric(20,6), "              \
    "c_decimal_65 numeric(65,30), c_bit10 text, c_date date, c_time text, c_datetime timestamp(0), c_datetime6 " \
    "timestamp(6), "                                                                                             \
    "c_timestamp timestamptz, c_year int, c_text text, c_json jsonb"

static void test_maria(void)
{
    struct memory *m = memory_new("DEBEZIUM", MARIA_TYPES, NULL);
    replay(m, "maria_envelope", "ma_env.shop.alltypes");
    CHECK_INT(m->ndead, 0);
    CHECK_STR(ids(m, 1), "1 2 4");
    CHECK_STR(at(m, "1", "c_ubigint"), "-1"); /* as sent; bigint.unsigned.handling.mode = precise tells the truth */
    CHECK_STR(at(m, "1", "c_decimal"), "-12345678901234.567890");
    CHECK_STR(at(m, "1", "c_decimal_65"), "12345678901234567890123456789012345.123456789012345678901234567891");
    CHECK_STR(at(m, "1", "c_bit10"), "0000000001");
    CHECK_STR(at(m, "1", "c_time"), "-838:59:59");
    CHECK_STR(at(m, "1", "c_datetime"), "2024-02-29 13:14:15");
    CHECK_STR(at(m, "1", "c_datetime6"), "2024-02-29 13:14:15.678901");
    CHECK_STR(at(m, "1", "c_timestamp"), "2024-02-29 13:14:15+00");
    CHECK_STR(at(m, "1", "c_json"), "[]");
    memory_free(m);
    m = memory_new("DEBEZIUM", MARIA_TYPES, NULL);
    replay(m, "maria_types_string", "ma_alt.shop.alltypes");
    CHECK_INT(m->ndead, 0);
    CHECK_STR(at(m, "1", "c_ubigint"), "18446744073709551615");
    CHECK_STR(at(m, "1", "c_decimal_65"), "12345678901234567890123456789012345.123456789012345678901234567891");
    CHECK_STR(at(m, "3", "c_date"), "1000-01-01");
    memory_free(m);
    static const char *const files[][3] = {{"maria_envelope", "ma_env.shop.orders", NULL},
                                           {"maria_plain", "ma_plain.shop.orders", NULL},
                                           {"maria_flat", "ma_flat.shop.orders", "unwrapped=true"}};
    for (int i = 0; i < 3; i++) {
        m = memory_new("DEBEZIUM",
                       "id bigint key, status text, price numeric(10,2), ordered_at timestamp(0), channel text",
                       files[i][2]);
        replay(m, files[i][0], files[i][1]);
        CHECK_INT(m->ndead, 0);
        /* Flattening drops the truncate. */
        CHECK_STR(ids(m, 1), i == 2 ? "100 103 105 106 107 108" : "107 108");
        CHECK_STR(at(m, "108", "price"), "4.00");
        CHECK_STR(at(m, "108", "ordered_at"), "2024-04-06 00:00:00");
        memory_free(m);
    }
}

static void test_edge(void)
{
    struct memory *m = memory_new("DEBEZIUM", "id int key, t timestamp, tz timestamptz, f float8", NULL);
    replay(m, "pg_edge", "pg_edge.public.edge");
    CHECK_STR(at(m, "1", "t"), "infinity");
    CHECK_STR(at(m, "1", "tz"), "infinity");
    CHECK_STR(at(m, "2", "t"), "-infinity");
    CHECK_STR(at(m, "2", "f"), "-Infinity");
    CHECK_STR(at(m, "5", "t"), "0044-03-15 10:00:00 BC");
    CHECK_STR(at(m, "5", "tz"), "0044-03-15 10:00:00+00 BC");
    CHECK_STR(at(m, "7", "f"), "5e-324");
    CHECK_INT(m->ndead, 1); /* row 6: clamped by Debezium, and beyond what a timestamp holds */
    CHECK_STR(at(m, "6", "t"), "(no row)");
    memory_free(m);
}

/* Topics that are not about rows leave nothing behind. */
static void test_other_topics(void)
{
    static const char *const topics[][2] = {{"pg_envelope", "pg_env.message"},
                                            {"pg_envelope", "pg_env.transaction"},
                                            {"pg_heartbeat", "__debezium-heartbeat.pg_env"},
                                            {"maria_envelope", "ma_env.transaction"},
                                            {"pg_plain", "pg_plain.message"}};
    for (size_t i = 0; i < WR_COUNT(topics); i++) {
        struct memory *m = memory_new("DEBEZIUM", ORDERS, NULL);
        replay(m, topics[i][0], topics[i][1]);
        CHECK_INT(m->ndead, 0);
        CHECK_INT(m->nrows, 0);
        memory_free(m);
    }
}

/* ---- single messages */

static void dead(const char *format, const char *spec, const char *options, const char *key, const char *value,
                 const char *reason)
{
    struct memory *m = memory_new(format, spec, options);
    feed_text(m, key, value);
    CHECK_INT(m->ndead, 1);
    CHECK_INT(m->nrows, 0);
    CHECK_STR(m->reason, reason);
    memory_free(m);
}

static void reads(const char *format, const char *type, const char *options, const char *json, const char *want)
{
    char spec[128], value[512];
    snprintf(spec, sizeof spec, "id int key, v %s", type);
    bool flat = !strcmp(format, "PLAIN");
    snprintf(value, sizeof value, flat ? "{\"id\":1,\"v\":%s}" : "{\"op\":\"c\",\"after\":{\"id\":1,\"v\":%s}}", json);
    struct memory *m = memory_new(format, spec, options);
    feed_text(m, "{\"id\":1}", value);
    if (m->ndead)
        fprintf(stderr, "%s %s %s: %s\n", format, type, json, m->reason);
    CHECK_STR(at(m, "1", "v"), want);
    memory_free(m);
}

static void test_values(void)
{
    reads("PLAIN", "int", NULL, "42", "42");
    reads("PLAIN", "int", NULL, "\"42\"", "42");
    reads("PLAIN", "int", NULL, "4.2e1", "42");
    reads("PLAIN", "bigint", NULL, "-9223372036854775808", "-9223372036854775808");
    reads("PLAIN", "numeric", NULL, "12345678901234567890.10", "12345678901234567890.10");
    reads("PLAIN", "numeric", NULL, "\"NaN\"", "NaN");
    reads("PLAIN", "numeric(5,1)", NULL, "1.25", "1.3");
    reads("PLAIN", "float8", NULL, "\"Infinity\"", "Infinity");
    reads("PLAIN", "boolean", NULL, "\"yes\"", "t");
    reads("PLAIN", "text", NULL, "\"a\\u00e9\\ud83d\\ude00\\n\"", "a\303\251\360\237\230\200\n");
    reads("PLAIN", "text", NULL, "{\"a\": 1}", "{\"a\": 1}");
    reads("PLAIN", "text", NULL, "1.50", "1.50");
    reads("PLAIN", "jsonb", NULL, "\"x\\\"y\"", "\"x\\\"y\"");
    reads("PLAIN", "jsonb", NULL, "[1,{\"b\":2,\"a\":1}]", "[1, {\"a\": 1, \"b\": 2}]");
    reads("PLAIN", "timestamp", NULL, "\"2024-02-29 01:02:03\"", "2024-02-29 01:02:03");
    reads("PLAIN", "timestamp", "timestamp.handling.mode=milli", "1", "1970-01-01 00:00:00.001");
    reads("PLAIN", "timestamptz", NULL, "\"2024-02-29T01:02:03+02:00\"", "2024-02-28 23:02:03+00");
    reads("PLAIN", "timestamptz", "timestamptz.handling.mode=micro", "-1", "1969-12-31 23:59:59.999999+00");
    reads("PLAIN", "date", NULL, "\"2024-02-29\"", "2024-02-29");
    reads("PLAIN", "varchar", NULL, "null", "\\N");
}

static void test_values_debezium(void)
{
    reads("DEBEZIUM", "numeric(30,2)", NULL, "\"AQAAAAAAAAAA\"", "184467440737095516.16");
    reads("DEBEZIUM", "numeric(10,2)", NULL, "\"/w==\"", "-0.01");
    reads("DEBEZIUM", "numeric(10,2)", "decimal.handling.mode=string", "\"1234\"", "1234.00");
    reads("DEBEZIUM", "numeric", "decimal.handling.mode=double", "1.5", "1.5");
    reads("DEBEZIUM", "numeric", NULL, "{\"scale\":-2,\"value\":\"BQ==\"}", "500");
    reads("DEBEZIUM", "timestamp", NULL, "1000000", "1970-01-01 00:00:01");
    reads("DEBEZIUM", "timestamp(3)", NULL, "1000", "1970-01-01 00:00:01");
    reads("DEBEZIUM", "timestamp", "time.precision.mode=connect", "1000", "1970-01-01 00:00:01");
    reads("DEBEZIUM", "timestamp", "time.precision.mode=nanoseconds", "-1", "1969-12-31 23:59:59.999999");
    reads("DEBEZIUM", "date", NULL, "19782", "2024-02-29");
    reads("DEBEZIUM", "jsonb", NULL, "\"{\\\"a\\\":1}\"", "{\"a\": 1}");
    reads("DEBEZIUM", "timestamptz", NULL, "\"2024-02-29T11:14:15.678901Z\"", "2024-02-29 11:14:15.678901+00");
    reads("DEBEZIUM", "float8", NULL, "\"-Infinity\"", "-Infinity");
    reads("DEBEZIUM", "int", "decimal.handling.mode=string", "\"1234\"", "1234");
    reads("DEBEZIUM", "timestamp", NULL, "9223372036825200000", "infinity");
    reads("DEBEZIUM", "timestamp", "time.precision.mode=connect", "-9223372036832400", "-infinity");
    reads("DEBEZIUM", "timestamp", "time.precision.mode=isostring", "\"+294247-01-10T04:00:25.2Z\"", "infinity");
    reads("DEBEZIUM", "date", "time.precision.mode=isostring", "\"+294247-01-10T04:00:25.2Z\"", "infinity");
}

static void test_dead_letters(void)
{
#define V       "id int key, v "
#define E(json) "{\"op\":\"c\",\"after\":{\"id\":1,\"v\":" json "}}"
#define P(json) "{\"id\":1,\"v\":" json "}"
    dead("PLAIN", V "int", NULL, NULL, P("2147483648"),
         "column \"v\": value \"2147483648\" is out of range for type integer");
    dead("PLAIN", V "int", NULL, NULL, P("1.5"),
         "column \"v\": the number is not a whole one in the range of type integer");
    dead("PLAIN", V "int", NULL, NULL, P("\"x\""), "column \"v\": invalid input syntax for type integer: \"x\"");
    dead("PLAIN", V "int", NULL, NULL, P("[1]"), "column \"v\": an array cannot be read as integer");
    dead("PLAIN", V "text", NULL, NULL, P("\"a\\u0000b\""), "column \"v\": a NUL character cannot be stored in text");
    dead("PLAIN", V "timestamp", NULL, NULL, P("1700000000000"),
         "column \"v\": a number needs timestamp.handling.mode = 'second', 'milli', 'micro' or 'nano' to be read as "
         "timestamp");
    dead("PLAIN", V "text", NULL, NULL, "{\"v\":1}", "null value in column \"id\" violates not-null constraint");
    dead("PLAIN", V "text", NULL, NULL, NULL, "the message has no value");
    dead("PLAIN", V "text", NULL, NULL, "[1]", "invalid JSON: not an object");
    dead("DEBEZIUM", V "numeric", NULL, "{\"id\":1}", E("\"B88=\""),
         "column \"v\": a decimal as bytes needs a scale: declare the column numeric(p,s), send the schema, or set "
         "decimal.handling.mode = 'string' or 'double'");
    dead("DEBEZIUM", V "numeric(10,2)", NULL, "{\"id\":1}", E("\"12.34\""),
         "column \"v\": \"12.34\" is not a base64 decimal (decimal.handling.mode = 'string' reads decimal text)");
    dead("DEBEZIUM", V "boolean", NULL, "{\"id\":1}", E("2"), "column \"v\": an integer cannot be read as boolean");
    dead("DEBEZIUM", V "timestamptz", NULL, "{\"id\":1}", E("1700000000000"),
         "column \"v\": a number needs timestamptz.handling.mode = 'milli' or 'micro' to be read as timestamp with "
         "time zone");
    dead("DEBEZIUM", V "int", NULL, "{\"id\":1}", "{\"id\":1,\"v\":2}",
         "not a Debezium change event: no \"op\" (flattened rows need unwrapped = 'true')");
    dead("DEBEZIUM", V "int", NULL, "{\"other\":1}", "{\"op\":\"d\",\"before\":{\"id\":1}}",
         "the message key has no column \"id\" of the primary key (ignore_key = true takes it from the row)");
    dead("UPSERT", V "int", NULL, NULL, "{\"v\":1}", "the message has no key");
    static const char bytes_or_text[] = "column \"v\": a string is text or a decimal as bytes: decimal.handling.mode = "
                                        "'string' or 'double' says that it "
                                        "is text, a column numeric(p,s) takes bytes";
    dead("DEBEZIUM", V "bigint", NULL, "{\"id\":1}", E("\"1234\""), bytes_or_text);
    dead("DEBEZIUM", V "float8", NULL, "{\"id\":1}", E("\"1234\""), bytes_or_text);
}

static void test_upsert(void)
{
    struct memory *m = memory_new("UPSERT", "id int key, v text", NULL);
    feed_text(m, "{\"id\":1}", "{\"v\":\"a\"}");
    feed_text(m, "{\"ID\":2}", "{\"V\":\"b\",\"id\":77}");
    CHECK_STR(ids(m, 2), "1/a 2/b");
    feed_text(m, "{\"schema\":{\"type\":\"struct\",\"fields\":[]},\"payload\":{\"id\":1}}", NULL);
    CHECK_STR(ids(m, 2), "2/b");
    CHECK_INT(m->ndead, 0);
    memory_free(m);
}

/* A key of one column may be a value by itself. */
static void test_keys_alone(void)
{
    struct memory *m = memory_new("UPSERT", "id int key, v text", NULL);
    feed_text(m, "3", "{\"v\":\"a\"}");
    feed_text(m, "\"4\"", "{\"v\":\"b\"}");
    feed_text(m, "{\"schema\":{\"type\":\"int32\",\"optional\":false},\"payload\":5}", "{\"v\":\"c\"}");
    CHECK_STR(ids(m, 2), "3/a 4/b 5/c");
    feed_text(m, "4", " null\n");
    CHECK_STR(ids(m, 2), "3/a 5/c");
    feed_text(m, "abc", "{\"v\":\"d\"}");
    feed_text(m, "null", "{\"v\":\"d\"}");
    feed_text(m, "[1]", "{\"v\":\"d\"}");
    feed_text(m, "1.5", "{\"v\":\"d\"}");
    CHECK_INT(m->ndead, 4);
    CHECK_STR(ids(m, 2), "3/a 5/c");
    memory_free(m);
    m = memory_new("UPSERT", "id text key, v text", "key.encode=TEXT");
    feed_text(m, "abc", "{\"v\":\"a\"}");
    feed_text(m, "{\"id\":1}", "{\"v\":\"b\"}");
    feed_text(m, "", "{\"v\":\"c\"}");
    CHECK_STR(ids(m, 2), "/c abc/a {\"id\":1}/b");
    feed_text(m, "abc", NULL);
    CHECK_STR(ids(m, 2), "/c {\"id\":1}/b");
    CHECK_INT(m->ndead, 0);
    feed_text(m, "\xff", "{\"v\":\"c\"}");
    CHECK_STR(m->reason, "message key: invalid byte sequence for encoding \"UTF8\": 0xff");
    memory_free(m);
    m = memory_new("DEBEZIUM", "id int key, v text", NULL);
    feed_text(m, "7", "{\"op\":\"c\",\"after\":{\"id\":7,\"v\":\"a\"}}");
    feed_text(m, "7", "{\"op\":\"d\",\"before\":{\"id\":7}}");
    CHECK_STR(ids(m, 2), "");
    CHECK_INT(m->ndead, 0);
    memory_free(m);
}

/* Tables that share a topic: what tells them apart is in the key only. */
static void test_routed(void)
{
    struct memory *m = memory_new("DEBEZIUM", "part text key, id int key, v text", "unwrapped=true");
    feed_text(m, "{\"id\":1,\"part\":\"a\"}", "{\"id\":1,\"v\":\"x\"}");
    feed_text(m, "{\"id\":1,\"part\":\"b\"}", "{\"id\":1,\"v\":\"y\"}");
    CHECK_STR(ids(m, 3), "a/1/x b/1/y");
    feed_text(m, "{\"id\":1,\"part\":\"a\"}", "{\"id\":1,\"v\":\"__debezium_unavailable_value\"}");
    feed_text(m, "{\"id\":1,\"part\":\"b\"}", "{\"id\":1,\"v\":\"y\",\"__deleted\":\"true\"}");
    CHECK_STR(ids(m, 3), "a/1/x");
    CHECK_INT(m->ndead, 0);
    feed_text(m, "{\"id\":1}", "{\"id\":1,\"v\":\"z\"}");
    CHECK_INT(m->ndead, 1);
    memory_free(m);
}

/* No value, as Connect's JSON converter without schemas writes it: a flattened delete by default. */
static void test_null_as_text(void)
{
    struct memory *m = memory_new("DEBEZIUM", "id int key, v text", "unwrapped=true");
    feed_text(m, "{\"id\":1}", "{\"id\":1,\"v\":\"x\"}");
    feed_text(m, "{\"id\":2}", "{\"id\":2,\"v\":\"y\"}");
    feed_text(m, "{\"id\":1}", "null");
    CHECK_STR(ids(m, 2), "2/y");
    CHECK_INT(m->ndead, 0);
    memory_free(m);
}

/* The same column without a precision is in microseconds from PostgreSQL and in milliseconds from MySQL. */
static void test_units_of_mysql(void)
{
    static const char event[] =
        "{\"op\":\"c\",\"after\":{\"id\":1,\"v\":1000},\"source\":{\"a\":{},\"connector\":\"%s\"}}";
    static const struct {
        const char *connector, *type, *options, *want; /* NULL: a dead letter */
    } cases[] = {{"postgresql", "timestamp", NULL, "1970-01-01 00:00:00.001"},
                 {"mysql", "timestamp", NULL, NULL},
                 {"mariadb", "timestamp", NULL, NULL},
                 {"mysql", "timestamp(0)", NULL, "1970-01-01 00:00:01"},
                 {"mysql", "timestamp(6)", NULL, "1970-01-01 00:00:00.001"},
                 {"mysql", "timestamp", "time.precision.mode=connect", "1970-01-01 00:00:01"}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        char spec[64], value[256];
        snprintf(spec, sizeof spec, "id int key, v %s", cases[i].type);
        snprintf(value, sizeof value, event, cases[i].connector);
        struct memory *m = memory_new("DEBEZIUM", spec, cases[i].options);
        feed_text(m, "{\"id\":1}", value);
        CHECK_INT(m->ndead, !cases[i].want);
        if (cases[i].want)
            CHECK_STR(at(m, "1", "v"), cases[i].want);
        memory_free(m);
    }
}

/* A decimal with a scale of its own, shown as text where the schema says what it is. */
static void test_variable_decimal_as_text(void)
{
    struct memory *m = memory_new("DEBEZIUM", "id int key, v text", NULL);
    feed_text(m, "{\"id\":1}",
              "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\","
              "\"field\":\"id\"},"
              "{\"type\":\"struct\",\"name\":\"io.debezium.data.VariableScaleDecimal\",\"field\":\"v\"}],\"field\":"
              "\"after\"}]},"
              "\"payload\":{\"op\":\"c\",\"after\":{\"id\":1,\"v\":{\"scale\":2,\"value\":\"AJY=\"}}}}");
    CHECK_STR(at(m, "1", "v"), "1.50");
    memory_free(m);
}

/* Columns found in any letter case; the exact name wins. */
static void test_names(void)
{
    struct memory *m = memory_new("PLAIN", "id int key, v text", NULL);
    feed_text(m, NULL, "{\"ID\":1,\"v\":\"exact\",\"V\":\"other\",\"unknown\":[1,2,{\"x\":\"}\"}]}");
    feed_text(m, NULL, "{\"i\\u0064\":2,\"v\":\"escaped name\"}");
    CHECK_STR(at(m, "1", "v"), "exact");
    CHECK_STR(at(m, "2", "v"), "escaped name");
    memory_free(m);
}

static void test_options(void)
{
    static const char *const bad[][3] = {
        {"DEBEZIUM", "decimal.handling.mode", "exact"},
        {"DEBEZIUM", "no.such", "1"},
        {"DEBEZIUM", "timestamptz.handling.mode", "guess_number_unit"},
        {"PLAIN", "unwrapped", "true"},
    };
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        struct object_option option = {bad[i][1], bad[i][2]};
        struct object object = {
            .name = "t", .format = bad[i][0], .encode = "JSON", .format_options = &option, .nformat_options = 1};
        struct wr_error err = WR_ERROR_INIT;
        CHECK(!wr_decoder_class(bad[i][0], "JSON")->check(&object, &err));
        CHECK(*err.sqlstate);
    }
}

/* ---- hostile input: every mutation is a row, a dead letter or nothing, and never more */

static uint64_t random_state = 88172645463325252u;
static uint32_t random_below(uint32_t bound)
{
    return (uint32_t)((check_random(&random_state) >> 32) * bound >> 32);
}

static size_t mutate(char *text, size_t len, size_t cap)
{
    static const char bits[] = "{}[]\",:\\0123456789eE+-.tfn u\0\xff\xc3\x80";
    for (uint32_t i = 0, n = 1 + random_below(4); i < n && len; i++) {
        uint32_t at_byte = random_below((uint32_t)len);
        switch (random_below(5)) {
        case 0:
            text[at_byte] = bits[random_below(sizeof bits - 1)];
            break;
        case 1:
            len = at_byte;
            break;
        case 2:
            memmove(text + at_byte, text + at_byte + 1, len - at_byte - 1);
            len--;
            break;
        case 3:
            if (len < cap) {
                memmove(text + at_byte + 1, text + at_byte, len - at_byte);
                text[at_byte] = bits[random_below(sizeof bits - 1)];
                len++;
            }
            break;
        default:
            text[at_byte] = (char)random_below(256);
        }
    }
    return len;
}

static void test_hostile(void)
{
    static const char *const seeds[] = {
        "{\"before\":null,\"after\":{\"id\":1,\"c_numeric\":{\"scale\":9,\"value\":\"AbabS6zQXxU=\"},\"c_numeric_10_"
        "2\":"
        "\"SZYC0g==\",\"c_date\":19782,\"c_timestamp\":1709212455678901,\"c_json\":\"{\\\"b\\\": "
        "1}\",\"c_timestamptz\":"
        "\"2024-02-29T11:14:15.678901Z\",\"c_double\":-1.79e308,\"c_char\":\"a\\u00e9\",\"a_int\":[1,null]},\"op\":"
        "\"c\"}",
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"field\":\"after\",\"fields\":[{\"field\":"
        "\"id\","
        "\"type\":\"int32\"},{\"field\":\"c_numeric_10_2\",\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data."
        "Decimal\","
        "\"parameters\":{\"scale\":\"2\"}},{\"field\":\"c_bit5\",\"name\":\"io.debezium.data.Bits\",\"type\":\"bytes\","
        "\"parameters\":{\"length\":\"5\"}}]}]},\"payload\":{\"op\":\"u\",\"after\":{\"id\":7,\"c_numeric_10_2\":\"B88="
        "\","
        "\"c_bit5\":\"Fg==\"}}}",
        ("{\"id\":1,\"c_numeric\":1e5,\"c_bytea\":\"3q2+7wD/"
         "\",\"__op\":\"u\",\"__deleted\":\"false\",\"c_time\":47655678901}"),
    };
    static const char *const formats[][2] = {{"DEBEZIUM", NULL}, {"DEBEZIUM", "unwrapped=true"}, {"PLAIN", NULL}};
    int rows = 0, letters = 0;
    for (size_t f = 0; f < WR_COUNT(formats); f++) {
        struct memory *m = memory_new(formats[f][0], ALLTYPES, formats[f][1]);
        for (int i = 0; i < 20000; i++) {
            char text[2048], key[64];
            const char *seed = seeds[random_below(WR_COUNT(seeds))];
            size_t len = strlen(seed), key_len = 8;
            memcpy(text, seed, len);
            memcpy(key, "{\"id\":1}", key_len);
            len = mutate(text, len, sizeof text);
            if (random_below(10) == 0)
                key_len = mutate(key, key_len, sizeof key);
            if (m->nrows > ROWS_MAX - 4)
                while (m->nrows)
                    row_free(m, 0);
            feed(m, 0, i, key, key_len, random_below(50) ? text : NULL, len);
        }
        rows += m->nrows;
        letters += m->ndead;
        memory_free(m);
    }
    CHECK(rows > 0);
    CHECK(letters > 10000);
}

static void test_deep(void)
{
    static const char head[] = "{\"id\":1,\"v\":";
    size_t len = strlen(head), n = 200000;
    char *text = wr_malloc(len + n);
    struct memory *m = memory_new("PLAIN", "id int key, v jsonb", NULL);
    memcpy(text, head, len);
    memset(text + len, '[', n);
    feed(m, 0, 0, NULL, 0, text, len + n);
    CHECK_INT(m->ndead, 1);
    free(text);
    memory_free(m);
}

/* Not a test of speed, a figure: microseconds per message, one core. */
static void measure(const char *name, const char *options, const char *value)
{
    struct memory *m = memory_new("DEBEZIUM", ORDERS, options);
    struct message message = {0, 1, "{\"id\":100}", value, 10, strlen(value)};
    clock_t from = clock();
    int n = 0;
    for (; n < 400000; n += 2000) {
        struct chunk_builder builder;
        wr_builder_begin(&builder, &m->table, NULL, 2002);
        for (int i = 0; i < 2000; i++)
            m->class->decode(m->decoder, &message, &builder);
        struct source_chunk *chunk = wr_builder_end(&builder);
        CHECK_INT(chunk->changes.rows.nrows, 2000);
        wr_source_chunk_free(chunk);
    }
    printf("%s, %zu bytes: %.2f us\n", name, strlen(value), (double)(clock() - from) / CLOCKS_PER_SEC * 1e6 / n);
    memory_free(m);
}

static void measure_all(void)
{
#define ROW                                                                                                           \
    "{\"id\":100,\"customer_id\":1,\"status\":\"paid\",\"qty\":2,\"price\":\"B88=\",\"rate\":{\"scale\":2,\"value\":" \
    "\"fQ==\"},"                                                                                                      \
    "\"ordered_on\":19783,\"note\":null,\"channel\":\"web\"}"
#define SOURCE                                                                                                  \
    "\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"postgresql\",\"name\":\"pg_env\",\"ts_ms\":"       \
    "1795228265832,\"snapshot\":"                                                                               \
    "\"false\",\"db\":\"shop\",\"sequence\":\"[\\\"30834800\\\"]\",\"schema\":\"public\",\"table\":\"orders\"," \
    "\"txId\":763,"                                                                                             \
    "\"lsn\":30834800,\"xmin\":null},\"transaction\":null,\"op\":\"u\",\"ts_ms\":1795228265900}"
    measure("create", NULL, "{\"before\":null,\"after\":" ROW "," SOURCE);
    measure("update", NULL, "{\"before\":" ROW ",\"after\":" ROW "," SOURCE);
    measure("flat", "unwrapped=true", ROW);
}

int main(int argc, char **argv)
{
    testdata = argc > 1 ? argv[1] : "connectors/testdata";
    test_customers("pg_envelope", "pg_env.public.customers", NULL);
    test_customers("pg_plain", "pg_plain.public.customers", NULL);
    test_customers("pg_flat", "pg_flat.public.customers", "unwrapped=true");
    test_orders("pg_envelope", "pg_env.public.orders", NULL, "web");
    test_orders("pg_plain", "pg_plain.public.orders", NULL, "web");
    test_orders("pg_flat", "pg_flat.public.orders", "unwrapped=true", "web");
    test_orders("pg_flat_envelope", "pg_flatenv.public.orders", "unwrapped=true", "web");
    test_orders("pg_null_default", "pg_null.public.orders", NULL, "\\N");
    test_orders("pg_null_default", "pg_nullflat.public.orders", "unwrapped=true", "\\N");
    test_lines("pg_envelope", "pg_env.public.lines", NULL, "106/1");
    test_lines("pg_plain", "pg_plain.public.lines", NULL, "106/1");
    test_lines("pg_flat", "pg_flat.public.lines", "unwrapped=true", "103/1 103/9 106/1");
    test_clicks("pg_envelope", "pg_env.public.clicks");
    test_clicks("pg_plain", "pg_plain.public.clicks");
    test_clicks_flat();
    test_alltypes();
    test_maria();
    test_edge();
    test_other_topics();
    test_values();
    test_values_debezium();
    test_dead_letters();
    test_upsert();
    test_keys_alone();
    test_routed();
    test_null_as_text();
    test_units_of_mysql();
    test_variable_decimal_as_text();
    test_names();
    test_options();
    test_hostile();
    test_deep();
    if (getenv("WEIR_MEASURE"))
        measure_all();
    return check_report("decoder");
}
