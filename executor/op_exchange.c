/* Exchange: a row goes to the worker that owns the shard of its hash columns.
 *
 * Rows of other workers are copied into a held batch and put into that worker's inbox of this exchange. flush() tells
 * all others "done" and works off the own inbox until every worker has said so: after it, all rows of the epoch have
 * passed.
 *
 * Inboxes are bounded. A worker that finds one full, or waits for the others to be done, works off its own inboxes of
 * this and later exchanges meanwhile: later ones only, so no operator is entered twice; and as every waiting worker
 * does that, somebody can always go on.
 *
 * State: none. */
#include "executor/op_exchange.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

#define INBOX_BYTES_MAX ((int64_t)8 << 20)

struct inbox {
    struct held_queue batches;
    int64_t bytes;
    uint32_t done; /* workers that have finished the epoch */
};

struct hub {
    struct exchange_registry *registry;
    uint32_t object, plan_id;
    struct op **instances; /* by worker */
    struct inbox *inboxes; /* by worker */
    struct wr_arena arena;
    struct frontier_meet frontiers; /* of all workers */
    int64_t *passed;                /* worker * columns + column: what that worker's instance has passed on */
    struct hub *next;
};

struct exchange_registry {
    uint32_t workers;
    bool threaded, aborted;
    pthread_mutex_t lock; /* guards all inboxes: contention is a few operations per chunk */
    pthread_cond_t moved;
    struct hub *hubs;
};

struct exchange_registry *wr_exchange_registry_new(uint32_t workers, bool threaded)
{
    struct exchange_registry *registry = wr_calloc(1, sizeof *registry);
    registry->workers = workers;
    registry->threaded = threaded;
    pthread_mutex_init(&registry->lock, NULL);
    wr_cond_init(&registry->moved);
    return registry;
}

static void hub_free(struct hub *hub, uint32_t workers)
{
    for (uint32_t w = 0; w < workers; w++)
        wr_held_clear(&hub->inboxes[w].batches);
    wr_arena_reset(&hub->arena);
    free(hub->instances);
    free(hub->inboxes);
    free(hub);
}

void wr_exchange_registry_free(struct exchange_registry *registry)
{
    if (!registry)
        return;
    while (registry->hubs) {
        struct hub *hub = registry->hubs;
        registry->hubs = hub->next;
        hub_free(hub, registry->workers);
    }
    pthread_mutex_destroy(&registry->lock);
    pthread_cond_destroy(&registry->moved);
    free(registry);
}

void wr_exchange_abort(struct exchange_registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    registry->aborted = true;
    pthread_cond_broadcast(&registry->moved);
    pthread_mutex_unlock(&registry->lock);
}

static struct hub *hub_find(struct exchange_registry *registry, uint32_t object, const struct plan *plan)
{
    uint32_t plan_id = plan->id;
    struct hub *hub = registry->hubs;
    while (hub && (hub->object != object || hub->plan_id != plan_id))
        hub = hub->next;
    if (hub)
        return hub;
    hub = wr_calloc(1, sizeof *hub);
    hub->registry = registry;
    hub->object = object;
    hub->plan_id = plan_id;
    hub->instances = wr_calloc(registry->workers, sizeof *hub->instances);
    hub->inboxes = wr_calloc(registry->workers, sizeof *hub->inboxes);
    wr_arena_init(&hub->arena, NULL);
    wr_frontier_meet_init(&hub->frontiers, &hub->arena, (uint16_t)registry->workers, plan->ncols);
    size_t n = (size_t)registry->workers * plan->ncols;
    hub->passed = WR_NEW_ARRAY(&hub->arena, int64_t, n + 1);
    for (size_t i = 0; i < n; i++)
        hub->passed[i] = FRONTIER_NONE;
    hub->next = registry->hubs;
    registry->hubs = hub;
    return hub;
}

static bool exchange_open(struct op *op, struct wr_error *err)
{
    struct exchange_registry *registry = op->worker->exchanges;
    if (!registry || registry->workers < 2)
        return true; /* impl NULL: passes through */
    pthread_mutex_lock(&registry->lock);
    struct hub *hub = hub_find(registry, op->dataflow->object, op->plan);
    hub->instances[op->worker->index] = op;
    pthread_mutex_unlock(&registry->lock);
    op->impl = hub;
    return true;
}

