#include "connectors/key_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wr_key_reader_init(struct key_reader *reader, const struct table_columns *table, const struct unit *units)
{
    reader->table = table;
    wr_schema_cache_init(&reader->schemas, table, SCHEMA_FLAT, units);
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

bool wr_key_read(struct key_reader *reader, struct value_decoder *decoder, const struct message *message, bool clear,
                 struct chunk_builder *builder)
{
    const struct table_columns *table = reader->table;
    const char *payload;
    size_t len;
    const struct unit *units;
    if (!wr_schema_open(&reader->schemas, message->key, message->key_len, &payload, &len, &units, decoder->reason,
                        sizeof decoder->reason) ||
        !wr_json_read(reader->parser, reader->shape, payload ? payload : "null", payload ? len : 4, reader->values,
                      decoder->reason, sizeof decoder->reason))
        return prefix(decoder, "message key");
    for (uint16_t k = 0; k < table->npk; k++)
        if (reader->values[reader->slots.slots[table->pk[k]]].kind == JSON_MISSING) {
            snprintf(
                decoder->reason, sizeof decoder->reason,
                "the message key has no column \"%.64s\" of the primary key (ignore_key = true takes it from the row)",
                table->names[table->pk[k]]);
            return false;
        }
    if (clear)
        wr_builder_clear(builder);
    return wr_decode_key_columns(decoder, table, &reader->slots, reader->values, units, builder) ||
           prefix(decoder, "message key");
}
