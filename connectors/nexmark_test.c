/* The Nexmark source: the sequence is a function of the event number alone, however it is cut; options are checked. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "connectors/connector.h"
#include "connectors/nexmark_events.h"
#include "tests/check.h"

static struct object_column bid_cols[] = {
    {1, "auction", {.id = TYPE_INT8}, false, false, NULL}, {2, "bidder", {.id = TYPE_INT8}, false, false, NULL},
    {3, "price", {.id = TYPE_INT8}, false, false, NULL},   {4, "channel", {.id = TYPE_TEXT}, false, false, NULL},
    {5, "url", {.id = TYPE_TEXT}, false, false, NULL},     {6, "dateTime", {.id = TYPE_TIMESTAMP}, false, false, NULL},
    {7, "extra", {.id = TYPE_TEXT}, false, false, NULL},   {8, "_row_id", {.id = TYPE_INT8}, true, true, NULL},
};
static struct object_column auction_cols[] = {
    {1, "id", {.id = TYPE_INT4}, false, false, NULL},
    {2, "category", {.id = TYPE_INT8}, false, false, NULL},
    {3, "expires", {.id = TYPE_TIMESTAMP}, false, false, NULL},
    {4, "date_time", {.id = TYPE_TIMESTAMP}, false, false, NULL},
    {5, "item_name", {.id = TYPE_TEXT}, false, false, NULL},
};
static struct object_column person_cols[] = {
    {1, "id", {.id = TYPE_INT8}, false, false, NULL},
    {2, "state", {.id = TYPE_TEXT}, false, false, NULL},
    {3, "email_address", {.id = TYPE_TEXT}, false, false, NULL},
};

static struct object object_of(struct object_column *cols, uint16_t ncols, struct object_option *options, uint16_t n)
{
    return (struct object){.name = "t", .ncols = ncols, .cols = cols, .options = options, .noptions = n};
}

static struct source_chunk *wait_chunk(const struct source_class *class, struct source *source)
{
    for (int i = 0; i < 20000; i++) {
        struct source_chunk *chunk = class->poll(source);
        if (chunk)
            return chunk;
        usleep(500);
    }
    return NULL;
}

static uint64_t hash_rows(uint64_t h, const struct changes *changes)
{
    const struct batch *batch = &changes->rows;
    for (uint32_t i = 0; i < batch->nrows; i++) {
        for (uint16_t c = 0; c < batch->ncols; c++) {
            const struct column *col = &batch->cols[c];
            if (col->type.id == TYPE_TEXT)
                for (uint32_t k = 0; k < col->str[i].len; k++)
                    h = (h ^ (uint8_t)col->str[i].data[k]) * 0x100000001b3u;
            else
                h = (h ^ (uint64_t)(col->type.id == TYPE_INT4 ? col->i32[i] : col->i64[i])) * 0x100000001b3u;
        }
    }
    return h;
}

/* Read events [from, end of the sequence) and return a hash of all rows. */
static uint64_t run(struct object *object, int64_t from, int64_t stop_at, uint64_t h, int64_t *rows, int64_t *stopped)
{
    const struct source_class *class = wr_source_class("nexmark");
    struct partition_offset at = {0, from, -1};
    struct source_config config = {.object = object, .queue_bytes_max = 1 << 20, .npartitions = 1, .partitions = &at};
    struct source *source;
    struct wr_error err = WR_ERROR_INIT;
    if (!class->open(&config, &source, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 0;
    }
    while (!class->caught_up(source, &err)) {
        struct source_chunk *chunk = wait_chunk(class, source);
        if (!chunk)
            break;
        h = hash_rows(h, &chunk->changes);
        *rows += chunk->changes.rows.nrows;
        *stopped = chunk->partitions[0].next;
        bool block_end = chunk->block_end;
        CHECK(!block_end || *stopped % 40000 == 0 || class->caught_up(source, &err));
        wr_source_chunk_free(chunk);
        if (*stopped >= stop_at)
            break;
    }
    class->close(source);
    return h;
}

static void test_sequence(struct object_column *cols, uint16_t ncols, const char *table, int64_t want_rows)
{
    struct object_option options[] = {
        {"connector", "nexmark"}, {"nexmark.table.type", table}, {"nexmark.event.num", "100000"}};
    struct object object = object_of(cols, ncols, options, 3);
    int64_t rows = 0, end = 0;
    uint64_t all = run(&object, 0, INT64_MAX, 1, &rows, &end);
    CHECK_INT(rows, want_rows);
    CHECK_INT(end, 100000);
    /* The same in two runs with a break, and with other chunk sizes. */
    rows = 0;
    uint64_t first = run(&object, 0, 30000, 1, &rows, &end);
    CHECK(end < 100000 || want_rows < 10000);
    uint64_t rest = end < 100000 ? run(&object, end, INT64_MAX, first, &rows, &end) : first;
    CHECK_INT(rows, want_rows);
    CHECK(rest == all);
    struct object_option small[] = {options[0], options[1], options[2], {"nexmark.max.chunk.size", "77"}};
    struct object cut = object_of(cols, ncols, small, 4);
    rows = 0;
    CHECK(run(&cut, 0, INT64_MAX, 1, &rows, &end) == all);
}

static void test_joins(void)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct type types[] = {TYPE(TYPE_INT8), TYPE(TYPE_INT8), TYPE(TYPE_TIMESTAMP)};
    struct batch *bids = wr_batch_new(&arena, types, 3, 4096);
    struct column *cols[NEXMARK_FIELDS_MAX] = {
        [BID_AUCTION] = &bids->cols[0], [BID_PRICE] = &bids->cols[1], [BID_DATE_TIME] = &bids->cols[2]};
    int64_t next, hot = 0;
    uint32_t n = wr_nexmark_fill(&wr_nexmark_defaults, NEXMARK_BID, 500000, 600000, 4096, &arena, cols, &next);
    CHECK_INT(n, 4096);
    for (uint32_t i = 0; i < n; i++) {
        int64_t newest = 1000 + (500000 + i * 50 / 46) / 50 * 3;
        CHECK(bids->cols[0].i64[i] > newest - 250 && bids->cols[0].i64[i] < newest + 260);
        CHECK(bids->cols[1].i64[i] >= 100 && bids->cols[1].i64[i] <= 100000000);
        hot += bids->cols[0].i64[i] % 100 == 0;
    }
    CHECK(hot > 1900 && hot < 2300);
    CHECK_INT(bids->cols[2].i64[0], (1436918400000 + 500004 / 10) * 1000);
    wr_arena_reset(&arena);
}

