/* Reads a sqllogictest file into records. */
#include "slt.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct slt *slt;
    size_t at;          /* next line */
    struct record next; /* conditions and connection gathered for the next record */
};

static bool refuse(const struct reader *reader, size_t line, const char *why)
{
    fprintf(stderr, "%s:%zu: %s\n", reader->slt->path, line + 1, why);
    return false;
}

static bool read_lines(struct slt *slt)
{
    FILE *file = fopen(slt->path, "r");
    if (!file) {
        fprintf(stderr, "%s: %s\n", slt->path, strerror(errno));
        return false;
    }
    char *line = NULL;
    size_t cap = 0;
    for (ssize_t n; (n = getline(&line, &cap, file)) >= 0;) {
        while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = 0;
        if (slt->nlines % 256 == 0)
            slt->lines = realloc(slt->lines, (slt->nlines + 256) * sizeof *slt->lines);
        slt->lines[slt->nlines++] = strdup(line);
    }
    free(line);
    fclose(file);
    return true;
}

static bool is_blank(const char *line)
{
    while (isspace((unsigned char)*line))
        line++;
    return !*line;
}

/* Takes the first word off *text. */
static char *word(char **text)
{
    char *at = *text + strspn(*text, " \t");
    if (!*at)
        return NULL;
    char *end = at + strcspn(at, " \t");
    *text = *end ? end + 1 : end;
    *end = 0;
    return at;
}

static long milliseconds(const char *text)
{
    char *unit;
    double value = strtod(text, &unit);
    if (!strcmp(unit, "ms"))
        return (long)value;
    if (!strcmp(unit, "m") || !strcmp(unit, "min"))
        return (long)(value * 60000);
    return (long)(value * 1000);
}

/* "... retry 3 backoff 500ms" ends a header; it is cut off. */
static void take_retry(struct record *record, char *header)
{
    char *retry = strstr(header, " retry ");
    char backoff[32] = "0s";
    if (!retry || sscanf(retry, " retry %d backoff %31s", &record->retries, backoff) < 1)
        return;
    record->backoff_ms = (int)milliseconds(backoff);
    *retry = 0;
}

static void take_sql(struct reader *reader, struct record *record)
{
    struct slt *slt = reader->slt;
    size_t len = 0;
    for (; reader->at < slt->nlines; reader->at++) {
        const char *line = slt->lines[reader->at];
        if (is_blank(line) || !strcmp(line, "----"))
            break;
        size_t n = strlen(line);
        record->sql = realloc(record->sql, len + n + 2);
        if (len)
            record->sql[len++] = '\n';
        memcpy(record->sql + len, line, n + 1);
        len += n;
    }
    if (!record->sql)
        record->sql = strdup("");
    record->sql_end = record->want_begin = record->want_end = reader->at;
}

/* Rows end at a blank line; an error of several lines, which may hold one, at two. */
static void take_want(struct reader *reader, struct record *record)
{
    struct slt *slt = reader->slt;
    if (reader->at >= slt->nlines || strcmp(slt->lines[reader->at], "----"))
        return;
    record->has_want = true;
    record->want_begin = ++reader->at;
    for (; reader->at < slt->nlines; reader->at++) {
        if (!is_blank(slt->lines[reader->at]))
            continue;
        bool two = reader->at + 1 >= slt->nlines || is_blank(slt->lines[reader->at + 1]);
        if (record->expect != EXPECT_ERROR || two)
            break;
    }
    record->want_end = reader->at;
}

