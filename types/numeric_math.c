/* Arithmetic on numerics: exact, with the result scales of PostgreSQL 15. Each operation tries 128-bit registers
 * first and goes to GMP on overflow. */
#include "types/numeric.h"

#define MIN_SIG_DIGITS    16   /* a quotient shows at least this many significant digits */
#define MAX_DISPLAY_SCALE 1000 /* and at most this many after the point */
/* round() and trunc() clamp their argument to what a numeric can have (PostgreSQL 15.9 and later; 2000 before) */
#define MAX_ROUND_SCALE 16383
#define MIN_ROUND_SCALE (-131073)

static void pow10_big(mpz_t z, int n)
{
    mpz_init(z);
    mpz_ui_pow_ui(z, 10, (unsigned long)n);
}

void wr_numeric_scale_up(struct numeric *value, int n)
{
    wr_i128 scaled;
    if (n <= 0)
        return;
    if (!value->big && value->small == 0)
        return;
    if (!value->big && n <= 38 && !__builtin_mul_overflow(value->small, wr_numeric_pow10_small(n), &scaled)) {
        value->small = scaled;
        return;
    }
    mpz_t power;
    pow10_big(power, n);
    wr_numeric_widen(value);
    mpz_mul(value->z, value->z, power);
    mpz_clear(power);
}

/* coefficient /= 10^n. */
static void scale_down_small(struct numeric *value, int n, bool round)
{
    if (n > 38) {
        value->small = 0; /* |coefficient| < 2 * 10^38: below half of 10^39 */
        return;
    }
    wr_i128 power = wr_numeric_pow10_small(n);
    wr_i128 quotient = value->small / power, rest = value->small % power;
    wr_u128 twice = 2 * (rest < 0 ? -(wr_u128)rest : (wr_u128)rest);
    if (round && twice >= (wr_u128)power)
        quotient += value->small < 0 ? -1 : 1;
    value->small = quotient;
}

static void scale_down_big(struct numeric *value, int n, bool round)
{
    mpz_t power, rest;
    pow10_big(power, n);
    mpz_init(rest);
    int sign = mpz_sgn(value->z);
    mpz_tdiv_qr(value->z, rest, value->z, power);
    mpz_mul_2exp(rest, rest, 1);
    if (round && mpz_cmpabs(rest, power) >= 0)
        sign < 0 ? mpz_sub_ui(value->z, value->z, 1) : mpz_add_ui(value->z, value->z, 1);
    mpz_clear(power);
    mpz_clear(rest);
    wr_numeric_shrink(value);
}

static void scale_down(struct numeric *value, int n, bool round)
{
    if (n <= 0)
        return;
    /* Nothing but zeros can be left far below the last digit. */
    if (value->big)
        scale_down_big(value, WR_MIN(n, NUMERIC_WHOLE_DIGITS_MAX + 2 * NUMERIC_DSCALE_MAX), round);
    else
        scale_down_small(value, n, round);
}

void wr_numeric_rescale(struct numeric *value, int dscale, bool round)
{
    if (value->kind != NUMERIC_FINITE)
        return;
    if (dscale >= value->dscale)
        wr_numeric_scale_up(value, dscale - value->dscale);
    else
        scale_down(value, value->dscale - dscale, round);
    if (dscale < 0)
        wr_numeric_scale_up(value, -dscale);
    value->dscale = (uint16_t)WR_MAX(dscale, 0);
}

bool wr_numeric_finish(struct wr_arena *arena, struct numeric *value, struct str *out, struct wr_error *err)
{
    bool ok = value->kind != NUMERIC_FINITE || !value->big ||
              (int64_t)wr_numeric_digits(value) - value->dscale <= NUMERIC_WHOLE_DIGITS_MAX;
    if (ok)
        *out = wr_numeric_encode(arena, value);
    wr_numeric_fini(value);
    return ok || wr_fail(err, ERR_NUMERIC_OUT_OF_RANGE, "value overflows numeric format");
}

/* --- order ---------------------------------------------------------------------------------------------------- */

static int cmp_kind(const struct numeric *value)
{
    static const int order[] = {[NUMERIC_NINF] = 0, [NUMERIC_FINITE] = 1, [NUMERIC_PINF] = 2, [NUMERIC_NAN] = 3};
    return order[value->kind];
}

