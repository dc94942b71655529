/* Point lookups: a sorted batch of keys against the runs of a version, newest first; each block is read once. */
#include <stdlib.h>

#include "state/bloom.h"
#include "state/merger.h"
#include "state/store_impl.h"

struct lookup {
    const struct str_key *keys;
    uint64_t *hashes;
    uint32_t *open; /* indexes still unresolved, ascending */
    uint32_t open_n;
    entry_found found;
    void *context;
};

/* UPSERT: what the run says about a key is final. */
static bool probe_run(struct lookup *lookup, struct run *run, struct wr_error *err)
{
    struct run_iter iter;
    wr_run_iter_init(&iter, run, false);
    uint32_t kept = 0;
    bool ok = true;
    for (uint32_t i = 0; i < lookup->open_n; i++) {
        uint32_t index = lookup->open[i];
        const struct str_key *key = &lookup->keys[index];
        bool may = true;
        ok = ok && wr_run_iter_may_have(&iter, key->bytes, key->len, lookup->hashes[index], true, &may, err);
        if (ok && may)
            ok = wr_run_iter_seek(&iter, key->bytes, key->len, err);
        if (ok && may && iter.valid && !bytes_compare(iter.entry.key, iter.entry.key_len, key->bytes, key->len)) {
            if (iter.entry.weight)
                lookup->found(lookup->context, index, &iter.entry);
            continue;
        }
        lookup->open[kept++] = index;
    }
    lookup->open_n = kept;
    wr_run_iter_fini(&iter);
    return ok;
}

static bool get_upsert(struct version *version, struct lookup *lookup, struct wr_error *err)
{
    for (uint32_t i = 0; i < version->n && lookup->open_n; i++)
        TRY(probe_run(lookup, version->runs[i], err));
    return true;
}

/* ZSET and APPEND: the first live entry of each key. */
static bool get_bag(struct version *version, struct lookup *lookup, uint32_t n, struct wr_error *err)
{
    struct merger merger;
    wr_merger_init(&merger, version->kind, false, version->runs, version->n, false);
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) {
        const struct str_key *key = &lookup->keys[i];
        bool any = false;
        for (uint32_t r = 0; r < version->n && ok && !any; r++)
            ok = wr_run_iter_may_have(&merger.iters[r], key->bytes, key->len, lookup->hashes[i], true, &any, err);
        const struct entry *entry = NULL;
        wr_merger_bound(&merger, key->bytes, key->len, true);
        if (ok && any)
            ok = wr_merger_seek(&merger, key->bytes, key->len, err) && wr_merger_next(&merger, &entry, err);
        if (ok && entry && !bytes_compare(entry->key, entry->key_len, key->bytes, key->len))
            lookup->found(lookup->context, i, entry);
    }
    wr_merger_fini(&merger);
    return ok;
}

bool wr_version_get(struct version *version, const struct str_key *keys, uint32_t n, entry_found found, void *context,
                    struct wr_error *err)
{
    if (!version->n || !n)
        return true;
    struct lookup lookup = {.keys = keys, .found = found, .context = context, .open_n = n};
    lookup.hashes = wr_malloc(n * (sizeof *lookup.hashes + sizeof *lookup.open));
    lookup.open = (uint32_t *)(void *)(lookup.hashes + n);
    for (uint32_t i = 0; i < n; i++) {
        lookup.hashes[i] = wr_bloom_hash(keys[i].bytes, keys[i].len);
        lookup.open[i] = i;
    }
    bool ok = version->kind == TRACE_UPSERT ? get_upsert(version, &lookup, err) : get_bag(version, &lookup, n, err);
    free(lookup.hashes);
    return ok;
}

bool wr_version_excludes(struct version *version, const char *prefix, uint32_t len)
{
    uint64_t hash = version->n ? wr_bloom_hash(prefix, len) : 0;
    for (uint32_t i = 0; i < version->n; i++) {
        struct wr_error err = WR_ERROR_INIT;
        bool may = true;
        if (!wr_run_may_have(version->runs[i], prefix, len, hash, false, &may, &err) || may)
            return false;
    }
    return true;
}
