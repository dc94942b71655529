/* vmap: giving back, sealing to the trace, dropping clean entries. See vmap.h. */
#include <assert.h>
#include <stdlib.h>

#include "state/key_sort.h"
#include "state/seal.h"
#include "state/vmap_internal.h"

/* ---- reclaim */

static void drop_entry(struct vmap *map, struct vmap_entry *entry)
{
    uint64_t slot = wr_vmap_slot_of(map, entry);
    uint64_t handle = map->slots[slot] & SLOT_HANDLE;
    wr_vmap_unhang(map, slot);
    if (map->options.fixed_size && map->options.fini)
        map->options.fini(map->options.context, entry->bytes);
    wr_vmap_release_block(map, handle);
}

void wr_vmap_reclaim(struct vmap *map)
{
    /* A listed block may meanwhile be free, or another placeholder: the tests hold for whatever is there now. */
    for (uint32_t i = 0; i < map->fresh.n; i++) {
        struct vmap_entry *entry = map->fresh.items[i];
        if (!entry->free && !entry->deferred && !entry->live && !entry->dirty)
            drop_entry(map, entry);
    }
    map->fresh.n = 0;
    for (uint32_t i = 0; i < map->ngarbage; i++) {
        struct vmap_entry *entry = vmap_at(map, map->garbage[i]);
        size_t size = vmap_block_size(entry);
        entry->free = true;
        wr_slab_release(&map->slab, map->garbage[i], size);
    }
    map->ngarbage = 0;
}

/* ---- seal */

static void add_entry(struct vmap *map, struct seal *seal, const struct vmap_entry *entry, struct wr_buf *buf)
{
    struct entry out = {.key = vmap_key(map, entry), .key_len = entry->key_len, .prefix_len = entry->key_len};
    if (entry->live) {
        out.weight = 1;
        if (!map->options.fixed_size) {
            out.payload = wr_vmap_value(entry);
            out.payload_len = entry->value_len;
        } else if (map->options.encode) {
            buf->len = 0;
            map->options.encode(map->options.context, entry->bytes, buf);
            out.payload = buf->data;
            out.payload_len = (uint32_t)buf->len;
        } else {
            out.payload = entry->bytes;
            out.payload_len = entry->value_len;
        }
    }
    wr_seal_add(seal, &out);
}

static inline void prefetch_entry(const struct vmap_entry *entry)
{
    __builtin_prefetch(entry);
    __builtin_prefetch((const char *)entry + 64);
    __builtin_prefetch((const char *)entry + 128);
}

static bool seal_dirty(struct vmap *map, struct commit *commit, struct wr_error *err)
{
    uint32_t n = map->dirty.n, kept = 0;
    struct key_ref *refs = wr_malloc(n * sizeof(*refs));
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i + 8 < n)
            __builtin_prefetch(map->dirty.items[i + 8]);
        const struct vmap_entry *entry = map->dirty.items[i];
        if (!entry->live && !entry->in_trace)
            continue; /* came and went within the commit */
        refs[kept++] = wr_key_ref(vmap_key(map, entry), entry->key_len, i);
        bytes += entry->key_len + entry->value_len;
    }
    wr_key_sort(refs, kept);
    struct seal seal;
    wr_seal_begin(&seal, commit, map->options.trace, kept, bytes, err);
    struct wr_buf buf = WR_BUF_INIT;
    for (uint32_t i = 0; i < kept; i++) {
        if (i + 8 < kept)
            prefetch_entry(map->dirty.items[refs[i + 8].index]);
        add_entry(map, &seal, map->dirty.items[refs[i].index], &buf);
    }
    wr_buf_free(&buf);
    free(refs);
    return wr_seal_end(&seal);
}

bool wr_vmap_seal(struct vmap *map, struct commit *commit, struct wr_error *err)
{
    wr_vmap_reclaim(map);
    if (!map->dirty.n)
        return true;
    TRY(seal_dirty(map, commit, err));
    for (uint32_t i = 0; i < map->dirty.n; i++) {
        struct vmap_entry *entry = map->dirty.items[i];
        entry->dirty = 0;
        entry->in_trace = true;
        if (!entry->live)
            drop_entry(map, entry);
    }
    map->dirty.n = 0;
    map->stats.dirty_bytes = 0;
    return true;
}

