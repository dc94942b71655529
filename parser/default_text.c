/* The expression of a DEFAULT clause as written: pg_query's deparser drops brackets that matter, (NOT a)::int among
 * them, and its trees know where an expression's operator is, not where the expression begins and ends. */
#include "parser/parse.h"

#include "base/ascii.h"

#include <string.h>

struct extent {
    const char *text; /* the clause and what follows */
    int start, end;   /* of the expression; end 0: not seen yet */
    int depth;
};

/* False: the expression is over. */
static bool take_token(struct extent *extent, const PgQuery__ScanToken *token)
{
    const char *at = extent->text + token->start;
    int len = token->end - token->start;
    if (!extent->start) { /* CONSTRAINT name may stand before the word */
        if (len == 7 && !wr_ncasecmp(at, "default", 7))
            extent->start = token->end;
        return true;
    }
    if (*at == '(' || *at == '[')
        extent->depth++;
    if (*at == ')' || *at == ']')
        extent->depth--;
    if (extent->depth < 0 || (!extent->depth && *at == ','))
        return false;
    extent->end = token->end;
    return true;
}

const char *wr_default_text(struct wr_arena *arena, const char *text, int from, int until)
{
    struct extent extent = {.text = wr_arena_strndup(arena, text + from, (size_t)(until - from))};
    PgQueryScanResult result = pg_query_scan(extent.text);
    PgQuery__ScanResult *tokens = NULL;
    if (!result.error)
        tokens = pg_query__scan_result__unpack(NULL, result.pbuf.len, (const uint8_t *)result.pbuf.data);
    for (size_t i = 0; tokens && i < tokens->n_tokens; i++) {
        bool comment = tokens->tokens[i]->token == PG_QUERY__TOKEN__SQL_COMMENT ||
                       tokens->tokens[i]->token == PG_QUERY__TOKEN__C_COMMENT;
        if (!comment && !take_token(&extent, tokens->tokens[i]))
            break;
    }
    if (tokens)
        pg_query__scan_result__free_unpacked(tokens, NULL);
    pg_query_free_scan_result(result);
    if (!extent.end)
        return NULL;
    while (extent.start < extent.end && strchr(" \t\r\n\f\v", extent.text[extent.start]))
        extent.start++;
    return wr_arena_strndup(arena, extent.text + extent.start, (size_t)(extent.end - extent.start));
}
