/* COPY t [(columns)] FROM STDIN: text and CSV as PostgreSQL 15 reads them (the binary form is in copy_binary.c). Rows
 * are parsed as they come and spooled (writes.h); nothing is applied before the end, so a COPY is all or nothing
 * whatever the client does. */
#include "engine/copy.h"
#include "engine/timeout.h"

#include "base/utf8.h"

#include <stdio.h>
#include <strings.h>

void wr_copy_free(struct copy_in *copy)
{
    if (!copy)
        return;
    wr_writes_free(copy->list);
    wr_buf_free(&copy->pending);
    wr_arena_reset(&copy->row_arena);
    wr_arena_reset(&copy->arena);
    free(copy);
}

/* ---- options */

static const char *def_text(const PgQuery__DefElem *def)
{
    if (!def->arg)
        return NULL;
    switch (def->arg->node_case) {
    case PG_QUERY__NODE__NODE_STRING:
        return def->arg->string->sval;
    case PG_QUERY__NODE__NODE_BOOLEAN:
        return def->arg->boolean->boolval ? "true" : "false";
    case PG_QUERY__NODE__NODE_INTEGER:
        return def->arg->integer->ival ? "true" : "false";
    default:
        return NULL;
    }
}

static bool one_char(const char *name, const char *text, char *out, struct wr_error *err)
{
    if (!text || strlen(text) != 1)
        return wr_fail(err, ERR_INVALID_PARAMETER, "COPY %s must be a single one-byte character", name);
    *out = *text;
    return true;
}

static bool read_option(struct copy_in *copy, const PgQuery__DefElem *def, bool *has_null, bool *has_delimiter,
                        struct wr_error *err)
{
    const char *name = def->defname, *text = def_text(def);
    if (!strcmp(name, "format")) {
        copy->csv = text && !strcasecmp(text, "csv");
        copy->binary = text && !strcasecmp(text, "binary");
        if (!copy->csv && !copy->binary && (!text || strcasecmp(text, "text") != 0))
            return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "COPY format \"%s\" is not supported yet", text ? text : "");
        return true;
    }
    if (!strcmp(name, "delimiter")) {
        *has_delimiter = true;
        return one_char("delimiter", text, &copy->delimiter, err);
    }
    if (!strcmp(name, "null")) {
        *has_null = true;
        copy->null_text = wr_arena_strdup(&copy->arena, text ? text : "");
        return true;
    }
    if (!strcmp(name, "header")) {
        copy->header = !text || !strcasecmp(text, "true") || !strcasecmp(text, "on") || !strcasecmp(text, "match");
        return true;
    }
    if (!strcmp(name, "quote"))
        return one_char("quote", text, &copy->quote, err);
    if (!strcmp(name, "escape"))
        return one_char("escape", text, &copy->escape, err);
    if (!strcmp(name, "encoding"))
        return true;
    return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "COPY option \"%s\" is not supported yet", name);
}

static bool read_options(struct copy_in *copy, const PgQuery__CopyStmt *stmt, struct wr_error *err)
{
    bool has_null = false, has_delimiter = false;
    copy->quote = '"';
    copy->escape = 0;
    for (size_t i = 0; i < stmt->n_options; i++)
        TRY(read_option(copy, stmt->options[i]->def_elem, &has_null, &has_delimiter, err));
    if (copy->binary && (has_delimiter || has_null || copy->header))
        return wr_fail(err, has_delimiter || has_null ? ERR_SYNTAX : ERR_FEATURE_NOT_SUPPORTED,
                       "cannot specify %s in BINARY mode",
                       has_delimiter ? "DELIMITER"
                       : has_null    ? "NULL"
                                     : "HEADER");
    if (!has_delimiter)
        copy->delimiter = copy->csv ? ',' : '\t';
    if (!has_null)
        copy->null_text = copy->csv ? "" : "\\N";
    if (!copy->escape)
        copy->escape = copy->quote;
    copy->skip_line = copy->header;
    return true;
}

static bool choose_columns(struct copy_in *copy, const struct object *table, const PgQuery__CopyStmt *stmt,
                           struct wr_error *err)
{
    copy->nvisible = table->ncols - (table->cols[table->ncols - 1].hidden ? 1 : 0);
    copy->fields = WR_NEW_ARRAY(&copy->arena, uint16_t, WR_MAX(stmt->n_attlist, copy->nvisible) + 1);
    if (!stmt->n_attlist) {
        copy->nfields = copy->nvisible;
        for (uint16_t c = 0; c < copy->nvisible; c++)
            copy->fields[c] = c;
        return true;
    }
    for (size_t i = 0; i < stmt->n_attlist; i++) {
        const char *name = stmt->attlist[i]->string->sval;
        uint16_t c = 0;
        while (c < copy->nvisible && strcmp(table->cols[c].name, name))
            c++;
        if (c == copy->nvisible)
            return wr_fail(err, ERR_UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", name,
                           table->name);
        copy->fields[copy->nfields++] = c;
    }
    return true;
}

