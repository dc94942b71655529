/* Reading dates and timestamps.
 *
 * The forms that machines write ("2024-03-01", "2024-03-01 12:30:45.123456+02") are read by a straight scanner; all
 * else goes through a field reader that follows PostgreSQL's rules in their main lines: fields in any order, month
 * names, two-digit years, AM/PM, BC, zone names and abbreviations, month before day where both are numbers. */
#include <stdio.h>

#include "base/ascii.h"
#include "types/datetime.h"
#include "types/float_io.h"

enum result { DONE, BAD_FORMAT, FIELD_OVERFLOW, MD_OVERFLOW, ZONE_OVERFLOW, BAD_ZONE, RELATIVE };

#define FIELD_MAX 64
#define TEXT_MAX  128 /* as PostgreSQL: longer is a syntax error */

struct stamp {
    int64_t year;
    int month, day;
    int hour, minute, second, micros;
    bool has_year, has_month, has_day, has_time, has_zone, named_month, bc, two_digit_year;
    int meridian; /* 0 none, 1 AM, 2 PM */
    int32_t offset;
    const struct timezone *zone; /* a named zone: its offset depends on the date */
    int64_t special;             /* DATE or TIMESTAMP infinity, epoch */
    bool is_special;
    char bad_zone[FIELD_MAX];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* --- machine forms -------------------------------------------------------------------------------------------- */

static bool take(const char **at, const char *end, int n, int *out)
{
    int value = 0;
    if (end - *at < n)
        return false;
    for (int i = 0; i < n; i++) {
        char c = (*at)[i];
        if (!is_digit(c))
            return false;
        value = value * 10 + (c - '0');
    }
    *at += n;
    *out = value;
    return true;
}

static bool take_char(const char **at, const char *end, char c)
{
    if (*at == end || **at != c)
        return false;
    ++*at;
    return true;
}

static bool fast_fraction(const char **at, const char *end, int *micros)
{
    int n = 0, value = 0;
    for (; *at < end && is_digit(**at) && n < 6; ++*at, n++)
        value = value * 10 + (**at - '0');
    for (; n < 6; n++)
        value *= 10;
    *micros = value;
    return *at == end || !is_digit(**at); /* more digits need rounding: the long way */
}

static bool fast_zone(const char **at, const char *end, struct stamp *s)
{
    int hours, minutes = 0;
    if (*at == end)
        return true;
    s->has_zone = true;
    if (take_char(at, end, 'Z'))
        return true;
    bool west = **at == '-';
    if (!west && **at != '+')
        return false;
    ++*at;
    TRY(take(at, end, 2, &hours));
    if (take_char(at, end, ':'))
        TRY(take(at, end, 2, &minutes));
    s->offset = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return hours < 16 && minutes < 60;
}

/* false: not of this form (or wrong in some way): the field reader decides. */
static bool parse_fast(const char *at, const char *end, struct stamp *s)
{
    int year;
    TRY(take(&at, end, 4, &year) && take_char(&at, end, '-'));
    TRY(take(&at, end, 2, &s->month) && take_char(&at, end, '-'));
    TRY(take(&at, end, 2, &s->day));
    s->year = year;
    s->has_year = s->has_month = s->has_day = true;
    if (year == 0 || !wr_civil_valid_date(year, s->month, s->day))
        return false;
    if (at == end)
        return true;
    if (!take_char(&at, end, ' ') && !take_char(&at, end, 'T'))
        return false;
    TRY(take(&at, end, 2, &s->hour) && take_char(&at, end, ':'));
    TRY(take(&at, end, 2, &s->minute) && take_char(&at, end, ':'));
    TRY(take(&at, end, 2, &s->second));
    if (s->hour > 23 || s->minute > 59 || s->second > 59)
        return false;
    s->has_time = true;
    if (take_char(&at, end, '.'))
        TRY(fast_fraction(&at, end, &s->micros));
    return fast_zone(&at, end, s) && at == end;
}

/* --- fields --------------------------------------------------------------------------------------------------- */

static enum result zone_hms(struct stamp *s, int hours, int minutes, int seconds, bool west)
{
    if (hours > 15 || minutes > 59 || seconds > 59)
        return ZONE_OVERFLOW;
    s->offset = (hours * 3600 + minutes * 60 + seconds) * (west ? -1 : 1);
    s->has_zone = true;
    return DONE;
}

/* "+2", "+0230", "-02:30:15" */
static enum result zone_offset(struct stamp *s, const char *text)
{
    int hours, minutes = 0, seconds = 0, used = 0;
    bool west = *text++ == '-';
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6)
        return digits ? ZONE_OVERFLOW : BAD_FORMAT;
    if (text[digits] == ':') {
        if (sscanf(text, "%2d:%2d%n", &hours, &minutes, &used) < 2)
            return BAD_FORMAT;
        if (text[used] == ':') {
            int more = 0;
            if (sscanf(text + used, ":%2d%n", &seconds, &more) < 1)
                return BAD_FORMAT;
            used += more;
        }
        return text[used] ? BAD_FORMAT : zone_hms(s, hours, minutes, seconds, west);
    }
    if (text[digits])
        return BAD_FORMAT;
    int value = 0;
    sscanf(text, "%d", &value);
    if (digits > 4)
        return zone_hms(s, value / 10000, value / 100 % 100, value % 100, west);
    if (digits > 2)
        return zone_hms(s, value / 100, value % 100, 0, west);
    return zone_hms(s, value, 0, 0, west);
}

