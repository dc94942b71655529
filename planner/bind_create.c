/* CREATE TABLE and CREATE SOURCE: columns, primary key and options, checked. */
#include <stdlib.h>

#include "planner/bind.h"

static struct object_option *copy_options(struct wr_arena *arena, const struct options *options, uint16_t *n)
{
    *n = (uint16_t)options->n;
    struct object_option *copy = WR_NEW_ARRAY(arena, struct object_option, options->n);
    for (int i = 0; i < options->n; i++) {
        copy[i].key = wr_arena_strdup(arena, options->items[i].key);
        copy[i].value = options->items[i].value ? wr_arena_strdup(arena, options->items[i].value) : NULL;
    }
    return copy;
}

static bool has_connector(const struct statement *statement)
{
    for (int i = 0; i < statement->with.n; i++)
        if (!strcmp(statement->with.items[i].key, "connector"))
            return true;
    return false;
}

struct create {
    struct binder *binder;
    const struct statement *statement;
    struct object *object;
    bool has_key;
};

/* Where the constraint behind this one begins, or the column's COLLATE; else the end of the statement. A comma or a
 * bracket may end the expression before that. */
static int next_location(const struct create *c, const PgQuery__ColumnDef *def, const PgQuery__Constraint *constraint)
{
    int end = c->statement->location + c->statement->length;
    for (size_t i = 0; i < def->n_constraints; i++) {
        int location = def->constraints[i]->constraint->location;
        if (location > constraint->location && location < end)
            end = location;
    }
    if (def->coll_clause && def->coll_clause->location > constraint->location)
        end = WR_MIN(end, def->coll_clause->location);
    return end;
}

/* As written; and it can be read back. */
static bool default_text(struct create *c, const PgQuery__ColumnDef *def, const PgQuery__Constraint *constraint,
                         const char **text)
{
    struct binder *binder = c->binder;
    *text = wr_default_text(binder->arena, binder->text, constraint->location, next_location(c, def, constraint));
    if (!*text)
        return bind_unsupported(binder, constraint->location, "this DEFAULT expression");
    struct statement *statement;
    size_t offset = 0;
    const char *query = wr_arena_printf(binder->arena, "SELECT %s", *text);
    TRY(wr_parse_next(binder->arena, query, strlen(query), &offset, &statement, binder->err));
    bool ok = statement && statement->node && statement->node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT &&
              statement->node->select_stmt->n_target_list == 1 && offset == strlen(query);
    if (statement)
        wr_statement_free(statement);
    return ok || bind_unsupported(binder, constraint->location, "this DEFAULT expression");
}

static bool bind_default_clause(struct create *c, const PgQuery__ColumnDef *def, const PgQuery__Constraint *constraint,
                                struct object_column *col)
{
    struct binder *binder = c->binder;
    struct block block = {.binder = binder, .clause = CLAUSE_DEFAULT};
    struct expr *expr;
    char from[64], to[64];
    bool same;
    TRY(bind_expr(&block, constraint->raw_expr, &expr));
    if (expr->type.id != TYPE_UNKNOWN && !wr_fn_cast(expr->type, col->type, CAST_ASSIGNMENT, &same) && !same) {
        bind_fail(binder, -1, ERR_DATATYPE_MISMATCH, "column \"%s\" is of type %s but default expression is of type %s",
                  col->name, wr_type_name(col->type, to, sizeof(to)), wr_type_name(expr->type, from, sizeof(from)));
        return wr_fail_hint(binder->err, "You will need to rewrite or cast the expression.");
    }
    TRY(bind_coerce(binder, &expr, col->type, CAST_ASSIGNMENT));
    return default_text(c, def, constraint, &col->default_text);
}

static const char *constraint_name(int type)
{
    switch (type) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_CHECK:
        return "CHECK";
    case PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE:
        return "UNIQUE";
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
        return "FOREIGN KEY";
    case PG_QUERY__CONSTR_TYPE__CONSTR_GENERATED:
        return "a generated column";
    case PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY:
        return "an identity column";
    case PG_QUERY__CONSTR_TYPE__CONSTR_EXCLUSION:
        return "EXCLUDE";
    default:
        return "this constraint";
    }
}

static int find_column(const struct object *object, const char *name)
{
    for (uint16_t i = 0; i < object->ncols; i++)
        if (!strcmp(object->cols[i].name, name))
            return i;
    return -1;
}

