/* Cache of disk run records (blocks, filters, first-key indexes), charged to the pool "block cache". Sharded LRU;
 * a record in use is counted and outlives its eviction. */
#ifndef WEIR_STATE_BLOCK_CACHE_H
#define WEIR_STATE_BLOCK_CACHE_H

#include <stdatomic.h>

#include "base/error.h"
#include "base/mem.h"
#include "state/run_record.h"

struct store;

struct cached {
    atomic_int refs;
    uint32_t record;
    uint64_t run_id;
    uint64_t hash;
    struct wr_pool *pool;
    size_t len;
    struct cached *chain, *newer, *older;
    _Alignas(16) char data[];
};

struct block_cache;
/* capacity: bytes that stay when nobody uses them. free(): no record may be in use any more. */
struct block_cache *wr_block_cache_new(struct wr_pool *pool, int64_t capacity);
void wr_block_cache_free(struct block_cache *cache);
/* The record, retained and checked to be of its kind; NULL: error. `keep`: put it in the cache when it was read. */
struct cached *wr_block_cache_get(struct store *store, uint64_t run_id, uint32_t record, enum record_kind kind,
                                  bool keep, struct wr_error *err);
void wr_cached_release(struct cached *cached);

#endif