/* At the digits after the point: the nearest double, times a million, to even. */
static enum result fraction(const char *text, int *micros)
{
    char digits[TEXT_MAX + 4];
    double value = 0;
    bool range;
    size_t n = strspn(text, "0123456789");
    if (text[n])
        return BAD_FORMAT;
    snprintf(digits, sizeof digits, "0.%s0", text);
    wr_double_scan(digits, n + 3, &value, &range);
    *micros = (int)__builtin_rint(value * 1000000);
    return DONE;
}

/* "h:m", "h:m:s", "h:m:s.f" */
static enum result time_field(struct stamp *s, const char *text)
{
    int used = 0;
    if (s->has_time || sscanf(text, "%9d:%9d%n", &s->hour, &s->minute, &used) < 2)
        return BAD_FORMAT;
    s->has_time = true;
    text += used;
    if (*text == ':') {
        used = 1;
        if (text[1] && (!is_digit(text[1]) || sscanf(text, ":%9d%n", &s->second, &used) < 1))
            return BAD_FORMAT;
        text += used;
    }
    if (*text == '.') {
        enum result result = fraction(text + 1, &s->micros);
        if (result)
            return result;
    } else if (*text) {
        return BAD_FORMAT;
    }
    bool over = s->hour > 24 || s->minute > 59 || s->second > 60;
    bool past_24 = s->hour == 24 && (s->minute || s->second || s->micros);
    return over || past_24 ? FIELD_OVERFLOW : DONE;
}

static int month_named(const char *text, size_t len)
{
    static const char *const names[] = {"january", "february", "march",     "april",   "may",      "june",
                                        "july",    "august",   "september", "october", "november", "december"};
    for (int i = 0; i < 12; i++) {
        bool whole = strlen(names[i]) == len || len == 3 || (i == 8 && len == 4);
        if (whole && len >= 3 && !wr_ncasecmp(names[i], text, len))
            return i + 1;
    }
    return 0;
}

static bool is_weekday(const char *text)
{
    static const char *const names[] = {"sunday",   "monday", "tuesday", "wednesday", "thursday", "friday",
                                        "saturday", "sun",    "mon",     "tue",       "tues",     "wed",
                                        "weds",     "thu",    "thur",    "thurs",     "fri",      "sat"};
    for (size_t i = 0; i < WR_COUNT(names); i++)
        if (!wr_casecmp(names[i], text))
            return true;
    return false;
}

