/* The formats there are, for formats.c alone. */
#ifndef WEIR_CONNECTORS_FORMAT_CLASSES_H
#define WEIR_CONNECTORS_FORMAT_CLASSES_H

#include "connectors/formats.h"

extern const struct decoder_class wr_decoder_debezium_json, wr_decoder_plain_json, wr_decoder_upsert_json;
extern const struct encoder_class wr_encoder_changelog_json, wr_encoder_upsert_json, wr_encoder_debezium_json,
    wr_encoder_plain_json;

#endif
