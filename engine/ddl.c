/* The catalog's storage, and DDL on the loop thread: a statement or a transaction is one commit, all or nothing.
 *
 * What can fail comes first and is undone: new objects are attached, writes checked. Then the commit is filled; what
 * fails from there on stops the database, which opens as it was before. */
#include "engine/ddl.h"

#include "base/failpoint.h"
#include "engine/backfill.h"
#include "engine/writes.h"

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

/* ---- drop */

static bool listed(const uint32_t *ids, size_t n, uint32_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* "view v depends on table t", a line each. */
static void tell(struct wr_buf *out, const struct object *dependent, const struct object *on)
{
    wr_buf_printf(out, "%s%s %s depends on %s %s", out->len ? "\n" : "", wr_object_kind_name(dependent->kind),
                  dependent->name, wr_object_kind_name(on->kind), on->name);
}

static bool refuse_drop(const struct object *object, size_t wanted, struct wr_buf *told, struct wr_error *err)
{
    if (wanted == 1)
        wr_fail(err, ERR_DEPENDENT_OBJECTS, "cannot drop %s %s because other objects depend on it",
                wr_object_kind_name(object->kind), object->name);
    else
        wr_fail(err, ERR_DEPENDENT_OBJECTS, "cannot drop desired object(s) because other objects depend on them");
    wr_fail_detail(err, "%s", wr_buf_cstr(told));
    return wr_fail_hint(err, "Use DROP ... CASCADE to drop the dependent objects too.");
}

bool wr_ddl_add_dependents(const struct catalog *catalog, uint32_t *ids, size_t *n, size_t max, bool cascade,
                           struct wr_error *err)
{
    size_t wanted = *n;
    struct wr_buf told = WR_BUF_INIT; /* what keeps them from going */
    bool ok = true;
    for (size_t i = 0; i < *n && ok; i++) {
        size_t count = wr_catalog_dependents(catalog, ids[i], NULL, 0);
        uint32_t *dependents = wr_calloc(count + 1, sizeof *dependents);
        wr_catalog_dependents(catalog, ids[i], dependents, count);
        for (size_t d = 0; d < count && ok; d++) {
            if (listed(ids, *n, dependents[d]))
                continue;
            const struct object *dependent = wr_catalog_get(catalog, dependents[d]);
            if (dependent->kind != OBJECT_INDEX) /* an index goes with its table */
                tell(&told, dependent, wr_catalog_get(catalog, ids[i]));
            ok = *n < max || wr_fail(err, ERR_PROGRAM_LIMIT, "too many dependent objects");
            if (ok)
                ids[(*n)++] = dependents[d];
        }
        free(dependents);
    }
    if (ok && told.len && !cascade)
        ok = refuse_drop(wr_catalog_get(catalog, ids[0]), wanted, &told, err);
    wr_buf_free(&told);
    return ok;
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
    }
    char prefix[32];
    int len = snprintf(prefix, sizeof prefix, "offset/%u/", id);
    wr_store_scan(db->store, prefix, (size_t)len, delete_meta, db);
    len = snprintf(prefix, sizeof prefix, "sink/%u", id);
    wr_commit_delete(db->commit, prefix, (size_t)len);
    wr_catalog_remove(db, id);
}

/* What goes, with all that depends on it. */
struct drops {
    uint32_t ids[DROPPED_MAX];
    size_t n;
};

static bool find_drops(weir_db *db, const struct ddl *ddl, struct drops *drops, struct wr_error *err)
{
    if (ddl->ndropped > DROPPED_MAX)
        return wr_fail(err, ERR_PROGRAM_LIMIT, "too many objects to drop at once");
    if (ddl->ndropped)
        memcpy(drops->ids, ddl->dropped, sizeof *drops->ids * ddl->ndropped);
    drops->n = ddl->ndropped;
    for (size_t i = 0; i < drops->n; i++)
        if (!wr_catalog_get(db->catalog, drops->ids[i]))
            return wr_fail(err, ERR_UNDEFINED_TABLE, "the object was dropped meanwhile");
    TRY(wr_ddl_add_dependents(db->catalog, drops->ids, &drops->n, DROPPED_MAX, ddl->cascade, err));
    for (size_t i = 0; i < drops->n; i++) {
        const struct object *object = wr_catalog_get(db->catalog, drops->ids[i]);
        if (object->creating)
            return wr_fail(err, ERR_LOCKED, "\"%s\" is still being created", object->name);
    }
    if (drops->n)
        qsort(drops->ids, drops->n, sizeof *drops->ids, id_cmp_desc); /* readers before what they read */
    return true;
}

/* ---- create */

static bool created_here(const struct ddl *ddl, uint32_t id)
{
    for (size_t i = 0; i < ddl->ncreated; i++)
        if (ddl->created[i]->id == id)
            return true;
    return false;
}

static bool dropped_here(const struct ddl *ddl, uint32_t id)
{
    return listed(ddl->dropped, ddl->ndropped, id);
}

