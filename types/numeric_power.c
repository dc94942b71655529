/* sqrt, exp, ln, log and power of numerics.
 *
 * Scales are PostgreSQL's. The mathematics is binary fixed point over GMP integers: a real r is the integer
 * r * 2^bits. Enough bits are carried that rounding once to the result's scale gives the right digits. */
#include <math.h>
#include <stdlib.h>

#include "types/numeric.h"

#define MIN_SIG_DIGITS    16
#define MAX_DISPLAY_SCALE 1000
#define MAX_RESULT_SCALE  2000
#define GUARD_BITS        128
#define BITS_PER_DIGIT    3.3219280948873623
#define LOG10_E           0.434294481903252
#define ERR_LOG_ARGUMENT  "2201E"
#define ERR_POW_ARGUMENT  "2201F"
#define EXACT_DIGITS_MAX  20000 /* powers of up to so many digits are computed exactly */

static bool fail_overflow(struct wr_error *err)
{
    return wr_fail(err, ERR_NUMERIC_OUT_OF_RANGE, "value overflows numeric format");
}

static int clamp_scale(int scale)
{
    return WR_MIN(WR_MAX(scale, 0), MAX_DISPLAY_SCALE);
}

static long bits_for(int digits)
{
    return (long)(WR_MAX(digits, 0) * BITS_PER_DIGIT) + GUARD_BITS;
}

/* value * 2^bits, cut. */
static void to_fixed(mpz_t out, const struct numeric *value, long bits)
{
    struct numeric copy = wr_numeric_dup(value);
    mpz_t power;
    wr_numeric_widen(&copy);
    mpz_init(power);
    mpz_ui_pow_ui(power, 10, value->dscale);
    mpz_mul_2exp(out, copy.z, (mp_bitcnt_t)bits);
    mpz_fdiv_q(out, out, power);
    mpz_clear(power);
    wr_numeric_fini(&copy);
}

/* z * 10^scale / 2^bits, rounded half away from zero; bits may be negative. */
static struct numeric from_fixed(const mpz_t z, long bits, int scale)
{
    struct numeric out = wr_numeric_of_small(0, scale);
    mpz_init(out.z);
    out.big = true;
    mpz_ui_pow_ui(out.z, 10, (unsigned long)scale);
    mpz_mul(out.z, out.z, z);
    if (bits <= 0) {
        mpz_mul_2exp(out.z, out.z, (mp_bitcnt_t)-bits);
    } else {
        bool negative = mpz_sgn(out.z) < 0;
        mpz_t half;
        mpz_init(half);
        mpz_setbit(half, (mp_bitcnt_t)bits - 1);
        mpz_abs(out.z, out.z);
        mpz_add(out.z, out.z, half);
        mpz_fdiv_q_2exp(out.z, out.z, (mp_bitcnt_t)bits);
        if (negative)
            mpz_neg(out.z, out.z);
        mpz_clear(half);
    }
    wr_numeric_shrink(&out);
    return out;
}

/* For estimates only. */
static double approximate(const struct numeric *value)
{
    if (!value->big)
        return (double)value->small * pow(10, -value->dscale);
    long exponent;
    double mantissa = mpz_get_d_2exp(&exponent, value->z);
    double log2 = (double)exponent - value->dscale * BITS_PER_DIGIT;
    return log2 > 1000 ? copysign(1e300, mantissa) : mantissa * exp2(log2);
}

/* --- ln ------------------------------------------------------------------------------------------------------- */

/* 2 * atanh(t) by its series; t in fixed point, small. */
static void atanh_twice(mpz_t out, const mpz_t t, long bits)
{
    mpz_t power, square, term;
    mpz_init_set(power, t);
    mpz_init(square);
    mpz_init(term);
    mpz_mul(square, t, t);
    mpz_tdiv_q_2exp(square, square, (mp_bitcnt_t)bits);
    mpz_set_ui(out, 0);
    for (unsigned long k = 1; mpz_sgn(power); k += 2) {
        mpz_tdiv_q_ui(term, power, k);
        mpz_add(out, out, term);
        mpz_mul(power, power, square);
        mpz_tdiv_q_2exp(power, power, (mp_bitcnt_t)bits);
    }
    mpz_mul_2exp(out, out, 1);
    mpz_clear(power);
    mpz_clear(square);
    mpz_clear(term);
}

