/* What PostgreSQL's clients ask about objects: functions and casts that turn numbers of objects into names and texts
 * and back. All that they need is in the catalog that the statement is planned with, so the binder makes constants of
 * them, or a lookup in a constant directory (functions/fn_catalog.c). In a view they are refused: the catalog changes
 * without any input changing.
 *
 * To add a function that is the same for everybody, add a row to `constants`; one with a text per object, a row to
 * `directories` and what it says to describe(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "catalog/indexes.h"
#include "catalog/oids.h"
#include "functions/agg.h"
#include "functions/fn.h"
#include "planner/bind.h"

/* ---- the same answer whatever is asked */

enum answer { ANSWER_TRUE, ANSWER_FALSE, ANSWER_NULL_TEXT, ANSWER_NULL_INT8, ANSWER_TEXT };

static const struct constant {
    const char *name;
    enum answer answer;
    const char *text;
} constants[] = {
    {"has_any_column_privilege", ANSWER_TRUE, NULL}, /* there is one user */
    {"has_column_privilege", ANSWER_TRUE, NULL},
    {"has_database_privilege", ANSWER_TRUE, NULL},
    {"has_function_privilege", ANSWER_TRUE, NULL},
    {"has_schema_privilege", ANSWER_TRUE, NULL},
    {"has_sequence_privilege", ANSWER_TRUE, NULL},
    {"has_table_privilege", ANSWER_TRUE, NULL},
    {"pg_has_role", ANSWER_TRUE, NULL},
    {"pg_get_userbyid", ANSWER_TEXT, "root"},
    {"getdatabaseencoding", ANSWER_TEXT, "UTF8"},
    {"pg_encoding_to_char", ANSWER_TEXT, "UTF8"},
    {"pg_tablespace_location", ANSWER_TEXT, ""},
    {"pg_advisory_unlock_all", ANSWER_TEXT, ""}, /* there are no such locks */
    {"pg_collation_is_visible", ANSWER_TRUE, NULL},
    {"pg_function_is_visible", ANSWER_TRUE, NULL},
    {"pg_opclass_is_visible", ANSWER_TRUE, NULL},
    {"pg_operator_is_visible", ANSWER_TRUE, NULL},
    {"pg_statistics_obj_is_visible", ANSWER_TRUE, NULL},
    {"pg_type_is_visible", ANSWER_TRUE, NULL},
    {"pg_is_in_recovery", ANSWER_FALSE, NULL},
    {"pg_is_other_temp_schema", ANSWER_FALSE, NULL},
    {"pg_relation_is_publishable", ANSWER_FALSE, NULL},
    {"row_security_active", ANSWER_FALSE, NULL},
    {"col_description", ANSWER_NULL_TEXT, NULL}, /* there are no comments of users */
    {"shobj_description", ANSWER_NULL_TEXT, NULL},
    {"pg_get_functiondef", ANSWER_NULL_TEXT, NULL},
    {"pg_get_function_sqlbody", ANSWER_NULL_TEXT, NULL},
    {"pg_get_partkeydef", ANSWER_NULL_TEXT, NULL},
    {"pg_get_ruledef", ANSWER_NULL_TEXT, NULL},
    {"pg_get_serial_sequence", ANSWER_NULL_TEXT, NULL},
    {"pg_get_statisticsobjdef_columns", ANSWER_NULL_TEXT, NULL},
    {"pg_get_triggerdef", ANSWER_NULL_TEXT, NULL},
    {"inet_client_addr", ANSWER_NULL_TEXT, NULL},
    {"inet_server_addr", ANSWER_NULL_TEXT, NULL},
    {"pg_database_size", ANSWER_NULL_INT8, NULL}, /* not known by object */
    {"pg_indexes_size", ANSWER_NULL_INT8, NULL},
    {"pg_relation_size", ANSWER_NULL_INT8, NULL},
    {"pg_table_size", ANSWER_NULL_INT8, NULL},
    {"pg_total_relation_size", ANSWER_NULL_INT8, NULL},
};

static struct expr *make_text(struct binder *binder, const char *text)
{
    struct datum value = {.type = TYPE(TYPE_TEXT), .str = wr_str_of(text)};
    return wr_expr_const(binder->arena, &value);
}

