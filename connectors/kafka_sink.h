/* Inside of the Kafka sink: shared by connector_kafka_sink.c (producer, topic, recovery, the class) and
 * kafka_transaction.c (one commit as one Kafka transaction). */
#ifndef WEIR_CONNECTORS_KAFKA_SINK_H
#define WEIR_CONNECTORS_KAFKA_SINK_H

#include <stdatomic.h>

#include "connectors/formats.h"
#include "connectors/kafka_marker.h"

#define CALL_MS  1000 /* one blocking call, resumed by the next; *stop is looked at between them */
#define RETRY_MS 200

struct sink {
    struct sink_config config;
    struct kafka_log log;
    struct encoder encoder;
    struct wr_buf buf;
    rd_kafka_t *rk; /* NULL: to be made */
    char *topic;
    char transactional_id[256], group[256], origin[256], session[40];
    bool initialised; /* init_transactions has succeeded */
    bool in_transaction;
    struct wr_error send_error; /* of a message that can never be sent */
    struct kafka_held held;     /* by the producer */
};

/* What became of a piece of work with the broker. */
enum outcome {
    OUTCOME_DONE,
    OUTCOME_AGAIN,        /* abort the transaction and send it again, whole */
    OUTCOME_NEW_PRODUCER, /* this one is broken, or fenced */
    OUTCOME_STOPPED,      /* *stop */
    OUTCOME_FAILED        /* it will never succeed: sink->send_error */
};

static inline bool wr_kafka_stopped(const atomic_bool *stop)
{
    return stop && atomic_load(stop);
}

/* Fences others of our id, and finishes or aborts what they left open. deadline_ns (monotonic clock) 0: tries until it
 * is done or *stop. */
enum outcome wr_kafka_transactions_init(struct sink *sink, int64_t deadline_ns, const atomic_bool *stop);
/* Messages and marker of one commit. In case of anything but DONE the transaction may be open still. */
enum outcome wr_kafka_transaction(struct sink *sink, uint64_t commit, uint64_t version,
                                  const struct sink_change *changes, uint32_t n, const atomic_bool *stop);
/* DONE: nothing is open. */
enum outcome wr_kafka_transaction_abort(struct sink *sink, const atomic_bool *stop);

#endif
