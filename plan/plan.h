/* The plan: one type from binder to executor. The binder builds it, passes rewrite it (planner/pass_*.c), the last pass
 * makes it physical: exchanges inserted, state tables numbered. Immutable for the executor; arena-owned.
 *
 * Every node yields a Z-set of rows over `cols`. Column numbers in a node's expressions refer to its input's columns;
 * for a join's to left columns followed by right columns. */
#ifndef WEIR_PLAN_PLAN_H
#define WEIR_PLAN_PLAN_H

#include "functions/agg.h"
#include "functions/expr.h"
#include "types/key.h"

enum plan_kind {
    PLAN_SCAN,   /* rows of a relation (table, source, materialized view) */
    PLAN_VALUES, /* constant rows */
    PLAN_FILTER,
    PLAN_PROJECT,
    PLAN_JOIN,
    PLAN_AGGREGATE,
    PLAN_DISTINCT,
    PLAN_UNION,    /* UNION ALL of its inputs (same types) */
    PLAN_TOPN,     /* per partition, rows number offset+1 .. offset+limit in order */
    PLAN_SORT,     /* ad hoc only, at the root or below the root's projection: order of the result */
    PLAN_EXCHANGE, /* physical: rows move to the worker that owns their hash columns */
    PLAN_KIND_COUNT
};

enum join_type { JOIN_INNER, JOIN_LEFT, JOIN_SEMI, JOIN_ANTI, JOIN_FULL };
/* Sides of a join that are not kept, but read from the table they are a scan of, by its primary key, or from the index.
 */
enum join_shared { SHARED_NONE, SHARED_LEFT, SHARED_RIGHT, SHARED_BOTH };

/* A column of a relation of the catalog, by its number from 1 on; object 0: of none. */
struct plan_origin {
    uint32_t object;
    uint16_t number;
};

struct plan_column {
    const char *name;
    struct type type;
    bool nullable;
    struct plan_origin origin; /* whose value it is, unchanged: what clients are told; kept up by the binder alone */
};

/* What is proven about a node's output. */
struct plan_key {
    uint16_t n;
    uint16_t *columns; /* no two rows agree on all of these, and weights are 0 or 1; n = 0: at most one row */
};
struct plan_props {
    uint16_t nkeys;
    struct plan_key *keys; /* best first; none: a bag */
    bool append_only;      /* weights are never negative */
    bool distributed;      /* physical: rows live on the worker of the hash of `hash_columns`; false = anywhere */
    uint16_t nhash;        /* 0 with distributed = all on the worker of shard 0 */
    uint16_t *hash_columns;
};

struct plan_order {
    uint16_t column;
    bool descending, nulls_first;
};

/* Constants of one type: what a column is compared with by = or IN. */
struct plan_given {
    uint32_t n;
    const struct datum *values;
};

/* Bounds of a column, as written or narrower ones; NULL: none. */
struct plan_range {
    const struct datum *lower, *upper;
};

struct plan_agg {
    const struct agg *agg;
    int32_t arg;    /* input column, -1 for count(*) */
    int32_t filter; /* boolean input column (FILTER), -1 none */
    bool distinct;
    struct type type; /* of the result */
};

struct plan {
    uint8_t kind; /* enum plan_kind */
    uint16_t ncols;
    struct plan_column *cols;
    uint16_t ninputs;
    struct plan **inputs;
    struct plan_props props;
    uint32_t id; /* physical: number in the tree, pre-order, exchanges behind the others; names it in error rows */
    /* physical: state tables first_state .. first_state + nstates of the object, numbered in pre-order (a node's own
     * before its inputs'). nstates is a pure function of the node: wr_plan_state_count(). */
    uint16_t first_state, nstates;
    /* physical: the columns that name a row on which an expression of the node fails: a key of its input (of both, for
     * a join, numbered as the condition numbers them), all columns where none is proven; of an aggregate, its group. */
    uint16_t nerror_key, *error_key;
    bool silent; /* what fails here is reported by the node that this one is a copy of */