static struct expr *make_int8(struct binder *binder, int64_t number)
{
    struct datum value = {.type = TYPE(TYPE_INT8), .i64 = number};
    return wr_expr_const(binder->arena, &value);
}

static struct expr *make_constant(struct binder *binder, const struct constant *constant)
{
    switch (constant->answer) {
    case ANSWER_TRUE:
    case ANSWER_FALSE:
        return bind_bool(binder, constant->answer == ANSWER_TRUE);
    case ANSWER_TEXT:
        return make_text(binder, constant->text);
    default:
        return bind_null(binder, TYPE(constant->answer == ANSWER_NULL_INT8 ? TYPE_INT8 : TYPE_TEXT));
    }
}

/* ---- directories: a text for each object */

enum directory {
    DIR_RELATION, /* regclass: with its schema where that is not searched */
    DIR_INDEX,
    DIR_CONSTRAINT,
    DIR_VIEW,
    DIR_VISIBLE,
    DIR_DESCRIPTION,
    DIR_SCHEMA,
    DIR_TYPE,
    DIR_FUNCTION,
    DIR_ARGUMENTS,
    DIR_RESULT,
};

static const struct directory_function {
    const char *name;
    enum directory directory;
} directories[] = {
    {"pg_table_is_visible", DIR_VISIBLE},
    {"pg_get_viewdef", DIR_VIEW},
    {"pg_get_indexdef", DIR_INDEX},
    {"pg_get_constraintdef", DIR_CONSTRAINT},
    {"obj_description", DIR_DESCRIPTION},
    {"pg_get_function_arguments", DIR_ARGUMENTS},
    {"pg_get_function_identity_arguments", DIR_ARGUMENTS},
    {"pg_get_function_result", DIR_RESULT},
};

static void put_entry(struct wr_buf *buf, int64_t oid, const char *name)
{
    if (strchr(name, WR_DIRECTORY_END))
        return;
    wr_buf_printf(buf, "%lld%c%s%c", (long long)oid, WR_DIRECTORY_NAME, name, WR_DIRECTORY_END);
}

static void put_relation_name(struct wr_buf *buf, int64_t oid, const struct object *object, const char *suffix)
{
    bool found = wr_oid_schema_in_path(object->schema);
    wr_buf_printf(buf, "%lld%c%s%s%s%s%c", (long long)oid, WR_DIRECTORY_NAME, found ? "" : object->schema,
                  found ? "" : ".", object->name, suffix, WR_DIRECTORY_END);
}

static void put_index(struct wr_buf *buf, const struct catalog_index *index)
{
    wr_buf_printf(buf, "%lld%c", (long long)index->oid, WR_DIRECTORY_NAME);
    wr_index_definition(buf, index);
    wr_buf_byte(buf, WR_DIRECTORY_END);
}

static void put_constraint(struct wr_buf *buf, const struct catalog_index *index)
{
    wr_buf_printf(buf, "%u%cPRIMARY KEY (", OID_CONSTRAINT_FIRST + index->of->id, WR_DIRECTORY_NAME);
    wr_index_columns(buf, index, 0, index->nkey);
    wr_buf_printf(buf, ")%c", WR_DIRECTORY_END);
}

static void describe(struct wr_buf *buf, const struct catalog *catalog, const struct object *object,
                     enum directory directory)
{
    struct catalog_index index;
    bool indexed = wr_catalog_index(catalog, object, &index);
    switch (directory) {
    case DIR_RELATION:
        put_relation_name(buf, object->id, object, "");
        if (indexed && index.primary)
            put_relation_name(buf, index.oid, object, "_pkey");
        break;
    case DIR_VISIBLE:
        if (wr_oid_schema_in_path(object->schema)) {
            put_entry(buf, object->id, "");
            put_entry(buf, OID_INDEX_FIRST + object->id, "");
        }
        break;
    case DIR_VIEW:
        if (object->query)
            put_entry(buf, object->id, object->query + strspn(object->query, " \n\t"));
        break;
    case DIR_DESCRIPTION:
        if (object->kind == OBJECT_SYSTEM && object->definition)
            put_entry(buf, object->id, object->definition);
        break;
    case DIR_INDEX:
        if (indexed)
            put_index(buf, &index);
        break;
    case DIR_CONSTRAINT:
        if (indexed && index.primary)
            put_constraint(buf, &index);
        break;
    default:
        break;
    }
}

