/* sum and avg of numeric: exact, unbounded, and without residue in the digits shown.
 *
 * A sum shows as many digits as the most detailed value in it, so values are summed apart per display scale with their
 * count: when the last value of a scale is retracted, the scale goes. Nearly every column has one scale, kept inline.
 * A scale's sum is 128 bits plus, once that has overflowed, a GMP integer. NaN and the infinities are counted. */
#include <stdlib.h>

#include "functions/agg_rows.h"
#include "types/numeric.h"

struct scale_sum {
    int64_t count;
    uint64_t low; /* the 128-bit part, in two halves: states are aligned to 8 bytes only */
    int64_t high;
    mpz_ptr big; /* NULL: nothing */
    uint16_t dscale;
};

struct numeric_state {
    int64_t n, nans, pinfs, ninfs;
    struct scale_sum first;
    struct scale_sum *more; /* sorted by scale, without the first's */
    uint16_t nscales, cap;  /* the first included */
};

static wr_i128 get_small(const struct scale_sum *sum)
{
    return (wr_i128)((wr_u128)(uint64_t)sum->high << 64 | sum->low);
}

static void set_small(struct scale_sum *sum, wr_i128 value)
{
    sum->low = (uint64_t)value;
    sum->high = (int64_t)(value >> 64);
}

static void mpz_of_i128(mpz_t out, wr_i128 value)
{
    wr_u128 magnitude = value < 0 ? 0 - (wr_u128)value : (wr_u128)value;
    mpz_init_set_ui(out, (unsigned long)(magnitude >> 64));
    mpz_mul_2exp(out, out, 64);
    mpz_add_ui(out, out, (unsigned long)magnitude);
    if (value < 0)
        mpz_neg(out, out);
}

static void mpz_of_i64(mpz_t out, int64_t value)
{
    mpz_init_set_si(out, value);
}

static struct scale_sum *find_scale(struct numeric_state *state, uint16_t dscale)
{
    if (state->nscales == 0) {
        state->first = (struct scale_sum){.dscale = dscale};
        state->nscales = 1;
    }
    if (state->first.dscale == dscale)
        return &state->first;
    uint16_t at = 0, n = (uint16_t)(state->nscales - 1);
    while (at < n && state->more[at].dscale < dscale)
        at++;
    if (at < n && state->more[at].dscale == dscale)
        return &state->more[at];
    if (n == state->cap) {
        state->cap = (uint16_t)(state->cap ? state->cap * 2 : 2);
        state->more = wr_realloc(state->more, state->cap * sizeof(*state->more));
    }
    memmove(&state->more[at + 1], &state->more[at], (size_t)(n - at) * sizeof(*state->more));
    state->more[at] = (struct scale_sum){.dscale = dscale};
    state->nscales++;
    return &state->more[at];
}

static struct scale_sum *scale_at(const struct numeric_state *state, uint16_t index)
{
    return index ? &state->more[index - 1] : (struct scale_sum *)&state->first;
}

static void add_big(struct scale_sum *sum, const struct numeric *value, int64_t weight)
{
    mpz_t coefficient, times;
    if (value->big)
        mpz_init_set(coefficient, value->z);
    else
        mpz_of_i128(coefficient, value->small);
    mpz_of_i64(times, weight);
    if (!sum->big) {
        sum->big = wr_malloc(sizeof(*sum->big));
        mpz_init(sum->big);
    }
    mpz_addmul(sum->big, coefficient, times);
    mpz_clear(coefficient);
    mpz_clear(times);
}

static void add_finite(struct numeric_state *state, const struct numeric *value, int64_t weight)
{
    struct scale_sum *sum = find_scale(state, value->dscale);
    wr_i128 product, total;
    sum->count += weight;
    if (value->big || __builtin_mul_overflow(value->small, (wr_i128)weight, &product) ||
        __builtin_add_overflow(get_small(sum), product, &total))
        add_big(sum, value, weight);
    else
        set_small(sum, total);
}

