/* Text functions, part two: trimming, padding, replacing, searching. All by characters. */
#include "functions/kernel.h"
#include "functions/utf8.h"

#define TEXT_MAX ((size_t)64 << 20) /* a made text is never longer: 54000 */

static struct str no_text(void)
{
    return wr_str("", 0);
}

/* Is the character of `width` bytes at `at` one of set's? */
static bool in_set(struct str set, const char *at, size_t width)
{
    for (size_t i = 0; i < set.len;) {
        size_t w = wr_utf8_width(set.data + i, set.len - i);
        if (w == width && !memcmp(set.data + i, at, w))
            return true;
        i += w;
    }
    return false;
}

static struct str trim(struct str text, struct str set, bool left, bool right)
{
    size_t from = 0, to = text.len;
    while (left && from < to) {
        size_t width = wr_utf8_width(text.data + from, to - from);
        if (!in_set(set, text.data + from, width))
            break;
        from += width;
    }
    while (right && to > from) {
        size_t at = to - 1;
        while (at > from && !wr_utf8_is_start(text.data[at]))
            at--;
        if (!in_set(set, text.data + at, to - at))
            break;
        to = at;
    }
    return wr_str(text.data + from, to - from);
}

static void trim_rows(struct fn_call *call, bool left, bool right)
{
    FN_EACH(call, i)
    {
        struct str set = call->nargs > 1 ? call->args[1].str[i] : wr_str(" ", 1);
        call->out->str[i] = trim(call->args[0].str[i], set, left, right);
    }
}

static void btrim(struct fn_call *call)
{
    trim_rows(call, true, true);
}

static void ltrim(struct fn_call *call)
{
    trim_rows(call, true, false);
}

static void rtrim(struct fn_call *call)
{
    trim_rows(call, false, true);
}

/* false: too long, the row has failed */
static bool length_ok(struct fn_call *call, uint32_t row, size_t len)
{
    if (len <= TEXT_MAX)
        return true;
    fn_fail(call, row, ERR_PROGRAM_LIMIT, "requested length too large");
    return false;
}

/* `chars` characters of `fill`, repeated from its start. */
static void put_fill(struct wr_buf *buf, struct str fill, size_t chars)
{
    for (size_t at = 0; chars > 0; chars--) {
        size_t width = wr_utf8_width(fill.data + at, fill.len - at);
        wr_buf_put(buf, fill.data + at, width);
        at = at + width < fill.len ? at + width : 0;
    }
}

static void pad_rows(struct fn_call *call, bool left)
{
    struct wr_buf buf = WR_BUF_INIT;
    FN_EACH(call, i)
    {
        struct str text = call->args[0].str[i], fill = call->nargs > 2 ? call->args[2].str[i] : wr_str(" ", 1);
        size_t wanted = (size_t)WR_MAX(call->args[1].i32[i], 0), have = wr_utf8_count(text.data, text.len);
        if (fill.len && !length_ok(call, i, wanted))
            continue;
        if (have >= wanted || fill.len == 0) {
            call->out->str[i] = wr_str(text.data, wr_utf8_offset(text.data, text.len, wanted));
            continue;
        }
        buf.len = 0;
        if (left)
            put_fill(&buf, fill, wanted - have);
        wr_buf_put(&buf, text.data, text.len);
        if (!left)
            put_fill(&buf, fill, wanted - have);
        call->out->str[i] = wr_str(wr_arena_strndup(call->arena, buf.data, buf.len), buf.len);
    }
    wr_buf_free(&buf);
}

static void lpad(struct fn_call *call)
{
    pad_rows(call, true);
}

static void rpad(struct fn_call *call)
{
    pad_rows(call, false);
}

static void repeat(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str text = call->args[0].str[i];
        size_t times = (size_t)WR_MAX(call->args[1].i32[i], 0), len = text.len * times;
        if (!length_ok(call, i, len))
            continue;
        char *at = wr_arena_bytes(call->arena, WR_MAX(len, 1u));
        for (size_t k = 0; k < times && text.len; k++)
            memcpy(at + k * text.len, text.data, text.len);
        call->out->str[i] = wr_str(at, len);
    }
}

static const char *find(const char *at, const char *end, struct str what)
{
    return what.len ? memmem(at, (size_t)(end - at), what.data, what.len) : NULL;
}

static void replace_row(struct fn_call *call, uint32_t row, struct wr_buf *buf)
{
    struct str text = call->args[0].str[row], from = call->args[1].str[row], to = call->args[2].str[row];
    const char *at = text.data, *end = text.data + text.len, *hit = text.len ? find(at, end, from) : NULL;
    if (!hit) {
        call->out->str[row] = text;
        return;
    }
    buf->len = 0;
    for (; hit && buf->len <= TEXT_MAX; hit = find(at, end, from)) {
        wr_buf_put(buf, at, (size_t)(hit - at));
        wr_buf_put(buf, to.data, to.len);
        at = hit + from.len;
    }
    wr_buf_put(buf, at, (size_t)(end - at));
    if (length_ok(call, row, buf->len))
        call->out->str[row] = wr_str(wr_arena_strndup(call->arena, buf->data, buf->len), buf->len);
}

