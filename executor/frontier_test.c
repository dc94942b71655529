/* Frontiers travel as far as they say something (C10): each operator alone, then a union, then two workers. */
#include "executor/op_exchange.h"
#include "executor/op_harness.h"

struct seen {
    int n;
    struct frontier last[8];
};

static bool note(struct op *op, unsigned port, const struct frontier *frontier)
{
    struct seen *seen = op->impl;
    seen->last[seen->n++ & 7] = *frontier;
    return true;
}
static bool ignore(struct op *op, unsigned port, const struct batch *batch)
{
    return true;
}
static const struct op_class op_note = {.name = "note", .step = ignore, .advance = note};

struct fixture {
    struct wr_budget budget;
    struct wr_pool pool;
    struct wr_arena arena;
    struct worker workers[2];
    struct dataflow *flows[2];
    struct seen seen[2];
};

static void fixture_init(struct fixture *f, uint32_t workers)
{
    memset(f, 0, sizeof *f);
    wr_budget_init(&f->budget, 64 << 20);
    wr_pool_init(&f->pool, &f->budget, "state");
    wr_arena_init(&f->arena, NULL);
    struct exchange_registry *exchanges = workers > 1 ? wr_exchange_registry_new(workers, false) : NULL;
    for (uint32_t w = 0; w < workers; w++) {
        f->workers[w] = (struct worker){
            .index = w, .count = workers, .state_pool = &f->pool, .budget = &f->budget, .exchanges = exchanges};
        wr_arena_init(&f->workers[w].arena, NULL);
    }
}

static struct plan *node(struct fixture *f, enum plan_kind kind, uint16_t ncols, struct plan *input)
{
    struct plan *plan = wr_plan_new(&f->arena, kind, ncols, input ? 1 : 0);
    for (uint16_t c = 0; c < ncols; c++)
        plan->cols[c] = (struct plan_column){.name = "c", .type = TYPE(TYPE_INT8), .nullable = true};
    if (input)
        plan->inputs[0] = input;
    return plan;
}

static struct plan *scan(struct fixture *f, uint16_t ncols)
{
    struct plan *plan = node(f, PLAN_SCAN, ncols, NULL);
    plan->scan.columns = WR_NEW_ARRAY(&f->arena, uint16_t, ncols);
    for (uint16_t c = 0; c < ncols; c++)
        plan->scan.columns[c] = (uint16_t)(ncols - 1 - c); /* turned round */
    return plan;
}

static uint16_t *columns(struct fixture *f, uint16_t a)
{
    uint16_t *columns = WR_NEW_ARRAY(&f->arena, uint16_t, 1);
    columns[0] = a;
    return columns;
}

static void start(struct fixture *f, struct plan *plan, uint32_t workers)
{
    static const struct io_settings io;
    struct wr_error err = WR_ERROR_INIT;
    for (uint32_t w = 0; w < workers; w++) {
        f->flows[w] = wr_dataflow_new(&f->workers[w], 1, plan, &io, &err);
        CHECK_STR(err.sqlstate, "");
        struct op *end = wr_dataflow_append(f->flows[w], &op_note, plan, &f->seen[w], &err);
        CHECK(end != NULL);
    }
}

static void finish(struct fixture *f)
{
    for (int w = 0; w < 2; w++) {
        wr_dataflow_free(f->flows[w]);
        wr_arena_reset(&f->workers[w].arena);
    }
    wr_exchange_registry_free(f->workers[0].exchanges);
    wr_arena_reset(&f->arena);
}

/* What comes out of scan (two columns, turned round) -> plan for a frontier of the relation's column. */
static void advance(struct fixture *f, int w, unsigned scan_no, uint16_t column, int64_t at)
{
    CHECK(wr_op_advance(f->flows[w]->scans[scan_no], 0, &(struct frontier){column, at}));
}

#define CHECK_SEEN(f, w, count, of, value)                                 \
    do {                                                                   \
        CHECK_INT((f)->seen[w].n, (count));                                \
        const struct frontier *end_ = &(f)->seen[w].last[((count)-1) & 7]; \
        CHECK_INT(end_->column, (of));                                     \
        CHECK_INT(end_->at, (value));                                      \
    } while (0)

