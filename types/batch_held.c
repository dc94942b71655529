/* Held batches: a batch with an arena of its own and a count of holders. */
#include "types/batch.h"

#include <stdlib.h>

struct held_batch *wr_held_new(struct wr_pool *pool)
{
    struct held_batch *held = wr_calloc(1, sizeof(*held));
    held->pool = pool;
    wr_arena_init(&held->arena, pool);
    if (pool)
        wr_pool_charge(pool, (int64_t)sizeof(*held));
    atomic_store(&held->refs, 1);
    return held;
}

struct held_batch *wr_held_copy(struct wr_pool *pool, const struct batch *batch)
{
    struct held_batch *held = wr_held_new(pool);
    held->batch = *wr_batch_copy(&held->arena, batch);
    return held;
}

void wr_held_retain(struct held_batch *held)
{
    atomic_fetch_add_explicit(&held->refs, 1, memory_order_relaxed);
}

void wr_held_release(struct held_batch *held)
{
    if (!held || atomic_fetch_sub_explicit(&held->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct wr_pool *pool = held->pool;
    wr_arena_reset(&held->arena);
    free(held);
    if (pool)
        wr_pool_charge(pool, -(int64_t)sizeof(*held));
}

void wr_held_push(struct held_queue *queue, struct held_batch *held)
{
    held->next = NULL;
    if (queue->last)
        queue->last->next = held;
    else
        queue->first = held;
    queue->last = held;
}

struct held_batch *wr_held_pop(struct held_queue *queue)
{
    struct held_batch *held = queue->first;
    if (!held)
        return NULL;
    queue->first = held->next;
    if (!queue->first)
        queue->last = NULL;
    return held;
}

void wr_held_clear(struct held_queue *queue)
{
    for (struct held_batch *held; (held = wr_held_pop(queue));)
        wr_held_release(held);
}
