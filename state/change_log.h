/* Weighted changes on their way into a trace or an output log: collected in RAM as they come, sorted and consolidated
 * when they are needed. The write side of all that is only added to between commits: views, sinks' input,
 * subscriptions, the rows of `ordered`; and the rows of ORDER BY. */
#ifndef WEIR_STATE_CHANGE_LOG_H
#define WEIR_STATE_CHANGE_LOG_H

#include "state/store.h"
#include "types/key.h"

struct change_record {
    int64_t weight;
    uint32_t key_len, prefix_len, payload_len, unused;
    char bytes[]; /* key, payload */
};
static inline const char *wr_change_payload(const struct change_record *record)
{
    return record->bytes + record->key_len;
}

static inline struct entry wr_change_entry(const struct change_record *record)
{
    return (struct entry){.key = record->bytes,
                          .key_len = record->key_len,
                          .prefix_len = record->prefix_len,
                          .payload = wr_change_payload(record),
                          .payload_len = record->payload_len,
                          .weight = record->weight};
}

struct change_log {
    struct wr_pool *pool;
    struct change_record **records; /* in order of arrival; after sorting by key, then payload */
    uint32_t n, cap;
    char **blocks;
    uint32_t nblocks, blocks_cap;
    char *at, *end; /* free part of the last block */
    int64_t bytes;  /* charged */
};

/* Empty; its memory is charged to the pool (NULL: to none). To be given back with wr_change_log_clear(). */
void wr_change_log_init(struct change_log *log, struct wr_pool *pool);
void wr_change_log_clear(struct change_log *log); /* gives all memory back */
void wr_change_log_add(struct change_log *log, const struct entry *entry);
/* All rows of a batch: key i and encoded row i with the row's weight; the whole key is what lookups use. */
void wr_change_log_add_batch(struct change_log *log, const struct keys *keys, char *const *rows, const uint32_t *sizes,
                             const struct batch *batch);
/* Sort by (key, payload), add up equal ones, drop zeros: records[0..n) is the result. Keys must be free of prefixes. */
void wr_change_log_sort(struct change_log *log);
/* Sort, write to the commit, clear. */
bool wr_change_log_seal(struct change_log *log, struct trace *trace, struct commit *commit,
                        struct wr_error *err) WR_MUST;

#endif