bool wr_ddl_check_names(weir_db *db, const struct ddl *ddl, struct wr_error *err)
{
    for (size_t i = 0; i < ddl->ncreated; i++) {
        const struct object *object = ddl->created[i];
        const struct object *there = wr_catalog_find(db->catalog, object->schema, object->name);
        if (there && there->id != object->id && !dropped_here(ddl, there->id))
            return wr_fail(err, ERR_DUPLICATE_TABLE, "relation \"%s\" already exists", object->name);
        for (uint16_t d = 0; d < object->ndeps; d++)
            if (!created_here(ddl, object->deps[d]) &&
                (!wr_catalog_get(db->catalog, object->deps[d]) || dropped_here(ddl, object->deps[d])))
                return wr_fail(err, ERR_UNDEFINED_TABLE, "a relation read by \"%s\" was dropped", object->name);
    }
    return true;
}

/* The new objects' live ones, as they come to life. */
struct births {
    struct live **lives; /* by object; NULL: plain views */
    size_t n;            /* made */
    size_t attached;
};

static bool make_lives(weir_db *db, const struct ddl *ddl, struct births *births, struct wr_error *err)
{
    for (; births->n < ddl->ncreated; births->n++) {
        const struct object *object = ddl->created[births->n];
        struct live **live = &births->lives[births->n];
        if (wr_object_has_query(object))
            *live = ddl->backfill->lives[births->n];
        else if (object->kind != OBJECT_VIEW)
            TRY(wr_live_new(db, db->catalog, object, db->workers, live, err));
    }
    return true;
}

static bool attach_lives(weir_db *db, struct births *births, struct wr_error *err)
{
    for (; births->attached < births->n; births->attached++) {
        struct live *live = births->lives[births->attached];
        if (live && !wr_live_attach(db, live, err))
            return false;
    }
    return true;
}

/* All that was made is taken down again, what was begun last first. */
static void undo_births(weir_db *db, const struct ddl *ddl, struct births *births)
{
    for (size_t i = births->n; i-- > 0;) {
        if (i >= births->attached)
            wr_live_free(births->lives[i]);
        else if (births->lives[i])
            wr_live_detach(db, births->lives[i]);
        if (ddl->backfill)
            ddl->backfill->lives[i] = NULL;
    }
}

static bool prepare(weir_db *db, const struct ddl *ddl, struct births *births, struct wr_error *err)
{
    TRY(wr_ddl_check_names(db, ddl, err));
    TRY(!ddl->backfill || wr_backfill_complete(ddl->backfill, err));
    TRY(make_lives(db, ddl, births, err));
    TRY(attach_lives(db, births, err));
    return wr_writes_check_here(db, ddl->writes, ddl->nwrites, err);
}

/* ---- all of it */

static struct catalog *replace(struct catalog *old, struct catalog *with)
{
    wr_catalog_release(old);
    return with;
}

static bool fill_commit(weir_db *db, const struct ddl *ddl, const struct drops *drops, const struct births *births,
                        struct catalog **catalog, struct wr_error *err)
{
    for (size_t i = 0; i < drops->n; i++)
        TRY(wr_errors_forget(db, wr_catalog_get(db->catalog, drops->ids[i])->name, err));
    for (size_t i = 0; i < drops->n; i++) {
        drop_one(db, drops->ids[i]);
        *catalog = replace(*catalog, wr_catalog_without(*catalog, drops->ids[i]));
    }
    TRY(!ddl->backfill || wr_backfill_hand_over(ddl->backfill, err));
    for (size_t i = 0; i < ddl->ncreated; i++) {
        struct object stored = *ddl->created[i];
        stored.creating = stored.uncommitted = false;
        if (births->lives[i] && births->lives[i]->query_plan)
            stored.plan_hash = wr_plan_hash(births->lives[i]->query_plan);
        if (births->lives[i])
            wr_live_drop_copies(db, births->lives[i]);
        wr_catalog_put(db, &stored);
        *catalog = replace(*catalog, wr_catalog_with(*catalog, &stored));
    }
    return wr_writes_apply_here(db, ddl->writes, ddl->nwrites, err);
}

bool wr_ddl_apply(weir_db *db, void *argument, struct wr_error *err)
{
    const struct ddl *ddl = argument;
    struct drops drops;
    TRY(find_drops(db, ddl, &drops, err));
    struct births births = {.lives = wr_calloc(ddl->ncreated + 1, sizeof *births.lives)};
    if (!prepare(db, ddl, &births, err)) {
        undo_births(db, ddl, &births);
        free(births.lives);
        return false;
    }
    struct catalog *catalog = wr_catalog_retain(db->catalog);
    bool ok = fill_commit(db, ddl, &drops, &births, &catalog, err);
    free(births.lives);
    wr_failpoint(FP_DDL);
    if (ok) {
        wr_loop_set_catalog(db, catalog);
        return true;
    }
    wr_catalog_release(catalog);
    wr_db_fail(db, err);
    return false;
}
