/* count(*), count(x), bool_and, bool_or, every: sums of weights. */
#include "functions/agg_rows.h"

static void count_init(void *state)
{
    *(int64_t *)state = 0;
}

static void count_rows(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                       uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        *(int64_t *)states[k] += weights[k];
}

static void count_values(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                         uint32_t n)
{
    uint32_t row;
    if (!arg->nulls) {
        count_rows(states, arg, rows, weights, n);
        return;
    }
    for (uint32_t k = 0; k < n; k++)
        if (wr_agg_row(arg, rows, k, &row))
            *(int64_t *)states[k] += weights[k];
}

static void count_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                         struct eval_errors *errors)
{
    for (uint32_t k = 0; k < n; k++)
        out->i64[k] = *(const int64_t *)states[k];
}

static void count_encode(const void *state, struct wr_buf *buf)
{
    wr_agg_put_i64(buf, *(const int64_t *)state);
}

static bool count_decode(void *state, struct wr_reader *reader)
{
    *(int64_t *)state = wr_agg_get_i64(reader);
    return reader->ok;
}

static const struct agg count_list[] = {
    {"count", 0, TYPE_UNKNOWN, TYPE_INT8, AGG_INVERTIBLE, 8, false, count_init, count_rows, count_finish, NULL, NULL,
     count_encode, count_decode, "Number of rows."},
    {"count", 1, TYPE_UNKNOWN, TYPE_INT8, AGG_INVERTIBLE, 8, false, count_init, count_values, count_finish, NULL, NULL,
     count_encode, count_decode, "Number of rows whose argument is not NULL."},
};

AGG_FAMILY(wr_agg_count_family, count_list);

struct bool_state {
    int64_t trues, falses;
};

static void bool_init(void *state)
{
    *(struct bool_state *)state = (struct bool_state){0, 0};
}

static void bool_add(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                     uint32_t n)
{
    uint32_t row;
    for (uint32_t k = 0; k < n; k++) {
        struct bool_state *state = states[k];
        if (!wr_agg_row(arg, rows, k, &row))
            continue;
        if (arg->b[row])
            state->trues += weights[k];
        else
            state->falses += weights[k];
    }
}

static void bool_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out, bool want_all)
{
    for (uint32_t k = 0; k < n; k++) {
        const struct bool_state *state = states[k];
        if (state->trues == 0 && state->falses == 0)
            wr_agg_null(arena, out, k, n);
        else
            out->b[k] = want_all ? state->falses == 0 : state->trues != 0;
    }
}

static void and_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                       struct eval_errors *errors)
{
    bool_finish(states, n, arena, out, true);
}

static void or_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                      struct eval_errors *errors)
{
    bool_finish(states, n, arena, out, false);
}

static void bool_encode(const void *from, struct wr_buf *buf)
{
    const struct bool_state *state = from;
    wr_agg_put_i64(buf, state->trues);
    wr_agg_put_i64(buf, state->falses);
}

static bool bool_decode(void *to, struct wr_reader *reader)
{
    struct bool_state *state = to;
    state->trues = wr_agg_get_i64(reader);
    state->falses = wr_agg_get_i64(reader);
    return reader->ok;
}

#define BOOL_ROW(name, finish, doc)                                                                                   \
    {                                                                                                                 \
        name, 1, TYPE_BOOL, TYPE_BOOL, AGG_INVERTIBLE, sizeof(struct bool_state), false, bool_init, bool_add, finish, \
            NULL, NULL, bool_encode, bool_decode, doc                                                                 \
    }

static const struct agg bool_list[] = {
    BOOL_ROW("bool_and", and_finish, "Are all values true?"),
    BOOL_ROW("every", and_finish, "Are all values true?"),
    BOOL_ROW("bool_or", or_finish, "Is any value true?"),
};

AGG_FAMILY(wr_agg_bool_family, bool_list);
