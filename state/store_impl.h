/* The store's insides, shared by the files of state/ that implement store.h.
 *
 * Locks, in the order in which they may be nested:
 *   manifest_lock   whoever writes trace manifests (commit thread, checkpoint, merges): held over the synced write
 *                   and the change of versions that goes with it
 *   lock            all fields below marked (L): versions, traces, queue, snapshots; never held over I/O
 * Threads: the commit thread; the tidy thread (RAM merges, checkpoints, deletion); the merge thread (disk merges). */
#ifndef WEIR_STATE_STORE_IMPL_H
#define WEIR_STATE_STORE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "state/committed_file.h"
#include "state/deleted_files.h"
#include "state/log_file.h"
#include "state/mem_map.h"
#include "state/rocks.h"
#include "state/run.h"
#include "state/store.h"

#define STORE_FORMAT_VERSION     1
#define STORE_IN_FLIGHT          2          /* commits */
#define STORE_SMALL_COMMIT       (1 << 20)  /* bytes; above it deltas go to a file of their own */
#define STORE_BASE_BYTES         (32 << 10) /* a trace with fewer delta bytes at a checkpoint keeps them as its base */
#define STORE_DELTA_COST         512 /* bytes that a delta counts beside its own: recovery reads each by itself */
#define STORE_DELTA_BACKLOG      4   /* checkpoints' worth of deltas; more makes commits wait */
#define STORE_RAM_RUNS           6   /* of a trace, before they are merged */
#define STORE_DISK_FAN_IN        4
#define STORE_DISK_FAN_IN_APPEND 8

struct version {
    atomic_int refs;
    enum trace_kind kind;
    struct store *store;
    uint32_t n;
    struct run *runs[]; /* newest first */
};

struct pending {
    struct run *run;
    struct commit *commit;
};

struct trace {
    struct store *store;
    uint64_t id;
    enum trace_kind kind;
    struct commit *detached; /* (L) belongs to it */
    struct version *durable; /* (L) */
    struct version *current; /* (L) cache; NULL = stale */
    struct pending *pending; /* (L) oldest first */
    uint32_t pending_n, pending_cap;
    bool persisted;           /* manifest_lock: has a manifest record */
    bool has_base;            /* manifest_lock: has a base record */
    uint64_t manifest_commit; /* manifest_lock: the last commit that wrote its manifest record */
    bool leaving; /* (L) a submitted commit drops it: its id is free, its rows are there until that commit is */
    bool dropped; /* (L) */
    bool dirty;   /* (L) has deltas since its last checkpoint */
    uint64_t floor_commit; /* manifest_lock: deltas older than (floor_commit, floor_seq) are in its runs */
    uint32_t floor_seq;
    struct trace *next; /* (L) in the id table or the graveyard */
};

struct commit_run {
    struct trace *trace;
    struct run *run;
};

struct log_part {
    uint64_t log_id;
    char *bytes; /* NULL: written early as `file` */
    size_t len;
    struct run *file;
};

struct commit {
    struct store *store;
    pthread_mutex_t lock; /* runs, counters */
    bool detached;
    uint64_t number;
    struct commit_run *runs; /* in the order added */
    uint32_t runs_n, runs_cap;
    struct log_part *logs;
    uint32_t logs_n, logs_cap;
    struct trace **drops;
    uint32_t drops_n, drops_cap;
    struct trace **created; /* detached traces */
    uint32_t created_n, created_cap;
    struct wr_buf ops; /* meta puts, deletes, truncations in order: wr_commit_next_op() */
    int64_t ram_bytes, disk_bytes;
    bool spilling;
    commit_done done;
    void *context;
    struct commit *next;
};

struct snapshot_entry {
    uint64_t id;
    struct version *version;
};
struct snapshot {
    atomic_int refs;
    atomic_bool expired;
    struct store *store;
    uint64_t commit;
    struct snapshot *next; /* (L) all that live */
    uint32_t n;
    struct snapshot_entry entries[]; /* by id */
};

struct log_mark {
    uint64_t log_id, upto;
};

