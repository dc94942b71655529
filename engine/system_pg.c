/* pg_catalog: what clients that know PostgreSQL read about relations, columns, types and keys. Columns have PostgreSQL
 * 15's names and order; those that hold arrays there are text of the same form here. Catalogs of things that weir does
 * not have are there and empty. */
#include "engine/system.h"

#include "catalog/indexes.h"
#include "catalog/oids.h"

#include <stdio.h>
#include <string.h>

static struct datum yes(void)
{
    return sys_bool(true);
}
static struct datum no(void)
{
    return sys_bool(false);
}
static struct datum none(void)
{
    return sys_null();
}

static const struct object *relation_at(struct system_rows *rows, size_t i)
{
    const struct object *object = wr_catalog_at(rows->catalog, i);
    return wr_system_is_relation(object) ? object : NULL;
}

/* ---- schemas, databases, roles */

static void namespaces(struct system_rows *rows)
{
    for (size_t i = 0; i < OID_SCHEMAS; i++) {
        const struct datum values[] = {sys_int8(wr_oid_schemas[i].oid), sys_text(wr_oid_schemas[i].name),
                                       sys_int8(OID_OWNER), none()};
        wr_system_add(rows, values);
    }
}

static void databases(struct system_rows *rows)
{
    const struct datum values[] = {sys_int8(OID_DATABASE),
                                   sys_text("dev"),
                                   sys_int8(OID_OWNER),
                                   sys_int4(6),
                                   sys_text("c"),
                                   no(),
                                   yes(),
                                   sys_int4(-1),
                                   sys_int8(1663),
                                   sys_text("C.UTF-8"),
                                   sys_text("C.UTF-8"),
                                   none(),
                                   none(),
                                   none()};
    wr_system_add(rows, values);
}

static void roles(struct system_rows *rows)
{
    const struct datum values[] = {sys_text("root"),
                                   yes(),
                                   yes(),
                                   yes(),
                                   yes(),
                                   yes(),
                                   no(),
                                   sys_int4(-1),
                                   sys_text("********"),
                                   none(),
                                   yes(),
                                   none(),
                                   sys_int8(OID_OWNER)};
    wr_system_add(rows, values);
}

static void users(struct system_rows *rows)
{
    const struct datum values[] = {
        sys_text("root"), sys_int8(OID_OWNER), yes(), yes(), no(), yes(), sys_text("********"), none(), none()};
    wr_system_add(rows, values);
}

static void access_methods(struct system_rows *rows)
{
    const struct datum heap[] = {sys_int8(OID_HEAP), sys_text("heap"), sys_text("heap_tableam_handler"), sys_text("t")};
    const struct datum btree[] = {sys_int8(OID_BTREE), sys_text("btree"), sys_text("bthandler"), sys_text("i")};
    wr_system_add(rows, heap);
    wr_system_add(rows, btree);
}

/* ---- relations */

static const char *relkind(enum object_kind kind)
{
    return kind == OBJECT_MATERIALIZED_VIEW ? "m" : kind == OBJECT_VIEW || kind == OBJECT_SYSTEM ? "v" : "r";
}

struct class_row {
    int64_t oid, schema, am;
    const char *name, *kind;
    int32_t natts;
    bool has_index, has_rules;
};

static void add_class(struct system_rows *rows, const struct class_row *row)
{
    const struct datum values[] = {sys_int8(row->oid),
                                   sys_text(row->name),
                                   sys_int8(row->schema),
                                   sys_int8(0),
                                   sys_int8(0),
                                   sys_int8(OID_OWNER),
                                   sys_int8(row->am),
                                   sys_int8(row->oid),
                                   sys_int8(0),
                                   sys_int4(0),
                                   sys_float8(-1),
                                   sys_int4(0),
                                   sys_int8(0),
                                   sys_bool(row->has_index),
                                   no(),
                                   sys_text("p"),
                                   sys_text(row->kind),
                                   sys_int4(row->natts),
                                   sys_int4(0),
                                   sys_bool(row->has_rules),
                                   no(),
                                   no(),
                                   no(),
                                   no(),
                                   yes(),
                                   sys_text("d"),
                                   no(),
                                   sys_int8(0),
                                   sys_int8(0),
                                   sys_int8(0),
                                   none(),
                                   none(),
                                   none()};
    wr_system_add(rows, values);
}

