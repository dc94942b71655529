/* Exact sums of doubles (float_sum.h). */
#include "types/float_sum.h"

#include <math.h>
#include <stdlib.h>

void wr_float_sum_init(struct float_sum *sum)
{
    memset(sum, 0, sizeof *sum);
}

void wr_float_sum_fini(struct float_sum *sum)
{
    free(sum->limbs);
    wr_float_sum_init(sum);
}

static uint64_t *limbs_of(struct float_sum *sum)
{
    return sum->limbs ? sum->limbs : sum->few;
}

static const uint64_t *limbs(const struct float_sum *sum)
{
    return sum->limbs ? sum->limbs : sum->few;
}

static uint64_t sign_limb(const struct float_sum *sum)
{
    return sum->n && limbs(sum)[sum->n - 1] >> 63 ? UINT64_MAX : 0;
}

/* Make the window cover limbs [low, high). */
static void cover(struct float_sum *sum, int low, int high)
{
    if (sum->n == 0) {
        sum->first = (uint8_t)low;
    } else {
        low = WR_MIN(low, sum->first);
        high = WR_MAX(high, sum->first + sum->n);
    }
    int n = high - low, down = sum->first - low;
    if (n == sum->n)
        return;
    if (n > FLOAT_SUM_INLINE && !sum->limbs) {
        sum->limbs = wr_calloc(FLOAT_SUM_LIMBS, sizeof(uint64_t));
        memcpy(sum->limbs, sum->few, sizeof sum->few);
    }
    uint64_t sign = sign_limb(sum), *at = limbs_of(sum);
    memmove(at + down, at, sum->n * sizeof(*at));
    memset(at, 0, (size_t)down * sizeof(*at));
    for (int i = down + sum->n; i < n; i++)
        at[i] = sign;
    sum->first = (uint8_t)low;
    sum->n = (uint8_t)n;
}

/* Add words[0..count) (two's complement) at limb `low`. The limb above all that is added must only carry the sign, so
 * that the result fits the window. */
static void add_words(struct float_sum *sum, int low, const uint64_t *words, int count)
{
    cover(sum, low, low + count + 1);
    uint64_t top = limbs(sum)[sum->n - 1];
    if (top != 0 && top != UINT64_MAX)
        cover(sum, low, sum->first + sum->n + 1);
    uint64_t *at = limbs_of(sum) + (low - sum->first);
    int left = sum->first + sum->n - low;
    uint64_t extend = words[count - 1] >> 63 ? UINT64_MAX : 0, carry = 0;
    for (int i = 0; i < left; i++) {
        uint64_t word = i < count ? words[i] : extend;
        if (i >= count && word + carry == 0)
            break; /* neither carry nor borrow is left */
        uint64_t total = at[i] + word;
        uint64_t over = total < word;
        at[i] = total + carry;
        carry = over | (at[i] < carry);
    }
}

static void add_finite(struct float_sum *sum, double value, int64_t weight)
{
    uint64_t bits, words[3];
    memcpy(&bits, &value, 8);
    int exponent = (int)(bits >> 52 & 0x7ff), position = exponent ? exponent - 1 : 0;
    uint64_t mantissa = (bits & ((1ull << 52) - 1)) | (exponent ? 1ull << 52 : 0);
    wr_i128 product = (wr_i128)mantissa * weight;
    if (bits >> 63)
        product = -product;
    if (product == 0)
        return;
    int shift = position % 64;
    words[0] = (uint64_t)product << shift;
    words[1] = (uint64_t)(product >> (64 - shift));
    words[2] = (uint64_t)(shift ? product >> (128 - shift) : product >> 127);
    add_words(sum, position / 64, words, 3);
}

void wr_float_sum_add(struct float_sum *sum, double value, int64_t weight)
{
    if (isnan(value)) {
        sum->nan += weight;
    } else if (isinf(value)) {
        *(value > 0 ? &sum->pinf : &sum->ninf) += weight;
    } else {
        sum->count += weight;
        add_finite(sum, value, weight);
    }
}

void wr_float_sum_merge(struct float_sum *sum, const struct float_sum *other)
{
    sum->nan += other->nan;
    sum->pinf += other->pinf;
    sum->ninf += other->ninf;
    sum->count += other->count;
    if (other->n)
        add_words(sum, other->first, limbs(other), other->n);
}

int64_t wr_float_sum_count(const struct float_sum *sum)
{
    return sum->count + sum->nan + sum->pinf + sum->ninf;
}