static void exchange_close(struct op *op)
{
    struct hub *hub = op->impl;
    struct exchange_registry *registry = hub->registry;
    pthread_mutex_lock(&registry->lock);
    hub->instances[op->worker->index] = NULL;
    bool empty = true;
    for (uint32_t w = 0; w < registry->workers; w++)
        empty &= !hub->instances[w];
    if (empty) {
        struct hub **link = &registry->hubs;
        while (*link != hub)
            link = &(*link)->next;
        *link = hub->next;
    }
    pthread_mutex_unlock(&registry->lock);
    if (empty)
        hub_free(hub, registry->workers);
}

void wr_exchange_adopt(struct exchange_registry *registry, struct dataflow *dataflow)
{
    for (uint32_t i = 0; i < dataflow->nops; i++) {
        struct op *op = dataflow->ops[i];
        if (op->cls != &op_exchange || !op->impl)
            continue;
        struct hub *old = op->impl;
        pthread_mutex_lock(&registry->lock);
        struct hub *hub = hub_find(registry, old->object, op->plan);
        hub->instances[op->worker->index] = op;
        pthread_mutex_unlock(&registry->lock);
        exchange_close(op);
        op->impl = hub;
    }
}

/* Take the first batch of an own inbox; lock held. */
static struct held_batch *take(struct inbox *inbox, struct exchange_registry *registry)
{
    struct held_batch *held = wr_held_pop(&inbox->batches);
    if (!held)
        return NULL;
    inbox->bytes -= (int64_t)held->arena.total_bytes;
    pthread_cond_broadcast(&registry->moved);
    return held;
}

static bool work_off(struct op *op, struct held_batch *held)
{
    bool ok = wr_op_emit(op, &held->batch);
    wr_held_release(held);
    return ok;
}

/* Work off one batch that waits for this worker at `from` or a later exchange. lock held on entry and exit. */
static bool work_off_any(struct hub *from, uint32_t worker, bool *worked)
{
    struct exchange_registry *registry = from->registry;
    *worked = false;
    for (struct hub *hub = registry->hubs; hub; hub = hub->next) {
        bool later = hub->object > from->object || (hub->object == from->object && hub->plan_id <= from->plan_id);
        if (!later)
            continue; /* exchanges are numbered in pre-order: one's id is smaller than those below it */
        struct held_batch *held = take(&hub->inboxes[worker], registry);
        if (!held)
            continue;
        pthread_mutex_unlock(&registry->lock);
        bool ok = work_off(hub->instances[worker], held);
        pthread_mutex_lock(&registry->lock);
        *worked = true;
        return ok;
    }
    return true;
}

static bool given_up(struct op *op)
{
    return wr_fail(&op->worker->error, ERR_INTERNAL, "another worker has failed");
}

static bool send_queued(struct op *op, struct hub *hub, uint32_t to, const struct batch *rows)
{
    struct exchange_registry *registry = hub->registry;
    struct held_batch *held = wr_held_copy(op->worker->state_pool, rows);
    bool ok = true;
    pthread_mutex_lock(&registry->lock);
    struct inbox *inbox = &hub->inboxes[to];
    while (ok && inbox->bytes > INBOX_BYTES_MAX && !registry->aborted) {
        bool worked;
        ok = work_off_any(hub, op->worker->index, &worked);
        if (ok && !worked && inbox->bytes > INBOX_BYTES_MAX)
            pthread_cond_wait(&registry->moved, &registry->lock);
    }
    if (registry->aborted)
        ok = given_up(op);
    if (ok) {
        wr_held_push(&inbox->batches, held);
        inbox->bytes += (int64_t)held->arena.total_bytes;
        pthread_cond_broadcast(&registry->moved);
    }
    pthread_mutex_unlock(&registry->lock);
    if (!ok)
        wr_held_release(held);
    return ok;
}

static bool send(struct op *op, struct hub *hub, uint32_t to, const struct batch *rows)
{
    if (to == op->worker->index)
        return wr_op_emit(op, rows);
    if (hub->registry->threaded)
        return send_queued(op, hub, to, rows);
    struct op *peer = hub->instances[to];
    if (wr_op_emit(peer, rows))
        return true;
    if (peer->worker != op->worker)
        op->worker->error = peer->worker->error;
    return false;
}

