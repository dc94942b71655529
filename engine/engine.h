/* The engine: one database. Inside view of everything behind weir.h; nothing outside engine/ includes this.
 *
 * Threads
 *   loop      runs epochs and commits (loop.c); worker 0. The only one that changes live objects and the open commit
 *   workers   1..N-1: their share of an epoch (worker.c)
 *   sessions  the callers' threads: parse, plan, and, through a query thread each, execute SELECTs over snapshots
 *   backfill  one per CREATE MATERIALIZED VIEW / SINK (backfill.c); gives way to the others, as long queries do
 *   sinks     one per sink: delivers committed changes (sink.c)
 *   commit, merge threads of the store; threads of connectors
 *
 * A session asks the loop for work between epochs by wr_loop_call(); writes are applied there too. What is visible to
 * readers is always a durable commit: db->catalog and the store's snapshot. */
#ifndef WEIR_ENGINE_ENGINE_H
#define WEIR_ENGINE_ENGINE_H

#include <pthread.h>
#include <sys/types.h>

#include "catalog/catalog.h"
#include "connectors/connector.h"
#include "executor/op.h"
#include "executor/op_exchange.h"
#include "executor/relations.h"
#include "planner/planner.h"
#include "types/timezone.h"
#include "weir.h"

#define WORKERS_MAX 64
/* Decoded rows a source may hold ready: two epochs' worth. */
#define QUEUE_BYTES_MAX ((int64_t)16 << 20)
/* Object ids below this belong to the system. */
#define OBJECT_ERRORS       1
#define OBJECT_DEAD_LETTERS 2
#define OBJECT_FIRST_USER   16
#define OBJECT_SYSTEM_FIRST (1u << 30)

struct live;
struct backfill;
struct sink_runner;

/* Work for the loop thread between epochs. */
typedef bool (*loop_fn)(weir_db *db, void *argument, struct wr_error *err);
struct loop_call {
    loop_fn fn;
    void *argument;
    bool ok, done;
    bool taken;   /* the loop has it: its memory must stay until it is done */
    bool durable; /* answered when the commit that holds its effect is durable */
    uint64_t commit;
    struct wr_error err;
    struct loop_call *next;
};

struct weir_db {
    char *dir;         /* NULL: memory */
    pid_t opener;      /* whose threads work for it: a child of fork() has none of them */
    char instance[40]; /* random, made with the directory */
    weir_options options;
    struct wr_budget budget;
    struct wr_pool pool_state, pool_scratch, pool_queues, pool_queries, pool_sessions, pool_clients;
    struct store *store;
    struct embedded_broker *broker;
    void (*log)(void *, const char *);
    void *log_context;

    pthread_mutex_t ddl_lock;     /* whoever changes the catalog, until that is durable; taken before lock */
    pthread_mutex_t lock;         /* guards what follows up to the next comment */
    pthread_cond_t wake;          /* the loop has something to do */
    pthread_cond_t progress;      /* a call is done, a commit durable, a sink has delivered ... */
    struct catalog *catalog;      /* published */
    struct catalog *next_catalog; /* with next_catalog_commit: it may be visible before we know that it is durable */
    uint64_t next_catalog_commit;
    struct pin *pins; /* that wait for their commit */
    struct loop_call *calls_first, *calls_last;
    bool stopping, source_ready;
    uint64_t durable_commit;
    struct backfill *backfills;
    uint32_t retiring, ending_sinks; /* threads that end what was detached; sinks among that */
    int sessions;
    bool failed;
    struct wr_error failure;

    /* loop thread only (others between epochs through wr_loop_call) */
    pthread_t loop_thread;
    bool loop_started;
    uint32_t nworkers;
    struct worker workers[WORKERS_MAX];
    struct commit *commit; /* open */
    struct exchange_registry *exchanges;
    struct live **live; /* by object id ascending = topological order */
    uint32_t nlive, live_cap;
    struct live *detached; /* newest first */
    struct live_source *detached_sources;
    uint64_t epoch;
    int64_t last_commit_ns;
    bool dirty;         /* something since the last commit */
    bool commit_wanted; /* somebody waits */
    uint64_t last_submitted;
    int64_t now_us;
    struct worker_pool *worker_pool;
    struct timeouts *timeouts; /* timeout.c */

    atomic_llong source_queue_bytes; /* decoded rows of all sources, waiting for the engine */
    atomic_llong client_bytes_max;   /* of one client of a broker (client_memory.c) */
    atomic_uint next_object;         /* ids, also of objects whose transaction is not committed */
    atomic_llong next_row_id, rows_in, rows_out, epochs, commits;
    struct live *errors, *dead_letters;
};

/* ---- a live object (live.c) */

struct live_source {
    uint32_t object; /* the source or table */
    const struct source_class *cls;
    struct source *source;
    struct partition_offset *offsets; /* applied */
    uint32_t noffsets;
    bool offsets_dirty;
    struct live_source *next; /* detached */
};

