/* Memory: one budget per database (law L5), pools that charge it, arenas.
 *
 * A pool is a counter with a name (`weir_catalog.memory` has a row per pool).
 * Whoever keeps memory beyond one call charges a pool; every charge also counts
 * against the budget. Charging never fails: owners of big things ask
 * wr_budget_pressure() or wr_pool_room() before they grow, and shrink, spill,
 * slow down or fail with 53200. */
#ifndef WEIR_BASE_MEM_H
#define WEIR_BASE_MEM_H

#include <stdatomic.h>

#include "base/base.h"
#include "base/error.h"

struct wr_pool {
    struct wr_budget *budget; /* NULL: counted, not limited */
    const char *name;         /* static string */
    atomic_llong used_bytes;
    atomic_llong peak_bytes;
    struct wr_pool *next; /* in budget->pools */
};

#define WR_BUDGET_POOLS_MAX 64

struct wr_budget {
    int64_t limit_bytes;
    atomic_llong used_bytes;
    atomic_int pool_count;
    struct wr_pool *pools[WR_BUDGET_POOLS_MAX]; /* registered once at start, never removed */
};

/* No pools yet. limit_bytes 0: everything is counted, and pressure is never felt. */
void wr_budget_init(struct wr_budget *budget, int64_t limit_bytes);
/* Registers the pool with the budget, at start only. budget may be NULL; name is a static string. */
void wr_pool_init(struct wr_pool *pool, struct wr_budget *budget, const char *name);
/* bytes may be negative (release). Thread-safe. */
void wr_pool_charge(struct wr_pool *pool, int64_t bytes);
/* Bytes left under the budget; may be negative. */
int64_t wr_budget_room(const struct wr_budget *budget);
/* Share of the limit in use, in percent (0..). */
int wr_budget_pressure(const struct wr_budget *budget);

/* malloc that cannot fail (aborts with a message: only true exhaustion of the
 * machine gets there) and is not charged. */
void *wr_malloc(size_t size) __attribute__((malloc, returns_nonnull));
void *wr_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *wr_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
char *wr_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *wr_strndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));

/* Room for one more item in a heap array that is not charged. */
#define WR_GROW(array, n, cap)                                              \
    do {                                                                    \
        if ((n) == (cap)) {                                                 \
            (cap) = (cap) ? (cap)*2 : 8;                                    \
            (array) = wr_realloc((array), (size_t)(cap) * sizeof *(array)); \
        }                                                                   \
    } while (0)

/* Arena: bump allocation with LIFO release. A mark taken before a piece of work
 * and released after it frees all that was allocated between; this is how a chunk
 * pushed depth-first through a dataflow gives its memory back (executor/op.h). */
struct wr_arena_chunk;
struct wr_arena {
    struct wr_pool *pool; /* may be NULL */
    struct wr_arena_chunk *head;
    char *at, *end; /* free part of head */
    size_t total_bytes;
};
struct wr_mark {
    struct wr_arena_chunk *head;
    char *at;
};

/* Empty; nothing is allocated before it is needed. Its memory is charged to the pool (NULL: to none). */
void wr_arena_init(struct wr_arena *arena, struct wr_pool *pool);
/* Frees everything; the arena can be used again. */
void wr_arena_reset(struct wr_arena *arena);
/* 16-byte aligned, uninitialised. */
void *wr_arena_alloc(struct wr_arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
void *wr_arena_zalloc(struct wr_arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* No alignment: for bytes of strings. */
char *wr_arena_bytes(struct wr_arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
char *wr_arena_strdup(struct wr_arena *arena, const char *text);
char *wr_arena_strndup(struct wr_arena *arena, const char *text, size_t len);
char *wr_arena_printf(struct wr_arena *arena, const char *fmt, ...) WR_PRINTF(2, 3);
struct wr_mark wr_arena_mark(const struct wr_arena *arena);
/* Frees all allocated since the mark; keeps at most one spare chunk. */
void wr_arena_release(struct wr_arena *arena, struct wr_mark mark);
#define WR_NEW(arena, type)              ((type *)wr_arena_zalloc((arena), sizeof(type)))
#define WR_NEW_ARRAY(arena, type, count) ((type *)wr_arena_zalloc((arena), sizeof(type) * (size_t)(count)))

#endif
