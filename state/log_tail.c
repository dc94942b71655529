#include "state/log_tail.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PATH_SIZE   4096
#define BLOCK_SIZE  (32 << 10)
#define HEADER_SIZE 7 /* u32le masked CRC-32C of the rest, u16le length of the bytes, type */
#define CRC_ROWS    256

enum record_type { RECORD_FULL = 1, RECORD_FIRST = 2, RECORD_MIDDLE = 3, RECORD_LAST = 4 };

struct tail {
    uint32_t crc[CRC_ROWS];
    bool damaged, goes_on; /* a write begins behind the damage */
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

/* A record does not cross the end of a block; where one cannot be made out, the next one known begins the next block.
 */
static void read_block(struct tail *tail, const unsigned char *at, const unsigned char *end)
{
    while (end - at >= HEADER_SIZE && !tail->goes_on) {
        size_t len = at[4] | (size_t)at[5] << 8;
        unsigned type = at[6];
        bool fits = type >= RECORD_FULL && type <= RECORD_LAST && HEADER_SIZE + len <= (size_t)(end - at);
        if (!fits) {
            tail->damaged = true;
            return;
        }
        bool whole = load_u32le(at) == masked_crc(tail->crc, at + HEADER_SIZE - 1, len + 1);
        tail->damaged |= !whole;
        tail->goes_on = tail->damaged && whole && (type == RECORD_FULL || type == RECORD_FIRST);
        at += HEADER_SIZE + len;
    }
}

static void read_log(struct tail *tail, const char *dir, const char *name)
{
    char path[PATH_SIZE];
    unsigned char *block = wr_malloc(BLOCK_SIZE);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rbe");
    for (size_t n; file && (n = fread(block, 1, BLOCK_SIZE, file)) > 0;)
        read_block(tail, block, block + n);
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

bool wr_log_tail_is_torn(const char *dir)
{
    struct tail tail = {.damaged = false};
    struct dirent **logs;
    int n = scandir(dir, &logs, is_log, by_number);
    if (n < 0)
        return false;
    fill_crc(tail.crc);
    for (int i = 0; i < n; i++) {
        read_log(&tail, dir, logs[i]->d_name);
        free(logs[i]);
    }
    free(logs);
    return tail.damaged && !tail.goes_on;
}
