/* Letters, digits and white space of SQL's words, whatever the host's locale: setlocale() of a host in Turkish or
 * German must not change what a statement means. Bytes beyond ASCII are none of them. */
#ifndef WEIR_BASE_ASCII_H
#define WEIR_BASE_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline bool wr_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool wr_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool wr_is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static inline bool wr_is_alpha(char c)
{
    return wr_is_lower(c) || (c >= 'A' && c <= 'Z');
}

static inline bool wr_is_alnum(char c)
{
    return wr_is_alpha(c) || wr_is_digit(c);
}

static inline char wr_to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline char wr_to_upper(char c)
{
    return wr_is_lower(c) ? (char)(c - 32) : c;
}

/* As strncasecmp() in the C locale. */
static inline int wr_ncasecmp(const char *a, const char *b, size_t n)
{
    for (; n; a++, b++, n--) {
        unsigned char x = (unsigned char)wr_to_lower(*a), y = (unsigned char)wr_to_lower(*b);
        if (x != y || !x)
            return x - y;
    }
    return 0;
}

static inline int wr_casecmp(const char *a, const char *b)
{
    return wr_ncasecmp(a, b, (size_t)-1);
}

#endif
