/* CREATE INDEX: rows of a table or materialized view by some of their columns, kept once for joins and lookups.
 *
 * An index is an object with a query like a view, SELECT its columns FROM the relation, made by a backfill and changed
 * with every epoch; only its root differs (executor/op_index.c). Its columns have the ids they have in the relation. */
#include "catalog/indexes.h"
#include "engine/create.h"
#include "engine/identifier.h"
#include "engine/relations_read.h"

#include <stdio.h>

struct making {
    struct weir_statement *statement;
    const PgQuery__IndexStmt *stmt;
    struct wr_arena *arena;
    const struct object *of;
    struct object index;
};

static bool fail_here(const struct making *m, int location, const char *sqlstate, const char *fmt, const char *name,
                      struct wr_error *err)
{
    return wr_fail_at(err, wr_char_position(m->statement->text, location), sqlstate, fmt, name);
}

/* ---- what is not there yet, or makes no sense */

static bool check_clauses(const struct making *m, struct wr_error *err)
{
    const PgQuery__IndexStmt *stmt = m->stmt;
    int at = m->statement->parsed->location;
    static const char *const not_yet = "%s is not supported yet";
    if (stmt->unique)
        return fail_here(m, at, ERR_FEATURE_NOT_SUPPORTED, not_yet, "CREATE UNIQUE INDEX", err);
    if (stmt->where_clause)
        return fail_here(m, at, ERR_FEATURE_NOT_SUPPORTED, not_yet, "CREATE INDEX with WHERE", err);
    if (stmt->n_options)
        return fail_here(m, at, ERR_FEATURE_NOT_SUPPORTED, not_yet, "CREATE INDEX with WITH", err);
    if (strcmp(stmt->access_method, "btree") != 0)
        return wr_fail(err, ERR_UNDEFINED_OBJECT, "access method \"%s\" does not exist", stmt->access_method);
    if (stmt->concurrent && m->statement->session->state == 'T')
        return wr_fail(err, "25001", "CREATE INDEX CONCURRENTLY cannot run inside a transaction block");
    return true;
}

static bool check_relation(const struct making *m, struct wr_error *err)
{
    if (m->of->kind == OBJECT_TABLE || m->of->kind == OBJECT_MATERIALIZED_VIEW)
        return true;
    wr_fail(err, ERR_WRONG_OBJECT_TYPE, "cannot create index on relation \"%s\"", m->of->name);
    char detail[80];
    snprintf(detail, sizeof detail, "This operation is not supported for %ss.", wr_object_kind_name(m->of->kind));
    return wr_fail_detail(err, "%s", detail);
}

/* ---- columns */

static bool add_column(struct making *m, uint16_t column)
{
    const struct object_column *col = &m->of->cols[column];
    struct object *index = &m->index;
    if (wr_object_column(index, col->id) < index->ncols)
        return false;
    index->cols[index->ncols] = *col;
    index->cols[index->ncols++].default_text = NULL;
    return true;
}

static bool find_column(const struct making *m, const PgQuery__Node *node, uint16_t *column, struct wr_error *err)
{
    const PgQuery__IndexElem *elem = node->index_elem;
    int at = m->stmt->relation->location;
    if (elem->expr)
        return fail_here(m, at, ERR_FEATURE_NOT_SUPPORTED, "%s is not supported yet", "an index on an expression", err);
    if (elem->n_opclassopts)
        return fail_here(m, at, ERR_FEATURE_NOT_SUPPORTED, "%s is not supported yet", "an operator class's option",
                         err);
    for (uint16_t c = 0; c < m->of->ncols; c++)
        if (!m->of->cols[c].hidden && !strcmp(m->of->cols[c].name, elem->name)) {
            *column = c;
            return true;
        }
    return wr_fail(err, ERR_UNDEFINED_COLUMN, "column \"%s\" does not exist", elem->name);
}

static bool key_columns(struct making *m, struct wr_error *err)
{
    struct object *index = &m->index;
    if (m->stmt->n_index_params > INDEX_COLUMNS_MAX)
        return wr_fail(err, "54011", "cannot use more than %d columns in an index", INDEX_COLUMNS_MAX);
    index->pk = WR_NEW_ARRAY(m->arena, uint16_t, m->stmt->n_index_params);
    for (size_t i = 0; i < m->stmt->n_index_params; i++) {
        uint16_t column;
        TRY(find_column(m, m->stmt->index_params[i], &column, err));
        if (add_column(m, column)) /* a column named twice adds nothing */
            index->pk[index->npk++] = (uint16_t)(index->ncols - 1);
    }
    return true;
}

