/* Is the answer what the file expects? */
#include "run.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_failure(struct run *run, const struct record *record, const char *what)
{
    fprintf(stderr, "\n%s:%zu [%s]: %s\n    %s\n", run->slt->path, record->header + 1, run->permutation, what,
            record->sql ? record->sql : "");
}

static bool same_line(const char *left, const char *right) /* but for the amount of white space */
{
    for (;;) {
        size_t l = strspn(left, " \t"), r = strspn(right, " \t");
        left += l, right += r;
        if ((!*left && !*right) || *left != *right || !!l != !!r)
            return !*left && !*right;
        left++, right++;
    }
}

static bool matches(const char *pattern, const char *text)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB)) {
        fprintf(stderr, "not a regular expression: %s\n", pattern);
        return false;
    }
    bool yes = !regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    return yes;
}

static bool check_error(struct run *run, const struct record *record, const struct answer *answer)
{
    if (!answer->error) {
        say_failure(run, record, "succeeded, an error was expected");
        return false;
    }
    bool same = !record->argument || matches(record->argument, answer->error);
    if (record->has_want && record->want_begin < record->want_end)
        same = same_line(run->slt->lines[record->want_begin], answer->error);
    if (!same)
        say_failure(run, record,
                    format("error\n    %s\nwant\n    %s", answer->error,
                           record->argument ? record->argument : run->slt->lines[record->want_begin]));
    return same && !answer->lost;
}

static char *joined(char **lines, size_t count)
{
    char *text = strdup("");
    for (size_t i = 0; i < count && i < 60; i++) {
        char *longer = format("%s    %s\n", text, lines[i]);
        free(text);
        text = longer;
    }
    return text;
}

static bool same_types(const char *want, const char *got)
{
    if (!want || !got || strlen(want) != strlen(got))
        return false;
    for (size_t i = 0; want[i]; i++)
        if (want[i] != '?' && want[i] != got[i])
            return false;
    return true;
}

static bool check_rows(struct run *run, const struct record *record, const struct answer *answer)
{
    size_t want = record->want_end - record->want_begin;
    bool same = answer->nlines == want;
    for (size_t i = 0; same && i < want; i++)
        same = same_line(run->slt->lines[record->want_begin + i], answer->lines[i]);
    if (!same)
        say_failure(run, record,
                    format("rows\n%swant\n%s", joined(answer->lines, answer->nlines),
                           joined(run->slt->lines + record->want_begin, want)));
    if (same && record->kind == RECORD_QUERY && !same_types(record->argument, answer->types)) {
        say_failure(run, record, format("types are %s, want %s", answer->types, record->argument));
        same = false;
    }
    return same;
}

bool answer_check(struct run *run, const struct record *record, const struct answer *answer)
{
    if (record->expect == EXPECT_ERROR)
        return check_error(run, record, answer);
    if (answer->error) {
        say_failure(run, record, answer->error);
        return false;
    }
    if (record->expect == EXPECT_COUNT && answer->count != record->count) {
        say_failure(run, record, format("touched %ld rows, want %ld", answer->count, record->count));
        return false;
    }
    if (record->kind == RECORD_SYSTEM && !record->has_want)
        return true;
    return record->expect == EXPECT_ROWS || record->kind == RECORD_SYSTEM ? check_rows(run, record, answer) : true;
}

bool answer_fits(struct run *run, const struct record *record, const struct answer *answer)
{
    if ((record->expect == EXPECT_ERROR) != (answer->error != NULL))
        return false;
    size_t want = record->want_end - record->want_begin;
    bool same = record->expect != EXPECT_ROWS || answer->nlines == want;
    for (size_t i = 0; same && record->expect == EXPECT_ROWS && i < want; i++)
        same = same_line(run->slt->lines[record->want_begin + i], answer->lines[i]);
    return same;
}
