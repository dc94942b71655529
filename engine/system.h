/* Inside of engine/: how system relations are written down. One is a row of a table: its columns as text, and the
 * function that produces its rows when a query scans it. They are read through the ordinary query path: any client may
 * join them. */
#ifndef WEIR_ENGINE_SYSTEM_H
#define WEIR_ENGINE_SYSTEM_H

#include "engine/session.h"

struct system_rows {
    weir_db *db;
    weir_session *session;
    struct catalog *catalog;
    struct op *scan;
    const struct object *object;
    struct batch *batch;
    struct wr_arena arena;
    bool ok;
    bool deferred; /* on the loop thread: keep the batches, it must not wait for the query's client */
    struct held_batch *kept;
};

struct system_relation {
    const char *schema, *name;
    const char *columns; /* "oid bigint key, relname text, ...": `key` columns together are unique */
    const char *doc;
    void (*fill)(struct system_rows *rows); /* NULL: what it would list is not there */
};

struct system_relations {
    const struct system_relation *rows;
    size_t n;
};
extern const struct system_relations wr_system_weir;   /* system_weir.c: weir_catalog */
extern const struct system_relations wr_system_pg;     /* system_pg.c: pg_catalog */
extern const struct system_relations wr_system_schema; /* system_schema.c: information_schema */

/* One row: a datum per column in order. Strings are copied. */
void wr_system_add(struct system_rows *rows, const struct datum *values);
/* Rows that come from live objects: those belong to the loop thread, so `fill` runs there. */
void wr_system_from_loop(struct system_rows *rows, void (*fill)(struct system_rows *));

static inline struct datum sys_text(const char *value)
{
    return (struct datum){.null = !value, .str = wr_str_of(value ? value : "")};
}
static inline struct datum sys_int8(int64_t value)
{
    return (struct datum){.i64 = value};
}
static inline struct datum sys_int4(int32_t value)
{
    return (struct datum){.i32 = value};
}
static inline struct datum sys_float8(double value)
{
    return (struct datum){.f64 = value};
}
static inline struct datum sys_bool(bool value)
{
    return (struct datum){.b = value};
}
static inline struct datum sys_null(void)
{
    return (struct datum){.null = true};
}

/* Has rows that a query can read: everything but sinks and indexes. */
static inline bool wr_system_is_relation(const struct object *object)
{
    return object->kind != OBJECT_SINK && object->kind != OBJECT_INDEX;
}

#endif
