/* Inside of functions/: characters in UTF-8 text. The text is valid UTF-8 (checked where it enters); on anything else
 * these still stay within bounds. */
#ifndef WEIR_FUNCTIONS_UTF8_H
#define WEIR_FUNCTIONS_UTF8_H

#include "base/base.h"

static inline bool wr_utf8_is_start(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

/* Characters in the text: bytes that start one. */
static inline size_t wr_utf8_count(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += wr_utf8_is_start(text[i]);
    return n;
}

/* Byte offset of character number `chars` (from 0); len if there are not so many. */
static inline size_t wr_utf8_offset(const char *text, size_t len, size_t chars)
{
    size_t i = 0;
    for (; i < len; i++)
        if (wr_utf8_is_start(text[i]) && chars-- == 0)
            break;
    return i;
}

/* Bytes of the character that begins at text[0]. */
static inline size_t wr_utf8_width(const char *text, size_t len)
{
    size_t i = 1;
    while (i < len && !wr_utf8_is_start(text[i]))
        i++;
    return WR_MIN(i, len);
}

static inline bool wr_utf8_is_ascii(const char *text, size_t len)
{
    unsigned char any = 0;
    for (size_t i = 0; i < len; i++)
        any |= (unsigned char)text[i];
    return any < 0x80;
}

/* The code point at text[0]. */
static inline uint32_t wr_utf8_decode(const char *text, size_t len)
{
    unsigned char first = (unsigned char)text[0];
    size_t width = wr_utf8_width(text, len);
    uint32_t code = first < 0x80 ? first : first < 0xe0 ? first & 0x1f : first < 0xf0 ? first & 0x0f : first & 0x07;
    for (size_t i = 1; i < width; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3f);
    return code;
}

/* Writes up to 4 bytes, returns how many. */
static inline size_t wr_utf8_encode(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t width = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = width - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((width == 2 ? 0xc0 : width == 3 ? 0xe0 : 0xf0) | code);
    return width;
}

#endif
