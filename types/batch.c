/* Columns and batches: making, gathering, copying. (Cancelling rows: batch_consolidate.c;
 * batches that outlive a call: batch_held.c.) */
#include "types/batch.h"

static size_t width_of(struct type type)
{
    return wr_type_info(type.id)->width;
}

static uint8_t phys_of(struct type type)
{
    return wr_type_info(type.id)->phys;
}

struct column wr_column_new(struct wr_arena *arena, struct type type, uint32_t nrows)
{
    struct column col = {.type = type};
    col.data = wr_arena_alloc(arena, WR_MAX((size_t)nrows, 1) * width_of(type));
    return col;
}

uint8_t *wr_column_nulls(struct wr_arena *arena, struct column *col, uint32_t nrows)
{
    if (!col->nulls)
        col->nulls = wr_arena_zalloc(arena, WR_MAX(nrows, 1u));
    return col->nulls;
}

struct batch *wr_batch_new(struct wr_arena *arena, const struct type *types, uint16_t ncols, uint32_t nrows)
{
    struct batch *batch = WR_NEW(arena, struct batch);
    batch->nrows = nrows;
    batch->ncols = ncols;
    batch->cols = WR_NEW_ARRAY(arena, struct column, WR_MAX(ncols, 1));
    for (uint16_t c = 0; c < ncols; c++)
        batch->cols[c] = wr_column_new(arena, types[c], nrows);
    return batch;
}

int64_t *wr_batch_weights(struct wr_arena *arena, struct batch *batch)
{
    if (!batch->weights) {
        batch->weights = wr_arena_alloc(arena, WR_MAX(batch->nrows, 1u) * sizeof(int64_t));
        for (uint32_t i = 0; i < batch->nrows; i++)
            batch->weights[i] = 1;
    }
    return batch->weights;
}

#define DEFINE_GATHER(name, ctype)                                                    \
    static void name(ctype *to, const ctype *from, const uint32_t *index, uint32_t n) \
    {                                                                                 \
        for (uint32_t i = 0; i < n; i++)                                              \
            to[i] = from[index[i]];                                                   \
    }
DEFINE_GATHER(gather_u8, uint8_t)
DEFINE_GATHER(gather_i32, int32_t)
DEFINE_GATHER(gather_i64, int64_t)
DEFINE_GATHER(gather_str, struct str)

static void gather_values(struct column *out, const struct column *in, const uint32_t *index, uint32_t n)
{
    switch (phys_of(in->type)) {
    case PHYS_BOOL:
        gather_u8(out->b, in->b, index, n);
        break;
    case PHYS_I32:
        gather_i32(out->i32, in->i32, index, n);
        break;
    case PHYS_I64:
    case PHYS_F64: /* 8 bytes are 8 bytes */
        gather_i64(out->i64, in->i64, index, n);
        break;
    case PHYS_STR:
        gather_str(out->str, in->str, index, n);
        break;
    }
}

/* The slow form: some index is UINT32_MAX, so its row is NULL. */
static void gather_holes(struct wr_arena *arena, struct column *out, const struct column *in, const uint32_t *index,
                         uint32_t n)
{
    size_t width = width_of(in->type);
    uint8_t *nulls = wr_column_nulls(arena, out, n);
    const char *from = in->data;
    char *to = out->data;
    for (uint32_t i = 0; i < n; i++) {
        bool hole = index[i] == UINT32_MAX;
        nulls[i] = hole || wr_is_null(in, index[i]);
        if (hole)
            memset(to + i * width, 0, width);
        else
            memcpy(to + i * width, from + index[i] * width, width);
    }
}

struct column wr_column_gather(struct wr_arena *arena, const struct column *in, const uint32_t *index, uint32_t n)
{
    struct column out = wr_column_new(arena, in->type, n);
    bool holes = false;
    for (uint32_t i = 0; i < n; i++)
        holes |= index[i] == UINT32_MAX;
    if (holes) {
        gather_holes(arena, &out, in, index, n);
        return out;
    }
    gather_values(&out, in, index, n);
    if (in->nulls) {
        out.nulls = wr_arena_alloc(arena, WR_MAX(n, 1u));
        gather_u8(out.nulls, in->nulls, index, n);
    }
    return out;
}

struct batch *wr_batch_gather(struct wr_arena *arena, const struct batch *in, const uint32_t *index, uint32_t n)
{
    struct batch *out = WR_NEW(arena, struct batch);
    out->nrows = n;
    out->ncols = in->ncols;
    out->cols = WR_NEW_ARRAY(arena, struct column, WR_MAX(in->ncols, 1));
    for (uint16_t c = 0; c < in->ncols; c++)
        out->cols[c] = wr_column_gather(arena, &in->cols[c], index, n);
    if (in->weights) {
        out->weights = wr_arena_alloc(arena, WR_MAX(n, 1u) * sizeof(int64_t));
        for (uint32_t i = 0; i < n; i++)
            out->weights[i] = index[i] == UINT32_MAX ? 1 : in->weights[index[i]];
    }
    return out;
}

