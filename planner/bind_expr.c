/* Expressions: constants, parameters, columns, and the syntax that is not an operator or a function. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "planner/bind.h"

static struct expr *make_literal(struct binder *binder, struct datum value, int location)
{
    struct expr *expr = wr_expr_const(binder->arena, &value);
    expr->location = location;
    return expr;
}

/* A number too large for integer: bigint if it fits, else numeric, as PostgreSQL decides. */
static bool bind_big_number(struct binder *binder, const char *text, int location, struct expr **expr)
{
    struct datum value = {.type = TYPE(TYPE_INT8)};
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool smallest = number == INT32_MIN && binder->planner->version >= 2; /* the sign is the number's */
    if (!*end && errno == 0 && smallest) {
        value = (struct datum){.type = TYPE(TYPE_INT4), .i32 = INT32_MIN};
    } else if (!*end && errno == 0) {
        value.i64 = number;
    } else if (!wr_value_in(binder->arena, TYPE(TYPE_NUMERIC), text, strlen(text), binder->planner->io, &value,
                            binder->err)) {
        return bind_at(binder, location);
    }
    *expr = make_literal(binder, value, location);
    return true;
}

static bool bind_const(struct binder *binder, const PgQuery__AConst *node, struct expr **expr)
{
    struct datum value = {.type = TYPE(TYPE_UNKNOWN), .null = node->isnull};
    switch (node->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL:
        value.type = TYPE(TYPE_INT4);
        value.i32 = node->ival->ival;
        break;
    case PG_QUERY__A__CONST__VAL_FVAL:
        return bind_big_number(binder, node->fval->fval, node->location, expr);
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
        value.type = TYPE(TYPE_BOOL);
        value.b = node->boolval->boolval;
        break;
    case PG_QUERY__A__CONST__VAL_SVAL:
        value.str = wr_str_of(node->sval->sval);
        break;
    case PG_QUERY__A__CONST__VAL_BSVAL:
        return bind_unsupported(binder, node->location, "a bit string");
    default:
        value.null = true;
    }
    *expr = make_literal(binder, value, node->location);
    return true;
}

static bool bind_param(struct binder *binder, const PgQuery__ParamRef *ref, struct expr **expr)
{
    struct planner *planner = binder->planner;
    if (ref->number < 1 || ref->number > 65535)
        return bind_fail(binder, ref->location, ERR_UNDEFINED_PARAMETER, "there is no parameter $%d", ref->number);
    if (planner->streaming)
        return bind_fail(binder, ref->location, ERR_UNDEFINED_PARAMETER, "there is no parameter $%d", ref->number);
    if (ref->number > planner->n_params) {
        struct type *types = WR_NEW_ARRAY(binder->arena, struct type, ref->number);
        if (planner->n_params)
            memcpy(types, planner->param_types, sizeof(types[0]) * (size_t)planner->n_params);
        planner->param_types = types;
        planner->n_params = ref->number;
    }
    struct expr *param = WR_NEW(binder->arena, struct expr);
    param->kind = EXPR_PARAM;
    param->param = (uint16_t)ref->number;
    param->type = planner->param_types[ref->number - 1];
    param->nullable = true;
    param->location = ref->location;
    *expr = param;
    return true;
}

/* What is bound from here on is needed only by rows of which the test holds. */
static void add_guard(struct block *block, struct expr *arg, enum expr_kind kind, char test, bool negated)
{
    struct guard *guard = WR_NEW(block->binder->arena, struct guard);
    *guard = (struct guard){block->guard, arg, kind, test, negated};
    block->guard = guard;
}

static bool bind_bool_args(struct block *block, const PgQuery__BoolExpr *node, const char *clause, struct expr **args)
{
    const struct guard *guard = block->guard;
    for (size_t i = 0; i < node->n_args; i++) {
        TRY(bind_expr(block, node->args[i], &args[i]));
        TRY(bind_coerce_bool(block->binder, &args[i], clause));
        add_guard(block, args[i], EXPR_IS_BOOL, *clause == 'O' ? 't' : 'f', true);
    }
    block->guard = guard;
    return true;
}

