/* vmap: finding and changing entries. Contract and layout: vmap.h; sealing and dropping: vmap_store.c.
 *
 * A batch of keys is looked up in blocks of 64: hash all and prefetch their slots, probe all and prefetch the entries
 * whose hash bits match, compare all. Linear probing from a home given by the top hash bits; deletion shifts back, so
 * there are no grave markers. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <assert.h>
#include <stdlib.h>

#include "state/key_sort.h"
#include "state/vmap_internal.h"

#define SLOT_BITS_MIN 4
#define BLOCK         64

uint64_t wr_vmap_hash(const char *key, uint32_t len)
{
    return XXH3_64bits(key, len) & ~SLOT_HANDLE;
}

/* ---- memory */

static void charge_lists(struct vmap *map, int64_t bytes)
{
    map->list_bytes += bytes;
    if (map->options.pool)
        wr_pool_charge(map->options.pool, bytes);
}

/* Room for one more in an array of 8-byte items. */
static void *grow(struct vmap *map, void *items, uint32_t n, uint32_t *cap)
{
    if (n < *cap)
        return items;
    uint32_t more = WR_MAX(64u, *cap);
    charge_lists(map, (int64_t)more * 8);
    *cap += more;
    return wr_realloc(items, (size_t)*cap * 8);
}

void wr_vmap_push(struct vmap *map, struct entry_list *list, struct vmap_entry *entry)
{
    list->items = grow(map, list->items, list->n, &list->cap);
    list->items[list->n++] = entry;
}

void wr_vmap_defer_release(struct vmap *map, uint64_t handle)
{
    map->garbage = grow(map, map->garbage, map->ngarbage, &map->garbage_cap);
    map->garbage[map->ngarbage++] = handle;
    vmap_at(map, handle)->deferred = true;
}

struct vmap *wr_vmap_new(const struct vmap_options *options)
{
    struct vmap *map = wr_calloc(1, sizeof(*map));
    map->options = *options;
    map->options.fixed_size = (options->fixed_size + 7) & ~7u;
    wr_slab_init(&map->slab, options->pool);
    map->slot_bits = SLOT_BITS_MIN;
    map->slots = wr_calloc((size_t)1 << map->slot_bits, sizeof(*map->slots));
    charge_lists(map, (int64_t)8 << map->slot_bits);
    map->complete = true;
    if (options->trace) {
        struct version *version = wr_trace_current(options->trace);
        map->complete = wr_version_is_empty(version);
        wr_version_release(version);
    }
    return map;
}

static void fini_value(struct vmap *map, struct vmap_entry *entry)
{
    if (map->options.fixed_size && map->options.fini)
        map->options.fini(map->options.context, entry->bytes);
}

static void init_value(struct vmap *map, struct vmap_entry *entry)
{
    if (!map->options.fixed_size)
        return;
    memset(entry->bytes, 0, map->options.fixed_size);
    if (map->options.init)
        map->options.init(map->options.context, entry->bytes);
}

void wr_vmap_free(struct vmap *map)
{
    if (!map)
        return;
    if (map->options.fixed_size && map->options.fini)
        for (uint64_t s = 0; s < (uint64_t)1 << map->slot_bits; s++)
            if (map->slots[s])
                fini_value(map, vmap_at(map, map->slots[s]));
    wr_slab_fini(&map->slab);
    charge_lists(map, -map->list_bytes);
    free(map->slots);
    free(map->dirty.items);
    free(map->fresh.items);
    free(map->garbage);
    free(map);
}

/* ---- slots */

void wr_vmap_resize(struct vmap *map, int64_t more)
{
    unsigned bits = SLOT_BITS_MIN;
    while (((int64_t)7 << bits) / 8 < map->count + more)
        bits++;
    if (bits < map->slot_bits && map->count + more > ((int64_t)1 << map->slot_bits) / 8)
        return; /* shrink only when it is worth it */
    if (bits == map->slot_bits)
        return;
    uint64_t *old = map->slots;
    uint64_t n = (uint64_t)1 << map->slot_bits;
    charge_lists(map, ((int64_t)8 << bits) - ((int64_t)8 << map->slot_bits));
    map->slots = wr_calloc((size_t)1 << bits, sizeof(*map->slots));
    map->slot_bits = bits;
    for (uint64_t s = 0; s < n; s++) {
        if (!old[s])
            continue;
        uint64_t at = vmap_home(map, old[s]);
        while (map->slots[at])
            at = vmap_next(map, at);
        map->slots[at] = old[s];
    }
    free(old);
}

