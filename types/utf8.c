/* UTF-8 checks. ASCII is skipped eight bytes at a time. */
#include "types/utf8.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the valid sequence at p, 0 if invalid. */
static size_t sequence(const uint8_t *p, size_t left)
{
    uint8_t b = p[0];
    if (b < 0x80)
        return b != 0;
    size_t n = b >= 0xc2 && b < 0xe0 ? 2 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xf0 && b < 0xf5 ? 4 : 0;
    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (b == 0xe0 && p[1] < 0xa0) || (b == 0xf0 && p[1] < 0x90);
    bool outside = (b == 0xed && p[1] >= 0xa0) || (b == 0xf4 && p[1] >= 0x90);
    return overlong || outside ? 0 : n;
}

static bool is_ascii8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    const uint64_t high = 0x8080808080808080ull;
    return !((word | (word - 0x0101010101010101ull)) & high); /* no high bit and no zero byte (may err to false) */
}

size_t wr_utf8_valid(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        if (len - at >= 8 && is_ascii8(text + at)) {
            at += 8;
            continue;
        }
        size_t n = sequence((const uint8_t *)text + at, len - at);
        if (n == 0)
            return at;
        at += n;
    }
    return len;
}

bool wr_utf8_check(const char *text, size_t len, struct wr_error *err)
{
    size_t at = wr_utf8_valid(text, len);
    if (WR_LIKELY(at == len))
        return true;
    uint8_t b = (uint8_t)text[at];
    size_t n = b < 0xc0 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf8 ? 4 : 1;
    char shown[32];
    int used = 0;
    for (size_t i = 0; i < n && at + i < len; i++)
        used += snprintf(shown + used, sizeof shown - (size_t)used, "%s0x%02x", i ? " " : "", (uint8_t)text[at + i]);
    return wr_fail(err, ERR_BAD_ENCODING, "invalid byte sequence for encoding \"UTF8\": %s", shown);
}

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
