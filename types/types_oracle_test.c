/* Random and chosen values through our types and through PostgreSQL 15's, compared: text in and out, binary forms,
 * order, arithmetic, the calendar, time zones, error texts. Needs a server: WEIR_PG is its conninfo; without it a SKIP
 * line. WEIR_SEED and WEIR_ROUNDS vary the run. */
#include <libpq-fe.h>
#include <stdlib.h>

#include "tests/check.h"
#include "types/datetime.h"
#include "types/jsonb.h"
#include "types/key.h"
#include "types/numeric.h"
#include "types/numeric_sum.h"
#include "types/text_io.h"

static PGconn *conn;
static struct wr_arena arena;
static const struct timezone *zone;
static int shown;
static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
    return check_random(&state);
}

static uint64_t below(uint64_t n)
{
    return (rnd() >> 11) % n;
}

/* --- PostgreSQL's answer ---------------------------------------------------------------------------------------- */

struct answer {
    char text[200000];
    size_t len;
    bool null;
};

static void take_error(PGresult *result, struct answer *answer)
{
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    answer->len = (size_t)snprintf(
        answer->text, sizeof answer->text, "!%s %s|%s|%s", PQresultErrorField(result, PG_DIAG_SQLSTATE),
        PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), detail ? detail : "", hint ? hint : "");
}

static void ask(const char *sql, int n, const char *const *values, const Oid *oids, int format, struct answer *answer)
{
    PGresult *result = PQexecParams(conn, sql, n, oids, values, NULL, NULL, format);
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        answer->null = PQgetisnull(result, 0, 0);
        answer->len = (size_t)PQgetlength(result, 0, 0);
        memcpy(answer->text, PQgetvalue(result, 0, 0), answer->len + 1);
    } else {
        take_error(result, answer);
    }
    PQclear(result);
}

static void our_error(struct wr_buf *buf, const struct wr_error *err)
{
    buf->len = 0;
    wr_buf_printf(buf, "!%s %s|%s|%s", err->sqlstate, err->message, err->detail, err->hint);
}

static void compare(const char *what, const char *input, struct wr_buf *ours, const struct answer *theirs)
{
    wr_buf_reserve(ours, 1);
    if (ours->len == theirs->len && !memcmp(ours->data, theirs->text, ours->len)) {
        check_passed++;
        return;
    }
    check_failed++;
    if (shown++ < 60)
        fprintf(stderr, "%s of %.200s:\n  ours  %.300s\n  PG    %.300s\n", what, input, wr_buf_cstr(ours),
                theirs->text);
}

/* --- text and binary forms --------------------------------------------------------------------------------------- */

static void check_io(const char *type_name, struct type type, const char *text)
{
    static struct answer answer;
    char sql[128];
    const char *values[] = {text};
    Oid oids[] = {25};
    struct wr_buf buf = WR_BUF_INIT;
    struct wr_error err = WR_ERROR_INIT;
    struct io_settings io = {zone};
    struct datum value, back;
    struct wr_mark mark = wr_arena_mark(&arena);
    snprintf(sql, sizeof sql, "select ($1::%s)::%s", "text", type_name);
    ask(sql, 1, values, oids, 0, &answer);
    bool ok = wr_value_in(&arena, type, text, strlen(text), &io, &value, &err);
    if (ok)
        wr_value_out(&buf, &value, &io);
    else
        our_error(&buf, &err);
    compare(type_name, text, &buf, &answer);
    if (ok && answer.text[0] != '!') {
        ask(sql, 1, values, oids, 1, &answer);
        buf.len = 0;
        wr_value_send(&buf, &value);
        compare("binary", text, &buf, &answer);
        bool received = wr_value_recv(&arena, type, answer.text, answer.len, &back, &err);
        CHECK(received);
        if (received) {
            CHECK_INT(wr_value_cmp(&value, &back), 0);
            if (wr_type_info(type.id)->phys == PHYS_STR)
                CHECK(wr_str_eq(value.str, back.str));
        }
    }
    wr_buf_free(&buf);
    wr_arena_release(&arena, mark);
}

static void check_list(const char *type_name, struct type type, const char *const *texts)
{
    for (; *texts; texts++)
        check_io(type_name, type, *texts);
}

/* The text, a little broken. */
static char *mutated(const char *text)
{
    static const char bytes[] = "0123456789.-+eE: /\"\\{}[],tTnf";
    int len = (int)strlen(text), at = len ? (int)below((uint64_t)len) : 0;
    char byte = bytes[below(sizeof bytes - 1)];
    uint64_t how = len ? below(3) : 2;
    if (how == 0)
        return wr_arena_printf(&arena, "%.*s%s", at, text, text + at + 1);
    return wr_arena_printf(&arena, "%.*s%c%s", at, text, byte, text + at + (how == 1));
}