static bool read_expectation(struct reader *reader, struct record *record, char *rest)
{
    take_retry(record, rest);
    if (record->kind == RECORD_QUERY && strncmp(rest, "error", 5)) {
        record->expect = EXPECT_ROWS;
        record->argument = word(&rest);
        for (char *option; (option = word(&rest));) {
            if (!strcmp(option, "rowsort"))
                record->sort = SORT_ROWS;
            else if (!strcmp(option, "valuesort"))
                record->sort = SORT_VALUES;
            else if (!strcmp(option, "nosort"))
                record->sort = SORT_NONE;
        }
        return true;
    }
    char *how = word(&rest);
    if (how && !strcmp(how, "ok")) {
        record->expect = EXPECT_OK;
    } else if (how && !strcmp(how, "error")) {
        record->expect = EXPECT_ERROR;
        record->argument = is_blank(rest) ? NULL : rest + strspn(rest, " \t");
    } else if (how && !strcmp(how, "count")) {
        record->expect = EXPECT_COUNT;
        record->count = strtol(rest, NULL, 10);
    } else {
        return refuse(reader, record->header, "expected ok, error or count");
    }
    return true;
}

static struct record *append(struct reader *reader, enum record_kind kind)
{
    struct slt *slt = reader->slt;
    if (slt->nrecords % 64 == 0)
        slt->records = realloc(slt->records, (slt->nrecords + 64) * sizeof *slt->records);
    struct record *record = &slt->records[slt->nrecords++];
    *record = reader->next;
    record->kind = kind;
    record->header = reader->at;
    if (!record->connection)
        record->connection = "default";
    reader->next = (struct record){0};
    return record;
}

static bool read_runnable(struct reader *reader, enum record_kind kind, char *rest)
{
    struct record *record = append(reader, kind);
    if (!read_expectation(reader, record, rest))
        return false;
    reader->at++;
    take_sql(reader, record);
    take_want(reader, record);
    return true;
}

static bool read_condition(struct reader *reader, bool only, char *rest)
{
    struct record *next = &reader->next;
    char *label = word(&rest);
    if (!label || next->nconditions == CONDITIONS_MAX)
        return refuse(reader, reader->at, "expected one label, and at most 8 of them");
    next->conditions[next->nconditions++] = (struct condition){only, label};
    reader->at++;
    return true;
}

static const struct {
    const char *name;
    enum record_kind kind;
} simple[] = {
    {"sleep", RECORD_SLEEP},     {"halt", RECORD_HALT},       {"restart", RECORD_RESTART},
    {"control", RECORD_CONTROL}, {"include", RECORD_INCLUDE},
};

static bool read_record(struct reader *reader)
{
    /* words are cut in a copy: the lines themselves are written back by --record */
    char *rest = strdup(reader->slt->lines[reader->at]), *head = word(&rest);
    if (!strcmp(head, "statement"))
        return read_runnable(reader, RECORD_STATEMENT, rest);
    if (!strcmp(head, "query"))
        return read_runnable(reader, RECORD_QUERY, rest);
    if (!strcmp(head, "system"))
        return read_runnable(reader, RECORD_SYSTEM, rest);
    if (!strcmp(head, "onlyif") || !strcmp(head, "skipif"))
        return read_condition(reader, head[0] == 'o', rest);
    if (!strcmp(head, "connection")) {
        reader->next.connection = word(&rest);
        reader->at++;
        return true;
    }
    if (!strcmp(head, "subtest") || !strcmp(head, "hash-threshold")) {
        reader->at++;
        return true;
    }
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
        if (!strcmp(head, simple[i].name)) {
            struct record *record = append(reader, simple[i].kind);
            record->argument = rest;
            record->count = simple[i].kind == RECORD_SLEEP ? milliseconds(rest) : 0;
            record->sql_end = record->want_begin = record->want_end = ++reader->at;
            return true;
        }
    return refuse(reader, reader->at, "this opens no record");
}

bool slt_read(struct slt *slt, const char *path)
{
    *slt = (struct slt){.path = strdup(path)};
    if (!read_lines(slt))
        return false;
    struct reader reader = {.slt = slt};
    while (reader.at < slt->nlines) {
        const char *line = slt->lines[reader.at];
        if (is_blank(line) || line[0] == '#')
            reader.at++;
        else if (!read_record(&reader))
            return false;
    }
    return true;
}
