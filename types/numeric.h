/* NUMERIC: exact decimals, as PostgreSQL 15 computes and shows them.
 *
 * A stored value is the bytes of a struct str:
 *
 *   uint16 little-endian header | coefficient, little-endian two's complement, as few bytes as hold it
 *
 *   header bits 0..13: dscale, the digits shown after the point (value = coefficient / 10^dscale)
 *   header bits 14..15: 0 finite, 1 NaN, 2 +Infinity, 3 -Infinity (then dscale is 0 and no coefficient follows)
 *   zero has no coefficient bytes
 *
 * The form is canonical: a pair (value, dscale) has one encoding, so 1.0 and 1.00 differ in bytes and are equal
 * in SQL. Coefficients within 128 bits (38 digits) are computed in registers, larger ones by GMP.
 *
 * Limits are PostgreSQL's: 131072 digits before the point, 16383 after. */
#ifndef WEIR_TYPES_NUMERIC_H
#define WEIR_TYPES_NUMERIC_H

#include <gmp.h>

#include "base/buf.h"
#include "base/error.h"
#include "types/batch.h"

#define NUMERIC_DSCALE_MAX       16383
#define NUMERIC_WHOLE_DIGITS_MAX 131072
#define NUMERIC_PRECISION_MAX    1000

enum numeric_kind { NUMERIC_FINITE = 0, NUMERIC_NAN = 1, NUMERIC_PINF = 2, NUMERIC_NINF = 3 };

/* A value taken apart for computing. `z` is initialised only while `big`. */
struct numeric {
    uint8_t kind; /* enum numeric_kind */
    bool big;     /* the coefficient is z, not small */
    uint16_t dscale;
    wr_i128 small;
    mpz_t z;
};

static inline struct numeric wr_numeric_of_small(wr_i128 coefficient, int dscale)
{
    return (struct numeric){.kind = NUMERIC_FINITE, .dscale = (uint16_t)dscale, .small = coefficient};
}
static inline struct numeric wr_numeric_of_kind(enum numeric_kind kind)
{
    return (struct numeric){.kind = (uint8_t)kind};
}
static inline void wr_numeric_fini(struct numeric *value)
{
    if (WR_UNLIKELY(value->big)) {
        mpz_clear(value->z);
        value->big = false;
    }
}

/* Take stored bytes apart; the caller calls wr_numeric_fini(). Short or odd bytes decode to something, never crash. */
void wr_numeric_decode_big(struct str bytes, struct numeric *out);
static inline void wr_numeric_decode(struct str bytes, struct numeric *out)
{
    if (WR_UNLIKELY(bytes.len > 18 || bytes.len < 2)) {
        wr_numeric_decode_big(bytes, out);
        return;
    }
    const uint8_t *at = (const uint8_t *)bytes.data;
    unsigned header = at[0] | (unsigned)at[1] << 8;
    *out = (struct numeric){.kind = header >> 14, .dscale = header & 0x3fff};
    uint32_t n = bytes.len - 2;
    if (n) {
        wr_i128 coefficient = (int8_t)at[n + 1] < 0 ? -1 : 0;
        memcpy(&coefficient, at + 2, n);
        out->small = coefficient;
    }
}
/* Store; bytes in the arena. */
struct str wr_numeric_encode(struct wr_arena *arena, const struct numeric *value);
/* Same into caller's space for values that are not big: at most NUMERIC_SMALL_BYTES; returns the length. */
#define NUMERIC_SMALL_BYTES 18
uint32_t wr_numeric_encode_small(uint8_t *to, const struct numeric *value);
/* Brings a big coefficient that fits 128 bits back to the small form. */
void wr_numeric_shrink(struct numeric *value);
/* Makes the coefficient big if it is not. */
void wr_numeric_widen(struct numeric *value);
struct numeric wr_numeric_dup(const struct numeric *value);
int wr_numeric_sign(const struct numeric *value); /* -1 0 1; infinities have theirs, NaN is 0 */
/* Decimal digits in the coefficient (0 for zero). */
size_t wr_numeric_digits(const struct numeric *value);

/* --- text and other types --------------------------------------------------------------------------------- */
/* 22P02 / 22003; typmod of `type` applied. */
bool wr_numeric_parse(struct wr_arena *arena, const char *text, size_t len, struct type type, struct str *out,
                      struct wr_error *err) WR_MUST;
void wr_numeric_print(struct wr_buf *buf, struct str value);
/* numeric(p,s): round to s, 22003 "numeric field overflow" with PostgreSQL's DETAIL. */
bool wr_numeric_apply_typmod(struct wr_arena *arena, struct str value, struct type type, struct str *out,
                             struct wr_error *err) WR_MUST;
