/* The calendar and the parts of a timestamp. */
#include "types/datetime.h"

#include "base/ascii.h"

/* Days counted in eras of 400 years that begin on 1 March, so that leap days come last. */
int64_t wr_days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = wr_floor_div(year, 400), of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void wr_civil_from_days(int64_t days, int32_t *year, int8_t *month, int8_t *day)
{
    days += 719468;
    int64_t era = wr_floor_div(days, 146097), of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int8_t)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int8_t)(m < 10 ? m + 3 : m - 9);
    *year = (int32_t)(y + era * 400 + (*month <= 2));
}

int wr_days_in_month(int64_t year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

bool wr_civil_valid_date(int64_t year, int month, int day)
{
    return month >= 1 && month <= 12 && day >= 1 && day <= wr_days_in_month(year, month);
}

struct civil wr_timestamp_to_civil(int64_t ts)
{
    struct civil c;
    int64_t days = wr_floor_div(ts, USECS_PER_DAY), rest = ts - days * USECS_PER_DAY;
    wr_civil_from_days(days, &c.year, &c.month, &c.day);
    c.micros = (int32_t)(rest % USECS_PER_SEC);
    int seconds = (int)(rest / USECS_PER_SEC);
    c.hour = (int8_t)(seconds / 3600);
    c.minute = (int8_t)(seconds / 60 % 60);
    c.second = (int8_t)(seconds % 60);
    return c;
}

static bool in_range(int64_t ts)
{
    return ts >= TIMESTAMP_MIN && ts < TIMESTAMP_INFINITY;
}

bool wr_timestamp_from_civil(const struct civil *c, int64_t *ts)
{
    int64_t days = wr_days_from_civil(c->year, c->month, c->day);
    int64_t of_day = ((c->hour * 60LL + c->minute) * 60 + c->second) * USECS_PER_SEC + c->micros;
    return !__builtin_mul_overflow(days, USECS_PER_DAY, ts) && !__builtin_add_overflow(*ts, of_day, ts) &&
           in_range(*ts);
}

static bool fail_range(struct wr_error *err)
{
    return wr_fail(err, ERR_DATETIME_OVERFLOW, "timestamp out of range");
}

bool wr_timestamptz_to_local(int64_t utc, const struct timezone *timezone, int64_t *local, struct wr_error *err)
{
    *local = utc;
    if (!timezone || !wr_timestamp_is_finite(utc))
        return true;
    int64_t offset = wr_timezone_offset(timezone, wr_floor_div(utc, USECS_PER_SEC), NULL);
    if (__builtin_add_overflow(utc, offset * USECS_PER_SEC, local) || !in_range(*local))
        return fail_range(err);
    return true;
}

bool wr_timestamptz_from_local(int64_t local, const struct timezone *timezone, int64_t *utc, struct wr_error *err)
{
    *utc = local;
    if (!timezone || !wr_timestamp_is_finite(local))
        return true;
    int64_t offset = wr_timezone_offset_local(timezone, wr_floor_div(local, USECS_PER_SEC));
    if (__builtin_sub_overflow(local, offset * USECS_PER_SEC, utc) || !in_range(*utc))
        return fail_range(err);
    return true;
}

bool wr_date_to_timestamp(int32_t date, int64_t *ts, struct wr_error *err)
{
    if (!wr_date_is_finite(date)) {
        *ts = date == DATE_INFINITY ? TIMESTAMP_INFINITY : TIMESTAMP_NEG_INFINITY;
        return true;
    }
    if (__builtin_mul_overflow((int64_t)date, USECS_PER_DAY, ts) || !in_range(*ts))
        return wr_fail(err, ERR_DATETIME_OVERFLOW, "date out of range for timestamp");
    return true;
}

int32_t wr_timestamp_to_date(int64_t ts)
{
    if (!wr_timestamp_is_finite(ts))
        return ts == TIMESTAMP_INFINITY ? DATE_INFINITY : DATE_NEG_INFINITY;
    return (int32_t)wr_floor_div(ts, USECS_PER_DAY);
}

/* PostgreSQL rounds half away from its own zero, 2000-01-01. */
int64_t wr_timestamp_apply_typmod(int64_t ts, struct type type)
{
    int digits = type.precision - 1;
    if (digits < 0 || digits >= 6 || !wr_timestamp_is_finite(ts))
        return ts;
    int64_t unit = 1, epoch = PG_EPOCH_DAYS * USECS_PER_DAY, since, rounded;
    for (int i = digits; i < 6; i++)
        unit *= 10;
    if (__builtin_sub_overflow(ts, epoch, &since))
        return ts;
    rounded = since >= 0 ? (since + unit / 2) / unit * unit : -((-since + unit / 2) / unit * unit);
    return __builtin_add_overflow(rounded, epoch, &rounded) ? ts : rounded;
}

/* --- units ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint8_t unit;
} unit_names[] = {
    {"microseconds", UNIT_MICROSECONDS},
    {"microsecond", UNIT_MICROSECONDS},
    {"usec", UNIT_MICROSECONDS},
    {"usecs", UNIT_MICROSECONDS},
    {"us", UNIT_MICROSECONDS},
    {"useconds", UNIT_MICROSECONDS},
    {"usecond", UNIT_MICROSECONDS},
    {"milliseconds", UNIT_MILLISECONDS},
    {"millisecond", UNIT_MILLISECONDS},
    {"msec", UNIT_MILLISECONDS},
    {"msecs", UNIT_MILLISECONDS},
    {"msecond", UNIT_MILLISECONDS},
    {"mseconds", UNIT_MILLISECONDS},
    {"ms", UNIT_MILLISECONDS},
    {"second", UNIT_SECOND},
    {"seconds", UNIT_SECOND},
    {"sec", UNIT_SECOND},
    {"secs", UNIT_SECOND},
    {"s", UNIT_SECOND},
    {"minute", UNIT_MINUTE},
    {"minutes", UNIT_MINUTE},
    {"min", UNIT_MINUTE},
    {"mins", UNIT_MINUTE},
    {"m", UNIT_MINUTE},
    {"hour", UNIT_HOUR},
    {"hours", UNIT_HOUR},
    {"hr", UNIT_HOUR},
    {"hrs", UNIT_HOUR},
    {"h", UNIT_HOUR},
    {"day", UNIT_DAY},
    {"days", UNIT_DAY},
    {"d", UNIT_DAY},
    {"week", UNIT_WEEK},
    {"weeks", UNIT_WEEK},
    {"w", UNIT_WEEK},
    {"month", UNIT_MONTH},
    {"months", UNIT_MONTH},
    {"mon", UNIT_MONTH},
    {"mons", UNIT_MONTH},
    {"quarter", UNIT_QUARTER},
    {"qtr", UNIT_QUARTER},
    {"year", UNIT_YEAR},
    {"years", UNIT_YEAR},
    {"yr", UNIT_YEAR},
    {"yrs", UNIT_YEAR},
    {"y", UNIT_YEAR},
    {"decade", UNIT_DECADE},
    {"decades", UNIT_DECADE},
    {"dec", UNIT_DECADE},
    {"decs", UNIT_DECADE},
    {"century", UNIT_CENTURY},
    {"centuries", UNIT_CENTURY},
    {"cent", UNIT_CENTURY},
    {"c", UNIT_CENTURY},
    {"millennium", UNIT_MILLENNIUM},
    {"millennia", UNIT_MILLENNIUM},
    {"mil", UNIT_MILLENNIUM},
    {"mils", UNIT_MILLENNIUM},
    {"isoyear", UNIT_ISOYEAR},
    {"dow", UNIT_DOW},
    {"isodow", UNIT_ISODOW},
    {"doy", UNIT_DOY},
    {"julian", UNIT_JULIAN},
    {"j", UNIT_JULIAN},
    {"jd", UNIT_JULIAN},
    {"epoch", UNIT_EPOCH},
    {"timezone", UNIT_TIMEZONE},
    {"timezone_h", UNIT_TIMEZONE_HOUR},
    {"timezone_hour", UNIT_TIMEZONE_HOUR},
    {"timezone_m", UNIT_TIMEZONE_MINUTE},
    {"timezone_minute", UNIT_TIMEZONE_MINUTE},
};

enum datetime_unit wr_datetime_unit(const char *name, size_t len)
{
    for (size_t i = 0; i < WR_COUNT(unit_names); i++)
        if (strlen(unit_names[i].name) == len && !wr_ncasecmp(unit_names[i].name, name, len))
            return (enum datetime_unit)unit_names[i].unit;
    return UNIT_NONE;
}

/* Years are counted without a year 0: the decade of 5 BC is -1, century and millennium begin in a year 1. */
static int64_t year_start(int64_t year, enum datetime_unit unit)
{
    switch (unit) {
    case UNIT_DECADE:
        return wr_floor_div(year, 10) * 10;
    case UNIT_CENTURY:
        return wr_floor_div(year - 1, 100) * 100 + 1;
    case UNIT_MILLENNIUM:
        return wr_floor_div(year - 1, 1000) * 1000 + 1;
    default:
        return year;
    }
}

static int64_t week_start(int64_t days)
{
    return days - (days + 3 - 7 * wr_floor_div(days + 3, 7)); /* 1970-01-01 was a Thursday */
}

static int64_t trunc_days(int64_t days, enum datetime_unit unit)
{
    int32_t year;
    int8_t month, day;
    if (unit == UNIT_DAY)
        return days;
    if (unit == UNIT_WEEK)
        return week_start(days);
    wr_civil_from_days(days, &year, &month, &day);
    if (unit == UNIT_MONTH)
        return wr_days_from_civil(year, month, 1);
    if (unit == UNIT_QUARTER)
        return wr_days_from_civil(year, (month - 1) / 3 * 3 + 1, 1);
    return wr_days_from_civil(year_start(year, unit), 1, 1);
}

int64_t wr_timestamp_trunc(int64_t ts, enum datetime_unit unit)
{
    static const int64_t spans[] = {[UNIT_MICROSECONDS] = 1,
                                    [UNIT_MILLISECONDS] = 1000,
                                    [UNIT_SECOND] = USECS_PER_SEC,
                                    [UNIT_MINUTE] = 60 * USECS_PER_SEC,
                                    [UNIT_HOUR] = 3600 * USECS_PER_SEC};
    if (!wr_timestamp_is_finite(ts))
        return ts;
    if (unit <= UNIT_HOUR)
        return wr_floor_div(ts, spans[unit]) * spans[unit];
    return trunc_days(wr_floor_div(ts, USECS_PER_DAY), unit) * USECS_PER_DAY;
}

int wr_iso_week(int64_t days, int32_t *iso_year)
{
    int8_t month, day;
    int64_t monday = week_start(days);
    wr_civil_from_days(monday + 3, iso_year, &month, &day); /* a week belongs to the year of its Thursday */
    return (int)((monday + 3 - wr_days_from_civil(*iso_year, 1, 1)) / 7 + 1);
}

/* Years as people count them: 0 is 1 BC, shown as -1. */
static int64_t shown_year(int64_t year)
{
    return year > 0 ? year : year - 1;
}

static int64_t day_field(int64_t days, enum datetime_unit unit)
{
    int32_t iso_year;
    int week = wr_iso_week(days, &iso_year);
    int dow = (int)(days + 4 - 7 * wr_floor_div(days + 4, 7));
    if (unit == UNIT_WEEK)
        return week;
    if (unit == UNIT_ISOYEAR)
        return shown_year(iso_year);
    if (unit == UNIT_ISODOW)
        return dow ? dow : 7;
    return dow;
}

static int64_t year_field(int64_t year, enum datetime_unit unit)
{
    if (unit == UNIT_DECADE)
        return wr_floor_div(year, 10);
    int64_t span = unit == UNIT_CENTURY ? 100 : unit == UNIT_MILLENNIUM ? 1000 : 1;
    if (span == 1)
        return shown_year(year);
    return year > 0 ? (year + span - 1) / span : -((span - 1 - (year - 1)) / span);
}

int64_t wr_timestamp_field(int64_t ts, enum datetime_unit unit)
{
    struct civil c = wr_timestamp_to_civil(ts);
    switch (unit) {
    case UNIT_MICROSECONDS:
    case UNIT_MILLISECONDS:
    case UNIT_SECOND:
        return c.second * USECS_PER_SEC + c.micros;
    case UNIT_MINUTE:
        return c.minute;
    case UNIT_HOUR:
        return c.hour;
    case UNIT_DAY:
        return c.day;
    case UNIT_MONTH:
        return c.month;
    case UNIT_QUARTER:
        return (c.month - 1) / 3 + 1;
    case UNIT_DOY:
        return wr_days_from_civil(c.year, c.month, c.day) - wr_days_from_civil(c.year, 1, 1) + 1;
    case UNIT_WEEK:
    case UNIT_ISOYEAR:
    case UNIT_DOW:
    case UNIT_ISODOW:
        return day_field(wr_floor_div(ts, USECS_PER_DAY), unit);
    default:
        return year_field(c.year, unit);
    }
}
