#include "connectors/decode_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The same word where the column is sent as bytes. */
#define UNAVAILABLE_BASE64 "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="

struct row_slots wr_row_slots_new(struct json_shape *shape, const struct table_columns *table, bool key_only)
{
    struct row_slots slots = {wr_malloc(sizeof(uint16_t) * WR_MAX(table->ncols, 1))};
    for (uint16_t c = 0; c < table->ncols; c++)
        slots.slots[c] = key_only && !table->in_key[c] ? UINT16_MAX : wr_json_shape_leaf(shape, table->names[c]);
    return slots;
}

void wr_row_slots_free(struct row_slots *slots)
{
    free(slots->slots);
    slots->slots = NULL;
}

static bool is_placeholder(const struct json_value *value)
{
    return value->kind == JSON_STRING &&
           ((value->len == sizeof DEBEZIUM_UNAVAILABLE - 1 && !memcmp(value->text, DEBEZIUM_UNAVAILABLE, value->len)) ||
            (value->len == sizeof UNAVAILABLE_BASE64 - 1 && !memcmp(value->text, UNAVAILABLE_BASE64, value->len)));
}

static bool decode_column(struct value_decoder *decoder, const struct table_columns *table, uint16_t c,
                          const struct json_value *value, const struct unit *unit, struct chunk_builder *builder)
{
    if (value->kind <= JSON_NULL) {
        if (table->not_null[c]) {
            snprintf(decoder->reason, sizeof decoder->reason,
                     "null value in column \"%.64s\" violates not-null constraint", table->names[c]);
            return false;
        }
        wr_builder_null(builder, c, true);
        return true;
    }
    if (wr_decode_value(decoder, value, unit, builder->arena, &builder->batch->cols[c], builder->batch->nrows)) {
        wr_builder_null(builder, c, false);
        return true;
    }
    char reason[sizeof decoder->reason];
    memcpy(reason, decoder->reason, sizeof reason);
    snprintf(decoder->reason, sizeof decoder->reason, "column \"%.64s\": %.170s", table->names[c], reason);
    return false;
}

bool wr_decode_row(struct value_decoder *decoder, const struct table_columns *table, const struct row_slots *slots,
                   const struct json_value *values, const struct unit *units, bool placeholders,
                   struct chunk_builder *builder)
{
    for (uint16_t c = 0; c < table->ncols; c++) {
        const struct json_value *value = &values[slots->slots[c]];
        if (placeholders && WR_UNLIKELY(is_placeholder(value)) && !table->in_key[c])
            wr_builder_keep(builder, c);
        else
            TRY(decode_column(decoder, table, c, value, &units[c], builder));
    }
    return true;
}

bool wr_decode_key_columns(struct value_decoder *decoder, const struct table_columns *table,
                           const struct row_slots *slots, const struct json_value *values, const struct unit *units,
                           struct chunk_builder *builder)
{
    for (uint16_t k = 0; k < table->npk; k++) {
        uint16_t c = table->pk[k];
        TRY(decode_column(decoder, table, c, &values[slots->slots[c]], &units[c], builder));
    }
    return true;
}

bool wr_decode_key(struct value_decoder *decoder, const struct table_columns *table, const struct row_slots *slots,
                   const struct json_value *values, const struct unit *units, struct chunk_builder *builder)
{
    wr_builder_clear(builder);
    return wr_decode_key_columns(decoder, table, slots, values, units, builder);
}

bool wr_decode_rest(struct value_decoder *decoder, const struct table_columns *table, const struct row_slots *slots,
                    const struct json_value *values, const struct unit *units, bool placeholders,
                    struct chunk_builder *builder)
{
    for (uint16_t c = 0; c < table->ncols; c++) {
        const struct json_value *value = &values[slots->slots[c]];
        if (table->in_key[c])
            continue;
        if (placeholders && WR_UNLIKELY(is_placeholder(value)))
            wr_builder_keep(builder, c);
        else
            TRY(decode_column(decoder, table, c, value, &units[c], builder));
    }
    return true;
}
