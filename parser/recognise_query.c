/* Inside of queries: EMIT and FOR SYSTEM_TIME AS OF PROCTIME() are recorded and blanked; what PostgreSQL would read
 * with another meaning than RisingWave's is refused by name. */
#include "parser/scan.h"

static bool is_op(const struct scan *scan, int i, const char *op)
{
    if (i < 0 || i >= scan->n || scan->tokens[i].kind != PG_QUERY__TOKEN__Op)
        return false;
    const struct token *token = &scan->tokens[i];
    size_t len = (size_t)(token->end - token->start);
    return strlen(op) == len && !memcmp(scan->orig + token->start, op, len);
}

/* f(a, |x| x + 1): PostgreSQL would see the operator | twice. */
static bool is_lambda(const struct scan *scan, int i)
{
    return is_op(scan, i, "|") && (wr_scan_is_char(scan, i - 1, ',') || wr_scan_is_char(scan, i - 1, '(')) &&
           wr_scan_label(scan, i + 1) && (is_op(scan, i + 2, "|") || wr_scan_is_char(scan, i + 2, ','));
}

static bool is_asof_join(const struct scan *scan, int i)
{
    return wr_scan_is(scan, i, "asof") &&
           (wr_scan_is(scan, i + 1, "join") || wr_scan_are(scan, i + 1, "left join") ||
            wr_scan_are(scan, i + 1, "left outer join") || wr_scan_are(scan, i + 1, "inner join"));
}

/* FROM t EMIT: an alias to PostgreSQL, half a clause to RisingWave. */
static bool is_bare_emit(const struct scan *scan, int i, int from_seen)
{
    bool ends = i + 1 >= scan->n || wr_scan_is_char(scan, i + 1, ')');
    return wr_scan_is(scan, i, "emit") && from_seen >= 0 && i > from_seen + 1 && ends &&
           !wr_scan_is(scan, i - 1, "as") && !wr_scan_is_char(scan, i - 1, '.') && !wr_scan_is_char(scan, i - 1, ',') &&
           (wr_scan_label(scan, i - 1) || wr_scan_is_char(scan, i - 1, ')')) &&
           scan->tokens[i - 1].keyword != PG_QUERY__KEYWORD_KIND__RESERVED_KEYWORD;
}

static bool is_struct_type(const struct scan *scan, int i)
{
    return wr_scan_is(scan, i, "struct") && wr_scan_is_char(scan, i + 1, '<') && wr_scan_label(scan, i + 2) &&
           wr_scan_label(scan, i + 3);
}

/* SELECT * EXCEPT (a, b): the set operation to PostgreSQL, and then a syntax error in the wrong place. */
static bool is_star_except(const struct scan *scan, int i)
{
    return wr_scan_is_char(scan, i, '*') && wr_scan_is(scan, i + 1, "except") && wr_scan_is_char(scan, i + 2, '(') &&
           wr_scan_label(scan, i + 3) && !wr_scan_is(scan, i + 3, "select") && !wr_scan_is(scan, i + 3, "values") &&
           !wr_scan_is(scan, i + 3, "with") && !wr_scan_is(scan, i + 3, "table");
}

static bool is_map_literal(const struct scan *scan, int i)
{
    return wr_scan_is(scan, i, "map") && wr_scan_is_char(scan, i + 1, '{');
}

/* What PostgreSQL would misread, or refuse in a way that explains nothing; NULL if token i begins nothing such. */
static const char *foreign(const struct scan *scan, int i)
{
    return is_asof_join(scan, i)     ? "ASOF JOIN"
           : is_lambda(scan, i)      ? "a lambda expression"
           : is_struct_type(scan, i) ? "type struct"
           : is_star_except(scan, i) ? "SELECT * EXCEPT"
           : is_map_literal(scan, i) ? "a map literal"
                                     : NULL;
}

static void take_emit(struct scan *scan, int i, struct statement *statement)
{
    if (wr_scan_are(scan, i, "emit on window close")) {
        statement->emit = "ON WINDOW CLOSE";
        statement->emit_location = (int)scan->base + scan->tokens[i].start;
        wr_scan_blank(scan, i, i + 4);
    } else if (wr_scan_are(scan, i, "emit immediately")) { /* what happens anyway */
        wr_scan_blank(scan, i, i + 2);
    }
}

static bool take_as_of(struct scan *scan, int i, struct statement *statement)
{
    bool proctime =
        wr_scan_is(scan, i + 4, "proctime") && wr_scan_is_char(scan, i + 5, '(') && wr_scan_is_char(scan, i + 6, ')');
    if (!proctime)
        return wr_scan_not_supported(scan, i, "FOR SYSTEM_TIME AS OF anything but PROCTIME()");
    if (!statement->as_of_proctime)
        statement->as_of_proctime_location = (int)scan->base + scan->tokens[i].start;
    statement->as_of_proctime = true;
    wr_scan_blank(scan, i, i + 7);
    return true;
}

bool wr_recognise_query(struct scan *scan, int i, struct statement *statement)
{
    int from_seen = -1;
    for (; i < scan->n; i++) {
        if (wr_scan_is(scan, i, "from"))
            from_seen = i;
        const char *refused = foreign(scan, i);
        if (refused)
            return wr_scan_not_supported(scan, i, refused);
        if (wr_scan_are(scan, i, "for system_time as of"))
            TRY(take_as_of(scan, i, statement));
        take_emit(scan, i, statement);
        if (is_bare_emit(scan, i, from_seen))
            return wr_scan_not_supported(scan, i, "EMIT without ON WINDOW CLOSE");
    }
    return true;
}
