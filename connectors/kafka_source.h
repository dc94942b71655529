/* Inside of the Kafka source: shared by connector_kafka_source.c (the thread, messages, the class) and
 * kafka_partitions.c (partitions and their offsets). */
#ifndef WEIR_CONNECTORS_KAFKA_SOURCE_H
#define WEIR_CONNECTORS_KAFKA_SOURCE_H

#include <pthread.h>

#include "connectors/formats.h"
#include "connectors/kafka_config.h"
#include "connectors/source_queue.h"

enum startup { STARTUP_EARLIEST, STARTUP_LATEST, STARTUP_TIMESTAMP };

struct partition {
    int32_t id;
    int64_t next;       /* consumer position */
    int64_t end;        /* last known end, -1 unknown */
    int64_t target;     /* end when the source was opened; caught up when handed_out gets there */
    int64_t handed_out; /* what poll() has given to the engine */
    bool moved;         /* since the last chunk */
    bool at_end;        /* nothing more to read just now */
};

struct source {
    struct source_config config;
    struct kafka_log log;
    struct source_queue queue;
    struct table_columns table;
    const struct decoder_class *format;
    struct decoder *decoder;
    rd_kafka_t *rk;
    rd_kafka_queue_t *messages;
    struct kafka_held held; /* by the client */
    char *topic;
    enum startup startup;
    int64_t startup_ms;
    pthread_t thread;
    atomic_llong cpu_ns;
    int64_t refresh_at_ns;
    bool first_look_done; /* partitions found later are new: read from their beginning */

    pthread_mutex_t lock; /* of the partitions */
    struct partition *partitions;
    uint32_t npartitions;
    bool targets_known;
};

/* scan.startup.*: where a partition without a committed offset begins; *ms with STARTUP_TIMESTAMP. 22023. */
bool wr_kafka_startup(const struct object *object, enum startup *startup, int64_t *ms, struct wr_error *err) WR_MUST;

/* NULL: not known. Under the lock, but for the source's own thread, which alone adds partitions. */
struct partition *wr_kafka_partition(struct source *source, int32_t id);
/* The offset where a bounded read ends; partitions that it does not list yield nothing. INT64_MAX: not bounded. */
int64_t wr_kafka_stop_of(const struct source *source, int32_t id);
/* The first offset there is, and the one behind the last; false: the broker did not answer, which is logged. */
bool wr_kafka_watermarks(struct source *source, int32_t id, int64_t *low, int64_t *high) WR_MUST;
/* Now and then: asks for the topic's partitions, and assigns those that are new. */
void wr_kafka_partitions_look(struct source *source);
/* The offset at which we are is no longer (or not yet: a topic made anew) in the partition: goes on at its first. */
void wr_kafka_partition_reset(struct source *source, int32_t id);

#endif
