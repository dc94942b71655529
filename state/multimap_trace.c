/* A multimap over its trace: loading keys, sealing changes, evicting. */
#include "state/multimap_region.h"

#include <stdlib.h>

#include "state/key_sort.h"
#include "state/seal.h"

static struct region *region_of(struct multimap *map, const struct multimap_group *group)
{
    return map->regions[wr_region_of(group->hash)];
}

/* ---- loading */

/* Rows of a partial group, set aside while the trace's rows take their place before them. */
struct saved_rows {
    struct entry_parts *items;
    uint32_t n;
};

static void save(struct saved_rows *saved, struct wr_arena *arena, const struct multimap_group *group)
{
    saved->n = 0;
    saved->items = wr_arena_alloc(arena, WR_MAX(group->entries, 1u) * sizeof *saved->items);
    for (struct multimap_chunk *chunk = wr_multimap_first(group); chunk; chunk = chunk->next) {
        char *at = (char *)(chunk + 1), *end = at + chunk->used;
        while (at < end) {
            struct entry_parts *parts = &saved->items[saved->n++];
            at = wr_entry_read(at, parts);
            char *row = wr_arena_bytes(arena, WR_MAX(parts->len, 1u));
            memcpy(row, parts->row, parts->len);
            parts->row = row;
        }
    }
}

static void put(struct multimap *map, struct multimap_group *group, const char *row, uint32_t len, int64_t weight,
                int64_t unsealed)
{
    char *to = wr_group_append(map, region_of(map, group), group, len, weight, unsealed);
    if (len)
        memcpy(to, row, len);
}

static void put_saved(struct multimap *map, struct multimap_group *group, const struct saved_rows *saved)
{
    for (uint32_t i = 0; i < saved->n; i++) {
        const struct entry_parts *item = &saved->items[i];
        put(map, group, item->row, item->len, item->weight, item->unsealed);
    }
}

static struct multimap_group *add_group(struct multimap *map, const char *key, uint32_t key_len, uint64_t hash,
                                        uint32_t row_len)
{
    struct region *region = wr_region_get(map, hash);
    struct multimap_group *group = wr_group_new(map, region, key, key_len, hash, map->counting ? 0 : row_len);
    wr_region_link(map, region, group);
    return group;
}

struct loading {
    struct multimap *map;
    struct wr_arena *arena;
    struct multimap_group *group;
    struct saved_rows saved;
    int64_t saved_total;
    bool begun;
    bool negative;
    int64_t bytes;
};

/* The first row is here: there will be a group, without rows for the moment. */
static void begin(struct loading *loading, const struct entry *entry, uint64_t hash)
{
    struct multimap *map = loading->map;
    loading->begun = true;
    if (!loading->group) {
        loading->group = add_group(map, entry->key, entry->key_len, hash, entry->payload_len);
        return;
    }
    if (map->counting)
        return;
    save(&loading->saved, loading->arena, loading->group);
    loading->saved_total = loading->group->total;
    wr_group_reset(map, region_of(map, loading->group), loading->group);
}

static void take(struct loading *loading, const struct entry *entry)
{
    loading->group->total += entry->weight;
    loading->negative |= entry->weight < 0;
    loading->bytes += entry->payload_len + 16;
    if (!loading->map->counting)
        put(loading->map, loading->group, entry->payload, entry->payload_len, entry->weight, 0);
}

/* Too big after all: back to what RAM had. */
static void give_up(struct loading *loading)
{
    struct multimap *map = loading->map;
    struct multimap_group *group = loading->group;
    wr_group_reset(map, region_of(map, group), group);
    put_saved(map, group, &loading->saved);
    group->total = loading->saved_total;
    group->flags |= GROUP_HUGE;
}

static void finish(struct loading *loading)
{
    struct multimap_group *group = loading->group;
    if (!group)
        return;
    if (!loading->map->counting) {
        for (uint32_t i = 0; i < loading->saved.n; i++)
            loading->negative |= loading->saved.items[i].weight < 0;
        put_saved(loading->map, group, &loading->saved);
        group->settled = group->entries;
    }
    group->flags |= GROUP_COMPLETE | GROUP_USED;
    group->flags &= ~(uint32_t)GROUP_MERGED;
    if (loading->negative)
        group->flags |= GROUP_UNSETTLED;
}

