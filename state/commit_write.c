/* The commit thread: writes each commit as one synced batch and publishes it.
 *
 * Small commits carry their deltas in the batch. Larger ones write them to a file first, ingested under keys beyond
 * the last commit record: they mean nothing until the batch with the record is written. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/thread.h"
#include "state/store_impl.h"

static bool is_dropped(const struct commit *commit, const struct trace *trace)
{
    for (uint32_t i = 0; i < commit->drops_n; i++)
        if (commit->drops[i] == trace)
            return true;
    return false;
}

static int by_trace(const void *a, const void *b)
{
    const struct commit_run *x = a, *y = b;
    if (x->trace->id != y->trace->id)
        return x->trace->id < y->trace->id ? -1 : 1;
    return (x->run->seq > y->run->seq) - (x->run->seq < y->run->seq);
}

/* The RAM runs of the commit that become deltas, in key order. */
static struct commit_run *delta_runs(const struct commit *commit, uint32_t *n)
{
    struct commit_run *runs = wr_malloc(commit->runs_n * sizeof *runs);
    *n = 0;
    for (uint32_t i = 0; i < commit->runs_n; i++)
        if (!commit->runs[i].run->on_disk && !is_dropped(commit, commit->runs[i].trace))
            runs[(*n)++] = commit->runs[i];
    qsort(runs, *n, sizeof *runs, by_trace);
    return runs;
}

static void put_deltas(struct store *store, rocksdb_writebatch_t *batch, const struct commit_run *runs, uint32_t n)
{
    struct wr_buf buf = WR_BUF_INIT;
    for (uint32_t i = 0; i < n; i++) {
        char key[DELTA_KEY_SIZE];
        wr_delta_key(key, runs[i].run->commit, runs[i].trace->id, runs[i].run->seq);
        buf.len = 0;
        wr_run_pack(runs[i].run, &buf);
        rocksdb_writebatch_put_cf(batch, store->rocks.cf[CF_DELTA], key, sizeof key, buf.data, buf.len);
    }
    wr_buf_free(&buf);
}

static bool fill_delta_file(rocksdb_sstfilewriter_t *sst, const char *path, const struct commit_run *runs, uint32_t n,
                            struct wr_error *err)
{
    char *message = NULL;
    rocksdb_sstfilewriter_open(sst, path, &message);
    struct wr_buf buf = WR_BUF_INIT;
    for (uint32_t i = 0; i < n && !message; i++) {
        char key[DELTA_KEY_SIZE];
        wr_delta_key(key, runs[i].run->commit, runs[i].trace->id, runs[i].run->seq);
        buf.len = 0;
        wr_run_pack(runs[i].run, &buf);
        rocksdb_sstfilewriter_put(sst, key, sizeof key, buf.data, buf.len, &message);
    }
    wr_buf_free(&buf);
    if (!message)
        rocksdb_sstfilewriter_finish(sst, &message);
    return message ? wr_rocks_fail(err, message) : true;
}

static bool ingest_deltas(struct store *store, const struct commit_run *runs, uint32_t n, struct wr_error *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%llu.sst", store->ingest_dir,
             (unsigned long long)atomic_fetch_add(&store->next_file, 1));
    rocksdb_sstfilewriter_t *sst =
        rocksdb_sstfilewriter_create(store->rocks.env_options, store->rocks.options[CF_DELTA]);
    bool ok = fill_delta_file(sst, path, runs, n, err);
    rocksdb_sstfilewriter_destroy(sst);
    ok = ok && wr_rocks_ingest(&store->rocks, CF_DELTA, path, err);
    unlink(path);
    if (ok)
        wr_failpoint(FP_INGESTED);
    return ok;
}

static void put_drops(struct store *store, rocksdb_writebatch_t *batch, const struct commit *commit)
{
    for (uint32_t i = 0; i < commit->drops_n; i++) {
        char key[META_KEY_SIZE];
        wr_meta_key(key, META_TRACE, commit->drops[i]->id);
        rocksdb_writebatch_delete_cf(batch, store->rocks.cf[CF_META], key, sizeof key);
        wr_meta_key(key, META_BASE, commit->drops[i]->id);
        rocksdb_writebatch_delete_cf(batch, store->rocks.cf[CF_META], key, sizeof key);
    }
}

static void user_key(struct wr_buf *to, const char *key, size_t len)
{
    to->len = 0;
    wr_buf_byte(to, META_USER);
    wr_buf_put(to, key, len);
}

static void apply_meta(struct store *store, rocksdb_writebatch_t *batch, const struct commit_op *op, struct wr_buf *key)
{
    user_key(key, op->key, op->key_len);
    if (batch && op->kind == OP_PUT) {
        rocksdb_writebatch_put_cf(batch, store->rocks.cf[CF_META], key->data, key->len, op->value, op->value_len);
    } else if (batch) {
        rocksdb_writebatch_delete_cf(batch, store->rocks.cf[CF_META], key->data, key->len);
    } else if (op->kind == OP_PUT) {
        wr_mem_map_put(&store->mem_meta, key->data, key->len, op->value, op->value_len);
    } else {
        wr_buf_byte(key, 0);
        wr_mem_map_delete(&store->mem_meta, key->data, key->len - 1, key->data, key->len);
    }
}

