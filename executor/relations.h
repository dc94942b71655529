/* Relations with contents: tables, materialized views, system relations. How their rows are keyed and stored, and the
 * operators that stand at their root: op_table (takes changes, resolves them against what is there), op_materialize
 * (takes a delta), op_sink (collects a commit's changes for delivery), op_tap (records deltas for a backfill). */
#ifndef WEIR_EXECUTOR_RELATIONS_H
#define WEIR_EXECUTOR_RELATIONS_H

#include <stdlib.h>

#include "connectors/connector.h"
#include "executor/op.h"

/* Immutable description of a relation's storage. */
struct relation {
    uint32_t object;
    const char *name;
    uint16_t ncols; /* hidden column included */
    const struct type *types;
    const char *const *names;
    const bool *not_null;
    struct row_layout *layout;
    uint16_t nkey;
    struct key_column *key; /* none: a bag, keyed by the row's hash */
    bool single_row;        /* a key of no columns: at most one row */
    bool is_table;          /* TRACE_UPSERT, else TRACE_ZSET */
    bool has_row_id;        /* last column is the hidden row id */
    bool hash_ids;          /* row ids come from the row's hash: deletes name equal rows (Debezium without a key) */
    uint64_t trace_id;
    uint64_t errors_trace_id;
};

/* State table numbers within an object: plans use 0.., the relation's own contents the last. */
#define RELATION_STATE 0xffff

/* The trace of the relation's rows; NULL in one-shot dataflows. */
struct trace *wr_relation_trace(struct worker *worker, const struct relation *relation);
/* Keys of rows as the relation stores them. rows and sizes (encoded rows) are used for bags. */
void wr_relation_keys(struct wr_arena *arena, const struct relation *relation, const struct batch *batch,
                      char *const *rows, const uint32_t *sizes, struct keys *keys);

/* How often an entry of the relation's trace is a row of it. (In a table's it says something else: state/store.h.) */
static inline int64_t wr_relation_weight(const struct relation *relation, const struct entry *entry)
{
    return relation->is_table ? 1 : entry->weight;
}

extern const struct op_class op_materialize; /* argument: const struct relation * */
extern const struct op_class op_table;       /* argument: const struct relation * */

/* ---- tables */

/* Where the resolved delta goes: usually wr_op_emit; the engine may keep it for another thread. */
typedef bool (*table_deliver)(void *context, struct op *table, const struct batch *delta);

/* Resolve changes against the table's rows: fold events per key in order, compute -old +new, update the state, deliver
 * the delta. All rows must belong to this worker's shards. false: worker->error (23505: err detail as PostgreSQL's). */
bool wr_table_apply(struct op *table, const struct changes *changes, table_deliver deliver, void *context) WR_MUST;
/* Hash of the table's key per row: decides the worker. */
void wr_table_hashes(struct wr_arena *arena, const struct relation *relation, const struct changes *changes,
                     uint64_t *hashes);
/* Compare and set (transactions): for each key, the row must be expected[i] (NULL: absent) or nothing is applied:
 * *conflict is the first index that differs. Then sets next[i] (NULL: delete). */
struct table_write {
    const char *key;
    uint32_t key_len;
    uint64_t hash;
    const char *expected;
    uint32_t expected_len;
    const char *next;
    uint32_t next_len;
    bool blind; /* whatever is there is overwritten */
};
bool wr_table_check(struct op *table, const struct table_write *writes, uint32_t n, uint32_t *conflict,
                    bool *exists) WR_MUST;
bool wr_table_write(struct op *table, const struct table_write *writes, uint32_t n, table_deliver deliver,
                    void *context) WR_MUST;

/* ---- a table's rows, read by other operators of the same worker */

struct table_row {
    const char *bytes; /* as encoded by the relation's layout; NULL: no such row */
    uint32_t len;
};
/* The rows of n distinct keys of this worker's shards (encoded as the primary key's, shard byte included). They stay
 * where they are until wr_table_found_done(), which every successful call needs; calls nest. false: worker->error. */
bool wr_table_find(struct op *table, const struct keys *keys, struct table_row *rows) WR_MUST;
void wr_table_found_done(struct op *table);
/* The state holds a change that not everybody who reads the table's output has been given yet. */
bool wr_table_is_ahead(const struct op *table);
const struct relation *wr_table_relation(const struct op *table);

extern const struct op_class op_index; /* argument: const struct relation * whose key is the index's */
struct multimap;
/* The rows by key, for readers between enter (false: worker->error) and leave, which nest. */
struct multimap *wr_index_map(const struct op *index);
bool wr_index_enter(struct op *index) WR_MUST;
void wr_index_leave(struct op *index);
bool wr_index_may_move(const struct op *index); /* only one reader is there: rows may be dropped from RAM */
bool wr_index_is_ahead(const struct op *index);
const struct relation *wr_index_relation(const struct op *index);

/* From now on the join's side (0 left, 1 right) is read from this table or index. Returns the trace of the copy it kept
 * so far, which nobody needs any more (all workers' joins share it). */
struct trace *wr_join_read_shared(struct op *join, unsigned side, struct op *from);

/* ---- sinks */

extern const struct op_class op_sink; /* argument: struct sink_input * */
struct sink_input {
    const struct relation *relation; /* the sink's rows; key = the sink's key */
    uint64_t log_id;
    bool needs_log;
};

/* ---- taps */

extern const struct op_class op_rowkey; /* plan: the input columns, then __key and __ordinal; one state table */
extern const struct op_class op_tap;    /* argument: struct tap * */
struct tap {
    void (*record)(void *context, uint32_t worker, const struct batch *batch);
    void *context;
};

#endif