static void add_value(struct numeric_state *state, struct str bytes, int64_t weight)
{
    struct numeric value;
    wr_numeric_decode(bytes, &value);
    state->n += weight;
    switch (value.kind) {
    case NUMERIC_FINITE:
        add_finite(state, &value, weight);
        break;
    case NUMERIC_NAN:
        state->nans += weight;
        break;
    case NUMERIC_PINF:
        state->pinfs += weight;
        break;
    default:
        state->ninfs += weight;
        break;
    }
    wr_numeric_fini(&value);
}

static void numeric_init(void *state)
{
    memset(state, 0, sizeof(struct numeric_state));
}

static void numeric_fini(void *to)
{
    struct numeric_state *state = to;
    for (uint16_t i = 0; i < state->nscales; i++) {
        struct scale_sum *sum = scale_at(state, i);
        if (sum->big) {
            mpz_clear(sum->big);
            free(sum->big);
        }
    }
    free(state->more);
    numeric_init(state);
}

static int64_t numeric_heap(const void *from)
{
    const struct numeric_state *state = from;
    size_t bytes = state->cap * sizeof(*state->more);
    for (uint16_t i = 0; i < state->nscales; i++) {
        mpz_srcptr big = scale_at(state, i)->big;
        bytes += big ? sizeof(*big) + (size_t)big->_mp_alloc * sizeof(mp_limb_t) : 0;
    }
    return (int64_t)bytes;
}

static void numeric_add(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                        uint32_t n)
{
    uint32_t row;
    for (uint32_t k = 0; k < n; k++)
        if (wr_agg_row(arg, rows, k, &row))
            add_value(states[k], arg->str[row], weights[k]);
}

/* The whole of one scale as a numeric. */
static struct numeric scale_total(const struct scale_sum *sum)
{
    struct numeric total = wr_numeric_of_small(get_small(sum), sum->dscale);
    if (!sum->big || mpz_sgn(sum->big) == 0)
        return total;
    wr_numeric_widen(&total);
    mpz_add(total.z, total.z, sum->big);
    wr_numeric_shrink(&total);
    return total;
}

static enum numeric_kind special_of(const struct numeric_state *state)
{
    if (state->nans || (state->pinfs && state->ninfs))
        return NUMERIC_NAN;
    return state->pinfs ? NUMERIC_PINF : state->ninfs ? NUMERIC_NINF : NUMERIC_FINITE;
}

static bool total_of(const struct numeric_state *state, struct wr_arena *arena, struct str *out, struct wr_error *err)
{
    struct numeric total = wr_numeric_of_kind(special_of(state));
    int dscale = 0;
    for (uint16_t i = 0; i < state->nscales && total.kind == NUMERIC_FINITE; i++) {
        const struct scale_sum *sum = scale_at(state, i);
        struct numeric part = scale_total(sum), both;
        wr_numeric_add_decoded(&total, &part, false, &both);
        wr_numeric_fini(&total);
        wr_numeric_fini(&part);
        total = both;
        if (sum->count)
            dscale = WR_MAX(dscale, sum->dscale);
    }
    if (total.kind == NUMERIC_FINITE && total.dscale != dscale)
        wr_numeric_rescale(&total, dscale, true);
    bool ok = wr_numeric_finish(arena, &total, out, err);
    wr_numeric_fini(&total);
    return ok;
}

