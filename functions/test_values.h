/* For the tests of functions/: interesting values of every type, as text, and a random choice among them. */
#ifndef WEIR_FUNCTIONS_TEST_VALUES_H
#define WEIR_FUNCTIONS_TEST_VALUES_H

#include "functions/fn.h"

static const char *const bools[] = {"t", "f"};
static const char *const ints[] = {"0",  "1",  "-1",  "2",          "3",           "7",
                                   "-5", "10", "100", "2147483647", "-2147483648", "-2147483647"};
static const char *const bigs[] = {
    "0",          "1",          "-1",         "2",          "7", "-100", "9223372036854775807", "-9223372036854775808",
    "4294967296", "3037000500", "2147483648", "-2147483649"};
static const char *const floats[] = {"0",
                                     "-0",
                                     "1",
                                     "-1",
                                     "0.5",
                                     "2.5",
                                     "-2.5",
                                     "1.5",
                                     "1e308",
                                     "-1.7976931348623157e308",
                                     "5e-324",
                                     "1e-300",
                                     "NaN",
                                     "Infinity",
                                     "-Infinity",
                                     "2147483647.5",
                                     "9.3e18",
                                     "0.1",
                                     "123456789.123456789",
                                     "3"};
static const char *const numerics[] = {"0",         "1",
                                       "-1",        "0.00",
                                       "2.5",       "-2.5",
                                       "1.50",      "3.14159",
                                       "-0.001",    "1e30",
                                       "NaN",       "Infinity",
                                       "-Infinity", "99999999999999999999.99",
                                       "1e-20",     "2147483647.5",
                                       "7",         "12345678901234567890123456789012345678901234567890.5",
                                       "100",       "0.5"};
static const char *const texts[] = {"",
                                    "a",
                                    "abc",
                                    "häuser",
                                    "HÄUSER ß",
                                    "%b%",
                                    "a_c",
                                    "\\",
                                    "a\\%",
                                    "%",
                                    "日本語テキスト",
                                    "  padded  ",
                                    "1",
                                    "-12",
                                    "3.5",
                                    "true",
                                    "2024-02-29",
                                    "2024-02-29 12:34:56.789",
                                    "{\"a\": 1}",
                                    "b",
                                    "year",
                                    "month",
                                    "a,b,,c",
                                    ",",
                                    "day",
                                    "hour",
                                    "epoch",
                                    "😀x",
                                    "NaN",
                                    "\\x00ff",
                                    "x.z"};
static const char *const dates[] = {"1970-01-01",    "2024-02-29",    "2000-12-31", "1999-01-01",
                                    "infinity",      "-infinity",     "0001-01-01", "0044-03-15 BC",
                                    "5874897-12-31", "4714-11-24 BC", "2024-12-30", "2021-01-03"};
static const char *const stamps[] = {"1970-01-01 00:00:00",
                                     "2024-02-29 12:34:56.789012",
                                     "1999-12-31 23:59:59.999999",
                                     "infinity",
                                     "-infinity",
                                     "0001-01-01 00:00:00",
                                     "294276-12-31 23:59:59.999999",
                                     "2021-01-03 06:07:08",
                                     "0044-03-15 12:00:00 BC",
                                     "2024-03-31 02:30:00",
                                     "1969-12-31 23:59:59.5"};
static const char *const jsons[] = {"null",  "true",
                                    "false", "1",
                                    "-1.50", "2147483648",
                                    "1e400", "\"text\"",
                                    "[]",    "[1, \"b\", null, [2]]",
                                    "{}",    "{\"a\": 1, \"abc\": \"x\", \"b\": null, \"häuser\": {\"c\": [1.0]}}",
                                    "\"\""};
static const char *const bytes[] = {"\\x",
                                    "\\x00",
                                    "\\x00ff",
                                    "\\x616263",
                                    "\\x7fffffff",
                                    "\\x5c20c3a4",
                                    "a text of fifty-seven bytes, one full line of base64 of it",
                                    "a text that is longer than a line of base64: 80 bytes of it, more or less, so"};

