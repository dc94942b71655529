/* Text functions, part one: joining, measuring, cutting. Positions and lengths count characters. */
#include "functions/kernel.h"
#include "functions/utf8.h"

static struct str join2(struct wr_arena *arena, struct str a, struct str b)
{
    char *at = wr_arena_bytes(arena, WR_MAX((size_t)a.len + b.len, 1u));
    if (a.len)
        memcpy(at, a.data, a.len);
    if (b.len)
        memcpy(at + a.len, b.data, b.len);
    return wr_str(at, (size_t)a.len + b.len);
}

static void text_concat(struct fn_call *call)
{
    FN_EACH(call, i)
    call->out->str[i] = join2(call->arena, call->args[0].str[i], call->args[1].str[i]);
}

/* The text form of any value; booleans as a cast to text gives them for ||, as t/f for concat(). */
static void put_value(struct fn_call *call, struct wr_buf *buf, const struct column *arg, uint32_t row, bool words)
{
    struct datum value = wr_column_get(arg, row);
    if (value.type.id == TYPE_TEXT || value.type.id == TYPE_UNKNOWN)
        wr_buf_put(buf, value.str.data, value.str.len);
    else if (value.type.id == TYPE_BOOL && words)
        wr_buf_puts(buf, value.b ? "true" : "false");
    else
        wr_value_out(buf, &value, call->io);
}

static void set_text(struct fn_call *call, uint32_t row, const struct wr_buf *buf)
{
    call->out->str[row] = wr_str(wr_arena_strndup(call->arena, buf->len ? buf->data : "", buf->len), buf->len);
}

static void any_concat(struct fn_call *call)
{
    struct wr_buf buf = WR_BUF_INIT;
    FN_EACH(call, i)
    {
        buf.len = 0;
        put_value(call, &buf, &call->args[0], i, true);
        put_value(call, &buf, &call->args[1], i, true);
        set_text(call, i, &buf);
    }
    wr_buf_free(&buf);
}

static void concat(struct fn_call *call)
{
    struct wr_buf buf = WR_BUF_INIT;
    FN_EACH(call, i)
    {
        buf.len = 0;
        for (uint16_t a = 0; a < call->nargs; a++)
            if (!wr_is_null(&call->args[a], i))
                put_value(call, &buf, &call->args[a], i, false);
        set_text(call, i, &buf);
    }
    wr_buf_free(&buf);
}

static void concat_ws(struct fn_call *call)
{
    struct wr_buf buf = WR_BUF_INIT;
    FN_EACH(call, i)
    {
        bool first = true;
        buf.len = 0;
        if (wr_is_null(&call->args[0], i)) {
            fn_null(call, i);
            continue;
        }
        for (uint16_t a = 1; a < call->nargs; a++) {
            if (wr_is_null(&call->args[a], i))
                continue;
            if (!first)
                wr_buf_put(&buf, call->args[0].str[i].data, call->args[0].str[i].len);
            put_value(call, &buf, &call->args[a], i, false);
            first = false;
        }
        set_text(call, i, &buf);
    }
    wr_buf_free(&buf);
}

KERNEL_UNARY(length, struct str, str, int32_t, i32, (int32_t)wr_utf8_count(x.data, x.len))
KERNEL_UNARY(octet_length, struct str, str, int32_t, i32, (int32_t)x.len)

/* Characters [from, to) of the text, from and to counted from 0 and possibly outside. */
static struct str slice(struct str text, int64_t from, int64_t to)
{
    from = WR_MAX(from, 0);
    if (to <= from)
        return wr_str("", 0);
    if (wr_utf8_is_ascii(text.data, text.len)) {
        from = WR_MIN(from, (int64_t)text.len);
        to = WR_MIN(to, (int64_t)text.len);
        return wr_str(text.data + from, (size_t)(to - from));
    }
    size_t start = wr_utf8_offset(text.data, text.len, (size_t)from);
    size_t len = wr_utf8_offset(text.data + start, text.len - start, (size_t)(to - from));
    return wr_str(text.data + start, len);
}

static void substr2(struct fn_call *call)
{
    FN_EACH(call, i)
    call->out->str[i] = slice(call->args[0].str[i], (int64_t)call->args[1].i32[i] - 1, INT64_MAX);
}