/* --- numbers ------------------------------------------------------------------------------------------------------ */

static char *random_digits(int n)
{
    bool nines = below(8) == 0, zeros = below(8) == 0;
    char *digits = wr_arena_zalloc(&arena, (size_t)n + 1);
    for (int i = 0; i < n; i++)
        digits[i] = (char)(nines ? '9' : zeros && i ? '0' : '0' + below(10));
    return digits;
}

static char *random_numeric(int most)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity", "0",   "0.00", "1",
                                        "-1",  "1.0",      "10",        "0.1", "0.5",  "-0.5"};
    if (below(12) == 0)
        return wr_arena_printf(&arena, "%s", words[below(WR_COUNT(words))]);
    const char *sign = below(3) ? "" : "-", *point = below(3) ? "." : "", *exponent = "";
    const char *whole = random_digits(1 + (int)below((uint64_t)most));
    const char *fraction = *point ? random_digits(1 + (int)below((uint64_t)most)) : "";
    if (below(10) == 0)
        exponent = wr_arena_printf(&arena, "e%d", (int)below(40) - 20);
    return wr_arena_printf(&arena, "%s%s%s%s%s", sign, whole, point, fraction, exponent);
}

typedef bool binary_op(struct wr_arena *, struct str, struct str, struct str *, struct wr_error *);
typedef bool unary_op(struct wr_arena *, struct str, struct str *, struct wr_error *);

static bool numeric_of(const char *text, struct str *out)
{
    struct wr_error err;
    return wr_numeric_parse(&arena, text, strlen(text), TYPE(TYPE_NUMERIC), out, &err);
}

static void check_binary_op(const char *sql, binary_op *op, const char *a, const char *b)
{
    static struct answer answer;
    const char *values[] = {a, b};
    Oid oids[] = {1700, 1700};
    struct wr_buf buf = WR_BUF_INIT;
    struct wr_error err = WR_ERROR_INIT;
    struct str x, y, result;
    char input[1000];
    snprintf(input, sizeof input, "%s , %s", a, b);
    if (!numeric_of(a, &x) || !numeric_of(b, &y))
        return;
    ask(sql, 2, values, oids, 0, &answer);
    if (op(&arena, x, y, &result, &err))
        wr_numeric_print(&buf, result);
    else
        our_error(&buf, &err);
    compare(sql, input, &buf, &answer);
    wr_buf_free(&buf);
}

static void check_unary_op(const char *sql, unary_op *op, const char *a)
{
    static struct answer answer;
    const char *values[] = {a};
    Oid oids[] = {1700};
    struct wr_buf buf = WR_BUF_INIT;
    struct wr_error err = WR_ERROR_INIT;
    struct str x, result;
    if (!numeric_of(a, &x))
        return;
    ask(sql, 1, values, oids, 0, &answer);
    if (op(&arena, x, &result, &err))
        wr_numeric_print(&buf, result);
    else
        our_error(&buf, &err);
    compare(sql, a, &buf, &answer);
    wr_buf_free(&buf);
}

static bool op_neg(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    *out = wr_numeric_neg(to, a);
    return true;
}

static bool op_abs(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    *out = wr_numeric_abs(to, a);
    return true;
}

static bool op_sign(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    *out = wr_numeric_signum(to, a);
    return true;
}

static bool op_round2(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    return wr_numeric_round(to, a, 2, out, err);
}

static bool op_round_m3(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    return wr_numeric_round(to, a, -3, out, err);
}

static bool op_trunc2(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    return wr_numeric_trunc(to, a, 2, out, err);
}

static bool op_trunc_m3(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    return wr_numeric_trunc(to, a, -3, out, err);
}

static bool op_typmod(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    return wr_numeric_apply_typmod(to, a, (struct type){.id = TYPE_NUMERIC, .precision = 12, .scale = 3}, out, err);
}

static bool op_int8(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    int64_t value;
    TRY(wr_numeric_to_int64(a, &value, err));
    *out = wr_numeric_from_int64(to, value);
    return true;
}

static bool op_int4(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    int32_t value;
    TRY(wr_numeric_to_int32(a, &value, err));
    *out = wr_numeric_from_int64(to, value);
    return true;
}

static bool op_double(struct wr_arena *to, struct str a, struct str *out, struct wr_error *err)
{
    double value;
    TRY(wr_numeric_to_double(a, &value, err));
    *out = wr_numeric_from_double(to, value);
    return true;
}

