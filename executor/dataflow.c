/* Building dataflows from plans, pushing rows through them, accounting of time and memory. */
#include "base/clock.h"
#include "executor/op.h"

#include <stdlib.h>

/* Above this share of the budget operators give memory back before they work on (C7). */
#define PRESSURE_PERCENT 70
#define RELIEF_PERCENT   55
#define OVER_PERCENT     95                 /* from here on who has no work gives memory back too, between epochs */
#define RELIEF_BYTES_MAX ((int64_t)1 << 20) /* who has less is left alone, where memory is small a 256th of it */
#define RELIEF_BYTES_MIN ((int64_t)64 << 10)

#define BATCH_SHARE 256 /* of the limit: text in a batch handed on, within BATCH_BYTES_ENOUGH and a quarter of that */

/* ---- pushing */

bool wr_worker_pressed(const struct worker *worker)
{
    return worker->budget && wr_budget_pressure(worker->budget) >= PRESSURE_PERCENT;
}

bool wr_worker_over(const struct worker *worker)
{
    return worker->budget && wr_budget_pressure(worker->budget) >= OVER_PERCENT;
}

bool wr_op_relieve(struct op *op)
{
    struct worker *worker = op->worker;
    if (worker->one_shot) {
        if (atomic_load_explicit(&worker->state_pool->used_bytes, memory_order_relaxed) <= worker->query_limit_bytes)
            return true;
        wr_fail(&worker->error, ERR_OUT_OF_MEMORY, "out of memory");
        wr_fail_detail(&worker->error, "The query needs more than its share of the memory limit (%lld MB).",
                       (long long)(worker->query_limit_bytes >> 20));
        return wr_fail_hint(&worker->error, "Reduce the rows it has to hold, or raise --memory.");
    }
    if (!wr_worker_pressed(worker) || !op->cls->relieve)
        return true;
    /* Others may hold the memory: sealing a few rows at every step would only make many small runs. */
    struct op_stats stats = op->stats;
    if (op->cls->stats)
        op->cls->stats(op, &stats);
    if (stats.state_bytes < WR_MIN(WR_MAX(worker->budget->limit_bytes / 256, RELIEF_BYTES_MIN), RELIEF_BYTES_MAX))
        return true;
    if (op->cls->seal)
        TRY(op->cls->seal(op, worker->commit));
    int64_t target = worker->budget->limit_bytes * RELIEF_PERCENT / 100;
    int64_t over = worker->budget->limit_bytes - wr_budget_room(worker->budget) - target;
    if (over > 0)
        op->cls->relieve(op, over);
    return true;
}

/* Twice: what has two generations only ages at first. */
bool wr_dataflow_relieve(struct dataflow *dataflow, bool also_used)
{
    for (uint32_t i = 0; i < dataflow->nops; i++)
        if (also_used || dataflow->ops[i]->used_in != dataflow->worker->epoch)
            TRY(wr_op_relieve(dataflow->ops[i]) && wr_op_relieve(dataflow->ops[i]));
    return true;
}

/* Switch the account that time is charged to; returns the previous one. */
static struct op *charge_time(struct worker *worker, struct op *to)
{
    int64_t now = wr_clock_ns();
    struct op *from = worker->running;
    if (from)
        from->stats.time_ns += now - worker->running_since;
    worker->running = to;
    worker->running_since = now;
    return from;
}

static bool canceled(struct worker *worker)
{
    if (!worker->cancel || !atomic_load_explicit(worker->cancel, memory_order_relaxed))
        return false;
    wr_fail(&worker->error, ERR_QUERY_CANCELED, "canceling statement due to user request");
    return true;
}

bool wr_op_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct worker *worker = op->worker;
    if (!batch->nrows)
        return true;
    if (WR_UNLIKELY(canceled(worker)))
        return false;
    TRY(wr_op_relieve(op));
    struct op *from = charge_time(worker, op);
    struct wr_mark mark = wr_arena_mark(&worker->arena);
    op->stats.rows_in += batch->nrows;
    op->used_in = worker->epoch;
    bool ok = op->cls->step(op, port, batch);
    wr_arena_release(&worker->arena, mark);
    charge_time(worker, from);
    return ok;
}

/* What a step makes of a batch is several times its bytes. A match of a join costs two addresses, though, and 4096 of
 * them may name gigabytes of text. */
