/* System relations kept in traces (L4): weir_catalog.errors, the rows whose expressions fail in live views, with
 * weights, gone when the row goes; weir_catalog.dead_letters, the messages that could not be decoded. */
#include "engine/engine.h"

#include <stdio.h>

struct system_column {
    const char *name;
    uint8_t type;
};

static const struct system_column error_columns[] = {
    {"object", TYPE_TEXT},   {"node", TYPE_TEXT},    {"input_row", TYPE_TEXT},
    {"sqlstate", TYPE_TEXT}, {"message", TYPE_TEXT},
};

static const struct system_column dead_letter_columns[] = {
    {"object", TYPE_TEXT}, {"partition", TYPE_INT4}, {"offset", TYPE_INT8},
    {"key", TYPE_BYTEA},   {"value", TYPE_BYTEA},    {"reason", TYPE_TEXT},
};

static struct object_column *columns_of(struct wr_arena *arena, const struct system_column *from, uint16_t n)
{
    struct object_column *cols = WR_NEW_ARRAY(arena, struct object_column, n);
    for (uint16_t i = 0; i < n; i++)
        cols[i] = (struct object_column){.id = i + 1u, .name = from[i].name, .type = TYPE(from[i].type)};
    return cols;
}

static bool open_one(weir_db *db, uint32_t id, const char *name, const struct system_column *columns, uint16_t n,
                     struct live **out, struct wr_error *err)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct object object = {.id = id,
                            .kind = OBJECT_SYSTEM,
                            .schema = "weir_catalog",
                            .name = name,
                            .ncols = n,
                            .cols = columns_of(&arena, columns, n),
                            .definition = ""};
    struct catalog *with = wr_catalog_with(db->catalog, &object);
    wr_catalog_release(db->catalog);
    db->catalog = with;
    bool ok = wr_live_new(db, db->catalog, &object, db->workers, out, err) && wr_live_attach(db, *out, err);
    wr_arena_reset(&arena);
    return ok;
}

bool wr_errors_open(weir_db *db, struct wr_error *err)
{
    TRY(open_one(db, OBJECT_ERRORS, "errors", error_columns, WR_COUNT(error_columns), &db->errors, err));
    return open_one(db, OBJECT_DEAD_LETTERS, "dead_letters", dead_letter_columns, WR_COUNT(dead_letter_columns),
                    &db->dead_letters, err);
}

/* ---- evaluation errors */

static struct str row_text(struct wr_arena *arena, const struct batch *batch, uint32_t row)
{
    struct wr_buf buf = WR_BUF_INIT;
    struct io_settings io = {NULL};
    wr_buf_byte(&buf, '(');
    for (uint16_t c = 0; c < batch->ncols && buf.len < 400; c++) {
        if (c)
            wr_buf_byte(&buf, ',');
        struct datum value = wr_column_get(&batch->cols[c], row);
        if (!value.null)
            wr_value_out(&buf, &value, &io);
    }
    wr_buf_byte(&buf, ')');
    struct str text = wr_str(wr_arena_strndup(arena, buf.data, buf.len), buf.len);
    wr_buf_free(&buf);
    return text;
}

static void set_text(struct wr_arena *arena, struct column *col, uint32_t row, const char *text)
{
    col->str[row] = wr_str_of(wr_arena_strdup(arena, text));
}

struct batch *wr_error_row(struct wr_arena *arena, const char *name, const struct op *op, int64_t weight,
                           const char *sqlstate, const char *message, const struct batch *batch, uint32_t row)
{
    struct type types[WR_COUNT(error_columns)];
    for (size_t c = 0; c < WR_COUNT(error_columns); c++)
        types[c] = TYPE(error_columns[c].type);
    struct batch *out = wr_batch_new(arena, types, WR_COUNT(error_columns), 1);
    char object[32], node[64];
    snprintf(object, sizeof object, "%u", op->dataflow->object);
    snprintf(node, sizeof node, "%s %u", op->cls->name, op->plan ? op->plan->id : 0);
    set_text(arena, &out->cols[0], 0, name ? name : object);
    set_text(arena, &out->cols[1], 0, node);
    out->cols[2].str[0] = row_text(arena, batch, row);
    set_text(arena, &out->cols[3], 0, sqlstate);
    set_text(arena, &out->cols[4], 0, message);
    wr_batch_weights(arena, out)[0] = weight;
    return out;
}

