/* Which statement is it? The first words decide who looks at the rest. */
#include "parser/scan.h"

static bool recognise_create(struct scan *scan, int i, struct statement *statement, bool *postgres)
{
    i++;
    int replace = i;
    statement->or_replace = wr_scan_take(scan, &i, "or replace");
    int behind_replace = i;
    statement->temporary = wr_scan_take(scan, &i, "temporary") || wr_scan_take(scan, &i, "temp");
    bool is_table = wr_scan_is(scan, i, "table"), is_source = wr_scan_is(scan, i, "source");
    bool is_sink = wr_scan_is(scan, i, "sink"), is_matview = wr_scan_are(scan, i, "materialized view");
    if (statement->or_replace && (is_table || is_source || is_sink || is_matview))
        wr_scan_blank(scan, replace, behind_replace);
    if (is_table || is_source) {
        statement->kind = is_table ? STMT_CREATE_TABLE : STMT_CREATE_SOURCE;
        return wr_recognise_table(scan, i, statement);
    }
    if (is_matview) {
        statement->kind = STMT_CREATE_MATERIALIZED_VIEW;
        return wr_recognise_materialized_view(scan, i, statement);
    }
    if (is_sink) {
        TRY(wr_recognise_sink(scan, i + 1, statement));
        *postgres = statement->from_relation == NULL;
        return true;
    }
    return wr_recognise_query(scan, i, statement);
}

static bool recognise_word(struct scan *scan, int i, struct statement *statement, enum statement_kind kind)
{
    statement->kind = kind;
    return i + 1 >= scan->n ? true : wr_scan_syntax_error(scan, i + 1);
}

/* RisingWave's statements about things that weir does not have. */
static bool check_known(struct scan *scan, int i)
{
    static const char *const statements[] = {
        "create secret",
        "create connection",
        "create subscription",
        "create aggregate",
        "drop secret",
        "drop connection",
        "drop subscription",
        "alter source",
        "alter sink",
        "alter secret",
        "alter connection",
        "alter subscription",
        "alter fragment",
        "alter compaction",
        "recover",
        "cancel job",
        "cancel jobs",
        "kill",
        "backup",
        "refresh",
        "use",
    };
    for (size_t k = 0; k < WR_COUNT(statements); k++)
        if (wr_scan_are(scan, i, statements[k])) {
            char *name = wr_arena_strdup(scan->arena, statements[k]);
            for (char *c = name; *c; c++)
                *c = *c == ' ' ? ' ' : *c & ~0x20;
            return wr_scan_not_supported(scan, i, name);
        }
    return true;
}

bool wr_recognise(struct scan *scan, int i, struct statement *statement, bool *postgres)
{
    bool took;
    *postgres = true;
    TRY(check_known(scan, i));
    if (wr_scan_is(scan, i, "create"))
        return recognise_create(scan, i, statement, postgres);
    if (wr_scan_is(scan, i, "show") || wr_scan_is(scan, i, "describe")) {
        TRY(wr_recognise_show(scan, i, statement, &took));
        *postgres = !took;
        return true;
    }
    if (wr_scan_is(scan, i, "drop")) {
        TRY(wr_recognise_drop(scan, i, statement, &took));
        *postgres = !took;
        return true;
    }
    if (wr_scan_is(scan, i, "flush") || wr_scan_is(scan, i, "wait")) {
        *postgres = false;
        return recognise_word(scan, i, statement, wr_scan_is(scan, i, "flush") ? STMT_FLUSH : STMT_WAIT);
    }
    return wr_recognise_query(scan, i, statement);
}
