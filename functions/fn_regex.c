/* ~ !~ ~* !~*: regular expressions by PCRE2 with JIT, read as PostgreSQL's advanced form where the two differ:
 *   . matches newline, $ only the very end; \y \m \M \Z (word and text edges) are translated; \A \d \s \w mean the
 * same. What stays different: longest-match preference (POSIX alternation) only shows in captures, which these
 * operators do not return; collating elements [[.x.]] are refused; back references and lookaround follow Perl. A
 * constant pattern is compiled once; others once per change from row to row. Matching is bounded by PCRE2's limits. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "functions/kernel.h"

#define ERR_INVALID_REGEX "2201B"

struct regex {
    pcre2_code *code; /* NULL: `error` says why */
    pcre2_match_data *match;
    char error[160];
    char *text; /* the pattern; heap */
    uint32_t len;
};

/* PostgreSQL's escapes that PCRE2 writes differently. */
static void translate(struct wr_buf *out, struct str pattern)
{
    for (uint32_t i = 0; i < pattern.len; i++) {
        char next = i + 1 < pattern.len ? pattern.data[i + 1] : '\0';
        if (pattern.data[i] != '\\' || !next) {
            wr_buf_byte(out, (uint8_t)pattern.data[i]);
            continue;
        }
        i++;
        if (next == 'y')
            wr_buf_puts(out, "\\b");
        else if (next == 'Y')
            wr_buf_puts(out, "\\B");
        else if (next == 'm')
            wr_buf_puts(out, "\\b(?=\\w)");
        else if (next == 'M')
            wr_buf_puts(out, "\\b(?<=\\w)");
        else if (next == 'Z')
            wr_buf_puts(out, "\\z");
        else
            wr_buf_put(out, (char[]){'\\', next}, 2);
    }
}

static void compile(struct regex *regex, struct str pattern, bool fold)
{
    struct wr_buf text = WR_BUF_INIT;
    int code;
    PCRE2_SIZE offset;
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    translate(&text, pattern);
    regex->code = pcre2_compile((PCRE2_SPTR)wr_buf_cstr(&text), text.len, options | (fold ? PCRE2_CASELESS : 0), &code,
                                &offset, NULL);
    wr_buf_free(&text);
    if (!regex->code) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)regex->error, sizeof(regex->error));
        return;
    }
    pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE); /* without JIT the interpreter serves */
    regex->match = pcre2_match_data_create_from_pattern(regex->code, NULL);
}

static void regex_clear(struct regex *regex)
{
    pcre2_match_data_free(regex->match);
    pcre2_code_free(regex->code);
    free(regex->text);
    memset(regex, 0, sizeof(*regex));
}

/* The regex for this pattern: as it is, or compiled anew. */
static void use(struct regex *regex, struct str pattern, bool fold)
{
    if (regex->text && regex->len == pattern.len && !memcmp(regex->text, pattern.data, pattern.len))
        return;
    regex_clear(regex);
    regex->text = wr_strndup(pattern.len ? pattern.data : "", pattern.len);
    regex->len = pattern.len;
    compile(regex, pattern, fold);
}

static void *prepare_regex(const struct expr *expr)
{
    return wr_calloc(1, sizeof(struct regex));
}

static void unprepare_regex(void *cache)
{
    regex_clear(cache);
    free(cache);
}

static void match_row(struct fn_call *call, struct regex *regex, uint32_t row, bool fold, bool negated)
{
    struct str text = call->args[0].str[row];
    use(regex, call->args[1].str[row], fold);
    if (!regex->code) {
        fn_fail(call, row, ERR_INVALID_REGEX, "invalid regular expression: %s", regex->error);
        return;
    }
    int found = pcre2_match(regex->code, (PCRE2_SPTR)(text.len ? text.data : ""), text.len, 0, PCRE2_NO_UTF_CHECK,
                            regex->match, NULL);
    if (found < 0 && found != PCRE2_ERROR_NOMATCH)
        fn_fail(call, row, ERR_INVALID_REGEX, "regular expression failed: match limit exceeded");
    else
        call->out->b[row] = (found >= 0) != negated;
}

static void match_rows(struct fn_call *call, bool fold, bool negated)
{
    struct regex own = {0}, *regex = call->cache ? call->cache : &own;
    FN_EACH(call, i)
    match_row(call, regex, i, fold, negated);
    regex_clear(&own);
}

static void matches(struct fn_call *call)
{
    match_rows(call, false, false);
}

static void matches_not(struct fn_call *call)
{
    match_rows(call, false, true);
}

static void matches_fold(struct fn_call *call)
{
    match_rows(call, true, false);
}

static void matches_not_fold(struct fn_call *call)
{
    match_rows(call, true, true);
}

#define T TYPE_TEXT
#define REGEX(name, kernel, doc, example, result)                                                         \
    {                                                                                                     \
        name, TYPE_BOOL, 2, {T, T}, FN_STRICT | FN_CAN_FAIL, kernel, doc, example, result, prepare_regex, \
            unprepare_regex                                                                               \
    }

static const struct fn rows[] = {
    REGEX("~", matches, "Matches the regular expression.", "'abcd' ~ 'b.d$'", "t"),
    REGEX("!~", matches_not, "Does not match the regular expression.", "'abcd' !~ '^b'", "t"),
    REGEX("~*", matches_fold, "Matches, case ignored.", "'ABCD' ~* 'b.d$'", "t"),
    REGEX("!~*", matches_not_fold, "Does not match, case ignored.", "'ABCD' !~* '^a'", "f"),
};

FAMILY(wr_fn_regex_family, rows);
