/* Tokens of one statement from pg_query_scan, and reading them. */
#include "parser/scan.h"

#include "base/ascii.h"

#define NAME_BYTES_MAX 63 /* NAMEDATALEN - 1 */

void wr_scan_init(struct scan *scan, struct wr_arena *arena, const char *text, const struct split *split,
                  struct wr_error *err)
{
    memset(scan, 0, sizeof *scan);
    scan->arena = arena;
    scan->text = text;
    scan->base = split->start;
    /* The semicolon goes along: PostgreSQL then names it where the statement is cut short. */
    scan->body = (int)(split->end - split->start);
    scan->len = scan->body + split->has_semicolon;
    scan->orig = wr_arena_strndup(arena, text + split->start, (size_t)scan->len);
    scan->work = wr_arena_strndup(arena, text + split->start, (size_t)scan->len);
    scan->err = err;
}

static void copy_tokens(struct scan *scan, const PgQuery__ScanResult *result)
{
    scan->tokens = WR_NEW_ARRAY(scan->arena, struct token, result->n_tokens + 1);
    for (size_t i = 0; i < result->n_tokens; i++) {
        const PgQuery__ScanToken *from = result->tokens[i];
        if (from->token == PG_QUERY__TOKEN__SQL_COMMENT || from->token == PG_QUERY__TOKEN__C_COMMENT)
            continue;
        scan->tokens[scan->n++] = (struct token){from->start, from->end, (int)from->token, (int)from->keyword_kind};
    }
    if (scan->n && scan->tokens[scan->n - 1].kind == ';')
        scan->n--;
    else
        scan->tokens[scan->n] = (struct token){scan->len, scan->len, 0, 0};
}

bool wr_scan_tokens(struct scan *scan)
{
    PgQueryScanResult result = pg_query_scan(scan->work);
    bool ok = !result.error;
    if (ok) {
        PgQuery__ScanResult *unpacked =
            pg_query__scan_result__unpack(NULL, result.pbuf.len, (const uint8_t *)result.pbuf.data);
        ok = unpacked != NULL;
        if (ok) {
            copy_tokens(scan, unpacked);
            pg_query__scan_result__free_unpacked(unpacked, NULL);
        } else {
            wr_fail(scan->err, ERR_INTERNAL, "could not read the scanner's result");
        }
    } else {
        int before = wr_char_position(scan->text, (int)scan->base) - 1;
        wr_fail_at(scan->err, result.error->cursorpos > 0 ? before + result.error->cursorpos : 0, ERR_SYNTAX, "%s",
                   result.error->message);
    }
    pg_query_free_scan_result(result);
    return ok;
}

int wr_scan_position(const struct scan *scan, int byte)
{
    return wr_char_position(scan->text, (int)scan->base + byte);
}

static bool is_word(const struct scan *scan, int i)
{
    if (i < 0 || i >= scan->n)
        return false;
    const struct token *token = &scan->tokens[i];
    if (token->keyword != PG_QUERY__KEYWORD_KIND__NO_KEYWORD)
        return true;
    return token->kind == PG_QUERY__TOKEN__IDENT && scan->orig[token->start] != '"';
}

bool wr_scan_is(const struct scan *scan, int i, const char *word)
{
    if (!is_word(scan, i))
        return false;
    const struct token *token = &scan->tokens[i];
    size_t len = (size_t)(token->end - token->start);
    return strlen(word) == len && !wr_ncasecmp(scan->orig + token->start, word, len);
}

bool wr_scan_are(const struct scan *scan, int i, const char *words)
{
    while (*words) {
        size_t len = strcspn(words, " ");
        const struct token *token = &scan->tokens[i];
        if (!is_word(scan, i) || (size_t)(token->end - token->start) != len ||
            wr_ncasecmp(scan->orig + token->start, words, len) != 0)
            return false;
        words += len + (words[len] == ' ');
        i++;
    }
    return true;
}

bool wr_scan_is_char(const struct scan *scan, int i, char c)
{
    return i >= 0 && i < scan->n && scan->tokens[i].kind == c;
}

