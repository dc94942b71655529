/* COPY t [(columns)] TO STDOUT, COPY (query) TO STDOUT: a query whose rows are given as PostgreSQL's COPY writes them,
 * a piece per row. */
#include "engine/copy.h"
#include "engine/identifier.h"

#include <stdio.h>

#define BINARY_HEADER "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0" /* signature, no flags, nothing more */

void wr_copy_out_free(struct copy_out *copy)
{
    if (!copy)
        return;
    wr_buf_free(&copy->piece);
    free(copy);
}

/* ---- the query */

/* SELECT of the fields of a relation, as text. */
static const char *query_of(struct wr_arena *arena, const struct copy_columns *columns, const PgQuery__RangeVar *range)
{
    struct wr_buf text = WR_BUF_INIT;
    for (uint16_t f = 0; f < columns->nfields; f++) {
        wr_buf_puts(&text, f ? ", " : "SELECT ");
        wr_identifier_put(&text, columns->names[columns->fields[f]]);
    }
    wr_buf_puts(&text, columns->nfields ? " FROM " : "SELECT FROM ");
    if (range->schemaname && *range->schemaname) {
        wr_identifier_put(&text, range->schemaname);
        wr_buf_byte(&text, '.');
    }
    wr_identifier_put(&text, range->relname);
    const char *copied = wr_arena_strdup(arena, wr_buf_cstr(&text));
    wr_buf_free(&text);
    return copied;
}

/* The columns of the relation that is named, and those of them that are wanted. */
static bool relation_columns(struct weir_statement *statement, struct wr_arena *arena, struct copy_columns *columns,
                             struct wr_error *err)
{
    const PgQuery__CopyStmt *stmt = statement->parsed->node->copy_stmt;
    struct catalog *catalog = wr_session_catalog(statement->session);
    struct planner planner;
    const struct object *object;
    wr_planner_of(statement->session, arena, catalog, statement->text, &planner);
    bool ok = wr_plan_relation(&planner, stmt->relation, &object, err);
    if (ok && object->kind == OBJECT_VIEW) {
        ok = wr_fail(err, ERR_WRONG_OBJECT_TYPE, "cannot copy from view \"%s\"", object->name);
        wr_fail_hint(err, "Try the COPY (SELECT ...) TO variant.");
    }
    if (ok) {
        wr_copy_columns_of(columns, arena, object);
        ok = wr_copy_fields(columns, arena, stmt, err);
    }
    wr_catalog_release(catalog);
    return ok;
}

static bool run_text(struct weir_statement *statement, struct wr_arena *arena, const char *text,
                     struct weir_result *result, struct wr_error *err)
{
    struct statement *parsed;
    size_t offset = 0;
    TRY(wr_parse_next(arena, text, strlen(text), &offset, &parsed, err));
    const struct query_text query = {.text = text, .node = parsed->node};
    bool ok = wr_query_run(statement, &query, result, err);
    wr_statement_free(parsed);
    return ok;
}

static bool run_query(struct weir_statement *statement, struct copy_out *copy, struct weir_result *result,
                      struct wr_error *err)
{
    const PgQuery__CopyStmt *stmt = statement->parsed->node->copy_stmt;
    struct wr_arena *arena = &result->arena;
    if (stmt->relation) {
        TRY(relation_columns(statement, arena, &copy->columns, err));
        return run_text(statement, arena, query_of(arena, &copy->columns, stmt->relation), result, err);
    }
    const struct query_text query = {.text = statement->text, .node = stmt->query};
    TRY(wr_query_run(statement, &query, result, err));
    const char **names = WR_NEW_ARRAY(arena, const char *, result->ncols + 1);
    for (int c = 0; c < result->ncols; c++)
        names[c] = result->cols[c].name;
    copy->columns = (struct copy_columns){.names = names, .n = (uint16_t)result->ncols};
    return wr_copy_fields(&copy->columns, arena, stmt, err);
}

bool wr_copy_out_run(struct weir_statement *statement, const struct datum *params, struct weir_result *result,
                     struct wr_error *err)
{
    const PgQuery__CopyStmt *stmt = statement->parsed->node->copy_stmt;
    TRY(wr_copy_check_form(statement, err));
    if (stmt->query && stmt->query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "COPY of INSERT, UPDATE or DELETE is not supported yet");
    struct copy_out *copy = wr_calloc(1, sizeof *copy);
    result->copy_out = copy;
    snprintf(result->tag, sizeof result->tag, "COPY");
    return run_query(statement, copy, result, err) &&
           wr_copy_options(&copy->format, &copy->columns, &result->arena, stmt, statement->text, err);
}

/* ---- rows as bytes */

/* The letter that stands for a character behind a backslash; 0: there is none. */
static char letter_of(char c)
{
    static const char letters[][2] = {{'\b', 'b'}, {'\f', 'f'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}, {'\v', 'v'}};
    for (size_t i = 0; i < WR_COUNT(letters); i++)
        if (letters[i][0] == c)
            return letters[i][1];
    return 0;
}

