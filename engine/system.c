/* System relations: their objects in the catalog, and how their rows get into a scan. */
#include "engine/system.h"

#include "catalog/oids.h"

#include <stdio.h>

#define COLUMNS_MAX 64

static const struct system_relations *const groups[] = {&wr_system_weir, &wr_system_pg, &wr_system_schema};

static bool push(struct system_rows *rows)
{
    if (rows->ok && rows->batch && rows->batch->nrows) {
        if (rows->deferred) {
            struct held_batch *held = wr_held_copy(&rows->db->pool_queries, rows->batch);
            held->next = rows->kept;
            rows->kept = held;
        } else {
            rows->ok = wr_op_step(rows->scan, 0, rows->batch);
        }
    }
    rows->batch = NULL;
    wr_arena_release(&rows->arena, (struct wr_mark){0});
    return rows->ok;
}

void wr_system_add(struct system_rows *rows, const struct datum *values)
{
    if (!rows->ok)
        return;
    if (!rows->batch) {
        struct type *types = wr_arena_alloc(&rows->arena, sizeof *types * (rows->object->ncols + 1u));
        for (uint16_t c = 0; c < rows->object->ncols; c++)
            types[c] = rows->object->cols[c].type;
        rows->batch = wr_batch_new(&rows->arena, types, rows->object->ncols, 256);
        rows->batch->nrows = 0;
    }
    uint32_t row = rows->batch->nrows;
    for (uint16_t c = 0; c < rows->object->ncols; c++) {
        struct datum value = values[c];
        value.type = rows->object->cols[c].type;
        if (!value.null && wr_type_info(value.type.id)->phys == PHYS_STR)
            value.str = wr_str(wr_arena_strndup(&rows->arena, value.str.data, value.str.len), value.str.len);
        wr_column_set(&rows->arena, &rows->batch->cols[c], row, 256, &value);
    }
    if (++rows->batch->nrows == 256)
        push(rows);
}

struct collect_call {
    struct system_rows *rows;
    void (*fill)(struct system_rows *rows);
};

static bool on_loop(weir_db *db, void *argument, struct wr_error *err)
{
    struct collect_call *call = argument;
    call->fill(call->rows);
    return true;
}

void wr_system_from_loop(struct system_rows *rows, void (*fill)(struct system_rows *))
{
    struct collect_call call = {rows, fill};
    struct wr_error err = WR_ERROR_INIT;
    rows->deferred = true;
    bool ok = wr_loop_call(rows->db, on_loop, &call, false, &err);
    push(rows);
    rows->deferred = false;
    if (!ok) {
        rows->scan->worker->error = err;
        rows->ok = false;
    }
    while (rows->kept) {
        struct held_batch *held = rows->kept;
        rows->kept = held->next;
        if (rows->ok)
            rows->ok = wr_op_step(rows->scan, 0, &held->batch);
        wr_held_release(held);
    }
}

/* ---- their objects */

/* Reads one word of a column list; false at the end of the item. */
static bool word(const char **at, char *out, size_t size)
{
    *at += strspn(*at, " ");
    size_t len = strcspn(*at, " ,");
    snprintf(out, size, "%.*s", (int)len, *at);
    *at += len;
    return len > 0;
}

static void read_columns(const char *list, struct object *object)
{
    for (const char *at = list; *at; at += *at == ',') {
        char name[64], type[32], key[8];
        struct object_column *col = &object->cols[object->ncols];
        if (!word(&at, name, sizeof name) || !word(&at, type, sizeof type) || !wr_type_by_name(type, &col->type) ||
            object->ncols == COLUMNS_MAX)
            __builtin_trap(); /* a slip in a table of ours: the first start shows it */
        col->id = object->ncols + 1u;
        col->name = strdup(name);
        if (word(&at, key, sizeof key) && !strcmp(key, "unique"))
            object->unique |= (uint64_t)1 << object->ncols;
        if (!strcmp(key, "key")) {
            col->not_null = true;
            object->pk[object->npk++] = object->ncols;
        }
        object->ncols++;
    }
}

static void add_object(struct catalog **catalog, uint32_t id, const struct system_relation *relation)
{
    struct object_column cols[COLUMNS_MAX] = {0};
    uint16_t pk[COLUMNS_MAX];
    struct object object = {.id = id,
                            .kind = OBJECT_SYSTEM,
                            .schema = relation->schema,
                            .name = relation->name,
                            .cols = cols,
                            .pk = pk,
                            .definition = relation->doc};
    struct object_option empty = {OBJECT_EMPTY_OPTION, "none"};
    if (!relation->fill) {
        object.noptions = 1;
        object.options = &empty;
    }
    read_columns(relation->columns, &object);
    struct catalog *with = wr_catalog_with(*catalog, &object);
    wr_catalog_release(*catalog);
    *catalog = with;
    for (uint16_t c = 0; c < object.ncols; c++)
        free((char *)cols[c].name);
}

void wr_catalog_add_system(struct catalog **catalog)
{
    uint32_t id = OBJECT_SYSTEM_FIRST;
    for (size_t g = 0; g < WR_COUNT(groups); g++)
        for (size_t r = 0; r < groups[g]->n; r++)
            add_object(catalog, id++, &groups[g]->rows[r]);
}

static const struct system_relation *relation_of(uint32_t id)
{
    size_t at = id - OBJECT_SYSTEM_FIRST, g = 0;
    while (at >= groups[g]->n)
        at -= groups[g++]->n;
    return &groups[g]->rows[at];
}

bool wr_system_feed(weir_db *db, weir_session *session, struct catalog *catalog, struct op *scan,
                    const struct object *object)
{
    const struct system_relation *relation = relation_of(object->id);
    struct system_rows rows = {
        .db = db, .session = session, .catalog = catalog, .scan = scan, .object = object, .ok = true};
    if (!relation->fill)
        return true;
    wr_arena_init(&rows.arena, NULL);
    relation->fill(&rows);
    push(&rows);
    wr_arena_reset(&rows.arena);
    return rows.ok;
}
