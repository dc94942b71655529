/* Every row of the registry against PostgreSQL 15: the example as written, and the function over combinations of
 * interesting values (NULL, extremes, NaN, infinities, empty and multi-byte text), results and SQLSTATEs compared.
 * Needs WEIR_PG=<conninfo> of a server with encoding UTF8 and locale C.UTF-8; prints SKIP without it.
 * WEIR_PG_ROW=<name> restricts it to rows of that name. */
#include <libpq-fe.h>

#include "functions/test_build.h"
#include "functions/test_values.h"
#include "types/timezone.h"

#define TRIES_PER_ROW 150
#define SHOWN_PER_ROW 3

struct call {
    const struct fn *fn;
    struct type result;
    uint16_t nargs;
    uint8_t types[FN_ARGS_MAX];
    const char *texts[FN_ARGS_MAX]; /* NULL: NULL */
};

static void put_arg(PGconn *pg, struct wr_buf *sql, const struct call *call, uint16_t i)
{
    const char *type = wr_type_info(call->types[i])->internal;
    if (!call->texts[i]) {
        wr_buf_printf(sql, "NULL::%s", type);
        return;
    }
    char *quoted = PQescapeLiteral(pg, call->texts[i], strlen(call->texts[i]));
    wr_buf_printf(sql, "(%s::%s)", quoted, type);
    PQfreemem(quoted);
}

/* The zone of both sides. */
static struct io_settings io;

static bool is_cast(const struct fn *fn)
{
    return !strcmp(fn->name, "cast");
}

