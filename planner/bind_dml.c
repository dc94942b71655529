/* INSERT, UPDATE, DELETE: plans whose rows the engine applies to the table. And expressions bound by themselves. */
#include "planner/bind.h"

static bool check_target(struct binder *binder, const PgQuery__RangeVar *name, const char *verb,
                         const struct object **table)
{
    TRY(wr_plan_relation(binder->planner, name, table, binder->err));
    /* views over it rely on rows that never go */
    if ((*table)->kind == OBJECT_TABLE && (*table)->append_only && strcmp(verb, "insert into") != 0)
        return bind_fail(binder, name->location, ERR_WRONG_OBJECT_TYPE, "cannot %s append-only table \"%s\"", verb,
                         (*table)->name);
    if ((*table)->kind == OBJECT_TABLE)
        return true;
    return bind_fail(binder, name->location, ERR_WRONG_OBJECT_TYPE, "cannot %s %s \"%s\"", verb,
                     wr_object_kind_name((*table)->kind), (*table)->name);
}

static int find_column(const struct object *table, const char *name)
{
    for (uint16_t i = 0; i < table->ncols; i++)
        if (!table->cols[i].hidden && !strcmp(table->cols[i].name, name))
            return i;
    return -1;
}

static bool resolve_column(struct binder *binder, const struct object *table, const PgQuery__ResTarget *target,
                           uint16_t *column)
{
    int at = find_column(table, target->name);
    if (at < 0)
        return bind_fail(binder, target->location, ERR_UNDEFINED_COLUMN,
                         "column \"%s\" of relation \"%s\" does not exist", target->name, table->name);
    if (target->n_indirection)
        return bind_unsupported(binder, target->location, "assignment to a field or element");
    *column = (uint16_t)at;
    return true;
}

/* An expression as a column's value. */
static bool assign(struct binder *binder, const struct object_column *col, struct expr **expr)
{
    char from[64], to[64];
    bool same;
    struct type type = (*expr)->type, bare = col->type;
    if (type.id != TYPE_UNKNOWN && !wr_fn_cast(type, col->type, CAST_ASSIGNMENT, &same) && !same) {
        type.precision = bare.precision = 0;
        bind_fail(binder, (*expr)->location, ERR_DATATYPE_MISMATCH,
                  "column \"%s\" is of type %s but expression is of type %s", col->name,
                  wr_type_name(bare, to, sizeof(to)), wr_type_name(type, from, sizeof(from)));
        return wr_fail_hint(binder->err, "You will need to rewrite or cast the expression.");
    }
    return bind_coerce(binder, expr, col->type, CAST_ASSIGNMENT);
}

/* DEFAULT's text, bound and cast; NULL without one. */
static bool bind_default(struct binder *binder, const struct object_column *col, struct expr **expr)
{
    if (!col->default_text) {
        *expr = bind_null(binder, col->type);
        return true;
    }
    struct statement *statement;
    size_t offset = 0;
    struct binder inner = *binder;
    inner.text = NULL;
    struct block block = {.binder = &inner, .clause = CLAUSE_DEFAULT};
    const char *text = wr_arena_printf(binder->arena, "SELECT %s", col->default_text);
    TRY(wr_parse_next(binder->arena, text, strlen(text), &offset, &statement, binder->err));
    bool ok = statement && statement->node && statement->node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT &&
              statement->node->select_stmt->n_target_list == 1;
    if (!ok)
        wr_fail(binder->err, ERR_INTERNAL, "default of column \"%s\" is not an expression", col->name);
    ok = ok && bind_expr(&block, statement->node->select_stmt->target_list[0]->res_target->val, expr) &&
         assign(&inner, col, expr);
    if (statement)
        wr_statement_free(statement);
    return ok;
}

/* ---- INSERT */

struct insert {
    struct binder *binder;
    const struct object *table;
    uint16_t nvisible;
    uint16_t ntargets; /* columns written in the statement, or all */
    uint16_t *targets; /* their numbers */
    int *locations;    /* where they are written */
    bool explicit_targets;
    struct expr **defaults; /* per column; bound when first needed */
};