static int cmp_big(const struct numeric *a, const struct numeric *b)
{
    struct numeric x = wr_numeric_dup(a), y = wr_numeric_dup(b);
    wr_numeric_scale_up(&x, WR_MAX(b->dscale - a->dscale, 0));
    wr_numeric_scale_up(&y, WR_MAX(a->dscale - b->dscale, 0));
    wr_numeric_widen(&x);
    wr_numeric_widen(&y);
    int c = mpz_cmp(x.z, y.z);
    wr_numeric_fini(&x);
    wr_numeric_fini(&y);
    return (c > 0) - (c < 0);
}

int wr_numeric_cmp_decoded(const struct numeric *a, const struct numeric *b)
{
    if (a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE)
        return (cmp_kind(a) > cmp_kind(b)) - (cmp_kind(a) < cmp_kind(b));
    int sign_a = wr_numeric_sign(a), sign_b = wr_numeric_sign(b);
    if (sign_a != sign_b || sign_a == 0)
        return (sign_a > sign_b) - (sign_a < sign_b);
    wr_i128 x = a->small, y = b->small;
    int up_a = b->dscale - a->dscale, up_b = -up_a;
    if (a->big || b->big || WR_MAX(up_a, up_b) > 38)
        return cmp_big(a, b);
    if (up_a > 0 && __builtin_mul_overflow(x, wr_numeric_pow10_small(up_a), &x))
        return cmp_big(a, b);
    if (up_b > 0 && __builtin_mul_overflow(y, wr_numeric_pow10_small(up_b), &y))
        return cmp_big(a, b);
    return (x > y) - (x < y);
}

int wr_numeric_cmp(struct str a, struct str b)
{
    struct numeric x, y;
    wr_numeric_decode(a, &x);
    wr_numeric_decode(b, &y);
    int c = wr_numeric_cmp_decoded(&x, &y);
    wr_numeric_fini(&x);
    wr_numeric_fini(&y);
    return c;
}

/* --- add, subtract, multiply ---------------------------------------------------------------------------------- */

static void add_big(const struct numeric *a, const struct numeric *b, bool subtract, struct numeric *out)
{
    struct numeric other = wr_numeric_dup(b);
    *out = wr_numeric_dup(a);
    int dscale = WR_MAX(a->dscale, b->dscale);
    wr_numeric_rescale(out, dscale, false);
    wr_numeric_rescale(&other, dscale, false);
    wr_numeric_widen(out);
    wr_numeric_widen(&other);
    if (subtract)
        mpz_sub(out->z, out->z, other.z);
    else
        mpz_add(out->z, out->z, other.z);
    wr_numeric_fini(&other);
    wr_numeric_shrink(out);
}

void wr_numeric_add_decoded(const struct numeric *a, const struct numeric *b, bool subtract, struct numeric *out)
{
    wr_i128 x = a->small, y = b->small, sum;
    int up_a = b->dscale - a->dscale, up_b = -up_a;
    bool big = a->big || b->big || WR_MAX(up_a, up_b) > 38;
    if (!big && up_a > 0)
        big = __builtin_mul_overflow(x, wr_numeric_pow10_small(up_a), &x);
    if (!big && up_b > 0)
        big = __builtin_mul_overflow(y, wr_numeric_pow10_small(up_b), &y);
    if (!big)
        big = subtract ? __builtin_sub_overflow(x, y, &sum) : __builtin_add_overflow(x, y, &sum);
    if (big)
        add_big(a, b, subtract, out);
    else
        *out = wr_numeric_of_small(sum, WR_MAX(a->dscale, b->dscale));
}

static uint8_t negated_kind(uint8_t kind)
{
    return kind == NUMERIC_PINF ? NUMERIC_NINF : kind == NUMERIC_NINF ? NUMERIC_PINF : kind;
}

static bool is_special(const struct numeric *a, const struct numeric *b)
{
    return WR_UNLIKELY(a->kind != NUMERIC_FINITE || b->kind != NUMERIC_FINITE);
}

static bool is_nan(const struct numeric *a, const struct numeric *b)
{
    return a->kind == NUMERIC_NAN || b->kind == NUMERIC_NAN;
}

static struct numeric infinity(int sign)
{
    return wr_numeric_of_kind(sign > 0 ? NUMERIC_PINF : sign < 0 ? NUMERIC_NINF : NUMERIC_NAN);
}

