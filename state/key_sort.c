/* Sorting keys: first byte (nearly always the shard) by counting, then each bucket by merge sort on the 16-byte heads.
 * Buckets of a commit's changes fit the cache. */
#include "state/key_sort.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define INSERTION_MAX 12
#define BUCKETS_MIN   64 /* below this many keys counting is not worth it */

static uint64_t load_head(const char *bytes, uint32_t len)
{
    uint64_t head = 0;
    if (len >= 8)
        memcpy(&head, bytes, 8);
    else
        memcpy(&head, bytes, len);
    return __builtin_bswap64(head);
}

struct key_ref wr_key_ref(const char *bytes, uint32_t len, uint32_t index)
{
    struct key_ref ref = {.bytes = bytes, .len = len, .index = index};
    ref.head[0] = load_head(bytes, len);
    ref.head[1] = len > 8 ? load_head(bytes + 8, len - 8) : 0;
    return ref;
}

int wr_key_cmp(const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
    uint32_t n = WR_MIN(a_len, b_len);
    int c = n ? memcmp(a, b, n) : 0;
    return c ? c : (a_len > b_len) - (a_len < b_len);
}

static bool less_tail(const struct key_ref *a, const struct key_ref *b)
{
    int c;
    if (a->len > 16 && b->len > 16)
        c = wr_key_cmp(a->bytes + 16, a->len - 16, b->bytes + 16, b->len - 16);
    else
        c = (a->len > b->len) - (a->len < b->len); /* equal heads: the longer one only adds zero bytes or a tail */
    return c ? c < 0 : a->index < b->index;
}

static inline bool less(const struct key_ref *a, const struct key_ref *b)
{
    if (a->head[0] != b->head[0])
        return a->head[0] < b->head[0];
    if (a->head[1] != b->head[1])
        return a->head[1] < b->head[1];
    return less_tail(a, b);
}

static void insertion_sort(struct key_ref *refs, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct key_ref ref = refs[i];
        size_t at = i;
        for (; at && less(&ref, &refs[at - 1]); at--)
            refs[at] = refs[at - 1];
        refs[at] = ref;
    }
}

static void merge_sort(struct key_ref *refs, size_t n, struct key_ref *spare)
{
    if (n <= INSERTION_MAX) {
        insertion_sort(refs, n);
        return;
    }
    size_t half = n / 2;
    merge_sort(refs, half, spare);
    merge_sort(refs + half, n - half, spare);
    if (!less(&refs[half], &refs[half - 1]))
        return;
    memcpy(spare, refs, half * sizeof(*refs));
    size_t a = 0, b = half, to = 0;
    while (a < half && b < n)
        refs[to++] = less(&refs[b], &spare[a]) ? refs[b++] : spare[a++];
    memcpy(refs + to, spare + a, (half - a) * sizeof(*refs));
}

void wr_key_sort(struct key_ref *refs, size_t n)
{
    if (n <= BUCKETS_MIN) {
        struct key_ref spare[BUCKETS_MIN / 2 + 1];
        merge_sort(refs, n, spare);
        return;
    }
    size_t starts[257] = {0};
    for (size_t i = 0; i < n; i++)
        starts[(refs[i].head[0] >> 56) + 1]++;
    size_t longest = 0;
    for (unsigned b = 0; b < 256; b++) {
        longest = WR_MAX(longest, starts[b + 1]);
        starts[b + 1] += starts[b];
    }
    struct key_ref *sorted = wr_malloc(n * sizeof(*sorted));
    size_t next[256];
    memcpy(next, starts, sizeof(next));
    for (size_t i = 0; i < n; i++)
        sorted[next[refs[i].head[0] >> 56]++] = refs[i];
    struct key_ref *spare = wr_malloc((longest / 2 + 1) * sizeof(*spare));
    for (unsigned b = 0; b < 256; b++)
        merge_sort(sorted + starts[b], starts[b + 1] - starts[b], spare);
    memcpy(refs, sorted, n * sizeof(*refs));
    free(spare);
    free(sorted);
}
