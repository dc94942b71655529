/* Transactions: a snapshot, and writes that nobody sees before COMMIT (contract "Transactions"). */
#include "engine/session.h"

#include <stdio.h>

void wr_transaction_end(struct weir_session *session)
{
    wr_overlay_free(session->overlay);
    session->overlay = NULL;
    wr_pending_free(session->pending);
    session->pending = NULL;
    if (session->snapshot)
        wr_snapshot_release(session->snapshot);
    session->snapshot = NULL;
    if (session->catalog)
        wr_catalog_release(session->catalog);
    session->catalog = NULL;
    session->state = 'I';
}

bool wr_transaction_failed(struct wr_error *err)
{
    return wr_fail(err, ERR_IN_FAILED_TRANSACTION,
                   "current transaction is aborted, commands ignored until end of transaction block");
}

struct catalog *wr_session_catalog(struct weir_session *session)
{
    struct read_view view;
    wr_read_view_begin(session, &view);
    struct catalog *catalog = wr_catalog_retain(view.catalog);
    wr_read_view_end(session, &view);
    return catalog;
}

bool wr_transaction_write(struct weir_session *session, const struct write_list *list, struct wr_error *err)
{
    struct read_view view;
    wr_read_view_begin(session, &view);
    if (!session->overlay)
        session->overlay = wr_overlay_new(session->db);
    bool ok = wr_overlay_add(session->overlay, session->snapshot, list, err);
    wr_read_view_end(session, &view);
    return ok;
}

bool wr_transaction_commit(struct weir_session *session, struct wr_error *err)
{
    struct write_list **lists = NULL;
    size_t n = 0;
    bool ok = wr_overlay_lists(session->overlay, session->db, session->catalog, &lists, &n, err);
    if (ok && session->pending)
        ok = wr_pending_commit(session, lists, n, err);
    else if (ok && n)
        ok = wr_writes_apply(session->db, lists, n, err);
    for (size_t i = 0; i < n; i++)
        wr_writes_free(lists[i]);
    free(lists);
    wr_transaction_end(session);
    return ok;
}

bool wr_begin_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                  struct wr_error *err)
{
    struct weir_session *session = statement->session;
    snprintf(result->tag, sizeof result->tag, "BEGIN");
    if (session->state == 'T') {
        wr_session_notice(session, "WARNING", ERR_ACTIVE_TRANSACTION, "there is already a transaction in progress");
        return true;
    }
    session->state = 'T';
    return true;
}

bool wr_commit_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                   struct wr_error *err)
{
    struct weir_session *session = statement->session;
    snprintf(result->tag, sizeof result->tag, "COMMIT");
    if (session->state == 'I') {
        wr_session_notice(session, "WARNING", ERR_NO_ACTIVE_TRANSACTION, "there is no transaction in progress");
        return true;
    }
    if (session->state == 'E') {
        snprintf(result->tag, sizeof result->tag, "ROLLBACK");
        wr_transaction_end(session);
        return true;
    }
    return wr_transaction_commit(session, err);
}

bool wr_rollback_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                     struct wr_error *err)
{
    struct weir_session *session = statement->session;
    snprintf(result->tag, sizeof result->tag, "ROLLBACK");
    if (session->state == 'I')
        wr_session_notice(session, "WARNING", ERR_NO_ACTIVE_TRANSACTION, "there is no transaction in progress");
    wr_transaction_end(session);
    return true;
}
