/* The answer to a query that gives nothing (planner/reads_nothing.c): its columns, by name. */
#include "engine/session.h"

#include <stdio.h>

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
        cols[c] = (struct output_column){.name = wr_arena_strdup(&statement->arena, name), .type = TYPE(TYPE_TEXT)};
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
    bool empty = wr_plan_reads_nothing(catalog, select) && wr_system_describe(statement, select);
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