static bool bind_bool_expr(struct block *block, const PgQuery__BoolExpr *node, struct expr **expr)
{
    struct wr_arena *arena = block->binder->arena;
    if (node->n_args > UINT16_MAX)
        return bind_fail(block->binder, node->location, ERR_TOO_COMPLEX, "too many arguments of AND or OR");
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, node->n_args);
    enum expr_kind kind = EXPR_AND;
    const char *clause = "AND";
    if (node->boolop == PG_QUERY__BOOL_EXPR_TYPE__OR_EXPR) {
        kind = EXPR_OR;
        clause = "OR";
    } else if (node->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
        kind = EXPR_NOT;
        clause = "NOT";
    }
    TRY(bind_bool_args(block, node, clause, args));
    *expr = wr_expr_nary(arena, kind, args, (uint16_t)node->n_args);
    (*expr)->location = node->location;
    return true;
}

static bool bind_null_test(struct block *block, const PgQuery__NullTest *node, struct expr **expr)
{
    struct wr_arena *arena = block->binder->arena;
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, 1);
    TRY(bind_expr(block, node->arg, &args[0]));
    TRY(bind_coerce_unknown(block->binder, &args[0]));
    *expr = wr_expr_nary(arena, EXPR_IS_NULL, args, 1);
    (*expr)->negated = node->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NOT_NULL;
    (*expr)->location = node->location;
    return true;
}

static bool bind_boolean_test(struct block *block, const PgQuery__BooleanTest *node, struct expr **expr)
{
    static const char *const names[] = {"?",          "IS TRUE",       "IS NOT TRUE", "IS FALSE", "IS NOT FALSE",
                                        "IS UNKNOWN", "IS NOT UNKNOWN"};
    static const char tests[] = "?ttffuu";
    int which = (int)node->booltesttype;
    if (which < 1 || which > 6)
        return bind_unsupported(block->binder, node->location, "this test");
    struct wr_arena *arena = block->binder->arena;
    struct expr **args = WR_NEW_ARRAY(arena, struct expr *, 1);
    TRY(bind_expr(block, node->arg, &args[0]));
    TRY(bind_coerce_bool(block->binder, &args[0], names[which]));
    *expr = wr_expr_nary(arena, EXPR_IS_BOOL, args, 1);
    (*expr)->bool_test = tests[which];
    (*expr)->negated = which % 2 == 0;
    (*expr)->location = node->location;
    return true;
}

/* One WHEN: a condition, or with CASE x an equality. */
static bool bind_when(struct block *block, const PgQuery__CaseExpr *node, const PgQuery__CaseWhen *when,
                      struct expr **expr)
{
    TRY(bind_expr(block, when->expr, expr));
    if (!node->arg)
        return bind_coerce_bool(block->binder, expr, "CASE/WHEN");
    struct expr **args = WR_NEW_ARRAY(block->binder->arena, struct expr *, 2);
    TRY(bind_expr(block, node->arg, &args[0]));
    TRY(bind_coerce_unknown(block->binder, &args[0]));
    args[1] = *expr;
    return bind_call(block, "=", true, args, 2, when->location, expr);
}