static void describe_function(struct wr_buf *buf, int64_t oid, const struct fn *fn, enum directory directory)
{
    struct wr_buf text = WR_BUF_INIT;
    for (uint8_t a = 0; directory == DIR_ARGUMENTS && a < fn->nargs; a++)
        wr_buf_printf(&text, "%s%s", a ? ", " : "", fn->args[a] ? wr_type_info(fn->args[a])->name : "\"any\"");
    if (directory == DIR_FUNCTION)
        wr_buf_puts(&text, fn->name);
    if (directory == DIR_RESULT)
        wr_buf_puts(&text, fn->result ? wr_type_info(fn->result)->name : "\"any\"");
    put_entry(buf, oid, wr_buf_cstr(&text));
    wr_buf_free(&text);
}

static void describe_types(struct wr_buf *buf)
{
    for (uint8_t id = 1; id < TYPE_COUNT; id++) {
        const struct type_info *info = wr_type_info(id);
        put_entry(buf, info->oid, info->name);
        put_entry(buf, info->oid, info->internal);
    }
    put_entry(buf, 1043, "character varying");
    put_entry(buf, 1043, "varchar");
    put_entry(buf, wr_type_info(TYPE_INT4)->oid, "int");
}

static struct expr *make_directory(struct binder *binder, enum directory directory)
{
    struct wr_buf buf = WR_BUF_INIT;
    const struct catalog *catalog = binder->planner->catalog;
    const struct fn *fn;
    for (size_t i = 0; directory <= DIR_DESCRIPTION && i < wr_catalog_count(catalog); i++)
        if (wr_catalog_at(catalog, i)->kind != OBJECT_SINK)
            describe(&buf, catalog, wr_catalog_at(catalog, i), directory);
    for (size_t i = 0; directory >= DIR_FUNCTION && (fn = wr_fn_list(i)); i++)
        describe_function(&buf, OID_FUNCTION_FIRST + (int64_t)i, fn, directory);
    for (size_t i = 0; directory == DIR_SCHEMA && i < OID_SCHEMAS; i++)
        put_entry(&buf, wr_oid_schemas[i].oid, wr_oid_schemas[i].name);
    if (directory == DIR_TYPE)
        describe_types(&buf);
    struct expr *expr = make_text(binder, wr_buf_cstr(&buf));
    wr_buf_free(&buf);
    return expr;
}

static struct expr *look_up(struct binder *binder, const struct fn *fn, struct expr *key, enum directory directory)
{
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
    args[0] = key;
    args[1] = make_directory(binder, directory);
    struct expr *expr = wr_expr_call(binder->arena, fn, TYPE(fn->result), args, 2);
    expr->location = key->location;
    expr->nullable = true;
    return expr;
}

/* The number of an object, given as a number or as its name. */
static bool bind_oid(struct binder *binder, struct expr **expr)
{
    if ((*expr)->type.id == TYPE_TEXT) {
        *expr = look_up(binder, &wr_fn_oid_of, *expr, DIR_RELATION);
        return true;
    }
    return bind_coerce(binder, expr, TYPE(TYPE_INT8), CAST_EXPLICIT);
}

