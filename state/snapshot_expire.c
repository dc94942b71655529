/* Snapshots that hold too much are told to give up: a pin keeps replaced runs in RAM (and their files), and RAM is
 * bounded by the budget. The oldest go first, until what only snapshots hold is below a quarter of the budget. */
#include "state/store_impl.h"

/* Under store->lock: bytes of RAM runs that some trace still shows. */
static int64_t shown_bytes(const struct store *store)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < store->traces_cap; i++)
        for (const struct trace *trace = store->traces[i]; trace; trace = trace->next) {
            for (uint32_t r = 0; r < trace->durable->n; r++)
                bytes += trace->durable->runs[r]->charged;
            for (uint32_t r = 0; r < trace->pending_n; r++)
                bytes += trace->pending[r].run->charged;
        }
    return bytes;
}

void wr_snapshots_expire(struct store *store)
{
    const struct wr_budget *budget = store->runs_pool.budget;
    if (!budget || budget->limit_bytes <= 0)
        return;
    pthread_mutex_lock(&store->lock);
    struct snapshot *oldest = NULL;
    for (struct snapshot *s = store->snapshots; s; s = s->next) /* newest first */
        if (!wr_snapshot_expired(s) && s->commit < store->committed)
            oldest = s;
    if (oldest && atomic_load(&store->ram_run_bytes) - shown_bytes(store) > budget->limit_bytes / 4)
        atomic_store(&oldest->expired, true);
    pthread_mutex_unlock(&store->lock);
}
