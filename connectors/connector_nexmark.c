/* connector = 'nexmark': the Nexmark generator as a source. One thread per source; the offset is the event number, in
 * one partition. Sources over the same settings are views of one event sequence: they mark the end of a block
 * (block_end) at the same event numbers. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/thread.h"
#include "connectors/connectors.h"
#include "connectors/nexmark_events.h"
#include "connectors/options.h"
#include "connectors/source_queue.h"

#define BLOCK_EVENTS_DEFAULT 40000
#define PACE_DEFAULT_NS      100000 /* RisingWave's, when nothing ends the sequence */

struct source {
    struct source_config config;
    struct source_queue queue;
    struct nexmark_settings settings;
    enum nexmark_table table;
    int64_t event_num; /* INT64_MAX: no end */
    int64_t block_events, chunk_rows, gap_ns;
    int64_t start;                    /* first event of this run */
    int field_of[NEXMARK_FIELDS_MAX]; /* column of each field, -1 not wanted */
    uint16_t ncols;
    struct type *types;
    pthread_t thread;
    atomic_llong cpu_ns, handed_out;
};

struct setting {
    const char *key;
    size_t offset;
    int64_t min;
};
#define SETTING(name, field, least)                                      \
    {                                                                    \
        "nexmark." name, offsetof(struct nexmark_settings, field), least \
    }
static const struct setting settings[] = {
    SETTING("person.proportion", person_proportion, 1),   SETTING("auction.proportion", auction_proportion, 1),
    SETTING("bid.proportion", bid_proportion, 1),         SETTING("active.people", active_people, 1),
    SETTING("in.flight.auctions", in_flight_auctions, 1), SETTING("person.id.lead", person_id_lead, 0),
    SETTING("auction.id.lead", auction_id_lead, 0),       SETTING("hot.auction.ratio", hot_auction_ratio, 1),
    SETTING("hot.seller.ratio", hot_seller_ratio, 1),     SETTING("hot.bidder.ratio", hot_bidder_ratio, 1),
    SETTING("hot.channel.ratio", hot_channel_ratio, 1),   SETTING("hot.auction.ratio.2", hot_auction_group, 1),
    SETTING("hot.seller.ratio.2", hot_seller_group, 1),   SETTING("hot.bidder.ratio.2", hot_bidder_group, 1),
    SETTING("first.person.id", first_person_id, 0),       SETTING("first.auction.id", first_auction_id, 0),
    SETTING("first.category.id", first_category_id, 0),   SETTING("num.categories", categories, 1),
    SETTING("avg.person.byte.size", person_bytes, 0),     SETTING("avg.auction.byte.size", auction_bytes, 0),
    SETTING("avg.bid.byte.size", bid_bytes, 0),           SETTING("base.time", base_time_ms, 0),
    SETTING("first.rate", events_per_second, 1),
};

static bool known_options(const struct object *object, struct wr_error *err)
{
    const char *known[WR_COUNT(settings) + 12] = {"connector",
                                                  "nexmark.table.type",
                                                  "nexmark.event.num",
                                                  "nexmark.split.num",
                                                  "nexmark.use.real.time",
                                                  "nexmark.max.chunk.size",
                                                  "nexmark.min.event.gap.in.ns",
                                                  "nexmark.block.events",
                                                  "nexmark.out.of.order.group.size",
                                                  "nexmark.next.rate"};
    size_t n = 0;
    while (known[n])
        n++;
    for (size_t i = 0; i < WR_COUNT(settings); i++)
        known[n++] = settings[i].key;
    return wr_options_check(object, known, NULL, err);
}

/* Options of RisingWave's that would change the sequence in a way we do not make. */
static bool refuse_unsupported(const struct object *object, struct wr_error *err)
{
    const char *real_time = wr_option_get(object, "nexmark.use.real.time");
    bool wanted = false;
    TRY(wr_option_bool("nexmark.use.real.time", real_time, &wanted, err));
    int64_t group = 1, rate = wr_nexmark_defaults.events_per_second, next_rate;
    TRY(wr_option_integer(object, "nexmark.out.of.order.group.size", 1, INT32_MAX, &group, err));
    TRY(wr_option_integer(object, "nexmark.first.rate", 1, INT32_MAX, &rate, err));
    next_rate = rate;
    TRY(wr_option_integer(object, "nexmark.next.rate", 1, INT32_MAX, &next_rate, err));
    const char *what = wanted              ? "nexmark.use.real.time"
                       : group != 1        ? "nexmark.out.of.order.group.size"
                       : next_rate != rate ? "nexmark.next.rate"
                                           : NULL;
    if (what)
        return wr_fail(err, ERR_FEATURE_NOT_SUPPORTED, "value \"%s\" of option \"%s\" is not supported",
                       wr_option_get(object, what), what);
    return true;
}

