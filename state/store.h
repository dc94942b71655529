/* The store: one database directory, or memory only. Owns RocksDB, commits, traces,
 * snapshots, the output log; nothing else touches RocksDB.
 *
 * Terms
 *   trace     one durable state table: a sorted set of entries, kept as immutable runs
 *   run       immutable sorted entries: in RAM (a sealed delta) or on disk as blocks
 *   version   the list of runs that make up a trace at one moment, newest first; immutable, counted
 *   commit    a set of sealed runs, meta records and log records that become durable together, in
 *             one synced atomic write; numbered 1, 2, 3 ... for the life of the directory
 *   snapshot  the versions of all traces as of one durable commit; a pin
 *
 * Life of a change: an operator changes its working set in RAM; when the engine closes the commit, the
 * operator seals its dirty entries as one sorted run (wr_run_builder_*), gives it to the open commit
 * (wr_commit_add: visible at once to wr_trace_current, the operator's own lookups) and forgets them. The
 * engine submits the commit; the commit thread writes it; when it is synced, the store publishes the new
 * versions: snapshots taken from then on see it. Background merges replace runs by bigger ones, never
 * changing what a version says; each merge proves by checksum (sum over entries of hash * weight) that it
 * lost nothing. A commit not yet durable when the process dies never happened.
 *
 * A commit may grow beyond memory: wr_commit_add writes runs out early when the commit holds much RAM; such
 * files mean nothing until the commit's own record names them. A backfill builds a *detached* commit, whose
 * runs are seen only through traces that belong to it, and is absorbed into an ordinary commit at the end.
 *
 * Threads: a trace's current version may be read by any thread (retain it). wr_commit_add for one trace may be
 * called by several workers (disjoint shards) at once. Everything is safe to call from any thread unless noted. */
#ifndef WEIR_STATE_STORE_H
#define WEIR_STATE_STORE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

struct store;
struct commit;
struct snapshot;
struct trace;
struct version;
struct run;
struct run_builder;
struct cursor;

struct store_options {
    const char *dir;          /* NULL: memory only: same semantics, nothing durable */
    struct wr_budget *budget; /* pools "state runs", "block cache", "memtables" are charged here */
    int64_t checkpoint_bytes; /* RAM deltas beyond this go to disk as a run; 0 = from the budget (1/8, 8..64 MiB) */
    bool sync;                /* false only in benchmarks that say so */
};

/* ---- open, close */

/* Opens or creates. Refuses a directory in use (55006, names the holder's pid if it can), of a newer
 * format or unknown feature bit (55000), or damaged (XX001). Recovery: opens at the last durable commit,
 * deletes orphans, reads the tail of deltas. */
struct store *wr_store_open(const struct store_options *options, struct wr_error *err) WR_MUST;
/* Waits for submitted commits, stops merges, closes. All snapshots and commits must be gone. */
void wr_store_close(struct store *store);
bool wr_store_is_durable(const struct store *store); /* has a directory */
uint64_t wr_store_committed(struct store *store);    /* last durable commit; 0 = none */
/* Sticky: the first write error (disk full, I/O). After it no commit succeeds; the engine must stop. */
bool wr_store_failed(struct store *store, struct wr_error *err);

/* ---- commits */

struct commit *wr_commit_begin(struct store *store);    /* number not yet assigned */
struct commit *wr_commit_detached(struct store *store); /* for a backfill */
/* Moves all of `from` (runs, meta, log, drops) into `into` and frees `from`. */
void wr_commit_absorb(struct commit *into, struct commit *from);
/* Writes what it holds in RAM to disk now, so that submitting it (or what absorbs it) is short. */
bool wr_commit_lighten(struct commit *commit, struct wr_error *err) WR_MUST;
/* Give it up: its runs are dropped, early written files deleted. Traces it alone created vanish. */
void wr_commit_abandon(struct commit *commit);
/* Takes the run. Visible at once through wr_trace_current(trace). */
bool wr_commit_add(struct commit *commit, struct trace *trace, struct run *run, struct wr_error *err) WR_MUST;
/* Meta: small keyed records (catalog, source offsets, sink markers, clocks). */
void wr_commit_put(struct commit *commit, const void *key, size_t key_len, const void *value, size_t value_len);
void wr_commit_delete(struct commit *commit, const void *key, size_t key_len);
/* Output log of a sink. Several calls for one log add parts, visited in the order added, all under the commit's number;
 * parts of 256 KB and more are written out early, smaller ones stay in RAM until the commit is written. */
