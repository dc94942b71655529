/* SHOW CREATE SINK s FOR CLICKHOUSE: the statements that consume a CHANGELOG topic.
 *
 *   s_queue      Kafka table: the topic, as rows
 *   s_changelog  ReplacingMergeTree(__version, __deleted): the newest version of every key, in any order and however
 *                often it was delivered
 *   s_consumer   moves rows from the one to the other
 *   s            what is queried: live rows only
 *
 * Types are chosen so that no value of ours is refused (a message that is stops the whole table there). */

#include "base/ascii.h"
#include "connectors/formats.h"
#include "connectors/kafka_config.h"
#include "connectors/options.h"

static void put_quoted(struct wr_buf *out, char quote, const char *text)
{
    wr_buf_byte(out, (uint8_t)quote);
    for (; *text; text++) {
        if (*text == quote || *text == '\\')
            wr_buf_byte(out, '\\');
        wr_buf_byte(out, (uint8_t)*text);
    }
    wr_buf_byte(out, (uint8_t)quote);
}

static void put_name(struct wr_buf *out, const struct sink_config *config, const char *suffix)
{
    struct wr_buf name = WR_BUF_INIT;
    wr_buf_printf(&name, "%s%s", config->object->name, suffix);
    put_quoted(out, '`', wr_buf_cstr(&name));
    wr_buf_free(&name);
}

static void put_scalar(struct wr_buf *out, struct type type)
{
    static const char *const names[TYPE_COUNT] = {
        [TYPE_BOOL] = "Bool",
        [TYPE_INT4] = "Int32",
        [TYPE_INT8] = "Int64",
        [TYPE_FLOAT8] = "Float64",
        [TYPE_DATE] = "Date32",
        [TYPE_TIMESTAMP] = "DateTime64(6, 'UTC')",
        [TYPE_TIMESTAMPTZ] = "DateTime64(6, 'UTC')",
    };
    /* A numeric without precision has any number of digits: only text holds them all. */
    if (type.id == TYPE_NUMERIC && type.precision > 0 && type.precision <= 76 && type.scale >= 0 &&
        type.scale <= type.precision)
        wr_buf_printf(out, "Decimal(%d, %d)", type.precision, type.scale);
    else
        wr_buf_puts(out, type.id < TYPE_COUNT && names[type.id] ? names[type.id] : "String");
}

/* numeric(p,s) may hold NaN, which no Decimal does: it arrives as null. */
static bool is_nullable(const struct sink_config *config, uint16_t column)
{
    struct type type = config->types[column];
    bool decimal = type.id == TYPE_NUMERIC && type.precision > 0;
    if (config->key_kind == SINK_KEY_ROW && column + 2 >= config->ncols)
        return false;
    return !config->not_null || !config->not_null[column] || decimal;
}

static void put_columns(struct wr_buf *out, const struct sink_config *config)
{
    for (uint16_t c = 0; c < config->ncols; c++) {
        bool nullable = is_nullable(config, c);
        wr_buf_puts(out, "    ");
        put_quoted(out, '`', config->names[c]);
        wr_buf_puts(out, nullable ? " Nullable(" : " ");
        put_scalar(out, config->types[c]);
        wr_buf_puts(out, nullable ? "),\n" : ",\n");
    }
}

static void put_queue(struct wr_buf *out, const struct sink_config *config)
{
    const char *brokers = wr_kafka_brokers(config->object);
    if (!wr_casecmp(brokers, KAFKA_EMBEDDED) && config->embedded_broker)
        brokers = config->embedded_broker;
    wr_buf_puts(out,
                "-- Kafka remembers what the group has read: tables made again, or on another server, need another "
                "kafka_group_name\nCREATE TABLE ");
    put_name(out, config, "_queue");
    wr_buf_puts(out, "\n(\n");
    put_columns(out, config);
    wr_buf_puts(out, "    __deleted UInt8,\n    __version UInt64\n)\nENGINE = Kafka\nSETTINGS kafka_broker_list = ");
    put_quoted(out, '\'', brokers);
    wr_buf_puts(out, ",\n    kafka_topic_list = ");
    put_quoted(out, '\'', wr_kafka_topic(config->object));
    wr_buf_puts(out, ",\n    kafka_group_name = 'clickhouse-");
    wr_buf_printf(out, "%s',\n", config->object->name);
    wr_buf_puts(out, "    kafka_format = 'JSONEachRow',\n    date_time_input_format = 'best_effort';\n\n");
}

/* A table of one row needs no key: all its versions are versions of that row. */
static void put_order(struct wr_buf *out, const struct sink_config *config)
{
    bool nullable_key = false;
    wr_buf_puts(out, config->nkey ? "ORDER BY (" : "ORDER BY tuple()");
    for (uint16_t k = 0; k < config->nkey; k++) {
        wr_buf_puts(out, k ? ", " : "");
        put_quoted(out, '`', config->names[config->key[k]]);
        nullable_key |= is_nullable(config, config->key[k]);
    }
    wr_buf_puts(out, config->nkey ? ")" : "");
    wr_buf_puts(out, nullable_key ? "\nSETTINGS allow_nullable_key = 1;\n\n" : ";\n\n");
}

static void put_table(struct wr_buf *out, const struct sink_config *config)
{
    wr_buf_puts(out, "-- on a cluster: ReplicatedReplacingMergeTree(__version, __deleted)\nCREATE TABLE ");
    put_name(out, config, "_changelog");
    wr_buf_puts(out, "\n(\n");
    put_columns(out, config);
    wr_buf_puts(out,
                "    __deleted UInt8,\n    __version UInt64\n)\nENGINE = ReplacingMergeTree(__version, __deleted)\n");
    put_order(out, config);
}

static void put_views(struct wr_buf *out, const struct sink_config *config)
{
    wr_buf_puts(out, "CREATE MATERIALIZED VIEW ");
    put_name(out, config, "_consumer");
    wr_buf_puts(out, " TO ");
    put_name(out, config, "_changelog");
    wr_buf_puts(out, " AS\nSELECT * FROM ");
    put_name(out, config, "_queue");
    wr_buf_puts(out, ";\n\nCREATE VIEW ");
    put_name(out, config, "");
    wr_buf_puts(out, " AS\nSELECT * EXCEPT (__version, __deleted) FROM ");
    put_name(out, config, "_changelog");
    wr_buf_puts(out, " FINAL;\n");
}

bool wr_sink_clickhouse_ddl(const struct sink_config *config, struct wr_buf *out, struct wr_error *err)
{
    struct encoder encoder;
    const struct object *object = config->object;
    const char *connector = wr_option_get(object, "connector");
    if (!connector || wr_casecmp(connector, "kafka") || !object->format || wr_casecmp(object->format, "CHANGELOG")) {
        wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "sink \"%s\" is not a kafka sink with FORMAT CHANGELOG", object->name);
        return wr_fail_hint(err,
                            "Other layouts lose deletes in ClickHouse: a message without value yields no row there.");
    }
    TRY(wr_kafka_options_check(object, KAFKA_PRODUCER, err));
    TRY(wr_encoder_init(&encoder, config, err));
    put_queue(out, config);
    put_table(out, config);
    put_views(out, config);
    wr_encoder_fini(&encoder);
    return true;
}