static void fixed_ln2(mpz_t out, long bits)
{
    mpz_t third;
    mpz_init(third);
    mpz_setbit(third, (mp_bitcnt_t)bits);
    mpz_tdiv_q_ui(third, third, 3);
    atanh_twice(out, third, bits);
    mpz_clear(third);
}

/* ln of m = z / 2^bits near 1: square roots bring it closer, atanh((m-1)/(m+1)) does the rest. */
static void fixed_ln_near_one(mpz_t out, mpz_t m, long bits, int roots)
{
    mpz_t one, sum;
    mpz_init(one);
    mpz_init(sum);
    mpz_setbit(one, (mp_bitcnt_t)bits);
    for (int i = 0; i < roots; i++) {
        mpz_mul_2exp(m, m, (mp_bitcnt_t)bits);
        mpz_sqrt(m, m);
    }
    mpz_add(sum, m, one);
    mpz_sub(m, m, one);
    mpz_mul_2exp(m, m, (mp_bitcnt_t)bits);
    mpz_tdiv_q(m, m, sum);
    atanh_twice(out, m, bits);
    mpz_mul_2exp(out, out, (mp_bitcnt_t)roots);
    mpz_clear(one);
    mpz_clear(sum);
}

/* ln(value) * 2^bits for a positive value. */
static void fixed_ln(mpz_t out, const struct numeric *value, long bits)
{
    int roots = 16;
    long work = bits + 2 * roots + 64, shift;
    mpz_t m, ln2, numerator, denominator;
    struct numeric copy = wr_numeric_dup(value);
    wr_numeric_widen(&copy);
    mpz_init(m);
    mpz_init(ln2);
    mpz_init_set(numerator, copy.z);
    mpz_init(denominator);
    mpz_ui_pow_ui(denominator, 10, value->dscale);
    /* value = m * 2^shift with m about 1 */
    shift = (long)mpz_sizeinbase(numerator, 2) - (long)mpz_sizeinbase(denominator, 2);
    if (work - shift >= 0)
        mpz_mul_2exp(numerator, numerator, (mp_bitcnt_t)(work - shift));
    else
        mpz_mul_2exp(denominator, denominator, (mp_bitcnt_t)(shift - work));
    mpz_fdiv_q(m, numerator, denominator);
    fixed_ln_near_one(out, m, work, roots);
    if (shift) {
        fixed_ln2(ln2, work);
        mpz_mul_si(ln2, ln2, shift);
        mpz_add(out, out, ln2);
    }
    mpz_fdiv_q_2exp(out, out, (mp_bitcnt_t)(work - bits));
    mpz_clear(m);
    mpz_clear(ln2);
    mpz_clear(numerator);
    mpz_clear(denominator);
    wr_numeric_fini(&copy);
}

/* Decimal weight of the leading digit of ln(value), as PostgreSQL estimates it. */
static int ln_weight(const struct numeric *value)
{
    struct numeric low = wr_numeric_of_small(9, 1), high = wr_numeric_of_small(11, 1), one = wr_numeric_of_small(1, 0);
    int digit;
    if (wr_numeric_sign(value) <= 0)
        return 0;
    if (wr_numeric_cmp_decoded(value, &low) >= 0 && wr_numeric_cmp_decoded(value, &high) <= 0) {
        struct numeric rest;
        wr_numeric_add_decoded(value, &one, true, &rest);
        int weight = wr_numeric_weight(&rest, &digit);
        int result = wr_numeric_sign(&rest) ? weight * 4 + (int)log10(digit) : 0;
        wr_numeric_fini(&rest);
        return result;
    }
    double ln;
    if (value->big) {
        long exponent;
        double mantissa = mpz_get_d_2exp(&exponent, value->z);
        ln = log(mantissa) + (double)exponent * M_LN2 - value->dscale * M_LN10;
    } else {
        ln = log((double)value->small) - value->dscale * M_LN10;
    }
    return (int)log10(fabs(ln));
}

