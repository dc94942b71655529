/* A commit that holds much RAM writes its runs to disk early. The files mean nothing until the commit's record
 * names them; a trace shows the same rows before and after. */
#include <stdlib.h>

#include "state/merge_runs.h"
#include "state/store_impl.h"

#define SPILL_RUN_BYTES (64 << 10) /* less of one trace stays in RAM: a file is not worth it */

/* RAM runs of one trace that are adjacent in the commit and in the trace, oldest first; retained. */
static uint32_t pick_runs(struct commit *commit, struct trace *trace, struct run **runs, int64_t *bytes)
{
    uint32_t n = 0;
    *bytes = 0;
    for (uint32_t i = 0; i < commit->runs_n; i++) {
        struct run *run = commit->runs[i].run;
        if (commit->runs[i].trace != trace)
            continue;
        if (run->on_disk) {
            if (n)
                break; /* a disk run between: what comes after it is for the next round */
            continue;
        }
        runs[n++] = run;
        *bytes += (int64_t)run->bytes;
    }
    for (uint32_t i = 0; i < n; i++)
        wr_run_retain(runs[i]);
    return n;
}

/* Under store->lock: `from` (oldest first) are adjacent among the trace's pending runs of this commit. */
static void replace_pending(struct trace *trace, struct run *const *from, uint32_t n, struct run *to)
{
    uint32_t kept = 0;
    for (uint32_t p = 0; p < trace->pending_n; p++) {
        bool gone = false;
        for (uint32_t i = 0; i < n && !gone; i++)
            gone = trace->pending[p].run == from[i];
        if (!gone) {
            trace->pending[kept++] = trace->pending[p];
            continue;
        }
        struct commit *commit = trace->pending[p].commit;
        bool last = trace->pending[p].run == from[n - 1];
        wr_run_release(trace->pending[p].run);
        if (last && to) {
            wr_run_retain(to);
            trace->pending[kept++] = (struct pending){to, commit};
        }
    }
    trace->pending_n = kept;
    wr_trace_stale(trace);
}

static void replace_in_commit(struct commit *commit, struct run *const *from, uint32_t n, struct run *to)
{
    uint32_t kept = 0;
    for (uint32_t r = 0; r < commit->runs_n; r++) {
        struct commit_run item = commit->runs[r];
        bool gone = false;
        for (uint32_t i = 0; i < n && !gone; i++)
            gone = item.run == from[i];
        if (gone) {
            commit->ram_bytes -= (int64_t)item.run->bytes;
            bool last = item.run == from[n - 1];
            wr_run_release(item.run);
            if (!last || !to)
                continue;
            item.run = to;
            commit->disk_bytes += (int64_t)to->bytes;
        }
        commit->runs[kept++] = item;
    }
    commit->runs_n = kept;
}

static bool spill_trace(struct commit *commit, struct trace *trace, struct run **runs, uint32_t n, struct wr_error *err)
{
    struct run **newest_first = wr_malloc(n * sizeof *newest_first), *out;
    for (uint32_t i = 0; i < n; i++)
        newest_first[i] = runs[n - 1 - i];
    bool ok = wr_merge_to_disk(newest_first, n, false, false, &out, err);
    free(newest_first);
    if (!ok)
        return false;
    pthread_mutex_lock(&commit->lock);
    replace_in_commit(commit, runs, n, out);
    pthread_mutex_lock(&commit->store->lock);
    replace_pending(trace, runs, n, out);
    pthread_mutex_unlock(&commit->store->lock);
    pthread_mutex_unlock(&commit->lock);
    return true;
}

/* The trace with the most RAM in the commit; NULL: none worth a file. */
static struct trace *biggest_trace(struct commit *commit)
{
    struct trace *best = NULL;
    int64_t best_bytes = SPILL_RUN_BYTES;
    for (uint32_t i = 0; i < commit->runs_n; i++) {
        struct trace *trace = commit->runs[i].trace;
        int64_t bytes = 0;
        for (uint32_t j = 0; j < commit->runs_n; j++)
            if (commit->runs[j].trace == trace && !commit->runs[j].run->on_disk)
                bytes += (int64_t)commit->runs[j].run->bytes;
        if (bytes > best_bytes) {
            best_bytes = bytes;
            best = trace;
        }
    }
    return best;
}

static bool spill_down_to(struct commit *commit, int64_t keep_bytes, struct wr_error *err)
{
    pthread_mutex_lock(&commit->lock);
    if (commit->spilling) { /* another worker is at it */
        pthread_mutex_unlock(&commit->lock);
        return true;
    }
    commit->spilling = true;
    bool ok = true;
    while (ok && commit->ram_bytes > keep_bytes) {
        struct trace *trace = biggest_trace(commit);
        if (!trace)
            break;
        struct run **runs = wr_malloc(commit->runs_n * sizeof *runs);
        int64_t bytes;
        uint32_t n = pick_runs(commit, trace, runs, &bytes);
        pthread_mutex_unlock(&commit->lock);
        ok = spill_trace(commit, trace, runs, n, err);
        for (uint32_t i = 0; i < n; i++)
            wr_run_release(runs[i]);
        free(runs);
        pthread_mutex_lock(&commit->lock);
    }
    commit->spilling = false;
    pthread_mutex_unlock(&commit->lock);
    if (!ok)
        wr_store_fail(commit->store, err);
    return ok;
}

bool wr_commit_spill(struct commit *commit, struct wr_error *err)
{
    return spill_down_to(commit, commit->store->spill_bytes / 2, err);
}

bool wr_commit_lighten(struct commit *commit, struct wr_error *err)
{
    return !commit->store->dir || spill_down_to(commit, 0, err);
}
