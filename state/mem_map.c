#include "state/mem_map.h"

#include <stdlib.h>

static int compare(const struct mem_item *item, const void *key, size_t len)
{
    size_t common = WR_MIN(item->key_len, len);
    int order = common ? memcmp(item->key, key, common) : 0;
    return order ? order : (item->key_len > len) - (item->key_len < len);
}

static void free_item(struct mem_item *item)
{
    free(item->key);
    free(item->value);
}

void wr_mem_map_free(struct mem_map *map)
{
    for (size_t i = 0; i < map->n; i++)
        free_item(&map->items[i]);
    free(map->items);
    memset(map, 0, sizeof *map);
}

size_t wr_mem_map_seek(const struct mem_map *map, const void *key, size_t key_len)
{
    size_t lo = 0, hi = map->n;
    if (hi && compare(&map->items[hi - 1], key, key_len) < 0)
        return hi; /* logs append */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare(&map->items[mid], key, key_len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void wr_mem_map_put(struct mem_map *map, const void *key, size_t key_len, const void *value, size_t value_len)
{
    size_t at = wr_mem_map_seek(map, key, key_len);
    if (at < map->n && !compare(&map->items[at], key, key_len)) {
        free_item(&map->items[at]);
    } else {
        WR_GROW(map->items, map->n, map->cap);
        memmove(&map->items[at + 1], &map->items[at], (map->n - at) * sizeof *map->items);
        map->n++;
    }
    map->items[at] =
        (struct mem_item){wr_strndup(key, key_len), wr_strndup(value_len ? value : "", value_len), key_len, value_len};
}

void wr_mem_map_delete(struct mem_map *map, const void *lo, size_t lo_len, const void *hi, size_t hi_len)
{
    size_t from = wr_mem_map_seek(map, lo, lo_len), to = wr_mem_map_seek(map, hi, hi_len);
    if (from >= to)
        return;
    for (size_t i = from; i < to; i++)
        free_item(&map->items[i]);
    memmove(&map->items[from], &map->items[to], (map->n - to) * sizeof *map->items);
    map->n -= to - from;
}
