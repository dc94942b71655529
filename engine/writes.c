#include "engine/writes.h"

#include <stdio.h>
#include <unistd.h>

#define CHUNK_WRITES 4096
/* A chunk is what one epoch takes: what operators make of it at once is many times that. */
#define CHUNK_BYTES_MAX ((int64_t)4 << 20)
#define CHUNK_BYTES_MIN ((int64_t)256 << 10)
#define CHUNK_SHARE     256 /* of the memory limit */
/* In RAM; beyond it, or beyond a sixteenth of the memory limit, chunks go to an unnamed file. */
#define LIST_BYTES_MAX ((int64_t)16 << 20)
#define LIST_SHARE     16
/* Chunks applied per epoch. */
#define EPOCH_CHUNKS 16

struct write_chunk {
    struct wr_buf bytes; /* encoded writes; empty while spooled */
    uint32_t n;
    int64_t file_offset, file_len; /* -1: in RAM */
    struct write_chunk *next;
};

struct write_list {
    weir_db *db;
    struct wr_arena arena;
    const struct object *table;
    struct relation *relation;
    struct write_chunk *first, *last;
    int64_t count, ram_bytes, chunk_bytes;
    FILE *spool;
    int64_t spool_len;
    bool fails; /* once its writes have been applied */
    struct wr_error failure;
};

struct write_list *wr_writes_new(weir_db *db, const struct object *table)
{
    struct write_list *list = wr_calloc(1, sizeof *list);
    list->db = db;
    list->chunk_bytes = WR_MAX(WR_MIN(db->budget.limit_bytes / CHUNK_SHARE, CHUNK_BYTES_MAX), CHUNK_BYTES_MIN);
    wr_arena_init(&list->arena, NULL);
    list->table = wr_object_copy(&list->arena, table);
    list->relation = wr_relation_of(&list->arena, list->table);
    return list;
}

void wr_writes_free(struct write_list *list)
{
    if (!list)
        return;
    wr_pool_charge(&list->db->pool_sessions, -list->ram_bytes);
    while (list->first) {
        struct write_chunk *chunk = list->first;
        list->first = chunk->next;
        wr_buf_free(&chunk->bytes);
        free(chunk);
    }
    if (list->spool)
        fclose(list->spool);
    wr_arena_reset(&list->arena);
    free(list);
}

int64_t wr_writes_count(const struct write_list *list)
{
    return list->count;
}

const struct relation *wr_writes_relation(const struct write_list *list)
{
    return list->relation;
}

/* ---- collecting */

static bool spool_chunk(struct write_list *list, struct write_chunk *chunk, struct wr_error *err)
{
    if (!list->spool)
        list->spool = tmpfile();
    if (!list->spool || fseek(list->spool, 0, SEEK_END) ||
        fwrite(chunk->bytes.data, 1, chunk->bytes.len, list->spool) != chunk->bytes.len)
        return wr_fail(err, ERR_DISK_FULL, "could not write to a temporary file");
    chunk->file_offset = list->spool_len;
    chunk->file_len = (int64_t)chunk->bytes.len;
    list->spool_len += chunk->file_len;
    list->ram_bytes -= (int64_t)chunk->bytes.len;
    wr_pool_charge(&list->db->pool_sessions, -(int64_t)chunk->bytes.len);
    wr_buf_free(&chunk->bytes);
    return true;
}

static bool close_chunk(struct write_list *list, struct wr_error *err)
{
    struct write_chunk *chunk = list->last;
    if (!chunk)
        return true;
    if (list->ram_bytes > WR_MIN(LIST_BYTES_MAX, list->db->budget.limit_bytes / LIST_SHARE))
        return spool_chunk(list, chunk, err);
    return true;
}

static bool open_chunk(struct write_list *list, struct wr_error *err)
{
    TRY(close_chunk(list, err));
    struct write_chunk *chunk = wr_calloc(1, sizeof *chunk);
    chunk->file_offset = -1;
    if (list->last)
        list->last->next = chunk;
    else
        list->first = chunk;
    list->last = chunk;
    return true;
}

static void put_optional(struct wr_buf *buf, const char *bytes, uint32_t len)
{
    wr_buf_byte(buf, bytes != NULL);
    if (bytes)
        wr_buf_blob(buf, bytes, len);
}

