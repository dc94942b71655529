/* System relations kept in traces (law L4): weir_catalog.errors, the rows whose expressions fail in live views, with
 * weights, gone when the row goes; weir_catalog.dead_letters, the messages that could not be decoded. */
#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

#include "connectors/json_out.h"

struct system_column {
    const char *name;
    uint8_t type;
};

static const struct system_column error_columns[] = {
    {"object", TYPE_TEXT},   {"node", TYPE_TEXT},    {"input_key", TYPE_TEXT},
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

/* The row of a view's error: the expression that failed stands behind the node, the key is JSON. Rows that this form
 * makes must not change for views that are stored: the row that takes an error back must be the one that brought it. */
#define VALUE_BYTES_MAX      200u /* of a key's value as shown */
#define EXPRESSION_BYTES_MAX 300u

/* At most max bytes of a text, in whole characters. */
static size_t cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max && ((uint8_t)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

static bool is_bare(const struct datum *value, const struct wr_buf *text)
{
    if (value->type.id == TYPE_JSONB)
        return text->len <= VALUE_BYTES_MAX;
    if (value->type.id == TYPE_BOOL)
        return true;
    bool number = wr_type_info(value->type.id)->category == 'N';
    for (size_t i = 0; i < text->len && number; i++) /* NaN and Infinity are no JSON */
        number = strchr("0123456789+-.e", text->data[i]) != NULL;
    return number;
}

static void put_value(struct wr_buf *buf, const struct datum *value)
{
    struct wr_buf text = WR_BUF_INIT;
    struct io_settings io = {NULL};
    if (value->null) {
        wr_buf_puts(buf, "null");
        return;
    }
    wr_value_out(&text, value, &io);
    if (value->type.id == TYPE_BOOL)
        wr_buf_puts(buf, value->b ? "true" : "false");
    else if (is_bare(value, &text))
        wr_buf_put(buf, text.data, text.len);
    else
        wr_json_out_string(buf, text.len ? text.data : "", cut(text.data, text.len, VALUE_BYTES_MAX));
    wr_buf_free(&text);
}

/* Columns of all inputs are numbered through; an aggregate's are its own. */
static const char *column_name(const struct plan *plan, uint16_t column)
{
    if (plan->kind == PLAN_AGGREGATE)
        return plan->cols[column].name;
    for (uint16_t i = 0; i < plan->ninputs; i++) {
        const struct plan *input = plan->inputs[i];
        if (column < input->ncols)
            return input->cols[column].name;
        column = (uint16_t)(column - input->ncols);
    }
    return "?";
}

static uint16_t times_before(const struct plan *plan, uint16_t k)
{
    uint16_t n = 0;
    for (uint16_t i = 0; i < k; i++)
        n += !strcmp(column_name(plan, plan->error_key[i]), column_name(plan, plan->error_key[k]));
    return n;
}

/* {"id": 7}; the second id of a join is "id_2". */
static void put_key(struct wr_buf *buf, const struct op *op, const struct batch *batch, uint32_t row)
{
    const struct plan *plan = op->plan;
    wr_buf_byte(buf, '{');
    for (uint16_t k = 0; k < plan->nerror_key; k++) {
        const char *name = column_name(plan, plan->error_key[k]);
        uint16_t times = times_before(plan, k);
        struct datum value = wr_column_get(&batch->cols[plan->error_key[k]], row);
        char suffixed[128];
        if (times) {
            snprintf(suffixed, sizeof suffixed, "%s_%u", name, times + 1u);
            name = suffixed;
        }
        wr_buf_puts(buf, k ? ", " : "");
        wr_json_out_string(buf, name, strlen(name));
        wr_buf_puts(buf, ": ");
        put_value(buf, &value);
    }
    wr_buf_byte(buf, '}');
}

/* Of operators that stand on no plan (a table that knows no row to delete), and of objects of older versions. */
static void put_row(struct wr_buf *buf, const struct batch *batch, uint32_t row)
{
    struct io_settings io = {NULL};
    wr_buf_byte(buf, '(');
    for (uint16_t c = 0; c < batch->ncols && buf->len < 400; c++) {
        if (c)
            wr_buf_byte(buf, ',');
        struct datum value = wr_column_get(&batch->cols[c], row);
        if (!value.null)
            wr_value_out(buf, &value, &io);
    }
    wr_buf_byte(buf, ')');
}

static void put_expression(struct wr_buf *buf, const struct plan *plan, const struct eval_error *error)
{
    if (!error->expr) {
        const struct plan_agg *agg = &plan->aggregate.aggs[error->column - plan->aggregate.ngroup];
        const char *argument = agg->arg >= 0 ? plan->inputs[0]->cols[agg->arg].name : "*";
        wr_buf_printf(buf, "%s(%s%s)", agg->agg->name, agg->distinct ? "DISTINCT " : "", argument);
        return;
    }
    uint32_t n = 0, at = 0;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        n += plan->inputs[i]->ncols;
    const char **names = wr_calloc(n + 1u, sizeof *names);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        for (uint16_t c = 0; c < plan->inputs[i]->ncols; c++)
            names[at++] = plan->inputs[i]->cols[c].name;
    size_t from = buf->len;
    wr_expr_print(buf, error->expr, names);
    buf->len = from + cut(buf->data + from, buf->len - from, EXPRESSION_BYTES_MAX);
    free(names);
}

static void set_bytes(struct wr_arena *arena, struct column *col, uint32_t row, const struct wr_buf *buf)
{
    col->str[row] = wr_str(wr_arena_strndup(arena, buf->len ? buf->data : "", buf->len), (uint32_t)buf->len);
}

static void set_text(struct wr_arena *arena, struct column *col, uint32_t row, const char *text)
{
    col->str[row] = wr_str_of(wr_arena_strdup(arena, text));
}

/* Before version 2 of the planner a row had one error, its first, and showed the columns that the node saw. */
static bool is_old(const struct object *object)
{
    bool planned = object && (object->kind == OBJECT_MATERIALIZED_VIEW || object->kind == OBJECT_SINK);
    return planned && object->plan_version < 2;
}

static void fill_row(struct wr_arena *arena, struct batch *out, uint32_t at, const struct object *object,
                     const struct op *op, const struct batch *batch, const struct eval_error *error)
{
    struct wr_buf node = WR_BUF_INIT, input = WR_BUF_INIT;
    char id[32];
    snprintf(id, sizeof id, "%u", op->dataflow->object);
    wr_buf_printf(&node, "%s %u", op->cls->name, op->plan ? op->plan->id : 0);
    if (op->plan && !is_old(object)) {
        wr_buf_puts(&node, ": ");
        put_expression(&node, op->plan, error);
        put_key(&input, op, batch, error->row);
    } else {
        put_row(&input, batch, error->row);
    }
    set_text(arena, &out->cols[0], at, object ? object->name : id);
    set_bytes(arena, &out->cols[1], at, &node);
    set_bytes(arena, &out->cols[2], at, &input);
    set_text(arena, &out->cols[3], at, error->sqlstate);
    set_text(arena, &out->cols[4], at, error->message);
    wr_buf_free(&node);
    wr_buf_free(&input);
}

struct batch *wr_error_rows(struct wr_arena *arena, const struct object *object, const struct op *op,
                            const struct batch *batch, const struct eval_errors *errors, uint32_t from)
{
    struct type types[WR_COUNT(error_columns)];
    uint32_t n = WR_MIN(errors->n - from, (uint32_t)BATCH_ROWS_MAX), kept = 0;
    for (size_t c = 0; c < WR_COUNT(error_columns); c++)
        types[c] = TYPE(error_columns[c].type);
    struct batch *out = wr_batch_new(arena, types, WR_COUNT(error_columns), n);
    int64_t *weights = wr_batch_weights(arena, out);
    for (uint32_t e = from; e < from + n; e++) {
        const struct eval_error *error = &errors->items[e];
        if (is_old(object) && e && errors->items[e - 1].row == error->row)
            continue;
        weights[kept] = wr_weight(batch, error->row);
        fill_row(arena, out, kept++, object, op, batch, error);
    }
    out->nrows = kept;
    return out;
}

bool wr_on_eval_errors(struct worker *worker, struct op *op, const struct batch *batch,
                       const struct eval_errors *errors)
{
    weir_db *db = worker->context;
    const struct live *live = wr_live_find(db, op->dataflow->object);
    for (uint32_t from = 0; from < errors->n; from += BATCH_ROWS_MAX) {
        struct wr_mark mark = wr_arena_mark(&worker->arena);
        struct batch *out = wr_error_rows(&worker->arena, live ? live->object : NULL, op, batch, errors, from);
        bool ok = wr_op_step(db->errors->flows[worker->index]->root, 0, out);
        wr_arena_release(&worker->arena, mark);
        TRY(ok);
    }
    return true;
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
