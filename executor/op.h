/* The operator contract.
 *
 * A dataflow is a set of operators per worker thread; rows move by *push*: wr_op_emit() calls the next operators'
 * step() at once, depth first. Bounded memory follows from the shape: a step that yields much emits chunk after
 * chunk (<= BATCH_ROWS_MAX rows), each is consumed before the next exists, and the worker's arena is released
 * LIFO around each one.
 *
 * An epoch is: the engine pushes the input batches at the scans, then calls flush() of every operator in topological
 * order (object id, then post-order within the plan). A commit, at any epoch border: seal() of every operator.
 *
 * C1  Law: over any cut of the input into chunks and epochs, the sum of all outputs equals the batch answer on the sum
 * of all inputs. After flush() it holds exactly; between steps of one epoch an operator may lag (it may hold its output
 * back until flush), never be wrong for ever.
 *
 * C2  Determinism: same inputs in the same cut, same state and outputs after flush. No clock, no randomness; ties and
 * representatives are decided by encodings (the row's bytes), never by arrival.
 *
 * C3  The batch passed to step() and everything it points to is valid during the call only. What is kept is copied.
 *
 * C4  Emitted batches may point into the operator's own state: it must not move or free that memory while emit runs.
 *
 * C5  Weights: any non-zero integer; a batch may hold cancelling rows. Zero-weight rows should not be emitted.
 *
 * C6  No I/O other than state lookups; no blocking but in exchange; no locks.
 *
 * C7  Memory kept beyond a call is charged to worker->state_pool. When wr_worker_pressed() the framework calls the
 * operator's relieve() just before its step(): it seals its dirty entries into worker->commit and drops clean ones.
 * When wr_worker_over(), those give back at the end of an epoch that were not used in it, and then, if that is too
 * little, all. An operator may call its own seal at any time (its dirty entries then live in the trace, not in RAM).
 * Without a trace (one-shot queries) memory beyond the limit is the error 53200, raised by the framework.
 *
 * C8  Errors: step/flush/seal return false only for fatal ones (I/O, cancel, memory), with worker->error filled. An
 * expression that fails on a row is data: wr_op_eval_errors() (law L4).
 *
 * C9  One-shot dataflows (worker->one_shot): ad-hoc SELECT. No traces. All rows of the right input of a join, flush
 * included, arrive before the first of its left input; every input arrives once; outputs must then need no retraction
 * (a join emits final rows only, an aggregate emits at flush only), so that results can be streamed.
 *
 * C10 Time: what is pushed belongs to (worker->epoch, worker->iteration); the iteration is 0 but within a recursion. A
 * frontier (frontier.h) is a promise about one column of what will come at a port from the next epoch on. It is given
 * to the scans by wr_op_advance() and travels as rows do; an operator whose output it says something about passes it on
 * (advance()), others stop it. State that no later row can reach, and windows that no later row can change, are told by
 * it. Nothing declares one yet.
 *
 * To add an operator: docs/howto/add-an-operator.md. */
#ifndef WEIR_EXECUTOR_OP_H
#define WEIR_EXECUTOR_OP_H

#include <stdatomic.h>

#include "executor/frontier.h"
#include "plan/plan.h"
#include "state/store.h"
#include "types/row.h"

struct op;
struct worker;
struct dataflow;

struct op_stats {
    int64_t rows_in, rows_out;
    int64_t state_rows, state_bytes; /* in RAM; filled by stats() */
    int64_t touched;                 /* state entries read or written, cumulative: what "incremental" is judged by */
    int64_t misses;                  /* lookups that had to ask the trace */
    int64_t time_ns;                 /* own time, callees excluded */
    int64_t errors;                  /* evaluation errors (net weight) */
};

struct op_class {
    const char *name;
    bool (*open)(struct op *op, struct wr_error *err); /* allocate op->impl from plan; traces via wr_op_trace() */
    bool (*step)(struct op *op, unsigned port, const struct batch *batch);
    bool (*flush)(struct op *op); /* NULL: nothing to do at the end of an epoch */
    bool (*advance)(struct op *op, unsigned port, const struct frontier *frontier); /* NULL: it ends here (C10) */
    bool (*seal)(struct op *op, struct commit *commit);                             /* NULL: stateless */
    void (*relieve)(struct op *op, int64_t bytes);        /* drop about that many bytes of clean state; NULL: cannot */
    void (*stats)(struct op *op, struct op_stats *stats); /* fill state_rows, state_bytes */
    void (*close)(struct op *op);                         /* free impl; NULL: nothing */
};

struct op_out {
    struct op *op;
    unsigned port;
};

struct op {
    const struct op_class *cls;
    const struct plan *plan; /* this node; immutable */
    struct dataflow *dataflow;
    struct worker *worker;
    void *impl;
    struct op_out *outs;
    uint16_t nouts, outs_cap;
    struct op_stats stats;
    uint64_t used_in; /* the last epoch in which rows came or others read its state */
};

