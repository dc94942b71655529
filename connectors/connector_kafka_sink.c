/* connector = 'kafka' as a sink: one Kafka transaction per commit.
 *
 *   begin | the commit's messages | the marker, as an offset of a consumer group (kafka_marker.h) | commit
 *
 * Messages and marker become visible together or not at all, so after a crash the marker says whether the commit was
 * delivered: what recover() returns. The transactional id belongs to (database directory, sink): a second process on a
 * copy of the directory is fenced, or fences us; then the marker tells whose it is.
 *
 * Errors: what Kafka calls retriable is called again; an abortable one aborts the transaction and sends it again,
 * whole; a fatal one makes a new producer, which first looks at the marker, since the commit may have happened. This
 * goes on until it is done or *stop: a broker that is away for a day costs a day, not a message. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "connectors/connectors.h"
#include "connectors/kafka_sink.h"
#include "connectors/options.h"

#define RECOVER_MS        15000 /* recover() gives up after this */
#define CREATE_CALLS      5
#define QUEUE_BYTES       ((int64_t)16 << 20)
#define MESSAGE_BYTES_MAX 1000000    /* librdkafka's default */
#define MESSAGE_EXTRA     (64 << 10) /* what it counts beside key and value */
#define TRANSACTION_MS    "300000"

/* ---- the producer */

static void close_producer(struct sink *sink)
{
    if (!sink->rk)
        return;
    if (sink->in_transaction) { /* or readers would wait for its timeout */
        rd_kafka_error_t *error = rd_kafka_abort_transaction(sink->rk, CALL_MS);
        if (error)
            rd_kafka_error_destroy(error);
    }
    rd_kafka_purge(sink->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy(sink->rk);
    wr_kafka_hold(&sink->held, 0);
    sink->rk = NULL;
    sink->initialised = sink->in_transaction = false;
}

/* A message that the broker will never take (too large) makes every retry fail alike: remember it. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk, (void)opaque;
    struct sink *sink = message->_private;
    wr_kafka_hold(&sink->held, sink->held.bytes - KAFKA_MESSAGE_BYTES - (int64_t)(message->key_len + message->len));
    if (message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || message->err == RD_KAFKA_RESP_ERR_INVALID_RECORD) {
        wr_fail(&sink->send_error, ERR_PROGRAM_LIMIT, "a message of %zu bytes for topic \"%s\" was refused: %s",
                message->len, sink->topic, rd_kafka_err2str(message->err));
    }
}

/* The queue must have room for the largest message that is allowed: one that never fits is waited for for ever. */
static void cap_queue(rd_kafka_conf_t *conf, const struct object *object, int64_t client_bytes_max)
{
    const char *allowed = wr_option_get(object, "properties.message.max.bytes");
    int64_t largest = allowed ? strtoll(allowed, NULL, 10) : MESSAGE_BYTES_MAX;
    int64_t bytes = client_bytes_max ? WR_MIN(client_bytes_max, QUEUE_BYTES) : QUEUE_BYTES;
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)WR_MAX(bytes, largest + MESSAGE_EXTRA) / 1024);
    wr_kafka_set(conf, object, "queue.buffering.max.kbytes", text);
}