/* batch NULL: memory only, under store->lock. */
static void apply_ops(struct store *store, rocksdb_writebatch_t *batch, const struct commit *commit)
{
    struct wr_reader ops = wr_reader_of(commit->ops.data, commit->ops.len);
    struct wr_buf key = WR_BUF_INIT;
    for (struct commit_op op; wr_commit_next_op(&ops, &op);) {
        if (op.kind == OP_TRUNCATE)
            wr_log_truncate(store, batch, commit->number, op.log_id, op.upto);
        else
            apply_meta(store, batch, &op, &key);
    }
    wr_buf_free(&key);
}

static void put_log_file(struct store *store, rocksdb_writebatch_t *batch, const struct log_part *part, uint64_t commit)
{
    char key[META_KEY_SIZE], value[16];
    wr_meta_key(key, META_LOG_FILE, part->file->id);
    wr_store_u64be(value, part->log_id);
    wr_store_u64be(value + 8, commit);
    rocksdb_writebatch_put_cf(batch, store->rocks.cf[CF_META], key, sizeof key, value, sizeof value);
}

static void put_logs(struct store *store, rocksdb_writebatch_t *batch, const struct commit *commit)
{
    struct wr_buf value = WR_BUF_INIT;
    for (uint32_t i = 0; i < commit->logs_n; i++) {
        const struct log_part *part = &commit->logs[i];
        char key[LOG_KEY_SIZE];
        wr_log_key(key, part->log_id, commit->number, i);
        value.len = 0;
        wr_buf_byte(&value, part->file != NULL);
        if (part->file) {
            wr_buf_u64be(&value, part->file->id);
            put_log_file(store, batch, part, commit->number);
            wr_log_file_publish(store, part->file, part->log_id, commit->number); /* it may go in the same batch */
        } else {
            wr_buf_put(&value, part->bytes, part->len);
        }
        if (batch)
            rocksdb_writebatch_put_cf(batch, store->rocks.cf[CF_LOG], key, sizeof key, value.data, value.len);
        else
            wr_mem_map_put(&store->mem_log, key, sizeof key, value.data, value.len);
    }
    wr_buf_free(&value);
}

/* The batch is written: files that it names no more go. */
static void drop_log_files(struct store *store, const struct commit *commit)
{
    struct wr_reader ops = wr_reader_of(commit->ops.data, commit->ops.len);
    for (struct commit_op op; wr_commit_next_op(&ops, &op);)
        if (op.kind == OP_TRUNCATE)
            wr_log_files_drop(store, op.log_id, op.upto);
}

/* What the trace's durable version will be once this commit is published. Under store->lock. */
static struct version *next_durable(const struct trace *trace, uint64_t number)
{
    const struct version *old = trace->durable;
    uint32_t fresh = 0, at = 0;
    for (uint32_t i = 0; i < trace->pending_n; i++)
        fresh += trace->pending[i].run->commit == number;
    struct version *version = wr_version_new(trace->store, trace->kind, fresh + old->n);
    for (uint32_t i = trace->pending_n; i-- > 0;)
        if (trace->pending[i].run->commit == number)
            version->runs[at++] = trace->pending[i].run;
    for (uint32_t i = 0; i < old->n; i++)
        version->runs[at++] = old->runs[i];
    for (uint32_t i = 0; i < version->n; i++)
        wr_run_retain(version->runs[i]);
    return version;
}

/* A trace needs a manifest record when it is new or gets a disk run; most commits write none. */
static void put_manifests(struct store *store, rocksdb_writebatch_t *batch, const struct commit *commit)
{
    for (uint32_t i = 0; i < commit->runs_n; i++) {
        struct trace *trace = commit->runs[i].trace;
        if ((trace->persisted && !commit->runs[i].run->on_disk) || is_dropped(commit, trace) ||
            trace->manifest_commit == commit->number)
            continue;
        trace->manifest_commit = commit->number;
        if (!trace->persisted)
            trace->floor_commit = commit->number;
        trace->persisted = true;
        pthread_mutex_lock(&store->lock);
        struct version *version = next_durable(trace, commit->number);
        pthread_mutex_unlock(&store->lock);
        wr_manifest_put(batch, store, trace, version);
        wr_version_release(version);
    }
}

