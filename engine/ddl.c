/* The catalog's storage, and DDL on the loop thread: each statement is one commit, all or nothing. */
#include "engine/ddl.h"

#include "base/failpoint.h"

#include <stdio.h>

/* ---- storage: meta record "object/<id>" */

static int object_key(char *key, size_t size, uint32_t id)
{
    return snprintf(key, size, "object/%010u", id);
}

void wr_catalog_put(weir_db *db, const struct object *object)
{
    char key[32];
    int len = object_key(key, sizeof key, object->id);
    struct wr_buf value = WR_BUF_INIT;
    wr_object_encode(&value, object);
    wr_commit_put(db->commit, key, (size_t)len, value.data, value.len);
    wr_buf_free(&value);
    db->dirty = true;
}

void wr_catalog_remove(weir_db *db, uint32_t id)
{
    char key[32];
    int len = object_key(key, sizeof key, id);
    wr_commit_delete(db->commit, key, (size_t)len);
    db->dirty = true;
}

void wr_catalog_publish(weir_db *db, struct catalog *catalog)
{
    pthread_mutex_lock(&db->lock);
    struct catalog *old = db->catalog;
    db->catalog = catalog;
    pthread_mutex_unlock(&db->lock);
    wr_catalog_release(old);
}

struct catalog *wr_catalog_current(weir_db *db)
{
    pthread_mutex_lock(&db->lock);
    struct catalog *catalog = wr_catalog_retain(db->catalog);
    pthread_mutex_unlock(&db->lock);
    return catalog;
}

struct load {
    struct catalog *catalog;
    struct wr_error *err;
    bool ok;
};

static bool load_object(void *context, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct load *load = context;
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    struct object *object = NULL;
    load->ok = wr_object_decode(&arena, value, value_len, &object, load->err);
    if (load->ok) {
        struct catalog *with = wr_catalog_with(load->catalog, object);
        wr_catalog_release(load->catalog);
        load->catalog = with;
    }
    wr_arena_reset(&arena);
    return load->ok;
}

bool wr_catalog_load(weir_db *db, struct catalog **catalog, struct wr_error *err)
{
    struct load load = {.catalog = *catalog, .err = err, .ok = true};
    wr_store_scan(db->store, "object/", 7, load_object, &load);
    *catalog = load.catalog;
    return load.ok;
}

/* ---- create */

static const struct object *numbered(struct wr_arena *arena, const struct object *object, uint32_t id)
{
    struct object *copy = WR_NEW(arena, struct object);
    *copy = *object;
    copy->id = id;
    return copy;
}