static bool insert_targets(struct insert *in, const PgQuery__InsertStmt *node)
{
    struct wr_arena *arena = in->binder->arena;
    in->explicit_targets = node->n_cols > 0;
    in->targets = WR_NEW_ARRAY(arena, uint16_t, WR_MAX(in->nvisible, node->n_cols));
    in->locations = WR_NEW_ARRAY(arena, int, node->n_cols + 1);
    if (!node->n_cols) {
        in->ntargets = in->nvisible;
        for (uint16_t i = 0; i < in->nvisible; i++)
            in->targets[i] = i;
        return true;
    }
    for (size_t i = 0; i < node->n_cols; i++) {
        const PgQuery__ResTarget *target = node->cols[i]->res_target;
        uint16_t column;
        TRY(resolve_column(in->binder, in->table, target, &column));
        for (uint16_t k = 0; k < in->ntargets; k++)
            if (in->targets[k] == column)
                return bind_fail(in->binder, target->location, ERR_DUPLICATE_COLUMN,
                                 "column \"%s\" specified more than once", target->name);
        in->locations[in->ntargets] = target->location;
        in->targets[in->ntargets++] = column;
    }
    return true;
}

static bool default_of(struct insert *in, uint16_t column, struct expr **expr)
{
    if (!in->defaults[column])
        TRY(bind_default(in->binder, &in->table->cols[column], &in->defaults[column]));
    *expr = in->defaults[column];
    return true;
}

static bool check_width(struct insert *in, size_t n, const PgQuery__Node *extra)
{
    if (n > in->ntargets)
        return bind_fail(in->binder, bind_location(extra), ERR_SYNTAX,
                         "INSERT has more expressions than target columns");
    if (n < in->ntargets && in->explicit_targets)
        return bind_fail(in->binder, in->locations[n], ERR_SYNTAX, "INSERT has more target columns than expressions");
    return true;
}

static struct plan *new_values(struct insert *in, uint32_t nrows)
{
    struct wr_arena *arena = in->binder->arena;
    struct plan *plan = wr_plan_new(arena, PLAN_VALUES, in->nvisible, 0);
    plan->values.nrows = nrows;
    plan->values.exprs = WR_NEW_ARRAY(arena, struct expr *, (size_t)nrows * in->nvisible);
    for (uint16_t i = 0; i < in->nvisible; i++)
        plan->cols[i] = (struct plan_column){
            .name = wr_arena_strdup(arena, in->table->cols[i].name), .type = in->table->cols[i].type, .nullable = true};
    return plan;
}

static bool insert_row(struct insert *in, struct block *block, const PgQuery__List *list, struct expr **exprs)
{
    TRY(check_width(in, list->n_items, list->n_items > in->ntargets ? list->items[in->ntargets] : NULL));
    for (size_t i = 0; i < list->n_items; i++) {
        uint16_t column = in->targets[i];
        if (list->items[i]->node_case == PG_QUERY__NODE__NODE_SET_TO_DEFAULT)
            continue;
        TRY(bind_expr(block, list->items[i], &exprs[column]));
        TRY(assign(in->binder, &in->table->cols[column], &exprs[column]));
    }
    for (uint16_t i = 0; i < in->nvisible; i++)
        if (!exprs[i])
            TRY(default_of(in, i, &exprs[i]));
    return true;
}

static bool insert_values(struct insert *in, const PgQuery__SelectStmt *node, struct plan **plan)
{
    struct block block = {.binder = in->binder, .clause = "VALUES"};
    size_t nrows = node ? node->n_values_lists : 1;
    *plan = new_values(in, (uint32_t)nrows);
    PgQuery__List none = PG_QUERY__LIST__INIT;
    for (size_t r = 0; r < nrows; r++) {
        struct expr **exprs = &(*plan)->values.exprs[r * in->nvisible];
        if (node) {
            const PgQuery__List *row = node->values_lists[r]->list;
            if (row->n_items != node->values_lists[0]->list->n_items)
                return bind_fail(in->binder, row->n_items ? bind_location(row->items[0]) : -1, ERR_SYNTAX,
                                 "VALUES lists must all be the same length");
            TRY(insert_row(in, &block, row, exprs));
            continue;
        }
        in->explicit_targets = false;
        TRY(insert_row(in, &block, &none, exprs));
    }
    return true;
}