static void test_aggregate(void)
{
    struct fixture f;
    fixture_init(&f, 1);
    struct plan *distinct = node(&f, PLAN_DISTINCT, 2, scan(&f, 2));
    distinct->nstates = wr_plan_state_count(distinct);
    struct plan *group = node(&f, PLAN_AGGREGATE, 1, distinct);
    group->aggregate.ngroup = 1;
    group->aggregate.grouped = true;
    group->aggregate.group = columns(&f, 1);
    start(&f, group, 1);
    advance(&f, 0, 0, 1, 100); /* column 0 of the scan: not in the group */
    CHECK_INT(f.seen[0].n, 0);
    advance(&f, 0, 0, 0, 100);
    CHECK_SEEN(&f, 0, 1, 0, 100);
    finish(&f);
}

static void test_topn(void)
{
    struct fixture f;
    fixture_init(&f, 1);
    struct plan *topn = node(&f, PLAN_TOPN, 2, scan(&f, 2));
    topn->topn.npartition = 1;
    topn->topn.partition = columns(&f, 1);
    topn->topn.limit = 3;
    start(&f, topn, 1);
    advance(&f, 0, 0, 1, 5);
    CHECK_INT(f.seen[0].n, 0);
    advance(&f, 0, 0, 0, 5);
    CHECK_SEEN(&f, 0, 1, 1, 5);
    finish(&f);
}

static void test_join(void)
{
    struct fixture f;
    fixture_init(&f, 1);
    struct plan *join = wr_plan_new(&f.arena, PLAN_JOIN, 4, 2);
    for (uint16_t c = 0; c < 4; c++)
        join->cols[c] = (struct plan_column){.name = "c", .type = TYPE(TYPE_INT8), .nullable = true};
    join->inputs[0] = scan(&f, 2);
    join->inputs[1] = scan(&f, 2);
    join->join.nkeys = 1;
    join->join.left_keys = columns(&f, 0);
    join->join.right_keys = columns(&f, 1);
    start(&f, join, 1);
    /* scans stand right side first: 0 = right, 1 = left */
    advance(&f, 0, 1, 0, 7); /* not a key */
    advance(&f, 0, 1, 1, 7); /* the left key: the right one has not come */
    CHECK_INT(f.seen[0].n, 0);
    advance(&f, 0, 0, 0, 4);
    CHECK_SEEN(&f, 0, 2, 3, 4); /* both columns, as far as the slower side */
    CHECK_INT(f.seen[0].last[0].column, 0);
    advance(&f, 0, 0, 0, 9);
    CHECK_SEEN(&f, 0, 4, 3, 7);
    finish(&f);
}

static void test_union(void)
{
    struct fixture f;
    fixture_init(&f, 1);
    struct plan *all = wr_plan_new(&f.arena, PLAN_UNION, 1, 2);
    all->cols[0] = (struct plan_column){.name = "c", .type = TYPE(TYPE_INT8), .nullable = true};
    all->inputs[0] = scan(&f, 1);
    all->inputs[1] = scan(&f, 1);
    start(&f, all, 1);
    advance(&f, 0, 0, 0, 3);
    CHECK_INT(f.seen[0].n, 0);
    advance(&f, 0, 1, 0, 2);
    CHECK_SEEN(&f, 0, 1, 0, 2);
    advance(&f, 0, 1, 0, 1); /* a promise is not taken back */
    CHECK_INT(f.seen[0].n, 1);
    advance(&f, 0, 1, 0, 10);
    CHECK_SEEN(&f, 0, 2, 0, 3);
    finish(&f);
}

static void test_exchange(void)
{
    struct fixture f;
    fixture_init(&f, 2);
    struct plan *exchange = node(&f, PLAN_EXCHANGE, 1, scan(&f, 1));
    exchange->id = 1;
    exchange->exchange.nkeys = 1;
    exchange->exchange.keys = columns(&f, 0);
    start(&f, exchange, 2);
    for (int round = 1; round <= 2; round++) {
        advance(&f, 0, 0, 0, 10 * round);
        if (round == 2)
            advance(&f, 1, 0, 0, 15);
        for (int w = 0; w < 2; w++)
            CHECK(wr_dataflow_flush(f.flows[w]));
        if (round == 1)
            CHECK_INT(f.seen[0].n + f.seen[1].n, 0);
    }
    CHECK_SEEN(&f, 0, 1, 0, 15);
    CHECK_SEEN(&f, 1, 1, 0, 15);
    finish(&f);
}

int main(void)
{
    test_aggregate();
    test_topn();
    test_join();
    test_union();
    test_exchange();
    return check_report("frontier");
}
