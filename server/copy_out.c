/* COPY TO STDOUT: CopyOutResponse, CopyData for each row, CopyDone. */
#include "server/connection.h"

bool wr_copyout_run(struct connection *connection, weir_result *result)
{
    weir_error error = {.sqlstate = ""};
    weir_code code;
    const char *bytes;
    size_t len;
    wr_reply_copy(connection, 'H', result);
    while ((code = weir_copy_read(result, &bytes, &len, &error)) == WEIR_ROW && !connection->closed) {
        size_t mark = wr_reply_begin(connection, 'd');
        wr_buf_put(&connection->out, bytes, len);
        wr_reply_end(connection, mark);
        wr_reply_flush_if_full(connection);
    }
    if (code == WEIR_ERROR)
        wr_reply_error(connection, "ERROR", &error);
    else if (code == WEIR_DONE)
        wr_reply_empty(connection, 'c');
    return code == WEIR_DONE;
}