static const struct {
    const char *sql;
    binary_op *op;
} binary_ops[] = {{"select $1 + $2", wr_numeric_add}, {"select $1 - $2", wr_numeric_sub},
                  {"select $1 * $2", wr_numeric_mul}, {"select $1 / $2", wr_numeric_div},
                  {"select $1 % $2", wr_numeric_mod}, {"select div($1, $2)", wr_numeric_div_trunc}};
static const struct {
    const char *sql;
    unary_op *op;
} unary_ops[] = {{"select - $1", op_neg},
                 {"select abs($1)", op_abs},
                 {"select sign($1)", op_sign},
                 {"select round($1, 2)", op_round2},
                 {"select round($1, -3)", op_round_m3},
                 {"select trunc($1, 2)", op_trunc2},
                 {"select trunc($1, -3)", op_trunc_m3},
                 {"select ceil($1)", wr_numeric_ceil},
                 {"select floor($1)", wr_numeric_floor},
                 {"select sqrt($1)", wr_numeric_sqrt},
                 {"select ln($1)", wr_numeric_ln},
                 {"select $1::numeric(12,3)", op_typmod},
                 {"select $1::bigint::numeric", op_int8},
                 {"select $1::int::numeric", op_int4},
                 {"select $1::float8::numeric", op_double}};

static void check_numeric_math(void)
{
    const char *a = random_numeric(below(4) ? 8 : 60), *b = random_numeric(below(4) ? 8 : 60);
    for (size_t i = 0; i < WR_COUNT(binary_ops); i++)
        check_binary_op(binary_ops[i].sql, binary_ops[i].op, a, b);
    for (size_t i = 0; i < WR_COUNT(unary_ops); i++)
        check_unary_op(unary_ops[i].sql, unary_ops[i].op, a);
    a = random_numeric(3);
    b = random_numeric(3);
    check_unary_op("select exp($1)", wr_numeric_exp, a);
    check_binary_op("select power($1, $2)", wr_numeric_power, a, b);
    check_binary_op("select log($1, $2)", wr_numeric_log, a, b);
}

static void check_sum(void)
{
    static struct answer answer;
    const char *list = "";
    struct numeric_sum sum, copy;
    struct wr_buf buf = WR_BUF_INIT, bytes = WR_BUF_INIT;
    struct wr_error err = WR_ERROR_INIT;
    struct str value, result;
    wr_numeric_sum_init(&sum);
    for (int i = 0, n = 1 + (int)below(6); i < n; i++) {
        const char *text = random_numeric(12);
        CHECK(numeric_of(text, &value));
        wr_numeric_sum_add(&sum, value, 1);
        list = wr_arena_printf(&arena, "%s%s%s", list, i ? "," : "{", text);
    }
    list = wr_arena_printf(&arena, "%s}", list);
    for (int i = 0; i < 5; i++) { /* what comes and goes leaves no trace */
        const char *text = random_numeric(30);
        CHECK(numeric_of(text, &value));
        wr_numeric_sum_add(&sum, value, 3);
        wr_numeric_sum_add(&sum, value, -2);
        wr_numeric_sum_encode(&sum, &bytes);
        CHECK(wr_numeric_sum_decode(bytes.data, bytes.len, &copy));
        wr_numeric_sum_fini(&sum);
        sum = copy;
        bytes.len = 0;
        wr_numeric_sum_add(&sum, value, -1);
    }
    const char *values[] = {list};
    Oid oids[] = {1231};
    for (int average = 0; average < 2; average++) {
        ask(average ? "select avg(x) from unnest($1) x" : "select sum(x) from unnest($1) x", 1, values, oids, 0,
            &answer);
        buf.len = 0;
        if (average ? wr_numeric_sum_average(&arena, &sum, &result, &err)
                    : wr_numeric_sum_total(&arena, &sum, &result, &err))
            wr_numeric_print(&buf, result);
        else
            our_error(&buf, &err);
        compare(average ? "avg" : "sum", list, &buf, &answer);
    }
    wr_numeric_sum_fini(&sum);
    wr_buf_free(&buf);
    wr_buf_free(&bytes);
}

/* --- order -------------------------------------------------------------------------------------------------------- */

