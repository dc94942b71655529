#include "state/seal.h"

#include "state/store_impl.h"

#define SEAL_BYTES_MIN ((size_t)256 << 10)

static size_t piece_bytes(const struct trace *trace)
{
    return WR_MAX(SEAL_BYTES_MIN, (size_t)trace->store->spill_bytes / 4);
}

static void new_builder(struct seal *seal)
{
    size_t most = piece_bytes(seal->trace), bytes = WR_MIN(seal->bytes, most), entries = seal->entries;
    if (bytes < seal->bytes)
        entries = (size_t)((double)entries * (double)bytes / (double)seal->bytes) + 1;
    seal->builder = wr_run_builder_new(seal->trace, entries, bytes);
}

static void end_run(struct seal *seal)
{
    size_t bytes = wr_run_builder_bytes(seal->builder);
    struct run *run = wr_run_builder_finish(seal->builder);
    seal->bytes -= WR_MIN(bytes, seal->bytes);
    seal->builder = NULL;
    if (run && !seal->ok)
        wr_run_release(run);
    else if (run)
        seal->ok = wr_commit_add(seal->commit, seal->trace, run, seal->err);
}

void wr_seal_begin(struct seal *seal, struct commit *commit, struct trace *trace, size_t entries, size_t bytes,
                   struct wr_error *err)
{
    *seal = (struct seal){commit, trace, NULL, entries, bytes, true, err};
    new_builder(seal);
}

void wr_seal_add(struct seal *seal, const struct entry *entry)
{
    wr_run_builder_add(seal->builder, entry);
    seal->entries -= seal->entries > 0;
    if (wr_run_builder_bytes(seal->builder) < piece_bytes(seal->trace))
        return;
    wr_seal_cut(seal);
}

void wr_seal_cut(struct seal *seal)
{
    end_run(seal);
    new_builder(seal);
}

bool wr_seal_end(struct seal *seal)
{
    end_run(seal);
    return seal->ok;
}
