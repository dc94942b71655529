/* The binder's errors: PostgreSQL's words with the position in the user's text. */
#include <stdarg.h>
#include <stdio.h>

#include "planner/bind.h"

bool bind_at(struct binder *binder, int location)
{
    if (binder->text && location >= 0 && !binder->err->position)
        binder->err->position = wr_char_position(binder->text, location);
    return false;
}

bool bind_fail(struct binder *binder, int location, const char *sqlstate, const char *fmt, ...)
{
    char message[sizeof(binder->err->message)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    wr_fail(binder->err, sqlstate, "%s", message);
    return bind_at(binder, location);
}

bool bind_unsupported(struct binder *binder, int location, const char *fmt, ...)
{
    char what[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return bind_fail(binder, location, ERR_FEATURE_NOT_SUPPORTED, "%s is not supported yet", what);
}

bool bind_enter(struct binder *binder)
{
    if (++binder->depth <= BIND_DEPTH_MAX)
        return true;
    bind_fail(binder, -1, ERR_TOO_COMPLEX, "stack depth limit exceeded");
    return wr_fail_hint(binder->err, "The statement nests more than %d levels deep.", BIND_DEPTH_MAX);
}

int bind_location(const PgQuery__Node *node)
{
    switch (node ? node->node_case : PG_QUERY__NODE__NODE__NOT_SET) {
    case PG_QUERY__NODE__NODE_A_CONST:
        return node->a_const->location;
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return node->column_ref->location;
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return node->func_call->location;
    case PG_QUERY__NODE__NODE_A_EXPR: {
        int left = bind_location(node->a_expr->lexpr);
        return left >= 0 ? WR_MIN(left, node->a_expr->location) : node->a_expr->location;
    }
    case PG_QUERY__NODE__NODE_TYPE_CAST: {
        int arg = bind_location(node->type_cast->arg);
        return arg >= 0 && node->type_cast->location >= 0 ? WR_MIN(arg, node->type_cast->location) : arg;
    }
    case PG_QUERY__NODE__NODE_PARAM_REF:
        return node->param_ref->location;
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        return node->case_expr->location;
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        return node->coalesce_expr->location;
    case PG_QUERY__NODE__NODE_SUB_LINK:
        return node->sub_link->location;
    default:
        return -1;
    }
}
