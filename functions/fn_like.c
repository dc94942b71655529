/* LIKE: ~~ and !~~, ILIKE: ~~* and !~~*, like_escape. % any text, _ one character, \ takes the next literally.
 *
 * A constant pattern is classified once: text without wildcards, prefix%, %suffix and %infix% need no matcher. */
#include <stdlib.h>

#include "functions/kernel.h"
#include "functions/text_case.h"
#include "functions/utf8.h"

enum pattern_kind { PATTERN_GENERAL, PATTERN_EXACT, PATTERN_PREFIX, PATTERN_SUFFIX, PATTERN_INFIX };

struct pattern {
    enum pattern_kind kind;
    struct str core; /* without its %; bytes owned by the expression */
};

enum match { NO_MATCH, MATCH, BAD_PATTERN };

/* Two cursors with one point to return to: after a % it is enough to remember the last one. */
static enum match match(struct str text, struct str pattern)
{
    const char *s = text.data, *end = s + text.len, *p = pattern.data, *last = p + pattern.len;
    const char *star = NULL, *star_text = NULL;
    while (s < end) {
        if (p < last && *p == '%') {
            star = ++p;
            star_text = s;
            continue;
        }
        if (p < last && *p == '_') {
            p++;
            s += wr_utf8_width(s, (size_t)(end - s));
            continue;
        }
        const char *literal = p;
        if (p < last && *p == '\\' && ++literal == last)
            return BAD_PATTERN;
        if (p < last && *literal == *s) {
            p = literal + 1;
            s++;
            continue;
        }
        if (!star)
            return NO_MATCH;
        star_text += wr_utf8_width(star_text, (size_t)(end - star_text));
        s = star_text;
        p = star;
    }
    while (p < last && *p == '%')
        p++;
    return p == last ? MATCH : NO_MATCH;
}

static struct pattern classify(struct str text)
{
    struct pattern general = {PATTERN_GENERAL, text};
    bool first = text.len && text.data[0] == '%', last = text.len && text.data[text.len - 1] == '%';
    if (text.len == 1 && first)
        return (struct pattern){PATTERN_PREFIX, wr_str("", 0)};
    size_t from = first, to = text.len - last;
    for (size_t i = from; i < to; i++)
        if (text.data[i] == '%' || text.data[i] == '_' || text.data[i] == '\\')
            return general;
    enum pattern_kind kind = first ? (last ? PATTERN_INFIX : PATTERN_SUFFIX) : last ? PATTERN_PREFIX : PATTERN_EXACT;
    return (struct pattern){kind, wr_str(text.data + from, to - from)};
}

static void *prepare_like(const struct expr *expr)
{
    const struct expr *arg = expr->args[1];
    if (arg->kind != EXPR_CONST || arg->value.null)
        return NULL;
    struct pattern *pattern = wr_malloc(sizeof(*pattern));
    *pattern = classify(arg->value.str);
    return pattern;
}

static void unprepare_like(void *cache)
{
    free(cache);
}

/* Only a pattern that ends in a lone escape character is bad. */
bool wr_fn_like_is_total(const struct expr *call)
{
    const struct expr *arg = call->args[1];
    if (call->fn->result != TYPE_BOOL || arg->kind != EXPR_CONST || arg->value.null)
        return false;
    size_t escapes = 0;
    for (size_t n = arg->value.str.len; n > escapes && arg->value.str.data[n - escapes - 1] == '\\';)
        escapes++;
    return escapes % 2 == 0;
}

static inline bool ends_with(struct str text, struct str suffix)
{
    return suffix.len <= text.len &&
           (!suffix.len || !memcmp(text.data + text.len - suffix.len, suffix.data, suffix.len));
}

static inline bool begins_with(struct str text, struct str prefix)
{
    return prefix.len <= text.len && (!prefix.len || !memcmp(text.data, prefix.data, prefix.len));
}

static inline bool contains(struct str text, struct str infix)
{
    return !infix.len || (text.len && memmem(text.data, text.len, infix.data, infix.len));
}

#define PATTERN_LOOP(test)               \
    FN_EACH(call, i)                     \
    call->out->b[i] = (test) != negated; \
    break;

static void like_general(struct fn_call *call, bool negated)
{
    FN_EACH(call, i)
    {
        enum match result = match(call->args[0].str[i], call->args[1].str[i]);
        call->out->b[i] = (result == MATCH) != negated;
        if (result == BAD_PATTERN)
            fn_fail(call, i, ERR_INVALID_ESCAPE, "LIKE pattern must not end with escape character");
    }
}

