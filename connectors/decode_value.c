#include "connectors/decode_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "types/datetime.h"
#include "types/numeric.h"

void wr_value_decoder_init(struct value_decoder *decoder)
{
    static const struct io_settings utc = {NULL};
    memset(decoder, 0, sizeof *decoder);
    decoder->nested = wr_json_parser_new();
    wr_arena_init(&decoder->scratch, NULL);
    decoder->io = &utc;
}

void wr_value_decoder_fini(struct value_decoder *decoder)
{
    wr_json_parser_free(decoder->nested);
    wr_arena_reset(&decoder->scratch);
}

static bool refuse(struct value_decoder *decoder, const char *fmt, ...) WR_PRINTF(2, 3);
static bool refuse(struct value_decoder *decoder, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(decoder->reason, sizeof decoder->reason, fmt, args);
    va_end(args);
    return false;
}

/* "a string cannot be read as bigint" */
static bool mismatch(struct value_decoder *decoder, const struct json_value *value, struct type type)
{
    static const char *const kinds[] = {"nothing",     "null",     "a boolean", "a boolean", "an integer",
                                        "this number", "a string", "an object", "an array"};
    char name[64];
    return refuse(decoder, "%s cannot be read as %s", kinds[value->kind], wr_type_name(type, name, sizeof name));
}

static bool is_string(const struct json_value *value)
{
    return value->kind == JSON_STRING;
}

static bool is_word(const struct json_value *value, const char *word)
{
    return is_string(value) && value->len == strlen(word) && !memcmp(value->text, word, value->len);
}

static bool is_number(const struct json_value *value)
{
    return value->kind == JSON_INTEGER || value->kind == JSON_NUMBER;
}

static bool is_bool(const struct json_value *value)
{
    return value->kind == JSON_TRUE || value->kind == JSON_FALSE;
}

/* As PostgreSQL reads text. */
static bool text_in(struct value_decoder *decoder, const char *text, size_t len, struct wr_arena *arena,
                    struct column *col, uint32_t row)
{
    struct wr_error err = WR_ERROR_INIT;
    struct datum datum;
    if (memchr(text, 0, len))
        return refuse(decoder, "a NUL character cannot be stored in text");
    if (!wr_value_in(arena, col->type, text, len, decoder->io, &datum, &err))
        return refuse(decoder, "%s", err.message);
    switch (wr_type_info(col->type.id)->phys) {
    case PHYS_BOOL:
        col->b[row] = datum.b;
        break;
    case PHYS_I32:
        col->i32[row] = datum.i32;
        break;
    case PHYS_I64:
        col->i64[row] = datum.i64;
        break;
    case PHYS_F64:
        col->f64[row] = datum.f64;
        break;
    case PHYS_STR:
        col->str[row] = datum.str;
        break;
    }
    return true;
}

static bool value_in(struct value_decoder *decoder, const struct json_value *value, struct wr_arena *arena,
                     struct column *col, uint32_t row)
{
    return text_in(decoder, value->text, value->len, arena, col, row);
}

/* ---- bytes inside strings */

/* The bytes lie in the scratch arena. */
static bool bytes_of(struct value_decoder *decoder, const char *text, size_t len, enum wire_unit unit, uint8_t **bytes,
                     size_t *nbytes)
{
    *bytes = (uint8_t *)wr_arena_bytes(&decoder->scratch, len + 4);
    int64_t n = unit == WIRE_HEX ? wr_hex_decode(text, len, *bytes)
                                 : wr_base64_decode(text, len, unit == WIRE_BASE64URL, *bytes);
    *nbytes = (size_t)WR_MAX(n, 0);
    return n >= 0 ||
           refuse(decoder, "\"%.*s\" is not valid %s", (int)WR_MIN(len, 40), text, unit == WIRE_HEX ? "hex" : "base64");
}

