#include "state/run_record.h"

#include "base/buf.h"
#include "state/bloom.h"

/* The entry must end where the next begins; behind the last there is up to 3 bytes of padding. */
static bool check_entry(const char *at, const char *end, bool last)
{
    struct wr_reader r = wr_reader_of(at, (size_t)(end - at));
    uint64_t key_len = wr_get_varint(&r), prefix_len = wr_get_varint(&r), payload_len = wr_get_varint(&r);
    wr_get_varint(&r); /* weight */
    if (!r.ok || prefix_len > key_len || !wr_get_bytes(&r, key_len) || !wr_get_bytes(&r, payload_len))
        return false;
    return last ? r.end - r.at < 4 : r.at == r.end;
}

static bool check_block(const char *bytes, size_t len)
{
    if (len < 8 || (len & 3))
        return false;
    size_t n = record_u32le(bytes + len - 4), data_len = len - 4;
    if (!n || n > data_len / 4)
        return false;
    data_len -= 4 * n;
    struct block_view block = wr_block_view(bytes, len);
    for (size_t i = 0; i < n; i++) {
        size_t from = block.offsets[i], to = i + 1 < n ? block.offsets[i + 1] : data_len;
        if (from > to || to > data_len || !check_entry(bytes + from, bytes + to, i + 1 == n))
            return false;
    }
    return true;
}

static bool check_index(const char *bytes, size_t len)
{
    if (len < 8)
        return false;
    size_t blocks = wr_index_blocks(bytes);
    if (blocks > (len - 8) / 4)
        return false;
    uint32_t last = 0;
    for (size_t i = 0; i <= blocks; i++) {
        uint32_t offset = record_u32le(bytes + 4 + 4 * i);
        if (offset < last)
            return false;
        last = offset;
    }
    return last == len - 8 - 4 * blocks;
}

bool wr_record_check(enum record_kind kind, const char *bytes, size_t len)
{
    switch (kind) {
    case RECORD_BLOCK:
        return check_block(bytes, len);
    case RECORD_INDEX:
        return check_index(bytes, len);
    case RECORD_FILTER:
        return len && len % BLOOM_LINE == 0;
    case RECORD_PLAIN:
        break;
    }
    return true;
}

uint32_t wr_index_find(const char *bytes, uint32_t from, const char *key, uint32_t len)
{
    uint32_t lo = from, hi = wr_index_blocks(bytes);
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2, first_len;
        const char *first = wr_index_key(bytes, mid, &first_len);
        if (bytes_compare(first, first_len, key, len) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? lo - 1 : 0;
}

uint32_t wr_index_first(const char *bytes, uint32_t block, const char *key, uint32_t len)
{
    uint32_t first_len;
    const char *first = wr_index_key(bytes, block, &first_len);
    if (!(record_u32le(bytes) & RUN_INDEX_CUT) || first_len != RUN_FIRST_MAX || len < first_len ||
        memcmp(first, key, first_len) != 0)
        return block;
    return wr_index_find(bytes, 0, first, first_len);
}
