/* libFuzzer target: any bytes are a catalog record; it is refused, or an object that encodes to a record of the same
 * object and can be kept and found. */
#include <stdlib.h>

#include "catalog/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keep_and_find(const struct object *object)
{
    struct catalog *empty = wr_catalog_new(), *catalog = wr_catalog_with(empty, object);
    const struct object *kept = wr_catalog_get(catalog, object->id);
    if (!kept || wr_catalog_find(catalog, kept->schema, kept->name) != kept)
        abort();
    uint32_t ids[8];
    wr_catalog_dependents(catalog, object->id, ids, WR_COUNT(ids));
    wr_catalog_release(catalog);
    wr_catalog_release(empty);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wr_arena arena;
    struct wr_error err;
    struct object *object, *again;
    wr_arena_init(&arena, NULL);
    if (wr_object_decode(&arena, data, size, &object, &err)) {
        struct wr_buf first = WR_BUF_INIT, second = WR_BUF_INIT;
        wr_object_encode(&first, object);
        if (!wr_object_decode(&arena, first.data, first.len, &again, &err))
            abort();
        wr_object_encode(&second, again);
        if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
            abort();
        keep_and_find(object);
        wr_buf_free(&first);
        wr_buf_free(&second);
    }
    wr_arena_reset(&arena);
    return 0;
}
