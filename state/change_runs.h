/* Changes that must be seen together, once they are too many to wait in RAM: sorted runs of them, and at last all in
 * order, consolidated. They belong to nobody else: their files go with the owner, or at the next start. */
#ifndef WEIR_STATE_CHANGE_RUNS_H
#define WEIR_STATE_CHANGE_RUNS_H

#include "state/change_log.h"

struct change_runs {
    struct run **runs; /* oldest first */
    uint32_t n, cap;
};

/* What the log holds becomes one more run, in a file where the store has a directory; the log is empty then. */
bool wr_change_runs_add(struct change_runs *runs, struct change_log *log, struct store *store,
                        struct wr_error *err) WR_MUST;
/* All entries by (key, payload), weights added up, none of weight zero; each is valid during the call. */
bool wr_change_runs_each(const struct change_runs *runs, void (*take)(void *context, const struct entry *entry),
                         void *context, struct wr_error *err) WR_MUST;
void wr_change_runs_clear(struct change_runs *runs);

#endif
