/* Runs in RAM: building, reference counts, packing as delta records. */
#include "state/run.h"

#include <assert.h>
#include <stdlib.h>

#include "state/bloom.h"
#include "state/store_impl.h"

struct run_builder {
    struct store *store;
    enum trace_kind kind;
    bool full_prefix;
    char *data;
    size_t len, cap;
    uint32_t *offsets;
    size_t n, offsets_cap;
    uint64_t *hashes; /* of distinct prefixes */
    size_t hashes_n, hashes_cap;
    size_t last_prefix; /* where the last prefix lies in data, and how long it is */
    uint32_t last_prefix_len;
    uint64_t checksum;
    int64_t charged;
};

void wr_run_retain(struct run *run)
{
    atomic_fetch_add_explicit(&run->refs, 1, memory_order_relaxed);
}

void wr_run_set_min(struct run *run, const char *key, size_t len)
{
    run->min_len = (uint32_t)WR_MIN(len, (size_t)RUN_BOUND_MAX);
    run->min_key = wr_strndup(key, run->min_len);
}

/* What is cut off is made up for in the last byte that can grow. */
void wr_run_set_max(struct run *run, const char *key, size_t len)
{
    size_t n = WR_MIN(len, (size_t)RUN_BOUND_MAX);
    while (n < len && n && (uint8_t)key[n - 1] == 0xff)
        n--;
    if (!n)
        n = len;
    run->max_len = (uint32_t)n;
    run->max_key = wr_strndup(key, n);
    if (n < len)
        run->max_key[n - 1] = (char)((uint8_t)key[n - 1] + 1);
}

void wr_run_free(struct run *run)
{
    if (run->charged) {
        wr_pool_charge(&run->store->runs_pool, -run->charged);
        atomic_fetch_sub(&run->store->ram_run_bytes, run->charged);
    }
    free(run->data);
    free(run->offsets);
    free(run->bloom);
    free(run->min_key);
    free(run->max_key);
    free(run);
}