static struct numeric add_special(const struct numeric *a, const struct numeric *b, bool subtract)
{
    uint8_t kind_b = subtract ? negated_kind(b->kind) : b->kind;
    if (is_nan(a, b))
        return wr_numeric_of_kind(NUMERIC_NAN);
    if (a->kind == NUMERIC_FINITE)
        return wr_numeric_of_kind(kind_b);
    return wr_numeric_of_kind(b->kind == NUMERIC_FINITE || kind_b == a->kind ? a->kind : NUMERIC_NAN);
}

static bool add(struct wr_arena *arena, struct str a, struct str b, bool subtract, struct str *out,
                struct wr_error *err)
{
    struct numeric x, y, sum;
    wr_numeric_decode(a, &x);
    wr_numeric_decode(b, &y);
    if (is_special(&x, &y))
        sum = add_special(&x, &y, subtract);
    else
        wr_numeric_add_decoded(&x, &y, subtract, &sum);
    wr_numeric_fini(&x);
    wr_numeric_fini(&y);
    return wr_numeric_finish(arena, &sum, out, err);
}

bool wr_numeric_add(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err)
{
    return add(arena, a, b, false, out, err);
}

bool wr_numeric_sub(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err)
{
    return add(arena, a, b, true, out, err);
}

static void multiply(const struct numeric *a, const struct numeric *b, struct numeric *out)
{
    wr_i128 product;
    int dscale = a->dscale + b->dscale;
    if (!a->big && !b->big && !__builtin_mul_overflow(a->small, b->small, &product)) {
        *out = wr_numeric_of_small(product, dscale);
    } else {
        struct numeric other = wr_numeric_dup(b);
        *out = wr_numeric_dup(a);
        out->dscale = (uint16_t)dscale;
        wr_numeric_widen(out);
        wr_numeric_widen(&other);
        mpz_mul(out->z, out->z, other.z);
        wr_numeric_fini(&other);
        wr_numeric_shrink(out);
    }
    if (dscale > NUMERIC_DSCALE_MAX)
        wr_numeric_rescale(out, NUMERIC_DSCALE_MAX, true);
}

bool wr_numeric_mul(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err)
{
    struct numeric x, y, product;
    wr_numeric_decode(a, &x);
    wr_numeric_decode(b, &y);
    if (!is_special(&x, &y))
        multiply(&x, &y, &product);
    else if (is_nan(&x, &y))
        product = wr_numeric_of_kind(NUMERIC_NAN);
    else
        product = infinity(wr_numeric_sign(&x) * wr_numeric_sign(&y));
    wr_numeric_fini(&x);
    wr_numeric_fini(&y);
    return wr_numeric_finish(arena, &product, out, err);
}

/* --- divide --------------------------------------------------------------------------------------------------- */

/* The first n of the coefficient's `digits` decimal digits, as a number. */
static int leading_digits(const struct numeric *value, size_t digits, int n)
{
    struct numeric lead = wr_numeric_dup(value);
    int drop = (int)digits - n;
    if (drop < 0)
        wr_numeric_scale_up(&lead, -drop);
    else
        scale_down(&lead, drop, false);
    int number = (int)lead.small;
    wr_numeric_fini(&lead);
    return number < 0 ? -number : number;
}

int wr_numeric_weight(const struct numeric *value, int *digit)
{
    int digits = (int)wr_numeric_digits(value);
    if (digits == 0) {
        *digit = 0;
        return 0;
    }
    int whole = digits - value->dscale; /* decimal digits before the point; 0 or less: zeros follow the point */
    int weight = whole > 0 ? (whole - 1) / 4 : -((4 - whole) / 4);
    *digit = leading_digits(value, (size_t)digits, whole - 4 * weight);
    return weight;
}

int wr_numeric_div_scale(const struct numeric *a, const struct numeric *b)
{
    int first_a, first_b;
    int weight = wr_numeric_weight(a, &first_a) - wr_numeric_weight(b, &first_b);
    if (first_a <= first_b)
        weight--;
    int scale = MIN_SIG_DIGITS - 4 * weight;
    scale = WR_MAX(scale, WR_MAX(a->dscale, b->dscale));
    return WR_MIN(WR_MAX(scale, 0), MAX_DISPLAY_SCALE);
}

