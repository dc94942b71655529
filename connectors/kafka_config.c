#include "connectors/kafka_config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "connectors/options.h"

#define PREFIX           "properties."
#define LINES_PER_WINDOW 5
#define WINDOW_NS        5000000000

void wr_kafka_hold(struct kafka_held *held, int64_t bytes)
{
    if (held->pool)
        wr_pool_charge(held->pool, bytes - held->bytes);
    held->bytes = bytes;
}

/* ---- log */

void wr_kafka_log_init(struct kafka_log *log, const char *what, const char *name, void (*sink)(void *, const char *),
                       void *context)
{
    memset(log, 0, sizeof *log);
    log->log = sink;
    log->context = context;
    snprintf(log->name, sizeof log->name, "%s %s", what, name);
    pthread_mutex_init(&log->lock, NULL);
}

void wr_kafka_log_fini(struct kafka_log *log)
{
    pthread_mutex_destroy(&log->lock);
}

void wr_kafka_log_over(struct kafka_log *log)
{
    pthread_mutex_lock(&log->lock);
    log->last[0] = '\0';
    pthread_mutex_unlock(&log->lock);
}

bool wr_kafka_log_last(struct kafka_log *log, char *to, size_t size)
{
    pthread_mutex_lock(&log->lock);
    snprintf(to, size, "%s", log->last);
    pthread_mutex_unlock(&log->lock);
    return *to;
}

void wr_kafka_log(struct kafka_log *log, const char *fmt, ...)
{
    va_list last;
    va_start(last, fmt);
    pthread_mutex_lock(&log->lock);
    vsnprintf(log->last, sizeof log->last, fmt, last);
    pthread_mutex_unlock(&log->lock);
    va_end(last);
    if (!log->log)
        return;
    int64_t now = wr_clock_ns();
    if (now - atomic_load(&log->window_ns) > WINDOW_NS) {
        atomic_store(&log->window_ns, now);
        atomic_store(&log->in_window, 0);
    }
    if (atomic_fetch_add(&log->in_window, 1) >= LINES_PER_WINDOW)
        return;
    char line[1024];
    int len = snprintf(line, sizeof line, "%s: ", log->name);
    va_list args;
    va_start(args, fmt);
    vsnprintf(line + len, sizeof line - (size_t)len, fmt, args);
    va_end(args);
    log->log(log->context, line);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    if (level <= 3)
        wr_kafka_log(rd_kafka_opaque(rk), "kafka: %s: %s", facility, text);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    wr_kafka_log(opaque, "kafka: %s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)code), reason);
}

/* ---- options */

/* Either name; RisingWave still takes the older ones. */
static const char *either(const struct object *object, const char *key, const char *old_key)
{
    const char *value = wr_option_get(object, key);
    return value ? value : wr_option_get(object, old_key);
}

const char *wr_kafka_topic(const struct object *object)
{
    return either(object, "topic", "kafka.topic");
}

const char *wr_kafka_brokers(const struct object *object)
{
    return either(object, PREFIX "bootstrap.server", "kafka.brokers");
}

static const char *const source_options[] = {"connector",
                                             "topic",
                                             "kafka.topic",
                                             "kafka.brokers",
                                             "scan.startup.mode",
                                             "kafka.scan.startup.mode",
                                             "scan.startup.timestamp.millis",
                                             "scan.startup.timestamp_millis",
                                             "kafka.time.offset",
                                             "group.id.prefix",
                                             NULL};
static const char *const sink_options[] = {
    "connector", "topic", "kafka.topic", "kafka.brokers", "primary_key", "type", "force_append_only", "snapshot", NULL};

/* What exactly-once hangs on is not the user's to set. */
static const char *const ours[] = {"isolation.level",
                                   "enable.partition.eof",
                                   "group.id",
                                   "transactional.id",
                                   "auto.offset.reset",
                                   "enable.auto.offset.store",
                                   "enable.idempotence",
                                   "partitioner",
                                   "bootstrap.servers",
                                   "metadata.broker.list",
                                   NULL};

static bool is_ours(const char *property)
{
    for (int i = 0; ours[i]; i++)
        if (!strcmp(ours[i], property))
            return true;
    return false;
}

/* Of RisingWave's own layer over librdkafka: accepted, and without effect here. */
static bool is_risingwaves(const char *property)
{
    return !strcmp(property, "sync.call.timeout") || !strcmp(property, "retry.max") ||
           !strcmp(property, "retry.interval");
}

static bool set_property(rd_kafka_conf_t *conf, const struct object_option *option, struct wr_error *err)
{
    const char *property = option->key + strlen(PREFIX);
    char reason[256];
    if (!strcmp(property, "bootstrap.server") || is_risingwaves(property))
        return true;
    if (is_ours(property))
        return wr_fail(err, ERR_INVALID_PARAMETER, "parameter \"%s\" cannot be set", option->key) ||
               wr_fail_detail(err, "It is chosen so that every message is delivered exactly once.");
    switch (rd_kafka_conf_set(conf, property, option->value, reason, sizeof reason)) {
    case RD_KAFKA_CONF_OK:
        return true;
    case RD_KAFKA_CONF_UNKNOWN:
        return wr_fail(err, ERR_INVALID_PARAMETER, "unrecognized parameter \"%s\" in the WITH clause", option->key);
    default:
        return wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for option \"%s\": \"%s\"", option->key,
                       option->value) ||
               wr_fail_detail(err, "%s.", reason);
    }
}

