/* Parts of an output log that are too big to wait in RAM for their commit: each is a file in CF `runs` (run id, record
 * 0), an orphan until the commit's batch names it in a 'G' record. The store's list of them belongs to the commit
 * thread (and to recovery, before it runs). */
#ifndef WEIR_STATE_LOG_FILE_H
#define WEIR_STATE_LOG_FILE_H

#include <rocksdb/c.h>

#include "state/run.h"

#define LOG_FILE_BYTES (256 << 10)
#define META_LOG_FILE  'G'

struct log_file {
    struct run *run;
    uint64_t log_id, commit;
};

/* A record of CF log. */
struct log_record {
    uint64_t commit;
    bool in_file;
    uint64_t run_id;   /* in_file: the run whose record 0 holds the bytes */
    const char *bytes; /* else */
    size_t len;
};
bool wr_log_record_read(struct log_record *record, const char *key, size_t key_len, const char *value, size_t value_len,
                        struct wr_error *err) WR_MUST;

/* NULL: error. */
struct run *wr_log_file_write(struct store *store, const void *bytes, size_t len, struct wr_error *err);
void wr_log_file_publish(struct store *store, struct run *run, uint64_t log_id, uint64_t commit);
/* Removes the names of what a truncation frees. */
void wr_log_files_unname(struct store *store, rocksdb_writebatch_t *batch, uint64_t log_id, uint64_t upto);
/* After the batch is written: the files go. */
void wr_log_files_drop(struct store *store, uint64_t log_id, uint64_t upto);
bool wr_log_files_recover(struct store *store, struct wr_error *err) WR_MUST;

#endif
