/* Arrays in: the text form by one pass over the braces, the binary form as array_send writes it. */
#include "types/array_io.h"

#include "base/ascii.h"

#define DIMENSIONS_MAX 6

struct reader {
    struct wr_arena *arena;
    struct type element;
    const struct io_settings *io;
    struct wr_error *err;
    const char *text, *at, *end;
    struct array_items *out;
    uint32_t cap;
};

static struct datum *add_item(struct reader *r)
{
    struct array_items *out = r->out;
    if (out->n == r->cap) {
        uint32_t cap = WR_MAX(r->cap * 2, 16u);
        struct datum *items = WR_NEW_ARRAY(r->arena, struct datum, cap);
        if (out->n)
            memcpy(items, out->items, out->n * sizeof *items);
        out->items = items;
        r->cap = cap;
    }
    out->items[out->n] = (struct datum){.type = r->element, .null = true};
    return &out->items[out->n++];
}

static bool malformed(struct reader *r, const char *detail)
{
    wr_fail(r->err, ERR_INVALID_TEXT, "malformed array literal: \"%.*s\"", (int)WR_MIN(r->end - r->text, 200), r->text);
    return wr_fail_detail(r->err, "%s", detail);
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && wr_is_space(*r->at))
        r->at++;
}

static bool read_item(struct reader *r)
{
    struct wr_buf item = WR_BUF_INIT;
    bool quoted = false, closed = true;
    size_t solid = 0; /* length without the blanks behind */
    for (; r->at < r->end; r->at++) {
        if (*r->at == '"') {
            quoted = true;
            closed = !closed;
            solid = item.len;
        } else if (*r->at == '\\' && r->at + 1 < r->end) {
            wr_buf_byte(&item, (uint8_t) * ++r->at);
            solid = item.len;
        } else if (closed && (*r->at == ',' || *r->at == '}' || *r->at == '{')) {
            break;
        } else {
            wr_buf_byte(&item, (uint8_t)*r->at);
            if (!closed || !wr_is_space(*r->at))
                solid = item.len;
        }
    }
    bool ok = closed && r->at < r->end && *r->at != '{' && (quoted || solid);
    if (!ok)
        malformed(r, r->at < r->end ? "Unexpected array element." : "Unexpected end of input.");
    struct datum *value = ok ? add_item(r) : NULL;
    bool null = !quoted && solid == 4 && !wr_ncasecmp(item.data, "null", 4);
    if (ok && !null) {
        value->null = false;
        ok = wr_value_in(r->arena, r->element, wr_buf_cstr(&item), solid, r->io, value, r->err);
        value->type = r->element;
    }
    wr_buf_free(&item);
    return ok;
}

static bool read_list(struct reader *r, int depth)
{
    if (depth > DIMENSIONS_MAX)
        return wr_fail(r->err, ERR_PROGRAM_LIMIT, "number of array dimensions exceeds the maximum allowed (%d)",
                       DIMENSIONS_MAX);
    r->at++;
    skip_blanks(r);
    if (r->at < r->end && *r->at == '}') {
        r->at++;
        return true;
    }
    for (;;) {
        skip_blanks(r);
        if (r->at < r->end && *r->at == '{')
            TRY(read_list(r, depth + 1));
        else
            TRY(read_item(r));
        skip_blanks(r);
        if (r->at == r->end)
            return malformed(r, "Unexpected end of input.");
        char c = *r->at++;
        if (c == '}')
            return true;
        if (c != ',')
            return malformed(r, "Unexpected array element.");
    }
}

bool wr_array_in(struct wr_arena *arena, struct type element, const char *text, size_t len,
                 const struct io_settings *io, struct array_items *out, struct wr_error *err)
{
    *out = (struct array_items){0};
    struct reader r = {.arena = arena,
                       .element = element,
                       .io = io,
                       .err = err,
                       .text = text,
                       .at = text,
                       .end = text + len,
                       .out = out};
    skip_blanks(&r);
    if (r.at == r.end || *r.at != '{')
        return malformed(&r, "Array value must start with \"{\" or dimension information.");
    TRY(read_list(&r, 1));
    skip_blanks(&r);
    return r.at == r.end || malformed(&r, "Junk after closing right brace.");
}

/* ---- binary */

struct bytes {
    const uint8_t *at, *end;
    bool short_of; /* fewer bytes than announced */
};

