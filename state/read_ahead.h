/* Reading ahead of a scan.
 *
 * RocksDB reads a block at a time, 12 KB, and tells the kernel not to read on by itself: that way a scan of what is not
 * in memory waits for the disk at every block, on a network's disk a millisecond each. The kernel's own reading ahead
 * is no choice: it asks for up to what the machine's owner has set (8 MB on some), and a commit's sync waits behind it.
 * So a scan reads a little more than it needs, in pieces that nobody has to wait long for. */
#ifndef WEIR_STATE_READ_AHEAD_H
#define WEIR_STATE_READ_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

struct run;

/* Zero is a scan that has read nothing. */
struct read_ahead {
    uint32_t next_block, in_a_row;
    bool open;
    int fd;
    uint64_t bytes, asked; /* of the file; up to where it has been read */
};

/* The scan is about to read this block of a disk run. */
void wr_read_ahead(struct read_ahead *ahead, struct run *run, uint32_t block);
void wr_read_ahead_end(struct read_ahead *ahead, struct run *run);

#endif
