/* COPY ... FROM STDIN in text and CSV, as PostgreSQL 15 reads them: bytes become lines, lines fields, fields values. */
#include "base/utf8.h"
#include "engine/copy.h"

#include <stdio.h>

#define SHOWN_MAX 100 /* bytes of a line or a value in an error */

struct field {
    const char *text; /* NULL: SQL NULL */
    size_t len;
    bool unescaped; /* holds bytes that were written as numbers */
};

/* ---- errors */

static bool at_text(struct copy_in *copy, const char *column, const char *text, size_t len, struct wr_error *err)
{
    size_t shown = len;
    while (shown > SHOWN_MAX || (shown < len && shown && ((uint8_t)text[shown] & 0xc0) == 0x80))
        shown--;
    return wr_fail_context(err, "COPY %s, line %lld%s%s: \"%.*s%s\"", copy->relation->name, (long long)copy->line,
                           column ? ", column " : "", column ? column : "", (int)shown, text, shown < len ? "..." : "");
}

/* Of a line that is not complete yet. */
static bool scan_error(struct copy_in *copy, struct wr_error *err, const char *what)
{
    copy->line += 1 + copy->more_lines;
    wr_fail(err, ERR_BAD_COPY, "%s", what);
    return wr_copy_at(copy, NULL, err);
}

/* The character that ends lines elsewhere stands where it can only be data. */
static bool stray_line_end(struct copy_in *copy, char c, struct wr_error *err)
{
    const char *name = c == '\n' ? "newline" : "carriage return";
    char what[64];
    snprintf(what, sizeof what, "%s %s found in data", copy->format.csv ? "unquoted" : "literal", name);
    scan_error(copy, err, what);
    if (copy->format.csv)
        return wr_fail_hint(err, "Use quoted CSV field to represent %s.", name);
    return wr_fail_hint(err, "Use \"\\%c\" to represent %s.", c == '\n' ? 'n' : 'r', name);
}

/* ---- fields */

/* What the character behind a backslash stands for; *number: it began a number. */
static char unescaped(const char **at, const char *end, bool *number)
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
        *number |= digits > 0;
        return digits ? (char)value : 'x';
    }
    default:
        if (c >= '0' && c <= '7') {
            int value = c - '0';
            for (int i = 0; i < 2 && *at < end && **at >= '0' && **at <= '7'; i++)
                value = value * 8 + *(*at)++ - '0';
            *number = true;
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
    *field = (struct field){.text = out};
    while (at < end && *at != copy->format.delimiter) {
        char c = *at++;
        if (c == '\\' && at == end)
            break;
        if (c == '\\')
            c = unescaped(&at, end, &field->unescaped);
        out[n++] = c;
    }
    size_t raw = (size_t)(at - start);
    if (raw == strlen(copy->format.null_text) && !memcmp(start, copy->format.null_text, raw))
        field->text = NULL;
    copy->row_arena.at = out + n; /* room was made for the rest of the line */
    field->len = n;
    return at;
}

/* NULL: the line ends within quotes. */
static const char *csv_field(struct copy_in *copy, const char *at, const char *end, struct field *field)
{
    char *out = wr_arena_bytes(&copy->row_arena, (size_t)(end - at) + 1);
    size_t n = 0;
    bool was_quoted = false, quoted = false;
    while (at < end && (quoted || *at != copy->format.delimiter)) {
        char c = *at++;
        if (quoted && c == copy->format.escape && at < end &&
            (*at == copy->format.quote || *at == copy->format.escape)) {
            out[n++] = *at++;
        } else if (c == copy->format.quote) {
            quoted = !quoted;
            was_quoted = true;
        } else {
            out[n++] = c;
        }
    }
    bool null = !was_quoted && n == strlen(copy->format.null_text) && !memcmp(out, copy->format.null_text, n);
    copy->row_arena.at = out + n; /* room was made for the rest of the line */
    *field = (struct field){null ? NULL : out, n, false};
    return quoted ? NULL : at;
}

/* The next field; at: behind the last one's delimiter. */
static bool next_field(struct copy_in *copy, const char **at, const char *end, struct field *field,
                       struct wr_error *err)
{
    *at = copy->format.csv ? csv_field(copy, *at, end, field) : text_field(copy, *at, end, field);
    if (!*at)
        return wr_fail(err, ERR_BAD_COPY, "unterminated CSV quoted field");
    ++*at; /* the delimiter, or one past the end */
    return !field->unescaped || wr_utf8_check(field->text, field->len, err);
}