static bool is_text(const struct column *col)
{
    return col->data && phys_of(col->type) == PHYS_STR;
}

static size_t string_bytes(const struct column *col, uint32_t from, uint32_t n)
{
    size_t bytes = 0;
    for (uint32_t i = from; i < from + n; i++)
        bytes += col->str[i].len;
    return bytes;
}

uint32_t wr_batch_rows_within(const struct batch *batch, uint32_t from, size_t bytes)
{
    uint32_t n = batch->nrows - from;
    size_t all = 0;
    for (uint16_t c = 0; c < batch->ncols; c++)
        if (is_text(&batch->cols[c]))
            all += string_bytes(&batch->cols[c], from, n);
    if (all <= bytes)
        return n;
    size_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint16_t c = 0; c < batch->ncols; c++)
            if (is_text(&batch->cols[c]))
                sum += batch->cols[c].str[from + i].len;
        if (sum > bytes)
            return WR_MAX(i, 1u);
    }
    return n;
}

struct batch wr_batch_slice(const struct batch *batch, uint32_t from, uint32_t n, struct column *cols)
{
    struct batch slice = {.nrows = n, .ncols = batch->ncols, .cols = cols};
    for (uint16_t c = 0; c < batch->ncols; c++) {
        cols[c] = batch->cols[c];
        if (cols[c].data)
            cols[c].data = (char *)cols[c].data + from * width_of(cols[c].type);
        if (cols[c].nulls)
            cols[c].nulls += from;
    }
    slice.weights = batch->weights ? batch->weights + from : NULL;
    return slice;
}

static void copy_strings(struct wr_arena *arena, struct column *out, const struct column *in, uint32_t nrows)
{
    size_t total = 0;
    for (uint32_t i = 0; i < nrows; i++)
        if (!wr_is_null(in, i))
            total += in->str[i].len;
    char *at = wr_arena_bytes(arena, WR_MAX(total, 1));
    for (uint32_t i = 0; i < nrows; i++) {
        struct str str = wr_is_null(in, i) ? wr_str("", 0) : in->str[i];
        if (str.len)
            memcpy(at, str.data, str.len);
        str.data = at;
        at += str.len;
        out->str[i] = str;
    }
}

static struct column column_copy(struct wr_arena *arena, const struct column *in, uint32_t nrows)
{
    struct column out = wr_column_new(arena, in->type, nrows);
    if (phys_of(in->type) == PHYS_STR)
        copy_strings(arena, &out, in, nrows);
    else if (nrows)
        memcpy(out.data, in->data, nrows * width_of(in->type));
    if (in->nulls) {
        out.nulls = wr_arena_alloc(arena, WR_MAX(nrows, 1u));
        memcpy(out.nulls, in->nulls, nrows);
    }
    return out;
}

struct batch *wr_batch_copy(struct wr_arena *arena, const struct batch *in)
{
    struct batch *out = WR_NEW(arena, struct batch);
    out->nrows = in->nrows;
    out->ncols = in->ncols;
    out->cols = WR_NEW_ARRAY(arena, struct column, WR_MAX(in->ncols, 1));
    for (uint16_t c = 0; c < in->ncols; c++)
        out->cols[c] = column_copy(arena, &in->cols[c], in->nrows);
    if (in->weights) {
        out->weights = wr_arena_alloc(arena, WR_MAX(in->nrows, 1u) * sizeof(int64_t));
        memcpy(out->weights, in->weights, in->nrows * sizeof(int64_t));
    }
    return out;
}

struct datum wr_column_get(const struct column *col, uint32_t row)
{
    struct datum value = {.type = col->type, .null = wr_is_null(col, row)};
    switch (phys_of(col->type)) {
    case PHYS_BOOL:
        value.b = col->b[row];
        break;
    case PHYS_I32:
        value.i32 = col->i32[row];
        break;
    case PHYS_I64:
        value.i64 = col->i64[row];
        break;
    case PHYS_F64:
        value.f64 = col->f64[row];
        break;
    case PHYS_STR:
        value.str = value.null ? wr_str("", 0) : col->str[row];
        break;
    }
    return value;
}

void wr_column_set(struct wr_arena *arena, struct column *col, uint32_t row, uint32_t nrows, const struct datum *value)
{
    if (value->null) {
        wr_column_nulls(arena, col, nrows)[row] = 1;
        memset((char *)col->data + row * width_of(col->type), 0, width_of(col->type));
        return;
    }
    if (col->nulls)
        col->nulls[row] = 0;
    switch (phys_of(col->type)) {
    case PHYS_BOOL:
        col->b[row] = value->b;
        break;
    case PHYS_I32:
        col->i32[row] = value->i32;
        break;
    case PHYS_I64:
        col->i64[row] = value->i64;
        break;
    case PHYS_F64:
        col->f64[row] = value->f64;
        break;
    case PHYS_STR:
        col->str[row] = value->str;
        break;
    }
}
