/* bit_and, bit_or, bit_xor of integer and bigint. Kept is how many values there are and in how many of them each bit is
 * set: that can be taken back, which the bits of a result alone cannot. */
#include "functions/agg_rows.h"

struct bit_counts {
    int64_t n;
    int64_t set[64]; /* of an integer's state only the first 32 exist */
};
#define STATE_SIZE(bits) (uint32_t)(sizeof(int64_t) * (1 + (bits)))

enum combine { COMBINE_AND, COMBINE_OR, COMBINE_XOR };

static void init_i32(void *state)
{
    memset(state, 0, STATE_SIZE(32));
}

static void init_i64(void *state)
{
    memset(state, 0, STATE_SIZE(64));
}

static inline void count_bits(struct bit_counts *state, uint64_t value, int64_t weight, unsigned bits)
{
    state->n += weight;
    for (unsigned b = 0; b < bits; b++)
        state->set[b] += (int64_t)(value >> b & 1) * weight;
}

static void add_i32(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                    uint32_t n)
{
    uint32_t row;
    for (uint32_t k = 0; k < n; k++)
        if (wr_agg_row(arg, rows, k, &row))
            count_bits(states[k], (uint32_t)arg->i32[row], weights[k], 32);
}

static void add_i64(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                    uint32_t n)
{
    uint32_t row;
    for (uint32_t k = 0; k < n; k++)
        if (wr_agg_row(arg, rows, k, &row))
            count_bits(states[k], (uint64_t)arg->i64[row], weights[k], 64);
}

static uint64_t combined(const struct bit_counts *state, enum combine how, unsigned bits)
{
    uint64_t result = 0;
    for (unsigned b = 0; b < bits; b++) {
        int64_t set = state->set[b];
        bool is_set = how == COMBINE_AND ? set == state->n : how == COMBINE_OR ? set != 0 : set & 1;
        result |= (uint64_t)is_set << b;
    }
    return result;
}

static void finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out, enum combine how)
{
    bool wide = out->type.id == TYPE_INT8;
    for (uint32_t k = 0; k < n; k++) {
        const struct bit_counts *state = states[k];
        if (!state->n)
            wr_agg_null(arena, out, k, n);
        else if (wide)
            out->i64[k] = (int64_t)combined(state, how, 64);
        else
            out->i32[k] = (int32_t)combined(state, how, 32);
    }
}

static void and_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                       struct eval_errors *errors)
{
    finish(states, n, arena, out, COMBINE_AND);
}

static void or_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                      struct eval_errors *errors)
{
    finish(states, n, arena, out, COMBINE_OR);
}

static void xor_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                       struct eval_errors *errors)
{
    finish(states, n, arena, out, COMBINE_XOR);
}

static void encode(const struct bit_counts *state, struct wr_buf *buf, unsigned bits)
{
    wr_agg_put_i64(buf, state->n);
    for (unsigned b = 0; b < bits; b++)
        wr_agg_put_i64(buf, state->set[b]);
}

static bool decode(struct bit_counts *state, struct wr_reader *reader, unsigned bits)
{
    state->n = wr_agg_get_i64(reader);
    for (unsigned b = 0; b < bits; b++)
        state->set[b] = wr_agg_get_i64(reader);
    return reader->ok;
}

static void encode_i32(const void *state, struct wr_buf *buf)
{
    encode(state, buf, 32);
}

static void encode_i64(const void *state, struct wr_buf *buf)
{
    encode(state, buf, 64);
}

static bool decode_i32(void *state, struct wr_reader *reader)
{
    return decode(state, reader, 32);
}

static bool decode_i64(void *state, struct wr_reader *reader)
{
    return decode(state, reader, 64);
}

#define BITS_ROW(name, id, bits, width, finish, doc)                                                             \
    {                                                                                                            \
        name, 1, id, id, AGG_INVERTIBLE, STATE_SIZE(bits), false, init_##width, add_##width, finish, NULL, NULL, \
            encode_##width, decode_##width, doc                                                                  \
    }
#define BITS_ROWS(id, bits, width)                                                             \
    BITS_ROW("bit_and", id, bits, width, and_finish, "The bits that are set in all values."),  \
        BITS_ROW("bit_or", id, bits, width, or_finish, "The bits that are set in any value."), \
        BITS_ROW("bit_xor", id, bits, width, xor_finish, "The bits set in an odd number of values.")

static const struct agg list[] = {
    BITS_ROWS(TYPE_INT4, 32, i32),
    BITS_ROWS(TYPE_INT8, 64, i64),
};

AGG_FAMILY(wr_agg_bits_family, list);
