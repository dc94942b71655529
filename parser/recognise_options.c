/* WITH (...), FORMAT ... ENCODE ... and INCLUDE ..., as tables, sources and sinks take them.
 *
 *   WITH ( dotted.key = value, ... [,] )
 *   FORMAT f ENCODE e [( key = value, ... )] [KEY ENCODE k [( ... )]]
 *   INCLUDE what ['name' [type]] [AS alias]
 *
 * A key may have any number of parts, each a word or keyword (in lower case, however it is written) or quoted name, or
 * be one string. A value is a string, or whatever stands up to the next comma, as written. */
#include "parser/scan.h"

#include "base/ascii.h"

#include <stdlib.h>

static bool read_key(struct scan *scan, int *i, struct option *option)
{
    int first = *i;
    option->key_location = (int)scan->base + scan->tokens[first].start;
    option->key = wr_scan_string(scan, *i);
    if (option->key) {
        (*i)++;
        return true;
    }
    struct wr_buf key = WR_BUF_INIT;
    for (bool more = true; more;) {
        const char *label = wr_scan_label(scan, *i);
        if (!label) {
            wr_buf_free(&key);
            return wr_scan_syntax_error(scan, *i);
        }
        bool quoted = scan->orig[scan->tokens[*i].start] == '"';
        size_t from = key.len; /* a label is cut as a name is; a key is not */
        wr_buf_puts(&key, quoted ? label : wr_scan_text(scan, *i));
        for (size_t c = from; c < key.len && !quoted; c++)
            key.data[c] = wr_to_lower(key.data[c]);
        (*i)++;
        more = wr_scan_is_char(scan, *i, '.');
        if (more) {
            wr_buf_byte(&key, '.');
            (*i)++;
        }
    }
    option->key = wr_arena_strdup(scan->arena, wr_buf_cstr(&key));
    wr_buf_free(&key);
    return true;
}

static bool read_value(struct scan *scan, int *i, struct option *option)
{
    option->value_location = (int)scan->base + scan->tokens[*i].start;
    option->value = wr_scan_string(scan, *i);
    if (option->value) {
        (*i)++;
        return true;
    }
    int first = *i;
    while (*i < scan->n && !wr_scan_is_char(scan, *i, ',') && !wr_scan_is_char(scan, *i, ')')) {
        int close = wr_scan_is_char(scan, *i, '(') ? wr_scan_close(scan, *i) : *i;
        *i = WR_MIN(close + 1, scan->n);
    }
    if (*i == first)
        return wr_scan_syntax_error(scan, *i);
    option->value = wr_scan_span(scan, first, *i);
    return true;
}

static struct option *add_option(struct scan *scan, struct options *options, int *cap)
{
    if (options->n == *cap) {
        int bigger = *cap ? *cap * 2 : 16;
        struct option *items = WR_NEW_ARRAY(scan->arena, struct option, bigger);
        if (options->n)
            memcpy(items, options->items, sizeof *items * (size_t)options->n);
        options->items = items;
        *cap = bigger;
    }
    return &options->items[options->n++];
}

bool wr_recognise_options(struct scan *scan, int *i, struct options *options)
{
    int cap = options->n; /* full: a second list appends */
    if (!wr_scan_is_char(scan, *i, '('))
        return wr_scan_syntax_error(scan, *i);
    (*i)++;
    while (!wr_scan_is_char(scan, *i, ')')) {
        struct option *option = add_option(scan, options, &cap);
        TRY(read_key(scan, i, option));
        if (!wr_scan_is_char(scan, *i, '='))
            return wr_scan_syntax_error(scan, *i);
        (*i)++;
        TRY(read_value(scan, i, option));
        if (wr_scan_is_char(scan, *i, ','))
            (*i)++;
        else if (!wr_scan_is_char(scan, *i, ')'))
            return wr_scan_syntax_error(scan, *i);
    }
    (*i)++;
    return true;
}

