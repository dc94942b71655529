/* Indexes as PostgreSQL's catalogs see them: the primary keys of tables, and what CREATE INDEX made. */
#ifndef WEIR_CATALOG_INDEXES_H
#define WEIR_CATALOG_INDEXES_H

#include "catalog/catalog.h"

#define INDEX_COLUMNS_MAX 32 /* named in CREATE INDEX, as in PostgreSQL */

struct catalog_index {
    int64_t oid;
    char name[300];
    const struct object *of; /* table or materialized view */
    bool primary;
    uint16_t nkey, ncols; /* key columns; with those that INCLUDE names */
    const uint16_t *key;  /* ncols columns of `of` */
    uint16_t columns[INDEX_COLUMNS_MAX];
};

/* The index that an object is, or that its primary key makes; false: neither. *index may point into itself. */
bool wr_catalog_index(const struct catalog *catalog, const struct object *object, struct catalog_index *index);
/* "a, b": columns from .. to of the index. */
void wr_index_columns(struct wr_buf *buf, const struct catalog_index *index, uint16_t from, uint16_t to);
/* "CREATE INDEX i ON public.t USING btree (a, b) INCLUDE (c)" */
void wr_index_definition(struct wr_buf *buf, const struct catalog_index *index);

#endif
