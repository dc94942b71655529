/* What a topic says about the commits delivered to it (exactly once, law L3).
 *
 * Every transaction of a sink commits, for partition 0 of its topic and the consumer group weir-<instance>-<sink>, an
 * offset whose metadata is the marker:
 *
 *   weir commit=<n> version=<v> session=<hex>
 *
 * Committed offsets expire. Every message therefore names its commit too, in the header `weir.commit`:
 *
 *   <commit> <version> <instance>/<sink>
 *
 * and where the marker is gone, the ends of the partitions are read for it. */
#ifndef WEIR_CONNECTORS_KAFKA_MARKER_H
#define WEIR_CONNECTORS_KAFKA_MARKER_H

#include "connectors/kafka_config.h"

#define KAFKA_COMMIT_HEADER "weir.commit"

struct kafka_marker {
    bool found;           /* a commit of ours is on the topic */
    uint64_t commit;      /* the newest one */
    uint64_t version;     /* its version */
    uint64_t any_version; /* the highest version seen from anyone */
    char session[40];     /* who wrote the marker; "" from a tail */
};

/* The metadata and the header of a commit as text, NUL-terminated; session and origin as described above. */
void wr_kafka_marker_format(char *to, size_t size, uint64_t commit, uint64_t version, const char *session);
void wr_kafka_header_format(char *to, size_t size, uint64_t commit, uint64_t version, const char *origin);
/* Of metadata; false: it is no marker, *marker is as it was. */
bool wr_kafka_marker_parse(const char *text, size_t len, struct kafka_marker *marker);

/* The options of a sink allow the consumer that reads the marker. */
bool wr_kafka_marker_check(const struct object *object, struct kafka_log *log, struct wr_error *err) WR_MUST;
/* Read the marker, or the tails. origin: "<instance>/<sink>". Fails with 08006 where the broker does not answer within
 * the timeout. */
bool wr_kafka_marker_read(const struct sink_config *config, struct kafka_log *log, const char *group,
                          const char *origin, int timeout_ms, struct kafka_marker *marker,
                          struct wr_error *err) WR_MUST;

#endif
