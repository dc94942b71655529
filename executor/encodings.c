/* See encodings.h. Sets have one or two members nearly always, so each change rebuilds the block. */
#include "executor/encodings.h"

#include <stdlib.h>

#define HEADER 8
#define MEMBER 12 /* weight, length */

static uint32_t load_u32(const char *from)
{
    uint32_t value;
    memcpy(&value, from, 4);
    return value;
}

static void store_u32(char *to, uint32_t value)
{
    memcpy(to, &value, 4);
}

static int64_t member_weight(const char *member)
{
    int64_t weight;
    memcpy(&weight, member, 8);
    return weight;
}

static uint32_t member_size(const char *member)
{
    return MEMBER + load_u32(member + 8);
}

static int compare(const char *member, const char *bytes, uint32_t len)
{
    uint32_t own = load_u32(member + 8), n = WR_MIN(own, len);
    int c = n ? memcmp(member + MEMBER, bytes, n) : 0;
    return c ? c : (own > len) - (own < len);
}

static char *put_member(char *at, const char *bytes, uint32_t len, int64_t weight)
{
    memcpy(at, &weight, 8);
    store_u32(at + 8, len);
    if (len)
        memcpy(at + MEMBER, bytes, len);
    return at + MEMBER + len;
}

void wr_encodings_free(char **set, struct wr_pool *pool)
{
    if (*set)
        wr_pool_charge(pool, -(int64_t)load_u32(*set));
    free(*set);
    *set = NULL;
}

/* Replace the `old_size` bytes of *set at offset `at` (0 or 1 member) by a member, or by nothing if weight is 0. */
static void splice(char **set, struct wr_pool *pool, uint32_t at, uint32_t old_size, const char *bytes, uint32_t len,
                   int64_t weight)
{
    uint32_t used = *set ? load_u32(*set) : HEADER, count = *set ? load_u32(*set + 4) : 0;
    uint32_t new_size = weight ? MEMBER + len : 0;
    count = count - (old_size > 0) + (new_size > 0);
    if (!count) {
        wr_encodings_free(set, pool);
        return;
    }
    wr_pool_charge(pool, (int64_t)(used - old_size + new_size));
    char *now = wr_malloc(used - old_size + new_size);
    store_u32(now, used - old_size + new_size);
    store_u32(now + 4, count);
    char *to = now + at;
    if (*set)
        memcpy(now + HEADER, *set + HEADER, at - HEADER);
    if (new_size)
        to = put_member(to, bytes, len, weight);
    if (*set)
        memcpy(to, *set + at + old_size, used - at - old_size);
    wr_encodings_free(set, pool);
    *set = now;
}

void wr_encodings_add(char **set, struct wr_pool *pool, const char *bytes, uint32_t len, int64_t weight)
{
    uint32_t at = HEADER, used = *set ? load_u32(*set) : HEADER;
    int c = 1;
    while (at < used && (c = compare(*set + at, bytes, len)) < 0)
        at += member_size(*set + at);
    if (at == used || c) {
        if (weight)
            splice(set, pool, at, 0, bytes, len, weight);
        return;
    }
    weight += member_weight(*set + at);
    if (weight)
        memcpy(*set + at, &weight, 8);
    else
        splice(set, pool, at, member_size(*set + at), NULL, 0, 0);
}

void wr_encodings_keep_smallest(char **set, struct wr_pool *pool, const char *bytes, uint32_t len)
{
    if (*set && compare(*set + HEADER, bytes, len) <= 0)
        return;
    wr_encodings_free(set, pool);
    splice(set, pool, HEADER, 0, bytes, len, 1);
}

const char *wr_encodings_first(const char *set, uint32_t *len)
{
    uint32_t used = set ? load_u32(set) : HEADER;
    for (uint32_t at = HEADER; at < used; at += member_size(set + at)) {
        if (member_weight(set + at) <= 0)
            continue;
        *len = load_u32(set + at + 8);
        return set + at + MEMBER;
    }
    return NULL;
}

void wr_encodings_encode(const char *set, struct wr_buf *buf)
{
    uint32_t used = set ? load_u32(set) : HEADER;
    wr_buf_varint(buf, set ? load_u32(set + 4) : 0);
    for (uint32_t at = HEADER; at < used; at += member_size(set + at)) {
        wr_buf_u64le(buf, (uint64_t)member_weight(set + at));
        wr_buf_blob(buf, set + at + MEMBER, load_u32(set + at + 8));
    }
}

bool wr_encodings_decode(char **set, struct wr_pool *pool, struct wr_reader *reader)
{
    uint64_t count = wr_get_varint(reader);
    for (uint64_t i = 0; i < count && reader->ok; i++) {
        int64_t weight = (int64_t)wr_get_u64le(reader);
        size_t len;
        const char *bytes = wr_get_blob(reader, &len);
        if (bytes)
            wr_encodings_add(set, pool, bytes, (uint32_t)len, weight);
    }
    return reader->ok;
}
