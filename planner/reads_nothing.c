/* Queries that give nothing whatever they compute: they read, through inner joins, a catalog of something that weir
 * does not have (policies, publications, triggers ...), and those are empty. psql and other clients ask several such
 * questions about each relation, in more SQL than there is here; their columns are all the answer that they get. */
#include "catalog/oids.h"
#include "functions/agg.h"
#include "planner/bind.h"

static bool select_is_empty(const struct catalog *catalog, const PgQuery__SelectStmt *select);

static bool relation_is_empty(const struct catalog *catalog, const PgQuery__RangeVar *name)
{
    const char *schema = name->schemaname && *name->schemaname ? name->schemaname : NULL;
    const struct object *object = wr_catalog_find(catalog, schema, name->relname);
    return object && wr_object_is_empty(object);
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

/* Is there a message in the tree for which the test is true? */
bool wr_plan_find_message(const ProtobufCMessage *message, bool (*test)(void *context, const ProtobufCMessage *message),
                          void *context)
{
    if (!message)
        return false;
    if (test(context, message))
        return true;
    for (unsigned f = 0; f < message->descriptor->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[f];
        const char *base = (const char *)message;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t n = *(const size_t *)(base + field->quantifier_offset);
            ProtobufCMessage *const *items = *(ProtobufCMessage *const *const *)(base + field->offset);
            for (size_t i = 0; i < n; i++)
                if (wr_plan_find_message(items[i], test, context))
                    return true;
        } else if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
                   *(const uint32_t *)(base + field->quantifier_offset) == field->id) {
            if (wr_plan_find_message(*(ProtobufCMessage *const *)(base + field->offset), test, context))
                return true;
        }
    }
    return false;
}

/* An aggregate without GROUP BY gives a row for no rows; one anywhere below counts, to be safe. */
static bool is_aggregate(void *context, const ProtobufCMessage *message)
{
    if (message->descriptor != &pg_query__func_call__descriptor)
        return false;
    const PgQuery__FuncCall *call = (const PgQuery__FuncCall *)message;
    const PgQuery__Node *name = call->n_funcname ? call->funcname[call->n_funcname - 1] : NULL;
    return name && name->node_case == PG_QUERY__NODE__NODE_STRING && wr_agg_exists(name->string->sval);
}

static bool gives_a_row_for_none(const PgQuery__SelectStmt *select)
{
    if (select->having_clause || select->n_group_clause)
        return select->n_group_clause != 1 || select->group_clause[0]->node_case == PG_QUERY__NODE__NODE_GROUPING_SET;
    for (size_t i = 0; i < select->n_target_list; i++)
        if (wr_plan_find_message(&select->target_list[i]->base, is_aggregate, NULL))
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

bool wr_plan_reads_nothing(const struct catalog *catalog, const PgQuery__SelectStmt *select)
{
    return select_is_empty(catalog, select);
}
