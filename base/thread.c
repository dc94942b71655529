#include "base/thread.h"

#include <linux/sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A tenth of the weight of an ordinary thread: it goes on where a machine is full, too. */
#define BACKGROUND_NICE 10

/* Once it runs, Linux 6.6 and later leaves a thread its slice (3 ms where nothing is said) before one that wakes up
 * gets the processor. The shortest that can be asked for: whoever is waited for does not wait long for the others. */
#define SLICE_NS 100000

static _Thread_local unsigned steps_left;

/* sched_setattr(2), which Debian 12's C library does not have. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* Where the kernel knows nothing of it, or forbids it, the thread has the slice of all others. */
void wr_thread_prompt(void)
{
    struct attributes attributes = {
        .size = sizeof attributes, .policy = SCHED_NORMAL, .nice = getpriority(PRIO_PROCESS, 0), .runtime = SLICE_NS};
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void wr_thread_background(void)
{
    steps_left = 0;
    /* Linux: of the calling thread alone. Who is nicer already stays so. */
    if (getpriority(PRIO_PROCESS, 0) < BACKGROUND_NICE)
        (void)setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE);
    wr_thread_prompt();
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
