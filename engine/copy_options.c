/* The options of COPY: checked as PostgreSQL 15 does, by its words. */
#include "engine/copy.h"

#include "base/ascii.h"

/* What was given, before it is known whether it goes together. Texts are NULL where nothing was. */
struct given {
    struct copy_format *to;
    struct wr_arena *arena;
    bool is_from;
    const char *statement; /* its text: positions count from there */
    const char *format, *delimiter, *null, *quote, *escape;
    const PgQuery__DefElem *header, *force_not_null, *force_null, *force_quote;
    bool encoding, freeze;
};

static bool fail_at(const struct given *given, const PgQuery__DefElem *def, const char *sqlstate, const char *what,
                    const char *name, struct wr_error *err)
{
    wr_fail(err, sqlstate, what, name);
    err->position = wr_char_position(given->statement, def->location);
    return false;
}

/* ---- values */

/* NULL: it has none, or one that is no word. */
static const char *def_text(const struct given *given, const PgQuery__DefElem *def)
{
    if (!def->arg)
        return NULL;
    switch (def->arg->node_case) {
    case PG_QUERY__NODE__NODE_STRING:
        return def->arg->string->sval;
    case PG_QUERY__NODE__NODE_BOOLEAN:
        return def->arg->boolean->boolval ? "true" : "false";
    case PG_QUERY__NODE__NODE_INTEGER:
        return wr_arena_printf(given->arena, "%d", def->arg->integer->ival);
    default:
        return NULL;
    }
}

/* 1, 0; -1: it is neither. */
static int def_bool(const struct given *given, const PgQuery__DefElem *def)
{
    const char *text = def_text(given, def);
    if (!def->arg)
        return 1;
    if (!text)
        return -1;
    if (!wr_casecmp(text, "true") || !wr_casecmp(text, "on") || !strcmp(text, "1"))
        return 1;
    return !wr_casecmp(text, "false") || !wr_casecmp(text, "off") || !strcmp(text, "0") ? 0 : -1;
}

static bool read_text(const struct given *given, const PgQuery__DefElem *def, const char **text, struct wr_error *err)
{
    if (*text)
        return fail_at(given, def, ERR_SYNTAX, "conflicting or redundant options", NULL, err);
    const char *value = def_text(given, def);
    if (!value)
        return wr_fail(err, ERR_SYNTAX, "%s requires a parameter", def->defname);
    *text = wr_arena_strdup(given->arena, value);
    return true;
}

static bool read_format(struct given *given, const PgQuery__DefElem *def, struct wr_error *err)
{
    TRY(read_text(given, def, &given->format, err));
    given->to->csv = !strcmp(given->format, "csv");
    given->to->binary = !strcmp(given->format, "binary");
    if (given->to->csv || given->to->binary || !strcmp(given->format, "text"))
        return true;
    return fail_at(given, def, ERR_INVALID_PARAMETER, "COPY format \"%s\" not recognized", given->format, err);
}

static bool read_header(struct given *given, const PgQuery__DefElem *def, struct wr_error *err)
{
    if (given->header)
        return fail_at(given, def, ERR_SYNTAX, "conflicting or redundant options", NULL, err);
    given->header = def;
    const char *text = def_text(given, def);
    given->to->header_match = text && !wr_casecmp(text, "match");
    if (given->to->header_match && !given->is_from)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "cannot use \"%s\" with HEADER in COPY TO", text);
    int on = given->to->header_match ? 1 : def_bool(given, def);
    if (on < 0)
        return wr_fail(err, ERR_SYNTAX, "%s requires a Boolean value or \"match\"", def->defname);
    given->to->header = on;
    return true;
}

/* It says how PostgreSQL lays rows down, and nothing about what they are. */
static bool read_freeze(struct given *given, const PgQuery__DefElem *def, struct wr_error *err)
{
    if (given->freeze)
        return fail_at(given, def, ERR_SYNTAX, "conflicting or redundant options", NULL, err);
    given->freeze = true;
    return def_bool(given, def) >= 0 || wr_fail(err, ERR_SYNTAX, "%s requires a Boolean value", def->defname);
}

