/* CREATE TABLE / SOURCE / VIEW / MATERIALIZED VIEW / SINK, DROP. */
#include "engine/ddl.h"
#include "engine/relations_read.h"
#include "engine/session.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

/* ---- an object that exists already */

static const char *skip_space(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '"';
}

/* Where two definitions part: equal but for white space outside of quotes and a final semicolon -> false. */
static bool definitions_differ(const char *a, const char *b, const char **at_a, const char **at_b)
{
    const char *start = a;
    bool quoted = false;
    for (a = skip_space(a), b = skip_space(b); *a || *b; a++, b++) {
        *at_a = a;
        *at_b = b;
        if (!quoted && (isspace((unsigned char)*a) || isspace((unsigned char)*b))) {
            bool gap_a = isspace((unsigned char)*a), gap_b = isspace((unsigned char)*b);
            bool before = a > start && is_word(a[-1]);
            a = skip_space(a);
            b = skip_space(b);
            if (gap_a != gap_b && before && is_word(*a) && is_word(*b))
                return true; /* one word here, two there */
        }
        if (!quoted && (!*a || !*b || *a == ';' || *b == ';'))
            return a[strspn(a, " \t\r\n;")] || b[strspn(b, " \t\r\n;")];
        if (*a != *b) {
            *at_a = a;
            *at_b = b;
            return true;
        }
        if (*a == '\'')
            quoted = !quoted;
    }
    return false;
}

