/* Transactions: a snapshot, and writes that nobody sees before COMMIT (contract "Transactions"). */
#include "engine/session.h"

#include <stdio.h>

void wr_transaction_end(struct weir_session *session, bool committed)
{
    wr_cursors_end_transaction(session, committed);
    wr_savepoints_free(session);
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
    wr_settings_end_transaction(session, committed);
    session->state = 'I';
    session->implicit = false;
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
    wr_transaction_end(session, ok);
    return ok;
}

bool wr_begin_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                  struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const PgQuery__TransactionStmt *stmt = statement->parsed->node->transaction_stmt;
    bool start = stmt->kind == PG_QUERY__TRANSACTION_STMT_KIND__TRANS_STMT_START;
    snprintf(result->tag, sizeof result->tag, start ? "START TRANSACTION" : "BEGIN");
    if (session->state == 'T' && !session->implicit)
        wr_session_notice(session, "WARNING", ERR_ACTIVE_TRANSACTION, "there is already a transaction in progress");
    session->implicit = false;
    bool begun = session->state == 'I';
    session->state = 'T';
    if (wr_set_modes(session, stmt->n_options, stmt->options, "", err))
        return true;
    if (begun)
        wr_transaction_end(session, false);
    return false;
}

static bool no_transaction(struct weir_session *session, const char *what, bool chain, struct wr_error *err)
{
    if (chain)
        return wr_fail(err, ERR_NO_ACTIVE_TRANSACTION, "%s AND CHAIN can only be used in transaction blocks", what);
    wr_session_notice(session, "WARNING", ERR_NO_ACTIVE_TRANSACTION, "there is no transaction in progress");
    return true;
}

/* AND CHAIN: the next transaction begins at once, with the modes of this one. */
struct chain {
    bool wanted;
    char isolation[24], read_only[8];
};

static struct chain chain_of(struct weir_session *session, bool wanted)
{
    struct chain chain = {.wanted = wanted};
    snprintf(chain.isolation, sizeof chain.isolation, "%s", wr_setting(session, "transaction_isolation"));
    snprintf(chain.read_only, sizeof chain.read_only, "%s", wr_setting(session, "transaction_read_only"));
    return chain;
}

static bool go_on(struct weir_session *session, const struct chain *chain, struct wr_error *err)
{
    if (!chain->wanted)
        return true;
    session->state = 'T';
    return wr_setting_set(session, "transaction_isolation", chain->isolation, true, err) &&
           wr_setting_set(session, "transaction_read_only", chain->read_only, true, err);
}

bool wr_commit_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                   struct wr_error *err)
{
    struct weir_session *session = statement->session;
    struct chain chain = chain_of(session, statement->parsed->node->transaction_stmt->chain);
    snprintf(result->tag, sizeof result->tag, "COMMIT");
    if (session->state == 'I' || session->implicit)
        TRY(no_transaction(session, "COMMIT", chain.wanted, err));
    if (session->state == 'I')
        return true;
    if (session->state == 'E') {
        snprintf(result->tag, sizeof result->tag, "ROLLBACK");
        wr_transaction_end(session, false);
    } else {
        TRY(wr_transaction_commit(session, err));
    }
    return go_on(session, &chain, err);
}

bool wr_rollback_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                     struct wr_error *err)
{
    struct weir_session *session = statement->session;
    struct chain chain = chain_of(session, statement->parsed->node->transaction_stmt->chain);
    snprintf(result->tag, sizeof result->tag, "ROLLBACK");
    if (session->state == 'I' || session->implicit)
        TRY(no_transaction(session, "ROLLBACK", chain.wanted, err));
    if (session->state == 'I')
        return true;
    wr_transaction_end(session, false);
    return go_on(session, &chain, err);
}