    union {
        struct {
            uint32_t object; /* catalog id */
            const char *name;
            uint16_t *columns; /* which of the relation's columns (ncols of them), in output order */
            /* ad hoc: only rows with these values in the key of `lookup`, which is the relation itself or an index of
             * it, are needed; 0: all rows */
            uint32_t lookup;
            const char *lookup_name;
            uint16_t nlookup;         /* the first key columns: all of them, or less where rows are many */
            struct plan_given *given; /* by key column */
            struct plan_range range;  /* of the key column behind them */
            bool leading;             /* less than all key columns */
        } scan;
        struct {
            uint32_t nrows;
            struct expr **exprs; /* nrows * ncols, row-major, constant (may hold params before execution) */
        } values;
        struct {
            struct expr *predicate;
        } filter;
        struct {
            struct expr **exprs; /* ncols */
        } project;
        struct {
            uint8_t type; /* enum join_type; SEMI and ANTI output the left columns; FULL has keys alone, no condition */
            uint16_t nkeys;
            uint16_t *left_keys, *right_keys; /* columns of left and right: equal under SQL equality; same types */
            bool null_aware;                  /* ANTI for NOT IN: NULLs count as PostgreSQL says */
            bool nulls_equal;                 /* keys compared with IS NOT DISTINCT FROM */
            bool copies;    /* ANTI of copies of both sides (bind_full.c): likewise, and for both inputs */
            bool restricts; /* with a copy of the outer query (bind_restrict.c, bind_domain.c), whose failures are not
                               reported */
            uint8_t shared; /* enum join_shared: keys are then in the order of the table's or index's */
            uint8_t shared_index;   /* which of them from an index: what EXPLAIN says */
            struct expr *condition; /* extra condition over left+right columns, or NULL */
        } join;
        struct {
            uint16_t ngroup;
            uint16_t *group; /* input columns; output = group columns then aggregates. ngroup 0: one row always, unless
                                `grouped` */
            bool grouped;    /* written with GROUP BY (then no input rows = no output row) */
            uint16_t naggs;
            struct plan_agg *aggs;
        } aggregate;
        /* DISTINCT: over all columns */
        struct {
            uint16_t npartition;
            uint16_t *partition;
            uint16_t norder;
            struct plan_order *order; /* ties: the row's encoding decides */
            int64_t limit;            /* -1 = none */
            int64_t offset;
            struct expr *limit_expr, *offset_expr; /* bigint, with parameters: what limit and offset will be once those
                                                      are known (wr_plan_set_params, wr_plan_set_bounds); NULL = none */
            bool emit_rank; /* last output column is row_number() as bigint; a row whose rank changes is retracted and
                               emitted again */
        } topn;
        struct {
            uint16_t norder;
            struct plan_order *order;
        } sort;
        struct {
            uint16_t nkeys;
            uint16_t *keys; /* hash columns; 0 = everything to shard 0 */
        } exchange;
    };
};

/* How many state tables a node owns:
 *
 *   join            3: left rows, right rows, match counts
 *   aggregate       1 for the groups, and 1 per entry of `aggs` that is `distinct` or not AGG_INVERTIBLE
 *   topn, distinct  1
 *   others          0
 *
 * Of an aggregate it is an upper bound: entries may share a table or need none (plan_state.h). */
uint16_t wr_plan_state_count(const struct plan *plan);
/* Left plus right columns: what a join's condition sees. */
uint16_t wr_plan_join_width(const struct plan *plan);
/* Does it output all of them? */
bool wr_plan_join_is_wide(const struct plan *plan);

/* A copy of the tree; expressions are shared, what is proven is not. */
struct plan *wr_plan_copy(struct wr_arena *arena, const struct plan *plan);
struct plan *wr_plan_new(struct wr_arena *arena, enum plan_kind kind, uint16_t ncols, uint16_t ninputs);
const char *wr_plan_kind_name(enum plan_kind kind); /* "Join" ... */
/* One node's line for EXPLAIN, without indentation: "Join inner on a.id = b.id and a.x > b.y [key: id; append-only]".
 */
void wr_plan_describe(struct wr_buf *buf, const struct plan *plan);
/* The tree with indentation, root first. */
void wr_plan_print(struct wr_buf *buf, const struct plan *plan);
/* The same, with what each node keeps (plan/plan_state.h) in lines of its own below it. For physical, streaming plans:
 * what a query that is asked once keeps goes with it. */
void wr_plan_print_dataflow(struct wr_buf *buf, const struct plan *plan);
/* The same, of a materialized view of that name: with the view's own rows on top. */
void wr_plan_print_view(struct wr_buf *buf, const struct plan *plan, const char *name);
/* The same, of a sink: its key, and what is kept to have one. */
struct plan_sink {
    const char *name;
    struct plan_key key;
    bool is_keyed;    /* by columns */
    bool is_claimed;  /* the statement says so, it is not proven: of the rows of a key one is sent */
    bool counts_rows; /* no columns are a key: the row and how often it is there are */
};
void wr_plan_print_sink(struct wr_buf *buf, const struct plan *plan, const struct plan_sink *sink);
/* Checks invariants (columns in range, types match, keys valid); false + err = a planner bug (XX000). */
bool wr_plan_verify(const struct plan *plan, struct wr_error *err) WR_MUST;

#endif