static bool insert_query(struct insert *in, const PgQuery__SelectStmt *node, struct plan **plan)
{
    struct binder *binder = in->binder;
    struct plan *query;
    TRY(bind_select(binder, node, &(struct select_mode){.keep_unknown = true}, &query));
    TRY(check_width(in, query->ncols, NULL));
    struct type *types = WR_NEW_ARRAY(binder->arena, struct type, query->ncols);
    for (uint16_t i = 0; i < query->ncols; i++) {
        bool unknown = query->cols[i].type.id == TYPE_UNKNOWN;
        types[i] = unknown ? in->table->cols[in->targets[i]].type : query->cols[i].type;
    }
    TRY(bind_coerce_output(binder, &query, types, CAST_ASSIGNMENT));
    struct expr **exprs = WR_NEW_ARRAY(binder->arena, struct expr *, in->nvisible);
    const char **names = WR_NEW_ARRAY(binder->arena, const char *, in->nvisible);
    for (uint16_t i = 0; i < query->ncols; i++) {
        exprs[in->targets[i]] = make_column(binder->arena, query, i);
        if (node->n_target_list == query->ncols) /* no star */
            exprs[in->targets[i]]->location = bind_location(node->target_list[i]->res_target->val);
        TRY(assign(binder, &in->table->cols[in->targets[i]], &exprs[in->targets[i]]));
    }
    for (uint16_t i = 0; i < in->nvisible; i++) {
        names[i] = wr_arena_strdup(binder->arena, in->table->cols[i].name);
        if (!exprs[i])
            TRY(default_of(in, i, &exprs[i]));
    }
    *plan = make_project(binder->arena, query, exprs, names, in->nvisible);
    return true;
}

static bool bind_insert(struct binder *binder, const PgQuery__InsertStmt *node, const struct object **table,
                        struct plan **plan)
{
    if (node->on_conflict_clause)
        return bind_unsupported(binder, node->on_conflict_clause->location, "INSERT ... ON CONFLICT");
    TRY(check_target(binder, node->relation, "insert into", table));
    struct insert in = {.binder = binder, .table = *table, .nvisible = wr_object_shown(*table)};
    in.defaults = WR_NEW_ARRAY(binder->arena, struct expr *, in.nvisible);
    TRY(insert_targets(&in, node));
    if (node->with_clause)
        TRY(bind_with(binder, node->with_clause, NULL));
    const PgQuery__SelectStmt *select = node->select_stmt ? node->select_stmt->select_stmt : NULL;
    bool values = !select || (select->n_values_lists && !select->n_sort_clause && !select->limit_count &&
                              !select->limit_offset && !select->with_clause);
    TRY(values ? insert_values(&in, select, plan) : insert_query(&in, select, plan));
    if (!node->n_returning_list)
        return true;
    struct source inserted = {.plan = *plan};
    TRY(bind_name_source(binder, &inserted, (*table)->name, node->relation->alias, -1));
    struct returning returning = {.n = node->n_returning_list,
                                  .list = node->returning_list,
                                  .scope = inserted.scope,
                                  .table = *table,
                                  .nwritten = in.nvisible};
    return bind_returning(binder, &returning, plan);
}

/* ---- UPDATE, DELETE */

/* FROM of UPDATE, USING of DELETE. */
struct others {
    size_t n;
    PgQuery__Node *const *items;
    uint16_t ncols; /* of all of them: behind the table's */
};

static bool open_others(struct block *block, const struct others *others)
{
    struct block more = {.binder = block->binder};
    TRY(bind_from(&more, others->n, others->items));
    TRY(scope_join(block->binder, &block->from.scope, &more.from.scope, block->from.plan->ncols));
    block->from.plan = make_join(block->binder->arena, JOIN_INNER, block->from.plan, more.from.plan, NULL);
    return true;
}

/* A row of the table that meets several others is changed once, by the first of the resulting rows in the order of
 * their encoding. (SQL leaves open by which.) The table's columns come first in the plan. */
static struct plan *once_per_row(struct binder *binder, const struct object *table, struct plan *plan)
{
    struct plan *first = make_topn(binder->arena, plan, 1, 0, NULL);
    bool keyed = table->npk && !table->cols[table->ncols - 1].hidden;
    uint16_t n = keyed ? table->npk : table->ncols;
    first->topn.partition = WR_NEW_ARRAY(binder->arena, uint16_t, n);
    first->topn.npartition = n;
    for (uint16_t i = 0; i < n; i++)
        first->topn.partition[i] = keyed ? table->pk[i] : i;
    return first;
}

