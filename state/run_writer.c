/* Writes a disk run: blocks, filters and the first-key index stream into one SST file, which is ingested at the end.
 * Until the manifest names the run the file is an orphan that the next open deletes. Memory: one block, the index (a
 * key per 16 KB) and the hashes of RUN_FILTER_SPAN blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "state/bloom.h"
#include "state/store_impl.h"

struct run_writer {
    struct store *store;
    enum trace_kind kind;
    rocksdb_sstfilewriter_t *sst;
    char path[4096];
    struct run *run;
    struct wr_buf block, offsets, index_keys, index_offsets, prefix, last_key;
    uint64_t *hashes;
    size_t hashes_n, hashes_cap;
    uint32_t block_entries;
    bool has_prefix, cut; /* cut: a first key in the index is not whole */
};

struct run_writer *wr_run_writer_new(struct store *store, enum trace_kind kind, struct wr_error *err)
{
    struct run_writer *writer = wr_calloc(1, sizeof *writer);
    writer->store = store;
    writer->kind = kind;
    writer->sst = rocksdb_sstfilewriter_create(store->rocks.env_options, store->rocks.options[CF_RUNS]);
    snprintf(writer->path, sizeof writer->path, "%s/%llu.sst", store->ingest_dir,
             (unsigned long long)atomic_fetch_add(&store->next_file, 1));
    struct run *run = writer->run = wr_calloc(1, sizeof *run);
    atomic_init(&run->refs, 1);
    run->store = store;
    run->kind = kind;
    run->on_disk = true;
    run->full_prefix = true;
    run->id = atomic_fetch_add(&store->next_run_id, 1);
    char *message = NULL;
    rocksdb_sstfilewriter_open(writer->sst, writer->path, &message);
    if (message) {
        wr_rocks_fail(err, message);
        wr_run_writer_cancel(writer);
        return NULL;
    }
    return writer;
}

static void free_writer(struct run_writer *writer)
{
    rocksdb_sstfilewriter_destroy(writer->sst);
    wr_buf_free(&writer->block);
    wr_buf_free(&writer->offsets);
    wr_buf_free(&writer->index_keys);
    wr_buf_free(&writer->index_offsets);
    wr_buf_free(&writer->prefix);
    wr_buf_free(&writer->last_key);
    free(writer->hashes);
    free(writer);
}

void wr_run_writer_cancel(struct run_writer *writer)
{
    unlink(writer->path);
    wr_run_free(writer->run);
    free_writer(writer);
}

uint64_t wr_run_writer_checksum(const struct run_writer *writer)
{
    return writer->run->checksum;
}

static bool put_record(struct run_writer *writer, uint32_t record, const char *bytes, size_t len, struct wr_error *err)
{
    char key[RUN_KEY_SIZE], *message = NULL;
    wr_run_key(key, writer->run->id, record);
    rocksdb_sstfilewriter_put(writer->sst, key, sizeof key, bytes, len, &message);
    return message ? wr_rocks_fail(err, message) : true;
}

static bool put_filter(struct run_writer *writer, uint32_t partition, struct wr_error *err)
{
    size_t size = wr_bloom_size(writer->hashes_n);
    unsigned char *filter = wr_calloc(1, size);
    for (size_t i = 0; i < writer->hashes_n; i++)
        wr_bloom_add(filter, size, writer->hashes[i]);
    writer->hashes_n = 0;
    writer->has_prefix = false; /* a prefix that goes on in the next partition belongs to both */
    bool ok = put_record(writer, wr_record_of_filter(partition), (char *)filter, size, err);
    free(filter);
    return ok;
}

static bool end_block(struct run_writer *writer, struct wr_error *err)
{
    static const char zero[4];
    uint32_t block = writer->run->blocks++;
    wr_buf_put(&writer->block, zero, (4 - (writer->block.len & 3)) & 3);
    wr_buf_put(&writer->block, writer->offsets.data, writer->offsets.len);
    wr_buf_u32le(&writer->block, writer->block_entries);
    TRY(put_record(writer, wr_record_of_block(block), writer->block.data, writer->block.len, err));
    writer->block.len = writer->offsets.len = 0;
    writer->block_entries = 0;
    if (block % RUN_FILTER_SPAN == RUN_FILTER_SPAN - 1)
        return put_filter(writer, block / RUN_FILTER_SPAN, err);
    return true;
}

static void add_hash(struct run_writer *writer, const char *bytes, uint32_t len)
{
    WR_GROW(writer->hashes, writer->hashes_n, writer->hashes_cap);
    writer->hashes[writer->hashes_n++] = wr_bloom_hash(bytes, len);
}

