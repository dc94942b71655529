/* Changes of a Z-set on their way into a trace: collected unsorted, sealed as one sorted, consolidated run.
 * The write side of every relation that is only appended to between commits (views, system tables, sink input). */
#ifndef WEIR_EXECUTOR_CHANGE_BUFFER_H
#define WEIR_EXECUTOR_CHANGE_BUFFER_H

#include "state/store.h"
#include "types/key.h"
#include "types/row.h"

struct buffered_change {
    uint64_t prefix; /* first 8 bytes of the key, big-endian: decides most comparisons */
    const char *key; /* key, then row */
    uint32_t key_len, row_len;
    int64_t weight;
};

struct change_buffer {
    struct wr_pool *pool;
    struct wr_arena arena; /* bytes of keys and rows */
    struct buffered_change *items;
    uint32_t n, cap;
    int64_t bytes;
};

void wr_change_buffer_init(struct change_buffer *buffer, struct wr_pool *pool);
void wr_change_buffer_fini(struct change_buffer *buffer);
/* Take all rows of a batch: key i and encoded row i with its weight. */
void wr_change_buffer_add(struct change_buffer *buffer, const struct keys *keys, char *const *rows,
                          const uint32_t *sizes, const struct batch *batch);
/* Sort by key, then row bytes; sum weights of identical entries; drop zeros. */
void wr_change_buffer_consolidate(struct change_buffer *buffer);
/* Consolidate, write as a run of the trace into the commit, empty the buffer. */
bool wr_change_buffer_seal(struct change_buffer *buffer, struct trace *trace, struct commit *commit,
                           struct wr_error *err) WR_MUST;
void wr_change_buffer_clear(struct change_buffer *buffer);

#endif