uint64_t wr_vmap_slot_of(const struct vmap *map, const struct vmap_entry *entry)
{
    uint64_t hash = wr_vmap_hash(vmap_key(map, entry), entry->key_len);
    uint64_t at = vmap_home(map, hash);
    while ((map->slots[at] & ~SLOT_HANDLE) != hash || vmap_at(map, map->slots[at]) != entry)
        at = vmap_next(map, at);
    return at;
}

/* Free the slot and close the gap: an entry behind it moves up unless it would leave its probe path. */
void wr_vmap_unhang(struct vmap *map, uint64_t slot)
{
    uint64_t mask = ((uint64_t)1 << map->slot_bits) - 1;
    uint64_t gap = slot;
    for (uint64_t at = vmap_next(map, slot); map->slots[at]; at = vmap_next(map, at)) {
        uint64_t home = vmap_home(map, map->slots[at]);
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        map->slots[gap] = map->slots[at];
        gap = at;
    }
    map->slots[gap] = 0;
    map->count--;
}

void wr_vmap_release_block(struct vmap *map, uint64_t handle)
{
    struct vmap_entry *entry = vmap_at(map, handle);
    size_t size = vmap_block_size(entry);
    entry->free = true;
    if (wr_slab_is_big(size))
        wr_vmap_defer_release(map, handle);
    else
        wr_slab_release(&map->slab, handle, size);
}

/* ---- entries */

static struct vmap_entry *entry_new(struct vmap *map, const char *key, uint32_t key_len, uint32_t value_len,
                                    uint64_t *handle)
{
    struct vmap_entry *entry = wr_slab_alloc(&map->slab, sizeof(*entry) + (size_t)key_len + value_len, handle);
    *entry = (struct vmap_entry){.key_len = key_len, .value_len = value_len, .recent = true};
    memcpy(entry->bytes + map->options.fixed_size, key, key_len);
    return entry;
}

/* A placeholder in the free slot `at`. */
static struct vmap_entry *placeholder(struct vmap *map, uint64_t at, uint64_t hash, const char *key, uint32_t key_len,
                                      uint32_t room)
{
    uint64_t handle;
    uint32_t value_len = map->options.fixed_size ? map->options.fixed_size : room;
    struct vmap_entry *entry = entry_new(map, key, key_len, value_len, &handle);
    init_value(map, entry);
    map->slots[at] = hash | handle;
    map->count++;
    wr_vmap_push(map, &map->fresh, entry);
    return entry;
}

static inline bool key_is(const struct vmap *map, const struct vmap_entry *entry, const char *key, uint32_t len)
{
    return entry->key_len == len && !memcmp(vmap_key(map, entry), key, len);
}

/* From `at` on: the slot of the key, or the free slot where it would hang. */
static inline uint64_t probe(const struct vmap *map, uint64_t at, uint64_t hash, const char *key, uint32_t len)
{
    while (map->slots[at]) {
        if ((map->slots[at] & ~SLOT_HANDLE) == hash && key_is(map, vmap_at(map, map->slots[at]), key, len))
            break;
        at = vmap_next(map, at);
    }
    return at;
}

/* A block of the right size for the value: the old one, or a new one in its place. */
static struct vmap_entry *replace(struct vmap *map, struct vmap_entry *entry, uint32_t len, bool keep)
{
    size_t size = sizeof(*entry) + (size_t)entry->key_len + len;
    if (wr_slab_size(size) != wr_slab_size(vmap_block_size(entry)) || (keep && entry->live)) {
        uint64_t slot = wr_vmap_slot_of(map, entry);
        uint64_t old = map->slots[slot] & SLOT_HANDLE, handle;
        struct vmap_entry *now = entry_new(map, vmap_key(map, entry), entry->key_len, len, &handle);
        now->mark = entry->mark;
        now->dirty = entry->dirty;
        now->in_trace = entry->in_trace;
        map->slots[slot] = (map->slots[slot] & ~SLOT_HANDLE) | handle;
        if (now->dirty)
            map->dirty.items[now->dirty - 1] = now;
        entry->dirty = 0;
        if (keep)
            wr_vmap_defer_release(map, old);
        else
            wr_vmap_release_block(map, old);
        entry = now;
    }
    entry->value_len = len;
    entry->live = true;
    return entry;
}

/* ---- reading the trace for keys that are not here */

#define SORTED_LOOKUP_MIN 16