/* --- bytes ---------------------------------------------------------------------------------------------------- */

static void put_zigzag(struct wr_buf *buf, int64_t value)
{
    wr_buf_varint(buf, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static int64_t get_zigzag(struct wr_reader *r)
{
    uint64_t value = wr_get_varint(r);
    return (int64_t)(value >> 1 ^ -(value & 1));
}

void wr_float_sum_encode(const struct float_sum *sum, struct wr_buf *buf)
{
    const uint64_t *at = limbs(sum);
    int from = 0, to = sum->n;
    while (from < to && at[from] == 0)
        from++;
    while (to - from > 1 && at[to - 1] == (at[to - 2] >> 63 ? UINT64_MAX : 0))
        to--;
    put_zigzag(buf, sum->nan);
    put_zigzag(buf, sum->pinf);
    put_zigzag(buf, sum->ninf);
    put_zigzag(buf, sum->count);
    wr_buf_byte(buf, (uint8_t)(from < to ? sum->first + from : 0));
    wr_buf_byte(buf, (uint8_t)(to - from));
    for (int i = from; i < to; i++)
        wr_buf_u64le(buf, at[i]);
}

bool wr_float_sum_decode(const void *bytes, size_t len, struct float_sum *sum)
{
    struct wr_reader r = wr_reader_of(bytes, len);
    wr_float_sum_init(sum);
    sum->nan = get_zigzag(&r);
    sum->pinf = get_zigzag(&r);
    sum->ninf = get_zigzag(&r);
    sum->count = get_zigzag(&r);
    int first = wr_get_byte(&r), n = wr_get_byte(&r);
    if (!r.ok || first + n > FLOAT_SUM_LIMBS || (size_t)(r.end - r.at) != 8 * (size_t)n)
        return false;
    if (n)
        cover(sum, first, first + n);
    for (int i = 0; i < n; i++)
        limbs_of(sum)[i] = wr_get_u64le(&r);
    return true;
}

/* --- rounding ------------------------------------------------------------------------------------------------- */

static bool bit_at(const uint64_t *at, int bit)
{
    return at[bit / 64] >> (bit % 64) & 1;
}

static bool any_below(const uint64_t *at, int bit)
{
    for (int i = 0; i < bit / 64; i++)
        if (at[i])
            return true;
    return bit % 64 && at[bit / 64] << (64 - bit % 64);
}

/* Nearest double, ties to even, of a magnitude in units of 2^-1074. */
static double round_magnitude(const uint64_t *at, int n)
{
    while (n && at[n - 1] == 0)
        n--;
    if (n == 0)
        return 0;
    int top = 64 * n - 1 - __builtin_clzll(at[n - 1]);
    int low = WR_MAX(top - 52, 0); /* lowest bit that a double keeps */
    uint64_t mantissa = 0;
    for (int bit = top; bit >= low; bit--)
        mantissa = mantissa << 1 | bit_at(at, bit);
    bool half = low > 0 && bit_at(at, low - 1);
    if (half && ((mantissa & 1) || any_below(at, low - 1)))
        mantissa++;
    return low > 2200 ? INFINITY : ldexp((double)mantissa, low - 1074);
}

static double finite_total(const struct float_sum *sum)
{
    uint64_t wide[FLOAT_SUM_LIMBS] = {0};
    bool negative = sign_limb(sum) != 0;
    for (int i = 0; i < sum->n; i++)
        wide[sum->first + i] = negative ? ~limbs(sum)[i] : limbs(sum)[i];
    uint64_t carry = negative;
    for (int i = sum->first; carry && i < sum->first + sum->n; i++)
        carry = ++wide[i] == 0;
    double magnitude = round_magnitude(wide, FLOAT_SUM_LIMBS);
    return negative ? -magnitude : magnitude;
}

bool wr_float_sum_total(const struct float_sum *sum, double *out, struct wr_error *err)
{
    if (sum->nan > 0 || (sum->pinf > 0 && sum->ninf > 0)) {
        *out = NAN;
    } else if (sum->pinf > 0 || sum->ninf > 0) {
        *out = sum->pinf > 0 ? INFINITY : -INFINITY;
    } else {
        *out = finite_total(sum);
        if (isinf(*out))
            return wr_fail(err, ERR_NUMERIC_OUT_OF_RANGE, "value out of range: overflow");
    }
    return true;
}