bool wr_create_exists(struct weir_session *session, bool if_not_exists, const struct object *wanted, bool *failed,
                      struct wr_error *err)
{
    *failed = false;
    struct catalog *catalog = wr_session_catalog(session);
    const struct object *object = wr_catalog_find(catalog, wanted->schema, wanted->name);
    bool there = object && object->kind != OBJECT_SYSTEM;
    if (there && session->skip_existing) {
        const char *old_at = object->definition, *new_at = wanted->definition;
        if (object->kind == wanted->kind &&
            !definitions_differ(object->definition, wanted->definition, &old_at, &new_at)) {
            wr_session_notice(session, "NOTICE", "42P07", "%s \"%s\" already exists with this definition, skipping",
                              wr_object_kind_name(object->kind), object->name);
        } else {
            *failed = true;
            wr_fail(err, ERR_DUPLICATE_TABLE, "%s \"%s\" already exists with another definition",
                    wr_object_kind_name(object->kind), object->name);
            wr_fail_detail(err, "It has \"%.120s\" where this statement has \"%.120s\".", old_at, new_at);
            wr_fail_hint(err, "Drop it first, or give the new one another name.");
        }
    } else if (there && if_not_exists) {
        wr_session_notice(session, "NOTICE", "42P07", "relation \"%s\" already exists, skipping", object->name);
    } else if (there) {
        *failed = true;
        wr_fail(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", object->name);
    }
    wr_catalog_release(catalog);
    return there && !*failed;
}

static bool create_now(struct weir_session *session, const struct object *object, struct wr_error *err)
{
    if (session->state == 'T') {
        wr_pending_create(session, object);
        return true;
    }
    struct object numbered = *object;
    numbered.id = atomic_fetch_add(&session->db->next_object, 1);
    struct ddl ddl = {.created = &(const struct object *){&numbered}, .ncreated = 1};
    return wr_loop_ddl(session->db, wr_ddl_apply, &ddl, err);
}

static const char *option_value(const struct object *object, const char *key)
{
    for (uint16_t i = 0; i < object->noptions; i++)
        if (!strcmp(object->options[i].key, key))
            return object->options[i].value;
    return NULL;
}

/* ---- tables and sources */

static void add_row_id(struct wr_arena *arena, struct object *object)
{
    if (object->kind != OBJECT_TABLE || object->npk)
        return;
    struct object_column *cols = WR_NEW_ARRAY(arena, struct object_column, object->ncols + 1);
    memcpy(cols, object->cols, sizeof *cols * object->ncols);
    cols[object->ncols] = (struct object_column){
        .id = 0x7fffffff, .name = "_row_id", .type = TYPE(TYPE_INT8), .not_null = true, .hidden = true};
    object->cols = cols;
    object->pk = WR_NEW_ARRAY(arena, uint16_t, 1);
    object->pk[0] = object->ncols;
    object->npk = 1;
    object->ncols++;
}

static bool check_connector(const struct object *object, struct wr_error *err)
{
    const char *connector = option_value(object, "connector");
    if (!connector) {
        if (object->kind == OBJECT_SOURCE)
            return wr_fail(err, ERR_INVALID_PARAMETER, "a source needs a connector: WITH (connector = '...')");
        return true;
    }
    const struct source_class *cls = wr_source_class(connector);
    if (!cls)
        return wr_fail(err, ERR_INVALID_PARAMETER, "connector \"%s\" does not exist", connector);
    return !cls->check || cls->check(object, err);
}

/* An error of the connector names an option or FORMAT: point there. */
static void point_at_option(const struct weir_statement *statement, struct wr_error *err)
{
    const struct statement *parsed = statement->parsed;
    const struct options *lists[] = {&parsed->with, &parsed->format_options};
    int location = strstr(err->message, "FORMAT") ? parsed->format_location : 0;
    bool quoted = false;
    for (size_t l = 0; l < WR_COUNT(lists); l++)
        for (int i = 0; i < lists[l]->n && !quoted; i++) {
            const struct option *option = &lists[l]->items[i];
            const char *at = strstr(err->message, option->key);
            quoted = at && at > err->message && at[-1] == '"' && at[strlen(option->key)] == '"';
            if (quoted || (at && strlen(option->key) > 4)) /* a short one may be part of any word */
                location = option->key_location;
        }
    if (!err->position && location)
        err->position = wr_char_position(statement->text, location);
}

/* Append-only is a promise that plans rely on: what may overwrite or delete rows cannot give it. */
static bool check_append_only(const struct object *object, struct wr_error *err)
{
    if (object->kind == OBJECT_SOURCE && object->format && strcmp(object->format, "PLAIN") != 0)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "a source with FORMAT %s is not supported", object->format) ||
               wr_fail_hint(err, "Use CREATE TABLE: what changes and deletes rows needs the rows.");
    if (!object->append_only || object->kind != OBJECT_TABLE)
        return true;
    bool keyed = object->npk && !(object->ncols && object->cols[object->ncols - 1].hidden);
    if (object->format && strcmp(object->format, "PLAIN") != 0)
        return wr_fail(err, ERR_INVALID_TABLE_DEFINITION, "a table with FORMAT %s cannot be append-only",
                       object->format);
    if (keyed && object->overwrite)
        return wr_fail(err, ERR_INVALID_TABLE_DEFINITION,
                       "an append-only table whose rows are overwritten by key is not possible");
    return true;
}

bool wr_create_table_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                         struct wr_error *err)
{
    struct weir_session *session = statement->session;
    struct catalog *catalog = wr_session_catalog(session);
    struct planner planner;
    wr_planner_of(session, &result->arena, catalog, statement->text, &planner);
    struct object object = {0};
    bool source = statement->parsed->kind == STMT_CREATE_SOURCE;
    object.kind = source ? OBJECT_SOURCE : OBJECT_TABLE;
    bool ok = wr_plan_bind_create_table(&planner, statement->parsed, &object, err);
    wr_catalog_release(catalog);
    TRY(ok);
    object.kind = source ? OBJECT_SOURCE : OBJECT_TABLE;
    object.definition = statement->parsed->text;
    object.timezone = wr_setting(session, "TimeZone");
    if (!object.schema)
        object.schema = "public";
    if (option_value(&object, "connector"))
        object.overwrite = true;
    if (!check_append_only(&object, err))
        return point_at_option(statement, err), false;
    bool hidden = object.ncols && object.cols[object.ncols - 1].hidden;
    if (!hidden)
        add_row_id(&result->arena, &object);
    snprintf(result->tag, sizeof result->tag, source ? "CREATE SOURCE" : "CREATE TABLE");
    bool failed;
    const PgQuery__CreateStmt *stmt = statement->parsed->node->create_stmt;
    if (wr_create_exists(session, statement->parsed->if_not_exists || stmt->if_not_exists, &object, &failed, err))
        return true;
    if (failed)
        return false;
    if (!check_connector(&object, err))
        return point_at_option(statement, err), false;
    return create_now(session, &object, err);
}

