#include "connectors/debezium_options.h"

#include <string.h>

#include "connectors/options.h"

enum { DECIMAL_PRECISE, DECIMAL_DOUBLE, DECIMAL_STRING };
static const char *const decimal_modes[] = {"precise", "double", "string", NULL};

enum { TIME_ADAPTIVE, TIME_ADAPTIVE_MICRO, TIME_CONNECT, TIME_ISO, TIME_MICRO, TIME_NANO };
static const char *const time_modes[] = {
    "adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds", NULL};

enum { BINARY_BYTES, BINARY_BASE64, BINARY_BASE64URL, BINARY_HEX };
static const char *const binary_modes[] = {"bytes", "base64", "base64-url-safe", "hex", NULL};

const char *const wr_timestamptz_modes[] = {"utc_string", "utc_without_suffix", "micro", "milli", NULL};

static bool choice(const struct object *object, const char *key, const char *const *choices, int *value,
                   struct wr_error *err)
{
    const char *text = wr_format_option_get(object, key);
    return !text || wr_option_choice(key, text, choices, value, err);
}

bool wr_timestamptz_mode(const struct object *object, int *mode, struct wr_error *err)
{
    const char *text = wr_format_option_get(object, "timestamptz.handling.mode");
    if (text && !strcmp(text, "guess_number_unit")) {
        wr_fail(err, ERR_FEATURE_NOT_SUPPORTED,
                "value \"guess_number_unit\" of option \"timestamptz.handling.mode\" is not "
                "supported");
        return wr_fail_hint(err, "A number's unit cannot be told from its magnitude. Use \"milli\" or \"micro\".");
    }
    *mode = TIMESTAMPTZ_UTC_STRING;
    return choice(object, "timestamptz.handling.mode", wr_timestamptz_modes, mode, err);
}

struct unit wr_timestamptz_unit(int mode)
{
    if (mode == TIMESTAMPTZ_MICRO || mode == TIMESTAMPTZ_MILLI)
        return (struct unit){.kind = mode == TIMESTAMPTZ_MICRO ? WIRE_MICRO : WIRE_MILLI, .scale = -1};
    return (struct unit){
        .kind = WIRE_REFUSED,
        .scale = -1,
        .refusal = "a number needs timestamptz.handling.mode = 'milli' or 'micro' to be read as timestamp with "
                   "time zone"};
}

bool wr_debezium_options(const struct object *object, struct debezium_options *options, struct wr_error *err)
{
    static const char *const known[] = {"unwrapped",
                                        "ignore_key",
                                        "decimal.handling.mode",
                                        "time.precision.mode",
                                        "timestamptz.handling.mode",
                                        "binary.handling.mode",
                                        NULL};
    memset(options, 0, sizeof *options);
    TRY(wr_format_options_check(object, known, err));
    TRY(wr_option_bool("unwrapped", wr_format_option_get(object, "unwrapped"), &options->unwrapped, err));
    TRY(wr_option_bool("ignore_key", wr_format_option_get(object, "ignore_key"), &options->ignore_key, err));
    TRY(choice(object, "decimal.handling.mode", decimal_modes, &options->decimal_mode, err));
    TRY(choice(object, "time.precision.mode", time_modes, &options->time_mode, err));
    options->time_mode_given = wr_format_option_get(object, "time.precision.mode") != NULL;
    TRY(choice(object, "binary.handling.mode", binary_modes, &options->binary_mode, err));
    return wr_timestamptz_mode(object, &options->timestamptz_mode, err);
}

/* Debezium's adaptive mode sends timestamp(0..3) in milliseconds and finer ones in microseconds: the column's declared
 * precision says which. */
static struct unit timestamp_unit(int mode, struct type type)
{
    struct unit unit = {.kind = WIRE_MICRO, .scale = -1};
    bool coarse = type.precision > 0 && type.precision - 1 <= 3;
    if (mode == TIME_CONNECT || (mode <= TIME_ADAPTIVE_MICRO && coarse))
        unit.kind = WIRE_MILLI;
    else if (mode == TIME_NANO)
        unit.kind = WIRE_NANO;
    else if (mode == TIME_ISO)
        unit = (struct unit){.kind = WIRE_ISO, .scale = -1};
    return unit;
}

struct unit wr_debezium_unit(const struct debezium_options *options, struct type type)
{
    struct unit unit = {.kind = WIRE_NONE, .scale = -1};
    switch (type.id) {
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_FLOAT8:
        unit.kind = options->decimal_mode == DECIMAL_PRECISE ? WIRE_NUMBER : WIRE_NONE;
        break;
    case TYPE_NUMERIC:
        unit.kind = options->decimal_mode == DECIMAL_PRECISE ? WIRE_DECIMAL : WIRE_NONE;
        break;
    case TYPE_DATE:
        unit.kind = options->time_mode == TIME_ISO ? WIRE_ISO : WIRE_DAYS;
        break;
    case TYPE_TIMESTAMP:
        return timestamp_unit(options->time_mode, type);
    case TYPE_TIMESTAMPTZ:
        return wr_timestamptz_unit(options->timestamptz_mode);
    case TYPE_JSONB:
        unit.kind = WIRE_JSON;
        break;
    case TYPE_BYTEA:
        unit.kind = options->binary_mode == BINARY_HEX         ? WIRE_HEX
                    : options->binary_mode == BINARY_BASE64URL ? WIRE_BASE64URL
                                                               : WIRE_BASE64;
        break;
    default:
        break;
    }
    return unit;
}