static void check_order(const char *type_name, struct type type, const char *a, const char *b)
{
    static struct answer answer;
    char sql[200], input[1000];
    const char *values[] = {a, b};
    Oid oids[] = {25, 25};
    struct wr_error err;
    struct datum x, y;
    struct io_settings io = {zone};
    if (!wr_value_in(&arena, type, a, strlen(a), &io, &x, &err) ||
        !wr_value_in(&arena, type, b, strlen(b), &io, &y, &err))
        return;
    snprintf(sql, sizeof sql, "select ($1::%s > $2::%s)::int - ($1::%s < $2::%s)::int", type_name, type_name, type_name,
             type_name);
    ask(sql, 2, values, oids, 0, &answer);
    int theirs = atoi(answer.text);
    snprintf(input, sizeof input, "%s order: %.300s , %.300s", type_name, a, b);
    int ours = wr_value_cmp(&x, &y);
    CHECK(ours == theirs || !fprintf(stderr, "%s ours %d\n", input, ours));
    for (int descending = 0; descending < 2; descending++) {
        struct wr_buf key_x = WR_BUF_INIT, key_y = WR_BUF_INIT;
        wr_key_put(&key_x, &x, descending, false);
        wr_key_put(&key_y, &y, descending, false);
        int c = wr_str_cmp(wr_str(key_x.data, key_x.len), wr_str(key_y.data, key_y.len));
        c = (c > 0) - (c < 0);
        CHECK((descending ? -c : c) == theirs || !fprintf(stderr, "%s by key %d\n", input, c));
        wr_buf_free(&key_x);
        wr_buf_free(&key_y);
    }
}

/* --- doubles ------------------------------------------------------------------------------------------------------ */

static char *random_double(void)
{
    double value;
    uint64_t bits = rnd();
    memcpy(&value, &bits, 8);
    if (below(3) == 0)
        value = (double)(int64_t)below(1ull << below(62)) / (double)(1 + below(1000));
    if (below(6) == 0)
        value = (double)below(1ull << 53) * 1e6;
    return wr_arena_printf(&arena, "%.*g", (int)(1 + below(17)), value);
}

/* --- dates -------------------------------------------------------------------------------------------------------- */

static char *random_date(void)
{
    static const char *const months[] = {"Jan", "february", "Mar",  "APR", "may", "June",
                                         "jul", "Aug",      "Sept", "oct", "Nov", "Dec"};
    static const char *const years[] = {"0001", "1582", "4713", "9999", "12345", "2000", "1900"};
    int month = 1 + (int)below(12), day = 1 + (int)below(31);
    const char *year = wr_arena_printf(&arena, "%04d", (int)(below(3) ? 1990 + below(60) : 1 + below(2500)));
    if (below(10) == 0)
        year = years[below(WR_COUNT(years))];
    switch (below(8)) {
    case 0:
        return wr_arena_printf(&arena, "%d %s %s", day, months[month - 1], year);
    case 1:
        return wr_arena_printf(&arena, "%s %d, %s", months[month - 1], day, year);
    case 2:
        return wr_arena_printf(&arena, "%d/%d/%s", month, day, year);
    case 3:
        return wr_arena_printf(&arena, "%d-%s-%s", day, months[month - 1], year);
    case 4:
        return wr_arena_printf(&arena, "%.4s%02d%02d", year, month, day);
    default:
        return wr_arena_printf(&arena, "%s-%02d-%02d", year, month, day);
    }
}

static char *random_clock(void)
{
    int hour = (int)below(25), minute = (int)below(60), second = (int)below(61);
    switch (below(5)) {
    case 0:
        return "";
    case 1:
        return wr_arena_printf(&arena, " %02d:%02d", hour, minute);
    case 2:
        return wr_arena_printf(&arena, " %d:%02d:%02d %s", hour % 13, minute, second, below(2) ? "AM" : "PM");
    default:
        return wr_arena_printf(&arena, "%c%02d:%02d:%02d.%0*d", below(2) ? ' ' : 'T', hour % 24, minute, second % 60,
                               (int)(1 + below(8)), (int)below(10000));
    }
}

static char *random_stamp(void)
{
    static const char *const zones[] = {"",
                                        "Z",
                                        "+02",
                                        "-0330",
                                        "+05:45",
                                        " UTC",
                                        " Europe/Berlin",
                                        " -08:00",
                                        " EST",
                                        "+14:59:59",
                                        " America/New_York",
                                        " PDT"};
    const char *date = random_date(), *clock = random_clock();
    return wr_arena_printf(&arena, "%s%s%s%s", date, clock, *clock && below(2) ? zones[below(WR_COUNT(zones))] : "",
                           below(20) ? "" : " BC");
}

