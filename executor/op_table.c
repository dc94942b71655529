/* Table: rows by primary key; turns what comes in (inserts, upserts, deletes, truncates, DML) into a delta.
 *
 * SQL: CREATE TABLE. Input: changes (connectors/connector.h) or compare-and-set writes of transactions.
 * Output: per key and call -old +new, nothing when they are equal; the events of one call fold per key.
 * State: key -> row, in a vmap over the relation's own TRACE_UPSERT. Cost: one lookup per distinct key.
 * The delta's strings point into the state and are valid until the call ends.
 * EXPLAIN: Scan of the table shows it. */
#include "executor/relations.h"
#include "state/vmap.h"

#include <stdio.h>

struct table {
    const struct relation *relation;
    struct vmap *map;
    bool ahead;       /* a delta is being handed out */
    uint32_t readers; /* wr_table_find() without its wr_table_found_done(): entries must stay */
};

struct trace *wr_relation_trace(struct worker *worker, const struct relation *relation)
{
    enum trace_kind kind = relation->is_table ? TRACE_UPSERT : TRACE_ZSET;
    if (!worker->store)
        return NULL;
    return worker->detached ? wr_trace_open_detached(worker->store, worker->commit, relation->trace_id, kind)
                            : wr_trace_open(worker->store, relation->trace_id, kind);
}

static bool table_open(struct op *op, struct wr_error *err)
{
    const struct relation *relation = op->impl;
    struct table *table = wr_calloc(1, sizeof *table);
    table->relation = relation;
    struct vmap_options options = {.pool = op->worker->state_pool, .trace = wr_relation_trace(op->worker, relation)};
    table->map = wr_vmap_new(&options);
    op->impl = table;
    return true;
}

static void table_close(struct op *op)
{
    struct table *table = op->impl;
    wr_vmap_free(table->map);
    free(table);
}

/* The delta itself may also be pushed in from outside (resolved on another thread). */
static bool table_step(struct op *op, unsigned port, const struct batch *batch)
{
    return wr_op_emit(op, batch);
}

static bool table_seal(struct op *op, struct commit *commit)
{
    struct table *table = op->impl;
    return wr_vmap_seal(table->map, commit, &op->worker->error);
}

static void table_relieve(struct op *op, int64_t bytes)
{
    struct table *table = op->impl;
    wr_vmap_relieve(table->map, bytes);
}

static void table_stats(struct op *op, struct op_stats *stats)
{
    struct table *table = op->impl;
    struct vmap_stats map;
    wr_vmap_stats(table->map, &map);
    stats->state_rows = map.entries;
    stats->state_bytes = map.bytes;
    stats->misses = map.misses;
}

/* ---- resolving */

/* The fold of one key over the events of a call. */
struct fold {
    const char *before; /* row when the call began; NULL: none */
    uint32_t before_len;
    const char *after; /* row now; NULL: none. Points into the arena of the call or equals before */
    uint32_t after_len;
};

struct resolve {
    struct op *op;
    struct table *table;
    struct wr_arena *arena;
    struct vmap_found found;
    struct fold *folds;
};

static bool resolve_begin(struct resolve *r, struct op *op, const struct keys *keys, const uint32_t *rooms)
{
    *r = (struct resolve){.op = op, .table = op->impl, .arena = &op->worker->arena};
    TRY(wr_vmap_find(r->table->map, r->arena, keys, rooms, &r->found, &op->worker->error));
    r->folds = wr_arena_zalloc(r->arena, sizeof *r->folds * (r->found.n + 1u));
    for (uint32_t d = 0; d < r->found.n; d++) {
        struct vmap_entry *entry = r->found.entries[d];
        if (!wr_vmap_is_live(entry))
            continue;
        r->folds[d].before = r->folds[d].after = wr_vmap_value(entry);
        r->folds[d].before_len = r->folds[d].after_len = entry->value_len;
    }
    op->stats.touched += r->found.n;
    op->used_in = op->worker->epoch;
    return true;
}

static bool fold_changed(const struct fold *fold)
{
    if (!fold->before || !fold->after)
        return fold->before != fold->after;
    return fold->before_len != fold->after_len || memcmp(fold->before, fold->after, fold->before_len) != 0;
}

