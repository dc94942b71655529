/* Microseconds per event of a join with its state: auctions (about 205 bytes) and bids (100 to 150 bytes) as Nexmark's
 * q20 has them, 3 : 46; half of the bids on one hot auction, the others over the last hundred.
 *
 *   join_bench [events] [general | append | final] [ram | memory | disk] [limit in MiB] [rows per epoch]
 *
 * general: nothing is known of the inputs; append: both are append-only; final: and the auction id is a key. The
 * generator is not timed; the seals are, and with a store the other threads' CPU time too. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "executor/op.h"

#define COMMIT_ROWS 50000
#define TEXT_POOL   4096

enum { AUCTION_COLS = 7, BID_COLS = 7 };

struct bench {
    struct wr_arena arena, input;
    struct wr_budget budget;
    struct wr_pool pool;
    struct worker worker;
    struct dataflow dataflow;
    struct plan plan, inputs[2];
    struct plan *input_list[2];
    struct op op, out;
    uint32_t epoch_rows;
    uint64_t random, rows_out;
    int64_t checksum;
    int64_t events, auctions, time_us;
    char text[TEXT_POOL + 256];
};

static uint32_t rnd(struct bench *bench, uint32_t n)
{
    bench->random = bench->random * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((bench->random >> 33) % n);
}

static bool out_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct bench *bench = op->impl;
    bench->rows_out += batch->nrows;
    for (uint32_t i = 0; i < batch->nrows; i++)
        bench->checksum += batch->cols[AUCTION_COLS + 2].i64[i];
    return true;
}
static const struct op_class out_class = {.name = "out", .step = out_step};

static const uint8_t auction_types[AUCTION_COLS] = {TYPE_INT8, TYPE_TEXT,      TYPE_TEXT, TYPE_INT8,
                                                    TYPE_INT8, TYPE_TIMESTAMP, TYPE_TEXT};
static const uint8_t bid_types[BID_COLS] = {TYPE_INT8, TYPE_INT8,      TYPE_INT8, TYPE_TEXT,
                                            TYPE_TEXT, TYPE_TIMESTAMP, TYPE_TEXT};

static struct str text(struct bench *bench, uint32_t least, uint32_t spread)
{
    return wr_str(bench->text + rnd(bench, TEXT_POOL), least + (spread ? rnd(bench, spread) : 0));
}

static struct batch *new_batch(struct bench *bench, const uint8_t *ids, uint16_t n, uint32_t rows)
{
    struct type types[8];
    for (uint16_t c = 0; c < n; c++)
        types[c] = TYPE(ids[c]);
    return wr_batch_new(&bench->input, types, n, rows);
}

static struct batch *make_auctions(struct bench *bench, uint32_t n)
{
    struct batch *batch = new_batch(bench, auction_types, AUCTION_COLS, n);
    for (uint32_t i = 0; i < n; i++) {
        batch->cols[0].i64[i] = 1000 + bench->auctions++;
        batch->cols[1].str[i] = text(bench, 12, 10);
        batch->cols[2].str[i] = text(bench, 50, 30);
        batch->cols[3].i64[i] = rnd(bench, 100000);
        batch->cols[4].i64[i] = 10 + rnd(bench, 5);
        batch->cols[5].i64[i] = bench->time_us;
        batch->cols[6].str[i] = text(bench, 60, 30);
    }
    return batch;
}

static struct batch *make_bids(struct bench *bench, uint32_t n)
{
    struct batch *batch = new_batch(bench, bid_types, BID_COLS, n);
    for (uint32_t i = 0; i < n; i++) {
        int64_t last = bench->auctions - 1;
        int64_t id = rnd(bench, 2) ? last / 100 * 100 : last - (int64_t)rnd(bench, 100);
        batch->cols[0].i64[i] = 1000 + WR_MAX(id, 0);
        batch->cols[1].i64[i] = rnd(bench, 100000);
        batch->cols[2].i64[i] = rnd(bench, 10000000);
        batch->cols[3].str[i] = text(bench, 6, 8);
        batch->cols[4].str[i] = text(bench, 30, 20);
        batch->cols[5].i64[i] = bench->time_us++;
        batch->cols[6].str[i] = text(bench, 15, 20);
    }
    return batch;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}
static double thread_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void set_up(struct bench *bench, const char *known, const char *mode, int64_t limit)
{
    static uint16_t keys[1] = {0};
    static struct plan_key unique = {1, keys};
    struct wr_error err = WR_ERROR_INIT;
    wr_budget_init(&bench->budget, limit);
    wr_pool_init(&bench->pool, &bench->budget, "state");
    bench->random = 42;
    for (size_t i = 0; i < sizeof bench->text; i++)
        bench->text[i] = (char)('a' + rnd(bench, 16));
    bench->worker = (struct worker){.count = 1, .state_pool = &bench->pool, .budget = &bench->budget};
    bench->dataflow = (struct dataflow){.object = 1, .worker = &bench->worker};
    struct plan_column *cols = WR_NEW_ARRAY(&bench->arena, struct plan_column, AUCTION_COLS + BID_COLS);
    for (int c = 0; c < AUCTION_COLS; c++)
        cols[c].type = TYPE(auction_types[c]);
    for (int c = 0; c < BID_COLS; c++)
        cols[AUCTION_COLS + c].type = TYPE(bid_types[c]);
    bench->inputs[0] = (struct plan){.kind = PLAN_VALUES, .ncols = AUCTION_COLS, .cols = cols};
    bench->inputs[1] = (struct plan){.kind = PLAN_VALUES, .ncols = BID_COLS, .cols = cols + AUCTION_COLS};
    for (int s = 0; s < 2; s++)
        bench->inputs[s].props.append_only = strcmp(known, "general") != 0;
    if (!strcmp(known, "final")) {
        bench->inputs[0].props.nkeys = 1;
        bench->inputs[0].props.keys = &unique;
    }
    bench->input_list[0] = &bench->inputs[0];
    bench->input_list[1] = &bench->inputs[1];
    bench->plan = (struct plan){.kind = PLAN_JOIN, .ncols = AUCTION_COLS + BID_COLS, .cols = cols, .ninputs = 2};
    bench->plan.nstates = 3;
    bench->plan.inputs = bench->input_list;
    bench->plan.join.type = JOIN_INNER;
    bench->plan.join.nkeys = 1;
    bench->plan.join.left_keys = bench->plan.join.right_keys = keys;
    if (strcmp(mode, "ram") != 0) {
        struct store_options options = {.budget = &bench->budget, .sync = true};
        options.dir = strcmp(mode, "disk") ? NULL : "/tmp/weir-join-bench";
        bench->worker.store = wr_store_open(&options, &err);
        if (!bench->worker.store) {
            fprintf(stderr, "join_bench: %s\n", err.message);
            exit(1);
        }
        bench->worker.commit = wr_commit_begin(bench->worker.store);
    }
    bench->op =
        (struct op){.cls = &op_join, .plan = &bench->plan, .dataflow = &bench->dataflow, .worker = &bench->worker};
    bench->out = (struct op){.cls = &out_class, .dataflow = &bench->dataflow, .worker = &bench->worker, .impl = bench};
    if (!op_join.open(&bench->op, &err)) {
        fprintf(stderr, "join_bench: %s\n", err.message);
        exit(1);
    }
    wr_op_connect(&bench->op, &bench->out, 0);
}

static bool commit(struct bench *bench)
{
    struct worker *worker = &bench->worker;
    if (!worker->store)
        return true;
    TRY(op_join.seal(&bench->op, worker->commit));
    wr_commit_submit(worker->commit, NULL, NULL);
    worker->commit = wr_commit_begin(worker->store);
    return true;
}

/* One epoch; returns the generator's share of the thread's time. */
static bool epoch(struct bench *bench, double *generating)
{
    double from = thread_seconds();
    uint32_t nauctions = 0;
    for (uint32_t i = 0; i < bench->epoch_rows; i++)
        nauctions += bench->events++ % 49 < 3;
    struct batch *auctions = make_auctions(bench, nauctions);
    struct batch *bids = make_bids(bench, bench->epoch_rows - nauctions);
    *generating += thread_seconds() - from;
    TRY(wr_op_step(&bench->op, 0, auctions));
    TRY(wr_op_step(&bench->op, 1, bids));
    wr_arena_reset(&bench->input);
    return true;
}

