/* Cancelling: rows with identical bytes become one row whose weight is the sum; zeros go.
 *
 * Rule: only a batch that holds a weight below 1 can shrink to something smaller by cancelling, so a batch
 * without weights, or whose weights are all positive, is returned as it is, duplicates included: every
 * operator is linear in the weights and takes {x:1, x:1} for {x:2}. Callers that need one row per
 * distinct value whatever the signs (DISTINCT's input, sinks) call wr_batch_merge().
 *
 * One hash per row, computed column by column; an open table of row numbers; equality is checked on all
 * columns by bits (two NULLs are identical, -0 and 0 are not, 1.0 and 1.00 are not). */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "types/batch.h"

#define HASH_NULL 0x9e3779b97f4a7c15ull
#define HASH_MIX  0xff51afd7ed558ccdull

static inline uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * HASH_MIX;
    return hash ^ (hash >> 32);
}

static void hash_strings(const struct column *col, uint32_t nrows, uint64_t *hashes)
{
    for (uint32_t i = 0; i < nrows; i++) {
        bool null = wr_is_null(col, i);
        hashes[i] = mix(hashes[i], null ? HASH_NULL : XXH3_64bits(col->str[i].data, col->str[i].len));
    }
}

#define DEFINE_HASH(name, field, ctype)                                                      \
    static void name(const struct column *col, uint32_t nrows, uint64_t *hashes)             \
    {                                                                                        \
        if (!col->nulls) {                                                                   \
            for (uint32_t i = 0; i < nrows; i++)                                             \
                hashes[i] = mix(hashes[i], (uint64_t)col->field[i]);                         \
            return;                                                                          \
        }                                                                                    \
        for (uint32_t i = 0; i < nrows; i++)                                                 \
            hashes[i] = mix(hashes[i], col->nulls[i] ? HASH_NULL : (uint64_t)col->field[i]); \
    }
DEFINE_HASH(hash_bool, b, uint8_t)
DEFINE_HASH(hash_i32, i32, int32_t)
DEFINE_HASH(hash_i64, i64, int64_t) /* doubles too: by bits */

static void hash_column(const struct column *col, uint32_t nrows, uint64_t *hashes)
{
    switch (wr_type_info(col->type.id)->phys) {
    case PHYS_BOOL:
        hash_bool(col, nrows, hashes);
        break;
    case PHYS_I32:
        hash_i32(col, nrows, hashes);
        break;
    case PHYS_I64:
    case PHYS_F64:
        hash_i64(col, nrows, hashes);
        break;
    case PHYS_STR:
        hash_strings(col, nrows, hashes);
        break;
    }
}

static bool values_same(const struct column *col, uint32_t a, uint32_t b)
{
    bool null_a = wr_is_null(col, a), null_b = wr_is_null(col, b);
    if (null_a || null_b)
        return null_a && null_b;
    switch (wr_type_info(col->type.id)->phys) {
    case PHYS_BOOL:
        return col->b[a] == col->b[b];
    case PHYS_I32:
        return col->i32[a] == col->i32[b];
    case PHYS_STR:
        return wr_str_eq(col->str[a], col->str[b]);
    default:
        return col->i64[a] == col->i64[b];
    }
}

static bool rows_same(const struct batch *batch, uint32_t a, uint32_t b)
{
    for (uint16_t c = 0; c < batch->ncols; c++)
        if (!values_same(&batch->cols[c], a, b))
            return false;
    return true;
}

struct merge {
    uint64_t *hashes;
    uint32_t *slots; /* ordinal in `rows` + 1; 0 = free */
    uint32_t mask;
    uint32_t *rows; /* first row of each distinct value, in order of appearance */
    int64_t *weights;
    uint32_t n;
};

static void merge_init(struct merge *m, struct wr_arena *arena, const struct batch *in)
{
    uint32_t size = 16;
    while (size < 2 * in->nrows)
        size *= 2;
    m->mask = size - 1;
    m->slots = WR_NEW_ARRAY(arena, uint32_t, size);
    m->hashes = WR_NEW_ARRAY(arena, uint64_t, in->nrows);
    m->rows = wr_arena_alloc(arena, in->nrows * sizeof(uint32_t));
    m->weights = wr_arena_alloc(arena, in->nrows * sizeof(int64_t));
    m->n = 0;
    for (uint16_t c = 0; c < in->ncols; c++)
        hash_column(&in->cols[c], in->nrows, m->hashes);
}

static void merge_row(struct merge *m, const struct batch *in, uint32_t row)
{
    uint64_t hash = m->hashes[row];
    uint32_t at = (uint32_t)(hash >> 20) & m->mask;
    while (m->slots[at]) {
        uint32_t k = m->slots[at] - 1;
        if (m->hashes[m->rows[k]] == hash && rows_same(in, m->rows[k], row)) {
            m->weights[k] += wr_weight(in, row);
            return;
        }
        at = (at + 1) & m->mask;
    }
    m->rows[m->n] = row;
    m->weights[m->n] = wr_weight(in, row);
    m->slots[at] = ++m->n;
}

static const struct batch *merge_result(struct merge *m, struct wr_arena *arena, const struct batch *in)
{
    uint32_t n = 0;
    bool zeros = false;
    for (uint32_t k = 0; k < m->n; k++)
        zeros |= m->weights[k] == 0;
    if (m->n == in->nrows && !zeros)
        return in;
    for (uint32_t k = 0; k < m->n; k++) {
        m->rows[n] = m->rows[k];
        m->weights[n] = m->weights[k];
        n += m->weights[k] != 0;
    }
    struct batch unweighted = *in;
    unweighted.weights = NULL;
    struct batch *out = wr_batch_gather(arena, &unweighted, m->rows, n);
    out->weights = m->weights;
    return out;
}

const struct batch *wr_batch_merge(struct wr_arena *arena, const struct batch *in)
{
    if (in->nrows == 0 || (in->nrows == 1 && wr_weight(in, 0) != 0))
        return in;
    struct merge m;
    merge_init(&m, arena, in);
    for (uint32_t i = 0; i < in->nrows; i++)
        merge_row(&m, in, i);
    return merge_result(&m, arena, in);
}

const struct batch *wr_batch_consolidate(struct wr_arena *arena, const struct batch *in)
{
    int64_t least = 1;
    for (uint32_t i = 0; in->weights && i < in->nrows; i++)
        least = WR_MIN(least, in->weights[i]);
    return least >= 1 ? in : wr_batch_merge(arena, in);
}
