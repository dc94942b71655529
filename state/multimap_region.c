/* Regions of a multimap: cutting blocks from spans, and the hash tables of groups. */
#include "state/multimap_region.h"

#include <stdlib.h>

#define SPAN_MIN      ((size_t)1 << 10)
#define SPAN_MAX      ((size_t)64 << 10)
#define CLASS_FINE    512  /* to here classes are 16 bytes apart, then two per doubling */
#define CLASS_BIG     8192 /* beyond: a span of its own */
#define SLOTS_MIN     16u
#define SLOT_DELETED  1ull
#define SPAN_OVERHEAD ((sizeof(struct region_span) + 15) & ~(size_t)15)

/* ---- memory */

static void charge(struct multimap *map, struct region *region, int64_t bytes)
{
    region->bytes += bytes;
    map->charged += bytes;
    if (map->pool)
        wr_pool_charge(map->pool, bytes);
}

static void charge_table(struct multimap *map, int64_t bytes)
{
    map->charged += bytes;
    if (map->pool)
        wr_pool_charge(map->pool, bytes);
}

struct region *wr_region_get(struct multimap *map, uint64_t hash)
{
    struct region **at = &map->regions[wr_region_of(hash)];
    if (WR_UNLIKELY(!*at)) {
        *at = wr_calloc(1, sizeof **at);
        charge_table(map, sizeof **at);
    }
    return *at;
}

static unsigned class_of(size_t size)
{
    if (size <= CLASS_FINE)
        return (unsigned)((size + 15) / 16) - 1;
    unsigned log = 63 - (unsigned)__builtin_clzll(size - 1); /* 2^log < size <= 2^(log+1) */
    unsigned upper = size > ((size_t)3 << (log - 1));
    return CLASS_FINE / 16 + (log - 9) * 2 + upper;
}

size_t wr_region_round(size_t size)
{
    if (size <= CLASS_FINE)
        return (size + 15) & ~(size_t)15;
    if (size > CLASS_BIG)
        return (size + 4095) & ~(size_t)4095;
    unsigned log = 63 - (unsigned)__builtin_clzll(size - 1);
    size_t half = (size_t)3 << (log - 1);
    return size <= half ? half : (size_t)2 << log;
}

static struct region_span *span_new(struct multimap *map, struct region *region, size_t payload)
{
    struct region_span *span = wr_malloc(SPAN_OVERHEAD + payload);
    span->size = SPAN_OVERHEAD + payload;
    span->prev = NULL;
    span->next = region->spans;
    if (span->next)
        span->next->prev = span;
    region->spans = span;
    charge(map, region, (int64_t)span->size);
    return span;
}

static void span_free(struct multimap *map, struct region *region, struct region_span *span)
{
    if (span->prev)
        span->prev->next = span->next;
    else
        region->spans = span->next;
    if (span->next)
        span->next->prev = span->prev;
    charge(map, region, -(int64_t)span->size);
    free(span);
}

void *wr_region_alloc(struct multimap *map, struct region *region, size_t size)
{
    size = wr_region_round(size);
    if (WR_UNLIKELY(size > CLASS_BIG))
        return (char *)span_new(map, region, size) + SPAN_OVERHEAD;
    void **list = &region->free[class_of(size)];
    if (*list) {
        void *block = *list;
        memcpy(list, block, sizeof *list);
        return block;
    }
    if (WR_UNLIKELY((size_t)(region->end - region->at) < size)) {
        size_t payload = WR_MAX((size_t)region->bytes / 4, SPAN_MIN);
        payload = WR_MAX(WR_MIN(payload, SPAN_MAX), size);
        payload = (payload + 15) & ~(size_t)15;
        region->at = (char *)span_new(map, region, payload) + SPAN_OVERHEAD;
        region->end = region->at + payload;
    }
    void *block = region->at;
    region->at += size;
    return block;
}

void wr_region_release(struct multimap *map, struct region *region, void *block, size_t size)
{
    size = wr_region_round(size);
    if (size > CLASS_BIG) {
        span_free(map, region, (struct region_span *)((char *)block - SPAN_OVERHEAD));
        return;
    }
    void **list = &region->free[class_of(size)];
    memcpy(block, list, sizeof *list);
    *list = block;
}

