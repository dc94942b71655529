/* Sums of numerics (numeric_sum.h). */
#include "types/numeric_sum.h"

#include <stdlib.h>

void wr_numeric_sum_init(struct numeric_sum *sum)
{
    memset(sum, 0, sizeof *sum);
    sum->cap = NUMERIC_SUM_INLINE;
}

void wr_numeric_sum_fini(struct numeric_sum *sum)
{
    wr_numeric_fini(&sum->total);
    free(sum->more);
    wr_numeric_sum_init(sum);
}

static struct scale_count *scales_of(struct numeric_sum *sum)
{
    return sum->more ? sum->more : sum->first;
}

static const struct scale_count *scales(const struct numeric_sum *sum)
{
    return sum->more ? sum->more : sum->first;
}

static void grow_scales(struct numeric_sum *sum)
{
    uint32_t cap = sum->cap * 2 + 2;
    struct scale_count *grown = wr_malloc(cap * sizeof(*grown));
    memcpy(grown, scales_of(sum), sum->nscales * sizeof(*grown));
    free(sum->more);
    sum->more = grown;
    sum->cap = cap;
}

/* Entries are kept by dscale; one that reaches zero goes. */
static void count_scale(struct numeric_sum *sum, uint16_t dscale, int64_t weight)
{
    struct scale_count *list = scales_of(sum);
    uint32_t i = 0;
    while (i < sum->nscales && list[i].dscale < dscale)
        i++;
    if (i < sum->nscales && list[i].dscale == dscale) {
        list[i].count += weight;
        if (list[i].count == 0) {
            sum->nscales--;
            memmove(list + i, list + i + 1, (sum->nscales - i) * sizeof(*list));
        }
        return;
    }
    if (sum->nscales == sum->cap) {
        grow_scales(sum);
        list = scales_of(sum);
    }
    memmove(list + i + 1, list + i, (sum->nscales - i) * sizeof(*list));
    list[i] = (struct scale_count){weight, dscale};
    sum->nscales++;
}

static void add_big(struct numeric_sum *sum, const struct numeric *value, int64_t weight)
{
    struct numeric scaled = wr_numeric_dup(value), total;
    wr_numeric_widen(&scaled);
    mpz_mul_si(scaled.z, scaled.z, weight);
    wr_numeric_add_decoded(&sum->total, &scaled, false, &total);
    wr_numeric_fini(&scaled);
    wr_numeric_fini(&sum->total);
    sum->total = total;
}

static void add_finite(struct numeric_sum *sum, const struct numeric *value, int64_t weight)
{
    wr_i128 product, total;
    bool small = !value->big && !sum->total.big && value->dscale == sum->total.dscale;
    if (small && !__builtin_mul_overflow(value->small, (wr_i128)weight, &product) &&
        !__builtin_add_overflow(sum->total.small, product, &total))
        sum->total.small = total;
    else
        add_big(sum, value, weight);
}

static void add_decoded(struct numeric_sum *sum, const struct numeric *value, int64_t weight)
{
    switch (value->kind) {
    case NUMERIC_NAN:
        sum->nan += weight;
        break;
    case NUMERIC_PINF:
        sum->pinf += weight;
        break;
    case NUMERIC_NINF:
        sum->ninf += weight;
        break;
    default:
        count_scale(sum, value->dscale, weight);
        add_finite(sum, value, weight);
        break;
    }
}

void wr_numeric_sum_add(struct numeric_sum *sum, struct str bytes, int64_t weight)
{
    struct numeric value;
    if (weight == 0)
        return;
    wr_numeric_decode(bytes, &value);
    add_decoded(sum, &value, weight);
    wr_numeric_fini(&value);
}

void wr_numeric_sum_add_int64(struct numeric_sum *sum, int64_t value, int64_t weight)
{
    struct numeric number = wr_numeric_of_small(value, 0);
    if (weight)
        add_decoded(sum, &number, weight);
}

void wr_numeric_sum_merge(struct numeric_sum *sum, const struct numeric_sum *other)
{
    sum->nan += other->nan;
    sum->pinf += other->pinf;
    sum->ninf += other->ninf;
    for (uint32_t i = 0; i < other->nscales; i++)
        count_scale(sum, scales(other)[i].dscale, scales(other)[i].count);
    add_finite(sum, &other->total, 1);
}

int64_t wr_numeric_sum_count(const struct numeric_sum *sum)
{
    int64_t count = sum->nan + sum->pinf + sum->ninf;
    for (uint32_t i = 0; i < sum->nscales; i++)
        count += scales(sum)[i].count;
    return count;
}

static uint16_t shown_scale(const struct numeric_sum *sum)
{
    for (uint32_t i = sum->nscales; i-- > 0;)
        if (scales(sum)[i].count > 0)
            return scales(sum)[i].dscale;
    return 0;
}

