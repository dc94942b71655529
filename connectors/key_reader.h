/* The message key: a JSON object of key columns, with or without a schema; of a key of one column also its value alone,
 * as JSON or as text. */
#ifndef WEIR_CONNECTORS_KEY_READER_H
#define WEIR_CONNECTORS_KEY_READER_H

#include "connectors/connect_schema.h"
#include "connectors/decode_row.h"

struct key_reader {
    const struct table_columns *table;
    bool text; /* KEY ENCODE TEXT: the bytes are the one key column as text */
    const struct unit *units;
    struct schema_cache schemas;
    struct json_parser *parser;
    struct json_shape *shape;
    struct row_slots slots;
    struct json_value *values;
};
/* units: of keys without a schema, one per column; copied. */
void wr_key_reader_init(struct key_reader *reader, const struct table_columns *table, const struct unit *units);
void wr_key_reader_fini(struct key_reader *reader);
/* Set the key columns of the current row from the key. clear: and all others NULL. False: decoder->reason. */
bool wr_key_read(struct key_reader *reader, struct value_decoder *decoder, const struct message *message, bool clear,
                 struct chunk_builder *builder) WR_MUST;

#endif