static void quotient_big(const struct numeric *a, const struct numeric *b, int up, bool round, struct numeric *out)
{
    struct numeric divisor = wr_numeric_dup(b);
    *out = wr_numeric_dup(a);
    wr_numeric_scale_up(out, WR_MAX(up, 0));
    wr_numeric_scale_up(&divisor, WR_MAX(-up, 0));
    wr_numeric_widen(out);
    wr_numeric_widen(&divisor);
    mpz_t rest;
    mpz_init(rest);
    int sign = mpz_sgn(out->z) * mpz_sgn(divisor.z);
    mpz_tdiv_qr(out->z, rest, out->z, divisor.z);
    mpz_mul_2exp(rest, rest, 1);
    if (round && mpz_cmpabs(rest, divisor.z) >= 0)
        sign < 0 ? mpz_sub_ui(out->z, out->z, 1) : mpz_add_ui(out->z, out->z, 1);
    mpz_clear(rest);
    wr_numeric_fini(&divisor);
    wr_numeric_shrink(out);
}

/* Both coefficients in registers after scaling; the divisor below 2^126 so that twice the rest fits. */
static bool quotient_small(const struct numeric *a, const struct numeric *b, int up, bool round, struct numeric *out)
{
    wr_i128 x = a->small, y = b->small;
    if (a->big || b->big || up > 38 || up < -38)
        return false;
    if (up > 0 && __builtin_mul_overflow(x, wr_numeric_pow10_small(up), &x))
        return false;
    if (up < 0 && __builtin_mul_overflow(y, wr_numeric_pow10_small(-up), &y))
        return false;
    wr_i128 limit = (wr_i128)1 << 126;
    if (y >= limit || y <= -limit || x >= limit || x <= -limit)
        return false;
    wr_i128 quotient, rest;
    if ((int64_t)x == x && (int64_t)y == y) {
        quotient = (int64_t)x / (int64_t)y;
        rest = (int64_t)x % (int64_t)y;
    } else {
        quotient = x / y;
        rest = x - quotient * y;
    }
    wr_i128 twice = 2 * (rest < 0 ? -rest : rest);
    if (round && twice >= (y < 0 ? -y : y))
        quotient += (x < 0) == (y < 0) ? 1 : -1;
    *out = wr_numeric_of_small(quotient, 0);
    return true;
}

void wr_numeric_quotient(const struct numeric *a, const struct numeric *b, int dscale, bool round, struct numeric *out)
{
    int up = dscale - a->dscale + b->dscale;
    if (!quotient_small(a, b, up, round, out))
        quotient_big(a, b, up, round, out);
    out->dscale = (uint16_t)dscale;
}

static bool fail_zero(struct wr_error *err)
{
    return wr_fail(err, ERR_DIVISION_BY_ZERO, "division by zero");
}

/* Division's answer where an operand is NaN or infinite. */
static bool div_special(const struct numeric *a, const struct numeric *b, struct numeric *out, struct wr_error *err)
{
    if (is_nan(a, b)) {
        *out = wr_numeric_of_kind(NUMERIC_NAN);
        return true;
    }
    if (a->kind == NUMERIC_FINITE) {
        *out = wr_numeric_of_small(0, 0);
        return true;
    }
    if (b->kind == NUMERIC_FINITE && wr_numeric_sign(b) == 0)
        return fail_zero(err);
    *out = b->kind == NUMERIC_FINITE ? infinity(wr_numeric_sign(a) * wr_numeric_sign(b)) : infinity(0);
    return true;
}

/* round: the `/` operator with its scale; else the integer quotient of div(). */
static bool divide(struct wr_arena *arena, struct str a, struct str b, bool round, struct str *out,
                   struct wr_error *err)
{
    struct numeric x, y, result = {0};
    bool ok = true;
    wr_numeric_decode(a, &x);
    wr_numeric_decode(b, &y);
    if (is_special(&x, &y))
        ok = div_special(&x, &y, &result, err);
    else if (wr_numeric_sign(&y) == 0)
        ok = fail_zero(err);
    else
        wr_numeric_quotient(&x, &y, round ? wr_numeric_div_scale(&x, &y) : 0, round, &result);
    wr_numeric_fini(&x);
    wr_numeric_fini(&y);
    return ok && wr_numeric_finish(arena, &result, out, err);
}

bool wr_numeric_div(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err)
{
    return divide(arena, a, b, true, out, err);
}

bool wr_numeric_div_trunc(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err)
{
    return divide(arena, a, b, false, out, err);
}

/* The remainder has the dividend's sign. */
static void remainder_of(const struct numeric *a, const struct numeric *b, struct numeric *out)
{
    struct numeric quotient, product;
    wr_numeric_quotient(a, b, 0, false, &quotient);
    multiply(&quotient, b, &product);
    wr_numeric_add_decoded(a, &product, true, out);
    wr_numeric_fini(&quotient);
    wr_numeric_fini(&product);
}