/* All columns, unless INCLUDE says which. */
static bool other_columns(struct making *m, struct wr_error *err)
{
    for (size_t i = 0; i < m->stmt->n_index_including_params; i++) {
        uint16_t column;
        TRY(find_column(m, m->stmt->index_including_params[i], &column, err));
        add_column(m, column);
    }
    for (uint16_t c = 0; c < m->of->ncols && !m->stmt->n_index_including_params; c++)
        if (!m->of->cols[c].hidden)
            add_column(m, c);
    return true;
}

/* ---- name and query */

/* As PostgreSQL chooses one: table, key columns, idx; a number where that is taken. */
static const char *choose_name(const struct making *m, const struct catalog *catalog)
{
    struct wr_buf buf = WR_BUF_INIT;
    wr_buf_puts(&buf, m->of->name);
    for (uint16_t k = 0; k < m->index.npk; k++)
        wr_buf_printf(&buf, "_%s", m->index.cols[m->index.pk[k]].name);
    wr_buf_puts(&buf, "_idx");
    size_t len = buf.len;
    for (int n = 1; wr_catalog_find(catalog, m->index.schema, wr_buf_cstr(&buf)); n++) {
        buf.len = len;
        wr_buf_printf(&buf, "%d", n);
    }
    const char *name = wr_arena_strdup(m->arena, wr_buf_cstr(&buf));
    wr_buf_free(&buf);
    return name;
}

static bool make_query(struct making *m, const struct catalog *catalog, struct wr_error *err)
{
    struct wr_buf buf = WR_BUF_INIT;
    for (uint16_t c = 0; c < m->index.ncols; c++) {
        wr_buf_puts(&buf, c ? ", " : "SELECT ");
        wr_identifier_put(&buf, m->index.cols[c].name);
    }
    wr_buf_puts(&buf, " FROM ");
    wr_identifier_put(&buf, m->of->schema);
    wr_buf_byte(&buf, '.');
    wr_identifier_put(&buf, m->of->name);
    m->index.query = wr_arena_strdup(m->arena, wr_buf_cstr(&buf));
    wr_buf_free(&buf);
    struct statement *parsed = NULL;
    size_t offset = 0;
    TRY(wr_parse_next(m->arena, m->index.query, strlen(m->index.query), &offset, &parsed, err));
    wr_relations_bind(m->arena, catalog, parsed->node, &m->index);
    wr_statement_free(parsed);
    return true;
}

static bool make(struct making *m, const struct catalog *catalog, struct wr_error *err)
{
    m->index = (struct object){.kind = OBJECT_INDEX,
                               .schema = m->of->schema,
                               .cols = WR_NEW_ARRAY(m->arena, struct object_column, m->of->ncols + 1u),
                               .append_only = m->of->append_only,
                               .definition = m->statement->parsed->text,
                               .timezone = "UTC",
                               .plan_version = PLANNER_VERSION};
    TRY(check_clauses(m, err));
    TRY(check_relation(m, err));
    TRY(key_columns(m, err));
    TRY(other_columns(m, err));
    m->index.name = *m->stmt->idxname ? m->stmt->idxname : choose_name(m, catalog);
    return make_query(m, catalog, err);
}

bool wr_create_index_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                         struct wr_error *err)
{
    struct weir_session *session = statement->session;
    struct making m = {.statement = statement, .stmt = statement->parsed->node->index_stmt, .arena = &result->arena};
    struct catalog *catalog = wr_session_catalog(session);
    struct planner planner;
    wr_planner_of(session, m.arena, catalog, statement->text, &planner);
    bool ok = wr_plan_relation(&planner, m.stmt->relation, &m.of, err) && make(&m, catalog, err);
    if (ok)
        m.index = *wr_object_copy(m.arena, &m.index); /* the catalog's strings go with it */
    wr_catalog_release(catalog);
    TRY(ok);
    snprintf(result->tag, sizeof result->tag, "CREATE INDEX");
    bool failed;
    if (wr_create_exists(session, m.stmt->if_not_exists, &m.index, &failed, err))
        return true;
    return !failed && wr_create_streaming(session, &m.index, err);
}
