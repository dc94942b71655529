/* Recovery: what the last commit record names is the state; everything else is deleted.
 *
 * Traces come from their manifests, the rows of recent commits from the deltas above each trace's floor. A delta of a
 * commit beyond the record, or a run file that no manifest names, was written by a commit or merge that never
 * happened. Bounded by the checkpoint size, not by the state. */
#include <stdlib.h>

#include "state/store_impl.h"

/* A record whose key is its tag. *bytes NULL: there is none. */
static bool read_record(struct store *store, char tag, char **bytes, size_t *len, struct wr_error *err)
{
    char *message = NULL;
    *bytes =
        rocksdb_get_cf(store->rocks.db, store->rocks.read_options, store->rocks.cf[CF_META], &tag, 1, len, &message);
    return message ? wr_rocks_fail(err, message) : true;
}

static bool read_commit_record(struct store *store, struct wr_error *err)
{
    char *bytes;
    size_t len;
    TRY(read_record(store, META_COMMIT, &bytes, &len, err));
    if (!bytes)
        return true; /* new */
    struct wr_reader r = wr_reader_of(bytes, len);
    store->committed = wr_get_varint(&r);
    store->next_number = store->committed + 1;
    atomic_store(&store->next_run_id, wr_get_varint(&r));
    store->delta_floor = wr_get_varint(&r);
    bool ok = r.ok;
    rocksdb_free(bytes);
    return ok ? true : wr_fail(err, ERR_DATA_CORRUPTED, "the commit record is damaged");
}

static bool read_write_record(struct store *store, struct wr_error *err)
{
    char *bytes;
    size_t len;
    TRY(read_record(store, META_WRITE, &bytes, &len, err));
    if (!bytes)
        return true; /* new, or of a build that did not count */
    struct wr_reader r = wr_reader_of(bytes, len);
    store->writes = wr_get_varint(&r);
    bool ok = r.ok;
    rocksdb_free(bytes);
    return ok ? true : wr_fail(err, ERR_DATA_CORRUPTED, "the write record is damaged");
}

static bool add_trace(struct store *store, uint64_t id, const char *bytes, size_t len, struct wr_error *err)
{
    struct trace *trace = wr_trace_insert(store, id, TRACE_ZSET);
    struct version *version;
    TRY(wr_manifest_get(store, trace, &version, bytes, len, err));
    wr_trace_set_durable(trace, version);
    return true;
}

/* ---- RAM runs: found in the order of commits, of all traces; then put among each trace's others at once */

struct found {
    struct trace *trace;
    struct run *run;
};

struct found_runs {
    struct found *items;
    uint32_t n, cap;
};

static void push(struct found_runs *found, struct trace *trace, struct run *run)
{
    WR_GROW(found->items, found->n, found->cap);
    found->items[found->n++] = (struct found){trace, run};
}

static int by_age(const struct run *a, const struct run *b)
{
    if (a->commit != b->commit)
        return a->commit > b->commit ? -1 : 1;
    return (a->seq < b->seq) - (a->seq > b->seq);
}

/* Trace by trace, newest first. */
static int by_trace(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->trace != y->trace)
        return x->trace->id > y->trace->id ? 1 : -1;
    return by_age(x->run, y->run);
}

/* Takes the n runs of a trace. */
static void add_runs(struct trace *trace, const struct found *items, uint32_t n)
{
    const struct version *old = trace->durable;
    struct version *version = wr_version_new(trace->store, trace->kind, old->n + n);
    uint32_t from_old = 0, from_new = 0;
    for (uint32_t at = 0; at < version->n; at++) {
        bool is_new = from_old == old->n || (from_new < n && by_age(items[from_new].run, old->runs[from_old]) < 0);
        version->runs[at] = is_new ? items[from_new++].run : old->runs[from_old++];
        if (!is_new)
            wr_run_retain(version->runs[at]);
    }
    wr_trace_set_durable(trace, version);
}

