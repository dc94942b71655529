#include "state/log_tail.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define PATH_SIZE   4096
#define BLOCK_SIZE  (32 << 10)
#define HEADER_SIZE 7 /* u32le masked CRC-32C of the rest, u16le length of the bytes, type */
#define CRC_ROWS    256
#define NAME_SIZE   64

enum record_type { RECORD_FULL = 1, RECORD_FIRST = 2, RECORD_MIDDLE = 3, RECORD_LAST = 4 };

struct tail {
    uint32_t crc[CRC_ROWS];
    bool damaged, goes_on; /* a write begins behind the damage */
    char path[PATH_SIZE];  /* of the file that is damaged first */
    off_t at;              /* where it is */
};

static void fill_crc(uint32_t table[CRC_ROWS])
{
    for (uint32_t row = 0; row < CRC_ROWS; row++) {
        table[row] = row;
        for (int bit = 0; bit < 8; bit++)
            table[row] = (table[row] >> 1) ^ (table[row] & 1 ? 0x82f63b78u : 0);
    }
}

/* As the log has it: RocksDB masks sums that are stored beside what they are of. */
static uint32_t masked_crc(const uint32_t table[CRC_ROWS], const unsigned char *bytes, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++)
        crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >> 8);
    crc = ~crc;
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static uint32_t load_u32le(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void note_damage(struct tail *tail, const char *path, off_t at)
{
    if (tail->damaged)
        return;
    tail->damaged = true;
    tail->at = at;
    snprintf(tail->path, sizeof tail->path, "%s", path);
}

/* A record does not cross the end of a block; where one cannot be made out, the next one known begins the next block.
 */
static void read_block(struct tail *tail, const char *path, off_t block_at, const unsigned char *block, size_t size)
{
    for (size_t at = 0; size - at >= HEADER_SIZE && !tail->goes_on;) {
        const unsigned char *record = block + at;
        size_t len = record[4] | (size_t)record[5] << 8;
        unsigned type = record[6];
        if (type < RECORD_FULL || type > RECORD_LAST || HEADER_SIZE + len > size - at) {
            note_damage(tail, path, block_at + (off_t)at);
            return;
        }
        bool whole = load_u32le(record) == masked_crc(tail->crc, record + HEADER_SIZE - 1, len + 1);
        if (!whole)
            note_damage(tail, path, block_at + (off_t)at);
        tail->goes_on = tail->damaged && whole && (type == RECORD_FULL || type == RECORD_FIRST);
        at += HEADER_SIZE + len;
    }
}

static void read_file(struct tail *tail, const char *dir, const char *name)
{
    char path[PATH_SIZE];
    unsigned char *block = wr_malloc(BLOCK_SIZE);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rbe");
    off_t at = 0;
    for (size_t n; file && (n = fread(block, 1, BLOCK_SIZE, file)) > 0; at += (off_t)n)
        read_block(tail, path, at, block, n);
    if (file)
        fclose(file);
    free(block);
}

static int is_log(const struct dirent *item)
{
    size_t len = strlen(item->d_name);
    return len > 4 && !strcmp(item->d_name + len - 4, ".log");
}

/* Numbered in the order in which they were written. */
static int by_number(const struct dirent **a, const struct dirent **b)
{
    unsigned long long x = strtoull((*a)->d_name, NULL, 10), y = strtoull((*b)->d_name, NULL, 10);
    return (x > y) - (x < y);
}

static void read_logs(struct tail *tail, const char *dir)
{
    struct dirent **logs;
    int n = scandir(dir, &logs, is_log, by_number);
    for (int i = 0; i < n; i++) {
        read_file(tail, dir, logs[i]->d_name);
        free(logs[i]);
    }
    if (n >= 0)
        free(logs);
}

/* CURRENT holds its name and a line's end. */
static void read_manifest(struct tail *tail, const char *dir)
{
    char path[PATH_SIZE], name[NAME_SIZE] = "";
    snprintf(path, sizeof path, "%s/CURRENT", dir);
    FILE *file = fopen(path, "re");
    bool any = file && fgets(name, sizeof name, file);
    if (file)
        fclose(file);
    name[strcspn(name, "\n")] = '\0';
    if (any && name[0])
        read_file(tail, dir, name);
}

/* As RocksDB does it, whose files these are: somebody else may have come since it gave up. Closing unlocks. */
static int lock(const char *dir)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/LOCK", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fd >= 0 && !fcntl(fd, F_SETLK, &whole))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool cut(const struct tail *tail)
{
    int fd = open(tail->path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && !ftruncate(fd, tail->at) && !fsync(fd);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool wr_log_tail_cut(const char *dir)
{
    struct tail tail = {.damaged = false};
    int held = lock(dir);
    if (held < 0)
        return false;
    fill_crc(tail.crc);
    read_logs(&tail, dir);
    if (!tail.damaged)
        read_manifest(&tail, dir);
    bool done = tail.damaged && !tail.goes_on && cut(&tail);
    close(held);
    return done;
}
