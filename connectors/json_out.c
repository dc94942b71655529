#include "connectors/json_out.h"

#include <math.h>
#include <stdio.h>

#define DAY_US 86400000000ll
/* What DateTime64(6) and Date32 hold: 1900-01-01 to 2299-12-31. */
#define CLICKHOUSE_DAYS_MIN (-25567)
#define CLICKHOUSE_DAYS_MAX 120529
/* Years 1 to 9999: four digits and no era. */
#define COMMON_DAYS_MIN (-719162)
#define COMMON_DAYS_MAX 2932896

void wr_json_out_string(struct wr_buf *buf, const char *text, size_t len)
{
    wr_buf_byte(buf, '"');
    size_t from = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)text[i];
        if (WR_LIKELY(c >= 0x20 && c != '"' && c != '\\'))
            continue;
        wr_buf_put(buf, text + from, i - from);
        from = i + 1;
        switch (c) {
        case '"':
        case '\\':
            wr_buf_byte(buf, '\\');
            wr_buf_byte(buf, c);
            break;
        case '\n':
            wr_buf_put(buf, "\\n", 2);
            break;
        case '\r':
            wr_buf_put(buf, "\\r", 2);
            break;
        case '\t':
            wr_buf_put(buf, "\\t", 2);
            break;
        default:
            wr_buf_printf(buf, "\\u%04x", c);
        }
    }
    wr_buf_put(buf, text + from, len - from);
    wr_buf_byte(buf, '"');
}

/* ---- dates: the common ones fast, the others as PostgreSQL prints them */

static void put_digits(char *to, int64_t number, int width)
{
    for (int i = width; i-- > 0; number /= 10)
        to[i] = (char)('0' + number % 10);
}

static void date_digits(char *to, int64_t days)
{
    int64_t z = days + 719468, era = z / 146097, of_era = z - era * 146097;
    int64_t of_cycle = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * of_cycle + of_cycle / 4 - of_cycle / 100), shifted = (5 * of_year + 2) / 153;
    int64_t month = shifted + (shifted < 10 ? 3 : -9);
    put_digits(to, of_cycle + era * 400 + (month <= 2), 4);
    to[4] = '-';
    put_digits(to + 5, month, 2);
    to[7] = '-';
    put_digits(to + 8, of_year - (153 * shifted + 2) / 5 + 1, 2);
}

void wr_json_out_date(struct wr_buf *buf, int64_t days)
{
    date_digits(wr_buf_reserve(buf, 10), days);
    buf->len += 10;
}

static void put_plain(struct wr_buf *buf, const struct datum *value, const struct io_settings *io)
{
    wr_buf_byte(buf, '"');
    wr_value_out(buf, value, io);
    wr_buf_byte(buf, '"');
}

static void put_date(struct wr_buf *buf, const struct datum *value, const struct json_out_style *style)
{
    int64_t days = value->i32;
    if (style->clickhouse)
        days = WR_MIN(WR_MAX(days, CLICKHOUSE_DAYS_MIN), CLICKHOUSE_DAYS_MAX);
    if (days < COMMON_DAYS_MIN || days > COMMON_DAYS_MAX) {
        put_plain(buf, value, style->io);
        return;
    }
    wr_buf_byte(buf, '"');
    wr_json_out_date(buf, days);
    wr_buf_byte(buf, '"');
}

/* timestamp: "2026-01-02 03:04:05.678901"; timestamptz: "2026-01-02T03:04:05.678901Z". Always six digits: equal values
 * have equal text. */
