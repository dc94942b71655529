/* DDL of a transaction, until COMMIT: nothing but a catalog of its own.
 *
 * session->catalog is replaced by versions with what the transaction has created and without what it has dropped; the
 * ids are final. Later statements of the transaction plan against it: a table created here is empty but for the
 * transaction's own rows, a materialized view created here is computed when it is read (bind_from.c). ROLLBACK drops
 * the version. COMMIT lets the new views and sinks catch up, and then does everything in one commit (ddl.c). */
#include "engine/backfill.h"
#include "engine/ddl.h"
#include "engine/session.h"

struct pending {
    uint32_t *created; /* ascending */
    uint32_t ncreated, created_cap;
    uint32_t dropped[DROPPED_MAX]; /* of the published catalog */
    uint32_t ndropped;
};

void wr_pending_free(struct pending *pending)
{
    if (pending)
        free(pending->created);
    free(pending);
}

struct pending *wr_pending_copy(const struct pending *pending)
{
    if (!pending)
        return NULL;
    struct pending *copy = wr_calloc(1, sizeof *copy);
    *copy = *pending;
    copy->created = wr_calloc(pending->created_cap + 1, sizeof *copy->created);
    if (pending->ncreated)
        memcpy(copy->created, pending->created, pending->ncreated * sizeof *copy->created);
    return copy;
}

static struct pending *pending_of(struct weir_session *session)
{
    if (!session->pending)
        session->pending = wr_calloc(1, sizeof *session->pending);
    return session->pending;
}

static void replace_catalog(struct weir_session *session, struct catalog *catalog)
{
    wr_catalog_release(session->catalog);
    session->catalog = catalog;
}

void wr_pending_create(struct weir_session *session, const struct object *object)
{
    struct pending *pending = pending_of(session);
    struct object made = *object;
    made.id = atomic_fetch_add(&session->db->next_object, 1);
    made.uncommitted = true;
    if (pending->ncreated == pending->created_cap) {
        pending->created_cap = pending->created_cap ? pending->created_cap * 2 : 8;
        pending->created = wr_realloc(pending->created, sizeof *pending->created * pending->created_cap);
    }
    pending->created[pending->ncreated++] = made.id;
    replace_catalog(session, wr_catalog_with(session->catalog, &made));
}

static void forget_created(struct pending *pending, uint32_t id)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pending->ncreated; i++)
        if (pending->created[i] != id)
            pending->created[kept++] = pending->created[i];
    pending->ncreated = kept;
}

static bool check_drop(const struct object *object, const struct pending *pending, struct wr_error *err)
{
    if (object->creating) {
        wr_fail(err, ERR_LOCKED, "\"%s\" is still being created", object->name);
        return wr_fail_hint(err, "Drop it outside of a transaction block to cancel its creation.");
    }
    if (!object->uncommitted && pending->ndropped == DROPPED_MAX)
        return wr_fail(err, ERR_PROGRAM_LIMIT, "too many objects to drop at once");
    return true;
}

bool wr_pending_drop(struct weir_session *session, const uint32_t *ids, size_t n, bool cascade, struct wr_error *err)
{
    uint32_t all[DROPPED_MAX];
    if (n)
        memcpy(all, ids, sizeof *all * n);
    TRY(wr_ddl_add_dependents(session->catalog, all, &n, DROPPED_MAX, cascade, err));
    struct pending *pending = pending_of(session);
    for (size_t i = 0; i < n; i++) {
        const struct object *object = wr_catalog_get(session->catalog, all[i]);
        TRY(check_drop(object, pending, err)); /* a failure fails the transaction: what was done before it goes too */
        if (object->uncommitted)
            forget_created(pending, all[i]);
        else
            pending->dropped[pending->ndropped++] = all[i];
        replace_catalog(session, wr_catalog_without(session->catalog, all[i]));
    }
    return true;
}

bool wr_pending_commit(struct weir_session *session, struct write_list *const *writes, size_t nwrites,
                       struct wr_error *err)
{
    const struct pending *pending = session->pending;
    const struct object **created = wr_calloc(pending->ncreated + 1, sizeof *created);
    bool catches_up = false;
    for (uint32_t i = 0; i < pending->ncreated; i++) {
        created[i] = wr_catalog_get(session->catalog, pending->created[i]);
        catches_up |= wr_object_has_query(created[i]);
    }
    struct ddl ddl = {.created = created,
                      .ncreated = pending->ncreated,
                      .dropped = pending->dropped,
                      .ndropped = pending->ndropped,
                      .writes = writes,
                      .nwrites = nwrites};
    bool ok = true;
    if (catches_up) {
        ddl.backfill = wr_backfill_new(session->db, created, pending->ncreated, &session->cancel);
        ok = wr_backfill_prepare(ddl.backfill, session->catalog, err);
    }
    ok = ok && wr_loop_ddl(session->db, wr_ddl_apply, &ddl, err);
    if (ddl.backfill)
        wr_backfill_end(ddl.backfill);
    if (ok && ddl.ndropped)
        wr_sinks_await(session->db);
    free(created);
    return ok;
}