void wr_commit_log(struct commit *commit, uint64_t log_id, const void *bytes, size_t len);
/* Log records of log_id with commit number <= upto are no longer needed. */
void wr_commit_log_truncate(struct commit *commit, uint64_t log_id, uint64_t upto);
/* Drop a trace with all its data (files go once no snapshot needs them). Its id is free when the commit is submitted;
 * until that is durable, snapshots show it. */
void wr_commit_drop_trace(struct commit *commit, struct trace *trace);
bool wr_commit_is_empty(const struct commit *commit);
int64_t wr_commit_bytes(const struct commit *commit); /* RAM and early-written bytes of runs it holds */

/* Assigns the next number, hands over to the commit thread and returns it. `done` (may be NULL) is called on
 * the commit thread when the commit is durable and published (ok) or has failed (err). Commits become durable in
 * order. The commit belongs to the store from here on. At most a few commits are in flight: blocks when full. */
typedef void (*commit_done)(void *context, uint64_t number, bool ok, const struct wr_error *err);
uint64_t wr_commit_submit(struct commit *commit, commit_done done, void *context);
/* Number the next submitted commit will get (engine thread only: it alone submits). */
uint64_t wr_store_next_commit(struct store *store);
/* Blocks until commit `number` is durable; false if the store failed. May return before its `done` was called. */
bool wr_store_wait(struct store *store, uint64_t number, struct wr_error *err) WR_MUST;

/* ---- meta and log reads (durable contents) */

bool wr_store_get(struct store *store, const void *key, size_t key_len, struct wr_buf *value); /* false = absent */
/* Calls for each meta record whose key starts with the prefix, in key order; stop by returning false. */
typedef bool (*store_visit)(void *context, const void *key, size_t key_len, const void *value, size_t value_len);
void wr_store_scan(struct store *store, const void *prefix, size_t prefix_len, store_visit visit, void *context);
/* Log records with commit number > after, in order. */
typedef bool (*log_visit)(void *context, uint64_t commit, const void *bytes, size_t len);
void wr_store_log_scan(struct store *store, uint64_t log_id, uint64_t after, log_visit visit, void *context);

/* ---- traces */

enum trace_kind {
    TRACE_ZSET,   /* identity (key, payload); weights add; zero vanishes */
    TRACE_UPSERT, /* identity key; the newest entry wins; weight 0 = deleted, else 1 + the schema version of its row */
    TRACE_APPEND, /* ZSET whose weights are all positive: entries of equal key need no payload order */
};

/* The trace with this id, created empty if the store has none. Same pointer for the same id until dropped.
 * ids: object id << 16 | ordinal within the object. */
struct trace *wr_trace_open(struct store *store, uint64_t id, enum trace_kind kind);
/* A trace whose contents belong to this detached commit until it is absorbed: invisible to snapshots. */
struct trace *wr_trace_open_detached(struct store *store, struct commit *commit, uint64_t id, enum trace_kind kind);
uint64_t wr_trace_id(const struct trace *trace);
enum trace_kind wr_trace_kind(const struct trace *trace);
/* Entries and bytes of the current version, approximate (before consolidation across runs). */
void wr_trace_size(struct trace *trace, int64_t *entries, int64_t *ram_bytes, int64_t *disk_bytes);

