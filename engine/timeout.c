/* One clock thread per database, begun by the first statement that has a timeout. It sleeps until the earliest
 * deadline among the calls under way. */
#include "engine/timeout.h"

#include "base/clock.h"
#include "base/thread.h"

struct timeouts {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct weir_session *first; /* inside a call with a deadline */
    int64_t next_us;            /* what the thread sleeps until; INT64_MAX: a change */
    pthread_t thread;
    bool running, stopping;
};

static int64_t clock_us(void)
{
    return wr_clock_ns() / WR_NS_PER_US;
}

struct timeouts *wr_timeouts_new(void)
{
    struct timeouts *timeouts = wr_calloc(1, sizeof *timeouts);
    pthread_mutex_init(&timeouts->lock, NULL);
    wr_cond_init(&timeouts->changed);
    return timeouts;
}

void wr_timeouts_free(struct timeouts *timeouts)
{
    pthread_mutex_lock(&timeouts->lock);
    timeouts->stopping = true;
    pthread_cond_signal(&timeouts->changed);
    pthread_mutex_unlock(&timeouts->lock);
    if (timeouts->running)
        pthread_join(timeouts->thread, NULL);
    pthread_mutex_destroy(&timeouts->lock);
    pthread_cond_destroy(&timeouts->changed);
    free(timeouts);
}

/* Lock held: cancels what is late, and finds the next deadline. */
static void look(struct timeouts *timeouts, int64_t now)
{
    timeouts->next_us = INT64_MAX;
    for (struct weir_session **at = &timeouts->first; *at;) {
        struct weir_session *session = *at;
        if (session->deadline_us > now) {
            timeouts->next_us = WR_MIN(timeouts->next_us, session->deadline_us);
            at = &session->next_timed;
            continue;
        }
        *at = session->next_timed;
        session->deadline_us = 0;
        atomic_store(&session->timed_out, true);
        atomic_store(&session->cancel, true);
    }
}

static void *clock_main(void *argument)
{
    struct timeouts *timeouts = argument;
    pthread_mutex_lock(&timeouts->lock);
    while (!timeouts->stopping) {
        look(timeouts, clock_us());
        if (timeouts->next_us == INT64_MAX) {
            pthread_cond_wait(&timeouts->changed, &timeouts->lock);
            continue;
        }
        wr_cond_wait_until(&timeouts->changed, &timeouts->lock, timeouts->next_us * WR_NS_PER_US);
    }
    pthread_mutex_unlock(&timeouts->lock);
    return NULL;
}

void wr_timeout_start(struct weir_session *session)
{
    atomic_store(&session->timed_out, false);
    session->time_left_us = wr_setting_ms(session, "statement_timeout") * 1000;
    session->time_limited = session->time_left_us > 0;
}

void wr_timeout_enter(struct weir_session *session)
{
    if (!session->time_limited || session->timed_calls++)
        return;
    struct timeouts *timeouts = session->db->timeouts;
    pthread_mutex_lock(&timeouts->lock);
    if (!timeouts->running)
        timeouts->running = wr_thread_start(&timeouts->thread, clock_main, timeouts, false);
    session->entered_us = clock_us();
    session->deadline_us = session->entered_us + WR_MAX(session->time_left_us, 1);
    session->next_timed = timeouts->first;
    timeouts->first = session;
    if (session->deadline_us < timeouts->next_us)
        pthread_cond_signal(&timeouts->changed);
    pthread_mutex_unlock(&timeouts->lock);
}

void wr_timeout_leave(struct weir_session *session)
{
    if (!session->time_limited || --session->timed_calls)
        return;
    struct timeouts *timeouts = session->db->timeouts;
    pthread_mutex_lock(&timeouts->lock);
    for (struct weir_session **at = &timeouts->first; *at; at = &(*at)->next_timed)
        if (*at == session) {
            *at = session->next_timed;
            break;
        }
    session->deadline_us = 0;
    session->time_left_us -= clock_us() - session->entered_us;
    pthread_mutex_unlock(&timeouts->lock);
}
