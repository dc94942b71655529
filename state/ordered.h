/* ordered: per group an ordered multiset of (order key, payload) with weights. Serves top-N, and min/max under
 * retraction.
 *
 * Over a TRACE_ZSET whose keys are `group prefix | order key`. In RAM: per group a *window*, the first entries of the
 * group in order (a sorted array), and a log of all changes not yet sealed. A change within the window changes
 * the window; one behind it is only logged. When deletions have drained a window below `need`, it is
 * read again from the trace: a seek and about need + slack entries, however large the group is. Groups with
 * unsealed changes are always in RAM, so the log is never searched: if one of them must be read again, the log is
 * sealed first.
 *
 *   discard   input proven append-only: what falls behind the first `need` can never come back; it is removed
 *             from the state, and windows are whole groups
 *   no trace  (one-shot queries) with discard: windows only. Without: the log only, sorted once at the end by
 * wr_ordered_each()
 *
 * A payload's bytes break ties of the order key. Keys must be normalised keys (types/key.h): of two different ones none
 * is the other's beginning. Items stay readable until wr_ordered_reclaim(), even when they left the window.
 *
 * Under pressure groups go by generations: those not found since the last relieve are dropped at the next. */
#ifndef WEIR_STATE_ORDERED_H
#define WEIR_STATE_ORDERED_H

#include "state/store.h"
#include "types/key.h"

struct ordered;

struct ordered_item {
    int64_t weight;   /* positive, but for passing moments between an epoch's steps */
    uint32_t key_len; /* of the order key */
    uint32_t payload_len;
    char bytes[]; /* order key, payload */
};
static inline const char *wr_ordered_payload(const struct ordered_item *item)
{
    return item->bytes + item->key_len;
}

/* Read only outside ordered.c, but for `changed`. */
struct ordered_group {
    uint64_t window; /* handle of an array of item handles */
    uint32_t n, cap;
    uint32_t changed; /* the operator's: place in its list of changed groups + 1; 0 = none */
    uint32_t logged;  /* how many seals there had been, + 1, at its last logged change */
    bool complete;    /* the window is the whole group */
    bool loaded;      /* false only inside wr_ordered_find */
};

struct ordered_options {
    struct wr_pool *pool;
    struct trace *trace; /* TRACE_ZSET; NULL: RAM only */
    uint64_t need;       /* the first so many rows (by weight) of a group are asked for; UINT64_MAX: all */
    uint32_t slack;      /* entries kept beyond those, of wide ones fewer */
    bool discard;
};

/* Empty in RAM; what is in the trace is read when it is asked for. free() loses what has not been sealed. */
struct ordered *wr_ordered_new(const struct ordered_options *options);
void wr_ordered_free(struct ordered *ordered);

struct ordered_found {
    uint32_t n;                    /* distinct groups, in order of first appearance */
    struct ordered_group **groups; /* stay where they are until wr_ordered_forget/relieve */
    uint32_t *rows;                /* first key of each */
    uint32_t *of;                  /* per key given */
};
/* The groups of these prefixes, windows read where needed: as they are before any further change. Not for the log-only
 * form. */
bool wr_ordered_find(struct ordered *ordered, struct wr_arena *arena, const struct keys *prefixes,
                     struct ordered_found *found, struct wr_error *err) WR_MUST;

struct ordered_change {
    const char *key; /* prefix, then order key */
    const char *payload;
    uint32_t key_len, prefix_len, payload_len;
    int64_t weight;
};
/* group: the prefix's (NULL for the log-only form). */
void wr_ordered_change(struct ordered *ordered, struct ordered_group *group, const struct ordered_change *change);
/* discard only: false if a row with this order key cannot enter the group's window, so its payload need not be made. */
bool wr_ordered_wants(const struct ordered *ordered, const struct ordered_group *group, const char *order_key,
                      uint32_t len);

static inline bool wr_ordered_has(const struct ordered_group *group, uint32_t i)
{
    return i < group->n;
}
/* The i-th entry of the window, from 0; good until the group changes. */
const struct ordered_item *wr_ordered_item(const struct ordered *ordered, const struct ordered_group *group,
                                           uint32_t i);

/* Make the windows of these groups (prefixes[i] is groups[i]'s) hold the first `need` rows again. May seal the log into
 * the commit. */
bool wr_ordered_refill(struct ordered *ordered, struct ordered_group *const *groups, const struct str_key *prefixes,
                       uint32_t n, struct commit *commit, struct wr_error *err) WR_MUST;
/* Drop the group's window if nothing is left in it (the group need not be kept to know that it is empty). */
void wr_ordered_forget_empty(struct ordered *ordered, const struct str_key *prefix);
void wr_ordered_reclaim(struct ordered *ordered);
bool wr_ordered_seal(struct ordered *ordered, struct commit *commit, struct wr_error *err) WR_MUST;
/* Needs a sealed log and no pointers to groups or items. Returns the bytes given back. */
int64_t wr_ordered_relieve(struct ordered *ordered, int64_t bytes);

/* Without a trace: everything, consolidated, in order of (prefix, order key, payload). Log-only form. */
typedef bool (*ordered_visit)(void *context, const struct ordered_change *entry);
bool wr_ordered_each(struct ordered *ordered, ordered_visit visit, void *context);
/* Keeps the first `need` rows of each prefix alone; no weight is negative. Returns how many entries stay, *last: the
 * key of the last of them in order, readable until the next change. */
uint32_t wr_ordered_cut(struct ordered *ordered, uint64_t need, struct str_key *last);
/* discard without a trace: all groups, in no order. */
typedef bool (*ordered_group_visit)(void *context, struct ordered_group *group);
bool wr_ordered_each_group(struct ordered *ordered, ordered_group_visit visit, void *context);

struct ordered_stats {
    int64_t groups, bytes;
    int64_t touched; /* entries read or changed, cumulative */
    int64_t misses;  /* groups read from the trace, cumulative */
};
void wr_ordered_stats(const struct ordered *ordered, struct ordered_stats *stats);

#endif
