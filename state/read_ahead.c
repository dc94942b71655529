#include "state/read_ahead.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/store_impl.h"

/* Half a millisecond of a disk of 500 MB/s. */
#define PIECE_BYTES (256 << 10)
/* Where a block begins is an estimate. */
#define MARGIN_BYTES (64 << 10)
/* So many blocks one after the other are a scan. */
#define SCAN_BLOCKS 8
/* Files that scans of one store have open at once: the others read without. */
#define OPEN_MAX 64

static void note_number(void *context, const char *name, uint64_t bytes)
{
    struct run *run = context;
    atomic_store(&run->file_number, strtoull(name, NULL, 10));
}

static unsigned long long file_number(struct run *run)
{
    if (!atomic_load(&run->file_number)) {
        char lo[RUN_KEY_SIZE], hi[RUN_KEY_SIZE];
        wr_run_key(lo, run->id, 0);
        wr_run_key(hi, run->id, UINT32_MAX);
        wr_rocks_files_within(&run->store->rocks, CF_RUNS, lo, sizeof lo, hi, sizeof hi, note_number, run);
    }
    return atomic_load(&run->file_number);
}

static void open_file(struct read_ahead *ahead, struct run *run)
{
    struct store *store = run->store;
    char path[4096];
    struct stat stat_of;
    if (!store->dir)
        return;
    if (atomic_fetch_add(&store->ahead_open, 1) < OPEN_MAX) {
        snprintf(path, sizeof path, "%s/%06llu.sst", store->dir, file_number(run));
        ahead->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (ahead->fd >= 0 && !fstat(ahead->fd, &stat_of)) {
            ahead->open = true;
            (void)posix_fadvise(ahead->fd, 0, 0, POSIX_FADV_RANDOM); /* as much as is asked for, no more */
            ahead->bytes = (uint64_t)stat_of.st_size;
            return;
        }
        if (ahead->fd >= 0)
            close(ahead->fd);
    }
    atomic_fetch_sub(&store->ahead_open, 1);
}

/* Blocks lie in the file in order, about as long as each other. The piece is read for the kernel's cache and waited
 * for: to ask for several at once would be to have commits wait for all of them. */
static void read_piece(struct read_ahead *ahead, const struct run *run, uint32_t block)
{
    uint64_t at = ahead->bytes * block / run->blocks;
    if (ahead->asked > at + MARGIN_BYTES || ahead->asked >= ahead->bytes)
        return;
    if (ahead->asked < at)
        ahead->asked = at;
    char *unused = wr_malloc(PIECE_BYTES);
    (void)!pread(ahead->fd, unused, PIECE_BYTES, (off_t)ahead->asked);
    free(unused);
    ahead->asked += PIECE_BYTES;
}

void wr_read_ahead(struct read_ahead *ahead, struct run *run, uint32_t block)
{
    bool goes_on = block == ahead->next_block && ahead->in_a_row;
    ahead->next_block = block + 1;
    ahead->in_a_row = goes_on ? ahead->in_a_row + 1 : 1;
    if (!goes_on)
        ahead->asked = 0;
    if (ahead->in_a_row == SCAN_BLOCKS && !ahead->open)
        open_file(ahead, run);
    if (ahead->in_a_row >= SCAN_BLOCKS && ahead->open)
        read_piece(ahead, run, block);
}

void wr_read_ahead_end(struct read_ahead *ahead, struct run *run)
{
    if (!ahead->open)
        return;
    close(ahead->fd);
    ahead->open = false;
    atomic_fetch_sub(&run->store->ahead_open, 1);
}
