/* Numbers of accumulators in canonical bytes. */
#include "functions/agg_rows.h"

void wr_agg_put_i128(struct wr_buf *buf, wr_i128 value)
{
    wr_u128 zigzag = ((wr_u128)value << 1) ^ (wr_u128)(value >> 127);
    while (zigzag >= 0x80) {
        wr_buf_byte(buf, (uint8_t)(zigzag | 0x80));
        zigzag >>= 7;
    }
    wr_buf_byte(buf, (uint8_t)zigzag);
}

void wr_agg_put_i64(struct wr_buf *buf, int64_t value)
{
    wr_agg_put_i128(buf, value);
}

wr_i128 wr_agg_get_i128(struct wr_reader *reader)
{
    wr_u128 zigzag = 0;
    for (int shift = 0; shift < 133; shift += 7) {
        uint8_t byte = wr_get_byte(reader);
        if (shift < 128)
            zigzag |= (wr_u128)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return (wr_i128)(zigzag >> 1) ^ -(wr_i128)(zigzag & 1);
    }
    reader->ok = false;
    return 0;
}

int64_t wr_agg_get_i64(struct wr_reader *reader)
{
    wr_i128 value = wr_agg_get_i128(reader);
    if (value != (int64_t)value)
        reader->ok = false;
    return (int64_t)value;
}

void wr_agg_null(struct wr_arena *arena, struct column *out, uint32_t k, uint32_t n)
{
    size_t width = wr_type_info(out->type.id)->width;
    wr_column_nulls(arena, out, n)[k] = 1;
    memset((char *)out->data + k * width, 0, width);
}