static bool bind_case(struct block *block, const PgQuery__CaseExpr *node, struct expr **expr)
{
    struct binder *binder = block->binder;
    uint16_t n = (uint16_t)WR_MIN(node->n_args, 10000u);
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, 2 * n + 1);
    struct expr **results = WR_NEW_ARRAY(binder->arena, struct expr *, n + 1);
    if (node->n_args > 10000)
        return bind_fail(binder, node->location, ERR_TOO_COMPLEX, "too many branches of CASE");
    results[0] = bind_null(binder, TYPE(TYPE_UNKNOWN));
    if (node->defresult)
        TRY(bind_expr(block, node->defresult, &results[0]));
    const struct guard *guard = block->guard;
    for (uint16_t i = 0; i < n; i++) {
        const PgQuery__CaseWhen *when = node->args[i]->case_when;
        TRY(bind_when(block, node, when, &args[2 * i]));
        const struct guard *others = block->guard;
        add_guard(block, args[2 * i], EXPR_IS_BOOL, 't', false);
        TRY(bind_expr(block, when->result, &results[i + 1]));
        block->guard = others;
        add_guard(block, args[2 * i], EXPR_IS_BOOL, 't', true);
    }
    block->guard = guard;
    struct type type;
    TRY(bind_coerce_common(binder, results, (uint16_t)(n + 1), "CASE", &type));
    for (uint16_t i = 0; i < n; i++)
        args[2 * i + 1] = results[i + 1];
    args[2 * n] = results[0];
    *expr = wr_expr_nary(binder->arena, EXPR_CASE, args, (uint16_t)(2 * n + 1));
    (*expr)->type = type;
    (*expr)->location = node->location;
    return true;
}

static bool bind_args(struct block *block, PgQuery__Node *const *nodes, size_t n, struct expr ***args)
{
    *args = WR_NEW_ARRAY(block->binder->arena, struct expr *, n);
    if (n > 1000)
        return bind_fail(block->binder, -1, "54023", "cannot pass more than 100 arguments to a function");
    for (size_t i = 0; i < n; i++)
        TRY(bind_expr(block, nodes[i], &(*args)[i]));
    return true;
}

static bool bind_lazy_args(struct block *block, PgQuery__Node *const *nodes, size_t n, struct expr ***args)
{
    const struct guard *guard = block->guard;
    *args = WR_NEW_ARRAY(block->binder->arena, struct expr *, n);
    if (n > 1000)
        return bind_fail(block->binder, -1, "54023", "cannot pass more than 100 arguments to a function");
    for (size_t i = 0; i < n; i++) {
        TRY(bind_expr(block, nodes[i], &(*args)[i]));
        add_guard(block, (*args)[i], EXPR_IS_NULL, 0, false);
    }
    block->guard = guard;
    return true;
}

static bool bind_coalesce(struct block *block, const PgQuery__CoalesceExpr *node, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct expr **args;
    struct type type;
    uint16_t n = (uint16_t)node->n_args;
    TRY(bind_lazy_args(block, node->args, node->n_args, &args));
    TRY(bind_coerce_common(binder, args, n, "COALESCE", &type));
    *expr = wr_expr_nary(binder->arena, EXPR_COALESCE, args, n);
    (*expr)->type = type;
    (*expr)->location = node->location;
    return true;
}

static bool bind_min_max(struct block *block, const PgQuery__MinMaxExpr *node, struct expr **expr)
{
    struct expr **args;
    struct type type;
    bool greatest = node->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST;
    TRY(bind_args(block, node->args, node->n_args, &args));
    TRY(bind_coerce_common(block->binder, args, (uint16_t)node->n_args, greatest ? "GREATEST" : "LEAST", &type));
    return bind_call(block, greatest ? "greatest" : "least", false, args, (uint16_t)node->n_args, node->location, expr);
}

static bool bind_cast(struct block *block, const PgQuery__TypeCast *node, struct expr **expr)
{
    struct type type;
    bool done;
    TRY(bind_catalog_cast(block, node, &done, expr));
    if (done)
        return true;
    TRY(bind_type_name(block->binder, node->type_name, &type));
    TRY(bind_expr(block, node->arg, expr));
    if (bind_coerce(block->binder, expr, type, CAST_EXPLICIT))
        return true;
    if (!strcmp(block->binder->err->sqlstate, ERR_CANNOT_COERCE)) /* points at the cast, bad literals at themselves */
        block->binder->err->position = 0;
    return bind_at(block->binder, node->location);
}

