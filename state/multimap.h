/* multimap: key bytes -> a multiset of rows (bytes, weight). The RAM working set of a Z-set that is looked up by a
 * part of its row: join sides, match counts.
 *
 *   slots (per region)      group                                     chunk
 *   +-----------------+     +-----------------------------------+     +---------------------------+
 *   | tag16 | address |---->| hash, total, tail, key bytes, pad |  +->| next, used, cap, entries  |-> ...
 *   +-----------------+     | first chunk: next, used, cap -----|--+  +---------------------------+
 *                           |   entry entry ...                 |
 *                           +-----------------------------------+
 *   entry:  u32 length and flags | i32 weight | row bytes, padded to 8 | if ENTRY_WIDE: i64 weight, i64 unsealed
 *
 * Insertion appends an entry, a retraction too (with a negative weight): nothing is searched. Before a group that has
 * retractions is read, wr_multimap_settle() sums equal rows, in O(group), which reading costs anyway.
 *
 * A *counting* map keeps no rows, only the sum of weights per key: state of semi-joins.
 *
 * Over a trace (TRACE_ZSET, or TRACE_APPEND if no weight is ever negative) a group is
 *   complete  all the key's rows are in it; unsealed ones are marked
 *   partial   it holds only what was inserted since the last seal; the rest is in the trace
 * and a key without a group may have rows in the trace, unless the map has always held everything. Inserting never
 * reads the trace; whoever wants all rows of a key asks wr_multimap_is_complete() and then wr_multimap_load(), or
 * streams what is too big. Sealing writes the unsealed changes as one run; complete groups stay (clean), partial ones
 * go. Eviction drops clean groups that were not looked at since its last pass.
 *
 * Addresses: groups and rows stay where they are until wr_multimap_settle/load (that group), seal or evict.
 *
 * Memory is cut from 64 regions, by the top bits of the hash, so of the shard: eviction copies a region's surviving
 * groups into fresh blocks and frees the old ones, which compacts; regions in order are keys in order, which makes
 * sealing a sort of small pieces. All of it is charged to the pool. One thread at a time. */
#ifndef WEIR_STATE_MULTIMAP_H
#define WEIR_STATE_MULTIMAP_H

#include "state/store.h"
#include "types/key.h"

struct multimap;

struct multimap_chunk {
    struct multimap_chunk *next;
    uint32_t used, cap; /* bytes of entries behind the header */
};

enum multimap_group_flags {
    GROUP_COMPLETE = 1,
    GROUP_DIRTY = 2,     /* has unsealed changes: is in its region's dirty list */
    GROUP_UNSETTLED = 4, /* has had a retraction since it was settled */
    GROUP_USED = 8,      /* looked at since the last eviction pass */
    GROUP_HUGE = 16,     /* partial: was found too big to load */
    GROUP_MERGED = 32,   /* no two entries are alike */
};

struct multimap_group {
    uint64_t hash;
    int64_t total; /* sum of the weights in RAM: of a complete group, of all its rows */
    union {
        struct multimap_chunk *tail;
        int64_t unsealed; /* counting maps */
    };
    struct multimap_chunk *dirty; /* where the first unsealed entry may be; NULL: all are clean */
    uint32_t dirty_at;
    uint32_t entries;
    uint32_t settled; /* entries when last settled */
    uint32_t key_len;
    uint32_t flags;
    uint32_t head_bytes; /* of this struct, the key and its padding: the first chunk follows */
    char key[];
};

#define ENTRY_UNSEALED 0x80000000u /* all of the weight is not yet in the trace */
#define ENTRY_WIDE     0x40000000u /* weights behind the row */
#define ENTRY_LEN(raw) ((raw)&0x3fffffffu)

static inline uint32_t wr_multimap_pad(uint32_t len)
{
    return (len + 7) & ~7u;
}
static inline struct multimap_chunk *wr_multimap_first(const struct multimap_group *group)
{
    return (struct multimap_chunk *)((char *)group + group->head_bytes);
}

/* ---- reading a group's rows (settle it first; zero weights are skipped) */

struct multimap_rows {
    const struct multimap_chunk *chunk;
    const char *at, *end;
};
static inline struct multimap_rows wr_multimap_rows(const struct multimap_group *group)
{
    const struct multimap_chunk *chunk = wr_multimap_first(group);
    const char *at = (const char *)(chunk + 1);
    return (struct multimap_rows){chunk, at, at + chunk->used};
}
static inline bool wr_multimap_next(struct multimap_rows *rows, const char **row, uint32_t *len, int64_t *weight)
{
    for (;;) {
        while (WR_UNLIKELY(rows->at == rows->end)) {
            if (!rows->chunk->next)
                return false;
            rows->chunk = rows->chunk->next;
            rows->at = (const char *)(rows->chunk + 1);
            rows->end = rows->at + rows->chunk->used;
            if (rows->chunk->next)
                __builtin_prefetch(rows->chunk->next);
        }
        uint32_t head[2];
        memcpy(head, rows->at, 8);
        *row = rows->at + 8;
        *len = ENTRY_LEN(head[0]);
        rows->at += 8 + wr_multimap_pad(*len);
        *weight = (int32_t)head[1];
        if (WR_UNLIKELY(head[0] & ENTRY_WIDE)) {
            memcpy(weight, rows->at, 8);
            rows->at += 16;
        }
        if (WR_LIKELY(*weight != 0))
            return true;
    }
}

