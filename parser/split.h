/* Where a statement begins and ends, found by a light lexer over the raw text. Inner to parser/. */
#ifndef WEIR_PARSER_SPLIT_H
#define WEIR_PARSER_SPLIT_H

#include "base/base.h"

struct split {
    size_t start; /* of the first token */
    size_t end;   /* behind the last byte of the statement, without the semicolon */
    size_t next;  /* where to go on: behind the semicolon */
    bool has_semicolon;
    int64_t tokens; /* about as many as PostgreSQL's scanner finds */
    int64_t listed; /* of them items of lists, of one word, number or literal each: they nest nothing */
    int64_t chain; /* longest run of tokens on one nesting level without a comma: bounds the depth of operator chains */
    int comment_depth;      /* of the deepest comment within comments */
    bool has_values;        /* some word is VALUES */
    bool has_set_operation; /* UNION, INTERSECT or EXCEPT */
    bool has_dialect;       /* some word or sign that a query clause of the dialect begins with */
    char first[16];         /* first word, lower case; "" if longer or not a word */
};

/* False: nothing but white space and comments is left. */
bool wr_split_next(const char *text, size_t len, size_t offset, struct split *split) WR_MUST;

#endif
