/* The database directory: FORMAT, PID and the folder for files being written.
 *
 *   FORMAT     text: "weir <version>\nfeatures <bits>\nkey_hash_seed <seed>\nshards <count>\n"
 *   COMMITTED  how far it had come (committed_file.h)
 *   PID        the process that has it open; advisory, for the message (RocksDB's LOCK is the lock)
 *   ingest/    files not yet ingested; emptied at open
 *   deleted/   files on their way out (deleted_files.h) */
#ifndef WEIR_STATE_STORE_DIR_H
#define WEIR_STATE_STORE_DIR_H

#include "base/error.h"

/* Creates or checks the directory. */
bool wr_store_dir_prepare(const char *dir, struct wr_error *err) WR_MUST;
/* Opening RocksDB failed: if that was the lock, says who holds it; if damage, what to do. Returns false. */
bool wr_store_dir_explain(const char *dir, struct wr_error *err);
void wr_store_dir_lock(const char *dir);
void wr_store_dir_unlock(const char *dir);
char *wr_store_dir_ingest(const char *dir); /* malloc'd path */
/* A small file, whole or not at all, synced. */
bool wr_store_dir_write(const char *dir, const char *name, const char *bytes, size_t len, struct wr_error *err) WR_MUST;

#endif
