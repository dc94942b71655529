/* Inside of the aggregate operator.
 *
 * Per group one fixed vmap value: struct agg_group, then each aggregate's accumulator. A group that is changed for the
 * first time in an epoch is put on the list of changed groups, together with a copy of its accumulators as they were:
 * flush computes old and new results from the two, a column at a time, and emits the difference.
 *
 * Beside the groups:
 *   agg_distinct  per argument of DISTINCT aggregates: (group, value) -> a count per FILTER variant; values whose count
 *                 leaves or reaches zero are fed to the accumulators
 *   agg_extreme   per argument of min/max that must survive retractions: the ordered values of each group; at flush
 *                 the accumulator is made anew from the first one */
#ifndef WEIR_EXECUTOR_OP_AGGREGATE_H
#define WEIR_EXECUTOR_OP_AGGREGATE_H

#include "executor/op.h"
#include "plan/plan_state.h"
#include "state/ordered.h"
#include "state/vmap.h"

struct agg_group {
    int64_t rows;     /* weight of the group's rows */
    char *encodings;  /* of the group columns (executor/encodings.h); NULL if equality is identity */
    uint32_t changed; /* place in the list of changed groups + 1; 0: not changed in this epoch */
    bool emitted;     /* an output row of it is out */
};

struct agg_changed {
    struct vmap_entry *entry;
    char *old;             /* the value before the epoch; NULL: no row was out */
    const char *old_group; /* group columns as a row: as emitted ... */
    const char *new_group; /* ... and as to be emitted */
};

struct agg_variant {
    int32_t filter;
    uint16_t naggs;
    uint16_t *aggs;
};

struct agg_distinct {
    int32_t arg;
    struct wr_pool *pool;
    struct vmap *values;
    bool identity; /* else value encodings are kept per variant, and the smallest is what is fed */
    uint16_t nvariants;
    struct agg_variant *variants;
    struct key_column *key;    /* group columns, argument */
    struct row_layout *layout; /* of the argument */
};

struct agg_extreme {
    int32_t arg, filter;
    bool descending; /* max */
    struct ordered *values;
    uint16_t naggs;
    uint16_t *aggs;
    struct key_column *key;
    struct row_layout *layout;
    struct ordered_group **changed; /* groups changed in this epoch, with their entries */
    struct vmap_entry **entries;
    uint32_t nchanged, changed_cap;
};

struct aggregate {
    struct op *op;
    uint16_t ngroup, naggs;
    bool global;   /* one row always */
    bool identity; /* of the group columns */
    bool append_only;
    bool greeted; /* a global group has been looked at since open */
    struct key_column *key;
    struct row_layout *group_layout;
    uint32_t *offsets; /* of the accumulators in the value */
    uint32_t value_size;
    struct vmap *groups;
    uint16_t nowners, *owners; /* aggregates whose accumulators own heap memory: copies go through their codec */
    int64_t heap_bytes;        /* what the accumulators of groups in RAM, and copies of them, own; charged */
    bool *plain;               /* per aggregate: fed by the rows themselves */
    uint16_t ndistinct, nextreme;
    struct agg_distinct *distinct;
    struct agg_extreme *extreme;
    struct agg_changed *changed;
    uint32_t nchanged, changed_cap;
    struct wr_arena epoch; /* what the changed groups remember */
    int64_t relieve_bytes; /* asked for while groups were changed: done after an early flush */
};

static inline const struct plan_agg *agg_spec(const struct aggregate *a, uint16_t i)
{
    return &a->op->plan->aggregate.aggs[i];
}
static inline struct agg_group *agg_group(struct vmap_entry *entry)
{
    return wr_vmap_fixed(entry);
}
static inline void *agg_state(const struct aggregate *a, void *value, uint16_t i)
{
    return (char *)value + a->offsets[i];
}

/* What a group's value (or a copy) owns on the heap, but for its encodings; and the account of it. */
int64_t wr_agg_heap(const struct aggregate *a, const void *value);
void wr_agg_charge_heap(struct aggregate *a, int64_t bytes);
void wr_agg_value_fini(struct aggregate *a, void *value);

/* One chunk on its way through the operator. */
struct agg_chunk {
    const struct batch *batch;
    struct keys keys; /* of the groups */
    struct vmap_found found;
    int64_t *weights;
    char **values; /* per row: its group's value */
};

/* Rows of the chunk that count for (arg, filter): argument not NULL, filter true. Returns how many. */
uint32_t wr_agg_select(struct wr_arena *arena, const struct batch *batch, int32_t arg, int32_t filter, uint32_t **rows);

/* states: wr_plan_agg_states(), the first n of which are these. */
void wr_agg_distinct_open(struct aggregate *a, const uint16_t *states, uint16_t n);
/* Rows in; values that come or go are fed to the accumulators. */
bool wr_agg_distinct_step(struct aggregate *a, const struct agg_chunk *chunk) WR_MUST;
void wr_agg_distinct_close(struct aggregate *a);

/* The states behind those. */
void wr_agg_extreme_open(struct aggregate *a, const uint16_t *states);
/* Rows in; the accumulators follow at flush. */
bool wr_agg_extreme_step(struct aggregate *a, const struct agg_chunk *chunk) WR_MUST;
/* Bring the accumulators of changed groups up to date. */
bool wr_agg_extreme_flush(struct aggregate *a) WR_MUST;
void wr_agg_extreme_close(struct aggregate *a);

/* Emit what changed. In mid-epoch the input may be inconsistent: groups are then kept when in doubt. */
bool wr_agg_flush(struct aggregate *a, bool end_of_epoch) WR_MUST;

#endif
