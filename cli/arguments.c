#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

#include "base/ascii.h"

bool wr_cli_size(const char *text, int64_t *bytes)
{
    static const struct {
        const char *unit;
        int shift;
    } units[] = {{"", 0},     {"b", 0},  {"k", 10},  {"kb", 10},  {"kib", 10}, {"m", 20},  {"mb", 20},
                 {"mib", 20}, {"g", 30}, {"gb", 30}, {"gib", 30}, {"t", 40},   {"tb", 40}, {"tib", 40}};
    char *unit;
    double number = strtod(text, &unit);
    if (unit == text || !(number > 0) || isinf(number))
        return false;
    unit += strspn(unit, " ");
    for (size_t i = 0; i < WR_COUNT(units); i++)
        if (!wr_casecmp(unit, units[i].unit)) {
            double total = ldexp(number, units[i].shift);
            *bytes = (int64_t)total;
            return total >= 1 && total < 0x1p62;
        }
    return false;
}

static bool complain(const char *what, const char *which)
{
    fprintf(stderr, "weir: %s: %s (try weir --help)\n", what, which);
    return false;
}

/* The value of option `name` at argv[*i]: "--name value" or "--name=value"; NULL if it is another option. */
static const char *value_of(int argc, char **argv, int *i, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0)
        return NULL;
    if (argv[*i][len] == '=')
        return argv[*i] + len + 1;
    if (argv[*i][len] == '\0')
        return *i + 1 < argc ? argv[++*i] : "";
    return NULL;
}

static bool take_value(int argc, char **argv, int *i, struct cli_options *options, bool *took)
{
    const char *value;
    *took = true;
    if ((value = value_of(argc, argv, i, "--data"))) {
        options->data = value;
        return *value ? true : complain("a directory is needed", "--data");
    }
    if ((value = value_of(argc, argv, i, "--listen"))) {
        options->listen = value;
        return *value ? true : complain("an address is needed", "--listen");
    }
    if ((value = value_of(argc, argv, i, "--memory"))) {
        if (!*value)
            return complain("a size is needed", "--memory");
        return wr_cli_size(value, &options->memory_bytes) ? true : complain("not a size like 512MB or 4GB", value);
    }
    if ((value = value_of(argc, argv, i, "--workers"))) {
        char *end;
        long workers = strtol(value, &end, 10);
        options->workers = (int)workers;
        return end != value && !*end && workers > 0 && workers <= 256 ? true
                                                                      : complain("not a number of workers", value);
    }
    *took = false;
    return true;
}

static bool take_flag(const char *arg, bool scripts, struct cli_options *options)
{
    bool *flag = !strcmp(arg, "--embedded-broker")                  ? &options->embedded_broker
                 : scripts && !strcmp(arg, "--exit-when-caught-up") ? &options->exit_when_caught_up
                 : scripts && !strcmp(arg, "--clickhouse-ddl")      ? &options->clickhouse_ddl
                 : scripts && !strcmp(arg, "--quiet")               ? &options->quiet
                                                                    : NULL;
    if (!flag)
        return complain("unknown option", arg);
    *flag = true;
    return true;
}

bool wr_cli_arguments(int argc, char **argv, bool scripts, struct cli_options *options)
{
    bool only_files = false;
    options->scripts = argv; /* moved to the front as they are found */
    for (int i = 0; i < argc; i++) {
        bool took = false;
        if (!only_files && !strcmp(argv[i], "--")) {
            only_files = true;
            continue;
        }
        if (!only_files && argv[i][0] == '-' && argv[i][1]) {
            TRY(take_value(argc, argv, &i, options, &took));
            if (!took)
                TRY(take_flag(argv[i], scripts, options));
        } else if (scripts) {
            options->scripts[options->n_scripts++] = argv[i];
        } else {
            return complain("unexpected argument", argv[i]);
        }
    }
    return true;
}
