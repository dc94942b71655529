/* Clauses of CREATE that PostgreSQL has and that would change what the statement means: refused by name. Options that
 * only say how PostgreSQL stores rows are accepted without effect. */
#include <string.h>

#include "planner/bind.h"

static bool check_option(struct binder *binder, const char *name, const char *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(known[i]);
        if (!strcmp(name, known[i]) || (len && known[i][len - 1] == '_' && !strncmp(name, known[i], len)))
            return true;
    }
    return bind_fail(binder, -1, ERR_INVALID_PARAMETER, "unrecognized parameter \"%s\"", name);
}

bool bind_check_storage_options(struct binder *binder, const struct statement *statement)
{
    static const char *const known[] = {"fillfactor", "parallel_workers", "toast_tuple_target", "autovacuum_",
                                        "log_autovacuum_"};
    for (int i = 0; i < statement->with.n; i++)
        TRY(check_option(binder, statement->with.items[i].key, known, WR_COUNT(known)));
    return true;
}

static bool check_tablespace(struct binder *binder, const char *tablespace)
{
    return !tablespace || !*tablespace || !strcmp(tablespace, "pg_default") ||
           bind_unsupported(binder, -1, "TABLESPACE");
}

static bool check_method(struct binder *binder, const char *method)
{
    return !method || !*method || !strcmp(method, "heap") ||
           bind_fail(binder, -1, ERR_UNDEFINED_OBJECT, "access method \"%s\" does not exist", method);
}

static bool check_table(struct binder *binder, const PgQuery__CreateStmt *node)
{
    if (node->oncommit > PG_QUERY__ON_COMMIT_ACTION__ONCOMMIT_NOOP)
        return bind_fail(binder, -1, ERR_INVALID_TABLE_DEFINITION, "ON COMMIT can only be used on temporary tables");
    if (node->of_typename)
        return bind_unsupported(binder, -1, "CREATE TABLE OF a type");
    return check_tablespace(binder, node->tablespacename) && check_method(binder, node->access_method);
}

static bool check_view(struct binder *binder, const PgQuery__ViewStmt *node)
{
    static const char *const known[] = {"security_barrier", "security_invoker"};
    if (node->view->relpersistence && *node->view->relpersistence == 't')
        return bind_unsupported(binder, node->view->location, "a temporary view");
    if (node->with_check_option > PG_QUERY__VIEW_CHECK_OPTION__NO_CHECK_OPTION)
        return bind_unsupported(binder, -1, "WITH CHECK OPTION");
    for (size_t i = 0; i < node->n_options; i++)
        TRY(check_option(binder, node->options[i]->def_elem->defname, known, WR_COUNT(known)));
    return true;
}

static bool check_materialized_view(struct binder *binder, const struct statement *statement)
{
    const PgQuery__IntoClause *into = statement->node->create_table_as_stmt->into;
    if (into->skip_data)
        return bind_unsupported(binder, -1, "WITH NO DATA");
    TRY(bind_check_storage_options(binder, statement));
    return check_tablespace(binder, into->table_space_name) && check_method(binder, into->access_method);
}

bool bind_check_clauses(struct binder *binder, const struct statement *statement)
{
    if (!statement->node)
        return true;
    switch (statement->node->node_case) {
    case PG_QUERY__NODE__NODE_CREATE_STMT:
        return check_table(binder, statement->node->create_stmt);
    case PG_QUERY__NODE__NODE_VIEW_STMT:
        return check_view(binder, statement->node->view_stmt);
    case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
        return check_materialized_view(binder, statement);
    default:
        return true;
    }
}
