/* Normalised keys (format: key.h).
 *
 * Keys whose columns all have a fixed width and hold no NULL are written at constant offsets, a column at a time.
 * Any other key is written row by row into one growing buffer. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "types/jsonb.h"
#include "types/key.h"
#include "types/numeric.h"

enum { MARK_NULL_FIRST = 0x00, MARK_VALUE = 0x01, MARK_NULL_LAST = 0x02 };

static inline uint64_t ordered_i64(int64_t v)
{
    return (uint64_t)v ^ (1ull << 63);
}

static inline uint32_t ordered_i32(int32_t v)
{
    return (uint32_t)v ^ (1u << 31);
}

static inline uint64_t ordered_f64(double v)
{
    uint64_t bits;
    if (v != v)
        return UINT64_MAX; /* above +Infinity's 0xfff0... */
    if (v == 0)
        v = 0; /* -0 */
    memcpy(&bits, &v, 8);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}

/* Bytes of the value after its marker; 0 = variable. */
static uint32_t fixed_width(struct type type)
{
    const struct type_info *info = wr_type_info(type.id);
    return info->phys == PHYS_STR ? 0 : info->width;
}

static void put_escaped(struct wr_buf *buf, struct str str)
{
    const char *at = str.data, *end = str.data + str.len;
    while (at < end) {
        const char *zero = memchr(at, 0, (size_t)(end - at));
        const char *stop = zero ? zero : end;
        wr_buf_put(buf, at, (size_t)(stop - at));
        if (zero)
            wr_buf_put(buf, "\0\xff", 2);
        at = stop + (zero != NULL);
    }
    wr_buf_put(buf, "\0\0", 2);
}

static void put_jsonb(struct wr_buf *buf, struct str value)
{
    struct wr_buf text = WR_BUF_INIT;
    wr_jsonb_key_text(&text, value);
    put_escaped(buf, wr_str(text.data, text.len));
    wr_buf_free(&text);
}

static void put_str(struct wr_buf *buf, uint8_t type_id, struct str str)
{
    if (type_id == TYPE_NUMERIC)
        wr_numeric_key(buf, str);
    else if (type_id == TYPE_JSONB)
        put_jsonb(buf, str);
    else
        put_escaped(buf, str);
}

static void put_i32(struct wr_buf *buf, int32_t v)
{
    wr_store_u32be(wr_buf_reserve(buf, 4), ordered_i32(v));
    buf->len += 4;
}

static void put_u64(struct wr_buf *buf, uint64_t v)
{
    wr_store_u64be(wr_buf_reserve(buf, 8), v);
    buf->len += 8;
}

static uint8_t null_mark(bool nulls_first)
{
    return nulls_first ? MARK_NULL_FIRST : MARK_NULL_LAST;
}

static inline void put_value(struct wr_buf *buf, const struct column *col, uint32_t row)
{
    switch (wr_type_info(col->type.id)->phys) {
    case PHYS_BOOL:
        wr_buf_byte(buf, col->b[row]);
        break;
    case PHYS_I32:
        put_i32(buf, col->i32[row]);
        break;
    case PHYS_I64:
        put_u64(buf, ordered_i64(col->i64[row]));
        break;
    case PHYS_F64:
        put_u64(buf, ordered_f64(col->f64[row]));
        break;
    case PHYS_STR:
        put_str(buf, col->type.id, col->str[row]);
        break;
    }
}

static void put_field(struct wr_buf *buf, const struct column *col, uint32_t row, bool descending, bool nulls_first)
{
    if (wr_is_null(col, row)) {
        wr_buf_byte(buf, null_mark(nulls_first));
        return;
    }
    wr_buf_byte(buf, MARK_VALUE);
    size_t start = buf->len;
    put_value(buf, col, row);
    if (descending)
        for (size_t i = start; i < buf->len; i++)
            buf->data[i] = (char)~buf->data[i];
}

/* A datum seen as a column of one row. */
void wr_key_put(struct wr_buf *buf, const struct datum *value, bool descending, bool nulls_first)
{
    uint8_t null = value->null;
    struct column col = {.type = value->type, .data = (void *)&value->i64, .nulls = &null};
    put_field(buf, &col, 0, descending, nulls_first);
}

uint64_t wr_key_hash(const char *fields, size_t len)
{
    return XXH3_64bits_withSeed(fields, len, KEY_HASH_SEED);
}

/* --- fixed-width keys without NULLs ------------------------------------------------------------------------- */

#define DEFINE_FIXED(name, field, put)                                                \
    static void name(const struct column *col, char *to, uint32_t stride, uint32_t n) \
    {                                                                                 \
        for (uint32_t i = 0; i < n; i++, to += stride) {                              \
            to[0] = MARK_VALUE;                                                       \
            put;                                                                      \
        }                                                                             \
    }
DEFINE_FIXED(fixed_bool, b, to[1] = (char)col->b[i])
DEFINE_FIXED(fixed_i32, i32, wr_store_u32be(to + 1, ordered_i32(col->i32[i])))
DEFINE_FIXED(fixed_i64, i64, wr_store_u64be(to + 1, ordered_i64(col->i64[i])))
DEFINE_FIXED(fixed_f64, f64, wr_store_u64be(to + 1, ordered_f64(col->f64[i])))

static void fixed_column(const struct column *col, bool descending, char *to, uint32_t stride, uint32_t n)
{
    switch (wr_type_info(col->type.id)->phys) {
    case PHYS_BOOL:
        fixed_bool(col, to, stride, n);
        break;
    case PHYS_I32:
        fixed_i32(col, to, stride, n);
        break;
    case PHYS_I64:
        fixed_i64(col, to, stride, n);
        break;
    default:
        fixed_f64(col, to, stride, n);
        break;
    }
    uint32_t width = fixed_width(col->type);
    for (uint32_t i = 0; descending && i < n; i++, to += stride)
        for (uint32_t k = 1; k <= width; k++)
            to[k] = (char)~to[k];
}