static const char *const units[] = {"microseconds",  "milliseconds",
                                    "second",        "minute",
                                    "hour",          "day",
                                    "week",          "month",
                                    "quarter",       "year",
                                    "decade",        "century",
                                    "millennium",    "isoyear",
                                    "dow",           "isodow",
                                    "doy",           "julian",
                                    "epoch",         "timezone",
                                    "timezone_hour", "timezone_minute",
                                    "YEARS",         "nonsense",
                                    "Säck"};
static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York", "asia/kolkata",
                                    "+02", "-03:30",        "Nowhere/None"};

#define LIST(array)            \
    {                          \
        array, WR_COUNT(array) \
    }
struct values {
    const char *const *items;
    size_t n;
};
static const struct values values[TYPE_COUNT] = {
    [TYPE_BOOL] = LIST(bools),    [TYPE_INT4] = LIST(ints),        [TYPE_INT8] = LIST(bigs),
    [TYPE_FLOAT8] = LIST(floats), [TYPE_NUMERIC] = LIST(numerics), [TYPE_TEXT] = LIST(texts),
    [TYPE_DATE] = LIST(dates),    [TYPE_TIMESTAMP] = LIST(stamps), [TYPE_TIMESTAMPTZ] = LIST(stamps),
    [TYPE_JSONB] = LIST(jsons),   [TYPE_BYTEA] = LIST(bytes),
};

static const char *const formats[] = {"YYYY-MM-DD HH24:MI:SS.US",
                                      "FMMonth DD, YYYY",
                                      "Month|MONTH|month|Mon|MON|mon",
                                      "Day|DAY|day|Dy|DY|dy|FMDay",
                                      "DDD D ID IDDD J",
                                      "Q W WW IW IYYY IYY IY I",
                                      "YYY YY Y CC BC a.d.",
                                      "HH12 HH hh24 AM pm A.M.",
                                      "SSSS MS FF3 FF1",
                                      "\"T\"HH24\"q\\\"q\"",
                                      "FMDD FMMM FMHH24 FMDDD FMYY",
                                      "yyyymmdd",
                                      "xyz - %",
                                      "TZ tz OF TZH:TZM",
                                      "",
                                      "häDD"};

static const char *const byte_forms[] = {"hex", "base64", "escape", "HEX", "Base64", "", "hexa", "größe"};
static const char *const formed[] = {
    "616263",
    "61 62\t63",
    "6",
    "6x",
    "x6",
    "6é",
    "YWJj",
    "YW Jj\nYQ==",
    "YQ=",
    "YQ==YQ==",
    "YQ=a",
    "Y===",
    "YWI=",
    "YW",
    "Y*Jj",
    "Yé==",
    "ab\\\\c\\001\\377",
    "a\\b",
    "a\\400",
    "\\",
    "abc",
    "",
    "VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZywgYW5kIHRoZW4gaXQg\ncmVzdHMu"};

/* Functions with an argument that is a word of a small language. */
static const struct vocabulary {
    const char *name;
    uint16_t arg;
    struct values words;
} vocabularies[] = {{"date_trunc", 0, LIST(units)}, {"extract", 0, LIST(units)},    {"date_part", 0, LIST(units)},
                    {"timezone", 0, LIST(zones)},   {"to_char", 1, LIST(formats)},  {"encode", 1, LIST(byte_forms)},
                    {"decode", 0, LIST(formed)},    {"decode", 1, LIST(byte_forms)}};

static uint64_t seed = 20240229;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

static const struct values *values_for(const struct fn *fn, uint16_t arg, uint8_t type)
{
    for (size_t k = 0; k < WR_COUNT(vocabularies); k++)
        if (vocabularies[k].arg == arg && !strcmp(vocabularies[k].name, fn->name))
            return &vocabularies[k].words;
    return &values[type];
}

#endif
