/* Kafka source and sink against each other: on the embedded broker, and with WEIR_KAFKA=host:port on a real one, where
 * transactions, markers and fencing are tested too (tests/kafka/stack.sh up). WEIR_KAFKA_STACK=tests/kafka/stack.sh
 * also kills that broker in between. */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "connectors/connector.h"
#include "tests/check.h"
#include "types/row.h"

static const struct io_settings utc = {NULL};
static const char *bootstrap;
static char run_name[64];

static void log_line(void *context, const char *line)
{
    (void)context;
    if (getenv("WEIR_VERBOSE"))
        fprintf(stderr, "log: %s\n", line);
}

/* ---- a sink over (id bigint, name text, at timestamp) with key id */

#define NCOLS 3
static const char *const names[NCOLS] = {"id", "name", "at"};
static const struct type types[NCOLS] = {{.id = TYPE_INT8}, {.id = TYPE_TEXT}, {.id = TYPE_TIMESTAMP}};
static const uint16_t key[] = {0};

struct fixture {
    struct wr_arena arena;
    struct object_option options[8];
    struct object object;
    struct sink_config config;
};

static void fixture_init(struct fixture *f, const char *name, const char *topic, const char *format)
{
    memset(f, 0, sizeof *f);
    wr_arena_init(&f->arena, NULL);
    f->options[0] = (struct object_option){"connector", "kafka"};
    f->options[1] = (struct object_option){"topic", wr_arena_printf(&f->arena, "%s-%s", run_name, topic)};
    f->options[2] = (struct object_option){"properties.bootstrap.server", bootstrap ? bootstrap : "embedded"};
    f->object = (struct object){.id = 7,
                                .name = wr_arena_strdup(&f->arena, name),
                                .options = f->options,
                                .noptions = 3,
                                .format = format,
                                .encode = "JSON"};
    f->config = (struct sink_config){.object = &f->object,
                                     .ncols = NCOLS,
                                     .names = names,
                                     .types = types,
                                     .nkey = 1,
                                     .key = key,
                                     .layout = wr_row_layout_new(&f->arena, types, NCOLS),
                                     .io = &utc,
                                     .instance = run_name,
                                     .log = log_line};
}

static struct sink_change change(struct fixture *f, char op, int64_t id, const char *name)
{
    struct batch *batch = wr_batch_new(&f->arena, types, NCOLS, 1);
    batch->cols[0].i64[0] = id;
    batch->cols[1].str[0] = wr_str_of(name);
    batch->cols[2].i64[0] = 1767323045678901;
    char *row;
    uint32_t size;
    wr_row_encode_all(&f->arena, f->config.layout, batch, NULL, &row, &size);
    return (struct sink_change){.op = op, .row = row, .row_len = size};
}

static bool deliver(struct sink *sink, uint64_t commit, const struct sink_change *changes, uint32_t n)
{
    struct wr_error err = WR_ERROR_INIT;
    atomic_bool stop = false;
    if (wr_sink_class("kafka")->deliver(sink, commit, commit * 10, changes, n, &stop, &err))
        return true;
    fprintf(stderr, "deliver: %s\n", err.message);
    return false;
}

static struct sink *open_sink(struct fixture *f, uint64_t committed, uint64_t *last, uint64_t *floor,
                              struct wr_error *err)
{
    struct sink *sink;
    const struct sink_class *class = wr_sink_class("kafka");
    wr_error_clear(err);
    if (!class->open(&f->config, &sink, err))
        return NULL;
    if (class->recover(sink, committed, last, floor, err))
        return sink;
    class->close(sink);
    return NULL;
}

/* ---- a source that reads the topic back */

static struct object_column columns[] = {
    {1, "id", {.id = TYPE_INT8}, true, false, NULL},         {2, "name", {.id = TYPE_TEXT}, false, false, NULL},
    {3, "at", {.id = TYPE_TIMESTAMP}, false, false, NULL},   {4, "__version", {.id = TYPE_INT8}, false, false, NULL},
    {5, "__deleted", {.id = TYPE_INT8}, false, false, NULL},
};
static uint16_t pk[] = {0};

