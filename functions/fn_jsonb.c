/* jsonb: access by key and index, types and casts. Values are read in place (types/jsonb.h): -> copies nothing. */
#include "functions/kernel.h"
#include "types/jsonb.h"
#include "types/numeric.h"

KERNEL_BINARY(jsonb_eq, struct str, str, uint8_t, b, wr_jsonb_eq(x, y))
KERNEL_BINARY(jsonb_ne, struct str, str, uint8_t, b, !wr_jsonb_eq(x, y))

/* Member or element of row i; false: none. The second argument is text or integer. To -> a scalar is an array of one.
 */
static bool step_into(const struct fn_call *call, uint32_t i, struct str *out)
{
    struct str value = call->args[0].str[i];
    if (call->args[1].type.id == TYPE_INT4) {
        int32_t index = call->args[1].i32[i];
        bool scalar = wr_jsonb_kind(value) != JSONB_ARRAY && wr_jsonb_kind(value) != JSONB_OBJECT;
        *out = value;
        return scalar ? index == 0 || index == -1 : wr_jsonb_at(value, index, out);
    }
    return wr_jsonb_get(value, call->args[1].str[i], out);
}

static void get(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        if (!step_into(call, i, &call->out->str[i]))
            fn_null(call, i);
    }
}

static void set_text(struct fn_call *call, uint32_t row, struct str value, struct wr_buf *buf)
{
    buf->len = 0;
    if (wr_jsonb_kind(value) == JSONB_STRING)
        call->out->str[row] = wr_jsonb_text(value);
    else if (!wr_jsonb_print_scalar(buf, value))
        fn_null(call, row);
    else
        call->out->str[row] = wr_str(wr_arena_strndup(call->arena, buf->len ? buf->data : "", buf->len), buf->len);
}

static void get_text(struct fn_call *call)
{
    struct wr_buf buf = WR_BUF_INIT;
    struct str value;
    FN_EACH(call, i)
    {
        if (step_into(call, i, &value))
            set_text(call, i, value, &buf);
        else
            fn_null(call, i);
    }
    wr_buf_free(&buf);
}

KERNEL_UNARY(jsonb_typeof, struct str, str, struct str, str, wr_str_of(wr_jsonb_typeof(x)))

static void array_length(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str value = call->args[0].str[i];
        enum jsonb_kind kind = wr_jsonb_kind(value);
        if (kind == JSONB_ARRAY)
            call->out->i32[i] = (int32_t)wr_jsonb_count(value);
        else if (kind == JSONB_OBJECT)
            fn_fail(call, i, ERR_INVALID_PARAMETER, "cannot get array length of a non-array");
        else
            fn_fail(call, i, ERR_INVALID_PARAMETER, "cannot get array length of a scalar");
    }
}

static void has_key(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str value = call->args[0].str[i], key = call->args[1].str[i], found;
        bool has = wr_jsonb_get(value, key, &found);
        bool is_array = wr_jsonb_kind(value) == JSONB_ARRAY;
        for (uint32_t k = 0; !has && is_array && k < wr_jsonb_count(value); k++) {
            struct str item = wr_jsonb_child(value, k);
            has = wr_jsonb_kind(item) == JSONB_STRING && wr_str_eq(wr_jsonb_text(item), key);
        }
        if (wr_jsonb_kind(value) == JSONB_STRING)
            has = wr_str_eq(wr_jsonb_text(value), key);
        call->out->b[i] = has;
    }
}

static uint32_t count_items(struct str value)
{
    return wr_jsonb_kind(value) == JSONB_ARRAY ? wr_jsonb_count(value) : 1;
}

static uint32_t put_items(struct str value, struct str *items)
{
    uint32_t n = count_items(value);
    for (uint32_t k = 0; k < n; k++)
        items[k] = wr_jsonb_kind(value) == JSONB_ARRAY ? wr_jsonb_child(value, k) : value;
    return n;
}

static struct str merge_objects(struct wr_arena *arena, struct str a, struct str b)
{
    uint32_t na = wr_jsonb_count(a), n = na + wr_jsonb_count(b);
    struct str *keys = WR_NEW_ARRAY(arena, struct str, n), *values = WR_NEW_ARRAY(arena, struct str, n);
    for (uint32_t k = 0; k < n; k++) {
        struct str from = k < na ? a : b;
        keys[k] = wr_jsonb_key_of(from, k < na ? k : k - na);
        values[k] = wr_jsonb_child(from, k < na ? k : k - na);
    }
    return wr_jsonb_of_object(arena, keys, values, n);
}

/* Two objects are merged; else each is a list, an array of its elements, anything else of itself. */
static void concat(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str a = call->args[0].str[i], b = call->args[1].str[i];
        if ((uint64_t)a.len + b.len > JSONB_TEXT_MAX) {
            fn_fail(call, i, "54000", "total size of jsonb array elements exceeds the maximum of %d bytes",
                    JSONB_TEXT_MAX);
            continue;
        }
        if (wr_jsonb_kind(a) == JSONB_OBJECT && wr_jsonb_kind(b) == JSONB_OBJECT) {
            call->out->str[i] = merge_objects(call->arena, a, b);
            continue;
        }
        struct str *items = WR_NEW_ARRAY(call->arena, struct str, (size_t)count_items(a) + count_items(b));
        uint32_t n = put_items(a, items);
        n += put_items(b, items + n);
        call->out->str[i] = wr_jsonb_of_array(call->arena, items, n);
    }
}

static const char *kind_name(enum jsonb_kind kind)
{
    switch (kind) {
    case JSONB_NULL:
        return "null";
    case JSONB_FALSE:
    case JSONB_TRUE:
        return "boolean";
    case JSONB_NUMBER:
        return "numeric";
    case JSONB_STRING:
        return "string";
    case JSONB_ARRAY:
        return "array";
    default:
        return "object";
    }
}

