/* See frontier.h; who passes a frontier on, and as what, is said by the operators' advance(). */
#include "executor/frontier.h"

#include "executor/op.h"

void wr_frontier_meet_init(struct frontier_meet *meet, struct wr_arena *arena, uint16_t ninputs, uint16_t ncols)
{
    size_t n = (size_t)ninputs * ncols;
    *meet = (struct frontier_meet){.ninputs = ninputs,
                                   .ncols = ncols,
                                   .at = WR_NEW_ARRAY(arena, int64_t, n + 1),
                                   .passed = WR_NEW_ARRAY(arena, int64_t, ncols + 1u)};
    for (size_t i = 0; i < n; i++)
        meet->at[i] = FRONTIER_NONE;
    for (uint16_t c = 0; c < ncols; c++)
        meet->passed[c] = FRONTIER_NONE;
}

bool wr_frontier_meet(struct frontier_meet *meet, uint16_t input, const struct frontier *frontier,
                      struct frontier *common)
{
    uint16_t column = frontier->column;
    int64_t *own = &meet->at[(size_t)input * meet->ncols + column];
    *own = WR_MAX(*own, frontier->at); /* a promise is not taken back */
    int64_t least = *own;
    for (uint16_t i = 0; i < meet->ninputs; i++)
        least = WR_MIN(least, meet->at[(size_t)i * meet->ncols + column]);
    if (least <= meet->passed[column])
        return false;
    meet->passed[column] = least;
    *common = (struct frontier){column, least};
    return true;
}

bool wr_op_advance(struct op *op, unsigned port, const struct frontier *frontier)
{
    return !op->cls->advance || op->cls->advance(op, port, frontier);
}

bool wr_op_emit_frontier(struct op *op, const struct frontier *frontier)
{
    for (uint16_t i = 0; i < op->nouts; i++)
        TRY(wr_op_advance(op->outs[i].op, op->outs[i].port, frontier));
    return true;
}

bool wr_op_emit_frontier_of(struct op *op, const struct frontier *frontier, const uint16_t *columns, uint16_t n)
{
    for (uint16_t c = 0; c < n; c++)
        if (columns[c] == frontier->column)
            TRY(wr_op_emit_frontier(op, &(struct frontier){c, frontier->at}));
    return true;
}