static void put_text(struct wr_buf *to, const struct copy_format *format, const char *text, size_t len)
{
    size_t from = 0;
    for (size_t at = 0; at < len; at++) {
        char c = text[at], letter = (unsigned char)c < ' ' ? letter_of(c) : 0;
        if (!letter && c != '\\' && c != format->delimiter)
            continue;
        wr_buf_put(to, text + from, at - from);
        wr_buf_byte(to, '\\');
        wr_buf_byte(to, letter ? letter : c); /* a delimiter that has a letter, too */
        from = at + 1;
    }
    wr_buf_put(to, text + from, len - from);
}

static bool must_quote(const struct copy_out *copy, const char *text, size_t len)
{
    const struct copy_format *format = &copy->format;
    if (len == strlen(format->null_text) && !memcmp(text, format->null_text, len))
        return true;
    if (copy->columns.nfields == 1 && len == 2 &&
        !memcmp(text, "\\.", 2)) /* the end of the data to those who read it */
        return true;
    for (size_t at = 0; at < len; at++)
        if (text[at] == format->delimiter || text[at] == format->quote || text[at] == '\n' || text[at] == '\r')
            return true;
    return false;
}

static void put_csv(struct copy_out *copy, bool quoted, const char *text, size_t len)
{
    const struct copy_format *format = &copy->format;
    struct wr_buf *to = &copy->piece;
    if (!quoted && !must_quote(copy, text, len)) {
        wr_buf_put(to, text, len);
        return;
    }
    wr_buf_byte(to, format->quote);
    for (size_t at = 0; at < len; at++) {
        if (text[at] == format->quote || text[at] == format->escape)
            wr_buf_byte(to, format->escape);
        wr_buf_byte(to, text[at]);
    }
    wr_buf_byte(to, format->quote);
}

static void put_header(struct copy_out *copy)
{
    for (uint16_t f = 0; f < copy->columns.nfields; f++) {
        const char *name = copy->columns.names[copy->columns.fields[f]];
        if (f)
            wr_buf_byte(&copy->piece, copy->format.delimiter);
        if (copy->format.csv)
            put_csv(copy, false, name, strlen(name));
        else
            put_text(&copy->piece, &copy->format, name, strlen(name));
    }
    wr_buf_byte(&copy->piece, '\n');
}

static void put_line(struct copy_out *copy, weir_result *result)
{
    for (int f = 0; f < result->ncols; f++) {
        size_t len;
        const char *text = weir_result_text(result, f, &len);
        if (f)
            wr_buf_byte(&copy->piece, copy->format.delimiter);
        if (!text)
            wr_buf_puts(&copy->piece, copy->format.null_text);
        else if (copy->format.csv)
            put_csv(copy, copy->format.forced[f] & COPY_QUOTE, text, len);
        else
            put_text(&copy->piece, &copy->format, text, len);
    }
    wr_buf_byte(&copy->piece, '\n');
}

static void put_binary(struct copy_out *copy, weir_result *result)
{
    wr_buf_u16be(&copy->piece, (uint16_t)result->ncols);
    for (int f = 0; f < result->ncols; f++) {
        size_t len;
        const void *bytes = weir_result_binary(result, f, &len);
        wr_buf_u32be(&copy->piece, bytes ? (uint32_t)len : UINT32_MAX);
        wr_buf_put(&copy->piece, bytes, bytes ? len : 0);
    }
}

/* What stands before the rows; false: nothing. */
static bool begin(struct copy_out *copy)
{
    copy->begun = true;
    if (copy->format.binary)
        wr_buf_put(&copy->piece, BINARY_HEADER, sizeof BINARY_HEADER - 1);
    else if (copy->format.header)
        put_header(copy);
    return copy->piece.len;
}

weir_code weir_copy_read(weir_result *result, const char **bytes, size_t *len, weir_error *error)
{
    struct copy_out *copy = result->copy_out;
    if (!copy) {
        struct wr_error err = WR_ERROR_INIT;
        wr_fail(&err, ERR_PROTOCOL, "no COPY is in progress");
        wr_session_give(result->session, &err, error);
        return WEIR_ERROR;
    }
    copy->piece.len = 0;
    if (copy->ended)
        return WEIR_DONE;
    if (copy->begun || !begin(copy)) {
        weir_code code = weir_result_next(result, error);
        if (code == WEIR_ERROR)
            return code;
        copy->ended = code == WEIR_DONE;
        if (copy->ended && !copy->format.binary)
            return WEIR_DONE;
        if (copy->ended)
            wr_buf_u16be(&copy->piece, UINT16_MAX);
        else if (copy->format.binary)
            put_binary(copy, result);
        else
            put_line(copy, result);
    }
    *bytes = copy->piece.data;
    *len = copy->piece.len;
    return WEIR_ROW;
}