static void wrong_kind(struct fn_call *call, uint32_t row, struct str value)
{
    const struct type_info *info = wr_type_info(call->out->type.id);
    fn_fail(call, row, ERR_INVALID_PARAMETER, "cannot cast jsonb %s to type %s", kind_name(wr_jsonb_kind(value)),
            info->name);
}

static void to_bool(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str value = call->args[0].str[i];
        enum jsonb_kind kind = wr_jsonb_kind(value);
        call->out->b[i] = kind == JSONB_TRUE;
        if (kind != JSONB_TRUE && kind != JSONB_FALSE)
            wrong_kind(call, i, value);
    }
}

/* The number as numeric, then as the target. */
static bool put_number(struct fn_call *call, uint32_t row, struct str number, struct wr_error *err)
{
    struct column *out = call->out;
    struct type type = call->expr->type;
    struct str value;
    TRY(wr_numeric_parse(call->arena, number.data, number.len, type.id == TYPE_NUMERIC ? type : TYPE(TYPE_NUMERIC),
                         &value, err));
    switch (type.id) {
    case TYPE_INT4:
        return wr_numeric_to_int32(value, &out->i32[row], err);
    case TYPE_INT8:
        return wr_numeric_to_int64(value, &out->i64[row], err);
    case TYPE_FLOAT8:
        return wr_numeric_to_double(value, &out->f64[row], err);
    default:
        out->str[row] = value;
        return true;
    }
}

static void to_number(struct fn_call *call)
{
    struct wr_error err;
    FN_EACH(call, i)
    {
        struct str value = call->args[0].str[i];
        if (wr_jsonb_kind(value) != JSONB_NUMBER)
            wrong_kind(call, i, value);
        else if (!put_number(call, i, wr_jsonb_text(value), &err))
            fn_fail(call, i, err.sqlstate, "%s", err.message);
    }
}

#define J TYPE_JSONB
#define T TYPE_TEXT
#define I TYPE_INT4
#define S FN_STRICT
#define CAST(to, kernel, example, result)                                                                         \
    {                                                                                                             \
        "cast", to, 1, {J}, S | FN_CAN_FAIL, kernel, "Conversion of a JSON value of this kind.", example, result, \
            NULL, NULL                                                                                            \
    }

static const struct fn rows[] = {
    {"=",
     TYPE_BOOL,
     2,
     {J, J},
     S,
     jsonb_eq,
     "Equal.",
     "'{\"a\": 1, \"b\": 2}'::jsonb = '{\"b\":2.0,\"a\":1}'::jsonb",
     "t",
     NULL,
     NULL},
    {"<>", TYPE_BOOL, 2, {J, J}, S, jsonb_ne, "Not equal.", "'[1, 2]'::jsonb <> '[2, 1]'::jsonb", "t", NULL, NULL},
    {"->",
     J,
     2,
     {J, T},
     S | FN_MAY_NULL,
     get,
     "Member of an object.",
     "'{\"a\": [1, 2]}'::jsonb -> 'a'",
     "[1, 2]",
     NULL,
     NULL},
    {"->",
     J,
     2,
     {J, I},
     S | FN_MAY_NULL,
     get,
     "Element of an array; negative counts from the end.",
     "'[1, {\"b\": 2}]'::jsonb -> -1",
     "{\"b\": 2}",
     NULL,
     NULL},
    {"->>",
     T,
     2,
     {J, T},
     S | FN_MAY_NULL,
     get_text,
     "Member of an object as text.",
     "'{\"a\": \"x\"}'::jsonb ->> 'a'",
     "x",
     NULL,
     NULL},
    {"->>",
     T,
     2,
     {J, I},
     S | FN_MAY_NULL,
     get_text,
     "Element of an array as text.",
     "'[1.50, 2]'::jsonb ->> 0",
     "1.50",
     NULL,
     NULL},
    {"||",
     J,
     2,
     {J, J},
     S | FN_CAN_FAIL,
     concat,
     "Objects merged, the right one's members win; else lists one behind the other.",
     "'{\"a\": 1, \"b\": 2}'::jsonb || '{\"b\": 3}'",
     "{\"a\": 1, \"b\": 3}",
     NULL,
     NULL},
    {"?",
     TYPE_BOOL,
     2,
     {J, T},
     S,
     has_key,
     "Is the text a key of the object or a string in the array?",
     "'{\"a\": 1}'::jsonb ? 'a'",
     "t",
     NULL,
     NULL},
    {"jsonb_typeof",
     T,
     1,
     {J},
     S,
     jsonb_typeof,
     "Kind of the value.",
     "jsonb_typeof('[]'::jsonb)",
     "array",
     NULL,
     NULL},
    {"jsonb_array_length",
     I,
     1,
     {J},
     S | FN_CAN_FAIL,
     array_length,
     "Number of elements.",
     "jsonb_array_length('[1, 2, 3]'::jsonb)",
     "3",
     NULL,
     NULL},
    CAST(TYPE_BOOL, to_bool, "'true'::jsonb::boolean", "t"),
    CAST(TYPE_INT4, to_number, "'12.5'::jsonb::int", "13"),
    CAST(TYPE_INT8, to_number, "'12'::jsonb::bigint", "12"),
    CAST(TYPE_FLOAT8, to_number, "'1.5'::jsonb::float8", "1.5"),
    CAST(TYPE_NUMERIC, to_number, "'1.50'::jsonb::numeric", "1.50"),
};

FAMILY(wr_fn_jsonb_family, rows);