/* Tables, sources and plain views: nothing to catch up with. */
bool wr_ddl_create(weir_db *db, void *argument, struct wr_error *err)
{
    struct ddl_create *create = argument;
    const struct object *object = create->object;
    if (wr_catalog_find(db->catalog, object->schema, object->name))
        return wr_fail(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", object->name);
    for (uint16_t d = 0; d < object->ndeps; d++)
        if (!wr_catalog_get(db->catalog, object->deps[d]))
            return wr_fail(err, ERR_UNDEFINED_TABLE, "a relation read by \"%s\" was dropped", object->name);
    struct wr_arena arena;
    wr_arena_init(&arena, NULL);
    object = numbered(&arena, object, db->next_object++);
    bool ok = true;
    if (object->kind != OBJECT_VIEW) {
        struct live *live = NULL;
        ok = wr_live_new(db, db->catalog, object, db->workers, &live, err);
        if (ok && !wr_live_attach(db, live, err)) {
            wr_live_detach(db, live);
            wr_live_free(live);
            ok = false;
        }
    }
    if (ok) {
        wr_catalog_put(db, object);
        wr_failpoint(FP_DDL);
        ok = wr_loop_commit_sync(db, err);
    }
    if (ok)
        wr_catalog_publish(db, wr_catalog_with(db->catalog, object));
    wr_arena_reset(&arena);
    return ok;
}

/* ---- drop */

static bool listed(const uint32_t *ids, size_t n, uint32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static const char *kind_name(enum object_kind kind)
{
    switch (kind) {
    case OBJECT_TABLE:
        return "table";
    case OBJECT_SOURCE:
        return "source";
    case OBJECT_VIEW:
        return "view";
    case OBJECT_MATERIALIZED_VIEW:
        return "materialized view";
    case OBJECT_SINK:
        return "sink";
    default:
        return "system relation";
    }
}

/* Add all that depends on the listed objects; without CASCADE that is an error. */
static bool add_dependents(weir_db *db, uint32_t *ids, size_t *n, size_t max, bool cascade, struct wr_error *err)
{
    for (size_t i = 0; i < *n; i++) {
        uint32_t dependents[256];
        size_t count = wr_catalog_dependents(db->catalog, ids[i], dependents, WR_COUNT(dependents));
        for (size_t d = 0; d < count; d++) {
            if (listed(ids, *n, dependents[d]))
                continue;
            const struct object *object = wr_catalog_get(db->catalog, ids[i]);
            const struct object *dependent = wr_catalog_get(db->catalog, dependents[d]);
            if (!cascade) {
                wr_fail(err, ERR_DEPENDENT_OBJECTS, "cannot drop %s %s because other objects depend on it",
                        kind_name(object->kind), object->name);
                wr_fail_detail(err, "%s %s depends on %s %s", kind_name(dependent->kind), dependent->name,
                               kind_name(object->kind), object->name);
                return wr_fail_hint(err, "Use DROP ... CASCADE to drop the dependent objects too.");
            }
            if (*n == max)
                return wr_fail(err, ERR_PROGRAM_LIMIT, "too many dependent objects");
            ids[(*n)++] = dependents[d];
        }
    }
    return true;
}

static int id_cmp_desc(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x < y) - (x > y);
}

static void drop_trace(weir_db *db, uint32_t object, uint32_t ordinal, enum trace_kind kind)
{
    wr_commit_drop_trace(db->commit, wr_trace_open(db->store, (uint64_t)object << 16 | ordinal, kind));
}

static void drop_plan_traces(weir_db *db, uint32_t object, const struct plan *plan)
{
    for (uint16_t s = 0; s < plan->nstates; s++)
        drop_trace(db, object, plan->first_state + s, TRACE_ZSET);
    for (uint16_t i = 0; i < plan->ninputs; i++)
        drop_plan_traces(db, object, plan->inputs[i]);
}

static bool delete_meta(void *context, const void *key, size_t key_len, const void *value, size_t value_len)
{
    weir_db *db = context;
    wr_commit_delete(db->commit, key, key_len);
    return true;
}

static void drop_one(weir_db *db, uint32_t id)
{
    struct live *live = wr_live_find(db, id);
    if (live) {
        wr_live_detach(db, live);
        if (live->plan)
            drop_plan_traces(db, id, live->plan);
        if (live->relation && live->object->kind != OBJECT_SINK && live->object->kind != OBJECT_SOURCE)
            drop_trace(db, id, RELATION_STATE, live->relation->is_table ? TRACE_UPSERT : TRACE_ZSET);
        if (live->object->kind == OBJECT_SINK)
            wr_commit_log_truncate(db->commit, id, UINT64_MAX);
        wr_live_free(live);
    }
    char prefix[32];
    int len = snprintf(prefix, sizeof prefix, "offset/%u/", id);
    wr_store_scan(db->store, prefix, (size_t)len, delete_meta, db);
    len = snprintf(prefix, sizeof prefix, "sink/%u", id);
    wr_commit_delete(db->commit, prefix, (size_t)len);
    wr_catalog_remove(db, id);
}

bool wr_ddl_drop(weir_db *db, void *argument, struct wr_error *err)
{
    struct ddl_drop *drop = argument;
    size_t n = drop->n;
    uint32_t ids[1024];
    if (n > WR_COUNT(ids))
        return wr_fail(err, ERR_PROGRAM_LIMIT, "too many objects to drop at once");
    memcpy(ids, drop->ids, sizeof *ids * n);
    for (size_t i = 0; i < n; i++)
        if (!wr_catalog_get(db->catalog, ids[i]))
            return wr_fail(err, ERR_UNDEFINED_TABLE, "the object was dropped meanwhile");
    TRY(add_dependents(db, ids, &n, WR_COUNT(ids), drop->cascade, err));
    for (size_t i = 0; i < n; i++)
        if (wr_catalog_get(db->catalog, ids[i])->creating)
            return wr_fail(err, ERR_LOCKED, "\"%s\" is still being created", wr_catalog_get(db->catalog, ids[i])->name);
    for (size_t i = 0; i < n; i++)
        TRY(wr_errors_forget(db, wr_catalog_get(db->catalog, ids[i])->name, err));
    qsort(ids, n, sizeof *ids, id_cmp_desc); /* readers before what they read */
    struct catalog *catalog = wr_catalog_retain(db->catalog);
    for (size_t i = 0; i < n; i++) {
        struct catalog *without = wr_catalog_without(catalog, ids[i]);
        wr_catalog_release(catalog);
        catalog = without;
    }
    /* nobody new finds them; snapshots taken before keep their data */
    wr_catalog_publish(db, catalog);
    for (size_t i = 0; i < n; i++)
        drop_one(db, ids[i]);
    wr_failpoint(FP_DDL);
    return wr_loop_commit_sync(db, err);
}
