/* Building commits: what belongs together is collected in RAM (or in files that nobody names yet). */
#include <stdlib.h>

#include "state/store_impl.h"

struct commit *wr_commit_begin(struct store *store)
{
    struct commit *commit = wr_calloc(1, sizeof *commit);
    commit->store = store;
    pthread_mutex_init(&commit->lock, NULL);
    return commit;
}

struct commit *wr_commit_detached(struct store *store)
{
    struct commit *commit = wr_commit_begin(store);
    commit->detached = true;
    return commit;
}

void wr_commit_free(struct commit *commit)
{
    for (uint32_t i = 0; i < commit->runs_n; i++)
        wr_run_release(commit->runs[i].run);
    for (uint32_t i = 0; i < commit->logs_n; i++) {
        free(commit->logs[i].bytes);
        wr_run_release(commit->logs[i].file);
    }
    free(commit->runs);
    free(commit->logs);
    free(commit->drops);
    free(commit->created);
    wr_buf_free(&commit->ops);
    pthread_mutex_destroy(&commit->lock);
    free(commit);
}

/* Under commit->lock. A detached commit's runs are seen only through its own traces. */
static void add_run(struct commit *commit, struct trace *trace, struct run *run)
{
    WR_GROW(commit->runs, commit->runs_n, commit->runs_cap);
    commit->runs[commit->runs_n++] = (struct commit_run){trace, run};
    *(run->on_disk ? &commit->disk_bytes : &commit->ram_bytes) += (int64_t)run->bytes;
    if (commit->detached && trace->detached != commit)
        return;
    pthread_mutex_lock(&commit->store->lock);
    wr_trace_push_pending(trace, run, commit);
    pthread_mutex_unlock(&commit->store->lock);
}

bool wr_commit_add(struct commit *commit, struct trace *trace, struct run *run, struct wr_error *err)
{
    if (!run)
        return true;
    pthread_mutex_lock(&commit->lock);
    add_run(commit, trace, run);
    bool full = commit->store->dir && commit->ram_bytes > commit->store->spill_bytes;
    pthread_mutex_unlock(&commit->lock);
    return full ? wr_commit_spill(commit, err) : wr_commit_gather(commit, trace, err);
}

void wr_commit_put(struct commit *commit, const void *key, size_t key_len, const void *value, size_t value_len)
{
    pthread_mutex_lock(&commit->lock);
    wr_buf_byte(&commit->ops, OP_PUT);
    wr_buf_blob(&commit->ops, key, key_len);
    wr_buf_blob(&commit->ops, value, value_len);
    pthread_mutex_unlock(&commit->lock);
}

void wr_commit_delete(struct commit *commit, const void *key, size_t key_len)
{
    pthread_mutex_lock(&commit->lock);
    wr_buf_byte(&commit->ops, OP_DELETE);
    wr_buf_blob(&commit->ops, key, key_len);
    pthread_mutex_unlock(&commit->lock);
}

void wr_commit_log_truncate(struct commit *commit, uint64_t log_id, uint64_t upto)
{
    pthread_mutex_lock(&commit->lock);
    wr_buf_byte(&commit->ops, OP_TRUNCATE);
    wr_buf_u64le(&commit->ops, log_id);
    wr_buf_u64le(&commit->ops, upto);
    pthread_mutex_unlock(&commit->lock);
}

bool wr_commit_next_op(struct wr_reader *ops, struct commit_op *op)
{
    if (!ops->ok || ops->at == ops->end)
        return false;
    *op = (struct commit_op){.kind = (enum commit_op_kind)wr_get_byte(ops)};
    if (op->kind == OP_TRUNCATE) {
        op->log_id = wr_get_u64le(ops);
        op->upto = wr_get_u64le(ops);
        return true;
    }
    op->key = wr_get_blob(ops, &op->key_len);
    if (op->kind == OP_PUT)
        op->value = wr_get_blob(ops, &op->value_len);
    return true;
}

void wr_commit_log(struct commit *commit, uint64_t log_id, const void *bytes, size_t len)
{
    struct log_part part = {log_id, NULL, len, NULL};
    struct wr_error err = WR_ERROR_INIT;
    if (!commit->store->dir || len < LOG_FILE_BYTES)
        part.bytes = wr_strndup(len ? bytes : "", len);
    else if (!(part.file = wr_log_file_write(commit->store, bytes, len, &err)))
        return wr_store_fail(commit->store, &err); /* the commit will fail */
    pthread_mutex_lock(&commit->lock);
    WR_GROW(commit->logs, commit->logs_n, commit->logs_cap);
    commit->logs[commit->logs_n++] = part;
    pthread_mutex_unlock(&commit->lock);
}

