/* RocksDB's log and manifest after a machine lost its power: what was not yet synced may be there in part, in any
 * order.
 *
 * RocksDB takes a file that is too short for one that ended there, but refuses one with a hole, as it must refuse one
 * that was damaged later. They are told apart by what follows: a write begins when the one before it is synced, so
 * behind damage in what was synced there is the whole beginning of another write. */
#ifndef WEIR_STATE_LOG_TAIL_H
#define WEIR_STATE_LOG_TAIL_H

#include "base/error.h"

/* Cuts off the torn last write of the directory's logs, or else of its manifest. False: there is none. */
bool wr_log_tail_cut(const char *dir);

#endif