static bool emit_rows(struct resolve *r, const char *const *rows, uint32_t n, int64_t weight, table_deliver deliver,
                      void *context)
{
    if (!n)
        return true;
    struct batch *delta = wr_row_decode(r->arena, r->table->relation->layout, rows, n);
    if (weight != 1) {
        int64_t *weights = wr_batch_weights(r->arena, delta);
        for (uint32_t i = 0; i < n; i++)
            weights[i] = weight;
    }
    return deliver(context, r->op, delta);
}

/* Update the state from the folds and deliver -old, +new. */
static bool resolve_end(struct resolve *r, table_deliver deliver, void *context)
{
    const char **gone = wr_arena_alloc(r->arena, sizeof *gone * (r->found.n + 1u));
    const char **come = wr_arena_alloc(r->arena, sizeof *come * (r->found.n + 1u));
    uint32_t ngone = 0, ncome = 0;
    for (uint32_t d = 0; d < r->found.n; d++) {
        struct fold *fold = &r->folds[d];
        if (!fold_changed(fold))
            continue;
        if (fold->before)
            gone[ngone++] = fold->before;
        if (fold->after) {
            struct vmap_entry *entry = wr_vmap_swap(r->table->map, r->found.entries[d], fold->after_len);
            memcpy(wr_vmap_room(entry), fold->after, fold->after_len);
            r->found.entries[d] = entry;
            come[ncome++] = wr_vmap_value(entry);
        } else {
            wr_vmap_delete(r->table->map, r->found.entries[d]);
        }
    }
    r->table->ahead = true;
    bool ok = emit_rows(r, gone, ngone, -1, deliver, context) && emit_rows(r, come, ncome, 1, deliver, context);
    r->table->ahead = false;
    wr_vmap_reclaim(r->table->map);
    return ok;
}

/* The rows of `changes` with the hidden row id put behind. */
static struct batch full_rows(struct wr_arena *arena, const struct relation *relation, const struct changes *changes)
{
    struct batch rows = changes->rows;
    rows.weights = NULL;
    if (!relation->has_row_id)
        return rows;
    struct column *cols = wr_arena_alloc(arena, sizeof *cols * relation->ncols);
    memcpy(cols, rows.cols, sizeof *cols * (relation->ncols - 1u));
    cols[relation->ncols - 1] = (struct column){.type = TYPE(TYPE_INT8), .i64 = changes->row_ids};
    rows.cols = cols;
    rows.ncols = relation->ncols;
    return rows;
}

void wr_table_hashes(struct wr_arena *arena, const struct relation *relation, const struct changes *changes,
                     uint64_t *hashes)
{
    struct wr_mark mark = wr_arena_mark(arena);
    struct batch rows = full_rows(arena, relation, changes);
    struct keys keys;
    wr_keys_encode(arena, &rows, relation->key, relation->nkey, relation->nkey, &keys);
    memcpy(hashes, keys.hashes, sizeof *hashes * rows.nrows);
    wr_arena_release(arena, mark);
}

static bool row_keeps(const struct changes *changes, uint32_t row)
{
    for (uint16_t c = 0; changes->keep && c < changes->rows.ncols; c++)
        if (changes->keep[c] && changes->keep[c][row])
            return true;
    return false;
}

/* A table stands on no plan: the row that the error is about is shown whole. */
static bool report(struct op *op, const struct batch *row, const char *sqlstate, const char *message)
{
    struct eval_errors errors = {.arena = &op->worker->arena};
    wr_eval_error_add(&errors, 0, sqlstate, "%s", message);
    return wr_op_eval_errors(op, row, &errors);
}

/* No row to take a value from: the key is another than the one the value was stored under, or the row was never seen.
 * Such a value is NULL and said to be missing; where there can be no NULL the row is left out. */
static bool report_lost(struct resolve *r, const struct batch *one, uint16_t column, bool *left_out)
{
    const struct relation *relation = r->table->relation;
    char message[256];
    *left_out |= relation->not_null[column];
    snprintf(message, sizeof message,
             "the event leaves out column \"%.64s\", and no stored row has it (REPLICA IDENTITY FULL sends it)%s",
             relation->names[column], relation->not_null[column] ? ": row left out" : "");
    return report(r->op, one, "22004", wr_arena_strdup(r->arena, message));
}

