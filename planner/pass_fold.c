/* Constants computed once.
 *
 *   before  SELECT a FROM t WHERE a > 1 + 2 AND true
 *   after   SELECT a FROM t WHERE a > 3
 *   before  SELECT a FROM t WHERE false
 *   after   VALUES of no rows
 *
 * An expression whose evaluation fails stays: it fails where, and only if, it is evaluated. Parameters and volatile
 * functions are not constant. */
#include "planner/passes.h"

/* Rows of VALUES worth the trouble: large INSERTs are evaluated once anyway. */
#define VALUES_ROWS_MAX 64

struct folding {
    struct planner *planner;
    bool changed;
};

static bool is_const_bool(const struct expr *expr, bool value)
{
    return expr->kind == EXPR_CONST && !expr->value.null && expr->type.id == TYPE_BOOL && expr->value.b == value;
}

static struct expr *make_bool(struct folding *f, bool value)
{
    struct datum datum = {.type = TYPE(TYPE_BOOL), .b = value};
    return wr_expr_const(f->planner->arena, &datum);
}

static bool evaluate(struct folding *f, struct expr **expr)
{
    struct datum value;
    struct wr_error ignored;
    if ((*expr)->kind == EXPR_CONST || !wr_expr_is_const(*expr))
        return false;
    if (!wr_evaluate_const(f->planner->arena, *expr, f->planner->io, (int64_t)f->planner->transaction_now_us, &value,
                           &ignored))
        return false;
    int location = (*expr)->location;
    value.type = (*expr)->type;
    *expr = wr_expr_const(f->planner->arena, &value);
    (*expr)->location = location;
    f->changed = true;
    return true;
}

/* AND: true arguments go, a false one decides. OR the other way round. Order is kept. */
static void fold_logic(struct folding *f, struct expr **expr)
{
    bool neutral = (*expr)->kind == EXPR_AND;
    uint16_t n = 0;
    struct expr **args = WR_NEW_ARRAY(f->planner->arena, struct expr *, (*expr)->nargs);
    for (uint16_t i = 0; i < (*expr)->nargs; i++) {
        struct expr *arg = (*expr)->args[i];
        if (is_const_bool(arg, !neutral)) {
            *expr = make_bool(f, !neutral);
            f->changed = true;
            return;
        }
        if (!is_const_bool(arg, neutral))
            args[n++] = arg;
    }
    if (n == (*expr)->nargs)
        return;
    f->changed = true;
    if (n == 0)
        *expr = make_bool(f, neutral);
    else
        *expr = n == 1 ? args[0] : wr_expr_nary(f->planner->arena, (enum expr_kind)(*expr)->kind, args, n);
}

static void fold_case(struct folding *f, struct expr **expr)
{
    struct expr *old = *expr;
    uint16_t n = 0;
    struct expr **args = WR_NEW_ARRAY(f->planner->arena, struct expr *, old->nargs);
    for (uint16_t i = 0; i < old->nargs; i += 2) {
        bool is_else = i + 1 == old->nargs;
        bool never = !is_else && old->args[i]->kind == EXPR_CONST && !is_const_bool(old->args[i], true);
        bool always = !is_else && is_const_bool(old->args[i], true);
        if (never)
            continue;
        if (!is_else && !always)
            args[n++] = old->args[i];
        args[n++] = old->args[always ? i + 1 : is_else ? i : i + 1];
        if (always)
            break;
    }
    if (n == old->nargs)
        return;
    f->changed = true;
    if (n == 0) {
        struct datum null = {.type = old->type, .null = true};
        *expr = wr_expr_const(f->planner->arena, &null);
        return;
    }
    if (n == 1) {
        *expr = args[0];
        return;
    }
    struct expr *copy = WR_NEW(f->planner->arena, struct expr);
    *copy = *old;
    copy->args = args;
    copy->nargs = n;
    *expr = copy;
}

static void fold_expr(struct folding *f, struct expr **expr)
{
    if (evaluate(f, expr))
        return;
    for (uint16_t i = 0; i < (*expr)->nargs; i++)
        fold_expr(f, &(*expr)->args[i]);
    if ((*expr)->kind == EXPR_AND || (*expr)->kind == EXPR_OR)
        fold_logic(f, expr);
    else if ((*expr)->kind == EXPR_CASE)
        fold_case(f, expr);
    else if ((*expr)->kind == EXPR_IS_NULL && !(*expr)->args[0]->nullable && !wr_expr_can_fail((*expr)->args[0])) {
        *expr = make_bool(f, (*expr)->negated);
        f->changed = true;
    }
}

static struct plan *make_empty(struct wr_arena *arena, const struct plan *like)
{
    struct plan *plan = wr_plan_new(arena, PLAN_VALUES, like->ncols, 0);
    memcpy(plan->cols, like->cols, like->ncols * sizeof(like->cols[0]));
    return plan;
}

static void fold_filter(struct folding *f, struct plan **plan)
{
    struct expr *predicate = (*plan)->filter.predicate;
    if (predicate->kind != EXPR_CONST)
        return;
    f->changed = true;
    if (is_const_bool(predicate, true))
        *plan = (*plan)->inputs[0];
    else
        *plan = make_empty(f->planner->arena, *plan);
}

static void fold_plan(struct folding *f, struct plan **at)
{
    struct plan *plan = *at;
    for (uint16_t i = 0; i < plan->ninputs; i++)
        fold_plan(f, &plan->inputs[i]);
    switch (plan->kind) {
    case PLAN_FILTER:
        fold_expr(f, &plan->filter.predicate);
        fold_filter(f, at);
        break;
    case PLAN_PROJECT:
        for (uint16_t i = 0; i < plan->ncols; i++)
            fold_expr(f, &plan->project.exprs[i]);
        break;
    case PLAN_JOIN:
        if (!plan->join.condition)
            break;
        fold_expr(f, &plan->join.condition);
        if (is_const_bool(plan->join.condition, true))
            plan->join.condition = NULL;
        break;
    case PLAN_VALUES:
        for (size_t i = 0; plan->values.nrows <= VALUES_ROWS_MAX && i < (size_t)plan->values.nrows * plan->ncols; i++)
            fold_expr(f, &plan->values.exprs[i]);
        break;
    default:
        break;
    }
}

bool pass_fold(struct planner *planner, struct plan **plan, bool *changed, struct wr_error *err)
{
    struct folding f = {.planner = planner};
    (void)err;
    fold_plan(&f, plan);
    *changed = f.changed;
    return true;
}
