/* JSON text -> jsonb value: a lexer one token ahead, a recursive parser, and a tape.
 *
 * The tape is a flat list of nodes in text order. When a container closes, its children's sizes are known, its members
 * are ordered and its own size follows; the whole value is then written once, top down. Time and memory are linear in
 * the text whatever its nesting. Errors are worded as PostgreSQL's. */
#include "types/jsonb.h"

#include <stdio.h>
#include <stdlib.h>

#include "types/numeric.h"

enum token { TOKEN_STRING, TOKEN_NUMBER, TOKEN_TRUE, TOKEN_FALSE, TOKEN_NULL, TOKEN_PUNCT, TOKEN_END };

struct node {
    uint8_t kind;
    uint32_t size;      /* bytes of the written node */
    uint32_t count;     /* children */
    uint32_t *children; /* tape numbers: arrays: values; objects: count keys, then count values */
    struct str text;    /* strings and numbers */
};

struct parser {
    struct wr_arena *arena;
    struct wr_error *err;
    const char *at, *end; /* text not yet lexed */
    const char *start;    /* of the token ahead */
    enum token token;
    struct str string; /* the token ahead, unescaped, if TOKEN_STRING */
    struct node *tape;
    uint32_t n, cap;
    uint32_t *open; /* children of the containers being read */
    uint32_t nopen, open_cap;
};

/* --- errors --------------------------------------------------------------------------------------------------- */

static bool fail_syntax(struct parser *p)
{
    return wr_fail(p->err, ERR_INVALID_TEXT, "invalid input syntax for type %s", "json");
}

static bool fail_token(struct parser *p, const char *from, const char *to)
{
    fail_syntax(p);
    return wr_fail_detail(p->err, "Token \"%.*s\" is invalid.", (int)WR_MIN(to - from, 400), from);
}

static bool fail_detail(struct parser *p, const char *detail)
{
    fail_syntax(p);
    return wr_fail_detail(p->err, "%s", detail);
}

static bool fail_expected(struct parser *p, const char *what)
{
    if (p->token == TOKEN_END)
        return fail_detail(p, "The input string ended unexpectedly.");
    fail_syntax(p);
    return wr_fail_detail(p->err, "Expected %s, but found \"%.*s\".", what, (int)WR_MIN(p->at - p->start, 400),
                          p->start);
}

/* --- lexer ---------------------------------------------------------------------------------------------------- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool skip_digits(const char **at, const char *end)
{
    const char *from = *at;
    while (*at < end && is_digit(**at))
        ++*at;
    return *at > from;
}

/* Goes on after a fault: the message shows all that looks like the number. */
static bool number_form(const char **at, const char *end)
{
    bool ok = true;
    *at += **at == '-';
    if (*at < end && **at == '0')
        ++*at;
    else
        ok &= skip_digits(at, end);
    if (*at < end && **at == '.') {
        ++*at;
        ok &= skip_digits(at, end);
    }
    if (*at < end && (**at == 'e' || **at == 'E')) {
        ++*at;
        *at += *at < end && (**at == '+' || **at == '-');
        ok &= skip_digits(at, end);
    }
    return ok;
}

static bool lex_number(struct parser *p)
{
    bool ok = number_form(&p->at, p->end);
    while (p->at < p->end && is_word(*p->at)) {
        ok = false;
        p->at++;
    }
    p->token = TOKEN_NUMBER;
    return ok || fail_token(p, p->start, p->at);
}

