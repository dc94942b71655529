/* RocksDB kept small: it stores coarse values (blocks of rows), so it gets little memory, few files and no
 * per-row work. Compaction runs only where records are small (meta, log) or move trivially (delta). */
#include "state/rocks.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/entry.h"
#include "state/log_tail.h"

static const char *const cf_names[CF_COUNT] = {"default", "delta", "runs", "log"};
static const size_t memtable_bytes[CF_COUNT] = {2 << 20, 8 << 20, 64 << 10, 4 << 20};

bool wr_rocks_fail(struct wr_error *err, char *message)
{
    const char *state = ERR_IO;
    if (strstr(message, "No space left"))
        state = ERR_DISK_FULL;
    else if (strstr(message, "Corruption") || strstr(message, "Column famil") || strstr(message, "create_if_missing"))
        state = ERR_DATA_CORRUPTED; /* the latter: its own files do not know what must be there */
    wr_fail(err, state, "storage: %s", message);
    rocksdb_free(message);
    return false;
}

/* Logs that are full and synced are named in RocksDB's manifest: one that is gone or short is refused. (Of the log that
 * is being written COMMITTED tells, committed_file.h.) The C API has no call for it. */
static rocksdb_options_t *options_that_track_logs(void)
{
    rocksdb_options_t *plain = rocksdb_options_create(), *o = rocksdb_options_create();
    char *message = NULL;
    rocksdb_get_options_from_string(plain, "track_and_verify_wals_in_manifest=true", o, &message);
    rocksdb_free(message);
    rocksdb_options_destroy(plain);
    return o;
}

static rocksdb_options_t *common_options(void)
{
    rocksdb_options_t *o = options_that_track_logs();
    rocksdb_options_set_max_open_files(o, 512);
    rocksdb_options_set_max_file_opening_threads(o, 1);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_max_total_wal_size(o, 32 << 20);
    /* a merge hands its pages to the disk as it goes: the sync of a commit does not wait behind all of them */
    rocksdb_options_set_bytes_per_sync(o, 512 << 10);
    rocksdb_options_set_max_manifest_file_size(o, 4 << 20);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_set_max_log_file_size(o, 1 << 20);
    rocksdb_options_set_info_log_level(o, 2);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_delete_obsolete_files_period_micros(o, 600ull * 1000 * 1000);
    /* A log that is too short ends with a commit that never was; damage before it is refused, not taken for the end. */
    rocksdb_options_set_wal_recovery_mode(o, 0);
    rocksdb_options_set_is_fd_close_on_exec(o, 1);
    return o;
}

static rocksdb_block_based_table_options_t *table_options(enum rocks_cf cf, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_block_size(t, cf == CF_META ? 4096 : 12 << 10);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_format_version(t, 5);
    if (cf == CF_RUNS) {
        rocksdb_block_based_options_set_index_type(t, rocksdb_block_based_table_index_type_two_level_index_search);
        rocksdb_block_based_options_set_block_restart_interval(t, 1);
    }
    return t;
}

static rocksdb_options_t *family_options(enum rocks_cf cf, rocksdb_block_based_table_options_t *table)
{
    rocksdb_options_t *o = common_options();
    rocksdb_options_set_write_buffer_size(o, memtable_bytes[cf]);
    rocksdb_options_set_max_write_buffer_number(o, cf == CF_DELTA ? 3 : 2);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_block_based_table_factory(o, table);
    if (cf == CF_RUNS)
        rocksdb_options_set_disable_auto_compactions(o, 1);
    if (cf == CF_DELTA) /* sorted by commit: files move down without being rewritten, where they can be dropped */
        rocksdb_options_set_level0_file_num_compaction_trigger(o, 2);
    return o;
}

static void make_options(struct rocks *rocks, int64_t cache_bytes, bool sync)
{
    rocks->cache = rocksdb_cache_create_lru((size_t)cache_bytes);
    for (int i = 0; i < CF_COUNT; i++) {
        rocks->tables[i] = table_options((enum rocks_cf)i, rocks->cache);
        rocks->options[i] = family_options((enum rocks_cf)i, rocks->tables[i]);
    }
    rocks->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(rocks->write_options, sync);
    rocks->read_options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(rocks->read_options, 0);
    rocks->scan_options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(rocks->scan_options, 0);
    rocksdb_readoptions_set_readahead_size(rocks->scan_options, 1 << 20);
    rocks->ingest_options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(rocks->ingest_options, 1);
    rocksdb_ingestexternalfileoptions_set_snapshot_consistency(rocks->ingest_options, 0);
    rocks->env_options = rocksdb_envoptions_create();
}

static rocksdb_t *open_families(struct rocks *rocks, const char *dir, char **message)
{
    return rocksdb_open_column_families(rocks->options[CF_META], dir, CF_COUNT, cf_names,
                                        (const rocksdb_options_t *const *)rocks->options, rocks->cf, message);
}

