/* Is it UTF-8? Asked wherever bytes come in from outside: statements, parameters, COPY. */
#ifndef WEIR_BASE_UTF8_H
#define WEIR_BASE_UTF8_H

#include "base/error.h"

/* False (22021, PostgreSQL's message with the offending bytes) if the bytes are not well-formed UTF-8 or hold a NUL. */
bool wr_utf8_check(const char *bytes, size_t len, struct wr_error *err) WR_MUST;
/* Messages quote what was sent and are cut at a fixed size: make them well-formed in place. What is no UTF-8 becomes
 * '?'; a character cut at the end goes. */
void wr_utf8_mend(char *text);

#endif
