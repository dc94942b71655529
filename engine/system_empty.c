/* Queries that give nothing whatever they compute: they read, through inner joins, a catalog of something that weir
 * does not have (policies, publications, triggers ...), and those are empty. psql and other clients ask several such
 * questions about each relation, in more SQL than there is here; their columns are all the answer that they get. */
#include "engine/system.h"

#include "functions/agg.h"

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

static bool select_is_empty(const struct catalog *catalog, const PgQuery__SelectStmt *select);

static bool relation_is_empty(const struct catalog *catalog, const PgQuery__RangeVar *name)
{
    const char *schema = name->schemaname && *name->schemaname ? name->schemaname : NULL;
    const struct object *object = wr_catalog_find(catalog, schema, name->relname);
    return object && object->kind == OBJECT_SYSTEM && object->id >= OBJECT_SYSTEM_FIRST && wr_system_is_empty(object);
}

static bool join_is_empty(const struct catalog *catalog, const PgQuery__JoinExpr *join);

static bool item_is_empty(const struct catalog *catalog, const PgQuery__Node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_RANGE_VAR:
        return relation_is_empty(catalog, node->range_var);
    case PG_QUERY__NODE__NODE_JOIN_EXPR:
        return join_is_empty(catalog, node->join_expr);
    case PG_QUERY__NODE__NODE_RANGE_SUBSELECT:
        return select_is_empty(catalog, node->range_subselect->subquery->select_stmt);
    default:
        return false;
    }
}

static bool join_is_empty(const struct catalog *catalog, const PgQuery__JoinExpr *join)
{
    bool left = item_is_empty(catalog, join->larg), right = item_is_empty(catalog, join->rarg);
    switch (join->jointype) {
    case PG_QUERY__JOIN_TYPE__JOIN_INNER:
        return left || right;
    case PG_QUERY__JOIN_TYPE__JOIN_LEFT:
        return left;
    case PG_QUERY__JOIN_TYPE__JOIN_RIGHT:
        return right;
    default:
        return left && right;
    }
}

/* An aggregate without GROUP BY gives a row for no rows; one anywhere below counts, to be safe. */
static bool has_aggregate(const ProtobufCMessage *message)
{
    if (!message)
        return false;
    if (message->descriptor == &pg_query__func_call__descriptor) {
        const PgQuery__FuncCall *call = (const PgQuery__FuncCall *)message;
        const PgQuery__Node *name = call->n_funcname ? call->funcname[call->n_funcname - 1] : NULL;
        if (name && name->node_case == PG_QUERY__NODE__NODE_STRING && wr_agg_exists(name->string->sval))
            return true;
    }
    for (unsigned f = 0; f < message->descriptor->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[f];
        const char *base = (const char *)message;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t n = *(const size_t *)(base + field->quantifier_offset);
            ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)(base + field->offset);
            for (size_t i = 0; i < n; i++)
                if (has_aggregate(items[i]))
                    return true;
        } else if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
                   *(const uint32_t *)(base + field->quantifier_offset) == field->id) {
            if (has_aggregate(*(ProtobufCMessage *const *)(base + field->offset)))
                return true;
        }
    }
    return false;
}

static bool gives_a_row_for_none(const PgQuery__SelectStmt *select)
{
    if (select->having_clause || select->n_group_clause)
        return select->n_group_clause != 1 || select->group_clause[0]->node_case == PG_QUERY__NODE__NODE_GROUPING_SET;
    for (size_t i = 0; i < select->n_target_list; i++)
        if (has_aggregate(&select->target_list[i]->base))
            return true;
    return false;
}

static bool select_is_empty(const struct catalog *catalog, const PgQuery__SelectStmt *select)
{
    if (!select || select->with_clause || select->n_values_lists)
        return false;
    if (select->op == PG_QUERY__SET_OPERATION__SETOP_UNION)
        return select_is_empty(catalog, select->larg) && select_is_empty(catalog, select->rarg);
    if (select->op != PG_QUERY__SET_OPERATION__SETOP_NONE)
        return select_is_empty(catalog, select->larg);
    for (size_t i = 0; i < select->n_from_clause; i++)
        if (item_is_empty(catalog, select->from_clause[i]))
            return !gives_a_row_for_none(select);
    return false;
}

/* The name PostgreSQL gives a column of the select list; NULL: it stands for several. */
static const char *target_name(const PgQuery__ResTarget *target)
{
    if (target->name && *target->name)
        return target->name;
    const PgQuery__Node *value = target->val;
    while (value && value->node_case == PG_QUERY__NODE__NODE_TYPE_CAST)
        value = value->type_cast->arg;
    if (value && value->node_case == PG_QUERY__NODE__NODE_COLUMN_REF) {
        const PgQuery__Node *last = value->column_ref->fields[value->column_ref->n_fields - 1];
        return last->node_case == PG_QUERY__NODE__NODE_STRING ? last->string->sval : NULL;
    }
    if (value && value->node_case == PG_QUERY__NODE__NODE_FUNC_CALL) {
        const PgQuery__FuncCall *call = value->func_call;
        return call->funcname[call->n_funcname - 1]->string->sval;
    }
    return value && value->node_case == PG_QUERY__NODE__NODE_CASE_EXPR ? "case" : "?column?";
}

bool wr_system_describe(struct weir_statement *statement, const PgQuery__SelectStmt *select)
{
    while (select->larg)
        select = select->larg;
    struct output_column *cols = WR_NEW_ARRAY(&statement->arena, struct output_column, select->n_target_list + 1);
    for (size_t c = 0; c < select->n_target_list; c++) {
        const char *name = target_name(select->target_list[c]->res_target);
        if (!name)
            return false;
        cols[c] = (struct output_column){wr_arena_strdup(&statement->arena, name), TYPE(TYPE_TEXT)};
    }
    statement->ncols = (int)select->n_target_list;
    statement->cols = cols;
    return true;
}

bool wr_system_reads_nothing(struct weir_statement *statement)
{
    if (statement->parsed->node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return false;
    struct catalog *catalog = wr_catalog_current(statement->session->db);
    const PgQuery__SelectStmt *select = statement->parsed->node->select_stmt;
    bool empty = select_is_empty(catalog, select) && wr_system_describe(statement, select);
    wr_catalog_release(catalog);
    return empty;
}

bool wr_system_answer_nothing(struct weir_statement *statement, struct weir_result *result)
{
    if (!wr_system_reads_nothing(statement))
        return false;
    const char **names = WR_NEW_ARRAY(&statement->arena, const char *, statement->ncols + 1);
    for (int c = 0; c < statement->ncols; c++)
        names[c] = statement->cols[c].name;
    wr_result_columns(result, statement->ncols, names, NULL);
    snprintf(result->tag, sizeof result->tag, "SELECT");
    result->rows_in_tag = true;
    return true;
}
