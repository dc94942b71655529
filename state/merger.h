/* Merger: the entries of several runs in order, consolidated by kind. Under cursors and merges alike.
 *
 *   ZSET    weights of equal (key, payload) are added; zero vanishes
 *   UPSERT  the newest entry of a key wins; weight 0 vanishes unless tombstones are kept
 *   APPEND  everything, in key order
 * The runs are given newest first; that order breaks ties. */
#ifndef WEIR_STATE_MERGER_H
#define WEIR_STATE_MERGER_H

#include "state/run.h"

struct merger {
    enum trace_kind kind;
    bool keep_tombstones;
    bool started;
    uint32_t n, heap_n;
    struct run_iter *iters;
    uint32_t *heap;
    struct entry out;
    bool bounded, is_prefix;
    const char *hi;
    uint32_t hi_len;
    uint64_t dropped; /* UPSERT: checksum of what was superseded or dropped as a tombstone */
};

/* Over runs that outlive it. streaming: all is read once, so blocks do not enter the cache. Without a seek, next()
 * begins at the first entry. */
void wr_merger_init(struct merger *merger, enum trace_kind kind, bool keep_tombstones, struct run *const *runs,
                    uint32_t n, bool streaming);
void wr_merger_fini(struct merger *merger);
/* The next entry is the first one whose key is not below this one. */
bool wr_merger_seek(struct merger *merger, const char *key, uint32_t len, struct wr_error *err) WR_MUST;
/* The end: the first key that is not below `hi`, or has not `hi` as its prefix. Nothing behind it is read, however many
 * entries before it vanish. `hi` outlives the merger. */
void wr_merger_bound(struct merger *merger, const char *hi, uint32_t len, bool is_prefix);
/* *entry is NULL at the end; else valid until the next call. */
bool wr_merger_next(struct merger *merger, const struct entry **entry, struct wr_error *err) WR_MUST;

#endif