static void replace(struct fn_call *call)
{
    struct wr_buf buf = WR_BUF_INIT;
    FN_EACH(call, i)
    replace_row(call, i, &buf);
    wr_buf_free(&buf);
}

/* Characters of `from` become those of `to` at the same place; those without a counterpart go. */
static void translate_row(struct fn_call *call, uint32_t row, struct wr_buf *buf)
{
    struct str text = call->args[0].str[row], from = call->args[1].str[row], to = call->args[2].str[row];
    buf->len = 0;
    for (size_t i = 0; i < text.len;) {
        size_t width = wr_utf8_width(text.data + i, text.len - i), index = 0, at = 0;
        while (at < from.len) {
            size_t w = wr_utf8_width(from.data + at, from.len - at);
            if (w == width && !memcmp(from.data + at, text.data + i, w))
                break;
            at += w;
            index++;
        }
        size_t place = wr_utf8_offset(to.data, to.len, index);
        if (at >= from.len)
            wr_buf_put(buf, text.data + i, width);
        else if (place < to.len)
            wr_buf_put(buf, to.data + place, wr_utf8_width(to.data + place, to.len - place));
        i += width;
    }
    call->out->str[row] = wr_str(wr_arena_strndup(call->arena, buf->len ? buf->data : "", buf->len), buf->len);
}

static void translate(struct fn_call *call)
{
    struct wr_buf buf = WR_BUF_INIT;
    FN_EACH(call, i)
    translate_row(call, i, &buf);
    wr_buf_free(&buf);
}

/* Character position from 1; 0: not found; the empty text is found at 1. */
static int32_t position_of(struct str text, struct str what)
{
    if (what.len == 0)
        return 1;
    const char *hit = text.len ? find(text.data, text.data + text.len, what) : NULL;
    return hit ? (int32_t)wr_utf8_count(text.data, (size_t)(hit - text.data)) + 1 : 0;
}

static bool starts_with(struct str text, struct str prefix)
{
    return prefix.len <= text.len && (prefix.len == 0 || !memcmp(text.data, prefix.data, prefix.len));
}

KERNEL_BINARY(strpos, struct str, str, int32_t, i32, position_of(x, y))
KERNEL_BINARY(starts, struct str, str, uint8_t, b, starts_with(x, y))

static struct str field_at(struct str text, struct str delimiter, int64_t n)
{
    const char *at = text.data, *end = text.data + text.len, *hit;
    while (--n > 0) {
        hit = find(at, end, delimiter);
        if (!hit)
            return no_text();
        at = hit + delimiter.len;
    }
    hit = find(at, end, delimiter);
    return wr_str(at, (size_t)((hit ? hit : end) - at));
}

static int64_t count_fields(struct str text, struct str delimiter)
{
    int64_t n = 1;
    const char *at = text.data, *end = text.data + text.len;
    while ((at = find(at, end, delimiter))) {
        at += delimiter.len;
        n++;
    }
    return n;
}

static void split_part(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str text = call->args[0].str[i], delimiter = call->args[1].str[i];
        int64_t n = call->args[2].i32[i];
        if (n == 0) {
            fn_fail(call, i, ERR_INVALID_PARAMETER, "field position must not be zero");
            continue;
        }
        if (text.len == 0) {
            call->out->str[i] = no_text();
            continue;
        }
        if (n < 0)
            n += count_fields(text, delimiter) + 1;
        call->out->str[i] = n < 1 ? no_text() : field_at(text, delimiter, n);
    }
}

static void reverse(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str text = call->args[0].str[i];
        char *at = wr_arena_bytes(call->arena, WR_MAX(text.len, 1u)), *end = at + text.len;
        for (size_t k = 0; k < text.len;) {
            size_t width = wr_utf8_width(text.data + k, text.len - k);
            end -= width;
            memcpy(end, text.data + k, width);
            k += width;
        }
        call->out->str[i] = wr_str(at, text.len);
    }
}

KERNEL_UNARY(ascii, struct str, str, int32_t, i32, x.len ? (int32_t)wr_utf8_decode(x.data, x.len) : 0)

static void chr(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        int32_t code = call->args[0].i32[i];
        char *at = wr_arena_bytes(call->arena, 4);
        if (code < 0)
            fn_fail(call, i, ERR_INVALID_PARAMETER, "character number must be positive");
        else if (code == 0)
            fn_fail(call, i, ERR_PROGRAM_LIMIT, "null character not permitted");
        else if (code > 0x10ffff)
            fn_fail(call, i, ERR_PROGRAM_LIMIT, "requested character too large for encoding: %d", code);
        else if (code >= 0xd800 && code <= 0xdfff)
            fn_fail(call, i, ERR_PROGRAM_LIMIT, "requested character not valid for encoding: %d", code);
        else
            call->out->str[i] = wr_str(at, wr_utf8_encode((uint32_t)code, at));
    }
}