static int32_t take_int(struct bytes *in)
{
    if (in->end - in->at < 4) {
        in->short_of = true;
        return 0;
    }
    uint32_t value = (uint32_t)in->at[0] << 24 | (uint32_t)in->at[1] << 16 | (uint32_t)in->at[2] << 8 | in->at[3];
    in->at += 4;
    return (int32_t)value;
}

static bool insufficient(struct wr_error *err)
{
    return wr_fail(err, ERR_PROTOCOL, "insufficient data left in message");
}

/* Element types that we have no type of; their values fit into one of ours. */
static const struct {
    uint32_t oid, array_oid;
    uint8_t as;
} narrow[] = {
    {21, 1005, TYPE_INT4},    /* int2 */
    {26, 1028, TYPE_INT8},    /* oid */
    {700, 1021, TYPE_FLOAT8}, /* float4 */
    {19, 1003, TYPE_TEXT},    /* name */
    {1042, 1014, TYPE_TEXT},  /* char(n) */
};

static bool is_sent_as(uint32_t oid, uint8_t type)
{
    for (size_t i = 0; i < WR_COUNT(narrow); i++)
        if (narrow[i].oid == oid)
            return narrow[i].as == type;
    return wr_type_by_oid(oid) == type;
}

static bool recv_value(struct reader *r, const uint8_t *at, int32_t len, struct datum *value)
{
    uint32_t bits = 0;
    float single;
    for (int32_t i = 0; i < len && i < 4; i++)
        bits = bits << 8 | at[i];
    if (r->element.id == TYPE_INT4 && len == 2) {
        value->i32 = (int16_t)bits;
    } else if (r->element.id == TYPE_INT8 && len == 4) {
        value->i64 = bits;
    } else if (r->element.id == TYPE_FLOAT8 && len == 4) {
        memcpy(&single, &bits, sizeof single);
        value->f64 = (double)single;
    } else {
        return wr_value_recv(r->arena, r->element, at, (size_t)len, value, r->err);
    }
    return true;
}

static bool recv_item(struct reader *r, struct bytes *in)
{
    int32_t len = take_int(in);
    if (in->short_of || (len > 0 && in->end - in->at < len))
        return insufficient(r->err);
    struct datum *value = add_item(r);
    if (len < 0)
        return true;
    value->null = false;
    TRY(recv_value(r, in->at, len, value));
    value->type = r->element;
    in->at += len;
    return true;
}

bool wr_array_recv(struct wr_arena *arena, struct type element, const void *bytes, size_t len, struct array_items *out,
                   struct wr_error *err)
{
    *out = (struct array_items){0};
    struct reader r = {.arena = arena, .element = element, .err = err, .out = out};
    struct bytes in = {bytes, (const uint8_t *)bytes + len, false};
    int32_t dimensions = take_int(&in);
    take_int(&in); /* whether there are NULLs */
    uint32_t oid = (uint32_t)take_int(&in);
    if (!in.short_of && (dimensions < 0 || dimensions > DIMENSIONS_MAX))
        return wr_fail(err, ERR_INVALID_BINARY, "invalid number of dimensions: %d", dimensions);
    if (!in.short_of && !is_sent_as(oid, element.id))
        return wr_fail(err, ERR_DATATYPE_MISMATCH, "wrong element type");
    int64_t items = dimensions > 0;
    for (int32_t d = 0; d < dimensions && !in.short_of; d++) {
        int32_t size = take_int(&in);
        take_int(&in); /* lower bound */
        if (size < 0 || (items *= size) > (int64_t)len)
            return insufficient(err);
    }
    if (in.short_of)
        return insufficient(err);
    for (int64_t i = 0; i < items; i++)
        TRY(recv_item(&r, &in));
    return in.at == in.end || wr_fail(err, ERR_INVALID_BINARY, "incorrect binary data format in bind parameter");
}

struct type wr_array_element(uint32_t oid)
{
    if (oid == 1015)
        return (struct type){.id = TYPE_TEXT, .varchar = 1};
    for (size_t i = 0; i < WR_COUNT(narrow); i++)
        if (narrow[i].array_oid == oid)
            return TYPE(narrow[i].as);
    for (uint8_t id = 1; id < TYPE_COUNT; id++)
        if (wr_type_info(id)->array_oid == oid)
            return TYPE(id);
    return TYPE(TYPE_UNKNOWN);
}