/* {"scale": 9, "value": "base64"}: every value has its own scale. */
static bool variable_decimal(struct value_decoder *decoder, const struct json_value *value, struct wr_arena *arena,
                             struct str *out)
{
    struct json_node *root;
    uint8_t *bytes;
    size_t nbytes;
    if (!wr_json_tree(decoder->nested, value->text, value->len, &decoder->scratch, &root, decoder->reason,
                      sizeof decoder->reason))
        return false;
    const struct json_node *scale = wr_json_member(root, "scale"), *unscaled = wr_json_member(root, "value");
    if (!scale || scale->value.kind != JSON_INTEGER || scale->value.integer < -100000 ||
        scale->value.integer > 100000 || !unscaled || !is_string(&unscaled->value))
        return refuse(decoder, "the object is not a decimal of the form {\"scale\": n, \"value\": \"base64\"}");
    TRY(bytes_of(decoder, unscaled->value.text, unscaled->value.len, WIRE_BASE64, &bytes, &nbytes));
    return wr_decimal_from_bytes(arena, bytes, nbytes, (int32_t)scale->value.integer, out, decoder->reason,
                                 sizeof decoder->reason);
}

/* A string or object that holds a decimal, before any typmod. */
static bool decimal_of(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                       int32_t scale, struct wr_arena *arena, struct str *out)
{
    uint8_t *bytes;
    size_t nbytes;
    if (value->kind == JSON_OBJECT)
        return variable_decimal(decoder, value, arena, out);
    if (unit->scale >= 0)
        scale = unit->scale;
    if (scale < 0)
        return refuse(decoder,
                      "a decimal as bytes needs a scale: declare the column numeric(p,s), send the schema, or set "
                      "decimal.handling.mode = 'string' or 'double'");
    if (!bytes_of(decoder, value->text, value->len, WIRE_BASE64, &bytes, &nbytes))
        return refuse(decoder, "\"%.*s\" is not a base64 decimal (decimal.handling.mode = 'string' reads decimal text)",
                      (int)WR_MIN(value->len, 40), value->text);
    return wr_decimal_from_bytes(arena, bytes, nbytes, scale, out, decoder->reason, sizeof decoder->reason);
}

/* Some base64 reads as a number: "1234" is 14118392 as bytes. */
static bool refuse_string(struct value_decoder *decoder)
{
    return refuse(decoder,
                  "a string is text or a decimal as bytes: decimal.handling.mode = 'string' or 'double' says that "
                  "it is text, a column numeric(p,s) takes bytes");
}

/* ---- per type */

static bool decode_bool(struct value_decoder *decoder, const struct json_value *value, struct wr_arena *arena,
                        struct column *col, uint32_t row)
{
    if (is_bool(value))
        col->b[row] = value->kind == JSON_TRUE;
    else if (value->kind == JSON_INTEGER && (value->integer == 0 || value->integer == 1))
        col->b[row] = (uint8_t)value->integer;
    else if (is_string(value))
        return value_in(decoder, value, arena, col, row);
    else
        return mismatch(decoder, value, col->type);
    return true;
}

/* A number that is not written as an integer may still be one: 1.0, 1e3. */
static bool exact_integer(struct value_decoder *decoder, struct str numeric, struct type type, int64_t *out)
{
    struct wr_error err = WR_ERROR_INIT;
    if (!wr_numeric_to_int64(numeric, out, &err) ||
        wr_numeric_cmp(numeric, wr_numeric_from_int64(&decoder->scratch, *out))) {
        char name[64];
        return refuse(decoder, "the number is not a whole one in the range of type %s",
                      wr_type_name(type, name, sizeof name));
    }
    return true;
}

static bool integer_of(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                       struct column *col, uint32_t row, int64_t *number)
{
    struct wr_error err = WR_ERROR_INIT;
    struct str numeric;
    if (value->kind == JSON_INTEGER) {
        *number = value->integer;
        return true;
    }
    if (value->kind == JSON_NUMBER) {
        if (!wr_numeric_parse(&decoder->scratch, value->text, value->len, TYPE(TYPE_NUMERIC), &numeric, &err))
            return refuse(decoder, "%s", err.message);
        return exact_integer(decoder, numeric, col->type, number);
    }
    if (is_bool(value)) {
        *number = value->kind == JSON_TRUE;
        return true;
    }
    if (unit->kind == WIRE_DECIMAL || value->kind == JSON_OBJECT) {
        TRY(decimal_of(decoder, value, unit, 0, &decoder->scratch, &numeric));
        return exact_integer(decoder, numeric, col->type, number);
    }
    if (!is_string(value))
        return mismatch(decoder, value, col->type);
    if (unit->kind == WIRE_NUMBER)
        return refuse_string(decoder);
    TRY(value_in(decoder, value, &decoder->scratch, col, row));
    *number = col->type.id == TYPE_INT4 ? col->i32[row] : col->i64[row];
    return true;
}