static int hex_value(char c)
{
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static char *put_utf8(char *to, uint32_t ch)
{
    if (ch < 0x80) {
        *to++ = (char)ch;
    } else if (ch < 0x800) {
        *to++ = (char)(0xc0 | ch >> 6);
        *to++ = (char)(0x80 | (ch & 0x3f));
    } else if (ch < 0x10000) {
        *to++ = (char)(0xe0 | ch >> 12);
        *to++ = (char)(0x80 | (ch >> 6 & 0x3f));
        *to++ = (char)(0x80 | (ch & 0x3f));
    } else {
        *to++ = (char)(0xf0 | ch >> 18);
        *to++ = (char)(0x80 | (ch >> 12 & 0x3f));
        *to++ = (char)(0x80 | (ch >> 6 & 0x3f));
        *to++ = (char)(0x80 | (ch & 0x3f));
    }
    return to;
}

#define LOW_MUST_FOLLOW "Unicode low surrogate must follow a high surrogate."

/* After "\u". *high is a pending high surrogate or 0. */
static bool lex_unicode(struct parser *p, uint32_t *high, char **to)
{
    uint32_t ch = 0;
    for (int i = 0; i < 4; i++, p->at++) {
        if (p->at == p->end)
            return fail_token(p, p->start, p->at);
        int digit = hex_value(*p->at);
        if (digit < 0)
            return fail_detail(p, "\"\\u\" must be followed by four hexadecimal digits.");
        ch = ch * 16 + (uint32_t)digit;
    }
    if (ch == 0) {
        wr_fail(p->err, ERR_UNTRANSLATABLE, "unsupported Unicode escape sequence");
        return wr_fail_detail(p->err, "\\u0000 cannot be converted to text.");
    }
    if (ch >= 0xd800 && ch <= 0xdbff) {
        if (*high)
            return fail_detail(p, "Unicode high surrogate must not follow a high surrogate.");
        *high = ch;
        return true;
    }
    bool low = ch >= 0xdc00 && ch <= 0xdfff;
    if (low != (*high != 0))
        return fail_detail(p, LOW_MUST_FOLLOW);
    if (low)
        ch = 0x10000 + ((*high & 0x3ff) << 10) + (ch & 0x3ff);
    *high = 0;
    *to = put_utf8(*to, ch);
    return true;
}

static int utf8_len(char c)
{
    uint8_t b = (uint8_t)c;
    return b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
}

/* At the character after a backslash. */
static bool lex_escape(struct parser *p, uint32_t *high, char **to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    if (p->at == p->end)
        return fail_token(p, p->start, p->at);
    char c = *p->at;
    if (c == 'u') {
        p->at++;
        return lex_unicode(p, high, to);
    }
    if (*high)
        return fail_detail(p, LOW_MUST_FOLLOW);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found) {
        int len = (int)WR_MIN((ptrdiff_t)utf8_len(c), p->end - p->at);
        fail_syntax(p);
        return wr_fail_detail(p->err, "Escape sequence \"\\%.*s\" is invalid.", len, p->at);
    }
    p->at++;
    *(*to)++ = into[found - from];
    return true;
}

static bool lex_escaped_string(struct parser *p, const char *plain)
{
    /* Unescaping never lengthens: the rest of the text is room enough, the unused part is given back. */
    const char *close = plain;
    while (close < p->end && *close != '"')
        close += *close == '\\' && close + 1 < p->end ? 2 : 1;
    char *text = wr_arena_bytes(p->arena, (size_t)(close - p->at) + 1), *to = text;
    uint32_t high = 0;
    for (;;) {
        if (p->at == p->end)
            return fail_token(p, p->start, p->at);
        char c = *p->at++;
        if (c == '\\') {
            TRY(lex_escape(p, &high, &to));
            continue;
        }
        if ((uint8_t)c < 32 && c != '"') {
            fail_syntax(p);
            return wr_fail_detail(p->err, "Character with value 0x%02x must be escaped.", (unsigned)(uint8_t)c);
        }
        if (high)
            return fail_detail(p, LOW_MUST_FOLLOW);
        if (c == '"')
            break;
        *to++ = c;
    }
    p->string = wr_str(text, (size_t)(to - text));
    return true;
}

static bool lex_string(struct parser *p)
{
    p->token = TOKEN_STRING;
    const char *at = ++p->at;
    while (at < p->end && *at != '"' && *at != '\\' && (uint8_t)*at >= 32)
        at++;
    if (at == p->end || *at != '"')
        return lex_escaped_string(p, at);
    p->string = wr_str(p->at, (size_t)(at - p->at));
    p->at = at + 1;
    return true;
}

static bool lex_word(struct parser *p)
{
    while (p->at < p->end && is_word(*p->at))
        p->at++;
    size_t len = (size_t)(p->at - p->start);
    if (len == 4 && !memcmp(p->start, "true", 4))
        p->token = TOKEN_TRUE;
    else if (len == 5 && !memcmp(p->start, "false", 5))
        p->token = TOKEN_FALSE;
    else if (len == 4 && !memcmp(p->start, "null", 4))
        p->token = TOKEN_NULL;
    else
        return fail_token(p, p->start, len ? p->at : p->at + 1);
    return true;
}

static bool lex(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
    p->start = p->at;
    if (p->at == p->end) {
        p->token = TOKEN_END;
        return true;
    }
    char c = *p->at;
    if (c == '"')
        return lex_string(p);
    if (c == '-' || is_digit(c))
        return lex_number(p);
    if (!c || !strchr("{}[],:", c))
        return lex_word(p);
    p->token = TOKEN_PUNCT;
    p->at++;
    return true;
}

