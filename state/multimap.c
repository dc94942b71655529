/* multimap in RAM: finding, inserting, settling. (Memory and tables: multimap_region.c; over a trace:
 * multimap_trace.c.) */
#include "state/multimap_region.h"

#include <stdlib.h>

#define HUGE_DEFAULT ((int64_t)4 << 20)

struct multimap *wr_multimap_new(struct wr_pool *pool, struct trace *trace, bool counting, int64_t huge_bytes)
{
    struct multimap *map = wr_calloc(1, sizeof *map);
    map->pool = pool;
    map->trace = trace;
    map->counting = counting;
    map->huge_bytes = huge_bytes > 0 ? huge_bytes : HUGE_DEFAULT;
    map->in_ram = true;
    if (trace) {
        struct version *version = wr_trace_current(trace);
        map->in_ram = wr_version_is_empty(version);
        wr_version_release(version);
    }
    map->charged = sizeof *map;
    if (pool)
        wr_pool_charge(pool, map->charged);
    return map;
}

void wr_multimap_free(struct multimap *map)
{
    if (!map)
        return;
    for (uint32_t r = 0; r < MULTIMAP_REGIONS; r++)
        if (map->regions[r])
            wr_region_free(map, map->regions[r]);
    if (map->pool)
        wr_pool_charge(map->pool, -(int64_t)sizeof *map);
    free(map);
}

struct trace *wr_multimap_trace(const struct multimap *map)
{
    return map->trace;
}

bool wr_multimap_in_ram(const struct multimap *map)
{
    return map->in_ram;
}

bool wr_multimap_is_complete(const struct multimap *map, const struct multimap_group *group)
{
    return group ? (group->flags & GROUP_COMPLETE) != 0 : map->in_ram;
}

void wr_multimap_stats(const struct multimap *map, struct multimap_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    stats->entries = map->entries;
    stats->bytes = map->charged;
    stats->loads = map->loads;
    for (uint32_t r = 0; r < MULTIMAP_REGIONS; r++)
        if (map->regions[r])
            stats->groups += map->regions[r]->live;
}

bool wr_multimap_each(struct multimap *map, multimap_visit visit, void *context)
{
    for (uint32_t r = 0; r < MULTIMAP_REGIONS; r++) {
        struct region *region = map->regions[r];
        if (!region || !region->slots)
            continue;
        for (uint32_t i = 0; i <= region->slot_mask; i++)
            if (wr_slot_group(region->slots[i]) > (struct multimap_group *)1)
                TRY(visit(context, wr_slot_group(region->slots[i])));
    }
    return true;
}

/* ---- finding */

/* Keys in flight at once: enough to hide memory latency, few enough for the first cache. */
#define FIND_BLOCK 64

struct multimap_group *wr_multimap_find_one(struct multimap *map, const char *key, uint32_t key_len, uint64_t hash)
{
    struct multimap_group *group = wr_region_find(map->regions[wr_region_of(hash)], key, key_len, hash);
    if (group)
        group->flags |= GROUP_USED;
    return group;
}

static void prefetch_slots(struct multimap *map, const uint64_t *hashes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct region *region = map->regions[wr_region_of(hashes[i])];
        if (region && region->slots)
            __builtin_prefetch(&region->slots[hashes[i] & region->slot_mask]);
    }
}

static void prefetch_groups(struct multimap *map, const uint64_t *hashes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct region *region = map->regions[wr_region_of(hashes[i])];
        if (!region || !region->slots)
            continue;
        /* as a number: an empty slot has no group to point into, and prefetching address 64 is harmless */
        uintptr_t group = (uintptr_t)wr_slot_group(region->slots[hashes[i] & region->slot_mask]);
        __builtin_prefetch((const void *)group);
        __builtin_prefetch((const void *)(group + 64));
    }
}

void wr_multimap_find(struct multimap *map, const struct keys *keys, const uint8_t *skip,
                      struct multimap_group **groups)
{
    for (uint32_t from = 0; from < keys->n; from += FIND_BLOCK) {
        uint32_t n = WR_MIN(keys->n - from, (uint32_t)FIND_BLOCK);
        prefetch_slots(map, keys->hashes + from, n);
        prefetch_groups(map, keys->hashes + from, n);
        for (uint32_t i = from; i < from + n; i++)
            groups[i] = skip && skip[i]
                            ? NULL
                            : wr_multimap_find_one(map, wr_key_at(keys, i), wr_key_len(keys, i), keys->hashes[i]);
    }
}

