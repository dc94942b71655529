#include "connectors/connect_schema.h"

#include "base/ascii.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wr_schema_cache_init(struct schema_cache *cache, const struct table_columns *table, enum schema_form form,
                          const struct unit *defaults)
{
    memset(cache, 0, sizeof *cache);
    cache->table = table;
    cache->form = form;
    cache->defaults = wr_malloc(sizeof *defaults * WR_MAX(table->ncols, 1));
    memcpy(cache->defaults, defaults, sizeof *defaults * table->ncols);
    cache->parser = wr_json_parser_new();
    cache->shape = wr_json_shape_new();
    cache->schema_slot = wr_json_shape_leaf(cache->shape, "schema");
    cache->payload_slot = wr_json_shape_leaf(cache->shape, "payload");
}

static void entry_fini(struct schema_entry *entry)
{
    free(entry->prefix);
    free(entry->units);
    memset(entry, 0, sizeof *entry);
}

void wr_schema_cache_fini(struct schema_cache *cache)
{
    for (int i = 0; i < SCHEMA_CACHE; i++)
        entry_fini(&cache->entries[i]);
    entry_fini(&cache->loose);
    free(cache->defaults);
    wr_json_shape_free(cache->shape);
    wr_json_parser_free(cache->parser);
}

/* ---- from a field of the schema to the unit of its column */

static const struct {
    const char *name;
    enum wire_unit kind;
} meanings[] = {
    {"io.debezium.time.Date", WIRE_DAYS},
    {"io.debezium.time.Timestamp", WIRE_MILLI},
    {"io.debezium.time.MicroTimestamp", WIRE_MICRO},
    {"io.debezium.time.NanoTimestamp", WIRE_NANO},
    {"io.debezium.time.Time", WIRE_TIME_MILLI},
    {"io.debezium.time.MicroTime", WIRE_TIME_MICRO},
    {"io.debezium.time.NanoTime", WIRE_TIME_NANO},
    {"io.debezium.time.ZonedTimestamp", WIRE_ISO},
    {"io.debezium.time.IsoDate", WIRE_ISO},
    {"io.debezium.time.IsoTimestamp", WIRE_ISO},
    {"io.debezium.data.Json", WIRE_JSON},
    {"io.debezium.data.Bits", WIRE_BITS},
    {"org.apache.kafka.connect.data.Decimal", WIRE_DECIMAL},
    {"io.debezium.data.VariableScaleDecimal", WIRE_DECIMAL},
    {"org.apache.kafka.connect.data.Date", WIRE_DAYS},
    {"org.apache.kafka.connect.data.Time", WIRE_TIME_MILLI},
    {"org.apache.kafka.connect.data.Timestamp", WIRE_MILLI},
};

static const char *text_member(const struct json_node *object, const char *name)
{
    const struct json_node *node = wr_json_member(object, name);
    return node && node->value.kind == JSON_STRING ? node->value.text : "";
}

/* Parameters are strings: "scale": "2". */
static int32_t number_parameter(const struct json_node *field, const char *name, int32_t missing)
{
    const struct json_node *parameters = wr_json_member(field, "parameters");
    const char *text = parameters ? text_member(parameters, name) : "";
    char *end;
    long number = strtol(text, &end, 10);
    return *text && !*end && number >= -100000 && number <= INT32_MAX ? (int32_t)number : missing;
}

struct unit wr_schema_unit(const struct json_node *field, const struct unit *fallback, struct type column)
{
    struct unit unit = {.kind = WIRE_NONE, .scale = -1};
    const char *name = text_member(field, "name"), *type = text_member(field, "type");
    for (size_t i = 0; i < WR_COUNT(meanings); i++)
        if (!strcmp(meanings[i].name, name))
            unit.kind = (uint8_t)meanings[i].kind;
    if (unit.kind == WIRE_DECIMAL && !strcmp(type, "bytes"))
        unit.scale = number_parameter(field, "scale", 0);
    if (unit.kind == WIRE_BITS)
        unit.length = number_parameter(field, "length", 0);
    if (unit.kind != WIRE_NONE)
        return unit;
    if (!strcmp(type, "bytes"))
        unit.kind = WIRE_BASE64;
    else if (column.id == TYPE_BYTEA || column.id == TYPE_JSONB)
        unit = *fallback; /* a plain string: what it holds is the option's to say */
    return unit;
}

static const struct json_node *row_fields(const struct schema_cache *cache, const struct json_node *schema)
{
    const struct json_node *fields = wr_json_member(schema, "fields");
    if (cache->form == SCHEMA_FLAT || !fields)
        return fields;
    const struct json_node *row = NULL;
    for (const struct json_node *field = fields->first; field; field = field->next) {
        const char *name = text_member(field, "field");
        if (!strcmp(name, "after") || (!row && !strcmp(name, "before")))
            row = field;
    }
    return row ? wr_json_member(row, "fields") : NULL;
}