static bool load_rows(struct loading *loading, struct cursor *cursor, uint64_t hash, enum multimap_load *outcome,
                      struct wr_error *err)
{
    const struct entry *entry;
    while ((entry = wr_cursor_next(cursor, err))) {
        if (!loading->begun)
            begin(loading, entry, hash);
        take(loading, entry);
        if (loading->bytes > loading->map->huge_bytes && !loading->map->counting) {
            give_up(loading);
            *outcome = LOAD_HUGE;
            return true;
        }
    }
    TRY(!err->sqlstate[0]);
    finish(loading);
    return true;
}

bool wr_multimap_load(struct multimap *map, struct wr_arena *arena, struct version *version, const char *key,
                      uint32_t key_len, uint64_t hash, struct multimap_group **group, enum multimap_load *outcome,
                      struct wr_error *err)
{
    *outcome = LOAD_DONE;
    if (wr_multimap_is_complete(map, *group))
        return true;
    if (*group && !map->counting && (int64_t)(*group)->entries * 16 > map->huge_bytes)
        (*group)->flags |= GROUP_HUGE; /* what RAM has of it is too much already */
    if (*group && (*group)->flags & GROUP_HUGE) {
        *outcome = LOAD_HUGE;
        return true;
    }
    struct loading loading = {.map = map, .arena = arena, .group = *group};
    map->loads++;
    if (wr_version_excludes(version, key, key_len)) {
        finish(&loading);
        return true;
    }
    struct wr_mark mark = wr_arena_mark(arena);
    struct cursor *cursor = wr_cursor_open_prefix(version, key, key_len, true);
    wr_error_clear(err);
    bool ok = load_rows(&loading, cursor, hash, outcome, err);
    wr_cursor_close(cursor);
    if (ok && !loading.group) { /* rows that came and went may have been walked through: not again the next time */
        loading.group = add_group(map, key, key_len, hash, 0);
        finish(&loading);
    }
    wr_arena_release(arena, mark);
    *group = loading.group;
    return ok;
}

/* ---- sealing */

static void mark_clean(struct multimap_group *group)
{
    struct multimap_chunk *chunk = group->dirty;
    uint32_t from = group->dirty_at;
    for (; chunk; chunk = chunk->next, from = 0) {
        char *at = (char *)(chunk + 1) + from, *end = (char *)(chunk + 1) + chunk->used;
        while (at < end) {
            struct entry_parts parts;
            char *next = wr_entry_read(at, &parts);
            uint32_t raw = parts.raw & ~ENTRY_UNSEALED;
            memcpy(at, &raw, 4);
            if (raw & ENTRY_WIDE)
                memset(next - 8, 0, 8);
            if (!parts.weight)
                group->flags |= GROUP_UNSETTLED; /* a dead entry: gone when settled */
            at = next;
        }
    }
    group->dirty = NULL;
}

#define SEAL_SLICE 16384u /* entries of a group that are sorted together */

struct sealing {
    struct multimap *map;
    struct wr_arena *arena;
    struct seal out;
};

static void add_entry(struct sealing *sealing, const struct multimap_group *group, const char *row, uint32_t len,
                      int64_t weight)
{
    struct entry entry = {.key = group->key,
                          .key_len = group->key_len,
                          .prefix_len = group->key_len,
                          .payload = row,
                          .payload_len = len,
                          .weight = weight};
    if (weight)
        wr_seal_add(&sealing->out, &entry);
}

/* The unsealed entries of a group, a slice at a time: a group may be a large part of all memory. */
struct unsealed {
    struct multimap_chunk *chunk;
    char *at;
};

static bool next_unsealed(struct unsealed *walk, struct entry_parts *parts)
{
    while (walk->chunk) {
        char *end = (char *)(walk->chunk + 1) + walk->chunk->used;
        while (walk->at < end) {
            walk->at = wr_entry_read(walk->at, parts);
            if (parts->unsealed)
                return true;
        }
        walk->chunk = walk->chunk->next;
        walk->at = walk->chunk ? (char *)(walk->chunk + 1) : NULL;
    }
    return false;
}

