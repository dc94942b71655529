/* Where the pipelines are: lag, backlog, "caught up". */
#include "engine/engine.h"

struct pipelines {
    weir_progress *progress;
    bool caught_up;
    struct wr_error err;
};

static bool look(weir_db *db, void *argument, struct wr_error *err)
{
    struct pipelines *p = argument;
    p->caught_up = true;
    for (uint32_t i = 0; i < db->nlive; i++) {
        struct live *live = db->live[i];
        if (live->input) {
            struct partition_offset known[1024];
            uint32_t n = WR_MIN(live->input->cls->positions(live->input->source, known, 1024), 1024u);
            for (uint32_t k = 0; k < n; k++) {
                int64_t applied = 0;
                for (uint32_t o = 0; o < live->input->noffsets; o++)
                    if (live->input->offsets[o].partition == known[k].partition)
                        applied = live->input->offsets[o].next;
                if (known[k].end > applied)
                    p->progress->lag_rows += known[k].end - applied;
            }
            if (!live->input->cls->caught_up(live->input->source, &p->err))
                p->caught_up = false;
        }
        if (live->sink) {
            struct sink_status status;
            wr_sink_runner_status(live->sink, &status);
            p->progress->sink_backlog += status.backlog;
            if (status.stopped)
                wr_fail(&p->err, ERR_NOT_READY, "sink %s stopped: %.200s", live->object->name, status.error);
            /* a commit may be under way still: not durable, and no backlog yet */
            if (status.backlog || status.delivered_commit < db->last_submitted)
                p->caught_up = false;
        }
    }
    return true;
}

void wr_progress_of_pipelines(weir_db *db, weir_progress *progress)
{
    struct pipelines p = {.progress = progress};
    struct wr_error err = WR_ERROR_INIT;
    (void)!wr_loop_call(db, look, &p, false, &err);
}

struct caught_up {
    struct pipelines p;
    weir_progress progress;
    bool dirty;
};

static bool settle(weir_db *db, void *argument, struct wr_error *err)
{
    struct caught_up *c = argument;
    c->p.progress = &c->progress;
    c->dirty = db->dirty;
    return look(db, &c->p, err);
}

bool weir_caught_up(weir_db *db, weir_error *error)
{
    struct caught_up c = {0};
    struct wr_error err = WR_ERROR_INIT;
    bool ok = wr_loop_call(db, settle, &c, false, &err);
    /* what is applied must be committed before a sink can have it; sinks have yet to see that commit: ask again */
    if (ok && c.p.caught_up && c.dirty) {
        ok = wr_loop_flush(db, &err);
        c.p.caught_up = false;
    }
    if (ok && c.p.err.sqlstate[0]) {
        err = c.p.err;
        ok = false;
    }
    if (!ok && error)
        memcpy(error, &err, sizeof *error);
    pthread_mutex_lock(&db->lock);
    bool backfilling = db->backfills != NULL;
    pthread_mutex_unlock(&db->lock);
    return ok && c.p.caught_up && !backfilling;
}
