/* Changes in several runs come back as if they had been sorted together. */
#include "state/change_runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "state/test_trace.h"

#define KEYS   500
#define ROUNDS 7

struct sum {
    int64_t weights[KEYS][3];
    uint32_t n;
    char last[16];
};

static void add(struct change_log *log, int64_t key, char row, int64_t weight)
{
    char name[16];
    int len = snprintf(name, sizeof name, "%08lld", (long long)key);
    wr_change_log_add(log, &(struct entry){.key = name,
                                           .key_len = (uint32_t)len,
                                           .prefix_len = (uint32_t)len,
                                           .payload = &row,
                                           .payload_len = 1,
                                           .weight = weight});
}

static void take(void *context, const struct entry *entry)
{
    struct sum *sum = context;
    char name[16] = {0};
    memcpy(name, entry->key, entry->key_len);
    name[entry->key_len] = *entry->payload;
    CHECK(strcmp(sum->last, name) < 0 && entry->weight != 0);
    memcpy(sum->last, name, sizeof name);
    name[entry->key_len] = '\0';
    sum->weights[strtol(name, NULL, 10)][*entry->payload - 'a'] += entry->weight;
    sum->n++;
}

/* Every key: 'a' goes in one run and 'b' comes in another, a 'c' comes and goes. */
static void test(struct store *store, struct wr_pool *pool)
{
    struct wr_error err = WR_ERROR_INIT;
    struct change_log log;
    struct change_runs runs = {NULL, 0, 0};
    struct sum sum = {0};
    wr_change_log_init(&log, pool);
    for (int round = 0; round < ROUNDS; round++) {
        for (int64_t k = KEYS - 1; k >= 0; k--) {
            if (k % ROUNDS == round)
                add(&log, k, 'a', -1);
            if ((k + 3) % ROUNDS == round)
                add(&log, k, 'b', 1);
            if ((k + 1) % ROUNDS == round || (k + 5) % ROUNDS == round)
                add(&log, k, 'c', (k + 1) % ROUNDS == round ? 1 : -1);
        }
        CHECK(wr_change_runs_add(&runs, &log, store, &err));
        CHECK_INT(log.n, 0);
    }
    CHECK_INT(runs.n, ROUNDS);
    CHECK(wr_change_runs_each(&runs, take, &sum, &err));
    CHECK_INT(sum.n, 2 * KEYS);
    bool right = true;
    for (int k = 0; k < KEYS; k++)
        right &= sum.weights[k][0] == -1 && sum.weights[k][1] == 1 && sum.weights[k][2] == 0;
    CHECK(right);
    wr_change_runs_clear(&runs);
    CHECK_INT(runs.n, 0);
}

static void run(const char *dir)
{
    struct test_trace disk = {0};
    struct wr_pool pool;
    wr_budget_init(&disk.budget, 64 << 20);
    wr_pool_init(&pool, &disk.budget, "changes");
    test_trace_open(&disk, dir, TRACE_ZSET);
    test(disk.store, &pool);
    CHECK_INT(atomic_load(&pool.used_bytes), 0);
    test_trace_close(&disk);
}

int main(void)
{
    char dir[] = "/tmp/weir-change-runs-test-XXXXXX", command[96];
    run("");
    if (mkdtemp(dir)) {
        run(dir);
        snprintf(command, sizeof command, "rm -rf %s", dir);
        CHECK(system(command) == 0);
    }
    return check_report("change_runs");
}