static bool read_options(struct source *source, const struct object *object, struct wr_error *err)
{
    TRY(known_options(object, err));
    TRY(refuse_unsupported(object, err));
    static const char *const tables[] = {"Person", "Auction", "Bid", NULL};
    const char *table;
    int index;
    TRY(wr_option_required(object, "nexmark.table.type", &table, err));
    TRY(wr_option_choice("nexmark.table.type", table, tables, &index, err));
    source->table = (enum nexmark_table)index;
    source->settings = wr_nexmark_defaults;
    for (size_t i = 0; i < WR_COUNT(settings); i++)
        TRY(wr_option_integer(object, settings[i].key, settings[i].min, (int64_t)1 << 52,
                              (int64_t *)((char *)&source->settings + settings[i].offset), err));
    int64_t splits = 1, event_num = -1;
    TRY(wr_option_integer(object, "nexmark.event.num", -1, INT64_MAX, &event_num, err));
    TRY(wr_option_integer(object, "nexmark.split.num", 1, INT32_MAX, &splits, err));
    source->event_num = event_num < 0 ? INT64_MAX : event_num;
    source->gap_ns = event_num < 0 ? PACE_DEFAULT_NS : 0;
    source->block_events = BLOCK_EVENTS_DEFAULT;
    source->chunk_rows = BATCH_ROWS_MAX;
    TRY(wr_option_integer(object, "nexmark.min.event.gap.in.ns", 0, INT32_MAX, &source->gap_ns, err));
    TRY(wr_option_integer(object, "nexmark.block.events", 1, INT32_MAX, &source->block_events, err));
    TRY(wr_option_integer(object, "nexmark.max.chunk.size", 1, INT32_MAX, &source->chunk_rows, err));
    source->chunk_rows = WR_MIN(source->chunk_rows, BATCH_ROWS_MAX);
    return true;
}

static bool type_fits(uint8_t field, uint8_t column)
{
    if (field == TYPE_INT8)
        return column == TYPE_INT8 || column == TYPE_INT4;
    if (field == TYPE_TIMESTAMP)
        return column == TYPE_TIMESTAMP || column == TYPE_TIMESTAMPTZ;
    return column == field;
}

static bool bind_column(struct source *source, const struct object_column *column, int index, struct wr_error *err)
{
    const struct nexmark_field *fields = wr_nexmark_fields(source->table);
    for (int f = 0; fields[f].name; f++) {
        if (wr_casecmp(column->name, fields[f].name) &&
            (!fields[f].flink_name || wr_casecmp(column->name, fields[f].flink_name)))
            continue;
        if (source->field_of[f] >= 0)
            return wr_fail(err, ERR_DUPLICATE_COLUMN, "column \"%s\" repeats a field of the nexmark source",
                           column->name);
        if (!type_fits(fields[f].type, column->type.id))
            return wr_fail(err, ERR_DATATYPE_MISMATCH, "column \"%s\" of a nexmark source must be of type %s",
                           column->name, wr_type_info(fields[f].type)->name);
        source->field_of[f] = index;
        return true;
    }
    wr_fail(err, ERR_UNDEFINED_COLUMN, "the nexmark source has no field \"%s\"", column->name);
    return wr_fail_hint(err, "The fields are those of nexmark.table.type; see docs/formats.md.");
}

static bool bind_columns(struct source *source, const struct object *object, struct wr_error *err)
{
    for (int f = 0; f < NEXMARK_FIELDS_MAX; f++)
        source->field_of[f] = -1;
    for (uint16_t i = 0; i < object->ncols; i++)
        if (!object->cols[i].hidden)
            TRY(bind_column(source, &object->cols[i], source->ncols++, err));
    return true;
}

static bool nexmark_check(const struct object *object, struct wr_error *err)
{
    struct source source = {.ncols = 0};
    TRY(read_options(&source, object, err));
    return bind_columns(&source, object, err);
}

/* ---- the thread */

