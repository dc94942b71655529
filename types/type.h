/* SQL types: one row per type in types/type.c holds everything that depends on
 * the type alone (names, oid, physical form, I/O, order). Nothing else switches
 * on the type id except kernels made for one type. */
#ifndef WEIR_TYPES_TYPE_H
#define WEIR_TYPES_TYPE_H

#include "base/base.h"

/* Numbers are stored on disk (row blocks, catalog): never renumber. */
enum type_id {
    TYPE_UNKNOWN = 0, /* an untyped literal or parameter, before the binder has decided */
    TYPE_BOOL = 1,
    TYPE_INT4 = 2,
    TYPE_INT8 = 3,
    TYPE_FLOAT8 = 4,
    TYPE_NUMERIC = 5,
    TYPE_TEXT = 6, /* text and varchar: `varchar` is kept as a display name only */
    TYPE_DATE = 7,
    TYPE_TIMESTAMP = 8,
    TYPE_TIMESTAMPTZ = 9,
    TYPE_JSONB = 10,
    TYPE_BYTEA = 11, /* raw bytes: system tables (dead letters) */
    TYPE_COUNT
};

/* How a value lies in a column. */
enum phys {
    PHYS_BOOL, /* uint8_t 0/1 */
    PHYS_I32,  /* int32_t: int4; date = days since 1970-01-01 (INT32_MAX / INT32_MIN = +-infinity) */
    PHYS_I64,  /* int64_t: int8; timestamp[tz] = microseconds since 1970-01-01 UTC (INT64_MAX / MIN = +-infinity) */
    PHYS_F64,  /* double */
    PHYS_STR,  /* struct str: text bytes (UTF-8), numeric (types/numeric.h), jsonb (types/jsonb.h), bytea */
};

struct type {
    uint8_t id;        /* enum type_id */
    uint8_t varchar;   /* TEXT only: was written `varchar`; shown by \d, else meaningless */
    int16_t precision; /* NUMERIC(p,s): p > 0; 0 = unconstrained. TIMESTAMP(p): p + 1; 0 = none. VARCHAR(n): n */
    int16_t scale;     /* NUMERIC(p,s) */
    bool array;        /* parameters only: a list of it (types/array_io.h), for = ANY ($1) */
};

#define TYPE(type_id) ((struct type){.id = (type_id)})

struct type_info {
    const char *name;     /* as SQL shows it: "bigint", "timestamp with time zone" */
    const char *internal; /* pg_type.typname: "int8", "timestamptz" */
    uint32_t oid;         /* pg_type.oid */
    uint32_t array_oid;   /* pg_type.typarray */
    int16_t pg_len;       /* pg_type.typlen: -1 = variable */
    char category;        /* pg_type.typcategory: N S B D U */
    bool preferred;       /* pg_type.typispreferred */
    uint8_t phys;         /* enum phys */
    uint8_t width;        /* bytes per value in a column */
    /* SQL equality is equality of the stored bytes (false: numeric 1.0 = 1.00,
     * float -0 = 0). Keys of other types need the smallest live encoding kept. */
    bool equality_is_identity;
};

/* Never NULL; the row of TYPE_UNKNOWN for what is no type. */
const struct type_info *wr_type_info(uint8_t type_id);
/* "numeric(10,2)", "character varying" ...: what format_type() prints. Returns buf. */
const char *wr_type_name(struct type type, char *buf, size_t size);
/* By any SQL or pg_type name, lower case ("int", "bigint", "float8", "varchar", "string" ...). */
bool wr_type_by_name(const char *name, struct type *type) WR_MUST;
uint8_t wr_type_by_oid(uint32_t oid); /* TYPE_UNKNOWN if we have none */
static inline bool wr_type_same(struct type a, struct type b)
{
    return a.id == b.id && a.precision == b.precision && a.scale == b.scale;
}

#endif
