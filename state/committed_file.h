/* COMMITTED: how far the directory had come, kept beside RocksDB's log, so that a log that was removed or cut is not
 * taken for one that ended there.
 *
 * Two slots of 512 bytes, written in turn: "commit <n> write <n> check <hash>". `write` counts the
 * store's writes (meta record 'W' in each of them). A slot is written behind the synced write it tells of and not
 * synced itself: what it says is therefore always true, after a crash of the machine perhaps a little old, and costs a
 * commit no more than a system call. */
#ifndef WEIR_STATE_COMMITTED_FILE_H
#define WEIR_STATE_COMMITTED_FILE_H

#include "base/error.h"

struct committed_mark {
    uint64_t commit, write;
};
struct committed_file {
    int fd; /* -1: not open */
    unsigned slot;
    struct committed_mark mark;
};

/* What the file says; zeros if there is none: the directory is new, of an older build, or somebody accepts a loss. */
bool wr_committed_read(const char *dir, struct committed_mark *mark, struct wr_error *err) WR_MUST;
/* Before RocksDB opens the directory and makes a new log: is there one, if there was anything in it? */
bool wr_committed_check_log(const char *dir, const struct committed_mark *mark, struct wr_error *err) WR_MUST;
/* What was recovered must reach the mark. */
bool wr_committed_check(const char *dir, const struct committed_mark *mark, const struct committed_mark *recovered,
                        struct wr_error *err) WR_MUST;

/* From here on the directory is held. Makes the file if it is not there; the mark is synced. */
bool wr_committed_open(struct committed_file *file, const char *dir, const struct committed_mark *mark,
                       struct wr_error *err) WR_MUST;
/* A write that is synced brought the directory to the mark; never goes back. One thread at a time. An error is not one:
 * the file says less than it could. */
void wr_committed_note(struct committed_file *file, const struct committed_mark *mark);
void wr_committed_sync(struct committed_file *file);
void wr_committed_close(struct committed_file *file); /* syncs */

#endif
