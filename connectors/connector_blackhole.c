/* The blackhole sink: takes every change and keeps nothing. For measuring. */
#include <stdlib.h>

#include "connectors/connectors.h"
#include "connectors/options.h"

struct sink {
    char unused;
};

static bool blackhole_check(const struct object *object, struct wr_error *err)
{
    static const char *const known[] = {"connector", "type", "primary_key", "force_append_only", "snapshot", NULL};
    return wr_options_check(object, known, NULL, err);
}

static bool blackhole_open(const struct sink_config *config, struct sink **sink, struct wr_error *err)
{
    (void)config, (void)err;
    *sink = wr_calloc(1, sizeof **sink);
    return true;
}

static bool blackhole_recover(struct sink *sink, uint64_t committed, uint64_t *last_commit, uint64_t *version_floor,
                              struct wr_error *err)
{
    (void)sink, (void)err;
    *last_commit = committed; /* nothing is owed */
    *version_floor = 0;
    return true;
}

static bool blackhole_deliver(struct sink *sink, uint64_t commit, uint64_t version, const struct sink_change *changes,
                              uint32_t n, const atomic_bool *stop, struct wr_error *err)
{
    (void)sink, (void)commit, (void)version, (void)changes, (void)n, (void)stop, (void)err;
    return true;
}

static void blackhole_close(struct sink *sink)
{
    free(sink);
}

const struct sink_class wr_sink_blackhole = {
    .connector = "blackhole",
    .needs_log = false,
    .check = blackhole_check,
    .open = blackhole_open,
    .recover = blackhole_recover,
    .deliver = blackhole_deliver,
    .close = blackhole_close,
};