static void check_fields(const char *text)
{
    static const char *const names[] = {"microseconds", "milliseconds", "second",  "minute", "hour",   "day",
                                        "week",         "month",        "quarter", "year",   "decade", "century",
                                        "millennium",   "isoyear",      "dow",     "isodow", "doy"};
    static struct answer answer;
    struct wr_error err;
    int64_t ts;
    const char *values[] = {text, NULL};
    Oid oids[] = {1114, 25};
    struct wr_buf buf = WR_BUF_INIT;
    if (!wr_timestamp_parse(text, strlen(text), &ts, &err) || !wr_timestamp_is_finite(ts))
        return;
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        enum datetime_unit unit = wr_datetime_unit(names[i], strlen(names[i]));
        int64_t field = wr_timestamp_field(ts, unit);
        values[1] = names[i];
        ask("select date_part($2, $1)", 2, values, oids, 0, &answer);
        double shown_field = (double)field;
        if (unit == UNIT_SECOND)
            shown_field = (double)(field / 1000000) + (double)(field % 1000000) / 1e6;
        if (unit == UNIT_MILLISECONDS)
            shown_field = (double)(field / 1000000) * 1000.0 + (double)(field % 1000000) / 1e3;
        buf.len = 0;
        wr_value_out(&buf, &(struct datum){.type = TYPE(TYPE_FLOAT8), .f64 = shown_field}, NULL);
        compare(names[i], text, &buf, &answer);
        if (unit > UNIT_MILLENNIUM)
            continue;
        ask("select date_trunc($2, $1)", 2, values, oids, 0, &answer);
        buf.len = 0;
        int64_t start = wr_timestamp_trunc(ts, unit);
        if (!wr_timestamp_in_range(start))
            continue;
        wr_timestamp_print(&buf, start);
        compare("date_trunc", text, &buf, &answer);
    }
    wr_buf_free(&buf);
}

static void set_zone(const char *name)
{
    char sql[200];
    snprintf(sql, sizeof sql, "set timezone = '%s'", name);
    PQclear(PQexec(conn, sql));
    zone = wr_timezone_find(name);
    CHECK(zone != NULL);
}

static void check_zones(void)
{
    static const char *const names[] = {"Europe/Berlin",       "America/New_York",  "Asia/Kolkata",
                                        "Australia/Lord_Howe", "America/Sao_Paulo", "UTC",
                                        "Europe/Dublin",       "Africa/Casablanca", "Asia/Tehran",
                                        "Pacific/Apia",        "America/St_Johns",  "Antarctica/Troll"};
    set_zone(names[below(WR_COUNT(names))]);
    for (int i = 0; i < 20; i++) {
        const char *text =
            wr_arena_printf(&arena, "%d-%02d-%02d %02d:%02d:%02d%s", (int)(1850 + below(300)), (int)(1 + below(12)),
                            (int)(1 + below(28)), (int)below(24), (int)below(60), (int)below(60), below(2) ? "" : "Z");
        check_io("timestamptz", TYPE(TYPE_TIMESTAMPTZ), text);
    }
    set_zone("UTC");
}

/* Readings of the clock around each change of the zone, in steps of a quarter of an hour. */
static void check_changes(void)
{
    static const char *const days[] = {"2024-03-31", "2024-10-27", "1946-04-14",
                                       "2050-03-27", "2050-10-30", "1893-04-01"};
    set_zone("Europe/Berlin");
    for (size_t d = 0; d < WR_COUNT(days); d++)
        for (int quarter = 0; quarter < 20; quarter++) {
            const char *text = wr_arena_printf(&arena, "%s %02d:%02d:00", days[d], quarter / 4, quarter % 4 * 15);
            check_io("timestamptz", TYPE(TYPE_TIMESTAMPTZ), text);
        }
    set_zone("UTC");
}

/* --- jsonb -------------------------------------------------------------------------------------------------------- */

static void put_json(struct wr_buf *to, int depth)
{
    static const char *const leaves[] = {"null",
                                         "true",
                                         "false",
                                         "0",
                                         "-0",
                                         "-0.0",
                                         "1.50",
                                         "1e3",
                                         "1.5e-3",
                                         "12345678901234567890123",
                                         "\"\"",
                                         "\"a\"",
                                         "\"\\u00e9\\n\\\"\"",
                                         "\"\\ud83d\\ude00x\"",
                                         "\"\xc3\xa9\"",
                                         "1E+2",
                                         "\"\\/\\b\\f\""};
    static const char *const keys[] = {"a", "b", "bb", "aa", "", "c", "\\u0061", "ab\\tc"};
    uint64_t kind = depth > 3 ? 0 : below(4);
    if (kind < 2) {
        wr_buf_puts(to, leaves[below(WR_COUNT(leaves))]);
        return;
    }
    bool object = kind == 2;
    wr_buf_byte(to, object ? '{' : '[');
    for (int i = 0, n = (int)below(5); i < n; i++) {
        wr_buf_puts(to, i ? (below(2) ? ", " : ",") : below(3) ? "" : " ");
        if (object)
            wr_buf_printf(to, "\"%s\"%s", keys[below(WR_COUNT(keys))], below(2) ? ":" : " : ");
        put_json(to, depth + 1);
    }
    wr_buf_byte(to, object ? '}' : ']');
}

