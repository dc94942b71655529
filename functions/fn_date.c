/* Dates: arithmetic with days, making, the clock, conversions between zones. What PostgreSQL answers with an interval
 * is not here. */
#include <math.h>

#include "base/ascii.h"
#include "functions/kernel.h"
#include "types/datetime.h"

#define DATE_RANGE "date out of range"

/* Infinite dates stay; 22008 outside the calendar. */
static void shift_date(struct fn_call *call, uint32_t row, int32_t date, int64_t days)
{
    int64_t shifted = (int64_t)date + days;
    if (!wr_date_is_finite(date))
        call->out->i32[row] = date;
    else if (shifted < DATE_MIN || shifted > DATE_MAX)
        fn_fail(call, row, ERR_DATETIME_OVERFLOW, DATE_RANGE);
    else
        call->out->i32[row] = (int32_t)shifted;
}

static void date_plus(struct fn_call *call)
{
    FN_EACH(call, i)
    shift_date(call, i, call->args[0].i32[i], call->args[1].i32[i]);
}

static void plus_date(struct fn_call *call)
{
    FN_EACH(call, i)
    shift_date(call, i, call->args[1].i32[i], call->args[0].i32[i]);
}

static void date_minus(struct fn_call *call)
{
    FN_EACH(call, i)
    shift_date(call, i, call->args[0].i32[i], -(int64_t)call->args[1].i32[i]);
}

static void date_difference(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        int32_t a = call->args[0].i32[i], b = call->args[1].i32[i];
        if (wr_date_is_finite(a) && wr_date_is_finite(b))
            call->out->i32[i] = (int32_t)((int64_t)a - b);
        else
            fn_fail(call, i, ERR_DATETIME_OVERFLOW, "cannot subtract infinite dates");
    }
}

/* A negative year is BC. */
static void make_date(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        int64_t year = call->args[0].i32[i];
        int32_t month = call->args[1].i32[i], day = call->args[2].i32[i];
        int64_t astronomical = year < 0 && year > INT32_MIN ? year + 1 : year;
        /* the lowest year has no counterpart after Christ: PostgreSQL takes it for year 0 */
        bool valid = year != 0 && year > INT32_MIN && month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
                     wr_civil_valid_date(astronomical, month, day);
        int64_t days = valid && astronomical > -5000 && astronomical < 6000000
                           ? wr_days_from_civil(astronomical, month, day)
                           : INT64_MAX;
        if (!valid)
            fn_fail(call, i, ERR_DATETIME_OVERFLOW, "date field value out of range: %d-%02d-%02d", (int)astronomical,
                    month, day);
        else if (days < DATE_MIN || days > DATE_MAX)
            fn_fail(call, i, ERR_DATETIME_OVERFLOW, "date out of range: %d-%02d-%02d", (int)astronomical, month, day);
        else
            call->out->i32[i] = (int32_t)days;
    }
}

#define PG_EPOCH_SECONDS (PG_EPOCH_DAYS * 86400.0)

/* Rounded as PostgreSQL does: the double is first made relative to its epoch, 2000-01-01. */
static void to_timestamp(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        double seconds = call->args[0].f64[i];
        if (isnan(seconds))
            fn_fail(call, i, ERR_DATETIME_OVERFLOW, "timestamp cannot be NaN");
        else if (isinf(seconds))
            call->out->i64[i] = seconds > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_NEG_INFINITY;
        else if (seconds < (double)(TIMESTAMP_MIN / USECS_PER_SEC) || seconds >= (double)(INT64_MAX / USECS_PER_SEC))
            fn_fail(call, i, ERR_DATETIME_OVERFLOW, "timestamp out of range: \"%g\"", seconds);
        else
            call->out->i64[i] = (int64_t)rint((seconds - PG_EPOCH_SECONDS) * 1e6) + PG_EPOCH_DAYS * USECS_PER_DAY;
    }
}

KERNEL_UNARY(date_finite, int32_t, i32, uint8_t, b, wr_date_is_finite(x))
KERNEL_UNARY(timestamp_finite, int64_t, i64, uint8_t, b, wr_timestamp_is_finite(x))

static void now(struct fn_call *call)
{
    FN_EACH(call, i)
    call->out->i64[i] = call->now_us;
}

