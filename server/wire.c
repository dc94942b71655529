#include "server/wire.h"

#include <string.h>

#define CODE_CANCEL 80877102u
#define CODE_SSL    80877103u
#define CODE_GSS    80877104u

enum wire_state wr_wire_header(const char *bytes, size_t len, char *type, size_t *body_len)
{
    if (len < WIRE_HEADER_BYTES)
        return WIRE_NEEDS_MORE;
    uint32_t claimed = wr_load_u32be(bytes + 1);
    if (claimed < 4 || claimed > WIRE_MESSAGE_BYTES_MAX)
        return WIRE_MALFORMED;
    *type = bytes[0];
    *body_len = claimed - 4;
    return WIRE_COMPLETE;
}

enum wire_state wr_wire_next(const char *bytes, size_t len, struct wire_message *message)
{
    char type;
    size_t body_len;
    enum wire_state state = wr_wire_header(bytes, len, &type, &body_len);
    if (state != WIRE_COMPLETE)
        return state;
    if (len - WIRE_HEADER_BYTES < body_len)
        return WIRE_NEEDS_MORE;
    *message = (struct wire_message){type, bytes + WIRE_HEADER_BYTES, body_len, body_len + WIRE_HEADER_BYTES};
    return WIRE_COMPLETE;
}

/* A NUL-terminated string; NULL (and !ok) if it does not end. */
static const char *get_string(struct wr_reader *r)
{
    const char *nul = r->ok ? memchr(r->at, '\0', (size_t)(r->end - r->at)) : NULL;
    if (!nul) {
        r->ok = false;
        return NULL;
    }
    return wr_get_bytes(r, (size_t)(nul - r->at) + 1);
}

static bool at_end(const struct wr_reader *r)
{
    return r->ok && r->at == r->end;
}

/* name value name value ... NUL */
static bool read_params(struct wr_reader *r, struct wire_startup *startup)
{
    for (;;) {
        const char *name = get_string(r);
        if (!name)
            return false;
        if (!*name)
            return at_end(r);
        const char *value = get_string(r);
        if (!value || startup->n_params == WIRE_STARTUP_PARAMS_MAX)
            return false;
        startup->names[startup->n_params] = name;
        startup->values[startup->n_params++] = value;
    }
}

enum wire_state wr_wire_startup(const char *bytes, size_t len, struct wire_startup *startup)
{
    memset(startup, 0, sizeof *startup);
    if (len < 4)
        return WIRE_NEEDS_MORE;
    uint32_t claimed = wr_load_u32be(bytes);
    if (claimed < 8 || claimed > WIRE_STARTUP_BYTES_MAX)
        return WIRE_MALFORMED;
    if (len < claimed)
        return WIRE_NEEDS_MORE;
    startup->used = claimed;
    struct wr_reader r = wr_reader_of(bytes + 4, claimed - 4);
    uint32_t code = wr_get_u32be(&r);
    startup->major = (int)(code >> 16);
    startup->minor = (int)(code & 0xffff);
    switch (code) {
    case CODE_SSL:
        startup->kind = STARTUP_SSL;
        return at_end(&r) ? WIRE_COMPLETE : WIRE_MALFORMED;
    case CODE_GSS:
        startup->kind = STARTUP_GSS;
        return at_end(&r) ? WIRE_COMPLETE : WIRE_MALFORMED;
    case CODE_CANCEL:
        startup->kind = STARTUP_CANCEL;
        startup->pid = (int32_t)wr_get_u32be(&r);
        startup->secret = wr_get_u32be(&r);
        return at_end(&r) ? WIRE_COMPLETE : WIRE_MALFORMED;
    default:
        break;
    }
    startup->kind = startup->major == 3 ? STARTUP_SESSION : STARTUP_UNSUPPORTED;
    if (startup->kind == STARTUP_UNSUPPORTED)
        return WIRE_COMPLETE;
    return read_params(&r, startup) ? WIRE_COMPLETE : WIRE_MALFORMED;
}

bool wr_wire_parse(const struct wire_message *message, struct wr_arena *arena, struct wire_parse *out)
{
    struct wr_reader r = wr_reader_of(message->body, message->len);
    out->name = get_string(&r);
    out->sql = get_string(&r);
    out->n_oids = wr_get_u16be(&r);
    if (!r.ok || (size_t)(r.end - r.at) != (size_t)out->n_oids * 4)
        return false;
    out->sql_len = strlen(out->sql);
    out->oids = WR_NEW_ARRAY(arena, uint32_t, out->n_oids);
    for (int i = 0; i < out->n_oids; i++)
        out->oids[i] = wr_get_u32be(&r);
    return at_end(&r);
}

/* A count and that many format codes. */
static uint16_t *get_formats(struct wr_reader *r, struct wr_arena *arena, int *n, int *bad)
{
    *n = wr_get_u16be(r);
    if (!r->ok || (size_t)(r->end - r->at) < (size_t)*n * 2) {
        r->ok = false;
        return NULL;
    }
    uint16_t *formats = WR_NEW_ARRAY(arena, uint16_t, *n);
    for (int i = 0; i < *n; i++) {
        formats[i] = wr_get_u16be(r);
        if (formats[i] > 1 && !*bad)
            *bad = formats[i];
    }
    return formats;
}

static void get_param(struct wr_reader *r, weir_param *param)
{
    uint32_t len = wr_get_u32be(r);
    if (len == UINT32_MAX)
        return; /* NULL */
    param->data = wr_get_bytes(r, len);
    param->len = len;
}

bool wr_wire_bind(const struct wire_message *message, struct wr_arena *arena, struct wire_bind *out)
{
    struct wr_reader r = wr_reader_of(message->body, message->len);
    out->portal = get_string(&r);
    out->statement = get_string(&r);
    out->bad_format = 0;
    uint16_t *codes = get_formats(&r, arena, &out->n_param_formats, &out->bad_format);
    out->n_params = wr_get_u16be(&r);
    if (!r.ok || (size_t)(r.end - r.at) < (size_t)out->n_params * 4)
        return false;
    out->params = WR_NEW_ARRAY(arena, weir_param, out->n_params);
    for (int i = 0; i < out->n_params; i++) {
        get_param(&r, &out->params[i]);
        int n = out->n_param_formats;
        out->params[i].binary = n == 1 ? codes[0] : i < n ? codes[i] : 0;
    }
    out->formats = get_formats(&r, arena, &out->n_formats, &out->bad_format);
    return at_end(&r);
}

bool wr_wire_execute(const struct wire_message *message, struct wire_execute *out)
{
    struct wr_reader r = wr_reader_of(message->body, message->len);
    out->portal = get_string(&r);
    out->rows_max = (int32_t)wr_get_u32be(&r);
    return at_end(&r);
}

bool wr_wire_target(const struct wire_message *message, struct wire_target *out)
{
    struct wr_reader r = wr_reader_of(message->body, message->len);
    out->kind = (char)wr_get_byte(&r);
    out->name = get_string(&r);
    return at_end(&r) && (out->kind == 'S' || out->kind == 'P');
}

bool wr_wire_string(const struct wire_message *message, const char **out, size_t *len)
{
    struct wr_reader r = wr_reader_of(message->body, message->len);
    *out = get_string(&r);
    *len = *out ? strlen(*out) : 0;
    return at_end(&r);
}