/* An event that leaves columns as they are (TOAST placeholders): take them from the row as it is now. */
static bool fill_kept(struct resolve *r, const struct changes *changes, const struct batch *rows, uint32_t row,
                      struct fold *fold, char **encoded, uint32_t *size, bool *left_out)
{
    const struct row_layout *layout = r->table->relation->layout;
    struct batch *one = wr_batch_gather(r->arena, rows, &row, 1);
    for (uint16_t c = 0; c < changes->rows.ncols; c++) {
        if (!changes->keep[c] || !changes->keep[c][row])
            continue;
        struct datum value = {.type = one->cols[c].type, .null = true};
        if (fold->after)
            value = wr_row_get(layout, fold->after, c);
        else
            TRY(report_lost(r, one, c, left_out));
        wr_column_set(r->arena, &one->cols[c], 0, 1, &value);
    }
    wr_row_encode_all(r->arena, layout, one, NULL, encoded, size);
    return true;
}

static bool fold_events(struct resolve *r, const struct changes *changes, const struct batch *rows, char **encoded,
                        uint32_t *sizes)
{
    for (uint32_t i = 0; i < rows->nrows; i++) {
        struct fold *fold = &r->folds[r->found.of[i]];
        uint8_t kind = changes->ops ? changes->ops[i] : CHANGE_INSERT;
        bool left_out = kind == CHANGE_DELETE;
        if (!left_out && WR_UNLIKELY(row_keeps(changes, i)))
            TRY(fill_kept(r, changes, rows, i, fold, &encoded[i], &sizes[i], &left_out));
        fold->after = left_out ? NULL : encoded[i];
        fold->after_len = sizes[i];
    }
    return true;
}

static bool apply_rows(struct op *op, const struct changes *changes, table_deliver deliver, void *context)
{
    TRY(wr_op_relieve(op));
    struct table *table = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    struct batch rows = full_rows(arena, table->relation, changes);
    struct keys keys;
    wr_keys_encode(arena, &rows, table->relation->key, table->relation->nkey, table->relation->nkey, &keys);
    char **encoded = wr_arena_alloc(arena, sizeof *encoded * rows.nrows);
    uint32_t *sizes = wr_arena_alloc(arena, sizeof *sizes * rows.nrows);
    wr_row_encode_all(arena, table->relation->layout, &rows, NULL, encoded, sizes);
    struct resolve r;
    bool ok = resolve_begin(&r, op, &keys, sizes);
    if (ok) {
        ok = fold_events(&r, changes, &rows, encoded, sizes) && resolve_end(&r, deliver, context);
    }
    wr_arena_release(arena, mark);
    return ok;
}

/* ---- truncate: all rows by key, from the trace */

static bool delete_entries(struct op *op, const struct entry *const *entries, uint32_t n, table_deliver deliver,
                           void *context)
{
    struct wr_arena *arena = &op->worker->arena;
    struct keys keys = {.n = n};
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += entries[i]->key_len;
    keys.bytes = wr_arena_bytes(arena, bytes);
    keys.offsets = wr_arena_alloc(arena, sizeof *keys.offsets * (n + 1u));
    keys.hashes = wr_arena_alloc(arena, sizeof *keys.hashes * n);
    keys.offsets[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(keys.bytes + keys.offsets[i], entries[i]->key, entries[i]->key_len);
        keys.offsets[i + 1] = keys.offsets[i] + entries[i]->key_len;
        keys.hashes[i] = wr_key_hash(entries[i]->key + 1, entries[i]->key_len - 1);
    }
    struct resolve r;
    TRY(resolve_begin(&r, op, &keys, NULL));
    for (uint32_t d = 0; d < r.found.n; d++)
        r.folds[d].after = NULL;
    return resolve_end(&r, deliver, context);
}

static bool owns(const struct op *op, const struct entry *entry)
{
    const struct table *table = op->impl;
    if (table->relation->hash_ids)
        return op->worker->index == 0;
    uint8_t shard = (uint8_t)entry->key[0];
    return (uint32_t)shard * op->worker->count / KEY_SHARDS == op->worker->index;
}

