/* CREATE OR REPLACE VIEW: the old view goes and the new one comes in one commit. Nothing may read it: what was planned
 * with the old query would not fit the new one. */
#include "engine/ddl.h"
#include "engine/session.h"

/* The new view has the old one's columns, and may have more. */
static bool check_columns(const struct object *old, const struct object *view, struct wr_error *err)
{
    char from[64], to[64];
    if (view->ncols < old->ncols)
        return wr_fail(err, ERR_INVALID_TABLE_DEFINITION, "cannot drop columns from view");
    for (uint16_t c = 0; c < old->ncols; c++) {
        const struct object_column *was = &old->cols[c], *is = &view->cols[c];
        if (strcmp(was->name, is->name) != 0) {
            wr_fail(err, ERR_INVALID_TABLE_DEFINITION, "cannot change name of view column \"%s\" to \"%s\"", was->name,
                    is->name);
            return wr_fail_hint(err, "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.");
        }
        wr_type_name(was->type, from, sizeof from);
        wr_type_name(is->type, to, sizeof to);
        if (strcmp(from, to) != 0)
            return wr_fail(err, ERR_INVALID_TABLE_DEFINITION,
                           "cannot change data type of view column \"%s\" from %s to %s", was->name, from, to);
    }
    return true;
}

static bool check(const struct catalog *catalog, const struct object *old, const struct object *view,
                  struct wr_error *err)
{
    if (old->kind != OBJECT_VIEW)
        return wr_fail(err, ERR_WRONG_OBJECT_TYPE, "\"%s\" is not a view", old->name);
    TRY(check_columns(old, view, err));
    for (uint16_t d = 0; d < view->ndeps; d++)
        if (view->deps[d] == old->id)
            return wr_fail(err, ERR_INVALID_DEFINITION, "infinite recursion detected in rules for relation \"%s\"",
                           old->name);
    return !wr_catalog_dependents(catalog, old->id, NULL, 0) ||
           wr_fail(err, ERR_FEATURE_NOT_SUPPORTED,
                   "CREATE OR REPLACE VIEW of a view that other objects depend on is not supported yet");
}

static bool replace(struct weir_session *session, uint32_t old, const struct object *view, struct wr_error *err)
{
    if (session->state == 'T') {
        TRY(wr_pending_drop(session, &old, 1, false, err));
        wr_pending_create(session, view);
        return true;
    }
    struct object numbered = *view;
    numbered.id = atomic_fetch_add(&session->db->next_object, 1);
    struct ddl ddl = {.created = &(const struct object *){&numbered}, .ncreated = 1, .dropped = &old, .ndropped = 1};
    return wr_loop_ddl(session->db, wr_ddl_apply, &ddl, err);
}

bool wr_replace_view(struct weir_session *session, const struct object *view, bool *done, struct wr_error *err)
{
    struct catalog *catalog = wr_session_catalog(session);
    const struct object *old = wr_catalog_find(catalog, view->schema, view->name);
    *done = old && old->kind != OBJECT_SYSTEM;
    bool ok = true;
    if (*done && !(old->kind == OBJECT_VIEW && !strcmp(old->definition, view->definition)))
        ok = check(catalog, old, view, err) && replace(session, old->id, view, err);
    wr_catalog_release(catalog);
    return ok;
}
