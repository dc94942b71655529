/* SHOW of things (not of settings), DESCRIBE, DROP SOURCE / SINK, and the head of EXPLAIN. */
#include "parser/scan.h"

static bool at_end(struct scan *scan, int i)
{
    return i >= scan->n ? true : wr_scan_syntax_error(scan, i);
}

static bool show_create(struct scan *scan, int i, struct statement *statement)
{
    static const struct {
        const char *words;
        int what;
    } kinds[] = {
        {"table", SHOW_CREATE_TABLE},
        {"view", SHOW_CREATE_VIEW},
        {"materialized view", SHOW_CREATE_MATERIALIZED_VIEW},
        {"source", SHOW_CREATE_SOURCE},
        {"index", SHOW_CREATE_INDEX},
        {"sink", SHOW_CREATE_SINK},
    };
    for (size_t k = 0; k < WR_COUNT(kinds); k++)
        if (wr_scan_take(scan, &i, kinds[k].words)) {
            statement->kind = STMT_SHOW;
            statement->show_what = kinds[k].what;
            statement->name_location = (int)scan->base + scan->tokens[i].start;
            TRY(wr_scan_relation(scan, &i, &statement->schema, &statement->name));
            if (kinds[k].what == SHOW_CREATE_SINK && wr_scan_take(scan, &i, "for clickhouse"))
                statement->show_what = SHOW_CREATE_SINK_FOR_CLICKHOUSE;
            return at_end(scan, i);
        }
    return wr_scan_syntax_error(scan, i);
}

/* [FROM name] [LIKE 'pattern'] */
static bool show_filters(struct scan *scan, int i, struct statement *statement)
{
    bool of_relation = statement->show_what == SHOW_COLUMNS || statement->show_what == SHOW_INDEXES;
    if (wr_scan_take(scan, &i, "from") || wr_scan_take(scan, &i, "in")) {
        statement->name_location = (int)scan->base + scan->tokens[i].start;
        TRY(wr_scan_relation(scan, &i, &statement->schema, &statement->show_from));
        statement->name = statement->show_from;
    } else if (of_relation) {
        return wr_scan_syntax_error(scan, i);
    }
    statement->show_ilike = wr_scan_is(scan, i, "ilike");
    if (wr_scan_take(scan, &i, "like") || wr_scan_take(scan, &i, "ilike")) {
        statement->show_like = wr_scan_string(scan, i);
        if (!statement->show_like)
            return wr_scan_syntax_error(scan, i);
        i++;
    }
    return at_end(scan, i);
}

static bool describe(struct scan *scan, int i, struct statement *statement)
{
    statement->kind = STMT_DESCRIBE;
    statement->name_location = (int)scan->base + scan->tokens[i].start;
    TRY(wr_scan_relation(scan, &i, &statement->schema, &statement->name));
    return at_end(scan, i);
}

bool wr_recognise_show(struct scan *scan, int i, struct statement *statement, bool *took)
{
    static const struct {
        const char *words;
        int what;
    } things[] = {
        {"tables", SHOW_TABLES},   {"sources", SHOW_SOURCES},     {"sinks", SHOW_SINKS},
        {"views", SHOW_VIEWS},     {"schemas", SHOW_SCHEMAS},     {"materialized views", SHOW_MATERIALIZED_VIEWS},
        {"columns", SHOW_COLUMNS}, {"databases", SHOW_DATABASES}, {"indexes", SHOW_INDEXES},
        {"jobs", SHOW_JOBS},
    };
    *took = true;
    if (wr_scan_take(scan, &i, "describe"))
        return describe(scan, i, statement);
    if (!wr_scan_take(scan, &i, "show"))
        return wr_scan_syntax_error(scan, i);
    if (wr_scan_take(scan, &i, "create"))
        return show_create(scan, i, statement);
    for (size_t k = 0; k < WR_COUNT(things); k++)
        if (wr_scan_take(scan, &i, things[k].words)) {
            statement->kind = STMT_SHOW;
            statement->show_what = things[k].what;
            return show_filters(scan, i, statement);
        }
    *took = false; /* SHOW setting */
    return true;
}