static bool truncate_table(struct op *op, table_deliver deliver, void *context)
{
    struct table *table = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    struct wr_error *err = &op->worker->error;
    if (!op->worker->store)
        return true;
    TRY(wr_vmap_seal(table->map, op->worker->commit, err));
    struct version *version = wr_trace_current(wr_relation_trace(op->worker, table->relation));
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    bool ok = true, more = true;
    while (ok && more) {
        struct wr_mark mark = wr_arena_mark(arena);
        const struct entry **chunk = wr_arena_alloc(arena, sizeof *chunk * BATCH_ROWS_MAX);
        uint32_t n = 0;
        size_t bytes = 0;
        const struct entry *entry = NULL;
        wr_error_clear(err);
        while (n < BATCH_ROWS_MAX && bytes < BATCH_BYTES_ENOUGH && (entry = wr_cursor_next(cursor, err))) {
            if (!owns(op, entry))
                continue;
            bytes += entry->key_len + entry->payload_len;
            struct entry *copy = WR_NEW(arena, struct entry);
            copy->key = wr_arena_strndup(arena, entry->key, entry->key_len);
            copy->key_len = entry->key_len;
            chunk[n++] = copy;
        }
        more = entry != NULL;
        ok = !err->sqlstate[0] && (!n || delete_entries(op, chunk, n, deliver, context));
        wr_arena_release(arena, mark);
    }
    wr_cursor_close(cursor);
    wr_version_release(version);
    return ok;
}

static struct changes slice(struct wr_arena *arena, const struct changes *changes, uint32_t from, uint32_t to)
{
    struct changes part = *changes;
    part.rows.nrows = to - from;
    part.rows.cols = wr_arena_alloc(arena, sizeof *part.rows.cols * (changes->rows.ncols + 1u));
    for (uint16_t c = 0; c < changes->rows.ncols; c++) {
        struct column col = changes->rows.cols[c];
        col.data = (char *)col.data + (size_t)from * wr_type_info(col.type.id)->width;
        if (col.nulls)
            col.nulls += from;
        part.rows.cols[c] = col;
    }
    if (changes->ops)
        part.ops = changes->ops + from;
    if (changes->row_ids)
        part.row_ids = changes->row_ids + from;
    if (changes->keep) {
        part.keep = wr_arena_zalloc(arena, sizeof *part.keep * (changes->rows.ncols + 1u));
        for (uint16_t c = 0; c < changes->rows.ncols; c++)
            part.keep[c] = changes->keep[c] ? changes->keep[c] + from : NULL;
    }
    return part;
}

/* ---- tables fed by Debezium without a key: a bag; a delete takes one row equal to its image
 *
 * Row id = 47 bits of the row's hash and 16 zero bits, plus a number: the first free one from there on. So equal rows
 * lie side by side, and with them rows whose hash is the same or next to it; what lies together has no gaps. Such
 * tables are small or append mostly (a database table without a key can hardly be updated), so events are applied one
 * by one. All of them on worker 0. */

static int64_t bag_id(uint64_t base, uint64_t number)
{
    return (int64_t)((base + number) & INT64_MAX);
}

/* The row of this id, as it is stored; NULL: there is none. */
static bool bag_row(struct op *op, int64_t row_id, const char **row, uint32_t *len)
{
    struct table *table = op->impl;
    struct wr_buf key = WR_BUF_INIT;
    struct datum id = {.type = TYPE(TYPE_INT8), .i64 = row_id};
    wr_buf_byte(&key, 0);
    wr_key_put(&key, &id, false, false);
    key.data[0] = (char)wr_key_shard(wr_key_hash(key.data + 1, key.len - 1));
    struct vmap_entry *entry = NULL;
    bool ok = wr_vmap_find_one(table->map, key.data, (uint32_t)key.len, &entry, &op->worker->error);
    bool live = ok && entry && wr_vmap_is_live(entry);
    *row = live ? wr_vmap_value(entry) : NULL;
    *len = live ? entry->value_len : 0;
    wr_buf_free(&key);
    return ok;
}

/* How many rows lie together from `base` on: looked for in growing steps, then between the last two. */
static bool bag_count(struct op *op, uint64_t base, uint64_t *count)
{
    uint64_t live = 0, gone, step = 1;
    const char *row;
    uint32_t len;
    for (;; step *= 2) {
        gone = live + step - 1;
        TRY(bag_row(op, bag_id(base, gone), &row, &len));
        if (!row)
            break;
        live = gone + 1;
    }
    while (live < gone) {
        uint64_t middle = live + (gone - live) / 2;
        TRY(bag_row(op, bag_id(base, middle), &row, &len));
        live = row ? middle + 1 : live;
        gone = row ? gone : middle;
    }
    *count = live;
    return true;
}

