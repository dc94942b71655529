/* A topic's partitions: which there are, where reading begins, and where it goes on when an offset is not there any
 * more. */
#include <stdlib.h>

#include "base/clock.h"
#include "connectors/kafka_source.h"
#include "connectors/options.h"

#define TIMEOUT_MS      2000
#define REFRESH_NS      5000000000 /* between looks for new partitions */
#define REFRESH_FAST_NS 300000000  /* while there is none at all */

/* ---- options */

bool wr_kafka_startup(const struct object *object, enum startup *startup, int64_t *ms, struct wr_error *err)
{
    static const char *const modes[] = {"earliest", "latest", NULL};
    static const char *const names[] = {"scan.startup.timestamp.millis", "scan.startup.timestamp_millis",
                                        "kafka.time.offset"};
    const char *mode = wr_option_get(object, "scan.startup.mode");
    int index = 0;
    if (!mode)
        mode = wr_option_get(object, "kafka.scan.startup.mode");
    if (mode)
        TRY(wr_option_choice("scan.startup.mode", mode, modes, &index, err));
    *startup = index ? STARTUP_LATEST : STARTUP_EARLIEST;
    for (size_t i = 0; i < WR_COUNT(names); i++)
        if (wr_option_get(object, names[i])) {
            TRY(wr_option_integer(object, names[i], 0, INT64_MAX, ms, err));
            *startup = STARTUP_TIMESTAMP;
        }
    return true;
}

/* ---- where reading begins and ends */

struct partition *wr_kafka_partition(struct source *source, int32_t id)
{
    for (uint32_t i = 0; i < source->npartitions; i++)
        if (source->partitions[i].id == id)
            return &source->partitions[i];
    return NULL;
}

static int64_t committed_offset(const struct source *source, int32_t id)
{
    for (uint32_t i = 0; i < source->config.npartitions; i++)
        if (source->config.partitions[i].partition == id)
            return source->config.partitions[i].next;
    return -1;
}

int64_t wr_kafka_stop_of(const struct source *source, int32_t id)
{
    if (!source->config.stop)
        return INT64_MAX;
    for (uint32_t i = 0; i < source->config.nstop; i++)
        if (source->config.stop[i].partition == id)
            return source->config.stop[i].next;
    return 0;
}

bool wr_kafka_watermarks(struct source *source, int32_t id, int64_t *low, int64_t *high)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(source->rk, source->topic, id, low, high, TIMEOUT_MS);
    if (code)
        wr_kafka_log(&source->log, "offsets of partition %d: %s", (int)id, rd_kafka_err2str(code));
    return !code;
}

/* The first offset at or after the timestamp; the end where all messages are older. */
static bool offset_at(struct source *source, int32_t id, int64_t high, int64_t *offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, id)->offset = source->startup_ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(source->rk, list, TIMEOUT_MS);
    if (!code)
        code = list->elems[0].err;
    *offset = list->elems[0].offset < 0 ? high : list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        wr_kafka_log(&source->log, "offset of a timestamp in partition %d: %s", (int)id, rd_kafka_err2str(code));
    return !code;
}

static bool start_of(struct source *source, int32_t id, int64_t low, int64_t high, int64_t *next)
{
    *next = committed_offset(source, id);
    if (*next >= 0)
        return true;
    *next = low;
    if (source->first_look_done || source->config.npartitions || source->startup == STARTUP_EARLIEST)
        return true;
    *next = high;
    return source->startup == STARTUP_LATEST || offset_at(source, id, high, next);
}

static void add_partition(struct source *source, int32_t id, int64_t next, int64_t high)
{
    pthread_mutex_lock(&source->lock);
    source->partitions = wr_realloc(source->partitions, sizeof *source->partitions * (source->npartitions + 1));
    source->partitions[source->npartitions++] = (struct partition){
        .id = id,
        .next = next,
        .end = high,
        .target = source->first_look_done ? 0 : WR_MIN(high, wr_kafka_stop_of(source, id)),
        .handed_out = next,
        /* Where to start is a decision to be kept: at the next start "latest" would be later. */
        .moved = committed_offset(source, id) < 0,
    };
    pthread_mutex_unlock(&source->lock);
}

static void assign_all(struct source *source)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)source->npartitions);
    for (uint32_t i = 0; i < source->npartitions; i++)
        rd_kafka_topic_partition_list_add(list, source->topic, source->partitions[i].id)->offset =
            source->partitions[i].next;
    rd_kafka_resp_err_t code = rd_kafka_assign(source->rk, list);
    if (code)
        wr_kafka_log(&source->log, "assign: %s", rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
}

/* Add the partitions numbered [npartitions, count): all of them or none, so that a broken look is repeated whole. */
static bool add_partitions(struct source *source, int32_t count)
{
    int32_t have = (int32_t)source->npartitions, n = count - have;
    int64_t *next = wr_malloc(sizeof *next * (size_t)n), *high = wr_malloc(sizeof *high * (size_t)n);
    bool done = true;
    for (int32_t i = 0; i < n && done; i++) {
        int64_t low;
        done =
            wr_kafka_watermarks(source, have + i, &low, &high[i]) && start_of(source, have + i, low, high[i], &next[i]);
    }
    for (int32_t i = 0; i < n && done; i++)
        add_partition(source, have + i, next[i], high[i]);
    free(next);
    free(high);
    return done;
}

static int32_t partition_count(struct source *source)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(source->rk, source->topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(source->rk, 0, topic, &metadata, TIMEOUT_MS);
    int32_t count = 0;
    if (!code) {
        code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        count = code ? 0 : metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    if (code)
        wr_kafka_log(&source->log, "topic \"%s\": %s; trying again", source->topic, rd_kafka_err2str(code));
    else
        wr_kafka_log_over(&source->log);
    return count;
}

void wr_kafka_partitions_look(struct source *source)
{
    int64_t now = wr_clock_ns();
    if (now < source->refresh_at_ns)
        return;
    int32_t count = partition_count(source);
    if (count > (int32_t)source->npartitions && add_partitions(source, count)) {
        assign_all(source);
        source->first_look_done = true;
        pthread_mutex_lock(&source->lock);
        source->targets_known = true;
        pthread_mutex_unlock(&source->lock);
    }
    source->refresh_at_ns = wr_clock_ns() + (source->npartitions ? REFRESH_NS : REFRESH_FAST_NS);
}

/* ---- an offset that is not there */

void wr_kafka_partition_reset(struct source *source, int32_t id)
{
    int64_t low, high;
    struct partition *partition = wr_kafka_partition(source, id);
    if (!partition || !wr_kafka_watermarks(source, id, &low, &high)) {
        source->refresh_at_ns = 0;
        return;
    }
    int64_t at = partition->next;
    if (at < low)
        wr_kafka_log(&source->log, "partition %d: offsets %lld to %lld are gone (retention); going on at %lld", (int)id,
                     (long long)at, (long long)low - 1, (long long)low);
    else
        wr_kafka_log(&source->log,
                     "partition %d ends at offset %lld, before the committed offset %lld: the topic was made anew or "
                     "truncated; going on at %lld",
                     (int)id, (long long)high, (long long)at, (long long)low);
    pthread_mutex_lock(&source->lock);
    partition->next = low;
    partition->end = high;
    partition->target = WR_MIN(partition->target, high);
    partition->handed_out = WR_MIN(partition->handed_out, low);
    partition->moved = true;
    pthread_mutex_unlock(&source->lock);
    assign_all(source);
}
