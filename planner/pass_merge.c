/* Neighbouring nodes of one kind become one.
 *
 *   before  SELECT x + 1 FROM (SELECT a * 2 AS x FROM t) s        Project over Project
 *   after   SELECT a * 2 + 1 FROM t
 *   before  Filter over Filter                                    after  one, the lower's conditions first
 *   before  Project of all columns as they are                    after  its input
 *   before  Project over one constant row                         after  that row
 *   before  Aggregate over Project of mere columns                after  Aggregate over the Project's input
 *
 * A computed column is substituted only where it is used once: computing it twice costs, and would report its errors
 * twice. One that can fail is NULL where it fails, in a view: it goes only into what a NULL makes NULL. (COALESCE(x, 0)
 * over a failed x is 0; COALESCE(1 / 0, 0) fails.) */
#include "planner/passes.h"

/* In a view failures are data. (Views of older versions are planned as they were.) */
static bool keeps_failures(const struct planner *planner)
{
    return planner->streaming && planner->version >= 2;
}

static bool merge_filters(struct wr_arena *arena, struct plan **at)
{
    struct plan *top = *at, *below = top->inputs[0];
    if (below->kind != PLAN_FILTER)
        return false;
    struct expr **low, **high;
    uint16_t nlow = split_and(arena, below->filter.predicate, &low);
    uint16_t nhigh = split_and(arena, top->filter.predicate, &high);
    if (nlow + nhigh > UINT16_MAX)
        return false;
    struct expr **all = WR_NEW_ARRAY(arena, struct expr *, nlow + nhigh);
    memcpy(all, low, nlow * sizeof(low[0]));
    memcpy(all + nlow, high, nhigh * sizeof(high[0]));
    below->filter.predicate = make_and(arena, all, (uint16_t)(nlow + nhigh));
    memcpy(below->cols, top->cols, top->ncols * sizeof(top->cols[0]));
    *at = below;
    return true;
}

static void count_uses(const struct expr *expr, uint16_t *uses)
{
    if (expr->kind == EXPR_COLUMN && uses[expr->column] < UINT16_MAX)
        uses[expr->column]++;
    for (uint16_t i = 0; i < expr->nargs; i++)
        count_uses(expr->args[i], uses);
}

/* Marks columns whose NULL does not make the whole expression NULL. */
static void find_lenient(const struct expr *expr, bool lenient, bool *columns)
{
    bool strict = expr->kind == EXPR_NOT || (expr->kind == EXPR_CALL && (expr->fn->flags & FN_STRICT));
    if (expr->kind == EXPR_COLUMN)
        columns[expr->column] |= lenient;
    for (uint16_t i = 0; i < expr->nargs; i++)
        find_lenient(expr->args[i], lenient || !strict, columns);
}

static bool merge_projects(struct planner *planner, struct plan **at)
{
    struct wr_arena *arena = planner->arena;
    struct plan *top = *at, *below = top->inputs[0];
    if (below->kind != PLAN_PROJECT)
        return false;
    uint16_t *uses = WR_NEW_ARRAY(arena, uint16_t, below->ncols);
    bool *lenient = WR_NEW_ARRAY(arena, bool, below->ncols);
    for (uint16_t i = 0; i < top->ncols; i++) {
        count_uses(top->project.exprs[i], uses);
        if (keeps_failures(planner))
            find_lenient(top->project.exprs[i], false, lenient);
    }
    for (uint16_t i = 0; i < below->ncols; i++) {
        const struct expr *expr = below->project.exprs[i];
        bool cheap = expr->kind == EXPR_COLUMN || expr->kind == EXPR_CONST || expr->kind == EXPR_PARAM;
        if ((uses[i] > 1 && !cheap) || (lenient[i] && wr_expr_can_fail(expr)))
            return false;
    }
    for (uint16_t i = 0; i < top->ncols; i++)
        top->project.exprs[i] = wr_expr_substitute(arena, top->project.exprs[i], below->project.exprs);
    top->inputs[0] = below->inputs[0];
    return true;
}

static bool drop_identity(struct plan **at)
{
    struct plan *plan = *at, *input = plan->inputs[0];
    if (plan->ncols != input->ncols)
        return false;
    for (uint16_t i = 0; i < plan->ncols; i++)
        if (plan->project.exprs[i]->kind != EXPR_COLUMN || plan->project.exprs[i]->column != i ||
            !wr_type_same(plan->cols[i].type, input->cols[i].type))
            return false;
    for (uint16_t i = 0; i < plan->ncols; i++) {
        input->cols[i].name = plan->cols[i].name;
        input->cols[i].type = plan->cols[i].type; /* varchar or text: as shown */
    }
    *at = input;
    return true;
}

/* SELECT without FROM. */
static bool merge_values(struct planner *planner, struct plan **at)
{
    struct wr_arena *arena = planner->arena;
    struct plan *plan = *at, *input = plan->inputs[0];
    if (input->kind != PLAN_VALUES || input->values.nrows != 1)
        return false;
    for (uint16_t i = 0; keeps_failures(planner) && i < input->ncols; i++)
        if (wr_expr_can_fail(input->values.exprs[i]))
            return false;
    struct plan *values = wr_plan_new(arena, PLAN_VALUES, plan->ncols, 0);
    memcpy(values->cols, plan->cols, plan->ncols * sizeof(plan->cols[0]));
    values->values.nrows = 1;
    values->values.exprs = WR_NEW_ARRAY(arena, struct expr *, plan->ncols);
    for (uint16_t i = 0; i < plan->ncols; i++)
        values->values.exprs[i] = wr_expr_substitute(arena, plan->project.exprs[i], input->values.exprs);
    *at = values;
    return true;
}

/* An aggregate reads columns by number: a projection that only chooses columns is not needed below it. */
static bool skip_project(struct plan *plan)
{
    const struct plan *below = plan->inputs[0];
    if (below->kind != PLAN_PROJECT)
        return false;
    for (uint16_t i = 0; i < below->ncols; i++)
        if (below->project.exprs[i]->kind != EXPR_COLUMN)
            return false;
    for (uint16_t i = 0; i < plan->aggregate.ngroup; i++)
        plan->aggregate.group[i] = below->project.exprs[plan->aggregate.group[i]]->column;
    for (uint16_t i = 0; i < plan->aggregate.naggs; i++) {
        struct plan_agg *agg = &plan->aggregate.aggs[i];
        agg->arg = agg->arg >= 0 ? below->project.exprs[agg->arg]->column : -1;
        agg->filter = agg->filter >= 0 ? below->project.exprs[agg->filter]->column : -1;
    }
    plan->inputs[0] = below->inputs[0];
    return true;
}

static void merge_plan(struct planner *planner, struct plan **at, bool *changed)
{
    for (uint16_t i = 0; i < (*at)->ninputs; i++)
        merge_plan(planner, &(*at)->inputs[i], changed);
    bool did = true;
    while (did) {
        did = false;
        if ((*at)->kind == PLAN_FILTER)
            did = merge_filters(planner->arena, at);
        else if ((*at)->kind == PLAN_PROJECT)
            did = drop_identity(at) || merge_projects(planner, at) || merge_values(planner, at);
        else if ((*at)->kind == PLAN_AGGREGATE)
            did = skip_project(*at);
        *changed |= did;
    }
}

bool pass_merge(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    (void)err;
    merge_plan(planner, plan, changed);
    return true;
}