static void like_rows(struct fn_call *call, bool negated)
{
    const struct pattern *pattern = call->cache;
    const struct str *text = call->args[0].str;
    struct str core = pattern ? pattern->core : wr_str("", 0);
    switch (pattern ? pattern->kind : PATTERN_GENERAL) {
    case PATTERN_EXACT:
        PATTERN_LOOP(wr_str_eq(text[i], core))
    case PATTERN_PREFIX:
        PATTERN_LOOP(begins_with(text[i], core))
    case PATTERN_SUFFIX:
        PATTERN_LOOP(ends_with(text[i], core))
    case PATTERN_INFIX:
        PATTERN_LOOP(contains(text[i], core))
    default:
        like_general(call, negated);
    }
}

static void like(struct fn_call *call)
{
    like_rows(call, false);
}

static void not_like(struct fn_call *call)
{
    like_rows(call, true);
}

/* Both sides in lower case, as PostgreSQL does for multi-byte encodings. */
static void ilike_rows(struct fn_call *call, bool negated)
{
    FN_EACH(call, i)
    {
        struct str text = wr_text_lower(call->arena, call->args[0].str[i]);
        enum match result = match(text, wr_text_lower(call->arena, call->args[1].str[i]));
        call->out->b[i] = (result == MATCH) != negated;
        if (result == BAD_PATTERN)
            fn_fail(call, i, ERR_INVALID_ESCAPE, "LIKE pattern must not end with escape character");
    }
}

static void ilike(struct fn_call *call)
{
    ilike_rows(call, false);
}

static void not_ilike(struct fn_call *call)
{
    ilike_rows(call, true);
}

/* The pattern with its own escape character turned into the backslash. */
static void escape_row(struct fn_call *call, uint32_t row)
{
    struct str pattern = call->args[0].str[row], escape = call->args[1].str[row];
    if (wr_utf8_count(escape.data, escape.len) > 1) {
        fn_fail(call, row, ERR_INVALID_ESCAPE, "invalid escape string");
        return;
    }
    if (escape.len == 1 && escape.data[0] == '\\') {
        call->out->str[row] = pattern;
        return;
    }
    char *out = wr_arena_bytes(call->arena, (size_t)pattern.len * 2 + 1);
    size_t at = 0;
    bool escaped = false;
    for (size_t i = 0; i < pattern.len;) {
        size_t width = wr_utf8_width(pattern.data + i, pattern.len - i);
        bool is_escape = escape.len && width == escape.len && !memcmp(pattern.data + i, escape.data, width);
        if (is_escape && !escaped) {
            out[at++] = '\\';
            escaped = true;
        } else {
            if (pattern.data[i] == '\\' && !escaped)
                out[at++] = '\\';
            memcpy(out + at, pattern.data + i, width);
            at += width;
            escaped = false;
        }
        i += width;
    }
    call->out->str[row] = wr_str(out, at);
}

static void like_escape(struct fn_call *call)
{
    FN_EACH(call, i)
    escape_row(call, i);
}

#define T          TYPE_TEXT
#define LIKE_FLAGS (FN_STRICT | FN_CAN_FAIL)

static const struct fn rows[] = {
    {"~~", TYPE_BOOL, 2, {T, T}, LIKE_FLAGS, like, "LIKE.", "'häuser' LIKE 'h_us%'", "t", prepare_like, unprepare_like},
    {"!~~",
     TYPE_BOOL,
     2,
     {T, T},
     LIKE_FLAGS,
     not_like,
     "NOT LIKE.",
     "'abc' NOT LIKE '%b%'",
     "f",
     prepare_like,
     unprepare_like},
    {"~~*", TYPE_BOOL, 2, {T, T}, LIKE_FLAGS, ilike, "ILIKE.", "'HÄUSER' ILIKE 'hä%'", "t", NULL, NULL},
    {"!~~*", TYPE_BOOL, 2, {T, T}, LIKE_FLAGS, not_ilike, "NOT ILIKE.", "'ABC' NOT ILIKE 'b%'", "t", NULL, NULL},
    {"like_escape",
     T,
     2,
     {T, T},
     LIKE_FLAGS,
     like_escape,
     "The pattern with this escape character made a backslash.",
     "'a%b' LIKE 'a!%_' ESCAPE '!'",
     "t",
     NULL,
     NULL},
};

FAMILY(wr_fn_like_family, rows);