static bool producer_conf(const struct object *object, const char *embedded_broker, struct kafka_log *log,
                          const char *transactional_id, rd_kafka_conf_t **out, struct wr_error *err)
{
    rd_kafka_conf_t *conf;
    TRY(wr_kafka_conf(object, KAFKA_PRODUCER, embedded_broker, log, &conf, err));
    /* A message may not wait longer than its transaction lives. */
    const char *timeout = wr_option_get(object, "properties.transaction.timeout.ms");
    rd_kafka_conf_set(conf, "transactional.id", transactional_id, NULL, 0);
    rd_kafka_conf_set(conf, "partitioner", "murmur2_random", NULL, 0);
    wr_kafka_set(conf, object, "transaction.timeout.ms", TRANSACTION_MS);
    wr_kafka_set(conf, object, "message.timeout.ms", timeout ? timeout : TRANSACTION_MS);
    wr_kafka_set(conf, object, "linger.ms", "2");
    /* The broker refuses the next transaction while it still writes the markers of the last one; librdkafka's 100 ms
     * between attempts would be the latency of every commit. */
    wr_kafka_set(conf, object, "retry.backoff.ms", "5");
    wr_kafka_set(conf, object, "compression.codec", "lz4");
    wr_kafka_set(conf, object, "reconnect.backoff.max.ms", "2000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    *out = conf;
    return true;
}

static bool open_producer(struct sink *sink, struct wr_error *err)
{
    rd_kafka_conf_t *conf;
    TRY(producer_conf(sink->config.object, sink->config.embedded_broker, &sink->log, sink->transactional_id, &conf,
                      err));
    cap_queue(conf, sink->config.object, sink->config.client_bytes_max);
    sink->rk = wr_kafka_new(RD_KAFKA_PRODUCER, conf, err);
    sink->held.pool = sink->config.client_pool;
    if (sink->rk)
        wr_kafka_hold(&sink->held, KAFKA_CLIENT_BYTES);
    return sink->rk;
}

/* ---- the topic */

static rd_kafka_resp_err_t topic_state(struct sink *sink)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(sink->rk, sink->topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(sink->rk, 0, topic, &metadata, CALL_MS);
    rd_kafka_topic_destroy(topic);
    if (code)
        return code;
    code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (!code && !metadata->topics[0].partition_cnt)
        code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    rd_kafka_metadata_destroy(metadata);
    return code;
}

/* With the broker's own defaults for partitions and replicas. */
static void create_topic(struct sink *sink, const atomic_bool *stop)
{
    char reason[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(sink->rk);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(sink->topic, -1, -1, reason, sizeof reason);
    if (topic) {
        rd_kafka_CreateTopics(sink->rk, &topic, 1, NULL, queue);
        rd_kafka_event_t *event = NULL;
        for (int i = 0; i < CREATE_CALLS && !event && !wr_kafka_stopped(stop); i++)
            event = rd_kafka_queue_poll(queue, CALL_MS);
        const rd_kafka_CreateTopics_result_t *result = event ? rd_kafka_event_CreateTopics_result(event) : NULL;
        size_t n = 0;
        const rd_kafka_topic_result_t **topics = result ? rd_kafka_CreateTopics_result_topics(result, &n) : NULL;
        if (n && rd_kafka_topic_result_error(topics[0]) &&
            rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            wr_kafka_log(&sink->log, "create topic \"%s\": %s", sink->topic,
                         rd_kafka_topic_result_error_string(topics[0]));
        if (event)
            rd_kafka_event_destroy(event);
        rd_kafka_NewTopic_destroy(topic);
    }
    rd_kafka_queue_destroy(queue);
}

static bool ensure_topic(struct sink *sink, int64_t deadline_ns, const atomic_bool *stop, struct wr_error *err)
{
    bool created = false;
    for (;;) {
        rd_kafka_resp_err_t code = topic_state(sink);
        if (!code)
            return true;
        if (wr_kafka_stopped(stop))
            return wr_fail(err, ERR_SHUTDOWN, "stopped while waiting for topic \"%s\"", sink->topic);
        if (deadline_ns && wr_clock_ns() > deadline_ns)
            return wr_fail(err, ERR_CONNECTION, "topic \"%s\" is not available: %s", sink->topic,
                           rd_kafka_err2str(code));
        if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && !created) {
            create_topic(sink, stop);
            created = true;
        }
        wr_kafka_log(&sink->log, "topic \"%s\": %s; trying again", sink->topic, rd_kafka_err2str(code));
        rd_kafka_poll(sink->rk, RETRY_MS);
    }
}

/* ---- recovery */

static bool newer(struct sink *sink, const struct kafka_marker *marker, uint64_t committed, struct wr_error *err)
{
    wr_fail(err, ERR_NOT_READY, "topic \"%s\" has commit %llu of this sink, the database has %llu", sink->topic,
            (unsigned long long)marker->commit, (unsigned long long)committed);
    return wr_fail_detail(err,
                          "The database directory was restored or copied, or another process writes as this sink.");
}

/* A new producer in place of a broken one: fence, then ask what became of the commit. *delivered: it is there. */
static enum outcome replace_producer(struct sink *sink, uint64_t commit, const atomic_bool *stop, bool *delivered,
                                     struct wr_error *err)
{
    struct kafka_marker marker;
    *delivered = false;
    sink->in_transaction = false; /* whatever it was, init_transactions ends it */
    close_producer(sink);
    if (!open_producer(sink, err))
        return OUTCOME_FAILED;
    enum outcome outcome = wr_kafka_transactions_init(sink, 0, stop);
    if (outcome != OUTCOME_DONE) {
        rd_kafka_poll(sink->rk, RETRY_MS);
        return outcome;
    }
    if (!wr_kafka_marker_read(&sink->config, &sink->log, sink->group, sink->origin, RECOVER_MS, &marker, err))
        return wr_kafka_stopped(stop) ? OUTCOME_STOPPED : OUTCOME_NEW_PRODUCER;
    if (!marker.found || marker.commit < commit)
        return OUTCOME_DONE;
    bool mine = !*marker.session || !strcmp(marker.session, sink->session);
    if (marker.commit > commit || !mine) {
        newer(sink, &marker, commit, err);
        return OUTCOME_FAILED;
    }
    *delivered = true;
    return OUTCOME_DONE;
}

static bool kafka_recover(struct sink *sink, uint64_t committed, uint64_t *last_commit, uint64_t *version_floor,
                          struct wr_error *err)
{
    struct kafka_marker marker;
    int64_t deadline_ns = wr_clock_ns() + (int64_t)RECOVER_MS * 1000000;
    close_producer(sink);
    TRY(open_producer(sink, err));
    TRY(ensure_topic(sink, deadline_ns, sink->config.stop, err));
    if (wr_kafka_transactions_init(sink, deadline_ns, sink->config.stop) != OUTCOME_DONE)
        return wr_fail(err, ERR_CONNECTION, "the broker of topic \"%s\" does not start transactions", sink->topic);
    TRY(wr_kafka_marker_read(&sink->config, &sink->log, sink->group, sink->origin, RECOVER_MS, &marker, err));
    if (marker.found && marker.commit > committed)
        return newer(sink, &marker, committed, err);
    *last_commit = marker.found ? marker.commit : 0;
    *version_floor = marker.any_version;
    return true;
}

/* ---- the class */

static bool kafka_check(const struct object *object, struct wr_error *err)
{
    struct kafka_log log;
    rd_kafka_conf_t *conf;
    TRY(wr_encoder_check(object, err));
    wr_kafka_log_init(&log, "sink", object->name, NULL, NULL);
    bool done = producer_conf(object, "", &log, "weir", &conf, err) && wr_kafka_try(RD_KAFKA_PRODUCER, conf, err) &&
                wr_kafka_marker_check(object, &log, err);
    wr_kafka_log_fini(&log);
    return done;
}

static bool ready(struct sink *sink, const atomic_bool *stop, struct wr_error *err)
{
    if (!sink->rk)
        TRY(open_producer(sink, err));
    while (!sink->initialised) {
        enum outcome outcome = wr_kafka_transactions_init(sink, 0, stop);
        if (outcome == OUTCOME_STOPPED)
            return wr_fail(err, ERR_SHUTDOWN, "stopped before the sink's producer was ready");
        if (outcome == OUTCOME_NEW_PRODUCER) {
            rd_kafka_poll(sink->rk, RETRY_MS);
            close_producer(sink);
            TRY(open_producer(sink, err));
        }
    }
    return true;
}

static bool deliver_once(struct sink *sink, uint64_t commit, uint64_t version, const struct sink_change *changes,
                         uint32_t n, const atomic_bool *stop, bool *delivered, struct wr_error *err)
{
    TRY(ready(sink, stop, err));
    enum outcome outcome = wr_kafka_transaction(sink, commit, version, changes, n, stop);
    if (outcome == OUTCOME_AGAIN)
        outcome = wr_kafka_transaction_abort(sink, stop) == OUTCOME_DONE ? OUTCOME_AGAIN : OUTCOME_NEW_PRODUCER;
    *delivered = outcome == OUTCOME_DONE;
    while (outcome == OUTCOME_NEW_PRODUCER && !wr_kafka_stopped(stop)) {
        outcome = replace_producer(sink, commit, stop, delivered, err);
        if (outcome == OUTCOME_FAILED)
            return false;
    }
    if (outcome == OUTCOME_FAILED) {
        *err = sink->send_error;
        wr_kafka_transaction_abort(sink, stop);
        return false;
    }
    if (outcome == OUTCOME_STOPPED || (!*delivered && wr_kafka_stopped(stop)))
        return wr_fail(err, ERR_SHUTDOWN, "stopped before commit %llu was delivered", (unsigned long long)commit);
    return true;
}

static bool kafka_deliver(struct sink *sink, uint64_t commit, uint64_t version, const struct sink_change *changes,
                          uint32_t n, const atomic_bool *stop, struct wr_error *err)
{
    bool delivered = false;
    wr_error_clear(&sink->send_error);
    while (!delivered)
        TRY(deliver_once(sink, commit, version, changes, n, stop, &delivered, err));
    return true;
}

static void kafka_close(struct sink *sink)
{
    close_producer(sink);
    wr_encoder_fini(&sink->encoder);
    wr_buf_free(&sink->buf);
    wr_kafka_log_fini(&sink->log);
    free(sink->topic);
    free(sink);
}

/* A random name for this life of the sink: tells our own marker from that of a copy of the directory. */
static void new_session(char *to, size_t size)
{
    uint64_t bits[2] = {0, 0};
    FILE *random = fopen("/dev/urandom", "rb");
    if (!random || fread(bits, sizeof bits, 1, random) != 1) {
        bits[0] = (uint64_t)wr_wall_us();
        bits[1] = (uint64_t)(uintptr_t)to;
    }
    if (random)
        fclose(random);
    snprintf(to, size, "%016llx%016llx", (unsigned long long)bits[0], (unsigned long long)bits[1]);
}

static bool kafka_open(const struct sink_config *config, struct sink **out, struct wr_error *err)
{
    struct sink *sink = wr_calloc(1, sizeof *sink);
    sink->config = *config;
    wr_kafka_log_init(&sink->log, "sink", config->object->name, config->log, config->log_context);
    sink->topic = wr_strdup(wr_kafka_topic(config->object));
    snprintf(sink->transactional_id, sizeof sink->transactional_id, "weir-%s-%s", config->instance,
             config->object->name);
    snprintf(sink->group, sizeof sink->group, "weir-%s-%s", config->instance, config->object->name);
    snprintf(sink->origin, sizeof sink->origin, "%s/%s", config->instance, config->object->name);
    new_session(sink->session, sizeof sink->session);
    if (!wr_encoder_init(&sink->encoder, &sink->config, err) || !open_producer(sink, err)) {
        kafka_close(sink);
        return false;
    }
    *out = sink;
    return true;
}

const struct sink_class wr_sink_kafka = {
    .connector = "kafka",
    .needs_log = true,
    .check = kafka_check,
    .open = kafka_open,
    .recover = kafka_recover,
    .deliver = kafka_deliver,
    .close = kafka_close,
};
