/* Positions in runs, and the filters that spare them. */
#include "state/bloom.h"
#include "state/store_impl.h"

static uint64_t key_head(const char *key, uint32_t len)
{
    if (len >= 8)
        return wr_load_u64be(key);
    uint64_t head = 0;
    for (uint32_t i = 0; i < len; i++)
        head |= (uint64_t)(uint8_t)key[i] << (56 - 8 * i);
    return head;
}

static bool load_index(struct run *run, struct cached **index, struct wr_error *err)
{
    if (*index)
        return true;
    *index = wr_block_cache_get(run->store, run->id, RUN_INDEX, RECORD_INDEX, true, err);
    if (!*index)
        return false;
    if (wr_index_blocks((*index)->data) == run->blocks)
        return true;
    return wr_fail(err, ERR_DATA_CORRUPTED, "the index of run %llu is damaged", (unsigned long long)run->id);
}

/* ---- filters */

static bool outside(const struct run *run, const char *key, uint32_t len, bool whole_key)
{
    if (bytes_compare(run->max_key, run->max_len, key, len) < 0)
        return true;
    if (bytes_compare(key, len, run->min_key, run->min_len) >= 0)
        return false;
    return whole_key || run->min_len < len || memcmp(run->min_key, key, len) != 0;
}

static bool load_filter(struct run_iter *iter, uint32_t partition, struct wr_error *err)
{
    uint32_t record = wr_record_of_filter(partition);
    if (iter->filter && iter->filter->record == record)
        return true;
    wr_cached_release(iter->filter);
    iter->filter = wr_block_cache_get(iter->run->store, iter->run->id, record, RECORD_FILTER, true, err);
    return iter->filter != NULL;
}

static bool disk_may_have(struct run_iter *iter, const char *key, uint32_t len, uint64_t hash, bool *may,
                          struct wr_error *err)
{
    struct run *run = iter->run;
    TRY(load_index(run, &iter->index, err));
    uint32_t block = wr_index_find(iter->index->data, 0, key, len), first_len;
    if (block + 1 < run->blocks) {
        const char *first = wr_index_key(iter->index->data, block + 1, &first_len);
        if (first_len >= len && !memcmp(first, key, len)) /* the next block begins with it */
            return true;
    }
    *may = false;
    uint32_t part = wr_index_first(iter->index->data, block, key, len) / RUN_FILTER_SPAN;
    for (; part <= block / RUN_FILTER_SPAN && !*may; part++) {
        TRY(load_filter(iter, part, err));
        *may = wr_bloom_may_have((unsigned char *)iter->filter->data, iter->filter->len, hash);
    }
    return true;
}

bool wr_run_iter_may_have(struct run_iter *iter, const char *key, uint32_t len, uint64_t hash, bool whole_key,
                          bool *may, struct wr_error *err)
{
    struct run *run = iter->run;
    *may = !outside(run, key, len, whole_key);
    if (!*may || (whole_key && run->kind != TRACE_UPSERT && !run->full_prefix))
        return true;
    if (run->on_disk)
        TRY(disk_may_have(iter, key, len, hash, may, err));
    else
        *may = wr_bloom_may_have(run->bloom, run->bloom_size, hash);
    if (!*may)
        atomic_fetch_add_explicit(&run->store->bloom_skips, 1, memory_order_relaxed);
    return true;
}

bool wr_run_may_have(struct run *run, const char *key, uint32_t len, uint64_t hash, bool whole_key, bool *may,
                     struct wr_error *err)
{
    struct run_iter iter;
    wr_run_iter_init(&iter, run, false);
    bool ok = wr_run_iter_may_have(&iter, key, len, hash, whole_key, may, err);
    wr_run_iter_fini(&iter);
    return ok;
}

/* ---- iterator */

void wr_run_iter_init(struct run_iter *iter, struct run *run, bool streaming)
{
    memset(iter, 0, sizeof *iter);
    iter->run = run;
    iter->streaming = streaming;
    iter->block_no = UINT32_MAX;
    if (!run->on_disk) {
        iter->data = run->data;
        iter->offsets = run->offsets;
        iter->n = (uint32_t)run->entries;
    }
}

void wr_run_iter_fini(struct run_iter *iter)
{
    wr_cached_release(iter->index);
    wr_cached_release(iter->block);
    wr_cached_release(iter->held);
    wr_cached_release(iter->filter);
    iter->index = iter->block = iter->held = iter->filter = NULL;
    wr_read_ahead_end(&iter->ahead, iter->run);
}

