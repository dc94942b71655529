/* Live objects: what the catalog says, running. A live object has a dataflow per worker whose root is its relation
 * (table, source, materialized view) or its sink; dataflows hang on the roots of what they read. */
#include "connectors/options.h"
#include "engine/engine.h"
#include "engine/sink_key.h"

#include <stdio.h>

/* ---- storage of relations */

static void relation_columns(struct wr_arena *arena, struct relation *relation, const struct object *object)
{
    uint16_t n = object->ncols;
    struct type *types = WR_NEW_ARRAY(arena, struct type, n + 1);
    const char **names = WR_NEW_ARRAY(arena, const char *, n + 1);
    bool *not_null = WR_NEW_ARRAY(arena, bool, n + 1);
    for (uint16_t c = 0; c < n; c++) {
        types[c] = object->cols[c].type;
        names[c] = object->cols[c].name;
        not_null[c] = object->cols[c].not_null;
        if (object->cols[c].hidden)
            relation->has_row_id = true;
    }
    relation->ncols = n;
    relation->types = types;
    relation->names = names;
    relation->not_null = not_null;
    relation->layout = wr_row_layout_new(arena, types, n);
}

static void relation_key(struct wr_arena *arena, struct relation *relation, const uint16_t *columns, uint16_t n)
{
    relation->nkey = n;
    relation->key = WR_NEW_ARRAY(arena, struct key_column, n + 1);
    for (uint16_t k = 0; k < n; k++)
        relation->key[k].column = columns[k];
}

struct relation *wr_relation_of(struct wr_arena *arena, const struct object *object)
{
    struct relation *relation = WR_NEW(arena, struct relation);
    relation->object = object->id;
    relation->name = object->name;
    relation->is_table = object->kind == OBJECT_TABLE;
    relation->trace_id = (uint64_t)object->id << 16 | RELATION_STATE;
    relation_columns(arena, relation, object);
    relation->hash_ids =
        relation->is_table && relation->has_row_id && object->format && !strcmp(object->format, "DEBEZIUM");
    relation_key(arena, relation, object->pk, object->npk);
    return relation;
}

struct relation *wr_relation_of_sink(struct wr_arena *arena, const struct object *object, const struct plan *plan)
{
    struct relation *relation = WR_NEW(arena, struct relation);
    relation->object = object->id;
    relation->name = object->name;
    struct type *types = WR_NEW_ARRAY(arena, struct type, plan->ncols + 1);
    const char **names = WR_NEW_ARRAY(arena, const char *, plan->ncols + 1);
    bool *not_null = WR_NEW_ARRAY(arena, bool, plan->ncols + 1);
    for (uint16_t c = 0; c < plan->ncols; c++) {
        types[c] = plan->cols[c].type;
        names[c] = plan->cols[c].name;
        not_null[c] = !plan->cols[c].nullable;
    }
    relation->ncols = plan->ncols;
    relation->types = types;
    relation->names = names;
    relation->not_null = not_null;
    relation->layout = wr_row_layout_new(arena, types, plan->ncols);
    return relation;
}

/* ---- planning */

bool wr_live_plan(weir_db *db, struct catalog *catalog, const struct object *object, struct wr_arena *arena,
                  struct plan **plan, const char *text, struct wr_error *err)
{
    struct io_settings io = {.timezone = wr_timezone_find(object->timezone ? object->timezone : "UTC")};
    struct planner planner = {.arena = arena,
                              .catalog = catalog,
                              .io = &io,
                              .streaming = true,
                              .multi_worker = db->nworkers > 1,
                              .version = object->plan_version,
                              .stored = object,
                              .disabled_passes = object->disabled_passes,
                              .text = text ? text : object->query};
    TRY(wr_plan_bind_text(&planner, object->query, plan, err));
    return wr_plan_optimize(&planner, plan, err);
}

/* An exchange on top of a plan is worked off later than those below: its id is smaller than theirs (op_exchange.c),
 * which start at 1 (physical.c). */
