/* A growable byte buffer, and reading of fixed and varint numbers from bytes. */
#ifndef WEIR_BASE_BUF_H
#define WEIR_BASE_BUF_H

#include <string.h>

#include "base/base.h"
#include "base/mem.h"

struct wr_buf {
    char *data; /* heap; NULL when empty */
    size_t len, cap;
};

#define WR_BUF_INIT \
    {               \
        NULL, 0, 0  \
    }

void wr_buf_free(struct wr_buf *buf); /* leaves it empty and usable */
void wr_buf_grow(struct wr_buf *buf, size_t more);
/* Make room for `more` bytes and return where they go; len is unchanged. */
static inline char *wr_buf_reserve(struct wr_buf *buf, size_t more)
{
    if (WR_UNLIKELY(buf->cap - buf->len < more || !buf->data))
        wr_buf_grow(buf, more);
    return buf->data + buf->len;
}
static inline void wr_buf_put(struct wr_buf *buf, const void *bytes, size_t len)
{
    char *to = wr_buf_reserve(buf, len);
    if (len)
        memcpy(to, bytes, len);
    buf->len += len;
}
static inline void wr_buf_byte(struct wr_buf *buf, uint8_t byte)
{
    *wr_buf_reserve(buf, 1) = (char)byte;
    buf->len++;
}
void wr_buf_puts(struct wr_buf *buf, const char *text);
void wr_buf_printf(struct wr_buf *buf, const char *fmt, ...) WR_PRINTF(2, 3);
/* NUL-terminate (not counted in len) and return data. */
char *wr_buf_cstr(struct wr_buf *buf);
void wr_buf_u16be(struct wr_buf *buf, uint16_t value);
void wr_buf_u32be(struct wr_buf *buf, uint32_t value);
void wr_buf_u64be(struct wr_buf *buf, uint64_t value);
void wr_buf_u32le(struct wr_buf *buf, uint32_t value);
void wr_buf_u64le(struct wr_buf *buf, uint64_t value);
void wr_buf_varint(struct wr_buf *buf, uint64_t value); /* LEB128 */
/* length as varint, then the bytes */
void wr_buf_blob(struct wr_buf *buf, const void *bytes, size_t len);

/* A reader over bytes of unknown honesty: every get checks the end, and after the
 * first failure `ok` is false and all gets return zero/empty. */
struct wr_reader {
    const char *at, *end;
    bool ok;
};
static inline struct wr_reader wr_reader_of(const void *bytes, size_t len)
{
    return (struct wr_reader){bytes, len ? (const char *)bytes + len : bytes, true}; /* no bytes may be NULL */
}
uint8_t wr_get_byte(struct wr_reader *r);
uint16_t wr_get_u16be(struct wr_reader *r);
uint32_t wr_get_u32be(struct wr_reader *r);
uint64_t wr_get_u64be(struct wr_reader *r);
uint32_t wr_get_u32le(struct wr_reader *r);
uint64_t wr_get_u64le(struct wr_reader *r);
uint64_t wr_get_varint(struct wr_reader *r);
/* Returns a pointer into the input, NULL (and !ok) if short. */
const char *wr_get_bytes(struct wr_reader *r, size_t len);
const char *wr_get_blob(struct wr_reader *r, size_t *len);

static inline uint64_t wr_load_u64be(const void *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}
static inline void wr_store_u64be(void *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}
static inline uint32_t wr_load_u32be(const void *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return __builtin_bswap32(v);
}
static inline void wr_store_u32be(void *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, 4);
}

#endif
