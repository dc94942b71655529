#include "state/log_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "state/store_impl.h"

static struct run *new_handle(struct store *store, uint64_t id)
{
    struct run *run = wr_calloc(1, sizeof *run);
    atomic_init(&run->refs, 1);
    run->store = store;
    run->on_disk = true;
    run->id = id;
    return run;
}

static bool write_file(struct store *store, const char *path, uint64_t id, const void *bytes, size_t len,
                       struct wr_error *err)
{
    char key[RUN_KEY_SIZE], *message = NULL;
    wr_run_key(key, id, 0);
    rocksdb_sstfilewriter_t *sst =
        rocksdb_sstfilewriter_create(store->rocks.env_options, store->rocks.options[CF_RUNS]);
    rocksdb_sstfilewriter_open(sst, path, &message);
    if (!message)
        rocksdb_sstfilewriter_put(sst, key, sizeof key, bytes, len, &message);
    if (!message)
        rocksdb_sstfilewriter_finish(sst, &message);
    rocksdb_sstfilewriter_destroy(sst);
    if (message)
        return wr_rocks_fail(err, message);
    return wr_rocks_ingest(&store->rocks, CF_RUNS, path, err);
}

struct run *wr_log_file_write(struct store *store, const void *bytes, size_t len, struct wr_error *err)
{
    char path[4096];
    uint64_t id = atomic_fetch_add(&store->next_run_id, 1);
    snprintf(path, sizeof path, "%s/%llu.sst", store->ingest_dir,
             (unsigned long long)atomic_fetch_add(&store->next_file, 1));
    bool ok = write_file(store, path, id, bytes, len, err);
    unlink(path);
    return ok ? new_handle(store, id) : NULL;
}

void wr_log_file_publish(struct store *store, struct run *run, uint64_t log_id, uint64_t commit)
{
    WR_GROW(store->log_files, store->log_files_n, store->log_files_cap);
    wr_run_retain(run);
    store->log_files[store->log_files_n++] = (struct log_file){run, log_id, commit};
}

void wr_log_files_unname(struct store *store, rocksdb_writebatch_t *batch, uint64_t log_id, uint64_t upto)
{
    for (uint32_t i = 0; i < store->log_files_n; i++) {
        if (store->log_files[i].log_id != log_id || store->log_files[i].commit > upto)
            continue;
        char key[META_KEY_SIZE];
        wr_meta_key(key, META_LOG_FILE, store->log_files[i].run->id);
        rocksdb_writebatch_delete_cf(batch, store->rocks.cf[CF_META], key, sizeof key);
    }
}

void wr_log_files_drop(struct store *store, uint64_t log_id, uint64_t upto)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < store->log_files_n; i++) {
        struct log_file file = store->log_files[i];
        if (file.log_id != log_id || file.commit > upto) {
            store->log_files[kept++] = file;
            continue;
        }
        atomic_store(&file.run->doomed, true);
        wr_run_release(file.run);
    }
    store->log_files_n = kept;
}

bool wr_log_record_read(struct log_record *record, const char *key, size_t key_len, const char *value, size_t value_len,
                        struct wr_error *err)
{
    struct wr_reader r = wr_reader_of(key, key_len);
    wr_get_u64be(&r); /* log */
    uint64_t commit = wr_get_u64be(&r);
    wr_get_u32be(&r); /* part */
    bool good = r.ok && r.at == r.end;
    r = wr_reader_of(value, value_len);
    uint8_t form = wr_get_byte(&r);
    *record = (struct log_record){.commit = commit, .in_file = form == 1, .bytes = r.at, .len = (size_t)(r.end - r.at)};
    if (record->in_file)
        record->run_id = wr_get_u64be(&r);
    good = good && r.ok && form <= 1 && (!record->in_file || r.at == r.end);
    return good || wr_fail(err, ERR_DATA_CORRUPTED, "a record of an output log is damaged");
}

bool wr_log_files_recover(struct store *store, struct wr_error *err)
{
    rocksdb_iterator_t *it =
        rocksdb_create_iterator_cf(store->rocks.db, store->rocks.read_options, store->rocks.cf[CF_META]);
    char tag = META_LOG_FILE;
    for (rocksdb_iter_seek(it, &tag, 1); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        size_t key_len, len;
        const char *key = rocksdb_iter_key(it, &key_len), *value = rocksdb_iter_value(it, &len);
        if (!key_len || key[0] != tag)
            break;
        if (key_len != META_KEY_SIZE || len != 16) {
            rocksdb_iter_destroy(it);
            return wr_fail(err, ERR_DATA_CORRUPTED, "a record of the output log's files is damaged");
        }
        struct run *run = new_handle(store, wr_load_u64be(key + 1));
        wr_log_file_publish(store, run, wr_load_u64be(value), wr_load_u64be(value + 8));
        wr_run_release(run);
    }
    char *message = NULL;
    rocksdb_iter_get_error(it, &message);
    rocksdb_iter_destroy(it);
    return message ? wr_rocks_fail(err, message) : true;
}