/* ---- making */

/* trace NULL: RAM only. huge_bytes: groups beyond this are not loaded from the trace (0: 4 MiB). */
struct multimap *wr_multimap_new(struct wr_pool *pool, struct trace *trace, bool counting, int64_t huge_bytes);
void wr_multimap_free(struct multimap *map);

/* ---- finding and inserting, batchwise; rows with skip[i] (skip may be NULL) get groups[i] = NULL */

/* groups[i] = the key's group in RAM, or NULL. */
void wr_multimap_find(struct multimap *map, const struct keys *keys, const uint8_t *skip,
                      struct multimap_group **groups);
/* The same, making groups that are absent. sizes (may be NULL; row sizes) dimension new groups. */
void wr_multimap_find_or_add(struct multimap *map, const struct keys *keys, const uint8_t *skip, const uint32_t *sizes,
                             struct multimap_group **groups);
struct multimap_group *wr_multimap_find_one(struct multimap *map, const char *key, uint32_t key_len, uint64_t hash);
/* For every i with groups[i]: append an entry of sizes[i] bytes and weight weights[i] (NULL: 1); the caller writes the
 * row to to[i] at once. Others get to[i] = NULL. The arena is scratch. */
void wr_multimap_insert(struct multimap *map, struct wr_arena *arena, struct multimap_group *const *groups, uint32_t n,
                        const uint32_t *sizes, const int64_t *weights, char **to);
/* Counting maps. */
void wr_multimap_count(struct multimap *map, struct multimap_group *group, int64_t weight);
/* Sum equal rows of a group with retractions; nothing to do otherwise. The arena is scratch. */
void wr_multimap_settle_slow(struct multimap *map, struct wr_arena *arena, struct multimap_group *group);
static inline void wr_multimap_settle(struct multimap *map, struct wr_arena *arena, struct multimap_group *group)
{
    if (WR_UNLIKELY(group->flags & GROUP_UNSETTLED))
        wr_multimap_settle_slow(map, arena, group);
}
/* Sum equal rows even if there are no retractions: afterwards no two entries are alike. */
void wr_multimap_merge(struct multimap *map, struct wr_arena *arena, struct multimap_group *group);
/* All rows of a complete group leave (a retraction of each). */
void wr_multimap_clear(struct multimap *map, struct wr_arena *arena, struct multimap_group *group);

/* ---- over a trace */

/* Does RAM know all rows of the key? group is what find said. */
bool wr_multimap_is_complete(const struct multimap *map, const struct multimap_group *group);
enum multimap_load {
    LOAD_DONE, /* *group is complete, or NULL: no rows */
    LOAD_HUGE, /* too big: stream the trace, then the rows of *group (may be NULL) */
};
/* Read the rest of a key's rows from the version of the map's trace. *group: what find said; updated. */
bool wr_multimap_load(struct multimap *map, struct wr_arena *arena, struct version *version, const char *key,
                      uint32_t key_len, uint64_t hash, struct multimap_group **group, enum multimap_load *outcome,
                      struct wr_error *err) WR_MUST;
/* Write all unsealed changes as one run. The arena is scratch. */
bool wr_multimap_seal(struct multimap *map, struct wr_arena *arena, struct commit *commit,
                      struct wr_error *err) WR_MUST;
/* Drop clean groups until about `bytes` are free; returns how many were. Nothing without a trace. */
int64_t wr_multimap_evict(struct multimap *map, int64_t bytes);
struct trace *wr_multimap_trace(const struct multimap *map);
/* Has always held everything: a key without a group has no rows. */
bool wr_multimap_in_ram(const struct multimap *map);

/* All groups in RAM, in no order; must not change the map. Stop by returning false. */
typedef bool (*multimap_visit)(void *context, struct multimap_group *group);
bool wr_multimap_each(struct multimap *map, multimap_visit visit, void *context);

struct multimap_stats {
    int64_t groups, entries, bytes;
    int64_t loads; /* keys read from the trace, cumulative */
};
void wr_multimap_stats(const struct multimap *map, struct multimap_stats *stats);

#endif
