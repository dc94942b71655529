#include "state/merge_runs.h"

#include <unistd.h>

#include "base/failpoint.h"
#include "state/merger.h"
#include "state/store_impl.h"

#define PACE_BYTES  (1 << 20)
#define PACE_MICROS 8000 /* per PACE_BYTES while commits are under way: about 100 MB/s at most */

static bool check_sum(const struct merger *merger, struct run *const *runs, uint32_t n, uint64_t got,
                      struct wr_error *err)
{
    uint64_t want = -merger->dropped;
    for (uint32_t i = 0; i < n; i++)
        want += runs[i]->checksum;
    if (want == got)
        return true;
    return wr_fail(err, ERR_DATA_CORRUPTED, "a merge of %u runs does not add up; its inputs were kept", n);
}

static void age_as_newest(struct run *out, const struct run *newest)
{
    if (!out)
        return;
    out->commit = newest->commit;
    out->seq = newest->seq;
}

static void count_merge(struct store *store, struct run *const *runs, uint32_t n, const struct run *out)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += (int64_t)runs[i]->bytes;
    atomic_fetch_add(&store->merges, 1);
    atomic_fetch_add(&store->merge_read, bytes);
    atomic_fetch_add(&store->merge_written, out ? (int64_t)out->bytes : 0);
}

bool wr_merge_to_ram(struct run *const *runs, uint32_t n, bool oldest, struct run **out, struct wr_error *err)
{
    struct store *store = runs[0]->store;
    enum trace_kind kind = runs[0]->kind;
    size_t entries = 0, bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        entries += runs[i]->entries;
        bytes += runs[i]->bytes;
    }
    struct merger merger;
    wr_merger_init(&merger, kind, !oldest, runs, n, true);
    struct run_builder *builder = wr_run_builder_of(store, kind, entries, bytes);
    const struct entry *entry = NULL;
    bool ok;
    while ((ok = wr_merger_next(&merger, &entry, err)) && entry)
        wr_run_builder_add(builder, entry);
    ok = ok && check_sum(&merger, runs, n, wr_run_builder_checksum(builder), err);
    *out = wr_run_builder_finish(builder);
    wr_merger_fini(&merger);
    if (!ok) {
        wr_run_release(*out);
        *out = NULL;
        return false;
    }
    age_as_newest(*out, runs[0]);
    count_merge(store, runs, n, *out);
    return true;
}

/* Merges give way to commits: they sleep a little after each megabyte, unless the store is closing. */
static bool pace(struct store *store, bool paced, size_t *since, size_t len, struct wr_error *err)
{
    *since += len;
    if (*since < PACE_BYTES)
        return true;
    *since = 0;
    if (!paced)
        return true;
    pthread_mutex_lock(&store->lock);
    bool closing = store->closing, busy = store->in_flight > 0;
    pthread_mutex_unlock(&store->lock);
    if (closing)
        return wr_fail(err, ERR_SHUTDOWN, "the store is closing");
    if (busy)
        usleep(PACE_MICROS);
    return true;
}

static bool stream(struct merger *merger, struct run_writer *writer, struct store *store, bool paced,
                   struct wr_error *err)
{
    const struct entry *entry;
    size_t since = 0;
    for (;;) {
        TRY(wr_merger_next(merger, &entry, err));
        if (!entry)
            return true;
        TRY(wr_run_writer_add(writer, entry, err));
        TRY(pace(store, paced, &since, (size_t)entry->key_len + entry->payload_len + 4, err));
    }
}

bool wr_merge_to_disk(struct run *const *runs, uint32_t n, bool oldest, bool paced, struct run **out,
                      struct wr_error *err)
{
    struct store *store = runs[0]->store;
    *out = NULL;
    struct run_writer *writer = wr_run_writer_new(store, runs[0]->kind, err);
    if (!writer)
        return false;
    struct merger merger;
    wr_merger_init(&merger, runs[0]->kind, !oldest, runs, n, true);
    bool ok =
        stream(&merger, writer, store, paced, err) && check_sum(&merger, runs, n, wr_run_writer_checksum(writer), err);
    wr_merger_fini(&merger);
    if (!ok) {
        wr_run_writer_cancel(writer);
        return false;
    }
    TRY(wr_run_writer_finish(writer, out, err));
    wr_failpoint(FP_MERGE_WRITTEN);
    age_as_newest(*out, runs[0]);
    count_merge(store, runs, n, *out);
    return true;
}
