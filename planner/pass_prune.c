/* Nodes carry only the columns that are used above them.
 *
 *   before  SELECT a.x FROM a JOIN b ON a.id = b.id          scans of all columns of a and b
 *   after   the same over a (id, x) and b (id)
 * Aggregates, ranks and projected expressions nobody reads go too. What an operator keeps in state (sides of joins,
 * TopN) is cut to what is read above it by a projection below it, if what is there is wider.
 *
 * A node of a view in which an expression can fail keeps what names its rows (error_key.c).
 *
 * A node keeps at least one column, the narrowest. Among rows that tie in a TopN's order the encoding of the pruned row
 * decides, so which of them is kept may depend on this pass; SQL leaves it open. */
#include <string.h>

#include "planner/passes.h"

struct pruning {
    struct wr_arena *arena;
    bool names_failures;  /* rows of weir_catalog.errors name the input row */
    bool spares_failures; /* what can fail is not chosen as the column that stays for nobody */
    bool changed;
};

/* Prunes the plan to the used columns, perhaps a few more; map[old column] = new one, UINT16_MAX if gone. */
static void prune(struct pruning *p, struct plan **at, const bool *used, uint16_t *map);

static bool *flags(struct pruning *p, uint32_t n)
{
    return WR_NEW_ARRAY(p->arena, bool, n);
}

static uint16_t *new_map(struct pruning *p, uint32_t n)
{
    return WR_NEW_ARRAY(p->arena, uint16_t, n);
}

static uint16_t count(const bool *used, uint16_t n)
{
    uint16_t k = 0;
    for (uint16_t i = 0; i < n; i++)
        k += used[i];
    return k;
}

static bool reads_column(const struct expr *expr, uint16_t column)
{
    if (expr->kind == EXPR_COLUMN)
        return expr->column == column;
    for (uint16_t i = 0; i < expr->nargs; i++)
        if (reads_column(expr->args[i], column))
            return true;
    return false;
}

static bool column_can_fail(const struct plan *plan, uint16_t column)
{
    switch (plan->kind) {
    case PLAN_PROJECT:
        return wr_expr_can_fail(plan->project.exprs[column]);
    case PLAN_FILTER:
        return column_can_fail(plan->inputs[0], column);
    case PLAN_UNION:
        for (uint16_t i = 0; i < plan->ninputs; i++)
            if (column_can_fail(plan->inputs[i], column))
                return true;
        return false;
    default:
        return false;
    }
}

/* What can fail must not be evaluated for nobody. */
static bool is_cheaper(const struct pruning *p, const struct plan *plan, uint16_t a, uint16_t b)
{
    bool fails_a = p->spares_failures && column_can_fail(plan, a);
    bool fails_b = p->spares_failures && column_can_fail(plan, b);
    if (fails_a != fails_b)
        return fails_b;
    return wr_type_info(plan->cols[a].type.id)->width < wr_type_info(plan->cols[b].type.id)->width;
}

/* Nobody reads the column: it may be NULL. */
static void blank(struct pruning *p, struct plan *plan, uint16_t column)
{
    struct datum null = {.type = plan->cols[column].type, .null = true};
    if (plan->kind == PLAN_PROJECT)
        plan->project.exprs[column] = wr_expr_const(p->arena, &null);
    else if (plan->kind == PLAN_FILTER && reads_column(plan->filter.predicate, column))
        return;
    plan->cols[column].nullable = true;
    for (uint16_t i = 0; i < plan->ninputs && plan->kind != PLAN_PROJECT; i++)
        blank(p, plan->inputs[i], column);
}

/* used, or the narrowest column if that is none */
static const bool *at_least_one(struct pruning *p, struct plan *plan, const bool *used)
{
    if (count(used, plan->ncols) || !plan->ncols)
        return used;
    bool *one = flags(p, plan->ncols);
    uint16_t best = 0;
    for (uint16_t i = 1; i < plan->ncols; i++)
        if (is_cheaper(p, plan, i, best))
            best = i;
    one[best] = true;
    if (p->spares_failures && column_can_fail(plan, best))
        blank(p, plan, best);
    return one;
}

/* Moves the used columns together; returns how many. */
static uint16_t compact(const bool *used, uint16_t n, uint16_t *map)
{
    uint16_t k = 0;
    for (uint16_t i = 0; i < n; i++)
        map[i] = used[i] ? k++ : UINT16_MAX;
    return k;
}

