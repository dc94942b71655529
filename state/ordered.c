/* ordered: windows over sorted groups. Contract: ordered.h.
 *
 * A generation is a RAM-only vmap (prefix -> struct ordered_group) and a slab with the windows' arrays and items.
 * Groups are found in the young generation or moved there from the old one. */
#include "state/ordered.h"

#include <stdlib.h>

#include "state/change_log.h"
#include "state/key_sort.h"
#include "state/slab.h"
#include "state/vmap.h"

/* What a window keeps beyond the rows asked for is for the next deletions: not worth much where entries are wide. */
#define SLACK_BYTES ((size_t)256 << 10)
#define WIDE_BYTES  1024 /* of an entry: narrower ones may be `slack` many */

struct generation {
    struct vmap *groups;
    struct slab slab;
};

struct garbage {
    uint64_t handle;
    size_t size;
};

struct ordered {
    struct ordered_options options;
    struct generation *young, *old; /* old: NULL if there is none */
    struct change_log log;
    uint32_t seals;
    bool complete; /* a group that is not here is empty */
    struct garbage *garbage;
    uint32_t ngarbage, garbage_cap;
    struct ordered_stats stats;
};

/* ---- windows */

static inline uint64_t *window_of(const struct generation *g, const struct ordered_group *group)
{
    return wr_slab_at(&g->slab, group->window);
}

static inline struct ordered_item *item_at(const struct generation *g, const struct ordered_group *group, uint32_t i)
{
    return wr_slab_at(&g->slab, window_of(g, group)[i]);
}

static inline size_t item_size(const struct ordered_item *item)
{
    return sizeof(*item) + (size_t)item->key_len + item->payload_len;
}

static void discard_block(struct ordered *o, uint64_t handle, size_t size)
{
    if (o->ngarbage == o->garbage_cap) {
        o->garbage_cap = WR_MAX(64u, o->garbage_cap * 2);
        o->garbage = wr_realloc(o->garbage, o->garbage_cap * sizeof(*o->garbage));
    }
    o->garbage[o->ngarbage++] = (struct garbage){handle, size};
}

static void window_reserve(struct generation *g, struct ordered_group *group)
{
    if (group->n < group->cap)
        return;
    uint32_t cap = group->cap ? group->cap * 2 : 4;
    uint64_t handle;
    uint64_t *window = wr_slab_alloc(&g->slab, (size_t)cap * 8, &handle);
    if (group->n)
        memcpy(window, window_of(g, group), (size_t)group->n * 8);
    if (group->cap)
        wr_slab_release(&g->slab, group->window, (size_t)group->cap * 8);
    group->window = handle;
    group->cap = cap;
}

static void window_insert(struct generation *g, struct ordered_group *group, uint32_t at, uint64_t item)
{
    window_reserve(g, group);
    uint64_t *window = window_of(g, group);
    memmove(window + at + 1, window + at, (size_t)(group->n - at) * 8);
    window[at] = item;
    group->n++;
}

static uint64_t item_new(struct generation *g, const char *key, uint32_t key_len, const char *payload,
                         uint32_t payload_len, int64_t weight)
{
    uint64_t handle;
    struct ordered_item *item = wr_slab_alloc(&g->slab, sizeof(*item) + (size_t)key_len + payload_len, &handle);
    *item = (struct ordered_item){weight, key_len, payload_len};
    if (key_len)
        memcpy(item->bytes, key, key_len);
    if (payload_len)
        memcpy(item->bytes + key_len, payload, payload_len);
    return handle;
}

static void window_remove(struct ordered *o, struct generation *g, struct ordered_group *group, uint32_t at)
{
    uint64_t *window = window_of(g, group);
    discard_block(o, window[at], item_size(item_at(g, group, at)));
    memmove(window + at, window + at + 1, (size_t)(group->n - at - 1) * 8);
    group->n--;
}

