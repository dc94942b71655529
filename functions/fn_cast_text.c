/* Casts to and from text: every type through its text form (types/text_io.h).
 *
 * To varchar(n) there are two rows per type: "cast" cuts the text at n characters, "cast_assign" fails with 22001
 * unless what is cut off is blanks. A batch's texts are made one after another in one buffer and copied to the arena
 * once. */
#include "functions/kernel.h"
#include "functions/utf8.h"

/* 22001 unless only blanks go. false: the row has failed. */
static bool fit_length(struct fn_call *call, uint32_t row, const char *text, size_t *len, bool assignment)
{
    int32_t limit = call->expr->type.precision;
    if (limit <= 0 || *len <= (size_t)limit)
        return true;
    size_t cut = wr_utf8_offset(text, *len, (size_t)limit);
    for (size_t k = cut; assignment && k < *len; k++)
        if (text[k] != ' ') {
            fn_fail(call, row, ERR_STRING_TRUNCATION, "value too long for type character varying(%d)", limit);
            return false;
        }
    *len = cut;
    return true;
}

static void make_texts(struct fn_call *call, bool assignment)
{
    struct wr_buf buf = WR_BUF_INIT;
    struct datum value;
    FN_EACH(call, i)
    {
        size_t start = buf.len, len;
        value = wr_column_get(&call->args[0], i);
        if (value.type.id == TYPE_BOOL)
            wr_buf_puts(&buf, value.b ? "true" : "false");
        else
            wr_value_out(&buf, &value, call->io);
        len = buf.len - start;
        if (!fit_length(call, i, buf.data + start, &len, assignment))
            len = 0;
        buf.len = start + len;
        call->out->str[i].len = (uint32_t)len;
    }
    char *at = wr_arena_bytes(call->arena, WR_MAX(buf.len, 1u));
    if (buf.len)
        memcpy(at, buf.data, buf.len);
    FN_EACH(call, i)
    {
        uint32_t len = call->out->str[i].len;
        call->out->str[i] = wr_str(at, len);
        at += len;
    }
    wr_buf_free(&buf);
}

static void to_text(struct fn_call *call)
{
    make_texts(call, false);
}

static void to_text_assign(struct fn_call *call)
{
    make_texts(call, true);
}

static void fit_texts(struct fn_call *call, bool assignment)
{
    FN_EACH(call, i)
    {
        struct str text = call->args[0].str[i];
        size_t len = text.len;
        if (fit_length(call, i, text.data, &len, assignment))
            call->out->str[i] = wr_str(text.data, len);
    }
}

static void text_to_text(struct fn_call *call)
{
    fit_texts(call, false);
}

static void text_to_text_assign(struct fn_call *call)
{
    fit_texts(call, true);
}

static void from_text(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str text = call->args[0].str[i];
        struct datum value;
        struct wr_error err = WR_ERROR_INIT;
        if (wr_value_in(call->arena, call->expr->type, text.len ? text.data : "", text.len, call->io, &value, &err))
            wr_column_set(call->arena, call->out, i, call->nrows, &value);
        else
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

#define TEXT TYPE_TEXT
#define TO_TEXT(id, flags, example, result)                                                                   \
    {"cast",  TEXT,   1,    {id}, FN_STRICT | FN_ASSIGNMENT_CAST | (flags), to_text, "Text form.",            \
     example, result, NULL, NULL},                                                                            \
    {                                                                                                         \
        "cast_assign", TEXT, 1, {id}, FN_STRICT | FN_ASSIGNMENT_CAST | FN_CAN_FAIL | (flags), to_text_assign, \
            "Text form that must fit varchar(n).", NULL, NULL, NULL, NULL                                     \
    }
#define FROM_TEXT(id, flags, example, result)                                                                         \
    {                                                                                                                 \
        "cast", id, 1, {TEXT}, FN_STRICT | FN_CAN_FAIL | (flags), from_text, "Reads the text form.", example, result, \
            NULL, NULL                                                                                                \
    }

static const struct fn rows[] = {
    {"cast",
     TEXT,
     1,
     {TEXT},
     FN_STRICT | FN_IMPLICIT_CAST,
     text_to_text,
     "Cuts text to varchar(n).",
     "'abcdef'::varchar(3)",
     "abc",
     NULL,
     NULL},
    {"cast_assign",
     TEXT,
     1,
     {TEXT},
     FN_STRICT | FN_IMPLICIT_CAST | FN_CAN_FAIL,
     text_to_text_assign,
     "Text that must fit varchar(n).",
     NULL,
     NULL,
     NULL,
     NULL},
    TO_TEXT(TYPE_BOOL, 0, "true::text", "true"),
    TO_TEXT(TYPE_INT4, 0, "(-7)::text", "-7"),
    TO_TEXT(TYPE_INT8, 0, "(-7::bigint)::text", "-7"),
    TO_TEXT(TYPE_FLOAT8, 0, "(0.1::float8)::text", "0.1"),
    TO_TEXT(TYPE_NUMERIC, 0, "(1.50)::text", "1.50"),
    TO_TEXT(TYPE_DATE, 0, "(date '2024-02-29')::text", "2024-02-29"),
    TO_TEXT(TYPE_TIMESTAMP, 0, "(timestamp '2024-02-29 10:11:12.5')::text", "2024-02-29 10:11:12.5"),
    TO_TEXT(TYPE_TIMESTAMPTZ, FN_STABLE, "(timestamptz '2024-02-29 10:11:12+02')::text", "2024-02-29 08:11:12+00"),
    TO_TEXT(TYPE_JSONB, 0, "('{\"b\": 1, \"a\":2}'::jsonb)::text", "{\"a\": 2, \"b\": 1}"),
    TO_TEXT(TYPE_BYTEA, 0, "('\\x00ff'::bytea)::text", "\\x00ff"),
    FROM_TEXT(TYPE_BOOL, 0, "'yes'::text::boolean", "t"),
    FROM_TEXT(TYPE_INT4, 0, "' 12 '::text::int", "12"),
    FROM_TEXT(TYPE_INT8, 0, "'-12'::text::bigint", "-12"),
    FROM_TEXT(TYPE_FLOAT8, 0, "'1e3'::text::float8", "1000"),
    FROM_TEXT(TYPE_NUMERIC, 0, "'1.255'::text::numeric(5,2)", "1.26"),
    FROM_TEXT(TYPE_DATE, FN_STABLE, "'2024-02-29'::text::date", "2024-02-29"),
    FROM_TEXT(TYPE_TIMESTAMP, FN_STABLE, "'2024-02-29 10:00'::text::timestamp", "2024-02-29 10:00:00"),
    FROM_TEXT(TYPE_TIMESTAMPTZ, FN_STABLE, "'2024-02-29 10:00+02'::text::timestamptz", "2024-02-29 08:00:00+00"),
    FROM_TEXT(TYPE_JSONB, 0, "'{\"b\":1,\"a\":2}'::text::jsonb", "{\"a\": 2, \"b\": 1}"),
    FROM_TEXT(TYPE_BYTEA, 0, "'\\x00ff'::text::bytea", "\\x00ff"),
};

FAMILY(wr_fn_cast_text_family, rows);
