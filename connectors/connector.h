/* Connectors: where rows come from and go to. They know types and bytes, never operators: the engine pulls decoded
 * chunks at epoch borders and hands out committed changes.
 *
 * To add a source or sink: connector_<name>.c with a row in connectors.c. To add a format: format_<name>.c and a row in
 * formats.c. */
#ifndef WEIR_CONNECTORS_CONNECTOR_H
#define WEIR_CONNECTORS_CONNECTOR_H

#include "catalog/catalog.h"
#include "types/batch.h"
#include "types/text_io.h"

/* ---- changes: what a table takes in */

enum change_op {
    CHANGE_INSERT = 0,  /* a new row (append-only sources, tables without a key) */
    CHANGE_UPSERT = 1,  /* insert or overwrite by key */
    CHANGE_DELETE = 2,  /* by key; other columns are meaningless. Without a key: one equal row */
    CHANGE_TRUNCATE = 3 /* all rows; columns meaningless */
};

struct changes {
    struct batch rows; /* the table's visible columns, in order (hidden column left out) */
    uint8_t *ops;      /* enum change_op per row; NULL = all CHANGE_INSERT */
    uint8_t *
        *keep; /* per column: NULL, or a byte per row: 1 = unchanged by this event (TOAST): keep the stored value */
    int64_t *row_ids; /* tables without a key: hidden row id per row, given by the engine */
};

struct partition_offset {
    int32_t partition;
    int64_t next; /* first offset not yet consumed */
    int64_t end;  /* the broker's end offset when last seen, -1 unknown */
};

/* A message that could not be decoded (law L4). Kept in weir_catalog.dead_letters. */
struct dead_letter {
    int32_t partition;
    int64_t offset;
    const char *key, *value; /* raw bytes; NULL = absent */
    uint32_t key_len, value_len;
    char reason[256];
};

/* One decoded chunk, in (partition, offset) order within each partition. Owns all its memory. */
struct source_chunk {
    struct wr_arena arena;
    struct changes changes; /* at most BATCH_ROWS_MAX rows */
    uint32_t ndead;
    struct dead_letter *dead;
    uint32_t npartitions; /* partitions that advanced */
    struct partition_offset *partitions;
    int64_t bytes; /* of the raw messages */
    /* A good place to end an epoch. Sources that are views of one event sequence (nexmark) set it at the same event
     * numbers, so that an engine that takes each source up to a block_end keeps them in step; Kafka sets it always. */
    bool block_end;
    struct source_chunk *next;
};
void wr_source_chunk_free(struct source_chunk *chunk);

/* ---- sources */

struct source;
struct source_config {
    const struct object *object; /* columns, key, options, format; outlives the source */
    struct wr_pool *pool;        /* queued chunks are charged here; the source holds at most queue_bytes_max */
    int64_t queue_bytes_max;
    /* All sources together: where they queue more than this, each is left one chunk. NULL: no such bound. */
    atomic_llong *queued_bytes;
    int64_t queued_bytes_max;
    int64_t client_bytes_max;    /* that the broker's client may hold of messages */
    struct wr_pool *client_pool; /* charged with what it holds; NULL: not counted */
    uint32_t npartitions; /* where to go on: committed offsets; partitions not listed start by scan.startup.mode */
    const struct partition_offset *partitions;
    /* A bounded read (backfill of a view over a source that is already running): never hand out a message at or behind
     * stop[i].next of its partition; partitions not listed yield nothing. caught_up() is true once all are reached.
     * nstop = 0 and stop = NULL: unbounded. */
    uint32_t nstop;
    const struct partition_offset *stop;
    const char
        *embedded_broker; /* bootstrap address of the embedded broker, or NULL; used where the option says 'embedded' */
    void (*wake)(void *context); /* called (any thread) when a chunk became ready */
    void *wake_context;
    void (*log)(void *context, const char *line);
    void *log_context;
};

struct source_class {
    const char *connector; /* 'kafka' */
    bool in_step;          /* an epoch takes one block (see block_end) of each source of this class */
    /* Check options of CREATE TABLE/SOURCE: unknown ones are refused by name (22023), required ones present. */
    bool (*check)(const struct object *object, struct wr_error *err);
    bool (*open)(const struct source_config *config, struct source **source,
                 struct wr_error *err); /* starts its thread(s) */
    /* Next ready chunk or NULL; never blocks. The caller frees it. */
    struct source_chunk *(*poll)(struct source *source);
    /* Offsets and ends as known now, for lag and "caught up". Returns count; writes up to max. */
    uint32_t (*positions)(struct source *source, struct partition_offset *positions, uint32_t max);
    /* Has everything up to the ends seen at open been handed out by poll()? (consumer position, not last offset + 1) */
    bool (*caught_up)(struct source *source, struct wr_error *err);
    /* What it waits for or complains of just now; false: nothing. NULL: it never does. */
    bool (*trouble)(struct source *source, char *to, size_t size);
    int64_t (*cpu_ns)(struct source *source); /* thread CPU time spent generating or decoding; NULL: unknown */
    void (*close)(struct source *source);
};
const struct source_class *wr_source_class(const char *connector); /* NULL: no such */

