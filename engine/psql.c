/* psql's backslash commands: the catalog queries it sends are recognised by what only they contain, and answered from
 * our catalog. They use most of PostgreSQL (regular expression operators, reg* casts, correlated subqueries over a
 * dozen catalogs) for very little: who lists relations or describes one needs names, kinds, columns and keys.
 *
 * A shape is a marker and a function that writes the rows; the columns are those of the query's select list, by name.
 * Queries over catalogs of things we do not have (policies, publications, inheritance ...) have no rows. */
#include "engine/session.h"

#include <regex.h>
#include <stdio.h>

struct answer {
    struct weir_statement *statement;
    struct weir_result *result;
    struct catalog *catalog;
    const char *text;
    const char *values[64]; /* of the row under way, by column */
};

struct shape {
    const char *marker, *and_marker; /* both must occur */
    void (*fill)(struct answer *answer);
};

/* ---- the row under way */

static void row_begin(struct answer *answer)
{
    memset(answer->values, 0, sizeof answer->values);
}

static void row_set(struct answer *answer, const char *column, const char *value)
{
    for (int c = 0; c < answer->statement->ncols; c++)
        if (!strcmp(answer->statement->cols[c].name, column))
            answer->values[c] = value;
}

static void row_end(struct answer *answer)
{
    wr_result_row(answer->result, answer->values);
}

/* ---- what the query asks for */

/* The pattern '^(...)$' that follows `column OPERATOR(pg_catalog.~)`; NULL: none asked. */
static const char *pattern_of(struct answer *answer, const char *column)
{
    char marker[64];
    snprintf(marker, sizeof marker, "%s OPERATOR(pg_catalog.~) '", column);
    const char *at = strstr(answer->text, marker);
    if (!at)
        return NULL;
    at += strlen(marker);
    const char *end = strstr(at, "' COLLATE");
    return end ? wr_arena_strndup(&answer->result->arena, at, (size_t)(end - at)) : NULL;
}

static bool matches(const char *pattern, const char *name)
{
    if (!pattern)
        return true;
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
        return false;
    bool found = !regexec(&regex, name, 0, NULL, 0);
    regfree(&regex);
    return found;
}

/* The relation whose oid stands in quotes behind the marker. */
static const struct object *relation_of(struct answer *answer, const char *marker)
{
    const char *at = strstr(answer->text, marker);
    return at ? wr_catalog_get(answer->catalog, (uint32_t)strtoul(at + strlen(marker), NULL, 10)) : NULL;
}

static const char *relkind(const struct object *object)
{
    switch (object->kind) {
    case OBJECT_MATERIALIZED_VIEW:
        return "m";
    case OBJECT_VIEW:
    case OBJECT_SYSTEM:
        return "v";
    default:
        return "r";
    }
}

static const char *kind_text(const struct object *object)
{
    static const char *const words[] = {"", "table", "source", "view", "materialized view", "sink", "view"};
    return words[object->kind];
}

static bool hidden_key(const struct object *object)
{
    return object->ncols && object->cols[object->ncols - 1].hidden;
}

static const char *key_columns(struct answer *answer, const struct object *object)
{
    struct wr_buf buf = WR_BUF_INIT;
    for (uint16_t k = 0; k < object->npk; k++)
        wr_buf_printf(&buf, "%s%s", k ? ", " : "", object->cols[object->pk[k]].name);
    const char *text = wr_arena_strdup(&answer->result->arena, wr_buf_cstr(&buf));
    wr_buf_free(&buf);
    return text;
}

static const char *number(struct answer *answer, uint32_t value)
{
    return wr_arena_printf(&answer->result->arena, "%u", value);
}

/* ---- \d \dt \dm \dv: lists */

static int by_name(const void *a, const void *b)
{
    const struct object *x = *(const struct object *const *)a, *y = *(const struct object *const *)b;
    int c = strcmp(x->schema, y->schema);
    return c ? c : strcmp(x->name, y->name);
}

