/* sum and avg of double precision, exact and independent of order: retracting a value leaves no residue.
 *
 * A finite double is an integer times 2^-1074. The sum is such an integer: two's complement, `n` limbs of 64 bits, the
 * lowest worth 2^(64 * base) units. Only the limbs that are needed are kept, four of them inline; values of like
 * magnitude never need more. The result is rounded once, half to even. NaN, the infinities and -0 are counted aside: a
 * sum of nothing but -0 is -0.
 *
 * Invariant: adding never overflows the top limb, because it first makes sure that the two top bits are equal and that
 * the window reaches past the addend (which is below 2^180 in units of its lowest limb). */
#include <math.h>
#include <stdlib.h>

#include "functions/agg_rows.h"

#define INLINE_LIMBS 4
#define ADDEND_LIMBS 3
#define LIMBS_MAX    40 /* 2098 bits of doubles, 64 of weights, 64 of counts */

struct wide {
    union {
        uint64_t few[INLINE_LIMBS];
        uint64_t *many;
    };
    uint16_t base, n, cap; /* cap 0: inline */
};

struct float_state {
    int64_t n, nans, pinfs, ninfs, minus_zeros;
    struct wide sum;
};

static uint64_t *limbs_of(struct wide *wide)
{
    return wide->cap ? wide->many : wide->few;
}

static const uint64_t *limbs_const(const struct wide *wide)
{
    return wide->cap ? wide->many : wide->few;
}

static uint64_t sign_limb(const struct wide *wide)
{
    return wide->n && limbs_const(wide)[wide->n - 1] >> 63 ? UINT64_MAX : 0;
}

/* Make the window cover limbs [from, to). */
static void cover(struct wide *wide, uint16_t from, uint16_t to)
{
    if (wide->n) {
        from = WR_MIN(from, wide->base);
        to = WR_MAX(to, wide->base + wide->n);
    }
    uint16_t n = (uint16_t)(to - from), lead = wide->n ? (uint16_t)(wide->base - from) : 0;
    if (n == wide->n)
        return;
    uint64_t fill = sign_limb(wide), made[LIMBS_MAX + ADDEND_LIMBS];
    memset(made, 0, lead * sizeof(uint64_t));
    memcpy(made + lead, limbs_const(wide), wide->n * sizeof(uint64_t));
    for (uint16_t i = lead + wide->n; i < n; i++)
        made[i] = fill;
    if (n > INLINE_LIMBS && n > wide->cap) {
        uint16_t cap = (uint16_t)(n + 4);
        uint64_t *many = wr_malloc(cap * sizeof(uint64_t));
        if (wide->cap)
            free(wide->many);
        wide->many = many;
        wide->cap = cap;
    }
    memcpy(limbs_of(wide), made, n * sizeof(uint64_t));
    wide->base = from;
    wide->n = n;
}

