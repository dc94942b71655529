/* An append-only log of weighted changes in RAM, sorted and consolidated when it is sealed into a ZSET trace. */
#ifndef WEIR_STATE_CHANGE_LOG_H
#define WEIR_STATE_CHANGE_LOG_H

#include "state/store.h"

struct change_record {
    int64_t weight;
    uint32_t key_len, prefix_len, payload_len, unused;
    char bytes[]; /* key, payload */
};

struct change_log {
    struct wr_pool *pool;
    struct change_record **records;
    uint32_t n, cap;
    char **blocks;
    uint32_t nblocks, blocks_cap;
    char *at, *end; /* free part of the last block */
    int64_t bytes;  /* charged */
};

void wr_change_log_init(struct change_log *log, struct wr_pool *pool);
void wr_change_log_clear(struct change_log *log); /* gives all memory back */
void wr_change_log_add(struct change_log *log, const struct entry *entry);
/* Sort by (key, payload), add up equal ones, drop zeros: records[0..n) is the result. Keys must be free of prefixes. */
void wr_change_log_sort(struct change_log *log);
/* Sort, write to the commit, clear. */
bool wr_change_log_seal(struct change_log *log, struct trace *trace, struct commit *commit,
                        struct wr_error *err) WR_MUST;

#endif