static void finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                   struct eval_errors *errors, bool mean)
{
    for (uint32_t k = 0; k < n; k++) {
        const struct numeric_state *state = states[k];
        struct wr_error err;
        if (state->n == 0) {
            wr_agg_null(arena, out, k, n);
            continue;
        }
        bool ok = total_of(state, arena, &out->str[k], &err);
        if (ok && mean)
            ok = wr_numeric_div(arena, out->str[k], wr_numeric_from_int64(arena, state->n), &out->str[k], &err);
        if (ok)
            continue;
        wr_agg_null(arena, out, k, n);
        wr_eval_error_add(errors, k, err.sqlstate, "%s", err.message);
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

static void encode_scale(const struct scale_sum *sum, struct wr_arena *arena, struct wr_buf *buf)
{
    struct numeric total = scale_total(sum);
    struct str bytes = wr_numeric_encode(arena, &total);
    wr_agg_put_i64(buf, sum->count);
    wr_buf_blob(buf, bytes.data, bytes.len); /* holds the scale, too */
    wr_numeric_fini(&total);
}

static bool is_empty(const struct scale_sum *sum)
{
    struct numeric total = scale_total(sum);
    bool empty = sum->count == 0 && wr_numeric_sign(&total) == 0;
    wr_numeric_fini(&total);
    return empty;
}

/* n, special counts if any, then the scales in order */
static void numeric_encode(const void *from, struct wr_buf *buf)
{
    const struct numeric_state *state = from;
    bool special = state->nans || state->pinfs || state->ninfs;
    struct wr_arena arena;
    const struct scale_sum *first = &state->first;
    uint16_t live = 0;
    wr_arena_init(&arena, NULL);
    wr_agg_put_i64(buf, state->n);
    wr_buf_byte(buf, special);
    if (special) {
        wr_agg_put_i64(buf, state->nans);
        wr_agg_put_i64(buf, state->pinfs);
        wr_agg_put_i64(buf, state->ninfs);
    }
    for (uint16_t i = 0; i < state->nscales; i++)
        live += !is_empty(scale_at(state, i));
    wr_buf_varint(buf, live);
    bool first_done = state->nscales == 0 || is_empty(first);
    for (uint16_t i = 1; i < state->nscales; i++) {
        if (!first_done && first->dscale < state->more[i - 1].dscale) {
            encode_scale(first, &arena, buf);
            first_done = true;
        }
        if (!is_empty(&state->more[i - 1]))
            encode_scale(&state->more[i - 1], &arena, buf);
    }
    if (!first_done)
        encode_scale(first, &arena, buf);
    wr_arena_reset(&arena);
}

static bool decode_scale(struct numeric_state *state, struct wr_reader *reader)
{
    size_t len;
    struct numeric value;
    int64_t count = wr_agg_get_i64(reader);
    const char *bytes = wr_get_blob(reader, &len);
    if (!reader->ok)
        return false;
    wr_numeric_decode(wr_str(bytes, len), &value);
    bool ok = value.kind == NUMERIC_FINITE;
    if (ok) {
        add_finite(state, &value, 1);
        find_scale(state, value.dscale)->count += count - 1;
    }
    wr_numeric_fini(&value);
    return ok;
}

static bool numeric_decode(void *to, struct wr_reader *reader)
{
    struct numeric_state *state = to;
    state->n = wr_agg_get_i64(reader);
    if (wr_get_byte(reader)) {
        state->nans = wr_agg_get_i64(reader);
        state->pinfs = wr_agg_get_i64(reader);
        state->ninfs = wr_agg_get_i64(reader);
    }
    uint64_t scales = wr_get_varint(reader);
    if (scales > NUMERIC_DSCALE_MAX + 1)
        return false;
    for (uint64_t i = 0; i < scales && reader->ok; i++)
        if (!decode_scale(state, reader))
            return false;
    return reader->ok;
}

#define NUMERIC_ROW(name, finish_rows, doc)                                                                     \
    {                                                                                                           \
        name, 1, TYPE_NUMERIC, TYPE_NUMERIC, AGG_INVERTIBLE, sizeof(struct numeric_state), false, numeric_init, \
            numeric_add, finish_rows, numeric_fini, numeric_heap, numeric_encode, numeric_decode, doc           \
    }

static const struct agg list[] = {
    NUMERIC_ROW("sum", sum_finish, "Sum of the values."),
    NUMERIC_ROW("avg", avg_finish, "Mean of the values."),
};

AGG_FAMILY(wr_agg_sum_numeric_family, list);
