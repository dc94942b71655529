/* connector = 'kafka' as a source: one topic, all its partitions, read committed, at offsets that the database keeps.
 *
 * One thread per source consumes and decodes. Partitions are assigned by hand at the committed offsets: there is no
 * group to join, so nothing rebalances and a restart goes on at once (the group id is only a name to be seen by).
 *
 *   broker -> librdkafka's queues (capped) -> this thread: decode -> source_queue (bounded) -> poll()
 *
 * Each part waits for the next one: a slow engine stops the fetching. A partition's position is the consumer's: it
 * moves past transaction markers, which take offsets and are no messages, so "caught up" is "position reached the end".
 * Where only the position moved, a chunk without rows tells the engine.
 *
 * A broker that is away is waited for, for ever. Offsets that retention has removed are gone: the source goes on at the
 * first one there is, and says how many were lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/thread.h"
#include "connectors/connectors.h"
#include "connectors/kafka_source.h"
#include "connectors/options.h"

#define MESSAGES_MAX     2000 /* per chunk; two rows each still fit a batch */
#define POLL_MS          100
#define CLIENT_BYTES_MIN (128 << 10)
#define CLIENT_BYTES_MAX (16 << 20)
#define FETCH_BYTES_MIN  (16 << 10)
#define FETCH_BYTES_MAX  (512 << 10) /* of a partition */
#define FETCH_SHARE      8           /* of what the client may hold */
#define POKE_MS          3 /* a partition with more to read that brought nothing for so long is asked for its offsets */

/* ---- options */

static bool format_of(const struct object *object, const struct decoder_class **format, struct wr_error *err)
{
    if (!object->format || !object->encode)
        return wr_fail(err, ERR_INVALID_PARAMETER, "a kafka source needs a FORMAT ... ENCODE ... clause");
    *format = wr_decoder_class(object->format, object->encode);
    if (!*format)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "FORMAT %s ENCODE %s is not supported for kafka sources",
                       object->format, object->encode);
    return (*format)->check(object, err);
}

static bool kafka_check(const struct object *object, struct wr_error *err)
{
    const struct decoder_class *format;
    enum startup startup;
    int64_t ms;
    TRY(wr_kafka_options_check(object, KAFKA_CONSUMER, err));
    TRY(wr_kafka_startup(object, &startup, &ms, err));
    return format_of(object, &format, err);
}

/* ---- messages */

static void advance(struct source *source, int32_t id, int64_t next, bool at_end)
{
    pthread_mutex_lock(&source->lock);
    struct partition *partition = wr_kafka_partition(source, id);
    if (partition && next > partition->next) {
        partition->next = next;
        partition->moved = true;
    }
    if (partition && (at_end || partition->end < next))
        partition->end = WR_MAX(next, partition->next);
    if (partition)
        partition->at_end = at_end;
    pthread_mutex_unlock(&source->lock);
}

