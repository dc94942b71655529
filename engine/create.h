/* Pieces that the CREATE statements share (create.c, create_view.c, create_sink.c, explain.c). */
#ifndef WEIR_ENGINE_CREATE_H
#define WEIR_ENGINE_CREATE_H

#include "engine/session.h"

/* ---- every CREATE (create.c) */

/* True: nothing to create, a notice was given. *failed: it is there, and that is an error. */
bool wr_create_exists(struct weir_session *session, bool if_not_exists, const struct object *wanted, bool *failed,
                      struct wr_error *err);
/* An object without state of a query's: at once, or with the session's transaction. */
bool wr_create_now(struct weir_session *session, const struct object *object, struct wr_error *err) WR_MUST;
/* An object with a query: at once, in the background, or with the session's transaction. */
bool wr_create_streaming(struct weir_session *session, const struct object *object, struct wr_error *err) WR_MUST;
/* WITH (...) as the object has it, in the arena. */
void wr_create_options(struct wr_arena *arena, const struct options *from, uint16_t *n, struct object_option **to);
/* An error of a connector names an option or FORMAT: point there. */
void wr_create_point_at_option(const struct weir_statement *statement, struct wr_error *err);

/* ---- what runs a query (create_view.c) */

/* A planned query and what it was planned over: the catalog is retained, the plan lives in the arena. */
struct view_plan {
    struct catalog *catalog;
    struct plan *plan;
    struct wr_arena arena;
};

/* Plans the query as the view or sink will run it: errors are the statement's, with positions. wr_view_plan_end() in
 * any case. */
bool wr_view_plan(struct weir_statement *statement, const PgQuery__Node *query, struct view_plan *out, bool streaming,
                  struct wr_error *err) WR_MUST;
void wr_view_plan_end(struct view_plan *vp);

/* What an object stores of the plan of its query, in the arena: its columns, named by the aliases where there are any
 * (42601: too many, 42701: one twice); its key, where one is proven. */
bool wr_view_columns(struct wr_arena *arena, const struct plan *plan, size_t naliases, PgQuery__Node *const *aliases,
                     struct object *object, struct wr_error *err) WR_MUST;
void wr_view_key(struct wr_arena *arena, const struct plan *plan, struct object *object);
/* ... and of the statement: its text, the settings it was made under, what it reads. */
void wr_view_common(struct weir_statement *statement, struct wr_arena *arena, const struct view_plan *vp,
                    const PgQuery__Node *query, const char *text, struct object *object);

/* ---- sinks (create_sink.c) */

/* What a CREATE SINK says of itself, without its query: name, options, format. */
struct object wr_sink_object(struct wr_arena *arena, const struct statement *parsed);
/* The query of a CREATE SINK; of a sink FROM a relation it is parsed into *inner, freed by the caller with
 * wr_statement_free (NULL: nothing to free). */
bool wr_sink_query(const struct statement *parsed, struct wr_arena *arena, const PgQuery__Node **query,
                   struct statement **inner, struct wr_error *err) WR_MUST;

#endif
