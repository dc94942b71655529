/* Characters in UTF-8 that is known to be valid (checked on entry: base/utf8.h). */
#ifndef WEIR_TYPES_UTF8_H
#define WEIR_TYPES_UTF8_H

#include "base/utf8.h"

/* How many characters. */
size_t wr_utf8_chars(const char *text, size_t len);
/* Bytes of the first n characters (len if it has fewer). */
size_t wr_utf8_prefix(const char *text, size_t len, size_t n);

#endif