static bool index_at(struct system_rows *rows, size_t i, struct catalog_index *index)
{
    return wr_catalog_index(rows->catalog, wr_catalog_at(rows->catalog, i), index);
}

static bool has_index(struct system_rows *rows, const struct object *object)
{
    struct catalog_index index;
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++)
        if (index_at(rows, i, &index) && index.of == object)
            return true;
    return false;
}

static void classes(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = relation_at(rows, i);
        struct catalog_index index;
        if (o) {
            bool view = o->kind == OBJECT_VIEW || o->kind == OBJECT_SYSTEM;
            struct class_row row = {o->id,
                                    wr_oid_of_schema(o->schema),
                                    view ? 0 : OID_HEAP,
                                    o->name,
                                    relkind(o->kind),
                                    wr_object_shown(o),
                                    has_index(rows, o),
                                    view};
            add_class(rows, &row);
        }
        if (index_at(rows, i, &index)) {
            struct class_row row = {
                index.oid, wr_oid_of_schema(index.of->schema), OID_BTREE, index.name, "i", index.ncols, false, false};
            add_class(rows, &row);
        }
    }
}

/* ---- columns */

static int32_t typmod(struct type type)
{
    if (type.precision <= 0)
        return -1;
    if (type.id == TYPE_NUMERIC)
        return ((type.precision << 16) | (type.scale & 0x7ff)) + 4;
    if (type.id == TYPE_TEXT)
        return type.precision + 4;
    return type.precision - 1; /* timestamps */
}

static uint32_t type_oid(struct type type)
{
    return type.id == TYPE_TEXT && type.varchar ? 1043 : wr_type_info(type.id)->oid;
}

static bool by_value(const struct type_info *info)
{
    return info->phys != PHYS_STR;
}

static const char *alignment(const struct type_info *info)
{
    return info->pg_len == 1 ? "c" : info->pg_len == 8 ? "d" : "i";
}

static const char *storage(const struct type_info *info)
{
    return by_value(info) ? "p" : info->oid == 1700 ? "m" : "x";
}

static void add_attribute(struct system_rows *rows, int64_t relation, const struct object *o, uint16_t column,
                          int32_t number)
{
    const struct object_column *col = &o->cols[column];
    const struct type_info *info = wr_type_info(col->type.id);
    const struct datum values[] = {sys_int8(relation),
                                   sys_text(col->name),
                                   sys_int8(type_oid(col->type)),
                                   sys_int4(-1),
                                   sys_int4(info->pg_len),
                                   sys_int4(number),
                                   sys_int4(0),
                                   sys_int4(-1),
                                   sys_int4(typmod(col->type)),
                                   sys_bool(by_value(info)),
                                   sys_text(alignment(info)),
                                   sys_text(storage(info)),
                                   sys_text(""),
                                   sys_bool(wr_object_declares_not_null(o, column)),
                                   sys_bool(col->default_text != NULL),
                                   no(),
                                   sys_text(""),
                                   sys_text(""),
                                   no(),
                                   yes(),
                                   sys_int4(0),
                                   sys_int8(col->type.id == TYPE_TEXT ? OID_COLLATION : 0),
                                   none(),
                                   none(),
                                   none(),
                                   none()};
    wr_system_add(rows, values);
}

static void attributes(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = relation_at(rows, i);
        for (uint16_t c = 0; o && c < wr_object_shown(o); c++)
            add_attribute(rows, o->id, o, c, c + 1);
        struct catalog_index index;
        bool indexed = index_at(rows, i, &index);
        for (uint16_t k = 0; indexed && k < index.ncols; k++)
            add_attribute(rows, index.oid, index.of, index.key[k], k + 1);
    }
}

