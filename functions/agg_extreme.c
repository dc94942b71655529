/* min and max. Where rows can be retracted the operator keeps the ordered multiset; this accumulator serves input that
 * only grows (weights are positive). Of values that are equal in SQL but differ in bytes (1.0 and 1.00, -0 and 0) it
 * keeps the one whose bytes sort lowest, so that the order of arrival does not matter. */
#include <stdlib.h>

#include "functions/agg_rows.h"
#include "functions/kernel.h"
#include "types/numeric.h"

struct flat_state {
    bool has;
    union {
        int32_t i32;
        int64_t i64;
        double f64;
    };
};

struct bytes_state {
    bool has;
    uint32_t len, cap;
    char *data;
};

static void flat_init(void *state)
{
    memset(state, 0, sizeof(struct flat_state));
}

/* Is x to replace y? sign 1: max, -1: min. */
static inline bool f64_better(double x, double y, int sign)
{
    if (wr_f64_lt(x, y) || wr_f64_lt(y, x))
        return wr_f64_lt(x, y) == (sign < 0);
    uint64_t a, b;
    memcpy(&a, &x, sizeof(a));
    memcpy(&b, &y, sizeof(b));
    return a < b;
}

#define PLAIN_BETTER(x, y, sign) ((sign) > 0 ? (x) > (y) : (x) < (y))

#define FLAT_KERNELS(prefix, ctype, field, better, encode_value, decode_value)                                       \
    static inline void prefix##_add(void *const *states, const struct column *arg, const uint32_t *rows, uint32_t n, \
                                    int sign)                                                                        \
    {                                                                                                                \
        uint32_t row;                                                                                                \
        for (uint32_t k = 0; k < n; k++) {                                                                           \
            struct flat_state *state = states[k];                                                                    \
            if (!wr_agg_row(arg, rows, k, &row))                                                                     \
                continue;                                                                                            \
            ctype value = arg->field[row];                                                                           \
            if (!state->has || better(value, state->field, sign))                                                    \
                state->field = value;                                                                                \
            state->has = true;                                                                                       \
        }                                                                                                            \
    }                                                                                                                \
    static void prefix##_max(void *const *states, const struct column *arg, const uint32_t *rows,                    \
                             const int64_t *weights, uint32_t n)                                                     \
    {                                                                                                                \
        prefix##_add(states, arg, rows, n, 1);                                                                       \
    }                                                                                                                \
    static void prefix##_min(void *const *states, const struct column *arg, const uint32_t *rows,                    \
                             const int64_t *weights, uint32_t n)                                                     \
    {                                                                                                                \
        prefix##_add(states, arg, rows, n, -1);                                                                      \
    }                                                                                                                \
    static void prefix##_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,         \
                                struct eval_errors *errors)                                                          \
    {                                                                                                                \
        for (uint32_t k = 0; k < n; k++) {                                                                           \
            const struct flat_state *state = states[k];                                                              \
            out->field[k] = state->field;                                                                            \
            if (!state->has)                                                                                         \
                wr_agg_null(arena, out, k, n);                                                                       \
        }                                                                                                            \
    }                                                                                                                \
    static void prefix##_encode(const void *from, struct wr_buf *buf)                                                \
    {                                                                                                                \
        const struct flat_state *state = from;                                                                       \
        wr_buf_byte(buf, state->has);                                                                                \
        if (state->has)                                                                                              \
            encode_value;                                                                                            \
    }                                                                                                                \
    static bool prefix##_decode(void *to, struct wr_reader *reader)                                                  \
    {                                                                                                                \
        struct flat_state *state = to;                                                                               \
        state->has = wr_get_byte(reader) != 0;                                                                       \
        if (state->has)                                                                                              \
            decode_value;                                                                                            \
        return reader->ok;                                                                                           \
    }

FLAT_KERNELS(i32, int32_t, i32, PLAIN_BETTER, wr_buf_u32le(buf, (uint32_t)state->i32),
             state->i32 = (int32_t)wr_get_u32le(reader))
FLAT_KERNELS(i64, int64_t, i64, PLAIN_BETTER, wr_buf_u64le(buf, (uint64_t)state->i64),
             state->i64 = (int64_t)wr_get_u64le(reader))
FLAT_KERNELS(f64, double, f64, f64_better, wr_buf_u64le(buf, (uint64_t)state->i64),
             state->i64 = (int64_t)wr_get_u64le(reader))

static void bytes_init(void *state)
{
    memset(state, 0, sizeof(struct bytes_state));
}

static void bytes_fini(void *to)
{
    struct bytes_state *state = to;
    free(state->data);
    bytes_init(state);
}

static int64_t bytes_heap(const void *state)
{
    return ((const struct bytes_state *)state)->cap;
}