static bool decode_integer(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                           struct column *col, uint32_t row)
{
    int64_t number;
    TRY(integer_of(decoder, value, unit, col, row, &number));
    if (col->type.id == TYPE_INT8)
        col->i64[row] = number;
    else if (number < INT32_MIN || number > INT32_MAX)
        return refuse(decoder, "value \"%lld\" is out of range for type integer", (long long)number);
    else
        col->i32[row] = (int32_t)number;
    return true;
}

static bool decode_float(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                         struct wr_arena *arena, struct column *col, uint32_t row)
{
    if (value->kind == JSON_INTEGER && value->integer > -(1ll << 53) && value->integer < 1ll << 53) {
        col->f64[row] = (double)value->integer;
        return true;
    }
    if (unit->kind == WIRE_DECIMAL ? is_string(value) : value->kind == JSON_OBJECT) {
        struct wr_error err = WR_ERROR_INIT;
        struct str numeric;
        TRY(decimal_of(decoder, value, unit, -1, &decoder->scratch, &numeric));
        return wr_numeric_to_double(numeric, &col->f64[row], &err) || refuse(decoder, "%s", err.message);
    }
    if (!is_number(value) && !is_string(value))
        return mismatch(decoder, value, col->type);
    if (unit->kind == WIRE_NUMBER && is_string(value) && !is_word(value, "NaN") && !is_word(value, "Infinity") &&
        !is_word(value, "-Infinity"))
        return refuse_string(decoder);
    return value_in(decoder, value, arena, col, row);
}

static bool decode_numeric(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                           struct wr_arena *arena, struct column *col, uint32_t row)
{
    struct wr_error err = WR_ERROR_INIT;
    struct str numeric;
    if (value->kind == JSON_INTEGER)
        numeric = wr_numeric_from_int64(arena, value->integer);
    else if (value->kind == JSON_OBJECT || (unit->kind == WIRE_DECIMAL && is_string(value)))
        TRY(decimal_of(decoder, value, unit, col->type.precision ? col->type.scale : -1, arena, &numeric));
    else if (value->kind == JSON_NUMBER || is_string(value))
        return value_in(decoder, value, arena, col, row);
    else
        return mismatch(decoder, value, col->type);
    if (!col->type.precision)
        col->str[row] = numeric;
    else if (!wr_numeric_apply_typmod(arena, numeric, col->type, &col->str[row], &err))
        return refuse(decoder, "%s", err.message);
    return true;
}

static bool micros_checked(struct value_decoder *decoder, int64_t number, enum wire_unit unit, int64_t *micros)
{
    return wr_micros_of(number, unit, micros) || refuse(decoder, "timestamp out of range: %lld", (long long)number);
}

static bool decode_timestamp(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                             struct wr_arena *arena, struct column *col, uint32_t row)
{
    int64_t micros;
    bool has_zone;
    char name[64];
    wr_type_name(TYPE(col->type.id), name, sizeof name);
    if (value->kind == JSON_INTEGER) {
        if (unit->kind == WIRE_REFUSED)
            return refuse(decoder, "%s", unit->refusal);
        if (unit->kind < WIRE_DAYS || unit->kind > WIRE_NANO)
            return refuse(decoder, "a number without a unit cannot be read as %s", name);
        TRY(micros_checked(decoder, value->integer, unit->kind, &micros));
    } else if (!is_string(value)) {
        return mismatch(decoder, value, col->type);
    } else if (!wr_iso_timestamp(value->text, value->len, &micros, &has_zone)) {
        if (unit->kind == WIRE_ISO)
            return refuse(decoder, "\"%.*s\" is not an ISO-8601 timestamp in range", (int)WR_MIN(value->len, 40),
                          value->text);
        return value_in(decoder, value, arena, col, row);
    } else if (unit->kind != WIRE_ISO && ((col->type.id == TYPE_TIMESTAMP) == has_zone)) {
        return value_in(decoder, value, arena, col, row); /* PostgreSQL's rules for a zone too many or missing */
    }
    if (unit->kind == WIRE_ISO)
        micros = wr_debezium_infinity(micros);
    col->i64[row] = wr_timestamp_apply_typmod(micros, col->type);
    return true;
}

