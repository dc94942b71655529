/* to_char(timestamp[tz], format): PostgreSQL's patterns for dates and times. The format is cut into patterns (longest
 * name first, all upper or all lower case; month and day names also capitalised), "quoted text" and characters that
 * stand for themselves. FM drops padding. Ordinals (TH), roman months (RM), localised names (TM) and Y,YYY are refused
 * by name rather than shown as text. */
#include <stdio.h>

#include "functions/kernel.h"
#include "types/datetime.h"

enum pattern {
    P_HH24,
    P_HH12,
    P_MI,
    P_SSSS,
    P_SS,
    P_MS,
    P_US,
    P_MERIDIEM,
    P_MERIDIEM_DOTS,
    P_YEAR,
    P_ISO_YEAR,
    P_ERA,
    P_ERA_DOTS,
    P_MONTH,
    P_MON,
    P_MM,
    P_DAY,
    P_DY,
    P_DDD,
    P_DD,
    P_D,
    P_IDDD,
    P_ID,
    P_WW,
    P_W,
    P_IW,
    P_CC,
    P_J,
    P_Q,
    P_TZH,
    P_TZM,
    P_TZ,
    P_OF,
    P_REFUSED
};

/* Longer names before their prefixes. `digits`: of a year, or of a fraction of a second. */
static const struct pattern_name {
    const char *name;
    uint8_t pattern, digits;
} names[] = {
    {"Y,YYY", P_REFUSED, 0},
    {"IDDD", P_IDDD, 0},
    {"IYYY", P_ISO_YEAR, 4},
    {"HH24", P_HH24, 0},
    {"HH12", P_HH12, 0},
    {"MONTH", P_MONTH, 0},
    {"SSSSS", P_SSSS, 0},
    {"SSSS", P_SSSS, 0},
    {"YYYY", P_YEAR, 4},
    {"A.M.", P_MERIDIEM_DOTS, 0},
    {"P.M.", P_MERIDIEM_DOTS, 0},
    {"A.D.", P_ERA_DOTS, 0},
    {"B.C.", P_ERA_DOTS, 0},
    {"DAY", P_DAY, 0},
    {"DDD", P_DDD, 0},
    {"FF1", P_US, 1},
    {"FF2", P_US, 2},
    {"FF3", P_US, 3},
    {"FF4", P_US, 4},
    {"FF5", P_US, 5},
    {"FF6", P_US, 6},
    {"IYY", P_ISO_YEAR, 3},
    {"MON", P_MON, 0},
    {"TZH", P_TZH, 0},
    {"TZM", P_TZM, 0},
    {"YYY", P_YEAR, 3},
    {"AD", P_ERA, 0},
    {"AM", P_MERIDIEM, 0},
    {"BC", P_ERA, 0},
    {"CC", P_CC, 0},
    {"DD", P_DD, 0},
    {"DY", P_DY, 0},
    {"HH", P_HH12, 0},
    {"ID", P_ID, 0},
    {"IW", P_IW, 0},
    {"IY", P_ISO_YEAR, 2},
    {"MI", P_MI, 0},
    {"MM", P_MM, 0},
    {"MS", P_MS, 0},
    {"OF", P_OF, 0},
    {"PM", P_MERIDIEM, 0},
    {"RM", P_REFUSED, 0},
    {"SS", P_SS, 0},
    {"TH", P_REFUSED, 0},
    {"TM", P_REFUSED, 0},
    {"TZ", P_TZ, 0},
    {"US", P_US, 6},
    {"WW", P_WW, 0},
    {"YY", P_YEAR, 2},
    {"D", P_D, 0},
    {"I", P_ISO_YEAR, 1},
    {"J", P_J, 0},
    {"Q", P_Q, 0},
    {"W", P_W, 0},
    {"Y", P_YEAR, 1},
};

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

enum letters { LETTERS_LOWER, LETTERS_UPPER, LETTERS_CAPITAL };