/* ---- sinks */

/* One changed row of a commit, consolidated: at most one per key. */
struct sink_change {
    char op;         /* 'c' insert, 'u' update, 'd' delete */
    const char *row; /* row bytes (types/row.h) of the new row; of the old row for 'd' */
    uint32_t row_len;
    const char *old_row; /* 'u': the old row, or NULL */
    uint32_t old_row_len;
    uint64_t number; /* the record it stems from, where deliver() is given several at once; 0: the one delivered */
};

struct sink;
/* What tells a sink's rows apart. */
enum sink_key_kind {
    SINK_KEY_COLUMNS, /* key columns; none of them: there is at most one row, ever */
    SINK_KEY_ROW,     /* no key is proven; the engine adds __key (text, 128-bit hash as hex) and __ordinal (bigint) as
                         the last two columns, which are the key */
    SINK_KEY_NONE,    /* nothing: rows that only come, in messages without key */
};
struct sink_config {
    const struct object *object; /* the sink: options, format */
    uint16_t ncols;              /* of the sink's query, and what SINK_KEY_ROW adds */
    const char *const *names;
    const struct type *types;
    const bool *not_null; /* per column: never NULL, not even where an expression fails; NULL pointer: nothing is known
                             (FOR CLICKHOUSE then says Nullable) */
    enum sink_key_kind key_kind;
    uint16_t nkey;
    const uint16_t *key;
    const struct row_layout *layout;
    const struct io_settings *io;
    const char *embedded_broker;
    int64_t client_bytes_max;    /* that the broker's client may hold of messages; 0: its own measure */
    struct wr_pool *client_pool; /* charged with what it holds; NULL: not counted */
    const char *instance;    /* unique id of the database directory: part of the transactional id and of the marker */
    const atomic_bool *stop; /* recover() gives up when it is set; may be NULL */
    void (*log)(void *context, const char *line);
    void *log_context;
};

struct sink_class {
    const char *connector; /* 'kafka', 'blackhole' */
    bool needs_log;        /* false: changes are dropped at once (blackhole) */
    bool (*check)(const struct object *object, struct wr_error *err);
    bool (*open)(const struct sink_config *config, struct sink **sink, struct wr_error *err);
    /* What is already there: the last commit delivered (0 none), and the highest version found on the topic when there
     * is no marker of ours. Fails (55000) if the marker is newer than `committed`: the directory was restored or
     * copied. */
    bool (*recover)(struct sink *sink, uint64_t committed, uint64_t *last_commit, uint64_t *version_floor,
                    struct wr_error *err);
    /* Deliver changes exactly once (n = 0: only the marker), of the record numbered `commit` or of several up to it:
     * all in one transaction that carries the marker. Blocks; retries what can be retried for as long as *stop is
     * false. version: strictly increases from record to record. */
    bool (*deliver)(struct sink *sink, uint64_t commit, uint64_t version, const struct sink_change *changes, uint32_t n,
                    const atomic_bool *stop, struct wr_error *err);
    void (*close)(struct sink *sink);
};
const struct sink_class *wr_sink_class(const char *connector);

/* FORMAT of a sink, also where an option says it; as it is written, NULL: none. */
const char *wr_sink_format(const struct object *object);

/* SHOW CREATE SINK s FOR CLICKHOUSE: the statements that consume it. */
bool wr_sink_clickhouse_ddl(const struct sink_config *config, struct wr_buf *out, struct wr_error *err) WR_MUST;

/* ---- the embedded broker (librdkafka's mock cluster) */
struct embedded_broker;
/* One broker on a free port of 127.0.0.1; its address, good until it is stopped; the end of it and its topics. */
bool wr_embedded_broker_start(struct embedded_broker **broker, struct wr_error *err) WR_MUST;
const char *wr_embedded_broker_bootstrap(const struct embedded_broker *broker);
void wr_embedded_broker_stop(struct embedded_broker *broker);

#endif
