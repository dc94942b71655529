/* Batches: the unit that flows through a dataflow.
 *
 * A batch is a set of typed columns plus one weight per row (a piece of a Z-set:
 * +1 insert, -1 delete, any sum of them). It is a *view*: whoever made it owns the
 * memory (nearly always a worker's arena, released LIFO), and the receiver may
 * read it only during the call it was given in. Columns are flat arrays of
 * `nrows` values, never longer than BATCH_ROWS_MAX; who makes batches of stored or
 * arriving rows ends one at BATCH_BYTES_ENOUGH, for rows may be wide, and what
 * operators emit is cut likewise (executor/dataflow.c).
 *
 * Strings are views too (16 bytes, bytes not owned): filtering, joining and
 * projecting moves views; bytes are copied when a row enters state or leaves
 * (late materialisation). */
#ifndef WEIR_TYPES_BATCH_H
#define WEIR_TYPES_BATCH_H

#include <string.h>

#include "base/mem.h"
#include "types/type.h"

#define BATCH_ROWS_MAX     4096
#define BATCH_BYTES_ENOUGH ((size_t)1 << 20)

struct str {
    const char *data;
    uint32_t len;
    uint32_t prefix; /* first 4 bytes, big-endian, zero padded: decides most comparisons */
};

static inline struct str wr_str(const void *data, size_t len)
{
    const uint8_t *p = data;
    uint32_t prefix = 0;
    if (len >= 4)
        prefix = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    else
        for (size_t i = 0; i < len; i++)
            prefix |= (uint32_t)p[i] << (24 - 8 * i);
    return (struct str){data, (uint32_t)len, prefix};
}
static inline struct str wr_str_of(const char *text)
{
    return wr_str(text, strlen(text));
}
static inline bool wr_str_eq(struct str a, struct str b)
{
    return a.len == b.len && a.prefix == b.prefix && (a.len <= 4 || !memcmp(a.data + 4, b.data + 4, a.len - 4));
}
/* memcmp order = code point order of UTF-8. */
static inline int wr_str_cmp(struct str a, struct str b)
{
    if (a.prefix != b.prefix)
        return a.prefix < b.prefix ? -1 : 1;
    size_t n = WR_MIN(a.len, b.len);
    int c = n ? memcmp(a.data, b.data, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

struct column {
    struct type type;
    union {
        void *data;
        uint8_t *b;
        int32_t *i32;
        int64_t *i64;
        double *f64;
        struct str *str;
    };
    uint8_t *nulls; /* one byte per row, 1 = NULL; NULL pointer = no NULLs. A NULL's data slot is
                       defined (zero or empty string) but meaningless. */
};

struct batch {
    uint32_t nrows;
    uint16_t ncols;
    struct column *cols;
    int64_t *weights; /* NULL = every row weighs +1 */
};

static inline bool wr_is_null(const struct column *col, uint32_t row)
{
    return col->nulls && col->nulls[row];
}
static inline int64_t wr_weight(const struct batch *batch, uint32_t row)
{
    return batch->weights ? batch->weights[row] : 1;
}

/* A column of `nrows` uninitialised values (no nulls array). */
struct column wr_column_new(struct wr_arena *arena, struct type type, uint32_t nrows);
/* Give the column a nulls array of zeros if it has none; returns it. */
uint8_t *wr_column_nulls(struct wr_arena *arena, struct column *col, uint32_t nrows);
/* A batch with `ncols` columns of the given types, `nrows` rows, no weights array. */
struct batch *wr_batch_new(struct wr_arena *arena, const struct type *types, uint16_t ncols, uint32_t nrows);
int64_t *wr_batch_weights(struct wr_arena *arena, struct batch *batch); /* adds an array of ones if absent */
/* out[i] = in[index[i]]; index UINT32_MAX gives NULL. Moves string views, not bytes. */
struct column wr_column_gather(struct wr_arena *arena, const struct column *in, const uint32_t *index, uint32_t n);
/* All columns and weights of the chosen rows. */
struct batch *wr_batch_gather(struct wr_arena *arena, const struct batch *in, const uint32_t *index, uint32_t n);
/* How many rows from `from` on have strings of no more than `bytes` together; at least one. */
uint32_t wr_batch_rows_within(const struct batch *batch, uint32_t from, size_t bytes);
/* Rows from .. from + n - 1 of a batch, which must outlive it; `cols`: room for its columns. */
struct batch wr_batch_slice(const struct batch *batch, uint32_t from, uint32_t n, struct column *cols);
/* Deep copy, string bytes included. */
struct batch *wr_batch_copy(struct wr_arena *arena, const struct batch *in);
/* Sum the weights of rows with identical bytes and drop zeros. Order of the result: of first
 * appearance. Returns `in` itself if nothing changed. A batch whose weights are all positive is returned as it
 * is, duplicates included: nothing in it can cancel. */
const struct batch *wr_batch_consolidate(struct wr_arena *arena, const struct batch *in);
/* The same without that exception: the result has no two identical rows. */
const struct batch *wr_batch_merge(struct wr_arena *arena, const struct batch *in);

/* An owned batch that outlives a call: one heap block, counted. */
struct held_batch {
    struct batch batch;
    struct wr_arena arena;
    struct wr_pool *pool;
    atomic_int refs;
    struct held_batch *next; /* in a held_queue */
};
struct held_batch *wr_held_new(struct wr_pool *pool);                             /* empty; build into ->arena */
struct held_batch *wr_held_copy(struct wr_pool *pool, const struct batch *batch); /* deep copy */
void wr_held_retain(struct held_batch *held);
void wr_held_release(struct held_batch *held);

/* Held batches, first in first out; {0} is empty. Each is in one queue at most. */
struct held_queue {
    struct held_batch *first, *last;
};
void wr_held_push(struct held_queue *queue, struct held_batch *held);
struct held_batch *wr_held_pop(struct held_queue *queue); /* NULL: empty */
void wr_held_clear(struct held_queue *queue);             /* releases them */

/* One scalar value: constants, parameters, results. String bytes not owned. */
struct datum {
    struct type type;
    bool null;
    union {
        uint8_t b;
        int32_t i32;
        int64_t i64;
        double f64;
        struct str str;
    };
};
struct datum wr_column_get(const struct column *col, uint32_t row);
void wr_column_set(struct wr_arena *arena, struct column *col, uint32_t row, uint32_t nrows, const struct datum *value);

#endif
