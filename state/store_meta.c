/* Reading meta and log records. */
#include "state/store_impl.h"

static void user_key(struct wr_buf *to, const void *key, size_t len)
{
    wr_buf_byte(to, META_USER);
    wr_buf_put(to, key, len);
}

static bool starts_with(const char *key, size_t len, const struct wr_buf *prefix)
{
    return len >= prefix->len && !memcmp(key, prefix->data, prefix->len);
}

static bool get_mem(struct store *store, const struct wr_buf *name, struct wr_buf *value)
{
    pthread_mutex_lock(&store->lock);
    const struct mem_map *map = &store->mem_meta;
    size_t at = wr_mem_map_seek(map, name->data, name->len);
    bool found = at < map->n && map->items[at].key_len == name->len && starts_with(map->items[at].key, name->len, name);
    if (found)
        wr_buf_put(value, map->items[at].value, map->items[at].value_len);
    pthread_mutex_unlock(&store->lock);
    return found;
}

static bool get_disk(struct store *store, const struct wr_buf *name, struct wr_buf *value)
{
    char *message = NULL;
    size_t len;
    char *bytes = rocksdb_get_cf(store->rocks.db, store->rocks.read_options, store->rocks.cf[CF_META], name->data,
                                 name->len, &len, &message);
    if (message) {
        struct wr_error err;
        wr_rocks_fail(&err, message);
        wr_store_fail(store, &err);
        return false;
    }
    if (!bytes)
        return false;
    wr_buf_put(value, bytes, len);
    rocksdb_free(bytes);
    return true;
}

bool wr_store_get(struct store *store, const void *key, size_t key_len, struct wr_buf *value)
{
    struct wr_buf name = WR_BUF_INIT;
    user_key(&name, key, key_len);
    bool found = store->dir ? get_disk(store, &name, value) : get_mem(store, &name, value);
    wr_buf_free(&name);
    return found;
}

/* Copies, so that the visitor may use the store. */
static void copy_mem(struct store *store, const struct mem_map *map, const struct wr_buf *from,
                     const struct wr_buf *prefix, struct mem_map *copy)
{
    pthread_mutex_lock(&store->lock);
    for (size_t i = wr_mem_map_seek(map, from->data, from->len); i < map->n; i++) {
        const struct mem_item *item = &map->items[i];
        if (!starts_with(item->key, item->key_len, prefix))
            break;
        wr_mem_map_put(copy, item->key, item->key_len, item->value, item->value_len);
    }
    pthread_mutex_unlock(&store->lock);
}

typedef bool (*record_visit)(void *context, const char *key, size_t key_len, const char *value, size_t value_len);

static void scan_mem(struct store *store, const struct mem_map *map, const struct wr_buf *from,
                     const struct wr_buf *prefix, record_visit visit, void *context)
{
    struct mem_map copy = {NULL, 0, 0};
    copy_mem(store, map, from, prefix, &copy);
    for (size_t i = 0; i < copy.n; i++)
        if (!visit(context, copy.items[i].key, copy.items[i].key_len, copy.items[i].value, copy.items[i].value_len))
            break;
    wr_mem_map_free(&copy);
}

static void scan_disk(struct store *store, enum rocks_cf cf, const struct wr_buf *from, const struct wr_buf *prefix,
                      record_visit visit, void *context)
{
    rocksdb_iterator_t *it =
        rocksdb_create_iterator_cf(store->rocks.db, store->rocks.read_options, store->rocks.cf[cf]);
    for (rocksdb_iter_seek(it, from->data, from->len); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        size_t key_len, value_len;
        const char *key = rocksdb_iter_key(it, &key_len);
        if (!starts_with(key, key_len, prefix))
            break;
        const char *value = rocksdb_iter_value(it, &value_len);
        if (!visit(context, key, key_len, value, value_len))
            break;
    }
    char *message = NULL;
    rocksdb_iter_get_error(it, &message);
    rocksdb_iter_destroy(it);
    if (message) {
        struct wr_error err;
        wr_rocks_fail(&err, message);
        wr_store_fail(store, &err);
    }
}

struct meta_scan {
    store_visit visit;
    void *context;
};

static bool visit_meta(void *context, const char *key, size_t key_len, const char *value, size_t value_len)
{
    struct meta_scan *scan = context;
    return scan->visit(scan->context, key + 1, key_len - 1, value, value_len);
}

void wr_store_scan(struct store *store, const void *prefix, size_t prefix_len, store_visit visit, void *context)
{
    struct wr_buf name = WR_BUF_INIT;
    user_key(&name, prefix, prefix_len);
    struct meta_scan scan = {visit, context};
    if (store->dir)
        scan_disk(store, CF_META, &name, &name, visit_meta, &scan);
    else
        scan_mem(store, &store->mem_meta, &name, &name, visit_meta, &scan);
    wr_buf_free(&name);
}

struct log_scan {
    struct store *store;
    log_visit visit;
    void *context;
    uint64_t committed;
};

/* A part with a file of its own. What a reader still wants has not been truncated: a part that cannot be read is
 * damage, and going on without it would lose changes. */
static bool visit_log_file(struct log_scan *scan, uint64_t commit, uint64_t run_id)
{
    struct wr_error err = WR_ERROR_INIT;
    struct cached *bytes = wr_block_cache_get(scan->store, run_id, 0, RECORD_PLAIN, false, &err);
    if (!bytes) {
        wr_store_fail(scan->store, &err);
        return false;
    }
    bool more = scan->visit(scan->context, commit, bytes->data, bytes->len);
    wr_cached_release(bytes);
    return more;
}

static bool visit_log(void *context, const char *key, size_t key_len, const char *value, size_t value_len)
{
    struct log_scan *scan = context;
    struct log_record record;
    struct wr_error err;
    if (!wr_log_record_read(&record, key, key_len, value, value_len, &err)) {
        wr_store_fail(scan->store, &err);
        return false;
    }
    if (record.commit > scan->committed)
        return false;
    if (record.in_file)
        return visit_log_file(scan, record.commit, record.run_id);
    return scan->visit(scan->context, record.commit, record.bytes, record.len);
}

void wr_store_log_scan(struct store *store, uint64_t log_id, uint64_t after, log_visit visit, void *context)
{
    struct wr_buf from = WR_BUF_INIT, prefix = WR_BUF_INIT;
    wr_buf_u64be(&prefix, log_id);
    wr_buf_put(&from, prefix.data, prefix.len);
    wr_buf_u64be(&from, after + 1);
    struct log_scan scan = {store, visit, context, wr_store_committed(store)};
    if (after == UINT64_MAX) /* nothing is after it */
        scan.committed = 0;
    else if (store->dir)
        scan_disk(store, CF_LOG, &from, &prefix, visit_log, &scan);
    else
        scan_mem(store, &store->mem_log, &from, &prefix, visit_log, &scan);
    wr_buf_free(&from);
    wr_buf_free(&prefix);
}
