/* Inside of multimap: regions, their memory and their hash tables. Not for users of the map. */
#ifndef WEIR_STATE_MULTIMAP_REGION_H
#define WEIR_STATE_MULTIMAP_REGION_H

#include "state/multimap.h"

#define MULTIMAP_REGIONS     64
#define MULTIMAP_REGION_BITS 6
#define REGION_CLASSES       40

/* Memory that a region's blocks are cut from. Big blocks (beyond the classes) stand alone in one, to be freed singly.
 */
struct region_span {
    struct region_span *next, *prev;
    size_t size;
};
struct region {
    struct region_span *spans;
    char *at, *end; /* uncut rest of the newest span */
    void *free[REGION_CLASSES];
    int64_t bytes; /* of spans */

    uint64_t *slots;    /* 0 empty, 1 deleted, else tag << 48 | address */
    uint32_t slot_mask; /* number of slots - 1 */
    uint32_t used;      /* slots not empty, deleted ones included */
    uint32_t live;

    struct multimap_group **dirty;
    uint32_t ndirty, dirty_cap;
};

struct multimap {
    struct wr_pool *pool;
    struct trace *trace;
    bool counting;
    bool in_ram; /* never lost a group, and the trace was empty at first */
    int64_t huge_bytes;
    int64_t charged;
    int64_t unsealed_entries, unsealed_bytes; /* hints for the run builder */
    int64_t entries, loads;
    uint32_t hand; /* region that eviction looks at next */
    struct region *regions[MULTIMAP_REGIONS];
};

static inline uint32_t wr_region_of(uint64_t hash)
{
    return (uint32_t)(hash >> (64 - MULTIMAP_REGION_BITS));
}
struct region *wr_region_get(struct multimap *map, uint64_t hash); /* made if absent */
/* Bytes that a block asked for with `size` really has. */
size_t wr_region_round(size_t size);
void *wr_region_alloc(struct multimap *map, struct region *region, size_t size);
void wr_region_release(struct multimap *map, struct region *region, void *block, size_t size);
/* The region has no groups any more: give its blocks back. */
void wr_region_clear(struct multimap *map, struct region *region);
/* Free all memory that hangs on the region: groups, table, dirty list. */
void wr_region_drop_all(struct multimap *map, struct region *region);
void wr_region_free(struct multimap *map, struct region *region);

/* The group of a key (NULL: none); into and out of the region's table. */
struct multimap_group *wr_region_find(const struct region *region, const char *key, uint32_t key_len, uint64_t hash);
void wr_region_link(struct multimap *map, struct region *region, struct multimap_group *group);
void wr_region_unlink(struct region *region, struct multimap_group *group);
static inline struct multimap_group *wr_slot_group(uint64_t slot)
{
    return (struct multimap_group *)(uintptr_t)(slot & 0xffffffffffffull);
}
static inline uint64_t wr_slot_tag(uint64_t hash)
{
    return hash << 10 & 0xffff000000000000ull; /* the bits below the region's */
}

/* A group without rows, not yet linked; room for a first entry of row_len bytes. */
struct multimap_group *wr_group_new(struct multimap *map, struct region *region, const char *key, uint32_t key_len,
                                    uint64_t hash, uint32_t row_len);
/* Back to no entries; keeps the first chunk. Does not touch total. */
void wr_group_reset(struct multimap *map, struct region *region, struct multimap_group *group);
void wr_group_free(struct multimap *map, struct region *region, struct multimap_group *group); /* unlinks it */
/* Append an entry; returns where its row goes. `unsealed`: how much of the weight is not in the trace. */
char *wr_group_append(struct multimap *map, struct region *region, struct multimap_group *group, uint32_t len,
                      int64_t weight, int64_t unsealed);
void wr_group_make_dirty(struct multimap *map, struct region *region, struct multimap_group *group);

/* An entry taken apart. */
struct entry_parts {
    char *head; /* the entry */
    const char *row;
    uint32_t len, raw;
    int64_t weight, unsealed;
};
static inline char *wr_entry_read(char *at, struct entry_parts *parts)
{
    uint32_t head[2];
    memcpy(head, at, 8);
    parts->head = at;
    parts->raw = head[0];
    parts->len = ENTRY_LEN(head[0]);
    parts->row = at + 8;
    at += 8 + wr_multimap_pad(parts->len);
    if (head[0] & ENTRY_WIDE) {
        memcpy(&parts->weight, at, 8);
        memcpy(&parts->unsealed, at + 8, 8);
        at += 16;
    } else {
        parts->weight = (int32_t)head[1];
        parts->unsealed = head[0] & ENTRY_UNSEALED ? parts->weight : 0;
    }
    return at;
}

#endif
