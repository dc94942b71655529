/* Reading jsonb values in place (format: jsonb.h). Values are our own bytes, made by jsonb_parse.c or jsonb_build.c. */
#include "types/jsonb.h"

static uint32_t load(const char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

static bool is_container(struct str value)
{
    return value.len >= 5 && (value.data[0] == JSONB_ARRAY || value.data[0] == JSONB_OBJECT);
}

uint32_t wr_jsonb_count(struct str value)
{
    return is_container(value) ? load(value.data + 1) : 0;
}

/* Where the tables of a container lie. */
struct parts {
    const char *key_ends, *value_ends, *keys, *values;
};

static struct parts parts_of(struct str value)
{
    uint32_t n = load(value.data + 1);
    const char *tables = value.data + 5;
    if (value.data[0] == JSONB_ARRAY)
        return (struct parts){NULL, tables, NULL, tables + 4 * (size_t)n};
    const char *keys = tables + 8 * (size_t)n;
    uint32_t key_bytes = n ? load(tables + 4 * (size_t)(n - 1)) : 0;
    return (struct parts){tables, tables + 4 * (size_t)n, keys, keys + key_bytes};
}

static struct str slice(const char *ends, const char *bytes, uint32_t i)
{
    uint32_t start = i ? load(ends + 4 * (size_t)(i - 1)) : 0;
    return wr_str(bytes + start, load(ends + 4 * (size_t)i) - start);
}

struct str wr_jsonb_child(struct str value, uint32_t i)
{
    struct parts parts = parts_of(value);
    return slice(parts.value_ends, parts.values, i);
}

struct str wr_jsonb_key_of(struct str value, uint32_t i)
{
    struct parts parts = parts_of(value);
    return slice(parts.key_ends, parts.keys, i);
}

struct str wr_jsonb_text(struct str value)
{
    return value.len ? wr_str(value.data + 1, value.len - 1) : wr_str("", 0);
}

bool wr_jsonb_get(struct str value, struct str key, struct str *out)
{
    if (wr_jsonb_kind(value) != JSONB_OBJECT)
        return false;
    struct parts parts = parts_of(value);
    uint32_t low = 0, high = wr_jsonb_count(value);
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int c = wr_jsonb_key_cmp(slice(parts.key_ends, parts.keys, middle), key);
        if (c == 0) {
            *out = slice(parts.value_ends, parts.values, middle);
            return true;
        }
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool wr_jsonb_at(struct str value, int64_t index, struct str *out)
{
    if (wr_jsonb_kind(value) != JSONB_ARRAY)
        return false;
    int64_t n = wr_jsonb_count(value);
    if (index < 0)
        index += n;
    if (index < 0 || index >= n)
        return false;
    *out = wr_jsonb_child(value, (uint32_t)index);
    return true;
}

const char *wr_jsonb_typeof(struct str value)
{
    switch (wr_jsonb_kind(value)) {
    case JSONB_FALSE:
    case JSONB_TRUE:
        return "boolean";
    case JSONB_NUMBER:
        return "number";
    case JSONB_STRING:
        return "string";
    case JSONB_ARRAY:
        return "array";
    case JSONB_OBJECT:
        return "object";
    default:
        return "null";
    }
}

/* --- printing ------------------------------------------------------------------------------------------------- */

static void print_string(struct wr_buf *buf, struct str text)
{
    static const char plain[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
    wr_buf_byte(buf, '"');
    uint32_t from = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.data[i];
        if (c >= 32 && c != '"' && c != '\\')
            continue;
        wr_buf_put(buf, text.data + from, i - from);
        from = i + 1;
        const char *found = c ? strchr(plain, c) : NULL;
        if (found)
            wr_buf_printf(buf, "\\%c", letters[found - plain]);
        else
            wr_buf_printf(buf, "\\u%04x", c);
    }
    wr_buf_put(buf, text.data + from, text.len - from);
    wr_buf_byte(buf, '"');
}

/* 1.500 -> 1.5, 2.0 -> 2: the shortest text of equal value; 0.00 and -0 do not arise with a sign. */
static void print_number_key(struct wr_buf *buf, struct str text)
{
    if (memchr(text.data, '.', text.len)) {
        while (text.data[text.len - 1] == '0')
            text.len--;
        if (text.data[text.len - 1] == '.')
            text.len--;
    }
    wr_buf_put(buf, text.data, text.len);
}

static void print(struct wr_buf *buf, struct str value, bool key);

static void print_container(struct wr_buf *buf, struct str value, bool key)
{
    bool object = value.data[0] == JSONB_OBJECT;
    uint32_t n = wr_jsonb_count(value);
    wr_buf_byte(buf, object ? '{' : '[');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            wr_buf_put(buf, ", ", 2);
        if (object) {
            print_string(buf, wr_jsonb_key_of(value, i));
            wr_buf_put(buf, ": ", 2);
        }
        print(buf, wr_jsonb_child(value, i), key);
    }
    wr_buf_byte(buf, object ? '}' : ']');
}

static void print(struct wr_buf *buf, struct str value, bool key)
{
    struct str text = wr_jsonb_text(value);
    switch (wr_jsonb_kind(value)) {
    case JSONB_TRUE:
        wr_buf_put(buf, "true", 4);
        break;
    case JSONB_FALSE:
        wr_buf_put(buf, "false", 5);
        break;
    case JSONB_NUMBER:
        if (key)
            print_number_key(buf, text);
        else
            wr_buf_put(buf, text.data, text.len);
        break;
    case JSONB_STRING:
        print_string(buf, text);
        break;
    case JSONB_ARRAY:
    case JSONB_OBJECT:
        print_container(buf, value, key);
        break;
    default:
        wr_buf_put(buf, "null", 4);
        break;
    }
}

void wr_jsonb_print(struct wr_buf *buf, struct str value)
{
    print(buf, value, false);
}

void wr_jsonb_key_text(struct wr_buf *buf, struct str value)
{
    print(buf, value, true);
}

bool wr_jsonb_print_scalar(struct wr_buf *buf, struct str value)
{
    struct str text = wr_jsonb_text(value);
    if (wr_jsonb_kind(value) == JSONB_NULL)
        return false;
    if (wr_jsonb_kind(value) == JSONB_STRING)
        wr_buf_put(buf, text.data, text.len);
    else
        wr_jsonb_print(buf, value);
    return true;
}

bool wr_jsonb_eq(struct str a, struct str b)
{
    if (wr_str_eq(a, b))
        return true;
    if (wr_jsonb_kind(a) != wr_jsonb_kind(b) || wr_jsonb_count(a) != wr_jsonb_count(b))
        return false;
    struct wr_buf text_a = WR_BUF_INIT, text_b = WR_BUF_INIT;
    wr_jsonb_key_text(&text_a, a);
    wr_jsonb_key_text(&text_b, b);
    bool same = text_a.len == text_b.len && !memcmp(text_a.data, text_b.data, text_a.len);
    wr_buf_free(&text_a);
    wr_buf_free(&text_b);
    return same;
}
