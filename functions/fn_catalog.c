/* What clients compute over PostgreSQL's catalogs: names of types, texts of expressions. What depends on the objects
 * there are comes as a constant: a list of "number, name" lines made by the binder, looked up by the two functions at
 * the end. */
#include "functions/kernel.h"

#include <stdio.h>
#include <stdlib.h>

#define TX TYPE_TEXT
#define I4 TYPE_INT4
#define I8 TYPE_INT8

static void set_text(struct fn_call *call, uint32_t row, const char *text)
{
    size_t len = strlen(text);
    call->out->str[row] = wr_str(wr_arena_strndup(call->arena, text, len), len);
}

static bool is_null(const struct column *col, uint32_t row)
{
    return wr_column_get(col, row).null;
}

/* ---- types */

/* Types of PostgreSQL's own catalogs that no column of ours has. */
static const struct {
    uint32_t oid;
    const char *name;
} others[] = {{18, "\"char\""},  {19, "name"},      {21, "smallint"}, {24, "regproc"},     {26, "oid"},
              {114, "json"},     {700, "real"},     {705, "unknown"}, {1042, "character"}, {2205, "regclass"},
              {2206, "regtype"}, {2276, "\"any\""}, {2278, "void"},   {2249, "record"}};

static struct type with_typmod(uint8_t id, bool varchar, int32_t typmod)
{
    struct type type = {.id = id, .varchar = varchar};
    if (typmod < 0)
        return type;
    if (id == TYPE_NUMERIC && typmod >= 4) {
        type.precision = (int16_t)(((typmod - 4) >> 16) & 0xffff);
        type.scale = (int16_t)((typmod - 4) & 0x7ff);
    } else if (id == TYPE_TEXT && varchar && typmod > 4) {
        type.precision = (int16_t)WR_MIN(typmod - 4, INT16_MAX);
    } else if (id == TYPE_TIMESTAMP || id == TYPE_TIMESTAMPTZ) {
        type.precision = (int16_t)(WR_MIN(typmod, 6) + 1);
    }
    return type;
}

static void type_text(int64_t oid, int32_t typmod, char *text, size_t size)
{
    for (size_t i = 0; i < WR_COUNT(others); i++)
        if (others[i].oid == oid) {
            snprintf(text, size, "%s", others[i].name);
            return;
        }
    uint8_t id = wr_type_by_oid((uint32_t)oid);
    bool varchar = oid == 1043 || oid == 1015;
    bool array = !id;
    for (uint8_t t = 1; !id && t < TYPE_COUNT; t++)
        if (wr_type_info(t)->array_oid == oid)
            id = t;
    if (oid == 1015)
        id = TYPE_TEXT;
    if (!id || oid <= 0 || oid > UINT32_MAX) {
        snprintf(text, size, "%s", oid ? "???" : "-");
        return;
    }
    char name[80];
    snprintf(text, size, "%s%s", wr_type_name(with_typmod(id, varchar, typmod), name, sizeof name), array ? "[]" : "");
}

static void format_type(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        char text[100];
        if (is_null(&call->args[0], i)) {
            fn_null(call, i);
            continue;
        }
        bool typmod = call->nargs > 1 && !is_null(&call->args[1], i);
        type_text(call->args[0].i64[i], typmod ? call->args[1].i32[i] : -1, text, sizeof text);
        set_text(call, i, text);
    }
}

static void int2_range(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        int32_t value = call->args[0].i32[i];
        call->out->i32[i] = value;
        if (value < INT16_MIN || value > INT16_MAX)
            fn_fail(call, i, ERR_NUMERIC_OUT_OF_RANGE, "smallint out of range");
    }
}

static void one_row(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        call->out->b[i] = true;
        if (call->args[0].i64[i] > 1)
            fn_fail(call, i, ERR_CARDINALITY, "more than one row returned by a subquery used as an expression");
    }
}

/* ---- texts */

static void first_argument(struct fn_call *call)
{
    FN_EACH(call, i)
    call->out->str[i] = call->args[0].str[i];
}

static void size_pretty(struct fn_call *call)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    FN_EACH(call, i)
    {
        char text[40];
        int64_t size = call->args[0].i64[i];
        size_t unit = 0;
        int64_t half = size; /* twice the size in the unit, so that the last step can round */
        if (size >= 10240 || size <= -10240) {
            half = size / 512;
            for (unit = 1; (half >= 20479 || half <= -20479) && unit + 1 < WR_COUNT(units); unit++)
                half /= 1024;
            half = half < 0 ? (half - 1) / 2 : (half + 1) / 2;
        }
        snprintf(text, sizeof text, "%lld %s", (long long)half, units[unit]);
        set_text(call, i, text);
    }
}

