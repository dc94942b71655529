/* What a row costs the keyed operators, state durable: CPU of all threads per input row, generator excluded.
 *   dedup    top-1 of append-only bids per (bidder, auction), newest first: Nexmark q18
 *   max      max(price) per (auction, category), append-only: the inner aggregate of q4
 *   retract  the same over input that may shrink; one row in eight is a retraction
 *   top10    ten highest bids per auction, append-only: q19
 *   sums     count, sum, avg per auction: q17-like
 *   distinct count(distinct bidder) per auction
 * agg_bench [rows [case [memory limit in MB]]] : default 2000000, all, 4096. */
#include <sys/resource.h>
#include <time.h>

#include "executor/op_harness.h"

enum { B_AUCTION, B_BIDDER, B_PRICE, B_CATEGORY, B_TIME, B_CHANNEL, B_URL, B_EXTRA, B_COUNT };
static const struct type bid_types[B_COUNT] = {{.id = TYPE_INT8}, {.id = TYPE_INT8},      {.id = TYPE_INT8},
                                               {.id = TYPE_INT8}, {.id = TYPE_TIMESTAMP}, {.id = TYPE_TEXT},
                                               {.id = TYPE_TEXT}, {.id = TYPE_TEXT}};

#define CHUNK       4096
#define EPOCH_ROWS  12288
#define COMMIT_ROWS 49152

static uint64_t seed = 88172645463325252ull;
static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double thread_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* Bids as Nexmark makes them: half of them on a hot auction, the others over the last hundred; a new auction every
 * sixteen bids. */
static struct batch *make_bids(struct wr_arena *arena, uint64_t from, uint32_t n, bool retractions)
{
    static char text[4096];
    if (!text[0])
        for (size_t i = 0; i < sizeof(text); i++)
            text[i] = (char)('a' + next_random() % 26);
    struct batch *batch = wr_batch_new(arena, bid_types, B_COUNT, n);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t r = next_random(), last = (from + i) / 16 + 100;
        uint64_t auction = r & 1 ? last / 100 * 100 : last - (r >> 8) % 100;
        batch->cols[B_AUCTION].i64[i] = (int64_t)(1000 + auction);
        batch->cols[B_BIDDER].i64[i] =
            (int64_t)(1000 + ((r >> 20) & 3 ? (last / 100 * 100) : last - (r >> 24) % 1000 % last));
        batch->cols[B_BIDDER].i64[i] += (r >> 40) % 100 < 85 ? (int64_t)(from + i) : 0; /* most pairs are new */
        batch->cols[B_PRICE].i64[i] = (int64_t)(100 + (r >> 33) % 1000000);
        batch->cols[B_CATEGORY].i64[i] = (int64_t)(10 + auction % 5);
        batch->cols[B_TIME].i64[i] = (int64_t)(1700000000000000ull + (from + i) * 100);
        batch->cols[B_CHANNEL].str[i] = wr_str(text + (r >> 12) % 64, 8);
        batch->cols[B_URL].str[i] = wr_str(text + (r >> 16) % 512, 48);
        batch->cols[B_EXTRA].str[i] = wr_str(text + (r >> 18) % 2048, 20 + (r >> 50) % 20);
    }
    if (!retractions)
        return batch;
    int64_t *weights = wr_batch_weights(arena, batch);
    for (uint32_t i = 8; i < n; i += 8) { /* what came a little earlier goes */
        for (uint16_t c = 0; c < B_CHANNEL; c++)
            batch->cols[c].i64[i] = batch->cols[c].i64[i - 5];
        for (uint16_t c = B_CHANNEL; c < B_COUNT; c++)
            batch->cols[c].str[i] = batch->cols[c].str[i - 5];
        weights[i] = -1;
    }
    return batch;
}

/* ---- plans */

static struct plan *topn_plan(struct harness *h, const uint16_t *partition, uint16_t n, uint16_t order, int64_t limit)
{
    struct plan *plan = wr_plan_new(&h->arena, PLAN_TOPN, B_COUNT, 1);
    memcpy(plan->cols, h->scan->cols, B_COUNT * sizeof(*plan->cols));
    plan->topn.npartition = n;
    plan->topn.partition = WR_NEW_ARRAY(&h->arena, uint16_t, n);
    memcpy(plan->topn.partition, partition, n * sizeof(*partition));
    plan->topn.norder = 1;
    plan->topn.order = WR_NEW(&h->arena, struct plan_order);
    *plan->topn.order = (struct plan_order){order, true, true};
    plan->topn.limit = limit;
    return plan;
}

struct bench_agg {
    const char *name;
    int arg;
    bool distinct;
};

