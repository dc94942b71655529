/* One backfill: new views and sinks catch up together with what is there, beside everything else (backfill.c). Who
 * begins one, and what becomes of it: backfill_jobs.c (CREATE as a statement of its own), pending.c (a transaction). */
#ifndef WEIR_ENGINE_BACKFILL_H
#define WEIR_ENGINE_BACKFILL_H

#include "engine/engine.h"

struct backfill {
    weir_db *db;
    struct wr_arena arena;
    struct catalog *catalog;       /* what the queries are planned with: holds the objects too */
    const struct object **objects; /* by id ascending; tables, sources and plain views of the same transaction too */
    struct live **lives;           /* by object; NULL: nothing to catch up with */
    uint32_t n;
    struct worker workers[WORKERS_MAX];
    struct exchange_registry *exchanges;
    struct commit *commit;
    struct pin pin; /* what is scanned */
    struct tap_point *points;
    uint32_t npoints;
    pthread_mutex_t lock; /* guards the queue */
    struct tapped *first, *last;
    int64_t queued_bytes;
    struct held_batch *errors; /* error rows met on the way, pushed at the end */
    atomic_bool *cancel;       /* what operators look at: the session's, or own_cancel */
    atomic_bool own_cancel;
    atomic_llong rows_done, rows_total;
    struct backfill *next;
};

/* Copies the objects; from now on it is listed (wr_backfill_each), and stopped when the database closes. */
struct backfill *wr_backfill_new(weir_db *db, const struct object *const *objects, uint32_t n, atomic_bool *cancel);
/* Builds the dataflows and catches up, all but the last moment. */
bool wr_backfill_prepare(struct backfill *bf, struct catalog *catalog, struct wr_error *err) WR_MUST;
/* Loop thread: what has come in since; then bf->lives are complete and can be attached. Nothing is given away yet. */
bool wr_backfill_complete(struct backfill *bf, struct wr_error *err) WR_MUST;
/* Loop thread, all lives attached: their state becomes part of the open commit, they themselves the database's. */
bool wr_backfill_hand_over(struct backfill *bf, struct wr_error *err) WR_MUST;
/* Frees it; what was not handed over leaves no trace. */
void wr_backfill_end(struct backfill *bf);

#endif
