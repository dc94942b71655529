/* FROM: relations, views and WITH queries expanded in place, subqueries; the comma. JOIN is in bind_join.c. */
#include "planner/bind.h"

#define RELATIONS_MAX 5000

const char *bind_alias(const PgQuery__Alias *alias, const char *name)
{
    return alias && alias->aliasname && *alias->aliasname ? alias->aliasname : name;
}

/* FROM x AS a (c1, c2 ...) renames the first columns. */
static bool rename_columns(struct binder *binder, struct scope *scope, const char *table, size_t n,
                           PgQuery__Node *const *names)
{
    if (n > scope->n)
        return bind_fail(binder, -1, ERR_INVALID_COLUMN_REFERENCE,
                         "table \"%s\" has %u columns available but %zu columns specified", table, scope->n, n);
    for (size_t i = 0; i < n; i++)
        scope->cols[i].name = wr_arena_strdup(binder->arena, bind_string(names[i]));
    return true;
}

bool bind_name_source(struct binder *binder, struct source *source, const char *table, const PgQuery__Alias *alias,
                      int location)
{
    table = wr_arena_strdup(binder->arena, bind_alias(alias, table));
    memset(&source->scope, 0, sizeof(source->scope));
    if (*table)
        TRY(scope_add_table(binder, &source->scope, table, location));
    for (uint16_t i = 0; i < source->plan->ncols; i++) {
        const struct plan_column *col = &source->plan->cols[i];
        struct scope_column named = {.table = *table ? table : NULL,
                                     .name = col->name,
                                     .type = col->type,
                                     .nullable = col->nullable,
                                     .column = i};
        scope_add(binder, &source->scope, &named);
    }
    return !alias || rename_columns(binder, &source->scope, table, alias->n_colnames, alias->colnames);
}

/* The stored query of a view, bound by itself: it sees nothing of the query around it. */
static bool bind_view(struct binder *binder, const struct object *view, struct plan **plan)
{
    struct statement *statement;
    size_t offset = 0;
    struct binder inner = *binder;
    inner.text = NULL;
    inner.ctes = NULL;
    TRY(wr_parse_next(binder->arena, view->query, strlen(view->query), &offset, &statement, binder->err));
    bool select = statement && statement->node && statement->node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT;
    const struct object *outer = binder->planner->stored;
    binder->planner->stored = view;
    bool ok = select ? bind_select(&inner, statement->node->select_stmt, &(struct select_mode){0}, plan)
                     : wr_fail(binder->err, ERR_INTERNAL, "view \"%s\" is not a query", view->name);
    binder->planner->stored = outer;
    if (statement)
        wr_statement_free(statement);
    TRY(ok);
    for (uint16_t i = 0; i < (*plan)->ncols && i < view->ncols; i++) {
        (*plan)->cols[i].name = wr_arena_strdup(binder->arena, view->cols[i].name);
        (*plan)->cols[i].origin = (struct plan_origin){view->id, (uint16_t)(i + 1)};
    }
    return true;
}

bool bind_scan(struct binder *binder, const struct object *object, const char *alias, struct source *source)
{
    struct plan *plan = wr_plan_new(binder->arena, PLAN_SCAN, object->ncols, 0);
    plan->scan.object = object->id;
    plan->scan.name = wr_arena_strdup(binder->arena, object->name);
    plan->scan.columns = WR_NEW_ARRAY(binder->arena, uint16_t, object->ncols);
    memset(&source->scope, 0, sizeof(source->scope));
    TRY(scope_add_table(binder, &source->scope, alias, -1));
    for (uint16_t i = 0; i < object->ncols; i++) {
        const struct object_column *col = &object->cols[i];
        plan->scan.columns[i] = i;
        plan->cols[i] = (struct plan_column){.name = wr_arena_strdup(binder->arena, col->name),
                                             .type = col->type,
                                             .nullable = !col->not_null,
                                             .origin = {object->id, (uint16_t)(i + 1)}};
        struct scope_column named = {.table = alias,
                                     .name = plan->cols[i].name,
                                     .type = col->type,
                                     .nullable = !col->not_null,
                                     .column = i,
                                     .relation = object,
                                     .relation_column = i};
        if (!col->hidden)
            scope_add(binder, &source->scope, &named);
    }
    source->plan = plan;
    return true;
}

