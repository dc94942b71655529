/* Where in a relation the rows are that a scan's conditions on its key leave (planner/pass_lookup.c). */
#ifndef WEIR_ENGINE_KEY_RANGES_H
#define WEIR_ENGINE_KEY_RANGES_H

#include "plan/plan.h"
#include "types/key.h"

/* Keys from lo on, and below hi; of a whole key (hi NULL) those that start with it. */
struct key_range {
    char *lo, *hi;
    uint32_t lo_len, hi_len;
};

struct key_ranges {
    struct wr_arena arena;
    struct key_range *items; /* sorted, none twice */
    uint32_t n;
};

/* Of `fields` key columns the scan's lookup gives all, or the first ones: then there is a range in each shard. */
void wr_key_ranges_find(struct key_ranges *ranges, const struct plan *scan, uint16_t fields);
void wr_key_ranges_free(struct key_ranges *ranges);

#endif