static void local_now(struct fn_call *call)
{
    struct wr_error err;
    int64_t local = call->now_us;
    bool ok = wr_timestamptz_to_local(call->now_us, call->io->timezone, &local, &err);
    FN_EACH(call, i)
    {
        call->out->i64[i] = local;
        if (!ok)
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

static void today(struct fn_call *call)
{
    struct wr_error err;
    int64_t local = call->now_us;
    bool ok = wr_timestamptz_to_local(call->now_us, call->io->timezone, &local, &err);
    FN_EACH(call, i)
    {
        call->out->i32[i] = wr_timestamp_to_date(local);
        if (!ok)
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

/* AT TIME ZONE's zone; numeric forms count WEST there, as in POSIX, so their sign is turned. */
static const struct timezone *zone_of(struct str name, bool *found)
{
    char text[128];
    *found = name.len > 0 && name.len < sizeof(text);
    if (!*found)
        return NULL;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    if (text[0] == '+' || text[0] == '-')
        text[0] = text[0] == '+' ? '-' : '+';
    const struct timezone *zone = wr_timezone_find(text);
    *found = zone || !wr_casecmp(text, "utc");
    return zone;
}

static void change_zone(struct fn_call *call, bool to_local)
{
    struct wr_error err;
    FN_EACH(call, i)
    {
        bool found, ok;
        struct str name = call->args[0].str[i];
        const struct timezone *zone = zone_of(name, &found);
        int64_t ts = call->args[1].i64[i], *out = &call->out->i64[i];
        if (!wr_timestamp_is_finite(ts)) {
            *out = ts;
            continue;
        }
        if (!found) {
            fn_fail(call, i, ERR_INVALID_PARAMETER, "time zone \"%.*s\" not recognized", (int)name.len, name.data);
            continue;
        }
        ok = to_local ? wr_timestamptz_to_local(ts, zone, out, &err) : wr_timestamptz_from_local(ts, zone, out, &err);
        if (!ok)
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

static void to_zone(struct fn_call *call)
{
    change_zone(call, true);
}

static void from_zone(struct fn_call *call)
{
    change_zone(call, false);
}

#define D   TYPE_DATE
#define TS  TYPE_TIMESTAMP
#define TZ  TYPE_TIMESTAMPTZ
#define I   TYPE_INT4
#define S   FN_STRICT
#define F   FN_CAN_FAIL
#define NOW FN_STRICT | FN_VOLATILE

static const struct fn rows[] = {
    {"+",
     D,
     2,
     {D, I},
     S | F | FN_MONOTONE,
     date_plus,
     "So many days later.",
     "date '2024-02-28' + 2",
     "2024-03-01",
     NULL,
     NULL},
    {"+", D, 2, {I, D}, S | F, plus_date, "So many days later.", "1 + date '2024-02-28'", "2024-02-29", NULL, NULL},
    {"-",
     D,
     2,
     {D, I},
     S | F | FN_MONOTONE,
     date_minus,
     "So many days earlier.",
     "date '2024-03-01' - 1",
     "2024-02-29",
     NULL,
     NULL},
    {"-",
     I,
     2,
     {D, D},
     S | F,
     date_difference,
     "Days from the second to the first.",
     "date '2024-03-01' - date '2024-02-01'",
     "29",
     NULL,
     NULL},
    {"make_date",
     D,
     3,
     {I, I, I},
     S | F,
     make_date,
     "The date of year, month and day.",
     "make_date(2024, 2, 29)",
     "2024-02-29",
     NULL,
     NULL},
    {"to_timestamp",
     TZ,
     1,
     {TYPE_FLOAT8},
     S | F,
     to_timestamp,
     "The instant so many seconds after 1970-01-01 00:00 UTC.",
     "to_timestamp(1709205132.5)",
     "2024-02-29 11:12:12.5+00",
     NULL,
     NULL},
    {"isfinite", TYPE_BOOL, 1, {D}, S, date_finite, "Is it no infinity?", "isfinite(date 'infinity')", "f", NULL, NULL},
    {"isfinite",
     TYPE_BOOL,
     1,
     {TS},
     S,
     timestamp_finite,
     "Is it no infinity?",
     "isfinite(timestamp '2024-01-01')",
     "t",
     NULL,
     NULL},
    {"isfinite",
     TYPE_BOOL,
     1,
     {TZ},
     S,
     timestamp_finite,
     "Is it no infinity?",
     "isfinite(timestamptz '-infinity')",
     "f",
     NULL,
     NULL},
    {"timezone",
     TS,
     2,
     {TYPE_TEXT, TZ},
     S | F,
     to_zone,
     "The wall clock of a zone at this instant (AT TIME ZONE).",
     "timestamptz '2024-07-01 12:00+00' AT TIME ZONE 'Europe/Berlin'",
     "2024-07-01 14:00:00",
     NULL,
     NULL},
    {"timezone",
     TZ,
     2,
     {TYPE_TEXT, TS},
     S | F,
     from_zone,
     "The instant at which a zone's clock shows this (AT TIME ZONE).",
     "timestamp '2024-07-01 12:00' AT TIME ZONE 'Europe/Berlin'",
     "2024-07-01 10:00:00+00",
     NULL,
     NULL},
    {"now", TZ, 0, {0}, NOW, now, "The statement's time.", NULL, NULL, NULL, NULL},
    {"transaction_timestamp", TZ, 0, {0}, NOW, now, "The statement's time.", NULL, NULL, NULL, NULL},
    {"statement_timestamp", TZ, 0, {0}, NOW, now, "The statement's time.", NULL, NULL, NULL, NULL},
    {"clock_timestamp", TZ, 0, {0}, NOW, now, "The statement's time.", NULL, NULL, NULL, NULL},
    {"current_timestamp", TZ, 0, {0}, NOW, now, "The statement's time.", NULL, NULL, NULL, NULL},
    {"localtimestamp",
     TS,
     0,
     {0},
     NOW | FN_STABLE,
     local_now,
     "The statement's time on the zone's clock.",
     NULL,
     NULL,
     NULL,
     NULL},
    {"current_date", D, 0, {0}, NOW | FN_STABLE, today, "The statement's date in the zone.", NULL, NULL, NULL, NULL},
};

FAMILY(wr_fn_date_family, rows);
