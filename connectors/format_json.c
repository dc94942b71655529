/* FORMAT PLAIN ENCODE JSON and FORMAT UPSERT ENCODE JSON: a message is a JSON object, its members are the columns.
 *
 *   PLAIN    every message is a row: appended, or overwriting by the table's primary key if it has one
 *   UPSERT   the key columns come from the message key, the others from the value; no value deletes
 *
 * Strings are read as PostgreSQL reads text; a number in a timestamp column needs an option that names its unit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connectors/debezium_options.h"
#include "connectors/format_classes.h"
#include "connectors/key_reader.h"
#include "connectors/options.h"

struct decoder {
    struct table_columns table;
    struct value_decoder values;
    struct key_reader key;
    struct json_parser *parser;
    struct json_shape *shape;
    struct row_slots row;
    struct unit *units;
    struct json_value *slots;
};

enum { TIMESTAMP_STRING, TIMESTAMP_SECOND, TIMESTAMP_MILLI, TIMESTAMP_MICRO, TIMESTAMP_NANO };
static const char *const timestamp_modes[] = {"string", "second", "milli", "micro", "nano", NULL};

/* KEY ENCODE of the statement. */
#define KEY_ENCODE "key.encode"
enum { KEY_JSON, KEY_TEXT };
static const char *const key_encodings[] = {"JSON", "TEXT", NULL};

static bool options_of(const struct object *object, bool upsert, int *timestamp_mode, int *timestamptz_mode,
                       struct wr_error *err)
{
    static const char *const known[] = {"timestamp.handling.mode", "timestamptz.handling.mode", NULL};
    const char *with_key[] = {known[0], known[1], KEY_ENCODE, NULL};
    TRY(wr_format_options_check(object, upsert ? with_key : known, err));
    const char *text = wr_format_option_get(object, "timestamp.handling.mode");
    *timestamp_mode = TIMESTAMP_STRING;
    if (text)
        TRY(wr_option_choice("timestamp.handling.mode", text, timestamp_modes, timestamp_mode, err));
    return wr_timestamptz_mode(object, timestamptz_mode, err);
}

static bool plain_check(const struct object *object, struct wr_error *err)
{
    int timestamp_mode, timestamptz_mode;
    return options_of(object, false, &timestamp_mode, &timestamptz_mode, err);
}

static bool key_is_text(const struct object *object, bool *is_text, struct wr_error *err)
{
    const char *text = wr_format_option_get(object, KEY_ENCODE);
    int encoding = KEY_JSON;
    if (text)
        TRY(wr_option_choice(KEY_ENCODE, text, key_encodings, &encoding, err));
    *is_text = encoding == KEY_TEXT;
    return true;
}

static bool upsert_check(const struct object *object, struct wr_error *err)
{
    struct table_columns table;
    wr_table_columns_init(&table, object);
    uint16_t npk = table.npk;
    int timestamp_mode, timestamptz_mode;
    bool text;
    wr_table_columns_fini(&table);
    if (!npk)
        return wr_fail(err, ERR_INVALID_TABLE_DEFINITION, "FORMAT UPSERT requires a primary key on table \"%s\"",
                       object->name);
    TRY(options_of(object, true, &timestamp_mode, &timestamptz_mode, err));
    TRY(key_is_text(object, &text, err));
    if (text && npk != 1)
        return wr_fail(err, ERR_INVALID_TABLE_DEFINITION, "KEY ENCODE TEXT requires a primary key of one column");
    return true;
}

static struct unit unit_of(struct type type, int timestamp_mode, int timestamptz_mode)
{
    struct unit unit = {.kind = WIRE_NONE, .scale = -1};
    if (type.id == TYPE_TIMESTAMPTZ)
        return wr_timestamptz_unit(timestamptz_mode);
    if (type.id != TYPE_TIMESTAMP)
        return unit;
    if (timestamp_mode == TIMESTAMP_STRING) {
        unit.kind = WIRE_REFUSED;
        unit.refusal =
            "a number needs timestamp.handling.mode = 'second', 'milli', 'micro' or 'nano' to be read as timestamp";
    } else {
        unit.kind = (uint8_t)(WIRE_SECOND + timestamp_mode - TIMESTAMP_SECOND);
    }
    return unit;
}

