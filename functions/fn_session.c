/* What clients ask a server about itself. There is one user and one database, so these are constants;
 * volatile all the same: a view must not depend on who asks, nor on which server answers. */
#include "functions/registry.h"

#define TX TYPE_TEXT

static void constant(struct fn_call *call, const char *text)
{
    struct str value = wr_str_of(text);
    FN_EACH(call, i)
    call->out->str[i] = value;
}

static void version(struct fn_call *call)
{
    constant(call, "PostgreSQL 15.0 (weir 0.1.0)");
}

static void database(struct fn_call *call)
{
    constant(call, "dev");
}

static void schema(struct fn_call *call)
{
    constant(call, "public");
}

static void user(struct fn_call *call)
{
    constant(call, "root");
}

static const struct fn rows[] = {
    {"version", TX, 0, {0}, FN_VOLATILE, version, "Name and version of the server.", NULL, NULL, NULL, NULL},
    {"current_database", TX, 0, {0}, FN_VOLATILE, database, "The database: there is one.", NULL, NULL, NULL, NULL},
    {"current_schema", TX, 0, {0}, FN_VOLATILE, schema, "Where new relations are made.", NULL, NULL, NULL, NULL},
    {"current_user", TX, 0, {0}, FN_VOLATILE, user, "The user: there is one.", NULL, NULL, NULL, NULL},
    {"session_user", TX, 0, {0}, FN_VOLATILE, user, "As current_user.", NULL, NULL, NULL, NULL},
};

const struct fn_family wr_fn_session_family = {rows, sizeof rows / sizeof *rows};
