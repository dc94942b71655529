/* UTF-8: text entering the system is checked once, here; inside it is trusted. */
#ifndef WEIR_TYPES_UTF8_H
#define WEIR_TYPES_UTF8_H

#include "base/error.h"

/* Length of the valid prefix (len = all valid). NUL bytes, surrogates, overlong forms and > U+10FFFF are invalid. */
size_t wr_utf8_valid(const char *text, size_t len);
/* 22021 `invalid byte sequence for encoding "UTF8": 0x..`. */
bool wr_utf8_check(const char *text, size_t len, struct wr_error *err) WR_MUST;
/* Characters in valid UTF-8. */
size_t wr_utf8_chars(const char *text, size_t len);
/* Bytes of the first n characters of valid UTF-8 (len if it has fewer). */
size_t wr_utf8_prefix(const char *text, size_t len, size_t n);

#endif
