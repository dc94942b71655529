/* Aggregates: one row per aggregate and argument type.
 *
 * Class, by what it takes to take a row back:
 *   AGG_INVERTIBLE  a fixed-size accumulator; a row of weight w adds w times (retraction = negative weight)
 *   AGG_ORDERED     min/max: needs the ordered multiset of values unless the input is append-only, where the
 *                   accumulator below (`add` called with positive weights only) suffices
 *   AGG_BASIC       recompute from the multiset (string_agg ...): none yet
 * DISTINCT and FILTER are the operator's business, not the aggregate's.
 *
 * An accumulator is `state_size` bytes (8-byte aligned) that may own heap memory; state must be relocatable by memcpy.
 * What it owns is told by heap(): the operator charges it.
 */
#ifndef WEIR_FUNCTIONS_AGG_H
#define WEIR_FUNCTIONS_AGG_H

#include "base/buf.h"
#include "functions/fn.h"

enum agg_class { AGG_INVERTIBLE, AGG_ORDERED, AGG_BASIC };

struct agg {
    const char *name; /* "sum" */
    uint8_t nargs;    /* 0: count(*) */
    uint8_t arg;      /* enum type_id; TYPE_UNKNOWN = any type */
    uint8_t result;
    uint8_t agg_class;
    uint32_t state_size;
    bool same_type; /* the result has the argument's type, typmod included (min, max) */
    void (*init)(void *state);
    /* For k in 0..n: states[k] takes row rows[k] (rows NULL: k) of the column with weight weights[k]; NULL arguments
     * are skipped by the aggregate itself. arg is NULL for count(*). */
    void (*add)(void *const *states, const struct column *arg, const uint32_t *rows, const int64_t *weights,
                uint32_t n);
    /* out[k] = result of states[k]; may record errors (overflow of bigint sum ...: they belong to the output). Strings
     * may point into the states: they are good until these change. */
    void (*finish)(void *const *states, uint32_t n, struct wr_arena *arena, struct column *out,
                   struct eval_errors *errors);
    void (*fini)(void *state);                             /* NULL: owns nothing */
    int64_t (*heap)(const void *state);                    /* bytes it owns; NULL if fini is */
    void (*encode)(const void *state, struct wr_buf *buf); /* canonical bytes */
    bool (*decode)(void *state, struct wr_reader *reader); /* state is initialised; false: corrupt */
    const char *doc;
};

/* NULL + err (42883) if there is none. cast_to: the type the argument must be cast to. */
const struct agg *wr_agg_resolve(const char *name, const struct type *args, uint16_t nargs, struct type *cast_to,
                                 struct wr_error *err);
bool wr_agg_exists(const char *name); /* any aggregate of this name? */
const struct agg *wr_agg_list(size_t index);

#endif
