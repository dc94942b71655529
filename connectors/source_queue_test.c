/* The queue between a source and the engine: when it is full, and for whom. */
#include "connectors/source_queue.h"

#include "tests/check.h"

#define CHUNK 1000

struct pusher {
    struct source_queue *queue;
    atomic_int pushed;
};

static struct source_chunk *chunk(void)
{
    struct source_chunk *made = wr_calloc(1, sizeof *made);
    wr_arena_init(&made->arena, NULL);
    wr_arena_alloc(&made->arena, CHUNK);
    return made;
}

static void *push_three(void *argument)
{
    struct pusher *pusher = argument;
    for (int i = 0; i < 3 && wr_source_queue_push(pusher->queue, chunk()); i++)
        atomic_fetch_add(&pusher->pushed, 1);
    return NULL;
}

static void await(atomic_int *count, int want)
{
    struct timespec pause = {0, 1000000};
    for (int i = 0; i < 10000 && atomic_load(count) < want; i++)
        nanosleep(&pause, NULL);
    nanosleep(&pause, NULL); /* one too many would show */
    CHECK_INT(atomic_load(count), want);
}

static bool pop(struct source_queue *queue)
{
    struct source_chunk *popped = wr_source_queue_pop(queue);
    if (popped)
        wr_source_chunk_free(popped);
    return popped;
}

/* Others hold all that may be held: this one is left a chunk at a time, and goes on with each that is taken. */
static void test_shared(void)
{
    atomic_llong all = 0;
    struct source_config config = {.queue_bytes_max = 1 << 20, .queued_bytes = &all, .queued_bytes_max = CHUNK / 2};
    struct source_queue other, queue;
    pthread_t thread;
    wr_source_queue_init(&other, &config);
    wr_source_queue_init(&queue, &config);
    CHECK(wr_source_queue_push(&other, chunk()));
    struct pusher pusher = {.queue = &queue};
    pthread_create(&thread, NULL, push_three, &pusher);
    await(&pusher.pushed, 1);
    CHECK(pop(&queue));
    await(&pusher.pushed, 2);
    CHECK(pop(&queue));
    await(&pusher.pushed, 3);
    pthread_join(thread, NULL);
    CHECK(pop(&other) && pop(&queue) && !pop(&queue));
    CHECK_INT(atomic_load(&all), 0);
    wr_source_queue_fini(&other);
    wr_source_queue_fini(&queue);
}

static void test_own_bound(void)
{
    struct source_config config = {.queue_bytes_max = 1};
    struct source_queue queue;
    pthread_t thread;
    wr_source_queue_init(&queue, &config);
    struct pusher pusher = {.queue = &queue};
    pthread_create(&thread, NULL, push_three, &pusher);
    await(&pusher.pushed, 1);
    wr_source_queue_close(&queue);
    pthread_join(thread, NULL);
    CHECK_INT(atomic_load(&pusher.pushed), 1);
    wr_source_queue_fini(&queue);
}

int main(void)
{
    test_shared();
    test_own_bound();
    return check_report("source_queue");
}