static void add_found(struct found_runs *found)
{
    if (found->n)
        qsort(found->items, found->n, sizeof *found->items, by_trace);
    for (uint32_t from = 0, to; from < found->n; from = to) {
        struct trace *trace = found->items[from].trace;
        for (to = from; to < found->n && found->items[to].trace == trace; to++)
            ;
        add_runs(trace, found->items + from, to - from);
    }
    free(found->items);
}

static bool add_base(struct store *store, uint64_t id, const char *bytes, size_t len, struct found_runs *found,
                     struct wr_error *err)
{
    struct trace *trace = wr_trace_find(store, id);
    if (!trace)
        return wr_fail(err, ERR_DATA_CORRUPTED, "a base record names no trace");
    struct wr_reader r = wr_reader_of(bytes, len);
    uint64_t commit = wr_get_varint(&r), seq = wr_get_varint(&r);
    if (!r.ok)
        return wr_fail(err, ERR_DATA_CORRUPTED, "a base record is damaged");
    struct run *run = wr_run_unpack(store, trace->kind, r.at, (size_t)(r.end - r.at), err);
    if (!run)
        return false;
    run->commit = commit;
    run->seq = (uint32_t)seq;
    push(found, trace, run);
    return true;
}

static bool read_records(struct store *store, char tag, struct found_runs *found, struct wr_error *err)
{
    rocksdb_iterator_t *it =
        rocksdb_create_iterator_cf(store->rocks.db, store->rocks.read_options, store->rocks.cf[CF_META]);
    bool ok = true;
    for (rocksdb_iter_seek(it, &tag, 1); ok && rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        size_t key_len, len;
        const char *key = rocksdb_iter_key(it, &key_len), *value = rocksdb_iter_value(it, &len);
        if (!key_len || key[0] != tag)
            break;
        ok = key_len == META_KEY_SIZE || wr_fail(err, ERR_DATA_CORRUPTED, "the key of a trace's record is damaged");
        if (!ok)
            break;
        uint64_t id = wr_load_u64be(key + 1);
        ok = tag == META_TRACE ? add_trace(store, id, value, len, err) : add_base(store, id, value, len, found, err);
    }
    char *message = NULL;
    rocksdb_iter_get_error(it, &message);
    rocksdb_iter_destroy(it);
    return message ? wr_rocks_fail(err, message) : ok;
}

static bool add_delta(struct store *store, const char *key, const char *value, size_t len, struct found_runs *found,
                      struct wr_error *err)
{
    uint64_t commit = wr_load_u64be(key);
    uint32_t seq = wr_load_u32be(key + 16);
    struct trace *trace = wr_trace_find(store, wr_load_u64be(key + 8));
    if (!trace || commit < trace->floor_commit || (commit == trace->floor_commit && seq < trace->floor_seq))
        return true;
    struct run *run = wr_run_unpack(store, trace->kind, value, len, err);
    if (!run)
        return false;
    run->commit = commit;
    run->seq = seq;
    store->delta_bytes += (int64_t)run->bytes + STORE_DELTA_COST;
    trace->dirty = true;
    push(found, trace, run);
    return true;
}

static bool read_deltas(struct store *store, struct found_runs *found, bool *orphans, struct wr_error *err)
{
    rocksdb_iterator_t *it =
        rocksdb_create_iterator_cf(store->rocks.db, store->rocks.scan_options, store->rocks.cf[CF_DELTA]);
    char from[DELTA_KEY_SIZE];
    wr_delta_key(from, store->delta_floor, 0, 0);
    bool ok = true;
    *orphans = false;
    for (rocksdb_iter_seek(it, from, sizeof from); ok && rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        size_t key_len, len;
        const char *key = rocksdb_iter_key(it, &key_len), *value = rocksdb_iter_value(it, &len);
        ok = key_len == DELTA_KEY_SIZE || wr_fail(err, ERR_DATA_CORRUPTED, "the key of a delta is damaged");
        if (!ok)
            break;
        *orphans = wr_load_u64be(key) > store->committed;
        if (*orphans)
            break;
        ok = add_delta(store, key, value, len, found, err);
    }
    char *message = NULL;
    rocksdb_iter_get_error(it, &message);
    rocksdb_iter_destroy(it);
    return message ? wr_rocks_fail(err, message) : ok;
}

