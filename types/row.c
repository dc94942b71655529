/* Rows as bytes (format: row.h). Encoding and decoding go column by column, so that the type is
 * looked at once per batch and each loop is a plain gather or scatter. */
#include "types/row.h"

static bool is_var(struct type type)
{
    return wr_type_info(type.id)->phys == PHYS_STR;
}

struct row_layout *wr_row_layout_new(struct wr_arena *arena, const struct type *types, uint16_t ncols)
{
    struct row_layout *layout = WR_NEW(arena, struct row_layout);
    size_t n = WR_MAX(ncols, 1);
    layout->ncols = ncols;
    layout->types = WR_NEW_ARRAY(arena, struct type, n);
    layout->offsets = WR_NEW_ARRAY(arena, uint32_t, n);
    layout->var = WR_NEW_ARRAY(arena, uint16_t, n);
    if (ncols)
        memcpy(layout->types, types, ncols * sizeof(*types));
    layout->null_bytes = (ncols + 7u) / 8;
    uint32_t at = layout->null_bytes;
    for (uint16_t c = 0; c < ncols; c++) {
        layout->var[c] = UINT16_MAX;
        if (is_var(types[c]))
            continue;
        layout->offsets[c] = at;
        at += wr_type_info(types[c].id)->width;
    }
    for (uint16_t c = 0; c < ncols; c++) {
        if (!is_var(types[c]))
            continue;
        layout->offsets[c] = at;
        layout->var[c] = layout->nvar++;
        at += 4;
    }
    layout->fixed_bytes = at;
    return layout;
}

static const struct column *source(const struct batch *batch, const uint16_t *columns, uint16_t c)
{
    return &batch->cols[columns ? columns[c] : c];
}

void wr_row_sizes(const struct row_layout *layout, const struct batch *batch, const uint16_t *columns, uint32_t *sizes)
{
    for (uint32_t i = 0; i < batch->nrows; i++)
        sizes[i] = layout->fixed_bytes;
    for (uint16_t c = 0; c < layout->ncols; c++) {
        if (layout->var[c] == UINT16_MAX)
            continue;
        const struct column *col = source(batch, columns, c);
        if (!col->nulls) {
            for (uint32_t i = 0; i < batch->nrows; i++)
                sizes[i] += col->str[i].len;
            continue;
        }
        for (uint32_t i = 0; i < batch->nrows; i++)
            sizes[i] += col->nulls[i] ? 0 : col->str[i].len;
    }
}

#define DEFINE_PUT(name, field, ctype)                                                     \
    static void name(const struct column *col, uint32_t offset, uint32_t nrows, char **to) \
    {                                                                                      \
        for (uint32_t i = 0; i < nrows; i++) {                                             \
            if (!to[i])                                                                    \
                continue;                                                                  \
            ctype value = wr_is_null(col, i) ? 0 : col->field[i];                          \
            memcpy(to[i] + offset, &value, sizeof(value));                                 \
        }                                                                                  \
    }
DEFINE_PUT(put_bool, b, uint8_t)
DEFINE_PUT(put_i32, i32, int32_t)
DEFINE_PUT(put_i64, i64, int64_t) /* doubles too: bits */

static void put_fixed(const struct column *col, uint32_t offset, uint32_t nrows, char **to)
{
    switch (wr_type_info(col->type.id)->phys) {
    case PHYS_BOOL:
        put_bool(col, offset, nrows, to);
        break;
    case PHYS_I32:
        put_i32(col, offset, nrows, to);
        break;
    default:
        put_i64(col, offset, nrows, to);
        break;
    }
}

static uint32_t load_u32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

static uint32_t var_start(const struct row_layout *layout, const char *row, uint16_t col)
{
    return layout->var[col] ? load_u32(row + layout->offsets[col] - 4) : 0;
}

/* A column's bytes begin where the directory says the previous column's end. */
static void put_var(const struct row_layout *layout, uint16_t c, const struct column *col, uint32_t nrows, char **to)
{
    for (uint32_t i = 0; i < nrows; i++) {
        char *row = to[i];
        if (!row)
            continue;
        uint32_t start = var_start(layout, row, c);
        uint32_t len = wr_is_null(col, i) ? 0 : col->str[i].len;
        uint32_t end = start + len;
        memcpy(row + layout->offsets[c], &end, 4);
        if (len)
            memcpy(row + layout->fixed_bytes + start, col->str[i].data, len);
    }
}

void wr_row_encode(const struct row_layout *layout, const struct batch *batch, const uint16_t *columns, char **to)
{
    uint32_t nrows = batch->nrows;
    for (uint32_t i = 0; i < nrows; i++)
        if (to[i])
            memset(to[i], 0, layout->null_bytes);
    for (uint16_t c = 0; c < layout->ncols; c++) {
        const struct column *col = source(batch, columns, c);
        if (layout->var[c] == UINT16_MAX)
            put_fixed(col, layout->offsets[c], nrows, to);
        else
            put_var(layout, c, col, nrows, to);
        if (!col->nulls)
            continue;
        for (uint32_t i = 0; i < nrows; i++)
            if (to[i])
                to[i][c / 8] |= (char)((col->nulls[i] != 0) << (c % 8));
    }
}