static void take_error(struct source *source, const rd_kafka_message_t *in)
{
    if (in->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        advance(source, in->partition, in->offset, true);
    else if (in->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || in->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        wr_kafka_partition_reset(source, in->partition);
    else
        wr_kafka_log(&source->log, "partition %d: %s", (int)in->partition, rd_kafka_message_errstr(in));
}

static int64_t take_message(struct source *source, const rd_kafka_message_t *in, struct chunk_builder *builder)
{
    if (in->err) {
        take_error(source, in);
        return 0;
    }
    struct partition *partition = wr_kafka_partition(source, in->partition);
    if (!partition || in->offset < partition->next)
        return 0; /* fetched before a new assignment: it comes again, or has been */
    int64_t stop = wr_kafka_stop_of(source, in->partition);
    if (in->offset >= stop) {
        advance(source, in->partition, stop, false);
        return 0;
    }
    struct message message = {in->partition, in->offset, in->key, in->payload, in->key_len, in->len};
    source->format->decode(source->decoder, &message, builder);
    advance(source, in->partition, in->offset + 1, false);
    return (int64_t)(in->key_len + in->len);
}

static uint32_t take_positions(struct source *source, struct source_chunk *chunk)
{
    pthread_mutex_lock(&source->lock);
    chunk->partitions = WR_NEW_ARRAY(&chunk->arena, struct partition_offset, WR_MAX(source->npartitions, 1));
    for (uint32_t i = 0; i < source->npartitions; i++) {
        struct partition *partition = &source->partitions[i];
        if (!partition->moved)
            continue;
        partition->moved = false;
        chunk->partitions[chunk->npartitions++] =
            (struct partition_offset){partition->id, partition->next, partition->end};
    }
    pthread_mutex_unlock(&source->lock);
    return chunk->npartitions;
}

static struct partition *behind(struct source *source)
{
    for (uint32_t i = 0; i < source->npartitions; i++)
        if (!source->partitions[i].at_end && source->partitions[i].next < source->partitions[i].end)
            return &source->partitions[i];
    return NULL;
}

/* librdkafka stops fetching when its queue is full, and does not notice for up to a second that it is empty again: the
 * thread that fetches sleeps. A request to the same broker wakes it, and this one also tells the lag. */
static void poke(struct source *source, struct partition *partition)
{
    int64_t low, high;
    if (!wr_kafka_watermarks(source, partition->id, &low, &high))
        return;
    pthread_mutex_lock(&source->lock);
    partition->end = WR_MAX(partition->end, high);
    pthread_mutex_unlock(&source->lock);
}

/* The first message is waited for; what else lies ready is taken with it. (The batch call itself would wait for a full
 * batch.) */
static size_t consume(struct source *source, rd_kafka_message_t **messages)
{
    struct partition *late = behind(source);
    messages[0] = rd_kafka_consume_queue(source->messages, late ? POKE_MS : POLL_MS);
    if (!messages[0] && late) {
        poke(source, late);
        messages[0] = rd_kafka_consume_queue(source->messages, POLL_MS);
    }
    if (!messages[0])
        return 0;
    ssize_t more = rd_kafka_consume_batch_queue(source->messages, 0, messages + 1, MESSAGES_MAX - 1);
    return 1 + (size_t)WR_MAX(more, 0);
}

static bool anything_moved(const struct source *source)
{
    for (uint32_t i = 0; i < source->npartitions; i++)
        if (source->partitions[i].moved)
            return true;
    return false;
}

/* What waits in the client, if it is like what has just come. */
static void count_client(struct source *source, size_t n, int64_t bytes)
{
    int64_t waiting = (int64_t)rd_kafka_queue_length(source->messages);
    int64_t each = KAFKA_MESSAGE_BYTES + (n ? bytes / (int64_t)n : 0);
    wr_kafka_hold(&source->held, KAFKA_CLIENT_BYTES + waiting * each);
}

static bool consume_once(struct source *source, rd_kafka_message_t **messages)
{
    wr_kafka_partitions_look(source);
    size_t n = consume(source, messages);
    if (!n && !anything_moved(source))
        return true;
    struct chunk_builder builder;
    uint32_t rows = source->table.npk ? 1 : MESSAGE_ROWS_MAX;
    wr_builder_begin(&builder, &source->table, source->config.pool, (uint32_t)n * rows + MESSAGE_ROWS_MAX);
    int64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += take_message(source, messages[i], &builder);
        rd_kafka_message_destroy(messages[i]);
    }
    struct source_chunk *chunk = wr_builder_end(&builder);
    chunk->bytes = bytes;
    count_client(source, n, bytes);
    atomic_store(&source->cpu_ns, wr_thread_cpu_ns());
    if (take_positions(source, chunk))
        return wr_source_queue_push(&source->queue, chunk);
    wr_source_chunk_free(chunk);
    return true;
}

static void *run(void *arg)
{
    struct source *source = arg;
    rd_kafka_message_t **messages = wr_malloc(sizeof(rd_kafka_message_t *) * MESSAGES_MAX);
    while (!wr_source_queue_closing(&source->queue) && consume_once(source, messages))
        ;
    free(messages);
    return NULL;
}

/* ---- the class */

static void source_free(struct source *source)
{
    if (source->messages)
        rd_kafka_queue_destroy(source->messages);
    if (source->rk) {
        rd_kafka_consumer_close(source->rk);
        rd_kafka_destroy(source->rk);
    }
    wr_kafka_hold(&source->held, 0);
    if (source->decoder)
        source->format->close(source->decoder);
    wr_table_columns_fini(&source->table);
    wr_kafka_log_fini(&source->log);
    pthread_mutex_destroy(&source->lock);
    free(source->partitions);
    free(source->topic);
    free(source);
}

static void set_number(rd_kafka_conf_t *conf, const struct object *object, const char *key, int64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)number);
    wr_kafka_set(conf, object, key, text);
}

/* librdkafka's own queues are part of the memory limit: small against its defaults of 64 MB per partition. A fetch may
 * bring a part of each partition on top of what is queued, and what it brings is compressed. */
static void cap_queues(rd_kafka_conf_t *conf, const struct source_config *config)
{
    int64_t bytes = WR_MIN(WR_MAX(config->client_bytes_max, CLIENT_BYTES_MIN), CLIENT_BYTES_MAX);
    set_number(conf, config->object, "queued.max.messages.kbytes", bytes / 1024);
    set_number(conf, config->object, "fetch.message.max.bytes",
               WR_MIN(WR_MAX(bytes / FETCH_SHARE, FETCH_BYTES_MIN), FETCH_BYTES_MAX));
    wr_kafka_set(conf, config->object, "queued.min.messages", "20000");
    wr_kafka_set(conf, config->object, "fetch.max.bytes", "8388608");
    wr_kafka_set(conf, config->object, "fetch.wait.max.ms", "50");
    wr_kafka_set(conf, config->object, "fetch.error.backoff.ms", "100");
    wr_kafka_set(conf, config->object, "reconnect.backoff.max.ms", "2000");
}