static bool check_log_argument(const struct numeric *value, struct wr_error *err)
{
    int sign = wr_numeric_sign(value);
    if (sign > 0)
        return true;
    return wr_fail(err, ERR_LOG_ARGUMENT, "cannot take logarithm of %s", sign ? "a negative number" : "zero");
}

static struct numeric ln_of(const struct numeric *value)
{
    int scale = clamp_scale(WR_MAX(MIN_SIG_DIGITS - ln_weight(value), (int)value->dscale));
    long bits = bits_for(scale + 8);
    mpz_t ln;
    mpz_init(ln);
    fixed_ln(ln, value, bits);
    struct numeric out = from_fixed(ln, bits, scale);
    mpz_clear(ln);
    return out;
}

bool wr_numeric_ln(struct wr_arena *arena, struct str bytes, struct str *out, struct wr_error *err)
{
    struct numeric value, result;
    wr_numeric_decode(bytes, &value);
    bool ok = value.kind == NUMERIC_NAN || check_log_argument(&value, err);
    if (ok)
        result = value.kind == NUMERIC_FINITE ? ln_of(&value) : wr_numeric_of_kind((enum numeric_kind)value.kind);
    wr_numeric_fini(&value);
    return ok && wr_numeric_finish(arena, &result, out, err);
}

static bool log_finite(const struct numeric *base, const struct numeric *value, struct numeric *out,
                       struct wr_error *err)
{
    int weight_base = ln_weight(base), weight_value = ln_weight(value);
    int scale = MIN_SIG_DIGITS - (weight_value - weight_base);
    scale = clamp_scale(WR_MAX(scale, WR_MAX((int)base->dscale, (int)value->dscale)));
    long bits = bits_for(scale + WR_MAX(weight_value, 0) + 2 * WR_MAX(-weight_base, 0) + 8);
    bool ok = true;
    mpz_t ln_base, ln_value;
    mpz_init(ln_base);
    mpz_init(ln_value);
    fixed_ln(ln_base, base, bits);
    fixed_ln(ln_value, value, bits);
    if (mpz_sgn(ln_base) == 0) {
        ok = wr_fail(err, ERR_DIVISION_BY_ZERO, "division by zero");
    } else {
        mpz_mul_2exp(ln_value, ln_value, (mp_bitcnt_t)bits);
        mpz_tdiv_q(ln_value, ln_value, ln_base);
        *out = from_fixed(ln_value, bits, scale);
    }
    mpz_clear(ln_base);
    mpz_clear(ln_value);
    return ok;
}

bool wr_numeric_log(struct wr_arena *arena, struct str base, struct str bytes, struct str *out, struct wr_error *err)
{
    struct numeric b, value, result = {0};
    wr_numeric_decode(base, &b);
    wr_numeric_decode(bytes, &value);
    bool ok = true, special = b.kind != NUMERIC_FINITE || value.kind != NUMERIC_FINITE;
    if (b.kind == NUMERIC_NAN || value.kind == NUMERIC_NAN)
        result = wr_numeric_of_kind(NUMERIC_NAN);
    else if (special && wr_numeric_sign(&b) == 0 && wr_numeric_sign(&value) < 0)
        ok = check_log_argument(&value, err); /* here PostgreSQL looks for negatives first */
    else if (!check_log_argument(&b, err) || !check_log_argument(&value, err))
        ok = false;
    else if (b.kind != NUMERIC_FINITE)
        result = value.kind == NUMERIC_FINITE ? wr_numeric_of_small(0, 0) : wr_numeric_of_kind(NUMERIC_NAN);
    else if (value.kind != NUMERIC_FINITE)
        result = wr_numeric_of_kind(NUMERIC_PINF);
    else
        ok = log_finite(&b, &value, &result, err);
    wr_numeric_fini(&b);
    wr_numeric_fini(&value);
    return ok && wr_numeric_finish(arena, &result, out, err);
}