/* Words that SQL may read otherwise. */
static const char keywords[] =
    " all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean"
    " both case cast char character check coalesce collate collation column concurrently constraint create"
    " cross current_catalog current_date current_role current_schema current_time current_timestamp"
    " current_user dec decimal default deferrable desc distinct do else end except exists extract false"
    " fetch float for foreign freeze from full grant greatest group grouping having ilike in initially"
    " inner inout int integer intersect interval into is isnull join lateral leading least left like limit"
    " localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric"
    " offset on only or order out outer overlaps overlay placing position precision primary real"
    " references returning right row select session_user setof similar smallint some substring symmetric"
    " table tablesample then time timestamp to trailing treat trim true union unique user using values"
    " varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists"
    " xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable ";

static bool is_keyword(struct str name)
{
    char word[40];
    if (name.len > sizeof word - 4)
        return false;
    snprintf(word, sizeof word, " %.*s ", (int)name.len, name.data);
    return strstr(keywords, word);
}

static bool plain_identifier(struct str name)
{
    if (!name.len || (name.data[0] >= '0' && name.data[0] <= '9'))
        return false;
    for (uint32_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return !is_keyword(name);
}

static void quote_ident(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str name = call->args[0].str[i];
        if (plain_identifier(name)) {
            call->out->str[i] = name;
            continue;
        }
        char *text = wr_arena_bytes(call->arena, 2 * (size_t)name.len + 2), *at = text;
        *at++ = '"';
        for (uint32_t c = 0; c < name.len; c++) {
            if (name.data[c] == '"')
                *at++ = '"';
            *at++ = name.data[c];
        }
        *at++ = '"';
        call->out->str[i] = wr_str(text, (size_t)(at - text));
    }
}

/* ---- arrays of numbers as text: '1 2' or '{1,2}' */

static bool next_item(struct str list, uint32_t *at, struct str *item)
{
    while (*at < list.len && strchr("{}, ", list.data[*at]))
        ++*at;
    uint32_t start = *at;
    while (*at < list.len && !strchr("{}, ", list.data[*at]))
        ++*at;
    *item = wr_str(list.data + start, *at - start);
    return item->len > 0;
}

static void join_items(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str list = call->args[0].str[i], separator = call->args[1].str[i], item;
        char *text = wr_arena_bytes(call->arena, (size_t)list.len * (separator.len + 1) + 1), *out = text;
        for (uint32_t at = 0; next_item(list, &at, &item);) {
            if (out > text && separator.len)
                out = (char *)memcpy(out, separator.data, separator.len) + separator.len;
            out = (char *)memcpy(out, item.data, item.len) + item.len;
        }
        call->out->str[i] = wr_str(text, (size_t)(out - text));
    }
}

static void remove_items(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str list = call->args[0].str[i], unwanted = call->args[1].str[i], item;
        char *text = wr_arena_bytes(call->arena, (size_t)list.len + 2), *out = text;
        *out++ = '{';
        for (uint32_t at = 0; next_item(list, &at, &item);) {
            if (item.len == unwanted.len && !memcmp(item.data, unwanted.data, item.len))
                continue;
            if (out > text + 1)
                *out++ = ',';
            out = (char *)memcpy(out, item.data, item.len) + item.len;
        }
        *out++ = '}';
        call->out->str[i] = wr_str(text, (size_t)(out - text));
    }
}

static void listed(struct fn_call *call)
{
    FN_EACH(call, i)
    {
        struct str wanted = call->args[0].str[i], item;
        bool found = false;
        for (uint32_t at = 0; !found && next_item(call->args[1].str[i], &at, &item);)
            found = item.len == wanted.len && !memcmp(item.data, wanted.data, item.len);
        call->out->b[i] = found;
    }
}

/* ---- numbers and names */

struct entry {
    int64_t oid;
    struct str name;
};

struct directory {
    uint32_t n;
    struct entry *entries;
};

static int by_oid(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->oid < y->oid ? -1 : x->oid > y->oid;
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = memcmp(x->name.data, y->name.data, WR_MIN(x->name.len, y->name.len));
    return c ? c : x->name.len < y->name.len ? -1 : x->name.len > y->name.len;
}