struct live {
    uint32_t id;
    const struct object *object; /* own copy, in arena */
    struct wr_arena arena;
    struct relation *relation; /* tables, materialized views, system; sinks: the rows they send; sources: their rows */
    struct plan *plan;         /* materialized views, sinks: with what a sink puts on top */
    struct plan *query_plan;   /* the query's alone */
    struct io_settings io;
    struct dataflow *flows[WORKERS_MAX];
    struct live_source *input; /* tables with a connector, sources with readers */
    struct sink_runner *sink;
    struct sink_input sink_input;
    enum sink_key_kind sink_key;
    uint32_t readers;      /* of a source */
    struct trace **copies; /* of shared state, made by a backfill, read by nobody any more */
    uint32_t ncopies;
    struct live *next_detached;
};

/* Describe how a relation's rows are stored; memory from the arena. */
struct relation *wr_relation_of(struct wr_arena *arena, const struct object *object);
struct relation *wr_relation_of_sink(struct wr_arena *arena, const struct object *object, const struct plan *plan);
/* Plan the query of a view or sink as it was (or will be) created. */
bool wr_live_plan(weir_db *db, struct catalog *catalog, const struct object *object, struct wr_arena *arena,
                  struct plan **plan, const char *text, struct wr_error *err) WR_MUST;
/* Build the dataflows of an object on these workers; not yet connected to what it reads. */
bool wr_live_new(weir_db *db, struct catalog *catalog, const struct object *object, struct worker *workers,
                 struct live **live, struct wr_error *err) WR_MUST;
/* Connect to the live objects it reads, put it into db->live, start its connector; or, false, none of it. Loop thread
 * (or before it runs). */
bool wr_live_attach(weir_db *db, struct live *live, struct wr_error *err) WR_MUST;
/* In the commit that carries its state, once that is handed over. */
void wr_live_drop_copies(weir_db *db, struct live *live);
/* The reverse: sinks are asked to stop, and wr_retire() ends and frees it. */
void wr_live_detach(weir_db *db, struct live *live);
void wr_live_free(struct live *live);
struct live *wr_live_find(weir_db *db, uint32_t id);
bool wr_live_start_source(weir_db *db, struct live *live, struct wr_error *err) WR_MUST;
/* What a reader of the source is opened with, but for where it begins and ends. */
struct source_config wr_source_config_of(weir_db *db, const struct object *object);
/* One reader less; a source without readers stops, and starts anew for the next one. */
void wr_live_release_source(weir_db *db, struct live *source);

/* ---- memory of connectors (client_memory.c) */

int64_t wr_source_queues_max(weir_db *db); /* of all sources together, once each has a chunk */
int64_t wr_source_queue_max(weir_db *db);  /* of one */
/* db->client_bytes_max for the clients that there are now; those that run keep what they have. Loop thread. */
void wr_client_share(weir_db *db);

/* ---- ends (retire.c) */

void wr_retire(weir_db *db); /* loop thread: what was detached ends on a thread of its own, and is freed */
/* The loop has stopped: everything. false: something has not ended within seconds, and uses the database still. */
bool wr_retire_all(weir_db *db) WR_MUST;
void wr_sinks_await(weir_db *db); /* not the loop: until detached sinks have ended, or for some seconds */

/* ---- loop (loop.c) */

/* The loop's thread begins; ends, with what it has under way committed. */
bool wr_loop_start(weir_db *db, struct wr_error *err) WR_MUST;
void wr_loop_stop(weir_db *db);
/* Run fn on the loop thread between epochs and wait. durable: until the commit with its effect is durable. */
bool wr_loop_call(weir_db *db, loop_fn fn, void *argument, bool durable, struct wr_error *err) WR_MUST;
/* For a thread that the loop itself may join: gives up when *stop is set and db->progress is signalled. */
bool wr_loop_call_unless(weir_db *db, loop_fn fn, void *argument, bool durable, const atomic_bool *stop,
                         struct wr_error *err) WR_MUST;
/* Until all that has been applied is durable. */
bool wr_loop_flush(weir_db *db, struct wr_error *err) WR_MUST;
/* wr_loop_call, durably, for what changes the catalog: one at a time, and always until it is durable. */
bool wr_loop_ddl(weir_db *db, loop_fn fn, void *argument, struct wr_error *err) WR_MUST;
/* Loop thread, in a call of wr_loop_ddl: a new catalog (takes the reference). Readers see it from that commit on which
 * holds what the call has changed. */
void wr_loop_set_catalog(weir_db *db, struct catalog *catalog);
/* Loop thread: commit now and wait until durable. Everybody waits for the disk meanwhile: where it can be avoided, a
 * durable call or a pin is the way. */
bool wr_loop_commit_sync(weir_db *db, struct wr_error *err) WR_MUST;

