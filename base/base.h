/* Compiler vocabulary used everywhere. Knows nothing of SQL. */
#ifndef WEIR_BASE_BASE_H
#define WEIR_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The result must be looked at: used on every function that can fail. */
#define WR_MUST              __attribute__((warn_unused_result))
#define WR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define WR_UNUSED            __attribute__((unused))
#define WR_LIKELY(x)         __builtin_expect(!!(x), 1)
#define WR_UNLIKELY(x)       __builtin_expect(!!(x), 0)
#define WR_COUNT(array)      (sizeof(array) / sizeof((array)[0]))
#define WR_MIN(a, b)         ((a) < (b) ? (a) : (b))
#define WR_MAX(a, b)         ((a) > (b) ? (a) : (b))

/* Pass a failure on: the error is already filled in by the callee. */
#define TRY(call)                 \
    do {                          \
        if (WR_UNLIKELY(!(call))) \
            return false;         \
    } while (0)

__extension__ typedef __int128 wr_i128;
__extension__ typedef unsigned __int128 wr_u128;

#endif
