/* See json_shim.h. On-Demand iterates the text once, forward: every function here either consumes a value or leaves it
 * to be skipped, and nothing is looked at twice. Errors come as codes; no exception is thrown or caught. */
#define SIMDJSON_EXCEPTIONS 0
#include "connectors/json_shim.h"

#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace simdjson;

/* From base/mem.h, which C++17 cannot include (stdatomic.h). */
extern "C" {
void *wr_malloc(size_t size);
void *wr_calloc(size_t count, size_t size);
void *wr_realloc(void *ptr, size_t size);
void *wr_arena_zalloc(struct wr_arena *arena, size_t size);
char *wr_arena_strndup(struct wr_arena *arena, const char *text, size_t len);
}

struct json_parser {
    ondemand::parser parser;
    char *text; /* the message with the padding that simdjson may read beyond its end */
    size_t cap;
};

#define NAME_MAX_INLINE 56
#define GUESSES         64

struct shape_field {
    char *name; /* as asked for */
    char *lower;
    uint32_t len;
    uint16_t slot;
    struct json_shape *child;
};

/* The name that stood at this place of the object last time, and what it was: messages of a topic look alike, so
 * one memcmp replaces finding the end of the name, hashing and comparing. */
struct shape_guess {
    uint32_t len; /* 0: none */
    int16_t field;
    bool exact;
    char name[NAME_MAX_INLINE];
};

struct json_shape {
    struct json_shape *root;
    shape_field *fields;
    uint16_t nfields;
    uint16_t nslots; /* root only */
    shape_guess guesses[GUESSES];
};

/* ---- shapes */

static char *copy_text(const char *text, size_t len, bool lower)
{
    char *copy = (char *)wr_malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        copy[i] = lower && text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
    copy[len] = '\0';
    return copy;
}

struct json_shape *wr_json_shape_new(void)
{
    json_shape *shape = (json_shape *)wr_calloc(1, sizeof *shape);
    shape->root = shape;
    return shape;
}

void wr_json_shape_free(struct json_shape *shape)
{
    if (!shape)
        return;
    for (uint16_t i = 0; i < shape->nfields; i++) {
        free(shape->fields[i].name);
        free(shape->fields[i].lower);
        wr_json_shape_free(shape->fields[i].child);
    }
    free(shape->fields);
    free(shape);
}

static shape_field *add_field(json_shape *shape, const char *name)
{
    for (uint16_t i = 0; i < shape->nfields; i++)
        if (!strcmp(shape->fields[i].name, name))
            return &shape->fields[i];
    shape->fields = (shape_field *)wr_realloc(shape->fields, (shape->nfields + 1u) * sizeof(shape_field));
    shape_field *field = &shape->fields[shape->nfields++];
    size_t len = strlen(name);
    *field = shape_field{copy_text(name, len, false), copy_text(name, len, true), (uint32_t)len, shape->root->nslots++,
                         nullptr};
    return field;
}

uint16_t wr_json_shape_leaf(struct json_shape *shape, const char *name)
{
    return add_field(shape, name)->slot;
}

struct json_shape *wr_json_shape_child(struct json_shape *shape, const char *name, uint16_t *slot)
{
    shape_field *field = add_field(shape, name);
    if (!field->child) {
        field->child = wr_json_shape_new();
        field->child->root = shape->root;
    }
    *slot = field->slot;
    return field->child;
}

uint16_t wr_json_shape_slots(const struct json_shape *root)
{
    return root->nslots;
}

/* ---- parsers */

struct json_parser *wr_json_parser_new(void)
{
    json_parser *parser = new json_parser();
    parser->text = nullptr;
    parser->cap = 0;
    return parser;
}

void wr_json_parser_free(struct json_parser *parser)
{
    if (!parser)
        return;
    free(parser->text);
    delete parser;
}

static void parser_room(json_parser *parser, size_t len)
{
    size_t need = len + SIMDJSON_PADDING + 2;
    if (need <= parser->cap)
        return;
    free(parser->text);
    parser->cap = need + need / 2;
    parser->text = (char *)wr_malloc(parser->cap);
}

