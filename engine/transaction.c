/* Transactions: a snapshot, and writes that nobody sees before COMMIT (contract "Transactions"). */
#include "engine/session.h"

#include <stdio.h>

void wr_transaction_end(struct weir_session *session)
{
    wr_overlay_free(session->overlay);
    session->overlay = NULL;
    if (session->snapshot)
        wr_snapshot_release(session->snapshot);
    session->snapshot = NULL;
    if (session->catalog)
        wr_catalog_release(session->catalog);
    session->catalog = NULL;
    session->state = 'I';
}

bool wr_transaction_commit(struct weir_session *session, struct wr_error *err)
{
    bool ok = true;
    if (session->overlay) {
        struct write_list *lists[256];
        size_t n = wr_overlay_lists(session->overlay, session->db, session->catalog, lists, WR_COUNT(lists), err);
        ok = !n || wr_writes_apply(session->db, lists, n, err);
        for (size_t i = 0; i < n; i++)
            wr_writes_free(lists[i]);
    }
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
