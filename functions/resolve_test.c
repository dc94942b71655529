/* Overload resolution and common types: choices and error texts as PostgreSQL 15 gives them. */
#include "functions/test_build.h"

/* "+(integer,integer) -> integer", or the error's message. */
static const char *resolve(const char *name, bool is_operator, uint16_t n, uint8_t a, uint8_t b)
{
    static char text[1100];
    struct type args[2] = {TYPE(a), TYPE(b)}, casts[2];
    struct wr_error err = WR_ERROR_INIT;
    const struct fn *fn = wr_fn_resolve(name, is_operator, args, n, casts, &err);
    if (!fn) {
        snprintf(text, sizeof(text), "%s %s", err.sqlstate, err.message);
        return text;
    }
    size_t at = 0;
    for (uint16_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? "," : "", wr_type_info(casts[i].id)->internal);
    snprintf(text + at, sizeof(text) - at, " -> %s", wr_type_info(fn->result)->internal);
    return text;
}

#define OP(name, a, b) resolve(name, true, 2, TYPE_##a, TYPE_##b)
#define FN1(name, a)   resolve(name, false, 1, TYPE_##a, 0)

static void test_operators(void)
{
    CHECK_STR(OP("+", INT4, INT4), "int4,int4 -> int4");
    CHECK_STR(OP("+", INT4, INT8), "int8,int8 -> int8");
    CHECK_STR(OP("+", INT4, UNKNOWN), "int4,int4 -> int4");
    CHECK_STR(OP("+", NUMERIC, INT4), "numeric,numeric -> numeric");
    CHECK_STR(OP("+", NUMERIC, FLOAT8), "float8,float8 -> float8");
    CHECK_STR(OP("=", TEXT, UNKNOWN), "text,text -> bool");
    CHECK_STR(OP("=", UNKNOWN, UNKNOWN), "text,text -> bool");
    CHECK_STR(OP("<", DATE, TIMESTAMP), "timestamp,timestamp -> bool");
    CHECK_STR(OP("<", TIMESTAMP, TIMESTAMPTZ), "timestamptz,timestamptz -> bool");
    CHECK_STR(OP("||", UNKNOWN, UNKNOWN), "text,text -> text");
    CHECK_STR(OP("||", TEXT, INT4), "text,int4 -> text");
    CHECK_STR(OP("||", INT4, UNKNOWN), "int4,text -> text");
    CHECK_STR(OP("~~", TEXT, UNKNOWN), "text,text -> bool");
    CHECK_STR(OP("->", JSONB, UNKNOWN), "jsonb,text -> jsonb");
    CHECK_STR(OP("->>", JSONB, INT4), "jsonb,int4 -> text");
    CHECK_STR(OP("^", INT4, INT4), "float8,float8 -> float8");
}

static void test_errors(void)
{
    struct type args[2] = {TYPE(TYPE_INT4), TYPE(TYPE_TEXT)}, casts[2];
    struct wr_error err = WR_ERROR_INIT;
    CHECK_STR(OP("+", INT4, TEXT), "42883 operator does not exist: integer + text");
    CHECK(!wr_fn_resolve("+", true, args, 2, casts, &err));
    CHECK_STR(err.hint,
              "No operator matches the given name and argument types. You might need to add explicit type casts.");
    CHECK_STR(resolve("-", true, 1, TYPE_TEXT, 0), "42883 operator does not exist: - text");
    CHECK_STR(OP("+", UNKNOWN, UNKNOWN), "42725 operator is not unique: unknown + unknown");
    CHECK_STR(FN1("upper", INT4), "42883 function upper(integer) does not exist");
    CHECK_STR(FN1("nothing", UNKNOWN), "42883 function nothing(unknown) does not exist");
    CHECK_STR(resolve("nothing", false, 0, 0, 0), "42883 function nothing() does not exist");
    CHECK_STR(FN1("cast", INT4), "42883 function cast(integer) does not exist");
    CHECK_STR(OP("-", TIMESTAMP, TIMESTAMP), "0A000 type interval is not supported");
}

static void test_functions(void)
{
    CHECK_STR(FN1("abs", UNKNOWN), "float8 -> float8");
    CHECK_STR(FN1("abs", INT8), "int8 -> int8");
    CHECK_STR(FN1("round", INT4), "float8 -> float8");
    CHECK_STR(FN1("length", UNKNOWN), "text -> int4");
    CHECK_STR(resolve("round", false, 2, TYPE_INT4, TYPE_INT4), "numeric,int4 -> numeric");
    CHECK_STR(resolve("concat", false, 2, TYPE_INT4, TYPE_BOOL), "int4,bool -> text");
    CHECK_STR(resolve("greatest", false, 2, TYPE_INT4, TYPE_NUMERIC), "numeric,numeric -> numeric");
    CHECK_STR(resolve("least", false, 2, TYPE_UNKNOWN, TYPE_DATE), "date,date -> date");
    CHECK_STR(resolve("greatest", false, 2, TYPE_INT4, TYPE_TEXT),
              "42804 GREATEST types integer and text cannot be matched");
}

