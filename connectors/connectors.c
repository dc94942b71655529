/* The registries of connectors, and what all their chunks have in common. */
#include <stdlib.h>
#include <string.h>

#include "connectors/connectors.h"

static const struct source_class *const sources[] = {&wr_source_kafka, &wr_source_nexmark};
static const struct sink_class *const sinks[] = {&wr_sink_kafka, &wr_sink_blackhole};

const struct source_class *wr_source_class(const char *connector)
{
    for (size_t i = 0; i < WR_COUNT(sources); i++)
        if (!strcmp(sources[i]->connector, connector))
            return sources[i];
    return NULL;
}

const struct sink_class *wr_sink_class(const char *connector)
{
    for (size_t i = 0; i < WR_COUNT(sinks); i++)
        if (!strcmp(sinks[i]->connector, connector))
            return sinks[i];
    return NULL;
}

void wr_source_chunk_free(struct source_chunk *chunk)
{
    if (!chunk)
        return;
    wr_arena_reset(&chunk->arena);
    free(chunk);
}
