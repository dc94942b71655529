/* Writes docs/functions.md from the registry: `weir_function_docs > docs/functions.md`. */
#include <stdio.h>

#include "functions/agg.h"
#include "functions/fn.h"

static void print_args(const struct fn *fn)
{
    for (uint16_t i = 0; i < fn->nargs; i++) {
        bool last = i + 1 == fn->nargs;
        const char *name = fn->args[i] == TYPE_UNKNOWN ? "any" : wr_type_info(fn->args[i])->name;
        printf("%s%s%s", i ? ", " : "", name, last && (fn->flags & FN_VARIADIC) ? " ..." : "");
    }
}

/* A bar in a table cell has to be escaped, in code, too. */
static void print_cell(const char *text)
{
    for (; *text; text++)
        printf(*text == '|' ? "\\|" : "%c", *text);
}

static bool is_cast(const struct fn *fn)
{
    return !strncmp(fn->name, "cast", 4);
}

static bool is_operator(const struct fn *fn)
{
    return !(fn->name[0] >= 'a' && fn->name[0] <= 'z');
}

enum section { OPERATORS, FUNCTIONS, CASTS };

static bool belongs(const struct fn *fn, enum section section)
{
    if (is_cast(fn))
        return section == CASTS && !strcmp(fn->name, "cast");
    return section == (is_operator(fn) ? OPERATORS : FUNCTIONS);
}

static void print_row(const struct fn *fn, enum section section)
{
    printf("| `");
    if (section == CASTS) {
        print_args(fn);
        printf("` | `%s` | %s", wr_type_info(fn->result)->name,
               fn->flags & FN_IMPLICIT_CAST     ? "implicit"
               : fn->flags & FN_ASSIGNMENT_CAST ? "assignment"
                                                : "explicit");
    } else {
        print_cell(fn->name);
        printf("` | ");
        print_args(fn);
        printf(" | %s | %s", wr_type_info(fn->result)->name, fn->doc);
    }
    printf(" | ");
    if (fn->example) {
        printf("`");
        print_cell(fn->example);
        printf("` = `");
        print_cell(fn->example_result);
        printf("`");
    }
    printf(" |\n");
}

static void print_section(enum section section, const char *title)
{
    printf("\n## %s\n\n", title);
    printf(section == CASTS ? "| from | to | usable | example |\n| --- | --- | --- | --- |\n"
                            : "| name | arguments | result | | example |\n| --- | --- | --- | --- | --- |\n");
    for (size_t k = 0; wr_fn_list(k); k++)
        if (belongs(wr_fn_list(k), section))
            print_row(wr_fn_list(k), section);
}

static void print_aggregates(void)
{
    static const char *const classes[] = {"by count and sum", "ordered values", "recomputed"};
    printf("\n## Aggregates\n\n| name | argument | result | kept as | |\n| --- | --- | --- | --- | --- |\n");
    for (size_t k = 0; wr_agg_list(k); k++) {
        const struct agg *agg = wr_agg_list(k);
        const char *arg = agg->nargs == 0 ? "*" : agg->arg == TYPE_UNKNOWN ? "any" : wr_type_info(agg->arg)->name;
        printf("| `%s` | %s | %s | %s | %s |\n", agg->name, arg, wr_type_info(agg->result)->name,
               classes[agg->agg_class], agg->doc);
    }
}

int main(void)
{
    printf(
        "# Functions, operators, casts and aggregates\n\n"
        "Made from the registry (functions/) by `weir_function_docs`; every example is checked against PostgreSQL 15.\n"
        "Results and errors are PostgreSQL's. Differences: regular expressions are PCRE2's (functions/fn_regex.c says\n"
        "where that shows), a text made by repeat, lpad, rpad or replace is at most 64 MiB, sums of double precision\n"
        "are exact and rounded once, and there is no interval.\n");
    print_section(FUNCTIONS, "Functions");
    print_section(OPERATORS, "Operators");
    print_section(CASTS, "Casts");
    print_aggregates();
    return 0;
}
