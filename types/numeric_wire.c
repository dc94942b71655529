/* PostgreSQL's binary numeric: int16 ndigits, int16 weight, uint16 sign, uint16 dscale, then base-10000 digits;
 * value = sum of digit[i] * 10000^(weight - i). Leading and trailing zero digits are left out. */
#include "types/numeric.h"

#include <stdlib.h>

enum { SIGN_NEG = 0x4000, SIGN_NAN = 0xc000, SIGN_PINF = 0xd000, SIGN_NINF = 0xf000 };

static void put_head(struct wr_buf *buf, int ndigits, int weight, unsigned sign, unsigned dscale)
{
    wr_buf_u16be(buf, (uint16_t)ndigits);
    wr_buf_u16be(buf, (uint16_t)weight);
    wr_buf_u16be(buf, (uint16_t)sign);
    wr_buf_u16be(buf, (uint16_t)dscale);
}

static int group_of(const char *digits, size_t n)
{
    int group = 0;
    for (size_t i = 0; i < 4; i++)
        group = group * 10 + (i < n ? digits[i] - '0' : 0);
    return group;
}

/* text: plain decimal text of a finite value. */
static void send_text(struct wr_buf *buf, const char *text, unsigned dscale)
{
    bool negative = *text == '-';
    text += negative;
    size_t whole = strcspn(text, "."), fraction = text[whole] ? strlen(text + whole + 1) : 0;
    size_t lead = (4 - whole % 4) % 4; /* zeros that fill the first group */
    size_t ngroups = (whole + 3) / 4 + (fraction + 3) / 4, all = lead + whole + fraction, first = 0;
    char *digits = wr_malloc(all + 1);
    memset(digits, '0', lead);
    memcpy(digits + lead, text, whole);
    if (fraction)
        memcpy(digits + lead + whole, text + whole + 1, fraction);
    int weight = (int)(whole + 3) / 4 - 1;
    while (ngroups > first && !group_of(digits + 4 * (ngroups - 1), all - 4 * (ngroups - 1)))
        ngroups--;
    while (first < ngroups && !group_of(digits + 4 * first, all - 4 * first))
        first++;
    int n = (int)(ngroups - first);
    put_head(buf, n, n ? weight - (int)first : 0, negative ? SIGN_NEG : 0, dscale);
    for (size_t i = first; i < ngroups; i++)
        wr_buf_u16be(buf, (uint16_t)group_of(digits + 4 * i, all - 4 * i));
    free(digits);
}

void wr_numeric_send(struct wr_buf *buf, struct str bytes)
{
    static const unsigned signs[] = {[NUMERIC_NAN] = SIGN_NAN, [NUMERIC_PINF] = SIGN_PINF, [NUMERIC_NINF] = SIGN_NINF};
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    if (value.kind == NUMERIC_FINITE) {
        struct wr_buf text = WR_BUF_INIT;
        wr_numeric_print(&text, bytes);
        send_text(buf, wr_buf_cstr(&text), value.dscale);
        wr_buf_free(&text);
    } else {
        /* PostgreSQL's infinities carry a dscale of 32 from the bits of their header. */
        put_head(buf, 0, 0, signs[value.kind], value.kind == NUMERIC_NAN ? 0 : 32);
    }
    wr_numeric_fini(&value);
}

static bool fail_external(struct wr_error *err, const char *what)
{
    return wr_fail(err, ERR_INVALID_BINARY, "invalid %s in external \"numeric\" value", what);
}

/* Coefficient of the digits, with 4 * (ndigits - 1 - weight) decimals; then cut to dscale. */
static bool recv_finite(struct wr_reader *r, int ndigits, int weight, bool negative, int dscale, struct numeric *out,
                        struct wr_error *err)
{
    bool ok = true;
    mpz_t z;
    mpz_init(z);
    for (int i = 0; i < ndigits; i++) {
        unsigned digit = wr_get_u16be(r);
        ok &= r->ok && digit < 10000;
        mpz_mul_ui(z, z, 10000);
        mpz_add_ui(z, z, digit);
    }
    if (negative)
        mpz_neg(z, z);
    *out = wr_numeric_of_small(0, 0);
    mpz_init_set(out->z, z);
    out->big = true;
    mpz_clear(z);
    wr_numeric_shrink(out);
    if (!ok)
        return fail_external(err, "digit");
    int have = 4 * (ndigits - 1 - weight);
    if (have < dscale) {
        wr_numeric_scale_up(out, dscale - have);
    } else if (have > dscale) { /* cut, as PostgreSQL does */
        struct numeric power = wr_numeric_of_small(1, 0), cut;
        wr_numeric_scale_up(&power, have - dscale);
        wr_numeric_quotient(out, &power, 0, false, &cut);
        wr_numeric_fini(out);
        wr_numeric_fini(&power);
        *out = cut;
    }
    out->dscale = (uint16_t)dscale;
    return true;
}

bool wr_numeric_recv(struct wr_arena *arena, struct type type, const void *bytes, size_t len, struct str *out,
                     struct wr_error *err)
{
    struct wr_reader r = wr_reader_of(bytes, len);
    int ndigits = wr_get_u16be(&r), weight = (int16_t)wr_get_u16be(&r);
    unsigned sign = wr_get_u16be(&r), dscale = wr_get_u16be(&r);
    struct numeric value = {0};
    if (!r.ok)
        return wr_fail(err, ERR_PROTOCOL, "insufficient data left in message");
    if (sign != 0 && sign != SIGN_NEG && sign != SIGN_NAN && sign != SIGN_PINF && sign != SIGN_NINF)
        return fail_external(err, "sign");
    if (dscale > NUMERIC_DSCALE_MAX)
        return fail_external(err, "scale");
    if ((size_t)(r.end - r.at) < 2 * (size_t)ndigits)
        return wr_fail(err, ERR_PROTOCOL, "insufficient data left in message");
    if (sign == SIGN_NAN || sign == SIGN_PINF || sign == SIGN_NINF) {
        value.kind = sign == SIGN_NAN ? NUMERIC_NAN : sign == SIGN_PINF ? NUMERIC_PINF : NUMERIC_NINF;
    } else if (!recv_finite(&r, ndigits, weight, sign == SIGN_NEG, (int)dscale, &value, err)) {
        wr_numeric_fini(&value);
        return false;
    }
    if (r.at != r.end) {
        wr_numeric_fini(&value);
        return wr_fail(err, ERR_INVALID_BINARY, "incorrect binary data format");
    }
    struct str plain;
    TRY(wr_numeric_finish(arena, &value, &plain, err));
    return wr_numeric_apply_typmod(arena, plain, type, out, err);
}
