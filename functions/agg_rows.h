/* Inside of functions/: the families of aggregates, and the numbers they keep. */
#ifndef WEIR_FUNCTIONS_AGG_ROWS_H
#define WEIR_FUNCTIONS_AGG_ROWS_H

#include "functions/agg.h"

struct agg_family {
    const struct agg *rows;
    size_t n;
};
extern const struct agg_family wr_agg_count_family;
extern const struct agg_family wr_agg_bool_family;
extern const struct agg_family wr_agg_bits_family;
extern const struct agg_family wr_agg_sum_int_family;
extern const struct agg_family wr_agg_sum_float_family;
extern const struct agg_family wr_agg_sum_numeric_family;
extern const struct agg_family wr_agg_extreme_family;

#define AGG_FAMILY(name, table) const struct agg_family name = {table, WR_COUNT(table)}

/* Signed numbers in canonical bytes: zigzag, then LEB128 (at most 10 and 19 bytes). */
void wr_agg_put_i64(struct wr_buf *buf, int64_t value);
void wr_agg_put_i128(struct wr_buf *buf, wr_i128 value);
int64_t wr_agg_get_i64(struct wr_reader *reader);
wr_i128 wr_agg_get_i128(struct wr_reader *reader);

/* Result k becomes NULL. */
void wr_agg_null(struct wr_arena *arena, struct column *out, uint32_t k, uint32_t n);

/* Rows of one add(): row number and weight of entry k, false for a NULL argument. */
static inline bool wr_agg_row(const struct column *arg, const uint32_t *rows, uint32_t k, uint32_t *row)
{
    *row = rows ? rows[k] : k;
    return !wr_is_null(arg, *row);
}

#endif