/* The n-th column of an index, as pg_get_indexdef(index, n, pretty) gives it; 0: the whole. */
static bool bind_index_column(struct binder *binder, struct expr *index, struct expr *number, struct expr **expr)
{
    struct wr_buf buf = WR_BUF_INIT;
    const struct catalog *catalog = binder->planner->catalog;
    for (size_t i = 0; i < wr_catalog_count(catalog); i++) {
        struct catalog_index row;
        if (!wr_catalog_index(catalog, wr_catalog_at(catalog, i), &row))
            continue;
        put_index(&buf, &row); /* as column 0 */
        for (uint16_t k = 0; k < row.ncols; k++)
            put_entry(&buf, ((int64_t)(k + 1) << 40) + row.oid, row.of->cols[row.key[k]].name);
    }
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2),
                **sum = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
    struct type types[] = {TYPE(TYPE_INT8), TYPE(TYPE_INT8)}, casts[2];
    TRY(bind_coerce(binder, &number, TYPE(TYPE_INT8), CAST_EXPLICIT));
    sum[0] = number;
    sum[1] = make_int8(binder, (int64_t)1 << 40);
    args[0] = wr_expr_call(binder->arena, wr_fn_resolve("*", true, types, 2, casts, binder->err), types[0], sum, 2);
    sum = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
    sum[0] = args[0];
    sum[1] = index;
    args[0] = wr_expr_call(binder->arena, wr_fn_resolve("+", true, types, 2, casts, binder->err), types[0], sum, 2);
    args[1] = make_text(binder, wr_buf_cstr(&buf));
    wr_buf_free(&buf);
    *expr = wr_expr_call(binder->arena, &wr_fn_name_of, TYPE(TYPE_TEXT), args, 2);
    (*expr)->nullable = true;
    return true;
}

/* Arguments that make no difference: bound for their mistakes and parameters. */
static bool bind_ignored(struct block *block, const PgQuery__FuncCall *call, size_t from, struct type unknown)
{
    for (size_t i = from; i < call->n_args; i++) {
        struct expr *arg;
        TRY(bind_expr(block, call->args[i], &arg));
        if (arg->kind == EXPR_PARAM && arg->type.id == TYPE_UNKNOWN)
            TRY(bind_coerce(block->binder, &arg, unknown, CAST_IMPLICIT));
    }
    return true;
}

static bool bind_directory(struct block *block, const struct directory_function *row, const PgQuery__FuncCall *call,
                           struct expr **expr)
{
    struct binder *binder = block->binder;
    struct expr *key;
    TRY(bind_expr(block, call->args[0], &key));
    TRY(bind_oid(binder, &key));
    if (row->directory == DIR_INDEX && call->n_args == 3) {
        struct expr *number;
        TRY(bind_expr(block, call->args[1], &number));
        return bind_index_column(binder, key, number, expr);
    }
    TRY(bind_ignored(block, call, 1, TYPE(row->directory == DIR_DESCRIPTION ? TYPE_TEXT : TYPE_BOOL)));
    *expr = look_up(binder, &wr_fn_name_of, key, row->directory);
    if (row->directory != DIR_VISIBLE)
        return true;
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 1);
    args[0] = *expr;
    *expr = wr_expr_nary(binder->arena, EXPR_IS_NULL, args, 1);
    (*expr)->negated = true;
    (*expr)->nullable = false;
    return true;
}

/* ---- settings, names of types and relations */

static bool bind_current_setting(struct block *block, const PgQuery__FuncCall *call, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct expr *name;
    struct datum value;
    TRY(bind_expr(block, call->args[0], &name));
    TRY(bind_coerce(binder, &name, TYPE(TYPE_TEXT), CAST_IMPLICIT));
    if (!wr_expr_is_const(name))
        return bind_unsupported(binder, call->location, "current_setting() of a name that is not constant");
    TRY(wr_evaluate_const(binder->arena, name, binder->planner->io, 0, &value, binder->err));
    const char *text = value.null ? "" : wr_arena_strndup(binder->arena, value.str.data, value.str.len);
    const char *setting = binder->planner->setting ? binder->planner->setting(binder->planner->session, text) : NULL;
    if (!setting && !value.null && call->n_args == 1)
        return bind_fail(binder, -1, ERR_UNDEFINED_OBJECT, "unrecognized configuration parameter \"%s\"", text);
    *expr = setting ? make_text(binder, setting) : bind_null(binder, TYPE(TYPE_TEXT));
    return true;
}

static bool bind_to_reg(struct block *block, const PgQuery__FuncCall *call, enum directory directory,
                        struct expr **expr)
{
    struct expr *name;
    TRY(bind_expr(block, call->args[0], &name));
    TRY(bind_coerce(block->binder, &name, TYPE(TYPE_TEXT), CAST_IMPLICIT));
    *expr = look_up(block->binder, &wr_fn_oid_of, name, directory);
    return true;
}

