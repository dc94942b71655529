#include "state/merger.h"

#include <stdlib.h>

void wr_merger_init(struct merger *merger, enum trace_kind kind, bool keep_tombstones, struct run *const *runs,
                    uint32_t n, bool streaming)
{
    memset(merger, 0, sizeof *merger);
    merger->kind = kind;
    merger->keep_tombstones = keep_tombstones;
    merger->n = n;
    merger->iters = wr_malloc(n * sizeof *merger->iters);
    merger->heap = wr_malloc(n * sizeof *merger->heap);
    for (uint32_t i = 0; i < n; i++)
        wr_run_iter_init(&merger->iters[i], runs[i], streaming);
}

void wr_merger_fini(struct merger *merger)
{
    for (uint32_t i = 0; i < merger->n; i++)
        wr_run_iter_fini(&merger->iters[i]);
    free(merger->iters);
    free(merger->heap);
}

static bool before(const struct merger *merger, uint32_t a, uint32_t b)
{
    const struct run_iter *x = &merger->iters[a], *y = &merger->iters[b];
    if (x->head != y->head)
        return x->head < y->head;
    int order = bytes_compare(x->entry.key, x->entry.key_len, y->entry.key, y->entry.key_len);
    if (!order && merger->kind == TRACE_ZSET)
        order = bytes_compare(x->entry.payload, x->entry.payload_len, y->entry.payload, y->entry.payload_len);
    return order ? order < 0 : a < b;
}

static void sift_down(struct merger *merger, uint32_t at)
{
    uint32_t item = merger->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= merger->heap_n)
            break;
        if (child + 1 < merger->heap_n && before(merger, merger->heap[child + 1], merger->heap[child]))
            child++;
        if (!before(merger, merger->heap[child], item))
            break;
        merger->heap[at] = merger->heap[child];
        at = child;
    }
    merger->heap[at] = item;
}

bool wr_merger_seek(struct merger *merger, const char *key, uint32_t len, struct wr_error *err)
{
    merger->heap_n = 0;
    merger->started = true;
    for (uint32_t i = 0; i < merger->n; i++) {
        TRY(wr_run_iter_seek(&merger->iters[i], key, len, err));
        if (merger->iters[i].valid)
            merger->heap[merger->heap_n++] = i;
    }
    for (uint32_t i = merger->heap_n / 2; i-- > 0;)
        sift_down(merger, i);
    return true;
}

void wr_merger_bound(struct merger *merger, const char *hi, uint32_t len, bool is_prefix)
{
    merger->bounded = true;
    merger->is_prefix = is_prefix;
    merger->hi = hi;
    merger->hi_len = len;
}

static bool at_bound(const struct merger *merger)
{
    const struct entry *next = &merger->iters[merger->heap[0]].entry;
    if (!merger->bounded)
        return false;
    if (merger->is_prefix)
        return next->key_len < merger->hi_len || (merger->hi_len && memcmp(next->key, merger->hi, merger->hi_len) != 0);
    return bytes_compare(next->key, next->key_len, merger->hi, merger->hi_len) >= 0;
}

/* Advance the iterator at the top of the heap. */
static bool advance(struct merger *merger, struct wr_error *err)
{
    struct run_iter *iter = &merger->iters[merger->heap[0]];
    TRY(wr_run_iter_next(iter, err));
    if (!iter->valid) {
        merger->heap[0] = merger->heap[--merger->heap_n];
        if (!merger->heap_n)
            return true;
    }
    sift_down(merger, 0);
    return true;
}

static bool same_identity(const struct merger *merger, const struct entry *a, const struct entry *b)
{
    if (a->key_len != b->key_len || memcmp(a->key, b->key, a->key_len))
        return false;
    if (merger->kind == TRACE_UPSERT)
        return true;
    return a->payload_len == b->payload_len && !memcmp(a->payload, b->payload, a->payload_len);
}

/* Sum the weights of the identity at the top. The bytes in `out` are those of the entry just passed; an iterator
 * keeps the block of the entry before its present one. */
static bool take_zset(struct merger *merger, struct wr_error *err)
{
    merger->out = merger->iters[merger->heap[0]].entry;
    TRY(advance(merger, err));
    while (merger->heap_n) {
        struct entry next = merger->iters[merger->heap[0]].entry;
        if (!same_identity(merger, &merger->out, &next))
            break;
        next.weight += merger->out.weight;
        merger->out = next;
        TRY(advance(merger, err));
    }
    return true;
}

static bool take_upsert(struct merger *merger, struct wr_error *err)
{
    merger->out = merger->iters[merger->heap[0]].entry;
    TRY(advance(merger, err));
    while (merger->heap_n) {
        const struct entry *next = &merger->iters[merger->heap[0]].entry;
        if (!same_identity(merger, &merger->out, next))
            break;
        if (merger->iters[0].streaming)
            merger->dropped += wr_entry_checksum(TRACE_UPSERT, next);
        TRY(advance(merger, err));
    }
    return true;
}

bool wr_merger_next(struct merger *merger, const struct entry **entry, struct wr_error *err)
{
    *entry = NULL;
    if (!merger->started)
        TRY(wr_merger_seek(merger, NULL, 0, err));
    while (merger->heap_n) {
        if (at_bound(merger)) {
            merger->heap_n = 0;
            return true;
        }
        if (merger->kind == TRACE_APPEND) {
            merger->out = merger->iters[merger->heap[0]].entry;
            TRY(advance(merger, err));
        } else if (merger->kind == TRACE_ZSET) {
            TRY(take_zset(merger, err));
        } else {
            TRY(take_upsert(merger, err));
        }
        if (merger->out.weight || (merger->kind == TRACE_UPSERT && merger->keep_tombstones)) {
            *entry = &merger->out;
            return true;
        }
        if (merger->kind == TRACE_UPSERT && merger->iters[0].streaming)
            merger->dropped += wr_entry_checksum(TRACE_UPSERT, &merger->out);
    }
    return true;
}