struct read_back {
    int rows, deletes, dead;
    int64_t id_sum, version_max;
    struct partition_offset offsets[16];
    uint32_t noffsets;
    char last_name[64];
    int64_t last_at;
};

static void remember(struct read_back *out, const struct source_chunk *chunk)
{
    const struct batch *rows = &chunk->changes.rows;
    for (uint32_t i = 0; i < rows->nrows; i++) {
        out->rows++;
        out->id_sum += rows->cols[0].i64[i];
        bool deleted = chunk->changes.ops && chunk->changes.ops[i] == CHANGE_DELETE;
        if (!wr_is_null(&rows->cols[4], i) && rows->cols[4].i64[i])
            deleted = true;
        out->deletes += deleted;
        if (!wr_is_null(&rows->cols[3], i) && rows->cols[3].i64[i] > out->version_max)
            out->version_max = rows->cols[3].i64[i];
        if (!wr_is_null(&rows->cols[1], i))
            snprintf(out->last_name, sizeof out->last_name, "%.*s", (int)rows->cols[1].str[i].len,
                     rows->cols[1].str[i].data);
        if (!wr_is_null(&rows->cols[2], i))
            out->last_at = rows->cols[2].i64[i];
    }
    out->dead += (int)chunk->ndead;
    for (uint32_t p = 0; p < chunk->npartitions; p++) {
        uint32_t k = 0;
        while (k < out->noffsets && out->offsets[k].partition != chunk->partitions[p].partition)
            k++;
        if (k == out->noffsets)
            out->noffsets++;
        out->offsets[k] = chunk->partitions[p];
    }
}

static const struct read_back *stop_at; /* a bounded read, up to where this one had got */

/* Read until caught up (and at least `want` rows, for a few seconds). from: where to go on, NULL = start. */
static struct read_back read_topic(struct fixture *f, const char *format, const struct read_back *from, int want,
                                   const char *startup)
{
    const struct source_class *class = wr_source_class("kafka");
    struct read_back out = {0};
    struct object_option options[8];
    memcpy(options, f->options, sizeof options);
    options[3] = (struct object_option){"scan.startup.mode", startup};
    struct object object = {.id = 9,
                            .name = "back",
                            .ncols = 5,
                            .cols = columns,
                            .npk = 1,
                            .pk = pk,
                            .options = options,
                            .noptions = 4,
                            .format = format,
                            .encode = "JSON"};
    struct source_config config = {
        .object = &object, .queue_bytes_max = 1 << 20, .embedded_broker = f->config.embedded_broker, .log = log_line};
    if (from) {
        config.npartitions = from->noffsets;
        config.partitions = from->offsets;
    }
    if (stop_at) {
        config.nstop = stop_at->noffsets;
        config.stop = stop_at->offsets;
    }
    struct source *source;
    struct wr_error err = WR_ERROR_INIT;
    if (!class->open(&config, &source, &err)) {
        fprintf(stderr, "open source: %s\n", err.message);
        return out;
    }
    for (int i = 0; i < 3000 && !(class->caught_up(source, &err) && out.rows >= want); i++) {
        struct source_chunk *chunk = class->poll(source);
        if (!chunk) {
            usleep(5000);
            continue;
        }
        remember(&out, chunk);
        wr_source_chunk_free(chunk);
    }
    CHECK(class->caught_up(source, &err));
    struct partition_offset positions[16];
    uint32_t n = class->positions(source, positions, 16);
    CHECK(n > 0);
    class->close(source);
    return out;
}

/* ---- tests */

