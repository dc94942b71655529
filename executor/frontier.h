/* Frontiers: what is promised about rows still to come (op.h, C10). */
#ifndef WEIR_EXECUTOR_FRONTIER_H
#define WEIR_EXECUTOR_FRONTIER_H

#include "base/mem.h"

/* No row that comes in a later epoch, in whatever direction, has a value below `at` in this column; NULLs may. Columns
 * of int4, int8, date, timestamp and timestamptz only: the value as an integer. */
struct frontier {
    uint16_t column;
    int64_t at;
};

/* Several inputs (ports, workers) that make one output: it is as far as the slowest of them. */
struct frontier_meet {
    uint16_t ninputs, ncols;
    int64_t *at;     /* input * ncols + column */
    int64_t *passed; /* column: what was passed on */
};

#define FRONTIER_NONE INT64_MIN /* nothing promised yet */

/* Memory from the arena. */
void wr_frontier_meet_init(struct frontier_meet *meet, struct wr_arena *arena, uint16_t ninputs, uint16_t ncols);
/* An input has come so far. True: all of them have, further than before: *common is to be passed on. */
bool wr_frontier_meet(struct frontier_meet *meet, uint16_t input, const struct frontier *frontier,
                      struct frontier *common);

#endif
