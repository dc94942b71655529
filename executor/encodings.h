/* The encodings in which one normalised key occurs: a small sorted multiset of byte strings. The value shown for a
 * group is the smallest live one (two equalities: 1.0 and 1.00 are one group). Only kept for types whose equality is
 * not identity.
 *
 * One heap block: uint32 bytes used, uint32 count, then per encoding: int64 weight, uint32 length, bytes; ascending by
 * memcmp. */
#ifndef WEIR_EXECUTOR_ENCODINGS_H
#define WEIR_EXECUTOR_ENCODINGS_H

#include "base/buf.h"
#include "base/mem.h"

/* Add `weight` to one encoding of *set (NULL: empty). Gone at weight zero; the last one takes the block with it. */
void wr_encodings_add(char **set, struct wr_pool *pool, const char *bytes, uint32_t len, int64_t weight);
/* Append-only input: only the smallest matters. */
void wr_encodings_keep_smallest(char **set, struct wr_pool *pool, const char *bytes, uint32_t len);
/* The smallest encoding of positive weight; NULL: none. */
const char *wr_encodings_first(const char *set, uint32_t *len);
void wr_encodings_encode(const char *set, struct wr_buf *buf);
bool wr_encodings_decode(char **set, struct wr_pool *pool, struct wr_reader *reader) WR_MUST;
void wr_encodings_free(char **set, struct wr_pool *pool);

#endif
