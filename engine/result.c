/* Results: static rows, or the chunks of a running query; by row and by column. */
#include "engine/session.h"
#include "engine/timeout.h"
#include "types/float_io.h"

#include <stdio.h>

void wr_result_columns(struct weir_result *result, int ncols, const char *const *names, const struct type *types)
{
    result->ncols = ncols;
    result->cols = WR_NEW_ARRAY(&result->arena, struct output_column, ncols + 1);
    for (int c = 0; c < ncols; c++) {
        result->cols[c].name = wr_arena_strdup(&result->arena, names[c]);
        result->cols[c].type = types ? types[c] : TYPE(TYPE_TEXT);
    }
}

void wr_result_row(struct weir_result *result, const char *const *values)
{
    struct held_batch *held = result->rows.last;
    if (!held || held->batch.nrows == 256) {
        held = wr_held_new(&result->session->db->pool_queries);
        struct type types[64];
        for (int c = 0; c < result->ncols; c++)
            types[c] = TYPE(TYPE_TEXT);
        held->batch = *wr_batch_new(&held->arena, types, (uint16_t)result->ncols, 256);
        held->batch.nrows = 0;
        wr_held_push(&result->rows, held);
    }
    uint32_t row = held->batch.nrows++;
    for (int c = 0; c < result->ncols; c++) {
        struct column *col = &held->batch.cols[c];
        uint8_t *nulls = wr_column_nulls(&held->arena, col, 256);
        nulls[row] = !values[c];
        col->str[row] = wr_str_of(wr_arena_strdup(&held->arena, values[c] ? values[c] : ""));
    }
}

struct weir_result *wr_result_new(struct weir_session *session)
{
    struct weir_result *result = wr_calloc(1, sizeof *result);
    result->session = session;
    wr_arena_init(&result->arena, &session->db->pool_sessions);
    return result;
}

static bool next_chunk(struct weir_result *result, struct wr_error *err)
{
    if (result->cut_short) /* the rest is not to be taken for the end */
        return wr_fail(err, ERR_INVALID_CURSOR_STATE, "the result was ended by the session's next statement");
    if (result->chunk)
        wr_held_release(result->chunk);
    result->chunk = NULL;
    if (result->query) {
        wr_timeout_enter(result->session);
        result->chunk = wr_query_next(result->query, err);
        wr_timeout_leave(result->session);
        if (!result->chunk)
            return !err->sqlstate[0];
    } else if (result->from) {
        wr_timeout_enter(result->session);
        result->chunk = wr_result_take(result->from, &result->left, err);
        wr_timeout_leave(result->session);
        if (!result->chunk)
            return !err->sqlstate[0];
    } else if (result->rows.first) {
        result->chunk = wr_held_pop(&result->rows);
    } else if (result->late) {
        *err = *result->late;
        return false;
    }
    result->row = 0;
    result->repeat = 0;
    return true;
}

#define ROWS_TAKEN 1024 /* at once */

/* Numbers of the chunk's next rows, one as often as its weight says; row and repeat are where the next one begins. */
static uint32_t number_rows(struct weir_result *result, int64_t max, uint32_t *index)
{
    const struct batch *batch = &result->chunk->batch;
    uint32_t n = 0;
    while (result->row < batch->nrows && n < ROWS_TAKEN && n < max) {
        if (result->repeat >= WR_MAX(wr_weight(batch, result->row), 0)) {
            result->row++;
            result->repeat = 0;
            continue;
        }
        index[n++] = result->row;
        result->repeat++;
    }
    return n;
}

struct held_batch *wr_result_take(struct weir_result *result, int64_t *left, struct wr_error *err)
{
    uint32_t index[ROWS_TAKEN], n = 0;
    while (*left && !n) {
        if (!result->chunk && (!next_chunk(result, err) || !result->chunk))
            return NULL;
        n = number_rows(result, *left, index);
        if (!n) {
            wr_held_release(result->chunk);
            result->chunk = NULL;
        }
    }
    if (!n)
        return NULL;
    struct wr_arena arena;
    wr_arena_init(&arena, &result->session->db->pool_queries);
    struct batch *rows = wr_batch_gather(&arena, &result->chunk->batch, index, n);
    rows->weights = NULL;
    struct held_batch *held = wr_held_copy(&result->session->db->pool_queries, rows);
    wr_arena_reset(&arena);
    *left -= n;
    return held;
}

