/* See change_log.h. Records lie in blocks of up to 1 MiB; sorting moves references only. */
#include "state/change_log.h"

#include <stdlib.h>

#include "state/key_sort.h"
#include "state/seal.h"

#define BLOCK_MIN 4096
#define BLOCK_MAX (1u << 20)

void wr_change_log_init(struct change_log *log, struct wr_pool *pool)
{
    *log = (struct change_log){.pool = pool};
}

static void charge(struct change_log *log, int64_t bytes)
{
    log->bytes += bytes;
    if (log->pool)
        wr_pool_charge(log->pool, bytes);
}

void wr_change_log_clear(struct change_log *log)
{
    for (uint32_t i = 0; i < log->nblocks; i++)
        free(log->blocks[i]);
    free(log->blocks);
    free(log->records);
    charge(log, -log->bytes);
    wr_change_log_init(log, log->pool);
}

static void block_new(struct change_log *log, size_t size)
{
    size_t block = BLOCK_MIN;
    while (block < BLOCK_MAX && (int64_t)block * 4 <= log->bytes)
        block *= 2;
    block = WR_MAX(block, size);
    if (log->nblocks == log->blocks_cap) {
        log->blocks_cap = WR_MAX(8u, log->blocks_cap * 2);
        log->blocks = wr_realloc(log->blocks, log->blocks_cap * sizeof(*log->blocks));
    }
    log->at = log->blocks[log->nblocks++] = wr_malloc(block);
    log->end = log->at + block;
    charge(log, (int64_t)block);
}

void wr_change_log_add(struct change_log *log, const struct entry *entry)
{
    struct change_record *record;
    size_t size = (sizeof(*record) + (size_t)entry->key_len + entry->payload_len + 7) & ~(size_t)7;
    if ((size_t)(log->end - log->at) < size)
        block_new(log, size);
    if (log->n == log->cap) {
        uint32_t cap = WR_MAX(64u, log->cap * 2);
        charge(log, (int64_t)(cap - log->cap) * (int64_t)sizeof(record));
        log->records = wr_realloc(log->records, (size_t)cap * sizeof(record));
        log->cap = cap;
    }
    record = (struct change_record *)log->at;
    log->at += size;
    *record = (struct change_record){entry->weight, entry->key_len, entry->prefix_len, entry->payload_len, 0};
    memcpy(record->bytes, entry->key, entry->key_len);
    if (entry->payload_len)
        memcpy(record->bytes + entry->key_len, entry->payload, entry->payload_len);
    log->records[log->n++] = record;
}

void wr_change_log_add_batch(struct change_log *log, const struct keys *keys, char *const *rows, const uint32_t *sizes,
                             const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->nrows; i++) {
        uint32_t key_len = wr_key_len(keys, i);
        wr_change_log_add(log, &(struct entry){.key = wr_key_at(keys, i),
                                               .key_len = key_len,
                                               .prefix_len = key_len,
                                               .payload = rows[i],
                                               .payload_len = sizes[i],
                                               .weight = wr_weight(batch, i)});
    }
}

/* No key is the beginning of another one, so the order of key|payload is that of (key, payload). */
void wr_change_log_sort(struct change_log *log)
{
    struct key_ref *refs = wr_malloc((size_t)log->n * sizeof(*refs) + 1);
    for (uint32_t i = 0; i < log->n; i++) {
        const struct change_record *record = log->records[i];
        refs[i] = wr_key_ref(record->bytes, record->key_len + record->payload_len, i);
    }
    wr_key_sort(refs, log->n);
    struct change_record **sorted = wr_malloc((size_t)log->cap * sizeof(*sorted) + 1);
    uint32_t n = 0;
    for (uint32_t i = 0; i < log->n;) {
        struct change_record *record = log->records[refs[i].index];
        uint32_t next = i + 1;
        for (; next < log->n && !wr_key_cmp(refs[i].bytes, refs[i].len, refs[next].bytes, refs[next].len); next++)
            record->weight += log->records[refs[next].index]->weight;
        if (record->weight)
            sorted[n++] = record;
        i = next;
    }
    free(refs);
    free(log->records);
    log->records = sorted;
    log->n = n;
}

bool wr_change_log_seal(struct change_log *log, struct trace *trace, struct commit *commit, struct wr_error *err)
{
    if (!log->n)
        return true;
    wr_change_log_sort(log);
    struct seal seal;
    wr_seal_begin(&seal, commit, trace, log->n, (size_t)log->bytes, err);
    for (uint32_t i = 0; i < log->n; i++) {
        struct entry entry = wr_change_entry(log->records[i]);
        wr_seal_add(&seal, &entry);
    }
    wr_change_log_clear(log);
    return wr_seal_end(&seal);
}