static void test_round_trip(struct fixture *f)
{
    struct wr_error err = WR_ERROR_INIT;
    uint64_t last, floor;
    struct sink *sink = open_sink(f, 0, &last, &floor, &err);
    CHECK(sink);
    if (!sink) {
        fprintf(stderr, "%s\n", err.message);
        return;
    }
    CHECK_INT(last, 0);
    struct sink_change first[] = {change(f, 'c', 1, "ann"), change(f, 'c', 2, "b\"o\nb"), change(f, 'c', 3, "")};
    CHECK(deliver(sink, 1, first, 3));
    struct sink_change second[] = {change(f, 'u', 1, "ann2"), change(f, 'd', 2, "b")};
    CHECK(deliver(sink, 2, second, 2));
    wr_sink_class("kafka")->close(sink);
    struct read_back all = read_topic(f, "PLAIN", NULL, 5, "earliest");
    CHECK_INT(all.rows, 5);
    CHECK_INT(all.deletes, 1);
    CHECK_INT(all.dead, 0);
    CHECK_INT(all.id_sum, 1 + 2 + 3 + 1 + 2);
    CHECK_INT(all.version_max, 20);
    CHECK_INT(all.last_at, 1767323045678901);
    /* Going on where it stopped: nothing more, and one row after one more commit. */
    CHECK_INT(read_topic(f, "PLAIN", &all, 0, "earliest").rows, 0);
    sink = open_sink(f, 2, &last, &floor, &err);
    CHECK(sink);
    CHECK_INT(last, 2);
    CHECK(floor >= 20);
    struct sink_change third[] = {change(f, 'c', 50, "later")};
    CHECK(deliver(sink, 3, third, 1));
    wr_sink_class("kafka")->close(sink);
    struct read_back more = read_topic(f, "PLAIN", &all, 1, "earliest");
    CHECK_INT(more.rows, 1);
    CHECK_INT(more.id_sum, 50);
    CHECK_STR(more.last_name, "later");
    /* A view made over a running source reads up to where that is, and nothing of partitions not read yet. */
    const struct read_back nowhere = {0};
    stop_at = &all;
    CHECK_INT(read_topic(f, "PLAIN", NULL, 5, "earliest").rows, 5);
    stop_at = &nowhere;
    CHECK_INT(read_topic(f, "PLAIN", NULL, 0, "earliest").rows, 0);
    stop_at = NULL;
}

/* A directory restored from before: the topic is ahead of it. */
static void test_newer_marker(struct fixture *f)
{
    struct wr_error err = WR_ERROR_INIT;
    uint64_t last, floor;
    CHECK(!open_sink(f, 2, &last, &floor, &err));
    CHECK_STR(err.sqlstate, "55000");
}

/* Another instance starts its versions above what is there. */
static void test_foreign_topic(struct fixture *f)
{
    struct wr_error err = WR_ERROR_INIT;
    uint64_t last, floor;
    char other[80];
    snprintf(other, sizeof other, "%s-other", run_name);
    f->config.instance = other;
    struct sink *sink = open_sink(f, 0, &last, &floor, &err);
    CHECK(sink);
    if (sink) {
        CHECK_INT(last, 0);
        CHECK_INT(floor, 30);
        wr_sink_class("kafka")->close(sink);
    }
    f->config.instance = run_name;
}

static void test_upsert(const char *embedded)
{
    struct fixture f;
    fixture_init(&f, "ups", "upsert", "UPSERT");
    f.config.embedded_broker = embedded;
    struct wr_error err = WR_ERROR_INIT;
    uint64_t last, floor;
    struct sink *sink = open_sink(&f, 0, &last, &floor, &err);
    CHECK(sink);
    if (!sink)
        return;
    struct sink_change changes[] = {change(&f, 'c', 1, "a"), change(&f, 'c', 2, "b"), change(&f, 'd', 1, "a")};
    CHECK(deliver(sink, 1, changes, 3));
    wr_sink_class("kafka")->close(sink);
    struct read_back all = read_topic(&f, "UPSERT", NULL, 3, "earliest");
    CHECK_INT(all.rows, 3);
    CHECK_INT(all.deletes, 1);
    CHECK_INT(all.dead, 0);
    wr_arena_reset(&f.arena);
}

