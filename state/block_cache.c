#include "state/block_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "state/store_impl.h"

#define SHARDS 8

struct cache_shard {
    pthread_mutex_t lock;
    struct cached **slots;
    uint32_t slots_n, n;
    size_t bytes;
    struct cached *newest, *oldest;
};

struct block_cache {
    struct wr_pool *pool;
    size_t shard_capacity;
    struct cache_shard shards[SHARDS];
};

struct block_cache *wr_block_cache_new(struct wr_pool *pool, int64_t capacity)
{
    struct block_cache *cache = wr_calloc(1, sizeof *cache);
    cache->pool = pool;
    cache->shard_capacity = (size_t)capacity / SHARDS;
    for (int i = 0; i < SHARDS; i++) {
        struct cache_shard *shard = &cache->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        shard->slots_n = 256;
        shard->slots = wr_calloc(shard->slots_n, sizeof *shard->slots);
    }
    return cache;
}

void wr_cached_release(struct cached *cached)
{
    if (!cached || atomic_fetch_sub(&cached->refs, 1) != 1)
        return;
    wr_pool_charge(cached->pool, -(int64_t)(cached->len + sizeof *cached));
    free(cached);
}

static void unlink_entry(struct cache_shard *shard, struct cached *entry)
{
    *(entry->newer ? &entry->newer->older : &shard->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &shard->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void link_newest(struct cache_shard *shard, struct cached *entry)
{
    entry->older = shard->newest;
    if (shard->newest)
        shard->newest->newer = entry;
    else
        shard->oldest = entry;
    shard->newest = entry;
}

static void drop_oldest(struct cache_shard *shard)
{
    struct cached *entry = shard->oldest;
    unlink_entry(shard, entry);
    struct cached **at = &shard->slots[entry->hash & (shard->slots_n - 1)];
    while (*at != entry)
        at = &(*at)->chain;
    *at = entry->chain;
    shard->bytes -= entry->len + sizeof *entry;
    shard->n--;
    wr_cached_release(entry);
}

void wr_block_cache_free(struct block_cache *cache)
{
    if (!cache)
        return;
    for (int i = 0; i < SHARDS; i++) {
        struct cache_shard *shard = &cache->shards[i];
        while (shard->oldest)
            drop_oldest(shard);
        pthread_mutex_destroy(&shard->lock);
        free(shard->slots);
    }
    free(cache);
}

static uint64_t record_hash(uint64_t run_id, uint32_t record)
{
    uint64_t hash = (run_id * 0x9E3779B97F4A7C15ull) ^ ((uint64_t)record * 0xC2B2AE3D27D4EB4Full);
    return hash ^ (hash >> 29);
}

static struct cached *lookup(struct cache_shard *shard, uint64_t run_id, uint32_t record, uint64_t hash)
{
    struct cached *entry = shard->slots[hash & (shard->slots_n - 1)];
    while (entry && (entry->run_id != run_id || entry->record != record))
        entry = entry->chain;
    if (!entry)
        return NULL;
    if (entry != shard->newest) {
        unlink_entry(shard, entry);
        link_newest(shard, entry);
    }
    atomic_fetch_add(&entry->refs, 1);
    return entry;
}

static void grow_slots(struct cache_shard *shard)
{
    uint32_t slots_n = shard->slots_n * 2;
    struct cached **slots = wr_calloc(slots_n, sizeof *slots);
    for (uint32_t i = 0; i < shard->slots_n; i++)
        for (struct cached *entry = shard->slots[i], *chain; entry; entry = chain) {
            chain = entry->chain;
            entry->chain = slots[entry->hash & (slots_n - 1)];
            slots[entry->hash & (slots_n - 1)] = entry;
        }
    free(shard->slots);
    shard->slots = slots;
    shard->slots_n = slots_n;
}

/* Returns the entry to use: another thread may have put the same record meanwhile. */
static struct cached *insert(struct block_cache *cache, struct cache_shard *shard, struct cached *entry)
{
    pthread_mutex_lock(&shard->lock);
    struct cached *other = lookup(shard, entry->run_id, entry->record, entry->hash);
    if (other) {
        pthread_mutex_unlock(&shard->lock);
        wr_cached_release(entry);
        return other;
    }
    if (shard->n >= shard->slots_n)
        grow_slots(shard);
    entry->chain = shard->slots[entry->hash & (shard->slots_n - 1)];
    shard->slots[entry->hash & (shard->slots_n - 1)] = entry;
    link_newest(shard, entry);
    atomic_fetch_add(&entry->refs, 1);
    shard->n++;
    shard->bytes += entry->len + sizeof *entry;
    while (shard->bytes > cache->shard_capacity && shard->oldest != entry)
        drop_oldest(shard);
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

static struct cached *read_record(struct store *store, uint64_t run_id, uint32_t record, struct wr_error *err)
{
    char key[RUN_KEY_SIZE];
    wr_run_key(key, run_id, record);
    char *message = NULL;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(store->rocks.db, store->rocks.read_options,
                                                           store->rocks.cf[CF_RUNS], key, sizeof key, &message);
    if (message) {
        wr_rocks_fail(err, message);
        return NULL;
    }
    if (!slice) {
        wr_fail(err, ERR_DATA_CORRUPTED, "record %u of run %llu is missing", record, (unsigned long long)run_id);
        return NULL;
    }
    size_t len;
    const char *bytes = rocksdb_pinnableslice_value(slice, &len);
    struct cached *entry = wr_malloc(sizeof *entry + len);
    memset(entry, 0, sizeof *entry);
    atomic_init(&entry->refs, 1);
    entry->run_id = run_id;
    entry->record = record;
    entry->len = len;
    entry->pool = &store->cache_pool;
    wr_pool_charge(entry->pool, (int64_t)(len + sizeof *entry));
    memcpy(entry->data, bytes, len);
    rocksdb_pinnableslice_destroy(slice);
    atomic_fetch_add_explicit(&store->block_reads, 1, memory_order_relaxed);
    return entry;
}

/* NULL: it is not cached. */
static struct cached *peek(struct store *store, uint64_t run_id, uint32_t record)
{
    uint64_t hash = record_hash(run_id, record);
    struct cache_shard *shard = &store->cache->shards[(hash >> 56) % SHARDS];
    pthread_mutex_lock(&shard->lock);
    struct cached *entry = lookup(shard, run_id, record, hash);
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

struct cached *wr_block_cache_get(struct store *store, uint64_t run_id, uint32_t record, enum record_kind kind,
                                  bool keep, struct wr_error *err)
{
    struct cached *entry = peek(store, run_id, record);
    if (entry)
        return entry;
    entry = read_record(store, run_id, record, err);
    if (!entry)
        return NULL;
    if (!wr_record_check(kind, entry->data, entry->len)) {
        wr_cached_release(entry);
        wr_fail(err, ERR_DATA_CORRUPTED, "record %u of run %llu is damaged", record, (unsigned long long)run_id);
        return NULL;
    }
    if (!keep)
        return entry;
    entry->hash = record_hash(run_id, record);
    return insert(store->cache, &store->cache->shards[(entry->hash >> 56) % SHARDS], entry);
}
