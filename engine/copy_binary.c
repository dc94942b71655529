/* COPY ... FROM STDIN (FORMAT binary): a header, rows as a count of fields and each field's length and bytes, -1. */
#include "engine/copy.h"

#define SIGNATURE      "PGCOPY\n\377\r\n" /* and the NUL behind it */
#define HEADER_BYTES   (sizeof SIGNATURE + 8)
#define CRITICAL_FLAGS 0xffff0000u

static uint32_t get_u32(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int16_t get_i16(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (int16_t)(b[0] << 8 | b[1]);
}

/* Bytes of the header; 0: not all of it is here yet. */
static bool read_header(const struct wr_buf *p, size_t *used, struct wr_error *err)
{
    *used = 0;
    if (memcmp(p->data, SIGNATURE, WR_MIN(p->len, sizeof SIGNATURE)) != 0)
        return wr_fail(err, ERR_BAD_COPY, "COPY file signature not recognized");
    if (p->len < HEADER_BYTES)
        return true;
    if (get_u32(p->data + sizeof SIGNATURE) & CRITICAL_FLAGS)
        return wr_fail(err, ERR_BAD_COPY, "unrecognized critical flags in COPY file header");
    uint32_t more = get_u32(p->data + sizeof SIGNATURE + 4);
    if (more > INT32_MAX)
        return wr_fail(err, ERR_BAD_COPY, "invalid COPY file header (missing length)");
    if (p->len - HEADER_BYTES >= more)
        *used = HEADER_BYTES + more;
    return true;
}

/* Length of the row at this place; 0: not all of it is here yet. */
static bool measure(struct copy_in *copy, const char *at, size_t left, size_t *len, struct wr_error *err)
{
    size_t n = 2;
    *len = 0;
    for (uint16_t f = 0; f < copy->columns.nfields; f++) {
        if (left < n + 4)
            return true;
        int32_t field = (int32_t)get_u32(at + n);
        n += 4;
        if (field < -1) {
            wr_fail(err, ERR_BAD_COPY, "invalid field size");
            return wr_copy_at(copy, copy->relation->names[copy->columns.fields[f]], err);
        }
        n += field > 0 ? (size_t)field : 0;
    }
    if (left >= n)
        *len = n;
    return true;
}

/* The column's precision is applied as by its text form. */
static bool apply_typmod(struct copy_in *copy, struct type type, struct datum *value, struct wr_error *err)
{
    struct wr_buf text = WR_BUF_INIT;
    value->type = type;
    wr_value_out(&text, value, &copy->session->io);
    bool ok = wr_value_in(&copy->row_arena, type, wr_buf_cstr(&text), text.len, &copy->session->io, value, err);
    wr_buf_free(&text);
    return ok;
}

static bool take_row(struct copy_in *copy, const char *at, size_t len, struct wr_error *err)
{
    size_t n = 2;
    wr_copy_begin_row(copy);
    for (uint16_t f = 0; f < copy->columns.nfields; f++) {
        uint16_t c = copy->columns.fields[f];
        struct type type = copy->relation->types[c], plain = {.id = type.id, .varchar = type.varchar};
        struct datum value = {.type = type, .null = true};
        int32_t size = (int32_t)get_u32(at + n);
        n += 4;
        if (size >= 0) {
            value.null = false;
            if (!wr_value_recv(&copy->row_arena, plain, at + n, (size_t)size, &value, err) ||
                (type.precision > 0 && !apply_typmod(copy, type, &value, err)))
                return wr_copy_at(copy, copy->relation->names[c], err);
            n += (size_t)size;
        }
        wr_copy_set(copy, c, &value);
    }
    return wr_copy_end_row(copy, len, err);
}

static bool take_rows(struct copy_in *copy, size_t *used, struct wr_error *err)
{
    const struct wr_buf *p = &copy->pending;
    while (!copy->ended && p->len - *used >= 2) {
        const char *at = p->data + *used;
        int16_t fields = get_i16(at);
        copy->line++;
        if (fields == -1) {
            copy->ended = true;
            *used += 2;
            return true;
        }
        if (fields != (int16_t)copy->columns.nfields) {
            wr_fail(err, ERR_BAD_COPY, "row field count is %d, expected %d", fields, copy->columns.nfields);
            return wr_copy_at(copy, NULL, err);
        }
        size_t len;
        TRY(measure(copy, at, p->len - *used, &len, err));
        if (!len) {
            copy->line--;
            return true;
        }
        TRY(take_row(copy, at, len, err));
        *used += len;
    }
    return true;
}

bool wr_copy_binary(struct copy_in *copy, bool last, struct wr_error *err)
{
    struct wr_buf *p = &copy->pending;
    size_t used = 0;
    if (!copy->begun && p->len) {
        TRY(read_header(p, &used, err));
        copy->begun = used > 0;
    }
    if (copy->begun)
        TRY(take_rows(copy, &used, err));
    if (copy->ended && p->len > used)
        return wr_fail(err, ERR_BAD_COPY, "received copy data after EOF marker");
    if (last && !copy->begun)
        return wr_fail(err, ERR_BAD_COPY, "COPY file signature not recognized");
    if (last && !copy->ended && p->len > used) /* the end may go without saying: pgx does not say it */
        return wr_fail(err, ERR_BAD_COPY, "unexpected EOF in COPY data");
    wr_copy_taken(copy, used);
    return true;
}