static bool is_fixed(const struct batch *batch, const struct key_column *cols, uint16_t ncols)
{
    for (uint16_t c = 0; c < ncols; c++) {
        const struct column *col = &batch->cols[cols[c].column];
        if (!fixed_width(col->type))
            return false;
        if (col->nulls && memchr(col->nulls, 1, batch->nrows))
            return false;
    }
    return true;
}

static void encode_fixed(struct wr_arena *arena, const struct batch *batch, const struct key_column *cols,
                         uint16_t ncols, uint16_t hash_columns, struct keys *out)
{
    uint32_t stride = 1, hashed = 0, n = batch->nrows;
    for (uint16_t c = 0; c < ncols; c++) {
        stride += 1 + fixed_width(batch->cols[cols[c].column].type);
        if (c + 1 == hash_columns)
            hashed = stride - 1;
    }
    out->bytes = wr_arena_bytes(arena, (size_t)n * stride + 1);
    uint32_t at = 1;
    for (uint16_t c = 0; c < ncols; c++) {
        const struct column *col = &batch->cols[cols[c].column];
        fixed_column(col, cols[c].descending, out->bytes + at, stride, n);
        at += 1 + fixed_width(col->type);
    }
    for (uint32_t i = 0; i <= n; i++)
        out->offsets[i] = i * stride;
    for (uint32_t i = 0; i < n; i++) {
        char *key = out->bytes + (size_t)i * stride;
        out->hashes[i] = hash_columns ? wr_key_hash(key + 1, hashed) : 0;
        key[0] = (char)wr_key_shard(out->hashes[i]);
    }
}

/* --- any key ------------------------------------------------------------------------------------------------- */

static void encode_row(struct wr_buf *buf, const struct batch *batch, const struct key_column *cols, uint16_t ncols,
                       uint16_t hash_columns, uint32_t row, struct keys *out)
{
    size_t start = buf->len, hashed = 0;
    wr_buf_byte(buf, 0);
    for (uint16_t c = 0; c < ncols; c++) {
        const struct column *col = &batch->cols[cols[c].column];
        if (c < hash_columns && wr_is_null(col, row))
            out->has_null[row] = 1;
        put_field(buf, col, row, cols[c].descending, cols[c].nulls_first);
        if (c + 1 == hash_columns)
            hashed = buf->len - start - 1;
    }
    out->hashes[row] = hash_columns ? wr_key_hash(buf->data + start + 1, hashed) : 0;
    buf->data[start] = (char)wr_key_shard(out->hashes[row]);
}

static void encode_any(struct wr_arena *arena, const struct batch *batch, const struct key_column *cols, uint16_t ncols,
                       uint16_t hash_columns, struct keys *out)
{
    struct wr_buf buf = WR_BUF_INIT;
    wr_buf_reserve(&buf, (size_t)batch->nrows * ncols * 16 + 16);
    for (uint32_t i = 0; i < batch->nrows; i++) {
        out->offsets[i] = (uint32_t)buf.len;
        encode_row(&buf, batch, cols, ncols, hash_columns, i, out);
    }
    out->offsets[batch->nrows] = (uint32_t)buf.len;
    out->bytes = wr_arena_bytes(arena, buf.len + 1);
    if (buf.len)
        memcpy(out->bytes, buf.data, buf.len);
    wr_buf_free(&buf);
}

void wr_keys_encode(struct wr_arena *arena, const struct batch *batch, const struct key_column *cols, uint16_t ncols,
                    uint16_t hash_columns, struct keys *out)
{
    uint32_t n = batch->nrows;
    out->n = n;
    out->offsets = wr_arena_alloc(arena, (n + 1) * sizeof(uint32_t));
    out->hashes = wr_arena_alloc(arena, WR_MAX(n, 1u) * sizeof(uint64_t));
    out->has_null = wr_arena_zalloc(arena, WR_MAX(n, 1u));
    if (is_fixed(batch, cols, ncols))
        encode_fixed(arena, batch, cols, ncols, hash_columns, out);
    else
        encode_any(arena, batch, cols, ncols, hash_columns, out);
}

/* --- reading a key ------------------------------------------------------------------------------------------- */

static uint32_t escaped_len(const uint8_t *at, uint32_t len, uint8_t flip)
{
    uint32_t n = 0;
    while (n + 1 < len) {
        if (at[n] != flip) {
            n++;
            continue;
        }
        n += 2;
        if ((at[n - 1] ^ flip) == 0)
            return n;
    }
    return len;
}

/* Bytes of the field at the start, marker included. */
static uint32_t field_len(const uint8_t *at, uint32_t len, struct type type, bool descending)
{
    uint8_t flip = descending ? 0xff : 0;
    if (len == 0 || at[0] != MARK_VALUE)
        return WR_MIN(len, 1u);
    uint32_t width = fixed_width(type);
    if (width)
        return WR_MIN(len, 1 + width);
    if (type.id == TYPE_NUMERIC)
        return 1 + (uint32_t)wr_numeric_key_len((const char *)at + 1, len - 1, flip);
    return 1 + escaped_len(at + 1, len - 1, flip);
}

uint32_t wr_key_prefix_len(const char *key, uint32_t len, const struct type *types, uint16_t fields,
                           const bool *descending)
{
    uint32_t at = WR_MIN(len, 1u);
    for (uint16_t f = 0; f < fields && at < len; f++)
        at += field_len((const uint8_t *)key + at, len - at, types[f], descending && descending[f]);
    return at;
}