static char *random_json(int depth)
{
    struct wr_buf buf = WR_BUF_INIT;
    put_json(&buf, depth);
    char *text = wr_arena_strdup(&arena, wr_buf_cstr(&buf));
    wr_buf_free(&buf);
    return text;
}

static void check_json(void)
{
    const char *text = random_json(0), *other = random_json(2);
    static struct answer answer;
    Oid oids[] = {3802, 3802};
    struct wr_error err;
    struct str a, b;
    check_io("jsonb", TYPE(TYPE_JSONB), text);
    const char *values[] = {text, other};
    if (wr_jsonb_parse(&arena, text, strlen(text), &a, &err) &&
        wr_jsonb_parse(&arena, other, strlen(other), &b, &err)) {
        ask("select ($1 = $2)::int", 2, values, oids, 0, &answer);
        CHECK_INT(wr_jsonb_eq(a, b), atoi(answer.text));
    }
    check_io("jsonb", TYPE(TYPE_JSONB), mutated(text));
}

/* --- lists -------------------------------------------------------------------------------------------------------- */

static const char *const int_texts[] = {"0",
                                        " 12 ",
                                        "-2147483648",
                                        "2147483647",
                                        "2147483648",
                                        "-9223372036854775808",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "+5",
                                        "",
                                        " ",
                                        "-",
                                        "1x",
                                        "1.5",
                                        "x",
                                        "1 2",
                                        "0x10",
                                        "99999999999999999999x",
                                        "--1",
                                        "00012",
                                        "\t7\n",
                                        NULL};
static const char *const bool_texts[] = {"t", "TRUE", "tru", "y",   "yes", "on", "o",    "of",    "off", "0",
                                         "1", "10",   "",    " f ", "no",  "n",  "fals", "maybe", NULL};
static const char *const float_texts[] = {"1e23",
                                          "0",
                                          "-0",
                                          "NaN",
                                          "nan",
                                          "inf",
                                          "-Infinity",
                                          "+infinity",
                                          "1e400",
                                          "1e-400",
                                          "-1e400",
                                          "5e-324",
                                          "2e-324",
                                          "4.9e-324",
                                          "1.7976931348623157e308",
                                          "1.8e308",
                                          "0.1",
                                          "1e15",
                                          "1e14",
                                          "123456789012345678",
                                          "0.0001",
                                          "0.00001",
                                          "1.5e-5",
                                          "",
                                          " ",
                                          "1.",
                                          ".5",
                                          ".",
                                          "e5",
                                          "1e",
                                          "1e5x",
                                          " 12 ",
                                          "0x10",
                                          "0x1p3",
                                          "1_0",
                                          "infinityx",
                                          "9007199254740993",
                                          "2.2250738585072014e-308",
                                          "1e22",
                                          "4611686018427387904",
                                          "3e-5",
                                          "100000000000000000000000",
                                          "1e+5",
                                          "-",
                                          "+",
                                          "+-1",
                                          "1e-5",
                                          "12345678",
                                          "999999999999999",
                                          "9999999999999999",
                                          "1.0000000000000002",
                                          "nanx",
                                          "in",
                                          NULL};
static const char *const numeric_texts[] = {"0",
                                            "-0",
                                            "0.00",
                                            "1.0",
                                            "1.00",
                                            ".5",
                                            "5.",
                                            ".",
                                            "",
                                            " ",
                                            "1e5",
                                            "1e-5",
                                            "1.5e3",
                                            "NaN",
                                            "nan ",
                                            " inf",
                                            "-inf",
                                            "+Infinity",
                                            "infinit",
                                            "1e131071",
                                            "1e131072",
                                            "1e-16383",
                                            "1e-16384",
                                            "0e-16384",
                                            "1e99999999999",
                                            "1x",
                                            "1e",
                                            "1e+",
                                            "--1",
                                            "+1",
                                            "-1.50",
                                            "12345678901234567890123456789012345678901234567890.12345",
                                            "1..2",
                                            "1.2.3",
                                            "0e99999999",
                                            "170141183460469231731687303715884105727",
                                            "-170141183460469231731687303715884105728",
                                            "340282366920938463463374607431768211456",
                                            "99999999999999999999999999999999999999",
                                            "- 1",
                                            "1 e5",
                                            "0x10",
                                            "1_000",
                                            NULL};