/* += (negative ? -1 : 1) * magnitude * 2^position units. */
static void wide_add(struct wide *wide, wr_u128 magnitude, bool negative, int position)
{
    uint16_t at = (uint16_t)(position / 64);
    int shift = position % 64;
    wr_u128 low = magnitude << shift;
    uint64_t high = shift ? (uint64_t)(magnitude >> (128 - shift)) : 0;
    uint64_t addend[ADDEND_LIMBS] = {(uint64_t)low, (uint64_t)(low >> 64), high};
    if (negative) {
        unsigned char carry = 1;
        for (int i = 0; i < ADDEND_LIMBS; i++) {
            addend[i] = ~addend[i] + carry;
            carry = carry && addend[i] == 0;
        }
    }
    cover(wide, at, at + ADDEND_LIMBS);
    uint64_t top = limbs_of(wide)[wide->n - 1];
    if ((top >> 63) != (top >> 62 & 1))
        cover(wide, wide->base, wide->base + wide->n + 1);
    uint64_t *limbs = limbs_of(wide), fill = addend[ADDEND_LIMBS - 1] >> 63 ? UINT64_MAX : 0, carry = 0;
    for (uint16_t i = at - wide->base, k = 0; i < wide->n; i++, k++) {
        wr_u128 sum = (wr_u128)limbs[i] + (k < ADDEND_LIMBS ? addend[k] : fill) + carry;
        limbs[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
}

/* The limbs that matter: redundant sign limbs and low zeros left out. */
static void wide_trim(const struct wide *wide, uint16_t *first, uint16_t *n)
{
    const uint64_t *limbs = limbs_const(wide);
    uint16_t from = 0, to = wide->n;
    while (from < to && limbs[from] == 0)
        from++;
    while (to > from + 1 &&
           ((limbs[to - 1] == 0 && !(limbs[to - 2] >> 63)) || (limbs[to - 1] == UINT64_MAX && limbs[to - 2] >> 63)))
        to--;
    *first = from;
    *n = (uint16_t)(to - from);
}

/* Bits [at, at + 64) of a magnitude of n limbs. */
static uint64_t bits_at(const uint64_t *limbs, uint16_t n, int at)
{
    int limb = at / 64, shift = at % 64;
    uint64_t low = limb < n ? limbs[limb] >> shift : 0;
    return shift && limb + 1 < n ? low | limbs[limb + 1] << (64 - shift) : low;
}

static double wide_round(const struct wide *wide)
{
    uint16_t first, n;
    uint64_t magnitude[LIMBS_MAX + ADDEND_LIMBS];
    wide_trim(wide, &first, &n);
    if (n == 0)
        return 0;
    const uint64_t *limbs = limbs_const(wide) + first;
    bool negative = limbs[n - 1] >> 63, carry = true;
    for (uint16_t i = 0; i < n; i++) {
        magnitude[i] = negative ? ~limbs[i] + carry : limbs[i];
        carry = carry && magnitude[i] == 0;
    }
    while (n > 1 && magnitude[n - 1] == 0)
        n--;
    int length = 64 * n - __builtin_clzll(magnitude[n - 1]);
    int scale = 64 * (wide->base + first) - 1074, cut = length - 53;
    if (cut <= 0)
        return ldexp(negative ? -(double)magnitude[0] : (double)magnitude[0], scale);
    uint64_t kept = bits_at(magnitude, n, cut) & ((1ull << 53) - 1);
    bool half = bits_at(magnitude, n, cut - 1) & 1, sticky = false;
    for (int bit = 0; !sticky && bit < cut - 1; bit += 64) {
        uint64_t bits = bits_at(magnitude, n, bit);
        int left = cut - 1 - bit;
        sticky = (left < 64 ? bits & ((1ull << left) - 1) : bits) != 0;
    }
    kept += half && (sticky || (kept & 1));
    return ldexp(negative ? -(double)kept : (double)kept, scale + cut);
}

static void float_init(void *state)
{
    memset(state, 0, sizeof(struct float_state));
}

static void float_fini(void *to)
{
    struct float_state *state = to;
    if (state->sum.cap)
        free(state->sum.many);
    state->sum.cap = 0;
}

static void add_value(struct float_state *state, double value, int64_t weight)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    int exponent = (int)(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & ((1ull << 52) - 1);
    state->n += weight;
    if (exponent == 0x7ff) {
        int64_t *count = mantissa ? &state->nans : value > 0 ? &state->pinfs : &state->ninfs;
        *count += weight;
        return;
    }
    if (exponent)
        mantissa |= 1ull << 52;
    else
        exponent = 1;
    if (mantissa == 0)
        state->minus_zeros += bits >> 63 ? weight : 0;
    if (mantissa == 0 || weight == 0)
        return;
    uint64_t times = weight < 0 ? 0 - (uint64_t)weight : (uint64_t)weight;
    wide_add(&state->sum, (wr_u128)mantissa * times, (bits >> 63) != (weight < 0), exponent - 1);
}

static int64_t float_heap(const void *state)
{
    return (int64_t)(((const struct float_state *)state)->sum.cap * sizeof(uint64_t));
}

static void float_add(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                      uint32_t n)
{
    uint32_t row;
    for (uint32_t k = 0; k < n; k++)
        if (wr_agg_row(arg, rows, k, &row))
            add_value(states[k], arg->f64[row], weights[k]);
}

/* Overflow of finite values is an error of the output row. */
static void finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                   struct eval_errors *errors, bool mean)
{
    for (uint32_t k = 0; k < n; k++) {
        const struct float_state *state = states[k];
        double sum = wide_round(&state->sum);
        out->f64[k] = mean ? sum / (double)state->n : sum;
        if (state->n == 0) {
            wr_agg_null(arena, out, k, n);
        } else if (state->nans || (state->pinfs && state->ninfs)) {
            out->f64[k] = NAN;
        } else if (state->pinfs || state->ninfs) {
            out->f64[k] = state->pinfs ? INFINITY : -INFINITY;
        } else if (isinf(sum)) {
            wr_agg_null(arena, out, k, n);
            wr_eval_error_add(errors, k, ERR_NUMERIC_OUT_OF_RANGE, "value out of range: overflow");
        } else if (state->minus_zeros == state->n && !mean) {
            out->f64[k] = -0.0;
        }
    }
}

static void sum_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                       struct eval_errors *errors)
{
    finish(states, n, arena, out, errors, false);
}