bool wr_rocks_open(struct rocks *rocks, const char *dir, bool create, int64_t cache_bytes, bool sync,
                   struct wr_error *err)
{
    memset(rocks, 0, sizeof *rocks);
    make_options(rocks, cache_bytes, sync);
    rocksdb_options_set_create_if_missing(rocks->options[CF_META], create);
    rocksdb_options_set_create_missing_column_families(rocks->options[CF_META], create);
    char *message = NULL;
    rocks->db = open_families(rocks, dir, &message);
    while (message && strstr(message, "Corruption") && wr_log_tail_cut(dir)) {
        rocksdb_free(message);
        message = NULL;
        rocks->db = open_families(rocks, dir, &message);
    }
    if (message) {
        rocks->db = NULL;
        return wr_rocks_fail(err, message);
    }
    return true;
}

void wr_rocks_close(struct rocks *rocks)
{
    if (rocks->db) {
        for (int i = 0; i < CF_COUNT; i++)
            rocksdb_column_family_handle_destroy(rocks->cf[i]);
        rocksdb_close(rocks->db);
    }
    for (int i = 0; i < CF_COUNT; i++) {
        if (!rocks->options[i])
            continue;
        rocksdb_options_destroy(rocks->options[i]);
        rocksdb_block_based_options_destroy(rocks->tables[i]);
    }
    if (rocks->cache) {
        rocksdb_cache_destroy(rocks->cache);
        rocksdb_writeoptions_destroy(rocks->write_options);
        rocksdb_readoptions_destroy(rocks->read_options);
        rocksdb_readoptions_destroy(rocks->scan_options);
        rocksdb_ingestexternalfileoptions_destroy(rocks->ingest_options);
        rocksdb_envoptions_destroy(rocks->env_options);
    }
    memset(rocks, 0, sizeof *rocks);
}

bool wr_rocks_write(struct rocks *rocks, rocksdb_writebatch_t *batch, struct wr_error *err)
{
    char *message = NULL;
    rocksdb_write(rocks->db, rocks->write_options, batch, &message);
    return message ? wr_rocks_fail(err, message) : true;
}

bool wr_rocks_ingest(struct rocks *rocks, enum rocks_cf cf, const char *path, struct wr_error *err)
{
    char *message = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC); /* RocksDB takes the name away */
    rocksdb_ingest_external_file_cf(rocks->db, rocks->cf[cf], &path, 1, rocks->ingest_options, &message);
    if (fd >= 0) {
        /* The pages by which it looked into the file would set the kernel's own reading ahead off, in spite of what it
         * says about the file then (read_ahead.h). */
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    return message ? wr_rocks_fail(err, message) : true;
}

bool wr_rocks_delete_files(struct rocks *rocks, enum rocks_cf cf, const char *lo, size_t lo_len, const char *hi,
                           size_t hi_len, struct wr_error *err)
{
    char *message = NULL;
    rocksdb_delete_file_in_range_cf(rocks->db, rocks->cf[cf], lo, lo_len, hi, hi_len, &message);
    return message ? wr_rocks_fail(err, message) : true;
}

void wr_rocks_files_within(struct rocks *rocks, enum rocks_cf cf, const char *lo, size_t lo_len, const char *hi,
                           size_t hi_len, void (*visit)(void *context, const char *name, uint64_t bytes), void *context)
{
    const rocksdb_livefiles_t *files = rocksdb_livefiles(rocks->db);
    for (int i = 0; i < rocksdb_livefiles_count(files); i++) {
        size_t first_len, last_len;
        const char *first = rocksdb_livefiles_smallestkey(files, i, &first_len);
        const char *last = rocksdb_livefiles_largestkey(files, i, &last_len);
        if (!strcmp(rocksdb_livefiles_column_family_name(files, i), cf_names[cf]) &&
            bytes_compare(lo, (uint32_t)lo_len, first, (uint32_t)first_len) <= 0 &&
            bytes_compare(last, (uint32_t)last_len, hi, (uint32_t)hi_len) <= 0)
            visit(context, rocksdb_livefiles_name(files, i) + 1, rocksdb_livefiles_size(files, i)); /* "/000012.sst" */
    }
    rocksdb_livefiles_destroy(files);
}

static int64_t property(struct rocks *rocks, enum rocks_cf cf, const char *name)
{
    uint64_t value = 0;
    rocksdb_property_int_cf(rocks->db, rocks->cf[cf], name, &value);
    return (int64_t)value;
}

int64_t wr_rocks_memtable_bytes(struct rocks *rocks)
{
    int64_t bytes = 0;
    for (int i = 0; i < CF_COUNT; i++)
        bytes += property(rocks, (enum rocks_cf)i, "rocksdb.cur-size-all-mem-tables");
    return bytes;
}

int64_t wr_rocks_disk_bytes(struct rocks *rocks)
{
    int64_t bytes = 0;
    for (int i = 0; i < CF_COUNT; i++)
        bytes += property(rocks, (enum rocks_cf)i, "rocksdb.total-sst-files-size");
    return bytes;
}
