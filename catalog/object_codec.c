/* Objects as stable bytes: the value of the meta record "object/<id>", and the way a catalog deep-copies one.
 *
 *   version (varint), then the fields in the order of `struct object`;
 *   since version 2 also plan_version, disabled_passes, inputs and single_row, at the end
 *   numbers   varint                      booleans  one byte
 *   string    0 = NULL, else 1 + length as varint, then the bytes
 *   array     count as varint, then the items
 *
 * New fields go to the end behind a higher version; a reader knows all lower versions and refuses higher ones. */
#include "catalog/catalog.h"

#define OBJECT_VERSION 2

static void put_str(struct wr_buf *buf, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    wr_buf_varint(buf, text ? len + 1 : 0);
    wr_buf_put(buf, text, len);
}

static const char *get_str(struct wr_arena *arena, struct wr_reader *r)
{
    uint64_t len = wr_get_varint(r);
    if (!len)
        return NULL;
    if (len - 1 > (uint64_t)(r->end - r->at))
        r->ok = false;
    const char *bytes = r->ok ? wr_get_bytes(r, (size_t)(len - 1)) : NULL;
    return bytes ? wr_arena_strndup(arena, bytes, (size_t)(len - 1)) : NULL;
}

/* A count of items that need at least one byte each: a lie is found before memory is taken for it. */
static uint16_t get_count(struct wr_reader *r)
{
    uint64_t count = wr_get_varint(r);
    if (count > UINT16_MAX || count > (uint64_t)(r->end - r->at))
        r->ok = false;
    return r->ok ? (uint16_t)count : 0;
}

static void put_column(struct wr_buf *buf, const struct object_column *col)
{
    wr_buf_varint(buf, col->id);
    put_str(buf, col->name);
    wr_buf_byte(buf, col->type.id);
    wr_buf_byte(buf, col->type.varchar);
    wr_buf_varint(buf, (uint16_t)col->type.precision);
    wr_buf_varint(buf, (uint16_t)col->type.scale);
    wr_buf_byte(buf, col->not_null);
    wr_buf_byte(buf, col->hidden);
    put_str(buf, col->default_text);
}

static void get_column(struct wr_arena *arena, struct wr_reader *r, struct object_column *col)
{
    col->id = (uint32_t)wr_get_varint(r);
    col->name = get_str(arena, r);
    col->type.id = wr_get_byte(r);
    col->type.varchar = wr_get_byte(r);
    col->type.precision = (int16_t)wr_get_varint(r);
    col->type.scale = (int16_t)wr_get_varint(r);
    col->not_null = wr_get_byte(r);
    col->hidden = wr_get_byte(r);
    col->default_text = get_str(arena, r);
    if (!col->name || col->type.id == TYPE_UNKNOWN || col->type.id >= TYPE_COUNT)
        r->ok = false;
}

static void put_options(struct wr_buf *buf, const struct object_option *options, uint16_t n)
{
    wr_buf_varint(buf, n);
    for (uint16_t i = 0; i < n; i++) {
        put_str(buf, options[i].key);
        put_str(buf, options[i].value);
    }
}

static struct object_option *get_options(struct wr_arena *arena, struct wr_reader *r, uint16_t *n)
{
    *n = get_count(r);
    struct object_option *options = WR_NEW_ARRAY(arena, struct object_option, *n);
    for (uint16_t i = 0; i < *n; i++) {
        options[i].key = get_str(arena, r);
        options[i].value = get_str(arena, r);
        r->ok = r->ok && options[i].key;
    }
    return options;
}

static void put_inputs(struct wr_buf *buf, const struct object *object)
{
    wr_buf_varint(buf, object->ninputs);
    for (uint16_t i = 0; i < object->ninputs; i++) {
        const struct object_input *input = &object->inputs[i];
        put_str(buf, input->name);
        wr_buf_varint(buf, input->id);
        wr_buf_varint(buf, input->ncols);
        for (uint16_t c = 0; c < input->ncols; c++) {
            wr_buf_varint(buf, input->column_ids[c]);
            put_str(buf, input->column_names[c]);
        }
    }
}

static void get_inputs(struct wr_arena *arena, struct wr_reader *r, struct object *object)
{
    object->ninputs = get_count(r);
    object->inputs = WR_NEW_ARRAY(arena, struct object_input, object->ninputs);
    for (uint16_t i = 0; r->ok && i < object->ninputs; i++) {
        struct object_input *input = &object->inputs[i];
        input->name = get_str(arena, r);
        input->id = (uint32_t)wr_get_varint(r);
        input->ncols = get_count(r);
        input->column_ids = WR_NEW_ARRAY(arena, uint32_t, input->ncols);
        input->column_names = WR_NEW_ARRAY(arena, const char *, input->ncols);
        r->ok = r->ok && input->name;
        for (uint16_t c = 0; r->ok && c < input->ncols; c++) {
            input->column_ids[c] = (uint32_t)wr_get_varint(r);
            input->column_names[c] = get_str(arena, r);
            r->ok = r->ok && input->column_names[c];
        }
    }
}

