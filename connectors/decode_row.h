/* A JSON object's members to the columns of one row. */
#ifndef WEIR_CONNECTORS_DECODE_ROW_H
#define WEIR_CONNECTORS_DECODE_ROW_H

#include "connectors/decode_value.h"

/* Debezium's word for a value that the database did not send (out-of-line text that an update left alone). */
#define DEBEZIUM_UNAVAILABLE "__debezium_unavailable_value"

/* Which slots of a json_shape hold the columns; one per place a row can stand in (before, after, the key). */
struct row_slots {
    uint16_t *slots; /* per column; UINT16_MAX: not looked for here */
};
/* Ask the shape for every column, or for the key columns only. */
struct row_slots wr_row_slots_new(struct json_shape *shape, const struct table_columns *table, bool key_only);
void wr_row_slots_free(struct row_slots *slots);

/* Decode all columns into the builder's current row. units: one per column. placeholders: honour DEBEZIUM_UNAVAILABLE.
 * False: decoder->reason names the column. */
bool wr_decode_row(struct value_decoder *decoder, const struct table_columns *table, const struct row_slots *slots,
                   const struct json_value *values, const struct unit *units, bool placeholders,
                   struct chunk_builder *builder) WR_MUST;
/* Decode the key columns, set all others NULL. */
bool wr_decode_key(struct value_decoder *decoder, const struct table_columns *table, const struct row_slots *slots,
                   const struct json_value *values, const struct unit *units, struct chunk_builder *builder) WR_MUST;
/* Decode the columns outside the key. */
bool wr_decode_rest(struct value_decoder *decoder, const struct table_columns *table, const struct row_slots *slots,
                    const struct json_value *values, const struct unit *units, bool placeholders,
                    struct chunk_builder *builder) WR_MUST;
/* Overwrite only the key columns of the current row. */
bool wr_decode_key_columns(struct value_decoder *decoder, const struct table_columns *table,
                           const struct row_slots *slots, const struct json_value *values, const struct unit *units,
                           struct chunk_builder *builder) WR_MUST;

#endif
