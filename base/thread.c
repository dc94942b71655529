#include "base/thread.h"

#include <linux/sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Expressions are evaluated recursively, and are as deep as the user wrote them. Pages of a stack are taken as they are
 * touched, so a large one costs address space only. */
#define STACK_BYTES ((size_t)32 << 20)

/* A tenth of the weight of an ordinary thread: it goes on where a machine is full, too. */
#define BACKGROUND_NICE 10

/* Linux 6.12 and later lets a thread that wakes up have the processor at once when its slice (3 ms where nothing is
 * said) is shorter than that of the one that runs; else the latter may stay until the clock ticks. So who is waited for
 * asks for the shortest slice there is, and who works in the background for the longest: everybody's wake-up comes
 * before it, the disk's and the kernel's own threads included. A sync is several of those. */
#define SLICE_PROMPT_NS     100000
#define SLICE_BACKGROUND_NS 100000000

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
static void ask_for_slice(uint64_t ns)
{
    struct attributes attributes = {
        .size = sizeof attributes, .policy = SCHED_NORMAL, .nice = getpriority(PRIO_PROCESS, 0), .runtime = ns};
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

bool wr_thread_start(pthread_t *thread, void *(*run)(void *), void *argument, bool detached)
{
    pthread_attr_t attr;
    pthread_t unnamed;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (detached)
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    bool ok = pthread_create(thread ? thread : &unnamed, &attr, run, argument) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

void wr_thread_prompt(void)
{
    ask_for_slice(SLICE_PROMPT_NS);
}

void wr_thread_background(void)
{
    steps_left = 0;
    /* Linux: of the calling thread alone. Who is nicer already stays so. */
    if (getpriority(PRIO_PROCESS, 0) < BACKGROUND_NICE)
        (void)setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE);
    ask_for_slice(SLICE_BACKGROUND_NS);
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