/* Abbreviations whose meaning does not depend on the date, from the default set. */
static bool zone_abbreviation(const char *text, int32_t *minutes)
{
    static const struct {
        const char *name;
        int16_t minutes;
    } zones[] = {
        {"z", 0},       {"utc", 0},     {"gmt", 0},    {"ut", 0},     {"uct", 0},    {"zulu", 0},   {"wet", 0},
        {"west", 60},   {"bst", 60},    {"cet", 60},   {"met", 60},   {"cest", 120}, {"mest", 120}, {"eet", 120},
        {"eest", 180},  {"msk", 180},   {"ist", 120},  {"pkt", 300},  {"jst", 540},  {"kst", 540},  {"awst", 480},
        {"aest", 600},  {"aedt", 660},  {"acst", 570}, {"acdt", 630}, {"nzst", 720}, {"nzdt", 780}, {"est", -300},
        {"edt", -240},  {"cst", -360},  {"cdt", -300}, {"mst", -420}, {"mdt", -360}, {"pst", -480}, {"pdt", -420},
        {"akst", -540}, {"akdt", -480}, {"hst", -600}, {"ast", -240}, {"adt", -180}, {"nst", -210}, {"ndt", -150},
        {"brt", -180},  {"brst", -120}, {"art", -180}, {"clt", -240}, {"hkt", 480},  {"sgt", 480},  {"pht", 480}};
    for (size_t i = 0; i < WR_COUNT(zones); i++) {
        if (wr_casecmp(zones[i].name, text))
            continue;
        *minutes = zones[i].minutes;
        return true;
    }
    return false;
}

static enum result set_year(struct stamp *s, int64_t year, size_t digits)
{
    if (s->has_year)
        return BAD_FORMAT;
    s->year = year;
    s->has_year = true;
    s->two_digit_year = digits <= 2;
    return DONE;
}

static enum result set_month(struct stamp *s, int64_t month)
{
    if (s->has_month)
        return BAD_FORMAT;
    s->month = (int)month;
    s->has_month = true;
    return DONE;
}

static enum result set_day(struct stamp *s, int64_t day)
{
    if (s->has_day)
        return BAD_FORMAT;
    s->day = (int)day;
    s->has_day = true;
    return DONE;
}

/* A month's name says what a number before it was: "8 January". */
static enum result named_month(struct stamp *s, int month)
{
    if (s->has_month && !s->named_month && !s->has_day) {
        s->day = s->month;
        s->has_day = true;
        s->has_month = false;
    }
    s->named_month = true;
    return set_month(s, month);
}

/* A number of a date by its place: year first if it has three digits or more, else month, day, year. */
static enum result date_number(struct stamp *s, const char *text, size_t digits)
{
    int64_t value = 0;
    if (digits > 9)
        return FIELD_OVERFLOW;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (text[i] - '0');
    if (digits >= 3 && !s->has_year)
        return set_year(s, value, digits);
    if (!s->has_month)
        return set_month(s, value);
    if (!s->has_day)
        return set_day(s, value);
    return set_year(s, value, digits);
}

/* Parts joined by '-', '/' or '.', one of them perhaps a month's name. */
static enum result date_field(struct stamp *s, char *text)
{
    char *parts[3];
    int n = 0, named = -1;
    for (char *at = text; *at && n < 3; n++) {
        parts[n] = at;
        at += strcspn(at, "-/.");
        if (*at)
            *at++ = '\0';
        if (n == 2 && *at)
            return BAD_FORMAT;
    }
    for (int i = 0; i < n; i++) {
        if (!wr_is_alpha(parts[i][0]))
            continue;
        int month = month_named(parts[i], strlen(parts[i]));
        if (!month || named >= 0)
            return BAD_FORMAT;
        named = i;
        enum result result = named_month(s, month);
        if (result)
            return result;
    }
    if (n < 2 || s->has_time) /* a date in numbers stands before the time */
        return BAD_FORMAT;
    for (int i = 0; i < n; i++) {
        size_t digits = strspn(parts[i], "0123456789");
        if (i == named)
            continue;
        if (digits == 0 || parts[i][digits])
            return BAD_FORMAT;
        enum result result = date_number(s, parts[i], digits);
        if (result)
            return result;
    }
    return DONE;
}

