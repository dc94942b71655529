/* The join against a naive one: random chunks of inserts and retractions on both sides, all kinds, with and without
 * extra condition, NULLs, weights, failing conditions; over no trace, a store in memory and one on disk; with seals,
 * relieves and restarts at random moments. Rows come from a small domain, so a bag is an array of weights. */
#include <stdlib.h>
#include <unistd.h>

#include "executor/op.h"
#include "functions/test_build.h"
#include "tests/check.h"

/* ---- the domain: key NULL, 0..4; number NULL, 0..6; text of 3 */

#define KEYS     6
#define NUMBERS  8
#define TEXTS    3
#define ROWS     (KEYS * NUMBERS * TEXTS)
#define NO_RIGHT ROWS
#define NO_LEFT  ROWS

static const char *const texts[TEXTS] = {"", "short", "a text that is rather longer than the others, to fill chunks"};

static int row_key(int row) /* -1: NULL */
{
    return row % KEYS - 1;
}
static int row_number(int row)
{
    return row / KEYS % NUMBERS - 1;
}

static uint64_t seed;
static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((seed >> 33) % n);
}

/* ---- one join under test */

enum condition { NONE, LESS, DIVIDE };
enum store_mode { NO_STORE, IN_MEMORY, ON_DISK };

struct setup {
    const char *name;
    enum join_type type;
    enum condition condition;
    bool nulls_equal, null_aware, one_shot;
    bool keyless;        /* every row may meet every other */
    bool final[2];       /* that side is append-only with the key unique */
    bool append_only[2]; /* only that */
    enum store_mode store;
    int64_t limit;
};

struct rig {
    struct setup setup;
    struct build build;
    struct plan plan, inputs[2];
    struct plan *input_list[2];
    struct dataflow dataflow;
    struct worker worker;
    struct wr_budget budget;
    struct wr_pool pool;
    struct op op, out;
    char dir[64];
    int64_t bag[2][ROWS];
    int64_t got[ROWS + 1][ROWS + 1]; /* by left and right row */
    int64_t got_errors;
    bool saw_negative;
};

static int id_of(const struct column *cols, uint32_t row)
{
    int key = wr_is_null(&cols[0], row) ? 0 : cols[0].i32[row] + 1;
    int number = wr_is_null(&cols[1], row) ? 0 : (int)cols[1].i64[row] + 1;
    for (int t = 0; t < TEXTS; t++)
        if (cols[2].str[row].len == strlen(texts[t]) && !memcmp(cols[2].str[row].data, texts[t], strlen(texts[t])))
            return (t * NUMBERS + number) * KEYS + key;
    CHECK(!"a known text");
    return 0;
}

static bool out_step(struct op *op, unsigned port, const struct batch *batch)
{
    struct rig *rig = op->impl;
    CHECK(batch->nrows <= BATCH_ROWS_MAX);
    for (uint32_t i = 0; i < batch->nrows; i++) {
        int left = wr_is_null(&batch->cols[2], i) ? NO_LEFT : id_of(batch->cols, i), right = NO_RIGHT;
        if (batch->ncols == 6 && !wr_is_null(&batch->cols[5], i))
            right = id_of(batch->cols + 3, i);
        rig->got[left][right] += wr_weight(batch, i);
        rig->saw_negative |= wr_weight(batch, i) < 0;
    }
    return true;
}
static const struct op_class out_class = {.name = "out", .step = out_step};

static bool on_errors(struct worker *worker, struct op *op, const struct batch *batch, const struct eval_errors *errors)
{
    struct rig *rig = worker->context;
    for (uint32_t i = 0; i < errors->n; i++) {
        CHECK_STR(errors->items[i].sqlstate, "22012");
        rig->got_errors += wr_weight(batch, errors->items[i].row);
    }
    return true;
}

static struct expr *condition_of(struct build *b, enum condition condition)
{
    struct expr *a = build_col(b, 1, TYPE_INT8), *c = build_col(b, 4, TYPE_INT8);
    if (condition == LESS)
        return build_call(b, "<", a, c);
    if (condition == DIVIDE)
        return build_call(b, ">", build_call(b, "/", build_int8(b, 100), build_call(b, "-", a, c)), build_int8(b, 0));
    return NULL;
}

static bool op_start(struct rig *rig)
{
    struct wr_error err = WR_ERROR_INIT;
    memset(&rig->op, 0, sizeof rig->op);
    rig->op = (struct op){.cls = &op_join, .plan = &rig->plan, .dataflow = &rig->dataflow, .worker = &rig->worker};
    rig->out = (struct op){.cls = &out_class, .dataflow = &rig->dataflow, .worker = &rig->worker, .impl = rig};
    wr_arena_init(&rig->dataflow.arena, NULL);
    bool ok = op_join.open(&rig->op, &err);
    CHECK(ok);
    wr_op_connect(&rig->op, &rig->out, 0);
    return ok;
}

