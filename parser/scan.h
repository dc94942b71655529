/* The tokens of one statement, and what the recognisers do with them: compare, take, blank. Inner to parser/.
 *
 * `orig` is the statement as the user wrote it, `work` starts as a copy: a recogniser overwrites what it took with
 * blanks there, so that offsets stay as they are. Where PostgreSQL's grammar needs a word more than the dialect
 * (a source without columns, a subquery without alias) an *edit* names text to insert; parse_tree.c does it and maps
 * locations back.
 *
 * tokens[n] is a sentinel: the semicolon, or the end of the text (kind 0). */
#ifndef WEIR_PARSER_SCAN_H
#define WEIR_PARSER_SCAN_H

#include "base/buf.h"
#include "parser/parse.h"
#include "parser/split.h"

#define SCAN_EDITS_MAX 256

struct token {
    int start, end; /* bytes in orig */
    int kind;       /* PG_QUERY__TOKEN__*; below 256 the character itself */
    int keyword;    /* PG_QUERY__KEYWORD_KIND__* */
};

struct edit {
    int at;           /* inserted before this byte of work */
    const char *text; /* static or arena */
};

struct scan {
    struct wr_arena *arena;
    const char *text; /* all of the user's text */
    size_t base;      /* of orig within text */
    const char *orig; /* NUL-terminated, arena */
    char *work;       /* NUL-terminated, arena */
    int len;          /* of orig and work, the semicolon included */
    int body;         /* without it */
    struct token *tokens;
    int n;
    struct edit edits[SCAN_EDITS_MAX]; /* in the order they were asked for */
    int n_edits;
    int n_subqueries; /* aliases given to subqueries so far */
    struct wr_error *err;
};

/* scan.c */
void wr_scan_init(struct scan *scan, struct wr_arena *arena, const char *text, const struct split *split,
                  struct wr_error *err);
/* Fills tokens. False: the scanner's error is in scan->err. */
bool wr_scan_tokens(struct scan *scan) WR_MUST;
/* 1-based character position, in the user's text, of a byte of the statement. */
int wr_scan_position(const struct scan *scan, int byte);
/* Is token i this unquoted word (lower case)? */
bool wr_scan_is(const struct scan *scan, int i, const char *word);
/* Are the tokens from i on these words, separated by single blanks? */
bool wr_scan_are(const struct scan *scan, int i, const char *words);
bool wr_scan_is_char(const struct scan *scan, int i, char c);
/* Moves *i over the words if they are there. */
bool wr_scan_take(const struct scan *scan, int *i, const char *words);
/* "syntax error at or near token i"; returns false. */
bool wr_scan_syntax_error(struct scan *scan, int i);
/* 0A000 at token i: "<what> is not supported". */
bool wr_scan_not_supported(struct scan *scan, int i, const char *what);
/* The token's text as written. */
const char *wr_scan_text(const struct scan *scan, int i);
/* The text from token `from` up to, not including, token `to`. */
const char *wr_scan_span(const struct scan *scan, int from, int to);
/* Any word, keyword or quoted identifier: as an identifier (folded, unquoted, cut to 63 bytes); else NULL. */
const char *wr_scan_label(const struct scan *scan, int i);
/* A string constant's value; else NULL. */
const char *wr_scan_string(const struct scan *scan, int i);
/* [schema.]name at *i. */
bool wr_scan_relation(struct scan *scan, int *i, const char **schema, const char **name) WR_MUST;
/* The token that closes the bracket at i; scan->n if none does. */
int wr_scan_close(const struct scan *scan, int i);
/* First token from i on that stands outside of brackets and is this word; scan->n if none. */
int wr_scan_find(const struct scan *scan, int i, const char *word);
void wr_scan_blank(struct scan *scan, int from, int to);
void wr_scan_insert(struct scan *scan, int at, const char *text);

/* recognise_*.c: each looks at the tokens from i on, records what it takes in the statement and blanks it. */

/* recognise_options.c */
/* ( key = value, ... ) at *i. */
bool wr_recognise_options(struct scan *scan, int *i, struct options *options) WR_MUST;
/* WITH (...), FORMAT ..., INCLUDE ... at *i, in any order; *took says whether there was one. */
bool wr_recognise_clause(struct scan *scan, int *i, struct statement *statement, bool *took) WR_MUST;
/* recognise_table.c: from the word TABLE / SOURCE / MATERIALIZED on. */
bool wr_recognise_table(struct scan *scan, int i, struct statement *statement) WR_MUST;
bool wr_recognise_materialized_view(struct scan *scan, int i, struct statement *statement) WR_MUST;
/* recognise_sink.c: from behind the word SINK. */
bool wr_recognise_sink(struct scan *scan, int i, struct statement *statement) WR_MUST;
/* recognise_show.c: whole statements; *took false = not one of them. */
bool wr_recognise_show(struct scan *scan, int i, struct statement *statement, bool *took) WR_MUST;
bool wr_recognise_drop(struct scan *scan, int i, struct statement *statement, bool *took) WR_MUST;
/* EXPLAIN and its options; *i moves to the statement explained. */
bool wr_recognise_explain(struct scan *scan, int *i, struct statement *statement) WR_MUST;
/* recognise_query.c: EMIT, AS OF, and what must be refused by name, in tokens from i on. */
bool wr_recognise_query(struct scan *scan, int i, struct statement *statement) WR_MUST;
/* recognise.c: finds out which statement it is. *postgres: the rest is PostgreSQL's. */
bool wr_recognise(struct scan *scan, int i, struct statement *statement, bool *postgres) WR_MUST;

/* parse_tree.c: work and edits through PostgreSQL's grammar into statement->tree and node. */
bool wr_parse_tree(struct scan *scan, struct statement *statement) WR_MUST;

#endif
