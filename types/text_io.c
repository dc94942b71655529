/* Text in and out, by type. The types with a language of their own have their own files. */
#include "types/text_io.h"

#include "base/ascii.h"
#include "types/bytea.h"
#include "types/datetime.h"
#include "types/float_io.h"
#include "types/jsonb.h"
#include "types/numeric.h"
#include "types/utf8.h"

#define SHOWN_MAX 900 /* bytes of a bad value that an error message repeats */

static const struct timezone *zone_of(const struct io_settings *io)
{
    return io ? io->timezone : NULL;
}

static bool fail_syntax(uint8_t type_id, const char *text, size_t len, struct wr_error *err)
{
    return wr_fail(err, ERR_INVALID_TEXT, "invalid input syntax for type %s: \"%.*s\"", wr_type_info(type_id)->name,
                   (int)WR_MIN(len, SHOWN_MAX), text);
}

/* --- out ------------------------------------------------------------------------------------------------------ */

static void int_out(struct wr_buf *buf, int64_t value)
{
    char text[24], *at = text + sizeof text;
    uint64_t left = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0)
        *--at = '-';
    wr_buf_put(buf, at, (size_t)(text + sizeof text - at));
}

static void bytea_out(struct wr_buf *buf, struct str bytes)
{
    wr_buf_put(buf, "\\x", 2);
    wr_bytea_put_hex(wr_buf_reserve(buf, 2 * (size_t)bytes.len), bytes);
    buf->len += 2 * (size_t)bytes.len;
}

void wr_value_out(struct wr_buf *buf, const struct datum *value, const struct io_settings *io)
{
    switch (value->type.id) {
    case TYPE_BOOL:
        wr_buf_byte(buf, value->b ? 't' : 'f');
        break;
    case TYPE_INT4:
        int_out(buf, value->i32);
        break;
    case TYPE_INT8:
        int_out(buf, value->i64);
        break;
    case TYPE_FLOAT8:
        wr_double_print(buf, value->f64);
        break;
    case TYPE_NUMERIC:
        wr_numeric_print(buf, value->str);
        break;
    case TYPE_DATE:
        wr_date_print(buf, value->i32);
        break;
    case TYPE_TIMESTAMP:
        wr_timestamp_print(buf, value->i64);
        break;
    case TYPE_TIMESTAMPTZ:
        wr_timestamptz_print(buf, value->i64, zone_of(io));
        break;
    case TYPE_JSONB:
        wr_jsonb_print(buf, value->str);
        break;
    case TYPE_BYTEA:
        bytea_out(buf, value->str);
        break;
    default:
        wr_buf_put(buf, value->str.data, value->str.len);
        break;
    }
}

/* --- in ------------------------------------------------------------------------------------------------------- */

static bool fail_int_range(uint8_t type_id, const char *text, size_t len, struct wr_error *err)
{
    return wr_fail(err, ERR_NUMERIC_OUT_OF_RANGE, "value \"%.*s\" is out of range for type %s",
                   (int)WR_MIN(len, SHOWN_MAX), text, wr_type_info(type_id)->name);
}

static bool int_in(uint8_t type_id, const char *text, size_t len, int64_t *out, struct wr_error *err)
{
    const char *at = text, *end = text + len;
    int64_t value = 0; /* kept negative: the range is one larger there */
    bool overflow = false;
    while (at < end && wr_is_space(*at))
        at++;
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    const char *digits = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        overflow |= __builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *at - '0', &value);
    bool any = at > digits;
    const char *stop = at;
    while (at < end && wr_is_space(*at))
        at++;
    if (any && overflow && stop <= end)
        return fail_int_range(type_id, text, len, err);
    if (!any || at < end)
        return fail_syntax(type_id, text, len, err);
    if (!negative && __builtin_sub_overflow(0, value, &value))
        return fail_int_range(type_id, text, len, err);
    if (type_id == TYPE_INT4 && (value < INT32_MIN || value > INT32_MAX))
        return fail_int_range(type_id, text, len, err);
    *out = value;
    return true;
}

/* Any unambiguous beginning of true, false, yes, no, on, off; 1 and 0. */
static bool bool_in(const char *text, size_t len, uint8_t *out, struct wr_error *err)
{
    static const struct {
        const char *word;
        uint8_t least, value;
    } words[] = {{"true", 1, 1}, {"false", 1, 0}, {"yes", 1, 1}, {"no", 1, 0},
                 {"on", 2, 1},   {"off", 2, 0},   {"1", 1, 1},   {"0", 1, 0}};
    const char *at = text, *end = text + len;
    while (at < end && wr_is_space(*at))
        at++;
    while (end > at && wr_is_space(end[-1]))
        end--;
    size_t n = (size_t)(end - at);
    for (size_t i = 0; i < WR_COUNT(words); i++) {
        if (n < words[i].least || n > strlen(words[i].word) || wr_ncasecmp(at, words[i].word, n))
            continue;
        *out = words[i].value;
        return true;
    }
    return fail_syntax(TYPE_BOOL, text, len, err);
}

