/* One JSON value to one typed column value.
 *
 * How a value is to be read is its *unit*: decided by the schema half of the message, by the options of the table or by
 * the documented default of the format; never by the value's magnitude. Nothing becomes NULL silently: a value that
 * does not fit its column is a reason for a dead letter (law L4). docs/formats.md has the table of what each type
 * accepts.
 *
 * A string without a unit is read as PostgreSQL reads it (types/text_io.h). */
#ifndef WEIR_CONNECTORS_DECODE_VALUE_H
#define WEIR_CONNECTORS_DECODE_VALUE_H

#include "connectors/chunk_builder.h"
#include "connectors/json_shim.h"

enum wire_unit {
    WIRE_NONE,   /* JSON's own meaning */
    WIRE_DAYS,   /* integer days since 1970-01-01 */
    WIRE_SECOND, /* integer since 1970-01-01T00:00 */
    WIRE_MILLI,
    WIRE_MICRO,
    WIRE_NANO,
    WIRE_TIME_MILLI, /* integer since midnight */
    WIRE_TIME_MICRO,
    WIRE_TIME_NANO,
    WIRE_ISO,     /* string: ISO-8601 date, time or timestamp, zone optional */
    WIRE_DECIMAL, /* string: base64 of the unscaled value, big-endian two's complement; `scale`, -1 = nobody said */
    WIRE_JSON,    /* string: JSON text */
    WIRE_BASE64,  /* string: bytes */
    WIRE_BASE64URL,
    WIRE_HEX,
    WIRE_BITS,   /* string: base64 of little-endian bits; `length` of them, 0 = unknown */
    WIRE_NUMBER, /* a JSON number: a string may be text, or a decimal as bytes */
    WIRE_REFUSED /* `refusal` says which option would help; numbers only */
};

struct unit {
    uint8_t kind; /* enum wire_unit */
    int32_t scale, length;
    const char *refusal;
};

struct value_decoder {
    struct json_parser *nested; /* for values inside values; not the parser that holds the message */
    struct wr_arena scratch;
    const struct io_settings *io;
    char reason[256];
};
void wr_value_decoder_init(struct value_decoder *decoder);
void wr_value_decoder_fini(struct value_decoder *decoder);

/* Decode a value that is not NULL into column `col` of the current row. False: decoder->reason says why, without the
 * column's name. */
bool wr_decode_value(struct value_decoder *decoder, const struct json_value *value, const struct unit *unit,
                     struct wr_arena *arena, struct column *col, uint32_t row) WR_MUST;

/* decode_bytes.c: text to bytes; returns the length or -1. `to` has room for 3/4 of len + 3. */
int64_t wr_base64_decode(const char *text, size_t len, bool url, uint8_t *to);
int64_t wr_hex_decode(const char *text, size_t len, uint8_t *to);
/* Big-endian two's complement to a numeric with `scale` (may be negative). */
bool wr_decimal_from_bytes(struct wr_arena *arena, const uint8_t *bytes, size_t len, int32_t scale, struct str *out,
                           char *reason, size_t reason_size);

/* decode_time.c */
/* Microseconds or days of an ISO-8601 text; false: not of that form. *has_zone: it said Z or an offset, now applied. */
bool wr_iso_timestamp(const char *text, size_t len, int64_t *micros, bool *has_zone);
bool wr_iso_date(const char *text, size_t len, int32_t *days);
/* What PostgreSQL's connector makes of infinite timestamps is infinite again. */
int64_t wr_debezium_infinity(int64_t micros);
/* Microseconds since the epoch of an integer in this unit. False: out of range. */
bool wr_micros_of(int64_t number, enum wire_unit unit, int64_t *micros);

#endif
