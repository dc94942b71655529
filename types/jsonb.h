/* JSONB: parsed once on entry, read in place afterwards.
 *
 * A value is one node:
 *   byte kind: 'n' null, 'f' false, 't' true, '#' number, '"' string, '[' array, '{' object
 *   number, string: the bytes to the end of the node (a number's text as jsonb prints it)
 *   array:  uint32 count | count x uint32 END offset of each child | children's nodes
 *   object: uint32 count | count x uint32 END of each key | count x uint32 END of each value | keys | values
 * all little-endian; offsets count from the end of the tables (values' from the end of the keys). A node's length
 * comes from outside, so a child is a struct str that is itself a value: -> copies nothing.
 *
 * Canonical: keys are unique (the last of duplicates wins) and ordered as PostgreSQL orders them (length, then
 * bytes). Numbers keep their digits: 1.0 and 1.00 are equal in SQL but differ in bytes; the key text evens them. */
#ifndef WEIR_TYPES_JSONB_H
#define WEIR_TYPES_JSONB_H

#include "base/buf.h"
#include "base/error.h"
#include "types/batch.h"

#define JSONB_DEPTH_MAX 2000
#define JSONB_TEXT_MAX  268435455

enum jsonb_kind {
    JSONB_NULL = 'n',
    JSONB_FALSE = 'f',
    JSONB_TRUE = 't',
    JSONB_NUMBER = '#',
    JSONB_STRING = '"',
    JSONB_ARRAY = '[',
    JSONB_OBJECT = '{'
};

static inline enum jsonb_kind wr_jsonb_kind(struct str value)
{
    return value.len ? (enum jsonb_kind)(uint8_t)value.data[0] : JSONB_NULL;
}

/* JSON text -> value in the arena. 22P02 "invalid input syntax for type json" with PostgreSQL's DETAIL; 54001 beyond
 * the depth limit; 22P05 for \u0000. */
bool wr_jsonb_parse(struct wr_arena *arena, const char *text, size_t len, struct str *out,
                    struct wr_error *err) WR_MUST;
/* As jsonb::text. */
void wr_jsonb_print(struct wr_buf *buf, struct str value);
/* As ->> shows it: strings unquoted, the rest as text. false for JSON null (SQL NULL). */
bool wr_jsonb_print_scalar(struct wr_buf *buf, struct str value) WR_MUST;
/* The text that decides SQL equality: wr_jsonb_print with numbers brought to their shortest form. */
void wr_jsonb_key_text(struct wr_buf *buf, struct str value);

uint32_t wr_jsonb_count(struct str value); /* children of an array or object; 0 for scalars */
/* Object member; false if there is none (or not an object). */
bool wr_jsonb_get(struct str value, struct str key, struct str *out) WR_MUST;
/* Array element; negative counts from the end. false if out of range (or not an array). */
bool wr_jsonb_at(struct str value, int64_t index, struct str *out) WR_MUST;
/* The i-th child (0 <= i < count), and for objects its key. */
struct str wr_jsonb_child(struct str value, uint32_t i);
struct str wr_jsonb_key_of(struct str value, uint32_t i);
/* The content of a string or number node. */
struct str wr_jsonb_text(struct str value);
/* jsonb_typeof(). */
const char *wr_jsonb_typeof(struct str value);
bool wr_jsonb_eq(struct str a, struct str b);
/* Order of an object's keys: shorter first, then by bytes. */
static inline int wr_jsonb_key_cmp(struct str a, struct str b)
{
    return a.len != b.len ? (a.len < b.len ? -1 : 1) : wr_str_cmp(a, b);
}

/* --- building ------------------------------------------------------------------------------------------ */
struct str wr_jsonb_of_string(struct wr_arena *arena, struct str text);
struct str wr_jsonb_of_number(struct wr_arena *arena, struct str text); /* must be a number's text */
struct str wr_jsonb_of_bool(bool value);
struct str wr_jsonb_of_null(void);
struct str wr_jsonb_of_array(struct wr_arena *arena, const struct str *items, uint32_t n);
/* Orders the members and drops duplicates (last wins). */
struct str wr_jsonb_of_object(struct wr_arena *arena, const struct str *keys, const struct str *values, uint32_t n);

#endif