static bool json_open(const struct object *object, bool upsert, struct decoder **out, struct wr_error *err)
{
    int timestamp_mode, timestamptz_mode;
    bool key_text;
    TRY(options_of(object, upsert, &timestamp_mode, &timestamptz_mode, err));
    TRY(key_is_text(object, &key_text, err));
    struct decoder *decoder = wr_calloc(1, sizeof *decoder);
    wr_table_columns_init(&decoder->table, object);
    decoder->units = wr_calloc(WR_MAX(decoder->table.ncols, 1), sizeof *decoder->units);
    for (uint16_t c = 0; c < decoder->table.ncols; c++)
        decoder->units[c] = unit_of(decoder->table.types[c], timestamp_mode, timestamptz_mode);
    wr_value_decoder_init(&decoder->values);
    wr_key_reader_init(&decoder->key, &decoder->table, decoder->units);
    decoder->key.text = key_text;
    decoder->parser = wr_json_parser_new();
    decoder->shape = wr_json_shape_new();
    decoder->row = wr_row_slots_new(decoder->shape, &decoder->table, false);
    decoder->slots = wr_calloc(wr_json_shape_slots(decoder->shape) + 1u, sizeof *decoder->slots);
    *out = decoder;
    return true;
}

static bool plain_open(const struct object *object, struct decoder **out, struct wr_error *err)
{
    return json_open(object, false, out, err);
}

static bool upsert_open(const struct object *object, struct decoder **out, struct wr_error *err)
{
    return json_open(object, true, out, err);
}

static void json_close(struct decoder *decoder)
{
    wr_key_reader_fini(&decoder->key);
    wr_value_decoder_fini(&decoder->values);
    wr_row_slots_free(&decoder->row);
    wr_json_shape_free(decoder->shape);
    wr_json_parser_free(decoder->parser);
    wr_table_columns_fini(&decoder->table);
    free(decoder->units);
    free(decoder->slots);
    free(decoder);
}

static bool decode_plain(struct decoder *decoder, const struct message *message, struct chunk_builder *builder)
{
    struct value_decoder *values = &decoder->values;
    if (!message->value) {
        snprintf(values->reason, sizeof values->reason, "the message has no value");
        return false;
    }
    TRY(wr_json_read(decoder->parser, decoder->shape, message->value, message->value_len, decoder->slots,
                     values->reason, sizeof values->reason));
    TRY(wr_decode_row(values, &decoder->table, &decoder->row, decoder->slots, decoder->units, false, builder));
    wr_builder_add(builder, decoder->table.npk ? CHANGE_UPSERT : CHANGE_INSERT);
    return true;
}

/* The value may leave the key columns out; where it has them too, the message key decides. */
static bool decode_upsert(struct decoder *decoder, const struct message *message, struct chunk_builder *builder)
{
    struct value_decoder *values = &decoder->values;
    const struct table_columns *table = &decoder->table;
    if (!message->key) {
        snprintf(values->reason, sizeof values->reason, "the message has no key");
        return false;
    }
    if (!message->value || !message->value_len || wr_is_json_null(message->value, message->value_len)) {
        TRY(wr_key_read(&decoder->key, values, message, true, builder));
        wr_builder_add(builder, CHANGE_DELETE);
        return true;
    }
    TRY(wr_json_read(decoder->parser, decoder->shape, message->value, message->value_len, decoder->slots,
                     values->reason, sizeof values->reason));
    TRY(wr_key_read(&decoder->key, values, message, false, builder));
    TRY(wr_decode_rest(values, table, &decoder->row, decoder->slots, decoder->units, false, builder));
    wr_builder_add(builder, CHANGE_UPSERT);
    return true;
}

static void plain_decode(struct decoder *decoder, const struct message *message, struct chunk_builder *builder)
{
    if (!decode_plain(decoder, message, builder))
        wr_builder_dead(builder, message, decoder->values.reason);
}

static void upsert_decode(struct decoder *decoder, const struct message *message, struct chunk_builder *builder)
{
    if (!decode_upsert(decoder, message, builder))
        wr_builder_dead(builder, message, decoder->values.reason);
}

const struct decoder_class wr_decoder_plain_json = {
    .format = "PLAIN",
    .encode = "JSON",
    .check = plain_check,
    .open = plain_open,
    .decode = plain_decode,
    .close = json_close,
};

const struct decoder_class wr_decoder_upsert_json = {
    .format = "UPSERT",
    .encode = "JSON",
    .check = upsert_check,
    .open = upsert_open,
    .decode = upsert_decode,
    .close = json_close,
};
