/* The planner's entries: binding a query, small questions about plans. Optimisation is in passes.c. */
#include "planner/planner.h"

#include "planner/bind.h"

void planner_binder(struct planner *planner, struct wr_error *err, struct binder *binder)
{
    wr_error_clear(err);
    *binder = (struct binder){.planner = planner, .arena = planner->arena, .err = err, .text = planner->text};
    binder->relations = WR_NEW(planner->arena, int);
}

bool wr_plan_bind_query(struct planner *planner, const PgQuery__Node *query, struct plan **plan, struct wr_error *err)
{
    struct binder binder;
    planner_binder(planner, err, &binder);
    if (query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return bind_unsupported(&binder, -1, "this statement as a query");
    TRY(bind_select(&binder, query->select_stmt, &(struct select_mode){.top = true}, plan));
    TRY(bind_resolve_params(&binder));
    return wr_plan_verify(*plan, err);
}

bool wr_plan_bind_text(struct planner *planner, const char *query, struct plan **plan, struct wr_error *err)
{
    struct statement *statement;
    size_t offset = 0;
    const char *text = planner->text;
    TRY(wr_parse_next(planner->arena, query, strlen(query), &offset, &statement, err));
    if (!statement)
        return wr_fail(err, ERR_SYNTAX, "query is empty");
    planner->text = query;
    bool ok = wr_plan_check_statement(planner, statement, err);
    if (ok && !statement->node)
        ok = wr_fail(err, ERR_INTERNAL, "stored text is not a query");
    ok = ok && wr_plan_bind_query(planner, statement->node, plan, err);
    planner->text = text;
    wr_statement_free(statement);
    return ok;
}

bool wr_plan_check_statement(struct planner *planner, const struct statement *statement, struct wr_error *err)
{
    struct binder binder;
    planner_binder(planner, err, &binder);
    if (statement->emit)
        return bind_unsupported(&binder, statement->emit_location, "EMIT %s", statement->emit);
    if (statement->as_of_proctime)
        return bind_unsupported(&binder, statement->as_of_proctime_location, "FOR SYSTEM_TIME AS OF PROCTIME()");
    return bind_check_clauses(&binder, statement);
}

const char *wr_plan_input_name(struct wr_arena *arena, const PgQuery__RangeVar *name)
{
    bool schema = name->schemaname && *name->schemaname;
    return schema ? wr_arena_printf(arena, "%s.%s", name->schemaname, name->relname)
                  : wr_arena_strdup(arena, name->relname);
}

const struct object_input *wr_plan_input(const struct planner *planner, const PgQuery__RangeVar *name)
{
    const struct object *stored = planner->stored;
    if (!stored || !stored->ninputs)
        return NULL;
    const char *written = wr_plan_input_name(planner->arena, name);
    for (uint16_t i = 0; i < stored->ninputs; i++)
        if (!strcmp(stored->inputs[i].name, written))
            return &stored->inputs[i];
    return NULL;
}

bool wr_plan_relation(struct planner *planner, const PgQuery__RangeVar *name, const struct object **object,
                      struct wr_error *err)
{
    bool schema = name->schemaname && *name->schemaname;
    const struct object_input *input = wr_plan_input(planner, name);
    *object = input ? wr_catalog_get(planner->catalog, input->id) : NULL;
    if (*object)
        return true;
    *object = wr_catalog_find(planner->catalog, schema ? name->schemaname : NULL, name->relname);
    if (*object)
        return true;
    wr_fail(err, ERR_UNDEFINED_TABLE, "relation \"%s%s%s\" does not exist", schema ? name->schemaname : "",
            schema ? "." : "", name->relname);
    struct binder binder = {.err = err, .text = planner->text};
    return bind_at(&binder, name->location);
}

static size_t add_relations(const struct plan *plan, uint32_t *ids, size_t max, size_t n)
{
    if (plan->kind == PLAN_SCAN) {
        size_t known = 0;
        while (known < n && known < max && ids[known] != plan->scan.object)
            known++;
        if (known < n && known < max)
            return n;
        if (n < max)
            ids[n] = plan->scan.object;
        return n + 1;
    }
    for (uint16_t i = 0; i < plan->ninputs; i++)
        n = add_relations(plan->inputs[i], ids, max, n);
    return n;
}

size_t wr_plan_relations(const struct plan *plan, uint32_t *ids, size_t max)
{
    return add_relations(plan, ids, max, 0);
}

/* ---- parameters */

struct params {
    struct wr_arena *arena;
    const struct datum *values;
    int n;
};

/* Was there any? Then tests of one column that were written as a list may be one after all. */
static bool set_expr(const struct params *params, struct expr **expr)
{
    struct expr *at = *expr;
    bool any = false;
    if (!at)
        return false;
    *expr = at = bind_expand_list(params->arena, at, params->values, params->n);
    if (at->kind == EXPR_PARAM && at->param <= params->n) {
        struct datum value = params->values[at->param - 1];
        value.type = at->type;
        *expr = wr_expr_const(params->arena, &value);
        return true;
    }
    for (uint16_t i = 0; i < at->nargs; i++)
        any |= set_expr(params, &at->args[i]);
    if (any && (at->kind == EXPR_OR || at->kind == EXPR_AND))
        *expr = bind_gather_list(params->arena, at);
    return any;
}

static void set_plan(const struct params *params, struct plan *plan)
{
    switch (plan->kind) {
    case PLAN_VALUES:
        for (size_t i = 0; i < (size_t)plan->values.nrows * plan->ncols; i++)
            set_expr(params, &plan->values.exprs[i]);
        break;
    case PLAN_FILTER:
        set_expr(params, &plan->filter.predicate);
        break;
    case PLAN_PROJECT:
        for (uint16_t i = 0; i < plan->ncols; i++)
            set_expr(params, &plan->project.exprs[i]);
        break;
    case PLAN_JOIN:
        set_expr(params, &plan->join.condition);
        break;
    case PLAN_TOPN:
        set_expr(params, &plan->topn.limit_expr);
        set_expr(params, &plan->topn.offset_expr);
        break;
    default:
        break;
    }
    for (uint16_t i = 0; i < plan->ninputs; i++)
        set_plan(params, plan->inputs[i]);
}

void wr_plan_set_params(struct wr_arena *arena, struct plan *plan, const struct datum *values, int n)
{
    set_plan(&(struct params){arena, values, n}, plan);
}

static bool set_bound(struct planner *planner, struct expr **expr, int64_t *bound, int64_t none, const char *sqlstate,
                      const char *clause, struct wr_error *err)
{
    if (!*expr || !wr_expr_is_const(*expr))
        return true;
    struct datum value;
    TRY(wr_evaluate_const(planner->arena, *expr, planner->io, (int64_t)planner->transaction_now_us, &value, err));
    *expr = NULL;
    *bound = value.null ? none : value.i64;
    return value.null || *bound >= 0 || wr_fail(err, sqlstate, "%s must not be negative", clause);
}

bool wr_plan_set_bounds(struct planner *planner, struct plan *plan, struct wr_error *err)
{
    if (plan->kind == PLAN_TOPN)
        TRY(set_bound(planner, &plan->topn.limit_expr, &plan->topn.limit, -1, ERR_ROW_COUNT_LIMIT, "LIMIT", err) &&
            set_bound(planner, &plan->topn.offset_expr, &plan->topn.offset, 0, ERR_ROW_COUNT_OFFSET, "OFFSET", err));
    for (uint16_t i = 0; i < plan->ninputs; i++)
        TRY(wr_plan_set_bounds(planner, plan->inputs[i], err));
    return true;
}