/* A stored query sees the columns its relation had when it was stored, under the names they had. */
static void see_as_stored(struct binder *binder, const struct object_input *input, const struct object *object,
                          struct scope *scope)
{
    struct scope_column *cols = WR_NEW_ARRAY(binder->arena, struct scope_column, input->ncols + 1);
    uint16_t n = 0;
    for (uint16_t i = 0; i < input->ncols; i++)
        for (uint16_t c = 0; c < scope->n; c++)
            if (object->cols[scope->cols[c].relation_column].id == input->column_ids[i]) {
                cols[n] = scope->cols[c];
                cols[n++].name = wr_arena_strdup(binder->arena, input->column_names[i]);
                break;
            }
    scope->cols = cols;
    scope->n = scope->cap = n;
}

static bool bind_object(struct binder *binder, const PgQuery__RangeVar *range, struct source *source)
{
    const struct object *object;
    TRY(wr_plan_relation(binder->planner, range, &object, binder->err));
    if (object->kind == OBJECT_INDEX)
        return bind_fail(binder, range->location, ERR_WRONG_OBJECT_TYPE, "\"%s\" is an index", object->name);
    if (object->kind == OBJECT_SINK)
        return bind_fail(binder, range->location, ERR_WRONG_OBJECT_TYPE, "\"%s\" is a sink", object->name);
    bool computed = object->kind == OBJECT_MATERIALIZED_VIEW && object->uncommitted && !binder->planner->streaming;
    if (object->kind == OBJECT_VIEW || computed) {
        TRY(bind_enter(binder));
        TRY(bind_view(binder, object, &source->plan));
        binder->depth--;
        return bind_name_source(binder, source, object->name, range->alias, range->location);
    }
    const char *alias = wr_arena_strdup(binder->arena, bind_alias(range->alias, object->name));
    TRY(bind_scan(binder, object, alias, source));
    const struct object_input *input = wr_plan_input(binder->planner, range);
    if (input)
        see_as_stored(binder, input, object, &source->scope);
    return !range->alias ||
           rename_columns(binder, &source->scope, alias, range->alias->n_colnames, range->alias->colnames);
}

static struct cte *find_cte(struct binder *binder, const PgQuery__RangeVar *range)
{
    if (range->schemaname && *range->schemaname)
        return NULL;
    for (struct cte *cte = binder->ctes; cte; cte = cte->next)
        if (!strcmp(cte->name, range->relname))
            return cte;
    return NULL;
}

static bool bind_cte_query(struct binder *binder, struct cte *cte, struct select_mode mode, struct plan **plan)
{
    struct cte *saved = binder->ctes;
    cte->used = true;
    mode.outer = cte->outer;
    binder->ctes = cte->next;
    bool ok = bind_select(binder, cte->node->ctequery->select_stmt, &mode, plan);
    binder->ctes = saved;
    return ok;
}

bool bind_unused_ctes(struct binder *binder, const struct cte *end)
{
    struct plan *plan;
    if (binder->planner->stored) /* was checked when it was stored */
        return true;
    for (struct cte *cte = binder->ctes; cte != end; cte = cte->next)
        TRY(cte->used || bind_cte_query(binder, cte, (struct select_mode){0}, &plan));
    return true;
}

static bool bind_cte(struct block *block, struct cte *cte, const PgQuery__RangeVar *range, struct source *source)
{
    struct binder *binder = block->binder;
    TRY(bind_cte_query(binder, cte, block->sole, &source->plan));
    TRY(bind_name_source(binder, source, cte->name, NULL, range->location));
    TRY(rename_columns(binder, &source->scope, cte->name, cte->node->n_aliascolnames, cte->node->aliascolnames));
    for (uint16_t i = 0; i < source->scope.n; i++)
        source->plan->cols[i].name = source->scope.cols[i].name;
    return bind_name_source(binder, source, cte->name, range->alias, range->location);
}

