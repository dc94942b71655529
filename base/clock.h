/* Two clocks. The steady one goes on evenly whatever the host's time is set to: durations and deadlines are by it. The
 * wall clock is for what users see. */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>

#include "base/base.h"

#define WR_NS_PER_US INT64_C(1000)
#define WR_NS_PER_MS INT64_C(1000000)
#define WR_NS_PER_S  INT64_C(1000000000)

/* Steady, nanoseconds since some moment before the process began. */
int64_t wr_clock_ns(void);
/* Processor time of the calling thread, nanoseconds. */
int64_t wr_thread_cpu_ns(void);
/* Microseconds since 1970-01-01 00:00 UTC; may go back. */
int64_t wr_wall_us(void);

/* Every condition is made by this: its waits end by the steady clock. */
void wr_cond_init(pthread_cond_t *cond);
/* Wait under `lock` for a signal, but not past `deadline_ns` of the steady clock; false: it is reached. May return
 * true for no reason. */
bool wr_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns);

#endif
