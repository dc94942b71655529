/* Errors for people.
 *
 *   pipeline.sql:12:8: error: column "pric" does not exist (42703)
 *     SELECT pric FROM sales
 *            ^
 *   hint: Perhaps you meant to reference the column "sales.price". */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define LINE_SHOWN_MAX 200 /* bytes of a long line around the place */

static void report_rest(const weir_error *error)
{
    if (error->detail[0])
        fprintf(stderr, "detail: %s\n", error->detail);
    if (error->hint[0])
        fprintf(stderr, "hint: %s\n", error->hint);
    if (error->context[0])
        fprintf(stderr, "context: %s\n", error->context);
}

void wr_cli_report(const weir_error *error)
{
    fprintf(stderr, "weir: error: %s (%s)\n", error->message, error->sqlstate);
    report_rest(error);
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Byte of the 1-based character; the end of the text if there are fewer. */
static size_t byte_of(const char *text, size_t len, int character)
{
    size_t at = 0;
    for (int seen = 0; at < len; at++)
        if (!is_continuation(text[at]) && ++seen == character)
            break;
    return at;
}

static void show_line(const char *text, size_t start, size_t end, size_t at)
{
    if (at - start > LINE_SHOWN_MAX / 2) {
        start = at - LINE_SHOWN_MAX / 2;
        while (start < at && is_continuation(text[start]))
            start++;
    }
    if (end - start > LINE_SHOWN_MAX) {
        end = start + LINE_SHOWN_MAX;
        while (end > at && is_continuation(text[end]))
            end--;
    }
    fprintf(stderr, "  %.*s\n  ", (int)(end - start), text + start);
    for (size_t i = start; i < at; i++)
        if (!is_continuation(text[i]))
            fputc(text[i] == '\t' ? '\t' : ' ', stderr);
    fputs("^\n", stderr);
}

void wr_cli_report_at(const char *path, const char *text, size_t len, const weir_error *error)
{
    if (error->position <= 0) {
        fprintf(stderr, "%s: error: %s (%s)\n", path, error->message, error->sqlstate);
        report_rest(error);
        return;
    }
    size_t at = byte_of(text, len, error->position), start = at, end = at;
    int line = 1, column = 1;
    while (start > 0 && text[start - 1] != '\n')
        column += !is_continuation(text[--start]);
    while (end < len && text[end] != '\n' && text[end] != '\r')
        end++;
    for (size_t i = 0; i < start; i++)
        line += text[i] == '\n';
    fprintf(stderr, "%s:%d:%d: error: %s (%s)\n", path, line, column, error->message, error->sqlstate);
    show_line(text, start, end, at);
    report_rest(error);
}
