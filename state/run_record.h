/* The records of a disk run, as run.h draws them: checked once when they are read from disk, then trusted. RocksDB's
 * own checksum has passed by then; what is checked here is that no damage that slipped through makes a reader leave the
 * record. */
#ifndef WEIR_STATE_RUN_RECORD_H
#define WEIR_STATE_RUN_RECORD_H

#include "state/entry.h"

#define RUN_BLOCK_BYTES (16 << 10)
#define RUN_FILTER_SPAN 64u
#define RUN_INDEX       0xffffffffu
#define RUN_FIRST_MAX   1024u       /* bytes of a first key in the index */
#define RUN_INDEX_CUT   0x80000000u /* flag beside the number of blocks: some first keys were cut to that */

enum record_kind {
    RECORD_BLOCK,
    RECORD_FILTER,
    RECORD_INDEX,
    RECORD_PLAIN, /* bytes of somebody else: a part of an output log */
};

/* Record numbers. */
static inline uint32_t wr_record_of_block(uint32_t block)
{
    return block + block / RUN_FILTER_SPAN;
}
static inline uint32_t wr_record_of_filter(uint32_t part)
{
    return part * (RUN_FILTER_SPAN + 1) + RUN_FILTER_SPAN;
}

/* Can the record be read by the functions below (a filter: by bloom.h) without leaving it? `bytes` 4-byte aligned. */
bool wr_record_check(enum record_kind kind, const char *bytes, size_t len);

static inline uint32_t record_u32le(const char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

/* ---- a block: entries, padding, offset of each, count */

struct block_view {
    const char *data;
    const uint32_t *offsets;
    uint32_t n;
};
static inline struct block_view wr_block_view(const char *bytes, size_t len)
{
    uint32_t n = record_u32le(bytes + len - 4);
    return (struct block_view){bytes, (const uint32_t *)(const void *)(bytes + len - 4 - 4 * (size_t)n), n};
}

/* ---- the first-key index: of each block's first key, a prefix that all keys before are lower than. One that would be
 * longer than RUN_FIRST_MAX (long texts that begin alike) is cut to it: then keys that begin with it may lie on both
 * sides of where the block begins. */

static inline uint32_t wr_index_blocks(const char *bytes)
{
    return record_u32le(bytes) & ~RUN_INDEX_CUT;
}
static inline const char *wr_index_key(const char *bytes, uint32_t block, uint32_t *len)
{
    uint32_t from = record_u32le(bytes + 4 + 4 * (size_t)block);
    *len = record_u32le(bytes + 8 + 4 * (size_t)block) - from;
    return bytes + 8 + 4 * (size_t)wr_index_blocks(bytes) + from;
}
/* The block in which the first entry >= key lies, or the one before where it would start: the last block whose first
 * key is < key. (Not <=: equal keys may begin in the block before.) Blocks before `from` are known to be lower. */
uint32_t wr_index_find(const char *bytes, uint32_t from, const char *key, uint32_t len);
/* Where first keys were cut, `block` as found above is only the last that the entry can lie in: this is the first. */
uint32_t wr_index_first(const char *bytes, uint32_t block, const char *key, uint32_t len);

#endif
