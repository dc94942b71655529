/* FORMAT DEBEZIUM ENCODE JSON: change events of a database, as Debezium writes them.
 *
 *   {"before": row|null, "after": row|null, "op": "r|c|u|d|t|m", "source": {...}, ...}      the envelope
 *   {column..., "__op": "u", "__deleted": "false", ...}                                     unwrapped = 'true'
 *
 * each with or without {"schema": ..., "payload": ...} around it (connect_schema.h).
 *
 * Rows are never retracted from `before`: under PostgreSQL's default replica identity its columns outside the key hold
 * invented values. Inserts and updates overwrite by key, deletes delete by key, so events that arrive twice change
 * nothing. Only a table without a key has nothing else than `before` to find the row by.
 *
 *   r c u   CHANGE_UPSERT of `after` (no key: CHANGE_INSERT; `u` is CHANGE_DELETE of `before` and CHANGE_INSERT)
 *   d       CHANGE_DELETE by the message key
 *   t       CHANGE_TRUNCATE
 *   m, heartbeats, transaction and DDL messages: nothing
 *   no value (a tombstone): CHANGE_DELETE by the message key; the row is gone already if a `d` came before it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connectors/debezium_options.h"
#include "connectors/format_classes.h"
#include "connectors/key_reader.h"

struct decoder {
    struct table_columns table;
    struct debezium_options options;
    struct value_decoder values;
    struct schema_cache schemas;
    struct key_reader key;
    struct json_parser *parser;
    struct json_shape *shape;
    struct row_slots before, after; /* unwrapped: only `after`, the object itself */
    uint16_t before_slot, after_slot, op_slot, deleted_slot;
    uint16_t status_slot, ts_slot, ddl_slot, history_slot; /* messages that are not about rows */
    uint16_t connector_slot;
    struct unit *mysql_units; /* of messages without a schema from MySQL and MariaDB; NULL: as from others */
    struct json_value *slots;
};

static bool debezium_check(const struct object *object, struct wr_error *err)
{
    struct debezium_options options;
    return wr_debezium_options(object, &options, err);
}

static void make_shape(struct decoder *decoder)
{
    struct json_shape *shape = decoder->shape = wr_json_shape_new();
    if (decoder->options.unwrapped) {
        decoder->after = wr_row_slots_new(shape, &decoder->table, false);
        decoder->op_slot = wr_json_shape_leaf(shape, "__op");
        decoder->deleted_slot = wr_json_shape_leaf(shape, "__deleted");
    } else {
        struct json_shape *before = wr_json_shape_child(shape, "before", &decoder->before_slot);
        struct json_shape *after = wr_json_shape_child(shape, "after", &decoder->after_slot);
        decoder->before = wr_row_slots_new(before, &decoder->table, false);
        decoder->after = wr_row_slots_new(after, &decoder->table, false);
        decoder->op_slot = wr_json_shape_leaf(shape, "op");
        decoder->status_slot = wr_json_shape_leaf(shape, "status");
        decoder->ts_slot = wr_json_shape_leaf(shape, "ts_ms");
        decoder->ddl_slot = wr_json_shape_leaf(shape, "ddl");
        decoder->history_slot = wr_json_shape_leaf(shape, "tableChanges");
        if (decoder->mysql_units) {
            uint16_t slot;
            decoder->connector_slot = wr_json_shape_leaf(wr_json_shape_child(shape, "source", &slot), "connector");
        }
    }
    decoder->slots = wr_calloc(wr_json_shape_slots(shape) + 1u, sizeof *decoder->slots);
}

/* A column without a precision is timestamp(6) where PostgreSQL says so, but MySQL's plain datetime has whole seconds
 * and is sent in milliseconds: neither is assumed. */
static struct unit *units_of_mysql(const struct decoder *decoder, const struct unit *units)
{
    const struct table_columns *table = &decoder->table;
    struct unit *of_mysql = NULL;
    for (uint16_t c = 0; c < table->ncols; c++) {
        bool open = table->types[c].id == TYPE_TIMESTAMP && !table->types[c].precision;
        if (!open || decoder->options.unwrapped || decoder->options.time_mode_given)
            continue;
        if (!of_mysql) {
            of_mysql = wr_calloc(table->ncols, sizeof *of_mysql);
            memcpy(of_mysql, units, table->ncols * sizeof *of_mysql);
        }
        of_mysql[c] = (struct unit){.kind = WIRE_REFUSED,
                                    .scale = -1,
                                    .refusal = "MySQL's datetime is in milliseconds or microseconds by its precision: "
                                               "declare timestamp(0) to timestamp(6) as it is there, or set "
                                               "time.precision.mode"};
    }
    return of_mysql;
}