/* The call as SQL. */
static void put_sql(PGconn *pg, struct wr_buf *sql, const struct call *call)
{
    const char *name = call->fn->name;
    bool word = (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_',
         keyword = !strcmp(name, "greatest") || !strcmp(name, "least");
    char type[64];
    sql->len = 0;
    wr_buf_puts(sql, "SELECT ");
    if (is_cast(call->fn)) {
        put_arg(pg, sql, call, 0);
        wr_buf_printf(sql, "::%s", wr_type_name(call->result, type, sizeof(type)));
        return;
    }
    if (!word) {
        if (call->nargs == 2)
            put_arg(pg, sql, call, 0);
        wr_buf_printf(sql, " %s ", name);
        put_arg(pg, sql, call, (uint16_t)(call->nargs - 1));
        return;
    }
    wr_buf_printf(sql, keyword ? "%s(" : "pg_catalog.\"%s\"(", name);
    for (uint16_t i = 0; i < call->nargs; i++) {
        if (i)
            wr_buf_puts(sql, ", ");
        put_arg(pg, sql, call, i);
    }
    wr_buf_puts(sql, ")");
}

/* PostgreSQL's answer: the text, "NULL", or the error. */
static void ask(PGconn *pg, const char *sql, struct wr_buf *answer)
{
    PGresult *result = PQexec(pg, sql);
    answer->len = 0;
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        wr_buf_printf(answer, "%s %s", PQresultErrorField(result, PG_DIAG_SQLSTATE),
                      PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    else
        wr_buf_puts(answer, PQgetisnull(result, 0, 0) ? "NULL" : PQgetvalue(result, 0, 0));
    wr_buf_cstr(answer);
    PQclear(result);
}

/* Ours, in the same form. false: an argument cannot be read (the combination does not count). */
static bool compute(struct build *b, const struct call *call, struct wr_buf *answer)
{
    struct expr **args = WR_NEW_ARRAY(&b->arena, struct expr *, WR_MAX(call->nargs, 1));
    struct datum value;
    struct wr_error err = WR_ERROR_INIT;
    for (uint16_t i = 0; i < call->nargs; i++) {
        const char *text = call->texts[i];
        value = (struct datum){.type = TYPE(call->types[i]), .null = true};
        if (text && !wr_value_in(&b->arena, value.type, text, strlen(text), &io, &value, &err))
            return false;
        args[i] = wr_expr_const(&b->arena, &value);
    }
    struct expr *expr = wr_expr_call(&b->arena, call->fn, call->result, args, call->nargs);
    answer->len = 0;
    if (!wr_evaluate_const(&b->arena, expr, &io, 0, &value, &err))
        wr_buf_printf(answer, "%s %s", err.sqlstate, err.message);
    else if (value.null)
        wr_buf_puts(answer, "NULL");
    else
        wr_value_out(answer, &value, &io);
    wr_buf_cstr(answer);
    return true;
}

static void choose_args(struct call *call)
{
    static const uint8_t any[] = {TYPE_INT4, TYPE_TEXT, TYPE_BOOL, TYPE_NUMERIC, TYPE_FLOAT8, TYPE_DATE};
    const struct fn *fn = call->fn;
    call->nargs = (uint16_t)(fn->nargs + ((fn->flags & FN_VARIADIC) ? random_below(3) : 0));
    for (uint16_t i = 0; i < call->nargs; i++) {
        uint8_t type = fn->args[WR_MIN(i, fn->nargs - 1)];
        type = type == TYPE_UNKNOWN ? any[random_below(WR_COUNT(any))] : type;
        const struct values *list = values_for(fn, i, type);
        call->types[i] = type;
        call->texts[i] = random_below(25) == 0 ? NULL : list->items[random_below((uint32_t)list->n)];
    }
}

/* Known: the text after "invalid regular expression" is PCRE2's own; messages of rows are cut at 249 bytes. */
static bool same_answer(const char *ours, const char *theirs)
{
    if (!strncmp(ours, "2201B", 5))
        return !strncmp(theirs, "2201B", 5);
    return !strcmp(ours, theirs) || (ours[0] == '2' && strlen(ours) == 255 && !strncmp(ours, theirs, 255));
}

static void compare_row(PGconn *pg, const struct fn *fn, struct type result)
{
    struct wr_buf sql = WR_BUF_INIT, ours = WR_BUF_INIT, theirs = WR_BUF_INIT;
    int wrong = 0;
    for (int try = 0; try < TRIES_PER_ROW; try++) {
        struct build b = {.err = WR_ERROR_INIT};
        struct call call = {.fn = fn, .result = result};
        wr_arena_init(&b.arena, NULL);
        choose_args(&call);
        if (compute(&b, &call, &ours)) {
            put_sql(pg, &sql, &call);
            ask(pg, wr_buf_cstr(&sql), &theirs);
            bool same = same_answer(ours.data, theirs.data);
            check_passed += same;
            check_failed += !same;
            wrong += !same;
            if (!same && wrong <= SHOWN_PER_ROW)
                fprintf(stderr, "%.300s\n  ours   %.200s\n  theirs %.200s\n", sql.data, ours.data, theirs.data);
        }
        wr_arena_reset(&b.arena);
    }
    if (wrong)
        fprintf(stderr, "%s(%s ...): %d wrong\n", fn->name, wr_type_info(fn->args[0])->internal, wrong);
    wr_buf_free(&sql);
    wr_buf_free(&ours);
    wr_buf_free(&theirs);
}

static void compare_example(PGconn *pg, const struct fn *fn)
{
    struct wr_buf sql = WR_BUF_INIT, theirs = WR_BUF_INIT;
    wr_buf_printf(&sql, "SELECT %s", fn->example);
    ask(pg, wr_buf_cstr(&sql), &theirs);
    bool same = !strcmp(theirs.data, fn->example_result);
    check_passed += same;
    check_failed += !same;
    if (!same)
        fprintf(stderr, "example %s\n  written    %s\n  PostgreSQL %s\n", fn->example, fn->example_result, theirs.data);
    wr_buf_free(&sql);
    wr_buf_free(&theirs);
}

/* Casts that fit a value to a typmod. */
static void compare_typmods(PGconn *pg)
{
    static const struct type types[] = {
        {.id = TYPE_NUMERIC, .precision = 5, .scale = 2}, {.id = TYPE_NUMERIC, .precision = 20, .scale = 0},
        {.id = TYPE_TEXT, .varchar = 1, .precision = 3},  {.id = TYPE_TEXT, .varchar = 1, .precision = 1},
        {.id = TYPE_TIMESTAMP, .precision = 1},           {.id = TYPE_TIMESTAMP, .precision = 4},
        {.id = TYPE_TIMESTAMPTZ, .precision = 3},
    };
    for (size_t k = 0; k < WR_COUNT(types); k++)
        for (uint8_t from = TYPE_BOOL; from < TYPE_COUNT; from++) {
            bool same;
            const struct fn *fn = wr_fn_cast(TYPE(from), types[k], CAST_EXPLICIT, &same);
            if (fn)
                compare_row(pg, fn, types[k]);
        }
}

static void set_zone(PGconn *pg, const char *name)
{
    char sql[100];
    io.timezone = name ? wr_timezone_find(name) : NULL;
    snprintf(sql, sizeof(sql), "SET TimeZone = '%s'", name ? name : "UTC");
    PQclear(PQexec(pg, sql));
}

/* Rows that depend on the zone, again in one with summer time. */
static void compare_zoned(PGconn *pg, const char *only)
{
    set_zone(pg, "America/New_York");
    for (size_t k = 0; wr_fn_list(k); k++) {
        const struct fn *fn = wr_fn_list(k);
        bool wanted = (fn->flags & FN_STABLE) && !(fn->flags & FN_VOLATILE) && strcmp(fn->name, "cast_assign");
        if (wanted && (!only || !strcmp(only, fn->name)))
            compare_row(pg, fn, TYPE(fn->result));
    }
}

int main(void)
{
    const char *conninfo = getenv("WEIR_PG"), *only = getenv("WEIR_PG_ROW");
    if (!conninfo) {
        printf("SKIP: set WEIR_PG to the conninfo of a PostgreSQL 15 server\n");
        return 77;
    }
    PGconn *pg = PQconnectdb(conninfo);
    if (PQstatus(pg) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(pg));
        return 1;
    }
    set_zone(pg, NULL);
    for (size_t k = 0; wr_fn_list(k); k++) {
        const struct fn *fn = wr_fn_list(k);
        if (only && strcmp(only, fn->name))
            continue;
        if (fn->example && !(fn->flags & FN_VOLATILE))
            compare_example(pg, fn);
        if (strcmp(fn->name, "cast_assign") && !(fn->flags & FN_VOLATILE))
            compare_row(pg, fn, TYPE(fn->result));
    }
    if (!only || !strcmp(only, "typmod"))
        compare_typmods(pg);
    compare_zoned(pg, only);
    PQfinish(pg);
    return check_report("oracle_test");
}
