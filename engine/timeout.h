/* statement_timeout: how long the library may work for a statement. Time between two calls, the caller's own, does not
 * count. */
#ifndef WEIR_ENGINE_TIMEOUT_H
#define WEIR_ENGINE_TIMEOUT_H

#include "engine/session.h"

/* The clock of one database: a thread that wakes when a statement has had its time. free() waits for it. */
struct timeouts *wr_timeouts_new(void);
void wr_timeouts_free(struct timeouts *timeouts);

/* A statement begins: it has the whole time. */
void wr_timeout_start(struct weir_session *session);
/* Around whatever may take long in a call. When the time is up session->cancel is set, and session->timed_out. */
void wr_timeout_enter(struct weir_session *session);
void wr_timeout_leave(struct weir_session *session);

#endif
