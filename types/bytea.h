/* Bytes as text: the forms that bytea's input and decode() read. Errors are PostgreSQL's. */
#ifndef WEIR_TYPES_BYTEA_H
#define WEIR_TYPES_BYTEA_H

#include "types/batch.h"

/* "4a6F", white space between the bytes; 22023. */
bool wr_bytea_parse_hex(struct wr_arena *arena, struct str text, struct str *out, struct wr_error *err) WR_MUST;
/* Any bytes; a backslash is followed by another one or by three octal digits; 22P02. */
bool wr_bytea_parse_escape(struct wr_arena *arena, struct str text, struct str *out, struct wr_error *err) WR_MUST;
/* 22023, where the end is cut off with a hint. */
bool wr_bytea_parse_base64(struct wr_arena *arena, struct str text, struct str *out, struct wr_error *err) WR_MUST;

/* The same forms written: hex in lower case, base64 with a line feed behind every
 * 76 characters that are full. */
void wr_bytea_put_hex(char *to, struct str bytes); /* 2 * bytes.len characters */
struct str wr_bytea_print_hex(struct wr_arena *arena, struct str bytes);
struct str wr_bytea_print_escape(struct wr_arena *arena, struct str bytes);
struct str wr_bytea_print_base64(struct wr_arena *arena, struct str bytes);

#endif
