/* Inside of functions/: what overload resolution and the common type share. */
#ifndef WEIR_FUNCTIONS_RESOLVE_H
#define WEIR_FUNCTIONS_RESOLVE_H

#include "functions/fn.h"

/* Is there an implicit way from one type to the other? Untyped literals go anywhere, anything goes to "any". */
bool wr_can_coerce(uint8_t from, uint8_t to);
/* "integer, text": the types as an error message shows them. */
void wr_type_list(struct wr_buf *buf, const struct type *types, uint16_t n);

#endif
