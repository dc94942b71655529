/* --record: the file again, with what was answered as its expectations and everything else as it was. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct run *run, char *line)
{
    if (run->nout % 256 == 0)
        run->out = realloc(run->out, (run->nout + 256) * sizeof *run->out);
    run->out[run->nout++] = line;
}

static char *escaped(const char *text)
{
    char *out = malloc(2 * strlen(text) + 1), *to = out;
    for (; *text; text++) {
        if (strchr(".[](){}*+?|^$\\", *text))
            *to++ = '\\';
        *to++ = *text;
    }
    *to = 0;
    return out;
}

static const char *const sort_names[] = {"", " nosort", " rowsort", " valuesort"};

static char *new_header(struct run *run, const struct record *record, const struct answer *answer)
{
    if (record->kind == RECORD_SYSTEM)
        return run->slt->lines[record->header];
    const char *kind = record->kind == RECORD_QUERY ? "query" : "statement";
    if (answer->error)
        return format("%s error ^%s$", kind, escaped(answer->error));
    if (record->kind == RECORD_QUERY)
        return record->retries ? run->slt->lines[record->header]
                               : format("query %s%s", answer->types ? answer->types : "", sort_names[record->sort]);
    return record->expect == EXPECT_COUNT ? format("statement count %ld", answer->count) : strdup("statement ok");
}

void rewrite_until(struct run *run, size_t *from, size_t line)
{
    while (*from < line)
        put(run, run->slt->lines[(*from)++]);
}

void rewrite_record(struct run *run, const struct record *record, const struct answer *answer, size_t *from)
{
    rewrite_until(run, from, record->header);
    put(run, new_header(run, record, answer));
    *from = record->header + 1;
    rewrite_until(run, from, record->sql_end);
    bool rows = !answer->error && (record->kind == RECORD_QUERY || (record->kind == RECORD_SYSTEM && record->has_want));
    if (rows)
        put(run, strdup("----"));
    for (size_t i = 0; rows && i < answer->nlines; i++)
        put(run, answer->lines[i]);
    *from = record->want_end;
}

void rewrite_save(struct run *run)
{
    FILE *file = fopen(run->slt->path, "w");
    for (size_t i = 0; file && i < run->nout; i++)
        fprintf(file, "%s\n", run->out[i]);
    if (!file || fclose(file))
        perror(run->slt->path);
}
