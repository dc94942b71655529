/* What the clients of brokers may hold: each source and sink has one of its own, however many there are. */
#include "connectors/options.h"
#include "engine/engine.h"

#define QUEUES_SHARE  8 /* of the limit: decoded rows of all sources, waiting for the engine */
#define CLIENTS_SHARE 4 /* of the limit: messages that the clients hold */

int64_t wr_source_queues_max(weir_db *db)
{
    return db->budget.limit_bytes / QUEUES_SHARE;
}

int64_t wr_source_queue_max(weir_db *db)
{
    return WR_MIN(db->budget.limit_bytes / 16, QUEUE_BYTES_MAX);
}

void wr_client_share(weir_db *db)
{
    int64_t clients = 0;
    for (size_t i = 0; i < wr_catalog_count(db->catalog); i++)
        clients += wr_option_get(wr_catalog_at(db->catalog, i), "connector") != NULL;
    int64_t share = db->budget.limit_bytes / CLIENTS_SHARE / WR_MAX(clients, 1);
    atomic_store(&db->client_bytes_max, WR_MIN(share, wr_source_queue_max(db)));
}
