/* The JSON formats of sinks. The message key of all is the JSON object of the key columns: {} where there is but one
 * row.
 *
 *   CHANGELOG  {columns..., "__op": "c|u|d", "__deleted": 0|1, "__version": n}; a delete carries the key columns only.
 *              What ClickHouse's ReplacingMergeTree(__version, __deleted) takes as it is; a replay changes nothing.
 *   UPSERT     {columns...}; a delete has no value
 *   DEBEZIUM   {"before": row|null, "after": row|null, "op": "c|u|d", "source": {"version": n}}; a delete is followed
 *              by a message without value
 *   PLAIN      {columns...}; deletes are not sent
 *
 * Columns stand in the order of the query. Nothing comes from a clock: a replay is the same bytes. */
#include "connectors/format_classes.h"
#include "types/row.h"

static void put_member(const struct encoder *encoder, const char *row, uint16_t column, bool first, struct wr_buf *buf)
{
    const struct sink_config *config = encoder->config;
    struct datum value = wr_row_get(config->layout, row, column);
    if (!first)
        wr_buf_byte(buf, ',');
    wr_json_out_string(buf, config->names[column], strlen(config->names[column]));
    wr_buf_byte(buf, ':');
    value.type = config->types[column];
    wr_json_out_value(buf, &value, &encoder->style);
}

static void put_columns(const struct encoder *encoder, const char *row, bool key_only, struct wr_buf *buf)
{
    bool first = true;
    for (uint16_t c = 0; c < encoder->config->ncols; c++)
        if (!key_only || encoder->in_key[c]) {
            put_member(encoder, row, c, first, buf);
            first = false;
        }
}

static void put_object(const struct encoder *encoder, const char *row, struct wr_buf *buf)
{
    if (!row) {
        wr_buf_put(buf, "null", 4);
        return;
    }
    wr_buf_byte(buf, '{');
    put_columns(encoder, row, false, buf);
    wr_buf_byte(buf, '}');
}

void wr_encode_key(const struct encoder *encoder, const char *row, struct wr_buf *buf)
{
    wr_buf_byte(buf, '{');
    for (uint16_t k = 0; k < encoder->config->nkey; k++)
        put_member(encoder, row, encoder->config->key[k], !k, buf);
    wr_buf_byte(buf, '}');
}

static void put_key(const struct encoder *encoder, const struct sink_change *change, struct wr_buf *buf,
                    struct out_message *out)
{
    *out = (struct out_message){.has_key = encoder->config->key_kind != SINK_KEY_NONE, .key_at = buf->len};
    if (!out->has_key)
        return;
    wr_encode_key(encoder, change->row, buf);
    out->key_len = buf->len - out->key_at;
}

static void begin_value(struct wr_buf *buf, struct out_message *out)
{
    out->has_value = true;
    out->value_at = buf->len;
}

static void end_value(struct wr_buf *buf, struct out_message *out)
{
    out->value_len = buf->len - out->value_at;
}

static int changelog(const struct encoder *encoder, const struct sink_change *change, uint64_t version,
                     struct wr_buf *buf, struct out_message *out)
{
    bool deleted = change->op == 'd';
    put_key(encoder, change, buf, out);
    begin_value(buf, out);
    wr_buf_byte(buf, '{');
    put_columns(encoder, change->row, deleted, buf);
    wr_buf_printf(buf, "%s\"__op\":\"%c\",\"__deleted\":%d,\"__version\":%llu}",
                  buf->data[buf->len - 1] == '{' ? "" : ",", change->op, deleted, (unsigned long long)version);
    end_value(buf, out);
    return 1;
}

static int upsert(const struct encoder *encoder, const struct sink_change *change, uint64_t version, struct wr_buf *buf,
                  struct out_message *out)
{
    (void)version;
    put_key(encoder, change, buf, out);
    if (change->op == 'd')
        return 1;
    begin_value(buf, out);
    put_object(encoder, change->row, buf);
    end_value(buf, out);
    return 1;
}

static int debezium(const struct encoder *encoder, const struct sink_change *change, uint64_t version,
                    struct wr_buf *buf, struct out_message *out)
{
    bool deleted = change->op == 'd';
    put_key(encoder, change, buf, out);
    begin_value(buf, out);
    wr_buf_puts(buf, "{\"before\":");
    put_object(encoder, deleted ? change->row : change->op == 'u' ? change->old_row : NULL, buf);
    wr_buf_puts(buf, ",\"after\":");
    put_object(encoder, deleted ? NULL : change->row, buf);
    wr_buf_printf(buf, ",\"op\":\"%c\",\"source\":{\"connector\":\"weir\",\"version\":%llu}}", change->op,
                  (unsigned long long)version);
    end_value(buf, out);
    if (!deleted)
        return 1;
    out[1] = out[0];
    out[1].has_value = false;
    out[1].value_len = 0;
    return 2;
}

static int plain(const struct encoder *encoder, const struct sink_change *change, uint64_t version, struct wr_buf *buf,
                 struct out_message *out)
{
    return change->op == 'd' ? 0 : upsert(encoder, change, version, buf, out);
}

const struct encoder_class wr_encoder_changelog_json = {
    .format = "CHANGELOG", .encode = "JSON", .clickhouse = true, .encode_change = changelog};
const struct encoder_class wr_encoder_upsert_json = {.format = "UPSERT", .encode = "JSON", .encode_change = upsert};
const struct encoder_class wr_encoder_debezium_json = {
    .format = "DEBEZIUM", .encode = "JSON", .encode_change = debezium};
const struct encoder_class wr_encoder_plain_json = {.format = "PLAIN", .encode = "JSON", .encode_change = plain};