/* Of system relations alone: their arrays are text. */
static const struct kernel {
    const char *name;
    const struct fn *fn;
} kernels[] = {{"format_type", &wr_fn_format_type},
               {"pg_get_expr", &wr_fn_first_text},
               {"array_to_string", &wr_fn_join_items},
               {"array_remove", &wr_fn_remove_item}};

static bool bind_kernel(struct block *block, const struct fn *fn, const PgQuery__FuncCall *call, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, FN_ARGS_MAX);
    for (uint16_t i = 0; i < fn->nargs; i++) {
        args[i] = bind_null(binder, TYPE(fn->args[i]));
        if (i < call->n_args)
            TRY(bind_expr(block, call->args[i], &args[i]));
        TRY(bind_coerce(binder, &args[i], TYPE(fn->args[i]), CAST_EXPLICIT));
    }
    *expr = wr_expr_call(binder->arena, fn, TYPE(fn->result), args, fn->nargs);
    (*expr)->location = call->location;
    (*expr)->nullable = true;
    return true;
}

static bool bind_known(struct block *block, const char *name, const PgQuery__FuncCall *call, bool *done,
                       struct expr **expr)
{
    *done = true;
    size_t n = call->n_args;
    if (!strcmp(name, "current_setting") && (n == 1 || n == 2))
        return bind_current_setting(block, call, expr);
    if (!strcmp(name, "to_regclass") && n == 1)
        return bind_to_reg(block, call, DIR_RELATION, expr);
    if (!strcmp(name, "to_regtype") && n == 1)
        return bind_to_reg(block, call, DIR_TYPE, expr);
    for (size_t i = 0; n && i < WR_COUNT(directories); i++)
        if (!strcmp(directories[i].name, name))
            return bind_directory(block, &directories[i], call, expr);
    for (size_t i = 0; n && i < WR_COUNT(kernels); i++)
        if (!strcmp(kernels[i].name, name))
            return bind_kernel(block, kernels[i].fn, call, expr);
    for (size_t i = 0; i < WR_COUNT(constants); i++)
        if (!strcmp(constants[i].name, name)) {
            *expr = make_constant(block->binder, &constants[i]);
            return bind_ignored(block, call, 0, TYPE(TYPE_TEXT));
        }
    *done = false;
    return true;
}

bool bind_catalog_function(struct block *block, const char *name, const PgQuery__FuncCall *call, bool *done,
                           struct expr **expr)
{
    TRY(bind_known(block, name, call, done, expr));
    if (!*done || !block->binder->planner->streaming)
        return true;
    bind_fail(block->binder, call->location, ERR_FEATURE_NOT_SUPPORTED,
              "function %s() cannot be used in a materialized view or sink", name);
    return wr_fail_hint(block->binder->err, "Its value changes without any input changing.");
}

/* ---- casts */