static bool exchange_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct hub *hub = op->impl;
    if (!hub)
        return wr_op_emit(op, batch);
    struct wr_arena *arena = &op->worker->arena;
    const struct plan *plan = op->plan;
    uint32_t workers = hub->registry->workers;
    struct key_column *cols = wr_arena_zalloc(arena, sizeof *cols * (plan->exchange.nkeys + 1u));
    for (uint16_t k = 0; k < plan->exchange.nkeys; k++)
        cols[k].column = plan->exchange.keys[k];
    struct keys keys;
    wr_keys_encode(arena, batch, cols, plan->exchange.nkeys, plan->exchange.nkeys, &keys);
    uint32_t *index = wr_arena_alloc(arena, sizeof *index * batch->nrows);
    for (uint32_t to = 0; to < workers; to++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < batch->nrows; i++)
            if (wr_shard_owner(wr_key_shard(keys.hashes[i]), workers) == to)
                index[n++] = i;
        if (!n)
            continue;
        struct wr_mark mark = wr_arena_mark(arena);
        TRY(send(op, hub, to, n == batch->nrows ? batch : wr_batch_gather(arena, batch, index, n)));
        wr_arena_release(arena, mark);
    }
    return true;
}

/* ---- frontiers: as far as the slowest worker; passed on by each instance once it has all rows of the epoch */

static bool exchange_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    struct hub *hub = op->impl;
    struct frontier common;
    if (!hub)
        return wr_op_emit_frontier(op, frontier);
    pthread_mutex_lock(&hub->registry->lock);
    (void)wr_frontier_meet(&hub->frontiers, (uint16_t)op->worker->index, frontier, &common);
    pthread_mutex_unlock(&hub->registry->lock);
    return true;
}

static bool pass_frontiers(struct op *op, struct hub *hub)
{
    uint16_t ncols = hub->frontiers.ncols;
    int64_t *passed = hub->passed + (size_t)op->worker->index * ncols;
    int64_t *now = wr_arena_alloc(&op->worker->arena, sizeof *now * (ncols + 1u));
    pthread_mutex_lock(&hub->registry->lock);
    memcpy(now, hub->frontiers.passed, sizeof *now * ncols);
    pthread_mutex_unlock(&hub->registry->lock);
    for (uint16_t c = 0; c < ncols; c++) {
        if (now[c] <= passed[c])
            continue;
        passed[c] = now[c];
        TRY(wr_op_emit_frontier(op, &(struct frontier){c, now[c]}));
    }
    return true;
}

static bool exchange_flush(struct op *op)
{
    struct hub *hub = op->impl;
    if (!hub)
        return true;
    if (!hub->registry->threaded)
        return pass_frontiers(op, hub);
    struct exchange_registry *registry = hub->registry;
    struct inbox *inbox = &hub->inboxes[op->worker->index];
    bool ok = true;
    pthread_mutex_lock(&registry->lock);
    for (uint32_t w = 0; w < registry->workers; w++)
        hub->inboxes[w].done++;
    pthread_cond_broadcast(&registry->moved);
    while (ok) {
        if (registry->aborted) {
            ok = given_up(op);
            break;
        }
        struct held_batch *held = take(inbox, registry);
        if (held) {
            pthread_mutex_unlock(&registry->lock);
            ok = work_off(op, held);
            pthread_mutex_lock(&registry->lock);
        } else if (inbox->done == registry->workers) {
            inbox->done = 0;
            break;
        } else { /* whoever is not here yet may wait for room in an inbox of ours, at a later exchange */
            bool worked;
            ok = work_off_any(hub, op->worker->index, &worked);
            if (ok && !worked && !inbox->batches.first && inbox->done != registry->workers && !registry->aborted)
                pthread_cond_wait(&registry->moved, &registry->lock);
        }
    }
    pthread_mutex_unlock(&registry->lock);
    return ok && pass_frontiers(op, hub);
}

const struct op_class op_exchange = {.name = "exchange",
                                     .open = exchange_open,
                                     .step = exchange_step,
                                     .flush = exchange_flush,
                                     .advance = exchange_advance,
                                     .close = exchange_close};