static bool decode_date(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                        struct wr_arena *arena, struct column *col, uint32_t row)
{
    int64_t micros;
    if (value->kind == JSON_INTEGER) {
        if (unit->kind >= WIRE_SECOND && unit->kind <= WIRE_NANO) {
            TRY(micros_checked(decoder, value->integer, unit->kind, &micros));
            int64_t days = micros / 86400000000 - (micros % 86400000000 < 0);
            col->i32[row] = micros == INT64_MAX ? INT32_MAX : micros == INT64_MIN ? INT32_MIN : (int32_t)days;
            return true;
        }
        if (unit->kind == WIRE_REFUSED)
            return refuse(decoder, "%s", unit->refusal);
        if (unit->kind != WIRE_DAYS && unit->kind != WIRE_NONE)
            return mismatch(decoder, value, col->type);
        if (value->integer < DATE_MIN || value->integer > DATE_MAX)
            return refuse(decoder, "date out of range: %lld days since 1970-01-01", (long long)value->integer);
        col->i32[row] = (int32_t)value->integer;
        return true;
    }
    if (!is_string(value))
        return mismatch(decoder, value, col->type);
    bool has_zone;
    if (wr_iso_date(value->text, value->len, &col->i32[row]))
        return true;
    bool timestamp = wr_iso_timestamp(value->text, value->len, &micros, &has_zone);
    if (timestamp && unit->kind == WIRE_ISO)
        micros = wr_debezium_infinity(micros);
    if (timestamp && (micros == INT64_MAX || micros == INT64_MIN)) {
        col->i32[row] = micros > 0 ? INT32_MAX : INT32_MIN;
        return true;
    }
    if (timestamp) {
        col->i32[row] = (int32_t)(micros / 86400000000 - (micros % 86400000000 < 0));
        return true;
    }
    return value_in(decoder, value, arena, col, row);
}

/* ---- text: a value with a meaning is written as PostgreSQL would show it */

static bool time_text(struct value_decoder *decoder, int64_t number, enum wire_unit unit, struct wr_buf *text)
{
    int64_t micros = unit == WIRE_TIME_MILLI ? number : unit == WIRE_TIME_NANO ? number / 1000 : number;
    if (unit == WIRE_TIME_MILLI && __builtin_mul_overflow(number, 1000, &micros))
        return refuse(decoder, "time out of range: %lld", (long long)number);
    uint64_t all = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros, fraction = all % 1000000,
             seconds = all / 1000000;
    wr_buf_printf(text, "%s%02llu:%02llu:%02llu", micros < 0 ? "-" : "", (unsigned long long)(seconds / 3600),
                  (unsigned long long)(seconds / 60 % 60), (unsigned long long)(seconds % 60));
    if (fraction) {
        wr_buf_printf(text, ".%06llu", (unsigned long long)fraction);
        while (text->data[text->len - 1] == '0')
            text->len--;
    }
    return true;
}

/* Bits arrive little-endian with zero bytes cut off; the column shows them as PostgreSQL's bit string. */
static bool bits_text(struct value_decoder *decoder, const struct json_value *value, int32_t length,
                      struct wr_buf *text)
{
    uint8_t *bytes;
    size_t nbytes;
    TRY(bytes_of(decoder, value->text, value->len, WIRE_BASE64, &bytes, &nbytes));
    size_t bits = length > 0 && length < 1 << 26 ? (size_t)length : nbytes * 8;
    for (size_t i = bits; i-- > 0;)
        wr_buf_byte(text, i / 8 < nbytes && bytes[i / 8] >> (i % 8) & 1 ? '1' : '0');
    return true;
}

/* True and text filled: the value has a form of its own as text. */
static bool meaning_text(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                         struct wr_buf *text, bool *has_meaning)
{
    *has_meaning = true;
    struct datum datum = {.type = TYPE(TYPE_TIMESTAMP)};
    if (value->kind == JSON_INTEGER && unit->kind >= WIRE_TIME_MILLI && unit->kind <= WIRE_TIME_NANO)
        return time_text(decoder, value->integer, unit->kind, text);
    if (value->kind == JSON_INTEGER && unit->kind >= WIRE_DAYS && unit->kind <= WIRE_NANO) {
        TRY(micros_checked(decoder, value->integer, unit->kind, &datum.i64));
        if (unit->kind == WIRE_DAYS) {
            datum.type = TYPE(TYPE_DATE);
            datum.i32 = (int32_t)value->integer;
        }
        wr_value_out(text, &datum, decoder->io);
        return true;
    }
    if (unit->kind == WIRE_DECIMAL && (is_string(value) ? unit->scale >= 0 : value->kind == JSON_OBJECT)) {
        struct str numeric;
        TRY(decimal_of(decoder, value, unit, -1, &decoder->scratch, &numeric));
        wr_numeric_print(text, numeric);
        return true;
    }
    if (is_string(value) && unit->kind == WIRE_BITS)
        return bits_text(decoder, value, unit->length, text);
    *has_meaning = false;
    return true;
}

