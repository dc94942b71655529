/* The numeric field of a normalised key: memcmp order is numeric order, equal values have equal bytes.
 *
 *   class byte: 0x08 -Infinity, 0x10 negative, 0x40 zero, 0x80 positive, 0xf0 +Infinity, 0xf8 NaN
 *   negative and positive only:
 *     exponent e of |v| = 0.d1 d2 ... * 100^e, d1 > 0: one byte 0x80 + e for -100 <= e <= 100, else
 *       0x00 or 0xff and three bytes big-endian of e + 0x800000
 *     digits d + 1 (1..100), the last one not zero
 *     0x00
 *   for a negative all bytes after the class are inverted. */
#include "types/numeric.h"

#include <stdlib.h>

enum { CLASS_NINF = 0x08, CLASS_NEG = 0x10, CLASS_ZERO = 0x40, CLASS_POS = 0x80, CLASS_PINF = 0xf0, CLASS_NAN = 0xf8 };

static void put_exponent(struct wr_buf *buf, int e)
{
    if (e >= -100 && e <= 100) {
        wr_buf_byte(buf, (uint8_t)(0x80 + e));
        return;
    }
    uint32_t biased = (uint32_t)(e + 0x800000);
    uint8_t bytes[4] = {e < 0 ? 0x00 : 0xff, (uint8_t)(biased >> 16), (uint8_t)(biased >> 8), (uint8_t)biased};
    wr_buf_put(buf, bytes, sizeof bytes);
}

/* digits: decimal text of the coefficient without sign, `n` of them, the first not '0'. */
static void put_digits(struct wr_buf *buf, const char *digits, int n, int dscale)
{
    int point = n - dscale;                                 /* |v| = 0.digits * 10^point */
    int e = point >= 0 ? (point + 1) / 2 : -((-point) / 2); /* ceil(point / 2) */
    int at = 0;
    put_exponent(buf, e);
    if (2 * e != point) /* odd: the first pair has one digit */
        wr_buf_byte(buf, (uint8_t)(digits[at++] - '0' + 1));
    while (n > at && digits[n - 1] == '0')
        n--;
    for (; at < n; at += 2) {
        int low = at + 1 < n ? digits[at + 1] - '0' : 0;
        wr_buf_byte(buf, (uint8_t)((digits[at] - '0') * 10 + low + 1));
    }
    wr_buf_byte(buf, 0);
}

static void put_coefficient(struct wr_buf *buf, const struct numeric *value)
{
    if (!value->big) {
        char text[40];
        wr_u128 magnitude = value->small < 0 ? -(wr_u128)value->small : (wr_u128)value->small;
        int n = wr_numeric_text_u128(magnitude, text + sizeof text);
        put_digits(buf, text + sizeof text - n, n, value->dscale);
        return;
    }
    char *text = wr_malloc(mpz_sizeinbase(value->z, 10) + 2);
    mpz_get_str(text, 10, value->z);
    const char *digits = text + (text[0] == '-');
    put_digits(buf, digits, (int)strlen(digits), value->dscale);
    free(text);
}

static void put_finite(struct wr_buf *buf, const struct numeric *value)
{
    int sign = wr_numeric_sign(value);
    wr_buf_byte(buf, sign < 0 ? CLASS_NEG : sign > 0 ? CLASS_POS : CLASS_ZERO);
    size_t start = buf->len;
    if (sign)
        put_coefficient(buf, value);
    if (sign < 0)
        for (size_t i = start; i < buf->len; i++)
            buf->data[i] = (char)~buf->data[i];
}

void wr_numeric_key(struct wr_buf *buf, struct str bytes)
{
    static const uint8_t classes[] = {
        [NUMERIC_NAN] = CLASS_NAN, [NUMERIC_PINF] = CLASS_PINF, [NUMERIC_NINF] = CLASS_NINF};
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    if (value.kind == NUMERIC_FINITE)
        put_finite(buf, &value);
    else
        wr_buf_byte(buf, classes[value.kind]);
    wr_numeric_fini(&value);
}

size_t wr_numeric_key_len(const char *key, size_t len, uint8_t flip)
{
    const uint8_t *at = (const uint8_t *)key;
    uint8_t class = len ? at[0] ^ flip : CLASS_ZERO;
    if (class != CLASS_NEG && class != CLASS_POS)
        return len ? 1 : 0;
    uint8_t end = class == CLASS_NEG ? (uint8_t)(0xff ^ flip) : flip;
    uint8_t inverted = end;
    uint8_t e = len > 1 ? (uint8_t)(at[1] ^ inverted) : 1;
    size_t n = e == 0x00 || e == 0xff ? 5 : 2;
    while (n < len && at[n] != end)
        n++;
    return n < len ? n + 1 : len;
}