struct fetch {
    struct vmap *map;
    struct key_ref *refs; /* index: ordinal in found, or in wr_vmap_find_one 0 */
    struct vmap_entry **entries;
    bool corrupt;
};

static void fetched(void *context, uint32_t index, const struct entry *from)
{
    struct fetch *fetch = context;
    struct vmap *map = fetch->map;
    struct vmap_entry **entry = &fetch->entries[fetch->refs[index].index];
    if (map->options.fixed_size) {
        void *value = (*entry)->bytes;
        if (map->options.decode) {
            if (!map->options.decode(map->options.context, value, from->payload, from->payload_len))
                fetch->corrupt = true;
        } else if (from->payload_len == (*entry)->value_len) {
            memcpy(value, from->payload, from->payload_len);
        } else {
            fetch->corrupt = true;
        }
    } else {
        *entry = replace(map, *entry, from->payload_len, false);
        if (from->payload_len)
            memcpy(wr_vmap_room(*entry), from->payload, from->payload_len);
    }
    (*entry)->live = true;
    (*entry)->in_trace = true;
}

static bool fetch_misses(struct fetch *fetch, struct wr_arena *arena, uint32_t n, struct wr_error *err)
{
    if (!n)
        return true;
    struct vmap *map = fetch->map;
    map->stats.misses += n;
    struct version *version = wr_trace_current(map->options.trace);
    /* Most misses are new keys. Filters in RAM tell so before anything is sorted; those on disk are looked at in order,
     * each part of them and of the index once. */
    uint32_t kept = wr_version_on_disk(version) && n >= SORTED_LOOKUP_MIN ? n : 0;
    for (uint32_t i = kept; i < n; i++)
        if (!wr_version_excludes(version, fetch->refs[i].bytes, fetch->refs[i].len))
            fetch->refs[kept++] = fetch->refs[i];
    bool ok = true;
    if (kept) {
        wr_key_sort(fetch->refs, kept);
        struct str_key *keys = wr_arena_alloc(arena, kept * sizeof(*keys));
        for (uint32_t i = 0; i < kept; i++)
            keys[i] = (struct str_key){fetch->refs[i].bytes, fetch->refs[i].len};
        ok = wr_version_get(version, keys, kept, fetched, fetch, err);
    }
    wr_version_release(version);
    if (ok && fetch->corrupt)
        return wr_fail(err, ERR_DATA_CORRUPTED, "state table %llx holds a value that cannot be read",
                       (unsigned long long)wr_trace_id(map->options.trace));
    return ok;
}

/* ---- finding */

struct lookup {
    struct vmap *map;
    const struct keys *keys;
    const uint32_t *rooms;
    struct vmap_found *found;
    struct key_ref *misses;
    uint32_t nmisses;
};

static inline void lookup_row(struct lookup *l, uint32_t row, uint64_t at, uint64_t hash)
{
    struct vmap *map = l->map;
    struct vmap_found *found = l->found;
    const char *key = wr_key_at(l->keys, row);
    uint32_t len = wr_key_len(l->keys, row);
    at = probe(map, at, hash, key, len);
    struct vmap_entry *entry;
    if (map->slots[at]) {
        entry = vmap_at(map, map->slots[at]);
        if (entry->mark < found->n && found->entries[entry->mark] == entry) {
            found->of[row] = entry->mark;
            return;
        }
    } else {
        entry = placeholder(map, at, hash, key, len, l->rooms ? l->rooms[row] : 0);
        if (!map->complete)
            l->misses[l->nmisses++] = wr_key_ref(key, len, found->n);
    }
    entry->recent = true;
    entry->mark = found->n;
    found->entries[found->n] = entry;
    found->rows[found->n] = row;
    found->of[row] = found->n++;
}

static void lookup_block(struct lookup *l, uint32_t from, uint32_t to)
{
    struct vmap *map = l->map;
    uint64_t hashes[BLOCK], ats[BLOCK];
    for (uint32_t i = from; i < to; i++) {
        hashes[i - from] = wr_vmap_hash(wr_key_at(l->keys, i), wr_key_len(l->keys, i));
        ats[i - from] = vmap_home(map, hashes[i - from]);
        __builtin_prefetch(&map->slots[ats[i - from]]);
    }
    for (uint32_t i = 0; i < to - from; i++) {
        uint64_t at = ats[i], slot;
        while ((slot = map->slots[at]) && (slot & ~SLOT_HANDLE) != hashes[i])
            at = vmap_next(map, at);
        ats[i] = at;
        if (slot)
            __builtin_prefetch(vmap_at(map, slot));
    }
    for (uint32_t i = from; i < to; i++)
        lookup_row(l, i, ats[i - from], hashes[i - from]);
}

