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

struct version *wr_version_replace(const struct version *old, struct run *const *from, uint32_t n, struct run *to)
{
    uint32_t first = 0;
    while (first < old->n && old->runs[first] != from[0])
        first++;
    if (first == old->n)
        return NULL;
    struct version *version = wr_version_new(old->store, old->kind, old->n - n + (to ? 1 : 0));
    uint32_t at = 0;
    for (uint32_t i = 0; i < first; i++)
        version->runs[at++] = old->runs[i];
    if (to)
        version->runs[at++] = to;
    for (uint32_t i = first + n; i < old->n; i++)
        version->runs[at++] = old->runs[i];
    for (uint32_t i = 0; i < at; i++)
        wr_run_retain(version->runs[i]);
    return version;
}

int64_t wr_version_entries(const struct version *version)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < version->n; i++)
        n += (int64_t)version->runs[i]->entries;
    return n;
}

bool wr_version_is_empty(const struct version *version)
{
    return version->n == 0;
}

bool wr_version_on_disk(const struct version *version)
{
    for (uint32_t i = version->n; i-- > 0;) /* oldest first */
        if (version->runs[i]->on_disk)
            return true;
    return false;
}
