/* Sink input: collects the changes of a commit, at most one per key, and puts them into the output log.
 *
 * SQL: CREATE SINK. Input: the delta of the sink's query, already on the worker of its key. Output: none.
 * State: none beyond the commit: the log record is part of the commit's atomic write. Cost: the delta.
 *
 * What a commit changes is only known at its end: the row that comes may be seen long before the one that goes, and a
 * part of the changes would say that the key is new, and a later part that it is gone. Too many for RAM wait in sorted
 * files (state/change_runs.h); the log is written at the end alone, in records that each hold whole keys.
 *
 * Log record: per change: op 'c' | 'u' | 'd'; row as blob (of 'd': the old row); for 'u' the old row as blob. */
#include "executor/relations.h"

#include "state/change_runs.h"

#define CHANGES_BYTES_MAX ((int64_t)16 << 20)
#define CHANGES_BYTES_MIN ((int64_t)1 << 20) /* under pressure: fewer would only make many small files */
#define RECORD_BYTES      ((size_t)4 << 20)

struct sink_op {
    const struct sink_input *input;
    struct change_log changes;
    struct change_runs runs;
};

static bool sink_open(struct op *op, struct wr_error *err)
{
    struct sink_op *sink = wr_calloc(1, sizeof *sink);
    sink->input = op->impl;
    wr_change_log_init(&sink->changes, op->worker->state_pool);
    op->impl = sink;
    return true;
}

/* ---- the log: entries by key, after consolidation */

struct sink_log {
    struct commit *commit;
    uint64_t log_id;
    bool keyed;
    struct wr_buf record;
    struct wr_buf key, gone, came; /* of the key under way; several rows: the smallest encodings */
    bool has_key, has_gone, has_came;
};

static void put_change(struct sink_log *log, char op, const char *row, size_t len)
{
    wr_buf_byte(&log->record, (uint8_t)op);
    wr_buf_blob(&log->record, row, len);
}

static void end_record(struct sink_log *log)
{
    if (log->record.len)
        wr_commit_log(log->commit, log->log_id, log->record.data, log->record.len);
    log->record.len = 0;
}

static void end_key(struct sink_log *log)
{
    if (!log->has_key)
        return;
    const struct wr_buf *shown = log->has_came ? &log->came : &log->gone;
    put_change(log, !log->has_came ? 'd' : log->has_gone ? 'u' : 'c', shown->data, shown->len);
    if (log->has_came && log->has_gone)
        wr_buf_blob(&log->record, log->gone.data, log->gone.len);
    log->has_key = log->has_gone = log->has_came = false;
    if (log->record.len >= RECORD_BYTES)
        end_record(log);
}

static void keep(struct wr_buf *buf, bool *has, const struct entry *entry)
{
    if (*has)
        return;
    *has = true;
    buf->len = 0;
    wr_buf_put(buf, entry->payload, entry->payload_len);
}

static void log_keyed(struct sink_log *log, const struct entry *entry)
{
    if (log->has_key && (log->key.len != entry->key_len || memcmp(log->key.data, entry->key, entry->key_len)))
        end_key(log);
    if (!log->has_key) {
        log->has_key = true;
        log->key.len = 0;
        wr_buf_put(&log->key, entry->key, entry->key_len);
    }
    if (entry->weight < 0)
        keep(&log->gone, &log->has_gone, entry);
    else
        keep(&log->came, &log->has_came, entry);
}

/* Without a key every row is a change by itself, as often as it came or went. */
static void log_rows(struct sink_log *log, const struct entry *entry)
{
    for (int64_t i = entry->weight; i; i += entry->weight < 0 ? 1 : -1) {
        put_change(log, entry->weight < 0 ? 'd' : 'c', entry->payload, entry->payload_len);
        if (log->record.len >= RECORD_BYTES)
            end_record(log);
    }
}

static void log_entry(void *context, const struct entry *entry)
{
    struct sink_log *log = context;
    if (log->keyed)
        log_keyed(log, entry);
    else
        log_rows(log, entry);
}

static void log_records(struct sink_log *log, struct change_log *changes)
{
    wr_change_log_sort(changes);
    for (uint32_t i = 0; i < changes->n; i++) {
        struct entry entry = wr_change_entry(changes->records[i]);
        log_entry(log, &entry);
    }
    wr_change_log_clear(changes);
}

static bool spill(struct op *op)
{
    struct sink_op *sink = op->impl;
    return wr_change_runs_add(&sink->runs, &sink->changes, op->worker->store, &op->worker->error);
}

/* The end of a commit. */
static bool sink_seal(struct op *op, struct commit *commit)
{
    struct sink_op *sink = op->impl;
    const struct relation *relation = sink->input->relation;
    struct sink_log log = {
        .commit = commit, .log_id = sink->input->log_id, .keyed = relation->nkey || relation->single_row};
    bool ok = true;
    if (sink->runs.n) {
        ok = (!sink->changes.n || spill(op)) && wr_change_runs_each(&sink->runs, log_entry, &log, &op->worker->error);
        wr_change_runs_clear(&sink->runs);
    } else if (sink->changes.n) {
        log_records(&log, &sink->changes);
    }
    end_key(&log);
    end_record(&log);
    wr_buf_free(&log.record);
    wr_buf_free(&log.key);
    wr_buf_free(&log.gone);
    wr_buf_free(&log.came);
    return ok;
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
    int64_t most = wr_worker_pressed(op->worker) ? CHANGES_BYTES_MIN : CHANGES_BYTES_MAX;
    return sink->changes.bytes <= most || spill(op);
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
    wr_change_runs_clear(&sink->runs);
    free(sink);
}

const struct op_class op_sink = {
    .name = "sink", .open = sink_open, .step = sink_step, .seal = sink_seal, .stats = sink_stats, .close = sink_close};

/* ---- tap: records what passes, for a backfill that must catch up with it */

static bool tap_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct tap *tap = op->impl;
    tap->record(tap->context, op->worker->index, batch);
    return true;
}

const struct op_class op_tap = {.name = "tap", .step = tap_step};
