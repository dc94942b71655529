/* PostgreSQL's binary send and receive forms (declared in text_io.h). */
#include "types/datetime.h"
#include "types/jsonb.h"
#include "types/numeric.h"
#include "types/text_io.h"
#include "types/utf8.h"

/* PostgreSQL's timestamps count from 2000; infinities are the same numbers. */
static int64_t shift_timestamp(int64_t ts, int direction)
{
    int64_t shifted;
    if (!wr_timestamp_is_finite(ts))
        return ts;
    if (__builtin_add_overflow(ts, direction * PG_EPOCH_DAYS * USECS_PER_DAY, &shifted))
        return direction > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_NEG_INFINITY;
    return shifted;
}

static uint64_t double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}

static void jsonb_send(struct wr_buf *buf, struct str value)
{
    wr_buf_byte(buf, 1); /* version */
    wr_jsonb_print(buf, value);
}

void wr_value_send(struct wr_buf *buf, const struct datum *value)
{
    switch (value->type.id) {
    case TYPE_BOOL:
        wr_buf_byte(buf, value->b != 0);
        break;
    case TYPE_INT4:
        wr_buf_u32be(buf, (uint32_t)value->i32);
        break;
    case TYPE_DATE:
        wr_buf_u32be(buf, (uint32_t)(wr_date_is_finite(value->i32) ? value->i32 - PG_EPOCH_DAYS : value->i32));
        break;
    case TYPE_INT8:
        wr_buf_u64be(buf, (uint64_t)value->i64);
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        wr_buf_u64be(buf, (uint64_t)shift_timestamp(value->i64, -1));
        break;
    case TYPE_FLOAT8:
        wr_buf_u64be(buf, double_bits(value->f64));
        break;
    case TYPE_NUMERIC:
        wr_numeric_send(buf, value->str);
        break;
    case TYPE_JSONB:
        jsonb_send(buf, value->str);
        break;
    default:
        wr_buf_put(buf, value->str.data, value->str.len);
        break;
    }
}

static bool want(size_t len, size_t need, struct wr_error *err)
{
    if (len < need)
        return wr_fail(err, ERR_PROTOCOL, "insufficient data left in message");
    return len == need || wr_fail(err, ERR_INVALID_BINARY, "incorrect binary data format");
}

static bool date_recv(const void *bytes, size_t len, int32_t *out, struct wr_error *err)
{
    TRY(want(len, 4, err));
    int32_t since = (int32_t)wr_load_u32be(bytes);
    if (!wr_date_is_finite(since)) {
        *out = since;
        return true;
    }
    int64_t date = (int64_t)since + PG_EPOCH_DAYS;
    if (date < DATE_MIN || date > DATE_MAX)
        return wr_fail(err, ERR_DATETIME_OVERFLOW, "date out of range");
    *out = (int32_t)date;
    return true;
}

static bool timestamp_recv(struct type type, const void *bytes, size_t len, int64_t *out, struct wr_error *err)
{
    TRY(want(len, 8, err));
    int64_t since = (int64_t)wr_load_u64be(bytes);
    int64_t ts = shift_timestamp(since, 1);
    bool lost = wr_timestamp_is_finite(since) != wr_timestamp_is_finite(ts);
    if (lost || (wr_timestamp_is_finite(ts) && ts < TIMESTAMP_MIN))
        return wr_fail(err, ERR_DATETIME_OVERFLOW, "timestamp out of range");
    *out = wr_timestamp_apply_typmod(ts, type);
    return true;
}

static bool jsonb_recv(struct wr_arena *arena, const char *bytes, size_t len, struct str *out, struct wr_error *err)
{
    if (len == 0)
        return want(len, 1, err);
    if (bytes[0] != 1)
        return wr_fail(err, ERR_INTERNAL, "unsupported jsonb version number %d", (uint8_t)bytes[0]);
    return wr_utf8_check(bytes + 1, len - 1, err) && wr_jsonb_parse(arena, bytes + 1, len - 1, out, err);
}

bool wr_value_recv(struct wr_arena *arena, struct type type, const void *bytes, size_t len, struct datum *out,
                   struct wr_error *err)
{
    *out = (struct datum){.type = type};
    switch (type.id) {
    case TYPE_BOOL:
        TRY(want(len, 1, err));
        out->b = *(const char *)bytes != 0;
        return true;
    case TYPE_INT4:
        TRY(want(len, 4, err));
        out->i32 = (int32_t)wr_load_u32be(bytes);
        return true;
    case TYPE_INT8:
        TRY(want(len, 8, err));
        out->i64 = (int64_t)wr_load_u64be(bytes);
        return true;
    case TYPE_FLOAT8:
        TRY(want(len, 8, err));
        out->i64 = (int64_t)wr_load_u64be(bytes); /* the same bits */
        return true;
    case TYPE_DATE:
        return date_recv(bytes, len, &out->i32, err);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return timestamp_recv(type, bytes, len, &out->i64, err);
    case TYPE_NUMERIC:
        return wr_numeric_recv(arena, type, bytes, len, &out->str, err);
    case TYPE_JSONB:
        return jsonb_recv(arena, bytes, len, &out->str, err);
    case TYPE_BYTEA:
        out->str = wr_str(wr_arena_strndup(arena, bytes, len), len);
        return true;
    default: /* text: the same checks as in text form */
        return wr_value_in(arena, type, bytes, len, NULL, out, err);
    }
}
