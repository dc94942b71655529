#include "executor/change_buffer.h"

#include <stdlib.h>

#include "state/seal.h"

void wr_change_buffer_init(struct change_buffer *buffer, struct wr_pool *pool)
{
    memset(buffer, 0, sizeof *buffer);
    buffer->pool = pool;
    wr_arena_init(&buffer->arena, pool);
}

void wr_change_buffer_fini(struct change_buffer *buffer)
{
    wr_arena_reset(&buffer->arena);
    if (buffer->pool)
        wr_pool_charge(buffer->pool, -(int64_t)(buffer->cap * sizeof *buffer->items));
    free(buffer->items);
    memset(buffer, 0, sizeof *buffer);
}

void wr_change_buffer_clear(struct change_buffer *buffer)
{
    struct wr_pool *pool = buffer->pool;
    wr_change_buffer_fini(buffer);
    wr_change_buffer_init(buffer, pool);
}

static void reserve(struct change_buffer *buffer, uint32_t more)
{
    if (buffer->cap - buffer->n >= more)
        return;
    uint32_t cap = WR_MAX(buffer->cap + buffer->cap / 2, buffer->n + more);
    buffer->items = wr_realloc(buffer->items, cap * sizeof *buffer->items);
    if (buffer->pool)
        wr_pool_charge(buffer->pool, (int64_t)((cap - buffer->cap) * sizeof *buffer->items));
    buffer->cap = cap;
}

static uint64_t key_prefix(const char *key, uint32_t len)
{
    if (len >= 8)
        return wr_load_u64be(key);
    char padded[8] = {0};
    memcpy(padded, key, len);
    return wr_load_u64be(padded);
}

void wr_change_buffer_add(struct change_buffer *buffer, const struct keys *keys, char *const *rows,
                          const uint32_t *sizes, const struct batch *batch)
{
    reserve(buffer, batch->nrows);
    size_t total = keys->offsets[batch->nrows] - keys->offsets[0];
    for (uint32_t i = 0; i < batch->nrows; i++)
        total += sizes[i];
    char *at = wr_arena_bytes(&buffer->arena, total);
    buffer->bytes += (int64_t)total;
    for (uint32_t i = 0; i < batch->nrows; i++) {
        uint32_t key_len = wr_key_len(keys, i);
        memcpy(at, wr_key_at(keys, i), key_len);
        memcpy(at + key_len, rows[i], sizes[i]);
        buffer->items[buffer->n++] =
            (struct buffered_change){key_prefix(at, key_len), at, key_len, sizes[i], wr_weight(batch, i)};
        at += key_len + sizes[i];
    }
}

static int bytes_cmp(const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
    int c = memcmp(a, b, WR_MIN(a_len, b_len));
    return c ? c : (a_len > b_len) - (a_len < b_len);
}

static int change_cmp(const void *left, const void *right)
{
    const struct buffered_change *a = left, *b = right;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    int c = bytes_cmp(a->key, a->key_len, b->key, b->key_len);
    return c ? c : bytes_cmp(a->key + a->key_len, a->row_len, b->key + b->key_len, b->row_len);
}

void wr_change_buffer_consolidate(struct change_buffer *buffer)
{
    if (buffer->n < 2)
        return;
    qsort(buffer->items, buffer->n, sizeof *buffer->items, change_cmp);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < buffer->n;) {
        struct buffered_change sum = buffer->items[i++];
        while (i < buffer->n && !change_cmp(&sum, &buffer->items[i]))
            sum.weight += buffer->items[i++].weight;
        if (sum.weight)
            buffer->items[kept++] = sum;
    }
    buffer->n = kept;
}

bool wr_change_buffer_seal(struct change_buffer *buffer, struct trace *trace, struct commit *commit,
                           struct wr_error *err)
{
    if (!buffer->n)
        return true;
    wr_change_buffer_consolidate(buffer);
    struct seal seal;
    wr_seal_begin(&seal, commit, trace, buffer->n, (size_t)buffer->bytes, err);
    for (uint32_t i = 0; i < buffer->n; i++) {
        const struct buffered_change *item = &buffer->items[i];
        struct entry entry = {.key = item->key,
                              .key_len = item->key_len,
                              .prefix_len = item->key_len,
                              .payload = item->key + item->key_len,
                              .payload_len = item->row_len,
                              .weight = item->weight};
        wr_seal_add(&seal, &entry);
    }
    wr_change_buffer_clear(buffer);
    return wr_seal_end(&seal);
}
