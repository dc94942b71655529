/* Blocked Bloom filter: a hash picks one cache line of 512 bits and six bits in it. About 10 bits per key
 * give 1-2 % false positives. The bytes are the whole filter (a multiple of 64); none = "may contain anything". */
#ifndef WEIR_STATE_BLOOM_H
#define WEIR_STATE_BLOOM_H

#include <xxhash.h>

#include "base/base.h"

#define BLOOM_LINE 64

static inline uint64_t wr_bloom_hash(const char *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}
static inline size_t wr_bloom_size(size_t keys)
{
    return (keys * 10 / (BLOOM_LINE * 8) + 1) * BLOOM_LINE;
}
static inline size_t wr_bloom_line(size_t size, uint64_t hash)
{
    return (size_t)(((wr_u128)hash * (size / BLOOM_LINE)) >> 64) * BLOOM_LINE;
}
static inline void wr_bloom_add(unsigned char *filter, size_t size, uint64_t hash)
{
    unsigned char *line = filter + wr_bloom_line(size, hash);
    uint64_t bits = hash * 0x9E3779B97F4A7C15ull;
    for (int i = 0; i < 6; i++, bits >>= 9)
        line[(bits & 511) >> 3] |= (unsigned char)(1u << (bits & 7));
}
static inline bool wr_bloom_may_have(const unsigned char *filter, size_t size, uint64_t hash)
{
    if (!size)
        return true;
    const unsigned char *line = filter + wr_bloom_line(size, hash);
    uint64_t bits = hash * 0x9E3779B97F4A7C15ull;
    for (int i = 0; i < 6; i++, bits >>= 9)
        if (!(line[(bits & 511) >> 3] & (1u << (bits & 7))))
            return false;
    return true;
}

#endif