static bool read_encoding(struct given *given, const PgQuery__DefElem *def, struct wr_error *err)
{
    const char *name = def_text(given, def);
    if (given->encoding)
        return fail_at(given, def, ERR_SYNTAX, "conflicting or redundant options", NULL, err);
    given->encoding = true;
    if (name && (!wr_casecmp(name, "utf8") || !wr_casecmp(name, "utf-8") || !wr_casecmp(name, "unicode")))
        return true;
    return fail_at(given, def, ERR_FEATURE_NOT_SUPPORTED, "COPY encoding \"%s\" is not supported yet", name ? name : "",
                   err);
}

/* Columns that are named in an option; they are looked up when the fields are known. */
static bool read_columns(struct given *given, const PgQuery__DefElem *def, const PgQuery__DefElem **list,
                         struct wr_error *err)
{
    if (*list)
        return fail_at(given, def, ERR_SYNTAX, "conflicting or redundant options", NULL, err);
    if (!def->arg || (def->arg->node_case != PG_QUERY__NODE__NODE_LIST && list != &given->force_quote))
        return fail_at(given, def, ERR_INVALID_PARAMETER, "argument to option \"%s\" must be a list of column names",
                       def->defname, err);
    *list = def;
    return true;
}

static bool read_option(struct given *given, const PgQuery__DefElem *def, struct wr_error *err)
{
    const char *name = def->defname;
    if (!strcmp(name, "format"))
        return read_format(given, def, err);
    if (!strcmp(name, "header"))
        return read_header(given, def, err);
    if (!strcmp(name, "delimiter"))
        return read_text(given, def, &given->delimiter, err);
    if (!strcmp(name, "null"))
        return read_text(given, def, &given->null, err);
    if (!strcmp(name, "quote"))
        return read_text(given, def, &given->quote, err);
    if (!strcmp(name, "escape"))
        return read_text(given, def, &given->escape, err);
    if (!strcmp(name, "force_not_null"))
        return read_columns(given, def, &given->force_not_null, err);
    if (!strcmp(name, "force_null"))
        return read_columns(given, def, &given->force_null, err);
    if (!strcmp(name, "force_quote"))
        return read_columns(given, def, &given->force_quote, err);
    if (!strcmp(name, "freeze"))
        return read_freeze(given, def, err);
    if (!strcmp(name, "encoding"))
        return read_encoding(given, def, err);
    return fail_at(given, def, ERR_SYNTAX, "option \"%s\" not recognized", name, err);
}

/* ---- what goes together */

static bool check_binary(const struct given *given, struct wr_error *err)
{
    if (!given->to->binary)
        return true;
    if (given->delimiter || given->null)
        return wr_fail(err, ERR_SYNTAX, "cannot specify %s in BINARY mode", given->delimiter ? "DELIMITER" : "NULL");
    if (given->to->header)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "cannot specify HEADER in BINARY mode");
    return true;
}

static bool has_line_end(const char *text)
{
    return strpbrk(text, "\r\n") != NULL;
}

static bool check_delimiter(const struct given *given, struct wr_error *err)
{
    const char *delimiter = given->delimiter;
    if (delimiter && strlen(delimiter) != 1)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "COPY delimiter must be a single one-byte character");
    if (delimiter && has_line_end(delimiter))
        return wr_fail(err, ERR_INVALID_PARAMETER, "COPY delimiter cannot be newline or carriage return");
    if (given->null && has_line_end(given->null))
        return wr_fail(err, ERR_INVALID_PARAMETER, "COPY null representation cannot use newline or carriage return");
    /* What text has a meaning for behind a backslash cannot part its fields. */
    if (delimiter && !given->to->csv && strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789", *delimiter))
        return wr_fail(err, ERR_INVALID_PARAMETER, "COPY delimiter cannot be \"%s\"", delimiter);
    return true;
}