/* Under store->lock. */
static void publish_traces(struct store *store, struct commit *commit)
{
    for (uint32_t i = 0; i < commit->runs_n; i++) {
        struct trace *trace = commit->runs[i].trace;
        struct version *version = next_durable(trace, commit->number);
        if (version->n == trace->durable->n) { /* done with an earlier run of the trace */
            wr_version_release(version);
            continue;
        }
        wr_trace_set_durable(trace, version);
        uint32_t kept = 0;
        for (uint32_t p = 0; p < trace->pending_n; p++) {
            if (trace->pending[p].run->commit == commit->number)
                wr_run_release(trace->pending[p].run);
            else
                trace->pending[kept++] = trace->pending[p];
        }
        trace->pending_n = kept;
        trace->dirty = true;
    }
    for (uint32_t i = 0; i < commit->drops_n; i++) {
        struct version *durable = commit->drops[i]->durable;
        for (uint32_t r = 0; r < durable->n; r++)
            atomic_store(&durable->runs[r]->doomed, true);
        wr_trace_set_durable(commit->drops[i], wr_version_new(store, commit->drops[i]->kind, 0));
        wr_trace_remove(commit->drops[i]);
    }
}

/* What recovery would have to read of it, in bytes. */
static int64_t delta_cost(const struct commit *commit)
{
    int64_t cost = commit->ram_bytes;
    for (uint32_t i = 0; i < commit->runs_n; i++)
        cost += commit->runs[i].run->on_disk ? 0 : STORE_DELTA_COST;
    return cost;
}

static void publish(struct store *store, struct commit *commit)
{
    pthread_mutex_lock(&store->lock);
    if (!store->dir) {
        put_logs(store, NULL, commit); /* a log that is dropped loses these too */
        apply_ops(store, NULL, commit);
    }
    publish_traces(store, commit);
    wr_snapshot_stale(store);
    store->committed = commit->number;
    store->delta_bytes += delta_cost(commit);
    store->tidy_due = store->merge_due = true;
    pthread_cond_broadcast(&store->work);
    pthread_cond_broadcast(&store->merge_work);
    pthread_mutex_unlock(&store->lock);
    atomic_fetch_add(&store->commits, 1);
    atomic_fetch_add(&store->commit_bytes, commit->ram_bytes + commit->disk_bytes);
}

static bool write_batch(struct store *store, struct commit *commit, rocksdb_writebatch_t *batch, struct wr_error *err)
{
    put_drops(store, batch, commit);
    put_manifests(store, batch, commit);
    put_logs(store, batch, commit);
    apply_ops(store, batch, commit);
    wr_commit_record_put(batch, store, commit->number);
    TRY(wr_store_write(store, batch, commit->number, err));
    wr_failpoint(FP_COMMIT_RECORD_WRITTEN);
    return true;
}

static bool write_durable(struct store *store, struct commit *commit, struct wr_error *err)
{
    uint32_t n;
    struct commit_run *runs = delta_runs(commit, &n);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    bool ok = true;
    if (commit->ram_bytes > STORE_SMALL_COMMIT)
        ok = ingest_deltas(store, runs, n, err);
    else
        put_deltas(store, batch, runs, n);
    free(runs);
    wr_failpoint(FP_DELTA_WRITTEN);
    if (ok) {
        pthread_mutex_lock(&store->manifest_lock);
        ok = write_batch(store, commit, batch, err);
        if (ok)
            publish(store, commit);
        pthread_mutex_unlock(&store->manifest_lock);
        if (ok)
            drop_log_files(store, commit);
    }
    rocksdb_writebatch_destroy(batch);
    return ok;
}

static void run_commit(struct store *store, struct commit *commit)
{
    struct wr_error err = WR_ERROR_INIT;
    bool ok = !wr_store_failed(store, &err);
    if (ok && store->dir)
        ok = write_durable(store, commit, &err);
    else if (ok)
        publish(store, commit);
    if (!ok)
        wr_store_fail(store, &err);
    if (commit->done)
        commit->done(commit->context, commit->number, ok, &err);
    wr_commit_free(commit);
}

/* Commits faster than the disk takes checkpoints wait here. */
static struct commit *take_commit(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    while (!store->queue && !store->closing)
        pthread_cond_wait(&store->queue_changed, &store->lock);
    while (store->queue && store->dir && store->delta_bytes > STORE_DELTA_BACKLOG * store->checkpoint_bytes &&
           !atomic_load(&store->failed))
        pthread_cond_wait(&store->queue_changed, &store->lock);
    struct commit *commit = store->queue;
    if (commit) {
        store->queue = commit->next;
        if (!store->queue)
            store->queue_end = &store->queue;
    }
    pthread_mutex_unlock(&store->lock);
    return commit;
}

void *wr_commit_thread(void *arg)
{
    struct store *store = arg;
    struct commit *commit;
    wr_thread_prompt();
    while ((commit = take_commit(store))) {
        run_commit(store, commit);
        pthread_mutex_lock(&store->lock);
        store->in_flight--;
        pthread_cond_broadcast(&store->published);
        pthread_cond_broadcast(&store->idle);
        pthread_mutex_unlock(&store->lock);
    }
    return NULL;
}