static void substr3(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        int64_t from = (int64_t)call->args[1].i32[i] - 1, n = call->args[2].i32[i];
        if (n < 0)
            fn_fail(call, i, ERR_SUBSTRING, "negative substring length not allowed");
        else
            call->out->str[i] = slice(call->args[0].str[i], from, from + n);
    }
}

/* left(s, -n): all but the last n; right(s, -n): all but the first n. */
static void left(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str text = call->args[0].str[i];
        int64_t n = call->args[1].i32[i];
        call->out->str[i] = slice(text, 0, n >= 0 ? n : (int64_t)wr_utf8_count(text.data, text.len) + n);
    }
}

static void right(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str text = call->args[0].str[i];
        int64_t n = call->args[1].i32[i];
        call->out->str[i] = slice(text, n >= 0 ? (int64_t)wr_utf8_count(text.data, text.len) - n : -n, INT64_MAX);
    }
}

#define B TYPE_BYTEA
#define T TYPE_TEXT
#define I TYPE_INT4
#define A TYPE_UNKNOWN
#define S FN_STRICT

static const struct fn rows[] = {
    {"||", T, 2, {T, T}, S, text_concat, "Texts joined.", "'ab'::text || 'cd'::text", "abcd", NULL, NULL},
    {"||", T, 2, {T, A}, S | FN_STABLE, any_concat, "Text and a value joined.", "'ab' || 5", "ab5", NULL, NULL},
    {"||", T, 2, {A, T}, S | FN_STABLE, any_concat, "A value and text joined.", "true || 'ab'", "trueab", NULL, NULL},
    {"||", B, 2, {B, B}, S, text_concat, "Bytes joined.", "'ab'::bytea || '\\xff'", "\\x6162ff", NULL, NULL},
    {"concat",
     T,
     1,
     {A},
     FN_VARIADIC | FN_STABLE,
     concat,
     "All arguments' texts joined, NULLs left out.",
     "concat('a', NULL, 5, true)",
     "a5t",
     NULL,
     NULL},
    {"concat_ws",
     T,
     2,
     {T, A},
     FN_VARIADIC | FN_STABLE,
     concat_ws,
     "The arguments' texts with the first between them, NULLs left out.",
     "concat_ws('-', 'a', NULL, 5)",
     "a-5",
     NULL,
     NULL},
    {"length", I, 1, {T}, S, length, "Number of characters.", "length('häß')", "3", NULL, NULL},
    {"char_length", I, 1, {T}, S, length, "Number of characters.", "char_length('abc')", "3", NULL, NULL},
    {"character_length", I, 1, {T}, S, length, "Number of characters.", "character_length('')", "0", NULL, NULL},
    {"octet_length", I, 1, {T}, S, octet_length, "Number of bytes.", "octet_length('hä')", "3", NULL, NULL},
    {"octet_length",
     I,
     1,
     {TYPE_BYTEA},
     S,
     octet_length,
     "Number of bytes.",
     "octet_length('\\x0011'::bytea)",
     "2",
     NULL,
     NULL},
    {"length", I, 1, {TYPE_BYTEA}, S, octet_length, "Number of bytes.", "length('\\x0011'::bytea)", "2", NULL, NULL},
    {"substr", T, 2, {T, I}, S, substr2, "From this character on.", "substr('häuser', 3)", "user", NULL, NULL},
    {"substr",
     T,
     3,
     {T, I, I},
     S | FN_CAN_FAIL,
     substr3,
     "So many characters from this one on.",
     "substr('häuser', 2, 3)",
     "äus",
     NULL,
     NULL},
    {"substring", T, 2, {T, I}, S, substr2, "From this character on.", "substring('häuser', 3)", "user", NULL, NULL},
    {"substring",
     T,
     3,
     {T, I, I},
     S | FN_CAN_FAIL,
     substr3,
     "So many characters from this one on.",
     "substring('häuser' from -1 for 4)",
     "hä",
     NULL,
     NULL},
    {"left",
     T,
     2,
     {T, I},
     S,
     left,
     "The first n characters; all but the last -n.",
     "left('häuser', -4)",
     "hä",
     NULL,
     NULL},
    {"right",
     T,
     2,
     {T, I},
     S,
     right,
     "The last n characters; all but the first -n.",
     "right('häuser', 4)",
     "user",
     NULL,
     NULL},
};

FAMILY(wr_fn_text_family, rows);
