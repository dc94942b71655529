/* CREATE VIEW and MATERIALIZED VIEW; what everything that runs a query stores of it. */
#include "engine/create.h"

#include <stdio.h>

#include "engine/ddl.h"
#include "engine/relations_read.h"

bool wr_view_plan(struct weir_statement *statement, const PgQuery__Node *query, struct view_plan *out, bool streaming,
                  struct wr_error *err)
{
    struct weir_session *session = statement->session;
    out->catalog = wr_session_catalog(session);
    wr_arena_init(&out->arena, NULL);
    struct planner planner;
    wr_planner_of(session, &out->arena, out->catalog, statement->text, &planner);
    planner.streaming = streaming;
    planner.multi_worker = session->db->nworkers > 1;
    bool ok = wr_plan_check_statement(&planner, statement->parsed, err) &&
              wr_plan_bind_query(&planner, query, &out->plan, err);
    if (ok)
        ok = wr_plan_optimize(&planner, &out->plan, err);
    return ok;
}

void wr_view_plan_end(struct view_plan *vp)
{
    wr_catalog_release(vp->catalog);
    wr_arena_reset(&vp->arena);
}

bool wr_view_columns(struct wr_arena *arena, const struct plan *plan, size_t naliases, PgQuery__Node *const *aliases,
                     struct object *object, struct wr_error *err)
{
    if (naliases > plan->ncols)
        return wr_fail(err, ERR_SYNTAX,
                       object->kind == OBJECT_VIEW ? "CREATE VIEW specifies more column names than columns"
                                                   : "too many column names were specified");
    object->ncols = plan->ncols;
    object->cols = WR_NEW_ARRAY(arena, struct object_column, plan->ncols + 1);
    for (uint16_t c = 0; c < plan->ncols; c++) {
        const char *name = plan->cols[c].name;
        if (c < naliases && aliases[c]->node_case == PG_QUERY__NODE__NODE_STRING)
            name = aliases[c]->string->sval;
        if (!name)
            name = "?column?";
        for (uint16_t d = 0; d < c; d++)
            if (!strcmp(object->cols[d].name, name))
                return wr_fail(err, ERR_DUPLICATE_COLUMN, "column \"%s\" specified more than once", name);
        object->cols[c] = (struct object_column){.id = c + 1u,
                                                 .name = wr_arena_strdup(arena, name),
                                                 .type = plan->cols[c].type.id ? plan->cols[c].type : TYPE(TYPE_TEXT),
                                                 .not_null = !plan->cols[c].nullable};
    }
    return true;
}

void wr_view_key(struct wr_arena *arena, const struct plan *plan, struct object *object)
{
    object->append_only = plan->props.append_only;
    if (!plan->props.nkeys)
        return;
    object->npk = plan->props.keys[0].n;
    object->single_row = !object->npk;
    object->pk = WR_NEW_ARRAY(arena, uint16_t, object->npk + 1);
    memcpy(object->pk, plan->props.keys[0].columns, sizeof *object->pk * object->npk);
}

/* Indexes that the plan reads are not named in the query. */
static void add_indexes(struct wr_arena *arena, const struct view_plan *vp, struct object *object)
{
    size_t n = wr_plan_relations(vp->plan, NULL, 0);
    uint32_t *ids = WR_NEW_ARRAY(arena, uint32_t, n + 1);
    n = wr_plan_relations(vp->plan, ids, n);
    uint32_t *deps = WR_NEW_ARRAY(arena, uint32_t, object->ndeps + n + 1);
    if (object->ndeps)
        memcpy(deps, object->deps, sizeof *deps * object->ndeps);
    for (size_t i = 0; i < n; i++) {
        const struct object *read = wr_catalog_get(vp->catalog, ids[i]);
        if (read && read->kind == OBJECT_INDEX)
            deps[object->ndeps++] = ids[i];
    }
    object->deps = deps;
}

void wr_view_common(struct weir_statement *statement, struct wr_arena *arena, const struct view_plan *vp,
                    const PgQuery__Node *query, const char *text, struct object *object)
{
    object->definition = statement->parsed->text;
    object->query = text;
    object->plan_version = PLANNER_VERSION;
    const char *disabled = wr_setting(statement->session, "disabled_passes");
    object->disabled_passes = disabled && *disabled ? disabled : NULL;
    object->timezone = wr_setting(statement->session, "TimeZone");
    object->search_path = wr_setting(statement->session, "search_path");
    wr_relations_bind(arena, vp->catalog, query, object);
    add_indexes(arena, vp, object);
}

bool wr_create_view_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                        struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const PgQuery__ViewStmt *stmt = statement->parsed->node->view_stmt;
    struct object object = {.kind = OBJECT_VIEW,
                            .schema =
                                stmt->view->schemaname && *stmt->view->schemaname ? stmt->view->schemaname : "public",
                            .name = stmt->view->relname};
    struct view_plan vp;
    bool ok = wr_view_plan(statement, stmt->query, &vp, false, err) &&
              wr_view_columns(&result->arena, vp.plan, stmt->n_aliases, stmt->aliases, &object, err);
    if (ok)
        wr_view_common(statement, &result->arena, &vp, stmt->query, statement->parsed->query, &object);
    wr_view_plan_end(&vp);
    TRY(ok);
    snprintf(result->tag, sizeof result->tag, "CREATE VIEW");
    bool failed, done = false;
    if (stmt->replace)
        TRY(wr_replace_view(session, &object, &done, err));
    if (done)
        return true;
    if (wr_create_exists(session, statement->parsed->if_not_exists, &object, &failed, err))
        return true;
    return !failed && wr_create_now(session, &object, err);
}

/* Options of WITH that materialized views and sinks take. */
bool wr_create_mv_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                      struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const PgQuery__CreateTableAsStmt *stmt = statement->parsed->node->create_table_as_stmt;
    if (statement->parsed->or_replace)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "CREATE OR REPLACE MATERIALIZED VIEW is not supported yet");
    const PgQuery__RangeVar *name = stmt->into->rel;
    struct object object = {.kind = OBJECT_MATERIALIZED_VIEW,
                            .schema = name->schemaname && *name->schemaname ? name->schemaname : "public",
                            .name = name->relname};
    wr_create_options(&result->arena, &statement->parsed->with, &object.noptions, &object.options);
    struct view_plan vp;
    bool ok = wr_view_plan(statement, stmt->query, &vp, true, err) &&
              wr_view_columns(&result->arena, vp.plan, stmt->into->n_col_names, stmt->into->col_names, &object, err);
    if (ok) {
        wr_view_key(&result->arena, vp.plan, &object);
        wr_view_common(statement, &result->arena, &vp, stmt->query, statement->parsed->query, &object);
    }
    wr_view_plan_end(&vp);
    TRY(ok);
    snprintf(result->tag, sizeof result->tag, "CREATE MATERIALIZED VIEW");
    bool failed;
    if (wr_create_exists(session, statement->parsed->if_not_exists || stmt->if_not_exists, &object, &failed, err))
        return true;
    return !failed && wr_create_streaming(session, &object, err);
}