/* Context of one thread that runs operators. */
struct worker {
    uint32_t index, count;
    struct store *store;   /* NULL: one-shot */
    struct commit *commit; /* the open commit (or a backfill's detached one); NULL: one-shot */
    bool detached;         /* commit is detached: traces are opened with it */
    bool one_shot;
    struct wr_arena arena; /* LIFO scratch */
    struct wr_pool *state_pool;
    struct wr_budget *budget;
    int64_t query_limit_bytes; /* one-shot: its share */
    const atomic_bool *cancel; /* NULL: never */
    uint64_t epoch;
    uint32_t iteration; /* of a recursion within the epoch (C10); always 0 so far */
    int64_t now_us;     /* the epoch's timestamp: an input, committed */
    struct wr_error error;
    struct op *running; /* for time accounting */
    int64_t running_since;
    /* law L4: called for failed rows; strict one-shot queries turn the first into worker->error and return false */
    bool (*on_eval_errors)(struct worker *worker, struct op *op, const struct batch *batch,
                           const struct eval_errors *errors);
    void *context;                       /* the engine's */
    struct exchange_registry *exchanges; /* shared by the workers of one database (or backfill); NULL: one worker */
};

/* One object's (or query's) operators on one worker. */
struct dataflow {
    uint32_t object; /* catalog id; 0 = query */
    struct worker *worker;
    struct wr_arena arena; /* plan, ops, layouts: lives as long as the dataflow */
    const struct plan *plan;
    const struct io_settings *io;
    struct op **ops; /* in topological (post-)order */
    uint32_t nops;
    struct op **scans; /* the PLAN_SCAN / PLAN_VALUES ops, in post-order */
    uint32_t nscans;
    struct op *root; /* last op: its outs are subscribers */
};

/* Push a batch on. Checks cancel. false: worker->error. */
bool wr_op_emit(struct op *op, const struct batch *batch) WR_MUST;
/* The same, entered from outside (engine pushing into a scan op). */
bool wr_op_step(struct op *op, unsigned port, const struct batch *batch) WR_MUST;
/* A frontier comes in at a port; is passed on to all outputs; is passed on as that of the output columns which show the
 * column (columns[c] = input column of output column c). */
bool wr_op_advance(struct op *op, unsigned port, const struct frontier *frontier) WR_MUST;
bool wr_op_emit_frontier(struct op *op, const struct frontier *frontier) WR_MUST;
bool wr_op_emit_frontier_of(struct op *op, const struct frontier *frontier, const uint16_t *columns,
                            uint16_t n) WR_MUST;
/* What step() does first: memory is given back where it is short. For operators that are fed in another way. */
bool wr_op_relieve(struct op *op) WR_MUST;
/* At the end of an epoch in which memory is gone: what was not used in it is given back; also_used: all. */
bool wr_dataflow_relieve(struct dataflow *dataflow, bool also_used) WR_MUST;
bool wr_op_flush(struct op *op) WR_MUST;
/* The operator's n-th state table (0 <= n < plan->nstates); NULL in one-shot dataflows (state stays in RAM). */
struct trace *wr_op_trace(struct op *op, unsigned n, enum trace_kind kind);
/* Report evaluation errors of a batch with the rows' weights. Its columns are those that plan->error_key numbers. */
bool wr_op_eval_errors(struct op *op, const struct batch *batch, const struct eval_errors *errors) WR_MUST;
static inline bool wr_op_fail(struct op *op)
{
    (void)op;
    return false;
}
/* Memory is short, or gone: see C7. */
bool wr_worker_pressed(const struct worker *worker);
bool wr_worker_over(const struct worker *worker);

/* Build the operators of a physical plan; `extra` (may be NULL) is put on top of the plan's root: its class and plan
 * node. */
struct dataflow *wr_dataflow_new(struct worker *worker, uint32_t object, const struct plan *plan,
                                 const struct io_settings *io, struct wr_error *err) WR_MUST;
/* Put an operator (materialize, sink, result ...) on top of the root; it becomes the root. */
struct op *wr_dataflow_append(struct dataflow *dataflow, const struct op_class *cls, const struct plan *plan,
                              void *argument, struct wr_error *err) WR_MUST;
void wr_dataflow_free(struct dataflow *dataflow);
void wr_op_connect(struct op *from, struct op *to, unsigned port);
void wr_op_disconnect(struct op *from, struct op *to);
bool wr_dataflow_flush(struct dataflow *dataflow) WR_MUST;
bool wr_dataflow_seal(struct dataflow *dataflow, struct commit *commit) WR_MUST;
/* One-shot: run a plan tree right inputs first (C9). feed(context, scan op) pushes all rows of the scan. */
typedef bool (*scan_feed)(void *context, struct op *scan);
bool wr_dataflow_run(struct dataflow *dataflow, scan_feed feed, void *context) WR_MUST;

/* Values operators push their rows when asked (once, at creation or in a query). */
bool wr_op_values_emit(struct op *op) WR_MUST;

/* plan kind -> class (executor/ops.c) */
const struct op_class *wr_op_class(enum plan_kind kind);
extern const struct op_class op_scan, op_values, op_filter, op_project, op_join, op_aggregate, op_distinct, op_union,
    op_topn, op_sort, op_exchange;

#endif
