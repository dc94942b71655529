/* JSON read in one pass: simdjson's On-Demand parser behind a C header. This is the only C++ in the project.
 *
 * A *shape* names the fields that are wanted, in nested objects too; each has a slot. Reading a message fills an array
 * of slots in one forward pass over the text; what no shape names is skipped. A *tree* is the whole document in an
 * arena, for the rare and small (schema halves, nested values).
 *
 * Names match in any letter case (ASCII); an exact match wins over another case of the same name, among equals the last
 * one in the text wins. Strings are unescaped; numbers are checked against JSON's grammar and kept as written.
 * Neither shapes nor parsers may be used by two threads at once. */
#ifndef WEIR_CONNECTORS_JSON_SHIM_H
#define WEIR_CONNECTORS_JSON_SHIM_H

#include "base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct wr_arena;

enum json_kind {
    JSON_MISSING = 0,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_INTEGER, /* fits int64: also in `integer` */
    JSON_NUMBER,  /* any other number: text as written */
    JSON_STRING,  /* text unescaped, UTF-8; may contain NUL bytes */
    JSON_OBJECT,  /* text = the raw JSON; empty where a child shape has read it */
    JSON_ARRAY    /* text = the raw JSON, its inside not validated */
};

struct json_value {
    uint8_t kind; /* enum json_kind */
    bool exact;   /* the name matched in its own letter case */
    uint32_t len;
    const char *text; /* valid until the parser's next read */
    int64_t integer;
};

struct json_parser;
struct json_shape;

/* Keeps its buffers from message to message. */
struct json_parser *wr_json_parser_new(void);
void wr_json_parser_free(struct json_parser *parser);

/* An empty shape; freed with all its children. */
struct json_shape *wr_json_shape_new(void);
void wr_json_shape_free(struct json_shape *root);
/* Want this field; its slot. A name asked for twice has one slot. */
uint16_t wr_json_shape_leaf(struct json_shape *shape, const char *name);
/* Want fields of the object in this field. *slot tells whether it was an object, null or missing. */
struct json_shape *wr_json_shape_child(struct json_shape *shape, const char *name, uint16_t *slot);
uint16_t wr_json_shape_slots(const struct json_shape *root);

/* The text must be one JSON object. values: wr_json_shape_slots() of them. False: reason says why. */
bool wr_json_read(struct json_parser *parser, struct json_shape *root, const char *text, size_t len,
                  struct json_value *values, char *reason, size_t reason_size) WR_MUST;

/* Where the parser's copy of the text begins: raw texts of objects and arrays are offsets from here. */
const char *wr_json_parser_text(const struct json_parser *parser);

struct json_node {
    struct json_value value; /* text in the arena; empty for objects and arrays */
    const char *name;        /* NUL-terminated; NULL in arrays */
    struct json_node *first, *next;
};
/* Any one JSON value. Nesting is limited to JSON_TREE_DEPTH. */
#define JSON_TREE_DEPTH 64
bool wr_json_tree(struct json_parser *parser, const char *text, size_t len, struct wr_arena *arena,
                  struct json_node **root, char *reason, size_t reason_size) WR_MUST;
/* Member of an object by exact name, or NULL. */
const struct json_node *wr_json_member(const struct json_node *object, const char *name);

#ifdef __cplusplus
}
#endif

#endif
