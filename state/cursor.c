/* Cursors: ordered scans of a version. */
#include <stdlib.h>

#include "state/bloom.h"
#include "state/merger.h"
#include "state/store_impl.h"

struct cursor {
    struct version *version;
    struct merger merger;
    struct wr_buf lo, hi; /* hi: exclusive bound, or the prefix */
    bool has_lo, has_hi, is_prefix, started;
    struct wr_error error; /* met while opening */
};

static struct cursor *open_cursor(struct version *version, struct run *const *runs, uint32_t n)
{
    struct cursor *cursor = wr_calloc(1, sizeof *cursor);
    wr_version_retain(version);
    cursor->version = version;
    wr_merger_init(&cursor->merger, version->kind, false, runs, n, false);
    return cursor;
}

struct cursor *wr_cursor_open(struct version *version, const char *lo, uint32_t lo_len, const char *hi, uint32_t hi_len)
{
    struct cursor *cursor = open_cursor(version, version->runs, version->n);
    cursor->has_lo = lo != NULL;
    cursor->has_hi = hi != NULL;
    wr_buf_put(&cursor->lo, lo, lo_len);
    wr_buf_put(&cursor->hi, hi, hi_len);
    return cursor;
}

struct cursor *wr_cursor_open_prefix(struct version *version, const char *prefix, uint32_t len, bool is_lookup)
{
    struct run **runs = wr_malloc(version->n * sizeof(struct run *));
    uint32_t n = 0;
    struct wr_error error = WR_ERROR_INIT;
    uint64_t hash = is_lookup ? wr_bloom_hash(prefix, len) : 0;
    for (uint32_t i = 0; i < version->n; i++) {
        bool may = true;
        if (is_lookup && !wr_run_may_have(version->runs[i], prefix, len, hash, false, &may, &error))
            break;
        if (may)
            runs[n++] = version->runs[i];
    }
    struct cursor *cursor = open_cursor(version, runs, n);
    free(runs);
    cursor->error = error;
    cursor->has_lo = true;
    cursor->has_hi = true;
    cursor->is_prefix = true;
    wr_buf_put(&cursor->lo, prefix, len);
    wr_buf_put(&cursor->hi, prefix, len);
    return cursor;
}

const struct entry *wr_cursor_next(struct cursor *cursor, struct wr_error *err)
{
    err->sqlstate[0] = '\0';
    if (cursor->error.sqlstate[0]) {
        *err = cursor->error;
        return NULL;
    }
    if (!cursor->started) {
        cursor->started = true;
        const char *lo = cursor->has_lo ? (cursor->lo.data ? cursor->lo.data : "") : NULL;
        if (cursor->has_hi)
            wr_merger_bound(&cursor->merger, cursor->hi.data, (uint32_t)cursor->hi.len, cursor->is_prefix);
        if (!wr_merger_seek(&cursor->merger, lo, (uint32_t)cursor->lo.len, err))
            return NULL;
    }
    const struct entry *entry;
    return wr_merger_next(&cursor->merger, &entry, err) ? entry : NULL;
}

void wr_cursor_close(struct cursor *cursor)
{
    wr_merger_fini(&cursor->merger);
    wr_buf_free(&cursor->lo);
    wr_buf_free(&cursor->hi);
    wr_version_release(cursor->version);
    free(cursor);
}
