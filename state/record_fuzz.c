/* libFuzzer target: any bytes are a record of the store; it is refused, or can be read to its end.
 *
 *   byte 0: which record | the record; of those that are searched, the key to look for first: its length, its bytes */
#include <stdlib.h>

#include "state/bloom.h"
#include "state/store_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *store;

struct input {
    const char *key;
    uint32_t key_len;
    char *bytes; /* of exactly that size, so that reading beyond is seen */
    size_t len;
};

static uint64_t sum; /* what is read is used */

static void add_up(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += (uint8_t)bytes[i];
}

static void read_entry(const struct entry *entry)
{
    if (entry->prefix_len > entry->key_len)
        abort();
    add_up(entry->key, entry->key_len);
    add_up(entry->payload, entry->payload_len);
}

static void try_block(const struct input *in)
{
    if (!wr_record_check(RECORD_BLOCK, in->bytes, in->len))
        return;
    struct block_view block = wr_block_view(in->bytes, in->len);
    for (uint32_t i = 0; i < block.n; i++) {
        struct entry entry;
        if (entry_decode(block.data + block.offsets[i], &entry) > (const char *)block.offsets)
            abort();
        read_entry(&entry);
    }
}

static void try_index(const struct input *in)
{
    if (!wr_record_check(RECORD_INDEX, in->bytes, in->len))
        return;
    uint32_t blocks = wr_index_blocks(in->bytes), len;
    uint32_t block = blocks ? wr_index_find(in->bytes, 0, in->key, in->key_len) : 0;
    if (blocks && (block >= blocks || wr_index_first(in->bytes, block, in->key, in->key_len) >= blocks))
        abort();
    for (uint32_t i = 0; i < blocks; i++) {
        const char *key = wr_index_key(in->bytes, i, &len);
        add_up(key, len);
    }
}

static void try_filter(const struct input *in)
{
    if (wr_record_check(RECORD_FILTER, in->bytes, in->len))
        sum += wr_bloom_may_have((unsigned char *)in->bytes, in->len, wr_bloom_hash(in->key, in->key_len));
}

static void try_delta(const struct input *in)
{
    struct wr_error err;
    enum trace_kind kind = (enum trace_kind)(in->key_len % 3);
    struct run *run = wr_run_unpack(store, kind, in->bytes, in->len, &err);
    if (!run)
        return;
    struct wr_buf again = WR_BUF_INIT;
    wr_run_pack(run, &again);
    struct run_iter iter;
    wr_run_iter_init(&iter, run, false);
    for (bool ok = wr_run_iter_seek(&iter, NULL, 0, &err); ok && iter.valid; ok = wr_run_iter_next(&iter, &err))
        read_entry(&iter.entry);
    wr_run_iter_fini(&iter);
    wr_buf_free(&again);
    wr_run_release(run);
}

/* A delta whose checksum is right: the rest of the input is its entries. */
static void try_honest_delta(const struct input *in)
{
    struct wr_buf delta = WR_BUF_INIT;
    struct wr_reader r = wr_reader_of(in->bytes, in->len);
    enum trace_kind kind = (enum trace_kind)(in->key_len % 3);
    uint64_t checksum = 0;
    uint32_t n = 0;
    while (r.ok && r.at < r.end) {
        struct entry entry = {.key_len = wr_get_byte(&r)};
        entry.prefix_len = entry.key_len;
        entry.payload_len = wr_get_byte(&r);
        entry.weight = (int8_t)wr_get_byte(&r);
        entry.key = wr_get_bytes(&r, entry.key_len);
        entry.payload = wr_get_bytes(&r, entry.payload_len);
        if (!r.ok)
            break;
        char *to = wr_buf_reserve(&delta, ENTRY_HEADER_MAX + entry.key_len + entry.payload_len);
        delta.len += (size_t)(entry_encode(to, &entry) - to);
        checksum += wr_entry_checksum(kind, &entry);
        n++;
    }
    struct wr_buf record = WR_BUF_INIT;
    wr_buf_u32le(&record, n);
    wr_buf_u64le(&record, checksum);
    wr_buf_put(&record, delta.data, delta.len);
    struct input made = {.key_len = in->key_len, .bytes = record.data, .len = record.len};
    try_delta(&made);
    wr_buf_free(&record);
    wr_buf_free(&delta);
}

static void try_manifest(const struct input *in)
{
    struct wr_error err;
    struct trace trace = {.store = store, .id = 1};
    struct version *version;
    if (!wr_manifest_get(store, &trace, &version, in->bytes, in->len, &err))
        return;
    for (uint32_t i = 0; i < version->n; i++) {
        add_up(version->runs[i]->min_key, version->runs[i]->min_len);
        add_up(version->runs[i]->max_key, version->runs[i]->max_len);
    }
    wr_version_release(version);
}

static void try_log(const struct input *in)
{
    struct log_record record;
    struct wr_error err;
    if (wr_log_record_read(&record, in->key, in->key_len, in->bytes, in->len, &err) && !record.in_file)
        add_up(record.bytes, record.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const targets[])(const struct input *) = {try_block,        try_index,    try_filter, try_delta,
                                                            try_honest_delta, try_manifest, try_log};
    struct wr_error err;
    if (!store)
        store = wr_store_open(&(struct store_options){.dir = NULL}, &err);
    if (size < 2 || !store)
        return 0;
    struct input in = {.key = (const char *)data + 2, .key_len = (uint32_t)WR_MIN(data[1], size - 2)};
    in.len = size - 2 - in.key_len;
    in.bytes = wr_malloc(in.len ? in.len : 1);
    if (in.len)
        memcpy(in.bytes, in.key + in.key_len, in.len);
    targets[data[0] % WR_COUNT(targets)](&in);
    free(in.bytes);
    return 0;
}
