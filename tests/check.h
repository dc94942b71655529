/* The smallest test harness: CHECK counts, a failure prints where, main ends with check_report(). */
#ifndef WEIR_TESTS_CHECK_H
#define WEIR_TESTS_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int check_passed, check_failed;

#define CHECK(cond)                                                            \
    do {                                                                       \
        if (cond) {                                                            \
            check_passed++;                                                    \
        } else {                                                               \
            check_failed++;                                                    \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
        }                                                                      \
    } while (0)

#define CHECK_INT(got, want)                                                                                    \
    do {                                                                                                        \
        long long check_got = (long long)(got), check_want = (long long)(want);                                 \
        if (check_got == check_want) {                                                                          \
            check_passed++;                                                                                     \
        } else {                                                                                                \
            check_failed++;                                                                                     \
            fprintf(stderr, "%s:%d: %s is %lld, want %lld\n", __FILE__, __LINE__, #got, check_got, check_want); \
        }                                                                                                       \
    } while (0)

#define CHECK_STR(got, want)                                                                                      \
    do {                                                                                                          \
        const char *check_got = (got), *check_want = (want);                                                      \
        if (!strcmp(check_got, check_want)) {                                                                     \
            check_passed++;                                                                                       \
        } else {                                                                                                  \
            check_failed++;                                                                                       \
            fprintf(stderr, "%s:%d: %s is\n  %s\nwant\n  %s\n", __FILE__, __LINE__, #got, check_got, check_want); \
        }                                                                                                         \
    } while (0)

/* The next of a series of numbers that a state other than 0 begins: the same ones on every machine (xorshift). */
static inline uint64_t check_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static inline int check_report(const char *name)
{
    printf("%s: %d passed, %d failed\n", name, check_passed, check_failed);
    return check_failed != 0;
}

#endif
