/* CREATE SINK: a query, or all columns of a relation, and where its changes go. */
#include "engine/create.h"

#include <stdio.h>

#include "connectors/options.h"
#include "engine/ddl.h"
#include "engine/identifier.h"

static bool check_sink(const struct object *object, struct wr_error *err)
{
    const char *connector = wr_option_get(object, "connector");
    if (!connector)
        return wr_fail(err, ERR_INVALID_PARAMETER, "a sink needs a connector: WITH (connector = '...')");
    const struct sink_class *cls = wr_sink_class(connector);
    if (!cls)
        return wr_fail(err, ERR_INVALID_PARAMETER, "connector \"%s\" does not exist for sinks", connector);
    return !cls->check || cls->check(object, err);
}

static const char *quoted(struct wr_arena *arena, const char *name)
{
    struct wr_buf buf = WR_BUF_INIT;
    wr_identifier_put(&buf, name);
    const char *copied = wr_arena_strdup(arena, wr_buf_cstr(&buf));
    wr_buf_free(&buf);
    return copied;
}

bool wr_sink_query(const struct statement *parsed, struct wr_arena *arena, const PgQuery__Node **query,
                   struct statement **inner, struct wr_error *err)
{
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

struct object wr_sink_object(struct wr_arena *arena, const struct statement *parsed)
{
    struct object object = {.kind = OBJECT_SINK,
                            .schema = parsed->schema ? parsed->schema : "public",
                            .name = parsed->name,
                            .format = parsed->format,
                            .encode = parsed->encode,
                            .plan_version = PLANNER_VERSION};
    wr_create_options(arena, &parsed->with, &object.noptions, &object.options);
    wr_create_options(arena, &parsed->format_options, &object.nformat_options, &object.format_options);
    return object;
}

/* Everything about the sink that its query says. */
static bool plan_sink(struct weir_statement *statement, struct wr_arena *arena, struct object *object,
                      struct wr_error *err)
{
    const struct statement *parsed = statement->parsed;
    const PgQuery__Node *query = NULL;
    struct statement *inner = NULL;
    TRY(wr_sink_query(parsed, arena, &query, &inner, err));
    struct view_plan vp;
    bool ok = wr_view_plan(statement, query, &vp, true, err) && wr_view_columns(arena, vp.plan, 0, NULL, object, err);
    if (ok) {
        wr_view_key(arena, vp.plan, object);
        wr_view_common(statement, arena, &vp, query, inner ? inner->text : parsed->query, object);
    }
    if (parsed->from_relation && !ok)
        err->position = wr_char_position(statement->text, parsed->from_location);
    wr_view_plan_end(&vp);
    if (inner)
        wr_statement_free(inner);
    return ok;
}

bool wr_create_sink_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                        struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const struct statement *parsed = statement->parsed;
    struct object object = wr_sink_object(&result->arena, parsed);
    TRY(plan_sink(statement, &result->arena, &object, err));
    snprintf(result->tag, sizeof result->tag, "CREATE SINK");
    bool failed;
    if (wr_create_exists(session, parsed->if_not_exists, &object, &failed, err))
        return true;
    if (failed)
        return false;
    bool done = check_sink(&object, err) && wr_create_streaming(session, &object, err);
    if (!done)
        wr_create_point_at_option(statement, err);
    return done;
}