/* Two sinks with one identity: the second fences the first, whose next delivery must not pass as its own. */
static void test_fencing(struct fixture *f)
{
    struct wr_error err = WR_ERROR_INIT;
    uint64_t last, floor;
    struct sink *one = open_sink(f, 3, &last, &floor, &err), *two = open_sink(f, 3, &last, &floor, &err);
    struct sink_change row[] = {change(f, 'c', 60, "two")};
    CHECK(one && two);
    if (!one || !two)
        return;
    CHECK(deliver(two, 4, row, 1));
    atomic_bool stop = false;
    CHECK(!wr_sink_class("kafka")->deliver(one, 4, 40, row, 1, &stop, &err));
    CHECK_STR(err.sqlstate, "55000");
    wr_sink_class("kafka")->close(one);
    wr_sink_class("kafka")->close(two);
}

/* A transaction left open is not seen, and the next life of the sink ends it. */
static void test_many(struct fixture *f)
{
    struct wr_error err = WR_ERROR_INIT;
    uint64_t last, floor;
    struct sink *sink = open_sink(f, 4, &last, &floor, &err);
    CHECK(sink);
    if (!sink)
        return;
    uint32_t n = bootstrap ? 200000 : 5000;
    struct sink_change *changes = wr_malloc(n * sizeof *changes);
    for (uint32_t i = 0; i < n; i++)
        changes[i] = change(f, 'c', 1000 + i, "a name that is not very long");
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    CHECK(deliver(sink, 5, changes, n));
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%u messages in one transaction: %.0f ms\n", n,
           (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
    for (uint64_t c = 6; c < 16; c++) {
        clock_gettime(CLOCK_MONOTONIC, &a);
        CHECK(deliver(sink, c, changes, 1));
        clock_gettime(CLOCK_MONOTONIC, &b);
    }
    printf("one message: %.1f ms\n", (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
    wr_sink_class("kafka")->close(sink);
    clock_gettime(CLOCK_MONOTONIC, &a);
    struct read_back all = read_topic(f, "PLAIN", NULL, (int)n, "earliest");
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("read back: %.0f ms\n", (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6);
    if (bootstrap)
        CHECK_INT(all.rows, (int)n + 10 + 7);
    CHECK_INT(all.version_max, 150);
    CHECK_INT(all.dead, 0);
    free(changes);
    struct read_back latest = read_topic(f, "PLAIN", NULL, 0, "latest");
    CHECK_INT(latest.rows, 0);
}

/* kill -9 at a named point of a delivery, in a process of its own; then what the next life finds and does. */
static void crash_at(struct fixture *f, const char *point, uint64_t commit, const struct sink_change *row)
{
    struct wr_error err = WR_ERROR_INIT;
    uint64_t last, floor;
    pid_t child = fork();
    if (!child) {
        setenv("WEIR_FAILPOINT", point, 1);
        struct sink *sink = wr_failpoint_init() ? open_sink(f, commit, &last, &floor, &err) : NULL;
        if (sink)
            deliver(sink, commit, row, 1);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_crash(void)
{
    static const struct {
        const char *point;
        bool delivered;
    } points[] = {{"before-send", false}, {"after-send", false}, {"transaction-end", true}};
    struct fixture f;
    fixture_init(&f, "crash", "crash", "CHANGELOG");
    for (uint64_t i = 0; i < WR_COUNT(points); i++) {
        struct wr_error err = WR_ERROR_INIT;
        uint64_t commit = i + 1, last = 99, floor;
        struct sink_change row[] = {change(&f, 'c', (int64_t)(1000 + i), "x")};
        crash_at(&f, points[i].point, commit, row);
        struct sink *sink = open_sink(&f, commit, &last, &floor, &err);
        CHECK(sink);
        if (!sink)
            continue;
        CHECK_INT(last, points[i].delivered ? commit : commit - 1);
        if (last < commit)
            CHECK(deliver(sink, commit, row, 1));
        wr_sink_class("kafka")->close(sink);
    }
    struct read_back all = read_topic(&f, "PLAIN", NULL, 3, "earliest");
    CHECK_INT(all.rows, 3); /* each once, whatever was sent before the kill */
    CHECK_INT(all.id_sum, 3003);
    wr_arena_reset(&f.arena);
}

/* The broker killed and started again while commits are delivered and read: nothing is lost or doubled. */
static void test_broker_killed(const char *stack)
{
    struct fixture f;
    struct wr_error err = WR_ERROR_INIT;
    uint64_t last, floor;
    char command[512];
    fixture_init(&f, "killed", "killed", "CHANGELOG");
    struct sink *sink = open_sink(&f, 0, &last, &floor, &err);
    CHECK(sink);
    if (!sink)
        return;
    snprintf(command, sizeof command, "(sleep 0.3; %s kill; sleep 1; %s up) >/dev/null 2>&1 &", stack, stack);
    CHECK_INT(system(command), 0);
    struct read_back all = {0};
    for (uint64_t commit = 1; commit <= 40; commit++) {
        struct sink_change rows[50];
        for (int i = 0; i < 50; i++)
            rows[i] = change(&f, 'c', (int64_t)commit * 100 + i, "while the broker goes away");
        CHECK(deliver(sink, commit, rows, 50));
        usleep(20000);
    }
    wr_sink_class("kafka")->close(sink);
    all = read_topic(&f, "PLAIN", NULL, 2000, "earliest");
    CHECK_INT(all.rows, 2000);
    CHECK_INT(all.id_sum, 50ll * 100 * (40 * 41 / 2) + 40ll * (49 * 50 / 2));
    wr_arena_reset(&f.arena);
}

/* Larger than the client's queue is by default, and allowed: sent, or refused by the broker, but not waited for. */
static void test_large(const char *embedded)
{
    struct fixture f;
    struct wr_error err = WR_ERROR_INIT;
    uint64_t last, floor;
    fixture_init(&f, "large", "large", "CHANGELOG");
    f.config.embedded_broker = embedded;
    f.options[f.object.noptions++] = (struct object_option){"properties.message.max.bytes", "40000000"};
    char *text = wr_malloc(20000001);
    memset(text, 'x', 20000000);
    text[20000000] = '\0';
    struct sink *sink = open_sink(&f, 0, &last, &floor, &err);
    CHECK(sink);
    struct sink_change row[] = {change(&f, 'c', 1, text)};
    atomic_bool stop = false;
    bool delivered = sink && wr_sink_class("kafka")->deliver(sink, 1, 10, row, 1, &stop, &err);
    CHECK(delivered || !strcmp(err.sqlstate, "54000"));
    if (sink)
        wr_sink_class("kafka")->close(sink);
    /* A queue that is too small by the user's own word says so. */
    f.options[f.object.noptions++] = (struct object_option){"properties.queue.buffering.max.kbytes", "4096"};
    sink = open_sink(&f, 1, &last, &floor, &err);
    CHECK(sink && !wr_sink_class("kafka")->deliver(sink, 2, 20, row, 1, &stop, &err));
    CHECK_STR(err.sqlstate, "54000");
    CHECK(strstr(err.message, "properties.queue.buffering.max.kbytes"));
    if (sink)
        wr_sink_class("kafka")->close(sink);
    free(text);
    wr_arena_reset(&f.arena);
}

static void test_options(void)
{
    struct fixture f;
    struct wr_error err = WR_ERROR_INIT;
    fixture_init(&f, "opt", "options", "CHANGELOG");
    f.object.noptions = 4;
    f.options[3] = (struct object_option){"properties.no.such.thing", "1"};
    CHECK(!wr_sink_class("kafka")->check(&f.object, &err));
    CHECK_STR(err.message, "unrecognized parameter \"properties.no.such.thing\" in the WITH clause");
    f.options[3] = (struct object_option){"properties.socket.timeout.ms", "soon"};
    CHECK(!wr_sink_class("kafka")->check(&f.object, &err));
    CHECK_STR(err.message, "invalid value for option \"properties.socket.timeout.ms\": \"soon\"");
    f.options[3] = (struct object_option){"properties.transactional.id", "x"};
    CHECK(!wr_sink_class("kafka")->check(&f.object, &err));
    CHECK_STR(err.message, "parameter \"properties.transactional.id\" cannot be set");
    f.options[3] = (struct object_option){"scan.startup.mode", "earliest"};
    CHECK(!wr_sink_class("kafka")->check(&f.object, &err));
    f.options[3] = (struct object_option){"properties.security.protocol", "plaintext"};
    CHECK(wr_sink_class("kafka")->check(&f.object, &err));
    /* Only librdkafka itself knows what goes together. */
    f.options[3] = (struct object_option){"properties.transaction.timeout.ms", "5000"};
    CHECK(wr_sink_class("kafka")->check(&f.object, &err));
    f.options[3] = (struct object_option){"properties.message.timeout.ms", "400000"};
    CHECK(!wr_sink_class("kafka")->check(&f.object, &err));
    CHECK_STR(err.sqlstate, "22023");
    f.options[3] = (struct object_option){"properties.acks", "0"};
    CHECK(!wr_sink_class("kafka")->check(&f.object, &err));
    CHECK_STR(err.message,
              "could not make a Kafka producer: `acks` must be set to `all` when `enable.idempotence` is true");
    f.options[3] = (struct object_option){"properties.fetch.max.bytes", "1"};
    CHECK(!wr_sink_class("kafka")->check(&f.object, &err));
    CHECK_STR(err.message, "could not make a Kafka consumer: `fetch.max.bytes` must be >= `message.max.bytes`");
    f.options[3] = (struct object_option){"properties.security.protocol", "plaintext"};
    f.object.format = "AVRO";
    CHECK(!wr_sink_class("kafka")->check(&f.object, &err));
    CHECK_STR(err.sqlstate, "0A000");
    struct object source = {.id = 1,
                            .name = "s",
                            .ncols = 5,
                            .cols = columns,
                            .npk = 1,
                            .pk = pk,
                            .options = f.options,
                            .noptions = 4,
                            .format = "DEBEZIUM",
                            .encode = "JSON"};
    CHECK(wr_source_class("kafka")->check(&source, &err));
    f.options[3] = (struct object_option){"scan.startup.mode", "sometime"};
    CHECK(!wr_source_class("kafka")->check(&source, &err));
    CHECK_STR(err.detail, "Valid values are \"earliest\", \"latest\".");
    wr_arena_reset(&f.arena);
}

int main(void)
{
    struct wr_error err = WR_ERROR_INIT;
    struct embedded_broker *broker = NULL;
    snprintf(run_name, sizeof run_name, "t%ld-%d", (long)time(NULL), (int)getpid());
    bootstrap = getenv("WEIR_KAFKA");
    test_options();
    if (bootstrap)
        test_crash(); /* first: it forks */
    if (bootstrap && getenv("WEIR_KAFKA_STACK"))
        test_broker_killed(getenv("WEIR_KAFKA_STACK"));
    CHECK(bootstrap || wr_embedded_broker_start(&broker, &err));
    const char *embedded = broker ? wr_embedded_broker_bootstrap(broker) : NULL;
    struct fixture f;
    fixture_init(&f, "out", "changelog", "CHANGELOG");
    f.config.embedded_broker = embedded;
    test_round_trip(&f);
    test_newer_marker(&f);
    test_foreign_topic(&f);
    if (bootstrap)
        test_fencing(&f);
    else
        printf("SKIP fencing and kill -9: needs a real broker (tests/kafka/stack.sh up; WEIR_KAFKA=127.0.0.1:19092)\n");
    test_many(&f);
    test_upsert(embedded);
    test_large(embedded);
    wr_arena_reset(&f.arena);
    wr_embedded_broker_stop(broker);
    return check_report("kafka");
}
