/* vmap: key bytes -> one value. The RAM working set of a keyed state table, over a TRACE_UPSERT.
 *
 * Two kinds of value, fixed at creation:
 *   fixed     a struct of `fixed_size` bytes (aggregate accumulators, weights), written to the trace by a codec;
 *             changed in place, wr_vmap_touch() afterwards
 *   variable  bytes (rows), replaced as a whole by wr_vmap_put() / wr_vmap_swap()
 *
 * Use: wr_vmap_find() a batch of keys; it yields the distinct keys' entries, absent ones included (placeholders, told
 * by wr_vmap_is_live()); change them through the entry; wr_vmap_reclaim() when no pointer into old values is needed any
 * more; wr_vmap_seal() at the commit; wr_vmap_relieve() under memory pressure.
 *
 * Entries and values stay where they are until they are replaced, reclaimed, sealed (deleted ones only) or relieved:
 * batches that point into them may be emitted in between. Without a trace nothing is ever dropped.
 *
 * In RAM: open-addressing slots of 8 bytes (29 bits of hash, 35 bits of address), entries in slab chunks with
 * 16 bytes of header. Dropping is by chunk: entries found since the last pass move, the others go, the chunk is freed.
 */
#ifndef WEIR_STATE_VMAP_H
#define WEIR_STATE_VMAP_H

#include "state/store.h"
#include "types/key.h"

struct vmap;

/* Read only outside vmap.c, but for the bytes of the value. */
struct vmap_entry {
    uint32_t key_len;
    uint32_t value_len;  /* fixed: fixed_size. Of a placeholder: room for a value */
    uint32_t mark;       /* ordinal in the vmap_found that named it last */
    uint32_t dirty : 27; /* position in the dirty list + 1; 0 = clean (always, without a trace) */
    uint32_t live : 1;   /* has a value; else a placeholder or a tombstone to be */
    uint32_t in_trace : 1;
    uint32_t recent : 1; /* found since the last relieve pass */
    uint32_t free : 1;
    uint32_t deferred : 1; /* replaced; its block is given back by the next reclaim */
    char bytes[];          /* fixed: value, key. Variable: key, value */
};

struct vmap_options {
    struct wr_pool *pool; /* charged with all memory */
    struct trace *trace;  /* TRACE_UPSERT, retained by the caller; NULL: RAM only */
    uint32_t fixed_size;  /* 0: variable */
    /* Fixed only; any may be NULL. Values start as zero bytes, then init(). Values must be movable by memcpy. */
    void *context;
    void (*init)(void *context, void *value);
    void (*fini)(void *context, void *value);
    void (*encode)(void *context, const void *value, struct wr_buf *buf);        /* NULL: the bytes as they are */
    bool (*decode)(void *context, void *value, const char *bytes, uint32_t len); /* after init; false: corrupt */
};

/* Empty in RAM; what is in the trace is read when it is asked for. free() loses what has not been sealed. */
struct vmap *wr_vmap_new(const struct vmap_options *options);
void wr_vmap_free(struct vmap *map);

/* What wr_vmap_find() found: the distinct keys in order of first appearance. */
struct vmap_found {
    uint32_t n;
    struct vmap_entry **entries; /* n; never NULL */
    uint32_t *rows;              /* n: the first of the keys that is this one */
    uint32_t *of;                /* per key given: which of the n it is */
};

/* Look up all keys at once, reading the trace for those that are neither here nor known to be absent. Arrays come from
 * the arena. `rooms` (may be NULL; variable values): bytes to allow for in a new placeholder, per key, so that a put of
 * that many bytes needs no second allocation. false: I/O error or corrupt state. */
bool wr_vmap_find(struct vmap *map, struct wr_arena *arena, const struct keys *keys, const uint32_t *rooms,
                  struct vmap_found *found, struct wr_error *err) WR_MUST;
/* One key; NULL: absent (no placeholder is made). */
bool wr_vmap_find_one(struct vmap *map, const char *key, uint32_t len, struct vmap_entry **entry,
                      struct wr_error *err) WR_MUST;

static inline bool wr_vmap_is_live(const struct vmap_entry *entry)
{
    return entry->live;
}
/* Its length is entry->key_len; good until the entry is dropped. */
const char *wr_vmap_key(const struct vmap *map, const struct vmap_entry *entry);

/* ---- fixed values */

static inline void *wr_vmap_fixed(struct vmap_entry *entry)
{
    return entry->bytes;
}
/* The value was (or is about to be) changed; a placeholder becomes live. */
void wr_vmap_touch(struct vmap *map, struct vmap_entry *entry);

/* ---- variable values */

static inline const char *wr_vmap_value(const struct vmap_entry *entry)
{
    return entry->bytes + entry->key_len;
}
/* Give the entry a value of `len` bytes; the caller writes them to the returned entry's value at once. The entry may
 * move (old pointers to it are dead): store the result back. The old value is lost. */
struct vmap_entry *wr_vmap_put(struct vmap *map, struct vmap_entry *entry, uint32_t len) WR_MUST;
/* The same, but the old entry and its value stay readable until wr_vmap_reclaim(). */
struct vmap_entry *wr_vmap_swap(struct vmap *map, struct vmap_entry *entry, uint32_t len) WR_MUST;
static inline char *wr_vmap_room(struct vmap_entry *entry)
{
    return entry->bytes + entry->key_len;
}

/* ---- both */

/* The key is no more. The entry becomes a placeholder; a variable value stays readable until reclaim, a fixed one is
 * finished and initialised anew. */
void wr_vmap_delete(struct vmap *map, struct vmap_entry *entry);
/* Give back what swap and delete kept, and drop placeholders that got no value. Kills the vmap_found's and
 * pointers to entries that are not live. */
void wr_vmap_reclaim(struct vmap *map);
/* Write all changes as one run into the commit; includes a reclaim. Live entries stay where they are. */
bool wr_vmap_seal(struct vmap *map, struct commit *commit, struct wr_error *err) WR_MUST;
/* So much is unsealed that the caller should seal before the next find: long commits (a backfill) reach it. */
bool wr_vmap_must_seal(const struct vmap *map);
/* Drop clean entries until about `bytes` are given back; returns how many were. Includes a reclaim; entries move. */
int64_t wr_vmap_relieve(struct vmap *map, int64_t bytes);

/* Live entries in RAM, in no order; stop by returning false. Must not change the map. */
typedef bool (*vmap_visit)(void *context, struct vmap_entry *entry);
void wr_vmap_each(struct vmap *map, vmap_visit visit, void *context);

struct vmap_stats {
    int64_t entries;     /* in RAM */
    int64_t bytes;       /* charged */
    int64_t dirty;       /* entries to seal */
    int64_t dirty_bytes; /* their keys and values, about */
    int64_t found;       /* distinct keys looked up, cumulative */
    int64_t misses;      /* of those asked of the trace, cumulative */
};
void wr_vmap_stats(const struct vmap *map, struct vmap_stats *stats);

#endif
