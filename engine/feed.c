/* Rows of tables, views and their like for the scans of a query: from the snapshot, all of them or those of keys that
 * the plan gives, with what the session's transaction has written. */
#include "engine/session.h"

#include "base/thread.h"
#include "engine/key_ranges.h"

/* Below so many, all rows are read rather than 256 ranges of them. */
#define LEADING_ENTRIES_MIN 50000

/* ---- rows on their way */

struct feed {
    struct weir_session *session;
    const struct read_view *view;
    struct op *scan;
    const struct object *object;     /* what is scanned */
    const struct relation *relation; /* where its rows are: itself, or an index */
    const uint16_t *columns;         /* of an index: of each of its columns the scanned object's; NULL: itself */
    struct wr_arena bytes;
    const char **rows;
    int64_t *weights;
    uint32_t n;
    size_t len; /* of the rows */
};

/* An index's columns at the places they have in what is scanned; others are not asked for. */
static void as_scanned(const struct feed *feed, struct batch *batch)
{
    struct column *cols = WR_NEW_ARRAY(&feed->scan->worker->arena, struct column, feed->object->ncols + 1);
    for (uint16_t c = 0; c < batch->ncols; c++)
        cols[feed->columns[c]] = batch->cols[c];
    batch->cols = cols;
    batch->ncols = feed->object->ncols;
}

static bool feed_flush(struct feed *feed)
{
    if (!feed->n)
        return true;
    struct worker *worker = feed->scan->worker;
    struct wr_mark mark = wr_arena_mark(&worker->arena);
    struct batch *batch = wr_row_decode(&worker->arena, feed->relation->layout, feed->rows, feed->n);
    if (feed->columns)
        as_scanned(feed, batch);
    if (!feed->relation->is_table)
        batch->weights = feed->weights;
    bool ok = wr_op_step(feed->scan, 0, batch);
    wr_arena_release(&worker->arena, mark);
    wr_arena_release(&feed->bytes, (struct wr_mark){0});
    wr_thread_step();
    feed->n = 0;
    feed->len = 0;
    return ok;
}

static bool feed_row(void *context, const char *row, uint32_t len)
{
    struct feed *feed = context;
    feed->rows[feed->n++] = wr_arena_strndup(&feed->bytes, row, len);
    feed->len += len;
    return (feed->n < BATCH_ROWS_MAX && feed->len < BATCH_BYTES_ENOUGH) || feed_flush(feed);
}

/* ---- where the rows are */

static bool feed_cursor(struct feed *feed, struct cursor *cursor)
{
    struct wr_error *err = &feed->scan->worker->error;
    bool overlaid = wr_overlay_any(feed->view->overlay, feed->relation->object);
    bool ok = true;
    const struct entry *entry;
    wr_error_clear(err);
    while (ok && (entry = wr_cursor_next(cursor, err))) {
        if (overlaid && wr_overlay_covers(feed->view->overlay, feed->relation->object, entry->key, entry->key_len))
            continue;
        feed->weights[feed->n] = wr_relation_weight(feed->relation, entry);
        ok = feed_row(feed, entry->payload, entry->payload_len);
        if (ok && feed->n == 0 && wr_snapshot_expired(feed->view->snapshot))
            ok = wr_fail(err, "72000", "snapshot too old");
    }
    ok = ok && !err->sqlstate[0];
    wr_cursor_close(cursor);
    return ok;
}

/* Where the rows are looked up; false: all of them have to be read. What the session's transaction has written is in
 * no index. */
static bool find_lookup(struct feed *feed, struct wr_arena *arena)
{
    uint32_t owner = feed->scan->plan->scan.lookup;
    if (!owner || owner == feed->object->id)
        return owner != 0;
    const struct object *index = wr_catalog_get(feed->view->catalog, owner);
    if (!index || wr_overlay_any(feed->view->overlay, feed->object->id))
        return false;
    uint16_t *columns = WR_NEW_ARRAY(arena, uint16_t, index->ncols + 1);
    for (uint16_t c = 0; c < index->ncols; c++)
        columns[c] = wr_object_column(feed->object, index->cols[c].id);
    feed->columns = columns;
    feed->relation = wr_relation_of(arena, index);
    return true;
}

static struct version *version_of(const struct feed *feed)
{
    enum trace_kind kind = feed->relation->is_table ? TRACE_UPSERT : TRACE_ZSET;
    return wr_snapshot_version_of(feed->view->snapshot, feed->relation->trace_id, kind);
}

/* Ranges lie in every shard: looking into each costs as much as some ten thousand rows. */
static bool is_worth_it(const struct plan *scan, const struct version *version)
{
    return !scan->scan.leading || wr_version_entries(version) > LEADING_ENTRIES_MIN;
}

static bool feed_ranges(struct feed *feed, struct version *version)
{
    struct key_ranges ranges;
    bool ok = true;
    wr_key_ranges_find(&ranges, feed->scan->plan, feed->relation->nkey);
    for (uint32_t i = 0; ok && i < ranges.n; i++) {
        const struct key_range *range = &ranges.items[i];
        ok = feed_cursor(feed, range->hi ? wr_cursor_open(version, range->lo, range->lo_len, range->hi, range->hi_len)
                                         : wr_cursor_open_prefix(version, range->lo, range->lo_len, true));
    }
    wr_key_ranges_free(&ranges);
    return ok;
}

static bool feed_rows(struct feed *feed)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    bool looked_up = find_lookup(feed, &arena);
    struct version *version = version_of(feed);
    bool ok = looked_up && is_worth_it(feed->scan->plan, version)
                  ? feed_ranges(feed, version)
                  : feed_cursor(feed, wr_cursor_open(version, NULL, 0, NULL, 0));
    if (ok && wr_overlay_any(feed->view->overlay, feed->relation->object))
        ok = wr_overlay_rows(feed->view->overlay, feed->relation->object, feed_row, feed);
    ok = ok && feed_flush(feed);
    wr_version_release(version);
    wr_arena_reset(&arena);
    return ok;
}

static bool still_creating(struct op *scan, const struct object *object)
{
    struct wr_error *err = &scan->worker->error;
    wr_fail(err, ERR_NOT_READY, "materialized view \"%s\" is still being created", object->name);
    return wr_fail_hint(err, "See weir_catalog.progress.");
}

bool wr_feed_relation(struct weir_session *session, const struct read_view *view, struct op *scan,
                      const struct object *object)
{
    if (object->creating)
        return still_creating(scan, object);
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct feed feed = {
        .session = session, .view = view, .scan = scan, .object = object, .relation = wr_relation_of(&arena, object)};
    wr_arena_init(&feed.bytes, scan->worker->state_pool);
    feed.rows = WR_NEW_ARRAY(&arena, const char *, BATCH_ROWS_MAX);
    feed.weights = WR_NEW_ARRAY(&arena, int64_t, BATCH_ROWS_MAX);
    bool ok = feed_rows(&feed);
    wr_arena_reset(&feed.bytes);
    wr_arena_reset(&arena);
    return ok;
}
