/* Formats: messages to rows (decoders), changes to messages (encoders). FORMAT f ENCODE e names them.
 *
 * To add one: format_<name>.c with a decoder_class or encoder_class, and its row in formats.c. */
#ifndef WEIR_CONNECTORS_FORMATS_H
#define WEIR_CONNECTORS_FORMATS_H

#include "connectors/chunk_builder.h"
#include "connectors/json_out.h"

struct decoder;
struct decoder_class {
    const char *format, *encode;
    /* Options of the format, columns it can fill. */
    bool (*check)(const struct object *object, struct wr_error *err);
    /* The object outlives the decoder. */
    bool (*open)(const struct object *object, struct decoder **decoder, struct wr_error *err);
    /* Adds the message's rows, or its dead letter, or nothing (heartbeats). Never fails. */
    void (*decode)(struct decoder *decoder, const struct message *message, struct chunk_builder *builder);
    void (*close)(struct decoder *decoder);
};
/* Names in any letter case; NULL: no such. */
const struct decoder_class *wr_decoder_class(const char *format, const char *encode);

/* One message to send, as places in the encoder's buffer. */
struct out_message {
    size_t key_at, key_len, value_at, value_len;
    bool has_key, has_value; /* no value: a tombstone */
};
#define OUT_MESSAGES_MAX 3 /* per change: Debezium's delete, tombstone and create where the key is written anew */

struct encoder {
    const struct encoder_class *class;
    const struct sink_config *config;
    bool *in_key; /* per column */
    struct json_out_style style;
};
struct encoder_class {
    const char *format, *encode;
    /* Options of the format. */
    bool (*check)(const struct object *object, struct wr_error *err);
    bool clickhouse; /* values are written for ClickHouse's types */
    /* Append the change's messages to buf; how many (0: this format has nothing to say of it). An update has the same
     * message key before and after. */
    int (*encode_change)(const struct encoder *encoder, const struct sink_change *change, uint64_t version,
                         struct wr_buf *buf, struct out_message out[OUT_MESSAGES_MAX]);
};
const struct encoder_class *wr_encoder_class(const char *format, const char *encode);

/* The encoder of a sink: FORMAT, its options. */
bool wr_encoder_init(struct encoder *encoder, const struct sink_config *config, struct wr_error *err) WR_MUST;
void wr_encoder_fini(struct encoder *encoder);
/* The messages of a change, appended to buf. An update between rows that are equal by key but write it differently (1.0
 * and 1.00) is a delete and a create: readers compare the bytes. */
int wr_encode_change(const struct encoder *encoder, const struct sink_change *change, uint64_t version,
                     struct wr_buf *buf, struct out_message out[OUT_MESSAGES_MAX]);
/* The message key of a row: the JSON object of its key columns. */
void wr_encode_key(const struct encoder *encoder, const char *row, struct wr_buf *buf);
/* What can be said of the options without the columns. */
bool wr_encoder_check(const struct object *object, struct wr_error *err) WR_MUST;

#endif
