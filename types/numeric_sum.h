/* Exact sums of numerics under retraction: what sum() and avg() keep.
 *
 * The total never overflows inside (the error belongs to the output). The scale shown is the largest of the inputs that
 * are still there, as if the group had been summed afresh, so inputs are counted per scale; NaN and the infinities are
 * counted apart, so that removing them brings the finite sum back.
 *
 * Encoded: three zigzag varints (NaN, +Infinity, -Infinity) | varint n | n x (varint dscale, zigzag varint count), by
 * dscale | the total as a numeric's bytes. */
#ifndef WEIR_TYPES_NUMERIC_SUM_H
#define WEIR_TYPES_NUMERIC_SUM_H

#include "types/numeric.h"

#define NUMERIC_SUM_INLINE 2

struct scale_count {
    int64_t count;
    uint16_t dscale;
};
struct numeric_sum {
    struct numeric total; /* finite inputs; its dscale is the largest ever seen */
    int64_t nan, pinf, ninf;
    struct scale_count first[NUMERIC_SUM_INLINE];
    struct scale_count *more; /* heap, replaces `first` when that is full */
    uint32_t nscales, cap;
};

/* No inputs; fini() frees what it has on the heap. */
void wr_numeric_sum_init(struct numeric_sum *sum);
void wr_numeric_sum_fini(struct numeric_sum *sum);
/* weight times the value (a stored numeric); negative: as many are taken back. */
void wr_numeric_sum_add(struct numeric_sum *sum, struct str value, int64_t weight);
void wr_numeric_sum_add_int64(struct numeric_sum *sum, int64_t value, int64_t weight);
/* All inputs of the other one, too. */
void wr_numeric_sum_merge(struct numeric_sum *sum, const struct numeric_sum *other);
/* Inputs still there (weights summed), specials included. 0: sum() and avg() are NULL. */
int64_t wr_numeric_sum_count(const struct numeric_sum *sum);
void wr_numeric_sum_encode(const struct numeric_sum *sum, struct wr_buf *buf);
/* Initialises `sum`; false if the bytes are not a sum (nothing to free then). */
bool wr_numeric_sum_decode(const void *bytes, size_t len, struct numeric_sum *sum) WR_MUST;
/* sum() and avg() as PostgreSQL gives them; 22003 if the result does not fit a numeric. The count must not be 0. */
bool wr_numeric_sum_total(struct wr_arena *arena, const struct numeric_sum *sum, struct str *out,
                          struct wr_error *err) WR_MUST;
bool wr_numeric_sum_average(struct wr_arena *arena, const struct numeric_sum *sum, struct str *out,
                            struct wr_error *err) WR_MUST;

#endif
