/* Versions: the runs that make up a trace at one moment. */
#include <stdlib.h>

#include "state/store_impl.h"

struct version *wr_version_new(struct store *store, enum trace_kind kind, uint32_t n)
{
    struct version *version = wr_calloc(1, sizeof *version + n * sizeof(struct run *));
    atomic_init(&version->refs, 1);
    version->kind = kind;
    version->store = store;
    version->n = n;
    return version;
}

void wr_version_retain(struct version *version)
{
    atomic_fetch_add_explicit(&version->refs, 1, memory_order_relaxed);
}

void wr_version_release(struct version *version)
{
    if (!version || atomic_fetch_sub_explicit(&version->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < version->n; i++)
        wr_run_release(version->runs[i]);
    free(version);
}

bool wr_version_is_empty(const struct version *version)
{
    return version->n == 0;
}