#define ID_TOP_EXCHANGE 0
#define ID_TOP_ROW      0xfff0 /* node and state of the one row per claimed key */
#define ID_ROW_KEY      0xfff1

/* An exchange on top of a plan: by the key, by all columns where there is none. */
static struct plan *exchange_on(struct wr_arena *arena, struct plan *input, const struct sink_key *key, uint32_t id)
{
    struct plan *plan = wr_plan_new(arena, PLAN_EXCHANGE, input->ncols, 1);
    memcpy(plan->cols, input->cols, sizeof *plan->cols * input->ncols);
    plan->inputs[0] = input;
    plan->id = id;
    plan->exchange.nkeys = key->kind == SINK_KEY_COLUMNS ? key->n : input->ncols;
    plan->exchange.keys = WR_NEW_ARRAY(arena, uint16_t, plan->exchange.nkeys + 1);
    for (uint16_t k = 0; k < plan->exchange.nkeys; k++)
        plan->exchange.keys[k] = key->kind == SINK_KEY_COLUMNS ? key->columns[k] : k;
    return plan;
}

/* Of the rows that share a claimed key the first. */
static struct plan *one_row_per_key(weir_db *db, struct live *live, const struct sink_key *key)
{
    struct plan *plan = live->plan;
    struct plan *topn = wr_plan_new(&live->arena, PLAN_TOPN, plan->ncols, 1);
    memcpy(topn->cols, plan->cols, sizeof *plan->cols * plan->ncols);
    topn->inputs[0] = db->nworkers > 1 ? exchange_on(&live->arena, plan, key, ID_TOP_EXCHANGE) : plan;
    topn->id = topn->first_state = ID_TOP_ROW;
    topn->nstates = 1;
    topn->topn.npartition = key->n;
    topn->topn.partition = key->columns;
    topn->topn.limit = 1;
    return topn;
}

/* The columns __key and __ordinal behind the others; they become the key. */
static struct plan *row_key(struct live *live, struct plan *plan, struct sink_key *key)
{
    struct plan *rowkey = wr_plan_new(&live->arena, PLAN_PROJECT, (uint16_t)(plan->ncols + 2), 1);
    memcpy(rowkey->cols, plan->cols, sizeof *plan->cols * plan->ncols);
    rowkey->cols[plan->ncols] = (struct plan_column){.name = "__key", .type = TYPE(TYPE_TEXT)};
    rowkey->cols[plan->ncols + 1] = (struct plan_column){.name = "__ordinal", .type = TYPE(TYPE_INT8)};
    rowkey->inputs[0] = plan;
    rowkey->id = rowkey->first_state = ID_ROW_KEY;
    rowkey->nstates = 1;
    key->n = 2;
    key->columns = WR_NEW_ARRAY(&live->arena, uint16_t, 2);
    key->columns[0] = plan->ncols;
    key->columns[1] = (uint16_t)(plan->ncols + 1);
    return rowkey;
}

/* The rows a sink sends have one owner per key: exchange on the key, and one live row per key where the key is only
 * claimed. */
static bool sink_plan(weir_db *db, struct live *live, bool needs_log, struct wr_error *err)
{
    if (!needs_log) { /* nobody will ask which row was which */
        live->relation = wr_relation_of_sink(&live->arena, live->object, live->plan);
        return true;
    }
    struct sink_key key;
    TRY(wr_sink_key(&live->arena, live->object, live->plan, &key, err));
    live->sink_key = key.kind;
    struct plan *plan = live->plan;
    if (key.kind == SINK_KEY_COLUMNS && !key.proven)
        plan = one_row_per_key(db, live, &key);
    else if (db->nworkers > 1)
        plan = exchange_on(&live->arena, plan, &key, ID_TOP_EXCHANGE);
    if (key.kind == SINK_KEY_ROW)
        plan = row_key(live, plan, &key);
    live->plan = plan;
    live->relation = wr_relation_of_sink(&live->arena, live->object, live->plan);
    relation_key(&live->arena, live->relation, key.columns, key.n);
    live->relation->single_row = key.kind == SINK_KEY_COLUMNS && !key.n;
    return true;
}

