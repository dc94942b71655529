/* For tests of what stands over a trace: a store with one trace and an open commit. */
#ifndef WEIR_STATE_TEST_TRACE_H
#define WEIR_STATE_TEST_TRACE_H

#include <stdlib.h>

#include "state/store.h"
#include "tests/check.h"

struct test_trace {
    struct wr_budget budget;
    struct store *store;
    struct trace *trace;
    struct commit *commit;
};

/* dir NULL: no store, and no trace; "": in memory. */
static inline void test_trace_open(struct test_trace *t, const char *dir, enum trace_kind kind)
{
    struct wr_error err = WR_ERROR_INIT;
    if (!dir)
        return;
    t->store = wr_store_open(&(struct store_options){.dir = *dir ? dir : NULL, .budget = &t->budget}, &err);
    if (!t->store) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    t->trace = wr_trace_open(t->store, 7 << 16, kind);
    t->commit = wr_commit_begin(t->store);
}

/* What has been sealed into the commit; wait: until it is durable. */
static inline void test_trace_submit(struct test_trace *t, bool wait)
{
    struct wr_error err = WR_ERROR_INIT;
    uint64_t number = wr_commit_submit(t->commit, NULL, NULL);
    if (wait)
        CHECK(wr_store_wait(t->store, number, &err));
    t->commit = wr_commit_begin(t->store);
}

static inline void test_trace_close(struct test_trace *t)
{
    if (!t->store)
        return;
    wr_commit_abandon(t->commit);
    wr_store_close(t->store);
}

#endif
