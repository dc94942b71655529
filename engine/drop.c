/* DROP of anything: what is named, and with CASCADE what reads it. */
#include <stdio.h>

#include "base/ascii.h"
#include "engine/ddl.h"
#include "engine/session.h"

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
            *c = wr_to_upper(*c);
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
