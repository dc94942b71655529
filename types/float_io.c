/* PostgreSQL's layout of doubles, and reading them. */
#include "types/float_io.h"

#include "base/ascii.h"

#include <math.h>
#include <stdio.h>

static uint64_t pow5(int n)
{
    uint64_t power = 1;
    while (n--)
        power *= 5;
    return power;
}

/* Is digits * 10^k exactly half way between |value| and a neighbour? PostgreSQL takes only decimals strictly inside
 * the rounding interval; the C++ library also takes the ends, which read back right when the mantissa is even.
 * A decimal of at most 17 digits can meet a midpoint only in the narrow range of exponents tested here. */
static bool on_boundary(double value, const char *digits, int n, int k)
{
    uint64_t bits, decimal = 0;
    memcpy(&bits, &value, 8);
    uint64_t mantissa = (bits & ((1ull << 52) - 1)) | 1ull << 52;
    int exponent = (int)(bits >> 52 & 0x7ff) - 1075 - 1; /* of twice the mantissa */
    if ((mantissa & 1) || k < -24 || k > 23 || exponent < -25 || exponent > 90)
        return false;
    for (int i = 0; i < n; i++)
        decimal = decimal * 10 + (uint64_t)(digits[i] - '0');
    /* decimal * 10^k == odd * 2^exponent, with the powers of two and five brought to where they are whole */
    wr_u128 left = decimal, right_low = 2 * mantissa - 1, right_high = 2 * mantissa + 1;
    int shift = exponent - k;
    if (k >= 0)
        left *= pow5(k);
    else {
        right_low *= pow5(-k);
        right_high *= pow5(-k);
    }
    for (; shift < 0; shift++) {
        if (left >> 126)
            return false;
        left *= 2;
    }
    for (; shift > 0 && !(left & 1); shift--)
        left /= 2;
    return shift == 0 && (left == right_low || left == right_high);
}

/* Do these digits read back as the value? */
static bool reads_back(double value, const char *digits, int n, int point)
{
    char text[64];
    bool range;
    double back = 0;
    size_t len = (size_t)snprintf(text, sizeof text, "%.*se%d", n, digits, point - n);
    return wr_double_scan(text, len, &back, &range) == len && back == (value < 0 ? -value : value);
}

static int shortest(double value, char *digits, int *point)
{
    int n = wr_double_digits(value, digits, point);
    if (WR_LIKELY(!on_boundary(value, digits, n, *point - n)))
        return n;
    for (int precision = 15; precision < 17; precision++) {
        n = wr_double_digits_rounded(value, precision, digits, point);
        if (reads_back(value, digits, n, *point) && !on_boundary(value, digits, n, *point - n))
            return n;
    }
    return wr_double_digits_rounded(value, 17, digits, point);
}

static void put_zeros(struct wr_buf *buf, int n)
{
    for (int i = 0; i < n; i++)
        wr_buf_byte(buf, '0');
}

static void put_fixed(struct wr_buf *buf, const char *digits, int n, int point)
{
    if (point <= 0) {
        wr_buf_put(buf, "0.", 2);
        put_zeros(buf, -point);
        wr_buf_put(buf, digits, (size_t)n);
    } else if (n <= point) {
        wr_buf_put(buf, digits, (size_t)n);
        put_zeros(buf, point - n);
    } else {
        wr_buf_put(buf, digits, (size_t)point);
        wr_buf_byte(buf, '.');
        wr_buf_put(buf, digits + point, (size_t)(n - point));
    }
}

static void put_scientific(struct wr_buf *buf, const char *digits, int n, int exponent)
{
    wr_buf_byte(buf, (uint8_t)digits[0]);
    if (n > 1) {
        wr_buf_byte(buf, '.');
        wr_buf_put(buf, digits + 1, (size_t)n - 1);
    }
    wr_buf_printf(buf, "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
}

void wr_double_print(struct wr_buf *buf, double value)
{
    char digits[40];
    int point;
    if (isnan(value)) {
        wr_buf_puts(buf, "NaN");
        return;
    }
    if (signbit(value))
        wr_buf_byte(buf, '-');
    if (isinf(value)) {
        wr_buf_puts(buf, "Infinity");
    } else if (value == 0) {
        wr_buf_byte(buf, '0');
    } else {
        int n = shortest(value, digits, &point);
        if (point - 1 >= -4 && point - 1 < 15)
            put_fixed(buf, digits, n, point);
        else
            put_scientific(buf, digits, n, point - 1);
    }
}

size_t wr_double_print15(char *to, double value)
{
    struct wr_buf buf = WR_BUF_INIT;
    char digits[40];
    int point = 1, n = 1;
    digits[0] = '0';
    if (value != 0)
        n = wr_double_digits_rounded(value, 15, digits, &point);
    if (signbit(value) && value != 0)
        wr_buf_byte(&buf, '-');
    if (point - 1 >= -4 && point - 1 < 15)
        put_fixed(&buf, digits, n, point);
    else
        put_scientific(&buf, digits, n, point - 1);
    memcpy(to, buf.data, buf.len);
    size_t len = buf.len;
    wr_buf_free(&buf);
    return len;
}

static size_t scan_word(const char *text, size_t len, double *out)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"infinity", INFINITY}, {"inf", INFINITY}, {"nan", NAN}};
    for (size_t i = 0; i < WR_COUNT(words); i++) {
        size_t n = strlen(words[i].word);
        if (len >= n && !wr_ncasecmp(text, words[i].word, n)) {
            *out = words[i].value;
            return n;
        }
    }
    return 0;
}

/* White space, sign, number or word: moves *at behind it. False: there is none, and *at is where it was missed. */
static bool scan(const char **at, const char *end, const char **number, double *out, bool *range)
{
    const char *from = *at;
    while (from < end && wr_is_space(*from))
        from++;
    *number = from;
    bool negative = from < end && *from == '-';
    from += from < end && (*from == '-' || *from == '+');
    size_t n = wr_double_scan(from, (size_t)(end - from), out, range);
    if (!n)
        n = scan_word(from, (size_t)(end - from), out);
    if (n && negative && !*range)
        *out = -*out;
    *at = from + n;
    return n > 0;
}

bool wr_double_parse(const char *text, size_t len, double *out, struct wr_error *err)
{
    const char *at = text, *end = text + len, *number;
    bool range = false;
    bool found = scan(&at, end, &number, out, &range);
    if (range)
        return wr_fail(err, ERR_NUMERIC_OUT_OF_RANGE, "\"%.*s\" is out of range for type double precision",
                       (int)WR_MIN(at - number, 900), number);
    while (found && at < end && wr_is_space(*at))
        at++;
    if (!found || at < end)
        return wr_fail(err, ERR_INVALID_TEXT, "invalid input syntax for type double precision: \"%.*s\"",
                       (int)WR_MIN(len, 900), text);
    return true;
}

/* Of a number that does not fit: is it too small, or too large? */
static double out_of_range(const char *number, const char *end)
{
    const char *exponent = number;
    while (exponent < end && wr_to_lower(*exponent) != 'e')
        exponent++;
    const char *first = number + strspn(number, "+-0");
    bool small = end - exponent > 1 ? exponent[1] == '-' : !wr_is_digit(*first);
    double value = small ? 0 : INFINITY;
    return *number == '-' ? -value : value;
}

double wr_double_prefix(const char *text, const char **end)
{
    const char *at = text, *number;
    double value = 0;
    bool range = false;
    bool found = scan(&at, text + strlen(text), &number, &value, &range);
    if (end)
        *end = found ? at : text;
    if (range)
        return out_of_range(number, at);
    return found ? value : 0;
}
