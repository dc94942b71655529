/* Inside of the join operator: shared by op_join.c (life, inner join), op_join_outer.c (left, semi, anti),
 * op_join_full.c (full), op_join_notin.c (NOT IN), op_join_pairs.c (matches on their way out), op_join_lookup.c (the
 * rows of keys, from RAM or the trace) and op_join_table.c (a side that is read from its table).
 *
 * Each side's rows are kept in a multimap under the normalised join key. What comes out is, for ever, a function of the
 * two states L and R alone, whatever way they came about (C1), and a step emits the difference. M(l) is the summed
 * weight of the rows of R that match l:
 *
 *   inner  L x R
 *   left   L x R + { l x NULL : M(l) <= 0 }
 *   full   the same + { NULL x r : M(r) <= 0 }, M(r) of the rows of L
 *   semi   { l : M(l) > 0 }
 *   anti   { l : M(l) <= 0 }
 *
 * Without an extra condition M(l) is the total of the key's group. With one it is kept per left row, in `counts`, as
 * the sum of the weights of the pairs that l is part of, w(l) * M(l): that is linear in both sides and leaves with l.
 * What exactly is kept of each side: plan/plan_state.h. */
#ifndef WEIR_EXECUTOR_JOIN_H
#define WEIR_EXECUTOR_JOIN_H

#include "executor/op.h"
#include "functions/fn.h"
#include "plan/plan_state.h"
#include "state/multimap.h"

enum { LEFT = 0, RIGHT = 1 };
#define NOT_STORED PLAN_NO_TWIN
#define NO_ROW     UINT32_MAX

struct join_side {
    struct multimap *map;      /* NULL: the rows are a table's */
    struct op *table;          /* see op_join_table.c; NULL: not shared, or not yet (backfill) */
    struct op *index;          /* likewise; the map is the index's */
    uint16_t ncols;            /* of the input */
    struct row_layout *layout; /* of the rows kept */
    uint16_t *columns;         /* kept column -> input column */
    uint16_t *slots;           /* input column -> kept column, or NOT_STORED */
    uint16_t *twins;           /* input column -> the other side's column it equals in every match, or NOT_STORED */
    struct key_column *keys;
    bool drop_matched; /* a row of this side that has met its match is not needed any more */
};

/* Matches found but not yet emitted: a row of the batch being stepped and a row of the other side's state. */
struct pairs {
    uint32_t n, cap;
    uint32_t *batch_rows;
    const char **state_rows;
    int64_t *weights;
    uint32_t *owners; /* whose match it is: index into join->matches */
};

struct join {
    struct op *op;
    enum join_type type;
    uint16_t nkeys;
    bool counting;    /* the right side is counted per key, no rows are kept */
    bool null_aware;  /* NOT IN */
    bool nulls_match; /* NULL keys are keys like others */
    bool one_shot;
    bool first_decides; /* one_shot, semi or anti: further matches change nothing, not even errors */
    bool failed;        /* in relieve(), which cannot say so */
    /* Bytes of rows brought in from the trace before they are used up and memory is asked for again: loaded into
     * the state, and copied from a stream. */
    int64_t load_max, copy_max;
    struct join_side side[2];
    struct evaluator *condition; /* NULL: none */
    bool *condition_columns;     /* which of left and right columns it reads */
    struct multimap *counts;     /* see above; NOT IN: number of right rows, under the empty key. NULL: not needed */

    struct frontier_meet frontiers; /* of the key columns */
    struct join_side own[2];        /* of shared sides: as they were when they were kept */
    struct held_queue held[2];      /* by port; wait for the table: op_join_table.c */

    /* the step at work */
    const struct batch *batch;
    unsigned port;
    struct pairs pairs;
    int64_t *matches; /* summed weights of pairs per owner; NULL: not asked */
    bool emit_pairs;  /* false: only matches is wanted (semi, anti) */
};

/* ---- op_join_pairs.c */

bool wr_join_pairs_room(struct join *join) WR_MUST;
/* Filter by the condition, count matches, emit; empties the buffer. */
bool wr_join_pairs_flush(struct join *join) WR_MUST;
static inline bool wr_join_pairs_add(struct join *join, uint32_t batch_row, const char *state_row, int64_t weight,
                                     uint32_t owner)
{
    struct pairs *pairs = &join->pairs;
    if (WR_UNLIKELY(pairs->n == pairs->cap))
        TRY(wr_join_pairs_room(join));
    uint32_t i = pairs->n++;
    pairs->batch_rows[i] = batch_row;
    pairs->state_rows[i] = state_row;
    pairs->weights[i] = weight;
    pairs->owners[i] = owner;
    return true;
}
/* Emit rows of a batch of one side, NULL-extended if the join has columns of the other. */
bool wr_join_emit_lone(struct join *join, unsigned side, const struct batch *batch, const uint32_t *rows,
                       uint32_t n) WR_MUST;

#define LONE_ROWS_MAX 512 /* few, so that a step for one row is cheap */

