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