/* A bare number: YYYYMMDD, YYMMDD, HHMMSS or HHMM after a date, else a part of a date. */
static enum result number_field(struct stamp *s, const char *text, bool after_t)
{
    int used = 0, a, b, c;
    size_t digits = strspn(text, "0123456789");
    bool has_date = s->has_year && s->has_month && s->has_day;
    if ((has_date || after_t) && !s->has_time && (digits == 6 || digits == 4)) {
        if (text[digits] && text[digits] != '.')
            return BAD_FORMAT;
        s->second = 0;
        if (sscanf(text, digits == 6 ? "%2d%2d%2d" : "%2d%2d", &s->hour, &s->minute, &s->second) < 2)
            return BAD_FORMAT;
        s->has_time = true;
        enum result result = text[digits] == '.' ? fraction(text + digits + 1, &s->micros) : DONE;
        if (result)
            return result;
        return s->hour > 24 || s->minute > 59 || s->second > 60 ? FIELD_OVERFLOW : DONE;
    }
    if (text[digits])
        return BAD_FORMAT;
    if (digits >= 8 && !s->has_year && !s->has_month && !s->has_day && digits <= 10) {
        int64_t value = 0;
        for (size_t i = 0; i < digits; i++)
            value = value * 10 + (text[i] - '0');
        set_day(s, value % 100);
        set_month(s, value / 100 % 100);
        return set_year(s, value / 10000, digits - 4);
    }
    if (digits == 6 && !s->has_year && !s->has_month && !s->has_day &&
        sscanf(text, "%2d%2d%2d%n", &a, &b, &c, &used) == 3) {
        set_day(s, c);
        set_month(s, b);
        return set_year(s, a, 2);
    }
    if (s->has_month && !s->has_day && digits <= 2)
        return date_number(s, text, digits);
    return date_number(s, text, digits);
}

static enum result special(struct stamp *s, int64_t value)
{
    s->is_special = true;
    s->special = value;
    return DONE;
}

static enum result zone_named(struct stamp *s, const char *text)
{
    int32_t minutes;
    if (s->has_zone)
        return BAD_FORMAT;
    if (zone_abbreviation(text, &minutes)) {
        s->offset = minutes * 60;
        s->has_zone = true;
        return DONE;
    }
    s->zone = wr_timezone_find(text);
    if (!s->zone) {
        for (size_t i = 0; text[i] && i + 1 < sizeof s->bad_zone; i++)
            s->bad_zone[i] = wr_to_lower(text[i]);
        /* a word with punctuation is a zone's name only behind a date; before, it would have to be the date */
        return s->has_month && s->has_day && strpbrk(text, "+-/_.:") ? BAD_ZONE : BAD_FORMAT;
    }
    s->has_zone = true;
    return DONE;
}

/* Words that mean another time each day. */
static const char *const relative_days[] = {"now", "today", "tomorrow", "yesterday"};

static enum result word_field(struct stamp *s, const char *text)
{
    int month = month_named(text, strlen(text));
    if (month)
        return named_month(s, month);
    if (is_weekday(text) || !wr_casecmp(text, "at") || !wr_casecmp(text, "on"))
        return DONE;
    if (!wr_casecmp(text, "ad") || !wr_casecmp(text, "bc")) {
        s->bc = wr_to_lower(text[0]) == 'b';
        return DONE;
    }
    if (!wr_casecmp(text, "am") || !wr_casecmp(text, "pm")) {
        s->meridian = wr_to_lower(text[0]) == 'a' ? 1 : 2;
        return DONE;
    }
    if (!wr_casecmp(text, "epoch"))
        return special(s, 0);
    for (size_t i = 0; i < WR_COUNT(relative_days); i++)
        if (!wr_casecmp(text, relative_days[i]))
            return RELATIVE;
    if (!wr_casecmp(text, "infinity"))
        return special(s, TIMESTAMP_INFINITY);
    if (!wr_casecmp(text, "-infinity"))
        return special(s, TIMESTAMP_NEG_INFINITY);
    return zone_named(s, text);
}

/* A field that begins with a digit: a time, a date with one kind of delimiter, or a number. */
static size_t digits_len(const char *at)
{
    size_t n = strspn(at, "0123456789");
    char delimiter = at[n];
    if (delimiter == ':')
        return strspn(at, "0123456789:.");
    if (delimiter != '-' && delimiter != '/' && delimiter != '.')
        return n;
    n++;
    if (!is_digit(at[n])) {
        while (wr_is_alnum(at[n]) || at[n] == delimiter)
            n++;
        return n;
    }
    n += strspn(at + n, "0123456789");
    if (at[n] == delimiter)
        while (is_digit(at[n]) || at[n] == delimiter)
            n++;
    return n;
}