bool wr_writes_add(struct write_list *list, const struct table_write *write, struct wr_error *err)
{
    struct write_chunk *chunk = list->last;
    if (!chunk || chunk->n == CHUNK_WRITES || (int64_t)chunk->bytes.len > list->chunk_bytes ||
        chunk->file_offset >= 0) {
        TRY(open_chunk(list, err));
        chunk = list->last;
    }
    size_t before = chunk->bytes.len;
    wr_buf_blob(&chunk->bytes, write->key, write->key_len);
    wr_buf_u64le(&chunk->bytes, write->hash);
    put_optional(&chunk->bytes, write->expected, write->expected_len);
    put_optional(&chunk->bytes, write->next, write->next_len);
    wr_buf_byte(&chunk->bytes, write->blind);
    chunk->n++;
    list->count++;
    int64_t grown = (int64_t)(chunk->bytes.len - before);
    list->ram_bytes += grown;
    wr_pool_charge(&list->db->pool_sessions, grown);
    return true;
}

static const char *get_optional(struct wr_reader *r, uint32_t *len)
{
    *len = 0;
    if (!wr_get_byte(r))
        return NULL;
    size_t n;
    const char *bytes = wr_get_blob(r, &n);
    *len = (uint32_t)n;
    return bytes ? bytes : "";
}

/* Writes of a chunk; they point into `bytes` (the chunk's own, or read from the file). */
static bool load_chunk(const struct write_list *list, const struct write_chunk *chunk, struct wr_buf *bytes,
                       struct wr_arena *arena, struct table_write **out, struct wr_error *err)
{
    const char *data = chunk->bytes.data;
    size_t len = chunk->bytes.len;
    if (chunk->file_offset >= 0) {
        bytes->len = 0;
        len = (size_t)chunk->file_len;
        wr_buf_reserve(bytes, len);
        fflush(list->spool);
        if (pread(fileno(list->spool), bytes->data, len, chunk->file_offset) != (ssize_t)len)
            return wr_fail(err, ERR_IO, "could not read a temporary file");
        data = bytes->data;
    }
    struct wr_reader r = wr_reader_of(data, len);
    struct table_write *writes = wr_arena_zalloc(arena, sizeof *writes * (chunk->n + 1u));
    for (uint32_t i = 0; i < chunk->n; i++) {
        size_t key_len;
        writes[i].key = wr_get_blob(&r, &key_len);
        writes[i].key_len = (uint32_t)key_len;
        writes[i].hash = wr_get_u64le(&r);
        writes[i].expected = get_optional(&r, &writes[i].expected_len);
        writes[i].next = get_optional(&r, &writes[i].next_len);
        writes[i].blind = wr_get_byte(&r);
    }
    *out = writes;
    return r.ok || wr_fail(err, ERR_INTERNAL, "a spooled write is damaged");
}

bool wr_writes_insert(struct write_list *list, struct wr_arena *arena, const struct batch *rows, bool blind,
                      struct wr_error *err)
{
    struct wr_mark mark = wr_arena_mark(arena);
    char **encoded = wr_arena_alloc(arena, sizeof *encoded * (rows->nrows + 1u));
    uint32_t *sizes = wr_arena_alloc(arena, sizeof *sizes * (rows->nrows + 1u));
    wr_row_encode_all(arena, list->relation->layout, rows, NULL, encoded, sizes);
    struct keys keys;
    wr_relation_keys(arena, list->relation, rows, encoded, sizes, &keys);
    bool ok = true;
    for (uint32_t i = 0; ok && i < rows->nrows; i++) {
        struct table_write write = {.key = wr_key_at(&keys, i),
                                    .key_len = wr_key_len(&keys, i),
                                    .hash = keys.hashes[i],
                                    .next = encoded[i],
                                    .next_len = sizes[i],
                                    .blind = blind};
        ok = wr_writes_add(list, &write, err);
    }
    wr_arena_release(arena, mark);
    return ok;
}

static bool null_violation(const struct relation *relation, const struct batch *rows, uint16_t c, uint32_t row,
                           struct wr_error *err)
{
    wr_fail(err, ERR_NOT_NULL_VIOLATION, "null value in column \"%s\" of relation \"%s\" violates not-null constraint",
            relation->names[c], relation->name);
    struct wr_buf text = WR_BUF_INIT;
    struct io_settings io = {NULL};
    for (uint16_t i = 0; i < rows->ncols; i++) {
        struct datum value = wr_column_get(&rows->cols[i], row);
        if (i)
            wr_buf_puts(&text, ", ");
        if (value.null)
            wr_buf_puts(&text, "null");
        else
            wr_value_out(&text, &value, &io);
    }
    wr_fail_detail(err, "Failing row contains (%.400s).", wr_buf_cstr(&text));
    wr_buf_free(&text);
    return wr_fail_constraint(err, relation->name, relation->names[c], NULL);
}

