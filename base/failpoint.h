/* Named points where a test can stop the process: WEIR_FAILPOINT="name[:n]" kills it with SIGKILL the
 * n-th time (default first) the point is passed. Names are listed in base/failpoint.c; an
 * unknown name is refused at start. Costs one predictable branch. */
#ifndef WEIR_BASE_FAILPOINT_H
#define WEIR_BASE_FAILPOINT_H

#include "base/base.h"

enum failpoint {
    FP_DELTA_WRITTEN,
    FP_INGESTED,
    FP_COMMIT_RECORD_WRITTEN,
    FP_BEFORE_SEND,
    FP_AFTER_SEND,
    FP_TRANSACTION_END,
    FP_MERGE_WRITTEN,
    FP_MERGE_INSTALLED,
    FP_FILE_DELETED,
    FP_DDL,
    FP_BACKFILL,
    FP_COUNT
};

extern int wr_failpoint_armed; /* index, or -1 */
void wr_failpoint_hit(enum failpoint point);
static inline void wr_failpoint(enum failpoint point)
{
    if (WR_UNLIKELY(wr_failpoint_armed == (int)point))
        wr_failpoint_hit(point);
}
/* Reads WEIR_FAILPOINT; false: the name is unknown (message to stderr). */
bool wr_failpoint_init(void) WR_MUST;

#endif
