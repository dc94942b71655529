/* Lists of values as PostgreSQL's arrays carry them on the wire and in literals. There is no array type: a list is what
 * x = ANY (...) is asked with, and is gone when the statement is planned. */
#ifndef WEIR_TYPES_ARRAY_IO_H
#define WEIR_TYPES_ARRAY_IO_H

#include "types/text_io.h"

struct array_items {
    uint32_t n;
    struct datum *items;
};

/* '{1, 2, NULL, "a b"}', of any number of dimensions: the items in order. Errors are PostgreSQL's (22P02). */
bool wr_array_in(struct wr_arena *arena, struct type element, const char *text, size_t len,
                 const struct io_settings *io, struct array_items *out, struct wr_error *err) WR_MUST;
/* The binary form. */
bool wr_array_recv(struct wr_arena *arena, struct type element, const void *bytes, size_t len, struct array_items *out,
                   struct wr_error *err) WR_MUST;
/* The element's type, TYPE_UNKNOWN if the oid is not that of an array of ours. */
struct type wr_array_element(uint32_t oid);
/* Kept in a datum, as a parameter's value: array_items in the arena. */
static inline const struct array_items *wr_array_of(const struct datum *datum)
{
    return (const struct array_items *)(const void *)datum->str.data;
}

#endif