static const char *const typmod_texts[] = {"1.005", "999.99", "999.995", "-999.995", "1000",   "0.004",
                                           "inf",   "NaN",    "1e10",    "-0.005",   "12.345", NULL};
static const char *const date_texts[] = {"2024-02-29",
                                         "2023-02-29",
                                         "2024-13-01",
                                         "13/01/2024",
                                         "01/13/2024",
                                         "1/2/3",
                                         "99-1-1",
                                         "0000-01-01",
                                         "epoch",
                                         "infinity",
                                         "-infinity",
                                         "Infinity",
                                         "4714-11-24 BC",
                                         "4714-11-23 BC",
                                         "5874897-12-31",
                                         "5874898-06-01",
                                         "294277-01-01",
                                         "294000-05-18 01:02:03",
                                         "",
                                         " ",
                                         "x",
                                         "2024-01-01 25:00",
                                         "January 8, 1999",
                                         "1999-Jan-08",
                                         "Jan-08-1999",
                                         "08-Jan-1999",
                                         "19990108",
                                         "990108",
                                         "2024-1-1",
                                         "20240101T040506",
                                         "Mon Jan 8 1999",
                                         "8 January 1999",
                                         "1999 Jan 8",
                                         "2024/01/02",
                                         "2024.01.02",
                                         "01.02.2024",
                                         "0001-01-01 BC",
                                         "2024-00-10",
                                         "2024-01-32",
                                         "2024-04-31",
                                         "2024-01-",
                                         "2024-01",
                                         "2024",
                                         "1 2 3 4",
                                         "2024-01-02 x",
                                         "2024-02-30",
                                         "1.2.3.4",
                                         NULL};
static const char *const stamp_texts[] = {"2024-01-02 03:04:05",
                                          "2024-01-02T03:04:05.123456789Z",
                                          "2024-01-02 03:04:05.1234565",
                                          "2024-01-02 24:00:00",
                                          "2024-01-02 24:00:01",
                                          "2024-01-02 23:59:60",
                                          "2024-01-02 12:60",
                                          "2024-01-02 03:04 PM",
                                          "2024-01-02 13:04 PM",
                                          "2024-01-02 12:00 AM",
                                          "2024-01-02 03:04:05+16",
                                          "2024-01-02 03:04:05+15:59",
                                          "2024-01-02 03:04:05-0330",
                                          "2024-01-02 03:04:05 Foo/Bar",
                                          "2024-01-02 03:04:05 foo",
                                          "2024-01-02 03:04:05 Europe/Berlin",
                                          "2024-07-02 03:04:05 CET",
                                          "294247-01-10 00:00:00",
                                          "294277-01-01",
                                          "4714-11-24 00:00:00 BC",
                                          "4714-11-23 23:59:59 BC",
                                          "epoch",
                                          "infinity",
                                          "-infinity",
                                          "2024-01-02",
                                          "2024-01-02 3",
                                          "20240102 030405",
                                          "2024-01-02 030405.5",
                                          "2024-01-02T030405Z",
                                          "2024-01-02 03:04:05.",
                                          "2024-01-02 03:04:05 BC",
                                          "03:04:05 2024-01-02",
                                          "2024-01-02 03:04:05 +02",
                                          "2024-01-02 03",
                                          "",
                                          "2024-01-02  03:04:05   ",
                                          "2024-01-02 03:04:05.999999999",
                                          "2024-01-02 03:04:",
                                          "2024-01-02 03:04:05+",
                                          NULL};
static const char *const json_texts[] = {"",
                                         " ",
                                         "{",
                                         "}",
                                         "[",
                                         "]",
                                         "[1,",
                                         "[1",
                                         "[1,]",
                                         "[,1]",
                                         "{\"a\"}",
                                         "{\"a\":}",
                                         "{\"a\":1,}",
                                         "{1:2}",
                                         "{\"a\":1 \"b\":2}",
                                         "tru",
                                         "nul",
                                         "truex",
                                         "1.",
                                         "01",
                                         "-",
                                         "-x",
                                         "1e",
                                         "1e5",
                                         "1x",
                                         "\"abc",
                                         "\"a\\x\"",
                                         "\"a\\u12\"",
                                         "\"\\u0000\"",
                                         "\"\\ud800\"",
                                         "\"\\udc00\"",
                                         "\"\\ud800\\ud800\"",
                                         "\"\\ud800x\"",
                                         "\"\\ud800\\n\"",
                                         "\"a\nb\"",
                                         "1 2",
                                         "[1 2]",
                                         "{\"a\" 1}",
                                         "#",
                                         "'a'",
                                         "[1}",
                                         "{\"b\":1,\"a\":2,\"b\":3}",
                                         "{\"aa\":1,\"b\":2,\"\":0}",
                                         "1e1000",
                                         "1e200000",
                                         "\"\\u0001\"",
                                         "\x7f",
                                         "\"\x7f\"",
                                         "[[[[]]]]",
                                         "{\"a\":{}}",
                                         "\xc3\xa9",
                                         "\"a\\",
                                         "\"\\u",
                                         "NaN",
                                         "[NaN]",
                                         "-Infinity",
                                         "1.5E+3",
                                         "0.10",
                                         "-0",
                                         "1,",
                                         ":",
                                         ",",
                                         NULL};