bool wr_scan_take(const struct scan *scan, int *i, const char *words)
{
    if (!wr_scan_are(scan, *i, words))
        return false;
    for (const char *at = words; at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
        (*i)++;
    return true;
}

bool wr_scan_syntax_error(struct scan *scan, int i)
{
    const struct token *token = &scan->tokens[i];
    int position = wr_scan_position(scan, token->start);
    if (token->kind == 0)
        return wr_fail_at(scan->err, position, ERR_SYNTAX, "syntax error at end of input");
    return wr_fail_at(scan->err, position, ERR_SYNTAX, "syntax error at or near \"%s\"", wr_scan_text(scan, i));
}

bool wr_scan_not_supported(struct scan *scan, int i, const char *what)
{
    return wr_fail_at(scan->err, wr_scan_position(scan, scan->tokens[i].start), ERR_FEATURE_NOT_SUPPORTED,
                      "%s is not supported", what);
}

const char *wr_scan_text(const struct scan *scan, int i)
{
    const struct token *token = &scan->tokens[i];
    return wr_arena_strndup(scan->arena, scan->orig + token->start, (size_t)(token->end - token->start));
}

const char *wr_scan_span(const struct scan *scan, int from, int to)
{
    if (from >= to)
        return "";
    int start = scan->tokens[from].start, end = scan->tokens[to - 1].end;
    return wr_arena_strndup(scan->arena, scan->orig + start, (size_t)(end - start));
}

/* Inside of quotes, where the quote itself is written twice. */
static char *undouble(const struct scan *scan, const char *from, size_t len, char quote)
{
    char *out = wr_arena_bytes(scan->arena, len + 1), *to = out;
    for (size_t i = 0; i < len; i++) {
        *to++ = from[i];
        if (from[i] == quote && i + 1 < len && from[i + 1] == quote)
            i++;
    }
    *to = '\0';
    return out;
}

static const char *cut_name(char *name)
{
    size_t len = strlen(name);
    if (len > NAME_BYTES_MAX) {
        len = NAME_BYTES_MAX;
        while (((unsigned char)name[len] & 0xc0) == 0x80) /* whole characters only */
            len--;
        name[len] = '\0';
    }
    return name;
}

const char *wr_scan_label(const struct scan *scan, int i)
{
    if (i < 0 || i >= scan->n)
        return NULL;
    const struct token *token = &scan->tokens[i];
    const char *from = scan->orig + token->start;
    size_t len = (size_t)(token->end - token->start);
    if (token->kind == PG_QUERY__TOKEN__IDENT && *from == '"' && len >= 2)
        return cut_name(undouble(scan, from + 1, len - 2, '"'));
    if (!is_word(scan, i))
        return NULL;
    char *name = wr_arena_strndup(scan->arena, from, len);
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c |= 0x20;
    return cut_name(name);
}

/* Escapes of E'...': the common ones; the scanner has checked the form. */
static char *unescape(const struct scan *scan, const char *from, size_t len)
{
    char *out = wr_arena_bytes(scan->arena, len + 1), *to = out;
    for (size_t i = 0; i < len; i++) {
        char c = from[i];
        if (c == '\'' && i + 1 < len)
            i++;
        if (c == '\\' && i + 1 < len) {
            static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
            const char *known = strchr(names, from[++i]);
            c = known && *known ? values[known - names] : from[i];
        }
        *to++ = c;
    }
    *to = '\0';
    return out;
}

const char *wr_scan_string(const struct scan *scan, int i)
{
    if (i < 0 || i >= scan->n || scan->tokens[i].kind != PG_QUERY__TOKEN__SCONST)
        return NULL;
    const struct token *token = &scan->tokens[i];
    const char *from = scan->orig + token->start;
    size_t len = (size_t)(token->end - token->start);
    if (*from == '\'')
        return undouble(scan, from + 1, len - 2, '\'');
    if ((*from | 0x20) == 'e')
        return unescape(scan, from + 2, len - 3);
    if (*from == '$') {
        size_t tag = (size_t)(strchr(from + 1, '$') - from) + 1;
        return wr_arena_strndup(scan->arena, from + tag, len - 2 * tag);
    }
    return NULL;
}

static bool is_reserved(const struct scan *scan, int i)
{
    int keyword = scan->tokens[i].keyword;
    return keyword == PG_QUERY__KEYWORD_KIND__RESERVED_KEYWORD ||
           keyword == PG_QUERY__KEYWORD_KIND__TYPE_FUNC_NAME_KEYWORD;
}

bool wr_scan_relation(struct scan *scan, int *i, const char **schema, const char **name)
{
    *schema = NULL;
    *name = wr_scan_label(scan, *i);
    if (!*name || is_reserved(scan, *i))
        return wr_scan_syntax_error(scan, *i);
    (*i)++;
    while (wr_scan_is_char(scan, *i, '.')) {
        *schema = *name;
        *name = wr_scan_label(scan, ++*i);
        if (!*name)
            return wr_scan_syntax_error(scan, *i);
        (*i)++;
    }
    return true;
}

int wr_scan_close(const struct scan *scan, int i)
{
    int depth = 0;
    for (; i < scan->n; i++) {
        int kind = scan->tokens[i].kind;
        if (kind == '(' || kind == '[')
            depth++;
        else if ((kind == ')' || kind == ']') && --depth == 0)
            return i;
    }
    return scan->n;
}

int wr_scan_find(const struct scan *scan, int i, const char *word)
{
    int depth = 0;
    for (; i < scan->n; i++) {
        int kind = scan->tokens[i].kind;
        if (kind == '(' || kind == '[')
            depth++;
        else if (kind == ')' || kind == ']')
            depth--;
        else if (depth == 0 && wr_scan_is(scan, i, word))
            return i;
    }
    return scan->n;
}

void wr_scan_blank(struct scan *scan, int from, int to)
{
    if (from < to) {
        int start = scan->tokens[from].start, end = scan->tokens[to - 1].end;
        memset(scan->work + start, ' ', (size_t)(end - start));
    }
}

void wr_scan_insert(struct scan *scan, int at, const char *text)
{
    if (scan->n_edits < SCAN_EDITS_MAX)
        scan->edits[scan->n_edits++] = (struct edit){at, text};
}
