/* A commit that holds much RAM writes its runs to disk early, and few runs of each trace stay in it: whoever works on
 * a large statement under little memory seals often and reads what it sealed. The files mean nothing until the commit's
 * record names them; a trace shows the same rows before and after. */
#include <stdlib.h>

#include "state/merge_runs.h"
#include "state/store_impl.h"

#define SPILL_RUN_BYTES (64 << 10) /* less of one trace stays in RAM: a file is not worth it */

/* All runs of one trace in the commit, oldest first. */
static uint32_t runs_of(const struct commit *commit, const struct trace *trace, struct run **runs)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < commit->runs_n; i++)
        if (commit->runs[i].trace == trace)
            runs[n++] = commit->runs[i].run;
    return n;
}

/* How many files before runs[from], whose bytes are to be written, are written anew with them: a statement that changes
 * much writes many, and each read would look into all. */
static uint32_t files_to_join(struct run *const *runs, uint32_t from, uint64_t bytes)
{
    uint32_t n = 0;
    while (n < from && runs[from - 1 - n]->bytes <= 2 * bytes)
        bytes += runs[from - 1 - n++]->bytes;
    return n + 1 >= STORE_DISK_FAN_IN ? n : 0;
}

/* What one file is made of: RAM runs of a trace that are adjacent in the commit and in the trace, perhaps with files
 * before them; oldest first, retained, at the beginning of `runs`. */
static uint32_t pick_runs(const struct commit *commit, const struct trace *trace, struct run **runs)
{
    uint32_t all = runs_of(commit, trace, runs), from = 0, n = 0;
    while (from < all && runs[from]->on_disk)
        from++;
    uint64_t bytes = 0;
    while (from + n < all && !runs[from + n]->on_disk) /* a disk run between: what follows is for the next round */
        bytes += runs[from + n++]->bytes;
    uint32_t joined = files_to_join(runs, from, bytes);
    n += joined;
    memmove(runs, runs + from - joined, n * sizeof *runs);
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
            *(item.run->on_disk ? &commit->disk_bytes : &commit->ram_bytes) -= (int64_t)item.run->bytes;
            bool last = item.run == from[n - 1];
            atomic_store(&item.run->doomed, true);
            wr_run_release(item.run);
            if (!last || !to)
                continue;
            wr_run_retain(to);
            item.run = to;
            *(to->on_disk ? &commit->disk_bytes : &commit->ram_bytes) += (int64_t)to->bytes;
        }
        commit->runs[kept++] = item;
    }
    commit->runs_n = kept;
}

/* Runs of the trace (oldest first) become one. */
static bool merge_runs(struct commit *commit, struct trace *trace, struct run **runs, uint32_t n, bool to_disk,
                       struct wr_error *err)
{
    struct run **newest_first = wr_malloc(n * sizeof *newest_first), *out;
    for (uint32_t i = 0; i < n; i++)
        newest_first[i] = runs[n - 1 - i];
    bool ok = to_disk ? wr_merge_to_disk(newest_first, n, false, false, &out, err)
                      : wr_merge_to_ram(newest_first, n, false, &out, err);
    free(newest_first);
    if (!ok)
        return false;
    pthread_mutex_lock(&commit->lock);
    replace_in_commit(commit, runs, n, out);
    pthread_mutex_lock(&commit->store->lock);
    replace_pending(trace, runs, n, out);
    pthread_mutex_unlock(&commit->store->lock);
    pthread_mutex_unlock(&commit->lock);
    wr_run_release(out);
    return true;
}

static void release_runs(struct run **runs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        wr_run_release(runs[i]);
    free(runs);
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
        uint32_t n = pick_runs(commit, trace, runs);
        pthread_mutex_unlock(&commit->lock);
        ok = merge_runs(commit, trace, runs, n, true, err);
        release_runs(runs, n);
        pthread_mutex_lock(&commit->lock);
    }
    commit->spilling = false;
    pthread_mutex_unlock(&commit->lock);
    if (!ok)
        wr_store_fail(commit->store, err);
    return ok;
}

/* Under store->lock: the newest runs of the commit in the trace that are worth merging in RAM, oldest first, retained.
 */
static uint32_t pick_small(const struct commit *commit, const struct trace *trace, struct run **runs)
{
    uint32_t ram = 0;
    while (ram < trace->pending_n && trace->pending[trace->pending_n - 1 - ram].commit == commit &&
           !trace->pending[trace->pending_n - 1 - ram].run->on_disk)
        ram++;
    const struct pending *newest = trace->pending + trace->pending_n - ram;
    for (uint32_t i = 0; i < ram; i++)
        runs[i] = newest[ram - 1 - i].run;
    uint32_t n = wr_ram_runs_to_merge(runs, ram);
    for (uint32_t i = 0; i < n; i++) {
        runs[i] = newest[ram - n + i].run;
        wr_run_retain(runs[i]);
    }
    return n;
}

bool wr_commit_gather(struct commit *commit, struct trace *trace, struct wr_error *err)
{
    struct store *store = commit->store;
    pthread_mutex_lock(&commit->lock);
    if (commit->spilling) {
        pthread_mutex_unlock(&commit->lock);
        return true;
    }
    pthread_mutex_lock(&store->lock);
    struct run **runs = trace->pending_n >= STORE_RAM_RUNS ? wr_malloc(trace->pending_n * sizeof *runs) : NULL;
    uint32_t n = runs ? pick_small(commit, trace, runs) : 0;
    pthread_mutex_unlock(&store->lock);
    commit->spilling = n > 1;
    pthread_mutex_unlock(&commit->lock);
    bool ok = true;
    if (n > 1) {
        ok = merge_runs(commit, trace, runs, n, false, err);
        pthread_mutex_lock(&commit->lock);
        commit->spilling = false;
        pthread_mutex_unlock(&commit->lock);
    }
    release_runs(runs, n);
    if (!ok)
        wr_store_fail(store, err);
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