void wr_commit_drop_trace(struct commit *commit, struct trace *trace)
{
    pthread_mutex_lock(&commit->lock);
    WR_GROW(commit->drops, commit->drops_n, commit->drops_cap);
    commit->drops[commit->drops_n++] = trace;
    pthread_mutex_unlock(&commit->lock);
}

bool wr_commit_is_empty(const struct commit *commit)
{
    return !commit->runs_n && !commit->logs_n && !commit->drops_n && !commit->ops.len;
}

int64_t wr_commit_bytes(const struct commit *commit)
{
    struct commit *c = (struct commit *)commit;
    pthread_mutex_lock(&c->lock);
    int64_t bytes = c->ram_bytes + c->disk_bytes;
    pthread_mutex_unlock(&c->lock);
    return bytes;
}

/* The pending entries of its traces change owner in place: what a trace shows stays as it was. */
static void adopt_traces(struct commit *into, struct commit *from)
{
    struct store *store = into->store;
    pthread_mutex_lock(&store->lock);
    for (uint32_t i = 0; i < from->runs_n; i++) {
        struct trace *trace = from->runs[i].trace;
        if (from->detached && trace->detached != from)
            wr_trace_push_pending(trace, from->runs[i].run, into);
        else
            for (uint32_t p = 0; p < trace->pending_n; p++)
                if (trace->pending[p].run == from->runs[i].run)
                    trace->pending[p].commit = into;
    }
    for (uint32_t i = 0; i < from->created_n; i++)
        from->created[i]->detached = into->detached ? into : NULL;
    pthread_mutex_unlock(&store->lock);
}

void wr_commit_absorb(struct commit *into, struct commit *from)
{
    adopt_traces(into, from);
    pthread_mutex_lock(&into->lock);
    for (uint32_t i = 0; i < from->runs_n; i++) {
        WR_GROW(into->runs, into->runs_n, into->runs_cap);
        into->runs[into->runs_n++] = from->runs[i];
    }
    for (uint32_t i = 0; i < from->logs_n; i++) {
        WR_GROW(into->logs, into->logs_n, into->logs_cap);
        into->logs[into->logs_n++] = from->logs[i];
    }
    for (uint32_t i = 0; i < from->drops_n; i++) {
        WR_GROW(into->drops, into->drops_n, into->drops_cap);
        into->drops[into->drops_n++] = from->drops[i];
    }
    for (uint32_t i = 0; i < from->created_n && into->detached; i++) {
        WR_GROW(into->created, into->created_n, into->created_cap);
        into->created[into->created_n++] = from->created[i];
    }
    wr_buf_put(&into->ops, from->ops.data, from->ops.len);
    into->ram_bytes += from->ram_bytes;
    into->disk_bytes += from->disk_bytes;
    pthread_mutex_unlock(&into->lock);
    from->runs_n = from->logs_n = 0;
    wr_commit_free(from);
}

static void forget_pending(struct trace *trace, const struct commit *commit)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < trace->pending_n; i++) {
        if (trace->pending[i].commit == commit)
            wr_run_release(trace->pending[i].run);
        else
            trace->pending[kept++] = trace->pending[i];
    }
    trace->pending_n = kept;
    wr_trace_stale(trace);
}

void wr_commit_abandon(struct commit *commit)
{
    struct store *store = commit->store;
    pthread_mutex_lock(&store->lock);
    for (uint32_t i = 0; i < commit->runs_n; i++) {
        atomic_store(&commit->runs[i].run->doomed, true);
        forget_pending(commit->runs[i].trace, commit);
    }
    for (uint32_t i = 0; i < commit->logs_n; i++)
        if (commit->logs[i].file)
            atomic_store(&commit->logs[i].file->doomed, true);
    for (uint32_t i = 0; i < commit->created_n; i++)
        wr_trace_remove(commit->created[i]);
    pthread_mutex_unlock(&store->lock);
    wr_commit_free(commit);
}

uint64_t wr_commit_submit(struct commit *commit, commit_done done, void *context)
{
    struct store *store = commit->store;
    commit->done = done;
    commit->context = context;
    pthread_mutex_lock(&store->lock);
    while (store->in_flight >= STORE_IN_FLIGHT)
        pthread_cond_wait(&store->published, &store->lock);
    uint64_t number = commit->number = store->next_number++;
    for (uint32_t i = 0; i < commit->runs_n; i++) {
        commit->runs[i].run->commit = number;
        commit->runs[i].run->seq = i;
    }
    for (uint32_t i = 0; i < commit->drops_n; i++)
        commit->drops[i]->leaving = true;
    store->in_flight++;
    commit->next = NULL;
    *store->queue_end = commit;
    store->queue_end = &commit->next;
    pthread_cond_signal(&store->queue_changed);
    pthread_mutex_unlock(&store->lock);
    return number;
}