static void bag_encode(struct op *op, struct changes *one, int64_t row_id, char **bytes, uint32_t *size)
{
    const struct table *table = op->impl;
    one->row_ids = &row_id;
    struct batch row = full_rows(&op->worker->arena, table->relation, one);
    wr_row_encode_all(&op->worker->arena, table->relation->layout, &row, NULL, bytes, size);
    one->row_ids = NULL;
}

/* The last row that lies together moves to where one went. */
static bool bag_close_gap(struct op *op, int64_t gap, int64_t last, table_deliver deliver, void *context)
{
    const struct table *table = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    const char *row;
    uint32_t len;
    TRY(bag_row(op, last, &row, &len));
    row = wr_arena_strndup(arena, row, len);
    struct changes moved = {.rows = *wr_row_decode(arena, table->relation->layout, &row, 1), .row_ids = &last};
    uint8_t ops[] = {CHANGE_DELETE};
    moved.rows.ncols--;
    moved.ops = ops;
    TRY(apply_rows(op, &moved, deliver, context));
    moved.ops = NULL;
    moved.row_ids = &gap;
    return apply_rows(op, &moved, deliver, context);
}

static bool bag_delete(struct op *op, struct changes *one, uint64_t base, table_deliver deliver, void *context)
{
    uint64_t count, number;
    TRY(bag_count(op, base, &count));
    for (number = count; number > 0; number--) {
        char *bytes;
        const char *row;
        uint32_t size, len;
        bag_encode(op, one, bag_id(base, number - 1), &bytes, &size);
        TRY(bag_row(op, bag_id(base, number - 1), &row, &len));
        if (len == size && !memcmp(row, bytes, size))
            break;
    }
    if (!number)
        return report(op, &one->rows, "02000", "no row equals the one to delete");
    int64_t gone = bag_id(base, number - 1);
    one->row_ids = &gone;
    return apply_rows(op, one, deliver, context) &&
           (number == count || bag_close_gap(op, gone, bag_id(base, count - 1), deliver, context));
}

static bool bag_insert(struct op *op, struct changes *one, uint64_t base, table_deliver deliver, void *context)
{
    uint64_t count;
    TRY(bag_count(op, base, &count));
    int64_t row_id = bag_id(base, count);
    one->row_ids = &row_id;
    return apply_rows(op, one, deliver, context);
}

static bool apply_bag(struct op *op, const struct changes *changes, table_deliver deliver, void *context)
{
    struct wr_arena *arena = &op->worker->arena;
    for (uint32_t i = 0; i < changes->rows.nrows; i++) {
        struct wr_mark mark = wr_arena_mark(arena);
        struct changes one = slice(arena, changes, i, i + 1);
        char *bytes;
        uint32_t size;
        bag_encode(op, &one, 0, &bytes, &size);
        uint64_t base = wr_key_hash(bytes, size) >> 17 << 16;
        bool delete = one.ops && one.ops[0] == CHANGE_DELETE;
        bool ok = delete ? bag_delete(op, &one, base, deliver, context) : bag_insert(op, &one, base, deliver, context);
        wr_arena_release(arena, mark);
        TRY(ok);
    }
    return true;
}

/* ---- entry points */

bool wr_table_apply(struct op *op, const struct changes *changes, table_deliver deliver, void *context)
{
    struct wr_arena *arena = &op->worker->arena;
    uint32_t n = changes->rows.nrows;
    op->stats.rows_in += n;
    uint32_t from = 0;
    for (uint32_t i = 0; i <= n; i++) {
        bool cut = i < n && changes->ops && changes->ops[i] == CHANGE_TRUNCATE;
        if (i < n && !cut && i - from < BATCH_ROWS_MAX)
            continue;
        if (i > from) {
            struct wr_mark mark = wr_arena_mark(arena);
            struct changes part = slice(arena, changes, from, i);
            const struct table *table = op->impl;
            bool ok = table->relation->hash_ids ? apply_bag(op, &part, deliver, context)
                                                : apply_rows(op, &part, deliver, context);
            wr_arena_release(arena, mark);
            TRY(ok);
        }
        from = i;
        if (cut) {
            TRY(truncate_table(op, deliver, context));
            from = i + 1;
        }
    }
    return true;
}