static void window_cut(struct ordered *o, struct generation *g, struct ordered_group *group, uint32_t n)
{
    while (group->n > n)
        window_remove(o, g, group, group->n - 1);
}

/* An item against order key and payload: as if both were one string, see the header. */
static int item_cmp(const struct ordered_item *item, const char *key, uint32_t key_len, const char *payload,
                    uint32_t payload_len)
{
    int c = wr_key_cmp(item->bytes, item->key_len, key, key_len);
    return c ? c : wr_key_cmp(wr_ordered_payload(item), item->payload_len, payload, payload_len);
}

/* ---- generations */

static void group_fini(void *context, void *value)
{
    struct generation *g = context;
    struct ordered_group *group = value;
    for (uint32_t i = 0; i < group->n; i++) {
        struct ordered_item *item = item_at(g, group, i);
        wr_slab_release(&g->slab, window_of(g, group)[i], item_size(item));
    }
    if (group->cap)
        wr_slab_release(&g->slab, group->window, (size_t)group->cap * 8);
}

static struct generation *generation_new(struct ordered *o)
{
    struct generation *g = wr_calloc(1, sizeof(*g));
    wr_slab_init(&g->slab, o->options.pool);
    g->groups = wr_vmap_new(&(struct vmap_options){
        .pool = o->options.pool, .fixed_size = sizeof(struct ordered_group), .context = g, .fini = group_fini});
    return g;
}

static int64_t generation_bytes(const struct generation *g)
{
    if (!g)
        return 0;
    struct vmap_stats stats;
    wr_vmap_stats(g->groups, &stats);
    return g->slab.bytes + stats.bytes;
}

static void generation_free(struct generation *g)
{
    if (!g)
        return;
    wr_vmap_free(g->groups);
    wr_slab_fini(&g->slab);
    free(g);
}

struct ordered *wr_ordered_new(const struct ordered_options *options)
{
    struct ordered *o = wr_calloc(1, sizeof(*o));
    o->options = *options;
    o->young = generation_new(o);
    wr_change_log_init(&o->log, options->pool);
    o->complete = true;
    if (options->trace) {
        struct version *version = wr_trace_current(options->trace);
        o->complete = wr_version_is_empty(version);
        wr_version_release(version);
    }
    return o;
}

void wr_ordered_free(struct ordered *o)
{
    if (!o)
        return;
    generation_free(o->young);
    generation_free(o->old);
    wr_change_log_clear(&o->log);
    free(o->garbage);
    free(o);
}

/* ---- reading windows */

/* Does the log hold changes of this group? */
static inline bool unsealed(const struct ordered *o, const struct ordered_group *group)
{
    return group->logged == o->seals + 1;
}

static bool seal_log(struct ordered *o, struct commit *commit, struct wr_error *err)
{
    o->seals++;
    return wr_change_log_seal(&o->log, o->options.trace, commit, err);
}

static uint64_t enough(const struct ordered *o)
{
    uint64_t need = o->options.need;
    return need > UINT64_MAX - o->options.slack ? UINT64_MAX : need + o->options.slack;
}

static bool load(struct ordered *o, struct ordered_group *group, struct version *version, const char *prefix,
                 uint32_t len, struct wr_error *err)
{
    group->loaded = group->complete = true;
    if (wr_version_excludes(version, prefix, len))
        return true;
    o->stats.misses++;
    struct cursor *cursor = wr_cursor_open_prefix(version, prefix, len, true);
    const struct entry *entry = NULL;
    uint64_t weight = 0, want = enough(o);
    size_t slack_bytes = 0;
    wr_error_clear(err);
    while (weight < want && (entry = wr_cursor_next(cursor, err))) {
        slack_bytes += weight >= o->options.need ? (size_t)entry->key_len - len + entry->payload_len : 0;
        if (slack_bytes > SLACK_BYTES)
            break;
        uint64_t item = item_new(o->young, entry->key + len, entry->key_len - len, entry->payload, entry->payload_len,
                                 entry->weight);
        window_insert(o->young, group, group->n, item);
        weight += entry->weight > 0 ? (uint64_t)entry->weight : 0;
        o->stats.touched++;
    }
    group->complete = !entry;
    wr_cursor_close(cursor);
    return !err->sqlstate[0];
}

