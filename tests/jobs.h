/* Long random tests: one seed after the other, or many steps shared among seeds that run side by side.
 *
 *   TEST [--full] [--steps N] [--seed N] [--jobs N] [OPTION] */
#ifndef WEIR_TESTS_JOBS_H
#define WEIR_TESTS_JOBS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

#define JOBS_STEPS_MAX 125000 /* of a seed */

struct jobs {
    uint64_t steps, seed;
    int side_by_side;
    bool option; /* the test's own was given */
};

/* Runs one seed; what main returns. */
typedef int (*jobs_run)(const struct jobs *jobs, uint64_t seed, uint64_t steps);

static inline struct jobs jobs_parse(int argc, char **argv, uint64_t quick, uint64_t full, const char *option)
{
    struct jobs jobs = {.steps = quick, .seed = (uint64_t)getpid(), .side_by_side = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    for (int i = 1; i < argc; i++) {
        uint64_t number = i + 1 < argc ? strtoull(argv[i + 1], NULL, 10) : 0;
        if (!strcmp(argv[i], "--full"))
            jobs.steps = full;
        else if (option && !strcmp(argv[i], option))
            jobs.option = true;
        else if (!strcmp(argv[i], "--steps"))
            jobs.steps = number;
        else if (!strcmp(argv[i], "--seed"))
            jobs.seed = number;
        else if (!strcmp(argv[i], "--jobs"))
            jobs.side_by_side = (int)number;
    }
    return jobs;
}

static inline int jobs_wait(void)
{
    int status = 0;
    return wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static inline int jobs_main(int argc, char **argv, uint64_t quick, uint64_t full, const char *option, jobs_run run)
{
    struct jobs jobs = jobs_parse(argc, argv, quick, full, option);
    if (jobs.steps <= JOBS_STEPS_MAX)
        return run(&jobs, jobs.seed, jobs.steps);
    int failed = 0, running = 0;
    uint64_t seeds = (jobs.steps + JOBS_STEPS_MAX - 1) / JOBS_STEPS_MAX;
    for (uint64_t i = 0; i < seeds; i++) {
        if (running == WR_MAX(jobs.side_by_side, 1)) {
            failed += jobs_wait();
            running--;
        }
        fflush(stdout);
        if (!fork())
            exit(run(&jobs, jobs.seed + i, jobs.steps / seeds));
        running++;
    }
    for (; running; running--)
        failed += jobs_wait();
    if (failed)
        fprintf(stderr, "%d of %llu seeds failed\n", failed, (unsigned long long)seeds);
    return failed != 0;
}

#endif
