/* Merging runs into one, in RAM or on disk, with the proof that nothing was lost. */
#ifndef WEIR_STATE_MERGE_RUNS_H
#define WEIR_STATE_MERGE_RUNS_H

#include "state/run.h"

/* `runs` are adjacent in their trace, newest first. `oldest`: nothing older lies below them, so tombstones go. *out is
 * NULL when nothing is left; its age is that of the newest input. Fails with XX001 if the checksums disagree. */
bool wr_merge_to_ram(struct run *const *runs, uint32_t n, bool oldest, struct run **out, struct wr_error *err) WR_MUST;
bool wr_merge_to_disk(struct run *const *runs, uint32_t n, bool oldest, bool paced, struct run **out,
                      struct wr_error *err) WR_MUST;

#endif
