/* Bytes from base64 and hex text, and decimals from bytes. */
#include <stdio.h>
#include <string.h>

#include "connectors/decode_value.h"
#include "types/numeric.h"

static int base64_digit(char c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    return c == (url ? '_' : '/') ? 63 : -1;
}

/* RFC 4648: padding is required in the standard alphabet and optional in the URL one; stray bits must be zero. */
int64_t wr_base64_decode(const char *text, size_t len, bool url, uint8_t *to)
{
    size_t full = len;
    while (full && text[full - 1] == '=' && len - full < 2)
        full--;
    if (full % 4 == 1 || (full != len && len % 4) || (!url && len % 4))
        return -1;
    uint32_t bits = 0;
    int count = 0;
    uint8_t *at = to;
    for (size_t i = 0; i < full; i++) {
        int digit = base64_digit(text[i], url);
        if (digit < 0)
            return -1;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *at++ = (uint8_t)(bits >> count);
            bits &= (1u << count) - 1;
        }
    }
    return bits ? -1 : at - to;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int64_t wr_hex_decode(const char *text, size_t len, uint8_t *to)
{
    if (len % 2)
        return -1;
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        to[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (int64_t)(len / 2);
}

/* Not more digits than a numeric may have, with room to spare; a decimal of a database has far fewer. */
#define DECIMAL_BYTES_MAX 8192

/* numeric's own form is the same two's complement, reversed and without redundant sign bytes (types/numeric.h). */
static struct str numeric_of_bytes(struct wr_arena *arena, const uint8_t *bytes, size_t len, uint16_t dscale)
{
    while (len > 1 && ((bytes[0] == 0 && bytes[1] < 0x80) || (bytes[0] == 0xff && bytes[1] >= 0x80)))
        bytes++, len--;
    if (len == 1 && bytes[0] == 0)
        len = 0;
    char *to = wr_arena_bytes(arena, len + 2);
    to[0] = (char)(dscale & 0xff);
    to[1] = (char)(dscale >> 8);
    for (size_t i = 0; i < len; i++)
        to[2 + i] = (char)bytes[len - 1 - i];
    return wr_str(to, len + 2);
}

bool wr_decimal_from_bytes(struct wr_arena *arena, const uint8_t *bytes, size_t len, int32_t scale, struct str *out,
                           char *reason, size_t reason_size)
{
    if (!len || len > DECIMAL_BYTES_MAX || scale > NUMERIC_DSCALE_MAX || scale < -100000) {
        snprintf(reason, reason_size, "decimal of %zu bytes and scale %d is out of range", len, (int)scale);
        return false;
    }
    *out = numeric_of_bytes(arena, bytes, len, (uint16_t)WR_MAX(scale, 0));
    if (scale >= 0)
        return true;
    /* unscaled * 10^-scale: exact, by way of text */
    struct wr_error err = WR_ERROR_INIT;
    struct wr_buf text = WR_BUF_INIT;
    wr_numeric_print(&text, *out);
    wr_buf_printf(&text, "e%d", -scale);
    bool done = wr_numeric_parse(arena, text.data, text.len, TYPE(TYPE_NUMERIC), out, &err);
    wr_buf_free(&text);
    if (!done)
        snprintf(reason, reason_size, "%s", err.message);
    return done;
}