const char *wr_json_parser_text(const struct json_parser *parser)
{
    return parser->text;
}

static bool fail(char *reason, size_t size, error_code code)
{
    snprintf(reason, size, "invalid JSON: %s", error_message(code));
    return false;
}

static bool fail_text(char *reason, size_t size, const char *text)
{
    snprintf(reason, size, "invalid JSON: %s", text);
    return false;
}

/* ---- scalars */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* JSON's number grammar over the whole token; integers that fit are computed on the way. */
static error_code read_number(std::string_view token, json_value *value)
{
    const char *at = token.data(), *end = at + token.size();
    while (end > at && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t'))
        end--;
    value->text = at;
    value->len = (uint32_t)(end - at);
    value->kind = JSON_INTEGER;
    bool negative = at < end && *at == '-';
    const char *digits = at += negative;
    uint64_t number = 0;
    while (at < end && is_digit(*at))
        number = number * 10 + (uint64_t)(*at++ - '0');
    size_t count = (size_t)(at - digits);
    if (!count || (count > 1 && *digits == '0'))
        return NUMBER_ERROR;
    if (count > 18) { /* might not fit: decide by the bounds' own digits */
        const char *bound = negative ? "9223372036854775808" : "9223372036854775807";
        if (count > 19 || memcmp(digits, bound, 19) > 0)
            value->kind = JSON_NUMBER;
    }
    if (at < end && *at == '.') {
        value->kind = JSON_NUMBER;
        const char *fraction = ++at;
        while (at < end && is_digit(*at))
            at++;
        if (at == fraction)
            return NUMBER_ERROR;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        value->kind = JSON_NUMBER;
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        const char *exponent = at;
        while (at < end && is_digit(*at))
            at++;
        if (at == exponent)
            return NUMBER_ERROR;
    }
    value->integer = negative ? (int64_t)(0 - number) : (int64_t)number;
    return at == end ? SUCCESS : NUMBER_ERROR;
}

static error_code read_literal(std::string_view token, json_value *value)
{
    while (!token.empty() &&
           (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t'))
        token.remove_suffix(1);
    value->text = token.data();
    value->len = (uint32_t)token.size();
    if (token == "null")
        value->kind = JSON_NULL;
    else if (token == "true")
        value->kind = JSON_TRUE;
    else if (token == "false")
        value->kind = JSON_FALSE;
    else
        return token.empty() || token[0] != 'n' ? T_ATOM_ERROR : N_ATOM_ERROR;
    return SUCCESS;
}

/* A value that is not to be entered: scalars taken, objects and arrays as their raw text. Consumes it. */
static error_code read_leaf(ondemand::value in, json_value *value)
{
    ondemand::json_type type;
    if (auto error = in.type().get(type))
        return error;
    std::string_view text;
    switch (type) {
    case ondemand::json_type::string:
        if (auto error = in.get_string().get(text))
            return error;
        value->kind = JSON_STRING;
        break;
    case ondemand::json_type::object: {
        ondemand::object object;
        if (auto error = in.get_object().get(object))
            return error;
        if (auto error = object.raw_json().get(text))
            return error;
        value->kind = JSON_OBJECT;
        break;
    }
    case ondemand::json_type::array: {
        ondemand::array array;
        if (auto error = in.get_array().get(array))
            return error;
        if (auto error = array.raw_json().get(text))
            return error;
        value->kind = JSON_ARRAY;
        break;
    }
    case ondemand::json_type::number:
        return read_number(in.raw_json_token(), value);
    default:
        return read_literal(in.raw_json_token(), value);
    }
    value->text = text.data();
    value->len = (uint32_t)text.size();
    return SUCCESS;
}

/* ---- reading by shape */

static const shape_field *find_lower(json_shape *shape, const char *name, size_t len, bool *exact)
{
    const shape_field *found = nullptr;
    for (uint16_t i = 0; i < shape->nfields; i++) {
        const shape_field *field = &shape->fields[i];
        if (field->len != len)
            continue;
        if (!memcmp(field->name, name, len)) {
            *exact = true;
            return field;
        }
        size_t k = 0;
        while (k < len && (name[k] >= 'A' && name[k] <= 'Z' ? name[k] + 32 : name[k]) == field->lower[k])
            k++;
        if (k == len)
            found = field;
    }
    *exact = false;
    return found;
}

/* Which field is this? `at` counts the members of the object. */
static error_code match_name(json_shape *shape, ondemand::field &member, uint32_t at, const shape_field **field,
                             bool *exact)
{
    const char *raw = member.key().raw();
    shape_guess *guess = at < GUESSES ? &shape->guesses[at] : nullptr;
    if (guess && guess->len && !memcmp(raw, guess->name, guess->len) && raw[guess->len] == '"') {
        *field = guess->field < 0 ? nullptr : &shape->fields[guess->field];
        *exact = guess->exact;
        return SUCCESS;
    }
    size_t len = 0;
    while (raw[len] != '"' && raw[len] != '\\')
        len++;
    std::string_view name(raw, len);
    bool escaped = raw[len] == '\\';
    if (escaped)
        if (auto error = member.unescaped_key().get(name))
            return error;
    *field = find_lower(shape, name.data(), name.size(), exact);
    if (guess && !escaped && len && len <= NAME_MAX_INLINE) {
        guess->len = (uint32_t)len;
        guess->field = (int16_t)(*field ? *field - shape->fields : -1);
        guess->exact = *exact;
        memcpy(guess->name, raw, len);
    }
    return SUCCESS;
}

static void forget(json_shape *shape, json_value *values)
{
    for (uint16_t i = 0; i < shape->nfields; i++) {
        values[shape->fields[i].slot].kind = JSON_MISSING;
        if (shape->fields[i].child)
            forget(shape->fields[i].child, values);
    }
}

static error_code read_object(ondemand::object object, json_shape *shape, json_value *values)
{
    uint32_t at = 0;
    for (auto result : object) {
        ondemand::field member;
        if (auto error = std::move(result).get(member))
            return error;
        const shape_field *field;
        bool exact;
        if (auto error = match_name(shape, member, at++, &field, &exact))
            return error;
        if (!field)
            continue;
        json_value *value = &values[field->slot];
        if (value->kind != JSON_MISSING && value->exact && !exact)
            continue; /* the exact name has been seen: "ID" does not replace "id" */
        ondemand::value in = member.value();
        ondemand::json_type type;
        if (auto error = in.type().get(type))
            return error;
        if (field->child && type == ondemand::json_type::object) {
            if (value->kind != JSON_MISSING)
                forget(field->child, values);
            ondemand::object child;
            if (auto error = in.get_object().get(child))
                return error;
            if (auto error = read_object(child, field->child, values))
                return error;
            *value = json_value{JSON_OBJECT, exact, 0, "", 0};
        } else {
            if (field->child && value->kind != JSON_MISSING)
                forget(field->child, values);
            if (auto error = read_leaf(in, value))
                return error;
            value->exact = exact;
        }
    }
    return SUCCESS;
}

bool wr_json_read(struct json_parser *parser, struct json_shape *root, const char *text, size_t len,
                  struct json_value *values, char *reason, size_t reason_size)
{
    memset(values, 0, sizeof *values * root->nslots);
    parser_room(parser, len);
    memcpy(parser->text, text, len);
    memset(parser->text + len, 0, SIMDJSON_PADDING);
    ondemand::document document;
    if (auto error = parser->parser.iterate(parser->text, len, len + SIMDJSON_PADDING).get(document))
        return fail(reason, reason_size, error);
    ondemand::object object;
    if (auto error = document.get_object().get(object)) {
        if (error == INCORRECT_TYPE)
            return fail_text(reason, reason_size, "not an object");
        return fail(reason, reason_size, error);
    }
    if (auto error = read_object(object, root, values))
        return fail(reason, reason_size, error);
    if (document.current_location().error() != OUT_OF_BOUNDS)
        return fail(reason, reason_size, TRAILING_CONTENT);
    return true;
}

/* ---- trees */

static error_code read_tree(ondemand::value in, struct wr_arena *arena, int depth, json_node *node);

static error_code add_child(ondemand::value in, struct wr_arena *arena, int depth, json_node ***tail, json_node **out)
{
    json_node *child = (json_node *)wr_arena_zalloc(arena, sizeof *child);
    *out = child;
    **tail = child;
    *tail = &child->next;
    return read_tree(in, arena, depth + 1, child);
}

static error_code read_members(ondemand::value in, struct wr_arena *arena, int depth, json_node *node)
{
    json_node **tail = &node->first, *child;
    ondemand::object object;
    if (auto error = in.get_object().get(object))
        return error;
    for (auto result : object) {
        ondemand::field member;
        if (auto error = std::move(result).get(member))
            return error;
        std::string_view name;
        if (auto error = member.unescaped_key().get(name))
            return error;
        const char *copy = wr_arena_strndup(arena, name.data(), name.size());
        if (auto error = add_child(member.value(), arena, depth, &tail, &child))
            return error;
        child->name = copy;
    }
    return SUCCESS;
}

static error_code read_elements(ondemand::value in, struct wr_arena *arena, int depth, json_node *node)
{
    json_node **tail = &node->first, *child;
    ondemand::array array;
    if (auto error = in.get_array().get(array))
        return error;
    for (auto result : array) {
        ondemand::value element;
        if (auto error = std::move(result).get(element))
            return error;
        if (auto error = add_child(element, arena, depth, &tail, &child))
            return error;
    }
    return SUCCESS;
}

static error_code read_tree(ondemand::value in, struct wr_arena *arena, int depth, json_node *node)
{
    if (depth > JSON_TREE_DEPTH)
        return DEPTH_ERROR;
    ondemand::json_type type;
    if (auto error = in.type().get(type))
        return error;
    node->value.text = "";
    if (type == ondemand::json_type::object) {
        node->value.kind = JSON_OBJECT;
        return read_members(in, arena, depth, node);
    }
    if (type == ondemand::json_type::array) {
        node->value.kind = JSON_ARRAY;
        return read_elements(in, arena, depth, node);
    }
    if (auto error = read_leaf(in, &node->value))
        return error;
    node->value.text = wr_arena_strndup(arena, node->value.text, node->value.len);
    return SUCCESS;
}

/* The value is read as the one element of an array: On-Demand treats scalars at the root as a case of their own. */
bool wr_json_tree(struct json_parser *parser, const char *text, size_t len, struct wr_arena *arena,
                  struct json_node **root, char *reason, size_t reason_size)
{
    parser_room(parser, len);
    parser->text[0] = '[';
    memcpy(parser->text + 1, text, len);
    parser->text[len + 1] = ']';
    memset(parser->text + len + 2, 0, SIMDJSON_PADDING);
    ondemand::document document;
    if (auto error = parser->parser.iterate(parser->text, len + 2, len + 2 + SIMDJSON_PADDING).get(document))
        return fail(reason, reason_size, error);
    ondemand::array array;
    if (auto error = document.get_array().get(array))
        return fail(reason, reason_size, error);
    *root = (json_node *)wr_arena_zalloc(arena, sizeof **root);
    int count = 0;
    for (auto result : array) {
        ondemand::value element;
        if (auto error = std::move(result).get(element))
            return fail(reason, reason_size, error);
        if (count++)
            return fail(reason, reason_size, TRAILING_CONTENT);
        if (auto error = read_tree(element, arena, 0, *root))
            return fail(reason, reason_size, error);
    }
    if (!count)
        return fail_text(reason, reason_size, "empty");
    if (document.current_location().error() != OUT_OF_BOUNDS)
        return fail(reason, reason_size, TRAILING_CONTENT);
    return true;
}

const struct json_node *wr_json_member(const struct json_node *object, const char *name)
{
    for (const struct json_node *node = object->first; node; node = node->next)
        if (node->name && !strcmp(node->name, name))
            return node;
    return NULL;
}