static size_t batch_bytes_max(const struct worker *worker)
{
    int64_t limit = worker->budget ? worker->budget->limit_bytes : 0;
    size_t share = (size_t)limit / BATCH_SHARE;
    return limit ? WR_MIN(WR_MAX(share, BATCH_BYTES_ENOUGH / 4), BATCH_BYTES_ENOUGH) : BATCH_BYTES_ENOUGH;
}

static bool hand_out(struct op *op, const struct batch *batch)
{
    for (uint16_t i = 0; i < op->nouts; i++)
        TRY(wr_op_step(op->outs[i].op, op->outs[i].port, batch));
    return true;
}

static bool hand_out_in_slices(struct op *op, const struct batch *batch, uint32_t n, size_t bytes)
{
    struct wr_arena *arena = &op->worker->arena;
    struct wr_mark mark = wr_arena_mark(arena);
    struct column *cols = WR_NEW_ARRAY(arena, struct column, batch->ncols);
    bool ok = true;
    for (uint32_t from = 0; ok && from < batch->nrows; from += n) {
        n = from ? wr_batch_rows_within(batch, from, bytes) : n;
        struct batch slice = wr_batch_slice(batch, from, n, cols);
        ok = hand_out(op, &slice);
    }
    wr_arena_release(arena, mark);
    return ok;
}

bool wr_op_emit(struct op *op, const struct batch *batch)
{
    if (!batch->nrows)
        return true;
    op->stats.rows_out += batch->nrows;
    size_t bytes = batch_bytes_max(op->worker);
    uint32_t n = op->nouts ? wr_batch_rows_within(batch, 0, bytes) : batch->nrows;
    return n < batch->nrows ? hand_out_in_slices(op, batch, n, bytes) : hand_out(op, batch);
}

bool wr_op_flush(struct op *op)
{
    if (!op->cls->flush)
        return true;
    struct worker *worker = op->worker;
    if (WR_UNLIKELY(canceled(worker)))
        return false;
    struct op *from = charge_time(worker, op);
    struct wr_mark mark = wr_arena_mark(&worker->arena);
    bool ok = op->cls->flush(op);
    wr_arena_release(&worker->arena, mark);
    charge_time(worker, from);
    return ok;
}

bool wr_op_eval_errors(struct op *op, const struct batch *batch, const struct eval_errors *errors)
{
    struct worker *worker = op->worker;
    if (op->plan && op->plan->silent)
        return true;
    for (uint32_t i = 0; i < errors->n; i++)
        op->stats.errors += wr_weight(batch, errors->items[i].row);
    return !errors->n || !worker->on_eval_errors || worker->on_eval_errors(worker, op, batch, errors);
}

struct trace *wr_op_trace(struct op *op, unsigned n, enum trace_kind kind)
{
    struct worker *worker = op->worker;
    if (!worker->store)
        return NULL;
    uint64_t id = (uint64_t)op->dataflow->object << 16 | (op->plan->first_state + n);
    return worker->detached ? wr_trace_open_detached(worker->store, worker->commit, id, kind)
                            : wr_trace_open(worker->store, id, kind);
}

/* ---- building */

void wr_op_connect(struct op *from, struct op *to, unsigned port)
{
    if (from->nouts == from->outs_cap) {
        from->outs_cap = from->outs_cap ? from->outs_cap * 2 : 2;
        from->outs = wr_realloc(from->outs, from->outs_cap * sizeof *from->outs);
    }
    from->outs[from->nouts++] = (struct op_out){to, port};
}

void wr_op_disconnect(struct op *from, struct op *to)
{
    uint16_t kept = 0;
    for (uint16_t i = 0; i < from->nouts; i++)
        if (from->outs[i].op != to)
            from->outs[kept++] = from->outs[i];
    from->nouts = kept;
}

static uint32_t count_nodes(const struct plan *plan)
{
    uint32_t n = 1;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        n += count_nodes(plan->inputs[i]);
    return n;
}

#define APPENDED_MAX 4 /* room for materialize, sink, result on top of the plan */

static struct op *op_new(struct dataflow *dataflow, const struct op_class *cls, const struct plan *plan)
{
    struct op *op = WR_NEW(&dataflow->arena, struct op);
    op->cls = cls;
    op->plan = plan;
    op->dataflow = dataflow;
    op->worker = dataflow->worker;
    dataflow->ops[dataflow->nops++] = op;
    dataflow->root = op;
    return op;
}