static bool set_properties(rd_kafka_conf_t *conf, const struct object *object, struct wr_error *err)
{
    for (uint16_t i = 0; i < object->noptions; i++)
        if (!strncmp(object->options[i].key, PREFIX, strlen(PREFIX)))
            TRY(set_property(conf, &object->options[i], err));
    return true;
}

/* Brokers take no other names, and say so again and again. */
static bool topic_check(const char *topic, struct wr_error *err)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (!topic || !*topic)
        return wr_fail(err, ERR_INVALID_PARAMETER, "parameter \"topic\" is required in the WITH clause");
    if (strlen(topic) <= 249 && !topic[strspn(topic, legal)] && strcmp(topic, ".") && strcmp(topic, ".."))
        return true;
    return wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for option \"topic\": \"%s\"", topic) ||
           wr_fail_hint(err, "A topic's name has up to 249 letters, digits, dots, underscores and hyphens.");
}

bool wr_kafka_options_check(const struct object *object, enum kafka_role role, struct wr_error *err)
{
    TRY(wr_options_check(object, role == KAFKA_CONSUMER ? source_options : sink_options, PREFIX, err));
    TRY(topic_check(wr_kafka_topic(object), err));
    if (!wr_kafka_brokers(object) || !*wr_kafka_brokers(object))
        return wr_fail(err, ERR_INVALID_PARAMETER,
                       "parameter \"properties.bootstrap.server\" is required in the WITH clause");
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool done = set_properties(conf, object, err);
    rd_kafka_conf_destroy(conf);
    return done;
}

void wr_kafka_set(rd_kafka_conf_t *conf, const struct object *object, const char *key, const char *value)
{
    char option[128], reason[256];
    snprintf(option, sizeof option, PREFIX "%s", key);
    if (!wr_option_get(object, option))
        rd_kafka_conf_set(conf, key, value, reason, sizeof reason);
}

bool wr_kafka_conf(const struct object *object, enum kafka_role role, const char *embedded_broker,
                   struct kafka_log *log, rd_kafka_conf_t **out, struct wr_error *err)
{
    const char *servers = wr_kafka_brokers(object);
    TRY(wr_kafka_options_check(object, role, err));
    if (!wr_casecmp(servers, KAFKA_EMBEDDED)) {
        if (!embedded_broker)
            return wr_fail(err, ERR_NOT_READY, "there is no embedded broker in this process");
        servers = embedded_broker;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!set_properties(conf, object, err)) {
        rd_kafka_conf_destroy(conf);
        return false;
    }
    char reason[256];
    if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, reason, sizeof reason)) {
        rd_kafka_conf_destroy(conf);
        return wr_fail(err, ERR_INVALID_PARAMETER, "invalid value for option \"properties.bootstrap.server\": \"%s\"",
                       servers);
    }
    wr_kafka_set(conf, object, "client.id", "weir");
    rd_kafka_conf_set_opaque(conf, log);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    *out = conf;
    return true;
}

rd_kafka_t *wr_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct wr_error *err)
{
    char reason[256];
    rd_kafka_t *rk = rd_kafka_new(type, conf, reason, sizeof reason);
    if (rk)
        return rk;
    rd_kafka_conf_destroy(conf);
    wr_fail(err, ERR_INVALID_PARAMETER, "could not make a Kafka %s: %s",
            type == RD_KAFKA_PRODUCER ? "producer" : "consumer", reason);
    return NULL;
}

bool wr_kafka_try(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct wr_error *err)
{
    rd_kafka_conf_set(conf, "bootstrap.servers", NULL, NULL, 0);
    rd_kafka_t *rk = wr_kafka_new(type, conf, err);
    if (rk)
        rd_kafka_destroy(rk);
    return rk;
}
