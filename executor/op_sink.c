/* Sink input: collects the changes of a commit, at most one per key, and puts them into the output log.
 *
 * SQL: CREATE SINK. Input: the delta of the sink's query, already on the worker of its key. Output: none.
 * State: none beyond the commit: the log record is part of the commit's atomic write. Cost: the delta.
 * A commit larger than CHANGES_BYTES_MAX is logged in parts; parts have growing versions, so a key may change in
 * several.
 *
 * Log record: per change: op 'c' | 'u' | 'd'; row as blob (of 'd': the old row); for 'u' the old row as blob. */
#include "executor/relations.h"

#include "state/change_log.h"

#define CHANGES_BYTES_MAX ((int64_t)16 << 20)

struct sink_op {
    const struct sink_input *input;
    struct change_log changes;
};

static bool sink_open(struct op *op, struct wr_error *err)
{
    struct sink_op *sink = wr_calloc(1, sizeof *sink);
    sink->input = op->impl;
    wr_change_log_init(&sink->changes, op->worker->state_pool);
    op->impl = sink;
    return true;
}

static bool same_key(const struct change_record *a, const struct change_record *b)
{
    return a->key_len == b->key_len && !memcmp(a->bytes, b->bytes, a->key_len);
}

/* The entries of one key after consolidation: rows that went (negative) and rows that came. */
static void log_key(struct wr_buf *log, struct change_record *const *records, uint32_t n)
{
    const struct change_record *gone = NULL, *came = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (records[i]->weight < 0)
            gone = gone ? gone : records[i];
        else
            came = came ? came : records[i]; /* several: the smallest encoding */
    }
    const struct change_record *shown = came ? came : gone;
    wr_buf_byte(log, came ? (gone ? 'u' : 'c') : 'd');
    wr_buf_blob(log, wr_change_payload(shown), shown->payload_len);
    if (came && gone)
        wr_buf_blob(log, wr_change_payload(gone), gone->payload_len);
}

/* Without a key every row is a change by itself, as often as it came or went. */
static void log_rows(struct wr_buf *log, const struct change_record *record)
{
    for (int64_t i = record->weight; i; i += record->weight < 0 ? 1 : -1) {
        wr_buf_byte(log, record->weight < 0 ? 'd' : 'c');
        wr_buf_blob(log, wr_change_payload(record), record->payload_len);
    }
}

static bool sink_seal(struct op *op, struct commit *commit)
{
    struct sink_op *sink = op->impl;
    struct change_log *changes = &sink->changes;
    if (!changes->n)
        return true;
    wr_change_log_sort(changes);
    struct wr_buf log = WR_BUF_INIT;
    bool keyed = sink->input->relation->nkey || sink->input->relation->single_row;
    for (uint32_t i = 0; !keyed && i < changes->n; i++)
        log_rows(&log, changes->records[i]);
    for (uint32_t i = 0; keyed && i < changes->n;) {
        uint32_t end = i + 1;
        while (end < changes->n && same_key(changes->records[i], changes->records[end]))
            end++;
        log_key(&log, &changes->records[i], end - i);
        i = end;
    }
    if (log.len)
        wr_commit_log(commit, sink->input->log_id, log.data, log.len);
    wr_buf_free(&log);
    wr_change_log_clear(changes);
    return true;
}

static bool sink_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct sink_op *sink = op->impl;
    if (!sink->input->needs_log)
        return true;
    struct wr_arena *arena = &op->worker->arena;
    const struct relation *relation = sink->input->relation;
    char **rows = wr_arena_alloc(arena, sizeof *rows * batch->nrows);
    uint32_t *sizes = wr_arena_alloc(arena, sizeof *sizes * batch->nrows);
    wr_row_encode_all(arena, relation->layout, batch, NULL, rows, sizes);
    struct keys keys;
    wr_relation_keys(arena, relation, batch, rows, sizes, &keys);
    wr_change_log_add_batch(&sink->changes, &keys, rows, sizes, batch);
    if (sink->changes.bytes > CHANGES_BYTES_MAX)
        return sink_seal(op, op->worker->commit);
    return true;
}

static void sink_relieve(struct op *op, int64_t bytes)
{
    /* all it holds was logged before this call */
}

static void sink_stats(struct op *op, struct op_stats *stats)
{
    struct sink_op *sink = op->impl;
    stats->state_rows = sink->changes.n;
    stats->state_bytes = sink->changes.bytes;
}

static void sink_close(struct op *op)
{
    struct sink_op *sink = op->impl;
    wr_change_log_clear(&sink->changes);
    free(sink);
}

const struct op_class op_sink = {.name = "sink",
                                 .open = sink_open,
                                 .step = sink_step,
                                 .seal = sink_seal,
                                 .relieve = sink_relieve,
                                 .stats = sink_stats,
                                 .close = sink_close};

/* ---- tap: records what passes, for a backfill that must catch up with it */

static bool tap_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct tap *tap = op->impl;
    tap->record(tap->context, op->worker->index, batch);
    return true;
}

const struct op_class op_tap = {.name = "tap", .step = tap_step};