static const char *const bytea_texts[] = {"\\x",        "\\xDEADbeef", "\\xa",    "\\xzz",    "abc", "a\\\\b",
                                          "\\001\\377", "\\400",       "\\x 1 2", "\\x12 34", "a\\", NULL};
static const char *const text_texts[] = {
    "", "abc", "a  ", "abcd", "abcd ", "\xc3\xa9\xc3\xa9\xc3\xa9", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", NULL};

static void check_chosen(void)
{
    check_list("int4", TYPE(TYPE_INT4), int_texts);
    check_list("int8", TYPE(TYPE_INT8), int_texts);
    check_list("bool", TYPE(TYPE_BOOL), bool_texts);
    check_list("float8", TYPE(TYPE_FLOAT8), float_texts);
    check_list("numeric", TYPE(TYPE_NUMERIC), numeric_texts);
    check_list("numeric(5,2)", (struct type){.id = TYPE_NUMERIC, .precision = 5, .scale = 2}, typmod_texts);
    check_list("numeric(3,3)", (struct type){.id = TYPE_NUMERIC, .precision = 3, .scale = 3}, typmod_texts);
    check_list("numeric(3,-2)", (struct type){.id = TYPE_NUMERIC, .precision = 3, .scale = -2}, typmod_texts);
    check_list("date", TYPE(TYPE_DATE), date_texts);
    check_list("date", TYPE(TYPE_DATE), stamp_texts);
    check_list("timestamp", TYPE(TYPE_TIMESTAMP), stamp_texts);
    check_list("timestamp", TYPE(TYPE_TIMESTAMP), date_texts);
    check_list("timestamp(3)", (struct type){.id = TYPE_TIMESTAMP, .precision = 4}, stamp_texts);
    check_list("timestamptz", TYPE(TYPE_TIMESTAMPTZ), stamp_texts);
    check_list("jsonb", TYPE(TYPE_JSONB), json_texts);
    check_list("bytea", TYPE(TYPE_BYTEA), bytea_texts);
    check_list("text", TYPE(TYPE_TEXT), text_texts);
}

static void check_made_up(void)
{
    const char *a = random_numeric(below(5) ? 10 : 100), *b = random_numeric(below(5) ? 10 : 100);
    check_io("numeric", TYPE(TYPE_NUMERIC), a);
    check_order("numeric", TYPE(TYPE_NUMERIC), a, b);
    check_io("numeric", TYPE(TYPE_NUMERIC), mutated(a));
    a = random_double();
    b = random_double();
    check_io("float8", TYPE(TYPE_FLOAT8), a);
    check_order("float8", TYPE(TYPE_FLOAT8), a, b);
    check_io("float8", TYPE(TYPE_FLOAT8), mutated(a));
    a = random_stamp();
    check_io("timestamp", TYPE(TYPE_TIMESTAMP), a);
    check_io("timestamptz", TYPE(TYPE_TIMESTAMPTZ), a);
    check_io("date", TYPE(TYPE_DATE), a);
    check_fields(a);
    check_numeric_math();
    check_sum();
    check_json();
    check_zones();
}

int main(void)
{
    const char *conninfo = getenv("WEIR_PG"), *seed = getenv("WEIR_SEED"), *rounds = getenv("WEIR_ROUNDS");
    if (!conninfo || !*conninfo) {
        printf("SKIP: set WEIR_PG to the conninfo of a PostgreSQL 15 to compare with\n");
        return check_report("types_oracle_test");
    }
    conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(conn));
        return 1;
    }
    if (seed)
        state = strtoull(seed, NULL, 10) * 2862933555777941757ull + 3037000493ull;
    wr_arena_init(&arena, NULL);
    set_zone("UTC");
    check_chosen();
    check_changes();
    for (int i = rounds ? atoi(rounds) : 100; i > 0; i--) {
        check_made_up();
        wr_arena_reset(&arena);
    }
    wr_arena_reset(&arena);
    PQfinish(conn);
    return check_report("types_oracle_test");
}