static bool is_punct(const struct parser *p, char c)
{
    return p->token == TOKEN_PUNCT && *p->start == c;
}

/* --- tape ----------------------------------------------------------------------------------------------------- */

static uint32_t add_node(struct parser *p, uint8_t kind, struct str text)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 32;
        p->tape = wr_realloc(p->tape, p->cap * sizeof(*p->tape));
    }
    p->tape[p->n] = (struct node){.kind = kind, .size = 1 + text.len, .text = text};
    return p->n++;
}

static void push_open(struct parser *p, uint32_t number)
{
    if (p->nopen == p->open_cap) {
        p->open_cap = p->open_cap ? 2 * p->open_cap : 32;
        p->open = wr_realloc(p->open, p->open_cap * sizeof(*p->open));
    }
    p->open[p->nopen++] = number;
}

struct member {
    struct str key;
    uint32_t value, order;
    uint32_t key_node;
};

static int member_cmp(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    int c = wr_jsonb_key_cmp(a->key, b->key);
    return c ? c : (a->order > b->order) - (a->order < b->order);
}

static void close_object(struct parser *p, uint32_t number, uint32_t base)
{
    uint32_t n = (p->nopen - base) / 2, kept = 0;
    uint32_t *children = wr_arena_alloc(p->arena, (2 * (size_t)n + 1) * sizeof(uint32_t));
    struct member *members = wr_malloc((n + 1) * sizeof(*members));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t key = p->open[base + 2 * i];
        members[i] = (struct member){p->tape[key].text, p->open[base + 2 * i + 1], i, key};
    }
    qsort(members, n, sizeof(*members), member_cmp);
    for (uint32_t i = 0; i < n; i++)
        if (i + 1 == n || !wr_str_eq(members[i].key, members[i + 1].key))
            members[kept++] = members[i];
    struct node *node = &p->tape[number];
    node->count = kept;
    node->children = children;
    node->size = 5 + 8 * kept;
    for (uint32_t i = 0; i < kept; i++) {
        children[i] = members[i].key_node;
        children[kept + i] = members[i].value;
        node->size += members[i].key.len + p->tape[members[i].value].size;
    }
    free(members);
    p->nopen = base;
}

static void close_array(struct parser *p, uint32_t number, uint32_t base)
{
    struct node *node = &p->tape[number];
    node->count = p->nopen - base;
    node->children = wr_arena_alloc(p->arena, (node->count + 1) * sizeof(uint32_t));
    node->size = 5 + 4 * node->count;
    for (uint32_t i = 0; i < node->count; i++) {
        node->children[i] = p->open[base + i];
        node->size += p->tape[p->open[base + i]].size;
    }
    p->nopen = base;
}

/* --- parser --------------------------------------------------------------------------------------------------- */

/* Numbers are kept as numeric shows them: 1e2 is 100, -0 is 0, 1.50 is 1.50. */
static bool number_text(struct parser *p, struct str *out)
{
    const char *text = p->start;
    size_t len = (size_t)(p->at - p->start);
    bool plain = *text != '-' || (len > 1 && text[1] != '0');
    for (size_t i = 0; i < len && plain; i++)
        plain = text[i] != 'e' && text[i] != 'E';
    if (plain && len < 1000) {
        *out = wr_str(text, len);
        return true;
    }
    struct str number;
    struct wr_buf buf = WR_BUF_INIT;
    TRY(wr_numeric_parse(p->arena, text, len, TYPE(TYPE_NUMERIC), &number, p->err));
    wr_numeric_print(&buf, number);
    *out = wr_str(wr_arena_strndup(p->arena, buf.data, buf.len), buf.len);
    wr_buf_free(&buf);
    return true;
}

static bool parse_value(struct parser *p, int depth, uint32_t *number);

static bool parse_member(struct parser *p, int depth)
{
    uint32_t value;
    if (p->token != TOKEN_STRING)
        return fail_expected(p, "string");
    push_open(p, add_node(p, JSONB_STRING, p->string));
    TRY(lex(p));
    if (!is_punct(p, ':'))
        return fail_expected(p, "\":\"");
    TRY(lex(p));
    TRY(parse_value(p, depth, &value));
    push_open(p, value);
    return true;
}

static bool parse_object(struct parser *p, int depth, uint32_t *number)
{
    uint32_t base = p->nopen;
    *number = add_node(p, JSONB_OBJECT, wr_str("", 0));
    TRY(lex(p));
    if (p->token == TOKEN_STRING) {
        TRY(parse_member(p, depth + 1));
        while (is_punct(p, ',')) {
            TRY(lex(p));
            TRY(parse_member(p, depth + 1));
        }
        if (!is_punct(p, '}'))
            return fail_expected(p, "\",\" or \"}\"");
    } else if (!is_punct(p, '}')) {
        return fail_expected(p, "string or \"}\"");
    }
    close_object(p, *number, base);
    return lex(p);
}

