#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the character at `at`, 0 if it is malformed. */
static int character_bytes(const unsigned char *at, const unsigned char *end)
{
    if (*at < 0x80)
        return *at != 0;
    int n = *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 0;
    if (n == 0 || end - at < n)
        return 0;
    for (int i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xf0 && at[1] < 0x90);
    bool outside = (*at == 0xed && at[1] >= 0xa0) || (*at == 0xf4 && at[1] >= 0x90);
    return overlong || outside ? 0 : n;
}

static bool report(const unsigned char *at, const unsigned char *end, struct wr_error *err)
{
    char bytes[4 * 5 + 1] = "";
    int claimed = *at >= 0xf8 ? 1 : *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc0 ? 2 : 1;
    for (int i = 0; i < claimed && at + i < end; i++)
        snprintf(bytes + strlen(bytes), sizeof bytes - strlen(bytes), "%s0x%02x", i ? " " : "", at[i]);
    return wr_fail(err, ERR_BAD_ENCODING, "invalid byte sequence for encoding \"UTF8\": %s", bytes);
}

/* Eight bytes of plain ASCII without NUL? */
static bool is_plain(const unsigned char *at)
{
    const uint64_t high = 0x8080808080808080u, low = 0x0101010101010101u;
    uint64_t word;
    memcpy(&word, at, 8);
    return !((word | (word - low)) & high);
}

bool wr_utf8_check(const char *bytes, size_t len, struct wr_error *err)
{
    if (!len)
        return true;
    const unsigned char *at = (const unsigned char *)bytes, *end = at + len;
    while (at < end) {
        if (end - at >= 8 && is_plain(at)) {
            at += 8;
            continue;
        }
        int n = character_bytes(at, end);
        if (n == 0)
            return report(at, end, err);
        at += n;
    }
    return true;
}

void wr_utf8_mend(char *text)
{
    unsigned char *at = (unsigned char *)text, *end = at + strlen(text);
    while (at < end) {
        int n = character_bytes(at, end);
        if (n) {
            at += n;
            continue;
        }
        int claimed = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc2 ? 2 : 1;
        if (end - at < claimed) { /* cut: nothing but its own bytes may follow */
            int i = 1;
            while (at + i < end && (at[i] & 0xc0) == 0x80)
                i++;
            if (at + i == end) {
                *at = '\0';
                return;
            }
        }
        *at++ = '?';
    }
}