static void defaults(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = relation_at(rows, i);
        for (uint16_t c = 0; o && c < o->ncols; c++) {
            if (!o->cols[c].default_text)
                continue;
            const struct datum values[] = {sys_int8(((int64_t)o->id << 16) + c + 1), sys_int8(o->id), sys_int4(c + 1),
                                           sys_text(o->cols[c].default_text)};
            wr_system_add(rows, values);
        }
    }
}

/* ---- types: ours, varchar, and the arrays by which drivers pass lists */

struct type_row {
    uint32_t oid, element, array;
    const char *name;
    const struct type_info *info;
};

static void add_type(struct system_rows *rows, const struct type_row *row)
{
    char name[64], in[80], out[80], receive[80], send[80];
    bool array = row->element != 0;
    const char *io = array ? "array" : row->name;
    bool barred =
        array || row->info->category == 'D' || !strcmp(row->name, "numeric") || !strncmp(row->name, "json", 4);
    const char *bar = barred ? "_" : "";
    snprintf(name, sizeof name, "%s%s", array ? "_" : "", row->name);
    snprintf(in, sizeof in, "%s%sin", io, bar);
    snprintf(out, sizeof out, "%s%sout", io, bar);
    snprintf(receive, sizeof receive, "%s%srecv", io, bar);
    snprintf(send, sizeof send, "%s%ssend", io, bar);
    char category[2] = {array ? 'A' : row->info->category, 0};
    const struct datum values[] = {
        sys_int8(row->oid),
        sys_text(name),
        sys_int8(11),
        sys_int8(OID_OWNER),
        sys_int4(array ? -1 : row->info->pg_len),
        sys_bool(!array && by_value(row->info)),
        sys_text("b"),
        sys_text(category),
        sys_bool(!array && row->info->preferred && row->oid != 1043),
        yes(),
        sys_text(","),
        sys_int8(0),
        sys_text(array ? "array_subscript_handler" : "-"),
        sys_int8(row->element),
        sys_int8(row->array),
        sys_text(in),
        sys_text(out),
        sys_text(receive),
        sys_text(send),
        sys_text("-"),
        sys_text("-"),
        sys_text("-"),
        sys_text(array ? "i" : alignment(row->info)),
        sys_text(array ? "x" : storage(row->info)),
        no(),
        sys_int8(0),
        sys_int4(-1),
        sys_int4(0),
        sys_int8(row->info->category == 'S' ? OID_COLLATION : 0),
        none(),
        none(),
        none(),
    };
    wr_system_add(rows, values);
}

static void add_type_and_array(struct system_rows *rows, uint32_t oid, uint32_t array, const char *name,
                               const struct type_info *info)
{
    add_type(rows, &(struct type_row){oid, 0, array, name, info});
    add_type(rows, &(struct type_row){array, oid, 0, name, info});
}

static void types(struct system_rows *rows)
{
    for (uint8_t id = 1; id < TYPE_COUNT; id++) {
        const struct type_info *info = wr_type_info(id);
        add_type_and_array(rows, info->oid, info->array_oid, info->internal, info);
    }
    add_type_and_array(rows, 1043, 1015, "varchar", wr_type_info(TYPE_TEXT));
}

/* ---- keys */

static char *key_list(struct system_rows *rows, const struct catalog_index *index, const char *separator)
{
    struct wr_buf buf = WR_BUF_INIT;
    for (uint16_t k = 0; k < index->ncols; k++)
        wr_buf_printf(&buf, "%s%d", k ? separator : "", index->key[k] + 1);
    char *text = wr_arena_strdup(&rows->arena, wr_buf_cstr(&buf));
    wr_buf_free(&buf);
    return text;
}

static char *zeros(struct system_rows *rows, const struct catalog_index *index)
{
    struct wr_buf buf = WR_BUF_INIT;
    for (uint16_t k = 0; k < index->nkey; k++)
        wr_buf_puts(&buf, k ? " 0" : "0");
    char *text = wr_arena_strdup(&rows->arena, wr_buf_cstr(&buf));
    wr_buf_free(&buf);
    return text;
}