static bool debezium_open(const struct object *object, struct decoder **out, struct wr_error *err)
{
    struct debezium_options options;
    TRY(wr_debezium_options(object, &options, err));
    struct decoder *decoder = wr_calloc(1, sizeof *decoder);
    decoder->options = options;
    wr_table_columns_init(&decoder->table, object);
    struct unit *units = wr_calloc(WR_MAX(decoder->table.ncols, 1), sizeof *units);
    for (uint16_t c = 0; c < decoder->table.ncols; c++)
        units[c] = wr_debezium_unit(&options, decoder->table.types[c]);
    wr_value_decoder_init(&decoder->values);
    wr_schema_cache_init(&decoder->schemas, &decoder->table, options.unwrapped ? SCHEMA_FLAT : SCHEMA_ENVELOPE, units);
    wr_key_reader_init(&decoder->key, &decoder->table, units);
    decoder->parser = wr_json_parser_new();
    decoder->mysql_units = units_of_mysql(decoder, units);
    make_shape(decoder);
    free(units);
    *out = decoder;
    return true;
}

static void debezium_close(struct decoder *decoder)
{
    wr_key_reader_fini(&decoder->key);
    wr_schema_cache_fini(&decoder->schemas);
    wr_value_decoder_fini(&decoder->values);
    wr_row_slots_free(&decoder->before);
    wr_row_slots_free(&decoder->after);
    wr_json_shape_free(decoder->shape);
    wr_json_parser_free(decoder->parser);
    wr_table_columns_fini(&decoder->table);
    free(decoder->mysql_units);
    free(decoder->slots);
    free(decoder);
}

static bool refuse(struct decoder *decoder, const char *reason)
{
    snprintf(decoder->values.reason, sizeof decoder->values.reason, "%s", reason);
    return false;
}

static bool uses_message_key(const struct decoder *decoder, const struct message *message)
{
    return decoder->table.npk && message->key && !decoder->options.ignore_key;
}

static bool tombstone(struct decoder *decoder, const struct message *message, struct chunk_builder *builder)
{
    if (!uses_message_key(decoder, message))
        return true; /* nothing names the row, and the `d` before it has said all */
    TRY(wr_key_read(&decoder->key, &decoder->values, message, true, builder));
    wr_builder_add(builder, CHANGE_DELETE);
    return true;
}

/* The key columns of `row` stand in for a key that the message does not have. */
static bool delete_row(struct decoder *decoder, const struct message *message, const struct row_slots *row,
                       const struct unit *units, struct chunk_builder *builder)
{
    if (uses_message_key(decoder, message))
        TRY(wr_key_read(&decoder->key, &decoder->values, message, true, builder));
    else if (decoder->table.npk)
        TRY(wr_decode_key(&decoder->values, &decoder->table, row, decoder->slots, units, builder));
    else
        TRY(wr_decode_row(&decoder->values, &decoder->table, row, decoder->slots, units, false, builder));
    wr_builder_add(builder, CHANGE_DELETE);
    return true;
}

/* Topics that tables share have a key column that the rows do not have (__dbz__physicalTableIdentifier). */
static bool row_lacks_key(const struct decoder *decoder)
{
    for (uint16_t k = 0; k < decoder->table.npk; k++)
        if (decoder->slots[decoder->after.slots[decoder->table.pk[k]]].kind == JSON_MISSING)
            return true;
    return false;
}

static bool put_row(struct decoder *decoder, const struct message *message, const struct unit *units,
                    struct chunk_builder *builder)
{
    struct value_decoder *values = &decoder->values;
    if (WR_UNLIKELY(row_lacks_key(decoder)) && uses_message_key(decoder, message)) {
        TRY(wr_key_read(&decoder->key, values, message, true, builder));
        TRY(wr_decode_rest(values, &decoder->table, &decoder->after, decoder->slots, units, true, builder));
    } else {
        TRY(wr_decode_row(values, &decoder->table, &decoder->after, decoder->slots, units, true, builder));
    }
    wr_builder_add(builder, decoder->table.npk ? CHANGE_UPSERT : CHANGE_INSERT);
    return true;
}

static bool update_keyless(struct decoder *decoder, const struct message *message, const struct unit *units,
                           struct chunk_builder *builder)
{
    if (decoder->slots[decoder->before_slot].kind != JSON_OBJECT)
        return refuse(decoder, "an update of a table without a primary key needs \"before\" (REPLICA IDENTITY FULL)");
    uint32_t row = builder->batch->nrows;
    TRY(delete_row(decoder, message, &decoder->before, units, builder));
    if (put_row(decoder, message, units, builder))
        return true;
    builder->batch->nrows = row; /* both or none */
    return false;
}

