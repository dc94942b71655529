/* POSIX TZ rules: parsing, and the offset they give for an instant. */
#include "types/timezone_rule.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "types/datetime.h"
#include "types/timezone.h"

static bool take_name(const char **at, char *to)
{
    bool quoted = **at == '<';
    size_t n = 0;
    *at += quoted;
    while (quoted ? **at && **at != '>' : wr_is_alpha(**at)) {
        if (n == 15)
            return false;
        to[n++] = *(*at)++;
    }
    to[n] = '\0';
    if (quoted && *(*at)++ != '>')
        return false;
    return n > 0;
}

static bool take_int(const char **at, int *out)
{
    int value = 0, n = 0;
    while (wr_is_digit(**at) && n < 4) {
        value = value * 10 + (*(*at)++ - '0');
        n++;
    }
    *out = value;
    return n > 0;
}

/* [+-]h[h[h]][:mm[:ss]] */
static bool take_time(const char **at, int32_t *out)
{
    bool negative = **at == '-';
    int hours, minutes = 0, seconds = 0;
    *at += **at == '-' || **at == '+';
    TRY(take_int(at, &hours));
    if (**at == ':') {
        ++*at;
        TRY(take_int(at, &minutes));
    }
    if (**at == ':') {
        ++*at;
        TRY(take_int(at, &seconds));
    }
    *out = (hours * 3600 + minutes * 60 + seconds) * (negative ? -1 : 1);
    return hours <= 167;
}

static bool take_date(const char **at, struct zone_change *change)
{
    int month = 0, week = 0, day = 0;
    change->form = **at == 'M' || **at == 'J' ? *(*at)++ : 'D';
    if (change->form == 'M') {
        TRY(take_int(at, &month) && *(*at)++ == '.');
        TRY(take_int(at, &week) && *(*at)++ == '.');
        if (month < 1 || month > 12 || week < 1 || week > 5)
            return false;
    }
    TRY(take_int(at, &day));
    change->month = (int8_t)month;
    change->week = (int8_t)week;
    change->day = (int16_t)day;
    return day <= (change->form == 'M' ? 6 : 365);
}

static bool take_change(const char **at, struct zone_change *change)
{
    if (*(*at)++ != ',')
        return false;
    TRY(take_date(at, change));
    change->time = 7200;
    if (**at != '/')
        return true;
    ++*at;
    return take_time(at, &change->time);
}

bool wr_zone_rule_parse(const char *at, struct zone_rule *rule)
{
    memset(rule, 0, sizeof *rule);
    TRY(take_name(&at, rule->standard_name));
    TRY(take_time(&at, &rule->standard));
    rule->standard = -rule->standard; /* POSIX counts west */
    if (!*at)
        return true;
    rule->has_daylight = true;
    rule->daylight = rule->standard + 3600;
    TRY(take_name(&at, rule->daylight_name));
    if (*at && *at != ',') {
        TRY(take_time(&at, &rule->daylight));
        rule->daylight = -rule->daylight;
    }
    return take_change(&at, &rule->start) && take_change(&at, &rule->end) && !*at;
}

/* Day number of the change in that year. */
static int64_t change_day(const struct zone_change *change, int64_t year)
{
    if (change->form == 'D')
        return wr_days_from_civil(year, 1, 1) + change->day;
    if (change->form == 'J') {
        int64_t first = wr_days_from_civil(year, 1, 1);
        return first + change->day - 1 + (change->day >= 60 && wr_days_in_month(year, 2) == 29);
    }
    int64_t first = wr_days_from_civil(year, change->month, 1);
    int weekday = (int)(first + 4 - 7 * wr_floor_div(first + 4, 7));
    int day = (change->day - weekday + 7) % 7 + 7 * (change->week - 1);
    if (day >= wr_days_in_month(year, change->month))
        day -= 7; /* week 5 is the last */
    return first + day;
}

int32_t wr_zone_rule_offset(const struct zone_rule *rule, int64_t seconds, char *abbrev)
{
    bool daylight = false;
    if (rule->has_daylight) {
        int32_t year;
        int8_t month, day;
        wr_civil_from_days(wr_floor_div(seconds + rule->standard, 86400), &year, &month, &day);
        int64_t start = change_day(&rule->start, year) * 86400 + rule->start.time - rule->standard;
        int64_t end = change_day(&rule->end, year) * 86400 + rule->end.time - rule->daylight;
        daylight = start < end ? seconds >= start && seconds < end : seconds >= start || seconds < end;
    }
    if (abbrev)
        snprintf(abbrev, TIMEZONE_ABBREV_MAX, "%s", daylight ? rule->daylight_name : rule->standard_name);
    return daylight ? rule->daylight : rule->standard;
}