static bool parse_array(struct parser *p, int depth, uint32_t *number)
{
    uint32_t base = p->nopen;
    *number = add_node(p, JSONB_ARRAY, wr_str("", 0));
    TRY(lex(p));
    if (!is_punct(p, ']')) {
        for (;;) {
            uint32_t value;
            TRY(parse_value(p, depth + 1, &value));
            push_open(p, value);
            if (!is_punct(p, ','))
                break;
            TRY(lex(p));
        }
        if (!is_punct(p, ']'))
            return fail_expected(p, "\",\" or \"]\"");
    }
    close_array(p, *number, base);
    return lex(p);
}

static bool parse_value(struct parser *p, int depth, uint32_t *number)
{
    struct str text = wr_str("", 0);
    if (depth > JSONB_DEPTH_MAX)
        return wr_fail(p->err, ERR_TOO_COMPLEX, "stack depth limit exceeded");
    switch (p->token) {
    case TOKEN_STRING:
        *number = add_node(p, JSONB_STRING, p->string);
        return lex(p);
    case TOKEN_NUMBER:
        TRY(number_text(p, &text));
        *number = add_node(p, JSONB_NUMBER, text);
        return lex(p);
    case TOKEN_TRUE:
        *number = add_node(p, JSONB_TRUE, text);
        return lex(p);
    case TOKEN_FALSE:
        *number = add_node(p, JSONB_FALSE, text);
        return lex(p);
    case TOKEN_NULL:
        *number = add_node(p, JSONB_NULL, text);
        return lex(p);
    default:
        if (is_punct(p, '{'))
            return parse_object(p, depth, number);
        if (is_punct(p, '['))
            return parse_array(p, depth, number);
        return fail_expected(p, "JSON value");
    }
}

/* --- writing -------------------------------------------------------------------------------------------------- */

static char *put_u32(char *to, uint32_t value)
{
    memcpy(to, &value, 4);
    return to + 4;
}

static char *write_node(const struct parser *p, uint32_t number, char *to);

static char *write_text(const struct node *node, char *to)
{
    if (node->text.len)
        memcpy(to, node->text.data, node->text.len);
    return to + node->text.len;
}

static char *write_container(const struct parser *p, const struct node *node, char *to)
{
    bool object = node->kind == JSONB_OBJECT;
    const uint32_t *values = node->children + (object ? node->count : 0);
    uint32_t end = 0;
    to = put_u32(to, node->count);
    for (uint32_t i = 0; object && i < node->count; i++)
        to = put_u32(to, end += p->tape[node->children[i]].text.len);
    end = 0;
    for (uint32_t i = 0; i < node->count; i++)
        to = put_u32(to, end += p->tape[values[i]].size);
    for (uint32_t i = 0; object && i < node->count; i++)
        to = write_text(&p->tape[node->children[i]], to);
    for (uint32_t i = 0; i < node->count; i++)
        to = write_node(p, values[i], to);
    return to;
}

static char *write_node(const struct parser *p, uint32_t number, char *to)
{
    const struct node *node = &p->tape[number];
    *to++ = (char)node->kind;
    if (node->kind == JSONB_ARRAY || node->kind == JSONB_OBJECT)
        return write_container(p, node, to);
    return write_text(node, to);
}

static bool parse_all(struct parser *p, struct str *out)
{
    uint32_t root;
    TRY(lex(p));
    TRY(parse_value(p, 1, &root));
    if (p->token != TOKEN_END)
        return fail_expected(p, "end of input");
    uint32_t size = p->tape[root].size;
    char *to = wr_arena_bytes(p->arena, size);
    write_node(p, root, to);
    *out = wr_str(to, size);
    return true;
}

bool wr_jsonb_parse(struct wr_arena *arena, const char *text, size_t len, struct str *out, struct wr_error *err)
{
    struct parser p = {.arena = arena, .err = err, .at = text, .end = text + len};
    if (len > JSONB_TEXT_MAX)
        return wr_fail(err, ERR_PROGRAM_LIMIT, "total size of jsonb value exceeds the maximum of %d bytes",
                       JSONB_TEXT_MAX);
    bool ok = parse_all(&p, out);
    free(p.tape);
    free(p.open);
    return ok;
}