void wr_row_encode_all(struct wr_arena *arena, const struct row_layout *layout, const struct batch *batch,
                       const uint16_t *columns, char **rows, uint32_t *sizes)
{
    size_t total = 0;
    wr_row_sizes(layout, batch, columns, sizes);
    for (uint32_t i = 0; i < batch->nrows; i++)
        total += sizes[i];
    char *at = wr_arena_bytes(arena, WR_MAX(total, 1));
    for (uint32_t i = 0; i < batch->nrows; i++) {
        rows[i] = at;
        at += sizes[i];
    }
    wr_row_encode(layout, batch, columns, rows);
}

static bool row_is_null(const char *row, uint16_t col)
{
    return row[col / 8] >> (col % 8) & 1;
}

static struct str row_str(const struct row_layout *layout, const char *row, uint16_t col)
{
    uint32_t start = var_start(layout, row, col);
    return wr_str(row + layout->fixed_bytes + start, load_u32(row + layout->offsets[col]) - start);
}

#define DEFINE_TAKE(name, ctype)                                                      \
    static void name(ctype *to, uint32_t offset, const char *const *rows, uint32_t n) \
    {                                                                                 \
        for (uint32_t i = 0; i < n; i++) {                                            \
            to[i] = 0;                                                                \
            if (rows[i])                                                              \
                memcpy(&to[i], rows[i] + offset, sizeof(ctype));                      \
        }                                                                             \
    }
DEFINE_TAKE(take_u8, uint8_t)
DEFINE_TAKE(take_i32, int32_t)
DEFINE_TAKE(take_i64, int64_t)

static void take_nulls(struct wr_arena *arena, uint16_t c, const char *const *rows, uint32_t n, struct column *out)
{
    uint32_t first = 0;
    while (first < n && rows[first] && !row_is_null(rows[first], c))
        first++;
    if (first == n)
        return;
    uint8_t *nulls = wr_column_nulls(arena, out, n);
    for (uint32_t i = first; i < n; i++)
        nulls[i] = !rows[i] || row_is_null(rows[i], c);
}

void wr_row_decode_column(struct wr_arena *arena, const struct row_layout *layout, uint16_t col,
                          const char *const *rows, uint32_t n, struct column *out)
{
    uint32_t offset = layout->offsets[col];
    *out = wr_column_new(arena, layout->types[col], n);
    switch (wr_type_info(layout->types[col].id)->phys) {
    case PHYS_BOOL:
        take_u8(out->b, offset, rows, n);
        break;
    case PHYS_I32:
        take_i32(out->i32, offset, rows, n);
        break;
    case PHYS_I64:
    case PHYS_F64:
        take_i64(out->i64, offset, rows, n);
        break;
    case PHYS_STR:
        for (uint32_t i = 0; i < n; i++)
            out->str[i] = rows[i] ? row_str(layout, rows[i], col) : wr_str("", 0);
        break;
    }
    take_nulls(arena, col, rows, n, out);
}

struct batch *wr_row_decode(struct wr_arena *arena, const struct row_layout *layout, const char *const *rows,
                            uint32_t n)
{
    struct batch *out = WR_NEW(arena, struct batch);
    out->nrows = n;
    out->ncols = layout->ncols;
    out->cols = WR_NEW_ARRAY(arena, struct column, WR_MAX(layout->ncols, 1));
    for (uint16_t c = 0; c < layout->ncols; c++)
        wr_row_decode_column(arena, layout, c, rows, n, &out->cols[c]);
    return out;
}

struct datum wr_row_get(const struct row_layout *layout, const char *row, uint16_t col)
{
    struct datum value = {.type = layout->types[col], .null = row_is_null(row, col)};
    if (layout->var[col] != UINT16_MAX)
        value.str = row_str(layout, row, col);
    else
        memcpy(&value.i64, row + layout->offsets[col], wr_type_info(value.type.id)->width);
    return value;
}

bool wr_row_valid(const struct row_layout *layout, const char *row, size_t size)
{
    uint32_t before = 0;
    if (size < layout->fixed_bytes)
        return false;
    size_t tail = size - layout->fixed_bytes;
    for (uint16_t c = 0; c < layout->ncols; c++) {
        if (layout->var[c] == UINT16_MAX) {
            if (layout->types[c].id == TYPE_BOOL && (uint8_t)row[layout->offsets[c]] > 1)
                return false;
            continue;
        }
        uint32_t end = load_u32(row + layout->offsets[c]);
        if (end < before || end > tail)
            return false;
        before = end;
    }
    return before == tail;
}