static struct multimap_group *find_or_add(struct multimap *map, const struct keys *keys, uint32_t i, uint32_t row_len)
{
    uint64_t hash = keys->hashes[i];
    const char *key = wr_key_at(keys, i);
    uint32_t key_len = wr_key_len(keys, i);
    struct region *region = wr_region_get(map, hash);
    struct multimap_group *group = wr_region_find(region, key, key_len, hash);
    if (!group) {
        group = wr_group_new(map, region, key, key_len, hash, row_len);
        group->flags |= map->in_ram ? GROUP_COMPLETE : 0;
        wr_region_link(map, region, group);
    }
    return group;
}

void wr_multimap_find_or_add(struct multimap *map, const struct keys *keys, const uint8_t *skip, const uint32_t *sizes,
                             struct multimap_group **groups)
{
    for (uint32_t from = 0; from < keys->n; from += FIND_BLOCK) {
        uint32_t n = WR_MIN(keys->n - from, (uint32_t)FIND_BLOCK);
        prefetch_slots(map, keys->hashes + from, n);
        prefetch_groups(map, keys->hashes + from, n);
        for (uint32_t i = from; i < from + n; i++)
            groups[i] = skip && skip[i] ? NULL : find_or_add(map, keys, i, sizes ? sizes[i] : 0);
    }
}

/* ---- inserting */

static void note_change(struct multimap *map, struct multimap_group *group, uint32_t len)
{
    if (!map->trace)
        return;
    map->unsealed_entries++;
    map->unsealed_bytes += len + group->key_len;
    if (!(group->flags & GROUP_DIRTY))
        wr_group_make_dirty(map, map->regions[wr_region_of(group->hash)], group);
}

/* Retractions that nobody reads must not pile up. */
static void settle_overgrown(struct multimap *map, struct wr_arena *arena, struct multimap_group *const *groups,
                             uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct multimap_group *group = groups[i];
        if (group && group->flags & GROUP_UNSETTLED && group->entries > 2 * (uint64_t)group->settled + 16)
            wr_multimap_settle_slow(map, arena, group);
    }
}

static void prefetch_tail(struct multimap_group *const *groups, uint32_t i, uint32_t n)
{
    if (i + 8 < n && groups[i + 8])
        __builtin_prefetch(groups[i + 8]->tail, 1);
    if (i + 4 < n && groups[i + 4]) {
        const struct multimap_chunk *tail = groups[i + 4]->tail;
        __builtin_prefetch((const char *)(tail + 1) + tail->used, 1);
    }
}

void wr_multimap_insert(struct multimap *map, struct wr_arena *arena, struct multimap_group *const *groups, uint32_t n,
                        const uint32_t *sizes, const int64_t *weights, char **to)
{
    settle_overgrown(map, arena, groups, n);
    for (uint32_t i = 0; i < n; i++) {
        struct multimap_group *group = groups[i];
        int64_t weight = weights ? weights[i] : 1;
        prefetch_tail(groups, i, n);
        to[i] = NULL;
        if (!group || !weight)
            continue;
        struct region *region = map->regions[wr_region_of(group->hash)];
        to[i] = wr_group_append(map, region, group, sizes[i], weight, map->trace ? weight : 0);
        group->total += weight;
        group->flags &= ~(uint32_t)GROUP_MERGED;
        if (weight < 0)
            group->flags |= GROUP_UNSETTLED;
        note_change(map, group, sizes[i]);
    }
}

void wr_multimap_count(struct multimap *map, struct multimap_group *group, int64_t weight)
{
    group->total += weight;
    group->unsealed += weight;
    note_change(map, group, 0);
}

/* ---- settling */

/* Beyond this many entries equal rows are found by hash. */
#define SETTLE_SMALL 16

struct settling {
    struct entry_parts *items;
    uint32_t n;
    uint32_t *table; /* item + 1; NULL: compare with all */
    uint32_t mask;
};

static bool same_row(const struct entry_parts *a, const struct entry_parts *b)
{
    return a->len == b->len && !memcmp(a->row, b->row, a->len);
}

static struct entry_parts *settling_find(struct settling *settling, const struct entry_parts *parts)
{
    if (!settling->table) {
        for (uint32_t i = 0; i < settling->n; i++)
            if (same_row(&settling->items[i], parts))
                return &settling->items[i];
        return NULL;
    }
    uint32_t at = (uint32_t)wr_key_hash(parts->row, parts->len) & settling->mask;
    for (; settling->table[at]; at = (at + 1) & settling->mask)
        if (same_row(&settling->items[settling->table[at] - 1], parts))
            return &settling->items[settling->table[at] - 1];
    settling->table[at] = settling->n + 1;
    return NULL;
}

