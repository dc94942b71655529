#include "state/change_runs.h"

#include <stdlib.h>

#include "state/merger.h"
#include "state/store_impl.h"

static struct run *run_in_ram(const struct change_log *log, struct store *store)
{
    struct run_builder *builder = wr_run_builder_of(store, TRACE_ZSET, log->n, (size_t)log->bytes);
    for (uint32_t i = 0; i < log->n; i++) {
        struct entry entry = wr_change_entry(log->records[i]);
        wr_run_builder_add(builder, &entry);
    }
    return wr_run_builder_finish(builder);
}

static bool run_in_file(const struct change_log *log, struct store *store, struct run **run, struct wr_error *err)
{
    struct run_writer *writer = wr_run_writer_new(store, TRACE_ZSET, err);
    if (!writer)
        return false;
    for (uint32_t i = 0; i < log->n; i++) {
        struct entry entry = wr_change_entry(log->records[i]);
        if (!wr_run_writer_add(writer, &entry, err)) {
            wr_run_writer_cancel(writer);
            return false;
        }
    }
    return wr_run_writer_finish(writer, run, err);
}

bool wr_change_runs_add(struct change_runs *runs, struct change_log *log, struct store *store, struct wr_error *err)
{
    struct run *run = NULL;
    wr_change_log_sort(log);
    if (!store->dir)
        run = run_in_ram(log, store);
    else if (!run_in_file(log, store, &run, err))
        return false;
    wr_change_log_clear(log);
    if (!run)
        return true;
    WR_GROW(runs->runs, runs->n, runs->cap);
    runs->runs[runs->n++] = run;
    return true;
}

bool wr_change_runs_each(const struct change_runs *runs, void (*take)(void *context, const struct entry *entry),
                         void *context, struct wr_error *err)
{
    struct merger merger;
    const struct entry *entry = NULL;
    bool ok;
    wr_merger_init(&merger, TRACE_ZSET, false, runs->runs, runs->n, true);
    while ((ok = wr_merger_next(&merger, &entry, err)) && entry)
        take(context, entry);
    wr_merger_fini(&merger);
    return ok;
}

void wr_change_runs_clear(struct change_runs *runs)
{
    for (uint32_t i = 0; i < runs->n; i++) {
        atomic_store(&runs->runs[i]->doomed, true);
        wr_run_release(runs->runs[i]);
    }
    free(runs->runs);
    *runs = (struct change_runs){NULL, 0, 0};
}
