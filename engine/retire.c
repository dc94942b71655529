/* What has left the live graph ends here, on a thread of its own: sinks and sources, whose brokers may not answer for
 * seconds, and state, which may be gigabytes to free. The loop has taken it out and asked it to stop; it waits for
 * nothing of this. Closing the database does, for a while. */
#include "base/clock.h"
#include "base/thread.h"
#include "engine/engine.h"

/* DROP SINK waits as long for the last transaction to end: after it nothing is delivered. A broker that is gone may
 * take longer to give up. */
#define SINK_END_SECONDS 5
/* Closing waits as long for all that ends. librdkafka 2.0 may never come back from a transaction's call whose broker
 * has died (rd_kafka_send_offsets_to_transaction), whatever its timeout. */
#define CLOSE_SECONDS 7

struct retired {
    weir_db *db;
    struct live *lives; /* as they were detached: readers before what they read */
    struct live_source *sources;
};

static void sink_ended(weir_db *db)
{
    pthread_mutex_lock(&db->lock);
    db->ending_sinks--;
    pthread_cond_broadcast(&db->progress);
    pthread_mutex_unlock(&db->lock);
}

static void end_source(struct live_source *input)
{
    input->cls->close(input->source);
    free(input->offsets);
    free(input);
}

static void end_all(struct retired *retired)
{
    while (retired->sources) {
        struct live_source *input = retired->sources;
        retired->sources = input->next;
        end_source(input);
    }
    while (retired->lives) {
        struct live *live = retired->lives;
        retired->lives = live->next_detached;
        if (live->sink) {
            wr_sink_runner_end(live->sink);
            sink_ended(retired->db);
        }
        if (live->input)
            end_source(live->input);
        wr_live_free(live);
    }
}

static void *retire_main(void *argument)
{
    struct retired *retired = argument;
    weir_db *db = retired->db;
    wr_thread_background();
    end_all(retired);
    free(retired);
    pthread_mutex_lock(&db->lock);
    db->retiring--; /* the last use of db: whoever waits for this may free it */
    pthread_cond_broadcast(&db->progress);
    pthread_mutex_unlock(&db->lock);
    return NULL;
}

static struct live *in_order(struct live *newest_first)
{
    struct live *list = NULL;
    while (newest_first) {
        struct live *live = newest_first;
        newest_first = live->next_detached;
        live->next_detached = list;
        list = live;
    }
    return list;
}

static struct retired take_detached(weir_db *db)
{
    struct retired retired = {db, in_order(db->detached), db->detached_sources};
    db->detached = NULL;
    db->detached_sources = NULL;
    return retired;
}

void wr_retire(weir_db *db)
{
    if (!db->detached && !db->detached_sources)
        return;
    struct retired *retired = wr_calloc(1, sizeof *retired);
    *retired = take_detached(db);
    pthread_mutex_lock(&db->lock);
    db->retiring++;
    pthread_mutex_unlock(&db->lock);
    pthread_t thread;
    if (!wr_thread_start(&thread, retire_main, retired, true))
        retire_main(retired);
}

bool wr_retire_all(weir_db *db)
{
    while (db->nlive)
        wr_live_detach(db, db->live[db->nlive - 1]);
    wr_retire(db);
    int64_t deadline_ns = wr_clock_ns() + CLOSE_SECONDS * WR_NS_PER_S;
    pthread_mutex_lock(&db->lock);
    while (db->retiring && wr_cond_wait_until(&db->progress, &db->lock, deadline_ns))
        ;
    bool ended = !db->retiring;
    pthread_mutex_unlock(&db->lock);
    return ended;
}

void wr_sinks_await(weir_db *db)
{
    int64_t deadline_ns = wr_clock_ns() + SINK_END_SECONDS * WR_NS_PER_S;
    pthread_mutex_lock(&db->lock);
    while (db->ending_sinks && wr_cond_wait_until(&db->progress, &db->lock, deadline_ns))
        ;
    pthread_mutex_unlock(&db->lock);
}
