/* RocksDB, opened the way the store wants it, and its errors in our words. Nothing outside state/ includes this.
 *
 * Column families (keys big-endian, see docs/design/disk-format.md):
 *   default  meta: commit record, trace manifests, small base runs, the engine's own records
 *   delta    the rows of recent commits, one value per (commit, trace, run)
 *   runs     sorted runs: one SST file per run, ingested whole, deleted whole; never compacted
 *   log      output logs of sinks */
#ifndef WEIR_STATE_ROCKS_H
#define WEIR_STATE_ROCKS_H

#include <rocksdb/c.h>

#include "base/error.h"
#include "base/mem.h"

enum rocks_cf { CF_META, CF_DELTA, CF_RUNS, CF_LOG, CF_COUNT };

struct rocks {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *cf[CF_COUNT];
    rocksdb_options_t *options[CF_COUNT];
    rocksdb_block_based_table_options_t *tables[CF_COUNT];
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *write_options;
    rocksdb_readoptions_t *read_options, *scan_options;
    rocksdb_ingestexternalfileoptions_t *ingest_options;
    rocksdb_envoptions_t *env_options;
};

/* `create`: makes what is not there. Never for a directory that has been in use: a family that is missing was lost. */
bool wr_rocks_open(struct rocks *rocks, const char *dir, bool create, int64_t cache_bytes, bool sync,
                   struct wr_error *err) WR_MUST;
void wr_rocks_close(struct rocks *rocks);
/* Takes RocksDB's message (frees it) and fails with the fitting SQLSTATE. */
bool wr_rocks_fail(struct wr_error *err, char *message);
bool wr_rocks_write(struct rocks *rocks, rocksdb_writebatch_t *batch, struct wr_error *err) WR_MUST;
bool wr_rocks_ingest(struct rocks *rocks, enum rocks_cf cf, const char *path, struct wr_error *err) WR_MUST;
/* Deletes the files that lie wholly in [lo, hi]. */
bool wr_rocks_delete_files(struct rocks *rocks, enum rocks_cf cf, const char *lo, size_t lo_len, const char *hi,
                           size_t hi_len, struct wr_error *err) WR_MUST;
/* Calls for each of those files: its name in the directory and its bytes. */
void wr_rocks_files_within(struct rocks *rocks, enum rocks_cf cf, const char *lo, size_t lo_len, const char *hi,
                           size_t hi_len, void (*visit)(void *context, const char *name, uint64_t bytes),
                           void *context);
int64_t wr_rocks_memtable_bytes(struct rocks *rocks);
int64_t wr_rocks_disk_bytes(struct rocks *rocks);

#endif