static void compact_columns(struct pruning *p, struct plan *plan, const uint16_t *map, uint16_t left)
{
    p->changed |= left != plan->ncols;
    for (uint16_t i = 0; i < plan->ncols; i++)
        if (map[i] != UINT16_MAX)
            plan->cols[map[i]] = plan->cols[i];
    plan->ncols = left;
}

/* The output columns are the input's: take them over, with this node's names and nullability. */
static void adopt(struct pruning *p, struct plan *plan, const uint16_t *map, uint16_t first, uint16_t n)
{
    const struct plan_column *old = plan->cols;
    const struct plan *input = plan->inputs[0];
    struct plan_column *cols = WR_NEW_ARRAY(p->arena, struct plan_column, input->ncols + (plan->ncols - n));
    memcpy(cols, input->cols, input->ncols * sizeof(cols[0]));
    for (uint16_t i = first; i < n; i++)
        if (map[i] != UINT16_MAX)
            cols[map[i]] = old[i];
    plan->cols = cols;
    plan->ncols = input->ncols;
}

/* prune(), and a projection if columns are left that nobody asked for. */
static void prune_exact(struct pruning *p, struct plan **at, const bool *used, uint16_t *map)
{
    uint16_t n = (*at)->ncols;
    used = at_least_one(p, *at, used);
    prune(p, at, used, map);
    uint16_t want = count(used, n);
    if ((*at)->ncols == want)
        return;
    struct expr **exprs = WR_NEW_ARRAY(p->arena, struct expr *, want);
    const char **names = WR_NEW_ARRAY(p->arena, const char *, want);
    uint16_t k = 0;
    for (uint16_t i = 0; i < n; i++) {
        if (!used[i])
            continue;
        exprs[k] = make_column(p->arena, *at, map[i]);
        names[k] = (*at)->cols[map[i]].name;
        map[i] = k++;
    }
    for (uint16_t i = 0; i < n; i++)
        if (!used[i])
            map[i] = UINT16_MAX;
    *at = make_project(p->arena, *at, exprs, names, want);
    p->changed = true;
}

static void need_error_key(const struct pruning *p, const struct plan *plan, bool *need)
{
    if (p->names_failures && plan_can_fail(plan))
        plan_error_columns(plan, need);
}

static void prune_scan(struct pruning *p, struct plan *plan, const bool *used, uint16_t *map)
{
    uint16_t left = compact(used, plan->ncols, map);
    for (uint16_t i = 0; i < plan->ncols; i++)
        if (used[i])
            plan->scan.columns[map[i]] = plan->scan.columns[i];
    compact_columns(p, plan, map, left);
}

static void prune_values(struct pruning *p, struct plan *plan, const bool *used, uint16_t *map)
{
    uint16_t left = compact(used, plan->ncols, map), n = plan->ncols;
    if (left != n) {
        struct expr **exprs = WR_NEW_ARRAY(p->arena, struct expr *, (size_t)plan->values.nrows * left);
        for (uint32_t r = 0; r < plan->values.nrows; r++)
            for (uint16_t i = 0; i < n; i++)
                if (used[i])
                    exprs[(size_t)r * left + map[i]] = plan->values.exprs[(size_t)r * n + i];
        plan->values.exprs = exprs;
    }
    compact_columns(p, plan, map, left);
}

static void prune_filter(struct pruning *p, struct plan *plan, const bool *used, uint16_t *map)
{
    uint16_t n = plan->ncols;
    bool *need = flags(p, n);
    memcpy(need, used, n * sizeof(bool));
    wr_expr_columns(plan->filter.predicate, need);
    need_error_key(p, plan, need);
    prune(p, &plan->inputs[0], at_least_one(p, plan, need), map);
    plan->filter.predicate = wr_expr_remap(p->arena, plan->filter.predicate, map);
    adopt(p, plan, map, 0, n);
}

static void prune_project(struct pruning *p, struct plan *plan, const bool *used, uint16_t *map)
{
    uint16_t left = compact(used, plan->ncols, map);
    uint16_t ninput = plan->inputs[0]->ncols;
    bool *need = flags(p, ninput);
    uint16_t *inner = new_map(p, ninput);
    for (uint16_t i = 0; i < plan->ncols; i++)
        if (used[i])
            wr_expr_columns(plan->project.exprs[i], need);
    need_error_key(p, plan, need);
    prune(p, &plan->inputs[0], at_least_one(p, plan->inputs[0], need), inner);
    for (uint16_t i = 0; i < plan->ncols; i++)
        if (used[i])
            plan->project.exprs[map[i]] = wr_expr_remap(p->arena, plan->project.exprs[i], inner);
    compact_columns(p, plan, map, left);
}