/* ---- views */

struct view_plan {
    struct catalog *catalog;
    struct plan *plan;
    struct wr_arena arena;
};

/* Plan the query as the view will run it: errors are the statement's, with positions. */
static bool plan_view(struct weir_statement *statement, const PgQuery__Node *query, struct view_plan *out,
                      bool streaming, struct wr_error *err)
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

static void view_plan_end(struct view_plan *vp)
{
    wr_catalog_release(vp->catalog);
    wr_arena_reset(&vp->arena);
}

static bool view_columns(struct wr_arena *arena, const struct plan *plan, size_t naliases,
                         PgQuery__Node *const *aliases, struct object *object, struct wr_error *err)
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

static void view_key(struct wr_arena *arena, const struct plan *plan, struct object *object)
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

static void view_common(struct weir_statement *statement, struct wr_arena *arena, const struct view_plan *vp,
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
    bool ok = plan_view(statement, stmt->query, &vp, false, err) &&
              view_columns(&result->arena, vp.plan, stmt->n_aliases, stmt->aliases, &object, err);
    if (ok)
        view_common(statement, &result->arena, &vp, stmt->query, statement->parsed->query, &object);
    view_plan_end(&vp);
    TRY(ok);
    snprintf(result->tag, sizeof result->tag, "CREATE VIEW");
    bool failed, done = false;
    if (stmt->replace)
        TRY(wr_replace_view(session, &object, &done, err));
    if (done)
        return true;
    if (wr_create_exists(session, statement->parsed->if_not_exists, &object, &failed, err))
        return true;
    return !failed && create_now(session, &object, err);
}

/* Options of WITH that materialized views and sinks take. */
static void copy_options(struct wr_arena *arena, const struct options *from, uint16_t *n, struct object_option **to)
{
    *n = (uint16_t)from->n;
    *to = WR_NEW_ARRAY(arena, struct object_option, from->n + 1);
    for (int i = 0; i < from->n; i++)
        (*to)[i] = (struct object_option){from->items[i].key, from->items[i].value};
}

bool wr_create_streaming(struct weir_session *session, const struct object *object, struct wr_error *err)
{
    if (session->state == 'T') {
        wr_pending_create(session, object);
        return true;
    }
    if (wr_setting_is_on(session, "background_ddl"))
        return wr_backfill_spawn(session->db, object, err);
    return wr_backfill_run(session->db, object, &session->cancel, err);
}

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
    copy_options(&result->arena, &statement->parsed->with, &object.noptions, &object.options);
    struct view_plan vp;
    bool ok = plan_view(statement, stmt->query, &vp, true, err) &&
              view_columns(&result->arena, vp.plan, stmt->into->n_col_names, stmt->into->col_names, &object, err);
    if (ok) {
        view_key(&result->arena, vp.plan, &object);
        view_common(statement, &result->arena, &vp, stmt->query, statement->parsed->query, &object);
    }
    view_plan_end(&vp);
    TRY(ok);
    snprintf(result->tag, sizeof result->tag, "CREATE MATERIALIZED VIEW");
    bool failed;
    if (wr_create_exists(session, statement->parsed->if_not_exists || stmt->if_not_exists, &object, &failed, err))
        return true;
    return !failed && wr_create_streaming(session, &object, err);
}

/* ---- sinks */