/* In order of row bytes, equal rows as one. */
static void add_sorted(struct sealing *sealing, const struct multimap_group *group, const struct entry_parts *items,
                       uint32_t n)
{
    struct wr_mark mark = wr_arena_mark(sealing->arena);
    struct key_ref *refs = wr_arena_alloc(sealing->arena, WR_MAX(n, 1u) * sizeof *refs);
    for (uint32_t i = 0; i < n; i++)
        refs[i] = wr_key_ref(items[i].row, items[i].len, i);
    wr_key_sort(refs, n);
    for (uint32_t i = 0; i < n;) {
        int64_t weight = 0;
        uint32_t j = i;
        for (; j < n && !wr_key_cmp(refs[i].bytes, refs[i].len, refs[j].bytes, refs[j].len); j++)
            weight += items[refs[j].index].unsealed;
        add_entry(sealing, group, refs[i].bytes, refs[i].len, weight);
        i = j;
    }
    wr_arena_release(sealing->arena, mark);
}

static void seal_rows(struct sealing *sealing, struct multimap_group *group)
{
    if (!group->dirty)
        return;
    struct unsealed walk = {group->dirty, (char *)(group->dirty + 1) + group->dirty_at};
    struct entry_parts parts;
    if (wr_trace_kind(sealing->map->trace) == TRACE_APPEND) {
        while (next_unsealed(&walk, &parts))
            add_entry(sealing, group, parts.row, parts.len, parts.unsealed);
        return;
    }
    struct wr_mark mark = wr_arena_mark(sealing->arena);
    uint32_t most = WR_MIN(group->entries, SEAL_SLICE), n = 0;
    struct entry_parts *items = wr_arena_alloc(sealing->arena, WR_MAX(most, 1u) * sizeof *items);
    while (next_unsealed(&walk, &parts)) {
        if (n == most) { /* a run is in order: the next slice begins another */
            add_sorted(sealing, group, items, n);
            wr_seal_cut(&sealing->out);
            n = 0;
        }
        items[n++] = parts;
    }
    add_sorted(sealing, group, items, n);
    wr_arena_release(sealing->arena, mark);
}

/* The group's changes are in the run: what is left of it? */
static void after_seal(struct sealing *sealing, struct region *region, struct multimap_group *group)
{
    struct multimap *map = sealing->map;
    bool complete = group->flags & GROUP_COMPLETE;
    group->flags &= ~(uint32_t)GROUP_DIRTY;
    if (map->counting) {
        group->unsealed = 0;
        if (!complete || (!group->total && map->in_ram))
            wr_group_free(map, region, group);
        return;
    }
    if (!complete && group->flags & GROUP_HUGE) { /* stays, without rows, as a note that the key is huge */
        wr_group_reset(map, region, group);
        group->total = 0;
        group->flags &= ~(uint32_t)GROUP_UNSETTLED;
        return;
    }
    if (!complete) {
        wr_group_free(map, region, group);
        return;
    }
    mark_clean(group);
    if (group->total)
        return;
    wr_multimap_settle(map, sealing->arena, group);
    if (!group->entries && map->in_ram)
        wr_group_free(map, region, group);
}

static void seal_region(struct sealing *sealing, struct region *region)
{
    if (!region->ndirty)
        return;
    struct wr_mark mark = wr_arena_mark(sealing->arena);
    uint32_t n = region->ndirty;
    struct key_ref *refs = wr_arena_alloc(sealing->arena, n * sizeof *refs);
    for (uint32_t i = 0; i < n; i++)
        refs[i] = wr_key_ref(region->dirty[i]->key, region->dirty[i]->key_len, i);
    wr_key_sort(refs, n);
    for (uint32_t i = 0; i < n; i++) {
        struct multimap_group *group = region->dirty[refs[i].index];
        if (i + 2 < n)
            __builtin_prefetch(region->dirty[refs[i + 2].index]);
        if (sealing->map->counting)
            add_entry(sealing, group, NULL, 0, group->unsealed);
        else
            seal_rows(sealing, group);
        after_seal(sealing, region, group);
    }
    region->ndirty = 0;
    if (!region->live)
        wr_region_clear(sealing->map, region);
    wr_arena_release(sealing->arena, mark);
}