static void op_stop(struct rig *rig)
{
    op_join.close(&rig->op);
    wr_arena_reset(&rig->dataflow.arena);
    free(rig->op.outs);
    CHECK_INT(atomic_load(&rig->pool.used_bytes), 0);
}

static void store_start(struct rig *rig)
{
    struct wr_error err = WR_ERROR_INIT;
    if (rig->setup.store == NO_STORE)
        return;
    struct store_options options = {.budget = &rig->budget, .checkpoint_bytes = 64 << 10};
    if (rig->setup.store == ON_DISK)
        options.dir = rig->dir;
    rig->worker.store = wr_store_open(&options, &err);
    if (!rig->worker.store) {
        fprintf(stderr, "%s %s\n", err.sqlstate, err.message);
        exit(1);
    }
    rig->worker.commit = wr_commit_begin(rig->worker.store);
}

static struct rig *rig_new(const struct setup *setup)
{
    static uint16_t keys[1] = {0};
    struct rig *rig = calloc(1, sizeof *rig);
    rig->setup = *setup;
    wr_arena_init(&rig->build.arena, NULL);
    wr_budget_init(&rig->budget, setup->limit ? setup->limit : (int64_t)256 << 20);
    wr_pool_init(&rig->pool, &rig->budget, "state");
    rig->worker =
        (struct worker){.count = 1, .state_pool = &rig->pool, .budget = &rig->budget, .one_shot = setup->one_shot};
    rig->worker.query_limit_bytes = INT64_MAX;
    rig->worker.on_eval_errors = on_errors;
    rig->worker.context = rig;
    wr_arena_init(&rig->worker.arena, NULL);
    rig->dataflow = (struct dataflow){.object = 1, .worker = &rig->worker};
    struct plan_column *cols = WR_NEW_ARRAY(&rig->build.arena, struct plan_column, 6);
    for (int c = 0; c < 6; c++)
        cols[c].type = TYPE(c % 3 == 0 ? TYPE_INT4 : c % 3 == 1 ? TYPE_INT8 : TYPE_TEXT);
    static struct plan_key unique = {1, keys};
    for (int s = 0; s < 2; s++) {
        rig->inputs[s] = (struct plan){.kind = PLAN_VALUES, .ncols = 3, .cols = cols + 3 * s};
        rig->inputs[s].props.append_only = setup->final[s] || setup->append_only[s];
        rig->inputs[s].props.nkeys = setup->final[s];
        rig->inputs[s].props.keys = &unique;
        rig->input_list[s] = &rig->inputs[s];
    }
    bool wide = setup->type != JOIN_SEMI && setup->type != JOIN_ANTI;
    rig->plan = (struct plan){.kind = PLAN_JOIN, .ncols = wide ? 6 : 3, .cols = cols, .ninputs = 2, .nstates = 3};
    rig->plan.inputs = rig->input_list;
    rig->plan.join.type = setup->type;
    rig->plan.join.nkeys = !setup->keyless;
    rig->plan.join.left_keys = rig->plan.join.right_keys = keys;
    rig->plan.join.nulls_equal = setup->nulls_equal;
    rig->plan.join.null_aware = setup->null_aware;
    rig->plan.join.condition = condition_of(&rig->build, setup->condition);
    snprintf(rig->dir, sizeof rig->dir, "/tmp/weir-join-test-%d", (int)getpid());
    store_start(rig);
    op_start(rig);
    return rig;
}

static void rig_free(struct rig *rig)
{
    op_stop(rig);
    if (rig->worker.store) {
        wr_commit_abandon(rig->worker.commit);
        wr_store_close(rig->worker.store);
    }
    if (rig->setup.store == ON_DISK) {
        char command[128];
        snprintf(command, sizeof command, "rm -rf %s", rig->dir);
        CHECK(!system(command));
    }
    wr_arena_reset(&rig->worker.arena);
    wr_arena_reset(&rig->build.arena);
    free(rig);
}

/* ---- what must come out */

static bool keys_match(const struct setup *setup, int l, int r)
{
    if (setup->keyless)
        return true;
    if (row_key(l) < 0 || row_key(r) < 0)
        return setup->nulls_equal && row_key(l) == row_key(r);
    return row_key(l) == row_key(r);
}