static void apply_force(const struct copy_in *copy, uint16_t f, struct field *field)
{
    size_t len = strlen(copy->format.null_text);
    if (!field->text && copy->format.forced[f] & COPY_NOT_NULL)
        *field = (struct field){.text = copy->format.null_text, .len = len};
    else if (field->text && copy->format.forced[f] & COPY_NULL && field->len == len &&
             !memcmp(field->text, copy->format.null_text, len))
        field->text = NULL;
}

static bool set_field(struct copy_in *copy, uint16_t c, const struct field *field, struct wr_error *err)
{
    struct type type = copy->relation->types[c];
    struct datum value = {.type = type, .null = true};
    if (field->text && !wr_value_in(&copy->row_arena, type, field->text, field->len, &copy->session->io, &value, err))
        return at_text(copy, copy->relation->names[c], field->text, field->len, err);
    wr_copy_set(copy, c, &value);
    return true;
}

/* ---- the header */

static bool check_name(struct copy_in *copy, uint16_t f, const struct field *field, struct wr_error *err)
{
    const char *name = copy->relation->names[copy->columns.fields[f]];
    if (!field->text)
        return wr_fail(err, ERR_BAD_COPY,
                       "column name mismatch in header line field %d: got null value (\"%s\"), expected \"%s\"", f + 1,
                       copy->format.null_text, name);
    if (field->len == strlen(name) && !memcmp(field->text, name, field->len))
        return true;
    return wr_fail(err, ERR_BAD_COPY, "column name mismatch in header line field %d: got \"%.*s\", expected \"%s\"",
                   f + 1, (int)WR_MIN(field->len, SHOWN_MAX), field->text, name);
}

/* HEADER MATCH: the first line names the columns. */
static bool check_header(struct copy_in *copy, const char *line, size_t len, struct wr_error *err)
{
    const char *at = line, *end = line + len;
    struct field *fields = WR_NEW_ARRAY(&copy->row_arena, struct field, copy->columns.nfields);
    int n = 0;
    for (; at <= end; n++) {
        struct field extra;
        TRY(next_field(copy, &at, end, n < copy->columns.nfields ? &fields[n] : &extra, err));
    }
    if (n != copy->columns.nfields)
        return wr_fail(err, ERR_BAD_COPY, "wrong number of fields in header line: got %d, expected %d", n,
                       copy->columns.nfields);
    for (uint16_t f = 0; f < copy->columns.nfields; f++)
        TRY(check_name(copy, f, &fields[f], err));
    return true;
}

/* ---- lines */

static bool take_row(struct copy_in *copy, const char *line, size_t len, struct wr_error *err)
{
    const char *at = line, *end = line + len;
    wr_copy_begin_row(copy);
    for (uint16_t f = 0; f < copy->columns.nfields; f++) {
        if (f && at > end)
            return wr_fail(err, ERR_BAD_COPY, "missing data for column \"%s\"",
                           copy->relation->names[copy->columns.fields[f]]);
        struct field field;
        TRY(next_field(copy, &at, end, &field, err));
        apply_force(copy, f, &field);
        TRY(set_field(copy, copy->columns.fields[f], &field, err));
    }
    if (at <= end)
        return wr_fail(err, ERR_BAD_COPY, "extra data after last expected column");
    return true;
}

static bool take_line(struct copy_in *copy, const char *line, size_t len, struct wr_error *err)
{
    copy->line += 1 + copy->more_lines;
    copy->more_lines = 0;
    if (copy->format.header && !copy->begun) {
        copy->begun = true;
        return !copy->format.header_match || check_header(copy, line, len, err) || at_text(copy, NULL, line, len, err);
    }
    if (!wr_utf8_check(line, len, err))
        return wr_copy_at(copy, NULL, err);
    if (!take_row(copy, line, len, err))
        return err->context[0] ? false : at_text(copy, NULL, line, len, err);
    return wr_copy_end_row(copy, len, err);
}

/* ---- where lines end */