/* The first row with a NULL where there must be none, and its first such column; nrows: none. */
static uint32_t first_null(const struct relation *relation, const struct batch *visible, uint16_t *column)
{
    uint32_t row = visible->nrows;
    for (uint16_t c = 0; c < visible->ncols; c++)
        for (uint32_t i = 0; relation->not_null[c] && visible->cols[c].nulls && i < row; i++)
            if (visible->cols[c].nulls[i]) {
                row = i;
                *column = c;
            }
    return row;
}

bool wr_writes_check_nulls(const struct relation *relation, const struct batch *visible, struct wr_error *err)
{
    uint16_t column = 0;
    uint32_t row = first_null(relation, visible, &column);
    return row == visible->nrows || null_violation(relation, visible, column, row, err);
}

static bool insert_rows(struct write_list *list, struct wr_arena *arena, const struct batch *visible, bool blind,
                        struct wr_error *err)
{
    const struct relation *relation = list->relation;
    if (!relation->has_row_id)
        return wr_writes_insert(list, arena, visible, blind, err);
    struct wr_mark mark = wr_arena_mark(arena);
    struct batch rows = *visible;
    rows.ncols = relation->ncols;
    rows.cols = wr_arena_alloc(arena, sizeof *rows.cols * relation->ncols);
    memcpy(rows.cols, visible->cols, sizeof *rows.cols * visible->ncols);
    struct column ids = wr_column_new(arena, TYPE(TYPE_INT8), visible->nrows);
    int64_t first = atomic_fetch_add(&list->db->next_row_id, visible->nrows);
    for (uint32_t i = 0; i < visible->nrows; i++)
        ids.i64[i] = first + i;
    rows.cols[relation->ncols - 1] = ids;
    bool ok = wr_writes_insert(list, arena, &rows, blind, err);
    wr_arena_release(arena, mark);
    return ok;
}

bool wr_writes_insert_visible(struct write_list *list, struct wr_arena *arena, const struct batch *visible, bool blind,
                              struct wr_error *err)
{
    return wr_writes_check_nulls(list->relation, visible, err) && insert_rows(list, arena, visible, blind, err);
}

bool wr_writes_insert_in_order(struct write_list *list, struct wr_arena *arena, const struct batch *visible, bool blind,
                               struct wr_error *err)
{
    uint16_t column = 0;
    uint32_t row = first_null(list->relation, visible, &column);
    if (row == visible->nrows)
        return insert_rows(list, arena, visible, blind, err);
    struct batch before = *visible;
    before.nrows = row;
    TRY(insert_rows(list, arena, &before, blind, err));
    list->fails = true;
    list->failure = (struct wr_error)WR_ERROR_INIT;
    null_violation(list->relation, visible, column, row, &list->failure);
    *err = list->failure;
    return false;
}

bool wr_writes_fail(const struct write_list *list)
{
    return list && list->fails;
}

/* ---- applying */

struct loaded {
    struct live *live;
    const struct write_list *list;
    struct table_write *writes;
    uint32_t n;
    struct table_write *by_worker[WORKERS_MAX];
    uint32_t n_by_worker[WORKERS_MAX];
    struct wr_buf bytes;
};

struct apply {
    weir_db *db;
    struct write_list *const *lists;
    size_t nlists;
    struct wr_arena arena;
    struct loaded items[EPOCH_CHUNKS];
    uint32_t n;
};

static void split_by_worker(struct apply *apply, struct loaded *item)
{
    weir_db *db = apply->db;
    if (db->nworkers == 1) {
        item->by_worker[0] = item->writes;
        item->n_by_worker[0] = item->n;
        return;
    }
    for (uint32_t w = 0; w < db->nworkers; w++) {
        item->by_worker[w] = wr_arena_alloc(&apply->arena, sizeof *item->writes * (item->n + 1u));
        for (uint32_t i = 0; i < item->n; i++)
            if (wr_shard_owner(wr_key_shard(item->writes[i].hash), db->nworkers) == w)
                item->by_worker[w][item->n_by_worker[w]++] = item->writes[i];
    }
}

