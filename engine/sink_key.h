/* What tells the rows of a sink apart. */
#ifndef WEIR_ENGINE_SINK_KEY_H
#define WEIR_ENGINE_SINK_KEY_H

#include "connectors/connector.h"
#include "plan/plan.h"

struct sink_key {
    enum sink_key_kind kind;
    uint16_t n;
    uint16_t *columns; /* of the plan; SINK_KEY_COLUMNS only */
    bool proven;       /* else claimed by the statement: one live row per key has to be picked */
};

/* The key of a sink over `plan`; the columns live in the arena or the plan. */
bool wr_sink_key(struct wr_arena *arena, const struct object *object, const struct plan *plan, struct sink_key *key,
                 struct wr_error *err) WR_MUST;

#endif
