#include "base/failpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int wr_failpoint_armed = -1;
static atomic_int countdown = 1;

static const char *const names[FP_COUNT] = {
    [FP_DELTA_WRITTEN] = "delta-written",
    [FP_INGESTED] = "ingested",
    [FP_COMMIT_RECORD_WRITTEN] = "commit-record-written",
    [FP_BEFORE_SEND] = "before-send",
    [FP_AFTER_SEND] = "after-send",
    [FP_TRANSACTION_END] = "transaction-end",
    [FP_MERGE_WRITTEN] = "merge-written",
    [FP_MERGE_INSTALLED] = "merge-installed",
    [FP_FILE_DELETED] = "file-deleted",
    [FP_DDL] = "ddl",
    [FP_BACKFILL] = "backfill",
};

void wr_failpoint_hit(enum failpoint point)
{
    (void)point;
    if (atomic_fetch_sub(&countdown, 1) == 1)
        kill(getpid(), SIGKILL);
}

bool wr_failpoint_init(void)
{
    const char *spec = getenv("WEIR_FAILPOINT");
    if (!spec || !*spec)
        return true;
    size_t len = strcspn(spec, ":");
    if (spec[len])
        atomic_store(&countdown, atoi(spec + len + 1));
    for (int i = 0; i < FP_COUNT; i++)
        if (strlen(names[i]) == len && !strncmp(names[i], spec, len)) {
            wr_failpoint_armed = i;
            return true;
        }
    fprintf(stderr, "weir: WEIR_FAILPOINT names no failpoint: %s\n", spec);
    return false;
}
