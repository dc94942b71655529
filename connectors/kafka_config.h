/* From WITH options to a librdkafka configuration, and librdkafka's log lines to ours. Names are RisingWave's: what
 * starts with `properties.` goes to librdkafka, which knows and checks it. */
#ifndef WEIR_CONNECTORS_KAFKA_CONFIG_H
#define WEIR_CONNECTORS_KAFKA_CONFIG_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <time.h>

#include "connectors/connector.h"

#define KAFKA_EMBEDDED "embedded" /* properties.bootstrap.server = 'embedded' */

enum kafka_role { KAFKA_CONSUMER, KAFKA_PRODUCER };

/* Log lines, at most a few per second however often the broker is missed. Thread-safe. */
struct kafka_log {
    void (*log)(void *context, const char *line);
    void *context;
    char name[128]; /* of the table or sink */
    atomic_llong window_ns;
    atomic_int in_window;
    pthread_mutex_t lock;
    char last[256]; /* what was logged last, until it is over; under lock */
};
void wr_kafka_log_init(struct kafka_log *log, const char *what, const char *name, void (*sink)(void *, const char *),
                       void *context);
void wr_kafka_log_fini(struct kafka_log *log);
void wr_kafka_log(struct kafka_log *log, const char *fmt, ...) WR_PRINTF(2, 3);
/* The broker answers: what was logged is over. */
void wr_kafka_log_over(struct kafka_log *log);
/* What was logged last and is not over; false: nothing. */
bool wr_kafka_log_last(struct kafka_log *log, char *to, size_t size);

/* NULL where none was given. */
const char *wr_kafka_topic(const struct object *object);
const char *wr_kafka_brokers(const struct object *object);
/* The options this connector itself reads are known; `properties.*` are librdkafka's; nothing else. */
bool wr_kafka_options_check(const struct object *object, enum kafka_role role, struct wr_error *err) WR_MUST;
/* A configuration with bootstrap servers, properties and the log set. */
bool wr_kafka_conf(const struct object *object, enum kafka_role role, const char *embedded_broker,
                   struct kafka_log *log, rd_kafka_conf_t **conf, struct wr_error *err) WR_MUST;
/* Makes an instance that connects to nobody, and drops it: settings that exclude each other, files and mechanisms that
 * are not there are found by nothing else. Takes `conf`. */
bool wr_kafka_try(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct wr_error *err) WR_MUST;
/* An instance from `conf`, which it takes; NULL: err says why. */
rd_kafka_t *wr_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct wr_error *err) WR_MUST;
/* For settings of our own, which are always valid; where the user has set the property, his value stays. */
void wr_kafka_set(rd_kafka_conf_t *conf, const struct object *object, const char *key, const char *value);

/* What a client is charged with. Used by one thread. */
struct kafka_held {
    struct wr_pool *pool; /* NULL: nothing is */
    int64_t bytes;
};
#define KAFKA_CLIENT_BYTES  (512 << 10) /* of a client that does nothing: five threads, buffers, metadata */
#define KAFKA_MESSAGE_BYTES 256         /* of a message, beside key and value */
/* From now on it holds so much. */
void wr_kafka_hold(struct kafka_held *held, int64_t bytes);

#endif
