/* Rows: the compact bytes a row has in state, in deltas and runs, on disk.
 *
 *   nulls bitmap (1 bit per column, ceil(n/8) bytes; 1 = NULL)
 *   fixed part: bool 1, int4/date 4, int8/timestamp/float8 8 bytes little-endian at constant offsets, no padding;
 *               a NULL's slot is zero
 *   variable part directory: for each PHYS_STR column its END offset in the tail, uint32 little-endian
 *   tail: the bytes of the PHYS_STR columns one after another
 * Constant offsets make decoding a column a gather loop; string columns decode to views into the row.
 * The bytes are canonical: two rows are identical exactly when their bytes are (weights cancel on this). */
#ifndef WEIR_TYPES_ROW_H
#define WEIR_TYPES_ROW_H

#include "base/buf.h"
#include "types/batch.h"

struct row_layout {
    uint16_t ncols, nvar;
    uint32_t null_bytes, fixed_bytes; /* fixed_bytes: bitmap + fixed part + directory = minimum row size */
    struct type *types;
    uint32_t *offsets; /* per column: fixed offset, or offset of its directory slot */
    uint16_t *var;     /* per column: index among the PHYS_STR columns, UINT16_MAX if fixed */
};

/* Layout for these types; memory from the arena. */
struct row_layout *wr_row_layout_new(struct wr_arena *arena, const struct type *types, uint16_t ncols);

/* Byte size of every row of the batch (columns columns[0..layout->ncols), NULL = 0..ncols-1). */
void wr_row_sizes(const struct row_layout *layout, const struct batch *batch, const uint16_t *columns, uint32_t *sizes);
/* Write row i of the batch to to[i] (which has sizes[i] bytes), for every i with to[i] != NULL. Column by column. */
void wr_row_encode(const struct row_layout *layout, const struct batch *batch, const uint16_t *columns, char **to);
/* Encode all rows into the arena: rows[i], sizes[i]. */
void wr_row_encode_all(struct wr_arena *arena, const struct row_layout *layout, const struct batch *batch,
                       const uint16_t *columns, char **rows, uint32_t *sizes);
/* Decode column `col` of n rows into out (room for n from the arena). rows[i] == NULL gives NULL.
 * String values point into the rows. */
void wr_row_decode_column(struct wr_arena *arena, const struct row_layout *layout, uint16_t col,
                          const char *const *rows, uint32_t n, struct column *out);
/* Decode all columns into a new batch of n rows (no weights). */
struct batch *wr_row_decode(struct wr_arena *arena, const struct row_layout *layout, const char *const *rows,
                            uint32_t n);
struct datum wr_row_get(const struct row_layout *layout, const char *row, uint16_t col);
/* Is it a well-formed row of this layout (bytes from disk of unknown honesty)? */
bool wr_row_valid(const struct row_layout *layout, const char *row, size_t size) WR_MUST;

#endif
