/* ENCODE options of FORMAT DEBEZIUM, and the units that they and Debezium's defaults give to messages without a schema.
 */
#ifndef WEIR_CONNECTORS_DEBEZIUM_OPTIONS_H
#define WEIR_CONNECTORS_DEBEZIUM_OPTIONS_H

#include "connectors/decode_value.h"

struct debezium_options {
    bool unwrapped;  /* flattened by ExtractNewRecordState */
    bool ignore_key; /* take the key columns from the row, never from the message key */
    bool time_mode_given;
    int decimal_mode, time_mode, timestamptz_mode, binary_mode;
};
bool wr_debezium_options(const struct object *object, struct debezium_options *options, struct wr_error *err) WR_MUST;
struct unit wr_debezium_unit(const struct debezium_options *options, struct type type);

/* How numbers in timestamptz columns are read: the option `timestamptz.handling.mode` of all JSON formats. */
extern const char *const wr_timestamptz_modes[];
enum { TIMESTAMPTZ_UTC_STRING, TIMESTAMPTZ_UTC_WITHOUT_SUFFIX, TIMESTAMPTZ_MICRO, TIMESTAMPTZ_MILLI };
bool wr_timestamptz_mode(const struct object *object, int *mode, struct wr_error *err) WR_MUST;
struct unit wr_timestamptz_unit(int mode);

#endif
