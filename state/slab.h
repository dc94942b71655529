/* A slab: many small blocks named by 35-bit handles (units of 8 bytes in chunks of up to 2 MiB), freed one by one to
 * lists per size class, or a chunk at a time by an owner that can tell which blocks in it live (vmap: the blocks carry
 * their own size). All memory is charged to a pool. */
#ifndef WEIR_STATE_SLAB_H
#define WEIR_STATE_SLAB_H

#include "base/mem.h"

#define SLAB_HANDLE_BITS 35
#define SLAB_UNIT_BITS   18 /* handle = chunk << SLAB_UNIT_BITS | offset / 8 */
#define SLAB_CHUNK_MAX   (8u << SLAB_UNIT_BITS)
#define SLAB_CLASSES     128

struct slab_chunk {
    char *base;    /* NULL: unused number */
    uint64_t size; /* > SLAB_CHUNK_MAX possible for a chunk of one big block */
    uint64_t used; /* blocks lie one behind the other in [0, used) */
};

struct slab {
    struct wr_pool *pool;
    struct slab_chunk *chunks; /* number 0 is never used: no block has handle 0 */
    uint32_t nchunks, chunks_cap;
    uint32_t current; /* chunk that new blocks are cut from; 0 = none */
    uint32_t *unused; /* chunk numbers free for reuse */
    uint32_t nunused, unused_cap;
    uint64_t free[SLAB_CLASSES]; /* handle of the first free block; the next one stands 16 bytes into the block */
    int64_t bytes;               /* charged */
};

/* No chunks yet; fini() frees all blocks at once. */
void wr_slab_init(struct slab *slab, struct wr_pool *pool);
void wr_slab_fini(struct slab *slab);
/* The real size of a block asked for with `size` bytes. */
size_t wr_slab_size(size_t size);
/* Blocks above this have a chunk of their own, which goes when they are released. */
#define SLAB_BIG (256u << 10)
static inline bool wr_slab_is_big(size_t size)
{
    return size > SLAB_BIG;
}
/* At least 24 bytes, 8-byte aligned. */
void *wr_slab_alloc(struct slab *slab, size_t size, uint64_t *handle);
void wr_slab_release(struct slab *slab, uint64_t handle, size_t size);
static inline void *wr_slab_at(const struct slab *slab, uint64_t handle)
{
    return slab->chunks[handle >> SLAB_UNIT_BITS].base + (handle & ((1u << SLAB_UNIT_BITS) - 1)) * 8;
}
static inline uint64_t wr_slab_handle(uint32_t chunk, uint64_t offset)
{
    return (uint64_t)chunk << SLAB_UNIT_BITS | offset / 8;
}
/* Before whole chunks go: forget the free lists (their space comes back with its chunk) and cut from a new chunk. */
void wr_slab_forget_free(struct slab *slab);
void wr_slab_drop_chunk(struct slab *slab, uint32_t chunk);

#endif