static bool check_sink(const struct object *object, struct wr_error *err)
{
    const char *connector = option_value(object, "connector");
    if (!connector)
        return wr_fail(err, ERR_INVALID_PARAMETER, "a sink needs a connector: WITH (connector = '...')");
    const struct sink_class *cls = wr_sink_class(connector);
    if (!cls)
        return wr_fail(err, ERR_INVALID_PARAMETER, "connector \"%s\" does not exist for sinks", connector);
    return !cls->check || cls->check(object, err);
}

static const char *quoted(struct wr_arena *arena, const char *name)
{
    char *out = wr_arena_bytes(arena, 2 * strlen(name) + 3), *at = out;
    *at++ = '"';
    for (; *name; name++) {
        if (*name == '"')
            *at++ = '"';
        *at++ = *name;
    }
    *at++ = '"';
    *at = '\0';
    return out;
}

static bool sink_query(struct weir_statement *statement, struct wr_arena *arena, const PgQuery__Node **query,
                       struct statement **inner, struct wr_error *err)
{
    const struct statement *parsed = statement->parsed;
    *inner = NULL;
    if (!parsed->from_relation) {
        *query = parsed->node;
        return true;
    }
    char *text =
        wr_arena_printf(arena, "SELECT * FROM %s%s%s", parsed->from_schema ? quoted(arena, parsed->from_schema) : "",
                        parsed->from_schema ? "." : "", quoted(arena, parsed->from_relation));
    size_t offset = 0;
    TRY(wr_parse_next(arena, text, strlen(text), &offset, inner, err));
    *query = (*inner)->node;
    return true;
}

bool wr_create_sink_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                        struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const struct statement *parsed = statement->parsed;
    struct object object = {.kind = OBJECT_SINK,
                            .schema = parsed->schema ? parsed->schema : "public",
                            .name = parsed->name,
                            .format = parsed->format,
                            .encode = parsed->encode};
    copy_options(&result->arena, &parsed->with, &object.noptions, &object.options);
    copy_options(&result->arena, &parsed->format_options, &object.nformat_options, &object.format_options);
    const PgQuery__Node *query = NULL;
    struct statement *inner = NULL;
    bool ok = sink_query(statement, &result->arena, &query, &inner, err);
    if (ok) {
        struct view_plan vp;
        ok =
            plan_view(statement, query, &vp, true, err) && view_columns(&result->arena, vp.plan, 0, NULL, &object, err);
        if (ok) {
            view_key(&result->arena, vp.plan, &object);
            view_common(statement, &result->arena, &vp, query, inner ? inner->text : parsed->query, &object);
        }
        if (parsed->from_relation && !ok)
            err->position = wr_char_position(statement->text, parsed->from_location);
        view_plan_end(&vp);
    }
    if (inner)
        wr_statement_free(inner);
    TRY(ok);
    snprintf(result->tag, sizeof result->tag, "CREATE SINK");
    bool failed;
    if (wr_create_exists(session, parsed->if_not_exists, &object, &failed, err))
        return true;
    if (failed)
        return false;
    bool done = check_sink(&object, err) && wr_create_streaming(session, &object, err);
    if (!done)
        point_at_option(statement, err);
    return done;
}

/* ---- drop */

struct drop_list {
    uint32_t ids[DROPPED_MAX];
    size_t n;
};

static const char *article(enum object_kind kind)
{
    return kind == OBJECT_INDEX ? "an" : "a";
}

static bool is_schema(const char *name)
{
    return !strcmp(name, "public") || !strcmp(name, "pg_catalog") || !strcmp(name, "weir_catalog") ||
           !strcmp(name, "information_schema");
}