void wr_region_clear(struct multimap *map, struct region *region)
{
    while (region->spans)
        span_free(map, region, region->spans);
    region->at = region->end = NULL;
    memset(region->free, 0, sizeof region->free);
    if (region->slots)
        memset(region->slots, 0, ((size_t)region->slot_mask + 1) * sizeof *region->slots);
    region->used = 0;
}

void wr_region_drop_all(struct multimap *map, struct region *region)
{
    while (region->spans)
        span_free(map, region, region->spans);
    if (region->slots)
        charge_table(map, -(int64_t)(((size_t)region->slot_mask + 1) * sizeof *region->slots));
    charge_table(map, -(int64_t)(region->dirty_cap * sizeof(struct multimap_group *)));
    free(region->slots);
    free(region->dirty);
}

void wr_region_free(struct multimap *map, struct region *region)
{
    wr_region_drop_all(map, region);
    charge_table(map, -(int64_t)sizeof *region);
    free(region);
}

/* ---- table */

static bool same_key(const struct multimap_group *group, const char *key, uint32_t key_len, uint64_t hash)
{
    return group->hash == hash && group->key_len == key_len && !memcmp(group->key, key, key_len);
}

struct multimap_group *wr_region_find(const struct region *region, const char *key, uint32_t key_len, uint64_t hash)
{
    if (!region || !region->slots)
        return NULL;
    uint64_t tag = wr_slot_tag(hash);
    for (uint32_t i = (uint32_t)hash & region->slot_mask;; i = (i + 1) & region->slot_mask) {
        uint64_t slot = region->slots[i];
        if (!slot)
            return NULL;
        if ((slot & 0xffff000000000000ull) == tag && slot != SLOT_DELETED &&
            same_key(wr_slot_group(slot), key, key_len, hash))
            return wr_slot_group(slot);
    }
}

static void put_slot(struct region *region, uint64_t slot, uint64_t hash)
{
    uint32_t i = (uint32_t)hash & region->slot_mask;
    while (region->slots[i])
        i = (i + 1) & region->slot_mask;
    region->slots[i] = slot;
}

/* Also cleans out deleted slots. */
static void resize_table(struct multimap *map, struct region *region)
{
    uint64_t *old = region->slots;
    size_t old_n = old ? (size_t)region->slot_mask + 1 : 0;
    size_t n = SLOTS_MIN;
    while (n < (size_t)region->live * 2)
        n *= 2;
    region->slots = wr_calloc(n, sizeof *region->slots);
    region->slot_mask = (uint32_t)(n - 1);
    charge_table(map, (int64_t)((n - old_n) * sizeof *region->slots));
    for (size_t i = 0; i < old_n; i++) {
        if (i + 8 < old_n && old[i + 8] > SLOT_DELETED)
            __builtin_prefetch(wr_slot_group(old[i + 8]));
        if (old[i] > SLOT_DELETED)
            put_slot(region, old[i], wr_slot_group(old[i])->hash);
    }
    region->used = region->live;
    free(old);
}

void wr_region_link(struct multimap *map, struct region *region, struct multimap_group *group)
{
    if (!region->slots || (uint64_t)(region->used + 1) * 4 > ((uint64_t)region->slot_mask + 1) * 3)
        resize_table(map, region);
    put_slot(region, wr_slot_tag(group->hash) | (uint64_t)(uintptr_t)group, group->hash);
    region->used++;
    region->live++;
}

void wr_region_unlink(struct region *region, struct multimap_group *group)
{
    uint32_t i = (uint32_t)group->hash & region->slot_mask;
    while (wr_slot_group(region->slots[i]) != group)
        i = (i + 1) & region->slot_mask;
    region->slots[i] = SLOT_DELETED;
    region->live--;
}

/* ---- groups */