static void refused(struct object_option *options, uint16_t n, const char *sqlstate, const char *message)
{
    struct object object = object_of(bid_cols, 8, options, n);
    struct wr_error err = WR_ERROR_INIT;
    CHECK(!wr_source_class("nexmark")->check(&object, &err));
    CHECK_STR(err.sqlstate, sqlstate);
    CHECK_STR(err.message, message);
}

static void test_options(void)
{
    struct object_option none[] = {{"connector", "nexmark"}};
    refused(none, 1, "22023", "parameter \"nexmark.table.type\" is required in the WITH clause");
    struct object_option typo[] = {{"nexmark.table.type", "Bid"}, {"nexmark.event.numb", "1"}};
    refused(typo, 2, "22023", "unrecognized parameter \"nexmark.event.numb\" in the WITH clause");
    struct object_option bad[] = {{"nexmark.table.type", "Bid"}, {"nexmark.event.num", "many"}};
    refused(bad, 2, "22023", "invalid value for integer option \"nexmark.event.num\": \"many\"");
    struct object_option person[] = {{"nexmark.table.type", "Person"}};
    refused(person, 1, "42703", "the nexmark source has no field \"auction\"");
    struct object_option real_time[] = {{"nexmark.table.type", "Bid"}, {"nexmark.use.real.time", "true"}};
    refused(real_time, 2, "0A000", "value \"true\" of option \"nexmark.use.real.time\" is not supported");
    struct wr_error err = WR_ERROR_INIT;
    struct object_column wrong[] = {{1, "auction", {.id = TYPE_TEXT}, false, false, NULL}};
    struct object object = object_of(wrong, 1, typo, 1);
    CHECK(!wr_source_class("nexmark")->check(&object, &err));
    CHECK_STR(err.sqlstate, "42804");
}

/* Not a test of speed, a figure: ns per event of the whole sequence, per source. */
static void measure(struct object_column *cols, uint16_t ncols, const char *table)
{
    struct object_option options[] = {{"nexmark.table.type", table}, {"nexmark.event.num", "4000000"}};
    struct object object = object_of(cols, ncols, options, 2);
    struct partition_offset at = {0, 0, -1};
    struct source_config config = {.object = &object, .queue_bytes_max = 1 << 20, .npartitions = 1, .partitions = &at};
    struct source *source;
    struct wr_error err = WR_ERROR_INIT;
    const struct source_class *class = wr_source_class("nexmark");
    CHECK(class->open(&config, &source, &err));
    while (!class->caught_up(source, &err))
        wr_source_chunk_free(wait_chunk(class, source));
    printf("%s: %.1f ns/event\n", table, (double)class->cpu_ns(source) / 4000000);
    class->close(source);
}

int main(void)
{
    test_sequence(bid_cols, 8, "Bid", 92000);
    test_sequence(auction_cols, 5, "Auction", 6000);
    test_sequence(person_cols, 3, "Person", 2000);
    test_joins();
    test_options();
    if (getenv("WEIR_MEASURE")) {
        measure(bid_cols, 8, "Bid");
        measure(auction_cols, 5, "Auction");
        measure(person_cols, 3, "Person");
    }
    return check_report("nexmark");
}
