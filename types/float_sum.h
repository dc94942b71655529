/* Exact sums of doubles, independent of order and of what has come and gone (decision D9).
 *
 * The sum is one wide integer in units of 2^-1074, two's complement, of which only the limbs between the lowest and the
 * highest ever touched are kept (four inline: sums of values within some 200 bits need no more). NaN and the
 * infinities are counted apart. It is rounded once, when shown.
 *
 * Encoded: three zigzag varints (NaN, +Infinity, -Infinity) | count zigzag | byte first limb | byte limbs n | n x
 * uint64 little-endian, shortest form. */
#ifndef WEIR_TYPES_FLOAT_SUM_H
#define WEIR_TYPES_FLOAT_SUM_H

#include "base/buf.h"
#include "base/error.h"

#define FLOAT_SUM_INLINE 4
#define FLOAT_SUM_LIMBS  40 /* 2098 bits of a double, 63 of a weight, 64 and more for the number of rows */

struct float_sum {
    int64_t nan, pinf, ninf;
    int64_t count;   /* finite inputs still there */
    uint64_t *limbs; /* NULL: `few`; else FLOAT_SUM_LIMBS on the heap */
    uint64_t few[FLOAT_SUM_INLINE];
    uint8_t first, n; /* limbs [first, first + n) of the wide integer; below are zeros, above copies of the sign */
};

void wr_float_sum_init(struct float_sum *sum);
void wr_float_sum_fini(struct float_sum *sum);
void wr_float_sum_add(struct float_sum *sum, double value, int64_t weight);
void wr_float_sum_merge(struct float_sum *sum, const struct float_sum *other);
/* Inputs still there, specials included. */
int64_t wr_float_sum_count(const struct float_sum *sum);
void wr_float_sum_encode(const struct float_sum *sum, struct wr_buf *buf);
bool wr_float_sum_decode(const void *bytes, size_t len, struct float_sum *sum) WR_MUST;
/* 22003 "value out of range: overflow" if no double holds it. */
bool wr_float_sum_total(const struct float_sum *sum, double *out, struct wr_error *err) WR_MUST;

#endif
