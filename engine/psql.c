/* psql's backslash commands, as far as they ask in more SQL than there is (arrays of subqueries): those queries are
 * recognised by what only they contain, and answered from the catalog. All others are ordinary queries over pg_catalog.
 *
 * A shape is a marker and a function that writes the rows; the columns are those of the query's select list, by name.
 */
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

/* ---- \dp: relations with what may be done to them: everything */

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
    if (object->kind == OBJECT_INDEX) /* nobody is granted anything on one */
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
        row_end(answer);
    }
}

/* ---- \\d+: of one relation */

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

/* ---- the others */

static void roles(struct answer *answer)
{
    static const char *const yes[] = {"rolsuper",    "rolinherit",  "rolcreaterole",
                                      "rolcreatedb", "rolcanlogin", "rolbypassrls"};
    row_begin(answer);
    row_set(answer, "rolname", "root");
    row_set(answer, "rolconnlimit", "-1");
    row_set(answer, "rolreplication", "f");
    row_set(answer, "memberof", "{}");
    for (size_t i = 0; i < WR_COUNT(yes); i++)
        row_set(answer, yes[i], "t");
    row_end(answer);
}

static void types(struct answer *answer)
{
    for (uint8_t id = 1; id < TYPE_COUNT; id++) {
        row_begin(answer);
        row_set(answer, "Schema", "pg_catalog");
        row_set(answer, "Name", wr_type_info(id)->name);
        row_set(answer, "Internal name", wr_type_info(id)->internal);
        row_end(answer);
    }
}

static const struct shape shapes[] = {
    {"AS \"Column privileges\"", "c.relkind IN (", list},
    {"array(select 'toast.' || x from pg_catalog.unnest(tc.reloptions) x)", "c.relchecks", flags},
    {"FROM pg_catalog.pg_roles r", "as memberof", roles},
    {"pg_catalog.format_type(t.oid, NULL) AS \"Name\"", "AS \"Internal name\"", types},
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

bool wr_psql_describe(struct weir_statement *statement)
{
    if (!shape_of(statement->parsed->text) || statement->parsed->node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return false;
    const PgQuery__SelectStmt *select = statement->parsed->node->select_stmt;
    while (select->larg)
        select = select->larg;
    return wr_system_describe(statement, select);
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