bool bind_with(struct binder *binder, const PgQuery__WithClause *with, struct block *outer)
{
    if (with->recursive) /* only a query that does refer to itself is out of reach, yet which one does is not known here
                          */
        return bind_unsupported(binder, with->location, "WITH RECURSIVE");
    for (size_t i = 0; i < with->n_ctes; i++) {
        const PgQuery__CommonTableExpr *node = with->ctes[i]->common_table_expr;
        for (size_t k = 0; k < i; k++)
            if (!strcmp(with->ctes[k]->common_table_expr->ctename, node->ctename))
                return bind_fail(binder, node->location, ERR_DUPLICATE_ALIAS,
                                 "WITH query name \"%s\" specified more than once", node->ctename);
        if (node->ctequery->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
            return bind_unsupported(binder, node->location, "a data-modifying statement in WITH");
        struct cte *cte = WR_NEW(binder->arena, struct cte);
        cte->outer = outer;
        cte->name = wr_arena_strdup(binder->arena, node->ctename);
        cte->node = node;
        cte->next = binder->ctes;
        binder->ctes = cte;
    }
    return true;
}

static bool bind_range_function(struct binder *binder, const PgQuery__RangeFunction *range)
{
    const PgQuery__Node *node = NULL;
    if (range->n_functions && range->functions[0]->node_case == PG_QUERY__NODE__NODE_LIST &&
        range->functions[0]->list->n_items)
        node = range->functions[0]->list->items[0];
    if (node && node->node_case == PG_QUERY__NODE__NODE_FUNC_CALL && node->func_call->n_funcname) {
        const PgQuery__FuncCall *call = node->func_call;
        return bind_unsupported(binder, call->location, "the table function %s()",
                                bind_string(call->funcname[call->n_funcname - 1]));
    }
    return bind_unsupported(binder, -1, "a function in FROM");
}

static bool bind_subselect(struct block *block, const PgQuery__RangeSubselect *range, struct source *source)
{
    struct binder *binder = block->binder;
    if (range->lateral)
        return bind_unsupported(binder, -1, "LATERAL");
    struct select_mode mode = block->sole;
    mode.outer = block->outer;
    TRY(bind_select(binder, range->subquery->select_stmt, &mode, &source->plan));
    return bind_name_source(binder, source, "", range->alias, -1);
}

bool bind_count_relations(struct binder *binder, uint32_t n)
{
    *binder->relations += (int)WR_MIN(n, RELATIONS_MAX + 1u);
    return *binder->relations <= RELATIONS_MAX ||
           bind_fail(binder, -1, ERR_TOO_COMPLEX, "query reads more than %d relations, views expanded", RELATIONS_MAX);
}

bool bind_from_item(struct block *block, const PgQuery__Node *node, struct source *source)
{
    struct binder *binder = block->binder;
    TRY(bind_count_relations(binder, 1));
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_RANGE_VAR: {
        struct cte *cte = find_cte(binder, node->range_var);
        return cte ? bind_cte(block, cte, node->range_var, source) : bind_object(binder, node->range_var, source);
    }
    case PG_QUERY__NODE__NODE_RANGE_SUBSELECT:
        return bind_subselect(block, node->range_subselect, source);
    case PG_QUERY__NODE__NODE_JOIN_EXPR:
        TRY(bind_enter(binder));
        TRY(bind_join(block, node->join_expr, source));
        binder->depth--;
        return true;
    case PG_QUERY__NODE__NODE_RANGE_FUNCTION:
        return bind_range_function(binder, node->range_function);
    case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE:
        return bind_unsupported(binder, node->range_table_sample->location, "TABLESAMPLE");
    default:
        return bind_unsupported(binder, -1, "this FROM item");
    }
}

bool bind_from(struct block *block, size_t n, PgQuery__Node *const *items)
{
    struct binder *binder = block->binder;
    if (!n) {
        block->from.plan = make_one_row(binder->arena);
        return true;
    }
    struct source all = {0};
    for (size_t i = 0; i < n; i++) {
        struct source item = {0};
        TRY(bind_from_item(block, items[i], &item));
        if (!i) {
            all = item;
            continue;
        }
        TRY(scope_join(binder, &all.scope, &item.scope, all.plan->ncols));
        all.plan = make_join(binder->arena, JOIN_INNER, all.plan, item.plan, NULL);
    }
    block->from = all;
    return true;
}
