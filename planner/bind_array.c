/* x op ANY (list), x op ALL (list). There is no array type yet: the list is written out, a literal, or a parameter, and
 * what is planned is its meaning, x op item1 OR x op item2 ... (AND for ALL); equality becomes an IN list.
 *
 * A parameter's items are known when it is: until then OR / AND stands over one comparison with the parameter itself,
 * which bind_expand_list() repeats for each item. */
#include <string.h>

#include "functions/fn.h"
#include "planner/bind.h"
#include "types/array_io.h"

static struct expr *combine(struct wr_arena *arena, enum expr_kind kind, struct expr **tests, uint32_t n);

struct list {
    size_t n;
    struct expr **items;
    struct expr *param; /* instead of items */
};

static bool from_items(struct binder *binder, const struct array_items *items, int location, struct list *list)
{
    list->n = items->n;
    list->items = WR_NEW_ARRAY(binder->arena, struct expr *, items->n + 1);
    for (uint32_t i = 0; i < items->n; i++) {
        list->items[i] = wr_expr_const(binder->arena, &items->items[i]);
        list->items[i]->location = location;
    }
    return true;
}

static bool from_literal(struct binder *binder, const PgQuery__AConst *node, struct type element, struct list *list)
{
    struct array_items items;
    const char *text = node->val_case == PG_QUERY__A__CONST__VAL_SVAL ? node->sval->sval : NULL;
    if (!text)
        return bind_fail(binder, node->location, "42809", "op ANY/ALL (array) requires array on right side");
    if (!wr_array_in(binder->arena, element, text, strlen(text), binder->planner->io, &items, binder->err))
        return bind_at(binder, node->location);
    return from_items(binder, &items, node->location, list);
}

static bool from_param(struct block *block, const PgQuery__Node *node, struct type element, struct list *list)
{
    struct binder *binder = block->binder;
    struct expr *param;
    TRY(bind_expr(block, node, &param));
    struct type *known = &binder->planner->param_types[param->param - 1];
    if (!known->id) {
        *known = element;
        known->array = true;
    }
    if (!known->array)
        return bind_fail(binder, param->location, "42809", "op ANY/ALL (array) requires array on right side");
    param->type = *known;
    list->param = param;
    return true;
}

/* The type before the brackets of `type[]`. */
static bool element_type(struct binder *binder, const PgQuery__TypeName *name, struct type *type)
{
    PgQuery__TypeName plain = *name;
    plain.n_array_bounds = 0;
    return bind_type_name(binder, &plain, type);
}

/* ARRAY[...]; without a cast its items are given one type first, literals alone text. */
static bool bind_written(struct block *block, const PgQuery__AArrayExpr *node, bool cast, struct list *list)
{
    struct binder *binder = block->binder;
    struct type type;
    list->n = node->n_elements;
    list->items = WR_NEW_ARRAY(binder->arena, struct expr *, list->n + 1);
    for (size_t i = 0; i < list->n; i++)
        TRY(bind_expr(block, node->elements[i], &list->items[i]));
    if (cast)
        return true;
    if (!list->n)
        return bind_fail(binder, node->location, ERR_INDETERMINATE_DATATYPE, "cannot determine type of empty array");
    TRY(bind_coerce_common(binder, list->items, (uint32_t)list->n, "ARRAY", &type));
    for (size_t i = 0; i < list->n; i++)
        TRY(bind_coerce_unknown(binder, &list->items[i]));
    return true;
}

static bool bind_list(struct block *block, const PgQuery__Node *node, struct type element, struct list *list);

static bool bind_array_cast(struct block *block, const PgQuery__TypeCast *cast, struct list *list)
{
    struct type element;
    TRY(element_type(block->binder, cast->type_name, &element));
    if (cast->arg->node_case == PG_QUERY__NODE__NODE_A_ARRAY_EXPR)
        TRY(bind_written(block, cast->arg->a_array_expr, true, list));
    else
        TRY(bind_list(block, cast->arg, element, list));
    for (size_t i = 0; i < list->n; i++)
        TRY(bind_coerce(block->binder, &list->items[i], element, CAST_EXPLICIT));
    return true;
}

