/* Dates and times from integers with a unit and from ISO-8601 text. */
#include <string.h>

#include "connectors/decode_value.h"
#include "types/datetime.h"

/* What PostgreSQL's connector takes infinite timestamps for, in microseconds. (Nanoseconds do not hold it.) */
#define DEBEZIUM_INFINITY       9223372036825200000
#define DEBEZIUM_MINUS_INFINITY (-9223372036832400000)

int64_t wr_debezium_infinity(int64_t micros)
{
    return micros == DEBEZIUM_INFINITY ? INT64_MAX : micros == DEBEZIUM_MINUS_INFINITY ? INT64_MIN : micros;
}

bool wr_micros_of(int64_t number, enum wire_unit unit, int64_t *micros)
{
    int64_t factor = 1;
    switch (unit) {
    case WIRE_DAYS:
        factor = 86400000000;
        break;
    case WIRE_SECOND:
        factor = 1000000;
        break;
    case WIRE_MILLI:
        factor = 1000;
        break;
    case WIRE_NANO: /* toward the past, as PostgreSQL's own truncation of a finer clock would */
        number = number / 1000 - (number % 1000 < 0);
        break;
    default:
        break;
    }
    if (__builtin_mul_overflow(number, factor, micros))
        return false;
    int64_t sent = *micros;
    *micros = wr_debezium_infinity(sent);
    return *micros != sent || (sent >= TIMESTAMP_MIN && sent != INT64_MAX);
}

static bool digits(const char **at, const char *end, int min, int max, int64_t *number)
{
    int n = 0;
    *number = 0;
    while (*at < end && n < max && **at >= '0' && **at <= '9') {
        *number = *number * 10 + (*(*at)++ - '0');
        n++;
    }
    return n >= min;
}

static bool expect(const char **at, const char *end, char c)
{
    if (*at >= end || **at != c)
        return false;
    (*at)++;
    return true;
}

/* [+-]YYYY-MM-DD; a sign allows more digits, and year 0 is 1 BC (ISO-8601's expanded years). */
static bool read_date(const char **at, const char *end, int64_t *days)
{
    bool negative = *at < end && **at == '-', sign = negative || (*at < end && **at == '+');
    *at += sign;
    int64_t year, month, day;
    if (!digits(at, end, 4, sign ? 9 : 4, &year) || !expect(at, end, '-') || !digits(at, end, 2, 2, &month) ||
        !expect(at, end, '-') || !digits(at, end, 2, 2, &day))
        return false;
    year = negative ? -year : year;
    if (!wr_civil_valid_date(year, (int)month, (int)day))
        return false;
    *days = wr_days_from_civil(year, (int)month, (int)day);
    return true;
}

/* hh:mm[:ss[.f...]], f beyond microseconds cut off. */
static bool read_time(const char **at, const char *end, int64_t *micros)
{
    int64_t hour, minute, second = 0, fraction = 0;
    if (!digits(at, end, 2, 2, &hour) || !expect(at, end, ':') || !digits(at, end, 2, 2, &minute))
        return false;
    if (expect(at, end, ':')) {
        if (!digits(at, end, 2, 2, &second))
            return false;
        if (expect(at, end, '.')) {
            int n = 0;
            for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, n++)
                if (n < 6)
                    fraction = fraction * 10 + (**at - '0');
            if (!n)
                return false;
            for (; n < 6; n++)
                fraction *= 10;
        }
    }
    if (hour > 24 || minute > 59 || second > 60 || (hour == 24 && (minute || second || fraction)))
        return false;
    *micros = ((hour * 60 + minute) * 60 + second) * 1000000 + fraction;
    return true;
}

/* Z, ±hh, ±hhmm, ±hh:mm, ±hh:mm:ss, or nothing. */
static bool read_zone(const char **at, const char *end, bool *has_zone, int64_t *micros)
{
    *has_zone = *at < end;
    *micros = 0;
    if (*at == end || expect(at, end, 'Z'))
        return true;
    if (**at != '+' && **at != '-')
        return false;
    int64_t sign = *(*at)++ == '-' ? -1 : 1, hour, minute = 0, second = 0;
    if (!digits(at, end, 2, 2, &hour))
        return false;
    bool colon = expect(at, end, ':');
    if ((colon || *at < end) && !digits(at, end, 2, 2, &minute))
        return false;
    if (expect(at, end, ':') && !digits(at, end, 2, 2, &second))
        return false;
    if (hour > 15 || minute > 59 || second > 59)
        return false;
    *micros = sign * ((hour * 60 + minute) * 60 + second) * 1000000;
    return true;
}

bool wr_iso_timestamp(const char *text, size_t len, int64_t *micros, bool *has_zone)
{
    const char *at = text, *end = text + len;
    int64_t days, time = 0, zone;
    *has_zone = false;
    if (len == 8 && !memcmp(text, "infinity", 8)) {
        *micros = INT64_MAX;
        return *has_zone = true;
    }
    if (len == 9 && !memcmp(text, "-infinity", 9)) {
        *micros = INT64_MIN;
        return *has_zone = true;
    }
    if (!read_date(&at, end, &days))
        return false;
    if (at < end && (*at == 'T' || *at == ' ')) {
        at++;
        if (!read_time(&at, end, &time))
            return false;
    }
    if (!read_zone(&at, end, has_zone, &zone) || at != end)
        return false;
    return !__builtin_mul_overflow(days, 86400000000, &days) && !__builtin_add_overflow(days, time - zone, micros) &&
           *micros >= TIMESTAMP_MIN && *micros != INT64_MAX;
}

/* A zone after a date (isostring mode writes 2024-02-29Z) does not move it. */
bool wr_iso_date(const char *text, size_t len, int32_t *out)
{
    const char *at = text, *end = text + len;
    int64_t days, zone;
    bool has_zone;
    if (!read_date(&at, end, &days) || !read_zone(&at, end, &has_zone, &zone) || at != end)
        return false;
    if (days < DATE_MIN || days > DATE_MAX)
        return false;
    *out = (int32_t)days;
    return true;
}