/* A relation by its name as written in quotes: [schema.]name, "quoted" or folded. */
static bool bind_regclass_name(struct binder *binder, const char *text, int location, struct expr **expr)
{
    char parts[2][256];
    int n = 0;
    const char *at = text;
    while (n < 2 && *at) {
        size_t len = 0;
        bool quoted = *at == '"';
        for (at += quoted; *at && (quoted ? *at != '"' || at[1] == '"' : *at != '.'); at++) {
            at += quoted && *at == '"';
            if (len < sizeof parts[0] - 1)
                parts[n][len++] = (char)(quoted ? *at : wr_to_lower(*at));
        }
        parts[n++][len] = 0;
        at += quoted && *at == '"';
        if (*at != '.')
            break;
        at++;
    }
    const char *name = n ? parts[n - 1] : "";
    const struct object *object = wr_catalog_find(binder->planner->catalog, n > 1 ? parts[0] : NULL, name);
    if (object) {
        *expr = make_int8(binder, object->id);
        return true;
    }
    size_t len = strlen(name);
    if (len > 5 && !strcmp(name + len - 5, "_pkey")) {
        const char *table = wr_arena_strndup(binder->arena, name, len - 5);
        object = wr_catalog_find(binder->planner->catalog, n > 1 ? parts[0] : NULL, table);
        if (object && wr_object_has_key(object)) {
            *expr = make_int8(binder, OID_INDEX_FIRST + (int64_t)object->id);
            return true;
        }
    }
    return bind_fail(binder, location, ERR_UNDEFINED_TABLE, "relation \"%s\" does not exist", text);
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* A name in quotes as a number of the kind. */
static bool bind_name_literal(struct block *block, enum directory directory, const char *text, int location,
                              struct expr **expr)
{
    struct binder *binder = block->binder;
    struct type type;
    if (is_number(text)) {
        *expr = make_int8(binder, strtoll(text, NULL, 10));
        return true;
    }
    if (directory == DIR_RELATION)
        return bind_regclass_name(binder, text, location, expr);
    const char *dot = strrchr(text, '.');
    const char *name = dot ? dot + 1 : text;
    if (directory == DIR_FUNCTION) { /* pg_type's columns show functions by name */
        *expr = make_text(binder, name);
        return true;
    }
    if (directory == DIR_SCHEMA) {
        int64_t oid = wr_oid_of_schema(name);
        *expr = make_int8(binder, oid);
        return oid || bind_fail(binder, location, "3F000", "schema \"%s\" does not exist", name);
    }
    if (!wr_type_by_name(name, &type))
        return bind_fail(binder, location, ERR_UNDEFINED_OBJECT, "type \"%s\" does not exist", text);
    *expr = make_int8(binder, type.varchar ? 1043 : wr_type_info(type.id)->oid);
    return true;
}

/* Numbers show as names; ::oid behind it goes back to the number. */
static bool bind_reg(struct block *block, enum directory directory, const PgQuery__TypeCast *cast, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct expr *from;
    TRY(bind_expr(block, cast->arg, &from));
    if (from->kind == EXPR_CONST && from->type.id == TYPE_UNKNOWN && !from->value.null) {
        const char *text = wr_arena_strndup(binder->arena, from->value.str.data, from->value.str.len);
        return bind_name_literal(block, directory, text, from->location, expr);
    }
    if (from->type.id == TYPE_UNKNOWN)
        TRY(bind_coerce(binder, &from, TYPE(TYPE_TEXT), CAST_IMPLICIT));
    if (from->type.id == TYPE_TEXT) {
        *expr = directory == DIR_FUNCTION ? from : look_up(binder, &wr_fn_oid_of, from, directory);
        return true;
    }
    TRY(bind_coerce(binder, &from, TYPE(TYPE_INT8), CAST_EXPLICIT));
    if (directory != DIR_TYPE) {
        *expr = look_up(binder, &wr_fn_name_of, from, directory);
        return true;
    }
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
    args[0] = from;
    args[1] = bind_null(binder, TYPE(TYPE_INT4));
    *expr = wr_expr_call(binder->arena, &wr_fn_format_type, TYPE(TYPE_TEXT), args, 2);
    (*expr)->nullable = true;
    return true;
}

/* 'f'::regproc, which is f's name here. */
static bool is_function_name(const PgQuery__Node *node)
{
    const PgQuery__TypeName *type =
        node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST ? node->type_cast->type_name : NULL;
    return type && type->n_names && !strncmp(bind_string(type->names[type->n_names - 1]), "regproc", 7);
}

static bool bind_oid_cast(struct block *block, const PgQuery__TypeCast *cast, struct expr **expr)
{
    TRY(bind_expr(block, cast->arg, expr));
    if (is_function_name(cast->arg) && (*expr)->type.id == TYPE_TEXT)
        return bind_unsupported(block->binder, (*expr)->location, "the oid of a function by its name");
    if ((*expr)->kind == EXPR_CALL && (*expr)->fn == &wr_fn_name_of) {
        *expr = (*expr)->args[0];
        return true;
    }
    return bind_coerce(block->binder, expr, TYPE(TYPE_INT8), CAST_EXPLICIT);
}

static bool bind_int2_cast(struct block *block, const PgQuery__TypeCast *cast, struct expr **expr)
{
    struct binder *binder = block->binder;
    TRY(bind_expr(block, cast->arg, expr));
    TRY(bind_coerce(binder, expr, TYPE(TYPE_INT4), CAST_EXPLICIT));
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 1);
    args[0] = *expr;
    *expr = wr_expr_call(binder->arena, &wr_fn_int2, TYPE(TYPE_INT4), args, 1);
    (*expr)->location = cast->location;
    return true;
}