static bool bind_list(struct block *block, const PgQuery__Node *node, struct type element, struct list *list)
{
    struct binder *binder = block->binder;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
        return bind_written(block, node->a_array_expr, false, list);
    case PG_QUERY__NODE__NODE_A_CONST:
        return from_literal(binder, node->a_const, element, list);
    case PG_QUERY__NODE__NODE_PARAM_REF:
        return from_param(block, node, element, list);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        if (node->type_cast->type_name->n_array_bounds)
            return bind_array_cast(block, node->type_cast, list);
        break;
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        if (bind_is_current_schemas(node->func_call))
            return bind_current_schemas(block, node->func_call, &list->items, &list->n);
        break;
    default:
        break;
    }
    return bind_unsupported(binder, bind_location(node),
                            "ANY or ALL of an array that is not a list, literal or parameter");
}

static bool is_system_column(const struct block *block, const struct expr *expr)
{
    const struct scope *scope = &block->from.scope;
    for (uint16_t i = 0; i < scope->n; i++)
        if (scope->cols[i].column == expr->column && scope->cols[i].relation)
            return scope->cols[i].relation->kind == OBJECT_SYSTEM;
    return false;
}

/* An array that a system relation shows as text: '1 2' or '{1,2}'. */
static bool bind_text_list(struct block *block, const PgQuery__AExpr *node, bool *done, struct expr **expr)
{
    struct binder *binder = block->binder;
    *done = false;
    if (node->rexpr->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || binder->planner->streaming)
        return true;
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
    TRY(bind_expr(block, node->lexpr, &args[0]));
    TRY(bind_expr(block, node->rexpr, &args[1]));
    if (args[1]->kind != EXPR_COLUMN || args[1]->type.id != TYPE_TEXT || !is_system_column(block, args[1]))
        return bind_fail(binder, node->location, "42809", "op ANY/ALL (array) requires array on right side");
    TRY(bind_coerce(binder, &args[0], TYPE(TYPE_TEXT), CAST_EXPLICIT));
    *expr = wr_expr_call(binder->arena, &wr_fn_listed, TYPE(TYPE_BOOL), args, 2);
    *done = true;
    return true;
}

static struct type literal_type(const PgQuery__AExpr *node, struct type left)
{
    bool cast = node->rexpr->node_case == PG_QUERY__NODE__NODE_TYPE_CAST;
    left.precision = left.scale = 0;
    return cast || left.id == TYPE_UNKNOWN ? TYPE(TYPE_TEXT) : left;
}

static bool bind_tests(struct block *block, const PgQuery__AExpr *node, const char *op, const struct list *list,
                       struct expr **tests)
{
    struct binder *binder = block->binder;
    for (size_t i = 0; i < list->n || (list->param && !i); i++) {
        struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2);
        TRY(bind_expr(block, node->lexpr, &args[0])); /* bound anew: literals are typed by what they meet */
        args[1] = list->param ? list->param : list->items[i];
        TRY(bind_call(block, op, true, args, 2, node->location, &tests[i]));
    }
    return true;
}

bool bind_any_all(struct block *block, const PgQuery__AExpr *node, const char *op, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct list list = {0};
    struct expr *left;
    bool any = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY, done;
    op = !strcmp(op, "!=") ? "<>" : op;
    if (any && !strcmp(op, "=")) {
        TRY(bind_text_list(block, node, &done, expr));
        if (done)
            return true;
    }
    TRY(bind_expr(block, node->lexpr, &left));
    TRY(bind_list(block, node->rexpr, literal_type(node, left->type), &list));
    if (!list.n && !list.param) {
        *expr = bind_bool(binder, !any);
        return true;
    }
    struct expr **tests = WR_NEW_ARRAY(binder->arena, struct expr *, list.n + 1);
    TRY(bind_tests(block, node, op, &list, tests));
    enum expr_kind kind = any ? EXPR_OR : EXPR_AND;
    *expr = list.param ? wr_expr_nary(binder->arena, kind, tests, 1)
                       : combine(binder->arena, kind, tests, (uint32_t)list.n);
    (*expr)->location = node->location;
    return true;
}

/* ---- parameters */

/* The parameter that stands for a list below this comparison: itself or under casts. */
static struct expr **find_list_param(struct expr **at)
{
    if ((*at)->kind == EXPR_PARAM)
        return (*at)->type.array ? at : NULL;
    return (*at)->kind == EXPR_CALL && (*at)->nargs == 1 ? find_list_param(&(*at)->args[0]) : NULL;
}

