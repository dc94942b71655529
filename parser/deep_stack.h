/* Run a function on a deep stack.
 *
 * Trees of SQL are as deep as the user's text: a sum of 5,000 terms is a chain of 5,000 nodes, and unpacking or
 * freeing it overflows an ordinary 8 MB stack (a host's thread may have much less). Whoever recurses over
 * parse trees does so inside wr_deep_stack_run(). */
#ifndef WEIR_PARSER_DEEP_STACK_H
#define WEIR_PARSER_DEEP_STACK_H

#include "base/base.h"
#include "base/error.h"

#define WR_DEEP_STACK_BYTES ((size_t)512 << 20)

/* Calls run(context) on the calling thread's deep stack (made on first use, committed lazily, given back at thread
 * exit). Already on it: calls directly. False: the address space is exhausted (53200); run was not called. */
bool wr_deep_stack_run(void (*run)(void *context), void *context, struct wr_error *err) WR_MUST;

#endif