static void note_prefix(struct run_writer *writer, const struct entry *entry)
{
    bool whole = entry->prefix_len == entry->key_len;
    if (!whole) {
        writer->run->full_prefix = false;
        if (writer->kind == TRACE_UPSERT)
            add_hash(writer, entry->key, entry->key_len);
    }
    if (writer->has_prefix && writer->prefix.len == entry->prefix_len &&
        !memcmp(writer->prefix.data, entry->key, entry->prefix_len))
        return;
    add_hash(writer, entry->key, entry->prefix_len);
    writer->prefix.len = 0;
    wr_buf_put(&writer->prefix, entry->key, entry->prefix_len);
    writer->has_prefix = true;
}

/* What the index keeps of a block's first key: the shortest prefix above the key before it. A key made of a long text
 * would make the index a part of the data that no cache can hold. Searches need no more (run_iter.c): every key before
 * the block is lower, none in it is. */
static uint32_t separator_len(struct run_writer *writer, const struct entry *entry)
{
    uint32_t n = 0, most = WR_MIN(entry->key_len, (uint32_t)writer->last_key.len);
    if (!writer->run->entries)
        return WR_MIN(entry->key_len, RUN_FIRST_MAX); /* nothing is before it */
    while (n < most && n < RUN_FIRST_MAX && writer->last_key.data[n] == entry->key[n])
        n++;
    n = WR_MIN(n + 1, entry->key_len);
    writer->cut |= n > RUN_FIRST_MAX;
    return WR_MIN(n, RUN_FIRST_MAX);
}

bool wr_run_writer_add(struct run_writer *writer, const struct entry *entry, struct wr_error *err)
{
    struct run *run = writer->run;
    size_t need = ENTRY_HEADER_MAX + (size_t)entry->key_len + entry->payload_len;
    if (writer->block_entries && writer->block.len + need > RUN_BLOCK_BYTES)
        TRY(end_block(writer, err));
    if (!writer->block_entries) {
        wr_buf_u32le(&writer->index_offsets, (uint32_t)writer->index_keys.len);
        wr_buf_put(&writer->index_keys, entry->key, separator_len(writer, entry));
    }
    if (!run->entries)
        wr_run_set_min(run, entry->key, entry->key_len);
    note_prefix(writer, entry);
    char *to = wr_buf_reserve(&writer->block, need);
    wr_buf_u32le(&writer->offsets, (uint32_t)writer->block.len);
    size_t len = (size_t)(entry_encode(to, entry) - to);
    writer->block.len += len;
    writer->block_entries++;
    run->bytes += len;
    run->entries++;
    run->checksum += wr_entry_checksum(writer->kind, entry);
    writer->last_key.len = 0;
    wr_buf_put(&writer->last_key, entry->key, entry->key_len);
    return true;
}

static bool put_index(struct run_writer *writer, struct wr_error *err)
{
    struct wr_buf index = WR_BUF_INIT;
    wr_buf_u32le(&index, writer->run->blocks | (writer->cut ? RUN_INDEX_CUT : 0));
    wr_buf_put(&index, writer->index_offsets.data, writer->index_offsets.len);
    wr_buf_u32le(&index, (uint32_t)writer->index_keys.len);
    wr_buf_put(&index, writer->index_keys.data, writer->index_keys.len);
    bool ok = put_record(writer, RUN_INDEX, index.data, index.len, err);
    wr_buf_free(&index);
    return ok;
}

static bool finish_file(struct run_writer *writer, struct wr_error *err)
{
    struct run *run = writer->run;
    if (writer->block_entries)
        TRY(end_block(writer, err));
    if (run->blocks % RUN_FILTER_SPAN)
        TRY(put_filter(writer, run->blocks / RUN_FILTER_SPAN, err));
    TRY(put_index(writer, err));
    wr_run_set_max(run, writer->last_key.data, writer->last_key.len);
    char *message = NULL;
    rocksdb_sstfilewriter_finish(writer->sst, &message);
    if (message)
        return wr_rocks_fail(err, message);
    rocksdb_sstfilewriter_file_size(writer->sst, &run->file_bytes);
    return wr_rocks_ingest(&writer->store->rocks, CF_RUNS, writer->path, err);
}

bool wr_run_writer_finish(struct run_writer *writer, struct run **run, struct wr_error *err)
{
    *run = NULL;
    if (!writer->run->entries) {
        wr_run_writer_cancel(writer);
        return true;
    }
    if (!finish_file(writer, err)) {
        wr_run_writer_cancel(writer);
        return false;
    }
    *run = writer->run;
    unlink(writer->path);
    free_writer(writer);
    return true;
}
