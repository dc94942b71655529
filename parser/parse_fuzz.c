/* libFuzzer target: any bytes are a script; every statement either parses or fails with a message. */
#include "parser/parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wr_arena arena;
    size_t offset = 0;
    wr_arena_init(&arena, NULL);
    while (offset < size) {
        struct wr_error err = WR_ERROR_INIT;
        struct statement *statement;
        bool ok = wr_parse_next(&arena, (const char *)data, size, &offset, &statement, &err);
        if (ok && statement) {
            if (statement->location < 0 || (size_t)statement->location + (size_t)statement->length > size)
                abort();
            wr_statement_free(statement);
        } else if (!ok && !err.message[0]) {
            abort();
        }
    }
    wr_arena_reset(&arena);
    return 0;
}
