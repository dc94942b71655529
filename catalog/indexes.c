#include "catalog/indexes.h"

#include "catalog/oids.h"

#include <stdio.h>

/* The key's columns stand first. Without INCLUDE the index has all others too, which nobody asked to see. */
static void map_columns(const struct object *object, struct catalog_index *index)
{
    uint16_t shown = 0;
    for (uint16_t c = 0; c < index->of->ncols; c++)
        shown += !index->of->cols[c].hidden;
    bool all = object->ncols == shown || object->ncols > INDEX_COLUMNS_MAX;
    index->nkey = object->npk;
    index->ncols = all ? object->npk : object->ncols;
    for (uint16_t c = 0; c < index->ncols; c++)
        index->columns[c] = wr_object_column(index->of, object->cols[c].id);
    index->key = index->columns;
}

bool wr_catalog_index(const struct catalog *catalog, const struct object *object, struct catalog_index *index)
{
    *index = (struct catalog_index){.oid = object->id};
    if (object->kind == OBJECT_INDEX) {
        snprintf(index->name, sizeof index->name, "%s", object->name);
        index->of = wr_catalog_get(catalog, object->deps[0]);
        map_columns(object, index);
        return true;
    }
    if (!wr_object_has_key(object))
        return false;
    index->oid = OID_INDEX_FIRST + (int64_t)object->id;
    snprintf(index->name, sizeof index->name, "%s_pkey", object->name);
    index->of = object;
    index->primary = true;
    index->nkey = index->ncols = object->npk;
    index->key = object->pk;
    return true;
}

void wr_index_columns(struct wr_buf *buf, const struct catalog_index *index, uint16_t from, uint16_t to)
{
    for (uint16_t k = from; k < to; k++)
        wr_buf_printf(buf, "%s%s", k > from ? ", " : "", index->of->cols[index->key[k]].name);
}

void wr_index_definition(struct wr_buf *buf, const struct catalog_index *index)
{
    wr_buf_printf(buf, "CREATE %sINDEX %s ON %s.%s USING btree (", index->primary ? "UNIQUE " : "", index->name,
                  index->of->schema, index->of->name);
    wr_index_columns(buf, index, 0, index->nkey);
    if (index->ncols > index->nkey) {
        wr_buf_puts(buf, ") INCLUDE (");
        wr_index_columns(buf, index, index->nkey, index->ncols);
    }
    wr_buf_byte(buf, ')');
}