struct str wr_numeric_from_int64(struct wr_arena *arena, int64_t value);
struct str wr_numeric_from_int128(struct wr_arena *arena, wr_i128 value, int dscale);
/* 15 significant digits, as PostgreSQL's float8 -> numeric. */
struct str wr_numeric_from_double(struct wr_arena *arena, double value);
/* Rounds half away from zero; 22003 "integer out of range", 0A000 "cannot convert NaN to integer". */
bool wr_numeric_to_int32(struct str value, int32_t *out, struct wr_error *err) WR_MUST;
bool wr_numeric_to_int64(struct str value, int64_t *out, struct wr_error *err) WR_MUST;
/* 22003 `"..." is out of range for type double precision`. */
bool wr_numeric_to_double(struct str value, double *out, struct wr_error *err) WR_MUST;
/* PostgreSQL's binary form. */
void wr_numeric_send(struct wr_buf *buf, struct str value);
bool wr_numeric_recv(struct wr_arena *arena, struct type type, const void *bytes, size_t len, struct str *out,
                     struct wr_error *err) WR_MUST;

/* --- order ------------------------------------------------------------------------------------------------- */
int wr_numeric_cmp(struct str a, struct str b);
/* The order-preserving, value-normalised field of types/key.h (without NULL marker). */
void wr_numeric_key(struct wr_buf *buf, struct str value);
/* Length of that field at the start of key[0..len); flip is 0xff where the bytes are inverted (descending), else 0. */
size_t wr_numeric_key_len(const char *key, size_t len, uint8_t flip);

/* --- arithmetic -------------------------------------------------------------------------------------------- */
bool wr_numeric_add(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err) WR_MUST;
bool wr_numeric_sub(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err) WR_MUST;
bool wr_numeric_mul(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err) WR_MUST;
bool wr_numeric_div(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err) WR_MUST;
bool wr_numeric_mod(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err) WR_MUST;
/* div(a, b): the quotient cut to an integer. */
bool wr_numeric_div_trunc(struct wr_arena *arena, struct str a, struct str b, struct str *out,
                          struct wr_error *err) WR_MUST;
struct str wr_numeric_neg(struct wr_arena *arena, struct str value);
struct str wr_numeric_abs(struct wr_arena *arena, struct str value);
/* sign(): -1, 0, 1 with dscale 0 (NaN stays NaN). */
struct str wr_numeric_signum(struct wr_arena *arena, struct str value);
/* round(v, digits), trunc(v, digits): digits clamped as PostgreSQL does, may be negative. */
bool wr_numeric_round(struct wr_arena *arena, struct str value, int32_t digits, struct str *out,
                      struct wr_error *err) WR_MUST;
bool wr_numeric_trunc(struct wr_arena *arena, struct str value, int32_t digits, struct str *out,
                      struct wr_error *err) WR_MUST;
bool wr_numeric_ceil(struct wr_arena *arena, struct str value, struct str *out, struct wr_error *err) WR_MUST;
bool wr_numeric_floor(struct wr_arena *arena, struct str value, struct str *out, struct wr_error *err) WR_MUST;
bool wr_numeric_sqrt(struct wr_arena *arena, struct str value, struct str *out, struct wr_error *err) WR_MUST;
bool wr_numeric_exp(struct wr_arena *arena, struct str value, struct str *out, struct wr_error *err) WR_MUST;
bool wr_numeric_ln(struct wr_arena *arena, struct str value, struct str *out, struct wr_error *err) WR_MUST;
bool wr_numeric_log(struct wr_arena *arena, struct str base, struct str value, struct str *out,
                    struct wr_error *err) WR_MUST;
bool wr_numeric_power(struct wr_arena *arena, struct str base, struct str exponent, struct str *out,
                      struct wr_error *err) WR_MUST;

/* --- the same on values taken apart (numeric_math.c; `out` must not be an operand) --------------------------- */
/* 10^n for 0 <= n <= 38. */
wr_i128 wr_numeric_pow10_small(int n);
/* coefficient *= 10^n. */
void wr_numeric_scale_up(struct numeric *value, int n);
/* The value with `dscale` digits after the point: rounded half away from zero, or cut. dscale may be negative: then
 * that many whole digits become zeros and the dscale of the result is 0. */
void wr_numeric_rescale(struct numeric *value, int dscale, bool round);
int wr_numeric_cmp_decoded(const struct numeric *a, const struct numeric *b);
void wr_numeric_add_decoded(const struct numeric *a, const struct numeric *b, bool subtract, struct numeric *out);
/* Finite a / b (b not 0) with `dscale` digits, rounded or cut. */
void wr_numeric_quotient(const struct numeric *a, const struct numeric *b, int dscale, bool round, struct numeric *out);
/* The scale PostgreSQL gives a / b. */
int wr_numeric_div_scale(const struct numeric *a, const struct numeric *b);
/* 22003 "value overflows numeric format" if there are too many whole digits; else stores. Cuts dscale to 16383. */
bool wr_numeric_finish(struct wr_arena *arena, struct numeric *value, struct str *out, struct wr_error *err) WR_MUST;
/* Decimal digits of v, right-aligned to `end`, without leading zeros (none for 0); returns how many, at most 39. */
int wr_numeric_text_u128(wr_u128 v, char *end);
/* Weight of the first base-10000 digit, as PostgreSQL counts it; 0 for zero. *digit is that digit. */
int wr_numeric_weight(const struct numeric *value, int *digit);

#endif
