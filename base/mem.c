#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_MIN ((size_t)64 << 10)
#define CHUNK_MAX ((size_t)1 << 20)

struct wr_arena_chunk {
    struct wr_arena_chunk *prev;
    size_t size; /* of the whole chunk, header included */
};

void wr_budget_init(struct wr_budget *budget, int64_t limit_bytes)
{
    memset(budget, 0, sizeof *budget);
    budget->limit_bytes = limit_bytes;
}

void wr_pool_init(struct wr_pool *pool, struct wr_budget *budget, const char *name)
{
    memset(pool, 0, sizeof *pool);
    pool->budget = budget;
    pool->name = name;
    if (budget) {
        int slot = atomic_fetch_add(&budget->pool_count, 1);
        if (slot < WR_BUDGET_POOLS_MAX)
            budget->pools[slot] = pool;
        else
            atomic_store(&budget->pool_count, WR_BUDGET_POOLS_MAX);
    }
}

void wr_pool_charge(struct wr_pool *pool, int64_t bytes)
{
    long long used = atomic_fetch_add_explicit(&pool->used_bytes, bytes, memory_order_relaxed) + bytes;
    if (used > atomic_load_explicit(&pool->peak_bytes, memory_order_relaxed))
        atomic_store_explicit(&pool->peak_bytes, used, memory_order_relaxed);
    if (pool->budget)
        atomic_fetch_add_explicit(&pool->budget->used_bytes, bytes, memory_order_relaxed);
}

int64_t wr_budget_room(const struct wr_budget *budget)
{
    return budget->limit_bytes - atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
}

int wr_budget_pressure(const struct wr_budget *budget)
{
    if (budget->limit_bytes <= 0)
        return 0;
    return (int)(atomic_load_explicit(&budget->used_bytes, memory_order_relaxed) * 100 / budget->limit_bytes);
}

static void exhausted(size_t size)
{
    fprintf(stderr, "weir: the machine is out of memory (wanted %zu bytes)\n", size);
    abort();
}

void *wr_malloc(size_t size)
{
    void *ptr = malloc(size ? size : 1);
    if (!ptr)
        exhausted(size);
    return ptr;
}

void *wr_calloc(size_t count, size_t size)
{
    void *ptr = calloc(count ? count : 1, size ? size : 1);
    if (!ptr)
        exhausted(count * size);
    return ptr;
}

void *wr_realloc(void *old, size_t size)
{
    void *ptr = realloc(old, size ? size : 1);
    if (!ptr)
        exhausted(size);
    return ptr;
}

char *wr_strdup(const char *text)
{
    return wr_strndup(text, strlen(text));
}

char *wr_strndup(const char *text, size_t len)
{
    char *copy = wr_malloc(len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void wr_arena_init(struct wr_arena *arena, struct wr_pool *pool)
{
    memset(arena, 0, sizeof *arena);
    arena->pool = pool;
}

static void drop_head(struct wr_arena *arena)
{
    struct wr_arena_chunk *chunk = arena->head;
    arena->head = chunk->prev;
    arena->total_bytes -= chunk->size;
    if (arena->pool)
        wr_pool_charge(arena->pool, -(int64_t)chunk->size);
    free(chunk);
}

void wr_arena_reset(struct wr_arena *arena)
{
    while (arena->head)
        drop_head(arena);
    arena->at = arena->end = NULL;
}

static void grow(struct wr_arena *arena, size_t need)
{
    size_t size = arena->head ? WR_MIN(arena->head->size * 2, CHUNK_MAX) : CHUNK_MIN;
    if (size < need + sizeof(struct wr_arena_chunk) + 16)
        size = need + sizeof(struct wr_arena_chunk) + 16;
    struct wr_arena_chunk *chunk = wr_malloc(size);
    chunk->prev = arena->head;
    chunk->size = size;
    arena->head = chunk;
    arena->at = (char *)(chunk + 1);
    arena->end = (char *)chunk + size;
    arena->total_bytes += size;
    if (arena->pool)
        wr_pool_charge(arena->pool, (int64_t)size);
}

void *wr_arena_alloc(struct wr_arena *arena, size_t size)
{
    char *at = (char *)(((uintptr_t)arena->at + 15) & ~(uintptr_t)15);
    if (WR_UNLIKELY(!arena->at || at > arena->end || (size_t)(arena->end - at) < size)) {
        grow(arena, size);
        at = (char *)(((uintptr_t)arena->at + 15) & ~(uintptr_t)15);
    }
    arena->at = at + size;
    return at;
}

void *wr_arena_zalloc(struct wr_arena *arena, size_t size)
{
    return memset(wr_arena_alloc(arena, size), 0, size);
}

char *wr_arena_bytes(struct wr_arena *arena, size_t size)
{
    if (WR_UNLIKELY(!arena->at || (size_t)(arena->end - arena->at) < size))
        grow(arena, size);
    char *at = arena->at;
    arena->at += size;
    return at;
}

char *wr_arena_strndup(struct wr_arena *arena, const char *text, size_t len)
{
    char *copy = wr_arena_bytes(arena, len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *wr_arena_strdup(struct wr_arena *arena, const char *text)
{
    return wr_arena_strndup(arena, text, strlen(text));
}

char *wr_arena_printf(struct wr_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = wr_arena_bytes(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

struct wr_mark wr_arena_mark(const struct wr_arena *arena)
{
    return (struct wr_mark){arena->head, arena->at};
}

void wr_arena_release(struct wr_arena *arena, struct wr_mark mark)
{
    if (!mark.head) {
        /* Keep the first chunk: the next piece of work wants it again. */
        while (arena->head && arena->head->prev)
            drop_head(arena);
        if (arena->head) {
            arena->at = (char *)(arena->head + 1);
            arena->end = (char *)arena->head + arena->head->size;
        }
        return;
    }
    while (arena->head != mark.head)
        drop_head(arena);
    arena->at = mark.at;
    arena->end = (char *)arena->head + arena->head->size;
}
