/* One commit as one Kafka transaction: its messages, the marker that names it, and what to do about each error of the
 * transactional API (connector_kafka_sink.c says why). */
#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "connectors/kafka_sink.h"

#define ENCODE_CHUNK 1024 /* changes encoded before they are handed to librdkafka */

/* ---- one call of the transactional API */

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* Consumes the error. DONE: there was none. */
static enum outcome judge(struct sink *sink, const char *what, rd_kafka_error_t *error, bool *call_again)
{
    *call_again = false;
    if (!error)
        return OUTCOME_DONE;
    enum outcome outcome = OUTCOME_AGAIN;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    if (rd_kafka_error_is_fatal(error) || is_fenced(code))
        outcome = OUTCOME_NEW_PRODUCER;
    else if (rd_kafka_error_txn_requires_abort(error))
        outcome = OUTCOME_AGAIN;
    else if (rd_kafka_error_is_retriable(error))
        *call_again = true;
    else
        outcome = OUTCOME_NEW_PRODUCER;
    wr_kafka_log(&sink->log, "%s: %s", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return outcome;
}

/* Calls until it is done, must be given up, or *stop. */
#define CALL(outcome, sink, stop, what, call)                       \
    do {                                                            \
        bool call_again;                                            \
        do {                                                        \
            (outcome) = judge((sink), (what), (call), &call_again); \
            if (call_again && wr_kafka_stopped(stop))               \
                return OUTCOME_STOPPED;                             \
            if (call_again)                                         \
                rd_kafka_poll((sink)->rk, RETRY_MS);                \
        } while (call_again);                                       \
    } while (0)

enum outcome wr_kafka_transactions_init(struct sink *sink, int64_t deadline_ns, const atomic_bool *stop)
{
    for (;;) {
        bool call_again;
        enum outcome outcome =
            judge(sink, "init transactions", rd_kafka_init_transactions(sink->rk, CALL_MS), &call_again);
        if (!call_again) {
            sink->initialised = outcome == OUTCOME_DONE;
            return outcome;
        }
        if (wr_kafka_stopped(stop) || (deadline_ns && wr_clock_ns() > deadline_ns))
            return OUTCOME_STOPPED;
        rd_kafka_poll(sink->rk, RETRY_MS);
    }
}

/* ---- one transaction */

static enum outcome too_large(struct sink *sink, const struct out_message *out, const char *setting)
{
    wr_fail(&sink->send_error, ERR_PROGRAM_LIMIT, "a message of %zu bytes for topic \"%s\" is too large: raise %s",
            out->key_len + out->value_len, sink->topic, setting);
    return OUTCOME_FAILED;
}

static enum outcome produce(struct sink *sink, const struct out_message *out, const char *header,
                            const atomic_bool *stop)
{
    for (;;) {
        char *data = sink->buf.data;
        rd_kafka_resp_err_t code = rd_kafka_producev(
            sink->rk, RD_KAFKA_V_TOPIC(sink->topic),
            RD_KAFKA_V_KEY(out->has_key ? data + out->key_at : NULL, out->has_key ? out->key_len : 0),
            RD_KAFKA_V_VALUE(out->has_value ? data + out->value_at : NULL, out->has_value ? out->value_len : 0),
            RD_KAFKA_V_HEADER(KAFKA_COMMIT_HEADER, header, -1), RD_KAFKA_V_OPAQUE(sink),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (!code) {
            int64_t bytes = (int64_t)((out->has_key ? out->key_len : 0) + (out->has_value ? out->value_len : 0));
            wr_kafka_hold(&sink->held, sink->held.bytes + KAFKA_MESSAGE_BYTES + bytes);
            return OUTCOME_DONE;
        }
        if (wr_kafka_stopped(stop))
            return OUTCOME_STOPPED;
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
            return too_large(sink, out, "properties.message.max.bytes, and max.message.bytes of the topic");
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && !rd_kafka_outq_len(sink->rk))
            return too_large(sink, out, "properties.queue.buffering.max.kbytes");
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            wr_kafka_log(&sink->log, "produce: %s", rd_kafka_err2str(code));
            return rd_kafka_fatal_error(sink->rk, NULL, 0) ? OUTCOME_NEW_PRODUCER : OUTCOME_AGAIN;
        }
        rd_kafka_poll(sink->rk, 10);
    }
}

