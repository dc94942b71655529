/* The bounded queue between a source's thread and the engine. One producer, one consumer.
 *
 * push() waits while the queue holds `max_bytes` or more, which is how back-pressure reaches the broker: a full queue
 * stops the consuming, librdkafka's own queues (capped) fill, and fetching stops. One chunk is always admitted, so a
 * chunk larger than the limit passes, and a source goes on where all of them together hold too much. */
#ifndef WEIR_CONNECTORS_SOURCE_QUEUE_H
#define WEIR_CONNECTORS_SOURCE_QUEUE_H

#include <pthread.h>

#include "connectors/connector.h"

struct source_queue {
    pthread_mutex_t lock;
    pthread_cond_t space;
    struct source_chunk *head, *tail;
    int64_t bytes, max_bytes;
    atomic_llong *all_bytes; /* of all queues; NULL: nobody counts */
    int64_t all_bytes_max;
    bool closing;
    void (*wake)(void *context);
    void *wake_context;
};

void wr_source_queue_init(struct source_queue *queue, const struct source_config *config);
void wr_source_queue_fini(struct source_queue *queue); /* frees what is left */
/* Takes the chunk; false: closing (the chunk is freed). */
bool wr_source_queue_push(struct source_queue *queue, struct source_chunk *chunk);
struct source_chunk *wr_source_queue_pop(struct source_queue *queue);
/* Makes push() return false from now on. */
void wr_source_queue_close(struct source_queue *queue);
bool wr_source_queue_closing(struct source_queue *queue);
/* Sleep, but not beyond close(). False: closing. */
bool wr_source_queue_sleep(struct source_queue *queue, int64_t ns);
bool wr_source_queue_empty(struct source_queue *queue);

#endif
