/* The catalog: objects by id and by name. The engine owns one; changes are made in a copy-on-write transaction and
 * become durable with the commit that carries the DDL (contract "DDL" of the design). Readers hold a counted, immutable
 * version. */
#ifndef WEIR_CATALOG_CATALOG_H
#define WEIR_CATALOG_CATALOG_H

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "functions/expr.h"
#include "types/type.h"

enum object_kind {
    OBJECT_TABLE = 1,
    OBJECT_SOURCE = 2,
    OBJECT_VIEW = 3,
    OBJECT_MATERIALIZED_VIEW = 4,
    OBJECT_SINK = 5,
    OBJECT_SYSTEM = 6,
    OBJECT_INDEX = 7, /* of deps[0]; its columns have the ids that they have there, pk is what rows are found by */
};

struct object_column {
    uint32_t id; /* permanent within the object */
    const char *name;
    struct type type;
    bool not_null; /* declared; of a view: proven, which is not shown as a constraint */
    bool hidden;   /* the row id of a table without a primary key: `_row_id` bigint, always the last column */
    const char *default_text; /* SQL text of DEFAULT, or NULL */
};

struct object_option {
    const char *key, *value;
};

/* A relation as a stored query names it, with the columns it had then. When the query is planned again its names are
 * looked up here: they stand for these ids whatever the objects and columns are called by then, and * for these
 * columns.
 */
struct object_input {
    const char *name; /* as written: "orders", "public.orders" */
    uint32_t id;
    uint16_t ncols; /* without hidden ones */
    uint32_t *column_ids;
    const char **column_names;
};

struct object {
    uint32_t id; /* permanent, never reused; system relations have ids from 1<<30 up */
    enum object_kind kind;
    const char *schema; /* "public", "weir_catalog", "pg_catalog" */
    const char *name;
    uint16_t ncols; /* hidden column included */
    struct object_column *cols;
    uint16_t npk;
    uint16_t *pk; /* column numbers; a table without a primary key: its hidden column. Sources: none. Views: their key
                     if proven */
    bool single_row; /* views: a key of no columns is proven, there is at most one row */
    bool append_only;
    bool overwrite; /* ON CONFLICT OVERWRITE, or fed by a connector */
    uint16_t noptions;
    struct object_option *options; /* WITH (...) */
    const char *format, *encode;   /* NULL: none */
    uint16_t nformat_options;
    struct object_option *format_options;
    const char *definition;             /* the statement as written */
    const char *query;                  /* views, sinks: text of the query (sinks FROM rel: "SELECT * FROM rel") */
    const char *search_path, *timezone; /* settings stored at creation */
    const char *disabled_passes;        /* likewise; NULL: none */
    uint16_t ndeps;
    uint32_t *deps; /* objects it reads */
    uint16_t ninputs;
    struct object_input *inputs; /* the names of deps; none in records of version 1 */
    uint64_t created_commit;
    uint64_t plan_hash;   /* of the physical plan its state was made by */
    bool creating;        /* backfill not finished */
    bool uncommitted;     /* made by the transaction that sees it; not stored */
    uint64_t unique;      /* of a system relation: bit c: no value comes twice in column c; not stored */
    uint8_t plan_version; /* PLANNER_VERSION (planner/planner.h) when it was created; 0: before there was one */
};

/* As SQL shows it: what is proven of a view's column is no constraint. */
static inline bool wr_object_declares_not_null(const struct object *object, uint16_t column)
{
    return object->kind != OBJECT_MATERIALIZED_VIEW && object->cols[column].not_null;
}

const char *wr_object_kind_name(enum object_kind kind); /* "materialized view" */
/* Does it run a query of its own over what is there and what comes? */
static inline bool wr_object_has_query(const struct object *object)
{
    return object->kind == OBJECT_MATERIALIZED_VIEW || object->kind == OBJECT_SINK || object->kind == OBJECT_INDEX;
}

/* How many of its columns users see: all but a hidden one at the end, the row id. */
static inline uint16_t wr_object_shown(const struct object *object)
{
    return (uint16_t)(object->ncols - (object->ncols && object->cols[object->ncols - 1].hidden));
}

/* The column with this id, or ncols. */
static inline uint16_t wr_object_column(const struct object *object, uint32_t id)
{
    uint16_t c = 0;
    while (c < object->ncols && object->cols[c].id != id)
        c++;
    return c;
}

struct catalog; /* one immutable version */

/* Versions are counted: an empty one with one reference; one more; one less, the last frees it. */
struct catalog *wr_catalog_new(void);
struct catalog *wr_catalog_retain(struct catalog *catalog);
void wr_catalog_release(struct catalog *catalog);
/* A version with the object added (deep-copied), replaced (same id) or removed. The old version is unchanged. */
struct catalog *wr_catalog_with(struct catalog *catalog, const struct object *object);
struct catalog *wr_catalog_without(struct catalog *catalog, uint32_t id);
const struct object *wr_catalog_get(const struct catalog *catalog, uint32_t id);
/* schema NULL: searches `public`, then `pg_catalog`, `weir_catalog`. */
const struct object *wr_catalog_find(const struct catalog *catalog, const char *schema, const char *name);
size_t wr_catalog_count(const struct catalog *catalog);
const struct object *wr_catalog_at(const struct catalog *catalog, size_t index); /* in id order */
/* Objects that read `id` directly. Returns how many; writes up to max ids. */
size_t wr_catalog_dependents(const struct catalog *catalog, uint32_t id, uint32_t *ids, size_t max);
/* A copy with all that it points to in the arena. */
struct object *wr_object_copy(struct wr_arena *arena, const struct object *object);
/* Stable bytes of one object, for the meta record "object/<id>". */
void wr_object_encode(struct wr_buf *buf, const struct object *object);
bool wr_object_decode(struct wr_arena *arena, const void *bytes, size_t len, struct object **object,
                      struct wr_error *err) WR_MUST;

#endif