static bool check_csv_only(const struct given *given, struct wr_error *err)
{
    const struct {
        const char *name;
        bool given;
    } only[] = {{"quote", given->quote != NULL},
                {"escape", given->escape != NULL},
                {"force quote", given->force_quote != NULL},
                {"force not null", given->force_not_null != NULL},
                {"force null", given->force_null != NULL}};
    for (size_t i = 0; i < WR_COUNT(only) && !given->to->csv; i++)
        if (only[i].given)
            return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "COPY %s available only in CSV mode", only[i].name);
    if (given->quote && strlen(given->quote) != 1)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "COPY quote must be a single one-byte character");
    if (given->escape && strlen(given->escape) != 1)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "COPY escape must be a single one-byte character");
    return true;
}

static bool check_direction(const struct given *given, struct wr_error *err)
{
    const char *option = given->is_from          ? given->force_quote ? "quote" : NULL
                         : given->force_not_null ? "not null"
                         : given->force_null     ? "null"
                                                 : NULL;
    return !option || wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "COPY force %s only available using COPY %s", option,
                              given->is_from ? "TO" : "FROM");
}

static bool check_distinct(const struct copy_format *to, struct wr_error *err)
{
    if (to->csv && to->delimiter == to->quote)
        return wr_fail(err, ERR_INVALID_PARAMETER, "COPY delimiter and quote must be different");
    if (strchr(to->null_text, to->delimiter))
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "COPY delimiter must not appear in the NULL specification");
    if (to->csv && strchr(to->null_text, to->quote))
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "CSV quote character must not appear in the NULL specification");
    return true;
}

/* ---- columns */

static bool force(const struct given *given, const struct copy_columns *columns, const PgQuery__DefElem *def,
                  const char *name, uint8_t flag, struct wr_error *err)
{
    if (!def)
        return true;
    bool all = def->arg->node_case != PG_QUERY__NODE__NODE_LIST; /* FORCE_QUOTE * */
    for (uint16_t f = 0; all && f < columns->nfields; f++)
        given->to->forced[f] |= flag;
    for (size_t i = 0; !all && i < def->arg->list->n_items; i++) {
        const char *column = def->arg->list->items[i]->string->sval;
        uint16_t f = 0;
        TRY(wr_copy_field(columns, column, name, &f, err));
        if (given->to->forced[f] & flag)
            return wr_fail(err, ERR_DUPLICATE_COLUMN, "column \"%s\" specified more than once", column);
        given->to->forced[f] |= flag;
    }
    return true;
}

bool wr_copy_options(struct copy_format *format, const struct copy_columns *columns, struct wr_arena *arena,
                     const PgQuery__CopyStmt *stmt, const char *text, struct wr_error *err)
{
    struct given given = {.to = format, .arena = arena, .is_from = stmt->is_from, .statement = text};
    for (size_t i = 0; i < stmt->n_options; i++)
        TRY(read_option(&given, stmt->options[i]->def_elem, err));
    TRY(check_binary(&given, err) && check_delimiter(&given, err) && check_csv_only(&given, err) &&
        check_direction(&given, err));
    format->delimiter = given.delimiter ? *given.delimiter : format->csv ? ',' : '\t';
    format->null_text = given.null ? given.null : format->csv ? "" : "\\N";
    format->quote = given.quote ? *given.quote : '"';
    format->escape = given.escape ? *given.escape : format->quote;
    TRY(check_distinct(format, err));
    format->forced = wr_arena_zalloc(arena, columns->nfields + 1u);
    return force(&given, columns, given.force_not_null, "FORCE_NOT_NULL", COPY_NOT_NULL, err) &&
           force(&given, columns, given.force_null, "FORCE_NULL", COPY_NULL, err) &&
           force(&given, columns, given.force_quote, "FORCE_QUOTE", COPY_QUOTE, err);
}