bool wr_on_eval_error(struct worker *worker, struct op *op, int64_t weight, const char *sqlstate, const char *message,
                      const struct batch *batch, uint32_t row)
{
    weir_db *db = worker->context;
    const struct live *live = wr_live_find(db, op->dataflow->object);
    struct batch *out =
        wr_error_row(&worker->arena, live ? live->object->name : NULL, op, weight, sqlstate, message, batch, row);
    return wr_op_step(db->errors->flows[worker->index]->root, 0, out);
}

/* Error rows of a view that goes. On the loop thread; part of the open commit. */
bool wr_errors_forget(weir_db *db, const char *object, struct wr_error *err)
{
    struct dataflow **flows = db->errors->flows;
    struct worker *worker = &db->workers[0];
    const struct relation *relation = db->errors->relation;
    for (uint32_t w = 0; w < db->nworkers; w++)
        if (!wr_dataflow_seal(flows[w], db->commit)) {
            *err = db->workers[w].error;
            return false;
        }
    struct version *version = wr_trace_current(wr_relation_trace(worker, relation));
    struct cursor *cursor = wr_cursor_open(version, NULL, 0, NULL, 0);
    struct wr_mark mark = wr_arena_mark(&worker->arena);
    bool ok = true;
    const struct entry *entry;
    wr_error_clear(err);
    while (ok && (entry = wr_cursor_next(cursor, err))) {
        const char *row = wr_arena_strndup(&worker->arena, entry->payload, entry->payload_len);
        struct batch *batch = wr_row_decode(&worker->arena, relation->layout, &row, 1);
        wr_batch_weights(&worker->arena, batch)[0] = -entry->weight;
        if (wr_str_eq(batch->cols[0].str[0], wr_str_of(object)) && !wr_op_step(flows[0]->root, 0, batch)) {
            *err = worker->error;
            ok = false;
        }
        wr_arena_release(&worker->arena, mark);
    }
    wr_cursor_close(cursor);
    wr_version_release(version);
    return ok && !err->sqlstate[0];
}

/* ---- dead letters */

bool wr_dead_letters_add(weir_db *db, struct worker *worker, const struct live *live, const struct source_chunk *chunk)
{
    struct wr_arena *arena = &worker->arena;
    struct type types[WR_COUNT(dead_letter_columns)];
    for (size_t c = 0; c < WR_COUNT(dead_letter_columns); c++)
        types[c] = TYPE(dead_letter_columns[c].type);
    for (uint32_t from = 0; from < chunk->ndead; from += BATCH_ROWS_MAX) {
        uint32_t n = WR_MIN(chunk->ndead - from, (uint32_t)BATCH_ROWS_MAX);
        struct batch *out = wr_batch_new(arena, types, WR_COUNT(dead_letter_columns), n);
        uint8_t *key_nulls = wr_column_nulls(arena, &out->cols[3], n);
        uint8_t *value_nulls = wr_column_nulls(arena, &out->cols[4], n);
        for (uint32_t i = 0; i < n; i++) {
            const struct dead_letter *dead = &chunk->dead[from + i];
            set_text(arena, &out->cols[0], i, live->object->name);
            out->cols[1].i32[i] = dead->partition;
            out->cols[2].i64[i] = dead->offset;
            out->cols[3].str[i] = dead->key ? wr_str(dead->key, dead->key_len) : wr_str("", 0);
            out->cols[4].str[i] = dead->value ? wr_str(dead->value, dead->value_len) : wr_str("", 0);
            key_nulls[i] = !dead->key;
            value_nulls[i] = !dead->value;
            set_text(arena, &out->cols[5], i, dead->reason);
        }
        TRY(wr_op_step(db->dead_letters->flows[worker->index]->root, 0, out));
    }
    return true;
}