static bool condition_holds(const struct setup *setup, int l, int r, bool *error)
{
    int a = row_number(l), b = row_number(r);
    *error = false;
    if (setup->condition == NONE)
        return true;
    if (a < 0 || b < 0)
        return false;
    if (setup->condition == LESS)
        return a < b;
    *error = a == b;
    return a > b;
}

static bool notin_passes(const struct rig *rig, int l)
{
    bool empty = true, null = false, same = false;
    for (int r = 0; r < ROWS; r++) {
        if (!rig->bag[1][r])
            continue;
        empty = false;
        null |= row_key(r) < 0;
        same |= row_key(r) == row_key(l);
    }
    return empty || (!null && row_key(l) >= 0 && !same);
}

static void check_outputs(struct rig *rig)
{
    const struct setup *setup = &rig->setup;
    bool wide = setup->type != JOIN_SEMI && setup->type != JOIN_ANTI;
    int64_t errors = 0;
    int wrong = 0;
    for (int l = 0; l < ROWS; l++) {
        int64_t matches = 0, wl = rig->bag[0][l];
        for (int r = 0; r < ROWS; r++) {
            bool error = false;
            bool match = keys_match(setup, l, r) && condition_holds(setup, l, r, &error);
            int64_t weight = wl * rig->bag[1][r];
            errors += error ? weight : 0;
            matches += match ? rig->bag[1][r] : 0;
            wrong += rig->got[l][r] != (wide && match ? weight : 0);
        }
        bool alone = setup->type == JOIN_SEMI ? matches > 0 : setup->type != JOIN_INNER && matches <= 0;
        if (setup->null_aware)
            alone = notin_passes(rig, l);
        wrong += rig->got[l][NO_RIGHT] != (alone ? wl : 0);
    }
    for (int r = 0; r < ROWS; r++) {
        int64_t matches = 0;
        for (int l = 0; l < ROWS; l++)
            matches += keys_match(setup, l, r) ? rig->bag[0][l] : 0;
        bool alone = setup->type == JOIN_FULL && matches <= 0;
        wrong += rig->got[NO_LEFT][r] != (alone ? rig->bag[1][r] : 0);
    }
    if (wrong)
        fprintf(stderr, "%s: %d output rows are wrong\n", setup->name, wrong);
    CHECK_INT(wrong, 0);
    CHECK_INT(rig->got_errors, errors);
}

/* ---- random input */

static void push(struct rig *rig, unsigned port, const int *rows, const int64_t *weights, uint32_t n)
{
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct type types[3] = {TYPE(TYPE_INT4), TYPE(TYPE_INT8), TYPE(TYPE_TEXT)};
    struct batch *batch = wr_batch_new(&arena, types, 3, n);
    wr_batch_weights(&arena, batch);
    for (uint32_t i = 0; i < n; i++) {
        struct datum key = {.type = types[0], .null = row_key(rows[i]) < 0, .i32 = row_key(rows[i])};
        struct datum number = {.type = types[1], .null = row_number(rows[i]) < 0, .i64 = row_number(rows[i])};
        const char *text = texts[rows[i] / KEYS / NUMBERS];
        char *copy = malloc(strlen(text) + 1); /* so that keeping a pointer shows */
        memcpy(copy, text, strlen(text));
        struct datum string = {.type = types[2], .str = wr_str(copy, strlen(text))};
        wr_column_set(&arena, &batch->cols[0], i, n, &key);
        wr_column_set(&arena, &batch->cols[1], i, n, &number);
        wr_column_set(&arena, &batch->cols[2], i, n, &string);
        batch->weights[i] = weights[i];
        rig->bag[port][rows[i]] += weights[i];
    }
    bool ok = wr_op_step(&rig->op, port, batch);
    if (!ok)
        fprintf(stderr, "step: %s\n", rig->worker.error.message);
    CHECK(ok);
    for (uint32_t i = 0; i < n; i++)
        free((char *)batch->cols[2].str[i].data);
    wr_arena_reset(&arena);
}

static bool has_key(const struct rig *rig, unsigned port, int row)
{
    for (int r = 0; r < ROWS; r++)
        if (rig->bag[port][r] && row_key(r) == row_key(row))
            return true;
    return false;
}

