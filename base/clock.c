#include "base/clock.h"

#include <time.h>

static int64_t read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * WR_NS_PER_S + now.tv_nsec;
}

int64_t wr_clock_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t wr_thread_cpu_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t wr_wall_us(void)
{
    return read_ns(CLOCK_REALTIME) / WR_NS_PER_US;
}

void wr_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

bool wr_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns)
{
    struct timespec until = {.tv_sec = deadline_ns / WR_NS_PER_S, .tv_nsec = deadline_ns % WR_NS_PER_S};
    return pthread_cond_timedwait(cond, lock, &until) == 0;
}
