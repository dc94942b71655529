/* The key of a sink's rows: what the statement says (primary_key = 'a, "B"'), else what is proven of the query. */
#include "engine/sink_key.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "connectors/options.h"

/* Planner versions: before, rows of FORMAT PLAIN had __key and __ordinal too, and columns might have any name. */
#define BAGS_SINCE    2
#define CHECKED_SINCE 2

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next name, unquoted, into `name` (which has room for all of the text); *at is behind it and its comma. */
static bool next_name(const char **at, char *name, bool *quoted, struct wr_error *err)
{
    const char *text = *at;
    size_t len = 0;
    while (is_blank(*text))
        text++;
    *quoted = *text == '"';
    if (*quoted)
        for (text++; *text && (*text != '"' || *++text == '"');)
            name[len++] = *text++;
    else
        while (*text && *text != ',')
            name[len++] = *text++;
    while (!*quoted && len && is_blank(name[len - 1]))
        len--;
    name[len] = '\0';
    while (is_blank(*text))
        text++;
    if (!len || (*text && *text != ','))
        return wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for option \"primary_key\": \"%s\"", *at) ||
               wr_fail_hint(err, "Name columns of the query, separated by commas.");
    *at = *text ? text + 1 : NULL;
    return true;
}

/* As it is written, else in any letter case where it has no quotes. */
static uint16_t find_column(const struct plan *plan, const char *name, bool quoted)
{
    for (uint16_t c = 0; c < plan->ncols; c++)
        if (!strcmp(plan->cols[c].name, name))
            return c;
    for (uint16_t c = 0; c < plan->ncols && !quoted; c++)
        if (!wr_casecmp(plan->cols[c].name, name))
            return c;
    return plan->ncols;
}

static bool add_column(struct sink_key *key, uint16_t column)
{
    for (uint16_t i = 0; i < key->n; i++)
        if (key->columns[i] == column)
            return false;
    key->columns[key->n++] = column;
    return true;
}

static bool claimed(struct wr_arena *arena, const struct plan *plan, const char *text, struct sink_key *key,
                    struct wr_error *err)
{
    char *name = wr_arena_bytes(arena, strlen(text) + 1);
    key->kind = SINK_KEY_COLUMNS;
    key->columns = WR_NEW_ARRAY(arena, uint16_t, plan->ncols + 1u);
    for (const char *at = text; at;) {
        bool quoted;
        TRY(next_name(&at, name, &quoted, err));
        uint16_t column = find_column(plan, name, quoted);
        if (column == plan->ncols)
            return wr_fail(err, ERR_UNDEFINED_COLUMN, "column \"%s\" named in primary_key does not exist", name);
        if (!add_column(key, column))
            return wr_fail(err, ERR_DUPLICATE_COLUMN, "column \"%s\" appears twice in primary_key", name);
    }
    return true;
}

static bool covers(const struct sink_key *key, const struct plan_key *proven)
{
    for (uint16_t i = 0; i < proven->n; i++) {
        bool found = false;
        for (uint16_t j = 0; j < key->n; j++)
            found |= key->columns[j] == proven->columns[i];
        if (!found)
            return false;
    }
    return true;
}

/* Names that messages have of their own: a reader would take one member for the other. */
static bool names_are_free(const struct object *object, const struct plan *plan, const struct sink_key *key,
                           struct wr_error *err)
{
    static const char *const taken[] = {"__op", "__deleted", "__version", "__key", "__ordinal"};
    const char *format = wr_sink_format(object);
    bool changelog = format && !wr_casecmp(format, "CHANGELOG") && object->plan_version >= CHECKED_SINCE;
    for (uint16_t c = 0; changelog && c < plan->ncols; c++)
        for (size_t i = 0; i < (key->kind == SINK_KEY_ROW ? 5 : 3); i++)
            if (!strcmp(plan->cols[c].name, taken[i]))
                return wr_fail(err, ERR_DUPLICATE_COLUMN, "column \"%s\" has a name that FORMAT CHANGELOG uses itself",
                               taken[i]) ||
                       wr_fail_hint(err, "Give it another one: CREATE SINK ... AS SELECT ... AS.");
    return true;
}

static bool find_key(struct wr_arena *arena, const struct object *object, const struct plan *plan, struct sink_key *key,
                     struct wr_error *err)
{
    const char *text = wr_option_get(object, "primary_key");
    *key = (struct sink_key){.kind = SINK_KEY_COLUMNS};
    if (text) {
        TRY(claimed(arena, plan, text, key, err));
        for (uint16_t k = 0; k < plan->props.nkeys; k++)
            key->proven |= covers(key, &plan->props.keys[k]);
        return true;
    }
    if (plan->props.nkeys) {
        key->columns = plan->props.keys[0].columns;
        key->n = plan->props.keys[0].n;
        key->proven = true;
        return true;
    }
    const char *format = wr_sink_format(object);
    if (format && (!wr_casecmp(format, "UPSERT") || !wr_casecmp(format, "DEBEZIUM"))) {
        wr_fail(err, ERR_INVALID_PARAMETER,
                "FORMAT %s needs a primary key, and none can be proven for the sink's query", format);
        return wr_fail_hint(err, "Name the key columns with primary_key = '...' in WITH.");
    }
    bool plain = format && !wr_casecmp(format, "PLAIN") && object->plan_version >= BAGS_SINCE;
    key->kind = plain ? SINK_KEY_NONE : SINK_KEY_ROW;
    return true;
}

bool wr_sink_key(struct wr_arena *arena, const struct object *object, const struct plan *plan, struct sink_key *key,
                 struct wr_error *err)
{
    return find_key(arena, object, plan, key, err) && names_are_free(object, plan, key, err);
}