static struct op *build(struct dataflow *dataflow, const struct plan *plan, struct wr_error *err)
{
    struct op *inputs[2] = {NULL, NULL};
    struct op **all = inputs;
    if (plan->ninputs > 2)
        all = WR_NEW_ARRAY(&dataflow->arena, struct op *, plan->ninputs);
    for (uint16_t i = plan->ninputs; i-- > 0;) {
        all[i] = build(dataflow, plan->inputs[i], err);
        if (!all[i])
            return NULL;
    }
    const struct op_class *cls = wr_op_class(plan->kind);
    if (!cls) {
        wr_fail(err, ERR_INTERNAL, "no operator for plan node %s", wr_plan_kind_name(plan->kind));
        return NULL;
    }
    struct op *op = op_new(dataflow, cls, plan);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        wr_op_connect(all[i], op, i);
    if (plan->kind == PLAN_SCAN || plan->kind == PLAN_VALUES)
        dataflow->scans[dataflow->nscans++] = op;
    if (cls->open && !cls->open(op, err))
        return NULL;
    return op;
}

struct dataflow *wr_dataflow_new(struct worker *worker, uint32_t object, const struct plan *plan,
                                 const struct io_settings *io, struct wr_error *err)
{
    struct dataflow *dataflow = wr_calloc(1, sizeof *dataflow);
    wr_arena_init(&dataflow->arena, NULL);
    dataflow->object = object;
    dataflow->worker = worker;
    dataflow->plan = plan;
    dataflow->io = io;
    uint32_t n = (plan ? count_nodes(plan) : 0) + APPENDED_MAX;
    dataflow->ops = WR_NEW_ARRAY(&dataflow->arena, struct op *, n);
    dataflow->scans = WR_NEW_ARRAY(&dataflow->arena, struct op *, n);
    if (plan && !build(dataflow, plan, err)) {
        wr_dataflow_free(dataflow);
        return NULL;
    }
    return dataflow;
}

struct op *wr_dataflow_append(struct dataflow *dataflow, const struct op_class *cls, const struct plan *plan,
                              void *argument, struct wr_error *err)
{
    struct op *input = dataflow->root;
    struct op *op = op_new(dataflow, cls, plan);
    op->impl = argument;
    if (input)
        wr_op_connect(input, op, 0);
    if (cls->open && !cls->open(op, err))
        return NULL;
    return op;
}

void wr_dataflow_free(struct dataflow *dataflow)
{
    if (!dataflow)
        return;
    for (uint32_t i = dataflow->nops; i-- > 0;) {
        struct op *op = dataflow->ops[i];
        if (op->cls->close && op->impl)
            op->cls->close(op);
        free(op->outs);
    }
    wr_arena_reset(&dataflow->arena);
    free(dataflow);
}

bool wr_dataflow_flush(struct dataflow *dataflow)
{
    for (uint32_t i = 0; i < dataflow->nops; i++)
        TRY(wr_op_flush(dataflow->ops[i]));
    return true;
}

bool wr_dataflow_seal(struct dataflow *dataflow, struct commit *commit)
{
    for (uint32_t i = 0; i < dataflow->nops; i++) {
        struct op *op = dataflow->ops[i];
        if (!op->cls->seal)
            continue;
        struct wr_mark mark = wr_arena_mark(&op->worker->arena);
        bool ok = op->cls->seal(op, commit);
        wr_arena_release(&op->worker->arena, mark);
        if (!ok)
            return false;
    }
    return true;
}

/* Ops stand in the order in which build() finished them: right subtree, left subtree, node. Walking that
 * list, feeding scans and flushing the rest, is therefore "right inputs first" (C9). */
bool wr_dataflow_run(struct dataflow *dataflow, scan_feed feed, void *context)
{
    for (uint32_t i = 0; i < dataflow->nops; i++) {
        struct op *op = dataflow->ops[i];
        if (op->plan && op->cls == &op_scan)
            TRY(feed(context, op));
        else if (op->cls == &op_values)
            TRY(wr_op_values_emit(op));
        TRY(wr_op_flush(op));
    }
    return true;
}