/* The old generation's window moves over, item by item. */
static void adopt(struct ordered *o, struct ordered_group *group, struct ordered_group *from)
{
    *group = (struct ordered_group){.complete = from->complete, .logged = from->logged, .loaded = true};
    for (uint32_t i = 0; i < from->n; i++) {
        const struct ordered_item *item = item_at(o->old, from, i);
        window_insert(
            o->young, group, i,
            item_new(o->young, item->bytes, item->key_len, wr_ordered_payload(item), item->payload_len, item->weight));
    }
}

static bool adopt_old(struct ordered *o, struct ordered_group *group, const char *prefix, uint32_t len)
{
    struct vmap_entry *entry;
    struct wr_error ignored;
    if (!o->old || !wr_vmap_find_one(o->old->groups, prefix, len, &entry, &ignored) || !entry)
        return false;
    adopt(o, group, wr_vmap_fixed(entry));
    wr_vmap_delete(o->old->groups, entry);
    wr_vmap_reclaim(o->old->groups);
    return true;
}

bool wr_ordered_find(struct ordered *o, struct wr_arena *arena, const struct keys *prefixes,
                     struct ordered_found *found, struct wr_error *err)
{
    struct vmap_found groups;
    TRY(wr_vmap_find(o->young->groups, arena, prefixes, NULL, &groups, err));
    found->n = groups.n;
    found->rows = groups.rows;
    found->of = groups.of;
    found->groups = wr_arena_alloc(arena, groups.n * sizeof(*found->groups));
    struct version *version = NULL;
    bool ok = true;
    for (uint32_t i = 0; i < groups.n && ok; i++) {
        struct ordered_group *group = found->groups[i] = wr_vmap_fixed(groups.entries[i]);
        if (group->loaded)
            continue;
        wr_vmap_touch(o->young->groups, groups.entries[i]);
        const char *prefix = wr_key_at(prefixes, groups.rows[i]);
        uint32_t len = wr_key_len(prefixes, groups.rows[i]);
        if (adopt_old(o, group, prefix, len))
            continue;
        if (o->complete) {
            group->loaded = group->complete = true;
            continue;
        }
        if (!version)
            version = wr_trace_current(o->options.trace);
        ok = load(o, group, version, prefix, len, err);
    }
    if (version)
        wr_version_release(version);
    return ok;
}

/* Does the window hold the first `need` rows? */
static bool suffices(const struct ordered *o, const struct ordered_group *group)
{
    if (group->complete)
        return true;
    uint64_t weight = 0;
    for (uint32_t i = 0; i < group->n && weight < o->options.need; i++) {
        int64_t w = item_at(o->young, group, i)->weight;
        weight += w > 0 ? (uint64_t)w : 0;
    }
    return weight >= o->options.need;
}

bool wr_ordered_refill(struct ordered *o, struct ordered_group *const *groups, const struct str_key *prefixes,
                       uint32_t n, struct commit *commit, struct wr_error *err)
{
    struct version *version = NULL;
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) {
        struct ordered_group *group = groups[i];
        if (suffices(o, group))
            continue;
        if (unsealed(o, group)) {
            if (version)
                wr_version_release(version);
            version = NULL;
            TRY(seal_log(o, commit, err));
        }
        if (!version)
            version = wr_trace_current(o->options.trace);
        window_cut(o, o->young, group, 0);
        ok = load(o, group, version, prefixes[i].bytes, prefixes[i].len, err);
    }
    if (version)
        wr_version_release(version);
    return ok;
}

/* ---- changing */

