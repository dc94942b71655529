/* date_trunc, extract (numeric) and date_part (double precision) for timestamp, timestamptz and date.
 *
 * All three fields a value has to have are computed from its wall clock; timestamptz in the view's TimeZone. A field of
 * an infinity is +-infinity where it grows with time (year, epoch ...), NULL where it comes round (hour, month ...). */
#include <math.h>
#include <stdlib.h>

#include "functions/kernel.h"
#include "types/datetime.h"
#include "types/numeric.h"

/* A field as an exact number: value / 10^scale. */
struct field {
    enum { FIELD_VALUE, FIELD_NULL, FIELD_PINF, FIELD_NINF, FIELD_BAD } kind;
    wr_i128 value;
    int scale;
    bool day_fraction; /* JULIAN of a timestamp: value is days, plus micros / day */
    int64_t micros;
};

static void *prepare_unit(const struct expr *expr)
{
    const struct expr *arg = expr->args[0];
    if (arg->kind != EXPR_CONST || arg->value.null)
        return NULL;
    enum datetime_unit *unit = wr_malloc(sizeof(*unit));
    *unit = wr_datetime_unit(arg->value.str.data, arg->value.str.len);
    return unit;
}

static void unprepare_unit(void *cache)
{
    free(cache);
}

static enum datetime_unit unit_of(const struct fn_call *call, uint32_t row)
{
    if (call->cache)
        return *(const enum datetime_unit *)call->cache;
    struct str name = call->args[0].str[row];
    return wr_datetime_unit(name.len ? name.data : "", name.len);
}

/* Names the unit as PostgreSQL does: ASCII letters in lower case, at most 63 bytes. */
static void fail_unit(struct fn_call *call, uint32_t row, enum datetime_unit unit, uint8_t type)
{
    struct str name = call->args[0].str[row];
    char lower[64];
    size_t len = WR_MIN(name.len, 63u);
    for (size_t k = 0; k < len; k++)
        lower[k] = name.data[k] >= 'A' && name.data[k] <= 'Z' ? (char)(name.data[k] + 32) : name.data[k];
    bool known = unit != UNIT_NONE;
    fn_fail(call, row, known ? ERR_FEATURE_NOT_SUPPORTED : ERR_INVALID_PARAMETER, "unit \"%.*s\" not %s for type %s",
            (int)len, lower, known ? "supported" : "recognized", wr_type_info(type)->name);
}

static bool can_trunc(enum datetime_unit unit)
{
    return unit <= UNIT_MILLENNIUM;
}

/* Words like epoch or dow are no units to date_trunc, those of zones are units it does not support. */
static enum datetime_unit trunc_unit(enum datetime_unit unit)
{
    return unit >= UNIT_TIMEZONE ? unit : UNIT_NONE;
}

static void trunc_timestamp(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        enum datetime_unit unit = unit_of(call, i);
        int64_t ts = call->args[1].i64[i];
        if (!wr_timestamp_is_finite(ts))
            call->out->i64[i] = ts;
        else if (can_trunc(unit))
            call->out->i64[i] = wr_timestamp_trunc(ts, unit);
        else
            fail_unit(call, i, trunc_unit(unit), TYPE_TIMESTAMP);
    }
}

/* Within a day the offset stays as it is; from a day on the zone decides anew. */
static bool trunc_zoned(int64_t ts, enum datetime_unit unit, const struct timezone *zone, int64_t *out,
                        struct wr_error *err)
{
    int64_t local = 0;
    TRY(wr_timestamptz_to_local(ts, zone, &local, err));
    int64_t cut = wr_timestamp_trunc(local, unit);
    if (unit >= UNIT_DAY)
        return wr_timestamptz_from_local(cut, zone, out, err);
    *out = cut - (local - ts);
    return true;
}

