#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static void fill(struct wr_error *err, const char *sqlstate, int position, const char *fmt, va_list args)
{
    wr_error_clear(err);
    memcpy(err->sqlstate, sqlstate, 5);
    err->sqlstate[5] = '\0';
    err->position = position;
    vsnprintf(err->message, sizeof err->message, fmt, args);
    wr_utf8_mend(err->message);
}

bool wr_fail(struct wr_error *err, const char *sqlstate, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fill(err, sqlstate, 0, fmt, args);
    va_end(args);
    return false;
}

bool wr_fail_at(struct wr_error *err, int position, const char *sqlstate, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fill(err, sqlstate, position, fmt, args);
    va_end(args);
    return false;
}

bool wr_fail_hint(struct wr_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->hint, sizeof err->hint, fmt, args);
    wr_utf8_mend(err->hint);
    va_end(args);
    return false;
}

bool wr_fail_detail(struct wr_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->detail, sizeof err->detail, fmt, args);
    wr_utf8_mend(err->detail);
    va_end(args);
    return false;
}

bool wr_fail_context(struct wr_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->context, sizeof err->context, fmt, args);
    wr_utf8_mend(err->context);
    va_end(args);
    return false;
}

bool wr_fail_constraint(struct wr_error *err, const char *table, const char *column, const char *constraint)
{
    snprintf(err->table, sizeof err->table, "%s", table ? table : "");
    snprintf(err->column, sizeof err->column, "%s", column ? column : "");
    snprintf(err->constraint, sizeof err->constraint, "%s", constraint ? constraint : "");
    return false;
}

void wr_error_clear(struct wr_error *err)
{
    err->sqlstate[0] = '\0';
    err->position = 0;
    err->message[0] = err->detail[0] = err->hint[0] = err->context[0] = '\0';
    err->table[0] = err->column[0] = err->constraint[0] = '\0';
}