/* The total with no more digits than the inputs have, where that loses nothing: the same group has the same bytes. */
static struct numeric shortest_total(const struct numeric_sum *sum)
{
    uint16_t scale = sum->nscales ? scales(sum)[sum->nscales - 1].dscale : 0;
    struct numeric total = wr_numeric_dup(&sum->total);
    if (total.dscale <= scale) {
        wr_numeric_rescale(&total, scale, false);
    } else {
        wr_numeric_rescale(&total, scale, false);
        if (wr_numeric_cmp_decoded(&total, &sum->total)) {
            wr_numeric_fini(&total);
            total = wr_numeric_dup(&sum->total);
        }
    }
    return total;
}

static void put_zigzag(struct wr_buf *buf, int64_t value)
{
    wr_buf_varint(buf, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static int64_t get_zigzag(struct wr_reader *r)
{
    uint64_t value = wr_get_varint(r);
    return (int64_t)(value >> 1 ^ -(value & 1));
}

void wr_numeric_sum_encode(const struct numeric_sum *sum, struct wr_buf *buf)
{
    struct wr_arena scratch;
    wr_arena_init(&scratch, NULL);
    put_zigzag(buf, sum->nan);
    put_zigzag(buf, sum->pinf);
    put_zigzag(buf, sum->ninf);
    wr_buf_varint(buf, sum->nscales);
    for (uint32_t i = 0; i < sum->nscales; i++) {
        wr_buf_varint(buf, scales(sum)[i].dscale);
        put_zigzag(buf, scales(sum)[i].count);
    }
    struct numeric total = shortest_total(sum);
    uint8_t small[NUMERIC_SMALL_BYTES];
    wr_numeric_shrink(&total);
    if (total.big) {
        struct str bytes = wr_numeric_encode(&scratch, &total);
        wr_buf_put(buf, bytes.data, bytes.len);
    } else {
        wr_buf_put(buf, small, wr_numeric_encode_small(small, &total));
    }
    wr_numeric_fini(&total);
    wr_arena_reset(&scratch);
}

bool wr_numeric_sum_decode(const void *bytes, size_t len, struct numeric_sum *sum)
{
    struct wr_reader r = wr_reader_of(bytes, len);
    wr_numeric_sum_init(sum);
    sum->nan = get_zigzag(&r);
    sum->pinf = get_zigzag(&r);
    sum->ninf = get_zigzag(&r);
    uint64_t n = wr_get_varint(&r);
    for (uint64_t i = 0; r.ok && i < n; i++) {
        uint64_t dscale = wr_get_varint(&r);
        int64_t count = get_zigzag(&r);
        r.ok &= dscale <= NUMERIC_DSCALE_MAX;
        if (r.ok)
            count_scale(sum, (uint16_t)dscale, count);
    }
    size_t left = (size_t)(r.end - r.at);
    if (!r.ok || left < 2) {
        wr_numeric_sum_fini(sum);
        return false;
    }
    wr_numeric_decode(wr_str(r.at, left), &sum->total);
    return true;
}

/* NaN and infinities decide alone. */
static bool special_total(const struct numeric_sum *sum, struct numeric *out)
{
    if (sum->nan > 0 || (sum->pinf > 0 && sum->ninf > 0))
        *out = wr_numeric_of_kind(NUMERIC_NAN);
    else if (sum->pinf > 0 || sum->ninf > 0)
        *out = wr_numeric_of_kind(sum->pinf > 0 ? NUMERIC_PINF : NUMERIC_NINF);
    else
        return false;
    return true;
}

static struct numeric total_of(const struct numeric_sum *sum)
{
    struct numeric total;
    if (!special_total(sum, &total)) {
        total = wr_numeric_dup(&sum->total);
        wr_numeric_rescale(&total, shown_scale(sum), true);
        wr_numeric_shrink(&total);
    }
    return total;
}

bool wr_numeric_sum_total(struct wr_arena *arena, const struct numeric_sum *sum, struct str *out, struct wr_error *err)
{
    struct numeric total = total_of(sum);
    return wr_numeric_finish(arena, &total, out, err);
}

bool wr_numeric_sum_average(struct wr_arena *arena, const struct numeric_sum *sum, struct str *out,
                            struct wr_error *err)
{
    struct numeric total = total_of(sum), average;
    int64_t n = wr_numeric_sum_count(sum);
    if (total.kind != NUMERIC_FINITE)
        return wr_numeric_finish(arena, &total, out, err);
    struct numeric count = wr_numeric_of_small(n ? n : 1, 0);
    wr_numeric_quotient(&total, &count, wr_numeric_div_scale(&total, &count), true, &average);
    wr_numeric_fini(&total);
    return wr_numeric_finish(arena, &average, out, err);
}