static bool mod_special(const struct numeric *a, const struct numeric *b, struct numeric *out, struct wr_error *err)
{
    if (!is_nan(a, b) && a->kind != NUMERIC_FINITE && b->kind == NUMERIC_FINITE && wr_numeric_sign(b) == 0)
        return fail_zero(err);
    bool keeps = !is_nan(a, b) && a->kind == NUMERIC_FINITE; /* x mod infinity = x */
    *out = keeps ? wr_numeric_dup(a) : wr_numeric_of_kind(NUMERIC_NAN);
    return true;
}

bool wr_numeric_mod(struct wr_arena *arena, struct str a, struct str b, struct str *out, struct wr_error *err)
{
    struct numeric x, y, rest = {0};
    bool ok = true;
    wr_numeric_decode(a, &x);
    wr_numeric_decode(b, &y);
    if (is_special(&x, &y))
        ok = mod_special(&x, &y, &rest, err);
    else if (wr_numeric_sign(&y) == 0)
        ok = fail_zero(err);
    else
        remainder_of(&x, &y, &rest);
    wr_numeric_fini(&x);
    wr_numeric_fini(&y);
    return ok && wr_numeric_finish(arena, &rest, out, err);
}

/* --- one operand ---------------------------------------------------------------------------------------------- */

static void negate(struct numeric *value)
{
    value->kind = negated_kind(value->kind);
    if (!value->big && value->small == (wr_i128)((wr_u128)1 << 127))
        wr_numeric_widen(value);
    if (value->big)
        mpz_neg(value->z, value->z);
    else
        value->small = -value->small;
}

static struct str encode_and_fini(struct wr_arena *arena, struct numeric *value)
{
    struct str out = wr_numeric_encode(arena, value);
    wr_numeric_fini(value);
    return out;
}

struct str wr_numeric_neg(struct wr_arena *arena, struct str bytes)
{
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    negate(&value);
    return encode_and_fini(arena, &value);
}

struct str wr_numeric_abs(struct wr_arena *arena, struct str bytes)
{
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    if (wr_numeric_sign(&value) < 0)
        negate(&value);
    return encode_and_fini(arena, &value);
}

struct str wr_numeric_signum(struct wr_arena *arena, struct str bytes)
{
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    struct numeric sign =
        value.kind == NUMERIC_NAN ? wr_numeric_of_kind(NUMERIC_NAN) : wr_numeric_of_small(wr_numeric_sign(&value), 0);
    wr_numeric_fini(&value);
    return wr_numeric_encode(arena, &sign);
}

static bool to_scale(struct wr_arena *arena, struct str bytes, int32_t digits, bool round, struct str *out,
                     struct wr_error *err)
{
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    wr_numeric_rescale(&value, WR_MIN(WR_MAX(digits, MIN_ROUND_SCALE), MAX_ROUND_SCALE), round);
    return wr_numeric_finish(arena, &value, out, err);
}

bool wr_numeric_round(struct wr_arena *arena, struct str value, int32_t digits, struct str *out, struct wr_error *err)
{
    return to_scale(arena, value, digits, true, out, err);
}

bool wr_numeric_trunc(struct wr_arena *arena, struct str value, int32_t digits, struct str *out, struct wr_error *err)
{
    return to_scale(arena, value, digits, false, out, err);
}

/* The whole number next to the value in the direction of `sign`. */
static bool to_whole(struct wr_arena *arena, struct str bytes, int sign, struct str *out, struct wr_error *err)
{
    struct numeric value, whole, moved;
    wr_numeric_decode(bytes, &value);
    whole = wr_numeric_dup(&value);
    wr_numeric_rescale(&whole, 0, false);
    if (value.kind == NUMERIC_FINITE && wr_numeric_cmp_decoded(&value, &whole) == sign) {
        struct numeric one = wr_numeric_of_small(sign, 0);
        wr_numeric_add_decoded(&whole, &one, false, &moved);
        wr_numeric_fini(&whole);
        whole = moved;
    }
    wr_numeric_fini(&value);
    return wr_numeric_finish(arena, &whole, out, err);
}

bool wr_numeric_ceil(struct wr_arena *arena, struct str value, struct str *out, struct wr_error *err)
{
    return to_whole(arena, value, 1, out, err);
}

bool wr_numeric_floor(struct wr_arena *arena, struct str value, struct str *out, struct wr_error *err)
{
    return to_whole(arena, value, -1, out, err);
}
