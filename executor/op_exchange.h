/* Exchanges: rows move to the worker that owns their shard. One hub per exchange node, shared by the instances of
 * all workers; found by (object, plan id) in the registry of the database. */
#ifndef WEIR_EXECUTOR_OP_EXCHANGE_H
#define WEIR_EXECUTOR_OP_EXCHANGE_H

#include "executor/op.h"

struct exchange_registry;

/* `threaded`: each worker runs on its own thread and rows cross in queues. Otherwise all instances are run by one
 * thread (a backfill) and rows are pushed straight into the other instance. */
struct exchange_registry *wr_exchange_registry_new(uint32_t workers, bool threaded);
void wr_exchange_registry_free(struct exchange_registry *registry);
/* A worker has failed or the epoch is given up: nobody waits any more. */
void wr_exchange_abort(struct exchange_registry *registry);
/* Hubs made for a backfill's private registry become the database's when its dataflow joins the live graph. */
void wr_exchange_adopt(struct exchange_registry *registry, struct dataflow *dataflow);

static inline uint32_t wr_shard_owner(uint8_t shard, uint32_t workers)
{
    return (uint32_t)shard * workers / KEY_SHARDS;
}

#endif
