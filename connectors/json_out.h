/* Rows to JSON text, for sinks. The encodings stand in docs/formats.md. */
#ifndef WEIR_CONNECTORS_JSON_OUT_H
#define WEIR_CONNECTORS_JSON_OUT_H

#include "base/buf.h"
#include "types/text_io.h"

struct json_out_style {
    const struct io_settings *io;
    bool clickhouse;    /* nothing that a column of the matching ClickHouse type refuses */
    bool jsonb_dynamic; /* jsonb as JSON; else as a string that holds it */
};

/* In quotes, escaped; the text is UTF-8. */
void wr_json_out_string(struct wr_buf *buf, const char *text, size_t len);
/* Any value, NULL included. */
void wr_json_out_value(struct wr_buf *buf, const struct datum *value, const struct json_out_style *style);
/* Days since 1970-01-01 as YYYY-MM-DD; for finite dates of years 1 to 9999. */
void wr_json_out_date(struct wr_buf *buf, int64_t days);

#endif