bool wr_duplicate_key(const struct relation *relation, const char *row, struct wr_error *err)
{
    char constraint[WR_CONSTRAINT_MAX];
    snprintf(constraint, sizeof constraint, "%s_pkey", relation->name);
    wr_fail(err, ERR_UNIQUE_VIOLATION, "duplicate key value violates unique constraint \"%s\"", constraint);
    struct wr_buf names = WR_BUF_INIT, values = WR_BUF_INIT;
    struct io_settings io = {NULL};
    for (uint16_t k = 0; k < relation->nkey; k++) {
        uint16_t c = relation->key[k].column;
        struct datum value = wr_row_get(relation->layout, row, c);
        wr_buf_printf(&names, "%s%s", k ? ", " : "", relation->names[c]);
        if (k)
            wr_buf_puts(&values, ", ");
        wr_value_out(&values, &value, &io);
    }
    wr_fail_detail(err, "Key (%s)=(%.300s) already exists.", wr_buf_cstr(&names), wr_buf_cstr(&values));
    wr_buf_free(&names);
    wr_buf_free(&values);
    return wr_fail_constraint(err, relation->name, NULL, constraint);
}

static bool conflict_error(const struct loaded *item, const struct table_write *write, bool exists,
                           struct wr_error *err)
{
    if (write->expected || !exists || !write->next)
        return wr_fail(err, ERR_SERIALIZATION, "could not serialize access due to concurrent update");
    return wr_duplicate_key(item->list->relation, write->next, err);
}

static bool check_item(struct apply *apply, struct loaded *item, struct wr_error *err)
{
    for (uint32_t w = 0; w < apply->db->nworkers; w++) {
        if (!item->n_by_worker[w])
            continue;
        uint32_t conflict = UINT32_MAX;
        bool exists = false;
        if (!wr_table_check(item->live->flows[w]->root, item->by_worker[w], item->n_by_worker[w], &conflict, &exists)) {
            *err = apply->db->workers[w].error;
            return false;
        }
        if (conflict != UINT32_MAX)
            return conflict_error(item, &item->by_worker[w][conflict], exists, err);
    }
    return true;
}

static bool emit_delta(void *context, struct op *table, const struct batch *delta)
{
    return wr_op_emit(table, delta);
}

static bool feed_writes(void *context, struct worker *worker)
{
    struct apply *apply = context;
    for (uint32_t i = 0; i < apply->n; i++) {
        struct loaded *item = &apply->items[i];
        uint32_t n = item->n_by_worker[worker->index];
        if (n)
            TRY(wr_table_write(item->live->flows[worker->index]->root, item->by_worker[worker->index], n, emit_delta,
                               NULL));
    }
    return true;
}

static bool run_loaded(struct apply *apply, struct wr_error *err)
{
    bool ok = !apply->n || wr_loop_epoch(apply->db, feed_writes, apply, err);
    for (uint32_t i = 0; i < apply->n; i++)
        wr_buf_free(&apply->items[i].bytes);
    apply->n = 0;
    wr_arena_reset(&apply->arena);
    return ok;
}