static struct plan *agg_plan(struct harness *h, const uint16_t *group, uint16_t ngroup, const struct bench_agg *aggs,
                             uint16_t naggs)
{
    struct plan *plan = wr_plan_new(&h->arena, PLAN_AGGREGATE, ngroup + naggs, 1);
    plan->aggregate.ngroup = ngroup;
    plan->aggregate.grouped = true;
    plan->aggregate.naggs = naggs;
    plan->aggregate.group = WR_NEW_ARRAY(&h->arena, uint16_t, ngroup);
    plan->aggregate.aggs = WR_NEW_ARRAY(&h->arena, struct plan_agg, naggs);
    for (uint16_t i = 0; i < ngroup; i++) {
        plan->aggregate.group[i] = group[i];
        plan->cols[i] = h->scan->cols[group[i]];
    }
    for (uint16_t i = 0; i < naggs; i++) {
        struct wr_error err = WR_ERROR_INIT;
        struct type arg = aggs[i].arg >= 0 ? bid_types[aggs[i].arg] : TYPE(TYPE_UNKNOWN), cast;
        const struct agg *agg = wr_agg_resolve(aggs[i].name, &arg, aggs[i].arg >= 0, &cast, &err);
        struct type result = agg->same_type ? arg : TYPE(agg->result);
        plan->aggregate.aggs[i] = (struct plan_agg){agg, aggs[i].arg, -1, aggs[i].distinct, result};
        plan->cols[ngroup + i] = (struct plan_column){"a", result, true};
    }
    return plan;
}

static struct plan *make_plan(struct harness *h, const char *name)
{
    static const uint16_t pair[] = {B_BIDDER, B_AUCTION}, item[] = {B_AUCTION, B_CATEGORY};
    static const struct bench_agg max[] = {{"max", B_PRICE, false}};
    static const struct bench_agg sums[] = {{"count", -1, false}, {"sum", B_PRICE, false}, {"avg", B_PRICE, false}};
    static const struct bench_agg distinct[] = {{"count", B_BIDDER, true}};
    if (!strcmp(name, "dedup"))
        return topn_plan(h, pair, 2, B_TIME, 1);
    if (!strcmp(name, "top10"))
        return topn_plan(h, item, 1, B_PRICE, 10);
    if (!strcmp(name, "sums"))
        return agg_plan(h, item, 1, sums, WR_COUNT(sums));
    if (!strcmp(name, "distinct"))
        return agg_plan(h, item, 1, distinct, WR_COUNT(distinct));
    return agg_plan(h, item, 2, max, WR_COUNT(max));
}

/* ---- running */

static void run(const char *name, uint64_t rows, const char *dir, int64_t memory)
{
    bool retractions = !strcmp(name, "retract");
    struct harness *h = harness_new(dir, bid_types, B_COUNT, !retractions);
    h->budget.limit_bytes = memory << 20;
    h->counting = true;
    harness_start(h, make_plan(h, name));
    struct wr_arena *arena = &h->worker.arena;
    double made = 0, start = cpu_seconds();
    for (uint64_t from = 0; from < rows; from += CHUNK) {
        struct wr_mark mark = wr_arena_mark(arena);
        double before = thread_seconds();
        struct batch *batch = make_bids(arena, from, CHUNK, retractions);
        made += thread_seconds() - before;
        harness_push(h, batch);
        wr_arena_release(arena, mark);
        if ((from + CHUNK) % EPOCH_ROWS == 0)
            harness_flush(h);
        if ((from + CHUNK) % COMMIT_ROWS == 0)
            harness_commit(h, false);
    }
    double stepped = cpu_seconds();
    harness_flush(h);
    harness_commit(h, true);
    wr_store_settle(h->worker.store);
    double end = cpu_seconds();
    struct op_stats stats = {0};
    harness_op(h)->cls->stats(harness_op(h), &stats);
    printf("%-9s %.3f us/row (%.3f before settling), operator %.3f; out %.2f per row; state %lld rows, %.0f bytes "
           "each; peak %lld MB\n",
           name, (end - start - made) / (double)rows * 1e6, (stepped - start - made) / (double)rows * 1e6,
           (double)harness_op(h)->stats.time_ns / (double)rows / 1e3, (double)h->rows_out / (double)rows,
           (long long)stats.state_rows, stats.state_rows ? (double)stats.state_bytes / (double)stats.state_rows : 0.0,
           (long long)(atomic_load(&h->pool.peak_bytes) >> 20));
    fflush(stdout);
    harness_free(h);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"dedup", "max", "retract", "top10", "sums", "distinct"};
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
    char dir[] = "/tmp/weir-agg-bench-XXXXXX", sub[64], command[64];
    if (!mkdtemp(dir))
        return 1;
    for (unsigned i = 0; i < WR_COUNT(names); i++) {
        if (argc > 2 && strcmp(argv[2], names[i]) && strcmp(argv[2], "all"))
            continue;
        snprintf(sub, sizeof(sub), "%s/%s", dir, names[i]);
        run(names[i], rows, sub, argc > 3 ? atoll(argv[3]) : 4096);
    }
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) != 0;
}
