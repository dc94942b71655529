/* CREATE TABLE, CREATE SOURCE, CREATE MATERIALIZED VIEW: what the dialect adds to them.
 *
 *   TABLE [IF NOT EXISTS] name
 *     [( column ..., WATERMARK FOR column AS expression, *, column type AS expression, ... [,] )]
 *     { APPEND ONLY | ON CONFLICT action | INCLUDE ... | WITH (...) | FORMAT ... ENCODE ... }*
 *     [AS query]
 *
 * A generated column becomes GENERATED ALWAYS AS (expression) STORED; an absent column list becomes (). */
#include "parser/scan.h"

static bool read_watermark(struct scan *scan, int from, int to, struct statement *statement)
{
    if (statement->watermark)
        return wr_scan_syntax_error(scan, from);
    struct watermark_clause *clause = WR_NEW(scan->arena, struct watermark_clause);
    clause->location = (int)scan->base + scan->tokens[from].start;
    clause->column = wr_scan_label(scan, from + 2);
    if (!clause->column)
        return wr_scan_syntax_error(scan, from + 2);
    if (!wr_scan_is(scan, from + 3, "as"))
        return wr_scan_syntax_error(scan, from + 3);
    if (from + 4 >= to)
        return wr_scan_syntax_error(scan, to);
    clause->expression = wr_scan_span(scan, from + 4, to);
    clause->expression_location = (int)scan->base + scan->tokens[from + 4].start;
    statement->watermark = clause;
    return true;
}

static void read_generated(struct scan *scan, int from, int to)
{
    int as = wr_scan_find(scan, from, "as");
    if (as <= from + 1 || as + 1 >= to || wr_scan_is(scan, as - 1, "always") || wr_scan_is(scan, as - 1, "default"))
        return;
    wr_scan_insert(scan, scan->tokens[as].start, " GENERATED ALWAYS ");
    wr_scan_insert(scan, scan->tokens[as].end, " (");
    wr_scan_insert(scan, scan->tokens[to - 1].end, ") STORED");
}

/* One element of the column list; *kept = it stays for PostgreSQL. */
static bool read_element(struct scan *scan, int from, int to, struct statement *statement, bool *kept)
{
    *kept = false;
    if (wr_scan_are(scan, from, "watermark for"))
        return read_watermark(scan, from, to, statement);
    if (to == from + 1 && wr_scan_is_char(scan, from, '*')) {
        statement->star_columns = true;
        return true;
    }
    *kept = true;
    read_generated(scan, from, to);
    return true;
}

static int element_end(const struct scan *scan, int i, int close)
{
    while (i < close && !wr_scan_is_char(scan, i, ','))
        i = wr_scan_is_char(scan, i, '(') || wr_scan_is_char(scan, i, '[') ? wr_scan_close(scan, i) + 1 : i + 1;
    return WR_MIN(i, close);
}

/* Commas stay only between elements that stay. */
static bool read_columns(struct scan *scan, int open, int close, struct statement *statement)
{
    bool any_kept = false;
    for (int from = open + 1; from < close;) {
        int to = element_end(scan, from, close);
        bool kept;
        TRY(read_element(scan, from, to, statement, &kept));
        if (!kept)
            wr_scan_blank(scan, from, to);
        bool comma_before = from > open + 1;
        if (comma_before && (!kept || !any_kept))
            wr_scan_blank(scan, from - 1, from);
        any_kept |= kept;
        bool trailing_comma = to < close && to + 1 == close;
        if (trailing_comma)
            wr_scan_blank(scan, to, close);
        from = to + 1;
    }
    return true;
}

static bool read_conflict(struct scan *scan, int *i, struct statement *statement)
{
    static const struct {
        const char *words;
        int action;
    } actions[] = {
        {"overwrite", CONFLICT_OVERWRITE},
        {"do update full", CONFLICT_OVERWRITE},
        {"do update if not null", CONFLICT_DO_UPDATE_IF_NOT_NULL},
        {"ignore", CONFLICT_IGNORE},
        {"do nothing", CONFLICT_IGNORE},
        {"error", CONFLICT_ERROR},
    };
    for (size_t k = 0; k < WR_COUNT(actions); k++)
        if (wr_scan_take(scan, i, actions[k].words)) {
            statement->on_conflict = actions[k].action;
            return true;
        }
    return wr_scan_syntax_error(scan, *i);
}

static bool table_clause(struct scan *scan, int *i, struct statement *statement, bool *took)
{
    int first = *i;
    *took = true;
    if (wr_scan_take(scan, i, "append only")) {
        statement->append_only = true;
        statement->append_only_location = (int)scan->base + scan->tokens[first].start;
    } else if (wr_scan_take(scan, i, "on conflict")) {
        statement->on_conflict_location = (int)scan->base + scan->tokens[first].start;
        TRY(read_conflict(scan, i, statement));
    } else if (wr_scan_are(scan, first, "with version column")) {
        return wr_scan_not_supported(scan, first, "WITH VERSION COLUMN");
    } else {
        return wr_recognise_clause(scan, i, statement, took);
    }
    wr_scan_blank(scan, first, *i);
    return true;
}

static bool read_clauses(struct scan *scan, int i, struct statement *statement, int name_end, bool has_columns)
{
    bool any_other = false;
    while (i < scan->n && !wr_scan_is(scan, i, "as")) {
        bool took;
        TRY(table_clause(scan, &i, statement, &took));
        if (took)
            continue;
        if (wr_scan_is(scan, i, "from"))
            return wr_scan_not_supported(scan, i, "CREATE TABLE ... FROM a shared source");
        any_other = true; /* PostgreSQL's, or its syntax error */
        i++;
    }
    if (!any_other && !has_columns && i == scan->n)
        wr_scan_insert(scan, name_end, "()");
    return true;
}

bool wr_recognise_table(struct scan *scan, int i, struct statement *statement)
{
    if (wr_scan_is(scan, i, "source")) /* the same length, and PostgreSQL reads a table */
        memcpy(scan->work + scan->tokens[i].start, " TABLE", 6);
    i++;
    statement->if_not_exists = wr_scan_take(scan, &i, "if not exists");
    statement->name_location = (int)scan->base + scan->tokens[i].start;
    TRY(wr_scan_relation(scan, &i, &statement->schema, &statement->name));
    int name_end = scan->tokens[i - 1].end;
    TRY(wr_recognise_query(scan, i, statement));
    bool has_columns = wr_scan_is_char(scan, i, '(');
    if (has_columns) {
        int close = wr_scan_close(scan, i);
        if (close == scan->n)
            return true; /* PostgreSQL will say so */
        TRY(read_columns(scan, i, close, statement));
        i = close + 1;
    }
    return read_clauses(scan, i, statement, name_end, has_columns);
}

bool wr_recognise_materialized_view(struct scan *scan, int i, struct statement *statement)
{
    i += 2;
    statement->if_not_exists = wr_scan_take(scan, &i, "if not exists");
    statement->name_location = (int)scan->base + scan->tokens[i].start;
    TRY(wr_scan_relation(scan, &i, &statement->schema, &statement->name));
    if (wr_scan_is_char(scan, i, '('))
        i = WR_MIN(wr_scan_close(scan, i) + 1, scan->n);
    while (i < scan->n && !wr_scan_is(scan, i, "as")) {
        bool took;
        TRY(wr_recognise_clause(scan, &i, statement, &took));
        i += !took;
    }
    return wr_recognise_query(scan, i, statement);
}