static struct unit *units_of(const struct schema_cache *cache, const struct json_node *schema)
{
    const struct table_columns *table = cache->table;
    struct unit *units = wr_malloc(sizeof *units * WR_MAX(table->ncols, 1));
    memcpy(units, cache->defaults, sizeof *units * table->ncols);
    const struct json_node *fields = row_fields(cache, schema);
    for (const struct json_node *field = fields ? fields->first : NULL; field; field = field->next)
        for (uint16_t c = 0; c < table->ncols; c++)
            if (!wr_casecmp(text_member(field, "field"), table->names[c]))
                units[c] = wr_schema_unit(field, &cache->defaults[c], table->types[c]);
    return units;
}

/* ---- finding the payload */

static size_t trimmed(const char *text, size_t len)
{
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == '\t'))
        len--;
    return len;
}

bool wr_is_json_null(const char *text, size_t len)
{
    while (len && (*text == ' ' || *text == '\n' || *text == '\r' || *text == '\t'))
        text++, len--;
    return trimmed(text, len) == 4 && !memcmp(text, "null", 4);
}

static bool cached(struct schema_cache *cache, const char *text, size_t len, const char **payload, size_t *payload_len,
                   const struct unit **units)
{
    for (int i = 0; i < SCHEMA_CACHE; i++) {
        const struct schema_entry *entry = &cache->entries[i];
        if (!entry->prefix || len <= entry->prefix_len + 1 || memcmp(text, entry->prefix, entry->prefix_len))
            continue;
        len = trimmed(text, len);
        if (text[len - 1] != '}' || len - 1 <= entry->prefix_len)
            return false;
        *payload = text + entry->prefix_len;
        *payload_len = trimmed(*payload, len - 1 - entry->prefix_len);
        *units = entry->units;
        if (*payload_len == 4 && !memcmp(*payload, "null", 4)) {
            *payload = NULL;
            *payload_len = 0;
            return true;
        }
        return *payload_len && (*payload)[*payload_len - 1] == '}';
    }
    return false;
}

static void remember(struct schema_cache *cache, const char *text, size_t len, const char *payload, size_t payload_len,
                     struct unit *units)
{
    size_t end = (size_t)(payload - text) + payload_len, rest = trimmed(text, len);
    while (end < rest && (text[end] == ' ' || text[end] == '\n' || text[end] == '\r' || text[end] == '\t'))
        end++;
    bool last = end + 1 == rest && text[end] == '}';
    struct schema_entry *entry = last ? &cache->entries[cache->next++ % SCHEMA_CACHE] : &cache->loose;
    entry_fini(entry);
    entry->units = units;
    if (last) {
        entry->prefix_len = (size_t)(payload - text);
        entry->prefix = wr_malloc(entry->prefix_len);
        memcpy(entry->prefix, text, entry->prefix_len);
    }
}

/* Its first member is the schema or the payload; rows begin with the name of a column. */
static bool may_be_envelope(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && (text[at] == '{' || text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t'))
        at++;
    return len - at > 9 && (!memcmp(text + at, "\"schema\"", 8) || !memcmp(text + at, "\"payload\"", 9));
}

/* A cached prefix proves nothing about what follows it: the payload must be one object to its very last byte, which the
 * caller's parse checks (trailing content is an error there). */
bool wr_schema_open(struct schema_cache *cache, const char *text, size_t len, const char **payload, size_t *payload_len,
                    const struct unit **units, char *reason, size_t reason_size)
{
    if (cached(cache, text, len, payload, payload_len, units))
        return true;
    bool null = wr_is_json_null(text, len);
    *payload = null ? NULL : text;
    *payload_len = null ? 0 : len;
    *units = cache->defaults;
    struct json_value values[2];
    if (null)
        return true;
    if (!may_be_envelope(text, len))
        return true;
    if (!wr_json_read(cache->parser, cache->shape, text, len, values, reason, reason_size))
        return false;
    const struct json_value *schema = &values[cache->schema_slot], *body = &values[cache->payload_slot];
    if (body->kind == JSON_MISSING || (schema->kind != JSON_OBJECT && schema->kind > JSON_NULL))
        return true; /* columns that happen to have these names */
    if (schema->kind == JSON_MISSING && body->kind != JSON_OBJECT)
        return true;
    *payload = NULL;
    *payload_len = 0;
    if (body->kind == JSON_NULL)
        return true;
    if (body->kind != JSON_OBJECT) {
        snprintf(reason, reason_size, "the payload is not an object");
        return false;
    }
    size_t at = (size_t)(body->text - wr_json_parser_text(cache->parser));
    *payload = text + at;
    *payload_len = trimmed(*payload, body->len);
    if (schema->kind != JSON_OBJECT)
        return true;
    /* The tree is parsed by the same parser, whose text the values point to: take the schema's place first. */
    size_t schema_at = (size_t)(schema->text - wr_json_parser_text(cache->parser)), schema_len = schema->len;
    struct wr_arena arena;
    struct json_node *root;
    wr_arena_init(&arena, NULL);
    bool done = wr_json_tree(cache->parser, text + schema_at, schema_len, &arena, &root, reason, reason_size);
    if (done) {
        struct unit *known = units_of(cache, root);
        remember(cache, text, len, *payload, *payload_len, known);
        *units = known;
    }
    wr_arena_reset(&arena);
    return done;
}
