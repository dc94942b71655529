/* Runs: immutable sorted entries.
 *
 * In RAM: one buffer of entries, an offset per entry, one Bloom filter. On disk: records of CF `runs` under
 * (run id u64, record number u32):
 *   block b       record b + b / 64: entries, zero padding to 4, u32le offset of each entry, u32le count
 *   filter p      record 65 p + 64: Bloom filter of the prefixes of blocks 64 p .. 64 p + 63
 *   first keys    record 0xffffffff: u32le blocks (top bit: RUN_INDEX_CUT), u32le offset[blocks + 1], key bytes (each
 *                 cut behind where it differs from the key before, and at RUN_FIRST_MAX)
 * Records are read through the block cache (block_cache.h), which checks them (run_record.h). A disk run's file is
 * deleted when it is doomed (the manifest names it no more) and nobody holds it. */
#ifndef WEIR_STATE_RUN_H
#define WEIR_STATE_RUN_H

#include <stdatomic.h>

#include "state/block_cache.h"
#include "state/entry.h"
#include "state/read_ahead.h"

/* A key may be megabytes of text: bounds of that size would fill RAM and every manifest record. */
#define RUN_BOUND_MAX 256

struct run {
    atomic_int refs;
    enum trace_kind kind;
    bool on_disk;
    bool full_prefix;   /* every entry's prefix is its whole key */
    atomic_bool doomed; /* on disk: delete the file with the last reference */
    bool merging;       /* an input of a running merge; under the store's lock */
    struct store *store;
    struct run *next_trash;
    uint64_t id;     /* of a disk run */
    uint64_t commit; /* age: number of the youngest commit in it, and position there; assigned at submit */
    uint32_t seq;
    uint32_t min_len, max_len;
    char *min_key, *max_key; /* no key is below or above; short, whatever the keys are (RUN_BOUND_MAX) */
    uint64_t entries, checksum;
    uint64_t bytes;      /* of encoded entries */
    uint64_t file_bytes; /* on disk */
    int64_t charged;     /* in RAM: against the pool */
    char *data;          /* in RAM */
    uint32_t *offsets;
    unsigned char *bloom;
    size_t bloom_size;
    uint32_t blocks;           /* on disk */
    atomic_ullong file_number; /* RocksDB's, once a scan has asked for it (read_ahead.c) */
};

/* Runs are counted: the last release of a disk run hands it to the store's trash. */
void wr_run_retain(struct run *run);
void wr_run_release(struct run *run);
/* All keys are >= this one, or <= this one: cut to a bound of at most RUN_BOUND_MAX bytes. */
void wr_run_set_min(struct run *run, const char *key, size_t len);
void wr_run_set_max(struct run *run, const char *key, size_t len);
/* A run whose memory is all but given back; the store's trash does it for disk runs. */
void wr_run_free(struct run *run);
struct run_builder *wr_run_builder_of(struct store *store, enum trace_kind kind, size_t entries_hint,
                                      size_t bytes_hint);
size_t wr_run_builder_bytes(const struct run_builder *builder);
uint64_t wr_run_builder_checksum(const struct run_builder *builder);
/* The run as the value of a delta record, and back. */
void wr_run_pack(const struct run *run, struct wr_buf *buf);
struct run *wr_run_unpack(struct store *store, enum trace_kind kind, const char *bytes, size_t len,
                          struct wr_error *err);

/* Writes a disk run: one SST file, entries streamed in order. */
struct run_writer;
struct run_writer *wr_run_writer_new(struct store *store, enum trace_kind kind, struct wr_error *err);
bool wr_run_writer_add(struct run_writer *writer, const struct entry *entry, struct wr_error *err) WR_MUST;
/* Ingests and frees the writer; *run is NULL if nothing was added. */
bool wr_run_writer_finish(struct run_writer *writer, struct run **run, struct wr_error *err) WR_MUST;
void wr_run_writer_cancel(struct run_writer *writer);
uint64_t wr_run_writer_checksum(const struct run_writer *writer);

/* Can the run hold an entry with this key (or lookup prefix)? `hash` is wr_bloom_hash of it. Loads the filter. */
bool wr_run_may_have(struct run *run, const char *key, uint32_t len, uint64_t hash, bool whole_key, bool *may,
                     struct wr_error *err) WR_MUST;

/* A position in a run. */
struct run_iter {
    struct run *run;
    struct cached *index, *block, *held; /* held: the block before, so that the entry before stays valid */
    struct cached *filter;               /* part last asked */
    const char *data;
    const uint32_t *offsets;
    uint32_t n, pos;
    uint32_t block_no;
    bool valid, streaming, sequential;
    struct read_ahead ahead;
    uint64_t head; /* first 8 bytes of the key, big-endian: most comparisons end here */
    struct entry entry;
};
/* `streaming` reads past the block cache (merges). */
void wr_run_iter_init(struct run_iter *iter, struct run *run, bool streaming);
void wr_run_iter_fini(struct run_iter *iter);
/* wr_run_may_have that keeps index and filter at hand for the next key. */
bool wr_run_iter_may_have(struct run_iter *iter, const char *key, uint32_t len, uint64_t hash, bool whole_key,
                          bool *may, struct wr_error *err) WR_MUST;
/* To the first entry with key >= the given; NULL key: to the first. Leaves valid = false at the end. */
bool wr_run_iter_seek(struct run_iter *iter, const char *key, uint32_t len, struct wr_error *err) WR_MUST;
bool wr_run_iter_next(struct run_iter *iter, struct wr_error *err) WR_MUST;

#endif
