/* Numbers by which PostgreSQL's catalogs name things: relations have their object id; what belongs to a relation and
 * has no object of its own is found at a fixed distance from it. */
#ifndef WEIR_CATALOG_OIDS_H
#define WEIR_CATALOG_OIDS_H

#include "catalog/catalog.h"

#include <string.h>

#define OID_INDEX_FIRST      (1u << 28) /* of the primary key: + object id */
#define OID_CONSTRAINT_FIRST (1u << 29)
#define OID_FUNCTION_FIRST   (3u << 29) /* + row of the function registry */
#define OID_OWNER            10
#define OID_DATABASE         1
#define OID_HEAP             2
#define OID_BTREE            403
#define OID_COLLATION        100

static const struct wr_oid_schema {
    const char *name;
    int64_t oid;
    bool in_path; /* found without its name in front */
} wr_oid_schemas[] = {
    {"pg_catalog", 11, true},
    {"public", 2200, true},
    {"information_schema", 13000, false},
    {"weir_catalog", 13001, false},
};
#define OID_SCHEMAS (sizeof wr_oid_schemas / sizeof *wr_oid_schemas)

static inline int64_t wr_oid_of_schema(const char *name)
{
    for (size_t i = 0; i < OID_SCHEMAS; i++)
        if (!strcmp(wr_oid_schemas[i].name, name))
            return wr_oid_schemas[i].oid;
    return 0;
}
static inline bool wr_oid_schema_in_path(const char *name)
{
    for (size_t i = 0; i < OID_SCHEMAS; i++)
        if (!strcmp(wr_oid_schemas[i].name, name))
            return wr_oid_schemas[i].in_path;
    return false;
}

/* The primary key that a user declared; a hidden row id is none. */
static inline bool wr_object_has_key(const struct object *object)
{
    return object->kind == OBJECT_TABLE && object->npk && !object->cols[object->pk[0]].hidden;
}

/* A system relation that lists what weir does not have: it has no rows, ever. */
#define OBJECT_EMPTY_OPTION "rows"
static inline bool wr_object_is_empty(const struct object *object)
{
    return object->kind == OBJECT_SYSTEM && object->noptions && !strcmp(object->options[0].key, OBJECT_EMPTY_OPTION);
}

#endif