/* Their commit numbers will be used again. */
static bool delete_orphan_deltas(struct store *store, struct wr_error *err)
{
    char lo[DELTA_KEY_SIZE], hi[DELTA_KEY_SIZE];
    wr_delta_key(lo, store->committed + 1, 0, 0);
    memset(hi, 0xff, sizeof hi);
    TRY(wr_deleted_files_add(store->deleted_files, &store->rocks, CF_DELTA, lo, sizeof lo, hi, sizeof hi, err));
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    rocksdb_writebatch_delete_range_cf(batch, store->rocks.cf[CF_DELTA], lo, sizeof lo, hi, sizeof hi);
    bool ok = wr_rocks_write(&store->rocks, batch, err);
    rocksdb_writebatch_destroy(batch);
    return ok;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t *named_runs(struct store *store, size_t *n)
{
    size_t cap = 64 + store->log_files_n;
    uint64_t *ids = wr_malloc(cap * sizeof *ids);
    *n = 0;
    for (uint32_t i = 0; i < store->log_files_n; i++)
        ids[(*n)++] = store->log_files[i].run->id;
    for (uint32_t i = 0; i < store->traces_cap; i++)
        for (struct trace *trace = store->traces[i]; trace; trace = trace->next)
            for (uint32_t r = 0; r < trace->durable->n; r++) {
                if (!trace->durable->runs[r]->on_disk)
                    continue;
                if (*n == cap)
                    ids = wr_realloc(ids, (cap *= 2) * sizeof *ids);
                ids[(*n)++] = trace->durable->runs[r]->id;
            }
    qsort(ids, *n, sizeof *ids, by_value);
    return ids;
}

static bool delete_orphan_runs(struct store *store, struct wr_error *err)
{
    size_t n;
    uint64_t *ids = named_runs(store, &n);
    const rocksdb_livefiles_t *files = rocksdb_livefiles(store->rocks.db);
    bool ok = true;
    for (int i = 0; ok && i < rocksdb_livefiles_count(files); i++) {
        if (strcmp(rocksdb_livefiles_column_family_name(files, i), "runs"))
            continue;
        size_t lo_len, hi_len;
        const char *lo = rocksdb_livefiles_smallestkey(files, i, &lo_len);
        const char *hi = rocksdb_livefiles_largestkey(files, i, &hi_len);
        if (lo_len < 8) {
            ok = wr_fail(err, ERR_DATA_CORRUPTED, "the key of a run is damaged");
            break;
        }
        uint64_t id = wr_load_u64be(lo);
        if (id >= atomic_load(&store->next_run_id))
            atomic_store(&store->next_run_id, id + 1);
        if (!bsearch(&id, ids, n, sizeof *ids, by_value))
            ok = wr_deleted_files_add(store->deleted_files, &store->rocks, CF_RUNS, lo, lo_len, hi, hi_len, err);
    }
    rocksdb_livefiles_destroy(files);
    free(ids);
    return ok;
}

/* Nothing is deleted before it is known that the log is whole. */
static bool check_reached(struct store *store, struct wr_error *err)
{
    struct committed_mark reached = {store->committed, store->writes};
    TRY(wr_committed_check(store->dir, &store->last_noted, &reached, err));
    return wr_committed_open(&store->noted, store->dir, &reached, err);
}

bool wr_store_recover(struct store *store, struct wr_error *err)
{
    bool orphans = false;
    struct found_runs found = {0};
    TRY(read_commit_record(store, err));
    TRY(read_write_record(store, err));
    TRY(check_reached(store, err));
    TRY(read_records(store, META_TRACE, NULL, err));
    bool ok = read_records(store, META_BASE, &found, err) && wr_log_files_recover(store, err) &&
              read_deltas(store, &found, &orphans, err);
    add_found(&found); /* after a failure, too: they go with their traces */
    TRY(ok);
    if (orphans)
        TRY(delete_orphan_deltas(store, err));
    return delete_orphan_runs(store, err);
}
