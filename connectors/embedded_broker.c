/* The embedded broker: librdkafka's mock cluster in this process, for demos and quick tests.
 *
 * It forgets after about 5 MB per partition, persists nothing, does not hide open transactions and drops offsets
 * committed in them: nothing about exactly-once or volume is proven on it. Topics come into being when a client asks
 * for them. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>

#include "connectors/connector.h"

struct embedded_broker {
    rd_kafka_t *rk; /* owns the cluster's thread and log; never connects to anything */
    rd_kafka_mock_cluster_t *cluster;
};

static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text;
}

bool wr_embedded_broker_start(struct embedded_broker **out, struct wr_error *err)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, no_log);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start the embedded broker: %s", reason);
    }
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, 1);
    if (!cluster) {
        rd_kafka_destroy(rk);
        return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start the embedded broker");
    }
    struct embedded_broker *broker = wr_calloc(1, sizeof *broker);
    broker->rk = rk;
    broker->cluster = cluster;
    *out = broker;
    return true;
}

const char *wr_embedded_broker_bootstrap(const struct embedded_broker *broker)
{
    return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}

void wr_embedded_broker_stop(struct embedded_broker *broker)
{
    if (!broker)
        return;
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->rk);
    free(broker);
}