/* --- exp ------------------------------------------------------------------------------------------------------ */

/* e^r for small r by Taylor's series after halving, then squaring back. out: mantissa with `bits`. */
static void fixed_exp_small(mpz_t out, mpz_t r, long bits)
{
    const int halvings = 16;
    mpz_t term;
    mpz_fdiv_q_2exp(r, r, halvings);
    mpz_init(term);
    mpz_setbit(term, (mp_bitcnt_t)bits);
    mpz_set(out, term);
    for (unsigned long k = 1; mpz_sgn(term); k++) {
        mpz_mul(term, term, r);
        mpz_tdiv_q_2exp(term, term, (mp_bitcnt_t)bits);
        mpz_tdiv_q_ui(term, term, k);
        mpz_add(out, out, term);
    }
    for (int i = 0; i < halvings; i++) {
        mpz_mul(out, out, out);
        mpz_fdiv_q_2exp(out, out, (mp_bitcnt_t)bits);
    }
    mpz_clear(term);
}

/* e^(x / 2^bits), rounded to scale; |x / 2^bits| is at most some thousands. */
static struct numeric exp_fixed(mpz_t x, long bits, int scale)
{
    mpz_t ln2, k, mantissa;
    mpz_init(ln2);
    mpz_init(k);
    mpz_init(mantissa);
    fixed_ln2(ln2, bits);
    mpz_fdiv_qr(k, x, x, ln2); /* e^x = 2^k * e^rest */
    fixed_exp_small(mantissa, x, bits);
    struct numeric out = from_fixed(mantissa, bits - mpz_get_si(k), scale);
    mpz_clear(ln2);
    mpz_clear(k);
    mpz_clear(mantissa);
    return out;
}

static bool exp_finite(const struct numeric *value, struct numeric *out, struct wr_error *err)
{
    double x = approximate(value);
    double weight = fmin(fmax(x * LOG10_E, -MAX_RESULT_SCALE), MAX_RESULT_SCALE);
    int scale = clamp_scale(WR_MAX(MIN_SIG_DIGITS - (int)weight, (int)value->dscale));
    if (fabs(x) >= MAX_RESULT_SCALE * 3) {
        *out = wr_numeric_of_small(0, scale);
        return x < 0 || fail_overflow(err);
    }
    long bits = bits_for(scale + (int)fmax(x * LOG10_E, 0) + 16);
    mpz_t fixed;
    mpz_init(fixed);
    to_fixed(fixed, value, bits);
    *out = exp_fixed(fixed, bits, scale);
    mpz_clear(fixed);
    return true;
}

bool wr_numeric_exp(struct wr_arena *arena, struct str bytes, struct str *out, struct wr_error *err)
{
    struct numeric value, result = {0};
    bool ok = true;
    wr_numeric_decode(bytes, &value);
    if (value.kind == NUMERIC_FINITE)
        ok = exp_finite(&value, &result, err);
    else
        result =
            value.kind == NUMERIC_NINF ? wr_numeric_of_small(0, 0) : wr_numeric_of_kind((enum numeric_kind)value.kind);
    wr_numeric_fini(&value);
    return ok && wr_numeric_finish(arena, &result, out, err);
}

/* --- sqrt ----------------------------------------------------------------------------------------------------- */

static struct numeric sqrt_of(const struct numeric *value)
{
    int digit, weight = wr_numeric_weight(value, &digit);
    int scale = clamp_scale(WR_MAX(MIN_SIG_DIGITS - ((weight + 1) * 4 / 2 - 1), (int)value->dscale));
    /* root of value * 10^(2 scale + 2): one digit more than shown decides the rounding; a root never ends in exactly
     * half unless it is exact there */
    struct numeric root = wr_numeric_dup(value);
    wr_numeric_rescale(&root, 2 * scale + 2, false);
    wr_numeric_widen(&root);
    mpz_sqrt(root.z, root.z);
    root.dscale = (uint16_t)(scale + 1);
    wr_numeric_rescale(&root, scale, true);
    wr_numeric_shrink(&root);
    return root;
}