static void prune_join(struct pruning *p, struct plan *plan, const bool *used, uint16_t *map)
{
    uint16_t nleft = plan->inputs[0]->ncols, nright = plan->inputs[1]->ncols, nout = plan->ncols;
    bool *need = flags(p, (uint32_t)nleft + nright);
    memcpy(need, used, nout * sizeof(bool));
    for (uint16_t k = 0; k < plan->join.nkeys; k++) {
        need[plan->join.left_keys[k]] = true;
        need[nleft + plan->join.right_keys[k]] = true;
    }
    if (plan->join.condition)
        wr_expr_columns(plan->join.condition, need);
    need_error_key(p, plan, need);
    uint16_t *both = new_map(p, (uint32_t)nleft + nright);
    prune_exact(p, &plan->inputs[0], need, both);
    prune_exact(p, &plan->inputs[1], need + nleft, both + nleft);
    for (uint16_t k = 0; k < plan->join.nkeys; k++) {
        plan->join.left_keys[k] = both[plan->join.left_keys[k]];
        plan->join.right_keys[k] = both[nleft + plan->join.right_keys[k]];
    }
    for (uint16_t i = nleft; i < nleft + nright; i++)
        if (both[i] != UINT16_MAX)
            both[i] = (uint16_t)(both[i] + plan->inputs[0]->ncols);
    if (plan->join.condition)
        plan->join.condition = wr_expr_remap(p->arena, plan->join.condition, both);
    struct plan_column *old = plan->cols;
    struct plan *fresh = make_join(p->arena, (enum join_type)plan->join.type, plan->inputs[0], plan->inputs[1], NULL);
    plan->cols = fresh->cols;
    plan->ncols = fresh->ncols;
    for (uint16_t i = 0; i < nout; i++) {
        map[i] = both[i];
        if (map[i] != UINT16_MAX)
            plan->cols[map[i]] = old[i];
    }
}

static void prune_aggregate(struct pruning *p, struct plan *plan, const bool *used, uint16_t *map)
{
    uint16_t ngroup = plan->aggregate.ngroup, ninput = plan->inputs[0]->ncols;
    bool *keep = flags(p, plan->ncols), *need = flags(p, ninput);
    for (uint16_t i = 0; i < plan->ncols; i++)
        keep[i] = i < ngroup || used[i];
    if (!count(keep, plan->ncols))
        keep[0] = true;
    uint16_t left = compact(keep, plan->ncols, map), naggs = 0;
    for (uint16_t i = 0; i < plan->aggregate.naggs; i++)
        if (keep[ngroup + i])
            plan->aggregate.aggs[naggs++] = plan->aggregate.aggs[i];
    plan->aggregate.naggs = naggs;
    for (uint16_t i = 0; i < ngroup; i++)
        need[plan->aggregate.group[i]] = true;
    for (uint16_t i = 0; i < naggs; i++) {
        if (plan->aggregate.aggs[i].arg >= 0)
            need[plan->aggregate.aggs[i].arg] = true;
        if (plan->aggregate.aggs[i].filter >= 0)
            need[plan->aggregate.aggs[i].filter] = true;
    }
    uint16_t *inner = new_map(p, ninput);
    prune(p, &plan->inputs[0], at_least_one(p, plan->inputs[0], need), inner);
    for (uint16_t i = 0; i < ngroup; i++)
        plan->aggregate.group[i] = inner[plan->aggregate.group[i]];
    for (uint16_t i = 0; i < naggs; i++) {
        struct plan_agg *agg = &plan->aggregate.aggs[i];
        agg->arg = agg->arg >= 0 ? inner[agg->arg] : -1;
        agg->filter = agg->filter >= 0 ? inner[agg->filter] : -1;
    }
    compact_columns(p, plan, map, left);
}

