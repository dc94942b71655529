/* CREATE TABLE and SOURCE; what all CREATE statements share: a name that is taken, errors of options. */
#include "engine/create.h"

#include <stdio.h>

#include "base/ascii.h"
#include "connectors/options.h"
#include "engine/ddl.h"

/* ---- an object that exists already */

static const char *skip_space(const char *at)
{
    while (wr_is_space(*at))
        at++;
    return at;
}

static bool is_word(char c)
{
    return wr_is_alnum(c) || c == '_' || c == '"';
}

/* Where two definitions part: equal but for white space outside of quotes and a final semicolon -> false. */
static bool definitions_differ(const char *a, const char *b, const char **at_a, const char **at_b)
{
    const char *start = a;
    bool quoted = false;
    for (a = skip_space(a), b = skip_space(b); *a || *b; a++, b++) {
        *at_a = a;
        *at_b = b;
        if (!quoted && (wr_is_space(*a) || wr_is_space(*b))) {
            bool gap_a = wr_is_space(*a), gap_b = wr_is_space(*b);
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

bool wr_create_now(struct weir_session *session, const struct object *object, struct wr_error *err)
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

void wr_create_options(struct wr_arena *arena, const struct options *from, uint16_t *n, struct object_option **to)
{
    *n = (uint16_t)from->n;
    *to = WR_NEW_ARRAY(arena, struct object_option, from->n + 1);
    for (int i = 0; i < from->n; i++)
        (*to)[i] = (struct object_option){from->items[i].key, from->items[i].value};
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
    const char *connector = wr_option_get(object, "connector");
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

void wr_create_point_at_option(const struct weir_statement *statement, struct wr_error *err)
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
    if (wr_option_get(&object, "connector"))
        object.overwrite = true;
    if (!check_append_only(&object, err))
        return wr_create_point_at_option(statement, err), false;
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
        return wr_create_point_at_option(statement, err), false;
    return wr_create_now(session, &object, err);
}
