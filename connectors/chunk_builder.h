/* Builds a source_chunk row by row from decoded messages.
 *
 * A decoder sets the columns of the current row (wr_builder_null, the decode functions), then either adds it
 * (wr_builder_add) or leaves it to be overwritten: a message that turns out bad half-way leaves no trace but its dead
 * letter. Room for `cap` rows is made at the start, so a chunk of one message is small. */
#ifndef WEIR_CONNECTORS_CHUNK_BUILDER_H
#define WEIR_CONNECTORS_CHUNK_BUILDER_H

#include "connectors/connector.h"

/* One message of a topic. */
struct message {
    int32_t partition;
    int64_t offset;
    const char *key, *value; /* NULL = absent */
    size_t key_len, value_len;
};

/* What decoders need to know of the table: its visible columns. */
struct table_columns {
    uint16_t ncols;
    struct type *types;
    const char **names;
    bool *not_null; /* key columns included */
    uint16_t npk;   /* 0: a bag */
    uint16_t *pk;
    bool *in_key;
};
void wr_table_columns_init(struct table_columns *table, const struct object *object);
void wr_table_columns_fini(struct table_columns *table);

struct chunk_builder {
    const struct table_columns *table;
    struct source_chunk *chunk;
    struct batch *batch; /* batch->nrows is the current row */
    uint32_t cap;
    struct wr_arena *arena; /* of the chunk */
};

/* Rows that one message can make at most. */
#define MESSAGE_ROWS_MAX 2

/* A new chunk of at most `cap` rows; its memory is charged to the pool. Every begin has its wr_builder_end(). */
void wr_builder_begin(struct chunk_builder *builder, const struct table_columns *table, struct wr_pool *pool,
                      uint32_t cap);
/* Is the column NULL in the row at hand? (The value itself is written into the batch.) */
void wr_builder_null(struct chunk_builder *builder, uint16_t col, bool null);
/* The event left this column as it was (its value slot is set to NULL). */
void wr_builder_keep(struct chunk_builder *builder, uint16_t col);
/* All columns NULL. */
void wr_builder_clear(struct chunk_builder *builder);
/* The row at hand is complete; the next one begins. */
void wr_builder_add(struct chunk_builder *builder, enum change_op op);
/* The message means nothing that can be kept: a dead letter with the reason, both copied. */
void wr_builder_dead(struct chunk_builder *builder, const struct message *message, const char *reason);
static inline bool wr_builder_full(const struct chunk_builder *builder)
{
    return builder->batch->nrows + MESSAGE_ROWS_MAX > builder->cap;
}
/* Hands the chunk over; the caller fills in partitions and bytes. */
struct source_chunk *wr_builder_end(struct chunk_builder *builder);

#endif
