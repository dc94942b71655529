#include "connectors/kafka_marker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define TAIL_FIRST \
    64 /* offsets looked at from the end of a partition; more where these are all markers of transactions */

struct marker_reader {
    rd_kafka_t *rk;
    const char *topic, *origin;
    int64_t deadline_ns;
    const atomic_bool *stop;
    struct kafka_marker *marker;
    struct wr_error *err;
};

void wr_kafka_marker_format(char *to, size_t size, uint64_t commit, uint64_t version, const char *session)
{
    snprintf(to, size, "weir commit=%" PRIu64 " version=%" PRIu64 " session=%s", commit, version, session);
}

void wr_kafka_header_format(char *to, size_t size, uint64_t commit, uint64_t version, const char *origin)
{
    snprintf(to, size, "%" PRIu64 " %" PRIu64 " %s", commit, version, origin);
}

bool wr_kafka_marker_parse(const char *text, size_t len, struct kafka_marker *marker)
{
    char copy[256];
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    struct kafka_marker read = {.found = true};
    if (sscanf(copy, "weir commit=%" SCNu64 " version=%" SCNu64 " session=%39s", &read.commit, &read.version,
               read.session) != 3)
        return false;
    read.any_version = read.version;
    *marker = read;
    return true;
}

/* One call waits no longer than this: *stop is looked at between them. */
#define CALL_MS 1000

static int64_t time_left_ms(const struct marker_reader *reader)
{
    if (reader->stop && atomic_load(reader->stop))
        return 0;
    return (reader->deadline_ns - wr_clock_ns()) / 1000000;
}

/* For the next call; 0: none. */
static int call_ms(const struct marker_reader *reader)
{
    return (int)WR_MAX(WR_MIN(time_left_ms(reader), CALL_MS), 0);
}

static bool later(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__WAIT_COORD;
}

static bool no_answer(struct marker_reader *reader, const char *what, rd_kafka_resp_err_t code)
{
    return wr_fail(reader->err, ERR_CONNECTION, "could not read %s of topic \"%s\": %s", what, reader->topic,
                   rd_kafka_err2str(code));
}

static bool read_committed(struct marker_reader *reader)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, reader->topic, 0);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int ms; later(code) && (ms = call_ms(reader)) > 0;)
        code = rd_kafka_committed(reader->rk, list, ms);
    const rd_kafka_topic_partition_t *partition = &list->elems[0];
    if (!code)
        code = partition->err;
    if (!code && partition->offset >= 0 && partition->metadata)
        wr_kafka_marker_parse(partition->metadata, partition->metadata_size, reader->marker);
    rd_kafka_topic_partition_list_destroy(list);
    return !code || no_answer(reader, "the committed marker", code);
}

/* ---- tails */

static void take_header(struct marker_reader *reader, const char *text, size_t len)
{
    struct kafka_marker *marker = reader->marker;
    char copy[512];
    uint64_t commit, version;
    int at = 0;
    if (len >= sizeof copy)
        return;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (sscanf(copy, "%" SCNu64 " %" SCNu64 " %n", &commit, &version, &at) < 2 || !at)
        return;
    marker->any_version = WR_MAX(marker->any_version, version);
    if (strcmp(copy + at, reader->origin) || (marker->found && marker->commit >= commit))
        return;
    marker->found = true;
    marker->commit = commit;
    marker->version = version;
}

/* ..."__version":123}: the last member of a changelog row, whoever wrote it. */
static void take_version(struct marker_reader *reader, const char *text, size_t len)
{
    static const char name[] = "\"__version\":";
    const char *at = NULL, *end = text + len;
    for (const char *p = text; p && p < end && (p = memmem(p, (size_t)(end - p), name, sizeof name - 1)); p += 1)
        at = p + sizeof name - 1;
    if (!at)
        return;
    uint64_t version = 0;
    while (at < end && *at == ' ')
        at++;
    for (; at < end && *at >= '0' && *at <= '9' && version < UINT64_MAX / 10 - 1; at++)
        version = version * 10 + (uint64_t)(*at - '0');
    reader->marker->any_version = WR_MAX(reader->marker->any_version, version);
}

static void take_message(struct marker_reader *reader, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t len;
    if (!rd_kafka_message_headers(message, &headers) &&
        !rd_kafka_header_get_last(headers, KAFKA_COMMIT_HEADER, &value, &len) && value)
        take_header(reader, value, len);
    if (message->payload)
        take_version(reader, message->payload, message->len);
}

