/* Answers as text: rows in the order asked for, errors with SQLSTATE and position. */
#include "run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *format(const char *pattern, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, pattern);
    if (vasprintf(&text, pattern, args) < 0)
        abort();
    va_end(args);
    return text;
}

static char type_letter(Oid type)
{
    switch (type) {
    case 16:
        return 'B';
    case 20:
    case 21:
    case 23:
        return 'I';
    case 700:
    case 701:
    case 1700:
        return 'R';
    case 1082:
    case 1114:
    case 1184:
        return 'D';
    default:
        return 'T';
    }
}

static char *value_text(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return strdup("NULL");
    const char *value = PQgetvalue(result, row, column);
    if (!*value)
        return strdup("(empty)");
    char *text = malloc(2 * strlen(value) + 1), *to = text;
    for (; *value; value++) {
        if (*value == '\n' || *value == '\t')
            *to++ = '\\';
        *to++ = *value == '\n' ? 'n' : *value == '\t' ? 't' : *value;
    }
    *to = 0;
    return text;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void take_rows(struct answer *answer, const PGresult *result, enum sort_mode sort)
{
    int rows = PQntuples(result), columns = PQnfields(result);
    answer->types = calloc((size_t)columns + 1, 1);
    for (int c = 0; c < columns; c++)
        answer->types[c] = type_letter(PQftype(result, c));
    answer->lines = calloc((size_t)rows * (size_t)(columns + 1) + 1, sizeof *answer->lines);
    for (int r = 0; r < rows; r++) {
        char *line = strdup("");
        for (int c = 0; c < columns; c++) {
            char *value = value_text(result, r, c);
            if (sort == SORT_VALUES) {
                answer->lines[answer->nlines++] = value;
                continue;
            }
            char *longer = format("%s%s%s", line, c ? " " : "", value);
            free(line);
            free(value);
            line = longer;
        }
        if (sort != SORT_VALUES)
            answer->lines[answer->nlines++] = line;
    }
    if (sort == SORT_ROWS || sort == SORT_VALUES)
        qsort(answer->lines, answer->nlines, sizeof *answer->lines, by_text);
}

static char *error_text(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    char *text = format("%s: %s%s%s%s", state ? state : "-----", message ? message : "no answer",
                        position ? " (at " : "", position ? position : "", position ? ")" : "");
    for (char *at = text; *at; at++)
        if (*at == '\n')
            *at = ' ';
    return text;
}

void answer_take(struct answer *answer, PGresult *result, enum sort_mode sort)
{
    ExecStatusType status = PQresultStatus(result);
    const char *tuples = PQcmdTuples(result);
    answer->count = *tuples ? strtol(tuples, NULL, 10) : -1;
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE)
        answer->error = error_text(result);
    else if (status == PGRES_TUPLES_OK)
        take_rows(answer, result, sort);
    PQclear(result);
}
