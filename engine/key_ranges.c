#include "engine/key_ranges.h"

#include <stdlib.h>
#include <string.h>

#include "state/entry.h"

/* What a field begins with; NULLs come last (types/key.h). */
#define FIELD_VALUE 0x01
#define FIELD_NULL  0x02

struct finder {
    struct key_ranges *ranges;
    const struct plan *scan;
    uint16_t fields;
};

static char *with_shard(struct wr_arena *arena, uint8_t shard, const struct wr_buf *fields)
{
    char *key = wr_arena_alloc(arena, fields->len + 1);
    key[0] = (char)shard;
    if (fields->len)
        memcpy(key + 1, fields->data, fields->len);
    return key;
}

static void add_key(struct finder *f, const struct wr_buf *fields)
{
    struct key_range *range = &f->ranges->items[f->ranges->n++];
    uint8_t shard = wr_key_shard(wr_key_hash(fields->data, fields->len));
    *range =
        (struct key_range){.lo = with_shard(&f->ranges->arena, shard, fields), .lo_len = (uint32_t)fields->len + 1};
}

/* The least bytes behind all that start with these; the first field's marker is never 0xff. */
static void step_over(struct wr_buf *bytes)
{
    while ((uint8_t)bytes->data[bytes->len - 1] == 0xff)
        bytes->len--;
    bytes->data[bytes->len - 1]++;
}

/* Bounds are taken as inclusive: the filter above the scan looks again. */
static void add_range(struct finder *f, const struct wr_buf *prefix)
{
    const struct plan_range *range = &f->scan->scan.range;
    struct wr_buf lo = WR_BUF_INIT, hi = WR_BUF_INIT;
    wr_buf_put(&lo, prefix->data, prefix->len);
    wr_buf_put(&hi, prefix->data, prefix->len);
    if (range->lower)
        wr_key_put(&lo, range->lower, false, false);
    else if (range->upper)
        wr_buf_byte(&lo, FIELD_VALUE);
    if (range->upper)
        wr_key_put(&hi, range->upper, false, false);
    else if (range->lower)
        wr_buf_byte(&hi, FIELD_VALUE);
    step_over(&hi);
    for (unsigned shard = 0; shard < KEY_SHARDS; shard++)
        f->ranges->items[f->ranges->n++] = (struct key_range){.lo = with_shard(&f->ranges->arena, (uint8_t)shard, &lo),
                                                              .hi = with_shard(&f->ranges->arena, (uint8_t)shard, &hi),
                                                              .lo_len = (uint32_t)lo.len + 1,
                                                              .hi_len = (uint32_t)hi.len + 1};
    wr_buf_free(&lo);
    wr_buf_free(&hi);
}

/* All ways to choose field k and those behind it among what is given; `key` holds the fields before. */
static void choose(struct finder *f, uint16_t k, struct wr_buf *key)
{
    if (k == f->scan->scan.nlookup) {
        if (k == f->fields)
            add_key(f, key);
        else
            add_range(f, key);
        return;
    }
    size_t len = key->len;
    const struct plan_given *given = &f->scan->scan.given[k];
    for (uint32_t v = 0; v < given->n; v++) {
        if (given->values[v].null)
            continue; /* equal to nothing */
        wr_key_put(key, &given->values[v], false, false);
        choose(f, (uint16_t)(k + 1), key);
        key->len = len;
    }
}

static int by_lo(const void *a, const void *b)
{
    const struct key_range *x = a, *y = b;
    return bytes_compare(x->lo, x->lo_len, y->lo, y->lo_len);
}

static void drop_repeated(struct key_ranges *ranges)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < ranges->n; i++)
        if (!kept || by_lo(&ranges->items[kept - 1], &ranges->items[i]) != 0)
            ranges->items[kept++] = ranges->items[i];
    ranges->n = kept;
}

void wr_key_ranges_find(struct key_ranges *ranges, const struct plan *scan, uint16_t fields)
{
    size_t most = scan->scan.nlookup == fields ? 1 : KEY_SHARDS;
    struct wr_buf key = WR_BUF_INIT;
    struct finder finder = {ranges, scan, fields};
    *ranges = (struct key_ranges){0};
    wr_arena_init(&ranges->arena, NULL);
    for (uint16_t k = 0; k < scan->scan.nlookup; k++)
        most *= scan->scan.given[k].n;
    ranges->items = WR_NEW_ARRAY(&ranges->arena, struct key_range, most + 1);
    choose(&finder, 0, &key);
    wr_buf_free(&key);
    qsort(ranges->items, ranges->n, sizeof *ranges->items, by_lo);
    drop_repeated(ranges);
}

void wr_key_ranges_free(struct key_ranges *ranges)
{
    wr_arena_reset(&ranges->arena);
}