bool wr_numeric_sqrt(struct wr_arena *arena, struct str bytes, struct str *out, struct wr_error *err)
{
    struct numeric value, result;
    wr_numeric_decode(bytes, &value);
    if (wr_numeric_sign(&value) < 0) {
        wr_numeric_fini(&value);
        return wr_fail(err, ERR_POW_ARGUMENT, "cannot take square root of a negative number");
    }
    result = value.kind == NUMERIC_FINITE ? sqrt_of(&value) : wr_numeric_of_kind((enum numeric_kind)value.kind);
    wr_numeric_fini(&value);
    return wr_numeric_finish(arena, &result, out, err);
}

/* --- power ---------------------------------------------------------------------------------------------------- */

static bool is_whole(const struct numeric *value)
{
    if (value->kind != NUMERIC_FINITE)
        return value->kind != NUMERIC_NAN;
    struct numeric whole = wr_numeric_dup(value);
    wr_numeric_rescale(&whole, 0, false);
    bool same = wr_numeric_cmp_decoded(&whole, value) == 0;
    wr_numeric_fini(&whole);
    return same;
}

static bool is_odd(const struct numeric *value)
{
    struct numeric whole = wr_numeric_dup(value);
    wr_numeric_rescale(&whole, 0, false);
    bool odd = whole.big ? mpz_odd_p(whole.z) : (whole.small & 1) != 0;
    wr_numeric_fini(&whole);
    return odd && value->kind == NUMERIC_FINITE;
}

/* base^exponent * 10^scale rounded, in whole numbers: coefficient^n against powers of ten. */
static struct numeric power_exact(const struct numeric *base, long exponent, int scale)
{
    struct numeric number = wr_numeric_dup(base), power, result;
    unsigned long n = (unsigned long)labs(exponent);
    wr_numeric_widen(&number);
    mpz_pow_ui(number.z, number.z, n);
    number.dscale = 0;
    power = wr_numeric_of_small(1, 0);
    wr_numeric_scale_up(&power, (int)(base->dscale * n));
    if (exponent >= 0)
        wr_numeric_quotient(&number, &power, scale, true, &result);
    else
        wr_numeric_quotient(&power, &number, scale, true, &result);
    wr_numeric_fini(&number);
    wr_numeric_fini(&power);
    return result;
}

/* The same in floating point for results whose exact form would be too long. */
static struct numeric power_rounded(const struct numeric *base, long exponent, int scale, double weight)
{
    unsigned long n = (unsigned long)labs(exponent);
    struct numeric number = wr_numeric_dup(base), out = wr_numeric_of_small(0, scale);
    mp_bitcnt_t bits = (mp_bitcnt_t)((scale + fmax(weight, 0)) * BITS_PER_DIGIT + 2 * GUARD_BITS);
    mpf_t result, ten;
    wr_numeric_widen(&number);
    mpf_init2(result, bits);
    mpf_init2(ten, bits);
    mpf_set_z(result, number.z);
    mpf_pow_ui(result, result, n);
    mpf_set_ui(ten, 10);
    mpf_pow_ui(ten, ten, (unsigned long)base->dscale * n);
    if (exponent >= 0)
        mpf_div(result, result, ten);
    else
        mpf_div(result, ten, result);
    mpf_set_ui(ten, 10);
    mpf_pow_ui(ten, ten, (unsigned long)scale);
    mpf_mul(result, result, ten);
    mpf_set_d(ten, mpf_sgn(result) < 0 ? -0.5 : 0.5);
    mpf_add(result, result, ten);
    mpz_init(out.z);
    out.big = true;
    mpz_set_f(out.z, result);
    mpf_clear(result);
    mpf_clear(ten);
    wr_numeric_fini(&number);
    wr_numeric_shrink(&out);
    return out;
}

