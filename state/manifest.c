/* The records that say what the store consists of. Integers are varints unless drawn otherwise.
 *
 *   'C'          number, next run id, delta floor
 *   'W'          how many writes there have been; in each of them
 *   'T' trace    kind, floor commit, floor seq, has base, n runs, then per run, newest first:
 *                id, commit, seq, entries, bytes, file bytes, blocks, full prefix, u64le checksum, blob min, blob max
 *   'B' trace    base: commit, seq, then a packed run (as a delta): rows of a trace too small for a file
 *   'G' run      a part of an output log with a file of its own (log_file.h)
 *   'U' key      the engine's records */
#include <stdlib.h>

#include "state/store_impl.h"

void wr_meta_key(char to[META_KEY_SIZE], char tag, uint64_t id)
{
    to[0] = tag;
    wr_store_u64be(to + 1, id);
}

void wr_delta_key(char to[DELTA_KEY_SIZE], uint64_t commit, uint64_t trace_id, uint32_t seq)
{
    wr_store_u64be(to, commit);
    wr_store_u64be(to + 8, trace_id);
    wr_store_u32be(to + 16, seq);
}

void wr_run_key(char to[RUN_KEY_SIZE], uint64_t run_id, uint32_t record)
{
    wr_store_u64be(to, run_id);
    wr_store_u32be(to + 8, record);
}

void wr_log_key(char to[LOG_KEY_SIZE], uint64_t log_id, uint64_t commit, uint32_t part)
{
    wr_store_u64be(to, log_id);
    wr_store_u64be(to + 8, commit);
    wr_store_u32be(to + 16, part);
}

static void put_run(struct wr_buf *buf, const struct run *run)
{
    wr_buf_varint(buf, run->id);
    wr_buf_varint(buf, run->commit);
    wr_buf_varint(buf, run->seq);
    wr_buf_varint(buf, run->entries);
    wr_buf_varint(buf, run->bytes);
    wr_buf_varint(buf, run->file_bytes);
    wr_buf_varint(buf, run->blocks);
    wr_buf_varint(buf, run->full_prefix);
    wr_buf_u64le(buf, run->checksum);
    wr_buf_blob(buf, run->min_key, run->min_len);
    wr_buf_blob(buf, run->max_key, run->max_len);
}

static struct run *get_run(struct store *store, enum trace_kind kind, struct wr_reader *r)
{
    struct run *run = wr_calloc(1, sizeof *run);
    atomic_init(&run->refs, 1);
    run->store = store;
    run->kind = kind;
    run->on_disk = true;
    run->id = wr_get_varint(r);
    run->commit = wr_get_varint(r);
    run->seq = (uint32_t)wr_get_varint(r);
    run->entries = wr_get_varint(r);
    run->bytes = wr_get_varint(r);
    run->file_bytes = wr_get_varint(r);
    run->blocks = (uint32_t)wr_get_varint(r);
    run->full_prefix = wr_get_varint(r) != 0;
    run->checksum = wr_get_u64le(r);
    size_t len;
    const char *bytes = wr_get_blob(r, &len);
    wr_run_set_min(run, bytes ? bytes : "", bytes ? len : 0);
    bytes = wr_get_blob(r, &len);
    wr_run_set_max(run, bytes ? bytes : "", bytes ? len : 0);
    return run;
}

void wr_manifest_put(rocksdb_writebatch_t *batch, struct store *store, const struct trace *trace,
                     const struct version *version)
{
    struct wr_buf buf = WR_BUF_INIT;
    uint32_t n = 0;
    for (uint32_t i = 0; i < version->n; i++)
        n += version->runs[i]->on_disk;
    wr_buf_varint(&buf, trace->kind);
    wr_buf_varint(&buf, trace->floor_commit);
    wr_buf_varint(&buf, trace->floor_seq);
    wr_buf_varint(&buf, trace->has_base);
    wr_buf_varint(&buf, n);
    for (uint32_t i = 0; i < version->n; i++)
        if (version->runs[i]->on_disk)
            put_run(&buf, version->runs[i]);
    char key[META_KEY_SIZE];
    wr_meta_key(key, META_TRACE, trace->id);
    rocksdb_writebatch_put_cf(batch, store->rocks.cf[CF_META], key, sizeof key, buf.data, buf.len);
    wr_buf_free(&buf);
}

bool wr_manifest_get(struct store *store, struct trace *trace, struct version **version, const char *bytes, size_t len,
                     struct wr_error *err)
{
    struct wr_reader r = wr_reader_of(bytes, len);
    uint64_t kind = wr_get_varint(&r);
    trace->floor_commit = wr_get_varint(&r);
    trace->floor_seq = (uint32_t)wr_get_varint(&r);
    trace->has_base = wr_get_varint(&r) != 0;
    uint64_t n = wr_get_varint(&r);
    if (!r.ok || kind > TRACE_APPEND || n > len)
        return wr_fail(err, ERR_DATA_CORRUPTED, "the manifest of trace %llu is damaged", (unsigned long long)trace->id);
    trace->kind = (enum trace_kind)kind;
    trace->persisted = true;
    *version = wr_version_new(store, trace->kind, (uint32_t)n);
    for (uint64_t i = 0; i < n; i++)
        (*version)->runs[i] = get_run(store, trace->kind, &r);
    if (r.ok)
        return true;
    wr_version_release(*version);
    return wr_fail(err, ERR_DATA_CORRUPTED, "the manifest of trace %llu is damaged", (unsigned long long)trace->id);
}

void wr_commit_record_put(rocksdb_writebatch_t *batch, struct store *store, uint64_t number)
{
    struct wr_buf buf = WR_BUF_INIT;
    wr_buf_varint(&buf, number);
    wr_buf_varint(&buf, atomic_load(&store->next_run_id));
    wr_buf_varint(&buf, store->delta_floor);
    char key[] = {META_COMMIT};
    rocksdb_writebatch_put_cf(batch, store->rocks.cf[CF_META], key, sizeof key, buf.data, buf.len);
    wr_buf_free(&buf);
}

void wr_write_record_put(rocksdb_writebatch_t *batch, struct store *store)
{
    struct wr_buf buf = WR_BUF_INIT;
    wr_buf_varint(&buf, ++store->writes);
    char key[] = {META_WRITE};
    rocksdb_writebatch_put_cf(batch, store->rocks.cf[CF_META], key, sizeof key, buf.data, buf.len);
    wr_buf_free(&buf);
}