/* Words after which a digit or sign begins a field of its own. */
static bool is_keyword(const char *text, size_t len)
{
    static const char *const words[] = {"t", "am", "pm", "ad", "bc", "z", "at", "on", "epoch", "infinity"};
    char word[FIELD_MAX];
    for (size_t i = 0; i < WR_COUNT(words); i++)
        if (strlen(words[i]) == len && !wr_ncasecmp(words[i], text, len))
            return true;
    snprintf(word, sizeof word, "%.*s", (int)len, text);
    return month_named(text, len) || is_weekday(word);
}

/* The extent of the field at `at`. */
static size_t field_len(const char *at)
{
    if (is_digit(*at))
        return digits_len(at);
    if (*at == '+' || *at == '-') {
        if (wr_is_alpha(at[1]))
            return 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
        return 1 + strspn(at + 1, "0123456789:");
    }
    size_t n = 0;
    while (wr_is_alpha(at[n]))
        n++;
    bool joined = at[n] && strchr("-/.", at[n]); /* Jan-08-1999, America/New_York */
    joined |= (at[n] == '+' || is_digit(at[n])) && !is_keyword(at, n);
    if (joined)
        while (wr_is_alnum(at[n]) || (at[n] && strchr("+-/_.:", at[n])))
            n++;
    return n;
}

static enum result read_field(struct stamp *s, char *field, bool after_t)
{
    if (is_digit(*field)) {
        if (strchr(field, ':'))
            return time_field(s, field);
        size_t digits = strspn(field, "0123456789");
        bool decimal_time = field[digits] == '.' && (digits == 6 || digits == 4) && (after_t || s->has_day);
        if (field[digits] && !decimal_time)
            return date_field(s, field);
        return number_field(s, field, after_t);
    }
    if (*field == '+' || *field == '-') {
        if (wr_is_alpha(field[1]))
            return word_field(s, *field == '+' ? field + 1 : field);
        return s->has_zone ? BAD_FORMAT : zone_offset(s, field);
    }
    if (strchr(field, '-') && month_named(field, strcspn(field, "-")))
        return date_field(s, field);
    return word_field(s, field);
}

static enum result read_fields(const char *text, struct stamp *s)
{
    char field[TEXT_MAX + 1];
    bool after_t = false, any = false;
    for (const char *at = text; *at;) {
        if (wr_is_space(*at) || *at == ',') {
            at++;
            continue;
        }
        if ((*at == 't' || *at == 'T') && any && !wr_is_alpha(at[1])) {
            after_t = true;
            at++;
            continue;
        }
        size_t len = field_len(at);
        if (len == 0)
            return BAD_FORMAT;
        memcpy(field, at, len);
        field[len] = '\0';
        enum result result = read_field(s, field, after_t);
        if (result)
            return result;
        any = true;
        at += len;
    }
    return any ? DONE : BAD_FORMAT;
}

/* The rules that need all fields: eras, two-digit years, AM/PM, the calendar. */
static enum result check_fields(struct stamp *s)
{
    if (s->is_special)
        return s->has_year || s->has_month || s->has_day || s->has_time ? BAD_FORMAT : DONE;
    if (!s->has_year || !s->has_month || !s->has_day)
        return BAD_FORMAT;
    if (s->two_digit_year && !s->bc)
        s->year += s->year < 70 ? 2000 : s->year < 100 ? 1900 : 0;
    else if (s->year == 0)
        return FIELD_OVERFLOW;
    if (s->bc)
        s->year = 1 - s->year;
    if (s->month < 1 || s->month > 12)
        return MD_OVERFLOW;
    if (s->day < 1 || s->day > 31)
        return MD_OVERFLOW;
    if (s->day > wr_days_in_month(s->year, s->month))
        return FIELD_OVERFLOW;
    if (s->meridian && s->hour > 12)
        return FIELD_OVERFLOW;
    if (s->meridian == 1 && s->hour == 12)
        s->hour = 0;
    else if (s->meridian == 2 && s->hour != 12)
        s->hour += 12;
    return DONE;
}

