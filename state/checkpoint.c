/* Checkpoint: the RAM deltas of each changed trace become one disk run (or, if few, its base record), the trace's floor
 * rises, and delta files below all floors go. Until the manifest record is synced the deltas stay what recovery reads.
 */
#include <stdlib.h>

#include "base/failpoint.h"
#include "state/merge_runs.h"
#include "state/store_impl.h"

struct group {
    struct run **runs; /* adjacent RAM runs, newest first; retained */
    uint32_t n;
    bool oldest;
    struct run *out;
};

struct checkpoint {
    struct trace *trace;
    struct group *groups;
    uint32_t n;
    uint64_t floor_commit;
    int64_t bytes;
};

/* Under store->lock: all RAM runs of the durable version, in groups between disk runs. */
static void collect(struct checkpoint *job, struct trace *trace)
{
    const struct version *version = trace->durable;
    *job = (struct checkpoint){.trace = trace, .groups = wr_calloc(version->n + 1, sizeof(struct group))};
    for (uint32_t i = 0; i < version->n;) {
        if (version->runs[i]->on_disk) {
            i++;
            continue;
        }
        struct group *group = &job->groups[job->n++];
        group->runs = wr_malloc((version->n - i) * sizeof(struct run *));
        for (; i < version->n && !version->runs[i]->on_disk; i++) {
            wr_run_retain(version->runs[i]);
            group->runs[group->n++] = version->runs[i];
            job->bytes += (int64_t)version->runs[i]->bytes;
        }
        group->oldest = i == version->n;
    }
    job->floor_commit = trace->store->committed + 1;
    trace->dirty = false;
}

static void finish(struct checkpoint *job)
{
    for (uint32_t g = 0; g < job->n; g++) {
        for (uint32_t i = 0; i < job->groups[g].n; i++)
            wr_run_release(job->groups[g].runs[i]);
        free(job->groups[g].runs);
        wr_run_release(job->groups[g].out);
    }
    free(job->groups);
}

static bool as_base(const struct checkpoint *job)
{
    return job->n == 1 && job->bytes <= STORE_BASE_BYTES;
}

static bool write_groups(struct checkpoint *job, struct wr_error *err)
{
    for (uint32_t g = 0; g < job->n; g++) {
        struct group *group = &job->groups[g];
        if (as_base(job))
            TRY(wr_merge_to_ram(group->runs, group->n, group->oldest, &group->out, err));
        else
            TRY(wr_merge_to_disk(group->runs, group->n, group->oldest, false, &group->out, err));
    }
    return true;
}

static void put_base(struct store *store, rocksdb_writebatch_t *batch, struct trace *trace, const struct run *run)
{
    char key[META_KEY_SIZE];
    wr_meta_key(key, META_BASE, trace->id);
    trace->has_base = run != NULL;
    if (!run) {
        rocksdb_writebatch_delete_cf(batch, store->rocks.cf[CF_META], key, sizeof key);
        return;
    }
    struct wr_buf buf = WR_BUF_INIT;
    wr_buf_varint(&buf, run->commit);
    wr_buf_varint(&buf, run->seq);
    wr_run_pack(run, &buf);
    rocksdb_writebatch_put_cf(batch, store->rocks.cf[CF_META], key, sizeof key, buf.data, buf.len);
    wr_buf_free(&buf);
}

/* The durable version after the job. Under manifest_lock: nobody else installs; only RAM runs may have come in front.
 */
static struct version *planned(const struct checkpoint *job)
{
    struct version *version = job->trace->durable;
    wr_version_retain(version);
    for (uint32_t g = 0; g < job->n; g++) {
        const struct group *group = &job->groups[g];
        struct version *next = wr_version_replace(version, group->runs, group->n, group->out);
        wr_version_release(version);
        version = next;
    }
    return version;
}

static void doom_outputs(struct checkpoint *job)
{
    for (uint32_t g = 0; g < job->n; g++)
        if (job->groups[g].out && job->groups[g].out->on_disk)
            atomic_store(&job->groups[g].out->doomed, true);
}

