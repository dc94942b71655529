#include "connectors/chunk_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wr_table_columns_init(struct table_columns *table, const struct object *object)
{
    memset(table, 0, sizeof *table);
    uint16_t n = WR_MAX(object->ncols, 1);
    table->types = wr_calloc(n, sizeof *table->types);
    table->names = wr_calloc(n, sizeof *table->names);
    table->not_null = wr_calloc(n, sizeof *table->not_null);
    table->in_key = wr_calloc(n, sizeof *table->in_key);
    table->pk = wr_calloc(WR_MAX(object->npk, 1), sizeof *table->pk);
    uint16_t *visible = wr_calloc(n, sizeof *visible);
    for (uint16_t c = 0; c < object->ncols; c++) {
        const struct object_column *col = &object->cols[c];
        visible[c] = table->ncols;
        if (col->hidden)
            continue;
        table->types[table->ncols] = col->type;
        table->names[table->ncols] = col->name;
        table->not_null[table->ncols] = col->not_null;
        table->ncols++;
    }
    for (uint16_t k = 0; k < object->npk; k++) {
        if (object->cols[object->pk[k]].hidden)
            continue;
        uint16_t c = visible[object->pk[k]];
        table->pk[table->npk++] = c;
        table->in_key[c] = table->not_null[c] = true;
    }
    free(visible);
}

void wr_table_columns_fini(struct table_columns *table)
{
    free(table->types);
    free(table->names);
    free(table->not_null);
    free(table->in_key);
    free(table->pk);
    memset(table, 0, sizeof *table);
}

void wr_builder_begin(struct chunk_builder *builder, const struct table_columns *table, struct wr_pool *pool,
                      uint32_t cap)
{
    struct source_chunk *chunk = wr_calloc(1, sizeof *chunk);
    wr_arena_init(&chunk->arena, pool);
    builder->table = table;
    builder->chunk = chunk;
    builder->arena = &chunk->arena;
    builder->cap = WR_MIN(WR_MAX(cap, MESSAGE_ROWS_MAX), BATCH_ROWS_MAX);
    builder->batch = wr_batch_new(builder->arena, table->types, table->ncols, builder->cap);
    builder->batch->nrows = 0;
    chunk->changes.ops = wr_arena_alloc(builder->arena, builder->cap);
    chunk->block_end = true;
}

/* A NULL's slot is defined: zero or the empty string. */
static void zero_slot(struct column *col, uint32_t row)
{
    switch (wr_type_info(col->type.id)->phys) {
    case PHYS_BOOL:
        col->b[row] = 0;
        break;
    case PHYS_I32:
        col->i32[row] = 0;
        break;
    case PHYS_I64:
    case PHYS_F64:
        col->i64[row] = 0;
        break;
    case PHYS_STR:
        col->str[row] = wr_str("", 0);
        break;
    }
}

void wr_builder_null(struct chunk_builder *builder, uint16_t c, bool null)
{
    struct column *col = &builder->batch->cols[c];
    uint32_t row = builder->batch->nrows;
    if (null) {
        wr_column_nulls(builder->arena, col, builder->cap)[row] = 1;
        zero_slot(col, row);
    } else if (col->nulls) {
        col->nulls[row] = 0;
    }
    uint8_t **keep = builder->chunk->changes.keep;
    if (keep && keep[c])
        keep[c][row] = 0;
}

void wr_builder_keep(struct chunk_builder *builder, uint16_t c)
{
    struct changes *changes = &builder->chunk->changes;
    wr_builder_null(builder, c, true);
    if (!changes->keep)
        changes->keep = WR_NEW_ARRAY(builder->arena, uint8_t *, builder->table->ncols);
    if (!changes->keep[c])
        changes->keep[c] = wr_arena_zalloc(builder->arena, builder->cap);
    changes->keep[c][builder->batch->nrows] = 1;
}

void wr_builder_clear(struct chunk_builder *builder)
{
    for (uint16_t c = 0; c < builder->table->ncols; c++)
        wr_builder_null(builder, c, true);
}

void wr_builder_add(struct chunk_builder *builder, enum change_op op)
{
    builder->chunk->changes.ops[builder->batch->nrows++] = (uint8_t)op;
}

static const char *copy_bytes(struct chunk_builder *builder, const char *bytes, size_t len)
{
    if (!bytes)
        return NULL;
    char *copy = wr_arena_bytes(builder->arena, WR_MAX(len, 1));
    if (len)
        memcpy(copy, bytes, len);
    return copy;
}

void wr_builder_dead(struct chunk_builder *builder, const struct message *message, const char *reason)
{
    struct source_chunk *chunk = builder->chunk;
    if ((chunk->ndead & (chunk->ndead - 1)) == 0) { /* full at every power of two */
        struct dead_letter *more =
            WR_NEW_ARRAY(builder->arena, struct dead_letter, chunk->ndead ? chunk->ndead * 2 : 1);
        if (chunk->ndead)
            memcpy(more, chunk->dead, chunk->ndead * sizeof *more);
        chunk->dead = more;
    }
    struct dead_letter *dead = &chunk->dead[chunk->ndead++];
    dead->partition = message->partition;
    dead->offset = message->offset;
    dead->key = copy_bytes(builder, message->key, message->key_len);
    dead->value = copy_bytes(builder, message->value, message->value_len);
    dead->key_len = (uint32_t)message->key_len;
    dead->value_len = (uint32_t)message->value_len;
    snprintf(dead->reason, sizeof dead->reason, "%s", reason);
}

struct source_chunk *wr_builder_end(struct chunk_builder *builder)
{
    struct source_chunk *chunk = builder->chunk;
    struct changes *changes = &chunk->changes;
    changes->rows = *builder->batch;
    uint8_t not_insert = 0;
    for (uint32_t i = 0; i < changes->rows.nrows; i++)
        not_insert |= changes->ops[i];
    if (!not_insert)
        changes->ops = NULL;
    builder->chunk = NULL;
    return chunk;
}