static double log10_of(const struct numeric *value)
{
    struct numeric copy = wr_numeric_dup(value);
    long exponent;
    wr_numeric_widen(&copy);
    double mantissa = mpz_get_d_2exp(&exponent, copy.z);
    wr_numeric_fini(&copy);
    return log10(fabs(mantissa)) + (double)exponent / BITS_PER_DIGIT - value->dscale;
}

static bool power_whole(const struct numeric *base, long exponent, struct numeric *out, struct wr_error *err)
{
    int scale = clamp_scale(WR_MAX(MIN_SIG_DIGITS, (int)base->dscale));
    if (exponent == 0) {
        *out = wr_numeric_of_small(1, 0);
        wr_numeric_rescale(out, scale, false);
        return true;
    }
    if (wr_numeric_sign(base) == 0) {
        *out = wr_numeric_of_small(0, scale);
        return exponent > 0 || wr_fail(err, ERR_DIVISION_BY_ZERO, "division by zero");
    }
    double weight = (double)exponent * log10_of(base);
    if (weight > 3.0 * INT16_MAX * 4 || weight > NUMERIC_WHOLE_DIGITS_MAX + 2)
        return fail_overflow(err);
    if (weight + 1 < -scale || weight + 1 < -MAX_DISPLAY_SCALE) {
        *out = wr_numeric_of_small(0, scale);
        return true;
    }
    double digits = fabs((double)exponent) * (double)WR_MAX(wr_numeric_digits(base), (size_t)base->dscale);
    *out =
        digits < EXACT_DIGITS_MAX ? power_exact(base, exponent, scale) : power_rounded(base, exponent, scale, weight);
    return true;
}

/* Any positive base, any exponent: e^(exponent * ln base). */
static bool power_real(const struct numeric *base, const struct numeric *exponent, struct numeric *out,
                       struct wr_error *err)
{
    /* PostgreSQL estimates the result's weight from a logarithm of eight digits; its rounding decides the scale shown
     */
    double ln_base = log10_of(base) / LOG10_E;
    double unit = fabs(ln_base) >= 1 ? pow(10, WR_MAX(8 - (int)log10(fabs(ln_base)), 0)) : 1e15;
    double x = round(round(ln_base * unit) / unit * approximate(exponent) * unit) / unit;
    if (fabs(x) > MAX_RESULT_SCALE * 3.01) {
        *out = wr_numeric_of_small(0, MAX_DISPLAY_SCALE);
        return x < 0 || fail_overflow(err);
    }
    int scale = WR_MAX(MIN_SIG_DIGITS - (int)(x * LOG10_E), WR_MAX((int)base->dscale, (int)exponent->dscale));
    scale = clamp_scale(scale);
    int exponent_digits = WR_MAX((int)wr_numeric_digits(exponent) - exponent->dscale, 0);
    long bits = bits_for(scale + (int)fmax(x * LOG10_E, 0) + exponent_digits + 24);
    mpz_t ln, factor;
    mpz_init(ln);
    mpz_init(factor);
    fixed_ln(ln, base, bits);
    to_fixed(factor, exponent, bits);
    mpz_mul(ln, ln, factor);
    mpz_fdiv_q_2exp(ln, ln, (mp_bitcnt_t)bits);
    long places;
    double mantissa = mpz_get_d_2exp(&places, ln), power = ldexp(mantissa, (int)(places - bits));
    bool fits = fabs(power) < MAX_RESULT_SCALE * 3; /* the estimate may be off there: what exp() allows decides */
    *out = fits ? exp_fixed(ln, bits, scale) : wr_numeric_of_small(0, scale);
    mpz_clear(ln);
    mpz_clear(factor);
    return fits || power < 0 || fail_overflow(err);
}