static void indexes(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        struct catalog_index index;
        if (!index_at(rows, i, &index))
            continue;
        const struct datum values[] = {sys_int8(index.oid),
                                       sys_int8(index.of->id),
                                       sys_int4(index.ncols),
                                       sys_int4(index.nkey),
                                       sys_bool(index.primary),
                                       no(),
                                       sys_bool(index.primary),
                                       no(),
                                       yes(),
                                       no(),
                                       yes(),
                                       no(),
                                       yes(),
                                       yes(),
                                       no(),
                                       sys_text(key_list(rows, &index, " ")),
                                       sys_text(zeros(rows, &index)),
                                       sys_text(zeros(rows, &index)),
                                       sys_text(zeros(rows, &index)),
                                       none(),
                                       none()};
        wr_system_add(rows, values);
    }
}

static void constraints(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        struct catalog_index index;
        if (!index_at(rows, i, &index) || !index.primary)
            continue;
        const struct object *o = index.of;
        const char *columns = wr_arena_printf(&rows->arena, "{%s}", key_list(rows, &index, ","));
        const struct datum values[] = {sys_int8(OID_CONSTRAINT_FIRST + o->id),
                                       sys_text(index.name),
                                       sys_int8(wr_oid_of_schema(o->schema)),
                                       sys_text("p"),
                                       no(),
                                       no(),
                                       yes(),
                                       sys_int8(o->id),
                                       sys_int8(0),
                                       sys_int8(index.oid),
                                       sys_int8(0),
                                       sys_int8(0),
                                       sys_text(" "),
                                       sys_text(" "),
                                       sys_text(" "),
                                       yes(),
                                       sys_int4(0),
                                       yes(),
                                       sys_text(columns),
                                       none(),
                                       none(),
                                       none(),
                                       none(),
                                       none(),
                                       none(),
                                       none()};
        wr_system_add(rows, values);
    }
}

/* ---- functions */

static uint32_t argument_oid(uint8_t type)
{
    return type ? wr_type_info(type)->oid : 2276; /* "any" */
}

static bool has_name(const struct fn *fn) /* operators and casts are rows of the registry too */
{
    return ((fn->name[0] >= 'a' && fn->name[0] <= 'z') || fn->name[0] == '_') && strcmp(fn->name, "cast") != 0;
}

static void procedures(struct system_rows *rows)
{
    const struct fn *fn;
    for (size_t i = 0; (fn = wr_fn_list(i)); i++) {
        if (!has_name(fn))
            continue;
        char args[128] = "";
        for (uint8_t a = 0; a < fn->nargs; a++)
            snprintf(args + strlen(args), sizeof args - strlen(args), "%s%u", a ? " " : "", argument_oid(fn->args[a]));
        const struct datum values[] = {sys_int8(OID_FUNCTION_FIRST + (int64_t)i),
                                       sys_text(fn->name),
                                       sys_int8(11),
                                       sys_int8(OID_OWNER),
                                       sys_int8(12),
                                       sys_float8(1),
                                       sys_float8(0),
                                       sys_int8(fn->flags & FN_VARIADIC ? 2276 : 0),
                                       sys_text("-"),
                                       sys_text("f"),
                                       no(),
                                       no(),
                                       sys_bool((fn->flags & FN_STRICT) != 0),
                                       no(),
                                       sys_text(fn->flags & FN_VOLATILE ? "v"
                                                : fn->flags & FN_STABLE ? "s"
                                                                        : "i"),
                                       sys_text("s"),
                                       sys_int4(fn->nargs),
                                       sys_int4(0),
                                       sys_int8(argument_oid(fn->result)),
                                       sys_text(args),
                                       none(),
                                       none(),
                                       none(),
                                       none(),
                                       none(),
                                       sys_text(fn->name),
                                       none(),
                                       none(),
                                       none(),
                                       none()};
        wr_system_add(rows, values);
    }
}

/* ---- descriptions: of our system relations and functions */

static void add_description(struct system_rows *rows, int64_t oid, const char *class, const char *text)
{
    const struct object *of = wr_catalog_find(rows->catalog, "pg_catalog", class);
    const struct datum values[] = {sys_int8(oid), sys_int8(of ? of->id : 0), sys_int4(0), sys_text(text)};
    wr_system_add(rows, values);
}