struct store {
    char *dir, *ingest_dir; /* NULL: memory only */
    struct rocks rocks;
    struct deleted_files *deleted_files;
    struct block_cache *cache;
    struct wr_pool runs_pool, cache_pool, memtable_pool;
    int64_t checkpoint_bytes, spill_bytes;

    pthread_mutex_t manifest_lock;
    uint64_t delta_floor;             /* manifest_lock: no delta of an older commit is needed */
    uint64_t writes;                  /* manifest_lock: in the life of the directory */
    struct committed_file noted;      /* manifest_lock */
    struct committed_mark last_noted; /* what it said when the directory was opened */

    pthread_mutex_t lock;
    pthread_cond_t queue_changed, published, work, merge_work, idle;
    struct trace **traces; /* (L) hash table by id */
    uint32_t traces_n, traces_cap;
    struct trace *graveyard;             /* (L) dropped, freed at close */
    struct commit *queue, **queue_end;   /* (L) submitted */
    uint32_t in_flight;                  /* (L) */
    uint64_t next_number;                /* (L) */
    uint64_t committed;                  /* (L) */
    int64_t delta_bytes;                 /* (L) since the last checkpoint began */
    bool closing, tidy_busy, merge_busy; /* (L) */
    bool tidy_due, merge_due;            /* (L) */
    bool merges_paused;                  /* (L) settled for tests */
    struct snapshot *snapshots;          /* (L) all that live */
    struct snapshot *latest;             /* (L) cache for the next wr_store_snapshot; NULL = stale */
    struct mem_map mem_meta, mem_log;    /* (L) memory only */
    struct log_file *log_files;          /* commit thread */
    uint32_t log_files_n, log_files_cap;
    struct log_mark *log_marks; /* commit thread: how far logs have been truncated in this life */
    uint32_t log_marks_n, log_marks_cap;
    struct wr_error error; /* (L) sticky */
    atomic_bool failed;

    pthread_mutex_t trash_lock; /* innermost */
    struct run *trash;

    atomic_ullong next_run_id, next_file;
    atomic_llong ram_run_bytes, pinned_bytes;
    atomic_int ahead_open; /* files of scans under way (read_ahead.c) */
    atomic_llong commits, commit_bytes, merges, merge_read, merge_written, bloom_skips, block_reads, snapshots_n;
    pthread_t threads[3]; /* commit, tidy, merge */
    uint32_t nthreads;    /* of them, started */
};

/* ---- manifest.c: records of CF meta and their keys: a tag, then a big-endian id */
#define META_COMMIT    'C'
#define META_WRITE     'W'
#define META_TRACE     'T'
#define META_BASE      'B'
#define META_USER      'U'
#define META_KEY_SIZE  9
#define DELTA_KEY_SIZE 20 /* commit u64, trace u64, position in the commit u32 */
#define LOG_KEY_SIZE   20 /* log u64, commit u64, part u32 */
#define RUN_KEY_SIZE   12 /* run u64, record u32 */
void wr_meta_key(char to[META_KEY_SIZE], char tag, uint64_t id);
void wr_delta_key(char to[DELTA_KEY_SIZE], uint64_t commit, uint64_t trace_id, uint32_t seq);
void wr_run_key(char to[RUN_KEY_SIZE], uint64_t run_id, uint32_t record);
void wr_log_key(char to[LOG_KEY_SIZE], uint64_t log_id, uint64_t commit, uint32_t part);
/* Names the disk runs in `version`; the trace's floors are as it says. */
void wr_manifest_put(rocksdb_writebatch_t *batch, struct store *store, const struct trace *trace,
                     const struct version *version);
/* Fills floors, flags and the disk runs (as *version) of a trace from its record. */
bool wr_manifest_get(struct store *store, struct trace *trace, struct version **version, const char *bytes, size_t len,
                     struct wr_error *err) WR_MUST;
