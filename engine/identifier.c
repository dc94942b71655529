#include "engine/identifier.h"

void wr_identifier_put(struct wr_buf *buf, const char *name)
{
    wr_buf_byte(buf, '"');
    for (; *name; name++) {
        if (*name == '"')
            wr_buf_byte(buf, '"');
        wr_buf_byte(buf, (uint8_t)*name);
    }
    wr_buf_byte(buf, '"');
}