int main(int argc, char **argv)
{
    int64_t events = argc > 1 ? atoll(argv[1]) : 5000000;
    const char *mode = argc > 3 ? argv[3] : "ram";
    struct bench *bench = calloc(1, sizeof *bench);
    bench->epoch_rows = argc > 5 ? (uint32_t)atoi(argv[5]) : BATCH_ROWS_MAX;
    bench->epoch_rows = WR_MAX(WR_MIN(bench->epoch_rows, BATCH_ROWS_MAX), 1);
    set_up(bench, argc > 2 ? argv[2] : "general", mode, (argc > 4 ? atoll(argv[4]) : 8192) << 20);
    double generating = 0, from = cpu_seconds();
    int64_t done = 0, committed = 0;
    while (done < events) {
        bool ok = epoch(bench, &generating);
        done += bench->epoch_rows;
        if (ok && done - committed >= COMMIT_ROWS) {
            ok = commit(bench);
            committed = done;
        }
        if (!ok) {
            fprintf(stderr, "join_bench: %s\n", bench->worker.error.message);
            return 1;
        }
    }
    if (bench->worker.store) {
        struct wr_error err = WR_ERROR_INIT;
        if (!commit(bench) ||
            !wr_store_wait(bench->worker.store, wr_store_next_commit(bench->worker.store) - 1, &err)) {
            fprintf(stderr, "join_bench: %s\n", err.message);
            return 1;
        }
        wr_store_settle(bench->worker.store);
    }
    double cpu = cpu_seconds() - from - generating;
    struct op_stats stats = bench->op.stats;
    op_join.stats(&bench->op, &stats);
    printf("%lld events, %.3f us each; %lld out (checksum %lld); state %lld rows, %lld MB, %.1f bytes a row; %lld "
           "misses\n",
           (long long)done, cpu / (double)done * 1e6, (long long)bench->rows_out, (long long)bench->checksum,
           (long long)stats.state_rows, (long long)stats.state_bytes >> 20,
           stats.state_rows ? (double)stats.state_bytes / (double)stats.state_rows : 0.0, (long long)stats.misses);
    op_join.close(&bench->op);
    if (bench->worker.store) {
        wr_commit_abandon(bench->worker.commit);
        wr_store_close(bench->worker.store);
    }
    free(bench->op.outs);
    wr_arena_reset(&bench->dataflow.arena);
    wr_arena_reset(&bench->worker.arena);
    wr_arena_reset(&bench->arena);
    free(bench);
    return 0;
}