struct moment {
    int64_t local;
    struct civil civil;
    int32_t offset; /* seconds east */
    bool zoned;
    char zone[TIMEZONE_ABBREV_MAX];
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static bool is_name(enum pattern pattern)
{
    return pattern == P_MONTH || pattern == P_MON || pattern == P_DAY || pattern == P_DY;
}

static bool spelled(const char *at, const char *name, size_t len, enum letters letters)
{
    for (size_t i = 0; i < len; i++) {
        bool big = letters == LETTERS_UPPER || (letters == LETTERS_CAPITAL && i == 0);
        if (at[i] != (big ? upper(name[i]) : lower(name[i])))
            return false;
    }
    return true;
}

static const struct pattern_name *find_pattern(const char *at, const char *end, enum letters *letters)
{
    for (size_t k = 0; k < WR_COUNT(names); k++) {
        size_t len = strlen(names[k].name);
        if ((size_t)(end - at) < len)
            continue;
        for (*letters = LETTERS_LOWER; *letters <= LETTERS_CAPITAL; (*letters)++)
            if (spelled(at, names[k].name, len, *letters) && (*letters != LETTERS_CAPITAL || is_name(names[k].pattern)))
                return &names[k];
    }
    return NULL;
}

static void put_name(struct wr_buf *buf, const char *name, size_t len, size_t width, enum letters letters)
{
    for (size_t i = 0; i < len; i++)
        wr_buf_byte(buf, (uint8_t)(letters == LETTERS_UPPER   ? upper(name[i])
                                   : letters == LETTERS_LOWER ? lower(name[i])
                                                              : name[i]));
    for (size_t i = len; i < width; i++)
        wr_buf_byte(buf, ' ');
}

static void put_number(struct wr_buf *buf, int64_t value, int width, bool fill)
{
    wr_buf_printf(buf, "%0*lld", fill ? width : 0, (long long)value);
}

/* The last digits of a year, BC counted upwards from 1. */
static void put_year(struct wr_buf *buf, int64_t year, int digits, bool fill)
{
    static const int64_t powers[] = {1, 10, 100, 1000};
    int64_t shown = year <= 0 ? 1 - year : year;
    put_number(buf, digits == 4 ? shown : shown % powers[digits], digits, fill);
}

static void put_offset(struct wr_buf *buf, const struct moment *m, bool fill)
{
    int32_t seconds = m->offset < 0 ? -m->offset : m->offset;
    wr_buf_printf(buf, "%c%0*d", m->offset < 0 ? '-' : '+', fill ? 2 : 0, seconds / 3600);
    if (seconds / 60 % 60)
        wr_buf_printf(buf, ":%02d", seconds / 60 % 60);
}

static void put_words(struct wr_buf *buf, const struct moment *m, enum pattern pattern, enum letters letters, bool fill)
{
    const char *month = months[m->civil.month - 1], *day = days[wr_timestamp_field(m->local, UNIT_DOW)];
    const char *half = m->civil.hour >= 12 ? "PM" : "AM", *era = m->civil.year <= 0 ? "BC" : "AD";
    if (pattern == P_MONTH)
        put_name(buf, month, strlen(month), fill ? 9 : 0, letters);
    else if (pattern == P_MON)
        put_name(buf, month, 3, 0, letters);
    else if (pattern == P_DAY)
        put_name(buf, day, strlen(day), fill ? 9 : 0, letters);
    else if (pattern == P_DY)
        put_name(buf, day, 3, 0, letters);
    else if (pattern == P_MERIDIEM)
        put_name(buf, half, 2, 0, letters);
    else if (pattern == P_MERIDIEM_DOTS)
        put_name(buf, half[0] == 'P' ? "P.M." : "A.M.", 4, 0, letters);
    else if (pattern == P_ERA)
        put_name(buf, era, 2, 0, letters);
    else
        put_name(buf, era[0] == 'B' ? "B.C." : "A.D.", 4, 0, letters);
}

static int64_t century_of(const struct civil *civil)
{
    int64_t year = civil->year;
    return year > 0 ? (year - 1) / 100 + 1 : year / 100 - 1;
}

static void put_calendar(struct wr_buf *buf, const struct moment *m, enum pattern pattern, bool fill)
{
    int64_t ts = m->local, day = wr_floor_div(ts, USECS_PER_DAY);
    int64_t doy = wr_timestamp_field(ts, UNIT_DOY), week = wr_timestamp_field(ts, UNIT_WEEK);
    switch (pattern) {
    case P_DDD:
        put_number(buf, doy, 3, fill);
        break;
    case P_IDDD:
        put_number(buf, (week - 1) * 7 + wr_timestamp_field(ts, UNIT_ISODOW), 3, fill);
        break;
    case P_D:
        put_number(buf, wr_timestamp_field(ts, UNIT_DOW) + 1, 0, false);
        break;
    case P_ID:
        put_number(buf, wr_timestamp_field(ts, UNIT_ISODOW), 0, false);
        break;
    case P_WW:
        put_number(buf, (doy - 1) / 7 + 1, 2, fill);
        break;
    case P_W:
        put_number(buf, (m->civil.day - 1) / 7 + 1, 0, false);
        break;
    case P_IW:
        put_number(buf, week, 2, fill);
        break;
    case P_CC:
        put_number(buf, century_of(&m->civil), century_of(&m->civil) < 0 ? 3 : 2, fill);
        break;
    case P_J:
        put_number(buf, day + 2440588, 0, false);
        break;
    default: /* P_Q */
        put_number(buf, (m->civil.month - 1) / 3 + 1, 0, false);
        break;
    }
}

static void put_clock(struct wr_buf *buf, const struct moment *m, enum pattern pattern, int digits, bool fill)
{
    const struct civil *c = &m->civil;
    static const int powers[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    switch (pattern) {
    case P_HH24:
        put_number(buf, c->hour, 2, fill);
        break;
    case P_HH12:
        put_number(buf, c->hour % 12 ? c->hour % 12 : 12, 2, fill);
        break;
    case P_MI:
        put_number(buf, c->minute, 2, fill);
        break;
    case P_SS:
        put_number(buf, c->second, 2, fill);
        break;
    case P_SSSS:
        put_number(buf, (c->hour * 60 + c->minute) * 60 + c->second, 0, false);
        break;
    case P_MS:
        put_number(buf, c->micros / 1000, 3, true);
        break;
    default: /* P_US */
        put_number(buf, c->micros / powers[digits], digits, true);
        break;
    }
}

static void put_pattern(struct wr_buf *buf, const struct moment *m, const struct pattern_name *name,
                        enum letters letters, bool fill)
{
    int64_t iso = wr_timestamp_field(m->local, UNIT_ISOYEAR);
    switch ((enum pattern)name->pattern) {
    case P_YEAR:
        put_year(buf, m->civil.year, name->digits, fill);
        break;
    case P_ISO_YEAR:
        put_year(buf, iso < 0 ? iso + 1 : iso, name->digits, fill);
        break;
    case P_MM:
        put_number(buf, m->civil.month, 2, fill);
        break;
    case P_DD:
        put_number(buf, m->civil.day, 2, fill);
        break;
    case P_TZ:
        put_name(buf, m->zone, strlen(m->zone), 0, letters);
        break;
    case P_TZH:
        wr_buf_printf(buf, "%c%02d", m->offset < 0 ? '-' : '+', (m->offset < 0 ? -m->offset : m->offset) / 3600);
        break;
    case P_TZM:
        wr_buf_printf(buf, "%02d", (m->offset < 0 ? -m->offset : m->offset) / 60 % 60);
        break;
    case P_OF:
        put_offset(buf, m, fill);
        break;
    case P_HH24:
    case P_HH12:
    case P_MI:
    case P_SS:
    case P_SSSS:
    case P_MS:
    case P_US:
        put_clock(buf, m, (enum pattern)name->pattern, name->digits, fill);
        break;
    case P_MONTH:
    case P_MON:
    case P_DAY:
    case P_DY:
    case P_MERIDIEM:
    case P_MERIDIEM_DOTS:
    case P_ERA:
    case P_ERA_DOTS:
        put_words(buf, m, (enum pattern)name->pattern, letters, fill);
        break;
    default:
        put_calendar(buf, m, (enum pattern)name->pattern, fill);
        break;
    }
}

/* "text" between quotes, with \" inside; returns where it ends. */
static const char *put_quoted(struct wr_buf *buf, const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' && at + 1 < end)
            at++;
        wr_buf_byte(buf, (uint8_t)*at);
    }
    return at < end ? at + 1 : at;
}

/* NULL, or the pattern that is refused. */
static const char *format(struct wr_buf *buf, const struct moment *m, struct str text)
{
    const char *at = text.data, *end = at + text.len;
    bool fill = true;
    while (at < end) {
        enum letters letters;
        if (end - at >= 2 && (!memcmp(at, "FM", 2) || !memcmp(at, "fm", 2))) {
            fill = false;
            at += 2;
            continue;
        }
        const struct pattern_name *name = find_pattern(at, end, &letters);
        if (name && name->pattern == P_REFUSED)
            return name->name;
        if (name) {
            put_pattern(buf, m, name, letters, fill);
            at += strlen(name->name);
        } else if (*at == '"') {
            at = put_quoted(buf, at, end);
        } else {
            at += *at == '\\' && at + 1 < end && at[1] == '"';
            wr_buf_byte(buf, (uint8_t)*at++);
        }
        fill = true;
    }
    return NULL;
}

static bool moment_of(struct fn_call *call, uint32_t row, struct moment *m, struct wr_error *err)
{
    int64_t ts = call->args[0].i64[row];
    *m = (struct moment){.local = ts, .zoned = call->args[0].type.id == TYPE_TIMESTAMPTZ};
    if (m->zoned) {
        TRY(wr_timestamptz_to_local(ts, call->io->timezone, &m->local, err));
        m->offset = wr_timezone_offset(call->io->timezone, wr_floor_div(ts, USECS_PER_SEC), m->zone);
    }
    m->civil = wr_timestamp_to_civil(m->local);
    return true;
}

static void format_row(struct fn_call *call, uint32_t row, struct wr_buf *buf)
{
    struct moment m;
    struct wr_error err;
    struct str text = call->args[1].str[row];
    if (text.len == 0 || !wr_timestamp_is_finite(call->args[0].i64[row])) {
        fn_null(call, row);
        return;
    }
    if (!moment_of(call, row, &m, &err)) {
        fn_fail(call, row, err.sqlstate, "%s", err.message);
        return;
    }
    buf->len = 0;
    const char *refused = format(buf, &m, text);
    if (refused)
        fn_fail(call, row, ERR_FEATURE_NOT_SUPPORTED, "to_char() pattern \"%s\" is not supported", refused);
    else
        call->out->str[row] = wr_str(wr_arena_strndup(call->arena, buf->len ? buf->data : "", buf->len), buf->len);
}

static void to_char(struct fn_call *call)
{
    struct wr_buf buf = WR_BUF_INIT;
    FN_EACH(call, i)
    format_row(call, i, &buf);
    wr_buf_free(&buf);
}

#define FLAGS FN_STRICT | FN_CAN_FAIL | FN_MAY_NULL

static const struct fn rows[] = {
    {"to_char",
     TYPE_TEXT,
     2,
     {TYPE_TIMESTAMP, TYPE_TEXT},
     FLAGS,
     to_char,
     "The time in this format.",
     "to_char(timestamp '2024-02-29 15:04:05', 'FMDay, DD Mon YYYY HH12:MI AM')",
     "Thursday, 29 Feb 2024 03:04 PM",
     NULL,
     NULL},
    {"to_char",
     TYPE_TEXT,
     2,
     {TYPE_TIMESTAMPTZ, TYPE_TEXT},
     FLAGS | FN_STABLE,
     to_char,
     "The time on the zone's clock in this format.",
     "to_char(timestamptz '2024-02-29 15:04:05+00', 'YYYY-MM-DD\"T\"HH24:MI:SSOF')",
     "2024-02-29T15:04:05+00",
     NULL,
     NULL},
};

FAMILY(wr_fn_to_char_family, rows);