struct multimap_group *wr_group_new(struct multimap *map, struct region *region, const char *key, uint32_t key_len,
                                    uint64_t hash, uint32_t row_len)
{
    uint32_t head_bytes = wr_multimap_pad((uint32_t)sizeof(struct multimap_group) + key_len);
    size_t want = head_bytes;
    if (!map->counting)
        want += sizeof(struct multimap_chunk) + (row_len > CLASS_BIG ? 0 : 8 + wr_multimap_pad(row_len));
    size_t size = wr_region_round(want);
    struct multimap_group *group = wr_region_alloc(map, region, size);
    memset(group, 0, sizeof *group);
    group->hash = hash;
    group->key_len = key_len;
    group->head_bytes = head_bytes;
    group->flags = GROUP_USED;
    memcpy(group->key, key, key_len);
    if (!map->counting) {
        struct multimap_chunk *first = wr_multimap_first(group);
        first->next = NULL;
        first->used = 0;
        first->cap = (uint32_t)(size - head_bytes - sizeof *first);
        group->tail = first;
    }
    return group;
}

static size_t group_size(const struct multimap *map, const struct multimap_group *group)
{
    size_t size = group->head_bytes;
    if (!map->counting)
        size += sizeof(struct multimap_chunk) + wr_multimap_first(group)->cap;
    return size;
}

void wr_group_reset(struct multimap *map, struct region *region, struct multimap_group *group)
{
    struct multimap_chunk *first = wr_multimap_first(group);
    for (struct multimap_chunk *chunk = first->next, *next; chunk; chunk = next) {
        next = chunk->next;
        wr_region_release(map, region, chunk, sizeof *chunk + chunk->cap);
    }
    first->next = NULL;
    first->used = 0;
    group->tail = first;
    group->dirty = NULL;
    map->entries -= group->entries;
    group->entries = 0;
}

void wr_group_free(struct multimap *map, struct region *region, struct multimap_group *group)
{
    if (!map->counting)
        wr_group_reset(map, region, group);
    wr_region_unlink(region, group);
    wr_region_release(map, region, group, group_size(map, group));
}

#define CHUNK_MIN 128u

static struct multimap_chunk *add_chunk(struct multimap *map, struct region *region, struct multimap_group *group,
                                        uint32_t need)
{
    struct multimap_chunk *tail = group->tail;
    size_t size = WR_MIN((size_t)tail->cap * 3 / 2, (size_t)CLASS_BIG);
    size = WR_MAX(WR_MAX(size, CHUNK_MIN), sizeof(*tail) + need);
    size = wr_region_round(size);
    struct multimap_chunk *chunk = wr_region_alloc(map, region, size);
    chunk->next = NULL;
    chunk->used = 0;
    chunk->cap = (uint32_t)(size - sizeof *chunk);
    tail->next = chunk;
    group->tail = chunk;
    return chunk;
}

char *wr_group_append(struct multimap *map, struct region *region, struct multimap_group *group, uint32_t len,
                      int64_t weight, int64_t unsealed)
{
    bool wide = weight != (int32_t)weight || (unsealed && unsealed != weight);
    uint32_t body = wr_multimap_pad(len);
    uint32_t need = 8 + body + (wide ? 16 : 0);
    struct multimap_chunk *chunk = group->tail;
    if (WR_UNLIKELY(chunk->cap - chunk->used < need))
        chunk = add_chunk(map, region, group, need);
    if (unsealed && !group->dirty) {
        group->dirty = chunk;
        group->dirty_at = chunk->used;
    }
    char *at = (char *)(chunk + 1) + chunk->used;
    uint32_t head[2] = {len | (unsealed ? ENTRY_UNSEALED : 0) | (wide ? ENTRY_WIDE : 0), (uint32_t)(int32_t)weight};
    memcpy(at, head, 8);
    if (body)
        memset(at + 8 + body - 8, 0, 8); /* the padding */
    if (wide) {
        memcpy(at + 8 + body, &weight, 8);
        memcpy(at + 16 + body, &unsealed, 8);
    }
    chunk->used += need;
    group->entries++;
    map->entries++;
    return at + 8;
}

void wr_group_make_dirty(struct multimap *map, struct region *region, struct multimap_group *group)
{
    if (region->ndirty == region->dirty_cap) {
        uint32_t cap = region->dirty_cap ? region->dirty_cap * 2 : 16;
        charge_table(map, (int64_t)((cap - region->dirty_cap) * sizeof(struct multimap_group *)));
        region->dirty_cap = cap;
        region->dirty = wr_realloc(region->dirty, region->dirty_cap * sizeof(struct multimap_group *));
    }
    region->dirty[region->ndirty++] = group;
    group->flags |= GROUP_DIRTY;
}