bool wr_held_rows_fit(weir_db *db, const char *what, const char *hint, struct wr_error *err)
{
    int64_t share = db->budget.limit_bytes / 2;
    if (atomic_load(&db->pool_queries.used_bytes) <= share)
        return true;
    wr_fail(err, ERR_OUT_OF_MEMORY, "out of memory");
    wr_fail_detail(err, "%s need more than their share of the memory limit (%lld MB).", what, (long long)(share >> 20));
    return wr_fail_hint(err, "%s, or raise --memory.", hint);
}

void wr_result_drain(struct weir_result *result)
{
    struct wr_error err = WR_ERROR_INIT;
    struct held_batch *held;
    while (result->query && (held = wr_query_next(result->query, &err)) != NULL) {
        wr_held_push(&result->rows, held);
        if (!wr_held_rows_fit(result->session->db, "The rows left in a cursor",
                              "Read it to its end before other statements", &err))
            break;
    }
    if (err.sqlstate[0]) {
        result->late = wr_arena_alloc(&result->arena, sizeof err);
        *result->late = err;
    }
    if (result->query)
        wr_query_end(result->query);
    result->query = NULL;
}

static void finish(struct weir_result *result)
{
    result->done = true;
    if (result->query) {
        wr_query_end(result->query);
        result->query = NULL;
    }
    if (result->rows_in_tag)
        snprintf(result->tag + strlen(result->tag), sizeof result->tag - strlen(result->tag), " %lld",
                 (long long)result->nrows);
    result->rows_in_tag = false;
    if (result->session->open_result == result)
        result->session->open_result = NULL;
}

/* The error of a query that still ran is the transaction's; that of reading one which was ended is not. */
static void fail_transaction(struct weir_result *result)
{
    if (result->session->state == 'T' && !result->cut_short)
        result->session->state = 'E';
}

weir_code weir_result_next(weir_result *result, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    if (result->done)
        return WEIR_DONE;
    if (result->chunk && result->repeat > 1) {
        result->repeat--;
        result->nrows++;
        return WEIR_ROW;
    }
    for (;;) {
        if (result->chunk && result->started)
            result->row++;
        while (!result->chunk || result->row >= result->chunk->batch.nrows) {
            if (!next_chunk(result, &err)) {
                wr_session_give(result->session, &err, error);
                fail_transaction(result);
                result->rows_in_tag = false;
                finish(result);
                return WEIR_ERROR;
            }
            if (!result->chunk) {
                finish(result);
                return WEIR_DONE;
            }
        }
        result->started = true;
        int64_t weight = wr_weight(&result->chunk->batch, result->row);
        if (weight <= 0)
            continue;
        result->repeat = (uint32_t)weight;
        result->nrows++;
        return WEIR_ROW;
    }
}

int weir_result_columns(const weir_result *result)
{
    return result->ncols;
}

const char *weir_result_column_name(const weir_result *result, int column)
{
    return result->cols[column].name;
}

uint32_t weir_result_column_oid(const weir_result *result, int column)
{
    struct type type = result->cols[column].type;
    return type.id == TYPE_TEXT && type.varchar ? 1043 : wr_type_info(type.id)->oid;
}

/* atttypmod as PostgreSQL packs it. */
static int32_t typmod(struct type type)
{
    if (type.id == TYPE_NUMERIC && type.precision > 0)
        return ((type.precision << 16) | (type.scale & 0x7ff)) + 4;
    if (type.id == TYPE_TEXT && type.precision > 0)
        return type.precision + 4;
    if ((type.id == TYPE_TIMESTAMP || type.id == TYPE_TIMESTAMPTZ) && type.precision > 0)
        return type.precision - 1;
    return -1;
}

int32_t weir_result_column_typmod(const weir_result *result, int column)
{
    return typmod(result->cols[column].type);
}

uint32_t weir_result_column_relation(const weir_result *result, int column, int *number)
{
    *number = result->cols[column].origin.number;
    return result->cols[column].origin.object;
}

uint32_t weir_statement_column_relation(const weir_statement *statement, int column, int *number)
{
    *number = statement->cols[column].origin.number;
    return statement->cols[column].origin.object;
}

int32_t weir_statement_column_typmod(const weir_statement *statement, int column)
{
    return typmod(statement->cols[column].type);
}

static struct datum value_at(const weir_result *result, int column)
{
    struct datum value = wr_column_get(&result->chunk->batch.cols[column], result->row);
    value.type = result->cols[column].type;
    return value;
}

bool weir_result_is_null(weir_result *result, int column)
{
    return wr_is_null(&result->chunk->batch.cols[column], result->row);
}