/* Rows of one side from state on their way out, NULL-extended as above. */
struct lone_rows {
    struct join *join;
    unsigned side;
    uint32_t n;
    const char **rows; /* LONE_ROWS_MAX */
    int64_t *weights;
};
void wr_lone_rows_init(struct lone_rows *lone, struct join *join, unsigned side); /* from the worker's arena */
bool wr_lone_rows_add(struct lone_rows *lone, const char *row, int64_t weight) WR_MUST;
/* All rows of a group in RAM, their weights times sign. */
bool wr_lone_rows_add_group(struct lone_rows *lone, const struct multimap_group *group, int sign) WR_MUST;
bool wr_lone_rows_flush(struct lone_rows *lone) WR_MUST;

/* ---- op_join_lookup.c */

/* The distinct keys of a batch, each with the list of its rows. */
struct key_runs {
    uint32_t n;
    uint32_t *first; /* n: a row of the batch */
    uint32_t *next;  /* per row of the batch: the next of the same key, or NO_ROW */
};
void wr_join_runs(struct wr_arena *arena, const struct keys *keys, const uint8_t *skip, struct key_runs *runs);

/* Visits the rows of keys. What visit() is given stays readable until drain() returned; drain() is called when memory
 * must be given back, and at the end. */
struct row_visitor {
    bool (*visit)(struct row_visitor *visitor, uint32_t first, const char *row, uint32_t len, int64_t weight);
    bool (*drain)(struct row_visitor *visitor);
    void *context;
    struct join *join;
    const struct keys *keys;
    const struct key_runs *runs;
};
/* All rows that a side has for the keys of the runs. merged: equal rows come once, with the sum of their weights. */
bool wr_join_visit(struct row_visitor *visitor, unsigned side, bool merged) WR_MUST;
/* Summed weight of a side's rows for each run's key. */
bool wr_join_totals(struct join *join, struct multimap *map, const struct keys *keys, const struct key_runs *runs,
                    int64_t *totals) WR_MUST;
bool wr_join_total(struct join *join, struct multimap *map, const char *key, uint32_t key_len, uint64_t hash,
                   int64_t *total) WR_MUST;

/* ---- op_join_table.c */

/* The same from the table of a shared side. */
bool wr_join_visit_table(struct row_visitor *visitor, struct op *table) WR_MUST;
bool wr_join_totals_table(struct join *join, struct op *table, const struct keys *keys, const struct key_runs *runs,
                          int64_t *totals) WR_MUST;
/* For a batch that came in at the shared port: rows the table had for each run's key before it. */
void wr_join_totals_before(const struct batch *batch, const struct key_runs *runs, int64_t *before);
/* Is the side read from a table or index? */
static inline bool wr_join_is_shared(const struct join_side *side)
{
    return side->table || side->index;
}
/* Must a batch of this port wait until what the other side reads stands still? */
bool wr_join_must_wait(const struct join *join, unsigned port);
void wr_join_hold(struct join *join, unsigned port, const struct batch *batch);
/* All that waits goes on; nothing that is read may be ahead. */
bool wr_join_take_held(struct join *join) WR_MUST;
void wr_join_drop_held(struct join *join);
static inline bool wr_join_holds(const struct join *join)
{
    return join->held[LEFT].first || join->held[RIGHT].first;
}

/* ---- op_join.c */

/* Bytes of one key's rows beyond which they are not brought into RAM. */
int64_t wr_join_huge(const struct worker *worker);

/* Keys of a batch of one side. skip: rows whose NULL keys match nothing (NULL: none). */
void wr_join_keys(struct join *join, unsigned port, const struct batch *batch, struct keys *keys, uint8_t **skip);
/* Find the matches of the batch's rows in the other side's state: into pairs, then flushed. found (may be NULL): 1 for
 * rows that had any. */
bool wr_join_probe(struct join *join, const struct batch *batch, const struct keys *keys, const uint8_t *skip,
                   uint8_t *found) WR_MUST;
/* A batch of a port, all of its way. */
bool wr_join_take(struct join *join, unsigned port, const struct batch *batch) WR_MUST;
/* Add the batch's rows, but for those skipped, to their side's state. */
void wr_join_keep(struct join *join, unsigned port, const struct batch *batch, const struct keys *keys,
                  const uint8_t *skip);

/* ---- op_join_outer.c, op_join_full.c, op_join_notin.c */
bool wr_join_outer_step(struct join *join, unsigned port, const struct batch *batch) WR_MUST;
/* Keys whose total on one side, before[] without the batch, appears or disappears with it: the rows of `side`, the
 * other one, come out again, with `appear` times their weight where it appears, else with minus that. */
bool wr_join_emit_flips(struct join *join, unsigned side, const struct batch *batch, const struct keys *keys,
                        const struct key_runs *runs, const int64_t *before, int appear) WR_MUST;
bool wr_join_full_step(struct join *join, unsigned port, const struct batch *batch) WR_MUST;
/* Asked once: all input has come. */
bool wr_join_full_finish(struct join *join) WR_MUST;
bool wr_join_notin_step(struct join *join, unsigned port, const struct batch *batch) WR_MUST;
/* All rows of a side of the runs' keys go out (sign 1) or are taken back (-1); sign: by first row of the key's run. */
bool wr_join_emit_keys(struct join *join, unsigned side, const struct keys *keys, const struct key_runs *runs,
                       const int8_t *sign) WR_MUST;

#endif