static bool not_about_rows(const struct decoder *decoder)
{
    const struct json_value *slots = decoder->slots;
    bool has_row = slots[decoder->before_slot].kind || slots[decoder->after_slot].kind;
    return !has_row &&
           (slots[decoder->status_slot].kind == JSON_STRING || slots[decoder->ts_slot].kind == JSON_INTEGER ||
            slots[decoder->ddl_slot].kind || slots[decoder->history_slot].kind);
}

static bool decode_envelope(struct decoder *decoder, const struct message *message, const struct unit *units,
                            struct chunk_builder *builder)
{
    const struct json_value *op = &decoder->slots[decoder->op_slot];
    bool before = decoder->slots[decoder->before_slot].kind == JSON_OBJECT;
    bool after = decoder->slots[decoder->after_slot].kind == JSON_OBJECT;
    if (op->kind == JSON_MISSING && not_about_rows(decoder))
        return true;
    if (op->kind != JSON_STRING || op->len != 1)
        return refuse(decoder, "not a Debezium change event: no \"op\" (flattened rows need unwrapped = 'true')");
    switch (*op->text) {
    case 'r':
    case 'c':
    case 'u':
        if (!after)
            return refuse(decoder, "the event has no \"after\"");
        if (*op->text == 'u' && !decoder->table.npk)
            return update_keyless(decoder, message, units, builder);
        return put_row(decoder, message, units, builder);
    case 'd':
        if (!before && !uses_message_key(decoder, message))
            return refuse(decoder, "the event has neither a key nor \"before\"");
        return delete_row(decoder, message, &decoder->before, units, builder);
    case 't':
        wr_builder_clear(builder);
        wr_builder_add(builder, CHANGE_TRUNCATE);
        return true;
    case 'm':
        return true;
    default:
        return refuse(decoder, "unknown \"op\"");
    }
}

static bool says(const struct json_value *value, const char *text)
{
    return value->kind == JSON_STRING && value->len == strlen(text) && !memcmp(value->text, text, value->len);
}

static bool decode_flat(struct decoder *decoder, const struct message *message, const struct unit *units,
                        struct chunk_builder *builder)
{
    const struct json_value *op = &decoder->slots[decoder->op_slot];
    const struct json_value *deleted = &decoder->slots[decoder->deleted_slot];
    if (says(deleted, "true") || deleted->kind == JSON_TRUE || says(op, "d"))
        return delete_row(decoder, message, &decoder->after, units, builder);
    if (says(op, "t")) {
        wr_builder_clear(builder);
        wr_builder_add(builder, CHANGE_TRUNCATE);
        return true;
    }
    /* The row before is not in a flattened message: without a key nothing tells which one to replace. */
    if (says(op, "u") && !decoder->table.npk)
        return refuse(decoder, "an update of a table without a primary key cannot be read from a flattened message");
    return put_row(decoder, message, units, builder);
}

static bool from_mysql(const struct json_value *connector)
{
    return says(connector, "mysql") || says(connector, "mariadb");
}

static bool decode(struct decoder *decoder, const struct message *message, struct chunk_builder *builder)
{
    struct value_decoder *values = &decoder->values;
    const char *payload;
    size_t len;
    const struct unit *units;
    if (!message->value)
        return tombstone(decoder, message, builder);
    TRY(wr_schema_open(&decoder->schemas, message->value, message->value_len, &payload, &len, &units, values->reason,
                       sizeof values->reason));
    if (!payload)
        return tombstone(decoder, message, builder);
    TRY(wr_json_read(decoder->parser, decoder->shape, payload, len, decoder->slots, values->reason,
                     sizeof values->reason));
    if (decoder->mysql_units && units == decoder->schemas.defaults &&
        from_mysql(&decoder->slots[decoder->connector_slot]))
        units = decoder->mysql_units;
    return decoder->options.unwrapped ? decode_flat(decoder, message, units, builder)
                                      : decode_envelope(decoder, message, units, builder);
}

static void debezium_decode(struct decoder *decoder, const struct message *message, struct chunk_builder *builder)
{
    if (!decode(decoder, message, builder))
        wr_builder_dead(builder, message, decoder->values.reason);
}

const struct decoder_class wr_decoder_debezium_json = {
    .format = "DEBEZIUM",
    .encode = "JSON",
    .check = debezium_check,
    .open = debezium_open,
    .decode = debezium_decode,
    .close = debezium_close,
};
