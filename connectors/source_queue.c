#include "connectors/source_queue.h"

#include "base/clock.h"

void wr_source_queue_init(struct source_queue *queue, const struct source_config *config)
{
    pthread_mutex_init(&queue->lock, NULL);
    wr_cond_init(&queue->space);
    queue->head = queue->tail = NULL;
    queue->bytes = 0;
    queue->max_bytes = config->queue_bytes_max;
    queue->all_bytes = config->queued_bytes;
    queue->all_bytes_max = config->queued_bytes_max;
    queue->closing = false;
    queue->wake = config->wake;
    queue->wake_context = config->wake_context;
}

void wr_source_queue_fini(struct source_queue *queue)
{
    for (struct source_chunk *chunk; (chunk = wr_source_queue_pop(queue));)
        wr_source_chunk_free(chunk);
    pthread_mutex_destroy(&queue->lock);
    pthread_cond_destroy(&queue->space);
}

static void count(struct source_queue *queue, int64_t bytes)
{
    queue->bytes += bytes;
    if (queue->all_bytes)
        atomic_fetch_add(queue->all_bytes, bytes);
}

/* Where others hold the most, this one's own pop() is what it waits for: the engine comes to each in turn. */
static bool is_full(const struct source_queue *queue)
{
    return queue->head && (queue->bytes >= queue->max_bytes ||
                           (queue->all_bytes && atomic_load(queue->all_bytes) >= queue->all_bytes_max));
}

bool wr_source_queue_push(struct source_queue *queue, struct source_chunk *chunk)
{
    chunk->next = NULL;
    pthread_mutex_lock(&queue->lock);
    while (is_full(queue) && !queue->closing)
        pthread_cond_wait(&queue->space, &queue->lock);
    bool closing = queue->closing;
    if (!closing) {
        if (queue->tail)
            queue->tail->next = chunk;
        else
            queue->head = chunk;
        queue->tail = chunk;
        count(queue, (int64_t)chunk->arena.total_bytes);
    }
    pthread_mutex_unlock(&queue->lock);
    if (closing)
        wr_source_chunk_free(chunk);
    else if (queue->wake)
        queue->wake(queue->wake_context);
    return !closing;
}

struct source_chunk *wr_source_queue_pop(struct source_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct source_chunk *chunk = queue->head;
    if (chunk) {
        queue->head = chunk->next;
        if (!queue->head)
            queue->tail = NULL;
        count(queue, -(int64_t)chunk->arena.total_bytes);
        chunk->next = NULL;
        pthread_cond_signal(&queue->space);
    }
    pthread_mutex_unlock(&queue->lock);
    return chunk;
}

void wr_source_queue_close(struct source_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closing = true;
    pthread_cond_broadcast(&queue->space);
    pthread_mutex_unlock(&queue->lock);
}

bool wr_source_queue_closing(struct source_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool closing = queue->closing;
    pthread_mutex_unlock(&queue->lock);
    return closing;
}

bool wr_source_queue_sleep(struct source_queue *queue, int64_t ns)
{
    int64_t deadline_ns = wr_clock_ns() + ns;
    pthread_mutex_lock(&queue->lock);
    while (!queue->closing && wr_cond_wait_until(&queue->space, &queue->lock, deadline_ns))
        ;
    bool closing = queue->closing;
    pthread_mutex_unlock(&queue->lock);
    return !closing;
}

bool wr_source_queue_empty(struct source_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool empty = !queue->head;
    pthread_mutex_unlock(&queue->lock);
    return empty;
}