static const char *upper_word(struct scan *scan, int i)
{
    char *word = (char *)wr_scan_label(scan, i);
    for (char *c = word; c && *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c &= ~0x20;
    return word;
}

/* KEY ENCODE is an option of the format: key.encode; its own options are key.<name>. */
static void add_key_options(struct scan *scan, struct statement *statement, int location)
{
    struct options *options = &statement->format_options;
    int cap = options->n;
    *add_option(scan, options, &cap) = (struct option){"key.encode", statement->key_encode, location, location};
    for (int k = 0; k < statement->key_options.n; k++) {
        struct option option = statement->key_options.items[k];
        option.key = wr_arena_printf(scan->arena, "key.%s", option.key);
        *add_option(scan, options, &cap) = option;
    }
}

static bool read_format(struct scan *scan, int *i, struct statement *statement)
{
    statement->format_location = (int)scan->base + scan->tokens[*i].start;
    statement->format = upper_word(scan, *i + 1);
    if (!statement->format)
        return wr_scan_syntax_error(scan, *i + 1);
    *i += 2;
    if (!wr_scan_take(scan, i, "encode"))
        return wr_scan_syntax_error(scan, *i);
    statement->encode = upper_word(scan, *i);
    if (!statement->encode)
        return wr_scan_syntax_error(scan, *i);
    (*i)++;
    if (wr_scan_is_char(scan, *i, '('))
        TRY(wr_recognise_options(scan, i, &statement->format_options));
    int location = (int)scan->base + scan->tokens[*i].start;
    if (!wr_scan_take(scan, i, "key encode"))
        return true;
    statement->key_encode = upper_word(scan, *i);
    if (!statement->key_encode)
        return wr_scan_syntax_error(scan, *i);
    (*i)++;
    if (wr_scan_is_char(scan, *i, '('))
        TRY(wr_recognise_options(scan, i, &statement->key_options));
    add_key_options(scan, statement, location);
    return true;
}

static void add_include(struct scan *scan, struct statement *statement, struct include_clause clause)
{
    int n = statement->n_includes;
    struct include_clause *bigger = WR_NEW_ARRAY(scan->arena, struct include_clause, n + 1);
    if (n)
        memcpy(bigger, statement->includes, sizeof *bigger * (size_t)n);
    bigger[n] = clause;
    statement->includes = bigger;
    statement->n_includes = n + 1;
}

static bool read_include(struct scan *scan, int *i, struct statement *statement)
{
    struct include_clause clause = {.location = (int)scan->base + scan->tokens[*i].start};
    clause.what = wr_scan_label(scan, *i + 1);
    if (!clause.what)
        return wr_scan_syntax_error(scan, *i + 1);
    *i += 2;
    clause.name = wr_scan_string(scan, *i);
    if (clause.name) {
        (*i)++;
        if (wr_scan_is(scan, *i, "varchar") || wr_scan_is(scan, *i, "text") || wr_scan_is(scan, *i, "bytea"))
            clause.type = wr_scan_label(scan, (*i)++);
    }
    if (wr_scan_take(scan, i, "as")) {
        clause.alias = wr_scan_label(scan, *i);
        if (!clause.alias)
            return wr_scan_syntax_error(scan, *i);
        (*i)++;
    }
    add_include(scan, statement, clause);
    return true;
}

bool wr_recognise_clause(struct scan *scan, int *i, struct statement *statement, bool *took)
{
    int first = *i;
    *took = true;
    if (wr_scan_is(scan, first, "with") && wr_scan_is_char(scan, first + 1, '(')) {
        if (statement->with.items)
            return wr_scan_syntax_error(scan, first);
        statement->with_location = (int)scan->base + scan->tokens[first].start;
        *i = first + 1;
        TRY(wr_recognise_options(scan, i, &statement->with));
    } else if (wr_scan_is(scan, first, "format")) {
        if (statement->format)
            return wr_scan_syntax_error(scan, first);
        TRY(read_format(scan, i, statement));
    } else if (wr_scan_is(scan, first, "include")) {
        TRY(read_include(scan, i, statement));
    } else {
        *took = false;
        return true;
    }
    wr_scan_blank(scan, first, *i);
    return true;
}