static void descriptions(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (o->kind == OBJECT_SYSTEM && o->definition)
            add_description(rows, o->id, "pg_class", o->definition);
    }
    const struct fn *fn;
    for (size_t i = 0; (fn = wr_fn_list(i)); i++)
        if (has_name(fn) && fn->doc)
            add_description(rows, OID_FUNCTION_FIRST + (int64_t)i, "pg_proc", fn->doc);
}

/* ---- the views for people */

static void settings(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_settings_count(); i++) {
        const char *name, *value, *doc;
        wr_setting_at(rows->session, i, &name, &value, &doc);
        const struct datum values[] = {sys_text(name),
                                       sys_text(value),
                                       none(),
                                       sys_text("weir"),
                                       sys_text(doc),
                                       none(),
                                       sys_text("user"),
                                       sys_text("string"),
                                       sys_text("default"),
                                       none(),
                                       none(),
                                       none(),
                                       none(),
                                       none(),
                                       none(),
                                       none(),
                                       no()};
        wr_system_add(rows, values);
    }
}

static void tables(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (o->kind != OBJECT_TABLE && o->kind != OBJECT_SOURCE)
            continue;
        const struct datum values[] = {sys_text(o->schema),
                                       sys_text(o->name),
                                       sys_text("root"),
                                       none(),
                                       sys_bool(wr_object_has_key(o)),
                                       no(),
                                       no(),
                                       no()};
        wr_system_add(rows, values);
    }
}

static void views(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (o->kind != OBJECT_VIEW && o->kind != OBJECT_SYSTEM)
            continue;
        const struct datum values[] = {sys_text(o->schema), sys_text(o->name), sys_text("root"), sys_text(o->query)};
        wr_system_add(rows, values);
    }
}

static void matviews(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        const struct object *o = wr_catalog_at(rows->catalog, i);
        if (o->kind != OBJECT_MATERIALIZED_VIEW)
            continue;
        const struct datum values[] = {sys_text(o->schema),    sys_text(o->name), sys_text("root"), none(), no(),
                                       sys_bool(!o->creating), sys_text(o->query)};
        wr_system_add(rows, values);
    }
}

static void index_views(struct system_rows *rows)
{
    for (size_t i = 0; i < wr_catalog_count(rows->catalog); i++) {
        struct catalog_index index;
        if (!index_at(rows, i, &index))
            continue;
        struct wr_buf text = WR_BUF_INIT;
        wr_index_definition(&text, &index);
        const struct datum values[] = {sys_text(index.of->schema), sys_text(index.of->name), sys_text(index.name),
                                       none(), sys_text(wr_arena_strdup(&rows->arena, wr_buf_cstr(&text)))};
        wr_system_add(rows, values);
        wr_buf_free(&text);
    }
}

/* ---- the table */

#define PG "pg_catalog"

