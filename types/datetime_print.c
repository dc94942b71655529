/* Dates and timestamps as PostgreSQL prints them with DateStyle ISO. */
#include "types/datetime.h"

static char *put2(char *to, int n)
{
    *to++ = (char)('0' + n / 10);
    *to++ = (char)('0' + n % 10);
    return to;
}

static char *put_date(char *to, int32_t year, int month, int day)
{
    char digits[12];
    int n = 0;
    int64_t shown = year > 0 ? year : 1 - (int64_t)year;
    for (; shown || n < 4; shown /= 10)
        digits[n++] = (char)('0' + shown % 10);
    while (n)
        *to++ = digits[--n];
    *to++ = '-';
    to = put2(to, month);
    *to++ = '-';
    return put2(to, day);
}

static char *put_time(char *to, const struct civil *c)
{
    *to++ = ' ';
    to = put2(to, c->hour);
    *to++ = ':';
    to = put2(to, c->minute);
    *to++ = ':';
    to = put2(to, c->second);
    if (!c->micros)
        return to;
    *to++ = '.';
    int rest = c->micros;
    for (int unit = 100000; rest; unit /= 10) {
        *to++ = (char)('0' + rest / unit);
        rest %= unit;
    }
    return to;
}

static void put_era(struct wr_buf *buf, int32_t year)
{
    if (year <= 0)
        wr_buf_put(buf, " BC", 3);
}

void wr_date_print(struct wr_buf *buf, int32_t date)
{
    int32_t year;
    int8_t month, day;
    if (!wr_date_is_finite(date)) {
        wr_buf_puts(buf, date == DATE_INFINITY ? "infinity" : "-infinity");
        return;
    }
    wr_civil_from_days(date, &year, &month, &day);
    char *to = wr_buf_reserve(buf, 32);
    buf->len += (size_t)(put_date(to, year, month, day) - to);
    put_era(buf, year);
}

static int32_t print_stamp(struct wr_buf *buf, int64_t ts)
{
    struct civil c = wr_timestamp_to_civil(ts);
    char *to = wr_buf_reserve(buf, 48);
    buf->len += (size_t)(put_time(put_date(to, c.year, c.month, c.day), &c) - to);
    return c.year;
}

static bool print_infinite(struct wr_buf *buf, int64_t ts)
{
    if (wr_timestamp_is_finite(ts))
        return false;
    wr_buf_puts(buf, ts == TIMESTAMP_INFINITY ? "infinity" : "-infinity");
    return true;
}

void wr_timestamp_print(struct wr_buf *buf, int64_t ts)
{
    if (!print_infinite(buf, ts))
        put_era(buf, print_stamp(buf, ts));
}

void wr_timestamptz_print(struct wr_buf *buf, int64_t ts, const struct timezone *timezone)
{
    if (print_infinite(buf, ts))
        return;
    int64_t local;
    int32_t offset = wr_timezone_offset(timezone, wr_floor_div(ts, USECS_PER_SEC), NULL);
    if (__builtin_add_overflow(ts, offset * USECS_PER_SEC, &local)) {
        local = ts;
        offset = 0;
    }
    int32_t year = print_stamp(buf, local);
    int32_t east = offset < 0 ? -offset : offset;
    char zone[12], *to = zone;
    *to++ = offset < 0 ? '-' : '+';
    to = put2(to, east / 3600);
    if (east % 3600) {
        *to++ = ':';
        to = put2(to, east / 60 % 60);
    }
    if (east % 60) {
        *to++ = ':';
        to = put2(to, east % 60);
    }
    wr_buf_put(buf, zone, (size_t)(to - zone));
    put_era(buf, year);
}
