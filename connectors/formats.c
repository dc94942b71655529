/* The registry of formats. */

#include "connectors/format_classes.h"

#include "base/ascii.h"

static const struct decoder_class *const decoders[] = {&wr_decoder_debezium_json, &wr_decoder_plain_json,
                                                       &wr_decoder_upsert_json};

static const struct encoder_class *const encoders[] = {&wr_encoder_changelog_json, &wr_encoder_upsert_json,
                                                       &wr_encoder_debezium_json, &wr_encoder_plain_json};

const struct decoder_class *wr_decoder_class(const char *format, const char *encode)
{
    for (size_t i = 0; i < WR_COUNT(decoders); i++)
        if (!wr_casecmp(decoders[i]->format, format) && !wr_casecmp(decoders[i]->encode, encode))
            return decoders[i];
    return NULL;
}

const struct encoder_class *wr_encoder_class(const char *format, const char *encode)
{
    for (size_t i = 0; i < WR_COUNT(encoders); i++)
        if (!wr_casecmp(encoders[i]->format, format) && !wr_casecmp(encoders[i]->encode, encode))
            return encoders[i];
    return NULL;
}