static bool decode_text(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                        struct wr_arena *arena, struct column *col, uint32_t row)
{
    if (WR_UNLIKELY(unit->kind != WIRE_NONE)) {
        struct wr_buf text = WR_BUF_INIT;
        bool has_meaning, done = meaning_text(decoder, value, unit, &text, &has_meaning);
        if (done && has_meaning)
            done = text_in(decoder, text.data ? text.data : "", text.len, arena, col, row);
        wr_buf_free(&text);
        if (!done || has_meaning)
            return done;
    }
    if (col->type.precision)
        return value_in(decoder, value, arena, col, row);
    if (memchr(value->text, 0, value->len))
        return refuse(decoder, "a NUL character cannot be stored in text");
    char *copy = wr_arena_bytes(arena, value->len);
    memcpy(copy, value->text, value->len);
    col->str[row] = wr_str(copy, value->len);
    return true;
}

/* ---- jsonb and bytea */

static void quote_json(struct wr_buf *text, const char *bytes, size_t len)
{
    wr_buf_byte(text, '"');
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)bytes[i];
        if (c == '"' || c == '\\') {
            wr_buf_byte(text, '\\');
            wr_buf_byte(text, c);
        } else if (c < 0x20) {
            wr_buf_printf(text, "\\u%04x", c);
        } else {
            wr_buf_byte(text, c);
        }
    }
    wr_buf_byte(text, '"');
}

static bool decode_jsonb(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                         struct wr_arena *arena, struct column *col, uint32_t row)
{
    if (!is_string(value) || unit->kind == WIRE_JSON)
        return value_in(decoder, value, arena, col, row);
    struct wr_buf text = WR_BUF_INIT;
    quote_json(&text, value->text, value->len);
    bool done = text_in(decoder, text.data, text.len, arena, col, row);
    wr_buf_free(&text);
    return done;
}

static bool decode_bytea(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                         struct wr_arena *arena, struct column *col, uint32_t row)
{
    if (!is_string(value))
        return mismatch(decoder, value, col->type);
    if (unit->kind != WIRE_BASE64 && unit->kind != WIRE_BASE64URL && unit->kind != WIRE_HEX && unit->kind != WIRE_BITS)
        return value_in(decoder, value, arena, col, row);
    uint8_t *bytes;
    size_t nbytes;
    TRY(bytes_of(decoder, value->text, value->len, unit->kind, &bytes, &nbytes));
    col->str[row] = wr_str(wr_arena_strndup(arena, (char *)bytes, nbytes), nbytes);
    return true;
}

static bool decode(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                   struct wr_arena *arena, struct column *col, uint32_t row)
{
    switch (col->type.id) {
    case TYPE_BOOL:
        return decode_bool(decoder, value, arena, col, row);
    case TYPE_INT4:
    case TYPE_INT8:
        return decode_integer(decoder, value, unit, col, row);
    case TYPE_FLOAT8:
        return decode_float(decoder, value, unit, arena, col, row);
    case TYPE_NUMERIC:
        return decode_numeric(decoder, value, unit, arena, col, row);
    case TYPE_TEXT:
        return decode_text(decoder, value, unit, arena, col, row);
    case TYPE_DATE:
        return decode_date(decoder, value, unit, arena, col, row);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return decode_timestamp(decoder, value, unit, arena, col, row);
    case TYPE_JSONB:
        return decode_jsonb(decoder, value, unit, arena, col, row);
    case TYPE_BYTEA:
        return decode_bytea(decoder, value, unit, arena, col, row);
    default:
        return mismatch(decoder, value, col->type);
    }
}

bool wr_decode_value(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                     struct wr_arena *arena, struct column *col, uint32_t row)
{
    bool done = decode(decoder, value, unit, arena, col, row);
    if (decoder->scratch.total_bytes)
        wr_arena_release(&decoder->scratch, (struct wr_mark){NULL, NULL});
    return done;
}