static void trunc_timestamptz(struct fn_call *call)
{
    struct wr_error err;
    FN_EACH(call, i)
    {
        enum datetime_unit unit = unit_of(call, i);
        int64_t ts = call->args[1].i64[i];
        if (!wr_timestamp_is_finite(ts))
            call->out->i64[i] = ts;
        else if (!can_trunc(unit))
            fail_unit(call, i, trunc_unit(unit), TYPE_TIMESTAMPTZ);
        else if (!trunc_zoned(ts, unit, call->io->timezone, &call->out->i64[i], &err))
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

static struct field whole(wr_i128 value)
{
    return (struct field){.kind = FIELD_VALUE, .value = value};
}

static struct field scaled(wr_i128 value, int scale)
{
    return (struct field){.kind = FIELD_VALUE, .value = value, .scale = scale};
}

static struct field field_of_infinity(enum datetime_unit unit, bool negative)
{
    switch (unit) {
    case UNIT_YEAR:
    case UNIT_DECADE:
    case UNIT_CENTURY:
    case UNIT_MILLENNIUM:
    case UNIT_ISOYEAR:
    case UNIT_JULIAN:
    case UNIT_EPOCH:
        return (struct field){.kind = negative ? FIELD_NINF : FIELD_PINF};
    default:
        return (struct field){.kind = FIELD_NULL};
    }
}

#define JULIAN_OF_1970 2440588

static struct field field_of_local(int64_t local, enum datetime_unit unit)
{
    int64_t days = wr_floor_div(local, USECS_PER_DAY);
    switch (unit) {
    case UNIT_MICROSECONDS:
        return whole(wr_timestamp_field(local, unit));
    case UNIT_MILLISECONDS:
        return scaled(wr_timestamp_field(local, unit), 3);
    case UNIT_SECOND:
        return scaled(wr_timestamp_field(local, unit), 6);
    case UNIT_JULIAN:
        return (struct field){.kind = FIELD_VALUE,
                              .value = days + JULIAN_OF_1970,
                              .day_fraction = true,
                              .micros = local - days * USECS_PER_DAY};
    default:
        return whole(wr_timestamp_field(local, unit));
    }
}

static bool is_zone_unit(enum datetime_unit unit)
{
    return unit == UNIT_TIMEZONE || unit == UNIT_TIMEZONE_HOUR || unit == UNIT_TIMEZONE_MINUTE;
}

static struct field field_of_timestamp(int64_t ts, enum datetime_unit unit)
{
    if (unit == UNIT_NONE || (is_zone_unit(unit) && wr_timestamp_is_finite(ts)))
        return (struct field){.kind = FIELD_BAD};
    if (!wr_timestamp_is_finite(ts))
        return field_of_infinity(unit, ts < 0);
    return unit == UNIT_EPOCH ? scaled(ts, 6) : field_of_local(ts, unit);
}

static struct field field_of_timestamptz(int64_t ts, enum datetime_unit unit, const struct timezone *zone)
{
    int64_t local = 0, offset;
    struct wr_error err;
    if (unit == UNIT_NONE)
        return (struct field){.kind = FIELD_BAD};
    if (!wr_timestamp_is_finite(ts))
        return field_of_infinity(unit, ts < 0);
    if (unit == UNIT_EPOCH)
        return scaled(ts, 6);
    if (!wr_timestamptz_to_local(ts, zone, &local, &err))
        return (struct field){.kind = FIELD_NULL};
    offset = wr_timezone_offset(zone, wr_floor_div(ts, USECS_PER_SEC), NULL);
    if (unit == UNIT_TIMEZONE)
        return whole(offset);
    if (unit == UNIT_TIMEZONE_HOUR)
        return whole(offset / 3600);
    if (unit == UNIT_TIMEZONE_MINUTE)
        return whole(offset % 3600 / 60);
    return field_of_local(local, unit);
}

static struct field field_of_date(int32_t date, enum datetime_unit unit)
{
    bool clock = unit <= UNIT_HOUR; /* microseconds .. hour */
    if (unit == UNIT_NONE || clock || is_zone_unit(unit))
        return (struct field){.kind = FIELD_BAD};
    if (!wr_date_is_finite(date))
        return field_of_infinity(unit, date < 0);
    if (unit == UNIT_EPOCH)
        return whole((int64_t)date * 86400);
    if (unit == UNIT_JULIAN)
        return whole((int64_t)date + JULIAN_OF_1970);
    /* A date may lie far beyond the last timestamp: 400 years are a cycle of the calendar and of the week. */
    const int64_t cycle_days = 146097;
    int64_t cycles = wr_floor_div(date, cycle_days);
    int64_t years = cycles * 400;
    int64_t ts = (date - cycles * cycle_days) * USECS_PER_DAY; /* 1970 .. 2369 */
    int64_t year = wr_timestamp_field(ts, UNIT_YEAR), real;
    switch (unit) {
    case UNIT_YEAR:
        real = year + years;
        return whole(real > 0 ? real : real - 1);
    case UNIT_ISOYEAR:
        real = wr_timestamp_field(ts, UNIT_ISOYEAR) + years;
        return whole(real > 0 ? real : real - 1);
    case UNIT_DECADE:
        return whole(wr_floor_div(year + years, 10));
    case UNIT_CENTURY:
        real = year + years;
        return whole(real > 0 ? (real + 99) / 100 : -((99 - (real - 1)) / 100));
    case UNIT_MILLENNIUM:
        real = year + years;
        return whole(real > 0 ? (real + 999) / 1000 : -((999 - (real - 1)) / 1000));
    default:
        return field_of_local(ts, unit);
    }
}

static struct field field_at(const struct fn_call *call, uint32_t row, enum datetime_unit unit, bool as_timestamp)
{
    const struct column *arg = &call->args[1];
    if (arg->type.id == TYPE_TIMESTAMP)
        return field_of_timestamp(arg->i64[row], unit);
    if (arg->type.id == TYPE_TIMESTAMPTZ)
        return field_of_timestamptz(arg->i64[row], unit, call->io->timezone);
    if (!as_timestamp)
        return field_of_date(arg->i32[row], unit);
    struct wr_error err;
    int64_t ts = 0;
    if (!wr_date_to_timestamp(arg->i32[row], &ts, &err))
        return (struct field){.kind = FIELD_NULL, .scale = -1};
    return field_of_timestamp(ts, unit);
}

static struct str numeric_of_field(struct wr_arena *arena, const struct field *field)
{
    struct wr_error err;
    struct str days = wr_numeric_from_int128(arena, field->value, field->scale), fraction;
    if (!field->day_fraction)
        return days;
    struct str micros = wr_numeric_from_int64(arena, field->micros), day = wr_numeric_from_int64(arena, USECS_PER_DAY);
    if (wr_numeric_div(arena, micros, day, &fraction, &err) && wr_numeric_add(arena, days, fraction, &days, &err))
        return days;
    return days;
}

static void extract(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        enum datetime_unit unit = unit_of(call, i);
        struct field field = field_at(call, i, unit, false);
        struct numeric special = wr_numeric_of_kind(field.kind == FIELD_PINF ? NUMERIC_PINF : NUMERIC_NINF);
        if (field.kind == FIELD_BAD)
            fail_unit(call, i, unit, call->args[1].type.id);
        else if (field.kind == FIELD_NULL)
            fn_null(call, i);
        else if (field.kind == FIELD_VALUE)
            call->out->str[i] = numeric_of_field(call->arena, &field);
        else
            call->out->str[i] = wr_numeric_encode(call->arena, &special);
    }
}

static double double_of_field(const struct field *field)
{
    static const double powers[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
    double value = (double)field->value / powers[field->scale];
    return field->day_fraction ? value + (double)field->micros / (double)USECS_PER_DAY : value;
}

static void date_part(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        enum datetime_unit unit = unit_of(call, i);
        struct field field = field_at(call, i, unit, true);
        if (field.kind == FIELD_BAD)
            fail_unit(call, i, unit, call->args[1].type.id == TYPE_TIMESTAMPTZ ? TYPE_TIMESTAMPTZ : TYPE_TIMESTAMP);
        else if (field.kind == FIELD_NULL && field.scale < 0)
            fn_fail(call, i, ERR_DATETIME_OVERFLOW, "date out of range for timestamp");
        else if (field.kind == FIELD_NULL)
            fn_null(call, i);
        else if (field.kind == FIELD_VALUE)
            call->out->f64[i] = double_of_field(&field);
        else
            call->out->f64[i] = field.kind == FIELD_PINF ? INFINITY : -INFINITY;
    }
}

/* Whether a field is there depends on unit and type alone. date_trunc() in a zone may find the start of a day before
 * the first timestamp, and date_part() goes by the timestamp, which a date may lack. */
bool wr_fn_date_part_is_total(const struct expr *call)
{
    const struct expr *arg = call->args[0];
    if (arg->kind != EXPR_CONST || arg->value.null)
        return false;
    enum datetime_unit unit = wr_datetime_unit(arg->value.str.len ? arg->value.str.data : "", arg->value.str.len);
    enum type_id of = call->args[1]->type.id;
    if (!strcmp(call->fn->name, "date_trunc"))
        return of == TYPE_TIMESTAMP && can_trunc(unit);
    if (of == TYPE_TIMESTAMP)
        return field_of_timestamp(0, unit).kind != FIELD_BAD;
    if (of == TYPE_TIMESTAMPTZ)
        return unit != UNIT_NONE;
    return call->type.id == TYPE_NUMERIC && field_of_date(0, unit).kind != FIELD_BAD;
}

#define T   TYPE_TEXT
#define TS  TYPE_TIMESTAMP
#define TZ  TYPE_TIMESTAMPTZ
#define D   TYPE_DATE
#define SF  FN_STRICT | FN_CAN_FAIL
#define SFN FN_STRICT | FN_CAN_FAIL | FN_MAY_NULL
#define PART(name, result, arg, flags, kernel, doc, example, value)                                 \
    {                                                                                               \
        name, result, 2, {T, arg}, flags, kernel, doc, example, value, prepare_unit, unprepare_unit \
    }

static const struct fn rows[] = {
    PART("date_trunc", TS, TS, SF, trunc_timestamp, "Start of the unit (hour, day, month ...) the time lies in.",
         "date_trunc('month', timestamp '2024-02-29 10:11:12')", "2024-02-01 00:00:00"),
    PART("date_trunc", TZ, TZ, SF | FN_STABLE, trunc_timestamptz, "Start of the unit on the zone's clock.",
         "date_trunc('hour', timestamptz '2024-02-29 10:11:12+00')", "2024-02-29 10:00:00+00"),
    PART("extract", TYPE_NUMERIC, TS, SFN, extract, "A field (year, dow, epoch ...) of the time.",
         "extract(second from timestamp '2024-02-29 10:11:12.5')", "12.500000"),
    PART("extract", TYPE_NUMERIC, TZ, SFN | FN_STABLE, extract, "A field of the time on the zone's clock.",
         "extract(epoch from timestamptz '2024-02-29 10:11:12+00')", "1709201472.000000"),
    PART("extract", TYPE_NUMERIC, D, SFN, extract, "A field of the date.", "extract(doy from date '2024-02-29')", "60"),
    PART("date_part", TYPE_FLOAT8, TS, SFN, date_part, "A field of the time as double precision.",
         "date_part('hour', timestamp '2024-02-29 10:11:12')", "10"),
    PART("date_part", TYPE_FLOAT8, TZ, SFN | FN_STABLE, date_part, "A field of the time as double precision.",
         "date_part('week', timestamptz '2024-02-29 10:11:12+00')", "9"),
    PART("date_part", TYPE_FLOAT8, D, SFN, date_part, "A field of the date as double precision.",
         "date_part('quarter', date '2024-02-29')", "1"),
};

FAMILY(wr_fn_date_part_family, rows);
