/* Counting characters in valid UTF-8: every byte that does not continue one begins one. */
#include "types/utf8.h"

size_t wr_utf8_chars(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((uint8_t)text[i] & 0xc0) != 0x80;
    return n;
}

size_t wr_utf8_prefix(const char *text, size_t len, size_t n)
{
    size_t at = 0;
    while (at < len) {
        if (((uint8_t)text[at] & 0xc0) != 0x80 && n-- == 0)
            return at;
        at++;
    }
    return len;
}