static bool listed(struct answer *answer, const struct object *object, const char *kinds, const char *schema,
                   const char *name)
{
    char quoted[8];
    snprintf(quoted, sizeof quoted, "'%s'", relkind(object));
    const char *end = strchr(kinds, ')'), *at = strstr(kinds, quoted);
    const char *all = strstr(kinds, "'v'"); /* sinks are no relations: only the list of everything has them */
    if (object->kind == OBJECT_SINK && (!all || all > end))
        return false;
    if (!at || at > end || !matches(name, object->name) || !matches(schema, object->schema))
        return false;
    return schema || !strcmp(object->schema, "public");
}

static void list(struct answer *answer)
{
    const char *kinds = strstr(answer->text, "c.relkind IN (");
    const char *name = pattern_of(answer, "c.relname"), *schema = pattern_of(answer, "n.nspname");
    size_t count = wr_catalog_count(answer->catalog), n = 0;
    const struct object **found = WR_NEW_ARRAY(&answer->result->arena, const struct object *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct object *object = wr_catalog_at(answer->catalog, i);
        if (listed(answer, object, kinds, schema, name))
            found[n++] = object;
    }
    qsort(found, n, sizeof *found, by_name);
    for (size_t i = 0; i < n; i++) {
        row_begin(answer);
        row_set(answer, "Schema", found[i]->schema);
        row_set(answer, "Name", found[i]->name);
        row_set(answer, "Type", kind_text(found[i]));
        row_set(answer, "Owner", "root");
        row_set(answer, "Persistence", "permanent");
        row_end(answer);
    }
}

/* ---- \d name */

static void lookup(struct answer *answer)
{
    const char *name = pattern_of(answer, "c.relname"), *schema = pattern_of(answer, "n.nspname");
    for (size_t i = 0; i < wr_catalog_count(answer->catalog); i++) {
        const struct object *object = wr_catalog_at(answer->catalog, i);
        if (!matches(name, object->name) || !matches(schema, object->schema))
            continue;
        row_begin(answer);
        row_set(answer, "oid", number(answer, object->id));
        row_set(answer, "nspname", object->schema);
        row_set(answer, "relname", object->name);
        row_end(answer);
    }
}

static void flags(struct answer *answer)
{
    const struct object *object = relation_of(answer, "c.oid = '");
    if (!object)
        return;
    /* by position: several columns have no name. checks, kind, index, rules, triggers, row security, forced, oids,
     * partition, '', tablespace, of type, persistence, replica identity, access method */
    const char *const row[] = {"0",
                               relkind(object),
                               object->kind == OBJECT_TABLE && object->npk && !hidden_key(object) ? "t" : "f",
                               "f",
                               "f",
                               "f",
                               "f",
                               "f",
                               "f",
                               "",
                               "0",
                               "",
                               "p",
                               "d",
                               "heap"};
    row_begin(answer);
    for (int c = 0; c < answer->statement->ncols && c < (int)WR_COUNT(row); c++)
        answer->values[c] = row[c];
    row_end(answer);
}

static void columns(struct answer *answer)
{
    const struct object *object = relation_of(answer, "a.attrelid = '");
    for (uint16_t c = 0; object && c < object->ncols; c++) {
        const struct object_column *col = &object->cols[c];
        if (col->hidden)
            continue;
        char type[80];
        row_begin(answer);
        row_set(answer, "attname", col->name);
        row_set(answer, "format_type",
                wr_arena_strdup(&answer->result->arena, wr_type_name(col->type, type, sizeof type)));
        answer->values[2] = col->default_text; /* the third: a subselect without a name */
        row_set(answer, "attnotnull", wr_object_declares_not_null(object, c) ? "t" : "f");
        row_set(answer, "attidentity", "");
        row_set(answer, "attgenerated", "");
        row_set(answer, "attstorage", "p");
        row_set(answer, "attcompression", "");
        row_end(answer);
    }
}