/* A quote, an escape or anything else: are we within quotes behind it? */
static void follow_quotes(struct copy_in *copy, char c)
{
    struct line_scan *scan = &copy->scan;
    bool escape = copy->format.escape != copy->format.quote && c == copy->format.escape;
    if (escape && scan->in_quotes)
        scan->escaped = !scan->escaped;
    if (c == copy->format.quote && !scan->escaped)
        scan->in_quotes = !scan->in_quotes;
    if (!escape)
        scan->escaped = false;
    if (scan->in_quotes && c == (scan->end == LINE_END_NL ? '\n' : '\r'))
        copy->more_lines++;
}

/* The line that ends with this character: *width = bytes of its end. */
static bool line_ends(struct copy_in *copy, const char *at, size_t left, size_t *width, struct wr_error *err)
{
    enum line_end *known = &copy->scan.end, here = LINE_END_NL;
    *width = 1;
    if (*at == '\r' && *known != LINE_END_CR && *known != LINE_END_NL && left > 1 && at[1] == '\n') {
        here = LINE_END_CRNL;
        *width = 2;
    } else if (*at == '\r') {
        here = LINE_END_CR;
    }
    if (*known != LINE_END_UNKNOWN && *known != here)
        return stray_line_end(copy, *at, err);
    *known = here;
    return true;
}

/* Is `\.` at this place the end of the data? It is alone on its line, or ends it. */
static bool data_ends(struct copy_in *copy, const char *at, size_t left, bool *ends, struct wr_error *err)
{
    enum line_end known = copy->scan.end;
    *ends = false;
    if (left < 2 || at[1] != '.')
        return true;
    bool cr = left > 2 && at[2] == '\r', crnl = cr && left > 3 && at[3] == '\n', nl = left > 2 && at[2] == '\n';
    if (!cr && !nl)
        return copy->format.csv || scan_error(copy, err, "end-of-copy marker corrupt");
    *ends = known == LINE_END_UNKNOWN || (known == LINE_END_NL && nl) || (known == LINE_END_CRNL && crnl) ||
            (known == LINE_END_CR && cr);
    return *ends || scan_error(copy, err, "end-of-copy marker does not match previous newline style");
}

/* One that takes part in where lines end. */
static bool is_special(const struct copy_in *copy, char c)
{
    return c == '\n' || c == '\r' || c == '\\' ||
           (copy->format.csv && (c == copy->format.quote || c == copy->format.escape));
}

/* From scan.at to the end of the line that begins at `start`. *width = bytes of its end; 0: it does not end in what is
 * here (or the data ends there). */
static bool find_end(struct copy_in *copy, size_t start, bool last, size_t *width, struct wr_error *err)
{
    const struct wr_buf *p = &copy->pending;
    size_t *at = &copy->scan.at;
    for (*width = 0; *at < p->len; ++*at) {
        char c = p->data[*at];
        size_t left = p->len - *at;
        if (!is_special(copy, c)) {
            copy->scan.escaped = false;
            continue;
        }
        if (!last && left < (c == '\\' ? 4u : c == '\r' ? 2u : 1u)) /* what it means is decided by what follows */
            return true;
        if (copy->format.csv)
            follow_quotes(copy, c);
        if (c == '\\' && (!copy->format.csv || *at == start)) {
            TRY(data_ends(copy, p->data + *at, left, &copy->ended, err));
            if (copy->ended)
                return true;
            *at += !copy->format.csv && left > 1;
        } else if ((c == '\n' || c == '\r') && !copy->scan.in_quotes) {
            return line_ends(copy, p->data + *at, left, width, err);
        }
    }
    return true;
}

bool wr_copy_lines(struct copy_in *copy, bool last, struct wr_error *err)
{
    struct wr_buf *p = &copy->pending;
    size_t start = 0, width = 1;
    while (!copy->ended && width) {
        TRY(find_end(copy, start, last, &width, err));
        size_t len = copy->scan.at - start;
        if (width || ((copy->ended || last) && len)) {
            TRY(take_line(copy, p->data + start, len, err));
            copy->scan.at += width;
            start = copy->scan.at;
        }
    }
    if (copy->ended) /* what comes behind the end is not looked at */
        start = copy->scan.at = p->len;
    wr_copy_taken(copy, start);
    copy->scan.at -= start;
    return true;
}
