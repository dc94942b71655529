/* information_schema: relations, columns and keys as the SQL standard lists them. */
#include "engine/system.h"

#include "catalog/indexes.h"
#include "catalog/oids.h"

#include <stdio.h>
#include <string.h>

static bool listed(const struct object *object)
{
    return wr_system_is_relation(object);
}

static const char *table_type(const struct object *object)
{
    switch (object->kind) {
    case OBJECT_TABLE:
    case OBJECT_SOURCE:
        return "BASE TABLE";
    case OBJECT_MATERIALIZED_VIEW:
        return "MATERIALIZED VIEW";
    default:
        return "VIEW";
    }
}

static struct datum yes_or_no(bool value)
{
    return sys_text(value ? "YES" : "NO");
}

static void schemata(struct system_rows *rows)
{
    for (size_t i = 0; i < OID_SCHEMAS; i++) {
        const struct datum values[] = {
            sys_text("dev"), sys_text(wr_oid_schemas[i].name), sys_text("root"), sys_null(), sys_null(), sys_null(),
            sys_null()};
        wr_system_add(rows, values);
    }
}

static void tables(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (!listed(o))
            continue;
        const struct datum values[] = {sys_text("dev"),   sys_text(o->schema),
                                       sys_text(o->name), sys_text(table_type(o)),
                                       sys_null(),        sys_null(),
                                       sys_null(),        sys_null(),
                                       sys_null(),        yes_or_no(o->kind == OBJECT_TABLE),
                                       yes_or_no(false),  sys_null()};
        wr_system_add(rows, values);
    }
}

static void views(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (o->kind != OBJECT_VIEW && o->kind != OBJECT_SYSTEM)
            continue;
        const struct datum values[] = {sys_text("dev"),  sys_text(o->schema), sys_text(o->name), sys_text(o->query),
                                       sys_text("NONE"), yes_or_no(false),    yes_or_no(false)};
        wr_system_add(rows, values);
    }
}

static struct datum bits(uint8_t type) /* of numbers: how many binary or decimal digits */
{
    return type == TYPE_INT4     ? sys_int4(32)
           : type == TYPE_INT8   ? sys_int4(64)
           : type == TYPE_FLOAT8 ? sys_int4(53)
                                 : sys_null();
}

static void add_column(struct system_rows *rows, const struct object *o, int32_t number)
{
    const struct object_column *col = &o->cols[number];
    const struct type_info *info = wr_type_info(col->type.id);
    struct type plain = {.id = col->type.id, .varchar = col->type.varchar};
    char name[80];
    bool numeric = col->type.id == TYPE_NUMERIC, limited = col->type.precision > 0;
    bool whole = col->type.id == TYPE_INT4 || col->type.id == TYPE_INT8;
    bool time = col->type.id == TYPE_TIMESTAMP || col->type.id == TYPE_TIMESTAMPTZ;
    struct datum radix = numeric ? sys_int4(10) : info->category == 'N' ? sys_int4(2) : sys_null();
    struct datum scale = numeric && limited ? sys_int4(col->type.scale) : whole ? sys_int4(0) : sys_null();
    struct datum datetime = time                        ? sys_int4(limited ? col->type.precision - 1 : 6)
                            : col->type.id == TYPE_DATE ? sys_int4(0)
                                                        : sys_null();
    const struct datum values[] = {
        sys_text("dev"),
        sys_text(o->schema),
        sys_text(o->name),
        sys_text(col->name),
        sys_int4(number + 1),
        sys_text(col->default_text),
        yes_or_no(!wr_object_declares_not_null(o, (uint16_t)number)),
        sys_text(wr_type_name(plain, name, sizeof name)),
        col->type.id == TYPE_TEXT && limited ? sys_int4(col->type.precision) : sys_null(),
        col->type.id == TYPE_TEXT ? sys_int4(limited ? col->type.precision * 4 : 1 << 30) : sys_null(),
        numeric && limited ? sys_int4(col->type.precision) : bits(col->type.id),
        radix,
        scale,
        datetime,
        sys_text("dev"),
        sys_text("pg_catalog"),
        sys_text(col->type.id == TYPE_TEXT && col->type.varchar ? "varchar" : info->internal),
        yes_or_no(false),
        yes_or_no(false),
        sys_text("NEVER"),
        yes_or_no(o->kind == OBJECT_TABLE),
    };
    wr_system_add(rows, values);
}

