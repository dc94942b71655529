/* CREATE MATERIALIZED VIEW and CREATE SINK as statements of their own: jobs that can be watched, cancelled, left to a
 * thread (background_ddl) and resumed by the next start.
 *
 * The name is reserved first, by a commit of its own in which the catalog says "creating"; a backfill follows; the
 * commit that carries the state ends it (ddl.c). A failure takes the reservation back. */
#include "base/failpoint.h"
#include "base/thread.h"
#include "engine/backfill.h"
#include "engine/ddl.h"

/* ---- what is under way */

void wr_backfill_each(weir_db *db, void (*visit)(void *, const struct object *, const struct backfill_progress *),
                      void *context)
{
    pthread_mutex_lock(&db->lock);
    for (struct backfill *bf = db->backfills; bf; bf = bf->next) {
        struct backfill_progress p = {atomic_load(&bf->rows_done), atomic_load(&bf->rows_total)};
        for (uint32_t i = 0; i < bf->n; i++)
            if (wr_object_has_query(bf->objects[i]))
                visit(context, bf->objects[i], &p);
    }
    pthread_mutex_unlock(&db->lock);
}

static bool creates(const struct backfill *bf, uint32_t object)
{
    for (uint32_t i = 0; i < bf->n; i++)
        if (bf->objects[i]->id == object)
            return true;
    return false;
}

static bool under_way(weir_db *db, uint32_t object)
{
    for (struct backfill *bf = db->backfills; bf; bf = bf->next)
        if (creates(bf, object))
            return true;
    return false;
}

/* Both flags, under db->lock: while a backfill is listed its session is still inside the statement, whose flag the
 * operators look at between any two batches. */
static void ask_to_stop(struct backfill *bf)
{
    atomic_store(&bf->own_cancel, true);
    atomic_store(bf->cancel, true);
}

void wr_backfill_cancel(weir_db *db, uint32_t object)
{
    pthread_mutex_lock(&db->lock);
    for (struct backfill *bf = db->backfills; bf; bf = bf->next)
        if (creates(bf, object))
            ask_to_stop(bf);
    while (under_way(db, object))
        pthread_cond_wait(&db->progress, &db->lock);
    pthread_mutex_unlock(&db->lock);
}

void wr_backfill_stop_all(weir_db *db)
{
    pthread_mutex_lock(&db->lock);
    for (struct backfill *bf = db->backfills; bf; bf = bf->next)
        ask_to_stop(bf);
    while (db->backfills)
        pthread_cond_wait(&db->progress, &db->lock);
    pthread_mutex_unlock(&db->lock);
}

/* ---- the reservation */

static bool reserve(weir_db *db, void *argument, struct wr_error *err)
{
    struct object *object = argument;
    const struct object *const created[] = {object};
    struct ddl ddl = {.created = created, .ncreated = 1};
    TRY(wr_ddl_check_names(db, &ddl, err));
    object->id = atomic_fetch_add(&db->next_object, 1);
    object->creating = true;
    wr_catalog_put(db, object);
    wr_failpoint(FP_DDL);
    wr_loop_set_catalog(db, wr_catalog_with(db->catalog, object));
    return true;
}

static bool take_back(weir_db *db, void *argument, struct wr_error *err)
{
    const struct object *object = argument;
    /* a server that stops leaves "creating" in the catalog: the next start resumes */
    if (db->stopping)
        return true;
    wr_catalog_remove(db, object->id);
    wr_loop_set_catalog(db, wr_catalog_without(db->catalog, object->id));
    return true;
}

/* ---- running */

static bool run_steps(struct backfill *bf, struct wr_error *err)
{
    struct catalog *catalog = wr_catalog_current(bf->db);
    bool ok = wr_backfill_prepare(bf, catalog, err);
    wr_catalog_release(catalog);
    struct ddl ddl = {.created = bf->objects, .ncreated = 1, .backfill = bf};
    return ok && wr_loop_ddl(bf->db, wr_ddl_apply, &ddl, err);
}

static bool run(struct backfill *bf, struct wr_error *err)
{
    bool ok = run_steps(bf, err);
    struct wr_error ignored = WR_ERROR_INIT;
    if (!ok)
        (void)!wr_loop_ddl(bf->db, take_back, (void *)bf->objects[0], &ignored);
    return ok;
}

/* An object with an id is resumed: its name is reserved already. */
static struct backfill *begin(weir_db *db, const struct object *object, atomic_bool *cancel, struct wr_error *err)
{
    struct object reserved = *object;
    if (!reserved.id && !wr_loop_ddl(db, reserve, &reserved, err))
        return NULL;
    return wr_backfill_new(db, &(const struct object *){&reserved}, 1, cancel);
}

bool wr_backfill_run(weir_db *db, const struct object *object, atomic_bool *cancel, struct wr_error *err)
{
    struct backfill *bf = begin(db, object, cancel, err);
    bool ok = bf && run(bf, err);
    if (bf)
        wr_backfill_end(bf);
    return ok;
}

static void *spawned_main(void *argument)
{
    struct backfill *bf = argument;
    struct wr_error err = WR_ERROR_INIT;
    if (!run(bf, &err) && !bf->db->stopping)
        wr_db_log(bf->db, "creating %s failed: %s: %s", bf->objects[0]->name, err.sqlstate, err.message);
    wr_backfill_end(bf);
    return NULL;
}

bool wr_backfill_spawn(weir_db *db, const struct object *object, struct wr_error *err)
{
    struct backfill *bf = begin(db, object, NULL, err);
    if (!bf)
        return false;
    pthread_t thread;
    if (wr_thread_start(&thread, spawned_main, bf, true))
        return true;
    struct wr_error ignored = WR_ERROR_INIT;
    (void)!wr_loop_ddl(db, take_back, (void *)bf->objects[0], &ignored);
    wr_backfill_end(bf);
    return wr_fail(err, ERR_OUT_OF_MEMORY, "could not start a thread for the backfill");
}