static void decode_here(struct run_iter *iter)
{
    entry_decode(iter->data + iter->offsets[iter->pos], &iter->entry);
    iter->head = key_head(iter->entry.key, iter->entry.key_len);
    iter->valid = true;
}

/* A scan that reads block after block does not push others out of the cache. */
static bool load_block(struct run_iter *iter, uint32_t block_no, struct wr_error *err)
{
    if (iter->block_no == block_no && iter->block)
        return true;
    struct run *run = iter->run;
    iter->sequential = iter->block && block_no == iter->block_no + 1;
    wr_read_ahead(&iter->ahead, run, block_no);
    bool keep = !iter->streaming && !iter->sequential;
    struct cached *block =
        wr_block_cache_get(run->store, run->id, wr_record_of_block(block_no), RECORD_BLOCK, keep, err);
    if (!block)
        return false;
    wr_cached_release(iter->held);
    iter->held = iter->block;
    iter->block = block;
    iter->block_no = block_no;
    struct block_view view = wr_block_view(block->data, block->len);
    iter->data = view.data;
    iter->offsets = view.offsets;
    iter->n = view.n;
    return true;
}

static int compare_at(const struct run_iter *iter, uint32_t pos, const char *key, uint32_t len)
{
    struct entry entry;
    entry_decode(iter->data + iter->offsets[pos], &entry);
    return bytes_compare(entry.key, entry.key_len, key, len);
}

/* First position >= from with key >= the given; n if none. Gallops: batches are sorted. */
static uint32_t find_in_block(const struct run_iter *iter, uint32_t from, const char *key, uint32_t len)
{
    uint32_t lo = from, step = 1;
    while (lo + step <= iter->n && compare_at(iter, lo + step - 1, key, len) < 0) {
        lo += step;
        step *= 2;
    }
    uint32_t hi = WR_MIN(lo + step - 1, iter->n);
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (compare_at(iter, mid, key, len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool at_position(struct run_iter *iter, struct wr_error *err)
{
    if (iter->pos < iter->n) {
        decode_here(iter);
        return true;
    }
    iter->valid = false;
    if (!iter->run->on_disk || iter->block_no + 1 >= iter->run->blocks)
        return true;
    TRY(load_block(iter, iter->block_no + 1, err));
    iter->pos = 0;
    decode_here(iter);
    return true;
}

/* The last of the blocks lo .. hi whose first key is lower; lo if none but it is. The index does not tell them apart.
 */
static bool tell_apart(struct run_iter *iter, uint32_t lo, uint32_t hi, const char *key, uint32_t len,
                       uint32_t *block_no, struct wr_error *err)
{
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo + 1) / 2;
        TRY(load_block(iter, mid, err));
        if (compare_at(iter, 0, key, len) < 0)
            lo = mid;
        else
            hi = mid - 1;
    }
    *block_no = lo;
    return true;
}

static bool find_block(struct run_iter *iter, uint32_t from, const char *key, uint32_t len, uint32_t *block_no,
                       struct wr_error *err)
{
    const char *index = iter->index->data;
    *block_no = wr_index_find(index, from, key, len);
    uint32_t first = wr_index_first(index, *block_no, key, len);
    return first == *block_no || tell_apart(iter, WR_MAX(first, from), *block_no, key, len, block_no, err);
}

/* Going forward only looks ahead of the present position; going back starts over. */
bool wr_run_iter_seek(struct run_iter *iter, const char *key, uint32_t len, struct wr_error *err)
{
    struct run *run = iter->run;
    bool forward = iter->valid && key && bytes_compare(iter->entry.key, iter->entry.key_len, key, len) < 0;
    if (run->on_disk) {
        uint32_t block_no = 0;
        if (key) {
            TRY(load_index(run, &iter->index, err));
            uint32_t from = iter->block_no;
            TRY(find_block(iter, forward ? from : 0, key, len, &block_no, err));
            forward = forward && block_no == from;
        }
        TRY(load_block(iter, block_no, err));
    }
    iter->pos = key ? find_in_block(iter, forward ? iter->pos : 0, key, len) : 0;
    return at_position(iter, err);
}

bool wr_run_iter_next(struct run_iter *iter, struct wr_error *err)
{
    iter->pos++;
    return at_position(iter, err);
}