static bool fail(enum result result, const struct stamp *s, const char *text, size_t len, const char *type,
                 struct wr_error *err)
{
    int shown = (int)WR_MIN(len, 900);
    switch (result) {
    case BAD_ZONE:
        return wr_fail(err, ERR_INVALID_PARAMETER, "time zone \"%s\" not recognized", s->bad_zone);
    case ZONE_OVERFLOW:
        return wr_fail(err, "22009", "time zone displacement out of range: \"%.*s\"", shown, text);
    case FIELD_OVERFLOW:
        return wr_fail(err, ERR_DATETIME_OVERFLOW, "date/time field value out of range: \"%.*s\"", shown, text);
    case RELATIVE:
        wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "\"now\", \"today\" and the like in type %s are not supported yet",
                type);
        return wr_fail_hint(err, "Use now() or CURRENT_DATE.");
    case MD_OVERFLOW:
        wr_fail(err, ERR_DATETIME_OVERFLOW, "date/time field value out of range: \"%.*s\"", shown, text);
        return wr_fail_hint(err, "Perhaps you need a different \"datestyle\" setting.");
    default:
        return wr_fail(err, ERR_INVALID_DATETIME, "invalid input syntax for type %s: \"%.*s\"", type, shown, text);
    }
}

static bool parse(const char *text, size_t len, const char *type, struct stamp *s, struct wr_error *err)
{
    char copy[TEXT_MAX + 1];
    memset(s, 0, sizeof *s);
    if (parse_fast(text, text + len, s))
        return true;
    memset(s, 0, sizeof *s);
    if (len > TEXT_MAX || memchr(text, 0, len))
        return fail(BAD_FORMAT, s, text, len, type, err);
    memcpy(copy, text, len);
    copy[len] = '\0';
    enum result result = read_fields(copy, s);
    if (result == DONE)
        result = check_fields(s);
    return result == DONE || fail(result, s, text, len, type, err);
}

static bool fail_range(const char *what, const char *text, size_t len, struct wr_error *err)
{
    return wr_fail(err, ERR_DATETIME_OVERFLOW, "%s out of range: \"%.*s\"", what, (int)WR_MIN(len, 900), text);
}

bool wr_date_parse(const char *text, size_t len, int32_t *out, struct wr_error *err)
{
    struct stamp s;
    TRY(parse(text, len, "date", &s, err));
    if (s.is_special) {
        *out = wr_timestamp_to_date(s.special);
        return true;
    }
    int64_t days = wr_days_from_civil(s.year, s.month, s.day);
    if (days < DATE_MIN || days > DATE_MAX)
        return fail_range("date", text, len, err);
    *out = (int32_t)days;
    return true;
}

/* The wall clock reading as if UTC. */
static bool wall_clock(const struct stamp *s, const char *text, size_t len, int64_t *out, struct wr_error *err)
{
    if (s->is_special) {
        *out = s->special;
        return true;
    }
    if (s->year < -5000 || s->year > 300000)
        return fail_range("timestamp", text, len, err);
    struct civil civil = {(int32_t)s->year,  (int8_t)s->month,  (int8_t)s->day, (int8_t)s->hour,
                          (int8_t)s->minute, (int8_t)s->second, s->micros};
    return wr_timestamp_from_civil(&civil, out) || fail_range("timestamp", text, len, err);
}

bool wr_timestamp_parse(const char *text, size_t len, int64_t *out, struct wr_error *err)
{
    struct stamp s;
    return parse(text, len, "timestamp", &s, err) && wall_clock(&s, text, len, out, err);
}

bool wr_timestamptz_parse(const char *text, size_t len, const struct timezone *timezone, int64_t *out,
                          struct wr_error *err)
{
    struct stamp s;
    int64_t local;
    TRY(parse(text, len, "timestamp with time zone", &s, err));
    TRY(wall_clock(&s, text, len, &local, err));
    if (s.is_special) {
        *out = local;
        return true;
    }
    bool fixed = s.has_zone && !s.zone;
    int64_t offset = s.offset;
    if (!fixed)
        offset = wr_timezone_offset_local(s.zone ? s.zone : timezone, wr_floor_div(local, USECS_PER_SEC));
    if (__builtin_sub_overflow(local, offset * USECS_PER_SEC, out) || *out < TIMESTAMP_MIN ||
        !wr_timestamp_is_finite(*out))
        return fail_range("timestamp", text, len, err);
    return true;
}