bool wr_vmap_find(struct vmap *map, struct wr_arena *arena, const struct keys *keys, const uint32_t *rooms,
                  struct vmap_found *found, struct wr_error *err)
{
    uint32_t n = keys->n;
    found->n = 0;
    found->entries = wr_arena_alloc(arena, n * sizeof(*found->entries));
    found->rows = wr_arena_alloc(arena, n * sizeof(*found->rows));
    found->of = wr_arena_alloc(arena, n * sizeof(*found->of));
    struct lookup l = {.map = map, .keys = keys, .rooms = rooms, .found = found};
    if (!map->complete)
        l.misses = wr_arena_alloc(arena, n * sizeof(*l.misses));
    for (uint32_t from = 0; from < n; from += BLOCK) {
        uint32_t to = WR_MIN(from + BLOCK, n);
        wr_vmap_resize(map, BLOCK);
        lookup_block(&l, from, to);
    }
    map->stats.found += found->n;
    struct fetch fetch = {.map = map, .refs = l.misses, .entries = found->entries};
    return fetch_misses(&fetch, arena, l.nmisses, err);
}

bool wr_vmap_find_one(struct vmap *map, const char *key, uint32_t len, struct vmap_entry **entry, struct wr_error *err)
{
    *entry = NULL;
    wr_vmap_resize(map, 1);
    uint64_t hash = wr_vmap_hash(key, len);
    uint64_t at = probe(map, vmap_home(map, hash), hash, key, len);
    map->stats.found++;
    if (map->slots[at]) {
        struct vmap_entry *here = vmap_at(map, map->slots[at]);
        here->recent = true;
        *entry = here->live ? here : NULL;
        return true;
    }
    if (map->complete)
        return true;
    struct vmap_entry *fetching = placeholder(map, at, hash, key, len, 0);
    struct key_ref ref = wr_key_ref(key, len, 0);
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct fetch fetch = {.map = map, .refs = &ref, .entries = &fetching};
    bool ok = fetch_misses(&fetch, &arena, 1, err);
    wr_arena_reset(&arena);
    *entry = ok && fetching->live ? fetching : NULL;
    return ok;
}

const char *wr_vmap_key(const struct vmap *map, const struct vmap_entry *entry)
{
    return vmap_key(map, entry);
}

/* ---- changing */

static void set_dirty(struct vmap *map, struct vmap_entry *entry)
{
    if (entry->dirty || !map->options.trace)
        return;
    assert(map->dirty.n < DIRTY_MAX);
    wr_vmap_push(map, &map->dirty, entry);
    entry->dirty = map->dirty.n;
    map->stats.dirty_bytes += entry->key_len + entry->value_len;
}

void wr_vmap_touch(struct vmap *map, struct vmap_entry *entry)
{
    entry->live = true;
    set_dirty(map, entry);
}

struct vmap_entry *wr_vmap_put(struct vmap *map, struct vmap_entry *entry, uint32_t len)
{
    entry = replace(map, entry, len, false);
    set_dirty(map, entry);
    return entry;
}

struct vmap_entry *wr_vmap_swap(struct vmap *map, struct vmap_entry *entry, uint32_t len)
{
    entry = replace(map, entry, len, true);
    set_dirty(map, entry);
    return entry;
}

void wr_vmap_delete(struct vmap *map, struct vmap_entry *entry)
{
    if (!entry->live)
        return;
    entry->live = false;
    if (map->options.fixed_size) {
        fini_value(map, entry);
        init_value(map, entry);
    }
    if (entry->in_trace)
        set_dirty(map, entry);
    else if (!entry->dirty)
        wr_vmap_push(map, &map->fresh, entry);
}

void wr_vmap_each(struct vmap *map, vmap_visit visit, void *context)
{
    for (uint64_t s = 0; s < (uint64_t)1 << map->slot_bits; s++) {
        struct vmap_entry *entry = map->slots[s] ? vmap_at(map, map->slots[s]) : NULL;
        if (entry && entry->live && !visit(context, entry))
            return;
    }
}

void wr_vmap_stats(const struct vmap *map, struct vmap_stats *stats)
{
    *stats = map->stats;
    stats->entries = map->count;
    stats->bytes = map->slab.bytes + map->list_bytes;
    stats->dirty = map->dirty.n;
}
