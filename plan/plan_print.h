/* Pieces of text that the lines of nodes (plan_print.c) and of their states (plan_print_states.c) share. Columns and
 * orders are numbers in `cols`. */
#ifndef WEIR_PLAN_PLAN_PRINT_H
#define WEIR_PLAN_PLAN_PRINT_H

#include "plan/plan.h"

void plan_put_columns(struct wr_buf *buf, const struct plan_column *cols, const uint16_t *columns, uint16_t n);
void plan_put_order(struct wr_buf *buf, const struct plan_column *cols, const struct plan_order *order, uint16_t n);
/* "sum(x) filter f"; `cols` are those of the aggregate's input. */
void plan_put_agg(struct wr_buf *buf, const struct plan_column *cols, const struct plan_agg *agg);
/* " [key: id; append-only]": what is proven of the node's output; nothing where nothing is. */
void plan_put_props(struct wr_buf *buf, const struct plan *plan);

#endif
