/* Dates and timestamps: the calendar, and the text forms of PostgreSQL 15 (ISO output, month before day in input).
 *
 * Proleptic Gregorian. date = days, timestamp = microseconds since 1970-01-01 (UTC for timestamptz). The calendar's
 * first day is 4714-11-24 BC. Our epoch is 1970 where PostgreSQL's is 2000, so timestamps end at 294247-01-10 instead
 * of 294276-12-31; what lies between is refused as out of range. */
#ifndef WEIR_TYPES_DATETIME_H
#define WEIR_TYPES_DATETIME_H

#include "base/buf.h"
#include "base/error.h"
#include "types/timezone.h"
#include "types/type.h"

#define DATE_INFINITY          INT32_MAX
#define DATE_NEG_INFINITY      INT32_MIN
#define TIMESTAMP_INFINITY     INT64_MAX
#define TIMESTAMP_NEG_INFINITY INT64_MIN
#define USECS_PER_SEC          1000000LL
#define USECS_PER_DAY          86400000000LL
#define DATE_MIN               (-2440588)                 /* 4714-11-24 BC */
#define DATE_MAX               2145042905                 /* 5874898-05-31 */
#define TIMESTAMP_MIN          (DATE_MIN * USECS_PER_DAY) /* and < TIMESTAMP_INFINITY above */
#define PG_EPOCH_DAYS          10957                      /* 2000-01-01 */

struct civil {
    int32_t year; /* astronomical: 0 = 1 BC */
    int8_t month, day, hour, minute, second;
    int32_t micros;
};

/* Days since 1970-01-01 in the Gregorian calendar, and back; years are astronomical (0 = 1 BC). */
int64_t wr_days_from_civil(int64_t year, int month, int day);
void wr_civil_from_days(int64_t days, int32_t *year, int8_t *month, int8_t *day);
/* Is there such a day? */
bool wr_civil_valid_date(int64_t year, int month, int day);
int wr_days_in_month(int64_t year, int month);
static inline bool wr_date_is_finite(int32_t date)
{
    return date != DATE_INFINITY && date != DATE_NEG_INFINITY;
}
static inline bool wr_timestamp_is_finite(int64_t ts)
{
    return ts != TIMESTAMP_INFINITY && ts != TIMESTAMP_NEG_INFINITY;
}
static inline bool wr_timestamp_in_range(int64_t ts)
{
    return ts >= TIMESTAMP_MIN || ts == TIMESTAMP_NEG_INFINITY;
}
/* Finite timestamps only. */
struct civil wr_timestamp_to_civil(int64_t ts);
/* false if outside the range. Fields may exceed their units only by second = 60 or hour = 24. */
bool wr_timestamp_from_civil(const struct civil *civil, int64_t *ts) WR_MUST;
static inline int64_t wr_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* timestamptz <-> the wall clock of a zone (NULL = UTC); infinities stay. 22008 "timestamp out of range". */
bool wr_timestamptz_to_local(int64_t utc, const struct timezone *timezone, int64_t *local,
                             struct wr_error *err) WR_MUST;
bool wr_timestamptz_from_local(int64_t local, const struct timezone *timezone, int64_t *utc,
                               struct wr_error *err) WR_MUST;
/* date -> timestamp at midnight; 22008 "date out of range for timestamp". */
bool wr_date_to_timestamp(int32_t date, int64_t *ts, struct wr_error *err) WR_MUST;
int32_t wr_timestamp_to_date(int64_t ts);
/* timestamp(p): type.precision - 1 digits, half away from zero. */
int64_t wr_timestamp_apply_typmod(int64_t ts, struct type type);

/* Building blocks of date_trunc() and extract(), on local (zone-less) timestamps. Units:  */
enum datetime_unit {
    UNIT_MICROSECONDS,
    UNIT_MILLISECONDS,
    UNIT_SECOND,
    UNIT_MINUTE,
    UNIT_HOUR,
    UNIT_DAY,
    UNIT_WEEK,
    UNIT_MONTH,
    UNIT_QUARTER,
    UNIT_YEAR,
    UNIT_DECADE,
    UNIT_CENTURY,
    UNIT_MILLENNIUM,
    UNIT_ISOYEAR,
    UNIT_DOW,
    UNIT_ISODOW,
    UNIT_DOY,
    UNIT_JULIAN,
    UNIT_EPOCH,
    UNIT_TIMEZONE,
    UNIT_TIMEZONE_HOUR,
    UNIT_TIMEZONE_MINUTE,
    UNIT_NONE
};
/* By PostgreSQL's names and plurals, any case; UNIT_NONE if unknown. */
enum datetime_unit wr_datetime_unit(const char *name, size_t len);
/* MICROSECONDS .. MILLENNIUM (floor to the unit's start); infinities stay. The start of the first century or so may lie
 * before the calendar: the caller checks wr_timestamp_in_range() and fails with 22008 "timestamp out of range". */
int64_t wr_timestamp_trunc(int64_t ts, enum datetime_unit unit);
/* Whole-number fields of a finite timestamp. SECOND gives micros within the minute (divide by 10^6),
 * MILLISECONDS and MICROSECONDS likewise micros within the minute. Not EPOCH, JULIAN, TIMEZONE*. */
int64_t wr_timestamp_field(int64_t ts, enum datetime_unit unit);
int wr_iso_week(int64_t days, int32_t *iso_year);

/* Text. */
void wr_date_print(struct wr_buf *buf, int32_t date);
void wr_timestamp_print(struct wr_buf *buf, int64_t ts);
void wr_timestamptz_print(struct wr_buf *buf, int64_t ts, const struct timezone *timezone);
/* 22007 bad syntax, 22008 out of range, 22009 zone displacement, 22023 unknown zone. Words that mean the clock (now,
 * today, ...) are refused: they have no meaning in a stored query. */
bool wr_date_parse(const char *text, size_t len, int32_t *out, struct wr_error *err) WR_MUST;
bool wr_timestamp_parse(const char *text, size_t len, int64_t *out, struct wr_error *err) WR_MUST;
bool wr_timestamptz_parse(const char *text, size_t len, const struct timezone *timezone, int64_t *out,
                          struct wr_error *err) WR_MUST;

#endif