static struct wr_buf *text_buffer(weir_result *result, int column)
{
    if (!result->texts)
        result->texts = WR_NEW_ARRAY(&result->arena, struct wr_buf, result->ncols + 1);
    result->texts[column].len = 0;
    return &result->texts[column];
}

const char *weir_result_text(weir_result *result, int column, size_t *len)
{
    if (len)
        *len = 0;
    struct datum value = value_at(result, column);
    if (value.null)
        return NULL;
    struct wr_buf *buf = text_buffer(result, column);
    wr_value_out(buf, &value, &result->session->io);
    const char *text = wr_buf_cstr(buf);
    if (len)
        *len = buf->len;
    return text;
}

const void *weir_result_binary(weir_result *result, int column, size_t *len)
{
    if (len)
        *len = 0;
    struct datum value = value_at(result, column);
    if (value.null)
        return NULL;
    struct wr_buf *buf = text_buffer(result, column);
    wr_value_send(buf, &value);
    if (len)
        *len = buf->len;
    return wr_buf_cstr(buf);
}

int64_t weir_result_int64(weir_result *result, int column)
{
    struct datum value = value_at(result, column);
    if (value.null)
        return 0;
    switch (wr_type_info(value.type.id)->phys) {
    case PHYS_BOOL:
        return value.b;
    case PHYS_I32:
        return value.i32;
    case PHYS_I64:
        return value.i64;
    case PHYS_F64:
        return (int64_t)value.f64;
    default:
        return strtoll(weir_result_text(result, column, NULL), NULL, 10);
    }
}

double weir_result_double(weir_result *result, int column)
{
    struct datum value = value_at(result, column);
    if (value.null)
        return 0;
    if (value.type.id == TYPE_FLOAT8)
        return value.f64;
    if (wr_type_info(value.type.id)->phys == PHYS_STR)
        return wr_double_prefix(weir_result_text(result, column, NULL), NULL);
    return (double)weir_result_int64(result, column);
}

const char *weir_result_tag(weir_result *result)
{
    return result->tag;
}

void weir_result_free(weir_result *result)
{
    if (!result)
        return;
    if (!result->done) {
        result->rows_in_tag = false;
        finish(result);
    }
    if (result->chunk)
        wr_held_release(result->chunk);
    wr_held_clear(&result->rows);
    wr_copy_free(result->copy);
    wr_copy_out_free(result->copy_out);
    for (int c = 0; result->texts && c < result->ncols; c++)
        wr_buf_free(&result->texts[c]);
    wr_buf_free(&result->bytes);
    wr_arena_reset(&result->arena);
    free(result);
}

/* ---- by column */

static void column_texts(weir_result *result, int c, weir_column *out)
{
    const struct batch *batch = &result->chunk->batch;
    uint32_t *offsets = wr_arena_alloc(&result->chunk->arena, sizeof *offsets * (batch->nrows + 1u));
    struct wr_buf buf = WR_BUF_INIT;
    for (uint32_t i = 0; i < batch->nrows; i++) {
        offsets[i] = (uint32_t)buf.len;
        struct datum value = wr_column_get(&batch->cols[c], i);
        value.type = result->cols[c].type;
        if (!value.null)
            wr_value_out(&buf, &value, &result->session->io);
    }
    offsets[batch->nrows] = (uint32_t)buf.len;
    out->offsets = offsets;
    out->bytes = wr_arena_strndup(&result->chunk->arena, buf.data ? buf.data : "", buf.len);
    wr_buf_free(&buf);
}

weir_code weir_result_chunk(weir_result *result, uint32_t *rows, weir_column *columns, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    *rows = 0;
    if (result->done)
        return WEIR_DONE;
    do {
        if (!next_chunk(result, &err)) {
            wr_session_give(result->session, &err, error);
            fail_transaction(result);
            finish(result);
            return WEIR_ERROR;
        }
        if (!result->chunk) {
            finish(result);
            return WEIR_DONE;
        }
    } while (!result->chunk->batch.nrows);
    const struct batch *batch = &result->chunk->batch;
    *rows = batch->nrows;
    result->nrows += batch->nrows;
    for (int c = 0; c < result->ncols; c++) {
        const struct column *col = &batch->cols[c];
        columns[c] = (weir_column){.oid = weir_result_column_oid(result, c), .nulls = col->nulls};
        if (wr_type_info(col->type.id)->phys == PHYS_STR)
            column_texts(result, c, &columns[c]);
        else
            columns[c].data = col->data;
    }
    return WEIR_ROW;
}
