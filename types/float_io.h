/* Doubles as text, independent of the locale. The digits come from the C++ library (shortest round trip);
 * the layout is PostgreSQL's. */
#ifndef WEIR_TYPES_FLOAT_IO_H
#define WEIR_TYPES_FLOAT_IO_H

#include "base/ascii.h"
#include "base/buf.h"
#include "base/error.h"

/* As PostgreSQL shows a float8 with extra_float_digits = 1: 0.1, 1e+15, -Infinity. */
void wr_double_print(struct wr_buf *buf, double value);
/* 22P02, or 22003 where the number is too large or too small. */
bool wr_double_parse(const char *text, size_t len, double *out, struct wr_error *err) WR_MUST;
/* The number that the text begins with, as strtod() in the C locale; *end (may be NULL): what is behind it. */
double wr_double_prefix(const char *text, const char **end);
/* "%.15g" without a locale: what PostgreSQL's float8 -> numeric starts from. Returns the length. */
#define DOUBLE_TEXT_MAX 40
size_t wr_double_print15(char *to, double value);

/* double_chars.cc: */
/* Shortest digits that read back as |value| (finite, not 0): value = 0.d1d2... * 10^*point. Returns their number. */
int wr_double_digits(double value, char *digits, int *point);
/* `precision` significant digits, correctly rounded. */
int wr_double_digits_rounded(double value, int precision, char *digits, int *point);
/* How many characters form a number (0 = none); *range = does not fit a double. No sign, no inf/nan words. */
size_t wr_double_scan(const char *text, size_t len, double *out, bool *range);

#endif