/* Load a chunk, forwards or as its own inverse (to take back what was applied). */
static bool load_item(struct apply *apply, const struct write_list *list, const struct write_chunk *chunk, bool inverse,
                      struct wr_error *err)
{
    struct loaded *item = &apply->items[apply->n];
    memset(item, 0, sizeof *item);
    item->list = list;
    item->live = wr_live_find(apply->db, list->table->id);
    if (!item->live)
        return wr_fail(err, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", list->table->name);
    TRY(load_chunk(list, chunk, &item->bytes, &apply->arena, &item->writes, err));
    item->n = chunk->n;
    for (uint32_t i = 0; inverse && i < item->n / 2; i++) {
        struct table_write swap = item->writes[i];
        item->writes[i] = item->writes[item->n - 1 - i];
        item->writes[item->n - 1 - i] = swap;
    }
    for (uint32_t i = 0; inverse && i < item->n; i++) {
        struct table_write *w = &item->writes[i];
        const char *row = w->expected;
        uint32_t len = w->expected_len;
        w->expected = w->next;
        w->expected_len = w->next_len;
        w->next = row;
        w->next_len = len;
    }
    split_by_worker(apply, item);
    apply->n++;
    return true;
}

/* Take back the first `chunks` chunks, last first: nothing of it was published, the commit is still open. */
static bool take_back(struct apply *apply, size_t chunks, struct wr_error *err)
{
    apply->n = 0;
    wr_arena_reset(&apply->arena);
    for (size_t left = chunks; left > 0; left--) {
        size_t at = 0;
        for (size_t l = 0; l < apply->nlists; l++)
            for (struct write_chunk *chunk = apply->lists[l]->first; chunk; chunk = chunk->next)
                if (++at == left) {
                    TRY(load_item(apply, apply->lists[l], chunk, true, err));
                    TRY(run_loaded(apply, err));
                }
    }
    return true;
}

/* Writes to one key in several chunks of an epoch must be checked against each other: chunks that are checked must be
 * applied before the next is, unless a list has only one. */
static bool apply_all(struct apply *apply, size_t *applied, struct wr_error *err)
{
    for (size_t l = 0; l < apply->nlists; l++) {
        const struct write_list *list = apply->lists[l];
        for (struct write_chunk *chunk = list->first; chunk; chunk = chunk->next) {
            TRY(load_item(apply, list, chunk, false, err));
            TRY(check_item(apply, &apply->items[apply->n - 1], err));
            bool single = list->first == list->last && apply->nlists < EPOCH_CHUNKS;
            if (!single || apply->n == EPOCH_CHUNKS) {
                *applied += apply->n;
                if (!run_loaded(apply, err)) {
                    wr_db_fail(apply->db, err);
                    return false;
                }
            }
        }
    }
    *applied += apply->n;
    if (!run_loaded(apply, err)) {
        wr_db_fail(apply->db, err);
        return false;
    }
    for (size_t l = 0; l < apply->nlists; l++)
        if (apply->lists[l]->fails) {
            *err = apply->lists[l]->failure;
            return false;
        }
    return true;
}

bool wr_writes_apply_here(weir_db *db, struct write_list *const *lists, size_t n, struct wr_error *err)
{
    struct apply *apply = wr_calloc(1, sizeof *apply);
    apply->db = db;
    apply->lists = lists;
    apply->nlists = n;
    wr_arena_init(&apply->arena, &db->pool_scratch);
    size_t applied = 0;
    bool ok = apply_all(apply, &applied, err);
    if (!ok && !db->failed) {
        for (uint32_t i = 0; i < apply->n; i++)
            wr_buf_free(&apply->items[i].bytes);
        struct wr_error second = WR_ERROR_INIT;
        if (!take_back(apply, applied, &second))
            wr_db_fail(db, &second);
    }
    wr_arena_reset(&apply->arena);
    free(apply);
    return ok;
}

bool wr_writes_check_here(weir_db *db, struct write_list *const *lists, size_t n, struct wr_error *err)
{
    struct apply *apply = wr_calloc(1, sizeof *apply);
    apply->db = db;
    apply->lists = lists;
    apply->nlists = n;
    wr_arena_init(&apply->arena, &db->pool_scratch);
    bool ok = true;
    for (size_t l = 0; ok && l < n; l++)
        for (struct write_chunk *chunk = lists[l]->first; ok && chunk; chunk = chunk->next) {
            ok = load_item(apply, lists[l], chunk, false, err) && check_item(apply, &apply->items[0], err);
            wr_buf_free(&apply->items[0].bytes);
            apply->n = 0;
            wr_arena_reset(&apply->arena);
        }
    free(apply);
    return ok;
}

struct apply_call {
    struct write_list *const *lists;
    size_t n;
};

static bool apply_call(weir_db *db, void *argument, struct wr_error *err)
{
    struct apply_call *call = argument;
    return wr_writes_apply_here(db, call->lists, call->n, err);
}

bool wr_writes_apply(weir_db *db, struct write_list *const *lists, size_t n, struct wr_error *err)
{
    struct apply_call call = {lists, n};
    return wr_loop_call(db, apply_call, &call, true, err);
}

bool wr_writes_each(const struct write_list *list, bool (*visit)(void *, const struct table_write *, struct wr_error *),
                    void *context, struct wr_error *err)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct wr_buf bytes = WR_BUF_INIT;
    bool ok = true;
    for (struct write_chunk *chunk = list->first; ok && chunk; chunk = chunk->next) {
        struct table_write *writes;
        ok = load_chunk(list, chunk, &bytes, &arena, &writes, err);
        for (uint32_t i = 0; ok && i < chunk->n; i++)
            ok = visit(context, &writes[i], err);
        wr_arena_release(&arena, (struct wr_mark){0});
    }
    wr_buf_free(&bytes);
    wr_arena_reset(&arena);
    return ok;
}