static const char *common(uint16_t n, const uint8_t *ids)
{
    static char text[1100];
    struct type types[8], out;
    struct wr_error err = WR_ERROR_INIT;
    for (uint16_t i = 0; i < n; i++)
        types[i] = TYPE(ids[i]);
    if (!wr_common_type(types, n, "CASE", &out, &err))
        snprintf(text, sizeof(text), "%s %s", err.sqlstate, err.message);
    else
        snprintf(text, sizeof(text), "%s", wr_type_info(out.id)->internal);
    return text;
}
#define COMMON(...) common(sizeof((uint8_t[]){__VA_ARGS__}), (uint8_t[]){__VA_ARGS__})

static void test_common(void)
{
    CHECK_STR(COMMON(TYPE_INT4, TYPE_INT8), "int8");
    CHECK_STR(COMMON(TYPE_INT8, TYPE_INT4), "int8");
    CHECK_STR(COMMON(TYPE_NUMERIC, TYPE_INT4, TYPE_FLOAT8), "float8");
    CHECK_STR(COMMON(TYPE_UNKNOWN, TYPE_UNKNOWN), "text");
    CHECK_STR(COMMON(TYPE_UNKNOWN, TYPE_DATE, TYPE_TIMESTAMP), "timestamp");
    CHECK_STR(COMMON(TYPE_TIMESTAMPTZ, TYPE_DATE), "timestamptz");
    CHECK_STR(COMMON(TYPE_INT4, TYPE_TEXT), "42804 CASE types integer and text cannot be matched");
}

static void test_casts(void)
{
    bool same;
    struct type narrow = {.id = TYPE_NUMERIC, .precision = 5, .scale = 2};
    struct type varchar3 = {.id = TYPE_TEXT, .varchar = 1, .precision = 3};
    CHECK(wr_fn_cast(TYPE(TYPE_INT4), TYPE(TYPE_INT8), CAST_IMPLICIT, &same) != NULL);
    CHECK(wr_fn_cast(TYPE(TYPE_INT8), TYPE(TYPE_INT4), CAST_IMPLICIT, &same) == NULL && !same);
    CHECK(wr_fn_cast(TYPE(TYPE_INT8), TYPE(TYPE_INT4), CAST_ASSIGNMENT, &same) != NULL);
    CHECK(wr_fn_cast(TYPE(TYPE_TEXT), TYPE(TYPE_INT4), CAST_ASSIGNMENT, &same) == NULL);
    CHECK(wr_fn_cast(TYPE(TYPE_TEXT), TYPE(TYPE_INT4), CAST_EXPLICIT, &same) != NULL);
    CHECK(wr_fn_cast(TYPE(TYPE_INT4), TYPE(TYPE_TEXT), CAST_ASSIGNMENT, &same) != NULL);
    CHECK(wr_fn_cast(TYPE(TYPE_NUMERIC), TYPE(TYPE_NUMERIC), CAST_IMPLICIT, &same) == NULL && same);
    CHECK(wr_fn_cast(TYPE(TYPE_NUMERIC), narrow, CAST_IMPLICIT, &same) != NULL && !same);
    CHECK(wr_fn_cast(narrow, narrow, CAST_IMPLICIT, &same) == NULL && same);
    CHECK(wr_fn_cast(narrow, TYPE(TYPE_NUMERIC), CAST_IMPLICIT, &same) == NULL && same);
    const struct fn *cut = wr_fn_cast(TYPE(TYPE_TEXT), varchar3, CAST_EXPLICIT, &same);
    const struct fn *fit = wr_fn_cast(TYPE(TYPE_TEXT), varchar3, CAST_ASSIGNMENT, &same);
    CHECK(cut && fit && cut != fit);
}

/* A row that could never be chosen, or that two rows claim, is a mistake in a table. */
static void test_registry(void)
{
    for (size_t k = 0; wr_fn_list(k); k++) {
        const struct fn *fn = wr_fn_list(k);
        bool clashes = false;
        CHECK(fn->kernel && fn->doc && fn->nargs <= FN_ARGS_MAX);
        for (size_t j = 0; j < k; j++) {
            const struct fn *other = wr_fn_list(j);
            bool clash = !strcmp(fn->name, other->name) && fn->nargs == other->nargs &&
                         !memcmp(fn->args, other->args, fn->nargs) &&
                         (strncmp(fn->name, "cast", 4) || fn->result == other->result);
            if (clash)
                fprintf(stderr, "two rows for %s\n", fn->name);
            clashes |= clash;
        }
        CHECK(!clashes);
    }
}

int main(void)
{
    test_operators();
    test_errors();
    test_functions();
    test_common();
    test_casts();
    test_registry();
    return check_report("resolve_test");
}
