#include "connectors/key_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

void wr_key_reader_init(struct key_reader *reader, const struct table_columns *table, const struct unit *units)
{
    reader->table = table;
    wr_schema_cache_init(&reader->schemas, table, SCHEMA_FLAT, units);
    reader->units = reader->schemas.defaults;
    reader->parser = wr_json_parser_new();
    reader->shape = wr_json_shape_new();
    reader->slots = wr_row_slots_new(reader->shape, table, true);
    reader->values = wr_calloc(wr_json_shape_slots(reader->shape) + 1u, sizeof *reader->values);
}

void wr_key_reader_fini(struct key_reader *reader)
{
    wr_schema_cache_fini(&reader->schemas);
    wr_row_slots_free(&reader->slots);
    wr_json_shape_free(reader->shape);
    wr_json_parser_free(reader->parser);
    free(reader->values);
}

static bool prefix(struct value_decoder *decoder, const char *what)
{
    char reason[sizeof decoder->reason];
    memcpy(reason, decoder->reason, sizeof reason);
    snprintf(decoder->reason, sizeof decoder->reason, "%s: %.200s", what, reason);
    return false;
}

/* The one key column from a value that is no object: {"schema": ..., "payload": 5}, 5, "five". */
static bool read_value(struct key_reader *reader, struct value_decoder *decoder, const struct json_value *value,
                       const struct unit *unit, struct chunk_builder *builder)
{
    const struct table_columns *table = reader->table;
    struct row_slots slots = {wr_calloc(table->ncols, sizeof(uint16_t))}; /* all of them are `value` */
    struct unit *units = wr_calloc(table->ncols, sizeof *units);
    units[table->pk[0]] = *unit;
    bool done = wr_decode_key_columns(decoder, table, &slots, value, units, builder);
    free(units);
    wr_row_slots_free(&slots);
    return done;
}

static bool read_text(struct key_reader *reader, struct value_decoder *decoder, const struct message *message,
                      struct chunk_builder *builder)
{
    struct wr_error err = WR_ERROR_INIT;
    struct json_value value = {JSON_STRING, true, (uint32_t)message->key_len, message->key, 0};
    struct unit unit = {.kind = WIRE_NONE, .scale = -1};
    if (wr_utf8_check(message->key, message->key_len, &err))
        return read_value(reader, decoder, &value, &unit, builder);
    snprintf(decoder->reason, sizeof decoder->reason, "%.200s", err.message);
    return false;
}

/* *alone: the key is a JSON value by itself, and has been read or not (false). */
static bool read_alone(struct key_reader *reader, struct value_decoder *decoder, const struct message *message,
                       bool *alone, struct chunk_builder *builder)
{
    struct json_node *root;
    struct wr_arena arena;
    struct unit unit = reader->units[reader->table->pk[0]];
    *alone = false;
    wr_arena_init(&arena, NULL);
    bool done = wr_json_tree(reader->parser, message->key, message->key_len, &arena, &root, decoder->reason,
                             sizeof decoder->reason);
    if (done && root->value.kind == JSON_OBJECT && wr_json_member(root, "schema") && wr_json_member(root, "payload")) {
        unit = wr_schema_unit(wr_json_member(root, "schema"), &unit, reader->table->types[reader->table->pk[0]]);
        root = (struct json_node *)wr_json_member(root, "payload");
    }
    *alone = done && root->value.kind != JSON_OBJECT && root->value.kind != JSON_ARRAY;
    done = *alone && read_value(reader, decoder, &root->value, &unit, builder);
    wr_arena_reset(&arena);
    return done;
}

static bool read_object(struct key_reader *reader, struct value_decoder *decoder, const struct message *message,
                        const struct unit **units)
{
    const char *payload;
    size_t len;
    return wr_schema_open(&reader->schemas, message->key, message->key_len, &payload, &len, units, decoder->reason,
                          sizeof decoder->reason) &&
           wr_json_read(reader->parser, reader->shape, payload ? payload : "null", payload ? len : 4, reader->values,
                        decoder->reason, sizeof decoder->reason);
}

static bool has_columns(struct key_reader *reader, struct value_decoder *decoder)
{
    const struct table_columns *table = reader->table;
    for (uint16_t k = 0; k < table->npk; k++)
        if (reader->values[reader->slots.slots[table->pk[k]]].kind == JSON_MISSING) {
            snprintf(
                decoder->reason, sizeof decoder->reason,
                "the message key has no column \"%.64s\" of the primary key (ignore_key = true takes it from the row)",
                table->names[table->pk[k]]);
            return false;
        }
    return true;
}

bool wr_key_read(struct key_reader *reader, struct value_decoder *decoder, const struct message *message, bool clear,
                 struct chunk_builder *builder)
{
    const struct table_columns *table = reader->table;
    const struct unit *units;
    bool alone = false;
    if (clear)
        wr_builder_clear(builder);
    if (reader->text)
        return read_text(reader, decoder, message, builder) || prefix(decoder, "message key");
    if (read_object(reader, decoder, message, &units))
        return has_columns(reader, decoder) &&
               (wr_decode_key_columns(decoder, table, &reader->slots, reader->values, units, builder) ||
                prefix(decoder, "message key"));
    char reason[sizeof decoder->reason];
    memcpy(reason, decoder->reason, sizeof reason);
    if (table->npk == 1 && read_alone(reader, decoder, message, &alone, builder))
        return true;
    if (!alone)
        memcpy(decoder->reason, reason, sizeof reason);
    return prefix(decoder, "message key");
}
