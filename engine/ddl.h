/* DDL on the loop thread: what a statement or a transaction changes, in one commit, all or nothing. */
#ifndef WEIR_ENGINE_DDL_H
#define WEIR_ENGINE_DDL_H

#include "engine/engine.h"

struct backfill;
struct write_list;

struct ddl {
    const struct object *const *created; /* by id ascending; ids given, or reserved as "creating" */
    size_t ncreated;
    const uint32_t *dropped;
    size_t ndropped;
    bool cascade;
    struct write_list *const *writes; /* to tables, old and new */
    size_t nwrites;
    struct backfill *backfill; /* of the same objects: prepared; NULL: none is a view or sink */
};

/* For wr_loop_ddl, argument: a struct ddl. Nothing has happened when it returns false. */
bool wr_ddl_apply(weir_db *db, void *ddl, struct wr_error *err);
/* Loop thread: are the names free, and is what the objects read still there? */
bool wr_ddl_check_names(weir_db *db, const struct ddl *ddl, struct wr_error *err) WR_MUST;
/* Adds to ids what depends on them; without cascade that is 2BP01. */
bool wr_ddl_add_dependents(const struct catalog *catalog, uint32_t *ids, size_t *n, size_t max, bool cascade,
                           struct wr_error *err) WR_MUST;

#define DROPPED_MAX 1024

#endif
