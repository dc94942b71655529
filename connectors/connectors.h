/* The connectors there are, for connectors.c alone. */
#ifndef WEIR_CONNECTORS_CONNECTORS_H
#define WEIR_CONNECTORS_CONNECTORS_H

#include "connectors/connector.h"

extern const struct source_class wr_source_nexmark, wr_source_kafka;
extern const struct sink_class wr_sink_blackhole, wr_sink_kafka;

#endif
