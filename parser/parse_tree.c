/* PostgreSQL's grammar at work: text with its edits in, protobuf tree out, errors and locations in terms of the
 * user's own text.
 *
 *   work:   select * from (select 1) where true        edit at byte 24: " AS unnamed_subquery"
 *   built:  select * from (select 1) AS unnamed_subquery where true
 *   locations in built -> minus what was inserted before -> plus where the statement begins in the text
 *
 * PostgreSQL 15 refuses a subquery in FROM that has no alias, 16 does not: the refusal tells us where, we give it
 * one and parse again. */
#include "parser/scan.h"

#include <stdlib.h>

/* work with the edits, in the order of their places. Free after use. */
static char *build_text(struct scan *scan)
{
    for (int i = 1; i < scan->n_edits; i++) /* insertion sort: nearly sorted, and few; stable */
        for (int k = i; k > 0 && scan->edits[k].at < scan->edits[k - 1].at; k--) {
            struct edit swap = scan->edits[k];
            scan->edits[k] = scan->edits[k - 1];
            scan->edits[k - 1] = swap;
        }
    struct wr_buf built = WR_BUF_INIT;
    int at = 0;
    for (int i = 0; i < scan->n_edits; i++) {
        wr_buf_put(&built, scan->work + at, (size_t)(scan->edits[i].at - at));
        wr_buf_puts(&built, scan->edits[i].text);
        at = scan->edits[i].at;
    }
    wr_buf_put(&built, scan->work + at, (size_t)(scan->len - at));
    return wr_buf_cstr(&built);
}

/* Byte of the built text -> byte of the statement as written. */
static int unedit(const struct scan *scan, int byte)
{
    int inserted = 0;
    for (int i = 0; i < scan->n_edits; i++) {
        int len = (int)strlen(scan->edits[i].text), at = scan->edits[i].at;
        if (byte < at + inserted)
            break;
        if (byte < at + inserted + len)
            return at;
        inserted += len;
    }
    return WR_MIN(byte - inserted, scan->len);
}

static int byte_of_character(const char *text, int character)
{
    int byte = 0;
    for (int seen = 0; text[byte]; byte++)
        if (((unsigned char)text[byte] & 0xc0) != 0x80 && ++seen == character)
            break;
    return byte;
}

/* ---- locations */

static int moved(const struct scan *scan, int location)
{
    return location < 0 ? location : unedit(scan, location) + (int)scan->base;
}

static void relocate(const struct scan *scan, ProtobufCMessage *message);

static void relocate_field(const struct scan *scan, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    char *at = (char *)message + field->offset;
    if (field->type == PROTOBUF_C_TYPE_INT32 && field->label != PROTOBUF_C_LABEL_REPEATED) {
        if (!strcmp(field->name, "location") || !strcmp(field->name, "stmt_location"))
            *(int32_t *)at = moved(scan, *(int32_t *)at);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        bool in_oneof = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
        uint32_t quantifier = 0;
        if (in_oneof)
            memcpy(&quantifier, (char *)message + field->quantifier_offset, sizeof quantifier);
        if (in_oneof && quantifier != field->id)
            return;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t n = *(size_t *)((char *)message + field->quantifier_offset);
            for (size_t i = 0; i < n; i++)
                relocate(scan, (*(ProtobufCMessage ***)at)[i]);
        } else if (*(ProtobufCMessage **)at) {
            relocate(scan, *(ProtobufCMessage **)at);
        }
    }
}

static void relocate(const struct scan *scan, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    if (descriptor == &pg_query__node__descriptor) { /* a oneof of 230: go straight to its member */
        unsigned node_case = (unsigned)((PgQuery__Node *)message)->node_case;
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, node_case);
        if (field)
            relocate_field(scan, message, field);
        return;
    }
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        relocate_field(scan, message, &descriptor->fields[i]);
}

/* ---- errors */

