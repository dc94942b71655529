/* Casts among date, timestamp and timestamptz. Those that involve timestamptz depend on the view's TimeZone. */
#include "functions/kernel.h"
#include "types/datetime.h"

static void put_timestamp(struct fn_call *call, uint32_t row, bool ok, int64_t ts, const struct wr_error *err)
{
    if (ok)
        call->out->i64[row] = wr_timestamp_apply_typmod(ts, call->expr->type);
    else
        fn_fail(call, row, err->sqlstate, "%s", err->message);
}

static void date_to_timestamp(struct fn_call *call)
{
    struct wr_error err;
    int64_t ts = 0;
    FN_EACH(call, i)
    {
        bool ok = wr_date_to_timestamp(call->args[0].i32[i], &ts, &err);
        put_timestamp(call, i, ok, ts, &err);
    }
}

static void date_to_timestamptz(struct fn_call *call)
{
    struct wr_error err;
    int64_t ts = 0;
    FN_EACH(call, i)
    {
        bool ok = wr_date_to_timestamp(call->args[0].i32[i], &ts, &err) &&
                  wr_timestamptz_from_local(ts, call->io->timezone, &ts, &err);
        put_timestamp(call, i, ok, ts, &err);
    }
}

KERNEL_UNARY(timestamp_to_date, int64_t, i64, int32_t, i32, wr_timestamp_to_date(x))
KERNEL_UNARY(fit_timestamp, int64_t, i64, int64_t, i64, wr_timestamp_apply_typmod(x, call->expr->type))

static void timestamp_to_timestamptz(struct fn_call *call)
{
    struct wr_error err;
    int64_t ts = 0;
    FN_EACH(call, i)
    {
        bool ok = wr_timestamptz_from_local(call->args[0].i64[i], call->io->timezone, &ts, &err);
        put_timestamp(call, i, ok, ts, &err);
    }
}

static void timestamptz_to_timestamp(struct fn_call *call)
{
    struct wr_error err;
    int64_t ts = 0;
    FN_EACH(call, i)
    {
        bool ok = wr_timestamptz_to_local(call->args[0].i64[i], call->io->timezone, &ts, &err);
        put_timestamp(call, i, ok, ts, &err);
    }
}

static void timestamptz_to_date(struct fn_call *call)
{
    struct wr_error err;
    int64_t ts = 0;
    FN_EACH(call, i)
    {
        if (wr_timestamptz_to_local(call->args[0].i64[i], call->io->timezone, &ts, &err))
            call->out->i32[i] = wr_timestamp_to_date(ts);
        else
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

#define D  TYPE_DATE
#define TS TYPE_TIMESTAMP
#define TZ TYPE_TIMESTAMPTZ
#define CAST(from, to, flags, kernel, example, result)                                                 \
    {                                                                                                  \
        "cast", to, 1, {from}, FN_STRICT | (flags), kernel, "Conversion.", example, result, NULL, NULL \
    }

static const struct fn rows[] = {
    CAST(D, TS, FN_IMPLICIT_CAST | FN_CAN_FAIL | FN_MONOTONE, date_to_timestamp, "(date '2024-02-29')::timestamp",
         "2024-02-29 00:00:00"),
    CAST(D, TZ, FN_IMPLICIT_CAST | FN_CAN_FAIL | FN_STABLE, date_to_timestamptz, "(date '2024-02-29')::timestamptz",
         "2024-02-29 00:00:00+00"),
    CAST(TS, D, FN_ASSIGNMENT_CAST | FN_MONOTONE, timestamp_to_date, "(timestamp '2024-02-29 23:59')::date",
         "2024-02-29"),
    CAST(TS, TS, FN_IMPLICIT_CAST | FN_MONOTONE, fit_timestamp, "(timestamp '2024-02-29 10:00:00.56')::timestamp(1)",
         "2024-02-29 10:00:00.6"),
    CAST(TS, TZ, FN_IMPLICIT_CAST | FN_CAN_FAIL | FN_STABLE, timestamp_to_timestamptz,
         "(timestamp '2024-02-29 10:00')::timestamptz", "2024-02-29 10:00:00+00"),
    CAST(TZ, D, FN_ASSIGNMENT_CAST | FN_CAN_FAIL | FN_STABLE, timestamptz_to_date,
         "(timestamptz '2024-02-29 00:00+02')::date", "2024-02-28"),
    CAST(TZ, TS, FN_ASSIGNMENT_CAST | FN_CAN_FAIL | FN_STABLE, timestamptz_to_timestamp,
         "(timestamptz '2024-02-29 10:00+02')::timestamp", "2024-02-29 08:00:00"),
    CAST(TZ, TZ, FN_IMPLICIT_CAST | FN_MONOTONE, fit_timestamp,
         "(timestamptz '2024-02-29 10:00:00.56+00')::timestamptz(0)", "2024-02-29 10:00:01+00"),
};

FAMILY(wr_fn_cast_datetime_family, rows);
