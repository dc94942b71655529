/* Statement splitting: knows quotes, dollar quotes, comments and nothing else of SQL.
 *
 * It runs over a script once, so that a script of n statements costs O(n), and an error in its last line (an open
 * quote) does not spoil the first statement. On the way it counts what the parser wants to know before it starts:
 * tokens, the longest operator chain, and whether any dialect clause can be present at all, which spares a bulk
 * INSERT the second scan. */
#include "parser/split.h"

#include "base/ascii.h"

#include <string.h>

#define LEVELS      256
#define ITEM_TOKENS 3 /* of an item: the comma or bracket before it, a sign, a constant */

struct splitter {
    const char *text;
    size_t at, len;
    struct split *split;
    int level; /* of parentheses and brackets */
    int64_t run[LEVELS];
};

static bool is_word_start(char c)
{
    return wr_is_alpha(c) || c == '_' || (c & 0x80);
}

static bool is_word(char c)
{
    return is_word_start(c) || wr_is_digit(c) || c == '$';
}

static char peek(const struct splitter *s, size_t ahead)
{
    return s->at + ahead < s->len ? s->text[s->at + ahead] : '\0';
}

/* False, and nothing is skipped: it does not end. It is a token then, which the parser refuses. */
static bool skip_block_comment(struct splitter *s)
{
    size_t from = s->at;
    int depth = 0;
    do {
        if (peek(s, 0) == '/' && peek(s, 1) == '*') {
            depth++;
            s->split->comment_depth = WR_MAX(s->split->comment_depth, depth);
            s->at += 2;
        } else if (peek(s, 0) == '*' && peek(s, 1) == '/') {
            depth--;
            s->at += 2;
        } else {
            s->at++;
        }
    } while (depth && s->at < s->len);
    if (depth)
        s->at = from;
    return !depth;
}

/* Moves over white space or a comment; false if there is neither. */
static bool skip_blank(struct splitter *s)
{
    if (s->at >= s->len)
        return false;
    if (wr_is_space(s->text[s->at])) {
        s->at++;
        return true;
    }
    if (peek(s, 0) == '-' && peek(s, 1) == '-') {
        const char *end = memchr(s->text + s->at, '\n', s->len - s->at);
        s->at = end ? (size_t)(end - s->text) + 1 : s->len;
        return true;
    }
    return peek(s, 0) == '/' && peek(s, 1) == '*' && skip_block_comment(s);
}

/* At the opening quote. A doubled quote needs no care: it reads as two strings side by side. */
static void skip_quoted(struct splitter *s, char quote, bool backslash)
{
    for (s->at++; s->at < s->len; s->at++) {
        char c = s->text[s->at];
        if (backslash && c == '\\')
            s->at++;
        else if (c == quote)
            break;
    }
    s->at = WR_MIN(s->at + 1, s->len);
}

/* At a dollar sign that no word contains: $tag$ ... $tag$, or a parameter. */
static void skip_dollar(struct splitter *s)
{
    const char *open = s->text + s->at, *end = s->text + s->len, *tag = open + 1;
    while (tag < end && is_word(*tag) && *tag != '$')
        tag++;
    bool is_quote = tag < end && *tag == '$' && !(open[1] >= '0' && open[1] <= '9');
    if (!is_quote) {
        s->at = (size_t)(tag - s->text);
        return;
    }
    size_t tag_len = (size_t)(tag - open) + 1;
    const char *close = memmem(tag + 1, (size_t)(end - tag - 1), open, tag_len);
    s->at = close ? (size_t)(close - s->text) + tag_len : s->len;
}

static bool word_is(const char *word, size_t len, const char *lower)
{
    return strlen(lower) == len && !wr_ncasecmp(word, lower, len);
}

static void note_word(struct splitter *s, const char *word, size_t len)
{
    struct split *split = s->split;
    switch (word[0] | 0x20) {
    case 'a':
        split->has_dialect |= word_is(word, len, "asof");
        break;
    case 'e':
        split->has_dialect |= word_is(word, len, "emit");
        split->has_set_operation |= word_is(word, len, "except");
        break;
    case 'i':
        split->has_set_operation |= word_is(word, len, "intersect");
        break;
    case 's':
        split->has_dialect |= word_is(word, len, "system_time") || word_is(word, len, "struct");
        break;
    case 'u':
        split->has_set_operation |= word_is(word, len, "union");
        break;
    case 'v':
        split->has_values |= word_is(word, len, "values");
        break;
    default:
        break;
    }
}

static void take_word(struct splitter *s)
{
    const char *word = s->text + s->at;
    while (s->at < s->len && is_word(s->text[s->at]))
        s->at++;
    size_t len = (size_t)(s->text + s->at - word);
    note_word(s, word, len);
    if (s->split->tokens == 0 && len < sizeof s->split->first)
        for (size_t i = 0; i < len; i++)
            s->split->first[i] = word[i] >= 'A' && word[i] <= 'Z' ? word[i] | 0x20 : word[i];
    if (len == 1 && (*word | 0x20) == 'e' && peek(s, 0) == '\'')
        skip_quoted(s, '\'', true);
}

static void take_sign(struct splitter *s)
{
    char c = s->text[s->at++];
    if (c == '(' || c == '[') {
        s->level++;
        s->run[WR_MIN(s->level, LEVELS - 1)] = 0;
    } else if ((c == ')' || c == ']') && s->level > 0) {
        s->level--;
    } else if (c == ',') {
        int64_t *run = &s->run[WR_MIN(s->level, LEVELS - 1)];
        s->split->listed += *run <= ITEM_TOKENS ? *run : 0;
        *run = 0;
    } else if (c == '|') {
        s->split->has_dialect = true;
    }
}

static void take_token(struct splitter *s)
{
    char c = s->text[s->at];
    if (is_word_start(c)) {
        take_word(s);
    } else if (c >= '0' && c <= '9') {
        while (s->at < s->len && (is_word(s->text[s->at]) || s->text[s->at] == '.'))
            s->at++;
    } else if (c == '\'' || c == '"') {
        skip_quoted(s, c, false);
    } else if (c == '$') {
        skip_dollar(s);
    } else if (c == '/' && peek(s, 1) == '*') {
        s->at = s->len; /* a comment that does not end */
    } else {
        take_sign(s);
    }
    s->split->tokens++;
    int64_t *run = &s->run[WR_MIN(s->level, LEVELS - 1)];
    (*run)++;
    s->split->chain = WR_MAX(s->split->chain, *run);
}

bool wr_split_next(const char *text, size_t len, size_t offset, struct split *split)
{
    struct splitter s = {.text = text, .at = offset, .len = len, .split = split};
    memset(split, 0, sizeof *split);
    while (skip_blank(&s) || peek(&s, 0) == ';')
        s.at += peek(&s, 0) == ';';
    if (s.at >= len)
        return false;
    split->start = split->end = s.at;
    while (s.at < len && text[s.at] != ';') {
        if (skip_blank(&s))
            continue;
        take_token(&s);
        split->end = s.at;
    }
    split->has_semicolon = s.at < len;
    if (split->has_semicolon)
        split->end = s.at;
    split->next = WR_MIN(s.at + 1, len);
    return true;
}