static void indexes(struct answer *answer)
{
    const struct object *object = relation_of(answer, "c.oid = '");
    if (!object || object->kind != OBJECT_TABLE || !object->npk || hidden_key(object))
        return;
    struct wr_arena *arena = &answer->result->arena;
    const char *cols = key_columns(answer, object);
    /* name, primary, unique, clustered, valid, index definition, constraint definition, type, deferrable, deferred,
     * identity, space */
    const char *const row[] = {wr_arena_printf(arena, "%s_pkey", object->name),
                               "t",
                               "t",
                               "f",
                               "t",
                               wr_arena_printf(arena, "CREATE UNIQUE INDEX %s_pkey ON %s.%s USING btree (%s)",
                                               object->name, object->schema, object->name, cols),
                               wr_arena_printf(arena, "PRIMARY KEY (%s)", cols),
                               "p",
                               "f",
                               "f",
                               "f",
                               "0"};
    row_begin(answer);
    for (int c = 0; c < answer->statement->ncols && c < (int)WR_COUNT(row); c++)
        answer->values[c] = row[c];
    row_end(answer);
}

static void view_definition(struct answer *answer)
{
    const struct object *object = relation_of(answer, "pg_get_viewdef('");
    if (!object)
        return;
    row_begin(answer);
    answer->values[0] = object->query ? object->query : object->definition;
    row_end(answer);
}

/* ---- the others */

static void databases(struct answer *answer)
{
    row_begin(answer);
    row_set(answer, "Name", "dev");
    row_set(answer, "Owner", "root");
    row_set(answer, "Encoding", "UTF8");
    row_set(answer, "Collate", "C.UTF-8");
    row_set(answer, "Ctype", "C.UTF-8");
    row_set(answer, "Locale Provider", "libc");
    row_end(answer);
}

static void schemas(struct answer *answer)
{
    static const char *const names[] = {"public", "weir_catalog"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        row_begin(answer);
        row_set(answer, "Name", names[i]);
        row_set(answer, "Owner", "root");
        row_end(answer);
    }
}

static void functions(struct answer *answer)
{
    const char *pattern = pattern_of(answer, "p.proname");
    const struct fn *fn;
    for (size_t i = 0; (fn = wr_fn_list(i)); i++) {
        if (!((fn->name[0] >= 'a' && fn->name[0] <= 'z') || fn->name[0] == '_') || !strcmp(fn->name, "cast") ||
            !matches(pattern, fn->name))
            continue;
        struct wr_buf args = WR_BUF_INIT;
        for (uint8_t a = 0; a < fn->nargs; a++)
            wr_buf_printf(&args, "%s%s", a ? ", " : "", fn->args[a] ? wr_type_info(fn->args[a])->name : "\"any\"");
        row_begin(answer);
        row_set(answer, "Schema", "pg_catalog");
        row_set(answer, "Name", fn->name);
        row_set(answer, "Result data type", fn->result ? wr_type_info(fn->result)->name : "\"any\"");
        row_set(answer, "Argument data types", wr_arena_strdup(&answer->result->arena, wr_buf_cstr(&args)));
        row_set(answer, "Type", "func");
        row_set(answer, "Description", fn->doc);
        row_end(answer);
        wr_buf_free(&args);
    }
}

static void nothing(struct answer *answer)
{
    (void)answer;
}

