/* Numeric values: bytes <-> parts (format: numeric.h), and the coefficient's two forms. */
#include "types/numeric.h"

#include <stdlib.h>

static wr_i128 pow10_table[39];

__attribute__((constructor)) static void pow10_init(void)
{
    pow10_table[0] = 1;
    for (int i = 1; i < 39; i++)
        pow10_table[i] = pow10_table[i - 1] * 10;
}

wr_i128 wr_numeric_pow10_small(int n)
{
    return pow10_table[n];
}

static void set_i128(mpz_t z, wr_i128 value)
{
    wr_u128 magnitude = value < 0 ? -(wr_u128)value : (wr_u128)value;
    mpz_init(z);
    mpz_import(z, 1, 1, sizeof magnitude, 0, 0, &magnitude);
    if (value < 0)
        mpz_neg(z, z);
}

void wr_numeric_widen(struct numeric *value)
{
    if (value->big)
        return;
    set_i128(value->z, value->small);
    value->big = true;
}

void wr_numeric_shrink(struct numeric *value)
{
    if (!value->big || mpz_sizeinbase(value->z, 2) > 127)
        return;
    wr_u128 magnitude = 0;
    mpz_export(&magnitude, NULL, -1, sizeof magnitude, 0, 0, value->z);
    value->small = mpz_sgn(value->z) < 0 ? -(wr_i128)magnitude : (wr_i128)magnitude;
    mpz_clear(value->z);
    value->big = false;
}

struct numeric wr_numeric_dup(const struct numeric *value)
{
    struct numeric copy = *value;
    if (value->big)
        mpz_init_set(copy.z, value->z);
    return copy;
}

int wr_numeric_sign(const struct numeric *value)
{
    if (value->kind != NUMERIC_FINITE)
        return value->kind == NUMERIC_PINF ? 1 : value->kind == NUMERIC_NINF ? -1 : 0;
    if (value->big)
        return mpz_sgn(value->z);
    return (value->small > 0) - (value->small < 0);
}

static size_t digits_u128(wr_u128 v)
{
    size_t n = 0;
    while (n < 39 && v >= (wr_u128)pow10_table[n])
        if (++n == 39)
            break;
    return n;
}

size_t wr_numeric_digits(const struct numeric *value)
{
    if (!value->big)
        return digits_u128(value->small < 0 ? -(wr_u128)value->small : (wr_u128)value->small);
    if (mpz_sgn(value->z) == 0)
        return 0;
    /* GMP's estimate is exact or one too many. */
    size_t n = mpz_sizeinbase(value->z, 10);
    mpz_t least;
    mpz_init(least);
    mpz_ui_pow_ui(least, 10, n - 1);
    n -= mpz_cmpabs(value->z, least) < 0;
    mpz_clear(least);
    return n;
}

/* Two's complement of more than 128 bits: the magnitude of a negative is the complement plus one. */
static void import_big(struct numeric *out, const uint8_t *at, size_t n)
{
    mpz_init(out->z);
    mpz_import(out->z, n, -1, 1, 0, 0, at);
    if (at[n - 1] & 0x80) {
        mpz_t modulus;
        mpz_init(modulus);
        mpz_setbit(modulus, 8 * n);
        mpz_sub(out->z, out->z, modulus);
        mpz_clear(modulus);
    }
    out->big = true;
}

void wr_numeric_decode_big(struct str bytes, struct numeric *out)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    if (bytes.len < 2) {
        *out = wr_numeric_of_small(0, 0);
        return;
    }
    unsigned header = at[0] | (unsigned)at[1] << 8;
    *out = (struct numeric){.kind = header >> 14, .dscale = header & 0x3fff};
    import_big(out, at + 2, bytes.len - 2);
    wr_numeric_shrink(out);
}

static unsigned header_of(const struct numeric *value)
{
    return (unsigned)value->kind << 14 | (value->kind == NUMERIC_FINITE ? value->dscale : 0u);
}

static uint32_t put_header(uint8_t *to, const struct numeric *value)
{
    unsigned header = header_of(value);
    to[0] = (uint8_t)header;
    to[1] = (uint8_t)(header >> 8);
    return 2;
}

uint32_t wr_numeric_encode_small(uint8_t *to, const struct numeric *value)
{
    uint32_t len = put_header(to, value);
    if (value->kind != NUMERIC_FINITE || value->small == 0)
        return len;
    wr_i128 v = value->small;
    memcpy(to + 2, &v, 16);
    /* Bytes needed: the highest one must only carry the sign of what is below. */
    wr_u128 folded = (wr_u128)(v < 0 ? ~v : v);
    uint64_t high = (uint64_t)(folded >> 64), low = (uint64_t)folded;
    unsigned bits = high ? 128 - (unsigned)__builtin_clzll(high) : low ? 64 - (unsigned)__builtin_clzll(low) : 0;
    return len + bits / 8 + 1;
}

static struct str encode_big(struct wr_arena *arena, const struct numeric *value)
{
    size_t bytes = mpz_sizeinbase(value->z, 2) / 8 + 1;
    uint8_t *to = (uint8_t *)wr_arena_bytes(arena, bytes + 2);
    put_header(to, value);
    memset(to + 2, 0, bytes);
    if (mpz_sgn(value->z) > 0) {
        mpz_export(to + 2, NULL, -1, 1, 0, 0, value->z);
    } else {
        mpz_t folded;
        mpz_init(folded);
        mpz_com(folded, value->z); /* -x-1 >= 0: its bytes inverted are x in two's complement */
        mpz_export(to + 2, NULL, -1, 1, 0, 0, folded);
        bytes = mpz_sizeinbase(folded, 2) / 8 + 1;
        mpz_clear(folded);
        for (size_t i = 0; i < bytes; i++)
            to[2 + i] = (uint8_t)~to[2 + i];
    }
    return wr_str(to, bytes + 2);
}

struct str wr_numeric_encode(struct wr_arena *arena, const struct numeric *value)
{
    if (value->kind == NUMERIC_FINITE && value->big) {
        if (mpz_sizeinbase(value->z, 2) > 127)
            return encode_big(arena, value);
        struct numeric copy = wr_numeric_dup(value);
        wr_numeric_shrink(&copy);
        return wr_numeric_encode(arena, &copy);
    }
    uint8_t *to = (uint8_t *)wr_arena_bytes(arena, NUMERIC_SMALL_BYTES);
    uint32_t len = wr_numeric_encode_small(to, value);
    arena->at -= NUMERIC_SMALL_BYTES - len;
    return wr_str(to, len);
}
