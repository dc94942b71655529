/* Savepoints: what a transaction was at a point, to go back to. Writes go back by the overlay's journal; the catalog of
 * its own and the settings are kept as they were. The snapshot is the transaction's from its first statement on. */
#include "engine/session.h"

#include <stdio.h>

struct savepoint {
    char *name;
    size_t mark; /* in the journal */
    struct catalog *catalog;
    struct pending *pending;
    struct settings_copy *settings;
    struct savepoint *below;
};

static void drop_top(struct weir_session *session)
{
    struct savepoint *top = session->savepoints;
    session->savepoints = top->below;
    wr_catalog_release(top->catalog);
    wr_pending_free(top->pending);
    wr_settings_copy_free(top->settings);
    free(top->name);
    free(top);
}

int wr_savepoints_count(const struct weir_session *session)
{
    int n = 0;
    for (const struct savepoint *at = session->savepoints; at; at = at->below)
        n++;
    return n;
}

void wr_savepoints_free(struct weir_session *session)
{
    while (session->savepoints)
        drop_top(session);
}

static bool in_block(struct weir_session *session, const char *what, struct wr_error *err)
{
    return (session->state != 'I' && !session->implicit) ||
           wr_fail(err, ERR_NO_ACTIVE_TRANSACTION, "%s can only be used in transaction blocks", what);
}

static struct savepoint *find(struct weir_session *session, const char *name, struct wr_error *err)
{
    struct savepoint *at = session->savepoints;
    while (at && strcmp(at->name, name) != 0)
        at = at->below;
    if (!at)
        wr_fail(err, "3B001", "savepoint \"%s\" does not exist", name);
    return at;
}

static const char *name_of(const struct weir_statement *statement)
{
    return statement->parsed->node->transaction_stmt->savepoint_name;
}

bool wr_savepoint_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                      struct wr_error *err)
{
    struct weir_session *session = statement->session;
    snprintf(result->tag, sizeof result->tag, "SAVEPOINT");
    TRY(in_block(session, "SAVEPOINT", err));
    if (!session->catalog) { /* nothing has been read yet: the transaction's snapshot is taken here */
        struct read_view view;
        wr_read_view_begin(session, &view);
        wr_read_view_end(session, &view);
    }
    if (!session->overlay)
        session->overlay = wr_overlay_new(session->db);
    struct savepoint *made = wr_calloc(1, sizeof *made);
    made->name = wr_strdup(name_of(statement));
    made->mark = wr_overlay_mark(session->overlay);
    made->catalog = wr_catalog_retain(session->catalog);
    made->pending = wr_pending_copy(session->pending);
    made->settings = wr_settings_copy(session);
    made->below = session->savepoints;
    session->savepoints = made;
    return true;
}

bool wr_release_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                    struct wr_error *err)
{
    struct weir_session *session = statement->session;
    snprintf(result->tag, sizeof result->tag, "RELEASE");
    TRY(in_block(session, "RELEASE SAVEPOINT", err));
    struct savepoint *to = find(session, name_of(statement), err);
    if (!to)
        return false;
    while (session->savepoints != to)
        drop_top(session);
    drop_top(session);
    wr_cursors_release_savepoint(session, wr_savepoints_count(session));
    return true;
}

bool wr_rollback_to_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                        struct wr_error *err)
{
    struct weir_session *session = statement->session;
    snprintf(result->tag, sizeof result->tag, "ROLLBACK");
    TRY(in_block(session, "ROLLBACK TO SAVEPOINT", err));
    struct savepoint *to = find(session, name_of(statement), err);
    if (!to)
        return false;
    while (session->savepoints != to)
        drop_top(session);
    wr_cursors_rollback_to_savepoint(session, wr_savepoints_count(session));
    TRY(wr_overlay_undo(session->overlay, to->mark, err));
    wr_catalog_release(session->catalog);
    session->catalog = wr_catalog_retain(to->catalog);
    wr_pending_free(session->pending);
    session->pending = wr_pending_copy(to->pending);
    wr_settings_restore(session, to->settings);
    session->state = 'T';
    return true;
}