static struct source_chunk *make_chunk(struct source *source, int64_t from)
{
    int64_t block_end = (from / source->block_events + 1) * source->block_events, next;
    int64_t to = WR_MIN(block_end, source->event_num);
    struct source_chunk *chunk = wr_calloc(1, sizeof *chunk);
    wr_arena_init(&chunk->arena, source->config.pool);
    /* A bound on the rows of [from, to): people and auctions are rare, and their chunks should not be as wide as bids'.
     */
    const struct nexmark_settings *set = &source->settings;
    int64_t cycle = set->person_proportion + set->auction_proportion + set->bid_proportion;
    int64_t share = source->table == NEXMARK_PERSON    ? set->person_proportion
                    : source->table == NEXMARK_AUCTION ? set->auction_proportion
                                                       : set->bid_proportion;
    int64_t rows = WR_MIN(((to - from) / cycle + 2) * share, source->chunk_rows);
    struct batch *batch = wr_batch_new(&chunk->arena, source->types, source->ncols, (uint32_t)rows);
    struct column *cols[NEXMARK_FIELDS_MAX];
    for (int f = 0; f < NEXMARK_FIELDS_MAX; f++)
        cols[f] = source->field_of[f] < 0 ? NULL : &batch->cols[source->field_of[f]];
    batch->nrows = wr_nexmark_fill(set, source->table, from, to, (uint32_t)rows, &chunk->arena, cols, &next);
    chunk->changes.rows = *batch;
    chunk->npartitions = 1;
    chunk->partitions = WR_NEW(&chunk->arena, struct partition_offset);
    *chunk->partitions = (struct partition_offset){0, next, source->event_num};
    chunk->block_end = next == to;
    chunk->bytes = (int64_t)batch->nrows * (source->table == NEXMARK_PERSON    ? set->person_bytes
                                            : source->table == NEXMARK_AUCTION ? set->auction_bytes
                                                                               : set->bid_bytes);
    return chunk;
}

/* With a gap the clock says how far the sequence may be; blocks then shrink to what a tenth of a second brings. */
static bool pace(struct source *source, int64_t started, int64_t next)
{
    if (!source->gap_ns)
        return true;
    int64_t due = started + (next - source->start) * source->gap_ns, now = wr_clock_ns();
    return due <= now || wr_source_queue_sleep(&source->queue, due - now);
}

static void *generate(void *arg)
{
    struct source *source = arg;
    int64_t next = source->start, started = wr_clock_ns();
    while (next < source->event_num) {
        struct source_chunk *chunk = make_chunk(source, next);
        next = chunk->partitions[0].next;
        atomic_store(&source->cpu_ns, wr_thread_cpu_ns());
        if (!pace(source, started, next)) {
            wr_source_chunk_free(chunk);
            break;
        }
        if (!wr_source_queue_push(&source->queue, chunk))
            break;
    }
    return NULL;
}

static bool nexmark_open(const struct source_config *config, struct source **out, struct wr_error *err)
{
    struct source *source = wr_calloc(1, sizeof *source);
    source->config = *config;
    if (!read_options(source, config->object, err) || !bind_columns(source, config->object, err)) {
        free(source);
        return false;
    }
    if (source->gap_ns) /* a paced source hands out small blocks: ten a second */
        source->block_events = WR_MAX(WR_MIN(source->block_events, 100000000 / source->gap_ns), 1);
    source->types = wr_calloc(WR_MAX(source->ncols, 1), sizeof *source->types);
    for (uint16_t i = 0; i < source->ncols; i++)
        source->types[i] = config->object->cols[i].type;
    for (uint32_t i = 0; i < config->npartitions; i++)
        if (config->partitions[i].partition == 0)
            source->start = WR_MAX(config->partitions[i].next, 0);
    if (config->stop) /* a bounded read: the sequence ends there */
        source->event_num = WR_MIN(source->event_num, config->nstop ? config->stop[0].next : 0);
    atomic_store(&source->handed_out, source->start);
    wr_source_queue_init(&source->queue, config);
    if (!wr_thread_start(&source->thread, generate, source, false)) {
        wr_source_queue_fini(&source->queue);
        free(source->types);
        free(source);
        return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start the thread of a nexmark source");
    }
    *out = source;
    return true;
}

static struct source_chunk *nexmark_poll(struct source *source)
{
    struct source_chunk *chunk = wr_source_queue_pop(&source->queue);
    if (chunk)
        atomic_store(&source->handed_out, chunk->partitions[0].next);
    return chunk;
}

static uint32_t nexmark_positions(struct source *source, struct partition_offset *positions, uint32_t max)
{
    if (max < 1)
        return 0;
    int64_t end = source->event_num == INT64_MAX ? -1 : source->event_num;
    positions[0] = (struct partition_offset){0, atomic_load(&source->handed_out), end};
    return 1;
}

/* A sequence without end was "empty when opened". */
static bool nexmark_caught_up(struct source *source, struct wr_error *err)
{
    (void)err;
    return source->event_num == INT64_MAX || atomic_load(&source->handed_out) >= source->event_num;
}

static int64_t nexmark_cpu_ns(struct source *source)
{
    return atomic_load(&source->cpu_ns);
}

static void nexmark_close(struct source *source)
{
    wr_source_queue_close(&source->queue);
    pthread_join(source->thread, NULL);
    wr_source_queue_fini(&source->queue);
    free(source->types);
    free(source);
}

const struct source_class wr_source_nexmark = {
    .connector = "nexmark",
    .in_step = true,
    .check = nexmark_check,
    .open = nexmark_open,
    .poll = nexmark_poll,
    .positions = nexmark_positions,
    .caught_up = nexmark_caught_up,
    .cpu_ns = nexmark_cpu_ns,
    .close = nexmark_close,
};