/* Read [from, the end). *count: messages seen. */
static bool read_range(struct marker_reader *reader, int32_t partition, int64_t from, int *count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, reader->topic, partition)->offset = from;
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    bool end = false;
    *count = 0;
    while (!code && !end) {
        int ms = call_ms(reader);
        rd_kafka_message_t *message = ms ? rd_kafka_consumer_poll(reader->rk, ms) : NULL;
        if (!message && ms)
            continue;
        if (!message) {
            code = RD_KAFKA_RESP_ERR__TIMED_OUT;
            break;
        }
        if (!message->err) {
            take_message(reader, message);
            (*count)++;
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            end = true;
        } else if (message->err != RD_KAFKA_RESP_ERR__TRANSPORT &&
                   message->err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
            code = message->err;
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_assign(reader->rk, NULL);
    return !code || no_answer(reader, "the tail", code);
}

static bool read_tail(struct marker_reader *reader, int32_t partition)
{
    int64_t low, high;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int ms; later(code) && (ms = call_ms(reader)) > 0;)
        code = rd_kafka_query_watermark_offsets(reader->rk, reader->topic, partition, &low, &high, ms);
    if (code)
        return no_answer(reader, "the offsets", code);
    for (int64_t span = TAIL_FIRST; high > low; span *= 4) {
        int64_t from = WR_MAX(high - span, low);
        int count;
        TRY(read_range(reader, partition, from, &count));
        if (count || from == low)
            break;
    }
    return true;
}

static bool read_tails(struct marker_reader *reader)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reader->rk, reader->topic, NULL);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int ms; later(code) && (ms = call_ms(reader)) > 0;)
        code = rd_kafka_metadata(reader->rk, 0, topic, &metadata, ms);
    rd_kafka_topic_destroy(topic);
    if (code)
        return no_answer(reader, "the partitions", code);
    int32_t count = metadata->topic_cnt == 1 && !metadata->topics[0].err ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    for (int32_t p = 0; p < count; p++)
        TRY(read_tail(reader, p));
    return true;
}

static bool reader_conf(const struct object *object, const char *embedded_broker, struct kafka_log *log,
                        const char *group, rd_kafka_conf_t **out, struct wr_error *err)
{
    rd_kafka_conf_t *conf;
    TRY(wr_kafka_conf(object, KAFKA_PRODUCER, embedded_broker, log, &conf, err));
    rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
    rd_kafka_conf_set(conf, "isolation.level", "read_committed", NULL, 0);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0);
    rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", NULL, 0);
    rd_kafka_conf_set(conf, "queued.max.messages.kbytes", "1024", NULL, 0);
    *out = conf;
    return true;
}

bool wr_kafka_marker_check(const struct object *object, struct kafka_log *log, struct wr_error *err)
{
    rd_kafka_conf_t *conf;
    return reader_conf(object, "", log, "weir", &conf, err) && wr_kafka_try(RD_KAFKA_CONSUMER, conf, err);
}

static bool open_reader(struct marker_reader *reader, const struct sink_config *config, struct kafka_log *log,
                        const char *group)
{
    rd_kafka_conf_t *conf;
    TRY(reader_conf(config->object, config->embedded_broker, log, group, &conf, reader->err));
    reader->rk = wr_kafka_new(RD_KAFKA_CONSUMER, conf, reader->err);
    if (reader->rk)
        rd_kafka_poll_set_consumer(reader->rk);
    return reader->rk;
}

bool wr_kafka_marker_read(const struct sink_config *config, struct kafka_log *log, const char *group,
                          const char *origin, int timeout_ms, struct kafka_marker *marker, struct wr_error *err)
{
    struct marker_reader reader = {
        .topic = wr_kafka_topic(config->object),
        .origin = origin,
        .deadline_ns = wr_clock_ns() + (int64_t)timeout_ms * 1000000,
        .stop = config->stop,
        .marker = marker,
        .err = err,
    };
    memset(marker, 0, sizeof *marker);
    TRY(open_reader(&reader, config, log, group));
    bool done = read_committed(&reader) && (marker->found || read_tails(&reader));
    rd_kafka_consumer_close(reader.rk);
    rd_kafka_destroy(reader.rk);
    return done;
}
