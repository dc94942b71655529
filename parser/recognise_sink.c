/* CREATE SINK [IF NOT EXISTS] name {FROM relation | AS query} [EMIT ...] WITH (...) [FORMAT ... ENCODE ...]
 *
 * Nothing of it but the query is PostgreSQL's. */
#include "parser/scan.h"

/* The clauses begin at the first WITH ( or FORMAT x ENCODE outside of brackets: no query holds either there. */
static int clauses_begin(const struct scan *scan, int i)
{
    int with = i, format = i;
    while ((with = wr_scan_find(scan, with, "with")) < scan->n && !wr_scan_is_char(scan, with + 1, '('))
        with++;
    while ((format = wr_scan_find(scan, format, "format")) < scan->n && !wr_scan_is(scan, format + 2, "encode"))
        format++;
    return WR_MIN(with, format);
}

static bool read_clauses(struct scan *scan, int i, struct statement *statement)
{
    while (i < scan->n) {
        bool took;
        if (wr_scan_is(scan, i, "include"))
            return wr_scan_syntax_error(scan, i);
        TRY(wr_recognise_clause(scan, &i, statement, &took));
        if (!took)
            return wr_scan_syntax_error(scan, i);
    }
    return true;
}

bool wr_recognise_sink(struct scan *scan, int i, struct statement *statement)
{
    statement->kind = STMT_CREATE_SINK;
    statement->if_not_exists = wr_scan_take(scan, &i, "if not exists");
    statement->name_location = (int)scan->base + scan->tokens[i].start;
    TRY(wr_scan_relation(scan, &i, &statement->schema, &statement->name));
    if (wr_scan_is(scan, i, "into"))
        return wr_scan_not_supported(scan, i, "CREATE SINK ... INTO a table");
    wr_scan_blank(scan, 0, i);
    int clauses = clauses_begin(scan, i);
    if (wr_scan_take(scan, &i, "from")) {
        statement->from_location = (int)scan->base + scan->tokens[i].start;
        TRY(wr_scan_relation(scan, &i, &statement->from_schema, &statement->from_relation));
        if (i != clauses)
            return wr_scan_syntax_error(scan, i);
    } else if (wr_scan_take(scan, &i, "as")) {
        wr_scan_blank(scan, i - 1, i);
        if (i == clauses)
            return wr_scan_syntax_error(scan, i);
        TRY(wr_recognise_query(scan, i, statement));
    } else {
        return wr_scan_syntax_error(scan, i);
    }
    return read_clauses(scan, clauses, statement);
}