static void columns(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        for (uint16_t c = 0; listed(o) && c < o->ncols; c++)
            if (!o->cols[c].hidden)
                add_column(rows, o, c);
    }
}

static void table_constraints(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (!wr_object_has_key(o))
            continue;
        char name[300];
        snprintf(name, sizeof name, "%s_pkey", o->name);
        const struct datum values[] = {
            sys_text("dev"),   sys_text(o->schema),     sys_text(name),   sys_text("dev"),  sys_text(o->schema),
            sys_text(o->name), sys_text("PRIMARY KEY"), yes_or_no(false), yes_or_no(false), yes_or_no(true)};
        wr_system_add(rows, values);
    }
}

static void key_columns(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        char name[300];
        snprintf(name, sizeof name, "%s_pkey", o->name);
        for (uint16_t k = 0; wr_object_has_key(o) && k < o->npk; k++) {
            const struct datum values[] = {sys_text("dev"),
                                           sys_text(o->schema),
                                           sys_text(name),
                                           sys_text("dev"),
                                           sys_text(o->schema),
                                           sys_text(o->name),
                                           sys_text(o->cols[o->pk[k]].name),
                                           sys_int4(k + 1),
                                           sys_null()};
            wr_system_add(rows, values);
        }
    }
}

#define SCHEMA "information_schema"

static const struct system_relation relations[] = {
    {SCHEMA, "schemata",
     "catalog_name text, schema_name text key, schema_owner text, default_character_set_catalog text, "
     "default_character_set_schema text, default_character_set_name text, sql_path text",
     "Schemas.", schemata},
    {SCHEMA, "tables",
     "table_catalog text, table_schema text key, table_name text key, table_type text, "
     "self_referencing_column_name text, reference_generation text, user_defined_type_catalog text, "
     "user_defined_type_schema text, user_defined_type_name text, is_insertable_into text, is_typed text, "
     "commit_action text",
     "Relations; materialized views too.", tables},
    {SCHEMA, "views",
     "table_catalog text, table_schema text key, table_name text key, view_definition text, check_option text, "
     "is_updatable text, is_insertable_into text",
     "Views.", views},
    {SCHEMA, "columns",
     "table_catalog text, table_schema text key, table_name text key, column_name text, ordinal_position int key, "
     "column_default text, is_nullable text, data_type text, character_maximum_length int, character_octet_length int, "
     "numeric_precision int, numeric_precision_radix int, numeric_scale int, datetime_precision int, udt_catalog text, "
     "udt_schema text, udt_name text, is_self_referencing text, is_identity text, is_generated text, "
     "is_updatable text",
     "Columns.", columns},
    {SCHEMA, "table_constraints",
     "constraint_catalog text, constraint_schema text, constraint_name text, table_catalog text, "
     "table_schema text key, table_name text key, constraint_type text, is_deferrable text, initially_deferred text, "
     "enforced text",
     "Primary keys.", table_constraints},
    {SCHEMA, "key_column_usage",
     "constraint_catalog text, constraint_schema text, constraint_name text, table_catalog text, "
     "table_schema text key, table_name text key, column_name text, ordinal_position int key, "
     "position_in_unique_constraint int",
     "Columns of primary keys.", key_columns},
    {SCHEMA, "referential_constraints",
     "constraint_catalog text, constraint_schema text, constraint_name text, unique_constraint_catalog text, "
     "unique_constraint_schema text, unique_constraint_name text, match_option text, update_rule text, "
     "delete_rule text",
     "Empty.", NULL},
    {SCHEMA, "constraint_column_usage",
     "table_catalog text, table_schema text, table_name text, column_name text, constraint_catalog text, "
     "constraint_schema text, constraint_name text",
     "Empty.", NULL},
    {SCHEMA, "sequences", "sequence_catalog text, sequence_schema text, sequence_name text, data_type text", "Empty.",
     NULL},
    {SCHEMA, "triggers", "trigger_catalog text, trigger_schema text, trigger_name text, event_object_table text",
     "Empty.", NULL},
    {SCHEMA, "routines",
     "specific_catalog text, specific_schema text, specific_name text, routine_catalog text, routine_schema text, "
     "routine_name text, routine_type text, data_type text",
     "Empty: functions are in pg_proc.", NULL},
};

const struct system_relations wr_system_schema = {relations, WR_COUNT(relations)};
