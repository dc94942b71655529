/* libFuzzer target: any bytes are a message; the decoder makes rows or a dead letter of it, and nothing worse.
 *
 *   byte 0: which decoder | key bytes | 0xff | value bytes        (0xff cannot stand in UTF-8; no 0xff: no key) */
#include <stdlib.h>
#include <string.h>

#include "connectors/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct object_column columns[] = {
    {.name = "id", .type = {.id = TYPE_INT4}, .not_null = true},
    {.name = "n", .type = {.id = TYPE_NUMERIC, .precision = 10, .scale = 2}},
    {.name = "f", .type = {.id = TYPE_FLOAT8}},
    {.name = "b", .type = {.id = TYPE_BOOL}},
    {.name = "t", .type = {.id = TYPE_TEXT}},
    {.name = "d", .type = {.id = TYPE_DATE}},
    {.name = "ts", .type = {.id = TYPE_TIMESTAMP}},
    {.name = "tz", .type = {.id = TYPE_TIMESTAMPTZ}},
    {.name = "j", .type = {.id = TYPE_JSONB}},
    {.name = "x", .type = {.id = TYPE_BYTEA}},
};
static uint16_t pk[] = {0};

#define DECODERS 4
static struct decoder *decoders[DECODERS];
static const struct decoder_class *classes[DECODERS];
static struct table_columns table;

static void open_all(void)
{
    static const char *const formats[DECODERS] = {"DEBEZIUM", "DEBEZIUM", "PLAIN", "UPSERT"};
    static struct object_option unwrapped = {"unwrapped", "true"};
    for (int i = 0; i < DECODERS; i++) {
        static struct object objects[DECODERS];
        struct object *object = &objects[i];
        struct wr_error err = WR_ERROR_INIT;
        object->name = "t";
        object->cols = columns;
        object->ncols = WR_COUNT(columns);
        object->pk = pk;
        object->npk = 1;
        object->format = formats[i];
        object->encode = "JSON";
        object->format_options = &unwrapped;
        object->nformat_options = i == 1;
        classes[i] = wr_decoder_class(formats[i], "JSON");
        if (!classes[i]->open(object, &decoders[i], &err))
            abort();
        if (!i)
            wr_table_columns_init(&table, object);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!decoders[0])
        open_all();
    if (!size)
        return 0;
    int which = data[0] % DECODERS;
    const char *text = (const char *)data + 1, *split = memchr(text, 0xff, size - 1);
    struct message message = {.value = text, .value_len = size - 1};
    if (split) {
        message.key = text;
        message.key_len = (size_t)(split - text);
        message.value = split + 1;
        message.value_len = size - 2 - message.key_len;
    }
    struct chunk_builder builder;
    wr_builder_begin(&builder, &table, NULL, 4);
    classes[which]->decode(decoders[which], &message, &builder);
    struct source_chunk *chunk = wr_builder_end(&builder);
    if (chunk->changes.rows.nrows + chunk->ndead > MESSAGE_ROWS_MAX)
        abort();
    wr_source_chunk_free(chunk);
    return 0;
}
