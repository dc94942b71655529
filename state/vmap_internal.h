/* Shared by vmap.c (finding and changing) and vmap_store.c (sealing, dropping). */
#ifndef WEIR_STATE_VMAP_INTERNAL_H
#define WEIR_STATE_VMAP_INTERNAL_H

#include "state/slab.h"
#include "state/vmap.h"

/* A slot: top 29 bits of the key's hash, then the entry's handle; 0 = free. */
#define SLOT_HANDLE ((1ull << SLAB_HANDLE_BITS) - 1)
#define DIRTY_MAX   ((1u << 27) - 2)
#define DIRTY_SEAL  (1u << 21)

struct entry_list {
    struct vmap_entry **items;
    uint32_t n, cap;
};

struct vmap {
    struct vmap_options options;
    struct slab slab;
    uint64_t *slots;
    unsigned slot_bits;
    int64_t count; /* entries in the slots, placeholders and tombstones included */
    bool complete; /* a key that is not here does not exist */
    bool corrupt;  /* a value from the trace could not be decoded */
    struct entry_list dirty;
    struct entry_list fresh; /* placeholders: dropped by reclaim if they stay without value */
    uint64_t *garbage;       /* handles of blocks to be released by reclaim */
    uint32_t ngarbage, garbage_cap;
    uint32_t hand;      /* chunk the relieve pass looks at next */
    int64_t list_bytes; /* charged for slots and lists */
    struct vmap_stats stats;
};

uint64_t wr_vmap_hash(const char *key, uint32_t len); /* in slot position: top 29 bits */
/* Slot in which this very entry hangs. */
uint64_t wr_vmap_slot_of(const struct vmap *map, const struct vmap_entry *entry);
void wr_vmap_unhang(struct vmap *map, uint64_t slot);
/* Resize so that `more` entries fit. */
void wr_vmap_resize(struct vmap *map, int64_t more);
/* Free a block that no slot names any more. Big ones, whose memory really goes, wait for the reclaim: lists may still
 * name them. */
void wr_vmap_release_block(struct vmap *map, uint64_t handle);
void wr_vmap_defer_release(struct vmap *map, uint64_t handle);
void wr_vmap_push(struct vmap *map, struct entry_list *list, struct vmap_entry *entry);

static inline struct vmap_entry *vmap_at(const struct vmap *map, uint64_t slot_or_handle)
{
    return wr_slab_at(&map->slab, slot_or_handle & SLOT_HANDLE);
}
static inline uint64_t vmap_home(const struct vmap *map, uint64_t slot)
{
    return slot >> (64 - map->slot_bits);
}
static inline size_t vmap_block_size(const struct vmap_entry *entry)
{
    return sizeof(*entry) + (size_t)entry->key_len + entry->value_len;
}
static inline const char *vmap_key(const struct vmap *map, const struct vmap_entry *entry)
{
    return entry->bytes + map->options.fixed_size;
}
static inline uint64_t vmap_next(const struct vmap *map, uint64_t at)
{
    return (at + 1) & (((uint64_t)1 << map->slot_bits) - 1);
}

#endif
