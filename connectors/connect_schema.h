/* Kafka Connect's JSON converter with schemas: {"schema": {...}, "payload": ...}.
 *
 * The schema half names each field's meaning (io.debezium.time.MicroTimestamp, Decimal with its scale ...), which
 * decides the units of the columns. It is the same bytes in all messages of one version of a table, and longer than the
 * row: the prefix up to the payload is kept and compared, and only the payload is parsed. */
#ifndef WEIR_CONNECTORS_CONNECT_SCHEMA_H
#define WEIR_CONNECTORS_CONNECT_SCHEMA_H

#include "connectors/decode_value.h"

enum schema_form {
    SCHEMA_ENVELOPE, /* the row's fields are those of "after" */
    SCHEMA_FLAT      /* the row's fields are the schema's own (flattened rows, keys) */
};

#define SCHEMA_CACHE 8

struct schema_entry {
    char *prefix; /* bytes of the message before the payload; NULL: empty entry */
    size_t prefix_len;
    struct unit *units;
};

struct schema_cache {
    const struct table_columns *table;
    enum schema_form form;
    struct unit *defaults; /* per column: units of messages without a schema */
    struct json_parser *parser;
    struct json_shape *shape;
    uint16_t schema_slot, payload_slot;
    struct schema_entry entries[SCHEMA_CACHE];
    struct schema_entry loose; /* of the last message whose layout is not prefix + payload + "}" */
    uint32_t next;
};

/* defaults: ncols units, copied. */
void wr_schema_cache_init(struct schema_cache *cache, const struct table_columns *table, enum schema_form form,
                          const struct unit *defaults);
void wr_schema_cache_fini(struct schema_cache *cache);

/* Find the payload of a message and the units of its columns. *payload is NULL where the payload is null. The text must
 * stay; *units until the cache is used again. False: the text is not JSON, or its schema is not one. */
bool wr_schema_open(struct schema_cache *cache, const char *text, size_t len, const char **payload, size_t *payload_len,
                    const struct unit **units, char *reason, size_t reason_size) WR_MUST;

/* Connect's JSON converter without schemas writes the word where there is no value. */
bool wr_is_json_null(const char *text, size_t len);
/* The unit of a column of this type whose values have this schema. fallback: of strings that say nothing of themselves.
 */
struct unit wr_schema_unit(const struct json_node *field, const struct unit *fallback, struct type column);

#endif
