/* Sorting references to keys by memcmp order (shorter first), for runs about to be built. */
#ifndef WEIR_STATE_KEY_SORT_H
#define WEIR_STATE_KEY_SORT_H

#include "base/base.h"

struct key_ref {
    uint64_t head[2]; /* first 16 bytes, big-endian, zero padded: decides most comparisons */
    const char *bytes;
    uint32_t len;
    uint32_t index; /* the caller's; equal keys are ordered by it */
};

/* A reference to the bytes, which stay the caller's; sorting references; the order of two keys. */
struct key_ref wr_key_ref(const char *bytes, uint32_t len, uint32_t index);
void wr_key_sort(struct key_ref *refs, size_t n);
int wr_key_cmp(const char *a, uint32_t a_len, const char *b, uint32_t b_len);

#endif
