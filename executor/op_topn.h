/* Inside of the top-N operator: three forms, chosen at open by what the planner has proven.
 *
 *   first    limit 1, offset 0, input only grows: a vmap keeps the one best row per partition. A row is encoded
 *            only if it wins; changes go out within the step.  (op_topn_first.c)
 *   window   the general form on `ordered`; with input that only grows, rows behind the limit are dropped from the
 *            state and losing rows never encoded. Changes of a partition's window go out at flush.  (op_topn.c)
 *   sorted   one-shot over input that may shrink, or with a long limit: collect, sort once, emit at flush; where input
 *            only grows, what is behind the limit is dropped now and then.  (op_topn.c) */
#ifndef WEIR_EXECUTOR_OP_TOPN_H
#define WEIR_EXECUTOR_OP_TOPN_H

#include "executor/op.h"
#include "plan/plan_state.h"
#include "state/ordered.h"
#include "state/vmap.h"

struct topn_slice {
    const struct ordered_item *item;
    int64_t weight; /* how many of its rows are within offset and limit */
};

struct topn_changed {
    struct ordered_group *group;
    struct str_key prefix;
    struct topn_slice *old; /* the slice that is out */
    uint32_t nold;
};

/* How one order column of a row in state is reached without decoding the row. */
struct topn_order {
    uint16_t column;
    bool descending, nulls_first;
    uint8_t phys;
    uint32_t offset; /* in the row's bytes, fixed-size types only */
};

struct topn {
    struct op *op;
    uint16_t nkey; /* partition and order columns */
    struct key_column *key;
    struct row_layout *layout; /* of the input */
    bool is_first, is_sorted;
    uint32_t collected, cut_at; /* sorted form: rows; how many are too many, 0: no number is */
    struct str_key last;        /* without partitions: rows behind it are out */
    struct ordered *ordered;
    struct topn_changed *changed;
    uint32_t nchanged, changed_cap;
    struct wr_arena epoch;
    int64_t relieve_bytes;
    /* first */
    struct vmap *best;
    struct topn_order *order;
};

/* Rows on their way out. */
struct topn_out {
    struct topn *t;
    const char **rows;
    int64_t *weights, *ranks;
    uint32_t n;
};
void wr_topn_out_init(struct topn_out *out, struct topn *t);
bool wr_topn_out_add(struct topn_out *out, const char *row, int64_t weight, int64_t rank) WR_MUST;
bool wr_topn_out_finish(struct topn_out *out) WR_MUST;

/* The form "first". */
void wr_topn_first_open(struct topn *t);
bool wr_topn_first_step(struct topn *t, const struct batch *batch) WR_MUST;
bool wr_topn_first_flush(struct topn *t) WR_MUST; /* one-shot */

#endif