struct entry {
    const char *key;
    const char *payload;
    uint32_t key_len;
    uint32_t prefix_len; /* the part of the key that lookups use (Bloom filter); <= key_len */
    uint32_t payload_len;
    int64_t weight;
};

/* Current version: durable, submitted and open-commit runs. Release it. */
struct version *wr_trace_current(struct trace *trace);
void wr_version_release(struct version *version);
bool wr_version_is_empty(const struct version *version);
bool wr_version_on_disk(const struct version *version); /* some of it */

/* Build a sealed run. Entries must be added in order: by key (memcmp, shorter first), within equal keys of a
 * ZSET by payload. Duplicated identities are allowed for ZSET/APPEND only (weights add); the
 * builder does not sort. `bytes_hint` sizes the buffer. */
struct run_builder *wr_run_builder_new(struct trace *trace, size_t entries_hint, size_t bytes_hint);
void wr_run_builder_add(struct run_builder *builder, const struct entry *entry);
struct run *wr_run_builder_finish(struct run_builder *builder); /* NULL if nothing was added; frees the builder */

struct str_key {
    const char *bytes;
    uint32_t len;
};

/* Point lookups in an UPSERT trace, or existence: keys sorted ascending, n of them. For each key found live:
 * `found(context, index, entry)`, in no particular order; the entry's bytes are valid during the call only. */
typedef void (*entry_found)(void *context, uint32_t index, const struct entry *entry);
bool wr_version_get(struct version *version, const struct str_key *keys, uint32_t n, entry_found found, void *context,
                    struct wr_error *err) WR_MUST;
/* About how many: what later runs take back is counted, too. */
int64_t wr_version_entries(const struct version *version);
/* True if no live entry can have this lookup prefix (Bloom filters and key ranges; no I/O if filters are loaded). */
bool wr_version_excludes(struct version *version, const char *prefix, uint32_t len);

/* Ordered scan of live, consolidated entries with lo <= key < hi (NULL hi = to the end; lo NULL = from the start).
 * The entry returned stays valid until the next call. */
struct cursor *wr_cursor_open(struct version *version, const char *lo, uint32_t lo_len, const char *hi,
                              uint32_t hi_len);
/* The same, for all keys that start with the prefix; consults Bloom filters when `is_lookup`. */
struct cursor *wr_cursor_open_prefix(struct version *version, const char *prefix, uint32_t len, bool is_lookup);
const struct entry *wr_cursor_next(struct cursor *cursor,
                                   struct wr_error *err); /* NULL at the end, or on error: err->sqlstate set */
void wr_cursor_close(struct cursor *cursor);

/* ---- snapshots */

struct snapshot *wr_store_snapshot(struct store *store); /* of the last durable commit; O(1) */
void wr_snapshot_retain(struct snapshot *snapshot);
void wr_snapshot_release(struct snapshot *snapshot);
uint64_t wr_snapshot_commit(const struct snapshot *snapshot);
/* The trace's version in the snapshot: retained. An empty version if the trace did not exist then. */
struct version *wr_snapshot_version(struct snapshot *snapshot, struct trace *trace);
/* The same by id, of a trace that may not exist any more, or not yet. */
struct version *wr_snapshot_version_of(struct snapshot *snapshot, uint64_t trace_id, enum trace_kind kind);
/* The store wants it gone (too old, or it holds too much): holders check at each chunk and fail with 40001-like
 * "snapshot too old" (72000). */
bool wr_snapshot_expired(const struct snapshot *snapshot);

/* ---- watching it */

struct store_stats {
    int64_t disk_bytes, ram_run_bytes, block_cache_bytes, memtable_bytes;
    int64_t commits, commit_bytes_written, merges, merge_bytes_read, merge_bytes_written;
    int64_t bloom_skips, block_reads, snapshots;
    uint64_t committed;
};
/* As of now; any thread. */
void wr_store_stats(struct store *store, struct store_stats *stats);
/* Block until no merge is due (tests, benchmarks that count settled CPU). */
void wr_store_settle(struct store *store);

#endif
