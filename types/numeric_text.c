/* Numerics as text, as other types, and in PostgreSQL's binary form. */
#include <math.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "types/float_io.h"
#include "types/numeric.h"

static bool fail_format(struct wr_error *err)
{
    return wr_fail(err, ERR_NUMERIC_OUT_OF_RANGE, "value overflows numeric format");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* --- parsing -------------------------------------------------------------------------------------------------- */

struct scan {
    const char *at, *end;
    const char *digits_at; /* first digit or the point */
    size_t ndigits;        /* decimal digits, the point not counted */
    long after_point;
    long exponent;
    bool negative;
    bool overflow; /* absurd exponent */
};

static bool scan_exponent(struct scan *s)
{
    bool negative = false;
    long value = 0;
    s->at++;
    while (s->at < s->end && wr_is_space(*s->at)) /* as PostgreSQL, whose strtol() skips it */
        s->at++;
    if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
        negative = *s->at++ == '-';
    if (s->at == s->end || !is_digit(*s->at))
        return false;
    for (; s->at < s->end && is_digit(*s->at); s->at++)
        if (value < INT32_MAX / 2)
            value = value * 10 + (*s->at - '0');
    s->overflow = value >= INT32_MAX / 2;
    s->exponent = negative ? -value : value;
    return true;
}

static bool scan_number(struct scan *s)
{
    bool point = false;
    if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
        s->negative = *s->at++ == '-';
    s->digits_at = s->at;
    const char *first = s->at < s->end && *s->at == '.' ? s->at + 1 : s->at;
    if (first >= s->end || !is_digit(*first))
        return false;
    for (; s->at < s->end; s->at++) {
        if (*s->at == '.' && !point) {
            point = true;
        } else if (is_digit(*s->at)) {
            s->ndigits++;
            s->after_point += point;
        } else {
            break;
        }
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E'))
        return scan_exponent(s);
    return true;
}

static void digits_small(const struct scan *s, struct numeric *out)
{
    wr_i128 high = 0;
    uint64_t low = 0;
    int n = 0;
    size_t left = s->ndigits;
    for (const char *at = s->digits_at; left; at++) {
        if (*at == '.')
            continue;
        low = low * 10 + (uint64_t)(*at - '0');
        left--;
        if (++n == 18) {
            high = high * wr_numeric_pow10_small(18) + low;
            low = 0;
            n = 0;
        }
    }
    *out = wr_numeric_of_small(high * wr_numeric_pow10_small(n) + low, 0);
}

static void digits_big(const struct scan *s, struct numeric *out)
{
    char *text = wr_malloc(s->ndigits + 1);
    size_t n = 0;
    for (const char *at = s->digits_at; n < s->ndigits; at++)
        if (*at != '.')
            text[n++] = *at;
    text[n] = '\0';
    *out = wr_numeric_of_small(0, 0);
    mpz_init_set_str(out->z, text, 10);
    out->big = true;
    free(text);
    wr_numeric_shrink(out);
}

static bool scan_value(const struct scan *s, struct numeric *out, struct wr_error *err)
{
    long dscale = s->after_point - s->exponent;
    if (dscale > NUMERIC_DSCALE_MAX)
        return fail_format(err);
    if (s->ndigits <= 36)
        digits_small(s, out);
    else
        digits_big(s, out);
    if (wr_numeric_sign(out) == 0)
        dscale = WR_MAX(dscale, 0);
    if (dscale < 0 && (long)wr_numeric_digits(out) - dscale > NUMERIC_WHOLE_DIGITS_MAX) {
        wr_numeric_fini(out);
        return fail_format(err);
    }
    if (dscale < 0)
        wr_numeric_scale_up(out, (int)-dscale);
    out->dscale = (uint16_t)WR_MAX(dscale, 0);
    if (s->negative && out->big)
        mpz_neg(out->z, out->z);
    else if (s->negative)
        out->small = -out->small;
    return true;
}

static bool word_is(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && !wr_ncasecmp(text, word, len);
}

/* Space around is gone. */
static bool parse_word(const char *text, size_t len, struct numeric *out)
{
    bool sign = len && (*text == '+' || *text == '-');
    bool negative = sign && *text == '-';
    if (word_is(text, len, "nan")) {
        *out = wr_numeric_of_kind(NUMERIC_NAN);
        return true;
    }
    if (!word_is(text + sign, len - sign, "infinity") && !word_is(text + sign, len - sign, "inf"))
        return false;
    *out = wr_numeric_of_kind(negative ? NUMERIC_NINF : NUMERIC_PINF);
    return true;
}

static bool fail_overflow(struct type type, struct wr_error *err)
{
    int whole = type.precision - type.scale;
    wr_fail(err, ERR_NUMERIC_OUT_OF_RANGE, "numeric field overflow");
    return wr_fail_detail(err, "A field with precision %d, scale %d must round to an absolute value less than %s%d.",
                          type.precision, type.scale, whole ? "10^" : "", whole ? whole : 1);
}

static bool apply_typmod(struct numeric *value, struct type type, struct wr_error *err)
{
    if (type.precision <= 0 || value->kind == NUMERIC_NAN)
        return true;
    if (value->kind != NUMERIC_FINITE) {
        wr_fail(err, ERR_NUMERIC_OUT_OF_RANGE, "numeric field overflow");
        return wr_fail_detail(err, "A field with precision %d, scale %d cannot hold an infinite value.", type.precision,
                              type.scale);
    }
    wr_numeric_rescale(value, type.scale, true);
    int whole = (int)wr_numeric_digits(value) - value->dscale;
    if (wr_numeric_sign(value) && whole > type.precision - type.scale)
        return fail_overflow(type, err);
    return true;
}

static bool typmod_and_finish(struct wr_arena *arena, struct numeric *value, struct type type, struct str *out,
                              struct wr_error *err)
{
    if (!apply_typmod(value, type, err)) {
        wr_numeric_fini(value);
        return false;
    }
    return wr_numeric_finish(arena, value, out, err);
}

bool wr_numeric_parse(struct wr_arena *arena, const char *text, size_t len, struct type type, struct str *out,
                      struct wr_error *err)
{
    struct numeric value;
    const char *from = text, *end = text + len;
    while (from < end && wr_is_space(*from))
        from++;
    while (end > from && wr_is_space(end[-1]))
        end--;
    struct scan s = {.at = from, .end = end};
    bool number = scan_number(&s);
    if (number && s.overflow)
        return fail_format(err);
    if (number && s.at == end)
        TRY(scan_value(&s, &value, err));
    else if (!parse_word(from, (size_t)(end - from), &value))
        return wr_fail(err, ERR_INVALID_TEXT, "invalid input syntax for type numeric: \"%.*s\"", (int)WR_MIN(len, 900),
                       text);
    return typmod_and_finish(arena, &value, type, out, err);
}

bool wr_numeric_apply_typmod(struct wr_arena *arena, struct str bytes, struct type type, struct str *out,
                             struct wr_error *err)
{
    struct numeric value;
    if (type.precision <= 0) {
        *out = bytes;
        return true;
    }
    wr_numeric_decode(bytes, &value);
    return typmod_and_finish(arena, &value, type, out, err);
}

/* --- printing ------------------------------------------------------------------------------------------------- */

/* digits: the coefficient without sign; may be shorter than dscale. */
static void print_digits(struct wr_buf *buf, const char *digits, int n, int dscale, bool negative)
{
    int whole = n - dscale;
    if (negative)
        wr_buf_byte(buf, '-');
    if (whole > 0)
        wr_buf_put(buf, digits, (size_t)whole);
    else
        wr_buf_byte(buf, '0');
    if (dscale == 0)
        return;
    wr_buf_byte(buf, '.');
    if (whole < 0) {
        memset(wr_buf_reserve(buf, (size_t)-whole), '0', (size_t)-whole);
        buf->len += (size_t)-whole;
        whole = 0;
    }
    wr_buf_put(buf, digits + whole, (size_t)(n - whole));
}

int wr_numeric_text_u128(wr_u128 v, char *end)
{
    char *at = end;
    while (v >> 64) {
        *--at = (char)('0' + (int)(v % 10));
        v /= 10;
    }
    for (uint64_t low = (uint64_t)v; low; low /= 10)
        *--at = (char)('0' + low % 10);
    return (int)(end - at);
}

static void print_decoded(struct wr_buf *buf, const struct numeric *value)
{
    if (value->kind != NUMERIC_FINITE) {
        wr_buf_puts(buf, value->kind == NUMERIC_NAN ? "NaN" : value->kind == NUMERIC_PINF ? "Infinity" : "-Infinity");
    } else if (!value->big) {
        char text[40];
        wr_u128 magnitude = value->small < 0 ? -(wr_u128)value->small : (wr_u128)value->small;
        int n = wr_numeric_text_u128(magnitude, text + sizeof text);
        print_digits(buf, text + sizeof text - n, n, value->dscale, value->small < 0);
    } else {
        char *text = wr_malloc(mpz_sizeinbase(value->z, 10) + 2);
        mpz_get_str(text, 10, value->z);
        bool negative = text[0] == '-';
        print_digits(buf, text + negative, (int)strlen(text + negative), value->dscale, negative);
        free(text);
    }
}

void wr_numeric_print(struct wr_buf *buf, struct str bytes)
{
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    print_decoded(buf, &value);
    wr_numeric_fini(&value);
}

/* --- other types ---------------------------------------------------------------------------------------------- */

struct str wr_numeric_from_int64(struct wr_arena *arena, int64_t value)
{
    return wr_numeric_from_int128(arena, value, 0);
}

struct str wr_numeric_from_int128(struct wr_arena *arena, wr_i128 value, int dscale)
{
    struct numeric number = wr_numeric_of_small(value, dscale);
    return wr_numeric_encode(arena, &number);
}

struct str wr_numeric_from_double(struct wr_arena *arena, double value)
{
    char text[DOUBLE_TEXT_MAX];
    struct str out = {0};
    struct wr_error err;
    if (isnan(value) || isinf(value)) {
        struct numeric number = wr_numeric_of_kind(isnan(value) ? NUMERIC_NAN
                                                   : value > 0  ? NUMERIC_PINF
                                                                : NUMERIC_NINF);
        return wr_numeric_encode(arena, &number);
    }
    size_t len = wr_double_print15(text, value);
    bool ok = wr_numeric_parse(arena, text, len, TYPE(TYPE_NUMERIC), &out, &err);
    (void)ok; /* every finite double is within numeric's range */
    return out;
}

static bool to_integer(struct str bytes, const char *type, int64_t least, int64_t most, int64_t *out,
                       struct wr_error *err)
{
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    if (value.kind != NUMERIC_FINITE)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "cannot convert %s to %s",
                       value.kind == NUMERIC_NAN ? "NaN" : "infinity", type);
    wr_numeric_rescale(&value, 0, true);
    bool fits = !value.big && value.small >= least && value.small <= most;
    *out = fits ? (int64_t)value.small : 0;
    wr_numeric_fini(&value);
    return fits || wr_fail(err, ERR_NUMERIC_OUT_OF_RANGE, "%s out of range", type);
}

bool wr_numeric_to_int32(struct str value, int32_t *out, struct wr_error *err)
{
    int64_t wide = 0;
    TRY(to_integer(value, "integer", INT32_MIN, INT32_MAX, &wide, err));
    *out = (int32_t)wide;
    return true;
}

bool wr_numeric_to_int64(struct str value, int64_t *out, struct wr_error *err)
{
    return to_integer(value, "bigint", INT64_MIN, INT64_MAX, out, err);
}

static bool double_from_text(struct str bytes, double *out, struct wr_error *err)
{
    struct wr_buf text = WR_BUF_INIT;
    wr_numeric_print(&text, bytes);
    bool ok = wr_double_parse(text.data, text.len, out, err);
    wr_buf_free(&text);
    return ok;
}

/* A coefficient and a power of ten that doubles hold exactly give a correctly rounded quotient. */
static bool double_exact(const struct numeric *value, double *out)
{
    const wr_i128 limit = (wr_i128)1 << 53;
    if (value->big || value->small > limit || value->small < -limit || value->dscale > 22)
        return false;
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    *out = (double)(int64_t)value->small / powers[value->dscale];
    return true;
}

bool wr_numeric_to_double(struct str bytes, double *out, struct wr_error *err)
{
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    uint8_t kind = value.kind;
    bool done = kind == NUMERIC_FINITE && double_exact(&value, out);
    wr_numeric_fini(&value);
    if (done)
        return true;
    if (kind == NUMERIC_FINITE)
        return double_from_text(bytes, out, err);
    *out = kind == NUMERIC_NAN ? NAN : kind == NUMERIC_PINF ? INFINITY : -INFINITY;
    return true;
}