static void bytes_set(struct bytes_state *state, struct str value)
{
    if (value.len > state->cap || !state->data) {
        free(state->data);
        state->cap = WR_MAX(value.len, 16u);
        state->data = wr_malloc(state->cap);
    }
    if (value.len)
        memcpy(state->data, value.data, value.len);
    state->len = value.len;
    state->has = true;
}

/* Is a to replace b? */
static bool is_better(struct str a, struct str b, bool numeric, int sign)
{
    int order = numeric ? wr_numeric_cmp(a, b) : wr_str_cmp(a, b);
    if (order == 0 && numeric)
        return wr_str_cmp(a, b) < 0;
    return order * sign > 0;
}

static void bytes_add(void *const *states, const struct column *arg, const uint32_t *rows, uint32_t n, int sign)
{
    bool numeric = arg->type.id == TYPE_NUMERIC;
    uint32_t row;
    for (uint32_t k = 0; k < n; k++) {
        struct bytes_state *state = states[k];
        if (!wr_agg_row(arg, rows, k, &row))
            continue;
        if (!state->has || is_better(arg->str[row], wr_str(state->data, state->len), numeric, sign))
            bytes_set(state, arg->str[row]);
    }
}

static void bytes_max(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                      uint32_t n)
{
    bytes_add(states, arg, rows, n, 1);
}

static void bytes_min(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                      uint32_t n)
{
    bytes_add(states, arg, rows, n, -1);
}

static void bytes_finish(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                         struct eval_errors *errors)
{
    for (uint32_t k = 0; k < n; k++) {
        const struct bytes_state *state = states[k];
        if (state->has)
            out->str[k] = wr_str(state->data, state->len);
        else
            wr_agg_null(arena, out, k, n);
    }
}

static void bytes_encode(const void *from, struct wr_buf *buf)
{
    const struct bytes_state *state = from;
    wr_buf_byte(buf, state->has);
    if (state->has)
        wr_buf_blob(buf, state->data, state->len);
}

static bool bytes_decode(void *to, struct wr_reader *reader)
{
    size_t len;
    if (!wr_get_byte(reader))
        return reader->ok;
    const char *bytes = wr_get_blob(reader, &len);
    if (reader->ok)
        bytes_set(to, wr_str(bytes, len));
    return reader->ok;
}

#define FLAT_ROWS(id, prefix)                                                                                     \
    {"max",                                                                                                       \
     1,                                                                                                           \
     id,                                                                                                          \
     id,                                                                                                          \
     AGG_ORDERED,                                                                                                 \
     sizeof(struct flat_state),                                                                                   \
     true,                                                                                                        \
     flat_init,                                                                                                   \
     prefix##_max,                                                                                                \
     prefix##_finish,                                                                                             \
     NULL,                                                                                                        \
     NULL,                                                                                                        \
     prefix##_encode,                                                                                             \
     prefix##_decode,                                                                                             \
     "Largest value."},                                                                                           \
    {                                                                                                             \
        "min", 1, id, id, AGG_ORDERED, sizeof(struct flat_state), true, flat_init, prefix##_min, prefix##_finish, \
            NULL, NULL, prefix##_encode, prefix##_decode, "Smallest value."                                       \
    }
#define BYTES_ROWS(id)                                                                                        \
    {"max",                                                                                                   \
     1,                                                                                                       \
     id,                                                                                                      \
     id,                                                                                                      \
     AGG_ORDERED,                                                                                             \
     sizeof(struct bytes_state),                                                                              \
     true,                                                                                                    \
     bytes_init,                                                                                              \
     bytes_max,                                                                                               \
     bytes_finish,                                                                                            \
     bytes_fini,                                                                                              \
     bytes_heap,                                                                                              \
     bytes_encode,                                                                                            \
     bytes_decode,                                                                                            \
     "Largest value."},                                                                                       \
    {                                                                                                         \
        "min", 1, id, id, AGG_ORDERED, sizeof(struct bytes_state), true, bytes_init, bytes_min, bytes_finish, \
            bytes_fini, bytes_heap, bytes_encode, bytes_decode, "Smallest value."                             \
    }

static const struct agg list[] = {
    FLAT_ROWS(TYPE_INT4, i32), FLAT_ROWS(TYPE_INT8, i64),      FLAT_ROWS(TYPE_FLOAT8, f64),
    FLAT_ROWS(TYPE_DATE, i32), FLAT_ROWS(TYPE_TIMESTAMP, i64), FLAT_ROWS(TYPE_TIMESTAMPTZ, i64),
    BYTES_ROWS(TYPE_NUMERIC),  BYTES_ROWS(TYPE_TEXT),
};

AGG_FAMILY(wr_agg_extreme_family, list);
