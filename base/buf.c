#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void wr_buf_free(struct wr_buf *buf)
{
    free(buf->data);
    *buf = (struct wr_buf)WR_BUF_INIT;
}

void wr_buf_grow(struct wr_buf *buf, size_t more)
{
    size_t cap = buf->cap ? buf->cap : 64;
    while (cap - buf->len < more)
        cap += cap / 2 + 64;
    buf->data = wr_realloc(buf->data, cap);
    buf->cap = cap;
}

void wr_buf_puts(struct wr_buf *buf, const char *text)
{
    wr_buf_put(buf, text, strlen(text));
}

void wr_buf_printf(struct wr_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    vsnprintf(wr_buf_reserve(buf, (size_t)len + 1), (size_t)len + 1, fmt, again);
    va_end(again);
    buf->len += (size_t)len;
}

char *wr_buf_cstr(struct wr_buf *buf)
{
    *wr_buf_reserve(buf, 1) = '\0';
    return buf->data;
}

void wr_buf_u16be(struct wr_buf *buf, uint16_t value)
{
    uint16_t be = __builtin_bswap16(value);
    wr_buf_put(buf, &be, 2);
}

void wr_buf_u32be(struct wr_buf *buf, uint32_t value)
{
    uint32_t be = __builtin_bswap32(value);
    wr_buf_put(buf, &be, 4);
}

void wr_buf_u64be(struct wr_buf *buf, uint64_t value)
{
    uint64_t be = __builtin_bswap64(value);
    wr_buf_put(buf, &be, 8);
}

void wr_buf_u32le(struct wr_buf *buf, uint32_t value)
{
    wr_buf_put(buf, &value, 4);
}

void wr_buf_u64le(struct wr_buf *buf, uint64_t value)
{
    wr_buf_put(buf, &value, 8);
}

void wr_buf_varint(struct wr_buf *buf, uint64_t value)
{
    char *to = wr_buf_reserve(buf, 10);
    size_t len = 0;
    while (value >= 0x80) {
        to[len++] = (char)(value | 0x80);
        value >>= 7;
    }
    to[len++] = (char)value;
    buf->len += len;
}

void wr_buf_blob(struct wr_buf *buf, const void *bytes, size_t len)
{
    wr_buf_varint(buf, len);
    wr_buf_put(buf, bytes, len);
}

const char *wr_get_bytes(struct wr_reader *r, size_t len)
{
    if (!r->ok || (size_t)(r->end - r->at) < len) {
        r->ok = false;
        return NULL;
    }
    const char *at = r->at;
    r->at += len;
    return at;
}

uint8_t wr_get_byte(struct wr_reader *r)
{
    const char *p = wr_get_bytes(r, 1);
    return p ? (uint8_t)*p : 0;
}

uint16_t wr_get_u16be(struct wr_reader *r)
{
    uint16_t v = 0;
    const char *p = wr_get_bytes(r, 2);
    if (p)
        memcpy(&v, p, 2);
    return __builtin_bswap16(v);
}

uint32_t wr_get_u32be(struct wr_reader *r)
{
    const char *p = wr_get_bytes(r, 4);
    return p ? wr_load_u32be(p) : 0;
}

uint64_t wr_get_u64be(struct wr_reader *r)
{
    const char *p = wr_get_bytes(r, 8);
    return p ? wr_load_u64be(p) : 0;
}

uint32_t wr_get_u32le(struct wr_reader *r)
{
    uint32_t v = 0;
    const char *p = wr_get_bytes(r, 4);
    if (p)
        memcpy(&v, p, 4);
    return v;
}

uint64_t wr_get_u64le(struct wr_reader *r)
{
    uint64_t v = 0;
    const char *p = wr_get_bytes(r, 8);
    if (p)
        memcpy(&v, p, 8);
    return v;
}

uint64_t wr_get_varint(struct wr_reader *r)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = wr_get_byte(r);
        if (!r->ok)
            return 0;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    r->ok = false;
    return 0;
}

const char *wr_get_blob(struct wr_reader *r, size_t *len)
{
    uint64_t n = wr_get_varint(r);
    if (!r->ok || n > (uint64_t)(r->end - r->at)) {
        r->ok = false;
        *len = 0;
        return NULL;
    }
    *len = (size_t)n;
    return wr_get_bytes(r, *len);
}