/* All text is ordered by code point: the collations that mean this change nothing. */
static bool bind_collate(struct block *block, const PgQuery__CollateClause *node, struct expr **expr)
{
    static const char *const same[] = {"default", "C", "POSIX", "C.UTF-8", "C.utf8", "ucs_basic"};
    const char *name = node->n_collname ? bind_string(node->collname[node->n_collname - 1]) : "";
    for (size_t i = 0; i < WR_COUNT(same); i++)
        if (!strcmp(same[i], name)) {
            TRY(bind_expr(block, node->arg, expr));
            return bind_coerce_unknown(block->binder, expr);
        }
    return bind_unsupported(block->binder, node->location, "COLLATE \"%s\"", name);
}

static bool bind_sublink(struct block *block, const PgQuery__Node *node, struct expr **expr)
{
    if (block->clause && !strcmp(block->clause, CLAUSE_DEFAULT))
        return bind_fail(block->binder, node->sub_link->location, ERR_FEATURE_NOT_SUPPORTED,
                         "cannot use subquery in DEFAULT expression");
    switch (node->sub_link->sub_link_type) {
    case PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK:
        return bind_scalar_subquery(block, node->sub_link, expr);
    case PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK:
    case PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK:
    case PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK:
        return bind_subquery_value(block, node, expr);
    default:
        return bind_unsupported(block->binder, node->sub_link->location, "this kind of subquery");
    }
}

static bool bind_node(struct block *block, const PgQuery__Node *node, struct expr **expr)
{
    struct binder *binder = block->binder;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST:
        return bind_const(binder, node->a_const, expr);
    case PG_QUERY__NODE__NODE_PARAM_REF:
        return bind_param(binder, node->param_ref, expr);
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return bind_column(block, node->column_ref, expr);
    case PG_QUERY__NODE__NODE_A_EXPR:
        return bind_a_expr(block, node->a_expr, expr);
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
        return bind_bool_expr(block, node->bool_expr, expr);
    case PG_QUERY__NODE__NODE_NULL_TEST:
        return bind_null_test(block, node->null_test, expr);
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
        return bind_boolean_test(block, node->boolean_test, expr);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        return bind_case(block, node->case_expr, expr);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        return bind_coalesce(block, node->coalesce_expr, expr);
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        return bind_min_max(block, node->min_max_expr, expr);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return bind_cast(block, node->type_cast, expr);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return bind_function(block, node->func_call, expr);
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
        return bind_value_function(block, node->sqlvalue_function, expr);
    case PG_QUERY__NODE__NODE_SUB_LINK:
        return bind_sublink(block, node, expr);
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
        return bind_collate(block, node->collate_clause, expr);
    case PG_QUERY__NODE__NODE_ROW_EXPR:
        return bind_unsupported(binder, node->row_expr->location, "a row value");
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
        return bind_unsupported(binder, node->a_array_expr->location, "ARRAY");
    case PG_QUERY__NODE__NODE_A_INDIRECTION:
        return bind_subscript(block, node->a_indirection, expr);
    case PG_QUERY__NODE__NODE_GROUPING_FUNC:
        return bind_unsupported(binder, node->grouping_func->location, "GROUPING");
    case PG_QUERY__NODE__NODE_SET_TO_DEFAULT:
        return bind_fail(binder, node->set_to_default->location, ERR_SYNTAX, "DEFAULT is not allowed in this context");
    default:
        return bind_unsupported(binder, -1, "this kind of expression");
    }
}

/* Where NULL is as good as false for the whole, is it for these parts? */
static bool keeps_truth(const PgQuery__Node *node)
{
    return node->node_case == PG_QUERY__NODE__NODE_SUB_LINK ||
           (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
            node->bool_expr->boolop != PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR);
}

bool bind_expr(struct block *block, const PgQuery__Node *node, struct expr **expr)
{
    TRY(bind_enter(block->binder));
    bool truth = block->null_is_false;
    block->null_is_false = truth && keeps_truth(node);
    bool ok = bind_node(block, node, expr);
    block->null_is_false = truth;
    block->binder->depth--;
    return ok;
}