static void put_timestamp(struct wr_buf *buf, const struct datum *value, const struct json_out_style *style)
{
    int64_t micros = value->i64;
    if (style->clickhouse)
        micros = WR_MIN(WR_MAX(micros, CLICKHOUSE_DAYS_MIN * DAY_US), (CLICKHOUSE_DAYS_MAX + 1) * DAY_US - 1);
    if (micros < COMMON_DAYS_MIN * DAY_US || micros >= (COMMON_DAYS_MAX + 1) * DAY_US) {
        put_plain(buf, value, style->io);
        return;
    }
    bool zone = value->type.id == TYPE_TIMESTAMPTZ;
    int64_t days = micros / DAY_US - (micros % DAY_US < 0), time = micros - days * DAY_US;
    char *to = wr_buf_reserve(buf, 29);
    to[0] = '"';
    date_digits(to + 1, days);
    to[11] = zone ? 'T' : ' ';
    put_digits(to + 12, time / 3600000000, 2);
    to[14] = ':';
    put_digits(to + 15, time / 60000000 % 60, 2);
    to[17] = ':';
    put_digits(to + 18, time / 1000000 % 60, 2);
    to[20] = '.';
    put_digits(to + 21, time % 1000000, 6);
    to[27] = zone ? 'Z' : '"';
    to[28] = '"';
    buf->len += zone ? 29 : 28;
}

/* ---- the other types */

static void put_integer(struct wr_buf *buf, int64_t number)
{
    char digits[20];
    int n = 0;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        digits[n++] = (char)('0' + rest % 10);
    while (rest /= 10);
    char *to = wr_buf_reserve(buf, (size_t)n + 1);
    if (number < 0)
        *to++ = '-';
    for (int i = n; i-- > 0;)
        *to++ = digits[i];
    buf->len = (size_t)(to - buf->data);
}

/* Not a number in JSON; every reader that has such values takes these words. */
static void put_float(struct wr_buf *buf, const struct datum *value, const struct json_out_style *style)
{
    if (isfinite(value->f64))
        wr_value_out(buf, value, style->io);
    else
        wr_buf_puts(buf, isnan(value->f64) ? "\"NaN\"" : value->f64 > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static void put_numeric(struct wr_buf *buf, const struct datum *value, const struct json_out_style *style)
{
    /* NaN and infinities: header bits 14, 15 (types/numeric.h). A Decimal has none. */
    bool finite = value->str.len >= 2 && !((uint8_t)value->str.data[1] >> 6);
    if (style->clickhouse && !finite && value->type.precision)
        wr_buf_put(buf, "null", 4);
    else
        put_plain(buf, value, style->io);
}

static void put_base64(struct wr_buf *buf, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    wr_buf_byte(buf, '"');
    for (size_t i = 0; i < len; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16 | (i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (i + 2 < len ? bytes[i + 2] : 0);
        char *to = wr_buf_reserve(buf, 4);
        to[0] = digits[bits >> 18];
        to[1] = digits[bits >> 12 & 63];
        to[2] = i + 1 < len ? digits[bits >> 6 & 63] : '=';
        to[3] = i + 2 < len ? digits[bits & 63] : '=';
        buf->len += 4;
    }
    wr_buf_byte(buf, '"');
}

static void put_jsonb(struct wr_buf *buf, const struct datum *value, const struct json_out_style *style)
{
    if (style->jsonb_dynamic) {
        wr_value_out(buf, value, style->io);
        return;
    }
    struct wr_buf text = WR_BUF_INIT;
    wr_value_out(&text, value, style->io);
    wr_json_out_string(buf, text.data, text.len);
    wr_buf_free(&text);
}

void wr_json_out_value(struct wr_buf *buf, const struct datum *value, const struct json_out_style *style)
{
    if (value->null) {
        wr_buf_put(buf, "null", 4);
        return;
    }
    switch (value->type.id) {
    case TYPE_BOOL:
        wr_buf_puts(buf, value->b ? "true" : "false");
        break;
    case TYPE_INT4:
        put_integer(buf, value->i32);
        break;
    case TYPE_INT8:
        put_integer(buf, value->i64);
        break;
    case TYPE_FLOAT8:
        put_float(buf, value, style);
        break;
    case TYPE_NUMERIC:
        put_numeric(buf, value, style);
        break;
    case TYPE_DATE:
        put_date(buf, value, style);
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        put_timestamp(buf, value, style);
        break;
    case TYPE_JSONB:
        put_jsonb(buf, value, style);
        break;
    case TYPE_BYTEA:
        put_base64(buf, (const uint8_t *)value->str.data, value->str.len);
        break;
    default:
        wr_json_out_string(buf, value->str.data, value->str.len);
    }
}
