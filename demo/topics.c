/* The demo's hands on Kafka: replays recorded topics, prints what has come to a topic since the last look.
 *
 *   demo-topics send BROKER FILE         each line of FILE: topic, headers (name=value), key, value, parted by tabs;
 *                                        an empty key or value is none (a tombstone)
 *   demo-topics read BROKER TOPIC MARKS  prints the new messages in the order of weir's commits, then keeps in the file
 *                                        MARKS how far each partition was read
 *
 * Order within one key is the topic's; across partitions the header weir.commit gives it. */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITIONS_MAX 64
#define WAIT_MS        10000

static void die(const char *what, const char *why)
{
    fprintf(stderr, "demo-topics: %s: %s\n", what, why);
    exit(1);
}

static void *allocate(void *old, size_t size)
{
    void *memory = realloc(old, size);
    if (!memory)
        die("memory", "none left");
    return memory;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *broker)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const settings[][2] = {{"bootstrap.servers", broker},     {"group.id", "demo"},
                                       {"enable.auto.commit", "false"},   {"enable.partition.eof", "true"},
                                       {"partitioner", "murmur2_random"}, {"log_level", "0"}};
    size_t n = sizeof settings / sizeof *settings;
    for (size_t i = 0; i < n; i++) {
        bool consumes = i >= 1 && i <= 3;
        if (consumes && type == RD_KAFKA_PRODUCER)
            continue;
        if (i == 4 && type == RD_KAFKA_CONSUMER)
            continue;
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why) != RD_KAFKA_CONF_OK)
            die(settings[i][0], why);
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk)
        die(broker, why);
    return rk;
}

/* ---- send */

/* Cuts the text at the next tab; what follows it, or the end. */
static char *cut(char **rest)
{
    char *from = *rest, *tab = strchr(from, '\t');
    *rest = tab ? tab + 1 : from + strlen(from);
    if (tab)
        *tab = '\0';
    return from;
}

static void send_line(rd_kafka_t *rk, char *line)
{
    char *topic = cut(&line), *header = cut(&line), *key = cut(&line), *value = line;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    char *equals = strchr(header, '=');
    if (equals)
        rd_kafka_header_add(headers, header, equals - header, equals + 1, -1);
    rd_kafka_resp_err_t err =
        rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY((*key ? key : NULL), strlen(key)),
                          RD_KAFKA_V_VALUE((*value ? value : NULL), strlen(value)),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (err)
        die(topic, rd_kafka_err2str(err));
}

static int send_file(const char *broker, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        die(path, "cannot be opened");
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, broker);
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    int sent = 0;
    while ((len = getline(&line, &cap, file)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        send_line(rk, line);
        sent++;
    }
    free(line);
    fclose(file);
    if (rd_kafka_flush(rk, WAIT_MS))
        die(broker, "does not take the messages");
    rd_kafka_destroy(rk);
    printf("%d\n", sent);
    return 0;
}

/* ---- read */

struct message {
    long long commit;
    int32_t partition;
    int64_t offset;
    char *text;
};

struct messages {
    struct message *items;
    size_t n, cap;
};

static int by_commit(const void *a, const void *b)
{
    const struct message *x = a, *y = b;
    if (x->commit != y->commit)
        return x->commit < y->commit ? -1 : 1;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static long long commit_of(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    char digits[24] = "";
    if (rd_kafka_message_headers(message, &headers) || rd_kafka_header_get_last(headers, "weir.commit", &value, &size))
        return 0;
    memcpy(digits, value, size < sizeof digits - 1 ? size : sizeof digits - 1);
    return atoll(digits);
}

static void keep(struct messages *all, const rd_kafka_message_t *message)
{
    if (all->n == all->cap) {
        all->cap = all->cap * 2 + 16;
        all->items = allocate(all->items, all->cap * sizeof *all->items);
    }
    size_t size = message->key_len + message->len + 64;
    char *text = allocate(NULL, size);
    if (message->payload)
        snprintf(text, size, "%.*s  %.*s", (int)message->key_len, (const char *)message->key, (int)message->len,
                 (const char *)message->payload);
    else
        snprintf(text, size, "%.*s  (no value: deleted)", (int)message->key_len, (const char *)message->key);
    all->items[all->n++] = (struct message){commit_of(message), message->partition, message->offset, text};
}

static int partitions_of(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, handle, &metadata, WAIT_MS);
    if (err)
        die(topic, rd_kafka_err2str(err));
    int n = metadata->topic_cnt ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return n < PARTITIONS_MAX ? n : PARTITIONS_MAX;
}

static void load_marks(const char *path, int64_t *marks)
{
    FILE *file = fopen(path, "r");
    int partition;
    long long next;
    while (file && fscanf(file, "%d %lld", &partition, &next) == 2)
        if (partition >= 0 && partition < PARTITIONS_MAX)
            marks[partition] = next;
    if (file)
        fclose(file);
}

static void save_marks(const char *path, const int64_t *marks, int n)
{
    FILE *file = fopen(path, "w");
    if (!file)
        die(path, "cannot be written");
    for (int p = 0; p < n; p++)
        fprintf(file, "%d %lld\n", p, (long long)marks[p]);
    fclose(file);
}

/* Reads all partitions to their ends. */
static void read_on(rd_kafka_t *rk, const char *topic, int n, int64_t *marks, struct messages *all)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int p = 0; p < n; p++)
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = marks[p];
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (int open = n; open > 0;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, WAIT_MS);
        if (!message)
            die(topic, "the broker does not answer");
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            open--;
        } else if (message->err) {
            die(topic, rd_kafka_message_errstr(message));
        } else {
            keep(all, message);
            marks[message->partition] = message->offset + 1;
        }
        rd_kafka_message_destroy(message);
    }
}

static int read_topic(const char *broker, const char *topic, const char *marks_path)
{
    int64_t marks[PARTITIONS_MAX] = {0};
    struct messages all = {0};
    load_marks(marks_path, marks);
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, broker);
    int n = partitions_of(rk, topic);
    read_on(rk, topic, n, marks, &all);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    if (all.n)
        qsort(all.items, all.n, sizeof *all.items, by_commit);
    for (size_t i = 0; i < all.n; i++) {
        puts(all.items[i].text);
        free(all.items[i].text);
    }
    free(all.items);
    save_marks(marks_path, marks, n);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "send"))
        return send_file(argv[2], argv[3]);
    if (argc == 5 && !strcmp(argv[1], "read"))
        return read_topic(argv[2], argv[3], argv[4]);
    fprintf(stderr, "usage: demo-topics send BROKER FILE | read BROKER TOPIC MARKS\n");
    return 2;
}