static struct expr *repeat(struct wr_arena *arena, const struct expr *test, const struct datum *item)
{
    struct expr *copy = WR_NEW(arena, struct expr);
    *copy = *test;
    copy->args = WR_NEW_ARRAY(arena, struct expr *, copy->nargs);
    memcpy(copy->args, test->args, copy->nargs * sizeof *copy->args);
    struct expr **at = &copy->args[1];
    while ((*at)->kind == EXPR_CALL) { /* casts */
        struct expr *cast = WR_NEW(arena, struct expr);
        *cast = **at;
        cast->args = WR_NEW_ARRAY(arena, struct expr *, 1);
        cast->args[0] = (*at)->args[0];
        *at = cast;
        at = &cast->args[0];
    }
    *at = wr_expr_const(arena, item);
    return copy;
}

/* All of them the same equality (inequality) of one expression with constants: [NOT] IN, which is looked up. */
static struct expr *as_in_list(struct wr_arena *arena, enum expr_kind kind, struct expr *const *tests, uint32_t n,
                               const struct fn *equality)
{
    const char *op = kind == EXPR_OR ? "=" : "<>";
    struct datum *items = WR_NEW_ARRAY(arena, struct datum, n);
    struct expr *left = tests[0]->args[0];
    for (uint32_t i = 0; i < n; i++) {
        struct wr_error err = WR_ERROR_INIT;
        if (tests[i]->kind != EXPR_CALL || strcmp(tests[i]->fn->name, op) || tests[i]->fn != tests[0]->fn ||
            !wr_expr_equal(tests[i]->args[0], left) || !wr_expr_is_const(tests[i]->args[1]) ||
            tests[i]->args[1]->type.id != left->type.id ||
            !wr_evaluate_const(arena, tests[i]->args[1], NULL, 0, &items[i], &err))
            return NULL;
    }
    return wr_expr_in_list(arena, equality, left, items, n, kind == EXPR_AND);
}

static const struct fn *equality_of(const struct expr *test)
{
    struct type types[] = {test->args[0]->type, test->args[1]->type}, casts[2];
    struct wr_error err = WR_ERROR_INIT;
    types[1].array = false;
    return wr_fn_resolve("=", true, types, 2, casts, &err);
}

/* OR or AND of any number of tests: an expression has 65,535 arguments at most. */
static struct expr *combine(struct wr_arena *arena, enum expr_kind kind, struct expr **tests, uint32_t n)
{
    const uint32_t most = UINT16_MAX - 1;
    struct expr *in = as_in_list(arena, kind, tests, n, equality_of(tests[0]));
    if (in)
        return in;
    if (n <= most)
        return wr_expr_nary(arena, kind, tests, (uint16_t)n);
    uint32_t parts = (n + most - 1) / most;
    struct expr **groups = WR_NEW_ARRAY(arena, struct expr *, parts);
    for (uint32_t p = 0; p < parts; p++)
        groups[p] = combine(arena, kind, tests + p * most, WR_MIN(most, n - p * most));
    return wr_expr_nary(arena, kind, groups, (uint16_t)parts);
}

struct expr *bind_gather_list(struct wr_arena *arena, struct expr *expr)
{
    bool list = expr->nargs > 1 && expr->args[0]->kind == EXPR_CALL && expr->args[0]->nargs == 2;
    struct expr *in =
        list ? as_in_list(arena, (enum expr_kind)expr->kind, expr->args, expr->nargs, equality_of(expr->args[0]))
             : NULL;
    return in ? in : expr;
}

struct expr *bind_expand_list(struct wr_arena *arena, struct expr *expr, const struct datum *values, int n)
{
    bool list = (expr->kind == EXPR_OR || expr->kind == EXPR_AND) && expr->nargs == 1 &&
                expr->args[0]->kind == EXPR_CALL && expr->args[0]->nargs == 2;
    struct expr **param = list ? find_list_param(&expr->args[0]->args[1]) : NULL;
    if (!param || (*param)->param > n)
        return expr;
    const struct datum *value = &values[(*param)->param - 1];
    struct datum given = {.type = TYPE(TYPE_BOOL), .null = value->null, .b = expr->kind == EXPR_AND};
    const struct array_items *items = value->null ? NULL : wr_array_of(value);
    if (!items || !items->n)
        return wr_expr_const(arena, &given);
    struct expr **tests = WR_NEW_ARRAY(arena, struct expr *, items->n);
    for (uint32_t i = 0; i < items->n; i++)
        tests[i] = repeat(arena, expr->args[0], &items->items[i]);
    return combine(arena, expr->kind, tests, items->n);
}