static enum outcome send_changes(struct sink *sink, uint64_t commit, uint64_t version,
                                 const struct sink_change *changes, uint32_t n, const atomic_bool *stop)
{
    char header[400];
    struct out_message out[OUT_MESSAGES_MAX];
    uint64_t number = 0, base = version - commit;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t own = changes[i].number ? changes[i].number : commit;
        if (own != number)
            wr_kafka_header_format(header, sizeof header, own, base + own, sink->origin);
        number = own;
        sink->buf.len = 0;
        int messages = wr_encode_change(&sink->encoder, &changes[i], base + own, &sink->buf, out);
        for (int m = 0; m < messages; m++) {
            enum outcome outcome = produce(sink, &out[m], header, stop);
            if (outcome != OUTCOME_DONE)
                return outcome;
        }
        if (i % ENCODE_CHUNK == 0) {
            rd_kafka_poll(sink->rk, 0);
            if (wr_kafka_stopped(stop))
                return OUTCOME_STOPPED;
        }
    }
    return OUTCOME_DONE;
}

static enum outcome send_marker(struct sink *sink, uint64_t commit, uint64_t version, const atomic_bool *stop)
{
    char text[160];
    wr_kafka_marker_format(text, sizeof text, commit, version, sink->session);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *partition = rd_kafka_topic_partition_list_add(list, sink->topic, 0);
    partition->offset = 0;
    partition->metadata = strdup(text);
    partition->metadata_size = strlen(text);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(sink->group);
    bool call_again;
    enum outcome outcome;
    do {
        outcome = judge(sink, "send marker", rd_kafka_send_offsets_to_transaction(sink->rk, list, group, CALL_MS),
                        &call_again);
        if (call_again)
            rd_kafka_poll(sink->rk, RETRY_MS);
    } while (call_again && !wr_kafka_stopped(stop));
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(list);
    return call_again ? OUTCOME_STOPPED : outcome;
}

static enum outcome flush(struct sink *sink, const atomic_bool *stop)
{
    while (rd_kafka_flush(sink->rk, CALL_MS) == RD_KAFKA_RESP_ERR__TIMED_OUT)
        if (wr_kafka_stopped(stop))
            return OUTCOME_STOPPED;
    if (*sink->send_error.sqlstate)
        return OUTCOME_FAILED;
    return rd_kafka_fatal_error(sink->rk, NULL, 0) ? OUTCOME_NEW_PRODUCER : OUTCOME_DONE;
}

enum outcome wr_kafka_transaction(struct sink *sink, uint64_t commit, uint64_t version,
                                  const struct sink_change *changes, uint32_t n, const atomic_bool *stop)
{
    enum outcome outcome;
    wr_failpoint(FP_BEFORE_SEND);
    CALL(outcome, sink, stop, "begin transaction", rd_kafka_begin_transaction(sink->rk));
    if (outcome != OUTCOME_DONE)
        return outcome;
    sink->in_transaction = true;
    outcome = send_changes(sink, commit, version, changes, n, stop);
    if (outcome == OUTCOME_DONE)
        outcome = send_marker(sink, commit, version, stop);
    if (outcome == OUTCOME_DONE)
        outcome = flush(sink, stop);
    if (outcome != OUTCOME_DONE)
        return outcome;
    wr_failpoint(FP_AFTER_SEND);
    CALL(outcome, sink, stop, "commit transaction", rd_kafka_commit_transaction(sink->rk, CALL_MS));
    if (outcome == OUTCOME_DONE) {
        sink->in_transaction = false;
        wr_failpoint(FP_TRANSACTION_END);
    }
    return outcome;
}

enum outcome wr_kafka_transaction_abort(struct sink *sink, const atomic_bool *stop)
{
    enum outcome outcome;
    if (!sink->in_transaction)
        return OUTCOME_DONE;
    CALL(outcome, sink, stop, "abort transaction", rd_kafka_abort_transaction(sink->rk, CALL_MS));
    if (outcome == OUTCOME_DONE)
        sink->in_transaction = false;
    return outcome == OUTCOME_DONE ? OUTCOME_DONE : OUTCOME_NEW_PRODUCER;
}