/* Files are deleted by the tidy thread, never by whoever happened to read last. */
void wr_run_release(struct run *run)
{
    if (!run || atomic_fetch_sub_explicit(&run->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (!run->on_disk || !atomic_load(&run->doomed)) {
        wr_run_free(run);
        return;
    }
    struct store *store = run->store;
    pthread_mutex_lock(&store->trash_lock);
    run->next_trash = store->trash;
    store->trash = run;
    pthread_mutex_unlock(&store->trash_lock);
    pthread_cond_signal(&store->work);
}

/* What is being built counts too. */
static void charge_builder(struct run_builder *builder, int64_t bytes)
{
    wr_pool_charge(&builder->store->runs_pool, bytes - builder->charged);
    builder->charged = bytes;
}

static void charge_now(struct run_builder *builder)
{
    charge_builder(builder, (int64_t)(builder->cap + builder->offsets_cap * sizeof *builder->offsets +
                                      builder->hashes_cap * sizeof *builder->hashes));
}

struct run_builder *wr_run_builder_of(struct store *store, enum trace_kind kind, size_t entries_hint, size_t bytes_hint)
{
    struct run_builder *builder = wr_calloc(1, sizeof *builder);
    builder->store = store;
    builder->kind = kind;
    builder->full_prefix = true;
    builder->cap = bytes_hint + entries_hint * 6 + 64;
    builder->data = wr_malloc(builder->cap);
    builder->offsets_cap = entries_hint + 16;
    builder->offsets = wr_malloc(builder->offsets_cap * sizeof *builder->offsets);
    charge_now(builder);
    return builder;
}

struct run_builder *wr_run_builder_new(struct trace *trace, size_t entries_hint, size_t bytes_hint)
{
    return wr_run_builder_of(trace->store, trace->kind, entries_hint, bytes_hint);
}

size_t wr_run_builder_bytes(const struct run_builder *builder)
{
    return builder->len;
}

uint64_t wr_run_builder_checksum(const struct run_builder *builder)
{
    return builder->checksum;
}

static void add_hash(struct run_builder *builder, const char *bytes, uint32_t len)
{
    if (builder->hashes_n == builder->hashes_cap) {
        builder->hashes_cap = builder->hashes_cap ? builder->hashes_cap * 2 : 64;
        builder->hashes = wr_realloc(builder->hashes, builder->hashes_cap * sizeof *builder->hashes);
        charge_now(builder);
    }
    builder->hashes[builder->hashes_n++] = wr_bloom_hash(bytes, len);
}

static void grow_data(struct run_builder *builder, size_t need)
{
    builder->cap += builder->cap / 2 + need;
    builder->data = wr_realloc(builder->data, builder->cap);
    charge_now(builder);
}

void wr_run_builder_add(struct run_builder *builder, const struct entry *entry)
{
    size_t need = ENTRY_HEADER_MAX + (size_t)entry->key_len + entry->payload_len;
    if (builder->cap - builder->len < need)
        grow_data(builder, need);
    if (builder->n == builder->offsets_cap) {
        builder->offsets_cap *= 2;
        builder->offsets = wr_realloc(builder->offsets, builder->offsets_cap * sizeof *builder->offsets);
        charge_now(builder);
    }
    assert(entry->prefix_len <= entry->key_len && builder->len + need < UINT32_MAX);
    bool same = builder->n && builder->last_prefix_len == entry->prefix_len &&
                !memcmp(builder->data + builder->last_prefix, entry->key, entry->prefix_len);
    char *end = entry_encode(builder->data + builder->len, entry);
    builder->offsets[builder->n++] = (uint32_t)builder->len;
    builder->len = (size_t)(end - builder->data);
    if (!same) {
        builder->last_prefix = builder->len - entry->payload_len - entry->key_len;
        builder->last_prefix_len = entry->prefix_len;
        add_hash(builder, entry->key, entry->prefix_len);
    }
    if (entry->prefix_len != entry->key_len) {
        builder->full_prefix = false;
        if (builder->kind == TRACE_UPSERT)
            add_hash(builder, entry->key, entry->key_len);
    }
    builder->checksum += wr_entry_checksum(builder->kind, entry);
}

static void build_filter(struct run *run, struct run_builder *builder)
{
    run->bloom_size = wr_bloom_size(builder->hashes_n);
    run->bloom = wr_calloc(1, run->bloom_size);
    for (size_t i = 0; i < builder->hashes_n; i++)
        wr_bloom_add(run->bloom, run->bloom_size, builder->hashes[i]);
}

static void free_builder(struct run_builder *builder)
{
    charge_builder(builder, 0);
    free(builder->data);
    free(builder->offsets);
    free(builder->hashes);
    free(builder);
}

struct run *wr_run_builder_finish(struct run_builder *builder)
{
    if (!builder->n) {
        free_builder(builder);
        return NULL;
    }
    struct run *run = wr_calloc(1, sizeof *run);
    atomic_init(&run->refs, 1);
    run->store = builder->store;
    run->kind = builder->kind;
    run->full_prefix = builder->full_prefix;
    run->entries = builder->n;
    run->bytes = builder->len;
    run->checksum = builder->checksum;
    build_filter(run, builder);
    run->data = wr_realloc(builder->data, builder->len);
    run->offsets = wr_realloc(builder->offsets, builder->n * sizeof *run->offsets);
    builder->data = NULL;
    builder->offsets = NULL;
    struct entry entry;
    entry_decode(run->data, &entry);
    wr_run_set_min(run, entry.key, entry.key_len);
    entry_decode(run->data + run->offsets[run->entries - 1], &entry);
    wr_run_set_max(run, entry.key, entry.key_len);
    charge_builder(builder, 0);
    run->charged = (int64_t)(run->bytes + run->entries * sizeof *run->offsets + run->bloom_size + sizeof *run);
    wr_pool_charge(&run->store->runs_pool, run->charged);
    atomic_fetch_add(&run->store->ram_run_bytes, run->charged);
    free_builder(builder);
    return run;
}

void wr_run_pack(const struct run *run, struct wr_buf *buf)
{
    wr_buf_u32le(buf, (uint32_t)run->entries);
    wr_buf_u64le(buf, run->checksum);
    wr_buf_put(buf, run->data, run->bytes);
}

static bool get_entry(struct wr_reader *r, struct entry *entry)
{
    uint64_t key_len = wr_get_varint(r), prefix_len = wr_get_varint(r), payload_len = wr_get_varint(r);
    uint64_t weight = wr_get_varint(r);
    *entry = (struct entry){.key_len = (uint32_t)key_len,
                            .prefix_len = (uint32_t)prefix_len,
                            .payload_len = (uint32_t)payload_len,
                            .weight = (int64_t)(weight >> 1) ^ -(int64_t)(weight & 1)};
    entry->key = wr_get_bytes(r, key_len);
    entry->payload = wr_get_bytes(r, payload_len);
    return r->ok && prefix_len <= key_len;
}

/* The checksum does not tell the order, which everything relies on. */
static bool in_order(enum trace_kind kind, const struct entry *last, const struct entry *entry)
{
    int order = bytes_compare(last->key, last->key_len, entry->key, entry->key_len);
    if (order || kind == TRACE_UPSERT)
        return order < 0;
    return kind == TRACE_APPEND ||
           bytes_compare(last->payload, last->payload_len, entry->payload, entry->payload_len) <= 0;
}

struct run *wr_run_unpack(struct store *store, enum trace_kind kind, const char *bytes, size_t len,
                          struct wr_error *err)
{
    struct wr_reader r = wr_reader_of(bytes, len);
    uint32_t n = wr_get_u32le(&r);
    uint64_t checksum = wr_get_u64le(&r);
    struct run_builder *builder = wr_run_builder_of(store, kind, WR_MIN(n, len / 4), len);
    struct entry last, entry;
    bool good = r.ok && n;
    for (uint32_t i = 0; i < n && good; i++, last = entry) {
        good = get_entry(&r, &entry) && (!i || in_order(kind, &last, &entry));
        if (good)
            wr_run_builder_add(builder, &entry);
    }
    good = good && r.at == r.end && builder->checksum == checksum;
    struct run *run = wr_run_builder_finish(builder);
    if (good)
        return run;
    wr_run_release(run);
    wr_fail(err, ERR_DATA_CORRUPTED, "a delta record is damaged");
    return NULL;
}