static bool open_table(struct block *block, const struct object *table, const PgQuery__RangeVar *name,
                       struct others *others, const PgQuery__Node *where)
{
    const char *alias = wr_arena_strdup(block->binder->arena, bind_alias(name->alias, table->name));
    TRY(bind_scan(block->binder, table, alias, &block->from));
    if (others->n)
        TRY(open_others(block, others));
    others->ncols = (uint16_t)(block->from.plan->ncols - table->ncols);
    block->clause = "WHERE";
    block->scalars_allowed = true;
    return !where || bind_where(block, where, NULL);
}

/* SET (a, b) = (1, 2): the tree has the whole row at each of its columns. */
static bool value_of_row(struct binder *binder, const PgQuery__MultiAssignRef *ref, const PgQuery__Node **value)
{
    int location = bind_location(ref->source);
    if (ref->source->node_case == PG_QUERY__NODE__NODE_SUB_LINK)
        return bind_unsupported(binder, location, "SET (...) = (SELECT ...)");
    if (ref->source->node_case != PG_QUERY__NODE__NODE_ROW_EXPR)
        return bind_fail(binder, location, ERR_FEATURE_NOT_SUPPORTED,
                         "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression");
    const PgQuery__RowExpr *row = ref->source->row_expr;
    if (row->n_args != (size_t)ref->ncolumns)
        return bind_fail(binder, row->location, ERR_SYNTAX, "number of columns does not match number of values");
    *value = row->args[ref->colno - 1];
    return true;
}

static bool bind_set(struct block *block, const struct object *table, const PgQuery__UpdateStmt *node,
                     struct expr **exprs)
{
    struct binder *binder = block->binder;
    block->clause = "UPDATE";
    for (size_t i = 0; i < node->n_target_list; i++) {
        const PgQuery__ResTarget *target = node->target_list[i]->res_target;
        uint16_t column;
        TRY(resolve_column(binder, table, target, &column));
        if (exprs[column])
            return bind_fail(binder, -1, ERR_SYNTAX, "multiple assignments to same column \"%s\"", target->name);
        const PgQuery__Node *value = target->val;
        if (value->node_case == PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF)
            TRY(value_of_row(binder, value->multi_assign_ref, &value));
        if (value->node_case == PG_QUERY__NODE__NODE_SET_TO_DEFAULT) {
            TRY(bind_default(binder, &table->cols[column], &exprs[column]));
            continue;
        }
        TRY(bind_expr(block, value, &exprs[column]));
        TRY(assign(binder, &table->cols[column], &exprs[column]));
    }
    return true;
}

/* Old columns (hidden included), then new values of the visible ones, then those of RETURNING. */
static bool bind_update(struct binder *binder, const PgQuery__UpdateStmt *node, const struct object **table,
                        struct plan **plan)
{
    struct block block = {.binder = binder};
    struct others others = {.n = node->n_from_clause, .items = node->from_clause};
    TRY(check_target(binder, node->relation, "update", table));
    if (node->with_clause)
        TRY(bind_with(binder, node->with_clause, NULL));
    TRY(open_table(&block, *table, node->relation, &others, node->where_clause));
    uint16_t nold = (*table)->ncols, nwritten = (uint16_t)(nold + wr_object_shown(*table));
    uint16_t n = (uint16_t)(nwritten + (node->n_returning_list ? others.ncols : 0));
    struct expr **exprs = WR_NEW_ARRAY(binder->arena, struct expr *, n);
    const char **names = WR_NEW_ARRAY(binder->arena, const char *, n);
    struct expr ***all = WR_NEW_ARRAY(binder->arena, struct expr **, n);
    TRY(bind_set(&block, *table, node, exprs + nold));
    for (uint16_t i = 0; i < n; i++) {
        uint16_t column = (uint16_t)(i < nold ? i : i < nwritten ? i - nold : i - nwritten + nold);
        if (!exprs[i])
            exprs[i] = make_column(binder->arena, block.from.plan, column);
        names[i] = block.from.plan->cols[column].name;
        all[i] = &exprs[i];
    }
    bind_attach_scalars(&block, all, n);
    *plan = make_project(binder->arena, block.from.plan, exprs, names, n);
    if (others.n)
        *plan = once_per_row(binder, *table, *plan);
    struct returning returning = {.n = node->n_returning_list,
                                  .list = node->returning_list,
                                  .scope = block.from.scope,
                                  .table = *table,
                                  .first = nold,
                                  .nwritten = nwritten};
    for (uint16_t i = 0; i < returning.scope.n; i++) {
        struct scope_column *col = &returning.scope.cols[i];
        col->nullable |= col->column < nold; /* it has the new value */
        col->column = (uint16_t)(col->column + (col->column < nold ? nold : nwritten - nold));
    }
    return bind_returning(binder, &returning, plan);
}