bool wr_vmap_must_seal(const struct vmap *map)
{
    return map->dirty.n >= DIRTY_SEAL;
}

/* ---- relieve: chunk by chunk, entries found since the last pass (and dirty ones) move, the others go */

static bool must_stay(const struct vmap_entry *entry)
{
    return entry->recent || entry->dirty;
}

static size_t block_at(struct vmap *map, uint32_t chunk, uint64_t offset, struct vmap_entry **entry)
{
    *entry = vmap_at(map, wr_slab_handle(chunk, offset));
    return wr_slab_size(vmap_block_size(*entry));
}

static uint64_t staying_bytes(struct vmap *map, uint32_t chunk)
{
    uint64_t bytes = 0, size;
    struct vmap_entry *entry;
    for (uint64_t at = 0; at < map->slab.chunks[chunk].used; at += size) {
        size = block_at(map, chunk, at, &entry);
        if (!entry->free && must_stay(entry))
            bytes += size;
    }
    return bytes;
}

static void move_entry(struct vmap *map, struct vmap_entry *entry)
{
    uint64_t slot = wr_vmap_slot_of(map, entry), handle;
    size_t size = vmap_block_size(entry);
    struct vmap_entry *to = wr_slab_alloc(&map->slab, size, &handle);
    memcpy(to, entry, size);
    to->recent = false;
    map->slots[slot] = (map->slots[slot] & ~SLOT_HANDLE) | handle;
    if (to->dirty)
        map->dirty.items[to->dirty - 1] = to;
}

static void evict_entry(struct vmap *map, struct vmap_entry *entry)
{
    wr_vmap_unhang(map, wr_vmap_slot_of(map, entry));
    if (map->options.fixed_size && map->options.fini)
        map->options.fini(map->options.context, entry->bytes);
    map->complete = false;
}

static void relieve_chunk(struct vmap *map, uint32_t chunk)
{
    uint64_t used = map->slab.chunks[chunk].used, size;
    bool keep = staying_bytes(map, chunk) > used / 4 * 3; /* too much to copy: another chance */
    struct vmap_entry *entry;
    for (uint64_t at = 0; at < used; at += size) {
        size = block_at(map, chunk, at, &entry);
        if (entry->free)
            continue;
        if (keep)
            entry->recent = false;
        else if (must_stay(entry))
            move_entry(map, entry);
        else
            evict_entry(map, entry);
    }
    if (!keep)
        wr_slab_drop_chunk(&map->slab, chunk);
}

static void free_list(struct vmap *map, void *items, uint32_t cap)
{
    map->list_bytes -= (int64_t)cap * 8;
    if (map->options.pool)
        wr_pool_charge(map->options.pool, -(int64_t)cap * 8);
    free(items);
}

static void shrink_lists(struct vmap *map)
{
    if (!map->dirty.n) {
        free_list(map, map->dirty.items, map->dirty.cap);
        map->dirty = (struct entry_list){NULL, 0, 0};
    }
    free_list(map, map->fresh.items, map->fresh.cap);
    map->fresh = (struct entry_list){NULL, 0, 0};
    free_list(map, map->garbage, map->garbage_cap);
    map->garbage = NULL;
    map->garbage_cap = 0;
}

int64_t wr_vmap_relieve(struct vmap *map, int64_t bytes)
{
    wr_vmap_reclaim(map);
    if (!map->options.trace)
        return 0;
    int64_t before = map->slab.bytes + map->list_bytes;
    wr_slab_forget_free(&map->slab);
    if (bytes >= map->slab.bytes)
        map->slab.current = 0;        /* all is wanted: what stays goes to a chunk of its own */
    uint32_t end = map->slab.nchunks; /* chunks made on the way hold survivors: not looked at again in this round */
    for (uint32_t looked = 0; looked < 2 * end; looked++) {
        map->hand = map->hand + 1 < end ? map->hand + 1 : 1;
        if (map->hand < end && map->slab.chunks[map->hand].base && map->hand != map->slab.current)
            relieve_chunk(map, map->hand);
        if (before - map->slab.bytes - map->list_bytes >= bytes)
            break;
    }
    shrink_lists(map);
    wr_vmap_resize(map, 64);
    return before - map->slab.bytes - map->list_bytes;
}
