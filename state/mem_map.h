/* A small sorted map of byte strings: the meta and log records of a memory-only store. */
#ifndef WEIR_STATE_MEM_MAP_H
#define WEIR_STATE_MEM_MAP_H

#include "base/buf.h"

struct mem_item {
    char *key, *value;
    size_t key_len, value_len;
};
struct mem_map {
    struct mem_item *items; /* ascending */
    size_t n, cap;
};

/* All items; it can be used again. */
void wr_mem_map_free(struct mem_map *map);
/* Inserts or replaces; key and value are copied. */
void wr_mem_map_put(struct mem_map *map, const void *key, size_t key_len, const void *value, size_t value_len);
/* Delete all with lo <= key < hi. */
void wr_mem_map_delete(struct mem_map *map, const void *lo, size_t lo_len, const void *hi, size_t hi_len);
/* Position of the first key >= the given. */
size_t wr_mem_map_seek(const struct mem_map *map, const void *key, size_t key_len);

#endif