void wr_object_encode(struct wr_buf *buf, const struct object *object)
{
    wr_buf_varint(buf, OBJECT_VERSION);
    wr_buf_varint(buf, object->id);
    wr_buf_byte(buf, (uint8_t)object->kind);
    put_str(buf, object->schema);
    put_str(buf, object->name);
    wr_buf_varint(buf, object->ncols);
    for (uint16_t i = 0; i < object->ncols; i++)
        put_column(buf, &object->cols[i]);
    wr_buf_varint(buf, object->npk);
    for (uint16_t i = 0; i < object->npk; i++)
        wr_buf_varint(buf, object->pk[i]);
    wr_buf_byte(buf, object->append_only);
    wr_buf_byte(buf, object->overwrite);
    put_options(buf, object->options, object->noptions);
    put_str(buf, object->format);
    put_str(buf, object->encode);
    put_options(buf, object->format_options, object->nformat_options);
    put_str(buf, object->definition);
    put_str(buf, object->query);
    put_str(buf, object->search_path);
    put_str(buf, object->timezone);
    wr_buf_varint(buf, object->ndeps);
    for (uint16_t i = 0; i < object->ndeps; i++)
        wr_buf_varint(buf, object->deps[i]);
    wr_buf_varint(buf, object->created_commit);
    wr_buf_u64le(buf, object->plan_hash);
    wr_buf_byte(buf, object->creating);
    wr_buf_byte(buf, object->plan_version);
    put_str(buf, object->disabled_passes);
    put_inputs(buf, object);
    wr_buf_byte(buf, object->single_row);
}

static void get_columns(struct wr_arena *arena, struct wr_reader *r, struct object *object)
{
    object->ncols = get_count(r);
    object->cols = WR_NEW_ARRAY(arena, struct object_column, object->ncols);
    for (uint16_t i = 0; r->ok && i < object->ncols; i++)
        get_column(arena, r, &object->cols[i]);
    object->npk = get_count(r);
    object->pk = WR_NEW_ARRAY(arena, uint16_t, object->npk);
    for (uint16_t i = 0; i < object->npk; i++) {
        uint64_t column = wr_get_varint(r);
        if (column >= object->ncols)
            r->ok = false;
        object->pk[i] = (uint16_t)column;
    }
}

static void get_tail(struct wr_arena *arena, struct wr_reader *r, uint64_t version, struct object *object)
{
    object->append_only = wr_get_byte(r);
    object->overwrite = wr_get_byte(r);
    object->options = get_options(arena, r, &object->noptions);
    object->format = get_str(arena, r);
    object->encode = get_str(arena, r);
    object->format_options = get_options(arena, r, &object->nformat_options);
    object->definition = get_str(arena, r);
    object->query = get_str(arena, r);
    object->search_path = get_str(arena, r);
    object->timezone = get_str(arena, r);
    object->ndeps = get_count(r);
    object->deps = WR_NEW_ARRAY(arena, uint32_t, object->ndeps);
    for (uint16_t i = 0; i < object->ndeps; i++)
        object->deps[i] = (uint32_t)wr_get_varint(r);
    object->created_commit = wr_get_varint(r);
    object->plan_hash = wr_get_u64le(r);
    object->creating = wr_get_byte(r);
    if (version < 2)
        return;
    object->plan_version = wr_get_byte(r);
    object->disabled_passes = get_str(arena, r);
    get_inputs(arena, r, object);
    object->single_row = wr_get_byte(r);
}

bool wr_object_decode(struct wr_arena *arena, const void *bytes, size_t len, struct object **object,
                      struct wr_error *err)
{
    struct wr_reader r = wr_reader_of(bytes, len);
    struct object *made = WR_NEW(arena, struct object);
    uint64_t version = wr_get_varint(&r);
    if (r.ok && (!version || version > OBJECT_VERSION))
        return wr_fail(err, ERR_DATA_CORRUPTED, "catalog record has unknown version %llu", (unsigned long long)version);
    made->id = (uint32_t)wr_get_varint(&r);
    made->kind = (enum object_kind)wr_get_byte(&r);
    made->schema = get_str(arena, &r);
    made->name = get_str(arena, &r);
    get_columns(arena, &r, made);
    get_tail(arena, &r, version, made);
    if (!r.ok || !made->name || made->kind < OBJECT_TABLE || made->kind > OBJECT_INDEX || r.at != r.end)
        return wr_fail(err, ERR_DATA_CORRUPTED, "catalog record of %zu bytes is damaged", len);
    *object = made;
    return true;
}