/* A snapshot of all that has been applied at one moment and of nothing that came later. */
struct pin {
    uint64_t commit;
    struct snapshot *snapshot; /* set when that commit is durable */
    struct pin *next;
};
/* Loop thread: this moment. The commit is under way when it returns. */
bool wr_loop_pin(weir_db *db, struct pin *pin, struct wr_error *err) WR_MUST;
/* Any other thread: wait for the snapshot. */
bool wr_loop_pinned(weir_db *db, struct pin *pin, struct wr_error *err) WR_MUST;
void wr_loop_unpin(weir_db *db, struct pin *pin); /* also one that was never made */
/* Loop thread: run one epoch over what was pushed into `feed` (called for each worker on its thread). */
typedef bool (*epoch_feed)(void *context, struct worker *worker);
bool wr_loop_epoch(weir_db *db, epoch_feed feed, void *context, struct wr_error *err) WR_MUST;
void wr_db_log(weir_db *db, const char *fmt, ...) WR_PRINTF(2, 3);
void wr_db_fail(weir_db *db, const struct wr_error *err);
void wr_db_wake(void *db); /* a source has a chunk */
void wr_db_log_line(void *db, const char *line);

/* ---- workers (worker.c) */

/* Workers 1 .. db->nworkers - 1, with a thread each; free() waits for them. */
struct worker_pool *wr_worker_pool_new(weir_db *db, struct wr_error *err);
void wr_worker_pool_free(struct worker_pool *pool);
/* Runs job(context, worker) for every worker, each on its thread; false: the first failure's error. */
bool wr_worker_pool_run(struct worker_pool *pool, epoch_feed job, void *context, struct wr_error *err) WR_MUST;
void wr_worker_setup(weir_db *db, struct worker *worker, uint32_t index);

/* ---- system relations kept in traces (errors.c) */

/* Opens the traces of errors and dead letters. */
bool wr_errors_open(weir_db *db, struct wr_error *err) WR_MUST;
/* The rows of weir_catalog.errors for the errors [from, from + BATCH_ROWS_MAX) of a batch; object NULL: only its id is
 * known. */
struct batch *wr_error_rows(struct wr_arena *arena, const struct object *object, const struct op *op,
                            const struct batch *batch, const struct eval_errors *errors, uint32_t from);
bool wr_on_eval_errors(struct worker *worker, struct op *op, const struct batch *batch,
                       const struct eval_errors *errors);
bool wr_errors_forget(weir_db *db, const char *object, struct wr_error *err) WR_MUST;
bool wr_dead_letters_add(weir_db *db, struct worker *worker, const struct live *live,
                         const struct source_chunk *chunk) WR_MUST;

/* ---- backfills (backfill_jobs.c) */

struct backfill_progress {
    int64_t rows_done, rows_total;
};
/* Create a materialized view or sink over what is there: returns when it is live and durable. *cancel is checked. */
bool wr_backfill_run(weir_db *db, const struct object *object, atomic_bool *cancel, struct wr_error *err) WR_MUST;
/* The same on a thread of its own (background_ddl, resume after restart). */
bool wr_backfill_spawn(weir_db *db, const struct object *object, struct wr_error *err) WR_MUST;
void wr_backfill_stop_all(weir_db *db);
/* Calls visit for each backfill under way. db->lock must be held by nobody. */
void wr_backfill_each(weir_db *db,
                      void (*visit)(void *context, const struct object *object, const struct backfill_progress *p),
                      void *context);
/* Cancel the backfill of an object (DROP while creating); waits for its end. */
void wr_backfill_cancel(weir_db *db, uint32_t object);

/* ---- sinks (sink.c) */

/* Starts the thread; *runner NULL: the sink needs no log. 22023: no such connector. */
bool wr_sink_runner_start(weir_db *db, struct live *live, struct sink_runner **runner, struct wr_error *err) WR_MUST;
void wr_sink_runner_ask(struct sink_runner *runner);           /* to stop: does not wait */
void wr_sink_runner_end(struct sink_runner *runner);           /* waits, and frees it */
uint64_t wr_sink_runner_delivered(struct sink_runner *runner); /* commit */
struct sink_status {
    uint64_t delivered_commit;
    int64_t messages, backlog;
    bool stopped;
    char error[256];
};
void wr_sink_runner_status(struct sink_runner *runner, struct sink_status *status);
/* What the sink's connector is opened with. */
bool wr_sink_config_of(struct wr_arena *arena, weir_db *db, const struct live *live, struct sink_config *config);

/* ---- catalog storage and DDL (ddl.c) */

/* The object's record in the open commit, and its end; loop thread. */
void wr_catalog_put(weir_db *db, const struct object *object);
void wr_catalog_remove(weir_db *db, uint32_t id);
struct catalog *wr_catalog_current(weir_db *db); /* retained */
bool wr_catalog_load(weir_db *db, struct catalog **catalog, struct wr_error *err) WR_MUST;
void wr_catalog_add_system(struct catalog **catalog);

/* Lag and backlog, added up (progress.c). */
void wr_progress_of_pipelines(weir_db *db, weir_progress *progress);

/* ---- system views (system.c) */

/* Push the rows of a system relation into the scan. */
bool wr_system_feed(weir_db *db, weir_session *session, struct catalog *catalog, struct op *scan,
                    const struct object *object) WR_MUST;

#endif