static bool power_finite(const struct numeric *base, const struct numeric *exponent, struct numeric *out,
                         struct wr_error *err)
{
    struct numeric whole = wr_numeric_dup(exponent);
    bool integral = is_whole(exponent);
    wr_numeric_rescale(&whole, 0, false);
    bool small = integral && !whole.big && whole.small >= INT32_MIN && whole.small <= INT32_MAX;
    long n = small ? (long)whole.small : 0;
    wr_numeric_fini(&whole);
    if (small)
        return power_whole(base, n, out, err);
    if (wr_numeric_sign(base) == 0) {
        *out = wr_numeric_of_small(0, MIN_SIG_DIGITS);
        return true;
    }
    struct numeric positive = wr_numeric_dup(base);
    bool negate = wr_numeric_sign(base) < 0;
    if (negate) {
        wr_numeric_widen(&positive);
        mpz_neg(positive.z, positive.z);
    }
    bool ok = power_real(&positive, exponent, out, err);
    wr_numeric_fini(&positive);
    if (ok && negate && is_odd(exponent)) {
        wr_numeric_widen(out);
        mpz_neg(out->z, out->z);
        wr_numeric_shrink(out);
    }
    return ok;
}

static bool is_number(const struct numeric *value, int number)
{
    struct numeric other = wr_numeric_of_small(number, 0);
    return value->kind == NUMERIC_FINITE && wr_numeric_cmp_decoded(value, &other) == 0;
}

/* Is |value| above 1? Infinities are. */
static bool above_one(const struct numeric *value)
{
    struct numeric one = wr_numeric_of_small(1, 0), minus = wr_numeric_of_small(-1, 0);
    return value->kind != NUMERIC_FINITE || wr_numeric_cmp_decoded(value, &one) > 0 ||
           wr_numeric_cmp_decoded(value, &minus) < 0;
}

/* The rules of C's pow() where an operand is not finite; errors have been ruled out. */
static struct numeric power_special(const struct numeric *base, const struct numeric *exponent)
{
    struct numeric zero = wr_numeric_of_small(0, 0), one = wr_numeric_of_small(1, 0);
    int sign_base = wr_numeric_sign(base), sign = wr_numeric_sign(exponent);
    if (is_number(base, 1) || is_number(exponent, 0))
        return one;
    if (base->kind == NUMERIC_NAN || exponent->kind == NUMERIC_NAN)
        return wr_numeric_of_kind(NUMERIC_NAN);
    if (sign_base == 0)
        return zero;
    if (exponent->kind != NUMERIC_FINITE) {
        if (is_number(base, -1))
            return one;
        return above_one(base) == (sign > 0) ? wr_numeric_of_kind(NUMERIC_PINF) : zero;
    }
    if (sign < 0)
        return zero;
    return wr_numeric_of_kind(sign_base < 0 && is_odd(exponent) ? NUMERIC_NINF : NUMERIC_PINF);
}

bool wr_numeric_power(struct wr_arena *arena, struct str base, struct str exponent, struct str *out,
                      struct wr_error *err)
{
    struct numeric b, e, result = {0};
    bool ok;
    wr_numeric_decode(base, &b);
    wr_numeric_decode(exponent, &e);
    bool nan = b.kind == NUMERIC_NAN || e.kind == NUMERIC_NAN;
    if (!nan && wr_numeric_sign(&b) == 0 && wr_numeric_sign(&e) < 0)
        ok = wr_fail(err, ERR_POW_ARGUMENT, "zero raised to a negative power is undefined");
    else if (!nan && wr_numeric_sign(&b) < 0 && !is_whole(&e))
        ok = wr_fail(err, ERR_POW_ARGUMENT, "a negative number raised to a non-integer power yields a complex result");
    else if (b.kind == NUMERIC_FINITE && e.kind == NUMERIC_FINITE)
        ok = power_finite(&b, &e, &result, err);
    else {
        result = power_special(&b, &e);
        ok = true;
    }
    wr_numeric_fini(&b);
    wr_numeric_fini(&e);
    return ok && wr_numeric_finish(arena, &result, out, err);
}