static const struct system_relation relations[] = {
    {PG, "pg_namespace", "oid bigint key, nspname text unique, nspowner bigint, nspacl text", "Schemas.", namespaces},
    {PG, "pg_class",
     "oid bigint key, relname text, relnamespace bigint, reltype bigint, reloftype bigint, relowner bigint, "
     "relam bigint, relfilenode bigint, reltablespace bigint, relpages int, reltuples float8, relallvisible int, "
     "reltoastrelid bigint, relhasindex boolean, relisshared boolean, relpersistence text, relkind text, relnatts int, "
     "relchecks int, relhasrules boolean, relhastriggers boolean, relhassubclass boolean, relrowsecurity boolean, "
     "relforcerowsecurity boolean, relispopulated boolean, relreplident text, relispartition boolean, "
     "relrewrite bigint, relfrozenxid bigint, relminmxid bigint, relacl text, reloptions text, relpartbound text",
     "Relations, and the indexes of their primary keys.", classes},
    {PG, "pg_attribute",
     "attrelid bigint key, attname text, atttypid bigint, attstattarget int, attlen int, attnum int key, attndims int, "
     "attcacheoff int, atttypmod int, attbyval boolean, attalign text, attstorage text, attcompression text, "
     "attnotnull boolean, atthasdef boolean, atthasmissing boolean, attidentity text, attgenerated text, "
     "attisdropped boolean, attislocal boolean, attinhcount int, attcollation bigint, attacl text, attoptions text, "
     "attfdwoptions text, attmissingval text",
     "Columns.", attributes},
    {PG, "pg_attrdef", "oid bigint, adrelid bigint key, adnum int key, adbin text", "Defaults of columns.", defaults},
    {PG, "pg_type",
     "oid bigint key, typname text, typnamespace bigint, typowner bigint, typlen int, typbyval boolean, typtype text, "
     "typcategory text, typispreferred boolean, typisdefined boolean, typdelim text, typrelid bigint, "
     "typsubscript text, typelem bigint, typarray bigint, typinput text, typoutput text, typreceive text, typsend "
     "text, "
     "typmodin text, typmodout text, typanalyze text, typalign text, typstorage text, typnotnull boolean, "
     "typbasetype bigint, typtypmod int, typndims int, typcollation bigint, typdefaultbin text, typdefault text, "
     "typacl text",
     "Types.", types},
    {PG, "pg_index",
     "indexrelid bigint key, indrelid bigint, indnatts int, indnkeyatts int, indisunique boolean, "
     "indnullsnotdistinct boolean, indisprimary boolean, indisexclusion boolean, indimmediate boolean, "
     "indisclustered boolean, indisvalid boolean, indcheckxmin boolean, indisready boolean, indislive boolean, "
     "indisreplident boolean, indkey text, indcollation text, indclass text, indoption text, indexprs text, "
     "indpred text",
     "The indexes of primary keys.", indexes},
    {PG, "pg_constraint",
     "oid bigint key, conname text, connamespace bigint, contype text, condeferrable boolean, condeferred boolean, "
     "convalidated boolean, conrelid bigint, contypid bigint, conindid bigint, conparentid bigint, confrelid bigint, "
     "confupdtype text, confdeltype text, confmatchtype text, conislocal boolean, coninhcount int, "
     "connoinherit boolean, conkey text, confkey text, conpfeqop text, conppeqop text, conffeqop text, "
     "confdelsetcols text, conexclop text, conbin text",
     "Primary keys.", constraints},
    {PG, "pg_description", "objoid bigint key, classoid bigint key, objsubid int key, description text",
     "What system relations and functions are.", descriptions},
    {PG, "pg_proc",
     "oid bigint key, proname text, pronamespace bigint, proowner bigint, prolang bigint, procost float8, "
     "prorows float8, provariadic bigint, prosupport text, prokind text, prosecdef boolean, proleakproof boolean, "
     "proisstrict boolean, proretset boolean, provolatile text, proparallel text, pronargs int, pronargdefaults int, "
     "prorettype bigint, proargtypes text, proallargtypes text, proargmodes text, proargnames text, "
     "proargdefaults text, protrftypes text, prosrc text, probin text, prosqlbody text, proconfig text, proacl text",
     "Functions.", procedures},
    {PG, "pg_database",
     "oid bigint key, datname text unique, datdba bigint, encoding int, datlocprovider text, datistemplate boolean, "
     "datallowconn boolean, datconnlimit int, dattablespace bigint, datcollate text, datctype text, daticulocale text, "
     "datcollversion text, datacl text",
     "The database.", databases},
    {PG, "pg_roles",
     "rolname text, rolsuper boolean, rolinherit boolean, rolcreaterole boolean, rolcreatedb boolean, "
     "rolcanlogin boolean, rolreplication boolean, rolconnlimit int, rolpassword text, rolvaliduntil timestamptz, "
     "rolbypassrls boolean, rolconfig text, oid bigint key",
     "The user.", roles},
    {PG, "pg_user",
     "usename text, usesysid bigint key, usecreatedb boolean, usesuper boolean, userepl boolean, "
     "usebypassrls boolean, passwd text, valuntil timestamptz, useconfig text",
     "The user.", users},
    {PG, "pg_am", "oid bigint key, amname text unique, amhandler text, amtype text", "Access methods.", access_methods},
    {PG, "pg_collation",
     "oid bigint key, collname text, collnamespace bigint, collowner bigint, collprovider text, "
     "collisdeterministic boolean, collencoding int, collcollate text, collctype text, colliculocale text, "
     "collversion text",
     "Empty: text is ordered by code point.", NULL},
    {PG, "pg_settings",
     "name text key, setting text, unit text, category text, short_desc text, extra_desc text, context text, "
     "vartype text, source text, min_val text, max_val text, enumvals text, boot_val text, reset_val text, "
     "sourcefile text, sourceline int, pending_restart boolean",
     "Session settings.", settings},
    {PG, "pg_tables",
     "schemaname text, tablename text, tableowner text, tablespace text, hasindexes boolean, hasrules boolean, "
     "hastriggers boolean, rowsecurity boolean",
     "Tables and sources.", tables},
    {PG, "pg_views", "schemaname text, viewname text, viewowner text, definition text", "Views.", views},
    {PG, "pg_matviews",
     "schemaname text, matviewname text, matviewowner text, tablespace text, hasindexes boolean, "
     "ispopulated boolean, definition text",
     "Materialized views.", matviews},
    {PG, "pg_indexes", "schemaname text, tablename text, indexname text, tablespace text, indexdef text",
     "The indexes of primary keys.", index_views},
    {PG, "pg_auth_members", "roleid bigint, member bigint, grantor bigint, admin_option boolean", "Empty.", NULL},
    {PG, "pg_largeobject_metadata", "oid bigint key, lomowner bigint, lomacl text", "Empty.", NULL},
    {PG, "pg_locks",
     "locktype text, database bigint, relation bigint, page int, tuple int, virtualxid text, transactionid text, "
     "classid bigint, objid bigint, objsubid int, virtualtransaction text, pid int, mode text, granted boolean, "
     "fastpath boolean, waitstart timestamptz",
     "Empty: nothing waits for a lock.", NULL},
    {PG, "pg_stat_gssapi", "pid int, gss_authenticated boolean, principal text, encrypted boolean", "Empty.", NULL},
    {PG, "pg_ts_config", "oid bigint key, cfgname text, cfgnamespace bigint, cfgowner bigint, cfgparser bigint",
     "Empty.", NULL},
    {PG, "pg_ts_dict",
     "oid bigint key, dictname text, dictnamespace bigint, dictowner bigint, dicttemplate bigint, dictinitoption text",
     "Empty.", NULL},
    {PG, "pg_ts_parser",
     "oid bigint key, prsname text, prsnamespace bigint, prsstart bigint, prstoken bigint, prsend bigint, "
     "prsheadline bigint, prslextype bigint",
     "Empty.", NULL},
    {PG, "pg_ts_template", "oid bigint key, tmplname text, tmplnamespace bigint, tmplinit bigint, tmpllexize bigint",
     "Empty.", NULL},
    {PG, "pg_user_mappings", "umid bigint, srvid bigint, srvname text, umuser bigint, usename text, umoptions text",
     "Empty.", NULL},
    {PG, "pg_conversion", "oid bigint key, conname text, connamespace bigint", "Empty.", NULL},
    {PG, "pg_db_role_setting", "setdatabase bigint key, setrole bigint key, setconfig text", "Empty.", NULL},
    {PG, "pg_default_acl",
     "oid bigint key, defaclrole bigint, defaclnamespace bigint, defaclobjtype text, defaclacl text", "Empty.", NULL},
    {PG, "pg_depend",
     "classid bigint, objid bigint, objsubid int, refclassid bigint, refobjid bigint, refobjsubid int, deptype text",
     "Empty.", NULL},
    {PG, "pg_enum", "oid bigint key, enumtypid bigint, enumsortorder float8, enumlabel text", "Empty.", NULL},
    {PG, "pg_event_trigger",
     "oid bigint key, evtname text, evtevent text, evtowner bigint, evtfoid bigint, evtenabled text, "
     "evttags text",
     "Empty.", NULL},
    {PG, "pg_extension",
     "oid bigint key, extname text, extowner bigint, extnamespace bigint, extrelocatable boolean, extversion text",
     "Empty.", NULL},
    {PG, "pg_foreign_data_wrapper", "oid bigint key, fdwname text, fdwowner bigint, fdwhandler bigint", "Empty.", NULL},
    {PG, "pg_foreign_server",
     "oid bigint key, srvname text, srvowner bigint, srvfdw bigint, srvtype text, srvversion text, srvoptions text",
     "Empty.", NULL},
    {PG, "pg_foreign_table", "ftrelid bigint key, ftserver bigint, ftoptions text", "Empty.", NULL},
    {PG, "pg_inherits", "inhrelid bigint key, inhparent bigint, inhseqno int key, inhdetachpending boolean", "Empty.",
     NULL},
    {PG, "pg_language", "oid bigint key, lanname text, lanowner bigint, lanispl boolean, lanpltrusted boolean",
     "Empty.", NULL},
    {PG, "pg_opclass",
     "oid bigint key, opcmethod bigint, opcname text, opcnamespace bigint, opcowner bigint, opcfamily bigint, "
     "opcintype bigint, opcdefault boolean, opckeytype bigint",
     "Empty.", NULL},
    {PG, "pg_operator",
     "oid bigint key, oprname text, oprnamespace bigint, oprowner bigint, oprkind text, oprleft bigint, "
     "oprright bigint, oprresult bigint, oprcode text",
     "Empty.", NULL},
    {PG, "pg_partitioned_table", "partrelid bigint key, partstrat text, partnatts int, partattrs text", "Empty.", NULL},
    {PG, "pg_policy",
     "oid bigint key, polname text, polrelid bigint, polcmd text, polpermissive boolean, polroles text, polqual text, "
     "polwithcheck text",
     "Empty.", NULL},
    {PG, "pg_publication",
     "oid bigint key, pubname text, pubowner bigint, puballtables boolean, pubinsert boolean, pubupdate boolean, "
     "pubdelete boolean, pubtruncate boolean, pubviaroot boolean",
     "Empty.", NULL},
    {PG, "pg_publication_namespace", "oid bigint key, pnpubid bigint, pnnspid bigint", "Empty.", NULL},
    {PG, "pg_publication_rel", "oid bigint key, prpubid bigint, prrelid bigint, prqual text, prattrs text", "Empty.",
     NULL},
    {PG, "pg_range",
     "rngtypid bigint key, rngsubtype bigint, rngmultitypid bigint, rngcollation bigint, rngsubopc bigint", "Empty.",
     NULL},
    {PG, "pg_rewrite",
     "oid bigint key, rulename text, ev_class bigint, ev_type text, ev_enabled text, is_instead boolean", "Empty.",
     NULL},
    {PG, "pg_sequence",
     "seqrelid bigint key, seqtypid bigint, seqstart bigint, seqincrement bigint, seqmax bigint, seqmin bigint, "
     "seqcache bigint, seqcycle boolean",
     "Empty.", NULL},
    {PG, "pg_shdescription", "objoid bigint key, classoid bigint key, description text", "Empty.", NULL},
    {PG, "pg_statistic_ext",
     "oid bigint key, stxrelid bigint, stxname text, stxnamespace bigint, stxowner bigint, stxstattarget int, "
     "stxkeys text, stxkind text, stxexprs text",
     "Empty.", NULL},
    {PG, "pg_subscription", "oid bigint key, subdbid bigint, subname text, subowner bigint, subenabled boolean",
     "Empty.", NULL},
    {PG, "pg_tablespace", "oid bigint key, spcname text, spcowner bigint, spcacl text, spcoptions text", "Empty.",
     NULL},
    {PG, "pg_trigger",
     "oid bigint key, tgrelid bigint, tgparentid bigint, tgname text, tgfoid bigint, tgtype int, tgenabled text, "
     "tgisinternal boolean, tgconstrrelid bigint, tgconstraint bigint, tgdeferrable boolean, tginitdeferred boolean",
     "Empty.", NULL},
    {PG, "pg_user_mapping", "oid bigint key, umuser bigint, umserver bigint, umoptions text", "Empty.", NULL},
};

const struct system_relations wr_system_pg = {relations, WR_COUNT(relations)};
