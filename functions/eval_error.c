/* Recording evaluation errors: rows that failed, with SQLSTATE and message. */
#include <stdarg.h>
#include <stdio.h>

#include "functions/fn.h"

static void add_error(struct eval_errors *errors, uint32_t row, const char *sqlstate, const char *fmt, va_list args)
{
    if (errors->n == errors->cap) {
        uint32_t cap = errors->cap ? errors->cap * 2 : 16;
        struct eval_error *items = wr_arena_alloc(errors->arena, cap * sizeof(*items));
        if (errors->n)
            memcpy(items, errors->items, errors->n * sizeof(*items));
        errors->items = items;
        errors->cap = cap;
    }
    struct eval_error *error = &errors->items[errors->n++];
    error->row = row;
    error->expr = NULL;
    error->column = 0;
    snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate);
    vsnprintf(error->message, sizeof(error->message), fmt, args);
}

void wr_eval_error_add(struct eval_errors *errors, uint32_t row, const char *sqlstate, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_error(errors, row, sqlstate, fmt, args);
    va_end(args);
}

void fn_null(struct fn_call *call, uint32_t row)
{
    size_t width = wr_type_info(call->out->type.id)->width;
    wr_column_nulls(call->arena, call->out, call->nrows)[row] = 1;
    memset((char *)call->out->data + row * width, 0, width);
}

void fn_fail(struct fn_call *call, uint32_t row, const char *sqlstate, const char *fmt, ...)
{
    va_list args;
    fn_null(call, row);
    va_start(args, fmt);
    add_error(call->errors, row, sqlstate, fmt, args);
    va_end(args);
}
