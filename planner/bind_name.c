/* The name a result column gets when there is no AS: PostgreSQL's rules. */
#include <string.h>

#include "planner/bind.h"

/* strength: 2 = the expression's own name, 1 = only if nothing better is found */
static const char *figure(const PgQuery__Node *node, int *strength);

static const char *weak(const char *name, int *strength)
{
    *strength = 1;
    return name;
}

static const char *figure_case(const PgQuery__CaseExpr *node, int *strength)
{
    const char *name = node->defresult ? figure(node->defresult, strength) : NULL;
    return name && *strength > 1 ? name : weak("case", strength);
}

static const char *figure_cast(const PgQuery__TypeCast *node, int *strength)
{
    const char *name = figure(node->arg, strength);
    if (name && *strength > 1)
        return name;
    const PgQuery__TypeName *type = node->type_name;
    return type->n_names ? weak(bind_string(type->names[type->n_names - 1]), strength) : name;
}

static const char *figure_sublink(const PgQuery__SubLink *node, int *strength)
{
    if (node->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK)
        return "exists";
    const PgQuery__SelectStmt *select = node->subselect->select_stmt;
    if (node->sub_link_type != PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK || select->n_target_list == 0)
        return NULL;
    const PgQuery__ResTarget *target = select->target_list[0]->res_target;
    return target->name && *target->name ? target->name : figure(target->val, strength);
}

static const char *figure_value(const PgQuery__SQLValueFunction *node)
{
    static const char *const names[] = {
        "",          "current_date", "current_time",    "current_time",   "current_timestamp", "current_timestamp",
        "localtime", "localtime",    "localtimestamp",  "localtimestamp", "current_role",      "current_user",
        "user",      "session_user", "current_catalog", "current_schema"};
    return (size_t)node->op < WR_COUNT(names) ? names[node->op] : NULL;
}

static const char *figure(const PgQuery__Node *node, int *strength)
{
    *strength = 2;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return bind_string(node->column_ref->fields[node->column_ref->n_fields - 1]);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return bind_string(node->func_call->funcname[node->func_call->n_funcname - 1]);
    case PG_QUERY__NODE__NODE_A_EXPR:
        return node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF ? "nullif" : NULL;
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return figure_cast(node->type_cast, strength);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        return figure_case(node->case_expr, strength);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        return "coalesce";
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        return node->min_max_expr->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST ? "greatest" : "least";
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
        return figure_value(node->sqlvalue_function);
    case PG_QUERY__NODE__NODE_SUB_LINK:
        return figure_sublink(node->sub_link, strength);
    default:
        *strength = 0;
        return NULL;
    }
}

const char *bind_output_name(struct binder *binder, const PgQuery__Node *node)
{
    int strength;
    const char *name = figure(node, &strength);
    return wr_arena_strdup(binder->arena, name && *name ? name : "?column?");
}
