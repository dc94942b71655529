/* Worker threads: the same job on every worker, worker 0 on the caller's thread. */
#include "base/clock.h"
#include "base/thread.h"
#include "engine/engine.h"

struct thread_slot {
    struct worker_pool *pool;
    uint32_t index;
    pthread_t thread;
    bool ok;
};

struct worker_pool {
    weir_db *db;
    uint32_t n;
    pthread_mutex_t lock;
    pthread_cond_t start, finished;
    uint64_t round; /* a job was handed out */
    uint32_t running;
    bool stopping;
    epoch_feed job;
    void *context;
    struct thread_slot *slots;
};

static void *thread_main(void *argument)
{
    struct thread_slot *slot = argument;
    struct worker_pool *pool = slot->pool;
    uint64_t seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->round == seen && !pool->stopping)
            pthread_cond_wait(&pool->start, &pool->lock);
        if (pool->stopping)
            break;
        seen = pool->round;
        epoch_feed job = pool->job;
        void *context = pool->context;
        pthread_mutex_unlock(&pool->lock);
        bool ok = job(context, &pool->db->workers[slot->index]);
        if (!ok && pool->db->exchanges)
            wr_exchange_abort(pool->db->exchanges);
        pthread_mutex_lock(&pool->lock);
        slot->ok = ok;
        if (--pool->running == 0)
            pthread_cond_signal(&pool->finished);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

struct worker_pool *wr_worker_pool_new(weir_db *db, struct wr_error *err)
{
    struct worker_pool *pool = wr_calloc(1, sizeof *pool);
    pool->db = db;
    pool->n = 1;
    pthread_mutex_init(&pool->lock, NULL);
    wr_cond_init(&pool->start);
    wr_cond_init(&pool->finished);
    pool->slots = wr_calloc(db->nworkers, sizeof *pool->slots);
    for (; pool->n < db->nworkers; pool->n++) {
        struct thread_slot *slot = &pool->slots[pool->n];
        *slot = (struct thread_slot){.pool = pool, .index = pool->n};
        if (!wr_thread_start(&slot->thread, thread_main, slot, false)) {
            wr_worker_pool_free(pool);
            wr_fail(err, ERR_OUT_OF_MEMORY, "could not start the threads of %u workers", db->nworkers);
            return NULL;
        }
    }
    return pool;
}

void wr_worker_pool_free(struct worker_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 1; i < pool->n; i++)
        pthread_join(pool->slots[i].thread, NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->start);
    pthread_cond_destroy(&pool->finished);
    free(pool->slots);
    free(pool);
}

/* The error that started it: others only say that another worker has failed. */
static void first_error(struct worker_pool *pool, struct wr_error *err)
{
    for (uint32_t i = 0; i < pool->n; i++) {
        const struct wr_error *e = &pool->db->workers[i].error;
        if (!pool->slots[i].ok && (!err->sqlstate[0] || !strcmp(err->sqlstate, ERR_INTERNAL)))
            *err = *e;
    }
}

bool wr_worker_pool_run(struct worker_pool *pool, epoch_feed job, void *context, struct wr_error *err)
{
    pthread_mutex_lock(&pool->lock);
    pool->job = job;
    pool->context = context;
    pool->running = pool->n - 1;
    pool->round++;
    pthread_cond_broadcast(&pool->start);
    pthread_mutex_unlock(&pool->lock);
    pool->slots[0].ok = job(context, &pool->db->workers[0]);
    if (!pool->slots[0].ok && pool->db->exchanges)
        wr_exchange_abort(pool->db->exchanges);
    pthread_mutex_lock(&pool->lock);
    while (pool->running)
        pthread_cond_wait(&pool->finished, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    bool ok = true;
    for (uint32_t i = 0; i < pool->n; i++)
        ok &= pool->slots[i].ok;
    if (!ok) {
        wr_error_clear(err);
        first_error(pool, err);
    }
    return ok;
}

void wr_worker_setup(weir_db *db, struct worker *worker, uint32_t index)
{
    memset(worker, 0, sizeof *worker);
    worker->index = index;
    worker->count = db->nworkers;
    worker->store = db->store;
    worker->state_pool = &db->pool_state;
    worker->budget = &db->budget;
    worker->exchanges = db->exchanges;
    worker->on_eval_errors = wr_on_eval_errors;
    worker->context = db;
    wr_arena_init(&worker->arena, &db->pool_scratch);
}