/* ---- building */

static const struct op_class op_source_root;

static bool source_step(struct op *op, unsigned port, const struct batch *batch)
{
    return wr_op_emit(op, batch);
}

static const struct op_class op_source_root = {.name = "source", .step = source_step};

static bool build_flow(weir_db *db, struct live *live, struct worker *worker, struct dataflow **out,
                       struct wr_error *err)
{
    bool bag = live->object->kind == OBJECT_SINK && live->plan->kind == PLAN_PROJECT && live->plan->id == ID_ROW_KEY;
    const struct plan *plan = bag ? live->plan->inputs[0] : live->plan;
    struct dataflow *flow = wr_dataflow_new(worker, live->id, plan, &live->io, err);
    if (!flow)
        return false;
    const struct op_class *cls = NULL;
    void *argument = live->relation;
    switch (live->object->kind) {
    case OBJECT_TABLE:
        cls = &op_table;
        break;
    case OBJECT_SOURCE:
        cls = &op_source_root;
        argument = NULL;
        break;
    case OBJECT_INDEX:
        cls = &op_index;
        break;
    case OBJECT_SINK:
        cls = &op_sink;
        argument = &live->sink_input;
        break;
    default:
        cls = &op_materialize;
    }
    bool ok = (!bag || wr_dataflow_append(flow, &op_rowkey, live->plan, NULL, err)) &&
              wr_dataflow_append(flow, cls, live->plan, argument, err) != NULL;
    if (!ok) {
        wr_dataflow_free(flow);
        return false;
    }
    *out = flow;
    return true;
}

bool wr_live_new(weir_db *db, struct catalog *catalog, const struct object *object, struct worker *workers,
                 struct live **out, struct wr_error *err)
{
    struct live *live = wr_calloc(1, sizeof *live);
    wr_arena_init(&live->arena, NULL);
    live->id = object->id;
    live->object = object = wr_object_copy(&live->arena, object);
    live->io.timezone = wr_timezone_find(object->timezone ? object->timezone : "UTC");
    bool ok = true;
    if (wr_object_has_query(object))
        ok = wr_live_plan(db, catalog, object, &live->arena, &live->plan, NULL, err);
    live->query_plan = live->plan;
    if (ok && object->kind == OBJECT_SINK) {
        const struct sink_class *cls = wr_sink_class(wr_option_get(object, "connector"));
        ok = sink_plan(db, live, cls && cls->needs_log, err);
        live->sink_input =
            (struct sink_input){.relation = live->relation, .log_id = object->id, .needs_log = cls && cls->needs_log};
    } else if (ok) {
        live->relation = wr_relation_of(&live->arena, object);
        if (live->plan && !live->relation->nkey)
            live->relation->single_row = live->plan->props.nkeys && !live->plan->props.keys[0].n;
    }
    for (uint32_t w = 0; ok && w < db->nworkers; w++)
        ok = build_flow(db, live, &workers[w], &live->flows[w], err);
    if (!ok) {
        wr_live_free(live);
        return false;
    }
    *out = live;
    return true;
}

void wr_live_free(struct live *live)
{
    if (!live)
        return;
    for (uint32_t w = 0; w < WORKERS_MAX; w++)
        wr_dataflow_free(live->flows[w]);
    wr_arena_reset(&live->arena);
    free(live);
}

/* ---- attaching */