static bool is_given(const struct copy_in *copy, uint16_t column)
{
    for (uint16_t f = 0; f < copy->nfields; f++)
        if (copy->fields[f] == column)
            return true;
    return false;
}

/* DEFAULTs of the columns that are not given, evaluated once. */
static bool fill_defaults(struct copy_in *copy, struct catalog *catalog, const struct object *table,
                          struct wr_error *err)
{
    copy->defaults = WR_NEW_ARRAY(&copy->arena, struct expr *, copy->nvisible + 1);
    for (uint16_t c = 0; c < copy->nvisible; c++) {
        if (is_given(copy, c) || !table->cols[c].default_text)
            continue;
        struct planner planner;
        char *text = wr_arena_printf(&copy->arena, "SELECT %s", table->cols[c].default_text);
        wr_planner_of(copy->session, &copy->arena, catalog, text, &planner);
        size_t offset = 0;
        struct statement *parsed;
        TRY(wr_parse_next(&copy->arena, text, strlen(text), &offset, &parsed, err));
        const PgQuery__Node *value = parsed->node->select_stmt->target_list[0]->res_target->val;
        struct expr *expr;
        struct datum datum;
        bool ok = wr_plan_bind_expr(&planner, value, NULL, table->cols[c].type, CAST_ASSIGNMENT, &expr, err) &&
                  wr_evaluate_const(&copy->arena, expr, &copy->session->io, copy->session->now_us, &datum, err);
        wr_statement_free(parsed);
        TRY(ok);
        copy->defaults[c] = wr_expr_const(&copy->arena, &datum);
    }
    return true;
}

bool wr_copy_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                 struct wr_error *err)
{
    struct weir_session *session = statement->session;
    const PgQuery__CopyStmt *stmt = statement->parsed->node->copy_stmt;
    if (!stmt->is_from || stmt->is_program || (stmt->filename && *stmt->filename))
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "only COPY ... FROM STDIN is supported yet");
    if (!stmt->relation || stmt->where_clause)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "this form of COPY is not supported yet");
    struct catalog *catalog = wr_session_catalog(session);
    struct copy_in *copy = wr_calloc(1, sizeof *copy);
    copy->session = session;
    wr_arena_init(&copy->arena, NULL);
    wr_arena_init(&copy->row_arena, &session->db->pool_sessions);
    result->copy = copy;
    struct planner planner;
    wr_planner_of(session, &copy->arena, catalog, statement->text, &planner);
    const struct object *table;
    bool ok = wr_plan_relation(&planner, stmt->relation, &table, err);
    if (ok && table->kind != OBJECT_TABLE)
        ok = wr_fail(err, ERR_WRONG_OBJECT_TYPE, "cannot copy to \"%s\": it is not a table", table->name);
    if (ok) {
        copy->list = wr_writes_new(session->db, table);
        copy->relation = wr_writes_relation(copy->list);
        const char *mode = wr_setting(session, "default_on_conflict");
        copy->blind = !table->append_only && (table->overwrite || (mode && !strcmp(mode, "overwrite")));
        ok = read_options(copy, stmt, err) && choose_columns(copy, table, stmt, err) &&
             fill_defaults(copy, catalog, table, err);
    }
    wr_catalog_release(catalog);
    snprintf(result->tag, sizeof result->tag, "COPY");
    return ok;
}

/* ---- rows */

static bool add_batch(struct copy_in *copy, struct wr_error *err)
{
    if (!copy->batch || !copy->batch->nrows)
        return true;
    copy->rows += copy->batch->nrows;
    bool ok = wr_writes_insert_visible(copy->list, &copy->row_arena, copy->batch, copy->blind, err);
    copy->batch = NULL;
    copy->line_bytes = 0;
    wr_arena_release(&copy->row_arena, (struct wr_mark){0});
    return ok;
}

void wr_copy_begin_row(struct copy_in *copy)
{
    if (copy->batch)
        return;
    struct type *types = wr_arena_alloc(&copy->row_arena, sizeof *types * (copy->nvisible + 1u));
    memcpy(types, copy->relation->types, sizeof *types * copy->nvisible);
    copy->batch = wr_batch_new(&copy->row_arena, types, copy->nvisible, ROWS_PER_BATCH);
    copy->batch->nrows = 0;
    for (uint16_t c = 0; c < copy->nvisible; c++)
        wr_column_nulls(&copy->row_arena, &copy->batch->cols[c], ROWS_PER_BATCH);
}