static bool add_key_column(struct create *c, const char *name, int location)
{
    struct object *object = c->object;
    int column = find_column(object, name);
    if (column < 0)
        return bind_fail(c->binder, location, ERR_UNDEFINED_COLUMN, "column \"%s\" named in key does not exist", name);
    for (uint16_t i = 0; i < object->npk; i++)
        if (object->pk[i] == column)
            return bind_fail(c->binder, location, ERR_DUPLICATE_COLUMN,
                             "column \"%s\" appears twice in primary key constraint", name);
    object->cols[column].not_null = true;
    object->pk[object->npk++] = (uint16_t)column;
    return true;
}

static bool start_key(struct create *c, int location)
{
    if (c->has_key)
        return bind_fail(c->binder, location, ERR_INVALID_TABLE_DEFINITION,
                         "multiple primary keys for table \"%s\" are not allowed", c->object->name);
    c->has_key = true;
    return true;
}

/* Two defaults, or NULL and NOT NULL: told at the second of them. */
static bool check_conflict(struct create *c, const PgQuery__ColumnDef *def, const PgQuery__Constraint *constraint)
{
    int type = (int)constraint->contype;
    int other = type == PG_QUERY__CONSTR_TYPE__CONSTR_NULL      ? PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL
                : type == PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL ? PG_QUERY__CONSTR_TYPE__CONSTR_NULL
                : type == PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT ? PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT
                                                                : -1;
    for (size_t i = 0; i < def->n_constraints && def->constraints[i]->constraint != constraint; i++)
        if ((int)def->constraints[i]->constraint->contype == other)
            return bind_fail(c->binder, constraint->location, ERR_SYNTAX,
                             other == type ? "multiple default values specified for column \"%s\" of table \"%s\""
                                           : "conflicting NULL/NOT NULL declarations for column \"%s\" of table \"%s\"",
                             def->colname, c->object->name);
    return true;
}

static bool bind_column_constraint(struct create *c, const PgQuery__ColumnDef *def,
                                   const PgQuery__Constraint *constraint, struct object_column *col)
{
    TRY(check_conflict(c, def, constraint));
    switch (constraint->contype) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_NULL:
        return true;
    case PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL:
        col->not_null = true;
        return true;
    case PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT:
        return bind_default_clause(c, def, constraint, col);
    case PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY:
        return start_key(c, constraint->location) && add_key_column(c, col->name, constraint->location);
    default:
        return bind_unsupported(c->binder, constraint->location, "%s", constraint_name((int)constraint->contype));
    }
}

static bool bind_column_def(struct create *c, const PgQuery__ColumnDef *def)
{
    struct object *object = c->object;
    if (find_column(object, def->colname) >= 0)
        return bind_fail(c->binder, -1, ERR_DUPLICATE_COLUMN, "column \"%s\" specified more than once", def->colname);
    if (!strcmp(def->colname, "_row_id"))
        return bind_fail(c->binder, def->location, ERR_INVALID_TABLE_DEFINITION, "column name \"_row_id\" is reserved");
    if (def->coll_clause)
        return bind_unsupported(c->binder, def->coll_clause->location, "COLLATE");
    struct object_column *col = &object->cols[object->ncols++];
    col->id = object->ncols;
    col->name = wr_arena_strdup(c->binder->arena, def->colname);
    TRY(bind_type_name(c->binder, def->type_name, &col->type));
    for (size_t i = 0; i < def->n_constraints; i++)
        TRY(bind_column_constraint(c, def, def->constraints[i]->constraint, col));
    return true;
}

static bool bind_table_constraint(struct create *c, const PgQuery__Constraint *constraint)
{
    if (constraint->contype != PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY)
        return bind_unsupported(c->binder, constraint->location, "%s", constraint_name((int)constraint->contype));
    TRY(start_key(c, constraint->location));
    for (size_t i = 0; i < constraint->n_keys; i++)
        TRY(add_key_column(c, bind_string(constraint->keys[i]), constraint->location));
    return true;
}

static bool bind_elements(struct create *c, const PgQuery__CreateStmt *node)
{
    if (node->n_table_elts > 1600)
        return bind_fail(c->binder, -1, "54011", "tables can have at most 1600 columns");
    c->object->cols = WR_NEW_ARRAY(c->binder->arena, struct object_column, node->n_table_elts + 1);
    c->object->pk = WR_NEW_ARRAY(c->binder->arena, uint16_t, node->n_table_elts + 1);
    for (size_t i = 0; i < node->n_table_elts; i++) {
        const PgQuery__Node *element = node->table_elts[i];
        if (element->node_case == PG_QUERY__NODE__NODE_COLUMN_DEF)
            TRY(bind_column_def(c, element->column_def));
        else if (element->node_case != PG_QUERY__NODE__NODE_CONSTRAINT)
            return bind_unsupported(c->binder, element->table_like_clause->relation->location, "LIKE in CREATE TABLE");
    }
    for (size_t i = 0; i < node->n_table_elts; i++)
        if (node->table_elts[i]->node_case == PG_QUERY__NODE__NODE_CONSTRAINT)
            TRY(bind_table_constraint(c, node->table_elts[i]->constraint));
    return true;
}