bool bind_catalog_cast(struct block *block, const PgQuery__TypeCast *cast, bool *done, struct expr **expr)
{
    static const struct {
        const char *name;
        enum directory directory;
    } kinds[] = {{"regclass", DIR_RELATION},
                 {"regtype", DIR_TYPE},
                 {"regproc", DIR_FUNCTION},
                 {"regprocedure", DIR_FUNCTION},
                 {"regnamespace", DIR_SCHEMA}};
    const PgQuery__TypeName *type = cast->type_name;
    const char *name = type->n_names ? bind_string(type->names[type->n_names - 1]) : "";
    *done = !block->binder->planner->streaming && !type->n_array_bounds;
    for (size_t i = 0; *done && i < WR_COUNT(kinds); i++)
        if (!strcmp(kinds[i].name, name))
            return bind_reg(block, kinds[i].directory, cast, expr);
    if (*done && !strcmp(name, "oid"))
        return bind_oid_cast(block, cast, expr);
    if (*done && !strcmp(name, "int2"))
        return bind_int2_cast(block, cast, expr);
    if (*done && (!strcmp(name, "name") || !strcmp(name, "char"))) { /* both are text here */
        TRY(bind_expr(block, cast->arg, expr));
        return bind_coerce(block->binder, expr, TYPE(TYPE_TEXT), CAST_EXPLICIT);
    }
    *done = false;
    return true;
}

/* ---- current_schemas(): the search path */

bool bind_is_current_schemas(const PgQuery__FuncCall *call)
{
    return call->n_funcname && call->n_args == 1 &&
           !strcmp(bind_string(call->funcname[call->n_funcname - 1]), "current_schemas");
}

bool bind_current_schemas(struct block *block, const PgQuery__FuncCall *call, struct expr ***items, size_t *n)
{
    struct binder *binder = block->binder;
    struct expr *implicit;
    struct datum value;
    TRY(bind_expr(block, call->args[0], &implicit));
    TRY(bind_coerce(binder, &implicit, TYPE(TYPE_BOOL), CAST_IMPLICIT));
    if (!wr_expr_is_const(implicit))
        return bind_unsupported(binder, call->location, "current_schemas() of a value that is not constant");
    TRY(wr_evaluate_const(binder->arena, implicit, binder->planner->io, 0, &value, binder->err));
    *items = WR_NEW_ARRAY(binder->arena, struct expr *, OID_SCHEMAS);
    *n = 0;
    for (size_t i = 0; i < OID_SCHEMAS; i++)
        if (wr_oid_schemas[i].in_path && (value.b || !strcmp(wr_oid_schemas[i].name, "public")))
            (*items)[(*n)++] = make_text(binder, wr_oid_schemas[i].name);
    return true;
}

bool bind_subscript(struct block *block, const PgQuery__AIndirection *node, struct expr **expr)
{
    struct binder *binder = block->binder;
    const PgQuery__Node *index = node->n_indirection == 1 ? node->indirection[0] : NULL;
    const PgQuery__Node *arg = node->arg;
    if (!index || index->node_case != PG_QUERY__NODE__NODE_A_INDICES || index->a_indices->is_slice ||
        index->a_indices->uidx->node_case != PG_QUERY__NODE__NODE_A_CONST ||
        arg->node_case != PG_QUERY__NODE__NODE_FUNC_CALL || !bind_is_current_schemas(arg->func_call))
        return bind_unsupported(binder, -1, "a field or subscript of an expression");
    struct expr **items;
    size_t n;
    TRY(bind_current_schemas(block, arg->func_call, &items, &n));
    const PgQuery__AConst *at = index->a_indices->uidx->a_const;
    int k = at->val_case == PG_QUERY__A__CONST__VAL_IVAL ? at->ival->ival : 0;
    *expr = k >= 1 && (size_t)k <= n ? items[k - 1] : bind_null(binder, TYPE(TYPE_TEXT));
    return true;
}
