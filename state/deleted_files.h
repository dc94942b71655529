/* Files of RocksDB that nobody needs any more, on their way out.
 *
 * A file system that frees a large file at once holds up every sync beside it: a commit waits 15 ms for 100 MB on ext4
 * mounted with discard, none for 2 MB. RocksDB deletes whole files; so a large one gets a second name in the folder
 * deleted/ before, and when that is its only one a thread cuts it shorter bit by bit. The folder is all there is to
 * know: what a crash leaves in it goes at the next open. */
#ifndef WEIR_STATE_DELETED_FILES_H
#define WEIR_STATE_DELETED_FILES_H

#include "state/rocks.h"

struct deleted_files;

/* `dir` is the store's; its folder deleted/ exists. NULL: its thread could not be started. */
struct deleted_files *wr_deleted_files_start(const char *dir, struct wr_error *err);
/* What is still there goes at once: nobody waits for commits now. NULL: nothing. */
void wr_deleted_files_stop(struct deleted_files *files);
/* Deletes RocksDB's files that lie wholly in [lo, hi]; the disk's space comes back a little later. */
bool wr_deleted_files_add(struct deleted_files *files, struct rocks *rocks, enum rocks_cf cf, const char *lo,
                          size_t lo_len, const char *hi, size_t hi_len, struct wr_error *err) WR_MUST;

#endif