static bool bind_delete(struct binder *binder, const PgQuery__DeleteStmt *node, const struct object **table,
                        struct plan **plan)
{
    struct block block = {.binder = binder};
    struct others others = {.n = node->n_using_clause, .items = node->using_clause};
    TRY(check_target(binder, node->relation, "delete from", table));
    if (node->with_clause)
        TRY(bind_with(binder, node->with_clause, NULL));
    TRY(open_table(&block, *table, node->relation, &others, node->where_clause));
    struct returning returning = {.n = node->n_returning_list,
                                  .list = node->returning_list,
                                  .scope = block.from.scope,
                                  .table = *table,
                                  .nwritten = (*table)->ncols};
    uint16_t n = (uint16_t)((*table)->ncols + (returning.n ? others.ncols : 0));
    if (block.from.plan->ncols == n && !others.n) {
        *plan = block.from.plan;
        return bind_returning(binder, &returning, plan);
    }
    struct expr **exprs = WR_NEW_ARRAY(binder->arena, struct expr *, n);
    const char **names = WR_NEW_ARRAY(binder->arena, const char *, n);
    for (uint16_t i = 0; i < n; i++) {
        exprs[i] = make_column(binder->arena, block.from.plan, i);
        names[i] = block.from.plan->cols[i].name;
    }
    *plan = make_project(binder->arena, block.from.plan, exprs, names, n);
    if (others.n)
        *plan = once_per_row(binder, *table, *plan);
    return bind_returning(binder, &returning, plan);
}

/* ---- entries */

bool wr_plan_bind_insert(struct planner *planner, const PgQuery__InsertStmt *insert, const struct object **table,
                         struct plan **plan, struct wr_error *err)
{
    struct binder binder;
    planner_binder(planner, err, &binder);
    return bind_insert(&binder, insert, table, plan) && bind_resolve_params(&binder) && wr_plan_verify(*plan, err);
}

bool wr_plan_bind_update(struct planner *planner, const PgQuery__UpdateStmt *update, const struct object **table,
                         struct plan **plan, struct wr_error *err)
{
    struct binder binder;
    planner_binder(planner, err, &binder);
    return bind_update(&binder, update, table, plan) && bind_resolve_params(&binder) && wr_plan_verify(*plan, err);
}

bool wr_plan_bind_delete(struct planner *planner, const PgQuery__DeleteStmt *del, const struct object **table,
                         struct plan **plan, struct wr_error *err)
{
    struct binder binder;
    planner_binder(planner, err, &binder);
    return bind_delete(&binder, del, table, plan) && bind_resolve_params(&binder) && wr_plan_verify(*plan, err);
}

bool wr_plan_bind_truncate(struct planner *planner, const PgQuery__RangeVar *name, const struct object **table,
                           struct plan **plan, struct wr_error *err)
{
    struct binder binder;
    PgQuery__RangeVar nowhere = *name; /* PostgreSQL gives no position */
    struct source source = {0};
    nowhere.location = -1;
    planner_binder(planner, err, &binder);
    TRY(wr_plan_relation(planner, &nowhere, table, err));
    if ((*table)->kind != OBJECT_TABLE)
        return bind_fail(&binder, -1, ERR_WRONG_OBJECT_TYPE, "\"%s\" is not a table", (*table)->name);
    TRY(check_target(&binder, &nowhere, "truncate", table));
    TRY(bind_scan(&binder, *table, wr_arena_strdup(planner->arena, (*table)->name), &source));
    *plan = source.plan;
    return true;
}

bool wr_plan_bind_expr(struct planner *planner, const PgQuery__Node *node, const struct object *relation,
                       struct type target, enum cast_context context, struct expr **expr, struct wr_error *err)
{
    struct binder binder;
    planner_binder(planner, err, &binder);
    struct block block = {.binder = &binder, .clause = "this expression"};
    if (relation)
        TRY(bind_scan(&binder, relation, wr_arena_strdup(planner->arena, relation->name), &block.from));
    TRY(bind_expr(&block, node, expr));
    if (target.id == TYPE_UNKNOWN)
        TRY(bind_coerce_unknown(&binder, expr));
    else
        TRY(bind_coerce(&binder, expr, target, context));
    return bind_resolve_params(&binder);
}
