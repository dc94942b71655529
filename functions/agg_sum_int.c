/* sum and avg of integer and bigint: a 128-bit sum and the count of values. |weight * value| < 2^126, so it takes more
 * than 2^63 rows to leave 128 bits. sum(integer) that is no bigint is an error of the output row, not of the state. */
#include "functions/agg_rows.h"
#include "types/numeric.h"

struct sum_state {
    wr_i128 sum;
    int64_t n;
} __attribute__((packed, aligned(8)));

static void sum_init(void *state)
{
    memset(state, 0, sizeof(struct sum_state));
}

#define DEFINE_ADD(name, field)                                                                                   \
    static void name(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights, \
                     uint32_t n)                                                                                  \
    {                                                                                                             \
        uint32_t row;                                                                                             \
        for (uint32_t k = 0; k < n; k++) {                                                                        \
            struct sum_state *state = states[k];                                                                  \
            if (!wr_agg_row(arg, rows, k, &row))                                                                  \
                continue;                                                                                         \
            state->sum += (wr_i128)weights[k] * arg->field[row];                                                  \
            state->n += weights[k];                                                                               \
        }                                                                                                         \
    }
DEFINE_ADD(add_i32, i32)
DEFINE_ADD(add_i64, i64)

static void sum_i32_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                           struct eval_errors *errors)
{
    for (uint32_t k = 0; k < n; k++) {
        const struct sum_state *state = states[k];
        out->i64[k] = (int64_t)state->sum;
        if (state->n == 0)
            wr_agg_null(arena, out, k, n);
        if (state->n == 0 || state->sum == (int64_t)state->sum)
            continue;
        wr_agg_null(arena, out, k, n);
        wr_eval_error_add(errors, k, ERR_NUMERIC_OUT_OF_RANGE, "bigint out of range");
    }
}

static void sum_i64_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                           struct eval_errors *errors)
{
    for (uint32_t k = 0; k < n; k++) {
        const struct sum_state *state = states[k];
        if (state->n == 0)
            wr_agg_null(arena, out, k, n);
        else
            out->str[k] = wr_numeric_from_int128(arena, state->sum, 0);
    }
}

static void avg_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                       struct eval_errors *errors)
{
    struct wr_error err;
    for (uint32_t k = 0; k < n; k++) {
        const struct sum_state *state = states[k];
        if (state->n == 0) {
            wr_agg_null(arena, out, k, n);
            continue;
        }
        struct str sum = wr_numeric_from_int128(arena, state->sum, 0), count = wr_numeric_from_int64(arena, state->n);
        if (wr_numeric_div(arena, sum, count, &out->str[k], &err))
            continue;
        wr_agg_null(arena, out, k, n);
        wr_eval_error_add(errors, k, err.sqlstate, "%s", err.message);
    }
}

static void sum_encode(const void *from, struct wr_buf *buf)
{
    const struct sum_state *state = from;
    wr_agg_put_i64(buf, state->n);
    wr_agg_put_i128(buf, state->sum);
}

static bool sum_decode(void *to, struct wr_reader *reader)
{
    struct sum_state *state = to;
    state->n = wr_agg_get_i64(reader);
    state->sum = wr_agg_get_i128(reader);
    return reader->ok;
}

#define SUM_ROW(name, arg, result, add, finish, doc)                                                              \
    {                                                                                                             \
        name, 1, arg, result, AGG_INVERTIBLE, sizeof(struct sum_state), false, sum_init, add, finish, NULL, NULL, \
            sum_encode, sum_decode, doc                                                                           \
    }

static const struct agg list[] = {
    SUM_ROW("sum", TYPE_INT4, TYPE_INT8, add_i32, sum_i32_finish, "Sum of the values."),
    SUM_ROW("sum", TYPE_INT8, TYPE_NUMERIC, add_i64, sum_i64_finish, "Sum of the values."),
    SUM_ROW("avg", TYPE_INT4, TYPE_NUMERIC, add_i32, avg_finish, "Mean of the values."),
    SUM_ROW("avg", TYPE_INT8, TYPE_NUMERIC, add_i64, avg_finish, "Mean of the values."),
};

AGG_FAMILY(wr_agg_sum_int_family, list);
