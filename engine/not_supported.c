/* Statements of PostgreSQL that are not there, refused by the name its manual has for them. */
#include "engine/session.h"

#include "base/ascii.h"

#include <stdio.h>

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(word, words[i]))
            return true;
    return false;
}

/* The next word of the text in upper case; "" where something else stands. */
static const char *read_word(const char *text, char *word, size_t size)
{
    size_t n = 0;
    while (wr_is_space(*text))
        text++;
    for (; wr_is_alpha(*text) || *text == '_'; text++)
        if (n + 1 < size)
            word[n++] = wr_to_upper(*text);
    word[n] = '\0';
    return text;
}

/* Has the statement a second word that says what it is about? */
static bool names_a_kind(const char *first, const char *second)
{
    static const char *const kinds[] = {"CREATE", "ALTER", "DROP", "IMPORT", "SECURITY", "REASSIGN", "SET"};
    if (is_one_of(first, kinds, WR_COUNT(kinds)))
        return true;
    return !strcmp(second, "TRANSACTION") || !strcmp(second, "PREPARED"); /* PREPARE, COMMIT, ROLLBACK ... */
}

/* Is the name of the kind longer than up to this word? */
static bool goes_on(const char *word, const char *next)
{
    static const char *const always[] = {"ACCESS", "DATA",         "DEFAULT", "EVENT",      "FOREIGN",
                                         "LARGE",  "MATERIALIZED", "OR",      "PROCEDURAL", "REPLACE",
                                         "SEARCH", "TEXT",         "TRUSTED", "UNIQUE",     "UNLOGGED"};
    if (!strcmp(word, "OPERATOR"))
        return !strcmp(next, "CLASS") || !strcmp(next, "FAMILY");
    if (!strcmp(word, "USER"))
        return !strcmp(next, "MAPPING");
    return is_one_of(word, always, WR_COUNT(always));
}

/* "CREATE SEQUENCE", "ALTER TABLE", "LISTEN" ... */
static void name_statement(const char *text, char *name, size_t size)
{
    char word[32], next[32];
    size_t n = 0;
    text = read_word(text, word, sizeof word);
    n += (size_t)snprintf(name, size, "%s", word);
    text = read_word(text, next, sizeof next);
    bool more = names_a_kind(word, next);
    while (more && *next && n < size) {
        bool aside = !strcmp(next, "OR") || !strcmp(next, "REPLACE");
        if (!aside)
            n += (size_t)snprintf(name + n, size - n, " %s", next);
        memcpy(word, next, sizeof word);
        text = read_word(text, next, sizeof next);
        more = goes_on(word, next);
    }
}

bool wr_statement_not_supported(struct weir_statement *statement, struct wr_error *err)
{
    const struct statement *parsed = statement->parsed;
    char name[96] = "";
    if (parsed->node && parsed->node->node_case == PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT)
        snprintf(name, sizeof name, "CREATE TABLE AS");
    else if (parsed->text)
        name_statement(parsed->text, name, sizeof name);
    return wr_fail_at(err, wr_char_position(statement->text, parsed->location), ERR_FEATURE_NOT_SUPPORTED,
                      "%s is not supported yet", *name ? name : "this statement");
}