static void log_change(struct ordered *o, struct ordered_group *group, const struct ordered_change *change,
                       int64_t weight)
{
    if (!o->options.trace && o->options.discard)
        return;
    if (group)
        group->logged = o->seals + 1;
    wr_change_log_add(&o->log, &(struct entry){.key = change->key,
                                               .key_len = change->key_len,
                                               .prefix_len = change->prefix_len,
                                               .payload = change->payload,
                                               .payload_len = change->payload_len,
                                               .weight = weight});
}

/* Where the change's entry is, or would be. */
static uint32_t search(const struct generation *g, const struct ordered_group *group, const struct ordered_change *c,
                       bool *present)
{
    const char *key = c->key + c->prefix_len;
    uint32_t key_len = c->key_len - c->prefix_len;
    uint32_t lo = 0, hi = group->n;
    *present = false;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int cmp = item_cmp(item_at(g, group, mid), key, key_len, c->payload, c->payload_len);
        if (!cmp) {
            *present = true;
            return mid;
        }
        if (cmp < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* discard: the items behind the first `need` leave the state for good. */
static void discard_tail(struct ordered *o, struct ordered_group *group, const struct ordered_change *change)
{
    while (group->n > o->options.need) {
        const struct ordered_item *item = item_at(o->young, group, group->n - 1);
        if (o->options.trace) {
            struct wr_buf key = WR_BUF_INIT;
            wr_buf_put(&key, change->key, change->prefix_len);
            wr_buf_put(&key, item->bytes, item->key_len);
            struct ordered_change gone = {key.data,           wr_ordered_payload(item), (uint32_t)key.len,
                                          change->prefix_len, item->payload_len,        0};
            log_change(o, group, &gone, -item->weight);
            wr_buf_free(&key);
        }
        window_remove(o, o->young, group, group->n - 1);
    }
}

/* How many entries of a window that took in a wide one stay: behind the first `need`, SLACK_BYTES of them. */
static uint32_t entries_that_fit(const struct ordered *o, const struct ordered_group *group)
{
    uint64_t i = o->options.need;
    for (size_t bytes = 0; i < group->n; i++) {
        bytes += item_size(item_at(o->young, group, (uint32_t)i));
        if (bytes > SLACK_BYTES)
            return (uint32_t)i;
    }
    return group->n;
}

static void trim(struct ordered *o, struct ordered_group *group, const struct ordered_change *change)
{
    if (o->options.discard) {
        discard_tail(o, group, change);
        return;
    }
    uint64_t keep = enough(o);
    if (keep == UINT64_MAX)
        return;
    if (group->n <= keep + o->options.slack) {
        if (change->key_len + change->payload_len < WIDE_BYTES)
            return;
        keep = entries_that_fit(o, group);
        if (keep == group->n)
            return;
    }
    window_cut(o, o->young, group, (uint32_t)keep);
    group->complete = false;
}

void wr_ordered_change(struct ordered *o, struct ordered_group *group, const struct ordered_change *change)
{
    o->stats.touched++;
    if (!group) {
        log_change(o, NULL, change, change->weight);
        return;
    }
    bool present;
    uint32_t at = search(o->young, group, change, &present);
    if (o->options.discard && at >= o->options.need)
        return;
    log_change(o, group, change, change->weight);
    if (present) {
        struct ordered_item *item = item_at(o->young, group, at);
        item->weight += change->weight;
        if (!item->weight)
            window_remove(o, o->young, group, at);
        return;
    }
    if (at == group->n && !group->complete)
        return;
    uint64_t item = item_new(o->young, change->key + change->prefix_len, change->key_len - change->prefix_len,
                             change->payload, change->payload_len, change->weight);
    window_insert(o->young, group, at, item);
    trim(o, group, change);
}

bool wr_ordered_wants(const struct ordered *o, const struct ordered_group *group, const char *order_key, uint32_t len)
{
    if (group->n < o->options.need)
        return true;
    if (!group->n)
        return false;
    const struct ordered_item *last = item_at(o->young, group, group->n - 1);
    return wr_key_cmp(order_key, len, last->bytes, last->key_len) <= 0;
}

const struct ordered_item *wr_ordered_item(const struct ordered *o, const struct ordered_group *group, uint32_t i)
{
    return item_at(o->young, group, i);
}

/* ---- life */

void wr_ordered_forget_empty(struct ordered *o, const struct str_key *prefix)
{
    struct vmap_entry *entry;
    struct wr_error ignored;
    if (!wr_vmap_find_one(o->young->groups, prefix->bytes, prefix->len, &entry, &ignored) || !entry)
        return;
    const struct ordered_group *group = wr_vmap_fixed(entry);
    if (!group->n && group->complete && (o->complete || !unsealed(o, group)))
        wr_vmap_delete(o->young->groups, entry);
}

void wr_ordered_reclaim(struct ordered *o)
{
    for (uint32_t i = 0; i < o->ngarbage; i++)
        wr_slab_release(&o->young->slab, o->garbage[i].handle, o->garbage[i].size);
    o->ngarbage = 0;
    wr_vmap_reclaim(o->young->groups);
}

bool wr_ordered_seal(struct ordered *o, struct commit *commit, struct wr_error *err)
{
    return seal_log(o, commit, err);
}

int64_t wr_ordered_relieve(struct ordered *o, int64_t bytes)
{
    if (!o->options.trace || o->log.n)
        return 0;
    wr_ordered_reclaim(o);
    int64_t freed = generation_bytes(o->old);
    if (o->old)
        o->complete = false;
    generation_free(o->old);
    o->old = NULL;
    if (freed < bytes) {
        o->old = o->young;
        o->young = generation_new(o);
    }
    return freed;
}

uint32_t wr_ordered_cut(struct ordered *o, uint64_t need, struct str_key *last)
{
    const struct change_record *first = NULL; /* of the prefix */
    struct change_log kept;
    uint64_t at = 0;
    wr_change_log_init(&kept, o->options.pool);
    wr_change_log_sort(&o->log);
    for (uint32_t i = 0; i < o->log.n; i++) {
        const struct change_record *r = o->log.records[i];
        if (!first || wr_key_cmp(first->bytes, first->prefix_len, r->bytes, r->prefix_len)) {
            first = r;
            at = 0;
        }
        if (at < need) {
            struct entry entry = wr_change_entry(r);
            wr_change_log_add(&kept, &entry);
        }
        at += (uint64_t)r->weight;
    }
    wr_change_log_clear(&o->log);
    o->log = kept;
    const struct change_record *end = kept.n ? kept.records[kept.n - 1] : NULL;
    *last = end ? (struct str_key){end->bytes, end->key_len} : (struct str_key){0};
    return kept.n;
}

bool wr_ordered_each(struct ordered *o, ordered_visit visit, void *context)
{
    wr_change_log_sort(&o->log);
    for (uint32_t i = 0; i < o->log.n; i++) {
        const struct change_record *r = o->log.records[i];
        struct ordered_change entry = {r->bytes,      r->bytes + r->key_len, r->key_len,
                                       r->prefix_len, r->payload_len,        r->weight};
        if (!visit(context, &entry))
            return false;
    }
    return true;
}

struct group_visit {
    ordered_group_visit visit;
    void *context;
    bool ok;
};

static bool visit_group(void *context, struct vmap_entry *entry)
{
    struct group_visit *v = context;
    return v->ok = v->visit(v->context, wr_vmap_fixed(entry));
}

bool wr_ordered_each_group(struct ordered *o, ordered_group_visit visit, void *context)
{
    struct group_visit v = {visit, context, true};
    wr_vmap_each(o->young->groups, visit_group, &v);
    return v.ok;
}

void wr_ordered_stats(const struct ordered *o, struct ordered_stats *stats)
{
    struct vmap_stats groups;
    *stats = o->stats;
    wr_vmap_stats(o->young->groups, &groups);
    stats->groups = groups.entries;
    stats->bytes = generation_bytes(o->young) + generation_bytes(o->old) + o->log.bytes;
}
