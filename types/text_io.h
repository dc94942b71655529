/* Values to and from text, as PostgreSQL 15 prints and reads them (extra_float_digits 1,
 * DateStyle ISO/MDY, TimeZone as given). */
#ifndef WEIR_TYPES_TEXT_IO_H
#define WEIR_TYPES_TEXT_IO_H

#include "base/buf.h"
#include "base/error.h"
#include "types/batch.h"

struct timezone; /* types/timezone.h */

/* What text conversion depends on besides the value: stored with a view at creation. */
struct io_settings {
    const struct timezone *timezone; /* NULL = UTC */
};

/* Append the value's text; value must not be NULL. */
void wr_value_out(struct wr_buf *buf, const struct datum *value, const struct io_settings *io);
/* Parse text as `type` (typmod applied: numeric(p,s) rounds or fails 22003, varchar(n) fails 22001, timestamp(p)
 * rounds). String-like results are allocated in the arena. Errors are PostgreSQL's: 22P02 "invalid input syntax for
 * type integer: \"x\"". */
bool wr_value_in(struct wr_arena *arena, struct type type, const char *text, size_t len, const struct io_settings *io,
                 struct datum *out, struct wr_error *err) WR_MUST;
/* Binary wire format (PostgreSQL's send/recv functions) of the same types. */
void wr_value_send(struct wr_buf *buf, const struct datum *value);
bool wr_value_recv(struct wr_arena *arena, struct type type, const void *bytes, size_t len, struct datum *out,
                   struct wr_error *err) WR_MUST;
/* Total order of SQL (NULL last, NaN highest, numeric by value): -1, 0, 1. Same type id on both sides. */
int wr_value_cmp(const struct datum *a, const struct datum *b);

#endif