bool wr_multimap_seal(struct multimap *map, struct wr_arena *arena, struct commit *commit, struct wr_error *err)
{
    if (!map->trace || !map->unsealed_entries)
        return true;
    struct sealing sealing = {.map = map, .arena = arena};
    wr_seal_begin(&sealing.out, commit, map->trace, (size_t)map->unsealed_entries, (size_t)map->unsealed_bytes, err);
    for (uint32_t r = 0; r < MULTIMAP_REGIONS; r++)
        if (map->regions[r])
            seal_region(&sealing, map->regions[r]);
    map->unsealed_entries = map->unsealed_bytes = 0;
    return wr_seal_end(&sealing.out);
}

/* ---- evicting */

#define COPY_INLINE_MAX 4096u /* bytes of entries kept in a copied group's first chunk */

/* The group in a region's new blocks. */
static struct multimap_group *copy_group(struct multimap *map, struct region *region,
                                         const struct multimap_group *group)
{
    uint32_t bytes = 0;
    for (struct multimap_chunk *chunk = map->counting ? NULL : wr_multimap_first(group); chunk; chunk = chunk->next)
        bytes += WR_MIN(chunk->used, COPY_INLINE_MAX);
    struct multimap_group *copy =
        wr_group_new(map, region, group->key, group->key_len, group->hash, WR_MIN(bytes, COPY_INLINE_MAX));
    uint32_t flags = group->flags & ~(uint32_t)GROUP_USED;
    copy->total = group->total;
    copy->flags = flags;
    if (map->counting) {
        copy->unsealed = group->unsealed;
        return copy;
    }
    map->entries -= group->entries; /* counted again as they are appended */
    for (struct multimap_chunk *chunk = wr_multimap_first(group); chunk; chunk = chunk->next) {
        char *at = (char *)(chunk + 1), *end = at + chunk->used;
        while (at < end) {
            struct entry_parts parts;
            at = wr_entry_read(at, &parts);
            put(map, copy, parts.row, parts.len, parts.weight, parts.unsealed);
        }
    }
    copy->settled = group->settled;
    return copy;
}

static bool can_drop(const struct multimap_group *group, bool even_used)
{
    return !(group->flags & GROUP_DIRTY) && (even_used || !(group->flags & GROUP_USED));
}

/* Copy what stays into new blocks, free the old ones: no holes are left. */
static void sweep_region(struct multimap *map, struct region *region, bool even_used)
{
    struct region old = *region;
    size_t nslots = old.slots ? (size_t)old.slot_mask + 1 : 0;
    region->spans = NULL;
    region->at = region->end = NULL;
    memset(region->free, 0, sizeof region->free);
    region->bytes = 0;
    region->slots = NULL;
    region->slot_mask = region->used = region->live = 0;
    region->dirty = NULL;
    region->ndirty = region->dirty_cap = 0;
    for (size_t i = 0; i < nslots; i++) {
        struct multimap_group *group = wr_slot_group(old.slots[i]);
        if (group <= (struct multimap_group *)1)
            continue;
        if (can_drop(group, even_used)) {
            map->entries -= group->entries;
            map->in_ram = false;
            continue;
        }
        struct multimap_group *copy = copy_group(map, region, group);
        wr_region_link(map, region, copy);
        if (copy->flags & GROUP_DIRTY)
            wr_group_make_dirty(map, region, copy);
    }
    wr_region_drop_all(map, &old);
}

int64_t wr_multimap_evict(struct multimap *map, int64_t bytes)
{
    int64_t before = map->charged;
    if (!map->trace)
        return 0;
    /* twice round: groups used since the last pass get a second chance */
    for (uint32_t r = 0; r < 2 * MULTIMAP_REGIONS && before - map->charged < bytes; r++) {
        struct region *region = map->regions[map->hand];
        if (region && region->bytes) /* free blocks come back only with their spans */
            sweep_region(map, region, r >= MULTIMAP_REGIONS);
        map->hand = (map->hand + 1) % MULTIMAP_REGIONS;
    }
    return before - map->charged;
}