/* varchar(n): what is too long may only be spaces. */
static bool text_limit(struct type type, const char *text, size_t *len, struct wr_error *err)
{
    if (!type.varchar || type.precision <= 0 || *len <= (size_t)type.precision)
        return true;
    size_t keep = wr_utf8_prefix(text, *len, (size_t)type.precision);
    for (size_t i = keep; i < *len; i++)
        if (text[i] != ' ')
            return wr_fail(err, ERR_STRING_TRUNCATION, "value too long for type character varying(%d)", type.precision);
    *len = keep;
    return true;
}

static bool text_in(struct wr_arena *arena, struct type type, const char *text, size_t len, struct str *out,
                    struct wr_error *err)
{
    TRY(wr_utf8_check(text, len, err));
    TRY(text_limit(type, text, &len, err));
    *out = wr_str(wr_arena_strndup(arena, text, len), len);
    return true;
}

static bool bytea_in(struct wr_arena *arena, const char *text, size_t len, struct str *out, struct wr_error *err)
{
    if (len >= 2 && text[0] == '\\' && text[1] == 'x')
        return wr_bytea_parse_hex(arena, wr_str(text + 2, len - 2), out, err);
    return wr_bytea_parse_escape(arena, wr_str(text, len), out, err);
}

/* The bytes of a literal may lie anywhere; the strings in the parsed value must outlive them. */
static bool jsonb_in(struct wr_arena *arena, const char *text, size_t len, struct str *out, struct wr_error *err)
{
    return wr_utf8_check(text, len, err) && wr_jsonb_parse(arena, text, len, out, err);
}

bool wr_value_in(struct wr_arena *arena, struct type type, const char *text, size_t len, const struct io_settings *io,
                 struct datum *out, struct wr_error *err)
{
    *out = (struct datum){.type = type};
    switch (type.id) {
    case TYPE_BOOL:
        return bool_in(text, len, &out->b, err);
    case TYPE_INT4: {
        int64_t wide = 0;
        TRY(int_in(type.id, text, len, &wide, err));
        out->i32 = (int32_t)wide;
        return true;
    }
    case TYPE_INT8:
        return int_in(type.id, text, len, &out->i64, err);
    case TYPE_FLOAT8:
        return wr_double_parse(text, len, &out->f64, err);
    case TYPE_NUMERIC:
        return wr_numeric_parse(arena, text, len, type, &out->str, err);
    case TYPE_DATE:
        return wr_date_parse(text, len, &out->i32, err);
    case TYPE_TIMESTAMP:
        TRY(wr_timestamp_parse(text, len, &out->i64, err));
        out->i64 = wr_timestamp_apply_typmod(out->i64, type);
        return true;
    case TYPE_TIMESTAMPTZ:
        TRY(wr_timestamptz_parse(text, len, zone_of(io), &out->i64, err));
        out->i64 = wr_timestamp_apply_typmod(out->i64, type);
        return true;
    case TYPE_JSONB:
        return jsonb_in(arena, text, len, &out->str, err);
    case TYPE_BYTEA:
        return bytea_in(arena, text, len, &out->str, err);
    default:
        return text_in(arena, type, text, len, &out->str, err);
    }
}

/* --- order ---------------------------------------------------------------------------------------------------- */

static int double_cmp(double a, double b)
{
    bool nan_a = a != a, nan_b = b != b;
    if (nan_a || nan_b)
        return nan_a - nan_b;
    return (a > b) - (a < b);
}

static int jsonb_cmp(struct str a, struct str b)
{
    struct wr_buf text_a = WR_BUF_INIT, text_b = WR_BUF_INIT;
    wr_jsonb_key_text(&text_a, a);
    wr_jsonb_key_text(&text_b, b);
    int c = wr_str_cmp(wr_str(text_a.data, text_a.len), wr_str(text_b.data, text_b.len));
    wr_buf_free(&text_a);
    wr_buf_free(&text_b);
    return (c > 0) - (c < 0);
}

int wr_value_cmp(const struct datum *a, const struct datum *b)
{
    if (a->null || b->null)
        return a->null - b->null;
    switch (a->type.id) {
    case TYPE_BOOL:
        return (a->b > b->b) - (a->b < b->b);
    case TYPE_INT4:
    case TYPE_DATE:
        return (a->i32 > b->i32) - (a->i32 < b->i32);
    case TYPE_INT8:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return (a->i64 > b->i64) - (a->i64 < b->i64);
    case TYPE_FLOAT8:
        return double_cmp(a->f64, b->f64);
    case TYPE_NUMERIC:
        return wr_numeric_cmp(a->str, b->str);
    case TYPE_JSONB:
        return jsonb_cmp(a->str, b->str);
    default: {
        int c = wr_str_cmp(a->str, b->str);
        return (c > 0) - (c < 0);
    }
    }
}
