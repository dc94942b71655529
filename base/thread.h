/* How much a thread minds waiting. Epochs, commits and sessions are waited for; backfills, merges and long queries can
 * wait: where processors are short they get what the others leave. */
#ifndef WEIR_BASE_THREAD_H
#define WEIR_BASE_THREAD_H

#include <pthread.h>

#include "base/base.h"

/* A thread with a stack deep enough for whatever expressions a user writes; false: the host gives no more. A detached
 * one is not joined; `thread` may be NULL for it. */
bool wr_thread_start(pthread_t *thread, void *(*run)(void *), void *argument, bool detached) WR_MUST;

/* The calling thread runs in short slices: others wait less for it, and it for others. For threads that are waited for.
 */
void wr_thread_prompt(void);
/* The calling thread gives way to others from now on, whoever wakes up: for good, only the privileged may go back. */
void wr_thread_background(void);
/* The same after so many steps: for work that may turn out short or long. */
void wr_thread_background_after(unsigned steps);
/* A step; costs nothing on threads that have not called the above. */
void wr_thread_step(void);

#endif
