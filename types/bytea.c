/* See bytea.h. */
#include "types/bytea.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define BASE64_LINE 76

/* Bytes of the character that begins at `at`. */
static int width_at(struct str text, uint32_t at)
{
    uint32_t end = at + 1;
    while (end < text.len && ((uint8_t)text.data[end] & 0xc0) == 0x80)
        end++;
    return (int)(end - at);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* ---- hex */

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool hex_digit(struct str text, uint32_t at, int *value, struct wr_error *err)
{
    *value = hex_value(text.data[at]);
    return *value >= 0 || wr_fail(err, ERR_INVALID_PARAMETER, "invalid hexadecimal digit: \"%.*s\"", width_at(text, at),
                                  text.data + at);
}

bool wr_bytea_parse_hex(struct wr_arena *arena, struct str text, struct str *out, struct wr_error *err)
{
    char *to = wr_arena_bytes(arena, text.len / 2 + 1);
    size_t n = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        int high, low;
        if (is_blank(text.data[i]))
            continue;
        TRY(hex_digit(text, i, &high, err));
        if (++i == text.len)
            return wr_fail(err, ERR_INVALID_PARAMETER, "invalid hexadecimal data: odd number of digits");
        TRY(hex_digit(text, i, &low, err));
        to[n++] = (char)(high << 4 | low);
    }
    *out = wr_str(to, n);
    return true;
}

void wr_bytea_put_hex(char *to, struct str bytes)
{
    for (uint32_t i = 0; i < bytes.len; i++) {
        *to++ = hex_digits[(uint8_t)bytes.data[i] >> 4];
        *to++ = hex_digits[(uint8_t)bytes.data[i] & 15];
    }
}

struct str wr_bytea_print_hex(struct wr_arena *arena, struct str bytes)
{
    size_t len = 2 * (size_t)bytes.len;
    char *to = wr_arena_bytes(arena, len + 1);
    wr_bytea_put_hex(to, bytes);
    return wr_str(to, len);
}

/* ---- escape */

static bool is_octal(const char *at, size_t left)
{
    return left >= 3 && at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' && at[2] >= '0' && at[2] <= '7';
}

bool wr_bytea_parse_escape(struct wr_arena *arena, struct str text, struct str *out, struct wr_error *err)
{
    char *to = wr_arena_bytes(arena, text.len + 1u);
    const char *from = text.data;
    size_t n = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        if (from[i] != '\\') {
            to[n++] = from[i];
        } else if (is_octal(from + i + 1, text.len - i - 1)) {
            to[n++] = (char)((from[i + 1] - '0') << 6 | (from[i + 2] - '0') << 3 | (from[i + 3] - '0'));
            i += 3;
        } else if (i + 1 < text.len && from[i + 1] == '\\') {
            to[n++] = from[i++];
        } else {
            return wr_fail(err, ERR_INVALID_TEXT, "invalid input syntax for type bytea");
        }
    }
    *out = wr_str(to, n);
    return true;
}

struct str wr_bytea_print_escape(struct wr_arena *arena, struct str bytes)
{
    char *to = wr_arena_bytes(arena, (size_t)bytes.len * 4 + 1);
    size_t n = 0;
    for (uint32_t i = 0; i < bytes.len; i++) {
        uint8_t byte = (uint8_t)bytes.data[i];
        if (byte == 0 || byte >= 0x80) {
            to[n++] = '\\';
            to[n++] = (char)('0' + (byte >> 6));
            to[n++] = (char)('0' + (byte >> 3 & 7));
            to[n++] = (char)('0' + (byte & 7));
            continue;
        }
        if (byte == '\\')
            to[n++] = '\\';
        to[n++] = (char)byte;
    }
    return wr_str(to, n);
}

/* ---- base64 */

static int base64_value(char c)
{
    const char *at = c ? strchr(base64_digits, c) : NULL;
    return at ? (int)(at - base64_digits) : -1;
}

/* "=" stands for the third and fourth digit of the last group only, and then ends what a group holds. */
bool wr_bytea_parse_base64(struct wr_arena *arena, struct str text, struct str *out, struct wr_error *err)
{
    char *to = wr_arena_bytes(arena, (size_t)text.len / 4 * 3 + 4);
    uint32_t group = 0;
    size_t n = 0;
    int digits = 0, bytes = 3; /* of the group; bytes less than 3: it has been closed by "=" */
    for (uint32_t i = 0; i < text.len; i++) {
        int value = 0;
        if (is_blank(text.data[i]))
            continue;
        if (text.data[i] != '=')
            value = base64_value(text.data[i]);
        else if (bytes == 3 && digits < 2)
            return wr_fail(err, ERR_INVALID_PARAMETER, "unexpected \"=\" while decoding base64 sequence");
        else if (bytes == 3)
            bytes = digits - 1;
        if (value < 0)
            return wr_fail(err, ERR_INVALID_PARAMETER, "invalid symbol \"%.*s\" found while decoding base64 sequence",
                           width_at(text, i), text.data + i);
        group = group << 6 | (uint32_t)value;
        if (++digits < 4)
            continue;
        for (int b = 0; b < bytes; b++)
            to[n++] = (char)(group >> (16 - 8 * b));
        digits = 0;
        group = 0;
    }
    if (digits) {
        wr_fail(err, ERR_INVALID_PARAMETER, "invalid base64 end sequence");
        return wr_fail_hint(err, "Input data is missing padding, is truncated, or is otherwise corrupted.");
    }
    *out = wr_str(to, n);
    return true;
}

struct str wr_bytea_print_base64(struct wr_arena *arena, struct str bytes)
{
    size_t groups = ((size_t)bytes.len + 2) / 3, n = 0;
    char *to = wr_arena_bytes(arena, groups * 4 + groups * 4 / BASE64_LINE + 1);
    for (size_t g = 0; g < groups; g++) {
        size_t left = bytes.len - 3 * g;
        uint32_t group = 0;
        for (size_t b = 0; b < 3; b++)
            group = group << 8 | (b < left ? (uint8_t)bytes.data[3 * g + b] : 0);
        for (size_t d = 0; d < 4; d++)
            to[n++] = d <= left ? base64_digits[group >> (18 - 6 * d) & 63] : '=';
        if (left >= 3 && (g + 1) % (BASE64_LINE / 4) == 0)
            to[n++] = '\n';
    }
    return wr_str(to, n);
}