/* The messages of gram.y and scan.l that are not plain syntax errors. */
static const char *sqlstate_of(const char *message)
{
    static const struct {
        const char *part, *sqlstate;
    } others[] = {
        {"memory exhausted", ERR_TOO_COMPLEX},
        {"not implemented", ERR_FEATURE_NOT_SUPPORTED},
        {"not yet implemented", ERR_FEATURE_NOT_SUPPORTED},
        {"not supported", ERR_FEATURE_NOT_SUPPORTED},
        {"invalid Unicode escape value", ERR_SYNTAX},
        {"invalid Unicode escape", ERR_INVALID_ESCAPE},
        {"unsafe use of", "22P06"},
        {"invalid byte sequence", ERR_BAD_ENCODING},
    };
    for (size_t i = 0; i < WR_COUNT(others); i++)
        if (strstr(message, others[i].part) && strncmp(message, "syntax error", 12) != 0)
            return others[i].sqlstate;
    return ERR_SYNTAX;
}

/* The text was over for PostgreSQL; if a clause that we took follows, that is what is in the wrong place. */
static bool blamed_on_clause(struct scan *scan, const char *message)
{
    if (strcmp(message, "syntax error at end of input") != 0 && strcmp(message, "syntax error at or near \";\"") != 0)
        return false;
    int last = scan->n;
    while (last > 0 && scan->work[scan->tokens[last - 1].start] == ' ')
        last--;
    if (last == scan->n)
        return false;
    wr_scan_syntax_error(scan, last);
    return true;
}

static bool report(struct scan *scan, const PgQueryError *error, int byte)
{
    if (blamed_on_clause(scan, error->message))
        return false;
    int position = error->cursorpos > 0 ? wr_scan_position(scan, byte) : 0;
    return wr_fail_at(scan->err, position, sqlstate_of(error->message), "%s", error->message);
}

/* ---- subqueries without alias */

static bool lacks_alias(const PgQueryError *error)
{
    return !strcmp(error->message, "subquery in FROM must have an alias") ||
           !strcmp(error->message, "VALUES in FROM must have an alias");
}

/* Names the subquery whose bracket opens at `byte`; false if that cannot be. */
static bool give_alias(struct scan *scan, int byte)
{
    if (!scan->tokens && !wr_scan_tokens(scan))
        return false;
    int open = 0;
    while (open < scan->n && scan->tokens[open].start < byte)
        open++;
    int close = wr_scan_is_char(scan, open, '(') ? wr_scan_close(scan, open) : scan->n;
    if (close == scan->n || scan->n_edits == SCAN_EDITS_MAX)
        return false;
    const char *alias = scan->n_subqueries == 0
                            ? " AS unnamed_subquery"
                            : wr_arena_printf(scan->arena, " AS unnamed_subquery_%d", scan->n_subqueries);
    scan->n_subqueries++;
    wr_scan_insert(scan, scan->tokens[close].end, alias);
    return true;
}

/* ---- */

static bool unpack(struct scan *scan, const PgQueryProtobuf *bytes, struct statement *statement)
{
    statement->tree = pg_query__parse_result__unpack(NULL, bytes->len, (const uint8_t *)bytes->data);
    if (!statement->tree)
        return wr_fail(scan->err, ERR_INTERNAL, "could not read the parser's result");
    if (statement->tree->n_stmts != 1)
        return wr_scan_syntax_error(scan, 0);
    if (scan->base || scan->n_edits)
        relocate(scan, &statement->tree->base);
    statement->node = statement->tree->stmts[0]->stmt;
    return true;
}

bool wr_parse_tree(struct scan *scan, struct statement *statement)
{
    for (;;) {
        char *built = build_text(scan);
        PgQueryProtobufParseResult result = pg_query_parse_protobuf(built);
        bool ok = !result.error, again = false;
        if (ok) {
            ok = unpack(scan, &result.parse_tree, statement);
        } else {
            int byte = unedit(scan, byte_of_character(built, result.error->cursorpos));
            again = lacks_alias(result.error) && give_alias(scan, byte);
            if (!again)
                report(scan, result.error, byte);
        }
        pg_query_free_protobuf_parse_result(result);
        free(built);
        if (!again)
            return ok;
    }
}
