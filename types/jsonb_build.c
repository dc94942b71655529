/* Making jsonb values from values already made: jsonb_build_object(), to_jsonb() and the like. */
#include "types/jsonb.h"

#include <stdlib.h>

static struct str with_kind(struct wr_arena *arena, char kind, struct str text)
{
    char *to = wr_arena_bytes(arena, text.len + 1);
    to[0] = kind;
    if (text.len)
        memcpy(to + 1, text.data, text.len);
    return wr_str(to, text.len + 1);
}

struct str wr_jsonb_of_string(struct wr_arena *arena, struct str text)
{
    return with_kind(arena, JSONB_STRING, text);
}

struct str wr_jsonb_of_number(struct wr_arena *arena, struct str text)
{
    return with_kind(arena, JSONB_NUMBER, text);
}

struct str wr_jsonb_of_bool(bool value)
{
    return value ? wr_str("t", 1) : wr_str("f", 1);
}

struct str wr_jsonb_of_null(void)
{
    return wr_str("n", 1);
}

static char *put_u32(char *to, uint32_t value)
{
    memcpy(to, &value, 4);
    return to + 4;
}

static char *put_ends(char *to, const struct str *items, uint32_t n)
{
    uint32_t end = 0;
    for (uint32_t i = 0; i < n; i++)
        to = put_u32(to, end += items[i].len);
    return to;
}

static char *put_bytes(char *to, const struct str *items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (items[i].len)
            memcpy(to, items[i].data, items[i].len);
        to += items[i].len;
    }
    return to;
}

static size_t total(const struct str *items, uint32_t n)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += items[i].len;
    return bytes;
}

struct str wr_jsonb_of_array(struct wr_arena *arena, const struct str *items, uint32_t n)
{
    size_t size = 5 + 4 * (size_t)n + total(items, n);
    char *bytes = wr_arena_bytes(arena, size), *to = bytes;
    *to++ = JSONB_ARRAY;
    to = put_u32(to, n);
    to = put_ends(to, items, n);
    put_bytes(to, items, n);
    return wr_str(bytes, size);
}

struct pair {
    struct str key, value;
    uint32_t order;
};

static int pair_cmp(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    int c = wr_jsonb_key_cmp(a->key, b->key);
    return c ? c : (a->order > b->order) - (a->order < b->order);
}

static struct str write_object(struct wr_arena *arena, const struct str *keys, const struct str *values, uint32_t n)
{
    size_t size = 5 + 8 * (size_t)n + total(keys, n) + total(values, n);
    char *bytes = wr_arena_bytes(arena, size), *to = bytes;
    *to++ = JSONB_OBJECT;
    to = put_u32(to, n);
    to = put_ends(to, keys, n);
    to = put_ends(to, values, n);
    to = put_bytes(to, keys, n);
    put_bytes(to, values, n);
    return wr_str(bytes, size);
}

struct str wr_jsonb_of_object(struct wr_arena *arena, const struct str *keys, const struct str *values, uint32_t n)
{
    struct pair *pairs = wr_calloc(n + 1, sizeof(*pairs));
    struct str *ordered = wr_calloc(2 * (size_t)n + 1, sizeof(*ordered));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        pairs[i] = (struct pair){keys[i], values[i], i};
    qsort(pairs, n, sizeof(*pairs), pair_cmp);
    for (uint32_t i = 0; i < n; i++) {
        if (i + 1 < n && wr_str_eq(pairs[i].key, pairs[i + 1].key))
            continue;
        ordered[kept] = pairs[i].key;
        ordered[n + kept++] = pairs[i].value;
    }
    struct str object = write_object(arena, ordered, ordered + n, kept);
    free(pairs);
    free(ordered);
    return object;
}