static bool open_consumer(struct source *source, struct wr_error *err)
{
    const struct object *object = source->config.object;
    rd_kafka_conf_t *conf;
    char group[256];
    TRY(wr_kafka_conf(object, KAFKA_CONSUMER, source->config.embedded_broker, &source->log, &conf, err));
    const char *prefix = wr_option_get(object, "group.id.prefix");
    snprintf(group, sizeof group, "%s-%s-%u", prefix ? prefix : "weir", object->name, object->id);
    rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
    rd_kafka_conf_set(conf, "isolation.level", "read_committed", NULL, 0);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
    rd_kafka_conf_set(conf, "auto.offset.reset", "error", NULL, 0);
    wr_kafka_set(conf, object, "enable.auto.commit", "false");
    cap_queues(conf, &source->config);
    source->rk = wr_kafka_new(RD_KAFKA_CONSUMER, conf, err);
    if (!source->rk)
        return false;
    source->held.pool = source->config.client_pool;
    wr_kafka_hold(&source->held, KAFKA_CLIENT_BYTES);
    rd_kafka_poll_set_consumer(source->rk);
    source->messages = rd_kafka_queue_get_consumer(source->rk);
    return true;
}

static bool kafka_open(const struct source_config *config, struct source **out, struct wr_error *err)
{
    TRY(kafka_check(config->object, err));
    struct source *source = wr_calloc(1, sizeof *source);
    source->config = *config;
    source->config.partitions = NULL;
    pthread_mutex_init(&source->lock, NULL);
    wr_kafka_log_init(&source->log, "source", config->object->name, config->log, config->log_context);
    wr_table_columns_init(&source->table, config->object);
    source->topic = wr_strdup(wr_kafka_topic(config->object));
    if (!wr_kafka_startup(config->object, &source->startup, &source->startup_ms, err) ||
        !format_of(config->object, &source->format, err) ||
        !source->format->open(config->object, &source->decoder, err) || !open_consumer(source, err)) {
        source_free(source);
        return false;
    }
    struct partition_offset *partitions = wr_malloc(sizeof *partitions * WR_MAX(config->npartitions, 1));
    if (config->npartitions)
        memcpy(partitions, config->partitions, sizeof *partitions * config->npartitions);
    source->config.partitions = partitions;
    wr_source_queue_init(&source->queue, config);
    if (!wr_thread_start(&source->thread, run, source, false)) {
        wr_source_queue_fini(&source->queue);
        free(partitions);
        source_free(source);
        return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start the thread of a kafka source");
    }
    *out = source;
    return true;
}

static struct source_chunk *kafka_poll(struct source *source)
{
    struct source_chunk *chunk = wr_source_queue_pop(&source->queue);
    if (!chunk)
        return NULL;
    pthread_mutex_lock(&source->lock);
    for (uint32_t i = 0; i < chunk->npartitions; i++) {
        struct partition *partition = wr_kafka_partition(source, chunk->partitions[i].partition);
        if (partition)
            partition->handed_out = chunk->partitions[i].next;
    }
    pthread_mutex_unlock(&source->lock);
    return chunk;
}

static uint32_t kafka_positions(struct source *source, struct partition_offset *positions, uint32_t max)
{
    pthread_mutex_lock(&source->lock);
    uint32_t n = WR_MIN(source->npartitions, max);
    for (uint32_t i = 0; i < n; i++) {
        struct partition *partition = &source->partitions[i];
        /* what the consumer has learnt with its fetches, if that is more */
        int64_t low, high, end = partition->end;
        if (!rd_kafka_get_watermark_offsets(source->rk, source->topic, partition->id, &low, &high) && high > end)
            end = high;
        positions[i] = (struct partition_offset){partition->id, partition->handed_out, end};
    }
    pthread_mutex_unlock(&source->lock);
    return n;
}

static bool kafka_caught_up(struct source *source, struct wr_error *err)
{
    (void)err;
    pthread_mutex_lock(&source->lock);
    bool done = source->targets_known;
    for (uint32_t i = 0; i < source->npartitions && done; i++)
        done = source->partitions[i].handed_out >= source->partitions[i].target;
    pthread_mutex_unlock(&source->lock);
    return done;
}

static bool kafka_trouble(struct source *source, char *to, size_t size)
{
    return wr_kafka_log_last(&source->log, to, size);
}

static int64_t kafka_cpu_ns(struct source *source)
{
    return atomic_load(&source->cpu_ns);
}

static void kafka_close(struct source *source)
{
    wr_source_queue_close(&source->queue);
    pthread_join(source->thread, NULL);
    wr_source_queue_fini(&source->queue);
    free((void *)source->config.partitions);
    source_free(source);
}

const struct source_class wr_source_kafka = {
    .connector = "kafka",
    .check = kafka_check,
    .open = kafka_open,
    .poll = kafka_poll,
    .positions = kafka_positions,
    .caught_up = kafka_caught_up,
    .trouble = kafka_trouble,
    .cpu_ns = kafka_cpu_ns,
    .close = kafka_close,
};
