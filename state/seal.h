/* Sealing: sorted entries become runs of the open commit. What is sealed at once is cut into several runs, so that a
 * commit which must write early (commit_spill.c) can do so in between: a seal needs little memory beside its input. */
#ifndef WEIR_STATE_SEAL_H
#define WEIR_STATE_SEAL_H

#include "state/store.h"

struct seal {
    struct commit *commit;
    struct trace *trace;
    struct run_builder *builder;
    size_t entries, bytes; /* still expected */
    bool ok;
    struct wr_error *err;
};

/* `entries` and `bytes` are hints. */
void wr_seal_begin(struct seal *seal, struct commit *commit, struct trace *trace, size_t entries, size_t bytes,
                   struct wr_error *err);
/* In the order of wr_run_builder_add(). An error is told by wr_seal_end(). */
void wr_seal_add(struct seal *seal, const struct entry *entry);
/* What comes next need not be behind what came before. */
void wr_seal_cut(struct seal *seal);
bool wr_seal_end(struct seal *seal) WR_MUST;

#endif