static bool drop_name(struct weir_statement *statement, struct catalog *catalog, enum object_kind kind,
                      const char *schema, const char *name, bool if_exists, struct drop_list *list,
                      struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const struct object *object = wr_catalog_find(catalog, schema, name);
    if (schema && !object && !is_schema(schema) && !if_exists)
        return wr_fail(err, ERR_INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", schema);
    if (!object || object->kind == OBJECT_SYSTEM) {
        if (schema && !is_schema(schema)) {
            wr_session_notice(session, "NOTICE", "00000", "schema \"%s\" does not exist, skipping", schema);
            return true;
        }
        if (if_exists) {
            wr_session_notice(session, "NOTICE", "00000", "%s \"%s\" does not exist, skipping",
                              wr_object_kind_name(kind), name);
            return true;
        }
        return wr_fail(err, kind == OBJECT_INDEX ? ERR_UNDEFINED_OBJECT : ERR_UNDEFINED_TABLE,
                       "%s \"%s\" does not exist", wr_object_kind_name(kind), name);
    }
    if (object->kind != kind) {
        wr_fail(err, ERR_WRONG_OBJECT_TYPE, "\"%s\" is not %s %s", name, article(kind), wr_object_kind_name(kind));
        char word[32];
        snprintf(word, sizeof word, "%s", wr_object_kind_name(object->kind));
        for (char *c = word; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        return wr_fail_hint(err, "Use DROP %s to remove %s %s.", word, article(object->kind),
                            wr_object_kind_name(object->kind));
    }
    uint32_t id = object->id;
    bool gone = false;
    if (object->creating && session->state != 'T') {
        wr_backfill_cancel(session->db, id);
        struct catalog *now = wr_catalog_current(session->db); /* it may have been done before it was cancelled */
        gone = !wr_catalog_get(now, id);
        wr_catalog_release(now);
    }
    for (size_t i = 0; i < list->n; i++)
        gone |= list->ids[i] == id; /* named twice */
    if (gone)
        return true;
    if (list->n == DROPPED_MAX)
        return wr_fail(err, ERR_PROGRAM_LIMIT, "too many objects to drop at once");
    list->ids[list->n++] = id;
    return true;
}

static bool drop_postgres(struct weir_statement *statement, struct catalog *catalog, struct drop_list *list,
                          bool *cascade, struct wr_error *err)
{
    const PgQuery__DropStmt *stmt = statement->parsed->node->drop_stmt;
    enum object_kind kind = stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_TABLE   ? OBJECT_TABLE
                            : stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_VIEW  ? OBJECT_VIEW
                            : stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_INDEX ? OBJECT_INDEX
                                                                                       : OBJECT_MATERIALIZED_VIEW;
    *cascade = stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    for (size_t i = 0; i < stmt->n_objects; i++) {
        const PgQuery__List *parts = stmt->objects[i]->list;
        const char *name = parts->items[parts->n_items - 1]->string->sval;
        const char *schema = parts->n_items > 1 ? parts->items[parts->n_items - 2]->string->sval : NULL;
        TRY(drop_name(statement, catalog, kind, schema, name, stmt->missing_ok, list, err));
    }
    return true;
}

bool wr_drop_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                 struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const struct statement *parsed = statement->parsed;
    struct catalog *catalog = wr_session_catalog(session);
    struct drop_list *list = WR_NEW(&result->arena, struct drop_list);
    bool cascade = parsed->cascade, ok = true;
    if (parsed->kind == STMT_DROP) {
        enum object_kind kind = parsed->drop_kind == DROP_SINK ? OBJECT_SINK : OBJECT_SOURCE;
        for (int i = 0; ok && i < parsed->n_drop_names; i++)
            ok = drop_name(statement, catalog, kind, parsed->drop_names[i].schema, parsed->drop_names[i].name,
                           parsed->if_exists, list, err);
    } else {
        ok = drop_postgres(statement, catalog, list, &cascade, err);
    }
    wr_catalog_release(catalog);
    TRY(ok);
    snprintf(result->tag, sizeof result->tag, "%s", statement->cls->name);
    if (session->state == 'T')
        return wr_pending_drop(session, list->ids, list->n, cascade, err);
    struct ddl drop = {.dropped = list->ids, .ndropped = list->n, .cascade = cascade};
    TRY(!list->n || wr_loop_ddl(session->db, wr_ddl_apply, &drop, err));
    wr_sinks_await(session->db);
    return true;
}
