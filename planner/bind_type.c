/* Type names as written: typmods, and the types PostgreSQL has that we do not, refused by name. */
#include <string.h>

#include "planner/bind.h"

static const char *const known_types[] = {
    "int2",     "smallint", "float4",   "real",   "bpchar", "char",   "time",      "timetz",      "interval", "json",
    "uuid",     "bit",      "varbit",   "money",  "inet",   "cidr",   "xml",       "point",       "oid",      "name",
    "regclass", "regtype",  "tsvector", "struct", "map",    "serial", "bigserial", "smallserial",
};

static bool is_known(const char *name)
{
    for (size_t i = 0; i < WR_COUNT(known_types); i++)
        if (!strcmp(known_types[i], name))
            return true;
    return false;
}

static bool get_typmod(struct binder *binder, const PgQuery__Node *node, int location, int *value)
{
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST || node->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL)
        return bind_fail(binder, location, ERR_SYNTAX, "type modifiers must be simple constants or identifiers");
    *value = node->a_const->ival->ival;
    return true;
}

static bool apply_numeric(struct binder *binder, const int *mods, size_t n, int location, struct type *type)
{
    if (mods[0] < 1 || mods[0] > 1000)
        return bind_fail(binder, location, ERR_INVALID_PARAMETER, "NUMERIC precision %d must be between 1 and 1000",
                         mods[0]);
    if (n > 1 && (mods[1] < -1000 || mods[1] > 1000))
        return bind_fail(binder, location, ERR_INVALID_PARAMETER, "NUMERIC scale %d must be between -1000 and 1000",
                         mods[1]);
    type->precision = (int16_t)mods[0];
    type->scale = (int16_t)(n > 1 ? mods[1] : 0);
    return true;
}

static bool apply_typmods(struct binder *binder, const PgQuery__TypeName *name, struct type *type)
{
    int mods[2] = {0, 0};
    size_t n = name->n_typmods;
    if (!n)
        return true;
    for (size_t i = 0; i < n && i < 2; i++)
        TRY(get_typmod(binder, name->typmods[i], name->location, &mods[i]));
    if (type->id == TYPE_NUMERIC && n > 2)
        return bind_fail(binder, name->location, ERR_INVALID_PARAMETER, "invalid NUMERIC type modifier");
    if (type->id == TYPE_NUMERIC)
        return apply_numeric(binder, mods, n, name->location, type);
    if (type->id == TYPE_TEXT && type->varchar && n == 1) {
        if (mods[0] < 1)
            return bind_fail(binder, name->location, ERR_INVALID_PARAMETER,
                             "length for type varchar must be at least 1");
        if (mods[0] <= INT16_MAX) /* longer limits are not kept: no text is cut */
            type->precision = (int16_t)mods[0];
        return mods[0] <= INT16_MAX || bind_unsupported(binder, name->location, "varchar(%d)", mods[0]);
    }
    if ((type->id == TYPE_TIMESTAMP || type->id == TYPE_TIMESTAMPTZ) && n == 1) {
        type->precision = (int16_t)(WR_MIN(WR_MAX(mods[0], 0), 6) + 1);
        return true;
    }
    if (type->id == TYPE_FLOAT8)
        return true;
    return bind_fail(binder, name->location, ERR_SYNTAX, "type modifier is not allowed for type \"%s\"",
                     wr_type_info(type->id)->internal);
}

bool bind_type_name(struct binder *binder, const PgQuery__TypeName *name, struct type *type)
{
    const char *word = name->n_names ? bind_string(name->names[name->n_names - 1]) : "";
    if (name->n_array_bounds)
        return bind_unsupported(binder, name->location, "type %s[]", word);
    if (name->setof || name->pct_type)
        return bind_unsupported(binder, name->location, name->setof ? "SETOF" : "%%TYPE");
    memset(type, 0, sizeof(*type));
    if (!wr_type_by_name(word, type)) {
        if (is_known(word))
            return bind_unsupported(binder, name->location, "type %s", !strcmp(word, "bpchar") ? "character" : word);
        return bind_fail(binder, name->location, ERR_UNDEFINED_OBJECT, "type \"%s\" does not exist", word);
    }
    return apply_typmods(binder, name, type);
}
