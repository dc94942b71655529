/* Which columns the rows of a COPY have: those of its list, and those that its options name. */
#include "engine/copy.h"

static bool find(const struct copy_columns *columns, const char *name, uint16_t *column, struct wr_error *err)
{
    for (uint16_t c = 0; c < columns->n; c++)
        if (!strcmp(columns->names[c], name)) {
            *column = c;
            return true;
        }
    if (!columns->relation)
        return wr_fail(err, ERR_UNDEFINED_COLUMN, "column \"%s\" does not exist", name);
    return wr_fail(err, ERR_UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", name,
                   columns->relation);
}

void wr_copy_columns_of(struct copy_columns *columns, struct wr_arena *arena, const struct object *relation)
{
    uint16_t n = wr_object_shown(relation);
    const char **names = WR_NEW_ARRAY(arena, const char *, n + 1u);
    for (uint16_t c = 0; c < n; c++)
        names[c] = wr_arena_strdup(arena, relation->cols[c].name);
    *columns = (struct copy_columns){.relation = wr_arena_strdup(arena, relation->name), .names = names, .n = n};
}

bool wr_copy_is_field(const struct copy_columns *columns, uint16_t column)
{
    for (uint16_t f = 0; f < columns->nfields; f++)
        if (columns->fields[f] == column)
            return true;
    return false;
}

bool wr_copy_fields(struct copy_columns *columns, struct wr_arena *arena, const PgQuery__CopyStmt *stmt,
                    struct wr_error *err)
{
    columns->fields = WR_NEW_ARRAY(arena, uint16_t, WR_MAX(stmt->n_attlist, columns->n) + 1);
    columns->nfields = stmt->n_attlist ? 0 : columns->n;
    for (uint16_t c = 0; c < columns->nfields; c++)
        columns->fields[c] = c;
    for (size_t i = 0; i < stmt->n_attlist; i++) {
        const char *name = stmt->attlist[i]->string->sval;
        uint16_t c = 0;
        TRY(find(columns, name, &c, err));
        if (wr_copy_is_field(columns, c))
            return wr_fail(err, ERR_DUPLICATE_COLUMN, "column \"%s\" specified more than once", name);
        columns->fields[columns->nfields++] = c;
    }
    return true;
}

bool wr_copy_field(const struct copy_columns *columns, const char *name, const char *what, uint16_t *field,
                   struct wr_error *err)
{
    uint16_t c = 0;
    TRY(find(columns, name, &c, err));
    for (*field = 0; *field < columns->nfields; (*field)++)
        if (columns->fields[*field] == c)
            return true;
    return wr_fail(err, ERR_INVALID_COLUMN_REFERENCE, "%s column \"%s\" not referenced by COPY", what, name);
}