static void avg_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                       struct eval_errors *errors)
{
    finish(states, n, arena, out, errors, true);
}

enum { HAS_SPECIAL = 1, HAS_MINUS_ZERO = 2 };

/* counts (those of a kind that was not met are left out), limbs, base, limbs little-endian */
static void float_encode(const void *from, struct wr_buf *buf)
{
    const struct float_state *state = from;
    uint16_t first, n;
    bool special = state->nans || state->pinfs || state->ninfs;
    wide_trim(&state->sum, &first, &n);
    wr_agg_put_i64(buf, state->n);
    wr_buf_byte(buf, (uint8_t)((special ? HAS_SPECIAL : 0) | (state->minus_zeros ? HAS_MINUS_ZERO : 0)));
    if (special) {
        wr_agg_put_i64(buf, state->nans);
        wr_agg_put_i64(buf, state->pinfs);
        wr_agg_put_i64(buf, state->ninfs);
    }
    if (state->minus_zeros)
        wr_agg_put_i64(buf, state->minus_zeros);
    wr_buf_byte(buf, (uint8_t)n);
    if (n)
        wr_buf_byte(buf, (uint8_t)(state->sum.base + first));
    for (uint16_t i = 0; i < n; i++)
        wr_buf_u64le(buf, limbs_const(&state->sum)[first + i]);
}

static bool float_decode(void *to, struct wr_reader *reader)
{
    struct float_state *state = to;
    state->n = wr_agg_get_i64(reader);
    uint8_t kinds = wr_get_byte(reader);
    if (kinds & HAS_SPECIAL) {
        state->nans = wr_agg_get_i64(reader);
        state->pinfs = wr_agg_get_i64(reader);
        state->ninfs = wr_agg_get_i64(reader);
    }
    if (kinds & HAS_MINUS_ZERO)
        state->minus_zeros = wr_agg_get_i64(reader);
    uint16_t n = wr_get_byte(reader);
    if (n == 0)
        return reader->ok;
    uint16_t base = wr_get_byte(reader);
    if (!reader->ok || base + n > LIMBS_MAX)
        return false;
    cover(&state->sum, base, base + n);
    for (uint16_t i = 0; i < n; i++)
        limbs_of(&state->sum)[i] = wr_get_u64le(reader);
    return reader->ok;
}

#define FLOAT_ROW(name, finish_rows, doc)                                                                            \
    {                                                                                                                \
        name, 1, TYPE_FLOAT8, TYPE_FLOAT8, AGG_INVERTIBLE, sizeof(struct float_state), false, float_init, float_add, \
            finish_rows, float_fini, float_heap, float_encode, float_decode, doc                                     \
    }

static const struct agg list[] = {
    FLOAT_ROW("sum", sum_finish, "Sum of the values, exact and rounded once."),
    FLOAT_ROW("avg", avg_finish, "Mean of the values."),
};

AGG_FAMILY(wr_agg_sum_float_family, list);