#define T TYPE_TEXT
#define I TYPE_INT4
#define S FN_STRICT
#define F FN_CAN_FAIL

static const struct fn rows[] = {
    {"btrim", T, 1, {T}, S, btrim, "Blanks at both ends cut off.", "btrim('  ab ')", "ab", NULL, NULL},
    {"btrim",
     T,
     2,
     {T, T},
     S,
     btrim,
     "Any of these characters cut off at both ends.",
     "trim(both 'äx' from 'xäabä')",
     "ab",
     NULL,
     NULL},
    {"ltrim", T, 1, {T}, S, ltrim, "Blanks at the start cut off.", "ltrim('  ab')", "ab", NULL, NULL},
    {"ltrim",
     T,
     2,
     {T, T},
     S,
     ltrim,
     "Any of these characters cut off at the start.",
     "ltrim('xyxab', 'xy')",
     "ab",
     NULL,
     NULL},
    {"rtrim", T, 1, {T}, S, rtrim, "Blanks at the end cut off.", "rtrim('ab  ')", "ab", NULL, NULL},
    {"rtrim",
     T,
     2,
     {T, T},
     S,
     rtrim,
     "Any of these characters cut off at the end.",
     "rtrim('abxyx', 'xy')",
     "ab",
     NULL,
     NULL},
    {"lpad",
     T,
     2,
     {T, I},
     S | F,
     lpad,
     "Filled with blanks at the start, or cut, to this length.",
     "lpad('7', 3)",
     "  7",
     NULL,
     NULL},
    {"lpad",
     T,
     3,
     {T, I, T},
     S | F,
     lpad,
     "Filled at the start, or cut, to this length.",
     "lpad('hi', 5, 'xy')",
     "xyxhi",
     NULL,
     NULL},
    {"rpad",
     T,
     2,
     {T, I},
     S | F,
     rpad,
     "Filled with blanks at the end, or cut, to this length.",
     "rpad('abc', 2)",
     "ab",
     NULL,
     NULL},
    {"rpad",
     T,
     3,
     {T, I, T},
     S | F,
     rpad,
     "Filled at the end, or cut, to this length.",
     "rpad('hi', 5, 'xy')",
     "hixyx",
     NULL,
     NULL},
    {"repeat", T, 2, {T, I}, S | F, repeat, "The text so many times.", "repeat('ab', 3)", "ababab", NULL, NULL},
    {"replace",
     T,
     3,
     {T, T, T},
     S | F,
     replace,
     "Every occurrence of the second text replaced by the third.",
     "replace('aXbXc', 'X', '--')",
     "a--b--c",
     NULL,
     NULL},
    {"translate",
     T,
     3,
     {T, T, T},
     S,
     translate,
     "Characters replaced one by one; those without counterpart go.",
     "translate('12345', '143', 'ax')",
     "a2x5",
     NULL,
     NULL},
    {"strpos",
     I,
     2,
     {T, T},
     S,
     strpos,
     "Where the second text starts in the first; 0: nowhere.",
     "strpos('häuser', 'user')",
     "3",
     NULL,
     NULL},
    {"position",
     I,
     2,
     {T, T},
     S,
     strpos,
     "Where the second text starts in the first; 0: nowhere.",
     "position('b' in 'abc')",
     "2",
     NULL,
     NULL},
    {"starts_with",
     TYPE_BOOL,
     2,
     {T, T},
     S,
     starts,
     "Does the text begin with the second?",
     "starts_with('alphabet', 'alph')",
     "t",
     NULL,
     NULL},
    {"^@",
     TYPE_BOOL,
     2,
     {T, T},
     S,
     starts,
     "Does the text begin with the second?",
     "'alphabet' ^@ 'bet'",
     "f",
     NULL,
     NULL},
    {"split_part",
     T,
     3,
     {T, T, I},
     S | F,
     split_part,
     "The n-th field; from the end if n is negative.",
     "split_part('a,b,c', ',', -2)",
     "b",
     NULL,
     NULL},
    {"reverse", T, 1, {T}, S, reverse, "The characters in reverse order.", "reverse('häß')", "ßäh", NULL, NULL},
    {"ascii", I, 1, {T}, S, ascii, "Code point of the first character.", "ascii('ä')", "228", NULL, NULL},
    {"chr", T, 1, {I}, S | F, chr, "The character with this code point.", "chr(228)", "ä", NULL, NULL},
};

FAMILY(wr_fn_text_edit_family, rows);
