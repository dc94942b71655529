/* RocksDB's log after a machine lost its power: the write that was not yet synced may be there in part, in any order.
 *
 * RocksDB reads such a log in one of two ways: it refuses whatever is not merely short (which tells damage from an end,
 * and is how we open), or it takes the first thing it cannot read for the end. The second is right if the log is
 * damaged in its last write and nowhere else: a write begins only when the one before it is synced. */
#ifndef WEIR_STATE_LOG_TAIL_H
#define WEIR_STATE_LOG_TAIL_H

#include "base/error.h"

/* Is something in the directory's logs damaged, and nothing behind it the whole beginning of a write? */
bool wr_log_tail_is_torn(const char *dir);

#endif