static const struct shape shapes[] = {
    {"c2.relname as \"Table\"", "pg_catalog.pg_index", nothing}, /* \di */
    {"as \"Schema\"", "c.relkind IN (", list},
    {"c.relname OPERATOR(pg_catalog.~)", "SELECT c.oid", lookup},
    {"c.relchecks", "c.relkind", flags},
    {"a.attname", "pg_catalog.format_type(a.atttypid, a.atttypmod)", columns},
    {"i.indisprimary", "pg_catalog.pg_get_indexdef(", indexes},
    {"pg_catalog.pg_get_viewdef('", "", view_definition},
    {"d.datname as \"Name\"", "pg_catalog.pg_database d", databases},
    {"n.nspname AS \"Name\"", "pg_catalog.pg_namespace n", schemas},
    {"p.proname as \"Name\"", "pg_catalog.pg_proc p", functions},
    {"pg_catalog.pg_policy", "", nothing},
    {"pg_catalog.pg_statistic_ext", "", nothing},
    {"pg_catalog.pg_publication", "", nothing},
    {"pg_catalog.pg_inherits", "", nothing},
    {"pg_catalog.pg_constraint", "", nothing},
    {"pg_catalog.pg_trigger", "", nothing},
    {"pg_catalog.pg_rewrite", "", nothing},
    {"pg_catalog.pg_roles", "", nothing},
    {"pg_catalog.pg_foreign_", "", nothing},
    {"pg_catalog.pg_index", "", nothing},
    {"pg_catalog.pg_description", "", nothing},
    {"pg_catalog.pg_collation", "", nothing},
    {"pg_catalog.pg_extension", "", nothing},
    {"pg_catalog.pg_type t", "pg_catalog.pg_get_userbyid", nothing},
    {"pg_catalog.format_type(t.oid", "", nothing},
    {"pg_catalog.pg_enum", "", nothing},
    {"pg_catalog.pg_range", "", nothing},
    {"FROM pg_hstore", "", nothing},
};

static const struct shape *shape_of(const char *text)
{
    if (!text || !strstr(text, "pg_catalog."))
        return NULL;
    for (size_t s = 0; s < WR_COUNT(shapes); s++)
        if (strstr(text, shapes[s].marker) && strstr(text, shapes[s].and_marker))
            return &shapes[s];
    return NULL;
}

/* The name PostgreSQL gives a column of the select list. */
static const char *target_name(const PgQuery__ResTarget *target)
{
    if (target->name && *target->name)
        return target->name;
    const PgQuery__Node *value = target->val;
    while (value && value->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
        value = value->type_cast->arg;
    if (value && value->node_case == PG_QUERY__NODE__NODE_COLUMN_REF) {
        const PgQuery__Node *last = value->column_ref->fields[value->column_ref->n_fields - 1];
        if (last->node_case == PG_QUERY__NODE__NODE_STRING)
            return last->string->sval;
    }
    if (value && value->node_case == PG_QUERY__NODE__NODE_FUNC_CALL) {
        const PgQuery__FuncCall *call = value->func_call;
        return call->funcname[call->n_funcname - 1]->string->sval;
    }
    return "?column?";
}

bool wr_psql_describe(struct weir_statement *statement)
{
    if (!shape_of(statement->parsed->text) || statement->parsed->node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return false;
    const PgQuery__SelectStmt *select = statement->parsed->node->select_stmt;
    while (select->larg)
        select = select->larg;
    statement->ncols = (int)WR_MIN(select->n_target_list, 64);
    statement->cols = WR_NEW_ARRAY(&statement->arena, struct output_column, statement->ncols + 1);
    for (int c = 0; c < statement->ncols; c++)
        statement->cols[c] = (struct output_column){
            wr_arena_strdup(&statement->arena, target_name(select->target_list[c]->res_target)), TYPE(TYPE_TEXT)};
    return true;
}

bool wr_psql_run(struct weir_statement *statement, struct weir_result *result, bool *handled, struct wr_error *err)
{
    const struct shape *shape = shape_of(statement->parsed->text);
    *handled = shape != NULL;
    if (!shape)
        return true;
    const char *names[64];
    for (int c = 0; c < statement->ncols; c++)
        names[c] = statement->cols[c].name;
    wr_result_columns(result, statement->ncols, names, NULL);
    struct answer answer = {.statement = statement, .result = result, .text = statement->parsed->text};
    answer.catalog = wr_session_catalog(statement->session);
    shape->fill(&answer);
    wr_catalog_release(answer.catalog);
    snprintf(result->tag, sizeof result->tag, "SELECT");
    result->rows_in_tag = true;
    return true;
}