struct live *wr_live_find(weir_db *db, uint32_t id)
{
    uint32_t lo = 0, hi = db->nlive;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (db->live[mid]->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < db->nlive && db->live[lo]->id == id ? db->live[lo] : NULL;
}

static void insert_live(weir_db *db, struct live *live)
{
    if (db->nlive == db->live_cap) {
        db->live_cap = db->live_cap ? db->live_cap * 2 : 16;
        db->live = wr_realloc(db->live, db->live_cap * sizeof *db->live);
    }
    uint32_t at = db->nlive;
    while (at > 0 && db->live[at - 1]->id > live->id)
        at--;
    memmove(&db->live[at + 1], &db->live[at], (db->nlive - at) * sizeof *db->live);
    db->live[at] = live;
    db->nlive++;
}

static bool load_offset(void *context, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct live_source *input = context;
    struct wr_reader r = wr_reader_of(value, value_len);
    int32_t partition = (int32_t)wr_get_u32be(&r);
    int64_t next = (int64_t)wr_get_u64be(&r);
    if (!r.ok)
        return true;
    input->offsets = wr_realloc(input->offsets, (input->noffsets + 1) * sizeof *input->offsets);
    input->offsets[input->noffsets++] = (struct partition_offset){.partition = partition, .next = next, .end = -1};
    return true;
}

struct source_config wr_source_config_of(weir_db *db, const struct object *object)
{
    return (struct source_config){.object = object,
                                  .pool = &db->pool_queues,
                                  .queue_bytes_max = wr_source_queue_max(db),
                                  .queued_bytes = &db->source_queue_bytes,
                                  .queued_bytes_max = wr_source_queues_max(db),
                                  .client_bytes_max = atomic_load(&db->client_bytes_max),
                                  .client_pool = &db->pool_clients,
                                  .embedded_broker = db->broker ? wr_embedded_broker_bootstrap(db->broker) : NULL,
                                  .wake = wr_db_wake,
                                  .wake_context = db,
                                  .log = wr_db_log_line,
                                  .log_context = db};
}

bool wr_live_start_source(weir_db *db, struct live *live, struct wr_error *err)
{
    const char *connector = wr_option_get(live->object, "connector");
    if (!connector || live->input)
        return true;
    const struct source_class *cls = wr_source_class(connector);
    if (!cls)
        return wr_fail(err, ERR_INVALID_PARAMETER, "connector \"%s\" does not exist", connector);
    struct live_source *input = wr_calloc(1, sizeof *input);
    input->object = live->id;
    input->cls = cls;
    char prefix[32];
    int len = snprintf(prefix, sizeof prefix, "offset/%u/", live->id);
    wr_store_scan(db->store, prefix, (size_t)len, load_offset, input);
    wr_client_share(db);
    struct source_config config = wr_source_config_of(db, live->object);
    config.npartitions = input->noffsets;
    config.partitions = input->offsets;
    if (!cls->open(&config, &input->source, err)) {
        free(input->offsets);
        free(input);
        return false;
    }
    live->input = input;
    return true;
}

static void forget_offsets(weir_db *db, struct live *live)
{
    for (uint32_t p = 0; live->input && p < live->input->noffsets; p++) {
        char key[64];
        int len = snprintf(key, sizeof key, "offset/%u/%d", live->id, live->input->offsets[p].partition);
        wr_commit_delete(db->commit, key, (size_t)len);
    }
}

void wr_live_release_source(weir_db *db, struct live *source)
{
    if (--source->readers)
        return;
    forget_offsets(db, source);
    if (!source->input)
        return;
    source->input->next = db->detached_sources;
    db->detached_sources = source->input;
    source->input = NULL;
}

/* Calls for each scan of a relation; worker 0 stands for all where something is to be done once. */
static bool each_scan(weir_db *db, struct live *live,
                      bool (*visit)(weir_db *, struct live *from, struct op *scan, uint32_t worker, struct wr_error *),
                      struct wr_error *err)
{
    for (uint32_t w = 0; w < db->nworkers; w++) {
        struct dataflow *flow = live->flows[w];
        for (uint32_t s = 0; s < flow->nscans; s++) {
            struct op *scan = flow->scans[s];
            struct live *from = scan->plan->kind == PLAN_SCAN ? wr_live_find(db, scan->plan->scan.object) : NULL;
            if (scan->plan->kind == PLAN_SCAN && !visit(db, from, scan, w, err))
                return false;
        }
    }
    return true;
}

static bool is_running(weir_db *db, struct live *from, struct op *scan, uint32_t w, struct wr_error *err)
{
    return from || wr_fail(err, ERR_INTERNAL, "relation %u is not running", scan->plan->scan.object);
}

static bool connect_scan(weir_db *db, struct live *from, struct op *scan, uint32_t w, struct wr_error *err)
{
    wr_op_connect(from->flows[w]->root, scan, 0);
    from->readers += !w && from->object->kind == OBJECT_SOURCE;
    return true;
}

static bool start_scanned(weir_db *db, struct live *from, struct op *scan, uint32_t w, struct wr_error *err)
{
    return w || from->object->kind != OBJECT_SOURCE || wr_live_start_source(db, from, err);
}

static bool disconnect_scan(weir_db *db, struct live *from, struct op *scan, uint32_t w, struct wr_error *err)
{
    if (!from)
        return true;
    wr_op_disconnect(from->flows[w]->root, scan);
    if (!w && from->object->kind == OBJECT_SOURCE)
        wr_live_release_source(db, from);
    return true;
}

static bool share_side(weir_db *db, struct live *live, uint32_t at, unsigned side, struct wr_error *err)
{
    const struct plan *scan = live->flows[0]->ops[at]->plan->inputs[side];
    struct live *from = wr_live_find(db, scan->scan.object);
    if (!from)
        return wr_fail(err, ERR_INTERNAL, "\"%s\" read by \"%s\" is not running", scan->scan.name, live->object->name);
    struct trace *copy = NULL;
    for (uint32_t w = 0; w < db->nworkers; w++)
        copy = wr_join_read_shared(live->flows[w]->ops[at], side, from->flows[w]->root);
    if (copy)
        live->copies[live->ncopies++] = copy;
    return true;
}

/* Joins that read a table or index instead of keeping its rows: it stands still now. What a backfill kept goes when the
 * state is handed over. */
static bool share_state(weir_db *db, struct live *live, struct wr_error *err)
{
    live->copies = WR_NEW_ARRAY(&live->arena, struct trace *, 2 * live->flows[0]->nops + 1);
    for (uint32_t i = 0; i < live->flows[0]->nops; i++)
        for (unsigned side = 0; side < 2; side++) {
            const struct op *op = live->flows[0]->ops[i];
            if (op->cls == &op_join && (op->plan->join.shared & (1u << side)))
                TRY(share_side(db, live, i, side, err));
        }
    return true;
}

void wr_live_drop_copies(weir_db *db, struct live *live)
{
    for (uint32_t i = 0; i < live->ncopies; i++) {
        struct version *version = wr_trace_current(live->copies[i]);
        if (!wr_version_is_empty(version))
            wr_commit_drop_trace(db->commit, live->copies[i]);
        wr_version_release(version);
    }
    live->ncopies = 0;
}

/* Out of the graph and the list of what runs. */
static void unhang(weir_db *db, struct live *live)
{
    struct wr_error none = WR_ERROR_INIT;
    (void)!each_scan(db, live, disconnect_scan, &none);
    for (uint32_t i = 0; i < db->nlive; i++)
        if (db->live[i] == live) {
            memmove(&db->live[i], &db->live[i + 1], (db->nlive - i - 1) * sizeof *db->live);
            db->nlive--;
            break;
        }
}

bool wr_live_attach(weir_db *db, struct live *live, struct wr_error *err)
{
    TRY(each_scan(db, live, is_running, err));
    (void)!each_scan(db, live, connect_scan, err);
    insert_live(db, live);
    bool ok = share_state(db, live, err) && each_scan(db, live, start_scanned, err);
    if (ok && live->object->kind == OBJECT_TABLE)
        ok = wr_live_start_source(db, live, err);
    if (ok && live->object->kind == OBJECT_SINK)
        ok = wr_sink_runner_start(db, live, &live->sink, err);
    if (!ok)
        unhang(db, live);
    return ok;
}

void wr_live_detach(weir_db *db, struct live *live)
{
    if (live->sink) {
        wr_sink_runner_ask(live->sink);
        pthread_mutex_lock(&db->lock);
        db->ending_sinks++;
        pthread_mutex_unlock(&db->lock);
    }
    unhang(db, live);
    live->next_detached = db->detached;
    db->detached = live;
}
