/*
 * Splits INSERT INTO t (...) VALUES (1), (2) ON CONFLICT ... into one statement per row.
 *
 *     INSERT INTO t (a) VALUES  (1), (2)  RETURNING a
 *     `------ head ----------'  rows      tail
 */
#include "slt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The end of the quoted text, comment or single character at `at`. */
static const char *skip_token(const char *at)
{
    if (*at == '\'' || *at == '"') {
        char quote = *at++;
        while (*at && *at != quote)
            at += *at == '\\' && quote == '\'' && at[1] ? 2 : 1;
        return *at ? at + 1 : at;
    }
    if (at[0] == '-' && at[1] == '-') {
        while (*at && *at != '\n')
            at++;
        return at;
    }
    return at + 1;
}

static const char *skip_group(const char *at) /* from ( to behind its ) */
{
    int depth = 0;
    while (*at) {
        depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
        at = skip_token(at);
        if (!depth)
            break;
    }
    return at;
}

static const char *skip_space(const char *at)
{
    while (isspace((unsigned char)*at))
        at++;
    return at;
}

static const char *find_rows(const char *sql)
{
    const char *at = skip_space(sql);
    if (strncasecmp(at, "insert", 6))
        return NULL;
    for (; *at; at = *at == '(' ? skip_group(at) : skip_token(at)) {
        if (!strncasecmp(at, "select", 6) || !strncasecmp(at, "with", 4))
            return NULL;
        if (!strncasecmp(at, "values", 6) && !isalnum((unsigned char)at[6]) && isspace((unsigned char)at[-1]))
            return skip_space(at + 6);
    }
    return NULL;
}

char **sql_split_rows(const char *sql, size_t *count)
{
    const char *rows = find_rows(sql), *at = rows;
    const char *begin[4096], *end[4096];
    size_t n = 0;
    while (at && *at == '(' && n < 4096) {
        begin[n] = at;
        at = end[n++] = skip_group(at);
        at = skip_space(at);
        if (*at == ',')
            at = skip_space(at + 1);
        else
            break;
    }
    if (n < 2 || n == 4096)
        return NULL;
    char **list = calloc(n, sizeof *list);
    for (size_t i = 0; i < n; i++)
        if (asprintf(&list[i], "%.*s%.*s %s", (int)(rows - sql), sql, (int)(end[i] - begin[i]), begin[i], at) < 0)
            abort();
    *count = n;
    return list;
}
