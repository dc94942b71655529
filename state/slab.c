/* Slab allocation: see slab.h. Size classes: every 8 bytes up to 256, then eight per doubling up to 256 KiB; what is
 * bigger gets a chunk of its own. Chunks grow with the slab, so that a small map costs little and a big one few page
 * faults. */
#include "state/slab.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_MIN   8192
#define BLOCK_MIN   24
#define FINE_MAX    256
#define NEXT_OFFSET 16 /* where a free block keeps the handle of the next: behind the owner's header */

void wr_slab_init(struct slab *slab, struct wr_pool *pool)
{
    *slab = (struct slab){.pool = pool, .nchunks = 1};
}

static void charge(struct slab *slab, int64_t bytes)
{
    slab->bytes += bytes;
    if (slab->pool)
        wr_pool_charge(slab->pool, bytes);
}

void wr_slab_fini(struct slab *slab)
{
    for (uint32_t c = 1; c < slab->nchunks; c++)
        free(slab->chunks[c].base);
    free(slab->chunks);
    free(slab->unused);
    charge(slab, -slab->bytes);
    *slab = (struct slab){.pool = slab->pool, .nchunks = 1};
}

/* Class of a size and the size it is rounded to. */
static unsigned class_of(size_t size, size_t *rounded)
{
    if (size <= FINE_MAX) {
        *rounded = WR_MAX((size + 7) & ~(size_t)7, (size_t)BLOCK_MIN);
        return (unsigned)(*rounded / 8 - 1);
    }
    unsigned top = 63 - (unsigned)__builtin_clzll(size - 1); /* size in (2^top, 2^(top+1)] */
    size_t step = (size_t)1 << (top - 3);
    size_t eighths = (size - ((size_t)1 << top) + step - 1) / step; /* 1..8 */
    *rounded = ((size_t)1 << top) + eighths * step;
    return (unsigned)(FINE_MAX / 8 + (top - 8) * 8 + eighths - 1);
}

size_t wr_slab_size(size_t size)
{
    if (wr_slab_is_big(size))
        return (size + 7) & ~(size_t)7;
    size_t rounded;
    class_of(size, &rounded);
    return rounded;
}

static uint32_t chunk_number(struct slab *slab)
{
    if (slab->nunused)
        return slab->unused[--slab->nunused];
    if (slab->nchunks >= slab->chunks_cap) {
        slab->chunks_cap = WR_MAX(8u, slab->chunks_cap * 2);
        slab->chunks = wr_realloc(slab->chunks, slab->chunks_cap * sizeof(*slab->chunks));
        slab->chunks[0] = (struct slab_chunk){NULL, 0, 0};
    }
    return slab->nchunks++;
}

static uint32_t chunk_new(struct slab *slab, uint64_t size)
{
    uint32_t number = chunk_number(slab);
    char *base;
    if (size == SLAB_CHUNK_MAX) {
        base = aligned_alloc(SLAB_CHUNK_MAX, SLAB_CHUNK_MAX);
        if (base)
            madvise(base, size, MADV_HUGEPAGE); /* one page fault instead of 512; refused: no harm */
        else
            base = wr_malloc(size);
    } else {
        base = wr_malloc(size);
    }
    slab->chunks[number] = (struct slab_chunk){base, size, 0};
    charge(slab, (int64_t)size);
    return number;
}

static void *cut(struct slab *slab, uint32_t number, size_t size, uint64_t *handle)
{
    struct slab_chunk *chunk = &slab->chunks[number];
    *handle = wr_slab_handle(number, chunk->used);
    void *block = chunk->base + chunk->used;
    chunk->used += size;
    return block;
}

static uint64_t next_chunk_size(const struct slab *slab)
{
    uint64_t size = CHUNK_MIN;
    while (size < SLAB_CHUNK_MAX && (int64_t)size * 4 <= slab->bytes)
        size *= 2;
    return size;
}

void *wr_slab_alloc(struct slab *slab, size_t size, uint64_t *handle)
{
    if (WR_UNLIKELY(wr_slab_is_big(size))) {
        size_t rounded = wr_slab_size(size);
        return cut(slab, chunk_new(slab, rounded), rounded, handle);
    }
    size_t rounded;
    unsigned class = class_of(size, &rounded);
    if (slab->free[class]) {
        *handle = slab->free[class];
        char *block = wr_slab_at(slab, *handle);
        memcpy(&slab->free[class], block + NEXT_OFFSET, sizeof(uint64_t));
        return block;
    }
    const struct slab_chunk *chunk = slab->current ? &slab->chunks[slab->current] : NULL;
    if (!chunk || chunk->size - chunk->used < rounded) {
        uint64_t chunk_size = next_chunk_size(slab);
        while (chunk_size < rounded)
            chunk_size *= 2;
        slab->current = chunk_new(slab, chunk_size);
    }
    return cut(slab, slab->current, rounded, handle);
}

void wr_slab_release(struct slab *slab, uint64_t handle, size_t size)
{
    if (WR_UNLIKELY(wr_slab_is_big(size))) {
        wr_slab_drop_chunk(slab, (uint32_t)(handle >> SLAB_UNIT_BITS));
        return;
    }
    size_t rounded;
    unsigned class = class_of(size, &rounded);
    char *block = wr_slab_at(slab, handle);
    memcpy(block + NEXT_OFFSET, &slab->free[class], sizeof(uint64_t));
    slab->free[class] = handle;
}

void wr_slab_forget_free(struct slab *slab)
{
    memset(slab->free, 0, sizeof(slab->free));
    slab->current = 0;
}

void wr_slab_drop_chunk(struct slab *slab, uint32_t number)
{
    struct slab_chunk *chunk = &slab->chunks[number];
    charge(slab, -(int64_t)chunk->size);
    free(chunk->base);
    *chunk = (struct slab_chunk){NULL, 0, 0};
    if (slab->current == number)
        slab->current = 0;
    if (slab->nunused == slab->unused_cap) {
        slab->unused_cap = WR_MAX(8u, slab->unused_cap * 2);
        slab->unused = wr_realloc(slab->unused, slab->unused_cap * sizeof(*slab->unused));
    }
    slab->unused[slab->nunused++] = number;
}
