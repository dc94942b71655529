/* Formats: messages to rows (decoders), changes to messages (encoders). FORMAT f ENCODE e names them.
 *
 * To add one: format_<name>.c with a decoder_class or encoder_class, and its row in formats.c. */
#ifndef WEIR_CONNECTORS_FORMATS_H
#define WEIR_CONNECTORS_FORMATS_H

#include "connectors/chunk_builder.h"

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

/* One message to send. Both NULL-able; value NULL is a tombstone. */
struct out_message {
    const char *key, *value;
    size_t key_len, value_len;
};

struct encoder {
    const struct encoder_class *class;
    const struct sink_config *config;
    uint16_t nkey;
    const uint16_t *key;
    bool force_append_only;
    bool timestamptz_as_utc_text; /* else without suffix */
    bool jsonb_dynamic;           /* jsonb as JSON, not as a string */
};
struct encoder_class {
    const char *format, *encode;
    bool (*check)(const struct object *object, struct wr_error *err);
    /* Append the change's messages to buf and describe them in out[0..2); returns how many (0: this format has nothing
     * to say). Offsets are used until all is encoded: out[i].key and .value are offsets into buf cast to pointers by
     * the caller, see sink_encode.c. */
    int (*encode_change)(const struct encoder *encoder, const struct sink_change *change, uint64_t version,
                         struct wr_buf *buf, struct out_message *out);
};
const struct encoder_class *wr_encoder_class(const char *format, const char *encode);

#endif