/* What the dialect has and nothing implements yet. */
static bool check_clauses(struct create *c, const PgQuery__CreateStmt *node)
{
    const struct statement *st = c->statement;
    if (st->watermark)
        return bind_unsupported(c->binder, st->watermark->location, "WATERMARK FOR");
    if (st->n_includes)
        return bind_unsupported(c->binder, st->includes[0].location, "INCLUDE");
    if (st->star_columns)
        return bind_unsupported(c->binder, node->relation->location, "a column list of *");
    if (st->on_conflict == CONFLICT_IGNORE || st->on_conflict == CONFLICT_DO_UPDATE_IF_NOT_NULL)
        return bind_unsupported(c->binder, st->on_conflict_location, "this ON CONFLICT behaviour");
    if (st->temporary)
        return bind_unsupported(c->binder, node->relation->location, "a temporary table");
    if (node->n_inh_relations || node->partspec || node->partbound)
        return bind_unsupported(c->binder, node->relation->location, "inheritance or partitioning");
    if (!has_connector(st) && st->kind == STMT_CREATE_TABLE)
        TRY(bind_check_storage_options(c->binder, st));
    return bind_check_clauses(c->binder, st);
}

/* A table without a key is a bag: its rows are told apart by a hidden id. */
static void add_row_id(struct create *c)
{
    struct object *object = c->object;
    object->cols[object->ncols] = (struct object_column){
        .id = object->ncols + 1u, .name = "_row_id", .type = TYPE(TYPE_INT8), .not_null = true, .hidden = true};
    object->pk[object->npk++] = object->ncols++;
}

static bool bind_create(struct binder *binder, const struct statement *statement, struct object *object)
{
    struct create c = {binder, statement, object, false};
    const PgQuery__CreateStmt *node = statement->node->create_stmt;
    bool source = statement->kind == STMT_CREATE_SOURCE;
    memset(object, 0, sizeof(*object));
    object->kind = source ? OBJECT_SOURCE : OBJECT_TABLE;
    object->name = wr_arena_strdup(binder->arena, node->relation->relname);
    bool schema = node->relation->schemaname && *node->relation->schemaname;
    object->schema = schema ? wr_arena_strdup(binder->arena, node->relation->schemaname) : "public";
    bool system = !strcmp(object->schema, "pg_catalog") || !strcmp(object->schema, "weir_catalog") ||
                  !strcmp(object->schema, "information_schema");
    if (system) {
        bind_fail(binder, -1, ERR_INSUFFICIENT_PRIVILEGE, "permission denied to create \"%s.%s\"", object->schema,
                  object->name);
        return wr_fail_detail(binder->err, "System catalog modifications are currently disallowed.");
    }
    if (strcmp(object->schema, "public"))
        return bind_fail(binder, node->relation->location, ERR_INVALID_SCHEMA_NAME, "schema \"%s\" does not exist",
                         object->schema);
    TRY(check_clauses(&c, node));
    TRY(bind_elements(&c, node));
    if (source && c.has_key)
        return bind_unsupported(binder, -1, "a primary key of a source");
    if (!source && !c.has_key)
        add_row_id(&c);
    object->append_only = source || statement->append_only;
    object->overwrite = statement->on_conflict == CONFLICT_OVERWRITE ||
                        (statement->on_conflict == CONFLICT_DEFAULT && has_connector(statement));
    if (object->append_only && c.has_key && statement->append_only && object->overwrite)
        return bind_unsupported(binder, statement->append_only_location,
                                "APPEND ONLY of a table that overwrites by key");
    object->options = copy_options(binder->arena, &statement->with, &object->noptions);
    object->format = statement->format ? wr_arena_strdup(binder->arena, statement->format) : NULL;
    object->encode = statement->encode ? wr_arena_strdup(binder->arena, statement->encode) : NULL;
    object->format_options = copy_options(binder->arena, &statement->format_options, &object->nformat_options);
    return true;
}

bool wr_plan_bind_create_table(struct planner *planner, const struct statement *statement, struct object *object,
                               struct wr_error *err)
{
    struct binder binder;
    planner_binder(planner, err, &binder);
    bool create = statement->node && statement->node->node_case == PG_QUERY__NODE__NODE_CREATE_STMT;
    if (!create)
        return bind_unsupported(&binder, -1, "this form of CREATE TABLE");
    return bind_create(&binder, statement, object);
}
