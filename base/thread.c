#include "base/thread.h"

#include <sys/resource.h>

/* A tenth of the weight of an ordinary thread: it goes on where a machine is full, too. */
#define BACKGROUND_NICE 10

static _Thread_local unsigned steps_left;

void wr_thread_background(void)
{
    steps_left = 0;
    /* Linux: of the calling thread alone. Who is nicer already stays so. */
    if (getpriority(PRIO_PROCESS, 0) < BACKGROUND_NICE)
        (void)setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE);
}

void wr_thread_background_after(unsigned steps)
{
    steps_left = steps;
}

void wr_thread_step(void)
{
    if (steps_left && --steps_left == 0)
        wr_thread_background();
}
