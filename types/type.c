/* The table of SQL types: one row per type, and the names users may write for them.
 * smallint and real are not among them: a name that is not here is refused by the binder. */
#include "types/type.h"

#include <stdio.h>
#include <string.h>

static const struct type_info infos[TYPE_COUNT] = {
    [TYPE_UNKNOWN] = {"unknown", "unknown", 705, 0, -2, 'X', false, PHYS_STR, 16, true},
    [TYPE_BOOL] = {"boolean", "bool", 16, 1000, 1, 'B', true, PHYS_BOOL, 1, true},
    [TYPE_INT4] = {"integer", "int4", 23, 1007, 4, 'N', false, PHYS_I32, 4, true},
    [TYPE_INT8] = {"bigint", "int8", 20, 1016, 8, 'N', false, PHYS_I64, 8, true},
    [TYPE_FLOAT8] = {"double precision", "float8", 701, 1022, 8, 'N', true, PHYS_F64, 8, false},
    [TYPE_NUMERIC] = {"numeric", "numeric", 1700, 1231, -1, 'N', false, PHYS_STR, 16, false},
    [TYPE_TEXT] = {"text", "text", 25, 1009, -1, 'S', true, PHYS_STR, 16, true},
    [TYPE_DATE] = {"date", "date", 1082, 1182, 4, 'D', false, PHYS_I32, 4, true},
    [TYPE_TIMESTAMP] = {"timestamp without time zone", "timestamp", 1114, 1115, 8, 'D', false, PHYS_I64, 8, true},
    [TYPE_TIMESTAMPTZ] = {"timestamp with time zone", "timestamptz", 1184, 1185, 8, 'D', true, PHYS_I64, 8, true},
    [TYPE_JSONB] = {"jsonb", "jsonb", 3802, 3807, -1, 'U', false, PHYS_STR, 16, false},
    [TYPE_BYTEA] = {"bytea", "bytea", 17, 1001, -1, 'U', false, PHYS_STR, 16, true},
};

static const struct type_name {
    const char *name;
    uint8_t id;
    uint8_t varchar;
} names[] = {
    {"bool", TYPE_BOOL, 0},
    {"boolean", TYPE_BOOL, 0},
    {"int", TYPE_INT4, 0},
    {"int4", TYPE_INT4, 0},
    {"integer", TYPE_INT4, 0},
    {"int8", TYPE_INT8, 0},
    {"bigint", TYPE_INT8, 0},
    {"float", TYPE_FLOAT8, 0},
    {"float8", TYPE_FLOAT8, 0},
    {"double", TYPE_FLOAT8, 0},
    {"double precision", TYPE_FLOAT8, 0},
    {"numeric", TYPE_NUMERIC, 0},
    {"decimal", TYPE_NUMERIC, 0},
    {"dec", TYPE_NUMERIC, 0},
    {"text", TYPE_TEXT, 0},
    {"string", TYPE_TEXT, 1}, /* RisingWave's name for varchar */
    {"varchar", TYPE_TEXT, 1},
    {"character varying", TYPE_TEXT, 1},
    {"date", TYPE_DATE, 0},
    {"timestamp", TYPE_TIMESTAMP, 0},
    {"timestamp without time zone", TYPE_TIMESTAMP, 0},
    {"timestamptz", TYPE_TIMESTAMPTZ, 0},
    {"timestamp with time zone", TYPE_TIMESTAMPTZ, 0},
    {"jsonb", TYPE_JSONB, 0},
    {"bytea", TYPE_BYTEA, 0},
};

const struct type_info *wr_type_info(uint8_t type_id)
{
    return &infos[type_id < TYPE_COUNT ? type_id : TYPE_UNKNOWN];
}

static const char *name_timestamp(struct type type, char *buf, size_t size)
{
    const char *zone = type.id == TYPE_TIMESTAMPTZ ? "with" : "without";
    snprintf(buf, size, "timestamp(%d) %s time zone", type.precision - 1, zone);
    return buf;
}

const char *wr_type_name(struct type type, char *buf, size_t size)
{
    const char *name = type.id == TYPE_TEXT && type.varchar ? "character varying" : wr_type_info(type.id)->name;
    bool is_time = type.id == TYPE_TIMESTAMP || type.id == TYPE_TIMESTAMPTZ;
    if (type.precision > 0 && is_time)
        return name_timestamp(type, buf, size);
    if (type.precision > 0 && type.id == TYPE_NUMERIC)
        snprintf(buf, size, "numeric(%d,%d)", type.precision, type.scale);
    else if (type.precision > 0 && type.id == TYPE_TEXT && type.varchar)
        snprintf(buf, size, "character varying(%d)", type.precision);
    else
        snprintf(buf, size, "%s", name);
    return buf;
}

bool wr_type_by_name(const char *name, struct type *type)
{
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        if (strcmp(name, names[i].name))
            continue;
        *type = (struct type){.id = names[i].id, .varchar = names[i].varchar};
        return true;
    }
    return false;
}

uint8_t wr_type_by_oid(uint32_t oid)
{
    if (oid == 1043) /* varchar */
        return TYPE_TEXT;
    for (uint8_t id = TYPE_BOOL; id < TYPE_COUNT; id++)
        if (infos[id].oid == oid)
            return id;
    return TYPE_UNKNOWN;
}
