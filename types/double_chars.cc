// std::to_chars and std::from_chars behind a C face (types/float_io.h).
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

extern "C" {
int wr_double_digits(double value, char *digits, int *point);
int wr_double_digits_rounded(double value, int precision, char *digits, int *point);
size_t wr_double_scan(const char *text, size_t len, double *out, bool *range);
}

// "d.ddde[+-]xx" -> digits without trailing zeros, and the position of the point
static int split(const char *text, const char *end, char *digits, int *point)
{
    int n = 0, exponent = 0;
    const char *at = text;
    for (; at < end && *at != 'e'; at++)
        if (*at != '.')
            digits[n++] = *at;
    if (at < end)
        std::from_chars(at + 1 + (at[1] == '+'), end, exponent);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    *point = exponent + 1;
    return n;
}

int wr_double_digits(double value, char *digits, int *point)
{
    char text[64];
    auto result = std::to_chars(text, text + sizeof text, std::fabs(value), std::chars_format::scientific);
    return split(text, result.ptr, digits, point);
}

int wr_double_digits_rounded(double value, int precision, char *digits, int *point)
{
    char text[64];
    auto result =
        std::to_chars(text, text + sizeof text, std::fabs(value), std::chars_format::scientific, precision - 1);
    return split(text, result.ptr, digits, point);
}

static bool is_hex(const char *text, size_t len)
{
    return len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

size_t wr_double_scan(const char *text, size_t len, double *out, bool *range)
{
    *range = false;
    if (len == 0 || !(*text == '.' || (*text >= '0' && *text <= '9')))
        return 0;
    bool hex = is_hex(text, len);
    const char *from = text + (hex ? 2 : 0);
    auto result = std::from_chars(from, text + len, *out, hex ? std::chars_format::hex : std::chars_format::general);
    if (result.ec == std::errc::invalid_argument)
        return 0;
    bool nonzero = false;
    for (const char *at = from; at < result.ptr && *at != 'e' && *at != 'E'; at++)
        nonzero |= *at >= '1' && *at <= '9';
    *range = result.ec == std::errc::result_out_of_range || std::isinf(*out) || (*out == 0 && nonzero && !hex);
    return static_cast<size_t>(result.ptr - text);
}
