/* Function calls, and what looks like one: aggregates, window functions, CURRENT_TIMESTAMP and its like. */
#include <string.h>

#include "planner/bind.h"

/* Table functions RisingWave knows; others are unknown functions. */
static bool is_table_function(const char *name)
{
    static const char *const names[] = {"tumble",
                                        "hop",
                                        "gap_fill",
                                        "generate_series",
                                        "unnest",
                                        "jsonb_array_elements",
                                        "jsonb_array_elements_text",
                                        "jsonb_each",
                                        "regexp_split_to_table"};
    for (size_t i = 0; i < WR_COUNT(names); i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

#define FORMS_SINCE 7 /* version of the planner: before, a pattern of substring() was read as a number */

static bool is_missing_form(const struct binder *binder, const char *name, struct expr *const *args, size_t n)
{
    struct type types[8];
    for (size_t i = 0; i < n && n <= WR_COUNT(types); i++)
        types[i] = args[i]->type;
    return n <= WR_COUNT(types) && binder->planner->version >= FORMS_SINCE &&
           wr_fn_is_missing_form(name, types, (uint16_t)n);
}

static bool bind_plain(struct block *block, const char *name, const PgQuery__FuncCall *call, struct expr **expr)
{
    struct binder *binder = block->binder;
    struct expr **args = WR_NEW_ARRAY(binder->arena, struct expr *, call->n_args + 1);
    struct type type = {0};
    if (call->n_args > 100)
        return bind_fail(binder, call->location, "54023", "cannot pass more than 100 arguments to a function");
    for (size_t i = 0; i < call->n_args; i++)
        TRY(bind_expr(block, call->args[i], &args[i]));
    if (is_missing_form(binder, name, args, call->n_args))
        return bind_unsupported(binder, call->location, "this form of %s()", name);
    if (bind_call(block, name, false, args, (uint16_t)call->n_args, call->location, expr))
        return true;
    if (strcmp(binder->err->sqlstate, ERR_UNDEFINED_FUNCTION))
        return false;
    if (is_table_function(name))
        return bind_unsupported(binder, call->location, "the set-returning function %s()", name);
    if (wr_fn_is_missing(name))
        return bind_unsupported(binder, call->location, "the function %s()", name);
    if (call->n_args != 1 || !wr_type_by_name(name, &type))
        return false;
    wr_error_clear(binder->err); /* date(x): a cast written as a function */
    *expr = args[0];
    return bind_coerce(binder, expr, type, CAST_EXPLICIT);
}

bool bind_function(struct block *block, const PgQuery__FuncCall *call, struct expr **expr)
{
    struct binder *binder = block->binder;
    const char *name = call->n_funcname ? bind_string(call->funcname[call->n_funcname - 1]) : "";
    if (call->n_funcname > 1 && strcmp(bind_string(call->funcname[0]), "pg_catalog"))
        return bind_fail(binder, call->location, "3F000", "schema \"%s\" does not exist",
                         bind_string(call->funcname[0]));
    if (call->over)
        return bind_window_call(block, name, call, expr);
    if (wr_agg_exists(name))
        return bind_aggregate_call(block, name, call, expr);
    if (call->agg_star)
        return bind_fail(binder, call->location, ERR_UNDEFINED_FUNCTION, "function %s() does not exist", name);
    if (call->agg_within_group)
        return bind_unsupported(binder, call->location, "WITHIN GROUP");
    if (!strcmp(name, "row_number") || !strcmp(name, "rank") || !strcmp(name, "dense_rank") || !strcmp(name, "lag") ||
        !strcmp(name, "lead"))
        return bind_fail(binder, call->location, ERR_WRONG_OBJECT_TYPE, "window function %s requires an OVER clause",
                         name);
    if (wr_fn_is_missing_aggregate(name))
        return bind_unsupported(binder, call->location, "the aggregate %s()", name);
    if (call->agg_distinct || call->n_agg_order || call->agg_filter || call->agg_within_group)
        return bind_fail(binder, call->location, ERR_WRONG_OBJECT_TYPE,
                         "%s specified, but %s is not an aggregate function",
                         call->agg_filter     ? "FILTER"
                         : call->agg_distinct ? "DISTINCT"
                                              : "ORDER BY",
                         name);
    if (call->func_variadic)
        return bind_unsupported(binder, call->location, "VARIADIC");
    bool done;
    TRY(bind_catalog_function(block, name, call, &done, expr));
    if (done)
        return true;
    return bind_plain(block, name, call, expr);
}

static bool cast_now(struct block *block, struct type type, int typmod, int location, struct expr **expr)
{
    TRY(bind_call(block, "now", false, NULL, 0, location, expr));
    if (typmod >= 0)
        type.precision = (int16_t)(WR_MIN(typmod, 6) + 1);
    return bind_coerce(block->binder, expr, type, CAST_EXPLICIT);
}

bool bind_value_function(struct block *block, const PgQuery__SQLValueFunction *call, struct expr **expr)
{
    int at = call->location, typmod = -1;
    switch (call->op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP_N:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP_N:
        typmod = call->typmod;
        break;
    default:
        break;
    }
    switch (call->op) {
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE:
        return cast_now(block, TYPE(TYPE_DATE), -1, at, expr);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP_N:
        return cast_now(block, TYPE(TYPE_TIMESTAMPTZ), typmod, at, expr);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP_N:
        return cast_now(block, TYPE(TYPE_TIMESTAMP), typmod, at, expr);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_USER:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_USER:
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_ROLE:
        return bind_call(block, "current_user", false, NULL, 0, at, expr);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_SESSION_USER:
        return bind_call(block, "session_user", false, NULL, 0, at, expr);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_SCHEMA:
        return bind_call(block, "current_schema", false, NULL, 0, at, expr);
    case PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_CATALOG:
        return bind_call(block, "current_database", false, NULL, 0, at, expr);
    default:
        return bind_unsupported(block->binder, at, "type time");
    }
}