static void prune_topn(struct pruning *p, struct plan *plan, const bool *used, uint16_t *map)
{
    uint16_t ninput = plan->inputs[0]->ncols;
    bool *need = flags(p, ninput);
    memcpy(need, used, ninput * sizeof(bool));
    for (uint16_t i = 0; i < plan->topn.npartition; i++)
        need[plan->topn.partition[i]] = true;
    for (uint16_t i = 0; i < plan->topn.norder; i++)
        need[plan->topn.order[i].column] = true;
    prune_exact(p, &plan->inputs[0], need, map);
    for (uint16_t i = 0; i < plan->topn.npartition; i++)
        plan->topn.partition[i] = map[plan->topn.partition[i]];
    for (uint16_t i = 0; i < plan->topn.norder; i++)
        plan->topn.order[i].column = map[plan->topn.order[i].column];
    struct plan_column rank = plan->topn.emit_rank ? plan->cols[ninput] : plan->cols[0];
    bool had_rank = plan->topn.emit_rank;
    adopt(p, plan, map, 0, ninput);
    if (had_rank && used[ninput]) {
        map[ninput] = plan->ncols;
        plan->cols[plan->ncols++] = rank;
    } else if (had_rank) {
        map[ninput] = UINT16_MAX;
        plan->topn.emit_rank = false;
        p->changed = true;
    }
}

/* A TopN without bounds whose rank nobody reads passes every row. */
static bool is_idle_topn(const struct plan *plan)
{
    return plan->kind == PLAN_TOPN && !plan->topn.emit_rank && plan->topn.limit < 0 && !plan->topn.offset &&
           !plan->topn.limit_expr && !plan->topn.offset_expr;
}

static void prune_sort(struct pruning *p, struct plan *plan, const bool *used, uint16_t *map)
{
    uint16_t n = plan->ncols;
    bool *need = flags(p, n);
    memcpy(need, used, n * sizeof(bool));
    for (uint16_t i = 0; i < plan->sort.norder; i++)
        need[plan->sort.order[i].column] = true;
    prune(p, &plan->inputs[0], need, map);
    for (uint16_t i = 0; i < plan->sort.norder; i++)
        plan->sort.order[i].column = map[plan->sort.order[i].column];
    adopt(p, plan, map, 0, n);
}

static void prune_union(struct pruning *p, struct plan *plan, const bool *used, uint16_t *map)
{
    for (uint16_t i = 0; i < plan->ninputs; i++)
        prune_exact(p, &plan->inputs[i], used, map);
    compact_columns(p, plan, map, compact(used, plan->ncols, map));
}

static void prune_all(struct pruning *p, struct plan *plan, uint16_t *map)
{
    bool *all = flags(p, plan->ncols);
    memset(all, true, plan->ncols * sizeof(bool));
    for (uint16_t i = 0; i < plan->ninputs; i++)
        prune_exact(p, &plan->inputs[i], all, map);
}

static void prune(struct pruning *p, struct plan **at, const bool *used, uint16_t *map)
{
    struct plan *plan = *at;
    used = at_least_one(p, plan, used);
    switch ((enum plan_kind)plan->kind) {
    case PLAN_SCAN:
        prune_scan(p, plan, used, map);
        break;
    case PLAN_VALUES:
        prune_values(p, plan, used, map);
        break;
    case PLAN_FILTER:
        prune_filter(p, plan, used, map);
        break;
    case PLAN_PROJECT:
        prune_project(p, plan, used, map);
        break;
    case PLAN_JOIN:
        prune_join(p, plan, used, map);
        break;
    case PLAN_AGGREGATE:
        prune_aggregate(p, plan, used, map);
        break;
    case PLAN_TOPN:
        prune_topn(p, plan, used, map);
        if (is_idle_topn(plan))
            *at = plan->inputs[0];
        break;
    case PLAN_SORT:
        prune_sort(p, plan, used, map);
        break;
    case PLAN_UNION:
        prune_union(p, plan, used, map);
        break;
    case PLAN_DISTINCT:
    case PLAN_EXCHANGE:
    case PLAN_KIND_COUNT:
        prune_all(p, plan, map);
        break;
    }
}

bool pass_prune(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    struct pruning p = {.arena = planner->arena};
    (void)err;
    p.names_failures = planner->streaming && planner->version >= 2;
    p.spares_failures = planner->version >= 2;
    if (p.names_failures)
        plan_properties(planner, *plan);
    uint16_t n = (*plan)->ncols;
    bool *all = flags(&p, n);
    memset(all, true, n * sizeof(bool));
    prune(&p, plan, all, new_map(&p, (uint32_t)n + 1));
    *changed = p.changed;
    return true;
}