/* "oid \x1f name \x1e ...": names may hold anything that a person writes, line feeds too. */
static struct directory *read_directory(const struct expr *expr, int (*order)(const void *, const void *))
{
    struct str text = expr->args[1]->value.str;
    struct directory *directory = wr_calloc(1, sizeof *directory);
    for (uint32_t i = 0; i < text.len; i++)
        directory->n += text.data[i] == WR_DIRECTORY_END;
    directory->entries = wr_calloc(directory->n + 1, sizeof *directory->entries);
    const char *at = text.data;
    for (uint32_t i = 0; i < directory->n; i++) {
        char *name;
        directory->entries[i].oid = strtoll(at, &name, 10);
        const char *end = memchr(name, WR_DIRECTORY_END, (size_t)(text.data + text.len - name));
        directory->entries[i].name = wr_str(name + 1, (size_t)(end - name - 1));
        at = end + 1;
    }
    qsort(directory->entries, directory->n, sizeof *directory->entries, order);
    return directory;
}

static void free_directory(void *cache)
{
    struct directory *directory = cache;
    free(directory->entries);
    free(directory);
}

static void *prepare_by_oid(const struct expr *expr)
{
    return read_directory(expr, by_oid);
}

static void *prepare_by_name(const struct expr *expr)
{
    return read_directory(expr, by_name);
}

static void name_of(struct fn_call *call)
{
    const struct directory *directory = call->cache;
    FN_EACH(call, i)
    {
        struct entry key = {.oid = call->args[0].i64[i]};
        const struct entry *found = bsearch(&key, directory->entries, directory->n, sizeof key, by_oid);
        if (found)
            call->out->str[i] =
                wr_str(wr_arena_strndup(call->arena, found->name.data, found->name.len), found->name.len);
        else
            fn_null(call, i);
    }
}

static void oid_of(struct fn_call *call)
{
    const struct directory *directory = call->cache;
    FN_EACH(call, i)
    {
        struct entry key = {.name = call->args[0].str[i]};
        const struct entry *found = bsearch(&key, directory->entries, directory->n, sizeof key, by_name);
        if (found)
            call->out->i64[i] = found->oid;
        else
            fn_null(call, i);
    }
}

const struct fn wr_fn_name_of = {"name_of",
                                 TX,
                                 2,
                                 {I8, TX},
                                 FN_STRICT | FN_MAY_NULL,
                                 name_of,
                                 "The name that belongs to the number.",
                                 NULL,
                                 NULL,
                                 prepare_by_oid,
                                 free_directory};
const struct fn wr_fn_oid_of = {"oid_of",
                                I8,
                                2,
                                {TX, TX},
                                FN_STRICT | FN_MAY_NULL,
                                oid_of,
                                "The number that belongs to the name.",
                                NULL,
                                NULL,
                                prepare_by_name,
                                free_directory};

#define UNLISTED(symbol, name, result, nargs, args, flags, kernel, doc) \
    const struct fn symbol = {name, result, nargs, args, flags, kernel, doc, NULL, NULL, NULL, NULL}
#define ARGS(...)   \
    {               \
        __VA_ARGS__ \
    }

UNLISTED(wr_fn_listed, "listed", TYPE_BOOL, 2, ARGS(TX, TX), FN_STRICT, listed, "Is the text an item of the list?");
UNLISTED(wr_fn_one_row, "one_row", TYPE_BOOL, 1, ARGS(TYPE_INT8), FN_STRICT | FN_CAN_FAIL, one_row,
         "Is it one row at most?");
UNLISTED(wr_fn_int2, "int2", I4, 1, ARGS(I4), FN_STRICT | FN_CAN_FAIL, int2_range, "An integer of two bytes.");
UNLISTED(wr_fn_format_type, "format_type", TX, 2, ARGS(I8, I4), FN_MAY_NULL, format_type, "SQL name of a type.");
UNLISTED(wr_fn_first_text, "pg_get_expr", TX, 1, ARGS(TX), FN_STRICT, first_argument, "Text of a DEFAULT.");
UNLISTED(wr_fn_join_items, "array_to_string", TX, 2, ARGS(TX, TX), FN_STRICT, join_items, "Joins a list's items.");
UNLISTED(wr_fn_remove_item, "array_remove", TX, 2, ARGS(TX, TX), FN_STRICT, remove_items, "Removes a list's item.");

/* ---- the registry's rows */

static const struct fn rows[] = {
    {"pg_size_pretty",
     TX,
     1,
     {I8},
     FN_STRICT,
     size_pretty,
     "Bytes with a unit.",
     "pg_size_pretty(1234567::bigint)",
     "1206 kB",
     NULL,
     NULL},
    {"quote_ident",
     TX,
     1,
     {TX},
     FN_STRICT,
     quote_ident,
     "A name as SQL has to write it.",
     "quote_ident('Foo bar')",
     "\"Foo bar\"",
     NULL,
     NULL},
};

const struct fn_family wr_fn_catalog_family = {rows, sizeof rows / sizeof *rows};