void wr_copy_set(struct copy_in *copy, uint16_t column, const struct datum *value)
{
    struct datum typed = *value;
    typed.type = copy->relation->types[column];
    wr_column_set(&copy->row_arena, &copy->batch->cols[column], copy->batch->nrows, ROWS_PER_BATCH, &typed);
}

bool wr_copy_at(const struct copy_in *copy, const char *column, struct wr_error *err)
{
    wr_fail_detail(err, "COPY %s, line %lld%s%s", copy->relation->name, (long long)copy->line,
                   column ? ", column " : "", column ? column : "");
    return false;
}

bool wr_copy_end_row(struct copy_in *copy, size_t bytes, struct wr_error *err)
{
    for (uint16_t c = 0; c < copy->nvisible && copy->nfields < copy->nvisible; c++) {
        const struct datum none = {.null = true};
        if (!is_given(copy, c))
            wr_copy_set(copy, c, copy->defaults[c] ? &copy->defaults[c]->value : &none);
    }
    copy->line_bytes += bytes;
    if (++copy->batch->nrows == ROWS_PER_BATCH || copy->line_bytes > LINE_BYTES_MAX)
        return add_batch(copy, err);
    return true;
}

static bool set_field(struct copy_in *copy, uint16_t c, const char *text, size_t len, struct wr_error *err)
{
    struct datum value = {.type = copy->relation->types[c], .null = true};
    if (text && !wr_value_in(&copy->row_arena, copy->relation->types[c], text, len, &copy->session->io, &value, err))
        return wr_copy_at(copy, copy->relation->names[c], err);
    wr_copy_set(copy, c, &value);
    return true;
}

struct field {
    const char *text; /* NULL: SQL NULL */
    size_t len;
};

static char unescaped(const char **at, const char *end)
{
    char c = *(*at)++;
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    case 'x': {
        int value = 0, digits = 0;
        while (digits < 2 && *at < end && strchr("0123456789abcdefABCDEF", **at) && **at) {
            char d = *(*at)++;
            value = value * 16 + (d <= '9' ? d - '0' : (d | 32) - 'a' + 10);
            digits++;
        }
        return digits ? (char)value : 'x';
    }
    default:
        if (c >= '0' && c <= '7') {
            int value = c - '0';
            for (int i = 0; i < 2 && *at < end && **at >= '0' && **at <= '7'; i++)
                value = value * 8 + *(*at)++ - '0';
            return (char)value;
        }
        return c;
    }
}

static const char *text_field(struct copy_in *copy, const char *at, const char *end, struct field *field)
{
    const char *start = at;
    char *out = wr_arena_bytes(&copy->row_arena, (size_t)(end - at) + 1);
    size_t n = 0;
    while (at < end && *at != copy->delimiter) {
        char c = *at++;
        if (c == '\\' && at < end)
            c = unescaped(&at, end);
        out[n++] = c;
    }
    size_t raw = (size_t)(at - start);
    bool null = raw == strlen(copy->null_text) && !memcmp(start, copy->null_text, raw);
    copy->row_arena.at = out + n; /* room was made for the rest of the line */
    *field = (struct field){null ? NULL : out, n};
    return at;
}

static const char *csv_field(struct copy_in *copy, const char *at, const char *end, struct field *field)
{
    char *out = wr_arena_bytes(&copy->row_arena, (size_t)(end - at) + 1);
    size_t n = 0;
    bool was_quoted = false, quoted = false;
    while (at < end && (quoted || *at != copy->delimiter)) {
        char c = *at++;
        if (quoted && c == copy->escape && at < end && (*at == copy->quote || *at == copy->escape)) {
            out[n++] = *at++;
        } else if (c == copy->quote) {
            quoted = !quoted;
            was_quoted = true;
        } else {
            out[n++] = c;
        }
    }
    bool null = !was_quoted && n == strlen(copy->null_text) && !memcmp(out, copy->null_text, n);
    copy->row_arena.at = out + n; /* room was made for the rest of the line */
    *field = (struct field){null ? NULL : out, n};
    return at;
}

static bool row_error(struct copy_in *copy, struct wr_error *err, const char *what, const char *name)
{
    wr_fail(err, ERR_BAD_COPY, what, name);
    wr_fail_detail(err, "COPY %s, line %lld", copy->relation->name, (long long)copy->line);
    return false;
}