void wr_write_record_put(rocksdb_writebatch_t *batch, struct store *store);
void wr_commit_record_put(rocksdb_writebatch_t *batch, struct store *store, uint64_t number);
/* ---- log_truncate.c: commit thread. Records up to commit `upto` go with commit `number`, which is later. batch NULL:
 * memory only, under store->lock. */
void wr_log_truncate(struct store *store, rocksdb_writebatch_t *batch, uint64_t number, uint64_t log_id, uint64_t upto);
/* ---- store.c */
/* The store takes no more commits; the first error stays, and all who wait are told. */
void wr_store_fail(struct store *store, const struct wr_error *err);
/* Under manifest_lock: a synced write that brings the store to `commit` (0: no further), and the note that it was made.
 */
bool wr_store_write(struct store *store, rocksdb_writebatch_t *batch, uint64_t commit, struct wr_error *err) WR_MUST;

/* ---- store_recover.c */
/* Opens the directory at its last commit; XX001 if it is damaged. */
bool wr_store_recover(struct store *store, struct wr_error *err) WR_MUST;

/* ---- version.c */
/* One reference, room for n runs that the caller fills in; the last release releases the runs. */
struct version *wr_version_new(struct store *store, enum trace_kind kind, uint32_t n);
void wr_version_retain(struct version *version);
/* `old` with `from` (adjacent in it) replaced by `to` (NULL: by nothing); NULL: they are not in it. */
struct version *wr_version_replace(const struct version *old, struct run *const *from, uint32_t n, struct run *to);
/* Under store->lock: */
void wr_trace_stale(struct trace *trace);
void wr_trace_set_durable(struct trace *trace, struct version *version);
struct trace *wr_trace_find(struct store *store, uint64_t id);
struct trace *wr_trace_insert(struct store *store, uint64_t id, enum trace_kind kind);
void wr_trace_remove(struct trace *trace); /* from the id table, to the graveyard */
void wr_trace_push_pending(struct trace *trace, struct run *run, struct commit *commit);
void wr_trace_free(struct trace *trace);
void wr_snapshot_stale(struct store *store);
/* ---- snapshot_expire.c: called now and then by the tidy thread, without locks */
/* Marks those that are too old or hold too much (wr_snapshot_expired). */
void wr_snapshots_expire(struct store *store);

/* ---- commit.c */
enum commit_op_kind { OP_PUT = 'P', OP_DELETE = 'D', OP_TRUNCATE = 'T' };
struct commit_op {
    enum commit_op_kind kind;
    const char *key, *value; /* OP_PUT, OP_DELETE: of a meta record */
    size_t key_len, value_len;
    uint64_t log_id, upto; /* OP_TRUNCATE */
};
bool wr_commit_next_op(struct wr_reader *ops, struct commit_op *op); /* false: that was all */

/* ---- commit_write.c */
/* The thread that writes commits in order, until the store closes or fails. */
void *wr_commit_thread(void *store);
/* ---- commit_spill.c: takes RAM runs of the commit to disk when they are many */
/* Until what is left in RAM is half of what may be. */
bool wr_commit_spill(struct commit *commit, struct wr_error *err) WR_MUST;
/* Merges the trace's small RAM runs in the commit when there are many. */
bool wr_commit_gather(struct commit *commit, struct trace *trace, struct wr_error *err) WR_MUST;
/* With the references that it holds to runs. */
void wr_commit_free(struct commit *commit);

/* ---- store_tidy.c, store_merge.c */
/* The threads that merge and clean up, and what they run (false: the store has failed, or *err): RAM runs to disk, so
 * that the log can be cut; small RAM runs into larger ones; files of runs that nobody holds. */
void *wr_tidy_thread(void *store);
void *wr_merge_thread(void *store);
bool wr_checkpoint_run(struct store *store, struct wr_error *err) WR_MUST;
bool wr_ram_merges_run(struct store *store);
/* How many of these RAM runs to merge, from the newest: adjacent ones of one trace. */
uint32_t wr_ram_runs_to_merge(struct run *const *newest_first, uint32_t ram);
bool wr_trash_empty(struct store *store);
bool wr_disk_merge_due(struct store *store); /* under lock */

#endif