static void settling_add(struct settling *settling, const struct entry_parts *parts)
{
    struct entry_parts *same = settling_find(settling, parts);
    if (same) {
        same->weight += parts->weight;
        same->unsealed += parts->unsealed;
    } else {
        settling->items[settling->n++] = *parts;
    }
}

/* The group's distinct rows with summed weights, pointing into its chunks. */
static void collect(struct settling *settling, struct wr_arena *arena, const struct multimap_group *group)
{
    settling->n = 0;
    settling->items = wr_arena_alloc(arena, WR_MAX(group->entries, 1u) * sizeof *settling->items);
    settling->table = NULL;
    if (group->entries > SETTLE_SMALL) {
        uint32_t size = 64;
        while (size < (uint64_t)group->entries * 2)
            size *= 2;
        settling->mask = size - 1;
        settling->table = WR_NEW_ARRAY(arena, uint32_t, size);
    }
    for (struct multimap_chunk *chunk = wr_multimap_first(group); chunk; chunk = chunk->next) {
        char *at = (char *)(chunk + 1), *end = at + chunk->used;
        while (at < end) {
            struct entry_parts parts;
            at = wr_entry_read(at, &parts);
            settling_add(settling, &parts);
        }
    }
}

/* Rows leave the chunks that are about to be written anew. */
static void save_rows(struct settling *settling, struct wr_arena *arena)
{
    size_t total = 0;
    for (uint32_t i = 0; i < settling->n; i++)
        total += settling->items[i].len;
    char *to = wr_arena_bytes(arena, WR_MAX(total, 1));
    for (uint32_t i = 0; i < settling->n; i++) {
        struct entry_parts *item = &settling->items[i];
        if (item->len)
            memcpy(to, item->row, item->len);
        item->row = to;
        to += item->len;
    }
}

/* Clean entries first, so that the unsealed ones are a tail. */
static void rewrite(struct multimap *map, struct multimap_group *group, const struct settling *settling)
{
    struct region *region = map->regions[wr_region_of(group->hash)];
    wr_group_reset(map, region, group);
    for (int unsealed = 0; unsealed < 2; unsealed++)
        for (uint32_t i = 0; i < settling->n; i++) {
            const struct entry_parts *item = &settling->items[i];
            if ((item->unsealed != 0) != unsealed || (!item->weight && !item->unsealed))
                continue;
            char *row = wr_group_append(map, region, group, item->len, item->weight, item->unsealed);
            if (item->len)
                memcpy(row, item->row, item->len);
        }
}

void wr_multimap_merge(struct multimap *map, struct wr_arena *arena, struct multimap_group *group)
{
    if ((group->flags & (GROUP_MERGED | GROUP_UNSETTLED)) == GROUP_MERGED)
        return;
    struct wr_mark mark = wr_arena_mark(arena);
    struct settling settling;
    collect(&settling, arena, group);
    bool zeros = false;
    for (uint32_t i = 0; i < settling.n; i++)
        zeros |= !settling.items[i].weight && !settling.items[i].unsealed;
    if (zeros || settling.n < group->entries) {
        save_rows(&settling, arena);
        rewrite(map, group, &settling);
    }
    group->settled = group->entries;
    group->flags = (group->flags & ~(uint32_t)GROUP_UNSETTLED) | GROUP_MERGED;
    wr_arena_release(arena, mark);
}

void wr_multimap_settle_slow(struct multimap *map, struct wr_arena *arena, struct multimap_group *group)
{
    wr_multimap_merge(map, arena, group);
}

void wr_multimap_clear(struct multimap *map, struct wr_arena *arena, struct multimap_group *group)
{
    struct wr_mark mark = wr_arena_mark(arena);
    struct region *region = map->regions[wr_region_of(group->hash)];
    struct settling settling;
    collect(&settling, arena, group);
    save_rows(&settling, arena);
    for (uint32_t i = 0; i < settling.n; i++) { /* what the trace has of it must be taken back */
        struct entry_parts *item = &settling.items[i];
        item->unsealed -= item->weight;
        item->weight = 0;
    }
    rewrite(map, group, &settling);
    group->total = 0;
    group->settled = group->entries;
    group->flags &= ~(uint32_t)GROUP_UNSETTLED;
    if (group->entries && !(group->flags & GROUP_DIRTY))
        wr_group_make_dirty(map, region, group);
    wr_arena_release(arena, mark);
}