static bool install(struct store *store, struct checkpoint *job, struct wr_error *err)
{
    struct trace *trace = job->trace;
    pthread_mutex_lock(&store->manifest_lock);
    pthread_mutex_lock(&store->lock);
    bool gone = trace->dropped;
    struct version *version = gone ? NULL : planned(job);
    pthread_mutex_unlock(&store->lock);
    bool ok = true;
    if (gone) {
        doom_outputs(job);
    } else {
        trace->floor_commit = job->floor_commit;
        trace->floor_seq = 0;
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
        if (as_base(job) || trace->has_base)
            put_base(store, batch, trace, as_base(job) ? job->groups[0].out : NULL);
        wr_manifest_put(batch, store, trace, version);
        ok = wr_store_write(store, batch, 0, err);
        rocksdb_writebatch_destroy(batch);
    }
    if (ok && !gone) {
        wr_failpoint(FP_MERGE_INSTALLED);
        pthread_mutex_lock(&store->lock);
        wr_trace_set_durable(trace, version);
        wr_snapshot_stale(store);
        store->merge_due = true;
        pthread_cond_broadcast(&store->merge_work);
        pthread_mutex_unlock(&store->lock);
    } else {
        wr_version_release(version);
    }
    pthread_mutex_unlock(&store->manifest_lock);
    return ok;
}

static bool checkpoint_trace(struct store *store, struct trace *trace, struct wr_error *err)
{
    struct checkpoint job;
    pthread_mutex_lock(&store->lock);
    if (trace->dropped) {
        pthread_mutex_unlock(&store->lock);
        return true;
    }
    collect(&job, trace);
    pthread_mutex_unlock(&store->lock);
    bool ok = write_groups(&job, err) && install(store, &job, err);
    finish(&job);
    return ok;
}

/* Under store->lock. */
static struct trace **dirty_traces(struct store *store, uint32_t *n)
{
    struct trace **traces = wr_malloc(store->traces_n * sizeof *traces);
    *n = 0;
    for (uint32_t i = 0; i < store->traces_cap; i++)
        for (struct trace *trace = store->traces[i]; trace; trace = trace->next)
            if (trace->dirty)
                traces[(*n)++] = trace;
    return traces;
}

/* Deltas of commits up to `upto` are in runs and bases now. The files may go once a synced record says so. */
static bool drop_deltas(struct store *store, uint64_t upto, struct wr_error *err)
{
    pthread_mutex_lock(&store->manifest_lock);
    store->delta_floor = upto + 1;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    pthread_mutex_lock(&store->lock);
    uint64_t committed = store->committed;
    pthread_mutex_unlock(&store->lock);
    wr_commit_record_put(batch, store, committed);
    bool ok = wr_store_write(store, batch, 0, err);
    rocksdb_writebatch_destroy(batch);
    pthread_mutex_unlock(&store->manifest_lock);
    TRY(ok);
    char lo[DELTA_KEY_SIZE], hi[DELTA_KEY_SIZE];
    wr_delta_key(lo, 0, 0, 0);
    wr_delta_key(hi, upto, UINT64_MAX, UINT32_MAX);
    TRY(wr_deleted_files_add(store->deleted_files, &store->rocks, CF_DELTA, lo, sizeof lo, hi, sizeof hi, err));
    wr_failpoint(FP_FILE_DELETED);
    wr_committed_sync(&store->noted);
    return true;
}

bool wr_checkpoint_run(struct store *store, struct wr_error *err)
{
    pthread_mutex_lock(&store->lock);
    uint32_t n;
    struct trace **traces = dirty_traces(store, &n);
    uint64_t upto = store->committed;
    int64_t bytes = store->delta_bytes;
    pthread_mutex_unlock(&store->lock);
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++)
        ok = checkpoint_trace(store, traces[i], err);
    free(traces);
    ok = ok && drop_deltas(store, upto, err);
    pthread_mutex_lock(&store->lock);
    store->delta_bytes -= bytes;
    store->tidy_due |= store->delta_bytes > store->checkpoint_bytes;
    pthread_cond_broadcast(&store->queue_changed);
    pthread_mutex_unlock(&store->lock);
    return ok;
}