static void random_chunk(struct rig *rig, unsigned port, uint32_t size, bool grow)
{
    int *rows = malloc(size * sizeof *rows);
    int64_t *weights = malloc(size * sizeof *weights);
    int64_t pending[ROWS] = {0};
    bool taken[KEYS] = {false};
    const struct setup *setup = &rig->setup;
    bool append = setup->append_only[port] || setup->one_shot;
    uint32_t n = 0;
    for (uint32_t i = 0; i < size; i++) {
        int row = (int)rnd(ROWS);
        if (setup->null_aware && port == 1 && row_key(row) < 0 && rnd(8))
            continue;
        int64_t have = rig->bag[port][row] + pending[row];
        int64_t weight = rnd(8) ? 1 : 2;
        if (setup->final[port]) {
            if (has_key(rig, port, row) || taken[row_key(row) + 1])
                continue;
            taken[row_key(row) + 1] = true;
            weight = 1;
        } else if (!append && have > 0 && (!grow || rnd(3) == 0)) {
            weight = rnd(4) ? -have : -1;
        } else if (!append && !grow) {
            continue;
        }
        pending[row] += weight;
        rows[n] = row;
        weights[n++] = weight;
    }
    if (n)
        push(rig, port, rows, weights, n);
    free(rows);
    free(weights);
}

/* Take back all rows of a side, or those with a NULL key. */
static void retract(struct rig *rig, unsigned port, bool nulls_only)
{
    int rows[ROWS];
    int64_t weights[ROWS];
    uint32_t n = 0;
    if (rig->setup.append_only[port] || rig->setup.final[port])
        return;
    for (int row = 0; row < ROWS; row++)
        if (rig->bag[port][row] && (!nulls_only || row_key(row) < 0)) {
            rows[n] = row;
            weights[n++] = -rig->bag[port][row];
        }
    if (n)
        push(rig, port, rows, weights, n);
}

static void commit(struct rig *rig)
{
    struct worker *worker = &rig->worker;
    if (!worker->store)
        return;
    struct wr_error err = WR_ERROR_INIT;
    CHECK(op_join.seal(&rig->op, worker->commit));
    uint64_t number = wr_commit_submit(worker->commit, NULL, NULL);
    if (rnd(2))
        CHECK(wr_store_wait(worker->store, number, &err));
    worker->commit = wr_commit_begin(worker->store);
}

static void restart(struct rig *rig)
{
    struct worker *worker = &rig->worker;
    if (!worker->store)
        return;
    commit(rig);
    op_stop(rig);
    if (rig->setup.store == ON_DISK && !rnd(4)) {
        wr_commit_abandon(worker->commit);
        wr_store_close(worker->store);
        store_start(rig);
    }
    op_start(rig);
}

static void run(const struct setup *setup, int steps)
{
    struct rig *rig = rig_new(setup);
    seed = (uint64_t)setup->type * 977 + (uint64_t)setup->condition * 31 + (uint64_t)setup->store * 7 + 5;
    check_outputs(rig);
    for (int step = 0; step < steps; step++) {
        bool grow = step / 40 % 3 != 2; /* now and then everything leaves */
        unsigned port = rnd(2);
        bool few = setup->null_aware && port == 1; /* so that the right side is often empty or without NULLs */
        random_chunk(rig, port, 1 + rnd(few ? 3 : rnd(4) ? 12 : 300), grow);
        if (!rnd(few ? 6 : 50))
            retract(rig, port, rnd(3));
        if (!rnd(12))
            commit(rig);
        if (rig->worker.store && !rnd(15))
            op_join.relieve(&rig->op, (int64_t)rnd(20000));
        if (!rnd(60))
            restart(rig);
        if (!rnd(5) || step + 1 == steps)
            check_outputs(rig);
    }
    rig_free(rig);
}

/* few: left rows, so that most right ones stay alone */
static void run_one_shot(const struct setup *setup, bool few)
{
    struct rig *rig = rig_new(setup);
    seed = 99;
    for (unsigned port = 2; port-- > 0;)
        for (int step = 0; step < (port || !few ? 20 : 3); step++)
            random_chunk(rig, port, 1 + rnd(few && !port ? 3 : 60), true);
    CHECK(wr_op_flush(&rig->op));
    check_outputs(rig);
    CHECK(!rig->saw_negative);
    rig_free(rig);
}

/* One changed row touches few state rows, however many there are: six thousand keys with ten rows
 * on each side. The key here is the number. */