static void keys_of_writes(struct wr_arena *arena, const struct table_write *writes, uint32_t n, struct keys *keys)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += writes[i].key_len;
    *keys = (struct keys){.n = n,
                          .bytes = wr_arena_bytes(arena, bytes + 1),
                          .offsets = wr_arena_alloc(arena, sizeof(uint32_t) * (n + 1u)),
                          .hashes = wr_arena_alloc(arena, sizeof(uint64_t) * (n + 1u))};
    keys->offsets[0] = 0;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(keys->bytes + keys->offsets[i], writes[i].key, writes[i].key_len);
        keys->offsets[i + 1] = keys->offsets[i] + writes[i].key_len;
        keys->hashes[i] = writes[i].hash;
    }
}

bool wr_table_check(struct op *op, const struct table_write *writes, uint32_t n, uint32_t *conflict, bool *exists)
{
    struct table *table = op->impl;
    struct wr_arena *arena = &op->worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    *conflict = UINT32_MAX;
    TRY(wr_op_relieve(op));
    struct keys keys;
    keys_of_writes(arena, writes, n, &keys);
    struct resolve r;
    bool ok = resolve_begin(&r, op, &keys, NULL);
    for (uint32_t i = 0; ok && i < n && *conflict == UINT32_MAX; i++) {
        /* several writes may name one key: each expects what the one before left */
        struct fold *fold = &r.folds[r.found.of[i]];
        const struct table_write *w = &writes[i];
        bool same = fold->after && w->expected
                        ? fold->after_len == w->expected_len && !memcmp(fold->after, w->expected, w->expected_len)
                        : !fold->after && !w->expected;
        if (!same && !w->blind) {
            *conflict = i;
            *exists = fold->after != NULL;
        }
        fold->after = w->next;
        fold->after_len = w->next_len;
    }
    if (ok)
        wr_vmap_reclaim(table->map);
    wr_arena_release(arena, mark);
    return ok;
}

bool wr_table_write(struct op *op, const struct table_write *writes, uint32_t n, table_deliver deliver, void *context)
{
    struct wr_arena *arena = &op->worker->arena;
    op->stats.rows_in += n;
    for (uint32_t from = 0; from < n; from += BATCH_ROWS_MAX) {
        uint32_t count = WR_MIN(n - from, (uint32_t)BATCH_ROWS_MAX);
        TRY(wr_op_relieve(op));
        struct wr_mark mark = wr_arena_mark(arena);
        struct keys keys;
        keys_of_writes(arena, writes + from, count, &keys);
        struct resolve r;
        bool ok = resolve_begin(&r, op, &keys, NULL);
        for (uint32_t i = 0; ok && i < count; i++) {
            struct fold *fold = &r.folds[r.found.of[i]];
            fold->after = writes[from + i].next;
            fold->after_len = writes[from + i].next_len;
        }
        ok = ok && resolve_end(&r, deliver, context);
        wr_arena_release(arena, mark);
        TRY(ok);
    }
    return true;
}

/* ---- reading */

bool wr_table_find(struct op *op, const struct keys *keys, struct table_row *rows)
{
    struct table *table = op->impl;
    struct worker *worker = op->worker;
    if (!table->readers && !table->ahead)
        TRY(wr_op_relieve(op));
    op->used_in = worker->epoch;
    struct vmap_found found;
    TRY(wr_vmap_find(table->map, &worker->arena, keys, NULL, &found, &worker->error));
    for (uint32_t i = 0; i < keys->n; i++) {
        const struct vmap_entry *entry = found.entries[found.of[i]];
        rows[i] = wr_vmap_is_live(entry) ? (struct table_row){wr_vmap_value(entry), entry->value_len}
                                         : (struct table_row){NULL, 0};
    }
    table->readers++;
    return true;
}

void wr_table_found_done(struct op *op)
{
    struct table *table = op->impl;
    if (!--table->readers && !table->ahead)
        wr_vmap_reclaim(table->map); /* placeholders of keys that are not there */
}

bool wr_table_is_ahead(const struct op *op)
{
    const struct table *table = op->impl;
    return table->ahead;
}

const struct relation *wr_table_relation(const struct op *op)
{
    const struct table *table = op->impl;
    return table->relation;
}

const struct op_class op_table = {.name = "table",
                                  .open = table_open,
                                  .step = table_step,
                                  .seal = table_seal,
                                  .relieve = table_relieve,
                                  .stats = table_stats,
                                  .close = table_close};