static void add_name(struct scan *scan, struct statement *statement, struct drop_name name)
{
    int n = statement->n_drop_names;
    struct drop_name *bigger = WR_NEW_ARRAY(scan->arena, struct drop_name, n + 1);
    if (n)
        memcpy(bigger, statement->drop_names, sizeof *bigger * (size_t)n);
    bigger[n] = name;
    statement->drop_names = bigger;
    statement->n_drop_names = n + 1;
}

static bool drop_names(struct scan *scan, int *i, struct statement *statement)
{
    do {
        struct drop_name name = {.location = (int)scan->base + scan->tokens[*i].start};
        TRY(wr_scan_relation(scan, i, &name.schema, &name.name));
        add_name(scan, statement, name);
    } while (wr_scan_is_char(scan, *i, ',') && ++*i);
    statement->name = statement->drop_names[0].name;
    statement->schema = statement->drop_names[0].schema;
    statement->name_location = statement->drop_names[0].location;
    return true;
}

bool wr_recognise_drop(struct scan *scan, int i, struct statement *statement, bool *took)
{
    i++;
    *took = wr_scan_is(scan, i, "source") || wr_scan_is(scan, i, "sink");
    if (!*took)
        return true;
    statement->kind = STMT_DROP;
    statement->drop_kind = wr_scan_is(scan, i, "source") ? DROP_SOURCE : DROP_SINK;
    i++;
    statement->if_exists = wr_scan_take(scan, &i, "if exists");
    TRY(drop_names(scan, &i, statement));
    statement->cascade = wr_scan_take(scan, &i, "cascade");
    if (!statement->cascade)
        (void)wr_scan_take(scan, &i, "restrict");
    return at_end(scan, i);
}

static void add_option(struct scan *scan, struct statement *statement, struct option option)
{
    struct options *options = &statement->explain_options;
    struct option *bigger = WR_NEW_ARRAY(scan->arena, struct option, options->n + 1);
    if (options->n)
        memcpy(bigger, options->items, sizeof *bigger * (size_t)options->n);
    bigger[options->n++] = option;
    options->items = bigger;
}

/* ( name [value], ... ) at *i */
static bool explain_options(struct scan *scan, int *i, struct statement *statement)
{
    do {
        (*i)++;
        struct option option = {.key_location = (int)scan->base + scan->tokens[*i].start};
        option.key = wr_scan_label(scan, *i);
        if (!option.key)
            return wr_scan_syntax_error(scan, *i);
        (*i)++;
        option.value_location = (int)scan->base + scan->tokens[*i].start;
        option.value = "";
        bool has_value = *i < scan->n && !wr_scan_is_char(scan, *i, ',') && !wr_scan_is_char(scan, *i, ')');
        if (has_value) {
            option.value = wr_scan_string(scan, *i);
            if (!option.value)
                option.value = wr_scan_text(scan, *i);
            (*i)++;
        }
        add_option(scan, statement, option);
    } while (wr_scan_is_char(scan, *i, ','));
    if (!wr_scan_is_char(scan, *i, ')'))
        return wr_scan_syntax_error(scan, *i);
    (*i)++;
    return true;
}

/* Is the bracket at i a list of options, and not the statement's own? */
static bool is_option_list(const struct scan *scan, int i)
{
    return wr_scan_is_char(scan, i, '(') && !wr_scan_is_char(scan, i + 1, '(') && !wr_scan_is(scan, i + 1, "select") &&
           !wr_scan_is(scan, i + 1, "values") && !wr_scan_is(scan, i + 1, "with") && !wr_scan_is(scan, i + 1, "table");
}

bool wr_recognise_explain(struct scan *scan, int *i, struct statement *statement)
{
    int first = *i;
    statement->kind = STMT_EXPLAIN;
    (*i)++;
    static const char *const flags[] = {"analyze", "analyse", "verbose"};
    for (size_t k = 0; k < WR_COUNT(flags); k++) {
        int at = *i;
        struct option option = {.key = k == 1 ? flags[0] : flags[k],
                                .value = "",
                                .key_location = (int)scan->base + scan->tokens[at].start,
                                .value_location = (int)scan->base + scan->tokens[at].start};
        if (wr_scan_take(scan, i, flags[k]))
            add_option(scan, statement, option);
    }
    if (is_option_list(scan, *i))
        TRY(explain_options(scan, i, statement));
    if (*i >= scan->n)
        return wr_scan_syntax_error(scan, *i);
    wr_scan_blank(scan, first, *i);
    return true;
}