static void run_touched(enum join_type type, enum condition condition)
{
    struct setup setup = {.name = "touched", .type = type, .condition = condition};
    struct rig *rig = rig_new(&setup);
    static uint16_t keys[1] = {1};
    struct op op = {.cls = &op_join, .plan = &rig->plan, .dataflow = &rig->dataflow, .worker = &rig->worker};
    struct wr_error err = WR_ERROR_INIT;
    struct type types[3] = {TYPE(TYPE_INT4), TYPE(TYPE_INT8), TYPE(TYPE_TEXT)};
    rig->plan.join.left_keys = rig->plan.join.right_keys = keys;
    rig->plan.join.condition = condition == NONE ? NULL
                                                 : build_call(&rig->build, "<>", build_col(&rig->build, 0, TYPE_INT4),
                                                              build_col(&rig->build, 3, TYPE_INT4));
    CHECK(op_join.open(&op, &err));
    for (int step = 0; step < 64; step++) {
        struct batch *batch = wr_batch_new(&rig->build.arena, types, 3, step < 60 ? 2000 : 1);
        unsigned port = step & 1;
        for (uint32_t i = 0; i < batch->nrows; i++) {
            batch->cols[0].i32[i] = step;
            batch->cols[1].i64[i] = step < 60 ? step / 20 * 2000 + i : 17;
            batch->cols[2].str[i] = wr_str_of("text");
        }
        int64_t before = op.stats.touched;
        if (step >= 62) { /* take it back */
            wr_batch_weights(&rig->build.arena, batch)[0] = -1;
            batch->cols[0].i32[0] = step - 2;
        }
        CHECK(wr_op_step(&op, port, batch));
        if (step >= 60)
            CHECK(op.stats.touched - before < 100);
    }
    op_join.close(&op);
    rig_free(rig);
}

/* Full joins are on keys alone. */
static void run_full(enum store_mode store, int64_t limit, int steps)
{
    for (int nulls = 0; nulls < 3; nulls++) {
        struct setup setup = {.name = "full",
                              .type = JOIN_FULL,
                              .nulls_equal = nulls == 1,
                              .keyless = nulls == 2,
                              .store = store,
                              .limit = limit};
        run(&setup, steps);
        setup.append_only[nulls & 1] = true;
        run(&setup, steps / 8);
        setup.append_only[!(nulls & 1)] = true;
        run(&setup, steps / 8);
        setup.one_shot = true;
        for (int few = 0; few < 2 && store == NO_STORE; few++)
            run_one_shot(&setup, few);
    }
}

static void run_kinds(enum store_mode store, int64_t limit, int steps)
{
    static const char *const names[] = {"inner", "left", "semi", "anti"};
    for (int type = 0; type < 4; type++)
        for (int condition = 0; condition < 3; condition++)
            for (int nulls = 0; nulls < 2; nulls++) {
                struct setup setup = {.name = names[type],
                                      .type = (enum join_type)type,
                                      .condition = (enum condition)condition,
                                      .nulls_equal = nulls,
                                      .store = store,
                                      .limit = limit};
                run(&setup, steps);
                setup.append_only[1] = true;
                run(&setup, steps / 8);
                setup.append_only[0] = true;
                run(&setup, steps / 8);
                setup.one_shot = true;
                if (store == NO_STORE)
                    run_one_shot(&setup, false);
            }
    for (int type = 0; type < 4; type++)
        for (int condition = 0; condition < 3; condition++) {
            struct setup keyless = {.name = "keyless",
                                    .type = (enum join_type)type,
                                    .condition = (enum condition)condition,
                                    .keyless = true,
                                    .store = store,
                                    .limit = limit};
            run(&keyless, steps / 4);
        }
    run_full(store, limit, steps);
    struct setup notin = {.name = "not in", .type = JOIN_ANTI, .null_aware = true, .store = store, .limit = limit};
    run(&notin, steps * 2);
    notin.one_shot = true;
    if (store == NO_STORE)
        run_one_shot(&notin, false);
    for (int which = 1; which < 4; which++)
        for (int condition = 0; condition < 3; condition++) {
            struct setup final = {
                .name = "inner, final side", .condition = (enum condition)condition, .store = store, .limit = limit};
            final.final[0] = which & 1;
            final.final[1] = which & 2;
            for (int i = 0; i < 5; i++)
                run(&final, steps / 8);
        }
}

int main(int argc, char **argv)
{
    int scale = argc > 1 ? atoi(argv[1]) : 1;
    for (int type = 0; type < 4; type++)
        for (int condition = 0; condition < 2; condition++)
            run_touched((enum join_type)type, condition ? LESS : NONE);
    run_touched(JOIN_FULL, NONE);
    run_kinds(NO_STORE, 0, 400 * scale);
    run_kinds(IN_MEMORY, 0, 300 * scale);
    run_kinds(IN_MEMORY, 96 << 10, 200 * scale); /* always pressed; groups beyond 1.5 KB are streamed */
    run_kinds(ON_DISK, 0, 30 * scale);
    return check_report("op_join");
}