static bool take_line(struct copy_in *copy, const char *line, size_t len, struct wr_error *err)
{
    copy->line++;
    if (len && line[len - 1] == '\r')
        len--;
    if (copy->skip_line) {
        copy->skip_line = false;
        return true;
    }
    if (len == 2 && line[0] == '\\' && line[1] == '.') {
        copy->ended = true;
        return true;
    }
    if (!wr_utf8_check(line, len, err)) {
        wr_fail_detail(err, "COPY %s, line %lld", copy->relation->name, (long long)copy->line);
        return false;
    }
    wr_copy_begin_row(copy);
    const char *at = line, *end = line + len;
    for (uint16_t f = 0; f < copy->nfields; f++) {
        if (f && at > end)
            return row_error(copy, err, "missing data for column \"%s\"", copy->relation->names[copy->fields[f]]);
        struct field field;
        at = copy->csv ? csv_field(copy, at, end, &field) : text_field(copy, at, end, &field);
        TRY(set_field(copy, copy->fields[f], field.text, field.len, err));
        at++; /* the delimiter, or one past the end */
    }
    if (at <= end)
        return row_error(copy, err, "extra data after last expected column%s", "");
    return wr_copy_end_row(copy, len, err);
}

/* Make lines of what is pending. A line ends at a newline that is not inside CSV quotes nor (text) behind a backslash.
 */
static bool take_lines(struct copy_in *copy, bool last, struct wr_error *err)
{
    struct wr_buf *p = &copy->pending;
    size_t start = 0;
    for (size_t i = copy->scanned; i < p->len && !copy->ended; i++) {
        char c = p->data[i];
        if (copy->csv && c == copy->quote)
            copy->in_quotes = !copy->in_quotes;
        if (!copy->csv && c == '\\' && i + 1 < p->len) {
            i++;
            continue;
        }
        if (!copy->csv && c == '\\' && !last) {
            copy->scanned = i - start;
            goto keep;
        }
        if (c == '\n' && !copy->in_quotes) {
            TRY(take_line(copy, p->data + start, i - start, err));
            start = i + 1;
        }
    }
    copy->scanned = p->len - start;
keep:
    memmove(p->data, p->data + start, p->len - start);
    p->len -= start;
    if (last && p->len && !copy->ended) {
        TRY(take_line(copy, p->data, p->len, err));
        p->len = 0;
    }
    return true;
}

static bool take_rows(struct copy_in *copy, bool last, struct wr_error *err)
{
    return copy->binary ? wr_copy_binary(copy, last, err) : take_lines(copy, last, err);
}

bool weir_result_copy_binary(const weir_result *result, int *columns)
{
    *columns = result->copy ? result->copy->nfields : 0;
    return result->copy && result->copy->binary;
}

static weir_code give(weir_result *result, const struct wr_error *err, weir_error *error)
{
    wr_session_give(result->session, err, error);
    if (result->session->state == 'T')
        result->session->state = 'E';
    result->done = true;
    return WEIR_ERROR;
}

weir_code weir_copy_data(weir_result *result, const void *bytes, size_t len, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    struct copy_in *copy = result->copy;
    if (!copy || result->done) {
        wr_fail(&err, ERR_PROTOCOL, "no COPY is in progress");
        return give(result, &err, error);
    }
    if (atomic_load(&result->session->cancel)) {
        wr_fail(&err, ERR_QUERY_CANCELED, "canceling statement due to user request");
        return give(result, &err, error);
    }
    wr_buf_put(&copy->pending, bytes, len);
    wr_timeout_enter(result->session);
    bool ok = take_rows(copy, false, &err);
    wr_timeout_leave(result->session);
    return ok ? WEIR_OK : give(result, &err, error);
}

weir_code weir_copy_end(weir_result *result, weir_error *error)
{
    struct wr_error err = WR_ERROR_INIT;
    struct copy_in *copy = result->copy;
    struct weir_session *session = result->session;
    if (!copy || result->done) {
        wr_fail(&err, ERR_PROTOCOL, "no COPY is in progress");
        return give(result, &err, error);
    }
    wr_timeout_enter(session);
    bool ok = take_rows(copy, true, &err) && add_batch(copy, &err);
    if (ok && session->state == 'T')
        ok = wr_transaction_write(session, copy->list, &err);
    else if (ok && copy->rows)
        ok = wr_writes_apply(session->db, &copy->list, 1, &err);
    wr_timeout_leave(session);
    if (!ok)
        return give(result, &err, error);
    snprintf(result->tag, sizeof result->tag, "COPY %lld", (long long)copy->rows);
    result->done = true;
    return WEIR_OK;
}
